#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"

static void the_nth_use_fails_once_or_from_then_on(void **state)
{
    (void)state;
    for (int i = 1; i <= 5; i++) {
        errno = 0;
        assert_int_equal(fault_hit(FAULT_WRITE), i == 3);
        assert_int_equal(errno, i == 3 ? ENOSPC : 0);
        assert_int_equal(fault_hit(FAULT_DNS), i >= 2);
        assert_false(fault_hit(FAULT_READ));
    }
}

static void a_crash_point_ends_the_process_at_its_passage(void **state)
{
    int status;
    pid_t pid = fork();
    (void)state;

    if (pid == 0) {
        fault_crash("other.place");
        fault_crash("keep.flushed");
        alarm(10);
        fault_crash("keep.flushed");
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 137);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nth_use_fails_once_or_from_then_on),
        cmocka_unit_test(a_crash_point_ends_the_process_at_its_passage),
    };

    setenv("PERIGEE_FAULT", "write:3:ENOSPC,dns:2+", 1);
    setenv("PERIGEE_CRASH", "keep.flushed:2", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
