#!/usr/bin/env python3
# Design section 3: a shard beyond `workers` is drained into another and removed, whatever its mail waits for.
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

# Three workers; what happens to a message follows from its recipient.
RULES = """
acl.rcpt {{
  accept {{ local_parts = "cold", control = "freeze" }},
  accept {{ local_parts = "late", control = "queue" }},
}}
router.held {{ driver = "manualroute", domains = "held.example", route_list = {{ "* 127.0.0.1" }}, self = "send", transport = "remote" }}
"""
BIG = "a long line of a body that has a file of its own\r\n" * 6000

e = Engine(workers=3)
e.rule("00-before.lua", RULES.format())
sent = {}


def shards():
    return sorted(d for d in os.listdir(e.spool) if d.startswith("shard-") and os.path.isdir(os.path.join(e.spool, d)))


def listed():
    code, out, err = e.run("queue", "list", "--json")
    same(code, 0)
    rows = [json.loads(line) for line in out.splitlines()]
    return {r["id"]: r for r in rows}


def of_shard(n):
    return [i for i in listed() if int(i[7:9]) == n]


def leaves_mail_in_all():
    e.start()
    same(e.run("hold", "held.example")[0], 0)
    for i in range(60):
        to = ["cold@example.org", "x@held.example"][i % 2]
        e.send(to, subject=f"s{i}", body=BIG if i % 10 < 2 else "short")
    if not until(lambda: len(listed()) == 60):
        raise AssertionError(f"{len(listed())} are listed\n{e.log()[-2000:]}")
    same(all(of_shard(n) for n in (0, 1, 2)), True)
    sent.update(listed())
    e.stop()
    same(shards(), ["shard-000", "shard-001", "shard-002"])


def drained_into_the_last():
    e.workers = 1
    e.start()
    if not until(lambda: shards() == ["shard-000"], 30):
        raise AssertionError(f"{shards()} are there\n{e.log()[-2000:]}{e.log('paniclog')}")
    now = listed()
    same(sorted(now), sorted(sent))
    for i, row in now.items():
        same({k: row[k] for k in row if k not in ("age", "next_try")}, {k: sent[i][k] for k in sent[i] if k not in ("age", "next_try")})
    for line in ("moved from shard 1", "moved from shard 2", "shard 2 was drained and removed"):
        same((line, bool(until(lambda: line in e.log()))), (line, True))


def commands_reach_them():
    cold = [i for i in of_shard(2) if "cold@" in json.dumps(sent[i])]
    same(bool(cold), True)
    for i in cold:
        code, out, err = e.run("queue", "thaw", i)
        same((code, err), (0, ""))
    same(bool(until(lambda: len(e.mails("cold")) == len(cold), 30)), True)
    same(sorted(len(m) > 200000 for m in e.mails("cold")), sorted(sent[i]["size"] > 200000 for i in cold))
    other = of_shard(1)[0]
    same(e.run("queue", "remove", other)[0], 0)
    same(bool(until(lambda: other not in listed())), True)


def without_an_engine():
    e.stop()
    other = of_shard(1)[0]
    code, out, err = e.run("queue", "remove", other)
    same((code, err), (0, ""))
    same(other in listed(), False)


def made_again():
    before = listed()
    e.workers = 3
    e.start()
    for i in range(30):
        e.send("cold@example.org", subject=f"again{i}")
    same(bool(until(lambda: len(listed()) == len(before) + 30)), True)
    same(set(before) <= set(listed()), True)
    same(len(shards()), 3)


case("three workers leave frozen and held mail in their shards", leaves_mail_in_all)
case("one worker has all of it, and the other shards are gone", drained_into_the_last)
case("commands find a message in the shard it was moved to", commands_reach_them)
case("so they do without an engine", without_an_engine)
case("shards made again give no id twice", made_again)
e.close()
done()
