---@meta
-- Made by `make docs` from core/policy/api; do not edit.
-- The mail object, one class a phase: ---@param m mail.rcpt

-- all phases
---@class mail.known1
---@field acl_arg1 string? Argument 1 of the ACL that was called by name.
---@field acl_arg2 string? Argument 2 of the ACL that was called by name.
---@field acl_arg3 string? Argument 3 of the ACL that was called by name.
---@field acl_arg4 string? Argument 4 of the ACL that was called by name.
---@field acl_arg5 string? Argument 5 of the ACL that was called by name.
---@field acl_arg6 string? Argument 6 of the ACL that was called by name.
---@field acl_arg7 string? Argument 7 of the ACL that was called by name.
---@field acl_arg8 string? Argument 8 of the ACL that was called by name.
---@field acl_arg9 string? Argument 9 of the ACL that was called by name.
---@field acl_narg integer How many arguments the called ACL was given.
---@field bounce_return_size_limit integer How many bytes of a message a bounce returns at most, rounded up to a thousand.
---@field caller_gid integer Real group id of this process.
---@field caller_uid integer Real user id of this process.
---@field compile_date string When the program was built.
---@field compile_number string Always `1`: builds are told apart by their version.
---@field config_dir string The directory the rules were read from.
---@field config_file string The same as `config_dir`: the rules are a directory, not a file.
---@field exim_gid integer Group id the engine runs as.
---@field exim_path string? Path of the running program.
---@field exim_uid integer User id the engine runs as.
---@field initial_cwd string? The directory the program was started in.
---@field ldap_dn string? The distinguished name of the last entry an LDAP lookup found.
---@field load_average integer The system's load over one minute, times 1000.
---@field localhost_number integer? The number of this host among those that share a name. Nil if it was not given one.
---@field log_inodes integer Free inodes where the logs are, or -1.
---@field log_space integer Free kilobytes where the logs are, or -1.
---@field lookup_dnssec_authenticated string? Whether the answer to the last question to the DNS (`dns.NAME`) was signed and verified. Nil before the first. Once a host that mail goes to is known, in options of a transport and in events: whether it was found so.
---@field pid integer Id of this process.
---@field primary_hostname string The name of this host, from the option of that name or from the system.
---@field prvscheck_address string? The address inside the tagged one that `prvs.check` was asked about last; nil if it had no tag, or none was asked about.
---@field prvscheck_keynum integer? The number of the key in that tag.
---@field prvscheck_result boolean? Whether that tag was ours and not too old.
---@field qualify_domain string The domain added to sender addresses that have none.
---@field qualify_recipient string The domain added to recipient addresses that have none.
---@field queue_size integer Messages in the queue of this worker.
---@field regex1 string? The same as `m.regex[1]`.
---@field regex2 string? The same as `m.regex[2]`.
---@field regex3 string? The same as `m.regex[3]`.
---@field regex4 string? The same as `m.regex[4]`.
---@field regex5 string? The same as `m.regex[5]`.
---@field regex6 string? The same as `m.regex[6]`.
---@field regex7 string? The same as `m.regex[7]`.
---@field regex8 string? The same as `m.regex[8]`.
---@field regex9 string? The same as `m.regex[9]`.
---@field regex_cachesize integer Always 0: patterns live as long as the rules that hold them.
---@field regex_match_string string? The pattern that made the last `regex` or `mime_regex` condition hold.
---@field spool_directory string? Where the spool is. Nil in a world without one.
---@field spool_inodes integer Free inodes where the spool is, or -1.
---@field spool_space integer Free kilobytes where the spool is, or -1.
---@field tod_bsdinbox string Now, as a mailbox's From line has it: `Thu Oct 17 17:14:09 1995`.
---@field tod_epoch string Now, in seconds since 1970, as text.
---@field tod_epoch_l string Now, in microseconds since 1970, as text.
---@field tod_full string Now, as a Date: field has it: `Tue, 02 Mar 1999 09:44:33 +0000`.
---@field tod_log string Now, as log lines have it: `1995-10-17 15:32:29`.
---@field tod_logfile string Today, as names of log files have it: `19951017`.
---@field tod_zone string The offset of local time: `+0000`.
---@field tod_zulu string Now, in UTC: `20030221154023Z`.
---@field version_number string Version of Perigee.
---@field regex table<any, string?> What the groups of the last matching `regex` or `mime_regex` condition caught: `m.regex[1]`; `m.regex[0]` is the whole.

