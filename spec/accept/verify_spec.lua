-- verify: forms that need no other host: headers, CSA, quota.

local world = require "perigee.world"

local BASE = [[
site { primary_hostname = "mx.example.org", qualify_domain = "example.org" }
domainlist.local_domains = { "example.org" }
router.dns { driver = "dnslookup", domains = "! +local_domains", transport = "remote" }
router.mailboxes { driver = "accept", domains = "+local_domains", local_parts = "! nobody", transport = "box" }
transport.remote { driver = "smtp" }
transport.box { driver = "appendfile", directory = function(m) return path("/tmp/box", m.local_part) end, maildir_format = true,
  quota = "10K", mailbox_size = function(m) return m.local_part == "full" and "10K" or "1K" end }
]]

local ZONE = [[
there.example. MX 10 mx.there.example.
mx.there.example. A 192.0.2.1
slow.example. SERVFAIL
_client._smtp.good.example. SRV 1 2 0 good.example.
good.example. A 203.0.113.9
good.example. A 192.0.2.77
_client._smtp.other.example. SRV 1 2 0 elsewhere.example.
elsewhere.example. A 192.0.2.78
_client._smtp.never.example. SRV 1 1 0 never.example.
_client._smtp.where.example. SRV 1 3 0 where.example.
_client._smtp.none.example. SRV 1 2 0 .
_client._smtp.strict.example. SRV 1 2 1 strict.example.
_client._smtp.broken.example. SERVFAIL
_client._smtp.lost.example. SRV 1 2 0 slow.example.
_client._smtp.9.113.0.203.in-addr.arpa. SRV 1 1 0 x.example.
]]

local function new(rules) return world.new { lua = BASE .. rules, zone = ZONE, deliver = false } end

local function data(w, text, from, to)
  local s = w:session {}
  s:mail(from or "a@there.example")
  for _, r in ipairs(to or { "b@example.org" }) do s:rcpt(r) end
  local r = s:data(text)
  s:quit()
  return r
end

describe("verify of the header", function()
  it("header_sender: one of Sender, Reply-To and From that can be verified is enough", function()
    local w = new 'acl.rcpt { accept {} } acl.data { demand { verify = "header_sender" }, accept {} }'
    assert.reply(data(w, "From: x@there.example\n\ntext\n"), "250")
    assert.reply(data(w, "From: x@nowhere.example\nReply-To: Someone <y@there.example>\n\ntext\n"), "250")
    local r = data(w, "From: x@nowhere.example\n\ntext\n")
    assert.reply(r, "550 5.7.1 x@nowhere.example: Unrouteable address")
    assert.logged(w, "rejected after DATA: there is no valid sender in any header line")
    assert.equal(550, data(w, "Subject: no sender\n\ntext\n").code)
    assert.reply(data(w, "From: x@slow.example\n\ntext\n"), "451")
    assert.logged(w, "all attempts to verify a sender in a header line deferred")
  end)

  it("header_sender: with a callout, from the address of mailfrom", function()
    local w = new 'acl.rcpt { accept {} } acl.data { demand { verify = "header_sender/callout=mailfrom=check@example.org" }, accept {} }'
    w:peer "192.0.2.1"
    assert.reply(data(w, "From: x@there.example\n\ntext\n"), "250")
    local heard = w:heard "192.0.2.1"
    assert.truthy(heard:find("MAIL FROM:<check@example.org>\r\nRCPT TO:<x@there.example>", 1, true))
    w:peer("192.0.2.1", { rcpt = "550 no" })
    assert.equal(550, data(w, "From: y@there.example\n\ntext\n").code)
  end)

  it("header_syntax and header_names_ascii say which header", function()
    local w = new [[acl.rcpt { accept {} }
      acl.data { demand { verify = { "header_syntax", "header_names_ascii" } }, accept {} }]]
    assert.reply(data(w, "From: x@there.example\nX-Fine: y\n\ntext\n"), "250")
    assert.equal(550, data(w, "From: <x@there.example\n\ntext\n").code)
    assert.reply(data(w, "From: x@there.example\nX-\195\164: y\n\ntext\n"), "550 5.7.1 Invalid character in header")
  end)

  it("not_blind: a recipient who stands in neither To nor Cc was a blind one", function()
    local w = new 'acl.rcpt { accept {} } acl.data { demand { verify = "not_blind" }, accept {} }'
    assert.reply(data(w, "To: B <b@example.org>\n\ntext\n"), "250")
    assert.reply(data(w, "To: b@example.org\nCc: c@EXAMPLE.org\n\ntext\n", nil, { "b@example.org", "c@example.org" }), "250")
    assert.reply(data(w, "To: b@example.org\n\ntext\n", nil, { "b@example.org", "c@example.org" }), "550 5.7.1 bcc recipient detected")
    assert.equal(550, data(w, "To: B@example.org\n\ntext\n").code)
    w = new 'acl.rcpt { accept {} } acl.data { demand { verify = "not_blind/case_insensitive" }, accept {} }'
    assert.reply(data(w, "To: B@example.org\n\ntext\n"), "250")
  end)
end)

