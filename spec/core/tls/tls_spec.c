/* Client and server against each other over a socket pair. */
#include "rig.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/socket.h>

#include "net/stream.h"
#include "tls/tls.h"

static struct {
    struct made root, mid, ec, rsa, other, expired, wild, client, cn_only, stranger;
    struct tls_tickets *page;
    struct tls_cache *cache;
    struct arena arena;
} rig;

/* ---- two ends */

struct end {
    struct loop *loop;
    struct stream *s;
    struct tls *t;
    struct buf got, notes;
    struct why why;
    struct str sni;
    int over, ended, hellos, certs;
    int refuse_depth;               /* ops.cert says no there; -1: nowhere */
    bool later;                     /* answers come in a turn of their own */
    struct job job;
    struct tls_context *choice;     /* for a client that names a host */
    bool say_no, takes_nothing;
    struct arena arena;
};

static size_t on_input(void *ctx, struct str bytes)
{
    struct end *e = ctx;

    if (e->takes_nothing)
        return 0;
    buf_add(&e->got, bytes);
    return bytes.n;
}

static void on_ended(void *ctx, const struct why *why)
{
    ((struct end *)ctx)->ended++;
    ((struct end *)ctx)->why = *why;
}

static const struct stream_user user = { on_input, NULL, on_ended };

static void on_over(void *ctx, const struct why *why)
{
    struct end *e = ctx;

    e->over++;
    e->why = *why;
}

static void name_answer(void *ctx)
{
    struct end *e = ctx;

    if (e->say_no)
        tls_refuse(e->t, STR("no such host here"));
    else
        tls_choose(e->t, e->choice);
}

static void cert_answer(void *ctx)
{
    struct end *e = ctx;

    tls_cert_answer(e->t, e->refuse_depth != e->certs - 1);
}

static void on_hello(void *ctx, struct str sni)
{
    struct end *e = ctx;

    e->hellos++;
    e->sni = arena_dup(&e->arena, sni);
    e->job = (struct job){ name_answer, e, NULL };
    if (e->later)
        loop_soon(e->loop, &e->job);
    else
        name_answer(e);
}

/* Depths come from the end of the chain, so the count is not the depth: the first call says how deep. */
static void on_cert(void *ctx, int depth, struct tls_cert *cert)
{
    struct end *e = ctx;

    assert_non_null(cert);
    e->certs = depth + 1;
    e->job = (struct job){ cert_answer, e, NULL };
    if (e->later)
        loop_soon(e->loop, &e->job);
    else
        cert_answer(e);
}

static void on_note(void *ctx, struct str text)
{
    struct end *e = ctx;

    buf_add(&e->notes, text);
    buf_byte(&e->notes, '\n');
}

static const struct tls_ops plain_ops = { .note = on_note, .over = on_over };
static const struct tls_ops asking_ops = { on_hello, on_cert, on_note, on_over };

struct pair {
    struct loop *loop;
    struct end c, s;
};

/* How a conversation is to go; zeroed parts are the ordinary. */
struct plan {
    struct tls_config server, client;
    struct tls_how accept, connect;
    const struct tls_ops *server_ops, *client_ops;
    struct tls_context *choice;
    bool later, say_no;
    int refuse_server, refuse_client;   /* depth + 1 */
};

static struct tls_context *context(const struct tls_config *config)
{
    struct tls_context *c = NULL;
    struct why why = { 0 };

    if (tls_context_get(rig.cache, config, &c, &why) != ST_OK)
        fail_msg("%s", why.text);
    return c;
}

static void turn(struct pair *p, int n)
{
    while (n-- > 0)
        loop_turn(p->loop, 1);
}

static void until_over(struct pair *p)
{
    for (int i = 0; i < 2000 && !(p->c.over && p->s.over); i++)
        loop_turn(p->loop, 5);
}

static void begin(struct pair *p, struct plan *plan)
{
    int fd[2];
    struct tls_context *s, *c;

    *p = (struct pair){ .loop = loop_new() };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
    p->c = (struct end){ .loop = p->loop, .refuse_depth = plan->refuse_client - 1, .later = plan->later };
    p->s = (struct end){ .loop = p->loop, .refuse_depth = plan->refuse_server - 1, .later = plan->later, .choice = plan->choice,
                         .say_no = plan->say_no };
    p->c.s = stream_new(p->loop, fd[0], &user, &p->c);
    p->s.s = stream_new(p->loop, fd[1], &user, &p->s);
    plan->server.server = true;
    plan->accept.server = true;
    s = context(&plan->server);
    c = context(&plan->client);
    p->s.t = tls_start(p->s.s, s, &plan->accept, plan->server_ops ? plan->server_ops : &plain_ops, &p->s);
    p->c.t = tls_start(p->c.s, c, &plan->connect, plan->client_ops ? plan->client_ops : &plain_ops, &p->c);
    tls_context_drop(s);
    tls_context_drop(c);
    until_over(p);
}

static void end_free(struct end *e)
{
    if (e->s)
        stream_abort(e->s);
    buf_free(&e->got);
    buf_free(&e->notes);
    arena_free(&e->arena);
}

static void finish(struct pair *p)
{
    end_free(&p->c);
    end_free(&p->s);
    loop_free(p->loop);
}

static void good(const struct pair *p)
{
    assert_int_equal(p->s.over, 1);
    assert_int_equal(p->c.over, 1);
    assert_string_equal(p->s.why.text, "");
    assert_string_equal(p->c.why.text, "");
}

/* Words go both ways. */
static void talk(struct pair *p)
{
    stream_write(p->c.s, STR("EHLO there\r\n"));
    stream_write(p->s.s, STR("250 here\r\n"));
    for (int i = 0; i < 500 && (p->c.got.n < 10 || p->s.got.n < 12); i++)
        loop_turn(p->loop, 5);
    assert_true(str_same(buf_str(&p->s.got), STR("EHLO there\r\n")));
    assert_true(str_same(buf_str(&p->c.got), STR("250 here\r\n")));
}

static bool has(const char *text, const char *what)
{
    if (strstr(text, what))
        return true;
    print_error("\"%s\" does not hold \"%s\"\n", text, what);
    return false;
}

/* ---- configurations */

static struct tls_list list(struct str *s, size_t n)
{
    return (struct tls_list){ s, n };
}

static struct str path_ec, path_ec_key, path_rsa, path_rsa_key, path_root, path_client, path_client_key;

static struct tls_config with_ec(void)
{
    return (struct tls_config){ .server = true, .certificates = list(&path_ec, 1), .keys = list(&path_ec_key, 1), .ca = path_root };
}

