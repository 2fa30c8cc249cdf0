-- dnslists - is the client, or a name, in a list that is kept in the DNS?
--
--   dnslists = "zen.example : bl.example=127.0.0.2,127.0.0.3"
--   dnslists = { "rhs.example", key = function(m) return m.sender_address_domain end }
--   check.dnslists("a.example", "b.example&0.0.0.4")
--   check.dnslists("rhs.example", { key = m.sender_helo_name })
--
-- An item is  [text domain,]domain[TEST][/keys] . Exim's tests: =IP,IP (one of its
-- addresses is one of these), &MASK (one has all these bits), == and =& (all of
-- its addresses), ! before them (not so). Several names are asked at once; what is
-- found is what asking one after the other would find.

local host, use = ...
local words = use "words"
local dnslists = {}

local FLAGS = { ["+include_unknown"] = "include", ["+exclude_unknown"] = "exclude", ["+defer_unknown"] = "defer" }
local OPTIONS = { key = true, keys = true }
local AT_ONCE, NAMES_MAX, TEXT_MAX = 32, 200, 511

local function wrong(where, ...) error(where .. ": dnslists: " .. string.format(...), 0) end

-- ---- reading an item

local function domain_of(text, where)
  local name = text:match("^%s*(.-)%.?%s*$"):lower()
  if not name:find("^[%w_][%w_%-%.]*$") or name:find("..", 1, true) or #name > 200 then
    wrong(where, '"%s" is no domain of a list', text)
  end
  return name
end

