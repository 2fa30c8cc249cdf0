-- The options of transports. Those of section generic are for every driver.

-- generic
option { kind = "transport", name = "body_only", type = "boolean", default = false, section = "generic",
  doc = [[Send only the body.]] }
option { kind = "transport", name = "current_directory", type = "string", func = "transport", section = "generic",
  doc = [[Current directory for local delivery.]] }
option { kind = "transport", name = "delivery_date_add", type = "boolean", default = false, section = "generic",
  doc = [[Add Delivery-date:.]] }
option { kind = "transport", name = "envelope_to_add", type = "boolean", default = false, section = "generic",
  doc = [[Add Envelope-to:.]] }
option { kind = "transport", name = "event_action", type = "function", func = "event", section = "generic",
  doc = [[Called for each event of this transport.]] }
option { kind = "transport", name = "group", type = "string", func = "transport", section = "generic",
  doc = [[Group to run as.]] }
option { kind = "transport", name = "headers_add", type = "list", func = "transport", section = "generic",
  doc = [[Headers to add.]] }
option { kind = "transport", name = "headers_only", type = "boolean", default = false, section = "generic",
  doc = [[Send only headers.]] }
option { kind = "transport", name = "headers_remove", type = "list", func = "transport", section = "generic",
  doc = [[Headers to remove.]] }
option { kind = "transport", name = "headers_rewrite", type = "table", section = "generic",
  doc = [[Rewriting rules for the address fields of the header as it leaves: { { pattern, replacement, flags = "f" } }.
Only flags of the header: f t c b r s h, and q Q R w (docs/guide/rewriting.md).]] }
option { kind = "transport", name = "home_directory", type = "string", func = "transport", section = "generic",
  doc = [[home value for local delivery.]] }
option { kind = "transport", name = "message_size_limit", type = "size", default = 0, func = "transport",
  section = "generic",
  doc = [[Largest message for this transport; 0 none.]] }
option { kind = "transport", name = "return_path", type = "string", func = "transport", section = "generic",
  doc = [[Envelope sender to use.]] }
option { kind = "transport", name = "return_path_add", type = "boolean", default = false, section = "generic",
  doc = [[Add Return-path:.]] }
option { kind = "transport", name = "user", type = "string", func = "transport", section = "generic",
  doc = [[User to run as.]] }
option { kind = "transport", name = "shadow_transport", type = "string",
  section = "generic",
  doc = [[A local transport that is given a copy of each message this one has delivered. What becomes of the copy changes nothing: the log line has ST=name, with the reason behind it if the copy failed.]] }
option { kind = "transport", name = "shadow_condition", type = "boolean", default = true, func = "transport",
  section = "generic",
  doc = [[Whether the shadow transport runs for this message.]] }
option { kind = "transport", name = "disable_logging", type = "boolean", default = false,
  section = "generic",
  doc = [[No log line for what this transport delivers, puts off or fails; events come all the same.]] }
option { kind = "transport", name = "rcpt_include_affixes", type = "boolean", default = false,
  section = "generic",
  doc = [[Hand the local part over with the prefix and suffix that routers took off.]] }
option { kind = "transport", name = "max_parallel", type = "integer", func = "transport",
  section = "generic",
  doc = [[How many deliveries of this transport run at once, over all workers; unset or 0: no limit. Others wait their turn.]] }
option { kind = "transport", name = "initgroups", type = "boolean", default = false,
  section = "generic",
  doc = [[Take all groups of the user too, not its own alone.]] }
option { kind = "transport", name = "transport_filter", type = "list", func = "transport",
  section = "generic",
  doc = [[A program the message goes through on its way out: it gets it on standard input, and what it prints is delivered. If it fails, the message waits.]] }
option { kind = "transport", name = "transport_filter_timeout", type = "time", default = 300,
  section = "generic",
  doc = [[How long it may take.]] }

-- smtp
option { kind = "transport", drivers = { "smtp" }, name = "allow_localhost", type = "boolean", default = false,
  section = "smtp",
  doc = [[Permit delivery to this host.]] }
option { kind = "transport", drivers = { "smtp" }, name = "command_timeout", type = "time", default = 300,
  section = "smtp",
  doc = [[Timeout for replies.]] }
option { kind = "transport", drivers = { "smtp" }, name = "connect_timeout", type = "time", default = 300,
  section = "smtp",
  doc = [[TCP connect timeout.]] }
