#include "tls/errors.h"

#include <openssl/err.h>
#include <stdio.h>

void tls_errors_clear(void)
{
    if (ERR_peek_error())               /* clearing goes through all sixteen places */
        ERR_clear_error();
}

const char *tls_error_text(char *out, size_t n)
{
    unsigned long err = ERR_get_error();

    if (err)
        ERR_error_string_n(err, out, n);
    else
        snprintf(out, n, "no reason known");
    ERR_clear_error();
    return out;
}

const char *tls_error_reason(char *out, size_t n)
{
    unsigned long err = ERR_get_error();
    const char *reason = err ? ERR_reason_error_string(err) : NULL;

    snprintf(out, n, "%s", reason ? reason : "no reason known");
    ERR_clear_error();
    return out;
}
