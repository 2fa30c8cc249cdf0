-- transports - declared, checked, and their options worked out per delivery
--
-- A transport without functions has its values ready at load; one with
-- functions is asked for each delivery, in the transport phase.

local host, use = ...
local words = use "words"
local options = use "options"
local report = use "report"
local rewrite = use "rewrite"
local hosts = use "transports_hosts"
local authenticators = use "authenticators"
local transports = {}

transports.by_name = {}

transports.drivers = { appendfile = true, autoreply = true, lmtp = true, pipe = true, queuefile = true, smtp = true }
-- These put mail into files of this machine: names from the wire become paths.
local FILES = { appendfile = true }

-- Options whose functions are asked when the host is known, before each connection: all of tls_*, lists of hosts, and
local LATE = { dane_require_tls_ciphers = true }
local function is_late(row) return LATE[row.name] or hosts.is_list(row) or row.name:find("^tls_") ~= nil end
-- These come first: what they lead to is there for the others to read.
local DANE = { hosts_require_dane = true, hosts_try_dane = true }
-- And these before there is a host: they say how it is looked for.
local SOUGHT = { dnssec_request_domains = true, dnssec_require_domains = true }

-- t.asks: what must be asked for each host, and whether it may differ by domain.
local function note_late(t, cell)
  local row = cell.row
  local asked, differs = cell.fn ~= nil, cell.fn ~= nil
  if hosts.is_list(row) then asked, differs = hosts.asks(cell) end
  if asked and DANE[row.name] then t.asks.dane = true end
  if asked and not DANE[row.name] then t.asks.late = true end
  if differs then t.asks.differs = true end
end

local function set_option(t, name, value)
  local where = report.key(t.where, name)
  local row = options.taken("transport", t, name, where)
  if not row then return end
  if row.name == "headers_rewrite" then
    report.attempt(function() t.rewrite = rewrite.compile(value, where) end, where)
    t.cells.headers_rewrite = { value = "yes", where = where, row = row }
    return
  end
  if t.cells[row.name] then
    return report.problem(where, "transport.%s: %s and %s are one option", t.name, row.name, table.concat(row.also, ", "))
  end
  local cell = options.set(row, value, where, "transport option", "transport " .. t.name)
  if row.name == "event_action" then t.event_action = cell and cell.fn and cell
  else t.cells[row.name] = cell end
  if not cell or row.name == "event_action" then return end
  if is_late(row) then note_late(t, cell)
  elseif cell.fn then t.varies = true end
  if SOUGHT[row.name] and cell.fn then t.asks.differs = true
  elseif SOUGHT[row.name] then
    local plain, wrong = hosts.flatten(cell.value)
    if not plain then return report.problem(where, "transport.%s: %s %s", t.name, row.name, wrong) end
    cell.value = plain
  end
end

local function declare(name, spec, where)
  local known = transports.by_name[name]
  if known then
    return report.problem(where, "transport.%s is set twice, first at %s", name, known.where)
  end
  if type(spec) ~= "table" then
    return report.problem(where, "transport.%s takes a table of options, not a %s", name, type(spec))
  end
  transports.by_name[name] = { name = name, where = where, cells = {}, asks = {}, spec = spec }
end

function transports.library()
  return setmetatable({}, { __metatable = "transport", __index = function(_, name)
    if type(name) ~= "string" or not name:find("^[%w_%-]+$") then
      error(string.format('"%s" is no name for a transport', tostring(name)), 2)
    end
    return function(spec)
      if not report.loading() then error("transports are declared at load", 2) end
      declare(name, spec, host.where(2))
    end
  end, __newindex = function(_, name)
    error("a transport is declared by calling: transport." .. tostring(name) .. " { driver = ... }", 2)
  end })
end

function transports.check_name(name, where, what)
  if not transports.by_name[name] then
    report.problem(where, '%s: there is no transport "%s"%s', what, name, words.meant(name, transports.by_name))
  end
end

-- ---- checks that need only the text

