#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/stream.h"

/* One end is a stream, the other a plain descriptor of the spec. */
struct talk {
    struct loop *loop;
    struct stream *s;
    int peer;
    struct buf got;
    size_t take_most;           /* of one offer; 0: everything */
    bool pause_after, close_in_input, abort_in_ended, answer_twice;
    int offers, flushed, ended;
    struct why why;
};

static size_t on_input(void *ctx, struct str bytes)
{
    struct talk *t = ctx;
    size_t n = t->take_most && t->take_most < bytes.n ? t->take_most : bytes.n;

    t->offers++;
    buf_add(&t->got, str_head(bytes, n));
    if (t->answer_twice) {
        stream_write(t->s, STR("one"));
        stream_write(t->s, STR("two"));
        assert_int_equal(recv(t->peer, &(char){ 0 }, 1, MSG_DONTWAIT), -1);
    }
    if (t->pause_after)
        stream_pause(t->s);
    if (t->close_in_input) {
        stream_close(t->s, 100);
        t->s = NULL;
    }
    return n;
}

static void on_flushed(void *ctx) { ((struct talk *)ctx)->flushed++; }

static void on_ended(void *ctx, const struct why *why)
{
    struct talk *t = ctx;

    t->ended++;
    t->why = *why;
    if (t->abort_in_ended) {
        stream_abort(t->s);
        t->s = NULL;
    }
}

static const struct stream_user user = { on_input, on_flushed, on_ended };

static int setup(void **state)
{
    static struct talk t;
    int fd[2];

    t = (struct talk){ .loop = loop_new() };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
    t.peer = fd[1];
    t.s = stream_new(t.loop, fd[0], &user, &t);
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    struct talk *t = *state;

    if (t->s)
        stream_abort(t->s);
    loop_free(t->loop);
    buf_free(&t->got);
    if (t->peer >= 0)
        close(t->peer);
    return 0;
}

static void run(struct talk *t)
{
    while (loop_turn(t->loop, 0))
        ;
}

static void say(struct talk *t, const char *text)
{
    assert_int_equal(write(t->peer, text, strlen(text)), strlen(text));
}

static void got(struct talk *t, const char *text)
{
    assert_int_equal(t->got.n, strlen(text));
    assert_memory_equal(buf_str(&t->got).p, text, t->got.n);
}

static void bytes_not_taken_come_again(void **state)
{
    struct talk *t = *state;

    t->take_most = 3;
    say(t, "abcde");
    run(t);
    got(t, "abc");
    assert_int_equal(stream_unread(t->s), 2);
    say(t, "f");
    run(t);
    got(t, "abcdef");
    assert_int_equal(stream_unread(t->s), 0);
}

static void a_paused_stream_is_silent_until_resumed(void **state)
{
    struct talk *t = *state;

    stream_pause(t->s);
    say(t, "one");
    run(t);
    assert_int_equal(t->offers, 0);
    stream_resume(t->s);
    assert_int_equal(t->offers, 0);         /* never inside the call */
    run(t);
    got(t, "one");
}

static void unread_bytes_are_offered_at_resume_and_before_the_end(void **state)
{
    struct talk *t = *state;

    t->take_most = 4;
    t->pause_after = true;
    say(t, "ask\nquit");
    close(t->peer);
    t->peer = -1;
    run(t);
    got(t, "ask\n");
    assert_int_equal(t->ended, 0);
    stream_resume(t->s);
    run(t);
    got(t, "ask\nquit");
    stream_resume(t->s);
    run(t);
    assert_int_equal(t->ended, 1);
    assert_string_equal(t->why.text, "");
}

/* The end may be found before what a resume was for has been offered. */
static void likewise_when_the_end_is_found_first(void **state)
{
    struct talk *t = *state;

    t->take_most = 4;
    say(t, "ask\nquit");
    run(t);
    got(t, "ask\n");
    stream_pause(t->s);
    stream_resume(t->s);
    close(t->peer);
    t->peer = -1;
    run(t);
    got(t, "ask\nquit");
    assert_int_equal(t->ended, 1);
}

