-- event - what rules want to hear of
--
-- event.on(NAME, function(m) ... end) for everything, event_action of a transport
-- for what that transport does, event_action of site for main events. What each
-- event carries and what a non-empty result does: docs/ref, from api/events.lua.

local host, use = ...
local words = use "words"
local report = use "report"
local options = use "options"
local site = use "site"
local transports = use "transports"
local explain = use "explain"
local event = {}

event.handlers = {}             -- name -> array of { fn =, where = }

local function on(name, fn)
  local where = host.where(2)
  if not report.loading() then error("events are declared at load", 2) end
  local row = host.events[name]
  if not row then
    return report.problem(where, 'there is no event "%s"%s', tostring(name), words.meant(name, host.events))
  elseif row.feature then
    return report.problem(where, 'event "%s" comes with %s', name, row.feature)
  elseif type(fn) ~= "function" then
    return report.problem(where, "event.on takes a name and a function: event.on(\"msg:delivery\", function(m) ... end)")
  end
  event.handlers[name] = event.handlers[name] or {}
  where = host.fn_where(fn) or where
  table.insert(event.handlers[name], { fn = fn, where = where, place = explain.other(where, "event " .. name) })
end

function event.library() return { on = on } end

local function main_action()
  local cell = site.cells.event_action
  return cell and cell.fn and cell
end

-- A transport's own action hears transport events, the site's main events.
local function action_of(name, transport)
  local row = host.events[name]
  if not row or row.feature then return nil end
  if transport and transport ~= "" and row.section ~= "main" then return transports.event(transport) end
  return row.section ~= "transport" and main_action() or nil
end

function event.has(name, transport)
  return event.handlers[name] ~= nil or action_of(name, transport) ~= nil
end

local function said(result, where, name)
  if result == nil or result == false or result == "" then return nil end
  if type(result) ~= "string" and type(result) ~= "number" then
    error(string.format("%s: the handler of %s returned a %s, not a text", where, name, type(result)), 0)
  end
  return tostring(result)
end

-- Runs all that want to hear of it; the first non-empty text is the result.
function event.run(name, m, transport)
  local text
  for _, h in ipairs(event.handlers[name] or {}) do
    explain.enter()
    local result = said(h.fn(m), h.where, name)
    explain.leave(h.place, true)
    text = text or result
  end
  local action = action_of(name, transport)
  if action then
    local result = said(options.called(action, m), action.where, name)
    text = text or result
  end
  return text
end

return event
