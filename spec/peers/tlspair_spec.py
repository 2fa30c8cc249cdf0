#!/usr/bin/env python3
# TLS between two of ours, and with servers that do not behave: proofs (F01), callouts, a chain that is too long, names
# that lie, handshakes that break or never end.
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *
from ca import CA
from tlssink import TlsSink

SENDER = """
site {{
  primary_hostname = "mx.example.org",
  listen           = {{ "127.0.0.1:{port}" }},
  dns_servers      = "127.0.0.1#9",
  log_selector     = "+tls_peerdn",
}}
ACL
router.remote {{ driver = "manualroute", route_list = {{ "* localhost byname" }}, self = "send", transport = "remote" }}
transport.remote {{ driver = "smtp", port = {sink}, allow_localhost = true, connect_timeout = "5s", command_timeout = "TIMEOUT", OPTIONS
  event_action = function(m)
    if m.event_name == "msg:delivery" then logwrite("msg:delivery ocsp=" .. tostring(m.tls_out_ocsp)) end
  end }}
retry.rule {{ "*", "*", "F,1h,1h" }}
"""
SERVER = """
site {{
  primary_hostname = "localhost",
  listen           = {{ "127.0.0.1:{port}" }},
  dns_servers      = "127.0.0.1#9",
  OPTIONS
}}
domainlist.local_domains = {{ "there.example" }}
acl.rcpt {{ deny {{ local_parts = "nobody", message = "550 5.1.1 no such user" }}, accept {{}} }}
router.here {{ driver = "accept", transport = "mailbox" }}
transport.mailbox {{ driver = "appendfile", maildir_format = true, directory = function(m) return path("{mail}", m.local_part) end }}
"""

directory = tempfile.mkdtemp(prefix="perigee-tlspair.")
ca = CA(directory)
mx = ca.leaf("localhost", label="mx")
stranger = CA(directory, "stranger", "Stranger root")
TRUST = f'tls_verify_certificates = "{ca.cert}", tls_verify_hosts = "*", hosts_require_tls = "*", '


def sender(port, options="", acl="acl.rcpt {{ accept {{}} }}", timeout="30s"):
    return Engine(site=SENDER.replace("ACL", acl).replace("OPTIONS", options).replace("TIMEOUT", timeout), sink=port, workers=1)


def server(options=""):
    return Engine(site=SERVER.replace("OPTIONS", f'tls_certificate = "{mx.both}", {options}'), workers=1)


def taken(options, server_options, *holding):
    with server(server_options) as there, sender(there.port, options) as e:
        e.send("a@there.example", subject="one")
        e.logs("=> a@there.example")
        same(until(lambda: len(there.mails("a"))), 1)
        for text in holding:
            e.logs(text)


def refused(options, server_options, text):
    with server(server_options) as there, sender(there.port, options) as e:
        e.send("a@there.example", subject="one")
        e.logs("== a@there.example")
        holds(e.log(), text)
        same(there.mails("a"), [])


# ---- proofs

signer = ca.signer()
good, old, revoked = (ca.proof(mx, label=n, signer=signer, **more) for n, more in
                      (("good", {}), ("old", {"starts": -2 * 86400, "ends": -86400}), ("revoked", {"status": "revoked"})))
MUST = TRUST + 'hosts_require_ocsp = "*",'
case("OCSP-T5 with a good proof: delivered, and the variable says verified",
     lambda: taken(MUST, f'tls_ocsp_file = "{good}",', "msg:delivery ocsp=4", "CV=yes"))
case("OCSP-T5 without one: not used", lambda: refused(MUST, "", "TLS session: (SSL_connect)"))
case("OCSP-T2 a proof that has ended is not sent, and not missed where it need not be",
     lambda: taken(TRUST, f'tls_ocsp_file = "{old}",', "msg:delivery ocsp=1"))


# ---- counters

def counters(e, **want):
    """What perigee status counts of TLS: nothing else than this."""
    names = [f"tls_{way}_{what}" for way in ("in", "out") for what in ("full", "resumed", "failed")]
    names += ["deliveries_tls", "deliveries_verified", "deliveries_dane"]
    found = lambda: {k: v for k, v in e.status()["counters"].items() if k in names and v}
    if not until(lambda: found() == want):
        same(found(), want)
    text = e.run("status")[1]
    for name, n in want.items():
        holds(re.sub(" +", " ", text), f"{name} {n}\n")


def counted():
    again = TRUST + 'tls_resumption_hosts = "*", hosts_nopass_tls = "*", '
    with server('tls_resumption_hosts = "*",') as there, sender(there.port, again) as e:
        for n in (1, 2, 3):
            e.send("a@there.example", subject=f"message-{n}")
            same(until(lambda: e.log().count("Completed") == n), True)
        counters(e, tls_out_full=1, tls_out_resumed=2, deliveries_tls=3, deliveries_verified=3)
        counters(there, tls_in_full=1, tls_in_resumed=2)


