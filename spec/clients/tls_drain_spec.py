#!/usr/bin/env python3
# An engine that stops waits for mail that is on its way, and for no handshake: there is no mail of it. Neither of a
# client that never says its ClientHello, nor with a host that never answers ours.
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *
from tls import *
from tlssink import TlsSink
import ca

home = tempfile.mkdtemp(prefix="perigee-drain.")
os.chmod(home, 0o755)
root = ca.CA(home)
mx = root.leaf("mx.example.org", label="mx")
implicit = free_port()
SITE_TLS = tls_site(f'tls_certificate = "{mx.both}", tls_on_connect_ports = {implicit},', (implicit,)).replace("127.0.0.1:9", "127.0.0.1")


class Mute(TlsSink):
    """Hears a ClientHello and says nothing, until it is told to go on as it should."""

    def __init__(self, **more):
        self.heard, self.mute = threading.Event(), True
        super().__init__(mx.cert, mx.key, **more)

    def secured(self, c):
        if not self.mute:
            return super().secured(c)
        c.recv(16384)
        self.heard.set()
        while c.recv(16384):
            pass
        raise OSError


def no_client_is_waited_for():
    with Engine(site=SITE_TLS) as e:
        early, (late, f) = socket.create_connection(("127.0.0.1", implicit)), plain(e.port)
        late.sendall(b"STARTTLS\r\n")
        holds(f.readline(), b"220 ")
        late.sendall(b"\x16\x03\x01")                   # a ClientHello begins, and does not go on
        same(until(lambda: e.status()["counters"]["connections_now"] == 2), True)
        e.stop()
        same(e.process.returncode, 0)
        same((rest(early), rest(late)), (b"", b""))
        if "timed out" in e.log():
            raise AssertionError(e.log())
        early.close()
        late.close()


def no_host_is_waited_for(**how):
    with Mute(**how) as there:
        protocol = 'protocol = "smtps",' if how.get("implicit") else ""
        site = SITE.replace("port = {sink},", f"port = {{sink}}, {protocol}").replace('"30s"', '"12s"')
        e = Engine(site=site, sink=there.port, workers=1)
        try:
            with e:
                e.own = False
                e.send("a@there.example", subject="one")
                same(there.heard.wait(30 * SLOW), True)
                e.stop()
                same(e.process.returncode, 0)
                if "timed out" in e.log() or "== a@there.example" in e.log():
                    raise AssertionError(e.log())
                same(e.run("queue", "count")[:2], (0, "1\n"))
            there.mute = False
            with e:                                     # and it is tried again at once
                same(until(lambda: [s for _, _, s in there.mails()]), ["one"])
        finally:
            shutil.rmtree(e.dir, ignore_errors=True)


case("a stop waits for no client in its handshake", no_client_is_waited_for)
case("nor for a host in STARTTLS, and blames it for nothing", no_host_is_waited_for)
case("nor for one whose TLS comes first", lambda: no_host_is_waited_for(implicit=True))
shutil.rmtree(home, ignore_errors=True)
done()