local function addresses(text, where)
  local found = {}
  for ip in text:gmatch("[^,%s]+") do
    local packed = host.ip_pack(ip)
    if not packed or packed:byte(1) ~= 4 then wrong(where, '"%s" is no IPv4 address', ip) end
    found[#found + 1] = { packed:byte(2, 5) }
  end
  if #found == 0 then wrong(where, "an address is missing after the domain") end
  return found
end

-- "d.example!=127.0.0.2" -> "d.example", { negated, all, mask, addresses }
local function test_of(text, where)
  local at = text:find("=", 1, true) or text:find("&", 1, true)
  if not at then return text end
  local test = { mask = text:sub(at, at) == "&" }
  local name, rest = text:sub(1, at - 1), text:sub(at + 1)
  if name:sub(-1) == "!" then test.negated, name = true, name:sub(1, -2) end
  local second = not test.mask and rest:match("^[=&]")
  if second then test.all, test.mask, rest = true, second == "&", rest:sub(2) end
  test.addresses = addresses(rest, where)
  return name, test
end

local function read(text, where)
  if type(text) ~= "string" then wrong(where, "an item is a text, not a %s", type(text)) end
  if text:sub(1, 1) == "+" then
    if not FLAGS[text] then wrong(where, 'there is no "%s"%s', text, words.meant(text, FLAGS)) end
    return { flag = FLAGS[text] }
  end
  local front, keys = text:match("^([^/]*)/(.*)$")
  local names, test = test_of(front or text, where)
  local first, second = names:match("^(.-),(.*)$")
  return { domain = domain_of(second or names, where), text_domain = first and domain_of(first, where), test = test,
           keys = keys and words.split(keys) }
end

local known, known_n = {}, 0

local function item_of(text, where)
  local item = known[text]
  if item then return item end
  item = read(text, where)
  if known_n >= 512 then known, known_n = {}, 0 end
  known[text], known_n = item, known_n + 1
  return item
end

-- ---- what a list said

local function has_bits(address, mask)
  for i = 1, 4 do
    local a, b = address[i], mask[i]
    while b > 0 do
      if b % 2 == 1 and a % 2 == 0 then return false end
      a, b = math.floor(a / 2), math.floor(b / 2)
    end
  end
  return true
end

local function is_same(a, b) return a[1] == b[1] and a[2] == b[2] and a[3] == b[3] and a[4] == b[4] end

local function passes(test, address)
  local matches = test.mask and has_bits or is_same
  for _, wanted in ipairs(test.addresses) do if matches(address, wanted) then return true end end
  return false
end

-- "all" asks that every address passes, else one is enough; "!" turns that round.
local function fits(test, found)
  if not test then return true end
  local some, every = false, true
  for _, address in ipairs(found) do
    if passes(test, address) then some = true else every = false end
  end
  local yes = some
  if test.all then yes = every end
  return yes ~= (test.negated or false)
end

-- Lists answer within 127.0.0.0/8. Anything else comes from a domain that was sold,
-- or from a resolver that invents answers: whoever trusts it refuses all mail.
local function listed(name, ips, m)
  local found, texts = {}, {}
  for _, ip in ipairs(ips) do
    local address = { host.ip_pack(ip):byte(2, 5) }
    if address[1] == 127 then
      found[#found + 1], texts[#texts + 1] = address, ip
    else
      host.logwrite(m, "main", string.format("DNS list lookup for %s returned %s: not in 127.0.0.0/8, ignored", name, ip))
    end
  end
  return #found > 0 and found, texts
end

-- ---- asking

local function reversed(key)
  local ip = host.ip_pack(key)
  return ip and host.ip_reverse(ip):gsub("%.in%-addr%.arpa$", ""):gsub("%.ip6%.arpa$", "")
end

-- The names to be asked, in the order that decides.
local function questions(items, keys, where)
  local list, unknown = {}, "exclude"
  for _, item in ipairs(items) do
    unknown = item.flag or unknown
    for _, key in ipairs(item.domain and (item.keys or keys) or {}) do
      local front = reversed(key) or key:match("^(.-)%.*$")
      if front ~= "" then
        list[#list + 1] = { item = item, key = key, front = front, name = front .. "." .. item.domain, unknown = unknown }
      end
    end
  end
  if #list > NAMES_MAX then wrong(where, "%d names to look up are too many; the most is %d", #list, NAMES_MAX) end
  return list
end

local function no_answer(q, why, m)
  if q.unknown == "defer" then error(host.again("dnslists: " .. why), 0) end
  local assumed = q.unknown == "include" and "assumed in list" or "assumed not in list"
  if host.log_selected("dnslist_defer") then
    host.logwrite(m, "main", string.format("DNS list lookup defer for %s: %s", q.name, assumed))
  end
  return q.unknown == "include"
end

-- What goes into an SMTP reply: one line, printable, not endless.
local function text_at(name)
  local status, found = host.dns("TXT", name)
  if status ~= "ok" then return nil end
  return (found[1].text or ""):sub(1, TEXT_MAX):gsub("%c", " ")
end

local function hit(q, domain, texts, m)
  host.fact(m, "dnslist_domain", domain)
  host.fact(m, "dnslist_matched", q.key)
  host.fact(m, "dnslist_value", texts and table.concat(texts, ", ") or nil)
  host.fact(m, "dnslist_text", texts and text_at(q.front .. "." .. domain) or nil)
  return true
end

-- The list has this name; its text may be with another list, which must have it too.
local function confirm(q, found, texts, m)
  if not fits(q.item.test, found) then return false end
  local other = q.item.text_domain
  if not other or other == q.item.domain then return hit(q, q.item.domain, texts, m) end
  local answer = host.dns_lists({ q.front .. "." .. other })[1]
  if type(answer) == "string" then return no_answer(q, answer, m) and hit(q, other, nil, m) end
  if not answer then return false end
  found, texts = listed(q.front .. "." .. other, answer, m)
  return found and hit(q, other, texts, m) or false
end

local function decide(q, answer, m)
  if type(answer) == "string" then return no_answer(q, answer, m) and hit(q, q.item.domain, nil, m) end
  if not answer then return false end
  local found, texts = listed(q.name, answer, m)
  return found and confirm(q, found, texts, m) or false
end

local function ask(list, m)
  local at = 1
  while at <= #list do
    local names = {}
    for i = at, math.min(at + AT_ONCE - 1, #list) do names[#names + 1] = list[i].name end
    local answers = host.dns_lists(names)
    for i, answer in ipairs(answers) do
      if decide(list[at + i - 1], answer, m) then return true end
    end
    at = at + #answers
  end
  return false
end

-- ---- compiling

local function keys_of(keys, ev, where)
  if type(keys) == "function" then keys = keys(ev.m) end
  if keys == nil then keys = ev.m.sender_host_address end
  if keys == nil then return {} end
  if type(keys) ~= "table" then keys = { keys } end
  for _, key in ipairs(keys) do
    if type(key) ~= "string" then wrong(where, "a key is a text, not a %s", type(key)) end
  end
  return keys
end

local function late(value, where)
  return function(ev)
    local given = value(ev.m)
    if given == nil or type(given) == "boolean" then return given or false end
    return dnslists.compile(given, where)(ev)
  end
end

-- value -> function(ev) -> holds
function dnslists.compile(value, where)
  if type(value) == "function" then return late(value, where) end
  local texts, options = value, {}
  if type(value) == "table" then
    options = value
    if type(value[#value]) == "table" then
      options, texts = value[#value], {}
      for i = 1, #value - 1 do texts[i] = value[i] end
    end
  else
    texts = words.list(value)
  end
  for name in pairs(options) do
    if type(name) == "string" and not OPTIONS[name] then
      wrong(where, 'there is no option "%s"%s', name, words.meant(name, OPTIONS))
    end
  end
  local items, keys = {}, options.key
  if keys == nil then keys = options.keys end
  for i, text in ipairs(texts) do items[i] = item_of(text, where) end
  if #items == 0 then wrong(where, "the list is empty") end
  return function(ev) return ask(questions(items, keys_of(keys, ev, where), where), ev.m) end
end

return dnslists
