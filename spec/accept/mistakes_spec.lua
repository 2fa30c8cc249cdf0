-- Mistakes of a rule author: what is wrong, where, and what to do about it.
local world = require "perigee.world"

local SITE = [[
domainlist.local_domains = { "example.org" } hostlist.relay_from = { "127.0.0.1" } site { primary_hostname = "mx.example.org" }
router.here { driver = "accept", domains = "+local_domains", transport = "box" }
transport.box { driver = "appendfile", maildir_format = true, directory = "/box" }
]]

-- rule, what is said: each found while the rules are loaded, the old ones stay
local LOAD = {
  { [[site { primary_hostnam = "x" }]], 'there is no option "primary_hostnam", did you mean "primary_hostname"?' },
  { [[site { smtp_accept_max = "many" }]], 'takes a whole number, not "many"' },
  { [[site { smtp_receive_timeout = "5 minutes" }]], 'takes a time such as "4d6h"' },
  { [[site { primary_hostname = "other.example" }]], '"primary_hostname" is set twice, first at lua:1' },
  { [[site { listen = "25" }]], '"25" is not written as "192.0.2.1:25"' },
  { [[site { listen = "0.0.0.0:99999" }]], "a port is a number up to 65535" },
  { [[site { log_selector = "+milisec" }]], 'log_selector: there is no "milisec"' },
  { [[site { dns_servers = "127.0.0.1#x" }]], "dns_servers: not an address: 127.0.0.1#x" },
  { [[site { dns_trust_anchors = { "root", "corp.example. DS 1 13 2 aab" } }]], "dns_trust_anchors: record:1: an odd number of hex digits" },
  { [[site { qualify_domain = "not a domain" }]], 'qualify_domain: "not a domain" is no domain' },
  { [[acl.rcpt { accept { control = "freeze/now" } }]], 'control freeze takes no_tell, not "now"' },
  { [[acl.rcpt { accept { control = "queue_only/now" } }]], 'control queue_only takes no option "now"' },
  { [[acl.rcpt { accept { control = { "queue/only", "queue/first_pass" } } }]], 'control queue takes only or first_pass_route, not "first_pass"' },
  { [[acl.mail { accept { control = "submission/domain=a b" } }]], 'not "domain=a b"' },
  { [[site { hosts_proxy = "192.0.2.1" }]], 'option "hosts_proxy" comes with the PROXY protocol' },
  { [[site { tls_on_connect_ports = { 465, "submisions" } }]], 'tls_on_connect_ports: "submisions" is neither a port nor a service' },
  { [[site "x"]], "site { name = value }" },
  { [[acl.mail { accept { verify = { "sender", "recipient/callout" } } }]], 'verify "recipient" cannot be used in the mail ACL; it can in rcpt, vrfy' },
  { [[acl.rcpt { deny { not_verify = "header_syntax" } }]], 'verify "header_syntax" cannot be used in the rcpt ACL; it can in' },
  { [[acl.recpt { accept {} }]], 'there is no phase "recpt", did you mean "rcpt"?' },
  { [[acl.rcpt { acept {} }]], 'there is no "acept", did you mean "accept"?' },
  { [[acl.rcpt { accept }]], "item 1 is the word accept alone; write accept {}" },
  { [[acl.rcpt { "accept" }]], "item 1 is a string; statements are accept { ... }" },
  { [[acl.rcpt { { accept = true } }]], "item 1 is a table" },
  { [[acl.rcpt = { accept {} }]], "an ACL is declared by calling: acl.rcpt { ... }" },
  { [[acl.rcpt { accept { sender = "a@b" } }]], 'accept knows no word "sender", did you mean "senders"?' },
  { [[acl.rcpt { require { verify = "recipient" } }]], "the verb of ACLs is demand" },
  { [[acl.rcpt { demand { verify = "recipeint" } }]], 'did you mean "recipient"?' },
  { [[acl.rcpt { deny { message = "no" } accept {} }]], "is a comma missing before it?" },
  { [[acl.rcpt { deny { senders = "a" "b" } }]], "is a comma missing before it?" },
  { [[acl.rcpt(function(m) if m.domain = "x" then return deny() end end)]], "a comparison is written ==" },
  { [[acl.rcpt(function(m) if m.domain == "x" then return deny() end)]], "is an end missing before it?" },
  { [[acl.rcpt { deny { message = "a", senders = "b", message = "c" } }]], '"message" is written twice in one table' },
  { [[acl.rcpt { deny { message = "250 fine" } }]], "the codes of deny begin with 5" },
  { [[acl.rcpt { accept { hosts = "+relay_form" } }]], 'there is no hostlist.relay_form, did you mean "relay_from"?' },
  { [[acl.rcpt { accept { domains = "+relay_from" } }]], "+relay_from is a hostlist, a domainlist is needed here" },
  { [[acl.rcpt { deny { hosts = "10.0.0.0/33" } }]], '"10.0.0.0/33" is too long: at most /32' },
  { [[acl.mail { deny { domains = "x.example" } }]], "cannot be used in the mail ACL; it can in rcpt, prdr, vrfy" },
  { [[acl.rcpt { accept { control = "submision" } }]], 'there is no control "submision", did you mean "submission"?' },
  { [[acl.rcpt { accept { acl = "nobody" } }]], "there is no acl.sub.nobody" },
  { [[acl.rcpt { accept { delay = "soon" } }]], '"soon" is no time; write "30s" or "2m"' },
  { [[acl.rcpt { accept { set = { acl_x = 1 } } }]], "names begin with acl_c_" },
  { [[acl.data { deny { spam = "nobody" } }]], 'condition "spam" comes with content scanning' },
  { [[acl.rcpt(function(m) return check.host("x") end)]], 'there is no check.host, did you mean "hosts"?' },
  { [[acl.rcpt(function(m) return lookup.lsearh("a", "b") end)]], 'there is no lookup.lsearh, did you mean "lsearch"?' },
  { [[router.a { driver = "acept", transport = "box" }]], 'there is no router driver "acept", did you mean "accept"?' },
  { [[router.a { driver = "accept", transport = "bx" }]], 'there is no transport "bx", did you mean "box"?' },
  { [[router.a { driver = "accept" }]], "router.a: accept needs a transport" },
  { [[router.a { transport = "box" }]], "router.a needs a driver: accept, dnslookup" },
  { [[router.a { driver = "accept", transport = "box", domain = "x" }]], 'did you mean "domains"?' },
  { [[router.a { driver = "manualroute", transport = "box" }]], "manualroute needs route_list or route_data" },
  { [[router.here { driver = "accept", transport = "box" }]], "router.here is set twice, first at lua:2" },
  { [[transport.out { driver = "smpt" }]], 'there is no transport driver "smpt", did you mean "smtp"?' },
  { [[transport.out { driver = "smtp", host = "x" }]], 'did you mean "hosts"?' },
  { [[transport.out { driver = "smtp", port = 99999 }]], "a port is a number from 1 to 65535" },
  { [[retry { "*", "*", "F,2h,15m" }]], "retry is called as retry.rule" },
  { [[retry.rule { "*", "*", "X,2h,15m" }]], "a step begins with F (fixed)" },
  { [[retry.rule { "*", "*", "F,2h" }]], "a step is LETTER,until,interval, as in F,2h,15m" },
  { [[event.on("msg:delivered", function() end)]], 'did you mean "msg:delivery"?' },
  { [[domainlist.local_domains = { "x" }]], "domainlist.local_domains is set twice" },
  { [[domainlist.other = 5]], "a list is a text or a table" },
  { [[rewrite.rule { "*@a", "b@c", flags = "Z" }]], 'there is no flag "Z"' },
  { [[io.open "/etc/passwd"]], "files are read with lookup.lsearch" },
  { [[os.execute "ls"]], "programs are run by the pipe transport" },
  { [[print "x"]], "logwrite(text) writes to the log" },
  { [[require "greylist"]], "there is no lib/greylist.lua in the rule directory, and none is shipped" },
  { [[local x = lookup.lsearch("/aliases", "x")]], "waits, and nothing can wait while rules are loaded" },
  { [[local x x.y = 1]], "attempt to index local 'x' (a nil value)" },
  { [[local t = string.rep("x", 1e9)]], "string.rep: the result is too long" },
}

