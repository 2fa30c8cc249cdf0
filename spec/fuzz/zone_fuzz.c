/* Zone files: read, then asked for names that occur in most. */
#include "dns/zone.h"

#include <stdlib.h>

static const char *const names[] = { "", "example.org", "www.example.org", "a.b.example.org", "*.example.org" };
static const uint16_t types[] = { DNS_A, DNS_MX, DNS_TXT, DNS_CNAME, 255 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a = { 0 };
    struct zone *z = NULL;
    struct why why;

    if (zone_open((struct str){ (const char *)data, n }, "zone", &z, &why) != ST_OK)
        return 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
            struct dns_answer ans;
            struct dname name;

            if (dname_read(str_of(names[i]), &dname_root, &name))
                zone_answer(z, &a, &name, types[k], &ans);
            if ((ans.status == ST_OK) != (ans.n > 0))
                abort();
        }
    zone_free(z);
    arena_free(&a);
    return 0;
}
