-- Rules about parts: no programs, and no message that may be read in two ways.

site { primary_hostname = "mx.example.org" }

acl.rcpt { accept {} }
acl.mime(function(m)
  for _, name in ipairs(m.mime_filenames) do
    if name:lower():find "%.exe$" then return deny("550 5.7.1 part " .. m.mime_part_count .. " is a program") end
  end
  if m.mime_anomaly_level >= 3 then return deny("550 5.6.0 " .. m.mime_anomaly_text) end
end)
acl.data { deny { regex = "^SECRET", message = "550 5.7.1 that is no mail for others" } }

router.none(function() return fail "nobody is here" end)
