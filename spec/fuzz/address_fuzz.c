/* Addresses and address lists: whatever comes, what was accepted holds together. */
#include <assert.h>
#include <stdlib.h>

#include "base/ip.h"
#include "mail/addr.h"
#include "mail/domain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void one(struct arena *a, struct str s)
{
    struct addr at;
    struct str rest;
    const char *reason = NULL;

    if (addr_parse(s, &at, &reason)) {
        /* What was read is read again, and is the same. */
        struct str joined = addr_join(a, at.local, at.domain);
        struct addr again;

        assert(at.local.n > 0 && at.domain.n > 0 && s.n <= ADDR_MAX);
        assert(addr_parse(joined, &again, &reason) && str_same(again.local, at.local));
        assert(str_same(addr_unquote(a, at.local), addr_unquote(a, addr_quote(a, addr_unquote(a, at.local)))));
    } else {
        assert(reason);
    }
    addr_path(s, true, &at, &rest, &reason);
    addr_split(s, &at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str s = { (const char *)data, n };
    struct arena a = { 0 };
    struct addr_item *items;
    struct ip ip;
    size_t count = 0;
    const char *reason = NULL;

    one(&a, s);
    addr_list(&a, s, 1000, &items, &count, &reason);
    for (size_t i = 0; i < count; i++)
        assert(items[i].addr.n <= n + 2);
    domain_valid(s, &reason);
    domain_alabel(&a, s);
    domain_literal(s, &ip);
    arena_free(&a);
    return 0;
}
