/* DNS packets: the first two bytes are the type asked for, the rest is the answer to "a". */
#include "dns/packet.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a = { 0 };
    struct dns_answer ans;
    struct dname name;

    if (n < 2 || !dname_read(STR("a"), &dname_root, &name))
        return 0;
    packet_answer(&a, (struct str){ (const char *)data + 2, n - 2 }, &name, (uint16_t)(data[0] << 8 | data[1]), &ans);
    if (ans.status == ST_OK ? ans.n == 0 : ans.n != 0)
        abort();
    for (size_t i = 0; i < ans.n; i++) {
        struct dname again;

        /* Every name we print can be asked for. */
        if (ans.rr[i].target.p && !dname_read(ans.rr[i].target, &dname_root, &again))
            abort();
    }
    packet_holds((struct str){ (const char *)data, n }, 46);
    arena_free(&a);
    return 0;
}
