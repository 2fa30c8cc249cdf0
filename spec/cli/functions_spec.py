#!/usr/bin/env python3
# The examples of docs/ref/functions.md give what stands behind their arrows, and docs/ref/exim.md names every
# expansion of Exim's.
import concurrent.futures, json, os, re, socket, subprocess, sys, tempfile, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

FACTS = os.path.join(ROOT, "..", "shared", "reference", "expansions.tsv")


def page(name):
    with open(os.path.join(ROOT, "docs", "ref", name)) as f:
        return f.read()


def evaluate(rules, expression):
    r = subprocess.run([PERIGEE, "eval", "--rules", rules, "--dns", rules + "/zone", "--client", "203.0.113.9", "--helo", "there.example",
                        "--sender", "bob@there.example", "--phase", "rcpt", "--json", expression],
                       capture_output=True, text=True, timeout=60, env={k: v for k, v in os.environ.items() if not k.startswith("PERIGEE_R")})
    return r.stdout.strip() if r.returncode == 0 else f"status {r.returncode}: {r.stderr.strip()}"


def make_rules(text, rules):
    """What the page says stands around its examples: rules, zone and files."""
    def put(name, text):
        os.makedirs(os.path.dirname(os.path.join(rules, name)), exist_ok=True)
        with open(os.path.join(rules, name), "w") as f:
            f.write(text)
        os.chmod(os.path.join(rules, name), 0o600)
    put("00.lua", re.search(r"```lua\n(.*?)```", text, re.S).group(1))
    put("zone", re.search(r"```zone\n(.*?)```", text, re.S).group(1))
    files = re.findall(r"^\| `([\w./]+)` \| (.*?) ?\|$", text, re.M)
    same(len(files), 7)
    for name, lines in files:
        put(name, "".join(line + "\n" for line in re.findall(r"`([^`]*)`", lines)))


def examples_hold():
    text = page("functions.md")
    examples = re.findall(r"^    (.+?) --> (.+?)\s*$", text, re.M)
    same(len(examples) > 100, True)
    wrong = []
    with tempfile.TemporaryDirectory() as rules:
        make_rules(text, rules)
        # Beside each other: starting the program is most of what one costs.
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            values = pool.map(lambda e: evaluate(rules, e[0]), examples)
        for (expression, value), got in zip(examples, values):
            try:
                agree = json.loads(got) == json.loads("[" + value + "]")
            except ValueError:
                agree = False
            if not agree:
                wrong.append(f"{expression}: {got}, not [{value}]")
    same(wrong, [])


def expansions_named():
    named, kind = set(), None
    for line in page("exim.md").splitlines():
        if line.startswith("## "):
            kind = {"forms": "syntax"}.get(line[3:], line[3:].rstrip("s"))
        found = re.match(r"\| `([^`]+)` \|", line)
        if found:
            named.add((kind, found.group(1)))
    with open(FACTS) as f:
        rows = [line.split("\t")[:2] for line in f.read().splitlines()[1:]]
    missing = [f"{k} {n}" for k, n in rows if k in ("item", "syntax", "operator", "condition") and (k, n.replace("|", "¦")) not in named]
    same(missing, [])


class Service:
    """Answers each connection's first bytes with what the function makes of them, then closes."""

    def __init__(self, answer):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.answer = answer
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        c, _ = self.listener.accept()
        got = c.recv(65536)
        for part in self.answer(got):
            c.sendall(part)
        c.close()


def eval_free(expression):
    with tempfile.TemporaryDirectory() as rules:
        r = subprocess.run([PERIGEE, "eval", "--rules", rules, "--json", expression], capture_output=True, text=True, timeout=60)
        return r.returncode, r.stdout.strip(), r.stderr.strip()


def ruleless():
    """An expression needs no rules, but rules that somebody names must be there."""
    with tempfile.TemporaryDirectory() as empty:
        env = {k: v for k, v in os.environ.items() if k != "PERIGEE_RULES"}
        ask = [PERIGEE, "eval", "--json", 'address.parse("a@b.example").domain']
        r = subprocess.run(ask, capture_output=True, text=True, timeout=60, env=env)
        if not os.path.exists("/etc/perigee/rules"):
            same((r.returncode, r.stdout, r.stderr), (0, '["b.example"]\n', ""))
        for more, extra in (([], {"PERIGEE_RULES": empty + "/none"}), (["--rules", empty + "/none"], {})):
            r = subprocess.run(ask + more, capture_output=True, text=True, timeout=60, env=dict(env, **extra))
            same((r.returncode, r.stdout), (78, ""))
            holds(r.stderr, "/none: No such file or directory")


def asks():
    echo = Service(lambda got: [b"you said ", got])
    same(eval_free(f'socket.ask {{ to = "{echo.place}", send = "hello" }}'), (0, '["you said hello"]', ""))
    lines = Service(lambda got: [b"one\n", b"two\n"])
    same(eval_free(f'socket.ask {{ to = "{lines.place}", send = "x", answer = "line" }}'), (0, '["one"]', ""))
    status, _, why = eval_free('socket.ask { to = "127.0.0.1:1" }')
    same(status, 2)
    holds(why, "refused")


def ask_waits_no_longer():
    quiet = socket.create_server(("127.0.0.1", 0))
    place = f"127.0.0.1:{quiet.getsockname()[1]}"
    status, _, why = eval_free(f'socket.ask {{ to = "{place}", send = "x", timeout = 1 }}')
    same(status, 2)
    holds(why, "socket.ask")
    holds(eval_free(f'socket.try.ask {{ to = "{place}", timeout = 1 }}')[1], '"kind":"again"')


def ask_bounded():
    flood = Service(lambda got: [b"x" * 65536] * 17)
    holds(eval_free(f'socket.try.ask {{ to = "{flood.place}", send = "x" }}')[1], "longer than 1 MiB")


def files():
    with tempfile.TemporaryDirectory() as d:
        open(os.path.join(d, "f"), "w").write("hello\n")
        same(eval_free(f'file.read "{d}/f", file.stat("{d}/f").size, file.stat("{d}").kind, file.exists "{d}/g"'),
             (0, '["hello\\n",6,"directory",false]', ""))
        holds(eval_free(f'file.try.read "{d}"')[1], "no plain file")


def passwords():
    kept = subprocess.run(["openssl", "passwd", "-6", "-salt", "abc", "secret"], capture_output=True, text=True).stdout.strip()
    same(eval_free(f'crypto.password("secret", "{kept}"), crypto.password("Secret", "{kept}"), crypto.password("secret", "{{crypt}}{kept}")'),
         (0, "[true,false,true]", ""))
    status, _, why = eval_free('crypto.password("secret", "secret")')
    same(status, 65)
    holds(why, "password in clear")


case("socket.ask: all until it closes, one line, and a service that is not there", asks)
case("socket.ask waits no longer than it was told", ask_waits_no_longer)
case("socket.ask takes no more than a mebibyte", ask_bounded)
case("file: what is there, what is not, and what is no file", files)
case("crypto.password knows what crypt(3) kept, and no password in clear", passwords)
case("every example of the functions gives the value beside it (EXP-T1, EXP-T2, EXP-T3)", examples_hold)
title = "every expansion of Exim's has something that stands for it"
case("eval needs no rules, and those that are named must be there", ruleless)
if os.path.exists(FACTS):
    case(title, expansions_named)
else:
    skip(title, "no reference tables")
done()
