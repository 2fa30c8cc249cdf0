/*
 * txn - one connection's facts, one transaction's facts
 *
 * A conn holds what is known of the client; it lives for the session. A txn
 * holds everything of one message; it is made at MAIL, destroyed whole at the
 * end of the transaction (R3.3), and made again from the spool when the message
 * is routed and delivered. Policy getters (core/policy/vars.c) read these
 * structs and nothing else.
 *
 * Text lives in the arena of the struct it hangs off. An empty str whose p is
 * NULL is "absent"; an empty one with a pointer is known to be empty (the null
 * sender).
 */
#ifndef MAIL_TXN_H
#define MAIL_TXN_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/ip.h"
#include "base/map.h"
#include "base/val.h"
#include "base/why.h"
#include "mail/header.h"
#include "mail/mime.h"

/* design 4.2: the one list of phases. Names: phase_name. */
enum phase {
    PH_CONNECT, PH_HELO, PH_STARTTLS, PH_AUTH, PH_MAILAUTH, PH_MAIL, PH_RCPT, PH_PREDATA,
    PH_DKIM, PH_MIME, PH_PRDR, PH_DATA, PH_ETRN, PH_ATRN, PH_EXPN, PH_VRFY, PH_WELLKNOWN,
    PH_QUIT, PH_NOTQUIT, PH_NOT_SMTP_START, PH_NOT_SMTP_MIME, PH_NOT_SMTP,
    PH_ACLS,                                    /* above: phases that have an ACL */
    PH_ROUTE = PH_ACLS, PH_TRANSPORT, PH_EVENT, PH_QUEUE, PH_OPTION,
    PH_COUNT
};
const char *phase_name(enum phase ph);
bool phase_find(struct str name, enum phase *out);

enum { MSG_ID_LEN = 16, HISTORY_MAX = 20, ACL_ARGS = 9 };
struct msg_id { char s[MSG_ID_LEN + 1]; };      /* "1xUQe2-0100AB-15"; empty: none yet */

enum lookup_state { LOOKUP_NOT_TRIED, LOOKUP_DONE, LOOKUP_FAILED, LOOKUP_DEFERRED };

/* Named values that rules set: acl_c_*, acl_m_*, r_*. Order of setting kept. */
struct user_var { struct str name; struct val v; struct user_var *next; };
void user_var_set(struct arena *a, struct user_var **list, struct str name, const struct val *v); /* nil removes */
const struct val *user_var_get(const struct user_var *list, struct str name);

/* What was already counted by ratelimit, and the rate it had then. */
struct rate_known { struct str key; double rate; struct rate_known *next; };

/* What is known of an encrypted connection, with a client (tls_in_*) or with a host (tls_out_*). */
struct at_tls {
    struct str version;             /* "TLS1.3"; p NULL: in clear */
    struct str cipher, cipher_std;  /* "TLS1.3:TLS_AES_256_GCM_SHA384:256", as the log has it; the suite's name in RFCs */
    struct str sni, peer_dn;
    struct str ourcert, peercert;   /* DER; p NULL: none was shown */
    struct str exporter, unique;    /* tls-exporter (RFC 9266) and tls-unique, bytes: what AUTH can be bound to; p NULL: none */
    uint16_t bits;
    bool verified, dane;            /* the other side's certificate; by its TLSA records */
    uint8_t ocsp;                   /* 0 not asked, 1 no answer, 2 not verified, 3 failed, 4 good */
    uint8_t resumption;             /* 1 supported, 2 requested, 4 offered, 8 ticket issued, 16 used */
    uint8_t tlsa_usage;             /* 1 << usage, of the TLSA records found */
};
enum { RESUMPTION_USED = 16 };
static inline bool tls_is_on(const struct at_tls *t) { return t->version.p != NULL; }
struct at_tls at_tls_dup(struct arena *a, const struct at_tls *t);

enum debug_control { DEBUG_AS_IT_IS, DEBUG_START, DEBUG_STOP, DEBUG_KILL };

