#!/usr/bin/env python3
# TLS with clients, at its edges: a site whose options are plain values, where nothing need be asked for each client.
import os, shutil, ssl, subprocess, sys, tempfile
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
  tls_resumption_hosts = "*",
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


# ---- certificates that no authority would make

def goes_through(pair):
    """Whether a session under TLS gets as far as mail: TLS 1.3 tells a client of a refusal only afterwards."""
    try:
        with Talk(e.port, root.cert, cert=pair.cert, key=pair.key) as t:
            return t.mail(pair.label).startswith(b"250")
    except (ssl.SSLError, ConnectionError):
        return False


def long_names():
    wide = root.leaf("wide.example.org", "wide", names=[f"host-{i}.example.org" for i in range(1000)], uses=("client",))
    huge = root.leaf("huge.example.org", "huge", names=[f"host-{i}.example.org" for i in range(4000)], uses=("client",))
    long = root.leaf("x" * 65536, "long", names=[], uses=("client",))
    same(goes_through(wide), True)
    e.logs('CV=yes DN="CN=wide.example.org"')
    for pair in (huge, long):
        before = e.log().count("excessive message size")
        same(goes_through(pair), False)
        same(until(lambda: e.log().count("excessive message size") > before) is not None, True)
    same("internal error" in e.log(), False)
    same(goes_through(root.leaf("y" * 40000, "wordy", names=[], uses=("client",))), True)
    e.logs('CV=yes DN="CN=yyyy')
    line = next(line for line in e.log().splitlines() if " <= " in line and "CN=yyyy" in line)
    same((len(line) < 2000, line.split()[-1].startswith("S=")), (True, True))


# ---- check as root looks with the engine's user's eyes

def check(site):
    rules = os.path.join(home, "rules")
    os.makedirs(rules, exist_ok=True)
    with open(os.path.join(rules, "00.lua"), "w") as f:
        f.write(f'site {{ {site} tls_certificate = "{mx.chain}",\n  tls_privatekey = "{home}/own.key" }}\n')
    r = subprocess.run([PERIGEE, "check", "--rules", rules], capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout + r.stderr


def whose_eyes():
    key, spool = os.path.join(home, "own.key"), os.path.join(home, "spool")
    shutil.copy(mx.key, key)
    os.makedirs(spool)
    os.chown(spool, 65534, 65534)
    for site in ('user = "nobody",', f'spool_directory = "{spool}",'):
        for owner, group, mode, wanted in ((0, 0, 0o600, "Permission denied"), (0, 65534, 0o640, ""), (65534, 65534, 0o400, ""),
                                           (1, 65534, 0o640, "belongs to user 1"), (65534, 1, 0o640, "group 1 may read it")):
            os.chown(key, owner, group)
            os.chmod(key, mode)
            status, text = check(site)
            same((site, owner, group, mode, status), (site, owner, group, mode, 1 if wanted else 0))
            if wanted:
                holds(text, "00.lua:2: tls_privatekey: ")
                holds(text, wanted)
    holds(check('user = "no-such-user",')[1], 'files are looked for as root: site { user = "no-such-user"')


# ---- what check says of settings that come to nothing

def says(site, text):
    rules = os.path.join(home, "said")
    os.makedirs(rules, exist_ok=True)
    with open(os.path.join(rules, "00.lua"), "w") as f:
        f.write("site { " + site + " }\n")
    r = subprocess.run([PERIGEE, "check", "--rules", rules], capture_output=True, text=True, timeout=60)
    holds(r.stdout, text)


def comes_to_nothing():
    def pair(p, cert=None):
        return f'tls_certificate = "{cert or p.chain}",\n tls_privatekey = "{p.key}",\n'

    asked = mid.leaf("mx.example.org", "asked", ocsp="http://127.0.0.1:9/")
    fetch = f'tls_ocsp_fetch = true, tls_ocsp_file = "{home}/x.ocsp"'
    says(pair(mid.leaf("mx.example.org", "early", starts=ca.DAY)), "00.lua:1: warning: tls_certificate: the certificate in")
    says(pair(mid.leaf("mx.example.org", "early", starts=ca.DAY)), "is not valid yet")
    says(pair(mx) + fetch, "names no responder: tls_ocsp_fetch has nobody to ask")
    says(pair(asked, asked.cert) + fetch, "the certificate of its issuer is not behind it")
    says(pair(asked) + fetch.replace("x.ocsp", "none/x.ocsp"), "No such file or directory")
    for name, value in (("tls_privatekey", mx.key), ("tls_verify_hosts", "*"), ("tls_ocsp_file", home + "/x.ocsp")):
        says(f'{name} = "{value}"', f"00.lua:1: warning: {name}: tls_certificate is not set, so there is no TLS")


try:
    case("check says what comes to nothing: a certificate of tomorrow, proofs nobody can be asked for, options of a TLS that is not there",
         comes_to_nothing)
    if os.getuid() == 0:
        case("check as root looks for key files as the user the rules, or the spool they name, make the engine be", whose_eyes)
    else:
        skip("check as root looks for key files as the engine's user", "needs root")
    case("a client's certificate may have a thousand names; 64 KiB of them, or one as long, are refused with a reason, tickets or not", long_names)
    case("tls:cert sees the name the client asked for, where no option is a function", judged_by_name)
    case("tls:fail:connect sees it as well", failed_by_name)
finally:
    e.close()
    shutil.rmtree(home, ignore_errors=True)
done()
