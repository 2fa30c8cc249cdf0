-- Rules that show names at work, where a line says more than the text. Each stands on the pages of all its names; a spec
-- loads every one as `perigee check` would. They stand in a site with domainlist.local_domains, hostlist.relay_from,
-- routers and the transports mailbox and remote_smtp.

-- ---- the site

example { of = { "option main listen", "option main primary_hostname", "option main qualify_domain" }, code = [[
site {
  primary_hostname = "mx.example.org",
  qualify_domain   = "example.org",
  listen           = { "0.0.0.0:25", "[::]:25" },
}]] }
example { of = { "option main user", "option main group", "option main workers" }, code = [[
site { user = "perigee", group = "mail", workers = 4 }]] }
example { of = { "option main local_delivery_roots", "option main local_delivery_programs" }, code = [[
site { local_delivery_roots = { "/var/mail", "/home" }, local_delivery_programs = "/usr/lib/perigee/filters" }]] }
example { of = { "option main smtp_banner" }, code = [[
site { smtp_banner = function(m) return m.primary_hostname .. " ESMTP: no advertisements, please" end }]] }
example { of = { "option main message_size_limit", "var message_size" }, code = [[
site { message_size_limit = "50M" }
acl.data(function(m)
  if m.message_size > 5 * 1024 * 1024 and not check.hosts("+relay_from") then return deny("552 5.3.4 more than 5 MB: please send a link") end
end)]] }
example { of = { "option main log_selector" }, code = [[
site { log_selector = "+millisec +receive_time +delivery_size -queue_time" }]] }
example { of = { "option main smtp_accept_max", "option main smtp_accept_max_per_host", "option main smtp_accept_reserve",
                 "option main smtp_reserve_hosts" }, code = [[
-- a thousand connections, twenty from one address; the last hundred are for our own hosts
site { smtp_accept_max = 1000, smtp_accept_max_per_host = 20, smtp_accept_reserve = 100, smtp_reserve_hosts = "+relay_from" }]] }
example { of = { "option main recipients_max", "option main recipients_max_reject" }, code = [[
site { recipients_max = 100, recipients_max_reject = true }]] }
example { of = { "option main delay_warning", "option main delay_warning_condition" }, code = [[
-- after four hours and a day, and never to lists
site {
  delay_warning           = { "4h", "24h" },
  delay_warning_condition = function(m) return not m.header.list_id end,
}]] }
example { of = { "option main ignore_bounce_errors_after", "option main timeout_frozen_after", "option main auto_thaw" }, code = [[
site { ignore_bounce_errors_after = "2d", timeout_frozen_after = "7d", auto_thaw = "6h" }]] }
example { of = { "option main hold_domains", "option main queue_domains" }, code = [[
-- the first are not tried at all, the second only when the queue is run
site { hold_domains = "moving.example", queue_domains = "*.slow.example" }]] }
example { of = { "option main received_header_text" }, code = [[
-- without the name and address of clients who logged in
site { received_header_text = function(m)
  return ("by %s with %s id %s; %s"):format(m.primary_hostname, m.received_protocol, m.message_exim_id, m.tod_full)
end }]] }
example { of = { "option main helo_verify_hosts", "option main helo_try_verify_hosts", "verify helo" }, code = [[
site { helo_try_verify_hosts = "*" }
acl.mail { warn { not_verify = "helo", add_header = "X-Helo: does not lead to the client" } }]] }
example { of = { "option main auth_advertise_hosts" }, code = [[
-- our own hosts need not log in, and are not asked to
site { auth_advertise_hosts = "! +relay_from : *" }]] }
example { of = { "option main callout_positive_expire", "option main callout_negative_expire" }, code = [[
site { callout_positive_expire = "1d", callout_negative_expire = "1h" }]] }
example { of = { "option main queue_only_load", "option main smtp_accept_queue" }, code = [[
site { queue_only_load = "8", smtp_accept_queue = 500 }]] }
example { of = { "option main smtp_enforce_sync", "control no_enforce_sync" }, code = [[
-- one old device that says everything at once
acl.connect { warn { hosts = "192.0.2.77", control = "no_enforce_sync" } }]] }

