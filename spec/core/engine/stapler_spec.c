/* tls_ocsp_fetch: when a proof is asked for, and what becomes of it. The responder is a thread of the spec. */
#include "../tls/rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/socket.h>

#include "base/log.h"
#include "engine/staple.h"
#include "engine/stapler.h"

static struct {
    struct made root, mx;
    struct loop *loop;
    struct dns *dns;
    struct str cert, proof, answer;     /* what the responder says */
    int listener;
    unsigned asked, port;
    bool silent;                        /* it closes without a word */
    pthread_t thread;
    struct buf log;
    struct arena a;
} rig;

static void *serve(void *none)
{
    int fd;

    (void)none;
    while ((fd = accept(rig.listener, NULL, NULL)) >= 0) {
        char junk[4096];

        if (read(fd, junk, sizeof junk) > 0 && !rig.silent) {
            dprintf(fd, "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\n\r\n", rig.answer.n);
            if (write(fd, rig.answer.p, rig.answer.n) < 0)
                perror("write");
        }
        __atomic_add_fetch(&rig.asked, 1, __ATOMIC_SEQ_CST);
        close(fd);
    }
    return NULL;
}

static void on_line(void *ctx, enum log_file f, struct str line)
{
    (void)ctx;
    buf_addf(&rig.log, "%d ", f);
    buf_add(&rig.log, line);
    buf_byte(&rig.log, '\n');
}

