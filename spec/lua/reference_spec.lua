-- What Exim has, against our rows: options, words of ACLs, events, log and command line. Variables and expansions
-- have specs of their own (variables_spec.lua, spec/cli/functions_spec.py).
local REFERENCE = "../shared/reference/"

package.path = "lua/gen/?.lua;" .. package.path
local rows = require "rows"
local support = require "spec.lua.support"

-- The lines of one table, each by the names of its columns; nil if there is none.
local function facts(name)
  local f = io.open(REFERENCE .. name .. ".tsv")
  if not f then return nil end
  local list, columns = {}, {}
  for column in (f:read() .. "\t"):gmatch "([^\t]*)\t" do columns[#columns + 1] = column end
  for line in f:lines() do
    local fact, i = {}, 0
    for text in (line .. "\t"):gmatch "([^\t]*)\t" do
      i = i + 1
      if columns[i] then fact[columns[i]] = text end
    end
    list[#list + 1] = fact
  end
  f:close()
  return list
end

local function text_of(path)
  local f = assert(io.open(path))
  local text = f:read "*a"
  f:close()
  return text
end


local function missing_of(list, known)
  local missing = {}
  for _, fact in ipairs(list) do
    if not known(fact) then missing[#missing + 1] = (fact.kind or fact.driver or fact.program or "") .. " " .. (fact.name or fact.event or fact.option) end
  end
  return table.concat(missing, "\n")
end

-- A title, the tables it is about, and the check; without the tables it says so.
local function every(title, names, fn)
  for _, name in ipairs(names) do
    if not facts(name) then
      pending(title .. " (skipped: no reference tables)")
      return
    end
  end
  it(title, fn)
end

describe("the reference", function()
  local all = dofile "spec/api.lua"

  local options, words, events = {}, {}, {}
  for _, row in ipairs(all.option) do
    options[row.kind .. " " .. row.name] = true
    for _, other in ipairs(row.also or {}) do options[row.kind .. " " .. other] = true end
  end
  for _, row in ipairs(all.word) do
    words[row.kind .. " " .. row.name] = true
    for _, other in ipairs(row.also or {}) do words[row.kind .. " " .. other] = true end
  end
  for _, row in ipairs(all.event) do events[row.name] = row end

  -- A router's driver is what router.NAME { driver = ... } says and no option; a driver may have none of its own.
  local function option_of(kind)
    return function(fact) return fact.name == "driver" or fact.name == "-" or options[kind .. " " .. fact.name] end
  end

  for name, kind in pairs { options_main = "main", options_router = "router", options_transport = "transport", options_auth = "authenticator" } do
    every("has no option of " .. name .. " that is no row of ours", { name }, function()
      assert.equal("", missing_of(facts(name), option_of(kind)))
    end)
  end

  -- What is no row is a phase, a value, or a word in the text of a condition: the library must take it.
  local PHASE = { data_prdr = "prdr" }
  local GIVEN = { ["<time>"] = "30s", connect = "connect=5s", maxwait = "maxwait=5s", mailfrom = "mailfrom=a@b.example",
    postmaster_mailfrom = "postmaster_mailfrom=a@b.example" }
  local OF_SENDER = { mailfrom = true }
  local RATE = { per_conn = "", per_mail = "", per_byte = "", per_rcpt = "", per_addr = "", per_cmd = "", count = "/per_byte/count=2",
    unique = "/per_mail/unique=x", strict = "", leaky = "", readonly = "" }

  local function compiles(file, ...)
    local ok, fn = pcall(support.rules("").use(file).compile, ...)
    return ok and fn
  end

  local KIND = {
    acl = function(name)
      local phase = name:match "^acl_smtp_(.+)$" or name:match "^acl_(not_smtp.*)$"
      for _, known in ipairs(rows.PHASES) do if known == (PHASE[phase] or phase) then return true end end
    end,
    verb = function(name) return words["verb " .. (name == "require" and "demand" or name)] end,
    verify = function(name) return words["verify " .. name:match "^[%w_]+"] end,
    ["verify-option"] = function(name) return compiles("verify", "recipient/" .. name, "10.lua:1") end,
    ["callout-option"] = function(name)
      return compiles("verify", (OF_SENDER[name] and "sender" or "recipient") .. "/callout=" .. (GIVEN[name] or name), "10.lua:1")
    end,
    ["ratelimit-option"] = function(name)
      return compiles("ratelimit", "10/1h" .. (RATE[name] ~= "" and RATE[name] or "/" .. name), "10.lua:1")
    end,
    ["dnslists-flag"] = function(name) return compiles("dnslists", name .. " : black.example", "10.lua:1") end,
    ["notquit-reason"] = function(name)
      for _, value in ipairs(all.var.by.smtp_notquit_reason.values or {}) do if value == name then return true end end
    end,
  }

  every("has no word of ACLs that is no row of ours, or a word the library does not take", { "acl" }, function()
    assert.equal("", missing_of(facts "acl", function(fact) return (KIND[fact.kind] or function(name) return words[fact.kind .. " " .. name] end)(fact.name) end))
    assert.falsy(KIND["verify-option"] "nonsense")
    assert.falsy(KIND["ratelimit-option"] "per_nonsense")
  end)

  every("has no event that is no row of ours, and none that is asked before where ours comes after", { "events" }, function()
    assert.equal("", missing_of(facts "events", function(fact)
      local row = events[fact.event]
      return row and row.before == (fact.before_after == "before")
    end))
  end)

  -- What is built is shown at work: by rules, by a value in a conversation, or by an expression and what it gives.
  for _, kind in ipairs { "var", "family", "option", "word", "event", "fn" } do
    it("has an example of every " .. kind .. " that is built", function()
      local bare = {}
      for _, row in ipairs(all[kind]) do
        local built = not row.feature and not row.never
        if built and not (row.shown or row.seen or row.example) then
          bare[#bare + 1] = ("%s %s %s%s"):format(row.where, row.kind or kind, row.name, row.drivers and " (" .. table.concat(row.drivers, ", ") .. ")" or "")
        end
      end
      assert.equal("", table.concat(bare, "\n"), "give each an example in core/policy/api/examples_*.lua or values.lua")
    end)
  end

  -- ---- pages

  local page = text_of "docs/guide/exim-commands.md"

  -- The names in the tables of one section, and in its paragraphs.
  local function named(title)
    local section = page:match("\n## " .. title .. "\n(.-)\n## ") or page:match("\n## " .. title .. "\n(.*)$")
    local names = {}
    for name in section:gmatch "`([^`]+)`" do names[name] = true end
    return names
  end

  -- "-q<qflags><time>", "-h, --help; -m, --man": the options in it.
  local function flags_of(text)
    local list = {}
    for flag in text:gmatch "%-[%w%-:+_]*" do
      if not text:find("%w" .. flag:gsub("%p", "%%%0")) then list[#list + 1] = flag end
    end
    return list
  end

  every("has no option of Exim's own that the guide does not name, and no program", { "cli" }, function()
    local exim, programs = named "exim", named "Its other programs"
    assert.equal("", missing_of(facts "cli", function(fact)
      if fact.program ~= "exim" then return exim[fact.option] or programs[fact.program] end
      for _, flag in ipairs(flags_of(fact.option)) do
        if not exim[flag] then return false end
      end
      return true
    end))
  end)

  every("has no selector, field or line of the log that the guide does not name", { "log" }, function()
    local log = named "The log"
    assert.equal("", missing_of(facts "log", function(fact) return log[fact.name] end))
  end)

  every("has no selector that log_selector does not know", { "log" }, function()
    local header = text_of "core/engine/logline.h"
    local known = { all = true, rejected_headers = true }       -- every one, and another name of rejected_header
    for name in header:gmatch "X%(([%w_]+), [01]%)" do known[name] = true end
    assert.equal("", missing_of(facts "log", function(fact) return fact.kind ~= "selector" or known[fact.name] end))
  end)
end)
