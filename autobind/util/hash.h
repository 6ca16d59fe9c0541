/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hash - SipHash-2-4 for tables, content marks and probe payloads; CRC32C for files.
 */
#ifndef AUTOBIND_UTIL_HASH_H
#define AUTOBIND_UTIL_HASH_H

#include <stddef.h>
#include <stdint.h>

struct ab_hash_key {
	uint64_t k0, k1;
};

/* SipHash-2-4 (Aumasson, Bernstein 2012). */
uint64_t ab_siphash(const struct ab_hash_key *key, const void *data, size_t n);

/* The same under a fixed key: a mark for content that must be equal on every host. */
uint64_t ab_hash_content(const void *data, size_t n);

/* CRC32C (RFC 7143 13.1, RFC 3385); start with 0 and feed the result back in. */
uint32_t ab_crc32c(uint32_t crc, const void *data, size_t n);

#endif
