/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/view_words.h"

#include <errno.h>
#include <string.h>

#include "core/login_code.h"
#include "core/name.h"
#include "core/proto.h"
#include "core/view.h"

/* --- words --- */

const char *ab_view_port_state(unsigned int state)
{
	static const char *const names[AB_PORT_STATE_MAX] = {
		[AB_PORT_STATE_PENDING] = "PENDING",
		[AB_PORT_STATE_UNTAKEN] = "UNTAKEN",
		[AB_PORT_STATE_EXCLUDED] = "EXCLUDED",
		[AB_PORT_STATE_ENSLAVED] = "ENSLAVED",
		[AB_PORT_STATE_IGNORED] = "IGNORED",
		[AB_PORT_STATE_NOCARRIER] = "NOCARRIER",
		[AB_PORT_STATE_NOADDR] = "NOADDR",
		[AB_PORT_STATE_SEARCHING] = "SEARCHING",
		[AB_PORT_STATE_PARTIAL] = "PARTIAL",
		[AB_PORT_STATE_BOUND] = "BOUND",
		[AB_PORT_STATE_HELD] = "HELD",
	};

	return state < AB_PORT_STATE_MAX ? names[state] : "?";
}

const char *ab_view_owner(enum ab_owner owner)
{
	static const char *const names[AB_OWNER_MAX] = {
		[AB_OWNER_FOREIGN] = "foreign", [AB_OWNER_INTENT] = "intended",
		[AB_OWNER_OURS] = "ours",	[AB_OWNER_MODIFIED] = "modified",
		[AB_OWNER_HELD] = "held",
	};

	return names[owner];
}

const char *ab_view_record_state(const struct ab_record_item *r)
{
	if (r->job)
		return "writing";
	if (!r->is_present)
		return r->ledger == AB_OWNER_HELD ? "removed" : "absent";
	return r->state == AB_RECORD_OK ? "ok" : "broken";
}

struct words {
	int32_t code;
	const char *text;
};

/* Of the network, in the administrator's words. */
static const struct words probe_errors[] = {
	{ ECONNREFUSED, "connection refused" },
	{ EHOSTUNREACH, "no route to host" },
	{ ENETUNREACH, "network is unreachable" },
	{ EPERM, "not permitted (a firewall rule?)" },
	{ EACCES, "not permitted (a firewall rule?)" },
	{ ENOBUFS, "no buffer space" },
	{ EMSGSIZE, "larger than the MTU" },
	{ ENODEV, "no such device" },
	{ EADDRNOTAVAIL, "no source address" },
	{ ENOMEM, "out of memory" },
	{ 0, NULL },
};

/* Of files, and of the helpers that write them. */
static const struct words file_errors[] = {
	{ ENOSPC, "no space left on the disk" },
	{ EDQUOT, "the quota of the disk is used up" },
	{ EROFS, "the file system is read-only" },
	{ EIO, "input/output error of the disk" },
	{ EACCES, "permission denied" },
	{ EPERM, "not permitted" },
	{ EAGAIN, "somebody else holds open-iscsi's lock" },
	{ EBUSY, "somebody else holds open-iscsi's lock" },
	{ ETIMEDOUT, "somebody else holds open-iscsi's lock" },
	{ EINVAL, "a name or value that open-iscsi does not take" },
	{ ENAMETOOLONG, "a name that is too long for a file" },
	{ ENOENT, "a folder of the database is missing" },
	{ ENOTDIR, "a file stands where a folder should be" },
	{ EISDIR, "a folder stands where the record should be" },
	{ EEXIST, "something else stands where the record should be" },
	{ ENOTEMPTY, "the folder holds other files" },
	{ ELOOP, "a symbolic link stands where the record should be" },
	{ EMFILE, "too many open files" },
	{ ENFILE, "too many open files" },
	{ ENOMEM, "out of memory" },
	{ EPIPE, "the helper ended" },
	{ EKEYREJECTED,
	  "the secret file that Chap in [Bind] names is missing or refused; "
	  "see `autobind check`" },
	{ 0, NULL },
};

