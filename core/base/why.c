#include "base/why.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void write_text(struct why *why, const char *fmt, va_list ap, int err)
{
    char raw[WHY_MAX];
    int n = vsnprintf(raw, sizeof raw, fmt, ap);
    size_t used = n < 0 ? 0 : (size_t)n < sizeof raw ? (size_t)n : sizeof raw - 1;

    if (err && used < sizeof raw - 1)
        used += (size_t)snprintf(raw + used, sizeof raw - used, "%s%s", used ? ": " : "", strerror(err));
    if (used >= sizeof raw)
        used = sizeof raw - 1;
    why->err = err;
    why->text[str_escape((struct str){ raw, used }, why->text, WHY_MAX - 1)] = 0;
}

enum status (why_set)(struct why *why, enum status st, const char *fmt, ...)
{
    va_list ap;

    if (why) {
        va_start(ap, fmt);
        write_text(why, fmt, ap, 0);
        va_end(ap);
    }
    return st;
}

enum status (why_errno)(struct why *why, enum status st, const char *fmt, ...)
{
    int err = errno;
    va_list ap;

    if (why) {
        va_start(ap, fmt);
        write_text(why, fmt, ap, err);
        va_end(ap);
    }
    errno = err;
    return st;
}

const char *status_name(enum status st)
{
    static const char *const name[] = { "ok", "none", "again", "never" };

    return (unsigned)st < 4 ? name[st] : "?";
}

_Noreturn void die(const char *fmt, ...)
{
    va_list ap;

    fputs("perigee: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    abort();
}
