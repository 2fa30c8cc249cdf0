#!/usr/bin/env python3
# Why did it say that? Ids in the log, what explain tells of them, what eval, filter and smtp tell at once, and top.
import json, os, re, smtplib, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

RULES = """
site {{ log_json = true }}
acl.mail {{
  defer {{ senders = "wait@there.example", message = "451 4.7.1 not yet" }},
}}
acl.not_smtp {{
  deny {{ condition = function(m) return m.header.subject == "refuse" end, message = "no such news" }},
  discard {{ condition = function(m) return m.header.subject == "drop" end }},
}}
acl.sub.known {{
  accept {{ local_parts = {{ "b", "c" }} }},
}}
acl.rcpt {{
  deny {{ domains = "! +local_domains", message = "550 5.7.1 relay not permitted" }},
  discard {{ local_parts = "nobody" }},
  accept {{ control = "explain", local_parts = "c" }},
  function(m)
    if m.local_part == "slow" then while true do end end
    if m.local_part == "wrong" then local t = m.acl_m_nothing return t.at_all end
  end,
  deny {{ not_acl = "known", message = "550 5.1.1 no such mailbox" }},
  accept {{}},
}}
"""
SITE_OPEN = SITE.replace('acl.rcpt {{\n  accept {{ hosts = "127.0.0.1" }},\n}}\n', "")
e = Engine(site=SITE_OPEN, extra=RULES)
e.rule("00-first.lua", """
router.gone(function(m)
  if m.domain ~= "gone.example" then return end
  if m.local_part == "wait" then return defer("not now") end
  if m.local_part == "sink" then return discard() end
  return fail("gone away")
end)
router.other { driver = "accept", domains = "other.example", transport = "mailbox" }
router.never { driver = "redirect", domains = "gone2.example", data = ":fail: nobody", allow_fail = true }
""")
e.start()


def said(rcpt, sender="a@there.example"):
    with e.smtp() as s:
        s.ehlo()
        code, text = s.mail(sender)
        return (code, text) if code != 250 else s.rcpt(rcpt)


def ids(pattern, name="mainlog"):
    return re.findall(pattern + r".* E=([0-9a-z]+-\d+)$", e.log(name), re.M)


def explained(pattern, before=0):
    """The text of the latest such line's id, once there are more than before: log and ring are written a moment later."""
    until(lambda: len(ids(pattern)) > before)
    id = ids(pattern)[-1]
    until(lambda: e.run("explain", id)[0] == 0)
    return id, e.run("explain", id)


def a_refusal():
    same(said("x@elsewhere.example")[0], 550)
    id, (status, out, err) = explained("rejected RCPT <x@elsewhere")
    same((status, err), (0, ""))
    for what in (id, "rcpt: deny", "550 5.7.1 relay not permitted", "client     127.0.0.1", "recipient  x@elsewhere.example",
                 "50-extra.lua:14  deny", "domains = ", 'domain = "elsewhere.example"', " ms"):
        holds(out, what)
    e.logs("E=" + id, "rejectlog")
    same(e.run("explain", "E=" + id)[1], out)


def an_inner_acl():
    same(said("x@example.org")[0], 550)
    out = explained("rejected RCPT <x@example.org")[1][1]
    holds(out, "50-extra.lua:11  accept")
    holds(out, 'not_acl = "known"')
    same(out.index("50-extra.lua:11") > out.index('not_acl = "known"'), True)


def a_deferral():
    same(said("b@example.org", "wait@there.example")[0], 451)
    holds(explained("temporarily rejected MAIL")[1][1], "mail: defer")


def a_discard():
    same(said("nobody@example.org")[0], 250)
    holds(explained("RCPT <nobody@example.org>: discarded")[1][1], "rcpt: discard")


def an_error():
    same(said("wrong@example.org")[0], 451)
    out = explained("rejected RCPT <wrong@")[1][1]
    holds(out, "error      50-extra.lua:19: ")


def accepted_by_control():
    same(said("c@example.org")[0], 250)
    holds(explained("accepted by the rcpt ACL <c@example.org>")[1][1], "rcpt: accept")
    same(said("b@example.org")[0], 250)
    same("<b@example.org> E=" in e.log(), False)


def by_programs():
    e.run("send", "-f", "a@there.example", "b@example.org", input="Subject: refuse\n\nx\n")
    out = explained("rejected by non-SMTP ACL: no such news")[1][1]
    holds(out, "not_smtp: deny")
    same(e.run("send", "b@example.org", input="Subject: drop\n\nx\n")[0], 0)
    holds(explained("discarded by non-SMTP ACL")[1][1], "not_smtp: discard")