static struct tls_config trusting(void)
{
    return (struct tls_config){ .ca = path_root };
}

static const struct str mx = STR_INIT("mx.example.net");

static struct plan usual(void)
{
    return (struct plan){
        .server = with_ec(), .client = trusting(),
        .connect = { .sni = mx, .names = &mx, .names_n = 1, .verify = TLS_VERIFY_REQUIRE },
    };
}

static int setup(void **state)
{
    (void)state;
    rig_open();
    rig.root = make_cert(NULL, (struct wants){ .cn = "Root", .ca = true });
    rig.mid = make_cert(&rig.root, (struct wants){ .cn = "Intermediate", .ca = true });
    rig.ec = make_cert(&rig.mid, (struct wants){ .cn = "mx.example.net", .alt = "DNS:mx.example.net,DNS:mail.example.net" });
    rig.rsa = make_cert(&rig.mid, (struct wants){ .cn = "mx.example.net", .alt = "DNS:mx.example.net", .rsa = true });
    rig.other = make_cert(&rig.root, (struct wants){ .cn = "other.example.org", .alt = "DNS:other.example.org" });
    rig.expired = make_cert(&rig.root, (struct wants){ .cn = "mx.example.net", .alt = "DNS:mx.example.net", .from = -9, .to = -2 });
    rig.wild = make_cert(&rig.root, (struct wants){ .cn = "*.example.net", .alt = "DNS:*.example.net" });
    rig.client = make_cert(&rig.root, (struct wants){ .cn = "client.example.com" });
    rig.cn_only = make_cert(&rig.root, (struct wants){ .cn = "mx.example.net" });
    rig.stranger = make_cert(NULL, (struct wants){ .cn = "mx.example.net", .alt = "DNS:mx.example.net" });
    path_root = write_certs("root.pem", &rig.root, NULL);
    path_ec = write_certs("ec.pem", &rig.ec, &rig.mid, NULL);
    path_ec_key = write_key("ec.key", &rig.ec, 0600);
    path_rsa = write_certs("rsa.pem", &rig.rsa, &rig.mid, NULL);
    path_rsa_key = write_key("rsa.key", &rig.rsa, 0600);
    path_client = write_certs("client.pem", &rig.client, NULL);
    path_client_key = write_key("client.key", &rig.client, 0600);
    rig.page = calloc(1, tls_tickets_size());
    rig.cache = tls_cache_new(tls_tickets_at(rig.page));
    return 0;
}

static int teardown(void **state)
{
    struct made *all[] = { &rig.root, &rig.mid, &rig.ec, &rig.rsa, &rig.other, &rig.expired, &rig.wild, &rig.client, &rig.cn_only,
                           &rig.stranger };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        made_free(all[i]);
    tls_cache_free(rig.cache);
    free(rig.page);
    arena_free(&rig.arena);
    rig_close();
    return 0;
}

/* A server with this one certificate, in files of its own. */
static struct tls_config with(const struct made *m)
{
    static struct str path[2];

    path[0] = write_certs("with.pem", m, NULL);
    path[1] = write_key("with.key", m, 0600);
    return (struct tls_config){ .server = true, .certificates = list(&path[0], 1), .keys = list(&path[1], 1), .ca = path_root };
}

/* ---- the ordinary */

static void words_pass_under_tls(void **state)
{
    static const char *const only[] = { "+no_tlsv1_3", "+no_tlsv1_2" };
    static const char *const version[] = { "TLS1.2", "TLS1.3" };
    struct pair p;

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct plan plan = usual();
        const struct tls_facts *f;

        plan.client.options = str_of(only[i]);
        begin(&p, &plan);
        good(&p);
        talk(&p);
        f = tls_facts(p.c.t);
        assert_true(str_same(f->version, str_of(version[i])));
        assert_true(str_starts(f->cipher, str_of(version[i])));
        assert_true(f->bits >= 128 && f->verified && !f->dane);
        assert_true(str_same(f->peerdn, STR("CN=mx.example.net")));
        assert_true(str_starts(f->cipher_std, STR("TLS_")));
        f = tls_facts(p.s.t);
        assert_true(str_same(f->sni, mx));
        assert_true(f->peercert == NULL && f->ourcert != NULL && !f->verified);
        assert_int_equal(f->ocsp, TLS_STAPLE_NOT_ASKED);
        assert_ptr_equal(tls_of(p.c.s), p.c.t);
        finish(&p);
    }
}

/* More than a socket holds, so that records are cut and writes wait. */
static void much_passes_whole(void **state)
{
    struct plan plan = usual();
    struct pair p;
    struct buf much = { 0 };

    (void)state;
    for (int i = 0; i < 200000; i++)
        buf_addf(&much, "%08d\r\n", i);
    begin(&p, &plan);
    good(&p);
    stream_write(p.c.s, buf_str(&much));
    for (int i = 0; i < 20000 && p.s.got.n < much.n; i++)
        loop_turn(p.loop, 5);
    assert_true(str_same(buf_str(&p.s.got), buf_str(&much)));
    buf_free(&much);
    finish(&p);
}

static void what_is_written_before_the_end_waits_for_it(void **state)
{
    struct plan plan = usual();
    struct pair p;
    int fd[2];
    struct tls_context *s, *c;

    (void)state;
    p = (struct pair){ .loop = loop_new() };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    p.c.s = stream_new(p.loop, fd[0], &user, &p.c);
    p.s.s = stream_new(p.loop, fd[1], &user, &p.s);
    plan.accept.server = true;
    s = context(&plan.server);
    c = context(&plan.client);
    p.s.t = tls_start(p.s.s, s, &plan.accept, &plain_ops, &p.s);
    p.c.t = tls_start(p.c.s, c, &plan.connect, &plain_ops, &p.c);
    stream_write(p.s.s, STR("220 hello\r\n"));
    for (int i = 0; i < 1000 && p.c.got.n < 11; i++)
        loop_turn(p.loop, 5);
    assert_true(str_same(buf_str(&p.c.got), STR("220 hello\r\n")));
    tls_context_drop(s);
    tls_context_drop(c);
    finish(&p);
}

