-- lookups - lookup.NAME(...), and the same lookups as items of lists
--
-- One shape for a keyed file, lookup.NAME(FILE, KEY [, options]), and one for a
-- query, lookup.NAME([FILE,] QUERY [, { params }] [, options]). Here each gives
-- status, value: "ok" and the value, "none", or "again" and why; library.lua makes
-- of it what rules see. What was answered is remembered for the message, so that it
-- gets one answer to one question (as Exim's).

local host, use = ...
local words = use "words"
local dnsdb = use "lookups_dnsdb"
local lookups = {}

-- file: what its first argument names; net: keys are addresses; path = "dir".
local KINDS = {
  lsearch = { file = true, options = {} }, wildlsearch = { file = true, options = {} },
  nwildlsearch = { file = true, options = {} }, iplsearch = { file = true, net = true, options = {} },
  cidr = { file = true, net = true, options = {} }, cdb = { file = true, options = {} },
  lmdb = { file = true, options = {} }, json = { file = true, options = {} },
  dsearch = { file = true, dir = true, options = { filter = true } },
  sqlite = { file = true, query = true, options = { write = true, busy = true } },
  dnsdb = { query = true, options = { separator = true, field_separator = true, dnssec = true, defer = true } },
  passwd = { options = {} },
  spf = { file = true, options = {} },          -- its "file" is the client's address
}
local EVERY_FILE = { partial = true, affix = true, default = true, ret = true, timeout = true }
local EVERY_QUERY = { ret = true, timeout = true }

-- Known, and not there: with a feature to come, or never.
local LATER = { redis = "the lookups of servers", pgsql = "the lookups of servers", mysql = "the lookups of servers",
                ldap = "the lookups of servers", http = "the lookups of servers" }
local NEVER = {
  dbm = "the file has no one format, and its library trusts it; make a cdb of the same text (cdb -c, tinycdb) and use lookup.cdb",
  dbmnz = "the file has no one format, and its library trusts it; make a cdb of the same text (cdb -c, tinycdb) and use lookup.cdb",
  dbmjz = "the file has no one format, and its library trusts it; make a cdb of the same text (cdb -c, tinycdb) and use lookup.cdb",
  nis = "NIS is gone from today's systems", nisplus = "NIS+ is gone from today's systems",
  oracle = "its library is not free", ibase = "InterBase is gone from today's systems", whoson = "the Whoson protocol is gone",
  testdb = "it is for Exim's own tests",
}
local OTHER_NAMES = { ldapdn = "ldap", ldapm = "ldap", nis0 = "nis" }

lookups.KINDS, lookups.LATER, lookups.NEVER = KINDS, LATER, NEVER

local function no_such(name)
  name = OTHER_NAMES[name] or name
  if LATER[name] then return string.format("lookup.%s comes with %s", name, LATER[name]) end
  if NEVER[name] then return string.format("there is no lookup.%s: %s", name, NEVER[name]) end
end

-- ---- what a message has been told already

local KEPT_MESSAGES, KEPT_ANSWERS, KEPT_BYTES = 256, 64, 8192
local now, before, count = {}, {}, 0

local function memory()
  local m = host.current()
  if not m then return nil end
  local serial = host.txn_serial(m)
  local told = now[serial]
  if not told then
    told = before[serial] or { n = 0, answers = {} }
    if count >= KEPT_MESSAGES then before, now, count = now, {}, 0 end
    now[serial], count = told, count + 1
  end
  return told
end

local function remember(told, id, status, value)
  if status == "again" or type(value) == "table" or (value and #value > KEPT_BYTES) then return end
  if told.n >= KEPT_ANSWERS then told.n, told.answers = 0, {} end
  told.n = told.n + 1
  told.answers[id] = { status, value }
end

local function forget(told) told.n, told.answers = 0, {} end

-- The answer of fn(), or the one that this message had before.
local function once(id, fn)
  local told = memory()
  local known = told and told.answers[id]
  if known then return known[1], known[2] end
  local status, value = fn()
  if told then remember(told, id, status, value) end
  return status, value
end
lookups.once, lookups.memory = once, memory

-- ---- slow ones

-- fn(...), and a line in the log if it took longer than slow_lookup_log.
local function timed(kind, key, fn)
  local most = use("site").value("slow_lookup_log") or 0
  if most <= 0 then return fn() end
  local from = host.now_us()
  local ok, status, value, more = pcall(fn)
  local took, m = math.floor((host.now_us() - from) / 1000), host.current()
  if took > most and m then host.logwrite(m, "main", string.format("Long %s lookup for '%s': %d msec", kind, key, took)) end
  if not ok then error(status, 0) end
  return status, value, more
end
lookups.timed = timed

-- ---- keys

-- The keys of one question, best first: the key, its partial forms, the defaults
-- (Exim's search_find).
local function keys_of(key, o)
  local keys, seen = {}, {}
  local function try(k)
    if not seen[k] then
      seen[k] = true
      keys[#keys + 1] = k
    end
  end
  try(key)
  if o.partial then
    local affix = o.affix or "*."
    try(affix .. key)
    local rest, dots = key, select(2, key:gsub("%.", ""))
    while dots >= o.partial do
      dots = dots - 1
      local dot = rest:find(".", 1, true)
      if not dot then
        if affix ~= "" then try(#affix > 1 and affix:sub(-1) == "." and affix:sub(1, -2) or affix) end
        break
      end
      rest = rest:sub(dot + 1)
      try(affix .. rest)
    end
  end
  if o.default == "*@" then
    local at = key:match("^.+(@[^@]*)$")
    if at then try("*" .. at) end
  end
  if o.default then try("*") end
  return keys
end
lookups.keys = keys_of

-- ---- one question

-- In a hermetic world a spec may have written the answer.
local function scripted(kind, file, key)
  if not host.hermetic then return nil end
  return host.scripted(kind, file or "", key or "")
end

local function passwd(name)
  local status, user = host.passwd(name)
  if status ~= "ok" then return status, user end
  user.name = name
  return "ok", user
end

local function passwd_line(user)
  return string.format("*:%d:%d:%s:%s:%s", user.uid, user.gid, user.gecos or "", user.home or "", user.shell or "")
end

local function look_file(kind, file, key, o)
  local status, value = scripted(kind, file, key)
  if not status then
    status, value = host.look(kind, file, keys_of(key, o), {
      full = o.ret == "full", files = o.filter == "file", dirs = o.filter == "dir" or o.filter == "subdir", timeout = o.timeout })
  end
  if status == "ok" and o.ret == "key" then value = key end
  return status, value
end

-- A file that holds the key: "ok" and its value, "none", or "again" and why.
function lookups.file(kind, file, key, o)
  local id = table.concat({ kind, file, key, tostring(o.partial), tostring(o.affix), tostring(o.default), tostring(o.ret),
                            tostring(o.filter) }, "\0")
  return once(id, function() return timed(kind, key, function() return look_file(kind, file, key, o) end) end)
end

local function marked(params)
  local out = {}
  for i = 1, params.n or #params do
    local p = params[i]
    if p == nil then out[i] = false
    elseif type(p) == "number" then out[i] = string.format("n%.17g", p)
    elseif type(p) == "boolean" then out[i] = p and "n1" or "n0"
    else out[i] = "s" .. p end
  end
  return out
end

function lookups.sqlite(file, query, params, o)
  local keys = marked(params)
  local function ask()
    local status, value = scripted("sqlite", file, type(params[1]) == "string" and params[1] or query)
    if status then return status, value end
    return timed("sqlite", query, function()
      return host.look("sqlite", file, keys, { query = query, rows = o.ret == "rows", write = o.write, every = o.every,
                                               busy = o.busy or use("site").value("sqlite_lock_timeout"), timeout = o.timeout })
    end)
  end
  if not o.write then
    local id = { "sqlite", file, query, tostring(o.ret) }
    for _, key in ipairs(keys) do id[#id + 1] = tostring(key) end
    return once(table.concat(id, "\0"), ask)
  end
  local told = memory()
  if told then forget(told) end         -- what was written is seen
  return ask()
end

function lookups.dnsdb(query, params, o)
  local status, value = scripted("dnsdb", "", params[1] or query)
  if status then return status, value end
  local id = { "dnsdb", query, tostring(o.separator), tostring(o.field_separator), tostring(o.dnssec), tostring(o.defer) }
  for _, key in ipairs(marked(params)) do id[#id + 1] = tostring(key) end
  id = table.concat(id, "\0")
  local m, told = host.current(), memory()
  local function signed() return m and host.get(m, "lookup_dnssec_authenticated") end
  -- what m.lookup_dnssec_authenticated says now was another question's: this one is asked anew
  if told and told.answers[id] and told.answers[id].signed ~= signed() then told.answers[id] = nil end
  status, value = once(id, function()
    return timed("dnsdb", query, function() return dnsdb.ask(query, params, o) end)
  end)
  if told and told.answers[id] then told.answers[id].signed = signed() end
  return status, value
end

function lookups.passwd(name, o)
  local status, user = scripted("passwd", "", name)
  if not status then
    if name == "" or name:find("[%z/:]") then return "none" end
    status, user = passwd(name)
    if status == "ok" and o.ret == "text" then user = passwd_line(user) end
  end
  if status == "ok" and o.ret == "key" then user = name end
  return status, user
end

local function no_host(ip) return string.format("lookup.spf: invalid IP address '%s'", ip) end

function lookups.spf(ip, address)
  local status, value = scripted("spf", ip, address)
  if status then return status, value end
  return once(table.concat({ "spf", ip, address }, "\0"), function()
    local m = host.current()
    local result = host.spf_lookup(ip, address, m and host.get(m, "primary_hostname") or "", use("site").value("spf_engine"))
    return "ok", result
  end)
end

-- ---- arguments of rules

local function text(value, what, call, level)
  if type(value) == "number" then value = tostring(value) end
  if type(value) ~= "string" then error(string.format("%s: %s must be a text, not a %s", call, what, type(value)), level + 1) end
  return value
end

local RETURNS = { lsearch = { key = true }, dsearch = { key = true, full = true, name = true }, sqlite = { text = true, rows = true },
                  dnsdb = { text = true }, passwd = { key = true, text = true } }

local function choice(call, name, value, choices, level)
  if value ~= nil and not choices[value] then
    error(string.format('%s: %s = "%s" is none of %s', call, name, tostring(value), words.join(choices)), level + 1)
  end
end

-- The options of a call, checked; partial = true is Exim's partial-, two components.
local function options_of(name, o, level)
  local call, kind = "lookup." .. name, KINDS[name]
  if o == nil then return {} end
  if type(o) ~= "table" then error(string.format("%s: options are a table, not a %s", call, type(o)), level + 1) end
  local every, out = kind.query and EVERY_QUERY or EVERY_FILE, {}
  for key, value in pairs(o) do
    if not every[key] and not kind.options[key] then
      local known = {}
      for k in pairs(every) do known[k] = true end
      for k in pairs(kind.options) do known[k] = true end
      error(string.format("%s has no option %s%s", call, tostring(key), words.meant(tostring(key), known)), level + 1)
    end
    out[key] = value
  end
  if out.partial == true then out.partial = 2 end
  if out.partial == false then out.partial = nil end
  if out.partial ~= nil and not (type(out.partial) == "number" and out.partial >= 0 and out.partial <= 127) then
    error(call .. ": partial is true, or how many components must remain", level + 1)
  end
  if out.affix ~= nil then text(out.affix, "affix", call, level + 1) end
  choice(call, "default", out.default, { ["*"] = true, ["*@"] = true }, level + 1)
  choice(call, "ret", out.ret, RETURNS[name] or RETURNS.lsearch, level + 1)
  choice(call, "filter", out.filter, { file = true, dir = true, subdir = true }, level + 1)
  choice(call, "dnssec", out.dnssec, dnsdb.MODES, level + 1)
  choice(call, "defer", out.defer, dnsdb.MODES, level + 1)
  for _, time in ipairs { "timeout", "busy" } do
    if out[time] ~= nil then
      out[time] = words.seconds(out[time])
      if not out[time] or out[time] > 600 then
        error(string.format('%s: %s is a time of at most 10 minutes, such as "5s"', call, time), level + 1)
      end
    end
  end
  return out
end

local function params_of(name, params, level)
  if params == nil then return {} end
  if type(params) ~= "table" then
    error(string.format("lookup.%s: parameters are a table { ... }, not a %s", name, type(params)), level + 1)
  end
  local n = params.n or table.maxn(params)
  local out = { n = n }
  for i = 1, n do
    local t = type(params[i])
    if t ~= "nil" and t ~= "string" and t ~= "number" and t ~= "boolean" then
      error(string.format("lookup.%s: parameter %d is a %s; texts, numbers, booleans and nil can be bound", name, i, t), level + 1)
    end
    out[i] = params[i]
  end
  return out
end

-- ---- what rules call: name -> function(...) -> status, value

function lookups.functions()
  local functions = {}
  for name, kind in pairs(KINDS) do
    local call = "lookup." .. name
    if name == "sqlite" then
      function functions.sqlite(file, query, params, o)
        file = text(file or use("site").value("sqlite_dbfile"), "the file", call, 3)
        return lookups.sqlite(file, text(query, "the query", call, 3), params_of(name, params, 3),
          options_of(name, o, 3))
      end
    elseif name == "dnsdb" then
      function functions.dnsdb(query, params, o)
        return lookups.dnsdb(text(query, "the query", call, 3), params_of(name, params, 3), options_of(name, o, 3))
      end
    elseif name == "spf" then
      function functions.spf(ip, address, o)
        ip, address = text(ip, "the IP address", call, 3), text(address, "the address", call, 3)
        -- Written either way round: only one of the two can be an address of a host.
        if not host.ip_pack(ip) and host.ip_pack(address) then ip, address = address, ip end
        if not host.ip_pack(ip) then error(no_host(ip), 3) end
        options_of(name, o, 3)
        return lookups.spf(ip, address)
      end
    elseif name == "passwd" then
      function functions.passwd(user, o) return lookups.passwd(text(user, "the name", call, 3), options_of(name, o, 3)) end
    else
      functions[name] = function(file, key, o)
        file = text(file, kind.dir and "the directory" or "the file", call, 3)
        return lookups.file(name, file, text(key, "the key", call, 3), options_of(name, o, 3))
      end
    end
  end
  for _, names in ipairs { LATER, NEVER } do
    for name in pairs(names) do
      functions[name] = function() error(no_such(name), 3) end
    end
  end
  return functions
end

-- ---- items of lists

-- A lookup that is not asked yet, to stand in a list: lookup.table.NAME(FILE [, options]).
local Table = {}
local tables = setmetatable({}, { __mode = "k" })

function lookups.is_table(value) return tables[value] end

-- { kind, file, query, options } -> function(subject) -> status, value
local function asker(spec)
  local o = spec.options
  if spec.kind == "sqlite" then
    o.every = true
    return function(subject) return lookups.sqlite(spec.file, spec.query, { subject, n = 1 }, o) end
  elseif spec.kind == "dnsdb" then
    return function(subject) return lookups.dnsdb(spec.query, { subject, n = 1 }, o) end
  elseif spec.kind == "passwd" then
    o.ret = o.ret or "text"
    return function(subject) return lookups.passwd(subject, o) end
  elseif spec.kind == "spf" then
    return function(subject)            -- of a list: is the host one that may?
      local status, value = lookups.spf(spec.file, subject)
      if status == "ok" and value ~= "pass" then return "none" end
      return status, value
    end
  end
  return function(subject) return lookups.file(spec.kind, spec.file, subject, o) end
end
lookups.asker = asker

function Table.get(t, key)
  local spec = tables[t]
  if not spec then error("get is called as table:get(KEY)", 2) end
  local status, value = asker(spec)(text(key, "the key", "lookup.table." .. spec.kind, 2))
  if status == "again" then error(host.again("lookup." .. spec.kind .. ": " .. tostring(value))) end
  if status == "ok" then return value end
  return nil
end

function lookups.tables()
  local functions = {}
  for name, kind in pairs(KINDS) do
    functions[name] = function(...)
      local call, spec = "lookup.table." .. name, { kind = name }
      local args, at = { ... }, 1
      if kind.file then
        spec.file, at = text(args[1], kind.dir and "the directory" or "the file", call, 2), 2
      end
      if kind.query then
        spec.query, at = text(args[at], "the query", call, 2), at + 1
      end
      spec.options = options_of(name, args[at], 2)
      if spec.options.write then error(call .. ": a list does not write", 2) end
      if name == "spf" and not host.ip_pack(spec.file) then error(no_host(spec.file), 2) end
      spec.where = host.where(2)
      local t = setmetatable({}, { __metatable = call, __index = Table,
                                   __newindex = function() error(call .. " cannot be changed", 2) end })
      tables[t] = spec
      return t
    end
  end
  for _, names in ipairs { LATER, NEVER } do
    for name in pairs(names) do
      functions[name] = function() error(no_such(name), 2) end
    end
  end
  return functions
end

-- "partial3-", "partial(.)": how many components must remain, and the affix.
local function take_partial(item)
  local n, rest = item:match("^partial(%d*)%-(.*)$")
  if rest then return tonumber(n ~= "" and n or 2), nil, rest end
  local count_, affix, tail = item:match("^partial(%d*)(%b())%-?(.*)$")
  if tail then return tonumber(count_ ~= "" and count_ or 2), affix:sub(2, -2), tail end
  return nil, nil, item
end

local function item_options(spec, given, where, fail)
  local o = {}
  for option in given:gmatch("[^,]+") do
    local key, value = option:match("^%s*([%w_]+)=(.-)%s*$")
    if not key then key, value = option:match("^%s*([%w_]+)%s*$"), true end
    if key == "file" and spec.kind == "sqlite" then spec.file = value
    elseif key then o[key] = value
    else fail(where, string.format('the lookup options "%s" are written as name=value', given)) end
  end
  local ok, checked = pcall(options_of, spec.kind, o, 1)
  if not ok then fail(where, (tostring(checked):gsub("^[^:]+:%d+: ", ""))) end
  return checked
end

-- "partial-lsearch*@,ret=key;/path" -> spec, or nil: it is no lookup. fail(where, text) for one that
-- cannot be. spec.net: "" or the bits, when the keys are addresses.
function lookups.parse(item, where, fail)
  local head, rest = item:match("^([^;/^%s]+);%s*(.-)%s*$")
  if not head then return nil end
  local net, inner = head:match("^net(%d*)%-(.*)$")
  local partial, affix, name_part = take_partial(inner or head)
  local name, star, given = name_part:match("^(%l[%l%d]*)(%*?@?),?(.*)$")
  if not name or (star ~= "" and star ~= "*" and star ~= "*@") then return nil end
  name = OTHER_NAMES[name] or name
  local kind = KINDS[name]
  if not kind then
    if LATER[name] or NEVER[name] then
      fail(where, string.format('the list item "%s": %s', item, no_such(name)))
    end
    fail(where, string.format('the list item "%s": there is no lookup "%s"%s', item, name, words.meant(name, KINDS)))
  end
  local spec = { kind = name, net = net, where = where }
  spec.options = item_options(spec, given, where, fail)
  if partial then spec.options.partial, spec.options.affix = partial, affix end
  if star ~= "" then spec.options.default = star end
  if kind.query and (partial or star ~= "" or net) then
    fail(where, string.format('the list item "%s": a query knows no partial keys, no * and no net-', item))
  end
  if name == "sqlite" then
    -- no statement begins with a word that has a dot or a slash in it
    local file, query = rest:match("^(%S*[./]%S*)%s+(.+)$")
    if file and not spec.file then spec.file, rest = file, query end
    spec.file = spec.file or use("site").value("sqlite_dbfile")
    if not spec.file then fail(where, string.format('the list item "%s" is written sqlite;/file select ... where name = ?', item)) end
    spec.query = rest
  elseif kind.query then
    spec.query = rest
  elseif kind.file then
    spec.file = rest
    if rest == "" then fail(where, string.format('the list item "%s" names no file', item)) end
    if name == "spf" and not host.ip_pack(rest) then fail(where, no_host(rest)) end
  end
  return spec
end

return lookups