struct conn {
    struct arena arena;
    uint64_t serial;                /* never used twice in a process */
    bool smtp;                      /* false: submitted by a local program */
    struct ip client_ip, local_ip;
    uint16_t client_port, local_port;
    struct str helo;                /* as given, cut at 255 */
    bool esmtp;                     /* EHLO, not HELO */
    bool pipelining, pipelined;     /* offered in the last EHLO; and commands came that did not wait */
    bool helo_verified; enum lookup_state helo_verify;
    struct str host_name;           /* verified reverse name */
    enum lookup_state host_lookup;
    bool host_dnssec, helo_dnssec;
    struct str ident;               /* login of a local submitter */
    struct str active_hostname;     /* what we call ourselves here */
    struct str protocol;            /* overrides the computed name; local submission */
    int64_t since_us;               /* clock_wall_us at connect */
    uint32_t count_at_start;        /* connections when this one began */
    int32_t uid, gid;               /* of a local submitter, -1: none */
    struct str auth_id, auth_name, auth_sender, auth_fail_id;   /* auth_name: the authenticator that said yes */
    bool auth_failed;
    struct at_tls tls;
    bool tls_on_connect;            /* from the first octet */
    struct str command;             /* the line being processed, cut at 512 */
    struct str command_argument;
    const char *history[HISTORY_MAX];   /* canonical verbs, ring */
    unsigned history_n;                 /* how many were ever entered */
    const char *notquit_reason;     /* reference/acl.tsv, notquit-reason */
    struct user_var *acl_c;
    struct rate_known *rates;       /* per_conn */
    unsigned transactions, errors, nonmail, unknown, auth_failures;
    unsigned kept;                  /* messages kept in this session */
    bool queue_latched;             /* queue_only_load_latch: the rest of its messages wait too */
    bool auth_unadvertised;         /* control allow_auth_unadvertised */
    bool no_pipelining, no_sync, no_delay_flush, no_multiline, explain;  /* controls */
    struct str auth_read[8]; unsigned nauth_read;   /* what rules read of auth1 to auth4: never shown (policy/trace.h) */
    int8_t dscp;                    /* control dscp, -1: as it is */
    uint8_t debug;                  /* control debug: enum debug_control */
    struct str debug_tag;
    int8_t sync;                    /* control enforce_sync 1, no_enforce_sync -1 */
};

/* Who the client is and how it came, for whoever outlives its session; what belongs to a command or a
 * message is not copied. out is not initialised before. */
void conn_copy(struct conn *out, const struct conn *c);
/* What Ci= and connection_id say: never the same for two connections. */
struct str conn_identifier(struct arena *a, const struct conn *c);
/* How it came: "smtp", "smtps", "esmtp", "esmtpa", "esmtps", "esmtpsa" (RFC 3848), or "local". */
struct str conn_protocol(const struct conn *c);

enum { DSN_NEVER = 1, DSN_SUCCESS = 2, DSN_FAILURE = 4, DSN_DELAY = 8 };

struct rcpt {
    struct str addr;                /* as accepted: local@domain, domain lower case */
    struct str orcpt;               /* RFC 3461, reserved */
    uint8_t dsn;
    bool added;                     /* took the place of another after the envelope was kept: */
                                    /* the state blob carries its address too (one_time) */
    struct str errors_to;           /* where its bounces go if not the sender */
    /* what became of it (spool state, engine/queue.h) */
    uint8_t state;                  /* enum rcpt_state */
    uint32_t attempts;
    int64_t first_failed, next_try; /* wall seconds, 0: none */
    int32_t last_errno;
    struct str last_error;          /* one line, escaped */
    struct str last_host;           /* "name [addr]" */
};
enum rcpt_state { RCPT_PENDING, RCPT_DONE, RCPT_FAILED };

/* The address a router, a transport or an event is about. */
/* A sender rewritten by a router's srs, or an address of that kind taken apart (auth/srs.h). */
struct srs_facts {
    struct str sender;              /* as which the message goes out; empty: as it came */
    struct str recipient, orig_recipient, orig_sender, status, db_key, db_address;
};

struct at_address {
    struct str address;             /* local@domain as now routed */
    struct str local_part, domain;  /* unquoted lower-case local part; lower-case domain */
    struct str local_part_as_is;    /* case kept */
    struct str prefix, prefix_v, suffix, suffix_v;
    struct str domain_data, local_part_data;
    struct str parent, original;    /* addresses; empty: itself */
    struct str router, transport;
    struct str address_data;
    struct str home;
    struct str self_hostname;
    struct str return_path;         /* sender for this address */
    struct user_var *r_vars;
    int32_t local_uid, local_gid;   /* -1: none */
    struct str file, pipe;          /* address_file, address_pipe */
    struct srs_facts srs;
};

