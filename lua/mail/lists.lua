-- lists - one list module for domains, hosts, addresses and local parts
--
-- A list is compiled once, at load, into a chain of steps; asking it allocates
-- nothing for the common items. Items are tried in order and the first that
-- fits decides; an item with `!` decides "no"; the end is "no", or "yes" if the
-- last item was negated (as Exim). Runs of plain items of one polarity become
-- one step with a hash, so a list of ten thousand names costs what one costs.
--
-- A matcher is  function(subject, ev) -> boolean, data  where ev = { m = mail
-- object } of the running evaluation. It may wait; "could not find out" is raised. A host that mail
-- goes to is asked about by its address, and ev.target is its name there.

local host, use = ...
local words = use "words"
local items = use "lists_items"
local hosts = use "lists_hosts"
local lookups = use "lookups"
local fail, grow = items.fail, items.grow
local lists = {}

lists.KINDS = { domain = "domainlist", host = "hostlist", address = "addresslist", ["local"] = "localpartlist" }

-- kind -> name -> { value =, where =, match = nil until first used }
lists.named = { domain = {}, host = {}, address = {}, ["local"] = {} }


-- A list that costs look-ups, and in which no function may answer one way now and another
-- later, is asked once a message about each subject (as Exim's named lists).
local function remembered(entry, kind, name, subject, ev)
  local id = table.concat({ entry.caseful and "named as written" or "named", kind, name,
    entry.caseful and items.written(subject, ev) or subject }, "\0")
  local data_of = {}
  local status, value = lookups.once(id, function()
    local hit, data = entry.match(subject, ev)
    data_of.data = data
    if type(data) == "table" then return "unkept", data end
    return hit and "ok" or "none", data
  end)
  if status == "unkept" then return true, data_of.data end
  return status == "ok", value
end

-- The same list for one that looks at case throughout (caseful_local_part): made when it is first asked.
local function caseful_of(entry, kind)
  if entry.caseful then return entry end
  entry.as_written = entry.as_written
    or { match = lists.compile(kind, entry.value, entry.where, true), once = entry.once, caseful = true }
  return entry.as_written
end

local function named_item(kind, name, caseful)
  local entry
  local named = lists.named
  return function(subject, ev)
    entry = entry or (caseful and caseful_of(named[kind][name], kind) or named[kind][name])
    if entry.once then return remembered(entry, kind, name, subject, ev) end
    return entry.match(subject, ev)
  end
end

-- ---- the kinds: item(text, where, no, last) -> step, or nil when it was put into `last`

local make = { host = hosts.item }

local function common(item, where, mode)
  if item == "*" then return function(subject) return true, subject end end
  if item:sub(1, 1) == "^" then return items.regex(item, where, mode.caseful) end
  local try = items.lookup(item, where)
  if try then mode.costly = true end
  return try
end

-- The hosts of a domain, without those whose addresses are to be ignored.
local function but(found, ignore, ev)
  if not ignore then return found end
  local out = {}
  for _, h in ipairs(found) do
    if not ignore(h.ip, { m = ev and ev.m }) then out[#out + 1] = h end
  end
  return out
end

local MX = { any = true, primary = true, secondary = true }

-- "@mx_any", or "@mx_any/ignore=127.0.0.1" with a list of hosts.
local function mx_item(item, where)
  local which, rest = item:match("^@mx_(%a+)%s*(.*)$")
  if not which or not MX[which] then
    fail(where, 'the list item "' .. item .. '" is not one of @mx_any, @mx_primary, @mx_secondary')
  end
  local given = rest:match("^/%s*ignore%s*=%s*(.+)$")
  if rest ~= "" and not given then fail(where, 'the list item "' .. item .. '": what may follow is /ignore=HOSTS') end
  local ignore = given and lists.compile("host", given, where)
  local secondary_only, primary_only = which == "secondary", which == "primary"
  return function(subject, ev)
    local status, found, why = host.hosts(subject, { mx = true, mx_required = true })
    if status == "again" then error(host.again(why)) end
    if status ~= "ok" then return end
    found = but(found, ignore, ev)
    local first = found[1] and found[1].preference
    local ours
    for _, h in ipairs(found) do
      if hosts.is_local(h.ip) then ours = ours and math.min(ours, h.preference) or h.preference end
    end
    if not ours or (primary_only and ours ~= first) or (secondary_only and ours == first) then return end
    return true, subject
  end
end

function make.domain(item, where, no, last, mode)
  local try = common(item, where, mode)
  if try then return { no = no, try = try } end
  item = item:lower()
  if item == "@" then
    return { no = no, try = function(subject) return subject == hosts.hostname(), subject end }
  elseif item == "@[]" then
    return { no = no, try = function(subject)
      local ip = subject:match("^%[i?p?v?6?:?([%x:%.]+)%]$")
      if ip and hosts.is_local(ip) then return true, subject end
    end }
  elseif item:find("^@mx_") then
    mode.costly = true
    return { no = no, try = mx_item(item, where) }
  end
  if item:sub(1, 1) == "*" then
    local step, new = grow(last, no, "tails", items.suffixes)
    step.add(item:sub(2))
    return new
  end
  if item:find("*", 1, true) then fail(where, 'the domain "' .. item .. '": a * may only stand at its beginning') end
  if item:find("@", 1, true) then fail(where, 'the domain "' .. item .. '" holds an @: is this an address list?') end
  local step, new = grow(last, no, "set", items.set)
  step.set[item] = item
  return new
end

-- Where the plain items of local parts and addresses go.
local function tails_of(last, no, mode)
  if mode.caseful then return grow(last, no, "tails_caseful", items.suffixes_caseful) end
  return grow(last, no, "tails", items.suffixes)
end

local function into_set(last, no, mode, item)
  local field = mode.caseful and "set_caseful" or "set"
  local step, new = grow(last, no, field, items[field])
  step[field][item] = item
  return new
end

make["local"] = function(item, where, no, last, mode)
  local try = common(item, where, mode)
  if try then
    local step = { no = no, try = try }
    return mode.caseful and items.caseful(step) or step
  end
  if not mode.caseful then item = item:lower() end
  if item:sub(1, 1) == "*" then
    local step, new = tails_of(last, no, mode)
    step.add(item:sub(2))
    return new
  end
  return into_set(last, no, mode, item)
end

-- The halves of the address that is asked about, kept for the items that follow.
local function halves(subject, ev)
  if ev and ev.halves_of == subject then return ev.left, ev.right end
  local l, d = subject:match("^(.*)@([^@]*)$")
  if ev then ev.halves_of, ev.left, ev.right = subject, l, d end
  return l, d
end

-- "@@lsearch;/path": the domain's own list of local parts, which a lookup gives; a last item
-- ">name" goes on with the list of that name. Chained lists end after a few.
local CHAIN_MAX = 20

local function by_domain(item, where)
  local look = items.lookup(item:sub(3), where)
  if not look then fail(where, 'the list item "' .. item .. '" is written @@lsearch;/path') end
  return function(subject, ev)
    local l, d = halves(subject, ev)
    local key = d
    for _ = 1, CHAIN_MAX do
      if not key then return end
      local hit, text = look(key)
      if not hit then return end
      local parts = words.split(tostring(text))
      key = #parts > 0 and parts[#parts]:match("^>%s*(.+)$")
      if key then parts[#parts] = nil end
      local decide = lists.decider("local", parts, where)
      local yes = decide(l, ev)
      if yes ~= nil then return true, subject, not yes end
    end
    error(host.again(item .. ": the lists of " .. subject .. " name each other"))
  end
end

-- An address item: whole address, user@domain-item, *@domain-item, or a domain
-- item alone. The subject is "local@domain", lower case; "" is the null sender.
function make.address(item, where, no, last, mode)
  if item == "" then
    local step, new = grow(last, no, "set", items.set)
    step.set[""] = ""
    return new
  end
  if item:sub(1, 2) == "@@" then
    mode.costly = true
    return { no = no, try = by_domain(item, where) }
  end
  if item == "*" then return { no = no, try = function(subject) return true, subject end } end
  if item:sub(1, 1) == "^" then
    local step = { no = no, try = items.regex(item, where, mode.caseful) }
    return mode.caseful and items.caseful(step) or step
  end
  local try = items.lookup(item, where)
  if try then
    local caseful = mode.caseful
    mode.costly = true
    return { no = no, try = function(subject, ev)
      if subject ~= "" then return try(caseful and items.written(subject, ev) or subject) end
    end }
  end
  local user, domain = item:match("^(.*)@([^@]*)$")
  if user and user ~= "" and not user:find("*", 1, true) and domain ~= "" and not domain:find("^[%*%+%^@]")
     and not domain:find(";", 1, true) then
    return into_set(last, no, mode, mode.caseful and user .. "@" .. domain:lower() or item:lower())
  end
  local domains, traits = lists.compile("domain", { (domain or item) }, where)
  mode.costly = mode.costly or traits.costly
  local caseful = mode.caseful
  if user and not caseful then user = user:lower() end
  local tail = user and user:sub(1, 1) == "*" and user:sub(2)
  return { no = no, try = function(subject, ev)
    local l, d = halves(subject, ev)
    if not d then return end
    if caseful then l = items.written(subject, ev):match("^(.*)@[^@]*$") end
    if user and not (tail and (tail == "" or l:sub(-#tail) == tail) or l == user) then return end
    local hit, data = domains(d, ev)
    -- what a lookup of the domain said is the data; else the address itself
    if hit then return true, traits.costly and data or subject end
  end }
end

-- ---- compiling

local function function_item(fn)
  return function(subject, ev)
    local result = fn(subject, ev and ev.m)
    if result ~= nil and type(result) ~= "boolean" and type(result) ~= "string" then
      error("a function in a list returns true, false, nil or a text, this one returned a " .. type(result), 0)
    end
    if result then return true, type(result) == "string" and result or subject end
  end
end

-- function(subject, ev) -> true or false, data: an item fitted; nothing: none did.
local function decider(steps)
  local n = #steps
  return function(subject, ev)
    for i = 1, n do
      local step = steps[i]
      local hit, data, turn = step.try(subject, ev)
      if hit then
        local yes = not step.no
        if turn then yes = not yes end
        return yes, yes and data or nil
      end
      if turn then return false end
    end
  end
end

local function chain(steps)
  if #steps == 0 then return function() return false end end
  -- most lists are one set of names
  if #steps == 1 and not steps[1].no then
    local try = steps[1].try
    return function(subject, ev)
      local hit, data, turn = try(subject, ev)
      if hit and not turn then return true, data end
      return false
    end
  end
  local decide, at_end = decider(steps), steps[#steps].no
  return function(subject, ev)
    local yes, data = decide(subject, ev)
    if yes == nil then return at_end end
    return yes, data
  end
end

-- All named lists used, for the check that every +name exists: { kind, name, where }.
lists.uses = {}

local function caseful_from_here(kind, where, no, mode)
  if kind ~= "local" and kind ~= "address" then
    fail(where, "+caseful: domains and hosts have no case; it is for local parts and addresses")
  end
  if no then fail(where, "+caseful is no item to negate: it stands before the items that look at case") end
  mode.caseful = true
end

local function step_of(kind, item, where, last, mode)
  local no = false
  if type(item) == "function" then
    mode.fickle = true
    local step = { no = false, try = function_item(item) }
    return mode.caseful and items.caseful(step) or step
  end
  if lookups.is_table(item) then
    if kind == "host" then return make.host(item, where, no, last, mode) end
    mode.costly = true
    local try = items.lookup(item, where)
    local caseful = mode.caseful
    return { no = no, try = function(subject, ev)
      if subject ~= "" then return try(caseful and items.written(subject, ev) or subject) end
    end }
  end
  if type(item) ~= "string" then
    fail(where, "an item of a list is a text, a function or a lookup.table, this one is a " .. type(item))
  end
  local bang, rest = item:match("^%s*(!)%s*(.*)$")
  if bang then no, item = true, rest end
  local name = item:match("^%+([%w_]+)$")
  if name == "caseful" then return caseful_from_here(kind, where, no, mode) end
  if name and not (kind == "host" and hosts.FLAGS[name]) then
    lists.uses[#lists.uses + 1] = { kind = kind, name = name, where = where }
    mode.fickle = true          -- it may hold anything; it remembers for itself
    return { no = no, try = named_item(kind, name, mode.throughout) }
  end
  if item:sub(1, 1) == "/" then
    local caseful = mode.caseful
    mode.costly = true
    return { no = no, try = items.file(kind, item, where, function(lines)
      if caseful then table.insert(lines, 1, "+caseful") end
      return lists.decider(kind, lines, where)
    end) }
  end
  return make[kind](item, where, no, last, mode)
end

-- Items are texts, functions, lookup tables, or, of a file, { text =, where = }.
local function steps_of(kind, value, where, caseful)
  local steps, mode = {}, { caseful = caseful, throughout = caseful }
  if type(value) == "function" or lookups.is_table(value) then value = { value } end
  if type(value) ~= "table" and type(value) ~= "string" then
    fail(where, "a list is a text or a table, this is a " .. type(value))
  end
  for _, item in ipairs(words.list(value)) do
    local at = where
    if type(item) == "table" and item.text and not lookups.is_table(item) then item, at = item.text, item.where end
    local step = step_of(kind, item, at, steps[#steps], mode)
    if step then steps[#steps + 1] = step end
  end
  return steps, mode
end

-- What an item says, without the end of the list: see decider above.
function lists.decider(kind, value, where) return decider((steps_of(kind, value, where))) end

-- value: a string in Exim's form, an array of items, or one function or lookup table. The second
-- result says what it costs: { costly = look-ups, fickle = functions }. caseful: as if it began with
-- +caseful, and so did the lists it names.
function lists.compile(kind, value, where, caseful)
  local steps, traits = steps_of(kind, value, where, caseful)
  return chain(steps), traits
end

-- Every named list it uses is there; what was noted of them meanwhile is forgotten.
local function compile_late(kind, value, where, caseful)
  local uses = #lists.uses
  local ok, match = pcall(lists.compile, kind, value, where, caseful)
  local missing
  for i = #lists.uses, uses + 1, -1 do
    local u = lists.uses[i]
    lists.uses[i] = nil
    if not lists.named[u.kind][u.name] then missing = u end
  end
  if not ok then error(match, 0) end
  if missing then fail(where, lists.missing(missing)) end
  return match
end

-- A list that is only known when it is asked for (a function's result): compiled
-- then, and remembered while the same text comes again.
local recent, recent_n = {}, 0
function lists.late(kind, value, where, caseful)
  if type(value) ~= "string" then return compile_late(kind, value, where, caseful) end
  local key = kind .. (caseful and "\0\0" or "\0") .. value
  local match = recent[key]
  if not match then
    match = compile_late(kind, value, where, caseful)
    if recent_n >= 256 then recent, recent_n = {}, 0 end
    recent[key], recent_n = match, recent_n + 1
  end
  return match
end

-- Said of a list that is not there: the name that was meant, or else what to do.
function lists.unknown(title, name, named)
  local meant = words.meant(name, named)
  if meant == "" then
    meant = string.format(": set %s.%s = { ... } in a file of the same directory; a file alone is checked in place, beside the others",
      title, name)
  end
  return string.format("there is no %s.%s%s", title, name, meant)
end

function lists.missing(u)
  for other, name in pairs(lists.KINDS) do
    if other ~= u.kind and lists.named[other][u.name] then
      return string.format("+%s is a %s, a %s is needed here", u.name, name, lists.KINDS[u.kind])
    end
  end
  return lists.unknown(lists.KINDS[u.kind], u.name, lists.named[u.kind])
end

-- Declares a named list. Compiled at once, so its mistakes show at its own line.
function lists.name(kind, name, value, where)
  local known = lists.named[kind][name]
  if known then
    fail(where, string.format("%s.%s is set twice, first at %s", lists.KINDS[kind], name, known.where))
  end
  local match, traits = lists.compile(kind, value, where)
  lists.named[kind][name] = { value = value, where = where, match = match, caseful = traits.caseful,
    once = traits.costly and not traits.fickle and kind ~= "host" }
end

-- A +name that names itself, by whatever way, would never end.
function lists.loops()
  local found = {}
  for kind, names in pairs(lists.named) do
    local state = {}
    local function walk(name)
      if state[name] == 2 then return end
      state[name] = 1
      local value = names[name].value
      for _, item in ipairs((type(value) == "function" or lookups.is_table(value)) and {} or words.list(value)) do
        local inner = type(item) == "string" and item:match("^%s*!?%s*%+([%w_]+)$")
        if inner and names[inner] then
          if state[inner] == 1 then
            found[#found + 1] = { where = names[name].where, text = string.format(
              "%s.%s and %s.%s name each other", lists.KINDS[kind], name, lists.KINDS[kind], inner) }
          elseif not state[inner] then walk(inner) end
        end
      end
      state[name] = 2
    end
    for name in pairs(names) do walk(name) end
  end
  return found
end

-- How the subject of each kind is made ready: lists compare lower case.
function lists.subject(kind, text)
  if kind == "host" then return text end
  return text:lower()
end

-- Asks about a text as it was written. Lists are asked inside of lists, by functions in them.
function lists.ask(match, kind, text, ev)
  local before = ev.written
  ev.written = text
  local hit, data = match(lists.subject(kind, text), ev)
  ev.written = before
  return hit, data
end

return lists
