#!/usr/bin/env python3
# Signatures and seals in the eyes of others: dkimpy, Mail::DKIM and opendkim verify what we sign, and we what they sign.
import base64, json, os, re, socketserver, subprocess, sys, tempfile, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

DEBIAN_PYTHON = "/usr/bin/python3"      # where python3-dkim is

MESSAGES = {
    "plain": b"From: ann@a.test\r\nTo: bob@there.example\r\nSubject: plain\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700\r\n\r\nbody\r\n",
    "blanks": b"From: ann@a.test\r\nTo: bob@there.example  \r\nSubject:   folded\r\n\t line  \r\n\r\na  b \t c  \r\n \r\n\t\r\n\r\n",
    "empty": b"From: ann@a.test\r\nSubject: empty\r\n\r\n",
    "long": b"From: ann@a.test\r\nSubject: long\r\n\r\n" + b"x" * 998 + b"\r\n.\r\n..dots\r\n" + "ü".encode() * 40 + b"\r\n",
    "big": b"From: ann@a.test\r\nSubject: big\r\n\r\n" + b"0123456789 abcdef\r\n" * 20000,
}

VERIFY = """
import sys, json, dkim
records = json.load(open(sys.argv[1]))
def txt(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    text = records.get(name.rstrip("."))
    return text.encode() if text else None
message = sys.stdin.buffer.read()
out = []
if sys.argv[2] == "arc":
    cv, sets, reason = dkim.ARC(message).verify(dnsfunc=txt)
    out = [cv.decode() if cv else "none", len(sets), reason]
else:
    d = dkim.DKIM(message)
    for i in range(message[:message.index(b"\\r\\n\\r\\n")].count(b"DKIM-Signature:")):
        try:
            out.append(bool(d.verify(idx=i, dnsfunc=txt)))
        except dkim.DKIMException as e:
            out.append(str(e))
print(json.dumps(out))
"""

SIGN = """
import sys, dkim
key = open(sys.argv[1], "rb").read()
algorithm, head, body = (a.encode() for a in sys.argv[2:5])
if algorithm.startswith(b"ed"):
    import base64, subprocess
    der = subprocess.run(["openssl", "pkey", "-in", sys.argv[1], "-outform", "DER"], capture_output=True).stdout
    key = base64.b64encode(der[-32:])
message = sys.stdin.buffer.read()
selector = b"ed" if algorithm.startswith(b"ed") else b"s1"
sys.stdout.buffer.write(dkim.sign(message, selector, b"a.test", key, canonicalize=(head, body), signature_algorithm=algorithm) + message)
"""

SEAL = """
import sys, dkim
message = sys.stdin.buffer.read()
fields = dkim.arc_sign(message, b"s1", b"arc.test", open(sys.argv[1], "rb").read(), sys.argv[2].encode())
sys.stdout.buffer.write(b"".join(fields) + message)
"""

PERL = r"""
use strict; use Mail::DKIM::Verifier; use Mail::DKIM::DNS; use JSON::PP;
open my $f, "<", $ARGV[0] or die; local $/; my $records = decode_json(<$f>);
{ no warnings 'redefine'; package Mail::DKIM::DNS;
  sub query_async { my ($name, $type, %c) = @_; my $text = $records->{$name}; $c{Callbacks} //= {};
    my @r = defined $text ? (bless { text => $text }, "Fake") : ();
    return sub { $c{Callbacks}->{Success} ? $c{Callbacks}->{Success}->(@r) : @r } } }
{ package Fake; sub type { "TXT" } sub txtdata { $_[0]->{text} } sub char_str_list { $_[0]->{text} } }
$/ = "\n"; my $d = Mail::DKIM::Verifier->new();
while (<STDIN>) { s/\r?\n$//; $d->PRINT("$_\r\n") } $d->CLOSE;
print join(" ", map { $_->result } $d->signatures), "\n";
"""


