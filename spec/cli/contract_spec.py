#!/usr/bin/env python3
# What others build on: the output of `perigee eval --json`, address.parse, and the codes of its exit.
import os, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

RULES = tempfile.mkdtemp(prefix="perigee-contract.")
with open(os.path.join(RULES, "00.lua"), "w") as f:
    f.write('domainlist.ours = { "example.org" }\nacl.rcpt { accept {} }\n')


def evaluate(*words):
    r = subprocess.run([PERIGEE, "eval", *words], capture_output=True, text=True, timeout=60,
                       env={k: v for k, v in os.environ.items() if not k.startswith("PERIGEE_R")})
    return r.returncode, r.stdout, r.stderr


def printed(rows):
    for expression, want in rows:
        same((expression, evaluate("--json", "--dry-run", "--rules", RULES, "--sender", "a@there.example", expression)), (expression, (0, want + "\n", "")))


VALUES = [
    ("true, false, 'x', 7, -7, 1.5, 2^40, 3.0", '[true,false,"x",7,-7,1.5,1099511627776,3]'),
    ("nil", "[null]"), ("nil, 'why'", '[null,"why"]'), ("'a', nil, nil", '["a",null,null]'), ("(function() end)()", "[]"),
    ("{ 1, 'b', { true } }", '[[1,"b",[true]]]'), ("{}", "[[]]"), ("{ b = 1, a = { c = 'd' } }", '[{"a":{"c":"d"},"b":1}]'),
    ("{ [10] = 'x', y = 1 }", '[{"10":"x","y":1}]'), (r"'\195\164'", '["\u00e4"]'), (r"'a\255b'", '["a\\udcffb"]'),
    (r"'\0\n\"\\'", '["\\u0000\\n\\"\\\\"]'), ("m.sender_address", '["a@there.example"]'), ("1 + 1, #m.sender_address", "[2,15]"),
]
ADDRESSES = [
    ("address.parse('ann@example.org')", '[{"domain":"example.org","local_part":"ann"}]'),
    ("(address.parse('ann@example.org.'))", "[null]"),          # as RCPT TO decides
    (r"""address.parse('"a b"@x').local_part""", '["\\"a b\\""]'),
    ("address.parse('a@[192.0.2.1]').domain, address.parse('a@[IPv6:::1]').domain", '["[192.0.2.1]","[IPv6:::1]"]'),
    ("(address.parse('a b@x')), (address.parse('<a@b>')), (address.parse('a@b, c@d')), (address.parse('Ann <a@b>'))", "[null,null,null,null]"),
    ("(address.parse('a..b@x')), (address.parse('.a@x')), (address.parse('a@-x')), (address.parse('@x')), (address.parse('a@'))", "[null,null,null,null,null]"),
    (r"(address.parse('a\0@x')), (address.parse('a\r\n@x')), (address.parse('\255@x')), (address.parse('a@[1.2.3]'))", "[null,null,null,null]"),
    ("select(2, address.parse('a@-x.test')):match '^domain: ' ~= nil", "[true]"),
]


def codes():
    same(evaluate("--json")[0], 64)
    same(evaluate("--json", "--nonsense", "1")[0], 64)
    for expression in ("1 +", "error 'x'", "address.parse(1)", "nosuch"):
        status, out, err = evaluate("--json", "--dry-run", "--rules", RULES, expression)
        same((expression, status, out, err != ""), (expression, 65, "", True))


def lines():
    same(evaluate("--dry-run", "--rules", RULES, "1, 'x'"), (0, "1\nx\n", ""))


case("perigee eval --json writes every kind of value, one array on one line", lambda: printed(VALUES))
case("perigee eval --json: 64 for the command line, 65 for the expression, and nothing on standard output then", codes)
case("perigee eval writes one value a line", lines)
case("address.parse takes what may stand between < and >, and says where it does not", lambda: printed(ADDRESSES))
shutil.rmtree(RULES, ignore_errors=True)
done()
