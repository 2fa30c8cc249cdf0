#include "engine/logline.h"

#include "auth/proof.h"
#include "base/clock.h"
#include "mail/addr.h"

static const struct { struct str name; bool on; } selectors[LS_COUNT] = {
#define X(name, on) { STR_INIT(#name), on },
    LOG_SELECTORS(X)
#undef X
};
_Static_assert(LS_COUNT <= 64, "a selector is a bit of 64");

log_sel log_sel_default(void)
{
    log_sel sel = 0;

    for (int i = 0; i < LS_COUNT; i++)
        if (selectors[i].on)
            sel |= (log_sel)1 << i;
    return sel;
}

static bool selector_bits(struct str name, log_sel *bits)
{
    if (str_same(name, STR("all"))) {
        *bits = ~(log_sel)0;
        return true;
    }
    if (str_same(name, STR("rejected_headers")))
        name = STR("rejected_header");
    for (int i = 0; i < LS_COUNT; i++)
        if (str_same(name, selectors[i].name)) {
            *bits = (log_sel)1 << i;
            return true;
        }
    return false;
}

enum status log_sel_read(struct str text, log_sel *sel, struct why *why)
{
    struct str word;
    log_sel bits;

    for (size_t i = 0; i < text.n;) {
        if (text.p[i] == ' ' || text.p[i] == '\t' || text.p[i] == '\n') {
            i++;
            continue;
        }
        if (text.p[i] != '+' && text.p[i] != '-')
            return why_set(why, ST_NEVER, "log_selector: \"%.*s\" must begin with + or -", STR_ARG(str_head(str_from(text, i), 40)));
        size_t end = i + 1;
        while (end < text.n && text.p[end] != '+' && text.p[end] != '-' && text.p[end] != ' ' && text.p[end] != '\t' && text.p[end] != '\n')
            end++;
        word = (struct str){ text.p + i + 1, end - i - 1 };
        if (!selector_bits(word, &bits))
            return why_set(why, ST_NEVER, "log_selector: there is no \"%.*s\"", STR_ARG(str_head(word, 40)));
        *sel = text.p[i] == '+' ? *sel | bits : *sel & ~bits;
        i = end;
    }
    return ST_OK;
}

void logline_time(struct buf *out, log_sel sel, int64_t us)
{
    struct arena a = { 0 };

    if (us < 0)
        us = 0;
    if (us < 5000000 && log_sel_has(sel, LS_millisec))
        buf_addf(out, "%d.%03ds", (int)(us / 1000000), (int)(us / 1000 % 1000));
    else
        buf_add(out, clock_interval_text(&a, us / 1000000));
    arena_free(&a);
}

/* The process has one log, and so one list; that of the rules in use. */
enum { PORTS_MAX = 64 };
static struct { bool some; size_t n; uint16_t v[PORTS_MAX]; } ports;

void logline_ports(const struct val *list)
{
    ports.some = list && list->type == VAL_LIST;
    ports.n = 0;
    for (size_t i = 0; ports.some && i < list->u.list.n; i++) {
        struct str s = str_trim(list->u.list.v[i]);
        uint64_t port;

        if (str_same(s, STR("*")))
            ports.some = false;
        else if (ports.n < PORTS_MAX && str_u64(s, 65535, &port))
            ports.v[ports.n++] = (uint16_t)port;
    }
}

static bool port_logged(uint16_t port)
{
    if (!ports.some)
        return true;
    for (size_t i = 0; i < ports.n; i++)
        if (ports.v[i] == port)
            return true;
    return false;
}

static void put_ip(struct buf *out, struct ip ip)
{
    struct arena a = { 0 };

    if (ip.v == IP_V4) {
        buf_addf(out, "[%u.%u.%u.%u]", ip.b[0], ip.b[1], ip.b[2], ip.b[3]);
        return;
    }
    buf_byte(out, '[');
    buf_add(out, ip_text(&a, ip));
    buf_byte(out, ']');
    arena_free(&a);
}

static void put_tag(struct buf *out, const char *tag, struct str value)
{
    if (value.n == 0)
        return;
    buf_addf(out, " %s=", tag);
    buf_add(out, value);
}

static void put_quoted(struct buf *out, const char *tag, struct str value)
{
    buf_addf(out, " %s=\"", tag);
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '"' || value.p[i] == '\\')
            buf_byte(out, '\\');
        buf_byte(out, value.p[i]);
    }
    buf_byte(out, '"');
}

