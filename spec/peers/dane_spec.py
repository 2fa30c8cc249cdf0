#!/usr/bin/env python3
# DANE, F06: hosts of zones signed here, with TLSA records that fit and ones that do not.
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *
from ca import CA
from tlssink import TlsSink
from zone import Zones

SITE = """
site {{
  primary_hostname = "mx.example.org",
  listen           = {{ "127.0.0.1:{port}" }},
  log_selector     = "+dnssec +tls_peerdn",
  DNS
}}
ACL
router.dns {{ driver = "dnslookup", self = "send", transport = "remote" }}
transport.remote {{ driver = "smtp", port = {sink}, allow_localhost = true, connect_timeout = "5s", command_timeout = "30s", OPTIONS
  event_action = function(m)
    if m.event_name == "msg:delivery" or m.event_name == "dane:fail" then
      logwrite(("%s %s dane=%s usage=%s ocsp=%s sni=%s signed=%s"):format(m.event_name, m.event_name == "dane:fail" and m.event_data or m.domain,
        tostring(m.tls_out_dane), tostring(m.tls_out_tlsa_usage), tostring(m.tls_out_ocsp), tostring(m.tls_out_sni), tostring(m.lookup_dnssec_authenticated)))
    end
  end }}
retry.rule {{ "*", "*", "F,1h,1h" }}
"""


LISTS = """
hostlist.untried = "mx.wrong.sec.example"
hostlist.signed = "*.sec.example"
domainlist.hosts = {{ "mx.none.sec.example", "mx.misnamed.sec.example" }}
domainlist.these = {{ "+hosts" }}
router.asked {{ driver = "accept", domains = "asked.example", transport = "asked" }}
router.unasked {{ driver = "accept", domains = "unasked.example", transport = "unasked" }}
router.abroad {{ driver = "manualroute", domains = "abroad.example", route_list = {{ "* m\u00e4x.sec.example" }}, self = "send", transport = "abroad" }}
transport.abroad {{ driver = "smtp", port = {sink}, allow_localhost = true, hosts_require_tls = "M\u00c4X.sec.example" }}
transport.asked {{ driver = "smtp", port = {sink}, hosts = "mx.misnamed.sec.example", allow_localhost = true, dnssec_request_domains = "+these" }}
transport.unasked {{ driver = "smtp", port = {sink}, hosts = "mx.misnamed.sec.example", allow_localhost = true, dnssec_request_domains = function(m) return "!+these" end }}
"""
TAKE = 'acl.rcpt {{ accept {{ hosts = "127.0.0.1" }} }}'


def engine(zones, sink, options="", acl=TAKE, before="", **more):
    anchors = ", ".join(f'"{a}"' for a in zones.anchors).replace("\t", " ")
    dns = f'dns_servers = "127.0.0.1#{zones.port}", dns_trust_anchors = {{{{ {anchors} }}}},'
    return Engine(site=before + SITE.replace("DNS", dns).replace("ACL", acl).replace("OPTIONS", options), sink=sink, workers=1, **more)


directory = tempfile.mkdtemp(prefix="perigee-dane.")
ca = CA(directory)
other = ca.leaf("other.example", label="other")
port = free_port()


def records(*hosts):
    """NAME ADDRESS [TLSA...]: a domain with one MX, that host and its TLSA records, which may be a CNAME's target."""
    out = []
    for name, address, *tlsa in hosts:
        out += [f"{name} MX 10 mx.{name}", f"mx.{name} A {address}"]
        out += [f"_{port}._tcp.mx.{name} {'CNAME' if ' ' not in t else 'TLSA'} {t}" for t in tlsa]
    return "\n".join(out)


mx = {n: ca.leaf(f"mx.{n}.sec.example", label=n) for n in ("ee", "ta")}
sinks = {}


def whole(pair):
    """The chain with the authority itself (DANE-06)."""
    path = pair.stem + ".whole.pem"
    with open(path, "w") as f:
        f.write("".join(open(p).read() for p in (pair.cert, ca.cert)))
    return path


def sink_at(address, *args, **more):
    sinks[address] = TlsSink(*args, address=address, port=port, **more)


sink_at("127.0.0.2", mx["ee"].cert, mx["ee"].key)           # usage 3
sink_at("127.0.0.3", whole(mx["ta"]), mx["ta"].key)          # usage 2
sink_at("127.0.0.4")                                        # no STARTTLS
sink_at("127.0.0.5", other.cert, other.key)                 # another name
for i, name in enumerate(("real.via", "next", "mx.old", "own")):     # usage 2, and what each may be called
    pair = ca.leaf(name + ".sec.example", label=name)
    sink_at(f"127.0.0.{6 + i}", whole(pair), pair.key)
