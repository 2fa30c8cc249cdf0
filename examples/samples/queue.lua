-- queue: bulk mail waits in a queue of its own, which is run by itself
--
-- Exim:  queue = bulk       in an ACL, before the message is received; a queue runner for it is exim -qGbulk

acl.rcpt {
  warn { senders = "*-bounces@*", queue = "bulk" },
}
