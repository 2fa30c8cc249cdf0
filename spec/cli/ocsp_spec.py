#!/usr/bin/env python3
# perigee ocsp-fetch: a proof from the issuer's responder, verified before it takes the place of the one that was there.
import json, os, re, socket, subprocess, sys, tempfile, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from ca import CA, DAY, HOUR, Responder
from perigee import *


def fetch(*args):
    r = subprocess.run([PERIGEE, "ocsp-fetch", *args], capture_output=True, text=True, timeout=120)
    return r.returncode, r.stdout, r.stderr


class Rig:
    """A certificate that names its responder, its file with the issuer's behind it, and a proof that was there."""

    def __enter__(self):
        self.tmp = tempfile.TemporaryDirectory()
        self.dir = self.tmp.name
        self.ca = CA(self.dir)
        self.responder = Responder({})
        self.responder.__enter__()
        self.mx = self.ca.leaf("mx.example.org", "mx", ocsp=self.responder.url)
        self.file, self.proof = self.dir + "/all.pem", self.dir + "/mx.proof"
        with open(self.file, "w") as f:
            f.write(open(self.mx.cert).read() + open(self.ca.cert).read())
        self.old = self.ca.answer(self.mx, starts=-2 * HOUR)
        with open(self.proof, "wb") as f:
            f.write(self.old)
        return self

    def __exit__(self, *_):
        self.responder.__exit__()
        self.tmp.cleanup()

    def there(self):
        with open(self.proof, "rb") as f:
            return f.read()

    def only(self):
        """Nothing half written lies about."""
        return sorted(n for n in os.listdir(self.dir) if "mx.proof" in n) == ["mx.proof"]


def anothers_rest():
    """Root's fetch was killed before it ended, and now the engine's user asks."""
    with Rig() as r:
        new = r.responder.answers[r.mx] = r.ca.answer(r.mx)
        os.chown(r.dir, 65534, 65534)
        os.chmod(r.dir, 0o755)
        with open(r.proof + ".new", "wb") as f:
            os.fchmod(f.fileno(), 0o644)
            f.write(b"half")
        ran = subprocess.run([PERIGEE, "ocsp-fetch", r.file, r.proof], capture_output=True, text=True, timeout=120, user=65534, group=65534)
        same((ran.returncode, ran.stderr), (0, ""))
        same(r.there() == new, True)
        same(r.only(), True)


def got():
    with Rig() as r:
        new = r.responder.answers[r.mx] = r.ca.answer(r.mx)
        code, out, err = fetch(r.file, r.proof)
        same((code, err), (0, ""))
        holds(out, "mx.proof: the certificate is good until 2")
        same(r.there(), new)
        same(r.only(), True)
        # openssl says the same of it.
        said = subprocess.run(["openssl", "ocsp", "-respin", r.proof, "-issuer", r.ca.cert, "-cert", r.mx.cert, "-CAfile", r.ca.cert],
                              capture_output=True, text=True)
        holds(said.stdout + said.stderr, ": good")


def as_pem():
    with Rig() as r:
        r.responder.answers[r.mx] = r.ca.answer(r.mx)
        code, out, err = fetch("--json", r.file, r.dir + "/p.pem")
        same((code, err), (0, ""))
        same(json.loads(out)["status"], "ok")
        holds(open(r.dir + "/p.pem").read(), "-----BEGIN OCSP RESPONSE-----")


def by_signer():
    with Rig() as r:
        new = r.responder.answers[r.mx] = r.ca.answer(r.mx, signer=r.ca.signer())
        same(fetch(r.file, r.proof)[0], 0)
        same(r.there(), new)


def told():
    """The issuer and the responder as arguments, where the files do not say."""
    with Rig() as r:
        lone = r.ca.leaf("lone.example.org", "lone")
        new = r.responder.answers[lone] = r.ca.answer(lone)
        code, _, err = fetch(lone.cert, r.proof)
        same(code, 1)
        holds(err, "the certificate of its issuer is not there")
        code, _, err = fetch("--issuer", r.ca.cert, lone.cert, r.proof)
        same(code, 1)
        holds(err, "the certificate names no responder")
        same(fetch("--issuer", r.ca.cert, "--url", r.responder.url + "status?x=1", lone.cert, r.proof)[0], 0)
        same(r.there(), new)


SPOILED = [
    ("OCSP-T7: its signer's certificate has expired", 1, "out of date|expired", dict(signer="old")),
    ("it has no end", 1, "does not say until when", dict(ends=None)),
    ("its end is past", 1, "out of date", dict(starts=-9 * DAY, ends=-DAY)),
    ("it is not valid yet", 1, "not valid yet", dict(starts=DAY)),
    ("the certificate is revoked", 1, "revoked", dict(status="revoked")),
    ("the responder does not know it", 1, "does not know", dict(status="unknown")),
    ("a stranger has signed it", 1, "signature does not hold", dict(signer="stranger")),
    ("the responder asks to come again", 2, "trylater", dict(status=3)),
]