TA = ca.tlsa(2, 0, 1)


def alias(name, address, host=None, expanded=None):
    """A domain whose MX is an alias; TLSA records at the host's own name, and at the name it leads to."""
    out = [f"{name} MX 10 mx.{name}", f"mx.{name} CNAME real.{name}", f"real.{name} A {address}"]
    out += [f"_{port}._tcp.{at}.{name} {'CNAME' if ' ' not in t else 'TLSA'} {t}" for at, t in (("mx", host), ("real", expanded)) if t]
    return "\n".join(out) + "\n"


zones = Zones(
    signed={"sec.example": records(
        ("ee", "127.0.0.2", mx["ee"].tlsa(3, 1, 2)),
        ("wrong", "127.0.0.2", other.tlsa(3, 1, 1)),
        ("ta", "127.0.0.3", ca.tlsa(2, 0, 1)),
        ("misnamed", "127.0.0.3", ca.tlsa(2, 0, 1)),
        ("clear", "127.0.0.4", mx["ee"].tlsa(3, 1, 1)),
        ("cname", "127.0.0.2", "_tlsa"),
        ("fail", "127.0.0.2", "x.dead.example."),
        ("forged", "127.0.0.2", "x.bogus.example."),
        ("unsigned", "127.0.0.2", "x.plain.example."),
        ("none", "127.0.0.2"),
        ("useless", "127.0.0.2", mx["ee"].tlsa(1, 1, 1)),
        ("noclear", "127.0.0.5", mx["ee"].tlsa(3, 1, 1)),
        ("junk", "127.0.0.2", "3 1 0 " + "ab" * 32, "2 0 0 30"),
    ) + f"\n_tlsa TLSA {mx['ee'].tlsa(3, 1, 1)}"
      + f"\nxn--mx-via A 127.0.0.4\nboth MX 10 mx.clear\nboth MX 20 mx.ee\n"
      + alias("expanded", "127.0.0.2", expanded=mx["ee"].tlsa(3, 1, 1))
      + alias("original", "127.0.0.2", host=mx["ee"].tlsa(3, 1, 1))
      + alias("first", "127.0.0.2", host=other.tlsa(3, 1, 1), expanded=mx["ee"].tlsa(3, 1, 1))
      + alias("second", "127.0.0.2", host=mx["ee"].tlsa(3, 1, 1), expanded=other.tlsa(3, 1, 1))
      + alias("broken", "127.0.0.2", host=mx["ee"].tlsa(3, 1, 1), expanded="x.dead.example.")
      + alias("loose", "127.0.0.2", host=mx["ee"].tlsa(3, 1, 1), expanded="x.plain.example.")
      + f"leaves MX 10 mx.leaves\nmx.leaves CNAME mx.in.plain.example.\n_{port}._tcp.mx.leaves TLSA {other.tlsa(3, 1, 1)}\n"
      + alias("via", "127.0.0.6", expanded=TA)
      + alias("next", "127.0.0.7", expanded=TA) + "also CNAME next\nguest MX 10 mx.next\n"
      + alias("old", "127.0.0.8", expanded=TA)
      + f"own CNAME real.own\nreal.own A 127.0.0.9\n_{port}._tcp.real.own TLSA {TA}\n"},
    plain={"plain.example": records(("in", "127.0.0.2", mx["ee"].tlsa(3, 1, 1))) + f"\nx TLSA {mx['ee'].tlsa(3, 1, 1)}"
           + "\nbeside MX 10 mx.ee.sec.example.\nlured MX 10 mx.wrong.sec.example.\n"},
    spoiled={"bogus.example": f"x A 127.0.0.2\nx TLSA {mx['ee'].tlsa(3, 1, 1)}"},
    missing=["dead.example"])


def lines(e, text):
    e.logs(text)
    return next(l for l in e.log().splitlines() if text in l)


def delivered(e, name, *holding, lacking=()):
    e.send(f"a@{name}", subject=name)
    e.logs(f"=> a@{name} ")
    line = lines(e, f"=> a@{name} ")
    for text in holding:
        holds(line, text)
    for text in lacking:
        if text in line:
            raise AssertionError(f"{text!r} in {line}")


def not_delivered(e, name, text, how="=="):
    before = sum(len(s.mails()) for s in sinks.values())
    e.send(f"a@{name}", subject=name)
    e.logs(f"{how} a@{name} ")
    holds(lines(e, f"{how} a@{name} "), text)
    same(sum(len(s.mails()) for s in sinks.values()), before)
    same([way for n, way in sinks["127.0.0.4"].commands("mail")], [])


