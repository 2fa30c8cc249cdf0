#!/usr/bin/env python3
# What make install leaves: a program under three more names, its pages, and a unit that systemd takes.
import os, shutil, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

dest = tempfile.mkdtemp(prefix="perigee-install.")
PREFIX = os.path.join(dest, "usr", "local")


def make(*args):
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k not in ("MFLAGS", "KIND", "B")}
    r = subprocess.run(["make", "-s", "install", f"DESTDIR={dest}", f"B={os.path.dirname(PERIGEE)}", *args], cwd=ROOT, env=env,
                       capture_output=True, text=True, timeout=120)
    same((r.returncode, r.stderr), (0, ""))


def installed():
    make()
    for path in ("sbin/perigee", "share/man/man1/perigee.1", "share/bash-completion/completions/perigee", "lib/systemd/system/perigee.service",
                 "lib/sysusers.d/perigee.conf", "lib/tmpfiles.d/perigee.conf", "share/perigee/rules/00-site.lua", "share/perigee/docs/guide/rules.md"):
        same((path, os.path.isfile(os.path.join(PREFIX, path))), (path, True))
    for name in ("sendmail", "mailq", "newaliases"):
        r = subprocess.run([os.path.join(PREFIX, "lib", "perigee", name), "--help"], capture_output=True, text=True, timeout=30)
        same((name, r.returncode), (name, 0))
    same(os.path.isfile(os.path.join(dest, "etc", "perigee", "rules", "00-site.lua")), True)


def rules_stay():
    site = os.path.join(dest, "etc", "perigee", "rules", "00-site.lua")
    with open(site, "w") as f:
        f.write("-- ours\n")
    make()
    same(open(site).read(), "-- ours\n")


def unit():
    text = open(os.path.join(PREFIX, "lib", "systemd", "system", "perigee.service")).read()
    holds(text, "ExecStart=/usr/local/sbin/perigee serve")
    copy = os.path.join(dest, "perigee.service")
    with open(copy, "w") as f:
        f.write(text.replace("/usr/local/sbin/perigee", PERIGEE))
    r = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, timeout=60)
    same((r.returncode, r.stderr), (0, ""))


case("make install DESTDIR= puts the program, its other names, pages, unit, user and rules in their places", installed)
case("make install leaves a site's rules alone", rules_stay)
if shutil.which("systemd-analyze"):
    case("systemd takes the unit", unit)
else:
    skip("systemd takes the unit", "there is no systemd-analyze here")
shutil.rmtree(dest)
done()
