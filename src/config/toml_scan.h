#ifndef NVB_CONFIG_TOML_SCAN_H
#define NVB_CONFIG_TOML_SCAN_H

/* Between the two halves of the TOML reader; nobody else needs it. */

#include <stddef.h>

#include "base/error.h"
#include "config/toml.h"

/*
 * Refuses what must not reach the library: more than NVB_TOML_MAX_BYTES, bytes that are not UTF-8,
 * brackets or dotted keys more than NVB_DOC_MAX_DEPTH deep. Returns 0, or -1 with an error that has
 * NAME, line and column.
 */
int nvb_toml_scan(const char *text, size_t len, const char *name, struct nvb_error **err);

/* The library's half. TEXT has passed nvb_toml_scan(). */
int nvb_toml_build(const char *text, size_t len, const char *name, struct nvb_doc *ret,
                   struct nvb_error **err);

#endif
