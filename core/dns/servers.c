#include "dns/servers.h"

#include <fcntl.h>
#include <unistd.h>

enum { PORT = 53, FILE_MAX = 64 * 1024 };

static bool add(struct servers *s, struct str item)
{
    size_t at = str_find(item, '#');
    uint64_t port = PORT;
    struct ip ip;

    if (at != SIZE_MAX && (!str_u64(str_from(item, at + 1), UINT16_MAX, &port) || port == 0))
        return false;
    if (!ip_parse(str_head(item, at), &ip))
        return false;
    if (s->n < SERVERS_MAX) {
        s->v[s->n].ip = ip;
        s->v[s->n++].port = (uint16_t)port;
    }
    return true;
}

/* The next item of a list into text, which holds max bytes: a doubled separator is one of its bytes. */
static struct str next_item(struct str *rest, char sep, char *text, size_t max)
{
    size_t n = 0, i = 0;

    for (; i < rest->n; i++) {
        if (rest->p[i] == sep) {
            if (i + 1 >= rest->n || rest->p[i + 1] != sep)
                break;
            i++;
        }
        if (n < max)
            text[n++] = rest->p[i];
    }
    *rest = str_from(*rest, i + 1);
    return str_trim((struct str){ text, n });
}

enum status servers_read(struct str list, struct servers *out, struct why *why)
{
    char text[128], sep = ':';

    out->n = 0;
    list = str_trim(list);
    if (list.n > 1 && list.p[0] == '<') {
        sep = list.p[1];
        list = str_from(list, 2);
    }
    while (list.n > 0) {
        struct str item = next_item(&list, sep, text, sizeof text);

        if (item.n > 0 && !add(out, item))
            return why_set(why, ST_NEVER, "dns_servers: not an address: %.*s", STR_ARG(item));
    }
    return out->n ? ST_OK : why_set(why, ST_NEVER, "dns_servers: no address");
}

void servers_resolv(struct str text, struct servers *out)
{
    struct str line;

    out->n = 0;
    while (str_cut(&text, '\n', &line))
        if (str_same(str_word(&line), STR("nameserver")))
            add(out, str_word(&line));
    if (out->n == 0)
        add(out, STR("127.0.0.1"));
}

void servers_resolv_file(const char *path, struct servers *out)
{
    static char text[FILE_MAX];         /* read at start only */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text);

    if (fd >= 0)
        close(fd);
    servers_resolv((struct str){ text, n > 0 ? (size_t)n : 0 }, out);
}
