-- check_phases - in which phases does each function of the rules run?
--
-- A function handed to acl.rcpt runs in rcpt; what it calls runs there, too, and
-- the parameter it hands on is the same mail object. So phases flow along calls,
-- from handlers to helpers, until nothing changes. Nodes are functions, their
-- parameters, and sub-ACLs by name; each collects `phases`.

local host, use = ...
local read = use "check_read"
local check_phases = {}

local origin, path, parameter = read.origin, read.path, read.parameter

-- Words whose functions are asked about an item and not about the mail alone.
local LIST_TYPES = { hostlist = true, domainlist = true, addresslist = true, localpartlist = true, list = true }

function check_phases.new()
  return { edges = {}, subs = {}, named = {}, unknown_calls = false }
end

local function sub_of(g, name)
  g.subs[name] = g.subs[name] or { sub = name }
  return g.subs[name]
end

local function seed(node, phase, direct)
  node.phases = node.phases or {}
  node.phases[phase] = true
  if direct then node.direct = true end
end

local function flow(g, from, to)
  local list = g.edges[from]
  if not list then
    list = {}
    g.edges[from] = list
  end
  list[#list + 1] = to
end

-- ---- handlers

-- at: a phase, or the node of a sub-ACL.
local function handler(g, e, at, nth)
  local fn = origin(e)
  if fn.k ~= "fn" then return end
  for _, node in ipairs { fn, fn.p[nth or 1] } do
    node.direct = true
    if type(at) == "string" then seed(node, at) else flow(g, at, node) end
  end
end

-- Functions among the values of a word or an option: the value itself, or items of it.
local function values(g, e, at, list)
  e = origin(e)
  if e.k == "fn" then return handler(g, e, at) end
  if e.k ~= "table" then return end
  for _, item in ipairs(e.items) do
    if origin(item.v).k == "fn" then handler(g, item.v, at, list and 2 or 1) end
  end
end

local function call_of_sub(g, e, at)
  e = origin(e)
  if e.k == "table" then
    for _, item in ipairs(e.items) do call_of_sub(g, item.v, at) end
  elseif e.k == "string" then
    local name = e.v:match("^%s*(%S+)")
    local node = name and sub_of(g, name)
    if not node then return end
    if type(at) == "string" then seed(node, at) else flow(g, at, node) end
  else
    g.unknown_calls = true
  end
end

local function word_type(name)
  local row = host.acl_words.condition[name] or host.acl_words.condition[(name:gsub("^not_", ""))] or host.acl_words.modifier[name]
  return row and row.type
end

local function words_of(g, e, at)
  e = origin(e)
  if e.k == "fn" then return handler(g, e, at) end
  if e.k ~= "table" then return end
  for _, item in ipairs(e.items) do
    if item.key == "acl" or item.key == "not_acl" then call_of_sub(g, item.v, at) end
    if item.key then values(g, item.v, at, LIST_TYPES[word_type(item.key) or ""]) end
  end
end

local VERBS = { accept = true, defer = true, deny = true, discard = true, drop = true, warn = true, demand = true }
check_phases.VERBS = VERBS

local function statement(g, e, at)
  e = origin(e)
  if e.k == "fn" then handler(g, e, at)
  elseif e.k == "call" and VERBS[path(e.f) or ""] and e.a[1] then words_of(g, e.a[1], at)
  elseif e.k == "table" then
    for _, item in ipairs(e.items) do statement(g, item.v, at) end
  end
end

-- Options of site, routers, transports ...: each row says in which phase its function runs.
local function options(g, e, rows, more)
  e = origin(e)
  if e.k ~= "table" then return end
  for _, item in ipairs(e.items) do
    local row = item.key and rows[item.key]
    local phase = row and (row.func or row.type == "function" and item.key == "event_action" and "event")
    if phase then values(g, item.v, phase, LIST_TYPES[row.type]) end
    if more then more(item) end
  end
end

local DECLARE = {}
function DECLARE.site(g, c) options(g, c.a[1], host.options.main) end
function DECLARE.router(g, c)
  if origin(c.a[1]).k == "fn" then handler(g, c.a[1], "route") else options(g, c.a[1], host.options.router) end
end
function DECLARE.transport(g, c) options(g, c.a[1], host.options.transport) end
function DECLARE.authenticator(g, c) options(g, c.a[1], host.options.authenticator) end
function DECLARE.acl(g, c, name)
  local sub = name:match("^sub%.(.+)$")
  statement(g, c.a[1], sub and sub_of(g, sub) or name)
end

local function declared(g, c)
  local base, name = c.path:match("^(%w+)%.(.+)$")
  if c.path == "site" then base = "site" end
  if c.path == "event.on" then
    if c.a[2] then handler(g, c.a[2], "event") end
  elseif DECLARE[base or ""] and c.a[1] then
    DECLARE[base](g, c, name)
  end
end

-- ---- calls

-- First every file is added, then all are linked: a function of one file may be called in another.
function check_phases.add(g, found)
  for name, fn in pairs(found.named) do g.named[name] = fn end
  for _, fn in ipairs(found.fns) do
    if fn.outer then flow(g, fn.outer, fn) end
  end
  for _, c in ipairs(found.calls) do
    if c.path then declared(g, c) end
    if c.path == "check.acl" and c.a[1] then call_of_sub(g, c.a[1], c.fn) end
  end
end

function check_phases.link(g, found)
  for _, c in ipairs(found.calls) do
    local to, first = c.to, 1
    if (c.path == "pcall" or c.path == "xpcall") and c.a[1] then
      to, first = origin(c.a[1]), c.path == "pcall" and 2 or 3
    end
    if to.k == "global" then to = g.named[to.n] or to end
    if to.k == "fn" then
      flow(g, c.fn, to)
      for i = first, #c.a do
        local from, p = parameter(c.a[i]), to.p[i - first + 1]
        if from and p then flow(g, from, p) end
      end
    end
  end
end

-- Phases reach whatever they flow to; a function inside another runs where that one does.
function check_phases.settle(g)
  local queue, queued = {}, {}
  local function push(node)
    if not queued[node] then
      queued[node] = true
      queue[#queue + 1] = node
    end
  end
  -- an ACL that is called by a name nobody can read here may run anywhere: nothing is said of it
  for _, node in pairs(g.subs) do if g.unknown_calls then node.phases, g.edges[node] = nil, nil end end
  for node in pairs(g.edges) do if node.phases then push(node) end end
  for _, node in pairs(g.subs) do if node.phases then push(node) end end
  while #queue > 0 do
    local node = table.remove(queue)
    queued[node] = nil
    for _, to in ipairs(g.edges[node] or {}) do
      for phase in pairs(node.phases or {}) do
        if not (to.phases and to.phases[phase]) then
          seed(to, phase)
          push(to)
        end
      end
    end
  end
end

return check_phases
