"""A real engine for specs: started on a loopback port in a directory of its own, stopped by its pid.

    with Engine(rules) as e:          # rules: Lua text, files by name
        e.send("b@example.org")
        e.wait(lambda: e.mails())

and TAP: case("title", lambda: ...) ... done().
"""
import glob
import json
import os
import re
import select
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PERIGEE = os.environ.get("PERIGEE", os.path.join(ROOT, "build", "perigee"))
SLOW = 4 if "asan" in PERIGEE else 1      # everything takes longer under a sanitizer

# ---- TAP

_count = _failed = 0


def case(title, body):
    """One case: body raises or returns False to fail."""
    global _count, _failed
    _count += 1
    try:
        ok = body() is not False
        why = ""
    except Exception:
        ok, why = False, traceback.format_exc()
    if not ok:
        _failed += 1
    print(f"{'ok' if ok else 'not ok'} {_count} - {title}", flush=True)
    for line in why.splitlines():
        print(f"# {line}", flush=True)
    return ok


def skip(title, why):
    global _count
    _count += 1
    print(f"ok {_count} - {title} # SKIP {why}", flush=True)


def done():
    print(f"1..{_count}")
    sys.exit(1 if _failed else 0)


def same(got, want):
    if got != want:
        raise AssertionError(f"{got!r} is not {want!r}")


def holds(text, what):
    if what not in text:
        raise AssertionError(f"no {what!r} in\n{text}")


# ---- ports and processes

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, seconds=20, step=0.02):
    """The first true value of what(), or None when time is up."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            return None
        time.sleep(step)


def listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except OSError:
        return False


def descendants(pid):
    """pid and all below it."""
    children = {}
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(stat) as f:
                text = f.read()
        except OSError:
            continue
        fields = text[text.rindex(")") + 2:].split()
        children.setdefault(int(fields[1]), []).append(int(stat.split("/")[2]))
    found, todo = [], [pid]
    while todo:
        p = todo.pop()
        found.append(p)
        todo += children.get(p, [])
    return found


SITE = """
site {{
  primary_hostname = "mx.example.org",
  listen           = {{ "127.0.0.1:{port}" }},
  dns_servers      = "127.0.0.1#9",
}}
domainlist.local_domains = {{ "example.org" }}
acl.rcpt {{
  accept {{ hosts = "127.0.0.1" }},
}}
router.here   {{ driver = "accept", domains = "+local_domains", transport = "mailbox" }}
router.remote {{ driver = "manualroute", route_list = {{ "* 127.0.0.1" }}, self = "send", transport = "remote" }}
transport.mailbox {{ driver = "appendfile", maildir_format = true,
                     directory = function(m) return path("{mail}", m.local_part) end }}
transport.remote  {{ driver = "smtp", port = {sink}, connect_timeout = "5s", command_timeout = "30s" }}
retry.rule {{ "*", "*", "F,1h,1s" }}
"""

MESSAGE = "From: a@there.example\r\nTo: b@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@there.example>\r\n\r\n{body}\r\n"


def log_of(spool, name):
    """All of a log file; nothing as long as it is not there."""
    try:
        with open(os.path.join(spool, "log", name), errors="replace") as f:
            return f.read()
    except FileNotFoundError:
        return ""


class Engine:
    def __init__(self, extra="", workers=2, env=None, site=SITE, dir=None, sink=9, args=()):
        self.own = dir is None
        self.dir = dir or tempfile.mkdtemp(prefix="perigee-spec.")
        self.port, self.sink, self.workers = free_port(), sink, workers
        self.spool, self.rules, self.mail = (os.path.join(self.dir, d) for d in ("spool", "rules", "mail"))
        os.makedirs(self.rules, exist_ok=True)
        os.makedirs(self.mail, exist_ok=True)
        self.env, self.args, self.process = dict(os.environ, **(env or {})), list(args), None
        self.rule("00-site.lua", site.format(port=self.port, mail=self.mail, sink=sink, dir=self.dir))
        if extra:
            self.rule("50-extra.lua", extra.format(port=self.port, mail=self.mail, sink=sink, dir=self.dir))

    def rule(self, name, text):
        """Whole or not at all, as an editor saves."""
        new = os.path.join(self.rules, "." + name)
        with open(new, "w") as f:
            f.write(text)
        os.rename(new, os.path.join(self.rules, name))

    def start(self, wait=True):
        root = ["--allow-root"] if os.getuid() == 0 else []
        self.out = open(os.path.join(self.dir, "out"), "ab")
        self.process = subprocess.Popen(
            [PERIGEE, "serve", "--foreground", "--rules", self.rules, "--spool", self.spool,
             "--workers", str(self.workers)] + root + self.args,
            stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out, env=self.env, start_new_session=True)
        if wait and not until(lambda: self.process.poll() is not None or listening(self.port)):
            raise RuntimeError("the engine does not listen\n" + self.output())
        if wait and self.process.poll() is not None:
            raise RuntimeError(f"the engine ended with {self.process.returncode}\n" + self.output())
        if wait:
            until(lambda: len(self.status().get("workers", [])) >= self.workers)
        return self

    def status(self):
        code, out, _ = self.run("status", "--json")
        return json.loads(out) if code == 0 else {}

    def output(self):
        with open(os.path.join(self.dir, "out"), errors="replace") as f:
            return f.read()[-4000:]

    def pids(self):
        return [p for p in descendants(self.process.pid)] if self.process and self.process.poll() is None else []

    def kill(self):
        """kill -9 to all of it, at once."""
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.process.wait()
        until(lambda: not listening(self.port))

    def stop(self, seconds=20):
        if not self.process or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def close(self):
        try:
            self.stop()
        finally:
            if self.process and self.process.poll() is None:
                self.kill()
            if self.own:
                shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    # ---- talking to it

    def run(self, *args, input=None, env=None):
        """A verb of the command line, on this spool."""
        r = subprocess.run([PERIGEE, *args], input=input, capture_output=True, text=True, timeout=120,
                           env=dict(os.environ, PERIGEE_SPOOL=self.spool, PERIGEE_RULES=self.rules, **(env or {})))
        return r.returncode, r.stdout, r.stderr

    def smtp(self, timeout=30):
        return smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.example", timeout=timeout * SLOW)

    def send(self, *to, subject="test", body="text", sender="a@there.example"):
        with self.smtp() as s:
            return s.sendmail(sender, to, MESSAGE.format(subject=subject, body=body))

    def mails(self, box="*"):
        """Contents of the Maildirs' new messages."""
        texts = []
        for path in sorted(glob.glob(os.path.join(self.mail, box, "new", "*"))):
            with open(path, "rb") as f:
                texts.append(f.read().decode("latin-1"))
        return texts

    def subjects(self):
        return [m.group(1).strip() for t in self.mails() for m in [re.search(r"^Subject: (.*)$", t, re.M)] if m]

    def count(self):
        status, out, err = self.run("queue", "count")
        return int(out) if status == 0 else -1

    def log(self, name="mainlog"):
        return log_of(self.spool, name)

    def logs(self, text, name="mainlog"):
        """The log says text. Lines reach the file a moment after the fact they tell, longer on a busy disk."""
        if not until(lambda: text in self.log(name)):
            holds(self.log(name), text)


