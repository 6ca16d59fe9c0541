# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the scenarios have in common; read after tests/lib.sh. A host, a storage side with a
# real tgtd, and questions about what autobind made of them.

IQN=iqn.2001-05.com.example
PORT_TYPE=veth

# Namespaces "host" and "san", folders, and probes that are quick enough for a test.
scenario() {
	begin
	roots_new
	cat >"$CONFIG/autobind.conf" <<-'END'
		[Defaults]
		Interval = 500ms
		IntervalDown = 1s..1s
		Timeout = 500ms
		Fall = 2
	END
	ns_new host san
}

# tgtd in "san" with the targets "disk1", "disk2" and "other", which belongs to somebody
# else, at the portals.
tgtd_with() { # PORTAL...
	target_start tgtd san "$@"
	target_add tgtd 1 $IQN:disk1
	target_add tgtd 2 $IQN:disk2
	target_add tgtd 3 iqn.2002-02.org.example:other
}

# A policy for devices of $PORT_TYPE: the rest of [Match], [Portals] and [Bind] from
# arguments as SECTION.KEY=VALUE; Targets and Action have the usual values unless given.
san_policy() { # FILE SECTION.KEY=VALUE...
	local file=$1 word section
	shift
	set -- "Match.Type=$PORT_TYPE" "$@"
	[[ " $* " == *" Portals.Targets="* ]] || set -- "$@" "Portals.Targets=$IQN:*"
	[[ " $* " == *" Bind.Action="* ]] || set -- "$@" Bind.Action=record
	for section in Match Iface Portals Probe Bind Node; do
		echo "[$section]"
		for word; do
			[[ $word == "$section".* ]] && echo "${word#*.}"
		done
	done | sed 's/=/ = /' | policy "$file"
}

# Takes the new files without waiting for what is never going to answer.
reload_now() {
	local generation
	generation=$(ab --json status | jq .head.generation)
	kill -HUP "$(daemon_pid)"
	must_become 5 ab_json ".head.generation > $generation" status
}

# The daemon itself; what was started is `ip netns exec`, which becomes it.
daemon_pid() {
	echo "${PIDS[autobindd]}"
}

# --- questions ---------------------------------------------------------------------

port_is() { # PORT STATE
	ab_json "any(.[]; .port == \"$1\" and .state == \"$2\")" ports
}

port_is_known() { # PORT
	ab_json "any(.[]; .port == \"$1\")" ports
}

path_is() { # PORT PORTAL STATE
	ab_json "any(.[]; .port == \"$1\" and .portal == \"$2\" and .state == \"$3\")" paths
}

path_is_known() { # PORT PORTAL
	ab_json "any(.[]; .port == \"$1\" and .portal == \"$2\")" paths
}

# What somebody said, and how often.
said() { # TEXT
	ab events | grep -qF -- "$1"
}

times_said() { # TEXT
	ab events | grep -cF -- "$1"
}

# A setting of a record, as open-iscsi has it.
setting() { # RECORD KEY
	sed -n "s/^$2 = //p" "$DB/$1"
}

has_setting() { # RECORD KEY VALUE
	[ "$(setting "$1" "$2")" = "$3" ]
}

# The node records are exactly these (sorted lines as "nodes/TARGET/PORTAL/IFACE").
nodes_are() { # LINES
	[ "$(records | grep ^nodes)" = "$(printf '%s\n' "$1" | sort)" ]
}

must_have_nodes() { # SECONDS LINES
	wait_for "$1" nodes_are "$2" || {
		records
		fail "node records are not: $2"
	}
}

list_files() {
	find "$DB/ifaces" "$DB/nodes" "$DB/send_targets" "$ROOT/var" \
		-printf '%P %y %m %i %s %T@ %C@ %l\n' | sort
}

# No record is being written: its file is there before the ledger's last word on it is.
is_written() {
	ab --json nodes | jq -e 'all(.[]; .state != "writing")' &&
		ab --json ifaces | jq -e 'all(.[]; .state != "writing")'
}

# Nothing was written since the look before: the ledger, the last good configuration.
is_still() {
	local seen=$FILES
	FILES=$(list_files)
	[ "$FILES" = "$seen" ]
}

# Every file, folder and link that autobind keeps, with everything that a write changes;
# what is under way is waited for.
files() {
	local i FILES=''
	[ -n "${PIDS[autobindd]-}" ] && wait_for 5 is_written
	for ((i = 0; i < 10; i++)); do
		wait_for 5 is_still
	done
	echo "$FILES"
}

# The same without times and inodes: what is in them.
contents() { # FOLDER...
	find "$@" -type f -exec sha256sum {} + | sort -k 2
}

must_be_the_same() { # WHAT BEFORE AFTER
	[ "$2" = "$3" ] && return
	diff <(echo "$2") <(echo "$3")
	fail "$1 changed"
}

# What autobind knows and decided, without clocks and counters.
world() {
	local verb
	for verb in ports paths ifaces nodes; do
		ab --json $verb | jq -c "map(del(.since_ms, .rtt_us, .probes, .lost,
			.loss, .interval_ms, .mac, .ifindex)) | sort | .[]" || fail "no answer to $verb"
	done
}

# The daemon answers at once.
must_be_awake() {
	local start
	start=$(now_ms)
	ab status >/dev/null
	[ $? -le 1 ] || fail "no answer to status"
	[ $(($(now_ms) - start)) -le 1000 ] || fail "status took $(($(now_ms) - start)) ms"
}
