#!/usr/bin/env python3
# The command line beside a running engine, and beside a stopped one.
import json, os, re, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

e = Engine().start()


def status():
    code, out, err = e.run("status", "--json")
    same(code, 0)
    numbers = json.loads(out)
    holds(json.dumps(numbers), "messages_received")
    same(e.run("status")[0], 0)


def send():
    code, out, err = e.run("send", "-f", "me@there.example", "cli@example.org", input="Subject: by-send\n\ntext\n")
    same((code, err), (0, ""))
    same(until(lambda: "by-send" in e.subjects()) is not None, True)


def sendmail():
    link = os.path.join(e.dir, "sendmail")
    os.symlink(PERIGEE, link)
    r = subprocess.run([link, "-oi", "-t", "-f", "<>"], input="To: t@example.org\nSubject: by-sendmail\n\n.\ntext\n",
                       text=True, capture_output=True, timeout=60, env=dict(os.environ, PERIGEE_SPOOL=e.spool))
    same((r.returncode, r.stderr), (0, ""))
    same(until(lambda: "by-sendmail" in e.subjects()) is not None, True)
    holds(e.mails("t")[0], "text")


def full_name():
    text = "To: named@example.org, left-out@example.org\nSubject: by-name\n\ntext\n"
    r = subprocess.run([PERIGEE, "send", "-t", "-F", 'Ann "the" O\\x', "Left-Out@example.org"], input=text, text=True, capture_output=True,
                       timeout=60, env=dict(os.environ, PERIGEE_SPOOL=e.spool))
    same((r.returncode, r.stderr), (0, ""))
    same(until(lambda: "by-name" in e.subjects()) is not None, True)
    same(re.search(r'^From: (".*") <\S+@\S+>', e.mails("named")[0], re.M).group(1), '"Ann \\"the\\" O\\\\x"')
    same(e.mails("left-out"), [])


def smtp_pipe():
    talk = "EHLO here.example\r\nMAIL FROM:<a@here.example>\r\nRCPT TO:<pipe@example.org>\r\nDATA\r\n"
    r = subprocess.run([PERIGEE, "smtp"], input=talk.replace("DATA\r\n", "DATA\r\nSubject: by-pipe\r\n\r\nx\r\n.\r\nQUIT\r\n"), text=True, capture_output=True,
                       timeout=60, env=dict(os.environ, PERIGEE_SPOOL=e.spool, PERIGEE_RULES=e.rules))
    holds(r.stdout, "221")
    same(until(lambda: "by-pipe" in e.subjects()) is not None, True)


def reload_changes():
    e.rule("40-no.lua", 'acl.mail { deny { senders = "no@there.example", message = "550 5.7.1 not today" } }')
    same(e.run("reload")[0], 0)
    with e.smtp() as s:
        s.ehlo()
        same(s.mail("no@there.example")[0], 550)


def reload_refused():
    e.rule("41-broken.lua", "acl.mail {{{ this is no Lua")
    code, out, err = e.run("reload")
    same(code, 1)
    holds(out + err, "41-broken.lua:1")
    os.unlink(os.path.join(e.rules, "41-broken.lua"))
    with e.smtp() as s:
        s.ehlo()
        same(s.mail("no@there.example")[0], 550)
    e.rule("40-no.lua", "")
    same(e.run("reload")[0], 0)


