/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy_chap.h"

#include <string.h>

#include "util/hash.h"

/* The file's row, the folder's with @name "", or NULL. */
static const struct ab_policy_chap *find(const struct ab_policy_input *in,
					 const char *name)
{
	uint32_t i;

	for (i = 0; i < in->n_chaps; i++)
		if (ab_streq(in->chaps[i].name, name))
			return &in->chaps[i];
	return NULL;
}

uint64_t ab_policy_chap_mark(const struct ab_policy_input *in, const char *name)
{
	const struct ab_policy_chap *file = find(in, name);
	const char *stamp = file && file->state == AB_CHAP_GOOD ? file->stamp : "";
	uint64_t pair[2];

	if (!*name)
		return 0;
	pair[0] = ab_hash_content(name, strlen(name));
	pair[1] = ab_hash_content(stamp, strlen(stamp));
	return ab_hash_content(pair, sizeof(pair));
}

/* "Chap = san1: PATH", to be gone on with. */
static struct ab_text begin(struct ab_diags *diags, enum ab_diag_severity severity,
			    const struct ab_part *part, const char *path)
{
	struct ab_text t =
		ab_diag_begin(diags, severity, part->origin.file, part->origin.line);

	ab_text_add(&t, "Chap = ");
	ab_diag_word(&t, part->value);
	ab_text_add(&t, ": ");
	ab_text_add(&t, path);
	return t;
}

static void check_file(const struct ab_policy_chap *file, const struct ab_part *part,
		       struct ab_diags *diags)
{
	struct ab_text t;

	if (file->state == AB_CHAP_GOOD)
		return;
	t = begin(diags,
		  file->state == AB_CHAP_REFUSED ? AB_DIAG_ERROR : AB_DIAG_WARNING,
		  part, file->path);
	if (file->state == AB_CHAP_UNSEEN)
		ab_text_add(&t, " was not looked at:");
	ab_text_addc(&t, ' ');
	ab_text_add(&t, file->why);
}

static void check_key(const struct ab_policy_input *in, const struct ab_layers *layers,
		      const char *section, struct ab_diags *diags)
{
	const struct ab_policy_chap *folder = find(in, ""), *file;
	struct ab_part part;
	struct ab_text t;

	if (!ab_layers_given(layers, ab_layers_key(section, "Chap"), &part) || !folder)
		return;
	file = find(in, part.value);
	if (file) {
		check_file(file, &part, diags);
	} else if (folder->state == AB_CHAP_GOOD) {
		t = begin(diags, AB_DIAG_ERROR, &part, folder->path);
		ab_text_add(&t, " has no such file: make one of mode 0600 with "
				"username and password");
	} else {
		check_file(folder, &part, diags);
	}
}

/* Two words about the same: one of them would be lost without a sign. */
static void check_node(const struct ab_layers *layers, struct ab_diags *diags)
{
	size_t i;
	struct ab_part part;

	if (!ab_layers_given(layers, ab_layers_key("Bind", "Chap"), &part))
		return;
	for (i = 0; i < ab_node_n_setting_keys; i++) {
		const char *name = ab_node_setting_keys[i].name;
		const struct ab_scan_entry *e;
		uint32_t file;

		if (!ab_starts_with(name, "node.session.auth."))
			continue;
		e = ab_layers_setting(layers, name, &file);
		if (e)
			ab_diag_error(diags, file, e->line, "'", name,
				      "' comes from the file that Chap in [Bind] "
				      "names: remove one of the two");
	}
}

void ab_policy_chap_check(const struct ab_policy_input *in,
			  const struct ab_layers *layers, struct ab_diags *diags)
{
	check_key(in, layers, "Bind", diags);
	check_key(in, layers, "Portals", diags);
	check_node(layers, diags);
}
