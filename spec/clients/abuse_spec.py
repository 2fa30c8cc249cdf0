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
        worker = e.status()["workers"][0]["pid"]
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


def greeting(e, wait=20):
    """A connection and what it is told first."""
    c = socket.create_connection(("127.0.0.1", e.port), timeout=10)
    c.settimeout(wait * SLOW)
    return c, c.recv(9)


def sessions(e):
    return sorted(w["engine"]["sessions"] for w in e.status()["workers"])


def per_host():
    """What an address may have is counted over all workers, and what a dead worker had is free again."""
    with Engine("site {{ smtp_accept_max_per_host = 6 }}", workers=3) as e:
        calls = [greeting(e) for _ in range(30)]
        same(sum(text.startswith(b"220 ") for _, text in calls), 6)
        same(sum(text == b"421 4.7.0" for _, text in calls), 24)
        for c, _ in calls:
            c.close()
        same(until(lambda: sum(sessions(e)) == 0), True)
        calls = [greeting(e)[0] for _ in range(6)]
        same(greeting(e)[1], b"421 4.7.0")
        for w in e.status()["workers"]:
            os.kill(w["pid"], signal.SIGKILL)
        same(until(lambda: len(e.status().get("workers", [])) == 3 and greeting(e)[1].startswith(b"220 ")), True)


def rate():
    """So many in a time, whichever worker they meet; each refusal is one line."""
    with Engine('site {{ smtp_accept_rate_per_host = "8 / 1h" }}', workers=1) as e:
        calls = [greeting(e) for _ in range(20)]
        good = sum(text.startswith(b"220 ") for _, text in calls)
        bad = sum(text == b"421 4.7.0" for _, text in calls)
        same(good + bad, 20)
        if not 6 <= good <= 8:      # the spec's own look whether it listens was the first
            raise AssertionError(f"{good} of 20 were let in")
        until(lambda: e.log().count("in a short time") >= bad)
        same(e.log().count("in a short time"), bad)


def share():
    """A worker with more than its share leaves the rest to the others, and does not refuse them."""
    with Engine("site {{ smtp_accept_max = 40 }}", workers=2) as e:
        slow = e.status()["workers"][1]["pid"]
        os.kill(slow, signal.SIGSTOP)
        calls = []
        try:
            calls = [socket.create_connection(("127.0.0.1", e.port), timeout=10) for _ in range(36)]
            time.sleep(1)
        finally:
            os.kill(slow, signal.SIGCONT)
        for c in calls:
            c.settimeout(20 * SLOW)
            same(c.recv(4), b"220 ")
        counts = sessions(e)
        same(sum(counts), 36)
        if counts[1] > 23:          # an even share, an eighth more, and the one that made it so
            raise AssertionError(f"sessions by worker: {counts}")
        for c in calls:
            c.close()
        same(until(lambda: sum(sessions(e)) == 0), True)
        same(greeting(e)[1][:4], b"220 ")


def spread():
    """Who comes at once is spread over the workers: the first awake does not take them all."""
    with Engine(workers=2) as e:
        calls = [socket.create_connection(("127.0.0.1", e.port), timeout=10) for _ in range(40)]
        for c in calls:
            c.settimeout(20 * SLOW)
            same(c.recv(4), b"220 ")
        counts = sessions(e)
        same(sum(counts), 40)
        if counts[0] < 12:
            raise AssertionError(f"sessions by worker: {counts}")
        for c in calls:
            c.close()


case("connections of one address are counted over all workers, and a dead worker's are forgotten", per_host)
case("an address that comes too often is refused, with a line each", rate)
case("nobody takes more than a share of smtp_accept_max while others have room", share)
def anonymous(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return int(re.search(r"^Anonymous:\s+(\d+)", f.read(), re.M).group(1))


def big():
    """60 MiB are refused, 45 taken byte for byte; neither passes through the worker's memory."""
    line = b"x" * 998 + b"\r\n"
    with Engine(workers=1) as e:
        worker = e.pids()[1]
        e.send("b@example.org", subject="first")
        before = anonymous(worker)
        with e.smtp(timeout=120) as s:
            s.ehlo()
            same(s.mail("a@there.example", [f"SIZE={60 << 20}"])[0], 552)
            same(s.mail("a@there.example")[0], 250)
            same(s.rcpt("b@example.org")[0], 250)
            code, text = s.data(b"Subject: big\r\n\r\n" + line * (60 << 10))
            same((code, text[:5]), (552, b"5.3.4"))
            grown = anonymous(worker) - before
            s.mail("a@there.example")
            s.rcpt("large@example.org")
            same(s.data(b"Subject: large\r\n\r\n" + line * (45 << 10))[0], 250)
        grown = max(grown, anonymous(worker) - before)
        if grown > 8192 and SLOW == 1:          # a sanitizer keeps what was freed
            raise AssertionError(f"the worker grew by {grown} KiB")
        same(until(lambda: len(e.mails("large")) == 1, 60), True)
        same(e.mails("large")[0].count("\n" + "x" * 998) - (45 << 10), 0)
        same(until(lambda: e.log().count("message too big: ") == 2), True)


case("60 MiB are refused in two places, 45 are taken, and no worker grows by it", big)
case("out of descriptors: who comes waits, the engine rests, and goes on when there are some", descriptors)
case("connections that come at once are spread over the workers", spread)
done()
