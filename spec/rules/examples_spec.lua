-- Every directory of examples/ that is a rule set is one `perigee check` has nothing to say about.
local world = require "perigee.world"

-- What has to be said: passwords in clear up to the machine's own TLS terminator.
local MEANT = { ["examples/submission"] = { "auth_cleartext_hosts: these clients are offered AUTH without encryption" } }
-- One file of a rule set, for a directory that has the rest.
local PART = { ["examples/greylist"] = true }

local function directories()
  local list, p = {}, assert(io.popen "ls -d examples/*/")
  for line in p:lines() do list[#list + 1] = line:gsub("/$", "") end
  p:close()
  return list
end

local function files(dir)
  local list, p = {}, assert(io.popen("ls " .. dir .. "/*.lua 2>/dev/null"))
  for line in p:lines() do list[#list + 1] = line end
  p:close()
  return list
end

local function warnings(text)
  local list = {}
  for line in (text .. "\n"):gmatch "([^\n]*)\n" do list[#list + 1] = line:match "warning: (.*)" end
  return list
end

describe("perigee check", function()
  for _, dir in ipairs(directories()) do
    if not PART[dir] and #files(dir) > 0 and dir ~= "examples/samples" then
      it("has nothing to say about " .. dir, function()
        local ok, text = world.check { rules = dir }
        assert.truthy(ok, text)
        local said, meant = warnings(text), MEANT[dir] or {}
        assert.equal(#meant, #said, text)
        for i, one in ipairs(meant) do assert.equal(one, said[i]:sub(1, #one)) end
      end)
    end
  end
end)

describe("examples/README.md", function()
  local f = assert(io.open "examples/README.md")
  local text = f:read "*a"
  f:close()
  for _, dir in ipairs(directories()) do
    it("names " .. dir, function() assert.truthy(text:find("(" .. dir:match "[^/]+$" .. ")", 1, true)) end)
  end
end)
