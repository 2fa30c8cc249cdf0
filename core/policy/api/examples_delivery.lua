-- Examples of what routers, transports and authenticators are told. Where the pretended receivers see it they are run; what
-- is written to disk or done by a program is for the specs of core/local, and these are loaded.

local function mail(to, text)
  return ("C: MAIL FROM:<bob@there.example>\nS: 250\nC: RCPT TO:<%s>\nS: 250\nC: DATA\nS: 354\n%sC: .\n"):format(to,
    (text or "Subject: dinner\n\nat eight\n"):gsub("([^\n]*)\n", "C: %1\n"))
end
local SENT = "S: 250\nC: QUIT\nS: 221\n"
local FROM = "C: MAIL FROM:<bob@there.example>\nS: 250\n"

local function show(kind, names, code, run)
  local of = {}
  for name in names:gmatch "[^,]+" do of[#of + 1] = name:find "^%s*%l+ %S+%s*$" and kind == "" and name:match "^%s*(.-)%s*$" or kind .. name:match "^%s*(.-)%s*$" end
  example { of = of, code = code, run = run }
end
local function router(names, code, run) show("option router ", names, code, run) end
local function transport(names, code, run) show("option transport ", names, code, run) end
local function authenticator(names, code, run) show("option authenticator ", names, code, run) end

-- ---- routers: who is asked, and for what

router("local_parts, caseful_local_part, hosts", [[
router.staff { driver = "accept", hosts = "+relay_from : 203.0.113.9", local_parts = "Ann : Bob", caseful_local_part = true,
               transport = "mailbox" }]],
mail("Ann@example.org") .. SENT .. "expect: log R=staff\n")
router("verify, verify_recipient, verify_sender, verify_only, fail_verify, fail_verify_recipient, fail_verify_sender", [[
router.closed { driver = "accept", local_parts = "closed", verify_only = true, fail_verify_recipient = true, transport = "mailbox" }
router.robots { driver = "accept", local_parts = "robot", verify_only = true, fail_verify = true, fail_verify_sender = true, transport = "mailbox" }
router.asked  { driver = "accept", local_parts = "ann", verify = true, verify_recipient = true, verify_sender = false, transport = "mailbox" }
acl.rcpt { deny { not_verify = "recipient", message = "550 5.1.1 not here" } }]],
FROM .. "C: RCPT TO:<closed@example.org>\nS: 550 5.1.1 not here\nC: RCPT TO:<robot@example.org>\nS: 550 5.1.1 not here\nC: RCPT TO:<ann@example.org>\nS: 250\n")
router("address_test, expn", [[
router.secret { driver = "redirect", local_parts = "board", address_test = false, expn = false, data = "ann@example.org, bea@example.org" }]],
mail("board@example.org") .. SENT .. "expect: delivered 2\n")
router("require_files", [[
router.away { driver = "accept", domains = "+local_domains", require_files = { "/etc/passwd", "!/etc/nologin" }, transport = "mailbox" }]])
router("debug_print", [[
router.people { driver = "accept", domains = "+local_domains", transport = "mailbox",
                debug_print = function(m) return m.local_part .. " is one of us" end }]])
router("disable_logging, log_as_local", [[
router.quiet { driver = "accept", local_parts = "log-archive", transport = "mailbox", disable_logging = true }
router.aside { driver = "accept", local_parts = "ann", transport = "mailbox", log_as_local = false }]],
mail("log-archive@example.org") .. SENT .. "expect: not log => log-archive\n")
router("headers_add, headers_remove", [[
router.lists { driver = "accept", local_parts = "list", transport = "mailbox",
               headers_add = function(m) return { "Precedence: list", "X-List: " .. m.local_part } end, headers_remove = "Return-Receipt-To" }]],
mail("list@example.org", "Return-Receipt-To: bob@there.example\n\n") .. SENT .. "expect: message X-List: list\nexpect: message Precedence: list\nexpect: not message Return-Receipt-To\n")
router("user, group, initgroups, router_home_directory, transport_home_directory, transport_current_directory", [[
router.people { driver = "accept", domains = "+local_domains", transport = "mailbox", user = "nobody", group = "nogroup", initgroups = false,
                router_home_directory = function(m) return path("/home", m.local_part) end,
                transport_home_directory = "/var/empty", transport_current_directory = "/var/empty" }]])
router("pass_router, redirect_router", [[
router.tagged   { driver = "redirect", local_parts = "^.*[.]urgent$", redirect_router = "desk",
                  data = function(m) return (m.local_part:gsub("%.urgent$", "")) .. "@example.org" end }
router.rest     { driver = "manualroute", domains = "+local_domains", transport = "remote_smtp", route_data = "192.0.2.1",
                  pass_router = "desk", self = "pass" }
router.desk     { driver = "accept", domains = "+local_domains", transport = "mailbox" }]],
mail("ann.urgent@example.org") .. SENT .. "expect: log R=desk\n")
router("fallback_hosts", [[
router.out { driver = "dnslookup", domains = "! +local_domains", transport = "remote_smtp", fallback_hosts = { "192.0.2.2" } }]],
"peer: 192.0.2.1 refuse\npeer: 192.0.2.2\n" .. mail("cat@elsewhere.example") .. SENT .. "expect: peer 192.0.2.2 heard RCPT TO:<cat@elsewhere.example>\n")

-- ---- what routers and transports read of an address

example { of = { "var verify_mode", "var sender_address_data" }, code = [[
router.known { driver = "accept", domains = "there.example", transport = "mailbox", address_data = "an old friend",
               condition = function(m) logwrite("asked as " .. tostring(m.verify_mode)) return true end }
acl.mail { warn { verify = "sender" } }
acl.rcpt { warn { logwrite = function(m) return "comes from " .. m.sender_address_data end } }]],
run = FROM .. "C: RCPT TO:<ann@example.org>\nS: 250\nexpect: log asked as S\nexpect: log comes from an old friend\n" }
example { of = { "var parent_local_part", "var parent_domain", "var original_local_part", "var original_domain" }, code = [[
router.alias { driver = "redirect", local_parts = "office", data = "ann@example.org" }
router.boxes { driver = "accept", domains = "+local_domains", transport = "mailbox",
               condition = function(m)
                 if m.parent_domain then logwrite(("%s@%s, once %s"):format(m.parent_local_part, m.parent_domain, m.original_local_part)) end
                 return m.original_domain == "example.org"
               end }]],
run = mail("office@example.org") .. SENT .. "expect: log office@example.org, once office\n" }
example { of = { "var local_part_prefix", "var local_part_prefix_v" }, code = [[
router.tagged { driver = "accept", domains = "+local_domains", transport = "mailbox", local_part_prefix = "*-",
                condition = function(m) logwrite(m.local_part_prefix .. " for " .. m.local_part .. ", tag " .. m.local_part_prefix_v) return true end }]],
run = mail("shop-ann@example.org") .. SENT .. "expect: log shop- for ann, tag shop\n" }
example { of = { "var self_hostname" }, code = [[
router.ours  { driver = "dnslookup", domains = "branch.example", transport = "remote_smtp", self = "pass" }
router.found { driver = "accept", domains = "branch.example", transport = "mailbox",
               condition = function(m) logwrite("we are " .. m.self_hostname) return true end }]],
run = "zone: branch.example. MX 10 mx.example.org.\nzone: mx.example.org. A 127.0.0.1\n" .. mail("ann@branch.example") .. SENT
  .. "expect: log we are mx.example.org\n" }
example { of = { "var home", "var local_user_uid", "var local_user_gid" }, code = [[
router.users { driver = "accept", domains = "+local_domains", check_local_user = true, transport = "mailbox",
               condition = function(m) return m.local_user_uid == 0 and m.local_user_gid == 0 and m.home == "/root" end }]] }
example { of = { "var address_file", "var address_pipe" }, code = [[
router.saved { driver = "redirect", local_parts = "saved", data = "/mail/saved/", directory_transport = "store" }
router.told  { driver = "redirect", local_parts = "told", data = "|/usr/lib/perigee/tell", pipe_transport = "tell" }
transport.store { driver = "appendfile", maildir_format = true,
                  headers_add = function(m) return "X-Into: " .. tostring(m.address_file) end }
transport.tell  { driver = "pipe", environment = function(m) return { "WHAT=" .. tostring(m.address_pipe) } end }]],
run = mail("saved@example.org") .. SENT .. "expect: message X-Into: /mail/saved/\n" }
example { of = { "var received_for" }, code = [[
acl.data { warn { logwrite = function(m) return "for " .. tostring(m.received_for) end } }]],
run = mail("ann@example.org") .. "S: 250\nexpect: log for ann@example.org\n" }
example { of = { "var local_scan_data" }, code = [[
acl.data(function(m) m.acl_m_scan = "clean" end)
router.clean { driver = "accept", domains = "+local_domains", transport = "mailbox",
               condition = function(m) return m.local_scan_data == nil and m.acl_m_scan == "clean" end }]],
run = mail("ann@example.org") .. SENT .. "expect: log R=clean\n" }
example { of = { "var sending_ip_address", "var sending_port" }, code = [[
event.on("msg:delivery", function(m)
  if m.sending_ip_address then logwrite("went out from " .. m.sending_ip_address .. ":" .. m.sending_port) end
end)]] }

-- ---- routers: dnslookup, manualroute, queryprogram

router("ipv4_only, ipv4_prefer", [[
router.four { driver = "dnslookup", domains = "elsewhere.example", transport = "remote_smtp", ipv4_only = true }
router.out  { driver = "dnslookup", domains = "! +local_domains", transport = "remote_smtp",
              ipv4_prefer = function(m) return m.domain == "both.example" and "yes" or "no" end }]],
"zone: mx.elsewhere.example. AAAA 2001:db8::1\n" .. mail("cat@elsewhere.example") .. SENT .. "expect: log H=mx.elsewhere.example [192.0.2.1]\n")
router("check_secondary_mx", [[
router.backup { driver = "dnslookup", domains = "! +local_domains", transport = "remote_smtp", check_secondary_mx = true, self = "pass" }]],
mail("cat@elsewhere.example") .. SENT .. "expect: log R=last_out\n")
router("mx_fail_domains, srv_fail_domains, fail_defer_domains, pass_on_timeout", [[
router.out { driver = "dnslookup", domains = "! +local_domains", transport = "remote_smtp", check_srv = "smtp",
             mx_fail_domains = "old.example", srv_fail_domains = "*", fail_defer_domains = "young.example", pass_on_timeout = true }]],
mail("x@young.example") .. SENT .. "expect: queue 1\n")
router("widen_domains", [[
router.short { driver = "dnslookup", domains = "! +local_domains", transport = "remote_smtp", widen_domains = { "lab.example.org" } }]],
"zone: sun.lab.example.org. A 192.0.2.1\n" .. mail("ann@sun") .. SENT .. "expect: peer 192.0.2.1 heard RCPT TO:<ann@sun.lab.example.org>\n")
router("dnssec_require_domains", [[
router.out { driver = "dnslookup", domains = "! +local_domains", transport = "remote_smtp", dnssec_require_domains = "elsewhere.example" }]],
mail("cat@elsewhere.example") .. SENT .. "expect: delivered 0\nexpect: queue 1\n")
router("host_find_failed, host_all_ignored", [[
router.relay { driver = "manualroute", domains = "! +local_domains", transport = "remote_smtp", route_data = "gone.example:127.0.0.1",
               host_find_failed = "ignore", ignore_target_hosts = "127.0.0.0/8", host_all_ignored = "fail" }]],
mail("cat@elsewhere.example") .. SENT .. "expect: log ** cat@elsewhere.example\n")
router("command, command_user, command_group, current_directory, timeout", [[
router.asked { driver = "queryprogram", domains = "+local_domains", command_user = "perigee", command_group = "perigee",
               current_directory = "/var/lib/perigee", timeout = "10s",
               command = function(m) return { "/usr/lib/perigee/where", m.local_part, m.domain } end }]])

-- ---- routers: redirect

router("check_owner, check_group, owners, owngroups, modemask, ignore_eacces, ignore_enotdir", [[
router.forward { driver = "redirect", domains = "+local_domains", check_local_user = true, file = "~/.forward",
                 check_owner = true, check_group = true, owners = "root", owngroups = "staff", modemask = "022",
                 ignore_eacces = true, ignore_enotdir = true }]])
router("forbid_blackhole, forbid_file, forbid_pipe, forbid_include, include_directory", [[
router.strict { driver = "redirect", local_parts = "strict", forbid_blackhole = true, forbid_file = true, forbid_pipe = true,
                forbid_include = true, data = ":blackhole:" }
router.lists  { driver = "redirect", local_parts = "list", include_directory = "/etc/mail/lists",
                data = function(m) return ":include:/etc/mail/lists/" .. m.local_part end }]],
mail("strict@example.org") .. SENT .. "expect: delivered 0\nexpect: queue 1\n")
router("forbid_smtp_code", [[
router.gone { driver = "redirect", local_parts = "gone", allow_fail = true, forbid_smtp_code = true, data = ":fail: 551 5.1.6 no longer here" }
acl.rcpt { deny { not_verify = "recipient" } }]], FROM .. "C: RCPT TO:<gone@example.org>\nS: 550\n")
router("hide_child_in_errmsg, one_time, repeat_use", [[
router.staff { driver = "redirect", local_parts = "staff", data = "cat@elsewhere.example", hide_child_in_errmsg = true,
               one_time = true, repeat_use = false }]],
"peer: 192.0.2.1 rcpt 550 5.1.1 who?\nzone: there.example. MX 10 mx.there.example.\nzone: mx.there.example. A 192.0.2.2\npeer: 192.0.2.2\n"
  .. mail("staff@example.org") .. SENT .. "expect: peer 192.0.2.2 heard staff@example.org\n")
router("qualify_domain, qualify_preserve_domain", [[
router.old  { driver = "redirect", local_parts = "old", data = "ann", qualify_domain = "elsewhere.example" }
router.kept { driver = "redirect", local_parts = "kept", data = "bea", qualify_preserve_domain = true }]],
mail("old@example.org") .. SENT .. "expect: peer 192.0.2.1 heard RCPT TO:<ann@elsewhere.example>\n")
router("rewrite", [[
rewrite.rule { "cat@elsewhere.example", "dog@elsewhere.example", flags = "T" }
router.plain { driver = "redirect", local_parts = "plain", data = "cat@elsewhere.example", rewrite = false }]],
mail("plain@example.org") .. SENT .. "expect: peer 192.0.2.1 heard RCPT TO:<cat@elsewhere.example>\n")
router("skip_syntax_errors, syntax_errors_to, syntax_errors_text", [[
router.list { driver = "redirect", local_parts = "list", data = "ann@example.org, bea@@example.org", skip_syntax_errors = true,
              syntax_errors_to = "postmaster@example.org", syntax_errors_text = "An item of the list is damaged:" }]],
mail("list@example.org") .. SENT .. "expect: delivered ann@example.org via mailbox\nexpect: delivered postmaster@example.org via mailbox\n")

-- ---- transports: all of them

transport("body_only, headers_only, message_size_limit", [[
transport.mailbox2 { driver = "appendfile", file = "/mail/bodies", body_only = true, message_size_limit = "1M" }
transport.mailbox3 { driver = "appendfile", file = "/mail/headers", headers_only = true }]])
transport("current_directory, home_directory, group, initgroups", [[
transport.program { driver = "pipe", command = "/usr/lib/lists/post", user = "list", group = "list", initgroups = true,
                    home_directory = "/var/lib/lists", current_directory = "/var/lib/lists" }]])
transport("event_action", [[
transport.watched { driver = "smtp", event_action = function(m) if m.event_name == "msg:delivery" then logwrite("gone to " .. m.host) end end }
router.watched { driver = "dnslookup", domains = "! +local_domains", transport = "watched" }]],
mail("cat@elsewhere.example") .. SENT .. "expect: log gone to mx.elsewhere.example\n")
transport("disable_logging, rcpt_include_affixes", [[
transport.quiet { driver = "smtp", disable_logging = true, rcpt_include_affixes = true }
router.quiet { driver = "manualroute", route_data = "192.0.2.1", transport = "quiet", local_part_suffix = "+*" }]],
mail("ann+news@example.org") .. SENT .. "expect: not log =>\nexpect: peer 192.0.2.1 heard RCPT TO:<ann+news@example.org>\n")
transport("transport_filter_timeout", [[
transport.stamped { driver = "smtp", transport_filter = { "/usr/lib/perigee/filters/stamp" }, transport_filter_timeout = "30s" }]])

-- ---- transports: smtp and lmtp

local OUT = "router.out { driver = \"dnslookup\", domains = \"! +local_domains\", transport = \"out\" }"
transport("helo_data, hosts_avoid_esmtp", [[
transport.out { driver = "smtp", helo_data = function(m) return "out." .. m.primary_hostname end, hosts_avoid_esmtp = "192.0.2.0/24" }
]] .. OUT, mail("cat@elsewhere.example") .. SENT .. "expect: peer 192.0.2.1 heard HELO out.mx.example.org\n")
transport("hosts_avoid_pipelining, size_addition", [[
transport.out { driver = "smtp", hosts_avoid_pipelining = "*", size_addition = -1 }
]] .. OUT, "peer: 192.0.2.1 ehlo 250-hi\\r\\n250-PIPELINING\\r\\n250 SIZE\n" .. mail("cat@elsewhere.example") .. SENT
  .. "expect: delivered 1\nexpect: not peer 192.0.2.1 heard SIZE=\n")
transport("hosts_override, hosts_randomize, fallback_hosts smtp", [[
transport.out { driver = "smtp", hosts = "192.0.2.3:192.0.2.4", hosts_override = true, hosts_randomize = true, fallback_hosts = "192.0.2.5" }
]] .. OUT, "peer: 192.0.2.3 refuse\npeer: 192.0.2.4 refuse\npeer: 192.0.2.5\n" .. mail("cat@elsewhere.example") .. SENT
  .. "expect: peer 192.0.2.5 heard RCPT TO:<cat@elsewhere.example>\n")
transport("command_timeout, data_timeout, final_timeout", [[
transport.out { driver = "smtp", command_timeout = "1m", data_timeout = "2m", final_timeout = "5m" }
]] .. OUT, "peer: 192.0.2.1 stall mail\n" .. mail("cat@elsewhere.example") .. SENT .. "clock: +61s\nexpect: log == cat@elsewhere.example\n")
transport("message_linelength_limit", [[
transport.out { driver = "smtp", message_linelength_limit = 100 }
]] .. OUT, mail("cat@elsewhere.example", "Subject: x\n\n" .. ("x"):rep(120) .. "\n") .. SENT .. "expect: log ** cat@elsewhere.example\n")
transport("protocol, lmtp_ignore_quota", [[
transport.out { driver = "smtp", protocol = "lmtp", port = 24, lmtp_ignore_quota = true }
]] .. OUT, "peer: 192.0.2.1:24 lhlo 250-hi\\r\\n250 IGNOREQUOTA\n" .. mail("cat@elsewhere.example") .. SENT
  .. "expect: peer 192.0.2.1:24 heard LHLO mx.example.org\nexpect: peer 192.0.2.1:24 heard IGNOREQUOTA\n")
transport("retry_include_ip_address, serialize_hosts, hosts_max_try_hardlimit, delay_after_cutoff", [[
transport.out { driver = "smtp", retry_include_ip_address = false, serialize_hosts = "*.slow.example", hosts_max_try_hardlimit = 10,
                delay_after_cutoff = false }
]] .. OUT, mail("cat@elsewhere.example") .. SENT .. "expect: delivered 1\n")
transport("keepalive, dscp, allow_localhost", [[
transport.out { driver = "smtp", keepalive = true, dscp = "cs1", allow_localhost = true }
]] .. OUT, mail("cat@elsewhere.example") .. SENT .. "expect: delivered 1\n")
transport("authenticated_sender, authenticated_sender_force, hosts_try_auth", [[
transport.out { driver = "smtp", authenticated_sender = function(m) return m.sender_address end, authenticated_sender_force = true,
                hosts_try_auth = "*.provider.example" }
]] .. OUT, "peer: 192.0.2.1 ehlo 250-hi\\r\\n250 AUTH PLAIN\n" .. mail("cat@elsewhere.example") .. SENT
  .. "expect: peer 192.0.2.1 heard AUTH=bob@there.example\n")
transport("ignore_quota lmtp", [[
transport.store { driver = "lmtp", socket = "/run/dovecot/lmtp", ignore_quota = true }]])

-- ---- transports: appendfile

transport("check_owner, check_group, mode_fail_narrower, file_must_exist, create_file, allow_symlink, allow_fifo", [[
transport.mbox { driver = "appendfile", file = function(m) return path("/var/mail", m.local_part) end, check_owner = true, check_group = false,
                 mode_fail_narrower = true, file_must_exist = false, create_file = "belowhome", allow_symlink = false, allow_fifo = false }]])
transport("create_directory, directory_mode, directory_file", [[
transport.apart { driver = "appendfile", directory = function(m) return path("/var/mail", m.local_part) end, create_directory = true,
                  directory_mode = "0750", directory_file = function(m) return m.message_exim_id end }]])
transport("check_string appendfile, escape_string appendfile, message_prefix appendfile, message_suffix appendfile, use_crlf appendfile", [[
transport.mbox { driver = "appendfile", file = function(m) return path("/var/mail", m.local_part) end, check_string = "From ",
                 escape_string = ">From ", message_suffix = "\n", use_crlf = false,
                 message_prefix = function(m) return "From " .. (m.return_path ~= "" and m.return_path or "MAILER-DAEMON") .. " " .. m.tod_bsdinbox .. "\n" end }]])
transport("lock_fcntl_timeout, lock_flock_timeout, lock_interval, lock_retries, lockfile_mode, lockfile_timeout, use_fcntl_lock, use_flock_lock", [[
transport.mbox { driver = "appendfile", file = function(m) return path("/var/mail", m.local_part) end, use_lockfile = true, use_fcntl_lock = true,
                 use_flock_lock = true, lock_fcntl_timeout = "5s", lock_flock_timeout = "5s", lock_retries = 5, lock_interval = "1s",
                 lockfile_mode = "0600", lockfile_timeout = "10m" }]])
transport("maildir_tag, maildir_retries, maildirfolder_create_regex, maildir_quota_directory_regex", [==[
transport.boxes { driver = "appendfile", maildir_format = true, directory = function(m) return path("/var/mail", m.local_part) end,
                  maildir_tag = function(m) return ",S=" .. m.message_size end, maildir_retries = 5, quota = "1G",
                  maildirfolder_create_regex = [[/\.[^/]+$]], maildir_quota_directory_regex = [[^(cur|new|\.(?!Trash).*)$]] }]==])
transport("quota_directory, quota_filecount, quota_is_inclusive, quota_size_regex, quota_warn_message, mailbox_size, mailbox_filecount", [==[
transport.boxes { driver = "appendfile", maildir_format = true, directory = function(m) return path("/var/mail", m.local_part) end,
                  quota = "500M", quota_filecount = 20000, quota_is_inclusive = false, quota_size_regex = [[,S=(\d+)]],
                  quota_directory = function(m) return path("/var/mail", m.local_part) end, quota_warn_threshold = "80%",
                  quota_warn_message = function(m) return "To: " .. m.local_part .. "@" .. m.domain .. "\nSubject: almost full\n\nPlease clear up.\n" end }
transport.known { driver = "appendfile", file = function(m) return path("/var/mail", m.local_part) end, quota = "10M",
                  mailbox_size = function() return 5 * 1024 * 1024 end, mailbox_filecount = function() return 1 end }]==])
transport("mailstore_format, mailstore_prefix, mailstore_suffix", [[
transport.pairs { driver = "appendfile", mailstore_format = true, directory = "/var/mail/in",
                  mailstore_prefix = function(m) return m.message_exim_id end, mailstore_suffix = "end" }]])
transport("file_format", [[
transport.unix { driver = "appendfile", file = "/var/mail/all", file_format = { "From ", "unix", "\1\1\1\1\n", "mmdf" } }
transport.mmdf { driver = "appendfile", file = "/var/mail/all" }]])
transport("use_bsmtp appendfile, batch_id appendfile", [[
transport.uucp { driver = "appendfile", file = "/var/spool/uucp/out", use_bsmtp = true, batch_max = 100, batch_id = function(m) return m.domain end }]])

-- ---- transports: pipe

transport("environment, path, umask, max_output", [[
transport.program { driver = "pipe", command = "deliver", path = "/usr/lib/perigee:/bin", umask = "027", max_output = 4096,
                    environment = function(m) return { "LIST=" .. m.local_part } end }]])
transport("freeze_exec_fail, freeze_signal, ignore_status, timeout_defer", [[
transport.program { driver = "pipe", command = "/usr/lib/lists/post", freeze_exec_fail = true, freeze_signal = true, ignore_status = false,
                    timeout_defer = true }]])
transport("log_output, log_fail_output, log_defer_output, return_output", [[
transport.program { driver = "pipe", command = "/usr/lib/lists/post", log_output = false, log_fail_output = true, log_defer_output = true,
                    return_output = false }]])
transport("allow_commands, restrict_to_path, force_command", [[
transport.fixed  { driver = "pipe", command = { "/usr/lib/perigee/confine", "--" }, force_command = true }
transport.chosen { driver = "pipe", allow_commands = { "/usr/bin/vacation" }, restrict_to_path = true, path = "/usr/lib/perigee" }]])
transport("message_prefix pipe, message_suffix pipe, check_string pipe, escape_string pipe, use_crlf pipe, use_bsmtp pipe, batch_id pipe", [[
transport.program { driver = "pipe", command = "/usr/lib/lists/post", message_prefix = "", message_suffix = "", check_string = "From ",
                    escape_string = ">From ", use_crlf = true }
transport.batch   { driver = "pipe", command = "/usr/bin/rsmtp", use_bsmtp = true, batch_max = 50, batch_id = function(m) return m.domain end }]])

-- ---- transports: autoreply

transport("cc, bcc, reply_to, headers, log, never_mail, once_file_size, return_message", [[
transport.away { driver = "autoreply", to = function(m) return m.sender_address end, cc = "office@example.org", bcc = "archive@example.org",
                 reply_to = "office@example.org", headers = { "Precedence: junk", "X-Loop: away" }, text = "I am away.\n",
                 never_mail = { "*-request@*", "noreply@*" }, log = "/var/lib/perigee/away.log", once = "/var/lib/perigee/away/ann",
                 once_file_size = 65536, return_message = true }]])
transport("file_expand, file_optional", [[
transport.away { driver = "autoreply", to = function(m) return m.sender_address end,
                 file = function(m) return path("/home", m.local_part, "away.text") end, file_expand = true, file_optional = true }]])

-- ---- authenticators

authenticator("server_advertise_condition, server_mail_auth_condition", [[
site { auth_cleartext_hosts = "*" }
authenticator.plain { driver = "plaintext", public_name = "PLAIN", server_condition = function(m) return m.auth3 == "right" end,
                      server_advertise_condition = function(m) return m.sender_host_address ~= "203.0.113.9" end,
                      server_mail_auth_condition = function(m) return m.authenticated_id == "relay" end }]],
"S: 220\nC: EHLO there.example\nS: 250\nS!: 250 AUTH PLAIN\n")
authenticator("client_send plaintext, client_condition, client_set_id, client_cleartext, client_ignore_invalid_base64", [[
authenticator.login { driver = "plaintext", public_name = "LOGIN", client_send = { "", "perigee", "secret" }, client_cleartext = true,
                      client_condition = function(m) return m.host_address == "192.0.2.1" end, client_set_id = "perigee",
                      client_ignore_invalid_base64 = true }
transport.out { driver = "smtp", hosts_try_auth = "*" }
]] .. OUT, "peer: 192.0.2.1 ehlo 250-hi\\r\\n250 AUTH LOGIN\n" .. mail("cat@elsewhere.example") .. SENT .. "expect: peer 192.0.2.1 heard AUTH LOGIN\n")
authenticator("client_name cram_md5, client_secret cram_md5", [[
authenticator.cram { driver = "cram_md5", public_name = "CRAM-MD5", client_name = "perigee", client_secret = "secret" }
transport.out { driver = "smtp", hosts_try_auth = "*" }
]] .. OUT, "peer: 192.0.2.1 ehlo 250-hi\\r\\n250 AUTH CRAM-MD5\n" .. mail("cat@elsewhere.example") .. SENT .. "expect: peer 192.0.2.1 heard AUTH CRAM-MD5\n")
authenticator("server_mech gsasl, server_password gsasl, server_scram_iter gsasl, server_scram_salt gsasl, server_hostname gsasl, server_realm gsasl, server_service gsasl", [[
authenticator.scram { driver = "gsasl", public_name = "SCRAM-SHA-256", server_mech = "SCRAM-SHA-256", server_scram_iter = 8192,
                      server_scram_salt = "QSXCR+Q6sek8bf92", server_hostname = "mx.example.org", server_realm = "example.org", server_service = "smtp",
                      server_password = function(m) return lookup.lsearch("/etc/passwd", m.auth1) end,
                      server_set_id = function(m) return m.auth1 end }]])
authenticator("server_key gsasl, server_skey gsasl", [[
authenticator.kept { driver = "gsasl", public_name = "SCRAM-SHA-256",
                     server_scram_salt = function(m) return lookup.sqlite("/var/lib/users.db", "select salt from scram where name = ?", { m.auth1 }) end,
                     server_key  = function(m) return lookup.sqlite("/var/lib/users.db", "select serverkey from scram where name = ?", { m.auth1 }) end,
                     server_skey = function(m) return lookup.sqlite("/var/lib/users.db", "select storedkey from scram where name = ?", { m.auth1 }) end }]])
authenticator("client_spassword gsasl, client_authz gsasl", [[
authenticator.provider { driver = "gsasl", public_name = "SCRAM-SHA-256", client_username = "mx.example.org", client_authz = "office",
                         client_spassword = "c4a49510323ab4f952cac1fa99441939e78ea74d6be81ddf7096e87513dc615d" }]])
authenticator("client_send external, server_param2 external, server_param3 external", [[
authenticator.external { driver = "external", public_name = "EXTERNAL", client_send = "office@example.org",
                         server_param2 = function(m) return m.sender_host_name end, server_param3 = "trusted",
                         server_condition = function(m) return m.auth2 == "relay.example.org" end }]])
