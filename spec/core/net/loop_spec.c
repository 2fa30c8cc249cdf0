#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rnd.h"
#include "net/loop.h"
#include "net/sock.h"

static struct loop *l;

static int setup(void **state)
{
    (void)state;
    l = loop_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    loop_free(l);
    return 0;
}

/* ---- timers */

enum { MANY = 2000 };
static int64_t fired[MANY];
static size_t nfired;

static void note_time(void *ctx)
{
    (void)ctx;
    fired[nfired++] = clock_mono_ms();
}

static void timers_fire_in_order_on_a_clock_that_jumps(void **state)
{
    static struct timer t[MANY];
    int64_t start;
    (void)state;

    clock_fake(0);
    start = clock_mono_ms();
    nfired = 0;
    for (int i = 0; i < MANY; i++) {
        t[i] = (struct timer){ .fn = note_time };
        timer_set(l, &t[i], (int64_t)rnd_below(1000000));
    }
    for (int i = 0; i < MANY; i += 2)
        timer_set(l, &t[i], (int64_t)rnd_below(1000000));
    for (int i = 0; i < MANY; i += 10)
        timer_clear(l, &t[i]);
    assert_false(loop_turn(l, 0) && nfired > 100);
    loop_settle(l, true, INT64_MAX);
    assert_int_equal(nfired, MANY - MANY / 10);
    for (size_t i = 1; i < nfired; i++)
        assert_true(fired[i] >= fired[i - 1]);
    for (int i = 0; i < MANY; i++) {
        assert_false(timer_is_set(&t[i]));
        if (i % 10)
            assert_true(t[i].due_ms >= start);
    }
}

static void the_clock_goes_no_further_than_asked(void **state)
{
    struct timer near = { .fn = note_time }, far = { .fn = note_time };
    (void)state;

    clock_fake(0);
    nfired = 0;
    timer_set(l, &near, 1000);
    timer_set(l, &far, 5000);
    loop_settle(l, true, clock_wall_us() + 3000000);
    assert_int_equal(nfired, 1);
    assert_true(timer_is_set(&far));
    loop_settle(l, false, INT64_MAX);
    assert_int_equal(nfired, 1);
    loop_settle(l, true, clock_wall_us() + 4000000);
    assert_int_equal(nfired, 2);
}

static struct timer again;
static void set_again(void *ctx)
{
    (*(int *)ctx)++;
    timer_set(l, &again, 0);
}

static void a_timer_set_anew_with_0_waits_for_the_next_turn(void **state)
{
    int runs = 0;
    (void)state;

    clock_fake(0);
    again = (struct timer){ .fn = set_again, .ctx = &runs };
    timer_set(l, &again, 0);
    loop_turn(l, 0);
    assert_int_equal(runs, 1);
    loop_turn(l, 0);
    assert_int_equal(runs, 2);
    timer_clear(l, &again);
}

/* ---- jobs */

static char order[16];
static void add_letter(void *ctx) { strcat(order, ctx); }
static struct job b = { .fn = add_letter, .ctx = "b" };
static void queue_b(void *ctx) { (void)ctx; strcat(order, "a"); loop_soon(l, &b); }
static void forget_b(void *ctx) { (void)ctx; strcat(order, "f"); assert_true(loop_forget(l, &b)); }

static void jobs_run_in_order_and_later_ones_a_turn_later(void **state)
{
    struct job a = { .fn = queue_b }, c = { .fn = add_letter, .ctx = "c" }, f = { .fn = forget_b };
    (void)state;

    order[0] = 0;
    loop_soon(l, &a);
    loop_soon(l, &c);
    assert_true(loop_turn(l, 0));
    assert_string_equal(order, "ac");
    assert_true(loop_turn(l, 1000));
    assert_string_equal(order, "acb");
    assert_false(loop_turn(l, 0));

    order[0] = 0;
    loop_soon(l, &f);
    loop_soon(l, &b);
    loop_soon(l, &c);
    loop_turn(l, 0);
    assert_string_equal(order, "fc");
    assert_false(loop_forget(l, &b));
}

static _Atomic int from_threads;
static void count_one(void *ctx) { from_threads++; free(ctx); }
static void *caller(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < 1000; i++) {
        struct job *j = malloc(sizeof *j);

        *j = (struct job){ .fn = count_one, .ctx = j };
        loop_call(l, j);
    }
    return NULL;
}

static void other_threads_may_call_in(void **state)
{
    pthread_t t[3];
    (void)state;

    from_threads = 0;
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, caller, NULL);
    for (int64_t end = clock_mono_ms() + 10000; from_threads < 3000 && clock_mono_ms() < end;)
        loop_turn(l, 100);
    assert_int_equal(from_threads, 3000);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
}

/* ---- helpers */

struct sum { int in; _Atomic int out; int told; };
static void square(void *ctx) { struct sum *s = ctx; s->out = s->in * s->in; }
static void tell(void *ctx) { struct sum *s = ctx; s->told = s->out; }

