/*
 * cli_keygen - a key to sign with, and the record that publishes it
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auth/signkey.h"
#include "cli/cli.h"
#include "mail/domain.h"

enum { STRING_MAX_ = 255, BITS_DEFAULT = 2048 };

/* Never over a file that is there: it may be the only copy of a key in use. */
static int write_key(const struct cli *c, const char *path, struct str pem)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t n;

    if (fd < 0)
        return cli_fail(c, EX_CANTCREAT, "%s: %s", path, strerror(errno));
    n = write(fd, pem.p, pem.n);
    if (n != (ssize_t)pem.n || fsync(fd) < 0) {
        int err = errno;

        close(fd);
        unlink(path);
        return cli_fail(c, EX_IOERR, "%s: %s", path, strerror(err));
    }
    close(fd);
    return CLI_YES;
}

/* A TXT record holds strings of 255 octets; a 2048-bit key needs two. */
static void print_record(struct str name, struct str text)
{
    printf("%.*s. TXT", STR_ARG(name));
    while (text.n) {
        struct str part = str_head(text, STRING_MAX_);

        printf(" \"%.*s\"", STR_ARG(part));
        text = str_from(text, part.n);
    }
    printf("\n");
}

int cli_run_keygen(struct cli *c)
{
    const char *type = cli_has(c, CO_TYPE) ? c->opt[CO_TYPE] : "rsa";
    bool rsa = strcmp(type, "rsa") == 0;
    unsigned bits = (unsigned)cli_number(c, CO_BITS, 1024, KEY_RSA_MAX, BITS_DEFAULT);
    struct str selector = str_of(c->arg[0]), domain = str_of(c->arg[1]), pem, p;
    int end;

    if (!rsa && strcmp(type, "ed25519") != 0)
        return cli_fail(c, EX_USAGE, "--type is rsa or ed25519, not %s", type);
    if (!domain_valid_idn(selector, NULL) || !domain_valid_idn(domain, NULL))
        return cli_fail(c, EX_USAGE, "%s is no name of a selector, or %s none of a domain", c->arg[0], c->arg[1]);
    if (!signkey_make(&c->arena, rsa ? KEY_RSA : KEY_ED25519, bits, &pem, &p))
        return cli_fail(c, EX_SOFTWARE, "OpenSSL made no key");
    end = write_key(c, c->arg[2], pem);
    if (end == CLI_YES)
        print_record(arena_printf(&c->arena, "%.*s._domainkey.%.*s", STR_ARG(domain_alabel(&c->arena, selector)),
                                  STR_ARG(domain_alabel(&c->arena, domain))),
                     arena_printf(&c->arena, "v=DKIM1; k=%s; p=%.*s", type, STR_ARG(p)));
    return end;
}
