-- check - what is wrong with rules and can be seen without running them
--
-- Loaded only where rules are checked (`perigee check`, a reload's checker). Each
-- file is read as a tree; the judgements below are made once all are declared.
-- They must be right: where the text does not say enough, nothing is said. What
-- fails whenever it is reached is an error; what may be meant is a warning.

local host, use = ...
local words = use "words"
local check_tls = use "check_tls"
local report = use "report"
local lists = use "lists"
local conditions = use "conditions"
local modifiers = use "modifiers"
local routers = use "routers"
local transports = use "transports"
local acl = use "acl"
local parse = use "check_parse"
local read = use "check_read"
local phases = use "check_phases"
local check = {}

local files, graph, api = {}, nil, {}

-- names: the globals of rules before a rule ran. missing(name) -> what is said of one that is not there.
function check.start(names, missing)
  files, graph = {}, phases.new()
  api.names, api.missing = {}, missing
  for name in pairs(names) do api.names[name] = true end
end

local function add(name, bytes)
  -- What LuaJIT compiled and we cannot read is left alone.
  local ok, main = pcall(parse.read, bytes)
  if not ok then return end
  local found = read.facts(main)
  found.file = name
  files[#files + 1] = found
  phases.add(graph, found)
  return found
end

local required = {}

-- One rule file, and the files of lib/ that it requires.
function check.file(name, bytes)
  local found = add(name, bytes)
  for _, c in ipairs(found and found.calls or {}) do
    local module = c.path == "require" and c.a[1] and c.a[1].k == "string" and c.a[1].v
    local path = module and "lib/" .. module:gsub("%.", "/") .. ".lua"
    local text = path and not required[path] and host.file(path)
    if text then
      required[path] = true
      if host.compile(path, text) then check.file(path, text) end
    end
  end
end

-- ---- phases

local ACL_PHASE = {}
for i = 1, 22 do if host.phases[i] then ACL_PHASE[host.phases[i]] = true end end

-- Of these phases: those where it may be, and those where it may not, as texts; nil: none.
local function split(where, allowed)
  local good, bad = {}, {}
  for _, phase in ipairs(host.phases) do
    if where[phase] then table.insert(allowed[phase] and good or bad, phase) end
  end
  return #good > 0 and table.concat(good, ", ") or nil, #bad > 0 and table.concat(bad, ", ") or nil
end

local function known_in(allowed)
  local names = {}
  for _, phase in ipairs(host.phases) do if allowed[phase] then names[#names + 1] = phase end end
  return table.concat(names, ", ")
end

-- Said of something that may not be in some of the phases its function runs in.
-- A helper may be written so that it does not get there: that is a warning.
local function by_phase(at, node, allowed, text)
  local good, bad = split(node.phases, allowed)
  if not bad then return end
  if good or not node.direct then
    report.warning(at, "%s in phase %s, where this may run, too; only in %s", text, bad, known_in(allowed))
  else
    report.problem(at, "%s in phase %s, only in %s", text, bad, known_in(allowed))
  end
end

-- ---- m.NAME

local function family(name)
  return host.families[name] or host.families[name:match("^(acl_[cm]_).") or name:match("^(r_).") or ""]
end

local function unknown_variable(name)
  local gone = host.gone and host.gone[name]
  if gone then return "there is no variable " .. name .. ": " .. gone end
  if name:find("^h_") or name:find("^header_") then
    return 'header fields are read as m.header.NAME or m.header["NAME"], not as m.' .. name
  end
  return "there is no variable " .. name .. words.meant(name, host.vars)
end

local function judge_field(at, f)
  local row = host.vars[f.n] or family(f.n)
  if not f.b.phases then
    if f.b.n == "m" and not row then report.warning(at, "%s", unknown_variable(f.n)) end
  elseif not row then
    report.problem(at, "%s", unknown_variable(f.n))
  elseif f.write and not (row.writable and next(row.writable)) then
    report.problem(at, "%s cannot be assigned to; rules keep what is theirs in m.acl_c_NAME and m.acl_m_NAME", f.n)
  else
    by_phase(at, f.b, f.write and row.writable or row.phases, f.n .. (f.write and " cannot be assigned to" or " is not known"))
  end
end

-- ---- texts

-- Exim's habit: a text with $domain in it. Ours are texts; what is written there is what is sent.
local function judge_text(at, text)
  for before, name in text:gmatch("(.?)%${?([%a_][%w_]*)") do
    local field = name:match("^[rbl]?h_(.+)$") or name:match("^[rbl]?header_(.+)$")
    if before ~= "\\" and before ~= "$" and (host.vars[name] or field) then
      return report.warning(at, "texts are not expanded: $%s stays as it is; use m.%s, in a function(m)", name,
        not field and name or field:find("^[%a_][%w_]*$") and "header." .. field:lower() or 'header["' .. field:lower() .. '"]')
    end
  end
end

-- ---- names of the library, and globals

local LISTS = {}
for kind, title in pairs(lists.KINDS) do LISTS[title] = kind end
local STANDARD = { string = string, table = table, math = math, bit = bit, coroutine = coroutine }

local function judge_member(at, path, env)
  local base, name, rest = path:match("^([^.]+)%.([^.]+)(.*)$")
  if not api.names[base] or rawget(env, base) == nil then return end
  if LISTS[base] then
    local named = lists.named[LISTS[base]]
    if not named[name] then report.problem(at, "%s", lists.unknown(base, name, named)) end
  elseif STANDARD[base] then
    if STANDARD[base][name] == nil then
      report.problem(at, "there is no %s.%s%s", base, name, words.meant(name, STANDARD[base]))
    end
  elseif api.locked[base] then
    local value = env
    for part in path:gmatch("[^.]+") do
      local ok, inner = pcall(function() return value[part] end)
      if not ok then return report.problem(at, "%s", (tostring(inner):gsub("^[^:\n]+:%d+: ", ""))) end
      if type(inner) ~= "table" then return end
      value = inner
    end
  end
  return rest
end

local function globals_of()
  local written, readers = {}, {}
  for _, found in ipairs(files) do
    for _, g in ipairs(found.globals) do
      if g.write then written[g.n] = true
      else
        readers[g.n] = readers[g.n] or {}
        readers[g.n][found] = true
      end
    end
  end
  return written, readers
end

local function judge_write(at, g, found, readers)
  if api.names[g.n] then
    return report.warning(at, 'global "%s" is part of the library: this hides it from every file', g.n)
  end
  if g.fn ~= found.main then
    local text = 'global "%s" is assigned to in a function: write `local`, or keep it in the mail object or the store'
    if g.fn.phases and not g.fn.guarded then report.problem(at, text, g.n) else report.warning(at, text, g.n) end
    return
  end
  for other in pairs(readers[g.n] or {}) do if other ~= found then return end end
  report.warning(at, '"%s" is a global that no other file reads: write `local`', g.n)
end

local function judge_globals(found, env, written, readers)
  for _, g in ipairs(found.globals) do
    local at = found.file .. ":" .. g.l
    if g.write then judge_write(at, g, found, readers)
    elseif rawget(env, g.n) == nil and not written[g.n] and not g.fn.guarded then
      report.problem(at, "%s", api.missing(g.n))
    end
  end
end

-- ---- calls

-- A value that is written out: a text, or a table of texts. Nil for everything else.
local function literal(e)
  e = e and read.origin(e)
  if not e then return nil end
  if e.k == "string" then return e.v end
  if e.k ~= "table" then return nil end
  local out = {}
  for i, item in ipairs(e.items) do
    local v = not item.key and not item.e and read.origin(item.v)
    if not v or v.k ~= "string" then return nil end
    out[i] = v.v
  end
  return out
end

local function judge_word(at, c, kind, name)
  local row = host.acl_words[kind][name]
  local node = c.fn
  if not row or not row.phases or not node.phases then return end
  -- outside of ACLs a word is as good as the variables it reads
  for phase in pairs(node.phases) do if not ACL_PHASE[phase] then return end end
  by_phase(at, node, row.phases, string.format("%s.%s cannot be used", kind == "control" and "control" or "check", name))
end

-- check.hosts("+friends"): what would be wrong in a statement is wrong here.
local function judge_check(at, c, name)
  judge_word(at, c, "condition", name)
  if not conditions.built(name) or #c.a == 0 or (name == "acl" and #c.a > 1) then return end
  local value = literal(c.a[1])
  for i = 2, #c.a do
    local more = literal(c.a[i])
    if type(value) == "string" then value = { value } end
    if type(value) ~= "table" or type(more) ~= "string" then return end
    value[#value + 1] = more
  end
  if value == nil then return end
  report.attempt(function() conditions.compile(name, value, at) end, at)
end

-- deny { control = "freeze" } as an answer or as an act.
local function judge_answer(at, c, verb)
  local node = c.fn
  if not node.phases or not node.direct then return end
  for phase in pairs(node.phases) do if not ACL_PHASE[phase] then return end end
  for phase in pairs(node.phases) do
    local why = acl.verb_refused(verb, phase)
    if why then report.problem(at, "%s", why) end
  end
  local spec = c.a[1] and read.origin(c.a[1])
  if not spec or spec.k ~= "table" then return end
  for _, item in ipairs(spec.items) do
    local row = item.key and host.acl_words.modifier[item.key]
    local value = item.key == "control" and literal(item.v)
    if row and row.phases then by_phase(at, node, row.phases, item.key .. " cannot be used") end
    local names, wrong = {}, {}
    if value then names, wrong = modifiers.control_names(value, at) end
    for i, name in ipairs(names) do
      if wrong[i] then report.problem(at, "%s", wrong[i]) end
      if not host.acl_words.control[name] then
        report.problem(at, 'there is no control "%s"%s', name, words.meant(name, host.acl_words.control))
      end
      judge_word(at, c, "control", name)
    end
  end
end

local function judge_file(at, c)
  local e = c.a[1] and read.origin(c.a[1])
  if not e then return end
  if e.k == "op" and e.o == ".." then
    report.warning(at, "the file is put together with ..; write path(ROOT, part, ...), which takes only safe names")
  elseif e.k == "string" then
    local there, why = host.file_readable(e.v)
    if not there then report.warning(at, "%s: %s", c.path, why) end
  end
end

-- control.freeze("now"), where every option is written out.
local function judge_options(at, c, name)
  local options = {}
  for _, a in ipairs(c.a) do
    local o = read.origin(a)
    if not o or o.k ~= "string" then return end
    options[#options + 1] = o.v
  end
  local wrong = modifiers.controls[name] and modifiers.options_refused(name, options)
  if wrong then report.problem(at, "%s", wrong) end
end

local function judge_route(at, c)
  local spec = c.a[1] and read.origin(c.a[1])
  if not spec or spec.k ~= "table" then return end
  for _, item in ipairs(spec.items) do
    local v = item.key == "transport" and read.origin(item.v)
    if v and v.k == "string" then transports.check_name(v.v, at, c.path) end
  end
end

local function judge_call(found, c)
  local at = found.file .. ":" .. c.l
  local base, name = (c.path or ""):match("^([%w_]+)%.?(.*)$")
  if not base or c.fn.guarded or not api.names[base] then return end
  if base == "check" then judge_check(at, c, name)
  elseif base == "control" then
    judge_word(at, c, "control", name)
    judge_options(at, c, name)
  elseif phases.VERBS[c.path] then judge_answer(at, c, c.path)
  elseif c.path == "route.to" then judge_route(at, c) end
  local row = host.functions[c.path] or host.functions[(c.path:gsub("%.try%.", "."))]
  -- a table made at load is opened at load, and says so itself
  if row and row.file and not (c.fn == found.main and c.path:find("^lookup%.table%.")) then judge_file(at, c) end
end

-- transport.x { directory = dir_of }: what is written in place is found by source.lua.
local PATHS = { directory = true, file = true }
local function judge_paths(found, c)
  local spec = c.path and c.path:find("^transport%.") and c.a[1] and read.origin(c.a[1])
  if not spec or spec.k ~= "table" then return end
  for _, item in ipairs(spec.items) do
    local fn = PATHS[item.key or ""] and item.v.k ~= "fn" and read.origin(item.v)
    for _, r in ipairs(fn and fn.k == "fn" and fn.returns or {}) do
      if r.e[1] and read.origin(r.e[1]).o == ".." then
        report.warning(found.file .. ":" .. r.l, '"%s" is put together with ..; write path(ROOT, part, ...), which takes only safe names',
          item.key)
      end
    end
  end
end

-- ---- options that name hosts

-- "relay.example:587" is a list of two in Exim's form; the second half is no host.
local function judge_hosts(what, where, list)
  local before
  for _, item in ipairs(list) do
    if type(item) == "table" then item = item.name end
    if type(item) == "string" and item:find("^%s*%d+%s*$") then
      report.warning(where, '%s: "%s" is a number and no host: a colon divides a list; %s', what, item,
        before and string.format('for a port write "%s::%s" in route_list, or port = %s in the transport', before, item, item)
          or "write the host's name or address")
    end
    before = item
  end
end

local function judge_host_options(what, cells)
  for _, name in ipairs { "hosts", "fallback_hosts" } do
    local cell = cells[name]
    if cell and cell.row.type == "list" and type(cell.value) == "table" then judge_hosts(what .. ": " .. name, cell.where, cell.value) end
  end
end

-- ---- options that name files

local NAMES_FILE = { "^tls_certificate$", "^tls_privatekey$", "^tls_crl$", "^tls_ocsp_file$", "^tls_verify_certificates$",
                     "^tls_dhparam$", "^dkim_private_key$", "^.*_ca_file$" }

local function judge_option_files(cells, seen)
  for name, cell in pairs(cells) do
    for _, pattern in ipairs(seen and seen[name] and {} or NAMES_FILE) do
      for _, file in ipairs(name:find(pattern) and (type(cell.value) == "table" and cell.value or { cell.value }) or {}) do
        if type(file) == "string" and file:sub(1, 1) == "/" and not file:find("\n", 1, true) then
          local good, why = (name:find("private_?key$") and host.key_usable or host.file_readable)(file)
          if not good then report.warning(cell.where, "%s: %s", name, why) end
        end
      end
    end
  end
end

-- ---- all of it

-- env: the globals of rules, now that all are declared. locked: the library tables that refuse wrong names.
function check.run(env, locked, site)
  api.locked = locked
  for _, found in ipairs(files) do phases.link(graph, found) end
  phases.settle(graph)
  local written, readers = globals_of()
  for _, found in ipairs(files) do
    for _, f in ipairs(found.fields) do
      if not f.fn.guarded then judge_field(found.file .. ":" .. f.l, f) end
    end
    for _, s in ipairs(found.strings) do
      if s.v:find("$", 1, true) and s.l then judge_text(found.file .. ":" .. s.l, s.v) end
    end
    for _, m in ipairs(found.members) do
      local base = m.path:match("^[^.]+")
      if not m.fn.guarded and not written[base] then judge_member(found.file .. ":" .. m.l, m.path, env) end
    end
    judge_globals(found, env, written, readers)
    for _, c in ipairs(found.calls) do
      judge_call(found, c)
      judge_paths(found, c)
    end
  end
  files, graph = {}, nil
end

-- What options name; once they have been read.
function check.options(site)
  judge_option_files(site.cells, check_tls.PARTS)
  check_tls.run(site.cells, site.ports())
  for _, t in pairs(transports.by_name) do
    judge_option_files(t.cells, t.driver == "smtp" and check_tls.PARTS or nil)
    if t.driver == "smtp" then check_tls.transport(t.cells) end
    judge_host_options("transport." .. t.name, t.cells)
  end
  for _, r in ipairs(routers.list) do
    judge_host_options("router." .. r.name, r.cells)
    for _, rule in ipairs(r.rules or {}) do
      judge_hosts("router." .. r.name .. ": route_list", r.cells.route_list.where, rule.parts.hosts)
    end
  end
end

return check
