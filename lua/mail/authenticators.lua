-- authenticators - who may log in here, and how we log in elsewhere
--
-- An exchange is one evaluation. say(text) tells the other side something and waits for its answer,
-- so each driver below reads as the exchange goes. What comes back: end ("ok", "no", "again", "bad"), the
-- name of the authenticator, who it was about, and a reason.

local host, use = ...
local words = use "words"
local options = use "options"
local report = use "report"
local explain = use "explain"
local site = use "site"
local acl = use "acl"
local authenticators = {}

local by_name, in_order = {}, {}
local DRIVERS = { plaintext = true, cram_md5 = true, gsasl = true, external = true, tls = true }
local NEVER = {
  cyrus_sasl = "use the driver gsasl", dovecot = "a plaintext authenticator asks Dovecot from its server_condition, with socket.ask",
  heimdal_gssapi = "Kerberos is not built in", spa = "NTLM is broken and is not offered",
}

-- ---- declaring

local function row_of(driver, name)
  local row = host.options.authenticator[name]
  if row and row.by then row = row.by[driver] or row end
  return row and (not row.drivers or row.drivers[driver]) and row or nil
end

local function set_option(a, name, value)
  local where = report.key(a.where, name)
  local row = row_of(a.driver, name)
  if not row and host.options.authenticator[name] then
    return report.problem(where, 'authenticator.%s: "%s" is no option of the driver %s', a.name, name, a.driver)
  end
  if options.known(row, name, where, "authenticator option", host.options.authenticator) then
    a.cells[row.name] = options.set(row, value, where, "authenticator option", "authenticator " .. a.name)
  end
end

