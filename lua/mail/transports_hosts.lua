-- transports_hosts - the lists of hosts of a transport: what is true of the host that mail goes to
--
-- Names, addresses and networks the engine compares by itself. A list with anything else in it (a named list, a file, a
-- lookup, a regular expression, a function), and what a function gives, is asked here once the host is known: the
-- engine then gets a list of all hosts, or of none.

local _, use = ...
local words = use "words"
local lists = use "lists"
local options = use "options"
local hosts = {}

local EVERY, NONE = { "*" }, {}

-- As host_listed in core/engine/transport.c has it.
local function is_plain(item)
  if type(item) ~= "string" then return false end
  item = item:match("^%s*!?%s*(.-)%s*$")
  return item:find("^%*?[%w%-%._]*$") ~= nil or item:find("^[%x:%.]+$") ~= nil or item:find("^[%x:%.]+/%d+$") ~= nil
end

local function all_plain(list)
  for _, item in ipairs(list) do
    if not is_plain(item) then return false end
  end
  return true
end

function hosts.is_list(row) return row.type == "hostlist" end

-- Must it be asked, and may the answer depend on the mail?
function hosts.asks(cell)
  if cell.fn then return true, true end
  if all_plain(cell.value) then return false, false end
  for _, item in ipairs(cell.value) do
    if type(item) == "function" then return true, true end
  end
  return true, false
end

-- The list as the engine takes it, for the host m is about now. Nil: the function said nothing.
function hosts.value(cell, m)
  local value = options.value(cell, m)
  if value == nil or all_plain(value) then return value end
  local match = cell.fn and lists.late("host", value, cell.where) or cell.match
  return match(m.host_address, { m = m, target = m.host:lower() }) and EVERY or NONE
end

-- Lists of domains that are asked before there is a host: what they name is put in its place. Nil, and what is wrong:
-- something in it is more than a name or a pattern.
function hosts.flatten(value)
  local out = {}
  local function add(list, inside)
    for _, item in ipairs(words.list(list)) do
      local no, name
      if type(item) == "string" then no, name = item:match("^%s*(!?)%s*%+([%w_]+)%s*$") end
      local named = name and lists.named.domain[name]
      if name and not named then return lists.missing { kind = "domain", name = name } end
      local wrong
      if named and not (inside and no == "!") then
        wrong = add(type(named.value) == "function" and { named.value } or named.value, inside or no)
      elseif not named and is_plain(item) and not (inside and item:find("^%s*!")) then out[#out + 1] = (inside or "") .. item
      else wrong = 'takes names of hosts, patterns such as "*.example.org", and lists of those' end
      if wrong then return wrong end
    end
  end
  local wrong = add(value)
  if wrong then return nil, wrong end
  return out
end

return hosts
