/* certextract: one field of a certificate as a text, a number or a list. */
#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "base/buf.h"
#include "tls/cert.h"
#include "tls/inside.h"

/* A certificate is bounded, and so is what one holds; this bounds what a list says of it. */
enum { ITEMS_MAX = 1024 };

struct ask {
    struct arena *a;
    X509 *x;
    struct str modifier;        /* the one that is not a separator; empty: none */
    char sep;
    struct tls_field *out;
};

static void add(struct ask *q, const char *tag, struct str text)
{
    struct tls_field *f = q->out;

    if (!f->item)
        f->item = arena_array(q->a, struct str, ITEMS_MAX);
    if (f->items < ITEMS_MAX)
        f->item[f->items++] = *tag ? arena_printf(q->a, "%s=%.*s", tag, STR_ARG(text)) : arena_dup(q->a, text);
}

/* As Exim joins lists: the separator within an element is doubled. */
static enum status joined(struct ask *q)
{
    struct tls_field *f = q->out;
    struct buf b = { 0 };

    f->is_list = true;
    for (size_t i = 0; i < f->items; i++) {
        if (i)
            buf_byte(&b, q->sep);
        for (size_t k = 0; k < f->item[i].n; k++) {
            if (f->item[i].p[k] == q->sep)
                buf_byte(&b, q->sep);
            buf_byte(&b, f->item[i].p[k]);
        }
    }
    f->text = arena_dup(q->a, buf_str(&b));
    buf_free(&b);
    return f->items ? ST_OK : ST_NONE;
}

static enum status bad_modifier(struct why *why, const char *field, struct str modifier)
{
    return why_set(why, ST_NEVER, "\"%.*s\" is no modifier of a certificate's %s", STR_ARG(str_head(modifier, 40)), field);
}

/* Bytes of a certificate that stand where a text should: no control byte gets out. */
static struct str shown(struct arena *a, const ASN1_STRING *s)
{
    unsigned char *utf8 = NULL;
    int n = ASN1_STRING_to_UTF8(&utf8, s);
    struct str text = { "", 0 };
    char *out;

    if (n < 0)
        return text;
    out = arena_alloc(a, 4 * (size_t)n + 1);
    text = (struct str){ out, str_escape((struct str){ (char *)utf8, (size_t)n }, out, 4 * (size_t)n + 1) };
    OPENSSL_free(utf8);
    return text;
}

/* ---- plain fields */

static enum status version(struct ask *q, struct why *why)
{
    (void)why;
    q->out->text = arena_printf(q->a, "%ld", X509_get_version(q->x) + 1);
    return ST_OK;
}

static struct str hex(struct arena *a, const unsigned char *p, size_t n, const char *between)
{
    struct buf b = { 0 };
    struct str text;

    for (size_t i = 0; i < n; i++)
        buf_addf(&b, "%s%02x", i ? between : "", p[i]);
    text = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return text;
}

static enum status serial(struct ask *q, struct why *why)
{
    const ASN1_INTEGER *n = X509_get0_serialNumber(q->x);
    struct str digits = hex(q->a, ASN1_STRING_get0_data(n), (size_t)ASN1_STRING_length(n), "");

    (void)why;
    if (digits.n == 0)
        digits = STR("00");
    q->out->text = ASN1_STRING_type(n) & V_ASN1_NEG ? arena_printf(q->a, "-%.*s", STR_ARG(digits)) : digits;
    return ST_OK;
}

static enum status sig_algorithm(struct ask *q, struct why *why)
{
    const char *name = OBJ_nid2ln(X509_get_signature_nid(q->x));

    (void)why;
    q->out->text = arena_dup(q->a, str_of(name));
    return ST_OK;
}

static enum status signature(struct ask *q, struct why *why)
{
    const ASN1_BIT_STRING *sig;
    const X509_ALGOR *how;

    (void)why;
    X509_get0_signature(&sig, &how, q->x);
    q->out->text = hex(q->a, ASN1_STRING_get0_data(sig), (size_t)ASN1_STRING_length(sig), ":");
    return ST_OK;
}

