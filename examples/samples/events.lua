-- events: deliveries, and hosts that could not be reached, go into a database
--
-- Exim:  event_action = ${if eq {msg:delivery}{$event_name} {${lookup pgsql {SELECT * FROM record_Delivery( \
--          '${quote_pgsql:$sender_address_domain}', '${quote_pgsql:${lc:$sender_address_local_part}}', ... )}} } {}}
--        tpda_host_defer_action = ${lookup mysql {insert into delivlog set msgid = '${quote_mysql:$message_exim_id}', ... }}
--
-- The database is SQLite; servers of SQL come with their lookups. Values are parameters: there is nothing to quote.

event.on("msg:delivery", function(m)
  lookup.sqlite("delivlog.db", "insert into delivered values (?, ?, ?, ?, ?, ?, ?)",
    { m.sender_address_domain, m.sender_address_local_part:lower(), m.domain, m.local_part:lower(), m.host_address,
      m.host and m.host:lower(), m.message_exim_id, n = 7 },
    { write = true })
end)

event.on("msg:host:defer", function(m)
  lookup.sqlite("delivlog.db", "insert into deferred values (?, ?, ?, ?, ?, ?)",
    { m.message_exim_id, m.host_address, m.host_port, m.host and m.host:lower(), m.event_defer_errno, m.event_data, n = 6 },
    { write = true })
end)
