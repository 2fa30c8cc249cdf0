-- route_redirect - one address becomes others
--
-- The data is a list of items separated by commas or newlines, as in an aliases
-- file, or a table of items. An item is an address, a :word:, a file, a pipe or
-- an :include:. What comes of it is an outcome (see route_hosts) with
-- `children`, each { address = } or { file = } or { pipe = }.

local host, use = ...
local words = use "words"
local options = use "options"
local routers = use "routers"
local file = use "route_file"
local srs = use "route_srs"
local redirect = {}

local INCLUDES = 20             -- files that one redirection may read
local CHILDREN = 10000
local SKIPPED_SHOWN = 100

local function outcome(what, text) return { what = what, text = text } end

-- ---- items of a text

-- Splits at commas and newlines outside quotes; # begins a comment up to the end
-- of the line where an item could begin. A line that begins with white space goes on.
local function items(text)
  local found, at, n = {}, 1, #text
  while at <= n do
    at = text:find("[^%s,]", at)
    if not at then break end
    if text:sub(at, at) == "#" then
      at = (text:find("\n", at, true) or n) + 1
    elseif text:find("^:%s*fail%s*:", at) or text:find("^:%s*defer%s*:", at) then
      found[#found + 1] = text:sub(at)          -- the rest is what is said
      break
    else
      local from, quoted = at, false
      while at <= n do
        local c = text:sub(at, at)
        if c == "\\" and quoted then at = at + 1
        elseif c == '"' then quoted = not quoted
        elseif not quoted and (c == "," or c == "\n") then break end
        at = at + 1
      end
      found[#found + 1] = text:sub(from, at - 1):match("^(.-)%s*$")
    end
  end
  return found
end

-- The text after :fail: or :defer: up to the end, lines put together.
local function said(item)
  return (item:match("^:%s*%a+%s*:%s*(.-)%s*$"):gsub("\\n", "\n"))
end

-- ---- one item at a time

local function limits(r, name, ev) return routers.option(r, name, ev.m) end

local function allowed(r, ev, option, what)
  if r.cells and limits(r, option, ev) then
    return outcome("error", string.format("router.%s: %s is not allowed (%s)", r.name, what, option))
  end
end

-- With one_time the addresses take the place of the one that was redirected; a file
-- or a pipe cannot.
local function once(state, what)
  if state.r.cells and limits(state.r, "one_time", state.ev) then
    return outcome("error", string.format("router.%s: %s is not allowed with one_time", state.r.name, what))
  end
end

local function file_item(state, path)
  local wrong = once(state, "a file") or allowed(state.r, state.ev, "forbid_file", "a file")
  if wrong then return wrong end
  if path:find("/%.%.?/") or path:find("/%.%.?$") or path:find("//", 1, true) or path:find("%c") then
    return outcome("error", string.format('"%s" is no safe path', path))
  end
  local option = path:sub(-1) == "/" and "directory_transport" or "file_transport"
  local transport = state.r.cells and limits(state.r, option, state.ev)
  if not transport then
    return outcome("error", string.format("router.%s: %s: no %s is set", state.r.name, path, option))
  end
  state.children[#state.children + 1] = { file = path, transport = transport }
end

local function pipe_item(state, command)
  local wrong = once(state, "a pipe") or allowed(state.r, state.ev, "forbid_pipe", "a pipe")
  if wrong then return wrong end
  local transport = state.r.cells and limits(state.r, "pipe_transport", state.ev)
  if not transport then
    return outcome("error", string.format("router.%s: |%s: no pipe_transport is set", state.r.name, command))
  end
  state.children[#state.children + 1] = { pipe = command, transport = transport }
end

local function qualified(state, text)
  local name = text
  if state.r.cells and limits(state.r, "qualify_preserve_domain", state.ev) then return name .. "@" .. state.addr.domain end
  local domain = state.qualify or state.r.cells and limits(state.r, "qualify_domain", state.ev)
    or state.ev.m.qualify_recipient
  return name .. "@" .. domain
end

-- An address as people write it: "Name <a@b>", a@b, or a bare local part.
local function address_item(state, item)
  local text = item:match("<([^<>]*)>%s*$") or item
  if text:sub(1, 1) == "\\" then text = text:sub(2) end       -- Exim: keep it from being taken apart
  local local_part, domain = host.address_parse(text)
  if not local_part then
    local bare = qualified(state, text)
    local_part, domain = host.address_parse(bare)       -- nil and the reason if it is none
    if not local_part then
      if state.r.cells and limits(state.r, "skip_syntax_errors", state.ev) then
        state.skipped[#state.skipped + 1] = text .. ": " .. tostring(domain)
        return
      end
      return outcome("error", string.format('router.%s: "%s" is no address: %s', state.r.name, text, tostring(domain)))
    end
  end
  state.children[#state.children + 1] = { address = local_part .. "@" .. domain:lower() }
  if #state.children > CHILDREN then
    return outcome("error", "router." .. state.r.name .. ": more than " .. CHILDREN .. " addresses")
  end
end

local take                      -- below

local function include(state, path)
  local wrong = allowed(state.r, state.ev, "forbid_include", ":include:")
  if wrong then return wrong end
  state.includes = (state.includes or 0) + 1
  if state.includes > INCLUDES then return outcome("error", "more than " .. INCLUDES .. " files included at " .. path) end
  local below = state.r.cells and limits(state.r, "include_directory", state.ev)
  if below and path:sub(1, #below + 1) ~= below .. "/" then
    return outcome("error", string.format('"%s" is not below include_directory %s', path, below))
  end
  local status, text = host.file_read(path, below)
  if status == "again" then return outcome("defer", text) end
  if status == "none" then return outcome("defer", "the included file " .. path .. " is not there") end
  return take(state, items(text))
end

-- The text of :fail: and :defer:, without its SMTP code where those are not wanted.
local function spoken(state, item)
  local text = said(item)
  if state.r.cells and limits(state.r, "forbid_smtp_code", state.ev) then
    text = text:gsub("^[45]%d%d%s+", ""):gsub("^[45]%.%d+%.%d+%s+", "")
  end
  return text
end

local WORDS = {}

function WORDS.blackhole(state)
  local wrong = allowed(state.r, state.ev, "forbid_blackhole", ":blackhole:")
  if wrong then return wrong end
  state.blackhole = true
end
function WORDS.fail(state, item)
  if state.r.cells and not limits(state.r, "allow_fail", state.ev) then
    return outcome("error", "router." .. state.r.name .. ": :fail: is not allowed (allow_fail)")
  end
  return outcome("fail", spoken(state, item))
end
function WORDS.defer(state, item)
  if state.r.cells and not limits(state.r, "allow_defer", state.ev) then
    return outcome("error", "router." .. state.r.name .. ": :defer: is not allowed (allow_defer)")
  end
  return outcome("defer", spoken(state, item))
end
function WORDS.unknown() return outcome("decline", ":unknown:") end
function WORDS.include(state, item)
  return include(state, item:match("^:%s*include%s*:%s*(.-)%s*$"))
end

local function one(state, item)
  local word = item:match("^:%s*(%a+)%s*:")
  if word then
    local fn = WORDS[word]
    if not fn then
      return outcome("error", string.format('router.%s: ":%s:" is not known%s', state.r.name, word, words.meant(word, WORDS)))
    end
    return fn(state, item)
  end
  local inner = item:match('^"(.*)"$')
  if inner and inner:find("^[|/]") then item = inner end
  if item:sub(1, 1) == "|" then return pipe_item(state, item:sub(2):match("^%s*(.-)%s*$")) end
  -- a path has no @ outside its parts with a domain: X.400 addresses do
  if item:sub(1, 1) == "/" and not item:find("@", 1, true) then return file_item(state, item) end
  return address_item(state, item)
end

function take(state, list)
  for _, item in ipairs(list) do
    if type(item) ~= "string" then
      return outcome("error", "router." .. state.r.name .. ": an item is a " .. type(item) .. ", not a text")
    end
    if item ~= "" then
      local ended = one(state, item)
      if ended then return ended end
    end
  end
end

-- Who is told of items that were skipped, and what (syntax_errors_to).
local function note(state)
  local to = #state.skipped > 0 and state.r.cells and limits(state.r, "syntax_errors_to", state.ev)
  if not to or to == "" then return nil end
  local lines = { limits(state.r, "syntax_errors_text", state.ev) or "These items of a redirection are no addresses and were passed over:" }
  lines[#lines + 1] = ""
  for i, item in ipairs(state.skipped) do
    if i > SKIPPED_SHOWN then break end
    lines[#lines + 1] = "  " .. item:gsub("%c", "?")
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = "The address that was redirected: " .. state.addr.address
  return { to = to, text = table.concat(lines, "\n") }
end

-- What data makes of an address. r is a redirect router, or one made by a function.
function redirect.expand(r, addr, ev, data, qualify)
  local state = { r = r, addr = addr, ev = ev, children = {}, skipped = {}, qualify = qualify }
  local list = data
  if type(data) == "string" then list = items(data) end
  if type(list) ~= "table" then
    return outcome("error", "router." .. r.name .. ": data is a " .. type(data) .. ", not a text or a table")
  end
  local ended = take(state, list)
  if ended then return ended end
  if #state.children == 0 then
    if state.blackhole then return outcome("discard", ":blackhole:") end
    return { what = "decline", text = "no addresses", note = note(state) }
  end
  return { what = "redirect", children = state.children, note = note(state) }
end

-- ---- the driver

function redirect.driver(r, addr, ev, walk)
  local ended = r.cells.srs and srs.apply(r, addr, ev, walk)
  if ended then return ended end
  if r.cells.data then
    local cell = r.cells.data
    local data = cell.value
    if cell.fn then data = options.called(cell, ev.m) end
    if data == nil or data == "" then return outcome("decline", "no data") end
    return redirect.expand(r, addr, ev, data)
  end
  local text, why = file.read(r, addr, ev)
  if not text then return why end
  return redirect.expand(r, addr, ev, text)
end

return redirect
