/*
 * control_client - the caller's side of SPOOL/control.sock
 */
#include "base/json.h"
#include "process/client.h"
#include "process/master.h"

enum { LINE_MAX_BYTES = 4 * 1024 * 1024 };

enum status control_call(const char *spool_dir, struct str request, int64_t timeout_ms,
                         void (*on_line)(void *ctx, struct str object), void *ctx,
                         int *status, struct why *why)
{
    struct client c;
    struct str line;
    enum status st;
    int64_t end;

    *status = 2;
    st = client_open(&c, spool_dir, "control.sock", timeout_ms, why);
    if (st == ST_OK)
        st = client_send(&c, request, why);
    if (st == ST_OK)
        st = client_send(&c, STR("\n"), why);
    while (st == ST_OK && (st = client_line(&c, LINE_MAX_BYTES, &line, why)) == ST_OK) {
        on_line(ctx, line);
        if (!json_get_bool(line, "done"))
            continue;
        if (json_get_int(line, "status", &end) && end >= 0 && end < 256)
            *status = (int)end;
        break;
    }
    if (st == ST_NONE && c.fd >= 0)
        st = ST_AGAIN;              /* it was there, and left without a last word */
    client_close(&c);
    return st;
}
