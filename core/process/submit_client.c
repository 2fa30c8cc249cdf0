/*
 * submit_client - the caller's side of SPOOL/submit.sock
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/args.h"
#include "base/json.h"
#include "process/client.h"
#include "process/master.h"

enum { WAIT_MS = 300000, ANSWER_MAX = 64 * 1024 };

static void write_head(const struct submission *s, struct buf *out)
{
    struct buf args = { 0 };

    buf_byte(out, '{');
    json_member_int(out, "v", 1);
    if (s->sender.p)
        json_member(out, "sender", s->sender);
    json_name(out, "rcpts");
    buf_byte(out, '[');
    for (size_t i = 0; i < s->nrcpts; i++) {
        if (i)
            buf_byte(out, ',');
        json_text(out, s->rcpts[i]);
    }
    buf_byte(out, ']');
    json_member_bool(out, "from_headers", s->from_headers);
    args_text(&args);
    json_member(out, "args", buf_str(&args));
    buf_free(&args);
    if (s->name.n > 0)
        json_member(out, "name", s->name);
    if (s->envelope.n > 0) {
        json_member_int(out, "envelope", (int64_t)s->envelope.n);
        json_member_int(out, "state", (int64_t)s->state.n);
        json_member_int(out, "header", (int64_t)s->header);
        json_member(out, "was", s->was);
    }
    json_member_int(out, "size", (int64_t)(s->envelope.n + s->state.n + s->message.n));
    buf_add(out, STR("}\n"));
}

static enum status read_answer(struct str line, struct msg_id *id, struct why *why)
{
    struct arena a = { 0 };
    struct str status = { "", 0 }, name = { "", 0 }, text = { "", 0 };
    enum status st = ST_AGAIN;

    json_get(&a, line, "status", &status);
    json_get(&a, line, "id", &name);
    json_get(&a, line, "text", &text);
    why_set(why, ST_OK, "%.*s", STR_ARG(text));
    if (str_same(status, STR("stored")) && name.n == MSG_ID_LEN) {
        memcpy(id->s, name.p, MSG_ID_LEN);
        id->s[MSG_ID_LEN] = 0;
        st = ST_OK;
    } else if (str_same(status, STR("refused"))) {
        st = ST_NEVER;
    } else if (text.n == 0) {
        why_set(why, ST_AGAIN, "the engine gave no answer");
    }
    arena_free(&a);
    return st;
}

enum status submit_call(const char *spool_dir, const struct submission *s, struct msg_id *id, struct why *why)
{
    struct client c = { .fd = -1 };
    struct buf head = { 0 };
    struct str line;
    enum status st;

    *id = (struct msg_id){ "" };
    st = client_open(&c, spool_dir, "submit.sock", WAIT_MS, why);
    if (st != ST_OK)
        return st;
    write_head(s, &head);
    /* A refusal may come before all of it is sent: then the answer says more
     * than the broken pipe. */
    if (client_send(&c, buf_str(&head), why) == ST_OK && client_send(&c, s->envelope, why) == ST_OK
        && client_send(&c, s->state, why) == ST_OK)
        client_send(&c, s->message, why);
    st = client_line(&c, ANSWER_MAX, &line, why);
    if (st == ST_OK)
        st = read_answer(line, id, why);
    else
        st = ST_AGAIN;
    buf_free(&head);
    client_close(&c);
    return st;
}
