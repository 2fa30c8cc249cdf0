#include "dns/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buf.h"

/* Packets are written as C strings; the header says response, one question,
 * the answers counted. "\1a\0" asked with type A unless told otherwise. */
#define HEAD(rcode, an, ns) "\0\1\x81" rcode "\0\1\0" an "\0" ns "\0\0"
#define ASK(type) "\1a\0\0" type "\0\1"
#define RR(owner, type, ttl, len) owner "\0" type "\0\1\0\0\0" ttl "\0" len
#define AT_Q "\xc0\x0c"

#define P(lit) { lit, sizeof(lit) - 1 }

static const struct { const char *what; struct str packet; uint16_t type; const char *want; } rows[] = {
    { "one address", P(HEAD("\x80", "\1", "\0") ASK("\1") RR(AT_Q, "\1", "\x3c", "\4") "\xc0\0\2\1"),
      DNS_A, "OK 1 ttl 60" },
    { "an answer in upper case", P(HEAD("\x80", "\1", "\0") ASK("\1") RR("\1A\0", "\1", "\x3c", "\4") "\xc0\0\2\1"),
      DNS_A, "OK 1 ttl 60" },
    { "no such name", P(HEAD("\x83", "\0", "\0") ASK("\1")), DNS_A, "NXDOMAIN ttl 0" },
    { "no such record, TTL from the SOA",
      P(HEAD("\x80", "\0", "\1") ASK("\1") RR("\0", "\6", "\x3c", "\x16") "\0\0"
        "\0\0\0\1" "\0\0\0\2" "\0\0\0\3" "\0\0\0\4" "\0\0\0\x1e"), DNS_A, "NONE ttl 30" },
    { "through an alias", P(HEAD("\x80", "\2", "\0") ASK("\1") RR(AT_Q, "\5", "\x0a", "\3") "\1b\0"
                            RR("\1b\0", "\1", "\x3c", "\4") "\xc0\0\2\1"), DNS_A, "OK 1 ttl 10" },
    { "records of other names are not taken",
      P(HEAD("\x80", "\1", "\0") ASK("\1") RR("\1b\0", "\1", "\x3c", "\4") "\xc0\0\2\1"), DNS_A, "NONE ttl 0" },
    { "records of another class are not taken",
      P(HEAD("\x80", "\1", "\0") ASK("\1") AT_Q "\0\1\0\3\0\0\0\1\0\4\xc0\0\2\1"), DNS_A, "NONE ttl 0" },
    { "a TTL with the top bit counts as 0",
      P(HEAD("\x80", "\1", "\0") ASK("\1") AT_Q "\0\1\0\1\x80\0\0\0\0\4\xc0\0\2\1"), DNS_A, "OK 1 ttl 0" },
    { "the alias itself", P(HEAD("\x80", "\1", "\0") ASK("\5") RR(AT_Q, "\5", "\x0a", "\3") "\1b\0"),
      DNS_CNAME, "OK 1 ttl 10" },
    { "MX with a compressed name", P(HEAD("\x80", "\1", "\0") ASK("\xf") RR(AT_Q, "\xf", "\x0a", "\6") "\0\5\1x" AT_Q),
      DNS_MX, "OK 1 ttl 10" },

    { "nothing", P(""), DNS_A, "AGAIN A a: malformed answer" },
    { "half a header", P("\0\1\x81\x80\0\1"), DNS_A, "AGAIN A a: malformed answer" },
    { "a question, not a response", P("\0\1\1\0\0\1\0\0\0\0\0\0" ASK("\1")), DNS_A, "AGAIN A a: malformed answer" },
    { "no question", P("\0\1\x81\x80\0\0\0\0\0\0\0\0"), DNS_A, "AGAIN A a: malformed answer" },
    { "another question's name", P(HEAD("\x80", "\0", "\0") "\1b\0\0\1\0\1"), DNS_A, "AGAIN A a: answer to another question" },
    { "another question's type", P(HEAD("\x80", "\0", "\0") ASK("\2")), DNS_A, "AGAIN A a: answer to another question" },
    { "SERVFAIL", P(HEAD("\x82", "\0", "\0") ASK("\1")), DNS_A, "AGAIN A a: SERVFAIL" },
    { "REFUSED", P(HEAD("\x85", "\0", "\0") ASK("\1")), DNS_A, "AGAIN A a: REFUSED" },
    { "a code nobody knows", P(HEAD("\x8f", "\0", "\0") ASK("\1")), DNS_A, "AGAIN A a: RCODE15" },
    { "truncated", P("\0\1\x83\x80\0\1\0\0\0\0\0\0" ASK("\1")), DNS_A, "AGAIN A a: truncated answer" },
    { "more answers promised than there are bytes",
      P("\0\1\x81\x80\0\1\xff\xff\0\0\0\0" ASK("\1") RR(AT_Q, "\1", "\x3c", "\4") "\xc0\0\2\1"),
      DNS_A, "AGAIN A a: malformed answer" },
    { "data longer than the packet", P(HEAD("\x80", "\1", "\0") ASK("\1") RR(AT_Q, "\1", "\x3c", "\5") "\xc0\0\2\1"),
      DNS_A, "AGAIN A a: malformed answer" },
    { "an address of three bytes", P(HEAD("\x80", "\1", "\0") ASK("\1") RR(AT_Q, "\1", "\x3c", "\3") "\xc0\0\2"),
      DNS_A, "AGAIN A a: malformed record in answer" },
    { "an address of five bytes", P(HEAD("\x80", "\1", "\0") ASK("\1") RR(AT_Q, "\1", "\x3c", "\5") "\xc0\0\2\1\1"),
      DNS_A, "AGAIN A a: malformed record in answer" },
    { "a pointer to itself", P(HEAD("\x80", "\1", "\0") ASK("\1") RR("\xc0\x13", "\1", "\x3c", "\4") "\xc0\0\2\1"),
      DNS_A, "AGAIN A a: malformed answer" },
    { "a pointer forwards", P(HEAD("\x80", "\1", "\0") ASK("\1") RR("\xc0\x20", "\1", "\x3c", "\4") "\xc0\0\2\1"),
      DNS_A, "AGAIN A a: malformed answer" },
    { "a label that leads into its own pointer",
      P(HEAD("\x80", "\1", "\0") ASK("\1") RR("\1b\xc0\x13", "\1", "\x3c", "\4") "\xc0\0\2\1"),
      DNS_A, "AGAIN A a: malformed answer" },
    { "a pointer cut in half", P(HEAD("\x80", "\1", "\0") ASK("\1") "\xc0"), DNS_A, "AGAIN A a: malformed answer" },
    { "a label type of old", P(HEAD("\x80", "\1", "\0") ASK("\1") RR("\x41", "\1", "\x3c", "\4") "\xc0\0\2\1"),
      DNS_A, "AGAIN A a: malformed answer" },
    { "MX data that runs on", P(HEAD("\x80", "\1", "\0") ASK("\xf") RR(AT_Q, "\xf", "\x0a", "\5") "\0\5\0\0\0"),
      DNS_MX, "AGAIN MX a: malformed record in answer" },
    { "MX data whose name runs over its end",
      P(HEAD("\x80", "\1", "\0") ASK("\xf") RR(AT_Q, "\xf", "\x0a", "\3") "\0\5\1x\0"),
      DNS_MX, "AGAIN MX a: malformed record in answer" },
    { "a TXT string longer than its data", P(HEAD("\x80", "\1", "\0") ASK("\x10") RR(AT_Q, "\x10", "\x0a", "\2") "\5x"),
      DNS_TXT, "AGAIN TXT a: malformed record in answer" },
    { "TXT without a string", P(HEAD("\x80", "\1", "\0") ASK("\x10") RR(AT_Q, "\x10", "\x0a", "\0")),
      DNS_TXT, "AGAIN TXT a: malformed record in answer" },
    { "an alias loop", P(HEAD("\x80", "\2", "\0") ASK("\1") RR(AT_Q, "\5", "\x0a", "\3") "\1b\0"
                         RR("\1b\0", "\5", "\x0a", "\2") AT_Q), DNS_A, "AGAIN A a: CNAME chain too long" },
    { "an alias of itself", P(HEAD("\x80", "\1", "\0") ASK("\1") RR(AT_Q, "\5", "\x0a", "\2") AT_Q),
      DNS_A, "AGAIN A a: CNAME chain too long" },
    { "an authority section cut short", P(HEAD("\x80", "\0", "\1") ASK("\1") "\0\0\6"),
      DNS_A, "AGAIN A a: malformed answer" },
};

