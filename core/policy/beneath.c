#include "policy/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"

enum { ROOT_ROOM = 4096 };

int beneath_open(const char *path, const char *below, int flags)
{
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC | O_NONBLOCK), .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    const char *mark = strstr(path, "/./");
    char root[ROOT_ROOM];
    const char *rest;
    size_t n;
    int dir, fd;

    if (FAULT(OPEN))
        return -1;
    /* O_PATH takes nothing but the name, and refuses O_NONBLOCK. */
    if (flags & O_PATH)
        how.flags &= ~(uint64_t)O_NONBLOCK;
    if (mark) {
        n = (size_t)(mark - path);
        rest = mark + 3;
    } else if (below[0] && strncmp(path, below, strlen(below)) == 0 && path[strlen(below)] == '/') {
        n = strlen(below);
        rest = path + n + 1;
    } else {
        return open(path, (int)how.flags);
    }
    if (n >= sizeof root) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(root, path, n);
    root[n] = 0;
    dir = open(n ? root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -1;
    fd = (int)syscall(SYS_openat2, dir, rest, &how, sizeof how);
    close(dir);
    return fd;
}
