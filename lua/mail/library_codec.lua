-- library_codec - how bytes are written as text: base64, hex, base 32 and 62, xtext, IMAP folders, JSON
--
-- A text that is none of the encoding gives nil and the reason; anything but a text is an error.

local host, use = ...
local args = use "library_args"
local codec = {}

local function text(value, what) return args.text(value, what, 3) end

-- ---- base64 and hex

codec.base64 = {
  encode = function(s) return host.base64_encode(text(s, "what is encoded")) end,
  decode = function(s) return host.base64_decode(text(s, "what is decoded")) end,
}

codec.hex = {
  encode = function(s)
    return (text(s, "what is encoded"):gsub(".", function(c) return string.format("%02x", c:byte()) end))
  end,
  decode = function(s)
    text(s, "what is decoded")
    if #s % 2 == 1 then return nil, "half a byte at its end" end
    if s:find("%X") then return nil, "a character that is no hex digit" end
    return (s:gsub("..", function(pair) return string.char(tonumber(pair, 16)) end))
  end,
}

-- ---- numbers in other bases: not the encodings of RFC 4648, but numbers as Exim writes them

local BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
local BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
local WHOLE = 2 ^ 53                    -- a number holds every whole number below this

local function based(digits, width)
  local base, value = #digits, {}
  for i = 1, base do value[digits:byte(i)] = i - 1 end
  return {
    encode = function(n)
      args.whole(n, "the number", 0, WHOLE - 1, 2)
      local out = {}
      repeat
        local d = n % base
        table.insert(out, 1, digits:sub(d + 1, d + 1))
        n = (n - d) / base
      until n == 0
      return (digits:sub(1, 1)):rep(math.max(0, width - #out)) .. table.concat(out)
    end,
    decode = function(s)
      local n = 0
      for i = 1, #text(s, "what is decoded") do
        local d = value[s:byte(i)]
        if not d then return nil, "a character that is no digit of base " .. base end
        n = n * base + d
        if n >= WHOLE then return nil, "the number is too large" end
      end
      if s == "" then return nil, "there is no digit" end
      return n
    end,
  }
end

codec.base32 = based(BASE32, 1)
codec.base62 = based(BASE62, 6)

-- ---- xtext (RFC 3461 section 4)

codec.xtext = {
  encode = function(s)
    return (text(s, "what is encoded"):gsub("[^!-*,-<>-~]", function(c) return string.format("+%02X", c:byte()) end))
  end,
  decode = function(s)
    text(s, "what is decoded")
    if s:gsub("%+[0-9A-F][0-9A-F]", ""):find("[^!-*,-<>-~]") then return nil, "a character that xtext does not have" end
    return (s:gsub("%+(%x%x)", function(pair) return string.char(tonumber(pair, 16)) end))
  end,
}

-- ---- names of IMAP folders (RFC 3501 5.1.3), as a directory of Maildir++ writes them

local function utf16(codes)
  local out = {}
  local function unit(n) out[#out + 1] = string.char(math.floor(n / 256), n % 256) end
  for _, c in ipairs(codes) do
    if c >= 0x10000 then
      c = c - 0x10000
      unit(0xd800 + math.floor(c / 1024))
      unit(0xdc00 + c % 1024)
    else
      unit(c)
    end
  end
  return table.concat(out)
end

local function shifted(codes)
  return "&" .. host.base64_encode(utf16(codes)):gsub("=", ""):gsub("/", ",") .. "-"
end

codec.imap = {
  -- separator: the character of the name that divides folders, written as "." here. specials: characters
  -- that would mean something to the file system, written in base64 as well.
  folder = function(name, separator, specials)
    text(name, "the name of the folder")
    separator = separator == nil and "/" or text(separator, "the separator")
    specials = specials == nil and "" or text(specials, "the special characters")
    if #separator ~= 1 then error("imap.folder: the separator is one character", 2) end
    local codes = host.utf8_codes(name)
    if not codes then return nil, "it is no UTF-8" end
    local out, run = {}, {}
    local function flush()
      if #run > 0 then out[#out + 1] = shifted(run) end
      run = {}
    end
    for _, c in ipairs(codes) do
      local letter = c < 0x80 and string.char(c)
      if letter == separator then
        flush()
        out[#out + 1] = "."
      elseif letter and c >= 0x20 and c < 0x7f and letter ~= "." and not specials:find(letter, 1, true) then
        flush()
        out[#out + 1] = letter == "&" and "&-" or letter
      else
        run[#run + 1] = c
      end
    end
    flush()
    return table.concat(out)
  end,
}

-- ---- JSON

local null = host.json_null()

-- A member of an object by its name, of an array by its number from 1, or from the end.
local function member(value, key)
  if type(value) ~= "table" then return nil end
  if type(key) == "number" and key < 0 then key = #value + 1 + key end
  return value[key]
end

codec.json = {
  null = null,
  encode = function(...)
    if select("#", ...) == 0 then error("json.encode takes a value", 2) end
    return host.json_encode((...))
  end,
  decode = function(s) return host.json_decode(text(s, "what is decoded")) end,
  -- json.get(text or value, "a", 2, "b"): one member inside of another; nil if one is not there.
  get = function(value, ...)
    if type(value) == "string" then
      local decoded, why = host.json_decode(value)
      if decoded == nil then return nil, why end
      value = decoded
    end
    for i = 1, select("#", ...) do
      local key = select(i, ...)
      if type(key) ~= "string" and type(key) ~= "number" then error("json.get: a member is a name or a number", 2) end
      value = member(value, key)
      if value == nil then return nil end
    end
    if value == null then return nil end
    return value
  end,
}

return codec
