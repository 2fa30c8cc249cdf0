-- filter: is a message of our application fit to be sent?
--
-- Every complaint is kept, so that one run of the job shows them all.

site { primary_hostname = "ci.example.org", qualify_domain = "example.org" }

-- The filter delivers nothing: whoever it is for, the message is only looked at.
acl.rcpt { accept {} }

---@param m mail.data
local function complain(m, text)
  m.acl_m_wrong = (m.acl_m_wrong and m.acl_m_wrong .. "; " or "") .. text
end

-- The text as readers see it, in all its parts. A message without Content-Type has one part, the body.
local function texts(m)
  local parts, list = mime.parts(), {}
  for _, part in ipairs(parts) do
    if (part.type or "text/plain"):find "^text/" then list[#list + 1] = mime.content(part) end
  end
  if #parts == 0 then list[1] = m.message_body end
  return list
end

acl.data(function(m)
  local h = m.header
  for _, name in ipairs { "from", "to", "date", "message_id", "subject" } do
    if not h[name] then complain(m, "there is no " .. name:gsub("_", "-")) end
  end
  if h.from and address.domain(address.extract(h.from) or "") ~= "example.org" then
    complain(m, "From is not of example.org: " .. h.from)
  end
  if not check.verify("header_syntax") then complain(m, "an address in the header is damaged") end

  -- Big mail providers ask for this of whoever sends to many (RFC 8058).
  if m.sender_address:find "^news@" and not h.list_unsubscribe then complain(m, "news have List-Unsubscribe") end

  if m.message_size > 100 * 1024 then complain(m, "more than 100 KiB") end
  if m.max_received_linelength > 998 then complain(m, "a line of more than 998 bytes (RFC 5322 section 2.1.1)") end
end)

-- What a template engine leaves when a name was misspelt.
acl.data(function(m)
  for _, text in ipairs { m.header.subject or "", unpack(texts(m)) } do
    local left = text:match "{{.-}}" or text:match "%%%(%a+%)s" or text:match "%f[%w]undefined%f[%W]"
    if left then complain(m, "a placeholder is left: " .. left) end
  end
end)

acl.data(function(m)
  if m.acl_m_wrong then return deny("550 5.6.0 " .. m.acl_m_wrong) end
end)