/* One attempt at a host. */
struct at_host {
    struct str name;
    struct ip ip;
    uint16_t port;
    struct ip from_ip;
    uint16_t from_port;
    struct str auth;                /* as whom we logged in: "authenticator:id"; empty: we did not */
    struct at_tls tls;
    bool pipelining;                /* commands did not wait for answers */
    char start[8];                  /* how the connection began: e EHLO, h HELO, l LHLO, s TLS, a AUTH */
    bool secure;                    /* its address was found by DNSSEC, from the MX record on */
};

struct at_event {
    struct str name, data;
    int32_t defer_errno;
};

struct dnslist_facts { struct str domain, matched, text, value; };

/* What a check of SPF found: RFC 7208's word, and what can be said of it. */
struct spf_facts {
    struct str result, domain;          /* the identity's domain, as given */
    struct str comment, smtp_comment, received, explanation;
    bool helo, guessed;                 /* HELO was the identity; the record was a guess */
};

/* What DMARC said: words of auth/dmarc.h. */
struct dmarc_facts {
    struct str status, text;
    struct str policy, applied;         /* p= of the record; the one for this author's domain. "": no record */
    struct str disposition;             /* applied, after pct= had its say: "none", "quarantine", "reject" */
    struct str domain, header;          /* where the record was; the Authentication-Results: field */
    struct str part;                    /* of such a field: "dmarc=pass header.from=example.org"; empty: it was not run */
    bool aligned_dkim, aligned_spf, subdomain_policy;
    struct str finding, published;      /* for aggregate reports (auth/finding.h); p NULL: nobody asks for any */
    bool counted;                       /* it has been told */
};

struct txn {
    struct arena arena;
    struct conn *conn;              /* not owned; never NULL */
    uint64_t serial;
    enum phase phase;               /* what is being asked now */
    struct msg_id id;

    /* envelope */
    struct str sender;              /* p NULL: no MAIL yet; "": the null sender */
    struct rcpt *rcpts;
    uint32_t nrcpts, rcpts_cap;
    uint32_t rcpt_seen, rcpt_deferred, rcpt_refused;
    int64_t size_declared;          /* SIZE=, -1: none */
    bool body_8bit; bool smtputf8;  /* BODY=8BITMIME */
    struct str envid; uint8_t dsn_ret;
    struct at_address *addr;        /* rcpt, route, transport, event phases; else NULL */
    struct at_host *host;           /* transport, event phases; else NULL */
    struct at_event *event;

    /* message */
    struct str header_text;         /* section as received; as kept once spooled */
    struct header header;           /* parsed from it */
    struct header_edit *edits, **edits_end;
    struct str received_text;       /* the Received: field we add */
    int64_t received_us;            /* start of reception */
    int64_t received_done_us;
    uint64_t body_size, body_lines, body_zeros, size, max_line;
    int64_t lines;
    unsigned received_count;
    struct str protocol;            /* received_protocol of this message */
    struct str queue_name;
    struct str queue_moved;         /* where it was moved to since, "" is no queue; p NULL: nowhere */
    struct user_var *acl_m;
    struct str body_start, body_end;    /* fetched: message_body, message_body_end */
    bool body_fetched;
    bool rewritten;                 /* the rewriting rules have had it */
    /* Where the body can be read from just now; read NULL: nowhere. As much of n as
     * there is from offset, -1 with errno. Whoever holds the body sets it, and
     * clears it before the body goes. */
    struct body_source {
        ssize_t (*read)(void *ctx, uint64_t offset, char *out, size_t n);
        void *ctx;
        bool (*ready)(void *ctx);       /* false: read would wait for another thread; NULL: it never does */
    } body;
    struct mime *mime;              /* its parts, once they were looked for; owned */
    const struct mime_part *part;   /* the one an ACL is asked about, in mime and not_smtp_mime; else NULL */
    int64_t part_count;             /* index of the last one asked about, -1: none was */
    struct str part_file;           /* where decode put it */
    void (*at_end)(struct txn *t);  /* before the memory goes: whoever left something outside of it. May be NULL */
    void *at_end_ctx;
    struct txn_end { void (*fn)(void *ctx); void *ctx; struct txn_end *next; } *ends;  /* the same, for several: txn_at_end */
    struct { struct str domain, selector; } signing;    /* while a transport's dkim_ options are worked out */
    struct proof *proof;            /* its signatures (auth/proof.h); NULL: nobody looked. Let go at the end */