-- rule, what the log says: found when it is reached; the client is asked to come back
local RUN = {
  { [[acl.rcpt(function(m) return m["sender_adress"] == "x" end)]], "there is no variable sender_adress; did you mean sender_address?" },
  { [[acl.mail(function(m) local x = m.domain end)]], "domain is not known in phase mail, only in rcpt" },
  { [[acl.rcpt(function(m) local x = m.header.subject end)]], "header is not known in phase rcpt, only in dkim" },
  { [[acl.rcpt(function(m) m.sender_address = "x" end)]], "rules keep what is theirs in m.acl_c_NAME and m.acl_m_NAME" },
  { [[acl.rcpt(function(m) m["acl_q"] = 1 end)]], "rules' own begin with acl_c_" },
  { [[acl.rcpt(function(m) m.acl_m_t = {} end)]], "takes a string, a number, a boolean or nil, not a table" },
  { [[acl.rcpt(function(m) count = 1 end)]], "global count is assigned to after loading: write `local`" },
  { [[acl.rcpt(function(m) table.sort({ 1, 2 }, function(a, b) sleep(1) return a < b end) end)]],
    "nothing can wait inside a callback of table.sort or string.gsub: ask before" },
  { [[acl.rcpt(function(m) return true end)]], "the function returned true; answers are accept()" },
  { [[acl.rcpt(function(m) return deny end)]], "the function returned deny itself, without ()" },
  { [[acl.rcpt(function(m) return deny { mesage = "550 x" } end)]], 'not "mesage", did you mean "message"?' },
  { [[acl.rcpt(function(m) if check.hosts("+relay_form") then return accept() end end)]], 'did you mean "relay_from"?' },
  { [[acl.rcpt(function(m) check.acl("nobody") end)]], "there is no acl.sub.nobody" },
  { [[acl.rcpt(function(m) return path("/var/mail", "..") end)]], '".." is not one safe component' },
  { [[acl.rcpt(function(m) header.add("A: b\nC: d") end)]], "a header holds a line end: add one field at a time" },
  { [[acl.rcpt(function(m) store.put("a", "k", {}) end)]], "store keeps strings, numbers and booleans, not a table" },
  { [[local M acl.mail(function(m) M = m end) acl.rcpt(function(m) local x = M.domain end)]], "this mail object has expired" },
  { [[acl.sub.x { accept { acl = "x" } } acl.rcpt { accept { acl = "x" } }]], "ACLs call each other more than 20 deep" },
  { [[acl.rcpt(function(m) while true do end end)]], "the rules ran longer than 1 s" },
  { [[acl.rcpt(function(m) local x = lookup.lsearch("/nofile", "x") end)]], "lookup.lsearch: " },
  { [[acl.rcpt(function(m) return path("x") end)]], 'lua:4: path: the root must be an absolute path without . and .., not "x"' },
}

