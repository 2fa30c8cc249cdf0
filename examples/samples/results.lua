-- results: an Authentication-Results field at the top, and none that a stranger wrote in our name
--
-- Exim:  add_header = :at_start:${authresults {mx.example.org}}
--        "it would be wise to strip incoming messages of A-R headers that claim to be from our own <admd-identifier>"
--
-- What SPF, DKIM and ARC say of the message comes with them; who logged in is known already (RFC 8601 section 2.7.4).

acl.data(function(m)
  -- Fields go by their name, all of them; those of others come back in the order they had.
  local fields = m.lheader.authentication_results or {}
  header.remove("Authentication-Results")
  header.add("Authentication-Results: " .. m.primary_hostname .. "; " ..
             (m.authenticated_id and "auth=pass smtp.auth=" .. text.quote(m.authenticated_id) or "none"), "at_start")
  for _, value in ipairs(fields) do
    if value:match "^%s*([^%s;]*)":lower() ~= m.primary_hostname then header.add("Authentication-Results: " .. value, "after_received") end
  end
end)
