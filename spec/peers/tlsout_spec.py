#!/usr/bin/env python3
# TLS to other hosts: names in certificates (F05), sessions resumed (F07), several messages on one connection (F11),
# proofs (F01), what falls back to clear text and what does not (R6.3).
import os, ssl, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *
from ca import CA
from tlssink import TlsSink
from postfix import Postfix

SITE = """
site {{
  primary_hostname = "mx.example.org",
  listen           = {{ "127.0.0.1:{port}" }},
  dns_servers      = "127.0.0.1#9",
  log_selector     = "+tls_peerdn +tls_resumption",
}}
acl.rcpt {{ accept {{ hosts = "127.0.0.1" }} }}
router.remote {{ driver = "manualroute", route_list = {{ "* HOST byname" }}, self = "send", transport = "remote" }}
transport.remote {{ driver = "smtp", port = {sink}, allow_localhost = true, connect_timeout = "5s", command_timeout = "30s", OPTIONS
ACTION }}
retry.rule {{ "*", "*", "F,1h,1h" }}
"""
ACTION = """event_action = function(m)
    if m.event_name == "msg:delivery" then
      logwrite(("%s verified=%s resumption=%s ocsp=%s sni=%s bits=%s ver=%s dn=%s"):format(m.event_name, tostring(m.tls_out_certificate_verified),
        tostring(m.tls_out_resumption), tostring(m.tls_out_ocsp), tostring(m.tls_out_sni), tostring(m.tls_out_bits), tostring(m.tls_out_ver),
        tostring(m.tls_out_peerdn)))
    end
    EVENTS
  end"""                    # whoever listens to tcp:close has no connection kept: with action=None nobody does

directory = tempfile.mkdtemp(prefix="perigee-tlsout.")
os.chmod(directory, 0o755)              # whoever checks rules is nobody
ca = CA(directory)
leaf = {}


def cert(label, common, names=None, **more):
    leaf[label] = ca.leaf(common, label=label, names=names, **more)
    return leaf[label]


cert("good", "localhost")
cert("wrong", "other.example")
cert("cn", "localhost", names=[])
cert("client", "mx.example.org")
cert("expired", "localhost", ends=-86400)
cert("revoked", "localhost")
crl = ca.crl([leaf["revoked"]])
TRUST = f'tls_verify_certificates = "{ca.cert}", '


def engine(sink, options="", events="", host="localhost", before="", **more):
    action = "" if events is None else ACTION.replace("EVENTS", events)
    return Engine(site=before + SITE.replace("HOST", host).replace("OPTIONS", options).replace("ACTION", action), sink=sink.port, workers=1, **more)


def run(what, options="", events="", cert="good", before="", **sink):
    pair = leaf[cert] if cert else None
    with TlsSink(*((pair.cert, pair.key) if pair else ()), **sink) as s, engine(s, options, events, before=before) as e:
        what(e, s)


def delivered(e, *holding, subject="one", lacking=()):
    e.send("a@there.example", subject=subject)
    e.logs("=> a@there.example")
    line = [l for l in e.log().splitlines() if "=> a@there.example" in l][-1]
    for text in holding:
        holds(line, text)
    for text in lacking:
        if text in line:
            raise AssertionError(f"{text!r} in {line}")


def deferred(e, s, text):
    e.send("a@there.example", subject="no")
    e.logs("== a@there.example")
    holds(e.log(), text)
    same(s.mails(), [])
    same(s.commands("mail"), [])


def more(e, s, n):
    """Another message, once the one before has gone."""
    e.send("a@there.example", subject=f"message-{n}")
    same(until(lambda: len(s.mails()) == n), True)
    same(until(lambda: e.log().count("Completed") >= n), True)


# ---- names (F05)

case("CERT-T1 a certificate that is for the host: CV=yes",
     lambda: run(lambda e, s: (delivered(e, "CV=yes", 'DN="CN=localhost"', "X=TLS1.3:TLS_"),
                               e.logs("verified=true resumption=1 ocsp=1 sni=nil bits=256 ver=TLS1.3 dn=CN=localhost")), TRUST + 'tls_verify_hosts = "*",'))
case("CERT-T1 for another name: not used where it must verify",
     lambda: run(lambda e, s: deferred(e, s, "TLS session: "), TRUST + 'tls_verify_hosts = "*",', cert="wrong"))
