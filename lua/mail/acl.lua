-- acl - lists of statements, compiled at load and walked in order (acl_statement.lua: one of them)
--
-- A statement is a verb with words, or a function. At load its words are checked
-- (known, allowed in its phase, built) and compiled; walking one costs a call
-- for each word it holds. The walk is in the coroutine of the evaluation, so
-- any word may wait.

local host, use = ...
local words = use "words"
local conditions = use "conditions"
local modifiers = use "modifiers"
local report = use "report"
local statement = use "acl_statement"
local verify = use "verify"
local cover = host.covers and use "cover"
local inspects = host.inspects
local explain = use "explain"
local mark, step, call = explain.mark, statement.step, statement.call
local acl = {}

modifiers.changed = conditions.forget

-- The end of an ACL (design 4.2): these deny, all others accept.
local DENY = { rcpt = true, vrfy = true, expn = true, etrn = true, atrn = true, wellknown = true }
-- Phases whose result nobody hears: only accept and warn may stand there.
local UNHEARD = { quit = true, notquit = true, not_smtp_start = true }
local NO_ACL = { route = true, transport = true, event = true, queue = true, option = true }
local NESTING = 20

acl.phases = {}                 -- phase -> array of statements
acl.subs = {}                   -- name -> { statements, where = }
acl.answered = {}               -- phase -> where its last answer came from; kept only for the check
acl.declared = {}               -- { name, sub = bool, statement } in order, for the check

-- ---- checks of words, by phase

local function by_phase(row, phase)
  return not row.phases or row.phases[phase]
end

