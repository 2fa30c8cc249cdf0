#!/usr/bin/env python3
# Routers that ask programs and read files of this machine, and what `perigee route --explain` tells of them.
import grp, json, os, pwd, shutil, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *
from perigee import SITE as LIVE

SLOW_RETRY = LIVE.replace("F,1h,1s", "F,1h,10m")
dir = tempfile.mkdtemp(prefix="perigee-routing.")
os.chmod(dir, 0o755)
rules = os.path.join(dir, "rules")
os.makedirs(rules)

SITE = """
site { primary_hostname = "mx.example.org", dns_servers = "127.0.0.1#9" }
transport.box { driver = "appendfile", directory = "/nowhere" }
transport.remote { driver = "smtp" }
"""


def rule(text):
    with open(os.path.join(rules, "10.lua"), "w") as f:
        f.write(SITE + text)


def route(address, *args):
    r = subprocess.run([PERIGEE, "route", "--rules", rules, "--spool", os.path.join(dir, "spool"), *args, address],
                       capture_output=True, text=True, timeout=120)
    return r.returncode, r.stdout + r.stderr


def answer(address, *args):
    code, out = route(address, "--json", *args)
    return code, [json.loads(l) for l in out.splitlines()]


def script(text, mode=0o755):
    path = os.path.join(dir, "program")
    with open(path, "w") as f:
        f.write("#!/bin/sh\n" + text + "\n")
    os.chmod(path, mode)
    return path


def asks(text, address="ann@example.org", more=""):
    path = script(text)
    rule(f'router.ask {{ driver = "queryprogram", transport = "box", {more} command = function(m) return {{ "{path}", m.local_part, "", m.domain }} end }}\n'
         'router.rest { driver = "accept", transport = "box" }')
    code, items = answer(address)
    return code, items[0]


def program_answers():
    same(asks("echo ACCEPT")[1]["transport"], "box")
    code, item = asks('echo "Accept: TRANSPORT=remote HOSTS=127.0.0.2:127.0.0.3 DATA=\\"x y\\""')
    same((item["transport"], [h["address"] for h in item["hosts"]]), ("box", []) if code else ("remote", ["127.0.0.2", "127.0.0.3"]))
    code, item = asks('echo "Accept TRANSPORT=remote HOSTS=192.0.2.7:[2001:db8::1]"')
    same([h["address"] for h in item["hosts"]], ["192.0.2.7", "2001:db8::1"])
    same(asks('[ "$1" = there ] && echo decline || echo "Redirect: there@example.org, other@example.org"')[1]["address"], "there@example.org")
    same(asks("echo DECLINE")[1]["router"], "rest")
    same(asks("echo pass")[1]["router"], "rest")
    code, item = asks('echo "FAIL no such person"')
    same((code, item["result"], item["text"]), (1, "fail", "no such person"))
    code, item = asks('echo "DEFER: ask me tomorrow"')
    same((code, item["result"], item["text"]), (2, "defer", "ask me tomorrow"))
    same(asks("echo FREEZE")[1]["result"], "freeze")


def program_arguments():
    """Every argument stays where it is, an empty one too; nothing in it is expanded, and the environment is clean."""
    code, item = asks('echo "FAIL [$#] [$1] [$2] [$3] [$HOME] [$PERIGEE_RULES]"', address="'$(id)'@example.org")
    same(item["text"], "[3] ['$(id)'] [] [example.org] [] []")


def program_goes_wrong():
    for text, says in (("exit 3", "returned exit code 3"), ("kill -9 $$", "ended by signal 9"), ("echo MAYBE", 'printed "MAYBE"'),
                       ("echo ACCEPT TRANSPORT=bax", 'did you mean "box"?'), ("echo ACCEPT COLOUR=red", "printed COLOUR="),
                       ("head -c 100000 /dev/zero", "printed too much")):
        code, item = asks(text)
        same((code, item["result"]), (2, "defer"))
        holds(item["text"], says)
    code, item = asks("sleep 60", more='timeout = "1s",')
    same((code, item["result"]), (2, "defer"))
    holds(item["text"], "took too long")
    rule('router.ask { driver = "queryprogram", transport = "box", command = "/no/such/program" }')
    same(route("ann@example.org")[0], 2)


