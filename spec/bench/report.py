"""The table of make bench: what, measured, target, met or not. Used by compare.py."""
import os
import re
import statistics
import time

results = {}        # (work, metric) -> {peer: [values by turn]}
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def emit(work, metric, peer, value):
    results.setdefault((work, metric), {}).setdefault(peer, []).append(value)


class Line:
    """One promise. beside: the peer it is a ratio to; without one the value itself is meant. most, least: the target."""

    def __init__(self, what, work, metric, unit, beside=None, most=None, least=None):
        self.what, self.work, self.metric, self.unit, self.beside = what, work, metric, unit, beside
        self.most, self.least = most, least

    def values(self):
        by = results.get((self.work, self.metric), {})
        ours = by.get("perigee", [])
        return ours if self.beside is None else [a / b for a, b in zip(ours, by.get(self.beside, [])) if b]

    def target(self):
        if self.beside is None:
            return f"at most {number(self.most)} {self.unit}"
        if self.least is not None:
            return f"at least {number(self.least)}x"
        return f"at most {number(self.most)}x"

    def met(self, median):
        return median >= self.least if self.least is not None else median <= self.most

    def row(self):
        values = self.values()
        by = results.get((self.work, self.metric), {})
        if not by:
            return None
        ours, theirs = cell(by.get("perigee", [])), cell(by.get(self.beside, [])) if self.beside else aside(by)
        if not values:
            return f"| {self.what} | {self.unit} | {ours} | {theirs} | - | {self.target()} | not measured |"
        median = statistics.median(values)
        measured = (f"{spread(values)}x" if self.beside else f"{number(median)} {self.unit}")
        return f"| {self.what} | {self.unit} | {ours} | {theirs} | {measured} | {self.target()} | {'yes' if self.met(median) else '**no**'} |"


def lines(size):
    backlog, queue = f"held backlog of {size.backlog}", f"{size.queue} queued messages"
    return [
        Line("accept and queue, 50 kept connections", "accept", "rate", "messages/s", "postfix", least=5),
        Line("", "accept", "cpu", "us CPU/message", "postfix", most=1 / 8),
        Line("accept, a connection a message, 50 at once", "perconn", "rate", "messages/s", "postfix", least=3),
        Line("a lone client, beside generator into sink + raw append and flush", "lone", "us", "us/message", "floor", most=1.15),
        Line("relay to a sink, 50 connections", "relay", "rate", "messages/s", "postfix", least=4),
        Line("", "relay", "cpu", "us CPU/message", "postfix", most=1 / 5),
        Line(backlog + ", drained", "backlog", "drain", "messages/s", "postfix", least=3),
        Line(backlog + ", listed", "backlog", "list", "s", most=0.1),
        Line(f"idle connection after EHLO, of {size.idle}", "idle", "kib", "KiB (PSS)", most=6),
        Line(queue + ": memory of each", "queue", "anon", "B (anonymous)", most=64),
        Line(queue + ": index of each", "queue", "index", "B", most=512),
        Line(queue + ": first delivery after a clean stop", "queue", "clean", "s", most=5),
        Line(queue + ": after kill -9", "queue", "killed", "s", most=5),
        Line(queue + ": after kill -9, index removed", "queue", "bare", "s", most=5),
        Line(queue + ": queue count", "queue", "count", "s", most=0.1),
        Line("a recipient under an ACL of 20 statements, all of its cost", "acl", "us", "us CPU", most=20),
        Line("explain on against off: a message under 20 statements", "explain", "us", "us CPU/message", "explain_ring = 0", most=1.03),
        Line("STARTTLS session, full handshake (P-256)", "tls", "rate", "sessions/s", "postfix", least=1.8),
        Line("", "tls", "cpu", "us CPU/session", most=500),
        *[Line(f"{what} handshakes of a core, TLS {v}, beside a bare accept loop", "shake", f"{what} {v}", "1/s", "bare loop", least=0.85)
          for what in ("full", "resumed") for v in ("1.2", "1.3")],
        Line(f"idle connection under TLS, of {size.idle_tls}", "idletls", "kib", "KiB (PSS)", most=24),
        Line("relay under TLS on kept connections, beside clear text", "relaytls", "rate", "messages/s", "in clear", least=0.7),
        Line("check: 5,000 lines of rules", "check", "s", "s", most=0.5),
        Line("test: start to first verdict of a spec", "test", "start", "ms", most=30),
        Line("test: 1,000 sessions, an ACL of 20 statements", "test", "sessions", "s", most=0.5),
        Line("DKIM: 10 KB under rsa-2048 verified, beside bare OpenSSL", "dkim", "verify", "us CPU", "openssl", most=2.0),
        Line("DKIM: the same signed", "dkim", "sign", "us CPU", "openssl", most=1.15),
        Line("SPF of five mechanisms, its names known", "auth", "spf_us", "us CPU", most=50),
        Line("DMARC, its names known", "auth", "dmarc_us", "us CPU", most=30),
        Line("1,000 signatures in a message", "auth", "signatures_us", "us CPU", most=5000),
        Line("", "auth", "signatures_kib", "KiB", most=1024),
        Line("eight signatures over a header of 1 MB", "auth", "header_us", "us CPU", most=50000),
        Line("an ARC chain of 50 sets", "auth", "chain_us", "us CPU", most=20000),
        Line("", "auth", "chain_kib", "KiB", most=1024),
    ]


