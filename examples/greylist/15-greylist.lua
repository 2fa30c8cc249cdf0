-- greylist: a stranger not seen before is asked to come back in five minutes

local WAIT = 300  -- seconds

---@param m mail.rcpt
acl.rcpt(function(m)
  if m.authenticated_id or check.hosts("+relay_from") then return end

  local key = table.concat({ m.sender_host_address, m.sender_address, m.local_part, m.domain }, " ")
  local first = store.get("greylist", key)

  if not first then
    store.put("greylist", key, m.tod_epoch, "1d")
    first = m.tod_epoch
  end
  if m.tod_epoch - first < WAIT then
    return defer("451 4.7.1 not seen before, please try again in five minutes")
  end
end)
