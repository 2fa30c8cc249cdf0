-- dmarc - does what the domain in From: says of its mail hold for this message? (RFC 7489, RFC 9989)
--
-- The check itself is core/auth/dmarc.c; here is when it is run, what is logged of it, and where
-- its results are written. It is run once for a message, when the condition is met first.

local host, use = ...
local site = use "site"
local results = use "results"
local report = use "dmarc_report"
local dmarc = {}

local WORDS = { accept = true, reject = true, quarantine = true, none = true, norecord = true, nofrom = true, temperror = true, off = true }
local OLD = { error = "temperror" }

-- ---- the public suffix list, kept until its file is another one

local opened = {}

local function suffixes(m)
  local path = site.option("dmarc_tld_file", m)
  if path == "" then return nil end
  local key = path or ""
  local known = opened[key]
  if known and not host.dmarc_stale(known) then return known end
  local list, why = host.dmarc_suffixes(path)
  if not list then
    if not known then host.logwrite(m, "main", "DMARC is off: " .. why) end
    return known                        -- what was read before is better than none
  end
  opened = { [key] = list }
  return list
end

-- ---- what is written of it

local function yes(b) return b and "yes" or "no" end

local function log(m, r)
  if r.status == "temperror" then host.logwrite(m, "main", "DMARC: " .. r.why) end
  if not r.record then return end
  host.logwrite(m, "main", string.format("DMARC results: spf_domain=%s dmarc_domain=%s spf_align=%s dkim_align=%s enforcement='%s'",
    r.spf_domain, r.domain, yes(r.aligned_spf), yes(r.aligned_dkim), r.text))
end

local function keep_history(m, r)
  local path = site.option("dmarc_history_file", m)
  if not path or path == "" or not r.record then return end
  local ok, why = host.file_append(path, report.history(m, r))
  if not ok then host.log_panic("DMARC history: " .. tostring(why)) end
end

-- RFC 7489 section 7.1: another organisation's mailbox must have said that it wants reports about this domain.
local function wanted(list, domain, address)
  local at = address:match("@([^@]+)$"):lower()
  if at == domain or host.dmarc_org(list, at) ~= "" and host.dmarc_org(list, at) == host.dmarc_org(list, domain) then return true end
  local status, found = host.dns("TXT", domain .. "._report._dmarc." .. at)
  if status ~= "ok" then return false end
  for _, rr in ipairs(found) do
    if rr.text:find("^%s*[vV]%s*=%s*DMARC1%s*$") or rr.text:find("^%s*[vV]%s*=%s*DMARC1%s*;") then return true end
  end
  return false
end

local REPORTS_MAX = 5
local FAILED = { reject = true, quarantine = true }

-- Asked for twice: by the record, and by the control.
local function send_reports(m, r, list)
  if not (r.forensic and r.record and FAILED[r.status] and #r.record.ruf > 0) or not report.due(r) then return end
  local from = site.option("dmarc_forensic_sender", m)
  for i = 1, math.min(#r.record.ruf, REPORTS_MAX) do
    local to = r.record.ruf[i]
    if to:find("^[%w!#$%%&'*+/=?^_`{|}~.-]+@[%w.-]+$") and wanted(list, r.domain, to) then
      host.letter(m, from and report.address(from) or "", to, report.failure(m, r, from, to))
    end
  end
end

-- ---- the condition

function dmarc.status(m)
  local known = host.get(m, "dmarc_status")
  if known then return known end
  local list = suffixes(m)
  local r = host.dmarc(m, list, host.get(m, "primary_hostname") or "", site.value("dmarc_discovery") == "treewalk",
    site.value("dmarc_engine"))
  if r.only then return r.status end
  log(m, r)
  keep_history(m, r)
  if list then send_reports(m, r, list) end
  return r.status
end

dmarc.compile = results.condition { name = "dmarc_status", words = WORDS, aliases = OLD, get = function(ev) return dmarc.status(ev.m) end }

return dmarc
