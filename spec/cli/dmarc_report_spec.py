#!/usr/bin/env python3
# perigee dmarc-report: what the engine counted goes out as RFC 7489 has it, to who may get it, once.
import email, email.policy, gzip, json, os, subprocess, sys
import xml.etree.ElementTree as ET
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from zone import Zones
from perigee import *

SCHEMA = os.path.join(ROOT, "..", "shared", "vectors", "reports", "mail-dmarc", "rua-schema.xsd")
SITE = """
site {{
  primary_hostname = "mx.example.org", listen = {{ "127.0.0.1:{port}" }}, dns_servers = "127.0.0.1#DNS",
  dmarc_report_org = "Example & Sons", dmarc_report_email = "reports@example.org", dmarc_report_contact = "https://example.org/dmarc",
}}
domainlist.local_domains = {{ "example.org", "example.net", "taker.example", "silent.example", "dead.example" }}
acl.rcpt {{ warn {{ spf = "*" }}, accept {{ domains = "+local_domains" }} }}
acl.data {{ deny {{ dmarc_status = "reject", message = "550 5.7.1 forged" }}, accept {{}} }}
router.here {{ driver = "accept", domains = "+local_domains", transport = "mailbox" }}
transport.mailbox {{ driver = "appendfile", maildir_format = true, directory = function(m) return path("{mail}", m.local_part) end }}
"""
RUA = "mailto:agg@example.net,mailto:small@example.net!100,mailto:yes@taker.example,mailto:no@silent.example,mailto:later@dead.example"
ZONES = {
    "example.net": f'@ IN TXT "v=spf1 ip4:127.0.0.1 -all"\n_dmarc IN TXT "v=DMARC1; p=reject; sp=none; adkim=s; pct=100; rua={RUA}"',
    "quiet.example": '@ IN TXT "v=spf1 ip4:127.0.0.1 -all"\n_dmarc IN TXT "v=DMARC1; p=reject"',
    "taker.example": 'example.net._report._dmarc IN TXT "v=DMARC1; rua=mailto:other@taker.example"',
    "silent.example": "", "other.example": "",
}


def send(e, sender, author):
    with e.smtp() as s:
        try:
            s.sendmail(sender, ["b@example.org"], f"From: {author}\r\nTo: b@example.org\r\nSubject: x\r\n\r\nx\r\n")
            return 250
        except smtplib.SMTPDataError as error:
            return error.smtp_code


