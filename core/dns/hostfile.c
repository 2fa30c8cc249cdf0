#include "dns/hostfile.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/map.h"

enum { FILE_MAX = 4 << 20, LOOK_AGAIN_MS = 5000 };

struct entry {              /* one address or one name of a key */
    struct entry *next;
    struct ip ip;
    struct str target;      /* of a reverse name */
};

struct hostfile {
    const char *path;
    struct arena arena;
    struct map *names;      /* by wire form: its entries, in the order of the file */
    int64_t looked_ms;
    struct file_identity seen;
};

static void forget(struct hostfile *h)
{
    map_free(h->names);
    h->names = map_new();
    arena_reset(&h->arena);
}

static struct entry *add(struct hostfile *h, const struct dname *key)
{
    struct entry *e = arena_new(&h->arena, struct entry);
    struct entry *at = map_get(h->names, dname_str(key));

    if (!at) {
        map_put(h->names, dname_str(key), e);
        return e;
    }
    while (at->next)
        at = at->next;
    return at->next = e;
}

/* "address name alias..."; the first name is the one the address leads back to. */
static void read_line(struct hostfile *h, struct str line)
{
    struct str name;
    struct dname key, back;
    struct ip ip;
    bool first = true;

    line = str_head(line, str_find(line, '#'));
    if (!ip_parse(str_word(&line), &ip))
        return;
    while ((name = str_word(&line)).n > 0) {
        if (!dname_read(name, &dname_root, &key))
            continue;
        add(h, &key)->ip = ip;
        if (first && dname_read(dns_reverse_name(&h->arena, ip), &dname_root, &back))
            add(h, &back)->target = dname_text(&h->arena, &key);
        first = false;
    }
}

static void read_file(struct hostfile *h)
{
    int fd = open(h->path, O_RDONLY | O_CLOEXEC);
    struct buf text = { 0 };
    struct str rest, line;
    ssize_t n;

    if (fd < 0)
        return;
    while (text.n < FILE_MAX && (n = read(fd, buf_room(&text, 16384), 16384)) > 0)
        buf_grew(&text, (size_t)n);
    close(fd);
    rest = buf_str(&text);
    while (str_cut(&rest, '\n', &line))
        read_line(h, line);
    buf_free(&text);
}

static void look(struct hostfile *h)
{
    int64_t now = clock_mono_ms();
    struct file_identity is;

    if (h->looked_ms && now - h->looked_ms < LOOK_AGAIN_MS)
        return;
    h->looked_ms = now ? now : 1;
    is = file_identity_of(str_of(h->path));
    if (file_identity_same(&is, &h->seen))
        return;
    h->seen = is;
    forget(h);
    read_file(h);
}

struct hostfile *hostfile_new(const char *path)
{
    struct hostfile *h = calloc(1, sizeof *h);

    if (!h)
        die("out of memory");
    h->path = path;
    h->names = map_new();
    return h;
}

void hostfile_free(struct hostfile *h)
{
    if (!h)
        return;
    map_free(h->names);
    arena_free(&h->arena);
    free(h);
}

static bool fits(const struct entry *e, uint16_t type)
{
    return type == DNS_PTR ? e->target.n > 0 : e->ip.v == (type == DNS_A ? IP_V4 : IP_V6);
}

bool hostfile_answer(struct hostfile *h, struct arena *a, const struct dname *name, uint16_t type,
                     struct dns_answer *out)
{
    const struct entry *all;
    size_t n = 0;

    if (type != DNS_A && type != DNS_AAAA && type != DNS_PTR)
        return false;
    look(h);
    all = map_get(h->names, dname_str(name));
    if (!all)
        return false;
    for (const struct entry *e = all; e; e = e->next)
        n += fits(e, type);
    *out = (struct dns_answer){ .status = n ? ST_OK : ST_NONE, .rr = arena_array(a, struct dns_rr, n) };
    for (const struct entry *e = all; e; e = e->next)
        if (fits(e, type))
            out->rr[out->n++] = (struct dns_rr){ .name = dname_text(a, name), .type = type,
                .data = { (const char *)e->ip.b, e->ip.v == IP_V4 ? 4 : e->ip.v == IP_V6 ? 16 : 0 },
                .ip = e->ip, .target = e->target.n ? e->target : STR("") };
    return true;
}
