#include "engine/bounce.h"

#include "base/clock.h"
#include "mail/header.h"

enum { OUTPUT_LINE_MAX = 800 };

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Length of "5.1.1" at p, 0 if there is none. RFC 3463: class, then two
 * numbers of one to three digits. */
static size_t enhanced_length(struct str s, char class)
{
    size_t i = 1, from;

    if (s.n < 5 || s.p[0] != class)
        return 0;
    for (int part = 0; part < 2; part++) {
        if (i >= s.n || s.p[i++] != '.')
            return 0;
        for (from = i; i < s.n && digit(s.p[i]) && i - from < 3; i++)
            ;
        if (i == from)
            return 0;
    }
    return i == s.n || s.p[i] == ' ' || s.p[i] == '\t' ? i : 0;
}

/* Where a reply "550 ..." begins in the text: the last one, since a server's
 * answer stands behind our own words about it. */
static size_t reply_at(struct str s)
{
    for (size_t i = s.n < 4 ? 0 : s.n - 3; i-- > 0;) {
        if ((s.p[i] == '5' || s.p[i] == '4') && digit(s.p[i + 1]) && digit(s.p[i + 2])
            && (s.p[i + 3] == ' ' || s.p[i + 3] == '-') && (i == 0 || s.p[i - 1] == ' '))
            return i;
    }
    return SIZE_MAX;
}

struct str bounce_status(struct arena *a, struct str error, bool delayed)
{
    size_t at = reply_at(error), n;
    char class = delayed ? '4' : '5';

    if (at != SIZE_MAX && (n = enhanced_length(str_from(error, at + 4), class)))
        return arena_dup(a, str_head(str_from(error, at + 4), n));
    if (str_find_str(error, STR("retry timeout exceeded")) != SIZE_MAX)
        return delayed ? STR("4.4.7") : STR("5.4.7");
    return delayed ? STR("4.0.0") : STR("5.0.0");
}

static void put_line(struct buf *out, struct str s)
{
    buf_add(out, s);
    buf_add(out, STR("\r\n"));
}

static void put_field(struct buf *out, const char *name, struct str value)
{
    if (value.n == 0)
        return;
    buf_addf(out, "%s: ", name);
    put_line(out, value);
}

/* X-Failed-Recipients, folded so that no line grows with their number. */
static void put_failed(struct buf *out, const struct bounce *b)
{
    for (size_t i = 0; i < b->n; i++) {
        buf_add(out, i % 50 == 0 ? STR("X-Failed-Recipients: ") : STR("  "));
        buf_add(out, b->rcpts[i].addr);
        if (i + 1 < b->n && i % 50 != 49)
            buf_byte(out, ',');
        put_line(out, STR(""));
    }
}

/* ---- the site's own words */

/* What they say, filled in; empty: nothing of their own. */
static struct str own_words(const struct bounce *b, struct arena *a, int item)
{
    struct buf list = { 0 };
    struct str said;

    if (!b->words || str_trim(b->words->item[item]).n == 0)
        return STR("");
    for (size_t i = 0; i < b->n; i++)
        buf_addf(&list, "%s%.*s", i ? ", " : "", STR_ARG(b->rcpts[i].addr));
    said = template_fill(a, b->words->item[item], (struct template_name[]){
        { STR("primary_hostname"), b->hostname }, { STR("bounce_recipient"), b->to }, { STR("sender_address"), b->to },
        { STR("message_exim_id"), b->id }, { STR("message_id"), b->id }, { STR("warn_message_delay"), clock_interval_text(a, b->delayed) },
        { STR("warn_message_recipients"), buf_str(&list) },
    }, 7);
    buf_free(&list);
    return said;
}

