-- conditions - what a statement asks before it acts
--
-- Each condition is compiled from its table value into  function(ev) -> holds,
-- answer . An answer is given only by a nested ACL that ends everything (drop,
-- discard). The same functions serve check.NAME(...) in rule functions.

local host, use = ...
local words = use "words"
local lists = use "lists"
local verify = use "verify"
local dnslists, ratelimit, seen = use "dnslists", use "ratelimit", use "seen"
local content = use "content"
local spf, signers, dmarc = use "spf", use "signers", use "dmarc"
local conditions = {}

-- The order in which the conditions of one statement are tried (design 4.2).
conditions.ORDER = {
  "hosts", "authenticated", "encrypted", "senders", "sender_domains", "domains", "local_parts", "recipients",
  "dkim_signers", "dkim_status", "spf", "spf_guess", "dmarc_status", "condition", "regex", "mime_regex", "dnslists",
  "acl", "verify", "decode", "malware", "spam", "dcc", "seen", "ratelimit", "atrn_domains",
}

-- ---- conditions that are lists

local function client(m) return m.sender_host_address or "" end
local function sender(m) return (m.sender_address or ""):lower() end
local function sender_domain(m) return (m.sender_address_domain or ""):lower() end
local function domain(m) return m.domain or "" end
local function local_part(m) return (m.local_part or ""):lower() end
local function recipient(m) return ((m.local_part or "") .. "@" .. (m.domain or "")):lower() end
-- As they were written, for lists with +caseful.
local function sender_written(m) return m.sender_address end
local function local_part_written(m)
  local text = host.get(m, "original_local_part") or m.local_part
  if text and text:byte() == 34 then text = text:sub(2, -2):gsub("\\(.)", "%1") end
  return text
end
local function recipient_written(m) return (local_part_written(m) or "") .. "@" .. (m.domain or "") end
local function authenticator(m) return (m.sender_host_authenticated or ""):lower() end
local function cipher(m) return (host.get(m, "tls_in_cipher") or ""):lower() end

-- `subject` is what the list is asked about; its text is kept in the ev for the
-- statements that follow, since reading a variable costs more than a look at a hash.
local LISTS = {
  hosts          = { kind = "host",    subject = client,       data = "host_data" },
  authenticated  = { kind = "local",   subject = authenticator, absent = true },
  encrypted      = { kind = "local",   subject = cipher,       absent = true },
  senders        = { kind = "address", subject = sender,       data = "sender_data", written = sender_written },
  sender_domains = { kind = "domain",  subject = sender_domain, data = "sender_data" },
  domains        = { kind = "domain",  subject = domain,       data = "domain_data" },
  local_parts    = { kind = "local",   subject = local_part,   data = "local_part_data", written = local_part_written },
  recipients     = { kind = "address", subject = recipient,    data = "recipient_data", written = recipient_written },
}
conditions.LISTS = LISTS

-- Is the subject in the list? Keeps what the list said about it, where a
-- variable shows that.
local function ask(row, match, ev)
  local subject = ev[row]
  if not subject then
    subject = row.subject(ev.m)
    ev[row] = subject
  end
  -- not authenticated and not encrypted is "no" whatever the list says
  if row.absent and subject == "" then return false end
  ev.written = row.written
  local hit, data = match(subject, ev)
  if hit and data and row.data then host.fact(ev.m, row.data, data) end
  return hit
end

-- A control may have changed the case of the local part.
function conditions.forget(ev) ev[LISTS.local_parts], ev[LISTS.recipients] = nil, nil end

local function list_condition(name, value, where)
  local row = LISTS[name]
  if type(value) == "function" then
    return function(ev)
      local list = value(ev.m)
      if type(list) == "boolean" then return list end
      if list == nil then return false end
      return ask(row, lists.late(row.kind, list, where), ev)
    end
  end
  local match = lists.compile(row.kind, value, where)
  return function(ev) return ask(row, match, ev) end
end

-- ---- condition = anything that is true or false

local function truth(value, where)
  local yes = words.truth(value)
  if yes == nil then
    error(string.format('%s: the condition gave "%s", which is neither true nor false', where, tostring(value)), 0)
  end
  return yes
end

local function plain_condition(value, where)
  if type(value) == "function" then
    return function(ev) return truth(value(ev.m), where) end
  end
  if type(value) == "table" then
    local parts = {}
    for i, part in ipairs(value) do parts[i] = plain_condition(part, where) end
    return function(ev)
      for i = 1, #parts do if not parts[i](ev) then return false end end
      return true
    end
  end
  local yes = truth(value, where)
  return function() return yes end
