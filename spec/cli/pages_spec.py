#!/usr/bin/env python3
# What the pages say is what the program does: the README's tour is walked, every command of the guide is one. Its rules
# are loaded by spec/rules/guide_spec.lua, each example alone: a page may show several ways to say one thing.
import os, re, shutil, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

GUIDE = os.path.join(ROOT, "docs", "guide")


def page(*name):
    with open(os.path.join(ROOT, *name)) as f:
        return f.read()


def parts(text):
    """("text" | "lua" | "shell", block) in order: fenced Lua and indented lines."""
    for fence, lua, shell, line in re.findall(r"(```lua\n([^`]*)```)|((?:^    [^\n]*\n)+)|^([^\n]*\n)", text, re.M):
        yield ("lua", lua) if fence else ("shell", re.sub(r"^    ", "", shell, flags=re.M)) if shell else ("text", line)


# ---- README

class Tour:
    """A copy of what a clone has, with a port of its own in place of 2525."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="perigee-tour.")
        self.port = free_port()
        shutil.copytree(os.path.join(ROOT, "rules"), os.path.join(self.dir, "rules"))
        os.mkdir(os.path.join(self.dir, "build"))
        os.mkdir(os.path.join(self.dir, "run"))
        os.symlink(PERIGEE, os.path.join(self.dir, "build", "perigee"))
        site = os.path.join(self.dir, "rules", "00-site.lua")
        text = open(site).read()
        open(site, "w").write(text.replace(":2525", f":{self.port}"))
        self.engine = subprocess.Popen(["build/perigee", "serve", "--foreground", "--rules", "rules", "--spool", "run/spool", "--workers", "1"]
                                       + (["--allow-root"] if os.getuid() == 0 else []),
                                       cwd=self.dir, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: listening(self.port))

    def shell(self, line):
        r = subprocess.run(["bash", "-c", line.replace(":2525", f":{self.port}")], cwd=self.dir, text=True, capture_output=True,
                           timeout=60, stdin=subprocess.DEVNULL, env={k: v for k, v in os.environ.items() if not k.startswith("PERIGEE")})
        return r.returncode, r.stdout + r.stderr

    def close(self):
        if self.engine.poll() is None:
            self.engine.terminate()
        self.engine.wait(30)
        shutil.rmtree(self.dir, ignore_errors=True)


# command -> exit status if it is not 0, and what it must print
TOUR = {
    "ls run/spool/mail": (0, "example.org"),
    "tail": (0, "Completed"),
    "build/perigee check": (0, "acl mail: ends with"),
    "build/perigee reload": (0, "generation 2 is in use"),
    "swaks --server 127.0.0.1:2525 --from": (None, "550 5.7.1 we have met before"),
    "build/perigee filter": (69, "mail: 550 5.7.1 we have met before"),
    "build/perigee route": (0, "mx.elsewhere.example [192.0.2.1]"),
    "build/perigee eval": (0, "spam.example"),
    "build/perigee test": (0, "1 passed, 0 failed"),
    "build/perigee status": (0, "generation 2"),
}


def tour():
    text = page("README.md")
    tour, name, walked = Tour(), None, 0
    try:
        for kind, block in parts(text[text.index("## Five minutes"):text.index("## Where each idea")]):
            named = re.search(r"`([\w/.-]+\.(?:lua|smtp))`", block)
            if kind == "text":
                name = named.group(1) if named else name if block.strip() == "" else None
            elif kind == "lua" or "C: " in block:
                with open(os.path.join(tour.dir, name), "w") as f:
                    f.write(block)
            else:
                for line in block.splitlines():
                    want = next((TOUR[k] for k in TOUR if line.startswith(k)), (0, ""))
                    if line.startswith("ls run/"):          # a reader is slower than a delivery; a spec is not
                        until(lambda: tour.shell(line)[0] == 0)
                    if line.startswith("tail"):
                        until(lambda: "Completed" in tour.shell(line)[1])
                    status, out = tour.shell(line)
                    if want[0] is not None:
                        same((line, status, out if status != want[0] else ""), (line, want[0], ""))
                    holds(out, want[1])
                    walked += 1
        same(walked, 15)
        same(tour.engine.wait(30), 0)
    finally:
        tour.close()


# ---- the guide

def commands(name):
    """Every line that begins with perigee, its [words] and | left to the reader."""
    for kind, block in parts(page("docs", "guide", name)):
        if kind == "shell":
            yield from (line for line in block.splitlines() if line.startswith("perigee "))


def known(name):
    verbs = subprocess.run([PERIGEE, "--help"], capture_output=True, text=True).stdout
    groups = {v.split()[0] for v in re.findall(r"^  (queue \w+)", verbs, re.M)}
    for line in commands(name):
        words = line.split()
        if words[1].startswith("--") or words[1] == "VERB" or words[1].endswith(":"):
            continue
        verb = words[1:3] if words[1] in groups else words[1:2]
        r = subprocess.run([PERIGEE, *verb, "--help"], capture_output=True, text=True, timeout=30)
        same((line, r.returncode), (line, 0))
        for option in re.findall(r"--[a-z-]+", line):
            holds(r.stdout, option)


def srv_advice():
    """What the guide tells operators to publish is a zone, and leads to ports that the sample of ports listens on."""
    lines = re.findall(r"^    (_\S+ +SRV .*)$", page("docs", "guide", "tls.md"), re.M)
    served = re.search(r"listen = (.*)", page("examples", "samples", "ports.lua")).group(1)
    with tempfile.NamedTemporaryFile("w", suffix=".zone") as zone:
        zone.write("\n".join(lines) + "\n")
        zone.flush()
        for service, port in (("submissions", 465), ("submission", 587)):
            asked = f'dns.srv "_{service}._tcp.example.org"'
            r = subprocess.run([PERIGEE, "eval", "--dns", zone.name, asked], capture_output=True, text=True, timeout=60)
            same((r.returncode, json.loads(r.stdout)["port"]), (0, port))
            holds(served, f":{port}\"")
    same(len(lines), 2)


case("README: the five minutes' tour succeeds for whoever follows it literally", tour)
for name in sorted(os.listdir(GUIDE)):
    case(f"guide/{name}: every verb and option in it is there", lambda: known(name))
case("CFG-T4 the SRV records that the guide advises are a zone, and name ports that the sample listens on", srv_advice)
done()
