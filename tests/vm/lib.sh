# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What scenarios in the VM have in common: one booted guest with kernel iSCSI, multipathd and
# systemd, real targets (tgtd) on the host's side of three fabrics. A scenario is one short
# bash file NNN-topic:
#
#	#!/bin/bash
#	# SPDX-License-Identifier: GPL-2.0-or-later
#	# What is shown, in a sentence or two.
#	. tests/vm/lib.sh
#	vm_scenario
#	san_with 10.1.0.9:3260 10.2.0.9:3260	# a target with a disk on fabrics A and B
#	san_policy 10-san.conf 'Match.Address=10.1.0.0/24' Portals.Discover=10.1.0.9
#	daemon_start
#	step "the cable of fabric A"
#	vm link 1 off
#	must_become 40 port_is enp1s0 NOCARRIER
#
# It may say in its first 20 lines
#	# TIMEOUT: SECONDS	default 180
#	# BOOT: why		gets a guest that was just booted; the next one, too
#	# CI: no, why		only in `make check-vm-all`
#
# and ends as other tests do: 0 passed, 1 failed (fail), 77 skipped (skip). At exit, faults
# are taken back, the guest is reset (guest-reset) and then the targets end. Functions of
# tests/lib.sh (step, fail, must_become, must_stay, start, end, target_start, target_add,
# ab_json, must_say ...) and the questions of tests/netns/lib.sh (port_is, path_is, said ...)
# work as in namespaces: `ab` and the records are those of the guest.
#
# `vm VERB` drives the guest: see the head of tests/vm/vm (plug, unplug, link, cable, reboot
# ...). Which NIC has which name and address: there and in tests/vm/rig. Two NICs in one fabric
# answer each other's ARP requests, as Linux does: take another fabric unless that is the topic.
#
# By hand: `make check-vm T=002-by-hand`; or `make vm-shell` in one terminal and
# `AB_VM=build/vm tests/vm/002-by-hand` in another, which needs no boot.

. tests/lib.sh
. tests/netns/lib.sh
# shellcheck disable=SC2034 # of tests/netns/lib.sh
PORT_TYPE=ether

: "${AB_VM:=}"
RESULTS=${AB_RESULTS:-}

vm() { # VERB...
	AB_VM=$AB_VM tests/vm/vm "$@"
}

# --- begin and end -----------------------------------------------------------------

vm_scenario() {
	[ -e "$AB_VM/qemu.pid" ] || skip "no guest: run make check-vm T=${0##*/}"
	AB_TEST_ID=$(cat "$AB_VM/id")
	begin
	trap vm_cleanup EXIT
	CONFIG=/etc/autobind DB=/etc/iscsi
	FABRICS_CHANGED=''
	SAN_ADDRESSES=()
	echo "$0" >"$AB_VM/dirty"
}

vm_script() { # SECONDS FILE
	vm exec -t "$1" -i 'cat >/run/ab-script && exec sh /run/ab-script </dev/null' <"$2"
}

# What failed is written down first, then faults are taken back, so that sessions can end,
# and targets go last.
vm_cleanup() {
	local status=$? name
	trap - EXIT
	case $status in
	0 | 77) ;;
	*) vm_report ;;
	esac
	for name in "${!TGT_PORTS[@]}"; do
		thaw "$name"
	done
	fabrics_restore
	# NICs that were plugged go when no session needs them any more.
	vm nics-heal && vm_script 100 tests/vm/guest-reset && vm nics-reset &&
		rm -f "$AB_VM/dirty"
	set -- "${SAN_ADDRESSES[@]}"
	while [ $# -gt 0 ]; do
		ns_ip san addr del "$1" dev "br$2"
		shift 2
	done
	(exit $status)
	cleanup
}

