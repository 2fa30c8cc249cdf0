-- R8.7: no function, word or option crashes or hangs on any value.
--
-- Made from the tables of core/policy/api: what is added there is tried here. Every call must end: with a value,
-- an error, or a budget's; and the engine must answer afterwards.
local world = require "perigee.world"

local tables = dofile "spec/api.lua"

-- Values as Lua source; C is a table that holds itself, D one that is 20,000 deep.
local PREAMBLE = "local C = {} C[1], C.x, C[C] = C, C, C local D = {} for i = 1, 20000 do D = { D } end " ..
  "local M = setmetatable({}, { __index = function() error 'x' end, __tostring = function() return {} end, __len = function() return 1e9 end, " ..
  "__call = function(...) return ... end }) "
local VALUES = {
  "nil", "0", "-1", "1.5", "2^31", "2^53", "-2^63", "1e308", "-1e308", "0/0", "1/0", "-1/0", "''", "' '", "'x'", "('x'):rep(1048576)", "'a\\0b'",
  "'\\255\\254'", "'%s%n%99999d'", "'(((((a*)*)*)*)*)*$'", "('('):rep(5000)", "'../../etc/passwd'", "'a\\r\\nb: c'", "'1/0/0/0'", "':'", "'! ! !'", "'+'",
  "'<'", "'/'", "true", "false", "{}", "{ {} }", "{ 1, nil, 3 }", "{ [0] = 1 }", "{ x = 1 }", "C", "D", "M", "function() end", "function() return {} end",
  "function() error({}) end", "function() return ('x'):rep(1048576) end", "function() return 0/0 end", "function(...) return ... end",
  "coroutine.create(function() end)", "print_nothing",
}

-- Each alone, and in the places after a harmless one; then some together.
local CALLS = [[
(function(...)
  local m = m
  %s
  local V = { %s }
  local n, calls = %d, 0
  local f = %s
  if type(f) ~= "function" then return type(f) == "table" and "table" or "none" end
  local function call(...) calls = calls + 1 coroutine.resume(coroutine.create(f), ...) end
  call() call(m) call("x", m) call(m, m, m, m)
  for i = 1, n do local v = V[i] call(v) call("x", v) call(v, "x") call("x", "y", v) call("x", v, v, v) call(m, v) end
  for i = 1, n, 5 do for k = 2, n, 7 do call(V[i], V[k]) call(V[k], V[i], V[k]) end end
  return calls
end)()]]

local function source(list)
  local parts = {}
  for i, v in ipairs(list) do parts[i] = v == "print_nothing" and "rawget({}, 1)" or v end
  return table.concat(parts, ", ")
end

local SITE = [[
domainlist.local_domains = { "example.org" } hostlist.relay_from = { "127.0.0.1" } site { primary_hostname = "mx.example.org" }
router.here { driver = "accept", domains = "+local_domains", transport = "box" }
transport.box { driver = "appendfile", maildir_format = true, directory = "/box" }
]]

local function alive(w)
  assert.equal("[2]\n", w:eval("1 + 1"))
end

local function fresh() return world.new { lua = SITE, zone = "there.example. A 192.0.2.1" } end

-- ---- functions

