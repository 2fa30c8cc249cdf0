#!/usr/bin/env python3
# Lookups in real files: what other programs wrote is read, and what cannot be read is never "not there".
import os, sqlite3, struct, subprocess, sys, tempfile, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *


def lua(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def run(expression, rules="", *more):
    with tempfile.TemporaryDirectory() as d:
        with open(os.path.join(d, "00.lua"), "w") as f:
            f.write(rules)
        r = subprocess.run([PERIGEE, "eval", "--rules", d, "--json", *more, expression], capture_output=True, text=True, timeout=120,
                           env={k: v for k, v in os.environ.items() if not k.startswith("PERIGEE_R")})
        return r.returncode, r.stdout.strip(), r.stderr.strip()


def gives(expression, value, rules=""):
    # yes or no, without what a lookup said
    same(run(expression.replace("list.match_", "not not list.match_"), rules), (0, "[" + value + "]", ""))


def cannot_say(expression, why):
    status, _, text = run(expression)
    same(status, 2)
    holds(text, why)
    # the form that tells says the same
    telling = expression.replace("lookup.", "lookup.try.", 1)
    holds(run(telling)[1], '"kind":"again"')


class Files:
    def __enter__(self):
        self.temp = tempfile.TemporaryDirectory()
        return self

    def __exit__(self, *_):
        self.temp.cleanup()

    def path(self, name):
        return os.path.join(self.temp.name, name)

    def write(self, name, text):
        with open(self.path(name), "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        return self.path(name)


# ---- what other programs write

def mdb_load(path, pairs):
    text = "VERSION=3\nformat=bytevalue\ntype=btree\nmapsize=16777216\nmaxreaders=126\nHEADER=END\n"
    for key, value in pairs:
        text += f" {key.hex()}\n {value.hex()}\n"
    subprocess.run(["mdb_load", "-n", path], input=text + "DATA=END\n", text=True, check=True, timeout=60)


def cdb(pairs):
    def hashed(key):
        h = 5381
        for c in key:
            h = (h * 33 & 0xffffffff) ^ c
        return h
    body, at, pos = b"", [], 2048
    for key, value in pairs:
        at.append(pos)
        body += struct.pack("<II", len(key), len(value)) + key + value
        pos = 2048 + len(body)
    head = tables = b""
    for table in range(256):
        mine = [(hashed(k), a) for (k, _), a in zip(pairs, at) if hashed(k) & 255 == table]
        slots = [(0, 0)] * (2 * len(mine))
        for h, a in mine:
            i = (h >> 8) % len(slots)
            while slots[i][1]:
                i = (i + 1) % len(slots)
            slots[i] = (h, a)
        head += struct.pack("<II", pos, len(slots))
        for s in slots:
            tables += struct.pack("<II", *s)
        pos = 2048 + len(body) + len(tables)
    return head + body + tables


def lmdb_values():
    with Files() as f:
        p = f.path("relay.mdb")
        mdb_load(p, [(b"example.org", b"relay"), (b"odd", b"a:b\nc"), (b"nul\0", b"x")] + [(b"k%d" % i, b"v%d" % i) for i in range(2000)])
        gives(f'lookup.lmdb({lua(p)}, "example.org"), lookup.lmdb({lua(p)}, "example.net"), lookup.lmdb({lua(p)}, "k1234")', '"relay",null,"v1234"')
        gives(f'lookup.lmdb({lua(p)}, "example.net") or "fallback"', '"fallback"')
        gives('list.match_domain("example.org", "+relays"), list.match_domain("example.net", "+relays")', 'true,false',
              f'domainlist.relays = "lmdb;{p}"')
        gives(f'lookup.lmdb({lua(p)}, "odd")', '"a:b\\nc"')
        gives(f'lookup.lmdb({lua(p)}, "nul"), lookup.lmdb({lua(p)}, "nul\\0")', 'null,"x"')


def lmdb_missing():
    with Files() as f:
        os.mkdir(f.path("env"))
        cannot_say(f'lookup.lmdb({lua(f.path("no.mdb"))}, "x")', "LMDB: Unable to open environment with " + f.path("no.mdb"))
        cannot_say(f'lookup.lmdb({lua(f.path("env"))}, "x")', "is a directory: name the file in it, data.mdb")
        cannot_say(f'lookup.lmdb({lua(f.write("text", "no such thing" * 2000))}, "x")', "is no LMDB file")


def cdb_values():
    with Files() as f:
        p = f.write("x.cdb", cdb([(b"ann", b"one"), (b"ann", b"two"), (b"*.example.org", b"wild")]))
        gives(f'lookup.cdb({lua(p)}, "ann"), lookup.cdb({lua(p)}, "bob"), lookup.cdb({lua(p)}, "a.b.example.org", {{ partial = true }})',
              '"one",null,"wild"')
        gives('list.match_domain("a.example.org", "partial-cdb;%s")' % p, 'true')
        cannot_say(f'lookup.cdb({lua(f.write("cut", cdb([(b"ann", b"one")])[:2050]))}, "ann")', "is damaged")
        cannot_say(f'lookup.cdb({lua(f.write("short", "x"))}, "ann")', "is no cdb file")
        cannot_say(f'lookup.cdb({lua(f.path("no"))}, "ann")', "No such file")


def database(f):
    p = f.path("users.db")
    db = sqlite3.connect(p)
    db.execute("create table users (name text primary key, quota integer, note text)")
    db.executemany("insert into users values (?, ?, ?)", [("ann", 10, "likes \"quotes\""), ("o'neil", 20, None)])
    db.commit()
    return p, db


def sqlite_values():
    with Files() as f:
        p, _ = database(f)
        gives(f'lookup.sqlite({lua(p)}, "select quota from users where name = ?", {{ "ann" }})', '"10"')
        gives(f'lookup.sqlite({lua(p)}, "select quota from users where name = ?", {{ "o\'neil" }})', '"20"')
        gives(f'lookup.sqlite({lua(p)}, "select quota from users where name = ?", {{ "x\' or 1=1 --" }})', 'null')
        gives(f'lookup.sqlite({lua(p)}, "select name from users where quota > ? and ? is null", {{ 15, nil, n = 2 }})', '"o\'neil"')
        gives(f'lookup.sqlite({lua(p)}, "select name, note from users order by name")',
              '"name=ann note=\\"likes \\\\\\"quotes\\\\\\"\\" \\nname=o\'neil note=\\"\\" "')
        gives(f'lookup.sqlite({lua(p)}, "select name, quota from users", {{}}, {{ ret = "rows" }})',
              '[{"name":"ann","quota":"10"},{"name":"o\'neil","quota":"20"}]')
        gives(f'list.match_local_part("ann", "sqlite;{p} select 1 from users where name = ?"), '
              f'list.match_local_part("eve", lookup.table.sqlite({lua(p)}, "select 1 from users where name = ?"))', 'true,false')


def sqlite_writes():
    with Files() as f:
        p, db = database(f)
        cannot_say(f'lookup.sqlite({lua(p)}, "delete from users")', "readonly")
        cannot_say(f'lookup.sqlite({lua(p)}, "select 1; delete from users")', "one statement")
        cannot_say(f'lookup.sqlite({lua(p)}, "attach ? as other", {{ "/etc/passwd" }}, {{ write = true }})', "not authorized")
        cannot_say(f'lookup.sqlite({lua(p)}, "selct 1")', "syntax error")
        cannot_say(f'lookup.sqlite({lua(p)}, "select ?")', "1 places for parameters, and 0 are given")
        cannot_say(f'lookup.sqlite({lua(f.path("no.db"))}, "select 1")', "No such file")
        cannot_say(f'lookup.sqlite({lua(f.write("bad.db", "x" * 5000))}, "select * from sqlite_master")', "not a database")
        gives(f'lookup.sqlite({lua(p)}, "insert into users values (?, 5, null)", {{ "new" }}, {{ write = true }})', '"1"')
        same(db.execute("select quota from users where name = 'new'").fetchone(), (5,))


def sqlite_busy():
    with Files() as f:
        p, _ = database(f)
        other = sqlite3.connect(p, isolation_level=None)
        other.execute("begin exclusive")
        cannot_say(f'lookup.sqlite({lua(p)}, "select 1 from users", {{}}, {{ busy = 0 }})', "is busy: another program has it locked")
        other.execute("rollback")
        gives(f'lookup.sqlite({lua(p)}, "select count(*) from users")', '"2"')


def sqlite_endless():
    with Files() as f:
        p, _ = database(f)
        endless = "with recursive c(x) as (select 1 union all select x + 1 from c) select max(x) from c"
        # the process ends too: the thread is told that nobody waits
        cannot_say(f'lookup.sqlite({lua(p)}, {lua(endless)}, {{}}, {{ timeout = 1 }})', "lookup.sqlite: no answer within 1000 ms")


def text_files():
    with Files() as f:
        keys = f.write("keys", 'ann: one\n*.example.org: wild\n*@example.net: net\n"with: colon": c\n*: default\n')
        wild = f.write("wild", '*.example.com: tail\n^x[0-9]+\\.test$: pattern\nplain.test: plain\n')
        nets = f.write("nets", '192.0.2.0/24: net\n192.0.2.9: nine\n2001:db8::/32: six\n2001:db8::1 one\n')
        json_ = f.write("j.json", '{"sites":[{"name":"a\\u00e9","n":3},{"name":null}],"on":true}')
        gives(f'lookup.lsearch({lua(keys)}, "ANN"), lookup.lsearch({lua(keys)}, "with: colon"), lookup.lsearch({lua(keys)}, "zoe")', '"one","c",null')
        gives(f'lookup.lsearch({lua(keys)}, "a@example.net", {{ default = "*@" }}), lookup.lsearch({lua(keys)}, "a@b", {{ default = "*@" }})', '"net","default"')
        gives(f'lookup.lsearch({lua(keys)}, "x.y.example.org", {{ partial = true }}), lookup.lsearch({lua(keys)}, "q.example.org", {{ partial = 2, ret = "key" }}), '
              f'lookup.lsearch({lua(keys)}, "q.example.org", {{ partial = 3 }})', '"wild","q.example.org",null')
        gives(f'lookup.wildlsearch({lua(wild)}, "a.EXAMPLE.com"), lookup.nwildlsearch({lua(wild)}, "x12.test"), lookup.wildlsearch({lua(wild)}, "plain.test"), '
              f'lookup.wildlsearch({lua(wild)}, "example.com")', '"tail","pattern","plain",null')
        gives(f'lookup.iplsearch({lua(nets)}, "192.0.2.9"), lookup.cidr({lua(nets)}, "192.0.2.9"), lookup.cidr({lua(nets)}, "2001:db8::1"), '
              f'lookup.iplsearch({lua(nets)}, "2001:db8::1"), lookup.cidr({lua(nets)}, "198.51.100.1"), lookup.cidr({lua(nets)}, "no address")',
              '"net","nine","one","six",null,null')
        gives(f'lookup.json({lua(json_)}, "sites:0:name"), lookup.json({lua(json_)}, "sites:0:n"), lookup.json({lua(json_)}, "sites:1:name"), '
              f'lookup.json({lua(json_)}, "on"), lookup.json({lua(json_)}, "sites:2"), lookup.json({lua(json_)}, "sites:0")',
              '"aé","3",null,"true",null,"{\\"name\\":\\"a\\\\u00e9\\",\\"n\\":3}"')
        cannot_say(f'lookup.wildlsearch({lua(f.write("w2", "^(x: y"))}, "a")', 'w2:1: the regular expression "^(x" is wrong')
        cannot_say(f'lookup.cidr({lua(f.write("n2", "# c" + chr(10) + "10.0.0.0/33: y"))}, "10.0.0.1")', 'n2:2: "10.0.0.0/33" is no address and no network')
        cannot_say(f'lookup.json({lua(f.write("j2", "{"))}, "a")', "is no JSON")
        cannot_say(f'lookup.lsearch({lua(f.temp.name)}, "a")', "is no plain file")


def directories():
    with Files() as f:
        f.write("ann", "")
        os.mkdir(f.path("box"))
        d = lua(f.temp.name)
        gives(f'lookup.dsearch({d}, "ann"), lookup.dsearch({d}, "bob"), lookup.dsearch({d}, "box", {{ filter = "file" }}), '
              f'lookup.dsearch({d}, "ann", {{ ret = "full" }})', f'"ann",null,null,"{f.temp.name}/ann"')
        for key in ["../" + os.path.basename(f.temp.name), ".", "..", "a/b", "", "box/", "-x"]:
            gives(f'lookup.dsearch({d}, {lua(key)})', 'null')
        cannot_say(f'lookup.dsearch({lua(f.path("no"))}, "ann")', "open directory")


def users():
    gives('lookup.passwd("root").uid, lookup.passwd("no such user here"), lookup.passwd("root", { ret = "text" }):match("^%*:0:0:") ~= nil', '0,null,true')
    gives('list.match_local_part("root", "passwd;"), list.match_local_part("nobody-at-all", "passwd;")', 'true,false')


def lists_in_files():
    with Files() as f:
        p = f.write("friends", "one.example\n! no.yes.example   # not this one\n*.yes.example\n")
        for name, is_in in [("one.example", "true"), ("no.yes.example", "false"), ("a.yes.example", "true"), ("other.example", "false")]:
            gives(f'list.match_domain("{name}", "+friends")', is_in, f'domainlist.friends = "{p}"')
        gives('list.match_domain("no.yes.example", "+odd"), list.match_domain("one.example", "+odd")', "true,false", f'domainlist.odd = {{ "! {p}", "*" }}')
        nets = f.write("nets", "192.0.2.0/24: a\n")
        gives(f'list.match_host("192.0.2.4", "net-iplsearch;{nets}"), list.match_host("192.0.3.4", "net-cidr;{nets}")', "true,false")
        six = f.write("six", "2001.0db8.0000.0000.0000.0000.0000.0000/32: whole\n\"2001:db9::/32\": people\n")
        gives(f'list.match_host("2001:db8::5", {{ "net32-lsearch;{six}" }}), list.match_host("2001:db9::5", {{ "net32-lsearch;{six}" }}), '
              f'list.match_host("2001:dba::5", {{ "net32-lsearch;{six}" }})', "true,true,false")
        chain = f.write("people", "example.org: ann : ! bob : *-list : >more\nmore: zoe : bob\nloop: >loop\n")
        for name, is_in in [("ann@example.org", "true"), ("bob@example.org", "false"), ("x-list@example.org", "true"), ("zoe@example.org", "true"),
                            ("eve@example.org", "false"), ("ann@example.net", "false")]:
            gives(f'list.match_address("{name}", {{ "@@lsearch;{chain}" }})', is_in)
        cannot = run(f'list.match_address("a@loop", {{ "@@lsearch;{chain}" }})')
        same(cannot[0], 2)
        holds(cannot[2], "name each other")


def checked():
    with Files() as f:
        bad = f.write("bad", "one.example\nmail*.example\n")
        for rules, said in [('domainlist.a = "/no/such/list"', "open /no/such/list: No such file"),
                            (f'domainlist.a = "{bad}"', f'{bad}:2: the domain "mail*.example": a * may only stand at its beginning'),
                            ('domainlist.a = "lmdb;/no/such.mdb"', "open /no/such.mdb: No such file"),
                            ('hostlist.a = "net-lserach;/x"', 'there is no lookup "lserach", did you mean "lsearch"?'),
                            ('domainlist.a = "net-lsearch;/etc/passwd"', "net- is for lists of hosts"),
                            ('domainlist.a = "lsearch,rett=key;/etc/passwd"', 'lookup.lsearch has no option rett, did you mean "ret"?'),
                            ('domainlist.a = "dbm;/etc/passwd"', "there is no lookup.dbm"),
                            ('domainlist.a = { "a", lookup.table.cdb("/no/such.cdb") }', "open /no/such.cdb: No such file")]:
            with tempfile.TemporaryDirectory() as d:
                with open(os.path.join(d, "00.lua"), "w") as out:
                    out.write("\n" + rules + "\n")
                r = subprocess.run([PERIGEE, "check", "--rules", d], capture_output=True, text=True, timeout=60)
                same(r.returncode, 1)
                holds(r.stdout + r.stderr, "00.lua:2: ")
                holds(r.stdout + r.stderr, said)


def storage_fails():
    with Files() as f:
        keys, c = f.write("keys", "ann: one\n"), f.write("x.cdb", cdb([(b"ann", b"one")]))
        m = f.path("x.mdb")
        mdb_load(m, [(b"ann", b"one")])
        for ask in (f'lookup.try.lsearch({lua(keys)}, "ann")', f'lookup.try.cdb({lua(c)}, "ann")', f'lookup.try.lmdb({lua(m)}, "ann")',
                    f'lookup.try.dsearch({lua(f.temp.name)}, "keys")'):
            os.environ["PERIGEE_FAULT"] = "read:1+:EIO"
            try:
                status, out, why = run(ask)
            finally:
                del os.environ["PERIGEE_FAULT"]
            same((ask, status, '"kind":"again"' in out, f.temp.name in out), (ask, 0, True, True))


def changed_files():
    with Files() as f:
        p = f.write("keys", "k: old\n")
        rules = f'acl.rcpt(function(m) return deny("550 5.1.1 it is " .. lookup.lsearch({lua(p)}, "k")) end)'
        engine = Engine(workers=1)
        engine.rule("00-first.lua", rules)
        with engine as e:
            def said():
                c = smtplib.SMTP("127.0.0.1", e.port, timeout=60)
                c.ehlo("there.example")
                c.mail("a@there.example")
                answer = c.rcpt("b@example.org")[1].decode()
                c.close()
                return answer
            holds(said(), "it is old")
            f.write("new", "k: new\n")
            os.rename(f.path("new"), p)
            holds(said(), "it is new")


case("LMDB-T1 LMDB-T4 LMDB-T5 lookup.lmdb: what mdb_load wrote is found byte for byte, and what is not there is nil", lmdb_values)
case("LMDB-T2 lookup.lmdb: a missing file, a directory and another kind of file cannot say", lmdb_missing)
case("lookup.cdb: keys, partial keys, and a damaged file cannot say", cdb_values)
case("lookup.sqlite: parameters are bound, rows come as text or tables", sqlite_values)
case("lookup.sqlite: read-only unless asked, one statement, no other file", sqlite_writes)
case("lookup.sqlite: locked by another program is cannot say", sqlite_busy)
case("lookup.sqlite: a query that never ends is given up", sqlite_endless)
case("lsearch, wildlsearch, iplsearch, cidr, json: keys, defaults, and files that cannot say", text_files)
case("lookup.dsearch: one safe component, and nothing else", directories)
case("lookup.passwd: users of this machine", users)
case("files of items, networks in files, chained lists of senders", lists_in_files)
case("what lists name is looked for when rules are checked", checked)
case("a file that was replaced is read anew", changed_files)
title = "storage that fails is cannot say, for every kind of file"
if "Fault_injection" in subprocess.run([PERIGEE, "version"], capture_output=True, text=True).stdout:
    case(title, storage_fails)
else:
    skip(title, "a build without fault injection")
done()
