#include "rig.h"

#include "base/file.h"
#include "tls/tls.h"

static struct {
    struct made root, ec, rsa, other;
    struct tls_cache *cache;
    struct str cert, key, cert_rsa, key_rsa;
} rig;

static int setup(void **state)
{
    (void)state;
    rig_open();
    rig.root = make_cert(NULL, (struct wants){ .cn = "Root", .ca = true });
    rig.ec = make_cert(&rig.root, (struct wants){ .cn = "mx.example.net" });
    rig.other = make_cert(&rig.root, (struct wants){ .cn = "other.example.net" });
    rig.rsa = make_cert(&rig.root, (struct wants){ .cn = "mx.example.net", .rsa = true });
    rig.cert = write_certs("ec.pem", &rig.ec, &rig.root, NULL);
    rig.key = write_key("ec.key", &rig.ec, 0600);
    rig.cert_rsa = write_certs("rsa.pem", &rig.rsa, NULL);
    rig.key_rsa = write_key("rsa.key", &rig.rsa, 0640);
    rig.cache = tls_cache_new(NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tls_cache_free(rig.cache);
    made_free(&rig.root);
    made_free(&rig.ec);
    made_free(&rig.rsa);
    made_free(&rig.other);
    rig_close();
    return 0;
}

static struct tls_list list(struct str *s, size_t n)
{
    return (struct tls_list){ s, n };
}

static struct tls_config server(void)
{
    return (struct tls_config){ .server = true, .certificates = list(&rig.cert, 1), .keys = list(&rig.key, 1) };
}

static struct tls_context *get(const struct tls_config *config)
{
    struct tls_context *c = NULL;
    struct why why = { 0 };

    if (tls_context_get(rig.cache, config, &c, &why) != ST_OK)
        fail_msg("%s", why.text);
    return c;
}

static void refused(const struct tls_config *config, enum status st, const char *text)
{
    struct tls_context *c = NULL;
    struct why why = { 0 };
    enum status got = tls_context_get(rig.cache, config, &c, &why);

    if (got != st || !strstr(why.text, text))
        fail_msg("%s: \"%s\", not \"%s\"", status_name(got), why.text, text);
}

static void it_is_read_once_until_a_file_changes(void **state)
{
    struct tls_config config = server();
    struct tls_context *first = get(&config), *again = get(&config), *next;

    (void)state;
    assert_ptr_equal(first, again);
    assert_true(tls_context_fresh(first));
    assert_false(tls_context_fresh(again));
    tls_context_drop(again);
    config.scope = STR("another");
    again = get(&config);
    assert_ptr_not_equal(first, again);
    tls_context_drop(again);
    config.scope = STR("");
    write_certs("new.pem", &rig.ec, NULL);
    assert_int_equal(rename(in_dir("new.pem"), in_dir("ec.pem")), 0);
    next = get(&config);
    assert_ptr_not_equal(first, next);
    tls_context_drop(first);
    tls_context_drop(next);
}

static bool give(void *ctx, enum tls_file what, struct str name, struct str *pem)
{
    if (what != TLS_FILE_CA || !str_same(name, STR("/not/there.pem")))
        return false;
    *pem = *(const struct str *)ctx;
    return true;
}

static void a_world_says_what_authorities_are(void **state)
{
    struct tls_config config = { .ca = STR("/not/there.pem") };
    struct str text = STR("nothing of the kind");
    struct tls_context *first, *again, *next;
    struct buf good = { 0 };

    (void)state;
    refused(&config, ST_AGAIN, "/not/there.pem: No such file");
    tls_cache_given(rig.cache, give, &text);
    refused(&config, ST_AGAIN, "/not/there.pem holds no certificate");
    assert_int_equal(file_read(str_of(in_dir("ec.pem")), 1 << 20, &good, NULL, NULL), ST_OK);
    text = buf_str(&good);
    first = get(&config);
    again = get(&config);
    assert_ptr_equal(first, again);
    tls_cache_forget(rig.cache);
    next = get(&config);
    assert_ptr_not_equal(first, next);
    tls_context_drop(first);
    tls_context_drop(again);
    tls_context_drop(next);
    tls_cache_given(rig.cache, NULL, NULL);
    buf_free(&good);
}

static void a_proof_that_is_replaced_is_noticed(void **state)
{
    struct arena a = { 0 };
    struct str path = write_bytes("p.der", make_proof(&a, &rig.ec, (struct says){ .from_s = -60, .to_s = DAY }), 0644);
    struct tls_config config = server();
    struct tls_context *first, *next;

    (void)state;
    write_certs("ec.pem", &rig.ec, &rig.root, NULL);
    config.proofs = list(&path, 1);
    first = get(&config);
    assert_int_equal(tls_context_note(first, 0).n, 0);
    write_bytes("p.new", make_proof(&a, &rig.ec, (struct says){ .from_s = -60, .to_s = 0 }), 0644);
    assert_int_equal(rename(in_dir("p.new"), in_dir("p.der")), 0);
    next = get(&config);
    assert_ptr_not_equal(first, next);
    assert_true(str_find_str(tls_context_note(next, 0), STR("p.der is not sent: it does not say until when it is valid")) != SIZE_MAX);
    tls_context_drop(first);
    tls_context_drop(next);
    unlink(in_dir("p.der"));            /* no proof is no reason to be without TLS */
    next = get(&config);
    assert_true(str_find_str(tls_context_note(next, 0), STR("p.der")) != SIZE_MAX);
    tls_context_drop(next);
    arena_free(&a);
}

static const struct { mode_t mode; bool good; } modes[] = {
    { 0400, true }, { 0440, true }, { 0600, true }, { 0640, true },
    { 0644, false }, { 0660, false }, { 0604, false }, { 0666, false }, { 0700, false }, { 0620, false },
};

static void a_key_is_for_our_eyes_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct tls_config config = server();
        struct str key = write_key("mode.key", &rig.ec, modes[i].mode);

        config.keys = list(&key, 1);
        if (modes[i].good)
            tls_context_drop(get(&config));
        else
            refused(&config, ST_AGAIN, "mode.key: a private key must not be open to others");
    }
}

