-- Callouts: verify asks the server of an address. A scripted peer answers.

local world = require "perigee.world"

local ZONE = [[
there.example. MX 10 mx.there.example.
mx.there.example. A 192.0.2.1
two.example. MX 10 mx.there.example.
two.example. MX 20 mx2.there.example.
mx2.there.example. A 192.0.2.2
]]

local BASE = [[
site { primary_hostname = "mx.example.org", qualify_domain = "example.org" }
domainlist.local_domains = { "example.org" }
router.dns { driver = "dnslookup", domains = "! +local_domains", transport = "remote" }
router.mailboxes { driver = "accept", domains = "+local_domains", transport = "box" }
transport.remote { driver = "smtp" }
transport.box { driver = "appendfile", file = "/tmp/box" }
]]

local function new(rules, config)
  config = config or {}
  return world.new { lua = BASE .. rules, zone = ZONE .. (config.zone or ""), deliver = config.deliver or false }
end

local function sender_rules(item) return ('acl.rcpt { demand { verify = %q }, accept {} }'):format(item) end

-- One RCPT of a new session; the reply.
local function attempt(w, sender, recipient)
  local s = w:session {}
  s:mail(sender or "a@there.example")
  local r = s:rcpt(recipient or "b@example.org")
  s:quit()
  s:close()
  return r
end

local function said(w, at)
  local heard, connections = w:heard(at or "192.0.2.1")
  return heard or "", connections or 0
end

local function count(text, what)
  return select(2, text:gsub(what:gsub("%p", "%%%0"), ""))
end