-- mail to data, not_smtp_start, not_smtp_mime, not_smtp
---@class mail.known2
---@field acl_verify_message string? Why the last `verify` condition did not hold.
---@field callout_address string? The address the last callout connected to. Nil while there was none.
---@field headers_added string? The header fields rules have added so far, one a line.
---@field sender_address_data string? The `address_data` of the router that accepted the sender when it was verified.
---@field sender_verify_failure string? Why the sender could not be verified.
---@field spf_guess string? The record that is guessed for domains that publish none.
---@field spf_header_comment string? The result in a sentence, for headers and logs.
---@field spf_received string? The whole Received-SPF: field (X-SPF-Guess: of a guessed record), for `add_header = ":at_start:"`.
---@field spf_result string? What the last `spf` or `spf_guess` found for this sender, nil while none was asked. `temperror`: the DNS did not answer; a later try may differ.
---@field spf_result_guessed boolean? Whether the result is that of a guessed record: the domain has none, and `spf_guess` was asked.
---@field spf_smtp_comment string? What may be told to the client: the domain's own explanation of a fail, else `spf_smtp_comment_template`. Empty for a pass and for errors.
---@field spf_used_domain string? The domain whose record was judged: the sender's, or HELO's name for the empty sender.

-- mail to data, vrfy, not_smtp, route, transport, event
---@class mail.known3
---@field address_data string? What the routers attached to the address with `address_data`.
---@field router_name string? The router that is being tried, or that routed the address.
---@field verify_mode string? `S` while a sender is being verified, `R` while a recipient is. Nil otherwise.

-- transport
---@class mail.known4
---@field address_file string? The file or directory an address was redirected to.
---@field address_pipe string? The command an address was redirected to.
---@field inode integer? Always nil: names of new files in Maildirs are ours to choose.
---@field mailstore_basename string? Always nil: the mailstore format is not written.

-- data
---@class mail.known5
---@field arc_domains string[]? The domains that signed the chain, oldest first.
---@field arc_oldest_pass integer? The smallest instance whose signature of the message still holds, as do all above it; 0: none.
---@field arc_state string? What became of the chain; nil before `verify = "arc"` was asked.
---@field arc_state_reason string? Why the chain failed.
---@field dmarc_alignment_dkim boolean? Whether a DKIM domain that passed agrees with the one in From:.
---@field dmarc_alignment_spf boolean? Whether the SPF domain passed and agrees with the one in From:.
---@field dmarc_ar_header string? A whole Authentication-Results: field with what was found.
---@field dmarc_disposition string? What the policy asks for this message, after `pct` was drawn for it (RFC 7489 section 6.6.4).
---@field dmarc_domain_policy string? The policy the domain published, `p` of its record; empty where there is none.
---@field dmarc_status string? What DMARC says about the message, before `pct` has its say (dmarc_disposition); nil until `dmarc_status` was asked.
---@field dmarc_status_text string? The status in a sentence.
---@field dmarc_used_domain string? The domain whose record was used.

-- route, transport, queue
---@class mail.known6
---@field atrn_host string? Address and port of a client that fetches its mail by ATRN. Nil while nobody does.

-- auth, route, transport, queue
---@class mail.known7
---@field atrn_mode string? `P` where we provide mail by ATRN, `C` where we fetch it. Nil otherwise.

-- auth
---@class mail.known8
---@field auth1 string? The first thing the client gave: for PLAIN whom it wants to be, for LOGIN, CRAM-MD5 and SCRAM the user. Known only while the client authenticates.
---@field auth2 string? The second: for PLAIN the user, for LOGIN the password, for SCRAM whom it wants to be. Known only while the client authenticates.
---@field auth3 string? The third: for PLAIN the password. Known only while the client authenticates.
---@field auth4 string? The fourth. Known only while the client authenticates.

-- auth to data, etrn, atrn, expn, vrfy, wellknown, quit, notquit
---@class mail.known9
---@field authenticated_fail_id string? Who the client claimed to be in its last failed attempt to authenticate.
---@field authentication_failed boolean Whether an attempt to authenticate has failed in this session.