    /* acl machinery */
    struct str auth_given[4];       /* auth1 ...: what an exchange of AUTH brought, in its own transaction */
    struct str acl_args[ACL_ARGS]; unsigned acl_nargs;
    struct str verify_message, verify_mode;
    struct str sender_verify_failure, recipient_verify_failure;
    struct str callout_address, csa_status;
    struct str srs_recipient;       /* what the last srs.inbound of an ACL took apart */
    struct { struct str address; int key; bool good; } prvs;    /* what the last prvs.check did; address empty: none */
    struct str held_rcpt;           /* the last recipient whose callout's transaction is held open */
    struct str sender_address_data, sender_data, recipient_data, host_data;
    struct dnslist_facts dnslist;
    struct spf_facts *spf, *spf_known[2];   /* the last condition's; the domain's own record, the guess */
    struct dmarc_facts *dmarc;          /* NULL: nobody asked */
    struct str lookup_dnssec;       /* "yes", "no": were the last DNS answers signed */
    struct str rate, rate_limit, rate_period;
    struct rate_known *rates;       /* per_mail and its like */
    struct str regex[10]; struct str regex_match_string;
    int64_t match_us;               /* of the processor, that expressions matched against the content took */

    /* controls */
    bool freeze, freeze_no_tell, queue_only, queue_first_pass, discard, caseful;
    bool submission, submission_sender_retain, suppress_fixups;
    struct str submission_domain, submission_name;
    struct str fake_reply; int fake_code;       /* fakereject 550, fakedefer 450 */
    bool no_mbox_unspool;
    bool dmarc_only;                /* judged whoever it comes from, and nothing is written or sent of it (perigee auth) */
    bool dmarc_disabled, dmarc_forensic;    /* controls dmarc_disable_verify, dmarc_enable_forensic */
    bool dkim_disabled;             /* control dkim_disable_verify */
    enum { CUTTHROUGH_NO, CUTTHROUGH_SPOOL, CUTTHROUGH_PASS } cutthrough;   /* and what a temporary refusal does */
    bool cutthrough_tptsender;
    struct str next_hop_said;       /* cutthrough: its refusal, which is ours then */
    uint8_t reject_logs;            /* log_reject_target: 1 << enum log_file, and REJECT_LOGS_SET */
    bool explain;                   /* what accepts it is explained too */

    /* queue */
    bool frozen, manual_thaw, local_error;
    bool deliver_first_time;            /* nobody was tried before this was read */
    int64_t frozen_at;
    unsigned warnings_sent;
};

enum { REJECT_LOGS_SET = 0x80 };

struct txn *txn_new(struct conn *c);
void txn_free(struct txn *t);
void txn_at_end(struct txn *t, void (*fn)(void *ctx), void *ctx);  /* fn is called before its memory goes; the last asked for first */
struct rcpt *txn_add_rcpt(struct txn *t, struct str addr);     /* in the arena; grows by doubling */
/* A message that is whole, in wire form: its header section (kept), and what is counted of both
 * (the body is looked at and not kept). A session counts the same while it comes in (smtp/intake.c). */
void txn_set_content(struct txn *t, struct str section, struct str body);
bool txn_has_recipient(const struct txn *t, struct str addr);
/* Fills local_part, domain and friends of *at from an address. */
void txn_at(struct txn *t, struct str address, struct at_address *at);
/* The envelope's sender for this address, which may be NULL: what a router set, or rewrote it to, or the message's own. */
struct str txn_return_path(const struct txn *t, const struct at_address *at);
void conn_init(struct conn *c);
void conn_free(struct conn *c);
bool conn_last_verb_is(const struct conn *c, const char *canonical);
void conn_note_verb(struct conn *c, const char *canonical);     /* history ring */

/* What the spool keeps of conn and txn: everything a later phase may read.
 * Length-prefixed tagged fields (R2.8); an unknown tag is an error unless it is
 * marked skippable; reading treats the bytes as hostile (R2.7). */
void envelope_write(const struct txn *t, struct buf *out);
enum status envelope_read(struct str bytes, struct conn *c, struct txn *t, struct why *why);
/* The recipients' state and the message's: the spool's state blob (spool.h). */
void envelope_state_write(const struct txn *t, struct buf *out);
enum status envelope_state_read(struct str blob, struct txn *t, struct why *why);

#endif
