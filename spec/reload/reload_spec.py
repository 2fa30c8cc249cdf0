#!/usr/bin/env python3
# P2: 200 reloads, a third of them broken, under load. No session is dropped, none sees half a rule set.
import os, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

RELOADS = int(os.environ.get("RELOADS", "200"))

# Two files that must always be of one generation: the first notes its number, the second refuses another.
FIRST = "acl.mail(function(m) m.acl_m_generation = {n} end)\n"
SECOND = "acl.rcpt(function(m) if m.acl_m_generation ~= {n} then return deny('550 mixed generations') end end)\n"


class Client(threading.Thread):
    def __init__(self, e, name):
        super().__init__(daemon=True)
        self.e, self.name_, self.going, self.sent, self.trouble = e, name, True, 0, []

    def run(self):
        while self.going:
            try:
                with self.e.smtp() as s:
                    for _ in range(25):
                        if not self.going:
                            break
                        self.sent += 1
                        s.sendmail("a@there.example", ["b@example.org"],
                                   MESSAGE.format(subject=f"{self.name_}-{self.sent}", body="x"))
            except (OSError, smtplib.SMTPException) as why:
                self.trouble.append(repr(why))


def storm():
    e = Engine()
    e.rule("10-first.lua", FIRST.format(n=0))
    e.rule("20-second.lua", SECOND.format(n=0))
    e.start()
    clients = [Client(e, f"c{i}") for i in range(6)]
    try:
        for c in clients:
            c.start()
        good = bad = 0
        for n in range(1, RELOADS + 1):
            broken = n % 3 == 0
            if broken:
                e.rule("30-broken.lua", ["acl.rcpt {{{", "site { no_such_option = 1 }", "nonsense.here()"][n % 9 // 3])
            else:
                if os.path.exists(os.path.join(e.rules, "30-broken.lua")):
                    os.unlink(os.path.join(e.rules, "30-broken.lua"))
                e.rule("10-first.lua", FIRST.format(n=n))
                e.rule("20-second.lua", SECOND.format(n=n))
            code, out, err = e.run("reload")
            if code != (1 if broken else 0):
                raise AssertionError(f"reload {n} ended with {code}: {out}{err}")
            good, bad = good + (not broken), bad + broken
        for c in clients:
            c.going = False
        for c in clients:
            c.join(30)
        trouble = [t for c in clients for t in c.trouble]
        if trouble:
            raise AssertionError(f"{len(trouble)} dropped or refused: {trouble[:3]}\n{e.log('rejectlog')[-500:]}")
        sent = sum(c.sent for c in clients)
        same(until(lambda: e.count() == 0, 60), True)
        same(len(e.mails("b")), sent)
        print(f"# {good} good and {bad} broken reloads, {sent} messages")
    finally:
        for c in clients:
            c.going = False
        e.close()


def open_session_keeps_its_rules():
    e = Engine()
    e.rule("40-x.lua", "acl.rcpt { deny { local_parts = 'x', message = '550 5.7.1 old rules' } }")
    # before the accept of 00-site
    os.rename(os.path.join(e.rules, "40-x.lua"), os.path.join(e.rules, "00-before.lua"))
    with e:
        s = e.smtp()
        s.ehlo()
        s.mail("a@there.example")
        e.rule("00-before.lua", "acl.rcpt { deny { local_parts = 'x', message = '550 5.7.1 new rules' } }")
        same(e.run("reload")[0], 0)
        holds(s.rcpt("x@example.org")[1].decode(), "old rules")
        s.quit()
        with e.smtp() as s:
            s.ehlo()
            s.mail("a@there.example")
            holds(s.rcpt("x@example.org")[1].decode(), "new rules")


def by_signal_and_by_watching():
    e = Engine('site {{ reload_on_change = true }}')
    e.rule("00-before.lua", "acl.rcpt { deny { local_parts = 'x', message = '550 one' } }")

    def answer():
        with e.smtp() as s:
            s.ehlo()
            s.mail("a@there.example")
            return s.rcpt("x@example.org")[1].decode()
    with e:
        holds(answer(), "one")
        e.rule("00-before.lua", "acl.rcpt { deny { local_parts = 'x', message = '550 two' } }")
        same(until(lambda: "two" in answer(), 20, 0.2), True)
        e.rule("50-extra.lua", "")
        e.rule("00-before.lua", "acl.rcpt { deny { local_parts = 'x', message = '550 three' } }")
        e.process.send_signal(signal.SIGHUP)
        same(until(lambda: "three" in answer(), 20, 0.2), True)


case(f"{RELOADS} reloads, a third of them broken, under load: no session dropped, no generation mixed", storm)
case("a session ends on the rules it began with", open_session_keeps_its_rules)
case("rules are taken on SIGHUP, and on a change of the directory", by_signal_and_by_watching)
done()
