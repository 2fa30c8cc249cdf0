-- prelude - the first Lua that runs in a state: it builds what the rest sees
--
-- It is given the C functions, those among them that wait, the limited string and table
-- functions, and LuaJIT's globals. What it hands on is everything rules and
-- lua/mail can reach (R8.2); see lua/host/README.md for what `host` offers.

local host, waits, limited, G = ...

local error, pcall, type, select, rawget, rawset = G.error, G.pcall, G.type, G.select, G.rawget, G.rawset
local getmetatable, setmetatable, next, tostring = G.getmetatable, G.setmetatable, G.next, G.tostring
local take, mark = limited.take, limited.mark

-- ---- calls that wait: begin, be parked, take what came

local function waiter(begin)
  return function(...)
    begin(...)
    return take()
  end
end
for name, begin in next, waits do host[name] = waiter(begin) end

-- ---- the mail object: a fast read, and those that must be fetched first

do
  local get, check, rows = host.gate_get, host.gate_check, host.gate_waits()
  local fetch = {}
  for name, by in next, rows do
    if not waits[by] then error("variable " .. name .. ": there is no function " .. by) end
    fetch[name] = waits[by]
  end
  limited.box.__index = function(m, name)
    local begin = fetch[name]
    if begin then
      check(m, name)
      -- true: it is there already
      if not begin(m) then take() end
    end
    return get(m, name)
  end
  host.gate_get, host.gate_check, host.gate_waits = nil, nil, nil
end

-- ---- coroutines: a wait passes outwards to the engine

local coroutine = {}
do
  local create, resume, yield, status, running = G.coroutine.create, G.coroutine.resume, G.coroutine.yield,
    G.coroutine.status, G.coroutine.running
  -- Those that rules made. An evaluation's own must not be resumed by anybody else.
  local made = setmetatable({}, { __mode = "k" })
  local may_wait, drop = host.may_wait, host.drop_wait

  local function pass(co, ok, what, ...)
    if ok and what == mark then
      if not may_wait() then
        drop()
        return error("nothing can wait inside a callback of table.sort or string.gsub: ask before, and use the answers there", 3)
      end
      yield(mark)
      return pass(co, resume(co))
    end
    return ok, what, ...
  end

  local function own(co, name)
    if not made[co] then error("bad argument #1 to '" .. name .. "' (a coroutine made by coroutine.create)", 3) end
    return co
  end

  function coroutine.create(f)
    if type(f) ~= "function" then error("bad argument #1 to 'create' (function expected)", 2) end
    local co = create(f)
    made[co] = true
    return co
  end

  function coroutine.resume(co, ...) return pass(own(co, "resume"), resume(co, ...)) end

  local function unwrap(ok, ...)
    if ok then return ... end
    return error((...), 0)
  end
  function coroutine.wrap(f)
    local co = coroutine.create(f)
    return function(...) return unwrap(pass(co, resume(co, ...))) end
  end

  function coroutine.yield(...)
    local co = running()
    if not co or not made[co] then error("attempt to yield outside of a coroutine of the rules", 2) end
    return yield(...)
  end

  function coroutine.status(co) return status(own(co, "status")) end

  function coroutine.running()
    local co = running()
    return co and made[co] and co or nil
  end
end

-- ---- what is replaced because a hook cannot stop it or it reaches too far

-- The handler of LuaJIT's xpcall runs where no hook fires; here it runs after
-- the error was caught.
local function caught(handler, ok, ...)
  if ok then return true, ... end
  return false, select(2, pcall(handler, ...))
end
local function xpcall(f, handler, ...) return caught(handler, pcall(f, ...)) end

local function locked_away(t)
  local mt = getmetatable(t)
  return mt ~= nil and (type(mt) ~= "table" or rawget(mt, "__metatable") ~= nil)
end

local function safe_rawset(t, k, v)
  if type(t) ~= "table" then error("bad argument #1 to 'rawset' (table expected)", 2) end
  if locked_away(t) then error("this table cannot be changed", 2) end
  return rawset(t, k, v)
end

local tbl = {}
for _, name in next, { "insert", "remove", "maxn" } do tbl[name] = G.table[name] end
for name, f in next, limited.table do tbl[name] = f end
tbl.unpack = G.unpack

-- Always with a function: comparing long texts in C cannot be stopped.
local raw_sort = G.table.sort
local function less(a, b) return a < b end
function tbl.sort(t, f)
  if f ~= nil and type(f) ~= "function" then error("bad argument #2 to 'sort' (function expected)", 2) end
  return raw_sort(t, f or less)
end

