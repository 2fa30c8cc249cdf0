#!/usr/bin/env python3
# TLS with clients, the files of it: lists of revoked certificates, paths with colons, keys of tickets that are in none;
# and an engine that was told --tls-on-connect.
import os, shutil, ssl, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *
from tls import *
import ca

home = tempfile.mkdtemp(prefix="perigee-tls.")
os.chmod(home, 0o755)
root = ca.CA(os.path.join(home, "ca"))
mid = root.sub("Spec intermediate", label="mid")
mx = mid.leaf("mx.example.org", "mx")
client, gone = mid.leaf("client.example.org", "client", uses=("client",)), mid.leaf("gone.example.org", "gone", uses=("client",))

# Exim's form of a list, in paths that hold its usual separator
odd = os.path.join(home, "a:b::c")
os.makedirs(odd)
by_kind = {}
for kind in ("ec", "rsa"):
    pair = root.leaf("mx.example.org", "odd-" + kind, kind=kind)
    by_kind[kind] = [shutil.copy(path, os.path.join(odd, kind + end)) for path, end in ((pair.cert, ".pem"), (pair.key, ".key"))]
certificates, keys = ("<; " + by_kind["ec"][i] + " ; " + by_kind["rsa"][i] for i in range(2))

# What revokes: the root's list, both lists, and each in a directory by hash
of_root = root.crl(label="of-root")
of_both = os.path.join(home, "both.crl")
ca.write(of_both, open(of_root).read() + open(mid.crl([gone], label="of-mid")).read())
hashed_root = ca.hashed(os.path.join(home, "hashed-root"), of_root)
hashed_both = ca.hashed(os.path.join(home, "hashed-both"), of_root, os.path.join(home, "ca", "of-mid.crl"))

ODD, *CRL_PORTS = (free_port() for _ in range(5))
CRLS = dict(zip(CRL_PORTS, (of_root, of_both, hashed_root, hashed_both)))
ROOT_ALONE, BOTH, HASHED_ROOT, HASHED_BOTH = CRL_PORTS
cases = "\n".join(f'if m.received_port == {port} then return "{path}" end' for port, path in CRLS.items())
e = Engine(site=tls_site(f'''
  tls_resumption_hosts = "*",
  tls_certificate = function(m) return m.received_port == {ODD} and "{certificates}" or "{mx.chain}" end,
  tls_privatekey = function(m) return m.received_port == {ODD} and "{keys}" or "{mx.key}" end,
  tls_verify_certificates = "{root.cert}",
  tls_verify_hosts = function(m) return {" or ".join(f"m.received_port == {p}" for p in CRLS)} end,
  tls_crl = function(m) {cases} end,''', (ODD, *CRL_PORTS))).start()