/* Fields of a header, each made sure of; one that is none is left out. False: there are none. */
static bool put_own_fields(const struct bounce *b, struct buf *out)
{
    struct arena a = { 0 };
    struct str rest = own_words(b, &a, TEMPLATE_HEADER), line, wire;
    const char *reason;
    bool any = false;

    while (str_cut(&rest, '\n', &line))
        if (str_trim(line).n && header_make(&a, str_trim(line), &wire, &reason)) {
            buf_add(out, wire);
            any = true;
        }
    arena_free(&a);
    return any;
}

static void put_subject(const struct bounce *b, struct buf *out)
{
    if (put_own_fields(b, out))
        return;
    if (!b->delayed) {
        put_line(out, STR("Subject: Mail delivery failed: returning message to sender"));
        return;
    }
    buf_add(out, STR("Subject: Warning: message "));
    buf_add(out, b->id);
    put_line(out, STR(" delayed"));
}

static void put_header(const struct bounce *b, struct str boundary, struct buf *out)
{
    struct arena a = { 0 };

    put_field(out, "Date", clock_rfc5322(&a, b->now));
    put_field(out, "From", b->from);
    put_field(out, "To", b->to);
    put_field(out, "Reply-To", b->reply_to);
    if (!b->delayed)
        put_failed(out, b);
    put_subject(b, out);
    buf_addf(out, "Message-Id: <E%.*s@%.*s>\r\n", STR_ARG(b->own_id), STR_ARG(b->hostname));
    put_field(out, "References", b->message_id);
    put_line(out, STR("Auto-Submitted: auto-replied"));
    put_line(out, STR("MIME-Version: 1.0"));
    buf_addf(out, "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"%.*s\"\r\n", STR_ARG(boundary));
    arena_free(&a);
}

/* What a program printed is whatever's: as lines of ours it can end no part and forge no field. */
static void put_output(struct buf *out, struct str text)
{
    struct str line;

    if (text.n == 0)
        return;
    buf_add(out, STR("    it printed:\r\n"));
    while (str_cut(&text, '\n', &line)) {
        buf_add(out, STR("      | "));
        for (size_t i = 0; i < line.n && i < OUTPUT_LINE_MAX; i++)
            buf_byte(out, (unsigned char)line.p[i] < 0x20 || line.p[i] == 0x7f ? ' ' : line.p[i]);
        buf_add(out, STR("\r\n"));
    }
}

static void put_before(const struct bounce *b, struct arena *a, struct buf *out)
{
    struct str own = own_words(b, a, TEMPLATE_BEFORE);

    if (own.n) {
        buf_add(out, own);
        return;
    }
    put_line(out, STR("This message was created automatically by mail delivery software.\r\n"));
    if (b->text.n)
        put_line(out, b->text);
    if (b->delayed) {
        put_line(out, STR("A message that you sent has not yet been delivered to one or more of its"));
        buf_addf(out, "recipients after more than %.*s on the queue on %.*s.\r\n\r\n",
                 STR_ARG(clock_interval_text(a, b->delayed)), STR_ARG(b->hostname));
        buf_addf(out, "The message identifier is:     %.*s\r\n", STR_ARG(b->id));
        put_line(out, STR("\r\nThe address(es) to which the message has not yet been delivered:\r\n"));
    } else {
        put_line(out, STR("A message that you sent could not be delivered to one or more of its"));
        put_line(out, STR("recipients. This is a permanent error. The following address(es) failed:\r\n"));
    }
}

static void put_after(const struct bounce *b, struct arena *a, struct buf *out)
{
    struct str own = own_words(b, a, TEMPLATE_AFTER);

    if (own.n)
        buf_add(out, own);
    else if (b->delayed)
        put_line(out, STR("\r\nNo action is required on your part. Delivery attempts will continue for\r\n"
                          "some time, and this warning may be repeated at intervals if the message\r\n"
                          "remains undelivered. Eventually the mail delivery software will give up,\r\n"
                          "and when that happens, the message will be returned to you."));
}

