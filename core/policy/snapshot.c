/*
 * snapshot - the rule directory, read once (design 4.8)
 *
 * Master, checker and workers build from the same bytes: the snapshot is
 * written to a memfd that is sealed against every change and opened from there.
 * Its form is ours alone and is read by the program that wrote it; still every
 * length is checked.
 */
#include "policy/policy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/fault.h"

enum { FILES_MAX = 10000, BYTES_MAX = 64 << 20 };
static const char MAGIC[8] = "PGRULES1";

/* ---- reading */

struct reading {
    struct snapshot *out;
    size_t cap, bytes;
    struct why *why;
};

static struct snapshot_file *add_file(struct reading *r, struct str name)
{
    struct snapshot *s = r->out;

    if (s->n == r->cap) {
        struct snapshot_file *more;

        r->cap = r->cap ? r->cap * 2 : 32;
        more = arena_array(&s->arena, struct snapshot_file, r->cap);
        if (s->n)
            memcpy(more, s->files, s->n * sizeof *more);
        s->files = more;
    }
    s->files[s->n].name = arena_dup(&s->arena, name);
    s->files[s->n].bytes = STR("");
    return &s->files[s->n++];
}

static enum status read_all(struct reading *r, int fd, const char *path, struct str *out)
{
    struct stat st;
    size_t n = 0;
    char *p;

    if (fstat(fd, &st) < 0)
        return why_errno(r->why, ST_AGAIN, "%s", path);
    if (!S_ISREG(st.st_mode))
        return why_set(r->why, ST_NEVER, "%s is not a file", path);
    if (st.st_size > BYTES_MAX || r->bytes + (size_t)st.st_size > BYTES_MAX)
        return why_set(r->why, ST_NEVER, "%s: the rules are larger than 64 MiB", path);
    p = arena_alloc(&r->out->arena, (size_t)st.st_size + 1);
    while (n < (size_t)st.st_size) {
        ssize_t got = FAULT(READ) ? -1 : read(fd, p + n, (size_t)st.st_size - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return why_errno(r->why, ST_AGAIN, "read %s", path);
        if (got == 0)
            break;
        n += (size_t)got;
    }
    r->bytes += n;
    *out = (struct str){ p, n };
    return ST_OK;
}

static enum status read_file(struct reading *r, const char *path, struct str name)
{
    struct str bytes = { 0 };
    enum status st;
    int fd;