/* Of iscsiadm and autobind-discover, and of whoever runs them. */
static const struct words child_errors[] = {
	{ ENOENT, "the program does not exist" },
	{ EACCES, "the program may not be executed" },
	{ ENOEXEC, "the program is in no format that this kernel can run" },
	{ ECHILD, "the program was ended by a signal; see the log" },
	{ ETIMEDOUT, "the program did not end in time" },
	{ EFBIG, "the program printed too much" },
	{ EBADMSG, "the program printed something malformed" },
	{ EBUSY, "too many connections or programs at once" },
	{ EAGAIN, "too many connections or programs at once" },
	{ EMFILE, "too many open files" },
	{ ENFILE, "too many open files" },
	{ ENOMEM, "out of memory" },
	{ EIO, "the helper that runs programs ended" },
	{ EPIPE, "the helper that runs programs ended" },
	{ ENOKEY, "the host has no initiator name: start iscsid once, or write "
		  "initiatorname.iscsi" },
	{ 0, NULL },
};

static const char *const discovery_errors[AB_DISCOVERY_CODE_MAX] = {
	[AB_DISCOVERY_USAGE] = "the helper did not take its arguments; see the log",
	[AB_DISCOVERY_SYSTEM] = "no socket or no sandbox on this host; see the log",
	[AB_DISCOVERY_BIND] = "it cannot be bound to the device",
	[AB_DISCOVERY_UNREACHABLE] = "the address is not reachable",
	[AB_DISCOVERY_REFUSED] = "connection refused: no target serves there",
	[AB_DISCOVERY_TIMEOUT] = "no complete answer in time",
	[AB_DISCOVERY_CLOSED] = "the target closed before its answer was complete",
	[AB_DISCOVERY_PROTOCOL] = "the answer is not iSCSI as RFC 7143 has it",
	[AB_DISCOVERY_LIMIT] = "the answer is longer than is accepted",
	[AB_DISCOVERY_DENIED] =
		"the target does not admit this initiator name; see its access list",
	[AB_DISCOVERY_AUTH] = "the target wants CHAP: set Chap in [Portals]",
	[AB_DISCOVERY_BUSY] = "the target says that it is busy or out of order",
	[AB_DISCOVERY_REDIRECT] =
		"the target sends us to another address, which is not followed",
	[AB_DISCOVERY_REJECTED] = "the target rejected the request",
	[AB_DISCOVERY_LOGOUT] = "the target ended the session",
	[AB_DISCOVERY_CHAP] = "the target refused the CHAP name or secret",
	[AB_DISCOVERY_UNPROVEN] =
		"the target could not prove itself by CHAP (username_in, password_in)",
	[AB_DISCOVERY_SECRET] =
		"its secret file is missing or refused; `autobind check` says why",
};

/* Codes come as errno and, from some callers, as -errno. */
static void add_error(struct ab_text *t, const struct words *words, int32_t code)
{
	if (code < 0)
		code = -code;
	for (; words->text && words->code != code; words++)
		continue;
	if (words->text) {
		ab_text_add(t, words->text);
	} else {
		ab_text_add(t, "error ");
		ab_text_addi(t, code);
	}
}

void ab_view_add_probe_error(struct ab_text *t, int32_t code)
{
	add_error(t, probe_errors, code);
}

void ab_view_add_file_error(struct ab_text *t, int32_t code)
{
	add_error(t, file_errors, code);
}

void ab_view_add_discovery_error(struct ab_text *t, int32_t code)
{
	if (code > 0 && code < AB_DISCOVERY_CODE_MAX && discovery_errors[code])
		ab_text_add(t, discovery_errors[code]);
	else
		add_error(t, child_errors, code);
}

void ab_view_add_ms(struct ab_text *t, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	if (ms < 10000 && ms % 1000) {
		ab_text_addi(t, ms);
		ab_text_add(t, " ms");
	} else if (ms < 120 * 1000) {
		ab_text_addi(t, ms / 1000);
		ab_text_add(t, " s");
	} else if (ms < 120 * 60 * 1000) {
		ab_text_addi(t, ms / (60 * 1000));
		ab_text_add(t, " min");
	} else {
		ab_text_addi(t, ms / (60 * 60 * 1000));
		ab_text_add(t, " h");
	}
}

void ab_view_add_foreign(struct ab_text *t, const char *s)
{
	ab_text_add_escaped(t, s, strlen(s));
}

