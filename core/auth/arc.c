#include "auth/arc.h"

enum part { RESULTS, MESSAGE, SEAL, PARTS };
static const struct str NAMES[PARTS] = {
    [RESULTS] = STR_INIT("ARC-Authentication-Results"), [MESSAGE] = STR_INIT("ARC-Message-Signature"), [SEAL] = STR_INIT("ARC-Seal"),
};

const char *arc_state_name(enum arc_state s)
{
    return s == ARC_NONE ? "none" : s == ARC_PASS ? "pass" : "fail";
}

static int part_of(const struct field *f)
{
    for (int i = 0; i < PARTS; i++)
        if (str_same_fold(f->name, NAMES[i]))
            return i;
    return -1;
}

bool arc_field(const struct field *f)
{
    return part_of(f) >= 0;
}

/* ---- a failure: the first word is the last */

static void fail(struct arc *a, const char *reason)
{
    if (a->state == ARC_FAIL)
        return;
    a->state = ARC_FAIL;
    a->reason = str_of(reason);
}

static void fail_at(struct arc *a, unsigned i, const char *what)
{
    if (a->state != ARC_FAIL)
        a->reason = arena_printf(&a->arena, "i=%u (%s)", i, what);
    a->state = ARC_FAIL;
}

/* ---- collecting */

static unsigned number(struct str s)
{
    uint64_t n;

    return s.n <= 2 && str_u64(s, ARC_SETS, &n) ? (unsigned)n : 0;
}

static struct str text_of(const struct field *f)
{
    struct str s = f->value;

    if (str_ends(s, STR("\r\n")))
        s.n -= 2;
    return s;
}

/* "i=1; mx.example.org; ...": the instance comes first (section 4.1.1). Comments may stand anywhere, but nobody writes them here. */
static unsigned results_instance(struct str s)
{
    struct str head;
    size_t eq;

    if (str_find(s, ';') == SIZE_MAX)
        return 0;
    head = str_head(s, str_find(s, ';'));
    eq = str_find(head, '=');
    if (eq == SIZE_MAX || !str_same(str_trim(str_head(head, eq)), STR("i")))
        return 0;
    return number(str_trim(str_from(head, eq + 1)));
}

unsigned arc_instance(const struct field *f)
{
    struct arena a = { 0 };
    struct tags t;
    unsigned n;

    if (part_of(f) == RESULTS)
        return results_instance(text_of(f));
    n = tags_read(&a, text_of(f), &t, NULL) ? number(tags_value(&t, "i", STR(""))) : 0;
    arena_free(&a);
    return n;
}

static const struct field **place(struct arc_set *s, int part)
{
    return part == RESULTS ? &s->results : part == MESSAGE ? &s->message : &s->seal;
}

static void collect(struct arc *a, const struct field *f, int part)
{
    unsigned i = arc_instance(f);

    if (!a->set)
        a->set = arena_array(&a->arena, struct arc_set, ARC_SETS + 1);
    if (i == 0) {
        fail(a, "collecting headers: no instance, or more than 50");
        return;
    }
    if (*place(&a->set[i], part)) {
        fail(a, "collecting headers: a field of an instance stands twice");
        return;
    }
    *place(&a->set[i], part) = f;
    if (i > a->n)
        a->n = i;
}

static void want_key(struct arc *a, struct str name)
{
    if (!a->wanted)
        a->wanted = arena_array(&a->arena, struct dkim_name, 2 * ARC_SETS + 1);
    for (size_t i = 0; i < a->nwanted; i++)
        if (str_same(a->wanted[i].name, name))
            return;
    a->wanted[a->nwanted++].name = name;
}

/* ---- reading a set */

static bool valid_time(const struct tags *t, const char *name)
{
    const struct tag *tag = tags_find(t, name);
    uint64_t n;

    return !tag || (tag->value.n <= 12 && str_u64(tag->value, INT64_MAX, &n));
}

/* Section 4.1.3: fewer tags than a signature, and never a h=. */
static bool read_seal(struct arc *a, struct arc_set *set)
{
    struct signature *s = &set->as;
    const struct tag *b;

    *s = (struct signature){ .field = set->seal, .reason = "", .same_domain = true };
    if (!tags_read(&a->arena, text_of(set->seal), &s->tags, NULL))
        return false;
    set->cv = tags_value(&s->tags, "cv", STR(""));
    s->algorithm = tags_value(&s->tags, "a", STR(""));
    b = tags_find(&s->tags, "b");
    return !tags_find(&s->tags, "h") && valid_time(&s->tags, "t") && signature_names(&a->arena, s)
        && signature_algorithm(s->algorithm, &s->kind, &s->hash) && s->hash == HASH_SHA256
        && b && tag_base64(&a->arena, b->value, &s->b);
}

static bool cv_fits(const struct arc_set *s, unsigned i)
{
    return str_same(s->cv, i == 1 ? STR("none") : STR("pass"));
}

static void read_set(struct arc *a, unsigned i, struct bodyhash *hashes)
{
    struct arc_set *s = &a->set[i];
    struct sig_rules rules = a->rules;

    if (!read_seal(a, s)) {
        fail_at(a, i, "required tag missing");
        return;
    }
    /* A chain is as good as its age: an AMS that has run out has no say today, but nothing here is about today. */
    rules.hashes = 1u << HASH_SHA256;
    signature_read(&a->arena, s->message, &rules, true, &s->ams);
    if (!s->ams.judged && s->ams.limited)
        signature_end(&s->ams, SIG_INVALID, "syntax", STR("l= in a chain"));
    signature_want(&s->ams, hashes);
    want_key(a, s->as.key_name);
    if (!s->ams.judged)
        want_key(a, s->ams.key_name);
}

