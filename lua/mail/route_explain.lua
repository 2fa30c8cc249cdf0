-- route_explain - what `perigee route` tells of a walk
--
-- One record a step, as JSON: address, depth, router, where (file:line of what
-- decided), outcome, text. The command line shows them as text or hands them on.

local host, use = ...
local routers = use "routers"
local trace = use "explain"
local explain = {}

-- For perigee explain: what a router said stands beside what it read.
local function noted(outcome, text, where)
  local since = trace.clock()
  if since then trace.read(since, outcome, where, text) end
end

local function record(walk, addr, r, outcome, text, where)
  if not walk.lines then return end
  walk.lines[#walk.lines + 1] = host.json_encode {
    address = addr.address, depth = addr.depth, router = r and r.name or "", where = where or r and r.where or "",
    outcome = outcome, text = text or "",
  }
end

function explain.passed_over(walk, addr, r, why, where)
  noted("passed over", why, where)
  record(walk, addr, r, "passed over", why, where)
end
function explain.unrouteable(walk, addr) record(walk, addr, nil, "unrouteable", "no router took it") end

local function children(result)
  local names = {}
  for i, c in ipairs(result.children) do
    if i > 20 then
      names[i] = "and " .. #result.children - 20 .. " more"
      break
    end
    names[i] = c.address or c.file or "|" .. c.pipe
  end
  return table.concat(names, ", ")
end

-- The driver has spoken, or the function.
function explain.said(walk, addr, r, result)
  noted(result.what, result.text, nil)
  if not walk.lines then return end
  local debug = r.cells and not r.fn and routers.option(r, "debug_print", addr.m)
  if debug then record(walk, addr, r, "debug_print", debug, r.cells.debug_print.where) end
  local text = result.text and tostring(result.text) or ""
  if result.what == "accept" then text = "transport " .. tostring(result.transport or addr.transport) end
  if result.what == "redirect" then text = children(result) end
  if result.what == "reroute" then text = "as " .. addr.local_part_as_is .. "@" .. result.domain end
  record(walk, addr, r, result.what, text)
end

return explain