describe("a callout and what deliveries know of a host", function()
  it("have nothing to do with each other, as in Exim: the callout cache is its own", function()
    local w = new('acl.rcpt { accept { domains = "there.example" }, demand { verify = "sender/callout" }, accept {} }', { deliver = true })
    w:peer("192.0.2.1", { refuse = true })
    w:send { from = "c@example.org", to = "x@there.example" }
    assert.equal(1, #w:queue())                     -- its host is not to be tried for a while
    w:peer("192.0.2.1", {})
    assert.reply(attempt(w), "250")                 -- and is asked all the same
    assert.equal(1, select(2, said(w)))
    w = new('acl.rcpt { accept { domains = "there.example" }, demand { verify = "sender/callout" }, accept {} }', { deliver = true })
    w:peer("192.0.2.1", { refuse = true })
    assert.equal(451, attempt(w).code)
    w:peer("192.0.2.1", {})
    w:send { from = "c@example.org", to = "x@there.example" }
    assert.equal(0, #w:queue())                     -- what a callout met puts off no mail
  end)
end)

describe("a callout about the sender", function()
  it("asks whether a bounce would be taken, and says yes", function()
    local w = new(sender_rules "sender/callout")
    w:peer "192.0.2.1"
    assert.reply(attempt(w), "250")
    assert.equal("EHLO mx.example.org\r\nMAIL FROM:<>\r\nRCPT TO:<a@there.example>\r\nQUIT\r\n", (said(w)))
  end)

  it("refuses a sender its server does not know, with what was said, and logs it as Exim does", function()
    local w = new(sender_rules "sender/callout")
    w:peer("192.0.2.1", { rcpt = "550 5.1.1 who is that?" })
    local r = attempt(w)
    assert.equal(550, r.code)
    assert.truthy(r.text:find("Verification failed for <a@there.example>", 1, true))
    assert.truthy(r.text:find("Called:   192.0.2.1", 1, true))
    assert.truthy(r.text:find("Sent:     RCPT TO:<a@there.example>", 1, true))
    assert.truthy(r.text:find("Response: 550 5.1.1 who is that?", 1, true))
    assert.reply(r, "550 5.7.1 Sender verify failed")
    assert.logged(w, "sender verify fail for <a@there.example>: mx.there.example [192.0.2.1] : response to \"RCPT TO:<a@there.example>\" was: 550 5.1.1 who is that?")
    assert.logged(w, "rejected RCPT <b@example.org>: Sender verify failed")
  end)

  it("tells nothing of it with no_details", function()
    local w = new(sender_rules "sender/callout/no_details")
    w:peer("192.0.2.1", { rcpt = "550 5.1.1 who is that?" })
    assert.equal("550 5.7.1 Sender verify failed", attempt(w).text)
  end)

  it("puts the client off when the server does (4xx), is silent, or cannot be reached", function()
    for _, answers in ipairs { { rcpt = "450 4.2.0 greylisted" }, { stall = "rcpt" }, { stall = "banner" }, { refuse = true },
                               { silent = true }, { close = "ehlo" }, { banner = "421 busy" }, { mail = "452 full" } } do
      local w = new(sender_rules "sender/callout=10s")
      w:peer("192.0.2.1", answers)
      assert.reply(attempt(w), "451")
      assert.logged(w, "Could not complete sender verify callout")
      w:close()
    end
  end)

  it("accepts all the same with defer_ok", function()
    for _, item in ipairs { "sender/callout=defer_ok", "sender/callout_defer_ok", "sender/defer_ok/callout" } do
      local w = new(sender_rules(item))
      w:peer("192.0.2.1", { refuse = true })
      assert.reply(attempt(w), "250")
      w:close()
    end
  end)

  it("says that the host refuses us or all bounces, after 5xx to the greeting, to EHLO and HELO, or to MAIL", function()
    for _, answers in ipairs { { banner = "554 no" }, { ehlo = "550 no", helo = "550 no" }, { mail = "550 no bounces" } } do
      local w = new(sender_rules "sender/callout")
      w:peer("192.0.2.1", answers)
      local r = attempt(w)
      assert.truthy(r.text:find("Callback setup failed while verifying <a@there.example>", 1, true), tostring(r))
      assert.reply(r, "550 5.7.1 Sender verify failed")
      w:close()
    end
  end)

  it("tries the next host when one cannot say", function()
    local w = new(sender_rules "sender/callout")
    w:peer("192.0.2.1", { rcpt = "451 later" })
    w:peer("192.0.2.2", { rcpt = "550 never" })
    assert.equal(550, attempt(w, "a@two.example").code)
    assert.equal(1, count(said(w, "192.0.2.2"), "RCPT TO:"))
  end)

  it("is over after maxwait, however many hosts there are", function()
    local w = new(sender_rules "sender/callout=30s,maxwait=40s")
    w:peer("192.0.2.1", { silent = true })
    w:peer("192.0.2.2", { silent = true })
    local began = w:now()
    assert.reply(attempt(w, "a@two.example"), "451")
    assert.truthy(w:now() - began < 45, w:now() - began)
    assert.logged(w, "Could not complete sender verify callout")
  end)

  it("waits for the connection as long as connect says", function()
    local w = new(sender_rules "sender/callout=30s,connect=5s")
    w:peer("192.0.2.1", { silent = true })
    local began = w:now()
    assert.reply(attempt(w), "451")
    assert.truthy(w:now() - began < 10, w:now() - began)
  end)

  it("shows what it did: sender_verify_failure, acl_verify_message, callout_address", function()
    local w = new [[acl.rcpt(function(m)
      if not check.verify("sender/callout") then
        return deny("550 " .. m.sender_verify_failure .. "|" .. m.callout_address .. "|" .. m.acl_verify_message)
      end
      return accept() end)]]
    w:peer("192.0.2.1", { rcpt = "550 no" })
    assert.reply(attempt(w), "550 5.7.1 recipient|192.0.2.1|mx.there.example [192.0.2.1] : response to \"RCPT TO:<a@there.example>\" was: 550 no")
  end)

  it("is there for functions, and verify.try tells instead of raising", function()
    local w = new [[acl.rcpt(function(m)
      local yes, why = verify.try.sender("x@there.example", { callout = { time = "5s", no_cache = true } })
      if yes == nil then return deny("550 " .. why.kind) end
      return yes and verify.sender("y@there.example", { callout = "5s" }) and accept() or deny("550 no") end)]]
    w:peer("192.0.2.1", { ["rcpt"] = "x@there.example 451 later" })
    assert.reply(attempt(w), "550 5.7.1 again")
    w:peer("192.0.2.1", { ["rcpt"] = "x@there.example 250 fine" })
    assert.reply(attempt(w), "250")
    w:peer("192.0.2.1", { ["rcpt"] = "550 no" })
    assert.reply(attempt(w), "550 5.7.1 no")
  end)

  it("ends when the client hangs up", function()
    local w = new(sender_rules "sender/callout=5m,maxwait=9m")
    w:peer("192.0.2.1", { stall = "rcpt" })
    local s = w:session {}
    s:mail "a@there.example"
    s:send "RCPT TO:<b@example.org>\r\n"
    s:close()
    w:advance "10m"
    assert.equal(1, count(said(w), "RCPT TO:"))
    assert.is_nil(w:logged "Could not complete")
  end)

  it("counts towards the destination's connections, and those who wait for one get it", function()
    local w = new(sender_rules "sender/callout=10s,maxwait=1m,no_cache")
    w:peer("192.0.2.1", { stall = "rcpt" })
    local waiting = {}
    for i = 1, 25 do
      local s = w:session { client = "203.0.113." .. i }
      s:mail "a@there.example"
      s:send "RCPT TO:<b@example.org>\r\n"
      waiting[i] = s
    end
    assert.equal(20, select(2, said(w)))
    w:advance "11s"
    assert.equal(25, select(2, said(w)))
    w:advance "11s"
    for _, s in ipairs(waiting) do
      assert.reply(s:reply(), "451")
      s:close()
    end
  end)

  it("tells the events of its connection that a sender is being verified", function()
    local w = new([[
      event.on("smtp:connect", function(m) logwrite("connected in mode " .. tostring(m.verify_mode) .. " to " .. m.host_address) end)
    ]] .. sender_rules "sender/callout")
    w:peer "192.0.2.1"
    assert.reply(attempt(w), "250")
    assert.logged(w, "connected in mode S to 192.0.2.1")
  end)
end)

describe("a callout's other questions", function()
  it("random: a server that takes everybody says nothing about one, and is not asked again", function()
    local w = new('site { callout_random_local_part = "nobody-here" }\n' .. sender_rules "sender/callout=random")
    w:peer "192.0.2.1"
    assert.reply(attempt(w), "250")
    assert.equal("EHLO mx.example.org\r\nMAIL FROM:<>\r\nRCPT TO:<nobody-here@there.example>\r\nQUIT\r\n", (said(w)))
    assert.reply(attempt(w, "other@there.example"), "250")
    assert.equal(1, select(2, said(w)))
  end)

  it("random: one that refuses it is then asked about the address", function()
    local w = new('site { callout_random_local_part = "nobody-here" }\n' .. sender_rules "sender/callout=random")
    w:peer("192.0.2.1", { rcpt = "nobody-here@there.example 550 no" })
    assert.reply(attempt(w), "250")
    assert.equal("EHLO mx.example.org\r\nMAIL FROM:<>\r\nRCPT TO:<nobody-here@there.example>\r\nRSET\r\nMAIL FROM:<>\r\n"
      .. "RCPT TO:<a@there.example>\r\nQUIT\r\n", (said(w)))
    assert.reply(attempt(w, "other@there.example"), "250")
    assert.equal(1, count(said(w), "nobody-here"))      -- known from the cache
  end)

  it("postmaster: a domain without one is refused, and that is remembered", function()
    for _, item in ipairs { "sender/callout=postmaster", "sender/callout/check_postmaster" } do
      local w = new(sender_rules(item))
      w:peer("192.0.2.1", { rcpt = "postmaster@there.example 550 none" })
      local r = attempt(w)
      assert.truthy(r.text:find("Postmaster verification failed while checking <a@there.example>", 1, true), tostring(r))
      assert.equal(550, attempt(w, "other@there.example").code)
      assert.equal(1, select(2, said(w)))
      w:close()
    end
  end)

  it("postmaster_mailfrom and fullpostmaster: with a sender, and without the domain in the end", function()
    local w = new(sender_rules "sender/callout=fullpostmaster,postmaster_mailfrom=me@example.org")
    w:peer("192.0.2.1", { rcpt = "postmaster@there.example 550 none" })
    assert.reply(attempt(w), "250")
    assert.equal("EHLO mx.example.org\r\nMAIL FROM:<>\r\nRCPT TO:<a@there.example>\r\nRSET\r\nMAIL FROM:<me@example.org>\r\n"
      .. "RCPT TO:<postmaster@there.example>\r\nRCPT TO:<postmaster>\r\nQUIT\r\n", (said(w)))
  end)

  it("recipient: asked with the null sender, with postmaster, with the real one, or with the transport's", function()
    local rules = ('acl.rcpt { accept { verify = "recipient/callout%s" } }')
    for how, mail in pairs { [""] = "<>", ["=use_sender"] = "<a@there.example>", ["=use_postmaster"] = "<postmaster@example.org>" } do
      local w = new(rules:format(how))
      w:peer "192.0.2.1"
      assert.reply(attempt(w, nil, "b@there.example"), "250")
      assert.equal(1, count(said(w), "MAIL FROM:" .. mail))
      w:close()
    end
    local w = world.new { lua = BASE:gsub('driver = "smtp"', 'driver = "smtp", return_path = function(m) return "rp-" .. m.local_part .. "@example.org" end')
      .. rules:format "=use_tptsender", zone = ZONE, deliver = false }
    w:peer "192.0.2.1"
    assert.reply(attempt(w, nil, "b@there.example"), "250")
    assert.equal(1, count(said(w), "MAIL FROM:<rp-b@example.org>"))
  end)

  it("recipient: what was said is shown without the host's address, which may be an inner one", function()
    local w = new 'acl.rcpt { demand { verify = "recipient/callout" }, accept {} }'
    w:peer("192.0.2.1", { rcpt = "550 5.1.1 no such user" })
    local r = attempt(w, nil, "b@there.example")
    assert.truthy(r.text:find("Callout verification failed:", 1, true))
    assert.is_nil(r.text:find("192.0.2.1", 1, true))
    assert.reply(r, "550 5.7.1 550 5.1.1 no such user")
  end)

  it("addresses of ours have no host to ask: routing decides", function()
    local w = new 'acl.rcpt { accept { verify = "recipient/callout" } }'
    assert.reply(attempt(w), "250")
  end)
end)

describe("what callouts have learned", function()
  it("is remembered for the address: a yes for a day, a no for two hours", function()
    local w = new(sender_rules "sender/callout")
    w:peer "192.0.2.1"
    assert.reply(attempt(w), "250")
    w:advance "23h"
    assert.reply(attempt(w), "250")
    assert.equal(1, select(2, said(w)))
    w:advance "61m"
    w:peer("192.0.2.1", { rcpt = "550 gone" })
    assert.equal(550, attempt(w).code)
    assert.equal(2, select(2, said(w)))
    w:peer("192.0.2.1", { rcpt = "250 back" })
    w:advance "119m"
    local r = attempt(w)
    assert.equal(550, r.code)
    assert.truthy(r.text:find("Previous (cached) callout verification failure", 1, true))
    w:advance "2m"
    assert.reply(attempt(w), "250")
  end)

  it("is remembered for the domain: one that refuses bounces is not asked again for three hours", function()
    local w = new(sender_rules "sender/callout")
    w:peer("192.0.2.1", { mail = "550 no bounces" })
    assert.equal(550, attempt(w).code)
    local r = attempt(w, "other@there.example")
    assert.truthy(r.text:find("result of an earlier callout reused", 1, true), tostring(r))
    assert.equal(1, select(2, said(w)))
    w:peer("192.0.2.1", { mail = "250 well" })
    w:advance "181m"
    assert.reply(attempt(w, "other@there.example"), "250")
  end)

  it("lives as long as the options say", function()
    local w = new('site { callout_positive_expire = "1m" }\n' .. sender_rules "sender/callout")
    w:peer "192.0.2.1"
    attempt(w)
    w:advance "2m"
    attempt(w)
    assert.equal(2, select(2, said(w)))
  end)

  it("is kept by the sender of the question, and not at all with no_cache", function()
    local w = new [[acl.rcpt { accept { verify = "recipient/callout=use_sender" } }]]
    w:peer "192.0.2.1"
    attempt(w, "a@example.org", "b@there.example")
    attempt(w, "a@example.org", "b@there.example")
    assert.equal(1, select(2, said(w)))
    attempt(w, "other@example.org", "b@there.example")
    assert.equal(2, select(2, said(w)))
    w = new(sender_rules "sender/callout=no_cache")
    w:peer "192.0.2.1"
    attempt(w)
    attempt(w)
    assert.equal(2, select(2, said(w)))
  end)

  it("does not remember what could not be found out", function()
    local w = new(sender_rules "sender/callout")
    w:peer("192.0.2.1", { rcpt = "450 later" })
    assert.reply(attempt(w), "451")
    w:peer("192.0.2.1", { rcpt = "250 now" })
    assert.reply(attempt(w), "250")
  end)
end)

describe("a mistake in a callout's words", function()
  local function problems(item)
    local ok, why = pcall(new, ('acl.rcpt { accept { verify = %q } }'):format(item))
    return not ok and tostring(why) or "none"
  end

  it("is told with the nearest right word, before it serves", function()
    for item, text in pairs {
      ["sender/calout"] = 'sender knows no option "calout", did you mean "callout"?',
      ["sender/callout=ranom"] = 'callout knows no option "ranom", did you mean "random"?',
      ["sender/callout=30x"] = '"30x" is no time',
      ["sender/callout=maxwait=0s"] = '"0s" is no time',
      ["header_sender/callout=mailfrom=nobody"] = '"nobody" is no address',
      ["recipient/callout=mailfrom=a@b.example"] = "callout=mailfrom is for senders",
      ["recipient/callout=use_sender,use_postmaster"] = "use_sender or use_postmaster, not both",
      ["sender/callout=use_sender"] = "callout=use_sender is for recipients",
      ["sender/quota"] = "quota is for recipients",
      ["helo/callout"] = "callout is for sender, recipient and header_sender, not for helo",
    } do
      assert.truthy(problems(item):find(text, 1, true), item .. ": " .. problems(item))
    end
  end)
end)

describe("docs/guide/verify.md", function()
  local f = assert(io.open "docs/guide/verify.md")
  local example = {}
  for block in f:read("*a"):gmatch "```lua\n(.-)```" do example[#example + 1] = block end
  f:close()

  it("asks about senders and recipients as the first example says", function()
    local w = new(example[1] .. "acl.rcpt { accept {} }")
    w:peer("192.0.2.1", { rcpt = "bad@there.example 550 no" })
    assert.reply(attempt(w), "250")
    assert.equal(550, attempt(w, "bad@there.example").code)
    assert.reply(attempt(w, nil, "b@there.example"), "550 5.7.1 relay not permitted")
    w:peer("192.0.2.1", { rcpt = "other@there.example 451 later" })
    assert.reply(attempt(w, "other@there.example"), "250")
  end)

  it("asks in a function as the second says", function()
    local w = new(example[2] .. "acl.rcpt { accept {} }")
    w:peer("192.0.2.1", { rcpt = "postmaster@there.example 550 no" })
    assert.reply(attempt(w), "550 5.1.8 postmaster")
    w:peer("192.0.2.1", { refuse = true })
    assert.reply(attempt(w, "x@two.example"), "250")
    assert.logged(w, "sender not checked: Could not complete sender verify callout")
  end)

  it("passes a message on while it comes as the third says", function()
    local w = new(example[3]:gsub("inside.example", "there.example") .. "acl.rcpt { accept {} }", { deliver = true })
    w:peer "192.0.2.1"
    assert.equal(250, w:send({ to = "b@there.example" }).code)
    assert.logged(w, ">> b@there.example")
  end)

  it("puts off who has no room as the fourth says", function()
    local w = world.new { lua = BASE:gsub('driver = "appendfile"', 'driver = "appendfile", quota = "1K", mailbox_size = "2K"')
      .. example[4] .. "acl.rcpt { accept {} }", zone = ZONE, deliver = false }
    assert.reply(attempt(w), "452 4.2.2 the mailbox is full")
    assert.reply(attempt(w, nil, "b@there.example"), "250")
  end)
end)