case("CERT-T4 for another name, and verifying is only tried: CV=no",
     lambda: run(lambda e, s: delivered(e, "CV=no"), TRUST, cert="wrong"))
case("CERT-T1 names are not compared where that is not wanted",
     lambda: run(lambda e, s: delivered(e, "CV=yes"), TRUST + 'tls_verify_hosts = "*", tls_verify_cert_hostnames = "",', cert="wrong"))
case("CERT-T3 a common name alone will do", lambda: run(lambda e, s: delivered(e, "CV=yes"), TRUST + 'tls_verify_hosts = "*",', cert="cn"))
case("one that has expired: not used", lambda: run(lambda e, s: deferred(e, s, "expired"), TRUST + 'tls_verify_hosts = "*",', cert="expired"))
case("one that is revoked: not used (F09)",
     lambda: run(lambda e, s: deferred(e, s, "revoked"), TRUST + f'tls_verify_hosts = "*", tls_crl = "{crl}",', cert="revoked"))
case("the list of revocations lets others pass",
     lambda: run(lambda e, s: delivered(e, "CV=yes"), TRUST + f'tls_verify_hosts = "*", tls_crl = "{crl}",'))

# ---- in clear, or not (R6.3)

case("no STARTTLS is offered: in clear", lambda: run(lambda e, s: delivered(e, lacking=["X="]), cert=None))
case("hosts_require_tls and no STARTTLS: not used",
     lambda: run(lambda e, s: deferred(e, s, "a TLS session is required, but the server did not offer TLS support"), 'hosts_require_tls = "*",', cert=None))
case("hosts_avoid_tls: in clear", lambda: run(lambda e, s: (delivered(e, lacking=["X="]), same(s.commands("starttls"), [])), 'hosts_avoid_tls = "localhost",'))
case("hosts_avoid_tls and hosts_require_tls: not used, and it is said why",
     lambda: run(lambda e, s: (deferred(e, s, "a TLS session is required, but hosts_avoid_tls has this host"), same(s.commands("starttls"), [])),
                 'hosts_avoid_tls = "*", hosts_require_tls = "*",'))
case("STARTTLS put off: in clear, on the same connection",
     lambda: run(lambda e, s: (delivered(e, lacking=["X="]), same(s.connections, 1)), starttls="454 not now"))
case("... unless that is not to be", lambda: run(lambda e, s: deferred(e, s, "after STARTTLS: 454 not now"), "tls_tempfail_tryclear = false,", starttls="454 not now"))
case("... or TLS is required", lambda: run(lambda e, s: deferred(e, s, "an attempt to start TLS failed"), 'hosts_require_tls = "*",', starttls="454 not now"))
case("a handshake that fails: in clear, on another connection",
     lambda: run(lambda e, s: (delivered(e, lacking=["X="]), e.logs("delivering unencrypted to H=localhost [127.0.0.1] (not in hosts_require_tls)"),
                               same(s.mails()[0][:2], (2, "clear"))), 'tls_require_ciphers = "AES128-SHA", ', version=ssl.TLSVersion.TLSv1_2))
case("... but not where TLS is required",
     lambda: run(lambda e, s: deferred(e, s, "TLS session: "), 'hosts_require_tls = "*", tls_require_ciphers = "AES128-SHA", ',
                 version=ssl.TLSVersion.TLSv1_2))
case("bytes behind the answer to STARTTLS end the connection (R3.4)",
     lambda: run(lambda e, s: (deferred(e, s, "unexpected data from remote mail server at STARTTLS")), starttls="220 go\r\n250-evil"))
case("a file that is not there: TLS fails, and says which",
     lambda: run(lambda e, s: deferred(e, s, "/no/such/file"), 'hosts_require_tls = "*", tls_certificate = "/no/such/file",'))
case("smtps: TLS from the first byte", lambda: run(lambda e, s: (delivered(e, "X=TLS1.3", "CV=yes"), same(s.mails()[0][1], "tls")),
                                                  TRUST + 'protocol = "smtps",', implicit=True))
case("smtps with a server that speaks first in clear: not used", lambda: run(lambda e, s: deferred(e, s, "TLS session: "), 'protocol = "smtps",', cert=None))

# ---- what is asked of the server

case("SNI, by a function of the host",
     lambda: run(lambda e, s: (delivered(e, "X="), same(s.names, ["mail.localhost"]), e.logs("sni=mail.localhost")),
                 'tls_sni = function(m) return "mail." .. m.host end,'))


