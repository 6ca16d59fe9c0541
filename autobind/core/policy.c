/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building a set: every value of every file is checked by itself, then each policy is
 * put together from its layers, first to count, then to store.
 */
#include "core/policy.h"

#include <assert.h>
#include <string.h>

#include "core/policy_chap.h"
#include "core/policy_layers.h"
#include "core/policy_value.h"
#include "util/hash.h"

#define DEFAULT_ORIGIN ((struct ab_origin){ UINT32_MAX, 0 })

/* What a policy or a deny list is read into when only its messages count. */
union scratch {
	struct ab_policy policy;
	struct ab_exclude exclude;
};

/* --- each file by itself ---------------------------------------------------------- */

static bool check_section(const struct ab_policy_source *source,
			  const struct ab_scan_entry *e, struct ab_diags *diags)
{
	const struct ab_policy_section *section = ab_policy_section_find(e->section);
	const char *near;

	if (section && section->kinds & 1u << source->kind)
		return true;
	if (section && !section->kinds) {
		ab_diag_error(
			diags, source->file, e->line, "section [", e->section,
			"] is known, but not in this version: remove it until then");
		return false;
	}
	if (section) {
		ab_diag_error(diags, source->file, e->line, "section [", e->section,
			      "] does not belong here, but into ", section->home);
		return false;
	}
	near = ab_policy_section_suggest(e->section, source->kind);
	ab_diag_error(diags, source->file, e->line, "unknown section [", e->section,
		      near ? "]; did you mean [" : "]", near ? near : "",
		      near ? "]?" : "");
	return false;
}

static void unknown_key(const struct ab_policy_source *source,
			const struct ab_scan_entry *e, struct ab_diags *diags)
{
	const char *near = ab_policy_key_suggest(e->section, e->key);
	const char *home = ab_policy_key_home(e->key), *dot = strrchr(e->key, '.');
	struct ab_text t = ab_diag_begin(diags, AB_DIAG_ERROR, source->file, e->line);

	ab_text_add(&t, "unknown key '");
	ab_diag_word(&t, e->key);
	ab_text_add(&t, "' in [");
	ab_diag_word(&t, e->section);
	if (home) {
		ab_text_add(&t, "]: it belongs into [");
		ab_text_add(&t, home);
		ab_text_add(&t, "]");
	} else if (near) {
		ab_text_add(&t, "]; did you mean '");
		ab_text_add(&t, near);
		ab_text_add(&t, "'?");
	} else {
		ab_text_add(&t, "]");
	}
	if (dot && ab_is_digit(dot[1]))
		ab_text_add(&t, " (Key.1 to Key.999 exist for lists only)");
}

static void check_key(const struct ab_policy_source *source,
		      const struct ab_scan_entry *e, struct ab_sink *sink)
{
	struct ab_origin origin = { source->file, e->line };
	union scratch scratch;
	unsigned int number;
	const struct ab_policy_key *key =
		ab_policy_key_find(e->section, e->key, &number);

	if (!key) {
		unknown_key(source, e, sink->diags);
	} else if (key->type == AB_VALUE_LATER) {
		ab_diag_error(
			sink->diags, source->file, e->line, "key '", e->key, "' in [",
			e->section,
			"] is known, but not in this version: remove it until then");
	} else if (e->value[0]) {
		memset(&scratch, 0, sizeof(scratch));
		(void)ab_value_read(sink, key, e->value, origin, &scratch);
	}
}

static void unknown_setting(const struct ab_policy_source *source,
			    const struct ab_scan_entry *e, struct ab_diags *diags)
{
	const char *near = ab_node_setting_suggest(e->key);

	if (ab_starts_with(e->key, "iface.")) {
		ab_diag_error(diags, source->file, e->line, "'", e->key,
			      "' is no setting of node records: the iface record is "
			      "made by [Iface]");
		return;
	}
	ab_diag_error(diags, source->file, e->line, "open-iscsi has no setting '",
		      e->key, near ? "'; did you mean '" : "'", near ? near : "",
		      near ? "'?" : "");
}

