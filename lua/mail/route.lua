-- route - from an address to a destination: the routers, walked
--
-- An address goes through the routers in order until one takes it. A redirected
-- address becomes others that go through them again; each remembers its
-- ancestors, so that what comes round is seen. The walk gives a flat list of
-- items (core/policy/policy.h, struct route_item), and in verify mode it only
-- answers whether the address would have a place to go.

local host, use = ...
local words = use "words"
local routers = use "routers"
local transports = use "transports"
local report = use "report"
local verify = use "verify"
local hosts_drivers = use "route_hosts"
local redirect = use "route_redirect"
local address = use "route_address"
local conditions = use "route_conditions"
local answers = use "route_answers"
local rewrite = use "rewrite"
local program = use "route_program"
local explain = use "route_explain"
local cover = host.covers and use "cover"
local places = use "explain"
local site = use "site"
local lists = use "lists"
local route = {}

local ANCESTORS = 100           -- an address with more is a loop nobody saw
local WALKED = 10000            -- addresses one routing may produce

local drivers = {
  accept = function() return { what = "accept", hosts = {} } end,
  dnslookup = hosts_drivers.dnslookup,
  ipliteral = hosts_drivers.ipliteral,
  manualroute = hosts_drivers.manualroute,
  queryprogram = program.driver,
  redirect = redirect.driver,
}

-- ---- items

-- One item, with the fields of struct route_item and struct at_address by name.
local function item(walk, kind, addr, router, text)
  local it = {
    kind = kind, text = text, hosts = {}, fallback = {}, edits = addr.edits or {},
    one_time = addr.one_time or false, unseen = false,
    address = addr.address, local_part = address.local_part(addr), domain = addr.domain, local_part_as_is = addr.local_part_as_is,
    prefix = addr.prefix, prefix_v = addr.prefix_v, suffix = addr.suffix, suffix_v = addr.suffix_v,
    domain_data = addr.domain_data, local_part_data = addr.local_part_data,
    parent = addr.parent and addr.parent.address or nil, original = addr.original,
    router = router, transport = addr.transport, address_data = addr.address_data, home = addr.home,
    self_hostname = addr.self_hostname, return_path = addr.errors_to, r_vars = addr.r_vars,
    local_uid = addr.local_uid or -1, local_gid = addr.local_gid or -1, file = addr.file, pipe = addr.pipe,
    directory = addr.directory, initgroups = addr.initgroups or false, quiet = addr.quiet or false,
    hide_child = addr.hide_child or false, log_local = addr.log_local, srs_sender = addr.srs_sender, srs_later = addr.srs_later,
    srs_recipient = host.get(addr.m, "srs_recipient"),
  }
  for name, value in pairs(addr.srs or {}) do it[name] = value end
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

-- What a router says about the delivery it leads to, whatever the transport.
local function leave_taking(r, addr, m)
  if not r.cells or r.fn then return end
  addr.home = routers.option(r, "transport_home_directory", m) or addr.home
  addr.directory = routers.option(r, "transport_current_directory", m)
  addr.quiet = routers.option(r, "disable_logging", m)
  addr.initgroups = routers.option(r, "initgroups", m)
  addr.log_local = routers.option(r, "log_as_local", m)
  if addr.log_local == nil then addr.log_local = r.driver == "accept" end
end

local function accepted(walk, r, addr, result)
  local ev = addr.ev
  local m = ev.m
  addr.transport = result.transport or addr.transport
  if walk.mode and walk.mode ~= "expn" and (routers.option(r, "fail_verify", m) or routers.option(r, "fail_verify_" .. walk.mode, m)) then
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
  leave_taking(r, addr, m)
  local it = item(walk, "to", addr, r.name)
  it.hosts, it.fallback = result.hosts or {}, fallback
  return "done"
end

local function start_after(r, ev)
  local name = r.cells and routers.option(r, "redirect_router", ev.m)
  local other = name and routers.by_name[name]
  return other and other.index or 1
end

