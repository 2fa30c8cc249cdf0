-- The options of routers Exim has, against our rows, and our rows against what reads them.
local TSV = "../shared/reference/options_router.tsv"

package.path = "lua/gen/?.lua;" .. package.path
local rows = require("rows").read { "core/policy/api/options_router.lua" }

-- What may still be to come, and with what.
local LATER = { DSN = true, ["sender authentication"] = true }

local function library()
  local text, p = {}, io.popen "ls lua/mail/rout*.lua lua/mail/expn.lua"
  for path in p:lines() do
    local f = assert(io.open(path))
    text[#text + 1] = f:read "*a"
    f:close()
  end
  p:close()
  return table.concat(text)
end

describe("options of routers", function()
  it("each that Exim has is a row of ours", function()
    local f = io.open(TSV)
    if not f then return end
    local known = {}
    for _, row in ipairs(rows.option) do known[row.name] = true end
    for line in f:lines() do
      local driver, name = line:match "^([^\t]*)\t([^\t]*)"
      if driver ~= "driver" and name ~= "driver" and name ~= "-" then assert.is_true(known[name] or false, name) end
    end
    f:close()
  end)

  it("each is built, or says with what it comes, or why it never will", function()
    for _, row in ipairs(rows.option) do
      assert.is_true(row.feature == nil or LATER[row.feature] or false, row.name .. " comes with " .. tostring(row.feature))
      assert.is_true(row.never == nil or #row.never > 10, row.name)
    end
  end)

  it("each that is built is read by the library", function()
    local text = library()
    for _, row in ipairs(rows.option) do
      if not row.feature and not row.never then
        local named = text:find('"' .. row.name .. '"', 1, true) or text:find("cells." .. row.name, 1, true)
          or text:find("verify_", 1, true) and row.name:find "verify_"
        assert.truthy(named, "nobody reads " .. row.name)
      end
    end
  end)
end)
