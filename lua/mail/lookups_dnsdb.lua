-- lookups_dnsdb - DNS records as one text, as Exim's dnsdb lookup has them
--
-- [>SEP[,]FIELDSEP] [dnssec_MODE,] [defer_MODE,] [TYPE=] NAME[:NAME...]; each ? is a
-- parameter, which is one name whatever stands in it. Records are joined by line
-- ends, or SEP; the fields of one by spaces, or FIELDSEP.

local host, use = ...
local words = use "words"
local dnsdb = {}

dnsdb.MODES = { strict = true, lax = true, never = true }

-- ---- the fields that are kept as the record's bytes

local function u32(data, at)
  local a, b, c, d = data:byte(at, at + 3)
  return d and ((a * 256 + b) * 256 + c) * 256 + d or 0
end

-- An uncompressed name; what is not plain in a label is written \DDD.
local function take_name(data, at)
  local labels = {}
  while at <= #data do
    local n = data:byte(at)
    at = at + 1
    if n == 0 then break end
    labels[#labels + 1] = (data:sub(at, at + n - 1):gsub("[^%w%-_]", function(c) return string.format("\\%03d", c:byte()) end))
    at = at + n
  end
  return table.concat(labels, "."), at
end

local function strings(data)
  local out, at = {}, 1
  while at <= #data do
    local n = data:byte(at)
    out[#out + 1] = data:sub(at + 1, at + n)
    at = at + 1 + n
  end
  return out
end

local function hex(data) return (data:gsub(".", function(c) return string.format("%02x", c:byte()) end)) end

-- ---- record -> array of fields, by type

local FIELDS = {}
FIELDS.a = function(rr) return { rr.ip } end
FIELDS.aaaa = FIELDS.a
FIELDS.ns = function(rr) return { rr.target } end
FIELDS.cname, FIELDS.ptr, FIELDS.mxh = FIELDS.ns, FIELDS.ns, FIELDS.ns
FIELDS.mx = function(rr) return { rr.preference, rr.target } end
FIELDS.srv = function(rr) return { rr.preference, rr.weight, rr.port, rr.target } end
function FIELDS.soa(rr)
  local mname, at = take_name(rr.data, 1)
  local rname
  rname, at = take_name(rr.data, at)
  local out = { mname, rname }
  for i = 0, 4 do out[i + 3] = string.format("%d", u32(rr.data, at + 4 * i)) end
  return out
end
function FIELDS.tlsa(rr)
  local usage, selector, matching = rr.data:byte(1, 3)
  return { usage, selector, matching, hex(rr.data:sub(4)) }
end
function FIELDS.caa(rr)
  local n = rr.data:byte(2) or 0
  return { rr.data:byte(1) or 0, rr.data:sub(3, 2 + n), rr.data:sub(3 + n) }
end

local RECORD = { a = "A", aaaa = "AAAA", ns = "NS", cname = "CNAME", ptr = "PTR", mx = "MX", mxh = "MX", srv = "SRV", soa = "SOA",
                 tlsa = "TLSA", caa = "CAA", txt = "TXT", spf = "SPF", csa = "SRV", zns = "NS" }
dnsdb.TYPES = { ["a+"] = true }
for name in pairs(RECORD) do dnsdb.TYPES[name] = true end

-- TXT: the first string of each record, or all of them when a field separator is given (";" is none). SPF: all.
local function text_record(rr, type, o)
  local parts = strings(rr.data)
  if type == "spf" then return table.concat(parts, o.field == ";" and "" or o.field or "") end
  if not o.field then return parts[1] or "" end
  return table.concat(parts, o.field == ";" and "" or o.field)
end

local function show(rr, type, o)
  if type == "txt" or type == "spf" then return text_record(rr, type, o) end
  local fields = FIELDS[type](rr)
  for i, field in ipairs(fields) do fields[i] = tostring(field) end
  return table.concat(fields, o.field or " ")
end

local function by_preference(a, b)
  if a.preference ~= b.preference then return a.preference < b.preference end
  return a.target < b.target
end

-- ---- questions that are more than one

-- Client SMTP Authorization: whose answer it is decides how it is read.
local function csa_record(rr, direct, o)
  if rr.preference ~= 1 then return nil end             -- the version
  local mark
  if not direct then mark = rr.port % 2 == 1 and "X" or "?"
  elseif rr.weight < 2 then mark = "N"
  elseif rr.weight == 2 then mark = "Y"
  elseif rr.weight == 3 then mark = "?"
  else return nil end
  return mark .. (o.field or " ") .. rr.target
end

-- A deadline that passed is an answer like any other that cannot be found out.
local function records(type, name, o)
  local ok, status, found, more = pcall(host.dns, RECORD[type], name, o.timeout)
  if ok then return status, found, more end
  local text = host.again_text(status)
  if not text then error(status, 0) end
  return "again", nil, text
end

-- At the name itself; else a domain above it may say that all below must be authorized.
local function csa(name, o)
  local status, found, more = records("csa", "_client._smtp." .. name, o)
  if status ~= "none" then return status, found, more, true end
  local labels = {}
  for label in name:gmatch("[^.]+") do labels[#labels + 1] = label end
  for n = 2, math.min(#labels - 1, use("site").value("dns_csa_search_limit") or 5) do
    local above = table.concat(labels, ".", #labels - n + 1)
    status, found, more = records("csa", "_client._smtp." .. above, o)
    if status == "again" then return status, found, more end
    for _, rr in ipairs(found or {}) do
      if rr.port % 2 == 1 then return "ok", found, more, false end
    end
  end
  return "none"
end

-- The name servers of the zone a name is in: of the nearest name above that has some.
local function zns(name, o)
  while true do
    local status, found, more = records("zns", name, o)
    if status ~= "none" then return status, found, more end
    local above = name:match("^[^.]*%.(.+)$")
    if not above then return "none" end
    name = above
  end
end

-- The records of one name as texts: status, texts, secure.
local function one(type, name, o)
  if type == "ptr" then
    local ip = host.ip_pack(name)
    if ip then name = host.ip_reverse(ip) end
  elseif type == "csa" and use("site").value("dns_csa_use_reverse") then
    local ip = host.ip_pack((name:gsub("^%[I?P?v?6?:?(.-)%]$", "%1")))
    if ip then name = host.ip_reverse(ip) end
  end
  local status, found, more, direct
  if type == "csa" then status, found, more, direct = csa(name, o)
  elseif type == "zns" then status, found, more = zns(name, o)
  else status, found, more = records(type, name, o) end
  if status ~= "ok" then return status, status == "again" and more or nil end
  if type == "mx" or type == "mxh" then table.sort(found, by_preference) end
  local out = {}
  for _, rr in ipairs(found) do
    local text
    if type == "csa" then text = csa_record(rr, direct, o) else text = show(rr, type == "zns" and "ns" or type, o) end
    if text then out[#out + 1] = text end
  end
  if #out == 0 then return "none" end
  return "ok", out, more and more.secure
end

-- ---- the query

local function wrong(query, text) error(string.format('lookup.dnsdb: "%s": %s', query, text), 0) end

local function seconds(query, text)
  local s = words.seconds(text)
  if not s or s <= 0 then wrong(query, '"' .. text .. '" is no time') end
  return s
end

-- Takes "dnssec_strict," and the like off; o gets what they say.
local function take_modes(query, rest, o)
  while true do
    local name, value, tail = rest:match("^%s*(%l+)_(%w+)%s*,%s*(.*)$")
    if not name then break end
    if name == "dnssec" or name == "defer" then
      if not dnsdb.MODES[value] then wrong(query, name .. "_" .. value .. " is none of strict, lax and never") end
      o[name] = value
    elseif name == "retrans" then o.retrans = seconds(query, value)
    elseif name == "retry" then o.retry = tonumber(value) or wrong(query, "retry_ takes a number")
    else break end
    rest = tail
  end
  return rest
end

local function parse(query, params, given)
  local o = { dnssec = given.dnssec or "never", defer = given.defer or "lax", separator = given.separator or "\n",
              field = given.field_separator, timeout = given.timeout }
  local rest = query:match("^%s*(.-)%s*$")
  local separators
  if rest:sub(1, 1) == ">" then
    o.separator, separators, rest = rest:sub(2, 2), rest:sub(3, 4), rest:sub(3)
    local mark = separators:sub(1, 1)
    if mark == "," then o.field, rest = separators:sub(2, 2), rest:sub(3)
    elseif mark == ";" then o.field, rest = ";", rest:sub(2) end
    rest = rest:match("^%s*(.-)$")
  end
  rest = take_modes(query, rest, o)
  if o.retrans then o.timeout = math.min(600, o.retrans * (o.retry or 1)) end
  local type, names = rest:match("^([%w%+]+)%s*=%s*(.*)$")
  type = (type or "txt"):lower()
  names = names or rest
  if not dnsdb.TYPES[type] then wrong(query, string.format('there is no type "%s"%s', type, words.meant(type, dnsdb.TYPES))) end
  return type, names, o
end

-- A parameter is one name: no separator in it makes two of it.
local function names_of(query, text, params)
  local out, used = {}, 0
  for _, name in ipairs(words.split(text)) do
    name = name:gsub("%?", function()
      used = used + 1
      -- one subject of a list may stand at several places
      local value = params[used] or (params.n == 1 and params[1])
      if not value then wrong(query, "it has more ? than parameters") end
      return tostring(value)
    end)
    if name ~= "" then out[#out + 1] = name end
  end
  if used < (params.n or #params) and used == 0 and (params.n or #params) > 0 then wrong(query, "it has no ? for its parameters") end
  if #out == 0 then wrong(query, "it names nothing to look for") end
  return out
end

-- Exim's ways with what cannot be found out: strict, the whole lookup cannot; lax, only
-- when nothing else was found; never, it counts as not there.
function dnsdb.ask(query, params, given)
  local type, names, o = parse(query, params, given)
  local texts, failed = {}, nil
  for _, name in ipairs(names_of(query, names, params)) do
    for _, which in ipairs(type == "a+" and { "aaaa", "a" } or { type }) do
      local status, found, secure = one(which, name, o)
      if status == "ok" and o.dnssec == "strict" and not secure then
        status, found = "again", name .. ": the answer is not signed"
      end
      if status == "again" then
        if o.defer == "strict" then return "again", found end
        if o.defer == "lax" then failed = failed or found or (name .. " cannot be found out") end
      elseif status == "ok" then
        for _, text in ipairs(found) do texts[#texts + 1] = text end
      end
    end
  end
  if #texts > 0 then return "ok", table.concat(texts, o.separator) end
  if failed then return "again", failed end
  return "none"
end

return dnsdb