describe("verify of the sender", function()
  local function asked(w, text)
    local n = 0
    for _ in (w:heard "192.0.2.1" or ""):gmatch(text) do n = n + 1 end
    return n
  end
  local function two(rules, reply)
    local w = new(rules)
    w:peer("192.0.2.1", reply)
    local s = w:session {}
    s:mail "x@there.example"
    local first, second = s:rcpt "a@example.org", s:rcpt "b@example.org"
    return w, first, second, s
  end

  it("is asked once a message, with the same options", function()
    local w, first, second, s = two 'acl.rcpt { demand { verify = "sender/callout=no_cache" }, accept {} }'
    assert.reply(first, "250")
    assert.reply(second, "250")
    assert.equal(1, asked(w, "RCPT TO:<x@there.example>"))
    s:rset()
    s:mail "x@there.example"
    assert.reply(s:rcpt "a@example.org", "250")
    assert.equal(2, asked(w, "RCPT TO:<x@there.example>"))
  end)

  it("is asked again with other options", function()
    local w, first, second = two [[acl.rcpt { demand { verify = "sender/callout=no_cache" }, demand { verify = "sender/callout=no_cache,postmaster" }, accept {} }]]
    assert.reply(first, "250")
    assert.reply(second, "250")
    assert.equal(2, asked(w, "RCPT TO:<x@there.example>"))
  end)

  it("stays refused, with its reason, and is logged once", function()
    local w, first, second = two('acl.rcpt { demand { verify = "sender/callout=no_cache" }, accept {} }', { rcpt = "550 no" })
    assert.equal(550, first.code)
    assert.equal(550, second.code)
    assert.equal(first.text, second.text)
    local lines = 0
    for _, line in ipairs(w:log "main") do if line:find("sender verify fail for <x@there.example>", 1, true) then lines = lines + 1 end end
    assert.equal(1, lines)
    assert.equal(1, asked(w, "RCPT TO:<x@there.example>"))
  end)

  it("is asked again while it cannot be found out", function()
    local w, first, second = two('acl.rcpt { demand { verify = "sender/callout=no_cache" }, accept {} }', { rcpt = "451 busy" })
    assert.equal(451, first.code)
    assert.equal(451, second.code)
    assert.equal(2, asked(w, "RCPT TO:<x@there.example>"))
  end)
end)

