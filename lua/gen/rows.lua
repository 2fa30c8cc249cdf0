-- rows - reads the tables of core/policy/api: every public name, once
--
-- A mistake in a table stops make with file and line: an unknown key, a missing
-- doc, a name given twice, a phase there is none of.

local rows = {}

rows.PHASES = {
  "connect", "helo", "starttls", "auth", "mailauth", "mail", "rcpt", "predata", "dkim", "mime", "prdr", "data",
  "etrn", "atrn", "expn", "vrfy", "wellknown", "quit", "notquit", "not_smtp_start", "not_smtp_mime", "not_smtp",
  "route", "transport", "event", "queue", "option",
}
rows.ACLS = 22                  -- the first so many have an ACL (enum phase, PH_ACLS)
local WALK = { "connect", "helo", "starttls", "auth", "mailauth", "mail", "rcpt", "predata", "dkim", "mime", "prdr", "data" }
local AFTER = { "route", "transport", "event", "queue" }
-- Commands that may come at any time of a session, in or out of a transaction.
local ASIDE = { "etrn", "atrn", "expn", "vrfy", "wellknown", "quit", "notquit" }

-- ---- sets of phases

local Set = {}
Set.__index = Set
local function set(names)
  local s = setmetatable({}, Set)
  for _, name in ipairs(names) do s[name] = true end
  return s
end
function Set.__add(a, b)
  local s = setmetatable({}, Set)
  for name in pairs(a) do s[name] = true end
  for name in pairs(b) do s[name] = true end
  return s
end
function Set.__sub(a, b)
  local s = setmetatable({}, Set)
  for name in pairs(a) do s[name] = not b[name] or nil end
  return s
end

local known = set(rows.PHASES)

local function during(names)
  for _, name in ipairs(names) do
    if not rawget(known, name) then error("there is no phase " .. tostring(name), 2) end
  end
  return set(names)
end

local function walk_from(name)
  local found, list = false, {}
  for _, phase in ipairs(WALK) do
    found = found or phase == name
    if found then table.insert(list, phase) end
  end
  if not found then error("no walk begins in phase " .. tostring(name), 3) end
  return set(list)
end

local function session(name)
  local s = walk_from(name)
  if not s.mail or s.mailauth then return s + set(ASIDE) end
  return s
end

local function since(name)
  local s = walk_from(name) + set { "not_smtp" } + set(AFTER)
  if s.mime then s = s + set { "not_smtp_mime" } end
  if s.mail then s = s + set { "not_smtp_start" } end
  if s.mailauth then s = s + set(ASIDE) end
  return s
end

local acl_names = {}
for i = 1, rows.ACLS do acl_names[i] = rows.PHASES[i] end

-- ---- the kinds of row and their keys

