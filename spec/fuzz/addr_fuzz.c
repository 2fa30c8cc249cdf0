/*
 * Addresses: a mailbox, a path, a list. What is taken must be taken again in the
 * form we write it, lie within what it was read from, and hold no control.
 */
#include "replay.h"

#include "base/ip.h"
#include "base/why.h"
#include "mail/addr.h"
#include "mail/domain.h"

static void within(struct str part, struct str whole)
{
    if (part.n && (part.p < whole.p || part.p + part.n > whole.p + whole.n))
        die("a part outside of its text");
}

static void no_controls(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            die("a control in an address");
}

static void one(struct arena *a, struct str text)
{
    struct addr ad, again;
    struct str plain, made;
    const char *reason = NULL;

    if (!addr_parse(text, &ad, &reason)) {
        if (!reason)
            die("refused without a reason");
        return;
    }
    within(ad.local, text);
    within(ad.domain, text);
    no_controls(text);
    plain = addr_unquote(a, ad.local);
    made = addr_join(a, addr_quote(a, plain), ad.domain);
    if (!addr_parse(made, &again, &reason))
        die("%.*s became %.*s: %s", STR_ARG(text), STR_ARG(made), reason);
    if (!str_same(addr_unquote(a, again.local), plain) || !domain_same(again.domain, ad.domain))
        die("%.*s became another mailbox", STR_ARG(text));
    if (ad.domain.p[0] != '[' && domain_alabel(a, ad.domain).n && !domain_valid(domain_alabel(a, ad.domain), &reason))
        die("an A-label that is no host name: %s", reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a = { 0 };
    struct str text = { (const char *)data, n }, rest;
    struct addr ad;
    struct addr_item *items;
    const char *reason = NULL;
    size_t count;

    domain_valid(text, &reason);
    domain_alabel(&a, text);
    domain_literal(text, NULL);
    one(&a, text);
    if (addr_path(text, true, &ad, &rest, &reason)) {
        within(ad.local, text);
        within(ad.domain, text);
        within(rest, text);
        no_controls(ad.local);
        no_controls(ad.domain);
    }
    if (addr_list(&a, text, 50, &items, &count, &reason) == ADDR_LIST_SYNTAX && !reason)
        die("a list refused without a reason");
    for (size_t i = 0; i < count; i++) {
        within(items[i].display, text);
        no_controls(items[i].addr);
        if (str_find(items[i].addr, '@') != SIZE_MAX && items[i].addr.p[0] != '"')
            one(&a, items[i].addr);
    }
    arena_free(&a);
    return 0;
}
