-- verify - is it really so?
--
-- Addresses are verified by routing them, and with a callout by asking where they
-- lead; a name by asking the DNS. "Could not find out" is raised, never answered
-- with yes or no, unless defer_ok says so.

local host, use = ...
local words = use "words"
local parse = use "verify_options"
local lookups = use "lookups"
local verify = {}

verify.route = nil              -- set by route.lua: function(ev, address, mode, options) -> ok, text, item

-- What a failed verification leaves behind: the text a refusal shows if the rule
-- gives none, and the variables about it.
local function refused(ev, text, options, user)
  host.fact(ev.m, "acl_verify_message", user or text)
  ev.log = text
  if not options.no_details then ev.text = user or text end
  return false
end

-- ---- addresses

local function routed(m, address, mode, options)
  local ok, text, item = verify.route({ m = m }, address, mode, options)
  if ok == nil then return { ok = nil, text = text } end
  if not ok then return { ok = false, text = text, failure = "route" } end
  local r = { ok = true, data = item and item.address_data }
  if not item then return r end
  if options.callout then
    local said = use("verify_callout").run(m, item, options, mode)
    said.data = r.data
    return said
  elseif options.quota then
    local said = use("verify_quota").run(m, item, options.quota)
    said.data = r.data
    return said
  end
  return r
end

-- { ok = true | false | nil, text =, user =, failure =, data =, callout = the callout could not be done }
local function address_verified(m, address, mode, options)
  if not address:find("@", 1, true) then
    return { ok = false, failure = "qualify", text = "an unqualified address: " .. address }
  end
  host.fact(m, "verify_mode", mode == "sender" and "S" or "R")
  local ok, r = pcall(routed, m, address, mode, options)
  host.fact(m, "verify_mode", nil)
  if not ok then error(r, 0) end
  if r.ok == nil and (options.defer_ok or r.callout and options.callout.defer_ok) then r.ok, r.excused = true, true end
  return r
end

