-- route - from an address to a destination: the routers, walked
--
-- An address goes through the routers in order until one takes it. A redirected
-- address becomes others that go through them again; each remembers its
-- ancestors, so that what comes round is seen. The walk gives a flat list of
-- items (core/policy/policy.h, struct route_item), and in verify mode it only
-- answers whether the address would have a place to go.

local host, use = ...
local words = use "words"
local lists = use "lists"
local options = use "options"
local routers = use "routers"
local transports = use "transports"
local report = use "report"
local verify = use "verify"
local hosts_drivers = use "route_hosts"
local redirect = use "route_redirect"
local route = {}

local ANCESTORS = 100           -- an address with more is a loop nobody saw
local WALKED = 10000            -- addresses one routing may produce

local drivers = {
  accept = function() return { what = "accept", hosts = {} } end,
  dnslookup = hosts_drivers.dnslookup,
  ipliteral = hosts_drivers.ipliteral,
  manualroute = hosts_drivers.manualroute,
  redirect = redirect.driver,
}

-- ---- addresses on their way

local function unquote(text)
  local inner = text:match('^"(.*)"$')
  return inner and inner:gsub("\\(.)", "%1") or text
end

-- A new address to be routed; parent is the one it came from. Each has a mail
-- object of its own, so that what a router sees is about this address only.
local function address_new(walk, text, parent)
  local as_is, domain = text:match("^(.*)@([^@]*)$")
  if not domain then as_is, domain = text, "" end
  domain = domain:lower()
  local address = as_is .. "@" .. domain
  local top = parent
  while top and top.parent do top = top.parent end
  local addr = {
    address = address, local_part_as_is = unquote(as_is), local_part = unquote(as_is):lower(), domain = domain,
    parent = parent, original = top and top.address, depth = parent and parent.depth + 1 or 0, start = 1,
    r_vars = {}, shown = {}, m = host.view(walk.m, "route", address),
  }
  addr.ev = { m = addr.m }
  return addr
end

-- What an address hands on to those made from it.
local function inherit(child, addr)
  child.errors_to = addr.errors_to
  child.edits = addr.edits
  child.address_data = addr.address_data
  child.one_time = addr.one_time
  for name, value in pairs(addr.r_vars) do
    child.r_vars[name] = value
    child.m[name] = value
  end
end

local function split(address)
  if address then return address:match("^(.*)@([^@]*)$") end
end

local function facts_of(addr, router)
  local parent_local, parent_domain = split(addr.parent and addr.parent.address)
  local first_local, first_domain = split(addr.original or addr.address)
  return {
    local_part = addr.caseful and addr.local_part_as_is or addr.local_part,
    local_part_prefix = addr.prefix, local_part_prefix_v = addr.prefix_v,
    local_part_suffix = addr.suffix, local_part_suffix_v = addr.suffix_v,
    domain_data = addr.domain_data, local_part_data = addr.local_part_data,
    parent_local_part = parent_local, parent_domain = parent_domain,
    original_local_part = first_local, original_domain = first_domain,
    router_name = router, address_data = addr.address_data, home = addr.home, self_hostname = addr.self_hostname,
    return_path = addr.errors_to, local_user_uid = addr.local_uid, local_user_gid = addr.local_gid,
  }
end

local FACTS = {
  "local_part", "local_part_prefix", "local_part_prefix_v", "local_part_suffix", "local_part_suffix_v", "domain_data",
  "local_part_data", "parent_local_part", "parent_domain", "original_local_part", "original_domain", "router_name",
  "address_data", "home", "self_hostname", "return_path", "local_user_uid", "local_user_gid",
}

-- Brings the variables of the address up to what is known of it now.
local function show(addr, router)
  local facts, shown = facts_of(addr, router), addr.shown
  for i = 1, #FACTS do
    local name = FACTS[i]
    if facts[name] ~= shown[name] then
      host.fact(addr.m, name, facts[name])
      shown[name] = facts[name]
    end
  end
end

-- ---- preconditions, in Exim's order; each says true, or false and why

local pre = {}

function pre.mode(r, addr, ev, walk)
  local mode = walk.mode
  local function on(name) return routers.option(r, name, ev.m) end
  if mode then
    if on("verify") == false or on("verify_" .. mode) == false then return false, "not for verifying" end
  elseif on("verify_only") then
    return false, "for verifying only"
  end
  return true
end

