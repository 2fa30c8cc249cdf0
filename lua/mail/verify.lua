-- verify - is it really so?
--
-- Addresses are verified by routing them; a name by asking the DNS. "Could not
-- find out" is raised, never answered with yes or no, unless defer_ok says so.

local host, use = ...
local words = use "words"
local verify = {}

verify.route = nil              -- set by route.lua: function(ev, address, mode, options) -> ok, text, data

local OPTIONS = { defer_ok = true, no_details = true, success_on_redirect = true }

-- "recipient/defer_ok/no_details" -> what, argument, options
local function split(item, where)
  if type(item) ~= "string" then
    error(where .. ": verify takes a text such as \"recipient\", or a table of them", 0)
  end
  local parts = {}
  for part in item:gmatch("[^/]+") do parts[#parts + 1] = part:match("^%s*(.-)%s*$") end
  local what, argument = (parts[1] or ""):match("^([%w_]+)%s*=?%s*(.*)$")
  local options = {}
  for i = 2, #parts do
    local name = parts[i]:match("^[%w_]+") or parts[i]
    if name:find("^callout") or name == "check_postmaster" then
      error(where .. ": verify: callouts come with the callout feature", 0)
    elseif name == "quota" then
      error(where .. ": verify: quota comes with Maildir quotas", 0)
    elseif not OPTIONS[name] then
      error(string.format('%s: verify knows no option "%s"%s', where, name, words.meant(name, OPTIONS)), 0)
    end
    options[name] = true
  end
  return what, argument, options
end

-- What a failed verification leaves behind: the text a refusal shows if the rule
-- gives none, and the variables about it.
local function refused(ev, fact, text, options)
  host.fact(ev.m, "acl_verify_message", text)
  if fact then host.fact(ev.m, fact, "route") end
  ev.log = text
  if not options.no_details then ev.text = text end
  return false
end

local function address_test(ev, address, mode, fact, data_fact, options)
  local ok, text, data = verify.route(ev, address, mode, options)
  if ok then
    if data and data_fact then host.fact(ev.m, data_fact, data) end
    return true
  end
  if ok == nil then
    if options.defer_ok then return true end
    error(host.again(text))
  end
  return refused(ev, fact, text, options)
end

local tests = {}

function tests.recipient(ev, argument, options)
  local m = ev.m
  local address = argument ~= "" and argument or (m.local_part .. "@" .. m.domain)
  return address_test(ev, address, "recipient", "recipient_verify_failure", "address_data", options)
end

function tests.sender(ev, argument, options)
  local m = ev.m
  local address = argument ~= "" and argument or m.sender_address
  if address == nil then return refused(ev, nil, "there is no sender yet", options) end
  if address == "" then return true end         -- bounces have no sender to verify
  return address_test(ev, address, "sender", "sender_verify_failure", "sender_address_data", options)
end

function tests.header_syntax(ev, _, options)
  local ok, text = host.header_syntax(ev.m)
  return ok or refused(ev, nil, text, options)
end

function tests.reverse_host_lookup(ev, _, options)
  local m = ev.m
  if m.sender_host_address == nil or m.sender_host_name then return true end
  local text = "host lookup failed for reverse DNS check"
  if m.host_lookup_deferred then
    if options.defer_ok then return true end
    error(host.again("host lookup deferred for reverse lookup check of " .. m.sender_host_address))
  end
  return refused(ev, nil, text, options)
end

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
    return nil, why
  end
  return (m.sender_host_name or ""):lower() == name:lower(), "the HELO name does not lead to the client's address"
end

function tests.helo(ev, _, options)
  local m = ev.m
  if m.sender_host_address == nil then return true end
  if m.sender_helo_verified then return true end
  local ok, text = helo_is_client(m)
  if ok then
    host.fact(m, "sender_helo_verified", true)
    return true
  end
  if ok == nil then
    if options.defer_ok then return true end
    error(host.again("HELO name could not be verified: " .. tostring(text)))
  end
  return refused(ev, nil, text, options)
end

local UNBUILT = {
  certificate = "TLS", csa = "the policy surface", header_names_ascii = "the policy surface",
  header_sender = "the policy surface", not_blind = "the policy surface", arc = "sender authentication",
}
-- Where each test may be asked: reference/acl.tsv, kind verify.
verify.tests = tests

function verify.compile(item, where)
  local what, argument, options = split(item, where)
  if UNBUILT[what] then error(string.format('%s: verify = "%s" comes with %s', where, what, UNBUILT[what]), 0) end
  local test = what and tests[what]
  if not test then
    error(string.format('%s: verify knows no "%s"%s', where, tostring(what or item), words.meant(what or item, tests)), 0)
  end
  return function(ev) return test(ev, argument, options) end
end

-- verify.NAME(...) and verify.try.NAME(...) for rule functions.
function verify.library(current)
  local function call(name, ...)
    local ev = current()
    if name == "recipient" or name == "sender" then
      local address, options = ...
      return tests[name](ev, address or "", options or {})
    end
    return tests[name](ev, "", ... or {})
  end
  local lib, try = {}, {}
  for name in pairs(tests) do
    lib[name] = function(...) return call(name, ...) end
    try[name] = function(...)
      local ok, result = pcall(call, name, ...)
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
