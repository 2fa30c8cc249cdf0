-- greeting - what main options ask of a session: its HELO name, and not too fast
--
-- helo_verify_hosts, helo_try_verify_hosts, helo_lookup_domains, smtp_ratelimit_*:
-- each becomes a statement in front of the site's own in the ACL of its phase, so a
-- site that sets none of them pays nothing.

local host, use = ...
local words = use "words"
local site = use "site"
local verify = use "verify"
local report = use "report"
local greeting = {}

local function asked(name, m, subject) return site.cells[name] ~= nil and site.match(name, m, subject) end

-- ---- HELO

local function look_up(m)
  if asked("helo_lookup_domains", m, m.sender_helo_name or "") then
    pcall(function() return m.sender_host_name end)     -- a name that is not found is known to be so; that is all
  end
end

local function helo(m)
  local ip = m.sender_host_address
  if not ip then return end
  look_up(m)
  local ev = { m = m, where = "helo_verify_hosts" }
  if asked("helo_verify_hosts", m, ip) then
    if not verify.tests.helo(ev, "", {}) then
      return host.rules.deny { message = "550 5.7.1 HELO name is not yours: " .. (ev.log or "it does not verify"),
                               log_message = "HELO verification failed: " .. (ev.log or "") }
    end
  elseif asked("helo_try_verify_hosts", m, ip) then
    local ok, err = pcall(verify.tests.helo, ev, "", {})
    if not ok and not host.again_text(err) then error(err, 0) end
  end
end

-- ---- smtp_ratelimit_mail, smtp_ratelimit_rcpt

local MAX = 600                 -- the most that one wait may take

local function seconds(text)
  local n = text:match("^(%d+%.%d+)s?$")
  return n and tonumber(n) or words.seconds(text)
end

-- "2,0.5s,1.05,4m"
local function read(text)
  local threshold, delay, factor, most = text:match("^%s*(%d+)%s*,%s*([^,%s]+)%s*,%s*(%d+%.?%d*)%s*,%s*([^,%s]+)%s*$")
  if not threshold or not seconds(delay) or not seconds(most) then return nil end
  return { threshold = tonumber(threshold), delay = seconds(delay), factor = tonumber(factor), most = math.min(seconds(most), MAX) }
end

local function slower(name, spec, count)
  return function(m)
    local n = count(m) - spec.threshold
    if n <= 0 or not m.sender_host_address or not asked("smtp_ratelimit_hosts", m, m.sender_host_address) then return end
    local wait = math.min(spec.delay * spec.factor ^ (n - 1), spec.most)
    if wait > 0 then host.sleep(wait) end
  end
end

-- ---- in front of the site's statements

local function in_front(phases, phase, fn, name)
  phases[phase] = phases[phase] or {}
  table.insert(phases[phase], 1, { fn = fn, where = site.cells[name].where })
end

local function limit(phases, phase, name, count)
  local cell = site.cells[name]
  if not cell then return end
  local spec = read(cell.value)
  if not spec then
    return report.problem(cell.where, '%s: "%s" is not written as "THRESHOLD,DELAY,FACTOR,MAX", for instance "2,0.5s,1.05,4m"',
      name, cell.value)
  end
  in_front(phases, phase, slower(name, spec, count), name)
end

-- Called once all is declared, before the ACLs are checked.
function greeting.prepare(phases)
  for _, name in ipairs { "helo_verify_hosts", "helo_try_verify_hosts", "helo_lookup_domains" } do
    if site.cells[name] then
      in_front(phases, "helo", helo, name)
      break
    end
  end
  limit(phases, "mail", "smtp_ratelimit_mail", function(m) return host.mail_count(m) end)
  limit(phases, "rcpt", "smtp_ratelimit_rcpt", function(m) return m.rcpt_count or 0 end)
end

return greeting