-- auth to data, etrn, atrn, expn, vrfy, wellknown, quit, notquit, not_smtp_start, not_smtp_mime, not_smtp, route, transport, event, queue
---@class mail.known10
---@field authenticated_id string? Who the client is, as its authenticator said; for local programs the login name.
---@field sender_host_authenticated string? Name of the authenticator that accepted the client.

-- mail to data, not_smtp_start, not_smtp_mime, not_smtp, route, transport, event, queue
---@class mail.known11
---@field authenticated_sender string? The sender an authenticated client vouches for with AUTH=, if we trust it.
---@field message_exim_id string? Our id of the message, as in `tttttt-ssnnnn-nn`. Nil until it has one.
---@field message_size integer Size in bytes. Before the message was received, what the client declared with SIZE=, or -1.
---@field message_smtputf8 boolean Whether the client asked for SMTPUTF8.
---@field queue_name string? The queue the message waits in; nil for the usual one.
---@field received_time integer When reception began, in seconds since 1970.
---@field sender_address string? The envelope sender as given, case kept; `""` for the null sender of bounces.
---@field sender_address_domain string? Domain of the envelope sender; `""` for the null sender.
---@field sender_address_local_part string? Local part of the envelope sender; `""` for the null sender.

-- dkim to data, not_smtp
---@class mail.known12
---@field av_failed boolean? Whether the scanner for malware had trouble.

-- dkim to data, not_smtp_mime, not_smtp, route, transport, event, queue
---@class mail.known13
---@field body_linecount integer Lines of the body.
---@field body_zerocount integer NUL bytes in the body.
---@field max_received_linelength integer Length of the longest line, in bytes, without its end.
---@field message_body string? The start of the body, as much as `message_body_visible` says; newlines and NULs are spaces.
---@field message_body_end string? The end of the body, as much as `message_body_visible` says; newlines and NULs are spaces.
---@field message_body_size integer Size of the body in bytes.
---@field message_headers string The whole header section, encoded words decoded, lines separated by newlines.
---@field message_headers_raw string The whole header section as received, lines separated by newlines.
---@field message_linecount integer Lines of header and body.
---@field received_count integer Received: fields the message came with.
---@field reply_address string? What stands in Reply-To:, else in From:, not decoded.
---@field bheader table<any, string?> Header fields by name, decoded.
---@field header table<any, string?> Header fields by name, decoded: `m.header.subject`, `m.header["list-id"]`. Several of one name are joined by newlines. Nil: none.
---@field lheader table<any, string[]?> Header fields by name, as lists with one item a field.
---@field rheader table<any, string?> Header fields by name, as received.

-- connect to data, etrn, atrn, expn, vrfy, wellknown, quit, notquit
---@class mail.known14
---@field connection_id string A name for this connection, unique while the engine runs.
---@field sender_host_dnssec boolean Whether every answer that gave `sender_host_name` was signed and verified.
---@field smtp_command string? The command line being answered, cut at 512 bytes.
---@field smtp_command_argument string? What follows the verb in the command line, without the space between.
---@field smtp_command_history string[] The last twenty verbs of the session, oldest first.
---@field smtp_count_at_connection_start integer How many connections were open when this one began, itself included.

-- mail to data
---@class mail.known15
---@field csa_status string? What the last `verify = "csa"` (Client SMTP Authorization) found. Nil while nobody asked for it.

-- prdr, data, not_smtp
---@class mail.known16
---@field dcc_header string? The X-DCC field a DCC check made.
---@field dcc_result string? What DCC said about the message.
---@field malware_name string? The name of the malware that was found.
---@field spam_action string? What the spam scanner proposes to do.
---@field spam_report string? The report of the spam scanner.

-- dkim
---@class mail.known17
---@field dkim_algo string? Algorithm of the signature, a=.
---@field dkim_bodylength integer? How much of the body is signed, l=; 9999999999999: all of it.
---@field dkim_canon_body string? How the body was made canonical.
---@field dkim_canon_headers string? How the header was made canonical.
---@field dkim_copiedheaders string? The header fields copied into the signature, z=.
---@field dkim_created integer? When it was signed, t=, in seconds since 1970; 0: not said.
---@field dkim_cur_signer string? The domain or identity this run of the ACL is about.
---@field dkim_expires integer? When the signature expires, x=, in seconds since 1970; 9999999999999: never.
---@field dkim_headernames string[]? The signed header fields, h=.
---@field dkim_identity string? Who signed, i=.
---@field dkim_key_granularity string? g= of the key's record, `*` when it is not said.
---@field dkim_key_length integer? Size of the key in bits.
---@field dkim_key_nosubdomains boolean? Whether the key's record forbids subdomains.
---@field dkim_key_notes string? n= of the key's record.
---@field dkim_key_srvtype string? s= of the key's record, `*` when it is not said.
---@field dkim_key_testing boolean? Whether the key's record says that the domain is testing.
---@field dkim_verify_signers string[]? The signers the dkim ACL is asked about.

