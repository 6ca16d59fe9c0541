/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/hash.h"

#include <endian.h>
#include <string.h>

static uint64_t rotl(uint64_t x, unsigned int b)
{
	return x << b | x >> (64 - b);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static uint64_t load_le64(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static void absorb(uint64_t v[4], uint64_t m)
{
	v[3] ^= m;
	sip_round(v);
	sip_round(v);
	v[0] ^= m;
}

uint64_t ab_siphash(const struct ab_hash_key *key, const void *data, size_t n)
{
	const unsigned char *p = data;
	uint64_t v[4] = {
		key->k0 ^ UINT64_C(0x736f6d6570736575),
		key->k1 ^ UINT64_C(0x646f72616e646f6d),
		key->k0 ^ UINT64_C(0x6c7967656e657261),
		key->k1 ^ UINT64_C(0x7465646279746573),
	};
	size_t i;

	for (i = 0; i + 8 <= n; i += 8) {
		uint64_t word;

		memcpy(&word, p + i, 8);
		absorb(v, le64toh(word));
	}
	absorb(v, load_le64(p + i, n - i) | (uint64_t)(n & 0xff) << 56);
	v[2] ^= 0xff;
	for (i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t ab_hash_content(const void *data, size_t n)
{
	static const struct ab_hash_key key = { UINT64_C(0x6175746f62696e64),
						UINT64_C(0x636f6e74656e7431) };

	return ab_siphash(&key, data, n);
}

uint32_t ab_crc32c(uint32_t crc, const void *data, size_t n)
{
	const unsigned char *p = data;
	unsigned int bit;

	crc = ~crc;
	while (n--) {
		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	return ~crc;
}
