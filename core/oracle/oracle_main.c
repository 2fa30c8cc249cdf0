/*
 * perigee-oracle - libspf2 and libopendmarc, where they can do no harm
 *
 * Reads frames (auth/oracle_wire.h) on descriptor 0 and answers each there. Once it
 * has read the public suffix list it gives everything up: no new descriptors, no
 * more than 128 MiB, and no system calls but those for memory, this socket and the end.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/oracle_wire.h"
#include "base/why.h"
#include "oracle/oracle_ask.h"

enum { MEMORY = 128 << 20, ASKED_MAX = 10000 };

static bool limit(int what, rlim_t most)
{
    struct rlimit r = { most, most };

    return setrlimit(what, &r) == 0;
}

/* Memory without a file behind it, and never to be run. */
static bool allow_memory(scmp_filter_ctx c)
{
    return seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                            SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS)) == 0
        && seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0;
}

/* A build with sanitizers needs far more memory, and calls of all kinds: it is for tests. */
#ifdef __SANITIZE_ADDRESS__
static bool confine(void)
{
    (void)limit;
    (void)allow_memory;
    return true;
}
#else
static bool confine(void)
{
    static const int calls[] = {
        SCMP_SYS(read), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
        SCMP_SYS(futex), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(uname), SCMP_SYS(sysinfo),
        SCMP_SYS(rt_sigreturn), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(restart_syscall),
    };
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_KILL_PROCESS);
    bool right = c && allow_memory(c);

    for (size_t i = 0; right && i < sizeof calls / sizeof *calls; i++)
        right = seccomp_rule_add(c, SCMP_ACT_ALLOW, calls[i], 0) == 0;
    right = right && limit(RLIMIT_AS, MEMORY) && limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_NPROC, 0)
        && limit(RLIMIT_NOFILE, 0) && seccomp_load(c) == 0;
    if (c)
        seccomp_release(c);
    return right;
}
#endif

static void answer(struct str fields)
{
    struct buf said = { 0 }, out = { 0 };
    struct str word, rest = fields, s;

    if (!oracle_take(&rest, &word))
        oracle_put(&said, STR("nonsense"));
    else if (str_same(word, STR("spf")))
        oracle_spf(rest, &said);
    else if (str_same(word, STR("dmarc")))
        oracle_dmarc(rest, &said);
    else
        oracle_put(&said, STR("nonsense"));
    oracle_frame(&out, buf_str(&said));
    for (s = buf_str(&out); s.n;) {
        ssize_t n = send(0, s.p, s.n, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            _exit(1);
        s = str_from(s, n < 0 ? 0 : (size_t)n);
    }
    buf_free(&said);
    buf_free(&out);
}

int main(void)
{
    struct buf in = { 0 };
    struct str fields;
    size_t used;
    int whole;

    oracle_dmarc_prepare("/usr/share/publicsuffix/public_suffix_list.dat");
    if (!confine())
        return 71;              /* EX_OSERR: rather none than one that is not confined */
    for (unsigned asked = 0; asked < ASKED_MAX;) {
        ssize_t n = recv(0, buf_room(&in, 65536), 65536, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        buf_grew(&in, (size_t)n);
        while ((whole = oracle_frame_read(buf_str(&in), &fields, &used)) > 0) {
            answer(fields);
            buf_drop(&in, used);
            asked++;
        }
        if (whole < 0)
            return 65;
    }
    return 0;                   /* whatever leaked ends here: it is started anew */
}
