-- The mail exchanger, asked by sessions; the file names are those of the directory above.
local world = require "perigee.world"

local WORLD = "examples/mx/spec/world.zone"

local function new()
  local w = world.new { rules = "examples/mx", zonefile = WORLD }
  w:peer("192.0.2.10", { rcpt = "nobody@example.org 550 5.1.1 no such user" })
  return w
end

local function ask(w, client, from, to)
  local s = w:session { client = client, helo = "there.example" }
  local r = s:mail(from)
  return r.code == 250 and s:rcpt(to) or r, s
end

-- A stranger who has been here before.
local function known(w, client, from, to)
  ask(w, client, from, to)
  w:advance "6m"
  return ask(w, client, from, to)
end

describe("10-callers", function()
  it("refuses who calls himself by our name", function()
    local w = new()
    for _, name in ipairs { "mx.example.org", "Example.ORG" } do
      assert.reply(w:session { client = "203.0.113.9", helo = name }.greeting, "550 5.7.1 that is our name")
    end
    assert.reply(w:session { client = "192.0.2.5", helo = "example.org" }.greeting, "250")
  end)

  it("puts off who connects all the time, and nobody else", function()
    local w, last = new()
    for _ = 1, 70 do
      local s = w:session { client = "203.0.113.9", helo = false }
      last = s.banner
      s:close()
    end
    assert.reply(last, "421")
    assert.reply(w:session { client = "203.0.113.10" }.banner, "220")
  end)
end)

describe("20-relay", function()
  it("is for our domains, and for our own hosts everywhere", function()
    local w = new()
    assert.reply(ask(w, "203.0.113.9", "a@there.example", "b@there.example"), "550 5.7.1 relay not permitted")
    assert.reply(ask(w, "192.0.2.5", "ann@example.org", "b@there.example"), "250")
    assert.reply(ask(w, "203.0.113.66", "a@there.example", "postmaster@example.org"), "250")
  end)

  it("takes a bounce for one recipient", function()
    local w = new()
    known(w, "203.0.113.9", "", "ann@example.org")
    local r, s = ask(w, "203.0.113.9", "", "ann@example.org")
    assert.reply(r, "250")
    assert.reply(s:rcpt "bob@example.org", "550 5.5.3")
  end)
end)

describe("30-blocklists", function()
  it("refuses a listed address and says why", function()
    assert.reply(ask(new(), "203.0.113.66", "a@there.example", "ann@example.org"),
      "550 5.7.1 203.0.113.66 is listed in zen.blocklist.example: sent spam on Monday")
  end)

  it("refuses a listed sender's domain, whatever address it comes from", function()
    assert.reply(ask(new(), "203.0.113.9", "a@bad.example", "ann@example.org"), "550 5.7.1 we take no mail from that domain")
  end)

  it("marks what a list we only watch has, and takes a stranger's mark away", function()
    local w = new()
    local _, s = known(w, "203.0.113.77", "a@there.example", "ann@example.org")
    assert.reply(s:data "X-Watched: forged\nSubject: x\n\nx\n", "250")
    local text = w:deliveries()[1].message
    assert.truthy(text:find("X-Watched: watched.blocklist.example", 1, true))
    assert.falsy(text:find("forged", 1, true))
  end)
end)

describe("40-recipients", function()
  it("asks the server inside, and once", function()
    local w = new()
    for _ = 1, 2 do
      assert.reply(ask(w, "203.0.113.9", "a@there.example", "nobody@example.org"), "550 5.1.1")
      w:advance "1m"
    end
    assert.equal(1, select(2, w:heard "192.0.2.10"))
    assert.reply(ask(w, "203.0.113.9", "a@there.example", "info@example.org"), "550")
  end)

  it("is not a no when the server inside is down", function()
    local w = new()
    w:peer("192.0.2.10", { refuse = true })
    assert.reply(ask(w, "203.0.113.9", "a@there.example", "ann@example.org"), "451")
  end)
end)

describe("50-greylist", function()
  it("makes a stranger wait, and trusts the network afterwards", function()
    local w = new()
    assert.reply(ask(w, "203.0.113.9", "a@there.example", "ann@example.org"), "451 4.7.1")
    w:advance "6m"
    assert.reply(ask(w, "203.0.113.10", "a@there.example", "ann@example.org"), "250")
    assert.reply(ask(w, "203.0.113.11", "c@there.example", "bob@example.org"), "250")
    assert.reply(ask(w, "203.0.114.9", "a@there.example", "ann@example.org"), "451 4.7.1")
  end)
end)

describe("60-senders", function()
  it("asks about domains that are often forged, and not about others", function()
    local w = new()
    w:peer("198.51.100.2", { rcpt = "550 5.1.1 no such user" })
    w:peer("198.51.100.1", { rcpt = "550 5.1.1 no such user" })
    assert.reply(known(w, "203.0.113.9", "fraud@bank.example", "ann@example.org"), "550 5.1.8 that sender does not exist")
    assert.reply(known(w, "203.0.113.9", "a@there.example", "ann@example.org"), "250")
    assert.reply(ask(w, "203.0.113.9", "a@nowhere.example", "ann@example.org"), "550 5.1.8 your sender address")
  end)
end)

describe("70-content", function()
  local function part(field, body)
    return table.concat({ "Subject: x", "MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="b"', "", "--b",
      "Content-Type: application/octet-stream", field, "", body, "--b--", "" }, "\n")
  end

  it("refuses programs by any of their names, and by what they are", function()
    local w = new()
    local function data(text)
      local _, s = known(w, "203.0.113.9", "a@there.example", "ann@example.org")
      return s:data(text)
    end
    assert.reply(data(part('Content-Disposition: attachment; filename="Invoice.PDF.exe "', "x")), "550 5.7.1")
    assert.reply(data(part("Content-Transfer-Encoding: base64", "TVqQAAMAAAAEAAAA")), "550 5.7.1")
    assert.reply(data(part("Content-Transfer-Encoding: rot13", "x")), "550 5.6.0")
    assert.reply(data(part('Content-Disposition: attachment; filename="invoice.pdf"', "x")), "250")
    assert.reply(data "Subject: x\nFrom: <a@@b>\n\nx\n", "550 5.6.0 an address in the header is damaged")
  end)
end)

describe("80-routing", function()
  it("sends recipients of the old name to the new one, aliases to their people", function()
    local w = new()
    local _, s = known(w, "203.0.113.9", "a@there.example", "ann@old-name.example")
    assert.reply(s:rcpt "webmaster@example.org", "250")
    assert.reply(s:data "Subject: x\n\nx\n", "250")
    local got = {}
    for _, d in ipairs(w:deliveries()) do got[#got + 1] = d.recipient end
    table.sort(got)
    assert.same({ "ann@example.org", "bob@example.org" }, got)
  end)
end)
