-- The words of ACLs: verbs, conditions, modifiers, controls, and what verify may ask.
-- A word that is not built says the feature it comes with. Phases are those where a
-- word may stand; without any it may stand everywhere.

local SESSION = during { "connect", "helo", "starttls", "auth", "mailauth", "mail", "rcpt", "predata", "dkim",
  "mime", "prdr", "data", "etrn", "atrn", "expn", "vrfy", "wellknown", "quit", "notquit", "route", "transport",
  "event" }
local CONTENT = during { "dkim", "mime", "prdr", "data", "quit", "notquit", "not_smtp_mime", "not_smtp" }

-- verbs
word { kind = "verb", name = "accept", type = "table",
  doc = [[Ends the ACL with acceptance if all conditions hold.]] }
word { kind = "verb", name = "defer", type = "table",
  doc = [[Ends ACL with temporary failure if all conditions hold; same as deny for non-SMTP.]] }
word { kind = "verb", name = "deny", type = "table",
  doc = [[Ends ACL with refusal if all conditions hold.]] }
word { kind = "verb", name = "discard", type = "table", phases = during { "mail", "rcpt", "dkim", "mime", "prdr", "data",
  "not_smtp_mime", "not_smtp" },
  doc = [[Like accept but recipient(s) are silently dropped; predata ACL may not return it.]] }
word { kind = "verb", name = "drop", type = "table",
  doc = [[Like deny, then closes the SMTP connection after the reply.]] }
word { kind = "verb", name = "demand", type = "table",
  doc = [[Goes on if all conditions hold, otherwise refuses with its message.]] }
word { kind = "verb", name = "warn", type = "table",
  doc = [[Acts if all conditions hold and always goes on; what it cannot find out is logged and passed over.]] }

-- conditions
word { kind = "condition", name = "acl", type = "string", not_ = true,
  doc = [[Runs another ACL (nesting limit 20): accept true, deny false, defer propagates, drop/discard carried out.]] }
word { kind = "condition", name = "atrn_domains", type = "string", not_ = true, phases = during { "atrn" },
  feature = "on-demand relay",
  doc = [[True if mail is queued for any listed domain.]] }
word { kind = "condition", name = "authenticated", type = "list", not_ = true, phases = during { "starttls", "auth",
  "mailauth", "mail", "rcpt", "predata", "dkim", "mime", "prdr", "data", "etrn", "atrn", "expn", "vrfy", "wellknown",
  "quit", "notquit", "route", "transport", "event" },
  doc = [[True if client authenticated with a listed authenticator.]] }
word { kind = "condition", name = "condition", type = "boolean", not_ = true,
  doc = [[Truth of expanded text: empty/0/no/false false, nonzero/yes/true true, else defer; forced failure ignored.]] }
word { kind = "condition", name = "dcc", type = "string", not_ = true, phases = during { "prdr", "data", "not_smtp" },
  feature = "content scanning",
  doc = [[Asks dccifd about the message and sets dcc_ variables.]] }
word { kind = "condition", name = "decode", type = "string", not_ = true, phases = during { "mime", "not_smtp_mime" },
  doc = [[Writes the decoded part into a file below the scan directory of the spool: "default", a name, or a path below that directory.
`mime_decoded_filename` says where. It is removed when the transaction ends.]] }
word { kind = "condition", name = "dkim_signers", type = "string", not_ = true, phases = during { "dkim" },
  doc = [[True if dkim_cur_signer is in the list of domains and identities.]] }
word { kind = "condition", name = "dkim_status", type = "string", not_ = true, phases = during { "dkim", "mime", "prdr",
  "data" },
  doc = [[True if `dkim_verify_status` is in the list, any of none, invalid, fail and pass; after the dkim ACL if any of its elements is.]] }