-- ---- ACLs: verbs

example { of = { "verb accept", "verb deny", "condition domains", "condition hosts" }, code = [[
acl.rcpt {
  accept { hosts = "+relay_from" },
  deny   { domains = "! +local_domains", message = "550 5.7.1 relay not permitted" },
  accept {},
}]] }
example { of = { "verb demand", "verify recipient" }, code = [[
acl.rcpt {
  demand { verify = "recipient", message = "550 5.1.1 no such user here" },
}]] }
example { of = { "verb warn", "modifier add_header", "modifier log_message" }, code = [[
acl.data {
  warn { senders = ":", add_header = "X-Bounce: yes", log_message = "a bounce" },
}]] }
example { of = { "verb defer", "modifier message" }, code = [[
acl.rcpt {
  defer { local_parts = "moving-*", message = function(m) return "451 4.2.1 " .. m.local_part .. " moves house until Monday" end },
}]] }
example { of = { "verb drop", "condition sender_domains" }, code = [[
acl.mail { drop { sender_domains = "spam.example", message = "550 5.7.1 go away" } }]] }
example { of = { "verb discard", "condition local_parts" }, code = [[
-- the sender is told that all is well, and nobody gets it
acl.rcpt { discard { local_parts = "noreply", log_message = "for nobody" } }]] }

-- ---- ACLs: conditions

example { of = { "condition acl", "var acl_arg1" }, code = [[
acl.sub.too_many(function(m) return m.recipients_count > tonumber(m.acl_arg1) and accept() or deny() end)
acl.rcpt { defer { acl = "too_many 20", message = "452 4.5.3 send them in smaller groups" } }]] }
example { of = { "condition authenticated", "control submission", "var authenticated_id" }, code = [[
acl.rcpt { accept { authenticated = "*", control = "submission", logwrite = function(m) return "from " .. m.authenticated_id end } }]] }
example { of = { "condition condition", "var recipients_count" }, code = [[
acl.data { deny { senders = ":", condition = function(m) return m.recipients_count > 1 end, message = "550 5.5.3 a bounce has one recipient" } }]] }
example { of = { "condition dnslists", "var dnslist_domain", "var dnslist_matched", "var dnslist_text", "var dnslist_value" }, code = [[
acl.rcpt {
  deny { dnslists = "zen.example : bl.example=127.0.0.2,127.0.0.3",
         message = function(m)
           return "550 5.7.1 " .. m.dnslist_matched .. " is in " .. m.dnslist_domain .. ": " .. (m.dnslist_text or m.dnslist_value)
         end },
}]] }
example { of = { "condition ratelimit", "var sender_rate", "var sender_rate_limit", "var sender_rate_period" }, code = [[
acl.mail {
  defer { not_hosts = "+relay_from", ratelimit = "20 / 1h / strict",
          message = function(m) return "450 4.7.1 " .. m.sender_rate .. " in " .. m.sender_rate_period .. " is too much" end },
}]] }
example { of = { "condition seen" }, code = [[
acl.rcpt {
  defer { not_seen = { "-5m", key = function(m) return m.sender_host_address .. " " .. m.sender_address end },
          message = "451 4.7.1 please try again in five minutes" },
}]] }
example { of = { "condition regex", "var regex_match_string" }, code = [==[
acl.data { deny { regex = [[(?i)^subject:.*\blottery\b]], message = "550 5.7.1 we have won enough" } }]==] }
example { of = { "condition mime_regex", "var mime_anomaly_level", "var mime_anomaly_text" }, code = [[
acl.mime {
  deny { mime_regex = "^MZ", message = "550 5.7.1 no programs, please" },
  deny { condition = function(m) return m.mime_anomaly_level >= 3 end, message = function(m) return "550 5.6.0 " .. m.mime_anomaly_text end },
}]] }
example { of = { "condition decode", "var mime_decoded_filename" }, code = [[
acl.mime { warn { decode = "default", logwrite = function(m) return "part in " .. tostring(m.mime_decoded_filename) end } }]] }
example { of = { "condition senders" }, code = [[
addresslist.unwanted = { "*@spam.example", "^bounce-[0-9]+@" }
acl.mail { deny { senders = "+unwanted", message = "550 5.7.1 no, thank you" } }]] }
example { of = { "condition recipients" }, code = [[
acl.rcpt { deny { recipients = "board@example.org", not_hosts = "+relay_from", message = "550 5.7.1 from inside only" } }]] }
example { of = { "condition verify", "verify sender", "var sender_verify_failure", "var acl_verify_message" }, code = [[
acl.mail {
  deny { not_hosts = "+relay_from", not_verify = "sender", message = "550 5.1.8 your sender address cannot be answered",
         log_message = function(m) return tostring(m.sender_verify_failure) .. ": " .. tostring(m.acl_verify_message) end },
}]] }
example { of = { "verify header_syntax", "verify header_sender", "verify header_names_ascii" }, code = [[
acl.data { deny { not_verify = { "header_syntax", "header_names_ascii" }, message = "550 5.6.0 the header is damaged" } }
acl.data { deny { not_verify = "header_sender", message = "550 5.1.8 no address in the header can be answered" } }]] }
example { of = { "verify reverse_host_lookup" }, code = [[
acl.connect { warn { not_verify = "reverse_host_lookup", set = { acl_c_nameless = true } } }]] }

