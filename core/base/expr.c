#include "base/expr.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

enum { MATCH_LIMIT = 100000, DEPTH_LIMIT = 1000, HEAP_LIMIT_KIB = 16384,
       JIT_AFTER = 4, JIT_STACK_FIRST = 32 << 10, JIT_STACK_MOST = 512 << 10 };

struct expr {
    pcre2_code *code;
    char *text;
    size_t length;
    pcre2_match_data *data;
    pcre2_match_context *context;
    int groups;                         /* of the last match */
    unsigned uses;                      /* up to JIT_AFTER */
};

static enum status failed(int code, struct why *why)
{
    char text[256] = "it takes too long";

    pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
    return why_set(why, ST_NEVER, "%s", text);
}

struct expr *expr_new(struct str text, unsigned how, struct why *why)
{
    uint32_t options = PCRE2_NEVER_BACKSLASH_C | (how & EXPR_BYTES ? 0 : PCRE2_UTF | PCRE2_MATCH_INVALID_UTF)
                     | (how & EXPR_FOLD ? PCRE2_CASELESS : 0);
    struct expr *e;
    pcre2_code *re;
    PCRE2_SIZE at;
    int code;

    if (text.n > EXPR_TEXT_MAX) {
        why_set(why, ST_NEVER, "it is longer than %d bytes", EXPR_TEXT_MAX);
        return NULL;
    }
    re = pcre2_compile((PCRE2_SPTR)(text.n ? text.p : ""), text.n, options, &code, &at, NULL);
    if (!re) {
        failed(code, why);
        return NULL;
    }
    e = calloc(1, sizeof *e);
    if (!e || !(e->text = malloc(text.n + 1)) || !(e->context = pcre2_match_context_create(NULL)))
        die("out of memory for a regular expression");
    e->code = re;
    memcpy(e->text, text.n ? text.p : "", text.n);
    e->length = text.n;
    pcre2_set_match_limit(e->context, MATCH_LIMIT);
    pcre2_set_depth_limit(e->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(e->context, HEAP_LIMIT_KIB);
    return e;
}

void expr_free(struct expr *e)
{
    if (!e)
        return;
    pcre2_match_data_free(e->data);
    pcre2_match_context_free(e->context);
    pcre2_code_free(e->code);
    free(e->text);
    free(e);
}

struct str expr_text(const struct expr *e)
{
    return (struct str){ e->text, e->length };
}

/* ---- machine code */

/* One for all expressions of a thread: it is only used during a match. It goes
 * with the thread. */
static pcre2_jit_stack *jit_stack(void *unused)
{
    static _Thread_local pcre2_jit_stack *stack;

    (void)unused;
    if (!stack)
        stack = pcre2_jit_stack_create(JIT_STACK_FIRST, JIT_STACK_MOST, NULL);
    return stack;                       /* NULL: the machine's own, 32 KiB of it */
}

void expr_hasten(struct expr *e)
{
    e->uses = JIT_AFTER;
    if (pcre2_jit_compile(e->code, PCRE2_JIT_COMPLETE) == 0)
        pcre2_jit_stack_assign(e->context, jit_stack, NULL);
}

/* Machine code costs as much as some matches: not for what is compiled and asked once. */
static void used(struct expr *e)
{
    if (e->uses < JIT_AFTER && ++e->uses == JIT_AFTER)
        expr_hasten(e);
}

size_t expr_machine_code(const struct expr *e)
{
    size_t n = 0;

    return pcre2_pattern_info(e->code, PCRE2_INFO_JITSIZE, &n) == 0 ? n : 0;
}

/* ---- matching */

static int match(const struct expr *e, struct str subject, pcre2_match_data *data)
{
    PCRE2_SPTR p = (PCRE2_SPTR)(subject.n ? subject.p : "");
    int n = pcre2_match(e->code, p, subject.n, 0, 0, data, e->context);

    if (n == PCRE2_ERROR_JIT_STACKLIMIT)
        n = pcre2_match(e->code, p, subject.n, 0, PCRE2_NO_JIT, data, e->context);
    return n;
}

static pcre2_match_data *data_of(struct expr *e)
{
    if (!e->data && !(e->data = pcre2_match_data_create_from_pattern(e->code, NULL)))
        die("out of memory for a regular expression");
    return e->data;
}

enum status expr_find(struct expr *e, struct str subject, struct str groups[EXPR_GROUPS], struct why *why)
{
    int n;

    used(e);
    n = match(e, subject, data_of(e));
    e->groups = n > 0 ? n : 0;
    if (n == PCRE2_ERROR_NOMATCH)
        return ST_NONE;
    if (n < 0)
        return failed(n, why);
    for (int i = 0; groups && i < EXPR_GROUPS; i++)
        groups[i] = expr_group(e, subject, i);
    return ST_OK;
}

int expr_groups(const struct expr *e)
{
    return e->groups;
}

struct str expr_group(const struct expr *e, struct str subject, int i)
{
    const PCRE2_SIZE *at;

    if (i >= e->groups)
        return (struct str){ 0 };
    at = pcre2_get_ovector_pointer(e->data) + (size_t)i * 2;
    /* \K can put a beginning behind its end. */
    return at[0] != PCRE2_UNSET && at[1] >= at[0] ? (struct str){ subject.p + at[0], at[1] - at[0] } : (struct str){ 0 };
}

/* Nothing of a match is wanted, so any data do, and a thread has one. */
enum status expr_fits(const struct expr *e, struct str subject, struct why *why)
{
    static _Thread_local pcre2_match_data *data;
    int n;

    if (!data && !(data = pcre2_match_data_create(1, NULL)))
        die("out of memory for a regular expression");
    n = match(e, subject, data);
    return n >= 0 ? ST_OK : n == PCRE2_ERROR_NOMATCH ? ST_NONE : failed(n, why);
}

static int substitute(struct expr *e, struct str subject, struct str with, uint32_t how, char *out, size_t *n)
{
    return pcre2_substitute(e->code, (PCRE2_SPTR)(subject.n ? subject.p : ""), subject.n, 0, PCRE2_SUBSTITUTE_GLOBAL | how, data_of(e),
                            e->context, (PCRE2_SPTR)(with.n ? with.p : ""), with.n, (PCRE2_UCHAR *)out, n);
}

enum status expr_replace(struct expr *e, struct str subject, struct str with, char *out, size_t *n, struct why *why)
{
    size_t room = *n;
    int rc;

    used(e);
    rc = substitute(e, subject, with, 0, out, n);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {
        *n = room;
        rc = substitute(e, subject, with, PCRE2_NO_JIT, out, n);
    }
    e->groups = 0;
    return rc < 0 ? failed(rc, why) : ST_OK;
}
