-- content: attachments that are programs, headers that lie, what the blocklists said

local PROGRAMS = { bat = true, cmd = true, com = true, exe = true, hta = true, js = true, lnk = true, pif = true, scr = true, vbs = true }

-- A part has several names, and mail programs disagree which one counts: all of them are judged.
---@param m mail.mime
acl.mime(function(m)
  for _, name in ipairs(m.mime_filenames) do
    local ending = name:lower():match "%.(%w+)[%s.]*$"
    if ending and PROGRAMS[ending] then
      return deny { message = "550 5.7.1 attachments that are programs are not taken here", log_message = "attachment " .. name }
    end
  end
end)

acl.mime {
  -- However it is named: this is how a program for Windows begins.
  deny { mime_regex = "^MZ", message = "550 5.7.1 attachments that are programs are not taken here" },
  -- A message that two programs read differently is how the one above is got past.
  deny { condition = function(m) return m.mime_anomaly_level >= 3 end,
         message = function(m) return "550 5.6.0 this message may be read in more than one way: " .. m.mime_anomaly_text end },
}

acl.data {
  accept { hosts = "+inside" },
  deny   { not_verify = "header_syntax", message = "550 5.6.0 an address in the header is damaged" },
  -- The mark is for the server inside and its users' filters; a stranger's own mark is taken away.
  warn   { remove_header = "X-Watched" },
  warn   { condition = function(m) return m.acl_m_watched ~= nil end,
           add_header = function(m) return "X-Watched: " .. m.acl_m_watched end },
}