-- ---- ACLs: modifiers and controls

example { of = { "modifier set", "family acl_c_*", "family acl_m_*" }, code = [[
acl.helo { warn { condition = function(m) return not m.sender_helo_name:find(".", 1, true) end, set = { acl_c_bare = true } } }
acl.mail(function(m) m.acl_m_bare = m.acl_c_bare and m.sender_helo_name end)
acl.data { warn { condition = function(m) return m.acl_m_bare end, add_header = function(m) return "X-Bare-Helo: " .. m.acl_m_bare end } }]] }
example { of = { "modifier delay" }, code = [[
acl.rcpt { deny { domains = "! +local_domains", not_hosts = "+relay_from", delay = "10s", message = "550 5.7.1 relay not permitted" } }]] }
example { of = { "modifier logwrite" }, code = [[
acl.connect { warn { logwrite = { function(m) return "from " .. m.sender_host_address end, ":reject:and into the reject log" } } }]] }
example { of = { "modifier queue", "var queue_name" }, code = [[
acl.rcpt { warn { senders = "*-bounces@*", queue = "bulk" } }]] }
example { of = { "modifier remove_header" }, code = [[
acl.data { warn { not_hosts = "+relay_from", remove_header = { "X-Spam-Flag", "X-Internal" } } }]] }
example { of = { "control freeze", "control queue" }, code = [[
acl.data {
  warn { senders = "*@suspect.example", control = "freeze" },
  warn { senders = "*@bulk.example", control = "queue" },
}]] }
example { of = { "control fakereject", "control fakedefer" }, code = [[
-- taken, but the sender is told otherwise: for traps
acl.rcpt { warn { local_parts = "trap", control = "fakereject/550 5.1.1 no such user" } }]] }
example { of = { "control cutthrough_delivery" }, code = [[
acl.rcpt { warn { domains = "inside.example", control = "cutthrough_delivery/defer=pass" } }]] }
example { of = { "control caseful_local_part" }, code = [[
acl.rcpt { warn { domains = "legacy.example", control = "caseful_local_part" } }]] }
example { of = { "control suppress_local_fixups" }, code = [[
acl.rcpt { warn { hosts = "+relay_from", control = "suppress_local_fixups" } }]] }
example { of = { "control no_pipelining", "control no_multiline_responses" }, code = [[
acl.connect { warn { hosts = "192.0.2.77", control = { "no_pipelining", "no_multiline_responses" } } }]] }

-- ---- variables

