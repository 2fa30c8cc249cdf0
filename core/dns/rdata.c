#include "dns/rdata.h"

#include <arpa/inet.h>

#include "base/clock.h"
#include "dns/dns.h"
#include "dns/packet.h"
#include "dns/type.h"

enum { DATA_MAX = 65535, STRING_MAX = 255 };

static void put(struct buf *out, uint64_t v, unsigned bytes)
{
    while (bytes-- > 0)
        buf_byte(out, (char)(v >> (8 * bytes)));
}

static const char *read_number(struct str w, uint64_t max, unsigned bytes, struct buf *out)
{
    uint64_t v;

    if (!str_u64(w, max, &v))
        return "a number is expected, or it is too large";
    put(out, v, bytes);
    return NULL;
}

/* "3600" or "1h". */
static const char *read_interval(struct str w, struct buf *out)
{
    int64_t v;

    if (!clock_interval(w, &v) || v < 0 || v > INT32_MAX)
        return "an interval is expected";
    put(out, (uint64_t)v, 4);
    return NULL;
}

/* Days since 1970 of a civil date (proleptic Gregorian). */
static int64_t days(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1 - 719468;
}

/* RRSIG's times: YYYYMMDDHHmmSS or seconds (RFC 4034 3.2). */
static const char *read_date(struct str w, struct buf *out)
{
    uint64_t v;
    int64_t day;

    if (w.n != 14)
        return read_number(w, UINT32_MAX, 4, out);
    if (!str_u64(w, UINT64_MAX, &v))
        return "a date is expected";
    day = days((int64_t)(v / 10000000000), (int64_t)(v / 100000000 % 100), (int64_t)(v / 1000000 % 100));
    put(out, (uint64_t)(day * 86400 + (int64_t)(v / 10000 % 100) * 3600 + (int64_t)(v / 100 % 100) * 60
                        + (int64_t)(v % 100)) & UINT32_MAX, 4);
    return NULL;
}

static const char *read_type(struct str w, struct buf *out)
{
    uint16_t type;

    if (!dns_type_find(w, &type))
        return "unknown type";
    put(out, type, 2);
    return NULL;
}

static const char *read_address(struct str w, int family, struct buf *out)
{
    char text[64];
    uint8_t b[16];

    if (w.n >= sizeof text)
        return "an address is expected";
    memcpy(text, w.p, w.n);
    text[w.n] = 0;
    if (strlen(text) != w.n || inet_pton(family, text, b) != 1)
        return family == AF_INET ? "an IPv4 address is expected" : "an IPv6 address is expected";
    buf_add(out, (struct str){ (char *)b, family == AF_INET ? 4 : 16 });
    return NULL;
}

static const char *read_name(struct str w, const struct dname *origin, struct buf *out)
{
    struct dname n;

    if (str_same(w, STR("@")))
        n = *origin;
    else if (!dname_read(w, origin, &n))
        return "not a domain name";
    buf_add(out, dname_str(&n));
    return NULL;
}

static const char *read_text(struct str w, struct buf *out)
{
    bool escaped;

    while (w.n > 0) {
        int c = dname_octet(&w, &escaped);

        if (c < 0)
            return "bad escape";
        buf_byte(out, (char)c);
    }
    return NULL;
}

static const char *read_string(struct str w, struct buf *out)
{
    size_t at = out->n;
    const char *wrong;

    buf_byte(out, 0);
    wrong = read_text(w, out);
    if (wrong)
        return wrong;
    if (out->n - at - 1 > STRING_MAX)
        return "a string is longer than 255 octets";
    out->mem[out->at + at] = (char)(out->n - at - 1);
    return NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hex may be cut into words anywhere, even inside an octet. */
static const char *read_hex(const struct word *w, size_t n, struct buf *out)
{
    int high = -1;

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < w[i].text.n; k++) {
            int d = hex_digit(w[i].text.p[k]);

            if (d < 0)
                return "hex digits are expected";
            if (high >= 0)
                buf_byte(out, (char)(high << 4 | d));
            high = high >= 0 ? -1 : d;
        }
    return high >= 0 ? "an odd number of hex digits" : NULL;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static const char *read_base64(const struct word *w, size_t n, struct buf *out)
{
    uint32_t bits = 0;
    unsigned have = 0, pad = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < w[i].text.n; k++) {
            char c = w[i].text.p[k];
            int d = base64_digit(c);

            if (c == '=' && ++pad <= 2)
                continue;
            if (d < 0 || pad > 0)
                return "base64 is expected";
            bits = bits << 6 | (uint32_t)d;
            have += 6;
            if (have >= 8) {
                have -= 8;
                buf_byte(out, (char)(bits >> have));
            }
        }
    return have == 6 ? "base64 ends too early" : NULL;
}

/* RFC 3597 5: \# LENGTH HEX. */
static const char *read_generic(const struct word *w, size_t n, struct buf *out)
{
    size_t at = out->n;
    uint64_t length;
    const char *wrong;

    if (n < 2 || !str_u64(w[1].text, DATA_MAX, &length))
        return "a length is expected after \\#";
    wrong = read_hex(w + 2, n - 2, out);
    if (!wrong && out->n - at != length)
        wrong = "the length after \\# is not that of the data";
    return wrong;
}

/* The field at w[0]; *used: how many words it took. */
static const char *read_field(char field, const struct word *w, size_t n, const struct dname *origin,
                              struct buf *out, size_t *used)
{
    const char *wrong = NULL;

    *used = 1;
    switch (field) {
    case 'n': return read_name(w->text, origin, out);
    case '4': return read_address(w->text, AF_INET, out);
    case '6': return read_address(w->text, AF_INET6, out);
    case 'b': return read_number(w->text, UINT8_MAX, 1, out);
    case 's': return read_number(w->text, UINT16_MAX, 2, out);
    case 'l': return read_interval(w->text, out);
    case 'd': return read_date(w->text, out);
    case 'T': return read_type(w->text, out);
    case 'c': return read_string(w->text, out);
    case 'v': return read_text(w->text, out);
    }
    *used = n;
    switch (field) {
    case 'x': return read_hex(w, n, out);
    case 'k': return read_base64(w, n, out);
    }
    for (size_t i = 0; i < n && !wrong; i++)
        wrong = read_string(w[i].text, out);
    return wrong;
}

/* What we made, read back by the packet parser: data given as \# must be good too. */
static const char *check(uint16_t type, struct str data)
{
    struct arena a = { 0 };
    struct dns_rr rr = { .type = type };
    bool good = data.n <= DATA_MAX && packet_data(&a, data, 0, data.n, &rr);

    arena_free(&a);
    return good ? NULL : "the data does not fit the type";
}

const char *rdata_read(uint16_t type, const struct word *w, size_t n, const struct dname *origin, struct buf *out)
{
    const struct dns_type_row *row = dns_type_row(type);
    size_t at = out->n, used;
    const char *wrong = NULL;

    if (n > 0 && !w->quoted && str_same(w->text, STR("\\#"))) {
        wrong = read_generic(w, n, out);
    } else if (!row) {
        wrong = "data of this type must be written as \\# LENGTH HEX";
    } else {
        for (const char *s = row->shape; *s && !wrong; s++) {
            if (n == 0)
                return "the record ends too early";
            wrong = read_field(*s, w, n, origin, out, &used);
            w += used;
            n -= used;
        }
        if (!wrong && n > 0)
            wrong = "more words than the type has";
    }
    return wrong ? wrong : check(type, str_from(buf_str(out), at));
}
