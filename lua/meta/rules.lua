---@meta
-- Made by `make docs` from core/policy/api; do not edit.
-- What a rule file can call and say.

---@class site.options
---@field accept_8bitmime? boolean Offer 8BITMIME and accept BODY= on MAIL.
---@field allow_domain_literals? boolean Permit user@[address] forms.
---@field allow_mx_to_ip? boolean Take an MX record that points to an IPv4 address, against the standard, for that address.
---@field allow_utf8_domains? boolean Accept raw UTF-8 in domain names.
---@field auth_advertise_hosts? string|string[]|fun(m: mail.helo): any Clients that are offered AUTH, if their connection is encrypted.
---@field auth_cleartext_hosts? string|string[]|fun(m: mail.helo): any Clients that are offered AUTH without encryption, whose passwords anybody on the way may read. `perigee check` and the log say so whenever it is set.
---@field auth_failures_max? integer|string After so many failed attempts to authenticate a session is ended.
---@field auth_failures_per_host? string After so many failures in that time an address is told to come later; "0" counts nothing.
---@field authresults_ids? string|string[] Names under which this site, or another machine of it, writes Authentication-Results. Fields of mail that comes in by SMTP and bear one of them, or `primary_hostname`, are taken off before any rule sees them: they are forged (RFC 8601 section 5).
---@field auto_thaw? integer|string Age after which a frozen non-bounce message is retried.
---@field av_scanner? string Virus scanner type and connection data.
---@field bmi_config_file? string Brightmail library configuration file.
---@field bounce_message_file? string A file with our own words for bounces: fields of its header, the text before the addresses, the text behind them, divided by lines of `****`. In it $primary_hostname, $bounce_recipient, $message_exim_id stand for values. Read when the rules are.
---@field bounce_message_text? string Extra text placed near the top of default bounces.
---@field bounce_return_body? boolean Include original body in bounces.
---@field bounce_return_linesize_limit? integer|string Longest original line that may be returned; longer means headers only.
---@field bounce_return_message? boolean Include the original message in bounces.
---@field bounce_return_size_limit? integer|string Size cap of the returned original.
---@field bounce_sender_authentication? string Who AUTH= of MAIL says a bounce or a warning is from, where we have authenticated.
---@field callout_domain_negative_expire? integer|string How long it is remembered that a domain's server refuses us, bounces, postmaster or made-up addresses.
---@field callout_domain_positive_expire? integer|string How long it is remembered that a domain's server talks to us, takes postmaster or takes made-up addresses.
---@field callout_negative_expire? integer|string How long a callout's no to an address is remembered.
---@field callout_positive_expire? integer|string How long a callout's yes to an address is remembered.
---@field callout_random_local_part? string|fun(m: mail.mail): any The local part nobody has, for `callout=random`. Unset: the host's name, the time and `testing`, joined by hyphens.
---@field check_spool_space? integer|string Space that is to stay free in the spool: MAIL gets 452 if there is less. 0 (Exim: 10M): the spool's own reserve is all, with which it can always make room again.
---@field chunking_advertise_hosts? string|string[] Clients offered CHUNKING (BDAT).
---@field dcc_direct_add_header? boolean Insert the DCC header directly into the message.
---@field dccifd_address? string dccifd socket or host and port.
---@field dccifd_options? string Options sent to dccifd.
---@field delay_warning? string|string[] Times after which delay warnings are sent.
---@field delay_warning_condition? boolean|fun(m: mail.queue): any Condition deciding whether a delay warning is sent.
---@field delivery_date_remove? boolean Strip Delivery-date: from incoming mail.
---@field disable_ipv6? boolean Turn IPv6 off entirely.
---@field dkim_verify_hashes? string|string[] Hashes of signatures that are accepted: any of sha1, sha256, sha512. One that is made with another cannot pass: its status is `invalid`, its reason `algorithm`. rsa-sha1 must not be accepted (RFC 8301 section 3.1).
---@field dkim_verify_keytypes? string|string[] Keys of signatures that are accepted: any of ed25519 and rsa.
---@field dkim_verify_min_keysizes? string|string[] The smallest keys accepted, in bits, for each kind. A smaller one gives the status `fail` and the reason `keysize`. RSA keys of more than 4096 bits are never computed with.
---@field dkim_verify_minimal? boolean Stop after the first signature that passes.
---@field dkim_verify_signatures_max? integer|string How many signatures of a message are looked at, from the top of its header down; at most 20. Others have the status `none`.
---@field dkim_verify_signers? string|string[]|fun(m: mail.dkim): any The signers, domains or identities, for whom the dkim ACL is asked, in this order; a function of the mail object may make the list of what arrived. Unset: all in `dkim_signers`. One who did not sign has the status `none`.
---@field dmarc_discovery? string How a domain's organisation is found: by the public suffix list (RFC 7489), or by walking up the names (RFC 9989).
---@field dmarc_engine? string Who judges by DMARC, once the record is found: `native`, our own; `libopendmarc`, in a process of its own, for sites that must agree with it; `compare`, which asks both, goes by the native one and logs where they differ.
---@field dmarc_forensic_sender? string|fun(m: mail.data): any From: and sender of failure reports. Unset, they are from `dsn_from`, with the empty sender.
---@field dmarc_history_file? string|fun(m: mail.data): any A file to which the results of each message with a record are added, in the form opendmarc-import reads.
---@field dmarc_report_contact? string How else to reach who sends aggregate reports (`perigee dmarc-report`), as a web address; it stands in every report.
---@field dmarc_report_email? string The address aggregate reports are from, their envelope sender too. Unset, it is `dmarc-noreply@` with primary_hostname.
---@field dmarc_report_org? string The name of the organisation that sends aggregate reports. Unset, it is primary_hostname.
---@field dmarc_results_keep? integer|string How long what DMARC found is kept in the spool (`dmarc.mdb`) for `perigee dmarc-report`, for domains that ask for reports; 0: not at all.
---@field dmarc_tld_file? string|fun(m: mail.data): any The public suffix list. Unset, it is the system's (Debian's publicsuffix); an empty text turns DMARC off.
---@field dns_again_means_nonexist? string|string[]|fun(m: mail.route): any Domains where try-again is treated as no such domain.
---@field dns_csa_search_limit? integer|string How many parents of a name `verify = "csa"` looks at.
---@field dns_csa_use_reverse? boolean Whether `verify = "csa"` asks in the reverse DNS when the client names itself by an address.
---@field dns_ipv4_lookup? string|string[]|fun(m: mail.route): any Domains for which AAAA is not looked up.
---@field dns_recurse? boolean Ask the authorities of each domain, no forwarder.
---@field dns_servers? string|string[] Servers to forward questions to, "addr" or "addr#port"; those of resolv.conf if unset.
---@field dns_trust_anchors? string|string[] What DNSSEC begins at: "root" (the root's keys, as they come with Debian or with Perigee), a file of DS or DNSKEY records, or such a record itself. Unset: the root's keys, where the DNS servers pass signatures on. What is set is always used: a server that takes signatures off then makes answers bogus.
---@field dsn_advertise_hosts? string|string[] Clients offered the DSN extension.
---@field dsn_from? string|fun(m: mail.queue): any From: line of generated bounces and warnings.
---@field envelope_to_remove? boolean Strip Envelope-to: from incoming mail.
---@field errors_copy? string|string[]|fun(m: mail.transport): any Who else gets bounces: `"pattern address,address"` items; the pattern is an item of an address list, asked about the address the bounce goes to.
---@field errors_reply_to? string Reply-To: for generated bounces and warnings.
---@field event_action? function|fun(m: mail.event): any Called for each event of the main section, as event.on is for one.
---@field explain_accepted? boolean Keep also for mail that is accepted what `perigee explain` tells of refused mail. For one message or one session: `control.explain()`.
---@field explain_ring? integer|string How much of the spool remembers why mail was refused, deferred or discarded, for `perigee explain`; all workers together. What is oldest goes first; 0: nothing is remembered, and log lines carry no E=.
---@field extra_local_interfaces? string|string[] Addresses treated as local but not listened on.
---@field freeze_tell? string|string[] Addresses that get a letter when a message freezes; not about reports, and not after `control = "freeze/no_tell"`.
---@field group? string The group of that user, if it is not the user's own.
---@field header_line_maxsize? integer|string Longest header field, its continuations included; a message with a longer one is refused. 0: as long as header_maxsize allows.
---@field header_maxsize? integer|string Largest total size of a header; 552 to more. Exim: 1M; no mail needs it, and each rule that reads the header pays for it.
---@field helo_accept_junk_hosts? string|string[]|fun(m: mail.connect): any Clients excused from HELO syntax checks.
---@field helo_allow_chars? string Extra characters allowed in HELO names.
---@field helo_lookup_domains? string|string[]|fun(m: mail.helo): any HELO names after which the client's name is looked up, for logs and Received. Unset (Exim: "@:@[]"): none.
---@field helo_try_verify_hosts? string|string[]|fun(m: mail.helo): any Clients whose HELO name is verified at HELO, so that sender_helo_verified is known; whatever comes of it.
---@field helo_verify_hosts? string|string[]|fun(m: mail.helo): any Clients whose HELO name must be theirs (as verify = "helo" finds): others get 550, and 451 if that could not be found out.
---@field hold_domains? string|string[]|fun(m: mail.queue): any Domains whose mail stays on the queue.
---@field host_lookup? string|string[]|fun(m: mail.connect): any Clients whose name is always looked up.
---@field host_reject_connection? string|string[]|fun(m: mail.connect): any Clients refused on connect.
---@field hosts_connection_nolog? string|string[]|fun(m: mail.connect): any Clients excluded from connection logging.
---@field hosts_proxy? string|string[] Hosts that speak PROXY protocol to us.
---@field hosts_require_alpn? string|string[]|fun(m: mail.starttls): any Clients that must name one of `tls_alpn`.
---@field hosts_require_helo? string|string[]|fun(m: mail.helo): any Clients that must send HELO before MAIL.
---@field hosts_treat_as_local? string|string[]|fun(m: mail.route): any Names of hosts that are this one wherever a list of hosts ends at ourselves, in MX records above all.
---@field hosts_xclient? string|string[] Hosts that may use XCLIENT.
---@field ignore_bounce_errors_after? integer|string Age at which undeliverable bounces are dropped.
---@field ldap_ca_cert_dir? string CA directory for LDAP TLS.
---@field ldap_ca_cert_file? string CA file for LDAP TLS.
---@field ldap_cert_file? string Client certificate for LDAP TLS.
---@field ldap_cert_key? string Client key for LDAP TLS.
---@field ldap_cipher_suite? string Ciphers for LDAP TLS.
---@field ldap_default_servers? string|string[] LDAP servers when the query names none.
---@field ldap_require_cert? string LDAP server certificate policy: hard demand allow try never.
---@field ldap_start_tls? boolean Use STARTTLS on plain LDAP.
---@field ldap_version? integer|string Force LDAP protocol version.
---@field limits_advertise_hosts? string|string[] Clients offered the LIMITS extension.
---@field listen? string|string[] Addresses and ports to listen on: "192.0.2.1:25" or "[2001:db8::1]:25".
---@field local_delivery_programs? string|string[] Programs, or directories of programs, that a pipe transport or a transport_filter may run as other users. Unset: none.
---@field local_delivery_roots? string|string[] Directories below which mailboxes of other users may be written.
---@field local_from_check? boolean Check From: of local submissions, add Sender: if wrong.
---@field local_from_prefix? string What local_from_check lets stand before the login in From:, as a router's local_part_prefix: `"*-"` is everything up to the last minus.
---@field local_from_suffix? string What local_from_check lets stand behind the login in From:, as a router's local_part_suffix: `"-*"`.
---@field local_sender_retain? boolean Keep Sender: of local submissions.
---@field log_file_path? string Path of the log files with %s for main, reject, panic and json; SPOOL/log/%slog if unset.
---@field log_json? boolean Write events of mail as JSON too, one object a line, into a file of their own (`json` for %s of log_file_path).
---@field log_ports? string|string[] Ports that the log selectors incoming_port and outgoing_port are for: of ours that a client came to, of a host that mail went to. At most 64; all if unset or `"*"`.
---@field log_selector? string Parts of log lines turned on and off: "+millisec -queue_time".
---@field log_timezone? boolean Add zone to log timestamps.
---@field message_body_newlines? boolean Keep line ends in message_body and message_body_end.
---@field message_body_visible? integer|string Bytes of the body that message_body and message_body_end show; at most 1M.
---@field message_id_header_domain? string|fun(m: mail.data): any Domain of generated Message-ID:.
---@field message_id_header_text? string|fun(m: mail.data): any Extra text of generated Message-ID:.
---@field message_size_limit? integer|string|fun(m: mail.mail): any Largest message accepted.
---@field mysql_servers? string|string[] MySQL connection list.
---@field never_users? string|string[]|fun(m: mail.option): any Users that deliveries must not run as.
---@field open_relay? boolean The site means to relay for everyone: a trap, a test bed. `perigee check` and reload then warn where they would refuse.
---@field openssl_options? string|string[] Options of OpenSSL by name, each with `+` or `-`, such as `+no_tlsv1_2`. TLS 1.2 is the least whatever they say; there is no renegotiation, no compression and no early data.
---@field percent_hack_domains? string|string[]|fun(m: mail.route): any Domains of ours where `user%other.example` is `user@other.example`.
---@field pgsql_servers? string|string[] PostgreSQL connection list.
---@field pipelining_advertise_hosts? string|string[]|fun(m: mail.helo): any Clients offered PIPELINING.
---@field pipelining_connect_advertise_hosts? string|string[] Clients offered early pipelining (PIPECONNECT).
---@field prdr_enable? boolean Offer PRDR.
---@field primary_hostname? string Name of this host.
---@field proxy_protocol_timeout? integer|string Time allowed for the PROXY header.
---@field proxy_required_hosts? string|string[] Early name of hosts_proxy.
---@field qualify_domain? string Domain added to bare senders (and recipients).
---@field qualify_recipient? string Domain added to bare recipients.
---@field queue_domains? string|string[]|fun(m: mail.route): any Domains whose recipients are not tried when they come, but in the next pass over the queue (`perigee queue retry`, a queue run), and from then on as others.
---@field queue_only? boolean Queue everything, no immediate delivery.
---@field queue_only_file? string|string[] Files (whole paths). While one of them is there, mail is only queued; they are looked for once a second.
---@field queue_only_load? number|string Load average above which mail is only queued, until a pass over the queue is asked for. Unset: load does not matter.
---@field queue_only_load_latch? boolean Once a message was queued because of the load, the rest of its session's are too.
---@field queue_runs? string|string[] Named queues that are run by the clock: { "bulk=15m", "night=8h" }. A run tries what is due in that queue; without one, only `perigee queue run NAME` delivers from it.
---@field queue_smtp_domains? string|string[]|fun(m: mail.route): any As queue_domains, for deliveries by SMTP or LMTP only: the domain is routed, and what is local is delivered.
---@field received_header_text? string|fun(m: mail.data): any Content of added Received: header.
---@field received_headers_max? integer|string So many Received: fields are a loop: 554. Exim: 30, which lists behind lists have met.
---@field recipient_unqualified_hosts? string|string[]|fun(m: mail.rcpt): any Clients allowed bare recipients.
---@field recipients_max? integer|string|fun(m: mail.rcpt): any Most recipients per message, at most 16384: 452 to further ones (recipients_max_reject: 552, and nobody gets it). Exim: 50000; RFC 5321 asks for 100.
---@field recipients_max_reject? boolean Refuse whole message above the limit.
---@field redis_servers? string|string[] Redis connection list host/db/password.
---@field reload_on_change? boolean Load the rules anew one second after the last change in their directory.
---@field remote_max_parallel? integer|string Parallel remote deliveries per message.
---@field remote_sort_domains? string|string[]|fun(m: mail.route): any The order in which a message's deliveries to other hosts are begun: domains of the first item first; others last.
---@field retry_data_expire? integer|string Age at which retry hints are ignored.
---@field retry_interval_max? integer|string Longest retry interval.
---@field return_path_remove? boolean Strip Return-path: from incoming mail.
---@field sender_unqualified_hosts? string|string[]|fun(m: mail.mail): any Clients allowed bare senders.
---@field slow_lookup_log? integer|string A lookup that took longer than so many milliseconds is written to the main log, with its kind and key; 0 is off.
---@field smtp_accept_keepalive? boolean Let the system notice clients that are gone (SO_KEEPALIVE).
---@field smtp_accept_max? integer|string Most simultaneous inbound connections, over all workers. Exim: 20, as each is a process there.
---@field smtp_accept_max_nonmail? integer|string Commands per session that are not about mail. Exim: 10, which programs that check a connection now and then have met.
---@field smtp_accept_max_nonmail_hosts? string|string[]|fun(m: mail.connect): any Clients that smtp_accept_max_nonmail is for.
---@field smtp_accept_max_per_connection? integer|string|fun(m: mail.connect): any MAIL commands allowed per session.
---@field smtp_accept_max_per_host? integer|string|fun(m: mail.connect): any Simultaneous connections per client address, over all workers; an IPv6 /64 may have four times as many.
---@field smtp_accept_queue? integer|string Connections above which mail is only queued.
---@field smtp_accept_queue_per_connection? integer|string After so many messages in one session the others are only queued. 0 (Exim: 10): all are delivered at once, which here takes no process each.
---@field smtp_accept_rate_per_host? string|fun(m: mail.connect): any New connections per client address in a time, over all workers: `"60 / 1m"`. So many may come at once, and after that one whenever a sixtieth of the minute has passed; who comes faster gets 421. An IPv6 /64 may have four times as many. The 16384 addresses that came most are remembered. No limit if unset.
---@field smtp_accept_reserve? integer|string How many of the smtp_accept_max connections are for smtp_reserve_hosts only.
---@field smtp_active_hostname? string|fun(m: mail.connect): any Host name shown to this client.
---@field smtp_backlog_monitor? integer|string Log when more connections than this wait to be accepted, at most once a minute for each address. 0: never.
---@field smtp_banner? string|fun(m: mail.connect): any Greeting after the code 220. If unset: the active host name, ESMTP and the name of the engine.
---@field smtp_check_spool_space? boolean Is there space for as much as SIZE= on MAIL says? If not, 452.
---@field smtp_connect_backlog? integer|string How many connections may wait in a listening socket until they are accepted. Exim: 20.
---@field smtp_enforce_sync? boolean Reject clients that talk too early.
---@field smtp_load_reserve? number|string Load average above which only smtp_reserve_hosts may connect; others get 421. Unset: load does not matter.
---@field smtp_max_synprot_errors? integer|string Syntax and protocol errors a session may have; 501 and the end at one more. Exim: 3.
---@field smtp_max_unknown_commands? integer|string Unknown commands tolerated in a session; the next one ends it.
---@field smtp_ratelimit_hosts? string|string[]|fun(m: mail.mail): any Clients that smtp_ratelimit_mail and smtp_ratelimit_rcpt slow down.
---@field smtp_ratelimit_mail? string `"THRESHOLD,DELAY,FACTOR,MAX"`, as `"2,0.5s,1.05,4m"`: after THRESHOLD messages in a session, each further one waits before it is looked at, the first DELAY, each later one FACTOR times as long, never longer than MAX (10m).
---@field smtp_ratelimit_rcpt? string `"THRESHOLD,DELAY,FACTOR,MAX"`, as `"2,0.5s,1.05,4m"`: after THRESHOLD recipients of a message, each further one waits before it is looked at, the first DELAY, each later one FACTOR times as long, never longer than MAX (10m).
---@field smtp_receive_timeout? integer|string|fun(m: mail.connect): any Timeout per input line in SMTP.
---@field smtp_reserve_hosts? string|string[]|fun(m: mail.connect): any Clients for whom smtp_accept_reserve places are kept, and who may come when smtp_load_reserve is passed.
---@field smtp_return_error_details? boolean Tell a client the log_message of a refusal that has no message of its own, and what it was that could not be found out just now.
---@field smtputf8_advertise_hosts? string|string[] Clients offered SMTPUTF8.
---@field spamd_address? string spamd or rspamd servers.
---@field spf_engine? string Who judges by SPF: `native`, our own evaluator; `libspf2`, in a process of its own, for sites that must agree with it; `compare`, which asks both, goes by the native one and logs where they differ.
---@field spf_guess? string The record that `spf_guess` judges a domain by that publishes none.
---@field spf_smtp_comment_template? string|fun(m: mail.mail): any What spf_smtp_comment says where the domain explains nothing, with SPF's macros (RFC 7208 section 7): `%{s}` the sender, `%{i}` the client, `%{r}` this host, `%_` a space.
---@field spool_directory? string Where the spool lies, unless --spool or PERIGEE_SPOOL say so.
---@field sqlite_dbfile? string The database of lookup.sqlite(nil, query) and of list items that name none.
---@field sqlite_lock_timeout? integer|string How long lookup.sqlite waits for another program's lock, unless its option busy says otherwise; then it cannot say.
---@field srs_config? string|string[] Everything about a redirect router's `srs` in one: secret, max age, hash length, timestamps (0 or 1), hashes (0 or 1). What is left out or empty is what the option of that name says. A secret given here signs; those of srs_secrets are good, too.
---@field srs_hashlength? integer|string How many characters of hash a redirect router's `srs` puts into an address, 1 to 20.
---@field srs_hashmin? integer|string The fewest characters of hash that are taken, 1 to 20; -1: as many as are put in.
---@field srs_maxage? integer|string For how many days a rewritten address leads back, 1 to 365; 0: 31.
---@field srs_secrets? string|string[] What a redirect router's `srs` signs with, 1 to 32 bytes each: the first one signs, each is good in what comes back. Read them with `secret.file`.
---@field srs_usehash? boolean SRS0 addresses carry a hash, and need one. Without it anybody can send through us to anywhere; SRS1 always has one.
---@field srs_usetimestamp? boolean SRS0 addresses carry the day they were made, and need one. Without it they lead back for ever.
---@field strip_excess_angle_brackets? boolean Drop redundant angle brackets.
---@field strip_trailing_dot? boolean Drop a trailing dot of domains.
---@field tcp_nodelay? boolean Send replies without waiting for more (TCP_NODELAY).
---@field timeout_frozen_after? integer|string Age at which frozen messages are cancelled.
---@field timezone? string The zone of local times in logs and Date: fields, as "UTC" or "Europe/Berlin"; what the environment says if unset.
---@field tls_advertise_hosts? string|string[]|fun(m: mail.helo): any Clients that are offered STARTTLS, as soon as `tls_certificate` is set. Asked at each EHLO, behind its ACL; a function that fails offers it.
---@field tls_alpn? string|string[]|fun(m: mail.starttls): any What a client that names protocols (ALPN) may name; another one, a web browser's, is refused.
---@field tls_certificate? string|string[]|fun(m: mail.starttls): any Files of our certificate, PEM: the certificate, then those between it and its root. Several files (RSA and ECDSA): the cipher decides which is shown. Unset: there is no TLS. A file that is replaced is served to the next client.
---@field tls_crl? string|fun(m: mail.starttls): any Revocation lists for client certificates: a file of PEM or a directory of hashed names. If set, every signer of a chain needs a list.
---@field tls_dh_max_bits? integer|string Longer parameters of `tls_dhparam` are not used: clients exist that cannot take them.
---@field tls_dhparam? string|fun(m: mail.starttls): any Parameters of DHE below TLS 1.3: a PEM file, a group such as `ffdhe2048`, or `none`. Unset: as strong as the key.
---@field tls_eccurve? string|string[]|fun(m: mail.starttls): any Groups of the key exchange, the best first, such as `X25519 : P-256`; `auto` is OpenSSL's choice.
---@field tls_ocsp_fetch? boolean Keep the files of `tls_ocsp_file` fresh: each certificate's responder is asked when half of a proof's time is over, and what it says is verified before the file is replaced. `tls_ocsp_file` names a file for each of `tls_certificate`, in the same order, in a directory where the engine's user may write; the issuer's certificate stands behind ours in its file.
---@field tls_ocsp_file? string|string[]|fun(m: mail.starttls): any Files of OCSP proofs to be stapled, DER or PEM, in any order: the one for the certificate that is shown is sent. A proof that has no end, is past it, or is not "good" is not sent.
---@field tls_on_connect_ports? string|string[] Ports on which TLS comes before everything else, by number or by the name of their service (`submissions`); `*` is all. It opens no port: `listen` does.
---@field tls_privatekey? string|string[]|fun(m: mail.starttls): any Files of the keys, PEM, in the order of `tls_certificate`. Unset or empty: the certificate's file holds its key. A key file must be readable for its owner or the engine's group only (0400, 0440, 0600, 0640).
---@field tls_remember_esmtp? boolean EHLO said before STARTTLS counts after it: for clients that do not say it again, against RFC 3207.
---@field tls_require_ciphers? string|fun(m: mail.starttls): any Ciphers in OpenSSL's words, the best first, such as `ECDSA:RSA:!COMPLEMENTOFDEFAULT`; names of TLS 1.3's suites are taken for TLS 1.3. Unset: OpenSSL's own.
---@field tls_resumption_hosts? string|string[]|fun(m: mail.starttls): any Clients that may resume an earlier session. Its keys are in memory only, changed every hour; a ticket lasts two.
---@field tls_try_verify_hosts? string|string[]|fun(m: mail.starttls): any Clients that are asked for a certificate, and may have none or one that cannot be verified: `tls_in_certificate_verified` and `verify = "certificate"` say.
---@field tls_verify_certificates? string|fun(m: mail.starttls): any Whose certificates clients may have: `system`, a file of PEM, or a directory of hashed names (`openssl rehash`).
---@field tls_verify_hosts? string|string[]|fun(m: mail.starttls): any Clients that must show a certificate that can be verified; else there is no TLS with them.
---@field trusted_groups? string|string[] Groups whose local programs are trusted likewise; the group a program runs with counts.
---@field trusted_users? string|string[] Users, by name or number, whose local programs may give any sender and keep their Sender: field. root and the engine's own user always may.
---@field untrusted_set_sender? string|string[]|fun(m: mail.not_smtp_start): any Senders that everybody's local programs may give with -f; from others mail comes from their login. The null sender is always allowed.
---@field user? string Who the engine becomes when it is started as root.
---@field warn_message_file? string A file with our own words for delay warnings: fields of its header, the text before the addresses, the text behind them, divided by lines of `****`. In it $primary_hostname, $bounce_recipient, $message_exim_id, $warn_message_delay, $warn_message_recipients stand for values. Read when the rules are.
---@field wellknown_advertise_hosts? string|string[] Clients offered WELLKNOWN.
---@field workers? integer|string How many worker processes; the number of cores if unset.
---@field write_rejectlog? boolean Write the reject log.

---@class router.options
---@field address_data? string|fun(m: mail.route): any Data attached to the address just before the router runs.
---@field address_test? boolean Router takes part in -bt tests.
---@field allow_defer? boolean Permit :defer:.
---@field allow_fail? boolean Permit :fail:.
---@field cannot_route_message? string|fun(m: mail.route): any Text when no router handles the address.
---@field caseful_local_part? boolean The local part keeps the case it was written in: for local_parts (and the lists it names), check_local_user, and the transport. Otherwise it is lower case.
---@field check_ancestor? boolean Treat address equal to an ancestor as handled.
---@field check_group? boolean The file's group must be the user's (check_local_user) or one of owngroups. Unset: when check_local_user is set and modemask lets the group write.
---@field check_local_user? boolean Local part must be a login; sets home and ids.
---@field check_owner? boolean The file's owner must be the user (check_local_user) or one of owners. Unset: when check_local_user or owners is set.
---@field check_secondary_mx? boolean Decline unless this host is among the MXs.
---@field check_srv? string|string[]|fun(m: mail.route): any Services whose SRV records are looked up before MX, first one found counts: "smtp" asks for _smtp._tcp.DOMAIN.
---@field command? string|fun(m: mail.route): any The program and its arguments; a function gives a table { "/path", argument ... }. No shell, nothing is expanded. What it prints decides: accept, decline, pass, fail, defer, freeze or redirect (docs/guide/routing.md).
---@field command_group? string Must be the group the engine runs as.
---@field command_user? string Must be the user the engine runs as: programs that routers start have no other rights.
---@field condition? string|fun(m: mail.route): any Last general precondition; repeated ones are ANDed.
---@field current_directory? string Where the program starts.
---@field data? table|fun(m: mail.route): any The new addresses: a text as in an aliases file, or a table of items.
---@field debug_print? string|fun(m: mail.route): any Text that `perigee route --explain` shows when the router's conditions hold.
---@field directory_transport? string|fun(m: mail.route): any Transport for paths ending in slash.
---@field disable_logging? boolean No log lines about the deliveries and failures this router leads to.
---@field dnssec_request_domains? string|string[]|fun(m: mail.route): any Domains whose answers may count as DNSSEC secure; those of others never do, and DANE is off for their hosts.
---@field dnssec_require_domains? string|string[]|fun(m: mail.route): any Domains whose answers must be DNSSEC secure.
---@field domains? string|string[]|fun(m: mail.route): any Domains the router handles.
---@field dsn_lasthop? boolean Treat next hop as lacking DSN; send success DSN here.
---@field errors_to? string|fun(m: mail.route): any Envelope sender for resulting deliveries, and so where their bounces go. One that does not verify as a recipient is passed over.
---@field expn? boolean Router takes part in EXPN.
---@field fail_defer_domains? string|string[]|fun(m: mail.route): any Domains where no record defers.
---@field fail_verify? boolean Sets both fail_verify_ options.
---@field fail_verify_recipient? boolean Accepting here fails recipient verify.
---@field fail_verify_sender? boolean Accepting here fails sender verify.
---@field fallback_hosts? string|string[]|fun(m: mail.route): any Hosts tried after the normal ones fail.
---@field file? string|fun(m: mail.route): any File holding redirection text. One that begins with ~/ is beneath the home of check_local_user, and no link is followed there.
---@field file_transport? string|fun(m: mail.route): any Transport for file paths.
---@field forbid_blackhole? boolean Refuse :blackhole:.
---@field forbid_file? boolean Refuse files and directories.
---@field forbid_include? boolean Refuse :include:.
---@field forbid_pipe? boolean Refuse pipes.
---@field forbid_smtp_code? boolean Ignore SMTP codes in :fail: and :defer:.
---@field group? string|fun(m: mail.route): any Group for local delivery.
---@field headers_add? string|string[]|fun(m: mail.route): any Headers added at delivery; repeated ones accumulate.
---@field headers_remove? string|string[]|fun(m: mail.route): any Headers removed at delivery; repeated ones accumulate.
---@field hide_child_in_errmsg? boolean Bounces show the address that was redirected, not what it became.
---@field host_all_ignored? string Action if all hosts are ignored: defer decline fail freeze pass.
---@field host_find_failed? string Action if a host has no address: decline defer fail freeze ignore pass.
---@field hosts? string|string[]|fun(m: mail.route): any Clients that sent the message and whose mail this router handles.
---@field hosts_randomize? boolean|fun(m: mail.route): any Shuffle hosts of a rule.
---@field ignore_eacces? boolean Unreadable file means decline.
---@field ignore_enotdir? boolean Missing directory means decline.
---@field ignore_target_hosts? string|string[]|fun(m: mail.route): any Addresses dropped from host lists.
---@field include_directory? string Where :include: files must lie.
---@field initgroups? boolean A delivery as a user has all groups of that user, not only the one it is made with.
---@field ipv4_only? string|fun(m: mail.route): any Condition: use only A records.
---@field ipv4_prefer? string|fun(m: mail.route): any Condition: put A records first.
---@field local_part_prefix? string|string[] Prefixes to strip.
---@field local_part_prefix_optional? boolean Prefix may be absent.
---@field local_part_suffix? string|string[] Suffixes to strip.
---@field local_part_suffix_optional? boolean Suffix may be absent.
---@field local_parts? string|string[]|fun(m: mail.route): any Local parts the router handles.
---@field log_as_local? boolean Deliveries are logged as local ones: the local part, then the address in <>. Unset: for the accept driver, and where a function routes to a local transport.
---@field modemask? integer|string File mode bits that are not allowed.
---@field more? boolean|fun(m: mail.route): any Whether declining passes on to later routers.
---@field mx_domains? string|string[]|fun(m: mail.route): any Domains that must have MX or SRV.
---@field mx_fail_domains? string|string[]|fun(m: mail.route): any Domains where MX lookup errors count as no MX.
---@field one_time? boolean Replace address by its children on the queue.
---@field owners? string|string[] Allowed file owners.
---@field owngroups? string|string[] Groups, by name or number, that the file may have.
---@field pass_on_timeout? boolean On host lookup timeout go to next router.
---@field pass_router? string Router used when passing.
---@field pipe_transport? string|fun(m: mail.route): any Transport for pipes.
---@field qualify_domain? string|fun(m: mail.route): any Domain for bare children.
---@field qualify_preserve_domain? boolean Bare children keep incoming domain.
---@field redirect_router? string Router where generated addresses start.
---@field repeat_use? boolean Router may see its own descendants.
---@field require_files? string|string[]|fun(m: mail.route): any Files that must (or must not) exist.
---@field rewrite? boolean The new addresses pass through the rewriting rules for envelope recipients.
---@field route_data? string|fun(m: mail.route): any One rule given by expansion.
---@field route_list? string|string[] Rules: pattern, hosts, options; semicolon list.
---@field router_home_directory? string|fun(m: mail.route): any home value while the router runs.
---@field self? string What to do when the first host is this one: freeze, defer, pass, fail, send, or reroute: DOMAIN.
---@field senders? string|string[]|fun(m: mail.route): any Senders the router handles.
---@field set? table|fun(m: mail.route): any r_ variables for the address: set = { r_name = value }; a value may be a function.
---@field skip_syntax_errors? boolean Skip bad items instead of failing.
---@field srs? string `forward`: what comes of the address goes out under a rewritten sender, unless errors_to says under which. `reverse`: an address of that kind is taken apart into `m.srs_recipient`; one that is none is declined, a forged or old one fails. Both: first back, then there. Main options srs_*; docs/guide/srs.md. Not done: forward for bounces, nor while an address is only asked about.
---@field srs_alias? string|fun(m: mail.route): any The domain of rewritten senders; unset or nil: that of the address.
---@field srs_condition? string|fun(m: mail.route): any If it says no, the router works as without `srs`.
---@field srs_dbinsert? string|fun(m: mail.route): any Keeps `m.srs_db_address` under `m.srs_db_key`, which then stands for it in the address. What it gives does not matter, but nil and false are a failure: the address waits.
---@field srs_dbselect? string|fun(m: mail.route): any The address kept under `m.srs_db_key`; nil: the address waits.
---@field srv_fail_domains? string|string[]|fun(m: mail.route): any Domains where an SRV question that fails counts as no SRV.
---@field syntax_errors_text? string|fun(m: mail.route): any Text at the beginning of that mail.
---@field syntax_errors_to? string|fun(m: mail.route): any Who gets mail about items that skip_syntax_errors skipped, once a message.
---@field timeout? integer|string How long the program may take; at most ten minutes count.
---@field transport? string|fun(m: mail.route): any Transport to use.
---@field transport_current_directory? string|fun(m: mail.route): any Where the program of a pipe transport starts, unless the transport says so itself.
---@field transport_home_directory? string|fun(m: mail.route): any home value for the transport.
---@field unseen? boolean|fun(m: mail.route): any Also pass a copy to following routers.
---@field user? string|fun(m: mail.route): any User for local delivery.
---@field verify? boolean Sets both verify_ options.
---@field verify_only? boolean Used only while verifying.
---@field verify_recipient? boolean Used when verifying recipients.
---@field verify_sender? boolean Used when verifying senders.
---@field widen_domains? string|string[] Domains put behind a name that is not found; the address goes on with the first that is.

---@class transport.options
---@field allow_commands? string|string[]|fun(m: mail.transport): any Commands that may be run, as they are written in a redirection or in command; others may not, unless restrict_to_path lets them.
---@field allow_fifo? boolean Deliver into a named pipe that somebody reads.
---@field allow_localhost? boolean Permit delivery to this host.
---@field allow_symlink? boolean Follow a link in place of the mailbox file, if root or the owner of the mailbox made it. Links on the way to it are never followed.
---@field arc_sign? string|fun(m: mail.transport): any Seals the chain of ARC: `"ADMD : SELECTOR : KEY"`, or `"ADMD : SELECTOR : KEY : OPTIONS"`. The key as in dkim_private_key, RSA. Options, with commas between: `timestamps`, and `expire`, `expire=+SECONDS` or `expire=TIME`. Empty: not sealed.
---@field authenticated_sender? string|fun(m: mail.transport): any AUTH= parameter of MAIL when we have authenticated; a function of the mail object, or a text. Nil: none; "": <>.
---@field authenticated_sender_force? boolean Send it without having authenticated, where the server offers AUTH.
---@field batch_id? string|fun(m: mail.transport): any Addresses with the same value share a delivery; unset: those for which all options have the same values.
---@field batch_max? integer|string How many addresses one delivery may be for.
---@field bcc? string|fun(m: mail.transport): any Who gets a copy and is not named.
---@field body_only? boolean Send only the body.
---@field cc? string|fun(m: mail.transport): any Who gets a copy.
---@field check_group? boolean Check file group.
---@field check_owner? boolean Check file owner.
---@field check_string? string Line start that gets escaped.
---@field command? string|string[]|fun(m: mail.transport): any The program and its arguments: a table, or a text whose words are taken apart without a shell. With `user`, or a user of the router's, it runs as that user, through the local delivery process (`local_delivery_programs`).
---@field command_timeout? integer|string Timeout for replies.
---@field connect_timeout? integer|string TCP connect timeout.
---@field connection_max_messages? integer|string Messages per connection.
---@field create_directory? boolean Create missing directories.
---@field create_file? string|fun(m: mail.transport): any Where a new file or directory may be made: anywhere, belowhome, inhome, or below the path given.
---@field current_directory? string|fun(m: mail.transport): any Current directory for local delivery.
---@field dane_require_tls_ciphers? string|fun(m: mail.transport): any The ciphers offered where DANE applies, in place of tls_require_ciphers.
---@field data_timeout? integer|string Timeout sending data.
---@field delay_after_cutoff? boolean A host that has failed beyond its retry schedule is tried at the times of the schedule only, and mail for nobody but such hosts fails at once in between; with false each message tries it.
---@field delivery_date_add? boolean Add Delivery-date:.
---@field directory? string|fun(m: mail.transport): any Directory for one file per message; path(ROOT, part, ...) makes it safely.
---@field directory_file? string|fun(m: mail.transport): any Name of such a file.
---@field directory_mode? integer|string Mode of created directories.
---@field disable_logging? boolean No log line for what this transport delivers, puts off or fails; events come all the same.
---@field dkim_canon? string|fun(m: mail.transport): any relaxed or simple, for header and body.
---@field dkim_domain? string|string[]|fun(m: mail.transport): any Domains that sign, in lower case; each pair of one of them and a selector is a signature. Empty: not signed. A message that is to be signed never goes on while it comes in.
---@field dkim_hash? string|fun(m: mail.transport): any sha256, sha512 or sha1. Verifiers must not accept sha1, and know sha512 rarely.
---@field dkim_identity? string|fun(m: mail.transport): any i= of the signature: who in the domain, `name@domain` or `@domain`. Unset: none.
---@field dkim_private_key? string|fun(m: mail.transport): any The key, RSA or Ed25519: a path, or PEM as text. `"0"`, `"false"`, false or empty: not signed. A file must be open to its owner or the engine's group only (0400, 0440, 0600 or 0640) and belong to the engine's user or root; it is read again when it has changed.
---@field dkim_selector? string|string[]|fun(m: mail.transport): any Selectors; worked out for each domain. Empty: that domain does not sign.
---@field dkim_sign_headers? string|string[]|fun(m: mail.transport): any Names of the header fields to be signed. A plain name is one field of that name, or that there is none; written again, the one above it. `=Name`: all there are. `+Name`: all, and that there is no other. From is always signed. Unset: the fields of RFC 6376 section 5.4.1, with `+` before those a reader sees.
---@field dkim_strict? string|fun(m: mail.transport): any True: a message that should be signed and cannot be waits. Else it goes unsigned, and the log says so.
---@field dkim_timestamps? integer|string|fun(m: mail.transport): any Seconds a signature is good for: t= is the time, x= that many seconds later. 0: t= alone; -1: neither.
---@field dnssec_request_domains? string|string[]|fun(m: mail.transport): any Hosts of this transport whose addresses may count as DNSSEC secure; DANE needs it.
---@field dnssec_require_domains? string|string[]|fun(m: mail.transport): any Hosts of this transport whose addresses must be DNSSEC secure; others are not used.
---@field dscp? string|fun(m: mail.transport): any DSCP of outgoing packets: a name such as af11, ef, cs1, or a number from 0 to 63.
---@field envelope_to_add? boolean Add Envelope-to:.
---@field environment? string|string[]|fun(m: mail.transport): any Extra environment.
---@field escape_string? string Replacement for check_string.
---@field event_action? function|fun(m: mail.event): any Called for each event of this transport.
---@field fallback_hosts? string|string[]|fun(m: mail.transport): any Hosts tried last.
---@field file? string|fun(m: mail.transport): any Mailbox file; path(ROOT, part, ...) makes it safely.
---@field file_expand? boolean Put variables into the text of file: $sender_address, ${local_part}, $h_subject: for a header field, $$ for a dollar sign.
---@field file_format? string|string[] Pairs of how a mailbox begins and the transport that writes such ones: { "From ", "unix", "\1\1\1\1\n", "mmdf" }. An empty or new file is written by this transport.
---@field file_must_exist? boolean Do not create the file.
---@field file_optional? boolean A file that is not there is an empty one.
---@field final_timeout? integer|string Timeout after final dot.
---@field force_command? boolean Run command even for an address that names a program of its own; that one is in m.address_pipe.
---@field freeze_exec_fail? boolean Freeze when the program cannot start.
---@field freeze_signal? boolean Freeze when killed by a signal.
---@field from? string|fun(m: mail.transport): any From: of the reply; the address that was written to if unset.
---@field group? string|fun(m: mail.transport): any Group to run as.
---@field headers? string|string[]|fun(m: mail.transport): any Further fields: a table of texts, or one text, a field a line.
---@field headers_add? string|string[]|fun(m: mail.transport): any Headers to add.
---@field headers_only? boolean Send only headers.
---@field headers_remove? string|string[]|fun(m: mail.transport): any Headers to remove.
---@field headers_rewrite? table Rewriting rules for the address fields of the header as it leaves: { { pattern, replacement, flags = "f" } }. Only flags of the header: f t c b r s h, and q Q R w (docs/guide/rewriting.md).
---@field helo_data? string|fun(m: mail.transport): any HELO/EHLO name.
---@field home_directory? string|fun(m: mail.transport): any home value for local delivery.
---@field hosts? string|string[]|fun(m: mail.transport): any Target hosts.
---@field hosts_avoid_esmtp? string|string[]|fun(m: mail.transport): any Use HELO for these.
---@field hosts_avoid_pipelining? string|string[]|fun(m: mail.transport): any No PIPELINING for these.
---@field hosts_avoid_tls? string|string[]|fun(m: mail.transport): any Hosts that get no STARTTLS, unless DANE applies to them.
---@field hosts_max_try? integer|string Addresses tried per delivery.
---@field hosts_max_try_hardlimit? integer|string How many addresses are looked at for one delivery, those included whose retry time has not come.
---@field hosts_nopass_tls? string|string[]|fun(m: mail.transport): any Hosts whose connection ends after one message if it is encrypted.
---@field hosts_noproxy_tls? string|string[]|fun(m: mail.transport): any Hosts with which each message begins TLS anew: before the next message of a kept connection TLS is ended. Others keep it.
---@field hosts_override? boolean Ignore routed hosts.
---@field hosts_pipe_connect? string|string[] Use early pipelining for these.
---@field hosts_randomize? boolean|fun(m: mail.transport): any Shuffle hosts.
---@field hosts_request_ocsp? string|string[]|fun(m: mail.transport): any Hosts asked for an OCSP proof with their certificate. Unset: all of them, but with DANE only where no record of usage 3 is (then the proof says nothing that counts).
---@field hosts_require_alpn? string|string[]|fun(m: mail.transport): any Hosts that must agree to the protocol of tls_alpn.
---@field hosts_require_auth? string|string[]|fun(m: mail.transport): any Hosts that get mail only after we have authenticated.
---@field hosts_require_dane? string|string[]|fun(m: mail.transport): any Hosts that are used only if their TLSA records, found by DNSSEC, verify them.
---@field hosts_require_ocsp? string|string[]|fun(m: mail.transport): any Hosts that are used only with a good OCSP proof. Sessions with them are not resumed: each connection brings its proof.
---@field hosts_require_tls? string|string[]|fun(m: mail.transport): any Hosts that are never spoken to in clear.
---@field hosts_try_auth? string|string[]|fun(m: mail.transport): any Hosts at which we authenticate if they offer it.
---@field hosts_try_chunking? string|string[] Use BDAT if offered.
---@field hosts_try_dane? string|string[]|fun(m: mail.transport): any Hosts whose TLSA records are looked up if their address is DNSSEC secure. Records that are found bind: the host is used with a connection they verify, or not at all.
---@field hosts_try_fastopen? string|string[] Use TCP Fast Open.
---@field hosts_try_prdr? string|string[] Use PRDR if offered.
---@field hosts_verify_avoid_tls? string|string[]|fun(m: mail.transport): any Hosts that get no STARTTLS in callouts, unless DANE applies to them.
---@field ignore_quota? boolean Send IGNOREQUOTA with each recipient, if the server offers it.
---@field ignore_status? boolean Ignore exit status.
---@field initgroups? boolean Take all groups of the user too, not its own alone.
---@field interface? string|string[]|fun(m: mail.transport): any Local address to use.
---@field keepalive? boolean Ask the system to notice dead peers.
---@field lmtp_ignore_quota? boolean With protocol = "lmtp": send IGNOREQUOTA with each recipient, if the server offers it.
---@field lock_fcntl_timeout? integer|string Blocking fcntl lock wait.
---@field lock_flock_timeout? integer|string How long one try for the flock lock waits.
---@field lock_interval? integer|string Pause between lock tries.
---@field lock_retries? integer|string Lock tries.
---@field lockfile_mode? integer|string Mode of the lock file.
---@field lockfile_timeout? integer|string Age at which a lock file is stale.
---@field log? string|fun(m: mail.transport): any A file to which each reply adds some lines, written as the transport's or router's user.
---@field log_defer_output? boolean Log first output line on deferral.
---@field log_fail_output? boolean Log first output line on failure.
---@field log_output? boolean Log first output line always.
---@field mailbox_filecount? integer|string|fun(m: mail.transport): any How many files the mailbox holds, if that is known without measuring.
---@field mailbox_size? integer|string|fun(m: mail.transport): any How big the mailbox is, if that is known without measuring.
---@field maildir_format? boolean Deliver to Maildir.
---@field maildir_quota_directory_regex? string|fun(m: mail.transport): any Which directories of a Maildir count: cur, new, and folders, unless set.
---@field maildir_retries? integer|string How many names are tried for a file in a Maildir.
---@field maildir_tag? string|fun(m: mail.transport): any Suffix added to Maildir names.
---@field maildir_use_size_file? boolean|fun(m: mail.transport): any Keep the sum of a Maildir in its maildirsize file (Maildir++), and ask that for the quota.
---@field maildirfolder_create_regex? string|fun(m: mail.transport): any A Maildir whose last component matches is marked as a folder by an empty file maildirfolder.
---@field mailstore_format? boolean Write each message as two files, NAME.msg and NAME.env with its envelope.
---@field mailstore_prefix? string|fun(m: mail.transport): any Text at the top of the .env file.
---@field mailstore_suffix? string|fun(m: mail.transport): any Text at the end of the .env file.
---@field max_output? integer|string Output limit.
---@field max_parallel? integer|string|fun(m: mail.transport): any How many deliveries of this transport run at once, over all workers; unset or 0: no limit. Others wait their turn.
---@field max_rcpt? integer|string|fun(m: mail.transport): any RCPTs per transaction.
---@field message_linelength_limit? integer|string Longest line sent, else bounce.
---@field message_prefix? string|fun(m: mail.transport): any Text before each message.
---@field message_size_limit? integer|string|fun(m: mail.transport): any Largest message for this transport; 0 none.
---@field message_suffix? string|fun(m: mail.transport): any Text after each message.
---@field mode? integer|string File mode.
---@field mode_fail_narrower? boolean Defer if existing mode is narrower.
---@field multi_domain? boolean|fun(m: mail.transport): any Mix domains in one transaction. Where an option about TLS, DNSSEC or DANE is a function, each domain has its own all the same.
---@field never_mail? string|string[]|fun(m: mail.transport): any Addresses that are never written to; if nobody is left there is no reply.
---@field once? string|fun(m: mail.transport): any A file that remembers who was answered, and when; who is in it is not answered again. Its lock lies beside it as FILE.lock. Read and written as the transport's or router's user.
---@field once_file_size? integer|string How big that file may become: the oldest are forgotten. 0: 1 MiB.
---@field once_repeat? integer|string|fun(m: mail.transport): any After how long somebody is answered again; 0: never.
---@field path? string|fun(m: mail.transport): any PATH for the command.
---@field port? integer|string|fun(m: mail.transport): any Remote port; default by protocol.
---@field protocol? string smtp, smtps or lmtp.
---@field quota? integer|string|fun(m: mail.transport): any How big the mailbox may become, such as 50M; unset or 0: no limit. A message for which there is no room waits, and retry rules know it as quota.
---@field quota_directory? string|fun(m: mail.transport): any The directory that is measured in place of the mailbox.
---@field quota_filecount? integer|string|fun(m: mail.transport): any How many files a mailbox directory may hold.
---@field quota_is_inclusive? boolean|fun(m: mail.transport): any The new message counts: with false the last message may go over the limit.
---@field quota_size_regex? string|fun(m: mail.transport): any A pattern whose first group is a size in a file name, such as ,S=(\d+): files it matches are not looked at.
---@field quota_warn_message? string|fun(m: mail.transport): any The message, header and body, that is sent when a delivery takes the mailbox over quota_warn_threshold.
---@field quota_warn_threshold? string|fun(m: mail.transport): any A size, or a percentage of the quota such as 75%.
---@field rcpt_include_affixes? boolean Hand the local part over with the prefix and suffix that routers took off.
---@field reply_to? string|fun(m: mail.transport): any Reply-To: of the reply.
---@field restrict_to_path? boolean A command that is not in allow_commands may hold no slash: it is looked for on path.
---@field retry_include_ip_address? boolean|fun(m: mail.transport): any Put address into retry keys.
---@field return_fail_output? boolean Bounce with output on failure.
---@field return_message? boolean Put the message behind the text, up to bounce_return_size_limit.
---@field return_output? boolean Bounce whenever there is output.
---@field return_path? string|fun(m: mail.transport): any Envelope sender to use.
---@field return_path_add? boolean Add Return-path:.
---@field serialize_hosts? string|string[]|fun(m: mail.transport): any One connection at a time to these.
---@field shadow_condition? boolean|fun(m: mail.transport): any Whether the shadow transport runs for this message.
---@field shadow_transport? string A local transport that is given a copy of each message this one has delivered. What becomes of the copy changes nothing: the log line has ST=name, with the reason behind it if the copy failed.
---@field size_addition? integer|string Bytes added to SIZE; negative disables.
---@field socket? string|fun(m: mail.transport): any Unix socket speaking LMTP.
---@field socks_proxy? string SOCKS5 proxies with options.
---@field subject? string|fun(m: mail.transport): any Subject: of the reply, in UTF-8; it is encoded as it must be.
---@field temp_errors? string|string[] Exit codes meaning retry; default EX_TEMPFAIL and EX_CANTCREAT.
---@field text? string|fun(m: mail.transport): any The text of the reply, before that of file.
---@field timeout? integer|string Response timeout.
---@field timeout_defer? boolean Timeout defers instead of failing.
---@field tls_alpn? string|fun(m: mail.transport): any The protocol offered by ALPN, such as "smtp".
---@field tls_certificate? string|fun(m: mail.transport): any A file with the certificate we show when asked for one, and its chain, in PEM.
---@field tls_crl? string|fun(m: mail.transport): any A file, or a directory by hash, of lists of revoked certificates.
---@field tls_dh_min_bits? integer|string|fun(m: mail.transport): any The shortest Diffie-Hellman prime accepted, in bits.
---@field tls_privatekey? string|fun(m: mail.transport): any The file of the certificate's key. Unset: it is in the certificate's file.
---@field tls_require_ciphers? string|fun(m: mail.transport): any The ciphers offered, as OpenSSL writes them; suites of TLS 1.3 by their names.
---@field tls_resumption_hosts? string|string[]|fun(m: mail.transport): any Hosts with which sessions are kept, in the hints, and resumed.
---@field tls_sni? string|fun(m: mail.transport): any The name asked for in the handshake (SNI). With DANE it is always the host's.
---@field tls_tempfail_tryclear? boolean|fun(m: mail.transport): any Deliver in clear where a handshake failed or STARTTLS was put off, unless TLS is required, or a certificate that verifies, a proof or a protocol is.
---@field tls_try_verify_hosts? string|string[]|fun(m: mail.transport): any Hosts whose certificate is verified, and used whatever comes out: CV= in the log says it.
---@field tls_verify_cert_hostnames? string|string[]|fun(m: mail.transport): any Hosts whose certificate, where it is verified, must be for their name.
---@field tls_verify_certificates? string|fun(m: mail.transport): any What certificates are verified by: "system", a file of certificates, or a directory by hash.
---@field tls_verify_hosts? string|string[]|fun(m: mail.transport): any Hosts whose certificate must verify, if they offer TLS at all: hosts_require_tls says that they must.
---@field to? string|fun(m: mail.transport): any Who is written to: addresses as in a To: field, such as m.reply_address. A reply goes out from the null sender.
---@field transport_filter? string|string[]|fun(m: mail.transport): any A program the message goes through on its way out: it gets it on standard input, and what it prints is delivered. If it fails, the message waits.
---@field transport_filter_timeout? integer|string How long it may take.
---@field umask? integer|string umask.
---@field use_bsmtp? boolean Write batched SMTP: MAIL, RCPT, DATA, the message with its dots doubled, and a dot.
---@field use_crlf? boolean Write CRLF lines.
---@field use_fcntl_lock? boolean Lock with fcntl.
---@field use_flock_lock? boolean Lock with flock too.
---@field use_lockfile? boolean Use a lock file.
---@field user? string|fun(m: mail.transport): any User to run as.
---@field utf8_downconvert? integer|string Convert UTF-8 addresses: 1 always, 0 never, -1 if needed.

---@class authenticator.options
---@field client_authz? string|fun(m: mail.transport): any Whom we want to be.
---@field client_channelbinding? boolean The same where we log in; the server must offer -PLUS. With an authenticator for the mechanism without -PLUS behind it, that one is used where it does not: then whoever sits between can take -PLUS out of the offer.
---@field client_cleartext? boolean Send a password over a connection that is not encrypted. Mechanisms that send none need no leave.
---@field client_condition? boolean|fun(m: mail.transport): any Whether it is used at this host.
---@field client_ignore_invalid_base64? boolean Take a challenge that is no base64 for an empty one.
---@field client_name? string|fun(m: mail.transport): any The user; the primary host name if unset.
---@field client_password? string|fun(m: mail.transport): any The password.
---@field client_secret? string|fun(m: mail.transport): any The password.
---@field client_send? string|string[]|fun(m: mail.transport): any What is sent: the first with AUTH itself, the rest as answers. `^` is a NUL, `^^` a circumflex: `{ "^user^password" }` for PLAIN, `{ "", "user", "password" }` for LOGIN.
---@field client_set_id? string|fun(m: mail.transport): any Who we were there, for log lines.
---@field client_spassword? string|fun(m: mail.transport): any SCRAM's salted password in hex, instead of the password.
---@field client_username? string|fun(m: mail.transport): any The user.
---@field public_name? string The mechanism as EHLO offers it: PLAIN, LOGIN, CRAM-MD5, SCRAM-SHA-256 ...; the name of the authenticator if unset.
---@field server_advertise_condition? boolean|fun(m: mail.helo): any Whether EHLO offers it to this client.
---@field server_channelbinding? boolean Bind the exchange to the TLS connection: goes with SCRAM-SHA-1-PLUS and SCRAM-SHA-256-PLUS, which are offered under TLS only. Whoever sits between the client and us has two connections, and the exchange fails. Beside it the mechanism without -PLUS may be offered in an authenticator of its own: a client that was kept from seeing -PLUS says so, and is refused.
---@field server_condition? boolean|fun(m: mail.auth): any Whether the client may log in: a function of the mail object, which finds what the client gave in `m.auth1`, `m.auth2` and `m.auth3`. A plaintext and an external authenticator is no server without it; for the others it is one more condition. For `tls` it decides whether the client's verified certificate is enough.
---@field server_hostname? string|fun(m: mail.auth): any Our name in the exchange; primary_hostname if unset.
---@field server_key? string|fun(m: mail.auth): any SCRAM's ServerKey of the user in base64, instead of the password.
---@field server_mail_auth_condition? boolean|fun(m: mail.mailauth): any Whether AUTH= of MAIL is believed of who came by this authenticator; the ACL `mailauth` is asked as well.
---@field server_mech? string The mechanism, if public_name is another.
---@field server_param1? string|fun(m: mail.auth): any What `m.auth1` shall be for `server_condition`, and the user, if `server_set_id` says nothing else; such as `cert.extract(m.tls_in_peercert, "subj_altname,mail,>:")`.
---@field server_param2? string|fun(m: mail.auth): any What `m.auth2` shall be.
---@field server_param3? string|fun(m: mail.auth): any What `m.auth3` shall be.
---@field server_password? string|fun(m: mail.auth): any The password of the user in `m.auth1`; nil: there is no such user.
---@field server_prompts? string|string[]|fun(m: mail.auth): any What the client is asked, one prompt for each thing it did not give yet. Unset: nothing for PLAIN, "Username:" and "Password:" for LOGIN.
---@field server_realm? string|fun(m: mail.auth): any The realm of the exchange.
---@field server_scram_iter? string|fun(m: mail.auth): any How often SCRAM hashes.
---@field server_scram_salt? string|fun(m: mail.auth): any The salt of the user in base64. With a password and without a salt a new one is made each time.
---@field server_secret? string|fun(m: mail.auth): any The password of the user in `m.auth1`; nil: there is no such user.
---@field server_service? string The service of the exchange.
---@field server_set_id? string|fun(m: mail.auth): any Who the client is from then on (`authenticated_id`); the user it gave if unset.
---@field server_skey? string|fun(m: mail.auth): any SCRAM's StoredKey of the user in base64, instead of the password.

---@class statement
---@field acl? any Runs another ACL (nesting limit 20): accept true, deny false, defer propagates, drop/discard carried out.
---@field not_acl? any
---@field add_header? any Queues header lines for the message; duplicates suppressed; visible only from next body stage.
---@field atrn_domains? any True if mail is queued for any listed domain.
---@field not_atrn_domains? any
---@field authenticated? any True if client authenticated with a listed authenticator.
---@field not_authenticated? any
---@field condition? any Truth of expanded text: empty/0/no/false false, nonzero/yes/true true, else defer; forced failure ignored.
---@field not_condition? any
---@field continue? any Expands argument for side effects only.
---@field control? any Applies one of the control settings.
---@field dcc? any Asks dccifd about the message and sets dcc_ variables.
---@field not_dcc? any
---@field decode? any Writes the decoded part into a file below the scan directory of the spool: "default", a name, or a path below that directory. `mime_decoded_filename` says where. It is removed when the transaction ends.
---@field not_decode? any
---@field delay? any Sleeps, flushing pending SMTP output first; not imposed under -bh.
---@field dkim_signers? any True if dkim_cur_signer is in the list of domains and identities.
---@field not_dkim_signers? any
---@field dkim_status? any True if `dkim_verify_status` is in the list, any of none, invalid, fail and pass; after the dkim ACL if any of its elements is.
---@field not_dkim_status? any
---@field dmarc_status? any Checks the message by DMARC, once, and asks whether the status is in the list: `accept`, `none`, `quarantine`, `reject`, `norecord`, `nofrom`, `temperror`, `off`; `error` is an old name of temperror. Only of clients that did not log in. What `spf` found earlier counts.
---@field not_dmarc_status? any
---@field dnslists? any Is the client's address, or a key, in a list kept in the DNS? Items are `[text domain,]domain[TEST][/keys]`, asked in order; TEST is `=IP,IP`, `&MASK`, `==`, `=&` (every address), each also with `!`. `{ "list.example", key = function(m) ... end }` asks about something else than the client's address. Sets the dnslist_ variables. A list that does not answer counts as one without the name, unless `+include_unknown` or `+defer_unknown` stands before it.
---@field not_dnslists? any
---@field domains? any Matches recipient domain; sets domain_data.
---@field not_domains? any
---@field encrypted? any True on a TLS session whose cipher matches.
---@field not_encrypted? any
---@field endpass? any Marks where accept/discard condition failure turns into deny; discouraged.
---@field hosts? any Matches client host; sets host_data.
---@field not_hosts? any
---@field local_parts? any Matches recipient local part; sets local_part_data.
---@field not_local_parts? any
---@field log_message? any Extra text for reject logs, or the log line of warn (once per message).
---@field log_reject_target? any The logs that record refusals for the rest of this ACL: `"main : reject"` (the default), any of main, reject and panic, or none at all. In a function: `log_reject_target("main")`.
---@field logwrite? any Writes a log line at once, repeats allowed.
---@field malware? any Scans message with av_scanner; sets malware_name.
---@field not_malware? any
---@field message? any Response text when the ACL ends; expanded then; first code digit must agree.
---@field mime_regex? any Matches the first 32 KiB of the decoded part as one text; a text is one expression, an array several. Sets `regex`.
---@field not_mime_regex? any
---@field queue? any Selects a named spool queue for the message; empty means default.
---@field ratelimit? any Is the rate of something at its limit or above? `"LIMIT / PERIOD / options"`, or a table with key, count and unique beside that text. The rate is smoothed as Exim's and shared by all workers; it is counted once for a connection, message or command, however many ACLs ask. Sets sender_rate, sender_rate_limit and sender_rate_period.
---@field not_ratelimit? any
---@field recipients? any Matches recipient address; sets recipient_data on lookup.
---@field not_recipients? any
---@field regex? any Matches the message, header and body, line by line, in a mime ACL the part as it is in the message; 32 KiB of a line at once. A text is one expression, an array several. Sets `regex`.
---@field not_regex? any
---@field remove_header? any Queues header lines for removal.
---@field seen? any Was this met before? `"1h"`: less than an hour ago; `"-5m"`: first at least five minutes ago. Options `readonly`, `write`, `refresh=TIME`; `{ "-5m", key = function(m) ... end }` for something else than the client's address. All workers share what was seen.
---@field not_seen? any
---@field sender_domains? any Matches sender domain.
---@field not_sender_domains? any
---@field senders? any Matches sender; single colon matches bounces; sets sender_data.
---@field not_senders? any
---@field set? any Assigns a user variable.
---@field spam? any Scans with spamd or rspamd; sets spam_ variables; :true forces true.
---@field not_spam? any
---@field spf? any Checks the sender (HELO's name for the empty one) by SPF, RFC 7208, and asks whether the result is in the list: `pass`, `fail`, `softfail`, `neutral`, `none`, `temperror`, `permerror`; `err_temp` and `err_perm` are old names of the last two. Sets the spf_ variables.
---@field not_spf? any
---@field spf_guess? any As `spf`, but a domain that publishes no record is judged by the one in `spf_guess`: no standard, and no ground to refuse.
---@field not_spf_guess? any
---@field udpsend? any Sends a datagram: `"server : port : text"`, or `{ server =, port =, text = function(m) ... end }`. What becomes of it is not asked. In a function: `udpsend(server, port, text)`.
---@field verify? any Runs one of the verify tests.
---@field not_verify? any

-- ACLs, one a phase: a list of statements, or a function that answers with a verb
---@class acl.phases
---@field connect fun(what: string|statement[]|fun(m: mail.connect): any)
---@field helo fun(what: string|statement[]|fun(m: mail.helo): any)
---@field starttls fun(what: string|statement[]|fun(m: mail.starttls): any)
---@field auth fun(what: string|statement[]|fun(m: mail.auth): any)
---@field mailauth fun(what: string|statement[]|fun(m: mail.mailauth): any)
---@field mail fun(what: string|statement[]|fun(m: mail.mail): any)
---@field rcpt fun(what: string|statement[]|fun(m: mail.rcpt): any)
---@field predata fun(what: string|statement[]|fun(m: mail.predata): any)
---@field dkim fun(what: string|statement[]|fun(m: mail.dkim): any)
---@field mime fun(what: string|statement[]|fun(m: mail.mime): any)
---@field prdr fun(what: string|statement[]|fun(m: mail.prdr): any)
---@field data fun(what: string|statement[]|fun(m: mail.data): any)
---@field etrn fun(what: string|statement[]|fun(m: mail.etrn): any)
---@field atrn fun(what: string|statement[]|fun(m: mail.atrn): any)
---@field expn fun(what: string|statement[]|fun(m: mail.expn): any)
---@field vrfy fun(what: string|statement[]|fun(m: mail.vrfy): any)
---@field wellknown fun(what: string|statement[]|fun(m: mail.wellknown): any)
---@field quit fun(what: string|statement[]|fun(m: mail.quit): any)
---@field notquit fun(what: string|statement[]|fun(m: mail.notquit): any)
---@field not_smtp_start fun(what: string|statement[]|fun(m: mail.not_smtp_start): any)
---@field not_smtp_mime fun(what: string|statement[]|fun(m: mail.not_smtp_mime): any)
---@field not_smtp fun(what: string|statement[]|fun(m: mail.not_smtp): any)
---@field sub table<string, fun(what: statement[]|fun(m: any): any)> ACLs that others call by name
acl = {}

---@type table<string, fun(options: router.options|fun(m: mail.route): any)>
router = {}

---@type table<string, fun(options: transport.options)>
transport = {}

---@type table<string, fun(options: authenticator.options)>
authenticator = {}

---@class addresslist.one
---@field has fun(self: any, subject: string): boolean
---@type table<string, addresslist.one|string|any[]>
addresslist = {}

---@class domainlist.one
---@field has fun(self: any, subject: string): boolean
---@type table<string, domainlist.one|string|any[]>
domainlist = {}

---@class hostlist.one
---@field has fun(self: any, subject: string): boolean
---@type table<string, hostlist.one|string|any[]>
hostlist = {}

---@class localpartlist.one
---@field has fun(self: any, subject: string): boolean
---@type table<string, localpartlist.one|string|any[]>
localpartlist = {}

retry = {}
---A retry rule: { addresses, errors, "F,2h,15m; G,16h,1h,1.5" }.
---@param rule string[]
function retry.rule(rule) end

event = {}
---Calls a function for each event of a name.
---@param name "auth:fail"|"dane:fail"|"dns:fail"|"msg:complete"|"msg:defer"|"msg:delivery"|"msg:fail:delivery"|"msg:fail:internal"|"msg:host:defer"|"msg:rcpt:defer"|"msg:rcpt:host:defer"|"smtp:connect"|"smtp:ehlo"|"smtp:fail:protocol"|"smtp:fail:syntax"|"tcp:close"|"tcp:connect"|"tls:cert"|"tls:fail:connect"
---@param act fun(m: mail.event): any
function event.on(name, act) end

---@class rules.check
---@field acl fun(...: any): boolean Runs another ACL (nesting limit 20): accept true, deny false, defer propagates, drop/discard carried out.
---@field not_acl fun(...: any): boolean
---@field authenticated fun(...: any): boolean True if client authenticated with a listed authenticator.
---@field not_authenticated fun(...: any): boolean
---@field condition fun(...: any): boolean Truth of expanded text: empty/0/no/false false, nonzero/yes/true true, else defer; forced failure ignored.
---@field not_condition fun(...: any): boolean
---@field decode fun(...: any): boolean Writes the decoded part into a file below the scan directory of the spool: "default", a name, or a path below that directory. `mime_decoded_filename` says where. It is removed when the transaction ends.
---@field not_decode fun(...: any): boolean
---@field dkim_signers fun(...: any): boolean True if dkim_cur_signer is in the list of domains and identities.
---@field not_dkim_signers fun(...: any): boolean
---@field dkim_status fun(...: any): boolean True if `dkim_verify_status` is in the list, any of none, invalid, fail and pass; after the dkim ACL if any of its elements is.
---@field not_dkim_status fun(...: any): boolean
---@field dmarc_status fun(...: any): boolean Checks the message by DMARC, once, and asks whether the status is in the list: `accept`, `none`, `quarantine`, `reject`, `norecord`, `nofrom`, `temperror`, `off`; `error` is an old name of temperror. Only of clients that did not log in. What `spf` found earlier counts.
---@field not_dmarc_status fun(...: any): boolean
---@field dnslists fun(...: any): boolean Is the client's address, or a key, in a list kept in the DNS? Items are `[text domain,]domain[TEST][/keys]`, asked in order; TEST is `=IP,IP`, `&MASK`, `==`, `=&` (every address), each also with `!`. `{ "list.example", key = function(m) ... end }` asks about something else than the client's address. Sets the dnslist_ variables. A list that does not answer counts as one without the name, unless `+include_unknown` or `+defer_unknown` stands before it.
---@field not_dnslists fun(...: any): boolean
---@field domains fun(...: any): boolean Matches recipient domain; sets domain_data.
---@field not_domains fun(...: any): boolean
---@field encrypted fun(...: any): boolean True on a TLS session whose cipher matches.
---@field not_encrypted fun(...: any): boolean
---@field hosts fun(...: any): boolean Matches client host; sets host_data.
---@field not_hosts fun(...: any): boolean
---@field local_parts fun(...: any): boolean Matches recipient local part; sets local_part_data.
---@field not_local_parts fun(...: any): boolean
---@field mime_regex fun(...: any): boolean Matches the first 32 KiB of the decoded part as one text; a text is one expression, an array several. Sets `regex`.
---@field not_mime_regex fun(...: any): boolean
---@field ratelimit fun(...: any): boolean Is the rate of something at its limit or above? `"LIMIT / PERIOD / options"`, or a table with key, count and unique beside that text. The rate is smoothed as Exim's and shared by all workers; it is counted once for a connection, message or command, however many ACLs ask. Sets sender_rate, sender_rate_limit and sender_rate_period.
---@field not_ratelimit fun(...: any): boolean
---@field recipients fun(...: any): boolean Matches recipient address; sets recipient_data on lookup.
---@field not_recipients fun(...: any): boolean
---@field regex fun(...: any): boolean Matches the message, header and body, line by line, in a mime ACL the part as it is in the message; 32 KiB of a line at once. A text is one expression, an array several. Sets `regex`.
---@field not_regex fun(...: any): boolean
---@field seen fun(...: any): boolean Was this met before? `"1h"`: less than an hour ago; `"-5m"`: first at least five minutes ago. Options `readonly`, `write`, `refresh=TIME`; `{ "-5m", key = function(m) ... end }` for something else than the client's address. All workers share what was seen.
---@field not_seen fun(...: any): boolean
---@field sender_domains fun(...: any): boolean Matches sender domain.
---@field not_sender_domains fun(...: any): boolean
---@field senders fun(...: any): boolean Matches sender; single colon matches bounces; sets sender_data.
---@field not_senders fun(...: any): boolean
---@field spf fun(...: any): boolean Checks the sender (HELO's name for the empty one) by SPF, RFC 7208, and asks whether the result is in the list: `pass`, `fail`, `softfail`, `neutral`, `none`, `temperror`, `permerror`; `err_temp` and `err_perm` are old names of the last two. Sets the spf_ variables.
---@field not_spf fun(...: any): boolean
---@field spf_guess fun(...: any): boolean As `spf`, but a domain that publishes no record is judged by the one in `spf_guess`: no standard, and no ground to refuse.
---@field not_spf_guess fun(...: any): boolean
---@field verify fun(...: any): boolean Runs one of the verify tests.
---@field not_verify fun(...: any): boolean
check = {}

---@class rules.control
---@field allow_auth_unadvertised fun(...: any) Lets client use AUTH unadvertised, even after HELO, any configured mechanism.
---@field caseful_local_part fun(...: any) Restores original case in local_part for rest of this ACL.
---@field caselower_local_part fun(...: any) Returns local_part to lower case.
---@field cutthrough_delivery fun(...: any) Delivers onward while receiving, first recipient decides; no queueing on definite answer.
---@field debug fun(...: any) A file beside the main log with what happens in this session: commands, what the rules say, replies. `debug/tag=.ann` begins `debuglog.ann`, `debug/stop` ends it, `debug/kill` removes it too.
---@field dkim_disable_verify fun(...: any) Turns DKIM verification off for the message, before its content comes: no key is asked for and the dkim ACL is not run.
---@field dmarc_disable_verify fun(...: any) The message is not checked by DMARC: its status is `off`.
---@field dmarc_enable_forensic fun(...: any) A report of a message that fails DMARC may go where the domain's record wants it (`ruf`).
---@field dscp fun(...: any) Sets DSCP on the inbound socket: name or 0..0x3F.
---@field enforce_sync fun(...: any) Turns SMTP synchronisation checking on for the connection.
---@field explain fun(...: any) Has what this and the message's later ACLs try be kept for `perigee explain` even if they accept; before MAIL, what all of the session's try.
---@field fakedefer fun(...: any) Answers 450 after data yet delivers the message.
---@field fakereject fun(...: any) Answers 550 after data yet delivers the message.
---@field freeze fun(...: any) Queues the message frozen; no_tell suppresses freeze_tell notice.
---@field no_callout_flush fun(...: any) Skips flushing SMTP output before callouts.
---@field no_delay_flush fun(...: any) Skips flushing SMTP output before delay.
---@field no_enforce_sync fun(...: any) Turns SMTP synchronisation checking off for the connection.
---@field no_mbox_unspool fun(...: any) Leaves the files that `decode` wrote where they are.
---@field no_multiline_responses fun(...: any) Sends only one line of multi-line refusals.
---@field no_pipelining fun(...: any) Stops PIPELINING being advertised.
---@field queue fun(...: any) No immediate delivery; first_pass_route routes only; queue_only is the old spelling.
---@field queue_only fun(...: any) The message is queued without a delivery at once: an old spelling of queue.
---@field submission fun(...: any) Submission mode fixups: adds Date, Message-ID, From, checks Sender.
---@field suppress_local_fixups fun(...: any) Turns off fixups usually given to local submissions.
control = {}

---@param options site.options
function site(options) end

---Ends the ACL with acceptance if all conditions hold.
---@param spec? string|statement|function
function accept(spec) end

---Ends ACL with temporary failure if all conditions hold; same as deny for non-SMTP.
---@param spec? string|statement|function
function defer(spec) end

---Goes on if all conditions hold, otherwise refuses with its message.
---@param spec? string|statement|function
function demand(spec) end

---Ends ACL with refusal if all conditions hold.
---@param spec? string|statement|function
function deny(spec) end

---Like accept but recipient(s) are silently dropped; predata ACL may not return it.
---@param spec? string|statement|function
function discard(spec) end

---Like deny, then closes the SMTP connection after the reply.
---@param spec? string|statement|function
function drop(spec) end

---Acts if all conditions hold and always goes on; what it cannot find out is logged and passed over.
---@param spec? string|statement|function
function warn(spec) end

address = {}

base32 = {}

base62 = {}

base64 = {}

cert = {}

crypto = {}

dns = {}

file = {}

hash = {}

header = {}

hex = {}

idn = {}

imap = {}

ip = {}

json = {}

list = {}

lookup = {}

lookup.table = {}

mime = {}

number = {}

prvs = {}

regex = {}

rewrite = {}

rfc2047 = {}

route = {}

secret = {}

socket = {}

srs = {}

store = {}

text = {}

time = {}

tls = {}

utf8 = {}

verify = {}

xtext = {}

---What stands behind the last @.
---@param text string
---@return string?
function address.domain(text) end

---The one address of a header field. Nil if there is none, or more than one.
---@param text string
---@return string?
function address.extract(text) end

---All addresses of a header field, without names, comments and groups; nil and the reason if it is no such field.
---@param text string
---@return string[]?
function address.list(text) end

---What stands before the last @; all of it if there is none.
---@param text string
---@return string
function address.local_part(text) end

---{ local_part =, domain = } of exactly one address as MAIL and RCPT take it, or nil and the reason.
---@param text string
---@return table?
function address.parse(text) end

---A local part as an address writes it: in quotes where its characters ask for them.
---@param text string
---@return string
function address.quote_local_part(text) end

---A local part without quotes and backslashes. Two addresses are one mailbox if this is the same.
---@param text string
---@return string
function address.unquote_local_part(text) end

---A whole Authentication-Results field (RFC 8601) under the name of this service, of what is known so far: the client's name, who logged in, SPF, DKIM as the dkim ACL left it, DMARC, ARC once it was verified. Fields that came in under primary_hostname, or a name of authresults_ids, are forgeries and were taken off. `header.add(authresults(m.primary_hostname), "at_start")`
---@param id string
---@return string
function authresults(id) end

---The number; nil and the reason if it is none.
---@param text string
---@return integer?
function base32.decode(text) end

---A whole number below 2^53 in base 32 (a-z2-7).
---@param number integer
---@return string
function base32.encode(number) end

---The number; nil and the reason if it is none.
---@param text string
---@return integer?
function base62.decode(text) end

---A whole number below 2^53 in base 62 (0-9A-Za-z), six digits at least: the form of message ids.
---@param number integer
---@return string
function base62.encode(number) end

---What base64 encodes; white space is passed over, anything else that is none of it gives nil and the reason.
---@param text string
---@return string?
function base64.decode(text) end

---Base64 (RFC 4648) on one line. At most 1 MiB.
---@param text string
---@return string
function base64.encode(text) end

---The certificate as its bytes, of a text of PEM.
---@param certificate? string
---@return string?
function cert.der(certificate) end

---A field of a certificate, which is given as `m.tls_in_peercert` and its kin are (bytes of DER) or as a text of PEM; nil if the certificate does not have it, or if there is no certificate. Fields: `version`, `serial_number` (hex), `subject` and `issuer` (as RFC 4514 writes them, `CN=mx.example.net,O=Example`; with `,CN`, `,O` ... behind it the values of that part alone), `notbefore` and `notafter` (a text in the zone of the log; with `,int` seconds since 1970), `sig_algorithm`, `signature` (hex, with colons), `subj_altname` (`DNS=`, `URI=` and `MAIL=` before each; with `,dns`, `,uri` or `,mail` those alone, without it), `ocsp_uri` and `crl_uri`. Several values stand on lines of their own; `,>x` puts x between them, and an x in one of them is doubled. A field or a word behind it that does not exist is an error. The certificate's digests are `hash.sha256(m.tls_in_peercert)` and its kin.
---@param certificate? string
---@param field string
---@return any
function cert.extract(certificate, field) end

---The same for fields with several values, as a list: `subj_altname`, `ocsp_uri`, `crl_uri`, and parts of names (`subject,OU`).
---@param certificate? string
---@param field string
---@return string[]?
function cert.list(certificate, field) end

---Is the certificate for this host name? Its DNS names count, and the CN if it has none; `*` stands for a whole first label of a name of three labels or more. Whether anybody trusted has signed it is another question.
---@param certificate? string
---@param host string
---@return boolean?
function cert.matches(certificate, host) end

---The certificate as a text of PEM.
---@param certificate? string
---@return string?
function cert.pem(certificate) end

---HMAC (RFC 2104) in hex; digests are md5, sha1, sha224, sha256, sha384, sha512.
---@param digest string
---@param key string
---@param text string
---@return string
function crypto.hmac(digest, key, text) end

---Is this the password of which that was kept? `kept` is what crypt(3) made ("$y$...", "$6$..."), or {md5}, {sha1}, {sha256}, {sha512} and the bare digest in hex or base64. An error if it is neither: a password in clear never matches.
---@param password string
---@param kept string
---@return boolean
function crypto.password(password, kept) end

---Are two texts the same? Takes the same time wherever they differ: for secrets.
---@param a string
---@param b string
---@return boolean
function crypto.same(a, b) end

---The IPv4 addresses of a name.
---@param name string
---@return string[]?
function dns.a(name) end

---The IPv6 addresses of a name.
---@param name string
---@return string[]?
function dns.aaaa(name) end

---What a name is another name for.
---@param name string
---@return string[]?
function dns.cname(name) end

---The mail hosts of a domain as { preference =, name = }, best first. A null MX has the name "".
---@param name string
---@return table[]?
function dns.mx(name) end

---The name servers of a zone.
---@param name string
---@return string[]?
function dns.ns(name) end

---The names that the reverse zone gives for an address, verified or not.
---@param ip string
---@return string[]?
function dns.ptr(ip) end

---The verified name of an address: one of its names leads back to it.
---@param ip string
---@return string?
function dns.reverse(ip) end

---The services at a name as { preference =, weight =, port =, target = }.
---@param name string
---@return table[]?
function dns.srv(name) end

---The texts of a name, the strings of each record joined.
---@param name string
---@return string[]?
function dns.txt(name) end

---Fails the address for good.
---@param text? string
function fail(text) end

---Is there such a file or directory?
---@param path string
---@return boolean
function file.exists(path) end

---The whole of a file of at most 4 MiB; nil if it is not there. A relative path begins in the rule directory; what follows the root of a path() is opened beneath it.
---@param path string
---@return string?
function file.read(path) end

---{ size =, mtime =, mode =, uid =, gid =, kind = "file", "directory", "socket" or "other" }; nil if it is not there.
---@param path string
---@return table?
function file.stat(path) end

---MD5 in hex. For old formats only.
---@param text string
---@return string
function hash.md5(text) end

---SHA-1 in hex.
---@param text string
---@return string
function hash.sha1(text) end

---SHA-224 in hex.
---@param text string
---@return string
function hash.sha224(text) end

---SHA-256 in hex.
---@param text string
---@return string
function hash.sha256(text) end

---SHA-3 in hex, of 224, 256 (the default), 384 or 512 bits.
---@param text string
---@param bits? integer
---@return string
function hash.sha3(text, bits) end

---SHA-384 in hex.
---@param text string
---@return string
function hash.sha384(text) end

---SHA-512 in hex.
---@param text string
---@return string
function hash.sha512(text) end

---Adds a field, or several, one a line. Places: at_end, at_start (above our own Received), after_received, at_start_rfc.
---@param text string
---@param place? string
function header.add(text, place) end

---Removes fields by name (a colon list, or a table), or by a regular expression that begins with ^.
---@param names string
function header.remove(names) end

---A text for a header field, broken at blanks into lines of at most `columns` (80) where that can be, each after the first with a tab in front; what is beyond `limit` bytes (998) is cut.
---@param text string
---@param columns? integer
---@param limit? integer
---@return string
function header.wrap(text, columns, limit) end

---The bytes; nil and the reason if it is no hex.
---@param text string
---@return string?
function hex.decode(text) end

---Two lower-case hex digits for each byte.
---@param text string
---@return string
function hex.encode(text) end

---A domain as people write it; nil and the reason if it is none.
---@param domain string
---@return string?
function idn.from_alabel(domain) end

---A domain as DNS knows it (RFC 5891), in lower case; nil and the reason if it is none.
---@param domain string
---@return string?
function idn.to_alabel(domain) end

---The name of a folder as a directory of Maildir++ is called: modified UTF-7 (RFC 3501), a dot for the separator ("/"). Characters of `specials` are encoded too. Nil and the reason if it is no UTF-8.
---@param name string
---@param separator? string
---@param specials? string
---@return string?
function imap.folder(name, separator, specials) end

---The address in RFC 5952's form.
---@param text string
---@return string?
function ip.canonical(text) end

---The address as eight groups of four hex digits; an IPv4 address as the IPv6 address it is mapped to.
---@param text string
---@return string?
function ip.expand(text) end

---Is it an address?
---@param text string
---@return boolean
function ip.is(text) end

---Is it an IPv4 address?
---@param text string
---@return boolean
function ip.is_v4(text) end

---Is it an IPv6 address?
---@param text string
---@return boolean
function ip.is_v6(text) end

---The address with all but its first bits zero.
---@param text string
---@param bits integer
---@return string?
function ip.mask(text, bits) end

---The name of the address in the reverse zone.
---@param text string
---@return string?
function ip.reverse(text) end

---The labels of the address turned round: what a name in a DNS list begins with.
---@param text string
---@return string?
function ip.reverse_labels(text) end

---Is the address in the network? For more than one network declare a `hostlist`.
---@param text string
---@param network string
---@return boolean
function ip.within(text, network) end

---The value of a JSON text (RFC 8259) of at most 1 MiB; nil and the reason if it is none, or if an object names a member twice. null becomes json.null.
---@param text string
---@return any
function json.decode(text) end

---The value as JSON, members in order of their names. A table with the keys 1 to n is an array, the empty one too.
---@param value any
---@return string
function json.encode(value) end

---A member inside of members, of a text or a decoded value: names of objects, numbers of arrays (from the end if negative). Nil if one of them is not there, or null.
---@param value any
---@return any
function json.get(value, ...) end

---Does the function say true of every item? True for an empty list.
---@param list any
---@param test function
---@return boolean
function list.all(list, test) end

---Does the function say true of an item? False for an empty list.
---@param list any
---@param test function
---@return boolean
function list.any(list, test) end

---How many items there are.
---@param list any
---@return integer
function list.count(list) end

---The items for which the function says true. As a text the list has the separator of the one it came from.
---@param list any
---@param keep function
---@return string[]
function list.filter(list, keep) end

---The n-th item, from the end if n is negative; nil if there is none.
---@param list any
---@param n integer
---@return any
function list.get(list, n) end

---Is the item in the list, letter for letter?
---@param list any
---@param item string
---@return boolean
function list.has(list, item) end

---Is the item in the list, whatever the case of ASCII letters?
---@param list any
---@param item string
---@return boolean
function list.has_fold(list, item) end

---The items as one text, with colons or the separator between them.
---@param list any
---@param separator? string
---@return string
function list.join(list, separator) end

---What the function makes of each item; an item for which it gives nil is left out.
---@param list any
---@param change function
---@return any[]
function list.map(list, change) end

---Is an address in a list, as a condition reads it? The second result is what a lookup said.
---@param subject string
---@param list any
---@return boolean
function list.match_address(subject, list) end

---Is a domain in a list, as a condition reads it? The second result is what a lookup said.
---@param subject string
---@param list any
---@return boolean
function list.match_domain(subject, list) end

---Is an address of a host in a list, as a condition reads it? The second result is what a lookup said.
---@param subject string
---@param list any
---@return boolean
function list.match_host(subject, list) end

---Is a local part in a list, as a condition reads it? The second result is what a lookup said.
---@param subject string
---@param list any
---@return boolean
function list.match_local_part(subject, list) end

---The items as a list in Exim's form that reads back as the same items.
---@param list any
---@param separator? string
---@return string
function list.quote(list, separator) end

---What is left when the function has made one value of the start and each item in turn.
---@param list any
---@param start any
---@param step function
---@return any
function list.reduce(list, start, step) end

---The items in order of themselves, or of the key the function gives (all texts or all numbers). Equal ones keep their order.
---@param list any
---@param key? function
---@return any[]
function list.sort(list, key) end

---The items of a list in Exim's form: colons, or another separator after "<". A doubled separator is itself.
---@param text string
---@return string[]
function list.split(text) end

---The logs that record refusals for the rest of this ACL: main, reject, panic, any number of them.
---@param logs string
function log_reject_target(logs) end

---Writes a line into the main log, or, with ":main,reject,panic:" before it, into those.
---@param text string
function logwrite(text) end

---The value of a key in a constant database, the first of several. Three small reads, however large the file is.
---@param file string
---@param key string
---@param options? table
---@return string?
function lookup.cdb(file, key, options) end

---As iplsearch, but the longest network that holds the address counts, wherever its line stands.
---@param file string
---@param key string
---@param options? table
---@return string?
function lookup.cidr(file, key, options) end

---DNS records as one text, in the syntax of Exim's dnsdb: "mx=example.org", ">:,;txt=a.example:b.example". Each ? is a parameter, which is one name whatever it holds. Options: dnssec and defer ("strict", "lax", "never"), separator, field_separator, timeout.
---@param query string
---@param params? table
---@param options? table
---@return string?
function lookup.dnsdb(query, params, options) end

---The name of an entry in a directory. The key is one safe component; anything else is not there. ret = "full" gives the path, filter = "file" or "dir" asks for one kind.
---@param file string
---@param key string
---@param options? table
---@return string?
function lookup.dsearch(file, key, options) end

---The value of the first line whose address or network holds an address. The line `*` holds all.
---@param file string
---@param key string
---@param options? table
---@return string?
function lookup.iplsearch(file, key, options) end

---A value in a JSON file. The key is a path, "site:hosts:0", items of arrays counted from 0. A text is given as it is, other values as JSON, null as nil.
---@param file string
---@param key string
---@param options? table
---@return string?
function lookup.json(file, key, options) end

---The value of a key in the unnamed database of an LMDB file (not its directory), read only, keys byte for byte.
---@param file string
---@param key string
---@param options? table
---@return string?
function lookup.lmdb(file, key, options) end

---The value of a key in a file of `key: value` lines. A relative path begins in the rule directory. The file has to be there: one that cannot be read is "could not find out".
---@param file string
---@param key string
---@param options? table
---@return string?
function lookup.lsearch(file, key, options) end

---The same as wildlsearch: nothing in such a file is expanded.
---@param file string
---@param key string
---@param options? table
---@return string?
function lookup.nwildlsearch(file, key, options) end

---A user of this machine as { name, uid, gid, gecos, home, shell }; ret = "text" gives the line of the passwd file.
---@param name string
---@param options? table
---@return any
function lookup.passwd(name, options) end

---May this host send for this address? The word of SPF (RFC 7208): `pass`, `fail`, `softfail`, `neutral`, `none`, `temperror` or `permerror`. IPv4 and IPv6.
---@param ip string
---@param address string
---@param options? table
---@return string?
function lookup.spf(ip, address, options) end

---Asks an SQLite database. Each ? of the query is a parameter, bound, never text of the query. One column is given as it is, several as name=value, rows by line ends; ret = "rows" gives an array of tables. No row is nil. Read only unless write = true, when a statement gives the number of rows it changed. Busy for longer than `busy` (5s) is "could not find out".
---@param file string
---@param query string
---@param params? table
---@param options? table
---@return any
function lookup.sqlite(file, query, params, options) end

---lookup.cdb as an item of a list, asked about the list's subject; with :get(key) in code.
---@param file string
---@param options? table
---@return table
function lookup.table.cdb(file, options) end

---lookup.cidr as an item of a list, asked about the list's subject; with :get(key) in code.
---@param file string
---@param options? table
---@return table
function lookup.table.cidr(file, options) end

---lookup.dnsdb as an item of a list: each ? of the query is the list's subject.
---@param query string
---@param options? table
---@return table
function lookup.table.dnsdb(query, options) end

---lookup.dsearch as an item of a list, asked about the list's subject; with :get(key) in code.
---@param file string
---@param options? table
---@return table
function lookup.table.dsearch(file, options) end

---lookup.iplsearch as an item of a list, asked about the list's subject; with :get(key) in code.
---@param file string
---@param options? table
---@return table
function lookup.table.iplsearch(file, options) end

---lookup.json as an item of a list, asked about the list's subject; with :get(key) in code.
---@param file string
---@param options? table
---@return table
function lookup.table.json(file, options) end

---lookup.lmdb as an item of a list, asked about the list's subject; with :get(key) in code.
---@param file string
---@param options? table
---@return table
function lookup.table.lmdb(file, options) end

---lookup.lsearch as an item of a list, asked about the list's subject; with :get(key) in code.
---@param file string
---@param options? table
---@return table
function lookup.table.lsearch(file, options) end

---lookup.nwildlsearch as an item of a list, asked about the list's subject; with :get(key) in code.
---@param file string
---@param options? table
---@return table
function lookup.table.nwildlsearch(file, options) end

---lookup.passwd as an item of a list: is the subject a user of this machine?
---@param options? table
---@return table
function lookup.table.passwd(options) end

---An item of a list: the subject is an address for which the host may send, its result is `pass`.
---@param ip string
---@param options? table
---@return table
function lookup.table.spf(ip, options) end

---lookup.sqlite as an item of a list: each ? of the query is the list's subject.
---@param file string
---@param query string
---@param options? table
---@return table
function lookup.table.sqlite(file, query, options) end

---lookup.wildlsearch as an item of a list, asked about the list's subject; with :get(key) in code.
---@param file string
---@param options? table
---@return table
function lookup.table.wildlsearch(file, options) end

---As lsearch, but a key of the file may be `*tail` or `^regular expression`; the first line that fits counts.
---@param file string
---@param key string
---@param options? table
---@return string?
function lookup.wildlsearch(file, key, options) end

---The beginning of a part, decoded: one that `mime.parts` gave, or its number. 32 KiB, or as many bytes as are asked for, at most 64 KiB.
---@param part any
---@param size? integer
---@return string
function mime.content(part, size) end

---Every part of the message, attached messages included, as tables: number, type, disposition, encoding, id, description, charset, boundary, filename, filenames, size (bytes, decoded), message (0 the message itself, others attached), index (in its message, from 0), parent (a number), is_multipart, is_coverletter, is_rfc822, anomaly_level, anomaly_text: as the variables `mime_...` say it. If a bound was met the second value says which; then there are parts that are not in the list. No mime ACL is needed.
---@return table[], string?
function mime.parts() end

---A number from 1 to `most`, from a source nobody can foretell (unless --seed fixed it).
---@param most integer
---@return integer
function number.random(most) end

---Bytes of a size such as "10K", "5M", "2G"; nil and the reason if it is none.
---@param text any
---@return integer?
function number.size(text) end

---A number from 0 to modulus - 1 that depends on the text alone: for spreading users over directories. It is not the number Exim's nhash gives.
---@param text string
---@param modulus integer
---@return integer
function number.spread(text, modulus) end

---Goes on with the next router, as declining does.
function pass() end

---A path from a trusted root and safe names: each part is one component without `/`, without `.` or `-` at its beginning and without control bytes. It is opened beneath the root and no link is followed.
---@param root string
---@param part string
---@return string
function path(root, part, ...) end

---Is the tag of an address ours, and not too old? true, or false, and the address without it; nil: it has no tag. A function in place of the secret is asked with the address and the number of its key; nil from it: we have no such secret. Sets `m.prvscheck_address`, `m.prvscheck_keynum` and `m.prvscheck_result`.
---@param address string
---@param secret any
---@return boolean?, string?
function prvs.check(address, secret) end

---A sender with a tag that only we can make (BATV), good for seven days. key: its number, 0 to 9. The secret has at most 64 bytes.
---@param address string
---@param secret string
---@param key? integer
---@return string?, string?
function prvs.create(address, secret, key) end

---Makes other addresses of it: a text as in an aliases file, or a table, with options such as one_time.
---@param addresses any
function redirect(addresses) end

---The captures of a PCRE2 expression, [0] being the whole match, or nil. A match that would take too long is an error, and so is a subject of more than 64 KiB.
---@param subject string
---@param pattern string
---@return table?
function regex.match(subject, pattern) end

---The text as an expression that matches just it.
---@param text string
---@return string
function regex.quote(text) end

---The text with every match replaced; $0 to $9 and ${10} are captures, $$ is a dollar.
---@param subject string
---@param pattern string
---@param replacement string
---@return string
function regex.replace(subject, pattern, replacement) end

---What the rules make of an address at a place: env-to (the default), env-from, from, sender, reply-to, to, cc, bcc.
---@param address string
---@param place? string
---@return string
function rewrite.address(address, place) end

---What each rule does to an address, place by place: { place =, result =, steps = { { rule =, where =, text = } } }.
---@param address string
---@return table[]
function rewrite.explain(address) end

---Declares a rewriting rule: { pattern, replacement, flags = "Fs" }. The pattern is an address item, whose `*` are captured, a regular expression or a function; the replacement a text with $1, $local_part and $domain, "*" to leave the address alone, or function(m, address, captures). docs/guide/rewriting.md has the flags.
---@param rule table
function rewrite.rule(rule) end

---The same for people to read, as `perigee rewrite` prints it.
---@param address string
---@return string
function rewrite.text(address) end

---Encoded words as UTF-8. Those that are damaged or of a character set nobody knows stay as they are.
---@param text string
---@return string
function rfc2047.decode(text) end

---The text as encoded words of at most 75 characters with a space between; as it is, if it is printable ASCII. What is no UTF-8 is said to be `unknown-8bit`.
---@param text string
---@return string
function rfc2047.encode(text) end

---Sends the address to { transport =, host = "name:port" or hosts = {}, ... }.
---@param where table
function route.to(where) end

---The content of a file that others may not read, without the line end. Read when the rules are loaded.
---@param path string
---@return string
function secret.file(path) end

---Waits. Other sessions go on.
---@param time string
function sleep(time) end

---Asks a service and gives its answer: { to = "host:port" or "/path", send = "...", timeout = "5s", answer = "close" (everything until it closes, the default) or "line", half_close = true to close our side when all is sent }. At most 1 MiB of answer. No answer in time, or none at all, is "could not find out". There are no sockets in a hermetic world.
---@param request table
---@return string
function socket.ask(request) end

---The address that a local part made by `srs.encode` stands for; of SRS1 the SRS0 address at the first forwarder. Any of several secrets may have signed. Options: max_age in days (21; style "exim": 10), hash_min (4), style. nil and why: "not srs", "syntax", "hash", "expired". An empty secret tests the form only: never accept mail by that.
---@param local_part string
---@param secret any
---@param options? table
---@return string?, string?
function srs.decode(local_part, secret, options) end

---A sender as an address at our domain, so that we may forward its mail: SRS0, or SRS1 for what another forwarder rewrote before; as Mail::SRS and postsrsd make them. secret: a text, or several, of which the first signs. Options: separator ("=", "+" or "-"), hash_length (4), style ("mail-srs", or "exim" for addresses as Exim's srs_encode makes them). The null sender stays what it is. nil and why: the return path has no domain, or the result is longer than an address may be. An empty secret is an error.
---@param secret any
---@param return_path string
---@param domain string
---@param options? table
---@return string?, string?
function srs.encode(secret, return_path, domain, options) end

---Is it a rewritten address of ours? As `srs.decode`; `m.srs_recipient` is set as soon as the form fits, whatever the answer is.
---@param local_part string
---@param secret any
---@param options? table
---@return boolean
function srs.inbound(local_part, secret, options) end

---Forgets a key.
---@param name string
---@param key string
function store.del(name, key) end

---What was put under a key of a store, in the type it had. Stores are shared by all workers and survive a restart, but not a reboot: they remember, they do not keep.
---@param name string
---@param key string
---@return any
function store.get(name, key) end

---Adds 1, or `by`, to a number and gives the sum. The time begins when the number is made.
---@param name string
---@param key string
---@param ttl? string
---@param by? integer
---@return number
function store.incr(name, key, ttl, by) end

---Remembers a string, a number or a boolean, for a time such as "1d". nil forgets.
---@param name string
---@param key string
---@param value any
---@param ttl? string
function store.put(name, key, value, ttl) end

---Bytes that do not print, and those above 126, as \n, \t or \ooo.
---@param text string
---@return string
function text.escape(text) end

---Bytes above 126 and backslashes as \xNN.
---@param text string
---@return string
function text.escape_8bit(text) end

---All that does not print as \xNN.
---@param text string
---@return string
function text.escape_hex(text) end

---The n-th part between any of the separators; from the end if n is negative, all of it for 0; nil if there is none.
---@param text string
---@param n integer
---@param separators string
---@return string?
function text.field(text, n, separators) end

---In double quotes, unless it is only letters, digits, dots, hyphens and underscores.
---@param text string
---@return string
function text.quote(text) end

---Are they the same, whatever the case of ASCII letters?
---@param a string
---@param b string
---@return boolean
function text.same_fold(a, b) end

---Each byte of `from` becomes the one at its place in `to`; the last of `to` stands for the rest.
---@param text string
---@param from string
---@param to string
---@return string
function text.translate(text, from, to) end

---What people write for yes (yes, true, a number but 0) and no (no, false, 0, nothing, nil). Anything else is an error.
---@param value any
---@return boolean
function text.truth(value) end

---The value of a name in a text of name=value pairs, whatever the case of the name; nil if it is not there.
---@param text string
---@param name string
---@return string?
function text.value(text, name) end

---Seconds as such a time.
---@param seconds integer
---@return string
function time.interval(seconds) end

---Seconds since 1970, by the engine's clock.
---@return number
function time.now() end

---Seconds of a time such as "1d12h"; nil and the reason if it is none.
---@param text any
---@return integer?
function time.seconds(text) end

---What m.tls_in_resumption or m.tls_out_resumption says, in the words of Exim's _RESUME_DECODE; nil, of a connection in clear, stays nil.
---@param bits? integer
---@return string?
function tls.resumption(bits) end

---Sends a datagram to an address or a host; what becomes of it is not asked.
---@param server string
---@param port integer
---@param text string
function udpsend(server, port, text) end

---The text with "?", or what is given, for each byte that is no part of UTF-8.
---@param text string
---@param with? string
---@return string
function utf8.clean(text, with) end

---The text, taken as ISO-8859-1, in UTF-8.
---@param text string
---@return string
function utf8.from_latin1(text) end

---The text in ISO-8859-1; what that does not have becomes "_". Nil and the reason if it is no UTF-8.
---@param text string
---@return string?
function utf8.to_latin1(text) end

---Is it UTF-8 (RFC 3629)?
---@param text string
---@return boolean
function utf8.valid(text) end

---Are all addresses in the header sound?
---@return boolean
function verify.header_syntax() end

---Does the name in HELO or EHLO lead to the client, or the client's address to the name?
---@return boolean
function verify.helo() end

---Would this recipient, or the one being asked about, have a place to go? Asked by routing it.
---@param address? string
---@param options? table
---@return boolean
function verify.recipient(address, options) end

---Has the client a verified name?
---@return boolean
function verify.reverse_host_lookup() end

---Could an answer to this sender, or to the message's, be routed? The null sender always passes.
---@param address? string
---@param options? table
---@return boolean
function verify.sender(address, options) end

---What xtext encodes; nil and the reason if it is none.
---@param text string
---@return string?
function xtext.decode(text) end

---xtext of RFC 3461, for parameters of SMTP commands.
---@param text string
---@return string
function xtext.encode(text) end