def beside(e, *people):
    """One message for a domain whose MX record anybody could have made and for one that is signed, at the same host."""
    e.send(*people, subject="beside")
    for who in people:
        e.logs(f"> {who} ")
    plain, secure = (lines(e, f"> b@{n}.example ") for n in ("beside.plain", "ee.sec"))
    holds(plain, "CV=no")
    holds(secure, " DS X=TLS1.")
    holds(secure, "CV=dane")


CUT = """acl.rcpt {{ accept {{ hosts = "127.0.0.1", control = "cutthrough_delivery", verify = "recipient/callout=hold" }} }}"""


def lured(e):
    """What was opened for a domain without DNSSEC is of no use to one whose records bind, though the host is the same."""
    with e.smtp() as s:
        s.ehlo()
        s.mail("a@there.example")
        same(s.rcpt("a@lured.plain.example")[0], 250)
        same(s.rcpt("a@wrong.sec.example")[0], 451)


def counted(e):
    c = e.status()["counters"]
    same((c["deliveries_dane"], c["deliveries_verified"]), (sum("CV=dane" in line for line in e.log().splitlines()), 0))


def two_domains(e):
    """What proves the host of the one is not what proves it for the other, though host and records are the same."""
    e.send("a@next.sec.example", "a@guest.sec.example", subject="two")
    e.logs("=> a@next.sec.example ")
    e.logs("== a@guest.sec.example ")
    holds(lines(e, "== a@guest.sec.example "), "TLS session: ")


def seen(e, name, *holding, status=0, lacking=()):
    code, out, err = e.run("tls", name)
    same((code, err), (status, ""))
    for text in holding:
        holds(out, text)
    before = [way for _, way in sinks["127.0.0.2"].commands("mail")]
    return out, before


def look(e):
    """perigee tls says what the deliveries above did."""
    case("perigee tls: verified by TLSA records",
         lambda: seen(e, "ee.sec.example", "mx.ee.sec.example [127.0.0.2]:", "MX=10 DNSSEC=secure transport=remote", "  TLSA         3 1 2 ",
                      "cipher       TLS1.3:", "certificate  CN=mx.ee.sec.example, by ", "the certificate is for this host",
                      "OCSP         none was sent", "resumption   a session is resumed",
                      "verdict      delivered over TLS, verified by the host's TLSA records"))
    case("perigee tls: records that do not fit", lambda: seen(e, "wrong.sec.example", "verdict      not used: TLS session: ", status=1))
    case("perigee tls: records that cannot be had", lambda: seen(e, "fail.sec.example", "verdict      not used: DANE error: tlsa lookup DEFER", status=1))
    case("perigee tls: no TLS where records want it",
         lambda: seen(e, "clear.sec.example", "verdict      not used: a TLS session is required, but the server did not offer TLS support", status=1))
    case("perigee tls: no DNSSEC, and a certificate nobody knows",
         lambda: seen(e, "in.plain.example", "DNSSEC=insecure", "TLSA         not asked for", "name         the certificate is for another host",
                      "verdict      delivered over TLS, to whoever answers: the certificate does not verify"))
    case("perigee tls: where records were found that are not at the host's own name",
         lambda: (holds(seen(e, "via.sec.example", "name         the certificate is for this host", "verdict      delivered over TLS, verified by")[0],
                        "  TLSA         2 0 1 "), seen(e, "via.sec.example", "TLSA of      real.via.sec.example, which it is an alias of")))
    case("perigee tls: whom the certificate may be for",
         lambda: (seen(e, "also.sec.example", "name         the certificate is for this host"),
                  seen(e, "old.sec.example", "verdict      not used: TLS session: ", "name         the certificate is for another host", status=1)))
    case("perigee tls: several hosts, and a name without an answer",
         lambda: (holds(seen(e, "both.sec.example")[0], "mx.clear.sec.example"), same(e.run("tls", "x.dead.example")[0], 2)))

    def as_json():
        code, out, _ = e.run("tls", "--json", "ee.sec.example")
        row = json.loads(out)
        same((code, row["verdict"], row["dnssec"], row["verified"], row["name_fits"], row["tlsa_base"], row["resumed"], len(row["tlsa"]), len(row["chain"])),
             (0, "dane", True, False, True, "mx.ee.sec.example", True, 1, 1))
    case("perigee tls --json", as_json)
    case("perigee tls sends no mail", lambda: same(len([1 for s in sinks.values() for n, way in s.commands("rcpt")]),
                                                  len([1 for s in sinks.values() for m in s.mails()])))


