/*
 * errors - what OpenSSL says went wrong
 *
 * Its errors are a queue of the thread: what an earlier call left there would
 * be taken for this one's. tls_errors_clear stands before every call that may fail.
 */
#ifndef TLS_ERRORS_H
#define TLS_ERRORS_H

#include <stddef.h>

void tls_errors_clear(void);
/* The first error of the queue, as Exim logs it ("error:0A000076:SSL routines::no suitable
 * signature algorithm"), and the queue is empty. Without one: "no reason known". */
const char *tls_error_text(char *out, size_t n);
/* The same, the reason alone ("no suitable signature algorithm"). */
const char *tls_error_reason(char *out, size_t n);

#endif