def dump(e):
    r = subprocess.run([tool("mdb_dump"), "-n", e.spool + "/dmarc.mdb"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return r.stdout if r.returncode == 0 else ""


def make_older(e, days):
    """The file as if all of it had happened days ago: the engine is told nothing."""
    out, key = [], True
    body = False
    for line in dump(e).splitlines():
        if line.startswith(" ") and body:
            if key:
                raw = bytes.fromhex(line.strip())
                at = 1 if raw[:1] == b"~" else 0
                raw = raw[:at] + b"%08x" % (int(raw[at:at + 8], 16) - 24 * days) + raw[at + 8:]
                line = " " + raw.hex()
            key = not key
        body = body or line == "HEADER=END"
        out.append(line)
    for name in ("dmarc.mdb", "dmarc.mdb-lock"):
        os.unlink(os.path.join(e.spool, name))
    subprocess.run([tool("mdb_load"), "-n", e.spool + "/dmarc.mdb"], input="\n".join(out) + "\n", text=True, check=True,
                   stderr=subprocess.DEVNULL)


class Rig:
    """An engine that has counted three messages of example.net, one of them refused, two days ago."""

    def __enter__(self):
        self.zones = Zones(plain=ZONES, missing=["dead.example"])
        self.zones.__enter__()
        self.e = Engine(site=SITE.replace("DNS", str(self.zones.port)), workers=1)
        try:
            self.e.start()
            same(send(self.e, "a@example.net", "ann@example.net"), 250)
            same(send(self.e, "a@example.net", "ann@example.net"), 250)
            same(send(self.e, "x@other.example", "x@example.net"), 550)
            same(send(self.e, "a@quiet.example", "ann@quiet.example"), 250)
            until(lambda: dump(self.e).count(b"example.net\0r".hex()) == 2)
            make_older(self.e, 2)
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.e.close()
        self.zones.__exit__()

    def report(self, *args):
        code, out, err = self.e.run("dmarc-report", *args)
        return code, out, err

    def results(self, *args):
        code, out, err = self.report("--json", *args)
        lines = [json.loads(line) for line in out.splitlines()]
        return code, {line["to"]: line["result"] for line in lines}, lines

    def mail_to(self, box):
        """The message a box got, but those the rig sent."""
        found = until(lambda: self.e.mails(box))
        return email.message_from_string(found[0], policy=email.policy.default)


# ---- the schema, by a reader of our own: sequences in order, all of it once, words of enumerations

XS = "{http://www.w3.org/2001/XMLSchema}"


class Schema:
    def __init__(self, path):
        self.root = ET.parse(path).getroot()
        self.types = {t.get("name"): t for t in self.root if t.get("name")}

    def check(self, node, kind, extra):
        t = self.types.get(kind)
        if t is None:
            return
        words = [w.get("value") for w in t.iter(XS + "enumeration")]
        if words and (node.text or "") not in words + extra.get(node.tag, []):
            raise AssertionError(f"<{node.tag}> is {node.text!r}")
        group = t.find(XS + "sequence")
        group = t.find(XS + "all") if group is None else group
        if group is None:
            return
        names, known = [c.tag for c in node], {d.get("name"): d for d in group.iter(XS + "element")}
        for name in names:
            if name not in known and name not in extra.get("elements", []):
                raise AssertionError(f"<{node.tag}> has no <{name}>")
        for name, d in known.items():
            n = names.count(name)
            most = d.get("maxOccurs", "1")
            if n < int(d.get("minOccurs", "1")) or (most != "unbounded" and n > int(most)):
                raise AssertionError(f"{n} times <{name}> in <{node.tag}>")
        if group.tag == XS + "sequence":
            order = [list(known).index(n) for n in names if n in known]
            same(order, sorted(order))
        for c in node:
            if c.tag in known:
                self.check(c, known[c.tag].get("type"), extra)

    def feedback(self, xml):
        top = next(d for d in self.root.iter(XS + "element") if d.get("name") == "feedback")
        kind = top.get("type")
        if not kind:
            kind = "feedback"
            self.types[kind] = top.find(XS + "complexType")
        # version, pct and sampled_out are of RFC 7489 alone; the schema is of its successor.
        self.check(ET.fromstring(xml), kind, {"elements": ["pct", "version"], "type": ["sampled_out"]})


def sent():
    with Rig() as r:
        code, results, lines = r.results()
        same(code, 2)                       # the DNS of one of them is dead
        same(results, {"agg@example.net": "sent", "small@example.net": "too large", "other@taker.example": "sent",
                       "no@silent.example": "not wanted", "later@dead.example": "later"})
        same({line["messages"] for line in lines}, {3})
        m = r.mail_to("agg")
        begin, end = lines[0]["begin"], lines[0]["end"]
        unique = lines[0]["report_id"].split("@")[0]
        same((end - begin, begin % 86400), (86399, 0))
        same((m["From"].addresses[0].display_name, m["From"].addresses[0].addr_spec), ("Example & Sons", "reports@example.org"))
        r.e.logs("<= reports@example.org ")
        same(m["Subject"], f"Report Domain: example.net Submitter: mx.example.org Report-ID: <{lines[0]['report_id']}>")
        attached = [p for p in m.walk() if p.get_content_type() == "application/gzip"]
        same([p.get_filename() for p in attached], [f"mx.example.org!example.net!{begin}!{end}!{unique}.xml.gz"])
        xml = gzip.decompress(attached[0].get_payload(decode=True))
        tree = ET.fromstring(xml)
        same(tree.findtext("report_metadata/org_name"), "Example & Sons")
        same(tree.findtext("report_metadata/extra_contact_info"), "https://example.org/dmarc")
        same([tree.findtext("policy_published/" + n) for n in ("domain", "adkim", "aspf", "p", "sp", "pct")],
             ["example.net", "s", "r", "reject", "none", "100"])
        rows = {rec.findtext("row/policy_evaluated/disposition"): rec for rec in tree.findall("record")}
        same({k: v.findtext("row/count") for k, v in rows.items()}, {"none": "2", "reject": "1"})
        same([rows["none"].findtext(n) for n in ("row/source_ip", "row/policy_evaluated/spf", "row/policy_evaluated/dkim",
              "identifiers/envelope_from", "identifiers/header_from", "auth_results/spf/domain", "auth_results/spf/scope", "auth_results/spf/result")],
             ["127.0.0.1", "pass", "fail", "example.net", "example.net", "example.net", "mfrom", "pass"])
        same([rows["reject"].findtext(n) for n in ("row/policy_evaluated/spf", "identifiers/envelope_from")], ["fail", "other.example"])
        if os.path.exists(SCHEMA):
            Schema(SCHEMA).feedback(xml)
        else:
            print("# skipped: no vectors")
        small = r.mail_to("small")
        same(small.get_content_type(), "text/plain")
        holds(small.get_content(), "Submitting-URI: mailto:small@example.net")
        # what the record of who agreed says takes the place of what was asked for
        until(lambda: r.e.mails("other"))
        same((len(r.e.mails("other")), r.e.mails("yes"), r.e.mails("no"), r.e.mails("later")), (1, [], [], []))


def once():
    with Rig() as r:
        r.results()
        code, results, _ = r.results()
        same(results["agg@example.net"], "sent before")
        same(results["other@taker.example"], "sent before")
        same((code, results["later@dead.example"]), (2, "later"))
        until(lambda: r.e.count() == 0)
        same(len(r.e.mails("agg")), 1)


def later():
    """Without an engine nothing is taken for sent."""
    with Rig() as r:
        r.e.stop()
        code, results, lines = r.results()
        same((code, results["agg@example.net"]), (2, "later"))
        holds(lines[0]["reason"], "no engine runs on")
        r.e.start()
        same(r.results()[1]["agg@example.net"], "sent")


def tried():
    with Rig() as r:
        code, results, _ = r.results("--dry-run")
        same(code, 0)
        same(results, {"agg@example.net": "would be sent", "small@example.net": "would be too large", "yes@taker.example": "would be sent if it agrees",
                       "no@silent.example": "would be sent if it agrees", "later@dead.example": "would be sent if it agrees"})
        code, out, err = r.report("--print")
        same((code, err), (0, ""))
        same(ET.fromstring(out).findtext("policy_published/domain"), "example.net")
        same(r.results("--domain", "elsewhere.example")[1], {})
        same(r.results("--since", "1d", "--dry-run")[1], {})
        same(len(r.results("--since", "4d", "--domain", "Example.NET", "--dry-run")[1]), 5)
        code, _, err = r.report("--since", "yesterday")
        same(code, 64)
        holds(err, "--since wants a date as 2026-03-04 or a time as 3d")
        holds(r.report("--dry-run")[1], "to agg@example.net: would be sent (3 messages, ")
        same(r.results()[1]["agg@example.net"], "sent")         # a trial claims nothing


def gone():
    """The file may be deleted while the engine runs, and is made anew; a damaged one too."""
    with Rig() as r:
        os.unlink(r.e.spool + "/dmarc.mdb")
        same(r.report(), (0, "", ""))
        same(send(r.e, "a@example.net", "ann@example.net"), 250)
        same(bool(until(lambda: dump(r.e).count(b"example.net\0r".hex()) == 1)), True)
        r.e.stop()
        with open(r.e.spool + "/dmarc.mdb", "wb") as f:
            f.write(b"nonsense" * 4096)
        same(r.report()[0], 2)
        r.e.start()
        same(send(r.e, "a@example.net", "ann@example.net"), 250)
        same(bool(until(lambda: dump(r.e).count(b"example.net\0r".hex()) == 1)), True)


def off():
    with Zones(plain=ZONES) as z:
        e = Engine(site=SITE.replace("DNS", str(z.port)).replace('dmarc_report_org', 'dmarc_results_keep = 0, dmarc_report_org'), workers=1)
        with e:
            same(send(e, "a@example.net", "ann@example.net"), 250)
            e.stop()
            same(os.path.exists(e.spool + "/dmarc.mdb"), False)


case("dmarc-report: what was found goes to who may get it, as RFC 7489 has it; too large, unwanted and unknown are told apart", sent)
case("dmarc-report: no report goes twice, and who could not be asked is asked again", once)
case("dmarc-report: without an engine nothing counts as sent", later)
case("dmarc-report: --dry-run, --print, --domain and --since send nothing, or less", tried)
case("dmarc.mdb may be deleted or damaged at any time", gone)
case("dmarc_results_keep = 0 keeps nothing", off)
done()