-- dkim, transport
---@class mail.known18
---@field dkim_domain string? Domain of the signature, d=; while we sign, the one we sign for.
---@field dkim_selector string? Selector of the signature, s=; while we sign, the one we sign with.

-- dkim to data
---@class mail.known19
---@field dkim_signers string[]? All domains and identities that signed the message.
---@field dkim_verify_reason string? Why, where the status is fail or invalid: `bodyhash_mismatch`, `signature_incorrect`, `pubkey_unavailable`, `pubkey_syntax`, `pubkey_revoked`, `syntax`, `algorithm`, `keysize`, `expired`. In the dkim ACL it can be set, to anything.
---@field dkim_verify_status string? What became of the signature: none, invalid, fail or pass. In the dkim ACL it can be set; after that ACL it is a colon list of what each of its runs ended with.

-- connect to data, etrn, atrn, expn, vrfy, wellknown, quit, notquit, not_smtp
---@class mail.known20
---@field dnslist_domain string? The DNS list that made the last `dnslists` condition hold.
---@field dnslist_matched string? The address or name that stood in that DNS list.
---@field dnslist_text string? The TXT record that came with that entry of a DNS list.
---@field dnslist_value string? The addresses that entry of a DNS list gave, separated by commas.
---@field sender_rate string? The rate the last `ratelimit` condition found, as a decimal number.
---@field sender_rate_limit string? The limit the last `ratelimit` condition compared with.
---@field sender_rate_period string? The period the last `ratelimit` condition counted in.

-- rcpt, prdr, vrfy, route, transport, event
---@class mail.known21
---@field domain string? Domain of the address this is about, in lower case.
---@field domain_data string? What the list item said that matched in the last `domains` condition.
---@field local_part string? Local part of the address this is about, without quotes and in lower case, unless `control = "caseful_local_part"` or the router keeps the case. A router that strips an affix leaves the rest here.
---@field local_part_data string? What the list item said that matched in the last `local_parts` condition, or the user that was found.

-- event
---@class mail.known22
---@field event_data string? What the event has to say; its row tells what that is.
---@field event_defer_errno integer? The error number behind a deferral.
---@field event_name string? The event that happened, such as `msg:delivery`.

-- route, transport, event, queue
---@class mail.known23
---@field first_delivery boolean Is this the first time that the message is delivered? False once any recipient was tried before.
---@field local_scan_data string? Always nil: rules take the place of a local_scan function; keep a text in an `acl_m_` variable.
---@field message_age integer Seconds since the message was received.

-- route, transport, event
---@class mail.known24
---@field home string? Home directory that belongs to the address.
---@field host_address string? Address of the host we deliver to; while `ignore_target_hosts` is asked, the address in question.
---@field local_part_prefix string? The prefix the router took off the local part.
---@field local_part_prefix_v string? The part of the prefix that the wildcard stood for.
---@field local_part_suffix string? The suffix the router took off the local part.
---@field local_part_suffix_v string? The part of the suffix that the wildcard stood for.
---@field original_domain string? Domain of the recipient as it came, before any redirection.
---@field original_local_part string? Local part of the recipient as it came, before any redirection, affixes included.
---@field parent_domain string? Domain of the address that was redirected to this one. Nil if it was not redirected.
---@field parent_local_part string? Local part of the address that was redirected to this one. Nil if it was not redirected.
---@field return_path string? The envelope sender this delivery will use; `""` for none.

