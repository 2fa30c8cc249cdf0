-- Every example of docs/ref loads, and `perigee check` has nothing against it: names, types, phases, files and lines.
local world = require "perigee.world"
local machine = dofile "spec/rules/machine.lua"
local shell, write = machine.shell, machine.write

local SITE = [[
domainlist.local_domains = { "example.org" } hostlist.relay_from = { "192.0.2.0/24" }
transport.mailbox { driver = "appendfile", maildir_format = true, directory = "/mail" } transport.remote_smtp { driver = "smtp" }
]]

-- Files of a site that an example names and that must be there.
local REPORT = "Subject: x\n****\nbefore\n****\nbehind\n"
local FILES = { ["relay.secret"] = "x\n", ["people.db"] = "", ["blocked.cdb"] = "", ["hosted.mdb"] = "", ["bounce.text"] = REPORT, ["warn.text"] = REPORT }

-- A file with a key and its certificate, one of each kind, and a list of what was revoked stand for all that an example names.
local made
local MAKE = [[cd %s && for kind in rsa ec; do
  openssl req -x509 -newkey $kind $([ $kind = ec ] && echo -pkeyopt ec_paramgen_curve:P-256) -nodes -days 2 -subj /CN=mx.example.org -keyout k -out c
  cat k c >$kind.pem; done
: >db; printf '[ca]\ndefault_ca=x\n[x]\ndatabase=db\ndefault_md=sha256\ndefault_crl_days=2\n' >cfg
openssl ca -gencrl -config cfg -keyfile k -cert c -out crl.pem]]
local function certificate(name)
  if not made then
    made = shell "mktemp -d"
    shell("(" .. MAKE:format(made) .. ") 2>/dev/null")
  end
  return made .. (name:find "rsa" and "/rsa.pem" or name:find "%.crl$" and "/crl.pem" or "/ec.pem")
end

-- What `perigee check` says of it.
local function checked(code)
  local all, dir = (code:find "transport%.mailbox " and "" or SITE) .. code, nil
  for name, content in pairs(FILES) do
    if code:find('["/]' .. name:gsub("%.", "%%.") .. '"') then
      dir = dir or shell "mktemp -d"
      write(dir .. "/" .. name, content)
    end
  end
  for name in code:gmatch '"/etc/perigee/tls/([%w.-]+)"' do
    dir = dir or shell "mktemp -d"
    shell(("mkdir -p %s/tls && cp %s %s/tls/%s"):format(dir, certificate(name), dir, name))
  end
  if not dir then return world.check { lua = all } end
  finally(function() shell("rm -rf " .. dir) end)
  shell("find " .. dir .. " -type f -exec chmod 0600 {} +")
  write(dir .. "/10-example.lua", (all:gsub("/etc/perigee/", dir .. "/")))
  return world.check { rules = dir }
end

-- Files that this machine does not have, and what an example says aloud to show it.
local function unexpected(text)
  local said = text:gsub("[^\n]*warning: lookup%.[%a.]+: open [^\n]*No such file or directory", "")
  said = said:gsub("[^\n]*warning: tls_ocsp_file: [^\n]*No such file or directory", ""):gsub("[^\n]*warning: [^\n]*names no responder[^\n]*", "")
  said = said:gsub("[^\n]*warning: auth_cleartext_hosts[^\n]*", ""):gsub("[^\n]*warning: [^\n]*open_relay[^\n]*", "")
  return said:match "[^\n]*warning[^\n]*"
end

describe("docs/ref", function()
  teardown(function() if made then shell("rm -rf " .. made) end end)
  local count, known = 0, {}
  for _, page in ipairs { "options", "acl", "vars", "events", "functions" } do
    for _, e in ipairs(machine.examples("docs/ref/" .. page .. ".md")) do
      count = count + 1
      if not known[e.code] then
        known[e.code] = true
        it("has an example of " .. e.heading .. " that loads", function()
          local ok, text = checked(e.code)
          assert.truthy(ok, text .. "\n" .. e.code)
          assert.is_nil(unexpected(text))
        end)
      end
    end
  end
  it("shows more than five hundred names at work", function() assert.truthy(count > 500, count) end)
end)