example { of = { "var sender_host_address", "var sender_helo_name", "var primary_hostname" }, code = [[
acl.helo(function(m)
  if m.sender_helo_name == m.primary_hostname and not ip.within(m.sender_host_address, "192.0.2.0/24") then
    return deny("550 5.7.1 that is our name")
  end
end)]] }
example { of = { "var sender_address", "var sender_address_domain", "var sender_address_local_part" }, code = [[
acl.mail(function(m)
  if m.sender_address == "" then return end                       -- a bounce
  if m.sender_address_domain == "example.org" and m.sender_address_local_part == "noreply" then return deny("550 5.7.1 nobody is that") end
end)]] }
example { of = { "var local_part", "var domain" }, code = [[
acl.rcpt(function(m)
  if lookup.lsearch("/etc/aliases", m.local_part) == ":closed:" then return deny("550 5.2.1 " .. m.local_part .. "@" .. m.domain .. " is closed") end
end)]] }
example { of = { "family header", "family rheader", "family bheader" }, code = [[
acl.data(function(m)
  if not m.header.message_id then header.add("X-No-Message-ID: yes") end
  if m.header.subject and m.header.subject:find "%[SPAM%]" then return deny("550 5.7.1 you say so yourself") end
end)]] }
example { of = { "var authenticated_sender", "var sender_host_authenticated" }, code = [[
acl.mail(function(m)
  if m.sender_host_authenticated then logwrite(m.sender_host_authenticated .. " for " .. (m.authenticated_sender or "itself")) end
end)]] }
example { of = { "var mime_filenames", "var mime_filename" }, code = [[
acl.mime(function(m)
  for _, name in ipairs(m.mime_filenames) do
    if name:lower():find "%.exe%s*$" then return deny("550 5.7.1 no programs, please") end
  end
end)]] }
example { of = { "var mime_content_type", "var mime_content_size", "var mime_part_count" }, code = [[
acl.mime(function(m)
  if m.mime_content_type == "text/html" and m.mime_content_size > 500 then return deny("552 5.3.4 half a megabyte of HTML in part " .. m.mime_part_count) end
end)]] }
example { of = { "var smtp_command_history" }, code = [[
acl.notquit(function(m) logwrite("lost after " .. (m.smtp_command_history or "nothing")) end)]] }
example { of = { "var received_port", "var received_ip_address" }, code = [[
acl.rcpt(function(m)
  if m.received_port == 587 and not m.authenticated_id then return deny("530 5.7.0 please log in first") end
end)]] }
example { of = { "var tod_epoch", "var tod_full" }, code = [[
acl.rcpt(function(m)
  local first = store.get("met", m.sender_host_address)
  if not first then store.put("met", m.sender_host_address, m.tod_epoch, "30d") end
end)]] }
example { of = { "var message_body" }, code = [[
acl.data(function(m)
  if m.message_body and m.message_body:find("click here", 1, true) then header.add("X-Click: here") end
end)]] }

-- ---- routers

example { of = { "option router domains", "option router transport" }, code = [[
router.boxes { driver = "accept", domains = "+local_domains", transport = "mailbox" }]] }
example { of = { "option router data", "option router allow_fail", "option router allow_defer", "option router check_ancestor" }, code = [[
router.aliases { driver = "redirect", domains = "+local_domains", allow_fail = true, allow_defer = true, check_ancestor = true,
                 data = function(m) return lookup.lsearch("/etc/aliases", m.local_part) end }]] }
example { of = { "option router route_list", "option router hosts_randomize" }, code = [[
router.partners { driver = "manualroute", transport = "remote_smtp", hosts_randomize = true,
                  route_list = { "partner.example relay1.partner.example:relay2.partner.example", "*.lab.example 192.0.2.7::2525" } }]] }
example { of = { "option router route_data" }, code = [[
router.table { driver = "manualroute", transport = "remote_smtp", domains = "! +local_domains",
               route_data = function(m) return m.domain == "old.example" and "new.example" or nil end }]] }
example { of = { "option router ignore_target_hosts", "option router check_srv", "option router mx_domains" }, code = [[
router.out { driver = "dnslookup", domains = "! +local_domains", transport = "remote_smtp", check_srv = "smtp",
             mx_domains = "*.example", ignore_target_hosts = "127.0.0.0/8 : ::1" }]] }
