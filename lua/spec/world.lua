-- perigee.world: a hermetic engine for specs
--
--   local world = require "perigee.world"
--   local w = world.new { rules = { "rules/00-site.lua" }, zone = "example.org. MX 10 mx.example.org." }
--   local s = w:session { client = "203.0.113.9", helo = "there.example" }
--   assert.reply(s:mail "a@there.example", "250")
--
-- world.new: rules (a directory, or files in order), lua (one more rule file, as text), zone (text) or zonefile,
-- now (RFC 3339), seed, deliver (false: accept only).
-- `raw` is the table of C functions (core/policy/world_lua.c), `words` what each table that specs hand in may say
-- (core/policy/api/world.lua), by the name of the table there.

local raw, words = ...
local M = { words = words }
local World, Session, Reply = {}, {}, {}
World.__index, Session.__index, Reply.__index = World, Session, Reply

local open = {}     -- every world until it is closed: close_all must find those no variable holds

local NAMES = { new = "a world" }

-- A word that is none is the spec's mistake, and said with the line that called the function that asks.
local function known(what, config)
  for word in pairs(config or {}) do
    local found = false
    for _, name in ipairs(words[what]) do found = found or name == word end
    if not found then
      error(('%s: there is no option "%s"%s'):format(NAMES[what] or what, tostring(word), raw.near(tostring(word), words[what])), 3)
    end
  end
end

-- ---- replies

