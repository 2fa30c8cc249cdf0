-- rewriting: rules for the envelope, the header, redirected addresses and raw paths

local world = require "perigee.world"

local SITE = [[
acl.mail { accept {} }
acl.rcpt { accept {} }
router.all { driver = "accept", transport = "mailbox" }
]]

local function new(rules)
  return world.new { rules = { "spec/accept/site.lua" }, lua = rules .. "\n" .. SITE }
end

-- Sends one message; the delivery and the world.
local function sent(rules, m)
  local w = new(rules)
  m = m or {}
  local reply = w:send { from = m.from or "ann@old.example", to = m.to or "bob@old.example", text = m.text or "From: Ann <ann@old.example>\n\nx\n" }
  return w:deliveries()[1], w, reply
end

local function header(delivery, name)
  return ("\n" .. delivery.message):gsub("\r\n[ \t]+", " "):match("\n" .. name .. ": ([^\r\n]*)")
end

describe("rewriting what we write ourselves", function()
  it("is as for everybody: bounces and autoreplies have their addresses rewritten", function()
    local w = world.new { rules = { "spec/accept/site.lua" }, lua = [[
rewrite.rule { "mailer-daemon@*", "postmaster@example.org", flags = "f" }
rewrite.rule { "bob@there.example", "robert@there.example", flags = "T" }
rewrite.rule { "away@example.org", "office@example.org", flags = "f" }
acl.rcpt { accept {} }
router.fails { driver = "redirect", local_parts = "nobody", data = ":fail: not here", allow_fail = true }
router.away { driver = "accept", local_parts = "away", transport = "vacation" }
router.all { driver = "accept", transport = "mailbox" }
transport.vacation { driver = "autoreply", to = function(m) return m.sender_address end, text = "x", from = "away@example.org" }]] }
    w:send { from = "bob@there.example", to = "nobody@example.org" }
    local d = w:deliveries()[1]
    assert.equals("robert@there.example", d.recipient)
    assert.matches("\nFrom: [^\n]*postmaster@example%.org", d.message)
    w:send { from = "eve@there.example", to = "away@example.org" }
    d = w:deliveries()[2]
    assert.matches("\nFrom: [^\n]*office@example%.org", d.message)
  end)

  it("does not wait for rules that cannot find out", function()
    local w = world.new { rules = { "spec/accept/site.lua" }, lua = [[
rewrite.rule { "mailer-daemon@*", function(m) error("no way") end, flags = "f" }
acl.rcpt { accept {} }
router.fails { driver = "redirect", local_parts = "nobody", data = ":fail: not here", allow_fail = true }
router.all { driver = "accept", transport = "mailbox" }]] }
    w:send { from = "bob@there.example", to = "nobody@example.org" }
    assert.equals("bob@there.example", w:deliveries()[1].recipient)
    assert.logged(w, " rewriting: ")
  end)
end)

