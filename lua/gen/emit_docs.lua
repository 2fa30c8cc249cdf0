-- emit_docs - what people and editors read: docs/ref, lua/meta, and luacheck's words
--
--   docs/ref/vars.md acl.md options.md events.md functions.md     a page a kind, an anchor a name
--   docs/ref/phases.md      what is known, and which words may stand, in each phase
--   docs/ref/exim.md        Exim's expansions and what stands for them
--   lua/meta/mail.lua       the mail object, one class a phase
--   lua/meta/rules.lua      functions, statements, options
--   docs/ref/world.md, lua/meta/world.lua      what specs call and say (emit_world.lua)
--   lua/meta/luacheck.lua   a std for luacheck: the globals of rules
--   rules/.luarc.json examples/.luarc.json      where an editor finds lua/meta

local rows = require "rows"

local MADE = "Made by `make docs` from `core/policy/api`; do not edit.\n"

-- The version that brought a name; a row says so when it is not the first.
local FIRST = "0.1.0"
local function since_text(row) return "since " .. (row.since or FIRST) end

local function page() return setmetatable({}, { __call = function(p, fmt, ...)
  table.insert(p, select("#", ...) > 0 and fmt:format(...) or fmt)        -- alone it is text, not a format
end }) end

local function trim(text) return (text:gsub("^%s+", ""):gsub("%s+$", "")) end

local function trim_end(text) return (text:gsub("%s+$", "")) end

local function sorted(list, key)
  local copy = {}
  for i, row in ipairs(list) do copy[i] = row end
  table.sort(copy, function(a, b) return key(a) < key(b) end)
  return copy
end

local function groups(list, key)
  local order, by = {}, {}
  for _, row in ipairs(list) do
    local name = row[key] or "others"
    if not by[name] then
      by[name] = {}
      table.insert(order, name)
    end
    table.insert(by[name], row)
  end
  table.sort(order)
  return order, by
end

-- "all", or the names; runs of the walk are written as "mail ... data".
local function phases_text(set)
  local names = rows.phases(set)
  if #names == #rows.PHASES then return "all phases" end
  local out, i = {}, 1
  local place = {}
  for at, name in ipairs(rows.PHASES) do place[name] = at end
  while i <= #names do
    local last = i
    while names[last + 1] and place[names[last + 1]] == place[names[last]] + 1 and place[names[last + 1]] <= 12 do
      last = last + 1
    end
    if last - i >= 2 then table.insert(out, names[i] .. " to " .. names[last])
    else for k = i, last do table.insert(out, names[k]) end end
    i = last + 1
  end
  return table.concat(out, ", ")
end

local function values_text(row)
  return row.values and " Values: `" .. table.concat(row.values, "`, `") .. "`." or ""
end

local function also_text(row)
  return row.also and " Also written `" .. table.concat(row.also, "`, `") .. "`." or ""
end

local function default_text(v)
  if type(v) == "table" then return "{ " .. table.concat(v, ", ") .. " }" end
  if v == "" then return "an empty text" end
  return tostring(v)
end

-- Rules that show the name at work, a spec loads each of them; and what a client hears of them, which is run.
local function shown(p, row)
  for _, example in ipairs(row.shown or {}) do
    p("\n```lua\n%s\n```\n", trim_end(example.code))
    if example.run then p("\n```smtp\n%s\n```\n", trim_end(example.run)) end
  end
  if row.seen then p "\n" end
  for _, one in ipairs(row.seen or {}) do p("    %s --> %s%s-- %s\n", one.expression, one.is, (" "):rep(8), one.phase) end
end

-- ---- pages

