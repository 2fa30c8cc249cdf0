-- verify_options - what a verify item says: "recipient/callout=30s,random/defer_ok"
--
-- A text is read once, when the rules are loaded (or when a function gives it);
-- what makes no sense raises "where: text" with the nearest right word.

local host, use = ...
local words = use "words"
local parse = {}

local FLAGS = { defer_ok = true, no_details = true, success_on_redirect = true, case_insensitive = true }
local CALLOUT_FLAGS = {
  defer_ok = true, fullpostmaster = true, hold = true, no_cache = true, postmaster = true, random = true,
  use_postmaster = true, use_sender = true, use_tptsender = true,
}
local CALLOUT_TIMES = { connect = true, maxwait = true, time = true }
local CALLOUT_ADDRESSES = { mailfrom = true, postmaster_mailfrom = true }
local ANSWER = 30               -- seconds an answer may take

local function fail(where, ...) error(where .. ": verify: " .. string.format(...), 0) end

local function time(text, name, where)
  local seconds = words.seconds(text)
  if not seconds or seconds < 1 then fail(where, '%s: "%s" is no time; write "30s" or "2m"', name, tostring(text)) end
  return seconds
end

local function address(text, name, where)
  if text ~= "" and not host.address_parse(text) then fail(where, '%s: "%s" is no address', name, text) end
  return text
end

-- ---- callout

local function callout_word(out, name, value, where)
  if CALLOUT_FLAGS[name] then
    if value ~= nil and value ~= true then fail(where, "callout=%s takes no value", name) end
    out[name] = true
  elseif CALLOUT_TIMES[name] then
    out[name] = time(value, "callout=" .. name, where)
  elseif CALLOUT_ADDRESSES[name] then
    if type(value) ~= "string" then fail(where, "callout=%s needs an address: %s=a@b", name, name) end
    out[name] = address(value, name, where)
  else
    local known = {}
    for _, names in ipairs { CALLOUT_FLAGS, CALLOUT_TIMES, CALLOUT_ADDRESSES } do for n in pairs(names) do known[n] = true end end
    fail(where, 'callout knows no option "%s"%s', name, words.meant(name, known))
  end
end

-- The words as a text ("30s, random"), as a table ({ time = "30s", random = true }), or true.
local function callout_words(value, where)
  local out = {}
  if type(value) == "table" then
    for name, v in pairs(value) do
      if v ~= false then callout_word(out, tostring(name), v, where) end
    end
  elseif type(value) == "string" then
    for item in value:gmatch("[^,]+") do
      item = item:match("^%s*(.-)%s*$")
      local name, v = item:match("^([%a_]+)%s*=%s*(.*)$")
      if name then callout_word(out, name, v, where)
      elseif item:find("^%d") then out.time = time(item, "callout", where)
      elseif item ~= "" then callout_word(out, item, nil, where) end
    end
  end
  return out
end

-- Which words go together, for what is verified.
local function callout_sense(what, c, where)
  if c.use_tptsender then c.use_sender = true end
  if c.use_sender and c.use_postmaster then fail(where, "callout takes use_sender or use_postmaster, not both") end
  if what ~= "recipient" then
    for _, name in ipairs { "use_sender", "use_postmaster", "hold" } do
      if c[name] then fail(where, "callout=%s is for recipients; a %s is asked about as bounces would come", name, what) end
    end
  elseif c.mailfrom then
    fail(where, "callout=mailfrom is for senders and header_sender; a recipient takes use_sender or use_postmaster")
  end
  if c.fullpostmaster or c.postmaster_mailfrom then c.postmaster = true end
  c.answer = c.time or ANSWER
  c.connect = c.connect or c.answer
  c.maxwait = c.maxwait or 4 * c.answer
  return c
end

-- ---- quota

local QUOTA_TIMES = { cachepos = true, cacheneg = true }

local function quota_words(text, where)
  local out = { cachepos = 300, cacheneg = 3600 }
  for item in (type(text) == "string" and text or ""):gmatch("[^,]+") do
    local name, value = item:match("^%s*([%a_]+)%s*=?%s*(.-)%s*$")
    if name and QUOTA_TIMES[name] then out[name] = time(value, "quota=" .. name, where)
    elseif name == "no_cache" then out.no_cache = true
    else fail(where, 'quota knows no option "%s"%s', item, words.meant(item, { cachepos = 1, cacheneg = 1, no_cache = 1 })) end
  end
  return out
end

-- ---- the whole

local function all_names()
  local names = { callout = true, quota = true, callout_defer_ok = true, check_postmaster = true }
  for name in pairs(FLAGS) do names[name] = true end
  return names
end

local ADDRESSES = { sender = true, recipient = true, header_sender = true }

local function option(what, out, name, value, where)
  if FLAGS[name] then
    out[name] = true
  elseif not ADDRESSES[what] and all_names()[name] then
    fail(where, "%s is for sender, recipient and header_sender, not for %s", name, what)
  elseif name == "callout" then
    for n, v in pairs(callout_words(value, where)) do out.callout[n] = v end
    out.called = true
  elseif name == "callout_defer_ok" then        -- old spellings
    out.callout.defer_ok, out.called = true, true
  elseif name == "check_postmaster" then
    out.callout.postmaster, out.called = true, true
  elseif name == "quota" then
    if what ~= "recipient" then fail(where, "quota is for recipients") end
    out.quota = quota_words(value, where)
  else
    fail(where, '%s knows no option "%s"%s', what, name, words.meant(name, all_names()))
  end
end

local function finished(what, out, where)
  out.callout = out.called and callout_sense(what, out.callout, where) or nil
  if out.callout and out.quota then fail(where, "callout and quota do not go together: one asks another host, the other is about ours") end
  return out
end

-- Some tests read what stands behind the slash themselves.
local RAW = { csa = true, arc = true }

-- "recipient/defer_ok/no_details" -> what, argument, options
function parse.item(item, where)
  if type(item) ~= "string" then
    error(where .. ": verify takes a text such as \"recipient\", or a table of them", 0)
  end
  local head, rest = item:match("^([^/]*)/?(.*)$")
  local what, argument = head:match("^%s*([%w_]+)%s*=?%s*(.-)%s*$")
  if not what then return nil, nil, {} end
  if RAW[what] then return what, rest:match("^%s*(.-)%s*$"), {} end
  local out = { callout = {} }
  for part in rest:gmatch("[^/]+") do
    local name, value = part:match("^%s*([%w_]+)%s*=?%s*(.-)%s*$")
    option(what, out, name or part, value ~= "" and value or nil, where)
  end
  return what, argument, finished(what, out, where)
end

-- The table of verify.sender(address, { callout = { time = "10s" }, defer_ok = true }).
function parse.table(what, options, where)
  if type(options) ~= "table" then error(where .. ": verify." .. what .. ": options are a table", 0) end
  local out = { callout = {} }
  for name, value in pairs(options) do
    if value ~= false then option(what, out, tostring(name), value, where) end
  end
  return finished(what, out, where)
end

return parse
