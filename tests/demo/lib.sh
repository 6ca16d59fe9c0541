# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How the demos tell their story: steps, commands as an administrator would type them, and
# timelines of what autobind did. Needs tests/lib.sh.

if [ -t 1 ]; then
	BOLD=$(printf '\033[1m') DIM=$(printf '\033[2m') OFF=$(printf '\033[0m')
else
	BOLD='' DIM='' OFF=''
fi
N=0
SINCE=0

# --- telling -----------------------------------------------------------------------

# The clock of the machine that autobind runs on.
wall_ms() {
	date +%s%3N
}

# A step: its number, what happens, and why that matters.
scene() { # WHAT WHY
	N=$((N + 1))
	printf '\n%s%2d  %s%s\n    %s\n\n' "$BOLD" $N "$1" "$OFF" "$2"
	SINCE=$(wall_ms)
}

indent() {
	sed '/./s/^/    /'
}

# A command as an administrator would type it, then what it says.
typed() { # COMMAND...
	printf '    %s$ %s%s\n' "$DIM" "$*" "$OFF"
	"$@" 2>&1 | indent
	return "${PIPESTATUS[0]}"
}

autobind() { # VERB...
	ab "$@"
}

# What autobind did since the step began, as it says itself.
timeline() {
	ab --json events | jq -r --argjson since "$SINCE" 'select(.time_ms >= $since)
		| "\(.time_ms - $since) \(.text)"' | while read -r ms text; do
		printf '    %s%+6d ms%s  %s\n' "$DIM" "$ms" "$OFF" "$text"
	done
	echo
}

table() { # the ports of `autobind status`, without its head
	printf '    %s$ autobind status%s\n' "$DIM" "$OFF"
	ab status | sed '1,/^$/d' | indent
}
