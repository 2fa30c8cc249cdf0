#!/usr/bin/env python3
# Real clients against a real engine: swaks, curl, smtplib, smtp-source, a raw socket.
import os, socket, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

e = Engine().start()


def arrived(subject):
    return until(lambda: subject in e.subjects()) is not None or holds(e.log() + e.output(), subject)


def swaks():
    r = subprocess.run([tool("swaks"), "--server", f"127.0.0.1:{e.port}", "--from", "a@there.example", "--to", "b@example.org",
                        "--header", "Subject: by-swaks", "--body", "line\n.line with a dot\n"], capture_output=True, text=True, timeout=60)
    same(r.returncode, 0)
    arrived("by-swaks")


def curl():
    with tempfile.NamedTemporaryFile("w") as f:
        f.write("From: a@there.example\nSubject: by-curl\n\n..two dots\ntext\n")
        f.flush()
        r = subprocess.run([tool("curl"), "-s", "--crlf", f"smtp://127.0.0.1:{e.port}/client.example", "--mail-from", "a@there.example",
                            "--mail-rcpt", "b@example.org", "--mail-rcpt", "c@example.org", "-T", f.name],
                           capture_output=True, text=True, timeout=60)
    same(r.returncode, 0)
    arrived("by-curl")
    same(until(lambda: len([m for m in e.mails() if "by-curl" in m]) == 2), True)


def smtplib_refusal():
    with e.smtp() as s:
        s.ehlo()
        same(s.has_extn("pipelining"), True)
        same(s.has_extn("size"), True)
        refused = s.sendmail("a@there.example", ["ok@example.org", "bad@@example.org"],
                             MESSAGE.format(subject="by-smtplib", body="x"))
    same(sorted(refused), ["bad@@example.org"])
    arrived("by-smtplib")


def kept_bytes():
    body = "".join(chr(33 + i % 90) * (i % 990) + "\r\n" for i in range(200)) + ".\r\n..\r\n.x\r\n"
    e.send("bytes@example.org", subject="bytes", body=body)
    arrived("bytes")
    mail = e.mails("bytes")[0]
    kept = mail.replace("\r\n", "\n")
    holds(kept, body.replace("\r\n", "\n"))


def eight_bit():
    with e.smtp() as s:
        s.ehlo()
        s.sendmail("a@there.example", ["eight@example.org"],
                   "Subject: eight\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n".encode() + "grüße\r\n".encode(),
                   mail_options=["BODY=8BITMIME"])
    arrived("eight")
    holds(e.mails("eight")[0].encode("latin-1"), "grüße".encode())


def smtp_source():
    r = subprocess.run([tool("smtp-source"), "-4", "-c", "-d", "-l", "5000", "-m", "400", "-s", "20", "-M", "client.example",
                        "-f", "a@there.example", "-t", "many@example.org", f"127.0.0.1:{e.port}"],
                       capture_output=True, text=True, timeout=120)
    same(r.returncode, 0)
    same(until(lambda: len(e.mails("many")) >= 400) is not None, True)
    same(len(e.mails("many")), 400)


def split_everywhere():
    """The same conversation byte by byte."""
    text = (b"EHLO client.example\r\n", b"MAIL FROM:<a@there.example>\r\nRCPT TO:<split@example.org>\r\nDATA\r\n",
            b"Subject: split\r\n\r\n..a\r\n.\r\nQUIT\r\n")
    s = socket.create_connection(("127.0.0.1", e.port), timeout=30)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    f = s.makefile("rb")
    f.readline()
    for part, last in zip(text, (b"250 ", b"354", b"221")):
        for i in range(len(part)):
            s.send(part[i:i + 1])
        line = b""
        while not line.startswith(last):
            line = f.readline()
            if not line:
                raise AssertionError("closed early")
    arrived("split")


def banner_first():
    s = socket.create_connection(("127.0.0.1", e.port), timeout=30)
    s.sendall(b"EHLO early.example\r\nMAIL FROM:<a@b.example>\r\n")
    answer = s.recv(1000)
    holds(answer.decode(), "554") if not answer.startswith(b"220") else holds((answer + s.recv(1000)).decode(), "554")


def ends_its_side(extra=""):
    """Exim 4.96 does this: QUIT goes out behind the dot, and nothing more is written. It reads on."""
    with Engine(extra=extra) as there:
        for n in range(3):
            s = socket.create_connection(("127.0.0.1", there.port), timeout=30 * SLOW)
            f = s.makefile("rb")
            f.readline()
            for line in (b"EHLO x.example", b"MAIL FROM:<a@there.example>", b"RCPT TO:<b@example.org>", b"DATA"):
                s.sendall(line + b"\r\n")
                while f.readline()[3:4] == b"-":
                    pass
            s.sendall(f"Subject: one-sided-{n}\r\n\r\ntext\r\n.\r\nQUIT\r\n".encode())
            s.shutdown(socket.SHUT_WR)
            same([line[:9] for line in f], [b"250 2.0.0", b"221 2.0.0"])
        same(until(lambda: len(there.subjects()) == 3), True)
        if " lost " in there.log():
            raise AssertionError(there.log())


def empties():
    same(until(lambda: e.count() == 0), True)


def exim_tools():
    base = os.path.join(ROOT, "build", "debian", "exim4-base", "usr", "sbin")
    log = os.path.join(e.spool, "log", "mainlog")
    same(until(lambda: e.log().count(" <= ") >= 400 and e.log().count("Completed") == e.log().count(" <= ")), True)
    out = subprocess.run(["perl", os.path.join(base, "exigrep"), "by-swaks|=> b", log], capture_output=True, text=True, timeout=60)
    holds(out.stdout, "Completed")
    out = subprocess.run(["perl", os.path.join(base, "eximstats"), "-txt", log], capture_output=True, text=True, timeout=60)
    holds(out.stdout, "Received")
    holds(out.stdout, "Delivered")
    total = re.search(r"^\s*Received\s+\S+\s+(\d+)", out.stdout, re.M)
    same(int(total.group(1)) >= 400, True)


case("swaks sends a message and it lands in a Maildir", swaks)
case("curl sends one message to two recipients", curl)
case("smtplib is told which recipient was refused, the others get theirs", smtplib_refusal)
case("long lines and lines of dots arrive as they were", kept_bytes)
case("eight-bit text arrives as it was", eight_bit)
case("smtp-source: 400 messages over 20 kept connections, all of them there, none twice", smtp_source)
case("a conversation in packets of one byte is the same conversation", split_everywhere)
case("a client that speaks before the banner is refused", banner_first)
case("a client that ends its side behind the dot and QUIT hears both answers", ends_its_side)
case("... after rules that take their time", lambda: ends_its_side('acl.data {{ accept {{ delay = "1s" }} }}'))
case("the queue is empty in the end", empties)
case("exigrep and eximstats read the log", exim_tools)
case("the engine stops when asked", e.stop)
e.close()
done()
