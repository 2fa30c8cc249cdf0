-- verify_quota - is there room in the mailbox a recipient is routed to?
--
-- Only appendfile transports with a quota say no. The answer is remembered, a yes
-- for five minutes and a no for an hour unless the rule says otherwise, so that a
-- flood does not measure a mailbox for every message.

local host, use = ...
local transports = use "transports"
local cache = use "verify_cache"
local callout = use "verify_callout"
local quota = {}

local function full(why)
  return { ok = false, failure = "quota", text = why or "mailbox is full", user = "mailbox is full" }
end

-- found is the item the address was routed to.
function quota.run(m, found, options)
  if not found.transport or transports.driver(found.transport) ~= "appendfile" then return { ok = true } end
  local known = not options.no_cache and cache.quota(found.address)
  if known then return known == "yes" and { ok = true } or full "(result of an earlier look)" end
  local driver, values = transports.values(found.transport, callout.transport_view(m, found))
  if not values.quota and not values.quota_filecount then return { ok = true } end
  local result, why = host.room(m, {
    address = found.address, router = found.router, transport = found.transport, driver = driver, values = values,
    size = math.max(host.get(m, "message_size") or 0, 0), local_uid = found.local_uid,
  })
  if result == "again" then return { ok = nil, text = "could not look into the mailbox: " .. tostring(why) } end
  if not options.no_cache then
    cache.put_quota(found.address, result, result == "yes" and options.cachepos or options.cacheneg)
  end
  return result == "yes" and { ok = true } or full(why)
end

return quota