local function vars_page(tables)
  local p = page()
  p "# Variables\n\n"
  p(MADE)
  p "\nEvery variable is read as `m.NAME`. Nil means that there is none; reading one in a phase where it cannot be\n"
  p "known is an error, and so is a name that does not exist.\n"
  p "\nWhat stands behind `-->` is the value, as `perigee eval --json` writes it, in the phase behind `--` of this conversation, which a\n"
  p "client at 203.0.113.9 has on 2026-03-04T05:06:07Z:\n"
  local scene = require("emit_values").scene
  p("\n```lua\n%s\n```\n\n```zone\n%s\n```\n\n```text\n%s\n```\n", scene.rules, scene.zone, scene.says)
  local order, by = groups(tables.var, "group")
  for _, group in ipairs(order) do
    p("\n## %s\n", group)
    for _, row in ipairs(sorted(by[group], function(r) return r.name end)) do
      p("\n### %s\n\n", row.name)
      p("%s, in %s, %s.%s%s%s\n\n", row.type, phases_text(row.phases), since_text(row), row.wait and " Reading it may wait." or "",
        values_text(row), also_text(row))
      p("%s%s\n", trim(row.doc), row.feature and "\n\nComes with " .. row.feature .. "; nil until then." or "")
      shown(p, row)
    end
  end
  p "\n## families\n"
  for _, row in ipairs(sorted(tables.family, function(r) return r.name end)) do
    p("\n### %s\n\n%s, in %s, %s.%s\n\n%s\n", row.name, row.type, phases_text(row.phases), since_text(row),
      row.writable and " Assigned to in " .. phases_text(row.writable) .. "." or "", trim(row.doc))
    shown(p, row)
  end
  p "\n## names that are refused\n\n"
  for _, row in ipairs(sorted(tables.gone, function(r) return r.name end)) do p("* `%s`: %s\n", row.name, row.text) end
  return table.concat(p)
end

-- What a page's heading is called in a link to it (GitHub's rule).
local function anchor(name) return (name:lower():gsub("[^%w _-]", ""):gsub(" ", "-")) end

local function links(list, file)
  local out = {}
  for _, row in ipairs(sorted(list, function(r) return r.name end)) do
    table.insert(out, ("[%s](%s.md#%s)"):format(row.name:gsub("_", "\\_"):gsub("%*", "\\*"), file, anchor(row.name)))
  end
  return table.concat(out, ", ")
end

-- How an ACL ends that no statement ended (lua/mail/acl.lua has the same).
local DENIES = { rcpt = true, vrfy = true, expn = true, etrn = true, atrn = true, wellknown = true }

local function known_in(list, phase, kind)
  local out = {}
  for _, row in ipairs(list) do
    if not row.feature and (not kind or row.kind == kind) and (not row.phases or rawget(row.phases, phase)) then table.insert(out, row) end
  end
  return out
end

