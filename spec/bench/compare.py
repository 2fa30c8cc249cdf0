#!/usr/bin/env python3
"""make bench: Perigee beside Postfix on this machine, and a few numbers of Perigee alone.

    spec/bench/compare.py [-q] [-n MESSAGES] [-r RUNS] [-d PAGE] [accept perconn lone relay backlog idle queue acl explain tls handshakes
                          idletls relaytls check test auth]

Both have durable spools on the same disk. Numbers of one run compare, numbers of two do not: within an hour the same
configuration drifts by up to two times on a shared machine. So the peers take turns, every ratio is of two numbers of
one turn, and the table has the median of RUNS turns. CPU per message is the criterion; the rate is its illustration.
Each line stands beside its target; missing one is a line of the table and not a failure: nothing here is a timed test.
Needs root (cgroups count the processes that end too, and Postfix wants its own users).

    -q  a first look in under three minutes: one turn, fewer messages
    -d  replaces the table in this page, between its two bench comments
"""
import argparse
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

from peers import HERE, RUN, SIZE, Perigee, Postfix, Sink, down, free_port, load, note, until, up
import author
import secret
import report
import sender
from report import emit


class Sizes:
    """How much of everything; -q makes it small."""
    def __init__(self, quick, n):
        self.n = n or (1500 if quick else 5000)
        self.lone = 200 if quick else 1000
        self.backlog = 8000 if quick else 20000
        self.idle = int(os.environ.get("IDLE_N", "2000" if quick else "10000"))
        self.queue = int(os.environ.get("QUEUE_N", "200000"))
        self.rounds = 10 if quick else 40
        self.shakes = 600 if quick else 4000
        self.idle_tls = int(os.environ.get("IDLE_TLS_N", "1000" if quick else "5000"))


# ---- accepting

def accept(peer, size, work="accept", kept=True):
    up(peer, "queue")
    load(peer.port, 200, 50)
    cpu, t = peer.group.cpu_us(), time.monotonic()
    load(peer.port, size.n, 50, kept)
    took, cpu = time.monotonic() - t, peer.group.cpu_us() - cpu
    have = peer.count()
    if have < size.n + 200:
        note(f"{peer.name}: {have} of {size.n + 200} in the queue")
    emit(work, "rate", peer.name, size.n / took)
    emit(work, "cpu", peer.name, cpu / size.n)
    down(peer)


def perconn(peer, size):
    accept(peer, size, "perconn", kept=False)


def timed(what, *args):
    t = time.monotonic()
    what(*args)
    return time.monotonic() - t


class Raw:
    """One file that grows by a message and is flushed, again and again."""
    def __init__(self):
        self.fd = os.open(RUN + "/raw", os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_APPEND, 0o600)

    def append(self, n, data=b"x" * SIZE):
        for _ in range(n):
            os.write(self.fd, data)
            os.fdatasync(self.fd)

    def close(self):
        os.close(self.fd)
        os.unlink(RUN + "/raw")


