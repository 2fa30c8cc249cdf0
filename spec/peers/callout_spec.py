#!/usr/bin/env python3
# Verifying for real: Postfix says yes, no and later; one connection is held from RCPT to delivery; Maildirs with a quota.
import os, smtplib, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *
from postfix import Postfix

RULES = """
acl.rcpt {{
  deny {{ domains = "! +local_domains", not_verify = "recipient/callout=20s,use_sender,hold" }},
  deny {{ domains = "+local_domains", not_verify = "sender/callout=20s,no_cache" }},
  accept {{}},
}}
"""


def site():
    return SITE[:SITE.index("acl.rcpt")] + RULES + SITE[SITE.index("router.here"):]


def answers(e, recipient, sender="a@there.example"):
    """The reply to RCPT in a session of its own."""
    with smtplib.SMTP("127.0.0.1", e.port, timeout=60) as s:
        s.ehlo("spec.example")
        s.mail(sender)
        code, text = s.rcpt(recipient)
        return code, text.decode()


def asked():
    p = Postfix()
    try:
        with Engine(site=site(), sink=p.port) as e:
            same(answers(e, "good@there.example")[0], 250)
            code, text = answers(e, "refused@there.example")
            same(code, 550)
            holds(text, "550 5.1.1")
            same(answers(e, "busy@there.example")[0], 451)
            same(answers(e, "me@example.org", "good@there.example")[0], 250)
            code, text = answers(e, "me@example.org", "refused@there.example")
            same(code, 550)
            holds(text, "Sent:     RCPT TO:<refused@there.example>")
            same(answers(e, "me@example.org", "")[0], 250)
            same(len(p.mails()), 0)
            same(until(lambda: "sender verify fail for <refused@there.example>" in e.log()), True)
            code, out, _ = e.run("verify", "--rules", e.rules, "--callout", "20s", "refused@there.example", "good@there.example")
            same(code, 1)
            holds(out, "refused@there.example failed to verify: Callout verification failed:")
            holds(out, "good@there.example verified\n")
    finally:
        p.close()


def connections(p):
    with open(p.dir + "/maillog", errors="replace") as f:
        text = f.read()
    return text.count(": connect from"), text


def held():
    p = Postfix()
    try:
        with Engine(site=site(), sink=p.port, workers=1) as e:
            before, _ = connections(p)          # somebody looked whether it listens
            with smtplib.SMTP("127.0.0.1", e.port, timeout=60) as s:
                s.sendmail("a@there.example", ["one@there.example", "two@there.example", "three@there.example"],
                           "Subject: held\r\n\r\ntext\r\n")
            same(until(lambda: len(p.mails()) == 3), True)
            same(until(lambda: e.count() == 0), True)
            after, text = connections(p)
            if after - before != 1:
                raise AssertionError(f"{after - before} connections\n{text}")
            same(until(lambda: e.log().count("there.example R=remote T=remote") == 3), True)
    finally:
        p.close()


CUTTHROUGH = """
acl.rcpt {{
  warn {{ domains = "! +local_domains", control = "cutthrough_delivery" }},
  accept {{}},
}}
"""


def through():
    """What Postfix says to the content is the client's answer; a large message arrives whole."""
    p = Postfix()
    try:
        with Engine(site=SITE[:SITE.index("acl.rcpt")] + CUTTHROUGH + SITE[SITE.index("router.here"):], sink=p.port) as e:
            body = "".join(f"{i:06d} {'x' * 60}\r\n" for i in range(10000))
            e.send("one@there.example", "two@there.example", subject="wanted", body=body)
            same(until(lambda: len(p.mails()) == 2), True)
            holds(p.mails()[0], body.replace("\r\n", "\n"))
            same(until(lambda: e.log().count(">> ") == 2 and "Completed" in e.log()), True)
            try:
                e.send("one@there.example", subject="unwanted")
                raise AssertionError("it was taken")
            except smtplib.SMTPDataError as refused:
                same(refused.smtp_code, 550)
                holds(refused.smtp_error.decode(), "unwanted content")
            try:
                e.send("refused@there.example", subject="wanted")
                raise AssertionError("it was taken")
            except smtplib.SMTPRecipientsRefused as refused:
                same(list(refused.recipients.values())[0][0], 550)
            same(e.count(), 0)
            same(e.log().count(" <= "), 1)
    finally:
        p.close()


def room():
    """Real Maildirs: who has no room is told at RCPT; others are not."""
    rules = SITE[:SITE.index("acl.rcpt")] + """
acl.rcpt {{ defer {{ not_verify = "recipient/quota=no_cache", message = "452 4.2.2 the mailbox is full" }}, accept {{}} }}
""" + SITE[SITE.index("router.here"):].replace("maildir_format = true,", 'maildir_format = true, quota = "4K",')
    with Engine(site=rules) as e:
        same(answers(e, "ann@example.org")[0], 250)
        e.send("ann@example.org", body="x" * 900 + "\r\n" + "y" * 900)
        e.send("ann@example.org", body="x" * 900)
        same(until(lambda: len(e.mails("ann")) == 2), True)
        with smtplib.SMTP("127.0.0.1", e.port, timeout=60) as s:
            s.ehlo("spec.example")
            s.mail("a@there.example", ["SIZE=2000"])
            code, text = s.rcpt("ann@example.org")
            same(code, 452)
            holds(text.decode(), "the mailbox is full")
            same(s.rcpt("bob@example.org")[0], 250)
        same(until(lambda: "mailbox is full" in e.log()), True)


def gone():
    """The server is not there: nobody is refused for that, and the session is not kept for ever."""
    with Engine(site=site(), sink=free_port()) as e:
        same(answers(e, "good@there.example")[0], 451)
        same(until(lambda: "Could not complete recipient verify callout" in e.log()), True)


case("Postfix is asked about recipients and senders, and its yes, no and later are passed on", asked)
case("three recipients are asked about and delivered over one connection", held)
case("cutthrough: Postfix gets the message while it comes in, and its answer to the content is the client's", through)
case("a recipient whose Maildir is full is refused before the message comes", room)
case("a server that is not there puts the client off", gone)
done()
