/* Certificates for rules: bytes of DER, or a text of PEM, and what stands in them. */
#include "policy/lua.h"
#include "tls/cert.h"

enum { CERT_MAX = 1024 * 1024 };

static int refuse(lua_State *L, const char *why)
{
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
}

/* NULL: it is none, and nil and the reason were pushed. */
static struct tls_cert *cert_of(lua_State *L, struct str bytes)
{
    struct tls_cert *c;
    struct why why = { 0 };

    if (tls_cert_read(bytes, &c, &why) == ST_OK)
        return c;
    refuse(L, why.text);
    return NULL;
}

static void push_field(lua_State *L, const struct tls_field *f)
{
    struct val v = { .type = VAL_STR, .u.s = f->text };

    if (f->is_num)
        v = (struct val){ .type = VAL_INT, .u.i = f->num };
    push_val(L, &v);
}

/* cert_field(certificate, "field,modifier ...") -> value, list | nothing | nil, why */
static int l_cert_field(lua_State *L)
{
    struct arena *a = policy_scratch(L);
    struct str spec = arg_str(L, 2, 256);
    struct tls_cert *c = cert_of(L, arg_str(L, 1, CERT_MAX));
    struct why why = { 0 };
    struct tls_field f;
    enum status st;

    if (!c)
        return 2;
    st = tls_cert_field(a, c, spec, &f, &why);
    tls_cert_drop(c);
    if (st == ST_NONE)
        return 0;
    if (st != ST_OK)
        return refuse(L, why.text);
    push_field(L, &f);
    if (!f.is_list)
        return 1;
    push_val(L, &(struct val){ .type = VAL_LIST, .u.list = { f.item, f.items } });
    return 2;
}

/* cert_pem(certificate) -> text | nil, why */
static int l_cert_pem(lua_State *L)
{
    struct arena *a = policy_scratch(L);
    struct tls_cert *c = cert_of(L, arg_str(L, 1, CERT_MAX));
    struct str pem;

    if (!c)
        return 2;
    pem = tls_cert_pem(a, c);
    tls_cert_drop(c);
    push_str(L, pem);
    return 1;
}

/* cert_der(certificate) -> bytes | nil, why */
static int l_cert_der(lua_State *L)
{
    struct arena *a = policy_scratch(L);
    struct tls_cert *c = cert_of(L, arg_str(L, 1, CERT_MAX));
    struct str der;

    if (!c)
        return 2;
    der = tls_cert_der(a, c);
    tls_cert_drop(c);
    push_str(L, der);
    return 1;
}

/* cert_is_for(certificate, host name) -> boolean | nil, why */
static int l_cert_is_for(lua_State *L)
{
    struct str name = arg_str(L, 2, 1024);
    struct tls_cert *c = cert_of(L, arg_str(L, 1, CERT_MAX));
    bool yes;

    if (!c)
        return 2;
    yes = tls_cert_is_for(c, name);
    tls_cert_drop(c);
    lua_pushboolean(L, yes);
    return 1;
}

static const luaL_Reg plain[] = {
    { "cert_field", l_cert_field },
    { "cert_pem", l_cert_pem },
    { "cert_der", l_cert_der },
    { "cert_is_for", l_cert_is_for },
    { NULL, NULL },
};

extern const struct lib lib_cert;
const struct lib lib_cert = { plain, NULL };
