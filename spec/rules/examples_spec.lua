-- Every directory of examples/ that is a rule set is one `perigee check` has nothing to say about.
local world = require "perigee.world"

-- What has to be said: the certificate is the reader's to put there.
local MISSING = { ["examples/submission"] = "/etc/perigee/tls/submit.example.org.pem" }
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
        if MISSING[dir] then
          assert.falsy(ok)
          assert.truthy(text:find(MISSING[dir] .. "[^\n]*No such file"), text)
          assert.equal(1, select(2, text:gsub("\n", "\n")), text)
        else
          assert.truthy(ok, text)
          assert.equal(0, #warnings(text), text)
        end
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
