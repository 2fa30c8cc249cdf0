/*
 * The resolver against a server of our own on a loopback port: it answers by
 * the first label of the name asked for.
 */
#include "dns/dns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "dns/packet.h"
#include "dns/servers.h"

enum root { ROOT_SIGNED, ROOT_STRIPPED, ROOT_REFUSED, ROOT_SILENT };

struct world {
    struct loop *loop;
    struct dns *dns;
    int fd;
    struct watch *watch;
    enum root root;
    unsigned asked, log_lines;
    struct arena arena;
    struct str got;
    enum dns_security security;
    unsigned calls;
};

/* ---- the server */

static void put16(struct buf *b, unsigned v)
{
    buf_byte(b, (char)(v >> 8));
    buf_byte(b, (char)v);
}

static void put_rr(struct buf *b, unsigned type, const void *data, size_t n)
{
    put16(b, 0xc00c);
    put16(b, type);
    put16(b, 1);
    put16(b, 0);
    put16(b, 60);
    put16(b, (unsigned)n);
    buf_add(b, (struct str){ data, n });
}

static void put_root(struct world *w, struct buf *b, unsigned *answers)
{
    static const char soa[] = "\0\0" "\0\0\0\1" "\0\0\0\2" "\0\0\0\3" "\0\0\0\4" "\0\0\0\5";
    static const char rrsig[] = "\0\6\x8\0\0\1\x51\x80\x7f\xff\xff\xff\0\0\0\0\x12\x34\0sig";

    put_rr(b, 6, soa, 22);
    *answers = 1;
    if (w->root == ROOT_SIGNED) {
        put_rr(b, 46, rrsig, 22);
        *answers = 2;
    }
}

/* False: say nothing. */
static bool compose(struct world *w, struct str label, unsigned type, struct buf *b, unsigned *flags, unsigned *answers)
{
    if (label.n == 0) {
        if (type == 6)
            put_root(w, b, answers);
        if (w->root == ROOT_REFUSED)
            *flags |= 5;
        return w->root != ROOT_SILENT;
    }
    if (str_same_fold(label, STR("silent")))
        return false;
    if (str_same_fold(label, STR("servfail")))
        *flags |= 2;
    else if (str_same_fold(label, STR("refused")))
        *flags |= 5;
    else if (str_same_fold(label, STR("nx")))
        *flags |= 3;
    else if (str_same_fold(label, STR("truncated")))
        *flags |= 0x200;
    else if (str_same_fold(label, STR("host")) && type == DNS_A)
        put_rr(b, DNS_A, "\xc0\0\2\1", 4), *answers = 1;
    else if (str_same_fold(label, STR("host")) && type == DNS_MX)
        put_rr(b, DNS_MX, "\0\12\2mx\xc0\x0c", 7), *answers = 1;
    else if (str_same_fold(label, STR("short")))
        put_rr(b, DNS_A, "\xc0\0\2", 3), *answers = 1;
    else if (str_same_fold(label, STR("loop")))
        put_rr(b, DNS_CNAME, "\xc0\x0c", 2), *answers = 1;
    else if (str_same_fold(label, STR("text")) && type == DNS_TXT)
        put_rr(b, DNS_TXT, "\3one\0\3two", 9), *answers = 1;
    return true;
}

static void on_question(void *ctx, int what)
{
    struct world *w = ctx;
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    char in[2048], *p;
    ssize_t n = recvfrom(w->fd, in, sizeof in, 0, (struct sockaddr *)&from, &len);
    struct buf b = { 0 };
    unsigned flags = 0x8180, answers = 0, type;
    size_t end = 12;

    (void)what;
    if (n < 17)
        return;
    w->asked++;
    while (end < (size_t)n && in[end])
        end += (unsigned char)in[end] + 1u;
    end += 5;
    type = (unsigned)(unsigned char)in[end - 4] << 8 | (unsigned char)in[end - 3];
    buf_add(&b, (struct str){ in, end });
    if (compose(w, (struct str){ in + 13, (unsigned char)in[12] }, type, &b, &flags, &answers)) {
        p = b.mem + b.at;
        p[2] = (char)(flags >> 8);
        p[3] = (char)flags;
        p[7] = (char)answers;
        p[6] = p[8] = p[9] = p[10] = p[11] = 0;
        sendto(w->fd, p, b.n, 0, (struct sockaddr *)&from, len);
    }
    buf_free(&b);
}

/* ---- the world */

static void on_log(void *ctx, enum log_file f, struct str line)
{
    struct world *w = ctx;

    (void)f;
    w->log_lines += str_find_str(line, STR("gives no DNSSEC signatures")) != SIZE_MAX;
}

static struct world *open_world(enum root root, const char *hosts)
{
    struct world *w = calloc(1, sizeof *w);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    struct dns_config c = { .timeout_ms = 700, .hosts_file = hosts };
    struct why why = { 0 };

