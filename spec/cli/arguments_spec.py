#!/usr/bin/env python3
# log_selector +arguments: how the engine was called, and the programs that hand mail in.
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

e = Engine(extra='site {{ log_selector = "+arguments" }}\n', workers=1)


def called():
    e.start()
    e.logs(f"cwd={os.getcwd()} ")
    e.logs(" args: " + PERIGEE + " serve --foreground")
    same(e.run("send", "-f", "a@example.org", "b@example.org", input="Subject: two words\n\nx\n")[0], 0)
    e.logs(f"cwd={os.getcwd()} 5 args: {PERIGEE} send -f a@example.org b@example.org")


def quietly():
    e.rule("50-extra.lua", "site { log_selector = '-arguments' }\n")
    same(e.run("reload")[0], 0)
    same(e.run("send", "quiet@example.org", input="Subject: again\n\nx\n")[0], 0)
    e.logs("quiet@example.org")
    same(" send quiet@example.org" in e.log(), False)


case("the command line of the engine and of those who hand mail in is logged where that is asked for", called)
case("and only there", quietly)
e.close()
done()
