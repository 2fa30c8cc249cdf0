#!/usr/bin/env python3
# F31: the queuefile transport hands messages over as Exim's pairs, and they come back through queue import.
import glob, os, re, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *
from perigee import SITE

HANDOVER = """
router.handover {{ driver = "accept", domains = "one.example : two.example", transport = "handover" }}
transport.handover {{ driver = "queuefile", directory = function(m) return path("{dir}/handed", m.domain) end }}
"""
BACK = 'router.back {{ driver = "accept", domains = "one.example : two.example", transport = "mailbox" }}\n'

e = Engine(site=HANDOVER + SITE, workers=1)
for name in ("one.example", "two.example"):
    os.makedirs(os.path.join(e.dir, "handed", name))


def pairs(domain):
    return sorted(os.path.basename(p) for p in glob.glob(os.path.join(e.dir, "handed", domain, "*")))


def by_address():
    e.start()
    e.send("ann@one.example", "bob@two.example", subject="both")
    same(until(lambda: pairs("one.example") and pairs("two.example") and e.count() == 0), True)
    same(pairs("one.example"), pairs("two.example"))
    same([n[-2:] for n in pairs("one.example")], ["-D", "-H"])


def and_back():
    e.rule("00-site.lua", (BACK + SITE).format(port=e.port, mail=e.mail, sink=e.sink, dir=e.dir))
    same(e.run("reload")[0], 0)
    code, out, err = e.run("queue", "import", os.path.join(e.dir, "handed", "one.example"))
    same((code, err), (0, ""))
    # the pair is what the queue held: it reaches everybody again
    same(until(lambda: len(e.mails("ann")) == 1 and len(e.mails("bob")) == 1 and e.count() == 0), True)
    same(e.subjects(), ["both", "both"])
    holds(e.mails("ann")[0], "\ntext\n")


WIRE = """1xUQe2-0006E1-15-H
perigee 8 8
<a@there.example>
1795188922 0
-received_time_usec .339984
-received_time_complete 1795188922.340030
-received_protocol esmtp
-spool_file_wireformat
-max_received_linelength 10
XX
1
carl@one.example

014  Subject: wire
"""


def wire():
    dir = os.path.join(e.dir, "wire")
    os.makedirs(dir)
    with open(os.path.join(dir, "1xUQe2-0006E1-15-H"), "w") as f:
        f.write(WIRE)
    with open(os.path.join(dir, "1xUQe2-0006E1-15-D"), "wb") as f:
        f.write(b"1xUQe2-0006E1-15-D\nfirst\r\n.\r\n..two\r\nlast\r\n")
    code, out, err = e.run("queue", "import", dir)
    same((code, err), (0, ""))
    same(until(lambda: len(e.mails("carl"))), 1)
    same(e.mails("carl")[0].split("\n\n", 1)[1], "first\n.\n..two\nlast\n")


case("QF-T3 the directory is each address's own", by_address)
case("QF-T5 the pair comes back by queue import and is delivered", and_back)
case("QF-T6 a -D with lines as on the wire is read by its mark, dots and all", wire)
e.close()
done()