local raw_insert = tbl.insert
function tbl.insert(t, ...)
  if select("#", ...) == 2 then
    local at = ...
    if type(t) == "table" and type(at) == "number" and (at < 1 or at > #t + 1) then
      error("bad argument #2 to 'insert' (position out of bounds)", 2)
    end
  end
  return raw_insert(t, ...)
end

local str = {}
for _, name in next, { "byte", "char", "format", "len", "lower", "reverse", "sub", "upper" } do str[name] = G.string[name] end
for name, f in next, limited.string do str[name] = f end

local math = {}
for name, f in next, G.math do math[name] = f end
math.random, math.randomseed = host.math_random, nil
local os = { time = host.os_time(G.os.time), date = host.os_date(G.os.date), clock = host.os_clock }
host.math_random, host.os_time, host.os_date, host.os_clock = nil, nil, nil, nil
local bit = {}
for name, f in next, G.bit do bit[name] = f end

-- The methods of strings; their metatable is out of reach.
local smt = getmetatable("")
smt.__index, smt.__metatable = str, false

-- ---- environments

local base = {
  _VERSION = G._VERSION, assert = G.assert, error = error, getmetatable = getmetatable, ipairs = G.ipairs, next = next,
  pairs = G.pairs, pcall = pcall, rawequal = G.rawequal, rawget = rawget, rawlen = G.rawlen, rawset = safe_rawset,
  select = select, setmetatable = setmetatable, tonumber = G.tonumber, tostring = tostring, type = type,
  unpack = G.unpack, xpcall = xpcall,
}

function base.collectgarbage(what)
  if what ~= "count" then error("collectgarbage: only \"count\" may be asked for", 2) end
  return host.memory() / 1024
end

-- A table that reads like t and cannot be written to.
local function read_only(t, what)
  return setmetatable({}, {
    __index = t, __metatable = false,
    __newindex = function(_, name) error(what .. "." .. tostring(name) .. " cannot be changed", 2) end,
  })
end

local libraries = { string = str, table = tbl, math = math, os = os, bit = bit, coroutine = coroutine }

-- For the chunks of this program.
local inner = {}
for name, v in next, base do inner[name] = v end
for name, v in next, libraries do inner[name] = v end
setmetatable(inner, { __metatable = false, __newindex = function(_, name)
  error("global " .. tostring(name) .. " is assigned to", 2)
end })

-- For rules: they see host.rules through an empty table, and may add to it until it is closed.
local rules, closed = {}, false
for name, v in next, base do rules[name] = v end
for name, v in next, libraries do rules[name] = read_only(v, name) end
-- What os can do elsewhere is looked for here, too.
do
  local missing = { execute = "programs are run by the pipe transport", getenv = "rules have no environment",
    remove = "rules change no files", rename = "rules change no files", exit = "an error(...) ends an evaluation",
    tmpname = "rules write no files", setlocale = "there is one locale" }
  setmetatable(os, { __metatable = false, __index = function(_, name)
    if missing[name] then error("there is no os." .. name .. ": " .. missing[name], 2) end
  end })
end
local seen = setmetatable({}, {
  __index = rules, __metatable = false,
  __newindex = function(_, name, v)
    if closed then
      error("global " .. tostring(name) .. " is assigned to after loading: " ..
        "write `local`, or keep it in the mail object or the store", 2)
    end
    rules[name] = v
  end,
})
rules._G = seen
host.rules = rules

-- ---- compiling and loading

local compile = host.compile
function host.compile(name, bytes, env) return compile("@" .. name, bytes, env or seen) end

-- load and loadstring of rules: text only, in their environment.
local function loader(what)
  return function(chunk, name, _, env)
    if type(chunk) == "function" then
      local parts, n = {}, 0
      repeat
        local part = chunk()
        if part ~= nil and type(part) ~= "string" then error("reader function must return a string", 2) end
        n = n + 1
        parts[n] = part
      until part == nil or part == ""
      chunk = tbl.concat(parts)
    elseif type(chunk) ~= "string" then
      error("bad argument #1 to '" .. what .. "' (string expected, got " .. type(chunk) .. ")", 2)
    end
    if #chunk > 1048576 then return nil, "a chunk of more than a megabyte" end
    if env ~= nil and type(env) ~= "table" then error("bad argument #4 to '" .. what .. "' (table expected)", 2) end
    name = type(name) == "string" and name or "=(load)"
    return compile(name, chunk, env or seen)
  end
end
rules.load, rules.loadstring = loader "load", loader "loadstring"

-- require "x": lib/x.lua beside the rules, then what is shipped (lua/lib).
local modules, loading = {}, {}
function rules.require(name)
  if type(name) == "table" then error("require loads a file of lib/; the verb of ACLs is demand { ... }", 2) end
  if type(name) ~= "string" then error("bad argument #1 to 'require' (string expected)", 2) end
  local v = modules[name]
  if v ~= nil then return v end
  if closed then error('require "' .. name .. '": modules are loaded with the rules; require it at the top of the file', 2) end
  if loading[name] then error('require "' .. name .. '": it requires itself', 2) end
  local path = "lib/" .. str.gsub(name, "%.", "/") .. ".lua"
  local bytes = host.file(path)
  if not bytes then bytes, path = host.shipped("lib/" .. name), "perigee/" .. path end
  if not bytes then
    error('require "' .. name .. '": there is no lib/' .. str.gsub(name, "%.", "/") .. ".lua in the rule directory, and none is shipped", 2)
  end
  local f, why = host.compile(path, bytes)
  if not f then error(why, 0) end
  loading[name] = true
  v = f(name)
  loading[name] = nil
  if v == nil then v = true end
  modules[name] = v
  return v
end

function host.locked(t)
  local mt = getmetatable(t)
  if type(mt) ~= "table" then
    mt = {}
    setmetatable(t, mt)
  end
  mt.__metatable = false
  return t
end

do
  local again = limited.again
  again.__metatable = "again"
  again.__tostring = function(e) return e.text end
  function host.again(text) return setmetatable({ text = tostring(text) }, again) end
  function host.again_text(e)
    if type(e) == "table" and getmetatable(e) == "again" then return rawget(e, "text") end
    return nil
  end
end

-- ---- lua/mail

local done = {}
local own = host.own
host.own = nil
local function use(name)
  if done[name] == nil then
    local f = own("mail/" .. name, "=mail/" .. name, inner)
    if not f then error("lua/mail/" .. name .. ".lua is not part of this program") end
    local v = f(host, use)
    done[name] = v == nil and true or v
  end
  return done[name]
end

return function()
  local rows = own("gen/rows", "=gen/rows", inner)()
  for name, v in next, rows do
    if host[name] == nil then host[name] = v end
  end
  local entry = use "init"
  local declare = entry.declare
  entry.declare = declare and function(files)
    local problems = declare(files)
    closed = true
    return problems
  end
  return entry
end
