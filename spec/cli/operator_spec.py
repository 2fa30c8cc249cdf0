#!/usr/bin/env python3
# What an operator meets in a day: verbs, places, answers in words, and options that must take effect.
import json, os, socket, subprocess, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *


class Names:
    """A name server that knows nobody: every question is answered "no such name", and counted."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port, self.asked = self.socket.getsockname()[1], []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                q, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            end = 12
            while q[end]:
                end += q[end] + 1
            self.asked.append(q[12:end].lower())      # the case is random: DNS 0x20
            self.socket.sendto(q[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + q[12:end + 5], peer)

    def close(self):
        self.socket.close()


ROUTER = 'router.out {{ driver = "dnslookup", domains = "! +local_domains", transport = "remote" }}\n'
names = Names()
e = Engine(extra='site {{ qualify_domain = "example.org" }}\n', workers=1)
e.rule("00-site.lua", open(os.path.join(e.rules, "00-site.lua")).read()
       .replace("127.0.0.1#9", f"127.0.0.1#{names.port}").replace("router.remote", "router.unused")
       .replace('"manualroute", route_list', '"manualroute", domains = "unused.example", route_list'))
e.rule("10-out.lua", ROUTER.format())


def dns_servers_asked():
    e.start()
    e.run("route", "x@asked-by-route.example")
    same(any(b"asked-by-route" in q for q in names.asked), True)
    e.send("x@asked-by-engine.example")
    same(until(lambda: any(b"asked-by-engine" in q for q in names.asked)), True)


case("dns_servers are asked from the first generation on", dns_servers_asked)
e.close()
names.close()
done()
