-- What is known of the client. Getters: core/policy/vars_conn.c

local from_start = since "connect"
local in_session = session "connect"
local authenticated = since "auth"

var { name = "sender_host_address", also = { "sender_address_host" }, type = "string?", phases = from_start,
  get = "get_sender_host_address", group = "connection",
  doc = [[Address of the client, in RFC 5952 form. Nil when the message came from a local program.]] }
var { name = "sender_host_port", also = { "sender_address_port" }, type = "integer?", phases = from_start,
  get = "get_sender_host_port", group = "connection", doc = [[TCP port of the client. Nil for local programs.]] }
var { name = "sender_host_name", type = "string?", phases = from_start, get = "get_sender_host_name",
  put = "put_sender_host_name", wait = "fetch_host_name", group = "connection",
  doc = [[
Verified name of the client: what its address points to, if that name points back to the address. The first reading asks
the DNS and waits for it. Nil when there is no such name; `host_lookup_failed` and `host_lookup_deferred` tell why.]] }
var { name = "host_lookup_failed", type = "boolean", phases = from_start, get = "get_host_lookup_failed", group = "connection",
  doc = [[Whether the search for the client's name was made and found that it has none.]] }
var { name = "host_lookup_deferred", type = "boolean", phases = from_start, get = "get_host_lookup_deferred", group = "connection",
  doc = [[Whether the search for the client's name could not be finished; a later try may differ.]] }
var { name = "sender_host_dnssec", type = "boolean", phases = in_session, get = "get_sender_host_dnssec",
  group = "connection", doc = [[Whether every answer that gave `sender_host_name` was signed and verified.]] }
var { name = "sender_fullhost", type = "string?", phases = from_start, get = "get_sender_fullhost", group = "connection",
  doc = [[The client as log lines show it: `name (helo) [address]`, without the parts that are not known.]] }
var { name = "sender_rcvhost", type = "string?", phases = from_start, get = "get_sender_rcvhost", group = "connection",
  doc = [[The client as a Received: field shows it: `name ([address] helo=x ident=y)`.]] }
var { name = "sender_ident", type = "string?", phases = from_start, get = "get_sender_ident", group = "connection",
  doc = [[Login name of the local user who submitted the message.]] }
var { name = "sender_helo_name", type = "string?", phases = since "helo", get = "get_sender_helo_name",
  group = "connection", doc = [[What the client called itself in HELO or EHLO. Nil before the first.]] }
var { name = "sender_helo_verified", type = "boolean", phases = session "helo", get = "get_sender_helo_verified",
  put = "put_sender_helo_verified", group = "connection",
  doc = [[Whether `verify = "helo"` found that the name the client gave belongs to it.]] }
var { name = "sender_helo_dnssec", type = "boolean", phases = session "helo", get = "get_sender_helo_dnssec", group = "connection",
  doc = [[Whether the answers that verified the HELO name were signed and verified.]] }
var { name = "received_ip_address", also = { "interface_address" }, type = "string?", phases = from_start,
  get = "get_received_ip_address", group = "connection", doc = [[Our address the client connected to.]] }
var { name = "received_port", also = { "interface_port" }, type = "integer?", phases = from_start, get = "get_received_port",
  group = "connection", doc = [[Our port the client connected to.]] }
var { name = "smtp_active_hostname", type = "string?", phases = from_start, get = "get_smtp_active_hostname", group = "connection",
  doc = [[The name under which we speak to this client.]] }
var { name = "connection_id", type = "string", phases = in_session, get = "get_connection_id", group = "connection",
  doc = [[A name for this connection, unique while the engine runs.]] }
var { name = "smtp_command", type = "string?", phases = in_session, get = "get_smtp_command", group = "connection",
  doc = [[The command line being answered, cut at 512 bytes.]] }
var { name = "smtp_command_argument", type = "string?", phases = in_session, get = "get_smtp_command_argument", group = "connection",
  doc = [[What follows the verb in the command line, without the space between.]] }
var { name = "smtp_command_history", type = "list", phases = in_session, get = "get_smtp_command_history", group = "connection",
  doc = [[The last twenty verbs of the session, oldest first.]] }
var { name = "smtp_count_at_connection_start", type = "integer", phases = in_session, get = "get_smtp_count", group = "connection",
  doc = [[How many connections were open when this one began, itself included.]] }
var { name = "smtp_notquit_reason", type = "string?", phases = during { "notquit" }, get = "get_smtp_notquit_reason", group = "connection",
  values = { "acl-drop", "bad-commands", "command-timeout", "connection-lost", "data-timeout", "local-scan-error",
             "local-scan-timeout", "signal-exit", "synchronization-error", "tls-failed" },
  doc = [[Why the session ended without QUIT.]] }
var { name = "authenticated_id", type = "string?", phases = authenticated, get = "get_authenticated_id", group = "connection",
  doc = [[Who the client is, as its authenticator said; for local programs the login name.]] }
var { name = "authenticated_fail_id", type = "string?", phases = session "auth", get = "get_authenticated_fail_id", group = "connection",
  doc = [[Who the client claimed to be in its last failed attempt to authenticate.]] }
var { name = "authentication_failed", type = "boolean", phases = session "auth", get = "get_authentication_failed", group = "connection",
  doc = [[Whether an attempt to authenticate has failed in this session.]] }
var { name = "sender_host_authenticated", type = "string?", phases = authenticated, get = "get_sender_host_authenticated", group = "connection",
  doc = [[Name of the authenticator that accepted the client.]] }
var { name = "callout_address", type = "string?", phases = since "mail" - during { "route", "transport", "event", "queue" },
  get = "get_callout_address", put = "put_callout_address", group = "connection",
  doc = [[The address the last callout connected to. Nil while there was none.]] }
var { name = "csa_status", type = "string?", phases = session "mail", get = "get_csa_status", put = "put_csa_status", group = "connection",
  values = { "unknown", "ok", "defer", "fail" },
  doc = [[What the last `verify = "csa"` (Client SMTP Authorization) found. Nil while nobody asked for it.]] }
var { name = "host_data", type = "string?", phases = from_start, get = "get_host_data", put = "put_host_data", group = "connection",
  doc = [[What the lookup said that made the last `hosts` condition hold.]] }

var { name = "dnslist_domain", type = "string?", phases = session "connect" + during { "not_smtp" }, get = "get_dnslist_domain",
  put = "put_dnslist_domain", group = "connection", doc = [[The DNS list that made the last `dnslists` condition hold.]] }
var { name = "dnslist_matched", type = "string?", phases = session "connect" + during { "not_smtp" }, get = "get_dnslist_matched",
  put = "put_dnslist_matched", group = "connection", doc = [[The address or name that stood in that DNS list.]] }
var { name = "dnslist_text", type = "string?", phases = session "connect" + during { "not_smtp" }, get = "get_dnslist_text",
  put = "put_dnslist_text", group = "connection", doc = [[The TXT record that came with that entry of a DNS list.]] }
var { name = "dnslist_value", type = "string?", phases = session "connect" + during { "not_smtp" }, get = "get_dnslist_value",
  put = "put_dnslist_value", group = "connection", doc = [[The addresses that entry of a DNS list gave, separated by commas.]] }

var { name = "sender_rate", type = "string?", phases = session "connect" + during { "not_smtp" }, get = "get_sender_rate",
  put = "put_sender_rate", group = "connection", doc = [[The rate the last `ratelimit` condition found, as a decimal number.]] }
var { name = "sender_rate_limit", type = "string?", phases = session "connect" + during { "not_smtp" }, get = "get_sender_rate_limit",
  put = "put_sender_rate_limit", group = "connection", doc = [[The limit the last `ratelimit` condition compared with.]] }
var { name = "sender_rate_period", type = "string?", phases = session "connect" + during { "not_smtp" }, get = "get_sender_rate_period",
  put = "put_sender_rate_period", group = "connection", doc = [[The period the last `ratelimit` condition counted in.]] }
