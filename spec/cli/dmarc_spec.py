#!/usr/bin/env python3
"""what a running engine counted, by SPF and DMARC; the oracle in a real worker."""
import os
import sys
import xml.etree.ElementTree as xml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *
from zone import Zones

EXTRA = """
site {{ dmarc_forensic_sender = "dmarc@example.org", spf_engine = "compare" }}
acl.mail {{ warn {{ spf = "*", logwrite = function(m) return "SPF SAID " .. m.spf_result end }}, accept {{}} }}
acl.data {{ warn {{ dmarc_status = "*", logwrite = function(m) return "DMARC SAID " .. m.dmarc_status end }}, accept {{}} }}
"""

ZONES = {
    "there.example": '@ TXT "v=spf1 ip4:127.0.0.1 -all"\n_dmarc TXT "v=DMARC1; p=reject; rua=mailto:dmarc@there.example"',
    "other.example": '_dmarc TXT "v=DMARC1; p=none; rua=mailto:a@elsewhere.example,mailto:b@nobody.example"',
    "elsewhere.example": 'other.example._report._dmarc TXT "v=DMARC1"',
    "nobody.example": "www A 127.0.0.1",
}


def send(e, domain, sender="a@there.example"):
    with e.smtp() as s:
        s.sendmail(sender, ["b@example.org"], f"From: x@{domain}\r\nTo: b@example.org\r\nSubject: x\r\n\r\nx\r\n")


def counted(e):
    send(e, "there.example")
    send(e, "there.example")
    send(e, "other.example")
    e.logs("DMARC SAID none")
    holds(e.log(), "SPF SAID pass")
    holds(e.log(), "DMARC SAID accept")
    same("perigee-oracle" in e.log(), False)
    same("SPF engines differ" in e.log(), False)


def printed(e):
    """What was counted reaches the file some seconds later."""
    def whole():
        code, out, err = e.run("dmarc-report", "--print", "--today")
        same((code, err), (0, ""))
        return out if out.count("<record>") == 2 else None
    reports = [xml.fromstring("<?xml" + part) for part in until(whole).split("<?xml")[1:]]
    same([r.findtext("policy_published/domain") for r in reports], ["other.example", "there.example"])
    row = reports[1].find("record")
    same(row.findtext("row/count"), "2")
    same(row.findtext("row/source_ip"), "127.0.0.1")
    same(row.findtext("row/policy_evaluated/spf"), "pass")
    same(row.findtext("identifiers/header_from"), "there.example")
    same(reports[0].findtext("record/auth_results/spf/result"), "pass")
    same(reports[0].findtext("record/row/policy_evaluated/spf"), "fail")


def not_yet(e):
    same(e.run("dmarc-report"), (0, "", ""))
    code, _, err = e.run("dmarc-report", "--today")
    same(code, 64)
    holds(err, "a day is reported once")


tool("nsd")
with Zones(plain=ZONES) as z:
    site = SITE.replace("127.0.0.1#9", f"127.0.0.1#{z.port}").replace('"example.org" }}', '"example.org", "there.example", "elsewhere.example" }}')
    with Engine(EXTRA, workers=1, site=site) as e:
        case("a real worker judges by SPF with both engines and by DMARC, and counts", lambda: counted(e))
        case("--print --today shows what is counted so far", lambda: printed(e))
        case("a day that is not over is not reported", lambda: not_yet(e))
done()
