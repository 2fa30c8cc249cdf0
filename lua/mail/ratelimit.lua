-- ratelimit - does somebody send too fast?
--
--   ratelimit = "100 / 1h / per_rcpt / strict"                  the key is the client's address
--   ratelimit = { "20 / 1h", key = function(m) return m.authenticated_id end }
--   ratelimit = { "100 / 1h", "10 / 1m" }                       both must hold
--   check.ratelimit("1000 / 1d / strict", { key = m.sender_address_domain, count = 2 })
--
-- Exim's words and Exim's arithmetic (core/spool/pace.c). What comes from a
-- message goes into key, unique and count, never into the text: a sender's
-- address may hold "/readonly".

local host, use = ...
local words = use "words"
local ratelimit = {}

local MODES = { per_conn = true, per_mail = true, per_byte = true, per_rcpt = true, per_addr = true, per_cmd = true }
local KEEP = { strict = "strict", leaky = "leaky", readonly = "readonly", noupdate = "readonly" }
local OPTIONS = { key = true, count = true, unique = true }
local KEY_MAX = 400

-- Where the thing that is counted can be known.
local BEFORE_MAIL = { connect = true, helo = true, starttls = true, auth = true, etrn = true, atrn = true, expn = true, vrfy = true,
                      wellknown = true, quit = true, notquit = true, not_smtp_start = true }
local WITH_RCPTS = { rcpt = true, predata = true, dkim = true, mime = true, prdr = true, data = true, not_smtp = true,
                     not_smtp_mime = true }

local function misplaced(mode, phase)
  if mode == "per_addr" and phase ~= "rcpt" then return "per_addr counts in the rcpt ACL only" end
  if mode == "per_rcpt" and not WITH_RCPTS[phase] then return "per_rcpt counts where recipients are known: rcpt and later" end
  if mode == "per_byte" and BEFORE_MAIL[phase] then return "per_byte counts where a size is known: mail and later" end
end

-- ---- reading "m / p / options / key"

local function wrong(where, ...) error(where .. ": ratelimit: " .. string.format(...), 0) end

local function limit_of(text, where)
  local n, unit = (text or ""):match("^%s*(%d+%.?%d*)%s*([kKmMgG]?)%s*$")
  if not n then wrong(where, '"%s" is no limit; write it as "100 / 1h"', tostring(text)) end
  return tonumber(n) * (unit == "" and 1 or words.size("1" .. unit))
end

local function period_of(text, where)
  local seconds = words.seconds(text or "")
  if not seconds or seconds < 1 or seconds > 3650 * 86400 then
    wrong(where, '"%s" is no period; write the limit as "100 / 1h"', tostring(text))
  end
  return seconds
end

local function set_once(spec, name, value, where, said)
  if spec[name] ~= nil then wrong(where, '"%s" does not go with what was said before it', said) end
  spec[name] = value
end

local function option(spec, part, where)
  local name, value = part:match("^(%l+)=(.*)$")
  if MODES[part] then
    set_once(spec, "mode", part, where, part)
  elseif KEEP[part] then
    set_once(spec, "keep", KEEP[part], where, part)
  elseif name == "count" then
    if not value:find("^%d+%.?%d*$") then wrong(where, '"%s" is no number to count by', value) end
    set_once(spec, "count", tonumber(value), where, part)
  elseif name == "unique" then
    set_once(spec, "unique", value, where, part)
  elseif part:find("^per_") then
    wrong(where, 'there is no "%s"%s', part, words.meant(part, MODES))
  else
    spec.key = spec.key and spec.key .. "/" .. part or part
  end
end

