/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chap - names and secrets for CHAP (RFC 7143 12.1.3, RFC 1994), as a file holds them.
 *
 * A secret file is a few lines:
 *
 *	username = host1		password = our secret
 *	username_in = array1		password_in = the target's secret
 *	algorithms = SHA256,MD5
 *
 * Blank lines and lines that begin with # count for nothing; everything else behind the
 * first = is the value, # included. Must not know: where files are, who may read them
 * (io/chap). Whoever fills a struct ab_chap wipes it. No message ever has a value.
 */
#ifndef AUTOBIND_CORE_CHAP_H
#define AUTOBIND_CORE_CHAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AB_CHAP_NAME 64		 /* of a file below chap/, with its NUL */
#define AB_CHAP_FILE_MAX 4096	 /* bytes of a file */
#define AB_CHAP_SECRET 256	 /* open-iscsi keeps 255 bytes */
#define AB_CHAP_ALGORITHMS 40	 /* text of the list */
#define AB_CHAP_ALGORITHMS_MAX 4 /* of a list */

/* As IANA and RFC 7143 number them; the words are those of open-iscsi. */
enum ab_chap_algorithm {
	AB_CHAP_MD5 = 5,
	AB_CHAP_SHA1 = 6,
	AB_CHAP_SHA256 = 7,
	AB_CHAP_SHA3_256 = 8,
};

struct ab_chap {
	char username[AB_CHAP_SECRET], password[AB_CHAP_SECRET];
	/* The target's, by which it proves itself; "": it need not. Both or none. */
	char username_in[AB_CHAP_SECRET], password_in[AB_CHAP_SECRET];
	char algorithms[AB_CHAP_ALGORITHMS]; /* as open-iscsi writes them; "": any */
};

/* What is wrong with a file. */
enum ab_chap_reason {
	AB_CHAP_R_NONE,
	AB_CHAP_R_BINARY, /* a NUL byte */
	AB_CHAP_R_NO_EQUALS,
	AB_CHAP_R_UNKNOWN_KEY,
	AB_CHAP_R_TWICE,
	AB_CHAP_R_BAD_VALUE,   /* none that open-iscsi would take */
	AB_CHAP_R_NO_USER,     /* username or password is missing */
	AB_CHAP_R_HALF,	       /* username_in without password_in, or the other way */
	AB_CHAP_R_SAME_SECRET, /* both ways the same: RFC 7143 12.1.3 forbids it */
	AB_CHAP_R_MAX
};

/* May it name a file below chap/: letters, digits, '.', '_', '-', no dot first? */
bool ab_chap_is_name(const char *name);

/**
 * ab_chap_parse() - read a secret file
 * @chap:     filled; all zeros when something is wrong
 * @text:     the file's content
 * @n:        its length
 * @ret_line: line of the mistake from 1; 0: the file as a whole
 *
 * Return: AB_CHAP_R_NONE or what is wrong.
 */
enum ab_chap_reason ab_chap_parse(struct ab_chap *chap, const char *text, size_t n,
				  uint32_t *ret_line);

/* "unknown key", ...: never NULL, never a part of the file. */
const char *ab_chap_reason_text(enum ab_chap_reason reason);

static inline bool ab_chap_is_mutual(const struct ab_chap *chap)
{
	return chap->password_in[0] != '\0';
}

/**
 * ab_chap_algorithms() - hash algorithms in order of preference
 * @chap: whose list counts; without one SHA1, MD5, SHA256, SHA3-256. Targets take the
 *        first that they know, and those that come from IET (tgt) take 7, which is
 *        SHA256, for SHA1 (measured with tgt 1.0.85): so 7 stands behind what all know
 * @v:    AB_CHAP_ALGORITHMS_MAX enum ab_chap_algorithm
 *
 * Return: how many.
 */
unsigned int ab_chap_algorithms(const struct ab_chap *chap, uint8_t *v);

/* Nothing of it is left in memory. */
void ab_chap_wipe(struct ab_chap *chap);

#endif