static struct str describe(struct arena *a, const struct dns_answer *ans)
{
    if (ans->status == ST_AGAIN)
        return arena_printf(a, "AGAIN %s", ans->why.text);
    if (ans->status == ST_NONE)
        return arena_printf(a, "%s ttl %u", ans->nxdomain ? "NXDOMAIN" : "NONE", ans->ttl);
    return arena_printf(a, "OK %zu ttl %u", ans->n, ans->ttl);
}

static void reads_what_is_good_and_nothing_else(void **state)
{
    struct arena a = { 0 };
    struct dname name;

    (void)state;
    assert_true(dname_read(STR("a"), &dname_root, &name));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dns_answer ans;
        /* A copy of its own, so that a sanitizer sees every step beyond its end. */
        char *copy = malloc(rows[i].packet.n + 1);
        struct str got;

        memcpy(copy, rows[i].packet.p, rows[i].packet.n);
        copy = realloc(copy, rows[i].packet.n ? rows[i].packet.n : 1);
        packet_answer(&a, (struct str){ copy, rows[i].packet.n }, &name, rows[i].type, &ans);
        got = describe(&a, &ans);
        if (!str_same(got, str_of(rows[i].want)))
            fail_msg("%s: got %.*s, want %s", rows[i].what, STR_ARG(got), rows[i].want);
        free(copy);
    }
    arena_free(&a);
}