local CHECKS = {}
local CREATE = { anywhere = true, belowhome = true, inhome = true }
local function check_places(t)
  local create = t.cells.create_file
  if create and create.value and not CREATE[create.value] and create.value:sub(1, 1) ~= "/" then
    report.problem(create.where, 'transport.%s: create_file "%s" is none of anywhere, belowhome, inhome, and no path', t.name, create.value)
  end
  local formats = t.cells.file_format
  for i = 2, formats and #formats.value or 0, 2 do
    transports.check_name(formats.value[i], formats.where, "transport." .. t.name .. ": file_format")
  end
  for _, name in ipairs { "maildir_format", "mailstore_format" } do
    local cell = t.cells[name]
    if cell and cell.value and t.cells.file then
      report.problem(cell.where, "transport.%s: %s is for a directory, not for a file", t.name, name)
    end
  end
end

function CHECKS.appendfile(t)
  -- neither is right for a transport of redirect's file_transport: the path comes with the address
  if t.cells.file and t.cells.directory then
    report.problem(t.where, "transport." .. t.name .. ": appendfile takes file or directory, not both")
  end
  for _, name in ipairs { "file", "directory" } do
    local cell = t.cells[name]
    if cell and cell.value and cell.value:sub(1, 1) ~= "/" then
      report.problem(cell.where, 'transport.%s: %s "%s" must begin with /', t.name, name, cell.value)
    end
  end
  check_places(t)
end
function CHECKS.queuefile(t)
  local cell = t.cells.directory
  if not cell then
    report.problem(t.where, "directory must be set for the " .. t.name .. " transport")
  elseif cell.value and cell.value:sub(1, 1) ~= "/" then
    report.problem(cell.where, 'transport.%s: directory "%s" must begin with /', t.name, cell.value)
  end
end
function CHECKS.autoreply(t)
  if not (t.cells.to or t.cells.cc or t.cells.bcc) then
    report.problem(t.where, "transport." .. t.name .. ": autoreply writes to nobody: set to, cc or bcc")
  end
  for _, name in ipairs { "file", "log", "once" } do
    local cell = t.cells[name]
    if cell and cell.value and cell.value:sub(1, 1) ~= "/" then
      report.problem(cell.where, 'transport.%s: %s "%s" must begin with /', t.name, name, cell.value)
    end
  end
  if t.cells.never_mail then t.varies = true end        -- it is compared with each message's recipients
end
function CHECKS.lmtp(t)
  if (t.cells.socket == nil) == (t.cells.command == nil) then
    report.problem(t.where, "transport." .. t.name .. ": lmtp needs socket or command, one of them")
  end
end
function CHECKS.pipe(t)
  local shell = t.cells.use_shell
  if shell and shell.value then
    report.problem(shell.where, "transport.%s: programs are started without a shell; write the program and its "
      .. "arguments as a table", t.name)
  end
end
-- A signature needs three things; what is left out would never sign, and never say so.
local function check_signing(t)
  local domain = t.cells.dkim_domain
  for _, name in ipairs(domain and { "dkim_selector", "dkim_private_key" } or {}) do
    if not t.cells[name] then report.warning(domain.where, "transport.%s: dkim_domain without %s signs nothing", t.name, name) end
  end
  local seal = t.cells.arc_sign and t.cells.arc_sign.value
  if seal and seal ~= "" and not seal:find("^%s*[%w.-]+%s*:%s*[%w.-]+%s*:%s*%S") then
    report.warning(t.cells.arc_sign.where,
      'transport.%s: arc_sign is "ADMD : SELECTOR : KEY", or "ADMD : SELECTOR : KEY : OPTIONS"', t.name)
  end
end

function CHECKS.smtp(t)
  check_signing(t)
  local port = t.cells.port
  if port and tonumber(port.value) and (tonumber(port.value) < 1 or tonumber(port.value) > 65535) then
    report.problem(port.where, "transport.%s: port %s: a port is a number from 1 to 65535", t.name, port.value)
  end
  local protocol = t.cells.protocol
  if protocol and protocol.value ~= "smtp" and protocol.value ~= "smtps" and protocol.value ~= "lmtp" then
    report.problem(protocol.where, 'transport.%s: protocol "%s" is none of smtp, smtps and lmtp', t.name, protocol.value)
  end
end

-- A shadow gets its copy from the message's own files and options: a local transport of its own.
local LOCAL = { appendfile = true, autoreply = true, pipe = true, queuefile = true }

