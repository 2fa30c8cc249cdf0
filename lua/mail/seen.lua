-- seen - was this met before, and when?
--
--   seen = "1h"                                   it was, less than an hour ago; the time is noted anew
--   seen = "-5m"                                  it was, for the first time at least five minutes ago
--   seen = { "-5m", key = function(m) return m.sender_host_address .. " " .. m.sender_address end }
--   check.seen("-5m / readonly", { key = ... })
--
-- Exim's words: readonly notes nothing, write notes the time in any case,
-- refresh=TIME renews a time that "-" would leave alone (10d). Never met is always
-- no. The key is the client's address unless one is given; what comes from a
-- message is given as key of the table, never put into the text.

local host, use = ...
local words = use "words"
local seen = {}

local MODES = { readonly = "readonly", write = "write" }
local OPTIONS = { key = true, refresh = true }
local REFRESH = 10 * 86400
local KEY_MAX, TIME_MAX = 400, 3650 * 86400

local function wrong(where, ...) error(where .. ": seen: " .. string.format(...), 0) end

local function time_of(text, where)
  local seconds = words.seconds(text)
  if not seconds or seconds > TIME_MAX then wrong(where, '"%s" is no time; write "5m" or "-5m"', tostring(text)) end
  return seconds
end

local function option(spec, part, where)
  local name, value = part:match("^(%l+)=(.*)$")
  if MODES[part] then
    if spec.mode then wrong(where, '"%s" does not go with "%s"', part, spec.mode) end
    spec.mode = MODES[part]
  elseif name == "key" then spec.key = value
  elseif name == "refresh" then spec.refresh = time_of(value, where)
  else
    wrong(where, 'there is no option "%s"%s', part, words.meant(name or part, { readonly = 1, write = 1, key = 1, refresh = 1 }))
  end
end

local function read(text, where)
  if type(text) ~= "string" then wrong(where, 'it takes a text such as "-5m / readonly", not a %s', type(text)) end
  local first, rest = text:match("^%s*([^/]-)%s*/(.*)$")
  first = first or text:match("^%s*(.-)%s*$")
  local minus, interval = first:match("^(%-?)%s*(.*)$")
  local spec = { before = minus == "-", interval = time_of(interval, where), where = where }
  for part in ((rest or "") .. "/"):gmatch("([^/]*)/") do
    part = part:match("^%s*(.-)%s*$")
    if part ~= "" then option(spec, part, where) end
  end
  return spec
end

local function key_of(spec, ev)
  local key = spec.key
  if type(key) == "function" then key = key(ev.m) end
  if key == nil then key = ev.m.sender_host_address or "" end
  if type(key) == "number" then key = tostring(key) end
  if type(key) ~= "string" then wrong(spec.where, "key is a text, not a %s", type(key)) end
  if #key > KEY_MAX then key = key:sub(1, KEY_MAX - 100) .. "#" .. host.digest("sha256", key) end
  return key
end

-- value -> function(ev) -> holds
function seen.compile(value, where)
  if type(value) == "function" then
    return function(ev)
      local given = value(ev.m)
      if given == nil or type(given) == "boolean" then return given or false end
      return seen.compile(given, where)(ev)
    end
  end
  local options = {}
  if type(value) == "table" then
    if #value == 2 and type(value[2]) == "table" then options, value = value[2], value[1]
    elseif #value == 1 then options, value = value, value[1]
    else wrong(where, 'it takes one text and options: { "-5m", key = ... }') end
  end
  local spec = read(value, where)
  for name, v in pairs(options) do
    if type(name) == "string" then
      if not OPTIONS[name] then wrong(where, 'there is no option "%s"%s', name, words.meant(name, OPTIONS)) end
      spec[name] = name == "refresh" and time_of(v, where) or v
    end
  end
  return function(ev)
    return host.seen(key_of(spec, ev), spec.interval, spec.before, spec.mode or "", spec.refresh or REFRESH)
  end
end

return seen