word { kind = "condition", name = "dmarc_status", type = "string", not_ = true, phases = during { "data" },
  doc = [[Checks the message by DMARC, once, and asks whether the status is in the list: `accept`, `none`, `quarantine`, `reject`, `norecord`,
`nofrom`, `temperror`, `off`; `error` is an old name of temperror. Only of clients that did not log in. What `spf` found earlier counts.]] }
word { kind = "condition", name = "dnslists", type = "string", not_ = true,
  doc = [[Is the client's address, or a key, in a list kept in the DNS? Items are `[text domain,]domain[TEST][/keys]`, asked in order;
TEST is `=IP,IP`, `&MASK`, `==`, `=&` (every address), each also with `!`. `{ "list.example", key = function(m) ... end }` asks
about something else than the client's address. Sets the dnslist_ variables. A list that does not answer counts as one without
the name, unless `+include_unknown` or `+defer_unknown` stands before it.]] }
word { kind = "condition", name = "domains", type = "domainlist", not_ = true, phases = during { "rcpt", "prdr", "vrfy" },
  doc = [[Matches recipient domain; sets domain_data.]] }
word { kind = "condition", name = "encrypted", type = "list", not_ = true, phases = during { "helo", "starttls", "auth",
  "mailauth", "mail", "rcpt", "predata", "dkim", "mime", "prdr", "data", "etrn", "atrn", "expn", "vrfy", "wellknown",
  "quit", "notquit", "route", "transport", "event" },
  doc = [[True on a TLS session whose cipher matches.]] }
word { kind = "condition", name = "hosts", type = "hostlist", not_ = true, phases = SESSION,
  doc = [[Matches client host; sets host_data.]] }
word { kind = "condition", name = "local_parts", type = "localpartlist", not_ = true, phases = during { "rcpt", "prdr",
  "vrfy" },
  doc = [[Matches recipient local part; sets local_part_data.]] }
word { kind = "condition", name = "malware", type = "string", not_ = true, phases = during { "prdr", "data", "not_smtp" },
  feature = "content scanning",
  doc = [[Scans message with av_scanner; sets malware_name.]] }
word { kind = "condition", name = "mime_regex", type = "list", not_ = true, phases = during { "mime", "not_smtp_mime" },
  doc = [[Matches the first 32 KiB of the decoded part as one text; a text is one expression, an array several. Sets `regex`.]] }
word { kind = "condition", name = "ratelimit", type = "string", not_ = true,
  doc = [[Is the rate of something at its limit or above? `"LIMIT / PERIOD / options"`, or a table with key, count and unique beside that
text. The rate is smoothed as Exim's and shared by all workers; it is counted once for a connection, message or command,
however many ACLs ask. Sets sender_rate, sender_rate_limit and sender_rate_period.]] }
word { kind = "condition", name = "recipients", type = "addresslist", not_ = true, phases = during { "rcpt" },
  doc = [[Matches recipient address; sets recipient_data on lookup.]] }
word { kind = "condition", name = "regex", type = "list", not_ = true, phases = during { "mime", "prdr", "data",
  "not_smtp_mime", "not_smtp" },
  doc = [[Matches the message, header and body, line by line, in a mime ACL the part as it is in the message; 32 KiB of a line at once. A text
is one expression, an array several. Sets `regex`.]] }
word { kind = "condition", name = "seen", type = "string", not_ = true,
  doc = [[Was this met before? `"1h"`: less than an hour ago; `"-5m"`: first at least five minutes ago. Options `readonly`, `write`,
`refresh=TIME`; `{ "-5m", key = function(m) ... end }` for something else than the client's address. All workers share what
was seen.]] }
word { kind = "condition", name = "sender_domains", type = "domainlist", not_ = true, phases = during { "mail", "rcpt",
  "predata", "dkim", "mime", "prdr", "data", "atrn", "wellknown", "notquit", "not_smtp_start", "not_smtp_mime",
  "not_smtp", "route", "transport", "event" },
  doc = [[Matches sender domain.]] }
word { kind = "condition", name = "senders", type = "addresslist", not_ = true, phases = during { "mail", "rcpt",
  "predata", "dkim", "mime", "prdr", "data", "atrn", "wellknown", "notquit", "not_smtp_start", "not_smtp_mime",
  "not_smtp", "route", "transport", "event" },
  doc = [[Matches sender; single colon matches bounces; sets sender_data.]] }
word { kind = "condition", name = "spam", type = "string", not_ = true, phases = during { "prdr", "data", "not_smtp" },
  feature = "content scanning",
  doc = [[Scans with spamd or rspamd; sets spam_ variables; :true forces true.]] }