void logline_peer(struct buf *out, log_sel sel, const struct conn *c)
{
    bool named = c->host_name.n > 0;
    bool helo = c->helo.n > 0 && !(named && str_same_fold(c->helo, c->host_name));

    if (named) {
        buf_add(out, c->host_name);
        buf_byte(out, ' ');
    }
    if (helo) {
        buf_byte(out, '(');
        buf_add(out, c->helo);
        buf_add(out, STR(") "));
    }
    put_ip(out, c->client_ip);
    if (log_sel_has(sel, LS_incoming_port) && c->client_port && port_logged(c->local_port))
        buf_addf(out, ":%u", c->client_port);
    if (log_sel_has(sel, LS_incoming_interface) && c->local_ip.v) {
        buf_add(out, STR(" I="));
        put_ip(out, c->local_ip);
        buf_addf(out, ":%u", c->local_port);
    }
}

void logline_client(struct buf *out, log_sel sel, const struct conn *c)
{
    if (c->client_ip.v) {
        buf_add(out, STR("H="));
        logline_peer(out, sel, c);
    }
    if (c->ident.n) {
        if (c->client_ip.v)
            buf_byte(out, ' ');
        buf_add(out, STR("U="));
        buf_add(out, c->ident);
    }
}

/* Of a name that the other side made up, so much that what follows it in the line still has room. */
enum { DN_SHOWN = 1024 };

void logline_tls(struct buf *out, log_sel sel, const struct at_tls *t, bool with_sni)
{
    if (!tls_is_on(t))
        return;
    if (log_sel_has(sel, LS_tls_cipher)) {
        put_tag(out, "X", t->cipher);
        if (log_sel_has(sel, LS_tls_resumption) && t->resumption & RESUMPTION_USED)
            buf_byte(out, '*');
    }
    if (log_sel_has(sel, LS_tls_certificate_verified))
        put_tag(out, "CV", t->verified ? t->dane ? STR("dane") : STR("yes") : STR("no"));
    if (log_sel_has(sel, LS_tls_peerdn) && t->peer_dn.n)
        put_quoted(out, "DN", str_head(t->peer_dn, DN_SHOWN));
    if (with_sni && log_sel_has(sel, LS_tls_sni) && t->sni.n)
        put_quoted(out, "SNI", t->sni);
}

void logline_connection(struct buf *out, log_sel sel, const struct conn *c)
{
    struct arena a = { 0 };

    if (c->smtp && log_sel_has(sel, LS_connection_id))
        put_tag(out, "Ci", conn_identifier(&a, c));
    arena_free(&a);
}

/* Who logged in, and as whose mail (RFC 4954's AUTH= of MAIL) it is said to come. */
static void put_auth(struct buf *out, log_sel sel, const struct conn *c)
{
    bool for_whom = log_sel_has(sel, LS_smtp_mailauth) && c->auth_sender.n;

    if (!c->auth_name.n)
        return;
    put_tag(out, "A", c->auth_name);
    if (c->auth_id.n || for_whom) {
        buf_byte(out, ':');
        buf_add(out, c->auth_id);
    }
    if (for_whom) {
        buf_byte(out, ':');
        buf_add(out, c->auth_sender);
    }
}

/* " SPF" for a pass; with the verbose selector the result, whatever it is. */
static void put_mark(struct buf *out, const char *name, bool passed, bool verbose, struct str result)
{
    if (verbose)
        put_tag(out, name, result);
    else if (passed)
        buf_addf(out, " %s", name);
}

void logline_judged(struct buf *out, log_sel sel, const struct txn *t)
{
    bool spf = log_sel_has(sel, LS_spf_verbose), dmarc = log_sel_has(sel, LS_dmarc_verbose);

    if (t->spf && (spf || log_sel_has(sel, LS_spf)))
        put_mark(out, "SPF", str_same(t->spf->result, STR("pass")), spf, t->spf->result);
    if (t->dmarc && (dmarc || log_sel_has(sel, LS_dmarc)))
        put_mark(out, "DMARC", str_same(t->dmarc->status, STR("accept")), dmarc, t->dmarc->status);
}

static void put_address(struct buf *out, struct str address)
{
    if (address.n)
        buf_add(out, address);
    else
        buf_add(out, STR("<>"));
}

static void put_recipients(struct buf *out, const struct txn *t)
{
    buf_add(out, STR(" for"));
    for (uint32_t i = 0; i < t->nrcpts; i++) {
        buf_byte(out, ' ');
        buf_add(out, t->rcpts[i].addr);
    }
}

/* One domain that signed it; empty: none did. */
static struct str dkim_domain(const struct txn *t)
{
    const struct signature *s = t->proof ? proof_passed(t->proof) : NULL;

