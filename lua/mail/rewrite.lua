-- rewrite - addresses become others: Exim's rules
--
-- rewrite.rule { pattern, replacement, flags = "Fs" }
-- Rules are tried in order, each on what the one before made of the address. They
-- act on the envelope and on the address fields of the header when a message has
-- been received, on addresses that redirection makes, and, with the flag S, on
-- what stands behind MAIL FROM: and RCPT TO: before anybody looks at it.
--
-- A set is an array of rules (rewrite_rules.lua). Transports have sets of their
-- own (headers_rewrite).

local host, use = ...
local words = use "words"
local report = use "report"
local rules_of = use "rewrite_rules"
local rewrite = {}

rewrite.rules = {}              -- of the whole site, in the order they were declared
rewrite.paths = {}              -- those among them with the flag S

local AGAIN = 10                -- how often R applies a rule at most
local HEADER_MOST = 1048576

local ORDER = rules_of.ORDER

-- ---- sets of rules

-- For headers_rewrite of a transport: an array of rules as they are written -> a set.
function rewrite.compile(specs, where)
  if type(specs) ~= "table" then
    error(where .. ": headers_rewrite takes a table of rules { { pattern, replacement, flags = \"f\" } }", 0)
  end
  if specs[1] ~= nil and type(specs[1]) ~= "table" then specs = { specs } end
  local set = {}
  for i, spec in ipairs(specs) do set[i] = rules_of.read(spec, where, i, true) end
  return set
end