def s_client(port, *words, starttls=True):
    """What openssl s_client prints. It says QUIT in small: a Q at the start of a line is its own."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", root.cert, "-crlf", "-ign_eof", *words]
    if starttls:
        command += ["-starttls", "smtp", "-name", "client.example"]
    r = subprocess.run(command, input=b"quit\n", capture_output=True, timeout=60 * SLOW)
    return (r.stdout + r.stderr).decode(errors="replace")


def goes_through(port, pair):
    """Whether a session under TLS gets as far as mail: TLS 1.3 tells a client of a refusal only afterwards."""
    try:
        with Talk(port, root.cert, cert=pair.chain, key=pair.key) as t:
            return t.say("NOOP").startswith(b"250")
    except (ssl.SSLError, ConnectionError):
        return False


# ---- F09

def only_the_roots():
    same(goes_through(ROOT_ALONE, client), False)
    e.logs("unable to get certificate CRL")
    same(goes_through(BOTH, client), True)
    same(goes_through(BOTH, gone), False)
    e.logs("certificate revoked")


def by_hash():
    same(goes_through(HASHED_BOTH, client), True)
    before = e.log().count("certificate revoked")
    same(goes_through(HASHED_BOTH, gone), False)
    same(until(lambda: e.log().count("certificate revoked") > before) is not None, True)
    before = e.log().count("unable to get certificate CRL")
    same(goes_through(HASHED_ROOT, client), False)
    same(until(lambda: e.log().count("unable to get certificate CRL") > before) is not None, True)


def written_over():
    """A job that writes into the file: the directory itself does not change. And a link to a file elsewhere."""
    place, text = os.path.join(home, "hashed-both"), open(os.path.join(home, "ca", "of-mid.crl")).read()
    of_mid = next(path for path in (os.path.join(place, name) for name in os.listdir(place))
                  if not os.path.islink(path) and open(path).read() == text)
    elsewhere, again = os.path.join(home, "elsewhere.crl"), mid.leaf("again.example.org", "again", uses=("client",))
    ca.write(elsewhere, text)
    same(goes_through(HASHED_BOTH, again), True)
    revoked = open(mid.crl([gone, again], label="of-mid-2")).read()
    with open(of_mid, "r+") as f:
        f.truncate(0)
        f.write(revoked)
    same(goes_through(HASHED_BOTH, again), False)
    os.unlink(of_mid)
    os.symlink(elsewhere, of_mid)
    same(goes_through(HASHED_BOTH, again), True)
    ca.write(elsewhere, revoked)
    same(goes_through(HASHED_BOTH, again), False)


# ---- F08

def both_kinds(port):
    for cipher, bits in (("aECDSA", 256), ("aRSA", 2048)):
        text = s_client(port, "-tls1_2", "-cipher", cipher)
        holds(text, f"Server public key is {bits} bit")
        holds(text, "Verify return code: 0 (ok)")


def odd_paths():
    both_kinds(ODD)
    s = Engine(site=tls_site(f'tls_certificate = "{certificates}", tls_privatekey = "{keys}",'))
    try:
        both_kinds(s.start().port)
    finally:
        s.close()


# ---- F06

def resumed_until_restart():
    versions = {"-tls1_2": "TLSv1.2", "-tls1_3": "TLSv1.3"}
    for option, version in versions.items():
        kept = os.path.join(home, version)
        holds(s_client(e.port, option, "-sess_out", kept), f"New, {version}")
        holds(s_client(e.port, option, "-sess_in", kept), f"Reused, {version}")
    e.stop()
    e.start()
    for option, version in versions.items():
        text = s_client(e.port, option, "-sess_in", os.path.join(home, version))
        holds(text, f"New, {version}")
        same("Reused" in text, False)


# ---- F10

def on_every_port():
    further = free_port()
    s = Engine(site=tls_site(f'tls_certificate = "{mx.chain}", tls_privatekey = "{mx.key}", tls_on_connect_ports = {further},', (further,)),
               args=["--tls-on-connect"])
    try:
        s.start()
        for port in (s.port, further):
            with Talk(port, root.cert, on_connect=True) as t:
                holds(t.banner.decode(), "220 mx.example.org ESMTP")
                same(b"STARTTLS" in t.greeting, False)
                holds(t.mail(f"at-once-{port}").decode(), "250")
            same(until(lambda: f"at-once-{port}" in s.subjects()) is not None, True)
        c = socket.create_connection(("127.0.0.1", s.port), timeout=60 * SLOW)
        c.sendall(b"EHLO client.example\r\n")
        said = rest(c)
        c.close()
        same(b"220" in said or b"mx.example" in said, False)
        s.logs("(SSL_accept): ")
        s.rule("60-new.lua", "acl.mail { accept {} }\n")
        same(s.run("reload")[0], 0)
        with Talk(s.port, root.cert, on_connect=True) as t:
            holds(t.mail("after-a-reload").decode(), "250")
        # local programs speak through no port
        code, out, err = s.run("send", "-f", "a@there.example", "b@example.org", input="Subject: by-hand\n\ntext\n")
        same((code, err), (0, ""))
        same(until(lambda: "by-hand" in s.subjects()) is not None, True)
        code, out, err = s.run("smtp", input="EHLO here.example\r\nQUIT\r\n")
        holds(out, "250")
    finally:
        s.close()


def without_a_certificate():
    s = Engine(args=["--tls-on-connect"])
    try:
        s.start()
        c = socket.create_connection(("127.0.0.1", s.port), timeout=60 * SLOW)
        same(rest(c), b"")
        c.close()
        s.logs("tls_certificate is not set")
    finally:
        s.close()


try:
    case("CRL-T2 a chain with an intermediate and the root's list alone is refused; with both lists in the file it passes", only_the_roots)
    case("CRL-T3 lists in a directory by hash: all there, one revoked, one missing", by_hash)
    case("a list in such a directory is written over, or is a link to one that is: the next client meets it", written_over)
    case("TLSC-T5 files whose paths hold colons, in a list with another separator", odd_paths)
    case("RES-T3 s_client resumes a session; after a restart it cannot, for the key was in no file", resumed_until_restart)
    case("SUBM-T3 serve --tls-on-connect: TLS comes first on every port, after a reload too, and local programs do without", on_every_port)
    case("with --tls-on-connect and no certificate nobody is served, and the log says why", without_a_certificate)
finally:
    e.close()
    shutil.rmtree(home, ignore_errors=True)
done()
