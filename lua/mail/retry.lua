-- retry - when to try again: Exim's rules, F G and H
--
-- retry.rule { pattern, error, "F,2h,15m; G,16h,1h,1.5; F,4d,6h", senders = list }
-- The first rule whose pattern fits the address or the host, whose error fits,
-- and whose senders fit, decides. Without any rule nothing is tried again
-- after the ones here say so: the last resort below.

local host, use = ...
local words = use "words"
local lists = use "lists"
local report = use "report"
local explain = use "explain"
local retry = {}

retry.rules = {}

-- A rule set without retry rules still tries for four days.
local LAST_RESORT = {
  { letter = "F", cutoff = 2 * 3600, interval = 15 * 60 },
  { letter = "G", cutoff = 16 * 3600, interval = 3600, factor = 1.5 },
  { letter = "F", cutoff = 4 * 86400, interval = 6 * 3600 },
}

local WHOLE = {
  ["*"] = true, quota = true, refused = true, timeout = true, timeout_connect = true, timeout_DNS = true,
  auth_failed = true, lost_connection = true, tls_required = true, dns_fail = true, local_error = true,
  refused_A = true, refused_MX = true, timeout_connect_A = true, timeout_connect_MX = true,
  rcpt_4xx = true, mail_4xx = true, data_4xx = true, timeout_A = true, timeout_MX = true,
}

-- "quota", "quota_7d", "rcpt_452", "rcpt_45x", "refused_MX" ...
local function error_known(text)
  return WHOLE[text] or text:find("^quota_%d") and words.seconds(text:sub(7)) ~= nil
    or text:find("^%a+_4[%dx][%dx]$") and WHOLE[text:match("^%a+") .. "_4xx"] or false
end

-- Does the rule's error cover what happened? The general word covers the exact one.
local function error_fits(rule, happened)
  if rule == "*" or rule == happened then return true end
  if happened:sub(1, #rule + 1) == rule .. "_" then return true end
  -- "quota_7d": nobody has looked at the mailbox for a week
  local since, asked = happened:match("^quota_(%d+)s$"), rule:match("^quota_(.+)$")
  if since and asked then return tonumber(since) >= (words.seconds(asked) or math.huge) end
  local stem, code = rule:match("^(%a+)_(4[%dx][%dx])$")
  if not stem then return false end
  local what, got = happened:match("^(%a+)_(4[%dx][%dx])$")
  if what ~= stem then return false end
  for i = 1, 3 do
    local a, b = code:sub(i, i), got:sub(i, i)
    if a ~= "x" and a ~= b then return false end
  end
  return true
end

-- "F,2h,15m; G,16h,1h,1.5" -> array of { letter =, cutoff =, interval =, factor = }
function retry.parse(text)
  if type(text) ~= "string" then return nil, "the schedule is a text such as \"F,2h,15m; G,16h,1h,1.5; F,4d,6h\"" end
  local steps, last = {}, 0
  for piece in (text .. ";"):gmatch("%s*(.-)%s*;") do
    if piece ~= "" then
      local cells = {}
      for cell in (piece .. ","):gmatch("%s*(.-)%s*,") do cells[#cells + 1] = cell end
      local letter = cells[1]:upper()
      local cutoff, interval, factor = words.seconds(cells[2]), words.seconds(cells[3]), tonumber(cells[4])
      if letter ~= "F" and letter ~= "G" and letter ~= "H" then
        return nil, string.format('"%s": a step begins with F (fixed), G (growing) or H (growing, with chance)', piece)
      elseif not cutoff or not interval or interval <= 0 then
        return nil, string.format('"%s": a step is LETTER,until,interval, as in F,2h,15m', piece)
      elseif letter == "F" and #cells ~= 3 then
        return nil, string.format('"%s": F takes two times', piece)
      elseif letter ~= "F" and not (factor and factor >= 1 and #cells == 4) then
        return nil, string.format('"%s": %s needs a factor of at least 1 as in %s,16h,1h,1.5', piece, letter, letter)
      elseif cutoff < last then
        return nil, string.format('"%s": the times must grow from step to step', piece)
      end
      last = cutoff
      steps[#steps + 1] = { letter = letter, cutoff = cutoff, interval = interval, factor = factor }
    end
  end
  return steps
end

-- The pattern is an address item if it can be: tried against the address, or its
-- domain, and against the host that failed.
local function pattern(text, where)
  if text == "*" then return function() return true end end
  local address = lists.compile("address", { text }, where)
  local domain = not text:find("@", 1, true) and lists.compile("domain", { text }, where)
  return function(subject, host_name, ev)
    if subject ~= "" and address(subject, ev) then return true end
    return domain and host_name ~= "" and domain(host_name, ev) or false
  end
end

local KEYS = { senders = true }

local function rule(spec)
  local where = host.where(2)
  if not report.loading() then error("retry rules are declared at load", 2) end
  if type(spec) ~= "table" then return report.problem(where, "retry.rule takes a table: { pattern, error, schedule }") end
  for key in pairs(spec) do
    if type(key) == "string" and not KEYS[key] then
      report.problem(where, 'retry.rule knows no "%s"%s', key, words.meant(key, KEYS))
    end
  end
  local text, err = spec[1], spec[2]
  if type(text) ~= "string" or type(err) ~= "string" or #spec > 3 then
    return report.problem(where, 'retry.rule takes three texts: { "*", "*", "F,2h,15m; F,4d,6h" }')
  end
  if not error_known(err) then
    report.problem(where, 'retry.rule: there is no error "%s"%s', err, words.meant(err, WHOLE))
  end
  local steps, why = retry.parse(spec[3])
  if not steps then return report.problem(where, "retry.rule: " .. why) end
  report.attempt(function()
    retry.rules[#retry.rules + 1] = {
      fits = pattern(text, where), error = err, steps = steps, where = where, place = explain.other(where, "retry rule " .. text),
      senders = spec.senders ~= nil and lists.compile("address", spec.senders, where) or nil,
    }
  end)
end

function retry.library()
  return { rule = rule }
end

-- entry.retry: the steps for a failure, or nil: no rule, no retry.
function retry.find(m, address, host_name, happened)
  if #retry.rules == 0 then return LAST_RESORT end
  local ev = { m = m }
  explain.enter()
  address, host_name = (address or ""):lower(), (host_name or ""):lower()
  for _, r in ipairs(retry.rules) do
    if error_fits(r.error, happened or "*") and r.fits(address, host_name, ev)
       and (not r.senders or r.senders((m.sender_address or ""):lower(), ev)) then
      explain.leave(r.place, true)
      return r.steps
    end
  end
  explain.leave()
  return nil
end

return retry
