-- emit_c - the C side of every row, and the shipped Lua as C arrays
--
--   gen/options.h   enum opt, topt, ropt     gen/options.c   their rows and defaults
--   gen/vars.c, gen/getters.h   variables     gen/shipped.c   lua/host, lua/mail, lua/lib and gen/rows.lua
--   gen/libs.c      the list of lib_*.c

local rows = require "rows"

local HEAD = "/* Made by lua/gen from core/policy/api; do not edit. */\n"

local function c_string(text)
  return '"' .. text:gsub('[%c"\\?]', function(c) return ("\\%03o"):format(c:byte()) end) .. '"'
end

local function c_name(name) return (name:gsub("[^%w]", "_")) end

local VAR_TYPE = {
  string = "VAL_STR", integer = "VAL_INT", number = "VAL_NUM", boolean = "VAL_BOOL", list = "VAL_LIST", cert = "VAL_STR",
}
local OPTION_TYPE = {
  string = "VAL_STR", boolean = "VAL_BOOL", integer = "VAL_INT", size = "VAL_INT", time = "VAL_INT", octal = "VAL_INT",
  fixed = "VAL_NUM", list = "VAL_LIST", hostlist = "VAL_LIST", domainlist = "VAL_LIST", addresslist = "VAL_LIST",
  localpartlist = "VAL_LIST", timelist = "VAL_LIST", ["function"] = "VAL_FUNC", table = "VAL_LIST",
}

-- ---- variables

local NIL_UNTIL = "get_none"     -- of a row with a feature

local function emit_vars(tables)
  local text = { HEAD, '#include "getters.h"\n\n' }
  local h = { HEAD, '#ifndef GEN_GETTERS_H\n#define GEN_GETTERS_H\n\n#include "policy/vars.h"\n\n' }
  local seen = {}
  for _, row in ipairs(tables.var) do
    for _, fn in ipairs { { row.get or NIL_UNTIL, "var_get" }, { row.put, "var_put" } } do
      if fn[1] and not seen[fn[1]] then table.insert(h, ("%s %s;\n"):format(fn[2], fn[1])) end
      if fn[1] then seen[fn[1]] = true end
    end
  end
  table.insert(text, "\nconst struct var_row var_rows[] = {\n")
  for _, row in ipairs(tables.var) do
    for _, name in ipairs { row.name, unpack(row.also or {}) } do
      table.insert(text, ("    { %s, %s, %s, %s, %s, %s, %s },\n"):format(
        c_string(name), VAR_TYPE[(row.type:gsub("%?$", ""))], rows.mask(row.phases), row.get or NIL_UNTIL, row.put or "NULL",
        row.wait and c_string(row.wait) or "NULL", rows.mask(row.writable or {})))
    end
  end
  table.insert(text, "};\nconst size_t var_count = sizeof var_rows / sizeof var_rows[0];\n")
  table.insert(text, "\nconst struct gone_row gone_rows[] = {\n")
  for _, row in ipairs(tables.gone) do
    table.insert(text, ("    { %s, %s },\n"):format(c_string(row.name), c_string(row.text)))
  end
  table.insert(text, "    { NULL, NULL }\n};\n\nconst struct family_row family_rows[] = {\n")
  for _, row in ipairs(tables.family) do
    table.insert(text, ("    { %s, %s, %s },\n"):format(
      c_string((row.name:gsub("%*$", ""))), rows.mask(row.phases), rows.mask(row.writable or {})))
  end
  table.insert(text, "    { NULL, 0, 0 }\n};\n")
  -- What rules may call, for the spec that calls each with hostile values (R8.7).
  table.insert(text, "\nconst char *const fn_names[] = {\n")
  for _, row in ipairs(tables.fn) do
    if not row.feature then table.insert(text, "    " .. c_string(row.name) .. ",\n") end
  end
  table.insert(text, "    NULL\n};\n")
  table.insert(h, "\n#endif\n")
  return table.concat(text), table.concat(h)
end

-- ---- options

