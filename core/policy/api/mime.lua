-- The MIME part an ACL is asked about. Getters: core/policy/vars_mime.c

local parts = during { "mime", "not_smtp_mime" }

local function mime(name, ty, doc)
  var { name = "mime_" .. name, type = ty, phases = parts, get = "get_mime_" .. name, group = "mime", doc = doc }
end

mime("content_type", "string?", [[Type of the part, in lower case and without parameters: `text/plain`. Nil if it is not said.]])
mime("content_disposition", "string?", [[`inline`, `attachment`, in lower case and without parameters.]])
mime("content_transfer_encoding", "string?", [[How the part is encoded, in lower case: `base64`.]])
mime("content_id", "string?", [[The Content-ID of the part, as it is written.]])
mime("content_description", "string?", [[The Content-Description of the part, encoded words decoded.]])
mime("content_size", "integer", [[Size of the decoded part in kilobytes, rounded up; known without `decode`. 0 for a multipart.]])
mime("boundary", "string?", [[The boundary of a multipart.]])
mime("charset", "string?", [[The charset parameter, as it is written.]])
mime("filename", "string?", [[The name of the file the part proposes, decoded to UTF-8. The sender chose it: it may hold `/` and `..` and is no path.]])
mime("filenames", "list", [[Every name a mail program may read there: RFC 2231's form, encoded words, with and without what stands behind
a blank, of Content-Disposition and of Content-Type. The likeliest is first and is `mime_filename`. A rule that looks for
dangerous names looks at all of them.]])
mime("decoded_filename", "string?", [[Path of the decoded part, after `decode`.]])
mime("anomaly_level", "integer", [[How bad the worst is that is wrong with the part: 0 nothing; 1 damaged quoted-printable, 2 damaged base64, both
passed over as mail programs do; 3 its structure or header may be read in more than one way.]])
mime("anomaly_text", "string?", [[What is wrong with the part, in words.]])
mime("is_coverletter", "boolean", [[Whether the part belongs to the text of the message and not to what is attached.]])
mime("is_multipart", "boolean", [[Whether the part is made of parts.]])
mime("is_rfc822", "boolean", [[Whether the part belongs to an attached message.]])
var { name = "mime_part_count", type = "integer", phases = parts + during { "dkim", "prdr", "data", "not_smtp" },
  get = "get_mime_part_count", group = "mime",
  doc = [[Number of the part in its message, from 0; the count of an attached message is its own. Later, the number of the message's last
part; -1 when no part was asked about: the message has no Content-Type, or there is no mime ACL.]] }
