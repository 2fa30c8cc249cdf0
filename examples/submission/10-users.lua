-- users: passwords, and which addresses are whose
--
-- A file that cannot be read is "could not find out": the client gets 454 and tries again; nobody is let in, nobody refused.

local function right(user, password)
  local kept = lookup.lsearch("users", user)
  return kept ~= nil and crypto.password(password, kept)
end

-- PLAIN: whom the client wants to be, who it is, the password. LOGIN: user and password.
authenticator.plain {
  driver = "plaintext", public_name = "PLAIN",
  server_condition = function(m) return right(m.auth2, m.auth3) end,
  server_set_id    = function(m) return m.auth2 end,
}
authenticator.login {
  driver = "plaintext", public_name = "LOGIN",
  server_condition = function(m) return right(m.auth1, m.auth2) end,
  server_set_id    = function(m) return m.auth1 end,
}

-- The addresses a user may write under: NAME@example.org, and what the file gives him besides.
addresslist.own = { function(address, m)
  local own = { m.authenticated_id .. "@example.org" }
  for other in (lookup.lsearch("addresses", m.authenticated_id) or ""):gmatch "[^,%s]+" do own[#own + 1] = other end
  for _, one in ipairs(own) do
    if one:lower() == address:lower() then return true end
  end
  return false
end }
