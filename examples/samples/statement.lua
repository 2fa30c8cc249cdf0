-- statement: several lines, several logwrites, a comment in the middle
--
-- Exim:  warn logwrite = Remote Source Address: $sender_host_address:$sender_host_port
--             logwrite = Internal Server Address: $received_ip_address:$received_port
-- (the addresses of a proxy come with the PROXY protocol)

acl.connect {
  warn {
    not_hosts = "+relay_from",
    -- Exim reads a text on with a backslash at the end of the line; here an expression goes on until it ends.
    logwrite = {
      function(m) return "Remote Source Address: " .. m.sender_host_address ..
                         ":" .. m.sender_host_port end,
      -- A comment may stand anywhere.
      function(m) return "Internal Server Address: " .. m.received_ip_address .. ":" .. m.received_port end,
    },
  },
}
