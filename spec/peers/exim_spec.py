#!/usr/bin/env python3
# Exim on the other side of TLS, both ways: certificates verified, DANE, client certificates, proofs, sessions.
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *
from ca import CA, write
from exim import BY_DNS, THERE, Exim
from tls import tls_site
from zone import Resolver, Zones

directory = tempfile.mkdtemp(prefix="perigee-eximspec.")
os.chmod(directory, 0o755)
ca = CA(directory)
mx = ca.leaf("mx.to.sec.example", label="mx", names=["mx.to.sec.example", "mx.two.sec.example", "ip:127.0.0.1", "localhost"])
wrong = ca.leaf("other.example", label="wrong")
client = ca.leaf("client.example", label="client")
proof = ca.proof(mx)
whole = os.path.join(directory, "whole.pem")        # with the authority itself, for usage 2, and with its key
write(whole, "".join(open(p).read() for p in (mx.cert, ca.cert, mx.key)), 0o600)
for key in (client.key, mx.key):                    # Exim is somebody else, and minds less who reads them
    shutil.copyfile(key, key + ".open")
    os.chmod(key + ".open", 0o644)

# ---- it delivers to us

PORT = free_port()
SERVER = tls_site(f'''
  tls_certificate = "{whole}", tls_on_connect_ports = {PORT}, tls_ocsp_file = "{proof}", tls_resumption_hosts = "*",
  tls_try_verify_hosts = "*", tls_verify_certificates = "{ca.cert}", log_selector = "+tls_peerdn +tls_sni +tls_resumption",''', (PORT,)
                  ).replace('accept {{ hosts = "127.0.0.1" }},', "accept {{}},").replace('domains = "+local_domains", ', "")
TRUST = f"tls_verify_certificates = {ca.cert}\n  tls_verify_hosts = *\n  hosts_require_tls = *\n  "


def to_us(e, transport, *lines, subject="one", router=None, to="b@example.org", ours=(), **more):
    """Exim delivers a message; its lines and ours say so."""
    with Exim(transport, router=router or THERE.format(port=e.port), **more) as x:
        x.send(to, subject=subject)
        x.logs(f"=> {to}")
        for text in lines:
            x.logs(text)
        same(until(lambda: subject in e.subjects()), True)
        for text in ours:
            e.logs(text)


def in_clear(e):
    """Exim ends its side of a connection behind QUIT, which it sends with the message."""
    with Exim("hosts_avoid_tls = *\n", router=THERE.format(port=e.port)) as x:
        for n in range(5):
            x.send("b@example.org", subject=f"clear-{n}")
        same((x.log().count("=> b@example.org"), x.log().count("==")), (5, 0))
    same(until(lambda: len([s for s in e.subjects() if s.startswith("clear-")]) == 5), True)


def put_off(transport, port, text, router=None, to="b@example.org", **more):
    with Exim(transport, router=router or THERE.format(port=port), **more) as x:
        x.send(to, subject="never")
        x.logs(f"== {to}")
        holds(x.log(), text)


def resumes(e):
    with Exim(TRUST + f"tls_resumption_hosts = *\n  tls_verify_cert_hostnames = *", router=THERE.format(port=e.port)) as x:
        x.send("b@example.org", subject="first")
        x.send("b@example.org", subject="second")
        lines = [l for l in x.log().splitlines() if "=> b@" in l]
        same([":256* CV=yes" in l for l in lines], [False, True])
        same(until(lambda: len([l for l in e.log().splitlines() if "id=second@" in l]) == 1), True)
        holds(next(l for l in e.log().splitlines() if "id=second@" in l), ":256* ")