void ab_view_add_origin(struct ab_text *t, const struct ab_policy_set *set,
			const struct ab_origin *o)
{
	if (o->file >= set->n_files) {
		ab_text_add(t, "built-in default");
		return;
	}
	ab_text_add(t, set->files[o->file]);
	ab_text_addc(t, ':');
	ab_text_addu(t, o->line);
}

void ab_view_add_login_error(struct ab_text *t, int32_t code)
{
	const char *words = code > 0 ? ab_login_words(code) : NULL;

	if (words) {
		ab_text_add(t, words);
	} else if (code > 0) {
		ab_text_add(t, "iscsiadm ended with status ");
		ab_text_addi(t, code);
	} else {
		ab_text_add(t, "iscsiadm: ");
		add_error(t, child_errors, code);
	}
}

const char *ab_view_guard(enum ab_guard guard)
{
	static const char *const words[AB_GUARD_MAX] = {
		[AB_GUARD_FREE] = "nothing uses it",
		[AB_GUARD_REDUNDANT] = "its users have other paths",
		[AB_GUARD_LAST_PATH] = "a multipath map would keep fewer paths than "
				       "MinPaths",
		[AB_GUARD_HELD] = "a device stands on it that is no multipath map "
				  "(LVM, md, bcache ...)",
		[AB_GUARD_OPEN] = "it is mounted, swapped on or open",
		[AB_GUARD_BACKSTORE] = "this host exports it as a target",
		[AB_GUARD_ACTIVE] = "I/O is under way",
		[AB_GUARD_RESERVED] = "it has persistent reservations that multipathd "
				      "does not manage",
		[AB_GUARD_ROOT] = "the root file system is on it",
		[AB_GUARD_UNREADABLE] = "what uses it could not be found out",
		[AB_GUARD_CHANGED] = "it is another session by now",
	};

	return words[guard];
}

const char *ab_view_gate(enum ab_gate gate)
{
	static const char *const words[AB_GATE_MAX] = {
		[AB_GATE_OPEN] = "multipathd takes its disks",
		[AB_GATE_NO_MULTIPATHD] = "multipathd does not run: systemctl enable "
					  "--now multipathd, or Multipath=off",
		[AB_GATE_STRICT] = "find_multipaths is strict and multipathd does not "
				   "know its disks: multipath -a DISK, or "
				   "find_multipaths yes",
		[AB_GATE_NOT_TAKEN] =
			"multipathd leaves its disks alone: see blacklist "
			"in multipath.conf",
		[AB_GATE_LOOKING] = "waiting for the first session's disks",
	};

	return words[gate];
}

/* --- notes --- */

static const char *const note_words[AB_NOTE_MAX] = {
	[AB_NOTE_PORT_TAKEN] = "taken by policy",
	[AB_NOTE_PORT_RELEASED] = "no longer taken by policy",
	[AB_NOTE_PORT_GONE] = "gone",
	[AB_NOTE_PORT_RENAMED] = "renamed to",
	[AB_NOTE_PATH_UP] = "answers",
	[AB_NOTE_PATH_DOWN] = "lost",
	[AB_NOTE_FOUND] = "discovered",
	[AB_NOTE_DISCOVERY_FAILED] = "discovery failed",
	[AB_NOTE_IFACE_WRITTEN] = "iface record written",
	[AB_NOTE_NODE_WRITTEN] = "node record written",
	[AB_NOTE_NODE_DELETED] = "node record deleted",
	[AB_NOTE_IFACE_DELETED] = "iface record deleted",
	[AB_NOTE_WRITE_FAILED] = "writing the record failed",
	[AB_NOTE_HELD] = "removed by somebody, held until `autobind apply`",
	[AB_NOTE_MODIFIED] = "changed by somebody, not rewritten any more",
	[AB_NOTE_LOGGED_IN] = "logged in to",
	[AB_NOTE_LOGIN_FAILED] = "login failed to",
	[AB_NOTE_LOGGED_OUT] = "logged out of",
	[AB_NOTE_LOGOUT_REFUSED] = "not logged out of",
	[AB_NOTE_SESSION_LOST] = "lost the connection to",
	[AB_NOTE_SESSION_BACK] = "connected again to",
	[AB_NOTE_SESSION_GONE] = "the session ended with",
	[AB_NOTE_SESSION_HELD] = "logged out by somebody, held until `autobind apply`:",
	[AB_NOTE_GATED] = "kept at one session",
	[AB_NOTE_LIMIT] = "portals left out by MaxPortals",
};

