#include "engine/staple.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "dns/hosts.h"
#include "net/http.h"
#include "base/file.h"
#include "tls/ocsp.h"

/* An answer with a responder's certificate is 2 KiB; addresses tried of a name. */
enum { ANSWER_MAX = 256 * 1024, FILE_MAX = 1024 * 1024, ADDRESSES = 4, DEFAULT_MS = 60 * 1000 };

struct staple {
    struct loop *loop;
    struct staple_want want;
    staple_fn *fn;
    void *ctx;
    struct tls_cert *cert;
    struct str issuers;         /* PEM */
    struct str question;
    struct http_url url;
    struct hosts_query *looking;
    struct http *asking;
    struct ip to[ADDRESSES];
    size_t nto, at;
    int64_t due_ms;
    bool inside, over;          /* staple_fetch has not returned; it is over already */
    int fd;                     /* what is being written, locked */
    char *fresh;                /* its name */
    struct staple_end end;
    struct arena arena;
};

/* ---- the end */

static void release(struct staple *k)
{
    if (k->looking)
        hosts_cancel(k->looking);
    http_cancel(k->asking);
    tls_cert_drop(k->cert);
    if (k->fd >= 0) {
        unlink(k->fresh);
        close(k->fd);
    }
    arena_free(&k->arena);
    free(k);
}

void staple_cancel(struct staple *k)
{
    if (k)
        release(k);
}

static void finish(struct staple *k, enum status st)
{
    k->end.st = st;
    k->over = true;
    k->fn(k->ctx, &k->end);
    if (!k->inside)
        release(k);
}

/* ---- files */

/* The text behind the first certificate. */
static struct str behind_first(struct str pem)
{
    struct str end = STR("-----END CERTIFICATE-----");
    size_t at = str_find_str(pem, end);

    return at == SIZE_MAX ? (struct str){ "", 0 } : str_from(pem, at + end.n);
}

static enum status cert_load(struct arena *a, struct str path, struct tls_cert **cert, struct str *issuers, struct why *why)
{
    struct buf text = { 0 };
    enum status st = file_read(path, FILE_MAX, &text, NULL, why);
    struct why inner = { 0 };

    if (st == ST_OK && tls_cert_read(buf_str(&text), cert, &inner) != ST_OK)
        st = why_set(why, ST_NEVER, "%.*s: %s", STR_ARG(path), inner.text);
    else if (st == ST_OK)
        *issuers = arena_dup(a, behind_first(buf_str(&text)));
    buf_free(&text);
    return st;
}

static enum status add_issuer(struct staple *k, struct why *why)
{
    struct buf text = { 0 };
    enum status st;

    if (k->want.issuer.n == 0)
        return ST_OK;
    st = file_read(k->want.issuer, FILE_MAX, &text, NULL, why);
    if (st == ST_OK)
        k->issuers = arena_printf(&k->arena, "%.*s\n%.*s", STR_ARG(buf_str(&text)), STR_ARG(k->issuers));
    buf_free(&text);
    return st;
}

/* One of the certificates behind ours signed it; a question can be made with that one alone. */
static enum status question_make(struct staple *k, struct why *why)
{
    struct str rest = k->issuers;
    struct tls_cert *issuer;

    while (rest.n > 0 && tls_cert_read(rest, &issuer, NULL) == ST_OK) {
        enum status st = tls_ocsp_question(&k->arena, k->cert, issuer, &k->question, why);

        tls_cert_drop(issuer);
        if (st == ST_OK)
            return ST_OK;
        rest = behind_first(rest);
    }
    return why_set(why, ST_NEVER, "%.*s: the certificate of its issuer is not there: it belongs behind ours, or into a file of its own "
                   "(--issuer)", STR_ARG(k->want.certificate));
}