static void back_pressure_is_told_when_it_ends(void **state)
{
    struct talk *t = *state;
    static char big[4 * 1024 * 1024];
    size_t read_back = 0;
    ssize_t n;

    stream_write(t->s, STR("small"));
    assert_int_equal(stream_queued(t->s), 0);
    stream_write(t->s, (struct str){ big, sizeof big });
    assert_true(stream_queued(t->s) > 0);
    while (read_back < sizeof big + 5) {
        while ((n = read(t->peer, big, sizeof big)) > 0)
            read_back += (size_t)n;
        loop_turn(t->loop, 0);
    }
    run(t);
    assert_int_equal(t->flushed, 1);
    assert_int_equal(stream_queued(t->s), 0);
}

static void what_the_peer_said_before_it_broke_is_heard(void **state)
{
    struct talk *t = *state;

    say(t, "421 go away\r\n");
    close(t->peer);
    t->peer = -1;
    stream_write(t->s, STR("MAIL\r\n"));
    run(t);
    got(t, "421 go away\r\n");
    assert_int_equal(t->ended, 1);
    assert_int_equal(t->why.err, EPIPE);
    stream_write(t->s, STR("more"));
    run(t);
    assert_int_equal(t->ended, 1);
}

static void it_may_be_closed_in_its_own_callbacks(void **state)
{
    struct talk *t = *state;
    char c;

    t->close_in_input = true;
    say(t, "QUIT");
    run(t);
    assert_null(t->s);
    assert_int_equal(read(t->peer, &c, 1), 0);
    assert_int_equal(t->ended, 0);
}

static void it_may_be_aborted_in_ended(void **state)
{
    struct talk *t = *state;

    t->abort_in_ended = true;
    close(t->peer);
    t->peer = -1;
    run(t);
    assert_int_equal(t->ended, 1);
    assert_null(t->s);
}

static void a_close_writes_what_is_queued_first(void **state)
{
    struct talk *t = *state;
    static char big[1024 * 1024];
    size_t read_back = 0;
    ssize_t n;

    stream_write(t->s, (struct str){ big, sizeof big });
    stream_close(t->s, 5000);
    t->s = NULL;
    do {
        loop_turn(t->loop, 0);
        while ((n = read(t->peer, big, sizeof big)) > 0)
            read_back += (size_t)n;
    } while (n < 0);
    assert_int_equal(read_back, sizeof big);
    assert_int_equal(t->flushed, 0);
}

/* The last reply must not be overtaken by a reset (it would, were the socket
 * closed with bytes unread). */
static void a_close_before_unread_bytes_throws_them_away(void **state)
{
    struct talk *t = *state;
    char c[8];

    say(t, "never read");
    stream_write(t->s, STR("554"));
    stream_close(t->s, 5000);
    t->s = NULL;
    run(t);
    assert_int_equal(read(t->peer, c, sizeof c), 3);
    assert_int_equal(read(t->peer, c, sizeof c), 0);
    say(t, "and more");
    run(t);
    close(t->peer);
    t->peer = -1;
    run(t);
}

static void a_close_ends_when_its_time_is_over(void **state)
{
    struct talk *t = *state;
    static char big[4 * 1024 * 1024];
    ssize_t n;

    clock_fake(1000000);
    stream_write(t->s, (struct str){ big, sizeof big });
    stream_close(t->s, 5000);
    t->s = NULL;
    clock_step(5001);
    run(t);
    while ((n = read(t->peer, big, sizeof big)) > 0)
        ;
    assert_int_equal(n, 0);
}

static ssize_t upper_read(struct stream *s, char *p, size_t n)
{
    ssize_t got_n = read(stream_fd(s), p, n < 4 ? n : 4);

    for (ssize_t i = 0; i < got_n; i++)
        p[i] = ascii_upper(p[i]);
    return got_n;
}
static ssize_t plain_write(struct stream *s, const char *p, size_t n) { return write(stream_fd(s), p, n); }
static void counted_close(struct stream *s)
{
    (*(int *)stream_below(s))++;
    close(stream_fd(s));
}