-- transport, event
---@class mail.known25
---@field host string? Name of the host we deliver to.
---@field host_port integer? TCP port of the host we deliver to.
---@field sending_ip_address string? Our own address of the connection to that host.
---@field sending_port integer? Our own port of the connection to that host.
---@field tls_out_bits integer? Strength of the cipher of the connection to the host, in bits.
---@field tls_out_certificate_verified boolean? Whether the host showed a certificate that could be verified.
---@field tls_out_cipher string? The cipher of the connection to the host as the log has it: `TLS1.3:TLS_AES_256_GCM_SHA384:256`.
---@field tls_out_cipher_std string? The same suite by the name RFCs give it.
---@field tls_out_dane boolean? Whether the host's certificate was verified by its TLSA records.
---@field tls_out_ocsp integer? What the host stapled to its certificate: 0 not asked for, 1 no answer, 2 not verified, 3 failed, 4 good.
---@field tls_out_ourcert string? The certificate we showed to the host: bytes of DER, for `cert.extract` and `hash.sha256`.
---@field tls_out_peercert string? The certificate the host showed (bytes of DER); in the event tls:cert, the one of the chain that is asked about.
---@field tls_out_peerdn string? The distinguished name in the host's certificate.
---@field tls_out_resumption integer? Resumption of the session, a sum of 1 supported, 2 requested, 4 offered, 8 ticket issued, 16 used.
---@field tls_out_sni string? The server name we asked for.
---@field tls_out_tlsa_usage integer? The usages of the TLSA records found, a bit each (1 << usage); 0 without DANE. Nil as long as there is no host.
---@field tls_out_ver string? Version of TLS on the connection to the host, such as `TLS1.3`.
---@field transport_name string? The transport that runs, or ran.

-- connect to data, etrn, atrn, expn, vrfy, wellknown, quit, notquit, not_smtp_start, not_smtp_mime, not_smtp, route, transport, event, queue
---@class mail.known26
---@field host_data string? What the lookup said that made the last `hosts` condition hold.
---@field host_lookup_deferred boolean Whether the search for the client's name could not be finished; a later try may differ.
---@field host_lookup_failed boolean Whether the search for the client's name was made and found that it has none.
---@field originator_gid integer Group id of the program that submitted the message; ours if it came by SMTP.
---@field originator_uid integer User id of the program that submitted the message; ours if it came by SMTP.
---@field received_ip_address string? Our address the client connected to.
---@field received_port integer? Our port the client connected to.
---@field received_protocol string How the message came: `smtp`, `esmtp`, `local` and their variants.
---@field sender_fullhost string? The client as log lines show it: `name (helo) [address]`, without the parts that are not known.
---@field sender_host_address string? Address of the client, in RFC 5952 form. Nil when the message came from a local program.
---@field sender_host_name string? Verified name of the client: what its address points to, if that name points back to the address. The first reading asks the DNS and waits for it. Nil when there is no such name; `host_lookup_failed` and `host_lookup_deferred` tell why.
---@field sender_host_port integer? TCP port of the client. Nil for local programs.
---@field sender_ident string? Login name of the local user who submitted the message.
---@field sender_rcvhost string? The client as a Received: field shows it: `name ([address] helo=x ident=y)`.
---@field smtp_active_hostname string? The name under which we speak to this client.

-- route
---@class mail.known27
---@field local_user_gid integer Group id that `check_local_user` found, or -1.
---@field local_user_uid integer User id that `check_local_user` found, or -1.
---@field self_hostname string? The host that turned out to be this one, when `self = "pass"` passed the address on.

-- mime, not_smtp_mime
---@class mail.known28
---@field mime_anomaly_level integer How bad the worst is that is wrong with the part: 0 nothing; 1 damaged quoted-printable, 2 damaged base64, both passed over as mail programs do; 3 its structure or header may be read in more than one way.
---@field mime_anomaly_text string? What is wrong with the part, in words.
---@field mime_boundary string? The boundary of a multipart.
---@field mime_charset string? The charset parameter, as it is written.
---@field mime_content_description string? The Content-Description of the part, encoded words decoded.
---@field mime_content_disposition string? `inline`, `attachment`, in lower case and without parameters.
---@field mime_content_id string? The Content-ID of the part, as it is written.
---@field mime_content_size integer Size of the decoded part in kilobytes, rounded up; known without `decode`. 0 for a multipart.
---@field mime_content_transfer_encoding string? How the part is encoded, in lower case: `base64`.
---@field mime_content_type string? Type of the part, in lower case and without parameters: `text/plain`. Nil if it is not said.
---@field mime_decoded_filename string? Path of the decoded part, after `decode`.
---@field mime_filename string? The name of the file the part proposes, decoded to UTF-8. The sender chose it: it may hold `/` and `..` and is no path.
---@field mime_filenames string[] Every name a mail program may read there: RFC 2231's form, encoded words, with and without what stands behind a blank, of Content-Disposition and of Content-Type. The likeliest is first and is `mime_filename`. A rule that looks for dangerous names looks at all of them.
---@field mime_is_coverletter boolean Whether the part belongs to the text of the message and not to what is attached.
---@field mime_is_multipart boolean Whether the part is made of parts.
---@field mime_is_rfc822 boolean Whether the part belongs to an attached message.

