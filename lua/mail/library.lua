-- library - what rules call: names, files, stores, headers, checks
--
-- A call returns its value, or nil for "there is none"; "could not find out" is
-- raised and ends what runs with its temporary outcome. lookup.try, dns.try and
-- verify.try return nil and { kind = "again" | "none", text = } instead.

local host, use = ...
local words = use "words"
local args = use "library_args"
local lists = use "lists"
local lookups = use "lookups"
local report = use "report"
local conditions = use "conditions"
local modifiers = use "modifiers"
local verify = use "verify"
local statement = use "acl_statement"
local explain = use "explain"
local clock, read = explain.clock, explain.read
local library = {}

-- A table of functions that a rule cannot change; a wrong name says the right one.
local function locked(name, members)
  return setmetatable({}, { __call = function()
    error(string.format("%s is called as %s.%s and the like", name, name, words.first(members)), 2)
  end, __metatable = name, __index = function(_, key)
    local member = members[key]
    if member == nil then
      error(string.format('there is no %s.%s%s', name, tostring(key), words.meant(key, members)), 2)
    end
    return member
  end, __newindex = function() error(name .. " cannot be changed", 2) end })
end
library.locked = locked

-- Where a rule called us: its line, or, when that was a tail call, its statement.
local function rule_line(ev)
  local where = host.where(3)
  return where == "?" and ev.where or where
end

local function text_arg(value, what, level)
  if type(value) ~= "string" then error(string.format("%s must be a text, not a %s", what, type(value)), level + 1) end
  return value
end

-- ---- waits: status, value -> value | nil | raise, and the `try` form

local function settle(call, status, value)
  if status == "ok" then return value end
  if status == "none" then return nil end
  error(host.again(call .. ": " .. tostring(value)))
end

-- What fn gave, or, when it waited too long, that it cannot be found out.
local function told(ok, status, value)
  if ok then
    if status == "ok" then return value end
    return nil, { kind = status, text = value }
  end
  local text = host.again_text(status)
  if text then return nil, { kind = "again", text = text } end
  -- an error in the arguments is the caller's
  if type(status) ~= "string" then error(status, 0) end
  error((status:gsub("^mail/library:%d+: ", "")), 3)
end

-- fn(...) -> status, value. Two faces of it: raising, and telling.
local function both(fn, call)
  return function(...)
    local since = clock()
    local value = settle(call, fn(...))
    if since then read(since, call, (...), value) end
    return value
  end, function(...)
    local since = clock()
    local value, why = told(pcall(fn, ...))
    if since then read(since, call, (...), why and why.text or value) end
    return value, why
  end
end

local function with_try(name, functions, more)
  local plain, try = more or {}, {}
  for key, fn in pairs(functions) do plain[key], try[key] = both(fn, name .. "." .. key) end
  plain.try = locked(name .. ".try", try)
  return locked(name, plain)
end

-- ---- dns

local function asked(type, name)
  return lookups.timed("dns." .. type:lower(), name, function() return host.dns(type, name) end)
end

local function records(type, field)
  return function(name)
    local status, found, why = asked(type, text_arg(name, "the name", 3))
    if status ~= "ok" then return status, why end
    local out = {}
    for i, rr in ipairs(found) do
      if field then out[i] = rr[field] else out[i] = rr end
    end
    return "ok", out
  end
end

local function mx(name)
  local status, found, why = asked("MX", text_arg(name, "the name", 3))
  if status ~= "ok" then return status, why end
  table.sort(found, function(a, b)
    if a.preference ~= b.preference then return a.preference < b.preference end
    return a.target < b.target
  end)
  local out = {}
  for i, rr in ipairs(found) do out[i] = { preference = rr.preference, name = rr.target } end
  return "ok", out
end

