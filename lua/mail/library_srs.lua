-- library_srs - senders rewritten so that they may be forwarded, and senders with a tag only we can make
--
-- srs.* is what rules call (reference: docs/guide/srs.md); a redirect router's option srs is route_srs. The day is the engine's.

local host, use = ...
local args = use "library_args"
local words = use "words"
local report = use "report"
local library = {}

local SECRETS = 32
local STYLES = { ["mail-srs"] = { kind = 0, max_age = 21 }, exim = { kind = 2, max_age = 10 } }
local OPTIONS = { separator = true, hash_length = true, hash_min = true, max_age = true, style = true }
local SEPARATORS = { ["="] = true, ["+"] = true, ["-"] = true }
local LONGEST = 20              -- characters of a hash
local OLDEST = 1023             -- days: they go round after that
local LONGEST_TEXT = 4096       -- of what is looked at; no address is half as long

-- ---- arguments

-- One secret or several; the first signs. Empty ones are left to whoever asks.
local function secrets(value, call)
  local list = type(value) == "table" and value or { value }
  if #list == 0 then error(call .. ": a secret is needed: a text, or a list of texts", 4) end
  if #list > SECRETS then error(string.format("%s: %d secrets are too many: at most %d", call, #list, SECRETS), 4) end
  local out = {}
  for i, secret in ipairs(list) do out[i] = args.text(secret, call .. ": a secret", 4) end
  return out
end

local function whole(options, name, least, most, call)
  return options[name] ~= nil and args.whole(options[name], call .. ": " .. name, least, most, 4) or nil
end

local function no_such(call, what, name, known)
  error(string.format("%s: there is no %s %s%s", call, what, name, words.meant(name, known)), 5)
end

local function how(options, call)
  if options == nil then options = {} end
  if type(options) ~= "table" then error(call .. ": options are a table, not a " .. type(options), 4) end
  for name in pairs(options) do
    if not OPTIONS[name] then no_such(call, "option", tostring(name), OPTIONS) end
  end
  local style = STYLES[options.style or "mail-srs"]
  if not style then no_such(call, "style", tostring(options.style), STYLES) end
  local separator = options.separator or "="
  if not SEPARATORS[separator] then error(call .. ": separator is one of = + -", 4) end
  return {
    kind = style.kind, separator = separator:byte(), hash_length = whole(options, "hash_length", 1, LONGEST, call),
    hash_min = whole(options, "hash_min", 1, LONGEST, call), max_age = whole(options, "max_age", 0, OLDEST, call) or style.max_age,
  }
end

-- ---- srs

local srs = {}
library.srs = srs

local NOT_ENCODED = { ["no domain"] = "the return path has no domain", ["bad SRS"] = "the return path is no address",
                      ["address too long"] = "the result is longer than an address may be" }

function srs.encode(secret, return_path, domain, options)
  local rules = how(options, "srs.encode")
  rules.secrets = secrets(secret, "srs.encode")
  -- such a signature anybody can make
  for _, one in ipairs(rules.secrets) do if one == "" then error("srs.encode: an empty secret would sign for everyone", 2) end end
  args.text(return_path, "srs.encode: the return path")
  args.text(domain, "srs.encode: the domain")
  if not host.address_parse("x@" .. domain:sub(1, LONGEST_TEXT)) then
    error(string.format('srs.encode: "%s" is no domain', domain:sub(1, 100)), 2)
  end
  if return_path == "" then return "" end
  local result, address = host.srs_encode(return_path:sub(1, LONGEST_TEXT), domain, rules)
  if result == "ok" then return address end
  return nil, NOT_ENCODED[result]
end

-- In the words of srs.decode.
local REASONS = { ["not SRS"] = "not srs", ["bad SRS"] = "syntax", ["address too long"] = "syntax", ["bad timestamp"] = "syntax",
                  ["hash too short"] = "hash", ["bad hash"] = "hash", ["timestamp expired"] = "expired" }
local GOOD = { ok = true, ["case broken"] = true }

-- The result in words, and the address as soon as the form fits.
local function decode(local_part, secret, options, call)
  local rules = how(options, call)
  rules.secrets = secrets(secret, call)
  args.text(local_part, call .. ": the local part", 3)
  -- an empty secret among others would vouch for everybody's addresses: alone it asks for the form
  if #rules.secrets == 1 and rules.secrets[1] == "" then rules.secrets = {} end
  for _, one in ipairs(rules.secrets) do if one == "" then error(call .. ": one of the secrets is empty", 3) end end
  local result, address = host.srs_decode(local_part:sub(1, LONGEST_TEXT), rules)
  -- a whole address is no local part, but a writer's local part may hold an @ in its quotes, and m.local_part is without them
  if local_part:find("@", 1, true) and local_part:byte() ~= 34 and result ~= "not SRS" and (#rules.secrets == 0 or not GOOD[result]) then
    return "bad SRS"
  end
  return result, address
end

function srs.decode(local_part, secret, options)
  local result, address = decode(local_part, secret, options, "srs.decode")
  if GOOD[result] then return address end
  return nil, REASONS[result]
end

-- The condition: sets m.srs_recipient as soon as the form fits, as Exim does.
function srs.inbound(local_part, secret, options)
  local result, address = decode(local_part, secret, options, "srs.inbound")
  local m = host.current()
  if m and address then host.fact(report.current().m, "srs_recipient", address) end
  return GOOD[result] or false
end

-- ---- prvs

local prvs = {}
library.prvs = prvs

local LONGEST_SECRET = 64

local function prvs_secret(value, call)
  args.text(value, call .. ": the secret", 3)
  if #value > LONGEST_SECRET then error(string.format("%s: the secret is longer than %d bytes", call, LONGEST_SECRET), 3) end
  return value
end

function prvs.create(address, secret, key)
  args.text(address, "prvs.create: the address")
  if prvs_secret(secret, "prvs.create") == "" then error("prvs.create: an empty secret would sign for everyone", 2) end
  if not host.address_parse(address) then error("prvs first argument must be a qualified email address", 2) end
  if type(key) == "string" and key:find("^%d$") then key = tonumber(key) end
  if key == nil then key = 0 end
  if type(key) ~= "number" or key ~= math.floor(key) or key < 0 or key > 9 then
    error("prvs third argument must be a single digit", 2)
  end
  local tagged = host.prvs_create(address, secret, key)
  if tagged then return tagged end
  return nil, "the result is longer than an address may be"
end

local function note(address, key, good)
  if not host.current() then return end
  local m = report.current().m
  host.fact(m, "prvscheck_address", address)
  host.fact(m, "prvscheck_keynum", key)
  host.fact(m, "prvscheck_result", good)
end

-- true and the address; false and the address, if the tag is not ours or too old; nil if there is no tag. A function as secret is
-- asked with the address and the number of its key.
function prvs.check(text, secret)
  args.text(text, "prvs.check: the address")
  if type(secret) ~= "function" then prvs_secret(secret, "prvs.check") end
  local address, key = host.prvs_read(text:sub(1, LONGEST_TEXT))
  if not address then return nil end
  note(address, key, false)
  if type(secret) == "function" then
    secret = secret(address, key)
    if secret == nil then return false, address end
    prvs_secret(secret, "prvs.check")
  end
  local good = host.prvs_good(text, secret)
  if good then note(address, key, true) end
  return good, address
end

return library
