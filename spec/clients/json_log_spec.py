#!/usr/bin/env python3
# log_json: what a log shipper reads, with a JSON parser that is not ours.
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

NAMES = {
    "arrival": {"id", "sender", "recipients", "recipients_count", "size", "protocol", "address", "port", "helo", "message_id", "receive_ms"},
    "delivery": {"id", "sender", "recipient", "delivered_to", "router", "transport", "size", "queue_ms", "delivery_ms"},
    "deferral": {"id", "sender", "recipient", "router", "transport", "host", "address", "port", "size", "queue_ms", "error", "errno"},
    "failure": {"id", "sender", "recipient", "router", "error", "queue_ms"},
    "completion": {"id", "queue_ms"},
    "rejection": {"phase", "sender", "recipient", "address", "helo", "temporary", "error", "reply"},
}


def events(e):
    return [json.loads(line) for line in e.log("jsonlog").splitlines()]


def kinds():
    e = Engine()
    e.rule("00-a.lua", """site { log_json = true }
domainlist.here = { "example.org" }
acl.rcpt { deny { local_parts = "nobody", message = "550 5.1.1 no such user" } }
router.gone { driver = "redirect", domains = "+here", local_parts = "gone", allow_fail = true, data = ":fail: moved away" }
""")
    with e:
        e.send("b@example.org", "later@far.example")
        e.send("gone@example.org", sender="b@example.org")
        with e.smtp() as s:
            s.ehlo()
            s.mail('"a\\"b"@there.example')
            s.rcpt("nobody@example.org")
        with e.smtp() as s:
            s.sock.sendall(b"NONSENSE \xff\"\r\n")
            s.getreply()
        wanted = set(NAMES)
        until(lambda: wanted <= {x["event"] for x in events(e)} and sum(x["event"] == "rejection" for x in events(e)) == 2)
        found = events(e)
        for kind in NAMES:
            first = [x for x in found if x["event"] == kind and (kind != "rejection" or x.get("phase") == "rcpt")]
            if not first:
                raise AssertionError(f"no {kind} in {found}")
            missing = NAMES[kind] - set(first[0])
            if missing:
                raise AssertionError(f"{kind} has no {missing}: {first[0]}")
        for x in found:
            if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", x["time"]):
                raise AssertionError(x["time"])
        arrival = [x for x in found if x["event"] == "arrival" and x["recipients_count"] == 2][0]
        same(arrival["recipients"], ["b@example.org", "later@far.example"])
        same(arrival["message_id"], "test@there.example")
        refused = [x for x in found if x.get("phase") == "rcpt"][0]
        same((refused["sender"], refused["recipient"], refused["reply"][:3], refused["temporary"]),
             ('"a\\"b"@there.example', "nobody@example.org", "550", False))
        # as many as the text log has
        for mark, kind in (" <= ", "arrival"), (" => ", "delivery"), (" == ", "deferral"), (" ** ", "failure"), (" Completed", "completion"):
            same(until(lambda: sum(x["event"] == kind for x in events(e)) == e.log().count(mark)), True)


def turned_on_live():
    with Engine() as e:
        e.send("b@example.org")
        same(until(lambda: "Completed" in e.log()), True)
        same(e.log("jsonlog"), "")
        e.rule("60-json.lua", "site { log_json = true }")
        same(e.run("reload")[0], 0)
        e.send("b@example.org", subject="two")
        same(until(lambda: [x["event"] for x in events(e)] == ["arrival", "delivery", "completion"]), True)


case("each kind of event is a JSON object with its members, as often as in the main log", kinds)
case("log_json is taken by a reload", turned_on_live)
done()