/* Every good packet, cut at every byte and with every byte changed, gives an answer or "again", never a fault. */
static void every_damage_is_survived(void **state)
{
    struct arena a = { 0 };
    struct dname name;

    (void)state;
    assert_true(dname_read(STR("a"), &dname_root, &name));
    for (size_t i = 0; i < 10; i++)
        for (size_t cut = 0; cut < rows[i].packet.n; cut++) {
            struct dns_answer ans;
            char *copy = malloc(rows[i].packet.n);

            memcpy(copy, rows[i].packet.p, rows[i].packet.n);
            if (cut > 0) {
                char *half = malloc(cut);

                memcpy(half, copy, cut);
                packet_answer(&a, (struct str){ half, cut }, &name, rows[i].type, &ans);
                assert_int_equal(ans.status, ST_AGAIN);
                free(half);
            }
            for (int v = 0; v < 256; v += 5) {
                copy[cut] = (char)v;
                packet_answer(&a, (struct str){ copy, rows[i].packet.n }, &name, rows[i].type, &ans);
                assert_in_range(ans.status, ST_OK, ST_AGAIN);
            }
            free(copy);
            arena_reset(&a);
        }
    arena_free(&a);
}

static void put_head(struct buf *b, unsigned answers, uint16_t type)
{
    buf_add(b, (struct str){ "\0\1\x81\x80\0\1", 6 });
    buf_byte(b, (char)(answers >> 8));
    buf_byte(b, (char)answers);
    buf_add(b, (struct str){ "\0\0\0\0\1a\0\0", 8 });
    buf_byte(b, (char)type);
    buf_add(b, (struct str){ "\0\1", 2 });
}

static void a_giant_text_is_joined(void **state)
{
    struct arena a = { 0 };
    struct buf b = { 0 };
    struct dns_answer ans;
    struct dname name;
    enum { STRINGS = 250, DATA = STRINGS * 256 };

    (void)state;
    assert_true(dname_read(STR("a"), &dname_root, &name));
    put_head(&b, 1, DNS_TXT);
    buf_add(&b, (struct str){ "\xc0\x0c\0\x10\0\1\0\0\0\1", 10 });
    buf_byte(&b, (char)(DATA >> 8));
    buf_byte(&b, (char)(DATA & 255));
    for (int i = 0; i < STRINGS; i++) {
        buf_byte(&b, (char)255);
        for (int k = 0; k < 255; k++)
            buf_byte(&b, 'x');
    }
    packet_answer(&a, buf_str(&b), &name, DNS_TXT, &ans);
    assert_int_equal(ans.status, ST_OK);
    assert_int_equal(ans.rr[0].text.n, STRINGS * 255);
    buf_free(&b);
    arena_free(&a);
}