def number(x):
    return f"{x:.0f}" if x >= 100 or x == int(x) else f"{x:.1f}" if x >= 10 else f"{x:.2f}" if x >= 1 else f"{x:.3f}"


def spread(values):
    text = number(statistics.median(values))
    return text + (f" ({number(min(values))}-{number(max(values))})" if len(values) > 1 else "")


def cell(values):
    return number(statistics.median(values)) if values else "-"


def aside(by):
    """What was measured beside it without being a promise."""
    return ", ".join(f"{peer} {cell(v)}" for peer, v in by.items() if peer != "perigee")


def machine():
    with open("/proc/cpuinfo") as f:
        model = re.search(r"model name\s*: (.*)", f.read())
    return f"{os.cpu_count()} cores of {model.group(1) if model else os.uname().machine}, kernel {os.uname().release}"


def page(size, runs, took, args, micro):
    out = [f"`spec/bench/compare.py {' '.join(args)}`, {time.strftime('%Y-%m-%d')}: {machine()}, load {os.getloadavg()[1]:.1f}; "
           f"{size.n} messages of 10 KiB, median of {runs} turns (lowest-highest), {took:.0f} s in all.", "",
           "| what | unit | Perigee | beside it | measured | target | met |", "|---|---|---:|---:|---:|---:|---|"]
    for line in lines(size):
        row = line.row()
        if row:
            out.append(row)
    parts = results.get(("lone", "us"), {})
    if parts:
        out += ["", "The lone client's floor: " + ", ".join(f"{n} {cell(parts.get(p, []))} us" for n, p in
                (("generator into sink", "sink"), ("raw append and flush", "flush"))) + f"; Postfix {cell(parts.get('postfix', []))} us."]
    cpu = results.get(("backlog", "cpu"), {})
    if cpu:
        out += ["", f"CPU of a drained message: Perigee {cell(cpu.get('perigee', []))} us, Postfix {cell(cpu.get('postfix', []))} us."]
    if micro:
        out += ["", "The spool alone beside raw appends of as many messages with one flush (`build/spec/bench/spool_bench`):", "",
                *("    " + l for l in micro.splitlines())]
    return "\n".join(out)


def put(path, text):
    with open(path) as f:
        whole = f.read()
    before, rest = whole.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    with open(path, "w") as f:
        f.write(before + BEGIN + "\n" + text + "\n" + END + after)