local function reply(text)
  if not text then return setmetatable({ text = "", lines = {}, code = 0 }, Reply) end
  local lines = {}
  for line in (text .. "\r\n"):gmatch "(.-)\r\n" do lines[#lines + 1] = line end
  return setmetatable({ text = text, lines = lines, code = tonumber(text:sub(1, 3)) or 0 }, Reply)
end

function Reply:__tostring() return self.text == "" and "(no reply)" or self.text end

-- Whether a line of the reply begins so; "250-SIZE" and "250 SIZE" are one.
function Reply:says(want)
  for _, line in ipairs(self.lines) do
    if line:sub(1, 3) == want:sub(1, 3) and (#want == 3 or line:sub(5, #want) == want:sub(5)) then return true end
  end
  return false
end

-- ---- sessions

function Session:send(bytes) self.world:check(); raw.send(self.h, bytes) return self end
function Session:reply() return reply(raw.reply(self.h)) end
function Session:say(line) self:send(line .. "\r\n") return self:reply() end
function Session:over() return raw.over(self.h) end
function Session:ehlo(name) return self:say("EHLO " .. (name or self.name)) end
function Session:helo(name) return self:say("HELO " .. (name or self.name)) end
function Session:mail(sender, more) return self:say("MAIL FROM:<" .. sender .. ">" .. (more and " " .. more or "")) end
function Session:rcpt(recipient, more) return self:say("RCPT TO:<" .. recipient .. ">" .. (more and " " .. more or "")) end
function Session:rset() return self:say "RSET" end
function Session:quit() return self:say "QUIT" end

-- The content, LF or CRLF lines, is dot-stuffed here; the answer is the last one given.
function Session:data(text)
  local first = self:say "DATA"
  if first.code ~= 354 then return first end
  text = text:gsub("\r\n", "\n"):gsub("\n", "\r\n"):gsub("^%.", ".."):gsub("\r\n%.", "\r\n..")
  if text:sub(-2) ~= "\r\n" then text = text .. "\r\n" end
  self:send(text .. ".\r\n")
  return self:reply()
end

function Session:close()
  if self.h then raw.hang_up(self.h) end
  self.h = nil
end

-- What the handshake shall come to, fact by fact: sni, peerdn, verified, cipher ...; fails = "why" for one that fails.
local function facts(h, tls)
  for fact, value in pairs(tls or {}) do
    local ok, why = raw.tls(h, fact, tostring(value))
    if not ok then error(why, 3) end
  end
end

-- STARTTLS with a pretended handshake; then EHLO again, as a client should. The answer to STARTTLS.
function Session:starttls(tls)
  facts(self.h, tls)
  local answer = self:say "STARTTLS"
  if answer.code == 220 and not self:over() then self.greeting = self:ehlo() end
  return answer
end

-- ---- worlds

local function seconds(time)
  if type(time) == "number" then return time end
  local total, unit = 0, { w = 604800, d = 86400, h = 3600, m = 60, s = 1 }
  for n, u in time:gmatch "(%d+)(%a)" do total = total + tonumber(n) * assert(unit[u], "no such unit of time") end
  return total
end

function M.new(config)
  known("new", config)
  local h, why = raw.open(config)
  if not h then error(why, 2) end
  local w = setmetatable({ h = h, sessions = {} }, World)
  open[w] = true
  return w
end

-- True, or nil and the problems: for specs about rules that must not load.
function M.load(config)
  known("new", config)
  local h, why = raw.open(config)
  if not h then return nil, why end
  raw.close(h)
  return true
end

-- What `perigee check` says: whether there are no errors, and the text.
function M.check(config)
  known("new", config)
  return raw.check(config)
end

function M.close_all()
  for w in pairs(open) do w:close() end
end

function World:check()
  if not self.h then error("this world is closed", 3) end
end

-- A session as a client that has connected to our port (25) and, unless helo is false, said EHLO. The banner is in
-- s.banner; tls: facts of a handshake, for ports that begin with one.
function World:session(config)
  config = config or {}
  self:check()
  known("session", config)
  local s = setmetatable({ world = self, name = config.helo or "client.example" }, Session)
  s.h = assert(raw.session(self.h, config.client or "203.0.113.9", config.port))
  facts(s.h, config.tls)
  self.sessions[#self.sessions + 1] = s
  s.banner = s:reply()
  if config.helo ~= false and s.banner.code == 220 then s.greeting = s:ehlo() end
  return s
end

-- One whole message; returns the last answer. m: from, to (an address or several), text, client, helo.
function World:send(m)
  known("send", m)
  local s = self:session { client = m.client, helo = m.helo }
  local last = s.banner.code == 220 and s:mail(m.from or "a@there.example") or s.banner
  for _, to in ipairs(type(m.to) == "table" and m.to or { m.to }) do
    if last.code >= 400 or s.banner.code ~= 220 then break end
    last = s:rcpt(to)
  end
  if last.code == 250 then last = s:data(m.text or "Subject: test\n\ntext\n") end
  if not s:over() then s:quit() end
  s:close()
  return last
end

function World:advance(time) self:check() raw.advance(self.h, seconds(time) * 1000) end
function World:load(average) self:check() raw.load(self.h, average) end
function World:now() return raw.now(self.h) / 1e6 end
-- The log as an array of lines; file is "main" (default), "reject" or "panic".
function World:log(file) self:check() return raw.log(self.h, file or "main") end
function World:deliveries() self:check() return raw.deliveries(self.h) end
function World:queue() self:check() return raw.rows(self.h) end
function World:message(id) return raw.message(self.h, id) end
-- w:command("move", id, "bulk") has a third.
function World:command(verb, id, name) return raw.queue(self.h, verb, (id or "") .. (name and " " .. name or "")) end
function World:reload(config)
  known("new", config)
  return raw.reload(self.h, config)
end
function World:submit(m)
  known("submit", m)
  return raw.submit(self.h, m.from or "", type(m.to) == "table" and m.to or { m.to }, m.text, m.trusted ~= false)
end
-- The JSON of an expression, or nil and why.
function World:eval(code, about)
  about = about or {}
  known("eval", about)
  return raw.eval(self.h, about.phase or "rcpt", about.client, about.sender, code)
end
-- { names = { "mx.example" }, is = "expired", smtps = true } as "names=mx.example; is=expired; smtps=yes"
local function items(tls)
  if tls == true then return "" end
  if type(tls) ~= "table" then return tostring(tls) end
  local out = {}
  for key, value in pairs(tls) do
    if type(value) == "table" then value = table.concat(value, " ") end
    out[#out + 1] = key .. "=" .. (value == true and "yes" or value == false and "no" or tostring(value))
  end
  return table.concat(out, "; ")
end

-- What a reply to STARTTLS may be depends on the handshake, so that comes first.
local EARLY = { tls = 1, handshake = 2, close = 3, stall = 4 }

-- w:peer("192.0.2.1", { rcpt = "450 4.2.1 busy", close = "dot", tls = "mx.example" }): core/world/peer.h has the words.
-- What it was told before is forgotten; without a table it stays as it is.
function World:peer(at, answers)
  self:check()
  local verbs = {}
  for verb in pairs(answers or {}) do verbs[#verbs + 1] = verb end
  table.sort(verbs, function(a, b) return (EARLY[a] or 9) < (EARLY[b] or 9) end)
  local ok, why = raw.peer(self.h, at, "", answers and "forget" or "")
  for _, verb in ipairs(verbs) do
    local text = answers[verb]
    if ok then ok, why = raw.peer(self.h, at, verb, verb == "tls" and items(text) or text == true and "" or text) end
  end
  if not ok then error(why, 2) end
end
-- w:lookup("sqlite", { file = "/etc/users.db", key = "ann", value = "yes" }): what lookup.NAME answers from here on. Without
-- file or key, any; none = true: there is none; again = "why": it cannot be found out. Of a query the key is its first
-- parameter, or the query.
function World:lookup(name, answer)
  self:check()
  known("lookup", answer)
  local status = answer.none and "none" or answer.again and "again" or "ok"
  raw.answer(self.h, name, answer.file or "", answer.key or "", status, status == "again" and answer.again or answer.value or "")
end
-- w:program("/usr/bin/x", { output = "text", status = 1 }): nothing is run in a world; this is what it would have answered. Of a
-- transport_filter the output is the message.
function World:program(path, answer)
  self:check()
  answer = answer or {}
  known("program", answer)
  raw.answer(self.h, "program", path, "", "ok", (answer.status or 0) .. "\n" .. (answer.output or ""))
end
-- What a peer heard, as text, and in how many connections.
function World:heard(at) return raw.heard(self.h, at) end

-- Whether a line of the log holds this text (plain, no pattern).
function World:logged(text, file)
  for _, line in ipairs(self:log(file)) do
    if line:find(text, 1, true) then return line end
  end
end

function World:close()
  if not self.h then return end
  for _, s in ipairs(self.sessions) do s:close() end
  raw.close(self.h)
  self.h = nil
  open[self] = nil
end

-- ---- assert.reply, assert.logged

function M.install()
  local assert, say = require "luassert", require "say"
  say:set("assertion.reply.positive", "The reply was\n%s\nbut should begin\n%s")
  say:set("assertion.reply.negative", "The reply was\n%s\nand should not begin\n%s")
  assert:register("assertion", "reply", function(_, arguments)
    return arguments[1]:says(arguments[2])
  end, "assertion.reply.positive", "assertion.reply.negative")
  assert:add_formatter(function(v)
    if getmetatable(v) == Reply then return tostring(v) end
  end)
  say:set("assertion.logged.positive", "The log\n%s\nshould hold\n%s")
  say:set("assertion.logged.negative", "The log\n%s\nshould not hold\n%s")
  assert:register("assertion", "logged", function(_, arguments)
    local found = arguments[1]:logged(arguments[2])
    arguments[1] = table.concat(arguments[1]:log(), "\n")
    return found ~= nil
  end, "assertion.logged.positive", "assertion.logged.negative")
end

return M
