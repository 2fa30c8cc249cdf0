-- prvs: bounces come only to addresses we have signed, each with its user's own key
--
-- Exim:  PRVSCHECK_SQL = SELECT secret FROM batv_prvs WHERE sender='${quote_mysql:$prvscheck_address}'
--        deny  message = This address does not send an unsigned reverse path.
--              senders = :;  recipients = +batv_recipients
--        deny  message = Invalid reverse path signature.
--              senders = :;  condition = ${prvscheck {$local_part@$domain}{PRVSCHECK_SQL}{1}};  !condition = $prvscheck_result
--        batv_redirect: driver = redirect;  data = ${prvscheck {$local_part@$domain}{PRVSCHECK_SQL}}
--        external_smtp_batv: return_path = ${prvs {$return_path}{SELECT secret ...}}
-- (tags are good for seven days)

local USERS = { ["ann@example.org"] = "her key" }               -- a lookup with the address as parameter does as well

local function secret_of(address) return USERS[address:lower()] end

acl.rcpt(function(m)
  if m.sender_address ~= "" then return end
  local good = prvs.check(m.local_part .. "@" .. m.domain, secret_of)
  if good == false then return deny("550 5.7.1 Invalid reverse path signature.") end
  if good == nil and secret_of(m.local_part .. "@" .. m.domain) then
    return deny("550 5.7.1 This address does not send an unsigned reverse path.")
  end
end)

router.batv {
  driver  = "redirect",
  domains = "+local_domains",
  data    = function(m)
    local good, address = prvs.check(m.local_part .. "@" .. m.domain, secret_of)
    return good and address or nil
  end,
}
router.here   { driver = "accept", domains = "+local_domains", transport = "mailbox" }
router.remote { driver = "dnslookup", domains = "! +local_domains", transport = "signed_smtp" }

transport.mailbox { driver = "appendfile", maildir_format = true, directory = "/mail" }
transport.signed_smtp {
  driver = "smtp",
  return_path = function(m)
    local key = m.return_path ~= "" and secret_of(m.return_path)
    return key and prvs.create(m.return_path, key) or nil
  end,
}

acl.rcpt { accept { hosts = "+relay_from" }, deny { domains = "! +local_domains", message = "550 5.7.1 relay not permitted" }, accept {} }
