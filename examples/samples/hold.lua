-- hold: the server behind us is asked about each recipient, and the message goes there on the connection of the question
--
-- Exim:  require verify = recipient/callout=use_sender,hold
--
-- `require` is `demand` here: require is a word of Lua.

acl.rcpt {
  demand { verify = "recipient/callout=use_sender,hold" },
}

router.inside { driver = "manualroute", domains = "+local_domains", transport = "inside", route_list = "* store.example.org" }
transport.inside { driver = "smtp" }
