/* The address corpora of other projects, judged by what RFC 5321 and 6531 say may
 * stand between < and >. Where we differ from a corpus the row stands in DIFFER
 * with the reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "corpus_rows.h"
#include "mail/addr.h"

#define FOLDER "../shared/vectors/addresses/"

enum verdict { REFUSE, TAKE, NOT_OURS };

static const char LENGTH[] = "longer than everybody must take, and within what we take (ADDR_LOCAL_MAX, ADDR_MAX)";
static const char HEADER_FORM[] = "a comment or a display name: header fields have them, SMTP's Mailbox has not";
static const char QUOTED_ATOM[] = "a backslash outside quotes is in no grammar of RFC 5321";
static const char ANY_UTF8[] = "RFC 6531 3.3 admits any character outside ASCII to an atom";
static const char ONE_LABEL[] = "a name of one label is a domain (RFC 5321 4.1.2); whether it exists is for the DNS";
static const char HYPHENS[] = "two hyphens in third place are reserved for IDNA, not forbidden: host names have them";
static const char LITERAL[] = "an address literal is a Mailbox; whether a site takes it is allow_domain_literals";
static const char RESERVED[] = "special-use names are good syntax; the DNS says there is no such name";
static const char OPTION[] = "the corpus asks with internationalised addresses switched off";
static const struct { const char *id, *reason; } DIFFER[] = {
    { "isemail/39", LENGTH },
    { "isemail/60", LENGTH },
    { "isemail-original/21", LENGTH },
    { "egulias/RFCValidationTest/getValidEmails/5", QUOTED_ATOM },
    { "egulias/RFCValidationTest/getValidEmails/6", HEADER_FORM },
    { "egulias/RFCValidationTest/getInvalidEmails/24", ANY_UTF8 },
    { "flanker/mailbox_valid/66", HEADER_FORM },
    { "flanker/mailbox_valid/69", HEADER_FORM },
    { "flanker/mailbox_valid/199", HEADER_FORM },
    { "flanker/mailbox_valid/202", HEADER_FORM },
    { "python-email-validator/test_email_valid/9", HEADER_FORM },
    { "python-email-validator/test_email_valid/10", HEADER_FORM },
    { "python-email-validator/test_email_valid/11", HEADER_FORM },
    { "python-email-validator/test_email_invalid_syntax/3", ONE_LABEL },
    { "python-email-validator/test_email_invalid_syntax/47", LENGTH },
    { "python-email-validator/test_email_invalid_syntax/48", LENGTH },
    { "python-email-validator/test_email_invalid_syntax/50", LENGTH },
    { "python-email-validator/test_email_invalid_syntax/51", LENGTH },
    { "python-email-validator/test_email_invalid_syntax/53", LENGTH },
    { "python-email-validator/test_email_invalid_syntax/54", LENGTH },
    { "python-email-validator/test_email_invalid_syntax/55", LENGTH },
    { "python-email-validator/test_email_invalid_syntax/60", HYPHENS },
    { "python-email-validator/test_email_invalid_syntax/62", LITERAL },
    { "python-email-validator/test_email_invalid_syntax/64", LITERAL },
    { "python-email-validator/test_email_invalid_syntax_strict/0", LENGTH },
    { "python-email-validator/test_email_invalid_syntax_strict/1", LENGTH },
    { "python-email-validator/test_email_invalid_syntax_strict/2", LENGTH },
    { "python-email-validator/test_email_invalid_reserved_domain/0", RESERVED },
    { "python-email-validator/test_email_invalid_reserved_domain/1", RESERVED },
    { "python-email-validator/test_email_invalid_reserved_domain/5", RESERVED },
    { "python-email-validator/test_email_invalid_character_smtputf8_off/1", OPTION },
    { "python-email-validator/test_pyisemail_tests/28", LENGTH },
    { "python-email-validator/test_pyisemail_tests/29", LENGTH },
    { "python-email-validator/test_pyisemail_tests/47", LENGTH },
    { NULL, NULL },
};

static const char *differ(struct str id)
{
    for (size_t i = 0; DIFFER[i].id; i++)
        if (str_same(id, str_of(DIFFER[i].id)))
            return DIFFER[i].reason;
    return NULL;
}

static bool is(struct str a, const char *b)
{
    return str_same(a, str_of(b));
}

/* What a row says about the address as a Mailbox of RFC 5321. */
static enum verdict wanted(struct arena *a, struct str row)
{
    struct str s;

    if (json_get(a, row, "category", &s))
        return is(s, "ISEMAIL_VALID_CATEGORY") || is(s, "ISEMAIL_DNSWARN") || is(s, "ISEMAIL_RFC5321") ? TAKE : REFUSE;
    if (json_get(a, row, "provider", &s))
        return str_starts(s, STR("getValid")) ? TAKE : REFUSE;
    if (json_get(a, row, "list", &s))
        return str_ends(s, STR("_valid")) ? TAKE : REFUSE;
    if (!json_get(a, row, "test", &s))
        return NOT_OURS;
    if (is(s, "test_pyisemail_tests")) {
        json_get(a, row, "values", &s);
        return str_find_str(s, STR("ISEMAIL_VALID")) != SIZE_MAX || str_find_str(s, STR("RFC5321")) != SIZE_MAX ||
               str_find_str(s, STR("DNSWARN")) != SIZE_MAX ? TAKE : REFUSE;
    }
    return str_starts(s, STR("test_email_valid")) ? TAKE : REFUSE;
}

static void judge(struct arena *a, struct str row)
{
    struct str id, address;
    struct addr out;
    const char *why = "accepted";
    enum verdict w = wanted(a, row);
    bool took;

    if (w == NOT_OURS || !json_get(a, row, "address", &address) || !json_get(a, row, "id", &id))
        return;
    judged++;
    if (str_find_str(id, STR("localpart")) != SIZE_MAX)
        address = arena_printf(a, "%.*s@example.org", STR_ARG(address));
    took = addr_parse(address, &out, &why);
    if (took == (w == TAKE)) {
        if (differ(id)) {
            print_error("%.*s: listed as different, and is not\n", STR_ARG(id));
            wrong++;
        }
    } else if (differ(id)) {
        differing++;
    } else {
        print_error("%.*s: %.*s: %s\n", STR_ARG(id), STR_ARG(address), why);
        wrong++;
    }
}

#define CORPUS(function, name) static void function(void **state) { (void)state; judge_rows(FOLDER name ".jsonl", name); }
CORPUS(isemail, "isemail")
CORPUS(isemail_original, "isemail-original")
CORPUS(egulias, "egulias")
CORPUS(flanker, "flanker")
CORPUS(python_email_validator, "python-email-validator")

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(isemail), cmocka_unit_test(isemail_original), cmocka_unit_test(egulias),
        cmocka_unit_test(flanker), cmocka_unit_test(python_email_validator),
    };

    return cmocka_run_group_tests_name("address corpora", tests, NULL, NULL);
}