describe("rewriting the envelope", function()
  it("without flags changes sender, recipient and every address field", function()
    local d, w = sent([[rewrite.rule { "*@old.example", "$1@new.example" }]],
      { text = "From: Ann Old <ann@old.example>\nTo: bob@old.example, (Carl) carl@old.example\nCc: d@other.example\nReply-To: <r@old.example>\n\nx\n" })
    assert.equals("bob@new.example", d.recipient)
    assert.logged(w, "<= ann@new.example")
    assert.equals("Ann Old <ann@new.example>", header(d, "From"))
    assert.equals("bob@new.example, (Carl) carl@new.example", header(d, "To"))
    assert.equals("d@other.example", header(d, "Cc"))
    assert.equals("<r@new.example>", header(d, "Reply%-To"))
  end)

  it("obeys the flags for places", function()
    local d, w = sent([[rewrite.rule { "*@old.example", "$1@new.example", flags = "F" }]])
    assert.logged(w, "<= ann@new.example")
    assert.equals("bob@old.example", d.recipient)
    assert.equals("Ann <ann@old.example>", header(d, "From"))
    d, w = sent([[rewrite.rule { "*@old.example", "$1@new.example", flags = "T" }]])
    assert.logged(w, "<= ann@old.example")
    assert.equals("bob@new.example", d.recipient)
    d, w = sent([[rewrite.rule { "*@old.example", "$1@new.example", flags = "f" }]])
    assert.logged(w, "<= ann@old.example")
    assert.equals("Ann <ann@new.example>", header(d, "From"))
    d = sent([[rewrite.rule { "*@old.example", "$1@new.example", flags = "h" }]], { text = "Resent-To: x@old.example\nSender: s@old.example\nBcc: b@old.example\n\nx\n" })
    assert.equals("x@new.example", header(d, "Resent%-To"))
    assert.equals("s@new.example", header(d, "Sender"))
    assert.equals("b@new.example", header(d, "Bcc"))
    assert.equals("bob@old.example", d.recipient)
  end)

  it("keeps what is around an address byte for byte, folds and comments too", function()
    local d = sent([[rewrite.rule { "*@old.example", "$1@new.example", flags = "t" }]],
      { text = "To: \"B, b\" <bob@old.example>,\n\tgroup: c@old.example (see\n (nested)),\n d@old.example;\nSubject: ann@old.example\n\nx\n" })
    assert.truthy(d.message:find("To: \"B, b\" <bob@new.example>,\r\n\tgroup: c@new.example (see\r\n (nested)),\r\n d@new.example;\r\n", 1, true)
      or d.message:find("To: \"B, b\" <bob@new.example>,\n\tgroup: c@new.example (see\n (nested)),\n d@new.example;\n", 1, true), d.message)
    assert.equals("ann@old.example", header(d, "Subject"))
  end)

  it("the null sender is never rewritten", function()
    local _, w = sent([[rewrite.rule { function() return true end, "x@new.example", flags = "F" }]], { from = "" })
    assert.logged(w, "<= <>")
  end)

  it("ACLs before the content see what came, those of DATA and later what it became", function()
    local _, w = sent([[rewrite.rule { "*@old.example", "$1@new.example" }
      acl.predata(function(m) logwrite("before " .. m.sender_address .. " " .. tostring(m.recipients)) end)
      acl.data(function(m) logwrite("after " .. m.sender_address .. " " .. tostring(m.recipients) .. " " .. m.header.from) end)]])
    assert.logged(w, "before ann@old.example")
    assert.logged(w, "after ann@new.example")
    assert.logged(w, "Ann <ann@new.example>")
  end)
end)