local function declare(name, spec, where)
  local known = by_name[name]
  if known then return report.problem(where, "authenticator.%s is set twice, first at %s", name, known.where) end
  if type(spec) ~= "table" then
    return report.problem(where, "authenticator.%s takes a table of options, not a %s", name, type(spec))
  end
  by_name[name] = { name = name, where = where, cells = {}, spec = spec }
  in_order[#in_order + 1] = by_name[name]
end

function authenticators.library()
  return setmetatable({}, { __metatable = "authenticator", __index = function(_, name)
    if type(name) ~= "string" or not name:find("^[%w_%-]+$") then
      error(string.format('"%s" is no name for an authenticator', tostring(name)), 2)
    end
    return function(spec)
      if not report.loading() then error("authenticators are declared at load", 2) end
      declare(name, spec, host.where(2))
    end
  end, __newindex = function(_, name)
    error("an authenticator is declared by calling: authenticator." .. tostring(name) .. " { driver = ... }", 2)
  end })
end

-- ---- what makes one a server, and a client

local SERVER = { plaintext = "server_condition", external = "server_condition", cram_md5 = "server_secret", tls = "server_condition" }
local function is_server(a)
  local c = a.cells
  if a.driver == "gsasl" then return (c.server_password or c.server_skey) ~= nil end
  return c[SERVER[a.driver]] ~= nil
end

local function is_client(a)
  local c = a.cells
  if a.driver == "gsasl" then return (c.client_password or c.client_spassword) ~= nil end
  return (c.client_send or c.client_secret) ~= nil
end

-- -PLUS: bound to the TLS connection, so that nobody can sit between.
local function binds(a) return a.mechanism:find("%-PLUS$") ~= nil end

local function check_mechanism(a)
  local sides = { server = is_server(a), client = is_client(a) }
  if a.driver == "tls" and not sides.server then
    return report.problem(a.where, "authenticator.%s is no server: it needs server_condition", a.name)
  end
  if not sides.server and not sides.client then
    return report.problem(a.where, "authenticator.%s is neither a server (%s) nor a client (%s)", a.name,
      a.driver == "gsasl" and "server_password, server_skey" or SERVER[a.driver],
      a.driver == "gsasl" and "client_password, client_spassword" or a.driver == "cram_md5" and "client_secret" or "client_send")
  end
  if a.driver ~= "gsasl" then return end
  for side, is in pairs(sides) do
    local bind = a.cells[side .. "_channelbinding"]
    if is and not host.sasl_knows(a.mechanism, side) then
      report.problem(a.where,
        "authenticator.%s: there is no mechanism %s for a %s: CRAM-MD5, SCRAM-SHA-1 and SCRAM-SHA-256 are there, the last two with -PLUS",
        a.name, a.mechanism, side)
    elseif is and binds(a) ~= (bind ~= nil and bind.value == true) then
      report.problem(bind and bind.where or a.where,
        "authenticator.%s: %s_channelbinding and a mechanism with -PLUS go together: %s has %s", a.name, side,
        a.mechanism, binds(a) and "-PLUS only" or "no -PLUS")
    end
  end
  if a.cells.server_skey and not (a.cells.server_key and a.cells.server_scram_salt) then
    report.problem(a.where, "authenticator.%s: server_skey goes with server_key and server_scram_salt", a.name)
  end
end

function authenticators.check()
  for _, a in ipairs(in_order) do
    local driver = a.spec.driver
    local at = report.key(a.where, "driver")
    if type(driver) ~= "string" then
      report.problem(a.where, "authenticator.%s needs a driver: %s", a.name, words.join(DRIVERS))
    elseif NEVER[driver] then
      report.problem(at, 'authenticator.%s: the driver "%s" is not there: %s', a.name, driver, NEVER[driver])
    elseif not DRIVERS[driver] then
      report.problem(at, 'authenticator.%s: there is no driver "%s"%s', a.name, driver, words.meant(driver, DRIVERS))
    else
      a.driver = driver
      a.place = explain.other(a.where, "authenticator " .. a.name)
      for key, value in pairs(a.spec) do
        if key ~= "driver" then set_option(a, key, value) end
      end
      local public, mech = a.cells.public_name, a.cells.server_mech
      a.public = (public and public.value or a.name):upper()
      a.mechanism = (mech and mech.value or driver == "cram_md5" and "CRAM-MD5" or a.public):upper()
      check_mechanism(a)
    end
    a.spec = nil
  end
  local clear = site.cells.auth_cleartext_hosts
  if clear and authenticators.has_servers() then
    report.warning(clear.where,
      "auth_cleartext_hosts: these clients are offered AUTH without encryption; whoever is on the way reads their passwords")
  end
end

function authenticators.has_servers()
  for _, a in ipairs(in_order) do if a.driver and is_server(a) then return true end end
  return false
end

function authenticators.names()
  local out = {}
  for name in pairs(by_name) do out[name] = true end
  return out
end

-- ---- values

local function value(a, name, m)
  local cell = a.cells[name]
  local found = cell and options.value(cell, m)
  if found ~= nil then return found end
  local row = row_of(a.driver, name)
  return row and row.default
end

local function encrypted(m) return host.get(m, "tls_in_cipher") ~= nil end

-- ---- EHLO

local function advertises(a, m)
  local cell = a.cells.server_advertise_condition
  return not cell or options.value(cell, m) == true
end

-- EXTERNAL is for who showed a certificate that could be verified, -PLUS for a connection to be bound to; the
-- driver tls is no mechanism at all.
local function possible(a, m)
  if a.driver == "tls" then return false end
  if a.driver == "external" then return host.get(m, "tls_in_certificate_verified") == true end
  if not binds(a) then return true end
  local exporter, unique = host.auth_channel(m)
  return exporter ~= nil or unique ~= nil
end

function authenticators.offers(m)
  local ip = host.get(m, "sender_host_address")
  if not site.match("auth_advertise_hosts", m, ip) then return "" end
  local found, seen = {}, {}
  for _, a in ipairs(in_order) do
    if is_server(a) and not seen[a.public] and possible(a, m) and advertises(a, m) then
      seen[a.public] = true
      found[#found + 1] = a.public
    end
  end
  if #found == 0 then return "" end
  if not encrypted(m) and not site.match("auth_cleartext_hosts", m, ip) then return "tls" end
  return table.concat(found, " ")
end

-- ---- as a server

-- What the client gave, where the site's functions look for it.
local function given(m, list)
  for i = 1, 4 do host.fact(m, "auth" .. i, list[i]) end
end

local function strings(text, list)
  for part in (text .. "\0"):gmatch("(%Z*)%z") do
    if #list < 4 then list[#list + 1] = part end
  end
  return list
end

-- The site's word: yes, no. Who it was is named in either case.
local function decided(a, m, user)
  local cell = a.cells.server_condition
  local yes = not cell or options.value(cell, m) == true
  local id = value(a, "server_set_id", m) or user or ""
  return yes and "ok" or "no", a.name, id, ""
end

local PROMPTS = { PLAIN = { "" }, LOGIN = { "Username:", "Password:" } }
local USER = { PLAIN = 2, LOGIN = 1 }

local SERVE = {}

function SERVE.plaintext(a, m, initial)
  local list = initial and strings(initial, {}) or {}
  local prompts = value(a, "server_prompts", m) or PROMPTS[a.public] or { "" }
  given(m, list)
  for i, prompt in ipairs(prompts) do
    if i > #list then
      local heard = host.auth_say(prompt)
      if not heard then return "bad", a.name, "", "cancelled" end
      strings(heard, list)
      given(m, list)
    end
  end
  return decided(a, m, list[USER[a.public] or 1])
end

function SERVE.external(a, m, initial)
  local heard = initial or host.auth_say("")
  if not heard then return "bad", a.name, "", "cancelled" end
  given(m, { heard })
  given(m, { heard, value(a, "server_param2", m), value(a, "server_param3", m) })
  return decided(a, m, heard)
end

-- What the mechanism has to know of the user. A user who is not there has a password nobody knows, so
-- that it takes as long to be told so (R3.6).
local function tell_gsasl(a, m, sasl, list)
  local password, stored, server_key = value(a, "server_password", m), value(a, "server_skey", m), value(a, "server_key", m)
  local salt = value(a, "server_scram_salt", m)
  if stored and server_key then
    host.sasl_set(sasl, "stored_key", stored)
    host.sasl_set(sasl, "server_key", server_key)
  else
    host.sasl_set(sasl, "password", password or host.digest("sha256", host.random(2 ^ 31 - 1) .. list[1]))
  end
  if salt then host.sasl_set(sasl, "salt", salt) end
  host.sasl_set(sasl, "iterations", value(a, "server_scram_iter", m))
  return password ~= nil or stored ~= nil
end

local function tell_cram(a, m, sasl, list)
  local secret = value(a, "server_secret", m)
  host.sasl_set(sasl, "password", secret or host.digest("sha256", host.random(2 ^ 31 - 1) .. list[1]))
  return secret ~= nil
end

-- A mechanism of the library: asked until it is done. The facts it needs are there before the step that needs them.
-- Whoever could bind, and says it was not offered although it was, has somebody between us (RFC 5802 section 6).
local function offers_bound(a, m)
  for _, b in ipairs(in_order) do
    if b.driver == "gsasl" and b.mechanism == a.mechanism .. "-PLUS" and is_server(b) and possible(b, m) and advertises(b, m) then
      return true
    end
  end
  return false
end

local function serve_sasl(a, m, initial, tell)
  local exporter, unique
  if binds(a) or offers_bound(a, m) then exporter, unique = host.auth_channel(m) end
  local sasl, why = host.sasl(a.mechanism, "server", exporter, unique)
  if not sasl then return "again", a.name, "", why end
  host.sasl_set(sasl, "hostname", value(a, "server_hostname", m) or host.get(m, "primary_hostname"))
  host.sasl_set(sasl, "service", value(a, "server_service", m) or "smtp")
  local realm = value(a, "server_realm", m)
  if realm then host.sasl_set(sasl, "realm", realm) end
  local heard, user, known = initial, nil, true
  while true do
    if heard and not user then
      local authid, authzid = host.sasl_identity(sasl, heard)
      if not authid then return "bad", a.name, "", "" end
      if authid ~= "" then
        user = authid
        local list = { authid, authzid }
        given(m, list)
        known = tell(a, m, sasl, list)
      end
    end
    local status, out = host.sasl_step(sasl, heard)
    if status == "garbled" then return "bad", a.name, user or "", "" end
    if status == "refused" or (status == "done" and not known) then return "no", a.name, user or "", "" end
    if status == "done" then
      -- its last word is a challenge, to be answered with nothing (RFC 4954 section 4)
      if out ~= "" and not host.auth_say(out) then return "bad", a.name, user or "", "cancelled" end
      return decided(a, m, user)
    end
    heard = host.auth_say(out)
    if not heard then return "bad", a.name, user or "", "cancelled" end
  end
end

function SERVE.cram_md5(a, m, initial) return serve_sasl(a, m, initial, tell_cram) end
-- SCRAM begins with the client: if it said nothing yet, an empty challenge asks for it.
function SERVE.gsasl(a, m, initial)
  if not initial and a.mechanism:find("^SCRAM") then
    initial = host.auth_say("")
    if not initial then return "bad", a.name, "", "cancelled" end
  end
  return serve_sasl(a, m, initial, tell_gsasl)
end

-- ---- guessing costs: each failure takes a second at least, and an address has few of them an hour

local FAILURE_US = 1000000

local function allowance()
  local text = site.value("auth_failures_per_host")
  local n, every = tostring(text or "0"):match("^%s*(%d+)%s*/%s*(%S+)%s*$")
  return tonumber(n), every and words.seconds(every)
end

local function failures(m)
  local ip = host.get(m, "sender_host_address")
  local known = ip and host.store_get("auth.failures", ip)
  return tonumber(known or 0), ip
end

local function count_failure(m, every)
  local _, ip = failures(m)
  if ip then host.store_incr("auth.failures", ip, 1, host.now() + every) end
end

-- The driver tls: no command, no secret. Who showed a certificate that could be verified is asked about before its
-- first EHLO under TLS is answered; the ACL auth has its say, as for the command.
local function by_certificate(m)
  for _, a in ipairs(in_order) do
    if a.driver == "tls" then
      if acl.run("auth", m) ~= "accept" then return "no", "", "", "" end
      given(m, { value(a, "server_param1", m), value(a, "server_param2", m), value(a, "server_param3", m) })
      explain.enter()
      local result, name, id = decided(a, m, value(a, "server_param1", m))
      explain.leave(a.place, result == "ok")
      if result == "ok" then return result, name, id, "" end
    end
  end
  return "no", "", "", ""
end

-- No mechanism: by the certificate alone.
function authenticators.authenticate(m, mechanism, initial)
  if mechanism == "" then return by_certificate(m) end
  local most, every = allowance()
  if most and failures(m) >= most then
    return "again", "", "", "too many failed attempts from your address, please come back later"
  end
  -- a control lets clients try what EHLO did not offer; never in the clear
  if not encrypted(m) and not site.match("auth_cleartext_hosts", m, host.get(m, "sender_host_address")) then
    return "no", "", "", "AUTH is for encrypted connections only"
  end
  local began = host.now_us()
  for _, a in ipairs(in_order) do
    if a.public == mechanism:upper() and is_server(a) and possible(a, m) then
      explain.enter()
      local result, name, id, text = SERVE[a.driver](a, m, initial)
      explain.leave(a.place, result == "ok")
      if result == "no" then
        if most then count_failure(m, every) end
        local left = FAILURE_US - (host.now_us() - began)
        if left > 0 then host.sleep(left / 1000000) end
      end
      return result, name, id, text
    end
  end
  return "bad", "", "", ""
end

-- mailauth: the authenticator's own word comes before the ACL's. True: it has none, or agrees.
function authenticators.believes(m)
  local a = by_name[host.get(m, "sender_host_authenticated") or ""]
  local cell = a and a.cells.server_mail_auth_condition
  return not cell or options.value(cell, m) == true
end
function authenticators.around(run)
  return function(phase, m)
    if phase == "mailauth" and not authenticators.believes(m) then return "deny", "", "", true end
    return run(phase, m)
  end
end
function authenticators.has_mail_conditions()
  for _, a in ipairs(in_order) do if a.cells.server_mail_auth_condition then return true end end
  return false
end

-- ---- as a client

local function reply(text)
  local code, rest = text:match("^(%d%d%d)[ %-]?(.*)$")
  return tonumber(code) or 0, rest or text
end

-- One line out, one reply in: 334 gives the challenge, anything else ends it.
local function tell(line, lax)
  local heard = host.auth_say(line)
  if not heard then return nil, "the connection was lost", 0 end
  local code, rest = reply(heard)
  if code == 235 then return "ok" end
  if code ~= 334 then return nil, heard, code end
  local challenge = host.base64_decode(rest)
  if not challenge and not lax then
    host.auth_say("*")
    return nil, "a challenge that is no base64", 0
  end
  return "more", challenge or ""
end

local function initial_line(a, text)
  if text == nil then return "AUTH " .. a.public end
  return "AUTH " .. a.public .. " " .. (text == "" and "=" or host.base64_encode(text))
end

-- "^" is a NUL, "^^" a circumflex.
local function with_nuls(text) return (text:gsub("%^(%^?)", function(second) return second == "^" and "^" or "\0" end)) end

local LOG_IN = {}

function LOG_IN.plaintext(a, m)
  local send = value(a, "client_send", m) or {}
  local lax = value(a, "client_ignore_invalid_base64", m)
  local first = send[1] and with_nuls(send[1])
  if first == "" then first = nil end
  local state, why, code = tell(initial_line(a, first), lax)
  local i = 2
  while state == "more" do
    if not send[i] then
      host.auth_say("*")
      return nil, "the server asks for more than client_send has", 0
    end
    state, why, code = tell(host.base64_encode(with_nuls(send[i])), lax)
    i = i + 1
  end
  return state, why, code
end
LOG_IN.external = LOG_IN.plaintext

local function log_in_sasl(a, sasl)
  local status, out = host.sasl_step(sasl, nil)
  local first = out
  if a.mechanism == "CRAM-MD5" or a.mechanism == "LOGIN" then first = nil end
  local state, what, code = tell(initial_line(a, first))
  while state == "more" do
    if status ~= "done" then status, out = host.sasl_step(sasl, what) end
    if status == "refused" or status == "garbled" then
      host.auth_say("*")
      return nil, "the server's challenge is not right", 0
    end
    state, what, code = tell(host.base64_encode(out))
    out = ""
  end
  -- SCRAM: a server that did not prove to know us is not the one we meant
  if state == "ok" and status ~= "done" then return nil, "the server did not prove who it is", 0 end
  return state, what, code
end

function LOG_IN.cram_md5(a, m)
  local sasl, why = host.sasl("CRAM-MD5", "client")
  if not sasl then return nil, why, 0 end
  host.sasl_set(sasl, "authid", value(a, "client_name", m) or host.get(m, "primary_hostname"))
  host.sasl_set(sasl, "password", value(a, "client_secret", m) or "")
  return log_in_sasl(a, sasl)
end

function LOG_IN.gsasl(a, m)
  local sasl, why = host.sasl(a.mechanism, "client", host.auth_channel(m))
  if not sasl then return nil, why, 0 end
  local user, authz = value(a, "client_username", m), value(a, "client_authz", m)
  local password, salted = value(a, "client_password", m), value(a, "client_spassword", m)
  if user then host.sasl_set(sasl, "authid", user) end
  if authz then host.sasl_set(sasl, "authzid", authz) end
  if password then host.sasl_set(sasl, "password", password) end
  if salted then host.sasl_set(sasl, "salted_password", salted) end
  return log_in_sasl(a, sasl)
end

-- Mechanisms that give the password away to whoever listens.
local IN_CLEAR = { PLAIN = true, LOGIN = true }

local function fits(a, m, offered)
  if not is_client(a) or not offered[a.public] then return false end
  if IN_CLEAR[a.public] and host.get(m, "tls_out_cipher") == nil and value(a, "client_cleartext", m) ~= true then return false end
  local exporter, unique = host.auth_channel(m)
  if binds(a) and not exporter and not unique then return false end
  local cell = a.cells.client_condition
  return not cell or options.value(cell, m) == true
end

-- Each that fits in turn, until one is taken.
function authenticators.log_in(m, mechanisms)
  local offered, last, again = {}, nil, false
  for name in mechanisms:gmatch("%S+") do offered[name:upper()] = true end
  for _, a in ipairs(in_order) do
    if fits(a, m, offered) then
      explain.enter()
      local state, why, code = LOG_IN[a.driver](a, m)
      explain.leave(a.place, state == "ok")
      if state == "ok" then return "ok", a.name, value(a, "client_set_id", m) or value(a, "client_username", m) or "", "" end
      last = { name = a.name, why = why }
      again = again or code == 0 or code < 500
      if code == 0 then break end           -- the connection is gone, or out of step
    end
  end
  if not last then return "no", "", "", "no authenticator fits what the server offers" end
  return again and "again" or "no", last.name, "", last.why
end

-- Whether whom we log in as may be another one for another message.
function authenticators.logins_differ()
  for _, a in ipairs(in_order) do
    if a.driver and is_client(a) then
      for name, cell in pairs(a.cells) do
        if cell.fn and name:find("^client_") then return true end
      end
    end
  end
  return false
end

-- What all functions of clients say of m, as a digest: a connection is kept for messages of which it is the same. One that
-- fails says so when it is asked for the login itself.
function authenticators.login_of(m)
  local said = {}
  for _, a in ipairs(in_order) do
    if a.driver and is_client(a) then
      for name, cell in pairs(a.cells) do
        if cell.fn and name:find("^client_") then
          local well, found = pcall(options.value, cell, m)
          if type(found) == "table" then found = table.concat(found, "\0") end
          said[#said + 1] = string.format("%s.%s %s %s", a.name, name, tostring(well), tostring(found))
        end
      end
    end
  end
  table.sort(said)
  return host.digest("sha256", table.concat(said, "\0\0"))
end

return authenticators
