/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a fuzz target tests/fuzz/fuzz_NAME.c defines; libFuzzer or replay_main.c calls
 * it. */
#ifndef AUTOBIND_TESTS_FUZZ_H
#define AUTOBIND_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