-- local_part_prefix = "real-" or "*+": the text before the *, or a wild part.
local function affix(patterns, text, at_end)
  for _, p in ipairs(patterns) do
    local wild = not at_end and p:sub(1, 1) == "*" or at_end and p:sub(-1) == "*"
    local fixed = wild and (at_end and p:sub(1, -2) or p:sub(2)) or p
    if not wild then
      local hit = at_end and text:sub(-#fixed):lower() == fixed:lower() or not at_end and text:sub(1, #fixed):lower() == fixed:lower()
      if hit and #text > #fixed then return #fixed, "" end
    elseif not at_end then
      -- the longest wild prefix that ends with the fixed text
      for stop = #text - 1, #fixed, -1 do
        if text:sub(stop - #fixed + 1, stop):lower() == fixed:lower() then return stop, text:sub(1, stop - #fixed) end
      end
    else
      for from = 2, #text - #fixed + 1 do
        if text:sub(from, from + #fixed - 1):lower() == fixed:lower() then return #text - from + 1, text:sub(from + #fixed) end
      end
    end
  end
end

function pre.affixes(r, addr, ev)
  addr.prefix, addr.prefix_v, addr.suffix, addr.suffix_v = nil, nil, nil, nil
  addr.local_part_as_is = addr.whole_local_part or addr.local_part_as_is
  local prefixes, suffixes = r.cells.local_part_prefix, r.cells.local_part_suffix
  if prefixes then
    local n, wild = affix(prefixes.value, addr.local_part_as_is, false)
    if n then
      addr.whole_local_part = addr.whole_local_part or addr.local_part_as_is
      addr.prefix, addr.prefix_v = addr.local_part_as_is:sub(1, n), wild
      addr.local_part_as_is = addr.local_part_as_is:sub(n + 1)
    elseif not routers.option(r, "local_part_prefix_optional", ev.m) then
      return false, "no local_part_prefix"
    end
  end
  if suffixes then
    local n, wild = affix(suffixes.value, addr.local_part_as_is, true)
    if n then
      addr.whole_local_part = addr.whole_local_part or addr.local_part_as_is
      addr.suffix, addr.suffix_v = addr.local_part_as_is:sub(-n), wild
      addr.local_part_as_is = addr.local_part_as_is:sub(1, -n - 1)
    elseif not routers.option(r, "local_part_suffix_optional", ev.m) then
      return false, "no local_part_suffix"
    end
  end
  addr.local_part = addr.local_part_as_is:lower()
  addr.caseful = routers.option(r, "caseful_local_part", ev.m)
  return true
end

local function list_pre(name, subject_of, keep)
  return function(r, addr, ev)
    local cell = r.cells[name]
    if not cell then return true end
    local hit, data = routers.listed(r, name, ev, subject_of(addr, ev))
    if not hit then return false, name .. " does not fit" end
    if keep then addr[keep] = data end
    return true
  end
end

pre.domains = list_pre("domains", function(addr) return addr.domain end, "domain_data")
pre.local_parts = list_pre("local_parts", function(addr) return addr.local_part end, "local_part_data")
pre.senders = list_pre("senders", function(_, ev) return ev.m.sender_address or "" end)
pre.hosts = list_pre("hosts", function(_, ev) return ev.m.sender_host_address or "" end)

function pre.local_user(r, addr, ev)
  if not routers.option(r, "check_local_user", ev.m) then return true end
  local status, user = host.passwd(addr.local_part)
  if status == "again" then error(host.again(user)) end
  if status ~= "ok" then return false, "no such login" end
  addr.local_uid, addr.local_gid, addr.home = user.uid, user.gid, user.home
  return true
end

-- require_files: "path", "!path" must not be there.
function pre.files(r, addr, ev)
  for _, item in ipairs(words.list(routers.option(r, "require_files", ev.m))) do
    local no, path = item:match("^(!?)%s*(.*)$")
    local status, why = host.file_exists(path)
    if status == "again" then error(host.again(why)) end
    if (status == "ok") == (no == "!") then return false, (no == "" and "there is no " or "there is ") .. path end
  end
  return true
end

function pre.condition(r, addr, ev)
  local cell = r.cells.condition
  if not cell then return true end
  local value = cell.value
  if cell.fn then value = cell.fn(ev.m) end
  local yes = words.truth(value)
  if yes == nil and cell.fn == nil then yes = false end
  -- an address, a name: any text a function finds is a "yes" of its own
  if yes == nil then yes = true end
  return yes, "condition is false"
end

local PRE = { "mode", "affixes", "domains", "local_parts", "local_user", "senders", "hosts", "files", "condition" }
-- After these the variables of the address have changed and must be shown anew.
local SHOWN_AFTER = { affixes = true, local_parts = true, local_user = true }

-- This router made this very address from itself, or may see its own children
-- only when they differ (repeat_use).
local function seen_before(r, addr, ev)
  local parent = addr.parent
  while parent do
    if parent.router == r then
      if routers.option(r, "repeat_use", ev.m) == false then return true end
      if parent.address:lower() == addr.address:lower() then return true end
    end
    parent = parent.parent
  end
  return false
end

local function applies(r, addr, ev, walk)
  if seen_before(r, addr, ev) then return false, "this router has already had this address" end
  if r.fn then
    addr.local_part_as_is = addr.whole_local_part or addr.local_part_as_is
    addr.local_part = addr.local_part_as_is:lower()
    show(addr, r.name)
    return true
  end
  show(addr, r.name)
  for i = 1, #PRE do
    local yes, why = pre[PRE[i]](r, addr, ev, walk)
    if not yes then return false, why end
    if SHOWN_AFTER[PRE[i]] then show(addr, r.name) end
  end
  return true
end

-- ---- what the router's other options give the address

local function edits_of(r, ev, before)
  local edits = {}
  for _, e in ipairs(before or {}) do edits[#edits + 1] = e end
  local add, remove = routers.option(r, "headers_add", ev.m), routers.option(r, "headers_remove", ev.m)
  for _, text in ipairs(add or {}) do edits[#edits + 1] = { place = "at_end", remove = false, text = text } end
  for _, name in ipairs(words.list(remove)) do
    if name ~= "" then edits[#edits + 1] = { place = "at_end", remove = true, text = name } end
  end
  return edits
end

local function set_variables(r, addr, ev)
  local cell = r.cells.set
  if not cell then return end
  local value = cell.value
  if cell.fn then value = cell.fn(ev.m) end
  for name, v in pairs(type(value) == "table" and value or {}) do
    if type(name) ~= "string" or not name:find("^r_") then
      error(string.format('%s: set: "%s" is no r_ variable', cell.where, tostring(name)), 0)
    end
    if type(v) == "function" then v = v(ev.m) end
    addr.r_vars[name], addr.m[name] = v, v
  end
end

local function prepare(r, addr, ev)
  if not r.cells or r.fn then return end
  set_variables(r, addr, ev)
  local data = routers.option(r, "address_data", ev.m)
  if data ~= nil then addr.address_data = data end
  local errors_to = routers.option(r, "errors_to", ev.m)
  if errors_to ~= nil then
    if errors_to ~= "" and not host.address_parse(errors_to) then
      error(string.format('%s: errors_to: "%s" is no address', r.cells.errors_to.where, errors_to), 0)
    end
    addr.errors_to = errors_to
  end
  addr.home = routers.option(r, "router_home_directory", ev.m) or addr.home
  if r.cells.headers_add or r.cells.headers_remove then addr.edits = edits_of(r, ev, addr.edits) end
  addr.transport = routers.option(r, "transport", ev.m)
  show(addr, r.name)
end

-- ---- answers of function routers

local Answer = {}
Answer.__metatable = "route"

local function answer(what) return function(spec) return setmetatable({ what = what, spec = spec }, Answer) end end

route.constructors = { to = answer("to") }
route.fail, route.pass, route.redirect = answer("fail"), answer("pass"), answer("redirect")

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
  local only, prefer = hosts_drivers.families(r, addr.domain, ev, words.loosely(spec.ipv4_only), words.loosely(spec.ipv4_prefer))
  for i, name in ipairs(names) do
    if type(name) == "table" then names[i] = name.name or name[1] end
    if spec.port and hosts_drivers.host_item(names[i]).port == 0 then names[i] = names[i] .. ":" .. spec.port end
  end
  local plain = { name = r.name, driver = "function" }
  return hosts_drivers.look_up(plain, names, { ipv4_only = only, ipv4_prefer = prefer, randomize = spec.randomize }, ev, spec.transport)
end

local function to(r, spec, addr, ev)
  if type(spec) ~= "table" then error(r.where .. ": route.to takes a table: route.to { transport = \"name\", host = \"name:port\" }", 0) end
  local made = { name = r.name, where = r.where, cells = cells_of(r, spec, TO), driver = "function" }
  if type(spec.transport) ~= "string" or not transports.by_name[spec.transport] then
    error(string.format('%s: router %s: route.to needs a transport that exists, "%s" does not%s', r.where, r.name,
      tostring(spec.transport), words.meant(tostring(spec.transport), transports.by_name)), 0)
  end
  prepare(made, addr, ev)
  addr.transport = spec.transport
  local hosts, ended = {}, nil
  if spec.host ~= nil or spec.hosts ~= nil then
    hosts, ended = to_hosts(r, spec, addr, ev)
    if not hosts then return ended end
  elseif transports.remote(spec.transport) and not transports.has_hosts(spec.transport) then
    error(string.format("%s: router %s: route.to names no host and the transport %s has none", r.where, r.name, spec.transport), 0)
  end
  return { what = "accept", hosts = hosts, unseen = spec.unseen and true, fallback = spec.fallback_hosts and hosts_drivers.fallback(made, ev) }
end

local function redirected(r, spec, addr, ev)
  if type(spec) == "string" then spec = { data = spec } end
  if type(spec) ~= "table" then error(r.where .. ": redirect takes addresses: redirect { \"a@b\" } or redirect \"a@b, c@d\"", 0) end
  local made = { name = r.name, where = r.where, cells = cells_of(r, spec, REDIRECT), driver = "function" }
  prepare(made, addr, ev)
  local data = spec.data
  if data == nil then
    data = {}
    for i, item in ipairs(spec) do data[i] = item end
  end
  local result = redirect.expand({ name = r.name }, addr, ev, data, spec.qualify_domain)
  result.one_time, result.unseen = spec.one_time and true, spec.unseen and true
  return result
end

local function run_function(r, addr, ev)
  local result = r.fn(ev.m)
  if result == nil then return { what = "decline" } end
  local kind = type(result) == "table" and getmetatable(result)
  -- defer and discard are verbs of ACLs too, with the same constructors
  if kind == "verb" and (result.verb == "defer" or result.verb == "discard") then
    local text = result.spec
    if type(text) == "table" then text = text.message end
    return { what = result.verb, text = text }
  end
  if kind ~= "route" then
    error(string.format("%s: router %s returned %s; answers are route.to{...}, redirect{...}, fail(text), defer(text), discard(), pass(), or nothing",
      r.where, r.name, type(result) == "table" and "a table" or tostring(result)), 0)
  end
  if result.what == "to" then return to(r, result.spec, addr, ev) end
  if result.what == "redirect" then return redirected(r, result.spec, addr, ev) end
  return { what = result.what, text = result.spec }
end

-- ---- items

-- One item, with the fields of struct route_item and struct at_address by name.
local function item(walk, kind, addr, router, text)
  local it = {
    kind = kind, text = text, hosts = {}, fallback = {}, edits = addr.edits or {}, one_time = addr.one_time or false, unseen = false,
    address = addr.address, local_part = addr.local_part, domain = addr.domain, local_part_as_is = addr.local_part_as_is,
    prefix = addr.prefix, prefix_v = addr.prefix_v, suffix = addr.suffix, suffix_v = addr.suffix_v,
    domain_data = addr.domain_data, local_part_data = addr.local_part_data,
    parent = addr.parent and addr.parent.address or nil, original = addr.original,
    router = router, transport = addr.transport, address_data = addr.address_data, home = addr.home,
    self_hostname = addr.self_hostname, return_path = addr.errors_to, r_vars = addr.r_vars,
    local_uid = addr.local_uid or -1, local_gid = addr.local_gid or -1, file = addr.file, pipe = addr.pipe,
  }
  walk.items[#walk.items + 1] = it
  return it
end

-- R7.3: a name from the wire becomes a file's name only if it is a safe one.
local function unsafe(addr)
  if not transports.to_files(addr.transport) or addr.file then return nil end
  if not words.safe(addr.local_part) then return "the local part cannot be the name of a mailbox" end
  if not words.safe(addr.domain) then return "the domain cannot be the name of a directory" end
end

-- ---- outcomes of one router

local walk_address

local function explain(walk, addr, r, text)
  if walk.lines then
    walk.lines[#walk.lines + 1] = string.format("%s%s: %s: %s", ("  "):rep(addr.depth), addr.address, r and r.name or "-", text)
  end
end

local function accepted(walk, r, addr, result)
  local ev = addr.ev
  local m = ev.m
  addr.transport = result.transport or addr.transport
  if walk.mode and (routers.option(r, "fail_verify", m) or routers.option(r, "fail_verify_" .. walk.mode, m)) then
    item(walk, "fail", addr, r.name, "router " .. r.name .. " refuses it when verifying")
    return "done"
  end
  if not addr.transport then
    if walk.mode then
      item(walk, "to", addr, r.name)
      return "done"
    end
    error(string.format("%s: router %s has no transport for %s", r.where, r.name, addr.address), 0)
  end
  if not transports.by_name[addr.transport] then
    error(string.format('%s: router %s: there is no transport "%s"%s', r.where, r.name, addr.transport,
      words.meant(addr.transport, transports.by_name)), 0)
  end
  local wrong = unsafe(addr)
  if wrong then
    item(walk, "fail", addr, r.name, wrong)
    return "done"
  end
  local fallback = result.fallback or r.cells and r.cells.fallback_hosts and hosts_drivers.fallback(r, ev) or {}
  local it = item(walk, "to", addr, r.name)
  it.hosts, it.fallback = result.hosts or {}, fallback
  return "done"
end

local function start_after(r, ev)
  local name = r.cells and routers.option(r, "redirect_router", ev.m)
  local other = name and routers.by_name[name]
  return other and other.index or 1
end

-- An address that would come round to one of its ancestors is left as it is, so
-- that the routers after this one see it (check_ancestor).
local function own_ancestor(addr, text)
  local a = addr
  while a do
    if a.address:lower() == text:lower() then return true end
    a = a.parent
  end
end

local function children(walk, r, addr, result)
  local ev = addr.ev
  local start = start_after(r, ev)
  local check_ancestor = r.cells and not r.fn and routers.option(r, "check_ancestor", ev.m)
  local one_time = result.one_time or r.cells and not r.fn and routers.option(r, "one_time", ev.m)
  addr.router = r
  if walk.mode and (#result.children > 1 or walk.options.success_on_redirect) then
    -- more than one destination cannot be verified as one: having them is enough
    item(walk, "to", addr, r.name)
    return "done"
  end
  for _, c in ipairs(result.children) do
    if c.address then
      local text = check_ancestor and own_ancestor(addr, c.address) and addr.address or c.address
      local child = address_new(walk, text, addr)
      inherit(child, addr)
      child.one_time, child.start = one_time or child.one_time, start
      walk_address(walk, child)
    else
      local child = address_new(walk, addr.address, addr)
      inherit(child, addr)
      child.file, child.pipe, child.transport = c.file, c.pipe, c.transport
      child.local_uid, child.local_gid, child.home = addr.local_uid, addr.local_gid, addr.home
      child.address = c.file or "|" .. c.pipe
      if not transports.by_name[c.transport] then
        error(string.format('%s: router %s: there is no transport "%s"%s', r.where, r.name, tostring(c.transport),
          words.meant(tostring(c.transport), transports.by_name)), 0)
      end
      item(walk, "to", child, r.name)
    end
  end
  return "done"
end

local function rerouted(walk, r, addr, result)
  local child = address_new(walk, addr.local_part_as_is .. "@" .. result.domain, addr)
  inherit(child, addr)
  child.self_hostname = result.self_hostname
  addr.router = r
  walk_address(walk, child)
  return "done"
end

-- What is done about each outcome: "done", or "next" with the router to go on with.
local OUTCOMES = {
  accept = accepted, redirect = children, reroute = rerouted,
  fail = function(walk, r, addr, result)
    item(walk, "fail", addr, r.name, result.text or "")
    return "done"
  end,
  defer = function(walk, r, addr, result)
    item(walk, "defer", addr, r.name, result.text or "")
    return "done"
  end,
  freeze = function(walk, r, addr, result)
    item(walk, walk.mode and "defer" or "freeze", addr, r.name, result.text or "")
    return "done"
  end,
  discard = function(walk, r, addr, result)
    item(walk, "discard", addr, r.name, result.text or "")
    return "done"
  end,
  -- a mistake in the rules defers: it is put right and the mail goes out
  error = function(walk, r, addr, result)
    item(walk, "defer", addr, r.name, result.text or "")
    return "done"
  end,
}

local function passed(r, ev)
  local name = r.cells and routers.option(r, "pass_router", ev.m)
  local other = name and routers.by_name[name]
  return other and other.index or r.index + 1
end

-- For unseen: what a router gave goes out, and the same address goes on.
local function copy(addr)
  local twin = {}
  for k, v in pairs(addr) do twin[k] = v end
  twin.r_vars = {}
  for k, v in pairs(addr.r_vars) do twin.r_vars[k] = v end
  return twin
end

-- ---- the walk of one address

-- One router: "next" and the index to go on at, or "done".
local function try_router(walk, r, addr)
  local ev = addr.ev
  report.enter(ev)
  local before = copy(addr)
  local yes, why = applies(r, addr, ev, walk)
  if not yes then
    explain(walk, addr, r, "passed over, " .. why)
    return "next", r.index + 1
  end
  local text = r.cells and not r.fn and routers.option(r, "cannot_route_message", ev.m)
  if text then walk.cannot = text end
  prepare(r, addr, ev)

  local result = r.fn and run_function(r, addr, ev) or drivers[r.driver](r, addr, ev)
  explain(walk, addr, r, result.what .. (result.text and result.text ~= "" and ", " .. tostring(result.text) or "")
    .. (result.what == "accept" and " " .. tostring(result.transport or addr.transport) or ""))
  if result.what == "decline" or result.what == "pass" then
    addr.self_hostname = result.self_hostname or addr.self_hostname
    if result.what == "decline" and r.cells and not r.fn and words.loosely(routers.option(r, "more", ev.m)) == false then
      return "stop", result.text
    end
    addr.transport, addr.errors_to, addr.edits = before.transport, before.errors_to, before.edits
    return "next", result.what == "pass" and passed(r, ev) or r.index + 1
  end

  local unseen = result.unseen or r.cells and not r.fn and words.loosely(routers.option(r, "unseen", ev.m))
  if unseen and not walk.mode then
    local from = #walk.items
    OUTCOMES[result.what](walk, r, addr, result)
    for i = from + 1, #walk.items do walk.items[i].unseen = true end
    for name in pairs(addr) do addr[name] = before[name] end
    for name, value in pairs(before) do addr[name] = value end
    return "next", r.index + 1
  end
  OUTCOMES[result.what](walk, r, addr, result)
  return "done"
end

local function unrouteable(walk, addr, text)
  item(walk, "unrouteable", addr, nil, text or walk.cannot or "Unrouteable address")
  explain(walk, addr, nil, "unrouteable")
end

function walk_address(walk, addr)
  walk.count = walk.count + 1
  if walk.count > WALKED then error("routing makes more than " .. WALKED .. " addresses from one", 0) end
  if addr.depth > ANCESTORS then
    return item(walk, "defer", addr, nil, "too many redirections of " .. addr.address .. ": it comes round")
  end
  -- two ways to one address are one delivery; one that comes round to itself goes on past its router
  local key = addr.address:lower() .. "\0" .. addr.start
  if addr.parent and walk.seen[key] and not own_ancestor(addr.parent, addr.address) then return end
  walk.seen[key] = true

  local index = addr.start
  walk.cannot = nil
  while routers.list[index] do
    local r = routers.list[index]
    local ended, more = try_router(walk, r, addr)
    if ended == "done" then return end
    if ended == "stop" then return unrouteable(walk, addr) end
    index = more
  end
  unrouteable(walk, addr)
end

local function walk_new(m, mode, options, lines)
  return { m = m, mode = mode, options = options or {}, items = {}, seen = {}, count = 0, lines = lines }
end

-- A temporary failure while routing is the address's defer, not the walk's end.
local function run(walk, address)
  local addr = address_new(walk, address, nil)
  local ok, err = pcall(walk_address, walk, addr)
  if ok then return end
  local text = host.again_text(err)
  if not text then error(err, 0) end
  walk.items = {}
  item(walk, "defer", addr, addr.shown.router_name, text)
end

-- entry.route: the items; the lines of the walk are appended to `lines`.
function route.run(m, address, lines)
  local walk = walk_new(m, nil, nil, lines)
  run(walk, address)
  return walk.items
end

-- What the items of a verifying walk say: true; false and why; nil and why for
-- "later"; and the address_data of the one that took it.
local function verdict(items)
  for _, it in ipairs(items) do
    if it.kind == "defer" or it.kind == "freeze" then return nil, it.text end
    if it.kind == "to" or it.kind == "discard" then return true, nil, it.address_data end
  end
  local text = items[1] and items[1].text
  return false, text and text ~= "" and text or "Unrouteable address"
end

-- verify: would it have a place to go?
function verify.route(ev, address, mode, options)
  local walk = walk_new(ev.m, mode, options)
  local before = report.enter(ev)
  local ok, err = pcall(run, walk, address)
  report.enter(before or ev)
  if not ok then error(err, 0) end
  return verdict(walk.items)
end

function route.check()
  for _, r in ipairs(routers.list) do
    if r.driver == "manualroute" then report.attempt(function() hosts_drivers.prepare(r) end, r.where) end
  end
end

return route
