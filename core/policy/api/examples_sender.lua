-- Examples of SPF and DMARC. What they find is in spec/accept/spf_spec.lua and dmarc_spec.lua.

example { of = { "condition spf", "var spf_result", "var spf_used_domain", "var spf_smtp_comment", "var spf_header_comment", "var spf_received",
                 "option main spf_smtp_comment_template" }, code = [[
site { spf_smtp_comment_template = "%{i}%_does%_not%_send%_for%_%{o}:%_ask%_postmaster@%{r}" }
acl.rcpt {
  deny  { spf = "fail", message = function(m) return "550 5.7.23 " .. m.spf_used_domain .. ": " .. m.spf_smtp_comment end,
          log_message = function(m) return m.spf_header_comment end },
  defer { spf = "temperror : permerror", condition = function(m) return m.spf_result == "temperror" end, message = "451 4.7.24 please try again" },
  warn  { add_header = function(m) return ":at_start:" .. m.spf_received end },
}]] }
example { of = { "condition spf_guess", "option main spf_guess", "var spf_guess", "var spf_result_guessed" }, code = [[
site { spf_guess = "v=spf1 a/16 mx/16 ptr ?all" }
acl.rcpt {
  warn { spf_guess = "pass", condition = function(m) return m.spf_result_guessed end,
         log_message = function(m) return "near its domain, by " .. m.spf_guess end },
}]] }
example { of = { "fn lookup.spf" }, code = [[
acl.rcpt(function(m)
  if lookup.spf(m.sender_host_address, "postmaster@example.org") == "pass" then return accept() end
end)]] }
example { of = { "fn lookup.table.spf" }, code = [[
acl.mail { accept { senders = { "*@partner.example", lookup.table.spf("192.0.2.1") }, hosts = "192.0.2.1" } }]] }
example { of = { "condition dmarc_status", "var dmarc_status", "var dmarc_status_text", "var dmarc_domain_policy", "var dmarc_disposition",
                 "var dmarc_used_domain", "var dmarc_alignment_dkim", "var dmarc_alignment_spf", "var dmarc_ar_header" }, code = [[
acl.data {
  deny { dmarc_status = "reject", condition = function(m) return m.dmarc_disposition == "reject" end,
         message = function(m) return "550 5.7.1 " .. m.dmarc_used_domain .. " wants p=" .. m.dmarc_domain_policy end },
  warn { dmarc_status = "!accept", logwrite = function(m)
           return ("%s (%s): dkim %s, spf %s"):format(m.dmarc_status, m.dmarc_status_text, tostring(m.dmarc_alignment_dkim), tostring(m.dmarc_alignment_spf)) end },
  warn { add_header = function(m) return ":at_start:" .. m.dmarc_ar_header end },
}]] }
example { of = { "option main dmarc_report_org", "option main dmarc_report_email", "option main dmarc_report_contact", "option main dmarc_results_keep" }, code = [[
site { dmarc_report_org = "Example, Inc.", dmarc_report_email = "dmarc-reports@example.org",
       dmarc_report_contact = "https://example.org/postmaster", dmarc_results_keep = "7d" }]] }
example { of = { "option main dmarc_tld_file", "option main dmarc_discovery" }, code = [[
site { dmarc_tld_file = "/usr/share/publicsuffix/public_suffix_list.dat", dmarc_discovery = "psl" }]] }
example { of = { "option main dmarc_history_file", "option main dmarc_forensic_sender", "control dmarc_enable_forensic", "control dmarc_disable_verify" }, code = [[
site { dmarc_history_file = "/var/spool/perigee/dmarc.history", dmarc_forensic_sender = "DMARC <dmarc@example.org>" }
acl.predata {
  accept { authenticated = "*", control = "dmarc_disable_verify" },
  accept { sender_domains = "partner.example", control = "dmarc_enable_forensic" },
}]] }
example { of = { "option main spf_engine", "option main dmarc_engine" }, code = [[
site { spf_engine = "compare", dmarc_engine = "native" }]] }
