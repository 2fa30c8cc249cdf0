-- init - the rules library: what a rule file sees, and what the engine asks
--
-- A chunk called with `host`, the C functions that rules never see, and `use`, which
-- runs another file of this folder once. It returns `entry`, whose functions C
-- calls: plain ones at load, where nothing waits, the others in the coroutine of an
-- evaluation. The whole contract: lua/host/README.md.
--
--   entry.declare(files)          plain: compiles and runs { {name=, bytes=} ... } -> problems
--   entry.check()                 plain: what can be seen once all is declared -> problems
--   entry.site()                  plain: option -> value or function
--   entry.acls()                  plain: phase with statements -> how its ACL ends, in words
--   entry.answered(phase)         plain, check only: "file:line" of the statement that answered last
--   entry.acl(phase, m)           -> verb, message, log_message, by_default
--   entry.route(m, address, explain)  -> array of route items, array of lines
--   entry.transport_constant(name)    plain: driver, table of values or nil when functions decide
--   entry.transport(name, m)      -> driver, values
--   entry.transport_late(name, m, dane) -> driver, values of those options that are asked about a host: about DANE, or the others,
--                                          digest of the login | nil: the same for all mail
--   entry.option(name, m)         -> value
--   entry.option_where(name)          plain: where a main option is set, or nil
--   entry.match(name, m, subject) -> boolean
--   entry.retry(m, address, host, error) -> array of { letter =, cutoff =, interval =, factor = } | nil
--   entry.has_event(name, transport)  plain
--   entry.event(name, m, data, errno) -> text | nil
--   entry.rewrites()              plain: rules for messages? for paths?
--   entry.rewrite(m)              changes the message by host.rewrite_apply
--   entry.rewrite_path(m, text)   -> text
--   entry.rewrite_header(m, transport, section)   -> section | nil
--   entry.has_authenticators()    plain: is there one that is a server?
--   entry.offers(m)               -> "PLAIN LOGIN", "" or "tls": nothing unless encrypted
--   entry.authenticate(m, mechanism, initial), entry.log_in(m, offered)
--                                 -> "ok" | "no" | "again" | "bad", authenticator, id, text
--   entry.expr(code, m)           -> values...
--
-- A problem is { file =, line =, text =, warning = }. "Could not find out" is
-- raised with error(host.again(text)); a mistake in a rule is an ordinary error
-- that begins with file:line.

local host, use = ...

local report = use "report"
local source = use "source"
local words = use "words"
local lists = use "lists"
local site = use "site"
local transports = use "transports"
local routers = use "routers"
local acl = use "acl"
local retry = use "retry"
local event = use "event"
local route = use "route"
local library = use "library"
local greeting = use "greeting"
local authenticators = use "authenticators"
local rewrite = use "rewrite"

-- ---- what rules see

local env = host.rules

for kind, title in pairs(lists.KINDS) do env[title] = library.named(kind) end
for verb, constructor in pairs(use("acl_statement").constructors()) do env[verb] = constructor end
env.site = site.declare
env.acl = acl.library()
env.router = routers.library()
env.transport = transports.library()
env.authenticator = authenticators.library()
env.retry = library.locked("retry", retry.library())
env.event = library.locked("event", event.library())
do
  local answers = use("route_answers").constructors
  env.route = library.locked("route", { to = answers.to })
  env.redirect, env.fail, env.pass = answers.redirect, answers.fail, answers.pass
end
for _, name in ipairs { "dns", "lookup", "store", "path", "secret", "file", "socket", "address", "ip", "idn", "list", "header",
                        "text", "utf8", "number", "time", "base64", "base32", "base62", "hex", "xtext", "imap", "json", "hash",
                        "crypto", "cert", "tls", "regex", "rfc2047", "mime", "check", "control", "verify", "logwrite", "udpsend",
                        "log_reject_target", "sleep" } do
  env[name] = library[name]
end
env.rewrite = library.locked("rewrite", rewrite.library())
for name, members in pairs(use "library_srs") do env[name] = library.locked(name, members) end
env.authresults = library.authresults

-- What Lua has elsewhere, and what does its work here.
local ABSENT = {
  io = "files are read with lookup.lsearch, written by transports", debug = "it reaches too far", ffi = "it reaches too far",
  package = 'a file of lib/ is loaded with require "name"', dofile = 'a file of lib/ is loaded with require "name"',
  loadfile = 'a file of lib/ is loaded with require "name"', print = "logwrite(text) writes to the log", jit = "it reaches too far",
}

-- A name that nobody set is a typo, not nil.
local function missing(name)
  if ABSENT[name] then return string.format('there is no "%s" in rules: %s', name, ABSENT[name]) end
  return string.format('there is no "%s"%s', tostring(name), words.meant(name, env))
