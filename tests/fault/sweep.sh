# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The store's write jobs, disturbed at one system call after the other: what the sweeps of
# this folder share, read after tests/lib.sh.
#
# A case is a folder as it is before (T/CASE.old), one job, and the record before and after
# it. The oracle is the same for each disturbance: the record is the old or the new one,
# never anything else; after a restart the ledger says what is there; once the disturbance
# is over, the same job reaches its aim.
#
# strace counts "when=" for each system call apart, so pairs (call, occurrence) are swept:
# a count over all calls would end after a handful.

# Begins the test again in a mount namespace of its own, with its folders in memory: a real
# disk's fsync would take most of the time, and nothing here cuts the power.
in_memory() {
	if [ -z "${SWEEP_IN_MEMORY-}" ]; then
		need_root
		SWEEP_IN_MEMORY=1 exec unshare -m "$0"
	fi
	mount -t tmpfs -o mode=0700 tmpfs "${TMPDIR:=/tmp}" || fail "no tmpfs"
	export TMPDIR
}

TOOL=$B/tests/tools/storetool
TARGET=iqn.2020-01.com.example:t1
NODE="$TARGET 10.0.0.1:3260,1 ab-x"
RECORD=db/nodes/$TARGET/10.0.0.1,3260,1/ab-x
SETTING=node.session.timeo.replacement_timeout=7

# What strace needs of us: it cannot be traced together with LeakSanitizer.
export ASAN_OPTIONS="${ASAN_OPTIONS-abort_on_error=1}:detect_leaks=0"

declare -A JOB=(
	[create]="node-write $NODE $SETTING"
	[update]="node-update $NODE $SETTING"
	[delete]="node-delete $NODE"
)
declare -A OLD NEW OLD_HASH NEW_HASH # text of the record, "" for none; its mark

text_of() { # DIR: sets TEXT
	TEXT=
	[ -e "$1/$RECORD" ] && TEXT=$(<"$1/$RECORD")
	return 0
}

# What the store says after a start: sets FOUND and OWNED, the marks of the record and of
# its ledger entry, "" for none.
restart() { # DIR
	local word hash state rest
	FOUND='' OWNED=''
	"$TOOL" "$1" dump >"$T/dump" 2>"$T/dump.log" || fail "the store does not start"
	while read -r word hash state rest; do
		[[ $rest == "$TARGET"* ]] || continue
		case $word in
		node) [ "$state" = ok ] && FOUND=$hash || FOUND="broken" ;;
		ledger) [ "$state" = ours ] && OWNED=$hash || OWNED=$state ;;
		esac
	done <"$T/dump"
}

make_case() { # CASE
	local d=$T/$1.old
	mkdir -p "$d/db" "$d/lock" "$d/run"
	printf 'node.session.queue_depth = 64\n' >"$d/iscsid.conf"
	"$TOOL" "$d" "iface-write ab-x eth0" >"$T/out" || fail "no iface record"
	[ "$1" = create ] || "$TOOL" "$d" "node-write $NODE" >"$T/out" || fail "no node record"
	text_of "$d"
	OLD[$1]=$TEXT
	restart "$d"
	OLD_HASH[$1]=$FOUND
	cp -a "$d" "$T/$1.new"
	"$TOOL" "$T/$1.new" "${JOB[$1]}" >"$T/out"
	grep -q '^done 1 DONE 0 ' "$T/out" || fail "$1 does not even work undisturbed"
	text_of "$T/$1.new"
	NEW[$1]=$TEXT
	restart "$T/$1.new"
	NEW_HASH[$1]=$FOUND
	[ "${OLD[$1]}" != "${NEW[$1]}" ] || fail "$1 changes nothing"
}

# Lines "CALL FIRST LAST": the occurrences of each system call of the job itself, without
# those of the program's own start and end.
calls_of() { # CASE [CALL...]
	local case=$1
	shift
	rm -rf "$T/trace"
	cp -a "$T/$case.old" "$T/trace"
	strace -qq -o "$T/strace" "$TOOL" "$T/trace" "${JOB[$case]}" >"$T/out" 2>"$T/err.log" ||
		fail "strace: $(cat "$T/err.log")"
	awk -F'(' -v only=" $* " '
		{ n[$1]++ }
		!inside && $1 != "shutdown" { before[$1]++ }
		$1 == "shutdown" { inside = 1 }
		END {
			for (c in n)
				if (n[c] > before[c] && c !~ /^(exit_group|shutdown|\+\+\+)/ &&
				    (only == "  " || index(only, " " c " ")))
					print c, before[c] + 1, n[c]
		}' "$T/strace" | sort
}

# One run with INJECTION. Sets STATUS; output in T/out.
disturb() { # CASE CALL INJECTION
	D=$T/run
	rm -rf "$D"
	cp -a "$T/$1.old" "$D"
	# In braces, so that bash keeps "Killed" to itself.
	{
		strace -qq -o /dev/null -e "trace=$2" -e "inject=$2:$3" \
			"$TOOL" "$D" "${JOB[$1]}" >"$T/out" 2>"$T/err.log"
		# shellcheck disable=SC2034 # for the caller
		STATUS=$?
	} 2>/dev/null
}

# The oracle; WHERE is for the message. Sets BECAME to old or new.
judge() { # CASE WHERE
	text_of "$D"
	case $TEXT in
	"${OLD[$1]}") BECAME=old ;;
	"${NEW[$1]}") BECAME=new ;;
	*) fail "$2: the record is neither the old nor the new one: $TEXT" ;;
	esac
	restart "$D"
	[ -e "$D/state/ledger.bad-1" ] && fail "$2: torn ledger"
	if [ "$BECAME" = new ]; then
		[ "$FOUND" = "${NEW_HASH[$1]}" ] || fail "$2: record reads as '$FOUND'"
		# A deleted record's entry goes after it.
		[ "$OWNED" = "$FOUND" ] || { [ "$1" = delete ] && [ "$OWNED" = "${OLD_HASH[$1]}" ]; } ||
			fail "$2: new record, ledger says '$OWNED'"
	else
		[ "$FOUND" = "${OLD_HASH[$1]}" ] || fail "$2: record reads as '$FOUND'"
		[ "$OWNED" = "$FOUND" ] || fail "$2: old record, ledger says '$OWNED'"
	fi
	compgen -G "$D/db/.autobind*" >/dev/null && fail "$2: temporary file left"
	return 0
}

# The disturbance is over; a killed writer's lock would be stale after a minute.
converge() { # CASE WHERE
	rm -f "$D/lock/lock.write"
	"$TOOL" "$D" "${JOB[$1]}" >"$T/out" 2>"$T/err.log" || fail "$2: second run fails"
	text_of "$D"
	[ "$TEXT" = "${NEW[$1]}" ] || fail "$2: does not reach its aim: $(cat "$T/out")"
	restart "$D"
	[ "$OWNED" = "${NEW_HASH[$1]}" ] || fail "$2: in the end the ledger says '$OWNED'"
}
