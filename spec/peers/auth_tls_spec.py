#!/usr/bin/env python3
# AUTH that rests on TLS: SCRAM bound to the connection, EXTERNAL and the driver tls by the client's certificate; with
# Python's ssl as the other side, and one engine logging in at another.
import base64, hashlib, hmac, os, shutil, ssl, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from ca import CA
from perigee import *
from tls import Talk, tls_site

dir = tempfile.mkdtemp(prefix="perigee-auth-tls.")
ca = CA(dir)
mx = ca.leaf("127.0.0.1", "mx", names=["ip:127.0.0.1", "localhost"])
ann = ca.leaf("ann", names=["ann@example.org"], uses=("client",))
bob = ca.leaf("bob", names=["bob@example.org"], uses=("client",))
eve = CA(dir + "/eve", "eve-root", "Somebody else").leaf("ann", "eve", names=["ann@example.org"], uses=("client",))

OPTIONS = f"""
  tls_certificate = "{mx.cert}", tls_privatekey = "{mx.key}", tls_try_verify_hosts = "*", tls_verify_certificates = "{ca.cert}",
  auth_failures_per_host = "0","""
MAIL = """
acl.mail { accept { authenticated = "*" }, deny { message = "550 5.7.1 log in first" } }
"""
MECHANISMS = MAIL + """
local function password(m) if m.auth1 == "ann" then return "pass word" end end
authenticator.plus256 { driver = "gsasl", public_name = "SCRAM-SHA-256-PLUS", server_channelbinding = true, server_password = password }
authenticator.plus1 { driver = "gsasl", public_name = "SCRAM-SHA-1-PLUS", server_channelbinding = true, server_password = password }
authenticator.scram { driver = "gsasl", public_name = "SCRAM-SHA-256", server_password = password }
authenticator.external { driver = "external", public_name = "EXTERNAL",
  server_param2 = function(m) return cert.extract(m.tls_in_peercert, "subj_altname,mail,>:") end,
  server_condition = function(m) return m.auth2 == m.auth1 .. "@example.org" end }
"""
server = Engine(workers=1, site=tls_site(OPTIONS, more=MECHANISMS)).start()


def scram(t, password="pass word", flag="p=tls-unique", channel=None, name="SCRAM-SHA-256-PLUS"):
    """The client's side of RFC 5802 with what Python says the connection is; the last reply, and whether the server proved itself."""
    def digest(key, text):
        return hmac.new(key, text, hashlib.sha256).digest()
    bound = (flag + ",,").encode() + (channel if channel is not None else t.socket.get_channel_binding("tls-unique") if flag[0] == "p" else b"")
    first = "n=ann,r=clientnonce"
    said = t.say(f"AUTH {name} " + base64.b64encode(f"{flag},,{first}".encode()).decode())
    if said[:3] != b"334":
        return said[:3], False
    server = base64.b64decode(said[4:]).decode()
    parts = dict(part.split("=", 1) for part in server.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(parts["s"]), int(parts["i"]))
    bare = f"c={base64.b64encode(bound).decode()},r={parts['r']}"
    message = f"{first},{server},{bare}".encode()
    key = digest(salted, b"Client Key")
    proof = bytes(x ^ y for x, y in zip(key, digest(hashlib.sha256(key).digest(), message)))
    said = t.say(base64.b64encode(f"{bare},p={base64.b64encode(proof).decode()}".encode()).decode())
    if said[:3] != b"334":
        return said[:3], False
    proved = base64.b64decode(said[4:]) == b"v=" + base64.b64encode(digest(digest(salted, b"Server Key"), message))
    return t.say("")[:3], proved


def bound():
    for words, want in (({}, (b"235", True)), ({"password": "wrong"}, (b"535", False)), ({"channel": b"another one!"}, (b"535", False)),
                        ({"name": "SCRAM-SHA-256", "flag": "y"}, (b"535", False)), ({"name": "SCRAM-SHA-256", "flag": "n"}, (b"235", True))):
        with Talk(server.port, ca.cert, version=ssl.TLSVersion.TLSv1_2) as t:
            same((words, scram(t, **words)), (words, want))