static void what_does_not_fit_is_named(void **state)
{
    struct tls_config config = server();
    struct str missing = STR("/nonexistent/x.pem"), junk, both[2], keys[2];

    (void)state;
    config.certificates = list(&missing, 1);
    refused(&config, ST_AGAIN, "open /nonexistent/x.pem: No such file");
    config = server();
    config.keys = list(&rig.key_rsa, 1);
    refused(&config, ST_AGAIN, "rsa.key does not belong to the certificate in");
    config.keys = list(&rig.cert, 1);
    refused(&config, ST_AGAIN, "a private key must not be open to others");
    config = server();
    config.certificates = (struct tls_list){ NULL, 0 };
    refused(&config, ST_AGAIN, "tls_certificate is not set");
    config = server();
    junk = write_bytes("junk.pem", STR("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"), 0644);
    config.certificates = list(&junk, 1);
    refused(&config, ST_AGAIN, "junk.pem holds no certificate");
    config = server();
    both[0] = rig.cert, both[1] = rig.cert_rsa;
    config.certificates = list(both, 2);
    refused(&config, ST_NEVER, "tls_privatekey names 1 files and tls_certificate 2");
    keys[0] = rig.key_rsa, keys[1] = rig.key;
    config.keys = list(keys, 2);        /* TLSC-T3 */
    refused(&config, ST_AGAIN, "does not belong");
    both[1] = write_certs("two.pem", &rig.other, NULL);
    keys[0] = rig.key, keys[1] = write_key("two.key", &rig.other, 0600);
    refused(&config, ST_AGAIN, "one of each kind");
    config = server();
    config.ca = STR("/nonexistent/ca");
    refused(&config, ST_AGAIN, "/nonexistent/ca");
    config = server();
    config.crl = STR("/nonexistent/crl");       /* CRL-T4 */
    refused(&config, ST_AGAIN, "/nonexistent/crl");
    config.crl = rig.cert;
    refused(&config, ST_AGAIN, "holds no list of revoked certificates");
    config = server();
    config.certificates = list(&(struct str){ rig_dir, strlen(rig_dir) }, 1);
    refused(&config, ST_AGAIN, "is not a file");
}

static void a_chain_is_whole_or_not_shown(void **state)
{
    static const char *const behind[] = {
        "-----BEGIN CERTIFICATE-----\nMIIB", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    };
    struct tls_config config = server();
    struct str path = str_of(in_dir("cut.pem")), key;
    FILE *f;

    (void)state;
    config.certificates = list(&path, 1);
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
        f = file_new("cut.pem", 0644);
        PEM_write_X509(f, rig.ec.x);
        fputs(behind[i], f);
        fclose(f);
        refused(&config, ST_AGAIN, "cut.pem: what stands behind certificate 1 cannot be read");
    }
    f = file_new("cut.pem", 0644);
    for (int i = 0; i < 40; i++)
        PEM_write_X509(f, rig.ec.x);
    fclose(f);
    refused(&config, ST_AGAIN, "cut.pem holds more than 16 certificates");
    f = file_new("cut.pem", 0644);
    PEM_write_X509(f, rig.ec.x);
    fputs("\nwhat this is\n", f);
    PEM_write_X509(f, rig.root.x);
    fputs("\nand no more\n", f);
    fclose(f);
    tls_context_drop(get(&config));
    path = write_certs("turned.pem", &rig.root, &rig.ec, NULL);
    key = rig.key;
    config.keys = list(&key, 1);
    refused(&config, ST_AGAIN, "but to another one there: ours must stand first");
}

