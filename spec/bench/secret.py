"""TLS in make bench: sessions beside Postfix, handshakes beside a bare accept loop of OpenSSL, idle memory, mail passed on
under TLS beside clear text. Used by compare.py."""
import os
import shutil
import ssl
import subprocess
import time

from ca import CA
from peers import HERE, RUN, Group, Perigee, Postfix, down, free_port, listening, load, note, until, up
from report import emit

PROGRAM = os.path.join(HERE, "..", "..", "build", "spec", "bench", "tls_bench")


def certificate():
    """P-256, readable for both servers' users; made once."""
    d = RUN + "/tls"
    if not os.path.exists(d + "/bench.test.pem"):
        CA(d).leaf("bench.test")
        os.chmod(d, 0o755)
        shutil.copy(d + "/bench.test.key", d + "/nobody.key")
        shutil.chown(d + "/nobody.key", "nobody")
        os.chmod(d + "/nobody.key", 0o600)
    return d + "/bench.test.pem", d + "/nobody.key"


def site(port=None, resume="", more_options=""):
    cert, key = certificate()
    more = f', "127.0.0.1:{port}"' if port else ""
    return f"""site {{ tls_certificate = "{cert}", tls_privatekey = "{key}", tls_resumption_hosts = "{resume}"{more_options}{f', tls_on_connect_ports = {port}' if port else ''} }}
acl.rcpt {{ accept {{ hosts = "127.0.0.1" }} }}
""", more


def shake(port, n, threads, how, what="full", version="1.3"):
    r = subprocess.run([PROGRAM, "client", str(port), str(n), str(threads), how, what, version], capture_output=True, text=True, timeout=300)
    good, resumed, seconds = r.stdout.split()
    if int(good) < n:
        note(f"only {good} of {n} sessions went well")
    if what == "resumed" and int(resumed) < n * 0.9:
        note(f"only {resumed} of {n} sessions were resumed")
    return int(good), float(seconds)


def sessions(peer, size):
    """STARTTLS, a full handshake, EHLO, QUIT."""
    if isinstance(peer, Postfix):
        cert, key = certificate()
        peer.more = f"smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {cert}\nsmtpd_tls_key_file = {key}\nsmtpd_tls_loglevel = 0\n"
        up(peer, "queue")
    else:
        up(peer, "queue", extra=site()[0])
    shake(peer.port, 100, 20, "starttls")
    cpu, n = peer.group.cpu_us(), size.shakes
    good, took = shake(peer.port, n, 20, "starttls")
    emit("tls", "rate", peer.name, good / took)
    emit("tls", "cpu", peer.name, (peer.group.cpu_us() - cpu) / good)
    down(peer)


def per_cpu_second(group, port, n, what, version):
    shake(port, 50, 4, "smtps", what, version)
    cpu = group.cpu_us()
    good, _ = shake(port, n, 4, "smtps", what, version)
    return good * 1e6 / (group.cpu_us() - cpu)


def handshakes(peer, size):
    """How many a second of one core: with all that a session is, and the least there can be."""
    port, bare_port, bare = free_port(), free_port(), Group()
    bare.dir = bare.dir and bare.dir + "-bare"
    if bare.dir:
        os.makedirs(bare.dir, exist_ok=True)
    cert, key = certificate()
    rules, listen = site(port, "*", ", workers = 1")     # the bare loop is one thread, too
    peer.listen = listen
    bare.start([PROGRAM, "serve", str(bare_port), cert, key], RUN + "/bare.out")
    try:
        until(lambda: listening(bare_port))
        up(peer, "queue", extra=rules)
        for what in ("full", "resumed"):
            for version in ("1.2", "1.3"):
                for _ in range(2):      # in turns, since the machine's mood changes
                    emit("shake", f"{what} {version}", "perigee", per_cpu_second(peer.group, port, size.shakes, what, version))
                    emit("shake", f"{what} {version}", "bare loop", per_cpu_second(bare, bare_port, size.shakes, what, version))
    finally:
        bare.stop()
        down(peer)


def idle(peer, size):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
    port = free_port()
    rules, peer.listen = site(port)
    up(peer, "queue", extra=rules)
    import socket

    def one():
        s = ctx.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=60))
        s.recv(1000)
        s.sendall(b"EHLO idle.example\r\n")
        s.recv(4000)
        return s
    for _ in range(100):
        one().close()
    time.sleep(1)
    before, conns = peer.group.memory("Pss"), [one() for _ in range(size.idle_tls)]
    time.sleep(2)
    emit("idletls", "kib", "perigee", (peer.group.memory("Pss") - before) / len(conns))
    for s in conns:
        s.close()
    down(peer)


def received(peer):
    return int(next((l.split()[-1] for l in peer.verb("status").splitlines() if "messages_received" in l), 0))


def relay(peer, size):
    """From one engine to another, which throws it away: kept connections, in clear and under TLS."""
    for how, hosts in (("in clear", "hosts_avoid_tls"), ("perigee", "hosts_require_tls")):
        other = Perigee(free_port())
        other.dir += "-other"
        peer.sink = other.port
        peer.options = f', hosts_try_dane = "", {hosts} = "*", connection_max_messages = 500'
        try:
            up(other, "discard", extra=site()[0] + 'router.gone { driver = "redirect", data = ":blackhole:" }\n')
            up(peer, "relay", extra=site()[0])
            load(peer.port, 200, 50)
            until(lambda o=other: received(o) >= 200, 60, 0.05)
            t = time.monotonic()
            load(peer.port, size.n, 50)
            if until(lambda o=other: received(o) >= size.n + 200, 120, 0.01):
                emit("relaytls", "rate", how, size.n / (time.monotonic() - t))
            else:
                note(f"{how}: {received(other)} of {size.n + 200} passed on")
        finally:
            down(peer)
            down(other)
