-- Transports, hosts and events. Getters: core/policy/vars_address.c

local delivering = during { "transport", "event" }

var { name = "transport_name", type = "string?", phases = delivering, get = "get_transport_name", group = "transport",
  doc = [[The transport that runs, or ran.]] }
var { name = "host", also = { "tpda_delivery_fqdn" }, type = "string?", phases = delivering, get = "get_host", group = "transport",
  doc = [[Name of the host we deliver to.]] }
var { name = "host_address", also = { "tpda_delivery_ip" }, type = "string?", phases = delivering + during { "route" },
  get = "get_host_address", put = "put_host_address", group = "transport",
  doc = [[Address of the host we deliver to; while `ignore_target_hosts` is asked, the address in question.]] }
var { name = "host_port", also = { "tpda_delivery_port" }, type = "integer?", phases = delivering, get = "get_host_port", group = "transport",
  doc = [[TCP port of the host we deliver to.]] }
var { name = "sending_ip_address", type = "string?", phases = delivering, get = "get_sending_ip_address", group = "transport",
  doc = [[Our own address of the connection to that host.]] }
var { name = "sending_port", type = "integer?", phases = delivering, get = "get_sending_port", group = "transport",
  doc = [[Our own port of the connection to that host.]] }
var { name = "inode", type = "integer?", phases = during { "transport" }, get = "get_none", group = "transport",
  doc = [[Always nil: names of new files in Maildirs are ours to choose.]] }
var { name = "mailstore_basename", type = "string?", phases = during { "transport" }, get = "get_none", group = "transport",
  doc = [[Always nil: the mailstore format is not written.]] }
gone { name = "pipe_addresses", text = 'it is no variable: write "$pipe_addresses" as an argument of the pipe transport\'s command' }

var { name = "address_file", type = "string?", phases = during { "transport" }, get = "get_address_file", put = "put_address_file", group = "delivery",
  doc = [[The file or directory an address was redirected to.]] }
var { name = "address_pipe", type = "string?", phases = during { "transport" }, get = "get_address_pipe", put = "put_address_pipe", group = "delivery",
  doc = [[The command an address was redirected to.]] }
var { name = "home", type = "string?", phases = during { "route", "transport", "event" }, get = "get_home", put = "put_home", group = "delivery",
  doc = [[Home directory that belongs to the address.]] }
var { name = "return_path", type = "string?", phases = during { "route", "transport", "event" }, get = "get_return_path",
  put = "put_return_path", group = "delivery", doc = [[The envelope sender this delivery will use; `""` for none.]] }
var { name = "atrn_host", type = "string?", phases = during { "route", "transport", "queue" }, get = "get_none", group = "delivery",
  doc = [[Address and port of a client that fetches its mail by ATRN. Nil while nobody does.]] }
var { name = "atrn_mode", type = "string?", phases = during { "auth", "route", "transport", "queue" }, get = "get_none", group = "delivery",
  doc = [[`P` where we provide mail by ATRN, `C` where we fetch it. Nil otherwise.]] }

var { name = "event_name", type = "string?", phases = during { "event" }, get = "get_event_name", group = "event",
  doc = [[The event that happened, such as `msg:delivery`.]] }
var { name = "event_data", also = { "tpda_delivery_confirmation", "tpda_defer_errstr" }, type = "string?", phases = during { "event" },
  get = "get_event_data", group = "event", doc = [[What the event has to say; its row tells what that is.]] }
var { name = "event_defer_errno", also = { "tpda_defer_errno" }, type = "integer?", phases = during { "event" }, get = "get_event_defer_errno",
  group = "event", doc = [[The error number behind a deferral.]] }
gone { name = "tpda_delivery_local_part", text = "use local_part" }
gone { name = "tpda_delivery_domain", text = "use domain" }