def lone(peer, size, part=50):
    """One client, one message after another; generator into sink and raw flush in alternation with it, since the disk's
    mood changes within a second."""
    up(peer, "queue")
    load(peer.port, part, 1)
    port = free_port()
    sink, raw = Sink(port), Raw()
    took = bare = flush = 0
    try:
        for _ in range(size.lone // part):
            took += timed(load, peer.port, part, 1)
            bare += timed(load, port, part, 1)
            flush += timed(raw.append, part)
    finally:
        sink.close()
        raw.close()
    each = 1e6 / (size.lone // part * part)
    emit("lone", "us", peer.name, took * each)
    if peer.name == "perigee":
        emit("lone", "us", "floor", (bare + flush) * each)
        emit("lone", "us", "sink", bare * each)
        emit("lone", "us", "flush", flush * each)
    down(peer)


# ---- sending on

def relay(peer, size):
    warm = Sink(peer.sink)
    up(peer, "relay")
    load(peer.port, 100, 50)
    until(lambda: warm.count() >= 100, 60)
    warm.close()
    sink = Sink(peer.sink, size.n)
    cpu, t = peer.group.cpu_us(), time.monotonic()
    load(peer.port, size.n, 50)
    try:
        sink.process.wait(120)
        took, cpu = time.monotonic() - t, peer.group.cpu_us() - cpu
        emit("relay", "rate", peer.name, size.n / took)
        emit("relay", "cpu", peer.name, cpu / size.n)
    except subprocess.TimeoutExpired:
        note(f"{peer.name}: the sink has {sink.count()} of {size.n} after 120 s")
    sink.close()
    down(peer)


def backlog(peer, size):
    n = size.backlog
    up(peer, "queue")
    load(peer.port, n, 50)
    emit("backlog", "list", peer.name, timed(peer.list))
    peer.group.stop()
    sink = Sink(peer.sink)
    t = time.monotonic()
    up(peer, "relay", fresh=False)
    cpu = peer.group.cpu_us()
    if until(lambda: sink.count() >= n, 180, 0.01):
        emit("backlog", "drain", peer.name, n / (time.monotonic() - t))
        emit("backlog", "cpu", peer.name, (peer.group.cpu_us() - cpu) / n)
    else:
        note(f"{peer.name}: {sink.count()} of {n} drained in 180 s")
    sink.close()
    down(peer)


# ---- memory

def idle(peer, size):
    # Postfix has a process for each: a few hundred show what one costs
    n = size.idle if peer.name == "perigee" else 200
    up(peer, "queue")
    load(peer.port, 50, 1)
    time.sleep(1)
    before, conns = peer.group.memory("Pss"), []
    for _ in range(n):
        s = socket.create_connection(("127.0.0.1", peer.port), timeout=30)
        s.recv(1000)
        s.sendall(b"EHLO idle.example\r\n")
        s.recv(4000)
        conns.append(s)
    time.sleep(2)
    emit("idle", "kib", peer.name, (peer.group.memory("Pss") - before) / n)
    for s in conns:
        s.close()
    down(peer)


def index_files(spool):
    return [os.path.join(d, f) for d, _, files in os.walk(spool) for f in files if f.startswith("index")]


def queue(peer, size):
    """Very many messages: what they hold of memory and index, and how long starts and counts take."""
    n = size.queue
    up(peer, "queue")
    time.sleep(1)
    empty = peer.group.memory("RssAnon")
    load(peer.port, n, 50, size=500)
    time.sleep(3)       # it gives memory back once it has been quiet
    emit("queue", "anon", "perigee", (peer.group.memory("RssAnon") - empty) * 1024 / n)
    # as the disk counts them: the files are sparse
    emit("queue", "index", "perigee", sum(os.stat(f).st_blocks * 512 for f in index_files(peer.dir + "/spool")) / n)
    t = time.monotonic()
    have = peer.count()
    emit("queue", "count", "perigee", time.monotonic() - t)
    if have != n:
        note(f"{have} of {n} in the queue")
    for how in ("clean", "killed", "bare"):
        peer.group.stop(signal.SIGTERM if how == "clean" else signal.SIGKILL)
        if how == "bare":
            for f in index_files(peer.dir + "/spool"):
                os.unlink(f)
        sink = Sink(peer.sink)
        t = time.monotonic()
        up(peer, "relay", fresh=False)
        if until(lambda s=sink: s.count() > 0, 60, 0.005):
            emit("queue", how, "perigee", time.monotonic() - t)
        sink.close()
        peer.group.stop(signal.SIGKILL)
    down(peer)


# ---- rules

# What a site asks of a recipient: lists by name, patterns, keyed files' worth of names, conditions, two functions.
# None answers before the last.
ACL20 = """
domainlist.ours    = { "example.org", "*.example.org", "example.net" }
hostlist.friends   = { "192.0.2.0/24", "198.51.100.7", "2001:db8::/32" }
addresslist.banned = { "spam@example.com", "*@spam.example", "bulk@*.example" }
acl.rcpt {
  deny   { hosts = "+friends", domains = "! +ours" },
  deny   { senders = "+banned", message = "550 5.7.1 no" },
  deny   { local_parts = "^[./|]", message = "550 5.1.3 restricted characters" },
  deny   { local_parts = { "root", "daemon", "bin", "sys", "www-data" } },
  accept { domains = "+ours" },
  deny   { sender_domains = { "a.example", "b.example", "c.example" } },
  warn   { domains = "*.test.example", set = { acl_m_test = "1" } },
  deny   { hosts = "203.0.113.0/24" },
  accept { authenticated = "*" },
  deny   { recipients = { "nobody@dest.test", "none@dest.test" } },
  function(m) if m.sender_address == "" and m.recipients_count > 1 then return deny("550 5.5.3 one at a time") end end,
  deny   { encrypted = "*", domains = "clear.example" },
  warn   { senders = "loud@example.com", log_message = "loud again" },
  deny   { condition = function(m) return m.message_size > 100000000 end },
  deny   { local_parts = "*-request", sender_domains = "lists.example" },
  function(m) if m.local_part == "postmaster" then return accept() end end,
  deny   { domains = { "x1.example", "x2.example", "x3.example", "x4.example" } },
  deny   { hosts = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16" } },
  warn   { local_parts = "abuse", set = { acl_m_abuse = "1" } },
  accept {},
}
"""


author.ACL = ACL20


def talk(port):
    """A session that has said EHLO."""
    f = socket.create_connection(("127.0.0.1", port)).makefile("rwb")
    f.readline()
    f.write(b"EHLO x.example\r\n")
    f.flush()
    while f.readline()[3:4] == b"-":
        pass
    return f


def many_recipients(peer, f, each=900):
    """CPU of one RCPT, all of it: bytes in, rules, reply out."""
    cpu = peer.group.cpu_us()
    f.write(b"MAIL FROM:<a@there.example>\r\n" + b"RCPT TO:<c@dest.test>\r\n" * each + b"RSET\r\n")
    f.flush()
    n = sum(f.readline().startswith(b"250") for _ in range(each + 2))
    if n != each + 2:
        note(f"only {n} of {each + 2} commands were accepted")
    return (peer.group.cpu_us() - cpu) / each


def recipients(peer, rules, rounds):
    up(peer, "queue", extra=rules)
    with talk(peer.port) as f:
        us = sum(many_recipients(peer, f) for _ in range(rounds)) / rounds
    down(peer)
    return us


def acl(peer, size):
    emit("acl", "us", "one statement", recipients(peer, "acl.rcpt { accept {} }", size.rounds))
    emit("acl", "us", "perigee", recipients(peer, ACL20, size.rounds))


def explain(peer, size):
    """CPU of a message under the ACL of twenty statements, with what perigee explain needs and without it. The two differ in
    one evaluation, by less than what two runs of one server differ. So that one is measured: both are up at once and take
    many short turns of recipients only; what their fastest quarters differ by is added to the CPU of a message."""
    bare = Perigee(peer.sink)
    bare.dir += "-bare"
    both = {"perigee": peer, "explain_ring = 0": bare}
    us = {name: [] for name in both}
    try:
        for p in both.values():
            up(p, "queue", extra=ACL20 + ("site { explain_ring = 0 }" if p is bare else ""))
        with talk(peer.port) as f, talk(bare.port) as g:
            for i in range(4 * size.rounds):
                for name, line in (("perigee", f), ("explain_ring = 0", g))[::1 if i % 2 else -1]:
                    us[name].append(many_recipients(both[name], line, 300))
        load(bare.port, 200, 50)
        cpu = bare.group.cpu_us()
        load(bare.port, size.n, 50)
        cpu = (bare.group.cpu_us() - cpu) / size.n
    finally:
        down(peer)
        down(bare)
    fast = {name: statistics.mean(sorted(turns)[:len(turns) // 4]) for name, turns in us.items()}
    for name in both:
        emit("explain", "us", name, cpu + fast[name] - fast["explain_ring = 0"])


# ---- all of it

WORK = {"accept": accept, "perconn": perconn, "lone": lone, "relay": relay, "backlog": backlog, "idle": idle, "queue": queue, "acl": acl, "explain": explain,
        "tls": secret.sessions, "handshakes": secret.handshakes, "idletls": secret.idle, "relaytls": secret.relay,
        "check": author.check, "test": author.test, "auth": sender.auth}
ONCE = {"idle", "queue", "idletls", "check", "test"}        # memory is the same at every turn
ALONE = {"queue", "acl", "explain", "handshakes", "idletls", "relaytls", "check", "test", "auth"}        # nothing of Postfix's to set beside


def turn(name, size, sink):
    for peer in (Perigee(sink),) if name in ALONE else (Perigee(sink), Postfix(sink)):
        try:
            WORK[name](peer, size)
        except (OSError, RuntimeError, subprocess.SubprocessError, ValueError) as e:
            note(f"{name}, {peer.name}: {e}")
        finally:
            if hasattr(peer.group, "process"):
                peer.group.stop(signal.SIGKILL)


def micro(seconds):
    """The spool alone beside raw appends, when it was built."""
    program = os.path.join(HERE, "..", "..", "build", "spec", "bench", "spool_bench")
    if not os.access(program, os.X_OK):
        return ""
    where = RUN + "/micro"
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where)
    done = subprocess.run([program, where, str(seconds)], capture_output=True, text=True)
    shutil.rmtree(where)
    return done.stdout or done.stderr


def as_root():
    if os.getuid() == 0:
        return
    if shutil.which("sudo"):
        keep = [f"{k}={os.environ[k]}" for k in ("PERIGEE", "BENCH_RUN", "IDLE_N", "QUEUE_N") if k in os.environ]
        os.execvp("sudo", ["sudo", *keep, sys.executable, *sys.argv])
    print("compare.py: needs root, for cgroups and Postfix's users", file=sys.stderr)
    sys.exit(0)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("-q", action="store_true")
    a.add_argument("-n", type=int)
    a.add_argument("-r", type=int)
    a.add_argument("-d")
    a.add_argument("work", nargs="*", default=list(WORK))
    args = a.parse_args()
    as_root()
    os.makedirs(RUN, exist_ok=True)
    os.chmod(RUN, 0o755)
    size, runs, sink = Sizes(args.q, args.n), args.r or (1 if args.q else 3), free_port()
    began = time.monotonic()
    for name in args.work:
        for i in range(1 if name in ONCE else runs):
            turn(name, size, sink)
            note(f"{name}: turn {i + 1}")
    text = report.page(size, runs, time.monotonic() - began, sys.argv[1:], micro(0.3 if args.q else 1))
    print(text)
    if args.d:
        report.put(args.d, text)


main()