-- dkim to data, not_smtp_mime, not_smtp
---@class mail.known29
---@field mime_part_count integer Number of the part in its message, from 0; the count of an attached message is its own. Later, the number of the message's last part; -1 when no part was asked about: the message has no Content-Type, or there is no mime ACL.

-- rcpt to data, not_smtp_mime
---@class mail.known30
---@field prdr_requested boolean? Whether the client asked for an answer for each recipient after the data.

-- connect to data, etrn, atrn, expn, vrfy, wellknown, quit, notquit, event
---@class mail.known31
---@field proxy_external_address string? Address of the proxy on the other side.
---@field proxy_external_port integer? Port of the proxy on the other side.
---@field proxy_local_address string? Address of the proxy on our side.
---@field proxy_local_port integer? Port of the proxy on our side.
---@field proxy_session boolean? Whether the connection comes, or goes, through a proxy.

-- rcpt to data
---@class mail.known32
---@field rcpt_count integer RCPT commands of this message so far, the present one included.
---@field rcpt_defer_count integer Earlier RCPT commands of this message that were answered with 4xx.
---@field rcpt_fail_count integer Earlier RCPT commands of this message that were answered with 5xx.

-- data, not_smtp
---@class mail.known33
---@field received_for string? The recipient, if there is just one.

-- rcpt, prdr, vrfy
---@class mail.known34
---@field recipient_data string? What the lookup said that made the last `recipients` condition hold.

-- rcpt, predata, prdr, data
---@class mail.known35
---@field recipient_verify_failure string? Why the recipient could not be verified.

-- predata to data, not_smtp_mime, not_smtp, queue
---@class mail.known36
---@field recipients string? The accepted recipients, separated by `, `.
---@field recipients_list string[] The accepted recipients.

-- rcpt to data, not_smtp_mime, not_smtp, route, transport, event, queue
---@class mail.known37
---@field recipients_count integer How many recipients were accepted, one named twice counted twice.

-- mail to data, not_smtp_start, not_smtp_mime, not_smtp, route, transport
---@class mail.known38
---@field sender_data string? What the lookup said that made the last `senders` condition hold.
---@field srs_recipient string? The address that a rewritten one stands for: set by `srs.inbound` as soon as the form fits, whether or not it is sound, and by a redirect router's `srs = "reverse"` once it is.

-- helo to data, etrn, atrn, expn, vrfy, wellknown, quit, notquit
---@class mail.known39
---@field sender_helo_dnssec boolean Whether the answers that verified the HELO name were signed and verified.
---@field sender_helo_verified boolean Whether `verify = "helo"` found that the name the client gave belongs to it.

-- helo to data, etrn, atrn, expn, vrfy, wellknown, quit, notquit, not_smtp_start, not_smtp_mime, not_smtp, route, transport, event, queue
---@class mail.known40
---@field sender_helo_name string? What the client called itself in HELO or EHLO. Nil before the first.

-- notquit
---@class mail.known41
---@field smtp_notquit_reason string? Why the session ended without QUIT.

-- prdr, data, not_smtp, route, transport, event
---@class mail.known42
---@field spam_bar string? The score drawn with `+` or `-`, at most 50.
---@field spam_score string? The score, with one decimal.
---@field spam_score_int integer? Ten times the score.

-- route, transport
---@class mail.known43
---@field srs_db_address string? The sender that srs_dbinsert is to keep.
---@field srs_db_key string? What stands for an address in srs_dbinsert and srs_dbselect.
---@field srs_orig_recipient string? The recipient as it came, before a router's `srs` took it apart.
---@field srs_orig_sender string? The sender before a router's `srs` rewrote it.
---@field srs_status string? What became of it, in words: ok, case broken, not SRS, bad SRS, hash too short, bad hash, bad timestamp, timestamp expired, address too long, no domain, database error.

