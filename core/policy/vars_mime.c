/*
 * vars_mime - the MIME part an ACL is asked about
 */
#include "policy/vars.h"

#include "getters.h"

#define PART_TEXT(name, field)                                      \
    void get_mime_##name(const struct vars *v, struct val *out)     \
    {                                                               \
        if (v->t->part)                                             \
            val_text(out, v->t->part->field);                       \
    }
PART_TEXT(content_type, type)
PART_TEXT(content_disposition, disposition)
PART_TEXT(content_transfer_encoding, encoding)
PART_TEXT(content_id, id)
PART_TEXT(content_description, description)
PART_TEXT(boundary, boundary)
PART_TEXT(charset, charset)
PART_TEXT(filename, filename)

#define PART_BOOL(name, claim)                                      \
    void get_mime_##name(const struct vars *v, struct val *out)     \
    {                                                               \
        const struct mime_part *p = v->t->part;                     \
                                                                    \
        val_bool(out, p && (claim));                                \
    }
PART_BOOL(is_coverletter, p->coverletter)
PART_BOOL(is_multipart, p->multipart)
PART_BOOL(is_rfc822, p->message > 0)

void get_mime_filenames(const struct vars *v, struct val *out)
{
    out->type = VAL_LIST;
    out->u.list.v = v->t->part ? v->t->part->names : NULL;
    out->u.list.n = v->t->part ? v->t->part->nnames : 0;
}

void get_mime_content_size(const struct vars *v, struct val *out)
{
    val_int(out, v->t->part ? (int64_t)((v->t->part->size + 1023) / 1024) : 0);
}

void get_mime_decoded_filename(const struct vars *v, struct val *out)
{
    val_text_if(out, v->t->part_file);
}

void get_mime_anomaly_level(const struct vars *v, struct val *out)
{
    val_int(out, v->t->part ? (int64_t)v->t->part->anomaly : 0);
}

void get_mime_anomaly_text(const struct vars *v, struct val *out)
{
    if (v->t->part)
        val_text(out, str_of(v->t->part->anomaly_text));
}

void get_mime_part_count(const struct vars *v, struct val *out)
{
    val_int(out, v->t->part ? (int64_t)v->t->part->index : v->t->part_count);
}
