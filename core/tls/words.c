/* Words of the configuration: ciphers, groups, primes, openssl_options. */
#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/pem.h>
#include <openssl/param_build.h>

#include "base/buf.h"
#include "tls/errors.h"
#include "tls/inside.h"

/* ---- openssl_options, by Exim's names. What OpenSSL 3 has no meaning for is 0 there too. */

static const struct option { const char *name; uint64_t bit; } options[] = {
    { "all", SSL_OP_ALL },
    { "cipher_server_preference", SSL_OP_CIPHER_SERVER_PREFERENCE },
    { "cookie_exchange", SSL_OP_COOKIE_EXCHANGE },
    { "cryptopro_tlsext_bug", SSL_OP_CRYPTOPRO_TLSEXT_BUG },
    { "dont_insert_empty_fragments", SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS },
    { "enable_middlebox_compat", SSL_OP_ENABLE_MIDDLEBOX_COMPAT },
    { "ephemeral_rsa", 0 },
    { "legacy_server_connect", SSL_OP_LEGACY_SERVER_CONNECT },
    { "microsoft_big_sslv3_buffer", 0 },
    { "microsoft_sess_id_bug", 0 },
    { "msie_sslv2_rsa_padding", 0 },
    { "netscape_challenge_bug", 0 },
    { "netscape_reuse_cipher_change_bug", 0 },
    { "no_anti_replay", SSL_OP_NO_ANTI_REPLAY },
    { "no_compression", SSL_OP_NO_COMPRESSION },
    { "no_encrypt_then_mac", SSL_OP_NO_ENCRYPT_THEN_MAC },
    { "no_renegotiation", SSL_OP_NO_RENEGOTIATION },
    { "no_session_resumption_on_renegotiation", SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION },
    { "no_sslv2", 0 },
    { "no_sslv3", SSL_OP_NO_SSLv3 },
    { "no_ticket", SSL_OP_NO_TICKET },
    { "no_tlsv1", SSL_OP_NO_TLSv1 },
    { "no_tlsv1_1", SSL_OP_NO_TLSv1_1 },
    { "no_tlsv1_2", SSL_OP_NO_TLSv1_2 },
    { "no_tlsv1_3", SSL_OP_NO_TLSv1_3 },
    { "prioritize_chacha", SSL_OP_PRIORITIZE_CHACHA },
    { "safari_ecdhe_ecdsa_bug", SSL_OP_SAFARI_ECDHE_ECDSA_BUG },
    { "single_dh_use", 0 },
    { "single_ecdh_use", 0 },
    { "ssleay_080_client_dh_bug", 0 },
    { "sslref2_reuse_cert_type_bug", 0 },
    { "tls_block_padding_bug", 0 },
    { "tls_d5_bug", 0 },
    { "tls_rollback_bug", SSL_OP_TLS_ROLLBACK_BUG },
    { "tlsext_padding", SSL_OP_TLSEXT_PADDING },
};

/* R6.1: these stay, whatever is asked for. */
static const uint64_t ALWAYS = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 |
                               SSL_OP_NO_TLSv1_1 | SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION;

static enum status option_word(struct str word, uint64_t *set, uint64_t *clear, struct why *why)
{
    const struct option *o = NULL;
    struct str name = str_from(word, 1);

    if (word.n < 2 || (word.p[0] != '+' && word.p[0] != '-'))
        return why_set(why, ST_NEVER, "openssl_options: \"%.*s\" does not begin with + or -", STR_ARG(str_head(word, 60)));
    if (str_same(name, STR("allow_unsafe_legacy_renegotiation")))
        return why_set(why, ST_NEVER, "openssl_options: TLS is never renegotiated here, allow_unsafe_legacy_renegotiation has no place");
    for (size_t i = 0; i < sizeof options / sizeof *options && !o; i++)
        if (str_same(name, str_of(options[i].name)))
            o = &options[i];
    if (!o)
        return why_set(why, ST_NEVER, "openssl_options: there is no option \"%.*s\"", STR_ARG(str_head(name, 60)));
    if (word.p[0] == '+') {
        *set |= o->bit;
        *clear &= ~o->bit;
    } else {
        *clear |= o->bit;
        *set &= ~o->bit;
    }
    return ST_OK;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Words are parted by white space of any kind, as in Exim. */
static enum status options_read(struct str text, uint64_t *set, uint64_t *clear, struct why *why)
{
    enum status st = ST_OK;

    for (size_t at = 0, start = 0; st == ST_OK && at <= text.n; at++) {
        if (at < text.n && !is_blank(text.p[at]))
            continue;
        if (at > start)
            st = option_word(str_head(str_from(text, start), at - start), set, clear, why);
        start = at + 1;
    }
    return st;
}

static enum status options_apply(SSL_CTX *ctx, struct str text, struct why *why)
{
    static const uint64_t versions = SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3;
    uint64_t set = 0, clear = 0;
    enum status st = options_read(text, &set, &clear, why);

    if (st != ST_OK)
        return st;
    if ((set & versions) == versions)
        return why_set(why, ST_NEVER, "openssl_options: +no_tlsv1_2 and +no_tlsv1_3 leave no version of TLS");
    SSL_CTX_clear_options(ctx, clear);
    SSL_CTX_set_options(ctx, set | ALWAYS);
    return ST_OK;
}

/* ---- ciphers: one list for the user, two for OpenSSL */

static void list_add(struct buf *b, struct str word)
{
    if (b->n)
        buf_byte(b, ':');
    buf_add(b, word);
}

static enum status ciphers_apply(SSL_CTX *ctx, struct str text, struct why *why)
{
    struct buf old = { 0 }, suites = { 0 };
    enum status st = ST_OK;
    char reason[160];