-- an option that is a function, what the delivery's line says
local OPTION = {
  { [[router.a { driver = "redirect", domains = "b.example", data = function(m) return path("x", "y") end }]], 'lua:4: path: the root' },
  { [[router.a { driver = "redirect", domains = "b.example", file = function(m) return path("x", "y") end }]], 'lua:4: path: the root' },
  { [[router.a { driver = "accept", transport = "box", domains = "b.example", condition = function(m) return lookup.cidr(1) end }]], 'lua:4: lookup.cidr: the key must be' },
  { [[router.a { driver = "accept", transport = "box", domains = "b.example", set = { r_a = function(m) return path("x", "y") end } }]], 'lua:4: path: the root' },
  { [[router.a { driver = "accept", transport = "t", domains = "b.example" }
transport.t { driver = "appendfile", directory = function(m) return path("x", "y") end }]], 'lua:5: path: the root' },
  { [[router.a(function(m) return path("x", "y") end)]], 'lua:4: path: the root' },
}

describe("a mistake in a rule", function()
  for _, case in ipairs(LOAD) do
    it("is refused with its place and a way out: " .. case[1], function()
      local ok, why = world.load { lua = SITE .. case[1] }
      assert.is_nil(ok)
      assert.truthy(why:find(case[2], 1, true), why)
      assert.truthy(why:find "lua:4: ", why)
    end)
  end

  for _, case in ipairs(RUN) do
    it("that only shows when it is reached defers, and the log has its place: " .. case[1], function()
      local w = world.new { lua = SITE .. case[1] .. "\nacl.rcpt { accept {} }" }
      local s = w:session {}
      local reply = s:mail "a@there.example"
      if reply.code == 250 then reply = s:rcpt "b@example.org" end
      assert.reply(reply, "451")
      local line = w:logged(case[2])
      assert.truthy(line, table.concat(w:log(), "\n"))
    end)
  end

  for _, case in ipairs(OPTION) do
    it("in an option has its place, behind a tail call too: " .. case[1], function()
      local w = world.new { lua = SITE .. case[1] .. "\nacl.rcpt { accept {} }" }
      w:send { to = "a@b.example" }
      assert.truthy(w:logged(case[2]), table.concat(w:log(), "\n"))
    end)
  end

  for _, body in ipairs {
    'local t = {} for i = 1, 1e9 do t[i] = ("x"):rep(1000) .. i end',
    'local s = "x" for i = 1, 60 do s = s .. s end',
    'local t = {} for i = 1, 1e9 do t[#t + 1] = {} end',
    'local t = {} while true do table.insert(t, ("x"):rep(1e6) .. #t) end',
    'local t = {} pcall(function() while true do t[#t + 1] = ("y"):rep(1e5) .. #t end end)',
    'local t = {} for i = 1, 1e9 do t[i] = m.sender_address .. i .. ("x"):rep(500) end',
    'local t = {} for i = 1, 1e6 do t[i] = table.concat({ ("x"):rep(1e6), i }) end',
    'local s = ("x"):rep(1e6) for i = 1, 1e6 do s = s:upper() .. s:lower() end',
  } do
    it("that takes too much memory is logged with its place: " .. body, function()
      local w = world.new { lua = SITE .. "acl.mail(function(m)\n" .. body .. "\nend)" }
      assert.reply(w:session {}:mail "a@there.example", "451")
      local line = w:logged "memory"
      assert.truthy(line and line:find("lua:5: ", 1, true), table.concat(w:log(), "\n") .. table.concat(w:log "panic", "\n"))
    end)
  end

  it("in a name is seen before the function runs: a warning for variables", function()
    local w = world.new { lua = SITE .. "acl.rcpt(function(m) return m.sender_adress and deny() end)" }
    assert.reply(w:session {}:mail "a@there.example", "250")
  end)
end)