local function ptr(ip)
  local packed = host.ip_pack(text_arg(ip, "the address", 3))
  if not packed then error('"' .. ip .. '" is no address', 3) end
  local status, found, why = asked("PTR", host.ip_reverse(packed))
  if status ~= "ok" then return status, why end
  local out = {}
  for i, rr in ipairs(found) do out[i] = rr.target end
  return "ok", out
end

local function iprev(ip)
  ip = text_arg(ip, "the address", 3)
  local status, found, why = lookups.timed("dns.reverse", ip, function() return host.reverse(ip) end)
  if status ~= "ok" then return status, why end
  return "ok", found[1].name
end

library.dns = with_try("dns", {
  a = records("A", "ip"), aaaa = records("AAAA", "ip"), txt = records("TXT", "text"), ns = records("NS", "target"),
  cname = records("CNAME", "target"), srv = records("SRV"), mx = mx, ptr = ptr, reverse = iprev,
})

-- ---- lookup

library.lookup = with_try("lookup", lookups.functions(), { table = locked("lookup.table", lookups.tables()) })

-- ---- store: a number keeps its digits so that incr can count; other types carry a mark

local function encode(value)
  local t = type(value)
  if t == "string" then return "s" .. value end
  if t == "boolean" then return value and "bt" or "bf" end
  if t == "number" then
    if value == math.floor(value) and math.abs(value) < 2 ^ 53 then return string.format("%d", value) end
    return string.format("n%.17g", value)
  end
  error("store keeps strings, numbers and booleans, not a " .. t, 3)
end

local function decode(text)
  if text == nil then return nil end
  local mark = text:sub(1, 1)
  if mark == "s" then return text:sub(2) end
  if mark == "b" then return text == "bt" end
  if mark == "n" then return tonumber(text:sub(2)) end
  return tonumber(text)
end

local function place(name, key)
  text_arg(name, "the name of the store", 3)
  if type(key) == "number" then key = tostring(key) end
  text_arg(key, "the key", 3)
  if #name == 0 or #name > 100 or name:find("%c") then error("the name of a store has 1 to 100 characters", 3) end
  -- LMDB's keys are short; a long one is known by its digest
  if #key > 400 then key = key:sub(1, 300) .. "#" .. host.digest("sha256", key) end
  return "store." .. name, key
end

local function expiry(ttl)
  if ttl == nil then return 0 end
  local seconds = words.seconds(ttl)
  if not seconds then error(string.format('"%s" is no time; write "5m" or "1d"', tostring(ttl)), 3) end
  return host.now() + seconds
end

library.store = locked("store", {
  get = function(name, key) return decode(host.store_get(place(name, key))) end,
  put = function(name, key, value, ttl)
    local n, k = place(name, key)
    if value == nil then return host.store_del(n, k) end
    host.store_put(n, k, encode(value), expiry(ttl))
  end,
  incr = function(name, key, ttl, by)
    local n, k = place(name, key)
    return host.store_incr(n, k, by or 1, expiry(ttl))
  end,
  del = function(name, key) host.store_del(place(name, key)) end,
})

-- ---- paths and secrets

