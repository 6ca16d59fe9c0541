/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows, requests and answers to JSON and back, with what strangers may send. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/json.h"

static struct ab_json_names names;

/* What a row looks like after it went through JSON. */
static void round_trip(const struct ab_row *row, struct ab_row *ret_row)
{
	char *text = NULL;

	assert_int_equal(ab_json_encode_row(row, NULL, &text), 0);
	assert_int_equal(ab_json_decode_row(text, strlen(text), &names, ret_row), 0);
	free(text);
}

static void assert_encodes(const struct ab_row *row, const char *expected)
{
	char *text = NULL;

	assert_int_equal(ab_json_encode_row(row, NULL, &text), 0);
	assert_string_equal(text, expected);
	free(text);
}

static void cells_keep_type_value_and_order(void **state)
{
	struct ab_row row, back;
	uint32_t i;

	(void)state;
	ab_row_clear(&row);
	ab_row_text(&row, "z", "text");
	ab_row_number(&row, "a", INT64_MIN);
	ab_row_number(&row, "b", INT64_MAX);
	ab_row_bool(&row, "yes", true);
	ab_row_bool(&row, "no", false);
	ab_row_null(&row, "none");
	ab_row_text(&row, "empty", "");
	assert_encodes(&row,
		       "{\"z\": \"text\", \"a\": -9223372036854775808, "
		       "\"b\": 9223372036854775807, \"yes\": true, \"no\": false, "
		       "\"none\": null, \"empty\": \"\"}");
	round_trip(&row, &back);
	assert_int_equal(back.n_cells, row.n_cells);
	assert_false(back.cut);
	for (i = 0; i < row.n_cells; i++) {
		assert_string_equal(back.cells[i].name, row.cells[i].name);
		assert_int_equal(back.cells[i].kind, row.cells[i].kind);
		if (row.cells[i].kind != AB_CELL_TEXT)
			assert_int_equal(back.cells[i].number, row.cells[i].number);
	}
	assert_string_equal(ab_row_get(&back, "z"), "text");
	assert_string_equal(ab_row_get(&back, "empty"), "");
}

static void hostile_text_survives_or_becomes_harmless(void **state)
{
	static const struct {
		const char *what, *text, *expected;
	} cases[] = {
		{ "JSON's own", "\"}],{\\", "\"}],{\\" },
		{ "controls", "\x01\n\r\t\x1b[2J\x7f", "\x01\n\r\t\x1b[2J\x7f" },
		{ "UTF-8", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
		  "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "lone bytes",
		  "a\xff\xfe"
		  "b",
		  "a%FF%FEb" },
		{ "overlong slash", "\xc0\xaf", "%C0%AF" },
		{ "surrogate", "\xed\xa0\x80", "%ED%A0%80" },
		{ "cut sequence", "ab\xe2\x82", "ab%E2%82" },
		{ "beyond Unicode", "\xf4\x90\x80\x80", "%F4%90%80%80" },
	};
	struct ab_row row, back;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ab_row_clear(&row);
		ab_row_text(&row, "name", cases[i].text);
		round_trip(&row, &back);
		if (strcmp(ab_row_get(&back, "name"), cases[i].expected) != 0)
			fail_msg("%s: \"%s\"", cases[i].what,
				 ab_row_get(&back, "name"));
	}
}

static void every_single_byte_round_trips(void **state)
{
	struct ab_row row, back;
	unsigned int c;

	(void)state;
	for (c = 1; c < 256; c++) {
		char text[2] = { (char)c, '\0' }, expected[4];

		snprintf(expected, sizeof(expected), c < 0x80 ? "%c" : "%%%02X", c);
		ab_row_clear(&row);
		ab_row_foreign(&row, "escaped", text);
		ab_row_text(&row, "raw", text);
		round_trip(&row, &back);
		assert_string_equal(ab_row_get(&back, "raw"), expected);
		assert_string_equal(ab_row_get(&back, "escaped"),
				    ab_row_get(&row, "escaped"));
	}
}

static void full_row_fits_and_too_full_one_says_so(void **state)
{
	char big[AB_ROW_TEXT + 1];
	struct ab_row row, back;
	char *text = NULL;

	(void)state;
	memset(big, '\x01', sizeof(big));
	big[AB_ROW_TEXT - 1] = '\0';
	ab_row_clear(&row);
	ab_row_text(&row, "big", big);
	assert_false(row.cut);
	/* The longest message there can be. */
	assert_int_equal(ab_json_encode_answer(&row, &text), 0);
	assert_true(strlen(text) < AB_MESSAGE_REPLY_MAX);
	free(text);
	round_trip(&row, &back);
	assert_string_equal(ab_row_get(&back, "big"), big);
	assert_false(back.cut);
	ab_row_text(&row, "more", "x");
	assert_true(row.cut);
	round_trip(&row, &back);
	assert_true(back.cut);
}

