#include "rig.h"

#include "base/log.h"
#include "tls/cert.h"
#include "tls/ocsp.h"

static struct {
    struct made root, leaf;
    struct tls_cert *cert;
    struct arena a;
} rig;

static int setup(void **state)
{
    (void)state;
    clock_zone(STR("UTC"));
    rig.root = make_cert(NULL, (struct wants){ .cn = "Root", .o = "Example, Inc", .ca = true });
    rig.leaf = make_cert(&rig.root, (struct wants){
        .cn = "mx.example.net", .o = "Mail",
        .alt = "DNS:mx.example.net,DNS:b.example.net,email:postmaster@example.net,URI:http://x.example/a:b",
        .aia = "OCSP;URI:http://ocsp.example.net/,OCSP;URI:http://two.example.net/",
        .crl = "URI:http://crl.example.net/l.crl",
    });
    rig.cert = tls_cert_of(rig.leaf.x);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tls_cert_drop(rig.cert);
    made_free(&rig.root);
    made_free(&rig.leaf);
    arena_free(&rig.a);
    return 0;
}

static const struct { const char *spec; enum status st; const char *text; } fields[] = {
    { "version", ST_OK, "3" },
    { "serial_number", ST_OK, "ca" },
    { "subject", ST_OK, "CN=mx.example.net,O=Mail" },
    { "subject,CN", ST_OK, "mx.example.net" },
    { "subject,cn", ST_OK, "mx.example.net" },
    { "subject,OU", ST_NONE, "" },
    { "issuer", ST_OK, "CN=Root,O=Example\\, Inc" },
    { "issuer,O", ST_OK, "Example, Inc" },
    { "issuer,O,>e", ST_OK, "Examplee, Inc" },
    { "sig_algorithm", ST_OK, "ecdsa-with-SHA256" },
    { "subj_altname", ST_OK, "DNS=mx.example.net\nDNS=b.example.net\nMAIL=postmaster@example.net\nURI=http://x.example/a:b" },
    { "subj_altname,dns", ST_OK, "mx.example.net\nb.example.net" },
    { "subj_altname,dns,>;", ST_OK, "mx.example.net;b.example.net" },
    { "subj_altname,>:,uri", ST_OK, "http:://x.example/a::b" },
    { "subj_altname,dns,>,", ST_OK, "mx.example.net,b.example.net" },     /* Exim takes whatever is behind > */
    { "subj_altname,>,,dns", ST_OK, "mx.example.net,b.example.net" },
    { "subj_altname, > , dns", ST_OK, "mx.example.net b.example.net" },
    { "subj_altname,dns,>ab", ST_NEVER, "" }, { "subj_altname,>ab,dns", ST_NEVER, "" },
    { "subj_altname,mail", ST_OK, "postmaster@example.net" },
    { "ocsp_uri", ST_OK, "http://ocsp.example.net/\nhttp://two.example.net/" },
    { "crl_uri", ST_OK, "http://crl.example.net/l.crl" },
    { "colour", ST_NEVER, "" }, { "", ST_NEVER, "" }, { "version,int", ST_NEVER, "" }, { "subj_altname,ip", ST_NEVER, "" },
    { "notafter,day", ST_NEVER, "" }, { "subject,XYZZY", ST_NEVER, "" }, { "ocsp_uri,dns", ST_NEVER, "" }, { "crl_uri,>", ST_NEVER, "" },
};

static void every_field_can_be_taken_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        struct tls_field f;
        struct why why = { 0 };
        enum status st = tls_cert_field(&rig.a, rig.cert, str_of(fields[i].spec), &f, &why);


        if (st != fields[i].st || (st == ST_OK && !str_same(f.text, str_of(fields[i].text))))
            fail_msg("%s: %s, \"%.*s\" %s", fields[i].spec, status_name(st), STR_ARG(f.text), why.text);
        if (st == ST_NEVER)
            assert_true(why.text[0] != 0);
    }
}

