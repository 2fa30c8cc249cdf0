-- What is said of rules that are wrong: every mistake with its file and line.
local world = require "spec.lua.support"

local function said(rules) return world.load(rules):said() end

local function says(rules, text)
  local all = said(rules)
  assert.truthy(all:find(text, 1, true), rules .. "\nshould say: " .. text .. "\nsaid: " .. all)
end

describe("declarations", function()
  it("load without a word when they are right", function()
    assert.equal("", said [[
site { primary_hostname = "mail.example.org", message_size_limit = "20M", smtp_banner = function(m) return "hello" end,
       delay_warning = { "4h", "24h" }, host_lookup = "*" }
site { workers = 2 }
transport.remote { driver = "smtp", connect_timeout = "30s", max_rcpt = function(m) return 10 end }
router.dns { driver = "dnslookup", domains = "! x.example", transport = "remote", self = "fail" }
retry.rule { "*", "*", "F,2h,15m; G,16h,1h,1.5; F,4d,6h" }
retry.rule { "*@slow.example", "quota_7d", "F,7d,1h", senders = ":" }
event.on("msg:delivery", function(m) end)
acl.sub.strangers { deny { hosts = "10.0.0.0/8" }, accept {} }
acl.mail { warn { acl = "strangers a b", logwrite = "x" }, accept {} }
acl.rcpt(function(m) return accept() end)]])
  end)

  it("read options in their types", function()
    local w = world.rules [[
site { message_size_limit = "20M", recipients_max = 5, queue_only = "yes", delay_warning = "4h : 1d", smtp_receive_timeout = "2m",
       extra_local_interfaces = "<; 192.0.2.1 ; ::1", primary_hostname = "x.example" }
transport.t { driver = "appendfile", file = "/x/y", mode = "0640" }
transport.p { driver = "pipe", command = "/bin/x 'a b' c" }
transport.s { driver = "smtp", port = function(m) return m.acl_m_port end, headers_add = "X-A: 1\nX-B: 2" }]]
    assert.same({ message_size_limit = 20971520, recipients_max = 5, queue_only = true, delay_warning = { "14400", "86400" },
      smtp_receive_timeout = 120, extra_local_interfaces = { "192.0.2.1", "::1" }, primary_hostname = "x.example" }, w.entry.site())
    local driver, t = w.entry.transport_constant "t"
    assert.equal("appendfile", driver)
    assert.equal(416, t.mode)
    assert.same({ "/bin/x", "a b", "c" }, select(2, w.entry.transport_constant "p").command)
    driver, t = w.entry.transport_constant "s"
    assert.equal("smtp", driver)
    assert.is_nil(t)
    assert.equal(2525, w:ask("transport", { acl_m_port = "2525" }, function(m) return (select(2, w.entry.transport("s", m))).port end))
    assert.same({ "X-A: 1", "X-B: 2" }, w:ask("transport", {}, function(m) return (select(2, w.entry.transport("s", m))).headers_add end))
    assert.is_nil(w.entry.transport_constant "nothing")
  end)

  it("name the option that was meant", function()
    says("site {\n  prmary_hostname = 'x' }", '10.lua:2: there is no option "prmary_hostname", did you mean "primary_hostname"?')
    says("transport.t { driver = 'smtp', conect_timeout = '1s' }", 'did you mean "connect_timeout"?')
    says("transport.t { driver = 'smtp' }\nrouter.r { driver = 'dnslookup', transport = 't', domain = 'x' }", 'did you mean "domains"?')
  end)

  it("refuse what is not built, with what it comes with or why it never will", function()
    says("site { hosts_proxy = '192.0.2.1' }", '10.lua:1: option "hosts_proxy" comes with the PROXY protocol')
    says("site { acl_smtp_rcpt = 'x' }", "ACLs are declared with acl.PHASE")
    says("acl.data { deny { malware = '*' } }", 'condition "malware" comes with content scanning')
    says("acl.data { deny { spam = 'nobody' } }", 'condition "spam" comes with content scanning')
    says("acl.rcpt { accept { control = 'utf8_downconvert' } }", 'control "utf8_downconvert" comes with internationalised mail')
    says("acl.rcpt { accept { verify = 'sender/callout=hold' } }", "callout=hold is for recipients")
    says("authenticator.plain { driver = 'plaintext' }", "is neither a server (server_condition) nor a client (client_send)")
    says("authenticator.x { driver = 'spa' }", "NTLM is broken")
    says("authenticator.x { driver = 'cram_md' }", 'did you mean "cram_md5"?')
    says("authenticator.x { driver = 'tls' }", "authenticator.x is no server: it needs server_condition")
    says("authenticator.x { driver = 'gsasl', public_name = 'SCRAM-SHA-1-PLUS', server_password = 'y' }",
      "server_channelbinding and a mechanism with -PLUS go together: SCRAM-SHA-1-PLUS has -PLUS only")
    says("authenticator.x { driver = 'gsasl', public_name = 'SCRAM-SHA-1', client_password = 'y', client_channelbinding = true }",
      "client_channelbinding and a mechanism with -PLUS go together: SCRAM-SHA-1 has no -PLUS")
    says("authenticator.x { driver = 'plaintext', server_secret = 'y' }", '"server_secret" is no option of the driver plaintext')
    says("authenticator.x { driver = 'gsasl', public_name = 'NTLM', server_password = 'y' }", "there is no mechanism NTLM for a server")
    says("site { auth_cleartext_hosts = '*' } authenticator.x { driver = 'plaintext', server_condition = true }", "without encryption")
    says("router.r { driver = 'queryprogram' }", "queryprogram needs a command")
    says("router.r { driver = 'queryprogram', command = 'prog' }", 'command "prog" must begin with /')
    says("router.r { driver = 'iplookup' }", "does not apply: a function router asks any server")
    says("router.r { driver = 'redirect', data = 'x', allow_filter = true }", "does not apply: an alias or forward file")
    says("router.r { driver = 'redirect', data = 'x', one_time = true, file_transport = 'f' } transport.f { driver = 'appendfile' }",
      "with one_time there are addresses only")
    says("router.r { driver = 'ipliteral', transport = 'x', self = 'reroute: rewrite: y.test' } transport.x { driver = 'smtp' }",
      "headers stay as they are")
  end)

  it("name both places of what is set twice", function()
    says("site { workers = 1 }\nsite { workers = 2 }", '10.lua:2: option "workers" is set twice, first at 10.lua:1')
    says("transport.t { driver = 'smtp', tls_verify_cert_hostname = 'a', tls_verify_cert_hostnames = 'b' }",
      "10.lua:1: transport.t: tls_verify_cert_hostnames and tls_verify_cert_hostname are one option")
    says("domainlist.a = { '!x', '*' }\ntransport.t { driver = 'smtp', dnssec_require_domains = '+a' }",
      '10.lua:2: transport.t: dnssec_require_domains takes names of hosts, patterns such as "*.example.org", and lists of those')
    says("transport.t { driver = 'smtp' }\ntransport.t { driver = 'smtp' }", "10.lua:2: transport.t is set twice, first at 10.lua:1")
    says("router.r(function() end)\nrouter.r(function() end)", "10.lua:2: router.r is set twice, first at 10.lua:1")
    says("acl.rcpt { deny {\n hosts = 'a',\n hosts = 'b' } }", '10.lua:3: "hosts" is written twice in one table (first in line 2)')
  end)

  it("check types and values of options", function()
    says("site { queue_only = 'perhaps' }", 'option "queue_only" takes true or false, not "perhaps"')
    says("site { recipients_max = 'many' }", 'takes a whole number, not "many"')
    says("site { smtp_receive_timeout = 'soon' }", "takes a time")
    says("site { workers = function() return 1 end }", "cannot be a function")
    says("site { listen = 'localhost' }", "is not written as")
    says("site { smtp_accept_max = 0 }", "must be at least 1")
    for _, rate in ipairs { "60", "60 / soon", "0 / 1m", "60 / 0s", "many / 1m" } do
      says("site { smtp_accept_rate_per_host = '" .. rate .. "' }", 'smtp_accept_rate_per_host: "' .. rate .. '" is not written as "60 / 1m"')
    end
    assert.equal("", said "site { smtp_accept_rate_per_host = '60 / 1m' }")
    says("site { log_json = true, log_file_path = '/var/log/all' }", "log_file_path needs its %s")
    says("site { event_action = 'x' }", "takes a function")
    says("transport.t { driver = 'smtp', hosts = { {} } }", "takes a table of texts")
    says("transport.t { driver = 'appendfile', mode = '0999' }", "octal")
    says("transport.t { driver = 'appendfile', file = 'x', directory = '/y' }", "not both")
    says("transport.t { driver = 'appendfile', file = 'x' }", "must begin with /")
    says("transport.t { driver = 'pipe', use_shell = true }", "never by a shell")
    says("transport.t { driver = 'lmtp' }", "needs socket or command")
  end)

  it("check drivers and references", function()
    says("transport.t { driver = 'smpt' }", 'did you mean "smtp"?')
    says("transport.t { }", "needs a driver")
    says("router.r { driver = 'acept', transport = 'x' }", 'did you mean "accept"?')
    says("transport.remote { driver = 'smtp' }\nrouter.r { driver = 'accept', transport = 'remot' }",
      '10.lua:2: router.r: transport: there is no transport "remot", did you mean "remote"?')
    says("router.r { driver = 'accept' }", "accept needs a transport")
    says("router.r { driver = 'redirect' }", "needs data or file")
    says("router.r { driver = 'manualroute', route_list = 'x y', route_data = 'z' }", "one of them")
    says("router.r { driver = 'manualroute', route_list = 'x.example host.example tranport', transport = 't' }\ntransport.transport { driver = 'smtp' }\ntransport.t { driver = 'smtp' }",
      'did you mean "transport"?')
    says("transport.t { driver = 'smtp' }\nrouter.a { driver = 'dnslookup', transport = 't', pass_router = 'b' }", 'there is no router "b"')
    says("transport.t { driver = 'smtp' }\nrouter.a { driver = 'accept', transport = 't', route_list = 'x' }", '"route_list" is an option of manualroute, this is accept')
    says("transport.t { driver = 'smtp' }\nrouter.a { driver = 'dnslookup', transport = 't', self = 'ignore' }", "is none of")
  end)

  it("check ACLs: phases, words, verbs, controls by phase", function()
    says("acl.rctp { accept {} }", 'there is no phase "rctp", did you mean "rcpt"?')
    says("acl.rcpt { accept { hots = '*' } }", 'accept knows no word "hots", did you mean "hosts"?')
    says("acl.rcpt {\n  accept {\n    hots = '*' } }", "10.lua:3:")
    says("acl.connect { deny { domains = 'x' } }", 'condition "domains" cannot be used in the connect ACL')
    says("acl.data { accept { queue = 'x' } }", 'modifier "queue" cannot be used in the data ACL')
    says("acl.connect { accept { control = 'freeze' } }", 'control "freeze" cannot be used in the connect ACL')
    says("acl.rcpt { accept { control = 'freez' } }", 'did you mean "freeze"?')
    says("acl.predata { discard {} }", "discard cannot be used in the predata ACL")
    says("acl.quit { deny {} }", "nobody hears the answer")
    says("acl.rcpt { hosts = '*' }", "stands outside a statement")
    says("acl.rcpt { accept { 'x' } }", "name = value")
    says("acl.rcpt { accept { code = 550 } }", "code belongs to answers")
    says("acl.rcpt { accept { set = { x = 1 } } }", '"x" cannot be set')
    says("acl.rcpt { accept { delay = 'long' } }", "is no time")
    says("acl.rcpt { accept { acl = 'nothing' } }", "there is no acl.sub.nothing")
    says("acl.sub.s { deny { domains = 'x' } }\nacl.mail { accept { acl = 's' } }", 'condition "domains" cannot be used in the mail ACL')
    says("acl.rcpt { accept { condition = 'perhaps' } }", "neither true nor false")
    says("acl.rcpt { warn { message = 'x' } }", "warning: message does nothing in a warn statement")
  end)

  it("go on after a mistake, so that one run shows them all", function()
    local text = said "site { prot = 1 }\ndomainlist.a = 'x*y'\nacl.rcpt { accept { hots = 1 } }"
    assert.truthy(text:find("10.lua:1:", 1, true))
    assert.truthy(text:find("10.lua:2:", 1, true))
    assert.truthy(text:find("10.lua:3:", 1, true))
  end)

  it("tell a syntax error, an error at load and a name nobody set", function()
    says("acl.rcpt {", "10.lua:1:")
    says("local x\nx.y = 1", "10.lua:2:")
    says("acll.rcpt {}", '10.lua:1: there is no "acll", did you mean "acl"?')
    says("retry.rul { }", 'there is no retry.rul, did you mean "rule"?')
    says("retry.rule { '*', '*', 'F,2h' }", "10.lua:1: retry.rule:")
    says("event.on('msg:delivry', function() end)", 'did you mean "msg:delivery"?')
  end)

  it("warn where a path is put together from parts of an address (P5)", function()
    says("transport.t { driver = 'appendfile',\n file = function(m) return '/var/mail/' .. m.local_part end }",
      "10.lua:2: warning: \"file\" is put together with ..; write path(ROOT, part, ...)")
  end)
end)
