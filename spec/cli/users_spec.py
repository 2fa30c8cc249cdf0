#!/usr/bin/env python3
# Deliveries as another user, for real: mailboxes, programs and filters through the local process. Needs root.
import glob, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *
from perigee import SITE

RULES = """
site {{ local_delivery_roots = {{ "{dir}/open" }}, local_delivery_programs = {{ "/bin/sh", "/bin/sed" }} }}
router.box   {{ driver = "accept", domains = "box.example", transport = "box" }}
router.prog  {{ driver = "accept", domains = "prog.example", transport = "prog" }}
router.unlisted {{ driver = "accept", domains = "unlisted.example", transport = "unlisted" }}
router.lmtp  {{ driver = "accept", domains = "lmtp.example", transport = "lmtp" }}
router.other {{ driver = "accept", domains = "other.example", transport = "other" }}
router.away  {{ driver = "accept", domains = "away.example", transport = "away" }}
router.far   {{ driver = "accept", domains = "far.example", transport = "far" }}
router.quota {{ driver = "accept", domains = "quota.example", transport = "quota" }}
transport.box   {{ driver = "appendfile", file = "{dir}/open/box", user = "nobody",
                   transport_filter = {{ "/bin/sed", "1i X-Filter: was here" }} }}
transport.prog  {{ driver = "pipe", user = "nobody", return_fail_output = true, command = {{ "/bin/sh", "-c",
                   "id -un; id -Gn; echo $RECIPIENT; cat; exit 1" }} }}
transport.unlisted {{ driver = "lmtp", user = "nobody", command = {{ "/bin/cat" }} }}
transport.lmtp  {{ driver = "lmtp", user = "nobody", command = {{ "/bin/sh", "{dir}/lmtp" }} }}
transport.other {{ driver = "pipe", user = "nobody", command = {{ "/usr/bin/id" }} }}
transport.away  {{ driver = "autoreply", user = "nobody", to = function(m) return m.sender_address end, subject = "away",
                   once = "{dir}/open/home/once", log = "{dir}/open/home/log", file = "{dir}/open/home/text" }}
transport.far   {{ driver = "autoreply", user = "nobody", to = function(m) return m.sender_address end, subject = "away",
                   once = "{dir}/once" }}
transport.quota {{ driver = "appendfile", directory = "{dir}/open/quota", maildir_format = true, maildir_use_size_file = true,
                   user = "nobody", quota = 1500, quota_warn_threshold = "50%", directory_mode = "0755", mode = "0644" }}
"""

if os.getuid() != 0:
    skip("deliveries as another user", "needs root")
    done()

# the routers of the spec come before the one for everybody else
e = Engine(site=RULES + SITE.replace("F,1h,1s", "F,1h,10m"), workers=1)
os.chmod(e.dir, 0o755)
open_dir = os.path.join(e.dir, "open")
os.makedirs(open_dir)
os.chmod(open_dir, 0o1777)


def read(name):
    with open(os.path.join(open_dir, name), errors="replace") as f:
        return f.read()


def logged(text):
    if not until(lambda: text in e.log()):
        raise AssertionError(f"no {text!r} in\n{e.log()}\n{e.output()}")


def filtered():
    e.send("x@box.example")
    logged("=> x <x@box.example> R=box T=box")
    holds(read("box"), "\nX-Filter: was here\n")
    same(os.stat(os.path.join(open_dir, "box")).st_uid, 65534)


LMTP = '''#!/bin/sh
say() { printf '%s\\r\\n' "$1"; }
say "220 $(id -un) $(id -Gn)"
while read -r line; do
    case $line in
    LHLO*) say "250 here" ;;
    DATA*) say "354 go on"
        while read -r line; do [ "$line" = "$(printf '.\\r')" ] && break; done
        say "250 kept by $(id -un) of $(id -Gn)" ;;
    QUIT*) say "221 bye"; exit ;;
    *) say "250 ok" ;;
    esac
done
'''


def talked():
    e.send("x@lmtp.example")
    logged('=> x <x@lmtp.example> R=lmtp T=lmtp')
    logged('C="250 kept by nobody of nogroup"')


def not_talked():
    e.send("x@unlisted.example")
    logged("running /bin/cat as user nobody is refused: it is not among local_delivery_programs")


def ran():
    e.send("x@prog.example", sender="b@example.org")
    logged("** x@prog.example R=prog T=prog: the program returned exit code 1")
    until(lambda: e.mails("b"))
    bounce = e.mails("b")[0]
    for line in ("      | nobody\n", "      | nogroup\n", "      | x@prog.example\n"):
        holds(bounce.replace("\r\n", "\n"), line)


def refused():
    e.send("x@other.example")
    logged("running /usr/bin/id as user nobody is refused: it is not among local_delivery_programs")


def answered():
    home = os.path.join(open_dir, "home")
    os.mkdir(home)
    os.chown(home, 65534, 65534)
    with open(os.path.join(home, "text"), "w") as f:
        f.write("I am at sea.\n")
    os.chown(os.path.join(home, "text"), 65534, 65534)
    os.chmod(os.path.join(home, "text"), 0o600)        # nobody else reads it
    e.send("x@away.example", sender="c@example.org")
    logged("=> >c@example.org <x@away.example> R=away T=away")
    until(lambda: e.mails("c"))
    holds(e.mails("c")[0], "I am at sea.")
    for name in ("once", "once.lock", "log"):
        same((name, os.stat(os.path.join(home, name)).st_uid), (name, 65534))
    holds(read("home/once"), " c@example.org\n")
    holds(read("home/log"), "  Subject: away\n")
    e.send("x@away.example", sender="c@example.org")
    logged("=> (no reply: one was sent before) <x@away.example> R=away T=away")
    same(len(e.mails("c")), 1)


def not_answered():
    e.send("x@far.example", sender="c@example.org")
    logged("/once is refused: not beneath local_delivery_roots")
    same(os.path.exists(os.path.join(e.dir, "once")), False)


def full():
    stored = lambda: len(glob.glob(os.path.join(open_dir, "quota", "new", "*")))
    for n in (1, 2):                        # one after the other: maildirs have no lock, who comes meanwhile is counted late
        e.send("x@quota.example", body="x" * 300)
        until(lambda: stored() == n and read("quota/maildirsize").endswith(f" {n}\n"))
    e.send("x@quota.example", body="x" * 300)
    logged("mailbox is full (quota exceeded for quota)")
    same(stored(), 2)
    holds(read("quota/maildirsize"), "1500S\n")


try:
    with open(os.path.join(e.dir, "lmtp"), "w") as f:
        f.write(LMTP)
    e.start()
    case("a filter and a mailbox as another user", filtered)
    case("a program as another user has its rights, its message and nothing of ours; what it prints is in the bounce", ran)
    case("LMTP with a program of another user", talked)
    case("and only with one the site has listed; the reason is told", not_talked)
    case("a program the site has not listed is not run", refused)
    case("once, file and log of an autoreply are the user's: read and written with his rights", answered)
    case("and lie beneath the roots", not_answered)
    case("a full mailbox of another user is for later, and its size file is kept", full)
finally:
    e.close()
done()
