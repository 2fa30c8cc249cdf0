#!/usr/bin/env python3
# TLS with clients: real ones (openssl, gnutls-cli, swaks, curl, Python's) against a real engine.
import os, re, shutil, ssl, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *
from tls import *
import ca

home = tempfile.mkdtemp(prefix="perigee-tls.")
os.chmod(home, 0o755)
u = ca.usual(os.path.join(home, "ca"))
root, mid = u["root"], u["mid"]
deep_rsa = mid.leaf("mx.example.org", "deep-rsa", kind="rsa")
proof, proof_rsa = mid.proof(u["deep"]), mid.proof(deep_rsa, text=True)
other = mid.leaf("other.example", "other-deep")
other_proof = mid.proof(other)
served = os.path.join(home, "served.pem")      # replaced while the engine runs
shutil.copy(u["deep"].both, served)
os.chmod(served, 0o600)

TLS_PORT, SNI_PORT, REPLACED, CLIENTS, CRLS, BROKEN, ALPN = (free_port() for _ in range(7))
EC_FIRST = "ECDSA:RSA:!COMPLEMENTOFDEFAULT"

e = Engine(site=tls_site(f'''
  tls_on_connect_ports = {TLS_PORT},
  log_selector = "+tls_sni +tls_peerdn +tls_resumption +smtp_no_mail",
  tls_require_ciphers = function(m) return m.received_port == {ALPN} and "DEFAULT" or "{EC_FIRST}" end,
  tls_dhparam = function(m) return m.tls_in_sni and "none" or m.sender_host_port % 2 == 0 and "ffdhe2048" or "ffdhe4096" end,
  tls_resumption_hosts = "*",
  hosts_require_alpn = function(m) return m.received_port == {ALPN} end,
  tls_verify_certificates = "{root.cert}",
  tls_verify_hosts = function(m) return m.received_port == {CRLS} end,
  tls_try_verify_hosts = function(m) return m.received_port == {CLIENTS} end,
  tls_crl = function(m) if m.received_port == {CRLS} then return "{root.stem}.crl" end end,
  tls_certificate = function(m)
    if m.received_port == {SNI_PORT} then return m.tls_in_sni == "other.example" and "{other.chain}" or "{u['deep'].chain}" end
    if m.received_port == {REPLACED} then return "{served}" end
    if m.received_port == {BROKEN} then return "{home}/missing.pem" end
    return {{ "{u['deep'].chain}", "{deep_rsa.chain}" }}
  end,
  tls_privatekey = function(m)
    if m.received_port == {SNI_PORT} then return m.tls_in_sni == "other.example" and "{other.key}" or "{u['deep'].key}" end
    if m.received_port == {REPLACED} then return "" end
    if m.received_port == {BROKEN} then return "{u['deep'].key}" end
    return {{ "{u['deep'].key}", "{deep_rsa.key}" }}
  end,
  tls_ocsp_file = function(m)
    if m.received_port == {SNI_PORT} then return m.tls_in_sni == "other.example" and "{other_proof}" or "{proof}" end
    if m.received_port == {REPLACED} then return "{home}/served.ocsp" end
    return {{ "{proof}", "{proof_rsa}" }}
  end,''', (TLS_PORT, SNI_PORT, REPLACED, CLIENTS, CRLS, BROKEN, ALPN), f'''
event.on("tls:cert", function(m)
  logwrite("cert " .. m.event_data)
  if m.received_port == {CLIENTS} and m.tls_in_sni == "refuse.example" and m.event_data == "1" then return "not this authority" end
end)
event.on("tls:fail:connect", function(m) logwrite("event: " .. m.event_data) end)
authenticator.plain {{ driver = "plaintext", public_name = "PLAIN", server_condition = "yes" }}
'''.replace("{{", "{").replace("}}", "}"))).start()


