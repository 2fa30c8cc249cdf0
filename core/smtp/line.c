/* Commands arrive as lines. A line is kept only as long as it is incomplete. */
#include <stdlib.h>

#include "smtp/state.h"

enum { LINE_FAR = 8, TEXT_KEPT = 512, TOO_LONG_KEPT = 64 };

static void remember_command(struct smtp_server *s, struct str line, struct str arg)
{
    size_t kept = line.n < TEXT_KEPT ? line.n : TEXT_KEPT, at = arg.n ? (size_t)(arg.p - line.p) : kept;

    if (at > kept)
        at = kept;
    free(s->text);
    s->text = malloc(kept + 1);
    if (!s->text)
        die("out of memory for a command of %zu bytes", kept);
    memcpy(s->text, line.p, kept);
    s->c->command = (struct str){ s->text, kept };
    s->c->command_argument = (struct str){ s->text + at, arg.n < kept - at ? arg.n : kept - at };
}

static void line_refused(struct smtp_server *s, const char *text)
{
    size_t at = s->out.n;

    server_reply(s, 500, "5.5.2", text);
    server_note(s, NOTE_PROTOCOL, str_trim(str_from(buf_str(&s->out), at)), "SMTP protocol error: %s", text);
    server_close(s, "bad-commands");
}

static bool begins_auth(struct str line)
{
    return line.n > 4 && str_same_fold(command_word(line), STR("AUTH"));
}

/* A response, and a command that brings one, is longer than others (R3.7). */
static size_t line_max(const struct smtp_server *s, struct str piece)
{
    bool auth = s->state == SERVER_AUTH || begins_auth(s->line.n ? buf_str(&s->line) : piece);

    return auth ? s->cfg->limits.auth_line_max : s->cfg->limits.line_max;
}

/* What may be kept of it (R3.6): of AUTH the mechanism, and nothing of what follows an AUTH that was
 * refused and is no command: a client that talks on sends its password. */
static struct str shown(const struct smtp_server *s, enum command cmd, struct str line, struct str arg)
{
    if (cmd == CMD_AUTH)
        return str_head(line, (size_t)(arg.p - line.p) + command_word(arg).n);
    return cmd == CMD_NONE && conn_last_verb_is(s->c, "AUTH") ? STR("(not shown)") : line;
}

/* A whole line, its LF included. */
static void take_line(struct smtp_server *s, struct str line, size_t unread)
{
    const char *name;
    struct str arg;
    enum command cmd;

    /* Bare CR, bare LF: two servers in a row could see different commands (R3.1). */
    if (line.n < 2 || str_find(line, '\r') != line.n - 2) {
        line_refused(s, "lines must end in CR LF and hold neither alone");
        return;
    }
    line = str_head(line, line.n - 2);
    if (s->state == SERVER_AUTH) {
        auth_line(s, line);
        return;
    }
    cmd = command_read(line, &name, &arg);
    remember_command(s, shown(s, cmd, line, arg), arg);
    s->command = (uint8_t)cmd;
    if (name && cmd != CMD_ATRN && cmd != CMD_TURN)
        conn_note_verb(s->c, name);     /* F37 names what may be entered */
    verb_do(s, cmd, arg, unread);
}

static void too_long_over(struct smtp_server *s, bool crlf)
{
    s->too_long = 0;
    if (!crlf)
        line_refused(s, "lines must end in CR LF and hold neither alone");
    else
        server_error(s, NOTE_SYNTAX, 500, "5.5.2", "line too long");
}

/* Enough of it for the log to show which line it was. */
static void remember_start(struct smtp_server *s, struct str piece)
{
    struct buf start = { 0 };

    if (s->state == SERVER_AUTH || begins_auth(s->line.n ? buf_str(&s->line) : piece)) {
        remember_command(s, STR("AUTH"), STR(""));
        return;
    }
    buf_add(&start, str_head(buf_str(&s->line), TOO_LONG_KEPT));
    buf_add(&start, str_head(piece, TOO_LONG_KEPT - start.n));
    remember_command(s, buf_str(&start), STR(""));
    buf_free(&start);
}

/* The line is beyond the limit: nothing more of it is kept. */
static void throw_away(struct smtp_server *s, struct str piece, bool whole)
{
    char before = s->line.n ? buf_str(&s->line).p[s->line.n - 1] : s->last;

    if (!s->too_long)
        remember_start(s, piece);
    s->too_long += s->line.n + piece.n;
    buf_free(&s->line);
    if (piece.n > 1)
        before = piece.p[piece.n - 2];
    s->last = piece.p[piece.n - 1];
    if (s->too_long > (size_t)s->cfg->limits.line_max * LINE_FAR)
        line_refused(s, "line too long");
    else if (whole)
        too_long_over(s, before == '\r');
}

size_t line_input(struct smtp_server *s, struct str bytes)
{
    size_t lf = str_find(bytes, '\n');
    bool whole = lf != SIZE_MAX;
    struct str piece = whole ? str_head(bytes, lf + 1) : bytes;
    struct buf line = { 0 };

    /* The first octet of a TLS handshake: no line will ever come. */
    if (!s->line.n && !s->too_long && !s->c->history_n && piece.p[0] == 0x16) {
        line_refused(s, "TLS does not begin here");
        return bytes.n;
    }
    if (s->too_long || s->line.n + piece.n > line_max(s, piece)) {
        throw_away(s, piece, whole);
    } else if (!whole) {
        buf_add(&s->line, piece);
    } else if (!s->line.n) {
        take_line(s, piece, bytes.n - piece.n);
    } else {
        buf_add(&s->line, piece);
        line = s->line;
        s->line = (struct buf){ 0 };
        take_line(s, buf_str(&line), bytes.n - piece.n);
        buf_free(&line);
    }
    if (whole)
        server_settle(s);
    return piece.n;
}
