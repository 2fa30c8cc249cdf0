-- What editors read about rules is Lua, and knows every global that luacheck lets rules use.

local function defined(path)
  local env = {}
  setfenv(assert(loadfile(path)), env)()
  return env
end

describe("lua/meta", function()
  it("defines every word of rules", function()
    local env, words = defined "lua/meta/rules.lua", dofile "lua/meta/luacheck.lua"
    local missing = {}
    for _, list in ipairs { words.globals, words.read_globals } do
      for _, name in ipairs(list) do
        if env[name] == nil then missing[#missing + 1] = name end
      end
    end
    assert.same({}, missing)
  end)

  it("has a class for every phase", function()
    assert.same({}, defined "lua/meta/mail.lua")
    local f = assert(io.open "lua/meta/mail.lua")
    local text = f:read "*a"
    f:close()
    for _, phase in ipairs { "connect", "mail", "rcpt", "mime", "data", "route", "transport", "event" } do
      assert.truthy(text:find("---@class mail." .. phase .. " :", 1, true))
    end
  end)
end)