static void a_close_is_heard_as_an_end(void **state)
{
    struct plan plan = usual();
    struct pair p;

    (void)state;
    begin(&p, &plan);
    good(&p);
    stream_write(p.s.s, STR("221 bye\r\n"));
    stream_write(p.c.s, STR("words nobody will read\r\n"));
    stream_close(p.s.s, 1000);
    p.s.s = NULL;
    for (int i = 0; i < 1000 && !p.c.ended; i++)
        loop_turn(p.loop, 5);
    assert_int_equal(p.c.ended, 1);
    assert_string_equal(p.c.why.text, "");
    assert_true(str_same(buf_str(&p.c.got), STR("221 bye\r\n")));
    stream_abort(p.c.s);        /* and the one that lingers goes when the other has gone */
    p.c.s = NULL;
    turn(&p, 50);
    finish(&p);
}

/* TPRX-03: TLS is shut down and the same connection goes on in clear, and under TLS again. */
static void tls_ends_and_may_begin_again(void **state)
{
    struct plan plan = usual();
    struct tls_context *s, *c;
    struct pair p;

    (void)state;
    begin(&p, &plan);
    good(&p);
    talk(&p);
    assert_true(tls_end(p.c.t));
    stream_write(p.c.s, STR("EHLO clear\r\n"));
    assert_null(tls_of(p.c.s));
    for (int i = 0; i < 500 && !p.s.ended; i++)
        loop_turn(p.loop, 5);
    assert_int_equal(p.s.ended, 1);     /* a server that only knows TLS hears an end */
    finish(&p);

    begin(&p, &plan);
    good(&p);
    assert_true(tls_end(p.c.t));
    assert_true(tls_end(p.s.t));
    buf_clear(&p.c.got);
    buf_clear(&p.s.got);
    talk(&p);
    assert_null(tls_of(p.s.s));
    s = context(&plan.server);
    c = context(&plan.client);
    p.c.over = p.s.over = 0;
    p.s.t = tls_start(p.s.s, s, &plan.accept, &plain_ops, &p.s);
    p.c.t = tls_start(p.c.s, c, &plan.connect, &plain_ops, &p.c);
    until_over(&p);
    good(&p);
    assert_non_null(tls_of(p.c.s));
    tls_context_drop(s);
    tls_context_drop(c);
    finish(&p);
}

/* ---- who is believed */

static const struct {
    const char *title;
    const struct made *cert;
    const char *name;
    bool verified;
    const char *why;
} believed[] = {
    { "the right name", &rig.other, "other.example.org", true, "" },
    { "case and a final dot are no difference", &rig.other, "Other.Example.ORG", true, "" },
    { "another name", &rig.other, "mx.example.net", false, "hostname mismatch" },
    { "CERT-T2: a wildcard for one label", &rig.wild, "mx.example.net", true, "" },
    { "CERT-T2: a wildcard is not for two", &rig.wild, "a.b.example.net", false, "hostname mismatch" },
    { "CERT-T3: the CN counts where there is no alternative name", &rig.cn_only, "mx.example.net", true, "" },
    { "out of date", &rig.expired, "mx.example.net", false, "certificate has expired" },
    { "nobody we know", &rig.stranger, "mx.example.net", false, "self-signed certificate" },
};

static void a_certificate_is_believed_or_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof believed / sizeof *believed; i++)
        for (int tried = 0; tried < 2; tried++) {
            struct str name = str_of(believed[i].name);
            struct plan plan = usual();
            struct pair p;

            plan.server = with(believed[i].cert);
            plan.connect.names = &name;
            plan.connect.verify = tried ? TLS_VERIFY_TRY : TLS_VERIFY_REQUIRE;
            begin(&p, &plan);
            if (believed[i].verified) {
                good(&p);
                assert_true(tls_facts(p.c.t)->verified);
            } else if (tried) {         /* CERT-T4 */
                good(&p);
                assert_false(tls_facts(p.c.t)->verified);
                assert_true(p.c.notes.n > 0);
                talk(&p);
            } else {
                assert_true(has(p.c.why.text, "(SSL_connect): error:"));
                assert_true(has(p.c.why.text, "certificate verify failed"));
                assert_true(has(p.c.why.text, believed[i].why));
                assert_true(has(p.s.why.text, "(SSL_accept): error:"));
            }
            finish(&p);
        }
}

static void a_client_shows_a_certificate(void **state)
{
    static const enum tls_verify verify[] = { TLS_VERIFY_NONE, TLS_VERIFY_TRY, TLS_VERIFY_REQUIRE };

    (void)state;
    for (int v = 0; v < 3; v++)
        for (int shows = 0; shows < 2; shows++) {
            struct plan plan = usual();
            struct pair p;

            plan.accept.verify = verify[v];
            if (shows) {
                plan.client.certificates = list(&path_client, 1);
                plan.client.keys = list(&path_client_key, 1);
            }
            begin(&p, &plan);
            if (v == 2 && !shows) {
                assert_true(has(p.s.why.text, "peer did not return a certificate"));
            } else {
                assert_string_equal(p.s.why.text, "");
                assert_int_equal(tls_facts(p.s.t)->verified, v > 0 && shows);
                assert_int_equal(tls_facts(p.s.t)->peercert != NULL, v > 0 && shows);
                if (v > 0 && shows)
                    assert_true(str_same(tls_facts(p.s.t)->peerdn, STR("CN=client.example.com")));
            }
            finish(&p);
        }
}

static void crls_are_asked(void **state)
{
    FILE *f;

    (void)state;
    for (int revoked = 0; revoked < 2; revoked++) {
        struct plan plan = usual();
        struct pair p;

        f = file_new("crl.pem", 0644);
        crl_add(f, &rig.root, revoked ? &rig.client : NULL);
        fclose(f);
        plan.server.crl = str_of(in_dir("crl.pem"));
        plan.accept.verify = TLS_VERIFY_REQUIRE;
        plan.client.certificates = list(&path_client, 1);
        plan.client.keys = list(&path_client_key, 1);
        begin(&p, &plan);
        if (revoked)
            assert_true(has(p.s.why.text, "certificate revoked"));
        else
            assert_string_equal(p.s.why.text, "");
        finish(&p);
    }
}

/* CRL-01: every signer of the chain needs a list. */
static void every_signer_needs_a_list(void **state)
{
    (void)state;
    for (int both = 0; both < 2; both++) {
        struct plan plan = usual();
        struct pair p;
        FILE *f = file_new("crl2.pem", 0644);

        crl_add(f, &rig.root, NULL);
        if (both)
            crl_add(f, &rig.mid, NULL);
        fclose(f);
        plan.client.crl = str_of(in_dir("crl2.pem"));
        begin(&p, &plan);
        if (both)
            good(&p);
        else
            assert_true(has(p.c.why.text, "unable to get certificate CRL"));
        finish(&p);
    }
}

