-- run: spec files through busted, results to the program that called
--
-- Called by core/policy/world_lua.c as run(files, filter, result); result(kind,
-- title, file, line, message). This does what busted's own command does, without
-- its command line and its exit.

local files, filter, result = ...

local busted = require "busted.core" ()
require "busted" (busted)
require "busted.luajit" ()
require "perigee.world".install()

local trouble = {}      -- element -> why it failed

local function note(element, _, message)
  if type(message) ~= "string" then message = require "pl.pretty".write(message) end
  trouble[element] = message
  return nil, true
end

-- An error outside a case (in a describe, a setup, a file that does not load) is a failed case of its own.
local function outside(element, parent, message)
  note(element, parent, message)
  if element.descriptor ~= "it" then
    local trace = element.trace or {}
    result("failed", (element.descriptor or "") .. " " .. (element.name or ""), trace.short_src or "?", trace.currentline or 0,
           trouble[element])
  end
  return nil, true
end

local function full_name(element)
  local names, parent = { element.name }, busted.context.parent(element)
  while parent and (parent.name or parent.descriptor) and parent.descriptor ~= "file" do
    table.insert(names, 1, parent.name or parent.descriptor)
    parent = busted.context.parent(parent)
  end
  return table.concat(names, " ")
end

local ends = { success = "passed", pending = "skipped" }

local function test_end(element, _, status)
  local trace = element.trace or {}
  result(ends[status] or "failed", full_name(element), trace.short_src or "?", trace.currentline or 0,
         trouble[element] or "")
  return nil, true
end

busted.subscribe({ "failure" }, outside)
busted.subscribe({ "error" }, outside)
busted.subscribe({ "test", "end" }, test_end)
busted.subscribe({ "file", "end" }, function()
  require "perigee.world".close_all()
  return nil, true
end)

-- the text itself, not a pattern
require "busted.modules.filter_loader" () (busted, {
  tags = {}, excludeTags = {}, filter = filter and { (filter:gsub("%p", "%%%0")) } or {}, filterOut = {}, list = false, nokeepgoing = false,
})
require "busted.modules.test_file_loader" (busted, { "lua" }) (
  files, { "" }, { excludes = {}, verbose = false, recursive = false })
require "busted.execute" (busted) (1, {})
