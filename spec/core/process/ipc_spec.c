#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process/ipc.h"

static int fd[2];           /* [0] the master's end */
static struct arena arena;

static int setup(void **state)
{
    (void)state;
    return ipc_pair(fd) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    close(fd[0]);
    close(fd[1]);
    return 0;
}

static void a_message_arrives_as_it_was_sent(void **state)
{
    struct ipc m;
    char *big = calloc(1, IPC_TEXT_MAX);
    int pipes[2];
    char c = 0;
    (void)state;

    assert_int_equal(pipe(pipes), 0);
    assert_true(ipc_send(fd[0], &(struct ipc){ .type = IPC_LISTEN, .a = 7, .n = -5, .text = STR("[::1]:25"), .fd = pipes[1] }));
    assert_true(ipc_send(fd[0], &(struct ipc){ .type = IPC_REQUEST, .n = INT64_MAX, .text = { big, IPC_TEXT_MAX } }));
    assert_int_equal(ipc_recv(fd[1], false, &arena, &m), IPC_GOT);
    assert_int_equal(m.type, IPC_LISTEN);
    assert_int_equal(m.a, 7);
    assert_true(m.n == -5);
    assert_string_equal(m.text.p, "[::1]:25");
    assert_int_equal(write(m.fd, "x", 1), 1);
    assert_int_equal(read(pipes[0], &c, 1), 1);
    assert_true(fcntl(m.fd, F_GETFD) & FD_CLOEXEC);
    close(m.fd);
    assert_int_equal(ipc_recv(fd[1], false, &arena, &m), IPC_GOT);
    assert_int_equal(m.text.n, IPC_TEXT_MAX);
    assert_int_equal(ipc_recv(fd[1], false, &arena, &m), IPC_NOTHING);
    close(fd[0]);
    assert_int_equal(ipc_recv(fd[1], false, &arena, &m), IPC_CLOSED);
    close(pipes[0]);
    close(pipes[1]);
    free(big);
    assert_true(ipc_pair(fd));
}

static void sending_never_sends_more_text_than_the_row_allows(void **state)
{
    char text[2000];
    struct ipc m;
    (void)state;

    memset(text, 'x', sizeof text);
    assert_true(ipc_send(fd[0], &(struct ipc){ .type = IPC_UNLISTEN, .text = { text, sizeof text } }));
    assert_int_equal(ipc_recv(fd[1], false, &arena, &m), IPC_GOT);
    assert_int_equal(m.text.n, 256);
}

/* type, a, b, length, n: as in ipc.c. */
struct raw { uint32_t type, a, b, length; int64_t n; };
static const struct { const char *why; struct raw head; size_t send, text; bool fd; } bad[] = {
    { "an unknown type", { 999, 0, 0, 0, 0 }, sizeof(struct raw), 0, false },
    { "half a head", { IPC_READY, 0, 0, 0, 0 }, 10, 0, false },
    { "a length beyond what came", { IPC_BUILT, 0, 0, 50, 0 }, sizeof(struct raw), 0, false },
    { "more than its length says", { IPC_BUILT, 0, 0, 1, 0 }, sizeof(struct raw), 5, false },
    { "text where none belongs", { IPC_READY, 0, 0, 5, 0 }, sizeof(struct raw), 5, false },
    { "a message for workers", { IPC_DRAIN, 0, 0, 0, 0 }, sizeof(struct raw), 0, false },
    { "a descriptor where none belongs", { IPC_READY, 0, 0, 0, 0 }, sizeof(struct raw), 0, true },
};

static void a_bad_message_is_known_and_its_descriptor_closed(void **state)
{
    char text[8] = "abcde";
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct iovec part[2] = { { (void *)&bad[i].head, bad[i].send }, { text, bad[i].text } };
        union { char space[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control = { { 0 } };
        struct msghdr msg = { .msg_iov = part, .msg_iovlen = 2 };
        int pipes[2], before, after;
        struct ipc m;

        assert_int_equal(pipe(pipes), 0);
        if (bad[i].fd) {
            struct cmsghdr *c;

            msg.msg_control = control.space;
            msg.msg_controllen = sizeof control.space;
            c = CMSG_FIRSTHDR(&msg);
            c->cmsg_level = SOL_SOCKET;
            c->cmsg_type = SCM_RIGHTS;
            c->cmsg_len = CMSG_LEN(sizeof(int));
            memcpy(CMSG_DATA(c), &pipes[0], sizeof(int));
        }
        assert_true(sendmsg(fd[1], &msg, 0) > 0);
        before = dup(0);
        close(before);
        if (ipc_recv(fd[0], true, &arena, &m) != IPC_BAD)
            fail_msg("%s was taken", bad[i].why);
        after = dup(0);
        close(after);
        assert_int_equal(before, after);
        close(pipes[0]);
        close(pipes[1]);
    }
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_message_arrives_as_it_was_sent),
        CASE(sending_never_sends_more_text_than_the_row_allows),
        CASE(a_bad_message_is_known_and_its_descriptor_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