local function children(walk, r, addr, result)
  local ev = addr.ev
  local start = start_after(r, ev)
  local check_ancestor = r.cells and not r.fn and routers.option(r, "check_ancestor", ev.m)
  local one_time = result.one_time or r.cells and not r.fn and routers.option(r, "one_time", ev.m)
  local hide_child = r.cells and not r.fn and routers.option(r, "hide_child_in_errmsg", ev.m)
  local rewriting = not (r.cells and not r.fn and routers.option(r, "rewrite", ev.m) == false)
  addr.router = r
  if walk.mode == "expn" then
    -- one level, as RFC 5321 3.5.2 has it: who stands on the list
    for _, c in ipairs(result.children) do
      walk.members[#walk.members + 1] = c.address or c.file or "|" .. c.pipe
    end
    return "done"
  end
  if walk.mode and (#result.children > 1 or walk.options.success_on_redirect) then
    -- more than one destination cannot be verified as one: having them is enough
    item(walk, "to", addr, r.name)
    return "done"
  end
  for _, c in ipairs(result.children) do
    if c.address then
      local text = c.address
      if rewriting then text = rewrite.address(ev.m, text, "env-to") end
      if check_ancestor and address.own_ancestor(addr, text) then text = addr.address end
      local child = address.new(walk, text, addr)
      address.inherit(child, addr)
      child.one_time, child.start = one_time or child.one_time, start
      child.hide_child = hide_child or addr.hide_child
      walk_address(walk, child)
    else
      local child = address.new(walk, addr.address, addr)
      address.inherit(child, addr)
      child.file, child.pipe, child.transport = c.file, c.pipe, c.transport
      child.hide_child = hide_child or addr.hide_child
      leave_taking(r, child, ev.m)
      child.log_local = nil             -- it is shown as the file or the pipe it is
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
  local child = address.new(walk, addr.local_part_as_is .. "@" .. result.domain, addr)
  address.inherit(child, addr)
  child.self_hostname, child.widened = result.self_hostname, result.widened
  addr.router = r
  walk_address(walk, child)
  return "done"
end

-- The address ends here, as this kind of item; while a walk only looks, as the second, if there is one.
local function ends(kind, looking)
  return function(walk, r, addr, result)
    item(walk, walk.mode and looking or kind, addr, r.name, result.text or "")
    return "done"
  end
end

-- What is done about each outcome: "done", or "next" with the router to go on with.
local OUTCOMES = {
  accept = accepted, redirect = children, reroute = rerouted,
  fail = ends "fail", defer = ends "defer", freeze = ends("freeze", "defer"), discard = ends "discard",
  error = ends "defer",         -- a mistake in the rules: it is put right and the mail goes out
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

-- A message to somebody about what was found on the way (syntax_errors_to).
local function note(walk, addr, r, about)
  local it = item(walk, "note", addr, r.name, about.text)
  it.address, it.transport = about.to, nil
end

-- One router: "next" and the index to go on at, or "done".
local function try_once(walk, r, addr)
  local ev = addr.ev
  report.enter(ev)
  -- only a router that may say unseen can need the whole address back
  local before = (r.fn or r.cells.unseen) and copy(addr)
    or { transport = addr.transport, errors_to = addr.errors_to, edits = addr.edits, srs_sender = addr.srs_sender }
  local yes, why, at = conditions.apply(r, addr, ev, walk)
  if not yes then
    explain.passed_over(walk, addr, r, why, at)
    return "next", r.index + 1
  end
  local text = r.cells and not r.fn and routers.option(r, "cannot_route_message", ev.m)
  if text then walk.cannot = text end
  address.prepare(r, addr, ev, walk)

  local result = r.fn and answers.run(r, addr, ev) or drivers[r.driver](r, addr, ev, walk)
  explain.said(walk, addr, r, result)
  if result.note and not walk.mode then note(walk, addr, r, result.note) end
  if result.what == "decline" or result.what == "pass" then
    addr.self_hostname = result.self_hostname or addr.self_hostname
    if result.what == "decline" and r.cells and not r.fn and words.loosely(routers.option(r, "more", ev.m)) == false then
      return "stop", result.text
    end
    addr.transport, addr.errors_to, addr.edits = before.transport, before.errors_to, before.edits
    addr.srs_sender = before.srs_sender
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

local function try_router(walk, r, addr)
  if cover then cover.asked(r) end
  places.enter()
  local ended, more = try_once(walk, r, addr)
  places.leave(r.place, ended == "done")
  if not cover then return ended, more end
  if ended == "done" then cover.taken(r) end
  return ended, more
end

local function unrouteable(walk, addr, text)
  item(walk, "unrouteable", addr, nil, text or walk.cannot or "Unrouteable address")
  explain.unrouteable(walk, addr)
end

-- "user%other@ours" is "user@other" at domains that have always said so.
local function percent_hack(walk, addr)
  if not site.cells.percent_hack_domains then return nil end
  local user, other = addr.local_part_as_is:match("^(.+)%%([^%%]+)$")
  if not user or not site.match("percent_hack_domains", addr.m, addr.domain) then return nil end
  local child = address.new(walk, user .. "@" .. other, addr)
  address.inherit(child, addr)
  return child
end

function walk_address(walk, addr)
  walk.count = walk.count + 1
  if walk.count > WALKED then error("routing makes more than " .. WALKED .. " addresses from one", 0) end
  if addr.depth > ANCESTORS then
    return item(walk, "defer", addr, nil, "too many redirections of " .. addr.address .. ": it comes round")
  end
  -- two ways to one address are one delivery; one that comes round to itself goes on past its router
  local key = addr.address:lower() .. "\0" .. addr.start
  if addr.parent and walk.seen[key] and not address.own_ancestor(addr.parent, addr.address) then return end
  walk.seen[key] = true

  local hacked = percent_hack(walk, addr)
  if hacked then return walk_address(walk, hacked) end
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

-- The first item of the list that the domain is in; behind all of them if none.
local function position(m, domain)
  local cell = site.cells.remote_sort_domains
  local items = words.list(site.option("remote_sort_domains", m))
  for i, entry in ipairs(items) do
    if lists.late("domain", entry, cell.where)(domain, { m = m }) then return i end
  end
  return #items + 1
end

-- Which of the site's options this item waits for, or goes by.
local function place_in_line(it, m)
  if it.kind ~= "to" then return end
  if not transports.remote(it.transport) then return end
  if site.cells.queue_smtp_domains then it.queue = site.match("queue_smtp_domains", m, it.domain) end
  if site.cells.remote_sort_domains then it.order = position(m, it.domain) end
end

local function walk_new(m, mode, options, lines)
  return { m = m, mode = mode, options = options or {}, items = {}, seen = {}, count = 0, lines = lines, members = {} }
end

-- A temporary failure while routing is the address's defer, not the walk's end.
local function run(walk, text)
  local addr = address.new(walk, text, nil)
  local ok, err = pcall(walk_address, walk, addr)
  if ok then return end
  local later = host.again_text(err)
  if not later then error(err, 0) end
  walk.items = {}
  item(walk, "defer", addr, addr.shown.router_name, later)
end

-- entry.route: the items; the lines of the walk are appended to `lines`.
function route.run(m, text, lines)
  local walk = walk_new(m, nil, nil, lines)
  run(walk, text)
  if site.cells.queue_smtp_domains or site.cells.remote_sort_domains then
    for _, it in ipairs(walk.items) do place_in_line(it, m) end
  end
  return walk.items
end

-- What the items of a verifying walk say: true; false and why; nil and why for
-- "later"; and the item that took it.
local function verdict(items)
  for _, it in ipairs(items) do
    if it.kind == "defer" or it.kind == "freeze" then return nil, it.text end
    if it.kind == "to" or it.kind == "discard" then return true, nil, it end
  end
  local text = items[1] and items[1].text
  return false, text and text ~= "" and text or "Unrouteable address"
end

-- verify: would it have a place to go?
function verify.route(ev, text, mode, options)
  local walk = walk_new(ev.m, mode, options)
  text = rewrite.address(ev.m, text, mode == "sender" and "env-from" or "env-to")
  local before = report.enter(ev)
  local ok, err = pcall(run, walk, text)
  report.enter(before or ev)
  if not ok then error(err, 0) end
  return verdict(walk.items)
end

-- EXPN: who stands behind an address, one level of it; else the address itself.
-- The members; or nil, "fail" or "defer", and why.
function route.expn(ev, text)
  local walk = walk_new(ev.m, "expn")
  local before = report.enter(ev)
  local ok, err = pcall(run, walk, rewrite.address(ev.m, text, "env-to"))
  report.enter(before or ev)
  if not ok then error(err, 0) end
  if #walk.members > 0 then return walk.members end
  local yes, why = verdict(walk.items)
  if yes then return { text } end
  return nil, yes == nil and "defer" or "fail", why
end

function route.check()
  for _, r in ipairs(routers.list) do
    if r.driver == "manualroute" then report.attempt(function() hosts_drivers.prepare(r) end, r.where) end
  end
end

return route