local function check_shadow(t)
  local cell = t.cells.shadow_transport
  local shadow = cell and transports.by_name[cell.value]
  if not cell then return end
  transports.check_name(cell.value, cell.where, "transport." .. t.name .. ": shadow_transport")
  if not LOCAL[t.driver] then
    report.problem(cell.where, "transport.%s: shadow_transport is for %s, this is %s", t.name, words.join(LOCAL), t.driver)
  elseif shadow and shadow.driver and not LOCAL[shadow.driver] then
    report.problem(cell.where, 'transport.%s: the shadow transport "%s" is no local one', t.name, cell.value)
  end
end

local DSCP = { le = true, ef = true, lowcost = true, lowdelay = true, reliability = true, throughput = true }
local function check_filter(t)
  local cell = t.cells.transport_filter
  if cell and cell.value and cell.value[1]:sub(1, 1) ~= "/" then
    report.problem(cell.where, 'transport.%s: transport_filter "%s" must begin with /', t.name, cell.value[1])
  end
end

local function check_dscp(t)
  local cell = t.cells.dscp
  local value = cell and cell.value
  if not value or DSCP[value:lower()] or value:lower():find("^af[1-4][1-3]$") or value:lower():find("^cs[0-7]$") then return end
  if not value:find("^%d+$") or tonumber(value) > 63 then
    report.problem(cell.where, 'transport.%s: dscp "%s" is neither a name such as af11, ef or cs1 nor a number from 0 to 63', t.name, value)
  end
end

function transports.check()
  for name, t in pairs(transports.by_name) do
    local driver = t.spec.driver
    if type(driver) ~= "string" then
      report.problem(t.where, "transport.%s needs a driver: %s", name, words.join(transports.drivers))
    elseif not transports.drivers[driver] then
      report.problem(report.key(t.where, "driver"), 'transport.%s: there is no transport driver "%s"%s', name, driver,
        words.meant(driver, transports.drivers))
    else
      t.driver = driver
      for key, value in pairs(t.spec) do
        if key ~= "driver" then set_option(t, key, value) end
      end
      if CHECKS[driver] then CHECKS[driver](t) end
      check_dscp(t)
      check_filter(t)
    end
    t.spec = nil
  end
  for _, t in pairs(transports.by_name) do
    if t.driver then check_shadow(t) end
  end
end

-- ---- values

