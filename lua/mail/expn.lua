-- expn - EXPN, answered by the routers
--
-- An ACL that accepts EXPN without a text of its own has the address expanded by
-- one level (RFC 5321 3.5.2). Files and programs on a list are not named: who may
-- ask for members need not know what runs here.

local host, use = ...
local route = use "route"
local expn = {}

local SHOWN = 1000

local function shown(member)
  if member:sub(1, 1) == "|" then return "a program" end
  if member:sub(1, 1) == "/" then return "a file" end
  return "<" .. member .. ">"
end

-- verb, message for what the client asked about.
function expn.answer(m)
  local text = (m.smtp_command_argument or ""):match("^%s*(.-)%s*$")
  text = text:match("^<([^<>]*)>$") or text
  if not text:find("@", 1, true) then text = text .. "@" .. m.qualify_recipient end
  local local_part, domain = host.address_parse(text)
  if not local_part then return "deny", "501 5.1.3 " .. tostring(domain) end
  local members, what, why = route.expn({ m = m }, local_part .. "@" .. domain:lower())
  if not members then
    if what == "defer" then return "defer", "451 4.3.0 that cannot be told now" end
    return "deny", "550 5.1.1 " .. tostring(why)
  end
  local lines = {}
  for i, member in ipairs(members) do
    if i > SHOWN then break end
    lines[i] = shown(member)
  end
  return "accept", table.concat(lines, "\n")
end

-- acl.run with the answers of EXPN filled in.
function expn.around(run)
  return function(phase, m)
    local verb, message, log_message, by_default, close = run(phase, m)
    if phase == "expn" and verb == "accept" and not by_default and (message == nil or message == "") then verb, message = expn.answer(m) end
    return verb, message, log_message, by_default, close
  end
end

return expn