-- helo to data, etrn, atrn, expn, vrfy, wellknown, quit, notquit, route, transport, event, queue
---@class mail.known44
---@field tls_bits integer? An old name: `tls_out_bits` while a host is spoken to, else `tls_in_bits`.
---@field tls_certificate_verified boolean? An old name: `tls_out_certificate_verified` while a host is spoken to, else `tls_in_certificate_verified`.
---@field tls_cipher string? An old name: `tls_out_cipher` while a host is spoken to, else `tls_in_cipher`.
---@field tls_in_bits integer? Strength of the cipher of the client's connection, in bits.
---@field tls_in_certificate_verified boolean? Whether the client showed a certificate that could be verified.
---@field tls_in_cipher string? The cipher of the client's connection as the log has it: `TLS1.3:TLS_AES_256_GCM_SHA384:256`.
---@field tls_in_cipher_std string? The same suite by the name RFCs give it.
---@field tls_in_ocsp integer? What was stapled to our certificate: 0 not asked for, 1 no answer, 2 not verified, 3 failed, 4 good.
---@field tls_in_ourcert string? The certificate we showed to the client: bytes of DER, for `cert.extract` and `hash.sha256`.
---@field tls_in_peercert string? The certificate the client showed (bytes of DER); in the event tls:cert, the one of the chain that is asked about.
---@field tls_in_peerdn string? The distinguished name in the client's certificate.
---@field tls_in_resumption integer? Resumption of the session, a sum of 1 supported, 2 requested, 4 offered, 8 ticket issued, 16 used.
---@field tls_in_sni string? The server name the client asked for.
---@field tls_in_ver string? Version of TLS on the client's connection, such as `TLS1.3`.
---@field tls_peerdn string? An old name: `tls_out_peerdn` while a host is spoken to, else `tls_in_peerdn`.
---@field tls_sni string? An old name: `tls_out_sni` while a host is spoken to, else `tls_in_sni`.