def queue_walk():
    same(e.run("hold")[0], 0)
    e.send("q1@example.org", "q2@example.org", subject="queued", sender="q@there.example")
    e.send("other@example.org", subject="other", sender="x@there.example")
    same(until(lambda: e.count() == 2), True)
    code, out, err = e.run("queue", "list")
    holds(out, "<q@there.example>")
    holds(out, "          q2@example.org")
    rows = [json.loads(l) for l in e.run("queue", "list", "--json")[1].splitlines()]
    same(len(rows), 2)
    first = next(r for r in rows if r["sender"] == "q@there.example")
    same(sorted(first["recipients"]), ["q1@example.org", "q2@example.org"])
    for filter, n in (("--sender=q@*", 1), ("--recipient=q2@example.org", 1), ("--domain=example.org", 2), ("--domain=x.example", 0),
                      ("--older=1h", 0), ("--frozen", 0)):
        same((filter, e.run("queue", "count", filter)[1].strip()), (filter, str(n)))
    id = first["id"]
    code, out, err = e.run("queue", "show", id)
    holds(out, "recipient: q1@example.org pending")
    holds(out, "Subject: queued")
    same(e.run("queue", "freeze", id)[0], 0)
    # what is read from outside is the index, a moment behind the log
    same(until(lambda: e.run("queue", "count", "--frozen")[1].strip() == "1"), True)
    same(e.run("queue", "thaw", id)[0], 0)
    same(until(lambda: e.run("queue", "count", "--frozen")[1].strip() == "0"), True)
    other = next(r for r in rows if r["sender"] == "x@there.example")["id"]
    same(e.run("queue", "remove", other)[0], 0)
    same(until(lambda: e.count() == 1), True)
    same(e.run("queue", "remove", other)[0], 1)
    same(e.run("release")[0], 0)
    same(until(lambda: e.count() == 0), True)
    same("queued" in e.subjects() and "other" not in e.subjects(), True)


def second_engine():
    r = subprocess.run([PERIGEE, "serve", "--foreground", "--rules", e.rules, "--spool", e.spool, "--allow-root"],
                       capture_output=True, text=True, timeout=30)
    same(r.returncode != 0, True)
    holds(r.stderr + r.stdout, e.spool)
    same(e.run("status")[0], 0)


def stopped():
    same(e.run("hold")[0], 0)
    e.send("later@example.org", subject="kept", sender="q@there.example")
    same(until(lambda: e.count() == 1), True)
    same(e.run("stop", "--drain", "5")[0], 0)
    same(until(lambda: e.process.poll() is not None), True)
    same(e.process.returncode, 0)
    same(e.count(), 1)
    id = json.loads(e.run("queue", "list", "--json")[1])["id"]
    holds(e.run("queue", "show", id)[1], "later@example.org")
    same(e.run("send", "x@example.org", input="x\n")[0], 75)
    same(e.run("reload")[0] >= 64, True)
    same(e.run("queue", "freeze", id)[0], 0)
    same(e.run("queue", "count", "--frozen")[1].strip(), "1")
    same(e.run("queue", "remove", id)[0], 0)
    same(e.count(), 0)


def usage():
    for args, status in ((["nonsense"], 64), (["queue"], 64), (["queue", "list", "--nope"], 64), (["route"], 64),
                         (["serve", "--workers", "x"], 64), (["help", "serve"], 0), (["--help"], 0), (["version", "--json"], 0)):
        r = subprocess.run([PERIGEE] + args, capture_output=True, text=True, timeout=30)
        same((args, r.returncode), (args, status))


def missing_rules():
    r = subprocess.run([PERIGEE, "check", "--rules", "/no/such/directory"], capture_output=True, text=True, timeout=30)
    same(r.returncode, 1)
    holds(r.stdout + r.stderr, "/no/such/directory")
    r = subprocess.run([PERIGEE, "serve", "--foreground", "--rules", "/no/such/directory", "--spool", e.spool + "2", "--allow-root"],
                       capture_output=True, text=True, timeout=30)
    same(r.returncode >= 64, True)
    holds(r.stdout + r.stderr, "/no/such/directory")