option { kind = "transport", drivers = { "smtp" }, name = "connection_max_messages", type = "integer", default = 500,
  section = "smtp",
  doc = [[Messages per connection.]] }
option { kind = "transport", drivers = { "smtp" }, name = "data_timeout", type = "time", default = 300, section = "smtp",
  doc = [[Timeout sending data.]] }
option { kind = "transport", drivers = { "smtp" }, name = "fallback_hosts", type = "list", func = "transport",
  section = "smtp",
  doc = [[Hosts tried last.]] }
option { kind = "transport", drivers = { "smtp" }, name = "final_timeout", type = "time", default = 600, section = "smtp",
  doc = [[Timeout after final dot.]] }
option { kind = "transport", drivers = { "smtp" }, name = "helo_data", type = "string", func = "transport",
  section = "smtp",
  doc = [[HELO/EHLO name.]] }
option { kind = "transport", drivers = { "smtp" }, name = "hosts", type = "list", func = "transport", section = "smtp",
  doc = [[Target hosts.]] }
option { kind = "transport", drivers = { "smtp" }, name = "hosts_avoid_esmtp", type = "hostlist", func = "transport",
  section = "smtp",
  doc = [[Use HELO for these.]] }
option { kind = "transport", drivers = { "smtp" }, name = "hosts_avoid_pipelining", type = "hostlist", func = "transport",
  section = "smtp",
  doc = [[No PIPELINING for these.]] }
option { kind = "transport", drivers = { "smtp" }, name = "hosts_max_try", type = "integer", default = 5,
  section = "smtp",
  doc = [[Addresses tried per delivery.]] }
option { kind = "transport", drivers = { "smtp" }, name = "hosts_override", type = "boolean", default = false,
  section = "smtp",
  doc = [[Ignore routed hosts.]] }
option { kind = "transport", drivers = { "smtp" }, name = "hosts_randomize", type = "boolean", default = false,
  func = "transport", section = "smtp",
  doc = [[Shuffle hosts.]] }
option { kind = "transport", drivers = { "smtp" }, name = "interface", type = "list", func = "transport",
  section = "smtp",
  doc = [[Local address to use.]] }
option { kind = "transport", drivers = { "smtp" }, name = "max_rcpt", type = "integer", default = 100, func = "transport",
  section = "smtp",
  doc = [[RCPTs per transaction.]] }
option { kind = "transport", drivers = { "smtp" }, name = "message_linelength_limit", type = "integer", default = 998,
  section = "smtp",
  doc = [[Longest line sent, else bounce.]] }
option { kind = "transport", drivers = { "smtp" }, name = "multi_domain", type = "boolean", default = true,
  func = "transport", section = "smtp",
  doc = [[Mix domains in one transaction. Where an option about TLS, DNSSEC or DANE is a function, each domain has its own all the same.]] }
option { kind = "transport", drivers = { "smtp" }, name = "port", type = "integer", func = "transport", section = "smtp",
  doc = [[Remote port; default by protocol.]] }
option { kind = "transport", drivers = { "smtp" }, name = "protocol", type = "string", section = "smtp",
  doc = [[smtp, smtps or lmtp.]] }
option { kind = "transport", drivers = { "smtp" }, name = "retry_include_ip_address", type = "boolean", default = true,
  func = "transport", section = "smtp",
  doc = [[Put address into retry keys.]] }
option { kind = "transport", drivers = { "smtp" }, name = "serialize_hosts", type = "hostlist", func = "transport",
  section = "smtp",
  doc = [[One connection at a time to these.]] }
option { kind = "transport", drivers = { "smtp" }, name = "size_addition", type = "integer", default = 1024,
  section = "smtp",
  doc = [[Bytes added to SIZE; negative disables.]] }
option { kind = "transport", drivers = { "smtp" }, name = "keepalive", type = "boolean", default = true,
  section = "smtp",
  doc = [[Ask the system to notice dead peers.]] }
option { kind = "transport", drivers = { "smtp" }, name = "dscp", type = "string", func = "transport",
  section = "smtp",
  doc = [[DSCP of outgoing packets: a name such as af11, ef, cs1, or a number from 0 to 63.]] }
