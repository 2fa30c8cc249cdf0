-- content - conditions about what a message holds: regex, mime_regex, decode
--
--   regex      = { "(?i)v[i1]agra", "casino" }     a line of the message, or of the MIME part as it is in the message
--   mime_regex = "^MZ"                             the first 32 KiB of the decoded part
--   decode     = "default"                         the decoded part in a file: m.mime_decoded_filename
--
-- Expressions are PCRE2's, each within limits (R8.5); a text is one expression, colons and all, an array is
-- several. What they caught is in m.regex and m.regex_match_string.

local host, use = ...
local words = use "words"
local content = {}

-- Compiled expressions by their text, given up when there are too many: those of functions come and go.
local compiled, compiled_n = {}, 0

local function expression(text, name, where)
  if type(text) ~= "string" then
    error(string.format("%s: %s takes a regular expression or an array of them, not a %s", where, name, type(text)), 0)
  end
  local re = compiled[text]
  if re then return re end
  local why
  re, why = host.regex(text, "")
  if not re then error(string.format('%s: %s: the regular expression "%s" is wrong: %s', where, name, text, why), 0) end
  if compiled_n >= 512 then compiled, compiled_n = {}, 0 end
  compiled[text], compiled_n = re, compiled_n + 1
  return re
end

local function expressions(value, name, where)
  if type(value) == "string" then value = { value } end
  if type(value) ~= "table" or #value == 0 or #value > 100 then
    error(string.format("%s: %s takes a regular expression or an array of up to 100 of them", where, name), 0)
  end
  local list = {}
  for i, text in ipairs(value) do list[i] = expression(text, name, where) end
  return list
end

local function matcher(name, ask)
  return function(value, where)
    if type(value) == "function" then
      return function(ev)
        local given = value(ev.m)
        if given == nil or type(given) == "boolean" then return given or false end
        return ask(ev.m, expressions(given, name, where))
      end
    end
    local list = expressions(value, name, where)
    return function(ev) return ask(ev.m, list) end
  end
end

content.regex = matcher("regex", function(m, list) return host.content_lines(m, list) end)
content.mime_regex = matcher("mime_regex", function(m, list) return host.content_decoded(m, list) end)

-- A name in the directory of the message, or a path below SPOOL/scan.
local function check_place(text, where)
  if type(text) ~= "string" then error(where .. ': decode takes "default", a name, or a path below the scan directory', 0) end
  if text:sub(1, 1) == "/" then return text end
  for part in (text .. "/"):gmatch("([^/]*)/") do
    if not words.safe(part) then
      error(string.format('%s: decode: "%s" is no safe name: no . or - first, no control bytes', where, part), 0)
    end
  end
  return text
end

local function decode_now(m, value, where)
  if value == true or value == "*" then value = "default" end
  if not value or value == "0" or value == "false" or value == "no" or value == "" then return false end
  return host.mime_decode(m, check_place(value, where))
end

function content.decode(value, where)
  if type(value) == "function" then
    return function(ev) return decode_now(ev.m, value(ev.m), where) end
  end
  if type(value) ~= "boolean" then check_place(value == "" and "no" or value, where) end
  return function(ev) return decode_now(ev.m, value, where) end
end

return content
