#!/usr/bin/env python3
# Room in the spool, who waits in the listening socket, and what is asked of the system for sockets.
import os, re, signal, socket, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

# 1000 TB: no disk this runs on has them.
HUGE = 10 ** 15


def mail_answer(e, params=""):
    with e.smtp() as s:
        s.ehlo()
        return s.docmd("MAIL", "FROM:<a@there.example>" + params)


def with_site(text):
    return Engine(extra="site {{ " + text + " }}", workers=1)      # `with` starts it


def space_to_stay_free():
    with with_site(f"check_spool_space = {HUGE}") as e:
        code, text = mail_answer(e)
        same((code, b"4.3.1" in text), (452, True))
        e.logs("temporarily rejected MAIL <a@there.example>: not enough space in the spool: 0 bytes for the message, "
               f"{HUGE} to stay free")
        same(e.count(), 0)
    with with_site('check_spool_space = "1K"') as e:
        same(mail_answer(e)[0], 250)


def space_for_the_message():
    with with_site(f"message_size_limit = {2 * HUGE}") as e:
        same(mail_answer(e, f" SIZE={HUGE}")[0], 452)
        e.logs(f"not enough space in the spool: {HUGE} bytes for the message, 0 to stay free")
        same(mail_answer(e, " SIZE=1000")[0], 250)
    with with_site(f"message_size_limit = {2 * HUGE}, smtp_check_spool_space = false") as e:
        same(mail_answer(e, f" SIZE={HUGE}")[0], 250)


def workers_of(e):
    """Whoever shares the listening socket with the master and is not it."""
    return [p for p in descendants(e.process.pid) if p != e.process.pid]


def state(pid):
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rsplit(")", 1)[1].split()[0]


def a_long_queue_is_said():
    with with_site("smtp_backlog_monitor = 3") as e:
        same(mail_answer(e)[0], 250)
        stopped = workers_of(e)
        waiting = []
        try:
            for p in stopped:
                os.kill(p, signal.SIGSTOP)
            same(until(lambda: all(state(p) == "T" for p in stopped)), True)
            waiting = [socket.create_connection(("127.0.0.1", e.port)) for _ in range(6)]
        finally:
            for p in stopped:
                os.kill(p, signal.SIGCONT)
        e.logs(f"listen backlog on 127.0.0.1:{e.port} is ")
        said = int(re.search(r"listen backlog on \S+ is (\d+), over 3", e.log()).group(1))
        same(3 < said <= 6, True)
        for s in waiting:
            s.close()


def as_many_may_wait():
    with with_site("smtp_connect_backlog = 7") as e:
        line = subprocess.run([tool("ss"), "-Hltn", f"sport = :{e.port}"], capture_output=True, text=True).stdout.split()
        same(line[2], "7")          # of a listening socket Send-Q is what listen() was told


case("check_spool_space: MAIL is put off while less would stay free, and taken otherwise", space_to_stay_free)
case("smtp_check_spool_space: a message that says it is larger than the spool's room is put off", space_for_the_message)
case("smtp_backlog_monitor: a long queue of the listening socket is logged", a_long_queue_is_said)
case("smtp_connect_backlog: so many may wait in the listening socket", as_many_may_wait)
done()
