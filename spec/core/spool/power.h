/*
 * power - the power is cut (R1.1, R9.2)
 *
 * A kill leaves what was written in the kernel's memory; a power cut does not.
 * These stand in front of libc's calls: they remember what lay where something
 * is written until that is flushed. At the n-th flush, which then never
 * happens, a random part of it is put back, block by block, and the process is
 * gone. New names whose directory was not flushed vanish, or do not; segments
 * removed come back, or do not.
 */
#ifndef SPEC_POWER_H
#define SPEC_POWER_H

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

ssize_t pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at);
int fdatasync(int fd);
int fsync(int fd);
int linkat(int from, const char *name, int to, const char *as, int flags);
int unlinkat(int dir, const char *name, int flags);

struct unflushed {
    struct unflushed *next;
    enum { WROTE, NAMED, UNNAMED } what;
    int fd;                     /* ours: of the file, or of the directory */
    dev_t dev;
    ino_t ino;
    off_t at;
    size_t n;
    char *old;                  /* what lay there, or the name */
};

static struct {
    pthread_mutex_t lock;
    struct unflushed *first;    /* the last first */
    long left;                  /* flushes until the cut; 0: no cut */
    uint32_t rnd, unit, lost;   /* bytes lost together; of 100 */
    int grave;                  /* directory of removed segments */
    unsigned graves;
} power = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* "n:seed": in the environment of the child. */
static void power_begin(const char *dir, const char *spec)
{
    static const uint32_t units[] = { 512, 4096, 512, 65536 }, losses[] = { 50, 50, 100, 15, 85 };
    char path[128];
    char *end;

    power.left = strtol(spec, &end, 10);
    power.rnd = (uint32_t)strtoul(end + 1, NULL, 10);
    power.unit = units[power.rnd % 4];
    power.lost = losses[power.rnd % 5];
    snprintf(path, sizeof path, "%s/graves", dir);
    mkdir(path, 0700);
    power.grave = open(path, O_RDONLY | O_DIRECTORY);
}

static bool power_lost(ino_t ino, uint64_t block)
{
    uint64_t x = ((uint64_t)power.rnd << 32) + ino * 0x9e3779b97f4a7c15ull + block * 0xd1342543de82ef95ull;

    x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9ull;
    return (x >> 33) % 100 < power.lost;
}

static void power_note(int fd, int what, off_t at, size_t n, char *old)
{
    struct unflushed *u = calloc(1, sizeof *u);
    struct stat st;

    fstat(fd, &st);
    *u = (struct unflushed){ power.first, what, (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0), st.st_dev, st.st_ino, at, n, old };
    power.first = u;
}

static void power_flushed(int fd)
{
    struct stat st;

    fstat(fd, &st);
    for (struct unflushed **at = &power.first, *u; (u = *at) != NULL;) {
        if (u->dev != st.st_dev || u->ino != st.st_ino) {
            at = &u->next;
            continue;
        }
        *at = u->next;
        close(u->fd);
        free(u->old);
        free(u);
    }
}

static void power_undo(const struct unflushed *u)
{
    char name[32];

    switch (u->what) {
    case WROTE:
        for (size_t i = 0, n; i < u->n; i += n) {
            uint64_t block = ((uint64_t)u->at + i) / power.unit;

            n = power.unit - ((size_t)u->at + i) % power.unit;
            n = n < u->n - i ? n : u->n - i;
            if (power_lost(u->ino, block))
                syscall(SYS_pwrite64, u->fd, u->old + i, n, u->at + (off_t)i);
        }
        break;
    case NAMED:
        if (power_lost(u->ino, (uint64_t)u->at))
            syscall(SYS_unlinkat, u->fd, u->old, 0);
        break;
    case UNNAMED:
        snprintf(name, sizeof name, "%u", (unsigned)u->at);
        if (power_lost(u->ino, (uint64_t)u->at) && faccessat(u->fd, u->old, F_OK, 0) < 0)
            syscall(SYS_renameat, power.grave, name, u->fd, u->old);
        break;
    }
}

/* With the lock held, which nobody gets any more. */
static void power_step(void)
{
    if (--power.left > 0)
        return;
    for (struct unflushed *u = power.first; u; u = u->next)
        power_undo(u);
    _exit(137);
}

static int power_flush(long call, int fd)
{
    int rc;

    if (!power.left)
        return (int)syscall(call, fd);
    pthread_mutex_lock(&power.lock);
    power_step();
    rc = (int)syscall(call, fd);
    if (rc == 0)
        power_flushed(fd);
    pthread_mutex_unlock(&power.lock);
    return rc;
}

int fdatasync(int fd)
{
    return power_flush(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return power_flush(SYS_fsync, fd);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    ssize_t did;
    char *old;

    if (!power.left)
        return syscall(SYS_pwrite64, fd, p, n, at);
    old = calloc(1, n + 1);
    pthread_mutex_lock(&power.lock);
    if (syscall(SYS_pread64, fd, old, n, at) >= 0)
        power_note(fd, WROTE, at, n, old);
    did = syscall(SYS_pwrite64, fd, p, n, at);
    pthread_mutex_unlock(&power.lock);
    return did;
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at)
{
    ssize_t sum = 0, did = 0;

    for (int i = 0; i < n && did >= 0; i++, sum += did > 0 ? did : 0)
        did = pwrite(fd, v[i].iov_base, v[i].iov_len, at + sum);
    return did < 0 ? did : sum;
}

int linkat(int from, const char *name, int to, const char *as, int flags)
{
    int rc;

    pthread_mutex_lock(&power.lock);
    rc = (int)syscall(SYS_linkat, from, name, to, as, flags);
    if (rc == 0 && power.left)
        power_note(to, NAMED, ++power.graves, 0, strdup(as));
    pthread_mutex_unlock(&power.lock);
    return rc;
}

int unlinkat(int dir, const char *name, int flags)
{
    char grave[32];
    int rc;

    if (!power.left || strncmp(name, "segment.", 8))
        return (int)syscall(SYS_unlinkat, dir, name, flags);
    pthread_mutex_lock(&power.lock);
    snprintf(grave, sizeof grave, "%u", ++power.graves);
    rc = (int)syscall(SYS_renameat, dir, name, power.grave, grave);
    if (rc == 0)
        power_note(dir, UNNAMED, power.graves, 0, strdup(name));
    pthread_mutex_unlock(&power.lock);
    return rc;
}

#endif