static void a_packet_beyond_64_kib_says_nothing(void **state)
{
    struct arena a = { 0 };
    struct buf b = { 0 };
    struct dns_answer ans;
    struct dname name;

    (void)state;
    assert_true(dname_read(STR("a"), &dname_root, &name));
    put_head(&b, 0, DNS_A);
    while (b.n < PACKET_MAX)
        buf_byte(&b, 0);
    packet_answer(&a, buf_str(&b), &name, DNS_A, &ans);
    assert_int_equal(ans.status, ST_NONE);
    buf_byte(&b, 0);
    packet_answer(&a, buf_str(&b), &name, DNS_A, &ans);
    assert_int_equal(ans.status, ST_AGAIN);
    buf_free(&b);
    arena_free(&a);
}

static void pointers_are_counted(void **state)
{
    struct buf b = { 0 };
    struct dname name;
    size_t at;

    (void)state;
    buf_byte(&b, 0);
    buf_byte(&b, 0);
    for (int i = 0; i < PACKET_JUMPS + 1; i++) {        /* each to the one before; the first to the root */
        unsigned to = i ? (unsigned)(2 * i) : 0;

        buf_byte(&b, (char)(0xc0 | to >> 8));
        buf_byte(&b, (char)to);
    }
    at = 2 + 2 * (PACKET_JUMPS - 1);
    assert_true(packet_name(buf_str(&b), &at, &name));
    at = 2 + 2 * PACKET_JUMPS;
    assert_false(packet_name(buf_str(&b), &at, &name));
    buf_free(&b);
}

static const struct { const char *text, *again; } names[] = {
    { "Example.ORG.", "example.org" },
    { "", "" }, { ".", "" },
    { "a\\.b.c", "a\\.b.c" },
    { "a\\046b.c", "a\\.b.c" },
    { "\\065.x", "a.x" },
    { "a\\ b", "a\\032b" },
    { "\\255\\000", "\\255\\000" },
    { "a\\\\b", "a\\\\b" },
    { "a..b", NULL }, { ".a", NULL }, { "a\\", NULL }, { "a\\25", NULL }, { "\\256", NULL },
    { "123456789012345678901234567890123456789012345678901234567890123", 
      "123456789012345678901234567890123456789012345678901234567890123" },
    { "1234567890123456789012345678901234567890123456789012345678901234", NULL },
};

static void names_are_read_and_written(void **state)
{
    struct arena a = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct dname n;
        bool good = dname_read(str_of(names[i].text), &dname_root, &n);

        assert_int_equal(good, names[i].again != NULL);
        if (good)
            assert_string_equal(arena_z(&a, dname_text(&a, &n)), names[i].again);
    }
    arena_free(&a);
}

static void a_name_holds_255_octets(void **state)
{
    char text[300];
    struct dname n;

    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 ? '.' : 'x';
    assert_true(dname_read((struct str){ text, 253 }, &dname_root, &n));
    assert_int_equal(n.n, 255);
    assert_int_equal(dname_labels(&n), 127);
    assert_false(dname_read((struct str){ text, 255 }, &dname_root, &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        { "a packet says what it says, or nothing", reads_what_is_good_and_nothing_else, NULL, NULL, NULL },
        { "cut or changed at any byte, a packet does no harm", every_damage_is_survived, NULL, NULL, NULL },
        { "a TXT of 250 strings is joined", a_giant_text_is_joined, NULL, NULL, NULL },
        { "a packet beyond 64 KiB is not read", a_packet_beyond_64_kib_says_nothing, NULL, NULL, NULL },
        { "more than 64 pointers in a name are refused", pointers_are_counted, NULL, NULL, NULL },
        { "names keep odd octets apart from dots", names_are_read_and_written, NULL, NULL, NULL },
        { "a name holds 255 octets and no more", a_name_holds_255_octets, NULL, NULL, NULL },
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
