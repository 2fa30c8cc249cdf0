-- Rules that read the body: one refuses by it, one routes by it.

site { primary_hostname = "mx.example.org" }

acl.rcpt { accept {} }
acl.data(function(m)
  if m.message_body:find("buy", 1, true) then return deny("550 5.7.1 the body begins with " .. m.message_body) end
end)

router.reader(function(m) return fail("nobody reads: " .. m.message_body) end)
