/*
 * transport - the options of one transport, read for one attempt
 *
 * Values come from policy with functions already answered; here they get
 * their types and Exim's defaults. Strings live as long as the attempt.
 */
#ifndef ENGINE_TRANSPORT_H
#define ENGINE_TRANSPORT_H

#include <sys/types.h>

#include "base/ip.h"
#include "policy/policy.h"

enum driver { DRIVER_SMTP, DRIVER_LMTP, DRIVER_APPENDFILE, DRIVER_PIPE, DRIVER_AUTOREPLY, DRIVER_QUEUEFILE, DRIVER_OTHER };

enum { SIGN_TEXTS = 9 };

/* What an smtp transport says of TLS. Lists are asked with host_listed. */
struct transport_tls {
    struct val avoid, verify_avoid, require, nopass, noproxy, resume, verify, try_verify, names, require_alpn, require_ocsp;
    struct val request_ocsp;                    /* VAL_NIL: as DANE has it */
    struct str certificate, key, ca, crl, ciphers, dane_ciphers, sni, alpn;
    unsigned dh_min_bits;
    bool tryclear;
};

struct transport_dane { struct val try, require; };

struct transport {
    enum driver driver;
    struct str name, driver_name;
    /* every driver */
    struct str headers_add, headers_remove;     /* one a line */
    struct str return_path;                     /* p NULL: not set */
    bool return_path_add, envelope_to_add, delivery_date_add, body_only, headers_only;
    int64_t message_size_limit;
    struct str user, group;
    bool initgroups;
    bool headers_rewrite;               /* rules for it are with policy */
    struct str home, directory;                 /* home_directory, current_directory */
    struct str shadow;                          /* shadow_transport */
    bool shadow_wanted;                         /* shadow_condition */
    bool disable_logging, include_affixes;
    struct val filter;                          /* transport_filter: VAL_NIL if there is none */
    int64_t filter_ms;
    uint32_t batch_max;                         /* addresses in one delivery of a local transport */
    struct val batch_id;
    unsigned max_parallel;                      /* 0: no limit */

    /* smtp */
    const struct str *hosts; size_t nhosts;
    const struct str *fallback; size_t nfallback;
    bool hosts_override, hosts_randomize, allow_localhost, multi_domain, lmtp, include_ip;
    uint16_t port;
    struct str helo, interface;
    int64_t connect_ms, command_ms, data_ms, final_ms;
    uint32_t max_rcpt, max_messages, max_try;
    int64_t size_addition;
    int64_t line_max;
    struct val serialize, avoid_esmtp, avoid_pipelining, try_auth, require_auth;
    struct str login;           /* whom to log in as, if that is another one for other mail: a digest */
    struct str auth_sender;             /* AUTH= of MAIL; p NULL: none */
    bool auth_force;
    uint32_t hard_max_try;
    bool keepalive, ignore_quota, delay_after_cutoff;
    bool smtps;                                 /* TLS from the first byte */
    struct transport_tls tls;
    struct transport_dane dane;
    struct val dnssec_request, dnssec_require;
    int dscp;                                   /* -1: not set */

    /* signing: SIGN_TEXTS texts for each signature (lua/mail/transports.lua) */
    const struct str *sign; size_t nsigned;
    bool signs;                         /* dkim_domain or arc_sign is there, be it empty */
    struct str arc_sign;

    /* lmtp */
    struct str socket;

    /* pipe, and lmtp over a program */
    struct val command;
    struct val environment;
    struct str path;
    int64_t timeout_ms;
    size_t output_max;
    struct val temp_errors;
    bool ignore_status, return_output, return_fail_output, log_output, log_fail_output, log_defer_output;
    bool timeout_defer, freeze_exec_fail, freeze_signal, force_command, restrict_to_path;
    const struct str *allow; size_t nallow;     /* allow_commands */
    mode_t umask;

    /* appendfile */
    struct val file, folder;                    /* file, directory: a string, or path(): a list */
    bool maildir, mailstore, create_directory, file_must_exist, check_owner, check_group, mode_fail_narrower;
    bool allow_fifo, allow_symlink, lockfile, fcntl_lock, flock_lock;
    struct str create_file;                     /* "anywhere", "belowhome", "inhome" or a path */
    const struct str *formats; size_t nformats; /* file_format: beginning, transport, ... */
    struct str mailstore_prefix, mailstore_suffix;
    bool size_file, quota_inclusive;
    int64_t quota, quota_files;
    struct val used, files;                     /* mailbox_size, mailbox_filecount */
    struct str quota_directory, size_regex, directory_regex, folder_regex;
    struct str warn_threshold, warn_message;
    int64_t maildir_retries;
    mode_t mode, directory_mode, lockfile_mode;
    int64_t lock_retries, lock_interval, lock_fcntl_timeout, lock_flock_timeout, lockfile_timeout;
    struct str file_name, tag;

    /* autoreply */
    struct str reply_rcpt[3];                   /* to, cc, bcc */
    struct str reply_from, reply_to, reply_subject, reply_text;
    struct str reply_headers;                   /* one a line */
    const char *reply_file, *reply_log, *once;  /* NULL: none */
    bool file_expand, file_optional, return_message;
    int64_t once_size, once_repeat;
    const struct str *never; size_t nnever;     /* never_mail: those of its recipients that are in the list */
    uint64_t return_limit;

    /* appendfile and pipe */
    struct val check_string, escape_string, prefix, suffix;     /* VAL_NIL: the default */
    bool crlf, bsmtp;
};

/* Copies what tv holds into the arena. */
void transport_read(struct arena *a, const struct transport_values *tv, struct str hostname, struct transport *out);
/* ---- transport_tls.c: likewise; what is known once the host is (policy_transport_late) */
void transport_read_dane(struct arena *a, const struct transport_values *tv, struct transport_dane *out);
void transport_read_late(struct arena *a, const struct transport_values *tv, struct transport *out);
void transport_read_tls(struct arena *a, const struct transport_values *tv, struct transport *out);
static inline bool transport_is_local(const struct transport *t)
{
    return t->driver != DRIVER_SMTP;
}

/* Is the host in a list of names, addresses, CIDR blocks, "*" and "*.example"? Where a list has
 * anything else in it, lua/mail/transports_hosts.lua was asked, and it is "*" or empty here. */
bool host_listed(const struct val *list, struct str name, struct ip ip);

/* A command as an argument vector: a list as it is, a string cut at blanks
 * with quotes respected and nothing expanded. NULL-terminated; NULL: unusable.
 * argv[0] may be no path yet: command.c finds it. */
char **command_argv(struct arena *a, const struct val *command);

#endif
