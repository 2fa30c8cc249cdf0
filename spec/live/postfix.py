"""A real Postfix for specs: a configuration of its own, a loopback port, one mailbox."""
import pwd

from perigee import *
from zone import elsewhere


class Postfix:
    """Takes mail for anything but refused@ and puts it into one mailbox, on a loopback port. Mail for other domains than
    there.example goes on, by the name server at dns."""

    def __init__(self, settings="smtpd_tls_security_level = none", dns=None):
        self.dir, self.port = tempfile.mkdtemp(prefix="perigee-postfix."), free_port()
        os.chmod(self.dir, 0o755)
        there = elsewhere(self.dir, dns) if dns else {}
        if there:
            settings += "".join(f"\n{way}_environment = MAIL_CONFIG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME {' '.join(there)}" for way in ("import", "export"))
        etc, lib = self.dir + "/etc", "/usr/lib/postfix/sbin"
        for d in ("etc", "data", "spool", "mail"):
            os.mkdir(f"{self.dir}/{d}")
        shutil.chown(self.dir + "/data", "postfix")
        shutil.chown(self.dir + "/mail", "postfix")
        with open(etc + "/main.cf", "w") as f:
            f.write(f"""compatibility_level = 3.6
queue_directory = {self.dir}/spool
data_directory = {self.dir}/data
daemon_directory = {lib}
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = postfix.example
mydestination =
virtual_mailbox_domains = there.example
virtual_mailbox_base = {self.dir}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:{pwd.getpwnam('postfix').pw_uid}
virtual_gid_maps = static:{pwd.getpwnam('postfix').pw_gid}
virtual_minimum_uid = 1
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
maillog_file = {self.dir}/maillog
maillog_file_prefixes = /
smtpd_recipient_restrictions = check_recipient_access inline:{{ {{ refused@there.example = 550 5.1.1 no such user here }}, {{ busy@there.example = 450 4.2.1 later }} }}, permit_mynetworks, reject
header_checks = regexp:{{ {{ /^Subject: unwanted/ REJECT unwanted content }} }}
{settings}
""")
        with open(etc + "/master.cf", "w") as f:
            f.write(f"""127.0.0.1:{self.port} inet n - n - - smtpd
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
proxymap  unix  - - n - - proxymap
virtual   unix  - n n - - virtual
smtp      unix  - - n - - smtp
error     unix  - - n - - error
retry     unix  - - n - - error
anvil     unix  - - n - 1 anvil
tlsmgr    unix  - - n 1000? 1 tlsmgr
postlog   unix-dgram n - n - 1 postlogd
""")
        open(etc + "/dynamicmaps.cf", "w").close()
        old = time.time() - 60
        for name in ("main.cf", "master.cf"):
            os.utime(f"{etc}/{name}", (old, old))
        env = dict(os.environ, MAIL_CONFIG=etc)
        subprocess.run([lib + "/post-install", "create-missing", f"config_directory={etc}", f"queue_directory={self.dir}/spool",
                        f"data_directory={self.dir}/data", f"daemon_directory={lib}", "command_directory=/usr/sbin",
                        "meta_directory=/etc/postfix", "mail_owner=postfix", "setgid_group=postdrop"],
                       env=env, capture_output=True, timeout=60)
        self.out = open(self.dir + "/master.out", "wb")
        self.process = subprocess.Popen([lib + "/master", "-c", etc, "-d"], env=dict(env, **there), stdin=subprocess.DEVNULL,
                                        stdout=self.out, stderr=self.out)
        if not until(lambda: listening(self.port)):
            self.close()
            raise RuntimeError("Postfix does not listen")

    def log(self):
        try:
            with open(self.dir + "/maillog", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def logs(self, text):
        if not until(lambda: text in self.log()):
            holds(self.log(), text)

    def mails(self):
        texts = []
        for path in glob.glob(self.dir + "/mail/all/new/*"):
            with open(path, errors="replace") as f:
                texts.append(f.read())
        return texts

    def close(self):
        end_all(self.process)
        shutil.rmtree(self.dir, ignore_errors=True)
