#include "engine/template.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fault.h"

enum { FILE_MAX_BYTES = 64 * 1024, NAME_MAX_BYTES = 64 };

/* ---- reading */

static enum status read_file(int fd, struct buf *out, const char *path, struct why *why)
{
    ssize_t n;

    while ((n = FAULT(READ) ? -1 : read(fd, buf_room(out, 4096), 4096)) > 0) {
        buf_grew(out, (size_t)n);
        if (out->n > FILE_MAX_BYTES)
            return why_set(why, ST_NEVER, "%s: longer than 64 KiB", path);
    }
    return n < 0 ? why_errno(why, ST_AGAIN, "read %s", path) : ST_OK;
}

static void divide(struct template *t)
{
    struct str rest = buf_str(&t->text), line;
    const char *from = rest.p;
    size_t i = 0;

    while (i < TEMPLATE_ITEMS && rest.n) {
        const char *at = rest.p;

        str_cut(&rest, '\n', &line);
        if (str_starts(line, STR("****")) && str_trim(line).n == 4) {
            t->item[i++] = (struct str){ from, (size_t)(at - from) };
            from = rest.p;
        }
    }
    if (i < TEMPLATE_ITEMS)
        t->item[i] = (struct str){ from, (size_t)(t->text.mem + t->text.at + t->text.n - from) };
}

enum status template_read(struct template *t, struct str path, struct why *why)
{
    enum status st;
    char name[4096];
    int fd;

    *t = (struct template){ .text = { 0 } };
    if (path.n == 0 || path.n >= sizeof name)
        return why_set(why, ST_NEVER, "that is no name of a file");
    snprintf(name, sizeof name, "%.*s", STR_ARG(path));
    fd = FAULT(OPEN) ? -1 : open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return why_errno(why, errno == ENOENT ? ST_NONE : ST_AGAIN, "open %s", name);
    st = read_file(fd, &t->text, name, why);
    close(fd);
    if (st == ST_OK && t->text.n)
        divide(t);
    if (st != ST_OK)
        template_free(t);
    return st;
}

void template_free(struct template *t)
{
    buf_free(&t->text);
    *t = (struct template){ .text = { 0 } };
}

/* ---- filling */

/* Length of "$name" or "${name}" at s, 0 if it is none; *name is what is meant. */
static size_t name_at(struct str s, struct str *name)
{
    bool braces = s.n > 2 && s.p[1] == '{';
    size_t from = braces ? 2 : 1, i = from;

    while (i < s.n && i - from < NAME_MAX_BYTES && ((s.p[i] >= 'a' && s.p[i] <= 'z') || s.p[i] == '_'))
        i++;
    *name = (struct str){ s.p + from, i - from };
    if (i == from || (braces && (i == s.n || s.p[i] != '}')))
        return 0;
    return i + braces;
}

static void add_value(struct buf *out, struct str value)
{
    for (size_t i = 0; i < value.n; i++)
        buf_byte(out, (unsigned char)value.p[i] < 32 || value.p[i] == 127 ? ' ' : value.p[i]);
}

static size_t add_name(struct buf *out, struct str s, const struct template_name *names, size_t n)
{
    struct str name;
    size_t length = name_at(s, &name);

    for (size_t i = 0; length && i < n; i++) {
        if (str_same(names[i].name, name)) {
            add_value(out, names[i].value);
            return length;
        }
    }
    buf_byte(out, '$');
    return 1;
}

struct str template_fill(struct arena *a, struct str item, const struct template_name *names, size_t n)
{
    struct buf out = { 0 };
    struct str filled;

    for (size_t i = 0; i < item.n;) {
        if (item.p[i] == '$') {
            i += add_name(&out, str_from(item, i), names, n);
            continue;
        }
        if (item.p[i] == '\n' && (i == 0 || item.p[i - 1] != '\r'))
            buf_byte(&out, '\r');
        buf_byte(&out, item.p[i++]);
    }
    filled = arena_dup(a, buf_str(&out));
    buf_free(&out);
    return filled;
}
