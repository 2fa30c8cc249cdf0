-- explain - names the places of the rules, and tells when one was left
--
-- What is noted, kept and counted is the engine's (core/policy/trace.h); this file
-- knows what a statement and its conditions look like in words. Everything here
-- costs nothing but a call for each condition that was asked; texts are made once,
-- at load.

local host = ...
local explain = {}

local function nothing() end

-- Where rules are only checked, and in specs of this library alone, nobody counts.
local place = not host.check_only and host.explain_place or nothing
explain.mark = not host.check_only and host.explain_mark or nothing      -- (place, true | false | nil: an error)
explain.inner = not host.check_only and host.explain_inner or nothing    -- (true): an ACL is called; (false): it is back
-- What has a place of its own, an option's function or a router: its time is not that of who asked for it.
explain.enter = not host.check_only and host.explain_enter or nothing    -- ()
explain.leave = not host.check_only and host.explain_leave or nothing    -- (place, true | false | nil: an error)
-- What the library was asked: since = clock() before, read(since, name, of, value) after; no since: nothing is kept.
explain.clock, explain.read = host.explain_clock or nothing, host.explain_read or nothing

-- The variable a list condition is about: it is read once, for all lists of an evaluation.
local ABOUT = {
  hosts = "sender_host_address", authenticated = "sender_host_authenticated", senders = "sender_address",
  sender_domains = "sender_address_domain", domains = "domain", local_parts = "local_part", recipients = "local_part",
}

local function brief(value, deep)
  local kind = type(value)
  if kind == "string" then return #value > 60 and string.format("%q...", value:sub(1, 57)) or string.format("%q", value) end
  if kind == "function" then return "function" end
  if kind ~= "table" then return tostring(value) end
  if deep then return "{ ... }" end
  local parts = {}
  for i = 1, math.min(#value, 4) do parts[i] = brief(value[i], true) end
  if #value > 4 or #value == 0 then parts[#parts + 1] = "..." end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

-- A statement; its conditions follow it, in their order.
function explain.statement(s, what)
  s.place = place(s.where, what, "statement")
  s.marks = {}
end

function explain.condition(s, name, no, value, where)
  local text = (no and "not_" or "") .. name .. " = " .. brief(value)
  s.marks[#s.marks + 1] = s.place and place(where, text, "condition", s.place, ABOUT[name]) or false
end

-- An event's handler, a router, an authenticator, a retry rule: what runs is counted.
function explain.other(where, what) return place(where, what, "other") end

-- The function that stands for an option's value.
function explain.option(where, what) return place(where, what, "option") end

return explain
