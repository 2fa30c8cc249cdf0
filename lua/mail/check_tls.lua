-- check_tls - TLS with clients and hosts, before anybody meets it: can the files and words be used, do its ports exist?
--
-- A certificate that cannot be used keeps no engine from starting: STARTTLS is answered with 454 then, and mail goes on. To
-- `perigee check` it is an error (host.strict).

local host, use = ...
local report = use "report"
local check_tls = {}

-- option -> its name in host.tls_check, and whether that takes a list
local PARTS = {
  tls_certificate = { "certificates", "list" }, tls_privatekey = { "keys", "list" }, tls_ocsp_file = { "proofs", "list" },
  tls_verify_certificates = { "ca" }, tls_crl = { "crl" }, tls_require_ciphers = { "ciphers" }, tls_eccurve = { "groups", ":" },
  tls_dhparam = { "dhparam" }, openssl_options = { "options", " " },
}
-- Looked at here, so nowhere else.
check_tls.PARTS = PARTS

local function trouble(cell, fmt, ...)
  if host.strict then report.problem(cell.where, fmt, ...) else report.warning(cell.where, fmt, ...) end
end

local function value_of(cell, part)
  local value = cell.value
  if part[2] == "list" then return type(value) == "table" and value or { value } end
  if type(value) == "table" then return table.concat(value, part[2] or " : ") end
  return value
end

-- The option a sentence is about: the one it names, else the one whose file it names first, else the certificate's.
local function about(cells, why)
  local best, at = cells.tls_certificate and "tls_certificate" or next(cells), math.huge
  for name, part in pairs(PARTS) do
    local cell = cells[name]
    if cell and why:find(name, 1, true) then return name end
    for _, item in ipairs(cell and not cell.fn and value_of(cell, { part[1], "list" }) or {}) do
      local found = type(item) == "string" and #item > 1 and why:find(item, 1, true)
      if found and found < at then best, at = name, found end
    end
  end
  return best
end

local function say(cells, why, as)
  local name = about(cells, why)
  local cell = cells[name]
  if not why:find(name, 1, true) then why = name .. ": " .. why end
  as(cell, "%s", why)
end

-- What was found out, told as it weighs.
local function tell(cells, notes, why, kind)
  if notes then
    for _, text in ipairs(notes) do say(cells, text, function(cell, ...) report.warning(cell.where, ...) end) end
  elseif kind == "word" then
    say(cells, why, function(cell, ...) report.problem(cell.where, ...) end)
  else
    say(cells, why, trouble)
  end
end

local function judge_files(cells)
  local want, some = { server = true }, false
  for name, part in pairs(PARTS) do
    local cell = cells[name]
    if cell and cell.value ~= nil and not cell.fn then want[part[1]], some = value_of(cell, part), true end
  end
  -- the engine gets them by itself, and has not yet
  if cells.tls_ocsp_fetch and cells.tls_ocsp_fetch.value then want.fetch, want.proofs = want.proofs, nil end
  -- what a function would say is not known here
  if cells.tls_certificate and cells.tls_certificate.fn or not want.certificates then
    want.certificates, want.keys, want.proofs = nil, nil, nil
  elseif cells.tls_privatekey and cells.tls_privatekey.fn then
    return
  end
  if not some then return end
  want.ca = want.ca or "system"
  tell(cells, host.tls_check(want))
end

local function judge_ports(cells, listening)
  local cell = cells.tls_on_connect_ports
  if not cell or cell.fn then return end
  if not cells.tls_certificate then
    trouble(cell, "tls_on_connect_ports: tls_certificate is not set, so whoever connects to these ports is sent away")
  end
  local open = {}
  for _, port in ipairs(listening) do open[port] = true end
  for _, item in ipairs(cell.value) do
    local port = host.service_port(tostring(item))
    if port and next(open) and not open[port] then
      report.warning(cell.where, "tls_on_connect_ports: nothing listens on port %d; this option opens no port, listen does", port)
    end
  end
end

local CLIENT = { "tls_certificate", "tls_privatekey", "tls_verify_certificates", "tls_crl", "tls_require_ciphers" }

local function judge_client(cells, ciphers)
  local want, set = {}, {}
  for _, name in ipairs(CLIENT) do
    local cell = cells[name == "tls_require_ciphers" and ciphers or name]
    if cell and not cell.fn and cell.value ~= nil then want[PARTS[name][1]], set[name] = value_of(cell, PARTS[name]), cell end
  end
  if cells.tls_certificate and cells.tls_certificate.fn or cells.tls_privatekey and cells.tls_privatekey.fn then
    want.certificates, want.keys = nil, nil
  end
  if want.keys and not want.certificates then
    return report.problem(cells.tls_privatekey.where, "tls_privatekey is a certificate's key, and tls_certificate is not set")
  end
  if next(want) then tell(set, host.tls_check(want)) end
end

-- cells of a transport with the driver smtp.
function check_tls.transport(cells)
  judge_client(cells, "tls_require_ciphers")
  if cells.dane_require_tls_ciphers then judge_client({ dane = cells.dane_require_tls_ciphers }, "dane") end
end

-- What says how TLS is to be, where there is none.
local function judge_use(cells)
  if cells.tls_certificate then return end
  for _, name in ipairs { "tls_privatekey", "tls_verify_hosts", "tls_try_verify_hosts", "tls_ocsp_file", "tls_resumption_hosts" } do
    local cell = cells[name]
    if cell and (cell.fn or cell.value ~= nil and cell.value ~= "" and not (type(cell.value) == "table" and #cell.value == 0)) then
      return report.warning(cell.where, "%s: tls_certificate is not set, so there is no TLS", name)
    end
  end
end

-- cells of site{}; the ports it listens on.
function check_tls.run(cells, listening)
  judge_use(cells)
  judge_files(cells)
  judge_ports(cells, listening)
end

return check_tls
