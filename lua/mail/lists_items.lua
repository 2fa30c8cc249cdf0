-- lists_items - what the items of all kinds of list are made of
--
-- A step is { no = negated, try = function(subject, ev) -> hit, data, turn }; turn after a hit
-- says that what was hit decides the other way (an item with ! in a file), and after none
-- that the whole list says no. A function here raises "where: text" when the item makes no sense.

local host, use = ...
local report = use "report"
local lookups = use "lookups"
local items = {}

function items.fail(where, text) error(where .. ": " .. text, 0) end
local fail = items.fail

-- ---- regular expressions, shared by every list

local regexes = {}
local function regex(pattern, where, flags)
  local key = flags .. pattern
  local re = regexes[key]
  if not re then
    local why
    re, why = host.regex(pattern, flags)
    if not re then fail(where, 'the regular expression "' .. pattern .. '" is wrong: ' .. why) end
    regexes[key] = re
  end
  return re
end

function items.regex(pattern, where, caseful)
  local re = regex(pattern, where, caseful and "" or "i")
  return function(subject)
    local hit, why = host.regex_match(re, subject)
    if hit == nil and why then error(host.again("regular expression " .. pattern .. ": " .. why)) end
    if hit then return true, subject end
  end
end

-- ---- lookups

-- What a list names must be there when the rules are checked.
local function there(path, where)
  if not report.loading() then return end
  local readable, why = host.file_readable(path)
  if not readable then report.problem(where, "%s", why) end
end

-- { kind, file, ... } (lookups.parse) as function(subject) -> true, data or nothing. "Cannot say" is raised.
function items.looked_up(spec)
  if spec.file and spec.kind ~= "spf" then there(spec.file, spec.where) end
  local ask, call = lookups.asker(spec), "lookup." .. spec.kind
  return function(subject)
    local status, value = ask(subject)
    if status == "ok" then return true, value end
    if status == "again" then error(host.again(call .. ": " .. tostring(value))) end
  end
end

-- The item as a lookup, or nil; those whose keys are addresses are for host lists.
function items.lookup(item, where)
  local spec = lookups.is_table(item) or lookups.parse(item, where, fail)
  if not spec then return nil end
  if spec.net then fail(where, 'the list item "' .. item .. '": net- is for lists of hosts') end
  return items.looked_up({ kind = spec.kind, file = spec.file, query = spec.query, options = spec.options, where = where })
end

-- ---- files of items

-- One item a line; what follows a # is a comment (in address lists: a # at the beginning of a
-- word, since a # may stand in an address).
local function lines_of(kind, text)
  local out, number = {}, 0
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do
    number = number + 1
    if kind == "address" then line = (" " .. line):gsub("%s#.*$", "") else line = line:gsub("#.*$", "") end
    line = line:match("^%s*(.-)%s*$")
    if line ~= "" then out[#out + 1] = { text = line, where = number } end
  end
  return out
end

-- compile(items, place) -> function(subject, ev) -> true or false, data, or nothing.
local function compile_file(kind, path, text, where, compile)
  local found = lines_of(kind, text)
  for _, line in ipairs(found) do
    local plain = line.text:match("^!?%s*(.*)$")
    line.where = path .. ":" .. line.where
    if plain:sub(1, 1) == "/" or plain:sub(1, 1) == "+" and not plain:find("_", 1, true) then
      fail(where, string.format('%s: "%s": a file of items names no other file and no named list', line.where, line.text))
    end
  end
  local ok, decide = pcall(compile, found)
  if not ok then fail(where, tostring(decide)) end
  return decide
end

-- "/path": the items in a file, read again when it has changed. An item with ! in it decides "no".
function items.file(kind, path, where, compile)
  there(path, where)
  local mark, decide
  if report.loading() then
    local text = host.list_file(path)
    if text then
      mark, text = text:match("^([^\n]*)\n(.*)$")
      decide = compile_file(kind, path, text, where, compile)
    end
  end
  return function(subject, ev)
    local status, value = lookups.once("list\0" .. path .. "\0" .. tostring(mark), function()
      return host.look("list", path, mark and { mark } or {}, {})
    end)
    if status == "again" then error(host.again("list: " .. tostring(value))) end
    local new, text = value:match("^([^\n]*)\n(.*)$")
    if new then mark, decide = new, compile_file(kind, path, text, where, compile) end
    local yes, data = decide(subject, ev)
    if yes ~= nil then return true, data, not yes end
  end
end

-- ---- steps that grow

-- A step that is a set of lower-case texts; add() keeps it growing while the
-- polarity stays the same.
function items.set(no)
  local set = {}
  return { no = no, set = set, try = function(subject)
    local data = set[subject]
    if data then return true, data end
  end }
end

function items.suffixes(no)
  local tails, lengths = {}, {}
  local step = { no = no, tails = tails }
  function step.add(tail)
    if not tails[tail] then
      tails[tail] = true
      for _, n in ipairs(lengths) do if n == #tail then return end end
      lengths[#lengths + 1] = #tail
    end
  end
  function step.try(subject)
    for i = 1, #lengths do
      local n = lengths[i]
      if #subject >= n and tails[subject:sub(-n)] then return true, subject end
    end
  end
  return step
end

-- ---- +caseful

-- What is asked about is lower case; who asks leaves in the ev how it was written, as a text or
-- as a function of the mail object. A domain has no case, and a subject that is only a part (a
-- local part in the list of its domain) is found in the whole.
function items.written(subject, ev)
  local text = ev and ev.written
  if type(text) == "function" then text = text(ev.m) end
  if not text then return subject end
  local l, d = text:match("^(.*)@([^@]*)$")
  if l and l:lower() == subject then return l end
  if l then text = l .. "@" .. d:lower() end
  return text:lower() == subject and text or subject
end

-- The same step, asked about the subject as it was written.
function items.caseful(step)
  local try = step.try
  function step.try(subject, ev) return try(items.written(subject, ev), ev) end
  return step
end

function items.set_caseful(no)
  local step = items.caseful(items.set(no))
  step.set, step.set_caseful = nil, step.set
  return step
end

function items.suffixes_caseful(no)
  local step = items.caseful(items.suffixes(no))
  step.tails, step.tails_caseful = nil, step.tails
  return step
end

-- The last step if it takes this item too, and nothing; else a new one, twice.
function items.grow(last, no, field, build)
  if last and last.no == no and last[field] then return last, nil end
  local step = build(no)
  return step, step
end

return items