static void a_directory_of_hashed_names_serves(void **state)
{
    struct plan plan = usual();
    char name[64];
    struct pair p;
    FILE *f;

    (void)state;
    mkdir(in_dir("hashed"), 0755);
    snprintf(name, sizeof name, "hashed/%08lx.0", X509_subject_name_hash(rig.root.x));
    write_certs(name, &rig.root, NULL);
    snprintf(name, sizeof name, "hashed/%08lx.r0", X509_subject_name_hash(rig.root.x));
    f = file_new(name, 0644);
    crl_add(f, &rig.root, &rig.other);
    fclose(f);
    plan.client.ca = plan.client.crl = str_of(in_dir("hashed"));
    plan.server = with(&rig.cn_only);
    begin(&p, &plan);
    good(&p);
    finish(&p);
    plan.server = with(&rig.other);
    plan.connect.names_n = 0;
    begin(&p, &plan);
    assert_true(has(p.c.why.text, "certificate revoked"));
    finish(&p);
}

/* ---- the event tls:cert */

static void rules_see_each_certificate(void **state)
{
    (void)state;
    for (int later = 0; later < 2; later++)
        for (int at = 0; at < 4; at++) {    /* refused nowhere, at 0, at 1, at 2 */
            struct plan plan = usual();
            struct pair p;

            plan.client_ops = &asking_ops;
            plan.later = later;
            plan.refuse_client = at;
            begin(&p, &plan);
            assert_string_equal(p.s.why.text, "");
            if (at == 0) {
                good(&p);
                assert_int_equal(p.c.certs, 1);
            } else {
                assert_true(has(p.c.why.text, "refused by the event tls:cert"));
                assert_int_equal(p.c.certs, at);
            }
            finish(&p);
            plan.connect.verify = TLS_VERIFY_TRY;
            begin(&p, &plan);
            good(&p);
            assert_int_equal(tls_facts(p.c.t)->verified, at == 0);
            finish(&p);
        }
}

/* ---- the name */

static void another_host_another_certificate(void **state)
{
    struct plan plan = usual();
    struct str name = STR("other.example.org");
    struct tls_config other;
    struct pair p;

    (void)state;
    other = with(&rig.other);
    other.ciphers = STR("ECDHE-ECDSA-AES256-GCM-SHA384");
    other.options = STR("+no_tlsv1_3");     /* the whole context holds, not its certificate alone */
    plan.choice = context(&other);
    plan.server_ops = &asking_ops;
    for (int later = 0; later < 2; later++) {
        plan.later = later;
        plan.connect.sni = name;
        plan.connect.names = &name;
        begin(&p, &plan);
        good(&p);
        talk(&p);
        assert_int_equal(p.s.hellos, 1);
        assert_true(str_same(p.s.sni, name));
        assert_true(str_same(tls_facts(p.c.t)->cipher, STR("TLS1.2:ECDHE-ECDSA-AES256-GCM-SHA384:256")));
        assert_true(tls_facts(p.c.t)->verified);
        finish(&p);

        plan.connect.sni = (struct str){ "", 0 };   /* no name: the default, and nobody is asked */
        plan.connect.names = &mx;
        begin(&p, &plan);
        good(&p);
        assert_int_equal(p.s.hellos, 0);
        finish(&p);

        plan.connect.sni = STR("unknown.example.com");
        plan.say_no = true;
        begin(&p, &plan);
        assert_true(has(p.s.why.text, "(SSL_accept): no such host here"));
        assert_true(has(p.c.why.text, "unrecognized name"));
        plan.say_no = false;
        finish(&p);
    }
    tls_context_drop(plan.choice);
}

/* ---- what a context says */

/* TLSC-T1, TLSC-T2 */
static void the_cipher_chooses_among_certificates(void **state)
{
    struct str certs[] = { path_rsa, path_ec }, keys[] = { path_rsa_key, path_ec_key };
    static const struct { const char *client, *server, *cert; } rows[] = {
        { "aECDSA", "", "EC" }, { "aRSA", "", "RSA" }, { "", "ECDSA:RSA:!COMPLEMENTOFDEFAULT", "EC" },
        { "aRSA:aECDSA", "RSA:ECDSA", "RSA" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plan plan = usual();
        struct pair p;
        X509 *got;

        plan.server.certificates = list(certs, 2);
        plan.server.keys = list(keys, 2);
        plan.server.ciphers = str_of(rows[i].server);
        plan.client.ciphers = str_of(rows[i].client);
        plan.client.options = STR("+no_tlsv1_3");
        begin(&p, &plan);
        good(&p);
        got = tls_cert_x509(tls_facts(p.c.t)->peercert);
        assert_true(EVP_PKEY_is_a(X509_get0_pubkey(got), rows[i].cert));
        assert_int_equal(X509_cmp(got, tls_cert_x509(tls_facts(p.s.t)->ourcert)), 0);
        finish(&p);
    }
}

static void protocols_are_agreed_on(void **state)
{
    struct str smtp = STR("smtp"), imap = STR("imap");
    struct plan plan = usual();
    struct pair p;

    (void)state;
    plan.server.alpn = plan.client.alpn = list(&smtp, 1);
    begin(&p, &plan);
    good(&p);
    assert_true(str_same(tls_facts(p.s.t)->alpn, smtp));
    assert_true(str_same(tls_facts(p.c.t)->alpn, smtp));
    finish(&p);
    plan.client.alpn = list(&imap, 1);
    begin(&p, &plan);
    assert_true(has(p.s.why.text, "(SSL_accept): error:"));
    assert_true(has(p.c.why.text, "no application protocol"));
    finish(&p);
    plan = usual();
    plan.server.alpn = list(&smtp, 1);
    plan.accept.alpn_required = true;
    begin(&p, &plan);
    assert_true(has(p.s.why.text, "no ALPN protocol was agreed on"));
    finish(&p);
}

static void no_common_ground_is_said(void **state)
{
    struct plan plan = usual();
    struct pair p;

    (void)state;
    plan.server.options = STR("+no_tlsv1_3");
    plan.client.options = STR("+no_tlsv1_2");
    begin(&p, &plan);
    assert_true(has(p.s.why.text, "(SSL_accept): error:"));
    assert_int_equal(p.s.over, 1);
    assert_int_equal(p.c.over, 1);
    finish(&p);
}

/* ---- DANE */

static struct tls_tlsa tlsa_of(struct arena *a, const struct made *m, int usage, int selector, int matching)
{
    unsigned char sum[EVP_MAX_MD_SIZE], *der = NULL;
    unsigned n = 0;
    int len = selector ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(m->x), &der) : i2d_X509(m->x, &der);
    struct tls_tlsa r = { (unsigned char)usage, (unsigned char)selector, (unsigned char)matching, { "", 0 } };

    assert_true(len > 0);
    assert_true(EVP_Digest(der, (size_t)len, sum, &n, matching == 2 ? EVP_sha512() : EVP_sha256(), NULL));
    r.data = arena_dup(a, matching ? (struct str){ (char *)sum, n } : (struct str){ (char *)der, (size_t)len });
    OPENSSL_free(der);
    return r;
}

