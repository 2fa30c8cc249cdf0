-- library_text - texts, expressions, numbers, times and addresses as rules need them
--
-- What Lua's own string library does is not repeated here.

local host, use = ...
local args = use "library_args"
local words = use "words"
local library = {}

local check = args.text

-- ---- texts

local function octal(c) return string.format("\\%03o", c:byte()) end
local SPELT = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\b"] = "\\b", ["\v"] = "\\v", ["\f"] = "\\f", ["\\"] = "\\\\" }

local text = {}
library.text = text

-- Bytes that do not print, as a log shows them; 8bit ones too.
function text.escape(s)
  return (check(s, "the text"):gsub("[%c\127-\255\\]", function(c) return SPELT[c] or octal(c) end))
end

-- Bytes above 126 and the backslash as \xNN.
function text.escape_8bit(s)
  return (check(s, "the text"):gsub("[\127-\255\\]", function(c) return string.format("\\x%02x", c:byte()) end))
end

-- Everything that does not print as \xNN.
function text.escape_hex(s)
  return (check(s, "the text"):gsub("[^ -~]", function(c) return string.format("\\x%02x", c:byte()) end))
end

-- In double quotes unless it is letters, digits, and the like.
function text.quote(s)
  if check(s, "the text"):find("^[%w_%-%.]+$") then return s end
  return '"' .. s:gsub('["\\]', "\\%0"):gsub("\n", "\\n"):gsub("\r", "\\r") .. '"'
end

