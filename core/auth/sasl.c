#include "auth/sasl.h"

#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

struct sasl {
    Gsasl_session *session;
    const struct mechanism *mech;
    enum sasl_side side;
    unsigned steps;
};

enum style { CRAM, SCRAM, SIMPLE };

static const struct mechanism {
    const char *name;
    enum style style;
    bool server;
} MECHANISMS[] = {
    { "CRAM-MD5", CRAM, true }, { "SCRAM-SHA-1", SCRAM, true }, { "SCRAM-SHA-256", SCRAM, true },
    { "SCRAM-SHA-1-PLUS", SCRAM, true }, { "SCRAM-SHA-256-PLUS", SCRAM, true },
    { "PLAIN", SIMPLE, false }, { "LOGIN", SIMPLE, false }, { "EXTERNAL", SIMPLE, false },
};

static const Gsasl_property PROPERTY[SASL_FACTS] = {
    [SASL_AUTHID] = GSASL_AUTHID, [SASL_AUTHZID] = GSASL_AUTHZID, [SASL_PASSWORD] = GSASL_PASSWORD,
    [SASL_SCRAM_ITER] = GSASL_SCRAM_ITER, [SASL_SCRAM_SALT] = GSASL_SCRAM_SALT,
    [SASL_SCRAM_SERVERKEY] = GSASL_SCRAM_SERVERKEY, [SASL_SCRAM_STOREDKEY] = GSASL_SCRAM_STOREDKEY,
    [SASL_SCRAM_SALTED] = GSASL_SCRAM_SALTED_PASSWORD, [SASL_HOSTNAME] = GSASL_HOSTNAME,
    [SASL_SERVICE] = GSASL_SERVICE, [SASL_REALM] = GSASL_REALM,
};

/* What it is bound to must be there when a -PLUS exchange begins, before it has a
 * handle that could be told: the library asks, and this is who it asks about. */
static _Thread_local const struct sasl_channel *starting;

static int asked(Gsasl *lib, Gsasl_session *session, Gsasl_property what)
{
    struct arena a = { 0 };
    struct str bytes = { 0 };
    int rc = GSASL_NO_CALLBACK;

    (void)lib;
    if (starting && what == GSASL_CB_TLS_EXPORTER)
        bytes = starting->exporter;
    else if (starting && what == GSASL_CB_TLS_UNIQUE)
        bytes = starting->unique;
    if (bytes.n > 0)
        rc = gsasl_property_set(session, what, arena_z(&a, base64_encode(&a, bytes)));
    arena_free(&a);
    return rc;
}

/* The library's own state is the same for everybody and never changes. */
static Gsasl *library(void)
{
    static Gsasl *lib;

    if (!lib && gsasl_init(&lib) != GSASL_OK)
        die("libgsasl does not start");
    gsasl_callback_set(lib, asked);
    return lib;
}

static const struct mechanism *find(struct str name, enum sasl_side side)
{
    for (size_t i = 0; i < sizeof MECHANISMS / sizeof *MECHANISMS; i++)
        if (str_same_fold(name, str_of(MECHANISMS[i].name)) && (side == SASL_CLIENT || MECHANISMS[i].server))
            return &MECHANISMS[i];
    return NULL;
}

bool sasl_knows(struct str mechanism, enum sasl_side side)
{
    return find(mechanism, side) != NULL;
}

/* For the steps to come. */
static void bind(struct sasl *s, const struct sasl_channel *c)
{
    struct arena a = { 0 };

    if (c->exporter.n)
        gsasl_property_set(s->session, GSASL_CB_TLS_EXPORTER, arena_z(&a, base64_encode(&a, c->exporter)));
    if (c->unique.n)
        gsasl_property_set(s->session, GSASL_CB_TLS_UNIQUE, arena_z(&a, base64_encode(&a, c->unique)));
    arena_free(&a);
}

enum status sasl_new(struct str mechanism, enum sasl_side side, const struct sasl_channel *channel, struct sasl **out, struct why *why)
{
    const struct mechanism *mech = find(mechanism, side);
    struct sasl *s;
    bool plus;
    int rc;

