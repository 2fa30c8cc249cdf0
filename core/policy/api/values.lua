-- What variables are, in the conversation that docs/ref/vars.md shows and a spec holds (lua/gen/emit_values.lua). An
-- expression stands on the page of every variable it reads.

value { phase = "connect", list = {
  [[m.sender_host_port --> 49152]],
  [[m.sender_host_name --> "there.example"]],
  [[m.host_lookup_failed, m.host_lookup_deferred --> false,false]],
  [[m.sender_host_dnssec --> false]],
  [[m.sender_fullhost --> "there.example [203.0.113.9]"]],
  [[m.connection_id:match "^[%w.-]+$" ~= nil --> true]],
  [[m.smtp_count_at_connection_start --> 1]],
  [[m.smtp_active_hostname --> "mx.example.org"]],
} }
value { phase = "helo", list = {
  [[m.smtp_command, m.smtp_command_argument --> "EHLO there.example","there.example"]],
  [[m.sender_helo_verified --> false]],
  [[m.sender_helo_dnssec --> false]],
  [[m.sender_rcvhost --> "there.example ([203.0.113.9])"]],
} }
value { phase = "mail", list = {
  [[m.qualify_domain, m.qualify_recipient --> "example.org","example.org"]],
  [[m.message_smtputf8 --> false]],
} }
value { phase = "rcpt", list = {
  [[m.rcpt_count, m.rcpt_fail_count, m.rcpt_defer_count --> 1,0,0]],
  [[m.message_exim_id --> "1vxeQx-000000-00"]],
  [[m.tod_epoch_l, m.tod_zulu --> "1772600767000000","20260304050607Z"]],
  [[m.tod_log --> "2026-03-04 05:06:07"]],
  [[m.tod_logfile --> "20260304"]],
  [[m.tod_bsdinbox --> "Wed Mar 04 05:06:07 2026"]],
  [[m.tod_zone --> "+0000"]],
  [[m.version_number:match "^%d+%.%d+" ~= nil --> true]],
  [[m.compile_date ~= "", m.compile_number ~= "" --> true,true]],
  [[dns.a "there.example" ~= nil, m.lookup_dnssec_authenticated --> true,"no"]],
  [[m.initial_cwd:sub(1, 1), m.localhost_number --> "/",null]],
  [[m.pid > 1 --> true]],
  [[m.exim_uid == m.caller_uid, m.exim_gid == m.caller_gid --> true,true]],
  [[m.exim_path:sub(1, 1) --> "/"]],
  [[m.config_file == m.config_dir --> true]],
  [[m.spool_directory --> null]],
  [[m.load_average >= 0 --> true]],
  [[m.queue_size --> 0]],
  [[m.regex_cachesize >= 0 --> true]],
  [[m.spool_space ~= 0, m.spool_inodes ~= 0 --> true,true]],
  [[m.log_space ~= 0, m.log_inodes ~= 0 --> true,true]],
  [[m.bounce_return_size_limit --> 103000]],
} }
value { phase = "mime", list = {
  [[m.mime_is_multipart, m.mime_boundary --> true,"cut"]],
} }
value { phase = "mime part", list = {
  [[m.mime_content_disposition --> "attachment"]],
  [[m.mime_content_transfer_encoding --> "7bit"]],
  [[m.mime_content_id --> "<a@there.example>"]],
  [[m.mime_content_description --> "first words"]],
  [[m.mime_charset --> "utf-8"]],
  [[m.mime_is_coverletter, m.mime_is_rfc822 --> true,false]],
} }
value { phase = "data", list = {
  [[m.message_headers:match "^[^\n]*" --> "From: Bob <bob@there.example>"]],
  [[m.message_headers_raw:match "Subject: [^\n]*" --> "Subject: =?utf-8?q?caf=C3=A9?="]],
  [=[m.lheader.x_note --> ["one","two"]]=],
  [[m.message_body_end:match "hello.*" --> "hello --cut-- "]],
  [[m.message_body_size --> 213]],
  [[m.message_linecount, m.body_linecount --> 16,9]],
  [[m.body_zerocount --> 0]],
  [[m.max_received_linelength --> 47]],
  [[m.received_count --> 0]],
  [[m.received_protocol --> "esmtp"]],
  [[m.received_time --> 1772600767]],
  [[m.reply_address --> "office@there.example"]],
  [[m.recipients --> "ann+news@example.org, cat@elsewhere.example"]],
  [=[m.recipients_list --> ["ann+news@example.org","cat@elsewhere.example"]]=],
} }
value { phase = "notquit", list = {
  [[m.smtp_notquit_reason --> "connection-lost"]],
} }
value { phase = "not_smtp", list = {
  [[m.originator_uid >= 0, m.originator_gid >= 0 --> true,true]],
} }
value { phase = "route", list = {
  [[m.local_part_suffix, m.local_part_suffix_v --> "+news","news"]],
  [[m.router_name --> "people"]],
  [[m.atrn_host, m.atrn_mode --> null,null]],
  [[m.message_age, m.first_delivery --> 0,true]],
} }
value { phase = "transport", list = {
  [[m.transport_name --> "mailbox"]],
  [[m.address_data --> "shelf 4"]],
  [[m.r_kept --> "a year"]],
  [[m.return_path --> "bob@there.example"]],
  [[m.inode, m.mailstore_basename --> null,null]],
} }
value { phase = "event", list = {
  [[m.host, m.host_port --> "mx.elsewhere.example",25]],
  [[m.router_name, m.transport_name --> "out","remote"]],
} }