def hermetic():
    zone = os.path.join(e.dir, "zone")
    with open(zone, "w") as f:
        f.write("there.example. MX 10 mx.there.example.\nmx.there.example. A 192.0.2.1\ndead.example. SERVFAIL\n")
    rules = os.path.join(e.dir, "hermetic")
    os.makedirs(rules, exist_ok=True)
    with open(os.path.join(rules, "00.lua"), "w") as f:
        f.write('site { primary_hostname = "mx.example.org" }\n'
                'domainlist.local_domains = { "example.org" }\n'
                'acl.rcpt { deny { senders = "bad@*", message = "550 5.7.1 bad" }, accept {} }\n'
                'acl.data(function(m) header.add("X-Seen: " .. m.tod_epoch) end)\n'
                'router.here { driver = "accept", domains = "+local_domains", transport = "box" }\n'
                'router.out { driver = "dnslookup", domains = "! +local_domains", transport = "remote" }\n'
                'transport.box { driver = "appendfile", directory = "/nowhere", maildir_format = true }\n'
                'transport.remote { driver = "smtp" }\n')
    world = ["--rules", rules, "--dns", zone, "--now", "2026-03-04T05:06:07Z", "--seed", "7"]

    def twice(*args, input=None):
        a = e.run(*args, *world, input=input)
        same(a, e.run(*args, *world, input=input))
        return a
    code, out, err = twice("route", "b@there.example", "c@example.org")
    same((code, err), (0, ""))
    holds(out, "mx.there.example [192.0.2.1]")
    holds(out, "transport=box")
    same(twice("route", "x@nowhere.example")[0], 1)
    same(twice("route", "x@dead.example")[0], 2)
    same(twice("verify", "b@there.example")[0], 0)
    same(twice("verify", "x@nowhere.example")[:2], (1, "x@nowhere.example failed to verify: Unrouteable address\n"))
    same(twice("verify", "--as", "sender", "--callout", "", "b@there.example")[:2],
         (2, "b@there.example cannot be resolved at this time: Could not complete sender verify callout: "
             "mx.there.example [192.0.2.1] : Connection refused\n"))
    same(json.loads(twice("verify", "--json", "b@there.example")[1]), {"address": "b@there.example", "result": "ok", "text": ""})
    same(twice("verify", "--as", "nobody", "b@there.example")[0], 64)
    walk = json.loads(twice("route", "--json", "c@example.org")[1])
    same((walk["transport"], walk["why"]), ("box", ["c@example.org: here: accept, transport box"]))
    code, out, err = twice("filter", "--sender", "a@there.example", "--rcpt", "b@example.org", "--client", "203.0.113.9",
                           input="Subject: x\n\ntext\n")
    same((code, err), (0, ""))
    holds(out, "verdict: accept")
    holds(out, "X-Seen: 1772600767")
    holds(out, "Wed, 04 Mar 2026 05:06:07")
    code, out, err = twice("filter", "--sender", "bad@there.example", "--rcpt", "b@example.org", input="Subject: x\n\ntext\n")
    same(code, 69)
    holds(out, "550 5.7.1 bad")
    code, out, err = twice("eval", "--json", "--sender", "a@there.example", "1 + 1")
    same((code, err), (0, ""))
    holds(out, "2")
    code, out, err = twice("eval", "--sender", "a@there.example", "m.sender_address_domain")
    same((code, out.strip()), (0, "there.example"))
    code, out, err = twice("smtp", input="EHLO there.example\r\nMAIL FROM:<bad@x.example>\r\nRCPT TO:<b@example.org>\r\nQUIT\r\n")
    same(code, 0)
    holds(out, "550 5.7.1 bad")


case("send -F names the From that is made; with -t an address on the command line is left out", full_name)
case("status prints numbers, for people and for programs", status)
case("send hands a message to the engine", send)
case("under the name sendmail, -t reads the recipients", sendmail)
def sendmail_modes():
    link = os.path.join(e.dir, "sendmail")
    run = lambda *a, input="": subprocess.run([link, *a], input=input, text=True, capture_output=True, timeout=60,
                                              env=dict(os.environ, PERIGEE_SPOOL=e.spool, PERIGEE_RULES=e.rules))
    same(run("-bp").returncode, 0)
    same((run("-bi").returncode, run("-q30m").returncode), (0, 0))
    holds(run("-bv", "x@example.org").stdout, "x@example.org verified")
    r = run("-bs", input="EHLO here.example\r\nQUIT\r\n")
    holds(r.stdout, "250")
    holds(r.stdout, "221")
    same((run("-bd").returncode, run("-t", input="Subject: nobody\n\nx\n").returncode, run().returncode), (64, 69, 64))
    # an address behind an option that describes a client is no recipient
    for o in ("-oMa", "-oMs", "-oX"):
        r = run(o, "192.0.2.1", "x@example.org", input="Subject: no\n\nx\n")
        same(r.returncode, 64)
        holds(r.stderr, "not done under this name")