local function read(text, where)
  if type(text) ~= "string" then wrong(where, 'a limit is a text such as "100 / 1h / strict", not a %s', type(text)) end
  local parts = {}
  for part in (text .. "/"):gmatch("([^/]*)/") do parts[#parts + 1] = part:match("^%s*(.-)%s*$") end
  local spec = { limit_text = parts[1], period_text = parts[2], where = where }
  spec.limit, spec.period = limit_of(parts[1], where), period_of(parts[2], where)
  for i = 3, #parts do if parts[i] ~= "" then option(spec, parts[i], where) end end
  spec.mode, spec.keep = spec.mode or "per_mail", spec.keep or "leaky"
  return spec
end

-- What the rule's functions say of this event.
local function value_of(value, ev)
  if type(value) == "function" then return value(ev.m) end
  return value
end

-- ---- asking

local function count_of(spec, m, phase)
  if spec.mode == "per_byte" then
    local size = m.message_size
    return size and size > 0 and size or 0
  end
  if spec.mode == "per_rcpt" and phase ~= "rcpt" then return m.recipients_count end
  return 1
end

-- Whose list remembers that this was counted already: counting is once for a
-- connection, a message or a command, however many ACLs ask.
local function scope_of(mode, phase)
  if mode == "per_conn" then return "conn" end
  if mode == "per_cmd" or mode == "per_addr" or (mode == "per_rcpt" and phase == "rcpt") or BEFORE_MAIL[phase] then return "command" end
  return "mail"
end

local function known(scope, key, ev)
  if scope == "command" then return ev.rates and ev.rates[key] end
  return host.rate_known(ev.m, scope, key)
end

local function note(scope, key, rate, ev)
  if scope ~= "command" then return host.rate_note(ev.m, scope, key, rate) end
  ev.rates = ev.rates or {}
  ev.rates[key] = rate
end

local function text_of(value, what, where)
  if type(value) == "number" then value = tostring(value) end
  if type(value) ~= "string" then wrong(where, "%s is a text, not a %s", what, type(value)) end
  return value
end

local function key_of(spec, ev, unique)
  local key = value_of(spec.key, ev)
  if key == nil then key = ev.m.sender_host_address or "" end
  key = string.format("%s/%s%s/%s", spec.period, spec.mode == "per_addr" and "per_rcpt" or spec.mode, unique and "/unique" or "",
    text_of(key, "key", spec.where))
  -- LMDB's keys are short; a long one is known by its digest
  if #key > KEY_MAX then key = key:sub(1, KEY_MAX - 100) .. "#" .. host.digest("sha256", key) end
  return key
end

local function unique_of(spec, ev)
  if spec.mode == "per_addr" then return ((ev.m.local_part or "") .. "@" .. (ev.m.domain or "")):lower() end
  local unique = value_of(spec.unique, ev)
  return unique ~= nil and text_of(unique, "unique", spec.where) or nil
end

local function rate_of(spec, ev)
  local m, phase = ev.m, host.phase(ev.m)
  local unique = unique_of(spec, ev)
  local key, scope = key_of(spec, ev, unique), scope_of(spec.mode, phase)
  local rate = spec.keep ~= "readonly" and known(scope, key, ev)
  if rate then return rate end
  local count = value_of(spec.count, ev) or count_of(spec, m, phase)
  if type(count) ~= "number" or not (count >= 0 and count <= 1e15) then
    wrong(spec.where, "%s is no number to count by", tostring(count))
  end
  rate = host.rate(key, spec.limit, spec.period, count, spec.keep, unique)
  if spec.keep ~= "readonly" then note(scope, key, rate, ev) end
  return rate
end

local function holds(spec, ev)
  local bad = misplaced(spec.mode, host.phase(ev.m))
  if bad then wrong(spec.where, "%s", bad) end
  local rate = rate_of(spec, ev)
  host.fact(ev.m, "sender_rate", string.format("%.1f", rate))
  host.fact(ev.m, "sender_rate_limit", spec.limit_text)
  host.fact(ev.m, "sender_rate_period", spec.period_text)
  return rate >= spec.limit
end

-- ---- compiling

local function one(text, options, where, phase)
  local spec = read(text, where)
  for name, value in pairs(options) do
    if type(name) == "string" then
      if not OPTIONS[name] then wrong(where, 'there is no option "%s"%s', name, words.meant(name, OPTIONS)) end
      set_once(spec, name, value, where, name)
    end
  end
  if spec.unique and spec.mode == "per_addr" then wrong(where, "per_addr has its own idea of unique: the recipient") end
  local bad = phase and misplaced(spec.mode, phase)
  if bad then wrong(where, "%s", bad) end
  return function(ev) return holds(spec, ev) end
end

local function late(value, where)
  return function(ev)
    local given = value(ev.m)
    if given == nil or type(given) == "boolean" then return given or false end
    return ratelimit.compile(given, where)(ev)
  end
end

-- value -> function(ev) -> holds
function ratelimit.compile(value, where, phase)
  if type(value) == "function" then return late(value, where) end
  if type(value) ~= "table" then return one(value, {}, where, phase) end
  local options = value
  if #value == 2 and type(value[2]) == "table" then options, value = value[2], { value[1] } end
  if #value == 0 then wrong(where, 'a limit is missing: { "100 / 1h", key = ... }') end
  local parts = {}
  for i, text in ipairs(value) do parts[i] = one(text, options, where, phase) end
  return function(ev)
    -- each is counted, whatever the others say
    local all = true
    for i = 1, #parts do all = parts[i](ev) and all end
    return all
  end
end

return ratelimit