example { of = { "option router local_part_suffix", "option router local_part_suffix_optional", "option router local_part_prefix",
                 "option router local_part_prefix_optional" }, code = [[
router.people { driver = "accept", domains = "+local_domains", transport = "mailbox",
                local_part_suffix = { "+*", "-*" }, local_part_suffix_optional = true,
                local_part_prefix = "real-", local_part_prefix_optional = true }]] }
example { of = { "option router unseen" }, code = [[
-- a copy of everything for the archive; the next routers deliver
router.archive { driver = "accept", domains = "+local_domains", transport = "mailbox", unseen = true }]] }
example { of = { "option router condition", "option router senders" }, code = [[
router.bulk { driver = "accept", domains = "+local_domains", transport = "mailbox", senders = "*-bounces@*",
              condition = function(m) return m.header.list_id ~= nil end }]] }
example { of = { "option router cannot_route_message", "option router more" }, code = [[
router.last { driver = "accept", domains = "+local_domains", local_parts = "postmaster", transport = "mailbox",
              more = false, cannot_route_message = "550 5.1.1 only postmaster is at home" }]] }
example { of = { "option router address_data", "option router set", "option router errors_to" }, code = [[
router.lists { driver = "accept", domains = "lists.example.org", transport = "mailbox",
               address_data = function(m) return "list " .. m.local_part end,
               errors_to = function(m) return m.local_part .. "-owner@example.org" end }]] }
example { of = { "option router check_local_user", "option router file", "option router file_transport", "option router pipe_transport",
                 "option router directory_transport" }, code = [[
router.forward { driver = "redirect", domains = "+local_domains", check_local_user = true, file = "~/.forward", check_ancestor = true,
                 file_transport = "saved", directory_transport = "saved", pipe_transport = "program" }
transport.saved   { driver = "appendfile" }
transport.program { driver = "pipe" }]] }
example { of = { "option router self" }, code = [[
router.out { driver = "dnslookup", domains = "! +local_domains", transport = "remote_smtp", self = "fail" }]] }

-- ---- transports

example { of = { "option transport maildir_format", "option transport delivery_date_add", "option transport envelope_to_add",
                 "option transport return_path_add", "option transport directory appendfile" }, code = [[
transport.boxes { driver = "appendfile", maildir_format = true, delivery_date_add = true, envelope_to_add = true, return_path_add = true,
                  directory = function(m) return path("/var/mail", m.domain, m.local_part) end }]] }
example { of = { "option transport quota", "option transport quota_warn_threshold", "option transport maildir_use_size_file" }, code = [[
transport.limited { driver = "appendfile", maildir_format = true, maildir_use_size_file = true,
                    directory = function(m) return path("/var/mail", m.domain, m.local_part) end,
                    quota = function(m) return m.local_part == "boss" and "10G" or "500M" end, quota_warn_threshold = "90%" }]] }
example { of = { "option transport command pipe", "option transport timeout pipe", "option transport return_fail_output",
                 "option transport temp_errors", "option transport user" }, code = [[
transport.list { driver = "pipe", command = { "/usr/lib/lists/post", "--list", "staff" }, user = "list", timeout = "2m",
                 return_fail_output = true, temp_errors = { 75, 73 } }]] }
example { of = { "option transport file appendfile", "option transport use_lockfile", "option transport mode appendfile" }, code = [[
transport.mbox { driver = "appendfile", file = function(m) return path("/var/mail", m.local_part) end, use_lockfile = true, mode = "0660" }]] }
example { of = { "option transport hosts_max_try", "option transport connect_timeout", "option transport connection_max_messages",
                 "option transport interface" }, code = [[
transport.slow { driver = "smtp", hosts_max_try = 3, connect_timeout = "20s", connection_max_messages = 50, interface = "192.0.2.1" }]] }
example { of = { "option transport hosts_require_auth", "option transport hosts", "option transport port",
                 "option authenticator client_username gsasl", "option authenticator client_password gsasl" }, code = [[
transport.smarthost { driver = "smtp", hosts = "smtp.provider.example", port = 587, hosts_require_auth = "*" }
authenticator.provider { driver = "gsasl", public_name = "SCRAM-SHA-256", client_username = "mx.example.org", client_password = "secret" }]] }
example { of = { "option transport headers_add", "option transport headers_remove", "option transport headers_rewrite",
                 "option transport return_path" }, code = [[
transport.partner { driver = "smtp", headers_remove = "X-Internal", headers_add = "X-From: example.org",
                    headers_rewrite = { { "*@inside.example.org", "$1@example.org", flags = "fr" } },
                    return_path = function(m) return "bounces+" .. m.message_exim_id .. "@example.org" end }]] }
