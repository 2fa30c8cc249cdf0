#include "auth/sasl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* The two sides of a mechanism talk until both are done; the server's facts are those given. */
struct row {
    const char *title, *mechanism, *user, *password, *known;    /* known: what the server has, NULL: nothing */
    enum sasl_end end;
    const struct sasl_channel *at_server, *at_client;
};

static const struct sasl_channel
    SAME = { STR_INIT("the same connection at both ends"), { NULL, 0 } },
    OTHER = { STR_INIT("somebody between has another one"), { NULL, 0 } },
    UNIQUE = { { NULL, 0 }, STR_INIT("twelve bytes") },
    BOTH = { STR_INIT("the same connection at both ends"), STR_INIT("twelve bytes") };

static const struct row ROWS[] = {
    { "the right password", "CRAM-MD5", "ann", "pass word", "pass word", SASL_DONE, NULL, NULL },
    { "a wrong password", "CRAM-MD5", "ann", "pass", "pass word", SASL_REFUSED, NULL, NULL },
    { "the right password", "SCRAM-SHA-1", "ann", "secret", "secret", SASL_DONE, NULL, NULL },
    { "a wrong password", "SCRAM-SHA-1", "ann", "secret", "other", SASL_REFUSED, NULL, NULL },
    { "the right password", "SCRAM-SHA-256", "a,b=c", "secret", "secret", SASL_DONE, NULL, NULL },
    { "a wrong password", "SCRAM-SHA-256", "ann", "secret", "other", SASL_REFUSED, NULL, NULL },
    { "a user nobody knows", "SCRAM-SHA-256", "ann", "secret", NULL, SASL_REFUSED, NULL, NULL },
    { "bound to the connection", "SCRAM-SHA-256-PLUS", "ann", "secret", "secret", SASL_DONE, &SAME, &SAME },
    { "bound to the connection", "SCRAM-SHA-1-PLUS", "ann", "secret", "secret", SASL_DONE, &SAME, &SAME },
    { "bound by what TLS 1.2 has", "SCRAM-SHA-256-PLUS", "ann", "secret", "secret", SASL_DONE, &UNIQUE, &UNIQUE },
    { "the server knows both kinds", "SCRAM-SHA-256-PLUS", "ann", "secret", "secret", SASL_DONE, &BOTH, &UNIQUE },
    { "bound, and a wrong password", "SCRAM-SHA-256-PLUS", "ann", "secret", "other", SASL_REFUSED, &SAME, &SAME },
    { "somebody sits between", "SCRAM-SHA-256-PLUS", "ann", "secret", "secret", SASL_REFUSED, &SAME, &OTHER },
    { "the server binds, and the client cannot", "SCRAM-SHA-256", "ann", "secret", "secret", SASL_DONE, &SAME, NULL },
};

static enum sasl_end serve(struct sasl *s, struct arena *a, const struct row *r, struct str in, struct str *out)
{
    struct str authid, authzid;

    if (in.p) {
        if (!sasl_identity(s, a, in, &authid, &authzid))
            fail_msg("%s, %s: garbled: %.*s", r->mechanism, r->title, STR_ARG(in));
        if (authid.n > 0) {
            assert_true(str_same(authid, str_of(r->user)));
            if (r->known)
                sasl_set(s, SASL_PASSWORD, str_of(r->known));
        }
    }
    return sasl_step(s, in, a, out);
}

static enum sasl_end talk(const struct row *r, bool *client_done)
{
    struct sasl *server, *client;
    struct arena a = { 0 };
    struct why why;
    bool client_first = str_starts(str_of(r->mechanism), STR("SCRAM"));
    struct str said = { 0 };
    enum sasl_end s = SASL_MORE, c = SASL_MORE;

