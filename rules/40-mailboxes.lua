-- mailboxes: mail for our domains goes into Maildirs below the spool, where the engine may write whoever it runs as
--
-- Mail for ann@example.org is in SPOOL/mail/example.org/ann; name a root of your own here. Everybody has a mailbox; a
-- site with a list of users adds a line such as  local_parts = "lsearch;/etc/perigee/users"  to the router.

router.mailboxes {
  driver    = "accept",
  domains   = "+local_domains",
  -- ann+news@ is ann's, too
  local_part_suffix = "+*",
  local_part_suffix_optional = true,
  transport = "mailbox",
}

transport.mailbox {
  driver         = "appendfile",
  maildir_format = true,
  -- path() takes one safe name for each part: nothing a sender writes can lead out of the mail directory.
  directory      = function(m)
    return path(m.spool_directory or "/spool", "mail", m.domain, m.local_part)
  end,
  delivery_date_add = true,
  envelope_to_add   = true,
  return_path_add   = true,
}
