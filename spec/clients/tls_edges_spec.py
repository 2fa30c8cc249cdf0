#!/usr/bin/env python3
# TLS with clients, at its edges: a site whose options are plain values, where nothing need be asked for each client.
import os, shutil, ssl, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *
from tls import *
import ca

home = tempfile.mkdtemp(prefix="perigee-tls.")
os.chmod(home, 0o755)
root = ca.CA(os.path.join(home, "ca"))
mid = root.sub("Spec intermediate", label="mid")
mx = mid.leaf("mx.example.org", "mx")
client = mid.leaf("client.example.org", "client", uses=("client",))

e = Engine(site=tls_site(f'''
  log_selector = "+tls_sni +tls_peerdn",
  tls_certificate = "{mx.chain}",
  tls_privatekey = "{mx.key}",
  tls_try_verify_hosts = "*",
  tls_verify_certificates = "{root.cert}",''', (), '''
event.on("tls:cert", function(m)
  logwrite("judged for " .. (m.tls_in_sni or "nobody") .. " at " .. m.event_data)
  if m.event_data == "0" and m.tls_in_sni == "closed.example.org" then return "nobody" end
end)
event.on("tls:fail:connect", function(m) logwrite("failed for " .. (m.tls_in_sni or "nobody")) end)
''')).start()


# ---- events

def certified(sni):
    with Talk(e.port, root.cert, cert=client.chain, key=client.key, sni=sni) as t:
        holds(t.mail(f"certified-{sni}").decode(), "250")


def judged_by_name():
    certified("closed.example.org")
    e.logs("judged for closed.example.org at 2")
    e.logs("is refused: nobody")
    e.logs('CV=no DN="CN=client.example.org" SNI="closed.example.org"')
    certified("open.example.org")
    e.logs("judged for open.example.org at 0")
    e.logs('CV=yes DN="CN=client.example.org" SNI="open.example.org"')
    certified(None)
    e.logs("judged for nobody at 0")


def failed_by_name():
    try:
        Talk(e.port, root.cert, sni="strict.example.org", alpn=["h2"]).close()
        raise AssertionError("h2 is spoken here")
    except ssl.SSLError:
        pass
    e.logs("failed for strict.example.org")


try:
    case("tls:cert sees the name the client asked for, where no option is a function", judged_by_name)
    case("tls:fail:connect sees it as well", failed_by_name)
finally:
    e.close()
    shutil.rmtree(home, ignore_errors=True)
done()
