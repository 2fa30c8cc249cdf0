#!/usr/bin/env python3
# perigee test: what it prints and writes. perigee check: its forms and its status.
import json, os, re, subprocess, sys, tempfile, xml.dom.minidom
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

here = tempfile.TemporaryDirectory()


def file(name, text):
    path = os.path.join(here.name, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    return path


def perigee(*args):
    r = subprocess.run([PERIGEE, *args], text=True, capture_output=True, timeout=120)
    return r.returncode, r.stdout, r.stderr


RULES = """-- ours
domainlist.ours = { "example.org" }
local function spam(m)
  if m.sender_address_domain == "spam.example" then
    return deny("550 5.7.1 no")
  end
end
acl.mail(spam)
acl.rcpt {
  deny { domains = "! +ours", message = "550 5.7.1 not here" },
  deny { local_parts = "nobody", message = "550 5.1.1 nobody" },
  accept {},
}
"""
rules = file("r/10.lua", RULES)
good = file("good.smtp", f"""-- a good one
rules: {rules}
helo: there.example
C: MAIL FROM:<a@there.example>
S: 250
C: RCPT TO:<b@elsewhere.example>
S: 550 5.7.1
C: RCPT TO:<b@example.org>
S: 250
""")
bad = file("bad.smtp", f"""-- "quoted" <i> & #1
rules: {rules}
helo: there.example
C: MAIL FROM:<a@there.example>
S: 250
C: RCPT TO:<b@example.org>
S: 550 5.1.1
C: QUIT
S: 221
""")
late = file("late.smtp", f"""-- what is expected of the queue
rules: {rules}
helo: there.example
expect: queue 3
""")
spec = file("x_spec.lua", """
describe("x", function()
  it("passes", function() end)
  it("fails with \\1 bytes \\255 and ]]>", function() error("<&>\\0\\255") end)
  pending("waits")
end)
""")


def tap():
    code, out, err = perigee("test", "--tap", good, bad, spec)
    same(code, 1)
    lines = out.split("\n")
    same(lines[0], "TAP version 13")
    holds(out, "ok 1 - a good one\n")
    holds(out, 'not ok 2 - "quoted" <i> & \\#1\n  ---\n')
    same([l.split(" - ")[0] for l in lines if l.startswith(("ok", "not ok"))], ["ok 1", "not ok 2", "ok 3", "not ok 4", "ok 5"])
    holds(out, "# SKIP")
    same(lines[-2], "1..5")


def junit():
    path = os.path.join(here.name, "out.xml")
    code, out, err = perigee("test", "--junit", path, good, bad, spec)
    same(code, 1)
    top = xml.dom.minidom.parse(path).documentElement
    same([top.getAttribute(a) for a in ("tests", "failures", "errors", "skipped")], ["5", "2", "0", "1"])
    suites = top.getElementsByTagName("testsuite")
    same([s.getAttribute("name") for s in suites], [good, bad, spec])
    same([s.getAttribute("tests") for s in suites], ["1", "1", "3"])
    cases = top.getElementsByTagName("testcase")
    same(cases[1].getAttribute("name"), '"quoted" <i> & #1')
    same(len(top.getElementsByTagName("failure")), 2)
    same(len(top.getElementsByTagName("skipped")), 1)
    same(all(float(c.getAttribute("time")) >= 0 and c.getAttribute("line") for c in cases), True)


def difference():
    code, out, err = perigee("test", bad)
    same(code, 1)
    holds(out, "     C: RCPT TO:<b@example.org>\n    -S: 550 5.1.1\n    +S: 250 2.1.5 Accepted\n     C: QUIT\n     S: 221\n")
    holds(out, "0 passed, 1 failed")
    code, out, err = perigee("test", late)
    holds(out, "    -expect: queue 3\n    +expect: queue 0\n")


def mistakes():
    """What is wrong in a transcript is said with its line, and the nearest right word."""
    for at, wrong, said in (
        (4, "peer: 192.0.2.1 rctp 550 no", 'peer: there is no word "rctp", did you mean rcpt?'),
        (4, "peer: 192.0.2.1 tls mx.example; oscp=good", 'tls: there is no option "oscp", did you mean ocsp?'),
        (4, "peer: 192.0.2.1 tls is=expired", "tls: a certificate is for a name: say names=mx.example first"),
        (4, "peer: 192.0.2.1 starttls 220 go", "the peer has no certificate"),
        (4, "peer: 192.0.2 refuse", 'peer: "192.0.2" is no address'),
        (4, "pear: 192.0.2.1 refuse", 'there is no heading "pear:", did you mean peer?'),
        (6, "tls: verfied=yes", 'tls: there is no fact "verfied", did you mean verified?'),
        (6, "zone: x.example. TLSA 3 1 1 @mx", "wrong.smtp:4: TLSA: @mx is not @ and the address of a peer"),
        (6, "zone: x.example. AAA 192.0.2.1", "wrong.smtp:4: unknown type"),
        (6, "lua: site { primary_hostnam = 'x' }", "wrong.smtp:4: "),
    ):
        path = file("wrong.smtp", f"-- wrong\nrules: {rules}\n-- here\n{wrong}\nhelo: there.example\nC: QUIT\nS: 221\n")
        code, out, err = perigee("test", path)
        same(code, 1)
        holds(out, f"(" + path + f":{at})")
        holds(out, said)


def coverage():
    where = os.path.join(here.name, "cov")
    code, out, err = perigee("test", "--coverage", where, good)
    same(code, 0)
    holds(out, "10.lua")
    with open(os.path.join(where, "coverage.txt")) as f:
        text = f.read()
    holds(text, "10.lua:5: never run")
    holds(text, "10.lua:11: deny never answered")
    same("10.lua:12" in text, False)
    with open(os.path.join(where, "lcov.info")) as f:
        lcov = f.read()
    holds(lcov, "SF:" + rules + "\n")
    for line in ("DA:5,0", "DA:10,2", "DA:11,1", "BRDA:10,1,0,1", "BRDA:10,1,1,1", "BRDA:11,2,0,0", "BRDA:11,2,1,1",
                 "BRDA:12,3,0,1", "end_of_record"):
        holds(lcov, "\n" + line + "\n")
    same(re.search(r"^DA:4,[1-9]", lcov, re.M) is not None, True)
    found, hit = [int(l[3:]) for l in lcov.split("\n") if l.startswith(("LF:", "LH:"))]
    same((found, hit), (len([l for l in lcov.split("\n") if l.startswith("DA:")]),
                        len([l for l in lcov.split("\n") if l.startswith("DA:") and not l.endswith(",0")])))
    page = open(os.path.join(where, "file1.html")).read()
    holds(page, 'class="miss"><td class="n">5</td><td>0</td>')
    holds(page, "deny 1/2 ")
    xml.dom.minidom.parseString(page.replace("<!DOCTYPE html>", "").replace('<meta charset="utf-8">', ""))
    holds(open(os.path.join(where, "index.html")).read(), "file1.html")


def status():
    os.mkdir(os.path.join(here.name, "none"))
    same(perigee("test", os.path.join(here.name, "none"))[0], 1)
    same(perigee("test", good)[:2], (0, "1 passed, 0 failed\n"))
    same(perigee("test", os.path.join(here.name, "nothing"))[0], 66)
    same(perigee("test", "--filter", "passes", spec, good)[:2], (0, "1 passed, 0 failed\n"))
    same(perigee("test", "--filter", "a good", spec, good, bad)[:2], (0, "1 passed, 0 failed\n"))
    same(perigee("test", "--filter", "pas.es", spec)[0], 1)
    same(perigee("test", "--junit", "/nonexistent/x.xml", good)[0], 73)


def check():
    r = os.path.dirname(rules)
    same(perigee("check", "--rules", r), (0, "acl mail: ends with accept by default\nacl rcpt: ends with accept\n", ""))
    file("w/10.lua", RULES + "total = 1\n")
    code, out, err = perigee("check", "--rules", os.path.join(here.name, "w"))
    same(code, 0)
    holds(out, '10.lua:14: warning: "total" is a global')
    file("e/10.lua", "site { listen = { '0.0.0.0:25' } }\nacl.rcpt { accept {} }\n"
         "router.dns { driver = 'dnslookup', transport = 'out' }\ntransport.out { driver = 'smtp' }\n")
    code, out, err = perigee("check", "--json", "--rules", os.path.join(here.name, "e"))
    same(code, 1)
    first = json.loads(out.split("\n")[0])
    same((first["file"], first["line"], first["warning"]), ("10.lua", 2, False))
    holds(first["text"], "this relays for everyone")
    holds(first["text"], "C: RCPT TO:<someone@far-away.example>\n    S: 250")
    code, out, err = perigee("check", "--rules", os.path.join(here.name, "none-such"))
    same(code, 1)
    holds(out, "none-such")


case("TAP is complete: version, numbers, what failed and where, skipped cases, the plan", tap)
case("JUnit is well formed whatever a title or a message holds, with counts, suites, times and lines", junit)
case("a conversation that went otherwise shows a diff with context", difference)
case("what is wrong in a transcript is said with its line, and the nearest right word", mistakes)
case("coverage names lines never run and verdicts never given, as text, lcov and HTML", coverage)
case("the exit status says passed, failed, none, or what could not be read or written", status)
case("check: 0 with warnings, 1 with errors, text and JSON, a relay for everyone with its conversation", check)
done()
