-- verify_cache - what callouts have learned, kept in hints for all workers
--
-- Two kinds of records, as Exim's: of a domain (does its server talk to us at
-- all, does it take postmaster, does it take anything), and of an address, with
-- the sender it was asked for where that was not the null one. A yes lives longer
-- than a no; each fact of a domain has an age of its own. It is a memory only: what
-- cannot be read is asked again.

local host, use = ...
local site = use "site"
local cache = {}

local TABLE = "callout"
local KEY_MAX = 400             -- LMDB's keys are short: a long one is known by its digest

local function key_of(kind, name)
  local key = kind .. name:lower()
  if #key > KEY_MAX then key = key:sub(1, KEY_MAX - 100) .. "#" .. host.digest("sha256", key) end
  return key
end

local function life(kind, good)
  return site.value("callout_" .. kind .. (good and "positive" or "negative") .. "_expire")
end

local function fresh(kind, result, at)
  return result == "accept" and at + life(kind, true) > host.now() or result ~= "accept" and at + life(kind, false) > host.now()
end

local function known(word) return word ~= "-" and word or nil end

-- { result =, at =, postmaster =, postmaster_at =, random =, random_at = } or nil
function cache.domain(domain)
  local text = host.store_get(TABLE, key_of("d ", domain))
  if not text then return nil end
  local result, at, pm, pm_at, rnd, rnd_at = text:match("^(%S+) (%d+) (%S+) (%d+) (%S+) (%d+)$")
  if not result or not fresh("domain_", result, tonumber(at)) then return nil end
  local d = { result = result, at = tonumber(at), postmaster_at = tonumber(pm_at), random_at = tonumber(rnd_at) }
  d.postmaster = known(pm) and fresh("domain_", pm, d.postmaster_at) and pm or nil
  d.random = known(rnd) and fresh("domain_", rnd, d.random_at) and rnd or nil
  return d
end

function cache.put_domain(domain, d)
  local text = string.format("%s %d %s %d %s %d", d.result, host.now(), d.postmaster or "-", d.postmaster_at or 0,
    d.random or "-", d.random_at or 0)
  host.store_put(TABLE, key_of("d ", domain), text, host.now() + math.max(life("domain_", true), life("domain_", false)))
end

-- "accept", "reject" or nil
function cache.address(key)
  local text = host.store_get(TABLE, key_of("a ", key))
  local result, at = (text or ""):match("^(%S+) (%d+)$")
  return result and fresh("", result, tonumber(at)) and result or nil
end

function cache.put_address(key, result)
  host.store_put(TABLE, key_of("a ", key), string.format("%s %d", result, host.now()), host.now() + life("", result == "accept"))
end

-- ---- quota: is there room in a mailbox?

function cache.quota(address)
  local text = host.store_get(TABLE, key_of("q ", address))
  local result, untilwhen = (text or ""):match("^(%S+) (%d+)$")
  return result and tonumber(untilwhen) > host.now() and result or nil
end

function cache.put_quota(address, result, seconds)
  host.store_put(TABLE, key_of("q ", address), string.format("%s %d", result, host.now() + seconds), host.now() + seconds)
end

return cache
