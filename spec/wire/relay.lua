-- Strangers may send only to example.org.

acl.rcpt {
  accept { hosts = "+relay_from" },
  deny   { domains = "! +local_domains", message = "550 5.7.1 relay not permitted" },
  accept {},
}
