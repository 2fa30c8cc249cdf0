"""A server that takes mail under TLS and remembers how it was spoken to: one thread a connection.

    TlsSink(cert, key)                            # STARTTLS offered
    TlsSink(cert, key, implicit=True)             # TLS from the first byte
    TlsSink()                                     # none at all
"""
import ssl

from perigee import *


def asks_for_status(hello):
    """Whether a ClientHello, as it came, asks for an OCSP proof (RFC 6066 section 8)."""
    at = 5 + 4 + 2 + 32                                         # record, handshake, version, random
    at += 1 + hello[at]                                         # session
    at += 2 + int.from_bytes(hello[at:at + 2], "big")           # suites
    at += 1 + hello[at]                                         # compression
    end = at + 2 + int.from_bytes(hello[at:at + 2], "big")
    at += 2
    while at + 4 <= min(end, len(hello)):
        if hello[at:at + 2] == b"\0\5":
            return True
        at += 4 + int.from_bytes(hello[at + 2:at + 4], "big")
    return False


class TlsSink(Server):
    def __init__(self, cert=None, key=None, address="127.0.0.1", port=0, implicit=False, starttls="220 go ahead", version=None,
                 ca=None, offer=True, after_end=None):
        self.implicit, self.starttls, self.offer, self.after_end = implicit, starttls, offer, after_end
        self.context = None
        if cert:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(cert, key)
            self.context.sni_callback = self.named
            if version:
                self.context.maximum_version = version
            if ca:
                self.context.verify_mode = ssl.CERT_OPTIONAL
                self.context.load_verify_locations(ca)
        self.said = []              # (connection, "tls" or "clear", command)
        self.names, self.status, self.resumed, self.clients, self.subjects = [], [], [], [], []
        super().__init__(address, port)

    def named(self, _socket, name, _context):
        self.names.append(name)

    def secured(self, c):
        hello = c.recv(16384, socket.MSG_PEEK)
        self.status.append(asks_for_status(hello) if len(hello) > 50 else None)
        t = self.context.wrap_socket(c, server_side=True, suppress_ragged_eofs=True)
        self.resumed.append(t.session_reused)
        self.clients.append(t.getpeercert(True))
        return t

    def serve(self, c, n):
        c.settimeout(60)
        way = "clear"
        if self.implicit:
            c, way = self.secured(c), "tls"
        c.sendall(b"220 sink.example ESMTP\r\n")
        buffer = b""

        def line():
            nonlocal buffer
            while b"\n" not in buffer:
                got = c.recv(65536)
                if not got:
                    return None
                buffer += got
            one, buffer = buffer.split(b"\n", 1)
            return one.rstrip(b"\r")

        while True:
            said = line()
            if said is None:
                if way == "tls" and not self.implicit and self.after_end != "close":
                    c, way, buffer = c.unwrap(), "clear", b""     # the client goes on in clear
                    continue
                return
            word = said.split(None, 1)[0].decode("latin-1").lower() if said.strip() else ""
            with self.lock:
                self.said.append((n, way, said.decode("latin-1")))
            if word in ("ehlo", "lhlo"):
                tls = b"250-STARTTLS\r\n" if self.context and self.offer and way == "clear" and not self.implicit else b""
                c.sendall(b"250-sink.example\r\n" + tls + b"250 PIPELINING\r\n")
            elif word == "starttls":
                c.sendall(self.starttls.encode() + b"\r\n")
                if self.starttls.startswith("220"):
                    c, way, buffer = self.secured(c), "tls", b""
            elif word == "data":
                c.sendall(b"354 go on\r\n")
                while (text := line()) != b".":
                    if text is None:
                        return
                    if text.lower().startswith(b"subject:"):
                        with self.lock:
                            self.subjects.append((n, way, text[8:].strip().decode("latin-1")))
                c.sendall(b"250 2.0.0 taken\r\n")
            elif word == "quit":
                c.sendall(b"221 2.0.0 bye\r\n")
                return
            else:
                c.sendall(b"250 2.0.0 ok\r\n")

    def commands(self, word):
        with self.lock:
            return [(n, way) for n, way, said in self.said if said.lower().startswith(word)]

    def mails(self):
        with self.lock:
            return list(self.subjects)
