-- lists_hosts - items of host lists: addresses, networks, names
--
-- Networks are hashes by length. Names cost look-ups: those with wildcards look at
-- the client's verified name, plain ones at the addresses the name has. What cannot
-- be found out is raised, unless +ignore_ or +include_ says otherwise (as Exim). A host that mail goes
-- to (ev.target) has its name already, from a router, and both kinds are about that.

local host, use = ...
local items = use "lists_items"
local lookups = use "lookups"
local fail, grow = items.fail, items.grow
local hosts = {}

-- Words of host lists that look like named lists.
hosts.FLAGS = { ignore_unknown = true, include_unknown = true, ignore_defer = true, include_defer = true }

-- primary_hostname, or what the system calls itself.
function hosts.hostname() return (use("site").value("primary_hostname") or host.hostname()):lower() end

-- An address of this machine, or one the site takes for its own.
function hosts.is_local(text)
  if host.is_local(text) then return true end
  local ip = host.ip_pack(text)
  for _, own in ipairs(use("site").value("extra_local_interfaces") or {}) do
    if host.ip_pack(own) == ip then return true end
  end
  return false
end

local function packed(subject, ev)
  if ev and ev.ip_text == subject then return ev.ip end
  local ip = host.ip_pack(subject)
  if ev then ev.ip_text, ev.ip = subject, ip end
  return ip
end

local function net_step(no)
  local whole = {}                      -- packed address -> true
  local sets, bits = {}, {}             -- bits -> packed network -> true; bits in use
  local step = { no = no, nets = sets }
  function step.add(ip, width)
    if width == (ip:byte(1) == 4 and 32 or 128) then
      whole[ip] = true
      return
    end
    if not sets[width] then
      sets[width] = {}
      bits[#bits + 1] = width
    end
    sets[width][host.ip_mask(ip, width)] = true
  end
  function step.try(subject, ev)
    local ip = packed(subject, ev)
    if not ip then return end
    if whole[ip] then return true, subject end
    for i = 1, #bits do
      if sets[bits[i]][host.ip_mask(ip, bits[i])] then return true, subject end
    end
  end
  return step
end

-- What to do when a host's name cannot be known (reference: Exim's +ignore_unknown
-- and kin). "stop" tells the chain that the whole list says no.
local function unknown(mode, ev, what)
  if mode.unknown == "ignore" then return nil end
  local m = ev and ev.m
  if m and host.log_selected("unknown_in_list") then
    host.logwrite(m, "main", mode.unknown == "include" and "failed to find " .. what .. ": accepted by +include_unknown"
      or "list matching forced to fail: failed to find " .. what)
  end
  if mode.unknown == "include" then return true end
  return nil, nil, true
end

local function later(mode, text)
  if mode.defer == "ignore" then return nil end
  if mode.defer == "include" then return true end
  error(host.again(text))
end

-- Whether one of the verified names of an address fits, but for the one that was asked about before.
-- They are kept in the ev for the items that follow.
local function one_of(mode, subject, before, fits, ev)
  if ev.names_of ~= subject then
    local status, found, why = host.reverse(subject)
    if status == "again" then return later(mode, why) end
    ev.names_of, ev.names = subject, status == "ok" and found or {}
  end
  for _, h in ipairs(ev.names) do
    local name = h.name:lower()
    if name ~= before then
      local hit, data = fits(name, ev)
      if hit then return hit, data end
    end
  end
  if not before and #ev.names == 0 then return unknown(mode, ev, "host name for " .. subject) end
end

-- Items about the client's name need the mail object: only the client has one.
local function name_item(mode, fits)
  return function(subject, ev)
    local m = ev and ev.m
    if ev and ev.target then return fits(ev.target, ev) end
    if not m then error("a host list with names in it can only be asked about the client of a session", 0) end
    local name = m.sender_host_address == subject and m.sender_host_name or nil
    if name then
      local hit, data = fits(name:lower(), ev)
      if hit then return hit, data end
      return one_of(mode, subject, name:lower(), fits, ev)
    end
    if m.sender_host_address ~= subject then return one_of(mode, subject, nil, fits, ev) end
    if m.host_lookup_deferred then return later(mode, "the name of " .. subject .. " could not be looked up") end
    return unknown(mode, ev, "host name for " .. subject)
  end
end

local function address_of(mode, name)
  return function(subject, ev)
    if ev and ev.target then
      if ev.target == name then return true, name end
      return
    end
    local status, found, why = host.hosts(name, { mx = false })
    if status == "again" then return later(mode, why) end
    if status ~= "ok" then return unknown(mode, ev, "IP address for " .. name) end
    local ip = packed(subject, ev)
    for _, h in ipairs(found) do
      if host.ip_pack(h.ip) == ip then return true, name end
    end
  end