def two_messages(e):
    """Exim keeps TLS up by a process of its own, while another one goes on with the next message."""
    def handshakes():
        counters = e.status()["counters"]
        return counters["tls_in_full"] + counters["tls_in_resumed"]

    before = handshakes()
    with Exim(TRUST + "hosts_noproxy_tls =\n", main="queue_run_in_order", router=THERE.format(port=e.port)) as x:
        for n in (1, 2):
            x.run("-odq", "-oi", "-f", "a@there.example", "b@example.org", input=f"Subject: kept-{n}\n\ntext\n")
        same(x.run("-qqf")[0], 0)                       # twice through the queue: the first time it notes what goes together
        same(until(lambda: {"kept-1", "kept-2"} <= set(e.subjects())), True)
        same(x.log().count("=> b@example.org"), 2)
    same(handshakes() - before, 1)


with Engine(site=SERVER) as e:
    case("Exim delivers in clear, each message once", lambda: in_clear(e))
    case("Exim delivers under STARTTLS, and our certificate is for us",
         lambda: to_us(e, TRUST, "X=TLS1.3:ECDHE_", "CV=yes", ours=["P=esmtps X=TLS1.3:TLS_AES_256_GCM_SHA384:256"]))
    case("... with TLS from the first byte", lambda: to_us(e, TRUST + "protocol = smtps\n", "CV=yes", router=THERE.format(port=PORT), subject="smtps"))
    case("... under TLS 1.2", lambda: to_us(e, TRUST + "tls_require_ciphers = NORMAL:-VERS-TLS1.3\n", "X=TLS1.2:", "CV=yes", subject="old", ours=["X=TLS1.2:ECDHE-"]))
    case("... with a certificate of its own, which we verify",
         lambda: to_us(e, TRUST + f"tls_certificate = {client.cert}\n  tls_privatekey = {client.key}.open\n", "CV=yes", subject="client",
                       ours=['CV=yes DN="CN=client.example"']))
    case("... and asks for a proof, which it must have",
         lambda: to_us(e, TRUST + "hosts_require_ocsp = *\n", "CV=yes", subject="proof"))
    case("... and names the server it means", lambda: to_us(e, TRUST + "tls_sni = mx.to.sec.example\n", subject="sni", ours=['SNI="mx.to.sec.example"']))
    case("... and resumes the session of the message before", lambda: resumes(e))
    case("... and sends several over one connection", lambda: two_messages(e))

    records = "\n".join(f"{name} MX 10 mx.{name}\nmx.{name} A 127.0.0.1\n_{e.port}._tcp.mx.{name} TLSA {record}" for name, record in (
        ("to", mx.tlsa(3, 1, 1)), ("two", ca.tlsa(2, 0, 1)), ("ta", ca.tlsa(2, 0, 1)), ("not", wrong.tlsa(3, 1, 1))))
    records += "\nnext MX 10 alias\nalias CNAME mx.to"
    with Zones(signed={"sec.example": records}) as z, Resolver(z) as r:
        DANE = f"port = {e.port}\n  hosts_require_dane = *\n  dnssec_request_domains = *\n"

        def dane(name, *lines):
            to_us(e, DANE, *lines, to=f"b@{name}", router=BY_DNS, dns=r.port, subject=name)

        def no_dane(name):
            put_off(DANE, e.port, "DANE attempt failed", to=f"b@{name}", router=BY_DNS, dns=r.port)

        case("Exim with DANE: usage 3 verifies us", lambda: dane("to.sec.example", "CV=dane", " DS"))
        case("... usage 2 with the chain does", lambda: dane("two.sec.example", "CV=dane", " DS"))
        case("... not where the certificate is for another name", lambda: no_dane("ta.sec.example"))
        case("... nor does a record of another key", lambda: no_dane("not.sec.example"))
        case("... an alias leads to the records", lambda: dane("next.sec.example", "CV=dane"))

with Engine(site=SERVER.replace(whole, wrong.both).replace(f'tls_ocsp_file = "{proof}",', "")) as e:
    case("a certificate for somebody else: Exim puts its message off", lambda: put_off(TRUST, e.port, "(certificate verification failed)"))

# ---- we deliver to it

