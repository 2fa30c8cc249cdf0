-- relay: who may send where. What is not accepted below is denied at the end: that is how an rcpt ACL ends

acl.rcpt {
  accept { hosts = "+inside" },
  deny   { domains = "! +our_domains", message = "550 5.7.1 relay not permitted" },

  -- Whoever has trouble with us must be able to say so (RFC 5321 section 4.5.1), blocklisted or not.
  accept { local_parts = { "postmaster", "abuse" } },

  -- The null sender is for bounces, which go to one address.
  deny   { senders = ":", condition = function(m) return m.recipients_count > 0 end,
           message = "550 5.5.3 a bounce has one recipient" },
}
