-- What a message holds: the mime ACLs, regex, mime_regex, decode, and what rules may ask in code.
local world = require "perigee.world"

local SITE = [[
domainlist.local_domains = { "example.org" } site { primary_hostname = "mx.example.org", qualify_domain = "example.org" }
router.here { driver = "accept", domains = "+local_domains", transport = "box" }
transport.box { driver = "appendfile", maildir_format = true, directory = "/box" }
acl.rcpt { accept { domains = "+local_domains" }, deny {} }
]]

local function new(rules) return world.new { lua = SITE .. rules } end
local function send(w, text) return w:send { from = "a@there.example", to = "b@example.org", text = text } end

-- What the rules said with logwrite("SAID ..."), in order.
local function said(w)
  local list = {}
  for _, line in ipairs(w:log()) do list[#list + 1] = line:match "SAID (.*)$" end
  return list
end

local LETTER = table.concat({
  "Subject: two parts", "MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="b1"', "",
  "preamble", "--b1", "Content-Type: TEXT/plain; charset=UTF-8", "", "Good day,", "casino royale", "--b1",
  'Content-Type: application/octet-stream; name="a.pdf"', "Content-Transfer-Encoding: BASE64", "Content-ID: <One@x>",
  "Content-Description: =?utf-8?q?caf=C3=A9?=", "Content-Disposition: Attachment; filename*=utf-8''%C3%BCbel.exe; filename=\"x.txt\"", "",
  "TVqQAAMAAAAEAAAA", "--b1--", "" }, "\n")

describe("the mime ACL", function()
  it("is asked about each part in order, before the data ACL, with what the part says", function()
    local w = new [[
      acl.mime(function(m)
        logwrite(("SAID %d %s %s %s %s %s %s"):format(m.mime_part_count, tostring(m.mime_content_type), tostring(m.mime_charset),
          tostring(m.mime_content_disposition), tostring(m.mime_filename), tostring(m.mime_is_coverletter), tostring(m.mime_content_size)))
        if m.mime_part_count == 2 then
          logwrite("SAID " .. table.concat({ m.mime_content_transfer_encoding, m.mime_content_id, m.mime_content_description,
            table.concat(m.mime_filenames, "|"), tostring(m.mime_is_multipart), tostring(m.mime_is_rfc822), m.mime_anomaly_level }, " "))
        end
        if m.mime_is_multipart then logwrite("SAID " .. m.mime_boundary) end
      end)
      acl.data(function(m) logwrite("SAID data " .. m.mime_part_count) end)
    ]]
    assert.reply(send(w, LETTER), "250")
    assert.same({
      "0 multipart/mixed nil nil nil true 0", "b1",
      "1 text/plain UTF-8 nil nil true 1",
      "2 application/octet-stream nil attachment übel.exe false 1",
      "base64 <One@x> café übel.exe|x.txt|a.pdf false false 0",
      "data 2",
    }, said(w))
  end)

  it("is not asked about a message without Content-Type, whose count is -1", function()
    local w = new [[
      acl.mime { deny { message = "550 5.7.1 no parts here" } }
      acl.data(function(m) logwrite("SAID " .. m.mime_part_count) end)
    ]]
    assert.reply(send(w, "Subject: plain\n\ntext\n"), "250")
    assert.same({ "-1" }, said(w))
  end)

  it("refuses the message with the first no, and says so in the log", function()
    local w = new [[
      acl.mime(function(m)
        logwrite("SAID " .. m.mime_part_count)
        for _, name in ipairs(m.mime_filenames) do
          if name:lower():find "%.exe$" then return deny("550 5.7.1 no programs, please: " .. m.mime_content_type) end
        end
      end)
      acl.data(function(m) logwrite("SAID data") end)
    ]]
    assert.reply(send(w, LETTER), "550 5.7.1 no programs, please: application/octet-stream")
    assert.same({ "0", "1", "2" }, said(w))
    assert.logged(w, "rejected during MIME ACL checks: no programs, please")
    assert.equal(0, #w:queue())
  end)

  it("defers, discards and drops as other ACLs do", function()
    for rule, reply in pairs { defer = "451", discard = "250", drop = "550" } do
      local w = new("acl.mime { " .. rule .. " {} }")
      assert.reply(send(w, LETTER), reply)
      w:advance "1m"
      assert.equal(0, #w:queue())
      assert.equal(0, #w:deliveries())
      w:close()
    end
  end)

  it("takes the parts of attached messages after the message's own, with a count of their own", function()
    local w = new [[
      acl.mime(function(m)
        logwrite(("SAID %s %d %s %s"):format(m.mime_is_rfc822 and "in" or "out", m.mime_part_count, tostring(m.mime_content_type), tostring(m.mime_filename)))
      end)
      acl.data(function(m) logwrite("SAID data " .. m.mime_part_count) end)
    ]]
    -- the second is encoded although it may not be; mail programs open it all the same
    -- Content-Type: application/zip; name=in2.zip, an empty line, PK
    local base64 = "Q29udGVudC1UeXBlOiBhcHBsaWNhdGlvbi96aXA7IG5hbWU9aW4yLnppcAoKUEsK"
    assert.reply(send(w, "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n" ..
      "Content-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: image/png; name=in1.png\n\nx\n--c--\n" ..
      "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" .. base64 .. "\n--b\nContent-Type: text/html\n\nlast\n--b--\n"), "250")
    assert.same({ "out 0 multipart/mixed nil", "out 1 message/rfc822 nil", "out 2 message/rfc822 nil", "out 3 text/html nil",
      "in 0 multipart/mixed nil", "in 1 image/png in1.png", "in 0 application/zip in2.zip", "data 3" }, said(w))
  end)

  it("sees what is wrong with a part", function()
    local w = new [[
      acl.mime(function(m) if m.mime_anomaly_level >= 1 then logwrite("SAID " .. m.mime_anomaly_level .. " " .. m.mime_anomaly_text) end end)
    ]]
    assert.reply(send(w, "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\n\nQUJ!D\n" ..
      "--b\nContent-Type: text/plain\nContent-Type: text/html\n\nx\n"), "250")
    assert.same({ "3 a multipart has no end", "2 Broken BASE64 encoding detected", "3 a Content- field stands twice" }, said(w))
  end)

  it("does not let through what it cannot see whole", function()
    local w = new [[ acl.mime { accept {} } ]]
    local parts = { "Content-Type: multipart/mixed; boundary=b\n\n" }
    for _ = 1, 10001 do parts[#parts + 1] = "--b\n\nx\n" end
    assert.reply(send(w, table.concat(parts)), "550 5.7.1 the message cannot be checked: it has more than 10000 parts")
    w:close()
    w = new ""
    assert.reply(send(w, table.concat(parts)), "250")
  end)

  it("waits where its rules wait, and answers late", function()
    local w = new [[ acl.mime(function(m) sleep(5) if m.mime_part_count == 2 then return deny("550 5.7.1 after a while") end end) ]]
    assert.reply(send(w, LETTER), "550 5.7.1 after a while")
  end)

  it("may wait while the client goes away", function()
    local w = new [[ acl.mime(function(m) logwrite("SAID part") sleep(60) end) acl.notquit(function(m) logwrite("SAID gone") end) ]]
    local s = w:session {}
    s:mail "a@there.example"
    s:rcpt "b@example.org"
    s:say "DATA"
    s:send(LETTER:gsub("\n", "\r\n") .. ".\r\n")
    s:close()
    w:advance "5m"
    assert.same({ "part", "gone" }, said(w))
    assert.equal(0, #w:queue())
  end)

  it("of submissions is not_smtp_mime", function()
    local w = new [[
      acl.not_smtp_mime(function(m) if m.mime_filename == "übel.exe" then return deny("550 no programs") end end)
    ]]
    local id, why = w:submit { from = "a@example.org", to = "b@example.org", text = LETTER }
    assert.is_nil(id)
    assert.truthy(why:find "no programs")
    assert.truthy(w:submit { from = "a@example.org", to = "b@example.org", text = "Subject: x\n\ntext\n" })
  end)
end)

describe("regex and mime_regex", function()
  it("match lines of the message, its header included, and keep what they caught", function()
    local w = new [=[
      acl.data {
        deny { regex = { "nothing of this", [[^(?i)CASINO (r(oya)le)$]] },
               message = function(m) return ("550 5.7.1 %s %s %s|%s"):format(m.regex[1], m.regex2, m.regex[0], m.regex_match_string) end },
      }
    ]=]
    assert.reply(send(w, LETTER), "550 5.7.1 royale oya casino royale|^(?i)CASINO (r(oya)le)$")
    assert.reply(send(w, "Subject: casino royale\n\nx\n"), "250")
    assert.reply(send(w, "Subject: x\n\ncasino\nroyale\n"), "250")
    w:close()
    w = new [[ acl.data { deny { regex = "^Subject: bad" } } ]]
    assert.reply(send(w, "Subject: bad\n\nx\n"), "550")
    assert.reply(send(w, "Subject: good\n\nSubject: bad, in the body\n"), "550")
    assert.reply(send(w, "Subject: good\n\nx Subject: bad\n"), "250")
  end)

  it("look, in the mime ACL, at the part as it is and at what it decodes to", function()
    local w = new [=[
      acl.mime {
        warn { regex = "TVqQ", logwrite = function(m) return "SAID raw " .. m.mime_part_count end },
        warn { mime_regex = [[^MZ\x90\x00]], logwrite = function(m) return "SAID program " .. m.mime_part_count end },
        warn { mime_regex = "day,\r\ncas", logwrite = function(m) return "SAID lines " .. m.mime_part_count end },
      }
    ]=]
    assert.reply(send(w, LETTER), "250")
    -- the multipart holds its parts as they are; the bytes 4D 5A 90 00 are no UTF-8, so \x90 is not found as a character
    assert.same({ "raw 0", "lines 0", "lines 1", "raw 2" }, said(w))
  end)

  it("are asked in code, too, and negated", function()
    local w = new [=[
      acl.data(function(m)
        if check.regex("c(as)ino") then logwrite("SAID " .. m.regex[1]) end
        if not check.regex("no such", "thing") then logwrite("SAID no") end
      end)
      acl.data { warn { not_regex = "no such thing", logwrite = "SAID not" } }
    ]=]
    assert.reply(send(w, LETTER), "250")
    assert.same({ "as", "no", "not" }, said(w))
  end)

  it("are an error, and the message deferred, when an expression meets its limits", function()
    local w = new [=[ acl.data { deny { regex = [[^(a+)+$]] } } ]=]
    assert.reply(send(w, "Subject: x\n\n" .. ("a"):rep(40) .. "!\n"), "451")
    assert.logged(w, "match limit exceeded")
  end)

  it("are refused at load when an expression is wrong, with its place", function()
    local ok, why = world.load { lua = SITE .. 'acl.data { deny { regex = "a(b" } }' }
    assert.is_nil(ok)
    assert.truthy(why:find('lua:5: regex: the regular expression "a(b" is wrong: missing closing parenthesis', 1, true), why)
    ok, why = world.load { lua = SITE .. 'acl.data { deny { mime_regex = "x" } }' }
    assert.is_nil(ok)
    assert.truthy(why:find('condition "mime_regex" cannot be used in the data ACL', 1, true), why)
  end)

  it("go through a long body in turns", function()
    local w = new [[ acl.data { deny { regex = "^the last line$" } } ]]
    local lines = {}
    for i = 1, 40000 do lines[i] = "line " .. i .. " of a message that is long enough for many pieces" end
    assert.reply(send(w, "Subject: x\n\n" .. table.concat(lines, "\n") .. "\n"), "250")
    assert.reply(send(w, "Subject: x\n\n" .. table.concat(lines, "\n") .. "\nthe last line\n"), "550")
  end)
end)

describe("decode", function()
  it("says where the file is; in a world without a disk it is not written", function()
    local w = new [[
      acl.mime { warn { decode = "default", logwrite = function(m) return "SAID " .. m.mime_decoded_filename end } }
      acl.mime(function(m)
        if m.mime_part_count == 2 then check.decode("report.bin") logwrite("SAID " .. m.mime_decoded_filename) end
        if m.mime_part_count == 1 then logwrite("SAID " .. tostring(check.decode(false))) end
      end)
    ]]
    assert.reply(send(w, LETTER), "250")
    local id = w:queue()[1] and w:queue()[1].id or w:deliveries()[1].id
    local at = "(memory)/scan/" .. id .. "/"
    assert.same({ at .. id .. "-00000", at .. id .. "-00001", "false", at .. id .. "-00002", at .. "report.bin" }, said(w))
  end)

  it("takes no name that leaves the scan directory", function()
    for _, name in ipairs { "../x", ".x", "-x", "a/../b", "a//b", "" .. "a\1" } do
      local ok, why = world.load { lua = SITE .. ("acl.mime { warn { decode = %q } }"):format(name) }
      assert.is_nil(ok, name)
      assert.truthy(why:find("is no safe name", 1, true), why)
    end
    local w = new [[ acl.mime { warn { decode = function(m) return m.header.subject end } } ]]
    for _, name in ipairs { "../x", "/etc/passwd", "/spool/scan/../x", "a/./b" } do
      assert.reply(send(w, "Subject: " .. name .. "\nContent-Type: text/plain\n\nx\n"), "451")
    end
  end)
end)

describe("mime.parts and mime.content", function()
  it("show every part to a rule, without a mime ACL", function()
    local w = new [[
      acl.data(function(m)
        local parts, limit = mime.parts()
        for _, p in ipairs(parts) do
          logwrite(("SAID %d %s %s %s %d %s"):format(p.number, tostring(p.parent), p.type, tostring(p.filename), p.size, tostring(p.is_coverletter)))
        end
        logwrite("SAID " .. tostring(limit) .. " " .. mime.content(parts[2]) .. "|" .. mime.content(3, 2) .. "|" .. #mime.content(3))
      end)
    ]]
    assert.reply(send(w, LETTER), "250")
    local list = said(w)
    assert.same({ "1 nil multipart/mixed nil 0 true", "2 1 text/plain nil 24 true", "3 1 application/octet-stream übel.exe 12 false" },
      { list[1], list[2], list[3] })
    assert.truthy(list[4]:find "^nil Good day,.*casino royale|MZ|12$", list[4])
  end)

  it("say what they cannot do", function()
    local w = new [[ acl.data(function(m) local part = mime.content(9) end) ]]
    assert.reply(send(w, LETTER), "451")
    assert.logged(w, "mime.content: the message has no such part")
    w:close()
    w = new [[ acl.mail(function(m) local parts = mime.parts() end) ]]
    assert.reply(send(w, LETTER), "451")
    assert.logged(w, "mime.parts has no message to look at in phase mail")
  end)

  it("are there for routers, too", function()
    local w = new [[ router.late { driver = "accept", transport = "box",
      condition = function(m) logwrite("SAID " .. #mime.parts() .. " " .. mime.content(3, 2)) return true end } ]]
    assert.reply(send(w, LETTER), "250")
    w:advance "1m"
  end)
end)

describe("what is counted of a message", function()
  local RULE = [[
    local function count(m) logwrite("SAID " .. m.body_linecount .. " " .. m.body_zerocount .. " " .. m.message_body_size .. " " ..
      m.message_linecount .. " " .. m.max_received_linelength .. " " .. m.message_size .. " " .. m.received_count) end
    acl.data(count) acl.not_smtp(count)
  ]]

  it("LS-T1: body_linecount is right for a message with lines that end in LF, and for one that came by SMTP", function()
    local w = new(RULE)
    local text = "Received: by x\nSubject: xyz\n\none\n\nthree, the longest of them all\n"
    assert.reply(send(w, text), "250")
    assert.truthy(w:submit { from = "a@example.org", to = "b@example.org", text = text })
    assert.same({ "3 0 39 5 30 71 1", "3 0 39 5 30 71 1" }, said(w))
  end)

  it("LS-T2: body_zerocount counts the NULs of the body", function()
    local w = new(RULE)
    local text = "Subject: x\n\na\0b\0\n\0\0\n"
    assert.reply(send(w, text), "250")
    assert.truthy(w:submit { from = "a@example.org", to = "b@example.org", text = text })
    assert.same({ "2 4 10 3 10 24 0", "2 4 10 3 10 24 0" }, said(w))
  end)
end)

describe("docs/guide/content.md", function()
  local f = assert(io.open "docs/guide/content.md")
  local page, n = f:read "*a", 0
  f:close()
  for example in page:gmatch "```lua\n(.-)```" do
    n = n + 1
    it("has rules that load and take a plain message, example " .. n, function()
      local w = new(example)
      assert.reply(send(w, "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>x</p>\n--b--\n"), "250")
    end)
  end

  it("refuses what it says it refuses", function()
    local w = new((page:match "```lua\n(.-)```"))
    assert.reply(send(w, LETTER), "550 5.7.1 attachments that are programs")
    assert.reply(send(w, LETTER:gsub("Content%-Disposition[^\n]*", "X: y"):gsub('name="a.pdf"', "name=a.PDF")), "550 5.7.1 attachments that are programs")
    assert.reply(send(w, "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n"), "550 5.6.0 this message may be read in more than one way: a multipart has no end")
  end)
end)
