-- route_conditions - may this router have this address?
--
-- The preconditions of routers, tried in Exim's order; each says true, or false
-- and why. "Could not find out" is raised and defers the address.

local host, use = ...
local words = use "words"
local options = use "options"
local routers = use "routers"
local address = use "route_address"
local conditions = {}

local pre = {}

function pre.mode(r, addr, ev, walk)
  local mode = walk.mode
  local function on(name) return routers.option(r, name, ev.m) end
  -- perigee route asks what would happen, with routers that are not for asking left out
  if walk.lines and on("address_test") == false then return false, "not for tests (address_test)" end
  if mode == "expn" then
    if on("expn") == false then return false, "not for EXPN (expn)" end
    if on("verify_only") then return false, "for verifying only" end
  elseif mode then
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
      local there = at_end and text:sub(-#fixed) or text:sub(1, #fixed)
      local hit = there:lower() == fixed:lower()
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
      return false, "the local part has no local_part_prefix"
    end
  end
  if suffixes then
    local n, wild = affix(suffixes.value, addr.local_part_as_is, true)
    if n then
      addr.whole_local_part = addr.whole_local_part or addr.local_part_as_is
      addr.suffix, addr.suffix_v = addr.local_part_as_is:sub(-n), wild
      addr.local_part_as_is = addr.local_part_as_is:sub(1, -n - 1)
    elseif not routers.option(r, "local_part_suffix_optional", ev.m) then
      return false, "the local part has no local_part_suffix"
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
    local hit, data = routers.listed(r, name, ev, subject_of(addr, ev), name == "local_parts" and addr.caseful)
    if not hit then return false, string.format('%s does not hold for "%s"', name, subject_of(addr, ev)) end
    if keep then addr[keep] = data end
    return true
  end
end

pre.domains = list_pre("domains", function(addr) return addr.domain end, "domain_data")
pre.local_parts = list_pre("local_parts", function(addr) return addr.local_part_as_is end, "local_part_data")
pre.senders = list_pre("senders", function(_, ev) return ev.m.sender_address or "" end)
pre.hosts = list_pre("hosts", function(_, ev) return ev.m.sender_host_address or "" end)

function pre.local_user(r, addr, ev)
  if not routers.option(r, "check_local_user", ev.m) then return true end
  local status, user = host.passwd(address.local_part(addr))
  if status == "again" then error(host.again(user)) end
  if status ~= "ok" then return false, string.format('there is no login "%s" (check_local_user)', addr.local_part) end
  addr.local_uid, addr.local_gid, addr.home = user.uid, user.gid, user.home
  return true
end

-- require_files: "path", "!path" must not be there.
function pre.files(r, addr, ev)
  if not r.cells.require_files then return true end
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
  if cell.fn then value = options.called(cell, ev.m) end
  local yes = words.truth(value)
  if yes == nil and cell.fn == nil then yes = false end
  -- an address, a name: any text a function finds is a "yes" of its own
  if yes == nil then yes = true end
  return yes, "condition is false (condition)"
end

local PRE = { "mode", "affixes", "domains", "local_parts", "local_user", "senders", "hosts", "files", "condition" }
-- After these the variables of the address have changed and must be shown anew.
local SHOWN_AFTER = { affixes = true, local_parts = true, local_user = true }

-- Where the condition that did not hold stands: its own line, if there is one.
local OPTION_OF = {
  affixes = { "local_part_prefix", "local_part_suffix" }, local_user = { "check_local_user" }, files = { "require_files" },
}
local function place(r, which, why)
  for _, name in ipairs(OPTION_OF[which] or { why:match("%(([%w_]+)%)$") or which }) do
    if r.cells[name] and (#(OPTION_OF[which] or {}) < 2 or why:find(name, 1, true)) then return r.cells[name].where end
  end
  return r.where
end

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

function conditions.apply(r, addr, ev, walk)
  if seen_before(r, addr, ev) then return false, "this router has already had this address" end
  if r.fn then
    addr.local_part_as_is = addr.whole_local_part or addr.local_part_as_is
    addr.local_part, addr.caseful = addr.local_part_as_is:lower(), false
    address.show(addr, r.name)
    return true
  end
  address.show(addr, r.name)
  for i = 1, #PRE do
    local yes, why = pre[PRE[i]](r, addr, ev, walk)
    if not yes then return false, why, place(r, PRE[i], why) end
    if SHOWN_AFTER[PRE[i]] then address.show(addr, r.name) end
  end
  return true
end

return conditions
