#!/usr/bin/env python3
# SRS with others: Mail::SRS and postsrsd, given the same secret, make the same addresses and take ours.
import json, os, shutil, socket, subprocess, sys, tempfile
from urllib.parse import quote, unquote
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

SECRET = "a secret that is shared"
SENDERS = ["alice@origin.test", "Ann.Lee+news@Sub.Origin.Test", "a=b@origin.test", "SRS0=AAAA=BB=first.test=carl@second.test",
           "SRS1=AAAA=first.test==BBBB=CC=zero.test=dan@second.test", "srs0+AAAA=BB=first.test=carl@second.test", "o'hara@x.test"]
PERL = r"""
use strict; use Mail::SRS; $SIG{__WARN__} = sub { };
my $srs = Mail::SRS->new(Secret => $ARGV[0], MaxAge => 21, HashLength => 4, HashMin => 4);
while (<STDIN>) {
    chomp; my ($what, $text) = split / /, $_, 2;
    my $out = eval { $what eq "forward" ? $srs->forward($text, "fwd.test") : $srs->reverse($text) };
    print defined $out ? "$out\n" : "none\n";
}
"""
POSTSRSD = shutil.which("postsrsd") or os.path.join(ROOT, "build", "debian", "postsrsd", "usr", "sbin", "postsrsd")
if not os.access(POSTSRSD, os.X_OK):
    POSTSRSD = "/usr/sbin/postsrsd"


def lua(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def ours(function, texts):
    """function(secret, text) of each, by the real clock; None for what is refused."""
    calls = ", ".join(function.format(secret=lua(SECRET), text=lua(t)) for t in texts)
    with tempfile.TemporaryDirectory() as rules:
        r = subprocess.run([PERIGEE, "eval", "--json", "--rules", rules, f"(function() return {{ {calls} }} end)()"], capture_output=True, text=True, timeout=60)
        same((r.returncode, r.stderr), (0, ""))
        return [None if v is False else v for v in json.loads(r.stdout)[0]]


def forwarded():
    return ours('srs.encode({secret}, {text}, "fwd.test") or false', SENDERS)


def reversed_(addresses):
    return ours("srs.decode({text}, {secret}) or false", [a.rpartition("@")[0] for a in addresses])


def mail_srs(what, texts):
    r = subprocess.run(["perl", "-e", PERL, SECRET], input="".join(f"{what} {t}\n" for t in texts), capture_output=True, text=True, timeout=60)
    same((r.returncode, r.stderr), (0, ""))
    return [None if line == "none" else line for line in r.stdout.splitlines()]


def same_day(body):
    """Addresses hold the day they were made: again, if midnight was in between."""
    def run():
        day = time.time() // 86400
        try:
            body()
        except AssertionError:
            if time.time() // 86400 == day:
                raise
            body()
    return run


@same_day
def perl_agrees():
    made = mail_srs("forward", SENDERS)
    same(forwarded(), made)
    same(reversed_(made), mail_srs("reverse", made))
    lower = [a.lower() for a in made]
    same(reversed_(lower), mail_srs("reverse", lower))


def perl_refuses_what_we_refuse():
    touched = [a.replace("=", "=A", 1) for a in mail_srs("forward", SENDERS)]
    same(mail_srs("reverse", touched), [None] * len(touched))
    same(reversed_(touched), [None] * len(touched))


class Daemon:
    """postsrsd, asked as Postfix asks it: one table for each way."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="perigee-postsrsd.")
        self.ports = [free_port(), free_port()]
        with open(os.path.join(self.dir, "secret"), "w") as f:
            f.write(SECRET + "\n")
        os.chmod(os.path.join(self.dir, "secret"), 0o600)
        self.process = subprocess.Popen([POSTSRSD, "-4", "-f", str(self.ports[0]), "-r", str(self.ports[1]), "-d", "fwd.test", "-s", os.path.join(self.dir, "secret")],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        same(until(lambda: all(listening(p) for p in self.ports)), True)

    def ask(self, way, text):
        with socket.create_connection(("127.0.0.1", self.ports[way]), timeout=20) as s:
            s.sendall(f"get {quote(text)}\n".encode())
            answer = s.makefile().readline().strip()
        code, _, rest = answer.partition(" ")
        return unquote(rest) if code == "200" else None

    def close(self):
        # who answered us is its child, and gone before it is
        until(lambda: descendants(self.process.pid)[1:] == [])
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.dir, ignore_errors=True)


@same_day
def postsrsd_agrees():
    d = Daemon()
    try:
        made = [d.ask(0, s) for s in SENDERS]
        same(forwarded(), made)
        back = [d.ask(1, a) for a in made]
        # it writes what it gives back in the form it would have made itself
        same([a.lower() for a in reversed_(made)], [b.lower() for b in back])
        for touched in ("SRS0=AAAA=BB=first.test=carl@fwd.test", "SRS1=AAAA=first.test==BBBB=CC=zero.test=dan@fwd.test"):
            same((d.ask(1, touched), reversed_([touched])), (None, [None]))
    finally:
        d.close()


if subprocess.run(["perl", "-MMail::SRS", "-e", "1"], capture_output=True).returncode == 0:
    case("Mail::SRS makes the addresses we make, and takes ours, in any case of letters (SRSN-T6)", perl_agrees)
    case("Mail::SRS refuses what was touched, as we do (SRSN-T6)", perl_refuses_what_we_refuse)
else:
    skip("Mail::SRS makes the addresses we make (SRSN-T6)", "no libmail-srs-perl")
if os.access(POSTSRSD, os.X_OK):
    case("postsrsd makes the addresses we make, and takes ours (SRSN-T6)", postsrsd_agrees)
else:
    skip("postsrsd makes the addresses we make (SRSN-T6)", "no postsrsd")
done()
