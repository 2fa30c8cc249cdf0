"""What a rule author waits for: check on many lines, the start of a spec, a thousand sessions. Used by compare.py."""
import os
import resource
import subprocess
import time

from peers import HERE, PERIGEE, RUN
from report import emit

SITE = """site { listen = { "0.0.0.0:25" }, primary_hostname = "mx.example.org" }
domainlist.local_domains = { "example.org" }
hostlist.relay_from = { "127.0.0.1" }
acl.rcpt { accept { hosts = "+relay_from" }, deny { domains = "! +local_domains", message = "550 5.7.1 relay not permitted" } }
router.here { driver = "accept", domains = "+local_domains", transport = "box" }
router.dns { driver = "dnslookup", domains = "! +local_domains", transport = "remote" }
transport.remote { driver = "smtp" }
transport.box { driver = "appendfile", maildir_format = true,
                directory = function(m) return path("/var/mail", m.domain, m.local_part) end }
"""

# A site with many customers, a file each: tables, functions, a helper, a router.
CUSTOMER = """-- customer %d: what is particular to it
local OURS = { "customer%d.example", "*.customer%d.example" }
domainlist.customer_%d = OURS
local function tired(m)
  local count = store.incr("customer-%d", m.sender_host_address or "local", "1d")
  return count > 100 and m.sender_address ~= ""
end
acl.mail(function(m)
  if m.sender_address_domain == "spam%d.example" and not check.hosts("+relay_from") then
    return deny("550 5.7.1 we have met before: " .. m.sender_address)
  end
end)
acl.rcpt {
  deny { domains = "+customer_%d", senders = { "*@bulk%d.example", "news@list%d.example" },
         message = "550 5.7.1 not wanted here" },
  warn { domains = "+customer_%d", set = { acl_m_customer = "%d" } },
  function(m)
    if m.acl_m_customer == "%d" and tired(m) then
      return defer { message = "451 4.7.1 slowly please", log_message = "customer %d is tired" }
    end
  end,
}
acl.data(function(m)
  local subject = m.header.subject or ""
  if m.acl_m_customer == "%d" and #subject > %d then
    header.add("X-Customer: %d")
    header.remove("X-Old-%d")
  end
end)
router.customer_%d {
  driver = "redirect", domains = "+customer_%d",
  data = function(m) return m.local_part .. "@boxes%d.example.org" end,
}
"""

SESSIONS = """local world = require "perigee.world"
describe("a thousand sessions", function()
  it("are answered under twenty statements", function()
    local w = world.new { lua = [==[%s]==] }
    for i = 1, %d do
      local s = w:session { client = "100.64.0.9", helo = "there.example" }
      s:mail("a" .. i .. "@there.example")
      assert.reply(s:rcpt "c@dest.test", "250")
      s:quit()
      s:close()
    end
  end)
end)
"""

SHORT = """local world = require "perigee.world"
describe("a spec", function()
  it("has its first verdict", function()
    local w = world.new { rules = "%s" }
    assert.reply(w:session {}:mail "a@there.example", "550")
  end)
end)
"""


def put(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    return path


def rule_set(where, lines):
    n = put(where + "/00-site.lua", SITE) and SITE.count("\n")
    i = 0
    while n + CUSTOMER.count("\n") <= lines:
        i += 1
        put(f"{where}/{i:04d}-customer.lua", CUSTOMER.replace("%d", str(i)))
        n += CUSTOMER.count("\n")
    put(where + "/9999-rest.lua", "-- the rest\n" * (lines - n - 1) + "acl.rcpt { accept {} }\n")
    return where


def timed(*args):
    """Elapsed and CPU seconds of a run that ends well."""
    before, t = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run([PERIGEE, *args], capture_output=True, text=True)
    t, after = time.monotonic() - t, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(args)}: {done.stdout[:500]}{done.stderr[:500]}")
    return t, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def check(_, size):
    where = rule_set(RUN + "/check", 5000)
    for _ in range(size.rounds // 4):
        took, cpu = timed("check", "--rules", where)
        emit("check", "s", "perigee", took)
        emit("check", "s", "CPU", cpu)


def first_verdict(spec):
    t = time.monotonic()
    with subprocess.Popen([PERIGEE, "test", "--tap", spec], stdout=subprocess.PIPE, text=True) as p:
        for line in p.stdout:
            if line.startswith("ok"):
                t = time.monotonic() - t
                break
        else:
            raise RuntimeError("no verdict came")
        p.stdout.read()
    return t * 1000


def test(_, size):
    spec = put(RUN + "/author/short_spec.lua", SHORT % os.path.join(HERE, "..", "..", "rules"))
    many = put(RUN + "/author/many_spec.lua", SESSIONS % (ACL, 1000))
    for _ in range(size.rounds // 4):
        emit("test", "start", "perigee", first_verdict(spec))
        took, cpu = timed("test", many)
        emit("test", "sessions", "perigee", took)
        emit("test", "sessions", "CPU", cpu)


ACL = ""        # compare.py's twenty statements
