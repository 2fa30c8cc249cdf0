-- callers: too many connections, and names in HELO that cannot be true

acl.connect {
  accept { hosts = "+inside" },
  -- `strict` counts refused attempts too: who goes on knocking stays out.
  defer  { ratelimit = "60 / 10m / per_conn / strict", message = "421 4.7.0 too many connections, come back later",
           log_message = function(m) return "rate " .. m.sender_rate .. " in " .. m.sender_rate_period end },
}

acl.helo(function(m)
  if check.hosts("+inside") then return accept() end
  -- Nobody outside is called what we are called, or has our address.
  local name = m.sender_helo_name:lower()
  if name == m.primary_hostname or domainlist.our_domains:has(name) then
    return deny("550 5.7.1 that is our name, not yours")
  end
end)