    return s ? s->domain : STR("");
}

/* tls_on_connect: names of their own for TLS from the first octet, as Exim has them. */
static struct str shown_protocol(log_sel sel, const struct txn *t)
{
    static const struct { const char *usual, *shown; } names[] = {
        { "smtps", "ssmtp" }, { "esmtps", "essmtp" }, { "esmtpsa", "essmtpa" },
    };

    for (size_t i = 0; t->conn->tls_on_connect && log_sel_has(sel, LS_tls_on_connect) && i < sizeof names / sizeof *names; i++)
        if (str_same(t->protocol, str_of(names[i].usual)))
            return str_of(names[i].shown);
    return t->protocol;
}

void logline_arrival(struct buf *out, log_sel sel, const struct txn *t, struct str cause, bool id_made)
{
    struct arena a = { 0 };
    const struct field *f;

    buf_add(out, t->fake_code ? STR("(= ") : STR("<= "));
    put_address(out, t->sender);
    put_tag(out, "R", cause);
    if (t->conn->client_ip.v || t->conn->ident.n) {
        buf_byte(out, ' ');
        logline_client(out, sel, t->conn);
    }
    logline_connection(out, sel, t->conn);
    put_tag(out, "P", shown_protocol(sel, t));
    if (log_sel_has(sel, LS_pipelining) && t->conn->pipelining)
        buf_add(out, t->conn->pipelined ? STR(" L") : STR(" L-"));
    logline_tls(out, sel, &t->conn->tls, true);
    put_auth(out, sel, t->conn);
    logline_judged(out, sel, t);
    buf_addf(out, " S=%llu", (unsigned long long)t->size);
    if (log_sel_has(sel, LS_8bitmime))
        buf_addf(out, " M8S=%d", t->body_8bit ? 8 : 0);
    if (log_sel_has(sel, LS_dkim))
        put_tag(out, "DKIM", dkim_domain(t));
    if (t->proof && t->proof->arc.judged && t->proof->arc.state == ARC_PASS)
        buf_add(out, STR(" ARC"));
    if (log_sel_has(sel, LS_receive_time)) {
        buf_add(out, STR(" RT="));
        logline_time(out, sel, t->received_done_us - t->received_us);
    }
    put_tag(out, "Q", t->queue_name);
    if (log_sel_has(sel, LS_msg_id) && (!id_made || log_sel_has(sel, LS_msg_id_created))
        && (f = header_field(&t->header, STR("Message-ID"), 0))) {
        struct str v = str_trim(header_unfold(&a, f->value));
        if (v.n > 2 && v.p[0] == '<' && v.p[v.n - 1] == '>')
            v = (struct str){ v.p + 1, v.n - 2 };
        put_tag(out, id_made ? "id*" : "id", str_head(v, 256));
    }
    if (log_sel_has(sel, LS_subject) && (f = header_field(&t->header, STR("Subject"), 0)))
        put_quoted(out, "T", str_head(header_decode(&a, str_trim(header_unfold(&a, f->value))), 256));
    if (log_sel_has(sel, LS_received_sender)) {
        buf_add(out, STR(" from <"));
        buf_add(out, t->sender);
        buf_byte(out, '>');
    }
    if (log_sel_has(sel, LS_received_recipients))
        put_recipients(out, t);
    arena_free(&a);
}

/* "ann <ann@example.org>" for a local delivery, "bob@there.example
 * <alias@example.org>" for one that was redirected, else the address alone. */
static void put_who(struct buf *out, log_sel sel, const struct log_delivery *d)
{
    struct addr parts;
    struct str original = d->original.n ? d->original : d->address;

    if (d->shown.n) {
        buf_add(out, d->shown);
    } else if (d->local && addr_split(d->address, &parts)) {
        buf_add(out, parts.local);
    } else {
        put_address(out, d->address);
        if (str_same_fold(original, d->address))
            return;
    }
    if (log_sel_has(sel, LS_all_parents) && d->parents.n) {
        buf_byte(out, ' ');
        buf_add(out, d->parents);
    }
    buf_add(out, STR(" <"));
    buf_add(out, original);
    buf_byte(out, '>');
}

static void put_envelope(struct buf *out, log_sel sel, const struct log_delivery *d)
{
    if (log_sel_has(sel, LS_sender_on_delivery)) {
        buf_add(out, STR(" F=<"));
        buf_add(out, d->sender);
        buf_byte(out, '>');
    }
    put_tag(out, "Q", d->queue);
    if (d->srs_sender.n) {
        buf_add(out, STR(" SRS=<"));
        buf_add(out, d->srs_sender);
        buf_byte(out, '>');
    }
    if (log_sel_has(sel, LS_return_path_on_delivery)) {
        buf_add(out, STR(" P=<"));
        buf_add(out, d->return_path);
        buf_byte(out, '>');
    }
}

