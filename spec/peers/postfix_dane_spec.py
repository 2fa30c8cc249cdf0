#!/usr/bin/env python3
# Postfix verifies us by TLSA records: its finger, and a delivery.
import os, smtplib, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *
from ca import CA, write
from postfix import Postfix
from tls import tls_site
from zone import Resolver, Zones, elsewhere

directory = tempfile.mkdtemp(prefix="perigee-postdane.")
os.chmod(directory, 0o755)
ca = CA(directory)
mx = ca.leaf("mx.to.sec.example", label="mx", names=["mx.to.sec.example", "mx.two.sec.example"])
other = ca.leaf("other.example", label="other")
whole = os.path.join(directory, "whole.pem")        # with the authority itself, for usage 2, and with its key
write(whole, "".join(open(p).read() for p in (mx.cert, ca.cert, mx.key)), 0o600)
SERVER = tls_site(f'tls_certificate = "{whole}", log_selector = "+tls_sni",').replace('accept {{ hosts = "127.0.0.1" }},', "accept {{}},") \
    .replace('domains = "+local_domains", ', "")
FITS = {"to": ("usage 3", mx.tlsa(3, 1, 1)), "two": ("usage 2", ca.tlsa(2, 0, 1))}
NOT = {"key": ("another key", other.tlsa(3, 1, 2)), "name": ("usage 2, and a certificate for another name", ca.tlsa(2, 0, 1))}


def zone(port):
    out = [f"{name} MX 10 mx.{name}\nmx.{name} A 127.0.0.1\n_{port}._tcp.mx.{name} TLSA {record}"
           for name, (_, record) in {**FITS, **NOT}.items()]
    return "\n".join(out) + "\nalias MX 10 mx.alias\nmx.alias CNAME mx.to\n"


def finger(env, port, name):
    """What Postfix thinks of a domain's host; verified or not."""
    r = subprocess.run([tool("posttls-finger"), "-c", "-l", "dane", "-t", "30", "-T", "30", "-o", "smtp_dns_support_level=dnssec",
                        "-o", "inet_protocols=ipv4", f"{name}.sec.example:{port}"], capture_output=True, text=True, timeout=120, env=dict(os.environ, **env))
    return r.returncode, r.stdout + r.stderr


def fingered(env, port, name, *holding):
    code, text = finger(env, port, name)
    for what in holding:
        holds(text, what)


def delivered(p, e, name, *holding):
    with smtplib.SMTP("127.0.0.1", p.port, timeout=30 * SLOW) as s:
        s.sendmail("a@there.example", f"b@{name}.sec.example", MESSAGE.format(subject=f"to-{name}", body="text"))
    p.logs(f"to=<b@{name}.sec.example>")
    for text in holding:
        p.logs(text)


with Engine(site=SERVER) as e, Zones(signed={"sec.example": zone(e.port)}) as z, Resolver(z) as r:
    env = elsewhere(directory, r.port)
    for name, (what, _) in FITS.items():
        case(f"posttls-finger, {what}: verified", lambda: fingered(env, e.port, name, "Verified TLS connection established to mx." + name))
    for name, (what, _) in NOT.items():
        case(f"posttls-finger, {what}: not", lambda: fingered(env, e.port, name, "server certificate verification failed", "Untrusted TLS connection established"))
    case("posttls-finger, an alias: verified by the records it leads to", lambda: fingered(env, e.port, "alias", "Verified TLS connection established to mx."))
    domains = " ".join(f"{{ {name}.sec.example = smtp:{name}.sec.example:{e.port} }}" for name in (*FITS, *NOT, "alias"))
    p = Postfix(f"smtp_tls_security_level = dane\nsmtp_dns_support_level = dnssec\nsmtp_tls_loglevel = 1\ntransport_maps = inline:{{ {domains} }}",
                dns=r.port)
    try:
        for name, (what, _) in FITS.items():
            case(f"Postfix with DANE, {what}: delivered",
                 lambda: (delivered(p, e, name, f"Verified TLS connection established to mx.{name}.sec.example[127.0.0.1]:{e.port}", "status=sent"),
                          same(until(lambda: f"to-{name}" in e.subjects()), True), e.logs(f'SNI="mx.{name}.sec.example"')))
        for name, (what, _) in NOT.items():
            case(f"Postfix with DANE, {what}: put off",
                 lambda: (delivered(p, e, name, "status=deferred (Server certificate not verified)"), same(f"to-{name}" in e.subjects(), False)))
    finally:
        p.close()

shutil.rmtree(directory, ignore_errors=True)
done()
