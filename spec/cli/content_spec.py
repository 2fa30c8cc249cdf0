#!/usr/bin/env python3
# decode writes a MIME part below SPOOL/scan, and it goes with the message; long parts pass through in slices.
import base64, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
from perigee import *

# The recipient's local part says what is tried; the log says what was found.
RULES = """
local SPOOL = "{spool}"
acl.rcpt(function(m) m.acl_m_what = m.local_part end)
local function size(path)
  local st = file.stat(path)
  return st and st.size or "gone"
end
acl.mime(function(m)
  if m.mime_is_multipart then return end
  local what = m.acl_m_what
  if what == "path" then check.decode(path(SPOOL .. "/scan", "elsewhere", "deep", "name" .. m.mime_part_count))
  elseif what == "outside" then check.decode("/tmp/outside")
  elseif what == "named" then check.decode("part.bin")
  else check.decode("default") end
  if what == "keep" then control.no_mbox_unspool() end
  m["acl_m_file" .. m.mime_part_count] = m.mime_decoded_filename
  logwrite("SAID " .. what .. " " .. m.mime_content_size .. " " .. size(m.mime_decoded_filename) .. " " .. m.mime_decoded_filename)
  if what == "slow" then sleep(600) end
  if check.mime_regex("^the end is not here") then logwrite("SAID odd") end
end)
acl.data(function(m)
  if m.acl_m_file1 then logwrite("SAID data " .. size(m.acl_m_file1)) end
  if m.acl_m_what == "long" and check.regex("^(ABCD)+=$") then logwrite("SAID matched " .. #m.regex[0]) end
end)
"""

e = Engine(workers=1)
e.rule("00-before.lua", RULES.format(spool=e.spool))


def message(content):
    text = base64.encodebytes(content).decode().replace("\n", "\r\n")
    return f"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n{text}\r\n--b--\r\n"


def said(what):
    """The log is written by a thread of its own."""
    def lines():
        return [line.split("SAID ", 1)[1] for line in e.log().splitlines() if f"SAID {what} " in line]
    until(lambda: lines() != [])
    return lines()


def scan():
    found = []
    for folder, _, files in os.walk(os.path.join(e.spool, "scan")):
        found += [os.path.join(folder, f) for f in files]
    return found


def send(to, content):
    with e.smtp() as s:
        s.sendmail("a@there.example", [to], "Content-Type: multipart/mixed; boundary=b\r\nMIME-Version: 1.0\r\n\r\n" + message(content))


def written_and_gone():
    e.start()
    send("default@example.org", b"x" * 3000)
    line = said("default")[0].split()
    same(line[1:3], ["3", "3000"])
    same(line[3].startswith(os.path.join(e.spool, "scan", "")), True)
    same(said("data"), ["data 3000"])
    same(until(lambda: scan() == []), True)
    same(until(lambda: os.listdir(os.path.join(e.spool, "scan")) == []), True)


def large():
    content = b"".join(b"line %07d of a part that does not fit into memory\n" % i for i in range(60000))
    send("long@example.org", content)
    line = said("long")[0].split()
    same(line[1:3], [str((len(content) + 1023) // 1024), str(len(content))])
    same(until(lambda: scan() == []), True)


def by_path():
    send("path@example.org", b"abc")
    same(said("path")[0].split()[2:], ["3", os.path.join(e.spool, "scan", "elsewhere", "deep", "name1")])
    send("named@example.org", b"abcd")
    same(said("named")[0].split()[2], "4")
    same(until(lambda: os.listdir(os.path.join(e.spool, "scan")) == []), True)
    try:
        send("outside@example.org", b"abc")
        raise AssertionError("it was taken")
    except smtplib.SMTPResponseException as r:
        same(r.smtp_code, 451)
    same(os.path.exists("/tmp/outside"), False)
    same(until(lambda: "decode: /tmp/outside is not below" in e.log()), True)


def kept():
    send("keep@example.org", b"kept" * 100)
    same(until(lambda: len(scan()) == 1), True)
    with open(scan()[0], "rb") as f:
        same(f.read(), b"kept" * 100)
    os.unlink(scan()[0])


def client_goes():
    s = socket.create_connection(("127.0.0.1", e.port))
    s.settimeout(20)
    f = s.makefile("rb")
    for line in ["", "EHLO x", "MAIL FROM:<a@there.example>", "RCPT TO:<slow@example.org>", "DATA"]:
        if line:
            s.sendall(line.encode() + b"\r\n")
        while f.readline()[3:4] == b"-":
            pass
    s.sendall(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + message(b"gone").encode() + b".\r\n")
    same(until(lambda: len(scan()) == 1), True)
    f.close()
    s.close()
    same(until(lambda: scan() == []), True)


def swept():
    e.stop()
    for shard, name in ((0, "left"), (7, "not ours")):
        folder = os.path.join(e.spool, "scan", f"1vb66i-{shard:02d}0000-00", "deep")
        os.makedirs(folder)
        with open(os.path.join(folder, name), "w") as f:
            f.write("x")
    for folder in os.listdir(os.path.join(e.spool, "scan")):
        os.utime(os.path.join(e.spool, "scan", folder), (1, 1))
    e.start()
    same(until(lambda: [os.path.basename(p) for p in scan()] == ["not ours"]), True)


try:
    case("SF-T1 decode writes the part below the scan directory, the data ACL sees it, and it goes with the message", written_and_gone)
    case("a part larger than memory is decoded in slices", large)
    case("decode takes names and paths below the scan directory, and none outside of it", by_path)
    case("control = no_mbox_unspool leaves what was decoded", kept)
    case("what was decoded goes when the client does", client_goes)
    case("SF-T2 what a process that died left is swept at the start, of our shards alone", swept)
finally:
    e.close()
done()