static void a_layer_is_read_until_it_has_no_more(void **state)
{
    static const struct stream_ops upper = { .read = upper_read, .write = plain_write, .close = counted_close };
    struct talk *t = *state;
    int closed = 0;

    stream_set_ops(t->s, &upper, &closed);
    say(t, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
    run(t);
    got(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ");
    stream_abort(t->s);
    t->s = NULL;
    assert_int_equal(closed, 1);
}

static void too_much_unread_stops_reading(void **state)
{
    struct talk *t = *state;
    static char big[300 * 1024];
    size_t sent = 0;
    ssize_t n;

    t->take_most = 1;
    for (int i = 0; i < 50; i++) {
        while ((n = write(t->peer, big, sizeof big)) > 0)
            sent += (size_t)n;
        loop_turn(t->loop, 0);
    }
    assert_in_range(stream_unread(t->s), 1, 160 * 1024);
    assert_in_range(t->offers, 1, 20);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* ---- a layer that talks for itself first: one byte is asked for and answered, as a handshake would */

struct shake { int turns, finished, end; bool wait; struct stream *s; };

static int shake_work(struct stream *s)
{
    struct shake *k = stream_below(s);
    char c;

    k->turns++;
    if (k->wait)
        return 0;
    if (recv(stream_fd(s), &c, 1, MSG_DONTWAIT) != 1)
        return WATCH_READ;
    assert_int_equal(send(stream_fd(s), "!", 1, MSG_NOSIGNAL), 1);
    return k->end;
}

static ssize_t plain_read(struct stream *s, char *p, size_t n) { return recv(stream_fd(s), p, n, 0); }
static void plain_close(struct stream *s) { close(stream_fd(s)); }
static void last_words(struct stream *s) { ((struct shake *)stream_below(s))->finished++; }
static const struct stream_ops shaking = { .read = plain_read, .write = plain_write, .close = plain_close, .work = shake_work, .finish = last_words };

static void a_layer_may_talk_for_itself_first(void **state)
{
    struct talk *t = *state;
    struct shake k = { .end = STREAM_WORK_DONE };
    char got[32] = "";

    stream_set_ops(t->s, &shaking, &k);
    stream_write(t->s, STR("after"));
    run(t);
    assert_int_equal(recv(t->peer, got, sizeof got, MSG_DONTWAIT), -1);     /* what the user writes waits */
    say(t, "?rest");
    run(t);
    assert_int_equal(recv(t->peer, got, sizeof got, 0), 6);
    assert_memory_equal(got, "!after", 6);
    assert_true(str_same(buf_str(&t->got), STR("rest")));
    assert_int_equal(t->flushed, 1);
    stream_close(t->s, 1000);
    t->s = NULL;
    assert_int_equal(k.finished, 1);
    run(t);
}

static void a_layer_that_waits_for_a_word_is_woken(void **state)
{
    struct talk *t = *state;
    struct shake k = { .end = STREAM_WORK_DONE, .wait = true };
    int turns;

    stream_set_ops(t->s, &shaking, &k);
    say(t, "?");
    run(t);
    turns = k.turns;
    run(t);
    assert_int_equal(k.turns, turns);           /* readable, and nobody looks */
    k.wait = false;
    stream_work(t->s);
    run(t);
    assert_int_equal(k.turns, turns + 1);
}

static void a_layer_that_fails_is_the_last_that_is_heard(void **state)
{
    struct talk *t = *state;
    struct shake k = { .end = STREAM_WORK_FAILED };

    stream_set_ops(t->s, &shaking, &k);
    say(t, "?rest");
    run(t);
    assert_int_equal(t->offers, 0);
    assert_int_equal(t->ended, 0);
    stream_write(t->s, STR("nobody hears"));
    run(t);
}

/* ---- a layer that holds back what it is given, so that it goes in one piece */

struct holder { char mem[64]; size_t n; int pieces, closed; bool full, said; };

static ssize_t hold_write(struct stream *s, const char *p, size_t n)
{
    struct holder *h = stream_below(s);

    assert_in_range(h->n + n, 0, sizeof h->mem);
    memcpy(h->mem + h->n, p, n);
    h->n += n;
    return (ssize_t)n;
}

static int hold_push(struct stream *s)
{
    struct holder *h = stream_below(s);

    if (h->n == 0)
        return 0;
    if (h->full) {
        errno = EAGAIN;
        return -1;
    }
    assert_int_equal(send(stream_fd(s), h->mem, h->n, MSG_NOSIGNAL), h->n);
    h->n = 0;
    h->pieces++;
    return 0;
}

static void hold_close(struct stream *s)
{
    ((struct holder *)stream_below(s))->closed++;
    close(stream_fd(s));
}

static void hold_words(struct stream *s)
{
    struct holder *h = stream_below(s);

    if (!h->said)
        hold_write(s, ".", 1);
    h->said = true;
}

static const struct stream_ops holding = { .read = plain_read, .write = hold_write, .close = hold_close, .finish = hold_words, .push = hold_push };

static void what_a_layer_holds_back_goes_when_the_callback_is_over(void **state)
{
    struct talk *t = *state;
    struct holder h = { 0 };
    char got[32] = "";

    stream_set_ops(t->s, &holding, &h);
    t->answer_twice = true;
    say(t, "?");
    run(t);
    assert_int_equal(recv(t->peer, got, sizeof got, MSG_DONTWAIT), 6);
    assert_memory_equal(got, "onetwo", 6);
    assert_int_equal(h.pieces, 1);

    stream_write(t->s, STR("later"));           /* in no callback: nothing would come to push it */
    assert_int_equal(recv(t->peer, got, sizeof got, MSG_DONTWAIT), 5);
    assert_int_equal(h.pieces, 2);
}

static void what_a_layer_cannot_let_go_waits_for_room(void **state)
{
    struct talk *t = *state;
    struct holder h = { .full = true };
    char got[32] = "";

    stream_set_ops(t->s, &holding, &h);
    stream_write(t->s, STR("later"));
    loop_turn(t->loop, 0);
    assert_int_equal(h.n, 5);
    h.full = false;
    loop_turn(t->loop, 0);
    loop_turn(t->loop, 0);
    assert_int_equal(recv(t->peer, got, sizeof got, MSG_DONTWAIT), 5);
    assert_int_equal(t->flushed, 1);
}

static void a_close_waits_for_what_a_layer_holds_back(void **state)
{
    struct talk *t = *state;
    struct holder h = { .full = true };
    char got[32] = "";

    stream_set_ops(t->s, &holding, &h);
    stream_write(t->s, STR("bye"));
    stream_close(t->s, 20000);
    t->s = NULL;
    loop_turn(t->loop, 0);
    assert_int_equal(h.closed, 0);
    h.full = false;
    run(t);
    assert_int_equal(h.closed, 1);
    assert_int_equal(recv(t->peer, got, sizeof got, MSG_DONTWAIT), 4);
    assert_memory_equal(got, "bye.", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(bytes_not_taken_come_again),
        CASE(a_paused_stream_is_silent_until_resumed),
        CASE(unread_bytes_are_offered_at_resume_and_before_the_end),
        CASE(likewise_when_the_end_is_found_first),
        CASE(back_pressure_is_told_when_it_ends),
        CASE(what_the_peer_said_before_it_broke_is_heard),
        CASE(it_may_be_closed_in_its_own_callbacks),
        CASE(it_may_be_aborted_in_ended),
        CASE(a_close_writes_what_is_queued_first),
        CASE(a_close_before_unread_bytes_throws_them_away),
        CASE(a_layer_is_read_until_it_has_no_more),
        CASE(too_much_unread_stops_reading),
        CASE(a_close_ends_when_its_time_is_over),
        CASE(a_layer_may_talk_for_itself_first),
        CASE(a_layer_that_waits_for_a_word_is_woken),
        CASE(a_layer_that_fails_is_the_last_that_is_heard),
        CASE(what_a_layer_holds_back_goes_when_the_callback_is_over),
        CASE(what_a_layer_cannot_let_go_waits_for_room),
        CASE(a_close_waits_for_what_a_layer_holds_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
