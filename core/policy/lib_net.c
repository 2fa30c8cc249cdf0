/* Networks for the lists of rules. An address goes to Lua packed: its version and
 * 16 bytes. Two packed addresses are the same address exactly if they are the
 * same string, and a masked one is a key of a table, so a list of ten thousand
 * networks is as many lookups as it has different lengths. */
#include <ifaddrs.h>
#include <netinet/in.h>
#include <unistd.h>

#include "policy/lua.h"

enum { PACKED = 17 };

static void push_ip(lua_State *L, struct ip ip)
{
    char bytes[PACKED];

    bytes[0] = (char)ip.v;
    memcpy(bytes + 1, ip.b, 16);
    lua_pushlstring(L, bytes, PACKED);
}

static struct ip arg_packed(lua_State *L, int arg)
{
    struct str s = arg_str(L, arg, PACKED);
    struct ip ip = { 0 };

    luaL_argcheck(L, s.n == PACKED && (s.p[0] == IP_V4 || s.p[0] == IP_V6), arg, "a packed address is needed");
    ip.v = (uint8_t)s.p[0];
    memcpy(ip.b, s.p + 1, 16);
    return ip;
}

/* ip_pack(text) -> packed, or nil: it is no address */
static int l_ip_pack(lua_State *L)
{
    struct ip ip;

    if (lua_type(L, 1) != LUA_TSTRING || !ip_parse(arg_str(L, 1, SIZE_MAX), &ip))
        return 0;
    push_ip(L, ip);
    return 1;
}

/* ip_mask(packed, bits) -> packed with the rest of the bits zero */
static int l_ip_mask(lua_State *L)
{
    struct ip ip = arg_packed(L, 1);
    unsigned bits = (unsigned)arg_int(L, 2, 0, 128);

    for (unsigned i = 0; i < 16; i++) {
        if (bits >= 8 * (i + 1))
            continue;
        ip.b[i] &= bits <= 8 * i ? 0 : (uint8_t)(0xff << (8 - (bits - 8 * i)));
    }
    push_ip(L, ip);
    return 1;
}

static int l_ip_text(lua_State *L)
{
    push_str(L, ip_text(policy_scratch(L), arg_packed(L, 1)));
    return 1;
}

static int l_ip_reverse(lua_State *L)
{
    push_str(L, dns_reverse_name(policy_scratch(L), arg_packed(L, 1)));
    return 1;
}

static struct ip ip_of(const struct sockaddr *sa)
{
    struct ip ip = { 0 };

    if (sa && sa->sa_family == AF_INET) {
        ip.v = IP_V4;
        memcpy(ip.b, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
    } else if (sa && sa->sa_family == AF_INET6) {
        ip.v = IP_V6;
        memcpy(ip.b, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
    }
    return ip;
}

/* The machine's interfaces; a hermetic world has none but loopback. */
static bool on_interface(struct ip ip)
{
    struct ifaddrs *all, *i;
    bool found = false;

    if (getifaddrs(&all) < 0)
        return false;
    for (i = all; i && !found; i = i->ifa_next)
        found = ip_same(ip_of(i->ifa_addr), ip);
    freeifaddrs(all);
    return found;
}

/* is_local(text) -> is that an address of this machine? */
static int l_is_local(lua_State *L)
{
    struct str text = arg_str(L, 1, 255);
    struct ip ip;

    lua_pushboolean(L, ip_parse(text, &ip)
                    && (ip_is_loopback(ip) || (!policy_env(L)->hermetic && on_interface(ip))));
    return 1;
}

static int l_hostname(lua_State *L)
{
    char name[256] = "";

    if (gethostname(name, sizeof name - 1) < 0 || !name[0])
        return luaL_error(L, "this machine has no name: set primary_hostname");
    lua_pushstring(L, name);
    return 1;
}

static const luaL_Reg plain[] = {
    { "ip_pack", l_ip_pack },
    { "ip_mask", l_ip_mask },
    { "ip_text", l_ip_text },
    { "ip_reverse", l_ip_reverse },
    { "is_local", l_is_local },
    { "hostname", l_hostname },
    { NULL, NULL },
};

extern const struct lib lib_net;
const struct lib lib_net = { plain, NULL };
