#ifndef NVB_TESTS_FUZZ_H
#define NVB_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The one function of a target: libFuzzer calls it, and so does replay.c for every file of a corpus
 * where there is no clang. Aborts on what must not be. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
