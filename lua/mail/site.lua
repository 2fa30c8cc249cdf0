-- site - the main options
--
-- site { NAME = value, ... }, as often as one likes; an option set twice is an
-- error that names both places.

local host, use = ...
local options = use "options"
local report = use "report"
local words = use "words"
local lists = use "lists"
local site = {}

site.cells = {}

function site.declare(spec)
  local where = host.where(2)
  if not report.loading() then error("site { ... } is for load", 2) end
  if type(spec) ~= "table" then return report.problem(where, "site takes a table: site { name = value }") end
  for name, value in pairs(spec) do
    local at = report.key(where, name)
    if type(name) ~= "string" then
      report.problem(at, "site: options are written name = value")
    elseif options.known(host.options.main[name], name, at, "option", host.options.main) then
      name = host.options.main[name].name     -- another spelling is the same option
      local known = site.cells[name]
      if known then
        report.problem(at, 'option "%s" is set twice, first at %s', name, known.where)
      else
        site.cells[name] = options.set(host.options.main[name], value, at, "option")
      end
    end
  end
end

-- Values that other values are made of, and ranges the engine relies on.
local POSITIVE = {
  "recipients_max", "smtp_accept_max", "message_size_limit", "header_maxsize", "received_headers_max",
  "smtp_accept_max_nonmail", "smtp_max_synprot_errors", "smtp_max_unknown_commands", "smtp_accept_max_per_connection",
  "auth_failures_max",
}

-- What the engine alone can judge, text by text.
local function check_texts(name, cell)
  for _, text in ipairs(type(cell.value) == "table" and cell.value or { cell.value }) do
    local why = type(text) == "string" and host.check_option(name, text)
    if why then report.problem(cell.where, "%s", why) end
  end
end