-- Of those an autoreply would write to, the ones in never_mail.
local function never(t, m, out)
  local found = {}
  for _, name in ipairs { "to", "cc", "bcc" } do
    for _, address in ipairs(out[name] and host.address_list(out[name]) or {}) do
      if not address:find("@", 1, true) then address = address .. "@" .. m.qualify_domain end
      if options.matches(t.cells.never_mail, m, address) then found[#found + 1] = address end
    end
  end
  return found
end

-- Options that are worked out again for each domain and selector: all but dkim_domain, which carries the outcome.
local SIGNING = { "dkim_private_key", "dkim_hash", "dkim_identity", "dkim_canon", "dkim_strict", "dkim_timestamps", "dkim_sign_headers" }
local SIGNS = { dkim_domain = true, dkim_selector = true, arc_sign = true }
for _, name in ipairs(SIGNING) do SIGNS[name] = true end

local function option_now(t, m, name)
  local cell = t.cells[name]
  local value
  if cell then value = options.value(cell, m) end
  if value == nil then value = host.options.transport[name].default end
  return value
end

-- What the functions of the other options read as m.dkim_domain and m.dkim_selector.
local function signing_for(m, name, value)
  if m then host.fact(m, name, value) end
end

local NO_KEY = { [""] = true, ["0"] = true, ["false"] = true }

-- Each pair of a domain and a selector that has a key is one signature: its name, selector and the options of
-- SIGNING in their order, texts in a row for core/engine/vouch.c.
local function signatures(t, m)
  local out, seen = {}, {}
  for _, domain in ipairs(option_now(t, m, "dkim_domain") or {}) do
    domain = tostring(domain):lower()
    signing_for(m, "dkim_domain", domain)
    for _, selector in ipairs(domain ~= "" and option_now(t, m, "dkim_selector") or {}) do
      local pair = domain .. ":" .. selector
      signing_for(m, "dkim_selector", selector)
      local key = selector ~= "" and not seen[pair] and option_now(t, m, "dkim_private_key")
      seen[pair] = true
      if key and not NO_KEY[key] then
        out[#out + 1], out[#out + 2], out[#out + 3] = domain, selector, key
        for i = 2, #SIGNING do
          local value = option_now(t, m, SIGNING[i])
          if type(value) == "table" then value = table.concat(value, ":") end
          out[#out + 1] = value == nil and "" or tostring(value)
        end
      end
    end
  end
  signing_for(m, "dkim_domain", nil)
  signing_for(m, "dkim_selector", nil)
  return out
end

local function values(t, m)
  local out = {}
  if t.cells.dkim_domain then out.dkim_domain = signatures(t, m) end
  -- Said at all, it keeps a message from going on while it comes in: it is sealed when it is whole.
  if t.cells.arc_sign then out.arc_sign = option_now(t, m, "arc_sign") or "" end
  for name, row in pairs(host.options.transport) do
    if name == row.name and options.of_driver("transport", t.driver, name) and not SIGNS[name] then
      local cell = t.cells[name]
      local value
      if cell and not (is_late(row) and (cell.fn or hosts.is_list(row) and hosts.asks(cell))) then value = options.value(cell, m) end
      if value and cell.fn and SOUGHT[name] then
        local plain, wrong = hosts.flatten(value)
        value = plain or error(cell.where .. ": the function for " .. name .. ": it " .. wrong, 0)
      end
      if value == nil then value = row.default end
      out[name] = value
    end
  end
  if t.cells.never_mail then out.never_mail = never(t, m, out) end
  return out
end

local function logs_in_by_mail(t)
  return (t.cells.hosts_try_auth or t.cells.hosts_require_auth) ~= nil and authenticators.logins_differ()
end

-- driver, the values if none of them is a function, and what is asked for each host. Nil: no such transport.
function transports.constant(name)
  local t = transports.by_name[name]
  if not t or not t.driver then return nil end
  if not t.varies then t.values = t.values or values(t) end
  return t.driver, t.values, t.asks.late or logs_in_by_mail(t), t.asks.dane or false, t.asks.differs or false
end

function transports.values(name, m)
  local t = transports.by_name[name]
  if not t or not t.driver then error(string.format('there is no transport "%s"', tostring(name)), 0) end
  return t.driver, t.values or values(t, m)
end

-- Once the host is known (m.host): those about DANE, or all others that are late.
function transports.late(name, m, dane)
  local t = transports.by_name[name]
  local out = {}
  for option, row in pairs(host.options.transport) do
    if option == row.name and is_late(row) and (DANE[option] or false) == dane and options.of_driver("transport", t.driver, option) then
      local cell = t.cells[option]
      local value
      if cell and hosts.is_list(row) then value = hosts.value(cell, m)
      elseif cell then value = options.value(cell, m) end
      if value == nil then value = row.default end
      out[option] = value
    end
  end
  return t.driver, out, not dane and logs_in_by_mail(t) and authenticators.login_of(m) or nil
end

function transports.driver(name)
  local t = transports.by_name[name]
  return t and t.driver
end

function transports.to_files(name) return FILES[transports.driver(name)] or false end
-- A remote transport takes the router's hosts; a local one has none.
function transports.remote(name)
  local t = transports.by_name[name]
  return t and (t.driver == "smtp") or false
end
function transports.has_hosts(name)
  local t = transports.by_name[name]
  return t and t.cells.hosts ~= nil
end
-- The port it uses if it says so plainly; nil if a function decides or none is set.
function transports.port(name)
  local t = transports.by_name[name]
  local cell = t and t.cells.port
  return cell and tonumber(cell.value)
end
-- entry.rewrite_header: the header section as it leaves, or nil: as it is.
function transports.rewrite_header(m, name, section)
  local t = transports.by_name[name]
  return t and t.rewrite and rewrite.section(t.rewrite, { m = m }, section) or nil
end
function transports.event(name)
  local t = transports.by_name[name]
  return t and t.driver ~= "queuefile" and t.event_action or nil
end

return transports
