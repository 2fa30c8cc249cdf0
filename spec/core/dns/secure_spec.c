/*
 * DNSSEC against a zone signed here and now: sec.example, ECDSA P-256
 * (RFC 6605), served by a server of our own on a loopback port.
 */
#include "dns/dns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "dns/anchor.h"
#include "dns/dname.h"

enum { TYPE_RRSIG = 46, TYPE_DNSKEY = 48, KEY_FLAGS = 257, ALG = 13, TTL = 60 };

struct world {
    struct loop *loop;
    struct dns *dns;
    int fd;
    struct watch *watch;
    struct buf anchors;
    EVP_PKEY *key;
    struct buf dnskey;          /* its data */
    struct dname zone;
    struct arena arena;
    enum status status;
    enum dns_security security;
    unsigned calls;
    size_t n;
    struct ip ip;
    struct why why;
};

static void put(struct buf *b, uint64_t v, unsigned bytes)
{
    while (bytes-- > 0)
        buf_byte(b, (char)(v >> (8 * bytes)));
}

static unsigned key_tag(struct str rdata)           /* RFC 4034 B */
{
    uint32_t sum = 0;

    for (size_t i = 0; i < rdata.n; i++)
        sum += (uint32_t)(uint8_t)rdata.p[i] << (i & 1 ? 0 : 8);
    return (sum + (sum >> 16)) & 0xffff;
}

/* r and s, 32 octets each, of the DER that OpenSSL makes. */
static void sign(EVP_PKEY *key, struct str data, struct buf *out)
{
    unsigned char der[128], raw[64];
    const unsigned char *p = der;
    size_t n = sizeof der;
    EVP_MD_CTX *m = EVP_MD_CTX_new();
    ECDSA_SIG *sig;

    assert_int_equal(EVP_DigestSignInit(m, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(m, der, &n, (const unsigned char *)data.p, data.n), 1);
    sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
    assert_non_null(sig);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32);
    buf_add(out, (struct str){ (char *)raw, 64 });
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(m);
}

static void put_rr(struct buf *b, unsigned type, struct str data)
{
    put(b, 0xc00c, 2);
    put(b, type, 2);
    put(b, 1, 2);
    put(b, TTL, 4);
    put(b, data.n, 2);
    buf_add(b, data);
}

/* The record and its signature (RFC 4034 3.1.8.1). */
static void put_signed(struct world *w, struct buf *b, const struct dname *owner, unsigned type, struct str data)
{
    struct buf sig = { 0 }, text = { 0 };
    uint32_t now = (uint32_t)time(NULL);

    put(&sig, type, 2);
    put(&sig, ALG, 1);
    put(&sig, dname_labels(owner), 1);
    put(&sig, TTL, 4);
    put(&sig, now + 86400, 4);
    put(&sig, now - 86400, 4);
    put(&sig, key_tag(buf_str(&w->dnskey)), 2);
    buf_add(&sig, dname_str(&w->zone));
    buf_add(&text, buf_str(&sig));
    buf_add(&text, dname_str(owner));
    put(&text, type, 2);
    put(&text, 1, 2);
    put(&text, TTL, 4);
    put(&text, data.n, 2);
    buf_add(&text, data);
    sign(w->key, buf_str(&text), &sig);
    put_rr(b, type, data);
    put_rr(b, TYPE_RRSIG, buf_str(&sig));
    buf_free(&sig);
    buf_free(&text);
}

static void on_question(void *ctx, int what)
{
    struct world *w = ctx;
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    char in[2048];
    ssize_t n = recvfrom(w->fd, in, sizeof in, 0, (struct sockaddr *)&from, &len);
    struct buf b = { 0 };
    struct dname name = { 0 };
    size_t end = 12;
    unsigned type, answers = 2;

    (void)what;
    if (n < 17)
        return;
    while (end < (size_t)n && in[end])
        end += (unsigned char)in[end] + 1u;
    name.n = (uint8_t)(end + 1 - 12);
    for (size_t i = 0; i < name.n; i++)
        name.b[i] = (uint8_t)ascii_lower(in[12 + i]);
    end += 5;
    type = (unsigned)(unsigned char)in[end - 3];
    buf_add(&b, (struct str){ in, end });
    if (type == TYPE_DNSKEY && dname_same(&name, &w->zone))
        put_signed(w, &b, &name, type, buf_str(&w->dnskey));
    else if (type == DNS_A && dname_below(&name, &w->zone))
        put_signed(w, &b, &name, type, (struct str){ "\xc0\0\2\1", 4 });
    else
        answers = 0;
    if (name.b[1] == 'f' && type == DNS_A)          /* forged: the address is changed after signing */
        b.mem[b.at + end + 15] = 66;
    if (name.b[1] == 's' && name.b[2] == 't' && type == DNS_A) {    /* stripped: no signature */
        buf_cut(&b, end + 16);
        answers = 1;
    }
    b.mem[b.at + 2] = (char)0x81;
    b.mem[b.at + 3] = (char)0x80;
    memset(b.mem + b.at + 6, 0, 6);
    b.mem[b.at + 7] = (char)answers;
    sendto(w->fd, b.mem + b.at, b.n, 0, (struct sockaddr *)&from, len);
    buf_free(&b);
}