    if (!mech)
        return why_set(why, ST_NEVER, "there is no mechanism %.*s", STR_ARG(mechanism));
    plus = str_ends(str_of(mech->name), STR("-PLUS"));
    if (plus && !(channel && (channel->exporter.n || channel->unique.n)))
        return why_set(why, ST_NEVER, "%s: there is no TLS connection to be bound to", mech->name);
    s = calloc(1, sizeof *s);
    if (!s)
        die("out of memory for a SASL exchange");
    s->mech = mech;
    s->side = side;
    /* As a client libgsasl takes a channel for a word not to go without -PLUS. */
    if (side == SASL_CLIENT && !plus)
        channel = NULL;
    starting = channel;
    rc = side == SASL_SERVER ? gsasl_server_start(library(), mech->name, &s->session)
                             : gsasl_client_start(library(), mech->name, &s->session);
    starting = NULL;
    if (rc != GSASL_OK) {
        free(s);
        return why_set(why, ST_NEVER, "%s: %s", mech->name, gsasl_strerror(rc));
    }
    if (channel)
        bind(s, channel);
    *out = s;
    return ST_OK;
}

void sasl_free(struct sasl *s)
{
    if (!s)
        return;
    gsasl_finish(s->session);
    free(s);
}

void sasl_set(struct sasl *s, enum sasl_fact fact, struct str value)
{
    if (gsasl_property_set_raw(s->session, PROPERTY[fact], value.p ? value.p : "", value.n) != GSASL_OK)
        die("out of memory for a SASL exchange");
}

/* ---- who it claims to be */

/* RFC 2195: user, a space, 32 hex digits. */
static bool cram_identity(struct str response, struct str *authid)
{
    size_t at = response.n;

    while (at > 0 && response.p[at - 1] != ' ')
        at--;
    if (at < 2 || response.n - at != 32)
        return false;
    *authid = str_head(response, at - 1);
    return true;
}

/* RFC 5802 5.1: "=2C" is a comma, "=3D" is "=", and no other "=" may stand. */
static bool saslname(struct arena *a, struct str s, struct str *out)
{
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '=') {
            p[n++] = s.p[i];
            continue;
        }
        if (str_starts(str_from(s, i), STR("=2C")))
            p[n++] = ',';
        else if (str_starts(str_from(s, i), STR("=3D")))
            p[n++] = '=';
        else
            return false;
        i += 2;
    }
    *out = (struct str){ p, n };
    return n > 0;
}

/* RFC 5802 7: gs2-cbind-flag "," ["a=" authzid] "," ["m=..."] "n=" user "," "r=" ... */
static bool scram_identity(struct arena *a, struct str response, struct str *authid, struct str *authzid)
{
    struct str flag, part;

    if (!str_cut(&response, ',', &flag) || !str_cut(&response, ',', &part))
        return false;
    if (part.n > 0 && (!str_starts(part, STR("a=")) || !saslname(a, str_from(part, 2), authzid)))
        return false;
    if (!str_cut(&response, ',', &part) || !str_starts(part, STR("n=")))
        return false;
    return saslname(a, str_from(part, 2), authid);
}

bool sasl_identity(struct sasl *s, struct arena *a, struct str response, struct str *authid, struct str *authzid)
{
    *authid = *authzid = STR("");
    if (s->mech->style == CRAM)
        return s->steps < 1 || cram_identity(response, authid);
    return s->mech->style != SCRAM || s->steps > 0 || scram_identity(a, response, authid, authzid);
}

/* ---- steps */

static enum sasl_end meaning(int rc)
{
    switch (rc) {
    case GSASL_OK: return SASL_DONE;
    case GSASL_NEEDS_MORE: return SASL_MORE;
    case GSASL_MECHANISM_PARSE_ERROR: case GSASL_BASE64_ERROR: return SASL_GARBLED;
    case GSASL_MALLOC_ERROR: die("out of memory for a SASL exchange");
    default: return SASL_REFUSED;       /* a wrong proof, an unknown user, a fact that is not there */
    }
}

enum sasl_end sasl_step(struct sasl *s, struct str in, struct arena *a, struct str *out)
{
    char *made = NULL;
    size_t n = 0;
    int rc = gsasl_step(s->session, in.p, in.p ? in.n : 0, &made, &n);

    s->steps++;
    *out = made ? arena_dup(a, (struct str){ made, n }) : STR("");
    gsasl_free(made);
    return meaning(rc);
}
