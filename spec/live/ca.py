"""A throw-away certificate authority: everything TLS specs need, made anew by the run that uses it.

    ca = CA(directory)                            # a root
    mx = ca.leaf("mx.example.org")                # mx.cert, mx.key, mx.chain, mx.both: paths of PEM files
    ec = ca.leaf("mx.example.org", kind="ec")     # ECDSA P-256; "rsa" (2048) else
    old = ca.leaf("old.example.org", ends=-DAY)   # expired
    mid = ca.sub("Spec intermediate")             # an intermediate; it has leaf, crl and proof as the root has
    ca.crl([mx])                                  # path of a list that revokes mx
    ca.proof(mx)                                  # path of an OCSP proof (DER); `signer=`, `ends=None`, `status=` spoil it
    usual(directory)                              # all of them by the names below; also `python3 ca.py DIRECTORY`

The structures are put together here, byte by byte, and only keys and signatures come from the openssl program: so a spec
can have what no program would make, a NUL in a name, a proof that ended yesterday, a chain of a hundred.
"""
import base64
import hashlib
import http.server
import os
import subprocess
import sys
import threading
import time

HOUR, DAY = 3600, 86400


# ---- DER

def der(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    if n < 128:
        return bytes([tag, n]) + body
    size = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def seq(*parts):
    return der(0x30, *parts)


def integer(n):
    return der(2, n.to_bytes(n.bit_length() // 8 + 1, "big"))


def oid(text):
    numbers = [int(part) for part in text.split(".")]
    out = [bytes([numbers[0] * 40 + numbers[1]])]
    for n in numbers[2:]:
        run = [n & 127]
        while n > 127:
            n >>= 7
            run.insert(0, 128 | n & 127)
        out.append(bytes(run))
    return der(6, *out)


def bits(body):
    return der(3, b"\0", body)


def octets(body):
    return der(4, body)


def moment(at):
    """GeneralizedTime, or UTCTime where a certificate must have it (RFC 5280 section 4.1.2.5)."""
    return der(24, time.strftime("%Y%m%d%H%M%SZ", time.gmtime(at)).encode())


def moment_short(at):
    t = time.gmtime(at)
    return der(23, time.strftime("%y%m%d%H%M%SZ", t).encode()) if t.tm_year < 2050 else moment(at)


def name(common, organisation=None):
    """A distinguished name; `common` may be bytes, to hold what no name should."""
    text = common if isinstance(common, bytes) else common.encode()
    parts = []
    if organisation:
        parts.append(der(0x31, seq(oid("2.5.4.10"), der(12, organisation.encode()))))
    return seq(*parts, der(0x31, seq(oid("2.5.4.3"), der(12, text))))


def pem(label, body):
    text = base64.encodebytes(body).decode().replace("\n", "")
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return f"-----BEGIN {label}-----\n" + "\n".join(lines) + f"\n-----END {label}-----\n"


def extension(number, body, critical=False):
    return seq(oid(number), der(1, b"\xff") if critical else b"", octets(body))


def general_name(text):
    if isinstance(text, str) and text.startswith("ip:"):
        return der(0x87, bytes(int(part) for part in text[3:].split(".")))
    if isinstance(text, str) and "@" in text:
        return der(0x81, text.encode())
    return der(0x82, text if isinstance(text, bytes) else text.encode())


# ---- keys and signatures: the only part of the openssl program

def openssl(*words, given=None):
    done = subprocess.run(["openssl", *words], input=given, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(words)}: {done.stderr.decode(errors='replace')}")
    return done.stdout


class Key:
    ALGORITHM = {"rsa": seq(oid("1.2.840.113549.1.1.11"), b"\x05\0"), "ec": seq(oid("1.2.840.10045.4.3.2"))}
    HOW = {"rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
           "ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]}

    def __init__(self, path, kind):
        self.path, self.kind = path, kind
        text = openssl("genpkey", *self.HOW[kind])
        write(path, text, 0o600)
        self.info = openssl("pkey", "-pubout", "-outform", "DER", given=text)     # SubjectPublicKeyInfo

    def hash(self):
        """SHA-1 over the bits of the public key: what RFC 5280 and RFC 6960 call a key's identifier."""
        return hashlib.sha1(public_bits(self.info)).digest()

    def signed(self, body):
        """`body` with its signature after it: a certificate, a list, a proof's core."""
        return body, self.ALGORITHM[self.kind], bits(openssl("dgst", "-sha256", "-sign", self.path, given=body))


def public_bits(info):
    """The last element of a SubjectPublicKeyInfo, without its count of unused bits."""
    at = skip_head(info, 0)
    at = element_end(info, at)
    return info[skip_head(info, at) + 1:]


def skip_head(body, at):
    n = body[at + 1]
    return at + 2 + (n & 127 if n > 127 else 0)


def element_end(body, at):
    n = body[at + 1]
    first = skip_head(body, at)
    return first + (int.from_bytes(body[at + 2:first], "big") if n > 127 else n)


def write(path, body, mode=0o644):
    """Whole or not at all: what serves it may be reading."""
    with open(path + ".new", "wb") as f:
        os.fchmod(f.fileno(), mode)
        f.write(body if isinstance(body, bytes) else body.encode())
    os.rename(path + ".new", path)


# ---- certificates

class Pair:
    """A certificate, its key, and the authority that signed it (None for a root)."""

    def __init__(self, directory, label, by, subject, kind, private=None):
        self.label, self.by, self.subject = label, by, subject
        stem = os.path.join(directory, label)
        self.stem = stem
        self.key, self.cert = stem + ".key", stem + ".pem"          # the certificate alone
        self.chain, self.both = stem + ".chain.pem", stem + ".both.pem"   # with those above it but the root; with its key
        self.private = private or Key(self.key, kind)
        self.key = self.private.path                                # another's, if it was given
        self.serial = int.from_bytes(os.urandom(15), "big") | 1 << 119

    def build(self, issuer, starts, ends, extensions, version=2):
        now = int(time.time())
        signer = issuer or self
        body = seq(der(0xa0, integer(version)), integer(self.serial), Key.ALGORITHM[signer.private.kind], signer.subject,
                   seq(moment_short(now + starts), moment_short(now + ends)), self.subject, self.private.info,
                   der(0xa3, seq(*extensions,
                                 extension("2.5.29.14", octets(self.private.hash())),
                                 extension("2.5.29.35", seq(der(0x80, signer.private.hash()))))))
        self.der = seq(*signer.private.signed(body))
        self.write()

    def write(self):
        own = pem("CERTIFICATE", self.der)
        above, up = "", self.by
        while up is not None and up.by is not None:
            above += pem("CERTIFICATE", up.der)
            up = up.by
        write(self.cert, own)
        write(self.chain, own + above)
        with open(self.key, encoding="ascii") as f:
            write(self.both, own + above + f.read(), 0o600)

    def tlsa(self, usage, selector, kind):
        """The data of a TLSA record that names this certificate: "3 1 1 ab12..."."""
        body = self.private.info if selector else self.der
        body = {0: body, 1: hashlib.sha256(body).digest(), 2: hashlib.sha512(body).digest()}[kind]
        return f"{usage} {selector} {kind} {body.hex()}"

    def digest(self, kind="sha256"):
        return hashlib.new(kind, self.der).hexdigest().upper()


class CA(Pair):
    """An authority: a root, or an intermediate when `by` is another one."""

    def __init__(self, directory, label="root", common="Spec root", by=None, kind="ec", starts=-DAY, ends=3650 * DAY,
                 private=None):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        super().__init__(directory, label, by, name(common, "Perigee specs"), kind, private)
        self.number = 0
        self.build(by, starts, ends, [extension("2.5.29.19", seq(der(1, b"\xff")), True),
                                      extension("2.5.29.15", der(3, b"\x01\x06"), True)])   # keyCertSign, cRLSign

    def leaf(self, common, label=None, names=None, kind="ec", starts=-HOUR, ends=90 * DAY, uses=("server", "client"),
             ocsp=None, crl=None, more=()):
        """A certificate for `common`. names: what it may be called (dNSName, `ip:1.2.3.4`, an address); [] for none.
        ocsp, crl: URIs in it. more: further extensions, made with extension()."""
        label = label or (common if isinstance(common, str) else "leaf")
        leaf = Pair(self.directory, label.replace("*", "star").replace("/", "_"), self, name(common), kind)
        use = {"server": "1.3.6.1.5.5.7.3.1", "client": "1.3.6.1.5.5.7.3.2", "ocsp": "1.3.6.1.5.5.7.3.9"}
        names = [common] if names is None else names
        parts = [extension("2.5.29.19", seq(), True), extension("2.5.29.37", seq(*[oid(use[word]) for word in uses]))]
        if names:
            parts.append(extension("2.5.29.17", seq(*[general_name(text) for text in names])))
        if ocsp:
            parts.append(extension("1.3.6.1.5.5.7.1.1",
                                   seq(seq(oid("1.3.6.1.5.5.7.48.1"), der(0x86, ocsp.encode())))))
        if crl:
            parts.append(extension("2.5.29.31", seq(seq(der(0xa0, der(0xa0, der(0x86, crl.encode())))))))
        leaf.build(self, starts, ends, [*parts, *more])
        return leaf

    def sub(self, common, label=None, **words):
        """An authority below this one."""
        return CA(self.directory, label or common.replace(" ", "-"), common, by=self, **words)

    def signer(self, label="ocsp-signer", **words):
        """A certificate that may sign proofs for this authority (RFC 6960 section 4.2.2.2)."""
        return self.leaf(label, names=[], uses=("ocsp",), more=[extension("1.3.6.1.5.5.7.48.1.5", b"\x05\0")], **words)

    # ---- revocation

    def crl(self, revoked=(), label=None, starts=-HOUR, ends=30 * DAY):
        """A list of what this authority has revoked; the path of its PEM file."""
        now = int(time.time())
        self.number += 1
        rows = [seq(integer(pair.serial), moment_short(now - HOUR)) for pair in revoked]
        body = seq(integer(1), Key.ALGORITHM[self.private.kind], self.subject, moment_short(now + starts),
                   moment_short(now + ends), seq(*rows) if rows else b"",
                   der(0xa0, seq(extension("2.5.29.20", integer(self.number)),
                                 extension("2.5.29.35", seq(der(0x80, self.private.hash()))))))
        path = os.path.join(self.directory, (label or self.label) + ".crl")
        write(path, pem("X509 CRL", seq(*self.private.signed(body))))
        return path

    def answer(self, pair, status="good", starts=-HOUR, ends=7 * DAY, signer=None, with_signer=True):
        """An OCSP response about `pair`, DER: signed by the authority, or by `signer`, whose certificate goes with it.
        status: good, revoked, unknown, or a number for a response that only says it failed. ends=None: no nextUpdate."""
        if isinstance(status, int):
            return seq(der(10, bytes([status])))
        now = int(time.time())
        by = signer or self
        about = seq(seq(oid("1.3.14.3.2.26"), b"\x05\0"), octets(hashlib.sha1(self.subject).digest()),
                    octets(self.private.hash()), integer(pair.serial))
        state = {"good": der(0x80), "revoked": der(0xa1, moment(now - HOUR)), "unknown": der(0x82)}[status]
        one = seq(about, state, moment(now + starts), der(0xa0, moment(now + ends)) if ends is not None else b"")
        body = seq(der(0xa1, by.subject), moment(now + starts), seq(one))
        along = der(0xa0, seq(by.der)) if signer and with_signer else b""
        return seq(der(10, b"\0"), der(0xa0, seq(oid("1.3.6.1.5.5.7.48.1.1"),
                                                 octets(seq(*by.private.signed(body), along)))))

    def proof(self, pair, label=None, text=False, **words):
        """An answer in a file; its path. text: PEM in place of DER."""
        body = self.answer(pair, **words)
        path = os.path.join(self.directory, (label or pair.label) + (".ocsp.pem" if text else ".ocsp"))
        write(path, pem("OCSP RESPONSE", body) if text else body)
        return path


def hashed(directory, *paths):
    """A directory as OpenSSL looks through it: each certificate or list by the hash of its name."""
    os.makedirs(directory, exist_ok=True)
    for i, path in enumerate(paths):
        with open(path, "rb") as f:
            write(os.path.join(directory, f"{i}.pem"), f.read())
    openssl("rehash", directory)
    return directory


class Responder:
    """An OCSP responder on a loopback port: answers by the serial number it finds in the request.

    with Responder({mx: ca.answer(mx)}) as r:  ... r.url ...; r.asked counts."""

    def __init__(self, answers):
        self.answers, self.asked = answers, 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                asked = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                outer.asked += 1
                body = next((v for k, v in outer.answers.items() if integer(k.serial) in asked), seq(der(10, b"\6")))
                self.send_response(200)
                self.send_header("Content-Type", "application/ocsp-response")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


# ---- the usual ones

def usual(directory, domain="example.org"):
    """One of each kind, by name: u["rsa"].cert, u["expired"].chain, u["root"].crl([...]) ..."""
    root = CA(directory)
    mid = root.sub("Spec intermediate", label="mid")
    mx = "mx." + domain
    u = {"root": root, "mid": mid}
    u["rsa"] = root.leaf(mx, "rsa", kind="rsa")
    u["ec"] = root.leaf(mx, "ec")
    u["deep"] = mid.leaf(mx, "deep", ocsp="http://127.0.0.1:9/")      # below the intermediate; nobody answers there
    u["expired"] = root.leaf(mx, "expired", starts=-30 * DAY, ends=-DAY)
    u["early"] = root.leaf(mx, "early", starts=DAY)                   # not yet valid
    u["revoked"] = root.leaf(mx, "revoked")
    u["wrong"] = root.leaf("other.example", "wrong")
    u["wildcard"] = root.leaf("*." + domain, "wildcard")
    u["common"] = root.leaf(mx, "common", names=[])                   # the name in the subject alone
    u["client"] = root.leaf("client." + domain, "client", names=["client." + domain, "ann@" + domain], uses=("client",))
    u["client-revoked"] = root.leaf("gone." + domain, "client-revoked", uses=("client",))
    u["stranger-root"] = stranger = CA(directory, "stranger-root", "Stranger root")
    u["stranger"] = stranger.leaf(mx, "stranger")
    u["signer"] = root.signer()
    u["signer-expired"] = root.signer("ocsp-signer-expired", starts=-30 * DAY, ends=-DAY)
    root.crl([u["revoked"], u["client-revoked"]])
    mid.crl()
    mid.proof(u["deep"])
    root.proof(u["ec"])
    root.proof(u["rsa"], text=True)
    root.proof(u["ec"], "ec-past", starts=-9 * DAY, ends=-DAY)        # its nextUpdate is over
    root.proof(u["ec"], "ec-open", ends=None)                         # it has none
    root.proof(u["ec"], "ec-revoked", status="revoked")
    root.proof(u["ec"], "ec-by-signer", signer=u["signer"])
    root.proof(u["ec"], "ec-by-expired", signer=u["signer-expired"])
    return u


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: ca.py DIRECTORY")
    usual(sys.argv[1])
