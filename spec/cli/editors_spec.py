#!/usr/bin/env python3
# What editors and luacheck are told of rules: the shipped rules are clean by it, and an unknown name is found.
import json, os, shutil, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *


def luacheck(*words, text=None):
    r = subprocess.run(["luacheck", "--no-color", "--codes", *words], input=text, capture_output=True, text=True, timeout=120, cwd=ROOT)
    return r.returncode, r.stdout + r.stderr


def clean():
    code, said = luacheck("--quiet", *[d for d in ("rules", "examples", "modules") if os.path.isdir(os.path.join(ROOT, d))])
    same((code, said if code else ""), (0, ""))


def unknown_found(place):
    code, said = luacheck("--filename", place, "-", text="acl.rcpt(function(m) return denny(m.domain) end)\n")
    same(code != 0, True)
    holds(said, "accessing undefined variable 'denny'")
    code, said = luacheck("--filename", place, "-", text="wanted = true\n")
    same(code != 0, True)
    holds(said, "setting non-standard global variable 'wanted'")
    same(luacheck("--filename", place, "-", text="acl.rcpt(function(m) return deny(m.domain) end)\n")[0], 0)


def found_by_editors(place):
    with open(os.path.join(ROOT, place, ".luarc.json")) as f:
        settings = json.load(f)
    same(settings["runtime.version"], "LuaJIT")
    meta = [os.path.join(ROOT, place, p) for p in settings["workspace.library"] if not p.startswith("/")]
    same([sorted(os.listdir(p)) for p in meta], [["luacheck.lua", "mail.lua", "rules.lua", "world.lua"]])


for place in ("rules", "examples"):
    case(f"{place}/.luarc.json leads editors to the types of every name", lambda: found_by_editors(place))
if shutil.which("luacheck"):
    case("luacheck has nothing against the shipped rules and examples", clean)
    case("luacheck finds an unknown global in rules, read or set", lambda: unknown_found("rules/99-x.lua"))
    case("luacheck finds an unknown global in examples, read or set", lambda: unknown_found("examples/mx/99-x.lua"))
else:
    skip("luacheck finds an unknown global in rules", "there is no luacheck")
done()
