#include "auth/feedback.h"

#include <inttypes.h>

#include "base/base64.h"
#include "base/clock.h"

enum { BASE64_LINE = 76 };

/* ---- its names */

/* "4f1e...": the same for the same report, in names of files and in its id. */
static struct str unique_name(struct arena *a, const struct feedback *f)
{
    uint64_t h = str_hash(str_hash(STR_HASH, f->submitter), STR("!"));

    h = str_hash(str_hash(h, f->domain), arena_printf(a, "!%" PRId64 "!%" PRId64, f->begin, f->end));
    return arena_printf(a, "%016" PRIx64, h);
}

struct str feedback_id(struct arena *a, const struct feedback *f)
{
    return arena_printf(a, "%.*s@%.*s", STR_ARG(unique_name(a, f)), STR_ARG(f->submitter));
}

/* A domain's name may hold anything the DNS does; a file's name may not. */
static struct str plain(struct arena *a, struct str s)
{
    struct str out = arena_dup(a, s);
    char *p = (char *)(uintptr_t)out.p;

    for (size_t i = 0; i < out.n; i++)
        if (!((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z') || (p[i] >= '0' && p[i] <= '9') || p[i] == '-' || p[i] == '.' || p[i] == '_'))
            p[i] = '_';
    return out;
}

struct str feedback_file(struct arena *a, const struct feedback *f)
{
    return arena_printf(a, "%.*s!%.*s!%" PRId64 "!%" PRId64 "!%.*s.xml", STR_ARG(plain(a, f->submitter)), STR_ARG(plain(a, f->domain)), f->begin,
                        f->end, STR_ARG(unique_name(a, f)));
}

/* ---- XML (appendix C) */

/* XML 1.0 has no place for control bytes, not even escaped ones. */
static void put_text(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '&': buf_add(out, STR("&amp;")); break;
        case '<': buf_add(out, STR("&lt;")); break;
        case '>': buf_add(out, STR("&gt;")); break;
        case '"': buf_add(out, STR("&quot;")); break;
        case '\'': buf_add(out, STR("&apos;")); break;
        default: buf_byte(out, s.p[i] >= ' ' && s.p[i] < 127 ? s.p[i] : '?'); break;
        }
    }
}

static void element(struct buf *out, int deep, const char *name, struct str value)
{
    buf_addf(out, "%*s<%s>", 2 * deep, "", name);
    put_text(out, value);
    buf_addf(out, "</%s>\n", name);
}

static void number(struct buf *out, int deep, const char *name, int64_t value)
{
    buf_addf(out, "%*s<%s>%" PRId64 "</%s>\n", 2 * deep, "", name, value, name);
}

static void put_metadata(struct buf *out, struct arena *a, const struct feedback *f)
{
    buf_add(out, STR("  <report_metadata>\n"));
    element(out, 2, "org_name", f->org);
    element(out, 2, "email", f->email);
    if (f->contact.n)
        element(out, 2, "extra_contact_info", f->contact);
    element(out, 2, "report_id", feedback_id(a, f));
    buf_add(out, STR("    <date_range>\n"));
    number(out, 3, "begin", f->begin);
    number(out, 3, "end", f->end);
    buf_add(out, STR("    </date_range>\n"));
    if (f->left_out)
        element(out, 2, "error", arena_printf(a, "%" PRIu64 " more messages had results too diverse to be listed", f->left_out));
    buf_add(out, STR("  </report_metadata>\n"));
}

static struct str or(struct str s, struct str other)
{
    return s.n ? s : other;
}

/* What stands in the record, with the defaults of what does not. */
static void put_policy(struct buf *out, const struct feedback *f)
{
    const struct finding_policy *p = f->policy;

    buf_add(out, STR("  <policy_published>\n"));
    element(out, 2, "domain", f->domain);
    element(out, 2, "adkim", or(p->adkim, STR("r")));
    element(out, 2, "aspf", or(p->aspf, STR("r")));
    element(out, 2, "p", or(p->p, STR("none")));
    element(out, 2, "sp", or(p->sp, or(p->p, STR("none"))));
    number(out, 2, "pct", p->pct);
    element(out, 2, "fo", or(p->fo, STR("0")));
    buf_add(out, STR("  </policy_published>\n"));
}

static struct str passed(bool b)
{
    return b ? STR("pass") : STR("fail");
}

/* The words of RFC 8601; what we call invalid is its permerror. */
static struct str dkim_word(struct str result)
{
    static const char *const words[] = { "none", "pass", "fail", "policy", "neutral", "temperror", "permerror" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_same(result, str_of(words[i])))
            return result;
    return str_same(result, STR("invalid")) ? STR("permerror") : STR("neutral");
}

static void put_auth(struct buf *out, const struct finding *v)
{
    buf_add(out, STR("    <auth_results>\n"));
    for (size_t i = 0; i < v->ndkim; i++) {
        if (v->dkim[i].domain.n == 0)
            continue;
        buf_add(out, STR("      <dkim>\n"));
        element(out, 4, "domain", v->dkim[i].domain);
        element(out, 4, "selector", v->dkim[i].selector);
        element(out, 4, "result", dkim_word(v->dkim[i].result));
        buf_add(out, STR("      </dkim>\n"));
    }
    /* There is always one (RFC 7489's schema): not asked is none. */
    buf_add(out, STR("      <spf>\n"));
    element(out, 4, "domain", or(v->spf_domain, or(v->envelope_from, v->from)));
    element(out, 4, "scope", v->spf_helo ? STR("helo") : STR("mfrom"));
    element(out, 4, "result", or(v->spf, STR("none")));
    buf_add(out, STR("      </spf>\n    </auth_results>\n"));
}

static void put_record(struct buf *out, const struct finding *v, uint64_t count)
{
    buf_add(out, STR("  <record>\n    <row>\n"));
    element(out, 3, "source_ip", v->ip);
    number(out, 3, "count", (int64_t)count);
    buf_add(out, STR("      <policy_evaluated>\n"));
    element(out, 4, "disposition", v->disposition);
    element(out, 4, "dkim", passed(v->aligned_dkim));
    element(out, 4, "spf", passed(v->aligned_spf));
    if (v->reason.n) {
        buf_add(out, STR("        <reason>\n"));
        element(out, 5, "type", v->reason);
        buf_add(out, STR("        </reason>\n"));
    }
    buf_add(out, STR("      </policy_evaluated>\n    </row>\n    <identifiers>\n"));
    element(out, 3, "envelope_from", v->envelope_from);
    element(out, 3, "header_from", v->from);
    buf_add(out, STR("    </identifiers>\n"));
    put_auth(out, v);
    buf_add(out, STR("  </record>\n"));
}

void feedback_xml(const struct feedback *f, struct buf *out)
{
    struct arena a = { 0 };
    struct finding v;

    buf_add(out, STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback>\n  <version>1.0</version>\n"));
    put_metadata(out, &a, f);
    put_policy(out, f);
    for (size_t i = 0; i < f->nrows; i++)
        if (finding_read(f->rows[i].text, &v))
            put_record(out, &v, f->rows[i].count);
    buf_add(out, STR("</feedback>\n"));
    arena_free(&a);
}

/* ---- mail */

/* Into a header field or a line of text: nothing of it begins another line. */
static void put_line(struct buf *out, const char *name, struct str value)
{
    buf_addf(out, "%s: ", name);
    for (size_t i = 0; i < value.n; i++)
        buf_byte(out, value.p[i] >= ' ' && value.p[i] < 127 ? value.p[i] : '?');
    buf_byte(out, '\n');
}

static void put_head(struct buf *out, struct arena *a, const struct feedback *f, struct str to, int64_t now)
{
    bool quote = false;

    for (size_t i = 0; i < f->org.n; i++)
        quote = quote || f->org.p[i] == '"' || f->org.p[i] == '\\' || f->org.p[i] < ' ';
    put_line(out, "From", quote || f->org.n == 0 ? f->email : arena_printf(a, "\"%.*s\" <%.*s>", STR_ARG(f->org), STR_ARG(f->email)));
    put_line(out, "To", to);
    put_line(out, "Date", clock_rfc5322(a, now));
    /* The longest name there is makes a line of its own. */
    buf_addf(out, "Subject: Report Domain: %.*s\n Submitter: %.*s\n Report-ID: <%.*s@%.*s>\n", STR_ARG(plain(a, f->domain)),
             STR_ARG(plain(a, f->submitter)), STR_ARG(unique_name(a, f)), STR_ARG(plain(a, f->submitter)));
    put_line(out, "Auto-Submitted", STR("auto-generated"));
    put_line(out, "MIME-Version", STR("1.0"));
}

static void put_base64(struct buf *out, struct arena *a, struct str bytes)
{
    struct str text = base64_encode(a, bytes);

    while (text.n) {
        buf_add(out, str_head(text, BASE64_LINE));
        buf_byte(out, '\n');
        text = str_from(text, BASE64_LINE);
    }
}

static uint64_t messages(const struct feedback *f)
{
    uint64_t n = f->left_out;

    for (size_t i = 0; i < f->nrows; i++)
        n += f->rows[i].count;
    return n;
}

void feedback_mail(const struct feedback *f, struct str to, struct str gz, int64_t now, struct buf *out)
{
    struct arena a = { 0 };
    struct str file = feedback_file(&a, f), unique = unique_name(&a, f);

    put_head(out, &a, f, to, now);
    buf_addf(out, "Content-Type: multipart/mixed; boundary=\"=_%.*s\"\n\n--=_%.*s\nContent-Type: text/plain; charset=us-ascii\n\n",
             STR_ARG(unique), STR_ARG(unique));
    buf_addf(out, "This is a DMARC aggregate report of %.*s\non mail from %.*s: %" PRIu64 " messages\nfrom %.*s", STR_ARG(plain(&a, f->submitter)),
             STR_ARG(plain(&a, f->domain)), messages(f), STR_ARG(clock_rfc5322(&a, f->begin)));
    buf_addf(out, "\nto   %.*s.\n\n", STR_ARG(clock_rfc5322(&a, f->end)));
    buf_addf(out, "--=_%.*s\nContent-Type: application/gzip;\n name=\"%.*s.gz\"\nContent-Transfer-Encoding: base64\n"
             "Content-Disposition: attachment;\n filename=\"%.*s.gz\"\n\n", STR_ARG(unique), STR_ARG(file), STR_ARG(file));
    put_base64(out, &a, gz);
    buf_addf(out, "--=_%.*s--\n", STR_ARG(unique));
    arena_free(&a);
}

void feedback_too_large(const struct feedback *f, struct str to, uint64_t size, int64_t now, struct buf *out)
{
    struct arena a = { 0 };

    put_head(out, &a, f, to, now);
    buf_add(out, STR("Content-Type: text/plain; charset=us-ascii\n\n"));
    put_line(out, "Report-Date", clock_rfc5322(&a, now));
    put_line(out, "Report-Domain", f->domain);
    put_line(out, "Report-ID", feedback_id(&a, f));
    put_line(out, "Report-Size", arena_printf(&a, "%" PRIu64, size));
    put_line(out, "Submitter", f->submitter);
    put_line(out, "Submitting-URI", arena_printf(&a, "mailto:%.*s", STR_ARG(to)));
    arena_free(&a);
}
