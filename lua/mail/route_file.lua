-- route_file - the file of a redirect router, and whether it may be trusted
--
-- Whoever can write such a file decides where mail goes, and one that a user owns
-- may be a link to what only we can read. So what was opened is looked at, not what
-- the name says: its mode (modemask), its owner and its group.

local host, use = ...
local routers = use "routers"
local file = {}

local GROUP_WRITE = 16          -- 020

local function outcome(what, text) return { what = what, text = text } end

-- Is this id among the names and numbers of a list?
local function listed(list, id, look_up, field)
  for _, item in ipairs(list or {}) do
    if item == string.format("%d", id) then return true end
    if not item:find("^%d+$") then
      local status, found = look_up(item)
      if status == "again" then error(host.again(found)) end
      if status == "ok" and found[field] == id then return true end
    end
  end
  return false
end

local function constant(r, name) return r.cells[name] and r.cells[name].value end

-- An option that is not set follows from what else is.
local function asked(r, name, ev, otherwise)
  local set = routers.option(r, name, ev.m)
  if set == nil then return otherwise end
  return set
end

-- Why the file is not to be read, or nil.
local function wrong(r, addr, ev, path, info)
  local mask = routers.option(r, "modemask", ev.m) or 18                  -- 022
  local user = routers.option(r, "check_local_user", ev.m)
  local owners, owngroups = constant(r, "owners"), constant(r, "owngroups")
  if host.bits_and(info.mode, mask) ~= 0 then return path .. " may be written by others (modemask)" end
  if asked(r, "check_owner", ev, user or owners ~= nil) and not (user and info.uid == addr.local_uid)
     and not listed(owners, info.uid, host.passwd, "uid") then
    return path .. " belongs to " .. tostring(info.owner or info.uid) .. ", not to " .. (user and "the user" or "one of owners")
  end
  local by_group = user and host.bits_and(mask, GROUP_WRITE) == 0
  if asked(r, "check_group", ev, by_group or owngroups ~= nil) and not (user and info.gid == addr.local_gid)
     and not listed(owngroups, info.gid, host.group, "gid") then
    return path .. " is of the group " .. tostring(info.gid) .. ", not of " .. (user and "the user's" or "one of owngroups")
  end
end

-- What a file looks like that is meant for another program.
local function is_filter(text)
  return text:find("^#%s*[Ee]xim [Ff]ilter") or text:find("^#%s*[Ss]ieve [Ff]ilter")
end

-- "~/.forward" is beneath the user's home, whatever the user made of the names on the
-- way: the mark tells where the part begins that is opened without following links.
local function beneath_home(r, addr, path)
  local rest = path:match("^~/(.+)$")
  if not rest then return path end
  if not addr.home then
    error(string.format('%s: file = "%s": nobody\'s home is known; set check_local_user or router_home_directory',
      r.cells.file.where, path), 0)
  end
  return addr.home .. "/./" .. rest
end

-- The text of the file, or nil and the outcome that ends the router.
function file.read(r, addr, ev)
  local path = routers.option(r, "file", ev.m)
  if path == nil or path == "" then return nil, outcome("decline", "no file") end
  path = beneath_home(r, addr, path)
  local status, text, info = host.file_read(path)
  if status == "none" then return nil, outcome("decline", path .. " is not there") end
  if status == "again" then
    if routers.option(r, "ignore_eacces", ev.m) and info == "EACCES" then return nil, outcome("decline", text) end
    if routers.option(r, "ignore_enotdir", ev.m) and info == "ENOTDIR" then return nil, outcome("decline", text) end
    return nil, outcome("defer", text)
  end
  local why = wrong(r, addr, ev, path, info)
  if why then return nil, outcome("defer", why) end
  if is_filter(text) then
    return nil, outcome("defer", path .. " is a filter; here such a file is a list of addresses, "
      .. "and what a filter decides is decided in Lua")
  end
  return text
end

return file
