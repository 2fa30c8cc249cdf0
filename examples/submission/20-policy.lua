-- policy: log in; your own address; not too much; the header is completed

acl.mail {
  deny { not_authenticated = "*", message = "530 5.7.0 please log in first" },
  -- The null sender is for programs that answer (vacation): it cannot be answered itself.
  deny { senders = "! +own : ! :", message = function(m) return "550 5.7.1 " .. m.sender_address .. " is not an address of yours" end },
}

acl.rcpt(function(m)
  -- A stolen password sends to thousands. Each address counts once a day, however often it is written to.
  local who = { key = m.authenticated_id, unique = m.local_part .. "@" .. m.domain }
  if check.ratelimit("200 / 1d / per_rcpt / strict", who) then
    return defer { message = "450 4.7.1 more than 200 recipients today: please call us",
                   log_message = m.authenticated_id .. " sends too much" }
  end
end)

acl.rcpt {
  -- submission: Date and Message-ID where they are missing, a Sender where From is another's.
  accept { authenticated = "*", control = "submission" },
}
