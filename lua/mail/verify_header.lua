-- verify_header - tests of what the header says
--
-- header_syntax, header_names_ascii and not_blind only read; header_sender asks
-- about the addresses in Sender, Reply-To and From as about envelope senders, and
-- one of them that holds is enough.

local host = ...
local headers = {}

headers.address = nil           -- set by verify.lua: function(m, address, mode, options) -> result

-- Where the sender of an answer would look, in this order.
local SENDERS = { "Sender", "Reply-To", "From" }

function headers.syntax(ev) return host.header_syntax(ev.m) end
function headers.names_ascii(ev) return host.header_names_ascii(ev.m) end

-- A recipient nobody can see in To or Cc was a blind one.
function headers.not_blind(ev, _, options)
  local shown = {}
  local function note(address)
    if options.case_insensitive then address = address:lower() end
    local as_is, domain = address:match("^(.*)@([^@]*)$")
    shown[(as_is or address) .. "@" .. (domain or ""):lower()] = true
  end
  for _, name in ipairs { "To", "Cc" } do
    local found, why = host.header_addresses(ev.m, name)
    if not found then return false, name .. ": " .. tostring(why) end
    for _, address in ipairs(found) do note(address) end
  end
  for _, address in ipairs(host.envelope_recipients(ev.m)) do
    local key = options.case_insensitive and address:lower() or address
    if not shown[key] then return false, "bcc recipient detected" end
  end
  return true
end

-- true | false | nil, text, and what the refusal shows
function headers.sender(ev, _, options)
  local later, text, user
  for _, name in ipairs(SENDERS) do
    local found, why = host.header_addresses(ev.m, name)
    if not found then
      text = text or string.format("\"%s:\" cannot be read: %s", name, why)
    else
      for _, address in ipairs(found) do
        local r = headers.address(ev.m, address, "sender", options)
        if r.ok then return true end
        if r.ok == nil then later = later or r.text end
        user = string.format("Rejected after DATA: could not verify \"%s:\" header address\n%s: %s", name, address, r.text or "")
      end
    end
  end
  if later then return nil, "all attempts to verify a sender in a header line deferred" end
  return false, text or "there is no valid sender in any header line", user
end

return headers
