#!/usr/bin/env python3
# What an operator meets in a day: verbs, places, answers in words, and options that must take effect.
import json, os, pwd, re, shutil, socket, subprocess, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *


class Names:
    """A name server that knows nobody: every question is answered "no such name", and counted."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port, self.asked = self.socket.getsockname()[1], []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                q, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            end = 12
            while q[end]:
                end += q[end] + 1
            self.asked.append(q[12:end].lower())      # the case is random: DNS 0x20
            self.socket.sendto(q[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + q[12:end + 5], peer)

    def close(self):
        self.socket.close()


def uid_of(name):
    return pwd.getpwnam(name).pw_uid


def has_user(name):
    return any(p.pw_name == name for p in pwd.getpwall())


ROUTER = 'router.out {{ driver = "dnslookup", domains = "! +local_domains", transport = "remote" }}\n'
names = Names()
e = Engine(extra='site {{ qualify_domain = "example.org" }}\n', workers=1)
e.rule("00-site.lua", open(os.path.join(e.rules, "00-site.lua")).read()
       .replace("127.0.0.1#9", f"127.0.0.1#{names.port}").replace("router.remote", "router.unused")
       .replace('"manualroute", route_list', '"manualroute", domains = "unused.example", route_list'))
e.rule("10-out.lua", ROUTER.format())


def dns_servers_asked():
    e.start()
    e.run("route", "x@asked-by-route.example")
    same(any(b"asked-by-route" in q for q in names.asked), True)
    e.send("x@asked-by-engine.example")
    same(until(lambda: any(b"asked-by-engine" in q for q in names.asked)), True)


def reload_says_what_is_in_use():
    same(e.run("reload"), (0, "generation 2 is in use\n", ""))
    e.rule("20-restart.lua", "site { workers = 3, user = 'nobody' }")
    code, out, err = e.run("reload")
    same((code, out), (0, "generation 3 is in use\nworkers has changed: needs restart\nuser has changed: needs restart\n"))
    e.logs("workers has changed and needs a restart")
    same(json.loads(e.run("reload", "--json")[1])["restart"], ["workers", "user"])
    os.unlink(os.path.join(e.rules, "20-restart.lua"))
    same(e.run("reload")[1], "generation 5 is in use\n")


def check_as_json():
    code, out, err = e.run("check", "--json")
    same((code, err), (0, ""))
    same([json.loads(l) for l in out.splitlines()], [{"phase": "rcpt", "ends": "deny by default"}])
    e.rule("30-bad.lua", "acl.rcpt {\n  accept { sender = 'a' },\n}\n")
    code, out, err = e.run("check", "--json")
    os.unlink(os.path.join(e.rules, "30-bad.lua"))
    same(code, 1)
    problem = json.loads(out)
    same((problem["file"], problem["line"], problem["warning"]), ("30-bad.lua", 2, False))
    holds(problem["text"], "senders")


def check_files():
    e.rule("30-bad.lua", 'domainlist.away = "lsearch;/no/such/file"')
    code, out, err = e.run("check")
    os.unlink(os.path.join(e.rules, "30-bad.lua"))
    same((code, "30-bad.lua:1: " in out, "/no/such/file" in out), (1, True, True))
    alone = os.path.join(e.dir, "alone")
    os.makedirs(alone, exist_ok=True)
    with open(os.path.join(alone, "10.lua"), "w") as f:
        f.write('acl.rcpt { deny { domains = lookup.table.lsearch "names" }, accept { hosts = "+friends" } }')
    code, out, err = e.run("check", "--rules", alone + "//")
    same((code, f"10.lua:1: open {alone}/names: No such file" in out, "hostlist.friends = { ... } in a file" in out), (1, True, True))
    code, out, err = e.run("check", alone)
    same((code, f"--rules {alone}" in err), (64, True))


def status_in_words():
    same(e.run("hold", "Slow.example")[0], 0)
    code, out, err = e.run("status")
    same((code, err), (0, ""))
    for text in ("generation 5", f"listens on 127.0.0.1:{e.port}", "held       slow.example", "bounces_sent           1", e.rules, e.spool):
        holds(out, text)
    same(e.run("release", "slow.example")[0], 0)
    same("held" in e.run("status")[1], False)


def places():
    run = lambda *a, **env: subprocess.run([PERIGEE, *a], capture_output=True, text=True, timeout=60,
                                           env=dict({k: v for k, v in os.environ.items() if not k.startswith("PERIGEE_")}, **env))
    rules = os.path.join(e.dir, "elsewhere")
    os.makedirs(rules, exist_ok=True)
    with open(os.path.join(rules, "00.lua"), "w") as f:
        f.write(f'site {{ spool_directory = "{e.spool}" }}\n')
    same(run("status", "--rules", rules).returncode, 0)
    same(run("status", PERIGEE_RULES=rules).returncode, 0)
    same(run("status", "--spool", e.spool).returncode, 0)
    same(run("status", "--rules", rules, "--spool", e.spool).returncode, 0)
    same(run("status", PERIGEE_SPOOL=e.spool, PERIGEE_RULES="/no/such").returncode, 0)
    other = os.path.join(e.dir, "other")
    for r in (run("status", "--rules", rules, "--spool", other), run("queue", "count", "--rules", rules, PERIGEE_SPOOL=other)):
        same(r.returncode, 78)
        holds(r.stderr, other)
        holds(r.stderr, e.spool)
    r = run("serve", "--rules", rules, "--spool", other, "--foreground", "--allow-root")
    same(r.returncode, 78)
    holds(r.stderr, "spool_directory says")
    with open(os.path.join(rules, "01.lua"), "w") as f:
        f.write("site {{")
    r = run("reload", "--rules", rules)
    same(r.returncode, 1)
    holds(r.stderr, "01.lua:1:")
    holds(r.stderr, "--spool")
    same(run("queue", "list", "--rules", rules).returncode, 78)
    r = run("status", "--spool", other)
    same(r.returncode, 69)
    holds(r.stderr, "no engine runs on the spool " + other)


def listen_follows_reload():
    """New sockets open before the switch, removed ones close; sessions on them go on."""
    more, site = free_port(), os.path.join(e.rules, "00-site.lua")
    text = open(site).read()
    with e.smtp() as open_one:
        open_one.ehlo()
        e.rule("00-site.lua", text.replace(f'"127.0.0.1:{e.port}"', f'"127.0.0.1:{more}"'))
        same(e.run("reload")[0], 0)
        same((listening(more), until(lambda: not listening(e.port))), (True, True))
        same(open_one.noop()[0], 250)
        holds(e.run("status")[1], f"127.0.0.1:{more}")
        taken = socket.create_server(("127.0.0.1", 0))
        e.rule("00-site.lua", text.replace(f'"127.0.0.1:{e.port}"', f'"127.0.0.1:{more}", "127.0.0.1:{taken.getsockname()[1]}"'))
        code, out, err = e.run("reload")
        same(code, 1)
        holds(out + err, str(taken.getsockname()[1]))
        taken.close()
        same(listening(more), True)
        e.rule("00-site.lua", text)
        same(e.run("reload")[0], 0)
        same(listening(e.port), True)


def refused_reload_is_told():
    e.rule("70-typo.lua", "acl.rcpt {\n  accept { hsots = '127.0.0.1' },\n}\n")
    before = json.loads(e.run("status", "--json")[1])
    code, out, err = e.run("reload")
    os.unlink(os.path.join(e.rules, "70-typo.lua"))
    same((code, out), (1, '70-typo.lua:2: accept knows no word "hsots", did you mean "hosts"?\n'))
    same(err, "perigee reload: the rules were not changed\n")
    e.logs('reload refused: 70-typo.lua:2: accept knows no word "hsots"')
    after = json.loads(e.run("status", "--json")[1])
    same((after["generation"], after["counters"]["reloads_failed"]), (before["generation"], before["counters"]["reloads_failed"] + 1))


def counters_in_the_guide():
    """The table in running.md has each counter once, in the order of status --json."""
    with open(os.path.join(ROOT, "docs", "guide", "running.md")) as f:
        rows = [cell for row in re.findall(r"^\| (`.*?) \|", f.read(), re.M) for cell in re.findall(r"`(\w+)`", row)]
    same(rows, list(json.loads(e.run("status", "--json")[1])["counters"]))


def drain():
    """Whoever is idle gets 421, a message under way is still taken and kept."""
    busy, idle = e.smtp(), e.smtp()
    idle.ehlo()
    busy.ehlo()
    busy.mail("a@there.example")
    busy.rcpt("drained@example.org")
    busy.putcmd("data")
    same(busy.getreply()[0], 354)
    stopping = subprocess.Popen([PERIGEE, "stop", "--spool", e.spool, "--drain", "20"], stdin=subprocess.DEVNULL)
    same(idle.getreply()[0], 421)
    same(until(lambda: not listening(e.port)), True)
    busy.send(b"Subject: under-way\r\n\r\ntext\r\n.\r\n")
    same(busy.getreply()[0], 250)
    same(stopping.wait(30), 0)
    same(e.process.wait(10), 0)
    e.start()
    same(until(lambda: "under-way" in e.subjects()), True)


def users():
    """Who the engine becomes: site.user, the owner of the spool, perigee; never root unless it is told to."""
    rules, spool = os.path.join(e.dir, "users"), os.path.join(e.dir, "users-spool")
    os.makedirs(rules, exist_ok=True)
    os.chmod(e.dir, 0o755)
    port = free_port()

    def serve(site="", *args):
        with open(os.path.join(rules, "00.lua"), "w") as f:
            f.write(f'site {{ listen = "127.0.0.1:{port}", dns_servers = "127.0.0.1#9" }} {site}\n')
        r = subprocess.run([PERIGEE, "serve", "--rules", rules, "--spool", spool, "--workers", "1", *args], capture_output=True, text=True,
                           timeout=60)
        return r.returncode, r.stderr

    def owner_and_stop():
        pid = json.loads(subprocess.run([PERIGEE, "status", "--json", "--spool", spool], capture_output=True, text=True).stdout)["workers"][0]["pid"]
        uid = os.stat(f"/proc/{pid}").st_uid
        same(subprocess.run([PERIGEE, "stop", "--spool", spool], timeout=60).returncode, 0)
        return uid

    def gone():
        shutil.rmtree(spool, ignore_errors=True)
        return not os.path.exists(spool)

    def anew():
        """An empty spool: who has just stopped may still be writing his last line into the old one."""
        same(until(gone), True)
        os.mkdir(spool)

    status, err = serve()
    if not has_user("perigee"):
        same(status, 78)
        for text in ("site { user =", "the user perigee", spool, "--allow-root"):
            holds(err, text)
    status, err = serve('site { user = "root" }')
    same(status, 78)
    holds(err, "is root")
    status, err = serve('site { user = "no-such-user" }')
    same(status, 78)
    holds(err, "no-such-user")
    same(serve('site { user = "nobody" }')[0], 0)
    same(owner_and_stop(), uid_of("nobody"))
    anew()
    shutil.chown(spool, "daemon")
    same(serve()[0], 0)
    r = subprocess.run([PERIGEE, "status", "--spool", spool], capture_output=True, text=True, user="nobody", group="nogroup", extra_groups=[])
    same(r.returncode, 77)
    holds(r.stderr, "may command it")
    r = subprocess.run([PERIGEE, "send", "--spool", spool, "x@here.example"], input="x\n", capture_output=True, text=True, user="nobody", group="nogroup", extra_groups=[])
    same((r.returncode, r.stderr), (0, ""))
    same(until(lambda: re.search(r"<= nobody@\S+ U=nobody P=local", log_of(spool, "mainlog"))) is not None, True)
    same(owner_and_stop(), uid_of("daemon"))
    anew()
    same(serve("", "--allow-root")[0], 0)
    same(owner_and_stop(), 0)
    same(until(lambda: "--allow-root" in log_of(spool, "paniclog")), True)


def stopped_spool():
    e.run("hold", "later.example")
    e.run("stop")
    until(lambda: e.process.poll() is not None)
    same(e.run("hold")[0], 0)
    pair = os.path.join(e.dir, "pair")
    os.makedirs(pair, exist_ok=True)
    with open(os.path.join(pair, "1xUmvX-000000-00-H"), "w") as f:
        f.write("1xUmvX-000000-00-H\nmail 8 8\n<a@there.example>\n1795274575 0\nXX\n1\nkept@example.org\n\n016  Subject: paired\n")
    with open(os.path.join(pair, "1xUmvX-000000-00-D"), "w") as f:
        f.write("1xUmvX-000000-00-D\nbody\n")
    code, out, err = e.run("queue", "import", pair)
    same((code, err), (0, ""))
    rows = [json.loads(l) for l in e.run("queue", "list", "--json")[1].splitlines()]
    id = next(r["id"] for r in rows if r["recipients"] == ["kept@example.org"])
    same(out, f"1xUmvX-000000-00 {id}\n")
    same(os.path.exists(os.path.join(pair, "1xUmvX-000000-00-H.imported")), True)
    same(e.run("queue", "freeze", id)[0], 0)
    same(e.run("queue", "retry", id), (0, "", ""))
    same(e.run("queue", "count", "--recipient=kept@*", "--frozen")[1], "0\n")
    e.logs(f"{id} Unfrozen by uid {os.getuid()}")
    e.start()
    same(re.search(r"^(held)? +\*$", e.run("status")[1], re.M) is not None, True)
    same("paired" in e.subjects(), False)
    same(e.run("release")[0], 0)
    same(until(lambda: "paired" in e.subjects()), True)


case("dns_servers are asked from the first generation on", dns_servers_asked)
case("reload says which generation is in use and what needs a restart", reload_says_what_is_in_use)
case("check --json: problems and phases, one object a line", check_as_json)
case("check looks for the files that lists name", check_files)
case("status says in words where it serves, what is held and what has happened", status_in_words)
case("places: the option, the environment, the rules; two that differ are an error, and so are rules that do not load", places)
case("listen follows a reload: new sockets open, old ones close, one that is taken refuses it", listen_follows_reload)
case("a refused reload is told to the caller and the log, with its place, and counted", refused_reload_is_told)
case("stop drains: idle sessions get 421, a message under way is taken", drain)
if os.getuid() == 0:
    case("users: site.user, the owner of the spool, perigee, or 78 and what to set; root only by --allow-root, which is logged", users)
else:
    skip("users: site.user, the owner of the spool, perigee, or 78 and what to set", "only root can become somebody")
case("a stopped spool is held, imported into, retried; the next start keeps to it", stopped_spool)
e.close()
names.close()
done()