class Recorder(socketserver.ThreadingTCPServer):
    """A server that keeps every message as it came, dots taken out."""
    allow_reuse_address, daemon_threads = True, True

    def __init__(self):
        self.messages = []
        super().__init__(("127.0.0.1", 0), RecorderHandler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class RecorderHandler(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        self.say("220 recorder.example ESMTP")
        while line := self.rfile.readline():
            word = line.split()[0].lower() if line.strip() else b""
            if word == b"ehlo":
                self.say("250-recorder.example\r\n250-8BITMIME\r\n250 SIZE 100000000")
            elif word == b"data":
                self.say("354 go on")
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line[1:] if line.startswith(b".") else line)
                self.server.messages.append(b"".join(lines))
                self.say("250 2.0.0 taken")
            elif word == b"quit":
                self.say("221 2.0.0 bye")
                return
            else:
                self.say("250 2.0.0 ok")


def record(out):
    return "".join(re.findall(r'"([^"]*)"', out))


class Keys:
    """Made by perigee dkim-keygen; their records as JSON for others and as a zone for us."""

    def __init__(self, d):
        self.dir, self.records = d, {}
        for name, kind in (("rsa", "rsa"), ("ed", "ed25519")):
            selector = "s1" if name == "rsa" else "ed"
            r = subprocess.run([PERIGEE, "dkim-keygen", "--type", kind, selector, "a.test", f"{d}/{name}.pem"], capture_output=True, text=True)
            same(r.returncode, 0)
            for domain in ("a.test", "b.test", "arc.test", "mx.example.org"):
                self.records[f"{selector}._domainkey.{domain}"] = record(r.stdout)
        with open(d + "/records.json", "w") as f:
            json.dump(self.records, f)
        with open(d + "/zone", "w") as f:
            for name, text in self.records.items():
                f.write(f"{name}. TXT " + " ".join(f'"{text[i:i + 255]}"' for i in range(0, len(text), 255)) + "\n")

    def python(self, script, *args, message):
        r = subprocess.run([DEBIAN_PYTHON, "-c", script, *args], input=message, capture_output=True, timeout=120)
        if r.returncode:
            raise AssertionError(r.stderr.decode())
        return r.stdout

    def dkimpy(self, message, what="dkim"):
        return json.loads(self.python(VERIFY, self.dir + "/records.json", what, message=message))

    def perl(self, message):
        r = subprocess.run(["perl", "-e", PERL, self.dir + "/records.json"], input=message, capture_output=True, timeout=120)
        if r.returncode:
            raise AssertionError(r.stderr.decode())
        return r.stdout.decode().split()

    def ours(self, message):
        r = subprocess.run([PERIGEE, "auth", "--json", "--dns", self.dir + "/zone", "--rules", self.dir + "/rules"], input=message, capture_output=True, timeout=120)
        if r.returncode:
            raise AssertionError(r.stderr.decode())
        return json.loads(r.stdout)


def with_keys(body):
    def run():
        with tempfile.TemporaryDirectory() as d:
            os.mkdir(d + "/rules")
            body(Keys(d))
    return run


def engine(k, options, recorder, extra=""):
    site = SITE.replace('transport.remote  {{ driver = "smtp",', 'transport.remote  {{ driver = "smtp", ' + options + ",")
    return Engine(site=site, extra=extra, sink=recorder.port, workers=1)


def sent(k, options, messages, extra=""):
    """What the recorder got of these messages through an engine with these options of its transport."""
    recorder = Recorder()
    try:
        with engine(k, options, recorder, extra) as e:
            for m in messages:
                with e.smtp() as s:
                    s.sendmail("ann@a.test", ["bob@there.example"], m, mail_options=["BODY=8BITMIME"])
            if not until(lambda: len(recorder.messages) == len(messages)):
                raise AssertionError(e.log())
        return list(recorder.messages)
    finally:
        recorder.shutdown()
        recorder.server_close()


@with_keys
def signed(k):
    for canon in ("relaxed", "simple"):
        options = (f'dkim_domain = "a.test:b.test", dkim_selector = "s1:ed", dkim_canon = "{canon}", '
                   f'dkim_private_key = function(m) return m.dkim_selector == "ed" and "{k.dir}/ed.pem" or "{k.dir}/rsa.pem" end')
        for message in sent(k, options, MESSAGES.values()):
            same(k.dkimpy(message), [True] * 4)
            same([s["result"] for s in k.ours(message)["dkim"]], ["pass"] * 4)
            same(k.perl(message), ["pass", "invalid"] * 2)      # it has no Ed25519
    # and what was changed on the way is seen by all
    broken = message.replace(b"0123456789", b"012345678x", 1)
    same([s["result"] for s in k.ours(broken)["dkim"]], ["fail"] * 4)
    same(any(r is True for r in k.dkimpy(broken)), False)


@with_keys
def verified(k):
    for name, message in MESSAGES.items():
        for algorithm, key in (("rsa-sha256", "rsa"), ("ed25519-sha256", "ed")):
            for head in ("simple", "relaxed"):
                for body in ("simple", "relaxed"):
                    text = k.python(SIGN, f"{k.dir}/{key}.pem", algorithm, head, body, message=message)
                    same([(s["result"], s["algorithm"]) for s in k.ours(text)["dkim"]], [("pass", algorithm)])


@with_keys
def opendkim(k):
    tool("opendkim-testmsg")
    with open(k.dir + "/rules/00.lua", "w") as f:
        f.write('site { dkim_verify_hashes = "sha1 : sha256" }')       # it signs with sha1, and cannot be told otherwise
    for name, message in MESSAGES.items():
        message = message if b"Date:" in message else b"Date: Fri, 11 Jul 2003 21:00:37 -0700\r\n" + message
        r = subprocess.run(["opendkim-testmsg", "-C", "-d", "a.test", "-s", "s1", "-k", k.dir + "/rsa.pem"],
                           input=message, capture_output=True, timeout=60)
        if r.returncode:
            raise AssertionError(r.stderr.decode())
        same([s["result"] for s in k.ours(r.stdout)["dkim"]], ["pass"])


RESULTS = """
acl.data(function(m)
  verify.arc()
  header.add(authresults(m.primary_hostname), "at_start")
end)
"""


@with_keys
def sealed(k):
    options = f'arc_sign = "mx.example.org : s1 : {k.dir}/rsa.pem : timestamps"'
    first = sent(k, options, [MESSAGES["plain"], MESSAGES["blanks"]], RESULTS)
    for message in first:
        same(k.dkimpy(message, "arc")[0], "pass")
        arc = k.ours(message)["arc"]
        same((arc["state"], arc["instances"], arc["oldest_pass"], arc["domains"]), ("pass", 1, 1, ["mx.example.org"]))
    # the next hop is dkimpy's
    results = b"Authentication-Results: arc.test; arc=pass\r\n"
    for message in first:
        text = k.python(SEAL, k.dir + "/rsa.pem", "arc.test", message=results + message)
        arc = k.ours(text)["arc"]
        same((arc["state"], arc["instances"], arc["domains"]), ("pass", 2, ["mx.example.org", "arc.test"]))
        same(k.dkimpy(text, "arc")[0], "pass")
        same(k.ours(text.replace(b"body", b"bodY").replace(b"a  b", b"a  B"))["arc"]["state"], "fail")


case("DKS-T1 DKS-T7 what we sign passes with dkimpy and Mail::DKIM, RSA and Ed25519, relaxed and simple", signed)
case("what dkimpy signs passes here, whatever the canonicalisation", verified)
case("what opendkim signs passes here", opendkim)
case("ARC-T2 our seals hold for dkimpy, and its seals over ours for us", sealed)
done()
