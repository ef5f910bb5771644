#ifndef NVB_CONFIG_TOML_H
#define NVB_CONFIG_TOML_H

/*
 * TOML 1.0 read into a struct nvb_doc, each key and value with its line and column. The grammar is
 * toml++'s; in front of it stands a scan of our own (toml_scan.c) for what a library should not be
 * trusted with: size, bytes that are not UTF-8, and nesting, which it would follow by recursion.
 *
 * Members stand in the order of the file. A date or a time is a NVB_DOC_TIME. A string that holds
 * a zero byte (\u0000) is refused: nothing that nvbind does with a text could keep it.
 */

#include <stddef.h>

#include "base/error.h"
#include "data/doc.h"

/* A configuration is a page. What is larger was not written by a person and is not read. */
#define NVB_TOML_MAX_BYTES ((size_t)1 << 20)

/*
 * Reads TEXT (LEN bytes, need not end in a zero) and makes *ret a map. NAME is the file's name for
 * messages. Returns 0, or -1 with one configuration error that has NAME, line and column; *ret is
 * then untouched.
 */
int nvb_toml_read(const char *text, size_t len, const char *name, struct nvb_doc *ret,
                  struct nvb_error **err);

#endif
