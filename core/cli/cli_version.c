#include "cli/cli.h"

#include <event2/event.h>
#include <gsasl.h>
#include <idn2.h>
#include <jansson.h>
#include <lmdb.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <unbound.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <sqlite3.h>

#include "policy/world_lua.h"

/* What this program was built to do; a feature is a word, added with its issue. */
static const char *const features[] = {
    "SMTP", "LMTP", "PIPELINING", "SIZE", "8BITMIME", "AUTH", "DKIM", "ARC", "Event",
    "Lookup_cdb", "Lookup_dnsdb", "Lookup_dsearch", "Lookup_json", "Lookup_lmdb", "Lookup_lsearch", "Lookup_passwd",
    "Lookup_sqlite",
#ifdef PERIGEE_FAULTS
    "Fault_injection",
#endif
};

struct library { const char *name, *version; };

static void print_text(const struct library *lib, size_t n)
{
    printf("perigee %s\nfeatures:", PERIGEE_VERSION);
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        printf(" %s", features[i]);
    printf("\n");
    for (size_t i = 0; i < n; i++)
        printf("%s %s\n", lib[i].name, lib[i].version);
}

static void print_json(const struct library *lib, size_t n)
{
    printf("{\"version\":\"%s\",\"features\":[", PERIGEE_VERSION);
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        printf("%s\"%s\"", i ? "," : "", features[i]);
    printf("],\"libraries\":{");
    for (size_t i = 0; i < n; i++)
        printf("%s\"%s\":\"%s\"", i ? "," : "", lib[i].name, lib[i].version);
    printf("}}\n");
}

int cli_run_version(struct cli *c)
{
    char pcre[64] = "";

    pcre2_config(PCRE2_CONFIG_VERSION, pcre);

    const struct library lib[] = {
        { "luajit", world_lua_version() },
        { "libevent", event_get_version() },
        { "lmdb", MDB_VERSION_STRING },
        { "pcre2", pcre },
        { "libunbound", ub_version() },
        { "openssl", OpenSSL_version(OPENSSL_VERSION_STRING) },
        { "libidn2", idn2_check_version(NULL) },
        { "sqlite", sqlite3_libversion() },
        { "jansson", jansson_version_str() },
        { "libgsasl", gsasl_check_version(NULL) },
    };

    if (cli_has(c, CO_JSON))
        print_json(lib, sizeof lib / sizeof *lib);
    else
        print_text(lib, sizeof lib / sizeof *lib);
    return CLI_YES;
}