def by_routers():
    e.rule("40-relay.lua", 'acl.rcpt { accept { domains = "gone.example : gone2.example" } }')
    same(e.run("reload")[0], 0)
    for to, line, verdict in (("x@gone.example", r"\*\* x@gone.example", "fail"), ("wait@gone.example", r"== wait@gone.example", "defer"),
                              ("sink@gone.example", r"=> :blackhole: <sink@gone.example>", "discard")):
        until(lambda: said(to)[0] == 250)       # both workers have the new rules
        e.send(to)
        out = explained(line)[1][1]
        holds(out, f"route: {verdict}")
        holds(out, f"recipient  {to}")
        holds(out, "00-first.lua:2  router gone")
        holds(out, 'domain = "gone.example"')
    e.send("y@gone2.example")
    out = explained(r"\*\* y@gone2.example")[1][1]
    holds(out, 'passed over("00-first.lua:8") = "domains does not hold for')


def as_json():
    id = ids("rejected RCPT <x@elsewhere")[-1]
    status, out, _ = e.run("explain", "--json", id)
    same(status, 0)
    o = json.loads(out)
    same((o["id"], o["phase"], o["verdict"], o["recipient"]), (id, "rcpt", "deny", "x@elsewhere.example"))
    node = o["tree"][-1]
    same((node["what"], node["result"]), ("deny", "taken"))
    same([r["name"] for r in node["tried"][0]["reads"]], ["domain"])
    same(any(json.loads(l).get("explain") == id for l in e.log("jsonlog").splitlines()), True)


def what_is_not_there():
    same(e.run("explain", "nonsense")[0], 64)
    status, _, err = e.run("explain", "zzz-0")
    same(status, 1)
    holds(err, "nothing is kept about zzz-0")
    same(e.run("explain", "1-47")[0], 1)


def over_restarts():
    id = ids("rejected RCPT <x@elsewhere")[-1]
    e.stop()
    same(e.run("explain", id)[0], 0)            # no engine need run
    e.start()
    same(e.run("explain", id)[0], 0)
    before = len(ids("rejected RCPT <x@elsewhere"))
    same(said("x@elsewhere.example")[0], 550)
    again = explained("rejected RCPT <x@elsewhere", before)[0]
    same(again != id, True)


def damage():
    before = len(ids("rejected RCPT <x@elsewhere"))
    said("x@elsewhere.example")
    id = explained("rejected RCPT <x@elsewhere", before)[0]
    e.kill()
    for name in os.listdir(os.path.join(e.spool, "explain")):
        path = os.path.join(e.spool, "explain", name)
        with open(path, "r+b") as f:
            f.write(b"\0" * 64)
        if name != id.split("-")[1]:
            os.truncate(path, 100)
    same(e.run("explain", id)[0], 0)
    e.start()
    before = len(ids("rejected RCPT <x@elsewhere"))
    said("x@elsewhere.example")
    same(explained("rejected RCPT <x@elsewhere", before)[0] != id, True)


def overruns():
    same(said("slow@example.org")[0], 451)
    same(until(lambda: e.status().get("counters", {}).get("rule_overruns")), 1)
    e.logs("the rules ran longer than 1 s", "paniclog")
    out = explained("rejected RCPT <slow@")[1][1]
    holds(out, "the rules ran longer than 1 s")
    rows = [json.loads(l) for l in e.run("top", "--json")[1].splitlines()]
    row = next(r for r in rows if r["what"] == "function" and r["overruns"])
    same((row["where"], row["overruns"], row["errors"]), ("50-extra.lua:17", 1, 1))
    same(row["max_us"] >= 500000, True)
    same(rows[0], row)


def top():
    status, out, err = e.run("top")
    same((status, err), (0, ""))
    holds(out.splitlines()[0], "total ms")
    before = {r["where"]: r["count"] for r in map(json.loads, e.run("top", "--json")[1].splitlines())}
    for _ in range(20):                         # of whichever worker
        same(said("x@example.org")[0], 550)
    after = {r["where"]: r["count"] for r in map(json.loads, e.run("top", "--json")[1].splitlines())}
    same(after["50-extra.lua:14"] - before.get("50-extra.lua:14", 0), 20)
    watch = subprocess.Popen([PERIGEE, "top", "--watch", "--spool", e.spool, "--rules", e.rules], stdout=subprocess.PIPE, text=True)
    try:
        heads = 0
        while heads < 2:                        # it comes again by itself
            heads += "total ms" in watch.stdout.readline()
    finally:
        watch.kill()
        watch.wait()


