-- route_answers - what the function of a router says
--
-- route.to{...}, redirect{...}, fail(text), defer(text), discard(), pass(), or
-- nothing to decline; turned into the same outcomes that drivers give.

local host, use = ...
local words = use "words"
local options = use "options"
local report = use "report"
local transports = use "transports"
local hosts_drivers = use "route_hosts"
local redirect = use "route_redirect"
local address = use "route_address"
local answers = {}

local Answer = {}
Answer.__metatable = "route"

local function answer(what) return function(spec) return setmetatable({ what = what, spec = spec }, Answer) end end

answers.constructors = { to = answer("to"), fail = answer("fail"), pass = answer("pass"), redirect = answer("redirect") }

local TO = {
  transport = true, host = true, hosts = true, fallback_hosts = true, errors_to = true, headers_add = true, headers_remove = true,
  address_data = true, set = true, unseen = true, ipv4_only = true, ipv4_prefer = true, randomize = true, port = true,
}
local REDIRECT = {
  data = true, one_time = true, errors_to = true, headers_add = true, headers_remove = true, address_data = true, set = true,
  unseen = true, qualify_domain = true,
}

-- The fields of an answer, as if a router had them as options. Headers and the
-- like are constants here, since the function has already thought.
local function cells_of(r, spec, allowed)
  local cells = {}
  for name, value in pairs(spec) do
    if type(name) == "string" then
      if not allowed[name] then
        error(string.format('%s: the answer of router %s knows no "%s"%s', r.where, r.name, name, words.meant(name, allowed)), 0)
      end
      local row = host.options.router[name]
      if row and not row.drivers then
        local read = options.read(row, value)
        if read == nil then
          error(string.format('%s: router %s: %s takes %s', r.where, r.name, name, options.said(row)), 0)
        end
        cells[name] = { value = read, where = r.where, row = row }
      end
    end
  end
  return cells
end

local function to_hosts(r, spec, addr, ev)
  local names = {}
  if spec.host ~= nil then names[1] = spec.host end
  for _, name in ipairs(words.list(spec.hosts)) do names[#names + 1] = name end
  local only, prefer = hosts_drivers.families(addr.domain, ev, words.loosely(spec.ipv4_only), words.loosely(spec.ipv4_prefer))
  for i, name in ipairs(names) do
    if type(name) == "table" then names[i] = name.name or name[1] end
    if spec.port and hosts_drivers.host_item(names[i]).port == 0 then names[i] = names[i] .. ":" .. spec.port end
  end
  local plain = { name = r.name, driver = "function" }
  return hosts_drivers.look_up(plain, names, { ipv4_only = only, ipv4_prefer = prefer, randomize = spec.randomize }, ev)
end

local function to(r, spec, addr, ev)
  if type(spec) ~= "table" then
    error(r.where .. ": route.to takes a table: route.to { transport = \"name\", host = \"name:port\" }", 0)
  end
  local made = { name = r.name, where = r.where, cells = cells_of(r, spec, TO), driver = "function" }
  if type(spec.transport) ~= "string" or not transports.by_name[spec.transport] then
    error(string.format('%s: router %s: route.to needs a transport that exists, "%s" does not%s', r.where, r.name,
      tostring(spec.transport), words.meant(tostring(spec.transport), transports.by_name)), 0)
  end
  address.prepare(made, addr, ev)
  addr.transport = spec.transport
  local hosts, ended = {}
  if spec.host ~= nil or spec.hosts ~= nil then
    hosts, ended = to_hosts(r, spec, addr, ev)
    if not hosts then return ended end
  elseif transports.remote(spec.transport) and not transports.has_hosts(spec.transport) then
    error(string.format("%s: router %s: route.to names no host and the transport %s has none", r.where, r.name,
      spec.transport), 0)
  end
  local fallback = spec.fallback_hosts and hosts_drivers.fallback(made, ev)
  return { what = "accept", hosts = hosts, unseen = spec.unseen and true, fallback = fallback }
end

local function redirected(r, spec, addr, ev)
  if type(spec) == "string" then spec = { data = spec } end
  if type(spec) ~= "table" then
    error(r.where .. ": redirect takes addresses: redirect { \"a@b\" } or redirect \"a@b, c@d\"", 0)
  end
  local made = { name = r.name, where = r.where, cells = cells_of(r, spec, REDIRECT), driver = "function" }
  address.prepare(made, addr, ev)
  local data = spec.data
  if data == nil then
    data = {}
    for i, item in ipairs(spec) do data[i] = item end
  end
  local result = redirect.expand({ name = r.name }, addr, ev, data, spec.qualify_domain)
  result.one_time, result.unseen = spec.one_time and true, spec.unseen and true
  return result
end

function answers.run(r, addr, ev)
  local result = report.called(r.fn, ev.m, r.where)
  if result == nil then return { what = "decline" } end
  local kind = type(result) == "table" and getmetatable(result)
  -- defer and discard are verbs of ACLs too, with the same constructors
  if kind == "verb" and (result.verb == "defer" or result.verb == "discard") then
    local text = result.spec
    if type(text) == "table" then text = text.message end
    return { what = result.verb, text = text }
  end
  if kind ~= "route" then
    error(string.format("%s: router %s returned %s; answers are route.to{...}, redirect{...}, fail(text), defer(text), "
      .. "discard(), pass(), or nothing", r.where, r.name, type(result) == "table" and "a table" or tostring(result)), 0)
  end
  if result.what == "to" then return to(r, result.spec, addr, ev) end
  if result.what == "redirect" then return redirected(r, result.spec, addr, ev) end
  return { what = result.what, text = result.spec }
end

return answers
