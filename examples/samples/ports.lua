-- ports: one ACL for mail exchangers on port 25, another for mail programs on 587 and 465
--
-- Exim:  daemon_smtp_ports = 25 : 465 : 587
--        tls_on_connect_ports = 465
--        acl_smtp_rcpt = ${if ={25}{$interface_port} {acl_check_rcpt} {acl_check_rcpt_submit} }

site {
  listen = { "0.0.0.0:25", "0.0.0.0:465", "0.0.0.0:587" },

  -- Once you have a certificate, take these hyphens away:
  -- tls_on_connect_ports = 465,
  -- tls_certificate = "/etc/perigee/tls/mx.example.org.pem",     -- with its chain behind it
  -- tls_privatekey  = "/etc/perigee/tls/mx.example.org.key",     -- 0640, readable for the engine's group
}

local function check_rcpt()
  if not check.domains("+local_domains") then return deny("550 5.7.1 relay not permitted") end
  return accept()
end

---@param m mail.rcpt
local function check_rcpt_submit(m)
  if not m.authenticated_id then return deny("530 5.7.0 please log in first") end
  return accept { control = "submission" }
end

acl.rcpt(function(m)
  if m.received_port == 25 then return check_rcpt() end
  return check_rcpt_submit(m)
end)
