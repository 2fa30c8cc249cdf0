-- source - what can only be seen in a rule's text
--
-- Lua forgets a key that is written twice in one table, and a path glued
-- together with `..` looks like any string. A walk over the words of the text
-- finds both, and remembers where each key stands, so that an error about one
-- word of a statement names its line. What needs the text's structure is in
-- check_parse.lua and those that use it.

local _, use = ...
local tokens = use "tokens"
local source = {}

local OPENS = { ["function"] = true, ["do"] = true, ["if"] = true, ["repeat"] = true }
local CLOSES = { ["end"] = true, ["until"] = true }

-- Keys whose text becomes a path on disk.
local PATHS = { directory = true, file = true }

-- A value put together with .. inside a table: of a command, or of a path.
local function joined(found, open, line)
  for k = #open, 1, -1 do
    local key = open[k].key
    if open[k].what == "{" then
      if key == "command" then
        found.paths[#found.paths + 1] = { line = line, text = '"command" is put together with ..; write a table '
          .. '{ "/bin/program", ... }, in which each item stays one argument' }
      elseif PATHS[key] then
        found.paths[#found.paths + 1] = { line = line, text = string.format(
          '"%s" is put together with ..; write path(ROOT, part, ...), which takes only safe names', key) }
      end
      return
    end
  end
end

-- The names a file gives to things itself are not the library's.
local function of_library(uses, ours)
  local list = {}
  for _, u in ipairs(uses) do
    if not ours[u.base] then list[#list + 1] = u end
  end
  return list
end

-- What stands in the text: `twice` = { {line, text} ... }, `paths` likewise,
-- `lines` = line of a table's brace -> key -> line of the key, and `uses` =
-- { {line, base, name} ... }, every `base.name` whose base is nobody's local.
function source.scan(text)
  local found = { twice = {}, paths = {}, lines = {}, uses = {} }
  local ours, naming = {}, false        -- names the file itself gives to things
  local open = {}                       -- what is open: tables, brackets, blocks
  local t1, t2, t3                      -- the last tokens

  local function key(name, line)
    local top = open[#open]
    local first = top.keys[name]
    if first then
      found.twice[#found.twice + 1] = { line = line, text = string.format(
        '"%s" is written twice in one table (first in line %d); Lua keeps only the last: use a list', name, first) }
    end
    top.keys[name] = first or line
    found.lines[top.line] = found.lines[top.line] or {}
    found.lines[top.line][name] = first or line
    top.key = name
  end

  local kinds, all, where, n = tokens.read(text)
  for i = 1, n do
    local kind, word, line = kinds[i], all[i], where[i]
    local top = open[#open]
    local in_table = top and top.what == "{"

    if kind == "sign" and word == "=" and in_table and t1 then
      -- name =   or   ["name"] =   directly inside the braces
      if t1.kind == "name" and t2 and (t2.word == "{" or t2.word == "," or t2.word == ";") and t2.kind == "sign" then
        key(t1.word, t1.line)
      elseif t1.kind == "sign" and t1.word == "]" and t2 and t2.kind == "string" and t3 and t3.word == "[" then
        key(t2.word, t2.line)
      end
    elseif kind == "sign" and (word == "{" or word == "(" or word == "[") then
      open[#open + 1] = { what = word, line = line, keys = {} }
    elseif kind == "sign" and (word == "}" or word == ")" or word == "]") then
      open[#open] = nil
    elseif kind == "sign" and word == ".." then
      joined(found, open, line)
    elseif kind == "sign" and (word == "," or word == ";") and in_table then
      top.key = nil
    elseif kind == "name" and OPENS[word] and not (t1 and t1.word == "." and t1.kind == "sign") then
      open[#open + 1] = { what = word, line = line, keys = {} }
    elseif kind == "name" and CLOSES[word] then
      open[#open] = nil
    end
    if kind == "name" and (word == "local" or word == "for") then naming = true
    elseif naming and kind == "name" and word ~= "function" and word ~= "in" then ours[word] = true
    elseif word ~= "," then naming = false end
    -- (a, b) may be the parameters of a function; `m` is always the mail object there
    if kind == "sign" and (word == "," or word == ")") and t1 and t1.kind == "name" and t1.word ~= "m"
      and t2 and t2.kind == "sign" and (t2.word == "(" or t2.word == ",") then ours[t1.word] = true end
    if kind == "name" and t1 and t1.kind == "sign" and t1.word == "." and t2 and t2.kind == "name"
      and not (t3 and t3.kind == "sign" and (t3.word == "." or t3.word == ":")) then
      found.uses[#found.uses + 1] = { line = line, base = t2.word, name = word }
    end
    t3, t2, t1 = t2, t1, { kind = kind, word = word, line = line }
  end
  found.uses = of_library(found.uses, ours)
  return found
end

return source
