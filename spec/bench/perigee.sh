# shellcheck shell=bash
# Perigee as a peer of the mail server benchmark: modes queue (accept, hold), relay (everything to 127.0.0.1:$SINK_PORT),
# discard (accept, then :blackhole:) and tls (as queue; STARTTLS with the benchmark's certificate). Sourced by bench.sh.
PEER_PORT=${PERIGEE_PORT:-20025}
PERIGEE_TREE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PERIGEE_BIN=${PERIGEE:-$PERIGEE_TREE/build/perigee}
PERIGEE_USER=${PERIGEE_USER:-nobody}

peer_modes() { echo queue relay discard tls; }
peer_available() { [ -x "$PERIGEE_BIN" ]; }

perigee_rules() { # MODE
	rm -rf "$PDIR/rules"; mkdir -p "$PDIR/rules"
	cat > "$PDIR/rules/00-site.lua" <<LUA
site {
  primary_hostname = "bench.test",
  listen           = { "127.0.0.1:$PEER_PORT" },
  -- as for every peer: no limit of the default configuration is what is measured
  smtp_accept_max  = 20000,
  smtp_accept_max_per_connection = 1000000,
  dns_servers      = "127.0.0.1#9",
  spool_directory  = "$PDIR/spool",
  user             = "$PERIGEE_USER",
}
acl.rcpt { accept { hosts = "127.0.0.1" } }
transport.sink { driver = "smtp", port = $SINK_PORT, hosts = "127.0.0.1", connection_max_messages = 500 }
LUA
	if [ -s "$RUN/tls/cert.pem" ]; then     # a key that others may read is refused
		install -o "$PERIGEE_USER" -m 600 "$RUN/tls/key.pem" "$PDIR/key.pem"
		echo "site { tls_certificate = \"$RUN/tls/cert.pem\", tls_privatekey = \"$PDIR/key.pem\" }" > "$PDIR/rules/05-tls.lua"
	fi
	case $1 in
	# held, not frozen: a start in relay mode drains the queue as it is
	queue) echo 'site { hold_domains = "*" }
router.sink { driver = "manualroute", route_list = { "* 127.0.0.1" }, self = "send", transport = "sink" }' ;;
	relay) echo 'router.sink { driver = "manualroute", route_list = { "* 127.0.0.1" }, self = "send", transport = "sink" }' ;;
	discard) echo 'router.gone { driver = "redirect", data = ":blackhole:" }' ;;
	esac > "$PDIR/rules/10-$1.lua"
}
peer_start() { # MODE
	perigee_rules "$1"
	mkdir -p "$PDIR/spool"
	chown "$PERIGEE_USER" "$PDIR/spool"
	chmod 755 "$PDIR" "$PDIR/rules"
	in_cg_bg "$PDIR/out" "$PERIGEE_BIN" serve --foreground --rules "$PDIR/rules" --spool "$PDIR/spool"
}
peer_reset() { rm -rf "$PDIR/spool" "$PDIR/out"; }
peer_queue_count() { "$PERIGEE_BIN" queue count --spool "$PDIR/spool"; }
peer_mailq() { "$PERIGEE_BIN" queue list --spool "$PDIR/spool"; }