def others_connections():
    """-MC and its kin: what a process of Exim's hands to the next, an open connection on standard input."""
    link = os.path.join(e.dir, "sendmail")
    for words in (["-MCt", "127.0.0.1", "25", "TLS_AES_256_GCM_SHA384"], ["-MC", "remote", "mx.example", "127.0.0.1", "1", "x"], ["-MCT"]):
        r = subprocess.run([link, *words, "b@example.org"], input="Subject: not-mine\n\ntext\n", text=True, capture_output=True,
                           timeout=60, env=dict(os.environ, PERIGEE_SPOOL=e.spool, PERIGEE_RULES=e.rules))
        same((words[0], r.returncode, r.stdout), (words[0], 64, ""))
        holds(r.stderr, f"{words[0]} is not done under this name: it is how Exim's processes call each other")
    for o, text in (("-Mrm", "perigee --help lists the verbs"), ("-tls-on-connect", "perigee serve --tls-on-connect")):
        r = subprocess.run([link, o], input="", text=True, capture_output=True, timeout=60, env=dict(os.environ, PERIGEE_SPOOL=e.spool))
        same((o, r.returncode), (o, 64))
        holds(r.stderr, text)
    same("not-mine" in e.subjects(), False)


def sendmail_ignored():
    link = os.path.join(e.dir, "sendmail")
    r = subprocess.run([link, "-ti", "-m", "-x", "-ex", "-odq"], input="To: t@example.org\nSubject: by-habit\n\nabove\n.\nbelow\n",
                       text=True, capture_output=True, timeout=60, env=dict(os.environ, PERIGEE_SPOOL=e.spool))
    same((r.returncode, r.stderr), (0, ""))
    same(until(lambda: any("by-habit" in m and "below" in m for m in e.mails("t"))), True)


def config_hides():
    rules = os.path.join(e.dir, "hides")
    os.mkdir(rules)
    with open(os.path.join(rules, "00.lua"), "w") as f:
        f.write('site { srs_secrets = { "hunter2" }, srs_hashlength = 5 }\n')
    for args in ((), ("--json",), ("srs_secrets",)):
        code, out, err = e.run("config", *args, "--rules", rules)
        same((code, err, "hunter2" in out, "<value not displayable>" in out), (0, "", False, True))
    same(e.run("config", "srs_hashlength", "--rules", rules)[1], "5\n")


case("sendmail's habits: -ti reads to the end, options without a meaning here are taken", sendmail_ignored)
case("TPRX-T5 -MCt and its kin are refused to everybody: connections are passed on inside the engine, never to this program", others_connections)
case("sendmail's other modes: -bp, -bs, -bi, -bv, -q", sendmail_modes)
case("smtp on standard input stores its message in the engine", smtp_pipe)
case("a reload changes the answer to the next session", reload_changes)
case("a broken rule set is refused with its place, and the old one stays", reload_refused)
case("the queue is listed, filtered, shown, frozen, thawed, removed, held and released", queue_walk)
case("a second engine on one spool refuses to start", second_engine)
case("a stopped spool is listed and changed; send says 75", stopped)
case("a wrong command line is answered with 64", usage)
case("a missing rule directory is named", missing_rules)
case("config shows no secrets", config_hides)
case("a hermetic command prints the same bytes every time", hermetic)
e.close()
done()
