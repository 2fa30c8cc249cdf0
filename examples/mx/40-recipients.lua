-- recipients: the server inside is asked whether it would take the recipient, so that we need send no bounces
--
-- The answer is kept (a yes for a day, a no for two hours), and a server inside that is down means "come back later", never
-- "no such user". 80-routing.lua says which server that is.

acl.rcpt {
  demand { verify = "recipient/callout=10s,maxwait=30s", message = "550 5.1.1 no such user here" },
}