describe("verify = csa", function()
  local function ask(helo, rules, client)
    local w = new(rules or 'acl.mail { warn { verify = "csa" }, accept { message = function(m) return "250 " .. tostring(m.csa_status) end } }')
    local s = w:session { client = client or "203.0.113.9", helo = helo }
    return s:mail "a@there.example", w
  end

  it("says ok, unknown or fail by what the name's owner published", function()
    for helo, status in pairs {
      ["good.example"] = "ok", ["other.example"] = "fail", ["never.example"] = "fail", ["where.example"] = "unknown",
      ["none.example"] = "fail", ["nothing.example"] = "unknown", ["sub.strict.example"] = "fail", ["deep.sub.strict.example"] = "fail",
      ["sub.good.example"] = "unknown", ["[203.0.113.9]"] = "fail",
    } do
      assert.reply((ask(helo)), "250 2.1.0 " .. status)
    end
  end)

  it("refuses only a definite no, and puts off what could not be found out", function()
    local rules = 'acl.mail { demand { verify = "csa" }, accept {} }'
    local r, w = ask("other.example", rules)
    assert.reply(r, "550 5.7.1 client SMTP authorization failed (client address mismatch)")
    assert.logged(w, "client SMTP authorization failed (client address mismatch)")
    assert.reply((ask("nothing.example", rules)), "250")
    assert.reply((ask("broken.example", rules)), "451")
    assert.reply((ask("lost.example", rules)), "451")
    assert.reply((ask("other.example", 'acl.mail { demand { verify = "csa/good.example" }, accept {} }')), "250")
  end)

  it("minds dns_csa_use_reverse and dns_csa_search_limit", function()
    local show = 'acl.mail { warn { verify = "csa" }, accept { message = function(m) return "250 " .. tostring(m.csa_status) end } }'
    assert.reply((ask("[203.0.113.9]", 'site { dns_csa_use_reverse = false } ' .. show)), "250 2.1.0 unknown")
    assert.reply((ask("sub.strict.example", 'site { dns_csa_search_limit = 0 } ' .. show)), "250 2.1.0 unknown")
  end)
end)

describe("verify = recipient/quota", function()
  local RULES = 'acl.rcpt { demand { verify = "recipient/quota%s" }, accept {} }'

  local function ask(w, to, size)
    local s = w:session {}
    s:mail("a@there.example", size and "SIZE=" .. size)
    local r = s:rcpt(to)
    s:close()
    return r
  end

  it("refuses a recipient whose mailbox is full, or would be", function()
    local w = new(RULES:format "")
    assert.reply(ask(w, "b@example.org"), "250")
    assert.reply(ask(w, "full@example.org", 100), "550 5.7.1 mailbox is full")
    assert.reply(ask(w, "c@example.org", 9500), "550 5.7.1 mailbox is full")
    assert.reply(ask(w, "nobody@example.org"), "550 5.7.1 Unrouteable address")
    assert.reply(ask(w, "x@there.example", 9999), "250")
  end)

  it("remembers a no for an hour and a yes for five minutes, or as told", function()
    local w = new(RULES:format "")
    assert.equal(550, ask(w, "c@example.org", 9500).code)
    w:advance "59m"
    assert.equal(550, ask(w, "c@example.org", 10).code)
    w:advance "2m"
    assert.equal(250, ask(w, "c@example.org", 10).code)
    assert.equal(250, ask(w, "c@example.org", 9500).code)
    w:advance "6m"
    assert.equal(550, ask(w, "c@example.org", 9500).code)
    w = new(RULES:format "=cacheneg=10s,cachepos=1s")
    assert.equal(550, ask(w, "c@example.org", 9500).code)
    w:advance "11s"
    assert.equal(250, ask(w, "c@example.org", 10).code)
    w = new(RULES:format "=no_cache")
    assert.equal(550, ask(w, "c@example.org", 9500).code)
    assert.equal(250, ask(w, "c@example.org", 10).code)
  end)

  it("says so in recipient_verify_failure", function()
    local w = new [[acl.rcpt { deny { not_verify = "recipient/quota",
      message = function(m) return "552 5.2.2 " .. m.recipient_verify_failure end }, accept {} }]]
    assert.reply(ask(w, "full@example.org", 100), "552 5.2.2 quota")
  end)
end)
