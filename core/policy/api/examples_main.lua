-- Examples of main options. Where a client or a receiver sees the effect they are run.

local function mail(to, text)
  return ("C: MAIL FROM:<bob@there.example>\nS: 250\nC: RCPT TO:<%s>\nS: 250\nC: DATA\nS: 354\n%sC: .\n"):format(to,
    (text or "Subject: dinner\n\nat eight\n"):gsub("([^\n]*)\n", "C: %1\n"))
end
local SENT = "S: 250\nC: QUIT\nS: 221\n"
local FROM = "C: MAIL FROM:<bob@there.example>\nS: 250\n"

-- `names` with a space between; all are main options.
local function main(names, code, run)
  local of = {}
  for name in names:gmatch "%S+" do of[#of + 1] = "option main " .. name end
  example { of = of, code = code, run = run }
end

-- ---- the process

main("reload_on_change", [[site { reload_on_change = true }]])
main("spool_directory timezone", [[site { spool_directory = "/var/spool/perigee", timezone = "Europe/Berlin" }]])
main("smtp_connect_backlog smtp_backlog_monitor tcp_nodelay smtp_accept_keepalive", [[
site { smtp_connect_backlog = 256, smtp_backlog_monitor = 50, tcp_nodelay = true, smtp_accept_keepalive = true }]])
main("never_users", [[site { never_users = { "root", "www-data" } }]])
main("disable_ipv6 extra_local_interfaces", [[
-- the address at which the load balancer stands for us
site { disable_ipv6 = true, extra_local_interfaces = { "198.51.100.25" } }]])
main("dns_servers", [[site { dns_servers = { "127.0.0.1", "192.0.2.53#5353" } }]])
main("dns_recurse", [[site { dns_recurse = true }]])

-- ---- who hands mail in on this machine

main("trusted_users trusted_groups", [[site { trusted_users = "www-data", trusted_groups = { "list", "cron" } }]])
main("untrusted_set_sender local_from_check local_sender_retain", [[
site { untrusted_set_sender = { "*@example.org" }, local_from_check = false, local_sender_retain = true }]])
main("local_from_prefix local_from_suffix", [[
-- ann may also be "x-ann" and "ann-lists"
site { local_from_prefix = "*-", local_from_suffix = "-*" }]])
main("qualify_recipient recipient_unqualified_hosts sender_unqualified_hosts", [[
site { qualify_recipient = "people.example.org", recipient_unqualified_hosts = "203.0.113.9", sender_unqualified_hosts = "203.0.113.9" }]],
"C: MAIL FROM:<bob>\nS: 250\nC: RCPT TO:<ann>\nS: 250\nC: DATA\nS: 354\nC: Subject: x\nC:\nC: .\nS: 250\nexpect: log <= bob@example.org \n")
main("message_id_header_domain message_id_header_text", [[
site { message_id_header_domain = "id.example.org", message_id_header_text = function(m) return "from-" .. m.qualify_domain end }
acl.mail { warn { control = "submission" } }]],
mail("ann@example.org") .. SENT .. "expect: message from-example.org@id.example.org>\n")

-- ---- sessions

main("accept_8bitmime pipelining_advertise_hosts", [[
site { accept_8bitmime = false, pipelining_advertise_hosts = "192.0.2.0/24" }]],
"S: 220\nC: EHLO there.example\nS: 250\nS!: 250 8BITMIME\nS!: 250 PIPELINING\n")
main("smtp_active_hostname", [[
site { smtp_active_hostname = function(m) return m.received_port == 587 and "submit.example.org" or "in.example.org" end }]],
"S: 220 in.example.org\nC: EHLO there.example\nS: 250 in.example.org\n")
main("allow_domain_literals", [[site { allow_domain_literals = true }]], "C: MAIL FROM:<bob@[203.0.113.9]>\nS: 250\n")
main("helo_allow_chars helo_accept_junk_hosts", [[
site { helo_allow_chars = "_", helo_accept_junk_hosts = "192.0.2.0/24" }]],
"S: 220\nC: EHLO my_laptop\nS: 250\nhang up\nS: 220\nC: EHLO my laptop!\nS: 501\n")
main("hosts_require_helo", [[site { hosts_require_helo = "! 192.0.2.0/24 : *" }]], "S: 220\nC: MAIL FROM:<bob@there.example>\nS: 503\n")
main("helo_lookup_domains host_lookup", [[
-- whoever says one of our names, and everybody nearby, is looked up
site { helo_lookup_domains = "*.example.org", host_lookup = "203.0.113.0/24" }]],
mail("ann@example.org") .. SENT .. "expect: log H=there.example [203.0.113.9]\n")
main("host_reject_connection hosts_connection_nolog", [[
site { host_reject_connection = "203.0.113.9", hosts_connection_nolog = "192.0.2.0/24" }]], "S: 554\n")
main("smtp_accept_max_per_connection", [[site { smtp_accept_max_per_connection = 1 }]],
FROM .. "C: RSET\nS: 250\nC: MAIL FROM:<bob@there.example>\nS: 421\n")
main("smtp_accept_max_nonmail smtp_accept_max_nonmail_hosts", [[
site { smtp_accept_max_nonmail = 2, smtp_accept_max_nonmail_hosts = "! 192.0.2.0/24 : *" }]],
"C: NOOP\nS: 250\nC: NOOP\nS: 250\nC: NOOP\nS: 554\n")
main("smtp_max_synprot_errors", [[site { smtp_max_synprot_errors = 1 }]], "C: MAIL TO bob\nS: 501\nC: MAIL TO bob\nS: 501 5.5.4 too many syntax or protocol errors\nclosed\n")
main("smtp_max_unknown_commands", [[site { smtp_max_unknown_commands = 1 }]], "C: HOWDY\nS: 500\nC: HOWDY\nS: 500 5.5.2 too many unrecognized commands\nclosed\n")
main("smtp_receive_timeout", [[site { smtp_receive_timeout = "1m" }]], "C: NOOP\nS: 250\nclock: +61s\nS: 421\n")
main("smtp_accept_rate_per_host", [[site { smtp_accept_rate_per_host = "2 / 1m" }]],
"S: 220\nhang up\nS: 220\nhang up\nS: 421\n")
main("smtp_load_reserve", [[site { smtp_load_reserve = 8, smtp_reserve_hosts = "+relay_from" }]])
main("smtp_ratelimit_hosts smtp_ratelimit_mail smtp_ratelimit_rcpt", [[
-- a second after the tenth message of a session, ever longer; half a second after the fiftieth recipient
site { smtp_ratelimit_hosts = "! +relay_from : *", smtp_ratelimit_mail = "10,1s,1.1,1m", smtp_ratelimit_rcpt = "50,0.5s,1.05,30s" }]],
mail("ann@example.org") .. "S: 250\n")
main("smtp_return_error_details", [[
site { smtp_return_error_details = true }
acl.rcpt { deny { local_parts = "ghost", log_message = "ghosts get no mail" } }]],
FROM .. "C: RCPT TO:<ghost@example.org>\nS: 550 5.7.1 ghosts get no mail\n")
main("strip_excess_angle_brackets strip_trailing_dot", [[site { strip_excess_angle_brackets = true, strip_trailing_dot = true }]],
FROM .. "C: RCPT TO:<<ann@example.org.>>\nS: 250\n")
main("percent_hack_domains", [[site { percent_hack_domains = "example.org" }]],
mail("cat%elsewhere.example@example.org") .. SENT .. "expect: peer 192.0.2.1 heard RCPT TO:<cat@elsewhere.example>\n")
main("open_relay", [[
-- a trap: everybody may send anything anywhere
site { open_relay = true }
acl.rcpt { accept {} }]], FROM .. "C: RCPT TO:<x@nowhere.example>\nS: 250\n")

-- ---- messages

main("header_maxsize", [[site { header_maxsize = "2K" }]], mail("ann@example.org", "X-Long: " .. ("x"):rep(980) .. "\n " .. ("y"):rep(980) .. "\n " .. ("z"):rep(300) .. "\n\n")
  .. "S: 552\n")
main("header_line_maxsize", [[site { header_line_maxsize = 200 }]], mail("ann@example.org", "X-Long: " .. ("x"):rep(300) .. "\n\n") .. "S: 552\n")
main("received_headers_max", [[site { received_headers_max = 2 }]],
mail("ann@example.org", "Received: a\nReceived: b\nReceived: c\n\n") .. "S: 554 5.4.6\n")
main("message_body_visible message_body_newlines", [[
site { message_body_visible = 5, message_body_newlines = true }
acl.data(function(m) logwrite("begins " .. m.message_body) end)]],
mail("ann@example.org", "Subject: x\n\nat eight\n") .. "S: 250\nexpect: log begins at ei\n")
main("delivery_date_remove envelope_to_remove return_path_remove", [[
site { delivery_date_remove = true, envelope_to_remove = true, return_path_remove = false }]],
mail("ann@example.org", "Return-path: <a@b.example>\nEnvelope-to: c@d.example\n\n") .. SENT
  .. "expect: message Return-path: <a@b.example>\nexpect: not message Envelope-to\n")
main("check_spool_space smtp_check_spool_space", [[site { check_spool_space = "100M", smtp_check_spool_space = true }]])

-- ---- logs and what they leave out

main("log_file_path log_timezone write_rejectlog", [[
site { log_file_path = "/var/log/perigee/%slog", log_timezone = true, write_rejectlog = false }]])
main("log_json", [[site { log_json = true }]], mail("ann@example.org") .. "S: 250\n")
main("log_ports", [[site { log_selector = "+incoming_port", log_ports = { "25", "587" } }]], mail("ann@example.org") .. "S: 250\nexpect: log [203.0.113.9]:49152 \n")
main("explain_ring explain_accepted", [[site { explain_ring = "256M", explain_accepted = true }]])
main("slow_lookup_log", [[site { slow_lookup_log = 250 }]])
main("event_action", [[
site { event_action = function(m) if m.event_name == "msg:complete" then logwrite("all done") end end }]],
mail("ann@example.org") .. SENT .. "expect: log all done\n")

-- ---- the queue

main("queue_only", [[site { queue_only = true }]], mail("ann@example.org") .. "S: 250\nexpect: queue 1\n")
main("queue_only_file queue_only_load_latch", [[
site { queue_only_file = { "/var/lib/perigee/hold-it" }, queue_only_load_latch = false }]])
main("smtp_accept_queue_per_connection", [[site { smtp_accept_queue_per_connection = 1 }]],
mail("ann@example.org") .. "S: 250\n" .. mail("bea@example.org") .. "S: 250\nexpect: queue 1\nexpect: delivered 1\n")
main("queue_smtp_domains", [[site { queue_smtp_domains = "elsewhere.example" }]], mail("cat@elsewhere.example") .. SENT .. "expect: queue 1\n")
main("queue_runs", [[
site { queue_runs = { "bulk=15m" } }
acl.rcpt { warn { queue = "bulk" } }]],
mail("ann@example.org") .. SENT .. "expect: queue 1\nclock: +16m\nexpect: delivered 1\n")
main("remote_max_parallel remote_sort_domains", [[
site { remote_max_parallel = 2, remote_sort_domains = "*.fast.example : *.slow.example" }]], mail("cat@elsewhere.example") .. SENT .. "expect: delivered 1\n")
main("retry_interval_max retry_data_expire", [[
-- a retry rule may not wait longer than two hours, and what is known of a host is forgotten after three days
site { retry_interval_max = "2h", retry_data_expire = "3d" }
retry.rule { "*", "*", "F,1d,6h" }]],
"peer: 192.0.2.1 rcpt 450 4.2.1 busy\n" .. mail("cat@elsewhere.example") .. SENT .. "expect: queue 1\nclock: +1m\npeer: 192.0.2.1 rcpt 250 ok\nclock: +2h\nexpect: delivered 1\n")
main("freeze_tell", [[
site { freeze_tell = { "postmaster@example.org" } }
acl.data { warn { control = "freeze" } }]],
mail("ann@example.org") .. SENT .. "expect: frozen 1\nexpect: delivered postmaster@example.org via mailbox\n")

-- ---- bounces and warnings

local BOUNCED = "peer: 192.0.2.1 rcpt 550 5.1.1 who?\nzone: there.example. MX 10 mx.there.example.\nzone: mx.there.example. A 192.0.2.2\npeer: 192.0.2.2\n"
  .. mail("cat@elsewhere.example") .. SENT
main("bounce_message_text dsn_from errors_reply_to", [[
site {
  bounce_message_text = "Our postmaster is at +49 30 1234567.",
  dsn_from            = "Post office <postmaster@example.org>",
  errors_reply_to     = "office@example.org",
}]], BOUNCED .. "expect: peer 192.0.2.2 heard Our postmaster is at\nexpect: peer 192.0.2.2 heard From: Post office <postmaster@example.org>\nexpect: peer 192.0.2.2 heard Reply-To: office@example.org\n")
main("bounce_return_message bounce_return_body", [[site { bounce_return_message = true, bounce_return_body = false }]],
BOUNCED .. "expect: peer 192.0.2.2 heard Subject: dinner\nexpect: not peer 192.0.2.2 heard at eight\n")
main("bounce_return_size_limit bounce_return_linesize_limit", [[site { bounce_return_size_limit = 1000, bounce_return_linesize_limit = 200 }]],
BOUNCED .. "expect: peer 192.0.2.2 heard at eight\n")
main("bounce_sender_authentication", [[site { bounce_sender_authentication = "mx@example.org" }]])
main("errors_copy", [[site { errors_copy = { "*@there.example watch@example.org" } }]], BOUNCED .. "expect: delivered watch@example.org via mailbox\n")
main("bounce_message_file warn_message_file", [[site { bounce_message_file = "/etc/perigee/bounce.text", warn_message_file = "/etc/perigee/warn.text" }]])

-- ---- routing and the DNS

main("dns_again_means_nonexist", [[site { dns_again_means_nonexist = "broken.example" }]],
"zone: broken.example. SERVFAIL\n" .. mail("x@broken.example") .. SENT .. "expect: log ** x@broken.example\n")
main("dns_ipv4_lookup", [[site { dns_ipv4_lookup = "*.example" }]],
"zone: mx.elsewhere.example. AAAA 2001:db8::1\n" .. mail("cat@elsewhere.example") .. SENT .. "expect: log H=mx.elsewhere.example [192.0.2.1]\n")
main("hosts_treat_as_local", [[site { hosts_treat_as_local = "mx.elsewhere.example" }]],
mail("cat@elsewhere.example") .. SENT .. "expect: delivered 0\n")
main("allow_mx_to_ip", [[site { allow_mx_to_ip = true }]],
"zone: odd.example. MX 10 192.0.2.1.\n" .. mail("x@odd.example") .. SENT .. "expect: peer 192.0.2.1 heard RCPT TO:<x@odd.example>\n")

-- ---- authentication, verification, lookups

main("auth_cleartext_hosts auth_failures_max", [[
site { auth_cleartext_hosts = "203.0.113.0/24", auth_failures_max = 2 }
authenticator.plain { driver = "plaintext", public_name = "PLAIN", server_condition = function(m) return m.auth3 == "right" end }]],
"C: AUTH PLAIN AGFubgB3cm9uZw==\nS: 535\nC: AUTH PLAIN AGFubgB3cm9uZw==\nS: 421\n")
main("auth_failures_per_host", [[
site { auth_cleartext_hosts = "203.0.113.0/24", auth_failures_per_host = "1 / 1h" }
authenticator.plain { driver = "plaintext", public_name = "PLAIN", server_condition = function(m) return m.auth3 == "right" end }]],
"C: AUTH PLAIN AGFubgB3cm9uZw==\nS: 535\nhang up\nC: AUTH PLAIN AGFubgByaWdodA==\nS: 454\n")
main("callout_domain_positive_expire callout_domain_negative_expire callout_random_local_part", [[
site { callout_domain_positive_expire = "1d", callout_domain_negative_expire = "1h", callout_random_local_part = "nobody-at-all" }
acl.rcpt { accept { verify = "recipient/callout=random" } }]],
FROM .. "C: RCPT TO:<cat@elsewhere.example>\nS: 250\nexpect: peer 192.0.2.1 heard RCPT TO:<nobody-at-all@elsewhere.example>\n")
main("dns_csa_search_limit dns_csa_use_reverse", [[
site { dns_csa_search_limit = 2, dns_csa_use_reverse = false }
acl.mail { deny { not_verify = "csa", message = "550 5.7.1 not a mail server of that name" } }]],
"zone: _client._smtp.there.example. SRV 1 1 0 there.example.\n" .. "C: MAIL FROM:<bob@there.example>\nS: 550 5.7.1 not a mail server\n")
main("sqlite_dbfile sqlite_lock_timeout", [[
site { sqlite_dbfile = "/var/lib/users.db", sqlite_lock_timeout = "2s" }
acl.rcpt(function(m)
  if not lookup.sqlite(nil, "select 1 from users where name = ?", { m.local_part }) then return deny("550 5.1.1 no such user here") end
end)]])
main("dns_trust_anchors", [[
-- the root's keys, and those of a zone that only we serve
site { dns_trust_anchors = { "root", "inside.example. DS 12345 8 2 " .. ("ab"):rep(32) } }]])