static void one_cell_can_be_left_out(void **state)
{
	struct ab_row row;
	char *text = NULL;

	(void)state;
	ab_row_clear(&row);
	ab_row_text(&row, "row", "port");
	ab_row_number(&row, "n", 1);
	assert_int_equal(ab_json_encode_row(&row, "row", &text), 0);
	assert_string_equal(text, "{\"n\": 1}");
	free(text);
}

static void row_from_a_stranger_is_bounded(void **state)
{
	static const struct {
		const char *what, *text;
		int r;
		uint32_t n_cells;
		bool cut;
	} cases[] = {
		{ "empty", "{}", 0, 0, false },
		{ "array in it", "{\"a\":[1],\"b\":2}", 0, 1, true },
		{ "object in it", "{\"a\":{\"b\":2}}", 0, 0, true },
		{ "fraction", "{\"a\":1.5}", 0, 0, true },
		{ "cut", "{\"a\":1,\"cut\":true}", 0, 1, true },
		{ "no name", "{\"\":1}", 0, 0, true },
		{ "long name", "{\"abcdefghijklmnopqrstuvwxyzabcdef\":1}", 0, 0, true },
		{ "longest name", "{\"abcdefghijklmnopqrstuvwxyzabcde\":1}", 0, 1,
		  false },
		{ "number too large", "{\"a\":9223372036854775808}", AB_JSON_E_SYNTAX,
		  0, false },
		{ "twice", "{\"a\":1,\"a\":2}", AB_JSON_E_SYNTAX, 0, false },
		{ "array", "[]", AB_JSON_E_SYNTAX, 0, false },
		{ "nothing", "", AB_JSON_E_SYNTAX, 0, false },
		{ "NUL", "{\"a\":\"\\u0000\"}", AB_JSON_E_SYNTAX, 0, false },
		{ "NUL in a name", "{\"a\\u0000\":1}", AB_JSON_E_SYNTAX, 0, false },
		{ "bad UTF-8", "{\"a\":\"\xff\"}", AB_JSON_E_SYNTAX, 0, false },
		{ "lone surrogate", "{\"a\":\"\\ud800\"}", AB_JSON_E_SYNTAX, 0, false },
		{ "deep", "{\"a\":[[[[[1]]]]]}", AB_JSON_E_SYNTAX, 0, false },
		{ "brackets in text", "{\"a\":\"[[[[[[[[[[[[[[\\\"[[[[\"}", 0, 1,
		  false },
	};
	struct ab_row row;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r = ab_json_decode_row(cases[i].text, strlen(cases[i].text), &names,
					   &row);

		if (r != cases[i].r || row.n_cells != cases[i].n_cells ||
		    row.cut != cases[i].cut)
			fail_msg("%s: %d, %u cells, cut %d", cases[i].what, r,
				 row.n_cells, row.cut);
	}
}

static void more_cells_and_names_than_fit_are_dropped(void **state)
{
	static struct ab_json_names few;
	struct ab_row row;
	char text[4096];
	size_t len;
	unsigned int i, round;

	(void)state;
	for (round = 0; round < 8; round++) {
		len = (size_t)snprintf(text, sizeof(text), "{");
		for (i = 0; i < 60; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
						"%s\"r%un%u\":1", i ? "," : "", round,
						i);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "}");
		assert_int_equal(ab_json_decode_row(text, len, &few, &row), 0);
		assert_true(row.cut);
		assert_true(row.n_cells <= AB_ROW_CELLS);
		assert_true(few.n <= AB_JSON_NAMES);
	}
	assert_int_equal(few.n, AB_JSON_NAMES);
	assert_int_equal(row.n_cells, 0);
}

static void request_round_trips(void **state)
{
	struct ab_request req, back;
	char *text = NULL;

	(void)state;
	ab_request_init(&req, "explain");
	assert_true(ab_request_add(&req, "port", "eth0\"\n"));
	assert_true(ab_request_add(&req, "object", ""));
	assert_false(ab_request_add(&req, "port", "again"));
	req.is_more = true;
	assert_int_equal(ab_json_encode_request(&req, &text), 0);
	assert_string_equal(text, "{\"method\":\"explain\",\"parameters\":{\"port\":"
				  "\"eth0\\\"\\n\",\"object\":\"\"},\"more\":true}");
	assert_int_equal(ab_json_decode_request(text, strlen(text), &back), 0);
	free(text);
	assert_string_equal(back.method, "explain");
	assert_true(back.is_more);
	assert_false(back.is_root);
	assert_int_equal(back.n_params, 2);
	assert_string_equal(ab_request_get(&back, "port"), "eth0\"\n");
	assert_string_equal(ab_request_get(&back, "object"), "");
	assert_null(ab_request_get(&back, "none"));
}

