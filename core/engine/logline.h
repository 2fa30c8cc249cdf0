/*
 * logline - the words of the main log, as Exim's readers expect them
 *
 * One table of selectors (reference/log.tsv) and one function per kind of
 * line. Each writes the text behind "stamp id " into a buffer; whoever calls
 * hands it to base/log, which escapes control bytes. Only facts go in, so a
 * line can be checked without an engine.
 */
#ifndef ENGINE_LOGLINE_H
#define ENGINE_LOGLINE_H

#include "base/buf.h"
#include "base/why.h"
#include "mail/txn.h"

/* name, on by default */
#define LOG_SELECTORS(X) \
    X(8bitmime, 0) X(acl_warn_skipped, 1) X(address_rewrite, 0) X(all_parents, 0) X(arguments, 0) \
    X(connection_id, 0) X(connection_reject, 1) X(delay_delivery, 1) X(deliver_time, 0) \
    X(delivery_size, 0) X(dkim, 1) X(dkim_verbose, 0) X(dmarc, 0) X(dmarc_verbose, 0) \
    X(dnslist_defer, 1) X(dnssec, 0) X(etrn, 1) X(host_lookup_failed, 1) X(ident_timeout, 0) \
    X(incoming_interface, 0) X(incoming_port, 0) X(lost_incoming_connection, 1) X(millisec, 0) \
    X(msg_id, 1) X(msg_id_created, 0) X(outgoing_interface, 1) X(outgoing_port, 0) X(pid, 0) \
    X(pipelining, 0) X(protocol_detail, 0) X(proxy, 0) X(queue_run, 1) X(queue_time, 0) \
    X(queue_time_exclusive, 1) X(queue_time_overall, 0) X(receive_time, 0) X(received_recipients, 0) \
    X(received_sender, 0) X(rejected_header, 1) X(retry_defer, 1) X(return_path_on_delivery, 0) \
    X(sender_on_delivery, 0) X(sender_verify_fail, 1) X(size_reject, 1) X(skip_delivery, 1) \
    X(smtp_confirmation, 1) X(smtp_connection, 0) X(smtp_incomplete_transaction, 0) \
    X(smtp_mailauth, 0) X(smtp_no_mail, 0) X(smtp_protocol_error, 0) X(smtp_syntax_error, 0) \
    X(spf, 0) X(spf_verbose, 0) X(subject, 0) X(tls_certificate_verified, 1) X(tls_cipher, 1) \
    X(tls_on_connect, 0) X(tls_peerdn, 0) X(tls_resumption, 0) X(tls_sni, 0) X(unknown_in_list, 0)

enum log_selector {
#define X(name, on) LS_##name,
    LOG_SELECTORS(X)
#undef X
    LS_COUNT
};

typedef uint64_t log_sel;               /* one bit a selector */
log_sel log_sel_default(void);
/* log_ports: the ports that incoming_port and outgoing_port are for, ours and theirs; "*", or NULL: all. */
void logline_ports(const struct val *list);
/* "+millisec -queue_run +all": changes *sel. ST_NEVER names the unknown word. */
enum status log_sel_read(struct str text, log_sel *sel, struct why *why);
static inline bool log_sel_has(log_sel sel, enum log_selector s)
{
    return sel >> s & 1;
}

/* "3m45s", or "0.304s" for short times under +millisec. */
void logline_time(struct buf *out, log_sel sel, int64_t us);
/* "H=name (helo) [192.0.2.1]:25 I=[...]:25 U=ident"; nothing for nobody. */
void logline_client(struct buf *out, log_sel sel, const struct conn *c);
/* " X=TLS1.3:...:256* CV=yes DN="/CN=..." SNI="..."", as far as selected; nothing in clear. */
void logline_tls(struct buf *out, log_sel sel, const struct at_tls *t, bool with_sni);
/* The same without "H=": what stands between "SMTP connection from " and the rest. */
void logline_peer(struct buf *out, log_sel sel, const struct conn *c);
/* " Ci=..." under connection_id; nothing for what came over no connection. */
void logline_connection(struct buf *out, log_sel sel, const struct conn *c);
/* " SPF", " DMARC": what the rules asked about the sender, where the selectors want it. */
void logline_judged(struct buf *out, log_sel sel, const struct txn *t);

/* The arrival line. cause is the id of the message a bounce is about. */
void logline_arrival(struct buf *out, log_sel sel, const struct txn *t, struct str cause, bool id_made);

struct log_delivery {
    struct str address;         /* as delivered */
    struct str original;        /* as it came; printed if it differs */
    struct str parents;         /* between them, "(a@b c@d)", under all_parents */
    struct str sender, return_path, srs_sender;
    struct str router, transport, queue;
    const struct at_host *host; /* NULL: a local transport */
    struct str shown;           /* file, directory or command in place of the address */
    struct str shadow;          /* the shadow transport, and what went wrong there */
    struct str confirmation;
    struct str error;           /* deferred and failed lines */
    struct str signed_by;       /* domains and selectors, under dkim_verbose */
    struct str explain;         /* a name for perigee explain; empty: none */
    int err;                    /* errno, or one of Exim's negative numbers */
    uint64_t size;
    int64_t queue_us, deliver_us;
    bool local;                 /* printed as "ann <ann@example.org>" */
    bool further;               /* same delivery as the line before: "->" */
    bool cutthrough;            /* while it was received: ">>" */
    bool reused;                /* not the first message on its connection: "[ip]*" */
};
void logline_delivered(struct buf *out, log_sel sel, const struct log_delivery *d);
void logline_deferred(struct buf *out, log_sel sel, const struct log_delivery *d);
void logline_failed(struct buf *out, log_sel sel, const struct log_delivery *d);
void logline_completed(struct buf *out, log_sel sel, int64_t queue_us, struct str queue);

#endif
