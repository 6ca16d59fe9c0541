/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A line that is read as an event is written and read again: the same event. What is
 * refused leaves the caller's event alone and points into the line.
 */
#include <stdlib.h>
#include <string.h>

#include "core/evtext.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1), text[AB_EVTEXT_MAX];
	struct ab_event ev, back;
	const char *word = NULL;
	struct ab_text t;

	if (!line)
		abort();
	if (size)
		memcpy(line, data, size);
	line[size] = '\0';
	if (ab_evtext_parse(line, &ev, &word)) {
		if (word < line || word > line + strlen(line))
			abort();
	} else {
		ab_text_init(&t, text, sizeof(text));
		ab_evtext_add(&t, &ev);
		if (t.cut || ab_evtext_parse(text, &back, NULL) ||
		    memcmp(&ev, &back, sizeof(ev)) != 0)
			abort();
	}
	free(line);
	return 0;
}