-- errors_copy: "pattern address,address" items; who else gets a bounce that goes to
-- the recipient of m.
local function copies(m)
  local cell = site.cells.errors_copy
  local to, found = (host.get(m, "recipients_list") or {})[1] or "", {}
  for _, item in ipairs(words.list(options.value(cell, m))) do
    local pattern, rest = item:match("^%s*(%S+)%s+(.-)%s*$")
    if not pattern then
      error(string.format('%s: errors_copy: "%s" is not written as "pattern address"', cell.where, item), 0)
    end
    if lists.late("address", pattern, cell.where)(to:lower(), { m = m }) then
      for address in rest:gmatch("[^,%s]+") do found[#found + 1] = address end
    end
  end
  return found
end

local function check_copies()
  local cell = site.cells.errors_copy
  for _, item in ipairs(cell and not cell.fn and cell.value or {}) do
    local pattern, rest = item:match("^%s*(%S+)%s+(.-)%s*$")
    if not pattern then
      report.problem(cell.where, 'errors_copy: "%s" is not written as "pattern address,address"', item)
    else
      report.attempt(function() lists.compile("address", pattern, cell.where) end)
      for address in rest:gmatch("[^,%s]+") do
        if not host.address_parse(address) then report.problem(cell.where, 'errors_copy: "%s" is no address', address) end
      end
    end
  end
end

local function check_ports()
  local cell = site.cells.log_ports
  for _, item in ipairs(cell and cell.value or {}) do
    local n = tonumber(item)
    if item ~= "*" and not (n and n >= 1 and n <= 65535 and n == math.floor(n)) then
      report.problem(cell.where, 'log_ports: "%s" is no port', item)
    end
  end
end

-- A proof is fetched for a certificate by its place in the list; what functions name is seen when they are asked.
local function check_proofs()
  local fetch, proofs, certificates = site.cells.tls_ocsp_fetch, site.cells.tls_ocsp_file, site.cells.tls_certificate
  if not (fetch and fetch.value) then return end
  if not proofs then
    report.problem(fetch.where, "tls_ocsp_fetch keeps the files of tls_ocsp_file fresh, and that is not set")
  elseif proofs.value and certificates and certificates.value and #proofs.value ~= #certificates.value then
    report.problem(proofs.where,
      "tls_ocsp_file names %d files and tls_certificate %d: with tls_ocsp_fetch there is one for each, in the same order",
      #proofs.value, #certificates.value)
  end
end

function site.check()
  check_copies()
  check_ports()
  check_proofs()
  for name, cell in pairs(site.cells) do check_texts(name, cell) end
  for _, name in ipairs(POSITIVE) do
    local cell = site.cells[name]
    local n = cell and tonumber(cell.value)
    if n and n < 1 then
      report.problem(cell.where, 'option "%s" is a limit and must be at least 1: nothing here is without limit', name)
    end
  end
  local rate = site.cells.smtp_accept_rate_per_host
  if rate and rate.value and rate.value ~= "" then
    local n, every = rate.value:match "^%s*(%d+)%s*/%s*(%S+)%s*$"
    if not n or tonumber(n) < 1 or tonumber(n) > 4294967295 or (words.seconds(every) or 0) < 1 then
      report.problem(rate.where, 'smtp_accept_rate_per_host: "%s" is not written as "60 / 1m"', rate.value)
    end
  end
  local json, path = site.cells.log_json, site.cells.log_file_path
  if json and json.value and path and path.value and not path.value:find("%s", 1, true) then
    report.problem(json.where, "log_json: log_file_path needs its %s, since JSON has a file of its own")
  end
  local runs = site.cells.queue_runs
  for _, item in ipairs(runs and runs.value or {}) do
    local name, every = tostring(item):match("^%s*(.-)%s*=%s*(.-)%s*$")
    if not name or not words.queue(name) or (words.seconds(every) or 0) < 1 then
      report.problem(runs.where, 'queue_runs: "%s" is not written as "NAME=TIME", as in "bulk=15m"', tostring(item))
    end
  end
  local workers = site.cells.workers
  if workers and (workers.value < 1 or workers.value > 64) then
    report.problem(workers.where, "workers must be between 1 and 64")
  end
  local listen = site.cells.listen
  for _, item in ipairs(listen and listen.value or {}) do
    if type(item) ~= "string" or not (item:find("^[%d%.]+:%d+$") or item:find("^%[[%x:%.]+%]:%d+$")) then
      report.problem(listen.where, 'listen: "%s" is not written as "192.0.2.1:25" or "[2001:db8::1]:25"', tostring(item))
    elseif tonumber(item:match("%d+$")) > 65535 then
      report.problem(listen.where, 'listen: "%s": a port is a number up to 65535', item)
    end
  end
end

-- The constant value or the default; what a function would say is not known here.
function site.value(name)
  local cell = site.cells[name]
  if cell and cell.value ~= nil then return cell.value end
  local row = host.options.main[name]
  return row and row.default
end

-- The ports we listen on, for knowing ourselves in a list of hosts.
local ports
function site.ports()
  if not ports then
    ports = {}
    for _, item in ipairs(site.value("listen") or {}) do ports[#ports + 1] = tonumber(item:match(":(%d+)$")) end
  end
  return ports
end

function site.listed(name, ev, subject)
  local cell = site.cells[name]
  if not cell then return false end
  return options.matches(cell, ev.m, subject, ev)
end

-- entry.site: everything that was set, as it stands.
function site.values()
  local out = {}
  for name, cell in pairs(site.cells) do
    if name == "errors_copy" then out[name] = copies
    elseif cell.fn then out[name] = cell.fn
    elseif type(cell.value) == "table" then
      local list = {}
      for i, item in ipairs(cell.value) do
        list[i] = type(item) == "function" and "(function)" or type(item) == "table" and "(lookup)" or item
      end
      out[name] = list
    else out[name] = cell.value end
  end
  return out
end

-- entry.option: the value now. Nil gives the default to whoever asked.
function site.option(name, m)
  local cell = site.cells[name]
  if cell and name == "errors_copy" then return copies(m) end
  if not cell then return site.value(name) end
  local value = options.value(cell, m)
  if value == nil then return host.options.main[name].default end
  return value
end

-- entry.match: is it in this list? An option that was not set is its default list.
local defaults = {}
function site.match(name, m, subject)
  local cell = site.cells[name]
  if not cell then
    local row = host.options.main[name]
    if not row or row.default == nil then return false end
    defaults[name] = defaults[name] or options.set(row, row.default, "default:0", "option")
    cell = defaults[name]
  end
  return options.matches(cell, m, subject)
end

return site
