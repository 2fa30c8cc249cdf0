-- autoreply: who is answered, with what, and who never is (RFC 3834)

local world = require "perigee.world"

local function new(options)
  return world.new { rules = { "spec/accept/site.lua" }, lua = [[
router.away { driver = "accept", local_parts = "ann", domains = "+local_domains", transport = "vacation", unseen = true }
router.here { driver = "accept", domains = "+local_domains", transport = "mailbox" }
router.out  { driver = "accept", transport = "remote" }
transport.remote { driver = "appendfile", file = "/mail/out" }
acl.rcpt { accept {} }
transport.vacation { driver = "autoreply", to = function(m) return m.sender_address end, ]] .. options .. " }" }
end

-- The reply: the one delivery that did not go to ann's own mailbox.
local function reply(w)
  local found
  for _, d in ipairs(w:deliveries()) do
    if d.transport == "remote" then
      assert.falsy(found, "two replies")
      found = d
    end
  end
  return found
end

local PLAIN = 'subject = "Away", text = "I am away."'

describe("autoreply", function()
  it("answers the sender from the null sender, says it is automatic, and the message is delivered all the same", function()
    local w = new(PLAIN)
    w:send { from = "bob@there.example", to = "ann@example.org", text = "From: bob@there.example\nMessage-ID: <1@there>\nReferences: <0@there>\nSubject: hi\n\nx\n" }
    local r = reply(w)
    assert.equals("bob@there.example", r.recipient)
    for _, line in ipairs { "\nFrom: ann@example.org\r", "\nTo: bob@there.example\r", "\nSubject: Away\r", "\nAuto-Submitted: auto-replied\r",
                            "\nIn-Reply-To: <1@there>\r", "\nReferences: <0@there>\r\n <1@there>\r", "\nDate: ", "\nMessage-Id: ",
                            "\r\n\r\nI am away.\r\n" } do
      assert.truthy(r.message:find(line, 1, true), line .. "\nin\n" .. r.message)
    end
    assert.logged(w, "=> >bob@there.example <ann@example.org> R=away T=vacation")
    assert.logged(w, "<= <> R=")
    assert.equals(2, #w:deliveries())
    assert.equals(0, #w:queue())
  end)

  it("encodes what is not ASCII, and no text of a stranger becomes a field", function()
    local w = new 'subject = function(m) return "Ré: " .. m.header.subject end, from = "Änn <ann@example.org>", text = "grüße", headers = { "X-Mine: 1" }'
    w:send { from = "bob@there.example", to = "ann@example.org", text = "Subject: a\nSubject: Bcc: x@y.example\n\nx\n" }
    local r = reply(w)
    assert.truthy(r.message:find("Subject: =?UTF-8?B?", 1, true), r.message)
    assert.truthy(r.message:find("From: =?UTF-8?B?w4Rubg==?= <ann@example.org>", 1, true), r.message)
    assert.truthy(r.message:find("Content-Type: text/plain; charset=utf-8\r\n", 1, true), r.message)
    assert.truthy(r.message:find("\nX-Mine: 1\r\n", 1, true), r.message)
    assert.falsy(r.message:find("\nBcc:", 1, true), r.message)
  end)

  it("answers nothing that is automatic, of a list, from a program or from nobody", function()
    local rows = {
      { "bob@there.example", "Auto-Submitted: auto-replied" }, { "bob@there.example", "Precedence: bulk" },
      { "bob@there.example", "Precedence: list" }, { "bob@there.example", "List-Id: <l.there.example>" },
      { "owner-list@there.example", "Subject: x" }, { "list-request@there.example", "Subject: x" },
      { "MAILER-DAEMON@there.example", "Subject: x" }, { "", "Subject: x" },
    }
    for _, row in ipairs(rows) do
      local w = new(PLAIN)
      w:send { from = row[1], to = "ann@example.org", text = row[2] .. "\n\nx\n" }
      assert.falsy(reply(w), row[1] .. " " .. row[2])
      assert.logged(w, "=> (no reply: ")
      assert.equals(0, #w:queue())
    end
  end)

  it("answers mail that says Auto-Submitted: no", function()
    local w = new(PLAIN)
    w:send { from = "bob@there.example", to = "ann@example.org", text = "Auto-Submitted: no\n\nx\n" }
    assert.truthy(reply(w))
  end)

  it("tells a third one about mail of a list, but not about automatic mail", function()
    for _, row in ipairs { { "List-Id: <l.there.example>", true }, { "Auto-Submitted: auto-generated", false } } do
      local w = new(PLAIN .. ', cc = "watch@far.example"' .. ', bcc = "log@far.example"')
      w:send { from = "", to = "ann@example.org", text = row[1] .. "\n\nx\n" }
      local n = 0
      for _, d in ipairs(w:deliveries()) do if d.transport == "remote" then n = n + 1 end end
      assert.equals(row[2] and 2 or 0, n, row[1])
    end
  end)

  it("never writes to never_mail, however it is spelt, and to nobody if nobody is left", function()
    local w = new(PLAIN .. ', never_mail = { "*@there.example" }, cc = "Watch@Far.example"')
    w:send { from = "Bob@There.example", to = "ann@example.org" }
    local r = reply(w)
    assert.equals("Watch@far.example", r.recipient)
    assert.falsy(r.message:lower():find("there.example\r\n", 1, true), r.message)
    w = new(PLAIN .. ', never_mail = function(m) return { m.sender_address } end')
    w:send { from = "bob@there.example", to = "ann@example.org" }
    assert.falsy(reply(w))
    assert.logged(w, "(no reply: there is nobody to write to)")
  end)

  it("writes to nobody where a stranger's text is no list of addresses", function()
    local w = world.new { rules = { "spec/accept/site.lua" }, lua = [[
router.away { driver = "accept", domains = "+local_domains", transport = "vacation" }
acl.rcpt { accept {} }
transport.vacation { driver = "autoreply", to = function(m) return m.header.reply_to end, text = "x" }]] }
    w:send { from = "bob@there.example", to = "ann@example.org", text = "Reply-To: a@b.example, <<x\n\nx\n" }
    assert.equals(0, #w:deliveries())
    assert.equals(0, #w:queue())
  end)

  it("gives the message back under return_message, up to bounce_return_size_limit", function()
    local w = new(PLAIN .. ', return_message = true')
    w:send { from = "bob@there.example", to = "ann@example.org", text = "Subject: hi\n\nunder the text\n" }
    assert.truthy(reply(w).message:find("I am away.\r\n\r\n------ This is a copy of the message, including all the headers.\r\n\r\n", 1, true))
    assert.truthy(reply(w).message:find("\r\n\r\nunder the text\r\n", 1, true), reply(w).message)
    w = new(PLAIN .. ', return_message = true }\nsite { bounce_return_size_limit = "1K"')
    w:send { from = "bob@there.example", to = "ann@example.org", text = "Subject: hi\n\n" .. ("long\n"):rep(1000) }
    assert.truthy(reply(w).message:find("(the rest is left out)", 1, true))
    assert.truthy(#reply(w).message < 3000)
  end)

  it("writes once to somebody, and again after once_repeat; a world keeps that in memory", function()
    local w = new(PLAIN .. ', once = "/var/once/ann", once_repeat = "7d", log = "/var/once/log"')
    local function answered() return select(2, table.concat(w:log(), "\n"):gsub("=> >bob@there%.example", "")) end
    for _ = 1, 2 do w:send { from = "bob@there.example", to = "ann@example.org" } end
    assert.equals(1, answered())
    assert.logged(w, "(no reply: one was sent before)")
    w:send { from = "eve@there.example", to = "ann@example.org" }
    assert.logged(w, "=> >eve@there.example")
    w:advance "8d"
    w:send { from = "bob@there.example", to = "ann@example.org" }
    assert.equals(2, answered())
  end)

  it("reads its text from below the rule directory only in a world", function()
    local w = new(PLAIN .. ', file = "/etc/hostname"')
    w:send { from = "bob@there.example", to = "ann@example.org" }
    assert.logged(w, "no files outside of the rule directory in a hermetic world: /etc/hostname")
  end)

  it("must write to somebody, and not into relative paths", function()
    for option, text in pairs { ['text = "x"'] = "writes to nobody", ['to = "a@b.example", once = "once"'] = "must begin with /" } do
      local ok, why = world.load { rules = { "spec/accept/site.lua" }, lua = 'transport.a { driver = "autoreply", ' .. option .. " }" }
      assert.falsy(ok)
      assert.truthy(why:find(text, 1, true), why)
    end
  end)
end)

describe("queuefile", function()
  it("needs a directory, an absolute one", function()
    for option, text in pairs { [""] = "directory must be set", [', directory = "out"'] = "must begin with /" } do
      local ok, why = world.load { rules = { "spec/accept/site.lua" }, lua = 'transport.a { driver = "queuefile"' .. option .. " }" }
      assert.falsy(ok)
      assert.truthy(why:find(text, 1, true), why)
    end
  end)

  it("shows in a world what the pair would hold", function()
    local w = world.new { rules = { "spec/accept/site.lua" }, lua = [[
acl.rcpt { accept {} }
router.all { driver = "accept", transport = "handover" }
transport.handover { driver = "queuefile", directory = function(m) return path("/var/out", m.domain) end }]] }
    w:send { from = "a@there.example", to = "b@example.org", text = "Subject: kept\n\nthe text\n" }
    local d = w:deliveries()[1]
    assert.equals("b@example.org handover", d.recipient .. " " .. d.transport)
    assert.matches("^/var/out/%.?/?example%.org/%w+%-%w+%-%w+$", d.file)
    assert.matches("\nSubject: kept\r\n\r\nthe text\r\n$", d.message)
    assert.equals(0, #w:queue())
  end)
end)

describe("programs of a world", function()
  local RULES = [[
acl.rcpt { accept {} }
router.ask { driver = "queryprogram", domains = "asked.example", command = "/usr/bin/where", transport = "box" }
router.all { driver = "accept", transport = "prog" }
transport.box { driver = "appendfile", file = "/mail/box", transport_filter = "/usr/bin/stamp" }
transport.prog { driver = "pipe", command = { "/usr/bin/take", "it" }, return_fail_output = true }]]

  local function new_world() return world.new { rules = { "spec/accept/site.lua" }, lua = RULES } end

  it("are not run; one that nobody spoke of is for later, and the log says what to write", function()
    local w = new_world()
    w:send { from = "a@there.example", to = "b@example.org" }
    assert.logged(w, 'no programs in a hermetic world: a spec says what it answers, w:program("/usr/bin/take", { output = "..." })')
    assert.equals(1, #w:queue())
    w:program "/usr/bin/take"
    w:command "run"
    assert.equals(0, #w:queue())
    assert.equals("/usr/bin/take", w:deliveries()[1].file)
    assert.matches("Subject: ", w:deliveries()[1].message)
  end)

  it("fail as a spec says", function()
    local w = new_world()
    w:program("/usr/bin/take", { status = 1, output = "no room\n" })
    w:send { from = "a@there.example", to = "b@example.org" }
    assert.logged(w, "the program returned exit code 1")
    w:program("/usr/bin/take", { status = 75 })
    w:send { from = "c@there.example", to = "b@example.org" }
    assert.logged(w, "== b@example.org R=all T=prog defer (0): the program returned exit code 75")
  end)

  it("say where mail goes, and what a filter makes of it", function()
    local w = new_world()
    w:program("/usr/bin/where", { output = "accept\n" })
    w:program("/usr/bin/stamp", { output = "Subject: stamped\n\nother text\n" })
    w:send { from = "a@there.example", to = "b@asked.example" }
    local d = w:deliveries()[1]
    assert.equals("box", d and d.transport)
    assert.equals("Subject: stamped\r\n\r\nother text\r\n", d.message)
  end)
end)