def no_name(e, s):
    e.send("a@there.example", subject="one")
    e.logs("== a@there.example")
    holds(e.log(), "tls_sni")
    same(s.connections, 0)


case("SNI that is no name: put off, and not another name asked for in silence",
     lambda: [run(no_name, f"tls_sni = function(m) return {text} end,") for text in ('"a\\0b"', '("x"):rep(300)', '"two words"')])
case("SNI in another alphabet goes as a server knows it",
     lambda: run(lambda e, s: (delivered(e, "X="), same(s.names, ["xn--mx-via.example"])), 'tls_sni = "m\u00e4x.example",'))
case("no SNI by default", lambda: run(lambda e, s: (delivered(e, "X="), same(s.names, [None]))))


def by_domain(e, s):
    """The bank's mail needs TLS, which there is none of; who is written to beside it does not matter."""
    e.send("a@there.example", "a@bank.example", subject="both")
    e.logs("=> a@there.example")
    e.logs("== a@bank.example")
    same([n for n, way in s.commands("rcpt")], [1])


case("what a function requires for one domain holds for it beside another, too",
     lambda: run(by_domain, 'hosts_require_tls = function(m) if m.domain == "bank.example" then return "*" end end,', cert=None))


# What a list of hosts may hold, and whether localhost, 127.0.0.1, is in it.
LISTS = [('"localhost"', True), ('"LOCALHOST : other.example"', True), ('"other.example"', False), ('"127.0.0.0/8"', True), ('"127.0.0.1"', True),
         ('{{ "::1", "10.0.0.0/8" }}', False), ('"*host"', True), ('"*.example"', False), ('"!other.example"', True), ('"!localhost : *"', False),
         ('"!localhost"', False), ('"+near"', True), ('"!+near"', False), ('"+not_near"', False), ('"+far : +near"', True), ('"+other_than_far"', True),
         ('"^local"', True), ('"^far"', False), ('"FILE"', True), ('"net-lsearch;KEYS"', True), ('"lsearch;KEYS"', False), ('"lsearch;NAMES"', True),
         ('{{ function(ip, m) return ip == "127.0.0.1" and m.host == "localhost" end }}', True), ('{{ "+far", function(ip) return ip == "192.0.2.1" end }}', False),
         ('function(m) return "+near" end', True), ('function(m) return {{ "+near" }} end', True), ('function(m) return {{ "+far" }} end', False),
         ('function(m) return "^local" end', True), ('function(m) return "+nowhere" end', True), ('function(m) return {{ "+nowhere" }} end', True),
         ('function(m) return "[x" end', True), ('function(m) return m.host == "localhost" and "*" or nil end', True)]
NAMED = """
hostlist.near = {{ "192.0.2.1", "127.0.0.0/8" }}
hostlist.far = {{ "192.0.2.0/24", "*.far.example" }}
hostlist.not_near = {{ "!+near", "*" }}
hostlist.other_than_far = "!+far"
"""


def lists_say():
    """hosts_require_tls of many transports against hosts without TLS, one each: put off where the list has it, or cannot say."""
    sinks = [TlsSink() for _ in LISTS]

    def file(name, text):
        path = os.path.join(directory, name)
        with open(path, "w") as f:
            f.write(text)
        return path
    paths = {"FILE": file("list", "# near\n127.0.0.0/8\n"), "KEYS": file("keys", "127.0.0.1: x\n"), "NAMES": file("names", "localhost: x\n")}
    rules = NAMED
    for i, (text, _) in enumerate(LISTS):
        for word, path in paths.items():
            text = text.replace(word, path)
        rules += (f'router.r{i} {{{{ driver = "manualroute", domains = "d{i}.example", route_list = {{{{ "* localhost byname" }}}}, self = "send", transport = "t{i}" }}}}\n'
                  f'transport.t{i} {{{{ driver = "smtp", port = {sinks[i].port}, allow_localhost = true, hosts_require_tls = {text} }}}}\n')
    with Engine(site=LISTED, extra=rules, workers=1) as e:
        e.send(*[f"a@d{i}.example" for i in range(len(LISTS))], subject="lists")
        for i in range(len(LISTS)):
            until(lambda: re.search(rf"(=>|->|==|\*\*) a@d{i}\.example ", e.log()))
        got = [bool(re.search(rf"== a@d{i}\.example ", e.log())) for i in range(len(LISTS))]
        same([(text, was) for (text, _), was in zip(LISTS, got)], LISTS)
    for s in sinks:
        s.close()