    w->root = root;
    w->loop = loop_new();
    w->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(w->fd, (struct sockaddr *)&at, &len), 0);
    w->watch = watch_new(w->loop, w->fd, on_question, w);
    watch_set(w->watch, WATCH_READ);
    log_to(on_log, w);
    c.servers = arena_printf(&w->arena, "127.0.0.1#%u", ntohs(at.sin_port));
    if (dns_open(w->loop, &c, &w->dns, &why) != ST_OK)
        fail_msg("%s", why.text);
    return w;
}

static void close_world(struct world *w)
{
    dns_close(w->dns);
    watch_free(w->watch);
    close(w->fd);
    loop_free(w->loop);
    log_to(NULL, NULL);
    arena_free(&w->arena);
    free(w);
}

static void on_answer(void *ctx, const struct dns_answer *a)
{
    struct world *w = ctx;

    w->calls++;
    w->security = a->security;
    if (a->status == ST_AGAIN) {
        w->got = arena_printf(&w->arena, "AGAIN %s", a->why.text);
        return;
    }
    w->got = a->status == ST_NONE ? arena_dup(&w->arena, a->nxdomain ? STR("NXDOMAIN") : STR("NONE")) : STR("OK");
    for (size_t i = 0; i < a->n; i++)
        w->got = a->rr[i].ip.v
            ? arena_printf(&w->arena, "%.*s %.*s", STR_ARG(w->got), STR_ARG(ip_text(&w->arena, a->rr[i].ip)))
            : arena_printf(&w->arena, "%.*s %u:%.*s%.*s", STR_ARG(w->got), a->rr[i].preference,
                           STR_ARG(a->rr[i].target), STR_ARG(a->rr[i].text));
}

static void wait_for(struct world *w, unsigned calls)
{
    int64_t until = clock_mono_ms() + 5000;

    while (w->calls < calls && clock_mono_ms() < until)
        loop_turn(w->loop, 50);
    assert_int_equal(w->calls, calls);
}

static struct str ask(struct world *w, const char *name, uint16_t type)
{
    w->calls = 0;
    dns_ask(w->dns, str_of(name), type, on_answer, w);
    wait_for(w, 1);
    return w->got;
}

/* ---- what must hold */

static const struct { const char *name; uint16_t type; const char *want; } rows[] = {
    { "host.test", DNS_A, "OK 192.0.2.1" },
    { "HOST.test.", DNS_A, "OK 192.0.2.1" },
    { "host.test", DNS_AAAA, "NONE" },
    { "host.test", DNS_MX, "OK 10:mx.host.test" },
    { "text.example.org", DNS_TXT, "OK 0:onetwo" },
    { "nx.test", DNS_A, "NXDOMAIN" },
    { "nx..test", DNS_A, "NXDOMAIN" },
    { "servfail.test", DNS_A, "AGAIN A servfail.test: SERVFAIL" },
    { "refused.test", DNS_A, "AGAIN A refused.test: SERVFAIL" },
    { "short.test", DNS_A, "AGAIN " },
    { "loop.test", DNS_A, "AGAIN A loop.test: " },
    { "truncated.test", DNS_A, "AGAIN A truncated.test: " },     /* nobody listens on TCP */
    { "silent.test", DNS_A, "AGAIN A silent.test: timed out" },
};

static void what_a_server_says(void **state)
{
    struct world *w = open_world(ROOT_STRIPPED, "");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str got = ask(w, rows[i].name, rows[i].type);

        if (!str_starts(got, str_of(rows[i].want)))
            fail_msg("%s: got %.*s, want %s", rows[i].name, STR_ARG(got), rows[i].want);
        assert_int_equal(w->security, DNS_INSECURE);
    }
    assert_int_equal(w->log_lines, 1);                  /* said once */
    close_world(w);
}

static void a_cached_answer_comes_inside_the_call(void **state)
{
    struct world *w = open_world(ROOT_STRIPPED, "");
    unsigned asked;

    (void)state;
    ask(w, "host.test", DNS_A);
    asked = w->asked;
    w->calls = 0;
    assert_null(dns_ask(w->dns, STR("host.test"), DNS_A, on_answer, w));
    assert_int_equal(w->calls, 1);
    assert_int_equal(w->asked, asked);
    close_world(w);
}

static void a_forwarder_that_refuses_the_root_is_not_trusted_with_signatures(void **state)
{
    struct world *w = open_world(ROOT_REFUSED, "");

    (void)state;
    assert_true(str_same(ask(w, "host.test", DNS_A), STR("OK 192.0.2.1")));
    close_world(w);
}

/* It says it has signatures, but nothing it answers can be proved: bogus is turned
 * away although the records are there. */
static void bogus_is_again(void **state)
{
    struct world *w = open_world(ROOT_SIGNED, "");

    (void)state;
    ask(w, "host.example.org", DNS_A);
    assert_true(str_starts(w->got, STR("AGAIN A host.example.org: ")));
    assert_int_equal(w->log_lines, 0);
    close_world(w);
}

