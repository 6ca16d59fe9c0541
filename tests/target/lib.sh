# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the discovery tests have in common; read after tests/lib.sh.

ME=iqn.2026-01.org.example:me

# Runs the helper in a namespace; its lines stand in $T/out, its words in $T/words, how it
# ended in STATUS and how long it took in TOOK_MS. Pipes, as the daemon gives it; SECRET
# is a file for --chap.
discover() { # NS PORTAL [OPTION...]
	local ns=$1 portal=$2 start
	shift 2
	start=$(now_ms)
	{
		in_ns "$ns" "$B/autobind-discover" --portal "$portal" --initiator "$ME" "$@" \
			2>&3 3<"${SECRET:-/dev/null}" | cat >"$T/out"
		STATUS=${PIPESTATUS[0]}
	} 3> >(cat >"$T/words")
	# shellcheck disable=SC2034 # for the caller
	TOOK_MS=$(($(now_ms) - start))
}

# The answer is whole: status, trailer and number of lines agree.
must_end() { # STATUS
	local n
	[ "$STATUS" -eq "$1" ] || fail "status $STATUS instead of $1: $(cat "$T/words")"
	n=$(grep -c '^P' "$T/out")
	[ "$(tail -n 1 "$T/out")" = "E	$1	$n" ] || fail "trailer: $(tail -n 1 "$T/out")"
	[ "$(wc -l <"$T/out")" -eq $((n + 1)) ] || fail "lines that are no P: $(cat "$T/out")"
}

# The lines P, sorted, as "name portal".
offers() {
	sed -n 's/^P\t\(.*\)\t\(.*\)$/\1 \2/p' "$T/out" | LC_ALL=C sort
}

must_offer() { # LINES
	[ "$(offers)" = "$1" ] || fail "offered: $(offers)"
}

# A target of ours; see tests/rig/hostile_target.py.
rig_start() { # NAME NS MODE ADDRESS PORT [OPTION...]
	local name=$1 ns=$2
	shift 2
	start "$name" ip netns exec "$(ns_name "$ns")" python3 tests/rig/hostile_target.py "$@"
	must_become 10 grep -q ready "$T/$name.log"
}

rig_stop() { # NAME
	end "$1" KILL
	rm "$T/$1.log"
}
