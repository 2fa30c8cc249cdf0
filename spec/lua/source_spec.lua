local world = require "spec.lua.support"
local source = world.load("").use "source"

local function twice(text)
  local lines = {}
  for _, p in ipairs(source.scan(text).twice) do lines[#lines + 1] = p.line .. " " .. p.text:match('^"([^"]*)"') end
  return table.concat(lines, ", ")
end

describe("source", function()
  it("finds a key that is written twice in one table", function()
    assert.equal("1 a", twice [[x { a = 1, b = 2, a = 3 }]])
    assert.equal("3 hosts", twice "deny {\n hosts = 1,\n hosts = 2 }")
    assert.equal('1 a', twice [[x { ["a"] = 1, a = 2 }]])
    assert.equal('1 a', twice [[x { ['a'] = 1; a = 2 }]])
  end)

  it("is not misled by inner tables, functions, comparisons, strings and comments", function()
    for _, text in ipairs {
      [[x { a = { a = 1 }, b = { a = 1 } }]],
      [[x { a = function() b = 1 b = 2 local t = { a = 1 } end, b = 1 }]],
      [[x { a = y == 1, b = a == 2 }]],
      [[x { a = "a = 1, a = 2" } -- , a = 3]],
      "x { a = 1, --[[ a = 2 ]] b = [==[ , a = 3 ]] ]==] }",
      [[x { a = function() if z then q = 1 end for i = 1, 2 do q = 2 end while z do q = 3 end repeat q = 4 until z return q end, q = 1 }]],
      [[local a = 1 local a = 2 f(a, a)]],
      [[x { 'it\'s a = 1, a = 2', a = 1 }]],
    } do
      assert.equal("", twice(text), text)
    end
  end)

  it("sees a path put together with ..", function()
    local found = source.scan [[
transport.t { driver = "appendfile", directory = function(m)
  return "/var/mail/" .. m.local_part end }
transport.u { driver = "appendfile", file = path("/x", "y"), headers_add = "a" .. "b" }]]
    assert.equal(1, #found.paths)
    assert.equal(2, found.paths[1].line)
  end)

  it("knows the line of each key", function()
    local found = source.scan "x {\n  a = 1,\n  b = 2 }"
    assert.same({ a = 2, b = 3 }, found.lines[1])
  end)
end)
