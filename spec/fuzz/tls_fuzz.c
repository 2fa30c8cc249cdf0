/* What the other side of a handshake sends, and certificates and proofs by themselves. The first byte says which:
 * 0 a client's bytes to our server, 1 a server's bytes to our client, 2 a certificate, 3 an OCSP proof. */
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/stream.h"
#include "replay.h"
#include "tls/tls.h"

static struct tls_context *contexts[2];

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* One file with a certificate and its key, read once and gone. */
static void prepare(void)
{
    char dir[] = "/tmp/perigee-fuzz-XXXXXX", path[64];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    struct str file, smtp = STR("smtp");
    struct tls_config config = { .ca = STR("system"), .alpn = { &smtp, 1 } };
    struct tls_cache *cache = tls_cache_new(tls_tickets_at(calloc(1, tls_tickets_size())));
    FILE *f;

    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    must(mkdtemp(dir) && X509_sign(x, key, EVP_sha256()) > 0);
    snprintf(path, sizeof path, "%s/a.pem", dir);
    f = fopen(path, "w");
    must(f && fchmod(fileno(f), 0600) == 0 && PEM_write_X509(f, x) && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL));
    fclose(f);
    must(tls_context_get(cache, &config, &contexts[1], NULL) == ST_OK);
    file = str_of(path);
    config.server = true;
    config.certificates = (struct tls_list){ &file, 1 };
    must(tls_context_get(cache, &config, &contexts[0], NULL) == ST_OK);
    unlink(path);
    rmdir(dir);
    X509_free(x);
    EVP_PKEY_free(key);
}

struct talk { struct tls *t; int over, ended; };

static void on_hello(void *ctx, struct str sni)
{
    must(sni.n > 0 && !memchr(sni.p, 0, sni.n));
    tls_choose(((struct talk *)ctx)->t, NULL);
}

static void on_cert(void *ctx, int depth, struct tls_cert *cert)
{
    must(depth >= 0 && cert);
    tls_cert_answer(((struct talk *)ctx)->t, true);
}

static void on_note(void *ctx, struct str text) { (void)ctx; must(text.n > 0); }
static void on_over(void *ctx, const struct why *why) { (void)why; ((struct talk *)ctx)->over++; }
static size_t on_input(void *ctx, struct str bytes) { must(((struct talk *)ctx)->over == 1); return bytes.n; }
static void on_ended(void *ctx, const struct why *why) { (void)why; ((struct talk *)ctx)->ended++; }

static void handshake(bool client, const uint8_t *data, size_t n)
{
    static const struct tls_ops ops = { on_hello, on_cert, on_note, on_over };
    static const struct stream_user user = { on_input, NULL, on_ended };
    struct tls_how how = { .server = !client, .verify = TLS_VERIFY_TRY, .resume = true, .sni = STR("mx.example.net"),
                           .staple = TLS_STAPLE_REQUEST };
    struct loop *loop = loop_new();
    struct talk talk = { 0 };
    struct stream *s;
    char junk[4096];
    int fd[2];

    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
    s = stream_new(loop, fd[0], &user, &talk);
    talk.t = tls_start(s, contexts[client], &how, &ops, &talk);
    for (size_t at = 0; at < n && at < 65536;) {
        ssize_t put = write(fd[1], data + at, n - at < 1500 ? n - at : 1500);

        at += put > 0 ? (size_t)put : n;
        loop_turn(loop, 0);
        while (read(fd[1], junk, sizeof junk) > 0)
            continue;
    }
    shutdown(fd[1], SHUT_WR);
    for (int i = 0; i < 8; i++)
        loop_turn(loop, 0);
    must(talk.over <= 1 && talk.ended <= 1);
    stream_abort(s);
    close(fd[1]);
    loop_free(loop);
}

static void certificate(struct str bytes)
{
    static const char *const field[] = {
        "version", "serial_number", "subject", "issuer,CN", "notbefore", "notafter,int", "sig_algorithm", "signature", "subj_altname",
        "subj_altname,dns,>:", "ocsp_uri", "crl_uri",
    };
    struct arena a = { 0 };
    struct tls_cert *c;
    struct tls_field f;

    if (tls_cert_read(bytes, &c, NULL) != ST_OK)
        return;
    for (size_t i = 0; i < sizeof field / sizeof *field; i++)
        if (tls_cert_field(&a, c, str_of(field[i]), &f, NULL) == ST_OK && i != 2)
            must(!memchr(f.text.p, 0, f.text.n));
    tls_cert_is_for(c, STR("mx.example.net"));
    tls_cert_dn(&a, c);
    tls_cert_drop(c);
    arena_free(&a);
}

static void proof(struct str bytes)
{
    struct tls_proof *p;

    if (tls_proof_read(bytes, &p, NULL) != ST_OK)
        return;
    tls_proof_made(p);
    tls_proof_until(p);
    tls_proof_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (!contexts[0])
        prepare();
    if (n == 0)
        return 0;
    if (data[0] < 2)
        handshake(data[0], data + 1, n - 1);
    else if (data[0] == 2)
        certificate((struct str){ (const char *)data + 1, n - 1 });
    else if (data[0] == 3)
        proof((struct str){ (const char *)data + 1, n - 1 });
    return 0;
}