static void times_are_texts_or_numbers(void **state)
{
    struct tls_field f;
    int64_t in_a_month = clock_wall() + 30 * DAY;

    (void)state;
    assert_int_equal(tls_cert_field(&rig.a, rig.cert, STR("notafter,int"), &f, NULL), ST_OK);
    assert_true(f.is_num && f.num > in_a_month - 600 && f.num <= in_a_month);
    assert_int_equal(tls_cert_field(&rig.a, rig.cert, STR("notbefore"), &f, NULL), ST_OK);
    assert_true(!f.is_num && str_ends(f.text, STR(" UTC")));
}

static void it_is_read_as_it_was_written(void **state)
{
    struct str texts[] = { tls_cert_der(&rig.a, rig.cert), tls_cert_pem(&rig.a, rig.cert) };
    struct tls_cert *c;
    struct why why = { 0 };

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tls_cert_read(texts[i], &c, &why), ST_OK);
        assert_int_equal(X509_cmp(tls_cert_x509(c), rig.leaf.x), 0);
        tls_cert_drop(c);
        for (size_t n = 0; n < texts[i].n; n += 7)
            if (tls_cert_read(str_head(texts[i], n), &c, &why) == ST_OK)
                tls_cert_drop(c);
            else
                assert_true(why.text[0] != 0);
    }
}

/* A name of OpenSSL's making may hold anything; what comes out holds no line end and no NUL. */
static void hostile_names_come_out_tame(void **state)
{
    struct made evil = { X509_new(), EVP_EC_gen("P-256"), NULL };
    X509_NAME *n = X509_get_subject_name(evil.x);
    static const unsigned char bytes[] = "a\0b\r\nX: y\x1b[1m";
    struct tls_cert *c;
    struct tls_field f;

    (void)state;
    assert_true(X509_NAME_add_entry_by_txt(n, "CN", V_ASN1_UTF8STRING, bytes, sizeof bytes - 1, -1, 0));
    X509_set_pubkey(evil.x, evil.key);
    assert_true(X509_sign(evil.x, evil.key, EVP_sha256()) > 0);
    c = tls_cert_of(evil.x);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tls_cert_field(&rig.a, c, i ? STR("subject,CN") : STR("subject"), &f, NULL), ST_OK);
        assert_null(memchr(f.text.p, 0, f.text.n));
        assert_null(memchr(f.text.p, '\n', f.text.n));
        assert_null(memchr(f.text.p, '\x1b', f.text.n));
    }
    assert_false(tls_cert_is_for(c, STR("a")));
    tls_cert_drop(c);
    made_free(&evil);
}

static const struct { const char *cn, *alt, *name; bool same; } names[] = {
    { "mx.example.net", NULL, "mx.example.net", true },
    { "mx.example.net", "DNS:other.example.net", "mx.example.net", false },          /* CERT-T3 */
    { "x", "DNS:*.example.net", "mx.example.net", true },                            /* CERT-T2 */
    { "x", "DNS:*.net", "example.net", false },
    { "x", "DNS:mx*.example.net", "mx1.example.net", false },
    { "x", "DNS:mx.*.net", "mx.example.net", false },
    { "x", "DNS:*.*.example.net", "a.b.example.net", false },
    { "x", "DNS:*.example.net", "a.b.example.net", false },
    { "x", "DNS:MX.Example.NET", "mx.example.net.", true },
    { "x", "DNS:xn--bcher-kva.example", "xn--bcher-kva.example", true },
    { "x", "DNS:mx.example.net", ".example.net", false },
    { "x", "DNS:mx.example.net", "", false },
};

static void names_are_matched_as_cert_t2_and_t3_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct made m = make_cert(&rig.root, (struct wants){ .cn = names[i].cn, .alt = names[i].alt });
        struct tls_cert *c = tls_cert_of(m.x);

        if (tls_cert_is_for(c, str_of(names[i].name)) != names[i].same)
            fail_msg("%s %s for %s", names[i].cn, names[i].alt ? names[i].alt : "", names[i].name);
        tls_cert_drop(c);
        made_free(&m);
    }
}

/* ---- proofs by themselves, as `perigee ocsp-fetch` takes them */

