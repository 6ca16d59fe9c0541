# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What tests in network namespaces have in common: bash functions, read by
#
#	. tests/lib.sh
#
# A test calls what it needs, then `begin`, and ends by its exit status: 0 passed, 1 failed
# (fail), 77 skipped (skip). At exit everything that was started is ended by its process
# number and everything that was made is removed. Nothing sleeps: wait_for looks again each
# 20 ms until a deadline. tests/run-scripts sets B, TMPDIR and AB_TEST_ID; by hand
# `B=build tests/netns/NNN-topic` does, too.
#
# Namespaces have short names in a test ("host", "san"); ns_name gives the real ones. The
# first one, "host", is where autobindd runs.

set -u

: "${B:=build}" "${AB_TEST_ID:=$$}"
B=$(realpath "$B") || exit 1

T=''		# the test's own folder, removed at exit
NAMESPACES=()	# real names
declare -A PIDS=() # process number by name of what runs in the background

# --- verdicts ----------------------------------------------------------------------

skip() { # REASON
	echo "$*"
	exit 77
}

# What was wrong, where, and everything that helps to see why.
fail() { # MESSAGE
	local i f
	echo "FAILED: $*"
	for ((i = 1; i < ${#FUNCNAME[@]}; i++)); do
		echo "  at ${BASH_SOURCE[i]}:${BASH_LINENO[i - 1]}"
	done
	for f in "$T"/*.log; do
		[ -s "$f" ] || continue
		echo "--- ${f##*/}"
		tail -n 60 "$f"
	done
	exit 1
}

step() { # WHAT
	echo "[$(($(now_ms) - BEGIN_MS)) ms] $*"
}

need_root() {
	[ "$(id -u)" -eq 0 ] || skip "needs root for network namespaces"
}

need() { # COMMAND...
	local c
	for c; do
		command -v "$c" >/dev/null || skip "needs $c"
	done
}

begin() {
	need_root
	need ip jq
	trap cleanup EXIT
	trap 'exit 1' HUP INT TERM
	T=$(mktemp -d) || exit 1
	BEGIN_MS=$(now_ms)
	export ASAN_OPTIONS="${ASAN_OPTIONS-abort_on_error=1}"
	export UBSAN_OPTIONS="${UBSAN_OPTIONS-print_stacktrace=1}"
}

# At exit, in any case. Daemons of ours get TERM and must leave nothing; the rest is killed.
cleanup() {
	local status=$? name ns
	trap - EXIT
	for name in "${!PIDS[@]}"; do
		kill -KILL "${PIDS[$name]}" 2>/dev/null
		wait "${PIDS[$name]}" 2>/dev/null
	done
	for ns in "${NAMESPACES[@]}"; do
		ip netns del "$ns"
	done
	[ -n "$T" ] && rm -rf "$T"
	exit $status
}

# --- time --------------------------------------------------------------------------

# Milliseconds since boot, in steps of 10.
now_ms() {
	local up rest
	read -r up rest </proc/uptime
	echo $((10#${up%.*}${up#*.} * 10))
}

# Runs the command until it succeeds, at most SECONDS; fails otherwise. How long it took
# stands in WAITED_MS afterwards.
wait_for() { # SECONDS COMMAND...
	local start deadline now
	start=$(now_ms)
	deadline=$((start + $1 * 1000))
	shift
	while ! "$@" >/dev/null 2>&1; do
		now=$(now_ms)
		[ "$now" -ge $deadline ] && return 1
		sleep 0.02
	done
	# shellcheck disable=SC2034 # for the caller
	WAITED_MS=$(($(now_ms) - start))
}

must_become() { # SECONDS COMMAND...
	wait_for "$@" || fail "not within $1 s: ${*:2}"
}

# The command keeps failing (or, with "!", succeeding) all the time: for what must not
# happen. Looks each 20 ms.
must_stay() { # SECONDS COMMAND...
	local deadline
	deadline=$(($(now_ms) + $1 * 1000))
	shift
	while [ "$(now_ms)" -lt $deadline ]; do
		"$@" >/dev/null 2>&1 || fail "no longer true: $*"
		sleep 0.02
	done
}

not() { # COMMAND...
	! "$@"
}

# --- namespaces and cables ---------------------------------------------------------

ns_name() { # NS
	echo "ab-$AB_TEST_ID-$1"
}

ns_new() { # NS...
	local ns
	for ns; do
		ns=$(ns_name "$ns")
		ip netns add "$ns" || fail "cannot make namespace $ns"
		NAMESPACES+=("$ns")
		ip -n "$ns" link set lo up
		# No duplicate address detection delay but where a test asks for it.
		in_real_ns "$ns" sysctl -qw net.ipv6.conf.all.accept_dad=0 \
			net.ipv6.conf.default.accept_dad=0
		# A storage side answers for an address on its own cable only, as separate
		# switches would have it, and a target there may be started before its
		# cables are plugged; the host keeps the kernel's defaults.
		[ "$ns" = "$(ns_name host)" ] || in_real_ns "$ns" sysctl -qw \
			net.ipv4.conf.all.arp_ignore=1 net.ipv4.ip_nonlocal_bind=1 \
			net.ipv6.ip_nonlocal_bind=1
	done
}

in_real_ns() { # REAL-NAME COMMAND...
	ip netns exec "$@"
}

in_ns() { # NS COMMAND...
	local ns=$1
	shift
	ip netns exec "$(ns_name "$ns")" "$@"
}

ns_ip() { # NS ARGUMENTS-OF-IP...
	local ns=$1
	shift
	ip -n "$(ns_name "$ns")" "$@"
}

# A cable between two namespaces, both ends up. Addresses with prefix length or "-".
plug() { # NS DEV ADDRESS PEER-NS PEER-DEV PEER-ADDRESS
	ip link add "$2" netns "$(ns_name "$1")" type veth \
		peer name "$5" netns "$(ns_name "$4")" || fail "cannot plug $2 into $5"
	[ "$6" = - ] || ns_ip "$4" addr add "$6" dev "$5" || fail "address $6"
	ns_ip "$4" link set "$5" up
	ns_ip "$1" link set "$2" up
	[ "$3" = - ] || ns_ip "$1" addr add "$3" dev "$2" || fail "address $3"
}

unplug() { # NS DEV: the device and its peer are gone
	ns_ip "$1" link del "$2" || fail "cannot unplug $2"
}

# Carrier of a device goes with the other end of its cable.
carrier() { # PEER-NS PEER-DEV up|down
	ns_ip "$1" link set "$2" "$3" || fail "cannot set $2 $3"
}

# --- background processes ----------------------------------------------------------

# Output goes to $T/NAME.log.
start() { # NAME COMMAND...
	local name=$1
	shift
	"$@" >>"$T/$name.log" 2>&1 </dev/null &
	PIDS[$name]=$!
}

running() { # NAME
	kill -0 "${PIDS[$1]}" 2>/dev/null
}

# Sends a signal, waits for the end; its exit status stands in ENDED afterwards.
end() { # NAME SIGNAL [SECONDS]
	local pid=${PIDS[$1]}
	kill -"$2" "$pid" 2>/dev/null || fail "$1 is not running"
	wait_for "${3:-5}" not kill -0 "$pid" || fail "$1 does not end on $2"
	unset "PIDS[$1]"
	wait "$pid" 2>/dev/null
	# shellcheck disable=SC2034 # for the caller
	ENDED=$?
}

# --- a real target -----------------------------------------------------------------

TGT_PORT=0	# number of the last control port
declare -A TGT_PORTS=()

tgtadm_at() { # NAME ARGUMENTS...
	local port=${TGT_PORTS[$1]}
	shift
	TGT_IPC_SOCKET=$T/tgt tgtadm -C "$port" --lld iscsi "$@"
}

# tgtd in a namespace with the portals ADDRESS:PORT, IPv6 in brackets; no targets yet.
target_start() { # NAME NS PORTAL...
	local name=$1 ns=$2 portal
	shift 2
	need tgtd
	TGT_PORT=$((TGT_PORT + 1))
	TGT_PORTS[$name]=$TGT_PORT
	# The first portal comes as an argument: without one tgtd listens on everything.
	start "$name" env TGT_IPC_SOCKET="$T/tgt" ip netns exec "$(ns_name "$ns")" \
		tgtd -f -C $TGT_PORT --iscsi "portal=$1"
	must_become 10 tgtadm_at "$name" --op show --mode system
	shift
	for portal; do
		tgtadm_at "$name" --op new --mode portal --param "portal=$portal" ||
			fail "cannot add portal $portal"
	done
}

# A target without disk, open to everybody, at every portal of that tgtd.
target_add() { # NAME TID IQN
	tgtadm_at "$1" --op new --mode target --tid "$2" -T "$3" || fail "cannot add $3"
	tgtadm_at "$1" --op bind --mode target --tid "$2" -I ALL || fail "cannot open $3"
}

# tgtd does not end on TERM while it has targets.
target_stop() { # NAME
	end "$1" KILL
}

# --- autobind ----------------------------------------------------------------------

# Folders like those of a host, all under $T/root, and an empty configuration.
roots_new() {
	ROOT=$T/root
	DB=$ROOT/etc/iscsi
	CONFIG=$ROOT/etc/autobind
	mkdir -p "$CONFIG/policy.d" "$CONFIG/exclude.d" "$DB/ifaces" "$DB/nodes" \
		"$DB/send_targets" "$ROOT/run/lock/iscsi" "$ROOT/run/autobind" \
		"$ROOT/var/lib/autobind"
	chmod 700 "$DB/nodes" "$DB/send_targets" "$ROOT/var/lib/autobind"
	echo 'InitiatorName=iqn.2026-01.org.example:host' >"$DB/initiatorname.iscsi"
	cp /etc/iscsi/iscsid.conf "$DB/iscsid.conf" 2>/dev/null || : >"$DB/iscsid.conf"
	chmod 600 "$DB/initiatorname.iscsi" "$DB/iscsid.conf"
	ROOTS=(--config-dir "$CONFIG" --db "$DB" --lock-dir "$ROOT/run/lock/iscsi"
		--iscsi-conf-dir "$DB" --run-dir "$ROOT/run/autobind"
		--state-dir "$ROOT/var/lib/autobind" --udev kernel)
}

policy() { # FILE: text from standard input
	cat >"$CONFIG/policy.d/$1"
}

# The daemon in the namespace "host"; its log is $T/autobindd.log.
# AHEAD=SECONDS: its clock is that much ahead, as if it had been away for so long.
daemon_start() { # ARGUMENTS...
	# shellcheck disable=SC2086 # words
	start autobindd ip netns exec "$(ns_name host)" \
		${AHEAD:+unshare --time --boottime "$AHEAD"} "$B/autobindd" "${ROOTS[@]}" \
		--discover-helper "$B/autobind-discover" "$@"
	must_become 10 ab ports
}

# A clean end is a promise: exit status 0 and nothing of it left.
daemon_stop() {
	end autobindd TERM 10
	[ "$ENDED" -eq 0 ] || fail "autobindd ended with status $ENDED"
}

ab() { # VERB...
	in_ns host "$B/autobind" "${ROOTS[@]}" --no-pager "$@"
}

# jq's truth about the JSON answer of a verb.
ab_json() { # FILTER VERB...
	local filter=$1
	shift
	ab --json "$@" | jq -e "$filter"
}

must_say() { # FILTER VERB...
	ab_json "$@" >/dev/null 2>&1 || {
		ab --json "${@:2}"
		fail "not so: $1"
	}
}

# Files of the database, as "ifaces/NAME" and "nodes/TARGET/PORTAL[/IFACE]".
records() {
	(cd "$DB" && find ifaces nodes -type f | sort)
}

record_exists() { # GLOB under the database
	compgen -G "$DB/$1" >/dev/null
}