def s_client(port, *words, starttls=True, say="QUIT\n", timeout=60):
    """What openssl s_client prints. It says QUIT in small: R and Q at the start of a line are its own."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", root.cert, "-crlf", "-ign_eof", *words]
    if starttls:
        command += ["-starttls", "smtp", "-name", "client.example"]
    r = subprocess.run(command, input=say.lower().encode(), capture_output=True, timeout=timeout * SLOW)
    return (r.stdout + r.stderr).decode(errors="replace")


# ---- F08: certificates and ciphers

def by_kind():
    for sigalgs, kind in (("ECDSA+SHA256", "ECDSA"), ("RSA-PSS+SHA256", "RSA-PSS")):
        holds(s_client(e.port, "-sigalgs", sigalgs), f"Peer signature type: {kind}")
    for cipher, bits in (("aECDSA", 256), ("aRSA", 2048)):
        holds(s_client(e.port, "-tls1_2", "-cipher", cipher), f"Server public key is {bits} bit")
    holds(s_client(e.port, "-tls1_2"), "Server public key is 256 bit")


def by_name():
    for sni, subject in ((["-noservername"], "mx.example.org"), (["-servername", "other.example"], "CN = other.example"),
                         (["-servername", "unknown.example"], "CN = mx.example.org")):
        text = s_client(SNI_PORT, *sni)
        holds(text, subject)
        holds(text, "Verify return code: 0 (ok)")


def primes():
    for _ in range(4):      # by the client's port: the short ones, and the long ones that are not used
        holds(s_client(ALPN, "-tls1_2", "-noservername", "-cipher", "DHE-RSA-AES256-GCM-SHA384", "-alpn", "smtp"), "Server Temp Key: DH, 2048 bits")


def embedded_key():
    holds(s_client(REPLACED), "Verify return code: 0 (ok)")


def versions():
    for old in ("-tls1", "-tls1_1"):
        holds(s_client(e.port, old, "-cipher", "ALL:@SECLEVEL=0"), "Cipher is (NONE)")
    e.logs("(SSL_accept): ")
    holds(s_client(e.port, "-tls1_2"), "Secure Renegotiation IS supported")
    holds(s_client(e.port, "-tls1_2"), "Compression: NONE")
    holds(s_client(e.port, "-tls1_3"), "Max Early Data: 0")


# ---- F01: staples

def stapled():
    text = s_client(e.port, "-status", "-sigalgs", "ECDSA+SHA256")
    holds(text, "OCSP Response Status: successful")
    holds(text, f"{u['deep'].serial:X}")
    holds(s_client(e.port, "-status", "-sigalgs", "RSA-PSS+SHA256"), f"{deep_rsa.serial:X}")


def staple_by_name():
    holds(s_client(SNI_PORT, "-status", "-servername", "other.example"), f"Serial Number: {other.serial:X}")
    holds(s_client(SNI_PORT, "-status", "-noservername"), f"Serial Number: {u['deep'].serial:X}")


def proof_at(path, **words):
    ca.write(path, mid.answer(u["deep"], **words))


def bad_proofs():
    path = os.path.join(home, "served.ocsp")
    for words in ({"starts": -9 * ca.DAY, "ends": -ca.DAY}, {"ends": None}, {"status": "revoked"}):
        proof_at(path, **words)
        text = s_client(REPLACED, "-status")
        holds(text, "OCSP response: no response sent")
        holds(text, "Verify return code: 0 (ok)")
    ca.write(path, b"no proof at all")
    holds(s_client(REPLACED, "-status"), "OCSP response: no response sent")
    e.logs("served.ocsp", "paniclog")
    with Talk(REPLACED, root.cert) as t:
        holds(t.mail("no-proof").decode(), "250")


def replaced_proof():
    path = os.path.join(home, "served.ocsp")
    for hours in (3, 2):
        proof_at(path, starts=-hours * ca.HOUR)
        stamp = time.strftime("This Update: %b %e", time.gmtime(time.time() - hours * ca.HOUR))
        text = s_client(REPLACED, "-status")
        holds(text, "OCSP Response Status: successful")
        seen = re.search(r"Produced At: (.*)", text).group(1)
        if hours == 3:
            before = seen
        same(stamp in text, True)
    same(seen != before, True)


def replaced_certificate():
    new = mid.leaf("mx.example.org", "renewed")
    ca.write(served, open(new.both, "rb").read(), 0o600)
    holds(s_client(REPLACED, "-showcerts"), open(new.cert).read().split("\n")[2])


# ---- F10: the port that begins with TLS

def on_connect():
    with Talk(TLS_PORT, root.cert, on_connect=True) as t:
        holds(t.banner.decode(), "220 mx.example.org ESMTP")
        same(b"STARTTLS" in t.greeting, False)
        holds(t.greeting.decode(), "AUTH PLAIN")
        holds(t.mail("on-connect").decode(), "250")
    e.logs("P=esmtps X=TLS1.3:")
    same(until(lambda: "on-connect" in e.subjects()) is not None, True)


def authenticated():
    with Talk(TLS_PORT, root.cert, on_connect=True) as t:
        holds(t.say("AUTH PLAIN AGFubgBzZWNyZXQ=").decode(), "235")
        holds(t.mail("authenticated").decode(), "250")
    e.logs("P=esmtpsa X=TLS1.3:")
    with e.smtp() as s:
        s.ehlo()
        same(s.has_extn("auth"), False)
        same(s.docmd("AUTH", "PLAIN AGFubgBzZWNyZXQ=")[0], 538)


def nothing_in_clear():
    s = socket.create_connection(("127.0.0.1", TLS_PORT), timeout=60)
    s.sendall(b"EHLO client.example\r\n")
    said = rest(s)
    same(b"220" in said or b"mx.example" in said, False)
    e.logs("(SSL_accept): ")


# ---- clients' certificates, F09

def asked_and_verified():
    c = u["client"]
    with Talk(CLIENTS, root.cert, cert=c.cert, key=c.key) as t:
        t.mail("certified")
    e.logs('CV=yes DN="CN=client.example.org"')
    with Talk(CLIENTS, root.cert) as t:
        holds(t.mail("uncertified").decode(), "250")
    s = u["stranger"]
    with Talk(CLIENTS, root.cert, cert=s.cert, key=s.key) as t:
        holds(t.mail("stranger").decode(), "250")
    e.logs('CV=no DN="CN=mx.example.org"')


def goes_through(port, words):
    """Whether a session under TLS gets as far as mail: TLS 1.3 tells a client of a refusal only afterwards."""
    try:
        with Talk(port, root.cert, **words) as t:
            return t.say("NOOP").startswith(b"250")
    except (ssl.SSLError, ConnectionError):
        return False


def pair(name):
    return {"cert": u[name].chain, "key": u[name].key}


def required():
    same(goes_through(CRLS, {}), False)
    e.logs("peer did not return a certificate")
    same(goes_through(CRLS, pair("stranger")), False)
    same(goes_through(CRLS, pair("client")), True)
    same(goes_through(CRLS, pair("client-revoked")), False)
    e.logs("certificate revoked")


def event_refuses():
    with Talk(CLIENTS, root.cert, cert=u["client"].cert, key=u["client"].key, sni="refuse.example") as t:
        t.mail("refused-chain")
    e.logs("is refused: not this authority")
    e.logs('CV=no DN="CN=client.example.org" SNI="refuse.example"')
    holds(e.log(), "cert 0")


# ---- no TLS to be had

def unavailable():
    s, f = plain(BROKEN)
    s.sendall(b"STARTTLS\r\n")
    holds(f.readline().decode(), "454 4.7.0 TLS is not available now")
    s.sendall(b"MAIL FROM:<a@there.example>\r\n")
    holds(f.readline().decode(), "250")
    s.close()
    e.logs("missing.pem")


# ---- resumption

def resumed():
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        ctx = context(root.cert, version=version)
        with Talk(e.port, ctx=ctx) as t:
            t.say("NOOP")
            session = t.socket.session
        for n in range(4):                      # whichever worker it meets
            with Talk(e.port, ctx=ctx, session=session) as t:
                same(t.socket.session_reused, True)
                t.mail(f"resumed-{n}")
                session = t.socket.session
    e.logs("TLS1.2:ECDHE-ECDSA-AES256-GCM-SHA384:256* CV=no")
    e.logs("TLS1.3:TLS_AES_256_GCM_SHA384:256* CV=no")


def not_on_another_port():
    ctx = context(root.cert, version=ssl.TLSVersion.TLSv1_2)
    with Talk(e.port, ctx=ctx) as t:
        session = t.socket.session
    with Talk(CLIENTS, ctx=ctx, session=session) as t:
        same(t.socket.session_reused, False)


# ---- ALPN

def protocols():
    with Talk(e.port, root.cert, alpn=["smtp"]) as t:
        same(t.socket.selected_alpn_protocol(), "smtp")
    same(goes_through(e.port, {"alpn": ["h2", "http/1.1"]}), False)
    same(goes_through(ALPN, {}), False)
    same(goes_through(ALPN, {"alpn": ["smtp"]}), True)


# ---- R3.4 and bad input

def pipelined():
    s, f = plain(e.port)
    s.sendall(b"STARTTLS\r\nMAIL FROM:<evil@there.example>\r\nRCPT TO:<b@example.org>\r\n")
    said = f.readline() + rest(s)
    holds(said.decode(), "554 5.5.0 SMTP synchronization error")
    same(b"220" in said, False)


def state_is_dropped():
    t = Talk(e.port, root.cert)
    holds(t.say("RSET").decode(), "250")
    t.close()
    s, f = plain(e.port)
    for line in (b"MAIL FROM:<a@there.example>\r\n", b"STARTTLS\r\n"):
        s.sendall(line)
        f.readline()
    under = context(root.cert).wrap_socket(s)
    under.sendall(b"RCPT TO:<b@example.org>\r\n")
    holds(under.recv(1000).decode(), "503 5.5.1 HELO or EHLO comes first")
    under.close()


def hello_on_a_plain_port():
    s = socket.create_connection(("127.0.0.1", e.port), timeout=60)
    f = s.makefile("rb")
    f.readline()
    s.sendall(b"\x16\x03\x01\x00\x05hello")
    holds(f.readline().decode(), "500 5.5.2 TLS does not begin here")


def broken_records():
    for junk in (b"\x16\x03\x03\xff\xff" + b"x" * 70000, b"\x17\x03\x03\x00\x01x", b"\x16\x03\x01\x00\x04\x01\xff\xff\xff", b"\0" * 5000):
        s, f = plain(e.port)
        s.sendall(b"STARTTLS\r\n")
        f.readline()
        try:
            s.sendall(junk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        s.settimeout(60)
        if junk.startswith(b"\x16\x03\x01\x00\x04"):
            s.shutdown(socket.SHUT_WR)          # it waits for the rest of a message of 16 MiB
        same(b"220" in rest(s), False)
        s.close()


def vanishes():
    before = e.log().count("TLS error on connection")
    s, f = plain(e.port)
    s.sendall(b"STARTTLS\r\n")
    f.readline()
    s.sendall(b"\x16\x03\x01")
    f.close()
    s.close()
    same(until(lambda: e.log().count("TLS error on connection") > before) is not None, True)


def renegotiation():
    r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{e.port}", "-starttls", "smtp", "-tls1_2"],
                       input=b"R\n", capture_output=True, timeout=60)
    holds((r.stdout + r.stderr).decode(errors="replace"), "no renegotiation")


def chain(depth):
    up = root
    for i in range(depth):
        up = up.sub(f"link {i}", label=f"link{depth}-{i}", private=root.private)
    return up.leaf("far.example.org", f"far{depth}", uses=("client",))


def hostile_certificates():
    far = chain(100)
    same(goes_through(CRLS, {"cert": far.chain, "key": far.key}), False)
    long = root.leaf("x" * 65536, "long", names=[], uses=("client",))
    zero = root.leaf("nul", "nul", names=[b"client.example.org\0.evil.example"], uses=("client",))
    goes_through(CLIENTS, {"cert": long.cert, "key": long.key})
    with Talk(CLIENTS, root.cert, cert=zero.cert, key=zero.key) as t:
        holds(t.mail("nul").decode(), "250")


def resident():
    total = 0
    for pid in e.pids():
        with open(f"/proc/{pid}/statm") as f:
            total += int(f.read().split()[1]) * 4
    return total


def half_open():
    open_ones, n = [], 1000
    before = resident()
    for _ in range(n):
        s = socket.create_connection(("127.0.0.1", TLS_PORT), timeout=60)
        s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        open_ones.append(s)
    with Talk(e.port, root.cert) as t:
        holds(t.mail("among-half-open").decode(), "250")
    grown = (resident() - before) / n
    for s in open_ones:
        s.close()
    same(until(lambda: "among-half-open" in e.subjects()) is not None, True)
    if SLOW == 1 and grown > 64:
        raise AssertionError(f"{grown} KiB for each half-open handshake")
    same(until(lambda: e.status()["counters"]["connections_now"] == 0 if "counters" in e.status() else True) is not None, True)


# ---- clients people use

def by_swaks():
    for words in (["--server", f"127.0.0.1:{e.port}", "--tls"], ["--server", f"127.0.0.1:{TLS_PORT}", "--tlsc"]):
        r = subprocess.run([tool("swaks"), *words, "--tls-ca-path", root.cert, "--from", "a@there.example", "--to", "b@example.org",
                            "--header", f"Subject: swaks{words[-1]}"], capture_output=True, text=True, timeout=60)
        if r.returncode != 0:
            raise AssertionError(r.stdout + r.stderr)
        same(until(lambda: f"swaks{words[-1]}" in e.subjects()) is not None, True)


def by_curl():
    with tempfile.NamedTemporaryFile("w") as f:
        f.write("Subject: curl-tls\n\ntext\n")
        f.flush()
        r = subprocess.run([tool("curl"), "-s", "-S", "--crlf", "--ssl-reqd", "--cacert", root.cert, "--resolve",
                            f"mx.example.org:{e.port}:127.0.0.1", f"smtp://mx.example.org:{e.port}/client.example",
                            "--mail-from", "a@there.example", "--mail-rcpt", "b@example.org", "-T", f.name],
                           capture_output=True, text=True, timeout=60)
    if r.returncode != 0:
        raise AssertionError(r.stderr)
    same(until(lambda: "curl-tls" in e.subjects()) is not None, True)


def by_gnutls():
    for version in ("NORMAL", "NORMAL:-VERS-ALL:+VERS-TLS1.2"):
        r = subprocess.run([tool("gnutls-cli"), "--starttls-proto=smtp", f"--x509cafile={root.cert}", "--verify-hostname=mx.example.org",
                            f"--priority={version}", "--crlf", "-p", str(e.port), "127.0.0.1"], input="NOOP\nQUIT\n",
                           capture_output=True, text=True, timeout=60)
        holds(r.stdout + r.stderr, "The certificate is trusted")
        holds(r.stdout + r.stderr, "Handshake was completed")


# ---- the engine goes on

def reload():
    with Talk(e.port, root.cert) as t:
        e.rule("60-new.lua", "acl.mail { accept {} }\n")
        code, out, err = e.run("reload")
        same(code, 0)
        holds(t.mail("over-a-reload").decode(), "250")
    same(until(lambda: "over-a-reload" in e.subjects()) is not None, True)


def sample(port, further, on_connect):
    """examples/samples/ports.lua on ports of ours, with its settings of TLS as they stand or with the hyphens taken away."""
    with open(os.path.join(ROOT, "examples", "samples", "ports.lua")) as f:
        text = f.read()
    for theirs, ours in (("0.0.0.0:25", f"127.0.0.1:{port}"), ("0.0.0.0:465", f"127.0.0.1:{on_connect}"), ("0.0.0.0:587", f"127.0.0.1:{further}"),
                         ("received_port == 25", f"received_port == {port}"), ("tls_on_connect_ports = 465", f"tls_on_connect_ports = {on_connect}"),
                         ("/etc/perigee/tls/mx.example.org.pem", u["deep"].chain), ("/etc/perigee/tls/mx.example.org.key", u["deep"].key)):
        same(theirs in text, True)
        text = text.replace(theirs, ours)
    with open(os.path.join(ROOT, "examples", "samples", "spec", "site.lua")) as f:
        return f.read() + 'site { dns_servers = "127.0.0.1#9" }\n' + text


def as_site(text):
    return text.replace("{", "{{").replace("}", "}}")


def sample_runs():
    for with_tls in (False, True):
        port, further, on_connect = free_port(), free_port(), free_port()
        text = sample(port, further, on_connect)
        if with_tls:
            text = text.replace("-- tls_", "tls_")
        s = Engine(site=as_site(text))
        s.port = port
        try:
            s.start()
            for at in (port, further):
                c, f = plain(at)
                c.sendall(b"MAIL FROM:<a@there.example>\r\nRCPT TO:<b@elsewhere.example>\r\n")
                same(f.readline()[:3], b"250")
                same(f.readline()[:1], b"5")
                c.sendall(b"RCPT TO:<b@example.org>\r\n")     # ours, and without a login
                holds(f.readline().decode(), "250" if at == port else "530 5.7.0")
                f.close()
                c.close()
            if with_tls:
                with Talk(on_connect, root.cert, on_connect=True) as t:
                    t.say("MAIL FROM:<a@there.example>")
                    holds(t.say("RCPT TO:<b@elsewhere.example>").decode(), "530 5.7.0")
        finally:
            s.close()


def check_says():
    rules = os.path.join(home, "rules")
    os.makedirs(rules, exist_ok=True)
    deep, key = u["deep"].chain, os.path.join(home, "some.key")
    shutil.copy(u["deep"].key, key)
    for mode, wanted, text in ((0o600, 0, ""), (0o640, 0, ""), (0o400, 0, ""), (0o644, 1, "must not be open to others"), (0o660, 1, "must not be open to others")):
        os.chmod(key, mode)
        with open(os.path.join(rules, "00.lua"), "w") as f:
            f.write(f'site {{ tls_certificate = "{deep}",\n  tls_privatekey = "{key}" }}\n')
        r = subprocess.run([PERIGEE, "check", "--rules", rules], capture_output=True, text=True, timeout=60)
        same((oct(mode), r.returncode), (oct(mode), wanted))
        holds(r.stdout + r.stderr, text)
    for certificate, text in ((u["rsa"].cert, "does not belong to"), ("/nonexistent.pem", "/nonexistent.pem")):
        os.chmod(key, 0o600)
        with open(os.path.join(rules, "00.lua"), "w") as f:
            f.write(f'site {{ tls_certificate = "{certificate}", tls_privatekey = "{key}" }}\n')
        r = subprocess.run([PERIGEE, "check", "--rules", rules], capture_output=True, text=True, timeout=60)
        same(r.returncode, 1)
        holds(r.stdout, text)


def port_warning():
    rules = os.path.join(home, "ports")
    os.makedirs(rules, exist_ok=True)
    with open(os.path.join(rules, "00.lua"), "w") as f:
        f.write(f'site {{ listen = "127.0.0.1:2525", tls_certificate = "{u["deep"].both}", tls_on_connect_ports = "submissions" }}\n')
    r = subprocess.run([PERIGEE, "check", "--rules", rules], capture_output=True, text=True, timeout=60)
    holds(r.stdout, "nothing listens on port 465")


try:
    case("TLSC-T1 TLSC-T2 of two certificates the cipher decides which is shown, ECDSA first", by_kind)
    case("TLSC-T4 a name in SNI has its own chain; no name and an unknown one have the default", by_name)
    case("TLSC-T6 an empty tls_privatekey means the key in the certificate's file", embedded_key)
    case("parameters of DHE that are longer than tls_dh_max_bits are not used", primes)
    case("R6.1 TLS 1.2 and up, no compression, no early data", versions)
    case("OCSP-T1 OCSP-10 a valid proof is stapled, the one for the certificate that is shown; DER and PEM", stapled)
    case("OCSP-T8 each name has its own staple", staple_by_name)
    case("OCSP-T2 OCSP-T3 a proof that is past, has no end, or is not good is not sent, and mail is accepted", bad_proofs)
    case("OCSP-T4 a proof that is replaced is sent to the next client, without a reload", replaced_proof)
    case("a certificate that is replaced is shown to the next client, without a reload", replaced_certificate)
    case("SUBM-T1 SUBM-T6 TLS on connect: the banner, mail and the log", on_connect)
    case("R3.6 AUTH is offered under TLS and refused in clear", authenticated)
    case("SUBM-T1 whoever speaks plainly to that port hears nothing", nothing_in_clear)
    case("F37 clients are asked for a certificate: verified, none, a stranger's", asked_and_verified)
    case("CRL-T1 a certificate is required: none, a stranger's and a revoked one are refused", required)
    case("EV-T4 a text for tls:cert makes the chain unverified", event_refuses)
    case("without a usable certificate STARTTLS is answered with 454, the log says why, and mail goes on", unavailable)
    case("sessions are resumed, by whichever worker, TLS 1.2 and 1.3, and the log shows it", resumed)
    case("R6.1 a session of one port is not resumed on another", not_on_another_port)
    case("R3.9 ALPN: smtp is taken, a browser refused, and demanded where it must be", protocols)
    case("R3.4 what is pipelined behind STARTTLS ends the session", pipelined)
    case("R3.4 a transaction begun in clear is not known under TLS", state_is_dropped)
    case("a TLS hello on a plain port is refused", hello_on_a_plain_port)
    case("broken records end the session", broken_records)
    case("a client that vanishes in the handshake is in the log", vanishes)
    case("R6.1 renegotiation is refused", renegotiation)
    case("chains of a hundred, names of 64 KiB and with NUL harm nobody", hostile_certificates)
    case("a thousand half-open handshakes: others are served, memory is bounded", half_open)
    case("swaks, STARTTLS and TLS on connect", by_swaks)
    case("curl --ssl-reqd", by_curl)
    case("gnutls-cli", by_gnutls)
    case("a session under TLS outlives a reload", reload)
    case("check says which key file is open to others, missing or another certificate's", check_says)
    case("SUBM-T5 CFG-T1 CFG-T2 CFG-T3 the sample of ports serves them with TLS and without, and sends nobody's mail on", sample_runs)
    case("SUBM-T2 check says that nothing listens on a port that begins with TLS", port_warning)
finally:
    e.close()
    shutil.rmtree(home, ignore_errors=True)
done()
