#!/usr/bin/env python3
# Clients that mean no good, against a whole engine: what cannot be seen in a conversation with a clock we set, since it
# is about descriptors, processor time, memory and processes.
import os, resource, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *


def cpu(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors():
    """Connections beyond what the worker can open wait in the kernel; it does not burn a core asking again and again."""
    with Engine(workers=1) as e:
        worker = e.pids()[1]
        free = 40
        used = len(os.listdir(f"/proc/{worker}/fd"))
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (used + free, used + free))
        calls = [socket.create_connection(("127.0.0.1", e.port), timeout=10) for _ in range(free + 20)]
        same(until(lambda: "Too many open files" in e.log()), True)
        before = cpu(worker)
        time.sleep(2)
        spent = cpu(worker) - before
        if spent > 0.5:
            raise AssertionError(f"{spent} s of processor time in 2 s")
        lines = e.log().count("Too many open files")
        if lines > 5:
            raise AssertionError(f"{lines} lines about one shortage")
        for c in calls[:free]:
            c.close()
        # those who waited are served now
        for c in calls[free:]:
            c.settimeout(20)
            same(c.recv(4), b"220 ")
            c.close()


case("out of descriptors: who comes waits, the engine rests, and goes on when there are some", descriptors)
done()
