/*
 * command - one SMTP command line, taken apart
 *
 * Nothing here allocates or knows a session. Results point into the line.
 */
#ifndef SMTP_COMMAND_H
#define SMTP_COMMAND_H

#include "base/arena.h"
#include "base/str.h"
#include "mail/addr.h"

enum command {
    CMD_NONE,               /* nothing we know */
    CMD_HELO, CMD_EHLO, CMD_MAIL, CMD_RCPT, CMD_DATA, CMD_RSET, CMD_NOOP, CMD_VRFY, CMD_EXPN,
    CMD_HELP, CMD_QUIT,
    CMD_STARTTLS, CMD_AUTH,
    CMD_BDAT, CMD_ETRN, CMD_ATRN, CMD_TURN,     /* known, not offered */
    CMD_HTTP                /* a request line of HTTP (R3.9) */
};

/* What stands before the first blank or tab; all of it if there is none. */
struct str command_word(struct str s);
/* The verb at the front; *name is its canonical spelling (NULL for CMD_NONE and
 * CMD_HTTP), *arg what follows without white space around it. */
enum command command_read(struct str line, const char **name, struct str *arg);

/* "FROM:<path> parameters": *arg loses the keyword ("FROM:"). */
bool command_keyword(struct str *arg, struct str keyword);
/* Takes one "KEY" or "KEY=value" off the front. False at the end. An ill-formed
 * one gives an empty key. */
bool command_param(struct str *rest, struct str *key, struct str *value);
/* Is this what may follow HELO: a host name or an address literal? allow: more letters that may stand in a name. */
bool command_helo(struct str name, struct str allow);

#endif
