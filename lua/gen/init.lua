-- gen - from one table per public name to everything that knows the name
--
-- Run by make:  luajit lua/gen/init.lua c OUTDIR     the C side, into build/gen
--               luajit lua/gen/init.lua docs ROOT    docs/ref, lua/meta, .luacheck std
--
-- It reads every core/policy/api/*.lua. These are the words such a file may use.
-- Each takes one table; a key not named here is an error. doc = [[...]] is needed
-- everywhere: what it is, in sentences of ours, for docs/ref and the editor.
--
-- var {                           a variable of the mail object, m.NAME
--   name   = "spf_result",
--   also   = { "old_name" },      other spellings that still work
--   type   = "string?",           string integer number boolean list cert, "?" when it may be nil
--   values = { "none", ... },     optional: all values it can have
--   phases = since "mail",        see below
--   get    = "get_spf_result",    a C function of core/policy/vars_*.c (var_get in vars.h)
--   feature = "SPF",              in place of get: known, and nil until that feature comes
--   never  = "there is no ...",   in place of get: known, and refused for this reason when it is read
--   put    = "put_spf_result",    optional: host.fact(m, "spf_result", x) may set it (var_put in vars.h)
--   writable = during { "dkim" }, optional: rules may assign to it there; put is called
--   wait   = "fetch_host_name",   optional: the host function that fetches it first (a `waits` function of a lib)
--   group  = "connection",        page section
--   doc    = [[...]],
-- }
-- family { name = "acl_m_*", type =, phases =, writable = phases, group =, doc = }
-- gone { name = "tls_cipher", text = "use tls_in_cipher" }      a name that is refused with that advice
--
-- option {                        a setting of site{}, a router, a transport, an authenticator
--   kind    = "main",             main router transport authenticator retry
--   drivers = { "smtp", "lmtp" }, router, transport, authenticator: which take it; absent: all (generic)
--   name    = "smtp_banner",
--   also    = { ... },
--   type    = "string",           string boolean integer size time fixed octal
--                                 list hostlist domainlist addresslist localpartlist timelist, function, table
--   default = "...",              a Lua value of the normalised type (see below); absent: unset
--   func    = "connect",          optional: it may be a function of m, run in that phase
--   wait    = false,              optional: the function may not wait
--   restart = true,               optional: cannot change live
--   secret  = true,               optional: perigee config does not show it
--   values  = { ... },            optional
--   feature = "TLS",              optional: known, refused until the issue of that feature
--   never   = "there is no ...",  optional: known, refused for this reason: it will not come
--   section = "...",  doc = [[...]],
-- }
--   Normalised (what lua/mail hands to C, and what default is written in): boolean -> boolean;
--   integer, octal, size (bytes), time (seconds) -> integer; fixed -> number; every list -> array of strings;
--   string -> string; timelist -> array of decimal strings, in seconds.
--
-- word {                          a word of an ACL statement
--   kind   = "condition",         verb condition modifier control verify ratelimit ...
--   name   = "hosts",
--   type   = "hostlist",          what it takes
--   phases = ...,                 where it may stand
--   feature = "SPF",              optional, as above
--   not_   = true,                conditions: not_NAME is known too
--   doc    = [[...]],
-- }
-- event { name = "msg:delivery", section = "main" | "transport" | "both", before = false, data = "...", result = "...", doc = }
-- fn {                            a function rules may call
--   name   = "store.get",         dotted path in the rules' environment, or "m:method"
--   args   = { { "name", "string" }, { "key", "string" }, { "ttl", "string?" } },
--   returns = "string?",
--   waits  = true,                optional
--   exim   = { "operator base64" },   optional: the kind and name of what it stands for in Exim's expansions
--   example = { [[f(1) --> 2]] },     optional: expressions, and their values as `perigee eval --json` writes them
--   doc    = [[...]],
-- }
-- restated { name = "operator strlen", as = "#s" }     an expansion of Exim that is no function here: what to write
--                                 instead, or never = "why", or feature = "what it comes with"
--
-- example { of = { "condition hosts", "option main listen" }, code = [[rules]], run = [[C: ... S: ...]] }   examples.lua; run:
--                                 optional, what a client says to them and hears, as in a transcript
-- value { phase = "rcpt", list = { "m.rcpt_count --> 1" } }      values.lua: what variables are in the page's conversation
-- fromspec { name = "w:peer", args =, returns =, doc = }         world.lua: what specs call, and
-- wordof { of = "peer", name = "close", type = "string", doc = }      a word of the table they hand in there
-- Any of these but gone and restated may have since = "0.2.0": the version that brought it, when it is not the first.
--
-- Phases (design 4.2):
--   always                        every phase
--   since "mail"                  mail and later in the walk of a message, not_smtp, route, transport, event, queue
--   session "helo"                helo and later in the session; vrfy, expn, etrn, atrn, wellknown, quit and notquit if it
--                                 begins before mail (since does likewise)
--   during { "rcpt", "route" }    just these;  a + b is both;  a - b takes away
--   acls                          every phase that has an ACL
--
-- At run time lua/mail sees the tables without docs as
--   host.vars[name]              { name, type, phases = { mail = true ... }, nilable }
--   host.options.main[name]      { name, type, func, wait, default, values, feature, never, restart,
--                                drivers = { smtp = true } or nil, by = { smtp = row } where drivers differ }
--   host.options.router[name], host.options.transport[name], host.options.authenticator[name]
--   host.acl_words.condition[name], .modifier, .control, .verb, ...     { name, type, phases, feature }
--   host.events[name]            { name, section, before }
--   host.functions[name]         { name, waits }
--   other spellings (also) are keys too, with row.name the right one

local HERE = arg[0]:match("^(.*/)") or "./"
package.path = HERE .. "?.lua;" .. package.path

local rows = require "rows"
local what, out = arg[1], arg[2]

-- Written only when it changed, so that make rebuilds only what is touched.
local function write(path, text)
  local old = io.open(path, "rb")
  if old then
    local same = old:read("*a") == text
    old:close()
    if same then return end
  end
  local f = assert(io.open(path .. ".new", "wb"))
  assert(f:write(text))
  assert(f:close())
  assert(os.rename(path .. ".new", path))
end

-- The inputs are named on the command line: api tables, Lua to embed, C libraries.
local input = { api = {}, lua = {}, libs = {} }
for i = 3, #arg do
  local path = arg[i]
  if path:match "^core/policy/api/.*%.lua$" then table.insert(input.api, path)
  elseif path:match "^core/policy/lib_.*%.c$" then table.insert(input.libs, path)
  elseif path:match "%.lua$" then table.insert(input.lua, path)
  else error("what is " .. path .. "?") end
end
for _, list in pairs(input) do table.sort(list) end

local ok, tables = pcall(rows.read, input.api)
if not ok then
  io.stderr:write(tostring(tables), "\n")
  os.exit(1)
end

if what == "c" then
  require("emit_c")(tables, input, out, write)
  require("emit_spec")(tables, out, write)
  require("emit_values").emit(tables, out, write)
  require("emit_runs")(tables, out, write)
  write(out .. "/words.lua", require("emit_world").words(tables))
elseif what == "docs" then
  require("emit_docs")(tables, out, write)
else
  error("usage: init.lua c|docs OUT FILES")
end