static int setup(void **state)
{
    struct dns_config zone = { .zone_text = STR("nothing.example. A 192.0.2.1\n") };
    struct why why = { 0 };
    char aia[64];

    (void)state;
    rig_open();
    rig.loop = loop_new();
    assert_int_equal(dns_open(rig.loop, &zone, &rig.dns, &why), ST_OK);
    rig.listener = socket(AF_INET, SOCK_STREAM, 0);
    {
        struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof sa;

        assert_int_equal(bind(rig.listener, (struct sockaddr *)&sa, n), 0);
        assert_int_equal(listen(rig.listener, 8), 0);
        assert_int_equal(getsockname(rig.listener, (struct sockaddr *)&sa, &n), 0);
        rig.port = ntohs(sa.sin_port);
    }
    assert_int_equal(pthread_create(&rig.thread, NULL, serve, NULL), 0);
    snprintf(aia, sizeof aia, "OCSP;URI:http://127.0.0.1:%u/", rig.port);
    rig.root = make_cert(NULL, (struct wants){ .cn = "Root", .ca = true });
    rig.mx = make_cert(&rig.root, (struct wants){ .cn = "mx.example.net", .aia = aia });
    rig.cert = write_certs("mx.pem", &rig.mx, &rig.root, NULL);
    rig.proof = str_of(in_dir("mx.ocsp"));
    log_to(on_line, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_to(NULL, NULL);
    shutdown(rig.listener, SHUT_RDWR);
    pthread_join(rig.thread, NULL);
    close(rig.listener);
    dns_close(rig.dns);
    loop_free(rig.loop);
    made_free(&rig.root);
    made_free(&rig.mx);
    arena_free(&rig.a);
    buf_free(&rig.log);
    rig_close();
    return 0;
}

static struct str proof(int from_s, int to_s)
{
    return make_proof(&rig.a, &rig.mx, (struct says){ .from_s = from_s, .to_s = to_s });
}

/* Turns until it has asked so often and is idle, or a generous while is over; says how often it asked. */
static unsigned asked_when_quiet(struct stapler *k, unsigned expected)
{
    for (int i = 0; i < 4000; i++) {
        loop_turn(rig.loop, 5);
        if (i > 300 && __atomic_load_n(&rig.asked, __ATOMIC_SEQ_CST) >= expected && stapler_busy(k) == 0)
            break;
    }
    return rig.asked;
}

static bool logged(const char *text)
{
    buf_byte(&rig.log, 0);
    rig.log.n--;
    return strstr(buf_str(&rig.log).p, text) != NULL;
}

static struct stapler *begin(void)
{
    struct stapler *k = stapler_new(rig.loop);

    rig.asked = 0;
    buf_clear(&rig.log);
    stapler_switch(k, rig.dns, true);
    stapler_saw(k, (struct tls_list){ &rig.cert, 1 }, (struct tls_list){ &rig.proof, 1 }, false);
    return k;
}

static void a_proof_that_is_not_there_is_got(void **state)
{
    int64_t from = 0, until = 0;
    struct stapler *k;

    (void)state;
    unlink(rig.proof.p);
    rig.answer = proof(-60, 7 * DAY);
    k = begin();
    assert_int_equal(asked_when_quiet(k, 1), 1);
    assert_int_equal(staple_dates(rig.cert, rig.proof, &from, &until, NULL), ST_OK);
    assert_true(until > clock_wall() + 6 * DAY);
    assert_true(logged("OCSP: a new proof for "));
    stapler_free(k);
}

static void a_young_one_is_left_alone_and_an_old_one_replaced(void **state)
{
    static const struct { int from, to; unsigned asked; } rows[] = {
        { -1 * DAY, 6 * DAY, 0 }, { -5 * DAY, 2 * DAY, 1 }, { -9 * DAY, -DAY, 1 },
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct stapler *k;

        write_bytes("mx.ocsp", proof(rows[i].from, rows[i].to), 0644);
        rig.answer = proof(-60, 7 * DAY);
        k = begin();
        assert_int_equal(asked_when_quiet(k, rows[i].asked), rows[i].asked);
        stapler_free(k);
    }
}

/* A failure is told: quietly while the old one serves, for the panic log when nothing can be sent. */
static void a_responder_that_fails_is_asked_again_later(void **state)
{
    struct str old = proof(-5 * DAY, 2 * DAY);

    (void)state;
    for (int usable = 0; usable < 2; usable++) {
        struct stapler *k;

        if (usable)
            write_bytes("mx.ocsp", old, 0644);
        else
            unlink(rig.proof.p);
        rig.silent = true;
        k = begin();
        assert_int_equal(asked_when_quiet(k, 1), 1);
        for (int i = 0; i < 200 && !logged("OCSP: no"); i++)
            loop_turn(rig.loop, 5);
        assert_true(logged(usable ? "OCSP: no new proof for " : "OCSP: no proof for "));
        assert_int_equal(logged("2 ") && strstr(buf_str(&rig.log).p, "can be sent") != NULL, !usable);
        /* Seen again, it is not asked again before its time. */
        stapler_saw(k, (struct tls_list){ &rig.cert, 1 }, (struct tls_list){ &rig.proof, 1 }, true);
        for (int i = 0; i < 100; i++)
            loop_turn(rig.loop, 5);
        assert_int_equal(rig.asked, 1);
        rig.silent = false;
        stapler_free(k);
    }
}

/* Another worker holds the lock: nothing is asked, nothing is told. */
static void who_comes_second_waits(void **state)
{
    FILE *f = file_new("mx.ocsp.new", 0644);
    struct stapler *k;

    (void)state;
    unlink(rig.proof.p);
    assert_int_equal(flock(fileno(f), LOCK_EX), 0);
    k = begin();
    assert_int_equal(asked_when_quiet(k, 0), 0);
    assert_false(logged("OCSP"));
    stapler_free(k);
    fclose(f);
}

static void it_may_be_switched_off_while_it_asks(void **state)
{
    struct stapler *k;

    (void)state;
    unlink(rig.proof.p);
    k = begin();
    for (int i = 0; i < 4000 && stapler_busy(k) == 0; i++)
        loop_turn(rig.loop, 1);
    assert_int_equal(stapler_busy(k), 1);
    stapler_switch(k, rig.dns, false);
    stapler_saw(k, (struct tls_list){ &rig.cert, 1 }, (struct tls_list){ &rig.proof, 1 }, true);
    for (int i = 0; i < 50; i++)
        loop_turn(rig.loop, 2);
    assert_int_equal(access(rig.proof.p, F_OK), -1);
    stapler_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proof_that_is_not_there_is_got),
        cmocka_unit_test(a_young_one_is_left_alone_and_an_old_one_replaced),
        cmocka_unit_test(a_responder_that_fails_is_asked_again_later),
        cmocka_unit_test(who_comes_second_waits),
        cmocka_unit_test(it_may_be_switched_off_while_it_asks),
    };

    return cmocka_run_group_tests_name("engine: proofs kept fresh", tests, setup, teardown);
}
