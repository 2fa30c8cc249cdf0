/*
 * settings - the options the engine itself reads, of one generation
 *
 * A generation with its reference count and what is worked out from its
 * constants once. Options are found by name when the first generation comes;
 * reading one afterwards is an index.
 */
#ifndef ENGINE_SETTINGS_H
#define ENGINE_SETTINGS_H

#include "engine/logline.h"
#include "engine/template.h"
#include "engine/trust.h"
#include "policy/policy.h"

#define SETTINGS(X) \
    X(accept_8bitmime) X(allow_domain_literals) X(auth_failures_max) X(auto_thaw) X(bounce_message_text) \
    X(bounce_return_body) X(bounce_return_linesize_limit) X(bounce_return_message) \
    X(bounce_return_size_limit) X(bounce_sender_authentication) X(delay_warning) X(delay_warning_condition) X(delivery_date_remove) \
    X(dns_recurse) X(dns_servers) X(dns_trust_anchors) X(dsn_from) X(envelope_to_remove) X(errors_reply_to) X(explain_ring) \
    X(header_maxsize) X(helo_accept_junk_hosts) X(helo_allow_chars) X(hold_domains) X(host_lookup) \
    X(host_reject_connection) X(hosts_connection_nolog) X(hosts_require_helo) \
    X(ignore_bounce_errors_after) X(local_from_check) X(local_sender_retain) X(log_json) X(log_selector) \
    X(message_id_header_domain) X(message_id_header_text) X(message_size_limit) \
    X(pipelining_advertise_hosts) X(primary_hostname) X(qualify_domain) X(qualify_recipient) \
    X(queue_only) X(queue_domains) X(queue_runs) X(received_header_text) X(received_headers_max) X(recipient_unqualified_hosts) \
    X(recipients_max) X(recipients_max_reject) X(remote_max_parallel) X(retry_data_expire) \
    X(retry_interval_max) X(return_path_remove) X(sender_unqualified_hosts) X(smtp_accept_max) \
    X(smtp_accept_max_nonmail) X(smtp_accept_max_per_connection) X(smtp_accept_max_per_host) \
    X(smtp_accept_queue) X(smtp_accept_rate_per_host) X(smtp_active_hostname) X(smtp_banner) X(smtp_enforce_sync) \
    X(smtp_receive_timeout) X(smtp_reserve_hosts) X(smtp_accept_reserve) X(smtp_load_reserve) X(smtp_accept_max_nonmail_hosts) \
    X(smtp_max_unknown_commands) X(smtp_max_synprot_errors) X(header_line_maxsize) X(check_spool_space) X(smtp_check_spool_space) X(queue_only_file) \
    X(queue_only_load) X(queue_only_load_latch) X(smtp_accept_queue_per_connection) X(smtp_accept_keepalive) X(tcp_nodelay) \
    X(smtp_backlog_monitor) X(freeze_tell) X(local_from_prefix) X(local_from_suffix) X(trusted_users) X(trusted_groups) \
    X(untrusted_set_sender) X(timezone) X(log_ports) X(errors_copy) X(bounce_message_file) X(warn_message_file) X(strip_excess_angle_brackets) X(strip_trailing_dot) \
    X(timeout_frozen_after) \
    X(authresults_ids) X(dkim_verify_hashes) X(dkim_verify_keytypes) X(dkim_verify_min_keysizes) X(dkim_verify_minimal) X(dkim_verify_signatures_max) \
    X(dkim_verify_signers) X(dmarc_results_keep) \
    X(hosts_require_alpn) X(openssl_options) X(tls_advertise_hosts) X(tls_alpn) X(tls_certificate) X(tls_crl) X(tls_dh_max_bits) X(tls_dhparam) \
    X(tls_eccurve) X(tls_ocsp_fetch) X(tls_ocsp_file) X(tls_on_connect_ports) X(tls_privatekey) X(tls_remember_esmtp) X(tls_require_ciphers) \
    X(tls_resumption_hosts) X(tls_try_verify_hosts) X(tls_verify_certificates) X(tls_verify_hosts)

enum setting {
#define X(name) SET_##name,
    SETTINGS(X)
#undef X
    SET_COUNT
};

struct settings {
    unsigned refs;
    struct policy *policy;      /* held */
    int64_t replaced_ms;        /* clock_mono_ms when another one took its place */
    log_sel log;
    bool log_json;
    struct str hostname, qualify_domain, qualify_recipient;
    char host_room[256];        /* where hostname lies if the system gave it */
    struct template bounce, warn;   /* bounce_message_file, warn_message_file */
    struct trust trust;         /* trusted_users, trusted_groups */
    int64_t *warnings;          /* delay_warning: seconds, ascending */
    size_t nwarnings;
    uint16_t *secure_ports;     /* tls_on_connect_ports */
    size_t nsecure_ports;
    bool secure_all;            /* "*" is among them, or serve --tls-on-connect */
};

struct settings *settings_new(struct policy *p);
/* For policy_env: texts whose form the engine reads itself. */
enum status settings_check(struct str name, struct str value, struct why *why);
bool setting_logs(const struct settings *s, struct str selector);  /* by its name; false if there is none such */
/* Whether connections to this port of ours begin with TLS. */
bool settings_tls_on_connect(const struct settings *s, uint16_t port);
/* A port by number or by the name of its service (tls_on_connect_ports). */
bool settings_port(struct str text, uint16_t *port);
struct settings *settings_hold(struct settings *s);
void settings_release(struct settings *s);      /* NULL is allowed */

struct str setting_name(enum setting s);
int setting_opt(enum setting s);                /* for policy_option; -1: no such option */
/* The constant, or NULL if it is not set or is a function. */
const struct val *setting_val(const struct settings *s, enum setting which);
bool setting_is_function(const struct settings *s, enum setting which);
bool setting_bool(const struct settings *s, enum setting which, bool def);
int64_t setting_int(const struct settings *s, enum setting which, int64_t def);     /* "50M" too */
double setting_num(const struct settings *s, enum setting which, double def);
int64_t setting_time(const struct settings *s, enum setting which, int64_t def);    /* seconds */
struct str setting_str(const struct settings *s, enum setting which, struct str def);
/* As people read it: "100", "a function", "192.0.2.1 : 192.0.2.2"; empty: not set. */
struct str setting_text(const struct settings *s, enum setting which, struct arena *a);
/* A host or domain list that needs no evaluation: 1 everybody, 0 nobody, -1: ask policy_match. */
int setting_everybody(const struct settings *s, enum setting which, bool def);

/* The same readings of a value from elsewhere (transport options). */
bool val_bool(const struct val *v, bool def);
int64_t val_int(const struct val *v, int64_t def);
int64_t val_time(const struct val *v, int64_t def);
struct str val_str(const struct val *v, struct str def);

#endif
