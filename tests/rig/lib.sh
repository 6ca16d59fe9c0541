# SPDX-License-Identifier: GPL-2.0-or-later
# A host of its own for the real iscsiadm: mount and network namespace, empty database,
# a /sys with the one transport that iscsiadm looks for, a stand-in for iscsid.
# To be sourced first; the script starts again inside. Nothing outlives it: all of its
# files lie on file systems of the namespace.

RIG=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$RIG/../.." && pwd)
case ${B:=build} in
/*) ;;
*) B=$TOP/$B ;;
esac
DBTOOL=${DBTOOL:-$B/tests/tools/dbtool}
PORTALS=${PORTALS:-10.0.0.1:3260,1 [2001:db8::1]:3260,2}
TARGETS=${TARGETS:-2}

skip() {
	echo "skipped: $*"
	exit 77
}

fail() {
	echo "FAILED: $*"
	exit 1
}

rig_requirements() {
	[ "$(id -u)" = 0 ] || skip "needs root for namespaces"
	[ -x "$DBTOOL" ] || skip "no $DBTOOL"
	command -v iscsiadm >/dev/null || skip "no iscsiadm"
	command -v python3 >/dev/null || skip "no python3"
	case $(iscsiadm --version) in
	*" 2.1.8") ;;
	*) skip "goldens and sizes are those of iscsiadm 2.1.8" ;;
	esac
	[ -f /etc/iscsi/iscsid.conf ] || skip "no /etc/iscsi/iscsid.conf"
	[ -d /run/lock ] || skip "no /run/lock, where the lock of iscsiadm is"
	unshare -m -n true 2>/dev/null || skip "no namespaces here"
}

rig_started=()

rig_stop() {
	local pid

	for pid in "${rig_started[@]}"; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
}

# rig_start COMMAND...: in the background, until it says "ready"
rig_start() {
	local line

	exec {rig_out}< <(exec "$@")
	rig_started+=($!)
	read -r -t 10 line <&"$rig_out" && [ "$line" = ready ] || fail "$1 did not start"
}

rig_files() {
	mount -t tmpfs none /run/lock
	T=/run/lock/test
	mkdir -m 700 $T
	cp /etc/iscsi/iscsid.conf $T/iscsid.conf.shipped
	mount -t tmpfs -o mode=0755 none /etc/iscsi
	cp $T/iscsid.conf.shipped /etc/iscsi/iscsid.conf
	echo "InitiatorName=iqn.2020-01.com.example:host" >/etc/iscsi/initiatorname.iscsi
	mount -t tmpfs none /sys
	mkdir -p /sys/class/iscsi_transport/tcp /sys/class/iscsi_session \
		/sys/class/iscsi_host /sys/class/iscsi_connection /sys/class/scsi_host \
		/sys/class/net /sys/module
	echo 18446744072637906944 >/sys/class/iscsi_transport/tcp/handle
	echo 0x39 >/sys/class/iscsi_transport/tcp/caps
}

if [ -z "$AB_RIG" ]; then
	rig_requirements
	AB_RIG=1 exec unshare -m -n "$0" "$@"
fi
trap rig_stop EXIT
rig_files
ip link set lo up
rig_start "$RIG/iscsid" 16104 iqn.2020-01.com.example:host /etc/iscsi/iscsid.conf
# shellcheck disable=SC2086 # a list of words
rig_start "$RIG/target" 127.0.0.1 3260 "$TARGETS" $PORTALS

# Everything in the database: kind, mode, path, what a link says; without temporary files
# of a writer that is at work there are none.
db_tree() {
	(cd /etc/iscsi && find . -mindepth 1 ! -name iscsid.conf ! -name initiatorname.iscsi \
		-printf '%y %m %P %l\n' | sort)
}

db_wipe() {
	find /etc/iscsi -mindepth 1 ! -name iscsid.conf ! -name initiatorname.iscsi -delete
}

# expect WHAT WANTED GOT
expect() {
	[ "$2" = "$3" ] && return
	echo "$1:"
	diff <(echo "$2") <(echo "$3") | sed 's/^/    /'
	fail "$1"
}
