-- library_cert - what stands in a certificate
--
-- A certificate is its DER, as m.tls_in_peercert and the like give it; a text of PEM is taken,
-- too. Without one (nil, as those are in clear) every answer is nil.

local host, use = ...
local args = use "library_args"

-- What fn says of a certificate; nil and a reason become the rule's error.
local function ask(name, fn, certificate, arg)
  if certificate == nil then return nil end
  local value, more = fn(args.text(certificate, "the certificate", 3), arg)
  if value == nil and more then error(string.format("%s: %s", name, more), 3) end
  return value, more
end

return {
  cert = {
    extract = function(certificate, field)
      return (ask("cert.extract", host.cert_field, certificate, args.text(field, "the field")))
    end,
    list = function(certificate, field)
      local value, list = ask("cert.list", host.cert_field, certificate, args.text(field, "the field"))
      if value ~= nil and not list then error(string.format('cert.list: "%s" is one value, not a list', field), 2) end
      return list
    end,
    matches = function(certificate, name)
      return (ask("cert.matches", host.cert_is_for, certificate, args.text(name, "the host name")))
    end,
    pem = function(certificate) return (ask("cert.pem", host.cert_pem, certificate)) end,
    der = function(certificate) return (ask("cert.der", host.cert_der, certificate)) end,
  },
}
