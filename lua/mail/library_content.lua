-- library_content - encoded words, and the parts of a message

local host, use = ...
local args = use "library_args"
local report = use "report"
local content = {}

local SIZE, SIZE_MAX = 32768, 65536

-- The mail object, where the message has been received.
local function received(name)
  local m = report.current().m
  local phase = host.phase(m)
  if not host.functions[name].phases[phase] then error(name .. " has no message to look at in phase " .. phase, 3) end
  return m
end

content.rfc2047 = {
  encode = function(s) return host.rfc2047_encode(args.text(s, "what is encoded", 2)) end,
  decode = function(s) return host.rfc2047_decode(args.text(s, "what is decoded", 2)) end,
}

content.mime = {
  -- Every part of the message, and, if it has more than are looked at, why.
  parts = function()
    local list, limit = host.mime_parts(received "mime.parts")
    return list, limit
  end,
  -- The beginning of a decoded part: one that parts() gave, or its number.
  content = function(part, size)
    local number = type(part) == "table" and part.number or part
    if type(number) ~= "number" or number < 1 or number ~= math.floor(number) or number > 1000 then
      error("mime.content takes a part that mime.parts gave, or its number", 2)
    end
    size = size == nil and SIZE or size
    if type(size) ~= "number" or size < 1 or size ~= math.floor(size) or size > SIZE_MAX then
      error("mime.content: the size is a whole number up to " .. SIZE_MAX, 2)
    end
    local text = host.mime_content(received "mime.content", number, size)
    return text
  end,
}

return content
