#include "process/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fault.h"

static pid_t read_pid(int fd)
{
    char z[32];
    ssize_t n = pread(fd, z, sizeof z - 1, 0);

    if (n <= 0)
        return 0;
    z[n] = 0;
    return (pid_t)strtol(z, NULL, 10);
}

enum status lock_take(const char *dir, bool exclusive, int *out, pid_t *holder, struct why *why)
{
    char path[4096], z[32];
    enum status st;
    int fd, n;

    if ((size_t)snprintf(path, sizeof path, "%s/lock", dir) >= sizeof path)
        return why_set(why, ST_NEVER, "the spool's path is too long");
    fd = FAULT(OPEN) ? -1 : open(path, (exclusive ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return why_errno(why, errno == ENOENT ? ST_NONE : ST_NEVER, "open %s", path);
    if (flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0) {
        pid_t pid = read_pid(fd);

        if (holder)
            *holder = pid;
        st = errno == EWOULDBLOCK ? why_set(why, ST_AGAIN, "another engine has the spool %s (process %d)", dir, (int)pid)
                                  : why_errno(why, ST_NEVER, "lock %s", path);
        close(fd);
        return st;
    }
    if (exclusive) {
        n = snprintf(z, sizeof z, "%d\n", (int)getpid());
        if (ftruncate(fd, 0) < 0 || pwrite(fd, z, (size_t)n, 0) != n)
            (void)n;                /* the number is for people; the lock is what counts */
    }
    *out = fd;
    return ST_OK;
}