LISTED = SITE[:SITE.index("router.remote")] + 'retry.rule {{ "*", "*", "F,1h,1h" }}\n'
case("lists of hosts hold what lists hold elsewhere, and what cannot be found out is no no", lists_say)


def others_listed(e, s):
    """Not only those about TLS."""
    e.send("a@there.example", subject="one")
    e.logs("== a@there.example")
    same(s.commands("mail"), [])


case("... in all options of that kind",
     lambda: run(others_listed, 'hosts_require_auth = "+us", hosts_try_auth = "+us", ', cert=None, before='hostlist.us = {{ "127.0.0.0/8" }}'))


def not_kept(e, s):
    """The connection that the first message left open knows nothing of a login."""
    e.send("a@there.example", subject="message-1")
    e.logs("=> a@there.example")
    e.send("a@bank.example", subject="message-2")
    e.logs("== a@bank.example")
    same(len(s.mails()), 1)


case("... nor does a connection that is kept lack what another message needs",
     lambda: run(not_kept, 'hosts_require_auth = function(m) if m.domain == "bank.example" then return "*" end end,', None, cert=None))
case("a certificate of ours", lambda: run(lambda e, s: (delivered(e, "X="), same(s.clients, [leaf["client"].der])),
                                          f'tls_certificate = "{leaf["client"].cert}", tls_privatekey = "{leaf["client"].key}",', ca=ca.cert))
case("OCSP-T6 a proof is asked for, and its absence costs nothing",
     lambda: run(lambda e, s: (delivered(e, "X="), same(s.status, [True]))))
case("OCSP-T5 a proof that must be there and is not: not used",
     lambda: run(lambda e, s: deferred(e, s, "Required TLS certificate status not received"), TRUST + 'hosts_require_ocsp = "*", hosts_require_tls = "*",'))
case("hosts_request_ocsp empty: none is asked for", lambda: run(lambda e, s: (delivered(e, "X="), same(s.status, [False])), 'hosts_request_ocsp = "",'))

# ---- tls:cert (F24)

REFUSE = 'if m.event_name == "tls:cert" then logwrite("cert " .. m.event_data) return "not this one" end'
case("tls:cert sees the certificates, and a word refuses the host where it must verify",
     lambda: run(lambda e, s: (deferred(e, s, "TLS session: "), e.logs("cert ")), TRUST + 'tls_verify_hosts = "*",', REFUSE))
case("... and CV=no where it need not", lambda: run(lambda e, s: delivered(e, "CV=no"), TRUST, REFUSE))
case("tls:cert without objection", lambda: run(lambda e, s: (delivered(e, "CV=yes"), e.logs("cert 0")), TRUST,
                                               'if m.event_name == "tls:cert" then logwrite("cert " .. m.event_data) end'))


# ---- several messages (F11)

def both(e, s, check):
    e.send("a@there.example", subject="message-1")
    same(until(lambda: len(s.mails()) == 1), True)
    more(e, s, 2)
    check(e, s)


def one_connection(e, s):
    same((s.connections, len(s.commands("starttls")), len(s.commands("mail"))), (1, 1, 2))
    e.logs("[127.0.0.1]* X=TLS1.3")
    line = [l for l in e.log().splitlines() if "]*" in l][-1]
    if "CV=" in line or "DN=" in line or " DS" in line:
        raise AssertionError(line)


def shut_down(e, s):
    same(s.connections, 1)
    same([way for _, way in s.commands("mail")], ["tls", "tls"])
    same([way for _, way in s.commands("starttls")], ["clear", "clear"])
    same([way for _, way in s.commands("ehlo")], ["clear", "tls", "clear", "tls"])


case("TPRX-T1, TPRX-T2 two messages, one connection, one handshake; the second line says less", lambda: run(lambda e, s: both(e, s, one_connection), "", None))
case("TPRX-T3 hosts_noproxy_tls: TLS ends, EHLO in clear, and begins again",
     lambda: run(lambda e, s: both(e, s, shut_down), 'hosts_noproxy_tls = "*",', None, version=ssl.TLSVersion.TLSv1_2))
case("TPRX-T3 under TLS 1.3, too", lambda: run(lambda e, s: both(e, s, shut_down), 'hosts_noproxy_tls = "*",', None))
case("TPRX-T4 the server leaves when TLS ends: the message goes by another connection, the host is not blamed",
     lambda: run(lambda e, s: both(e, s, lambda e, s: (same(s.connections, 2), same("==" in e.log(), False))), 'hosts_noproxy_tls = "*",', None, after_end="close"))
