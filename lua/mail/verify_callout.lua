-- verify_callout - is the address taken where it would be delivered?
--
-- A routed address is asked about at its hosts: MAIL and RCPT, no message. What
-- earlier ones said comes from verify_cache; the conversation is the engine's
-- (host.callout, core/engine/callout.c). 5xx to RCPT is no; 4xx, silence and no
-- connection are "could not find out"; 5xx to the greeting, HELO or MAIL says that
-- the host refuses us, and is no with other words.

local host, use = ...
local words = use "words"
local site = use "site"
local transports = use "transports"
local hosts_drivers = use "route_hosts"
local cache = use "verify_cache"
local callout = {}

-- ---- whom to ask

-- Hosts a transport names itself are looked up here; those that are not there now are passed over.
local function transport_hosts(values)
  local all = {}
  for _, text in ipairs(words.list(values.hosts)) do
    local item = hosts_drivers.host_item(text)
    local status, found = "none", nil
    if item then status, found = hosts_drivers.find(item, { randomize = values.hosts_randomize }) end
    for _, h in ipairs(status == "ok" and found or {}) do
      local loopback = h.ip:find("^127%.") or h.ip == "::1"
      if values.allow_localhost or not loopback or item.ip then all[#all + 1] = h end
    end
  end
  return all
end

-- transport phase, about this address: what its options read.
function callout.transport_view(m, found)
  local view = host.view(m, "transport", found.address)
  host.fact(view, "local_part", found.local_part)
  host.fact(view, "local_part_prefix", found.prefix)
  host.fact(view, "local_part_suffix", found.suffix)
  host.fact(view, "domain_data", found.domain_data)
  host.fact(view, "local_part_data", found.local_part_data)
  host.fact(view, "address_data", found.address_data)
  host.fact(view, "router_name", found.router)
  return view
end

-- What goes to RCPT: affixes stay here unless the transport says otherwise.
local function rcpt_of(found, values)
  if values.rcpt_include_affixes or not (found.prefix or found.suffix) then return found.address end
  local as_is = found.address:match("^(.*)@[^@]*$") or found.address
  if as_is:byte() == 34 then return found.address end
  return found.local_part_as_is .. "@" .. found.domain
end

-- The sender of the question, and the name its answer is remembered by.
local function sender_of(m, c, mode, values)
  if mode ~= "recipient" then return c.mailfrom or "" end
  if c.use_postmaster then return "postmaster@" .. host.get(m, "qualify_domain") end
  if not c.use_sender then return "" end
  local path = c.use_tptsender and values.return_path
  if path == "<>" then return "" end
  return path or m.sender_address or ""
end

-- ---- what is known already: an answer, or nil and what to keep of the domain's record

local function remembered(found, c, key, sender)
  local known = cache.domain(found.domain)
  local keep = {}
  if known then
    if known.result == "reject" or sender == "" and known.result == "reject_null" then
      return { ok = false, failure = "mail", setup = true, text = "(result of an earlier callout reused)" }
    end
    -- asked with a sender, a domain that refuses bounces stays known for that
    keep.null = known.result == "reject_null"
    if c.random then
      if known.random == "accept" then return { ok = true, failure = "random" } end
      if known.random ~= "reject" then return nil, keep end
      keep.random, keep.random_at = known.random, known.random_at
    end
    if c.postmaster then
      if known.postmaster == "reject" then
        return { ok = false, failure = "postmaster", postmaster = true, text = "(result of earlier verification reused)" }
      end
      if not known.postmaster then return nil, keep end
      keep.postmaster, keep.postmaster_at = known.postmaster, known.postmaster_at
    end
  end
  if c.random and not keep.random or c.postmaster and not keep.postmaster then return nil, keep end
  local was = cache.address(key)
  if was == "accept" then return { ok = true }, keep end
  if was then
    return { ok = false, failure = "recipient", text = "Previous (cached) callout verification failure" }, keep
  end
  return nil, keep
end

local function remember(found, key, keep, got)
  local now = host.now()
  local d = {
    result = got.domain == "accept" and keep.null and "reject_null" or got.domain,
    random = got.random or keep.random, random_at = got.random and now or keep.random_at,
    postmaster = got.postmaster or keep.postmaster, postmaster_at = got.postmaster and now or keep.postmaster_at,
  }
  if d.result then cache.put_domain(found.domain, d) end
  if got.failure == "random" or got.result == "again" then return end
  if got.result == "yes" or got.failure == "postmaster" then cache.put_address(key, "accept")
  elseif got.failure == "recipient" then cache.put_address(key, "reject") end
end

-- ---- the words for it

local function answer_of(got, mode)
  if got.result == "yes" then return { ok = true, failure = got.failure } end
  if got.result == "no" then
    return {
      ok = false, failure = got.failure, text = got.text, setup = got.failure == "mail", postmaster = got.failure == "postmaster",
      -- a recipient's host may be an inner one, of which nothing is told
      user = mode == "recipient" and "Callout verification failed:\n" .. (got.answer or "")
        or string.format("Called:   %s\nSent:     %s\nResponse: %s", got.ip or "", got.asked or "", got.answer or ""),
    }
  end
  local dull = string.format("Could not complete %s verify callout", mode)
  return { ok = nil, callout = true, text = (got.several or not got.text) and dull or dull .. ": " .. got.text, user = dull }
end

-- ---- asking

local function random_part(m)
  local part = site.option("callout_random_local_part", m)
  if part == nil or part == "" then part = host.get(m, "primary_hostname") .. "-" .. host.now() .. "-testing" end
  return part
end

-- found is the item the address was routed to. -> { ok = true | false | nil, failure =, text =, user = ... }
function callout.run(m, found, options, mode)
  local c = options.callout
  if not found.transport or transports.driver(found.transport) ~= "smtp" then return { ok = true } end
  local view = callout.transport_view(m, found)
  local driver, values = transports.values(found.transport, view)
  local sender = sender_of(m, c, mode, values)
  local key = sender == "" and found.address or found.address .. "/<" .. sender .. ">"
  local keep = {}
  if not c.no_cache then
    local answer
    answer, keep = remembered(found, c, key, sender)
    if answer then return answer end
  end
  local hosts = found.hosts
  if values.hosts and (#hosts == 0 or values.hosts_override) then hosts = transport_hosts(values) end
  if #hosts == 0 and not values.hosts then return { ok = true } end     -- nobody to ask: routing has said what it can
  local got = host.callout(m, {
    transport = found.transport, driver = driver, values = values, hosts = hosts, router = found.router,
    plain = #found.edits == 0 and not found.srs_later,
    address = found.address, rcpt = rcpt_of(found, values), sender = sender,
    random = c.random and not keep.random and random_part(m) or nil,
    postmaster = c.postmaster and not keep.postmaster or false, fullpostmaster = c.fullpostmaster or false,
    postmaster_sender = c.postmaster_mailfrom or "",
    hold = c.hold and options.own or false, recipient = mode == "recipient",
    size = mode == "recipient" and c.no_cache and math.max(host.get(m, "message_size") or 0, 0) or 0,
    answer_ms = c.answer * 1000, connect_ms = c.connect * 1000, whole_ms = c.maxwait * 1000,
  })
  if got.ip then host.fact(m, "callout_address", got.ip) end
  if not c.no_cache then remember(found, key, keep, got) end
  return answer_of(got, mode)
end

return callout
