#!/usr/bin/env python3
# Words of ACLs that reach out of the process: a datagram arrives, a session's debug file is written and removed.
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

RULES = """
acl.connect {{ accept {{ udpsend = {{ server = "127.0.0.1", port = PORT, text = function(m) return "from " .. m.sender_host_address end }} }} }}
acl.helo {{ accept {{ control = {{ "dscp/af11", "debug/tag=.one" }} }} }}
acl.mail {{ warn {{ senders = "kill@there.example", control = "debug/kill" }},
  deny {{ senders = "bad@there.example", message = "550 5.1.1 none of that name" }}, accept {{}} }}
router.hole {{ driver = "redirect", data = ":blackhole:" }}
"""


def talk(e, sender):
    with smtplib.SMTP("127.0.0.1", e.port, timeout=20 * SLOW) as c:
        c.ehlo("there.example")
        c.mail(sender)


def datagram(e, udp):
    talk(e, "bad@there.example")
    udp.settimeout(20 * SLOW)
    same(udp.recv(100), b"from 127.0.0.1")


def debug_file(e):
    name = os.path.join(e.spool, "log", "debuglog.one")
    until(lambda: os.path.exists(name) and "none of that name" in open(name).read())
    text = open(name).read()
    holds(text, "command mail FROM:<bad@there.example>")
    holds(text, "rules mail: deny: 550 5.1.1 none of that name")
    holds(text, "reply 550 5.1.1 none of that name")
    same(os.stat(name).st_mode & 0o777, 0o640)
    talk(e, "kill@there.example")
    until(lambda: not os.path.exists(name))


with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.bind(("127.0.0.1", 0))
    with Engine(RULES.replace("PORT", str(udp.getsockname()[1]))) as e:
        case("udpsend: the datagram arrives", lambda: datagram(e, udp))
        case("control debug: a file beside the main log, gone when killed", lambda: debug_file(e))
done()
