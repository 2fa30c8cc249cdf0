-- The MIME part an ACL is asked about. Getters: core/policy/vars_mime.c

local parts = during { "mime", "not_smtp_mime" }

local function mime(name, ty, doc)
  var { name = "mime_" .. name, type = ty .. "?", phases = parts, feature = "the policy surface", group = "mime", doc = doc }
end

mime("content_type", "string", [[Type of the part, in lower case and without parameters: `text/plain`.]])
mime("content_disposition", "string", [[`inline`, `attachment`, in lower case and without parameters.]])
mime("content_transfer_encoding", "string", [[How the part is encoded, in lower case: `base64`.]])
mime("content_id", "string", [[The Content-ID of the part.]])
mime("content_description", "string", [[The Content-Description of the part, decoded.]])
mime("content_size", "integer", [[Size of the decoded part in kilobytes, rounded up.]])
mime("boundary", "string", [[The boundary of a multipart.]])
mime("charset", "string", [[The charset parameter, as it is written.]])
mime("filename", "string", [[The name of the file the part proposes, decoded. The sender chose it: it is no path.]])
mime("decoded_filename", "string", [[Path of the decoded part, after `decode`.]])
mime("anomaly_level", "integer", [[How bad the worst is that is wrong with the part; 0: nothing.]])
mime("anomaly_text", "string", [[What is wrong with the part.]])
mime("is_coverletter", "boolean", [[Whether the part belongs to the text of the message and not to what is attached.]])
mime("is_multipart", "boolean", [[Whether the part is made of parts.]])
mime("is_rfc822", "boolean", [[Whether the part belongs to an attached message.]])
var { name = "mime_part_count", type = "integer?", phases = parts + during { "dkim", "prdr", "data", "not_smtp" },
  feature = "the policy surface", group = "mime", doc = [[Number of the part, from 0; after the last, of that; -1: the message has none.]] }
