#!/usr/bin/env python3
# Named queues beside a running engine (F23): lists, counts, runs, and a restart.
import json, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

e = Engine(workers=1)
e.rule("05-bulk.lua", 'acl.mail { warn { sender_domains = "news.example", queue = "bulk" } }\n')


def rows(*args):
    return [json.loads(l) for l in e.run("queue", "list", "--json", *args)[1].splitlines()]


def waits_and_is_seen():
    e.start()
    e.send("ann@example.org", sender="a@news.example")
    e.send("bob@example.org", sender="a@other.example")
    same(until(lambda: len(e.subjects()) == 1), True)
    bulk = [("bulk", "a@news.example", True)]
    same(until(lambda: [(r["queue"], r["sender"], r["held"]) for r in rows()] == bulk), True)
    holds(e.run("queue", "list")[1], "<a@news.example> *** queue bulk ***")
    same(e.run("queue", "count", "--queue", "bulk")[1], "1\n")
    same(e.run("queue", "count", "--queue", "")[1], "0\n")
    same(len(rows("--queue", "bulk", "--sender", "a@news.example")), 1)
    holds(e.run("queue", "show", rows()[0]["id"])[1], "queue: bulk")


def other_runs_leave_it():
    e.run("stop")
    until(lambda: e.process.poll() is not None)
    e.start()
    same(e.run("queue", "run")[0], 0)
    same(e.run("queue", "run", "other")[0], 0)
    e.send("carl@example.org", sender="a@other.example")
    same(until(lambda: len(e.subjects()) == 2), True)
    same(until(lambda: len(rows()) == 1), True)


def its_own_delivers():
    same(e.run("queue", "run", "bulk")[0], 0)
    same(until(lambda: len(e.subjects()) == 3), True)
    same(until(lambda: rows() == []), True)
    e.logs("Completed Q=bulk")


def moved():
    e.send("move@example.org", sender="a@news.example")
    same(until(lambda: [r["queue"] for r in rows()] == ["bulk"]), True)
    id = rows()[0]["id"]
    same(e.run("queue", "move", id, "night"), (0, "", ""))
    same(until(lambda: [r["queue"] for r in rows()] == ["night"]), True)
    e.logs(f"{id} moved from queue 'bulk' to 'night' by uid {os.getuid()}")
    holds(e.run("queue", "show", id)[1], "queue: night")
    code, out, err = e.run("queue", "move", id, "a/b")
    same((code, "is no name for a queue" in err), (1, True))
    e.run("stop")
    until(lambda: e.process.poll() is not None)
    same([r["queue"] for r in rows()], ["night"])
    # the index is made anew from what the segments say
    for root, _, files in os.walk(e.spool):
        for f in files:
            if f.endswith(".mdb") or f.endswith(".mdb-lock"):
                os.unlink(os.path.join(root, f))
    e.start()
    same(until(lambda: [r["queue"] for r in rows()] == ["night"]), True)
    e.run("stop")
    until(lambda: e.process.poll() is not None)
    same(e.run("queue", "move", id, "late"), (0, "", ""))
    same([r["queue"] for r in rows()], ["late"])
    e.start()
    before = len(e.subjects())
    same(e.run("queue", "run", "night")[0], 0)
    same(e.run("queue", "run", "late")[0], 0)
    same(until(lambda: len(e.subjects()) == before + 1), True)


case("NQ-T1 mail of a named queue waits, and list, count and show know its queue", waits_and_is_seen)
case("NQ-T3 a restart, a run of everything and a run of another queue leave it alone", other_runs_leave_it)
case("NQ-T4 a run of that queue delivers it", its_own_delivers)
case("queue move: into another queue, through a restart and a new index, and on a stopped spool", moved)
e.close()
done()
