-- route_hosts - drivers that end with hosts: dnslookup, ipliteral, manualroute
--
-- And what is common to them: hosts that are to be ignored, hosts that are
-- ourselves, the order they are tried in. Each driver is function(r, addr, ev) ->
-- outcome table { what = "accept" | "decline" | "pass" | "fail" | "defer" |
-- "freeze" | "error" | "reroute", text =, hosts =, transport = }.

local host, use = ...
local words = use "words"
local lists = use "lists"
local list_hosts = use "lists_hosts"
local routers = use "routers"
local transports = use "transports"
local site = use "site"
local srv = use "route_srv"
local drivers = {}

local function outcome(what, text) return { what = what, text = text } end

-- ---- is that us?

-- An address of this machine is "this host" for the port we serve. The mail port
-- counts as ours always, since something in front may hand it to us.
local function is_us(h, transport)
  if site.cells.hosts_treat_as_local and site.match("hosts_treat_as_local", host.current(), h.name) then return true end
  if not list_hosts.is_local(h.ip) then return false end
  local port = h.port ~= 0 and h.port or transports.port(transport)
  if not port or port == 25 then return true end
  for _, ours in ipairs(site.ports()) do if ours == port then return true end end
  return false
end

-- Hosts that the router ignores are taken out; true if that took all of them.
function drivers.ignore(r, hosts, ev)
  local cell = r.cells.ignore_target_hosts
  if not cell then return hosts, false end
  local left = {}
  for _, h in ipairs(hosts) do
    if not routers.listed(r, "ignore_target_hosts", ev, h.ip) then left[#left + 1] = h end
  end
  return left, #left == 0 and #hosts > 0
end

local function self_outcome(r, name)
  local action = routers.option(r, "self", nil) or "freeze"
  local new = action:match("^reroute%s*:%s*(.+)$")
  local rewrite = new and new:match("^rewrite%s*:%s*(.+)$")
  if new then return { what = "reroute", domain = (rewrite or new):lower(), self_hostname = name } end
  if action == "send" then return nil end
  local text = string.format('lowest numbered MX record points to local host: %s', name)
  if r.driver ~= "dnslookup" then text = "remote host address is the local host: " .. name end
  if action == "pass" then return { what = "pass", text = text, self_hostname = name } end
  return outcome(action, text)
end

-- What the first host says decides; a later one that is us ends the list, with
-- all of its preference and worse (RFC 5321 5.1: never towards a worse MX than
-- ourselves).
function drivers.self_check(r, hosts, transport)
  for i, h in ipairs(hosts) do
    if is_us(h, transport) then
      if i == 1 or h.preference >= 0 and h.preference == hosts[1].preference then
        local result = self_outcome(r, h.name)
        if result then return nil, result end
        return hosts
      end
      local left = {}
      for j = 1, i - 1 do
        if h.preference < 0 or hosts[j].preference < h.preference then left[#left + 1] = hosts[j] end
      end
      return left
    end
  end
  return hosts
end

-- ---- which kinds of address

-- Not for this router only: the site may have turned IPv6 off, or for a domain.
function drivers.families(domain, ev, only, prefer)
  if site.value("disable_ipv6") or site.listed("dns_ipv4_lookup", ev, domain) then only = true end
  return only, prefer
end

-- ---- dnslookup

local function dns_want(r, addr, ev)
  local m = ev.m
  local only = words.loosely(routers.option(r, "ipv4_only", m))
  local prefer = words.loosely(routers.option(r, "ipv4_prefer", m))
  only, prefer = drivers.families(addr.domain, ev, only, prefer)
  return {
    mx = true, mx_to_ip = site.value("allow_mx_to_ip") or false,
    mx_required = routers.listed(r, "mx_domains", ev, addr.domain) or false,
    ipv4_only = only, ipv4_prefer = prefer,
    dnssec_require = routers.listed(r, "dnssec_require_domains", ev, addr.domain) or false,
  }
end

-- dnssec_request_domains: what was not asked for with DNSSEC is not secure, whatever the answer says.
local function requested(r, name, ev, hosts)
  if r.cells.dnssec_request_domains and not routers.listed(r, "dnssec_request_domains", ev, name) then
    for _, h in ipairs(hosts or {}) do h.secure = false end
  end
end

-- A temporary failure is one unless the site or the router says otherwise.
local function dns_again(r, addr, ev, why)
  if site.listed("dns_again_means_nonexist", ev, addr.domain) then return outcome("decline", why) end
  if routers.option(r, "pass_on_timeout", ev.m) then return outcome("pass", why) end
  return outcome("defer", "host lookup did not complete: " .. tostring(why))
end

-- SRV if the router asks for it, else MX, else the domain itself.
local function dns_hosts(r, addr, ev)
  local want = dns_want(r, addr, ev)
  if r.cells.check_srv then
    local status, hosts, why = srv.find(r, addr, ev, want)
    if status == "ok" then requested(r, addr.domain, ev, hosts) end
    if status then return status, hosts, why end
  end
  local status, hosts, why = host.hosts(addr.domain, want)
  if status == "again" and routers.listed(r, "mx_fail_domains", ev, addr.domain) then
    want.mx, want.mx_required = false, false
    status, hosts, why = host.hosts(addr.domain, want)
  end
  if status == "ok" then requested(r, addr.domain, ev, hosts) end
  return status, hosts, why
end

-- A name that is not found may be one of ours written short: the address goes on
-- with the first longer name that is found.
local function widened(r, addr, ev)
  if addr.widened then return nil end
  for _, suffix in ipairs(words.list(routers.option(r, "widen_domains", ev.m))) do
    local longer = { domain = addr.domain .. "." .. suffix:gsub("^%.", ""):lower() }
    local status, _, why = dns_hosts(r, longer, ev)
    if status == "again" then return dns_again(r, addr, ev, why) end
    if status == "ok" then return { what = "reroute", domain = longer.domain, widened = true } end
  end
end

function drivers.dnslookup(r, addr, ev)
  local status, hosts, why = dns_hosts(r, addr, ev)
  if status == "again" then return dns_again(r, addr, ev, why) end
  if status == "null_mx" then
    return outcome("fail", why and why:find("SRV", 1, true) and why or "an MX record says that " .. addr.domain .. " takes no mail")
  end
  if status == "none" then
    local wide = r.cells.widen_domains and widened(r, addr, ev)
    if wide then return wide end
    if routers.listed(r, "fail_defer_domains", ev, addr.domain) then
      return outcome("defer", "no mail hosts found for " .. addr.domain)
    end
    return outcome("decline", why)
  end
  local left, all_gone = drivers.ignore(r, hosts, ev)
  if all_gone then return outcome("decline", "all hosts of " .. addr.domain .. " are ignored") end
  if routers.option(r, "check_secondary_mx", ev.m) then
    local ours = false
    for i, h in ipairs(left) do if i > 1 and list_hosts.is_local(h.ip) then ours = true end end
    if not ours then return outcome("decline", "this host is no secondary MX of " .. addr.domain) end
  end
  local usable, result = drivers.self_check(r, left, addr.transport)
  if not usable then return result end
  return { what = "accept", hosts = usable }
end

-- ---- ipliteral

function drivers.ipliteral(r, addr, ev)
  local ip = addr.domain:match("^%[ipv6:([%x:%.]+)%]$") or addr.domain:match("^%[([%x:%.]+)%]$")
  local packed = ip and host.ip_pack(ip)
  if not packed then return outcome("decline", "not an address literal") end
  local hosts = { { name = addr.domain, ip = host.ip_text(packed), port = 0, preference = -1, secure = false } }
  local left, all_gone = drivers.ignore(r, hosts, ev)
  if all_gone then return outcome("decline", "the address is ignored") end
  local usable, result = drivers.self_check(r, left, addr.transport)
  if not usable then return result end
  return { what = "accept", hosts = usable }
end

-- ---- hosts written by hand: manualroute, route.to, fallback_hosts

-- "name", "name:25", "name/MX", "192.0.2.1:25", "[2001:db8::1]:25"
function drivers.host_item(text)
  local mx = text:match("^(.-)/[Mm][Xx]$")
  text = mx or text
  local name, port = text:match("^%[([^%]]*)%]:?(%d*)$")
  if not name then
    if host.ip_pack(text) then name, port = text, ""
    else
      name, port = text:match("^([^:]+):(%d+)$")
      if not name then name, port = text, "" end
    end
  end
  port = port ~= "" and tonumber(port) or 0
  if name == "" or port > 65535 or name:find("[%s:]") and not host.ip_pack(name) then return nil end
  local packed = host.ip_pack(name)
  return { name = name:lower(), ip = packed and host.ip_text(packed), port = port, mx = mx ~= nil }
end

-- Looks up one host as written. status "ok" with its addresses, else with a reason.
function drivers.find(item, want)
  if item.ip then
    return "ok", { { name = item.ip, ip = item.ip, port = item.port, preference = -1, secure = false } }
  end
  local status, hosts, why = host.hosts(item.name, {
    mx = item.mx, ipv4_only = want.ipv4_only, ipv4_prefer = want.ipv4_prefer, randomize = want.randomize,
    dnssec_require = want.dnssec_require,
  })
  for _, h in ipairs(status == "ok" and hosts or {}) do
    if item.port ~= 0 then h.port = item.port end
    if not item.mx then h.preference = -1 end
  end
  return status, hosts, why
end

-- Shuffles in place; the item "+" keeps what stands before it before what follows.
local function shuffle(items)
  local from = 1
  for i = 1, #items + 1 do
    if i > #items or items[i] == "+" then
      for j = i - 1, from + 1, -1 do
        local k = from - 1 + host.random(j - from + 1)
        items[j], items[k] = items[k], items[j]
      end
      from = i + 1
    end
  end
end

-- The hosts of one rule, looked up in order; they are texts, or items already
-- read. An outcome if that ends the router.
function drivers.look_up(r, names, want, ev)
  if want.randomize then
    names = { unpack(names) }
    shuffle(names)
  end
  local all = {}
  local on_missing = r.cells and routers.option(r, "host_find_failed", ev.m) or "freeze"
  for _, text in ipairs(names) do
    if text ~= "+" then
      local item = type(text) == "table" and text or drivers.host_item(text)
      if not item then return nil, outcome("error", 'the host "' .. text .. '" is not written as name, name:port or address') end
      want.dnssec_require = r.cells and routers.listed(r, "dnssec_require_domains", ev, item.name) or false
      local status, hosts, why = drivers.find(item, want)
      if status == "ok" and r.cells then requested(r, item.name, ev, hosts) end
      if status == "again" then
        if r.cells and routers.option(r, "pass_on_timeout", ev.m) then return nil, outcome("pass", why) end
        return nil, outcome("defer", "host lookup for " .. item.name .. " did not complete: " .. tostring(why))
      elseif status ~= "ok" then
        if on_missing ~= "ignore" then
          return nil, outcome(on_missing, "lookup of host \"" .. item.name .. "\" failed: " .. tostring(why))
        end
      else
        for _, h in ipairs(hosts) do all[#all + 1] = h end
      end
    end
  end
  if #all == 0 and #names > 0 then return nil, outcome("defer", "none of the hosts could be found") end
  local left, all_gone = all, false
  if r.cells then left, all_gone = drivers.ignore(r, all, ev) end
  if all_gone then return nil, outcome(routers.option(r, "host_all_ignored", ev.m) or "defer", "all hosts are ignored") end
  return left
end

-- ---- manualroute

-- Words of a rule; a word in quotes may hold spaces.
local function rule_words(text)
  local found, at = {}, 1
  while true do
    at = text:find("%S", at)
    if not at then return found end
    local quoted, stop = text:match('^"([^"]*)"()', at)
    if quoted then found[#found + 1], at = quoted, stop
    else
      local word, after = text:match("^(%S+)()", at)
      found[#found + 1], at = word, after
    end
  end
end

local FLAGS = { randomize = true, no_randomize = true, byname = true, bydns = true, ipv4_only = true, ipv4_prefer = true }

-- A colon list of hosts, in which [2001:db8::1] needs no doubled colons.
function drivers.host_names(text)
  return words.split((text:gsub("%[[^%]]*%]", function(literal) return (literal:gsub(":", "::")) end)))
end
local host_names = drivers.host_names

-- The same, read once for a list that stands in the rules. What cannot be read stays
-- text, so that it is complained of when it is needed.
local function host_items(text)
  local items = host_names(text)
  for i, name in ipairs(items) do items[i] = name ~= "+" and drivers.host_item(name) or name end
  return items
end

-- "hosts options": the host list, and the words after it in any order (F40).
local function rule_hosts(r, parts, from, ev)
  local rule = {
    names = parts.hosts or host_names(parts[from] or ""),
    randomize = words.loosely(routers.option(r, "hosts_randomize", ev.m)),
  }
  for i = from + 1, #parts do
    local word = parts[i]
    if word == "randomize" then rule.randomize = true
    elseif word == "no_randomize" then rule.randomize = false
    elseif FLAGS[word] then rule[word] = true
    elseif transports.by_name[word] then rule.transport = word
    else
      return nil, outcome("error", string.format('router.%s: "%s" is neither a transport nor one of %s', r.name, word,
        words.join(FLAGS)))
    end
  end
  return rule
end

-- The first rule of route_list whose domain fits, or the one of route_data.
local function rule_for(r, addr, ev)
  if r.cells.route_data then
    local data = routers.option(r, "route_data", ev.m)
    if data == nil or data:match("^%s*$") then return nil, outcome("decline", "no route_data") end
    return rule_hosts(r, rule_words(data), 1, ev)
  end
  for _, text in ipairs(r.rules) do
    local parts = text.parts
    if text.match(addr.domain, ev) then return rule_hosts(r, parts, 2, ev) end
  end
  return nil, outcome("decline", "no rule of route_list fits " .. addr.domain)
end

-- Compiles the patterns of route_list once; called by the check. The rules in
-- one string are separated by semicolons.
function drivers.prepare(r)
  local cell = r.cells.route_list
  if not cell then return end
  r.rules = {}
  for _, item in ipairs(cell.value) do
    for text in (item .. ";"):gmatch("%s*(.-)%s*;") do
      if text ~= "" then
        local parts = rule_words(text)
        parts.hosts = host_items(parts[2] or "")
        r.rules[#r.rules + 1] = { parts = parts, match = lists.compile("domain", { parts[1] }, cell.where) }
        for i = 3, #parts do
          if not FLAGS[parts[i]] and not transports.by_name[parts[i]] then
            error(string.format('%s: router.%s: "%s" in route_list is neither a transport nor one of %s%s', cell.where, r.name,
              parts[i], words.join(FLAGS), words.meant(parts[i], transports.by_name)), 0)
          end
        end
      end
    end
  end
end

function drivers.manualroute(r, addr, ev)
  local rule, result = rule_for(r, addr, ev)
  if not rule then return result end
  local transport = rule.transport or addr.transport
  if not transport then return outcome("error", "router." .. r.name .. ": no transport for this rule") end
  if not transports.remote(transport) then return { what = "accept", hosts = {}, transport = transport } end
  if #rule.names == 0 then
    if transports.has_hosts(transport) then return { what = "accept", hosts = {}, transport = transport } end
    return outcome("error", "router." .. r.name .. ": the rule names no host and the transport " .. transport .. " has none")
  end
  rule.ipv4_only, rule.ipv4_prefer = drivers.families(addr.domain, ev, rule.ipv4_only, rule.ipv4_prefer)
  local hosts, ended = drivers.look_up(r, rule.names, rule, ev)
  if not hosts then return ended end
  local usable, us = drivers.self_check(r, hosts, transport)
  if not usable then return us end
  return { what = "accept", hosts = usable, transport = transport }
end

-- fallback_hosts of a router: found as well as can be; one that cannot be found
-- now is left out, since the first hosts are what counts.
function drivers.fallback(r, ev)
  local found = {}
  for _, text in ipairs(words.list(routers.option(r, "fallback_hosts", ev.m))) do
    local item = drivers.host_item(text)
    if item then
      local status, hosts = drivers.find(item, {})
      for _, h in ipairs(status == "ok" and hosts or {}) do found[#found + 1] = h end
    end
  end
  return found
end

return drivers
