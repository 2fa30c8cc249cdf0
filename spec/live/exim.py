"""A real Exim for specs: unpacked, never installed; a configuration, a spool and a port of its own.

    with Exim(serving=True) as x:         # a daemon that takes mail for anybody
        x.mails(), x.log()
    with Exim(TRANSPORT) as x:            # none: x.send() delivers at once
        x.send("b@example.org", subject="one")

It runs as nobody, or as whoever runs the specs: its own user is not there (elsewhere.c).
"""
from perigee import *
from zone import elsewhere

UNPACKED = os.path.join(ROOT, "build", "debian", "exim4-daemon-light", "usr", "sbin", "exim4")

CONFIG = """
exim_path = {dir}/exim
spool_directory = {dir}/spool
log_file_path = {dir}/log/%slog
pid_file_path = {dir}/exim.pid
primary_hostname = exim.example
keep_environment = ^LD_PRELOAD : ^ELSEWHERE_
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port} : {smtps}
tls_on_connect_ports = {smtps}
host_lookup =
rfc1413_query_timeout = 0s
deliver_drop_privilege
log_selector = +tls_peerdn +tls_certificate_verified +tls_resumption +tls_sni +dnssec +smtp_confirmation +outgoing_port
message_size_limit = 50M
acl_smtp_rcpt = accept
acl_smtp_data = accept
dns_dnssec_ok = 1
{main}
begin routers
{router}
begin transports
mailbox:
  driver = appendfile
  maildir_format
  create_directory
  directory = {dir}/mail
remote:
  driver = smtp
  allow_localhost
  hosts_try_fastopen =
  {transport}
begin retry
* * F,1h,1h
"""
TAKE = "here:\n  driver = accept\n  transport = mailbox"
THERE = "there:\n  driver = manualroute\n  transport = remote\n  route_list = * 127.0.0.1::{port}\n  self = send"
BY_DNS = "dns:\n  driver = dnslookup\n  transport = remote\n  self = send"


class Exim:
    def __init__(self, transport="", main="", router=TAKE, serving=False, dns=9):
        self.dir, self.port, self.smtps = tempfile.mkdtemp(prefix="perigee-exim."), free_port(), free_port()
        self.process = None
        os.chmod(self.dir, 0o755)
        for d in ("spool", "log", "mail"):
            os.mkdir(os.path.join(self.dir, d))
        if not os.path.exists(UNPACKED):
            raise RuntimeError(f"{UNPACKED} is not there (make deps)")
        shutil.copyfile(UNPACKED, self.dir + "/exim")       # without the set-user bit it is packed with
        os.chmod(self.dir + "/exim", 0o755)
        with open(self.dir + "/conf", "w") as f:
            f.write(CONFIG.format(dir=self.dir, port=self.port, smtps=self.smtps, main=main, router=router, transport=transport))
        self.who = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
        if self.who:
            for d in ("spool", "log", "mail"):
                shutil.chown(os.path.join(self.dir, d), "nobody", "nogroup")
        self.env = dict(elsewhere(self.dir, dns), ELSEWHERE_USER="Debian-exim", PATH="/usr/bin:/bin")
        self.serving = serving

    def run(self, *args, input=None):
        r = subprocess.run([self.dir + "/exim", "-C", self.dir + "/conf", *args], input=input, capture_output=True, text=True,
                           timeout=120, env=self.env, cwd=self.dir, **self.who)
        return r.returncode, r.stdout + r.stderr

    def __enter__(self):
        if self.serving:
            self.out = open(self.dir + "/out", "wb")
            self.process = subprocess.Popen([self.dir + "/exim", "-C", self.dir + "/conf", "-bdf"], stdin=subprocess.DEVNULL,
                                            stdout=self.out, stderr=self.out, env=self.env, cwd=self.dir, start_new_session=True, **self.who)
            if not until(lambda: listening(self.port)):
                self.close()
                raise RuntimeError("Exim does not listen")
        return self

    def send(self, *to, subject="test", body="text", sender="a@there.example"):
        """Received and delivered before this returns, unless it is put off."""
        code, out = self.run("-odf", "-oi", "-f", sender, *to, input=MESSAGE.format(subject=subject, body=body).replace("\r", ""))
        same((code, out), (0, ""))

    def log(self, name="mainlog"):
        try:
            with open(f"{self.dir}/log/{name}", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def logs(self, text):
        if not until(lambda: text in self.log()):
            holds(self.log() + self.log("paniclog"), text)

    def mails(self):
        texts = []
        for path in sorted(glob.glob(self.dir + "/mail/new/*")):
            with open(path, errors="replace") as f:
                texts.append(f.read())
        return texts

    def close(self):
        if self.process:
            for pid in reversed(descendants(self.process.pid)):
                try:
                    os.kill(pid, signal.SIGTERM)
                except OSError:
                    pass
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __exit__(self, *_):
        self.close()