-- Is this word of a statement usable in this phase? Reports and says no.
local function usable_in(row)
  local names = {}
  for _, phase in ipairs(host.phases) do
    if row.phases[phase] and not NO_ACL[phase] then names[#names + 1] = phase end
  end
  return table.concat(names, ", ")
end

local function word_usable(word, kind, phase, where)
  local row = host.acl_words[kind][word]
  if row and row.feature then
    report.problem(where, '%s "%s" comes with %s', kind, word, row.feature)
    return false
  end
  if row and phase and not by_phase(row, phase) then
    report.problem(where, '%s "%s" cannot be used in the %s ACL; it can in %s', kind, word, phase, usable_in(row))
    return false
  end
  return row ~= nil
end

local function all_words()
  local all = {}
  for name, row in pairs(host.acl_words.condition) do all[name] = row; all["not_" .. name] = row end
  for name, row in pairs(host.acl_words.modifier) do all[name] = row end
  return all
end

-- Why this verb cannot stand in this phase; nil: it can.
function acl.verb_refused(verb, phase)
  if UNHEARD[phase] and verb ~= "accept" and verb ~= "warn" then
    return string.format("%s cannot be used in the %s ACL: nobody hears the answer; use accept or warn", verb, phase)
  elseif verb == "discard" then
    local row = host.acl_words.verb.discard
    if row and not by_phase(row, phase) or phase == "predata" then
      return "discard cannot be used in the " .. phase .. " ACL"
    end
  end
end

local function check_verb(s, phase)
  local why = phase and acl.verb_refused(s.verb, phase)
  if why then report.problem(s.where, why) end
end

-- A test of the message or of the recipient where there is none; with an address of its own it may be asked anywhere.
local NEEDS = { recipient = true, header_syntax = true, header_sender = true, header_names_ascii = true, not_blind = true, arc = true }

local function check_verify(value, phase, where)
  for _, item in ipairs(type(value) == "table" and value or { value }) do
    local name = type(item) == "string" and item:match "^%s*([%w_]+)%s*$" or type(item) == "string" and item:match "^%s*([%w_]+)%s*/"
    if name and NEEDS[name] then word_usable(name, "verify", phase, where) end
  end
end

local function check_controls(value, phase, where)
  local names, wrong = modifiers.control_names(value, where)
  for i, name in ipairs(names) do
    local row = host.acl_words.control[name]
    if not row then
      report.problem(where, 'there is no control "%s"%s', name, words.meant(name, host.acl_words.control))
    elseif word_usable(name, "control", phase, where) and not modifiers.controls[name] then
      report.problem(where, 'control "%s" is not built', name)
    elseif wrong[i] then
      report.problem(where, "%s", wrong[i])
    end
  end
end

-- ---- compiling one statement

local function split_word(key)
  if type(key) ~= "string" then return nil end
  if host.acl_words.condition[key] then return "condition", key, false end
  local bare = key:match("^not_(.+)$")
  if bare and host.acl_words.condition[bare] then return "condition", bare, true end
  if host.acl_words.modifier[key] then return "modifier", key end
end

local function negated(fn)
  return function(ev)
    local yes, answer = fn(ev)
    return not yes, answer
  end
end

-- A code of the wrong class would not be sent: say so before it is missed.
local CLASS = { accept = "2", deny = "5", demand = "5", defer = "4" }
local function check_code(s)
  local text = type(s.spec) == "table" and s.spec.message
  local code = type(text) == "string" and text:match("^(%d%d%d)%f[%D]")
  local class = CLASS[s.verb]
  if code and class and code:sub(1, 1) ~= class then
    report.problem(report.key(s.where, "message"), "message begins with %s, but the codes of %s begin with %s", code, s.verb, class)
  end
end

-- Compiles the words of s.spec into s.conds and s.acts; the order is fixed.
local function compile(s, phase)
  s.conds, s.acts = {}, {}
  explain.statement(s, s.verb)
  if s.spec == nil then return end
  if type(s.spec) ~= "table" then
    report.attempt(function() s.message = modifiers.compile("message", s.spec, s.where) end)
    return
  end

  local found = { condition = {}, modifier = {} }
  for key, value in pairs(s.spec) do
    local where = report.key(s.where, key)
    local kind, name, no = split_word(key)
    if key == "code" then
      report.problem(where, "code belongs to answers of functions; in a statement write it at the beginning of message")
    elseif not kind then
      report.problem(where, type(key) ~= "string" and "a statement holds words with values: name = value"
        or string.format('%s knows no word "%s"%s', s.verb, key, words.meant(key, all_words())))
    elseif word_usable(name, kind, phase, where) then
      if name == "verify" and phase then check_verify(value, phase, where) end
      found[kind][name] = found[kind][name] or {}
      table.insert(found[kind][name], { value = value, no = no, where = where })
    end
  end

  for _, name in ipairs(conditions.ORDER) do
    for _, w in ipairs(found.condition[name] or {}) do
      report.attempt(function()
        local fn = conditions.compile(name, w.value, w.where, phase)
        s.conds[#s.conds + 1] = w.no and negated(fn) or fn
        explain.condition(s, name, w.no, w.value, w.where)
      end)
    end
  end
  for _, name in ipairs(modifiers.ORDER) do
    for _, w in ipairs(found.modifier[name] or {}) do
      report.attempt(function()
        if name == "control" then check_controls(w.value, phase, w.where) end
        local fn = modifiers.compile(name, w.value, w.where)
        if name == "message" or name == "log_message" then s[name] = fn
        else s.acts[#s.acts + 1] = fn end
      end)
    end
  end
  check_code(s)
  if s.verb == "warn" and s.message then
    report.warning(s.where, "message does nothing in a warn statement; use add_header, logwrite or log_message")
  end
end

-- ---- declaring

local function add(list, name, sub, s)
  list[#list + 1] = s
  acl.declared[#acl.declared + 1] = { name = name, sub = sub, statement = s }
end

local function declare(list, name, sub, what, where)
  if type(what) == "function" then
    return add(list, name, sub, { fn = what, where = host.fn_where(what) or where })
  end
  if statement.is_verb(what) then what = { what } end
  if type(what) ~= "table" then
    return report.problem(where, "acl.%s takes a table of statements or a function, not a %s", name, type(what))
  end
  for key, item in pairs(what) do
    if type(key) ~= "number" then
      report.problem(where, 'acl.%s: "%s" stands outside a statement; write accept { %s = ... }', name,
        tostring(key), tostring(key))
    elseif statement.names[item] then
      report.problem(where, "acl.%s: item %d is the word %s alone; write %s {}", name, key, statement.names[item],
        statement.names[item])
    elseif not statement.is_verb(item) and type(item) ~= "function" then
      report.problem(where, "acl.%s: item %d is a %s; statements are accept { ... }, deny { ... } and so on, or functions",
        name, key, type(item))
    end
  end
  for _, item in ipairs(what) do
    if statement.names[item] then -- said above
    elseif type(item) == "function" then add(list, name, sub, { fn = item, where = host.fn_where(item) or where })
    elseif statement.is_verb(item) then add(list, name, sub, item) end
  end
end

local function phase_names()
  local names = { sub = true }
  for _, phase in ipairs(host.phases) do names[phase] = true end
  return names
end

-- The table `acl` of rules: acl.rcpt { ... }, acl.sub.NAME { ... }.
function acl.library()
  local known = phase_names()
  local sub = setmetatable({}, { __metatable = "acl.sub", __newindex = function(_, name)
    error("an ACL is declared by calling: acl.sub." .. tostring(name) .. " { ... }", 2)
  end, __index = function(_, name)
    return function(what)
      local where = host.where(2)
      if not report.loading() then error("ACLs are declared at load", 2) end
      local entry = acl.subs[name] or { where = where }
      acl.subs[name] = entry
      declare(entry, "sub." .. tostring(name), true, what, where)
    end
  end })
  return setmetatable({}, { __metatable = "acl", __newindex = function(_, name)
    error("an ACL is declared by calling: acl." .. tostring(name) .. " { ... }", 2)
  end, __index = function(_, name)
    if name == "sub" then return sub end
    if not known[name] then
      error(string.format('there is no phase "%s"%s An ACL that others call is declared as acl.sub.%s { ... }',
        tostring(name), words.nearest(tostring(name), known) and words.meant(name, known) or ";", tostring(name)), 2)
    end
    return function(what)
      local where = host.where(2)
      if not report.loading() then error("ACLs are declared at load", 2) end
      acl.phases[name] = acl.phases[name] or {}
      declare(acl.phases[name], name, false, what, where)
    end
  end })
end

-- ---- checking after all files are loaded

-- The words of a sub-ACL are checked for each phase it is called from.
local function sub_phases()
  local phases, queue = {}, {}
  local function note(name, phase)
    phases[name] = phases[name] or {}
    if not phases[name][phase] then
      phases[name][phase] = true
      queue[#queue + 1] = { name, phase }
    end
  end
  local function calls(list, phase)
    for _, s in ipairs(list) do
      for key, value in pairs(type(s.spec) == "table" and s.spec or {}) do
        if key == "acl" or key == "not_acl" then
          for _, text in ipairs(type(value) == "table" and value or { value }) do
            local name = type(text) == "string" and text:match("^%s*(%S+)")
            if name and acl.subs[name] then note(name, phase) end
          end
        end
      end
    end
  end
  for phase, list in pairs(acl.phases) do calls(list, phase) end
  while #queue > 0 do
    local name, phase = unpack(table.remove(queue))
    calls(acl.subs[name], phase)
  end
  return phases
end

local function check_words(s, phase)
  check_verb(s, phase)
  for key, value in pairs(type(s.spec) == "table" and s.spec or {}) do
    local kind, name = split_word(key)
    local where = report.key(s.where, key)
    if kind and not host.acl_words[kind][name].feature then
      word_usable(name, kind, phase, where)
      if name == "control" then report.attempt(function() check_controls(value, phase, where) end) end
      if name == "verify" then check_verify(value, phase, where) end
    end
  end
end

-- Ends this statement the ACL whatever is asked? The two that go on never do.
local function final(s)
  return not s.fn and s.verb ~= "warn" and s.verb ~= "demand" and s.conds ~= nil and #s.conds == 0
    and (type(s.spec) ~= "table" or not acl.asks(s.spec))
end

function acl.asks(spec)
  for key in pairs(spec) do if split_word(key) ~= "modifier" then return true end end
  return false
end

-- Several files add to one ACL; what comes after its certain end is never asked.
local function check_reach(list, name)
  for i = 1, #list - 1 do
    if final(list[i]) then
      report.problem(list[i + 1].where, "acl.%s: this is never reached: %s at %s ends the ACL whatever comes", name,
        list[i].verb, list[i].where)
      return
    end
  end
end

function acl.check()
  for _, d in ipairs(acl.declared) do
    if not d.statement.fn then
      compile(d.statement, not d.sub and d.name or nil)
      if not d.sub then check_verb(d.statement, d.name) end
    else
      explain.statement(d.statement, "function")
    end
    if cover then
      local conds = d.statement.conds
      cover.place(d.statement, d.statement.fn and "function" or d.statement.verb, conds and #conds == 0)
    end
  end
  for name, phases in pairs(sub_phases()) do
    for phase in pairs(phases) do
      for _, s in ipairs(acl.subs[name]) do check_words(s, phase) end
    end
  end
  if host.inspects then
    for name, list in pairs(acl.phases) do check_reach(list, name) end
    for name, list in pairs(acl.subs) do check_reach(list, "sub." .. name) end
  end
  for _, nested in ipairs(conditions.calls) do
    if not acl.subs[nested.name] then
      report.problem(nested.where, 'there is no acl.sub.%s%s', nested.name, words.meant(nested.name, acl.subs))
    end
  end
end

-- ---- walking

local function walk(list, ev, default)
  for i = 1, #list do
    local s = list[i]
    if cover then cover.asked(s) end
    local answer
    if s.fn then answer = call(s, ev) else answer = step(s, ev) end
    if cover and (answer or ev.acted == s) then cover.taken(s) end
    if answer then return answer end
  end
  return { verb = default, by_default = true }
end

-- acl = "NAME a b": the caller's words and arguments come back when it returns.
function conditions.nested(name, args, ev)
  local list = acl.subs[name]
  if not list then error(string.format('there is no acl.sub.%s%s', name, words.meant(name, acl.subs)), 0) end
  local depth = (ev.depth or 0) + 1
  if depth > NESTING then error("ACLs call each other more than " .. NESTING .. " deep at acl.sub." .. name, 0) end
  local before, outer = ev.args, ev.at
  ev.depth, ev.args, ev.at = depth, args, nil
  host.acl_args(ev.m, args)
  explain.inner(true)
  local ok, answer = pcall(walk, list, ev, "deny")
  if not ok and ev.at then mark(ev.at.place, nil) end
  explain.inner(false)
  ev.at = outer
  ev.depth, ev.args = depth - 1, before
  host.acl_args(ev.m, before or {})
  if not ok then error(answer, 0) end
  return answer.verb, answer
end

-- What else must hold once an ACL has accepted: an answer if it does not.
acl.accepted = { rcpt = verify.cutthrough }

-- verb, message, log_message, by_default
function acl.run(phase, m)
  local list = acl.phases[phase]
  local default = DENY[phase] and "deny" or "accept"
  if not list then return default, nil, nil, true end
  local ev = { m = m }
  report.enter(ev)
  if modifiers.targets then host.control(m, "reject_logs", 0) end     -- for the rest of one ACL only
  local ok, answer = pcall(walk, list, ev, default)
  if not ok then
    if ev.at then mark(ev.at.place, nil) end
    error(report.placed(answer, ev.where), 0)
  end
  if answer.verb == "accept" and acl.accepted[phase] then answer = acl.accepted[phase](m) or answer end
  if inspects then acl.answered[phase] = ev.where end
  return answer.verb, answer.message, answer.log_message, answer.by_default or false
end

-- How each phase that has statements ends, for `perigee check`.
function acl.ends()
  local out = {}
  for _, phase in ipairs(host.phases) do
    local list = acl.phases[phase]
    if list and #list > 0 then
      local last = list[#list]
      local certain = last and not last.fn and last.verb ~= "warn" and last.verb ~= "demand" and next(last.conds or { 1 }) == nil
      out[phase] = certain and last.verb or ((DENY[phase] and "deny" or "accept") .. " by default")
    end
  end
  return out
end

return acl