static const struct {
    const char *title;
    const struct made *cert, *of;
    int usage, selector, matching;
    const char *base, *why;
} danes[] = {
    { "DANE-T1: 3 1 2 of a certificate nobody signed", &rig.stranger, &rig.stranger, 3, 1, 2, "mx.example.net", "" },
    { "usage 3 looks at no name and no date", &rig.expired, &rig.expired, 3, 1, 1, "elsewhere.example.com", "" },
    { "DANE-T2: 3 1 2 of another key", &rig.stranger, &rig.other, 3, 1, 2, "mx.example.net", "certificate verify failed" },
    { "2 0 1 of the root", &rig.ec, &rig.root, 2, 0, 1, "mx.example.net", "" },
    { "2 1 1 of the intermediate", &rig.ec, &rig.mid, 2, 1, 1, "mx.example.net", "" },
    { "DANE-T3: usage 2 with the wrong name", &rig.ec, &rig.mid, 2, 1, 1, "wrong.example.net", "hostname mismatch" },
    { "usage 1 cannot be used", &rig.ec, &rig.ec, 1, 1, 1, "mx.example.net", "No usable TLSA records" },
};

/* RFC 7672 3.1: what SMTP has no use for, and what is not what it says it is. */
static void some_records_are_of_no_use(void **state)
{
    struct arena a = { 0 };
    struct tls_tlsa cert = tlsa_of(&a, &rig.ec, 3, 0, 0), key = tlsa_of(&a, &rig.ec, 2, 1, 0), sum = tlsa_of(&a, &rig.ec, 3, 1, 1);
    struct tls_tlsa bad[] = {
        { 0, 1, 1, sum.data }, { 1, 1, 1, sum.data }, { 4, 1, 1, sum.data }, { 3, 2, 1, sum.data }, { 3, 1, 3, sum.data },
        { 3, 1, 2, sum.data }, { 3, 1, 1, str_head(sum.data, 31) }, { 3, 1, 0, sum.data }, { 2, 0, 0, STR("") },
        { 3, 1, 0, cert.data }, { 3, 0, 0, key.data }, { 3, 0, 0, str_head(cert.data, cert.data.n - 1) },
        { 3, 0, 0, { arena_alloc(&a, cert.data.n + 1), cert.data.n + 1 } },    /* one octet more */
    };

    (void)state;
    memcpy((char *)(uintptr_t)bad[12].data.p, cert.data.p, cert.data.n);
    ((char *)(uintptr_t)bad[12].data.p)[cert.data.n] = 0;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(tls_tlsa_usable(&bad[i], 1), 0);
    assert_int_equal(tls_tlsa_usable(&cert, 1), 8);
    assert_int_equal(tls_tlsa_usable(&key, 1), 4);
    assert_int_equal(tls_tlsa_usable(&sum, 1), 8);
    arena_free(&a);
}

static void tlsa_records_decide(void **state)
{
    struct arena a = { 0 };
    struct str chain = write_certs("chain.pem", &rig.ec, &rig.mid, &rig.root, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof danes / sizeof *danes; i++) {
        struct tls_tlsa r = tlsa_of(&a, danes[i].of, danes[i].usage, danes[i].selector, danes[i].matching);
        struct plan plan = usual();
        struct pair p;

        plan.server = with(danes[i].cert);
        if (danes[i].cert == &rig.ec)
            plan.server.certificates = list(&chain, 1);
        plan.client.ca = write_certs("unrelated.pem", &rig.stranger, NULL);     /* DANE-T7 */
        plan.connect = (struct tls_how){ .dane_base = str_of(danes[i].base), .tlsa = &r, .tlsa_n = 1, .sni = str_of(danes[i].base) };
        begin(&p, &plan);
        if (danes[i].why[0]) {
            assert_true(has(p.c.why.text, danes[i].why));
        } else {
            good(&p);
            assert_true(tls_facts(p.c.t)->dane && tls_facts(p.c.t)->verified);
            assert_int_equal(tls_facts(p.c.t)->tlsa_usage, 1 << danes[i].usage);
        }
        finish(&p);
    }
    arena_free(&a);
}

/* ---- OCSP */

