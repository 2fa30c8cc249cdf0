#!/usr/bin/env python3
# AUTH with real clients (smtplib, the gsasl program), and one engine logging in at another with each mechanism.
import os, re, smtplib, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

SERVER = """
site {{ auth_cleartext_hosts = "127.0.0.1", auth_failures_per_host = "0" }}
local USERS = {{ ann = "pass word", bob = "sesame" }}
local function knows(user, password) return USERS[user] ~= nil and crypto.same(USERS[user], password or "") end
authenticator.plain {{ driver = "plaintext", public_name = "PLAIN", server_condition = function(m) return knows(m.auth2, m.auth3) end }}
authenticator.login {{ driver = "plaintext", public_name = "LOGIN", server_condition = function(m) return knows(m.auth1, m.auth2) end }}
authenticator.cram {{ driver = "cram_md5", public_name = "CRAM-MD5", server_secret = function(m) return USERS[m.auth1] end }}
authenticator.scram1 {{ driver = "gsasl", public_name = "SCRAM-SHA-1", server_password = function(m) return USERS[m.auth1] end }}
authenticator.scram256 {{ driver = "gsasl", public_name = "SCRAM-SHA-256", server_password = function(m) return USERS[m.auth1] end }}
acl.mail {{ accept {{ authenticated = "*" }}, deny {{ message = "550 5.7.1 log in first" }} }}
"""
MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")
CLIENT = {
    "PLAIN": 'driver = "plaintext", client_send = {{ "^ann^pass word" }}, client_cleartext = true',
    "LOGIN": 'driver = "plaintext", client_send = {{ "", "ann", "pass word" }}, client_cleartext = true',
    "CRAM-MD5": 'driver = "cram_md5", client_name = "ann", client_secret = "pass word"',
    "SCRAM-SHA-1": 'driver = "gsasl", client_username = "ann", client_password = "pass word"',
    "SCRAM-SHA-256": 'driver = "gsasl", client_username = "ann", client_password = function(m) return "pass word" end',
}

server = Engine(SERVER, workers=1).start()


def by_smtplib(mechanism, user="ann", password="pass word"):
    with server.smtp() as s:
        s.ehlo()
        s.user, s.password = user, password
        name = "auth_" + mechanism.lower().replace("-", "_")
        return s.auth(mechanism, getattr(s, name), initial_response_ok=mechanism == "PLAIN")[0]


def real_clients():
    for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
        same(by_smtplib(mechanism), 235)
        try:
            by_smtplib(mechanism, password="wrong")
            raise AssertionError(f"{mechanism}: a wrong password was taken")
        except smtplib.SMTPAuthenticationError as e:
            same(e.smtp_code, 535)


def by_gsasl(mechanism, user="ann", password="pass word"):
    """What the server said to it last. How the program itself ends once QUIT has closed the connection is its own affair."""
    r = subprocess.run(["gsasl", "--client", "--smtp", "--no-starttls", f"--connect=127.0.0.1:{server.port}", "-m", mechanism, "-a", user,
                        "-p", password, "--verbose"], input="QUIT\n", capture_output=True, text=True, timeout=60)
    said = re.findall(r"^(235|535)[ -]", r.stdout + r.stderr, re.M)
    return said[-1] if said else r.stdout + r.stderr


def gsasl_clients():
    for mechanism in MECHANISMS:
        same((mechanism, by_gsasl(mechanism)), (mechanism, "235"))
        same((mechanism, by_gsasl(mechanism, password="wrong")), (mechanism, "535"))


def logged():
    with server.smtp() as s:
        s.ehlo()
        s.login("bob", "sesame")
        s.sendmail("bob@there.example", ["box@example.org"], MESSAGE.format(subject="logged", body="x"))
    until(lambda: "logged" in server.subjects())
    server.logs(" <= bob@there.example")
    line = [l for l in server.log().splitlines() if " <= bob@there.example" in l][0]
    same(bool(re.search(r" P=esmtpa .*A=cram:bob", line)), True)
    holds([t for t in server.mails() if "Subject: logged" in t][0], "with esmtpa")
    server.logs("authenticator failed for", "rejectlog")
    for text in ("cGFzcyB3b3Jk", "pass word", "sesame"):
        same(text in server.log() + server.log("rejectlog") + server.output(), False)


