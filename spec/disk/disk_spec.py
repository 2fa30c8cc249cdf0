#!/usr/bin/env python3
# R2.4, R2.6: a full disk delays mail and loses none; a read-only one is said so. As root on a small tmpfs of its own
# mount namespace; else by the fault seam.
import os, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

SMALL = "300m"


def mounted(body, size=SMALL):
    where = tempfile.mkdtemp(prefix="perigee-disk.")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", where], capture_output=True).returncode != 0:
        os.rmdir(where)
        return False
    try:
        body(where)
    finally:
        subprocess.run(["umount", "-l", where], capture_output=True)
        os.rmdir(where)
    return True


def fill(e, where):
    """Big messages until one is refused; returns what was answered 250."""
    taken, last = [], None
    for i in range(400):
        try:
            with e.smtp() as s:
                s.sendmail("a@there.example", ["b@example.org"], MESSAGE.format(subject=f"big-{i}", body=("z" * 998 + "\r\n") * 700))
            taken.append(f"big-{i}")
        except smtplib.SMTPException as why:
            last = why
            break
    return taken, last


def full():
    def body(where):
        e = Engine('site {{ queue_only = true }}', dir=where, workers=1)
        e.mail_elsewhere = tempfile.mkdtemp(prefix="perigee-mail.")
        e.rule("00-site.lua", SITE.format(port=e.port, mail=e.mail_elsewhere, sink=9, dir=e.dir))
        e.mail = e.mail_elsewhere
        e.start()
        try:
            taken, why = fill(e, where)
            if why is None:
                raise AssertionError("nothing was ever refused")
            code = getattr(why, "smtp_code", None) or list(getattr(why, "recipients", {0: (0,)}).values())[0][0]
            same(code // 100, 4)
            same(e.count(), len(taken))
            # full, it still says so, shows its queue and delivers
            same(e.run("status")[0], 0)
            e.rule("50-extra.lua", "")
            same(e.run("reload")[0], 0)
            e.run("queue", "run")
            same(until(lambda: e.count() == 0, 60), True)
            same(sorted(e.subjects()), sorted(taken))
            # and there is room again
            same(until(lambda: try_send(e, "after"), 30), True)
        finally:
            e.stop()
            e.close()
            shutil.rmtree(e.mail_elsewhere, ignore_errors=True)

    def try_send(e, subject):
        try:
            e.send("b@example.org", subject=subject)
            return True
        except smtplib.SMTPException:
            return False
    if not mounted(body):
        by_fault("write:60+:ENOSPC")


def by_fault(fault):
    e = Engine(env={"PERIGEE_FAULT": fault}, workers=1)
    with e:
        taken = []
        for i in range(60):
            try:
                e.send("b@there.example", subject=f"f-{i}")
                taken.append(f"f-{i}")
            except (smtplib.SMTPException, OSError):
                pass
        e.kill()
        e.env = dict(os.environ)
        e.start()
        same(until(lambda: e.count() >= len(taken)), True)
    return True


def failing_writes():
    by_fault("write:40+:EIO")


def failing_flushes():
    by_fault("flush:10:EIO")


def read_only():
    def body(where):
        e = Engine(dir=where, workers=1)
        subprocess.run(["mount", "-o", "remount,ro", where], check=True)
        r = subprocess.run([PERIGEE, "serve", "--foreground", "--rules", e.rules, "--spool", e.spool, "--allow-root"],
                           capture_output=True, text=True, timeout=60)
        same(r.returncode >= 64, True)
        holds(r.stderr + r.stdout, "Read-only")
    if not mounted(body):
        skip("a read-only spool is named and the engine does not start", "no right to mount here")
        return True


def no_log():
    """A log that cannot be written never holds up mail; what is lost is counted, there and in the log."""
    with Engine(workers=1) as e:
        e.send("b@example.org", subject="one")
        logs = os.path.join(e.spool, "log")
        same(until(lambda: "Completed" in e.log()), True)
        os.rename(logs, logs + ".old")
        open(logs, "w").close()
        e.send("b@example.org", subject="two")
        same(until(lambda: "two" in e.subjects()), True)
        same(until(lambda: json.loads(e.run("status", "--json")[1])["counters"]["log_dropped"] > 0, 5), True)
        os.unlink(logs)
        e.send("b@example.org", subject="three")
        same(until(lambda: "log lines were dropped" in e.log()), True)
        same(until(lambda: e.log().count("Completed") == 1), True)


def small():
    """48 MiB in all, two workers: mail flows, and three disks full of it pass through, each message delivered or refused."""
    def body(where):
        e = Engine(dir=where, workers=2)
        e.mail = tempfile.mkdtemp(prefix="perigee-mail.")
        e.rule("00-site.lua", SITE.format(port=e.port, mail=e.mail, sink=9, dir=e.dir))
        taken, late = [], []

        def pour(n):
            for i in range(60):
                subject = f"small-{n}-{i}"
                for _ in range(200):
                    try:
                        e.send("b@example.org", subject=subject, body=("z" * 98 + "\r\n") * (1200 if i % 3 else 6000))
                        taken.append(subject)
                        break
                    except smtplib.SMTPResponseException as why:
                        same(why.smtp_code // 100, 4)
                    except smtplib.SMTPRecipientsRefused as why:
                        same(list(why.recipients.values())[0][0] // 100, 4)
                    time.sleep(0.05)
                else:
                    late.append(subject)
        try:
            e.start()
            pourers = [threading.Thread(target=pour, args=(n,)) for n in range(6)]
            for t in pourers:
                t.start()
            for t in pourers:
                t.join()
            same(late, [])
            same(until(lambda: e.count() == 0, 60), True)
            got = e.subjects()
            same(sorted(set(got)), sorted(taken))
            same("cannot be opened" in e.output(), False)
            e.send("b@example.org", subject="after")
            same(until(lambda: "after" in e.subjects()), True)
        finally:
            e.stop()
            e.close()
            shutil.rmtree(e.mail, ignore_errors=True)
    if not mounted(body, "48m"):
        skip("mail flows through a disk of 48 MiB", "no right to mount here")
        return True


def too_small():
    """What is wrong and what to do stands in the panic log, once; with room made, mail flows without a restart."""
    def body(where):
        e = Engine(dir=where, workers=1)
        e.mail = tempfile.mkdtemp(prefix="perigee-mail.")
        e.rule("00-site.lua", SITE.format(port=e.port, mail=e.mail, sink=9, dir=e.dir))
        with open(os.path.join(where, "ballast"), "wb") as f:
            f.write(b"z" * (11 << 20))
        try:
            e.start(wait=False)
            panic = lambda: open(os.path.join(e.spool, "log", "paniclog")).read()
            same(until(lambda: os.path.exists(os.path.join(e.spool, "log", "paniclog")) and "No space left" in panic()), True)
            holds(panic(), "make room")
            time.sleep(2)
            same(panic().count("No space left"), 1)
            os.unlink(os.path.join(where, "ballast"))

            def flows():
                try:
                    e.send("b@example.org", subject="flows")
                    return True
                except (smtplib.SMTPException, OSError):
                    return False
            same(until(flows, 30), True)
            same(until(lambda: "flows" in e.subjects()), True)
        finally:
            e.stop()
            e.close()
            shutil.rmtree(e.mail, ignore_errors=True)
    if not mounted(body, "12m"):
        skip("a disk without room is named in the panic log", "no right to mount here")
        return True


case("a disk of 48 MiB: mail flows through it under load, nothing is lost, and its room comes back", small)
case("a disk without room for a shard is named in the panic log once, with what to do, and used when there is room", too_small)
case("a log that cannot be written holds up nothing, and its lost lines are counted", no_log)
case("a full disk: mail is put off with 4xx, nothing answered 250 is lost, and deliveries make room", full)
case("writes that fail: what was answered 250 is there after a restart", failing_writes)
case("a flush that fails once condemns its group and no more", failing_flushes)
case("a read-only spool is named, and the engine does not start", read_only)
done()