static void staples_are_sent_and_judged(void **state)
{
    struct arena a = { 0 };
    struct made old = make_cert(&rig.mid, (struct wants){ .cn = "responder", .ocsp_signer = true, .from = -9, .to = -2 });
    struct made new = make_cert(&rig.mid, (struct wants){ .cn = "responder", .ocsp_signer = true });
    const struct {
        struct says says;
        bool sent;
    } rows[] = {
        { { NULL, V_OCSP_CERTSTATUS_GOOD, -60, DAY, false }, true },
        { { &new, V_OCSP_CERTSTATUS_GOOD, -60, DAY, false }, true },
        { { NULL, V_OCSP_CERTSTATUS_GOOD, -2 * DAY, -DAY, false }, false },     /* OCSP-T2 */
        { { NULL, V_OCSP_CERTSTATUS_GOOD, -60, 0, false }, false },             /* OCSP-T3 */
        { { &old, V_OCSP_CERTSTATUS_GOOD, -60, DAY, false }, false },           /* OCSP-08 */
        { { NULL, V_OCSP_CERTSTATUS_REVOKED, -60, DAY, false }, false },
        { { &rig.stranger, V_OCSP_CERTSTATUS_GOOD, -60, DAY, false }, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str path = write_bytes("proof.der", make_proof(&a, &rig.ec, rows[i].says), 0644);
        struct plan plan = usual();
        struct pair p;

        plan.server.proofs = list(&path, 1);
        plan.connect.staple = TLS_STAPLE_REQUEST;
        begin(&p, &plan);
        good(&p);           /* OCSP-T6: asked for, not needed */
        assert_int_equal(tls_facts(p.s.t)->ocsp, rows[i].sent ? TLS_STAPLE_GOOD : TLS_STAPLE_NONE);
        assert_int_equal(tls_facts(p.c.t)->ocsp, rows[i].sent ? TLS_STAPLE_GOOD : TLS_STAPLE_NONE);
        finish(&p);
        plan.connect.staple = TLS_STAPLE_REQUIRE;
        begin(&p, &plan);
        if (rows[i].sent)
            good(&p);
        else                /* OCSP-T5 */
            assert_true(has(p.c.why.text, "(SSL_connect) Required TLS certificate status not received"));
        finish(&p);
    }
    made_free(&old);
    made_free(&new);
    arena_free(&a);
}

/* OCSP-10: with several certificates the proof of the one that is sent. */
static void each_certificate_has_its_proof(void **state)
{
    struct str certs[] = { path_rsa, path_ec }, keys[] = { path_rsa_key, path_ec_key }, proofs[2];
    static const char *const of[] = { "aECDSA", "aRSA" };
    struct arena a = { 0 };

    (void)state;
    proofs[0] = write_bytes("ec.ocsp", make_proof(&a, &rig.ec, (struct says){ .from_s = -60, .to_s = DAY }), 0644);
    proofs[1] = write_bytes("rsa.ocsp", make_proof(&a, &rig.rsa, (struct says){ .from_s = -60, .to_s = DAY }), 0644);
    for (int i = 0; i < 2; i++) {
        struct plan plan = usual();
        struct pair p;

        plan.server.certificates = list(certs, 2);
        plan.server.keys = list(keys, 2);
        plan.server.proofs = list(proofs, 2);
        plan.client.ciphers = str_of(of[i]);
        plan.client.options = STR("+no_tlsv1_3");
        plan.connect.staple = TLS_STAPLE_REQUIRE;
        begin(&p, &plan);
        good(&p);
        finish(&p);
    }
    arena_free(&a);
}

/* ---- resumption */

static void sessions_are_taken_up_again(void **state)
{
    static const char *const only[] = { "+no_tlsv1_3", "+no_tlsv1_2" };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct plan plan = usual();
        struct arena a = { 0 };
        struct str session;
        struct pair p;

        plan.client.options = str_of(only[i]);
        plan.accept.resume = plan.connect.resume = true;
        begin(&p, &plan);
        good(&p);
        talk(&p);
        assert_int_equal(tls_facts(p.c.t)->resumption, 11);     /* RES-T2 */
        session = tls_session(&a, p.c.t);
        assert_true(session.n > 0);
        assert_true(tls_session_until(session) > clock_wall());
        finish(&p);

        plan.connect.session = session;
        begin(&p, &plan);
        good(&p);
        talk(&p);
        assert_true(tls_facts(p.c.t)->resumption & 16 && tls_facts(p.c.t)->resumption & 4);
        assert_true(tls_facts(p.s.t)->resumption & 16 && tls_facts(p.s.t)->resumption & 4);
        assert_true(tls_facts(p.c.t)->verified);
        assert_true(str_same(tls_facts(p.c.t)->peerdn, STR("CN=mx.example.net")));
        finish(&p);

        plan.server.scope = STR("another listener");            /* R6.1 */
        begin(&p, &plan);
        good(&p);
        assert_false(tls_facts(p.c.t)->resumption & 16);
        finish(&p);
        plan.server.scope = STR("");
        plan.accept.resume = false;                             /* a host it is not offered to */
        begin(&p, &plan);
        good(&p);
        talk(&p);
        assert_int_equal(tls_facts(p.c.t)->resumption, 1 + 2 + 4);
        finish(&p);
        plan.connect.session.n = 20;                            /* damaged: as if there was none */
        plan.accept.resume = true;
        begin(&p, &plan);
        good(&p);
        assert_false(tls_facts(p.c.t)->resumption & 4);
        finish(&p);
        arena_free(&a);
    }
}

static void an_unverified_session_does_not_pass_for_verified(void **state)
{
    struct plan plan = usual();
    struct arena a = { 0 };
    struct pair p;

    (void)state;
    plan.server = with(&rig.stranger);
    plan.accept.resume = plan.connect.resume = true;
    plan.connect.verify = TLS_VERIFY_TRY;
    begin(&p, &plan);
    good(&p);
    talk(&p);
    plan.connect.session = tls_session(&a, p.c.t);
    assert_true(plan.connect.session.n > 0);
    finish(&p);
    begin(&p, &plan);
    good(&p);
    assert_true(tls_facts(p.c.t)->resumption & 16);
    assert_false(tls_facts(p.c.t)->verified);
    finish(&p);
    plan.connect.verify = TLS_VERIFY_REQUIRE;
    begin(&p, &plan);
    assert_true(has(p.c.why.text, "certificate verify failed"));
    finish(&p);
    arena_free(&a);
}

/* A resumed session shows no certificate; the one it was made with may have ended since. */
static void a_session_ends_with_its_certificate(void **state)
{
    static const char *const only[] = { "+no_tlsv1_3", "+no_tlsv1_2" };
    struct made soon = make_cert(&rig.root, (struct wants){ .cn = "client.example.com", .from = -1, .to = 1 });
    struct made server = make_cert(&rig.root, (struct wants){ .cn = "mx.example.net", .from = -1, .to = 1 });
    struct str cert = write_certs("soon.pem", &soon, NULL), key = write_key("soon.key", &soon, 0600);

    (void)state;
    for (int i = 0; i < 4; i++) {
        bool clients = i < 2;
        struct plan plan = usual();
        struct arena a = { 0 };
        struct pair p;

        clock_fake(((int64_t)time(NULL) + DAY - 1800) * 1000000);
        memset(rig.page, 0, tls_tickets_size());    /* keys of the true clock's hours are of the future to this one */
        plan.client.options = str_of(only[i % 2]);
        plan.accept.resume = plan.connect.resume = true;
        if (clients) {
            plan.accept.verify = TLS_VERIFY_TRY;
            plan.client.certificates = list(&cert, 1);
            plan.client.keys = list(&key, 1);
        } else {
            plan.server = with(&server);
        }
        for (int step = 0; step < 3; step++) {
            begin(&p, &plan);
            if (step == 2 && !clients) {
                assert_true(has(p.c.why.text, "certificate has expired"));
            } else {
                good(&p);
                talk(&p);
                assert_int_equal((tls_facts(p.s.t)->resumption & 16) != 0, step == 1);
                assert_int_equal(tls_facts(clients ? p.s.t : p.c.t)->verified, step < 2);
                plan.connect.session = tls_session(&a, p.c.t);
            }
            finish(&p);
            if (step == 1)
                clock_step(2400 * 1000);
        }
        arena_free(&a);
        clock_fake_is(false);
    }
    made_free(&soon);
    made_free(&server);
}