local function default_of(row, lists)
  local v = row.default
  if v == nil then return "{ .type = VAL_NIL }" end
  if type(v) == "boolean" then return ("{ .type = VAL_BOOL, .u.b = %s }"):format(tostring(v)) end
  if type(v) == "number" then
    if row.type == "fixed" then return ("{ .type = VAL_NUM, .u.d = %.17g }"):format(v) end
    return ("{ .type = VAL_INT, .u.i = %d }"):format(v)
  end
  if type(v) == "string" then return ("{ .type = VAL_STR, .u.s = STR_INIT(%s) }"):format(c_string(v)) end
  local items = {}
  for i, item in ipairs(v) do items[i] = "STR_INIT(" .. c_string(item) .. ")" end
  if #items == 0 then return "{ .type = VAL_LIST }" end
  table.insert(lists, ("static const struct str list_%d[] = { %s };\n"):format(#lists + 1, table.concat(items, ", ")))
  return ("{ .type = VAL_LIST, .u.list = { list_%d, %d } }"):format(#lists, #items)
end

-- A default must be what a set value would be, or readers meet a type they do not expect.
local LUA_TYPE = { VAL_STR = "string", VAL_BOOL = "boolean", VAL_INT = "number", VAL_NUM = "number", VAL_LIST = "table" }

local function check_default(row)
  if row.default ~= nil and type(row.default) ~= LUA_TYPE[OPTION_TYPE[row.type]] then
    error(("%s: %s: the default is no %s"):format(row.where, row.name, row.type), 0)
  end
end

-- Options of routers are lua/mail's alone.
local ENUMS = { { "main", "opt", "OPT" }, { "transport", "topt", "TOPT" } }

local function emit_options(tables)
  local h = { HEAD, "#ifndef GEN_OPTIONS_H\n#define GEN_OPTIONS_H\n\n#include \"policy/optrow.h\"\n" }
  local c = { HEAD, '#include "options.h"\n\n' }
  local lists, body = {}, {}

  for _, row in ipairs(tables.option) do
    if not row.never then check_default(row) end
  end
  for _, e in ipairs(ENUMS) do
    local kind, enum, prefix = unpack(e)
    local names, values, seen = {}, {}, {}
    for _, row in ipairs(tables.option) do
      if row.kind == kind and not row.never and not seen[row.name] then
        seen[row.name] = true
        table.insert(names, ("    %s_%s,\n"):format(prefix, c_name(row.name)))
        table.insert(values, ("    { { %s, %s, %s, %s, %s }, %s, %s, %s },\n"):format(
          c_string(row.name), c_string(row.section or kind), OPTION_TYPE[row.type], c_string(row.doc), tostring(row.secret or false),
          row.func and "PH_" .. row.func:upper() or "PH_OPTION", tostring(row.restart or false),
          default_of(row, lists)))
      end
    end
    table.insert(h, ("\nenum %s {\n%s    %s_COUNT\n};\nextern const struct option_row %s_rows[%s_COUNT + 1];\n"):format(
      enum, table.concat(names), prefix, enum, prefix))
    table.insert(body, ("\nconst struct option_row %s_rows[%s_COUNT + 1] = {\n%s" ..
      "    { { NULL, NULL, 0, NULL, false }, PH_OPTION, false, { .type = VAL_NIL } }\n};\n"):format(enum, prefix, table.concat(values)))
  end
  table.insert(h, "\n#endif\n")
  for _, list in ipairs(lists) do table.insert(c, list) end
  for _, part in ipairs(body) do table.insert(c, part) end
  return table.concat(h), table.concat(c)
end

-- ---- the rows as Lua, for lua/mail

local function lua_value(v)
  if type(v) == "string" then return ("%q"):format(v):gsub("\\\n", "\\n") end
  if type(v) == "table" then
    local parts = {}
    for i, item in ipairs(v) do parts[i] = lua_value(item) end
    return "{" .. table.concat(parts, ",") .. "}"
  end
  return tostring(v)
end

local function lua_set(list)
  local parts = {}
  for i, name in ipairs(list) do parts[i] = "[" .. lua_value(name) .. "]=true" end
  return "{" .. table.concat(parts, ",") .. "}"
end

local PLAIN = { "name", "kind", "type", "func", "wait", "restart", "default", "values", "feature", "never", "section", "before",
                "waits", "not_", "data", "result", "also" }

local function lua_row(row)
  local parts = {}
  for _, key in ipairs(PLAIN) do
    if row[key] ~= nil then table.insert(parts, key .. "=" .. lua_value(row[key])) end
  end
  if row.writable then table.insert(parts, "writable=" .. lua_set(rows.phases(row.writable))) end
  -- a function whose first argument names a file: the check looks whether it is there
  if row.args and row.args[1] and row.args[1][1] == "file" then table.insert(parts, "file=true") end
  if row.phases then table.insert(parts, "phases=" .. lua_set(rows.phases(row.phases))) end
  if row.drivers then table.insert(parts, "drivers=" .. lua_set(row.drivers)) end
  if row.kind_of_row == "var" then table.insert(parts, "nilable=" .. tostring(row.type:match "%?$" ~= nil)) end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- Options of one name with a row for each driver: rows.option.transport[name].by[driver].
local function emit_rows(tables)
  local text = { "local r = { vars = {}, families = {}, gone = {}, events = {}, functions = {},\n",
                 "options = { main = {}, router = {}, transport = {}, authenticator = {}, retry = {} },\n",
                 "acl_words = { verb = {}, condition = {}, modifier = {}, control = {}, verify = {} } }\n",
                 "local x, t\nlocal function put(t, names, x) for _, n in ipairs(names) do t[n] = x end end\n",
                 "local function option(t, names, x) for _, n in ipairs(names) do local o = t[n]\n",
                 "  if not o then t[n] = x; if x.drivers then x.by = {}; for d in pairs(x.drivers) do x.by[d] = x end end\n",
                 "  else for d in pairs(x.drivers) do o.by[d] = x; o.drivers[d] = true end end end end\n",
                 "r.phases = " .. lua_value(rows.PHASES) .. "\n" }
  local function names(row) return lua_value { row.name, unpack(row.also or {}) } end
  for _, row in ipairs(tables.var) do
    table.insert(text, ("put(r.vars,%s,%s)\n"):format(names(row), lua_row(row)))
  end
  for _, row in ipairs(tables.family) do
    table.insert(text, ("r.families[%s]=%s\n"):format(lua_value((row.name:gsub("%*$", ""))), lua_row(row)))
  end
  for _, row in ipairs(tables.gone) do
    table.insert(text, ("r.gone[%s]=%s\n"):format(lua_value(row.name), lua_value(row.text)))
  end
  for _, row in ipairs(tables.option) do
    table.insert(text, ("option(r.options.%s,%s,%s)\n"):format(row.kind, names(row), lua_row(row)))
  end
  for _, row in ipairs(tables.word) do
    table.insert(text, ("t=r.acl_words.%s if not t then t={} r.acl_words.%s=t end put(t,%s,%s)\n"):format(
      row.kind, row.kind, names(row), lua_row(row)))
  end
  for _, row in ipairs(tables.event) do
    table.insert(text, ("r.events[%s]=%s\n"):format(lua_value(row.name), lua_row(row)))
  end
  for _, row in ipairs(tables.fn) do
    table.insert(text, ("r.functions[%s]=%s\n"):format(lua_value(row.name), lua_row(row)))
  end
  table.insert(text, "return r\n")
  return table.concat(text)
end

-- ---- shipped Lua

local function bytes(name, text)
  local out, line = {}, {}
  for i = 1, #text do
    table.insert(line, text:byte(i))
    if #line == 24 then
      table.insert(out, table.concat(line, ",") .. ",\n")
      line = {}
    end
  end
  table.insert(out, table.concat(line, ",") .. (#line > 0 and "," or "") .. "0\n")
  return ("static const char %s[] = {\n%s};\n"):format(name, table.concat(out))
end

-- Bytecode is good for one version of LuaJIT only. The program compiles this and
-- compares: if what it gets is what we got, its LuaJIT is the one that is used here.
-- It holds most of the kinds of instruction, and no table whose order chance decides.
local PROBE = [[
local a, b, c, d = ..., 1, 2.5, "x"
local t, u, v = {}, { 1, 2, 3 }, { a, b }
local function f(x, ...)
  local n, up = x + 1, a
  n = n - x; n = x * 2; n = n / 3; n = n % 4; n = n ^ 2; n = -n; n = 1 - n; n = 2 * x
  if x == n or x ~= 1 or x < n or x <= n or x > 2 or not (x >= n) or x == "y" or x == nil or x == true then n = #d end
  t.x, t[1], t[n], t[x] = n, x, up, nil
  up = t.x; up = t[1]; up = t[n]; a = up; b = 1; c = nil; d = "z"
  for i = 1, n do if i > 2 then break end t[i] = function(...) return i, up, ... end end
  for k, w in pairs(t) do u[k] = w .. k .. "s" end
  for i, w in ipairs(u) do v[i] = w end
  while n > 0 do n = n - 1 end
  repeat n = n + 1 until n == 3
  g = g or t:m(1, ...)
  return x and n or f(...), select("#", ...)
end
return f, f(1, f(2)), (f(3)), f(4, ...)
]]

-- lua/mail/lists.lua is "mail/lists"; the rows are "gen/rows".
local function emit_shipped(input, rows_text)
  local text, list = { HEAD, '#include "policy/shipped.h"\n\n' }, {}
  local function embed(name, content)
    local id = "s_" .. c_name(name)
    table.insert(text, bytes(id, content))
    table.insert(text, bytes("b" .. id, string.dump(assert(loadstring(content, "=" .. name)))))
    table.insert(list, ("    { %s, %s, sizeof %s - 1, b%s, sizeof b%s - 1 },\n"):format(c_string(name), id, id, id, id))
  end
  for _, path in ipairs(input.lua) do
    local name = path:match "^lua/(%a+/.*)%.lua$"
    if name and not name:match "^gen/" then
      local f = assert(io.open(path, "rb"))
      local content = f:read("*a")
      f:close()
      assert(loadstring(content, "@" .. path))
      embed(name, content)
    end
  end
  embed("gen/rows", rows_text)
  table.insert(text, "\nconst struct shipped shipped[] = {\n" .. table.concat(list) .. "    { NULL, NULL, 0, NULL, 0 }\n};\n")
  table.insert(text, bytes("s_probe", PROBE) .. bytes("bs_probe", string.dump(assert(loadstring(PROBE, "=probe")))))
  table.insert(text, "const struct shipped shipped_probe = { \"probe\", s_probe, sizeof s_probe - 1, bs_probe, sizeof bs_probe - 1 };\n")
  return table.concat(text)
end

local function emit_libs(input)
  local text, list = { HEAD, '#include "policy/shipped.h"\n\n' }, {}
  for _, path in ipairs(input.libs) do
    local name = path:match "/(lib_[%w_]+)%.c$"
    table.insert(text, ("extern const struct lib %s;\n"):format(name))
    table.insert(list, ("    &%s,\n"):format(name))
  end
  table.insert(text, "\nconst struct lib *const libs[] = {\n" .. table.concat(list) .. "    NULL\n};\n")
  return table.concat(text)
end

-- R8: a spec that reads every variable in every phase; the C part is a table of names.
return function(tables, input, out, write)
  local rows_text = emit_rows(tables)
  assert(loadstring(rows_text, "@gen/rows"))
  local h, c = emit_options(tables)
  write(out .. "/options.h", h)
  write(out .. "/options.c", c)
  local vars, getters = emit_vars(tables)
  write(out .. "/vars.c", vars)
  write(out .. "/getters.h", getters)
  write(out .. "/shipped.c", emit_shipped(input, rows_text))
  write(out .. "/libs.c", emit_libs(input))
end