static void put_people(const struct bounce *b, struct buf *out)
{
    struct arena a = { 0 };

    put_line(out, STR("Content-Type: text/plain; charset=utf-8\r\n"));
    put_before(b, &a, out);
    for (size_t i = 0; i < b->n; i++) {
        const struct bounce_rcpt *r = &b->rcpts[i];

        buf_addf(out, "  %.*s\r\n", STR_ARG(r->addr));
        if (r->child.n && !str_same_fold(r->child, r->addr))
            buf_addf(out, "    (redirected to %.*s)\r\n", STR_ARG(r->child));
        if (r->host.n)
            buf_addf(out, "    host %.*s\r\n", STR_ARG(r->host));
        buf_addf(out, "    %.*s\r\n", STR_ARG(r->error));
        put_output(out, r->output);
    }
    put_after(b, &a, out);
    arena_free(&a);
}

static void put_programs(const struct bounce *b, struct buf *out)
{
    struct arena a = { 0 };
    size_t at;

    put_line(out, STR("Content-Type: message/delivery-status\r\n"));
    if (b->envid.n)
        put_field(out, "Original-Envelope-Id", b->envid);
    buf_addf(out, "Reporting-MTA: dns; %.*s\r\n", STR_ARG(b->hostname));
    put_field(out, "Arrival-Date", clock_rfc5322(&a, b->arrived));
    for (size_t i = 0; i < b->n; i++) {
        const struct bounce_rcpt *r = &b->rcpts[i];

        put_line(out, STR(""));
        put_line(out, b->delayed ? STR("Action: delayed") : STR("Action: failed"));
        put_field(out, "Original-Recipient", r->orcpt);
        buf_addf(out, "Final-Recipient: rfc822;%.*s\r\n", STR_ARG(r->addr));
        put_field(out, "Status", bounce_status(&a, r->error, b->delayed > 0));
        if (r->host.n)
            buf_addf(out, "Remote-MTA: dns; %.*s\r\n", STR_ARG(str_head(r->host, str_find(r->host, ' '))));
        if ((at = reply_at(r->error)) != SIZE_MAX)
            buf_addf(out, "Diagnostic-Code: smtp; %.*s\r\n", STR_ARG(str_from(r->error, at)));
    }
    arena_free(&a);
}

static void put_body(const struct bounce *b, struct buf *out)
{
    uint64_t at = 0;
    ssize_t n;

    while (at < b->body_size) {
        n = b->read(b->ctx, at, buf_room(out, 65536), 65536);
        if (n <= 0)
            break;
        buf_grew(out, (size_t)n);
        at += (uint64_t)n;
    }
    if (out->n < 2 || buf_str(out).p[out->n - 1] != '\n')
        put_line(out, STR(""));
}

/* The whole message, or its header where it is too long to send back, or where
 * a line is: what is returned must be deliverable itself. */
static void put_original(const struct bounce *b, struct buf *out)
{
    bool whole = b->return_body && b->read && (!b->size_limit || b->body_size <= b->size_limit)
              && (!b->line_limit || b->max_line <= b->line_limit);

    put_line(out, whole ? STR("Content-Type: message/rfc822\r\n") : STR("Content-Type: text/rfc822-headers\r\n"));
    buf_add(out, b->header);
    put_line(out, STR(""));
    if (whole)
        put_body(b, out);
}

void bounce_write(const struct bounce *b, struct buf *header, struct buf *body)
{
    struct arena a = { 0 };
    struct str boundary = arena_printf(&a, "%lld-perigee-%.*s", (long long)b->now, STR_ARG(b->own_id));

    put_header(b, boundary, header);
    buf_addf(body, "--%.*s\r\n", STR_ARG(boundary));
    put_people(b, body);
    buf_addf(body, "\r\n--%.*s\r\n", STR_ARG(boundary));
    put_programs(b, body);
    if (b->return_message) {
        buf_addf(body, "\r\n--%.*s\r\n", STR_ARG(boundary));
        put_original(b, body);
    }
    buf_addf(body, "\r\n--%.*s--\r\n", STR_ARG(boundary));
    arena_free(&a);
}
