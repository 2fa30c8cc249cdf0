-- lists_items - what the items of all kinds of list are made of
--
-- A step is { no = negated, try = function(subject, ev) -> hit, data, stop }. A
-- function here raises "where: text" when the item makes no sense.

local host, use = ...
local report = use "report"
local items = {}

function items.fail(where, text) error(where .. ": " .. text, 0) end
local fail = items.fail

-- ---- regular expressions, shared by every list

local regexes = {}
local function regex(pattern, where)
  local re = regexes[pattern]
  if not re then
    local why
    re, why = host.regex(pattern, "i")
    if not re then fail(where, 'the regular expression "' .. pattern .. '" is wrong: ' .. why) end
    regexes[pattern] = re
  end
  return re
end

function items.regex(pattern, where)
  local re = regex(pattern, where)
  return function(subject)
    local hit, why = host.regex_match(re, subject)
    if hit == nil and why then error(host.again("regular expression " .. pattern .. ": " .. why)) end
    if hit then return true, subject end
  end
end

-- ---- files

local UNBUILT = { "partial%d*[-(]", "wildlsearch;", "nwildlsearch;", "iplsearch;", "cdb;", "dbm", "dsearch;", "lmdb;", "sqlite;",
                  "redis;", "pgsql;", "mysql;", "ldap", "dnsdb;", "nis", "passwd;", "oracle;", "cidr;", "json;" }

function items.file(item, where)
  local path = item:match("^lsearch;%s*(.+)$")
  if path then
    if report.loading() then
      local there, why = host.file_readable(path)
      if not there then fail(where, 'the list item "' .. item .. '": ' .. why) end
    end
    return path
  end
  for _, form in ipairs(UNBUILT) do
    if item:find("^" .. form) or item:find("^net%d*%-" .. form) then
      fail(where, 'the list item "' .. item .. '" comes with the lookups; lsearch;FILE is there now')
    end
  end
end

-- The value a file gives for a key: true and data, or nothing.
function items.in_file(path, key)
  local status, value = host.lsearch(path, key)
  if status == "ok" then return true, value end
  if status == "again" then error(host.again(value)) end
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

-- The last step if it takes this item too, and nothing; else a new one, twice.
function items.grow(last, no, field, build)
  if last and last.no == no and last[field] then return last, nil end
  local step = build(no)
  return step, step
end

return items
