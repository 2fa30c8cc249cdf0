#!/usr/bin/env python3
"""make bench: Perigee beside Postfix on this machine, and a few numbers of Perigee alone.

    spec/bench/compare.py [-n MESSAGES] [-r RUNS] [-o FILE] [accept perconn lone relay backlog idle queue acl]

Both have durable spools on the same disk. Numbers of one run compare, numbers of two do not: within an hour the same
configuration drifts by up to two times on a shared machine. So the peers take turns, and the table has the median of
RUNS turns (lowest-highest) and the median of the ratios within each turn. CPU per message is the criterion; the rate
is its illustration. Needs root (cgroups count the processes that end too, and Postfix wants its own users).
"""
import argparse
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "live"))
from perigee import PERIGEE, descendants, free_port, listening, tool, until  # noqa: E402

RUN = os.environ.get("BENCH_RUN", "/tmp/perigee-bench")
SIZE = 10240
results = {}        # (workload, metric) -> {peer: [values by turn]}


def note(*words):
    print(time.strftime("%H:%M:%S"), *words, file=sys.stderr, flush=True)


def emit(workload, metric, peer, value):
    results.setdefault((workload, metric), {}).setdefault(peer, []).append(value)


# ---- processes of a peer, counted whole

class Group:
    """A cgroup; without one, the descendants that are alive."""

    def __init__(self):
        self.dir = None
        for base in ("/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup"):
            d = f"{base}/perigee-bench.{os.getpid()}"
            try:
                os.makedirs(d, exist_ok=True)
                if os.access(d + "/cgroup.procs", os.W_OK):
                    self.dir, self.v1 = d, base.endswith("cpuacct")
                    return
            except OSError:
                pass
        note("no writable cgroup: processes that end are not counted")

    def start(self, args, out, env=None):
        def enter():
            os.setsid()
            if self.dir:
                with open(self.dir + "/cgroup.procs", "w") as f:
                    f.write(str(os.getpid()))
        with open(out, "ab") as o:
            self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=o, stderr=o, env=env, preexec_fn=enter)

    def pids(self):
        if self.dir:
            with open(self.dir + "/cgroup.procs") as f:
                return [int(p) for p in f.read().split()]
        return descendants(self.process.pid) if self.process.poll() is None else []

    def cpu_us(self):
        if self.dir and self.v1:
            with open(self.dir + "/cpuacct.usage") as f:
                return int(f.read()) // 1000
        if self.dir:
            with open(self.dir + "/cpu.stat") as f:
                return int(re.search(r"usage_usec (\d+)", f.read()).group(1))
        ticks = 0
        for p in self.pids():
            try:
                with open(f"/proc/{p}/stat") as f:
                    fields = f.read().rsplit(")", 1)[1].split()
                ticks += sum(int(x) for x in fields[11:15])
            except OSError:
                pass
        return ticks * 1000000 // os.sysconf("SC_CLK_TCK")

    def memory(self, what):
        """kB over all processes: Pss from smaps_rollup, RssAnon from status."""
        total = 0
        for p in self.pids():
            try:
                with open(f"/proc/{p}/{'smaps_rollup' if what == 'Pss' else 'status'}") as f:
                    total += int(re.search(rf"^{what}:\s+(\d+)", f.read(), re.M).group(1))
            except (OSError, AttributeError):
                pass
        return total

    def stop(self, sig=signal.SIGTERM):
        for i in range(300):
            pids = self.pids()
            if not pids:
                break
            for p in pids if i % 20 == 0 or i > 100 else ():
                try:
                    os.kill(p, signal.SIGKILL if i > 100 else sig)
                except OSError:
                    pass
            time.sleep(0.05)
        self.process.wait()


# ---- the two

