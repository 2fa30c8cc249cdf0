-- support - the rules library without the engine, for specs under plain LuaJIT
--
--   local world = require "spec.lua.support"
--   local w = world.load { ["10.lua"] = [[ acl.rcpt { accept {} } ]] }
--   w:acl("rcpt", { sender_host_address = "192.0.2.1" })
--
-- The host here answers as core/policy does (lua/host/README.md), from tables: a zone, files, a clock. What
-- the rules did (facts, controls, headers, logs) is in w.did.

local M = {}

local PHASES = {
  "connect", "helo", "starttls", "auth", "mailauth", "mail", "rcpt", "predata", "dkim", "mime", "prdr", "data", "etrn", "atrn",
  "expn", "vrfy", "wellknown", "quit", "notquit", "not_smtp_start", "not_smtp_mime", "not_smtp",
}

-- ---- the rows of core/policy/api, read as lua/gen does

local function set(list)
  local s = {}
  for _, name in ipairs(list) do s[name] = true end
  return s
end

local function rows()
  local out = { options = { main = {}, router = {}, transport = {}, authenticator = {} }, acl_words = {}, events = {}, functions = {} }
  local env = setmetatable({
    option = function(row)
      row.drivers = row.drivers and set(row.drivers)
      local other = out.options[row.kind][row.name]
      if other then                     -- several drivers have one of that name
        local by = other.by or {}
        for driver in pairs(other.by and {} or other.drivers) do by[driver] = other end
        for driver in pairs(row.drivers) do by[driver] = row end
        local all = set {}
        for driver in pairs(by) do all[driver] = true end
        row = setmetatable({ by = by, drivers = all }, { __index = other })
      end
      out.options[row.kind][row.name] = row
      for _, name in ipairs(row.also or {}) do out.options[row.kind][name] = row end
    end,
    word = function(row)
      out.acl_words[row.kind] = out.acl_words[row.kind] or {}
      out.acl_words[row.kind][row.name] = row
    end,
    event = function(row) out.events[row.name] = row end,
    fn = function(row) out.functions[row.name] = row end,
    during = set, var = function() end,
  }, { __index = _G })
  for _, name in ipairs { "options_main", "options_tls", "options_router", "options_transport", "acl", "events", "functions", "functions_values", "functions_srs", "lookups", "authentication" } do
    local chunk = assert(loadfile("core/policy/api/" .. name .. ".lua"))
    setfenv(chunk, env)()
  end
  return out
end

-- Names of variables, as the generator reads them; what they are is not asked here.
local function variables()
  local tables = dofile("lua/gen/rows.lua").read {
    "core/policy/api/connection.lua", "core/policy/api/sender.lua", "core/policy/api/recipient.lua", "core/policy/api/message.lua",
    "core/policy/api/delivery.lua", "core/policy/api/sender_auth.lua", "core/policy/api/system.lua", "core/policy/api/acl_vars.lua",
  }
  return tables.var.by, tables.family.by
end

-- ---- networks

