-- greylist: a sender we have not met is asked to come back in five minutes; a network that did so is trusted for a month
--
-- Big senders come back from another address of theirs, so the network counts (/24, /64), not the host.

local WAIT, REMEMBER, TRUST = 300, "2d", "31d"

---@param m mail.rcpt
local function network(m)
  return ip.mask(m.sender_host_address, ip.is_v4(m.sender_host_address) and 24 or 64)
end

---@param m mail.rcpt
acl.rcpt(function(m)
  local from = network(m)
  if store.get("greylist-known", from) then return end

  local key = table.concat({ from, m.sender_address, m.local_part, m.domain }, " ")
  local first = store.get("greylist", key)
  if not first then
    store.put("greylist", key, m.tod_epoch, REMEMBER)
    first = m.tod_epoch
  end
  if m.tod_epoch - first < WAIT then
    return defer("451 4.7.1 we have not met yet, please try again in five minutes")
  end
  store.put("greylist-known", from, true, TRUST)
end)