static void put_way(struct buf *out, const struct log_delivery *d)
{
    put_tag(out, "R", d->router);
    put_tag(out, "T", d->transport);
    put_tag(out, "ST", d->shadow);
}

#define OF_A_NEW_ONE ((log_sel)1 << LS_tls_certificate_verified | (log_sel)1 << LS_tls_peerdn)

static void put_host(struct buf *out, log_sel sel, const struct log_delivery *d)
{
    if (!d->host)
        return;
    buf_add(out, STR(" H="));
    if (d->host->name.n) {
        buf_add(out, d->host->name);
        if (d->host->ip.v)
            buf_byte(out, ' ');
    }
    if (d->host->ip.v)
        put_ip(out, d->host->ip);
    if (d->reused)
        buf_byte(out, '*');
    if (log_sel_has(sel, LS_outgoing_port) && d->host->port && port_logged(d->host->port))
        buf_addf(out, ":%u", d->host->port);
    if (log_sel_has(sel, LS_incoming_interface) && log_sel_has(sel, LS_outgoing_interface) && d->host->from_ip.v) {
        buf_add(out, STR(" I="));
        put_ip(out, d->host->from_ip);
        buf_addf(out, ":%u", d->host->from_port);
    }
    if (log_sel_has(sel, LS_protocol_detail))
        put_tag(out, "PS", str_of(d->host->start));
    if (log_sel_has(sel, LS_pipelining) && d->host->pipelining)
        buf_add(out, STR(" L"));
    if (log_sel_has(sel, LS_dnssec) && d->host->secure && !d->reused)
        buf_add(out, STR(" DS"));
    /* Who verified whom was said when the connection was new (TPRX-02). */
    logline_tls(out, d->reused ? sel & ~OF_A_NEW_ONE : sel, &d->host->tls, false);
    if (d->host->auth.n)
        put_tag(out, "A", d->host->auth);
}

static void put_times(struct buf *out, log_sel sel, const struct log_delivery *d, bool queue_too)
{
    if (queue_too && log_sel_has(sel, LS_queue_time)) {
        buf_add(out, STR(" QT="));
        logline_time(out, sel, d->queue_us);
    }
    if (log_sel_has(sel, LS_deliver_time)) {
        buf_add(out, STR(" DT="));
        logline_time(out, sel, d->deliver_us);
    }
}

void logline_delivered(struct buf *out, log_sel sel, const struct log_delivery *d)
{
    buf_add(out, d->cutthrough ? STR(">> ") : d->further ? STR("-> ") : STR("=> "));
    put_who(out, sel, d);
    put_envelope(out, sel, d);
    put_way(out, d);
    if (log_sel_has(sel, LS_delivery_size))
        buf_addf(out, " S=%llu", (unsigned long long)d->size);
    put_host(out, sel, d);
    if (log_sel_has(sel, LS_dkim_verbose))
        put_tag(out, "DKIM", d->signed_by);
    if (log_sel_has(sel, LS_smtp_confirmation) && d->confirmation.n)
        put_quoted(out, "C", d->confirmation);
    put_times(out, sel, d, true);
}

void logline_deferred(struct buf *out, log_sel sel, const struct log_delivery *d)
{
    buf_add(out, STR("== "));
    put_who(out, sel, d);
    put_tag(out, "Q", d->queue);
    put_way(out, d);
    put_host(out, sel, d);
    put_times(out, sel, d, false);
    buf_addf(out, " defer (%d): ", d->err);
    buf_add(out, d->error);
}

void logline_failed(struct buf *out, log_sel sel, const struct log_delivery *d)
{
    buf_add(out, STR("** "));
    put_who(out, sel, d);
    put_envelope(out, sel, d);
    put_way(out, d);
    put_host(out, sel, d);
    put_times(out, sel, d, false);
    buf_add(out, STR(": "));
    buf_add(out, d->error);
}

void logline_completed(struct buf *out, log_sel sel, int64_t queue_us, struct str queue)
{
    buf_add(out, STR("Completed"));
    put_tag(out, "Q", queue);
    if (log_sel_has(sel, LS_queue_time_overall)) {
        buf_add(out, STR(" QT="));
        logline_time(out, sel, queue_us);
    }
}