    assert_int_equal(sasl_new(str_of(r->mechanism), SASL_SERVER, r->at_server, &server, &why), ST_OK);
    assert_int_equal(sasl_new(str_of(r->mechanism), SASL_CLIENT, r->at_client, &client, &why), ST_OK);
    sasl_set(server, SASL_HOSTNAME, STR("mail.example.org"));
    sasl_set(server, SASL_SCRAM_ITER, STR("4096"));
    sasl_set(client, SASL_AUTHID, str_of(r->user));
    sasl_set(client, SASL_PASSWORD, str_of(r->password));
    if (client_first)
        c = sasl_step(client, (struct str){ 0 }, &a, &said);
    for (int i = 0; i < 6 && s == SASL_MORE; i++) {
        s = serve(server, &a, r, said, &said);
        if (s == SASL_MORE || (s == SASL_DONE && c == SASL_MORE))
            c = sasl_step(client, said, &a, &said);
    }
    *client_done = c == SASL_DONE;
    sasl_free(server);
    sasl_free(client);
    arena_free(&a);
    return s;
}

static void both_sides_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        bool client_done = false;
        enum sasl_end end = talk(&ROWS[i], &client_done);

        if (end != ROWS[i].end)
            fail_msg("%s, %s: ended with %d", ROWS[i].mechanism, ROWS[i].title, end);
        if (end == SASL_DONE)
            assert_true(client_done);
    }
}

static void what_is_none_of_the_mechanism_is_garbled(void **state)
{
    static const struct { const char *mechanism, *response; } rows[] = {
        { "SCRAM-SHA-256", "" }, { "SCRAM-SHA-256", "n,,r=x" }, { "SCRAM-SHA-256", "n,,n=a=2,r=x" }, { "SCRAM-SHA-256", "n,x=y,n=a,r=x" },
        { "SCRAM-SHA-256", "nnnnnnnnnnn" },
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sasl *s;
        struct arena a = { 0 };
        struct str authid, authzid;
        struct why why;

        assert_int_equal(sasl_new(str_of(rows[i].mechanism), SASL_SERVER, NULL, &s, &why), ST_OK);
        assert_false(sasl_identity(s, &a, str_of(rows[i].response), &authid, &authzid));
        sasl_free(s);
        arena_free(&a);
    }
}

/* RFC 5802 6: "y" is a client that could bind and did not see it offered. */
static void a_client_kept_from_binding_is_refused(void **state)
{
    static const struct { const struct sasl_channel *offers; enum sasl_end end; } rows[] = { { &SAME, SASL_REFUSED }, { NULL, SASL_MORE } };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sasl *s;
        struct arena a = { 0 };
        struct str out;
        struct why why;

        assert_int_equal(sasl_new(STR("SCRAM-SHA-256"), SASL_SERVER, rows[i].offers, &s, &why), ST_OK);
        sasl_set(s, SASL_PASSWORD, STR("secret"));
        sasl_set(s, SASL_SCRAM_ITER, STR("4096"));
        assert_int_equal(sasl_step(s, STR("y,,n=ann,r=abcdef"), &a, &out), rows[i].end);
        sasl_free(s);
        arena_free(&a);
    }
}

static void only_what_is_sound_is_offered(void **state)
{
    static const char *const none[] = { "NTLM", "DIGEST-MD5", "ANONYMOUS", "GSSAPI", "", "SCRAM-SHA-512-PLUS", "CRAM-MD5-PLUS" };
    struct sasl *s;
    struct why why;
    (void)state;

    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_false(sasl_knows(str_of(none[i]), SASL_SERVER));
        assert_false(sasl_knows(str_of(none[i]), SASL_CLIENT));
        assert_int_equal(sasl_new(str_of(none[i]), SASL_SERVER, NULL, &s, &why), ST_NEVER);
    }
    assert_true(sasl_knows(STR("scram-sha-256"), SASL_SERVER));
    assert_int_equal(sasl_new(STR("SCRAM-SHA-256-PLUS"), SASL_SERVER, NULL, &s, &why), ST_NEVER);    /* to nothing */
    assert_true(sasl_knows(STR("PLAIN"), SASL_CLIENT));
    assert_false(sasl_knows(STR("PLAIN"), SASL_SERVER));     /* the site's own word decides there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_agree),
        cmocka_unit_test(what_is_none_of_the_mechanism_is_garbled),
        cmocka_unit_test(a_client_kept_from_binding_is_refused),
        cmocka_unit_test(only_what_is_sound_is_offered),
    };

    return cmocka_run_group_tests_name("auth/sasl", tests, NULL, NULL);
}
