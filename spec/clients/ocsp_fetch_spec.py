#!/usr/bin/env python3
# tls_ocsp_fetch: an engine that has no proof gets one and staples it, one that has an old one replaces it, without reload; and a
# responder that says nothing of use changes nothing.
import os, re, shutil, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from ca import CA, DAY, HOUR, Responder
from perigee import *
from tls import Talk, tls_site

dir = tempfile.mkdtemp(prefix="perigee-fetch.")
ca = CA(dir)
responder = Responder({})
responder.__enter__()
mx = ca.leaf("mx.example.org", "mx", ocsp=responder.url)
CHAIN, PROOF = f"{dir}/fullchain.pem", f"{dir}/proofs/mx.ocsp"
os.makedirs(f"{dir}/proofs")
with open(CHAIN, "w") as f:
    f.write(open(mx.cert).read() + open(ca.cert).read())
OPTIONS = f'tls_certificate = "{CHAIN}", tls_privatekey = "{mx.key}", tls_ocsp_file = "{PROOF}", tls_ocsp_fetch = true,'


def stapled(e):
    r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{e.port}", "-starttls", "smtp", "-status", "-CAfile", ca.cert],
                       input="QUIT\n", capture_output=True, text=True, timeout=60)
    return "OCSP Response Status: successful" in r.stdout


def there():
    return open(PROOF, "rb").read() if os.path.exists(PROOF) else b""


def put(body):
    with open(PROOF + ".tmp", "wb") as f:
        f.write(body)
    os.rename(PROOF + ".tmp", PROOF)


def missing():
    new = responder.answers[mx] = ca.answer(mx)
    with Engine(workers=2, site=tls_site(OPTIONS)) as e:
        e.logs("OCSP: a new proof for")
        same(there(), new)
        same(bool(until(lambda: stapled(e))), True)
        time.sleep(3)           # the second worker has looked, too: the first one's proof is there
        same(responder.asked, 1)
        same(e.log("paniclog").count("OCSP"), 0)


def old():
    put(ca.answer(mx, starts=-6 * DAY, ends=DAY))
    new = responder.answers[mx] = ca.answer(mx)
    with Engine(workers=1, site=tls_site(OPTIONS)) as e:
        same(bool(until(lambda: there() == new)), True)
        same(stapled(e), True)


def useless():
    kept = ca.answer(mx, starts=-6 * DAY, ends=DAY)
    put(kept)
    responder.answers[mx] = ca.answer(mx, signer=ca.signer("old-signer", starts=-30 * DAY, ends=-DAY))
    with Engine(workers=1, site=tls_site(OPTIONS)) as e:
        e.logs("OCSP: no new proof for")
        same(there(), kept)
        same(stapled(e), True)
    os.unlink(PROOF)
    with Engine(workers=1, site=tls_site(OPTIONS)) as e:
        e.logs("OCSP: no proof for", "paniclog")
        same(stapled(e), False)
        with Talk(e.port, ca.cert) as t:
            same(t.say("NOOP")[:3], b"250")


def checked():
    for options, want in ((OPTIONS.replace(f'tls_ocsp_file = "{PROOF}",', ""), "tls_ocsp_fetch keeps the files of tls_ocsp_file fresh"),
                          (OPTIONS.replace(f'tls_ocsp_file = "{PROOF}"', 'tls_ocsp_file = { "/a", "/b" }'), "tls_ocsp_file names 2 files and tls_certificate 1")):
        rules = tempfile.mkdtemp(dir=dir)
        with open(rules + "/00.lua", "w") as f:
            f.write("site { " + options + " }")
        r = subprocess.run([PERIGEE, "check", "--rules", rules], capture_output=True, text=True, timeout=60)
        same(r.returncode, 1)
        holds(r.stdout + r.stderr, want)


case("a proof that is not there is got once, whatever the number of workers, and sent", missing)
case("one whose time is half over is replaced without a reload", old)
case("OCSP-T7 an answer of no use leaves the old proof in place and in use, and is told", useless)
case("check says what does not go together", checked)
responder.__exit__()
shutil.rmtree(dir, ignore_errors=True)
done()