def main():
    with zones:
        with engine(zones, port) as e:
            case("DANE-T1 usage 3 with the key it names: delivered, CV=dane, and the variables say it",
                 lambda: (delivered(e, "ee.sec.example", "CV=dane", " DS", "X=TLS1."),
                          e.logs("msg:delivery ee.sec.example dane=true usage=8 ocsp=0 sni=mx.ee.sec.example signed=yes")))
            case("DANE-T2 usage 3 with another key: not used, put off, nothing said in clear",
                 lambda: (not_delivered(e, "wrong.sec.example", "TLS session: "), e.logs("DANE attempt failed; TLS connection to mx.wrong.sec.example"),
                          e.logs("dane:fail validation-failure dane=nil usage=8")))
            case("DANE-T3 usage 2 with the chain: delivered, usage 4, and a proof was asked for",
                 lambda: (delivered(e, "ta.sec.example", "CV=dane"), e.logs("msg:delivery ta.sec.example dane=true usage=4 ocsp=1"),
                          same(sinks["127.0.0.3"].status[-1], True)))
            case("DANE-T3 usage 2 for another name: refused", lambda: not_delivered(e, "misnamed.sec.example", "TLS session: "))
            case("DANE-T4 TLSA records and no STARTTLS: not used, and the next MX is",
                 lambda: (not_delivered(e, "clear.sec.example", "a TLS session is required, but the server did not offer TLS support"),
                          e.logs("dane:fail starttls-not-supported"), delivered(e, "both.sec.example", "CV=dane", "H=mx.ee.sec.example")))
            case("DANE-T5 an unsigned zone: as without DANE",
                 lambda: (delivered(e, "in.plain.example", "X=TLS1.", "CV=no", lacking=[" DS"]),
                          e.logs("msg:delivery in.plain.example dane=false usage=0 ocsp=1 sni=nil signed=no")))
            case("DANE-T6 TLSA lookup ends in SERVFAIL: the host is not used",
                 lambda: (not_delivered(e, "fail.sec.example", "DANE error: tlsa lookup DEFER"), e.logs("dane:fail dnssec-invalid")))
            case("a forged TLSA answer likewise (RFC 7672 section 2.1.1)",
                 lambda: not_delivered(e, "forged.sec.example", "DANE error: tlsa lookup DEFER"))
            case("records that lead out of what is signed do not bind",
                 lambda: (delivered(e, "unsigned.sec.example", "CV=no"), e.logs("DANE error: TLSA lookup for mx.unsigned.sec.example not DNSSEC")))
            case("a signed host without records: as without DANE", lambda: delivered(e, "none.sec.example", "CV=no", " DS"))
            case("DANE-T8 usage 3 alone: no proof is asked for",
                 lambda: (delivered(e, "ee.sec.example", "CV=dane") if not sinks["127.0.0.2"].status else None,
                          same(sinks["127.0.0.2"].status[0], False)))
            case("DANE-T9 records behind a CNAME count", lambda: delivered(e, "cname.sec.example", "CV=dane"))
            case("an MX host that is an alias: the records of the name it leads to count (RFC 7672 section 2.2.2)",
                 lambda: (delivered(e, "expanded.sec.example", "CV=dane", " DS", "H=mx.expanded.sec.example"),
                          e.logs("msg:delivery expanded.sec.example dane=true usage=8 ocsp=0 sni=real.expanded.sec.example")))
            case("... those of its own name where that has none",
                 lambda: (delivered(e, "original.sec.example", "CV=dane"),
                          e.logs("msg:delivery original.sec.example dane=true usage=8 ocsp=0 sni=mx.original.sec.example")))
            case("... which do not count where it has some, whether they fit",
                 lambda: delivered(e, "first.sec.example", "CV=dane"))
            case("... or not", lambda: not_delivered(e, "second.sec.example", "TLS session: "))
            case("... and are not looked for where those cannot be had", lambda: not_delivered(e, "broken.sec.example", "DANE error: tlsa lookup DEFER"))
            case("... but where those are not signed", lambda: (delivered(e, "loose.sec.example", "CV=dane"),
                                                               e.logs("DANE error: TLSA lookup for real.loose.sec.example not DNSSEC")))
            case("an alias that leads out of what is signed: as without DANE", lambda: delivered(e, "leaves.sec.example", "CV=no"))
            case("usage 2 and an alias: the certificate may be for the name it leads to (RFC 7672 section 3.2.2)",
                 lambda: delivered(e, "via.sec.example", "CV=dane"))
            case("... for the domain that the mail is for", lambda: delivered(e, "next.sec.example", "CV=dane"))
            case("... and for the one that this is an alias of", lambda: delivered(e, "also.sec.example", "CV=dane"))
            case("... not for the name of the MX record, where the records were found at another",
                 lambda: not_delivered(e, "old.sec.example", "TLS session: "))
            case("... but for that of a domain that has no MX", lambda: delivered(e, "own.sec.example", "CV=dane"))
            case("one message for two domains with one host: each has its own names", lambda: two_domains(e))
            case("records of usage 1 are of no use to SMTP: the host is not used",
                 lambda: not_delivered(e, "useless.sec.example", "DANE error: No usable TLSA records"))
            case("who shares a host shares no connection where only one's MX record is secure",
                 lambda: beside(e, "b@beside.plain.example", "b@ee.sec.example"))
            case("whole keys and certificates that are none are of no use either",
                 lambda: not_delivered(e, "junk.sec.example", "DANE error: No usable TLSA records"))
            case("perigee status counts what went out verified by TLSA records", lambda: counted(e))
            look(e)
        with engine(zones, port, acl=CUT) as e:
            case("... nor one that a callout holds", lambda: lured(e))
        with engine(zones, port, 'hosts_require_dane = "*",') as e:
            case("DANE-T5 hosts_require_dane with an unsigned host: failure",
                 lambda: not_delivered(e, "in.plain.example", "DANE error: mx.in.plain.example lookup not DNSSEC", "**"))
            case("hosts_require_dane with a signed host that has no records: failure",
                 lambda: (not_delivered(e, "none.sec.example", "DANE error: tlsa lookup FAIL", "**"), e.logs("dane:fail dane-required")))
        with engine(zones, port, 'hosts_try_dane = "!+untried", hosts_require_dane = function(m) return m.host:find("none") and "+signed" or nil end,',
                    before=LISTS) as e:
            case("named lists say for which hosts of a transport answers may count as secure",
                 lambda: (e.send("a@asked.example", "a@unasked.example", subject="hosted"), e.logs("== a@asked.example "),
                          holds(lines(e, "== a@asked.example "), "TLS session: "), e.logs("=> a <a@unasked.example> "),
                          holds(lines(e, "=> a <a@unasked.example> "), "CV=no")))
            case("a host in another alphabet is the one the DNS has, in lists too (CERT-04)",
                 lambda: (e.send("a@abroad.example", subject="abroad"), e.logs("== a@abroad.example "),
                          [holds(lines(e, "== a@abroad.example "), text) for text in ("H=xn--mx-via.sec.example", "a TLS session is required")]))
            case("named lists say where DANE is tried, and functions know the host",
                 lambda: (delivered(e, "wrong.sec.example", "CV=no"), delivered(e, "ee.sec.example", "CV=dane"),
                          not_delivered(e, "none.sec.example", "DANE error: tlsa lookup FAIL", "**"), delivered(e, "in.plain.example", "CV=no")))
        with engine(zones, port, f'tls_verify_certificates = "{other.cert}", tls_verify_hosts = "*", hosts_request_ocsp = "*.sec.example",') as e:
            case("DANE-T7 what certificates are verified by otherwise does not matter",
                 lambda: delivered(e, "ee.sec.example", "CV=dane"))
            case("DANE-T8 a list of one's own asks for a proof", lambda: same(sinks["127.0.0.2"].status[-1], True))
        with engine(zones, port, 'hosts_request_ocsp = function(m) return (m.tls_out_tlsa_usage == 0 or m.tls_out_tlsa_usage == 4) and "*" or "" end,') as e:
            case("DANE-09 a function that looks at the records' usage: a proof is asked for where there are none, and for usage 2",
                 lambda: [(delivered(e, f"{n}.sec.example", "X="), same(sinks[at].status[-1], asked))
                          for n, at, asked in (("ee", "127.0.0.2", False), ("none", "127.0.0.2", True), ("ta", "127.0.0.3", True))])
        with engine(zones, port, 'hosts_try_dane = "",') as e:
            case("perigee tls: records that nobody asked for",
                 lambda: seen(e, "wrong.sec.example", "TLSA         not asked for: hosts_try_dane does not have this host"))
            case("no DANE where it is not tried", lambda: delivered(e, "wrong.sec.example", "CV=no"))


try:
    main()
finally:
    for s in sinks.values():
        s.close()
    shutil.rmtree(directory, ignore_errors=True)
done()
