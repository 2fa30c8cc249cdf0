-- connect: what an event gives back may stop a connection
--
-- Exim:  tcp:connect    a result that is not empty: do not connect
--        smtp:connect   a result that is not empty: close the connection (event_data is the banner)

transport.careful {
  driver = "smtp",
  event_action = function(m)
    if m.event_name == "tcp:connect" and m.host_address == "198.51.100.66" then return "not to that host" end
    if m.event_name == "smtp:connect" and m.event_data:find("Tarpit", 1, true) then return "it would only keep us waiting" end
  end,
}

router.careful { driver = "dnslookup", domains = "! +local_domains", transport = "careful" }