def program_user():
    other = "daemon" if os.getuid() == 0 else "root"
    code, item = asks("echo ACCEPT", more=f'command_user = "{other}",')
    same((code, item["result"]), (2, "defer"))
    holds(item["text"], "run as the engine itself")
    own = pwd.getpwuid(os.getuid()).pw_name
    same(asks("echo ACCEPT", more=f'command_user = "{own}", command_group = "{os.getgid()}",')[1]["result"], "deliver")


def reads(more, mode=0o644, text="there@example.org\n", owner=None, group=None):
    path = os.path.join(dir, "aliases")
    if os.path.lexists(path):
        os.unlink(path)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    if owner is not None or group is not None:
        shutil.chown(path, owner, group)
    rule(f'router.file {{ driver = "redirect", local_parts = "ann", file = "{path}", {more} }}\n'
         'router.rest { driver = "accept", transport = "box" }')
    return answer("ann@example.org")[1][0]


def file_is_looked_at():
    me, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    same(reads("")["address"], "there@example.org")
    holds(reads("", mode=0o666)["text"], "may be written by others")
    same(reads('modemask = "002"', mode=0o664)["address"], "there@example.org")
    same(reads(f'owners = "{me}"')["address"], "there@example.org")
    same(reads(f'owners = {{ "{os.getuid()}" }}')["address"], "there@example.org")
    holds(reads('owners = "no-such-user-here"')["text"], "not to one of owners")
    same(reads('owners = "no-such-user-here", check_owner = false')["address"], "there@example.org")
    same(reads(f'owngroups = "{group}"')["address"], "there@example.org")
    holds(reads('owngroups = "54321"')["text"], "not of one of owngroups")
    same(reads('owngroups = "54321", check_group = false')["address"], "there@example.org")
    holds(reads("", text="# Exim filter\n")["text"], "decided in Lua")
    os.unlink(os.path.join(dir, "aliases"))
    same(answer("ann@example.org")[1][0]["router"], "rest")


def forward_file():
    """A user's own file, opened once and looked at: the user's, and not a link to another's."""
    user = pwd.getpwuid(os.getuid()).pw_name
    home = os.path.join(dir, "home")
    os.makedirs(home, exist_ok=True)
    path = os.path.join(home, ".forward")
    with open(path, "w") as f:
        f.write(f'# where it goes\n\\{user}, "|/usr/bin/vacation -x", {home}/saved, ann@example.org\n')
    os.chmod(path, 0o600)
    FORWARD = f'''router.forward {{ driver = "redirect", check_local_user = true, qualify_domain = "example.org", file = "{path}",
      file_transport = "save", pipe_transport = "run", check_ancestor = true, ignore_enotdir = true }}
    router.rest {{ driver = "accept", transport = "box" }}
    transport.save {{ driver = "appendfile" }}
    transport.run {{ driver = "pipe" }}'''
    rule(FORWARD)
    same([(i["address"], i["transport"]) for i in answer(user + "@example.org")[1]],
         [(user + "@example.org", "box"), ("|/usr/bin/vacation -x", "run"), (home + "/saved", "save"), ("ann@example.org", "box")])
    rule(FORWARD.replace("check_local_user = true", f'check_local_user = true, router_home_directory = "{home}"').replace(path, "~/.forward"))
    same(answer(user + "@example.org")[1][0]["transport"], "box")
    os.rename(path, path + ".real")
    os.symlink(path + ".real", path)
    same(answer(user + "@example.org")[1][0]["result"], "defer")
    os.rename(path + ".real", path)
    rule(FORWARD)
    if os.getuid() == 0:
        os.unlink(path)
        os.symlink("/etc/passwd", path)
        os.chown(path, pwd.getpwnam("daemon").pw_uid, -1, follow_symlinks=False)
        same(answer("daemon@example.org")[1][0]["result"], "defer")
        holds(answer("daemon@example.org")[1][0]["text"], "belongs to root, not to the user")


