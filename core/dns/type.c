#include "dns/type.h"

#include <stdio.h>

#include "dns/dns.h"

static const struct dns_type_row rows[] = {
    { "A",          DNS_A,      "4" },
    { "NS",         DNS_NS,     "n" },
    { "CNAME",      DNS_CNAME,  "n" },
    { "SOA",        DNS_SOA,    "nnlllll" },
    { "PTR",        DNS_PTR,    "n" },
    { "HINFO",      13,         "cc" },
    { "MX",         DNS_MX,     "sn" },
    { "TXT",        DNS_TXT,    "t" },
    { "RP",         17,         "nn" },
    { "AFSDB",      18,         "sn" },
    { "AAAA",       DNS_AAAA,   "6" },
    { "SRV",        DNS_SRV,    "sssn" },
    { "NAPTR",      35,         "sscccn" },
    { "DNAME",      DNS_DNAME,  "n" },
    { "DS",         DNS_DS,     "sbbx" },
    { "SSHFP",      44,         "bbx" },
    { "RRSIG",      46,         "Tbblddsnk" },
    { "DNSKEY",     48,         "sbbk" },
    { "TLSA",       DNS_TLSA,   "bbbx" },
    { "SMIMEA",     53,         "bbbx" },
    { "OPENPGPKEY", 61,         "k" },
    { "SPF",        DNS_SPF,    "t" },
    { "CAA",        DNS_CAA,    "bcv" },
};

const struct dns_type_row *dns_type_row(uint16_t type)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].type == type)
            return &rows[i];
    return NULL;
}

bool dns_type_find(struct str name, uint16_t *type)
{
    uint64_t v;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (str_same_fold(name, str_of(rows[i].name))) {
            *type = rows[i].type;
            return true;
        }
    if (!str_starts_fold(name, STR("TYPE")) || !str_u64(str_from(name, 4), UINT16_MAX, &v))
        return false;
    *type = (uint16_t)v;
    return true;
}

const char *dns_type_name(uint16_t type)
{
    /* A ring, so that two of them may stand in one log line. */
    static char ring[4][16];
    static unsigned at;
    const struct dns_type_row *row = dns_type_row(type);

    if (row)
        return row->name;
    at = (at + 1) % 4;
    snprintf(ring[at], sizeof ring[at], "TYPE%u", type);
    return ring[at];
}
