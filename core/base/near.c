#include "base/near.h"

enum { WORD_MAX = 64 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t near_distance(struct str a, struct str b)
{
    size_t rows[3][WORD_MAX], *before = rows[0], *last = rows[1], *this = rows[2], *spare;

    if (a.n >= WORD_MAX || b.n >= WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.n; j++)
        last[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        this[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            char x = ascii_lower(a.p[i - 1]), y = ascii_lower(b.p[j - 1]);

            this[j] = least(last[j - 1] + (x != y), least(last[j], this[j - 1]) + 1);
            if (i > 1 && j > 1 && x == ascii_lower(b.p[j - 2]) && ascii_lower(a.p[i - 2]) == y)
                this[j] = least(this[j], before[j - 2] + 1);
        }
        spare = before;
        before = last;
        last = this;
        this = spare;
    }
    return last[b.n];
}

struct str near_name(struct str word, const struct str *names, size_t n)
{
    size_t best = (word.n <= 1 ? 0 : word.n <= 3 ? 1 : word.n <= 8 ? 2 : 3) + 1, d;
    struct str found = { NULL, 0 };

    for (size_t i = 0; i < n; i++) {
        d = near_distance(word, names[i]);
        if (d < best) {
            best = d;
            found = names[i];
        }
    }
    return found;
}

void near_say(struct buf *b, struct str word, const struct str *names, size_t n)
{
    struct str meant = near_name(word, names, n);

    if (meant.p)
        buf_addf(b, ", did you mean %.*s?", STR_ARG(meant));
    buf_add(b, STR(" (there are "));
    for (size_t i = 0; i < n; i++)
        buf_addf(b, "%s%.*s", i == 0 ? "" : i + 1 == n ? " and " : ", ", STR_ARG(names[i]));
    buf_byte(b, ')');
}
