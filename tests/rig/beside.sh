# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The real iscsiadm on the database of a test, in the namespace "host"; read after
# tests/lib.sh. Its places are fixed, so the script starts again in a mount namespace of
# its own, where they show the test's folders.

need iscsiadm python3 unshare
need_root
if [ -z "${IN_MOUNT_NS-}" ]; then
	unshare -m true 2>/dev/null || skip "no mount namespaces here"
	[ -f /etc/iscsi/iscsid.conf ] || skip "no /etc/iscsi/iscsid.conf"
	[ -d /run/lock ] || skip "no /run/lock, where the lock of iscsiadm is"
	[ "$(iscsiadm --version)" = "iscsiadm version 2.1.8" ] || skip "iscsiadm is not 2.1.8"
	IN_MOUNT_NS=1 exec unshare -m "$0" "$@"
fi

# After roots_new and ns_new: a stand-in for iscsid, and a /sys with the transport tcp,
# for which the kernel would need a module.
iscsiadm_start() {
	mount -t tmpfs none /run/lock || fail "mount"
	mkdir -m 700 /run/lock/iscsi
	mount --bind "$ROOT/run/lock/iscsi" /run/lock/iscsi || fail "mount"
	mount --bind "$DB" /etc/iscsi || fail "mount"
	SYS=$T/sys
	mkdir -p "$SYS/class/iscsi_transport/tcp" "$SYS/class/iscsi_session" \
		"$SYS/class/iscsi_host" "$SYS/class/iscsi_connection" \
		"$SYS/class/scsi_host" "$SYS/class/net" "$SYS/module"
	echo 18446744072637906944 >"$SYS/class/iscsi_transport/tcp/handle"
	echo 0x39 >"$SYS/class/iscsi_transport/tcp/caps"
	start iscsid ip netns exec "$(ns_name host)" python3 tests/rig/iscsid 16104 \
		iqn.2026-01.org.example:host "$DB/iscsid.conf"
	must_become 5 grep -q ready "$T/iscsid.log"
}

# `ip netns exec` mounts a /sys of its own, which ours has to cover.
in_host_with_sys() { # COMMAND...
	# shellcheck disable=SC2016
	in_ns host sh -c 'mount --bind "$0" /sys && exec "$@"' "$SYS" "$@"
}

iadm() { # ARGUMENTS...
	in_host_with_sys iscsiadm "$@"
}