class Server:
    """Takes connections until it is closed, one thread a connection: serve(c, n) is the subclass's, n the connection's
    number. What that needs must be there before Server.__init__."""

    def __init__(self, address="127.0.0.1", port=0):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))
        self.socket.listen(128)
        self.address, self.port = self.socket.getsockname()
        self.lock, self.open, self.connections = threading.Lock(), True, 0
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while self.open:
            try:
                c, _ = self.socket.accept()
            except OSError:
                return
            if not self.open:
                c.close()
                return
            self.connections += 1
            threading.Thread(target=self.take, args=(c, self.connections), daemon=True).start()

    def take(self, c, n):
        try:
            self.serve(c, n)
        except (OSError, ValueError, IndexError):
            pass
        finally:
            try:
                c.close()
            except OSError:
                pass

    def close(self):
        """A close alone does not wake accept(), and the descriptor's number would be the next socket's: the old thread
        would take the new server's connections."""
        self.open = False
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Sink(Server):
    """A server that takes mail and remembers the subjects. answers_for(n) are the replies of the n-th connection that are
    not the usual ones, by command; each is given once."""

    def __init__(self, answers_for=lambda n: {}, delay=0):
        self.answers_for, self.delay, self.subjects = answers_for, delay, []
        super().__init__()

    def serve(self, c, n):
        answers = dict(self.answers_for(n))
        f = c.makefile("rwb", buffering=65536)

        def say(word, default):
            f.write((answers.pop(word, default) + "\r\n").encode())
            f.flush()

        say("banner", "220 sink.example ESMTP")
        for line in f:
            word = line.split(None, 1)[0].decode("latin-1").lower() if line.strip() else ""
            if word in ("ehlo", "lhlo"):
                say("ehlo", "250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 100000000")
            elif word == "data":
                go_on = answers.get("data", "354").startswith("354")
                say("data", "354 go on")
                if go_on:
                    subject = None
                    for line in f:
                        if line == b".\r\n":
                            break
                        if subject is None and line.lower().startswith(b"subject:"):
                            subject = line[8:].strip().decode("latin-1")
                    if self.delay:
                        time.sleep(self.delay)
                    # remembered before it is answered: what we say we have, we have
                    # (no subject: the lone dot after a 354 that nobody wanted any more, RFC 2920 3.1)
                    if subject and answers.get("dot", "250").startswith("250"):
                        with self.lock:
                            self.subjects.append(subject)
                    say("dot", "250 2.0.0 taken")
            elif word == "quit":
                say("quit", "221 2.0.0 bye")
                break
            else:
                say(word, "250 2.0.0 ok")


def end_all(process):
    """Ends a process and all below it; one that does not want to is killed."""
    for pid in reversed(descendants(process.pid)):
        try:
            os.kill(pid, signal.SIGTERM)
        except OSError:
            pass
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def tool(name):
    """A program the specs need; its absence is a failed case, not a skipped one."""
    path = shutil.which(name) or next((p for p in (f"/usr/sbin/{name}", f"/usr/lib/postfix/sbin/{name}") if os.path.exists(p)), None)
    if not path:
        raise RuntimeError(f"{name} is not installed (make deps)")
    return path