class Perigee:
    name = "perigee"

    def __init__(self, sink):
        self.dir, self.port, self.sink, self.group = RUN + "/perigee", free_port(), sink, Group()

    def rules(self, mode, extra):
        shutil.rmtree(self.dir + "/rules", ignore_errors=True)
        os.makedirs(self.dir + "/rules")
        hold = 'site { hold_domains = "*" }' if mode == "queue" else ""
        with open(self.dir + "/rules/00-bench.lua", "w") as f:
            f.write(f"""site {{
  primary_hostname = "bench.test", listen = {{ "127.0.0.1:{self.port}" }}, user = "nobody",
  smtp_accept_max = 20000, smtp_accept_max_per_connection = 1000000, dns_servers = "127.0.0.1#9",
}}
{hold}
{extra or 'acl.rcpt { accept { hosts = "127.0.0.1" } }'}
router.sink {{ driver = "manualroute", route_list = {{ "* 127.0.0.1" }}, self = "send", transport = "sink" }}
transport.sink {{ driver = "smtp", port = {self.sink} }}
""")

    def start(self, mode, extra=None):
        os.makedirs(self.dir + "/spool", exist_ok=True)
        shutil.chown(self.dir + "/spool", "nobody")
        self.rules(mode, extra)
        self.group.start([PERIGEE, "serve", "--foreground", "--rules", self.dir + "/rules", "--spool", self.dir + "/spool"],
                         self.dir + "/out")

    def verb(self, *args):
        return subprocess.run([PERIGEE, *args, "--spool", self.dir + "/spool"], capture_output=True, text=True).stdout

    def count(self):
        return int(self.verb("queue", "count") or -1)

    def list(self):
        self.verb("queue", "list")

    def wipe(self):
        shutil.rmtree(self.dir, ignore_errors=True)


