-- library_list - lists as values: what Exim's filter, map, reduce, sort, listextract ... do
--
-- A list is a table 1..n or a text in Exim's form. Functions see an item and its number.

local _, use = ...
local args = use "library_args"
local words = use "words"
local list = {}

local function items(value) return words.list(value) end

-- A list made of another: its text has that one's separator, without announcing it (EXP-01).
local function like(value, out)
  local separator = type(value) == "string" and words.separator(value) or ":"
  return setmetatable(out, { __metatable = "list", __tostring = function(t)
    local texts = {}
    for i, item in ipairs(t) do texts[i] = tostring(item) end
    return table.concat(texts, separator)
  end })
end

function list.split(text) return words.split(args.text(text, "the list")) end

function list.join(value, separator)
  local out = {}
  for i, item in ipairs(items(value)) do out[i] = tostring(item) end
  if separator ~= nil then args.text(separator, "the separator") end
  return table.concat(out, separator or ":")
end

-- Exim's text of a list: the separator within an item is doubled, an empty item is a blank.
function list.quote(value, separator)
  separator = separator == nil and ":" or args.text(separator, "the separator")
  if #separator ~= 1 then error("list.quote: the separator is one character", 2) end
  local pattern, twice, out = separator:gsub("%p", "%%%0"), separator .. separator, {}
  for i, item in ipairs(items(value)) do
    local text = tostring(item):gsub(pattern, function() return twice end)
    out[i] = text == "" and " " or text
  end
  return (separator == ":" and "" or "<" .. separator .. " ") .. table.concat(out, separator)
end

function list.count(value) return #items(value) end

-- The n-th item; from the end if n is negative.
function list.get(value, n)
  args.whole(n, "the number of the item", -2 ^ 31, 2 ^ 31)
  local all = items(value)
  return all[n < 0 and #all + 1 + n or n]
end

function list.has(value, wanted)
  for _, item in ipairs(items(value)) do if item == wanted then return true end end
  return false
end

function list.has_fold(value, wanted)
  wanted = args.text(wanted, "what is looked for"):lower()
  for _, item in ipairs(items(value)) do
    if type(item) == "string" and item:lower() == wanted then return true end
  end
  return false
end

function list.filter(value, keep)
  args.callable(keep, "the test")
  local out = {}
  for i, item in ipairs(items(value)) do if keep(item, i) then out[#out + 1] = item end end
  return like(value, out)
end

function list.map(value, change)
  args.callable(change, "the change")
  local out = {}
  for i, item in ipairs(items(value)) do out[#out + 1] = change(item, i) end
  return like(value, out)
end

function list.reduce(value, start, step)
  args.callable(step, "the step")
  for i, item in ipairs(items(value)) do start = step(start, item, i) end
  return start
end

function list.any(value, test)
  args.callable(test, "the test")
  for i, item in ipairs(items(value)) do if test(item, i) then return true end end
  return false
end

function list.all(value, test)
  args.callable(test, "the test")
  for i, item in ipairs(items(value)) do if not test(item, i) then return false end end
  return true
end

-- In order of the key the function gives, or of the items themselves. Equal ones keep their order.
function list.sort(value, key)
  if key ~= nil then args.callable(key, "the key") end
  local rows, kind = {}, nil
  for i, item in ipairs(items(value)) do
    local k = item
    if key then k = key(item) end
    kind = kind or type(k)
    if type(k) ~= kind or (kind ~= "string" and kind ~= "number") then
      error("list.sort: keys must be all texts or all numbers", 2)
    end
    rows[i] = { key = k, at = i, item = item }
  end
  table.sort(rows, function(a, b)
    if a.key ~= b.key then return a.key < b.key end
    return a.at < b.at
  end)
  local out = {}
  for i, row in ipairs(rows) do out[i] = row.item end
  return like(value, out)
end

return list