static void parameters_that_are_replaced_are_noticed(void **state)
{
    struct str path = write_bytes("dh.pem", STR("none"), 0644);
    struct tls_config config = server();
    struct tls_context *first, *again, *next;
    static const char *const group[] = { "ffdhe2048", "ffdhe3072" };

    (void)state;
    config.dhparam = path;
    refused(&config, ST_AGAIN, "dh.pem holds no parameters of DH");
    for (int i = 0; i < 2; i++) {
        EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
        EVP_PKEY *dh = NULL;
        BIO *out = BIO_new_file(in_dir("dh.new"), "w");

        assert_true(EVP_PKEY_paramgen_init(make) > 0 && EVP_PKEY_CTX_set_group_name(make, group[i]) > 0 && EVP_PKEY_paramgen(make, &dh) > 0);
        PEM_write_bio_Parameters(out, dh);
        BIO_free(out);
        EVP_PKEY_free(dh);
        EVP_PKEY_CTX_free(make);
        assert_int_equal(rename(in_dir("dh.new"), in_dir("dh.pem")), 0);
        if (i == 0) {
            first = get(&config);
            again = get(&config);
            assert_ptr_equal(first, again);
            tls_context_drop(again);
        }
    }
    next = get(&config);
    assert_ptr_not_equal(first, next);
    tls_context_drop(first);
    tls_context_drop(next);
}

/* Authorities of the system's that are trusted no more, when its directory is made anew. */
static void the_systems_authorities_are_those_of_now(void **state)
{
    struct tls_config config = server();
    struct tls_context *first, *again, *next;

    (void)state;
    assert_int_equal(mkdir(in_dir("certs"), 0755), 0);
    setenv("SSL_CERT_DIR", in_dir("certs"), 1);
    config.ca = STR("system");
    first = get(&config);
    again = get(&config);
    assert_ptr_equal(first, again);
    write_certs("certs/new.pem", &rig.root, NULL);
    next = get(&config);
    assert_ptr_not_equal(first, next);
    unsetenv("SSL_CERT_DIR");
    tls_context_drop(first);
    tls_context_drop(again);
    tls_context_drop(next);
}