def nothing_kept():
    e.rule("60-off.lua", "site { explain_ring = 0 }")
    same(e.run("reload")[0], 0)
    until(lambda: said("off@elsewhere.example") and "<off@elsewhere.example>" in e.log())
    line = [l for l in e.log().splitlines() if "<off@elsewhere.example>" in l][-1]
    same(" E=" in line, False)
    same(e.run("status")[0], 0)


def of_verbs():
    args = ["--dry-run", "--client", "203.0.113.9", "--sender", "a@there.example", "--rcpt", "x@elsewhere.example"]
    status, out, _ = e.run("filter", "--explain", *args, input="Subject: x\n\nx\n")
    same(status, 69)
    holds(out, "rcpt: deny")
    holds(out, 'domain = "elsewhere.example"')
    o = json.loads(e.run("filter", "--json", "--explain", *args, input="Subject: x\n\nx\n")[1])
    same([t["phase"] for t in o["explain"]][-1], "rcpt")
    same(" E=" in e.run("filter", *args, input="Subject: x\n\nx\n")[1], False)
    status, out, err = e.run("smtp", "--explain", "--dry-run", "--client", "203.0.113.9",
                             input="EHLO x\r\nMAIL FROM:<a@there.example>\r\nRCPT TO:<x@elsewhere.example>\r\nQUIT\r\n")
    holds(out, "550 5.7.1 relay")
    holds(err, "rcpt: deny")
    same("rcpt: deny" in out, False)
    status, out, _ = e.run("eval", "--explain", "--rcpt", "b@example.org", 'm.domain, check.domains("+local_domains")')
    same(status, 0)
    same(out.splitlines()[:2], ["example.org", "true"])
    holds(out, 'domain = "example.org"')
    holds(out, 'check.domains("+local_domains") = true')
    value, tree = e.run("eval", "--json", "--explain", "--rcpt", "b@example.org", "m.domain")[1].splitlines()
    same(json.loads(value), ["example.org"])
    same(json.loads(tree)["verdict"], "value")
    status, out, _ = e.run("eval", "--explain", "--rcpt", "b@example.org", "m.domain .. nil")
    same(status, 65)
    holds(out, 'domain = "example.org"')


def of_the_guide():
    """Every command of the page does what it says, on this engine."""
    with open(os.path.join(ROOT, "docs", "guide", "explain.md")) as f:
        lines = [l.strip() for l in f if l.startswith("    perigee ")]
    same(len(lines), 7)
    for line in lines:
        if "--watch" in line:
            continue
        line = line.replace("ID", ids("rejected RCPT <x@elsewhere")[-1])
        r = subprocess.run(["bash", "-c", line.replace("perigee", PERIGEE, 1)], input="Subject: x\n\nx\n", capture_output=True, text=True,
                           timeout=60, env=dict(os.environ, PERIGEE_SPOOL=e.spool, PERIGEE_RULES=e.rules))
        same((line, r.returncode in (0, 69), "unknown" in r.stderr), (line, True, False))


case("a refusal has an id in its log lines, and explain tells what was tried and read", a_refusal)
case("what an ACL that was called tried stands under the condition that called it", an_inner_acl)
case("a deferral has one", a_deferral)
case("a discard has one", a_discard)
case("an error has one, and its line", an_error)
case("what is accepted has one where control.explain asked for it, and none elsewhere", accepted_by_control)
case("an address that a router fails, defers or discards has one in its log line", by_routers)
case("what a local program hands in has one, refused or discarded", by_programs)
case("explain --json is one object, and the JSON log has its id", as_json)
case("what is no id, and what is not kept, is said", what_is_not_there)
case("what was kept survives a restart, and ids go on", over_restarts)
case("a ring that was damaged loses what was damaged", damage)
case("eval, filter and smtp tell the same at once with --explain", of_verbs)
case("top shows what rules cost, all workers together, and again by itself", top)
case("what overruns its budget is counted in status and top, and named", overruns)
case("the guide's commands do what it says", of_the_guide)
case("explain_ring = 0: no ids, nothing kept", nothing_kept)
e.close()
done()
