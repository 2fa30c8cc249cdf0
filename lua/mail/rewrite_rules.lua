-- rewrite_rules - one rewriting rule, read
--
-- { pattern, replacement, flags = "Fs" } becomes { number, where, places, flags,
-- match = function(address, ev) -> captures, make = function(ev, address,
-- captures) -> text, or "*" }. A mistake is raised with its place.

local host, use = ...
local words = use "words"
local lists = use "lists"
local rules = {}

-- Where an address stands, and the flag that means it.
local PLACES = {
  F = "env-from", T = "env-to", f = "from", t = "to", c = "cc", b = "bcc", r = "reply-to", s = "sender",
}
rules.ORDER = { "env-from", "env-to", "from", "sender", "reply-to", "to", "cc", "bcc" }
local ENVELOPE = { ["env-from"] = true, ["env-to"] = true }
local GROUPS = { E = "FT", h = "ftcbrs", F = "F", T = "T", f = "f", t = "t", c = "c", b = "b", r = "r", s = "s" }
local OF_ENVELOPE = { E = true, F = true, T = true, S = true }
local CONTROL = { S = true, Q = true, q = true, R = true, w = true }

-- ---- flags

local function read_flags(text, where, headers_only)
  local flags, places, any = {}, {}, false
  for letter in text:gmatch("%S") do
    if not GROUPS[letter] and not CONTROL[letter] then
      error(string.format('%s: rewrite: there is no flag "%s"; flags are E F T h f t c b r s for places, q Q R w S for how',
        where, letter), 0)
    end
    if headers_only and OF_ENVELOPE[letter] then
      error(string.format('%s: rewrite: the flag "%s" is about the envelope; headers_rewrite is about header fields', where, letter), 0)
    end
    if GROUPS[letter] then
      any = true
      for one in GROUPS[letter]:gmatch(".") do places[PLACES[one]] = true end
    else
      flags[letter] = true
    end
  end
  if any or flags.S then return flags, places end
  for _, place in ipairs(rules.ORDER) do
    if not (headers_only and ENVELOPE[place]) then places[place] = true end
  end
  return flags, places
end

-- ---- patterns

-- "*queen" against the local part: captures what the * stood for.
local function starred(pattern)
  local tail = pattern:sub(2)
  return function(text)
    local n = #text - #tail
    if n < 0 or text:sub(n + 1):lower() ~= tail then return nil end
    return text:sub(1, n)
  end
end

local function local_half(pattern)
  if pattern:sub(1, 1) == "*" then return starred(pattern:lower()), true end
  if pattern:find("*", 1, true) then return nil end
  pattern = pattern:lower()
  return function(text) return text:lower() == pattern and "" or nil end, false
end

local function domain_half(pattern, where)
  if pattern:sub(1, 1) == "*" and not pattern:find("*", 2, true) then return starred(pattern:lower()), true end
  local list = lists.compile("domain", { pattern }, where)
  return function(text, ev) return list(text:lower(), ev) and "" or nil end, false
end