local KEYS = {
  var    = { name = "string", since = "string", also = "table", type = "string", values = "table", phases = "table", get = "string",
             put = "string", writable = "table", wait = "string", group = "string", feature = "string", never = "string", doc = "string" },
  family = { name = "string", since = "string", type = "string", phases = "table", writable = "table", group = "string", doc = "string" },
  gone   = { name = "string", text = "string" },
  option = { kind = "string", since = "string", drivers = "table", name = "string", also = "table", type = "string", default = "any",
             func = "string", wait = "boolean", restart = "boolean", secret = "boolean", values = "table",
             feature = "string", never = "string",
             section = "string", doc = "string" },
  word   = { kind = "string", since = "string", name = "string", also = "table", type = "string", values = "table", phases = "table",
             feature = "string", not_ = "boolean", default = "any", doc = "string" },
  event  = { name = "string", since = "string", section = "string", before = "boolean", data = "string", result = "string",
             feature = "string", doc = "string" },
  fn     = { name = "string", since = "string", args = "table", returns = "any", waits = "boolean", phases = "table",
             feature = "string", exim = "table", example = "table", doc = "string" },
  restated = { name = "string", as = "string", feature = "string", never = "string" },
  -- Rules that show how names are used; `of` says whose pages they stand on, as "option main listen", "condition hosts",
  -- "var domain", "event msg:delivery", "fn dns.mx". A spec loads every one.
  -- run: what a client says to these rules and hears, as in a transcript (docs/guide/testing.md); it is run.
  example = { of = "table", code = "string", run = "string" },
  -- What variables are in one phase of the conversation that docs/ref/vars.md shows: "EXPRESSION --> VALUE", as of functions.
  value = { phase = "string", list = "table" },
  -- What specs call (lua/spec/world.lua), and the words of the tables they hand in: `of` says of which.
  fromspec = { name = "string", since = "string", args = "table", returns = "any", doc = "string" },
  wordof = { of = "string", since = "string", name = "string", type = "string", values = "table", doc = "string" },
}
local NEEDED = {
  var = { "name", "type", "phases", "group", "doc" }, family = { "name", "type", "phases", "group", "doc" },
  gone = { "name", "text" }, option = { "kind", "name", "type", "doc" }, word = { "kind", "name", "doc" },
  event = { "name", "section", "doc" }, fn = { "name", "doc" }, restated = { "name" }, example = { "of", "code" },
  value = { "phase", "list" }, fromspec = { "name", "doc" }, wordof = { "of", "name", "type", "doc" },
}
local TYPES = {
  var = { string = true, integer = true, number = true, boolean = true, list = true, cert = true },
  option = { string = true, boolean = true, integer = true, size = true, time = true, fixed = true, octal = true,
             list = true, hostlist = true, domainlist = true, addresslist = true, localpartlist = true,
             timelist = true, ["function"] = true, table = true },
}
TYPES.var.any = true
TYPES.family = TYPES.var
local OPTION_KINDS = { main = true, router = true, transport = true, authenticator = true, retry = true }

local function check(kind, row, where)
  local function bad(text) error(where .. ": " .. kind .. " " .. tostring(row.name or "") .. ": " .. text, 0) end

  for key, value in pairs(row) do
    local want = KEYS[kind][key]
    if not want then bad("there is no key " .. tostring(key)) end
    if want ~= "any" and type(value) ~= want then bad(key .. " is not a " .. want) end
  end
  for _, key in ipairs(NEEDED[kind]) do
    if row[key] == nil then bad(key .. " is missing") end
  end
  local types = TYPES[kind]
  if types and not types[(row.type:gsub("%?$", ""))] then bad("there is no type " .. row.type) end
  -- Known by one of three: a getter, the feature that will bring one, or the reason why there is none.
  if kind == "var" then
    local ways = (row.get and 1 or 0) + (row.feature and 1 or 0) + (row.never and 1 or 0)
    if ways ~= 1 then bad("one of get, feature and never is needed") end
    if row.feature and not row.type:find("%?$") then bad("it is nil until its feature comes: " .. row.type .. "?") end
  end
  if kind == "option" and not OPTION_KINDS[row.kind] then bad("there is no kind " .. row.kind) end
  if row.func and not rawget(known, row.func) then bad("there is no phase " .. row.func) end
  for _, key in ipairs { "phases", "writable" } do
    if row[key] and getmetatable(row[key]) ~= Set then bad(key .. " is no set of phases") end
  end
end

-- ---- examples

local function has(list, item)
  for _, one in ipairs(list) do
    if one == item then return true end
  end
end

-- The rows a name of `of` means: an option's name may belong to several drivers, and a last word says which.
local function rows_of(all, name)
  local kind, rest = name:match "^(%a+) (.+)$"
  local found = {}
  if kind == "option" then
    local of, option, driver = rest:match "^(%a+) (%S+) ?(%S*)$"
    for _, row in ipairs(all.option) do
      local fits = row.kind == of and row.name == option
      if fits and (driver == "" or has(row.drivers or {}, driver)) then table.insert(found, row) end
    end
  elseif kind == "var" or kind == "family" or kind == "event" or kind == "fn" then
    table.insert(found, all[kind].by[rest])
  else
    table.insert(found, all.word.by[name])
  end
  return found
end