-- A phase lists what can be known there and could not in the one before, so that nothing is said twenty times.
local function phases_page(tables)
  local p = page()
  p "# Phases\n\n"
  p(MADE)
  p "\nWhat runs in a phase sees the variables of that phase, and of those before it what lasts. An ACL of the same name runs in each of\n"
  p("the first %d; functions of options say in which they run.\n", rows.ACLS)
  local before = {}
  for i, phase in ipairs(rows.PHASES) do
    local vars, fresh, gone = known_in(tables.var, phase), {}, {}
    local here = {}
    for _, row in ipairs(vars) do
      here[row] = true
      if not before[row] then table.insert(fresh, row) end
    end
    for row in pairs(before) do if not here[row] then table.insert(gone, row) end end
    p("\n## %s\n\n", phase)
    p("`---@param m mail.%s`. %d variables.", phase, #vars)
    if i <= rows.ACLS then p(" The ACL ends with %s.", DENIES[phase] and "deny" or "accept") end
    p "\n"
    if i == 1 then p("\nKnown: %s.\n", links(fresh, "vars"))
    else
      if #fresh > 0 then p("\nKnown here and not in `%s`: %s.\n", rows.PHASES[i - 1], links(fresh, "vars")) end
      if #gone > 0 then p("\nKnown in `%s` and not here: %s.\n", rows.PHASES[i - 1], links(gone, "vars")) end
    end
    if i <= rows.ACLS then
      for _, kind in ipairs { "condition", "modifier", "control", "verify" } do
        local title = kind == "verify" and "Verify" or kind:sub(1, 1):upper() .. kind:sub(2) .. "s"
        p("\n%s: %s.\n", title, links(known_in(tables.word, phase, kind), "acl"))
      end
    end
    before = here
  end
  return table.concat(p)
end

local function option_lines(p, row)
  local facts = { row.type }
  if row.default ~= nil then table.insert(facts, "default " .. default_text(row.default)) end
  if row.func then
    table.insert(facts, "may be a function, run in phase " .. row.func .. (row.wait == false and ", which may not wait" or ""))
  end
  if row.restart then table.insert(facts, "a change needs a restart") end
  if row.secret then table.insert(facts, "not shown by `perigee config`") end
  if row.feature then table.insert(facts, "comes with " .. row.feature) end
  table.insert(facts, since_text(row))
  p("%s.%s%s\n\n%s\n", table.concat(facts, "; "), values_text(row), also_text(row), trim(row.doc))
end

local function driver_names(row)
  local names = {}
  for _, d in ipairs(row.drivers or {}) do table.insert(names, d) end
  table.sort(names)
  return table.concat(names, ", ")
end

local function options_page(tables)
  local p = page()
  p "# Options\n\n"
  p(MADE)
  local order, by = groups(tables.option, "kind")
  for _, kind in ipairs(order) do
    local never = {}
    p("\n## %s\n", kind)
    for _, row in ipairs(sorted(by[kind], function(r) return r.name .. " " .. driver_names(r) end)) do
      if row.never then
        table.insert(never, row)
      else
        p("\n### %s%s\n\n", row.name, row.drivers and " (" .. driver_names(row) .. ")" or "")
        option_lines(p, row)
        shown(p, row)
      end
    end
    if #never > 0 then p("\n### options of %s that are refused\n\n", kind) end
    for _, row in ipairs(never) do p("* `%s`: %s\n", row.name, row.never) end
  end
  return table.concat(p)
end

local function acl_page(tables)
  local p = page()
  p "# ACLs\n\n"
  p(MADE)
  p "\nPhases: "
  local acls = {}
  for i = 1, 22 do acls[i] = "`" .. rows.PHASES[i] .. "`" end
  p("%s.\n", table.concat(acls, ", "))
  local order, by = groups(tables.word, "kind")
  for _, kind in ipairs(order) do
    p("\n## %s\n", kind)
    for _, row in ipairs(sorted(by[kind], function(r) return r.name end)) do
      p("\n### %s\n\n", row.name)
      local facts = {}
      if row.type then table.insert(facts, row.type) end
      if row.phases then table.insert(facts, "in " .. phases_text(row.phases)) end
      if row.feature then table.insert(facts, "comes with " .. row.feature) end
      table.insert(facts, since_text(row))
      p("%s.%s%s\n\n", table.concat(facts, "; "), values_text(row), also_text(row))
      p("%s\n", trim(row.doc))
      shown(p, row)
    end
  end
  return table.concat(p)
end

local function events_page(tables)
  local p = page()
  p "# Events\n\n"
  p(MADE)
  for _, row in ipairs(sorted(tables.event, function(r) return r.name end)) do
    p("\n## %s\n\n", row.name)
    p("%s, raised %s the step; %s. `event_data`: %s. A non-empty result: %s.%s\n\n%s\n",
      row.section == "both" and "main and transports" or row.section, row.before and "before" or "after", since_text(row),
      row.data or "nothing", row.result or "ignored", row.feature and " Comes with " .. row.feature .. "." or "", trim(row.doc))
    shown(p, row)
  end
  return table.concat(p)
end

local function arguments(row)
  local names = {}
  for _, a in ipairs(row.args or {}) do
    local optional = a[2] and a[2]:match "%?$"
    table.insert(names, optional and "[" .. a[1] .. "]" or a[1])
  end
  return table.concat(names, ", ")
end

-- Where the examples of functions are evaluated: a spec makes it from the page.
local ABOUT_FUNCTIONS = [==[

What stands behind `-->` is the value, as `perigee eval --json` prints it, for the client 203.0.113.9 that says HELO
there.example, under these rules:

```lua
router.ours { driver = "accept", domains = "example.org", transport = "box" }
transport.box { driver = "appendfile", maildir_format = true, directory = "/mail" }
rewrite.rule { "*@old.example", "$1@example.org", flags = "T" }
```

with this zone as all of the DNS:

```zone
example.org. NS ns.example.org.
example.org. MX 10 mx.example.org.
example.org. TXT "v=spf1 mx -all"
mx.example.org. A 192.0.2.25
mx.example.org. AAAA 2001:db8::25
www.example.org. CNAME mx.example.org.
_imap._tcp.example.org. SRV 0 1 143 mx.example.org.
there.example. A 203.0.113.9
9.113.0.203.in-addr.arpa. PTR there.example.
```

and with these files beside the rules:

| file | lines |
|---|---|
| `aliases` | `ann: anne@example.net` |
| `patterns` | `*.example.net: a neighbour`, `^box[0-9]+$: a box` |
| `nets` | `192.0.0.0/16: wide`, `192.0.2.0/24: narrow` |
| `site.json` | `{ "hosts": [ { "name": "mx" } ] }` |
| `motd` | `be kind` |
| `relay.secret` | `s3cret` |
| `boxes/ann` | |
]==]

local function functions_page(tables)
  local p = page()
  p "# Functions\n\n"
  p(MADE)
  p(ABOUT_FUNCTIONS)
  for _, row in ipairs(sorted(tables.fn, function(r) return r.name end)) do
    p("\n## %s\n\n", row.name)
    p("`%s(%s)`", row.name, arguments(row))
    local returns = type(row.returns) == "table" and table.concat(row.returns, ", ") or row.returns
    if returns then p(" gives %s", returns) end
    p("; %s.%s%s\n\n%s\n", since_text(row), row.waits and " It may wait." or "", row.feature and " Comes with " .. row.feature .. "." or "",
      trim(row.doc))
    if row.exim then p("\nStands for Exim's %s.\n", table.concat(row.exim, ", ")) end
    if row.example then p "\n" end
    for _, example in ipairs(row.example or {}) do p("    %s\n", trim(example)) end
    shown(p, row)
  end
  return table.concat(p)
end

-- ---- editor types: LuaLS annotations

local LUALS = {
  string = "string", integer = "integer", number = "number", boolean = "boolean", list = "string[]", cert = "string", any = "any",
}

local function luals(ty)
  local base, optional = ty:match "^(%a+)(%??)$"
  return (LUALS[base] or "any") .. optional
end

local function one_line(doc) return trim(doc):gsub("%s+", " ") end

-- Variables known in the same phases share a class, and the class of a phase
-- inherits those that hold there: each variable is written once. There is no
-- index signature, so that an editor marks what is too early or misspelt.
local function mail_meta(tables)
  local p = page()
  local order, sets = {}, {}
  local function add(row, line)
    local key = rows.mask(row.phases)
    if not sets[key] then
      sets[key] = { phases = row.phases }
      table.insert(order, key)
    end
    table.insert(sets[key], line)
  end
  for _, row in ipairs(sorted(tables.var, function(r) return r.name end)) do
    add(row, ("---@field %s %s %s\n"):format(row.name, luals(row.type), one_line(row.doc)))
  end
  for _, row in ipairs(sorted(tables.family, function(r) return r.name end)) do
    if not row.name:match "%*$" then
      local of = row.name == "lheader" and "string[]?" or "string?"
      add(row, ("---@field %s table<any, %s> %s\n"):format(row.name, of, one_line(row.doc)))
    end
  end

  p "---@meta\n-- Made by `make docs` from core/policy/api; do not edit.\n"
  p "-- The mail object, one class a phase: ---@param m mail.rcpt\n"
  for i, key in ipairs(order) do
    p("\n-- %s\n---@class mail.known%d\n", phases_text(sets[key].phases), i)
    for _, line in ipairs(sets[key]) do p(line) end
  end
  p "\n"
  for _, phase in ipairs(rows.PHASES) do
    local bases = {}
    for i, key in ipairs(order) do
      if rawget(sets[key].phases, phase) then table.insert(bases, "mail.known" .. i) end
    end
    p("---@class mail.%s : %s\n", phase, table.concat(bases, ", "))
  end
  return table.concat(p)
end

local OPTION_LUALS = {
  string = "string", boolean = "boolean", integer = "integer|string", size = "integer|string", time = "integer|string",
  fixed = "number|string", octal = "integer|string", ["function"] = "function", table = "table",
}

local function option_class(p, tables, kind, name)
  local seen = {}
  p("\n---@class %s\n", name)
  for _, row in ipairs(sorted(tables.option, function(r) return r.name end)) do
    if row.kind == kind and not row.never and not seen[row.name] then
      seen[row.name] = true
      local ty = OPTION_LUALS[row.type] or "string|string[]"
      if row.func then ty = ty .. "|fun(m: mail." .. row.func .. "): any" end
      p("---@field %s? %s %s\n", row.name, ty, one_line(row.doc))
    end
  end
end

-- What rules declare things with: tables whose fields are called with the thing.
local function declarers(p, tables)
  p "\n-- ACLs, one a phase: a list of statements, or a function that answers with a verb\n---@class acl.phases\n"
  for i = 1, rows.ACLS do
    p("---@field %s fun(what: string|statement[]|fun(m: mail.%s): any)\n", rows.PHASES[i], rows.PHASES[i])
  end
  p "---@field sub table<string, fun(what: statement[]|fun(m: any): any)> ACLs that others call by name\nacl = {}\n"
  for _, kind in ipairs { "router", "transport", "authenticator" } do
    local more = kind == "router" and "|fun(m: mail.route): any" or ""
    p("\n---@type table<string, fun(options: %s.options%s)>\n%s = {}\n", kind, more, kind)
  end
  for _, list in ipairs { "addresslist", "domainlist", "hostlist", "localpartlist" } do
    p("\n---@class %s.one\n---@field has fun(self: any, subject: string): boolean\n", list)
    p("---@type table<string, %s.one|string|any[]>\n%s = {}\n", list, list)
  end
  p "\nretry = {}\n---A retry rule: { addresses, errors, \"F,2h,15m; G,16h,1h,1.5\" }.\n---@param rule string[]\n"
  p "function retry.rule(rule) end\n"
  p "\nevent = {}\n---Calls a function for each event of a name.\n---@param name "
  local names = {}
  for i, row in ipairs(sorted(tables.event, function(r) return r.name end)) do names[i] = '"' .. row.name .. '"' end
  p("%s\n---@param act fun(m: mail.event): any\nfunction event.on(name, act) end\n", table.concat(names, "|"))
  for _, of in ipairs { { "check", "condition", ": boolean" }, { "control", "control", "" } } do
    p("\n---@class rules.%s\n", of[1])
    for _, row in ipairs(sorted(tables.word, function(r) return r.name end)) do
      if row.kind == of[2] and not row.feature then
        p("---@field %s fun(...: any)%s %s\n", row.name, of[3], one_line(row.doc))
        if row.not_ then p("---@field not_%s fun(...: any)%s\n", row.name, of[3]) end
      end
    end
    p("%s = {}\n", of[1])
  end
end

local function rules_meta(tables)
  local p = page()
  p "---@meta\n-- Made by `make docs` from core/policy/api; do not edit.\n-- What a rule file can call and say.\n"
  option_class(p, tables, "main", "site.options")
  option_class(p, tables, "router", "router.options")
  option_class(p, tables, "transport", "transport.options")
  option_class(p, tables, "authenticator", "authenticator.options")
  p "\n---@class statement\n"
  for _, row in ipairs(sorted(tables.word, function(r) return r.name end)) do
    if row.kind == "condition" or row.kind == "modifier" then
      p("---@field %s? any %s\n", row.name, one_line(row.doc))
      if row.not_ then p("---@field not_%s? any\n", row.name) end
    end
  end
  declarers(p, tables)
  p "\n---@param options site.options\nfunction site(options) end\n"
  for _, row in ipairs(sorted(tables.word, function(r) return r.name end)) do
    if row.kind == "verb" then
      p("\n---%s\n---@param spec? string|statement|function\nfunction %s(spec) end\n", one_line(row.doc), row.name)
    end
  end
  local made = {}
  for _, row in ipairs(sorted(tables.fn, function(r) return r.name end)) do
    local path = row.name:gsub(":", ".")
    local whole = ""
    for part in path:gmatch "([%w_]+)%." do
      whole = whole == "" and part or whole .. "." .. part
      if not made[whole] then
        made[whole] = true
        p("\n%s = {}\n", whole)
      end
    end
  end
  for _, row in ipairs(sorted(tables.fn, function(r) return r.name end)) do
    local names = {}
    p("\n---%s\n", one_line(row.doc))
    for _, a in ipairs(row.args or {}) do
      local ty = a[2] or "any"
      table.insert(names, a[1])
      if a[1] ~= "..." then p("---@param %s%s %s\n", a[1], ty:match "%?$" and "?" or "", (ty:gsub("%?$", ""))) end
    end
    local returns = type(row.returns) == "table" and table.concat(row.returns, ", ") or row.returns
    if returns then p("---@return %s\n", returns) end
    if not made[row.name] then p("function %s(%s) end\n", row.name, table.concat(names, ", ")) end
  end
  return table.concat(p)
end

-- Named lists are made by assignment; everything else is only read or called.
local LISTS = { "addresslist", "domainlist", "hostlist", "localpartlist" }

local function luacheck_std(tables)
  local names = { site = true, acl = true, router = true, transport = true, retry = true, event = true, rewrite = true,
                  authenticator = true, check = true, control = true }
  for _, row in ipairs(tables.word) do
    if row.kind == "verb" then names[row.name] = true end
  end
  for _, row in ipairs(tables.fn) do names[row.name:match "^[%w_]+"] = true end
  for _, name in ipairs(LISTS) do names[name] = nil end
  local list = {}
  for name in pairs(names) do table.insert(list, name) end
  table.sort(list)
  local p = page()
  p "-- Made by `make docs` from core/policy/api; do not edit.\n"
  p "-- The globals of rules, for .luacheckrc:  stds.perigee = dofile \"lua/meta/luacheck.lua\"  std = \"luajit+perigee\"\n"
  p "return {\n  globals = {\n"
  for _, name in ipairs(LISTS) do p("    %q,\n", name) end
  p "  },\n  read_globals = {\n"
  for _, name in ipairs(list) do p("    %q,\n", name) end
  p "  },\n}\n"
  return table.concat(p)
end

-- For editors with lua-language-server, in every directory of rules: where lua/meta is, from here in the source tree and
-- where `make install` puts it. Rules run in a sandbox; what it takes away is marked as unknown.
local function luarc(up)
  return ([[
{
  "$schema": "https://raw.githubusercontent.com/LuaLS/vscode-lua/master/setting/schema.json",
  "runtime.version": "LuaJIT",
  "runtime.builtin": { "io": "disable", "os": "disable", "debug": "disable", "package": "disable", "ffi": "disable", "jit": "disable" },
  "workspace.library": ["%slua/meta", "/usr/local/share/perigee/meta", "/usr/share/perigee/meta"],
  "workspace.checkThirdParty": false
}
]]):format(up)
end

-- Fails before it writes half a page: everything is made first.
return function(tables, root, write)
  local files = {
    { "docs/ref/vars.md", vars_page(tables) }, { "docs/ref/options.md", options_page(tables) },
    { "docs/ref/acl.md", acl_page(tables) }, { "docs/ref/events.md", events_page(tables) },
    { "docs/ref/functions.md", functions_page(tables) }, { "docs/ref/phases.md", phases_page(tables) },
    { "docs/ref/exim.md", require "emit_exim"(tables, MADE) },
    { "docs/ref/world.md", require "emit_world".page(tables, MADE) }, { "lua/meta/world.lua", require "emit_world".meta(tables) },
    { "lua/meta/mail.lua", mail_meta(tables) },
    { "lua/meta/rules.lua", rules_meta(tables) }, { "lua/meta/luacheck.lua", luacheck_std(tables) },
    { "rules/.luarc.json", luarc "../" }, { "examples/.luarc.json", luarc "../" },
  }
  for _, file in ipairs(files) do write(root .. "/" .. file[1], file[2]) end
end
