#!/usr/bin/env python3
# What systemd is told (sd_notify(3)): a datagram socket that a spec reads.
import os, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *


class Manager:
    def __init__(self, abstract=False):
        self.dir = tempfile.mkdtemp(prefix="perigee-notify.")
        path = os.path.join(self.dir, "socket")
        self.name = "@" + path if abstract else path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + path if abstract else path)
        self.said = []

    def hears(self, what, seconds=20):
        """Waits for it; everything before it is kept in said."""
        self.socket.settimeout(seconds * SLOW)
        while True:
            try:
                text = self.socket.recv(4096).decode()
            except TimeoutError:
                raise AssertionError(f"no {what} after {self.said}")
            self.said.append(text)
            if what in text.split("\n"):
                return text

    def quiet(self, seconds):
        self.socket.settimeout(seconds)
        try:
            while True:
                self.said.append(self.socket.recv(4096).decode())
        except TimeoutError:
            return

    def close(self):
        self.socket.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def life(abstract):
    m = Manager(abstract)
    e = Engine(env={"NOTIFY_SOCKET": m.name})
    try:
        e.start(wait=False)
        m.hears("READY=1")
        same(m.said, ["READY=1"])
        same(listening(e.port), True)           # ready is when one may come
        m.said.clear()
        same(e.run("reload")[0], 0)
        m.hears("READY=1")
        same([t.split("\n")[0] for t in m.said], ["RELOADING=1", "READY=1"])
        usec = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", m.said[0])
        if not usec or not 0 <= time.monotonic_ns() // 1000 - int(usec.group(1)) < 60_000_000 * SLOW:
            raise AssertionError(m.said[0])
        m.said.clear()
        e.rule("60-bad.lua", "site { no_such_option = 1 }")
        same(e.run("reload")[0], 1)
        m.hears("READY=1")                      # the old rules serve: no reload hangs
        same([t.split("\n")[0] for t in m.said], ["RELOADING=1", "READY=1"])
        m.said.clear()
        e.process.terminate()
        m.hears("STOPPING=1")
        e.process.wait(30 * SLOW)
        m.quiet(0.1)
        same(m.said, ["STOPPING=1"])
    finally:
        e.close()
        m.close()


def watchdog():
    m = Manager()
    e = Engine(env={"NOTIFY_SOCKET": m.name, "WATCHDOG_USEC": "400000"})
    try:
        e.start(wait=False)
        m.hears("READY=1")
        for _ in range(3):
            m.hears("WATCHDOG=1")
        # the master is asked, not its children: stopped, it is silent
        e.process.send_signal(signal.SIGSTOP)
        try:
            m.quiet(0.3)
            m.said.clear()
            m.quiet(0.7)
            same(m.said, [])
        finally:
            e.process.send_signal(signal.SIGCONT)
        m.hears("WATCHDOG=1")
    finally:
        e.close()
        m.close()


def somebody_elses_watchdog():
    m = Manager()
    e = Engine(env={"NOTIFY_SOCKET": m.name, "WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"})
    try:
        e.start(wait=False)
        m.hears("READY=1")
        m.quiet(0.5)
        same(m.said, ["READY=1"])
    finally:
        e.close()
        m.close()


case("systemd hears READY, RELOADING and READY for a reload that is taken and for one that is not, STOPPING", lambda: life(False))
case("the same in the abstract name space", lambda: life(True))
case("WATCHDOG is said by the master, twice in the time it has", watchdog)
case("a watchdog that waits for another process is not ours to feed", somebody_elses_watchdog)
done()