describe("rewriting rules, one after the other", function()
  local TO = function(rules, to) return (sent(rules, { to = to or "bob@old.example" })).recipient end

  it("each acts on what the one before made", function()
    assert.equals("bob@c.example", TO [[
      rewrite.rule { "*@old.example", "$1@b.example", flags = "T" }
      rewrite.rule { "*@b.example", "$1@c.example", flags = "T" }]])
  end)

  it("a replacement of * leaves the address alone and ends it", function()
    assert.equals("bob@old.example", TO [[
      rewrite.rule { "bob@old.example", "*", flags = "T" }
      rewrite.rule { "*@old.example", "$1@b.example", flags = "T" }]])
  end)

  it("q ends it where its pattern fits, even when the function declines", function()
    assert.equals("bob@old.example", TO [[
      rewrite.rule { "*@old.example", function() return nil end, flags = "Tq" }
      rewrite.rule { "*@old.example", "$1@b.example", flags = "T" }]])
    assert.equals("bob@b.example", TO [[
      rewrite.rule { "*@old.example", function() return nil end, flags = "T" }
      rewrite.rule { "*@old.example", "$1@b.example", flags = "T" }]])
  end)

  it("R applies a rule again, at most ten times", function()
    assert.equals("a.b.c@old.example", TO([[rewrite.rule { "^(.*)_(.*)@old.example$", "$1.$2@old.example", flags = "TR" }]], "a_b_c@old.example"))
    assert.equals("bobxxxxxxxxxx@old.example", TO [[rewrite.rule { "*@old.example", "$1x@old.example", flags = "TR" }]])
  end)

  it("Q lets a bare local part be qualified; without it that is no address and the rule is passed by", function()
    assert.equals("fred@example.org", TO [[rewrite.rule { "bob@old.example", "fred", flags = "TQ" }]])
    local d, w = sent [[rewrite.rule { "bob@old.example", "fred", flags = "T" }]]
    assert.equals("bob@old.example", d.recipient)
    assert.truthy(w:logged("which is no address", "panic"))
  end)

  it("w replaces a whole header item and encodes what mail cannot carry", function()
    local d = sent [[rewrite.rule { "ann@old.example", "\"Anna Neu\" <anna@new.example>", flags = "fFw" }]]
    assert.equals('"Anna Neu" <anna@new.example>', header(d, "From"))
    d = sent [[rewrite.rule { "ann@old.example", "Ännchen <anna@new.example>", flags = "fw" }]]
    assert.equals("=?utf-8?Q?=C3=84nnchen?= <anna@new.example>", header(d, "From"))
  end)

  it("captures what the stars stood for, and a regular expression's groups", function()
    assert.equals("hearts-wonderland@x.example", TO([[rewrite.rule { "*-queen@*.fict.example", "$1-$2@x.example", flags = "T" }]],
      "hearts-queen@wonderland.fict.example"))
    assert.equals("user7@x.example", TO([[rewrite.rule { "^u(\\d+)@", "user$1@x.example", flags = "T" }]], "u7@old.example"))
    assert.equals("bob+old.example@x.example", TO [[rewrite.rule { "*@+olds", "${local_part}+$domain@x.example", flags = "T" } domainlist.olds = { "old.example" }]])
    assert.equals("3@x.example", TO [[rewrite.rule { "old.example", function(m, address, c) return #c[0]:match("^[^@]*") .. "@x.example" end, flags = "T" }]])
  end)
end)

describe("rewriting elsewhere", function()
  it("addresses that redirection makes are rewritten, unless the router says rewrite = false", function()
    local rules = [[rewrite.rule { "*@old.example", "$1@new.example", flags = "T" }
      router.alias { driver = "redirect", local_parts = "list", data = "one@old.example"%s }]]
    assert.equals("one@new.example", (sent(rules:format "", { to = "list@x.example" })).recipient)
    assert.equals("one@old.example", (sent(rules:format ", rewrite = false", { to = "list@x.example" })).recipient)
  end)

  it("S sees what the client wrote before it is an address", function()
    local w = new [[rewrite.rule { "^(.*)%(.*)@gate\\.example$", "$1@$2", flags = "S" }
      rewrite.rule { "^no at all$", "ann@x.example", flags = "S" }]]
    local s = w:session {}
    assert.reply(s:mail "no at all", "250")
    assert.reply(s:rcpt "bob%inner.example@gate.example", "250")
    assert.reply(s:data "Subject: x\n\nx\n", "250")
    assert.equals("bob@inner.example", w:deliveries()[1].recipient)
    assert.logged(w, "<= ann@x.example")
  end)

  it("verifying a recipient asks about the rewritten one and leaves the recipient as it is", function()
    local w = world.new { rules = { "spec/accept/site.lua" }, lua = [[
      rewrite.rule { "*@old.example", "$1@example.org", flags = "T" }
      acl.mail { accept {} }
      acl.rcpt { demand { verify = "recipient", message = "550 no" }, accept {} }
      router.here { driver = "accept", domains = "example.org", transport = "mailbox" }]] }
    local s = w:session {}
    s:mail "a@b.example"
    assert.reply(s:rcpt "bob@old.example", "250")
    assert.reply(s:rcpt "bob@elsewhere.example", "550")
  end)

  it("mail of local programs is rewritten too", function()
    local w = new [[rewrite.rule { "*@old.example", "$1@new.example" }]]
    w:submit { from = "ann@old.example", to = "bob@old.example", text = "From: ann@old.example\n\nx\n" }
    assert.equals("bob@new.example", w:deliveries()[1].recipient)
  end)

  it("a function that fails defers the message, and nothing is half done", function()
    local w = new [[rewrite.rule { "*@old.example", function() error("oh") end, flags = "T" }]]
    assert.reply(w:send { from = "a@b.example", to = "bob@old.example" }, "451 4.3.0")
    assert.equals(0, #w:queue())
  end)

  it("address_rewrite in log_selector says which rule did what", function()
    local _, w = sent [[site { log_selector = "+address_rewrite" } rewrite.rule { "*@old.example", "$1@new.example", flags = "T" }]]
    assert.logged(w, '"bob@old.example" from env-to rewritten as "bob@new.example" by rule 1')
  end)
end)

describe("headers_rewrite of a transport", function()
  local function through(rules, text)
    local w = world.new { rules = { "spec/accept/site.lua" }, lua = [[acl.mail { accept {} } acl.rcpt { accept {} }
      router.all { driver = "accept", transport = "out", headers_add = "Reply-To: back@old.example" }
      transport.out { driver = "appendfile", maildir_format = true, directory = "/mail/x", headers_add = "Sender: s@old.example",
        headers_rewrite = ]] .. rules .. " }" }
    w:send { from = "ann@old.example", to = "bob@old.example", text = text or "From: Ann <ann@old.example>\nTo: bob@old.example\n\nx\n" }
    return w:deliveries()[1], w
  end

  it("changes the header as it leaves, added fields too, and nothing of the envelope", function()
    local d, w = through [[{ { "*@old.example", "$1@new.example" } }]]
    assert.equals("Ann <ann@new.example>", header(d, "From"))
    assert.equals("bob@new.example", header(d, "To"))
    assert.equals("back@new.example", header(d, "Reply%-To"))
    assert.equals("s@new.example", header(d, "Sender"))
    assert.equals("bob@old.example", d.recipient)
    assert.logged(w, "<= ann@old.example")
  end)

  it("obeys the flags, and takes one rule without the outer braces", function()
    local d = through [[{ "*@old.example", function(m, a) return m.transport_name .. "@new.example" end, flags = "f" }]]
    assert.equals("Ann <out@new.example>", header(d, "From"))
    assert.equals("bob@old.example", header(d, "To"))
  end)

  it("a function that fails defers the delivery", function()
    local d, w = through [[{ { "*@old.example", function() error("oh") end } }]]
    assert.is_nil(d)
    assert.logged(w, "== bob@old.example")
  end)

  it("flags of the envelope are refused", function()
    local _, why = world.load { rules = { "spec/accept/site.lua" }, lua = [[transport.x { driver = "smtp", headers_rewrite = { { "*@a.example", "b@c.example", flags = "F" } } }]] }
    assert.truthy(why and why:find("is about the envelope", 1, true), tostring(why))
  end)
end)

describe("a rewriting rule that makes no sense", function()
  for text, says in pairs {
    ['rewrite.rule { "*@a.example", "$1@b.example", flags = "x" }'] = 'there is no flag "x"',
    ['rewrite.rule { "*@a.example" }'] = "a rewriting rule is { pattern, replacement",
    ['rewrite.rule { "*@a.example", "$x@b.example" }'] = "stands for nothing",
    ['rewrite.rule { "*@a.example", "$1@b.example", flag = "T" }'] = 'did you mean "flags"',
    ['rewrite.rule { "^(", "x@b.example" }'] = "is wrong",
    ['rewrite.rule { "a*b@c.example", "x@b.example" }'] = "may only stand at the beginning",
    ['rewrite.rule { "*@a.example", "x@b.example", flags = "S" }'] = "regular expression as its pattern",
    ['rewrite.rul { "*", "x@b.example" }'] = 'did you mean "rule"',
  } do
    it("is refused with its line: " .. text, function()
      local _, why = world.load { rules = { "spec/accept/site.lua" }, lua = text }
      assert.truthy(why and why:find(says, 1, true), tostring(why))
      assert.truthy(why:find(":1: ", 1, true), why)
    end)
  end
end)