local function give_examples(all)
  for _, example in ipairs(all.example) do
    for _, name in ipairs(example.of) do
      local found = rows_of(all, name)
      if not found[1] then error(("%s: there is no %s to give an example of"):format(example.where, name), 0) end
      if found[2] then error(("%s: %s is of several drivers, say which"):format(example.where, name), 0) end
      found[1].shown = found[1].shown or {}
      table.insert(found[1].shown, example)
    end
  end
end

-- A value stands with every variable its expression reads.
local function give_values(all)
  for _, value in ipairs(all.value) do
    for _, line in ipairs(value.list) do
      local expression, is = line:match "^(.-) %-%-> (.*)$"
      if not is then error(("%s: no arrow in %s"):format(value.where, line), 0) end
      local one = { phase = value.phase, expression = expression, is = is }
      for name in expression:gmatch "%f[%w_]m%.([%w_]+)" do
        local row = all.var.by[name] or all.family.by[name] or all.family.by[name:gsub("^(%a+_).*$", "%1*")]
        if not row then error(("%s: there is no variable %s to give a value of"):format(value.where, name), 0) end
        row.seen = row.seen or {}
        table.insert(row.seen, one)
      end
      table.insert(all.values, one)
    end
  end
end

-- ---- reading

-- { var = { rows in order, by = { name -> row } }, ... }; options and words are by kind too.
function rows.read(paths)
  local all = {}
  for kind in pairs(KEYS) do all[kind] = { by = {} } end

  local function key_of(kind, row, name)
    if kind == "option" or kind == "word" then return row.kind .. " " .. name end
    if kind == "wordof" then return row.of .. " " .. name end
    return name
  end

  local function add(kind, row, where)
    check(kind, row, where)
    row.kind_of_row, row.where = kind, where
    if kind == "example" or kind == "value" then return table.insert(all[kind], row) end
    local names = { row.name, unpack(row.also or {}) }
    for _, name in ipairs(names) do
      local key = key_of(kind, row, name)
      local other = all[kind].by[key]
      -- One option name may belong to several drivers, with one row for each.
      local apart = other and kind == "option" and row.drivers and other.drivers
      if other and not apart then
        error(("%s: %s %s is at %s already"):format(where, kind, name, other.where), 0)
      end
      if not other then all[kind].by[key] = row end
    end
    table.insert(all[kind], row)
  end

  for _, path in ipairs(paths) do
    local env = {
      pairs = pairs, ipairs = ipairs, table = table, string = string,
      during = during, since = since, session = session, always = set(rows.PHASES), acls = set(acl_names),
    }
    for kind in pairs(KEYS) do
      env[kind] = function(row)
        local info = debug.getinfo(2, "Sl")
        add(kind, row, info.short_src .. ":" .. info.currentline)
      end
    end
    local chunk = assert(loadfile(path))
    setfenv(chunk, setmetatable(env, { __index = function(_, name) error("unknown word " .. name, 2) end }))()
  end
  -- A variable that will not come is a name that is refused, for emitters and readers alike.
  for i = #all.var, 1, -1 do
    local row = all.var[i]
    if row.never then
      table.remove(all.var, i)
      for _, name in ipairs { row.name, unpack(row.also or {}) } do
        all.var.by[name] = nil
        add("gone", { name = name, text = row.never }, row.where)
      end
    end
  end
  give_examples(all)
  all.values = {}
  give_values(all)
  for _, row in ipairs(all.gone) do
    if all.var.by[row.name] then error(row.where .. ": " .. row.name .. " is both gone and there", 0) end
  end
  return all
end

-- Names of a set, in the order of enum phase.
function rows.phases(s)
  local list = {}
  for _, name in ipairs(rows.PHASES) do
    if rawget(s, name) then table.insert(list, name) end
  end
  return list
end

function rows.mask(s)
  local mask = 0
  for i, name in ipairs(rows.PHASES) do
    if rawget(s, name) then mask = mask + 2 ^ (i - 1) end
  end
  return ("0x%08xu"):format(mask)
end

return rows