def offered():
    for pair, want in ((None, False), (ann, True), (eve, False)):
        with Talk(server.port, ca.cert, cert=pair and pair.cert, key=pair and pair.key) as t:
            holds(t.greeting, b"SCRAM-SHA-256-PLUS")
            same((pair and pair.label, b"EXTERNAL" in t.greeting), (pair and pair.label, want))


def external():
    with Talk(server.port, ca.cert, cert=ann.cert, key=ann.key) as t:
        same(t.say("AUTH EXTERNAL " + base64.b64encode(b"bob").decode())[:3], b"535")
        same(t.say("AUTH EXTERNAL " + base64.b64encode(b"ann").decode())[:3], b"235")


CERTIFICATE = MAIL + """
authenticator.cert { driver = "tls", server_param1 = function(m) return cert.extract(m.tls_in_peercert, "subject,CN") end,
  server_condition = function(m) return m.auth1 == "ann" end }
"""


def by_certificate():
    with Engine(workers=1, site=tls_site(OPTIONS, more=CERTIFICATE)) as e:
        for pair, code in ((ann, b"250"), (bob, b"550"), (eve, b"550"), (None, b"550")):
            with Talk(e.port, ca.cert, cert=pair and pair.cert, key=pair and pair.key) as t:
                same((pair and pair.label, t.say("MAIL FROM:<a@there.example>")[:3]), (pair and pair.label, code))
        with Talk(e.port, ca.cert, cert=ann.cert, key=ann.key) as t:
            for line in ("MAIL FROM:<a@there.example>", "RCPT TO:<box@example.org>", "DATA", "Subject: x\r\n\r\nx\r\n."):
                said = t.say(line)
            same(said[:3], b"250")
        e.logs("A=cert:ann")
        e.logs("P=esmtpsa")


SITE_OUT = """
site {{
  primary_hostname = "out.example.org",
  listen           = {{ "127.0.0.1:{port}" }},
  dns_servers      = "127.0.0.1#9",
}}
acl.rcpt {{ accept {{ hosts = "127.0.0.1" }} }}
retry.rule {{ "*", "*", "F,1h,1s" }}
"""
CLIENT = {
    "SCRAM-SHA-256-PLUS": ('driver = "gsasl", client_username = "ann", client_password = "pass word", client_channelbinding = true', "plus256"),
    "SCRAM-SHA-1-PLUS": ('driver = "gsasl", client_username = "ann", client_password = "pass word", client_channelbinding = true', "plus1"),
    "EXTERNAL": ('driver = "external", client_send = {{ "ann" }}', "external"),
}


def one_at_another(mechanism, version):
    options, name = CLIENT[mechanism]
    extra = f"""
        site {{{{ openssl_options = "{version}" }}}}
        authenticator.here {{{{ public_name = "{mechanism}", {options}, client_set_id = "ann" }}}}
        transport.relay {{{{ driver = "smtp", port = {server.port}, hosts_require_auth = "*", hosts_require_tls = "*",
          tls_verify_certificates = "{ca.cert}", tls_verify_cert_hostnames = "", tls_certificate = "{ann.cert}", tls_privatekey = "{ann.key}" }}}}
        router.relay {{{{ driver = "manualroute", domains = "example.org", route_list = {{{{ "* 127.0.0.1" }}}}, self = "send", transport = "relay" }}}}
    """
    subject = "from-" + mechanism.lower() + version[-1]
    with Engine(extra, workers=1, site=SITE_OUT) as e:
        e.send("box@example.org", subject=subject)
        same(bool(until(lambda: subject in server.subjects())), True)
        e.logs("A=here:ann")
    server.logs(f"A={name}:ann")


case("a client binds SCRAM to its connection: another connection, a wrong password or a -PLUS taken out of the offer is refused", bound)
case("EXTERNAL is offered to who shows a certificate of ours", offered)
case("EXTERNAL lets in whom the certificate names", external)
case("the driver tls takes a certificate for a login, and nobody else's", by_certificate)
for mechanism in CLIENT:
    for version in ("+no_tlsv1_2", "+no_tlsv1_3"):
        case(f"an engine logs in at another by {mechanism} ({version})", lambda: one_at_another(mechanism, version))
server.close()
shutil.rmtree(dir, ignore_errors=True)
done()
