local w = require("spec.lua.support").load("")
local parse, read, tokens = w.use "check_parse", w.use "check_read", w.use "tokens"

local function facts(text) return read.facts(parse.read(text)) end

local function shown(list, key)
  local out = {}
  for i, x in ipairs(list) do out[i] = x.l .. " " .. tostring(x[key]) .. (x.write and " =" or "") end
  return table.concat(out, ", ")
end

describe("tokens", function()
  it("knows numbers, long brackets, escapes and comments as LuaJIT does", function()
    local kind, word, line, n = tokens.read("a=0x1p-4+1e-3..'\\'' --[[ x\n]] .. [==[ ]] ]==]\n-- end\n::b:: 1 ..2")
    local out = {}
    for i = 1, n do out[i] = line[i] .. kind[i]:sub(1, 2) .. word[i] end
    assert.equal("1naa 1si= 1nu0x1p 1si- 1nu4 1si+ 1nu1e-3 1si.. 1st\\' 2si.. 2st ]]  4si:: 4nab 4si:: 4nu1 4si.. 4nu2", table.concat(out, " "))
  end)
end)

describe("the tree of a file", function()
  it("is read of every Lua file of this repository", function()
    local list = io.popen "ls lua/*/*.lua spec/*/*.lua core/policy/api/*.lua rules/*.lua examples/*/*.lua"
    local n = 0
    for path in list:lines() do
      local h = assert(io.open(path))
      local ok, why = pcall(parse.read, h:read "*a")
      h:close()
      assert(ok, path .. ": " .. tostring(why))
      n = n + 1
    end
    list:close()
    assert.truthy(n > 60)
  end)

  it("tells globals from locals, and what is read from what is written", function()
    assert.equal("1 b, 1 a =", shown(facts("a = b").globals, "n"))
    assert.equal("2 print =", shown(facts("local x = 1 do local x = x end\nprint = nil; local function f(x) return x end return x").globals, "n"))
    assert.equal("", shown(facts("local f function f(a, ...) return a, f, ... end").globals, "n"))
    assert.equal("1 y", shown(facts("repeat local x = y until x").globals, "n"))
    assert.equal("1 x", shown(facts("for i = 1, 2 do local x = i end local q = x").globals, "n"))
    assert.equal("1 x", shown(facts("local x = x").globals, "n"))
  end)

  it("follows a parameter through other names, until it is given another value", function()
    assert.equal("1 a, 1 b =", shown(facts("f(function(m) local n = m local k = n local x = k.a m.b = 1 end)").fields, "n"))
    assert.equal("", shown(facts("f(function(m) m = {} return m.a end)").fields, "n"))
    assert.equal("1 a", shown(facts("f(function(m) return function() return m.a end end)").fields, "n"))
    assert.equal("1 a-b", shown(facts("f(function(m) return m['a-b'] end)").fields, "n"))
  end)

  it("names what is called by its path, through aliases", function()
    local function paths(text)
      local out = {}
      for i, c in ipairs(facts(text).calls) do out[i] = tostring(c.path) end
      return table.concat(out, ", ")
    end
    assert.equal("acl.rcpt, deny", paths("acl.rcpt { deny 'x' }"))
    assert.equal("lookup.try.lsearch", paths("local l = lookup local t = l.try t.lsearch('a', 'b')"))
    assert.equal("nil", paths("local l = x or y l.z()"))
  end)

  it("marks what pcall runs", function()
    local found = facts("pcall(function() return a end) return b")
    local out = {}
    for i, g in ipairs(found.globals) do out[i] = g.n .. tostring(g.fn.guarded or false) end
    assert.equal("pcallfalse, atrue, bfalse", table.concat(out, ", "))
  end)
end)
