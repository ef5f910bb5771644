#ifndef NVB_DATA_JSON_H
#define NVB_DATA_JSON_H

/*
 * JSON (RFC 8259) to and from a document.
 *
 * The reader stands on base/json_scan.h and not on json-c, because a message about a file somebody
 * wrote must name line and column of a value that was read long ago, and because the same key twice
 * must be an error: consumers of CDI take the whole file for broken then. json-c tells neither; it
 * is what the tests compare with.
 */

#include "base/error.h"
#include "data/doc.h"

/*
 * Reads the LEN bytes of TEXT, which must be one JSON value and nothing else: no comments, no comma
 * too many, no key twice, no zero character, valid UTF-8, at most NVB_DOC_MAX_BYTES, _DEPTH and
 * _NODES. Whole numbers are exact; those outside 64 bits become reals. NAME is the file's name for
 * errors (NVB_ERROR_CONFIG), which carry line and column. *ret is owned by the caller.
 */
int nvb_json_read(const char *text, size_t len, const char *name, struct nvb_doc *ret,
                  struct nvb_error **err);

enum nvb_json_style {
    NVB_JSON_INDENTED, /* two spaces a level */
    NVB_JSON_COMPACT,  /* one line */
};

/*
 * Appends DOC and a newline. What JSON cannot say (text that is not UTF-8, an infinite number) is
 * an error that shows it; *ret is then as it was.
 */
int nvb_json_write(const struct nvb_doc *doc, enum nvb_json_style style, struct nvb_str *ret,
                   struct nvb_error **err);

#endif