static void check_setting(const struct ab_policy_source *source,
			  const struct ab_scan_entry *e, struct ab_sink *sink)
{
	struct ab_origin origin = { source->file, e->line };
	const struct ab_node_setting_key *key = ab_node_setting_find(e->key);

	if (!key)
		unknown_setting(source, e, sink->diags);
	else if (key->type == AB_SETTING_IDENTITY)
		ab_diag_error(
			sink->diags, source->file, e->line, "'", e->key,
			"' is part of what names a node record and cannot be set");
	else if (key->type == AB_SETTING_SECRET)
		ab_diag_error(
			sink->diags, source->file, e->line, "'", e->key,
			"': no passwords in policy files, which are shown and "
			"copied; they belong into a file of mode 0600 below chap/, "
			"which Chap in [Bind] names");
	else if (e->value[0])
		(void)ab_value_check_setting(sink, key, e->value, origin);
}

static void check_source(const struct ab_policy_source *source, struct ab_diags *diags)
{
	struct ab_sink sink = { .diags = diags };
	bool is_section_good = false;
	uint32_t i;

	for (i = 0; i < source->n_entries; i++) {
		const struct ab_scan_entry *e = &source->entries[i];

		if (!e->key)
			is_section_good = check_section(source, e, diags);
		else if (is_section_good && ab_streq(e->section, "Node"))
			check_setting(source, e, &sink);
		else if (is_section_good)
			check_key(source, e, &sink);
	}
}

/* --- putting a policy together ---------------------------------------------------- */

static uint64_t mix(uint64_t hash, const char *text)
{
	uint64_t pair[2] = { hash, ab_hash_content(text, strlen(text)) };

	return ab_hash_content(pair, sizeof(pair));
}

static void note_match(struct ab_policy *p, const struct ab_policy_key *key,
		       struct ab_origin origin)
{
	unsigned int i;

	for (i = 0; i < AB_MATCH_KEY_MAX; i++)
		if (ab_streq(ab_policy_match_key_name((enum ab_match_key)i),
			     key->name) &&
		    !p->match_origin[i].line)
			p->match_origin[i] = origin;
}

static void assemble_key(struct ab_sink *sink, const struct ab_layers *layers,
			 const struct ab_policy_key *key, struct ab_policy *p)
{
	struct ab_part_cursor cursor = { 0 };
	struct ab_part part;
	bool is_given = false;

	p->text_hash = mix(p->text_hash, key->name);
	while (ab_layers_next(layers, key, &cursor, &part)) {
		is_given = true;
		p->text_hash = mix(p->text_hash, part.value);
		if (ab_streq(key->section, "Match"))
			note_match(p, key, part.origin);
		(void)ab_value_read(sink, key, part.value, part.origin, p);
	}
	if (!is_given && key->fallback) {
		p->text_hash = mix(p->text_hash, key->fallback);
		(void)ab_value_read(sink, key, key->fallback, DEFAULT_ORIGIN, p);
	}
}

static void add_setting(struct ab_sink *sink, struct ab_policy *p, const char *name,
			const char *value, struct ab_origin origin)
{
	const char *name_copy = ab_sink_string(sink, name);
	const char *value_copy = ab_sink_string(sink, value);

	if (sink->node_settings)
		sink->node_settings[sink->n_node_settings] =
			(struct ab_node_setting){ name_copy, value_copy, origin };
	if (!p->node_settings.count)
		p->node_settings.first = sink->n_node_settings;
	p->node_settings.count++;
	sink->n_node_settings++;
	p->settings_hash = mix(mix(p->settings_hash, name), value);
	p->text_hash = mix(mix(p->text_hash, name), value);
}

/* Startup stands for two settings; either of them in [Node] is the stronger word. */
static const char *startup_of(const struct ab_layers *layers, const char *name,
			      struct ab_origin *ret_origin)
{
	const struct ab_policy_key *key = ab_layers_key("Bind", "Startup");
	struct ab_part part;

	if (!ab_streq(name, "node.startup") && !ab_streq(name, "node.conn[0].startup"))
		return NULL;
	if (!ab_layers_given(layers, key, &part) || ab_streq(part.value, key->fallback))
		return NULL;
	*ret_origin = part.origin;
	return part.value;
}

static void assemble_settings(struct ab_sink *sink, const struct ab_layers *layers,
			      struct ab_policy *p)
{
	size_t i;

	for (i = 0; i < ab_node_n_setting_keys; i++) {
		const char *name = ab_node_setting_keys[i].name, *value;
		struct ab_origin origin;
		const struct ab_scan_entry *e =
			ab_layers_setting(layers, name, &origin.file);

		if (e) {
			origin.line = e->line;
			add_setting(sink, p, name, e->value, origin);
		} else if ((value = startup_of(layers, name, &origin))) {
			add_setting(sink, p, name, value, origin);
		}
	}
}

