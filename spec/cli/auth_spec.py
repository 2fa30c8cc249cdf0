#!/usr/bin/env python3
# perigee auth: every member is there whatever the message is, the same bytes each time, and the exit statuses.
import json, os, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

FACTS = os.path.join(ROOT, "..", "shared", "reference", "auth-json.md")
MEMBERS = {
    "iprev": {"result", "name"}, "spf": {"result", "identity", "domain", "explanation", "comment", "header"},
    "dmarc": {"status", "policy", "published_policy", "domain", "subdomain_policy_used", "text"},
    "arc": {"state", "reason", "instances", "oldest_pass", "domains"},
}
SIGNATURE = {"result", "domain", "selector", "identity", "algorithm", "key_bits", "reason"}
ZONE = """
there.example. TXT "v=spf1 ip4:192.0.2.9 -all"
9.2.0.192.in-addr.arpa. PTR Mail.There.Example.
mail.there.example. A 192.0.2.9
8.2.0.192.in-addr.arpa. PTR other.example.
7.2.0.192.in-addr.arpa. SERVFAIL
s._domainkey.there.example. TIMEOUT
"""


def auth(*args, message=b"", want=0, rules="site {}"):
    with tempfile.TemporaryDirectory() as d:
        os.mkdir(d + "/rules")
        for name, text in (("rules/00.lua", rules), ("zone", ZONE)):
            with open(f"{d}/{name}", "w") as f:
                f.write(text)
        r = subprocess.run([PERIGEE, "auth", "--rules", d + "/rules", "--dns", d + "/zone", "--now", "2026-03-04T05:06:07Z", *args],
                           input=message, capture_output=True, timeout=120)
        same(r.returncode, want)
        return r.stdout, r.stderr.decode()


def members():
    sig = b"DKIM-Signature: v=1; a=rsa-sha256; d=there.example; s=s; h=from; bh=AAAA; b=AAAA\r\n"
    for message in (b"", b"\n", b"no header at all", b"From: a@there.example\n\nbody", b"From: a@b\nFrom: c@d\n\n\0\xff", sig + b"From: x\r\n\r\n", os.urandom(5000)):
        for args in ([], ["--client", "192.0.2.9", "--helo", "[bad", "--sender", "not an address"]):
            out, _ = auth("--json", *args, message=message)
            same(out.count(b"\n"), 1)
            got = json.loads(out)
            for name, inner in MEMBERS.items():
                same(inner - set(got[name]), set())
            for s in got["dkim"]:
                same(SIGNATURE - set(s), set())
            same(got["authentication_results"].startswith("Authentication-Results: "), True)
            same(auth("--json", *args, message=message)[0], out)


def values():
    def one(*args, message=b"From: a@there.example\n\nbody\n"):
        return json.loads(auth("--json", *args, message=message)[0])
    same(one()["iprev"], {"result": "none", "name": ""})
    same(one("--client", "192.0.2.9")["iprev"], {"result": "pass", "name": "mail.there.example"})
    same(one("--client", "[::ffff:192.0.2.9]:25")["iprev"]["result"] in ("pass", "permerror"), True)
    same(one("--client", "192.0.2.8")["iprev"], {"result": "fail", "name": ""})
    same(one("--client", "192.0.2.7:25")["iprev"]["result"], "temperror")
    same(one("--client", "192.0.2.6")["iprev"]["result"], "permerror")
    same(one("--client", "192.0.2.9", "--sender", "a@there.example")["spf"]["result"], "pass")
    same(one("--client", "192.0.2.8", "--sender", "a@there.example")["spf"]["result"], "fail")
    got = one(message=b"DKIM-Signature: v=1; a=rsa-sha256; d=there.example; s=s; h=from; bh=AAAA; b=AAAA\nFrom: a@there.example\n\nbody\n")["dkim"][0]
    same((got["result"], got["reason"], got["identity"], got["key_bits"]), ("temperror", "pubkey_unavailable", "@there.example", 0))


def statuses():
    auth("--client", "nowhere", want=64)
    auth("--what", want=64)
    auth("extra", want=64)
    _, err = auth(rules="site { nonsense = 1 }", want=78)
    holds(err, "00.lua:1")
    same(subprocess.run([PERIGEE, "auth", "--dns", "/nowhere/zone"], input=b"", capture_output=True).returncode, 78)
    out, _ = auth("--client", "192.0.2.9", message=b"From: a@there.example\n\n")
    holds(out.decode(), "iprev: pass mail.there.example\n")
    holds(out.decode(), "dkim: none\n")


case("every member is there, in one line, and the same bytes each time", members)
case("names, SPF and signatures of a small world", values)
case("exit statuses, and what a person reads", statuses)
done()
