-- Examples of ACL words, of the variables they set and of events, with what a client hears: each is run.

local function mail(to, text)
  return ("C: MAIL FROM:<bob@there.example>\nS: 250\nC: RCPT TO:<%s>\nS: 250\nC: DATA\nS: 354\n%sC: .\n"):format(to,
    (text or "Subject: dinner\n\nat eight\n"):gsub("([^\n]*)\n", "C: %1\n"))
end
local RCPT = "C: MAIL FROM:<bob@there.example>\nS: 250\nC: RCPT TO:<ann@example.org>\n"

-- ---- ACLs that are called, regular expressions

local arguments, groups = { "modifier control", "control explain", "var acl_narg" }, { "family regex" }
for i = 2, 9 do arguments[#arguments + 1] = "var acl_arg" .. i end
for i = 1, 9 do groups[#groups + 1] = "var regex" .. i end
example { of = arguments, code = [[
acl.sub.nine(function(m)
  local words = { m.acl_arg1, m.acl_arg2, m.acl_arg3, m.acl_arg4, m.acl_arg5, m.acl_arg6, m.acl_arg7, m.acl_arg8, m.acl_arg9 }
  logwrite(m.acl_narg .. " arguments: " .. table.concat(words, " "))
  return accept()
end)
acl.rcpt { warn { acl = "nine a b c d e f g h i", control = "explain" } }]],
run = RCPT .. "S: 250\nexpect: log 9 arguments: a b c d e f g h i\n" }
example { of = groups, code = [==[
acl.data {
  warn { regex = [[^X-Code: (.)(.)(.)(.)(.)(.)(.)(.)(.)$]],
         logwrite = function(m)
           return m.regex[0] .. ": " .. m.regex1 .. m.regex2 .. m.regex3 .. " " .. m.regex4 .. m.regex5 .. m.regex6 .. " "
                  .. m.regex7 .. m.regex8 .. m.regex[9] .. m.regex9
         end },
}]==],
run = mail("ann@example.org", "X-Code: abcdefghi\n\ntext\n") .. "S: 250\nexpect: log X-Code: abcdefghi: abc def ghii\n" }

-- ---- conditions and what they say

example { of = { "condition encrypted" }, code = [[
acl.mail { deny { not_encrypted = "*", senders = "*@bank.example", message = "530 5.7.0 STARTTLS comes first" } }]],
run = "C: MAIL FROM:<ann@bank.example>\nS: 530 5.7.0 STARTTLS comes first\n" }
example { of = { "var domain_data", "var local_part_data" }, code = [[
localpartlist.staff = { "ann", "bob" }
acl.rcpt { accept { domains = "+local_domains", local_parts = "+staff",
                    logwrite = function(m) return ("%s works at %s"):format(m.local_part_data, m.domain_data) end } }]],
run = RCPT .. "S: 250\nexpect: log ann works at example.org\n" }
example { of = { "var sender_data", "var recipient_data", "var host_data", "fn lookup.table.sqlite" }, code = [[
local function who(what) return lookup.table.sqlite("people.db", "select note from " .. what .. " where name = ?") end
acl.rcpt {
  accept { hosts = { who "hosts" }, senders = { who "senders" }, recipients = { who "members" },
           logwrite = function(m) return ("%s: %s to %s"):format(m.host_data, m.sender_data, m.recipient_data) end },
}]] }
example { of = { "verify csa", "var csa_status" }, code = [[
acl.mail { deny { not_verify = "csa", message = "550 5.7.1 not a mail server of that name" },
           warn { logwrite = function(m) return "CSA: " .. m.csa_status end } }]],
run = "zone: _client._smtp.there.example. SRV 1 2 0 there.example.\nC: MAIL FROM:<bob@there.example>\nS: 250\nexpect: log CSA: ok\n" }
example { of = { "verify not_blind" }, code = [[
acl.data { deny { not_verify = "not_blind", message = "550 5.7.1 you do not name who gets this" } }]],
run = mail("ann@example.org", "To: cat@elsewhere.example\n\ntext\n") .. "S: 550 5.7.1 you do not name\n" }
example { of = { "verify_option quota", "var recipient_verify_failure" }, code = [[
acl.rcpt { deny { not_verify = "recipient/quota", log_message = function(m) return "because of " .. tostring(m.recipient_verify_failure) end,
                  message = "552 5.2.2 no room" } }]] }

-- ---- verify and its callouts

example { of = { "verify_option callout", "var callout_address" }, code = [[
acl.rcpt {
  deny { not_verify = "recipient/callout", message = "550 5.1.1 its server does not want it",
         log_message = function(m) return "asked " .. m.callout_address .. ", failed at " .. m.recipient_verify_failure end },
}]],
run = [[
peer: 192.0.2.1 rcpt 550 5.1.1 who?
C: MAIL FROM:<bob@there.example>
S: 250
C: RCPT TO:<cat@elsewhere.example>
S: 550
expect: log asked 192.0.2.1, failed at recipient
]] }
example { of = { "verify_option defer_ok", "verify_option no_details", "verify_option success_on_redirect" }, code = [[
-- a name that cannot be asked for just now is good enough
acl.rcpt { deny { not_verify = "recipient/defer_ok/no_details/success_on_redirect", message = "550 5.1.1 no such user" } }]],
run = [[
zone: slow.example. TIMEOUT
C: MAIL FROM:<bob@there.example>
S: 250
C: RCPT TO:<dan@slow.example>
S: 250
C: RCPT TO:<dan@nowhere.example>
S: 550
]] }
example { of = { "verify_option callout_defer_ok", "verify_option check_postmaster" }, code = [[
-- the old spellings of callout=defer_ok and callout=postmaster
acl.mail { deny { not_verify = "sender/callout_defer_ok/check_postmaster" } }]],
run = [[
zone: busy.example. MX 10 mx.busy.example.
zone: mx.busy.example. A 192.0.2.1
peer: 192.0.2.1 refuse
C: MAIL FROM:<dan@busy.example>
S: 250
]] }
example { of = { "callout_option time", "callout_option connect", "callout_option maxwait", "callout_option defer_ok" }, code = [[
acl.rcpt { deny { not_verify = "recipient/callout=10s,connect=3s,maxwait=15s,defer_ok" } }]],
run = [[
peer: 192.0.2.1 silent
C: MAIL FROM:<bob@there.example>
S: 250
C: RCPT TO:<cat@elsewhere.example>
S: 250
]] }
example { of = { "callout_option random", "callout_option no_cache" }, code = [[
-- a server that takes any name at all says nothing about this one
acl.rcpt { accept { verify = "recipient/callout=random,no_cache" } }]],
run = [[
C: MAIL FROM:<bob@there.example>
S: 250
C: RCPT TO:<cat@elsewhere.example>
S: 250
expect: not peer 192.0.2.1 heard RCPT TO:<cat@elsewhere.example>
]] }
example { of = { "callout_option postmaster", "callout_option use_sender" }, code = [[
acl.rcpt { deny { not_verify = "recipient/callout=use_sender,postmaster" } }]],
run = [[
C: MAIL FROM:<bob@there.example>
S: 250
C: RCPT TO:<cat@elsewhere.example>
S: 250
expect: peer 192.0.2.1 heard MAIL FROM:<bob@there.example>
expect: peer 192.0.2.1 heard RCPT TO:<postmaster@elsewhere.example>
]] }
example { of = { "callout_option fullpostmaster", "callout_option postmaster_mailfrom" }, code = [[
acl.mail { deny { not_verify = "sender/callout=fullpostmaster,postmaster_mailfrom=check@example.org" } }]],
run = [[
C: MAIL FROM:<cat@elsewhere.example>
S: 250
expect: peer 192.0.2.1 heard MAIL FROM:<check@example.org>
expect: peer 192.0.2.1 heard RCPT TO:<postmaster@elsewhere.example>
]] }
example { of = { "callout_option mailfrom" }, code = [[
acl.data { deny { not_verify = "header_sender/callout=mailfrom=check@example.org" } }]],
run = mail("ann@example.org", "From: cat@elsewhere.example\n\ntext\n") .. "S: 250\nexpect: peer 192.0.2.1 heard MAIL FROM:<check@example.org>\n" }
example { of = { "callout_option use_postmaster" }, code = [[
acl.rcpt { deny { not_verify = "recipient/callout=use_postmaster" } }]],
run = [[
C: MAIL FROM:<bob@there.example>
S: 250
C: RCPT TO:<cat@elsewhere.example>
S: 250
expect: peer 192.0.2.1 heard MAIL FROM:<postmaster@example.org>
]] }
example { of = { "callout_option hold", "callout_option use_tptsender" }, code = [[
-- the connection that asked about the recipients delivers to them, too
acl.rcpt { deny { not_verify = "recipient/callout=use_tptsender,hold" } }]],
run = mail("cat@elsewhere.example") .. "S: 250\nC: QUIT\nS: 221\nexpect: delivered 1\nexpect: peer 192.0.2.1 connections 1\n" }

-- ---- ratelimit and dnslists

local function rate(...)
  local of = {}
  for i, name in ipairs { ... } do of[i] = "ratelimit_option " .. name end
  return of
end
example { of = rate("per_conn"), code = [[
acl.connect { drop { ratelimit = "2 / 1m / per_conn", message = "554 5.7.1 too many connections" } }]],
run = ("hang up\nS: 220\n"):rep(2):gsub("^hang up\n", "") .. "hang up\nS: 554 5.7.1 too many connections\n" }
example { of = rate("per_mail", "strict"), code = [[
acl.mail { defer { ratelimit = "2 / 1h / per_mail / strict", message = "450 4.7.1 no more than two" } }]],
run = "C: MAIL FROM:<bob@there.example>\nS: 250\nC: RSET\nS: 250\nC: MAIL FROM:<bob@there.example>\nS: 250\nC: RSET\nS: 250\nC: MAIL FROM:<bob@there.example>\nS: 450 4.7.1 no more than two\n" }
example { of = rate("per_rcpt", "leaky"), code = [[
acl.rcpt { defer { ratelimit = "2 / 1h / per_rcpt / leaky", message = "452 4.5.3 slower, please" } }]],
run = RCPT .. "S: 250\nC: RCPT TO:<bea@example.org>\nS: 250\nC: RCPT TO:<carl@example.org>\nS: 452 4.5.3 slower\n" }
example { of = rate("per_addr"), code = [[
-- how many different people one client writes to
acl.rcpt { defer { ratelimit = "2 / 1h / per_addr", message = "452 4.5.3 two correspondents, please" } }]],
run = RCPT .. "S: 250\nC: RCPT TO:<ann@example.org>\nS: 250\nC: RCPT TO:<bea@example.org>\nS: 250\nC: RCPT TO:<carl@example.org>\nS: 452\n" }
example { of = rate("per_byte"), code = [[
acl.data { defer { ratelimit = "200 / 1h / per_byte", message = "452 4.3.1 that is enough for an hour" } }]],
run = mail("ann@example.org", "Subject: x\n\n" .. ("x"):rep(300) .. "\n") .. "S: 452 4.3.1 that is enough\n" }
example { of = rate("per_cmd", "count"), code = [[
-- each counts for three
acl.rcpt { deny { ratelimit = "5 / 1h / per_cmd / count=3 / strict", message = "550 5.7.1 you are guessing" } }]],
run = RCPT .. "S: 250\nC: RCPT TO:<bea@example.org>\nS: 550 5.7.1 you are guessing\n" }
example { of = rate("unique", "readonly"), code = [[
acl.rcpt {
  deny { ratelimit = { "2 / 1d / per_cmd / readonly", unique = function(m) return m.local_part end },
         message = "550 5.7.1 too many names" },
  warn { ratelimit = { "2 / 1d / per_cmd / strict", unique = function(m) return m.local_part end } },
}]],
run = RCPT .. "S: 250\nC: RCPT TO:<bea@example.org>\nS: 250\nC: RCPT TO:<carl@example.org>\nS: 550 5.7.1 too many names\n" }
example { of = { "dnslists_flag +include_unknown", "dnslists_flag +exclude_unknown", "dnslists_flag +defer_unknown" }, code = [[
acl.mail {
  deny { dnslists = "+include_unknown:silent.example", senders = "a@*", message = "550 5.7.1 better safe" },
  deny { dnslists = "+exclude_unknown:silent.example", senders = "b@*" },
  deny { dnslists = "+defer_unknown:silent.example", senders = "c@*" },
}]],
run = [[
zone: 9.113.0.203.silent.example. TIMEOUT
C: MAIL FROM:<a@there.example>
S: 550 5.7.1 better safe
C: MAIL FROM:<b@there.example>
S: 250
C: RSET
S: 250
C: MAIL FROM:<c@there.example>
S: 451
]] }

-- ---- modifiers and controls

example { of = { "modifier log_reject_target", "fn log_reject_target" }, code = [[
acl.rcpt { deny { local_parts = "trap", log_reject_target = "reject", message = "550 5.1.1 nobody" } }
acl.mail(function(m)
  if m.sender_address_domain == "spam.example" then
    log_reject_target("reject")
    return deny("550 5.7.1 no, thank you")
  end
end)]],
run = "C: MAIL FROM:<x@spam.example>\nS: 550\nexpect: not log no, thank you\nexpect: rejectlog no, thank you\n" }
example { of = { "modifier udpsend" }, code = [[
acl.notquit { warn { udpsend = { server = "192.0.2.53", port = 5140, text = function(m) return "lost " .. m.sender_host_address end } } }]],
run = "hang up\n" }
example { of = { "control allow_auth_unadvertised", "var authentication_failed", "var authenticated_fail_id" }, code = [[
site { auth_cleartext_hosts = "*", auth_advertise_hosts = "" }
authenticator.plain { driver = "plaintext", public_name = "PLAIN", server_condition = function(m) return m.auth3 == "right" end,
                      server_set_id = function(m) return m.auth2 end }
acl.helo { warn { control = "allow_auth_unadvertised" } }
acl.mail(function(m)
  if m.authentication_failed then return deny("535 5.7.8 log in first, " .. m.authenticated_fail_id) end
end)]],
run = "C: AUTH PLAIN AGFubgB3cm9uZw==\nS: 535\nC: MAIL FROM:<ann@there.example>\nS: 535 5.7.8 log in first, ann\n" }
example { of = { "control caselower_local_part" }, code = [[
acl.rcpt {
  warn { control = "caseful_local_part", logwrite = function(m) return "written " .. m.local_part end },
  warn { control = "caselower_local_part", logwrite = function(m) return "means " .. m.local_part end },
}]],
run = "C: MAIL FROM:<bob@there.example>\nS: 250\nC: RCPT TO:<Ann@example.org>\nS: 250\nexpect: log written Ann\nexpect: log means ann\n" }
example { of = { "control debug" }, code = [[
acl.connect { warn { hosts = "192.0.2.77", control = "debug/tag=.odd" } }]] }
example { of = { "control dscp" }, code = [[
acl.connect { warn { hosts = "+relay_from", control = "dscp/af11" } }]],
run = "client: 192.0.2.5\nC: MAIL FROM:<bob@there.example>\nS: 250\n" }
example { of = { "control enforce_sync" }, code = [[
site { smtp_enforce_sync = false }
acl.connect { warn { not_hosts = "+relay_from", control = "enforce_sync" } }]],
run = "S: 220\nR: HELO there.example\\r\\nMAIL FROM:<bob@there.example>\\r\\n\nS: 554\n" }
example { of = { "control no_callout_flush", "control no_delay_flush" }, code = [[
acl.rcpt { warn { control = { "no_callout_flush", "no_delay_flush" }, verify = "recipient/callout=defer_ok", delay = "1s" } }]],
run = RCPT .. "S: 250\n" }
example { of = { "control no_mbox_unspool" }, code = [[
acl.mime { warn { decode = "default", control = "no_mbox_unspool" } }]],
run = mail("ann@example.org", "MIME-Version: 1.0\nContent-Type: text/plain\n\ntext\n") .. "S: 250\n" }
example { of = { "control queue_only" }, code = [[
acl.data { warn { senders = "*@there.example", control = "queue_only" } }]],
run = mail("ann@example.org") .. "S: 250\nexpect: delivered 0\nexpect: queue 1\n" }
example { of = { "var headers_added" }, code = [[
acl.mail { warn { add_header = "X-Seen: yes" } }
acl.data { warn { logwrite = function(m) return "so far: " .. m.headers_added end } }]],
run = mail("ann@example.org") .. "S: 250\nexpect: log so far: X-Seen: yes\n" }
example { of = { "var sender_ident" }, code = [[
acl.not_smtp(function(m) logwrite("handed in by " .. m.sender_ident) end)]] }

-- ---- authentication

example { of = { "var auth1", "var auth2", "var auth3", "var auth4", "option authenticator server_prompts" }, code = [[
site { auth_cleartext_hosts = "*" }
authenticator.four { driver = "plaintext", public_name = "FOUR", server_prompts = { "name", "pin", "colour", "pet" },
  server_condition = function(m) return m.auth2 == "1234" and m.auth3 .. " " .. m.auth4 == "red dog" end,
  server_set_id = function(m) return m.auth1 end }]],
run = [[
C: AUTH FOUR YW5u
S: 334 cGlu
C: MTIzNA==
S: 334 Y29sb3Vy
C: cmVk
S: 334 cGV0
C: ZG9n
S: 235
]] }

-- ---- events

example { of = { "event msg:defer", "event msg:rcpt:host:defer" }, code = [[
event.on("msg:rcpt:host:defer", function(m) logwrite(m.host .. " puts " .. m.local_part .. " off: " .. m.event_data) end)
event.on("msg:defer", function(m) logwrite("not now: " .. m.domain) end)]],
run = "peer: 192.0.2.1 rcpt 450 4.2.1 busy\n" .. mail("cat@elsewhere.example")
  .. "S: 250\nC: QUIT\nS: 221\nexpect: log mx.elsewhere.example puts cat off\nexpect: log not now: elsewhere.example\n" }
example { of = { "event msg:rcpt:defer" }, code = [[
event.on("msg:rcpt:defer", function(m) logwrite(("%s@%s waits: %s"):format(m.local_part, m.domain, m.event_data)) end)]],
run = "zone: slow.example. TIMEOUT\n" .. mail("dan@slow.example") .. "S: 250\nC: QUIT\nS: 221\nclock: +5m\nexpect: log dan@slow.example waits: \n" }
example { of = { "event dns:fail" }, code = [[
event.on("dns:fail", function(m) logwrite("not answered: " .. m.event_data) end)]],
run = "zone: slow.example. SERVFAIL\n" .. mail("dan@slow.example") .. "S: 250\nC: QUIT\nS: 221\nexpect: log not answered: servfail:slow.example:MX\n" }
example { of = { "event msg:fail:delivery" }, code = [[
event.on("msg:fail:delivery", function(m) logwrite(m.local_part .. " cannot have it: " .. m.event_data) end)]],
run = "peer: 192.0.2.1 rcpt 550 5.1.1 who?\n" .. mail("cat@elsewhere.example")
  .. "S: 250\nC: QUIT\nS: 221\nexpect: log cat cannot have it: \nexpect: log 550 5.1.1 who?\n" }
example { of = { "event msg:fail:internal" }, code = [[
event.on("msg:fail:internal", function(m) logwrite("nowhere to go: " .. m.event_data) end)
router.none(function(m) if m.local_part == "gone" then return fail("gone for good") end end)]],
run = mail("gone@example.org") .. "S: 250\nC: QUIT\nS: 221\nexpect: log nowhere to go: \nexpect: log gone for good\n" }
example { of = { "event tcp:close", "event smtp:connect", "event smtp:ehlo" }, code = [[
event.on("smtp:connect", function(m) logwrite(m.host .. " says " .. m.event_data) end)
event.on("smtp:ehlo", function(m) logwrite(m.host .. " can " .. m.event_data) end)
event.on("tcp:close", function(m) logwrite("done with " .. m.host_address) end)]],
run = "peer: 192.0.2.1 banner 220 mx.elsewhere.example ready\n" .. mail("cat@elsewhere.example")
  .. "S: 250\nC: QUIT\nS: 221\nclock: +1m\nexpect: log mx.elsewhere.example says \nexpect: log mx.elsewhere.example can \nexpect: log done with 192.0.2.1\n" }
example { of = { "event smtp:fail:protocol", "event smtp:fail:syntax" }, code = [[
event.on("smtp:fail:protocol", function(m) logwrite("out of order: " .. m.event_data) end)
event.on("smtp:fail:syntax", function(m) logwrite("not understood: " .. m.event_data) end)]],
run = "C: RCPT TO:<ann@example.org>\nS: 503\nC: MAIL FROM bob\nS: 501\nexpect: log out of order: \nexpect: log not understood: \n" }

-- ---- functions that no expression shows

example { of = { "fn logwrite" }, code = [[
acl.rcpt(function(m)
  logwrite("asked for " .. m.local_part)
  if m.local_part == "trap" then logwrite(":reject:a trap was sprung") end
end)]],
run = "C: MAIL FROM:<bob@there.example>\nS: 250\nC: RCPT TO:<trap@example.org>\nS: 250\n"
  .. "expect: log asked for trap\nexpect: rejectlog a trap was sprung\nexpect: not log sprung\n" }
example { of = { "fn verify.header_syntax" }, code = [[
acl.data(function(m)
  if not verify.header_syntax() then return deny("550 5.6.0 " .. m.acl_verify_message) end
end)]],
run = mail("ann@example.org", "From: bob at there\n\n") .. "S: 550 5.6.0\n" }
example { of = { "fn socket.ask" }, code = [[
acl.rcpt(function(m)
  local answer, why = socket.try.ask { to = "127.0.0.1:4040", send = m.sender_host_address .. "\n", answer = "line", timeout = "2s" }
  if not answer then logwrite("reputation: " .. why.text) end
  if answer == "bad" then return deny("550 5.7.1 we have heard of you") end
end)]] }
example { of = { "fn lookup.table.cdb", "fn lookup.table.lmdb", "fn lookup.table.passwd" }, code = [[
acl.rcpt {
  deny   { senders = { lookup.table.cdb("blocked.cdb") }, message = "550 5.7.1 no, thank you" },
  accept { domains = { lookup.table.lmdb("hosted.mdb", { partial = true }) } },
  accept { local_parts = { lookup.table.passwd() } },
}]] }
example { of = { "fn secret.file" }, code = [[
local KEY = secret.file "relay.secret"                -- readable by nobody else, or the rules do not load
acl.rcpt(function(m)
  if m.sender_address ~= "" then store.put("tokens", crypto.hmac("sha256", KEY, m.sender_address):sub(1, 16), true, "7d") end
end)]] }