def one_at_another(mechanism):
    extra = f"""
        authenticator.here {{{{ public_name = "{mechanism}", {CLIENT[mechanism]}, client_set_id = "ann" }}}}
        transport.relay {{{{ driver = "smtp", port = {server.port}, hosts_require_auth = "*", authenticated_sender = "ann@there.example" }}}}
        router.relay {{{{ driver = "manualroute", domains = "example.org", route_list = {{{{ "* 127.0.0.1" }}}}, self = "send", transport = "relay" }}}}
    """
    subject = "from-" + mechanism.lower()
    with Engine(extra, workers=1, site=SITE_OUT) as e:
        e.send("box@example.org", subject=subject)
        until(lambda: subject in server.subjects())
        until(lambda: "Completed" in e.log())
        e.logs("A=here:ann")
    server.logs("A=" + {"PLAIN": "plain", "LOGIN": "login", "CRAM-MD5": "cram", "SCRAM-SHA-1": "scram1", "SCRAM-SHA-256": "scram256"}[mechanism] + ":ann")


SITE_OUT = """
site {{
  primary_hostname = "out.example.org",
  listen           = {{ "127.0.0.1:{port}" }},
  dns_servers      = "127.0.0.1#9",
}}
acl.rcpt {{ accept {{ hosts = "127.0.0.1" }} }}
retry.rule {{ "*", "*", "F,1h,1s" }}
"""


def refused_waits():
    extra = f"""
        authenticator.here {{{{ public_name = "CRAM-MD5", driver = "cram_md5", client_name = "ann", client_secret = "wrong" }}}}
        transport.relay {{{{ driver = "smtp", port = {server.port}, hosts_require_auth = "*" }}}}
        router.relay {{{{ driver = "manualroute", route_list = {{{{ "* 127.0.0.1" }}}}, self = "send", transport = "relay" }}}}
        event.on("auth:fail", function(m) logwrite("event auth:fail " .. m.event_data) end)
    """
    with Engine(extra, workers=1, site=SITE_OUT) as e:
        e.send("box@example.org", subject="waits")
        until(lambda: "authentication required but" in e.log())
        e.logs("here authenticator cannot authenticate to")
        e.logs("event auth:fail 535")
        same(e.count(), 1)
    same("waits" in server.subjects(), False)


def each_as_himself():
    extra = f"""
        authenticator.here {{{{ public_name = "CRAM-MD5", driver = "cram_md5",
          client_name = function(m) return m.sender_address_local_part end,
          client_secret = function(m) return ({{{{ ann = "pass word", bob = "sesame" }}}})[m.sender_address_local_part] end }}}}
        transport.relay {{{{ driver = "smtp", port = {server.port}, hosts_require_auth = "*" }}}}
        router.relay {{{{ driver = "manualroute", route_list = {{{{ "* 127.0.0.1" }}}}, self = "send", transport = "relay" }}}}
    """
    with Engine(extra, workers=1, site=SITE_OUT) as e:
        for who in ("ann", "bob", "ann"):
            n = len(server.mails())
            e.send("box@example.org", subject="himself", sender=who + "@example.org")
            until(lambda: len(server.mails()) > n)
    lines = [l for l in server.log().split("\n") if " <= " in l and "A=cram:" in l][-3:]
    same([re.search(r"<= (\w+)@.*A=cram:(\w+)", l).groups() for l in lines], [("ann", "ann"), ("bob", "bob"), ("ann", "ann")])


def stops():
    with Engine(SERVER, workers=1) as e:
        with e.smtp() as s:
            s.ehlo()
            same(s.docmd("AUTH", "LOGIN")[0], 334)
            same(e.run("stop", "--drain", "60")[0], 0)
            same(until(lambda: e.process.poll() is not None, 40), True)
            same(s.getreply()[0], 501)
            same(s.getreply()[0], 421)


case("a stop does not wait for a client that says nothing in an exchange of AUTH", stops)
case("smtplib logs in by PLAIN, LOGIN and CRAM-MD5, and not with a wrong password", real_clients)
case("the gsasl program logs in by every mechanism, and not with a wrong password", gsasl_clients)
case("who logged in stands in the log and in Received:, and no credential anywhere", logged)
for mechanism in MECHANISMS:
    case(f"an engine logs in at another by {mechanism}, which hosts_require_auth asks for", lambda: one_at_another(mechanism))
case("a message for a host that does not take our password waits", refused_waits)
case("a connection that is kept is not for mail that another one logs in for", each_as_himself)
server.close()
done()
