#include "mail/transfer.h"

enum { QUANTUM = 4 };

enum transfer_kind transfer_find(struct str name, bool *known)
{
    static const struct { const char *name; enum transfer_kind kind; } names[] = {
        { "7bit", TRANSFER_PLAIN }, { "8bit", TRANSFER_PLAIN }, { "binary", TRANSFER_PLAIN },
        { "base64", TRANSFER_BASE64 }, { "quoted-printable", TRANSFER_QP },
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (str_same_fold(name, str_of(names[i].name))) {
            if (known)
                *known = true;
            return names[i].kind;
        }
    }
    if (known)
        *known = name.n == 0;
    return TRANSFER_PLAIN;
}

void transfer_begin(struct transfer *t, enum transfer_kind kind)
{
    *t = (struct transfer){ .kind = kind };
}

/* ---- base64 */

/* 1 + its value; 0: no letter of base64. */
enum { PAD = 65, BLANK };
static const unsigned char LETTERS[256] = {
    ['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8, ['I'] = 9, ['J'] = 10, ['K'] = 11,
    ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21,
    ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31,
    ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41,
    ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51,
    ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61,
    ['9'] = 62, ['+'] = 63, ['/'] = 64,
    ['='] = PAD, ['\r'] = BLANK, ['\n'] = BLANK, [' '] = BLANK, ['\t'] = BLANK,
};

/* The bytes a quantum of so many characters is good for. */
static void quantum(struct transfer *t, struct buf *out)
{
    uint32_t bits = t->bits << 6 * (QUANTUM - t->have);

    for (unsigned i = 0; i + 1 < t->have; i++)
        buf_byte(out, (char)(bits >> (16 - 8 * i) & 0xFF));
    t->bits = 0;
    t->have = 0;
}

static void base64(struct transfer *t, struct str in, struct buf *out)
{
    for (size_t i = 0; i < in.n; i++) {
        unsigned v = LETTERS[(unsigned char)in.p[i]];

        if (v && v < PAD) {
            /* Data behind the padding: some readers stop at it, some go on. */
            if (t->pads)
                t->damaged = true;
            t->pads = 0;
            t->bits = t->bits << 6 | (v - 1);
            if (++t->have == QUANTUM)
                quantum(t, out);
        } else if (v == PAD) {
            if (!t->pads && t->have < 2)
                t->damaged = true;
            if (!t->pads)
                t->pads = t->have ? QUANTUM - t->have : 1;
            if (t->have)
                quantum(t, out);
        } else if (v == 0) {
            t->damaged = true;
        }
    }
}

/* ---- quoted-printable */

static bool is_hex(char c)
{
    return ascii_hex('0', c) >= 0;
}

static void let_go(struct transfer *t, struct buf *out)
{
    buf_add(out, (struct str){ t->held, t->nheld });
    t->nheld = 0;
}

/* The escape so far is "=", "=X" or "=" and blanks. True: c belongs to it. */
static bool escape(struct transfer *t, char c, struct buf *out)
{
    if (t->nheld == 1 && is_hex(c)) {
        t->held[t->nheld++] = c;
        return true;
    }
    if (t->nheld == 2 && ascii_hex(t->held[1], c) >= 0) {
        buf_byte(out, (char)ascii_hex(t->held[1], c));
        t->nheld = 0;
        return true;
    }
    /* Blanks that a transport put behind a soft end are no text. */
    if ((c == ' ' || c == '\t' || c == '\r') && (t->nheld == 1 || !is_hex(t->held[1])) && t->nheld < TRANSFER_BLANKS) {
        t->held[t->nheld++] = c;
        return true;
    }
    if (c == '\n' && (t->nheld == 1 || !is_hex(t->held[1]))) {
        t->nheld = 0;
        return true;
    }
    t->damaged = true;
    let_go(t, out);
    return false;
}

static void quoted(struct transfer *t, char c, struct buf *out)
{
    if (t->nheld && t->held[0] == '=' && escape(t, c, out))
        return;
    if (c == '=') {
        let_go(t, out);
        t->held[t->nheld++] = c;
    } else if (c == ' ' || c == '\t') {
        if (t->nheld == TRANSFER_BLANKS)
            let_go(t, out);
        t->held[t->nheld++] = c;
    } else {
        /* Blanks before the end of a line were added on the way (RFC 2045 6.7). */
        if (c == '\n' || c == '\r')
            t->nheld = 0;
        let_go(t, out);
        buf_byte(out, c);
    }
}

/* ---- both */

void transfer_feed(struct transfer *t, struct str in, struct buf *out)
{
    size_t had = out->n;

    switch (t->kind) {
    case TRANSFER_PLAIN:
        buf_add(out, in);
        break;
    case TRANSFER_BASE64:
        base64(t, in, out);
        break;
    case TRANSFER_QP:
        for (size_t i = 0; i < in.n; i++)
            quoted(t, in.p[i], out);
        break;
    }
    t->size += out->n - had;
}

void transfer_end(struct transfer *t, struct buf *out)
{
    size_t had = out->n;

    if (t->kind == TRANSFER_BASE64 && t->have) {
        t->damaged = true;
        quantum(t, out);
    }
    if (t->kind == TRANSFER_QP && t->nheld) {
        /* "=" at the very end is a soft end; an escape that was cut is none. */
        if (t->held[0] == '=' && t->nheld > 1 && is_hex(t->held[1])) {
            t->damaged = true;
            let_go(t, out);
        }
        t->nheld = 0;
    }
    t->size += out->n - had;
}