local function pack(text)
  local v4 = text:match("^::[fF][fF][fF][fF]:([%d%.]+)$") or text
  local a, b, c, d = v4:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  if a then
    for _, n in ipairs { a, b, c, d } do if #n > 3 or tonumber(n) > 255 then return nil end end
    return string.char(4, a, b, c, d) .. ("\0"):rep(12)
  end
  if not text:find("^[%x:]+$") or not text:find(":") then return nil end
  local head, tail = text:match("^(.-)::(.*)$")
  if tail and tail:find("::", 1, true) then return nil end
  local function groups(s)
    local g = {}
    for x in s:gmatch("[^:]+") do
      if #x > 4 then return nil end
      g[#g + 1] = tonumber(x, 16)
    end
    return g
  end
  local g = groups(head or text)
  local t = head and groups(tail) or {}
  if not g or not t or (not head and #g ~= 8) or #g + #t > 8 then return nil end
  while #g + #t < 8 do g[#g + 1] = 0 end
  for _, x in ipairs(t) do g[#g + 1] = x end
  local bytes = { "\6" }
  for _, x in ipairs(g) do bytes[#bytes + 1] = string.char(math.floor(x / 256), x % 256) end
  return table.concat(bytes)
end

local function mask(ip, bits)
  local out = { ip:sub(1, 1) }
  for i = 2, 17 do
    local keep = math.max(0, math.min(8, bits - (i - 2) * 8))
    local byte = ip:byte(i)
    out[#out + 1] = string.char(byte - byte % 2 ^ (8 - keep))
  end
  return table.concat(out)
end

local function ip_text(ip)
  if ip:byte(1) == 4 then return table.concat({ ip:byte(2, 5) }, ".") end
  local g = {}
  for i = 2, 16, 2 do g[#g + 1] = string.format("%x", ip:byte(i) * 256 + ip:byte(i + 1)) end
  local text = table.concat(g, ":")
  local best
  for n = 8, 2, -1 do
    local zeros = ("0:"):rep(n - 1) .. "0"
    local at = (":" .. text .. ":"):find(":" .. zeros .. ":", 1, true)
    if at then
      best = (text:sub(1, at - 2) .. "::" .. text:sub(at + #zeros + 1)):gsub(":::", "::")
      break
    end
  end
  return best or text
end

-- ---- the world

local World = {}
World.__index = World
local null = newproxy(false)            -- json.null

local Again = { __tostring = function(e) return "again: " .. e.again end }

local function dns_of(w)
  local function look(type, name)
    w.asked[#w.asked + 1] = type .. " " .. name
    local rrs = w.zone[name:lower()]
    if rrs == nil then return "none", nil, name .. " does not exist" end
    if rrs == "TIMEOUT" then return "again", nil, type .. " " .. name .. ": time-out" end
    local found = {}
    for _, rr in ipairs(rrs) do if rr.type == type then found[#found + 1] = rr end end
    if #found == 0 then return "none", nil, "no " .. type .. " for " .. name end
    return "ok", found
  end
  local function addresses(name, want, preference, out)
    local again, any
    for _, type in ipairs(want.ipv4_only and { "A" } or want.ipv4_prefer and { "A", "AAAA" } or { "AAAA", "A" }) do
      local status, found, why = look(type, name)
      if status == "again" then again = why end
      for _, rr in ipairs(found or {}) do
        any = true
        out[#out + 1] = { name = name, ip = rr.ip, port = 0, preference = preference, secure = false }
      end
    end
    return any and "ok" or again and "again" or "none", again
  end
  local function hosts(name, want)
    local out = {}
    if want.mx then
      local status, found, why = look("MX", name)
      if status == "again" then return "again", nil, why end
      if status == "ok" then
        if #found == 1 and found[1].target == "" then return "null_mx" end
        table.sort(found, function(a, b) return a.preference < b.preference end)
        local again
        for _, rr in ipairs(found) do
          local st, text = addresses(rr.target, want, rr.preference, out)
          if st == "again" then again = text end
        end
        if #out > 0 then return "ok", out end
        return again and "again" or "none", nil, again or "no usable MX host"
      end
      if want.mx_required then return "none", nil, "no MX for " .. name end
    end
    local status, again = addresses(name, want, -1, out)
    if status == "ok" then return "ok", out end
    return status, nil, again or "no addresses for " .. name
  end
  return look, hosts
end

local function level_where(level)
  local info = debug.getinfo(level + 1, "Sl")
  if not info or info.currentline < 0 then return "?" end
  return (info.source:gsub("^[@=]", "")) .. ":" .. info.currentline
end

-- The mail object: a table of facts that refuses names nobody gave.
local function mail(w, facts)
  w.serial = (w.serial or 0) + 1
  local box = { facts = facts or {}, phase = "rcpt", serial = w.serial }
  w.boxes = w.boxes or setmetatable({}, { __mode = "k" })
  local m = setmetatable({}, {
    __index = function(_, name) return box.facts[name] end,
    __newindex = function(_, name, value) box.facts[name] = value; w.did.set[#w.did.set + 1] = { name, value } end,
  })
  w.boxes[m] = box
  return m
end

local function host_of(w)
  local look, hosts = dns_of(w)
  local api = w.rows or rows()
  local vars, families = variables()
  local host = {
    phases = PHASES, options = api.options, acl_words = api.acl_words, events = api.events, functions = api.functions, vars = vars, families = families,
    generation = 1, hermetic = true, check_only = false,
  }
  w.rows = api
  host.rules = { string = string, table = table, math = math, pairs = pairs, ipairs = ipairs, type = type, tostring = tostring,
    tonumber = tonumber, select = select, error = error, pcall = pcall, assert = assert, next = next, unpack = unpack,
    setmetatable = setmetatable, getmetatable = getmetatable, os = { time = os.time } }
  local env = setmetatable({}, { __index = host.rules, __newindex = function(_, name, value)
    if w.closed then error("global \"" .. name .. "\" is written after load", 2) end
    rawset(host.rules, name, value)
  end })
  function host.compile(name, bytes)
    local fn, err = loadstring(bytes, "=" .. name)
    if not fn then return nil, err end
    return setfenv(fn, env)
  end
  function host.current() return w.current end
  function host.phase(m) return w.boxes[m].phase end
  function host.again(text) return setmetatable({ again = text }, Again) end
  function host.again_text(err) return type(err) == "table" and getmetatable(err) == Again and err.again or nil end
  function host.where(level)
    local where = level_where(level + 1)      -- no tail call: levels are counted
    return where
  end
  function host.fn_where(f)
    local info = debug.getinfo(f, "S")
    return (info.source:gsub("^[@=]", "")) .. ":" .. info.linedefined
  end
  function host.view(m, phase, address)
    local facts = {}
    for k, v in pairs(w.boxes[m].facts) do facts[k] = v end
    local l, d = address:match("^(.*)@([^@]*)$")
    facts.local_part, facts.domain = (l or address):lower(), (d or ""):lower()
    for name in pairs(facts) do if name:find("^r_") then facts[name] = nil end end
    local v = mail(w, facts)
    w.boxes[v].phase = phase
    return v
  end
  function host.fact(m, name, value)
    w.boxes[m].facts[name] = value
    w.did.facts[name] = value
  end
  function host.get(m, name) return w.boxes[m].facts[name] end
  function host.now() return w.now end
  function host.random(n) return n end
  function host.sleep(seconds) w.did.slept = (w.did.slept or 0) + seconds; w.now = w.now + seconds end
  function host.locked(t) return t end

  -- lib_*.c
  function host.hostname() return "host.example" end
  host.ip_pack, host.ip_mask, host.ip_text = pack, mask, ip_text
  function host.ip_reverse(ip)
    local out = {}
    if ip:byte(1) == 4 then
      for i = 5, 2, -1 do out[#out + 1] = ip:byte(i) end
      return table.concat(out, ".") .. ".in-addr.arpa"
    end
    for i = 17, 2, -1 do out[#out + 1] = string.format("%x.%x", ip:byte(i) % 16, math.floor(ip:byte(i) / 16)) end
    return table.concat(out, ".") .. ".ip6.arpa"
  end
  function host.is_local(ip) return ip:find("^127%.") ~= nil or ip == "::1" or w.local_ips[ip] or false end
  host.dns, host.hosts = look, hosts
  function host.reverse(ip)
    local name = w.names[ip]
    if name == nil then return "none", nil, "no name for " .. ip end
    if name == "TIMEOUT" then return "again", nil, "PTR " .. ip .. ": time-out" end
    if type(name) == "string" then name = { name } end
    local found = {}
    for i, one in ipairs(name) do found[i] = { name = one } end
    return "ok", found
  end
  local function file(path)
    local text = w.files[path]
    if text == "EIO" then return "again", path .. ": input/output error" end
    if text == nil then return "none" end
    return "ok", text, { mode = 420, uid = 0, owner = "root" }
  end
  -- Every kind of keyed file is read as lsearch; scripted answers are w.answers["kind path key"].
  function host.look(kind, path, keys)
    w.asked[#w.asked + 1] = kind .. " " .. path .. " " .. table.concat(keys, " ")
    local status, text = file(path)
    if status == "none" then return "again", "open " .. path .. ": no such file" end
    if status ~= "ok" then return status, text end
    if kind == "list" then return "ok", (keys[1] == text and text or text:gsub("%s", "_") .. "\n" .. text) end
    for which, key in ipairs(keys) do
      for line in (text .. "\n"):gmatch("(.-)\n") do
        local k, v = line:match("^([^:%s#]+)%s*:?%s*(.-)$")
        if k and k:lower() == key:lower() then return "ok", v, which end
      end
    end
    return "none"
  end
  function host.list_file(path)
    local status, text = file(path)
    if status ~= "ok" then return nil, path .. ": no such file" end
    return text:gsub("%s", "_") .. "\n" .. text
  end
  function host.scripted(kind, path, key)
    local answer = (w.answers or {})[kind .. " " .. path .. " " .. key]
    if answer == "again" then return "again", "scripted" end
    if answer == false then return "none" end
    if answer ~= nil then return "ok", answer end
  end
  function host.txn_serial(m) return w.boxes[m].serial end
  host.file_read = file
  function host.file_exists(path) return w.files[path] and "ok" or "none" end
  function host.passwd(name)
    local user = w.users[name]
    if user then return "ok", user end
    return "none"
  end
  host.group = host.passwd
  function host.file_readable() return true end
  function host.key_usable() return true end
  function host.check_option() end
  function host.log_selected() return true end
  function host.secret_file(path)
    if w.files[path] then return w.files[path] end
    return nil, path .. ": no such file"
  end
  function host.store_get(name, key) return w.store[name .. "\0" .. key] end
  function host.store_put(name, key, value) w.store[name .. "\0" .. key] = value end
  function host.store_del(name, key) w.store[name .. "\0" .. key] = nil end
  function host.store_incr(name, key, by)
    local k = name .. "\0" .. key
    w.store[k] = string.format("%d", (tonumber(w.store[k]) or 0) + by)
    return tonumber(w.store[k])
  end
  function host.address_parse(text)
    local l, d = text:match("^([^@%s<>,]+)@([%w%.%-_%[%]:]+)$")
    if not l then return nil, "no address" end
    return l, d
  end
  function host.header_add(m, text, place)
    if not text:find("^[%w%-]+:") then return nil, "no header name in \"" .. text .. "\"" end
    w.did.headers[#w.did.headers + 1] = "+" .. place .. " " .. text
    return true
  end
  function host.header_remove(m, name) w.did.headers[#w.did.headers + 1] = "-" .. name return true end
  function host.header_syntax(m)
    local bad = w.boxes[m].facts.bad_header
    return not bad, bad
  end
  function host.cutthrough() end
  function host.control(m, field, value) w.did.control[field] = value end
  function host.acl_args(m, args)
    local facts = w.boxes[m].facts
    for i = 1, 9 do facts["acl_arg" .. i] = args[i] end
    facts.acl_narg = #args
  end
  function host.logwrite(m, log, text) w.did.log[#w.did.log + 1] = log .. ": " .. text end
  function host.digest(name, text) return name .. ":" .. text end
  function host.hmac(name, key, text) return name .. ":" .. key .. ":" .. text end
  function host.same(a, b) return a == b end
  -- a flat record, enough for what the library encodes itself
  function host.json_encode(record)
    local names, out = {}, {}
    for name in pairs(record) do names[#names + 1] = name end
    table.sort(names)
    for i, name in ipairs(names) do out[i] = ("%q:%s"):format(name, type(record[name]) == "string" and ("%q"):format(record[name]) or tostring(record[name])) end
    return "{" .. table.concat(out, ",") .. "}"
  end
  function host.json_null() return null end
  function host.sasl_knows(name) return name == "CRAM-MD5" or name:find("^SCRAM%-SHA%-") ~= nil end
  function host.bits_and(a, b)
    local out, bit = 0, 1
    while a > 0 and b > 0 do
      if a % 2 == 1 and b % 2 == 1 then out = out + bit end
      a, b, bit = math.floor(a / 2), math.floor(b / 2), bit * 2
    end
    return out
  end
  -- Lua patterns stand for PCRE here; specs use what both read alike
  function host.regex(pattern, flags)
    if pattern:find("%(%?<") or select(2, pattern:gsub("%(", "")) ~= select(2, pattern:gsub("%)", "")) then return nil, "missing )" end
    return { pattern = flags == "i" and pattern:lower() or pattern, fold = flags == "i" }
  end
  function host.regex_match(re, subject)
    if re.fold then subject = subject:lower() end
    local found = { subject:match(re.pattern) }
    if #found == 0 then return nil end
    found[0] = subject:match("(" .. re.pattern:gsub("[()]", "") .. ")")
    return found
  end
  return host
end

local function fresh() return { facts = {}, set = {}, control = {}, headers = {}, log = {} } end

local function loader(host)
  local loaded = {}
  local function use(name)
    if loaded[name] == nil then
      loaded[name] = assert(loadfile("lua/mail/" .. name .. ".lua"))(host, use)
    end
    return loaded[name]
  end
  return use
end

-- files: name -> text, loaded in byte order of names; or one text. config: zone, names, files, local_ips, users.
function M.load(files, config)
  if type(files) == "string" then files = { ["10.lua"] = files } end
  local w = setmetatable({ zone = {}, names = {}, files = {}, local_ips = {}, users = {}, store = {}, now = 1000000, asked = {}, did = fresh() }, World)
  for k, v in pairs(config or {}) do w[k] = v end
  local host = host_of(w)
  w.host, w.use = host, loader(host)
  w.entry = assert(loadfile("lua/mail/init.lua"))(host, w.use)
  local list = {}
  for name, bytes in pairs(files) do list[#list + 1] = { name = name, bytes = bytes } end
  table.sort(list, function(a, b) return a.name < b.name end)
  w.problems = w.entry.declare(list)
  w.closed = true
  for _, p in ipairs(w.entry.check()) do w.problems[#w.problems + 1] = p end
  return w
end

-- Loaded without a problem, or an error that says which.
function M.rules(files, config)
  local w = M.load(files, config)
  for _, p in ipairs(w.problems) do
    if not p.warning then error("the rules do not load: " .. w:said(), 2) end
  end
  return w
end

-- All problems as lines.
function World:said()
  local lines = {}
  for _, p in ipairs(self.problems) do lines[#lines + 1] = string.format("%s:%d: %s%s", p.file, p.line, p.warning and "warning: " or "", p.text) end
  return table.concat(lines, "\n")
end

-- Runs fn(m) as an evaluation. "again" is an answer here, an error is raised on.
function World:ask(phase, facts, fn)
  self.did = fresh()
  if facts and facts.qualify_recipient == nil then facts.qualify_recipient = "host.example" end
  local m = mail(self, facts)
  self.boxes[m].phase = phase
  local before = self.current
  self.current = m
  local results = { pcall(fn, m) }
  self.current = before
  if results[1] then return unpack(results, 2, table.maxn(results)) end
  local text = self.host.again_text(results[2])
  if text then return "again", text end
  error(results[2], 0)
end

function World:acl(phase, facts)
  return self:ask(phase, facts or {}, function(m) return self.entry.acl(phase, m) end)
end

function World:route(address, facts, lines)
  facts = facts or {}
  return self:ask("route", facts or {}, function(m) return self.entry.route(m, address, lines) end)
end

-- One line an item: "to transport=t router=r a@b [host:port ...]".
function World:routed(address, facts)
  local items, text = self:route(address, facts)
  if items == "again" then return "again " .. text end
  local out = {}
  for i, it in ipairs(items) do
    local hosts = {}
    for _, h in ipairs(it.hosts) do hosts[#hosts + 1] = h.ip .. (h.port ~= 0 and ":" .. h.port or "") end
    out[i] = it.kind .. " " .. it.address .. (it.router and " R=" .. it.router or "") .. (it.transport and " T=" .. it.transport or "")
      .. (#hosts > 0 and " " .. table.concat(hosts, ",") or "") .. (it.text and it.text ~= "" and " (" .. it.text .. ")" or "")
  end
  return table.concat(out, "\n")
end

M.pack, M.mask, M.ip_text = pack, mask, ip_text
return M
