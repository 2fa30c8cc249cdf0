-- dmarc_report - what is written and sent of a DMARC check: the history, and reports of failures

local host, use = ...
local site = use "site"
local report = {}

-- ---- the history, as opendmarc-import reads it: its numbers are those of libopendmarc

local SPF = { pass = 0, softfail = 2, neutral = 3, temperror = 4, permerror = 5, none = 6, fail = 7 }
local DKIM = { pass = 0, temperror = 4, invalid = 5, none = 6, fail = 7, policy = 8 }
local POLICY = { accept = 15, reject = 16, quarantine = 17, none = 18 }
local LETTER = { none = 110, quarantine = 113, reject = 114, r = 114, s = 115, [""] = 0 }
local ACTION = { reject = 0, quarantine = 4, none = 2 }

local function line(out, name, value) out[#out + 1] = name .. " " .. tostring(value):gsub("%c", "") end

function report.history(m, r)
  local out = {}
  line(out, "job", host.get(m, "message_exim_id") or "")
  line(out, "reporter", host.get(m, "primary_hostname") or "")
  line(out, "received", host.now())
  line(out, "ipaddr", host.get(m, "sender_host_address") or "")
  line(out, "from", r.from)
  line(out, "mfrom", host.get(m, "sender_address_domain") or "")
  if r.spf ~= "" then line(out, "spf", SPF[r.spf]) end
  for _, signature in ipairs(r.dkim) do
    line(out, "dkim", string.format("%s %d", signature.domain, DKIM[signature.result] or DKIM.none))
  end
  line(out, "pdomain", r.domain)
  line(out, "policy", POLICY[r.status] or 14)
  if r.record.rua == "" then line(out, "rua", "-") end
  for uri in r.record.rua:gmatch("[^,%s]+") do line(out, "rua", uri) end
  line(out, "pct", r.record.pct)
  line(out, "adkim", LETTER[r.record.adkim])
  line(out, "aspf", LETTER[r.record.aspf])
  line(out, "p", LETTER[r.record.p])
  line(out, "sp", LETTER[r.record.sp])
  line(out, "align_dkim", r.aligned_dkim and 4 or 5)
  line(out, "align_spf", r.aligned_spf and 4 or 5)
  line(out, "action", ACTION[r.disposition] or 2)
  return table.concat(out, "\n") .. "\n"
end

-- ---- failure reports (RFC 6591, ARF)

-- fo=: 0 nothing passed, 1 something failed, d a signature, s SPF. Bits of core/auth/dmarc_record.h.
function report.due(r)
  local fo = r.record.fo
  local function has(bit) return math.floor(fo / bit) % 2 == 1 end
  local dkim_failed = false
  for _, signature in ipairs(r.dkim) do dkim_failed = dkim_failed or signature.result == "fail" end
  return has(1) or has(2) or has(4) and dkim_failed or has(8) and r.spf ~= "" and r.spf ~= "pass"
end

-- "Reports <reports@example.org>" -> "reports@example.org"
function report.address(text) return text:match("<([^<>]*)>") or text:match("^%s*(.-)%s*$") end

local function clean(text) return (tostring(text or ""):gsub("[%c\128-\255]", "?")) end
local function passed(b) return b and "yes" or "no" end

local function own_sender()
  return site.value("dsn_from") or "DMARC reports <do-not-reply@" .. (site.value("primary_hostname") or "localhost") .. ">"
end

local HEADERS_MAX = 16384

-- The header section only: what a report may give away is little enough.
local function headers_of(m)
  local text = (host.get(m, "message_headers_raw") or ""):gsub("\r\n", "\n")
  if #text > HEADERS_MAX then text = text:sub(1, HEADERS_MAX):gsub("[^\n]*$", "") end
  return text:gsub("\n+$", "\n")
end

function report.failure(m, r, from, to)
  local ip, sender = clean(host.get(m, "sender_host_address")), clean(host.get(m, "sender_address"))
  local aligned = r.aligned_dkim and "dkim" or r.aligned_spf and "spf" or "none"
  local mark = string.format("perigee-%d-%d", host.now(), host.random(999999999))
  local out = {
    "From: " .. (from or own_sender()),
    "To: " .. to,
    "Subject: DMARC Forensic Report for " .. clean(r.from) .. " from IP " .. ip,
    "Date: " .. clean(host.get(m, "tod_full")),
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    'Content-Type: multipart/report; report-type=feedback-report; boundary="' .. mark .. '"',
    "",
    "--" .. mark,
    "Content-Type: text/plain; charset=us-ascii",
    "",
    "A message claiming to be from you has failed the published DMARC policy for your domain.",
    "",
    "  Sender Domain: " .. clean(r.from),
    "  Sender IP Address: " .. ip,
    "  Received Date: " .. clean(host.get(m, "tod_full")),
    "  SPF Alignment: " .. passed(r.aligned_spf),
    "  DKIM Alignment: " .. passed(r.aligned_dkim),
    "  DMARC Results: " .. r.text,
    "",
    "--" .. mark,
    "Content-Type: message/feedback-report",
    "",
    "Feedback-Type: auth-failure",
    "User-Agent: Perigee",
    "Version: 1",
    "Auth-Failure: dmarc",
    "Identity-Alignment: " .. aligned,
    "Original-Mail-From: <" .. sender .. ">",
    "Source-IP: " .. ip,
    "Arrival-Date: " .. clean(host.get(m, "tod_full")),
    "Reported-Domain: " .. clean(r.from),
    "Delivery-Result: " .. (r.disposition == "reject" and "reject" or r.disposition == "quarantine" and "policy" or "delivered"),
    "Reporting-MTA: dns; " .. clean(host.get(m, "primary_hostname")),
    "",
    "--" .. mark,
    "Content-Type: text/rfc822-headers",
    "",
  }
  return table.concat(out, "\n") .. "\n" .. headers_of(m) .. "\n--" .. mark .. "--\n"
end

return report
