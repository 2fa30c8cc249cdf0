-- options - values of options: typed, checked, made ready once
--
-- The rows come from core/policy/api/options_*.lua. A row says the type, the
-- default, whether a function may stand for the value, and, for a name that is
-- not built, the feature it belongs to or why it does not apply.

local host, use = ...
local words = use "words"
local lists = use "lists"
local lookups = use "lookups"
local report = use "report"
local explain = use "explain"
local options = {}

options.LISTS = { domainlist = "domain", hostlist = "host", addresslist = "address", localpartlist = "local" }

local function boolean(v)
  if type(v) == "boolean" then return v end
  if type(v) == "string" then return ({ yes = true, ["true"] = true, no = false, ["false"] = false })[v:lower()] end
end

local function integer(v)
  if type(v) == "number" and v == math.floor(v) then return v end
  return type(v) == "string" and words.size(v) or nil
end

local function text(v)
  if type(v) == "string" then return v end
  if type(v) == "number" then return tostring(v) end
end

local function list(v)
  if type(v) == "string" then return words.split(v) end
  if type(v) == "number" then return { tostring(v) } end
  if lookups.is_table(v) then return { v } end
  if type(v) ~= "table" then return nil end
  local out = {}
  for i, item in ipairs(v) do
    if type(item) == "number" then item = tostring(item) end
    if type(item) ~= "string" and type(item) ~= "function" and not lookups.is_table(item) then return nil end
    out[i] = item
  end
  for key in pairs(v) do if type(key) ~= "number" then return nil end end
  return out
end

-- Whatever its user takes apart: redirect's data, a router's set.
local function loose(v)
  if type(v) == "string" or type(v) == "table" then return v end
end

-- "/bin/prog a 'b c'" or { "/bin/prog", "a", "b c" }: always words, never a shell.
local function argv(v)
  if type(v) == "table" then return list(v) end
  return type(v) == "string" and words.arguments(v) or nil
end

local function times(v)
  local out = {}
  for i, item in ipairs(list(type(v) == "number" and { v } or v) or {}) do
    out[i] = words.seconds(item)
    if not out[i] then return nil end
    out[i] = tostring(out[i])
  end
  return out
end

local READ = {
  boolean = boolean, integer = integer, size = words.size, time = words.seconds, octal = words.octal,
  fixed = tonumber, string = text, list = list, timelist = times, table = loose,
  domainlist = list, hostlist = list, addresslist = list, localpartlist = list,
  ["function"] = function() return nil end,
}

