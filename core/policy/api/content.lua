-- Functions about the content of a message, and encoded words.

local received = since "dkim"

fn { name = "mime.parts", args = {}, returns = { "table[]", "string?" }, waits = true, phases = received,
  doc = [[Every part of the message, attached messages included, as tables: number, type, disposition, encoding, id, description, charset,
boundary, filename, filenames, size (bytes, decoded), message (0 the message itself, others attached), index (in its message, from 0), parent (a
number), is_multipart, is_coverletter, is_rfc822, anomaly_level, anomaly_text: as the variables `mime_...` say it. If a bound was met the second
value says which; then there are parts that are not in the list. No mime ACL is needed.]] }
fn { name = "mime.content", args = { { "part", "any" }, { "size", "integer?" } }, returns = "string", waits = true, phases = received,
  doc = [[The beginning of a part, decoded: one that `mime.parts` gave, or its number. 32 KiB, or as many bytes as are asked for, at most 64 KiB.]] }
fn { name = "rfc2047.encode", args = { { "text", "string" } }, returns = "string", exim = { "operator rfc2047" },
  example = { [[rfc2047.encode "plain" --> "plain"]], [[rfc2047.encode "with kind regards: Grüße" --> "=?UTF-8?Q?with_kind_regards=3A_Gr=C3=BC=C3=9Fe?="]] },
  doc = [[The text as encoded words of at most 75 characters with a space between; as it is, if it is printable ASCII. What is no
UTF-8 is said to be `unknown-8bit`.]] }
fn { name = "rfc2047.decode", args = { { "text", "string" } }, returns = "string", exim = { "operator rfc2047d" },
  example = { [[rfc2047.decode "=?iso-8859-1?q?caf=E9?=" --> "café"]], [[rfc2047.decode "=?nowhere?q?x?=" --> "=?nowhere?q?x?="]] },
  doc = [[Encoded words as UTF-8. Those that are damaged or of a character set nobody knows stay as they are.]] }