const char *ab_view_note_name(enum ab_note note)
{
	return note_words[note];
}

/* What stands behind the words of a note. */
static void add_note_details(struct ab_text *t, const struct ab_effect *note)
{
	switch ((enum ab_note)note->note.what) {
	case AB_NOTE_PATH_DOWN:
		ab_text_add(t, " (");
		ab_text_add(t, ab_path_state_name((enum ab_path_state)note->note.code));
		ab_text_addc(t, ')');
		break;
	case AB_NOTE_PORT_RELEASED:
		ab_text_add(t, " (");
		ab_text_add(t, ab_view_port_state((unsigned int)note->note.code));
		ab_text_addc(t, ')');
		break;
	case AB_NOTE_FOUND:
		ab_text_addc(t, ' ');
		ab_text_addi(t, note->note.code);
		ab_text_add(t, note->note.code == 1 ? " binding" : " bindings");
		break;
	case AB_NOTE_LIMIT:
		ab_text_add(t, ": ");
		ab_text_addi(t, note->note.code);
		break;
	case AB_NOTE_DISCOVERY_FAILED:
		ab_text_add(t, ": ");
		ab_view_add_discovery_error(t, note->note.code);
		ab_text_add(t, "; asked again, less and less often");
		break;
	case AB_NOTE_WRITE_FAILED:
		ab_text_add(t, ": ");
		ab_view_add_file_error(t, note->note.code);
		break;
	case AB_NOTE_LOGIN_FAILED:
		ab_text_add(t, ": ");
		ab_view_add_login_error(t, note->note.code);
		break;
	case AB_NOTE_LOGOUT_REFUSED:
		ab_text_add(t, ": ");
		ab_text_add(t, ab_view_guard((enum ab_guard)note->note.code));
		break;
	case AB_NOTE_GATED:
		ab_text_add(t, ": ");
		ab_text_add(t, ab_view_gate((enum ab_gate)note->note.code));
		break;
	case AB_NOTE_LOGGED_IN:
	case AB_NOTE_LOGGED_OUT:
	case AB_NOTE_SESSION_LOST:
	case AB_NOTE_SESSION_BACK:
	case AB_NOTE_SESSION_GONE:
	case AB_NOTE_SESSION_HELD:
	case AB_NOTE_PORT_TAKEN:
	case AB_NOTE_PORT_GONE:
	case AB_NOTE_PORT_RENAMED:
	case AB_NOTE_PATH_UP:
	case AB_NOTE_IFACE_WRITTEN:
	case AB_NOTE_NODE_WRITTEN:
	case AB_NOTE_NODE_DELETED:
	case AB_NOTE_IFACE_DELETED:
	case AB_NOTE_HELD:
	case AB_NOTE_MODIFIED:
	case AB_NOTE_MAX:
		break;
	}
}

/* The name is what the note is about, not a part of what happened. */
static bool is_about_name(enum ab_note what)
{
	return what == AB_NOTE_WRITE_FAILED || what == AB_NOTE_HELD ||
	       what == AB_NOTE_MODIFIED || what == AB_NOTE_GATED;
}

void ab_view_note_text(struct ab_text *t, const struct ab_effect *note)
{
	bool is_first = is_about_name((enum ab_note)note->note.what);
	const char *name = note->note.name;

	if (note->note.port[0]) {
		ab_view_add_foreign(t, note->note.port);
		ab_text_add(t, ": ");
	}
	if (*name && is_first) {
		ab_view_add_foreign(t, name);
		ab_text_add(t, note->note.portal.addr.family ? " " : ": ");
	}
	if (note->note.portal.addr.family) {
		ab_name_add_portal(t, &note->note.portal);
		ab_text_add(t, *name && is_first ? ": " : " ");
	}
	ab_text_add(t, note_words[note->note.what]);
	if (*name && !is_first) {
		ab_text_addc(t, ' ');
		ab_view_add_foreign(t, name);
	}
	add_note_details(t, note);
}