static void cancelled_and_closed_questions_call_nobody(void **state)
{
    struct world *w = open_world(ROOT_STRIPPED, "");
    struct dns_query *q;

    (void)state;
    w->calls = 0;
    q = dns_ask(w->dns, STR("silent.test"), DNS_A, on_answer, w);      /* waits for the probe */
    assert_non_null(q);
    dns_cancel(q);
    ask(w, "host.test", DNS_A);
    w->calls = 0;
    q = dns_ask(w->dns, STR("silent.test"), DNS_A, on_answer, w);      /* with the resolver */
    assert_non_null(q);
    for (int i = 0; i < 5; i++)
        loop_turn(w->loop, 10);
    dns_cancel(q);
    assert_non_null(dns_ask(w->dns, STR("silent.example.org"), DNS_A, on_answer, w));
    loop_turn(w->loop, 10);
    close_world(w);
}

static void the_hosts_file_comes_first_for_addresses(void **state)
{
    char path[] = "/tmp/perigee-hosts-XXXXXX";
    int fd = mkstemp(path);
    static const char text[] = "# local\n192.0.2.50 host.test alias.test # end\n2001:db8::5\talias.test\nnonsense\n";
    struct world *w;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    w = open_world(ROOT_STRIPPED, path);
    assert_true(str_same(ask(w, "host.test", DNS_A), STR("OK 192.0.2.50")));
    assert_true(str_same(ask(w, "Alias.test", DNS_AAAA), STR("OK 2001:db8::5")));
    assert_true(str_same(ask(w, "host.test", DNS_AAAA), STR("NONE")));
    assert_true(str_same(ask(w, "50.2.0.192.in-addr.arpa", DNS_PTR), STR("OK 0:host.test")));
    assert_true(str_same(ask(w, "host.test", DNS_MX), STR("OK 10:mx.host.test")));     /* not the file's matter */
    close_world(w);
    unlink(path);
}

struct repeat { struct world *world; unsigned left; };

static void ask_on(void *ctx, const struct dns_answer *a)
{
    struct repeat *r = ctx;

    (void)a;
    if (r->left-- > 0)
        dns_ask(r->world->dns, STR("host.test"), DNS_A, ask_on, r);
    else
        r->world->calls++;
}

static void a_callback_may_ask(void **state)
{
    struct world *w = open_world(ROOT_STRIPPED, "");
    struct repeat r = { w, 50 };

    (void)state;
    w->calls = 0;
    dns_ask(w->dns, STR("host.test"), DNS_A, ask_on, &r);
    wait_for(w, 1);
    close_world(w);
}

static const struct { const char *list, *want; } lists[] = {
    { "192.0.2.1", "192.0.2.1#53" },
    { "192.0.2.1#5353 : 192.0.2.2", "192.0.2.1#5353 192.0.2.2#53" },
    { "2001::db8::::1", "2001:db8::1#53" },
    { "<; 2001:db8::1 ; 192.0.2.1#54", "2001:db8::1#53 192.0.2.1#54" },
    { "", NULL }, { "ns.example", NULL }, { "192.0.2.1#0", NULL }, { "192.0.2.1#70000", NULL },
};

static void servers_are_read(void **state)
{
    struct arena a = { 0 };
    struct servers s;

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct str got = STR("");
        enum status st = servers_read(str_of(lists[i].list), &s, NULL);

        assert_int_equal(st, lists[i].want ? ST_OK : ST_NEVER);
        if (!lists[i].want)
            continue;
        for (size_t k = 0; k < s.n; k++)
            got = arena_printf(&a, "%.*s%s%.*s#%u", STR_ARG(got), k ? " " : "", STR_ARG(ip_text(&a, s.v[k].ip)), s.v[k].port);
        assert_true(str_same(got, str_of(lists[i].want)));
    }
    servers_resolv(STR("search x\n# nameserver 192.0.2.9\nnameserver 192.0.2.1\n nameserver\t2001:db8::1 \nnameserver fe80::1%eth0\n"), &s);
    assert_int_equal(s.n, 2);
    servers_resolv(STR(""), &s);
    assert_int_equal(s.n, 1);
    assert_true(ip_is_loopback(s.v[0].ip));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        { "answers, refusals and silence of a server", what_a_server_says, NULL, NULL, NULL },
        { "a cached answer comes inside the call", a_cached_answer_comes_inside_the_call, NULL, NULL, NULL },
        { "a forwarder that refuses the root still answers, without validation",
          a_forwarder_that_refuses_the_root_is_not_trusted_with_signatures, NULL, NULL, NULL },
        { "an answer that cannot be proved is again, never taken", bogus_is_again, NULL, NULL, NULL },
        { "cancelled and closed questions call nobody", cancelled_and_closed_questions_call_nobody, NULL, NULL, NULL },
        { "the hosts file comes first for addresses", the_hosts_file_comes_first_for_addresses, NULL, NULL, NULL },
        { "a callback may ask", a_callback_may_ask, NULL, NULL, NULL },
        { "lists of servers and resolv.conf", servers_are_read, NULL, NULL, NULL },
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
