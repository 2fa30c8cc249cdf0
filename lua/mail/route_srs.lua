-- route_srs - the option srs of a redirect router: senders rewritten for whom it forwards, bounces led back
--
-- libsrs_alt's way (main options srs_*): after the router's conditions hold and before its data is read, `reverse` turns
-- the recipient into m.srs_recipient, `forward` gives what comes of the address another return path. The form of the
-- addresses is core/auth/srs.h's.

local host, use = ...
local options = use "options"
local routers = use "routers"
local site = use "site"
local words = use "words"
local srs = {}

local ALT = 1                                   -- enum srs_kind
local HASH_MOST, AGE_MOST, AGE, SECRET_MOST = 20, 365, 31, 32
local MODES = { forward = { forward = true }, reverse = { reverse = true }, reverseandforward = { forward = true, reverse = true } }

local function outcome(what, text) return { what = what, text = text } end

-- Something a postmaster has to put right: the address waits for it.
local function misconfigured(text)
  return outcome("defer", "SRS Configuration Error: " .. text), "SRS Configuration Error: " .. text
end

-- ---- the site's options

local function numbered(text, least, most)
  local n = tonumber(text)
  return n and n == math.floor(n) and n >= least and n <= most and n or nil
end

-- srs_config has them all in one, and each that it has comes before the option of its name.
local function given(m)
  local one = words.list(site.option("srs_config", m))
  local function pick(i, name)
    if one[i] ~= nil and one[i] ~= "" then return one[i] end
    return site.option(name, m)
  end
  local function on(i, name)
    if one[i] ~= nil and one[i] ~= "" then return one[i] ~= "0" end
    return site.option(name, m) ~= false
  end
  return {
    first = one[1] ~= "" and one[1] or nil, secrets = words.list(site.option("srs_secrets", m)), age = pick(2, "srs_maxage"),
    length = pick(3, "srs_hashlength"), least = site.option("srs_hashmin", m),
    stamp = on(4, "srs_usetimestamp"), hash = on(5, "srs_usehash"),
  }
end

-- What core/auth/srs.c wants; or nil, and what is wrong.
local function rules(m, database)
  local set = given(m)
  local secrets = { set.first }
  for _, secret in ipairs(set.secrets) do secrets[#secrets + 1] = secret end
  if #secrets == 0 then return nil, "No secret specified" end
  for _, secret in ipairs(secrets) do
    if #secret < 1 or #secret > SECRET_MOST then return nil, "a secret has 1 to " .. SECRET_MOST .. " bytes" end
  end
  local age = numbered(set.age, 0, AGE_MOST)
  if not age then return nil, "Invalid maximum timestamp age" end
  local length = numbered(set.length, 1, HASH_MOST)
  local least = set.least == -1 and length or numbered(set.least, 1, HASH_MOST)
  if not length or not least then return nil, "Invalid hash length" end
  return { kind = ALT, secrets = secrets, separator = 61, hash_length = length, hash_min = least, max_age = age > 0 and age or AGE,
           no_hash = not set.hash, no_stamp = not set.stamp, database = database }
end

-- ---- what is known of it, for this address and those made from it

local function know(addr, name, value)
  addr.srs = addr.srs or {}
  addr.srs[name] = value
  host.fact(addr.m, name, value)
end

-- ---- there and back

-- A function's answer, whatever it is, or a text. Of a database nil and false are a failure, as in Exim a string that cannot
-- be expanded.
local function asked(r, name, m)
  local cell = r.cells[name]
  if not cell then return nil end
  if not cell.fn then return cell.value end
  return options.called(cell, m) or nil
end

local function database_failed(addr, what)
  know(addr, "srs_status", "database error")
  return outcome("defer", "SRS: " .. what)
end

-- Of what came back: decline what is not ours, refuse what pretends to be.
local REFUSED = { ["hash too short"] = true, ["bad hash"] = true, ["bad timestamp"] = true, ["timestamp expired"] = true }
local PASSED = { ["not SRS"] = true, ["bad SRS"] = true }

local function reverse(r, addr, ev, how)
  know(addr, "srs_orig_recipient", addr.address)
  local result, text = host.srs_decode(addr.local_part_as_is, how)
  know(addr, "srs_status", result)
  if PASSED[result] then return outcome("decline", "SRS: " .. result) end
  if REFUSED[result] then return outcome("fail", "SRS: " .. result) end
  if result ~= "ok" and result ~= "case broken" then return outcome("defer", "SRS: " .. result) end
  if how.database and host.srs_is(addr.local_part_as_is) == 0 then
    if not r.cells.srs_dbselect then return database_failed(addr, "srs_dbselect is not set") end
    know(addr, "srs_db_key", text)
    text = asked(r, "srs_dbselect", ev.m)
    if type(text) ~= "string" or not host.address_parse(text) then return database_failed(addr, "srs_dbselect gave no address") end
  end
  know(addr, "srs_recipient", text)
end

local function forward(r, addr, ev, how)
  local m = ev.m
  local sender = m.sender_address
  if sender == nil or sender == "" then return nil end
  local alias = routers.option(r, "srs_alias", m)
  if alias == nil or alias == "" then alias = addr.domain end
  know(addr, "srs_orig_sender", sender)
  local local_part = sender:match("^(.*)@") or sender
  if how.database and not host.srs_is(local_part) then
    if not r.cells.srs_dbinsert then return database_failed(addr, "srs_dbinsert is not set") end
    know(addr, "srs_db_key", host.srs_key(sender, how))
    know(addr, "srs_db_address", sender)
    if not asked(r, "srs_dbinsert", m) then return database_failed(addr, "srs_dbinsert failed") end
  end
  local result, text = host.srs_encode(sender, alias, how)
  know(addr, "srs_status", result)
  if result ~= "ok" then return outcome("defer", "SRS: " .. result) end
  addr.srs_sender = text
end

-- nil: the router goes on with its data; else what becomes of the address.
function srs.apply(r, addr, ev, walk)
  local mode = MODES[routers.option(r, "srs", ev.m) or ""]
  if not mode then return nil end
  if r.cells.srs_condition and not words.truth(asked(r, "srs_condition", ev.m)) then return nil end
  local how, wrong = rules(ev.m, (r.cells.srs_dbinsert or r.cells.srs_dbselect) and true or false)
  if not how then
    local ended, text = misconfigured(wrong)
    host.log_panic(text)
    return ended
  end
  if how.database and mode.forward and mode.reverse and not (r.cells.srs_dbinsert and r.cells.srs_dbselect) then
    return database_failed(addr, "srs_dbinsert and srs_dbselect are needed both")
  end
  local ended = mode.reverse and reverse(r, addr, ev, how)
  if ended then return ended end
  if not mode.forward then return nil end
  if not walk.mode and not walk.lines then return forward(r, addr, ev, how) end
  -- nobody sends to an address that is only asked about; and what is asked about under the old sender is not sent under it
  addr.srs_later = ev.m.sender_address ~= nil and ev.m.sender_address ~= ""
end

-- What an address hands on to those made from it.
function srs.inherit(child, addr)
  child.srs_sender, child.srs_later = addr.srs_sender, addr.srs_later
  for name, value in pairs(addr.srs or {}) do know(child, name, value) end
end

return srs
