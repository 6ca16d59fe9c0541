/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Differential: what core/scan accepts, iniparser must read alike, key by key, value by
 * value, and no key more. LIBS: -liniparser
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <iniparser/iniparser.h>

#include "core/scan.h"
#include "fuzz.h"

#define ENTRIES 512

static int be_silent(const char *fmt, ...)
{
	(void)fmt;
	return 0;
}

static dictionary *load(const uint8_t *data, size_t n)
{
	int fd = memfd_create("fuzz-scan", MFD_CLOEXEC);
	char path[40];
	dictionary *d;

	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	iniparser_set_error_callback(be_silent);
	d = iniparser_load(path);
	(void)close(fd);
	return d;
}

static void compare(const dictionary *d, const struct ab_scan_entry *e)
{
	char name[AB_SCAN_SECTION + AB_SCAN_KEY + 2];
	const char *value;

	(void)snprintf(name, sizeof(name), "%s%s%s", e->section, e->key ? ":" : "",
		       e->key ? e->key : "");
	if (!e->key) {
		if (!iniparser_find_entry(d, name))
			abort();
		return;
	}
	value = iniparser_getstring(d, name, NULL);
	if (!value || strcmp(value, e->value) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ab_diag v[4];
	static struct ab_scan_entry entries[ENTRIES];
	struct ab_scan_list list = { .v = entries, .max = ENTRIES };
	struct ab_diags diags;
	char *text = malloc(size + 1);
	dictionary *d;
	uint32_t i;

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	ab_diags_init(&diags, v, 4);
	if (ab_scan(text, size, 0, &list, &diags) == 0) {
		d = load(data, size);
		if (!d || d->n < 0 || (uint32_t)d->n != list.n)
			abort();
		for (i = 0; i < list.n; i++)
			compare(d, &entries[i]);
		iniparser_freedict(d);
	}
	free(text);
	return 0;
}
