-- The options of routers. Those of section generic are for every driver.

-- generic
option { kind = "router", name = "address_data", type = "string", func = "route", section = "generic",
  doc = [[Data attached to the address just before the router runs.]] }
option { kind = "router", name = "address_test", type = "boolean", default = true, section = "generic",
  doc = [[Router takes part in -bt tests.]] }
option { kind = "router", name = "cannot_route_message", type = "string", func = "route", section = "generic",
  doc = [[Text when no router handles the address.]] }
option { kind = "router", name = "caseful_local_part", type = "boolean", default = false, section = "generic",
  doc = [[The local part keeps the case it was written in: for local_parts (and the lists it names), check_local_user, and the transport. Otherwise it is lower case.]] }
option { kind = "router", name = "check_local_user", type = "boolean", default = false, section = "generic",
  doc = [[Local part must be a login; sets home and ids.]] }
option { kind = "router", name = "condition", type = "string", func = "route", section = "generic",
  doc = [[Last general precondition; repeated ones are ANDed.]] }
option { kind = "router", name = "debug_print", type = "string", func = "route", section = "generic",
  doc = [[Text that `perigee route --explain` shows when the router's conditions hold.]] }
option { kind = "router", name = "disable_logging", type = "boolean", default = false, section = "generic",
  doc = [[No log lines about the deliveries and failures this router leads to.]] }
option { kind = "router", name = "dnssec_request_domains", type = "domainlist", default = { "*" }, func = "route", section = "generic",
  doc = [[Domains whose answers may count as DNSSEC secure; those of others never do, and DANE is off for their hosts.]] }
option { kind = "router", name = "dnssec_require_domains", type = "domainlist", func = "route", section = "generic",
  doc = [[Domains whose answers must be DNSSEC secure.]] }
option { kind = "router", name = "domains", type = "domainlist", func = "route", section = "generic",
  doc = [[Domains the router handles.]] }
option { kind = "router", name = "errors_to", type = "string", func = "route", section = "generic",
  doc = [[Envelope sender for resulting deliveries, and so where their bounces go. One that does not verify as a recipient
is passed over.]] }
option { kind = "router", name = "expn", type = "boolean", default = true, section = "generic",
  doc = [[Router takes part in EXPN.]] }
option { kind = "router", name = "fail_verify", type = "boolean", default = false, section = "generic",
  doc = [[Sets both fail_verify_ options.]] }
option { kind = "router", name = "fail_verify_recipient", type = "boolean", default = false, section = "generic",
  doc = [[Accepting here fails recipient verify.]] }
option { kind = "router", name = "fail_verify_sender", type = "boolean", default = false, section = "generic",
  doc = [[Accepting here fails sender verify.]] }
option { kind = "router", name = "fallback_hosts", type = "list", func = "route", section = "generic",
  doc = [[Hosts tried after the normal ones fail.]] }
option { kind = "router", name = "group", type = "string", func = "route", section = "generic",
  doc = [[Group for local delivery.]] }
option { kind = "router", name = "headers_add", type = "list", func = "route", section = "generic",
  doc = [[Headers added at delivery; repeated ones accumulate.]] }
option { kind = "router", name = "headers_remove", type = "list", func = "route", section = "generic",
  doc = [[Headers removed at delivery; repeated ones accumulate.]] }
option { kind = "router", name = "hosts", type = "hostlist", func = "route", section = "generic",
  doc = [[Clients that sent the message and whose mail this router handles.]] }
option { kind = "router", name = "ignore_target_hosts", type = "hostlist", func = "route", section = "generic",
  doc = [[Addresses dropped from host lists.]] }
option { kind = "router", name = "initgroups", type = "boolean", default = false, section = "generic",
  doc = [[A delivery as a user has all groups of that user, not only the one it is made with.]] }
option { kind = "router", name = "local_part_prefix", type = "list", section = "generic",
  doc = [[Prefixes to strip.]] }
option { kind = "router", name = "local_part_prefix_optional", type = "boolean", default = false, section = "generic",
  doc = [[Prefix may be absent.]] }
option { kind = "router", name = "local_part_suffix", type = "list", section = "generic",
  doc = [[Suffixes to strip.]] }
option { kind = "router", name = "local_part_suffix_optional", type = "boolean", default = false, section = "generic",
  doc = [[Suffix may be absent.]] }
option { kind = "router", name = "local_parts", type = "localpartlist", func = "route", section = "generic",
  doc = [[Local parts the router handles.]] }
option { kind = "router", name = "log_as_local", type = "boolean", section = "generic",
  doc = [[Deliveries are logged as local ones: the local part, then the address in <>. Unset: for the accept driver, and
where a function routes to a local transport.]] }
option { kind = "router", name = "more", type = "boolean", default = true, func = "route", section = "generic",
  doc = [[Whether declining passes on to later routers.]] }
option { kind = "router", name = "pass_on_timeout", type = "boolean", default = false, section = "generic",
  doc = [[On host lookup timeout go to next router.]] }
option { kind = "router", name = "pass_router", type = "string", section = "generic",
  doc = [[Router used when passing.]] }
option { kind = "router", name = "redirect_router", type = "string", section = "generic",
  doc = [[Router where generated addresses start.]] }
option { kind = "router", name = "require_files", type = "list", func = "route", section = "generic",
  doc = [[Files that must (or must not) exist.]] }
option { kind = "router", name = "router_home_directory", type = "string", func = "route", section = "generic",
  doc = [[home value while the router runs.]] }
option { kind = "router", name = "self", type = "string", default = "freeze", section = "generic",
  doc = [[What to do when the first host is this one: freeze, defer, pass, fail, send, or reroute: DOMAIN.]] }
option { kind = "router", name = "senders", type = "addresslist", func = "route", section = "generic",
  doc = [[Senders the router handles.]] }
option { kind = "router", name = "set", type = "table", func = "route", section = "generic",
  doc = [[r_ variables for the address: set = { r_name = value }; a value may be a function.]] }
option { kind = "router", name = "transport", type = "string", func = "route", section = "generic",
  doc = [[Transport to use.]] }
option { kind = "router", name = "transport_current_directory", type = "string", func = "route", section = "generic",
  doc = [[Where the program of a pipe transport starts, unless the transport says so itself.]] }
option { kind = "router", name = "transport_home_directory", type = "string", func = "route", section = "generic",
  doc = [[home value for the transport.]] }
option { kind = "router", name = "unseen", type = "boolean", default = false, func = "route", section = "generic",
  doc = [[Also pass a copy to following routers.]] }
option { kind = "router", name = "user", type = "string", func = "route", section = "generic",
  doc = [[User for local delivery.]] }
option { kind = "router", name = "verify", type = "boolean", default = true, section = "generic",
  doc = [[Sets both verify_ options.]] }
option { kind = "router", name = "verify_only", type = "boolean", default = false, section = "generic",
  doc = [[Used only while verifying.]] }
option { kind = "router", name = "verify_recipient", type = "boolean", default = true, section = "generic",
  doc = [[Used when verifying recipients.]] }
option { kind = "router", name = "verify_sender", type = "boolean", default = true, section = "generic",
  doc = [[Used when verifying senders.]] }

-- dnslookup
option { kind = "router", drivers = { "dnslookup" }, name = "check_secondary_mx", type = "boolean", default = false,
  section = "dnslookup",
  doc = [[Decline unless this host is among the MXs.]] }
option { kind = "router", drivers = { "dnslookup" }, name = "check_srv", type = "list", func = "route",
  section = "dnslookup",
  doc = [[Services whose SRV records are looked up before MX, first one found counts: "smtp" asks for _smtp._tcp.DOMAIN.]] }
option { kind = "router", drivers = { "dnslookup" }, name = "fail_defer_domains", type = "domainlist", func = "route",
  section = "dnslookup",
  doc = [[Domains where no record defers.]] }
option { kind = "router", drivers = { "dnslookup" }, name = "ipv4_only", type = "string", func = "route",
  section = "dnslookup",
  doc = [[Condition: use only A records.]] }
option { kind = "router", drivers = { "dnslookup" }, name = "ipv4_prefer", type = "string", func = "route",
  section = "dnslookup",
  doc = [[Condition: put A records first.]] }
option { kind = "router", drivers = { "dnslookup" }, name = "mx_domains", type = "domainlist", func = "route",
  section = "dnslookup",
  doc = [[Domains that must have MX or SRV.]] }
option { kind = "router", drivers = { "dnslookup" }, name = "mx_fail_domains", type = "domainlist", func = "route",
  section = "dnslookup",
  doc = [[Domains where MX lookup errors count as no MX.]] }
option { kind = "router", drivers = { "dnslookup" }, name = "srv_fail_domains", type = "domainlist",
  func = "route", section = "dnslookup",
  doc = [[Domains where an SRV question that fails counts as no SRV.]] }
option { kind = "router", drivers = { "dnslookup" }, name = "widen_domains", type = "list", section = "dnslookup",
  doc = [[Domains put behind a name that is not found; the address goes on with the first that is.]] }

-- manualroute
option { kind = "router", drivers = { "manualroute" }, name = "host_all_ignored", type = "string", default = "defer",
  section = "manualroute",
  doc = [[Action if all hosts are ignored: defer decline fail freeze pass.]] }
option { kind = "router", drivers = { "manualroute" }, name = "host_find_failed", type = "string", default = "freeze",
  section = "manualroute",
  doc = [[Action if a host has no address: decline defer fail freeze ignore pass.]] }
option { kind = "router", drivers = { "manualroute" }, name = "hosts_randomize", type = "boolean", default = false,
  func = "route", section = "manualroute",
  doc = [[Shuffle hosts of a rule.]] }
option { kind = "router", drivers = { "manualroute" }, name = "route_data", type = "string", func = "route",
  section = "manualroute",
  doc = [[One rule given by expansion.]] }
option { kind = "router", drivers = { "manualroute" }, name = "route_list", type = "list", section = "manualroute",
  doc = [[Rules: pattern, hosts, options; semicolon list.]] }

-- queryprogram
option { kind = "router", drivers = { "queryprogram" }, name = "command", type = "string", func = "route",
  section = "queryprogram",
  doc = [[The program and its arguments; a function gives a table { "/path", argument ... }. No shell, nothing is
expanded. What it prints decides: accept, decline, pass, fail, defer, freeze or redirect
(docs/guide/routing.md).]] }
option { kind = "router", drivers = { "queryprogram" }, name = "command_group", type = "string",
  section = "queryprogram",
  doc = [[Must be the group the engine runs as.]] }
option { kind = "router", drivers = { "queryprogram" }, name = "command_user", type = "string",
  section = "queryprogram",
  doc = [[Must be the user the engine runs as: programs that routers start have no other rights.]] }
option { kind = "router", drivers = { "queryprogram" }, name = "current_directory", type = "string", default = "/",
  section = "queryprogram",
  doc = [[Where the program starts.]] }
option { kind = "router", drivers = { "queryprogram" }, name = "timeout", type = "time", default = 3600,
  section = "queryprogram",
  doc = [[How long the program may take; at most ten minutes count.]] }

-- redirect
option { kind = "router", drivers = { "redirect" }, name = "allow_defer", type = "boolean", default = false,
  section = "redirect",
  doc = [[Permit :defer:.]] }
option { kind = "router", drivers = { "redirect" }, name = "allow_fail", type = "boolean", default = false,
  section = "redirect",
  doc = [[Permit :fail:.]] }
option { kind = "router", drivers = { "redirect" }, name = "check_ancestor", type = "boolean", default = false,
  section = "redirect",
  doc = [[Treat address equal to an ancestor as handled.]] }
option { kind = "router", drivers = { "redirect" }, name = "check_group", type = "boolean", section = "redirect",
  doc = [[The file's group must be the user's (check_local_user) or one of owngroups. Unset: when check_local_user is set
and modemask lets the group write.]] }
option { kind = "router", drivers = { "redirect" }, name = "check_owner", type = "boolean", section = "redirect",
  doc = [[The file's owner must be the user (check_local_user) or one of owners. Unset: when check_local_user or owners is
set.]] }
option { kind = "router", drivers = { "redirect" }, name = "data", type = "table", func = "route", section = "redirect",
  doc = [[The new addresses: a text as in an aliases file, or a table of items.]] }
option { kind = "router", drivers = { "redirect" }, name = "directory_transport", type = "string", func = "route",
  section = "redirect",
  doc = [[Transport for paths ending in slash.]] }
option { kind = "router", drivers = { "redirect" }, name = "file", type = "string", func = "route", section = "redirect",
  doc = [[File holding redirection text. One that begins with ~/ is beneath the home of check_local_user, and no link is
followed there.]] }
option { kind = "router", drivers = { "redirect" }, name = "file_transport", type = "string", func = "route",
  section = "redirect",
  doc = [[Transport for file paths.]] }
option { kind = "router", drivers = { "redirect" }, name = "forbid_blackhole", type = "boolean", default = false,
  section = "redirect",
  doc = [[Refuse :blackhole:.]] }
option { kind = "router", drivers = { "redirect" }, name = "forbid_file", type = "boolean", default = false,
  section = "redirect",
  doc = [[Refuse files and directories.]] }
option { kind = "router", drivers = { "redirect" }, name = "forbid_include", type = "boolean", default = false,
  section = "redirect",
  doc = [[Refuse :include:.]] }
option { kind = "router", drivers = { "redirect" }, name = "forbid_pipe", type = "boolean", default = false,
  section = "redirect",
  doc = [[Refuse pipes.]] }
option { kind = "router", drivers = { "redirect" }, name = "forbid_smtp_code", type = "boolean", default = false,
  section = "redirect",
  doc = [[Ignore SMTP codes in :fail: and :defer:.]] }
option { kind = "router", drivers = { "redirect" }, name = "hide_child_in_errmsg", type = "boolean",
  default = false, section = "redirect",
  doc = [[Bounces show the address that was redirected, not what it became.]] }
option { kind = "router", drivers = { "redirect" }, name = "ignore_eacces", type = "boolean", default = false,
  section = "redirect",
  doc = [[Unreadable file means decline.]] }
option { kind = "router", drivers = { "redirect" }, name = "ignore_enotdir", type = "boolean", default = false,
  section = "redirect",
  doc = [[Missing directory means decline.]] }
option { kind = "router", drivers = { "redirect" }, name = "include_directory", type = "string", section = "redirect",
  doc = [[Where :include: files must lie.]] }
option { kind = "router", drivers = { "redirect" }, name = "modemask", type = "octal", default = 18, section = "redirect",
  doc = [[File mode bits that are not allowed.]] }
option { kind = "router", drivers = { "redirect" }, name = "one_time", type = "boolean", default = false,
  section = "redirect",
  doc = [[Replace address by its children on the queue.]] }
option { kind = "router", drivers = { "redirect" }, name = "owners", type = "list", section = "redirect",
  doc = [[Allowed file owners.]] }
option { kind = "router", drivers = { "redirect" }, name = "owngroups", type = "list", section = "redirect",
  doc = [[Groups, by name or number, that the file may have.]] }
option { kind = "router", drivers = { "redirect" }, name = "pipe_transport", type = "string", func = "route",
  section = "redirect",
  doc = [[Transport for pipes.]] }
option { kind = "router", drivers = { "redirect" }, name = "qualify_domain", type = "string", func = "route",
  section = "redirect",
  doc = [[Domain for bare children.]] }
option { kind = "router", drivers = { "redirect" }, name = "qualify_preserve_domain", type = "boolean", default = false,
  section = "redirect",
  doc = [[Bare children keep incoming domain.]] }
option { kind = "router", drivers = { "redirect" }, name = "repeat_use", type = "boolean", default = true,
  section = "redirect",
  doc = [[Router may see its own descendants.]] }
option { kind = "router", drivers = { "redirect" }, name = "rewrite", type = "boolean", default = true, section = "redirect",
  doc = [[The new addresses pass through the rewriting rules for envelope recipients.]] }
option { kind = "router", drivers = { "redirect" }, name = "skip_syntax_errors", type = "boolean", default = false,
  section = "redirect",
  doc = [[Skip bad items instead of failing.]] }
option { kind = "router", drivers = { "redirect" }, name = "syntax_errors_text", type = "string", func = "route",
  section = "redirect",
  doc = [[Text at the beginning of that mail.]] }
option { kind = "router", drivers = { "redirect" }, name = "syntax_errors_to", type = "string", func = "route",
  section = "redirect",
  doc = [[Who gets mail about items that skip_syntax_errors skipped, once a message.]] }

-- of later features
option { kind = "router", name = "dsn_lasthop", type = "boolean", feature = "DSN", section = "of later features",
  doc = [[Treat next hop as lacking DSN; send success DSN here.]] }

option { kind = "router", drivers = { "redirect" }, name = "srs", type = "string", values = { "forward", "reverse", "reverseandforward" },
  section = "redirect",
  doc = [[`forward`: what comes of the address goes out under a rewritten sender, unless errors_to says under which. `reverse`: an address
of that kind is taken apart into `m.srs_recipient`; one that is none is declined, a forged or old one fails. Both: first
back, then there. Main options srs_*; docs/guide/srs.md. Not done: forward for bounces, nor while an address is only asked about.]] }
option { kind = "router", drivers = { "redirect" }, name = "srs_alias", type = "string", func = "route", section = "redirect",
  doc = [[The domain of rewritten senders; unset or nil: that of the address.]] }
option { kind = "router", drivers = { "redirect" }, name = "srs_condition", type = "string", func = "route", section = "redirect",
  doc = [[If it says no, the router works as without `srs`.]] }
option { kind = "router", drivers = { "redirect" }, name = "srs_dbinsert", type = "string", func = "route", section = "redirect",
  doc = [[Keeps `m.srs_db_address` under `m.srs_db_key`, which then stands for it in the address. What it gives does not matter, but nil and
false are a failure: the address waits.]] }
option { kind = "router", drivers = { "redirect" }, name = "srs_dbselect", type = "string", func = "route", section = "redirect",
  doc = [[The address kept under `m.srs_db_key`; nil: the address waits.]] }

-- not here
option { kind = "router", drivers = { "redirect" }, name = "allow_filter", type = "boolean",
  never = "an alias or forward file is a list of addresses; what a filter would decide is decided in Lua", section = "not here",
  doc = [[Permit filter files.]] }
option { kind = "router", drivers = { "redirect" }, name = "allow_freeze", type = "boolean",
  never = "an alias or forward file is a list of addresses; what a filter would decide is decided in Lua", section = "not here",
  doc = [[Permit filter freeze.]] }
option { kind = "router", name = "bmi_deliver_alternate", type = "string", never = "Brightmail is no more",
  section = "not here",
  doc = [[Present in 4.96, gone in HEAD.]] }
option { kind = "router", name = "bmi_deliver_default", type = "string", never = "Brightmail is no more",
  section = "not here",
  doc = [[Present in 4.96, gone in HEAD.]] }
option { kind = "router", name = "bmi_dont_deliver", type = "string", never = "Brightmail is no more",
  section = "not here",
  doc = [[Present in 4.96, gone in HEAD.]] }
option { kind = "router", name = "bmi_rule", type = "string", never = "Brightmail is no more", section = "not here",
  doc = [[Present in 4.96, gone in HEAD.]] }
option { kind = "router", name = "dsn_process", type = "boolean", never = "it was the switch of an early patch",
  section = "not here",
  doc = [[Early DSN patch switch, dropped.]] }
option { kind = "router", drivers = { "redirect" }, name = "filter_prepend_home", type = "boolean",
  never = "an alias or forward file is a list of addresses; what a filter would decide is decided in Lua", section = "not here",
  doc = [[Relative filter saves start at home.]] }
option { kind = "router", drivers = { "redirect" }, name = "forbid_exim_filter", type = "boolean",
  never = "an alias or forward file is a list of addresses; what a filter would decide is decided in Lua", section = "not here",
  doc = [[Refuse Exim filters.]] }
option { kind = "router", drivers = { "redirect" }, name = "forbid_filter_dlfunc", type = "boolean",
  never = "an alias or forward file is a list of addresses; what a filter would decide is decided in Lua", section = "not here",
  doc = [[No dlfunc in filters.]] }
option { kind = "router", drivers = { "redirect" }, name = "forbid_filter_existstest", type = "boolean",
  never = "an alias or forward file is a list of addresses; what a filter would decide is decided in Lua", section = "not here",
  doc = [[No exists/stat in filters.]] }
option { kind = "router", drivers = { "redirect" }, name = "forbid_filter_logwrite", type = "boolean",
  never = "an alias or forward file is a list of addresses; what a filter would decide is decided in Lua", section = "not here",
  doc = [[No logging in filters.]] }
option { kind = "router", drivers = { "redirect" }, name = "forbid_filter_lookup", type = "boolean",
  never = "an alias or forward file is a list of addresses; what a filter would decide is decided in Lua", section = "not here",
  doc = [[No lookups in filters.]] }
option { kind = "router", drivers = { "redirect" }, name = "forbid_filter_perl", type = "boolean",
  never = "there is no Perl", section = "not here",
  doc = [[No perl in filters.]] }
option { kind = "router", drivers = { "redirect" }, name = "forbid_filter_readfile", type = "boolean",
  never = "an alias or forward file is a list of addresses; what a filter would decide is decided in Lua", section = "not here",
  doc = [[No readfile in filters.]] }
option { kind = "router", drivers = { "redirect" }, name = "forbid_filter_readsocket", type = "boolean",
  never = "an alias or forward file is a list of addresses; what a filter would decide is decided in Lua", section = "not here",
  doc = [[No readsocket in filters.]] }
option { kind = "router", drivers = { "redirect" }, name = "forbid_filter_reply", type = "boolean",
  never = "an alias or forward file is a list of addresses; what a filter would decide is decided in Lua", section = "not here",
  doc = [[No mail/vacation in filters.]] }
option { kind = "router", drivers = { "redirect" }, name = "forbid_filter_run", type = "boolean",
  never = "an alias or forward file is a list of addresses; what a filter would decide is decided in Lua", section = "not here",
  doc = [[No run in filters.]] }
option { kind = "router", drivers = { "redirect" }, name = "forbid_sieve_filter", type = "boolean",
  never = "an alias or forward file is a list of addresses; what a filter would decide is decided in Lua", section = "not here",
  doc = [[Refuse Sieve filters.]] }
option { kind = "router", drivers = { "iplookup" }, name = "optional", type = "boolean",
  never = "a function router asks any server with socket.*", section = "not here",
  doc = [[No answer passes to the next router.]] }
option { kind = "router", drivers = { "iplookup" }, name = "port", type = "integer",
  never = "a function router asks any server with socket.*", section = "not here",
  doc = [[Server port.]] }
option { kind = "router", drivers = { "iplookup" }, name = "protocol", type = "string",
  never = "a function router asks any server with socket.*", section = "not here",
  doc = [[udp or tcp.]] }
option { kind = "router", drivers = { "dnslookup" }, name = "qualify_single", type = "boolean",
  never = "names are never completed", section = "not here",
  doc = [[Resolver completes single-label names.]] }
option { kind = "router", drivers = { "iplookup" }, name = "query", type = "string",
  never = "a function router asks any server with socket.*", section = "not here",
  doc = [[Query text.]] }
option { kind = "router", drivers = { "redirect" }, name = "reply_transport", type = "string",
  never = "there are no filter files that reply; a function router sends to an autoreply transport", section = "not here",
  doc = [[Transport for filter replies.]] }
option { kind = "router", drivers = { "iplookup" }, name = "reroute", type = "string",
  never = "a function router asks any server with socket.*", section = "not here",
  doc = [[New address built from the answer.]] }
option { kind = "router", drivers = { "iplookup" }, name = "response_pattern", type = "string",
  never = "a function router asks any server with socket.*", section = "not here",
  doc = [[Regex the answer must match.]] }
option { kind = "router", name = "retry_use_local_part", type = "boolean",
  never = "each recipient keeps retry times of its own", section = "not here",
  doc = [[Keep routing retry data per full address.]] }
option { kind = "router", drivers = { "dnslookup" }, name = "rewrite_headers", type = "boolean",
  never = "names are never completed, so headers stay as they are", section = "not here",
  doc = [[Put completed domain into headers.]] }
option { kind = "router", drivers = { "dnslookup", "manualroute" }, name = "same_domain_copy_routing", type = "boolean",
  never = "the resolver's cache makes the second question cheap", section = "not here",
  doc = [[Reuse host list for same domain.]] }
option { kind = "router", drivers = { "dnslookup" }, name = "search_parents", type = "boolean",
  never = "names are never completed", section = "not here",
  doc = [[Resolver searches parent domains.]] }
option { kind = "router", drivers = { "redirect" }, name = "sieve_enotify_mailto_owner", type = "string",
  never = "there are no Sieve filters; an alias or forward file is a list of addresses; what a filter would decide is decided in Lua", section = "not here",
  doc = [[Owner address for Sieve enotify mailto.]] }
option { kind = "router", drivers = { "redirect" }, name = "sieve_inbox", type = "string",
  never = "there are no Sieve filters; an alias or forward file is a list of addresses; what a filter would decide is decided in Lua", section = "not here",
  doc = [[Mailbox meant by Sieve keep.]] }
option { kind = "router", drivers = { "redirect" }, name = "sieve_subaddress", type = "string",
  never = "there are no Sieve filters; an alias or forward file is a list of addresses; what a filter would decide is decided in Lua", section = "not here",
  doc = [[Sieve :detail value.]] }
option { kind = "router", drivers = { "redirect" }, name = "sieve_useraddress", type = "string",
  never = "there are no Sieve filters; an alias or forward file is a list of addresses; what a filter would decide is decided in Lua", section = "not here",
  doc = [[Sieve :user value.]] }
option { kind = "router", drivers = { "redirect" }, name = "sieve_vacation_directory", type = "string",
  never = "there are no Sieve filters; an alias or forward file is a list of addresses; what a filter would decide is decided in Lua", section = "not here",
  doc = [[State directory enabling Sieve vacation.]] }
option { kind = "router", name = "translate_ip_address", type = "string",
  never = "it was for networks that no longer exist", section = "not here",
  doc = [[Rewrites routed addresses (special build).]] }
