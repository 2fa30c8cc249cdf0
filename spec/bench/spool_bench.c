/*
 * spool_bench - the spool beside one raw append and flush
 *
 *   spool_bench DIR [SECONDS [BYTES]]
 *
 * For 1, 10, 50 and 200 messages under way at a time: raw appends of that many
 * records and one fdatasync, then the same through the spool, in turn, in the
 * same directory. Rates drift on shared machines; the ratio is what to read.
 * CPU is user and system time of the whole process over what it wrote.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "spool/spool.h"

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

struct result { double rate, cpu_us; };

static struct result raw(const char *dir, int batch, double seconds, size_t bytes)
{
    char path[512], *b = malloc(bytes);
    double start = now(), c = cpu(), took;
    long n = 0;
    int fd;

    memset(b, 'x', bytes);
    snprintf(path, sizeof path, "%s/raw", dir);
    fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0600);
    while ((took = now() - start) < seconds) {
        for (int i = 0; i < batch; i++, n++)
            if (write(fd, b, bytes) != (ssize_t)bytes)
                exit(1);
        if (fdatasync(fd) < 0)
            exit(1);
    }
    c = cpu() - c;
    close(fd);
    unlink(path);
    free(b);
    return (struct result){ (double)n / took, c / (double)n * 1e6 };
}

struct world { struct loop *l; struct spool *sp; int out; long n; size_t bytes; char *body; bool end, lone; };
struct one { struct world *w; struct msg_id id; };

static void stored(void *ctx, enum status st, const struct why *why);

static void send_one(struct world *w)
{
    struct spool_entry e = {
        .envelope = STR("bench@example.org to somebody@example.net, 127.0.0.1, as an envelope of ours would say in some more words"),
        .header = STR("Received: from there by here; today\r\nFrom: bench@example.org\r\nSubject: a message\r\n"),
        .summary = STR("bench@example.org\nsomebody@example.net"),
        .received = clock_wall(), .state = { .next_try = clock_wall(), .pending = 1, .blob = STR("pending") },
    };
    struct one *o = malloc(sizeof *o);
    struct draft *d;
    struct why why;

    o->w = w;
    if (spool_draft(w->sp, &d, &why) != ST_OK || draft_add(d, (struct str){ w->body, w->bytes }, &why) != ST_OK) {
        fprintf(stderr, "%s\n", why.text);
        exit(1);
    }
    o->id = draft_id(d);
    w->out++;
    spool_commit(w->sp, d, &e, stored, o);
}

/* Each message ends as soon as it is stored, so that segments go round; but not
 * a lone one, whose next would wait for the flush of that. */
static void stored(void *ctx, enum status st, const struct why *why)
{
    struct one *o = ctx;
    struct world *w = o->w;

    if (st != ST_OK) {
        fprintf(stderr, "%s\n", why->text);
        exit(1);
    }
    if (!w->lone)
        spool_update(w->sp, o->id, &(struct spool_state){ .gone = true }, NULL, NULL);
    free(o);
    w->out--;
    w->n++;
    if (!w->end)
        send_one(w);
}

static struct result spooled(struct world *w, int batch, double seconds)
{
    double start, c, took;

    w->n = 0;
    w->end = false;
    w->lone = batch == 1;
    start = now();
    c = cpu();
    for (int i = 0; i < batch; i++)
        send_one(w);
    while ((took = now() - start) < seconds)
        loop_turn(w->l, 100);
    c = cpu() - c;
    w->end = true;
    while (w->out)
        loop_turn(w->l, 100);
    return (struct result){ (double)w->n / took, c / (double)w->n * 1e6 };
}

int main(int argc, char **argv)
{
    static const int batches[] = { 1, 10, 50, 200 };
    const char *dir = argc > 1 ? argv[1] : ".";
    double seconds = argc > 2 ? atof(argv[2]) : 1;
    struct world w = { .bytes = argc > 3 ? (size_t)atol(argv[3]) : 10240 };
    char path[512];
    struct why why;
    struct spool_config c = { .dir = path };

    snprintf(path, sizeof path, "%s/spool_bench", dir);
    w.l = loop_new();
    w.body = malloc(w.bytes);
    memset(w.body, 'x', w.bytes);
    if (spool_open(w.l, &c, &w.sp, &why) != ST_OK || spool_take(w.sp, 0, &why) != ST_OK) {
        fprintf(stderr, "%s\n", why.text);
        return 1;
    }
    spool_set_home(w.sp, 0, true);
    printf("under way   raw/s  cpu us   spool/s  cpu us   ratio   us a message raw, spool\n");
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        struct result r = raw(dir, batches[i], seconds, w.bytes), s = spooled(&w, batches[i], seconds);

        printf("%9d %7.0f %7.1f %9.0f %7.1f %7.2f   %.0f %.0f\n", batches[i], r.rate, r.cpu_us, s.rate, s.cpu_us,
               s.rate / r.rate, 1e6 / r.rate * batches[i], 1e6 / s.rate * batches[i]);
    }
    spool_close(w.sp);
    loop_turn(w.l, 0);
    loop_free(w.l);
    free(w.body);
    return 0;
}