-- The options as one text, the same for the same.
local function options_text(options)
  local out = {}
  for name, value in pairs(options) do
    out[#out + 1] = name .. "=" .. (type(value) == "table" and "{" .. options_text(value) .. "}" or tostring(value))
  end
  table.sort(out)
  return table.concat(out, "\0")
end

-- A message has one sender and often many recipients: what was found out about it stays found out for
-- the message (as Exim's). What could not be found out is asked again.
local SENDERS_MAX = 64

local function sender_verified(m, address, options)
  local told = lookups.memory()
  if not told then return address_verified(m, address, "sender", options), true end
  local id = address .. "\0" .. options_text(options)
  local known = told.senders and told.senders[id]
  if known then return known, false end
  local r = address_verified(m, address, "sender", options)
  if r.ok == nil or r.excused then return r, true end
  if not told.senders or told.nsenders >= SENDERS_MAX then told.senders, told.nsenders = {}, 0 end
  told.senders[id], told.nsenders = r, told.nsenders + 1
  return r, true
end

-- The lines a refused client is told, before the one that refuses.
local PM = "Several RFCs state that you are required to have a postmaster\nmailbox for each mail domain. This host does not accept mail\n"
  .. "from domains whose servers reject the postmaster address."
local SETUP = "The initial connection, or a HELO or MAIL FROM:<> command was\nrejected. Refusing MAIL FROM:<> does not help fight spam, "
  .. "disregards\nRFC requirements, and stops you from receiving standard bounce\nmessages. This host does not accept mail from domains "
  .. "whose servers\nrefuse bounces."

local function details(address, r)
  local user = r.user or r.text or ""
  if r.postmaster then return string.format("Postmaster verification failed while checking <%s>\n%s\n%s", address, user, PM) end
  if r.setup then return string.format("Callback setup failed while verifying <%s>\n%s\n%s", address, user, SETUP) end
  return string.format("Verification failed for <%s>\n%s", address, user)
end

-- Exim's own line for it, which other programs look for.
local function log_sender(m, how, address, text)
  if not host.log_selected("sender_verify_fail") then return end
  local from = m.sender_fullhost
  local line = string.format("%ssender verify %s for <%s>: %s", from and "H=" .. from .. " " or "", how, address, text or "")
  host.logwrite(m, "main", line)
  host.logwrite(m, "reject", line)
end

local tests = {}

function tests.recipient(ev, argument, options)
  local m = ev.m
  local address = argument
  if address == "" then
    if not m.domain then return refused(ev, "that is no address", options) end      -- VRFY may ask about a name
    address = m.local_part .. "@" .. m.domain
  end
  options.own = argument == ""                  -- only the recipient itself can be held
  local r = address_verified(m, address, "recipient", options)
  if r.ok == nil then error(host.again(r.text)) end
  if r.failure then host.fact(m, "recipient_verify_failure", r.failure) end
  if not r.ok then return refused(ev, r.text, options, r.user) end
  if r.data then host.fact(m, "address_data", r.data) end
  return true
end

function tests.sender(ev, argument, options)
  local m = ev.m
  local address = argument ~= "" and argument or m.sender_address
  if address == nil then return refused(ev, "there is no sender yet", options) end
  if address == "" then return true end         -- bounces have no sender to verify
  local r, new = sender_verified(m, address, options)
  if r.ok == nil then
    log_sender(m, "defer", address, r.text)
    error(host.again(r.callout and r.text or "Could not complete sender verify: " .. tostring(r.text)))
  end
  if r.failure then host.fact(m, "sender_verify_failure", r.failure) end
  if r.ok then
    if r.data then host.fact(m, "sender_address_data", r.data) end
    return true
  end
  if new then log_sender(m, "fail", address, r.text) end
  host.fact(m, "acl_verify_message", r.text)
  ev.log = "Sender verify failed"
  ev.text = options.no_details and ev.log or details(address, r) .. "\n" .. ev.log
  return false
end

-- control = "cutthrough_delivery": the recipient the rules have accepted must be
-- taken by its next hop, in a transaction that is held for the message. An answer if
-- that says otherwise.
function verify.cutthrough(m)
  local mode, tptsender, joined = host.cutthrough(m)
  if not mode or joined then return nil end
  local options = { own = true, callout = {
    use_sender = true, use_tptsender = tptsender, hold = true, no_cache = true, answer = 30, connect = 30, maxwait = 120,
  } }
  local r = address_verified(m, m.local_part .. "@" .. m.domain, "recipient", options)
  if r.ok then return nil end
  if r.ok == false then return { verb = "deny", message = r.user or r.text, log_message = r.text } end
  -- the ordinary way may do better later
  if mode ~= "pass" then return nil end
  return { verb = "defer", message = r.user or r.text, log_message = r.text }
end

-- ---- tests that say true, false or nil (later), and a text

local function test_of(fn)
  return function(ev, argument, options)
    local ok, text, user = fn(ev, argument, options)
    if ok then return true end
    if ok == nil then
      if options.defer_ok then return true end
      error(host.again(text))
    end
    return refused(ev, text, options, user)
  end
end

do
  local headers = use "verify_header"
  headers.address = address_verified
  tests.header_syntax = test_of(headers.syntax)
  tests.header_names_ascii = test_of(headers.names_ascii)
  tests.header_sender = test_of(headers.sender)
  tests.not_blind = test_of(headers.not_blind)
  tests.csa = test_of(use("verify_csa").test)
end

tests.reverse_host_lookup = test_of(function(ev)
  local m = ev.m
  if m.sender_host_address == nil or m.sender_host_name then return true end
  if m.host_lookup_deferred then
    return nil, "host lookup deferred for reverse lookup check of " .. m.sender_host_address
  end
  return false, "host lookup failed for reverse DNS check"
end)

-- RFC 5321 4.1.4 leaves a site free to look at the name: an address literal must
-- be the client's, a name must be the client's verified name or lead to it.
local function helo_is_client(m)
  local name, ip = m.sender_helo_name, m.sender_host_address
  if not name then return false, "no HELO or EHLO was given" end
  local literal = name:match("^%[[Ii][Pp][Vv]6:([%x:%.]+)%]$") or name:match("^%[([%d%.]+)%]$")
  if literal then return host.ip_pack(literal) == host.ip_pack(ip), "the address in HELO is not the client's" end
  local status, found, why = host.hosts(name:lower(), { mx = false })
  if status == "ok" then
    local packed = host.ip_pack(ip)
    for _, h in ipairs(found) do
      if host.ip_pack(h.ip) == packed then return true end
    end
  elseif status == "again" then
    return nil, "HELO name could not be verified: " .. tostring(why)
  end
  return (m.sender_host_name or ""):lower() == name:lower(), "the HELO name does not lead to the client's address"
end

tests.helo = test_of(function(ev)
  local m = ev.m
  if m.sender_host_address == nil or m.sender_helo_verified then return true end
  local ok, text = helo_is_client(m)
  if ok then host.fact(m, "sender_helo_verified", true) end
  return ok, text
end)

tests.certificate = test_of(function(ev)
  if host.get(ev.m, "tls_in_certificate_verified") then return true end
  return false, "no verified certificate"
end)

-- "arc/none:fail:pass": what may come of the chain.
local ARC_WORDS = { none = true, pass = true, fail = true }

tests.arc = test_of(function(ev, argument)
  local wanted = {}
  for word in (argument ~= "" and argument or "none:pass"):gmatch "[^:%s]+" do
    if not ARC_WORDS[word] then error(string.format('verify = "arc": "%s" is none of none, pass and fail', word), 0) end
    wanted[word] = true
  end
  local state, reason = host.arc_verify(ev.m)
  return wanted[state] or false, "ARC: " .. state .. (reason and " (" .. reason .. ")" or "")
end)

-- ---- what rules write

-- Where each test may be asked: reference/acl.tsv, kind verify.
verify.tests = tests

function verify.compile(item, where)
  local what, argument, options = parse.item(item, where)
  local test = what and tests[what]
  if not test then
    error(string.format('%s: verify knows no "%s"%s', where, tostring(what or item), words.meant(what or item, tests)), 0)
  end
  return function(ev) return test(ev, argument, options) end
end

-- verify.NAME(...) and verify.try.NAME(...) for rule functions: addresses first,
-- where there is one, then a table of options.
local ARGUMENT = { recipient = true, sender = true, csa = true }

function verify.library(current)
  local function call(name, where, ...)
    local ev = current()
    local argument, options = "", ...
    if ARGUMENT[name] then argument, options = ... end
    if argument ~= nil and type(argument) ~= "string" then error(where .. ": verify." .. name .. " takes an address as text", 0) end
    return tests[name](ev, argument or "", parse.table(name, options or {}, where))
  end
  local lib, try = {}, {}
  for name in pairs(tests) do
    lib[name] = function(...)
      local where = host.where(2)
      local yes = call(name, where, ...)
      return yes
    end
    try[name] = function(...)
      local ok, result = pcall(call, name, host.where(2), ...)
      if ok then return result end
      local text = host.again_text(result)
      if not text then error(result, 0) end
      return nil, { kind = "again", text = text }
    end
  end
  lib.try = try
  return lib
end

return verify