option { kind = "transport", drivers = { "smtp" }, name = "lmtp_ignore_quota", type = "boolean", default = false,
  section = "smtp",
  doc = [[With protocol = "lmtp": send IGNOREQUOTA with each recipient, if the server offers it.]] }
option { kind = "transport", drivers = { "smtp" }, name = "hosts_max_try_hardlimit", type = "integer", default = 50,
  section = "smtp",
  doc = [[How many addresses are looked at for one delivery, those included whose retry time has not come.]] }
option { kind = "transport", drivers = { "smtp" }, name = "delay_after_cutoff", type = "boolean", default = true,
  section = "smtp",
  doc = [[A host that has failed beyond its retry schedule is tried at the times of the schedule only, and mail for nobody but such hosts fails at once in between; with false each message tries it.]] }

-- lmtp
option { kind = "transport", drivers = { "lmtp", "pipe" }, name = "command", type = "list", func = "transport",
  section = "lmtp",
  doc = [[The program and its arguments: a table, or a text whose words are taken apart without a shell. With `user`, or a
user of the router's, it runs as that user, through the local delivery process (`local_delivery_programs`).]] }
option { kind = "transport", drivers = { "lmtp" }, name = "socket", type = "string", func = "transport", section = "lmtp",
  doc = [[Unix socket speaking LMTP.]] }
option { kind = "transport", drivers = { "lmtp", "pipe" }, name = "timeout", type = "time", section = "lmtp",
  doc = [[Response timeout.]] }
option { kind = "transport", drivers = { "lmtp" }, name = "ignore_quota", type = "boolean", default = false,
  section = "lmtp",
  doc = [[Send IGNOREQUOTA with each recipient, if the server offers it.]] }

-- appendfile
option { kind = "transport", drivers = { "appendfile" }, name = "check_group", type = "boolean", default = false,
  section = "appendfile",
  doc = [[Check file group.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "check_owner", type = "boolean", default = true,
  section = "appendfile",
  doc = [[Check file owner.]] }
option { kind = "transport", drivers = { "appendfile", "pipe" }, name = "check_string", type = "string",
  section = "appendfile",
  doc = [[Line start that gets escaped.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "create_directory", type = "boolean", default = true,
  section = "appendfile",
  doc = [[Create missing directories.]] }
option { kind = "transport", drivers = { "appendfile", "queuefile" }, name = "directory", type = "string",
  func = "transport", section = "appendfile",
  doc = [[Directory for one file per message; path(ROOT, part, ...) makes it safely.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "directory_file", type = "string", func = "transport",
  section = "appendfile",
  doc = [[Name of such a file.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "directory_mode", type = "octal", default = 448,
  section = "appendfile",
  doc = [[Mode of created directories.]] }
option { kind = "transport", drivers = { "appendfile", "pipe" }, name = "escape_string", type = "string",
  section = "appendfile",
  doc = [[Replacement for check_string.]] }
option { kind = "transport", drivers = { "appendfile", "autoreply" }, name = "file", type = "string", func = "transport",
  section = "appendfile",
  doc = [[Mailbox file; path(ROOT, part, ...) makes it safely.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "file_must_exist", type = "boolean", default = false,
  section = "appendfile",
  doc = [[Do not create the file.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "lock_fcntl_timeout", type = "time", default = 0,
  section = "appendfile",
  doc = [[Blocking fcntl lock wait.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "lock_interval", type = "time", default = 3,
  section = "appendfile",
  doc = [[Pause between lock tries.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "lock_retries", type = "integer", default = 10,
  section = "appendfile",
  doc = [[Lock tries.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "lockfile_mode", type = "octal", default = 384,
  section = "appendfile",
  doc = [[Mode of the lock file.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "lockfile_timeout", type = "time", default = 1800,
  section = "appendfile",
  doc = [[Age at which a lock file is stale.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "maildir_format", type = "boolean", default = false,
  section = "appendfile",
  doc = [[Deliver to Maildir.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "maildir_tag", type = "string", func = "transport",
  section = "appendfile",
  doc = [[Suffix added to Maildir names.]] }
option { kind = "transport", drivers = { "appendfile", "pipe" }, name = "message_prefix", type = "string",
  func = "transport", section = "appendfile",
  doc = [[Text before each message.]] }
option { kind = "transport", drivers = { "appendfile", "pipe" }, name = "message_suffix", type = "string",
  func = "transport", section = "appendfile",
  doc = [[Text after each message.]] }
option { kind = "transport", drivers = { "appendfile", "autoreply" }, name = "mode", type = "octal", default = 384,
  section = "appendfile",
  doc = [[File mode.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "mode_fail_narrower", type = "boolean", default = true,
  section = "appendfile",
  doc = [[Defer if existing mode is narrower.]] }
option { kind = "transport", drivers = { "appendfile", "pipe" }, name = "use_crlf", type = "boolean", default = false,
  section = "appendfile",
  doc = [[Write CRLF lines.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "use_fcntl_lock", type = "boolean", default = true,
  section = "appendfile",
  doc = [[Lock with fcntl.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "use_lockfile", type = "boolean", default = true,
  section = "appendfile",
  doc = [[Use a lock file.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "allow_fifo", type = "boolean", default = false,
  section = "appendfile",
  doc = [[Deliver into a named pipe that somebody reads.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "allow_symlink", type = "boolean", default = false,
  section = "appendfile",
  doc = [[Follow a link in place of the mailbox file, if root or the owner of the mailbox made it. Links on the way to it are never followed.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "create_file", type = "string", default = "anywhere", func = "transport",
  section = "appendfile",
  doc = [[Where a new file or directory may be made: anywhere, belowhome, inhome, or below the path given.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "file_format", type = "list",
  section = "appendfile",
  doc = [[Pairs of how a mailbox begins and the transport that writes such ones: { "From ", "unix", "\1\1\1\1\n", "mmdf" }. An empty or new file is written by this transport.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "lock_flock_timeout", type = "time", default = 0,
  section = "appendfile",
  doc = [[How long one try for the flock lock waits.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "use_flock_lock", type = "boolean", default = false,
  section = "appendfile",
  doc = [[Lock with flock too.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "mailbox_filecount", type = "integer", func = "transport",
  section = "appendfile",
  doc = [[How many files the mailbox holds, if that is known without measuring.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "mailbox_size", type = "size", func = "transport",
  section = "appendfile",
  doc = [[How big the mailbox is, if that is known without measuring.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "maildir_quota_directory_regex", type = "string", func = "transport",
  section = "appendfile",
  doc = [[Which directories of a Maildir count: cur, new, and folders, unless set.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "maildir_retries", type = "integer", default = 10,
  section = "appendfile",
  doc = [[How many names are tried for a file in a Maildir.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "maildir_use_size_file", type = "boolean", default = false, func = "transport",
  section = "appendfile",
  doc = [[Keep the sum of a Maildir in its maildirsize file (Maildir++), and ask that for the quota.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "maildirfolder_create_regex", type = "string", func = "transport",
  section = "appendfile",
  doc = [[A Maildir whose last component matches is marked as a folder by an empty file maildirfolder.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "mailstore_format", type = "boolean", default = false,
  section = "appendfile",
  doc = [[Write each message as two files, NAME.msg and NAME.env with its envelope.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "mailstore_prefix", type = "string", func = "transport",
  section = "appendfile",
  doc = [[Text at the top of the .env file.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "mailstore_suffix", type = "string", func = "transport",
  section = "appendfile",
  doc = [[Text at the end of the .env file.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "quota", type = "size", func = "transport",
  section = "appendfile",
  doc = [[How big the mailbox may become, such as 50M; unset or 0: no limit. A message for which there is no room waits, and retry rules know it as quota.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "quota_directory", type = "string", func = "transport",
  section = "appendfile",
  doc = [[The directory that is measured in place of the mailbox.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "quota_filecount", type = "integer", func = "transport",
  section = "appendfile",
  doc = [[How many files a mailbox directory may hold.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "quota_is_inclusive", type = "boolean", default = true, func = "transport",
  section = "appendfile",
  doc = [[The new message counts: with false the last message may go over the limit.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "quota_size_regex", type = "string", func = "transport",
  section = "appendfile",
  doc = [[A pattern whose first group is a size in a file name, such as ,S=(\d+): files it matches are not looked at.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "quota_warn_message", type = "string", func = "transport",
  section = "appendfile",
  doc = [[The message, header and body, that is sent when a delivery takes the mailbox over quota_warn_threshold.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "quota_warn_threshold", type = "string", func = "transport",
  section = "appendfile",
  doc = [[A size, or a percentage of the quota such as 75%.]] }
option { kind = "transport", drivers = { "appendfile", "pipe" }, name = "use_bsmtp", type = "boolean", default = false,
  section = "appendfile",
  doc = [[Write batched SMTP: MAIL, RCPT, DATA, the message with its dots doubled, and a dot.]] }
option { kind = "transport", drivers = { "appendfile", "lmtp", "pipe" }, name = "batch_id", type = "string", func = "transport",
  section = "appendfile",
  doc = [[Addresses with the same value share a delivery; unset: those for which all options have the same values.]] }
option { kind = "transport", drivers = { "appendfile", "lmtp", "pipe" }, name = "batch_max", type = "integer", default = 1,
  section = "appendfile",
  doc = [[How many addresses one delivery may be for.]] }

-- pipe
option { kind = "transport", drivers = { "pipe" }, name = "environment", type = "list", func = "transport",
  section = "pipe",
  doc = [[Extra environment.]] }
option { kind = "transport", drivers = { "pipe" }, name = "freeze_exec_fail", type = "boolean", default = false,
  section = "pipe",
  doc = [[Freeze when the program cannot start.]] }
option { kind = "transport", drivers = { "pipe" }, name = "freeze_signal", type = "boolean", default = false,
  section = "pipe",
  doc = [[Freeze when killed by a signal.]] }
option { kind = "transport", drivers = { "pipe" }, name = "ignore_status", type = "boolean", default = false,
  section = "pipe",
  doc = [[Ignore exit status.]] }
option { kind = "transport", drivers = { "pipe" }, name = "log_defer_output", type = "boolean", default = false,
  section = "pipe",
  doc = [[Log first output line on deferral.]] }
option { kind = "transport", drivers = { "pipe" }, name = "log_fail_output", type = "boolean", default = false,
  section = "pipe",
  doc = [[Log first output line on failure.]] }
option { kind = "transport", drivers = { "pipe" }, name = "log_output", type = "boolean", default = false,
  section = "pipe",
  doc = [[Log first output line always.]] }
option { kind = "transport", drivers = { "pipe" }, name = "max_output", type = "integer", default = 20480,
  section = "pipe",
  doc = [[Output limit.]] }
option { kind = "transport", drivers = { "pipe" }, name = "path", type = "string", default = "/bin:/usr/bin",
  func = "transport", section = "pipe",
  doc = [[PATH for the command.]] }
option { kind = "transport", drivers = { "pipe" }, name = "return_fail_output", type = "boolean", default = false,
  section = "pipe",
  doc = [[Bounce with output on failure.]] }
option { kind = "transport", drivers = { "pipe" }, name = "return_output", type = "boolean", default = false,
  section = "pipe",
  doc = [[Bounce whenever there is output.]] }
option { kind = "transport", drivers = { "pipe" }, name = "temp_errors", type = "list", default = { "75", "73" },
  section = "pipe",
  doc = [[Exit codes meaning retry; default EX_TEMPFAIL and EX_CANTCREAT.]] }
option { kind = "transport", drivers = { "pipe" }, name = "timeout_defer", type = "boolean", default = false,
  section = "pipe",
  doc = [[Timeout defers instead of failing.]] }
option { kind = "transport", drivers = { "pipe" }, name = "umask", type = "octal", default = 18, section = "pipe",
  doc = [[umask.]] }
option { kind = "transport", drivers = { "pipe" }, name = "allow_commands", type = "list", func = "transport",
  section = "pipe",
  doc = [[Commands that may be run, as they are written in a redirection or in command; others may not, unless restrict_to_path lets them.]] }
option { kind = "transport", drivers = { "pipe" }, name = "restrict_to_path", type = "boolean", default = false,
  section = "pipe",
  doc = [[A command that is not in allow_commands may hold no slash: it is looked for on path.]] }
option { kind = "transport", drivers = { "pipe" }, name = "force_command", type = "boolean", default = false,
  section = "pipe",
  doc = [[Run command even for an address that names a program of its own; that one is in m.address_pipe.]] }

-- autoreply
option { kind = "transport", drivers = { "autoreply" }, name = "to", type = "string", func = "transport",
  section = "autoreply",
  doc = [[Who is written to: addresses as in a To: field, such as m.reply_address. A reply goes out from the null sender.]] }
option { kind = "transport", drivers = { "autoreply" }, name = "cc", type = "string", func = "transport",
  section = "autoreply",
  doc = [[Who gets a copy.]] }
option { kind = "transport", drivers = { "autoreply" }, name = "bcc", type = "string", func = "transport",
  section = "autoreply",
  doc = [[Who gets a copy and is not named.]] }
option { kind = "transport", drivers = { "autoreply" }, name = "from", type = "string", func = "transport",
  section = "autoreply",
  doc = [[From: of the reply; the address that was written to if unset.]] }
option { kind = "transport", drivers = { "autoreply" }, name = "reply_to", type = "string", func = "transport",
  section = "autoreply",
  doc = [[Reply-To: of the reply.]] }
option { kind = "transport", drivers = { "autoreply" }, name = "subject", type = "string", func = "transport",
  section = "autoreply",
  doc = [[Subject: of the reply, in UTF-8; it is encoded as it must be.]] }
option { kind = "transport", drivers = { "autoreply" }, name = "text", type = "string", func = "transport",
  section = "autoreply",
  doc = [[The text of the reply, before that of file.]] }
option { kind = "transport", drivers = { "autoreply" }, name = "headers", type = "list", func = "transport",
  section = "autoreply",
  doc = [[Further fields: a table of texts, or one text, a field a line.]] }
option { kind = "transport", drivers = { "autoreply" }, name = "file_expand", type = "boolean", default = false,
  section = "autoreply",
  doc = [[Put variables into the text of file: $sender_address, ${local_part}, $h_subject: for a header field, $$ for a dollar sign.]] }
option { kind = "transport", drivers = { "autoreply" }, name = "file_optional", type = "boolean", default = false,
  section = "autoreply",
  doc = [[A file that is not there is an empty one.]] }
option { kind = "transport", drivers = { "autoreply" }, name = "log", type = "string", func = "transport",
  section = "autoreply",
  doc = [[A file to which each reply adds some lines, written as the transport's or router's user.]] }
option { kind = "transport", drivers = { "autoreply" }, name = "never_mail", type = "addresslist", func = "transport",
  section = "autoreply",
  doc = [[Addresses that are never written to; if nobody is left there is no reply.]] }
option { kind = "transport", drivers = { "autoreply" }, name = "once", type = "string", func = "transport",
  section = "autoreply",
  doc = [[A file that remembers who was answered, and when; who is in it is not answered again. Its lock lies beside it as FILE.lock. Read and written as the transport's or router's user.]] }
option { kind = "transport", drivers = { "autoreply" }, name = "once_file_size", type = "integer", default = 0,
  section = "autoreply",
  doc = [[How big that file may become: the oldest are forgotten. 0: 1 MiB.]] }
option { kind = "transport", drivers = { "autoreply" }, name = "once_repeat", type = "time", default = 0, func = "transport",
  section = "autoreply",
  doc = [[After how long somebody is answered again; 0: never.]] }
option { kind = "transport", drivers = { "autoreply" }, name = "return_message", type = "boolean", default = false,
  section = "autoreply",
  doc = [[Put the message behind the text, up to bounce_return_size_limit.]] }

-- TLS. Functions of these are asked once the host is known, before each connection: m.host and m.host_address are there,
-- and m.tls_out_tlsa_usage, but for the two of DANE. The two of DNSSEC are asked while hosts are looked for.
local function tls(name, ty, more, doc)
  option { kind = "transport", drivers = { "smtp" }, name = name, also = more.also, type = ty, default = more.default,
    func = "transport", section = "TLS", doc = doc }
end

tls("dane_require_tls_ciphers", "string", {}, [[The ciphers offered where DANE applies, in place of tls_require_ciphers.]])
tls("dnssec_request_domains", "domainlist", { default = { "*" } },
  [[Hosts of this transport whose addresses may count as DNSSEC secure; DANE needs it.]])
tls("dnssec_require_domains", "domainlist", {},
  [[Hosts of this transport whose addresses must be DNSSEC secure; others are not used.]])
tls("hosts_avoid_tls", "hostlist", {}, [[Hosts that get no STARTTLS, unless DANE applies to them.]])
tls("hosts_nopass_tls", "hostlist", {}, [[Hosts whose connection ends after one message if it is encrypted.]])
tls("hosts_noproxy_tls", "hostlist", {},
  [[Hosts with which each message begins TLS anew: before the next message of a kept connection TLS is ended. Others keep it.]])
tls("hosts_request_ocsp", "hostlist", {}, [[Hosts asked for an OCSP proof with their certificate. Unset: all of them, but with
DANE only where no record of usage 3 is (then the proof says nothing that counts).]])
tls("hosts_require_alpn", "hostlist", {}, [[Hosts that must agree to the protocol of tls_alpn.]])
tls("hosts_require_dane", "hostlist", {}, [[Hosts that are used only if their TLSA records, found by DNSSEC, verify them.]])
tls("hosts_require_ocsp", "hostlist", {},
  [[Hosts that are used only with a good OCSP proof. Sessions with them are not resumed: each connection brings its proof.]])
tls("hosts_require_tls", "hostlist", {}, [[Hosts that are never spoken to in clear.]])
tls("hosts_try_dane", "hostlist", { default = { "*" } },
  [[Hosts whose TLSA records are looked up if their address is DNSSEC secure. Records that are found bind: the host is used
with a connection they verify, or not at all.]])
tls("hosts_verify_avoid_tls", "hostlist", {}, [[Hosts that get no STARTTLS in callouts, unless DANE applies to them.]])
tls("tls_alpn", "string", {}, [[The protocol offered by ALPN, such as "smtp".]])
tls("tls_certificate", "string", {}, [[A file with the certificate we show when asked for one, and its chain, in PEM.]])
tls("tls_crl", "string", {}, [[A file, or a directory by hash, of lists of revoked certificates.]])
tls("tls_dh_min_bits", "integer", { default = 1024 }, [[The shortest Diffie-Hellman prime accepted, in bits.]])
tls("tls_privatekey", "string", {}, [[The file of the certificate's key. Unset: it is in the certificate's file.]])
tls("tls_require_ciphers", "string", {}, [[The ciphers offered, as OpenSSL writes them; suites of TLS 1.3 by their names.]])
tls("tls_resumption_hosts", "hostlist", {}, [[Hosts with which sessions are kept, in the hints, and resumed.]])
tls("tls_sni", "string", {}, [[The name asked for in the handshake (SNI). With DANE it is always the host's.]])
tls("tls_tempfail_tryclear", "boolean", { default = true },
  [[Deliver in clear where a handshake failed or STARTTLS was put off, unless TLS is required, or a certificate that
verifies, a proof or a protocol is.]])
tls("tls_try_verify_hosts", "hostlist", { default = { "*" } },
  [[Hosts whose certificate is verified, and used whatever comes out: CV= in the log says it.]])
tls("tls_verify_cert_hostnames", "hostlist", { also = { "tls_verify_cert_hostname" }, default = { "*" } },
  [[Hosts whose certificate, where it is verified, must be for their name.]])
tls("tls_verify_certificates", "string", { default = "system" },
  [[What certificates are verified by: "system", a file of certificates, or a directory by hash.]])
tls("tls_verify_hosts", "hostlist", {}, [[Hosts whose certificate must verify, if they offer TLS at all: hosts_require_tls says that they must.]])

-- of later features
option { kind = "transport", drivers = { "smtp" }, name = "authenticated_sender", type = "string", func = "transport", section = "authentication",
  doc = [[AUTH= parameter of MAIL when we have authenticated; a function of the mail object, or a text. Nil: none; "": <>.]] }
option { kind = "transport", drivers = { "smtp" }, name = "authenticated_sender_force", type = "boolean", default = false, section = "authentication",
  doc = [[Send it without having authenticated, where the server offers AUTH.]] }
option { kind = "transport", drivers = { "smtp" }, name = "hosts_pipe_connect", type = "hostlist",
  feature = "early pipelining", section = "of later features",
  doc = [[Use early pipelining for these.]] }
option { kind = "transport", drivers = { "smtp" }, name = "hosts_require_auth", type = "hostlist", func = "transport", section = "authentication",
  doc = [[Hosts that get mail only after we have authenticated.]] }
option { kind = "transport", drivers = { "smtp" }, name = "hosts_try_auth", type = "hostlist", func = "transport", section = "authentication",
  doc = [[Hosts at which we authenticate if they offer it.]] }
option { kind = "transport", drivers = { "smtp" }, name = "hosts_try_chunking", type = "hostlist", feature = "CHUNKING",
  section = "of later features",
  doc = [[Use BDAT if offered.]] }
option { kind = "transport", drivers = { "smtp" }, name = "hosts_try_fastopen", type = "hostlist",
  feature = "early pipelining", section = "of later features",
  doc = [[Use TCP Fast Open.]] }
option { kind = "transport", drivers = { "smtp" }, name = "hosts_try_prdr", type = "hostlist", feature = "PRDR",
  section = "of later features",
  doc = [[Use PRDR if offered.]] }
option { kind = "transport", drivers = { "smtp" }, name = "socks_proxy", type = "string", feature = "SOCKS",
  section = "of later features",
  doc = [[SOCKS5 proxies with options.]] }
option { kind = "transport", drivers = { "smtp" }, name = "utf8_downconvert", type = "integer",
  feature = "internationalised mail", section = "of later features",
  doc = [[Convert UTF-8 addresses: 1 always, 0 never, -1 if needed.]] }

-- not here
option { kind = "transport", drivers = { "smtp" }, name = "host_name_extract", type = "list",
  never = "sessions are kept by host and address, and a server behind a balancer that cannot resume one begins anew", section = "not here",
  doc = [[Extracts the real host name from the answer to EHLO for keys of TLS resumption.]] }
option { kind = "transport", drivers = { "smtp" }, name = "dns_qualify_single", type = "boolean",
  never = "names are never completed", section = "not here",
  doc = [[Resolver completes single-label names.]] }
option { kind = "transport", drivers = { "smtp" }, name = "dns_search_parents", type = "boolean",
  never = "names are never completed", section = "not here",
  doc = [[Resolver searches parents.]] }
option { kind = "transport", drivers = { "smtp" }, name = "gethostbyname", type = "boolean",
  never = "names are found by our own resolver", section = "not here",
  doc = [[Use system lookup instead of DNS.]] }
option { kind = "transport", drivers = { "pipe" }, name = "permit_coredump", type = "boolean",
  never = "programs leave no core files", section = "not here",
  doc = [[Allow core dumps.]] }
option { kind = "transport", drivers = { "pipe" }, name = "pipe_as_creator", type = "boolean",
  never = "programs run as the user of the delivery", section = "not here",
  doc = [[Run as the submitting user.]] }
option { kind = "transport", name = "tpda_delivery_action", type = "string",
  never = "use event_action and the event msg:delivery", section = "not here",
  doc = [[Early name: expanded after each delivery; now event_action.]] }
option { kind = "transport", drivers = { "smtp" }, name = "tpda_host_defer_action", type = "string",
  never = "use event_action and the event msg:host:defer", section = "not here",
  doc = [[Early name: expanded on host deferral; now event msg:host:defer.]] }
option { kind = "transport", drivers = { "pipe" }, name = "use_classresources", type = "boolean",
  never = "it is of another system", section = "not here",
  doc = [[Apply login class limits (BSD).]] }
option { kind = "transport", drivers = { "pipe" }, name = "use_shell", type = "boolean",
  never = "programs are started by argument vector, never by a shell", section = "not here",
  doc = [[Run through /bin/sh.]] }
option { kind = "transport", name = "debug_print", type = "string",
  never = "there is no debugging output; a function of any option may call logwrite",
  section = "not here",
  doc = [[Text shown when debugging.]] }
option { kind = "transport", name = "retry_use_local_part", type = "boolean",
  never = "what waits, and how long, is kept with each recipient of each message",
  section = "not here",
  doc = [[Keep retry data per full address.]] }
option { kind = "transport", drivers = { "smtp" }, name = "address_retry_include_sender", type = "boolean",
  never = "a recipient that was put off waits alone: its retry times are of its own message",
  section = "not here",
  doc = [[Key 4xx RCPT retries by sender and recipient.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "mbx_format", type = "boolean",
  never = "no program that is still kept up writes MBX; use maildir_format or an mbox file",
  section = "not here",
  doc = [[Deliver to MBX.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "use_mbx_lock", type = "boolean",
  never = "no program that is still kept up writes MBX",
  section = "not here",
  doc = [[Use MBX locking.]] }
option { kind = "transport", drivers = { "appendfile" }, name = "notify_comsat", type = "boolean",
  never = "no system has a comsat any more; an event msg:delivery tells whom you like",
  section = "not here",
  doc = [[Notify comsat.]] }