-- ROOT is the site's own text; every part after it is one safe component. The
-- mark /./ shows whoever opens it where the trusted part ends (R7.3).
function library.path(root, ...)
  if type(root) ~= "string" or root:sub(1, 1) ~= "/" or root:find("/%.%.?/") or root:find("/%.%.?$") or root:find("%c") then
    error(string.format('path: the root must be an absolute path without . and .., not "%s"', tostring(root)), 2)
  end
  local n = select("#", ...)
  if n == 0 then error("path needs parts: path(ROOT, part, ...)", 2) end
  local parts = { (root:gsub("/+$", "")) .. "/." }
  for i = 1, n do
    local part = select(i, ...)
    if type(part) == "number" then part = tostring(part) end
    if not words.safe(part) then
      error(string.format('path: "%s" is not one safe component (no /, no . or - first, no control bytes)', tostring(part)), 2)
    end
    parts[#parts + 1] = part
  end
  return table.concat(parts, "/")
end

local SECRET_MAX = 65536

library.secret = locked("secret", {
  -- Read once, at load; a new generation reads it anew.
  file = function(path)
    text_arg(path, "the file", 2)
    if not report.loading() then error("secret.file is read at load: keep it in a local of the file", 2) end
    local text, why = host.secret_file(path, SECRET_MAX)
    if not text then
      report.problem(host.where(2), why)
      return ""
    end
    return (text:gsub("[\r\n]+$", ""))
  end,
})

-- ---- networks, headers

local function packed(text, level)
  local ip = host.ip_pack(text_arg(text, "the address", level + 1))
  return ip
end

library.ip = locked("ip", {
  is = function(text) return type(text) == "string" and host.ip_pack(text) ~= nil end,
  is_v4 = function(text) return type(text) == "string" and not text:find(":", 1, true) and host.ip_pack(text) ~= nil end,
  is_v6 = function(text) return type(text) == "string" and text:find(":", 1, true) ~= nil and host.ip_pack(text) ~= nil end,
  canonical = function(text)
    local ip = packed(text, 2)
    return ip and host.ip_text(ip)
  end,
  -- is the address in the network "10.0.0.0/8"?
  within = function(text, network)
    local ip = packed(text, 2)
    local base, bits = text_arg(network, "the network", 2):match("^(.-)/(%d+)$")
    local net = host.ip_pack(base or network)
    if not net then error('"' .. network .. '" is no network', 2) end
    local width = tonumber(bits) or (net:byte(1) == 4 and 32 or 128)
    if width > (net:byte(1) == 4 and 32 or 128) then error('"' .. network .. '" is too long', 2) end
    return ip ~= nil and host.ip_mask(ip, width) == host.ip_mask(net, width)
  end,
  -- "192.0.2.0" of "192.0.2.77", 24
  mask = function(text, bits)
    local ip = packed(text, 2)
    if type(bits) ~= "number" or bits < 0 or bits > 128 or bits ~= math.floor(bits) then
      error("ip.mask takes a number of bits", 2)
    end
    return ip and host.ip_text(host.ip_mask(ip, bits))
  end,
  reverse = function(text)
    local ip = packed(text, 2)
    return ip and host.ip_reverse(ip)
  end,
  -- "1.2.0.192": what a name in somebody's DNS list begins with
  reverse_labels = function(text)
    local ip = packed(text, 2)
    return ip and (host.ip_reverse(ip):gsub("%.in%-addr%.arpa$", ""):gsub("%.ip6%.arpa$", ""))
  end,
  -- "2001:0db8:0000:..." in full; an IPv4 address as the IPv6 address it is mapped to
  expand = function(text)
    local ip = packed(text, 2)
    if not ip then return nil end
    local bytes = { ip:byte(2, 17) }
    if ip:byte(1) == 4 then bytes = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, bytes[1], bytes[2], bytes[3], bytes[4] } end
    local groups = {}
    for i = 1, 16, 2 do groups[#groups + 1] = string.format("%02x%02x", bytes[i], bytes[i + 1]) end
    return table.concat(groups, ":")
  end,
})

-- ---- files and sockets

local TEXT_KINDS = { ok = true, none = true }

library.file = with_try("file", {
  -- The whole of a file, at most 4 MiB.
  read = function(path)
    local status, text = host.file_read(text_arg(path, "the path", 3))
    return status, text
  end,
  -- { size =, mtime =, mode =, uid =, gid =, kind = "file" }, or nil
  stat = function(path)
    local status, facts = host.file_exists(text_arg(path, "the path", 3))
    return status, facts
  end,
  exists = function(path)
    local status, why = host.file_exists(text_arg(path, "the path", 3))
    if TEXT_KINDS[status] then return "ok", status == "ok" end
    return status, why
  end,
})

local ASK = { to = true, send = true, timeout = true, answer = true, half_close = true }

local function ask_timeout(value)
  if value == nil then return 5 end
  local seconds = words.seconds(value)
  if not seconds or seconds <= 0 or seconds > 600 then error("socket.ask: timeout is a time up to ten minutes", 4) end
  return seconds
end

-- "name:port" as the addresses to be tried; a path or an address stays what it is.
local function ask_places(to)
  local name, port = to:match("^([^%[:/][^:/]*):(%d+)$")
  if not name or host.ip_pack(name) then return "ok", { to } end
  local status, found, why = host.dns("A", name)
  if status ~= "ok" then return "again", "no address of " .. name .. (why and ": " .. why or "") end
  local out = {}
  for i, rr in ipairs(found) do out[i] = rr.ip .. ":" .. port end
  return "ok", out
end

library.socket = with_try("socket", {
  -- socket.ask { to = "host:port" or "/path", send = "...", timeout = "5s", answer = "close" or "line" }
  ask = function(spec)
    if type(spec) ~= "table" then error("socket.ask takes a table: { to =, send =, timeout =, answer =, half_close = }", 3) end
    for key in pairs(spec) do
      if not ASK[key] then error(string.format("socket.ask has no %s%s", tostring(key), words.meant(key, ASK)), 3) end
    end
    if spec.answer ~= nil and spec.answer ~= "close" and spec.answer ~= "line" then
      error('socket.ask: answer is "close" (all until it closes) or "line"', 3)
    end
    local status, places = ask_places(text_arg(spec.to, "socket.ask: to", 3))
    if status ~= "ok" then return status, places end
    local send = text_arg(spec.send or "", "socket.ask: send", 3)
    local why
    for _, peer in ipairs(places) do
      local done, status_or_error, answer = pcall(host.socket_ask, peer, send, ask_timeout(spec.timeout) * 1000,
        spec.answer or "close", spec.half_close == true)
      if done then return status_or_error, answer end
      why = host.again_text(status_or_error)
      if not why then error(status_or_error, 0) end
    end
    return "again", why or "there is no address"
  end,
})

library.header = locked("header", {
  -- Folded: a line is as long as it may be, and a word is never broken.
  wrap = function(text, columns, limit)
    text_arg(text, "the text", 2)
    columns = columns == nil and 80 or args.whole(columns, "the columns", 1, 998)
    limit = limit == nil and 998 or args.whole(limit, "the limit", 1, 65536)
    local lines, line = {}, nil
    for word in text:sub(1, limit):gmatch("%S+") do
      local width = line and #line + 1 + #word + (#lines > 0 and 1 or 0)
      if not line then line = word
      elseif width <= columns then line = line .. " " .. word
      else lines[#lines + 1], line = line, word end
    end
    lines[#lines + 1] = line
    return table.concat(lines, "\n\t")
  end,
  add = function(text, where_to)
    local ev = report.current()
    modifiers.header_add(ev.m, text, where_to, rule_line(ev))
  end,
  remove = function(names)
    local ev = report.current()
    modifiers.header_remove(ev.m, names, rule_line(ev))
  end,
})

-- ---- values: texts, lists, encodings, digests, each in a file of its own

for _, file in ipairs { "library_text", "library_codec", "library_crypto", "library_cert", "library_tls", "library_content" } do
  for name, members in pairs(use(file)) do library[name] = locked(name, members) end
end
-- list.match_domain(subject, list) and its kin: the one list module, asked in code.
local list = use "library_list"
for kind, name in pairs { domain = "match_domain", address = "match_address", ["local"] = "match_local_part", host = "match_host" } do
  list[name] = function(subject, items)
    local ev = report.current()
    text_arg(subject, "what is looked for", 2)
    if items == nil then return false end
    return lists.ask(lists.late(kind, items, rule_line(ev)), kind, subject, ev)
  end
end
library.list = locked("list", list)

-- ---- authresults

function library.authresults(id)
  local ev = report.current()
  if type(id) ~= "string" then error("authresults takes the name of this service, such as m.primary_hostname", 2) end
  local field = host.authresults(ev.m, id)
  if not field then error('authresults: "' .. id .. '" can be no name of a service', 2) end
  return field
end

-- ---- check, control, verify, logwrite

local check = {}
for name, row in pairs(host.acl_words.condition) do
  local function asks(call, no)
    return function(...)
      local since, ev = clock(), report.current()
      ev.text, ev.log = nil, nil
      local yes, answer = conditions.check(name, ev, rule_line(ev), ...)
      if since then read(since, call, (...), yes ~= no) end
      if answer then statement.unwind(answer) end
      return yes ~= no
    end
  end
  if conditions.built(name) then
    check[name], check["not_" .. name] = asks("check." .. name, false), asks("check.not_" .. name, true)
  else
    check[name] = function() error(string.format("check.%s comes with %s", name, row.feature or "a later feature"), 2) end
  end
end
library.check = locked("check", check)

local control = {}
for name, row in pairs(host.acl_words.control) do
  if modifiers.controls[name] then
    control[name] = function(...)
      local ev = report.current()
      local where = rule_line(ev)
      local phase = host.phase(ev.m)
      if row.phases and not row.phases[phase] then
        error(string.format('%s: control "%s" cannot be used in phase %s', where, name, phase), 0)
      end
      local text = name
      for i = 1, select("#", ...) do text = text .. "/" .. tostring((select(i, ...))) end
      modifiers.control_run(ev, text, where)
    end
  else
    control[name] = function() error(string.format("control.%s comes with %s", name, row.feature or "a later feature"), 2) end
  end
end
library.control = locked("control", control)

do
  local lib = verify.library(report.current)
  lib.try = locked("verify.try", lib.try)
  library.verify = locked("verify", lib)
end

function library.logwrite(text)
  local ev = report.current()
  modifiers.log(ev.m, text, rule_line(ev))
end

function library.udpsend(server, port, text)
  local ev = report.current()
  modifiers.udpsend(server, port, text, rule_line(ev))
end

function library.log_reject_target(...)
  local ev = report.current()
  modifiers.compile("log_reject_target", { ... }, rule_line(ev))(ev)
end

function library.sleep(time)
  local seconds = words.seconds(time)
  if not seconds then error(string.format('sleep: "%s" is no time; write 5 or "30s"', tostring(time)), 2) end
  if seconds > 0 then host.sleep(seconds) end
end

-- domainlist.NAME and its kin: assigned at load, asked with :has(x) in code.
function library.named(kind)
  local title = lists.KINDS[kind]
  local function missing(name, level)
    error(string.format("there is no %s.%s%s", title, tostring(name), words.meant(name, lists.named[kind])), level + 1)
  end
  local boxes = {}
  return setmetatable({}, { __metatable = title, __newindex = function(_, name, value)
    if not report.loading() then error(title .. "s are declared at load", 2) end
    if type(name) ~= "string" or not name:find("^[%a_][%w_]*$") then
      error(string.format('"%s" is no name for a list', tostring(name)), 2)
    end
    local where = host.where(2)
    report.attempt(function() lists.name(kind, name, value, where) end, where)
  end, __index = function(_, name)
    if boxes[name] then return boxes[name] end
    local box = setmetatable({}, { __metatable = title, __index = { has = function(_, subject)
      local entry = lists.named[kind][name]
      if not entry then missing(name, 2) end
      if subject == nil then return false end
      local ev = host.current() and report.current() or {}
      return (lists.ask(entry.match, kind, text_arg(subject, "what is looked for", 2), ev))
    end } })
    if not report.loading() and not lists.named[kind][name] then missing(name, 2) end
    boxes[name] = box
    return box
  end })
end

return library
