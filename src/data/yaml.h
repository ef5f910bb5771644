#ifndef NVB_DATA_YAML_H
#define NVB_DATA_YAML_H

/* YAML to and from a document. Read by libyaml. */

#include "base/error.h"
#include "data/doc.h"

/*
 * Reads the LEN bytes of TEXT, which must hold one YAML document of maps, lists and scalars. Plain
 * scalars mean what the container world's Go parsers take them for (YAML 1.1 and 1.2 together:
 * "yes" and "true" are truth values, "0644" and "0o644" are octal), because those read the same
 * file. Refused: anchors and aliases, merge keys, tags other than !!str, keys that are no scalars,
 * a key twice, a second document, a zero character, bytes that are not UTF-8, and what is over the
 * limits of data/doc.h. NAME is the file's name for errors (NVB_ERROR_CONFIG), which carry line and
 * column.
 */
int nvb_yaml_read(const char *text, size_t len, const char *name, struct nvb_doc *ret,
                  struct nvb_error **err);

/*
 * Appends DOC in block style. Text is quoted wherever any reader could take it for something else
 * ("yes", "0777", "1e3", "2026-01-01"). What is not UTF-8 is an error; *ret is then as it was.
 */
int nvb_yaml_write(const struct nvb_doc *doc, struct nvb_str *ret, struct nvb_error **err);

/*
 * Gives DOC the value that the plain (unquoted) scalar TEXT has; its text is kept as the spelling
 * where that is no string.
 */
void nvb_yaml_resolve(const char *text, struct nvb_doc *doc);

/* Whether plain TEXT is one of the words that are a null, a truth value or a number ("yes"). */
bool nvb_yaml_is_word(const char *text);

#endif
