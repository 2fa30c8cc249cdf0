-- signers - the conditions that ask what became of signatures
--
-- dkim_status and dkim_signers: lists of words, compared without case.

local _, use = ...
local lists = use "lists"
local signers = {}

-- A list that is written out is compiled once; a function gives one each time.
local function matcher(value, where)
  if type(value) ~= "function" then
    local match = lists.compile("local", value, where)
    return function() return match end
  end
  return function(ev)
    local list = value(ev.m)
    if list == nil then return nil end
    return lists.late("local", list, where)
  end
end

-- In the dkim ACL the status of the signature it is about; after it any element of the list may match.
function signers.status(value, where)
  local get = matcher(value, where)
  return function(ev)
    local match = get(ev)
    if not match then return false end
    ev.written = nil
    for word in (ev.m.dkim_verify_status or ""):gmatch("[^:]+") do
      if match(word, ev) then return true end
    end
    return false
  end
end

function signers.signer(value, where)
  local get = matcher(value, where)
  return function(ev)
    local match = get(ev)
    if not match then return false end
    ev.written = nil
    return match((ev.m.dkim_cur_signer or ""):lower(), ev) and true or false
  end
end

return signers