example { of = { "option transport transport_filter", "option transport shadow_transport", "option transport shadow_condition" }, code = [[
transport.watched { driver = "appendfile", file = "/var/mail/all", transport_filter = { "/usr/lib/perigee/filters/stamp" },
                    shadow_transport = "copy", shadow_condition = function(m) return m.sender_address ~= "" end }
transport.copy    { driver = "appendfile", file = "/var/mail/copy" }]] }
example { of = { "option transport socket", "option transport batch_max lmtp" }, code = [[
transport.store { driver = "lmtp", socket = "/run/dovecot/lmtp", batch_max = 50 }]] }
example { of = { "option transport to", "option transport from", "option transport subject", "option transport text",
                 "option transport once", "option transport once_repeat" }, code = [[
transport.away { driver = "autoreply", to = function(m) return m.sender_address end, from = "Ann <ann@example.org>",
                 subject = function(m) return "Re: " .. (m.header.subject or "") end, text = "I am away until Monday.\n",
                 once = "/var/lib/perigee/away/ann", once_repeat = "7d" }]] }
example { of = { "option transport max_rcpt", "option transport multi_domain", "option transport max_parallel" }, code = [[
transport.one { driver = "smtp", max_rcpt = 1, multi_domain = false, max_parallel = 5 }]] }

-- ---- authenticators

example { of = { "option authenticator public_name", "option authenticator server_condition", "option authenticator server_set_id" }, code = [[
authenticator.plain { driver = "plaintext", public_name = "PLAIN",
  server_condition = function(m)
    local kept = lookup.lsearch("/etc/passwd", m.auth2)
    return kept ~= nil and crypto.password(m.auth3, kept)
  end,
  server_set_id = function(m) return m.auth2 end }]] }
example { of = { "option authenticator server_secret" }, code = [[
authenticator.cram { driver = "cram_md5", public_name = "CRAM-MD5",
  server_secret = function(m) return lookup.lsearch("/etc/passwd", m.auth1) end, server_set_id = function(m) return m.auth1 end }]] }

-- ---- events

example { of = { "event msg:delivery", "var event_data", "var event_name" }, code = [[
event.on("msg:delivery", function(m) store.incr("delivered", m.domain, "30d") end)]] }
example { of = { "event msg:host:defer", "var event_defer_errno" }, code = [[
event.on("msg:host:defer", function(m) logwrite(("%s did not take it (%d): %s"):format(m.host, m.event_defer_errno, m.event_data)) end)]] }
example { of = { "event tcp:connect", "var host_address" }, code = [[
event.on("tcp:connect", function(m)
  if ip.within(m.host_address, "198.51.100.0/24") then return "not to that network" end
end)]] }
example { of = { "event auth:fail" }, code = [[
event.on("auth:fail", function(m) store.incr("auth-failed", m.sender_host_address or "client", "1d") end)]] }
example { of = { "event msg:complete" }, code = [[
event.on("msg:complete", function(m) logwrite(m.message_exim_id .. " is done") end)]] }

-- ---- functions that need more than an expression

example { of = { "fn lookup.lsearch", "fn lookup.cdb" }, code = [[
acl.rcpt(function(m)
  local alias = lookup.lsearch("/etc/aliases", m.local_part)        -- nil: not there; cannot be read: 451
  local kept, why = lookup.try.cdb("/etc/perigee/users.cdb", m.local_part)
  if not kept and why.kind == "again" then logwrite("users.cdb: " .. why.text) end
  if not kept and not alias then return deny("550 5.1.1 no such user here") end
end)]] }
example { of = { "fn lookup.lmdb" }, code = [[
router.hosted { driver = "accept", transport = "mailbox",
                condition = function(m) return lookup.lmdb("/var/lib/hosted.mdb", m.domain, { partial = true }) ~= nil end }]] }