/* ---- channel bindings */

static void both_ends_bind_to_the_same_bytes(void **state)
{
    static const struct { const char *only, *kind; bool there; } rows[] = {
        { "+no_tlsv1_3", "tls-unique", true }, { "+no_tlsv1_2", "tls-unique", false },
        { "+no_tlsv1_3", "tls-exporter", true }, { "+no_tlsv1_2", "tls-exporter", true },
        { "+no_tlsv1_2", "tls-server-end-point", true }, { "+no_tlsv1_2", "tls-moon", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plan plan = usual();
        struct arena a = { 0 };
        struct str c = { "", 0 }, s = { "", 0 };
        struct pair p;

        plan.client.options = str_of(rows[i].only);
        begin(&p, &plan);
        good(&p);
        assert_int_equal(tls_binding(&a, p.c.t, str_of(rows[i].kind), &c), rows[i].there);
        assert_int_equal(tls_binding(&a, p.s.t, str_of(rows[i].kind), &s), rows[i].there);
        if (rows[i].there)
            assert_true(c.n >= 12 && str_same(c, s));
        finish(&p);
        arena_free(&a);
    }
}

/* ---- hostile */

struct raw { struct loop *loop; struct end s; int fd; };

static void raw_begin(struct raw *r, const struct plan *plan, struct str before)
{
    struct tls_how how = { .server = true };
    struct tls_context *c = context(&plan->server);
    int fd[2];

    *r = (struct raw){ .loop = loop_new() };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    r->s = (struct end){ .loop = r->loop, .refuse_depth = -1 };
    r->s.s = stream_new(r->loop, fd[0], &user, &r->s);
    r->fd = fd[1];
    if (before.n) {
        r->s.takes_nothing = true;
        assert_int_equal(write(r->fd, before.p, before.n), before.n);
        loop_turn(r->loop, 5);
    }
    r->s.t = tls_start(r->s.s, c, &how, &asking_ops, &r->s);
    tls_context_drop(c);
}

static void raw_end(struct raw *r)
{
    end_free(&r->s);
    close(r->fd);
    loop_free(r->loop);
}

static void noise_and_silence_are_told(void **state)
{
    static const struct { const char *bytes; size_t n; const char *why; } rows[] = {
        { "EHLO there.example\r\n", 20, "(SSL_accept): error:" },
        { "\x16\x03\x01\x00\x05\xff\xff\xff\xff\xff", 10, "(SSL_accept): error:" },
        { "\x16\x03\x01\xff\xff", 5, "(SSL_accept): error:" },
        { "", 0, "(SSL_accept): TCP connection closed by peer" },
        { "\x16\x03\x01\x00\x40\x01", 6, "(SSL_accept): TCP connection closed by peer" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plan plan = usual();
        struct raw r;

        raw_begin(&r, &plan, (struct str){ "", 0 });
        assert_int_equal(write(r.fd, rows[i].bytes, rows[i].n), rows[i].n);
        shutdown(r.fd, SHUT_WR);
        for (int k = 0; k < 500 && !r.s.over; k++)
            loop_turn(r.loop, 5);
        assert_int_equal(r.s.over, 1);
        assert_true(has(r.s.why.text, rows[i].why));
        assert_int_equal(r.s.ended, 0);
        raw_end(&r);
    }
}

/* A hello byte by byte, and the end of the connection while a rule is asked for the name. */
static void a_client_may_vanish_at_any_byte(void **state)
{
    struct plan plan = usual();
    struct tls_context *c = context(&plan.client);
    struct tls_how how = { .sni = mx };
    struct buf hello = { 0 };
    int fd[2];
    struct loop *loop = loop_new();
    struct end e = { .loop = loop };
    char mem[4096];
    ssize_t n;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    e.s = stream_new(loop, fd[0], &user, &e);
    e.t = tls_start(e.s, c, &how, &plain_ops, &e);
    loop_turn(loop, 5);
    n = read(fd[1], mem, sizeof mem);
    assert_true(n > 100);
    buf_add(&hello, (struct str){ mem, (size_t)n });
    end_free(&e);
    close(fd[1]);
    loop_free(loop);
    tls_context_drop(c);
    for (size_t cut = 1; cut <= hello.n; cut += cut < 60 ? 1 : 37) {
        struct raw r;

        raw_begin(&r, &plan, (struct str){ "", 0 });
        r.s.later = cut % 2;
        for (size_t i = 0; i < cut; i += 20) {
            struct str some = str_head(str_from(buf_str(&hello), i), cut - i < 20 ? cut - i : 20);

            assert_int_equal(write(r.fd, some.p, some.n), some.n);
            loop_turn(r.loop, 0);
        }
        shutdown(r.fd, SHUT_WR);
        for (int k = 0; k < 500 && !r.s.over; k++)
            loop_turn(r.loop, 5);
        assert_int_equal(r.s.over, 1);
        assert_true(r.s.why.text[0] != 0);
        raw_end(&r);
    }
    buf_free(&hello);
}

/* R3.4: what was said in clear behind STARTTLS must not be taken for what is said under TLS. */
static void clear_bytes_before_tls_end_it(void **state)
{
    struct plan plan = usual();
    struct raw r;

    (void)state;
    raw_begin(&r, &plan, STR("MAIL FROM:<a@there.example>\r\n"));
    for (int k = 0; k < 500 && !r.s.over; k++)
        loop_turn(r.loop, 5);
    assert_int_equal(r.s.over, 1);
    assert_true(has(r.s.why.text, "bytes came in clear where TLS was to begin"));
    assert_int_equal(r.s.got.n, 0);
    raw_end(&r);
}

/* Chains of a hundred, a name of 64 KiB, a NUL in a name: refused with a reason, or passed over where nobody must be verified. */
static void odd_chains_are_refused(void **state)
{
    static struct made link[40];
    char *big = malloc(65536 + 1);
    struct made nul = make_cert(&rig.root, (struct wants){ .cn = "x" }), huge;
    FILE *f = file_new("long.pem", 0644);
    struct str path = str_of(in_dir("long.pem")), key;
    struct plan plan;
    struct pair p;

    (void)state;
    /* Only sixteen are read of our own files; so the long chain comes as the client's authorities see it: by depth. */
    for (int i = 0; i < 20; i++) {
        char cn[24];

        snprintf(cn, sizeof cn, "link %d", i);
        link[i] = make_cert(i ? &link[i - 1] : &rig.root, (struct wants){ .cn = cn, .ca = true });
    }
    link[20] = make_cert(&link[19], (struct wants){ .cn = "mx.example.net", .alt = "DNS:mx.example.net" });
    for (int i = 20; i > 4; i--)
        PEM_write_X509(f, link[i].x);
    fclose(f);
    key = write_key("long.key", &link[20], 0600);
    f = file_new("above.pem", 0644);
    for (int i = 0; i < 5; i++)
        PEM_write_X509(f, link[i].x);
    PEM_write_X509(f, rig.root.x);
    fclose(f);
    plan = usual();
    plan.server.certificates = list(&path, 1);
    plan.server.keys = list(&key, 1);
    plan.client.ca = str_of(in_dir("above.pem"));
    begin(&p, &plan);
    assert_true(has(p.c.why.text, "certificate verify failed"));
    finish(&p);

    memset(big, 'n', 65536);
    big[65536] = 0;
    huge = make_cert(&rig.root, (struct wants){ .cn = "mx.example.net", .aia = "OCSP;URI:http://x/" });
    X509_NAME_add_entry_by_NID(X509_get_subject_name(huge.x), NID_description, MBSTRING_ASC, (unsigned char *)big, 65536, -1, 0);
    X509_sign(huge.x, rig.root.key, EVP_sha256());
    plan = usual();
    plan.server = with(&huge);
    begin(&p, &plan);
    good(&p);                               /* large, and nothing wrong with it; what is logged of it is bounded */
    finish(&p);

    X509_NAME_add_entry_by_NID(X509_get_subject_name(nul.x), NID_commonName, V_ASN1_UTF8STRING, (const unsigned char *)"mx.example.net\0.evil", 20, -1, 0);
    X509_sign(nul.x, rig.root.key, EVP_sha256());
    plan = usual();
    plan.server = with(&nul);
    begin(&p, &plan);
    assert_true(has(p.c.why.text, "hostname mismatch"));
    finish(&p);
    for (int i = 0; i <= 20; i++)
        made_free(&link[i]);
    made_free(&nul);
    made_free(&huge);
    free(big);
}

static void a_hello_with_a_bad_name_is_refused(void **state)
{
    static const char *const names[] = { "a b.example", "m\xc3\xbc.example", "x\ny.example", "../key.pem", "..", ".example", "a..b", "a/b", "a\"b" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct plan plan = usual();
        struct pair p;

        plan.connect.sni = str_of(names[i]);
        plan.server_ops = &asking_ops;
        begin(&p, &plan);
        assert_true(has(p.s.why.text, "(SSL_accept): the client's server name is malformed"));
        assert_int_equal(p.s.hellos, 0);
        finish(&p);
    }
}

/* A session that does nothing holds its keys and little else. */
static void an_idle_session_is_small(void **state)
{
    enum { N = 40 };
    static struct pair p[N];
    struct plan plan = usual();
    size_t before, after;

    (void)state;
    begin(&p[0], &plan);
    before = mallinfo2().uordblks;
    for (int i = 1; i < N; i++) {
        begin(&p[i], &plan);
        talk(&p[i]);
        buf_free(&p[i].c.got);
        buf_free(&p[i].s.got);
    }
    after = mallinfo2().uordblks;
    /* Two ends and a loop each; the server's is to stay below 24 KiB, and a client's is no larger. */
    if ((after - before) / (N - 1) > 2 * 24 * 1024 + 8192)
        fail_msg("%zu bytes a pair", (after - before) / (N - 1));
    for (int i = 0; i < N; i++)
        finish(&p[i]);
}

static void a_stream_may_go_at_any_time(void **state)
{
    struct plan plan = usual();
    struct pair p;

    (void)state;
    for (int turns = 0; turns < 12; turns++) {
        int fd[2];
        struct tls_context *s = context(&plan.server), *c = context(&plan.client);

        p = (struct pair){ .loop = loop_new() };
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
        p.s.loop = p.c.loop = p.loop;
        p.c.s = stream_new(p.loop, fd[0], &user, &p.c);
        p.s.s = stream_new(p.loop, fd[1], &user, &p.s);
        plan.accept.server = true;
        p.s.t = tls_start(p.s.s, s, &plan.accept, &plain_ops, &p.s);
        p.c.t = tls_start(p.c.s, c, &plan.connect, &plain_ops, &p.c);
        turn(&p, turns);
        if (turns % 2)
            stream_abort(p.s.s);
        else
            stream_close(p.s.s, 100);
        p.s.s = NULL;
        turn(&p, 20);
        tls_context_drop(s);
        tls_context_drop(c);
        finish(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_pass_under_tls),
        cmocka_unit_test(much_passes_whole),
        cmocka_unit_test(what_is_written_before_the_end_waits_for_it),
        cmocka_unit_test(a_close_is_heard_as_an_end),
        cmocka_unit_test(tls_ends_and_may_begin_again),
        cmocka_unit_test(a_certificate_is_believed_or_not),
        cmocka_unit_test(a_client_shows_a_certificate),
        cmocka_unit_test(crls_are_asked),
        cmocka_unit_test(every_signer_needs_a_list),
        cmocka_unit_test(a_directory_of_hashed_names_serves),
        cmocka_unit_test(rules_see_each_certificate),
        cmocka_unit_test(another_host_another_certificate),
        cmocka_unit_test(the_cipher_chooses_among_certificates),
        cmocka_unit_test(protocols_are_agreed_on),
        cmocka_unit_test(no_common_ground_is_said),
        cmocka_unit_test(some_records_are_of_no_use),
        cmocka_unit_test(tlsa_records_decide),
        cmocka_unit_test(staples_are_sent_and_judged),
        cmocka_unit_test(each_certificate_has_its_proof),
        cmocka_unit_test(sessions_are_taken_up_again),
        cmocka_unit_test(an_unverified_session_does_not_pass_for_verified),
        cmocka_unit_test(a_session_ends_with_its_certificate),
        cmocka_unit_test(both_ends_bind_to_the_same_bytes),
        cmocka_unit_test(noise_and_silence_are_told),
        cmocka_unit_test(a_client_may_vanish_at_any_byte),
        cmocka_unit_test(clear_bytes_before_tls_end_it),
        cmocka_unit_test(odd_chains_are_refused),
        cmocka_unit_test(a_hello_with_a_bad_name_is_refused),
        cmocka_unit_test(an_idle_session_is_small),
        cmocka_unit_test(a_stream_may_go_at_any_time),
    };

    return cmocka_run_group_tests_name("tls: client and server", tests, setup, teardown);
}
