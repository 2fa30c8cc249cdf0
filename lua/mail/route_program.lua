-- route_program - the driver queryprogram: a program says where an address goes
--
-- It prints a word, and what belongs to it: accept (with TRANSPORT=, HOSTS=,
-- LOOKUP=, DATA= in any order), redirect and addresses, decline, pass, fail, defer,
-- freeze, or error, each with a text. No answer that can be read is a deferral:
-- the program is put right and the mail goes out.

local host, use = ...
local words = use "words"
local routers = use "routers"
local transports = use "transports"
local hosts_drivers = use "route_hosts"
local redirect = use "route_redirect"
local program = {}

local OUTPUT = 65536
local LONGEST = 600             -- seconds; a wait has an end

local function outcome(what, text) return { what = what, text = text } end

-- KEY=value or KEY="a value", separated by blanks.
local function settings(text)
  local out, at = {}, 1
  while true do
    local key, after = text:match("^%s*(%a+)=()", at)
    if not key then
      if text:find("%S", at) then return nil, text:sub(at) end
      return out
    end
    local value, stop = text:match('^"([^"]*)"()', after)
    if not value then value, stop = text:match("^(%S*)()", after) end
    out[key:lower()], at = value, stop
  end
end

local ACCEPT = { transport = true, hosts = true, lookup = true, data = true }

local function accept(r, addr, ev, text)
  local set, rest = settings(text)
  if not set then return outcome("error", string.format('router.%s: the program printed "%s" where KEY=value belongs', r.name, rest)) end
  for key in pairs(set) do
    if not ACCEPT[key] then
      return outcome("error", string.format('router.%s: the program printed %s=; accept takes TRANSPORT, HOSTS, LOOKUP and DATA', r.name,
        key:upper()))
    end
  end
  if set.data then addr.address_data = set.data end
  local transport = set.transport or addr.transport
  if not transport or not transports.by_name[transport] then
    return outcome("error", string.format('router.%s: the program names the transport "%s", which does not exist%s', r.name,
      tostring(transport), words.meant(tostring(transport), transports.by_name)))
  end
  if not set.hosts or set.hosts == "" or not transports.remote(transport) then
    return { what = "accept", hosts = {}, transport = transport }
  end
  local only, prefer = hosts_drivers.families(addr.domain, ev, false, false)
  local found, ended = hosts_drivers.look_up({ name = r.name, driver = r.driver }, hosts_drivers.host_names(set.hosts),
    { ipv4_only = only, ipv4_prefer = prefer }, ev)
  if not found then return ended end
  local usable, us = hosts_drivers.self_check(r, found, transport)
  if not usable then return us end
  return { what = "accept", hosts = usable, transport = transport }
end

local WORDS = {
  accept = accept,
  redirect = function(r, addr, ev, text) return redirect.expand({ name = r.name }, addr, ev, text) end,
}
for _, word in ipairs { "decline", "pass", "fail", "defer", "freeze", "error" } do
  WORDS[word] = function(_, _, _, text) return outcome(word, text) end
end

local function answered(r, addr, ev, text)
  local word, rest = text:match("^%s*(%a+)%s*:?%s*(.-)%s*$")
  local fn = word and WORDS[word:lower()]
  if not fn then
    return outcome("error", string.format('router.%s: the program printed "%s"; answers are %s', r.name,
      (text:match("^[^\r\n]*") or ""):sub(1, 80), words.join(WORDS)))
  end
  return fn(r, addr, ev, rest)
end

-- Programs of routers run as the engine does: a name that means somebody else is a
-- mistake that must show.
local function same_user(r, option, look_up, field)
  local name = routers.option(r, option, nil)
  if not name then return nil end
  local id = tonumber(name)
  if not id then
    local status, found = look_up(name)
    if status ~= "ok" then return string.format('%s: there is no %s "%s"', option, option:match("%a+$"), name) end
    id = found[field]
  end
  if id ~= host.own_ids()[field] then
    return string.format('%s = "%s": programs that routers start run as the engine itself', option, name)
  end
end

function program.driver(r, addr, ev)
  local argv = routers.option(r, "command", ev.m)
  if argv == nil or argv[1] == nil then return outcome("decline", "no command") end
  local wrong = same_user(r, "command_user", host.passwd, "uid") or same_user(r, "command_group", host.group, "gid")
  if wrong then return outcome("error", "router." .. r.name .. ": " .. wrong) end
  local seconds = math.min(routers.option(r, "timeout", ev.m), LONGEST)
  local status, text = host.program(argv, { seconds = seconds, output = OUTPUT, directory = routers.option(r, "current_directory", ev.m) })
  if status ~= "ok" then return outcome("defer", "router." .. r.name .. ": " .. text) end
  return answered(r, addr, ev, text)
end

return program
