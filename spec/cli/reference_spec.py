#!/usr/bin/env python3
# Every verb of docs/ref/cli.md has an example; each is typed as it stands there, in a directory of its own.
import json, os, re, shlex, shutil, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from ca import CA, Responder
from perigee import *

FILES = {
    "message": "From: Ann <ann@example.org>\nSubject: dinner\n\nat eight\n",
    "session": "EHLO there.example\r\nMAIL FROM:<bob@there.example>\r\nQUIT\r\n",
    "zone": "elsewhere.example. MX 10 mx.elsewhere.example.\nmx.elsewhere.example. A 192.0.2.1\n"
            "there.example. MX 10 mx.there.example.\nmx.there.example. A 192.0.2.2\n",
    "met.smtp": "-- nobody is refused\nrules: rules\nhelo: there.example\nC: MAIL FROM:<>\nS: 250\n",
}


class Place:
    """The shipped rules, their spool, a running engine that holds all mail for others."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="perigee-reference.")
        self.port = free_port()
        shutil.copytree(os.path.join(ROOT, "rules"), os.path.join(self.dir, "rules"))
        os.makedirs(os.path.join(self.dir, "run"))
        os.makedirs(os.path.join(self.dir, "bin"))
        os.symlink(PERIGEE, os.path.join(self.dir, "bin", "perigee"))
        for name, text in FILES.items():
            with open(os.path.join(self.dir, name), "w") as f:
                f.write(text)
        site = os.path.join(self.dir, "rules", "00-site.lua")
        text = open(site).read()
        with open(site, "w") as f:
            f.write(text.replace(":2525", f":{self.port}"))
        with open(os.path.join(self.dir, "rules", "05-trap.lua"), "w") as f:
            f.write('acl.rcpt { deny { local_parts = "trap", message = "550 5.1.1 nobody" } }\n')
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("PERIGEE")}
        self.env["PATH"] = os.path.join(self.dir, "bin") + ":" + os.environ["PATH"]
        self.engine = self.responder = None

    def shell(self, line):
        r = subprocess.run(["bash", "-c", line], cwd=self.dir, text=True, capture_output=True, timeout=120, stdin=subprocess.DEVNULL, env=self.env)
        return r.returncode, r.stdout + r.stderr

    def serve(self, line):
        words = shlex.split(line) + ["--foreground", "--workers", "1"] + (["--allow-root"] if os.getuid() == 0 else [])
        self.engine = subprocess.Popen(words, cwd=self.dir, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        same(until(lambda: self.shell("perigee hold ready.example --spool run/spool")[0] == 0) is not None, True)

    def message(self):
        """The id of a new message in the queue."""
        before = self.waiting()
        same(self.shell("perigee send --spool run/spool -f ann@example.org cat@elsewhere.example < message"), (0, ""))
        return until(lambda: (self.waiting() - before) or None).pop()

    def waiting(self):
        """Ids of what was handed in; bounces of what was given up come and go beside it."""
        return {m["id"] for m in self.listed() if "cat@elsewhere.example" in m["recipients"]}

    def listed(self):
        return [json.loads(line) for line in self.shell("perigee queue list --json --spool run/spool")[1].splitlines() if line]

    def refused(self):
        """The id behind E= of something the rules refused."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as s:
            s.ehlo("there.example")
            s.mail("bob@there.example")
            s.rcpt("trap@example.org")
        return until(lambda: re.search(r" E=(\S+)", log_of(os.path.join(self.dir, "run", "spool"), "mainlog"))).group(1)

    def close(self):
        if self.responder:
            self.responder.__exit__()
        if self.engine and self.engine.poll() is None:
            self.engine.terminate()
            self.engine.wait(60)
        shutil.rmtree(self.dir, ignore_errors=True)


def examples():
    """verb -> (command, text it prints), in the order of the page."""
    with open(os.path.join(ROOT, "docs", "ref", "cli.md")) as f:
        sections = re.split(r"^## perigee ", f.read(), flags=re.M)[1:]
    found = {}
    for s in sections:
        line = re.search(r"^    (perigee .*)$", s, re.M)
        prints = re.search(r"^prints among other things `(.*)`\.$", s, re.M)
        found[s.splitlines()[0]] = (line.group(1), prints.group(1) if prints else "") if line else None
    return found


SHOWN = examples()
place = Place()
# Ended by what the examples do, or needed by others first.
FIRST, LAST = ["serve", "hold", "send"], ["release", "stop"]


def before(verb, line):
    """What a reader has at hand when he types it."""
    if verb == "explain":
        return line.replace("ID", place.refused())
    if verb == "ocsp-fetch":
        ca = CA(place.dir)
        place.responder = Responder({})
        place.responder.__enter__()
        mx = ca.leaf("mx.example.org", "mx", ocsp=place.responder.url)
        place.responder.answers[mx] = ca.answer(mx)
        place.shell("cat root.pem >> mx.chain.pem")
    if verb == "queue import":
        os.makedirs(os.path.join(place.dir, "exported"))
        place.shell("mv *-H *-D exported/")
    return line.replace("ID", place.message()) if "ID" in line else line


def run(verb):
    line, prints = SHOWN[verb]
    if verb == "serve":
        return place.serve(line)
    code, said = place.shell(before(verb, line))
    same((line, code, said if code else ""), (line, 0, ""))
    holds(said, prints)


def all_shown():
    r = subprocess.run([PERIGEE, "--help"], capture_output=True, text=True, timeout=60)
    verbs = re.findall(r"^  ((?:(?:queue|hints) )?[a-z][\w-]*) ", r.stdout, re.M)
    same(len(verbs) > 30, True)
    same([v for v in verbs if not SHOWN.get(v)], [])


case("every verb has an example in docs/ref/cli.md", all_shown)
try:
    for verb in FIRST + [v for v in SHOWN if v not in FIRST + LAST] + LAST:
        if SHOWN.get(verb):
            case(f"perigee {verb}: its example does what the page says", lambda: run(verb))
finally:
    place.close()
done()
