#!/usr/bin/env python3
# What a bad day brings: a next hop that stands still in the middle of a session, a master killed from one moment to the
# next, and many large messages at once.
import os, re, signal, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *


def hop():
    """A server in a process of its own that stops (SIGSTOP) at the first MAIL. Its pid and port, and where its subjects are."""
    there, here = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(there)
        stopped = []

        class Standing(Server):
            def serve(self, c, n):
                f = c.makefile("rwb", buffering=0)
                f.write(b"220 hop.example ESMTP\r\n")
                for line in f:
                    word = line[:4].upper()
                    if word == b"MAIL" and not stopped:
                        stopped.append(True)
                        os.kill(os.getpid(), signal.SIGSTOP)
                    if word == b"DATA":
                        f.write(b"354 go on\r\n")
                        text = b""
                        for line in f:
                            if line == b".\r\n":
                                break
                            text += line
                        os.write(here, re.search(rb"Subject: (.*)\r\n", text).group(1) + b"\n")
                        f.write(b"250 taken\r\n")
                    else:
                        f.write(b"250 ok\r\n" if word != b"QUIT" else b"221 bye\r\n")

        sink = Standing()
        os.write(here, b"%d\n" % sink.port)
        signal.pause()
        os._exit(0)
    os.close(here)
    return pid, int(os.read(there, 100)), there


def is_stopped(pid):
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rsplit(")", 1)[1].split()[0] == "T"


def standing_hop():
    pid, port, out = hop()
    e = Engine(site=SITE.replace('command_timeout = "30s"', 'command_timeout = "2s"'), sink=port, workers=1)
    try:
        e.start()
        e.send("x@there.example", subject="held-up")
        same(until(lambda: is_stopped(pid)), True)
        for i in range(5):
            e.send("b@example.org", subject=f"local-{i}")
        same(until(lambda: len(e.subjects()) == 5), True)
        same(until(lambda: re.search(r"== x@there\.example .*timed out|== x@there\.example .*timeout", e.log())) is not None, True)
        same(e.count(), 1)
        os.kill(pid, signal.SIGCONT)
        same(until(lambda: e.count() == 0, 60), True)
        same(set(os.read(out, 1000).split()), {b"held-up"})
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(out)
        e.close()


def master_gone():
    """Only the master is killed; a new engine starts at once on the same port and has all mail."""
    with Engine("site {{ queue_only = true }}", workers=2) as e:
        sent = [f"kept-{i}" for i in range(20)]
        for s in sent:
            e.send("b@example.org", subject=s)
        old = e.pids()
        open_session = e.smtp()
        os.kill(old[0], signal.SIGKILL)
        e.process.wait()
        e.rule("50-extra.lua", "")
        e.start()
        same(any(p in e.pids() for p in old), False)
        same(until(lambda: not any(alive(p) for p in old[1:])), True)
        open_session.close()
        e.run("queue", "run")
        same(until(lambda: e.count() == 0), True)
        same(sorted(e.subjects()), sorted(sent))
        e.send("b@example.org", subject="after")
        same(until(lambda: "after" in e.subjects()), True)


def peak(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"^VmHWM:\s+(\d+)", f.read(), re.M).group(1))


def many_large():
    """Eight of 60 MiB at once: each is kept, and the worker never holds more than their pieces."""
    line = b"x" * 998 + b"\r\n"
    size = 60 if SLOW == 1 else 15
    # what was freed shall not be kept to find mistakes with
    env = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=8"}
    with Engine('site {{ message_size_limit = "70M", queue_only = true }}', workers=1, env=env) as e:
        worker = e.pids()[1]
        e.send("b@example.org", subject="first")
        before = peak(worker)
        answers = []

        def one(i):
            with socket.create_connection(("127.0.0.1", e.port), timeout=120 * SLOW) as s:
                f = s.makefile("rwb")

                def say(text):
                    f.write(text)
                    f.flush()
                    return f.readline()
                f.readline()
                say(b"HELO there.example\r\n")
                say(b"MAIL FROM:<a@there.example>\r\n")
                say(b"RCPT TO:<b@example.org>\r\n")
                say(b"DATA\r\n")
                f.write(b"Subject: large-%d\r\n\r\n" % i)
                for _ in range(size):
                    f.write(line * 1024)
                answers.append(say(b".\r\n")[:3])
        threads = [threading.Thread(target=one, args=(i,)) for i in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        grown = peak(worker) - before
        print(f"# eight of {size} MiB: {grown} KiB more than for one small message")
        same(answers, [b"250"] * 8)
        same(e.count(), 9)
        if grown > 48 * 1024:
            raise AssertionError(f"the worker grew by {grown} KiB")


case("a next hop that stands still in a session holds up its own message and no other", standing_hop)
case("the master is killed: workers end, the port is free, and a new start has all mail", master_gone)
case("eight messages of 60 MiB at once do not pass through memory", many_large)
done()