---@class mail.connect : mail.known1, mail.known14, mail.known20, mail.known26, mail.known31
---@class mail.helo : mail.known1, mail.known14, mail.known20, mail.known26, mail.known31, mail.known39, mail.known40, mail.known44
---@class mail.starttls : mail.known1, mail.known14, mail.known20, mail.known26, mail.known31, mail.known39, mail.known40, mail.known44
---@class mail.auth : mail.known1, mail.known7, mail.known8, mail.known9, mail.known10, mail.known14, mail.known20, mail.known26, mail.known31, mail.known39, mail.known40, mail.known44
---@class mail.mailauth : mail.known1, mail.known9, mail.known10, mail.known14, mail.known20, mail.known26, mail.known31, mail.known39, mail.known40, mail.known44
---@class mail.mail : mail.known1, mail.known2, mail.known3, mail.known9, mail.known10, mail.known11, mail.known14, mail.known15, mail.known20, mail.known26, mail.known31, mail.known38, mail.known39, mail.known40, mail.known44
---@class mail.rcpt : mail.known1, mail.known2, mail.known3, mail.known9, mail.known10, mail.known11, mail.known14, mail.known15, mail.known20, mail.known21, mail.known26, mail.known30, mail.known31, mail.known32, mail.known34, mail.known35, mail.known37, mail.known38, mail.known39, mail.known40, mail.known44
---@class mail.predata : mail.known1, mail.known2, mail.known3, mail.known9, mail.known10, mail.known11, mail.known14, mail.known15, mail.known20, mail.known26, mail.known30, mail.known31, mail.known32, mail.known35, mail.known36, mail.known37, mail.known38, mail.known39, mail.known40, mail.known44
---@class mail.dkim : mail.known1, mail.known2, mail.known3, mail.known9, mail.known10, mail.known11, mail.known12, mail.known13, mail.known14, mail.known15, mail.known17, mail.known18, mail.known19, mail.known20, mail.known26, mail.known29, mail.known30, mail.known31, mail.known32, mail.known36, mail.known37, mail.known38, mail.known39, mail.known40, mail.known44
---@class mail.mime : mail.known1, mail.known2, mail.known3, mail.known9, mail.known10, mail.known11, mail.known12, mail.known13, mail.known14, mail.known15, mail.known19, mail.known20, mail.known26, mail.known28, mail.known29, mail.known30, mail.known31, mail.known32, mail.known36, mail.known37, mail.known38, mail.known39, mail.known40, mail.known44
---@class mail.prdr : mail.known1, mail.known2, mail.known3, mail.known9, mail.known10, mail.known11, mail.known12, mail.known13, mail.known14, mail.known15, mail.known16, mail.known19, mail.known20, mail.known21, mail.known26, mail.known29, mail.known30, mail.known31, mail.known32, mail.known34, mail.known35, mail.known36, mail.known37, mail.known38, mail.known39, mail.known40, mail.known42, mail.known44
---@class mail.data : mail.known1, mail.known2, mail.known3, mail.known5, mail.known9, mail.known10, mail.known11, mail.known12, mail.known13, mail.known14, mail.known15, mail.known16, mail.known19, mail.known20, mail.known26, mail.known29, mail.known30, mail.known31, mail.known32, mail.known33, mail.known35, mail.known36, mail.known37, mail.known38, mail.known39, mail.known40, mail.known42, mail.known44
---@class mail.etrn : mail.known1, mail.known9, mail.known10, mail.known14, mail.known20, mail.known26, mail.known31, mail.known39, mail.known40, mail.known44
---@class mail.atrn : mail.known1, mail.known9, mail.known10, mail.known14, mail.known20, mail.known26, mail.known31, mail.known39, mail.known40, mail.known44
---@class mail.expn : mail.known1, mail.known9, mail.known10, mail.known14, mail.known20, mail.known26, mail.known31, mail.known39, mail.known40, mail.known44
---@class mail.vrfy : mail.known1, mail.known3, mail.known9, mail.known10, mail.known14, mail.known20, mail.known21, mail.known26, mail.known31, mail.known34, mail.known39, mail.known40, mail.known44
---@class mail.wellknown : mail.known1, mail.known9, mail.known10, mail.known14, mail.known20, mail.known26, mail.known31, mail.known39, mail.known40, mail.known44
---@class mail.quit : mail.known1, mail.known9, mail.known10, mail.known14, mail.known20, mail.known26, mail.known31, mail.known39, mail.known40, mail.known44
---@class mail.notquit : mail.known1, mail.known9, mail.known10, mail.known14, mail.known20, mail.known26, mail.known31, mail.known39, mail.known40, mail.known41, mail.known44
---@class mail.not_smtp_start : mail.known1, mail.known2, mail.known10, mail.known11, mail.known26, mail.known38, mail.known40
---@class mail.not_smtp_mime : mail.known1, mail.known2, mail.known10, mail.known11, mail.known13, mail.known26, mail.known28, mail.known29, mail.known30, mail.known36, mail.known37, mail.known38, mail.known40
---@class mail.not_smtp : mail.known1, mail.known2, mail.known3, mail.known10, mail.known11, mail.known12, mail.known13, mail.known16, mail.known20, mail.known26, mail.known29, mail.known33, mail.known36, mail.known37, mail.known38, mail.known40, mail.known42
---@class mail.route : mail.known1, mail.known3, mail.known6, mail.known7, mail.known10, mail.known11, mail.known13, mail.known21, mail.known23, mail.known24, mail.known26, mail.known27, mail.known37, mail.known38, mail.known40, mail.known42, mail.known43, mail.known44
---@class mail.transport : mail.known1, mail.known3, mail.known4, mail.known6, mail.known7, mail.known10, mail.known11, mail.known13, mail.known18, mail.known21, mail.known23, mail.known24, mail.known25, mail.known26, mail.known37, mail.known38, mail.known40, mail.known42, mail.known43, mail.known44
---@class mail.event : mail.known1, mail.known3, mail.known10, mail.known11, mail.known13, mail.known21, mail.known22, mail.known23, mail.known24, mail.known25, mail.known26, mail.known31, mail.known37, mail.known40, mail.known42, mail.known44
---@class mail.queue : mail.known1, mail.known6, mail.known7, mail.known10, mail.known11, mail.known13, mail.known23, mail.known26, mail.known36, mail.known37, mail.known40, mail.known44
---@class mail.option : mail.known1
