// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plain main for the fuzz targets: feeds every file of the folders it is given to
 * LLVMFuzzerTestOneInput(), so that what fuzzing once found is tested with any
 * compiler. Each input is handed over in a heap block of exactly its size, for
 * AddressSanitizer. An input that cannot be read, or a folder without inputs, is a
 * failure.
 */
#include <dirent.h>
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fuzz.h"

static void replay(const char *path)
{
	struct stat st;
	uint8_t *data;
	FILE *f = fopen(path, "rb");

	if (!f || fstat(fileno(f), &st) < 0)
		err(1, "%s", path);
	data = malloc(st.st_size > 0 ? (size_t)st.st_size : 1);
	if (!data)
		err(1, "%s", path);
	if (fread(data, 1, (size_t)st.st_size, f) != (size_t)st.st_size)
		err(1, "%s: short read", path);
	(void)fclose(f); /* read only */
	/* The input's name must be known when it ends the program. */
	fprintf(stderr, "replay: %s\n", path);
	(void)LLVMFuzzerTestOneInput(data,
				     (size_t)st.st_size); /* 0 or "not interesting" */
	free(data);
}

static unsigned int replay_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *e;
	unsigned int n = 0;
	char *path;

	if (!dir)
		err(1, "%s", folder);
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		if (asprintf(&path, "%s/%s", folder, e->d_name) < 0)
			err(1, "%s", folder);
		replay(path);
		free(path);
		n++;
	}
	closedir(dir);
	if (n == 0)
		errx(1, "%s: no inputs", folder);
	return n;
}

int main(int argc, char **argv)
{
	unsigned int n = 0;

	if (argc < 2)
		errx(1, "usage: %s FOLDER...", argv[0]);
	for (int i = 1; i < argc; i++)
		n += replay_folder(argv[i]);
	printf("%u inputs\n", n);
	return 0;
}