/* Whether fd is what stands under its name: who held the lock before us may have renamed it, and it serves now. */
static bool still_there(int fd, const char *name)
{
    struct stat ours, there;

    return fstat(fd, &ours) == 0 && stat(name, &there) == 0 && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

/* What another user's attempt left behind (root's, from the command line) may not be written, but in a directory of ours it
 * may be taken away, if nobody is at it any more. */
static int open_new(const char *name)
{
    const int how = O_CLOEXEC | O_NOFOLLOW;
    int fd = FAULT(OPEN) ? -1 : open(name, O_WRONLY | O_CREAT | how, 0644), left;
    bool gone;

    if (fd >= 0 || errno != EACCES)
        return fd;
    left = open(name, O_RDONLY | how);
    gone = left >= 0 && flock(left, LOCK_EX | LOCK_NB) == 0 && unlink(name) == 0;
    if (left >= 0)
        close(left);
    errno = EACCES;
    return gone ? open(name, O_WRONLY | O_CREAT | how, 0644) : -1;
}

/* The lock keeps two of us (workers, or a command line) from asking for the same proof at once. */
static enum status fresh_open(struct staple *k, struct why *why)
{
    bool locked;

    k->fresh = arena_z(&k->arena, arena_printf(&k->arena, "%.*s.new", STR_ARG(k->want.proof)));
    k->fd = open_new(k->fresh);
    if (k->fd < 0)
        return why_errno(why, ST_AGAIN, "open %s", k->fresh);
    locked = flock(k->fd, LOCK_EX | LOCK_NB) == 0;
    if (locked && still_there(k->fd, k->fresh))
        return ST_OK;
    close(k->fd);
    k->fd = -1;
    k->end.busy = true;
    return why_set(why, ST_AGAIN, locked ? "%s: another process has just got this proof" : "%s: another process is getting this proof",
                   k->fresh);
}

static enum status write_all(int fd, struct str bytes, const char *name, struct why *why)
{
    if (ftruncate(fd, 0) < 0)
        return why_errno(why, ST_AGAIN, "truncate %s", name);
    while (bytes.n > 0) {
        ssize_t n = FAULT(WRITE) ? -1 : write(fd, bytes.p, bytes.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return why_errno(why, ST_AGAIN, "write %s", name);
        bytes = str_from(bytes, (size_t)n);
    }
    return FAULT(FLUSH) || fsync(fd) < 0 ? why_errno(why, ST_AGAIN, "sync %s", name) : ST_OK;
}

static void dir_sync(struct arena *a, struct str path)
{
    int dir = open(dirname(arena_z(a, path)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return;
    fsync(dir);         /* a crash may bring the old proof back; it is as good as a moment ago */
    close(dir);
}

static enum status fresh_use(struct staple *k, const struct tls_proof *p, struct why *why)
{
    bool pem = str_ends(k->want.proof, STR(".pem"));
    struct str bytes = pem ? tls_proof_pem(&k->arena, p) : tls_proof_der(p);
    enum status st = write_all(k->fd, bytes, k->fresh, why);

    if (st == ST_OK && (FAULT(RENAME) || rename(k->fresh, arena_z(&k->arena, k->want.proof)) < 0))
        st = why_errno(why, ST_AGAIN, "rename %s", k->fresh);
    if (st != ST_OK)
        return st;
    dir_sync(&k->arena, k->want.proof);
    close(k->fd);
    k->fd = -1;
    return ST_OK;
}

/* ---- the conversation */

static void ask(struct staple *k);

static void judge(struct staple *k, struct str body)
{
    struct tls_proof *p = NULL;
    struct why why = { 0 };
    enum status st = tls_proof_read(body, &p, &why);

    if (st == ST_OK)
        st = tls_proof_check(p, k->cert, k->issuers, clock_wall(), &why);
    if (st == ST_OK) {
        k->end.made = tls_proof_made(p);
        k->end.until = tls_proof_until(p);
        st = fresh_use(k, p, &k->end.why);
    } else {
        why_set(&k->end.why, st, "the answer of %.*s is of no use: %s", STR_ARG(k->end.url), why.text);
    }
    tls_proof_free(p);
    finish(k, st);
}

static void on_answer(void *ctx, enum status st, struct str body, const struct why *why)
{
    struct staple *k = ctx;

    k->asking = NULL;
    if (st == ST_OK) {
        judge(k, body);
        return;
    }
    k->end.why = *why;
    if (st == ST_AGAIN && ++k->at < k->nto && clock_mono_ms() < k->due_ms)
        ask(k);
    else
        finish(k, st);
}

static void ask(struct staple *k)
{
    int64_t left = k->due_ms - clock_mono_ms();
    struct http_want w = {
        .to = { .ip = k->to[k->at], .port = k->url.port }, .url = k->url, .type = STR("application/ocsp-request"),
        .body = k->question, .most = ANSWER_MAX, .ms = left > 1000 ? left : 1000,
    };

    k->asking = http_post(k->loop, &w, on_answer, k);
}

static void on_hosts(void *ctx, const struct hosts_answer *a)
{
    struct staple *k = ctx;

    k->looking = NULL;
    if (a->end != HOSTS_OK || a->n == 0) {
        why_set(&k->end.why, ST_AGAIN, "no address of %.*s is known: %s", STR_ARG(k->url.host), a->why.text[0] ? a->why.text : "no such host");
        finish(k, ST_AGAIN);
        return;
    }
    for (size_t i = 0; i < a->n && k->nto < ADDRESSES; i++)
        k->to[k->nto++] = a->host[i].ip;
    ask(k);
}

static enum status begin(struct staple *k, struct why *why)
{
    enum status st = cert_load(&k->arena, k->want.certificate, &k->cert, &k->issuers, why);

    if (st == ST_OK)
        st = add_issuer(k, why);
    if (st == ST_OK)
        st = question_make(k, why);
    if (st != ST_OK)
        return st;
    k->end.url = k->want.url.n ? k->want.url : tls_ocsp_url(&k->arena, k->cert);
    if (k->end.url.n == 0)
        return why_set(why, ST_NEVER, "%.*s: the certificate names no responder (its issuer may have none any more)",
                       STR_ARG(k->want.certificate));
    if (!http_url(k->end.url, &k->url))
        return why_set(why, ST_NEVER, "\"%.*s\" is no address of a responder: it must begin with http://", STR_ARG(str_head(k->end.url, 200)));
    return fresh_open(k, why);
}

struct staple *staple_fetch(struct loop *l, struct dns *d, const struct staple_want *w, staple_fn *fn, void *ctx)
{
    struct hosts_want addresses = { .mx = false };
    struct staple *k = calloc(1, sizeof *k);
    enum status st;

    if (!k)
        die("out of memory: a proof to be got");
    *k = (struct staple){ .loop = l, .fn = fn, .ctx = ctx, .fd = -1, .inside = true };
    k->want = (struct staple_want){ arena_dup(&k->arena, w->certificate), arena_dup(&k->arena, w->issuer), arena_dup(&k->arena, w->url),
                                    arena_dup(&k->arena, w->proof), w->ms ? w->ms : DEFAULT_MS };
    k->due_ms = clock_mono_ms() + k->want.ms;
    st = begin(k, &k->end.why);
    if (st != ST_OK) {
        finish(k, st);
    } else if (ip_parse(k->url.host, &k->to[0])) {
        k->nto = 1;
        ask(k);
    } else {
        k->looking = hosts_ask(d, k->url.host, &addresses, on_hosts, k);
    }
    k->inside = false;
    if (!k->over)
        return k;
    release(k);
    return NULL;
}

enum status staple_dates(struct str certificate, struct str proof, int64_t *from, int64_t *until, struct why *why)
{
    struct arena a = { 0 };
    struct buf text = { 0 };
    struct tls_cert *cert = NULL;
    struct tls_proof *p = NULL;
    struct str issuers;
    enum status st = cert_load(&a, certificate, &cert, &issuers, why);

    if (st == ST_OK)
        st = file_read(proof, FILE_MAX, &text, NULL, why);
    if (st == ST_OK)
        st = tls_proof_read(buf_str(&text), &p, why);
    if (st == ST_OK)
        st = tls_proof_check(p, cert, issuers, clock_wall(), why);
    if (st == ST_OK) {
        *from = tls_proof_from(p);
        *until = tls_proof_until(p);
    }
    tls_proof_free(p);
    tls_cert_drop(cert);
    buf_free(&text);
    arena_free(&a);
    return st;
}
