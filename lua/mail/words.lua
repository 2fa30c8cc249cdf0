-- words - names, times, sizes: what people write in rules, read one way
--
-- Everything here is plain: nothing waits and nothing knows of mail.

local words = {}

-- Edit distance with transpositions, given up beyond `limit`: a typo is one
-- or two slips, anything farther is another word.
local function distance(a, b, limit)
  if math.abs(#a - #b) > limit then return limit + 1 end
  local before, last = {}, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local this = { [0] = i }
    local least = i
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      local d = math.min(last[j] + 1, this[j - 1] + 1, last[j - 1] + cost)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        d = math.min(d, before[j - 2] + 1)
      end
      this[j] = d
      least = math.min(least, d)
    end
    if least > limit then return limit + 1 end
    before, last = last, this
  end
  return last[#b]
end

-- The name in `names` (a set, keys are names) that was most likely meant.
function words.nearest(name, names)
  local limit = #name <= 1 and 0 or #name <= 3 and 1 or #name <= 8 and 2 or 3
  local best, best_d = nil, limit + 1
  for candidate in pairs(names) do
    if type(candidate) == "string" then
      local d = distance(name:lower(), candidate:lower(), limit)
      if d < best_d or (d == best_d and best and candidate < best) then best, best_d = candidate, d end
    end
  end
  return best
end

-- ", did you mean X?" or nothing: the end of every "there is no such name".
function words.meant(name, names)
  local best = words.nearest(tostring(name), names)
  return best and (', did you mean "' .. best .. '"?') or ""
end

local UNITS = { s = 1, m = 60, h = 3600, d = 86400, w = 604800 }

-- Exim's time words: "4d6h", "15m"; a bare number is seconds. Nil if it is none.
function words.seconds(text)
  if type(text) == "number" then return text >= 0 and text or nil end
  if type(text) ~= "string" then return nil end
  local s = text:match("^%s*(.-)%s*$")
  if s:find("^%d+$") then return tonumber(s) end
  local sum, rest = 0, s
  while rest ~= "" do
    local n, unit, tail = rest:match("^(%d+)([wdhms])(.*)$")
    if not n then return nil end
    sum, rest = sum + tonumber(n) * UNITS[unit], tail
  end
  return s ~= "" and sum or nil
end

local SIZES = { [""] = 1, K = 1024, M = 1024 * 1024, G = 1024 * 1024 * 1024 }

-- "50M", "100K", 12: bytes. Nil if it is none.
function words.size(text)
  if type(text) == "number" then return text == math.floor(text) and text or nil end
  if type(text) ~= "string" then return nil end
  local sign, digits, unit = text:upper():match("^%s*(%-?)(%d+)([KMG]?)%s*$")
  if not digits then return nil end
  local n = tonumber(digits) * SIZES[unit]
  return sign == "-" and -n or n
end

function words.octal(text)
  if type(text) == "number" then text = string.format("%d", text) end
  return type(text) == "string" and text:find("^[0-7]+$") and tonumber(text, 8) or nil
end

-- Exim's list in a string: colon separated, or "<;" (any punctuation) first to
-- choose another separator; a doubled separator is the character itself. The
-- end of the text is no item, so ":" is one empty item: the null sender.
-- The separator of a list in Exim's form, and what follows its announcement.
local function announced(text)
  local first, rest = text:match("^%s*<(%p)(.*)$")
  if first then return first, rest end
  -- "<\n" spelled out, or a control character itself
  rest = text:match("^%s*<\\n(.*)$")
  if rest then return "\n", rest end
  first, rest = text:match("^%s*<(%c)(.*)$")
  return first or ":", rest or text
end
function words.separator(text) return (announced(text)) end

function words.split(text)
  local sep
  sep, text = announced(text)

  local items, at, n = {}, 1, #text
  while true do
    at = text:find("[^ \t\r\n]", at)
    if sep == "\n" and at then at = text:find("[^ \t\r]", at) end
    if not at then break end
    local piece, done = {}, false
    local from = at
    while true do
      local hit = text:find(sep, from, true)
      if not hit then
        piece[#piece + 1] = text:sub(from)
        at, done = n + 1, true
        break
      end
      piece[#piece + 1] = text:sub(from, hit - 1)
      if text:sub(hit + 1, hit + 1) ~= sep then at = hit + 1; break end
      piece[#piece + 1] = sep
      from = hit + 2
    end
    items[#items + 1] = (table.concat(piece):gsub("[ \t\r\n]+$", ""))
    if done then break end
  end
  return items
end

-- A list however it was written: nil, a string in Exim's form, or an array.
function words.list(value)
  if value == nil then return {} end
  if type(value) == "table" then return value end
  return words.split(tostring(value))
end

-- The words of a command line: separated by spaces, quotes keep them together.
-- There is no shell and nothing is expanded. Nil if a quote is not closed.
function words.arguments(text)
  local found, word, quote, i = {}, nil, nil, 1
  while i <= #text do
    local c = text:sub(i, i)
    if quote then
      if c == quote then quote = nil
      elseif c == "\\" and quote == '"' and i < #text then
        i = i + 1
        word = word .. text:sub(i, i)
      else word = word .. c end
    elseif c == '"' or c == "'" then quote, word = c, word or ""
    elseif c:find("%s") then
      if word then found[#found + 1] = word end
      word = nil
    else word = (word or "") .. c end
    i = i + 1
  end
  if quote then return nil end
  if word then found[#found + 1] = word end
  return found
end

-- Exim's truth of a text, as `condition` and the expanded booleans read it:
-- yes, true, a number but 0; no, false, 0 and nothing are false; nil for any
-- other word.
function words.truth(value)
  if value == nil or value == false then return false end
  if value == true then return true end
  if type(value) == "number" then return value ~= 0 end
  local s = tostring(value):lower():match("^%s*(.-)%s*$")
  if s == "" or s == "no" or s == "false" then return false end
  if s == "yes" or s == "true" then return true end
  if s:find("^%-?%d+$") then return tonumber(s) ~= 0 end
  return nil
end

-- The looser reading of ipv4_only and its like (F40): everything is true but
-- nothing, "", 0, no, false.
function words.loosely(value)
  if value == nil or value == false then return false end
  local s = tostring(value):lower():match("^%s*(.-)%s*$")
  return not (s == "" or s == "0" or s == "no" or s == "false")
end

-- Header fields in one text, one a line; a line that begins with white space goes
-- on with the one before.
function words.fields(text)
  local found = {}
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do
    if #found > 0 and line:find("^[ \t]") then
      found[#found] = found[#found] .. "\n" .. line
    elseif line:find("%S") then
      found[#found + 1] = line
    end
  end
  return found
end

-- One safe component of a path (R7.3): what may become a file's name. First
-- no '.' and no '-', no '/', no control byte, and not longer than a name may be.
function words.safe(part)
  return type(part) == "string" and #part >= 1 and #part <= 255
    and not part:find("^[%.%-]") and not part:find("[/%z\1-\31\127]")
end

-- The name of a queue: a safe component that can stand in a list of messages.
function words.queue(name)
  return words.safe(name) and #name <= 64 and not name:find("[%s\128-\255]")
end

function words.first(names) return words.join(names):match("^[^,]*") end

function words.join(names)
  local list = {}
  for name in pairs(names) do list[#list + 1] = name end
  table.sort(list)
  return table.concat(list, ", ")
end

return words
