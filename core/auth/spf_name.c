#include "auth/spf_name.h"

enum { NAME_MAX_TEXT = 253 };

bool spf_name_valid(struct str s, unsigned labels)
{
    struct str rest = s, label;
    unsigned n = 0;

    if (!s.n || s.n > NAME_MAX_TEXT)
        return false;
    for (; str_cut(&rest, '.', &label); n++) {
        if (!label.n || label.n > 63)
            return false;
        for (size_t i = 0; i < label.n; i++)
            if ((unsigned char)label.p[i] < 0x20 || (unsigned char)label.p[i] >= 0x7f)
                return false;
    }
    return s.p[s.n - 1] != '.' && n >= labels;
}

struct str spf_name_bare(struct str s)
{
    return s.n && s.p[s.n - 1] == '.' ? str_head(s, s.n - 1) : s;
}

struct str spf_name_fit(struct str s)
{
    size_t dot;

    while (s.n > NAME_MAX_TEXT) {
        dot = str_find(s, '.');
        s = str_from(s, dot == SIZE_MAX ? s.n : dot + 1);
    }
    return s;
}

struct str spf_name_asked(struct arena *a, struct str s)
{
    struct str out = { arena_alloc(a, 2 * s.n + 1), 0 };
    char *p = (char *)(uintptr_t)out.p;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\')
            p[out.n++] = '\\';
        p[out.n++] = s.p[i];
    }
    return out;
}

bool spf_name_below(struct str name, struct str domain)
{
    return name.n > domain.n && name.p[name.n - domain.n - 1] == '.' && str_ends_fold(name, domain);
}