end
setmetatable(env, { __index = function(_, name) error(missing(name), 2) end })

-- ---- entry

local entry = {}

-- What the parser's words may mean in a file of tables.
local function advice(err)
  if tostring(err):find("'}' expected") then return err .. "; is a comma missing before it?" end
  if tostring(err):find("unexpected symbol near ')'", 1, true) then return err .. "; is an end missing before it?" end
  if tostring(err):find("'then' expected near '='", 1, true) then return err .. "; a comparison is written ==" end
  return err
end

-- Names after `check.`, `lookup.` ... and `m.` inside functions would be found when they are reached: too late.
local LIBRARIES = {}
for _, name in ipairs { "check", "control", "lookup", "dns", "verify", "store", "header", "retry", "event", "address", "ip", "list",
                        "hash" } do LIBRARIES[name] = true end

local function check_names(file, uses)
  for _, u in ipairs(uses) do
    local where = file.name .. ":" .. u.line
    if u.base == "m" then
      local known = host.vars[u.name] or (host.families or {})[u.name] or u.name:find("^acl_[cm]_.") or u.name:find("^r_.")
      if not known then
        report.warning(where, "there is no variable %s%s", u.name, words.meant(u.name, host.vars))
      end
    elseif LIBRARIES[u.base] then
      local ok, why = pcall(function() return env[u.base][u.name] end)
      if not ok then report.problem(where, "%s", (tostring(why):gsub("^[^:]+:%d+: ", ""))) end
    end
  end
end

-- Where rules are only checked their text is read more closely.
local check = host.inspects and use "check"
local cover = host.covers and use "cover"

-- The library's tables that answer a wrong name with the right one.
local function locked()
  local names = {}
  for name, value in pairs(env) do
    if type(value) == "table" and getmetatable(value) == name then names[name] = true end
  end
  return names
end

local function run(file)
  local scan = source.scan(file.bytes)
  report.scanned(file.name, scan)
  for _, p in ipairs(scan.twice) do report.problem(file.name .. ":" .. p.line, p.text) end
  for _, p in ipairs(scan.paths) do report.warning(file.name .. ":" .. p.line, p.text) end
  local chunk, err = host.compile(file.name, file.bytes)
  if not chunk then return report.caught(advice(err), file.name .. ":1") end
  if cover then cover.file(file.name, file.bytes) end
  if check then check.file(file.name, file.bytes) else check_names(file, scan.uses) end
  local ok, why = pcall(chunk)
  if not ok then report.caught(why, file.name .. ":1") end
end

function entry.declare(files)
  report.start()
  if check then check.start(env, missing) end
  for _, file in ipairs(files) do run(file) end
  local problems = report.problems()
  report.stop()
  return problems
end

function entry.check()
  report.start()
  if check then check.run(env, locked(), site) end
  transports.check()
  routers.check()
  route.check()
  greeting.prepare(acl.phases)
  acl.check()
  site.check()
  authenticators.check()
  if check then check.options(site) end
  for _, u in ipairs(lists.uses) do
    if not lists.named[u.kind][u.name] then report.problem(u.where, lists.missing(u)) end
  end
  for _, loop in ipairs(lists.loops()) do report.problem(loop.where, loop.text) end
  local problems = report.problems()
  report.stop()
  return problems
end

function entry.site() return site.values() end
function entry.acls()
  local ends = acl.ends()
  -- the authenticators' own conditions are part of this phase
  if not ends.mailauth and authenticators.has_mail_conditions() then ends.mailauth = "accept" end
  return ends
end
function entry.answered(phase) return acl.answered[phase] end

entry.acl = authenticators.around(use("expn").around(acl.run))
entry.route = route.run
entry.transport_constant = transports.constant

entry.transport_late = transports.late
function entry.transport(name, m)
  return transports.values(name, m)
end

function entry.option(name, m)
  return site.option(name, m)
end

function entry.option_where(name)
  local cell = site.cells[name]
  return cell and cell.where
end

function entry.match(name, m, subject)
  return site.match(name, m, subject)
end

function entry.retry(m, address, host_name, happened)
  return retry.find(m, address, host_name, happened)
end

entry.has_event = event.has

function entry.event(name, m)
  return event.run(name, m, m.transport_name)
end

entry.rewrite_header = transports.rewrite_header
entry.has_authenticators = authenticators.has_servers
entry.offers, entry.authenticate, entry.log_in = authenticators.offers, authenticators.authenticate, authenticators.log_in

entry.rewrites, entry.rewrite, entry.rewrite_path = rewrite.any, rewrite.message, rewrite.path

function entry.expr(code, m)
  local chunk, err = host.compile("expression", "local m = ... return " .. code)
  if not chunk then chunk = host.compile("expression", "local m = ... " .. code) end
  if not chunk then error(err, 0) end
  return chunk(m)
end

return entry
