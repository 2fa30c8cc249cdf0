-- srs: forwarding under a sender of ours, and the bounces of it led back
--
-- Exim:  SRS_SECRET = <pick something unique for your site for this>
--        outbound: driver = dnslookup;  domains = ! +my_domains
--                  transport = ${if eq {$local_part@$domain} {$original_local_part@$original_domain} {remote_smtp} {remote_forwarded_smtp}}
--        inbound_srs: driver = redirect;  senders = :;  domains = +my_domains
--                  condition = ${if inbound_srs {$local_part} {SRS_SECRET}};  data = $srs_recipient
--        inbound_srs_failure: the same but condition = ${if inbound_srs {$local_part} {}};  allow_fail
--                  data = :fail: Invalid SRS recipient address
--        remote_forwarded_smtp: driver = smtp;  max_rcpt = 1
--                  return_path = ${srs_encode {SRS_SECRET} {$return_path} {$original_domain}}

local SRS_SECRET = "something unique for this site"     -- better: secret.file "/etc/perigee/srs.secret"

router.outbound {
  driver  = "dnslookup",
  -- if outbound, and forwarding has been done, use an alternate transport
  domains = "! +local_domains",
  transport = function(m)
    local forwarded = m.local_part .. "@" .. m.domain ~= m.original_local_part:lower() .. "@" .. m.original_domain
    return forwarded and "remote_forwarded_smtp" or "remote_smtp"
  end,
}

router.inbound_srs {
  driver  = "redirect",
  senders = ":",
  domains = "+local_domains",
  -- detect inbound bounces which are SRS'd, and decode them
  condition = function(m) return srs.inbound(m.local_part, SRS_SECRET) end,
  data      = function(m) return m.srs_recipient end,
}

router.inbound_srs_failure {
  driver  = "redirect",
  senders = ":",
  domains = "+local_domains",
  -- detect inbound bounces which look SRS'd but are invalid
  condition  = function(m) return srs.inbound(m.local_part, "") end,
  allow_fail = true,
  data       = ":fail: Invalid SRS recipient address",
}

router.aliases { driver = "redirect", domains = "+local_domains", local_parts = "away", data = "ann@far.example" }
router.here    { driver = "accept", domains = "+local_domains", transport = "mailbox" }

transport.mailbox     { driver = "appendfile", maildir_format = true, directory = "/mail" }
transport.remote_smtp { driver = "smtp" }

-- looks like the non-forward outbound one, plus the max_rcpt and return_path options
transport.remote_forwarded_smtp {
  driver = "smtp",
  -- modify the envelope from, for mails that we forward
  max_rcpt    = 1,
  return_path = function(m) return srs.encode(SRS_SECRET, m.return_path, m.original_domain) end,
}

acl.rcpt { demand { verify = "recipient" }, accept {} }
