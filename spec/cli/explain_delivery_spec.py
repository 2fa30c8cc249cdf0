#!/usr/bin/env python3
# Why was it not delivered, and which limit was met: ids of lines no ACL and no router stands behind.
import json, os, re, socket, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

sink = Sink(lambda n: {"rcpt": "550 5.1.1 no such person"})
nobody = free_port()
RULES = """
site {{ recipients_max = 2, smtp_max_synprot_errors = 1, smtp_max_unknown_commands = 1, message_size_limit = "20K",
  smtp_accept_max_per_host = 5, auth_cleartext_hosts = "*" }}
authenticator.plain {{ driver = "plaintext", public_name = "PLAIN", server_condition = function(m) return false end }}
transport.closed {{ driver = "smtp", port = %d, connect_timeout = "5s", hosts = "127.0.0.1", hosts_override = true,
                    allow_localhost = true }}
transport.broken {{ driver = "pipe", command = {{ "/bin/sh", "-c", "echo went wrong; exit 3" }}, return_output = true }}
""" % nobody
e = Engine(extra=RULES, sink=sink.port)
e.rule("00-first.lua", """
router.closed { driver = "manualroute", domains = "closed.example", route_list = { "* 127.0.0.1" }, self = "send",
  transport = "closed" }
router.broken { driver = "accept", transport = "broken", condition = function(m) return m.domain == "broken.example" end }
""")
e.start()


def explained(pattern, name="mainlog"):
    """The record of the latest line like this, as text and as an object."""
    found = lambda: re.findall(pattern + r".* E=([0-9a-z]+-\d+)$", e.log(name), re.M)
    until(found)
    id = found()[-1]
    until(lambda: e.run("explain", id)[0] == 0)
    return e.run("explain", id)[1], json.loads(e.run("explain", "--json", id)[1])


def a_remote_refusal():
    e.send("x@there.example")
    text, o = explained(r"\*\* x@there.example")
    for what in ("delivery: fail", "error      SMTP error from remote mail server after pipelined RCPT TO:<x@there.example>: 550 5.1.1 no such person",
                 "sender     a@there.example", "recipient  x@there.example", "00-first.lua:2  router closed",
                 "router remote", "transport remote (smtp)", f"host 127.0.0.1 [127.0.0.1]:{sink.port}", "refused", "said = "):
        holds(text, what)
    same([n["what"] for n in o["tree"]][-1], "transport remote (smtp)")
    same(o["tree"][-1]["tried"][0]["result"], "refused")


def a_closed_port():
    e.send("x@closed.example")
    text, o = explained("== x@closed.example")
    for what in ("delivery: defer", "router closed", "transport closed (smtp)", f"host 127.0.0.1 [127.0.0.1]:{nobody}", "failed",
                 'said = "Connection refused"'):
        holds(text, what)
    same("router remote" in text, False)


def a_program():
    e.send("x@broken.example")
    text, o = explained(r"\*\* x@broken.example")
    for what in ("delivery: fail", "transport broken (pipe)", 'output = "went wrong', "router broken: condition"):
        holds(text, what)
    router = next(n for n in o["tree"] if n["what"] == "router broken")
    same([n["what"] for n in router["tried"]], ["router broken: condition"])


def many_at_once():
    """One record for all that end alike."""
    e.send("a@closed.example", "b@closed.example")
    explained("== b@closed.example")
    found = dict(re.findall(r"== (\S+@closed.example) .* E=(\S+)$", e.log(), re.M))
    same(found["a@closed.example"], found["b@closed.example"])


def talk(*lines):
    with socket.create_connection(("127.0.0.1", e.port), timeout=30) as s:
        f = s.makefile("rwb")
        for line in (None,) + lines:
            if line is not None:
                f.write(line.encode() + b"\r\n")
                f.flush()
            answer = f.readline()
            while answer[3:4] == b"-":
                answer = f.readline()
        return answer.decode()


MAIL = "MAIL FROM:<a@there.example>"
LIMITS = (
    ("too many recipients", lambda: talk("EHLO x", MAIL, *["RCPT TO:<b@example.org>"] * 3),
     "temporarily rejected the rest: too many recipients", ("smtp: defer", "limit      recipients_max = 2, 50-extra.lua:2", "sender     a@")),
    ("a message that says it is too large", lambda: talk("EHLO x", MAIL + " SIZE=30000"),
     "message too big: declared=30000", ("smtp: deny", "limit      message_size_limit = 20480, 50-extra.lua:2")),
    ("too many errors", lambda: talk("EHLO x", "HELP ME NOT \x01", "RCPT x", "MAIL x"),
     "dropped: too many syntax or protocol errors", ("smtp: drop", "limit      smtp_max_synprot_errors = 1, 50-extra.lua:2", "client     127.0.0.1")),
    ("talking before one is asked", lambda: talk("HELO x\r\nMAIL FROM:<>\r\nDATA\r\nx"),
     "SMTP protocol synchronization error", ("smtp: deny", "limit      smtp_enforce_sync = 1, default")),
    ("unknown commands", lambda: talk("EHLO x", "FOO", "BAR"), "dropped: too many unrecognized", ("smtp: drop", "command    BAR", "limit      smtp_max_unknown_commands = 1, 50-extra.lua:2")),
)


def a_limit(act, line, what):
    act()
    text = explained(line)[0]
    for w in what:
        holds(text, w)


def connections():
    held = [socket.create_connection(("127.0.0.1", e.port)) for _ in range(5)]
    for s in held:
        s.recv(100)
    try:
        same(talk()[:3], "421")
        text = explained("refused: too many connections from that IP address")[0]
        for w in ("connect: defer", "limit      smtp_accept_max_per_host = 5, 50-extra.lua:3"):
            holds(text, w)
    finally:
        for s in held:
            s.close()
    until(lambda: talk()[:3] == "220")


def a_login():
    same(talk("EHLO x", "AUTH PLAIN AGFubgBzZWNyZXQ=")[:3], "535")
    text = explained("plain authenticator failed")[0]
    holds(text, "auth: deny")
    same("secret" in text or "AGFub" in text, False)


def the_json_log_has_none_without():
    e.rule("60-off.lua", "site { explain_ring = 0 }")
    same(e.run("reload")[0], 0)
    e.send("y@closed.example")
    e.logs(" y@closed.example R=")
    line = [l for l in e.log().splitlines() if " y@closed.example R=" in l][-1]
    same(" E=" in line, False)


case("a remote refusal: the routers tried, the host, the command and its answer", a_remote_refusal)
case("a host that cannot be reached", a_closed_port)
case("a program that failed, and what it printed; an option's function under its router", a_program)
case("recipients that end alike share a record", many_at_once)
for title, act, line, what in LIMITS:
    case(f"the limit behind it: {title}", lambda: a_limit(act, line, what))
case("the limit behind it: connections of one host", connections)
case("a login that failed has an id, and no secret in its record", a_login)
case("explain_ring = 0: no ids of deliveries", the_json_log_has_none_without)
e.close()
sink.close()
done()