-- Letters of `from` become those at the same place of `to`; the last of `to` stands for what is beyond.
function text.translate(s, from, to)
  check(s, "the text")
  check(from, "the letters")
  if check(to, "the letters they become") == "" then return s end
  local map = {}
  for i = 1, #from do
    local at = math.min(i, #to)
    map[from:sub(i, i)] = to:sub(at, at)
  end
  return (s:gsub(".", map))
end

-- The n-th part between any of the separators; from the end if n is negative, all of it for 0.
function text.field(s, n, separators)
  check(s, "the text")
  args.whole(n, "the number of the field", -2 ^ 31, 2 ^ 31)
  local set = "[" .. check(separators, "the separators"):gsub("%W", "%%%0") .. "]"
  if separators == "" then error("text.field: there must be a separator", 2) end
  if n == 0 then return s end
  local parts, from = {}, 1
  while true do
    local at = s:find(set, from)
    parts[#parts + 1] = s:sub(from, at and at - 1)
    if not at then break end
    from = at + 1
  end
  return parts[n < 0 and #parts + 1 + n or n]
end

-- The value of a name in a text of name=value pairs; a value with blanks stands in quotes.
function text.value(s, name)
  check(s, "the text")
  name = check(name, "the name"):lower()
  local at = 1
  while true do
    local key, rest = s:match("^%s*([^%s=]+)%s*=%s*()", at)
    if not key then return nil end
    local value, following
    if s:sub(rest, rest) == '"' then
      local out, i = {}, rest + 1
      while i <= #s and s:sub(i, i) ~= '"' do
        if s:sub(i, i) == "\\" and i < #s then i = i + 1 end
        out[#out + 1] = s:sub(i, i)
        i = i + 1
      end
      value, following = table.concat(out), i + 1
    else
      value, following = s:match("^(%S*)()", rest)
    end
    if key:lower() == name then return value end
    at = following
  end
end

-- What people write for yes and no; nil is no, what is neither is an error.
local YES, NO = { yes = true, ["true"] = true }, { no = true, ["false"] = true, [""] = true }
function text.truth(value)
  if value == nil or value == false then return false end
  if value == true then return true end
  local s = tostring(value):match("^%s*(.-)%s*$"):lower()
  if NO[s] then return false end
  if YES[s] then return true end
  if s:find("^[+-]?%d+$") then return tonumber(s) ~= 0 end
  error(string.format('"%s" is neither true nor false', tostring(value)), 2)
end

function text.same_fold(a, b) return check(a, "a text"):lower() == check(b, "a text"):lower() end

-- ---- UTF-8

library.utf8 = {
  valid = function(s) return (select(2, host.utf8_clean(check(s, "the text"), "?"))) == 0 end,
  clean = function(s, with)
    with = with == nil and "?" or check(with, "the replacement")
    if #with > 8 then error("utf8.clean: the replacement is one character", 2) end
    return (host.utf8_clean(check(s, "the text"), with))
  end,
  from_latin1 = function(s)
    return (check(s, "the text"):gsub("[\128-\255]", function(c)
      local n = c:byte()
      return string.char(0xc0 + math.floor(n / 64), 0x80 + n % 64)
    end))
  end,
  -- What Latin-1 does not have becomes "_".
  to_latin1 = function(s)
    local codes = host.utf8_codes(check(s, "the text"))
    if not codes then return nil, "it is no UTF-8" end
    for i, c in ipairs(codes) do codes[i] = c < 256 and string.char(c) or "_" end
    return table.concat(codes)
  end,
}

library.idn = {
  to_alabel = function(domain) return host.to_alabel(check(domain, "the domain")) end,
  from_alabel = function(domain) return host.from_alabel(check(domain, "the domain")) end,
}

-- ---- expressions

local compiled, compiled_n = {}, 0
local function regex_of(pattern, level)
  local re = compiled[pattern]
  if re then return re end
  local why
  re, why = host.regex(check(pattern, "the pattern", level + 1), "")
  if not re then error(string.format('the regular expression "%s" is wrong: %s', pattern, why), level + 1) end
  if compiled_n >= 512 then compiled, compiled_n = {}, 0 end
  compiled[pattern], compiled_n = re, compiled_n + 1
  return re
end

library.regex = {
  -- The captures ([0] is the whole match), or nil. A pattern that takes too long raises.
  match = function(subject, pattern)
    local hit, why = host.regex_match(regex_of(pattern, 2), check(subject, "the subject"))
    if hit == nil and why then error("regex.match: " .. why, 2) end
    return hit
  end,
  -- Every match replaced: $1 ... $9 and $0 in the text mean captures, $$ a dollar.
  replace = function(subject, pattern, replacement)
    local out, why = host.regex_replace(regex_of(pattern, 2), check(subject, "the subject"), check(replacement, "the replacement"))
    if out == nil then error("regex.replace: " .. why, 2) end
    return out
  end,
  quote = function(s) return (check(s, "the text"):gsub("[^%w\128-\255]", "\\%0")) end,
}

-- ---- numbers, times

library.number = {
  -- "10K", "1M", "2G": bytes
  size = function(s)
    local n = words.size(s)
    if not n then return nil, string.format('"%s" is no size', tostring(s)) end
    return n
  end,
  -- 1 ... most, from the engine's own source of randomness
  random = function(most)
    return host.random(args.whole(most, "the largest", 1, 2 ^ 31 - 1))
  end,
  -- A number in 0 ... modulus - 1 that depends on the text alone; for spreading, not for secrets.
  spread = function(s, modulus)
    args.whole(modulus, "the modulus", 1, 2 ^ 31 - 1)
    return tonumber(host.digest("sha256", check(s, "the text")):sub(1, 12), 16) % modulus
  end,
}

local UNITS = { { "w", 604800 }, { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 } }

library.time = {
  now = function() return host.now() end,
  -- "1d12h": seconds
  seconds = function(s)
    local n = words.seconds(s)
    if not n then return nil, string.format('"%s" is no time', tostring(s)) end
    return n
  end,
  -- 129600: "1d12h"
  interval = function(seconds)
    args.whole(seconds, "the seconds", 0, 2 ^ 53 - 1)
    local out = {}
    for _, unit in ipairs(UNITS) do
      local n = math.floor(seconds / unit[2])
      if n > 0 then out[#out + 1] = string.format("%d", n) .. unit[1] end
      seconds = seconds % unit[2]
    end
    return #out > 0 and table.concat(out) or "0s"
  end,
}

-- ---- addresses

local function simple_address(s)
  local items = host.address_list(s)
  if not items or #items ~= 1 then return nil end
  return items[1]
end

library.address = {
  parse = function(s)
    if type(s) ~= "string" then error("address.parse takes a text, not a " .. type(s), 2) end
    local local_part, domain = host.address_parse(s)
    if not local_part then return nil, domain end
    return { local_part = local_part, domain = domain }
  end,
  domain = function(s) return (check(s, "the address"):match("@([^@]*)$")) end,
  local_part = function(s)
    check(s, "the address")
    return (s:match("^(.*)@[^@]*$")) or s
  end,
  -- The one address of a field such as From: "Ann <ann@example.org>".
  extract = function(s) return simple_address(check(s, "the text")) end,
  -- All addresses of a field such as To, without names, comments and groups.
  list = function(s)
    local items, why = host.address_list(check(s, "the text"))
    if not items then return nil, why end
    return items
  end,
  -- A local part as it must be written: in quotes where its characters ask for them.
  quote_local_part = function(s) return host.local_part_quote(check(s, "the local part")) end,
  unquote_local_part = function(s) return host.local_part_unquote(check(s, "the local part")) end,
}

return library
