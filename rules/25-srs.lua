-- srs: mail that we forward goes out under a sender of ours, and its bounces find the way back
--
-- Off until there is a secret: make one,  head -c 24 /dev/urandom | base64 > srs.secret; chmod 600 srs.secret,  and write
--   local SECRET = secret.file "/etc/perigee/srs.secret"
-- To change it keep the old one for a month: { secret.file "new", secret.file "old" }; the first one signs.

local SECRET = ""

if SECRET == "" then return end

-- What comes back to such an address goes to who wrote the message. Bounces alone do: they have no sender.
router.srs_bounces {
  driver    = "redirect",
  senders   = ":",
  domains   = "+local_domains",
  caseful_local_part = true,            -- the writer's local part as it was written
  condition = function(m) return srs.inbound(m.local_part, SECRET) end,
  data      = function(m) return m.srs_recipient end,
}

-- Of that form, but not ours, or older than three weeks: an empty secret asks for the form only.
router.srs_forged {
  driver     = "redirect",
  senders    = ":",
  domains    = "+local_domains",
  condition  = function(m) return srs.inbound(m.local_part, "") end,
  allow_fail = true,
  data       = ":fail: Invalid SRS recipient address",
}

-- What came for another address than it goes to is forwarded: aliases made it so.
router.forwarded {
  driver    = "dnslookup",
  domains   = "! +local_domains",
  condition = function(m)
    return m.local_part ~= m.original_local_part:lower() or m.domain ~= m.original_domain
  end,
  transport = "remote_forwarded",
  ignore_target_hosts = { "0.0.0.0/8", "127.0.0.0/8", "::1" },
  cannot_route_message = "550 5.1.2 that domain takes no mail",
}

transport.remote_forwarded {
  driver      = "smtp",
  max_rcpt    = 1,                      -- each has a sender of its own
  return_path = function(m) return srs.encode(SECRET, m.return_path, m.original_domain) end,
}