example { of = { "fn lookup.sqlite" }, code = [[
acl.rcpt(function(m)
  -- every ? is a parameter: nothing in it is ever SQL
  local quota = lookup.sqlite("/var/lib/users.db", "select quota from users where name = ?", { m.local_part })
  if not quota then return deny("550 5.1.1 no such user here") end
end)]] }
example { of = { "fn lookup.dnsdb" }, code = [[
acl.helo(function(m)
  m.acl_c_policy = lookup.dnsdb(">; txt=?", { "_policy." .. m.sender_helo_name }, { defer = "never" })
end)]] }
example { of = { "fn lookup.cidr", "fn lookup.iplsearch" }, code = [[
acl.connect(function(m)
  if lookup.cidr("/etc/networks", m.sender_host_address) == "blocked" then return deny("550 5.7.1 not from there") end
end)]] }
example { of = { "fn lookup.passwd" }, code = [[
acl.rcpt(function(m)
  local user = lookup.passwd(m.local_part)
  if user and user.uid < 1000 then return deny("550 5.1.1 " .. user.name .. " reads no mail") end
end)]] }
example { of = { "fn dns.mx" }, code = [[
acl.mail(function(m)
  local hosts, why = dns.try.mx(m.sender_address_domain)
  if not hosts and why.kind == "again" then logwrite("MX of the sender: " .. why.text) end
end)]] }
example { of = { "fn dns.ptr" }, code = [[
acl.connect(function(m)
  local names = dns.ptr(m.sender_host_address)
  if not names then return defer("451 4.7.1 your address has no name") end
end)]] }
example { of = { "fn store.get", "fn store.put", "fn store.incr", "fn store.del" }, code = [[
acl.auth(function(m)
  if (store.get("auth-failed", m.sender_host_address) or 0) > 20 then return deny("535 5.7.8 not today") end
end)
event.on("auth:fail", function(m) store.incr("auth-failed", m.sender_host_address or "client", "1d") end)]] }
example { of = { "fn header.add", "fn header.remove" }, code = [[
acl.data(function(m)
  header.remove("X-Checked-By")
  header.add("X-Checked-By: " .. m.primary_hostname)
end)]] }
example { of = { "fn route.to", "fn redirect", "fn fail", "fn pass" }, code = [[
router.odd(function(m)
  if m.domain ~= "example.org" then return pass() end
  if m.local_part == "old" then return redirect("new@example.org") end
  if m.local_part == "gone" then return fail("550 5.1.6 gone, and no new address") end
  return route.to { host = "192.0.2.9:2525", transport = "remote_smtp" }
end)]] }
example { of = { "fn path" }, code = [[
transport.boxes { driver = "appendfile", maildir_format = true,
                  directory = function(m) return path("/var/mail", m.domain, m.local_part) end }]] }
example { of = { "fn verify.sender" }, code = [[
acl.rcpt(function(m)
  local yes, why = verify.try.sender(m.sender_address, { callout = { time = "5s" } })
  if yes == nil then logwrite("sender not checked: " .. why.text) end
  if yes == false then return deny("550 5.1.8 " .. tostring(m.sender_verify_failure)) end
end)]] }
example { of = { "fn rewrite.rule" }, code = [[
rewrite.rule { "*@old.example", "$1@new.example", flags = "Ffrs" }]] }
example { of = { "fn sleep", "fn udpsend" }, code = [[
acl.notquit(function(m) udpsend("192.0.2.53", 5140, "lost " .. m.sender_host_address) end)
acl.helo(function(m)
  if m.sender_helo_name == "localhost" then sleep("5s") end
end)]] }
example { of = { "fn mime.parts", "fn mime.content" }, code = [[
acl.data(function(m)
  for _, part in ipairs(mime.parts()) do
    if part.type == "text/html" and mime.content(part):find("<script", 1, true) then header.add("X-Script: yes") end
  end
end)]] }
