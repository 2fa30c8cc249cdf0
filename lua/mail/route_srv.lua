-- route_srv - hosts of a domain from its SRV records (RFC 2782)
--
-- check_srv of dnslookup names services; the first of them that has records
-- counts, and then there is no question for MX. Lowest priority first, among
-- equals at random by weight.

local host, use = ...
local words = use "words"
local routers = use "routers"
local srv = {}

local TARGETS = 20

-- RFC 2782: a record is drawn with a chance in proportion to its weight; those
-- of weight 0 stand first, so that they have a small one.
local function by_weight(group)
  table.sort(group, function(a, b) return (a.weight == 0 and 0 or 1) < (b.weight == 0 and 0 or 1) end)
  local drawn = {}
  while #group > 0 do
    local sum = 0
    for _, rr in ipairs(group) do sum = sum + rr.weight end
    local mark, run = host.random(sum + 1) - 1, 0
    for i, rr in ipairs(group) do
      run = run + rr.weight
      if run >= mark then
        drawn[#drawn + 1] = table.remove(group, i)
        break
      end
    end
  end
  return drawn
end

local function ordered(records)
  table.sort(records, function(a, b) return a.preference < b.preference end)
  local out, group = {}, {}
  for i, rr in ipairs(records) do
    group[#group + 1] = rr
    if i == #records or records[i + 1].preference ~= rr.preference then
      for _, one in ipairs(by_weight(group)) do out[#out + 1] = one end
      group = {}
    end
  end
  return out
end

-- "smtp" -> "_smtp._tcp.example.org"
local function question(service, domain) return "_" .. service .. "._tcp." .. domain end

local function addresses(records, secure, want)
  local all, again = {}, nil
  for i, rr in ipairs(ordered(records)) do
    if i > TARGETS then break end
    local status, hosts, why = host.hosts(rr.target, {
      mx = false, ipv4_only = want.ipv4_only, ipv4_prefer = want.ipv4_prefer, dnssec_require = want.dnssec_require,
    })
    if status == "again" then again = why end
    for _, h in ipairs(status == "ok" and hosts or {}) do
      h.port, h.preference, h.secure = rr.port, rr.preference, h.secure and secure
      all[#all + 1] = h
    end
  end
  if #all == 0 and again then return "again", nil, again end
  if #all == 0 then return "none", nil, "all SRV records point to hosts without addresses" end
  return "ok", all
end

-- status, hosts, why as host.hosts gives them; nil when no service has a record.
function srv.find(r, addr, ev, want)
  for _, service in ipairs(words.list(routers.option(r, "check_srv", ev.m))) do
    if service ~= "" then
      local status, records, about = host.dns("SRV", question(service, addr.domain))
      if status == "again" and not routers.listed(r, "srv_fail_domains", ev, addr.domain) then return "again", nil, about end
      if status == "ok" then
        local secure = type(about) == "table" and about.secure or false
        if want.dnssec_require and not secure then return "again", nil, "SRV answer is not DNSSEC-secure" end
        -- a single record for the root: the service is decidedly not there
        if #records == 1 and (records[1].target == "" or records[1].target == ".") then
          return "null_mx", nil, "an SRV record says that there is no service " .. service
        end
        return addresses(records, secure, want)
      end
    end
  end
end

return srv