case("hosts_nopass_tls: one message a connection", lambda: run(lambda e, s: both(e, s, lambda e, s: same(s.connections, 2)), 'hosts_nopass_tls = "*",'))

# ---- sessions (F07)

AGAIN = TRUST + 'tls_resumption_hosts = "*", hosts_nopass_tls = "*",'


def resumed(e, s):
    same(s.resumed, [False, True])
    e.logs("resumption=11 ")
    e.logs("resumption=31 " if "resumption=31 " in e.log() else "resumption=23 ")
    lines = [l for l in e.log().splitlines() if "=> a@" in l]
    holds(lines[1], ":256* CV=yes")
    if ":256*" in lines[0]:
        raise AssertionError(lines[0])


case("RES-T1, RES-T2 the second connection resumes the first one's session", lambda: run(lambda e, s: both(e, s, resumed), AGAIN))
case("RES-T2 under TLS 1.2", lambda: run(lambda e, s: both(e, s, lambda e, s: same(s.resumed, [False, True])), AGAIN, version=ssl.TLSVersion.TLSv1_2))
def kept(e, s):
    code, out, _ = e.run("hints", "list", "tls")
    same((code, bool(re.fullmatch(r"[0-9a-f]{64}  until .*\n", out))), (0, True))
    row = json.loads(e.run("hints", "list", "--json", "tls")[1])
    same((row["table"], "value" in row), ("tls", False))
    same(e.run("hints", "tidy")[:2], (0, "0\n"))
    same(e.run("hints", "remove", "tls")[0], 0)
    same(e.run("hints", "list", "tls")[:2], (0, ""))
    e.send("a@there.example", subject="message-3")
    same(until(lambda: len(s.mails()) == 3), True)
    same(s.resumed[2], False)


case("RES-T7 sessions are listed, and are forgotten when that is wanted", lambda: run(lambda e, s: both(e, s, kept), AGAIN))
case("RES-T8 not without tls_resumption_hosts", lambda: run(lambda e, s: both(e, s, lambda e, s: (same(s.resumed, [False, False]), e.logs("resumption=1 "))),
                                                            TRUST + 'hosts_nopass_tls = "*",'))
case("RES-T8 another SNI, another session",
     lambda: run(lambda e, s: both(e, s, lambda e, s: same(s.resumed, [False, False])),
                 AGAIN + 'tls_sni = function(m) return (m.message_id or ""):sub(-2) .. ".example" end,'))


def revoked_since(e, s):
    e.send("a@there.example", subject="message-1")
    e.logs("CV=yes")
    same(until(lambda: len(s.mails()) == 1 and e.log().count("Completed") == 1), True)
    ca.crl([leaf["good"]], label="since")
    e.send("a@there.example", subject="message-2")
    e.logs("== a@there.example")
    holds(e.log(), "certificate revoked")
    same((len(s.mails()), s.resumed[:1]), (1, [False]))


case("RES-T8 what has changed in a file since counts: no session is resumed past a list that revokes its certificate",
     lambda: run(revoked_since, AGAIN + f'tls_verify_hosts = "*", tls_crl = "{ca.crl([], label="since")}",'))
case("RES-T6 a host that must prove itself is not resumed",
     lambda: run(lambda e, s: (deferred(e, s, "status not received")), AGAIN + 'hosts_require_ocsp = "*", hosts_require_tls = "*",'))


# ---- a peer

def to_postfix():
    p = Postfix(f"smtpd_tls_cert_file = {leaf['good'].cert}\nsmtpd_tls_key_file = {leaf['good'].key}\nsmtpd_tls_security_level = encrypt\nsmtpd_tls_received_header = yes")
    try:
        with engine(p, TRUST + 'tls_verify_hosts = "*", hosts_require_tls = "*",') as e:
            e.send("a@there.example", subject="to-postfix")
            e.logs("=> a@there.example R=remote T=remote H=localhost [127.0.0.1] X=TLS1.3")
            same(until(lambda: len(p.mails()) == 1), True)
            holds(p.mails()[0], "(using TLSv1.3 with cipher")
    finally:
        p.close()


case("Postfix that takes mail under TLS only", to_postfix)
shutil.rmtree(directory, ignore_errors=True)
done()
