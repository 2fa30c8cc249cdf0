#!/usr/bin/env python3
# What the READMEs of examples/ say to type does what they say; and a sample that needs a port of its own.
import glob, json, os, re, shlex, shutil, smtplib, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *
from ca import CA


def text(*path):
    with open(os.path.join(ROOT, *path)) as f:
        return f.read()


def run(words, stdin=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith("PERIGEE_R")}
    with open(stdin or os.devnull, "rb") as f:
        return subprocess.run([PERIGEE] + words, stdin=f, capture_output=True, text=True, timeout=120, cwd=ROOT, env=env)


def commands():
    found = set()
    for page in glob.glob(os.path.join(ROOT, "examples", "**", "README.md"), recursive=True):
        # `test` is what part-rules does.
        found.update(re.findall(r"^    perigee ((?:check|route) .*)$", text(page), re.M))
    same(len(found) >= 5, True)
    found.remove("check --rules examples/submission")      # its certificate is a case of its own
    for line in sorted(found):
        r = run(shlex.split(line))
        if r.returncode != 0:
            raise AssertionError(f"perigee {line}: {r.returncode}\n{r.stdout}{r.stderr}")


def submission():
    """As its README says: check names the files that are missing, and is content when they are there."""
    missing = run(["check", "--rules", "examples/submission"])
    same((missing.returncode, missing.stdout.count("\n")), (1, 1))
    holds(missing.stdout, "00-site.lua:13: tls_certificate: open /etc/perigee/tls/submit.example.org.pem: No such file")
    with tempfile.TemporaryDirectory(prefix="perigee-spec.") as dir:
        leaf = CA(dir).leaf("submit.example.org")
        rules = shutil.copytree(os.path.join(ROOT, "examples", "submission"), os.path.join(dir, "rules"))
        site = os.path.join(rules, "00-site.lua")
        with open(site) as f:
            code = f.read()
        with open(site, "w") as f:
            f.write(code.replace("/etc/perigee/tls/submit.example.org.pem", leaf.chain).replace("/etc/perigee/tls/submit.example.org.key", leaf.key))
        r = run(["check", "--rules", rules])
        same((r.returncode, r.stderr), (0, ""))


def filter_judges():
    line = re.search(r"perigee (filter .*?) <", text("examples", "filter", "README.md")).group(1)
    for path in glob.glob(os.path.join(ROOT, "examples", "filter", "messages", "*.eml")):
        good = os.path.basename(path) == "good.eml"
        r = run(shlex.split(line), path)
        same(r.returncode, 0 if good else 69)
        holds(r.stdout, "verdict: accept" if good else "\ndata: 550 5.6.0 ")


def ports():
    """The sample without its `listen`: the engine here is not on port 25, so that it is for mail programs."""
    rules = re.sub(r"^site {.*?^}$", "", text("examples", "samples", "ports.lua"), flags=re.M | re.S)
    site = 'site {{ listen = "127.0.0.1:{port}" }} domainlist.local_domains = {{ "example.org" }} ' \
           'router.here {{ driver = "accept", transport = "mail" }} ' \
           'transport.mail {{ driver = "appendfile", maildir_format = true, directory = "{mail}" }}'
    e = Engine(site=site, workers=1)
    try:
        e.rule("50-ports.lua", rules)
        e.start()
        with smtplib.SMTP("127.0.0.1", e.port, timeout=30) as c:
            c.ehlo("there.example")
            same(c.mail("a@there.example")[0], 250)
            same(c.rcpt("b@example.org"), (530, b"5.7.0 please log in first"))
    finally:
        e.close()


def editors():
    for where in ("rules", "examples"):
        settings = json.loads(text(where, ".luarc.json"))
        first = os.path.join(ROOT, where, settings["workspace.library"][0])
        same(sorted(os.listdir(first)), ["luacheck.lua", "mail.lua", "rules.lua", "world.lua"])


def luacheck(path, code):
    return subprocess.run(["luacheck", "--quiet", "--no-color", "--filename", path, "-"], input=code, capture_output=True, text=True,
                          timeout=60, cwd=ROOT)


def lint_knows_the_words():
    for path in ("rules/99-x.lua", "examples/mx/99-x.lua"):
        good = luacheck(path, 'hostlist.x = { "192.0.2.1" }\nacl.rcpt(function(m) return check.hosts("+x") and accept() or deny(m.domain) end)\n')
        same((good.returncode, good.stdout.strip()), (0, "Total: 0 warnings / 0 errors in 1 file"))
        bad = luacheck(path, 'acl.rcpt(function(m) return denny(m.domain) end)\n')
        same(bad.returncode, 1)
        holds(bad.stdout, "denny")


case(".luarc.json leads an editor to lua/meta", editors)
title = "luacheck knows the words of rules and no others"
if shutil.which("luacheck"):
    case(title, lint_knows_the_words)
else:
    skip(title, "no luacheck here")
case("commands of the examples' READMEs end with 0", commands)
case("examples/submission: check names the certificate that is not there yet, and is content when it is", submission)
case("examples/filter: a good message ends with 0, every other with 69 and why", filter_judges)
case("samples/ports.lua: on another port than 25 clients log in first (ACL-T1)", ports)
done()
