#!/usr/bin/env python3
# perigee dkim-keygen: a key for its owner alone, the record that publishes it, and never over a file that is there.
import os, re, stat, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *


def keygen(*args):
    r = subprocess.run([PERIGEE, "dkim-keygen", *args], capture_output=True, text=True, timeout=120)
    return r.returncode, r.stdout, r.stderr


def made():
    with tempfile.TemporaryDirectory() as d:
        for kind, args, bits in (("rsa", [], "2048"), ("rsa", ["--bits", "1024"], "1024"), ("ed25519", ["--type", "ed25519"], None)):
            path = f"{d}/{kind}{bits}.pem"
            code, out, err = keygen(*args, "s1", "Example.ORG", path)
            same((code, err), (0, ""))
            same(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            m = re.fullmatch(r's1\._domainkey\.example\.org\. TXT((?: "[^"]{1,255}")+)\n', out)
            same(m is not None, True)
            record = "".join(re.findall(r'"([^"]*)"', m.group(1)))
            same(record.startswith(f"v=DKIM1; k={kind}; p="), True)
            public = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-text", "-noout"], capture_output=True, text=True).stdout
            holds(public, f"({bits} bit" if bits else "ED25519 Public-Key")


def refused():
    with tempfile.TemporaryDirectory() as d:
        same(keygen("s1", "example.org", d + "/k.pem")[0], 0)
        with open(d + "/k.pem") as f:
            before = f.read()
        code, out, err = keygen("s1", "example.org", d + "/k.pem")
        same((code, out), (73, ""))
        holds(err, "k.pem: File exists")
        with open(d + "/k.pem") as f:
            same(f.read(), before)
        for args in (["--type", "dsa", "s1", "example.org"], ["--bits", "512", "s1", "example.org"], ["s 1", "example.org"], ["s1", "exa mple"]):
            same(keygen(*args, d + "/other.pem")[0], 64)
        same(os.path.exists(d + "/other.pem"), False)


def checked():
    with tempfile.TemporaryDirectory() as d:
        key, rules = d + "/k.pem", d + "/rules"
        same(keygen("s1", "example.org", key)[0], 0)
        os.mkdir(rules)
        with open(rules + "/00.lua", "w") as f:
            f.write(f'transport.out {{ driver = "smtp", dkim_domain = "example.org", dkim_selector = "s1",\n  dkim_private_key = "{key}" }}\n')
        for mode, text in ((0o600, None), (0o640, None), (0o644, "must not be open to others"), (0o660, "must not be open to others")):
            os.chmod(key, mode)
            r = subprocess.run([PERIGEE, "check", "--rules", rules], capture_output=True, text=True, timeout=60)
            said = [line for line in (r.stdout + r.stderr).splitlines() if "dkim_private_key" in line]
            same(len(said), 1 if text else 0)
            holds("".join(said), text or "")


case("a key and its record, RSA and Ed25519", made)
case("no file is written over, and names must be names", refused)
case("check says of a key that others could read what signing would", checked)
done()
