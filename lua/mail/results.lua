-- results - lists of result words, as spf and dmarc_status take them
--
-- An ordinary list of strings, so `*`, lookups and functions may stand in it too; a plain
-- word that no result can be is a mistake, and said where it was written.

local _, use = ...
local words = use "words"
local lists, lookups = use "lists", use "lookups"
local results = {}

-- "err_temp : fail" with every old name replaced.
local function renamed(text, aliases)
  return (text:gsub("[%w_]+", aliases))
end

local function item_known(kind, item, where)
  local word = item:match("^%s*!?%s*([%a_]+)%s*$")
  if word and not kind.words[word] then
    error(string.format('%s: "%s" is no result of %s%s', where, word, kind.name, words.meant(word, kind.words)), 0)
  end
end

local function ready(kind, value, where)
  if type(value) == "string" then value = words.list(renamed(value, kind.aliases)) end
  if type(value) ~= "table" or lookups.is_table(value) then return value end
  local out = {}
  for i, item in ipairs(value) do
    if type(item) == "string" then
      item = renamed(item, kind.aliases)
      item_known(kind, item, where)
    end
    out[i] = item
  end
  return out
end

-- kind = { name =, words = set, aliases = old -> new, get = function(ev) -> word } ->
-- the compile function of a condition
function results.condition(kind)
  return function(value, where)
    if type(value) == "function" then
      return function(ev)
        local list = value(ev.m)
        if type(list) == "boolean" then return list end
        if list == nil then return false end
        local result = kind.get(ev)
        ev.written = nil
        return lists.compile("local", ready(kind, list, where), where)(result, ev) and true or false
      end
    end
    local match = lists.compile("local", ready(kind, value, where), where)
    return function(ev)
      local result = kind.get(ev)
      ev.written = nil
      return match(result, ev) and true or false
    end
  end
end

return results
