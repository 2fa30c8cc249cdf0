"""The two servers of the comparison, what drives them and what swallows their mail. Used by compare.py."""
import os
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "live"))
from perigee import PERIGEE, descendants, free_port, listening, tool, until  # noqa: E402

RUN = os.environ.get("BENCH_RUN", "/tmp/perigee-bench")
SIZE = 10240


def note(*words):
    print(time.strftime("%H:%M:%S"), *words, file=sys.stderr, flush=True)


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
        self.listen, self.options = "", ""        # further addresses; options of the transport

    def rules(self, mode, extra):
        shutil.rmtree(self.dir + "/rules", ignore_errors=True)
        os.makedirs(self.dir + "/rules")
        hold = 'site { hold_domains = "*" }' if mode == "queue" else ""
        with open(self.dir + "/rules/00-bench.lua", "w") as f:
            f.write(f"""site {{
  primary_hostname = "bench.test", listen = {{ "127.0.0.1:{self.port}"{self.listen} }}, user = "nobody",
  smtp_accept_max = 20000, smtp_accept_max_per_connection = 1000000, dns_servers = "127.0.0.1#9",
}}
{hold}
{extra or 'acl.rcpt { accept { hosts = "127.0.0.1" } }'}
router.sink {{ driver = "manualroute", route_list = {{ "* 127.0.0.1" }}, self = "send", transport = "sink" }}
transport.sink {{ driver = "smtp", port = {self.sink}{self.options} }}
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
        self.more = ""                          # lines of main.cf that win
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
{'' if self.more else 'smtpd_tls_security_level = none'}
smtp_tls_security_level = none
{self.more}""")
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
tlsmgr unix - - n 1000? 1 tlsmgr
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
    if not until(lambda: listening(peer.port) or peer.group.process.poll() is not None, 60) or not listening(peer.port):
        with open(peer.dir + "/out", errors="replace") as f:
            raise RuntimeError(f"{peer.name} does not listen\n{f.read()[-2000:]}")


def down(peer):
    peer.group.stop()
    peer.wipe()
