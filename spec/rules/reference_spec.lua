-- Every example of docs/ref loads, and `perigee check` has nothing against it: names, types, phases, files and lines.
local world = require "perigee.world"

local SITE = [[
domainlist.local_domains = { "example.org" } hostlist.relay_from = { "192.0.2.0/24" }
transport.mailbox { driver = "appendfile", maildir_format = true, directory = "/mail" } transport.remote_smtp { driver = "smtp" }
]]

-- { page, heading, code } of every example, in order.
local function examples(page)
  local list, heading, code = {}, nil, nil
  for line in io.lines("docs/ref/" .. page .. ".md") do
    if code and line == "```" then
      list[#list + 1] = { page = page, heading = heading, code = table.concat(code, "\n") }
      code = nil
    elseif code then code[#code + 1] = line
    elseif line == "```lua" then code = {}
    else heading = line:match "^##+ (.*)" or heading end
  end
  return list
end

describe("docs/ref", function()
  local count, known = 0, {}
  for _, page in ipairs { "options", "acl", "vars", "events", "functions" } do
    for _, e in ipairs(examples(page)) do
      count = count + 1
      if not known[e.code] then
        known[e.code] = true
        it("has an example of " .. e.heading .. " that loads", function()
          local ok, text = world.check { lua = SITE .. e.code }
          assert.truthy(ok, text .. "\n" .. e.code)
          -- Files of a site that this machine does not have.
          local said = text:gsub("[^\n]*warning: lookup%.[%a.]+: open [^\n]*No such file or directory", "")
          assert.is_nil(said:match "[^\n]*warning[^\n]*")
        end)
      end
    end
  end
  it("shows more than a hundred names at work", function() assert.truthy(count > 100, count) end)
end)