    if (r->out->n >= FILES_MAX)
        return why_set(r->why, ST_NEVER, "more than %d rule files", FILES_MAX);
    fd = FAULT(OPEN) ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return why_errno(r->why, errno == ENOENT ? ST_NEVER : ST_AGAIN, "%s", path);
    st = read_all(r, fd, path, &bytes);
    close(fd);
    if (st == ST_OK)
        add_file(r, name)->bytes = bytes;
    return st;
}

static bool is_rule_file(const char *name)
{
    return name[0] != '.' && str_ends(str_of(name), STR(".lua"));
}

/* Byte order, whatever the locale (design 4.1). */
static int by_name(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static enum status list_names(struct reading *r, DIR *d, struct str **names, size_t *n)
{
    size_t cap = 0;
    struct dirent *e;

    *names = NULL;
    *n = 0;
    while ((e = readdir(d))) {
        if (!is_rule_file(e->d_name))
            continue;
        if (*n >= FILES_MAX)
            return why_set(r->why, ST_NEVER, "more than %d rule files", FILES_MAX);
        if (*n == cap) {
            struct str *more = arena_array(&r->out->arena, struct str, cap = cap ? cap * 2 : 32);

            if (*n)
                memcpy(more, *names, *n * sizeof *more);
            *names = more;
        }
        (*names)[(*n)++] = arena_dup(&r->out->arena, str_of(e->d_name));
    }
    if (*n)
        qsort(*names, *n, sizeof **names, by_name);
    return ST_OK;
}

/* The files of one directory; head is put before their names. A missing one is an error only if it must be there. */
static enum status read_dir(struct reading *r, const char *dir, const char *head, bool must)
{
    struct str *names;
    size_t n;
    enum status st;
    DIR *d = opendir(dir);

    if (!d && !must && (errno == ENOENT || errno == ENOTDIR))
        return ST_OK;
    if (!d)
        return why_errno(r->why, errno == ENOENT || errno == ENOTDIR ? ST_NEVER : ST_AGAIN, "rule directory %s", dir);
    st = list_names(r, d, &names, &n);
    closedir(d);
    for (size_t i = 0; st == ST_OK && i < n; i++) {
        struct str path = arena_printf(&r->out->arena, "%s/%s", dir, names[i].p);

        st = read_file(r, path.p, arena_printf(&r->out->arena, "%s%s", head, names[i].p));
    }
    return st;
}

/* ---- the hash: names and bytes, with their lengths so that no two sets look alike */

static void hash_str(EVP_MD_CTX *md, struct str s)
{
    uint64_t n = s.n;

    EVP_DigestUpdate(md, &n, sizeof n);
    EVP_DigestUpdate(md, s.p, s.n);
}

static void hash_all(struct snapshot *s)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();

    if (!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
        die("SHA-256 is not there");
    for (size_t i = 0; i < s->n; i++) {
        hash_str(md, s->files[i].name);
        hash_str(md, s->files[i].bytes);
    }
    EVP_DigestFinal_ex(md, s->hash, NULL);
    EVP_MD_CTX_free(md);
}

static enum status begin(struct reading *r, const char *dir, size_t n)
{
    if (n >= sizeof r->out->dir)
        return why_set(r->why, ST_NEVER, "the rule directory's name is too long");
    memcpy(r->out->dir, dir, n);
    r->out->dir[n] = '\0';
    return ST_OK;
}

static enum status end(struct reading *r, enum status st)
{
    if (st == ST_OK)
        hash_all(r->out);
    else
        snapshot_free(r->out);
    return st;
}

enum status snapshot_read(const char *dir, struct snapshot *out, struct why *why)
{
    struct reading r = { .out = out, .why = why };
    size_t n = strlen(dir);
    enum status st;

    memset(out, 0, sizeof *out);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    st = begin(&r, dir, n);
    if (st == ST_OK)
        st = read_dir(&r, dir, "", true);
    if (st == ST_OK)
        st = read_dir(&r, arena_printf(&out->arena, "%s/lib", dir).p, "lib/", false);
    return end(&r, st);
}

enum status snapshot_files(const char *const *paths, size_t n, struct snapshot *out, struct why *why)
{
    struct reading r = { .out = out, .why = why };
    const char *slash = n ? strrchr(paths[0], '/') : NULL;
    enum status st;

    memset(out, 0, sizeof *out);
    st = slash ? begin(&r, paths[0], (size_t)(slash - paths[0])) : begin(&r, ".", 1);
    for (size_t i = 0; st == ST_OK && i < n; i++)
        st = read_file(&r, paths[i], str_of(paths[i]));
    if (st == ST_OK)
        st = read_dir(&r, arena_printf(&out->arena, "%s/lib", out->dir).p, "lib/", false);
    return end(&r, st);
}

void snapshot_free(struct snapshot *s)
{
    arena_free(&s->arena);
    s->files = NULL;
    s->n = 0;
}

/* ---- the sealed form: magic, dir, count, then name and bytes of each file */

static void put_str(struct buf *out, struct str s)
{
    uint64_t n = s.n;

    buf_add(out, (struct str){ (const char *)&n, sizeof n });
    buf_add(out, s);
}

static bool take(struct str *in, void *out, size_t n)
{
    if (in->n < n)
        return false;
    memcpy(out, in->p, n);
    *in = str_from(*in, n);
    return true;
}

static bool take_str(struct str *in, struct arena *a, struct str *out)
{
    uint64_t n;

    if (!take(in, &n, sizeof n) || n > in->n)
        return false;
    *out = arena_dup(a, str_head(*in, (size_t)n));
    *in = str_from(*in, (size_t)n);
    return true;
}

static bool write_all(int fd, struct str s)
{
    while (s.n) {
        ssize_t n = FAULT(WRITE) ? -1 : write(fd, s.p, s.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        s = str_from(s, (size_t)n);
    }
    return true;
}

int snapshot_seal(const struct snapshot *s)
{
    struct buf out = { 0 };
    uint64_t n = s->n;
    int fd = -1, err;

    buf_add(&out, (struct str){ MAGIC, sizeof MAGIC });
    put_str(&out, str_of(s->dir));
    buf_add(&out, (struct str){ (const char *)&n, sizeof n });
    for (size_t i = 0; i < s->n; i++) {
        put_str(&out, s->files[i].name);
        put_str(&out, s->files[i].bytes);
    }
    fd = memfd_create("perigee-rules", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || !write_all(fd, buf_str(&out)) ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        goto failed;
    buf_free(&out);
    return fd;

failed:
    err = errno;
    buf_free(&out);
    if (fd >= 0)
        close(fd);
    errno = err;
    return -1;
}

static bool open_sealed(struct str in, struct snapshot *out)
{
    char magic[sizeof MAGIC];
    struct str dir;
    uint64_t n;

    if (!take(&in, magic, sizeof magic) || memcmp(magic, MAGIC, sizeof magic) != 0)
        return false;
    if (!take_str(&in, &out->arena, &dir) || dir.n >= sizeof out->dir || !take(&in, &n, sizeof n) || n > FILES_MAX)
        return false;
    memcpy(out->dir, dir.p, dir.n);
    out->files = arena_array(&out->arena, struct snapshot_file, n + 1);
    for (out->n = 0; out->n < n; out->n++)
        if (!take_str(&in, &out->arena, &out->files[out->n].name) || !take_str(&in, &out->arena, &out->files[out->n].bytes))
            return false;
    return in.n == 0;
}

enum status snapshot_open(int fd, struct snapshot *out, struct why *why)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    struct stat st;
    void *map;
    bool good;

    memset(out, 0, sizeof *out);
    /* Unsealed, it could shrink under the mapping. */
    if ((fcntl(fd, F_GET_SEALS) & seals) != seals)
        return why_set(why, ST_NEVER, "the rule snapshot is not sealed");
    if (fstat(fd, &st) < 0)
        return why_errno(why, ST_AGAIN, "rule snapshot");
    map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return why_errno(why, ST_AGAIN, "map the rule snapshot");
    good = open_sealed((struct str){ map, (size_t)st.st_size }, out);
    munmap(map, (size_t)st.st_size);
    if (!good) {
        snapshot_free(out);
        return why_set(why, ST_NEVER, "the rule snapshot is damaged");
    }
    hash_all(out);
    return ST_OK;
}
