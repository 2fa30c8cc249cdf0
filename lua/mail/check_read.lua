-- check_read - what a rule file does, gathered from its tree
--
-- One walk over the tree of check_parse.lua collects the facts that check.lua
-- judges: calls with the path of what is called ("acl.rcpt"), reads and writes of
-- fields of a local (m.NAME), globals, paths into the library. It knows Lua and
-- nothing of mail.
--
--   calls    { path = or nil, to = origin of what is called, a = arguments, fn =, l = }
--   fields   { b = binding, n = name, l =, fn =, write = bool }
--   globals  { n =, l =, fn =, write = bool }
--   members  { path =, l =, fn = }           library names read, "lookup.try.lsearch"
--   strings  { v =, l =, fn = }              texts; not those that are patterns or have names of their own
--   fns      every function, named = those assigned to a global
--
-- A function is `guarded` when it is handed to pcall: an error in it is expected.

local check_read = {}

-- Where a text may hold $name and mean it, or $ is a sign of patterns.
local OWN_DOLLAR = { rewrite = true, regex = true, string = true }

local FOLLOW = 20               -- aliases of aliases

-- What an expression stands for: a local that is set once and never again is
-- what it was set to. Ends in a parameter, a global, a function, a table ...
function check_read.origin(e)
  for _ = 1, FOLLOW do
    if e.k ~= "local" or e.b.param or #e.b.set ~= 1 or not e.b.set[1] then return e end
    e = e.b.set[1]
  end
  return e
end
local origin = check_read.origin

-- "acl.sub.x" of a chain of names that begins at a global; nil if it does not.
function check_read.path(e)
  local parts = {}
  for _ = 1, FOLLOW do
    e = origin(e)
    if e.k == "global" then
      table.insert(parts, 1, e.n)
      return table.concat(parts, ".")
    elseif e.k ~= "index" or not e.n then
      return nil
    end
    table.insert(parts, 1, e.n)
    e = e.o
  end
end
local path = check_read.path

-- The parameter that an expression is, by whatever other names; nil if it is none
-- or was given another value.
function check_read.parameter(e)
  e = origin(e)
  return e.k == "local" and e.b.param and #e.b.set == 0 and e.b or nil
end

function check_read.facts(main)
  local found = { calls = {}, fields = {}, globals = {}, members = {}, strings = {}, fns = { main }, named = {}, main = main }
  local calls, fields, globals, members = found.calls, found.fields, found.globals, found.members
  local fn = main
  local see, statements
  local apart = 0                       -- inside of what reads $ in its own way

  local function each(list) for i = 1, #list do see(list[i]) end end

  local function each_apart(list, really)
    apart = apart + (really and 1 or 0)
    each(list)
    apart = apart - (really and 1 or 0)
  end

  local function field(e, write)
    local b = check_read.parameter(e.o)
    if b then
      fields[#fields + 1] = { b = b, n = e.n, l = e.l, fn = fn, write = write }
    elseif not write then
      local whole = path(e)
      if whole then members[#members + 1] = { path = whole, l = e.l, fn = fn } end
    end
  end

  local function body(inner, guarded)
    local outer = fn
    inner.guarded = guarded or inner.guarded or outer.guarded
    found.fns[#found.fns + 1] = inner
    fn = inner
    statements(inner.s)
    fn = outer
  end

  local function call(e)
    local called = path(e.f)
    calls[#calls + 1] = { path = called, to = origin(e.f), a = e.a, fn = fn, l = e.l }
    see(e.f)
    local expected = called == "pcall" or called == "xpcall"
    local own = OWN_DOLLAR[(called or ""):match("^[^.]*")]
    apart = apart + (own and 1 or 0)
    for i = 1, #e.a do
      local arg = e.a[i]
      local given = expected and i == 1 and origin(arg)
      if given and given.k == "fn" then given.guarded = true end
      if arg.k == "fn" then body(arg, expected) else see(arg) end
    end
    apart = apart - (own and 1 or 0)
  end

  function see(e)
    local k = e.k
    if k == "global" then globals[#globals + 1] = { n = e.n, l = e.l, fn = fn }
    elseif k == "index" then
      if e.n then field(e) end
      see(e.o)
      if e.e then see(e.e) end
    elseif k == "call" then call(e)
    elseif k == "method" then
      see(e.o)
      each_apart(e.a, true)
    elseif k == "string" then
      if apart == 0 then found.strings[#found.strings + 1] = { v = e.v, l = e.l, fn = fn } end
    elseif k == "fn" then body(e)
    elseif k == "table" then
      for i = 1, #e.items do
        local item = e.items[i]
        if item.e then see(item.e) end
        each_apart({ item.v }, item.key == "headers_rewrite")
      end
    elseif k == "op" then each(e.e) end
  end

  local function target(e, value)
    if e.k == "global" then
      if value and value.k == "fn" then found.named[e.n] = value end
      globals[#globals + 1] = { n = e.n, l = e.l, fn = fn, write = true }
    elseif e.k == "index" then
      if e.n then field(e, true) end
      see(e.o)
      if e.e then see(e.e) end
    end
  end

  function statements(list)
    for i = 1, #list do
      local s = list[i]
      if s.e then each(s.e) end
      if s.t then for j = 1, #s.t do target(s.t[j], s.e[j]) end end
      if s.s then statements(s.s) end
      if s.k == "return" then fn.returns = fn.returns or {} fn.returns[#fn.returns + 1] = s end
    end
  end

  statements(main.s)
  return found
end

return check_read
