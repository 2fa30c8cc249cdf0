-- Main options about local senders, letters, MX records and what rules see of a body.
local world = require "perigee.world"

local ROUTES = [[
acl.rcpt { accept {} }
router.dns { driver = "dnslookup", transport = "out" }
transport.out { driver = "smtp" }
]]
local ZONE = [[
a.example. MX 10 192.0.2.1.
b.example. MX 10 mx.b.example.
mx.b.example. A 192.0.2.2
]]

local function new(options, more)
  local w = world.new { lua = "site { primary_hostname = 'here.example', " .. options .. " }\n" .. (more or ROUTES), zone = ZONE }
  w:peer "192.0.2.1"
  w:peer "192.0.2.2"
  return w
end

-- A message from a local program; the sender and the header as kept.
local function submitted(w, m)
  m.to = m.to or "x@b.example"
  m.text = m.text or "From: a@there.example\nSubject: x\n\nx\n"
  assert(w:submit(m))
  local row = w:queue()[#w:queue()]
  return row.sender, w:message(row.id)
end

describe("a local program's sender", function()
  it("is its own unless it is trusted (trusted_users, trusted_groups)", function()
    for options, sender in pairs {
      [""] = "tester@here.example", ['trusted_users = "1000"'] = "a@there.example", ['trusted_users = "0 : 999"'] = "tester@here.example",
      ["trusted_groups = { 1000 }"] = "a@there.example", ['trusted_users = "root"'] = "tester@here.example",
    } do
      local w = new("queue_only = true, " .. options)
      assert.equal(sender, (submitted(w, { from = "a@there.example", trusted = false })))
    end
  end)

  it("may be what untrusted_set_sender lets everybody say", function()
    local w = new 'queue_only = true, untrusted_set_sender = "*@there.example : ^bob@"'
    assert.equal("a@there.example", (submitted(w, { from = "a@there.example", trusted = false })))
    assert.equal("bob@any.example", (submitted(w, { from = "bob@any.example", trusted = false })))
    assert.equal("tester@here.example", (submitted(w, { from = "a@other.example", trusted = false })))
    assert.equal("a@other.example", (submitted(new 'queue_only = true, untrusted_set_sender = "*"', { from = "a@other.example", trusted = false })))
  end)

  it("gets a Sender: field if From: says another, prefixes and suffixes aside (local_from_prefix, local_from_suffix)", function()
    local function has_sender(options, from)
      local _, text = submitted(new("queue_only = true, " .. options), { trusted = false, text = "From: " .. from .. "\n\nx\n" })
      return text:find("\nSender: tester@here.example", 1, true) ~= nil
    end
    assert.is_true(has_sender("", "list-tester@here.example"))
    assert.is_false(has_sender("", "tester@here.example"))
    assert.is_false(has_sender('local_from_prefix = "*-"', "any-list-tester@here.example"))
    assert.is_false(has_sender('local_from_prefix = "list-"', "list-tester@here.example"))
    assert.is_true(has_sender('local_from_prefix = "list-"', "other-tester@here.example"))
    assert.is_false(has_sender('local_from_suffix = "+* : -list"', "tester+spam@here.example"))
    assert.is_false(has_sender('local_from_suffix = "+* : -list"', "tester-list@here.example"))
    assert.is_true(has_sender('local_from_suffix = "+* : -list"', "tester-lists@here.example"))
    assert.is_true(has_sender('local_from_prefix = "*-", local_from_suffix = "-*"', "a-tester@other.example"))
  end)
end)

describe("freeze_tell", function()
  local RULES = 'acl.rcpt { warn { local_parts = "ice", control = "freeze" }, warn { local_parts = "quiet", control = "freeze/no_tell" }, accept {} }\n'
    .. 'router.cold { driver = "manualroute", local_parts = "cold", route_list = "* 127.0.0.1", self = "freeze", transport = "out" }\n' .. ROUTES:gsub("^[^\n]*\n", "")

  it("writes to those who want to know, from rules and from routers", function()
    local w = new('freeze_tell = "boss@b.example, root"', RULES)
    w:send { to = "ice@b.example" }
    w:send { to = "cold@b.example" }
    w:advance "1m"
    local heard = w:heard "192.0.2.2"
    local _, letters = heard:gsub("RCPT TO:<boss@b.example>", "")
    assert.equal(2, letters)
    assert.truthy(heard:find("The sender is <a@there.example>.", 1, true))
    assert.truthy(heard:find("(remote host address is the local host: 127.0.0.1)", 1, true))
    assert.truthy(w:logged "root@here.example")
  end)

  it("does not when told so, nor about reports", function()
    local w = new('freeze_tell = "boss@b.example"', RULES)
    w:send { to = "quiet@b.example" }
    w:send { to = "ice@b.example", from = "" }
    w:advance "1m"
    assert.is_nil((w:heard "192.0.2.2" or ""):find("boss", 1, true))
  end)
end)

describe("allow_mx_to_ip", function()
  it("takes an address for a host, if set", function()
    for set, logged in pairs { ["true"] = "=> x@a.example R=dns T=out H=192.0.2.1 [192.0.2.1]", ["false"] = "** x@a.example: Unrouteable address" } do
      local w = new("allow_mx_to_ip = " .. set)
      w:send { to = "x@a.example" }
      assert.logged(w, logged)
    end
  end)
end)

describe("message_body_visible and message_body_newlines", function()
  it("say how much rules see of a body, and how", function()
    local rules = [[acl.rcpt { accept {} } acl.data(function(m) return deny("550 5.7.1 " .. m.message_body:gsub("\n", "|") .. "<>" .. m.message_body_end:gsub("\n", "|")) end)]]
    local function seen(options) return new(options, rules):send { to = "x@b.example", text = "A: b\n\none\ntwo\nthree\n" } end
    assert.reply(seen "", "550 5.7.1 one two three <>one two three ")
    assert.reply(seen "message_body_newlines = true", "550 5.7.1 one|two|three|<>one|two|three|")
    assert.reply(seen "message_body_visible = 7", "550 5.7.1 one tw<>three ")
  end)
end)
