-- spf: the samples of SPF's chapter
--
-- Exim:  deny spf = fail
--        message = $sender_host_address is not allowed to send mail from \
--          ${if def:sender_address_domain {$sender_address_domain}{$sender_helo_name}}. \
--          Please see http://www.open-spf.org/Why?scope=...
--        deny spf_guess = fail ...; warn add_header = :at_start:$spf_received; spf_guess = v=spf1 a/16 mx/16 ptr ?all

site { spf_guess = "v=spf1 a/16 mx/16 ptr ?all" }

acl.rcpt {
  deny {
    spf = "fail",
    message = function(m)
      local bounce = m.sender_address == ""
      return string.format("550 5.7.23 %s is not allowed to send mail from %s. "
          .. "Please see http://www.open-spf.org/Why?scope=%s&identity=%s&ip=%s",
        m.sender_host_address, m.spf_used_domain, bounce and "helo" or "mfrom", bounce and m.sender_helo_name or m.sender_address,
        m.sender_host_address)
    end,
  },
  -- one sender's neutral is taken for a fail: what the standard does not have, and the site wants
  deny { sender_domains = "strict.example", spf = "fail : neutral", message = "550 5.7.23 not from there" },
  warn { add_header = function(m) return ":at_start:" .. m.spf_received end },
}

-- What a guess says is for a header, never for a refusal that speaks of SPF.
acl.data {
  warn { spf_guess = "pass", condition = function(m) return m.spf_result_guessed end,
         add_header = function(m) return m.spf_received end },
}