static void work_is_done_and_told_on_the_loop(void **state)
{
    (void)state;
    for (unsigned threads = 0; threads < 3; threads++) {
        struct pool *p = pool_new(l, threads);
        struct sum s[20] = { 0 };

        for (int i = 0; i < 20; i++) {
            s[i].in = i;
            pool_work(p, square, tell, &s[i]);
        }
        loop_settle(l, false, INT64_MAX);
        for (int i = 0; i < 20; i++)
            assert_int_equal(s[i].told, i * i);
        pool_free(p);
    }
}

static void nothing_is_told_after_a_pool_is_freed(void **state)
{
    (void)state;
    for (unsigned threads = 0; threads < 2; threads++) {
        struct pool *p = pool_new(l, threads);
        struct sum s[20] = { 0 };

        for (int i = 0; i < 20; i++) {
            s[i] = (struct sum){ .in = 2, .told = -1 };
            pool_work(p, square, tell, &s[i]);
        }
        pool_free(p);
        loop_settle(l, false, INT64_MAX);
        for (int i = 0; i < 20; i++)
            assert_int_equal(s[i].told, -1);
    }
}

/* ---- descriptors */

struct seen { struct watch *w; int what; int times; };
static void see(void *ctx, int what)
{
    struct seen *s = ctx;

    s->what = what;
    if (++s->times == 3) {
        watch_free(s->w);
        s->w = NULL;
    }
}

static void a_watch_pauses_and_may_free_itself(void **state)
{
    struct seen s = { 0 };
    int fd[2];
    (void)state;

    assert_int_equal(pipe2(fd, O_NONBLOCK), 0);
    s.w = watch_new(l, fd[0], see, &s);
    assert_int_equal(write(fd[1], "x", 1), 1);
    assert_false(loop_turn(l, 0));
    watch_set(s.w, WATCH_READ);
    assert_true(loop_turn(l, 1000));
    assert_int_equal(s.what, WATCH_READ);
    watch_set(s.w, 0);
    assert_false(loop_turn(l, 0));
    watch_set(s.w, WATCH_READ);
    loop_turn(l, 1000);
    loop_turn(l, 1000);
    assert_null(s.w);
    assert_false(loop_turn(l, 0));
    close(fd[0]);
    close(fd[1]);
}

/* ---- sockets */

static const struct { const char *in, *out; } addrs[] = {
    { "192.0.2.1:2525", "192.0.2.1:2525" }, { "192.0.2.1", "192.0.2.1:25" }, { "[2001:db8::1]:587", "[2001:db8::1]:587" },
    { "[2001:db8::1]", "[2001:db8::1]:25" }, { "2001:db8::1", "[2001:db8::1]:25" }, { "0.0.0.0:0", "0.0.0.0:0" },
    { "/run/x.sock", "/run/x.sock" }, { "192.0.2.1:", NULL }, { "192.0.2.1:65536", NULL }, { "[::1]25", NULL },
    { "[::1", NULL }, { "host:25", NULL }, { "", NULL }, { ":25", NULL },
};

static void socket_addresses_read_and_print(void **state)
{
    struct arena a = { 0 };
    struct sock_addr sa;
    (void)state;

    for (size_t i = 0; i < sizeof addrs / sizeof *addrs; i++) {
        assert_int_equal(sock_parse(&a, str_of(addrs[i].in), 25, &sa), addrs[i].out != NULL);
        if (addrs[i].out)
            assert_string_equal(sock_text(&a, &sa).p, addrs[i].out);
    }
    arena_free(&a);
}

static void a_second_listener_fails_and_a_connection_has_two_ends(void **state)
{
    struct sock_addr at = { .ip = { .v = IP_V4, .b = { 127, 0, 0, 1 } } }, peer, local, mine;
    struct why why;
    int listener, second, out, in = -1;
    (void)state;

    assert_int_equal(sock_listen(&at, 10, &listener, &why), ST_OK);
    assert_true(sock_local(listener, &at));
    assert_int_equal(sock_listen(&at, 10, &second, &why), ST_AGAIN);
    assert_non_null(strstr(why.text, "listen on 127.0.0.1:"));
    assert_int_equal(sock_connect(&at, NULL, &out, &why), ST_OK);
    for (int i = 0; i < 1000 && in < 0; i++, usleep(1000))
        in = sock_accept(listener, &peer, &local);
    assert_true(in >= 0);
    assert_int_equal(sock_connected(out, &why), ST_OK);
    assert_true(sock_local(out, &mine));
    assert_int_equal(peer.port, mine.port);
    assert_true(ip_same(local.ip, at.ip) && local.port == at.port);
    close(in);
    close(out);
    close(listener);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    /* Those on a real clock first: a fake one stays. */
    const struct CMUnitTest tests[] = {
        CASE(other_threads_may_call_in),
        CASE(work_is_done_and_told_on_the_loop),
        CASE(nothing_is_told_after_a_pool_is_freed),
        CASE(a_watch_pauses_and_may_free_itself),
        CASE(socket_addresses_read_and_print),
        CASE(a_second_listener_fails_and_a_connection_has_two_ends),
        CASE(jobs_run_in_order_and_later_ones_a_turn_later),
        CASE(timers_fire_in_order_on_a_clock_that_jumps),
        CASE(the_clock_goes_no_further_than_asked),
        CASE(a_timer_set_anew_with_0_waits_for_the_next_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
