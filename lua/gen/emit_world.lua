-- emit_world - what specs say: docs/ref/world.md, lua/meta/world.lua, and the words lua/spec/world.lua knows

local M = {}

local ABOUT = {
  new = "A world", session = "A session", send = "A message sent", submit = "A message submitted", eval = "What an expression is about",
  lookup = "What a lookup answers", program = "What a program answers", peer = "What a peer is told", peertls = "A peer's TLS",
  handshake = "What a client's handshake comes to",
}
local CLASS = { world = "perigee.world.one", client = "perigee.session", reply = "perigee.reply" }

local function one_line(doc) return (doc:gsub("^%s+", ""):gsub("%s+$", ""):gsub("%s+", " ")) end

-- { of = { rows in order } }, and the names of `of` in the order they come.
local function by_table(tables)
  local list, by = {}, {}
  for _, row in ipairs(tables.wordof) do
    if not by[row.of] then
      by[row.of] = {}
      table.insert(list, row.of)
    end
    table.insert(by[row.of], row)
  end
  return list, by
end

local function values(row)
  if not row.values then return "" end
  return " One of `" .. table.concat(row.values, "`, `") .. "`."
end

local function call(row)
  local names = {}
  for i, a in ipairs(row.args or {}) do names[i] = a[2]:find "%?$" and "[" .. a[1] .. "]" or a[1] end
  return row.name .. "(" .. table.concat(names, ", ") .. ")"
end

-- A type of a row, as a reader of the page knows it: tables by what stands in them.
local function shown(ty)
  local text = ty:gsub("%?$", ""):gsub("[%w_]+", function(one) return ABOUT[one] and ("[table](#%s)"):format(one) end)
  return (text:gsub("|", " or "))
end

function M.page(tables, made)
  local out, list, by = { "# Specs\n\n", made }, by_table(tables)
  local function p(text) table.insert(out, text) end
  p "\nWhat `require \"perigee.world\"` has for specs, and the words its tables take; a word that is none is an error with\n"
  p "the spec's line. How specs are written stands in [testing](../guide/testing.md).\n\n| function | |\n|---|---|\n"
  for _, row in ipairs(tables.fromspec) do p(("| `%s` | %s |\n"):format(call(row), one_line(row.doc))) end
  for _, of in ipairs(list) do
    p(("\n## %s\n\n%s.\n\n| word | type | |\n|---|---|---|\n"):format(of, ABOUT[of]))
    for _, row in ipairs(by[of]) do p(("| `%s` | %s | %s%s |\n"):format(row.name, shown(row.type), one_line(row.doc), values(row))) end
  end
  return table.concat(out)
end

-- ---- for editors

local function luals(ty)
  return (ty:gsub("%?$", ""):gsub("[%w_]+", function(one) return CLASS[one] or ABOUT[one] and "perigee.world." .. one end))
end

local function literals(row)
  if not row.values then return luals(row.type) end
  return '"' .. table.concat(row.values, '"|"') .. '"'
end

function M.meta(tables)
  local out, list, by = { "---@meta perigee.world\n" }, by_table(tables)
  local function p(text) table.insert(out, text) end
  p "-- Made by `make docs` from core/policy/api; do not edit.\n-- What specs can call and say.\n"
  for _, of in ipairs(list) do
    p(("\n---@class perigee.world.%s\n"):format(of))
    for _, row in ipairs(by[of]) do p(("---@field %s? %s %s\n"):format(row.name, literals(row), one_line(row.doc))) end
  end
  p "\n---@class perigee.reply\n---@field code integer\n---@field text string\n---@field lines string[]\nlocal reply = {}\n"
  p "\n---@class perigee.session\n---@field banner perigee.reply\n---@field greeting perigee.reply?\nlocal s = {}\n"
  p "\n---@class perigee.world.one\nlocal w = {}\n\nlocal world = {}\n"
  for _, row in ipairs(tables.fromspec) do
    local names = {}
    if not row.name:find "^assert" then
      p(("\n---%s\n"):format(one_line(row.doc)))
      for i, a in ipairs(row.args or {}) do
        names[i] = a[1]
        p(("---@param %s%s %s\n"):format(a[1], a[2]:find "%?$" and "?" or "", luals(a[2])))
      end
      for _, ty in ipairs(type(row.returns) == "table" and row.returns or { row.returns }) do
        p(("---@return %s%s\n"):format(luals(ty), ty:find "%?$" and "?" or ""))
      end
      p(("function %s(%s) end\n"):format(row.name, table.concat(names, ", ")))
    end
  end
  p "\nreturn world\n"
  return table.concat(out)
end

-- ---- for lua/spec/world.lua: of = { names in order }

function M.words(tables)
  local out, list, by = { "-- Made from core/policy/api/world.lua.\nreturn {\n" }, by_table(tables)
  for _, of in ipairs(list) do
    local names = {}
    for i, row in ipairs(by[of]) do names[i] = ("%q"):format(row.name) end
    table.insert(out, ("  %s = { %s },\n"):format(of, table.concat(names, ", ")))
  end
  table.insert(out, "}\n")
  return table.concat(out)
end

return M