/* ---- times */

int64_t tls_asn1_time(const ASN1_TIME *t)
{
    struct tm tm;

    return t && ASN1_TIME_to_tm(t, &tm) ? (int64_t)timegm(&tm) : 0;
}

static enum status stamp(struct ask *q, const ASN1_TIME *t, const char *field, struct why *why)
{
    time_t s = (time_t)tls_asn1_time(t);
    struct tm tm;
    char text[80];

    if (str_same(q->modifier, STR("int"))) {
        q->out->is_num = true;
        q->out->num = s;
        q->out->text = arena_printf(q->a, "%lld", (long long)s);
        return ST_OK;
    }
    if (q->modifier.n > 0)
        return bad_modifier(why, field, q->modifier);
    if (!localtime_r(&s, &tm))
        return ST_NONE;
    q->out->text = arena_dup(q->a, (struct str){ text, strftime(text, sizeof text, "%b %e %T %Y %Z", &tm) });
    return ST_OK;
}

static enum status notbefore(struct ask *q, struct why *why)
{
    return stamp(q, X509_get0_notBefore(q->x), "notbefore", why);
}

static enum status notafter(struct ask *q, struct why *why)
{
    return stamp(q, X509_get0_notAfter(q->x), "notafter", why);
}

/* ---- names */

/* One kind of element: the last in the certificate is the first in its text (RFC 4514 2.1). */
static enum status name(struct ask *q, const X509_NAME *n, struct why *why)
{
    char kind[32];
    int nid;

    if (q->modifier.n == 0) {
        q->out->text = tls_name_text(q->a, n);
        return q->out->text.n ? ST_OK : ST_NONE;
    }
    snprintf(kind, sizeof kind, "%.*s", STR_ARG(q->modifier));
    for (char *p = kind; *p; p++)
        *p = ascii_upper(*p);
    nid = q->modifier.n < sizeof kind ? OBJ_txt2nid(kind) : NID_undef;
    if (nid == NID_undef)
        return bad_modifier(why, "name", q->modifier);
    for (int at = X509_NAME_entry_count(n) - 1; at >= 0; at--) {
        X509_NAME_ENTRY *e = X509_NAME_get_entry(n, at);

        if (OBJ_obj2nid(X509_NAME_ENTRY_get_object(e)) == nid)
            add(q, "", shown(q->a, X509_NAME_ENTRY_get_data(e)));
    }
    return joined(q);
}

static enum status subject(struct ask *q, struct why *why)
{
    return name(q, X509_get_subject_name(q->x), why);
}

static enum status issuer(struct ask *q, struct why *why)
{
    return name(q, X509_get_issuer_name(q->x), why);
}

static const struct { int type; const char *tag, *modifier; } kinds[] = {
    { GEN_DNS, "DNS", "dns" }, { GEN_URI, "URI", "uri" }, { GEN_EMAIL, "MAIL", "mail" },
};

static enum status altname(struct ask *q, struct why *why)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(q->x, NID_subject_alt_name, NULL, NULL);
    enum status st = q->modifier.n ? ST_NEVER : ST_OK;

    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (str_same(q->modifier, str_of(kinds[k].modifier)))
            st = ST_OK;
    if (st != ST_OK)
        bad_modifier(why, "subj_altname", q->modifier);
    for (int i = 0; st == ST_OK && i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);

        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            if (g->type == kinds[k].type && (q->modifier.n == 0 || str_same(q->modifier, str_of(kinds[k].modifier))))
                add(q, q->modifier.n ? "" : kinds[k].tag, shown(q->a, g->d.ia5));
    }
    GENERAL_NAMES_free(all);
    return st == ST_OK ? joined(q) : st;
}

/* ---- addresses of the issuer's services */

static enum status ocsp_uri(struct ask *q, struct why *why)
{
    AUTHORITY_INFO_ACCESS *all = X509_get_ext_d2i(q->x, NID_info_access, NULL, NULL);

