#include "base/args.h"

#include <fcntl.h>
#include <unistd.h>

/* An argument that is empty or holds blanks is quoted, as Exim does. */
static void put_arg(struct buf *out, struct str arg)
{
    bool quoted = arg.n == 0 || str_find(arg, ' ') != SIZE_MAX || str_find(arg, '\t') != SIZE_MAX;

    buf_byte(out, ' ');
    if (quoted)
        buf_byte(out, '\'');
    buf_add(out, arg);
    if (quoted)
        buf_byte(out, '\'');
}

void args_text(struct buf *out)
{
    char bytes[ARGS_TEXT_MAX], cwd[1024];
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    struct str rest, arg;
    unsigned n = 0;

    if (fd >= 0)
        close(fd);
    if (got <= 0)
        return;
    rest = (struct str){ bytes, (size_t)got };
    for (size_t i = 0; i < rest.n; i++)
        n += bytes[i] == '\0';
    buf_addf(out, "cwd=%s %u args:", getcwd(cwd, sizeof cwd) ? cwd : "?", n);
    while (str_cut(&rest, '\0', &arg) && n-- > 0)
        put_arg(out, arg);
    if (out->n > ARGS_TEXT_MAX)
        buf_cut(out, ARGS_TEXT_MAX);
}
