"""Zones for specs, served by NSD on a loopback port: signed here and now, unsigned, spoiled or missing.

    with Zones(signed={"sec.example": "mx A 127.0.0.2\\n..."}, plain={...}, spoiled={...}, missing=["dead.example"]) as z:
        z.port, z.anchors       # for dns_servers and dns_trust_anchors

    with Resolver(z) as r:                 # Unbound, which believes those zones' keys alone
        env = elsewhere(directory, r.port)  # a program of this environment asks it, not /etc/resolv.conf

Records are lines of a zone file, names relative to the zone. A spoiled zone is signed, and then addresses and TLSA
records in it are changed. A missing one is configured and cannot be loaded: every question for it gets SERVFAIL.
"""
import pwd

from perigee import *


def _run(*words, cwd):
    r = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=120)
    if r.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {r.stdout}{r.stderr}")
    return r.stdout


class Zones:
    def __init__(self, signed=None, plain=None, spoiled=None, missing=()):
        self.signed, self.plain, self.spoiled, self.missing = signed or {}, plain or {}, spoiled or {}, missing
        self.process = None

    def text(self, zone, records):
        return (f"$ORIGIN {zone}.\n$TTL 60\n@ IN SOA ns.{zone}. admin.{zone}. 1 3600 600 86400 60\n@ IN NS ns.{zone}.\n"
                f"ns IN A 127.0.0.1\n{records}\n")

    def write(self, zone, records):
        path = os.path.join(self.dir, zone + ".zone")
        with open(path, "w") as f:
            f.write(self.text(zone, records))
        return path

    def sign(self, zone, records):
        path = self.write(zone, records)
        key = _run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", zone, cwd=self.dir).strip()
        _run("ldns-signzone", "-o", zone, path, key, cwd=self.dir)
        with open(os.path.join(self.dir, key + ".ds")) as f:
            self.anchors.append(f.read().strip())
        return path + ".signed"

    def spoil(self, zone, records):
        path = self.sign(zone, records)
        with open(path) as f:
            text = f.read()
        with open(path, "w") as f:
            text = re.sub(r"(\sA\s+127\.0\.0\.)2\b", r"\g<1>3", text)
            f.write(re.sub(r"(TLSA\s+\d \d \d )(\w)", lambda m: m[1] + ("0" if m[2] != "0" else "1"), text))
        return path

    def __enter__(self):
        self.dir, self.port, self.anchors = tempfile.mkdtemp(prefix="perigee-zone."), free_port(), []
        files = {}
        for zones, make in ((self.signed, self.sign), (self.plain, self.write), (self.spoiled, self.spoil)):
            for zone, records in zones.items():
                files[zone] = make(zone, records)
        for zone in self.missing:
            files[zone] = os.path.join(self.dir, "no-such-file")
        with open(os.path.join(self.dir, "nsd.conf"), "w") as f:
            f.write(f"""server:
  ip-address: 127.0.0.1@{self.port}
  server-count: 1
  username: "{pwd.getpwuid(os.getuid()).pw_name}"
  chroot: ""
  zonesdir: "{self.dir}"
  database: ""
  pidfile: "{self.dir}/pid"
  xfrdfile: "{self.dir}/xfrd"
  xfrdir: "{self.dir}"
  zonelistfile: "{self.dir}/list"
  do-ip6: no
remote-control:
  control-enable: no
""" + "".join(f'zone:\n  name: "{zone}"\n  zonefile: "{path}"\n' for zone, path in files.items()))
        self.out = open(os.path.join(self.dir, "out"), "wb")
        self.process = subprocess.Popen([tool("nsd"), "-d", "-c", os.path.join(self.dir, "nsd.conf")], stdin=subprocess.DEVNULL,
                                        stdout=self.out, stderr=self.out, start_new_session=True)
        if not until(lambda: listening(self.port)):
            with open(os.path.join(self.dir, "out")) as f:
                raise RuntimeError("NSD does not listen\n" + f.read())
        return self

    def __exit__(self, *_):
        end_all(self.process)
        shutil.rmtree(self.dir, ignore_errors=True)


class Resolver:
    """A validating resolver of its own, for programs that need one."""

    def __init__(self, zones):
        self.zones = zones

    def __enter__(self):
        z = self.zones
        self.dir, self.port = tempfile.mkdtemp(prefix="perigee-resolver."), free_port()
        names = [*z.signed, *z.plain, *z.spoiled, *z.missing]
        path = os.path.join(self.dir, "unbound.conf")
        with open(path, "w") as f:
            f.write(f"""server:
  interface: 127.0.0.1@{self.port}
  do-daemonize: no
  chroot: ""
  username: ""
  directory: "{self.dir}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  num-threads: 1
  do-ip6: no
  do-not-query-localhost: no
  module-config: "validator iterator"
""" + "".join(f"  trust-anchor: \"{a}\"\n".replace("\t", " ") for a in z.anchors) + "remote-control:\n  control-enable: no\n"
                    + "".join(f'stub-zone:\n  name: "{name}"\n  stub-addr: 127.0.0.1@{z.port}\n' for name in names))
        self.out = open(os.path.join(self.dir, "out"), "wb")
        self.process = subprocess.Popen([tool("unbound"), "-d", "-c", path], stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out,
                                        start_new_session=True)
        if not until(lambda: listening(self.port)):
            with open(os.path.join(self.dir, "out")) as f:
                raise RuntimeError("Unbound does not listen\n" + f.read())
        return self

    def __exit__(self, *_):
        end_all(self.process)
        shutil.rmtree(self.dir, ignore_errors=True)


def elsewhere(directory, port):
    """What a program's environment needs so that it asks the name server at that port; built in `directory`."""
    built = os.path.join(directory, "elsewhere.so")
    if not os.path.exists(built):
        _run("gcc", "-O1", "-shared", "-fPIC", "-o", built, os.path.join(ROOT, "spec", "live", "elsewhere.c"), "-ldl", cwd=directory)
        os.chmod(built, 0o755)
    return {"LD_PRELOAD": built, "ELSEWHERE_DNS": str(port)}
