"""Who a sender is, in make bench: signatures beside bare OpenSSL, SPF and DMARC over names that are known, hostile messages.
Used by compare.py."""
import os
import re
import subprocess

from peers import HERE
from report import emit

PROGRAMS = os.path.join(HERE, "..", "..", "build", "spec", "bench")


def said(program):
    r = subprocess.run([os.path.join(PROGRAMS, program)], capture_output=True, text=True, timeout=300)
    if not r.stdout:
        raise RuntimeError(f"{program}: {r.stderr.strip()}")
    return r.stdout


def auth(_, _size):
    for what, ours, bare in re.findall(r"^(verify|sign): +([\d.]+) us, bare ([\d.]+) us", said("dkim_bench"), re.M):
        emit("dkim", what, "perigee", float(ours))
        emit("dkim", what, "openssl", float(bare))
    for line in said("auth_bench").splitlines():
        name, value = line.split()
        emit("auth", name, "perigee", float(value))