/* A changed secret is a changed setting, but no changed text. */
static void assemble_chap(struct ab_sink *sink, struct ab_policy *p)
{
	p->discovery_chap_mark = ab_policy_chap_mark(sink->input, p->discovery_chap);
	if (p->chap[0]) {
		uint64_t pair[2] = { p->settings_hash,
				     ab_policy_chap_mark(sink->input, p->chap) };

		p->settings_hash = ab_hash_content(pair, sizeof(pair));
	}
}

static void assemble(struct ab_sink *sink, const struct ab_layers *layers,
		     struct ab_policy *p)
{
	const struct ab_policy_source *main = layers->own;
	size_t i;

	memset(p, 0, sizeof(*p));
	(void)ab_copy(p->name, sizeof(p->name), main->name); /* its length is checked */
	p->file = main->file;
	for (i = 0; i < ab_policy_n_keys; i++)
		if (ab_policy_key_is_policy(&ab_policy_keys[i]))
			assemble_key(sink, layers, &ab_policy_keys[i], p);
	assemble_settings(sink, layers, p);
	assemble_chap(sink, p);
}

static void assemble_exclude(struct ab_sink *sink, const struct ab_layers *layers,
			     struct ab_exclude *x)
{
	size_t i;

	memset(x, 0, sizeof(*x));
	x->file = layers->own->file;
	for (i = 0; i < ab_policy_n_keys; i++) {
		const struct ab_policy_key *key = &ab_policy_keys[i];
		struct ab_part_cursor cursor = { 0 };
		struct ab_part part;

		if (key->type == AB_VALUE_LATER || !ab_streq(key->section, "Exclude"))
			continue;
		while (ab_layers_next(layers, key, &cursor, &part))
			(void)ab_value_read(sink, key, part.value, part.origin, x);
	}
}

/* --- rules that need all layers --------------------------------------------------- */

/* One of the keys of [Match] must be given. */
static void check_match(const struct ab_layers *layers, struct ab_diags *diags)
{
	struct ab_origin origin = ab_layers_section(layers, "Match");
	struct ab_part part;
	size_t i;

	for (i = 0; i < ab_policy_n_keys; i++)
		if (ab_streq(ab_policy_keys[i].section, "Match") &&
		    ab_policy_keys[i].type != AB_VALUE_LATER &&
		    ab_layers_given(layers, &ab_policy_keys[i], &part))
			return;
	ab_diag_error(
		diags, origin.file, origin.line,
		"no [Match], or nothing in it: say which ports this policy is for; "
		"`Name = *` is every port");
}

static bool has_positive(const struct ab_layers *layers,
			 const struct ab_policy_key *key)
{
	struct ab_part_cursor cursor = { 0 };
	struct ab_part part;
	const char *p;

	while (ab_layers_next(layers, key, &cursor, &part))
		for (p = part.value; *p; p++)
			if (!strchr(" \t,!", *p) && (p == part.value || p[-1] != '!') &&
			    (p == part.value || strchr(" \t,", p[-1])))
				return true;
	return false;
}

static void check_targets(const struct ab_layers *layers, const struct ab_part *action,
			  struct ab_diags *diags)
{
	const struct ab_policy_key *key = ab_layers_key("Portals", "Targets");
	struct ab_part part;

	if (!ab_layers_given(layers, key, &part))
		ab_diag_error(
			diags, action->origin.file, action->origin.line,
			"Action = ", action->value,
			" needs Targets in [Portals]: the names of the targets you "
			"want, as iqn.2001-05.com.example:*; `*` is every target");
	else if (!has_positive(layers, key))
		ab_diag_error(diags, part.origin.file, part.origin.line,
			      "Targets only excludes: write `* ", part.value,
			      "` if you want all others");
}

static void check_policy(const struct ab_policy_input *in,
			 const struct ab_layers *layers, struct ab_diags *diags)
{
	struct ab_origin origin = ab_layers_section(layers, "Bind");
	struct ab_part action;

	check_match(layers, diags);
	ab_policy_chap_check(in, layers, diags);
	if (!ab_layers_given(layers, ab_layers_key("Bind", "Action"), &action)) {
		ab_diag_error(diags, origin.file, origin.line,
			      "no Action in [Bind]: ignore, iface, record or login");
		return;
	}
	if (ab_streq(action.value, "record") || ab_streq(action.value, "login"))
		check_targets(layers, &action, diags);
}

