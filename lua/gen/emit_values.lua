-- emit_values - what variables are in one conversation, as a spec: build/gen/spec/values_spec.lua
--
-- core/policy/api/values.lua says what each expression gives and in which phase; docs/ref/vars.md shows the conversation
-- and the values. Rules that write every value into the log go through it here.

local SCENE = {
  rules = [[
site { primary_hostname = "mx.example.org", qualify_domain = "example.org", host_lookup = "*" }
domainlist.local_domains = { "example.org" }
router.people { driver = "accept", domains = "+local_domains", transport = "mailbox",
                local_part_suffix = "+*", local_part_suffix_optional = true,
                address_data = "shelf 4", set = { r_kept = "a year" } }
router.out    { driver = "dnslookup", transport = "remote" }
transport.mailbox { driver = "appendfile", maildir_format = true, directory = "/mail/ann" }
transport.remote  { driver = "smtp" }]],
  zone = [[
there.example. A 203.0.113.9
9.113.0.203.in-addr.arpa. PTR there.example.
elsewhere.example. MX 10 mx.elsewhere.example.
mx.elsewhere.example. A 192.0.2.1]],
  says = [[
EHLO there.example
MAIL FROM:<bob@there.example>
RCPT TO:<ann+news@example.org>
RCPT TO:<cat@elsewhere.example>
DATA
From: Bob <bob@there.example>
Reply-To: office@there.example
Subject: =?utf-8?q?caf=C3=A9?=
X-Note: one
X-Note: two
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=cut

--cut
Content-Type: text/plain; charset=utf-8
Content-Disposition: attachment; filename=a.txt
Content-ID: <a@there.example>
Content-Description: first words
Content-Transfer-Encoding: 7bit

hello
--cut--
.]],
}

local HEAD = [=[
-- Made by lua/gen from core/policy/api/values.lua; do not edit.
local world = require "perigee.world"

]=]

local BODY = [=[

-- Each value as JSON, several as an array; the first time a phase comes.
local PROBE = [[
local said = {}
local function as_json(n, ...)
  local out = {}
  for i = 1, n do
    local v = select(i, ...)
    out[i] = v == nil and "null" or json.encode(v)
  end
  return table.concat(out, ",")
end
local function count(...) return as_json(select("#", ...), ...) end
local function show(phase, m)
  if said[phase] then return end
  said[phase] = true
  for i, one in ipairs(EXPRESSIONS) do
    if one[1] == phase then logwrite("VALUE " .. i .. " " .. count(one[2](m))) end
  end
end
]]

local PHASES = { "connect", "helo", "auth", "mailauth", "mail", "rcpt", "predata", "mime", "data", "notquit", "not_smtp" }

local function rules()
  local text = { "local EXPRESSIONS = {\n" }
  for _, one in ipairs(VALUES) do text[#text + 1] = ("{ %q, function(m) return %s end },\n"):format(one[1], one[2]) end
  text[#text + 1] = "}\n" .. PROBE .. "\n"
  text[#text + 1] = (RULES:gsub("\nrouter.people { ", "\nrouter.people { condition = function(m) show('route', m) return true end, ")
                          :gsub('directory = ("[^"]*")', "directory = function(m) show('transport', m) return %1 end")) .. "\n"
  text[#text + 1] = [[
site { auth_cleartext_hosts = "*" }
authenticator.plain { driver = "plaintext", public_name = "PLAIN", server_condition = function() return true end }
event.on("msg:delivery", function(m) if m.domain ~= "example.org" then show("event", m) end end)
]]
  for _, phase in ipairs(PHASES) do text[#text + 1] = ("acl.%s(function(m) show(%q, m) end)\n"):format(phase, phase) end
  text[#text + 1] = "acl.mime(function(m) if not m.mime_is_multipart then show('mime part', m) end end)\n"
  text[#text + 1] = "acl.rcpt { accept {} }\n"
  return table.concat(text)
end

local function talk(w)
  local s, inside = w:session { helo = false }, false
  for line in (SAYS .. "\n"):gmatch "(.-)\n" do
    if inside and line ~= "." then s:send(line .. "\r\n")
    else
      local reply = s:say(line)
      assert.truthy(reply.code < 400, line .. ": " .. tostring(reply) .. "\n" .. table.concat(w:log(), "\n"))
      inside = line == "DATA"
    end
  end
  s:close()
end

describe("the variables of docs/ref/vars.md", function()
  local w = world.new { lua = rules(), zone = ZONE, now = "2026-03-04T05:06:07Z" }
  w:peer "192.0.2.1"
  talk(w)
  local s = w:session {}
  assert.reply(s:say "AUTH PLAIN AGEAYg==", "235")
  assert.reply(s:mail("a@there.example", "AUTH=c@there.example"), "250")
  s:quit()
  w:submit { from = "ann@example.org", to = "ann@example.org", text = "Subject: x\n\ntext\n" }
  w:advance "1m"
  local got = {}
  for _, line in ipairs(w:log()) do
    local i, value = line:match "VALUE (%d+) (.*)$"
    if i then got[tonumber(i)] = value end
  end
  w:close()

  it("have the values that stand behind the arrows, each in its phase", function()
    local wrong = {}
    for i, one in ipairs(VALUES) do
      if got[i] ~= one[3] then wrong[#wrong + 1] = ("%s: %s --> %s, not %s"):format(one[1], one[2], got[i] or "(never read)", one[3]) end
    end
    assert.equal("", table.concat(wrong, "\n"))
  end)
end)
]=]

local M = { scene = SCENE }

function M.emit(tables, out, write)
  local text = { HEAD }
  text[#text + 1] = ("local RULES = %q\nlocal ZONE = %q\nlocal SAYS = %q\nlocal VALUES = {\n"):format(SCENE.rules, SCENE.zone, SCENE.says)
  for _, one in ipairs(tables.values) do
    text[#text + 1] = ("  { %q, %q, %q },\n"):format(one.phase, one.expression, one.is)
  end
  text[#text + 1] = "}\n" .. BODY
  write(out .. "/spec/values_spec.lua", table.concat(text))
end

return M