local function declare(spec)
  local where = host.where(2)
  if not report.loading() then error("rewriting rules are declared at load", 2) end
  report.attempt(function()
    local rule = rules_of.read(spec, where, #rewrite.rules + 1)
    rewrite.rules[#rewrite.rules + 1] = rule
    if rule.flags.S then rewrite.paths[#rewrite.paths + 1] = rule end
  end, where)
end

-- ---- one address

-- The address in a replacement; the whole item is its own matter (w).
local function working(text)
  local inner = text:match("<([^<>]*)>%s*$") or text:match("^%s*(.-)%s*$")
  return inner
end

local function panic(ev, rule, text)
  if ev.m then host.logwrite(ev.m, "panic", "rewriting rule " .. rule.number .. " at " .. rule.where .. ": " .. text) end
end

-- What a rule makes of an address that it fits: the new one and its whole item, or
-- nil if it declines.
local function made(rule, ev, address, captures)
  local text = rule.make(ev, address, captures)
  if text == nil or text == false or text == "" then return nil end
  if type(text) ~= "string" then
    error(string.format("%s: a replacement is a text or nil, this is a %s", rule.where, type(text)), 0)
  end
  local new = working(text)
  local local_part, domain = host.address_parse(new)
  if not local_part and rule.flags.Q then
    -- Q: a bare local part is permitted
    new = new .. "@" .. (ev.m.qualify_recipient or "")
    local_part, domain = host.address_parse(new)
  end
  if not local_part then
    panic(ev, rule, string.format('"%s" would become "%s", which is no address: %s', address, text, tostring(domain)))
    return nil
  end
  return local_part .. "@" .. domain:lower(), rule.flags.w and text:match("^%s*(.-)%s*$") or nil
end

local ENVELOPE = { ["env-from"] = true, ["env-to"] = true }

-- What Exim writes; a field of the header has its colon.
local function log(m, text, place, new, number)
  if host.log_selected("address_rewrite") then
    host.logwrite(m, "main", string.format('"%s" from %s rewritten as "%s" by rule %d', text,
      (ENVELOPE[place] or place == "SMTP") and place or place .. ":", new, number))
  end
end

local function told(rule, ev, place, address, new, item, trace)
  if trace then
    trace[#trace + 1] = { rule = rule, text = new and "makes it " .. (item or new) or "fits and declines" }
  elseif new and ev.m then
    log(ev.m, address, place, new, rule.number)
  end
end

-- One rule, again and again if it says so (R): the address, the whole item if the
-- rule made one, and whether the rule fitted.
local function applied(rule, ev, address, place, trace)
  local whole, fitted
  for _ = 1, rule.flags.R and AGAIN or 1 do
    local captures = rule.match(address, ev)
    if not captures then break end
    fitted = true
    local new, item = made(rule, ev, address, captures)
    told(rule, ev, place, address, new, item, trace)
    if not new then break end
    local same = new == address and not item
    address, whole = new, item or whole
    if same then break end
  end
  return address, whole, fitted
end

-- What becomes of an address at a place; the whole item where a rule with w made
-- it; and whether anything changed. trace, if given, gets what each rule did.
function rewrite.one(set, ev, address, place, trace)
  local from, whole = address, nil
  for _, rule in ipairs(set) do
    if rule.places[place] then
      if rule.make == "*" and rule.match(address, ev) then
        if trace then trace[#trace + 1] = { rule = rule, text = "leaves it alone and ends rewriting" } end
        break
      elseif rule.make ~= "*" then
        local item, fitted
        address, item, fitted = applied(rule, ev, address, place, trace)
        whole = item or whole
        if fitted and rule.flags.q then break end
      end
    end
  end
  return address, whole, address ~= from or whole ~= nil
end

-- An address that is being routed or verified.
function rewrite.address(m, address, place)
  if #rewrite.rules == 0 or address == "" then return address end
  return (rewrite.one(rewrite.rules, { m = m }, address, place))
end

-- ---- a header section

-- A header field holds what people can read: bytes that mail cannot carry are encoded by us.
local function item_text(text)
  if not text:find("[\128-\255]") then return text end
  local display, angle = text:match("^(.-)%s*(<[^<>]*>)$")
  if not display then return text end
  display = display:gsub('^"(.*)"$', "%1")
  return (display:gsub("[^\n]+", function(run)
    return "=?utf-8?Q?" .. run:gsub("[^%w]", function(c)
      return c == " " and "_" or string.format("=%02X", c:byte())
    end) .. "?="
  end)) .. " " .. angle
end

-- Each address field of a section (its bytes as on the wire) under the rules of a
-- set: the new section, or nil if nothing changed.
function rewrite.section(set, ev, section)
  local wanted = {}
  for _, rule in ipairs(set) do
    for place in pairs(rule.places) do wanted[place] = true end
  end
  local parts, at, changed = {}, 1, false
  for _, field in ipairs(host.address_fields(section)) do
    if wanted[field.name] then
      for _, a in ipairs(field) do
        local new, whole, other = rewrite.one(set, ev, a.address, field.name)
        if other then
          parts[#parts + 1] = section:sub(at, (whole and a.whole_from or a.from) - 1)
          parts[#parts + 1] = whole and item_text(whole) or new
          at, changed = (whole and a.whole_to or a.to) + 1, true
        end
      end
    end
  end
  if not changed then return nil end
  parts[#parts + 1] = section:sub(at)
  local text = table.concat(parts)
  if #text > HEADER_MOST then error("rewriting makes the header longer than " .. HEADER_MOST .. " bytes", 0) end
  return text
end

-- ---- what the engine asks

-- entry.rewrites: are there rules for messages, are there rules for paths?
function rewrite.any() return #rewrite.rules > 0, #rewrite.paths > 0 end

-- entry.rewrite: the message of m, received and not yet asked about.
function rewrite.message(m)
  local sender, recipients, section = host.rewrite_subject(m)
  local ev, rules = { m = m }, rewrite.rules
  local before = report.enter(ev)
  local change = {}
  if sender ~= "" then
    local new, _, other = rewrite.one(rules, ev, sender, "env-from")
    if other then change.sender = new end
  end
  for i, address in ipairs(recipients) do
    local new, _, other = rewrite.one(rules, ev, address, "env-to")
    if other then
      change.recipients = change.recipients or {}
      change.recipients[i] = new
    end
  end
  change.header = rewrite.section(rules, ev, section)
  if before then report.enter(before) end
  if next(change) then host.rewrite_apply(m, change.sender, change.recipients, change.header) end
end

-- entry.rewrite_path: what a client wrote behind MAIL FROM: or RCPT TO:.
function rewrite.path(m, text)
  for _, rule in ipairs(rewrite.paths) do
    local ev = { m = m }
    local captures = rule.match(text, ev)
    if captures then
      if rule.make == "*" then return text end
      local new = rule.make(ev, text, captures)
      if type(new) == "string" and new ~= "" and not new:find("[%c<>]") then
        log(m, text, "SMTP", new, rule.number)
        text = new
      end
      if rule.flags.q then return text end
    end
  end
  return text
end

-- ---- what people ask

-- What the rules make of an address at each place, step by step.
local function explain(address, level)
  if type(address) ~= "string" or not host.address_parse(address) then
    error(string.format('rewrite.explain: "%s" is no address', tostring(address)), level or 2)
  end
  local ev, out = { m = host.current() }, {}
  for _, place in ipairs(ORDER) do
    local trace, steps = {}, {}
    local new, whole = rewrite.one(rewrite.rules, ev, address, place, trace)
    for i, step in ipairs(trace) do steps[i] = { rule = step.rule.number, where = step.rule.where, text = step.text } end
    out[#out + 1] = { place = place, result = whole or new, steps = steps }
  end
  return out
end

-- The same for people to read.
local function explain_text(address)
  local lines = { address }
  for _, row in ipairs(explain(address, 0)) do
    lines[#lines + 1] = string.format("  %s: %s", row.place, row.result)
    for _, step in ipairs(row.steps) do
      lines[#lines + 1] = string.format("    rule %d, %s: %s", step.rule, step.where, step.text)
    end
  end
  if #rewrite.rules == 0 then lines[#lines + 1] = "  there are no rewriting rules" end
  return table.concat(lines, "\n")
end

local function address(text, place)
  if type(text) ~= "string" then error("rewrite.address: the address is a text, not a " .. type(text), 2) end
  place = place or "env-to"
  for _, known in ipairs(ORDER) do
    if known == place then return (rewrite.one(rewrite.rules, { m = host.current() }, text, place)) end
  end
  local names = {}
  for _, known in ipairs(ORDER) do names[known] = true end
  error(string.format('rewrite.address: there is no place "%s"%s', tostring(place), words.meant(place, names)), 2)
end

function rewrite.library()
  return { rule = declare, address = address, explain = function(a) return explain(a, 3) end, text = explain_text }
end

return rewrite