static void make_key(struct world *w)
{
    unsigned char point[65];
    size_t n = 0;
    char base64[128];
    struct str text;
    struct why why = { 0 };

    w->key = EVP_EC_gen("P-256");
    assert_non_null(w->key);
    assert_int_equal(EVP_PKEY_get_octet_string_param(w->key, "pub", point, sizeof point, &n), 1);
    assert_int_equal(n, 65);
    put(&w->dnskey, KEY_FLAGS, 2);
    put(&w->dnskey, 3, 1);
    put(&w->dnskey, ALG, 1);
    buf_add(&w->dnskey, (struct str){ (char *)point + 1, 64 });
    EVP_EncodeBlock((unsigned char *)base64, point + 1, 64);

    text = arena_printf(&w->arena, "sec.example. 60 IN DNSKEY %d 3 %d %s\n", KEY_FLAGS, ALG, base64);
    if (anchor_add(text, &w->anchors, &why) != ST_OK)
        fail_msg("%s", why.text);
}

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    struct dns_config c = { .timeout_ms = 3000, .hosts_file = "" };
    struct why why = { 0 };

    assert_true(dname_read(STR("sec.example"), &dname_root, &w->zone));
    make_key(w);
    w->loop = loop_new();
    w->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(w->fd, (struct sockaddr *)&at, &len), 0);
    w->watch = watch_new(w->loop, w->fd, on_question, w);
    watch_set(w->watch, WATCH_READ);
    c.servers = arena_printf(&w->arena, "127.0.0.1#%u", ntohs(at.sin_port));
    c.anchors = buf_str(&w->anchors);
    if (dns_open(w->loop, &c, &w->dns, &why) != ST_OK)
        fail_msg("%s", why.text);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    dns_close(w->dns);
    watch_free(w->watch);
    close(w->fd);
    loop_free(w->loop);
    buf_free(&w->anchors);
    EVP_PKEY_free(w->key);
    buf_free(&w->dnskey);
    arena_free(&w->arena);
    free(w);
    return 0;
}

static void on_answer(void *ctx, const struct dns_answer *a)
{
    struct world *w = ctx;

    w->calls++;
    w->status = a->status;
    w->security = a->security;
    w->n = a->n;
    w->why = a->why;
    if (a->n)
        w->ip = a->rr[0].ip;
}

static void ask(struct world *w, const char *name)
{
    int64_t until = clock_mono_ms() + 5000;

    w->calls = 0;
    dns_ask(w->dns, str_of(name), DNS_A, on_answer, w);
    while (w->calls == 0 && clock_mono_ms() < until)
        loop_turn(w->loop, 50);
    assert_int_equal(w->calls, 1);
}

static void what_is_signed_is_secure(void **state)
{
    struct world *w = *state;

    ask(w, "host.sec.example");
    if (w->status != ST_OK)
        fail_msg("%s", w->why.text);
    assert_int_equal(w->security, DNS_SECURE);
    assert_int_equal(w->n, 1);
    ask(w, "host.sec.example");                     /* from the cache */
    assert_int_equal(w->security, DNS_SECURE);
}

static void what_was_changed_is_bogus(void **state)
{
    static const char *const names[] = { "forged.sec.example", "stripped.sec.example" };
    struct world *w = *state;

    for (size_t i = 0; i < 2; i++) {
        ask(w, names[i]);
        assert_int_equal(w->status, ST_AGAIN);
        assert_int_equal(w->security, DNS_BOGUS);
        assert_int_equal(w->n, 0);                  /* though the packet held the record */
        assert_non_null(strstr(w->why.text, ": bogus: "));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        { "a signed answer under the trust anchor is secure", what_is_signed_is_secure, open_world, close_world, NULL },
        { "a changed or stripped answer is bogus, and its records are not seen", what_was_changed_is_bogus,
          open_world, close_world, NULL },
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