CLIENT = """
site {{
  primary_hostname = "client.example",
  listen           = {{ "127.0.0.1:{port}" }},
  dns_servers      = "127.0.0.1#9",
  log_selector     = "+tls_peerdn +tls_resumption",
}}
acl.rcpt {{ accept {{}} }}
router.remote {{ driver = "manualroute", route_list = {{ "* localhost byname" }}, self = "send", transport = "remote" }}
transport.remote {{ driver = "smtp", port = {sink}, allow_localhost = true, tls_verify_certificates = "TRUST", tls_verify_hosts = "*",
  hosts_require_tls = "*", OPTIONS }}
retry.rule {{ "*", "*", "F,1h,1h" }}
"""
MAIN = f"""tls_advertise_hosts = *
tls_certificate = {mx.cert}
tls_privatekey = {mx.key}.open
tls_ocsp_file = {proof}
tls_verify_certificates = {ca.cert}
tls_resumption_hosts = *
chunking_advertise_hosts = *
"""


def from_us(x, port, options="", n=1, **more):
    site = CLIENT.replace("TRUST", ca.cert).replace("OPTIONS", options)
    with Engine(site=site, sink=port, workers=1, **more) as e:
        before = len(x.mails())
        for i in range(n):
            e.send("b@there.example", subject=f"message-{i}", body="line\r\n..dots\r\n" + "x" * 900 + ("\r\n" + "y" * 500) * 200)
            if not until(lambda: e.log().count("Completed") == i + 1):
                raise AssertionError(e.log() + x.log())
        same(until(lambda: len(x.mails()) - before == n), True)      # it answers before it has delivered
        holds(x.mails()[-1], "\nline\n..dots\n" + "x" * 900)
        return [l for l in e.log().splitlines() if "=> b@there.example" in l or "-> b@there.example" in l]


def delivered(x, port, options, *lines, theirs=()):
    line = from_us(x, port, options)[0]
    for text in lines:
        holds(line, text)
    for text in theirs:
        x.logs(text)


def resumed(x):
    lines = from_us(x, x.port, 'tls_resumption_hosts = "*", hosts_nopass_tls = "*",', n=2)
    same([":256* CV=yes" in l for l in lines], [False, True])
    x.logs(":256* CV=no")


def kept(x):
    lines = from_us(x, x.port, "", n=2)
    holds(lines[1], "[127.0.0.1]*")


with Exim(main=MAIN + "tls_try_verify_hosts = *\n", serving=True) as x:
    case("we deliver to Exim under STARTTLS, byte for byte, though it offers CHUNKING",
         lambda: delivered(x, x.port, "", "X=TLS1.3:", "CV=yes", 'DN="CN=mx.to.sec.example"', theirs=["P=esmtps X=TLS1.3:ECDHE_"]))
    case("... with TLS from the first byte", lambda: delivered(x, x.smtps, 'protocol = "smtps",', "X=TLS1.3:", "CV=yes"))
    case("... with a certificate of ours, which it verifies",
         lambda: delivered(x, x.port, f'tls_certificate = "{client.cert}", tls_privatekey = "{client.key}",', "CV=yes",
                           theirs=['CV=yes DN="CN=client.example"']))
    case("... with a proof, which we must have", lambda: delivered(x, x.port, 'hosts_require_ocsp = "*",', "CV=yes"))
    case("... and resume the session of the message before", lambda: resumed(x))
    case("... or keep the connection", lambda: kept(x))
with Exim(main=MAIN + "tls_verify_hosts = *\ntls_require_ciphers = NORMAL:-VERS-TLS1.3\n", serving=True) as x:
    case("an Exim of TLS 1.2 that insists on a certificate gets it",
         lambda: delivered(x, x.port, f'tls_certificate = "{client.cert}", tls_privatekey = "{client.key}",', "X=TLS1.2:", "CV=yes"))

shutil.rmtree(directory, ignore_errors=True)
done()
