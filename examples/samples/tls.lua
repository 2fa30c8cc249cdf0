-- tls: certificates of two kinds, a proof for each, sessions resumed
--
-- Exim:  tls_certificate = /some/file/name : /another;  tls_privatekey = ...;  tls_ocsp_file = ...
--        tls_require_ciphers = ECDSA:RSA:!COMPLEMENTOFDEFAULT
--        log_selector = +tls_resumption;  ${listextract {$tls_in_resumption} {_RESUME_DECODE}}

local FILES = "/etc/perigee/tls/"

-- By what the client asked for: files are looked for when it has.
local function named(ending)
  return function(m)
    local name = m.tls_in_sni == "lists.example.org" and "lists" or "mx"
    return { FILES .. name .. ".ecdsa." .. ending, FILES .. name .. ".rsa." .. ending }
  end
end

site {
  tls_certificate      = named "pem",
  tls_privatekey       = named "key",
  tls_ocsp_file        = named "ocsp",
  tls_require_ciphers  = "ECDSA:RSA:!COMPLEMENTOFDEFAULT",      -- ECDSA where the client can
  tls_resumption_hosts = "*",
  log_selector         = "+tls_resumption",
}

acl.quit(function(m)
  if m.tls_in_cipher then logwrite("TLS: " .. tls.resumption(m.tls_in_resumption)) end
end)