word { kind = "condition", name = "spf", type = "string", not_ = true, phases = during { "mail", "rcpt", "predata",
  "dkim", "mime", "prdr", "data", "atrn", "wellknown", "quit", "notquit", "route", "transport", "event" },
  doc = [[Checks the sender (HELO's name for the empty one) by SPF, RFC 7208, and asks whether the result is in the list: `pass`, `fail`,
`softfail`, `neutral`, `none`, `temperror`, `permerror`; `err_temp` and `err_perm` are old names of the last two. Sets the spf_ variables.]] }
word { kind = "condition", name = "spf_guess", type = "string", not_ = true, phases = during { "mail", "rcpt", "predata",
  "dkim", "mime", "prdr", "data", "atrn", "wellknown", "quit", "notquit", "route", "transport", "event" },
  doc = [[As `spf`, but a domain that publishes no record is judged by the one in `spf_guess`: no standard, and no ground to refuse.]] }
word { kind = "condition", name = "verify", type = "list", not_ = true,
  doc = [[Runs one of the verify tests.]] }

-- modifiers
word { kind = "modifier", name = "add_header", type = "list", phases = during { "mail", "rcpt", "predata", "dkim", "mime",
  "prdr", "data", "not_smtp_start", "not_smtp_mime", "not_smtp" },
  doc = [[Queues header lines for the message; duplicates suppressed; visible only from next body stage.]] }
word { kind = "modifier", name = "continue", type = "string", feature = "functions: write the statement as a function",
  doc = [[Expands argument for side effects only.]] }
word { kind = "modifier", name = "control", type = "list",
  doc = [[Applies one of the control settings.]] }
word { kind = "modifier", name = "delay", type = "time", phases = during { "connect", "helo", "starttls", "auth",
  "mailauth", "mail", "rcpt", "predata", "dkim", "mime", "prdr", "data", "etrn", "atrn", "expn", "vrfy", "wellknown",
  "quit", "not_smtp_start", "not_smtp_mime", "not_smtp", "route", "transport", "event" },
  doc = [[Sleeps, flushing pending SMTP output first; not imposed under -bh.]] }
word { kind = "modifier", name = "endpass", type = "string", feature = "functions: write the statement as a function",
  doc = [[Marks where accept/discard condition failure turns into deny; discouraged.]] }
word { kind = "modifier", name = "log_message", type = "string",
  doc = [[Extra text for reject logs, or the log line of warn (once per message).]] }
word { kind = "modifier", name = "log_reject_target", type = "list",
  doc = [[The logs that record refusals for the rest of this ACL: `"main : reject"` (the default), any of main, reject and panic, or
none at all. In a function: `log_reject_target("main")`.]] }
word { kind = "modifier", name = "logwrite", type = "list",
  doc = [[Writes a log line at once, repeats allowed.]] }
word { kind = "modifier", name = "message", type = "string",
  doc = [[Response text when the ACL ends; expanded then; first code digit must agree.]] }
word { kind = "modifier", name = "queue", type = "string", phases = during { "connect", "helo", "starttls", "auth",
  "mailauth", "mail", "rcpt", "predata", "dkim", "mime", "etrn", "atrn", "expn", "vrfy", "wellknown", "quit", "notquit",
  "not_smtp_start", "route", "transport", "event" },
  doc = [[Selects a named spool queue for the message; empty means default.]] }
word { kind = "modifier", name = "remove_header", type = "list", phases = during { "mail", "rcpt", "predata", "dkim",
  "mime", "prdr", "data", "not_smtp_start", "not_smtp_mime", "not_smtp" },
  doc = [[Queues header lines for removal.]] }
word { kind = "modifier", name = "set", type = "table",
  doc = [[Assigns a user variable.]] }
word { kind = "modifier", name = "udpsend", type = "table",
  doc = [[Sends a datagram: `"server : port : text"`, or `{ server =, port =, text = function(m) ... end }`. What becomes of it
is not asked. In a function: `udpsend(server, port, text)`.]] }

-- controls
word { kind = "control", name = "allow_auth_unadvertised", type = "string", phases = during { "connect", "helo" },
  doc = [[Lets client use AUTH unadvertised, even after HELO, any configured mechanism.]] }
word { kind = "control", name = "caseful_local_part", type = "string", phases = during { "rcpt" },
  doc = [[Restores original case in local_part for rest of this ACL.]] }
word { kind = "control", name = "caselower_local_part", type = "string", phases = during { "rcpt" },
  doc = [[Returns local_part to lower case.]] }
word { kind = "control", name = "cutthrough_delivery", type = "string",
  doc = [[Delivers onward while receiving, first recipient decides; no queueing on definite answer.]] }
word { kind = "control", name = "debug", type = "string",
  doc = [[A file beside the main log with what happens in this session: commands, what the rules say, replies. `debug/tag=.ann`
begins `debuglog.ann`, `debug/stop` ends it, `debug/kill` removes it too.]] }
word { kind = "control", name = "dkim_disable_verify", type = "string", phases = during { "connect", "helo", "starttls",
  "auth", "mailauth", "mail", "rcpt", "predata", "dkim", "mime", "etrn", "atrn", "expn", "vrfy", "wellknown", "quit",
  "notquit", "route", "transport", "event" },
  doc = [[Turns DKIM verification off for the message, before its content comes: no key is asked for and the dkim ACL is not run.]] }
word { kind = "control", name = "dmarc_disable_verify", also = { "dmarc_verify_disable" }, type = "string", phases = during { "connect", "helo", "starttls",
  "auth", "mailauth", "mail", "rcpt", "predata", "dkim", "mime", "prdr", "etrn", "atrn", "expn", "vrfy", "wellknown",
  "quit", "notquit", "route", "transport", "event" },
  doc = [[The message is not checked by DMARC: its status is `off`.]] }
word { kind = "control", name = "dmarc_enable_forensic", also = { "dmarc_forensic_enable" }, type = "string", phases = during { "connect", "helo", "starttls",
  "auth", "mailauth", "mail", "rcpt", "predata", "dkim", "mime", "prdr", "etrn", "atrn", "expn", "vrfy", "wellknown",
  "quit", "notquit", "route", "transport", "event" },
  doc = [[A report of a message that fails DMARC may go where the domain's record wants it (`ruf`).]] }
word { kind = "control", name = "dscp", type = "string", phases = during { "connect", "helo", "starttls", "auth",
  "mailauth", "mail", "rcpt", "predata", "dkim", "mime", "prdr", "data", "etrn", "atrn", "expn", "vrfy", "wellknown",
  "quit", "route", "transport", "event" },
  doc = [[Sets DSCP on the inbound socket: name or 0..0x3F.]] }
word { kind = "control", name = "enforce_sync", type = "string", phases = SESSION,
  doc = [[Turns SMTP synchronisation checking on for the connection.]] }
word { kind = "control", name = "explain", type = "string", phases = during { "connect", "helo", "starttls", "auth", "mailauth",
  "mail", "rcpt", "predata", "dkim", "mime", "prdr", "data", "not_smtp_start", "not_smtp_mime", "not_smtp" },
  doc = [[Has what this and the message's later ACLs try be kept for `perigee explain` even if they accept; before MAIL, what all of the session's try.]] }
word { kind = "control", name = "fakedefer", type = "string", phases = during { "mail", "rcpt", "predata", "mime", "prdr",
  "data" },
  doc = [[Answers 450 after data yet delivers the message.]] }
word { kind = "control", name = "fakereject", type = "string", phases = during { "mail", "rcpt", "predata", "mime",
  "prdr", "data" },
  doc = [[Answers 550 after data yet delivers the message.]] }
word { kind = "control", name = "freeze", type = "string", phases = during { "mail", "rcpt", "predata", "mime", "data",
  "not_smtp_mime", "not_smtp" },
  doc = [[Queues the message frozen; no_tell suppresses freeze_tell notice.]] }
word { kind = "control", name = "no_callout_flush", type = "string", phases = SESSION,
  doc = [[Skips flushing SMTP output before callouts.]] }
word { kind = "control", name = "no_delay_flush", type = "string", phases = SESSION,
  doc = [[Skips flushing SMTP output before delay.]] }
word { kind = "control", name = "no_enforce_sync", type = "string", phases = SESSION,
  doc = [[Turns SMTP synchronisation checking off for the connection.]] }
word { kind = "control", name = "no_mbox_unspool", type = "string", phases = during { "mail", "rcpt", "predata", "mime",
  "data" },
  doc = [[Leaves the files that `decode` wrote where they are.]] }
word { kind = "control", name = "no_multiline_responses", type = "string", phases = SESSION,
  doc = [[Sends only one line of multi-line refusals.]] }
word { kind = "control", name = "no_pipelining", type = "string", phases = SESSION,
  doc = [[Stops PIPELINING being advertised.]] }
word { kind = "control", name = "queue", type = "string", phases = during { "mail", "rcpt", "predata", "mime", "data",
  "not_smtp_mime", "not_smtp" },
  doc = [[No immediate delivery; first_pass_route routes only; queue_only is the old spelling.]] }
word { kind = "control", name = "submission", type = "string", phases = during { "mail", "rcpt", "predata" },
  doc = [[Submission mode fixups: adds Date, Message-ID, From, checks Sender.]] }
word { kind = "control", name = "suppress_local_fixups", type = "string", phases = during { "mail", "rcpt", "predata",
  "not_smtp_start" },
  doc = [[Turns off fixups usually given to local submissions.]] }
word { kind = "control", name = "utf8_downconvert", type = "string", phases = during { "rcpt", "vrfy" },
  feature = "internationalised mail",
  doc = [[Converts UTF-8 envelope addresses to a-labels: always, never, or when needed.]] }
word { kind = "control", name = "wellknown", type = "string", phases = during { "wellknown" }, feature = "WELLKNOWN",
  doc = [[Names the file whose content answers WELLKNOWN.]] }

-- verifys
word { kind = "verify", name = "certificate", type = "string",
  doc = [[True when the client showed a certificate that could be verified: it is asked for one by `tls_verify_hosts` or
`tls_try_verify_hosts`.]] }
word { kind = "verify", name = "csa", type = "string",
  doc = [[Client SMTP Authorization SRV check; fails only on definite refusal; sets csa_status.]] }
word { kind = "verify", name = "header_names_ascii", type = "string", phases = CONTENT,
  doc = [[True when header names are all printable ASCII.]] }
word { kind = "verify", name = "header_sender", type = "string", phases = CONTENT,
  doc = [[True when Sender, Reply-To or From holds a verifiable address.]] }
word { kind = "verify", name = "header_syntax", type = "string", phases = CONTENT,
  doc = [[Checks syntax of all address headers.]] }
word { kind = "verify", name = "helo", type = "string",
  doc = [[True when HELO argument verified (done now if needed).]] }
word { kind = "verify", name = "not_blind", type = "string", phases = CONTENT,
  doc = [[True when every envelope recipient appears in To or Cc.]] }
word { kind = "verify", name = "recipient", type = "string", phases = during { "rcpt", "vrfy" },
  doc = [[Routes recipient, or what VRFY asks about, in verify mode, maybe callout or quota.]] }
word { kind = "verify", name = "reverse_host_lookup", type = "string",
  doc = [[True when client has a confirmed reverse name.]] }
word { kind = "verify", name = "sender", type = "string", phases = during { "mail", "rcpt", "predata", "data", "not_smtp"
  },
  doc = [[Routes sender in verify mode, maybe callout; true for bounces.]] }
word { kind = "verify", name = "arc", type = "string", phases = during { "data" },
  doc = [[Verifies the chain of ARC (RFC 8617) and sets the arc_ variables. `"arc/none:fail:pass"` holds if the outcome is in the list;
without one, none and pass do. A key that cannot be fetched now defers.]] }

-- verify options
word { kind = "verify_option", name = "callout", type = "string",
  doc = [[After routing, tests the address by SMTP at the target hosts.]] }
word { kind = "verify_option", name = "defer_ok", type = "string",
  doc = [[Routing deferral counts as success.]] }
word { kind = "verify_option", name = "no_details", type = "string",
  doc = [[Hides verification detail lines from SMTP reply.]] }
word { kind = "verify_option", name = "success_on_redirect", type = "string",
  doc = [[Any successful redirection ends verification as success.]] }
word { kind = "verify_option", name = "quota", type = "string",
  doc = [[For recipient: asks appendfile quota; caches 5m good, 1h bad.]] }
word { kind = "verify_option", name = "callout_defer_ok", type = "string",
  doc = [[Old spelling of callout=defer_ok.]] }
word { kind = "verify_option", name = "check_postmaster", type = "string",
  doc = [[Old spelling of callout=postmaster.]] }

-- callout options
word { kind = "callout_option", name = "time", type = "string",
  doc = [[Per-response timeout, default 30s.]] }
word { kind = "callout_option", name = "connect", type = "string",
  doc = [[Connect timeout.]] }
word { kind = "callout_option", name = "defer_ok", type = "string",
  doc = [[Unreachable hosts count as success, not cached.]] }
word { kind = "callout_option", name = "fullpostmaster", type = "string",
  doc = [[postmaster@domain then bare postmaster.]] }
word { kind = "callout_option", name = "mailfrom", type = "string",
  doc = [[MAIL sender for header_sender callouts.]] }
word { kind = "callout_option", name = "maxwait", type = "string",
  doc = [[Overall limit, default 4 times timeout.]] }
word { kind = "callout_option", name = "no_cache", type = "string",
  doc = [[Neither read nor write callout cache.]] }
word { kind = "callout_option", name = "postmaster", type = "string",
  doc = [[Also require postmaster to be accepted.]] }
word { kind = "callout_option", name = "postmaster_mailfrom", type = "string",
  doc = [[postmaster test with this sender.]] }
word { kind = "callout_option", name = "random", type = "string",
  doc = [[First test a made-up local part; acceptance of it ends the check.]] }
word { kind = "callout_option", name = "use_postmaster", type = "string",
  doc = [[MAIL FROM postmaster@qualify_domain.]] }
word { kind = "callout_option", name = "use_sender", type = "string",
  doc = [[MAIL FROM the real sender.]] }
word { kind = "callout_option", name = "use_tptsender", type = "string",
  doc = [[As use_sender but transport return_path applies.]] }
word { kind = "callout_option", name = "hold", type = "string",
  doc = [[Keep connection for later recipients and delivery.]] }

-- ratelimit options
word { kind = "ratelimit_option", name = "per_conn", type = "string",
  doc = [[Counts connections.]] }
word { kind = "ratelimit_option", name = "per_mail", type = "string",
  doc = [[Counts messages (default).]] }
word { kind = "ratelimit_option", name = "per_byte", type = "string",
  doc = [[Counts message bytes.]] }
word { kind = "ratelimit_option", name = "per_rcpt", type = "string",
  doc = [[Counts recipients; per RCPT or total at data.]] }
word { kind = "ratelimit_option", name = "per_addr", type = "string",
  doc = [[Counts distinct recipients; rcpt ACL only.]] }
word { kind = "ratelimit_option", name = "per_cmd", type = "string",
  doc = [[Counts each evaluation.]] }
word { kind = "ratelimit_option", name = "count", type = "string",
  doc = [[Weight to add per event.]] }
word { kind = "ratelimit_option", name = "unique", type = "string",
  doc = [[Counts distinct strings in the period.]] }
word { kind = "ratelimit_option", name = "strict", type = "string",
  doc = [[Always update recorded rate.]] }
word { kind = "ratelimit_option", name = "leaky", type = "string",
  doc = [[Update only while under limit (default).]] }
word { kind = "ratelimit_option", name = "readonly", type = "string",
  doc = [[Only read recorded rate; old name noupdate.]] }

-- dnslists flags
word { kind = "dnslists_flag", name = "+include_unknown", type = "string",
  doc = [[DNS trouble counts as listed.]] }
word { kind = "dnslists_flag", name = "+exclude_unknown", type = "string",
  doc = [[DNS trouble counts as unlisted (default).]] }
word { kind = "dnslists_flag", name = "+defer_unknown", type = "string",
  doc = [[DNS trouble gives a temporary error.]] }

word { kind = "control", name = "queue_only", type = "string", phases = during { "mail", "rcpt", "predata", "mime",
  "data", "not_smtp" },
  doc = [[The message is queued without a delivery at once: an old spelling of queue.]] }
