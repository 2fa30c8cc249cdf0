#include "spool/boot.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"

void boot_id(char out[BOOT_ID_LEN + 1])
{
    int fd = FAULT(OPEN) ? -1 : open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, BOOT_ID_LEN);

    if (fd >= 0)
        close(fd);
    if (n != BOOT_ID_LEN)
        snprintf(out, BOOT_ID_LEN + 1, "?%015d-%019" PRId64, (int)getpid() & 0xffffff, clock_wall_us());
    out[BOOT_ID_LEN] = '\0';
}