describe("a function called with anything", function()
  local names = {}
  for _, row in ipairs(tables.fn) do
    if not row.feature and not row.name:find(":", 1, true) then names[#names + 1] = row.name end
  end
  for _, kind in ipairs { "condition", "control" } do
    for _, row in ipairs(tables.word) do
      if row.kind == kind and not row.feature then names[#names + 1] = (kind == "control" and "control." or "check.") .. row.name end
    end
  end
  for _, name in ipairs { "accept", "defer", "deny", "discard", "drop", "warn", "demand", "domainlist.local_domains.has", "lookup.try.lsearch",
                          "dns.try.a", "verify.try.sender", "string.rep", "string.find", "string.match", "string.gmatch", "string.gsub",
                          "string.format", "table.concat", "table.sort", "table.insert", "load", "pcall", "xpcall", "setmetatable", "rawset",
                          "tostring", "select", "unpack", "coroutine.wrap", "coroutine.resume" } do names[#names + 1] = name end

  -- one phase each, and by turns: some words are at home in it and some are not
  local PHASES_OF = { "rcpt", "connect", "data", "route", "event" }
  for i, name in ipairs(names) do
    it("ends, and the engine lives: " .. name, function()
      for _, phase in ipairs { PHASES_OF[i % #PHASES_OF + 1] } do
        local w = fresh()
        local code = CALLS:format(PREAMBLE, source(VALUES), #VALUES, name)
        local began = os.clock()
        local out, why = w:eval(code, { phase = phase, client = "203.0.113.9", sender = "a@there.example" })
        if out then
          assert.truthy(tonumber(out:match "^%[(%d+)%]") or out:find "table", name .. " is no function: " .. out)
        else
          assert.truthy(why:find("ran longer", 1, true) or why:find("memory", 1, true) or why:find("no answer in a minute", 1, true), why)
        end
        assert(os.clock() - began < 20, "it took too long")
        alive(w)
        w:close()
      end
    end)
  end
end)

-- ---- words of statements

local PHASES = { "rcpt", "mail", "data", "connect", "helo", "predata", "mime", "dkim", "quit", "not_smtp", "auth", "vrfy" }

local function phase_of(row)
  for _, phase in ipairs(PHASES) do if not row.phases or rawget(row.phases, phase) then return phase end end
  return "rcpt"
end

local CONVERSATION = "EHLO there.example\r\nMAIL FROM:<a@there.example>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"

local function converse(w)
  local s = w:session { helo = false }
  s:send(CONVERSATION)
  for _ = 1, 4 do
    local reply = s:reply()
    if reply.code == 0 then break end
    assert.truthy(reply.code >= 200 and reply.code < 600)
  end
  if not s:over() then s:send("Subject: x\r\n\r\nx\r\n.\r\nVRFY x\r\nQUIT\r\n") end
  s:close()
end

-- Loads a file with one statement a line; those that are refused are left out, and the rest is run.
local function load_and_run(lines)
  local began = os.clock()
  local good, why = world.load { lua = SITE .. PREAMBLE .. "\n" .. table.concat(lines, "\n") }
  if not good then
    assert.equal("string", type(why))
    local bad = {}
    for n in why:gmatch "lua:(%d+):" do bad[tonumber(n) - 4] = true end
    local left = {}
    for i, line in ipairs(lines) do if not bad[i] then left[#left + 1] = line end end
    lines = left
  end
  local ok, w = pcall(world.new, { lua = SITE .. PREAMBLE .. "\n" .. table.concat(lines, "\n") .. "\nacl.rcpt { accept {} }",
                                   zone = "there.example. A 192.0.2.1" })
  if ok then
    converse(w)
    alive(w)
    w:close()
  end
  assert(os.clock() - began < 60, "it took too long")
end

describe("a statement with anything for a word", function()
  for _, row in ipairs(tables.word) do
    if (row.kind == "condition" or row.kind == "modifier") and not row.feature then
      it("is refused or runs: " .. row.name, function()
        local lines = {}
        for _, value in ipairs(VALUES) do
          if value ~= "nil" then
            lines[#lines + 1] = ("acl.%s { warn { %s = %s } }"):format(phase_of(row), row.name, value == "print_nothing" and "{ nil }" or value)
          end
        end
        load_and_run(lines)
      end)
    end
  end

  it("is refused or runs: controls with options that make no sense", function()
    local lines = {}
    for _, row in ipairs(tables.word) do
      if row.kind == "control" and not row.feature then
        for _, more in ipairs { "", "/", "/x=y", "/%s", "/" .. ("x"):rep(100000), "/-1", "/nan", "/\\0" } do
          lines[#lines + 1] = ('acl.%s { warn { control = "%s%s" } }'):format(phase_of(row), row.name, more)
        end
      end
    end
    load_and_run(lines)
  end)
end)

-- ---- options

describe("an option with anything for a value", function()
  local DRIVERS = { router = "accept", transport = "smtp" }
  for _, value in ipairs(VALUES) do
    if value ~= "nil" then
      it("is refused or taken: " .. value, function()
        for _, kind in ipairs { "main", "router", "transport" } do
          local lines, n = {}, 0
          for _, row in ipairs(tables.option) do
            if row.kind == kind and not row.feature and not row.never and row.name ~= "driver" then
              n = n + 1
              local text = value == "print_nothing" and "{ nil }" or value
              lines[n] = kind == "main" and ("site { %s = %s }"):format(row.name, text)
                or ("%s.o%d { driver = %q, %s = %s }"):format(kind, n, row.drivers and row.drivers[1] or DRIVERS[kind], row.name, text)
            end
          end
          local began = os.clock()
          local good, why = world.load { lua = PREAMBLE .. "\n" .. table.concat(lines, "\n") }
          assert.truthy(good or type(why) == "string")
          assert(os.clock() - began < 30, "it took too long")
        end
      end)
    end
  end
end)
