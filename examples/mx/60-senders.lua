-- senders: for domains whose names are often borrowed, their server is asked whether there is such a sender
--
-- Only for those: every callout is work for somebody who did not ask for it. Whoever cannot be asked counts as a yes.

domainlist.often_forged = { "bank.example", "parcels.example" }

acl.rcpt {
  deny { sender_domains = "+often_forged", not_verify = "sender/callout=20s,defer_ok",
         message = "550 5.1.8 that sender does not exist there" },
  -- For all others it is enough that a bounce would have somewhere to go.
  deny { not_verify = "sender", message = "550 5.1.8 your sender address cannot be answered" },

  accept {},
}