end

-- ---- acl = "NAME arg ..."

conditions.nested = nil         -- set by acl.lua: function(name, args, ev) -> verb, answer

local function nested_result(verb, answer, ev)
  if verb == "accept" then return true end
  if answer and answer.message then ev.text = answer.message end
  if answer and answer.log_message then ev.log = answer.log_message end
  if verb == "deny" then return false end
  return false, answer           -- defer, drop, discard end the caller too
end

-- The calls that are written out, for the check that the ACL exists and that its
-- words fit the phases it is called in: { name, where }.
conditions.calls = {}

local function acl_condition(value, where)
  if type(value) == "function" then
    return function(ev)
      local text = value(ev.m)
      if type(text) == "boolean" then return text end
      local args = {}
      for word in tostring(text or ""):gmatch("%S+") do args[#args + 1] = word end
      if #args == 0 then error(where .. ": acl: the function gave no name", 0) end
      local verb, answer = conditions.nested(table.remove(args, 1), args, ev)
      return nested_result(verb, answer, ev)
    end
  end
  if type(value) == "table" then
    local parts = {}
    for i, part in ipairs(value) do parts[i] = acl_condition(part, where) end
    return function(ev)
      for i = 1, #parts do
        local yes, answer = parts[i](ev)
        if not yes then return false, answer end
      end
      return true
    end
  end
  local args = {}
  for word in tostring(value):gmatch("%S+") do args[#args + 1] = word end
  local name = table.remove(args, 1)
  if not name then error(where .. ": acl needs the name of an ACL: acl = \"NAME arg ...\"", 0) end
  if #args > 9 then error(where .. ": acl takes at most nine arguments", 0) end
  conditions.calls[#conditions.calls + 1] = { name = name, where = where }
  return function(ev)
    local verb, answer = conditions.nested(name, args, ev)
    return nested_result(verb, answer, ev)
  end
end

-- ---- verify = one test, or a table of tests that must all hold

local function verify_condition(value, where)
  if type(value) == "function" then
    return function(ev)
      local item = value(ev.m)
      if type(item) == "boolean" then return item end
      return verify.compile(item, where)(ev)
    end
  end
  if type(value) ~= "table" then return verify.compile(value, where) end
  local parts = {}
  for i, item in ipairs(value) do parts[i] = verify.compile(item, where) end
  return function(ev)
    for i = 1, #parts do if not parts[i](ev) then return false end end
    return true
  end
end

local BUILT = {
  condition = plain_condition, acl = acl_condition, verify = verify_condition,
  dnslists = dnslists.compile, ratelimit = ratelimit.compile, seen = seen.compile,
  dkim_status = signers.status, dkim_signers = signers.signer,
  spf = spf.compile, spf_guess = spf.compile_guess, dmarc_status = dmarc.compile,
  regex = content.regex, mime_regex = content.mime_regex, decode = content.decode,
}

-- value -> function(ev). Raises "where: text" for a value that makes no sense, or
-- not in this phase (nil: not known yet).
function conditions.compile(name, value, where, phase)
  if LISTS[name] then return list_condition(name, value, where) end
  return BUILT[name](value, where, phase)
end

function conditions.built(name) return (LISTS[name] or BUILT[name]) and true or false end

-- check.NAME(...): the words after it are one list, or one value.
local recent = setmetatable({}, { __mode = "k" })

function conditions.check(name, ev, where, ...)
  local value = ...
  local n = select("#", ...)
  if name == "acl" and n > 1 then
    local args = { select(2, ...) }
    for i, arg in ipairs(args) do args[i] = tostring(arg) end
    return nested_result(conditions.nested(tostring(value), args, ev))
  end
  if n > 1 then value = { ... } end
  if n == 0 then value = "*" end
  if LISTS[name] and type(value) == "string" then
    return ask(LISTS[name], lists.late(LISTS[name].kind, value, where), ev)
  end
  local fn = type(value) == "table" and n == 1 and recent[value]
  if not fn then
    local calls = #conditions.calls
    fn = conditions.compile(name, value, where)
    for i = #conditions.calls, calls + 1, -1 do conditions.calls[i] = nil end
  end
  return fn(ev)
end

return conditions
