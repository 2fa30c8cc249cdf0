-- relay: strangers may send only to the domains we are here for
--
-- What no statement accepts is denied: that is how an rcpt ACL ends.

acl.rcpt {
  accept { hosts = "+relay_from" },
  deny   { domains = "! +local_domains", message = "550 5.7.1 relay not permitted" },

  -- Whoever has trouble with us must be able to say so (RFC 5321 section 4.5.1).
  accept { local_parts = { "postmaster", "abuse" } },

  demand { verify = "recipient", message = "550 5.1.1 no such user here" },
  accept {},
}
