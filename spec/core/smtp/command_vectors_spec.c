/* smtp-proto's corpus of requests: each is sent to a session that is ready for it,
 * and the class of the reply compared with what that parser said. It knows
 * extensions we do not offer; those rows stand in DIFFER with the reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/json.h"
#include "peer.h"

#define CORPUS "../shared/vectors/smtp/smtp-proto.jsonl"

static const char NOT_OFFERED[] = "an extension that this session does not offer: refused, as RFC 5321 4.1.1.11 asks";
static const char SPACES[] = "white space before the colon is in no grammar, and readers differ about it";
static const char REPEATED[] = "a parameter may be given once (RFC 5321 4.1.1.11), BINARYMIME goes with BDAT only";
static const char NULL_RECIPIENT[] = "the null path is a sender's; nobody can receive there";
static const struct { const char *begins, *reason; } DIFFER[] = {
    { "LHLO", NOT_OFFERED },
    { "STARTTLS", NOT_OFFERED },
    { "BDAT", NOT_OFFERED },
    { "AUTH", NOT_OFFERED },
    { "ETRN", NOT_OFFERED },
    { "ATRN", NOT_OFFERED },
    { "BURL", NOT_OFFERED },
    { "MAIL  FROM :", SPACES },
    { "MAIL FROM:<> SMTPUTF8", NOT_OFFERED },
    { "MAIL FROM:<> BODY=BINARYMIME BODY=7BIT", REPEATED },
    { "MAIL FROM:<> BY=", NOT_OFFERED },
    { "MAIL FROM:<> RET=", NOT_OFFERED },
    { "MAIL FROM:<> ENVID=", NOT_OFFERED },
    { "MAIL FROM:<> SOLICIT=", NOT_OFFERED },
    { "MAIL FROM:<> TRANSID=", NOT_OFFERED },
    { "MAIL FROM:<> MTRK=", NOT_OFFERED },
    { "RCPT TO:<> ", NULL_RECIPIENT },
    { NULL, NULL },
};

static const char *differ(struct str input)
{
    for (size_t i = 0; DIFFER[i].begins; i++)
        if (str_starts(input, str_of(DIFFER[i].begins)))
            return DIFFER[i].reason;
    return NULL;
}

static bool session_takes(struct str input)
{
    struct peer p;
    bool yes;

    peer_init(&p);
    p.cfg.offer_vrfy = p.cfg.offer_expn = true;
    p.verdicts[PH_VRFY].verb = p.verdicts[PH_EXPN].verb = V_ACCEPT;
    p.cfg.hostname = STR("mx.example");
    peer_start(&p);
    peer_say(&p, "EHLO there.example\r\n");
    if (str_starts(input, STR("RCPT")) || str_starts(input, STR("DATA")))
        peer_say(&p, "MAIL FROM:<a@b.example>\r\n");
    if (str_starts(input, STR("DATA")))
        peer_say(&p, "RCPT TO:<a@b.example>\r\n");
    buf_clear(&p.said);
    peer_send(&p, input);
    peer_say(&p, "\r\n");
    yes = p.said.n && (buf_str(&p.said).p[0] == '2' || buf_str(&p.said).p[0] == '3');
    if (!p.said.n)
        fail_msg("no reply to %.*s", STR_ARG(input));
    peer_free(&p);
    return yes;
}

static void requests_of_another_parser(void **state)
{
    struct arena a = { 0 };
    char line[8192];
    unsigned judged = 0, differing = 0, wrong = 0;
    FILE *f = fopen(CORPUS, "r");

    (void)state;
    if (!f) {
        print_message("skipped: no vectors (%s)\n", CORPUS);
        skip();
        return;
    }
    while (fgets(line, sizeof line, f)) {
        struct str row = str_trim(str_of(line)), id, input;
        bool want = json_get_bool(row, "ok");

        if (!json_get(&a, row, "id", &id) || !str_starts(id, STR("smtp-proto/request")) || !json_get(&a, row, "input", &input))
            continue;
        judged++;
        if (session_takes(input) == want) {
            if (differ(input) && want)
                print_error("%.*s is listed and does not differ\n", STR_ARG(id));
        } else if (differ(input)) {
            differing++;
        } else {
            print_error("%.*s: %.*s: wanted %s\n", STR_ARG(id), STR_ARG(input), want ? "yes" : "no");
            wrong++;
        }
    }
    fclose(f);
    arena_free(&a);
    print_message("%u judged, %u differ with a reason, %u wrong\n", judged, differing, wrong);
    assert_true(judged > 0);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(requests_of_another_parser) };

    return cmocka_run_group_tests_name("requests of smtp-proto", tests, NULL, NULL);
}