# Everything that helps to see why, into the results folder of this scenario.
vm_report() {
	local dir=${RESULTS:-$AB_VM/results}/${0##*/}
	mkdir -p "$dir"
	vm_script 60 tests/vm/guest-report >"$dir/guest.txt" 2>&1
	vm exec -t 30 'journalctl -b --no-pager -o short-monotonic' >"$dir/journal.txt" 2>&1
	cp "$AB_VM/console.log" "$AB_VM/boots" "$dir/" 2>/dev/null
	{
		in_ns san ip -br addr
		in_ns san nft list ruleset
		for name in "${!TGT_PORTS[@]}"; do
			timeout 5 tgtadm_at "$name" --op show --mode target
		done
	} >"$dir/san.txt" 2>&1
	cp "$T"/*.log "$dir/" 2>/dev/null
	echo "results: $dir"
}

# --- the guest ---------------------------------------------------------------------

# Words as the guest's shell reads them (bash's own quoting is not for every shell).
quoted() { # WORD...
	local word
	for word; do
		printf "'%s' " "${word//\'/\'\\\'\'}"
	done
}

# A shell command line in the guest: its output, its exit status.
guest() { # COMMAND...
	vm exec "$@"
}

must_guest() { # COMMAND...
	local out
	out=$(vm exec "$@" 2>&1) || fail "in the guest: $*: $out"
	[ -z "$out" ] || printf '%s\n' "$out"
}

# Waits in the guest, so that no round trip is lost.
guest_becomes() { # SECONDS CONDITION
	local seconds=$1
	shift
	vm exec -t "$seconds" "until { $*; } >/dev/null 2>&1; do sleep 0.1; done" 2>/dev/null
}

must_become_in_guest() { # SECONDS CONDITION
	guest_becomes "$@" || fail "in the guest not within $1 s: ${*:2}: $(vm exec "${*:2}" 2>&1)"
}

# A file in the guest from standard input.
guest_file() { # PATH
	vm exec -i "mkdir -p '${1%/*}' && cat >'$1'" || fail "cannot write $1 in the guest"
}

# Something that goes on in the guest, as the unit ab-run-NAME.
guest_start() { # NAME COMMAND...
	local name=$1
	shift
	must_guest "systemd-run -q --collect --unit=ab-run-$name sh -c $(quoted "$*")"
}

guest_stop() { # NAME
	must_guest "systemctl stop ab-run-$1"
}

# --- autobind in the guest ---------------------------------------------------------

policy() { # FILE: text from standard input
	guest_file "$CONFIG/policy.d/$1"
}

# Probes that are quick enough for a test.
quick_probes() {
	guest_file "$CONFIG/autobind.conf" <<-'END'
		[Defaults]
		Interval = 500ms
		IntervalDown = 1s..1s
		Timeout = 500ms
		Fall = 2
	END
}

# Records that are made from now on notice a dead connection after 2 s, not 10.
quick_sessions() {
	must_guest "sed -i 's/\(noop_out_interval\|noop_out_timeout\) = .*/\1 = 1/' /etc/iscsi/iscsid.conf"
}

# Of the daemon from its next start on, by a drop-in.
daemon_options() { # ARGUMENTS...
	guest_file /run/systemd/system/autobindd.service.d/test.conf <<-END
		[Service]
		ExecStart=
		ExecStart=/usr/sbin/autobindd $(quoted "$@")
	END
	must_guest 'systemctl daemon-reload'
}

# By its unit.
daemon_start() { # ARGUMENTS...
	if ! guest 'test -e /lib/systemd/system/autobindd.service'; then
		must_guest "systemd-run -q --unit=autobindd autobindd $(quoted "$@")"
	else
		[ $# -eq 0 ] || daemon_options "$@"
		must_guest 'systemctl start autobindd'
	fi
	must_become 15 ab ports
}

daemon_stop() {
	must_guest 'systemctl stop autobindd; ! systemctl is-failed -q autobindd'
}

ab() { # VERB...
	vm exec "autobind --no-pager $(quoted "$@")"
}

reload_now() {
	local generation
	generation=$(ab --json status | jq .head.generation)
	must_guest 'kill -HUP $(systemctl show -p MainPID --value autobindd)'
	must_become 10 ab_json ".head.generation > $generation" status
}

records() {
	guest "cd $DB && find ifaces nodes -type f 2>/dev/null | sort"
}

record_exists() { # GLOB under the database
	guest "ls -d $DB/$1"
}

setting() { # RECORD KEY
	guest "cat '$DB/$1'" | sed -n "s/^$2 = //p"
}

# --- questions about iSCSI and multipath -------------------------------------------

# Sessions that are logged in, as "TARGET ADDRESS IFACE", sorted.
sessions() {
	guest 'for s in /sys/class/iscsi_session/session*; do
		[ "$(cat $s/state)" = LOGGED_IN ] || continue
		echo "$(cat $s/targetname) $(cat $s/device/connection*/iscsi_connection/connection*/persistent_address) $(cat $s/ifacename)"
	done 2>/dev/null | sort'
}

sessions_are() { # LINES
	[ "$(sessions)" = "$(printf '%s\n' "$1" | sort)" ]
}

# What autobind says of the session through a port, be it there or wanted.
session_is() { # PORT STATE
	ab_json "any(.[]; .port == \"$1\" and .state == \"$2\")" sessions
}

sids() {
	guest 'ls /sys/class/iscsi_session'
}

# How many paths of all maps multipathd calls active and ready.
paths_active() { # COUNT
	[ "$(guest "multipathd show paths raw format '%t %T'" | grep -c '^active *ready$')" -eq "$1" ]
}

# --- targets -----------------------------------------------------------------------

# One more address for targets, until the scenario ends.
san_address() { # ADDRESS/LENGTH FABRIC
	ns_ip san addr add "$1" dev "br$2" || fail "cannot add address $1"
	SAN_ADDRESSES+=("$1" "$2")
}

# tgtd "san" with one disk of 64 MB, target $IQN:disk1, at the portals.
san_with() { # PORTAL...
	target_start san san "$@"
	target_add san 1 $IQN:disk1
	disk_add san 1 1
}

# Two tgtd that export the same file with the same TID and LUN are one disk to multipath.
disk_add() { # NAME TID LUN [MB [FILE]]
	local file=${5:-$T/disk-$2-$3}
	[ -e "$file" ] || truncate -s "${4:-64}M" "$file"
	tgtadm_at "$1" --op new --mode logicalunit --tid "$2" --lun "$3" -b "$file" ||
		fail "cannot add a disk to target $2 of $1"
}

portal_add() { # NAME PORTAL
	tgtadm_at "$1" --op new --mode portal --param "portal=$2" || fail "cannot add portal $2"
}

# Connections that exist go on.
portal_remove() { # NAME PORTAL
	tgtadm_at "$1" --op delete --mode portal --param "portal=$2" ||
		fail "cannot remove portal $2"
}

# From then on the target wants CHAP. The password is a test's, so it may be an argument.
chap_account() { # NAME TID USER PASSWORD
	tgtadm_at "$1" --op new --mode account --user "$3" --password "$4" &&
		tgtadm_at "$1" --op bind --mode account --tid "$2" --user "$3" ||
		fail "cannot make account $3"
}

# A target that is there and says nothing more.
freeze() { # NAME
	kill -STOP "${PIDS[$1]}" || fail "$1 is not running"
}

thaw() { # NAME
	[ -z "${PIDS[$1]-}" ] || kill -CONT "${PIDS[$1]}"
}

# --- faults of a fabric ------------------------------------------------------------

# Packets vanish, both ways; carrier stays.
fabric_drop() { # FABRIC
	FABRICS_CHANGED=yes
	in_ns san nft -f - <<-END || fail "nft"
		table netdev drop$1 {
			chain in { type filter hook ingress device br$1 priority 0; policy drop; }
		}
		table inet drop$1 {
			chain out { type filter hook output priority 0; oifname br$1 drop; }
		}
	END
}

fabric_pass() { # FABRIC
	in_ns san nft delete table netdev "drop$1"
	in_ns san nft delete table inet "drop$1"
}

# The switch's port of one NIC: its packets vanish while the guest sees carrier.
switch_port() { # SLOT up|down
	ns_ip san link set "tap$1" "$2" || fail "no switch port $1"
}

# What the targets send goes through a bottleneck of so many bytes per second, as "100kbps";
# delay and loss: netem in the guest.
fabric_slow() { # FABRIC RATE
	FABRICS_CHANGED=yes
	in_ns san tc qdisc replace dev "br$1" root tbf rate "$2" burst 4kb latency 10s ||
		fail "tc"
}

fabrics_restore() {
	local f
	[ -n "$FABRICS_CHANGED" ] || return 0
	in_ns san nft flush ruleset
	for f in A B C; do
		in_ns san tc qdisc del dev br$f root 2>/dev/null
	done
	return 0
}
