-- route_address - one address on its way through the routers
--
-- Each has a mail object of its own (host.view), so that what a router sees is
-- about this address only; `show` brings its variables up to date.

local host, use = ...
local words = use "words"
local options = use "options"
local routers = use "routers"
local verify = use "verify"
local srs = use "route_srs"
local addresses = {}

-- ---- addresses on their way

local function unquote(text)
  if text:byte() ~= 34 then return text end
  local inner = text:match('^"(.*)"$')
  return inner and inner:gsub("\\(.)", "%1") or text
end

-- A new address to be routed; parent is the one it came from. Each has a mail
-- object of its own, so that what a router sees is about this address only.
function addresses.new(walk, text, parent)
  local as_is, domain = text:match("^(.*)@([^@]*)$")
  if not domain then as_is, domain = text, "" end
  domain = domain:lower()
  local address = as_is .. "@" .. domain
  local local_part = unquote(as_is)
  local top = parent
  while top and top.parent do top = top.parent end
  local addr = {
    address = address, local_part_as_is = local_part, local_part = local_part:lower(), domain = domain,
    local_part_written = as_is, parent = parent, original = top and top.address, top = top,
    depth = parent and parent.depth + 1 or 0, start = 1, r_vars = {}, shown = {}, m = host.view(walk.m, "route", address),
  }
  addr.ev = { m = addr.m }
  return addr
end

-- What an address hands on to those made from it.
function addresses.inherit(child, addr)
  child.errors_to = addr.errors_to
  child.edits = addr.edits
  child.address_data = addr.address_data
  child.one_time = addr.one_time
  if addr.srs or addr.srs_later then srs.inherit(child, addr) end
  for name, value in pairs(addr.r_vars) do
    child.r_vars[name] = value
    child.m[name] = value
  end
end

-- The variables that are a field of the address.
local FACTS = {
  { "local_part_prefix", "prefix" }, { "local_part_prefix_v", "prefix_v" }, { "local_part_suffix", "suffix" },
  { "local_part_suffix_v", "suffix_v" }, { "domain_data", "domain_data" }, { "local_part_data", "local_part_data" },
  { "address_data", "address_data" }, { "home", "home" }, { "self_hostname", "self_hostname" },
  { "return_path", "errors_to" }, { "local_user_uid", "local_uid" }, { "local_user_gid", "local_gid" },
}

local function show_one(addr, name, value)
  if addr.shown[name] ~= value then
    host.fact(addr.m, name, value)
    addr.shown[name] = value
  end
end

-- As this router has it (caseful_local_part).
function addresses.local_part(addr) return addr.caseful and addr.local_part_as_is or addr.local_part end

-- Brings the variables of the address up to what is known of it now. Asked several
-- times for each router, so only what has changed is told.
function addresses.show(addr, router)
  local shown = addr.shown
  show_one(addr, "local_part", addresses.local_part(addr))
  show_one(addr, "router_name", router)
  for i = 1, #FACTS do
    local row = FACTS[i]
    local value = addr[row[2]]
    if value ~= shown[row[1]] then show_one(addr, row[1], value) end
  end
  if shown.original_domain then return end
  -- where it came from does not change
  local parent, top = addr.parent, addr.top or addr
  show_one(addr, "parent_local_part", parent and parent.local_part_written)
  show_one(addr, "parent_domain", parent and parent.domain)
  show_one(addr, "original_local_part", top.local_part_written)
  show_one(addr, "original_domain", top.domain)
end

-- Is that the address itself or one it came from?
function addresses.own_ancestor(addr, text)
  local a = addr
  while a do
    if a.address:lower() == text:lower() then return true end
    a = a.parent
  end
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
  if cell.fn then value = options.called(cell, ev.m) end
  for name, v in pairs(type(value) == "table" and value or {}) do
    if type(name) ~= "string" or not name:find("^r_") then
      error(string.format('%s: set: "%s" is no r_ variable', cell.where, tostring(name)), 0)
    end
    if type(v) == "function" then v = options.called(cell, ev.m, v) end
    addr.r_vars[name], addr.m[name] = v, v
  end
end

-- user and group: whom a local delivery is made as; names are looked up.
local USERS = { { "user", "local_uid", host.passwd }, { "group", "local_gid", host.group } }
local function take_user(r, addr, ev)
  for _, row in ipairs(USERS) do
    local option, field, look_up = row[1], row[2], row[3]
    local name = routers.option(r, option, ev.m)
    if name ~= nil and name:find("^%d+$") then
      addr[field] = tonumber(name)
    elseif name ~= nil then
      local status, found = look_up(name)
      if status == "again" then error(host.again(found)) end
      if status ~= "ok" then error(string.format('%s: there is no %s "%s"', r.cells[option].where, option, name), 0) end
      addr.local_uid = option == "user" and found.uid or addr.local_uid
      addr.local_gid = (option == "group" or not addr.local_gid) and found.gid or addr.local_gid
    end
  end
end

-- Could a bounce get there? One that could not is better sent to the sender (as
-- Exim). What cannot be found out now counts as yes. Asked once a walk, and not by
-- a walk that verifies: that might be the one for this very address.
local function reachable(walk, ev, address)
  if not walk or walk.mode or address == "" then return true end
  walk.errors_to = walk.errors_to or {}
  if walk.errors_to[address] == nil then
    walk.errors_to[address] = verify.route(ev, address, "recipient") ~= false
  end
  return walk.errors_to[address]
end

-- What a router's options that are no conditions say, before its driver runs.
function addresses.prepare(r, addr, ev, walk)
  if not r.cells or r.fn then return end
  set_variables(r, addr, ev)
  local data = routers.option(r, "address_data", ev.m)
  if data ~= nil then addr.address_data = data end
  local errors_to = routers.option(r, "errors_to", ev.m)
  if errors_to ~= nil then
    if errors_to ~= "" and not host.address_parse(errors_to) then
      error(string.format('%s: errors_to: "%s" is no address', r.cells.errors_to.where, errors_to), 0)
    end
    if reachable(walk, ev, errors_to) then addr.errors_to = errors_to end
  end
  addr.home = routers.option(r, "router_home_directory", ev.m) or addr.home
  take_user(r, addr, ev)
  if r.cells.headers_add or r.cells.headers_remove then addr.edits = edits_of(r, ev, addr.edits) end
  addr.transport = routers.option(r, "transport", ev.m)
  addresses.show(addr, r.name)
end

return addresses
