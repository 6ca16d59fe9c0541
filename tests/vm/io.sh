# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Disks in the guest: maps, I/O that goes on, who uses them, and what autobind says of a session
# that it would release. Read after tests/vm/lib.sh.

# --- maps --------------------------------------------------------------------------

# The only map there is; its name stands in MAP, the kernel's in DM.
one_map() {
	MAP=$(guest 'multipathd show maps raw format %n')
	[ -n "$MAP" ] && [ "$(wc -l <<<"$MAP")" = 1 ] &&
		DM=$(guest "basename \$(readlink /dev/mapper/$MAP)") && [ -n "$DM" ]
}

must_have_one_map() {
	wait_for 30 one_map || fail "maps: $(guest 'multipath -ll')"
}

# The disk, as "sdb", of the session through an iface.
disk_of() { # IFACE
	guest "for s in /sys/class/iscsi_session/session*; do
		[ \"\$(cat \$s/ifacename)\" = '$1' ] || continue
		ls -d \$s/device/target*/*/block/* | sed 's,.*/,,'
	done"
}

sid_of() { # IFACE
	guest "for s in /sys/class/iscsi_session/session*; do
		[ \"\$(cat \$s/ifacename)\" != '$1' ] || echo \${s##*session}
	done"
}

# --- I/O ---------------------------------------------------------------------------

# fio until io_end at a file or device, which it overwrites; DISK ("dm-0") counts its I/O.
# RATE=N: reads and writes each second, for a guest that has no time to lose.
io_start() { # FILE DISK [QUEUE-DEPTH]
	guest_start io "exec fio --name=io --filename=$1 --rw=randrw --bs=4k --direct=1 \
		--ioengine=libaio --iodepth=${3:-8} --rate_iops=${RATE:-20} --time_based \
		--runtime=900 --output=/run/fio --output-format=json"
	IO_STAT=/sys/class/block/$2/stat
	io_goes_on 30
}

# Twenty more I/Os are done within so many seconds.
io_goes_on() { # SECONDS
	guest_becomes "$1" ": \${ab_from=\$(awk '{ print \$1 + \$5 }' $IO_STAT)}
		[ \$(awk '{ print \$1 + \$5 }' $IO_STAT) -ge \$((ab_from + 20)) ] &&
		systemctl is-active -q ab-run-io" ||
		fail "I/O does not go on: $(guest 'systemctl status ab-run-io; cat /run/fio; multipath -ll' 2>&1)"
}

# The end of it: nothing of it failed. Its longest wait, in ms, stands in IO_MAX_MS.
io_end() {
	local json errors
	must_guest 'systemctl kill -s INT ab-run-io'
	must_become_in_guest 60 '! systemctl is-active -q ab-run-io'
	json=$(guest 'cat /run/fio' | sed '/^{/,$!d')
	errors=$(jq '.jobs[0].error' <<<"$json")
	[ "$errors" = 0 ] || fail "fio: error $errors"
	IO_MAX_MS=$(jq '[.jobs[0].read.lat_ns.max, .jobs[0].write.lat_ns.max] | max / 1000000 |
		floor' <<<"$json")
	echo "    I/O: longest wait $IO_MAX_MS ms"
}

# --- releases ----------------------------------------------------------------------

# The session through an iface is there and autobind says why it is kept.
is_kept() { # IFACE TEXT
	ab_json "any(.[]; .iface == \"$1\" and .sid != null and
		(.reason | contains(\"not wanted any more, but kept: $2\")))" sessions
}

# Asks for it, and waits for nothing: a session that is kept would be waited for.
apply_now() {
	guest 'timeout 2 autobind apply' >/dev/null 2>&1
	[ $? -le 124 ] || fail "autobind apply"
}

session_is() { # IFACE STATE
	ab_json "any(.[]; .iface == \"$1\" and .state == \"$2\")" sessions
}

# What the daemon and its helpers occupy, as "autobindd 3412 kB, helpers 1212 kB".
daemon_memory() {
	guest 'main=$(systemctl show -p MainPID --value autobindd)
	for pid in $(pgrep -x autobindd); do
		kb=$(awk "/^VmRSS/ { print \$2 }" /proc/$pid/status)
		[ $pid = $main ] && own=$kb || all=$((all + kb))
	done
	echo "autobindd $own kB, helpers $all kB"'
}
