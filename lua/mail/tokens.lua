-- tokens - the words of a Lua text
--
-- Lua 5.1 as LuaJIT reads it. Run only over text that already compiled, so there
-- are no errors to find: what is not understood is passed over.

local tokens = {}

local byte, find, sub = string.byte, string.find, string.sub

-- The end of a long bracket that opens at `at`, and its level; nil if none opens there.
local function long_end(text, at)
  local _, open, level = find(text, "^%[(=*)%[", at)
  if not open then return nil end
  local _, stop = find(text, "]" .. level .. "]", open + 1, true)
  return stop or #text, #level
end

local function quoted_end(text, at)
  local quote = byte(text, at)
  local stop = quote == 34 and '["\\]' or "['\\]"
  at = at + 1
  while true do
    local hit = find(text, stop, at)
    if not hit then return #text end
    if byte(text, hit) == quote then return hit end
    at = hit + 2                -- a backslash and what it stands before
  end
end

local function lines_in(text, from, to)
  local n = 0
  while true do
    from = find(text, "\n", from, true)
    if not from or from > to then return n end
    n, from = n + 1, from + 1
  end
end

-- Three arrays and their length: kind ("name", "string", "number", "sign"), the
-- word itself (of a string what stands between its quotes), its line.
function tokens.read(text)
  local kind, word, line, n = {}, {}, {}, 0
  local at, row, size = 1, 1, #text

  if byte(text, 1) == 35 then at = find(text, "\n", 1, true) or size + 1 end
  while true do
    local here = find(text, "[^ \t\r]", at)
    if not here then break end
    at = here
    local c = byte(text, at)
    if c == 10 then
      at, row = at + 1, row + 1
    elseif c == 45 and byte(text, at + 1) == 45 then
      local stop = long_end(text, at + 2)
      if stop then row, at = row + lines_in(text, at, stop), stop + 1
      else at = find(text, "\n", at, true) or size + 1 end
    else
      local stop
      n = n + 1
      line[n] = row
      if c >= 97 and c <= 122 or c >= 65 and c <= 90 or c == 95 or c >= 128 then
        local _, last = find(text, "^[%w_\128-\255]+", at)
        kind[n], word[n], stop = "name", sub(text, at, last), last
      elseif c == 34 or c == 39 then
        stop = quoted_end(text, at)
        kind[n], word[n] = "string", sub(text, at + 1, stop - 1)
        row = row + lines_in(text, at, stop)
      elseif c >= 48 and c <= 57 or c == 46 and find(text, "^%.%d", at) then
        local _, last = find(text, "^[%w%.]+", at)
        local power = find(text, "^[%+%-]%d", last + 1) and find(sub(text, at, last), "^%d[%d%.]*[eE]$")
        if power then _, last = find(text, "^%d+", last + 2) end
        kind[n], word[n], stop = "number", sub(text, at, last), last
      else
        local level
        if c == 91 then stop, level = long_end(text, at) end
        if stop then
          kind[n], word[n] = "string", sub(text, at + 2 + level, stop - 2 - level)
          row = row + lines_in(text, at, stop)
        else
          local _, last = find(text, "^%.%.%.?", at)
          if not last then _, last = find(text, "^[=~<>]=", at) end
          if not last then _, last = find(text, "^::", at) end
          stop = last or at
          kind[n], word[n] = "sign", sub(text, at, stop)
        end
      end
      at = stop + 1
    end
  end
  return kind, word, line, n
end

return tokens
