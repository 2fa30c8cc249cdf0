#include "base/ip.h"

#include <arpa/inet.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

bool ip_parse(struct str text, struct ip *out)
{
    char z[INET6_ADDRSTRLEN];
    struct ip ip = { 0 };

    if (text.n == 0 || text.n >= sizeof z || str_find(text, 0) != SIZE_MAX)
        return false;
    memcpy(z, text.p, text.n);
    z[text.n] = 0;
    if (inet_pton(AF_INET, z, ip.b) == 1) {
        ip.v = IP_V4;
    } else if (inet_pton(AF_INET6, z, ip.b) == 1) {
        ip.v = IP_V6;
        if (memcmp(ip.b, mapped, sizeof mapped) == 0) {
            memcpy(ip.b, ip.b + 12, 4);
            memset(ip.b + 4, 0, 12);
            ip.v = IP_V4;
        }
    } else {
        return false;
    }
    *out = ip;
    return true;
}

/* RFC 5952 4.2: the longest run of two or more zero groups, the first of
 * equals, becomes "::". */
static void longest_zeros(const struct ip *ip, int *from, int *n)
{
    *from = -1;
    *n = 1;
    for (int i = 0; i < 8;) {
        int len = 0;

        while (i + len < 8 && !ip->b[2 * (i + len)] && !ip->b[2 * (i + len) + 1])
            len++;
        if (len > *n) {
            *from = i;
            *n = len;
        }
        i += len + 1;
    }
}

static size_t text6(const struct ip *ip, char out[INET6_ADDRSTRLEN])
{
    static const char hex[] = "0123456789abcdef";
    int from, run;
    size_t n = 0;

    longest_zeros(ip, &from, &run);
    for (int i = 0; i < 8; i++) {
        unsigned v = (unsigned)ip->b[2 * i] << 8 | ip->b[2 * i + 1];

        if (i == from) {
            out[n++] = ':';
            out[n++] = ':';
            i += run - 1;
            continue;
        }
        if (n > 0 && out[n - 1] != ':')
            out[n++] = ':';
        for (int shift = v > 0xfff ? 12 : v > 0xff ? 8 : v > 0xf ? 4 : 0; shift >= 0; shift -= 4)
            out[n++] = hex[v >> shift & 15];
    }
    return n;
}

struct str ip_text(struct arena *a, struct ip ip)
{
    char z[INET6_ADDRSTRLEN] = "";
    size_t n = 0;

    if (ip.v == IP_V4)
        return arena_printf(a, "%u.%u.%u.%u", ip.b[0], ip.b[1], ip.b[2], ip.b[3]);
    if (ip.v == IP_V6)
        n = text6(&ip, z);
    return arena_dup(a, (struct str){ z, n });
}

bool ip_same(struct ip a, struct ip b)
{
    return a.v == b.v && memcmp(a.b, b.b, sizeof a.b) == 0;
}

bool ip_in(struct ip ip, struct ip net, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (ip.v != net.v || ip.v == IP_NONE || bits > (ip.v == IP_V4 ? 32 : 128))
        return false;
    if (memcmp(ip.b, net.b, whole) != 0)
        return false;
    return rest == 0 || ((ip.b[whole] ^ net.b[whole]) >> (8 - rest)) == 0;
}

bool ip_is_loopback(struct ip ip)
{
    static const uint8_t one[16] = { [15] = 1 };

    return ip.v == IP_V4 ? ip.b[0] == 127 : ip.v == IP_V6 && memcmp(ip.b, one, sizeof one) == 0;
}