static void read_sets(struct arc *a, struct bodyhash *hashes)
{
    for (unsigned i = 1; i <= a->n; i++) {
        const struct arc_set *s = &a->set[i];

        if (!s->results && !s->message && !s->seal)
            a->reason = arena_printf(&a->arena, "i=%u (sequence; expected %u)", a->n, i);
        else if (!s->results || !s->message || !s->seal)
            a->reason = arena_printf(&a->arena, "i=%u (missing header)", i);
        else
            continue;
        a->state = ARC_FAIL;
        return;
    }
    a->whole = a->n;
    for (unsigned i = 1; i <= a->n; i++)
        read_set(a, i, hashes);
}

void arc_init(struct arc *a, const struct header *h, const struct sig_rules *r, struct bodyhash *hashes)
{
    *a = (struct arc){ .rules = *r };
    for (const struct field *f = h->first; f; f = f->next) {
        int part = part_of(f);

        if (part >= 0)
            collect(a, f, part);
    }
    if (!a->set || a->state == ARC_FAIL)
        return;
    a->fields = fieldset_new(h);
    read_sets(a, hashes);
}

void arc_drop(struct arc *a)
{
    for (unsigned i = 1; a->set && i <= a->n; i++) {
        signature_drop(&a->set[i].ams);
        signature_drop(&a->set[i].as);
    }
    fieldset_free(a->fields);
    arena_free(&a->arena);
    *a = (struct arc){ .n = 0 };
}

/* ---- keys */

void arc_answer(struct arc *a, size_t wanted, struct keys *keys, const struct str *texts, size_t n, bool again)
{
    a->again = a->again || again;
    for (unsigned i = 1; i <= a->whole; i++) {
        struct arc_set *s = &a->set[i];

        if (str_same(s->as.key_name, a->wanted[wanted].name))
            signature_key(&s->as, keys, texts, n, again);
        if (!s->ams.judged && str_same(s->ams.key_name, a->wanted[wanted].name))
            signature_key(&s->ams, keys, texts, n, again);
    }
}

/* ---- judging */

/* Each seal signs all sets up to its own, in order, the rest of its own set first (section 5.1.1). */
static void hash_seals(struct arc *a)
{
    struct hash_run *run = hash_run_new(HASH_SHA256);
    struct buf text = { 0 };

    for (unsigned i = 1; i <= a->n; i++) {
        struct arc_set *s = &a->set[i];

        canon_field(&text, s->results, CANON_RELAXED);
        canon_field(&text, s->message, CANON_RELAXED);
        hash_run_add(run, buf_str(&text));
        buf_clear(&text);
        signature_own(&text, s->seal, &s->as.tags, CANON_RELAXED);
        hash_run_with(run, buf_str(&text), &s->hash);
        buf_clear(&text);
        canon_field(&text, s->seal, CANON_RELAXED);
        hash_run_add(run, buf_str(&text));
        buf_clear(&text);
    }
    hash_run_free(run);
    buf_free(&text);
}

static void judge_seal(struct arc *a, unsigned i)
{
    struct signature *s = &a->set[i].as;

    if (!signature_key_fits(s, &a->rules))
        fail_at(a, i, strcmp(s->reason, "pubkey_unavailable") == 0 ? "pubkey dns lookup fail" : "seal key unusable");
    else if (!key_verifies(s->key, s->hash, &a->set[i].hash, s->b))
        fail_at(a, i, "seal sigverify error");
}

static const char *ams_text(const struct signature *s)
{
    static const struct { const char *word, *text; } rows[] = {
        { "bodyhash_mismatch", "AMS body hash miscompare" }, { "signature_incorrect", "AMS sig nonverify" },
        { "pubkey_unavailable", "pubkey dns lookup fail" }, { "syntax", "required tag missing" }, { "expired", "AMS expired" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(s->reason, rows[i].word) == 0)
            return rows[i].text;
    return "AMS key or algorithm unusable";
}

/* From the newest down; what lies before the first that does not hold was changed since (section 5.2, step 5). */
static void judge_messages(struct arc *a, const struct bodyhash *hashes)
{
    for (unsigned i = a->n; i >= 1; i--) {
        struct signature *s = &a->set[i].ams;

        signature_judge(&a->arena, s, &a->rules, a->fields, hashes);
        if (s->result != SIG_PASS) {
            if (i == a->n)
                fail_at(a, i, ams_text(s));
            return;
        }
        a->oldest = i;
    }
}

static void judge_chain(struct arc *a)
{
    hash_seals(a);
    for (unsigned i = a->n; i >= 1; i--) {
        if (str_same(a->set[i].cv, STR("fail")))
            fail_at(a, i, "seal cv state");
        else if (!cv_fits(&a->set[i], i))
            fail_at(a, i, "cv");
    }
    for (unsigned i = a->n; i >= 1 && a->state != ARC_FAIL; i--)
        judge_seal(a, i);
}

void arc_judge(struct arc *a, const struct bodyhash *hashes)
{
    if (a->judged)
        return;
    a->judged = true;
    if (!a->set || !a->whole)
        return;
    judge_messages(a, hashes);
    if (a->state != ARC_FAIL)
        judge_chain(a);
    if (a->state != ARC_FAIL)
        a->state = ARC_PASS;
}

size_t arc_domains(const struct arc *a, struct arena *arena, struct str **out)
{
    *out = arena_array(arena, struct str, a->whole + 1);
    for (unsigned i = 1; i <= a->whole; i++)
        (*out)[i - 1] = arena_lower(arena, a->set[i].as.domain.p ? a->set[i].as.domain : STR(""));
    return a->whole;
}
