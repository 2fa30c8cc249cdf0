-- The settings of site { ... }. Names are Exim's where Exim has the option; a name
-- that is not built yet says the feature it belongs to, one that will not come says
-- why. Defaults are those of a server that faces the network: every limit is finite.

-- processes
option { kind = "main", name = "group", type = "string", restart = true, section = "processes",
  doc = [[The group of that user, if it is not the user's own.]] }
option { kind = "main", name = "local_delivery_roots", type = "list", restart = true, section = "processes",
  doc = [[Directories below which mailboxes of other users may be written.]] }
option { kind = "main", name = "local_delivery_programs", type = "list", restart = true, section = "processes",
  doc = [[Programs, or directories of programs, that a pipe transport or a transport_filter may run as other users. Unset: none.]] }
option { kind = "main", name = "reload_on_change", type = "boolean", default = false, section = "processes",
  doc = [[Load the rules anew one second after the last change in their directory.]] }
option { kind = "main", name = "user", type = "string", restart = true, section = "processes",
  doc = [[Who the engine becomes when it is started as root.]] }
option { kind = "main", name = "workers", type = "integer", restart = true, section = "processes",
  doc = [[How many worker processes; the number of cores if unset.]] }
option { kind = "main", name = "trusted_users", type = "list", section = "processes",
  doc = [[Users, by name or number, whose local programs may give any sender and keep their Sender: field. root and the engine's own user always may.]] }
option { kind = "main", name = "trusted_groups", type = "list", section = "processes",
  doc = [[Groups whose local programs are trusted likewise; the group a program runs with counts.]] }
option { kind = "main", name = "untrusted_set_sender", type = "addresslist", func = "not_smtp_start", section = "processes",
  doc = [[Senders that everybody's local programs may give with -f; from others mail comes from their login. The null sender is always allowed.]] }
option { kind = "main", name = "timezone", type = "string", restart = true, section = "processes",
  doc = [[The zone of local times in logs and Date: fields, as "UTC" or "Europe/Berlin"; what the environment says if unset.]] }
option { kind = "main", name = "smtp_connect_backlog", type = "integer", default = 1024, section = "processes",
  doc = [[How many connections may wait in a listening socket until they are accepted. Exim: 20.]] }

-- names
option { kind = "main", name = "allow_domain_literals", type = "boolean", default = false, section = "names",
  doc = [[Permit user@[address] forms.]] }
option { kind = "main", name = "extra_local_interfaces", type = "list", section = "names",
  doc = [[Addresses treated as local but not listened on.]] }
option { kind = "main", name = "listen", type = "list", default = { "127.0.0.1:2525" }, section = "names",
  doc = [[Addresses and ports to listen on: "192.0.2.1:25" or "[2001:db8::1]:25".]] }
option { kind = "main", name = "open_relay", type = "boolean", default = false, section = "names",
  doc = [[The site means to relay for everyone: a trap, a test bed. `perigee check` and reload then warn where they would
refuse.]] }
option { kind = "main", name = "local_from_check", type = "boolean", default = true, section = "names",
  doc = [[Check From: of local submissions, add Sender: if wrong.]] }
option { kind = "main", name = "local_sender_retain", type = "boolean", default = false, section = "names",
  doc = [[Keep Sender: of local submissions.]] }
option { kind = "main", name = "message_id_header_domain", type = "string", func = "data", section = "names",
  doc = [[Domain of generated Message-ID:.]] }
option { kind = "main", name = "message_id_header_text", type = "string", func = "data", section = "names",
  doc = [[Extra text of generated Message-ID:.]] }
option { kind = "main", name = "primary_hostname", type = "string", section = "names",
  doc = [[Name of this host.]] }
option { kind = "main", name = "qualify_domain", type = "string", section = "names",
  doc = [[Domain added to bare senders (and recipients).]] }
option { kind = "main", name = "qualify_recipient", type = "string", section = "names",
  doc = [[Domain added to bare recipients.]] }
option { kind = "main", name = "received_header_text", type = "string", func = "data", section = "names",
  doc = [[Content of added Received: header.]] }
option { kind = "main", name = "percent_hack_domains", type = "domainlist", func = "route", section = "names",
  doc = [[Domains of ours where `user%other.example` is `user@other.example`.]] }
option { kind = "main", name = "local_from_prefix", type = "string", section = "names",
  doc = [[What local_from_check lets stand before the login in From:, as a router's local_part_prefix: `"*-"` is everything up to the last minus.]] }
option { kind = "main", name = "local_from_suffix", type = "string", section = "names",
  doc = [[What local_from_check lets stand behind the login in From:, as a router's local_part_suffix: `"-*"`.]] }

-- logs
option { kind = "main", name = "hosts_connection_nolog", type = "hostlist", func = "connect", section = "logs",
  doc = [[Clients excluded from connection logging.]] }
option { kind = "main", name = "log_file_path", type = "string", section = "logs",
  doc = [[Path of the log files with %s for main, reject, panic and json; SPOOL/log/%slog if unset.]] }
option { kind = "main", name = "explain_accepted", type = "boolean", default = false, section = "logs",
  doc = [[Keep also for mail that is accepted what `perigee explain` tells of refused mail. For one message or one session: `control.explain()`.]] }
option { kind = "main", name = "explain_ring", type = "size", default = 67108864, section = "logs",
  doc = [[How much of the spool remembers why mail was refused, deferred or discarded, for `perigee explain`; all workers together. What is oldest goes first; 0: nothing is remembered, and log lines carry no E=.]] }
option { kind = "main", name = "log_json", type = "boolean", default = false, section = "logs",
  doc = [[Write events of mail as JSON too, one object a line, into a file of their own (`json` for %s of log_file_path).]] }
option { kind = "main", name = "log_selector", type = "string", section = "logs",
  doc = [[Parts of log lines turned on and off: "+millisec -queue_time".]] }
option { kind = "main", name = "log_timezone", type = "boolean", default = false, section = "logs",
  doc = [[Add zone to log timestamps.]] }
option { kind = "main", name = "write_rejectlog", type = "boolean", default = true, section = "logs",
  doc = [[Write the reject log.]] }
option { kind = "main", name = "log_ports", type = "list", section = "logs",
  doc = [[Ports that the log selectors incoming_port and outgoing_port are for: of ours that a client came to, of a host that mail went to. At most 64; all if unset or `"*"`.]] }

-- bounces
option { kind = "main", name = "auto_thaw", type = "time", default = 0, section = "bounces",
  doc = [[Age after which a frozen non-bounce message is retried.]] }
option { kind = "main", name = "bounce_message_text", type = "string", section = "bounces",
  doc = [[Extra text placed near the top of default bounces.]] }
option { kind = "main", name = "bounce_return_body", type = "boolean", default = true, section = "bounces",
  doc = [[Include original body in bounces.]] }
option { kind = "main", name = "bounce_return_linesize_limit", type = "integer", default = 998, section = "bounces",
  doc = [[Longest original line that may be returned; longer means headers only.]] }
option { kind = "main", name = "bounce_return_message", type = "boolean", default = true, section = "bounces",
  doc = [[Include the original message in bounces.]] }
option { kind = "main", name = "bounce_return_size_limit", also = { "return_size_limit" }, type = "integer",
  default = 102400, section = "bounces",
  doc = [[Size cap of the returned original.]] }
option { kind = "main", name = "delay_warning", type = "timelist", default = { "86400" }, section = "bounces",
  doc = [[Times after which delay warnings are sent.]] }
option { kind = "main", name = "delay_warning_condition", type = "boolean", func = "queue", section = "bounces",
  doc = [[Condition deciding whether a delay warning is sent.]] }
option { kind = "main", name = "dsn_from", type = "string", func = "queue", section = "bounces",
  doc = [[From: line of generated bounces and warnings.]] }
option { kind = "main", name = "errors_reply_to", type = "string", section = "bounces",
  doc = [[Reply-To: for generated bounces and warnings.]] }
option { kind = "main", name = "ignore_bounce_errors_after", type = "time", default = 6048000, section = "bounces",
  doc = [[Age at which undeliverable bounces are dropped.]] }
option { kind = "main", name = "timeout_frozen_after", type = "time", default = 0, section = "bounces",
  doc = [[Age at which frozen messages are cancelled.]] }
option { kind = "main", name = "errors_copy", type = "list", func = "transport", section = "bounces",
  doc = [[Who else gets bounces: `"pattern address,address"` items; the pattern is an item of an address list, asked about the address the bounce goes to.]] }
option { kind = "main", name = "bounce_message_file", type = "string", section = "bounces",
  doc = [[A file with our own words for bounces: fields of its header, the text before the addresses, the text behind them, divided by lines of `****`. In it $primary_hostname, $bounce_recipient, $message_exim_id stand for values. Read when the rules are.]] }
option { kind = "main", name = "warn_message_file", type = "string", section = "bounces",
  doc = [[A file with our own words for delay warnings: fields of its header, the text before the addresses, the text behind them, divided by lines of `****`. In it $primary_hostname, $bounce_recipient, $message_exim_id, $warn_message_delay, $warn_message_recipients stand for values. Read when the rules are.]] }

-- queue and delivery
option { kind = "main", name = "event_action", type = "function", func = "event", section = "queue and delivery",
  doc = [[Called for each event of the main section, as event.on is for one.]] }
option { kind = "main", name = "hold_domains", type = "domainlist", func = "queue", section = "queue and delivery",
  doc = [[Domains whose mail stays on the queue.]] }
option { kind = "main", name = "never_users", type = "list", func = "option", section = "queue and delivery",
  doc = [[Users that deliveries must not run as.]] }
option { kind = "main", name = "queue_runs", type = "list", section = "queue and delivery",
  doc = [[Named queues that are run by the clock: { "bulk=15m", "night=8h" }. A run tries what is due in that queue;
without one, only `perigee queue run NAME` delivers from it.]] }
option { kind = "main", name = "queue_only", type = "boolean", default = false, section = "queue and delivery",
  doc = [[Queue everything, no immediate delivery.]] }
option { kind = "main", name = "remote_max_parallel", type = "integer", default = 6, section = "queue and delivery",
  doc = [[Parallel remote deliveries per message.]] }
option { kind = "main", name = "retry_data_expire", type = "time", default = 604800, section = "queue and delivery",
  doc = [[Age at which retry hints are ignored.]] }
option { kind = "main", name = "retry_interval_max", type = "time", default = 86400, section = "queue and delivery",
  doc = [[Longest retry interval.]] }
option { kind = "main", name = "smtp_accept_queue", type = "integer", default = 0, section = "queue and delivery",
  doc = [[Connections above which mail is only queued.]] }
option { kind = "main", name = "spool_directory", type = "string", default = "/var/spool/perigee", restart = true,
  section = "queue and delivery",
  doc = [[Where the spool lies, unless --spool or PERIGEE_SPOOL say so.]] }
option { kind = "main", name = "check_spool_space", type = "size", default = 0, section = "queue and delivery",
  doc = [[Space that is to stay free in the spool: MAIL gets 452 if there is less. 0 (Exim: 10M): the spool's own reserve is all, with which it can always make room again.]] }
option { kind = "main", name = "smtp_check_spool_space", type = "boolean", default = true, section = "queue and delivery",
  doc = [[Is there space for as much as SIZE= on MAIL says? If not, 452.]] }
option { kind = "main", name = "queue_only_file", type = "list", section = "queue and delivery",
  doc = [[Files (whole paths). While one of them is there, mail is only queued; they are looked for once a second.]] }
option { kind = "main", name = "queue_only_load", type = "fixed", section = "queue and delivery",
  doc = [[Load average above which mail is only queued, until a pass over the queue is asked for. Unset: load does not matter.]] }
option { kind = "main", name = "queue_only_load_latch", type = "boolean", default = true, section = "queue and delivery",
  doc = [[Once a message was queued because of the load, the rest of its session's are too.]] }
option { kind = "main", name = "smtp_accept_queue_per_connection", type = "integer", default = 0, section = "queue and delivery",
  doc = [[After so many messages in one session the others are only queued. 0 (Exim: 10): all are delivered at once, which here takes no process each.]] }
option { kind = "main", name = "queue_domains", type = "domainlist", func = "route", section = "queue and delivery",
  doc = [[Domains whose recipients are not tried when they come, but in the next pass over the queue (`perigee queue retry`, a queue run), and from then on as others.]] }
option { kind = "main", name = "queue_smtp_domains", type = "domainlist", func = "route", section = "queue and delivery",
  doc = [[As queue_domains, for deliveries by SMTP or LMTP only: the domain is routed, and what is local is delivered.]] }
option { kind = "main", name = "remote_sort_domains", type = "domainlist", func = "route", section = "queue and delivery",
  doc = [[The order in which a message's deliveries to other hosts are begun: domains of the first item first; others last.]] }
option { kind = "main", name = "freeze_tell", type = "list", section = "queue and delivery",
  doc = [[Addresses that get a letter when a message freezes; not about reports, and not after `control = "freeze/no_tell"`.]] }
option { kind = "main", name = "message_body_visible", type = "size", default = 500, section = "queue and delivery",
  doc = [[Bytes of the body that message_body and message_body_end show; at most 1M.]] }
option { kind = "main", name = "message_body_newlines", type = "boolean", default = false, section = "queue and delivery",
  doc = [[Keep line ends in message_body and message_body_end.]] }
option { kind = "main", name = "receive_timeout", type = "time", never = "a local program hands its message over whole, and the socket it comes by has a deadline of its own", section = "queue and delivery",
  doc = [[Time limit reading non-SMTP input; 0 none.]] }

-- names of hosts
option { kind = "main", name = "disable_ipv6", type = "boolean", default = false, section = "names of hosts",
  doc = [[Turn IPv6 off entirely.]] }
option { kind = "main", name = "dns_again_means_nonexist", type = "domainlist", func = "route",
  section = "names of hosts",
  doc = [[Domains where try-again is treated as no such domain.]] }
option { kind = "main", name = "dns_ipv4_lookup", type = "domainlist", func = "route", section = "names of hosts",
  doc = [[Domains for which AAAA is not looked up.]] }
option { kind = "main", name = "dns_recurse", type = "boolean", default = false, section = "names of hosts",
  doc = [[Ask the authorities of each domain, no forwarder.]] }
option { kind = "main", name = "dns_servers", type = "list", section = "names of hosts",
  doc = [[Servers to forward questions to, "addr" or "addr#port"; those of resolv.conf if unset.]] }
option { kind = "main", name = "dns_trust_anchors", type = "list", section = "names of hosts",
  doc = [[What DNSSEC begins at: "root" (the root's keys, as they come with Debian or with Perigee), a file of DS or
DNSKEY records, or such a record itself. Unset: the root's keys, where the DNS servers pass signatures on. What is
set is always used: a server that takes signatures off then makes answers bogus.]] }
option { kind = "main", name = "host_lookup", type = "hostlist", func = "connect", section = "names of hosts",
  doc = [[Clients whose name is always looked up.]] }
option { kind = "main", name = "hosts_treat_as_local", type = "domainlist", func = "route", section = "names of hosts",
  doc = [[Names of hosts that are this one wherever a list of hosts ends at ourselves, in MX records above all.]] }
option { kind = "main", name = "allow_mx_to_ip", type = "boolean", default = false, section = "names of hosts",
  doc = [[Take an MX record that points to an IPv4 address, against the standard, for that address.]] }

-- SMTP server
option { kind = "main", name = "accept_8bitmime", type = "boolean", default = true, section = "SMTP server",
  doc = [[Offer 8BITMIME and accept BODY= on MAIL.]] }
option { kind = "main", name = "delivery_date_remove", type = "boolean", default = true, section = "SMTP server",
  doc = [[Strip Delivery-date: from incoming mail.]] }
option { kind = "main", name = "envelope_to_remove", type = "boolean", default = true, section = "SMTP server",
  doc = [[Strip Envelope-to: from incoming mail.]] }
option { kind = "main", name = "header_maxsize", type = "size", default = 262144, section = "SMTP server",
  doc = [[Largest total size of a header; 552 to more. Exim: 1M; no mail needs it, and each rule that reads the header pays for it.]] }
option { kind = "main", name = "helo_accept_junk_hosts", type = "hostlist", func = "connect", section = "SMTP server",
  doc = [[Clients excused from HELO syntax checks.]] }
option { kind = "main", name = "helo_allow_chars", type = "string", section = "SMTP server",
  doc = [[Extra characters allowed in HELO names.]] }
option { kind = "main", name = "host_reject_connection", type = "hostlist", func = "connect", section = "SMTP server",
  doc = [[Clients refused on connect.]] }
option { kind = "main", name = "hosts_require_helo", type = "hostlist", default = { "*" }, func = "helo",
  section = "SMTP server",
  doc = [[Clients that must send HELO before MAIL.]] }
option { kind = "main", name = "message_size_limit", type = "size", default = 52428800, func = "mail",
  section = "SMTP server",
  doc = [[Largest message accepted.]] }
option { kind = "main", name = "pipelining_advertise_hosts", type = "hostlist", default = { "*" }, func = "helo",
  section = "SMTP server",
  doc = [[Clients offered PIPELINING.]] }
option { kind = "main", name = "received_headers_max", type = "integer", default = 50, section = "SMTP server",
  doc = [[So many Received: fields are a loop: 554. Exim: 30, which lists behind lists have met.]] }
option { kind = "main", name = "recipient_unqualified_hosts", type = "hostlist", func = "rcpt", section = "SMTP server",
  doc = [[Clients allowed bare recipients.]] }
option { kind = "main", name = "recipients_max", type = "integer", default = 1000, func = "rcpt", section = "SMTP server",
  doc = [[Most recipients per message, at most 16384: 452 to further ones (recipients_max_reject: 552, and nobody gets it). Exim: 50000; RFC 5321 asks for 100.]] }
option { kind = "main", name = "recipients_max_reject", type = "boolean", default = false, section = "SMTP server",
  doc = [[Refuse whole message above the limit.]] }
option { kind = "main", name = "return_path_remove", type = "boolean", default = true, section = "SMTP server",
  doc = [[Strip Return-path: from incoming mail.]] }
option { kind = "main", name = "sender_unqualified_hosts", type = "hostlist", func = "mail", section = "SMTP server",
  doc = [[Clients allowed bare senders.]] }
option { kind = "main", name = "smtp_accept_max", type = "integer", default = 20000, section = "SMTP server",
  doc = [[Most simultaneous inbound connections, over all workers. Exim: 20, as each is a process there.]] }
option { kind = "main", name = "smtp_accept_max_nonmail", type = "integer", default = 100, section = "SMTP server",
  doc = [[Commands per session that are not about mail. Exim: 10, which programs that check a connection now and then have met.]] }
option { kind = "main", name = "smtp_accept_max_per_connection", type = "integer", default = 1000, func = "connect",
  section = "SMTP server",
  doc = [[MAIL commands allowed per session.]] }
option { kind = "main", name = "smtp_accept_max_per_host", type = "integer", func = "connect", section = "SMTP server",
  doc = [[Simultaneous connections per client address, over all workers; an IPv6 /64 may have four times as many.]] }
option { kind = "main", name = "smtp_accept_rate_per_host", type = "string", func = "connect", section = "SMTP server",
  doc = [[New connections per client address in a time, over all workers: `"60 / 1m"`. So many may come at once, and
after that one whenever a sixtieth of the minute has passed; who comes faster gets 421. An IPv6 /64 may have four times
as many. The 16384 addresses that came most are remembered. No limit if unset.]] }
option { kind = "main", name = "smtp_active_hostname", type = "string", func = "connect", section = "SMTP server",
  doc = [[Host name shown to this client.]] }
option { kind = "main", name = "smtp_banner", type = "string", func = "connect", section = "SMTP server",
  doc = [[Greeting after the code 220. If unset: the active host name, ESMTP and the name of the engine.]] }
option { kind = "main", name = "smtp_enforce_sync", type = "boolean", default = true, section = "SMTP server",
  doc = [[Reject clients that talk too early.]] }
option { kind = "main", name = "smtp_max_synprot_errors", type = "integer", default = 20, section = "SMTP server",
  doc = [[Syntax and protocol errors a session may have; 501 and the end at one more. Exim: 3.]] }
option { kind = "main", name = "smtp_receive_timeout", type = "time", default = 300, func = "connect",
  section = "SMTP server",
  doc = [[Timeout per input line in SMTP.]] }
option { kind = "main", name = "strip_excess_angle_brackets", type = "boolean", default = false, section = "SMTP server",
  doc = [[Drop redundant angle brackets.]] }
option { kind = "main", name = "strip_trailing_dot", type = "boolean", default = false, section = "SMTP server",
  doc = [[Drop a trailing dot of domains.]] }
option { kind = "main", name = "smtp_reserve_hosts", type = "hostlist", func = "connect", section = "SMTP server",
  doc = [[Clients for whom smtp_accept_reserve places are kept, and who may come when smtp_load_reserve is passed.]] }
option { kind = "main", name = "smtp_accept_reserve", type = "integer", default = 0, section = "SMTP server",
  doc = [[How many of the smtp_accept_max connections are for smtp_reserve_hosts only.]] }
option { kind = "main", name = "smtp_load_reserve", type = "fixed", section = "SMTP server",
  doc = [[Load average above which only smtp_reserve_hosts may connect; others get 421. Unset: load does not matter.]] }
option { kind = "main", name = "smtp_accept_max_nonmail_hosts", type = "hostlist", default = { "*" }, func = "connect", section = "SMTP server",
  doc = [[Clients that smtp_accept_max_nonmail is for.]] }
option { kind = "main", name = "smtp_max_unknown_commands", type = "integer", default = 3, section = "SMTP server",
  doc = [[Unknown commands tolerated in a session; the next one ends it.]] }
option { kind = "main", name = "header_line_maxsize", type = "size", default = 0, section = "SMTP server",
  doc = [[Longest header field, its continuations included; a message with a longer one is refused. 0: as long as header_maxsize allows.]] }
option { kind = "main", name = "smtp_accept_keepalive", type = "boolean", default = true, section = "SMTP server",
  doc = [[Let the system notice clients that are gone (SO_KEEPALIVE).]] }
option { kind = "main", name = "tcp_nodelay", type = "boolean", default = true, section = "SMTP server",
  doc = [[Send replies without waiting for more (TCP_NODELAY).]] }
option { kind = "main", name = "smtp_backlog_monitor", type = "integer", default = 0, section = "SMTP server",
  doc = [[Log when more connections than this wait to be accepted, at most once a minute for each address. 0: never.]] }
option { kind = "main", name = "helo_verify_hosts", type = "hostlist", func = "helo", section = "SMTP server",
  doc = [[Clients whose HELO name must be theirs (as verify = "helo" finds): others get 550, and 451 if that could not be found out.]] }
option { kind = "main", name = "helo_try_verify_hosts", type = "hostlist", func = "helo", section = "SMTP server",
  doc = [[Clients whose HELO name is verified at HELO, so that sender_helo_verified is known; whatever comes of it.]] }
option { kind = "main", name = "helo_lookup_domains", type = "domainlist", func = "helo", section = "SMTP server",
  doc = [[HELO names after which the client's name is looked up, for logs and Received. Unset (Exim: "@:@[]"): none.]] }
option { kind = "main", name = "smtp_ratelimit_hosts", type = "hostlist", func = "mail", section = "SMTP server",
  doc = [[Clients that smtp_ratelimit_mail and smtp_ratelimit_rcpt slow down.]] }
option { kind = "main", name = "smtp_ratelimit_mail", type = "string", section = "SMTP server",
  doc = [[`"THRESHOLD,DELAY,FACTOR,MAX"`, as `"2,0.5s,1.05,4m"`: after THRESHOLD messages in a session, each further one waits before it is looked at, the first DELAY, each later one FACTOR times as long, never longer than MAX (10m).]] }
option { kind = "main", name = "smtp_ratelimit_rcpt", type = "string", section = "SMTP server",
  doc = [[`"THRESHOLD,DELAY,FACTOR,MAX"`, as `"2,0.5s,1.05,4m"`: after THRESHOLD recipients of a message, each further one waits before it is looked at, the first DELAY, each later one FACTOR times as long, never longer than MAX (10m).]] }
option { kind = "main", name = "smtp_return_error_details", type = "boolean", default = false, section = "SMTP server",
  doc = [[Tell a client the log_message of a refusal that has no message of its own, and what it was that could not be found out just now.]] }

-- of later features
option { kind = "main", name = "allow_utf8_domains", type = "boolean", feature = "internationalised mail",
  section = "of later features",
  doc = [[Accept raw UTF-8 in domain names.]] }
option { kind = "main", name = "auth_advertise_hosts", type = "hostlist", func = "helo", default = { "*" }, section = "authentication",
  doc = [[Clients that are offered AUTH, if their connection is encrypted.]] }
option { kind = "main", name = "auth_cleartext_hosts", type = "hostlist", func = "helo", section = "authentication",
  doc = [[Clients that are offered AUTH without encryption, whose passwords anybody on the way may read. `perigee check` and the
log say so whenever it is set.]] }
option { kind = "main", name = "auth_failures_max", type = "integer", default = 3, section = "authentication",
  doc = [[After so many failed attempts to authenticate a session is ended.]] }
option { kind = "main", name = "auth_failures_per_host", type = "string", default = "10 / 1h", section = "authentication",
  doc = [[After so many failures in that time an address is told to come later; "0" counts nothing.]] }
option { kind = "main", name = "av_scanner", type = "string", feature = "content scanning", section = "of later features",
  doc = [[Virus scanner type and connection data.]] }
option { kind = "main", name = "bmi_config_file", type = "string", feature = "Brightmail", section = "of later features",
  doc = [[Brightmail library configuration file.]] }
option { kind = "main", name = "bounce_sender_authentication", type = "string", section = "bounces",
  doc = [[Who AUTH= of MAIL says a bounce or a warning is from, where we have authenticated.]] }
option { kind = "main", name = "callout_domain_negative_expire", type = "time", default = 10800, section = "verification",
  doc = [[How long it is remembered that a domain's server refuses us, bounces, postmaster or made-up addresses.]] }
option { kind = "main", name = "callout_domain_positive_expire", type = "time", default = 604800, section = "verification",
  doc = [[How long it is remembered that a domain's server talks to us, takes postmaster or takes made-up addresses.]] }
option { kind = "main", name = "callout_negative_expire", type = "time", default = 7200, section = "verification",
  doc = [[How long a callout's no to an address is remembered.]] }
option { kind = "main", name = "callout_positive_expire", type = "time", default = 86400, section = "verification",
  doc = [[How long a callout's yes to an address is remembered.]] }
option { kind = "main", name = "callout_random_local_part", type = "string", func = "mail", section = "verification",
  doc = [[The local part nobody has, for `callout=random`. Unset: the host's name, the time and `testing`, joined by hyphens.]] }
option { kind = "main", name = "check_rfc2047_length", type = "boolean",
  never = "encoded words are decoded whatever their length, as mail programs do: a filter must see what they show",
  section = "not here",
  doc = [[Insist on RFC2047 encoded-word length limit when decoding.]] }
option { kind = "main", name = "chunking_advertise_hosts", type = "hostlist", feature = "CHUNKING",
  section = "of later features",
  doc = [[Clients offered CHUNKING (BDAT).]] }
option { kind = "main", name = "dcc_direct_add_header", type = "boolean", feature = "content scanning",
  section = "of later features",
  doc = [[Insert the DCC header directly into the message.]] }
option { kind = "main", name = "dccifd_address", type = "string", feature = "content scanning",
  section = "of later features",
  doc = [[dccifd socket or host and port.]] }
option { kind = "main", name = "dccifd_options", type = "string", feature = "content scanning",
  section = "of later features",
  doc = [[Options sent to dccifd.]] }
option { kind = "main", name = "dmarc_discovery", type = "string", default = "psl", values = { "psl", "treewalk" },
  section = "sender authentication",
  doc = [[How a domain's organisation is found: by the public suffix list (RFC 7489), or by walking up the names (RFC 9989).]] }
option { kind = "main", name = "dmarc_engine", type = "string", default = "native", values = { "native", "libopendmarc", "compare" },
  section = "sender authentication",
  doc = [[Who judges by DMARC, once the record is found: `native`, our own; `libopendmarc`, in a process of its own, for sites that must agree
with it; `compare`, which asks both, goes by the native one and logs where they differ.]] }
option { kind = "main", name = "dmarc_forensic_sender", type = "string", func = "data", section = "sender authentication",
  doc = [[From: and sender of failure reports. Unset, they are from `dsn_from`, with the empty sender.]] }
option { kind = "main", name = "dmarc_history_file", type = "string", func = "data", section = "sender authentication",
  doc = [[A file to which the results of each message with a record are added, in the form opendmarc-import reads.]] }
option { kind = "main", name = "dmarc_report_contact", type = "string", section = "sender authentication",
  doc = [[How else to reach who sends aggregate reports (`perigee dmarc-report`), as a web address; it stands in every report.]] }
option { kind = "main", name = "dmarc_report_email", type = "string", section = "sender authentication",
  doc = [[The address aggregate reports are from, their envelope sender too. Unset, it is `dmarc-noreply@` with primary_hostname.]] }
option { kind = "main", name = "dmarc_report_org", type = "string", section = "sender authentication",
  doc = [[The name of the organisation that sends aggregate reports. Unset, it is primary_hostname.]] }
option { kind = "main", name = "dmarc_results_keep", type = "time", default = 1209600, section = "sender authentication",
  doc = [[How long what DMARC found is kept in the spool (`dmarc.mdb`) for `perigee dmarc-report`, for domains that ask for reports; 0: not at all.]] }
option { kind = "main", name = "dmarc_tld_file", type = "string", func = "data", section = "sender authentication",
  doc = [[The public suffix list. Unset, it is the system's (Debian's publicsuffix); an empty text turns DMARC off.]] }
option { kind = "main", name = "dns_csa_search_limit", type = "integer", default = 5, section = "verification",
  doc = [[How many parents of a name `verify = "csa"` looks at.]] }
option { kind = "main", name = "dns_csa_use_reverse", type = "boolean", default = true, section = "verification",
  doc = [[Whether `verify = "csa"` asks in the reverse DNS when the client names itself by an address.]] }
option { kind = "main", name = "dsn_advertise_hosts", type = "hostlist", feature = "DSN", section = "of later features",
  doc = [[Clients offered the DSN extension.]] }
option { kind = "main", name = "hosts_proxy", type = "hostlist", feature = "the PROXY protocol",
  section = "of later features",
  doc = [[Hosts that speak PROXY protocol to us.]] }
option { kind = "main", name = "hosts_xclient", type = "hostlist", feature = "XCLIENT", section = "of later features",
  doc = [[Hosts that may use XCLIENT.]] }
option { kind = "main", name = "ldap_ca_cert_dir", type = "string", feature = "the lookups of servers",
  section = "of later features",
  doc = [[CA directory for LDAP TLS.]] }
option { kind = "main", name = "ldap_ca_cert_file", type = "string", feature = "the lookups of servers",
  section = "of later features",
  doc = [[CA file for LDAP TLS.]] }
option { kind = "main", name = "ldap_cert_file", type = "string", feature = "the lookups of servers", section = "of later features",
  doc = [[Client certificate for LDAP TLS.]] }
option { kind = "main", name = "ldap_cert_key", type = "string", feature = "the lookups of servers", section = "of later features",
  doc = [[Client key for LDAP TLS.]] }
option { kind = "main", name = "ldap_cipher_suite", type = "string", feature = "the lookups of servers",
  section = "of later features",
  doc = [[Ciphers for LDAP TLS.]] }
option { kind = "main", name = "ldap_default_servers", type = "list", feature = "the lookups of servers",
  section = "of later features",
  doc = [[LDAP servers when the query names none.]] }
option { kind = "main", name = "ldap_require_cert", type = "string", feature = "the lookups of servers",
  section = "of later features",
  doc = [[LDAP server certificate policy: hard demand allow try never.]] }
option { kind = "main", name = "ldap_start_tls", type = "boolean", feature = "the lookups of servers", section = "of later features",
  doc = [[Use STARTTLS on plain LDAP.]] }
option { kind = "main", name = "ldap_version", type = "integer", feature = "the lookups of servers", section = "of later features",
  doc = [[Force LDAP protocol version.]] }
option { kind = "main", name = "limits_advertise_hosts", type = "hostlist", feature = "LIMITS",
  section = "of later features",
  doc = [[Clients offered the LIMITS extension.]] }
option { kind = "main", name = "mysql_servers", type = "list", feature = "the lookups of servers", section = "of later features",
  doc = [[MySQL connection list.]] }
option { kind = "main", name = "pgsql_servers", type = "list", feature = "the lookups of servers", section = "of later features",
  doc = [[PostgreSQL connection list.]] }
option { kind = "main", name = "pipelining_connect_advertise_hosts", type = "hostlist", feature = "early pipelining",
  section = "of later features",
  doc = [[Clients offered early pipelining (PIPECONNECT).]] }
option { kind = "main", name = "prdr_enable", type = "boolean", feature = "PRDR", section = "of later features",
  doc = [[Offer PRDR.]] }
option { kind = "main", name = "proxy_protocol_timeout", type = "time", feature = "the PROXY protocol",
  section = "of later features",
  doc = [[Time allowed for the PROXY header.]] }
option { kind = "main", name = "proxy_required_hosts", type = "hostlist", feature = "the PROXY protocol",
  section = "of later features",
  doc = [[Early name of hosts_proxy.]] }
option { kind = "main", name = "redis_servers", type = "list", feature = "the lookups of servers", section = "of later features",
  doc = [[Redis connection list host/db/password.]] }
option { kind = "main", name = "slow_lookup_log", type = "integer", default = 0, section = "logs",
  doc = [[A lookup that took longer than so many milliseconds is written to the main log, with its kind and key; 0 is off.]] }
option { kind = "main", name = "smtputf8_advertise_hosts", type = "hostlist", feature = "internationalised mail",
  section = "of later features",
  doc = [[Clients offered SMTPUTF8.]] }
option { kind = "main", name = "spamd_address", type = "string", feature = "content scanning",
  section = "of later features",
  doc = [[spamd or rspamd servers.]] }
option { kind = "main", name = "spf_engine", type = "string", default = "native", values = { "native", "libspf2", "compare" },
  section = "sender authentication",
  doc = [[Who judges by SPF: `native`, our own evaluator; `libspf2`, in a process of its own, for sites that must agree with it; `compare`,
which asks both, goes by the native one and logs where they differ.]] }
option { kind = "main", name = "spf_guess", type = "string", default = "v=spf1 a/24 mx/24 ptr ?all", section = "sender authentication",
  doc = [[The record that `spf_guess` judges a domain by that publishes none.]] }
option { kind = "main", name = "spf_smtp_comment_template", type = "string", default = "Please%_see%_http://www.open-spf.org/Why", func = "mail",
  section = "sender authentication",
  doc = [[What spf_smtp_comment says where the domain explains nothing, with SPF's macros (RFC 7208 section 7): `%{s}` the sender, `%{i}` the
client, `%{r}` this host, `%_` a space.]] }
option { kind = "main", name = "sqlite_dbfile", type = "string", section = "lookups",
  doc = [[The database of lookup.sqlite(nil, query) and of list items that name none.]] }
option { kind = "main", name = "sqlite_lock_timeout", type = "time", default = 5, section = "lookups",
  doc = [[How long lookup.sqlite waits for another program's lock, unless its option busy says otherwise; then it cannot say.]] }
option { kind = "main", name = "srs_config", type = "list", secret = true, section = "sender authentication",
  doc = [[Everything about a redirect router's `srs` in one: secret, max age, hash length, timestamps (0 or 1), hashes (0 or 1). What is
left out or empty is what the option of that name says. A secret given here signs; those of srs_secrets are good, too.]] }
option { kind = "main", name = "srs_hashlength", type = "integer", default = 6, section = "sender authentication",
  doc = [[How many characters of hash a redirect router's `srs` puts into an address, 1 to 20.]] }
option { kind = "main", name = "srs_hashmin", type = "integer", default = -1, section = "sender authentication",
  doc = [[The fewest characters of hash that are taken, 1 to 20; -1: as many as are put in.]] }
option { kind = "main", name = "srs_maxage", type = "integer", default = 31, section = "sender authentication",
  doc = [[For how many days a rewritten address leads back, 1 to 365; 0: 31.]] }
option { kind = "main", name = "srs_secrets", type = "list", secret = true, section = "sender authentication",
  doc = [[What a redirect router's `srs` signs with, 1 to 32 bytes each: the first one signs, each is good in what comes back. Read them
with `secret.file`.]] }
option { kind = "main", name = "srs_usehash", type = "boolean", default = true, section = "sender authentication",
  doc = [[SRS0 addresses carry a hash, and need one. Without it anybody can send through us to anywhere; SRS1 always has one.]] }
option { kind = "main", name = "srs_usetimestamp", type = "boolean", default = true, section = "sender authentication",
  doc = [[SRS0 addresses carry the day they were made, and need one. Without it they lead back for ever.]] }
option { kind = "main", name = "wellknown_advertise_hosts", type = "hostlist", feature = "WELLKNOWN",
  section = "of later features",
  doc = [[Clients offered WELLKNOWN.]] }

-- not here
option { kind = "main", name = "acl_not_smtp", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL for a complete non-SMTP message.]] }
option { kind = "main", name = "acl_not_smtp_mime", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL per MIME part of non-SMTP messages.]] }
option { kind = "main", name = "acl_not_smtp_start", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL before a non-SMTP message is read.]] }
option { kind = "main", name = "acl_smtp_atrn", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL for ATRN; unset hides the command.]] }
option { kind = "main", name = "acl_smtp_auth", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL for AUTH.]] }
option { kind = "main", name = "acl_smtp_connect", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL when a client connects.]] }
option { kind = "main", name = "acl_smtp_data", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL after the message body arrived.]] }
option { kind = "main", name = "acl_smtp_data_prdr", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL per recipient after body when PRDR is in use.]] }
option { kind = "main", name = "acl_smtp_dkim", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL per DKIM signer of the message.]] }
option { kind = "main", name = "acl_smtp_etrn", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL for ETRN; unset hides the command.]] }
option { kind = "main", name = "acl_smtp_expn", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL for EXPN.]] }
option { kind = "main", name = "acl_smtp_helo", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL for HELO and EHLO.]] }
option { kind = "main", name = "acl_smtp_mail", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL for MAIL.]] }
option { kind = "main", name = "acl_smtp_mailauth", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL judging AUTH= on MAIL.]] }
option { kind = "main", name = "acl_smtp_mime", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL per MIME part of SMTP messages.]] }
option { kind = "main", name = "acl_smtp_notquit", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL when a session ends without QUIT.]] }
option { kind = "main", name = "acl_smtp_predata", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL at DATA before the body.]] }
option { kind = "main", name = "acl_smtp_quit", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL at QUIT.]] }
option { kind = "main", name = "acl_smtp_rcpt", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL for each RCPT.]] }
option { kind = "main", name = "acl_smtp_starttls", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL for STARTTLS.]] }
option { kind = "main", name = "acl_smtp_vrfy", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL for VRFY.]] }
option { kind = "main", name = "acl_smtp_wellknown", type = "string", never = "ACLs are declared with acl.PHASE { ... }",
  section = "not here",
  doc = [[ACL for WELLKNOWN.]] }
option { kind = "main", name = "add_environment", type = "list", never = "rules run without the environment",
  section = "not here",
  doc = [[Environment variables to set for libraries and child processes.]] }
option { kind = "main", name = "admin_groups", type = "list", never = "there is one program and it is not run anew",
  section = "not here",
  doc = [[Groups whose members may run admin functions.]] }
option { kind = "main", name = "bi_command", type = "string", never = "there is one program and it is not run anew",
  section = "not here",
  doc = [[Command run for -bi.]] }
option { kind = "main", name = "check_log_inodes", type = "integer",
  never = "what the log could not take is counted and told, and holds up no mail", section = "not here",
  doc = [[Free log inodes needed to accept mail.]] }
option { kind = "main", name = "check_log_space", type = "integer",
  never = "what the log could not take is counted and told, and holds up no mail", section = "not here",
  doc = [[Free log space needed to accept mail.]] }
option { kind = "main", name = "check_spool_inodes", type = "integer",
  never = "the spool is a few large segments, not files for each message; check_spool_space is there", section = "not here",
  doc = [[Free spool inodes needed to accept mail.]] }
option { kind = "main", name = "commandline_checks_require_admin", type = "boolean",
  never = "there is one program and it is not run anew", section = "not here",
  doc = [[Restrict test options such as -be to admins.]] }
option { kind = "main", name = "daemon_modules_load", type = "list", never = "there is no loading of modules",
  section = "not here",
  doc = [[Dynamic modules to load when the daemon starts.]] }
option { kind = "main", name = "daemon_smtp_port", type = "string",
  never = "addresses to listen on are in the option listen", section = "not here",
  doc = [[Hidden old spelling of daemon_smtp_ports.]] }
option { kind = "main", name = "daemon_smtp_ports", type = "string",
  never = "addresses to listen on are in the option listen", section = "not here",
  doc = [[Ports the daemon listens on by default.]] }
option { kind = "main", name = "daemon_startup_retries", type = "integer",
  never = "addresses to listen on are in the option listen", section = "not here",
  doc = [[Bind attempts at daemon start.]] }
option { kind = "main", name = "daemon_startup_sleep", type = "time",
  never = "addresses to listen on are in the option listen", section = "not here",
  doc = [[Pause between bind attempts.]] }
option { kind = "main", name = "debug_store", type = "boolean",
  never = "memory belongs to arenas; the tests run with a checking allocator", section = "not here",
  doc = [[Extra memory-management checks.]] }
option { kind = "main", name = "deliver_drop_privilege", type = "boolean",
  never = "nothing is delivered with privilege; see local_delivery_roots", section = "not here",
  doc = [[Do all delivery work as the unprivileged user.]] }
option { kind = "main", name = "deliver_queue_load_max", type = "fixed",
  never = "there are no queue runners: each recipient has its own time", section = "not here",
  doc = [[Load above which a queue run stops.]] }
option { kind = "main", name = "disable_fsync", type = "boolean",
  never = "what is kept is flushed before it is answered; this cannot be turned off", section = "not here",
  doc = [[Skip fsync calls (special builds only).]] }
option { kind = "main", name = "dns_check_names_pattern", type = "string",
  never = "names are asked exactly as they are written; what a name may be is checked where one is read", section = "not here",
  doc = [[Regex that names must match before DNS lookups.]] }
option { kind = "main", name = "dns_cname_loops", type = "integer",
  never = "our own resolver follows aliases, and ends loops, by itself", section = "not here",
  doc = [[How many CNAME steps to follow itself.]] }
option { kind = "main", name = "dns_dnssec_ok", type = "integer",
  never = "our own resolver validates, so it always asks for what that takes", section = "not here",
  doc = [[Force DNSSEC request bit on (1) or off (0); -1 leaves it.]] }
option { kind = "main", name = "dns_retrans", type = "time",
  never = "our own resolver learns from each server how long to wait; no question takes longer than a wait of rules may", section = "not here",
  doc = [[Resolver retransmission interval.]] }
option { kind = "main", name = "dns_retry", type = "integer",
  never = "our own resolver learns from each server how long to wait; no question takes longer than a wait of rules may", section = "not here",
  doc = [[Resolver retry count.]] }
option { kind = "main", name = "dns_trust_aa", type = "domainlist",
  never = "only what our own resolver has validated counts as secure", section = "not here",
  doc = [[Domains whose authoritative answers count as DNSSEC-secure.]] }
option { kind = "main", name = "dns_use_edns0", type = "integer",
  never = "our own resolver finds out by itself what each server can do", section = "not here",
  doc = [[Force EDNS0 on (1) or off (0); -1 leaves it.]] }
option { kind = "main", name = "drop_cr", type = "string", never = "line ends are CRLF on the wire and nothing else",
  section = "not here",
  doc = [[Obsolete, ignored.]] }
option { kind = "main", name = "exim_group", type = "string", never = "the engine becomes the user of the option user",
  section = "not here",
  doc = [[Group the MTA runs as.]] }
option { kind = "main", name = "exim_path", type = "string", never = "there is one program and it is not run anew",
  section = "not here",
  doc = [[Path of the binary for re-exec.]] }
option { kind = "main", name = "exim_user", type = "string", never = "the engine becomes the user of the option user",
  section = "not here",
  doc = [[User the MTA runs as.]] }
option { kind = "main", name = "exim_version", type = "string", never = "the version is what was built",
  section = "not here",
  doc = [[Overrides the reported version.]] }
option { kind = "main", name = "extract_addresses_remove_arguments", type = "boolean",
  never = "there is one program and it is not run anew", section = "not here",
  doc = [[With -t, command-line addresses are removed from recipients.]] }
option { kind = "main", name = "finduser_retries", type = "integer",
  never = "local users are resolved by the local process", section = "not here",
  doc = [[Retries of user lookups on slow systems.]] }
option { kind = "main", name = "gecos_name", type = "string", never = "local users are resolved by the local process",
  section = "not here",
  doc = [[Name built from the gecos_pattern captures.]] }
option { kind = "main", name = "gecos_pattern", type = "string", never = "local users are resolved by the local process",
  section = "not here",
  doc = [[Regex applied to the gecos field.]] }
option { kind = "main", name = "gnutls_allow_auto_pkcs11", type = "boolean", never = "TLS is done by OpenSSL alone",
  section = "not here",
  doc = [[Let GnuTLS load PKCS11 modules.]] }
option { kind = "main", name = "gnutls_compat_mode", type = "boolean", never = "TLS is done by OpenSSL alone",
  section = "not here",
  doc = [[GnuTLS compatibility mode for old clients.]] }
option { kind = "main", name = "headers_charset", type = "string", never = "headers are UTF-8 to rules",
  section = "not here",
  doc = [[Default charset for decoded headers.]] }
option { kind = "main", name = "host_lookup_order", type = "list",
  never = "a client's name comes from the DNS or the zone of a test, and is looked up both ways", section = "not here",
  doc = [[Order of reverse lookup methods.]] }
option { kind = "main", name = "ibase_servers", type = "string", never = "the library behind it is gone",
  section = "not here",
  doc = [[Present in 4.96, gone in HEAD.]] }
option { kind = "main", name = "ignore_fromline_hosts", type = "hostlist", never = "UUCP lines are not read",
  section = "not here",
  doc = [[Clients whose leading From line is ignored.]] }
option { kind = "main", name = "ignore_fromline_local", type = "boolean", never = "UUCP lines are not read",
  section = "not here",
  doc = [[Ignore leading From line in local -bs/-bS mail.]] }
option { kind = "main", name = "keep_environment", type = "list", never = "rules run without the environment",
  section = "not here",
  doc = [[Environment variables to keep.]] }
option { kind = "main", name = "keep_malformed", type = "time",
  never = "a message that cannot be read is kept, frozen, until you remove it", section = "not here",
  doc = [[How long broken spool files are kept.]] }
option { kind = "main", name = "local_interfaces", type = "list",
  never = "addresses to listen on are in the option listen", section = "not here",
  doc = [[Addresses to listen on and treat as local.]] }
option { kind = "main", name = "local_scan_timeout", type = "time",
  never = "the C library of rules is the sandbox; there is no local_scan", section = "not here",
  doc = [[Time limit of local_scan().]] }
option { kind = "main", name = "localhost_number", type = "string",
  never = "ids are made from shard and counter and are unique by themselves", section = "not here",
  doc = [[Number made part of message ids for shared spools.]] }
option { kind = "main", name = "lookup_open_max", type = "integer",
  never = "files of lookups are shared by all, the 32 used last stay open", section = "not here",
  doc = [[Cached open lookup files.]] }
option { kind = "main", name = "max_username_length", type = "integer",
  never = "local users are resolved by the local process", section = "not here",
  doc = [[Longest name given to user lookups.]] }
option { kind = "main", name = "message_logs", type = "boolean",
  never = "perigee explain ID and perigee queue show ID tell what happened to a message", section = "not here",
  doc = [[Write per-message logs.]] }
option { kind = "main", name = "move_frozen_messages", type = "boolean",
  never = "the spool is a log of segments with an index: a frozen message costs nothing, see docs/spool.md", section = "not here",
  doc = [[Move frozen messages to Finput.]] }
option { kind = "main", name = "mua_wrapper", type = "boolean", never = "every accepted message is queued and answered",
  section = "not here",
  doc = [[Synchronous hand-over to a smarthost without queueing.]] }
option { kind = "main", name = "notifier_socket", type = "string", never = "there is one program and it is not run anew",
  section = "not here",
  doc = [[Daemon notification socket name.]] }
option { kind = "main", name = "oracle_servers", type = "list", never = "Oracle is not supported", section = "not here",
  doc = [[Oracle connection list.]] }
option { kind = "main", name = "panic_coredump", type = "boolean", never = "the interpreter has no core dumps of its own",
  section = "not here",
  doc = [[Dump core on panic-die.]] }
option { kind = "main", name = "perl_at_start", type = "boolean", never = "there is no Perl in rules; rules are Lua",
  section = "not here",
  doc = [[Start Perl at program start.]] }
option { kind = "main", name = "perl_startup", type = "string", never = "there is no Perl in rules; rules are Lua",
  section = "not here",
  doc = [[Perl code run at interpreter start.]] }
option { kind = "main", name = "perl_taintmode", type = "boolean", never = "there is no Perl in rules; rules are Lua",
  section = "not here",
  doc = [[Run Perl in taint mode.]] }
option { kind = "main", name = "pid_file_path", type = "string",
  never = "the lock SPOOL/lock says who runs; perigee stop, reload and status find it by themselves", section = "not here",
  doc = [[Daemon pid file.]] }
option { kind = "main", name = "preserve_message_logs", type = "boolean",
  never = "perigee explain ID and perigee queue show ID tell what happened to a message", section = "not here",
  doc = [[Keep per-message logs in msglog.OLD.]] }
option { kind = "main", name = "print_topbitchars", type = "boolean", never = "log lines escape what is not printing",
  section = "not here",
  doc = [[Treat bytes above 127 as printing.]] }
option { kind = "main", name = "process_log_path", type = "string",
  never = "perigee status tells what each worker does", section = "not here",
  doc = [[File for exiwhat output.]] }
option { kind = "main", name = "prod_requires_admin", type = "boolean",
  never = "there is one program and it is not run anew", section = "not here",
  doc = [[-M, -R and -q need admin.]] }
option { kind = "main", name = "queue_fast_ramp", type = "boolean",
  never = "there are no queue runners: each recipient has its own time", section = "not here",
  doc = [[Start deliveries during first phase of -qq.]] }
option { kind = "main", name = "queue_list_requires_admin", type = "boolean",
  never = "there is one program and it is not run anew", section = "not here",
  doc = [[-bp needs admin.]] }
option { kind = "main", name = "queue_only_override", type = "boolean",
  never = "there are no queue runners: each recipient has its own time", section = "not here",
  doc = [[Command line may override queue_only.]] }
option { kind = "main", name = "queue_run_in_order", type = "boolean",
  never = "there are no queue runners: each recipient has its own time", section = "not here",
  doc = [[Run queue in arrival order.]] }
option { kind = "main", name = "queue_run_max", type = "integer",
  never = "there are no queue runners: each recipient has its own time", section = "not here",
  doc = [[Most queue runners the daemon starts.]] }
option { kind = "main", name = "rfc1413_hosts", type = "hostlist", never = "identification by RFC 1413 is not asked for",
  section = "not here",
  doc = [[Clients asked for ident.]] }
option { kind = "main", name = "rfc1413_port", type = "integer", never = "identification by RFC 1413 is not asked for",
  section = "not here",
  doc = [[Hidden: ident port, for tests.]] }
option { kind = "main", name = "rfc1413_query_timeout", type = "time",
  never = "identification by RFC 1413 is not asked for", section = "not here",
  doc = [[Ident timeout; 0 disables.]] }
option { kind = "main", name = "smtp_etrn_command", type = "string",
  never = "the SMTP command it ran is not run by the engine", section = "not here",
  doc = [[Command run for ETRN.]] }
option { kind = "main", name = "smtp_etrn_serialize", type = "boolean",
  never = "the SMTP command it ran is not run by the engine", section = "not here",
  doc = [[One identical ETRN command at a time.]] }
option { kind = "main", name = "split_spool_directory", type = "boolean",
  never = "the spool is a log of segments with an index, see docs/spool.md", section = "not here",
  doc = [[Spread spool over 62 subdirectories.]] }
option { kind = "main", name = "spool_wireformat", type = "boolean",
  never = "the spool is a log of segments with an index, see docs/spool.md", section = "not here",
  doc = [[Allow -D files in CRLF wire form.]] }
option { kind = "main", name = "strict_acl_vars", type = "boolean",
  never = "an undefined ACL variable is nil, and a misspelt one cannot be told", section = "not here",
  doc = [[Undefined ACL variables are errors.]] }
option { kind = "main", name = "syslog_duplication", type = "boolean",
  never = "there is no syslog output; use the log files", section = "not here",
  doc = [[Send duplicates for several logs to syslog.]] }
option { kind = "main", name = "syslog_facility", type = "string", never = "there is no syslog output; use the log files",
  section = "not here",
  doc = [[Syslog facility.]] }
option { kind = "main", name = "syslog_pid", type = "boolean", never = "there is no syslog output; use the log files",
  section = "not here",
  doc = [[Keep pid in syslog lines.]] }
option { kind = "main", name = "syslog_processname", type = "string",
  never = "there is no syslog output; use the log files", section = "not here",
  doc = [[Syslog ident.]] }
option { kind = "main", name = "syslog_timestamp", type = "boolean",
  never = "there is no syslog output; use the log files", section = "not here",
  doc = [[Keep timestamp in syslog lines.]] }
option { kind = "main", name = "system_filter", type = "string",
  never = "system filters are rules: use acl.data, acl.not_smtp or a router", section = "not here",
  doc = [[Filter file run once per delivery attempt.]] }
option { kind = "main", name = "system_filter_directory_transport", type = "string",
  never = "system filters are rules: use acl.data, acl.not_smtp or a router", section = "not here",
  doc = [[Transport for filter saves to directories.]] }
option { kind = "main", name = "system_filter_file_transport", type = "string",
  never = "system filters are rules: use acl.data, acl.not_smtp or a router", section = "not here",
  doc = [[Transport for filter saves to files.]] }
option { kind = "main", name = "system_filter_group", type = "string",
  never = "system filters are rules: use acl.data, acl.not_smtp or a router", section = "not here",
  doc = [[Group for the system filter.]] }
option { kind = "main", name = "system_filter_pipe_transport", type = "string",
  never = "system filters are rules: use acl.data, acl.not_smtp or a router", section = "not here",
  doc = [[Transport for filter pipes.]] }
option { kind = "main", name = "system_filter_reply_transport", type = "string",
  never = "system filters are rules: use acl.data, acl.not_smtp or a router", section = "not here",
  doc = [[Transport for filter mail.]] }
option { kind = "main", name = "system_filter_user", type = "string",
  never = "system filters are rules: use acl.data, acl.not_smtp or a router", section = "not here",
  doc = [[User for the system filter.]] }
option { kind = "main", name = "tcp_wrappers_daemon_name", type = "string", never = "the library behind it is gone",
  section = "not here",
  doc = [[Present in 4.96, gone in HEAD.]] }
option { kind = "main", name = "unknown_login", type = "string", never = "local users are resolved by the local process",
  section = "not here",
  doc = [[Login used when the caller has no account.]] }
option { kind = "main", name = "unknown_username", type = "string",
  never = "local users are resolved by the local process", section = "not here",
  doc = [[Full name used with it.]] }
option { kind = "main", name = "uucp_from_pattern", type = "string", never = "UUCP lines are not read",
  section = "not here",
  doc = [[Regex for UUCP From lines.]] }
option { kind = "main", name = "uucp_from_sender", type = "string", never = "UUCP lines are not read",
  section = "not here",
  doc = [[Sender built from that match.]] }
