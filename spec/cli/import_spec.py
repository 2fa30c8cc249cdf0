#!/usr/bin/env python3
# queue export and import, and perigee smtp beside an engine: a message that was accepted elsewhere stays what it was.
import json, os, re, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

HEAD = """1xUQe2-0006E1-15-H
perigee 8 8
<a@there.example>
1795188922 1
-received_time_usec .339984
-received_time_complete 1795188922.340030
--helo_name client.there.example
--host_address [192.0.2.7]:4567
--host_name client.there.example
--interface_address [203.0.113.9]:25
-received_protocol esmtp
--aclm _list 3
yes
-body_linecount 1
-max_received_linelength 4
-frozen 1795188999
YY has@example.org
NN first@example.org
NN has@example.org
3
left@example.org
has@example.org
list@example.org

016  Subject: paired
"""
LIST = """
router.list {{ driver = "redirect", local_parts = "list", domains = "+local_domains", data = "first@example.org, second@example.org" }}
"""


def put(dir, text, body="body\n"):
    os.makedirs(dir, exist_ok=True)
    id = text.split("\n")[0][:-2]
    with open(os.path.join(dir, id + "-H"), "w") as f:
        f.write(text)
    with open(os.path.join(dir, id + "-D"), "w") as f:
        f.write(id + "-D\n" + body)


def take(e, dir):
    code, out, err = e.run("queue", "import", dir)
    same((code, err), (0, ""))
    return out.split()[1]


def export(e, id, dir):
    os.makedirs(dir, exist_ok=True)
    r = subprocess.run([PERIGEE, "queue", "export", "--rules", e.rules, "--spool", e.spool, id], capture_output=True, text=True, cwd=dir)
    same((r.returncode, r.stderr), (0, ""))
    with open(os.path.join(dir, id + "-H")) as f:
        head = f.read()
    with open(os.path.join(dir, id + "-D")) as f:
        return head, f.read()


def delivered_to(e):
    return sorted(d for d in os.listdir(e.mail) if os.listdir(os.path.join(e.mail, d, "new")))


def round_trip(running):
    e = Engine(workers=1)
    e.rule("10-list.lua", LIST.format())
    e.rule("00-site.lua", SITE.format(port=e.port, mail=e.mail, sink=9, dir=e.dir).replace("router.here", LIST.format() + "router.here"))
    os.unlink(os.path.join(e.rules, "10-list.lua"))
    try:
        e.start()
        if not running:
            e.stop()
        put(os.path.join(e.dir, "came"), HEAD)
        id = take(e, os.path.join(e.dir, "came"))
        head, body = export(e, id, os.path.join(e.dir, "went"))
        for line in HEAD.split("\n")[1:]:
            if not line.startswith(("Y", "N")):     # a tree of any shape
                holds(head, line)
        for settled in ("has@example.org", "first@example.org"):
            holds(head, f" {settled}\n")
        same(body, f"{id}-D\nbody\n")
        # and once more: what came out goes in
        same(e.run("queue", "remove", id)[0], 0)
        again = take(e, os.path.join(e.dir, "went"))
        twice, _ = export(e, again, os.path.join(e.dir, "went2"))
        same(twice.replace(again, id), head)
        if not running:
            e.start()
        same(e.run("queue", "count", "--frozen")[1], "1\n")
        same(e.run("queue", "thaw", again)[0], 0)
        e.run("queue", "retry", again)
        same(until(lambda: e.count() == 0), True)
        same(delivered_to(e), ["left", "second"])
    finally:
        e.stop()
        e.close()


RULES = """
acl.mail(function(m) m.acl_m_by = m.sender_host_address end)
acl.not_smtp {{ deny {{ message = "not by hand" }} }}
"""


def client_is_kept():
    with Engine(RULES, workers=1) as e:
        e.rule("90-wait.lua", "site { queue_only = true }\n")
        e.rule("00-site.lua", SITE.format(port=e.port, mail=e.mail, sink=9, dir=e.dir).replace('hosts = "127.0.0.1"', 'hosts = "192.0.2.7"'))
        same(e.run("reload")[0], 0)
        talk = "EHLO there.example\r\nMAIL FROM:<a@there.example>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nSubject: piped\r\n\r\nx\r\n.\r\nQUIT\r\n"
        r = subprocess.run([PERIGEE, "smtp", "--rules", e.rules, "--spool", e.spool, "--client", "192.0.2.7:4567"], input=talk, text=True, capture_output=True)
        stored = re.search(r"250 2\.0\.0 OK id=(\S+)", r.stdout)
        if not stored:
            raise AssertionError(r.stdout + r.stderr)
        head, _ = export(e, stored.group(1), os.path.join(e.dir, "went"))
        for line in ("--host_address [192.0.2.7]:4567\n", "--helo_name there.example\n", "-received_protocol esmtp\n", "--aclm _by 9\n192.0.2.7\n"):
            holds(head.replace("--received_protocol", "-received_protocol"), line)
        same(head.count("P Received:"), 1)
        holds(head, f"id {stored.group(1)}")
        e.logs(f"{stored.group(1)} <= a@there.example H=(there.example) [192.0.2.7] P=esmtp")
        # the session's own rules have the word
        r = subprocess.run([PERIGEE, "smtp", "--rules", e.rules, "--spool", e.spool, "--client", "192.0.2.8"], input=talk, text=True, capture_output=True)
        holds(r.stdout, "\n550 ")
        same(e.count(), 1)


def strangers():
    """Who is neither root nor the engine's user cannot make up a client: the message is a local program's."""
    with Engine("acl.not_smtp {{ warn {{ add_header = \"X-By: hand\" }} }}", workers=1) as e:
        e.rule("90-wait.lua", "site { queue_only = true }\n")
        same(e.run("reload")[0], 0)
        head = json.dumps({"v": 1, "envelope": 4, "state": 0, "header": 0, "was": "", "size": 4}) + "\n"
        os.chmod(e.dir, 0o755)
        there, here = os.pipe()
        child = os.fork()
        if child == 0:
            os.setgid(65534)
            os.setuid(65534)
            s = socket.socket(socket.AF_UNIX)
            s.connect(os.path.join(e.spool, "submit.sock"))
            s.sendall(head.encode() + b"abcd")
            os.write(here, s.recv(1000))
            os._exit(0)
        os.waitpid(child, 0)
        os.close(here)
        holds(os.read(there, 1000).decode(), "only root")
        os.close(there)
        same(e.count(), 0)


case("an imported pair keeps times, frozen, who has it, host and variables; export and import again change nothing; nobody gets it twice", lambda: round_trip(True))
case("so does one that is imported into a stopped spool", lambda: round_trip(False))
case("perigee smtp beside an engine: the described client, HELO and protocol are stored, and no rule runs twice", client_is_kept)
if os.getuid() == 0:
    case("nobody else may hand over a message as accepted", strangers)
else:
    skip("nobody else may hand over a message as accepted", "needs another user")
done()
