-- emit_spec - what the tables promise, as specs: build/gen/spec/NAME_spec.lua, run by `make part-accept`
--
-- variables_spec.lua reads every variable in every phase. Phases a session comes through are read by rules of a
-- session, a submission and a delivery; the others by an expression in that phase.

local rows = require "rows"

local function row_text(row)
  local phases = {}
  for _, name in ipairs(rows.phases(row.phases)) do phases[#phases + 1] = name .. "=true" end
  local text = {}
  for _, name in ipairs { row.name, unpack(row.also or {}) } do
    text[#text + 1] = ("  { name=%q, type=%q, phases={%s} },\n"):format(name, row.type, table.concat(phases, ","))
  end
  return table.concat(text)
end

local HEAD = [=[
-- Made by lua/gen from core/policy/api; do not edit.
local world = require "perigee.world"

]=]

local BODY = [=[

-- Reads each name and says in the log what came of it.
local PROBE = [[
local function probe(phase, m)
  for _, name in ipairs(NAMES) do
    local ok, v = pcall(function() return m[name] end)
    local said = ok and "=" .. type(v) .. (type(v) == "number" and v ~= math.floor(v) and " fraction" or "") or tostring(v)
    logwrite("PROBE " .. phase .. " " .. name .. " " .. said)
  end
end
]]

local RULES = [[
site { primary_hostname = "mx.example.org", qualify_domain = "example.org", auth_cleartext_hosts = "*" }
authenticator.plain { driver = "plaintext", public_name = "PLAIN", server_condition = function() return true end }
router.here { driver = "accept", transport = "box", condition = function(m) probe("route", m) return true end }
transport.box { driver = "appendfile", maildir_format = true, directory = function(m) probe("transport", m) return "/box" end }
event.on("msg:delivery", function(m) probe("event", m) end)
]]
local HEARD = { "connect", "helo", "auth", "mailauth", "mail", "rcpt", "predata", "mime", "data", "vrfy", "expn", "quit", "notquit",
                "not_smtp_start", "not_smtp_mime", "not_smtp" }

local function rules()
  local names = {}
  for _, list in ipairs { ROWS, GONE, VIEWS } do
    for _, row in ipairs(list) do names[#names + 1] = ("%q"):format(row.name) end
  end
  local text = { "local NAMES = { ", table.concat(names, ", "), " }\n", PROBE, RULES }
  for _, phase in ipairs(HEARD) do
    text[#text + 1] = ("acl.%s(function(m) probe(%q, m) end)\n"):format(phase, phase)
    if phase == "rcpt" then text[#text + 1] = "acl.rcpt { accept {} }\n" end
  end
  return table.concat(text)
end

local MESSAGE = "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b--\n"
local ZONE = "9.113.0.203.in-addr.arpa. PTR there.example.\nthere.example. A 203.0.113.9"

-- phase -> name -> what was said
local function gather()
  local seen = {}
  local w = world.new { lua = rules(), zone = ZONE }
  local s = w:session { helo = "there.example" }
  assert.reply(s:mail "a@there.example", "250")
  assert.reply(s:rcpt "b@example.org", "250")
  assert.reply(s:data(MESSAGE), "250")
  s:say "VRFY b@example.org"
  s:say "EXPN b@example.org"
  s:quit()
  s = w:session { helo = "there.example" }
  assert.reply(s:say "AUTH PLAIN AGEAYg==", "235")
  assert.reply(s:mail("a@there.example", "AUTH=c@there.example"), "250")
  s:quit()
  w:session { helo = false }:close()
  w:submit { from = "a@example.org", to = "b@example.org", text = MESSAGE }
  w:advance "1m"
  for _, line in ipairs(w:log()) do
    local phase, name, said = line:match "PROBE (%S+) (%S+) (.*)$"
    if phase then
      seen[phase] = seen[phase] or {}
      seen[phase][name] = said
    end
  end
  w:close()
  return seen
end

local LUA = { string = "string", cert = "string", integer = "number", number = "number", boolean = "boolean", list = "table" }

local function judge(row, phase, said, strict)
  local early = row.name .. " is not known in phase " .. phase
  if not row.phases[phase] then
    if not said:find(early, 1, true) then return said end
  elseif said:sub(1, 1) ~= "=" then
    return said
  else
    local base = row.type:gsub("%?$", "")
    local want = "=" .. LUA[base]
    if said == "=nil" and (base ~= row.type or not strict) then return end
    if said ~= want and not (base == "number" and said == want .. " fraction") then return said end
  end
end

describe("every variable in every phase", function()
  local seen = gather()

  for _, phase in ipairs(PHASES) do
    local heard = seen[phase]
    local by = heard and "a rule" or "an expression"
    it("gives a value of its type, nil or the refusal in " .. phase .. ", read by " .. by, function()
      local wrong = {}
      local w = not heard and world.new { lua = (RULES:gsub("probe%b()", "")), zone = ZONE }
      for _, row in ipairs(ROWS) do
        local said
        if heard then
          said = heard[row.name] or "was not read"
        else
          local got, why = w:eval(("type(m[%q])"):format(row.name), { phase = phase, client = "203.0.113.9", sender = "a@there.example" })
          said = got and "=" .. got:match '"(%a+)"' or tostring(why)
        end
        local trouble = judge(row, phase, said, heard)
        if trouble then wrong[#wrong + 1] = row.name .. ": " .. trouble end
      end
      assert.equal("", table.concat(wrong, "\n"))
    end)
  end

  it("is read where its rules are: sessions, submissions and deliveries came through these phases", function()
    for _, phase in ipairs(HEARD) do assert.is_table(seen[phase], phase) end
    for _, phase in ipairs { "route", "transport", "event" } do assert.is_table(seen[phase], phase) end
  end)

  it("says why, where a name has no meaning here", function()
    for _, row in ipairs(GONE) do
      local said = seen.rcpt[row.name]
      local want = "there is no variable " .. row.name .. ": " .. row.text
      assert.truthy(said and said:find(want, 1, true), row.name .. ": " .. tostring(said))
    end
  end)

  it("knows the views of headers and captures, and rules' own variables", function()
    for _, row in ipairs(VIEWS) do
      for phase, names in pairs(seen) do
        local want = not row.phases[phase] and "not known in phase" or row.name:find "_x$" and "=nil" or "=table"
        assert.truthy(names[row.name]:find(want, 1, true), phase .. " " .. row.name .. ": " .. names[row.name])
      end
    end
  end)
end)
]=]

return function(tables, out, write)
  local text = { HEAD, "local ROWS = {\n" }
  for _, row in ipairs(tables.var) do text[#text + 1] = row_text(row) end
  text[#text + 1] = "}\n\nlocal VIEWS = {\n"
  for _, row in ipairs(tables.family) do
    text[#text + 1] = row_text { name = row.name:gsub("%*$", "x"), type = row.type, phases = row.phases }
  end
  text[#text + 1] = "}\n\nlocal GONE = {\n"
  for _, row in ipairs(tables.gone) do text[#text + 1] = ("  { name=%q, text=%q },\n"):format(row.name, row.text) end
  text[#text + 1] = '}\n\nlocal PHASES = { "' .. table.concat(rows.PHASES, '", "') .. '" }\n'
  text[#text + 1] = BODY
  write(out .. "/spec/variables_spec.lua", table.concat(text))
end