class Postfix:
    name = "postfix"
    LIB = "/usr/lib/postfix/sbin"

    def __init__(self, sink):
        self.dir, self.port, self.sink, self.group = RUN + "/postfix", free_port(), sink, Group()
        self.env = dict(os.environ, MAIL_CONFIG=self.dir + "/etc")

    def start(self, mode, extra=None):
        d = self.dir
        for sub in ("etc", "spool", "data"):
            os.makedirs(f"{d}/{sub}", exist_ok=True)
        shutil.chown(d + "/data", "postfix")
        os.chmod(d + "/data", 0o700)
        hold = "check_recipient_access static:HOLD, " if mode == "queue" else ""
        with open(d + "/etc/main.cf", "w") as f:
            # in_flow_delay and the limits: what is measured should be the server and not a default
            f.write(f"""compatibility_level = 3.6
queue_directory = {d}/spool
data_directory = {d}/data
daemon_directory = {self.LIB}
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = bench.test
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtp_host_lookup = native
smtpd_recipient_restrictions = {hold}permit_mynetworks, reject
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:{self.sink}
maillog_file = {d}/maillog
maillog_file_prefixes = /
in_flow_delay = 0
default_process_limit = 100
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_tls_security_level = none
smtp_tls_security_level = none
""")
        services = """cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
        with open(d + "/etc/master.cf", "w") as f:
            f.write(f"127.0.0.1:{self.port} inet n - n - 1100 smtpd\n" + services)
        open(d + "/etc/dynamicmaps.cf", "w").close()
        open(d + "/maillog", "a").close()
        shutil.chown(d + "/maillog", "postfix")
        for name in ("main.cf", "master.cf"):      # younger than 2 s makes its master wait
            os.utime(f"{d}/etc/{name}", (time.time() - 60,) * 2)
        if not os.path.isdir(d + "/spool/active"):
            subprocess.run([self.LIB + "/post-install", "create-missing", f"config_directory={d}/etc", f"queue_directory={d}/spool",
                            f"data_directory={d}/data", f"daemon_directory={self.LIB}", "command_directory=/usr/sbin",
                            "meta_directory=/etc/postfix", "mail_owner=postfix", "setgid_group=postdrop"],
                           env=self.env, capture_output=True)
        if mode == "relay" and self.count() > 0:
            subprocess.run(["postsuper", "-c", d + "/etc", "-H", "ALL"], capture_output=True)
        self.group.start([self.LIB + "/master", "-c", d + "/etc", "-d"], d + "/out", self.env)

    def count(self):
        return sum(len(files) for q in ("incoming", "active", "hold", "deferred", "maildrop")
                   for _, _, files in os.walk(f"{self.dir}/spool/{q}"))

    def list(self):
        subprocess.run(["postqueue", "-c", self.dir + "/etc", "-p"], capture_output=True, env=self.env)

    def wipe(self):
        shutil.rmtree(self.dir, ignore_errors=True)


# ---- load and sink

def load(port, n, conns, kept=True, size=SIZE):
    subprocess.run([tool("smtp-source"), "-4", "-C", "20", *(["-d"] if kept else []), "-l", str(size), "-m", str(n), "-s", str(conns),
                    "-M", "client.bench.test", "-f", "sender@bench.test", "-t", "rcpt@dest.test", f"127.0.0.1:{port}"], check=True)


class Sink:
    def __init__(self, port, n=None):
        self.out = open(RUN + "/sink.out", "w+b")
        self.process = subprocess.Popen([tool("smtp-sink"), "-4", "-c", "-u", "nobody", "-m", "4000",
                                         *(["-M", str(n)] if n else []), "-h", "sink.bench.test", f"127.0.0.1:{port}", "4096"],
                                        stdout=self.out, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        hexport = f":{port:04X}"

        def there():    # by the socket table: a connection would show in the counters
            with open("/proc/net/tcp") as f:
                return any(l.split()[1].endswith(hexport) and l.split()[3] == "0A" for l in f.readlines()[1:])
        if not until(there):
            raise RuntimeError("smtp-sink does not start")

    def count(self):
        with open(RUN + "/sink.out", "rb") as f:
            f.seek(max(0, os.path.getsize(RUN + "/sink.out") - 400))
            found = re.findall(rb"mesg=(\d+)", f.read())
        return int(found[-1]) if found else 0

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()


def up(peer, mode, fresh=True, extra=None):
    if fresh:
        peer.wipe()
        os.sync()
    os.makedirs(peer.dir, exist_ok=True)
    peer.start(mode, extra)
    if not until(lambda: listening(peer.port), 60):
        with open(peer.dir + "/out", errors="replace") as f:
            raise RuntimeError(f"{peer.name} does not listen\n{f.read()[-2000:]}")


def down(peer):
    peer.group.stop()
    peer.wipe()


# ---- workloads

def accept(peer, n, workload="accept, 50 kept connections", kept=True):
    up(peer, "queue")
    load(peer.port, 200, 50)
    cpu, t = peer.group.cpu_us(), time.monotonic()
    load(peer.port, n, 50, kept)
    took, cpu = time.monotonic() - t, peer.group.cpu_us() - cpu
    have = peer.count()
    if have < n + 200:
        note(f"{peer.name}: {have} of {n + 200} in the queue")
    emit(workload, "messages/s", peer.name, n / took)
    emit(workload, "CPU us/message", peer.name, cpu / n)
    down(peer)


def perconn(peer, n):
    accept(peer, n, "accept, a connection a message, 50 at once", kept=False)


def lone(peer, n):
    """One client, one message after another, beside the generator into the sink plus one raw append and flush."""
    n = min(n, 1000)
    up(peer, "queue")
    load(peer.port, 50, 1)
    t = time.monotonic()
    load(peer.port, n, 1)
    took = (time.monotonic() - t) / n * 1e6
    emit("a lone client", "us/message", peer.name, took)
    down(peer)
    if peer.name != "perigee":
        return
    port = free_port()
    sink = Sink(port)
    t = time.monotonic()
    load(port, n, 1)
    ceiling = (time.monotonic() - t) / n * 1e6
    sink.close()
    fd, data = os.open(RUN + "/raw", os.O_CREAT | os.O_RDWR | os.O_TRUNC), b"x" * SIZE
    os.posix_fallocate(fd, 0, SIZE * n)
    os.fsync(fd)
    t = time.monotonic()
    for i in range(n):
        os.pwrite(fd, data, i * SIZE)
        os.fdatasync(fd)
    raw = (time.monotonic() - t) / n * 1e6
    os.close(fd)
    os.unlink(RUN + "/raw")
    emit("a lone client", "us/message", "sink + raw flush", ceiling + raw)


def relay(peer, n):
    warm = Sink(peer.sink)
    up(peer, "relay")
    load(peer.port, 100, 50)
    until(lambda: warm.count() >= 100, 60)
    warm.close()
    sink = Sink(peer.sink, n)
    cpu, t = peer.group.cpu_us(), time.monotonic()
    load(peer.port, n, 50)
    try:
        sink.process.wait(120)
        took, cpu = time.monotonic() - t, peer.group.cpu_us() - cpu
        emit("relay to a sink, 50 connections", "messages/s", peer.name, n / took)
        emit("relay to a sink, 50 connections", "CPU us/message", peer.name, cpu / n)
    except subprocess.TimeoutExpired:
        note(f"{peer.name}: the sink has {sink.count()} of {n} after 120 s")
    sink.close()
    down(peer)


def backlog(peer, n):
    n = max(n, 20000)
    up(peer, "queue")
    load(peer.port, n, 50)
    t = time.monotonic()
    peer.list()
    emit(f"backlog of {n}", "listed in s", peer.name, time.monotonic() - t)
    peer.group.stop()
    sink = Sink(peer.sink)
    t = time.monotonic()
    up(peer, "relay", fresh=False)
    until(lambda: sink.count() > 0, 60, 0.005)
    emit(f"backlog of {n}", "s to the first delivery", peer.name, time.monotonic() - t)
    if until(lambda: sink.count() >= n, 120):
        emit(f"backlog of {n}", "drained, messages/s", peer.name, n / (time.monotonic() - t))
    else:
        note(f"{peer.name}: {sink.count()} of {n} drained in 120 s")
    sink.close()
    down(peer)


def idle(peer, _n):
    n = int(os.environ.get("IDLE_N", "10000" if peer.name == "perigee" else "500"))
    up(peer, "queue")
    load(peer.port, 50, 1)
    time.sleep(1)
    before, conns = peer.group.memory("Pss"), []
    for i in range(n):
        s = socket.create_connection(("127.0.0.1", peer.port), timeout=30)
        s.recv(1000)
        s.sendall(b"EHLO idle.example\r\n")
        s.recv(4000)
        conns.append(s)
    time.sleep(2)
    emit("idle connections after EHLO", "KiB each (Pss)", peer.name, (peer.group.memory("Pss") - before) / n)
    for s in conns:
        s.close()
    down(peer)


def index_bytes(spool):
    """As the disk counts them: the files are sparse."""
    return sum(os.stat(os.path.join(d, f)).st_blocks * 512 for d, _, files in os.walk(spool) for f in files if f.startswith("index"))


def queue(peer, _n):
    """200,000 messages: what they hold of memory and index, and how long starts and counts take."""
    if peer.name != "perigee":
        return
    n = int(os.environ.get("QUEUE_N", "200000"))
    up(peer, "queue")
    time.sleep(1)
    empty = peer.group.memory("RssAnon")
    load(peer.port, n, 50, size=500)
    time.sleep(1)
    w = f"{n} queued messages"
    emit(w, "anonymous bytes each", "perigee", (peer.group.memory("RssAnon") - empty) * 1024 / n)
    emit(w, "index bytes each", "perigee", index_bytes(peer.dir + "/spool") / n)
    t = time.monotonic()
    have = peer.count()
    emit(w, "queue count in s", "perigee", time.monotonic() - t)
    if have != n:
        note(f"{have} of {n} in the queue")
    for how in ("a clean stop", "kill -9", "kill -9, index removed"):
        peer.group.stop(signal.SIGTERM if how == "a clean stop" else signal.SIGKILL)
        if "removed" in how:
            for d, _, files in os.walk(peer.dir + "/spool"):
                for f in files:
                    if f.startswith("index"):
                        os.unlink(os.path.join(d, f))
        sink = Sink(peer.sink)
        t = time.monotonic()
        up(peer, "relay", fresh=False)
        if until(lambda: sink.count() > 0, 60, 0.005):
            emit(w, f"s to the first delivery after {how}", "perigee", time.monotonic() - t)
        sink.close()
        peer.group.stop(signal.SIGKILL)
    down(peer)


def acl(peer, _n):
    """CPU of one recipient: with an ACL of twenty statements, and without any."""
    if peer.name != "perigee":
        return
    statements = ", ".join(f'deny {{ domains = "no{i}.example", senders = "x{i}@y.example", message = "550 no" }}' for i in range(19))
    for name, rules in (("one statement", "acl.rcpt { accept {} }"), ("20 statements", "acl.rcpt { " + statements + ", accept {} }")):
        up(peer, "queue", extra=rules)
        s = socket.create_connection(("127.0.0.1", peer.port))
        f = s.makefile("rwb")
        f.readline()
        f.write(b"EHLO x.example\r\n")
        f.flush()
        while f.readline()[3:4] == b"-":
            pass
        cpu, n = peer.group.cpu_us(), 0
        for _ in range(40):
            f.write(b"MAIL FROM:<a@b.example>\r\n" + b"RCPT TO:<c@dest.test>\r\n" * 900 + b"RSET\r\n")
            f.flush()
            for _ in range(902):
                n += f.readline().startswith(b"250")
        cpu = peer.group.cpu_us() - cpu
        if n != 40 * 902:
            note(f"only {n} of {40 * 902} commands were accepted")
        emit("a recipient", f"CPU us, {name}", "perigee", cpu / 36000)
        s.close()
        down(peer)


WORK = {"accept": accept, "perconn": perconn, "lone": lone, "relay": relay, "backlog": backlog, "idle": idle, "queue": queue, "acl": acl}
ONCE = {"idle", "queue", "acl"}     # memory and CPU of one process: one turn says it


# ---- the table

def number(x):
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}" if x >= 0.1 else f"{x:.4f}"


def cell(values):
    if not values:
        return "-"
    spread = f" ({number(min(values))}-{number(max(values))})" if len(values) > 1 else ""
    return number(statistics.median(values)) + spread


def table(out):
    print("| workload | | Perigee | Postfix | Perigee / Postfix |\n|---|---|---:|---:|---:|", file=out)
    for (workload, metric), by in results.items():
        p, q = by.get("perigee", []), by.get("postfix", [])
        ratio = statistics.median(a / b for a, b in zip(p, q) if b) if p and q else None
        print(f"| {workload} | {metric} | {cell(p)} | {cell(q)} | {number(ratio) if ratio else '-'} |", file=out)
        for other in by.keys() - {"perigee", "postfix"}:
            r = statistics.median(a / b for a, b in zip(p, by[other]))
            print(f"| {workload} | {other} | {cell(by[other])} | | Perigee / this: {number(r)} |", file=out)


def machine():
    with open("/proc/cpuinfo") as f:
        model = re.search(r"model name\s*: (.*)", f.read())
    return f"{os.cpu_count()} cores of {model.group(1) if model else os.uname().machine}, kernel {os.uname().release}"


def main():
    a = argparse.ArgumentParser()
    a.add_argument("-n", type=int, default=5000)
    a.add_argument("-r", type=int, default=5)
    a.add_argument("-o", default=None)
    a.add_argument("work", nargs="*", default=list(WORK))
    args = a.parse_args()
    if os.getuid() != 0:
        sys.exit("compare.py: needs root, for cgroups and Postfix's users")
    os.makedirs(RUN, exist_ok=True)
    os.chmod(RUN, 0o755)
    sink = free_port()
    for name in args.work:
        for turn in range(1 if name in ONCE else args.r):
            for peer in (Perigee(sink), Postfix(sink)):
                try:
                    WORK[name](peer, args.n)
                finally:
                    if hasattr(peer.group, "process"):
                        peer.group.stop(signal.SIGKILL)
            note(f"{name}: turn {turn + 1}")
    out = open(args.o, "w") if args.o else sys.stdout
    print(f"{machine()}; {args.n} messages of {SIZE} bytes, median of {args.r} turns (lowest-highest)\n", file=out)
    table(out)


main()