static void a_proof_is_judged(void **state)
{
    struct made signer = make_cert(&rig.root, (struct wants){ .cn = "r", .ocsp_signer = true });
    struct made plain = make_cert(&rig.root, (struct wants){ .cn = "r" });
    struct made old = make_cert(&rig.root, (struct wants){ .cn = "r", .ocsp_signer = true, .from = -9, .to = -2 });
    struct made twin = make_cert(&rig.root, (struct wants){ .cn = "mx.example.net" });
    const struct { struct says says; const struct made *of; const char *why; } rows[] = {
        { { .from_s = -60, .to_s = DAY }, &rig.leaf, NULL },
        { { .signer = &signer, .from_s = -60, .to_s = DAY }, &rig.leaf, NULL },
        { { .signer = &plain, .from_s = -60, .to_s = DAY }, &rig.leaf, "signature does not hold" },
        { { .signer = &old, .from_s = -60, .to_s = DAY }, &rig.leaf, "" },
        { { .from_s = -60, .to_s = 0 }, &rig.leaf, "does not say until when" },
        { { .from_s = -60, .to_s = -400 }, &rig.leaf, "out of date" },
        { { .from_s = -DAY, .to_s = -200 }, &rig.leaf, NULL },          /* within 300 seconds */
        { { .from_s = 400, .to_s = DAY }, &rig.leaf, "not valid yet" },
        { { .status = V_OCSP_CERTSTATUS_REVOKED, .from_s = -60, .to_s = DAY }, &rig.leaf, "revoked (keyCompromise)" },
        { { .status = V_OCSP_CERTSTATUS_UNKNOWN, .from_s = -60, .to_s = DAY }, &rig.leaf, "does not know" },
        { { .from_s = -60, .to_s = DAY }, &twin, "about another certificate" },
    };
    struct tls_cert *root = tls_cert_of(rig.root.x);
    struct str issuers = tls_cert_pem(&rig.a, root);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tls_proof *p;
        struct why why = { 0 };
        struct str der = make_proof(&rig.a, rows[i].of, rows[i].says);

        assert_int_equal(tls_proof_read(der, &p, &why), ST_OK);
        if ((tls_proof_check(p, rig.cert, issuers, clock_wall(), &why) == ST_OK) != (rows[i].why == NULL) ||
            (rows[i].why && !strstr(why.text, rows[i].why)))
            fail_msg("row %zu: %s", i, why.text);
        tls_proof_free(p);
        assert_int_equal(tls_proof_read(der, &p, &why), ST_OK);
        der = tls_proof_pem(&rig.a, p);
        tls_proof_free(p);
        assert_int_equal(tls_proof_read(der, &p, &why), ST_OK);
        tls_proof_free(p);
    }
    tls_cert_drop(root);
    made_free(&signer);
    made_free(&plain);
    made_free(&old);
    made_free(&twin);
}

static void a_question_names_the_certificate(void **state)
{
    struct tls_cert *root = tls_cert_of(rig.root.x);
    struct str der;
    struct why why = { 0 };
    const unsigned char *p;
    OCSP_REQUEST *r;
    ASN1_INTEGER *serial;

    (void)state;
    assert_int_equal(tls_ocsp_question(&rig.a, rig.cert, root, &der, &why), ST_OK);
    p = (const unsigned char *)der.p;
    r = d2i_OCSP_REQUEST(NULL, &p, (long)der.n);
    assert_non_null(r);
    OCSP_id_get0_info(NULL, NULL, NULL, &serial, OCSP_onereq_get0_id(OCSP_request_onereq_get0(r, 0)));
    assert_int_equal(ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(rig.leaf.x)), 0);
    OCSP_REQUEST_free(r);
    assert_true(str_same(tls_ocsp_url(&rig.a, rig.cert), STR("http://ocsp.example.net/")));
    assert_int_equal(tls_ocsp_url(&rig.a, root).n, 0);
    assert_int_equal(tls_ocsp_question(&rig.a, root, rig.cert, &der, &why), ST_NEVER);
    tls_cert_drop(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_can_be_taken_out),
        cmocka_unit_test(times_are_texts_or_numbers),
        cmocka_unit_test(it_is_read_as_it_was_written),
        cmocka_unit_test(hostile_names_come_out_tame),
        cmocka_unit_test(names_are_matched_as_cert_t2_and_t3_say),
        cmocka_unit_test(a_proof_is_judged),
        cmocka_unit_test(a_question_names_the_certificate),
    };

    return cmocka_run_group_tests_name("tls: certificates and proofs", tests, setup, teardown);
}
