local world = require "spec.lua.support"
local words = world.load("").use "words"

describe("words", function()
  it("reads Exim's times", function()
    for text, seconds in pairs { ["30s"] = 30, ["15m"] = 900, ["4d6h"] = 367200, ["1w2d"] = 777600, ["90"] = 90, [" 2h "] = 7200 } do
      assert.equal(seconds, words.seconds(text), text)
    end
    assert.equal(5, words.seconds(5))
    for _, text in ipairs { "", "h", "5x", "2h ago", "-3s", "1.5h" } do assert.is_nil(words.seconds(text), text) end
    assert.is_nil(words.seconds(-1))
    assert.is_nil(words.seconds {})
  end)

  it("reads sizes", function()
    assert.equal(50 * 1024 * 1024, words.size "50M")
    assert.equal(102400, words.size "100k")
    assert.equal(7, words.size "7")
    for _, text in ipairs { "", "M", "5X", "1.5M" } do assert.is_nil(words.size(text), text) end
  end)

  it("splits Exim's lists: doubled separators, another separator, ends of text", function()
    for text, items in pairs {
      ["a : b:c"] = { "a", "b", "c" },
      [":"] = { "" },
      [""] = {},
      ["  "] = {},
      ["a:"] = { "a" },
      ["a::b : c"] = { "a:b", "c" },
      ["<; 2001:db8::1 ; 10.0.0.1"] = { "2001:db8::1", "10.0.0.1" },
      ["<, a,b,,c"] = { "a", "b,c" },
      ["<\n a:b\nc"] = { "a:b", "c" },
      [": a"] = { "", "a" },
    } do
      assert.same(items, words.split(text), text)
    end
  end)

  it("names what was probably meant, and nothing when it is far off", function()
    local names = { hosts = true, domains = true, local_parts = true }
    assert.equal("hosts", words.nearest("hots", names))
    assert.equal("hosts", words.nearest("host", names))
    assert.equal("local_parts", words.nearest("localparts", names))
    assert.is_nil(words.nearest("zebra", names))
    assert.equal(', did you mean "domains"?', words.meant("domain", names))
  end)

  it("knows a safe component of a path (R7.3)", function()
    for _, part in ipairs { "ann", "a.b", "x-y", "\195\169", "a b" } do assert.is_true(words.safe(part), part) end
    for _, part in ipairs { "", ".", "..", ".hidden", "-rf", "a/b", "/", "a\0b", "a\nb", "x\127", ("x"):rep(256) } do
      assert.is_falsy(words.safe(part), part)
    end
  end)

  it("takes command lines apart without a shell", function()
    assert.same({ "/bin/x", "a b", "c", "" }, words.arguments [[/bin/x "a b" c ""]])
    assert.same({ "/bin/x", "$HOME;rm" }, words.arguments "/bin/x  $HOME;rm")
    assert.same({ "a\"b" }, words.arguments [["a\"b"]])
    assert.is_nil(words.arguments [[/bin/x "a]])
  end)

  it("reads ipv4_only and its like loosely (RT-T2)", function()
    for _, off in ipairs { "NO", "0", "False", "", " no " } do assert.is_false(words.loosely(off), off) end
    assert.is_false(words.loosely(nil))
    assert.is_false(words.loosely(false))
    for _, on in ipairs { "maybe", "yes", "1", "2", true } do assert.is_true(words.loosely(on), tostring(on)) end
  end)
end)
