#!/usr/bin/env python3
# Real next hops: Postfix with a configuration of its own, smtp-sink with its refusals.
import os, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *
from postfix import Postfix


def with_postfix():
    p = Postfix()
    try:
        with Engine(sink=p.port) as e:
            e.send("one@there.example", "refused@there.example", "two@there.example", sender="me@example.org", subject="to-postfix",
                   body=".dot\r\n..two\r\n" + "x" * 900)
            same(until(lambda: len(p.mails()) == 2), True)
            holds(p.mails()[0], "\n.dot\n..two\n" + "x" * 900)
            e.logs("=> one@there.example R=remote T=remote H=")
            e.logs("** refused@there.example")
            e.logs("550 5.1.1")
            same(until(lambda: e.mails("me")) is not None, True)
            report = e.mails("me")[0]
            holds(report, "multipart/report")
            holds(report, "Final-Recipient: rfc822;refused@there.example")
            holds(report, "Status: 5.1.1")
            same(until(lambda: e.count() == 0), True)
            e.send("busy@there.example", subject="busy")
            same(until(lambda: "== busy@there.example" in e.log()), True)
            same(e.count(), 1)
    finally:
        p.close()


def sink_run(args, messages, check):
    port = free_port()
    out = tempfile.TemporaryFile()
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    p = subprocess.Popen([tool("smtp-sink"), "-4", "-c"] + user + args + [f"127.0.0.1:{port}", "100"], stdout=out, stderr=out,
                         stdin=subprocess.DEVNULL)
    try:
        same(until(lambda: listening(port)), True)
        with Engine(sink=port) as e:
            def count():
                out.seek(0)
                found = re.findall(rb"mesg=(\d+)", out.read())
                return int(found[-1]) if found else 0
            r = subprocess.run([tool("smtp-source"), "-4", "-d", "-l", "3000", "-m", str(messages), "-s", "10", "-f", "a@example.org",
                                "-t", "many@there.example", f"127.0.0.1:{e.port}"], capture_output=True, timeout=120)
            same(r.returncode, 0)
            check(e, count)
    finally:
        p.terminate()
        p.wait()


def all_through(e, count):
    same(until(lambda: count() >= 500 and e.count() == 0, 60), True)
    same(count(), 500)
    same(until(lambda: e.log().count("Completed") == 500), True)
    lines = re.findall(r"=> many@there.example .*", e.log())
    same(any("]*" in l for l in lines), True)     # connections are kept for later messages


case("Postfix takes what it wants, byte for byte; the rest bounces with its words or waits", with_postfix)
case("500 messages through smtp-sink: each once, over kept connections", lambda: sink_run([], 500, all_through))


def flaky():
    """A next hop that breaks at some place two times of three; every message is taken in the end, none lost."""
    ways = [{"banner": "421 4.3.2 busy"}, {"mail": "451 4.3.0 no"}, {"rcpt": "450 4.2.1 no"}, {"data": "451 4.3.0 no"},
            {"dot": "451 4.3.0 no"}]
    sink = Sink(answers_for=lambda n: ways[n % 5] if n % 3 else {})
    try:
        with Engine(sink=sink.port) as e:
            for i in range(30):
                e.send("f@there.example", subject=f"flaky-{i}")
            same(until(lambda: e.count() == 0, 90), True)
            same(sorted({s for s in sink.subjects if s}), sorted(f"flaky-{i}" for i in range(30)))
    finally:
        sink.close()


LMTP = """
router.inside {{ driver = "manualroute", domains = "lmtp.example", route_list = {{ "* 127.0.0.1" }}, self = "send", transport = "inside" }}
transport.inside {{ driver = "smtp", protocol = "lmtp", port = {sink} }}
"""


def lmtp():
    """A small LMTP server: two recipients, one is over quota."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(5)

    def serve():
        while True:
            try:
                c, _ = s.accept()
            except OSError:
                return
            f = c.makefile("rwb")
            rcpts = []
            f.write(b"220 lmtp\r\n"); f.flush()
            for line in f:
                w = line.split()[0].upper() if line.strip() else b""
                if w == b"LHLO":
                    f.write(b"250-lmtp\r\n250 PIPELINING\r\n")
                elif w == b"RCPT":
                    rcpts.append(line); f.write(b"250 ok\r\n")
                elif w == b"DATA":
                    f.write(b"354 go\r\n"); f.flush()
                    for line in f:
                        if line == b".\r\n":
                            break
                    for r in rcpts:
                        f.write(b"552 5.2.2 over quota\r\n" if b"full" in r else b"250 2.0.0 stored\r\n")
                    rcpts = []
                elif w == b"QUIT":
                    f.write(b"221 bye\r\n"); f.flush()
                    break
                else:
                    f.write(b"250 ok\r\n")
                f.flush()
            c.close()
    threading.Thread(target=serve, daemon=True).start()
    site = SITE.replace("router.here", LMTP + "router.here")
    with Engine(site=site, sink=s.getsockname()[1]) as e:
        e.send("good@lmtp.example", "full@lmtp.example", sender="me@example.org", subject="lmtp")
        same(until(lambda: e.mails("me")) is not None, True)
        same(until(lambda: "=> good@lmtp.example" in e.log()), True)     # the log is written a moment later
        e.logs("** full@lmtp.example")
        holds(e.mails("me")[0], "over quota")
    s.close()


PIPE = """
router.programs {{ driver = "accept", domains = "pipe.example", transport = "program" }}
transport.program {{ driver = "pipe", command = function(m)
  return {{ "/bin/sh", "-c", [[cat > {dir}/piped; echo "$1" > {dir}/arg]], "sh", m.local_part }}
end }}
"""


def pipe():
    site = SITE.replace("router.here", PIPE + "router.here")
    with Engine(site=site) as e:
        e.send("a`touch`&$ifs|'x@pipe.example", subject="piped")
        same(until(lambda: os.path.exists(e.dir + "/arg") and e.count() == 0), True)
        with open(e.dir + "/arg") as f:
            same(f.read(), "a`touch`&$ifs|'x\n")
        with open(e.dir + "/piped") as f:
            holds(f.read(), "Subject: piped")


case("a next hop that breaks at every stage gets every message in the end", flaky)
case("LMTP: every recipient has its own answer after the dot", lmtp)
case("a pipe transport's arguments are words, never shell", pipe)
done()
