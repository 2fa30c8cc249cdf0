-- acl_statement - one statement of an ACL: how it is made, and what it does when it is reached
--
-- deny { ... } makes a statement at load, and an answer in a running function: the same thing with the same
-- fields (verb, spec, where). acl.lua checks and compiles statements (conds, acts, message ...) before they are run.

local host, use = ...
local words = use "words"
local modifiers = use "modifiers"
local report = use "report"
local explain = use "explain"
local site = use "site"
local mark = explain.mark
local statement = {}

local Verb = {}
Verb.__metatable = "verb"

local VERBS = { "accept", "defer", "deny", "discard", "drop", "warn", "demand" }
statement.names = {}            -- the functions accept, deny ... -> their names

function statement.is_verb(x) return type(x) == "table" and getmetatable(x) == "verb" and rawget(x, "verb") ~= nil end

-- ---- a verb with words

local warned = setmetatable({}, { __mode = "k" })

-- The log line of warn, once a message.
local function warning(ev, text)
  if not text or text == "" then return end
  local m = ev.m
  local said = warned[m]
  if not said then
    said = {}
    warned[m] = said
  end
  if said[text] then return end
  said[text] = true
  local from = m.sender_fullhost
  host.logwrite(m, "main", (from and "H=" .. from .. " " or "") .. "Warning: " .. text)
end

local function all_hold(s, ev)
  local conds, marks = s.conds, s.marks
  for i = 1, #conds do
    local yes, answer = conds[i](ev)
    mark(marks[i], yes and not answer)
    if not yes or answer then return false, answer end
  end
  return true
end

local function act(s, ev)
  ev.acted = s
  local acts = s.acts
  for i = 1, #acts do acts[i](ev) end
end

local function texts(s, ev)
  local message, log
  if s.log_message then log = s.log_message(ev) end
  if s.message then message = s.message(ev) end
  message, log = message or ev.text, log or ev.log
  if not message and site.value("smtp_return_error_details") then message = log end
  return message, log
end

local function warn_walk(s, ev)
  local yes, answer = all_hold(s, ev)
  if answer then return answer end
  if not yes then return end
  act(s, ev)
  if s.log_message then warning(ev, s.log_message(ev)) end
  mark(s.place, true)
end

-- A warn that cannot find out is noted and passed over (reference/acl.tsv); a
-- mistake in it is an error as anywhere.
local function warn(s, ev)
  local ok, result = pcall(warn_walk, s, ev)
  if ok then return result end
  local text = host.again_text(result)
  if not text then error(result, 0) end
  mark(s.place, nil)
  if host.log_selected("acl_warn_skipped") then
    warning(ev, 'ACL "warn" statement skipped: condition test deferred: ' .. text .. " (" .. s.where .. ")")
  end
end

-- What one with words does: nothing, or { verb, message, log_message }, which ends its ACL.
function statement.step(s, ev)
  ev.text, ev.log, ev.where, ev.at = nil, nil, s.where, s
  if s.verb == "warn" then return warn(s, ev) end
  local yes, answer = all_hold(s, ev)
  if answer then return answer end
  if s.verb == "demand" then
    if yes then
      act(s, ev)
      return mark(s.place, true)
    end
    local message, log = texts(s, ev)
    return { verb = "deny", message = message, log_message = log }
  end
  if not yes then return end
  act(s, ev)
  local message, log = texts(s, ev)
  mark(s.place, true)
  return { verb = s.verb, message = message, log_message = log }
end

-- ---- a function, and what it answered

local ANSWER = { message = true, log_message = true, code = true }

local function answer_of(s, ev)
  local spec = s.spec
  if type(spec) == "function" then spec = spec(ev.m) end
  if type(spec) ~= "table" then
    return { verb = s.verb, message = spec, log_message = nil }
  end
  for key in pairs(spec) do
    if not ANSWER[key] and not (host.acl_words.modifier[key] and modifiers.built(key)) then
      local advice = host.acl_words.condition[key] and "; ask check." .. key .. "(...) before"
        or words.meant(key, host.acl_words.modifier)
      error(string.format('%s: an answer takes message, log_message, code and modifiers, not "%s"%s', s.where,
        tostring(key), advice), 0)
    end
  end
  for _, name in ipairs(modifiers.ORDER) do
    if spec[name] ~= nil and not ANSWER[name] then modifiers.compile(name, spec[name], s.where)(ev) end
  end
  local message = spec.message ~= nil and modifiers.compile("message", spec.message, s.where)(ev) or nil
  local log = spec.log_message ~= nil and modifiers.compile("log_message", spec.log_message, s.where)(ev) or nil
  if spec.code then message = tostring(spec.code) .. " " .. (message or "") end
  return { verb = s.verb, message = message, log_message = log }
end

local function warn_now(s)
  local ev = report.current()
  if s.where == "?" then s.where = ev.where or "?" end
  local answer = answer_of(s, ev)
  warning(ev, answer.log_message or answer.message)
end

local Unwind = { __metatable = "unwind" }

-- check.acl inside a function: an answer of the inner ACL that ends the outer one too.
function statement.unwind(answer) error(setmetatable({ answer = answer }, Unwind), 0) end

-- The same of a function.
function statement.call(s, ev)
  ev.text, ev.log, ev.where, ev.at = nil, nil, s.where, s
  local ok, result = pcall(s.fn, ev.m)
  if not ok then
    if type(result) == "table" and getmetatable(result) == "unwind" then
      mark(s.place, true)
      return result.answer
    end
    error(result, 0)
  end
  if result == nil then return mark(s.place, false) end
  if not statement.is_verb(result) then
    local said = statement.names[result]
    error(string.format("%s: the function returned %s; answers are accept(), deny(\"550 text\") and so on, or nothing",
      s.where, said and said .. " itself, without ()" or type(result) == "string" and '"' .. result:sub(1, 40) .. '"'
      or (type(result) == "table" or type(result) == "function") and "a " .. type(result) or tostring(result)), 0)
  end
  if result.verb == "demand" then
    error(s.where .. ": demand is no answer; return deny(...) if it does not hold", 0)
  end
  -- `return deny(...)` is a tail call: the line is gone, the function's is known
  if result.where == "?" then result.where = s.where end
  local answer = answer_of(result, ev)
  mark(s.place, true)
  return answer
end

-- ---- making them

local function constructor(verb)
  return function(spec)
    if spec ~= nil and type(spec) ~= "table" and type(spec) ~= "string" and type(spec) ~= "function" then
      error(string.format("%s takes a text or a table, not a %s", verb, type(spec)), 2)
    end
    local s = setmetatable({ verb = verb, spec = spec, where = host.where(2) }, Verb)
    if verb == "warn" and host.current() then return warn_now(s) end
    return s
  end
end

function statement.constructors()
  local verbs = {}
  for _, verb in ipairs(VERBS) do
    verbs[verb] = constructor(verb)
    statement.names[verbs[verb]] = verb
  end
  return verbs
end

return statement