-- local@domain, where each half may begin with a * that is captured.
local function halves(pattern, where)
  local left, right = pattern:match("^(.*)@([^@]*)$")
  if not left or left == "" or right == "" then return nil end
  local user, user_star = local_half(left)
  if not user then error(where .. ': rewrite: in "' .. pattern .. '" a * may only stand at the beginning of a half', 0) end
  local domain, domain_star = domain_half(right, where)
  return function(address, ev)
    local l, d = address:match("^(.*)@([^@]*)$")
    local a = l and user(l)
    local b = a and domain(d, ev)
    if not b then return nil end
    local captures = { [0] = address }
    if user_star then captures[#captures + 1] = a end
    if domain_star then captures[#captures + 1] = b end
    return captures
  end
end

local function by_regex(pattern, where)
  local re, why = host.regex(pattern, "i")
  if not re then error(string.format('%s: rewrite: the regular expression "%s" is wrong: %s', where, pattern, why), 0) end
  return function(address)
    local captures, wrong = host.regex_match(re, address)
    if not captures and wrong then error(host.again("regular expression " .. pattern .. ": " .. wrong)) end
    return captures or nil
  end
end

local function pattern_of(pattern, where)
  if type(pattern) == "function" then
    return function(address, ev)
      local result = pattern(address, ev.m)
      if not result then return nil end
      return type(result) == "table" and result or { [0] = address }
    end
  end
  if type(pattern) ~= "string" or pattern == "" then
    error(where .. ": rewrite: a pattern is a text or a function, not " .. (pattern == "" and "empty" or "a " .. type(pattern)), 0)
  end
  if pattern:sub(1, 1) == "^" then return by_regex(pattern, where) end
  if pattern == "*" then pattern = "*@*" end
  if not pattern:find(";", 1, true) and pattern:sub(1, 1) ~= "!" and pattern:sub(1, 1) ~= "+" then
    local match = halves(pattern, where)
    if match then return match end
    if pattern:sub(1, 1) == "*" then
      local domain = domain_half(pattern, where)
      return function(address, ev)
        local d = address:match("@([^@]*)$")
        local a = d and domain(d, ev)
        return a and { [0] = address, a } or nil
      end
    end
  end
  local list = lists.compile("address", { pattern }, where)
  return function(address, ev)
    local hit, data = list(address:lower(), ev)
    return hit and { [0] = address, data ~= address:lower() and data or nil } or nil
  end
end

-- ---- replacements

-- "$1@new.example", "${local_part}x@$domain"; "$$" is a dollar.
local function replacement_of(text, where)
  if type(text) == "function" then return function(ev, address, captures) return text(ev.m, address, captures) end end
  if type(text) ~= "string" or text == "" then
    error(where .. ": rewrite: a replacement is a text or a function of the mail object, the address and the captures", 0)
  end
  if text == "*" then return "*" end
  local parts, at = {}, 1
  while at <= #text do
    local dollar = text:find("$", at, true)
    if not dollar then
      parts[#parts + 1] = text:sub(at)
      break
    end
    if dollar > at then parts[#parts + 1] = text:sub(at, dollar - 1) end
    local name, after = text:match("^{([%w_]+)}()", dollar + 1)
    if not name then name, after = text:match("^(%d)()", dollar + 1) end
    if not name then name, after = text:match("^([%a_]+)()", dollar + 1) end
    if not name and text:sub(dollar + 1, dollar + 1) == "$" then
      parts[#parts + 1], at = "$", dollar + 2
    elseif name and (name:find("^%d$") or name == "local_part" or name == "domain") then
      parts[#parts + 1], at = { tonumber(name) or name }, after
    else
      error(string.format('%s: rewrite: "%s" in "%s" stands for nothing; $0 to $9, $local_part, $domain and $$ do, '
        .. "anything else is the work of a function", where, text:sub(dollar, after and after - 1 or dollar), text), 0)
    end
  end
  return function(_, address, captures)
    local out = {}
    for i, part in ipairs(parts) do
      if type(part) == "table" then
        local what = part[1]
        if what == "local_part" then part = address:match("^(.*)@") or address
        elseif what == "domain" then part = address:match("@([^@]*)$") or ""
        else part = captures[what] or "" end
      end
      out[i] = part
    end
    return table.concat(out)
  end
end

local KEYS = { flags = true }

-- One rule as it is written, or an error that says where.
function rules.read(spec, where, number, headers_only)
  if type(spec) ~= "table" then error(where .. ": a rewriting rule is a table: { pattern, replacement, flags = \"Fs\" }", 0) end
  for key in pairs(spec) do
    if type(key) == "string" and not KEYS[key] then
      error(string.format('%s: a rewriting rule knows no "%s"%s', where, key, words.meant(key, KEYS)), 0)
    end
  end
  local text = spec.flags or spec[3] or ""
  if #spec < 2 or #spec > 3 or type(text) ~= "string" or spec.flags and spec[3] then
    error(where .. ": a rewriting rule is { pattern, replacement, flags = \"Fs\" }", 0)
  end
  local flags, places = read_flags(text, where, headers_only)
  if flags.S and (type(spec[1]) ~= "string" or spec[1]:sub(1, 1) ~= "^") then
    error(where .. ": rewrite: a rule with the flag S has a regular expression as its pattern: it sees text that is no address yet", 0)
  end
  return { number = number, where = where, flags = flags, places = places,
           match = pattern_of(spec[1], where), make = replacement_of(spec[2], where) }
end

return rules