static void check_exclude(const struct ab_layers *layers, struct ab_diags *diags)
{
	static const char *const lists[] = { "Port", "MAC", "Portal" };
	const struct ab_policy_source *source = layers->own;
	const struct ab_policy_key *key;
	bool is_given = false;
	struct ab_part part;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		key = ab_layers_key("Exclude", lists[i]);
		if (!ab_layers_given(layers, key, &part))
			continue;
		is_given = true;
		if (!has_positive(layers, key))
			ab_diag_error(diags, part.origin.file, part.origin.line,
				      lists[i],
				      " only has values with !: name what is excluded, "
				      "then the exceptions");
	}
	if (!is_given)
		ab_diag_error(
			diags, source->file, 1,
			"excludes nothing: [Exclude] needs Port, MAC or Portal; an "
			"empty file is no deny list");
}

/* --- the whole -------------------------------------------------------------------- */

/* Calls @fn for each policy, or each deny list, with its layers and index. */
typedef void layers_fn(void *arg, const struct ab_layers *layers, uint32_t index);

static uint32_t each_layers(const struct ab_policy_input *in, unsigned int kind,
			    layers_fn *fn, void *arg)
{
	struct ab_layers layers = { .globals = in->sources };
	uint32_t i, n = 0;

	while (layers.n_globals < in->n_sources &&
	       in->sources[layers.n_globals].kind == AB_POLICY_GLOBAL)
		layers.n_globals++;
	for (i = layers.n_globals; i < in->n_sources; i++) {
		if (in->sources[i].kind != kind)
			continue;
		layers.own = &in->sources[i];
		layers.n_own = 1;
		while (i + layers.n_own < in->n_sources &&
		       layers.own[layers.n_own].kind == AB_POLICY_DROPIN)
			layers.n_own++;
		fn(arg, &layers, n++);
	}
	return n;
}

struct checking {
	const struct ab_policy_input *in;
	struct ab_diags *diags;
	bool is_partial; /* or a file of GLOBAL is wrong */
};

/* What is missing is told only when nothing is mistyped: it may be the same. */
static bool check_own(const struct checking *c, const struct ab_layers *layers)
{
	uint32_t n_before = c->diags->n_errors, i;

	for (i = 0; i < layers->n_own; i++)
		check_source(&layers->own[i], c->diags);
	return !c->is_partial && c->diags->n_errors == n_before;
}

static void check_one_policy(void *arg, const struct ab_layers *layers, uint32_t index)
{
	const struct checking *c = arg;

	(void)index;
	if (check_own(c, layers))
		check_policy(c->in, layers, c->diags);
}

static void check_one_exclude(void *arg, const struct ab_layers *layers, uint32_t index)
{
	const struct checking *c = arg;

	(void)index;
	if (check_own(c, layers))
		check_exclude(layers, c->diags);
}

static void count_policy(void *arg, const struct ab_layers *layers, uint32_t index)
{
	struct ab_policy scratch;

	(void)index;
	assemble(arg, layers, &scratch);
}

static void count_exclude(void *arg, const struct ab_layers *layers, uint32_t index)
{
	struct ab_exclude scratch;

	(void)index;
	assemble_exclude(arg, layers, &scratch);
}

/* Lies at the start of the block; the set is its first member. */
struct frame {
	struct ab_policy_set set;
	struct ab_policy *policies;
	struct ab_exclude *excludes;
	const char **files;
};

/* Takes @n objects off the block, or only counts when there is none. */
static void *take(char *block, size_t *len, size_t n, size_t size)
{
	void *p = block ? block + *len : NULL;
	size_t align = _Alignof(max_align_t);

	*len += (n * size + align - 1) / align * align;
	return p;
}

/* Runs the count; lays the arrays out in @block, which may be NULL. */
static size_t lay_out(const struct ab_policy_input *in, char *block, struct frame *f,
		      struct ab_sink *sink)
{
	struct ab_diags muted;
	struct ab_sink n = { .diags = &muted, .input = in };
	size_t len = 0;
	uint32_t i;