def explains():
    rule('''
domainlist.ours = { "example.org" }
router.own { driver = "accept",
  domains = "+ours",
  transport = "box" }
router.never { driver = "accept", transport = "box",
  condition = function(m) return false end }
router.alias { driver = "redirect", domains = "alias.example", data = "ann@secure.example", debug_print = "here we are" }
router.out { driver = "dnslookup", transport = "remote" }
''')
    zone = os.path.join(dir, "zone")
    with open(zone, "w") as f:
        f.write("plain.example. MX 10 mx.plain.example.\nmx.plain.example. A 192.0.2.1\n$SECURE\nsecure.example. MX 20 mx.secure.example.\nmx.secure.example. A 192.0.2.2\n")
    code, out = route("bob@alias.example", "--explain", "--dns", zone)
    same((code, out), (0, """bob@alias.example
bob@alias.example: own: passed over, domains does not hold for "alias.example" (10.lua:8)
bob@alias.example: never: passed over, condition is false (condition) (10.lua:11)
bob@alias.example: alias: debug_print, here we are (10.lua:12)
bob@alias.example: alias: redirect, ann@secure.example (10.lua:12)
  ann@secure.example: own: passed over, domains does not hold for "secure.example" (10.lua:8)
  ann@secure.example: never: passed over, condition is false (condition) (10.lua:11)
  ann@secure.example: alias: passed over, domains does not hold for "secure.example" (10.lua:12)
  ann@secure.example: out: accept, transport remote (10.lua:13)
  ann@secure.example: deliver router=out transport=remote
    host mx.secure.example [192.0.2.2] MX=20 DNSSEC=secure
"""))
    holds(route("bob@plain.example", "--explain", "--dns", zone)[1], "[192.0.2.1] MX=10 DNSSEC=insecure")
    item = answer("bob@alias.example", "--explain", "--dns", zone)[1][0]
    same(item["hosts"][0]["dnssec"], True)
    same([(s["router"], s["outcome"], s["where"]) for s in item["steps"]][:2],
         [("own", "passed over", "10.lua:8"), ("never", "passed over", "10.lua:11")])


def knows_of_hosts():
    with Engine(workers=1, site=SLOW_RETRY) as e:
        e.send("bob@away.example")
        same(until(lambda: "== bob@away.example" in e.log()), True)
        code, out, err = e.run("route", "--explain", "bob@away.example")
        holds(out, "host 127.0.0.1 [127.0.0.1]")
        holds(out, "failed before, next try")
        item = json.loads(e.run("route", "--explain", "--json", "bob@away.example")[1])
        same(item["hosts"][0]["next_try"] > 0, True)
        same("failed before" in e.run("route", "bob@away.example")[1], False)


def rewrite_shows_rules():
    rule('rewrite.rule { "*@old.example", "$1@new.example", flags = "Ff" }\nrewrite.rule { "ann@new.example", "*" }')
    run = lambda *a: subprocess.run([PERIGEE, "rewrite", "--rules", rules, *a], capture_output=True, text=True, timeout=60)
    r = run("ann@old.example")
    same((r.returncode, r.stderr), (0, ""))
    holds(r.stdout, """ann@old.example
  env-from: ann@new.example
    rule 1, 10.lua:5: makes it ann@new.example
    rule 2, 10.lua:6: leaves it alone and ends rewriting
  env-to: ann@old.example
  from: ann@new.example
""")
    places = {p["place"]: p for p in json.loads(run("--json", "ann@old.example").stdout)[0]}
    same((places["from"]["result"], places["to"]["result"]), ("ann@new.example", "ann@old.example"))
    same(places["from"]["steps"][0], {"rule": 1, "where": "10.lua:5", "text": "makes it ann@new.example"})
    r = run('") os.exit(1) --@old.example')
    same((r.returncode >= 64, "is no address" in r.stderr), (True, True))
    rule("")
    holds(run("ann@old.example").stdout, "there are no rewriting rules")


case("rewrite: each place with its result and the rules that acted, text and JSON; an address is never code", rewrite_shows_rules)
case("queryprogram: every word it may print", program_answers)
case("queryprogram: arguments keep their places, nothing is expanded, the environment is clean", program_arguments)
case("queryprogram: a program that fails, dies, says too much or nothing known defers, and says so", program_goes_wrong)
case("queryprogram: it runs as the engine; a user that is another is refused", program_user)
case("redirect: a file's mode, owner and group are looked at (modemask, owners, owngroups, check_owner, check_group)", file_is_looked_at)
case("redirect: a user's forward file, with a pipe and a file; a link to somebody else's file is not read", forward_file)
case("route --explain: routers tried, the line that decided, hosts with preference and DNSSEC, text and JSON", explains)
case("route --explain: hosts that failed and when they are tried again", knows_of_hosts)
shutil.rmtree(dir, ignore_errors=True)
done()