def counted_failures():
    with server() as there, sender(there.port, f'tls_verify_certificates = "{stranger.cert}", tls_verify_hosts = "*",') as e:
        e.send("a@there.example", subject="one")
        e.logs("== a@there.example")
        counters(e, tls_out_failed=1)
        counters(there, tls_in_failed=1)


def counted_unverified():
    with server() as there, sender(there.port, f'tls_verify_certificates = "{stranger.cert}",') as e:
        e.send("a@there.example", subject="one")
        e.logs("Completed")
        counters(e, tls_out_full=1, deliveries_tls=1)


case("perigee status counts handshakes, full ones and resumed ones, and what was delivered verified", counted)
case("... those that failed", counted_failures)
case("... and what went to whoever answered", counted_unverified)


# ---- callouts

CALLOUT = 'acl.rcpt {{ demand {{ verify = "recipient/callout" }}, accept {{}} }}'


def callouts():
    with server() as there, sender(there.port, TRUST, CALLOUT) as e, e.smtp() as s:
        s.ehlo()
        s.mail("a@example.org")
        same(s.rcpt("a@there.example")[0], 250)
        same(s.rcpt("nobody@there.example")[0], 550)


def callout_avoids():
    with TlsSink(mx.cert, mx.key) as there, sender(there.port, 'hosts_verify_avoid_tls = "*",', CALLOUT) as e, e.smtp() as s:
        s.ehlo()
        s.mail("a@example.org")
        same(s.rcpt("a@there.example")[0], 250)
        same(there.commands("starttls"), [])
        s.rset()
        e.send("a@there.example", subject="one")
        same(until(lambda: [way for _, way, _ in there.mails()] == ["tls"]), True)


def callout_needs():
    with TlsSink() as there, sender(there.port, TRUST, CALLOUT) as e, e.smtp() as s:
        s.ehlo()
        s.mail("a@example.org")
        same(s.rcpt("a@there.example")[0], 451)
        same(there.commands("mail"), [])


def cutthrough():
    acl = 'acl.rcpt {{ accept {{ control = "cutthrough_delivery", verify = "recipient/callout=hold" }} }}'
    with server() as there, sender(there.port, TRUST, acl) as e:
        e.send("a@there.example", subject="cut")
        e.logs(">> a@there.example")
        holds(e.log(), "X=TLS1.3")
        holds(e.log(), "CV=yes")
        same(until(lambda: len(there.mails("a"))), 1)


case("a callout under TLS", callouts)
case("hosts_verify_avoid_tls: callouts in clear, deliveries not", callout_avoids)
case("a callout to a host that has no TLS and must have it finds nothing out", callout_needs)
case("a cutthrough delivery under TLS, and its line says so", cutthrough)

# ---- servers that do not behave


def against(cert, key, text, options=TRUST, **sink):
    with TlsSink(cert, key, **sink) as there, sender(there.port, options, timeout="2s") as e:
        e.send("a@there.example", subject="one")
        e.logs("== a@there.example")
        holds(e.log(), text)
        same(there.commands("mail"), [])
        same(there.mails(), [])
        same(e.run("status")[0], 0)


def long_chain(n):
    above, parts = ca, []
    for i in range(n):
        above = above.sub(f"link {i}", label=f"link-{i}")
        parts.append(above.cert)
    end = above.leaf("localhost", label="end")
    path = os.path.join(directory, "long.pem")
    with open(path, "w") as f:
        f.write("".join(open(p).read() for p in [end.cert] + parts[::-1]))
    return path, end.key


class Garbled(TlsSink):
    """Says what it was told where a handshake should begin."""

    def __init__(self, words, **more):
        self.words = words
        super().__init__(mx.cert, mx.key, **more)

    def secured(self, c):
        c.recv(16384)
        if self.words is None:
            time.sleep(30)
        else:
            c.sendall(self.words)
        raise OSError


def garbled(words, text):
    there = Garbled(words)
    try:
        with sender(there.port, TRUST, timeout="2s") as e:
            e.send("a@there.example", subject="one")
            e.logs("== a@there.example")
            holds(e.log(), text)
            same(e.run("status")[0], 0)
    finally:
        there.close()


nul = ca.leaf(b"localhost\0.evil.example", label="nul", names=[])
wide = ca.leaf("localhost", label="wide", names=["x" * 63 + ".example"] * 900)
case("a name with a NUL in it is not the name before it", lambda: against(nul.cert, nul.key, "TLS session: "))
case("64 KiB of names: not the host's, and it costs nothing else", lambda: against(wide.cert, wide.key, "TLS session: "))
case("a chain of a hundred certificates", lambda: against(*long_chain(100), "TLS session: "))
case("clear text where the handshake begins", lambda: garbled(b"220 what?\r\n" * 20, "TLS session: "))
case("a broken record", lambda: garbled(b"\x16\x03\x03\xff\xff" + b"\0" * 2000, "TLS session: "))
case("a server that hangs up within the handshake", lambda: garbled(b"", "TLS session: "))
case("one that never answers", lambda: garbled(None, "TLS session: the handshake timed out"))
shutil.rmtree(directory, ignore_errors=True)
done()