    (void)why;
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(all); i++) {
        const ACCESS_DESCRIPTION *d = sk_ACCESS_DESCRIPTION_value(all, i);

        if (OBJ_obj2nid(d->method) == NID_ad_OCSP && d->location->type == GEN_URI)
            add(q, "", shown(q->a, d->location->d.ia5));
    }
    AUTHORITY_INFO_ACCESS_free(all);
    return joined(q);
}

static enum status crl_uri(struct ask *q, struct why *why)
{
    CRL_DIST_POINTS *all = X509_get_ext_d2i(q->x, NID_crl_distribution_points, NULL, NULL);

    (void)why;
    for (int i = 0; i < sk_DIST_POINT_num(all); i++) {
        const DIST_POINT *d = sk_DIST_POINT_value(all, i);

        if (!d->distpoint || d->distpoint->type != 0)
            continue;
        for (int k = 0; k < sk_GENERAL_NAME_num(d->distpoint->name.fullname); k++) {
            const GENERAL_NAME *g = sk_GENERAL_NAME_value(d->distpoint->name.fullname, k);

            if (g->type == GEN_URI)
                add(q, "", shown(q->a, g->d.ia5));
        }
    }
    CRL_DIST_POINTS_free(all);
    return joined(q);
}

/* ---- the table */

enum takes { NOTHING, SEPARATOR, WORD, BOTH };

static const struct row {
    const char *name, *also;
    enum takes takes;
    enum status (*get)(struct ask *q, struct why *why);
} rows[] = {
    { "version", "version", NOTHING, version },
    { "serial_number", "serial", NOTHING, serial },
    { "subject", "subject", BOTH, subject },
    { "issuer", "issuer", BOTH, issuer },
    { "notbefore", "notbefore", WORD, notbefore },
    { "notafter", "notafter", WORD, notafter },
    { "sig_algorithm", "sig_algorithm", NOTHING, sig_algorithm },
    { "signature", "signature", NOTHING, signature },
    { "subj_altname", "subj_altname", BOTH, altname },
    { "ocsp_uri", "ocsp_uri", SEPARATOR, ocsp_uri },
    { "crl_uri", "crl_uri", SEPARATOR, crl_uri },
};

/* The next modifier. True: a separator, ">" and whatever one character is behind it, a comma or a blank too. */
static bool modifier_cut(struct str *rest, struct str *m)
{
    struct str at = *rest, behind;

    while (at.n > 0 && at.p[0] == ' ')
        at = str_from(at, 1);
    if (at.n > 1 && at.p[0] == '>') {
        *rest = str_from(at, 2);
        str_cut(rest, ',', &behind);
        *m = str_head(at, str_trim(behind).n ? 2 + behind.n : 2);
        return true;
    }
    str_cut(rest, ',', m);
    *m = str_trim(*m);
    return m->n > 0 && m->p[0] == '>';
}

enum status tls_cert_field(struct arena *a, const struct tls_cert *c, struct str spec, struct tls_field *out, struct why *why)
{
    struct ask q = { .a = a, .x = tls_cert_x509(c), .sep = '\n', .out = out };
    const struct row *row = NULL;
    struct str rest = spec, field = { "", 0 }, m;

    *out = (struct tls_field){ 0 };
    str_cut(&rest, ',', &field);
    field = str_trim(field);
    for (size_t i = 0; i < sizeof rows / sizeof *rows && !row; i++)
        if (str_same(field, str_of(rows[i].name)) || str_same(field, str_of(rows[i].also)))
            row = &rows[i];
    if (!row)
        return why_set(why, ST_NEVER, "a certificate has no field \"%.*s\": it has version, serial_number, subject, issuer, "
                       "notbefore, notafter, sig_algorithm, signature, subj_altname, ocsp_uri and crl_uri",
                       STR_ARG(str_head(field, 40)));
    while (rest.p) {
        bool sep = modifier_cut(&rest, &m);

        if ((sep && (m.n != 2 || !(row->takes & SEPARATOR))) || (!sep && (q.modifier.n || !(row->takes & WORD))))
            return bad_modifier(why, row->name, m);
        if (sep)
            q.sep = m.p[1];
        else
            q.modifier = m;
    }
    return row->get(&q, why);
}