	ab_diags_init(&muted, NULL, 0);
	f->set.n_policies = each_layers(in, AB_POLICY_MAIN, count_policy, &n);
	f->set.n_excludes = each_layers(in, AB_POLICY_EXCLUDE, count_exclude, &n);
	f->set.n_files = in->n_files;
	for (i = 0; i < in->n_files; i++)
		(void)ab_sink_string(&n, in->files[i]);
	(void)take(block, &len, 1, sizeof(*f));
	f->policies = take(block, &len, f->set.n_policies, sizeof(*f->policies));
	f->excludes = take(block, &len, f->set.n_excludes, sizeof(*f->excludes));
	f->files = take(block, &len, f->set.n_files, sizeof(*f->files));
	sink->words = take(block, &len, n.n_words, sizeof(*sink->words));
	sink->ranges = take(block, &len, n.n_ranges, sizeof(*sink->ranges));
	sink->portals = take(block, &len, n.n_portals, sizeof(*sink->portals));
	sink->portal_origins =
		take(block, &len, n.n_portals, sizeof(*sink->portal_origins));
	sink->statics = take(block, &len, n.n_statics, sizeof(*sink->statics));
	sink->node_settings =
		take(block, &len, n.n_node_settings, sizeof(*sink->node_settings));
	sink->strings = take(block, &len, n.strings_len, 1);
	return len;
}

int ab_policy_check(const struct ab_policy_input *in, struct ab_diags *diags,
		    size_t *ret_size)
{
	uint32_t n_before = diags->n_errors, i;
	struct checking c = { in, diags, in->is_partial };
	struct ab_sink sink = { 0 };
	struct frame f = { 0 };

	for (i = 0; i < in->n_sources && in->sources[i].kind == AB_POLICY_GLOBAL; i++)
		check_source(&in->sources[i], diags);
	if (diags->n_errors != n_before)
		c.is_partial = true;
	(void)each_layers(in, AB_POLICY_MAIN, check_one_policy, &c);
	(void)each_layers(in, AB_POLICY_EXCLUDE, check_one_exclude, &c);
	if (in->is_partial || diags->n_errors != n_before)
		return AB_POLICY_E_REFUSED;
	*ret_size = lay_out(in, NULL, &f, &sink);
	return 0;
}

struct filling {
	struct ab_sink sink;
	struct frame *frame;
	const struct ab_policy_set *previous;
	struct ab_diags *diags;
};

static void fill_policy(void *arg, const struct ab_layers *layers, uint32_t index)
{
	struct filling *fill = arg;
	struct ab_policy *p = &fill->frame->policies[index];
	const struct ab_policy_set *old = fill->previous;
	int i = -1;

	assemble(&fill->sink, layers, p);
	if (old)
		i = ab_policy_find(old, p->name);
	if (i >= 0 && old->policies[i].text_hash == p->text_hash)
		p->changed_generation = old->policies[i].changed_generation;
	else
		p->changed_generation = fill->frame->set.generation;
}

static void fill_exclude(void *arg, const struct ab_layers *layers, uint32_t index)
{
	struct filling *fill = arg;

	assemble_exclude(&fill->sink, layers, &fill->frame->excludes[index]);
}

static void lint_policy(void *arg, const struct ab_layers *layers, uint32_t index)
{
	struct filling *fill = arg;

	ab_policy_lint(&fill->frame->set, index, layers, fill->diags);
}

const struct ab_policy_set *ab_policy_build(const struct ab_policy_input *in,
					    void *block, struct ab_diags *diags)
{
	struct filling fill = { .previous = in->previous, .diags = diags };
	struct frame *f = block;
	struct ab_diags muted;
	uint32_t i;

	ab_diags_init(&muted, NULL, 0);
	memset(f, 0, sizeof(*f));
	(void)lay_out(in, block, f, &fill.sink);
	fill.sink.diags = &muted;
	fill.sink.input = in;
	fill.frame = f;
	f->set.generation = in->previous ? in->previous->generation + 1 : 1;
	for (i = 0; i < in->n_files; i++)
		f->files[i] = ab_sink_string(&fill.sink, in->files[i]);
	(void)each_layers(in, AB_POLICY_MAIN, fill_policy, &fill);
	(void)each_layers(in, AB_POLICY_EXCLUDE, fill_exclude, &fill);
	assert(muted.n_errors == 0); /* ab_policy_check() has accepted it */
	f->set.policies = f->policies;
	f->set.excludes = f->excludes;
	f->set.files = f->files;
	f->set.words = fill.sink.words;
	f->set.ranges = fill.sink.ranges;
	f->set.portals = fill.sink.portals;
	f->set.portal_origins = fill.sink.portal_origins;
	f->set.statics = fill.sink.statics;
	f->set.node_settings = fill.sink.node_settings;
	(void)each_layers(in, AB_POLICY_MAIN, lint_policy, &fill);
	return &f->set;
}
