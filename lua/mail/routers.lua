-- routers - declared, checked, and made ready to be walked
--
-- router.NAME { driver = ..., options } or router.NAME(function(m) ... end). The
-- order of declaration is the order of trial. What can be checked without a
-- message is checked here: options, drivers, transports that are not there.

local host, use = ...
local words = use "words"
local options = use "options"
local report = use "report"
local transports = use "transports"
local cover = host.covers and use "cover"
local places = use "explain"
local routers = {}

routers.list = {}               -- in the order of trial
routers.by_name = {}

routers.drivers = { accept = true, dnslookup = true, ipliteral = true, manualroute = true, queryprogram = true, redirect = true }
local NEVER = { iplookup = "a function router asks any server with socket.*" }

local function set_option(r, name, value)
  local where = report.key(r.where, name)
  local row = options.taken("router", r, name, where)
  if not row then return end
  r.cells[row.name] = options.set(row, value, where, "router option", "router " .. r.name)
end

local function check_driver(r, spec)
  local driver = spec.driver
  if type(driver) ~= "string" then
    report.problem(r.where, "router.%s needs a driver: %s", r.name, words.join(routers.drivers))
  elseif NEVER[driver] then
    report.problem(report.key(r.where, "driver"), 'router.%s: the driver "%s" does not apply: %s', r.name, driver, NEVER[driver])
  elseif not routers.drivers[driver] then
    report.problem(report.key(r.where, "driver"), 'router.%s: there is no router driver "%s"%s', r.name, driver,
      words.meant(driver, routers.drivers))
  else
    return true
  end
end

local function declare(name, spec, where)
  local known = routers.by_name[name]
  if known then
    return report.problem(where, "router.%s is set twice, first at %s", name, known.where)
  end
  local r = { name = name, where = where, cells = {}, index = #routers.list + 1 }
  if type(spec) == "function" then
    r.fn, r.where = spec, host.fn_where(spec) or where
  elseif type(spec) ~= "table" then
    return report.problem(where, "router.%s takes a table of options or a function, not a %s", name, type(spec))
  end
  routers.by_name[name], routers.list[r.index] = r, r
  r.spec = spec
end

function routers.library()
  local function give(_, name)
    if type(name) ~= "string" or not name:find("^[%w_%-]+$") then
      error(string.format('"%s" is no name for a router', tostring(name)), 2)
    end
    return function(spec)
      if not report.loading() then error("routers are declared at load", 2) end
      declare(name, spec, host.where(2))
    end
  end
  return setmetatable({}, { __metatable = "router", __index = give, __newindex = function(_, name)
    error("a router is declared by calling: router." .. tostring(name) .. " { driver = ... }", 2)
  end })
end

-- ---- after all files are loaded

local function check_references(r)
  for _, name in ipairs { "transport", "file_transport", "pipe_transport", "directory_transport" } do
    local cell = r.cells[name]
    if cell and cell.value then transports.check_name(cell.value, cell.where, "router." .. r.name .. ": " .. name) end
  end
  for _, name in ipairs { "pass_router", "redirect_router" } do
    local cell = r.cells[name]
    local other = cell and routers.by_name[cell.value]
    if cell and not other then
      report.problem(cell.where, 'router.%s: %s: there is no router "%s"%s', r.name, name, cell.value,
        words.meant(cell.value, routers.by_name))
    elseif other and name == "pass_router" and other.index <= r.index then
      report.problem(cell.where, "router.%s: pass_router must name a later router, %s comes before", r.name, cell.value)
    end
  end
end

local CHECKS = {}

function CHECKS.accept(r)
  if not r.cells.transport and not (r.cells.verify_only and r.cells.verify_only.value) then
    report.problem(r.where, "router." .. r.name .. ": accept needs a transport")
  end
end
function CHECKS.dnslookup(r)
  if not r.cells.transport then report.problem(r.where, "router." .. r.name .. ": dnslookup needs a transport") end
end
CHECKS.ipliteral = CHECKS.dnslookup
function CHECKS.manualroute(r)
  if (r.cells.route_list == nil) == (r.cells.route_data == nil) then
    report.problem(r.where, "router." .. r.name .. ": manualroute needs route_list or route_data, one of them")
  end
end
function CHECKS.redirect(r)
  if (r.cells.data == nil) == (r.cells.file == nil) then
    report.problem(r.where, "router." .. r.name .. ": redirect needs data or file, one of them")
  end
  local one_time = r.cells.one_time
  for _, name in ipairs { "file_transport", "pipe_transport", "directory_transport" } do
    if one_time and one_time.value and r.cells[name] then
      report.problem(r.cells[name].where, "router.%s: %s: with one_time there are addresses only, neither files nor pipes", r.name, name)
    end
  end
end

function CHECKS.queryprogram(r)
  local command = r.cells.command
  if not command then
    report.problem(r.where, "router." .. r.name .. ": queryprogram needs a command")
  elseif command.value and (command.value[1] or ""):sub(1, 1) ~= "/" then
    report.problem(command.where, 'router.%s: command "%s" must begin with /', r.name, command.value[1] or "")
  end
end

local SELF = { freeze = true, defer = true, pass = true, fail = true, send = true }

local function check_words(r, name, allowed)
  local cell = r.cells[name]
  if cell and name == "self" and cell.value:find("^reroute%s*:%s*rewrite%s*:") then
    report.problem(cell.where, 'router.%s: self = "%s": headers stay as they are; write reroute: DOMAIN, and headers_rewrite in '
      .. "the transport if they must change", r.name, cell.value)
  elseif cell and not allowed[cell.value] and not (name == "self" and cell.value:find("^reroute%s*:%s*%S")) then
    report.problem(cell.where, 'router.%s: %s = "%s" is none of %s', r.name, name, cell.value, words.join(allowed))
  end
end

function routers.check()
  for _, r in ipairs(routers.list) do
    if cover then cover.place(r, "router " .. r.name) end
    r.place = places.other(r.where, "router " .. r.name)
    if not r.fn and check_driver(r, r.spec) then
      r.driver = r.spec.driver
      for name, value in pairs(r.spec) do
        if name ~= "driver" then set_option(r, name, value) end
      end
      CHECKS[r.driver](r)
      check_words(r, "self", SELF)
      check_words(r, "host_find_failed", { decline = true, defer = true, fail = true, freeze = true, ignore = true, pass = true })
      check_words(r, "host_all_ignored", { decline = true, defer = true, fail = true, freeze = true, pass = true })
      check_references(r)
    end
    r.spec = nil
  end
end

-- The value of an option of a router now; the default if it is not set.
function routers.option(r, name, m)
  local cell = r.cells[name]
  local value
  if cell then value = options.value(cell, m) end
  if value == nil then
    local row = options.of_driver("router", r.driver or "", name)
    return row and row.default
  end
  return value
end

-- Is it in the list of that option? nil when the option is not set.
function routers.listed(r, name, ev, subject, caseful)
  local cell = r.cells[name]
  if not cell then return nil end
  return options.matches(cell, ev.m, subject, ev, caseful)
end

return routers
