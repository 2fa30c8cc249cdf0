-- modifiers - what a statement does once its conditions hold
--
-- Each is compiled from its table value into  function(ev) . They act in the
-- fixed order of ORDER, whatever order they were written in (design 4.2).

local host, use = ...
local words = use "words"
local modifiers = {}

modifiers.ORDER = { "set", "control", "queue", "add_header", "remove_header", "logwrite", "udpsend", "delay", "log_reject_target",
                    "log_message", "message" }

-- A value that is a constant or a function of the mail object.
local function value_of(value, ev)
  if type(value) == "function" then return value(ev.m) end
  return value
end

-- A word that may be written several times in Exim takes an array here.
local function each(value)
  if type(value) == "table" then return value end
  return { value }
end

-- ---- set = { acl_m_x = 1 }

local TYPES = { string = true, number = true, boolean = true }

local function set(value, where)
  if type(value) ~= "table" then error(where .. ": set takes a table: set = { acl_m_name = value }", 0) end
  local names = {}
  for name, v in pairs(value) do
    local row = type(name) == "string" and host.vars[name]
    local written = row and row.writable and next(row.writable)
    if type(name) ~= "string" or not (written or name:find("^acl_c[_%d]") or name:find("^acl_m[_%d]")) then
      error(string.format('%s: set: "%s" cannot be set; names begin with acl_c_ (for the connection) or acl_m_ (for the message)',
        where, tostring(name)), 0)
    end
    if not TYPES[type(v)] and type(v) ~= "function" then
      error(string.format("%s: set: %s is a string, a number or a boolean, not a %s", where, name, type(v)), 0)
    end
    names[#names + 1] = name
  end
  table.sort(names)
  return function(ev)
    for i = 1, #names do ev.m[names[i]] = value_of(value[names[i]], ev) end
  end
end

-- ---- control = "name/option"

-- A control is function(m, options, where); options are the texts after the
-- slashes. host.control sets one field of the connection or the transaction.
local controls = {}

local function flag(field, value)
  return function(m) host.control(m, field, value) end
end

controls.caseful_local_part = flag("caseful", true)
controls.caselower_local_part = flag("caseful", false)
controls.enforce_sync = flag("sync", 1)
controls.no_enforce_sync = flag("sync", -1)
controls.no_multiline_responses = flag("no_multiline", true)
controls.no_pipelining = flag("no_pipelining", true)
controls.allow_auth_unadvertised = flag("auth_unadvertised", true)
controls.no_delay_flush = flag("no_delay_flush", true)
controls.suppress_local_fixups = flag("suppress_fixups", true)
controls.no_mbox_unspool = flag("no_mbox_unspool", true)
controls.dkim_disable_verify = flag("dkim_disabled", true)
controls.dmarc_disable_verify = flag("dmarc_disabled", true)
controls.dmarc_verify_disable = controls.dmarc_disable_verify
controls.dmarc_enable_forensic = flag("dmarc_forensic", true)
controls.dmarc_forensic_enable = controls.dmarc_enable_forensic
controls.queue_only = flag("queue_only", true)
local BEFORE_MAIL = { connect = true, helo = true, starttls = true, auth = true }
function controls.explain(m)
  host.control(m, BEFORE_MAIL[host.phase(m)] and "explain_session" or "explain", true)
end
-- Callouts flush when they come; until then there is nothing to leave undone.
controls.no_callout_flush = function() end

function controls.freeze(m, options)
  host.control(m, "freeze", true)
  if options[1] then host.control(m, "freeze_no_tell", true) end
end

function controls.queue(m, options)
  host.control(m, (options[1] or "only") == "only" and "queue_only" or "queue_first_pass", true)
end

local function fake(code)
  return function(m, options)
    host.control(m, "fake_code", code)
    host.control(m, "fake_reply", #options > 0 and table.concat(options, "/") or "")
  end
end
controls.fakereject = fake(550)
controls.fakedefer = fake(450)

function controls.cutthrough_delivery(m, options)
  local given = {}
  for _, option in ipairs(options) do given[option] = true end
  host.control(m, "cutthrough", given["defer=pass"] or false)
  host.control(m, "cutthrough_tptsender", given["sender=transport"] or false)
end

function controls.submission(m, options)
  host.control(m, "submission", true)
  for _, option in ipairs(options) do
    local name, value = option:match("^(%w+)=(.*)$")
    if option == "sender_retain" then host.control(m, "submission_sender_retain", true)
    elseif name == "domain" then host.control(m, "submission_domain", value)
    else host.control(m, "submission_name", value) end
  end
end

-- Bits of enum debug_control and of the name of the file: core/engine/debug.h.
local DEBUG = { start = 1, stop = 2, kill = 3 }

function controls.debug(m, options)
  local what, tag = "start", nil
  for _, option in ipairs(options) do
    tag = option:match("^tag=(.*)$") or tag
    if DEBUG[option] then what = option end
  end
  if tag then host.control(m, "debug_tag", tag) end
  host.control(m, "debug", DEBUG[what])
end

function controls.dscp(m, options) host.control(m, "dscp", host.dscp(options[1])) end

-- What options a control takes: known at load wherever its text is written out.
local takes = {
  freeze = { "no_tell", function(o) return o == "no_tell" end, most = 1 },
  queue = { "only or first_pass_route", function(o) return o == "only" or o == "first_pass_route" end, most = 1 },
  debug = { "tag=NAME, stop and kill", function(o)
    local tag = o:match("^tag=(.*)$")
    if tag then return #tag <= 100 and tag:find("^[%w%._%-]+$") ~= nil, "a tag is of letters, digits, . _ and -" end
    return o == "stop" or o == "kill", o:find("^opts=") and "a debug file has one form"
      or o:find("trigger") and "begin it where it is wanted" or nil
  end },
  dscp = { "a name such as af11, ef or cs1, or a number from 0 to 63", function(o) return host.dscp(o) ~= nil end, most = 1, least = 1 },
  fakereject = { "a reply's text", function() return true end },
  fakedefer = { "a reply's text", function() return true end },
  cutthrough_delivery = { "defer=spool, defer=pass, sender=orig and sender=transport", function(o)
    return o == "defer=spool" or o == "defer=pass" or o == "sender=orig" or o == "sender=transport"
  end },
  submission = { "sender_retain, domain=NAME and name=TEXT", function(o)
    local domain = o:match("^domain=(.*)$")
    if domain then
      local why = domain ~= "" and host.check_option("qualify_domain", domain)
      return not why, why and why:gsub("^[%w_]+: ", "")
    end
    return o == "sender_retain" or o:match("^name=") ~= nil
  end },
}

-- Why control NAME cannot have these options; nil: it can.
function modifiers.options_refused(name, options)
  local row = takes[name]
  if not row then
    return options[1] and string.format('control %s takes no option "%s"', name, options[1])
  end
  if row.least and #options < row.least then return string.format("control %s takes %s", name, row[1]) end
  for i, option in ipairs(options) do
    local ok, why = row[2](option)
    if not ok then return string.format('control %s takes %s, not "%s"%s', name, row[1], option, why and ": " .. why or "") end
    if row.most and i > row.most then return string.format('control %s takes one option, not "%s" too', name, option) end
  end
end

modifiers.controls = controls
modifiers.changed = nil        -- set by acl.lua: function(ev), called after a control

local function control_split(text, where)
  if type(text) ~= "string" then error(where .. ": control takes a text such as \"freeze/no_tell\"", 0) end
  local name, rest = text:match("^%s*([%w_]+)(.*)$")
  local options = {}
  for option in (rest or ""):gmatch("/([^/]*)") do options[#options + 1] = option:match("^%s*(.-)%s*$") end
  -- the text of fakereject may itself hold slashes; it is put together again there
  return name or text, options
end

-- The control names of a value that is written out, for the check by phase, and
-- in the same order what is wrong with the options of each, or false.
function modifiers.control_names(value, where)
  local names, wrong = {}, {}
  for _, item in ipairs(each(value)) do
    if type(item) ~= "function" then
      local name, options = control_split(item, where)
      names[#names + 1] = name
      wrong[#wrong + 1] = controls[name] and modifiers.options_refused(name, options) or false
    end
  end
  return names, wrong
end

function modifiers.control_run(ev, text, where)
  local name, options = control_split(text, where)
  local fn = controls[name]
  if not fn then
    error(string.format('%s: there is no control "%s"%s', where, name, words.meant(name, controls)), 0)
  end
  local wrong = modifiers.options_refused(name, options)
  if wrong then error(where .. ": " .. wrong, 0) end
  fn(ev.m, options)
  modifiers.changed(ev)
end

local function control(value, where)
  local items = each(value)
  for _, item in ipairs(items) do
    if type(item) ~= "function" then control_split(item, where) end
  end
  return function(ev)
    for i = 1, #items do
      local text = value_of(items[i], ev)
      if text then modifiers.control_run(ev, text, where) end
    end
  end
end

-- ---- queue = "name"

local function queue_name(name, where)
  if type(name) == "string" and name:find("/", 1, true) then
    error(string.format("%s: Directory separator not permitted in queue name: '%s'", where, name), 0)
  end
  if type(name) ~= "string" or (name ~= "" and not words.queue(name)) then
    error(string.format("%s: queue: '%s' is no name for a queue: up to 64 printable bytes, no . or - first", where, tostring(name)), 0)
  end
  return name
end

local function queue(value, where)
  if type(value) ~= "function" then queue_name(value, where) end
  return function(ev)
    -- a function's answer gets here in any phase; once the message is coming its place is chosen
    local phase = host.phase(ev.m)
    if not host.acl_words.modifier.queue.phases[phase] then
      error(string.format("%s: cannot use queue condition in %s ACL", where, phase:upper()), 0)
    end
    host.control(ev.m, "queue_name", queue_name(value_of(value, ev) or "", where))
  end
end

-- ---- headers

local PLACES = { at_start = true, at_end = true, after_received = true, at_start_rfc = true }
modifiers.PLACES = PLACES

local function add_one(m, text, place, where)
  local named, rest = text:match("^:([%w_]+):%s*(.*)$")
  if named then
    if not PLACES[named] then
      error(string.format('%s: add_header: "%s" is no place; places are %s', where, named, words.join(PLACES)), 0)
    end
    place, text = named, rest
  end
  local ok, why = host.header_add(m, text, place or "at_end")
  if not ok then error(string.format("%s: add_header: %s", where, why), 0) end
end

-- A text that stands in the rules may hold several fields, one a line. One that
-- was put together may not: the line end may have come in a message, and what
-- follows it would be a field of the sender's choice (R4.6).
function modifiers.header_add(m, text, place, where, constant)
  if text == nil or text == "" then return end
  if type(text) ~= "string" then error(where .. ": a header is a text: \"Name: value\"", 0) end
  if place and not PLACES[place] then
    error(string.format('%s: "%s" is no place for a header; places are %s', where, tostring(place), words.join(PLACES)), 0)
  end
  local fields = words.fields(text)
  if #fields > 1 and not constant then
    error(where .. ": a header holds a line end: add one field at a time, and take line ends out of what a message says", 0)
  end
  for _, field in ipairs(fields) do add_one(m, field, place, where) end
end

function modifiers.header_remove(m, names, where)
  if type(names) == "string" then
    names = names:sub(1, 1) == "^" and { names } or words.split(names)
  end
  if type(names) ~= "table" then error(where .. ": remove_header takes names of headers", 0) end
  for _, name in ipairs(names) do
    local ok, why = host.header_remove(m, name)
    if not ok then error(string.format("%s: remove_header: %s", where, why), 0) end
  end
end

local function add_header(value, where)
  local items = each(value)
  return function(ev)
    for i = 1, #items do modifiers.header_add(ev.m, value_of(items[i], ev), nil, where, type(items[i]) == "string") end
  end
end

local function remove_header(value, where)
  return function(ev)
    local names = value_of(value, ev)
    if names then modifiers.header_remove(ev.m, names, where) end
  end
end

-- ---- logs and time

local LOGS = { main = true, reject = true, panic = true }

function modifiers.log(m, text, where)
  if type(text) == "number" then text = tostring(text) end
  if type(text) ~= "string" then error(where .. ": logwrite takes a text", 0) end
  local names, rest = text:match("^:([%l,]*):%s*(.*)$")
  if not names then return host.logwrite(m, "main", text) end
  for name in names:gmatch("[^,]+") do
    if not LOGS[name] then
      error(string.format('%s: logwrite: there is no log "%s"; logs are %s', where, name, words.join(LOGS)), 0)
    end
    host.logwrite(m, name, rest)
  end
end

local function logwrite(value, where)
  local items = each(value)
  return function(ev)
    for i = 1, #items do
      local text = value_of(items[i], ev)
      if text ~= nil and text ~= "" then modifiers.log(ev.m, text, where) end
    end
  end
end

local function delay(value, where)
  if type(value) ~= "function" and not words.seconds(value) then
    error(string.format('%s: delay: "%s" is no time; write "30s" or "2m"', where, tostring(value)), 0)
  end
  return function(ev)
    local t = value_of(value, ev)
    if not t then return end
    local seconds = words.seconds(t)
    if not seconds then error(string.format('%s: delay: "%s" is no time', where, tostring(t)), 0) end
    if seconds > 0 then host.sleep(seconds) end
  end
end

-- The two that speak: they give a text instead of acting.
local function text(value, where)
  if type(value) ~= "string" and type(value) ~= "function" and type(value) ~= "number" then
    error(where .. ": a message is a text or a function that gives one", 0)
  end
  if type(value) ~= "function" then
    value = tostring(value)
    return function() return value end
  end
  return function(ev)
    local said = value(ev.m)
    if said ~= nil and type(said) ~= "string" and type(said) ~= "number" then
      error(where .. ": the function for a message gave a " .. type(said) .. ", not a text", 0)
    end
    return said and tostring(said)
  end
end

-- ---- log_reject_target = "main : reject"

local TARGETS = { main = 1, reject = 2, panic = 4 }
local CHOSEN = 128              -- REJECT_LOGS_SET

local function log_reject_target(value, where)
  modifiers.targets = true
  local bits = CHOSEN
  for _, name in ipairs(words.list(value)) do
    local bit = type(name) == "string" and TARGETS[name:match("^(.-)log$") or name]
    if not bit then
      error(string.format('%s: log_reject_target: there is no log "%s"; logs are %s', where, tostring(name), words.join(TARGETS)), 0)
    end
    if math.floor(bits / bit) % 2 == 0 then bits = bits + bit end
  end
  return function(ev) host.control(ev.m, "reject_logs", bits) end
end

-- ---- udpsend = { server = "192.0.2.1", port = 514, text = ... }

local PAYLOAD_MAX = 8192

-- Whatever happens to it: a statistic is not worth a message.
local function udp_lost(fn)
  local ok, err = pcall(fn)
  if not ok and not host.again_text(err) then error(err, 0) end
end

function modifiers.udpsend(server, port, payload, where)
  port = tonumber(port)
  if not port or port < 1 or port > 65535 or port ~= math.floor(port) then
    error(where .. ": udpsend: a port is a number from 1 to 65535", 0)
  end
  if type(server) ~= "string" or type(payload) ~= "string" then error(where .. ": udpsend takes a server, a port and a text", 0) end
  payload = payload:sub(1, PAYLOAD_MAX)
  if host.ip_pack(server) then return host.udp_send(server, port, payload) end
  udp_lost(function()
    local status, found = host.hosts(server, { mx = false })
    if status == "ok" then host.udp_send(found[1].ip, port, payload) end
  end)
end

-- "server : port : text": what comes third is the text, colons and all.
local function udp_parts(written, where)
  local sep, rest = written:match("^%s*<(%p)(.*)$")
  sep, rest = sep or ":", rest or written
  local first = rest:find(sep, 1, true)
  local second = first and rest:find(sep, first + 1, true)
  if not second then error(where .. ': udpsend takes "server : port : text"', 0) end
  return rest:sub(1, first - 1):match("^%s*(.-)%s*$"), rest:sub(first + 1, second - 1):match("^%s*(.-)%s*$"),
    rest:sub(second + 1):match("^%s*(.-)%s*$")
end

local function udpsend(value, where)
  local spec = type(value) == "table" and #value == 0 and value
  local items = spec and { spec } or each(value)
  if spec and not (spec.server and spec.port and spec.text) then
    error(where .. ": udpsend takes { server = ..., port = ..., text = ... }", 0)
  end
  return function(ev)
    for _, item in ipairs(items) do
      if type(item) == "table" then
        modifiers.udpsend(value_of(item.server, ev), value_of(item.port, ev), value_of(item.text, ev), where)
      else
        local written = value_of(item, ev)
        if written then
          local server, port, payload = udp_parts(written, where)
          modifiers.udpsend(server, port, payload, where)
        end
      end
    end
  end
end

local BUILT = {
  set = set, control = control, queue = queue, add_header = add_header, remove_header = remove_header,
  logwrite = logwrite, delay = delay, udpsend = udpsend, log_reject_target = log_reject_target, log_message = text, message = text,
}

function modifiers.compile(name, value, where) return BUILT[name](value, where) end
function modifiers.built(name) return BUILT[name] ~= nil end

return modifiers
