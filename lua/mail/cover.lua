-- cover - tells which statements and routers were asked, and which answered
--
-- Loaded only where a run of specs wants to know (`perigee test --coverage`). The
-- lines are counted by the engine (core/policy/lib_cover.c); it learns here where
-- statements begin.

local host, use = ...
local parse = use "check_parse"
local cover = {}

-- Every line of a file in which a statement of Lua begins.
function cover.file(name, bytes)
  local ok, main = pcall(parse.read, bytes)
  if not ok then return end
  local lines = {}
  local see

  local function statements(list)
    for _, s in ipairs(list) do
      if s.l then lines[#lines + 1] = s.l end
      for _, key in ipairs { "e", "t" } do
        for _, e in ipairs(s[key] or {}) do see(e) end
      end
      if s.s then statements(s.s) end
    end
  end
  function see(e)
    if e.k == "fn" then return statements(e.s) end
    if e.o and type(e.o) == "table" then see(e.o) end
    if e.f then see(e.f) end
    if e.k == "op" then for _, part in ipairs(e.e) do see(part) end end
    for _, arg in ipairs(e.a or {}) do see(arg) end
    for _, item in ipairs(e.items or {}) do see(item.v) end
  end
  statements(main.s)
  host.cover_lines(name, lines)
end

-- thing.where is "file:line".
function cover.place(thing, what, always)
  local file, line = (thing.where or ""):match("^(.*):(%d+)$")
  if file then thing.cover, thing.cover_at = host.cover_place(file, tonumber(line), what, always) end
end

function cover.asked(thing)
  if thing.cover then host.cover_count(thing.cover, thing.cover_at, false) end
end

function cover.taken(thing)
  if thing.cover then host.cover_count(thing.cover, thing.cover_at, true) end
end

return cover