/* TLSC-T6 */
static void the_key_may_stand_with_the_certificate(void **state)
{
    FILE *f = file_new("all.pem", 0600);
    struct str path = str_of(in_dir("all.pem")), none = { "", 0 };
    struct tls_config config = server();

    (void)state;
    PEM_write_X509(f, rig.ec.x);
    PEM_write_PrivateKey(f, rig.ec.key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    config.certificates = list(&path, 1);
    config.keys = (struct tls_list){ NULL, 0 };
    tls_context_drop(get(&config));
    config.keys = list(&none, 1);
    tls_context_drop(get(&config));
}

static void an_encrypted_key_asks_nobody(void **state)
{
    FILE *f = file_new("locked.key", 0600);
    struct str path = str_of(in_dir("locked.key"));
    struct tls_config config = server();

    (void)state;
    PEM_write_PrivateKey(f, rig.ec.key, EVP_aes_256_cbc(), (const unsigned char *)"secret", 6, NULL, NULL);
    fclose(f);
    config.keys = list(&path, 1);
    refused(&config, ST_AGAIN, "locked.key: the private key is encrypted");
}

static const struct { const char *ciphers, *groups, *dhparam, *options, *why; } words[] = {
    { "ECDSA:RSA:!COMPLEMENTOFDEFAULT", "X25519:P-256", "ffdhe2048", "+no_tlsv1_3 -all", NULL },
    { "TLS_AES_128_GCM_SHA256:ECDHE+AESGCM", "auto", "ike16", "+no_sslv2 +no_sslv3 +single_dh_use +no_ticket +no_renegotiation", NULL },
    { "HIGH:!MD5:!SHA1", "prime256v1", "none", "", NULL },
    { "", "", "historic", "-no_tlsv1", NULL },
    { "", "", "", "\n  +no_tlsv1_2\t-all\r\n", NULL },
    { "", "", "", "+no_tlsv1_2 +no_tlsv1_3 -no_tlsv1_2", NULL },
    { "", "", "", "+no_tlsv1_2 +no_tlsv1_3", "leave no version of TLS" },
    { "NOSUCHCIPHER", "", "", "", "tls_require_ciphers: \"NOSUCHCIPHER\"" },
    { "TLS_NO_SUCH_SUITE", "", "", "", "tls_require_ciphers" },
    { "", "moon25519", "", "", "tls_eccurve: \"moon25519\"" },
    { "", "", "moon", "", "tls_dhparam: \"moon\" is neither a file nor a group" },
    { "", "", "/nonexistent/dh.pem", "", "open /nonexistent/dh.pem" },
    { "", "", "", "no_tlsv1", "does not begin with + or -" },
    { "", "", "", "+no_tlsv4", "there is no option \"no_tlsv4\"" },
    { "", "", "", "+allow_unsafe_legacy_renegotiation", "never renegotiated" },
};

static void words_are_understood_or_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct tls_config config = server();
        struct why why = { 0 };
        enum status st;

        config.ciphers = str_of(words[i].ciphers);
        config.groups = str_of(words[i].groups);
        config.dhparam = str_of(words[i].dhparam);
        config.options = str_of(words[i].options);
        st = tls_words_check(&config, &why);
        if ((st == ST_OK) != (words[i].why == NULL) || (words[i].why && !strstr(why.text, words[i].why)))
            fail_msg("row %zu: %s", i, why.text);
    }
}

static void many_configurations_do_not_pile_up(void **state)
{
    (void)state;
    for (int i = 0; i < 600; i++) {
        struct tls_config config = { .ca = STR("system") };
        char scope[16];

        snprintf(scope, sizeof scope, "%d", i);
        config.scope = str_of(scope);
        tls_context_drop(get(&config));
    }
}

static void ticket_keys_live_two_hours(void **state)
{
    struct tls_tickets *page = tls_tickets_at(calloc(1, tls_tickets_size()));
    struct tls_ticket_key first, second, got;
    bool old = true;

    (void)state;
    clock_fake(INT64_C(1700000000000000));
    clock_step(3600 * 1000 - clock_mono_ms() % (3600 * 1000));         /* an hour begins */
    assert_true(tls_ticket_new(page, &first));
    assert_true(tls_ticket_new(page, &got));
    assert_memory_equal(&first, &got, sizeof got);
    assert_true(tls_ticket_find(page, first.name, &got, &old));
    assert_false(old);
    clock_step(3599 * 1000);
    assert_true(tls_ticket_find(page, first.name, &got, &old) && !old);
    clock_step(1000);
    assert_true(tls_ticket_new(page, &second));
    assert_memory_not_equal(first.name, second.name, sizeof first.name);
    assert_true(tls_ticket_find(page, first.name, &got, &old) && old);  /* honoured, and renewed */
    clock_step(3600 * 1000);
    assert_false(tls_ticket_find(page, first.name, &got, &old));        /* RES-T4 */
    assert_true(tls_ticket_find(page, second.name, &got, &old) && old);
    clock_step(24 * 3600 * 1000);
    assert_false(tls_ticket_find(page, second.name, &got, &old));
    /* What is no longer valid is no longer there. */
    for (size_t i = 0; i + sizeof second.cipher <= tls_tickets_size(); i++)
        assert_memory_not_equal((char *)page + i, second.cipher, sizeof second.cipher);
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_read_once_until_a_file_changes),
        cmocka_unit_test(a_world_says_what_authorities_are),
        cmocka_unit_test(a_proof_that_is_replaced_is_noticed),
        cmocka_unit_test(a_key_is_for_our_eyes_only),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(a_chain_is_whole_or_not_shown),
        cmocka_unit_test(parameters_that_are_replaced_are_noticed),
        cmocka_unit_test(the_systems_authorities_are_those_of_now),
        cmocka_unit_test(the_key_may_stand_with_the_certificate),
        cmocka_unit_test(an_encrypted_key_asks_nobody),
        cmocka_unit_test(words_are_understood_or_named),
        cmocka_unit_test(many_configurations_do_not_pile_up),
        cmocka_unit_test(ticket_keys_live_two_hours),
    };

    return cmocka_run_group_tests_name("tls: contexts", tests, setup, teardown);
}
