#include "engine/letter.h"

#include <stdlib.h>

#include "base/clock.h"
#include "engine/keep.h"

struct letter {
    struct engine *e;
    struct conn conn;
    struct txn *t;
    letter_done *done;
    void *ctx;
    bool returned, over;
    struct letter *next, **link;
};

static void letter_free(struct letter *l)
{
    if (l->next)
        l->next->link = l->link;
    *l->link = l->next;
    txn_free(l->t);
    conn_free(&l->conn);
    free(l);
}

static void finish(struct letter *l, enum status st, const struct why *why)
{
    if (l->done)
        l->done(l->ctx, st, why);
    if (l->returned)
        letter_free(l);
    else
        l->over = true;
}

static void kept(void *ctx, enum status st, struct msg_id id, const struct why *why)
{
    struct letter *l = ctx;

    (void)id;
    if (st != ST_OK)
        log_line(LOG_MAIN, "a message of our own could not be kept: %s", why ? why->text : "");
    finish(l, st, why);
}

static void add_wire(struct buf *out, struct str text)
{
    struct str line;

    while (str_cut(&text, '\n', &line)) {
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        for (size_t i = 0; i < line.n; i++)
            if (line.p[i] != '\r' && line.p[i] != 0)       /* R3.1: what is kept holds neither */
                buf_byte(out, line.p[i]);
        buf_add(out, STR("\r\n"));
    }
}

static enum status fill(struct letter *l, const struct letter_want *w, struct draft *d, struct why *why)
{
    struct txn *t = l->t;
    struct buf wire = { 0 }, header = { 0 };
    struct str section, body;
    enum status st;
    bool damaged;

    add_wire(&wire, w->message);
    header_divide(buf_str(&wire), &section, &body, &damaged);
    header_parse(&t->arena, section, &t->header);
    if (!header_field(&t->header, STR("From"), 0))
        buf_addf(&header, "From: Mail Delivery System <Mailer-Daemon@%.*s>\r\n", STR_ARG(w->set->qualify_domain));
    buf_add(&header, section);
    t->header_text = arena_dup(&t->arena, buf_str(&header));
    header_parse(&t->arena, t->header_text, &t->header);
    t->body_size = body.n;
    for (size_t i = 0; i < body.n; i++) {
        t->body_lines += body.p[i] == '\n';
        t->body_8bit = t->body_8bit || (unsigned char)body.p[i] >= 0x80;
    }
    st = draft_add(d, body, why);
    buf_free(&wire);
    buf_free(&header);
    return st;
}

struct letter *letter_send(const struct letter_want *w, letter_done *done, void *ctx)
{
    struct letter *l = calloc(1, sizeof *l);
    struct keep_want want = { .e = w->e, .set = w->set, .cause = w->cause, .trusted = true, .rewrite = true };
    struct why why = { 0 };

    if (!l)
        die("no memory for a message of our own");
    l->e = w->e;
    l->done = done;
    l->ctx = ctx;
    l->next = w->e->letters;
    l->link = &w->e->letters;
    if (l->next)
        l->next->link = &l->next;
    w->e->letters = l;
    conn_init(&l->conn);
    l->conn.ident = STR("perigee");
    l->conn.protocol = STR("local");
    l->conn.uid = l->conn.gid = -1;
    want.t = l->t = txn_new(&l->conn);
    l->t->sender = w->sender.n ? arena_dup(&l->t->arena, w->sender) : STR("");
    l->t->received_us = clock_wall_us();
    l->t->size_declared = -1;
    for (size_t i = 0; i < w->nto; i++)
        txn_add_rcpt(l->t, arena_dup(&l->t->arena, w->to[i]));
    if (spool_draft(w->e->spool, &want.draft, &why) != ST_OK) {
        finish(l, ST_AGAIN, &why);
    } else if (fill(l, w, want.draft, &why) != ST_OK) {
        draft_drop(want.draft);
        finish(l, ST_AGAIN, &why);
    } else {
        keep_message(&want, kept, l);
    }
    l->returned = true;
    if (l->over) {
        letter_free(l);
        return NULL;
    }
    return l;
}

void letter_forget(struct letter *l)
{
    l->done = NULL;
}

void letters_free(struct engine *e)
{
    while (e->letters)
        letter_free(e->letters);
}

void letter_for_rules(void *engine, const struct txn *t, struct str sender, struct str to, struct str message)
{
    struct engine *e = engine;
    struct letter_want w = { .e = e, .set = e->settings, .cause = str_of(t->id.s), .sender = sender, .to = &to, .nto = 1, .message = message };

    if (e->settings)
        letter_send(&w, NULL, NULL);
}
