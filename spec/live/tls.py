"""TLS clients for specs: a site with certificates, and sessions under TLS from Python's own library.

    with Engine(site=tls_site('tls_certificate = "x.pem",', ports)) as e:
        with Talk(e.port, root) as t:     # STARTTLS; on_connect=True: at once
            t.say("EHLO x")               # the reply, its lines
"""
import socket
import ssl

from perigee import SITE, SLOW


def tls_site(options, ports=(), more=""):
    """The usual site with options of TLS in it, and further ports to listen on. Everything is Lua, unescaped."""
    listen = "".join(f', "127.0.0.1:{port}"' for port in ports)
    site = SITE.replace("  primary_hostname", "  " + options.replace("{", "{{").replace("}", "}}") + "\n  primary_hostname", 1)
    site = site.replace('"127.0.0.1:{port}"', '"127.0.0.1:{port}"' + listen, 1)
    return site + more.replace("{", "{{").replace("}", "}}")


def context(root=None, cert=None, key=None, version=None, ciphers=None, alpn=None):
    c = ssl.create_default_context(cafile=root) if root else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    if not root:
        c.verify_mode = ssl.CERT_NONE
    if cert:
        c.load_cert_chain(cert, key)
    if version:
        c.minimum_version = c.maximum_version = version
    if ciphers:
        c.set_ciphers(ciphers)
    if alpn:
        c.set_alpn_protocols(alpn)
    return c


class Talk:
    """One session. What was said before TLS is in .clear."""

    def __init__(self, port, root=None, on_connect=False, sni=None, session=None, ctx=None, **words):
        self.ctx = ctx or context(root, **words)
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30 * SLOW)
        self.clear = b""
        try:
            if not on_connect:
                self.file = self.socket.makefile("rb")
                self.clear = self.hear() + self.say("EHLO client.example") + self.say("STARTTLS")
                self.file.close()
            self.socket = self.ctx.wrap_socket(self.socket, server_hostname=sni, session=session)
        except BaseException:
            self.socket.close()
            raise
        self.file = self.socket.makefile("rb")
        if on_connect:
            self.banner = self.hear()
        self.greeting = self.say("EHLO client.example")

    def hear(self):
        said = b""
        while True:
            line = self.file.readline()
            said += line
            if len(line) < 4 or line[3:4] != b"-":
                return said

    def say(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.hear()

    def mail(self, subject, to="b@example.org", sender="a@there.example"):
        for line in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{to}>", "DATA"):
            answer = self.say(line)
            if answer[:1] not in b"23":
                return answer
        return self.say(f"Subject: {subject}\r\n\r\ntext\r\n.")

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def plain(port):
    """A socket that has heard the banner and said EHLO."""
    s = socket.create_connection(("127.0.0.1", port), timeout=30 * SLOW)
    f = s.makefile("rb")
    f.readline()
    s.sendall(b"EHLO client.example\r\n")
    while f.readline()[3:4] == b"-":
        pass
    return s, f


def rest(s):
    """All that still comes, until the other side ends it."""
    said = b""
    try:
        while True:
            piece = s.recv(65536)
            if not piece:
                return said
            said += piece
    except (ConnectionResetError, BrokenPipeError):
        return said