-- headers_add: texts of fields, never a colon list.
local function fields(v)
  local out = {}
  for _, lines in ipairs(type(v) == "table" and v or { v }) do
    if type(lines) ~= "string" then return nil end
    for _, field in ipairs(words.fields(lines)) do out[#out + 1] = field end
  end
  return out
end

-- route_list, listen: an item holds colons of its own.
local function whole(v)
  if type(v) == "string" then return { v } end
  return list(v)
end

-- Whatever can be taken for true or false: words.truth and words.loosely read it.
-- file_format: beginnings of files, in which blanks and control bytes count.
local function pairs_of(v)
  if type(v) ~= "table" then return nil end
  for _, item in ipairs(v) do if type(item) ~= "string" or item == "" or item:find("[%z\30]") then return nil end end
  return #v % 2 == 0 and list(v) or nil
end

local function open_truth(v)
  if type(v) ~= "table" then return v end
end

local BY_NAME = {
  command = argv, transport_filter = argv, file_format = pairs_of, quota_warn_threshold = function(v)
    return type(v) == "string" and v:find("^%d%d?%d?%%$") and v or words.size(v) and text(v) or nil
  end, headers_add = fields, headers = fields, route_list = whole, listen = whole,
  arc_sign = function(v) return type(v) == "table" and table.concat(v, " : ") or v == false and "" or text(v) end,
  dkim_strict = words.truth, dkim_private_key = function(v) if v == false then return "0" end return text(v) end,
  shadow_condition = words.truth, condition = open_truth, ipv4_only = open_truth, ipv4_prefer = open_truth,
  srs_condition = open_truth,
}
local SAID_OF = {
  file_format = 'a table of pairs: how a file begins, and a transport', quota_warn_threshold = 'a size, or a percentage such as "75%"',
}
local SAID = {
  boolean = "true or false", integer = "a whole number", size = 'a size such as 50M', time = 'a time such as "4d6h"',
  octal = 'an octal number in a string such as "0600"', fixed = "a number", string = "a text",
  table = "a text or a table", ["function"] = "a function of the mail object",
  list = "a table of texts, or a text with colons", timelist = 'a table of times such as { "4h", "24h" }',
}

function options.said(row)
  if row.values then return "one of " .. table.concat(row.values, ", ") end
  return SAID_OF[row.name] or SAID[row.type] or SAID.list
end

-- The value in its type, or nil: it is none.
function options.read(row, value)
  local read = (BY_NAME[row.name] or READ[row.type])(value)
  if not row.values or read == nil then return read end
  for _, word in ipairs(row.values) do
    if read == word then return read end
  end
end

-- What can be said of a name before its value is looked at: true when it is
-- there and built.
function options.known(row, name, where, what, names)
  if not row then
    report.problem(where, 'there is no %s "%s"%s', what, tostring(name), words.meant(name, names))
  elseif row.feature then
    report.problem(where, '%s "%s" comes with %s', what, name, row.feature)
  elseif row.never then
    report.problem(where, '%s "%s" does not apply: %s', what, name, row.never)
  else
    return true
  end
  return false
end

-- The row of an option that this driver takes. kind: "router", "transport".
function options.of_driver(kind, driver, name)
  local row = host.options[kind][name]
  return row and (not row.drivers or row.drivers[driver]) and row or nil
end

-- The same for thing.NAME { [name] = value }, a router or a transport; nil, and what is wrong was said.
function options.taken(kind, thing, name, where)
  local title = kind .. "." .. thing.name
  if type(name) ~= "string" then return report.problem(where, title .. ": options are written name = value") end
  local row = options.of_driver(kind, thing.driver, name)
  local other = not row and host.options[kind][name]
  if other then     -- a likelier slip than a typo
    return report.problem(where, '%s: "%s" is an option of %s, this is %s', title, name, words.join(other.drivers), thing.driver)
  end
  local names = {}
  for known in pairs(host.options[kind]) do names[known] = options.of_driver(kind, thing.driver, known) and true or nil end
  return options.known(row, name, where, kind .. " option", names) and row or nil
end

-- One option set at load: the cell { value =, fn =, match =, where = }, or nil
-- with the problem reported. owner: "router aliases"; nil: it is a main option.
function options.set(row, value, where, what, owner)
  local name = row.name
  if type(value) == "function" then
    if not row.func and row.type ~= "function" then
      return report.problem(where, '%s "%s" cannot be a function; it takes %s', what, name, options.said(row))
    end
    return { fn = value, where = where, row = row, place = explain.option(where, owner and owner .. ": " .. name or "option " .. name) }
  end
  local read = options.read(row, value)
  if read == nil then
    return report.problem(where, '%s "%s" takes %s, not %s', what, name, options.said(row),
      type(value) == "table" and "such a table" or '"' .. tostring(value) .. '"')
  end
  local cell = { value = read, where = where, row = row }
  local kind = options.LISTS[row.type]
  if kind then
    if not report.attempt(function() cell.match = lists.compile(kind, value, where) end) then return nil end
  end
  return cell
end

-- What the function of a cell says. of: one of several that stand in it.
function options.called(cell, m, of)
  explain.enter()
  local ok, result = pcall(of or cell.fn, m)
  if ok then explain.leave(cell.place, true) else explain.leave(cell.place) end
  if not ok then error(report.placed(result, cell.where), 0) end
  return result
end

-- The value of a cell now: a constant, or what its function says, checked.
function options.value(cell, m)
  if not cell.fn then return cell.value end
  local result = options.called(cell, m)
  if result == nil then return nil end
  local read = options.read(cell.row, result)
  -- one text, one field: a line end in it may be the sender's (R4.6)
  if (cell.row.name == "headers_add" or cell.row.name == "headers") and read and #read > (type(result) == "table" and #result or 1) then
    error(cell.where .. ": the function for " .. cell.row.name .. " gave a text with a line end; give a table, one field an item", 0)
  end
  if read == nil then
    error(string.format('%s: the function for %s gave %s; it must give %s or nil', cell.where, cell.row.name,
      type(result) == "table" and "a table" or '"' .. tostring(result) .. '"', options.said(cell.row)), 0)
  end
  return read
end

-- Is subject in the list of this cell? A nil result of a function is the empty list. caseful: its items are
-- compared as they are written.
function options.matches(cell, m, subject, ev, caseful)
  local kind = options.LISTS[cell.row.type]
  local match = cell.match
  if cell.fn then
    local result = options.called(cell, m)
    if result == nil then return false end
    if type(result) == "boolean" then return result end
    match = lists.late(kind, result, cell.where, caseful)
  elseif caseful then
    cell.as_written = cell.as_written or lists.compile(kind, cell.value, cell.where, true)
    match = cell.as_written
  end
  return lists.ask(match, kind, subject, ev or { m = m })
end

return options