    for (size_t at = 0, start = 0; at <= text.n; at++) {
        if (at < text.n && !strchr(":, ;", text.p[at]))
            continue;
        if (at > start)
            list_add(str_starts(str_from(text, start), STR("TLS_")) ? &suites : &old, str_head(str_from(text, start), at - start));
        start = at + 1;
    }
    buf_byte(&old, 0);
    buf_byte(&suites, 0);
    tls_errors_clear();
    if ((old.n > 1 && !SSL_CTX_set_cipher_list(ctx, buf_str(&old).p)) ||
        (suites.n > 1 && !SSL_CTX_set_ciphersuites(ctx, buf_str(&suites).p)))
        st = why_set(why, ST_NEVER, "tls_require_ciphers: \"%.*s\": %s", STR_ARG(str_head(text, 200)),
                     tls_error_reason(reason, sizeof reason));
    buf_free(&old);
    buf_free(&suites);
    return st;
}

static enum status groups_apply(SSL_CTX *ctx, struct str text, struct why *why)
{
    struct arena a = { 0 };
    enum status st = ST_OK;

    if (text.n > 0 && !str_same(text, STR("auto")) && !SSL_CTX_set1_groups_list(ctx, arena_z(&a, text)))
        st = why_set(why, ST_NEVER, "tls_eccurve: \"%.*s\" is no list of groups", STR_ARG(str_head(text, 100)));
    tls_errors_clear();
    arena_free(&a);
    return st;
}

/* ---- primes of DHE */

static const struct { const char *name, *group; } primes[] = {
    { "ffdhe2048", "ffdhe2048" }, { "ffdhe3072", "ffdhe3072" }, { "ffdhe4096", "ffdhe4096" },
    { "ffdhe6144", "ffdhe6144" }, { "ffdhe8192", "ffdhe8192" },
    { "ike14", "modp_2048" }, { "ike15", "modp_3072" }, { "ike16", "modp_4096" }, { "ike17", "modp_6144" },
    { "ike18", "modp_8192" }, { "ike23", "dh_2048_224" }, { "ike24", "dh_2048_256" },
};

static EVP_PKEY *prime_named(const char *group)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)group, 0), OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
    EVP_PKEY *key = NULL;

    if (make && EVP_PKEY_fromdata_init(make) > 0 && EVP_PKEY_fromdata(make, &key, EVP_PKEY_KEY_PARAMETERS, params) <= 0)
        key = NULL;
    EVP_PKEY_CTX_free(make);
    return key;
}

static enum status prime_read(struct str path, EVP_PKEY **out, struct why *why)
{
    struct buf text = { 0 };
    enum status st = file_read(path, CERT_TEXT_MAX, &text, NULL, why);

    if (st == ST_OK) {
        BIO *b = BIO_new_mem_buf(buf_str(&text).p, (int)text.n);

        *out = PEM_read_bio_Parameters(b, NULL);
        BIO_free(b);
        if (!*out)
            st = why_set(why, ST_AGAIN, "%.*s holds no parameters of DH", STR_ARG(path));
    }
    buf_free(&text);
    return st;
}

static enum status prime_apply(SSL_CTX *ctx, struct str text, unsigned bits_max, struct why *why)
{
    EVP_PKEY *key = NULL;
    enum status st = ST_OK;

    if (text.n == 0 || str_same(text, STR("default")) || str_same(text, STR("historic")) || str_starts(text, STR("exim.dev."))) {
        SSL_CTX_set_dh_auto(ctx, 1);
        return ST_OK;
    }
    if (str_same(text, STR("none")))
        return ST_OK;
    if (text.p[0] == '/')
        st = prime_read(text, &key, why);
    for (size_t i = 0; i < sizeof primes / sizeof *primes && !key; i++)
        if (str_same(text, str_of(primes[i].name)))
            key = prime_named(primes[i].group);
    if (st == ST_OK && !key)
        st = why_set(why, ST_NEVER, "tls_dhparam: \"%.*s\" is neither a file nor a group (ffdhe2048, ike15 ...)", STR_ARG(str_head(text, 60)));
    /* Some clients give up at longer ones (tls_dh_max_bits): as strong as the key, then. */
    if (st == ST_OK && bits_max && EVP_PKEY_get_bits(key) > (int)bits_max) {
        EVP_PKEY_free(key);
        SSL_CTX_set_dh_auto(ctx, 1);
    } else if (st == ST_OK && !SSL_CTX_set0_tmp_dh_pkey(ctx, key)) {
        EVP_PKEY_free(key);
        st = why_set(why, ST_AGAIN, "tls_dhparam: %.*s is too weak", STR_ARG(str_head(text, 60)));
    }
    tls_errors_clear();
    return st;
}

enum status tls_words_apply(SSL_CTX *ctx, const struct tls_config *config, struct why *why)
{
    enum status st = options_apply(ctx, config->options, why);

    if (st == ST_OK)
        st = ciphers_apply(ctx, config->ciphers, why);
    if (st == ST_OK)
        st = groups_apply(ctx, config->groups, why);
    if (st == ST_OK && config->server)
        st = prime_apply(ctx, config->dhparam, config->dh_max_bits, why);
    return st;
}

enum status tls_words_check(const struct tls_config *config, struct why *why)
{
    SSL_CTX *ctx = SSL_CTX_new(config->server ? TLS_server_method() : TLS_client_method());
    enum status st;

    if (!ctx)
        die("out of memory: a context of TLS");
    st = tls_words_apply(ctx, config, why);
    SSL_CTX_free(ctx);
    return st;
}