def spoiled(code, text, words):
    with Rig() as r:
        if words.get("signer") == "old":
            words = dict(words, signer=r.ca.signer("old-signer", starts=-30 * DAY, ends=-DAY))
        if words.get("signer") == "stranger":
            words = dict(words, signer=CA(r.dir, "stranger", "A stranger"))
        r.responder.answers[r.mx] = r.ca.answer(r.mx, **words)
        status, out, err = fetch(r.file, r.proof)
        same((status, out), (code, ""))
        if not re.search(text, err):
            raise AssertionError(f"no {text!r} in {err}")
        same(r.there(), r.old)
        same(r.only(), True)


def another():
    with Rig() as r:
        other = r.ca.leaf("other.example.org", "other")
        r.responder.answers[r.mx] = r.ca.answer(other)
        code, _, err = fetch(r.file, r.proof)
        same(code, 1)
        holds(err, "about another certificate")
        same(r.there(), r.old)


class Raw:
    """A server that says these bytes whatever it is asked, and closes."""

    def __init__(self, said):
        self.said, self.socket = said, socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                c, _ = self.socket.accept()
            except OSError:
                return
            with c:
                c.recv(65536)
                try:
                    c.sendall(self.said)
                except OSError:
                    pass


RAW = [
    (b"", 2, "closed the connection before its answer was whole"),
    (b"HTTP/1.1 200 OK\r\n", 2, "before its answer was whole"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nshort", 2, "before its answer was whole"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", 2, "too long"),
    (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 400000, 2, "too long"),
    (b"HTTP/1.1 200 OK\r\n\r\nnonsense", 1, "no OCSP answer"),
    (b"HTTP/1.1 404 Not Found\r\n\r\n", 1, 'it says "404 Not Found"'),
    (b"HTTP/1.1 503 Later\r\n\r\n", 2, "503 Later"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 2, "before its answer was whole"),
    (b"220 mx.example ESMTP\r\n\r\n", 2, "no answer of HTTP"),
    (b"y" * 40000, 2, "no answer of HTTP"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nnonsense\r\n0\r\n\r\n", 1, "no OCSP answer"),
]


def raw():
    with Rig() as r:
        for said, code, text in RAW:
            server = Raw(said)
            status, _, err = fetch("--url", server.url, r.file, r.proof)
            server.socket.close()
            same((said[:40], status), (said[:40], code))
            holds(err, text)
            same(r.there(), r.old)
        same(r.only(), True)


def nobody():
    with Rig() as r:
        code, _, err = fetch("--url", f"http://127.0.0.1:{free_port()}/", r.file, r.proof)
        same(code, 2)
        holds(err, "no connection to it can be made")
        for url in ("https://127.0.0.1/", "ftp://x/", "http://", "http://a@b/", "http://x:0/", "http://x/\r\nX: y"):
            code, _, err = fetch("--url", url, r.file, r.proof)
            same((url, code), (url, 1))
            holds(err, "is no address of a responder")
        same(fetch(r.dir + "/nothing.pem", r.proof)[0], 2)
        same(r.there(), r.old)


def not_writable():
    with Rig() as r:
        r.responder.answers[r.mx] = r.ca.answer(r.mx)
        code, _, err = fetch(r.file, r.dir + "/no/such/place")
        same(code, 2)
        holds(err, "No such file or directory")
        same(r.responder.asked, 0)


def disk_fails():
    """At each step of writing; where the build has no seam for faults everything goes well, and that is seen too."""
    with Rig() as r:
        new = r.responder.answers[r.mx] = r.ca.answer(r.mx)
        for fault in ("write:1:ENOSPC", "write:2", "flush:1", "rename:1", "open:1", "open:2", "open:3", "read:1", "read:2", "recv:1", "send:1"):
            with open(r.proof, "wb") as f:
                f.write(r.old)
            p = subprocess.run([PERIGEE, "ocsp-fetch", r.file, r.proof], capture_output=True, text=True, timeout=120,
                               env=dict(os.environ, PERIGEE_FAULT=fault))
            same((fault, p.returncode in (0, 1, 2), r.there() == (r.old if p.returncode else new), r.only()), (fault, True, True, True))
            same(bool(p.stderr), p.returncode != 0)
        os.mkdir(r.dir + "/place")
        code, _, err = fetch(r.file, r.dir + "/place")
        same((code, os.path.exists(r.dir + "/place.new")), (2, False))
        holds(err, "rename")


case("a fresh proof takes the place of the old one", got)
if os.getuid() == 0:
    case("what another user's attempt left behind is in nobody's way", anothers_rest)
else:
    skip("what another user's attempt left behind is in nobody's way", "needs root")
case("as PEM where the name says so, and told as JSON", as_pem)
case("signed by a certificate the issuer made for it", by_signer)
case("issuer and responder may be given as arguments", told)
for title, code, text, words in SPOILED:
    case(f"{title}: the old proof stays, and the status says so", lambda: spoiled(code, text, words))
case("an answer about another certificate is of no use", another)
case("whatever a server says instead, the old proof stays", raw)
case("a responder that is not there, and addresses that are none", nobody)
case("nobody is asked for what cannot be written", not_writable)
case("a disk or a connection that fails leaves the old proof whole", disk_fails)
done()