static void request_cannot_claim_to_be_root(void **state)
{
	static const char text[] = "{\"method\":\"pause\",\"is_root\":true}";
	struct ab_request req;

	(void)state;
	memset(&req, 0xff, sizeof(req));
	assert_int_equal(ab_json_decode_request(text, sizeof(text) - 1, &req), 0);
	assert_false(req.is_root);
	assert_false(req.is_more);
}

static void parameters_that_do_not_fit_are_refused(void **state)
{
	char text[AB_REQUEST_TEXT * 2];
	struct ab_request req;
	unsigned int i;
	size_t len;

	(void)state;
	len = (size_t)snprintf(text, sizeof(text),
			       "{\"method\":\"a\",\"parameters\":{\"b\":\"%0*d\"}}",
			       AB_REQUEST_TEXT, 0);
	assert_int_equal(ab_json_decode_request(text, len, &req), AB_JSON_E_FORM);
	len = (size_t)snprintf(text, sizeof(text), "{\"method\":\"%0*d\"}",
			       AB_REQUEST_TEXT, 0);
	assert_int_equal(ab_json_decode_request(text, len, &req), AB_JSON_E_FORM);
	len = (size_t)snprintf(text, sizeof(text),
			       "{\"method\":\"a\",\"parameters\":{");
	for (i = 0; i <= AB_REQUEST_PARAMS; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%s\"p%u\":null", i ? "," : "", i);
	memcpy(text + len, "}}", 3);
	/* null is absent; one more value than fits is not. */
	assert_int_equal(ab_json_decode_request(text, len + 2, &req), 0);
	assert_int_equal(req.n_params, 0);
	while (strstr(text, "null"))
		memcpy(strstr(text, "null"), "1234", 4);
	assert_int_equal(ab_json_decode_request(text, len + 2, &req), AB_JSON_E_FORM);
}

static void answers_are_told_apart(void **state)
{
	static struct ab_json_reply reply;
	struct ab_row row;
	char *text = NULL;

	(void)state;
	ab_row_clear(&row);
	ab_row_number(&row, "n", 5);
	assert_int_equal(ab_json_encode_answer(&row, &text), 0);
	assert_int_equal(ab_json_decode_reply(text, strlen(text), &names, &reply), 0);
	assert_false(reply.is_last);
	assert_int_equal(reply.row.cells[0].number, 5);
	free(text);
	assert_int_equal(ab_json_encode_end(&text), 0);
	assert_int_equal(ab_json_decode_reply(text, strlen(text), &names, &reply), 0);
	assert_true(reply.is_last);
	assert_int_equal(reply.error, AB_MESSAGE_ERROR_NONE);
	free(text);
}

static void every_error_comes_back_as_itself(void **state)
{
	static struct ab_json_reply reply;
	char *text = NULL;
	int e;

	(void)state;
	for (e = AB_MESSAGE_ERROR_NONE + 1; e < AB_MESSAGE_ERROR_MAX; e++) {
		assert_int_equal(ab_json_encode_error((enum ab_message_error)e,
						      "no\n\xff", &text),
				 0);
		assert_int_equal(
			ab_json_decode_reply(text, strlen(text), &names, &reply), 0);
		free(text);
		assert_int_equal(reply.error, e);
		assert_true(reply.is_last);
		assert_string_equal(reply.message, "no\n%FF");
	}
	assert_int_equal(ab_message_error_of("org.autobind.FromTheFuture"),
			 AB_MESSAGE_ERROR_INTERNAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_keep_type_value_and_order),
		cmocka_unit_test(hostile_text_survives_or_becomes_harmless),
		cmocka_unit_test(every_single_byte_round_trips),
		cmocka_unit_test(full_row_fits_and_too_full_one_says_so),
		cmocka_unit_test(one_cell_can_be_left_out),
		cmocka_unit_test(row_from_a_stranger_is_bounded),
		cmocka_unit_test(more_cells_and_names_than_fit_are_dropped),
		cmocka_unit_test(request_round_trips),
		cmocka_unit_test(request_cannot_claim_to_be_root),
		cmocka_unit_test(parameters_that_do_not_fit_are_refused),
		cmocka_unit_test(answers_are_told_apart),
		cmocka_unit_test(every_error_comes_back_as_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
