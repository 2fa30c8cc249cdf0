#!/usr/bin/env python3
# Who outlives whom: nothing is left after a stop or after the master's or a worker's death, and a worker that hangs is
# replaced.
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

PROGRAM = """
router.programs {{ driver = "accept", domains = "pipe.example", transport = "program" }}
transport.program {{ driver = "pipe", command = {{ "/bin/sh", "-c", "echo $$ >> {dir}/programs; exec sleep 600" }} }}
"""


def lives(pid):
    """Not gone, and no zombie that only waits for whoever inherited it."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def running(e):
    """Process ids of the programs that were ever started and live."""
    try:
        with open(e.dir + "/programs") as f:
            return [int(p) for p in f.read().split() if lives(int(p))]
    except FileNotFoundError:
        return []


def with_program(what):
    e = Engine(site=SITE.replace("router.here", PROGRAM + "router.here"), workers=1).start()
    try:
        e.send("x@pipe.example", subject="long")
        same(until(lambda: len(running(e)) == 1), True)
        what(e, e.pids())
    finally:
        if e.process.poll() is None:
            e.kill()
        for p in running(e):
            os.kill(p, signal.SIGKILL)
        e.close()


def gone(e, pids):
    if not until(lambda: not any(lives(p) for p in pids) and not running(e), 10):
        raise AssertionError(f"alive: {[p for p in pids if lives(p)]} programs: {running(e)}")


def stopped(e, pids):
    same(e.run("stop", "--drain", "1")[0], 0)
    gone(e, pids)
    same(e.count(), 1)


def master_killed(e, pids):
    os.kill(pids[0], signal.SIGKILL)
    e.process.wait()
    gone(e, pids)
    same(e.count(), 1)


def worker_killed(e, pids):
    first = running(e)
    os.kill(pids[1], signal.SIGKILL)
    same(until(lambda: not lives(first[0]), 10), True)
    # and the message is tried again, by one program
    same(until(lambda: len(running(e)) == 1, 20), True)


def hung_worker():
    with Engine(workers=2) as e:
        pids = e.pids()
        os.kill(pids[1], signal.SIGSTOP)
        same(until(lambda: not lives(pids[1]), 40), True)
        same(until(lambda: len(e.pids()) == len(pids), 20), True)
        for i in range(6):
            e.send("b@example.org", subject=f"after-{i}")
        same(until(lambda: len(e.mails()) == 6), True)


case("a stop leaves no process, not even a program that hangs; its message is kept", lambda: with_program(stopped))
case("when the master is killed everything ends", lambda: with_program(master_killed))
case("when a worker is killed its program ends before another begins", lambda: with_program(worker_killed))
case("a worker that hangs is killed and replaced", hung_worker)
done()
