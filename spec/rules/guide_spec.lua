-- Every example of the guide pages and of the README loads: rules as `perigee check` would have them, specs by running them.
local world = require "perigee.world"
local machine = dofile "spec/rules/machine.lua"
local shell, write = machine.shell, machine.write

-- What stands around an example, unless it declares that itself.
local SITE = {
  'domainlist.local_domains = { "example.org" }',
  'domainlist.ours = { "example.org" }',
  'hostlist.relay_from = { "192.0.2.0/24" }',
  'transport.mailbox { driver = "appendfile", maildir_format = true, directory = "/mail" }',
  'transport.remote { driver = "smtp" }',
}
-- Files of a site that examples name and that must be there.
local FILES = { "hosted.mdb", "nets", "people", "blocked", "relay.secret" }

local function site(code)
  local list = {}
  for _, line in ipairs(SITE) do
    if not code:find(line:match "^[%w_.]+":gsub("%.", "%%.") .. "%s*[={]") then list[#list + 1] = line end
  end
  return table.concat(list, "\n") .. "\n"
end

-- Certificates that examples name: a throw-away authority's, made when one is met (spec/live/ca.py).
local authority
local function certificates(code)
  if not code:find("/etc/perigee/tls/", 1, true) then return code end
  if not authority then
    authority = shell "mktemp -d"
    shell("python3 spec/live/ca.py " .. authority)
  end
  local made = { pem = "deep.chain.pem", key = "deep.key", ocsp = "deep.ocsp", crl = "root.crl" }
  code = code:gsub("/var/spool/perigee%-ocsp", authority)
  return (code:gsub("/etc/perigee/tls/([%w.-]+)%.(%l+)", function(name, kind)
    if name == "rsa" then return authority .. "/rsa." .. kind end
    return authority .. "/" .. (name:find "ca$" and kind == "pem" and "root.pem" or made[kind])
  end))
end
teardown(function() if authority then shell("rm -rf " .. authority) end end)

local function loads(example)
  local dir = shell "mktemp -d"
  finally(function() shell("rm -rf " .. dir) end)
  for _, name in ipairs(FILES) do write(dir .. "/" .. name, "") end
  shell("chmod 0600 " .. dir .. "/relay.secret")
  write(dir .. "/00-site.lua", site(example.code))
  write(dir .. "/10-example.lua", certificates(example.code))
  local ok, text = world.check { rules = dir }
  assert.truthy(ok, text .. "\n" .. example.code)
  local said = text:gsub("[^\n]*warning: lookup%.[%a.]+: open [^\n]*No such file or directory", "")
  assert.is_nil((said:match "[^\n]*warning[^\n]*"))
end

for page in shell("ls README.md docs/guide/*.md"):gmatch "%S+" do
  describe(page, function()
    for _, example in ipairs(machine.examples(page)) do
      if example.code:find "describe%(" then
        setfenv(assert(loadstring(example.code, page)), setmetatable({ world = world }, { __index = getfenv() }))()
      else
        it("has an example at line " .. example.line .. " that loads", function() loads(example) end)
      end
    end
  end)
end