end

-- An IPv6 address as Exim writes it in keys: whole groups, with dots, since a colon ends a key.
local function dotted(ip)
  local groups = {}
  for i = 2, 16, 2 do groups[#groups + 1] = string.format("%02x%02x", ip:byte(i), ip:byte(i + 1)) end
  return table.concat(groups, ".")
end

-- The keys of an address: of its network with "net24-"; an IPv6 address is also looked for as people write it.
local function net_keys(ip, subject, bits)
  if bits then
    local most = ip:byte(1) == 4 and 32 or 128
    ip = host.ip_mask(ip, math.min(bits, most))
  end
  local tail = bits and "/" .. bits or ""
  local text = bits and host.ip_text(ip) or subject
  if ip:byte(1) == 4 then return { text .. tail } end
  return { dotted(ip) .. tail, text .. tail }
end

-- A lookup whose key is the client's address.
local function net_lookup(spec)
  local bits = tonumber(spec.net)
  local last = items.looked_up(spec)
  local exact = { partial = nil, default = nil, ret = spec.options.ret, timeout = spec.options.timeout }
  local first = spec.file and items.looked_up { kind = spec.kind, file = spec.file, options = exact, where = spec.where } or last
  return function(subject, ev)
    local ip = packed(subject, ev)
    if not ip then return end
    if lookups.KINDS[spec.kind].net then return last(subject) end
    local keys = net_keys(ip, subject, bits)
    for i, key in ipairs(keys) do
      local try = i == #keys and last or first
      local hit, data = try(key)
      if hit then return true, data end
    end
  end
end

function hosts.item(item, where, no, last, mode)
  local flag, what
  if type(item) == "string" then flag, what = item:match("^%+(%a+)_(%a+)$") end       -- not lookup.table.NAME(...)
  if flag and hosts.FLAGS[flag .. "_" .. what] then
    mode[what] = flag
    return nil
  end
  if item == "" then return { no = no, try = function(subject) return subject == "" end } end
  if item == "*" then return { no = no, try = function() return true end } end
  if item == "@[]" then return { no = no, try = function(subject) return hosts.is_local(subject), subject end } end
  if item == "@" then
    local now = { unknown = mode.unknown, defer = mode.defer }
    return { no = no, try = function(subject, ev) return address_of(now, hosts.hostname())(subject, ev) end }
  end
  local now = { unknown = mode.unknown, defer = mode.defer }
  local spec = lookups.is_table(item) or lookups.parse(item, where, fail)
  if spec then
    mode.costly = true
    -- a file of networks can only be asked for addresses
    if spec.net or lookups.KINDS[spec.kind].net then
      return { no = no, try = net_lookup { kind = spec.kind, file = spec.file, query = spec.query, options = spec.options,
                                           net = spec.net or "", where = where } }
    end
    return { no = no, try = name_item(now, items.lookup(item, where)) }
  end
  item = item:lower()
  if item:sub(1, 1) == "^" then
    return { no = no, try = name_item(now, items.regex(item, where)) }
  end

  local text, width = item:match("^%[?([%x:%.]+)%]?/(%d+)$")
  text = text or item:match("^%[?([%x:%.]+)%]?$")
  local ip = text and host.ip_pack(text)
  if ip then
    local most = ip:byte(1) == 4 and 32 or 128
    width = tonumber(width or most)
    if width > most then fail(where, 'the network "' .. item .. '" is too long: at most /' .. most) end
    local step, new = grow(last, no, "nets", net_step)
    step.add(ip, width)
    return new
  end
  if item:find("[\128-\255]") then
    local star, name = item:match("^(%*?%.?)(.*)$")
    local ascii, why = host.to_alabel(name)
    if not ascii then fail(where, '"' .. item .. '" is no host name: ' .. tostring(why)) end
    item = star .. ascii
  end
  if item:find("[/%[%]%(%)%s\"'$=<>@]") or item:find("^[%d%.]+$") then
    fail(where, '"' .. item .. '" is neither an address, a network nor a host name')
  end
  if item:sub(1, 1) == "*" then
    local tail = item:sub(2)
    return { no = no, try = name_item(now, function(name)
      if #name >= #tail and name:sub(-#tail) == tail then return true, name end
    end) }
  end
  if item:find("*", 1, true) then fail(where, 'the host "' .. item .. '": a * may only stand at its beginning') end
  return { no = no, try = address_of(now, item) }
end

return hosts
