#ifndef NVB_DATA_YAML_H
#define NVB_DATA_YAML_H

/*
 * YAML to and from a document. Read by libyaml.
 *
 * Two readers: nvb_yaml_read() for files of ours and of CDI, which hold one plain document, and
 * nvb_yaml_read_all() for what people keep for Compose and Kubernetes. Both end in one error with
 * line and column, within a second and 64 MiB, whatever they are given.
 */

#include "base/error.h"
#include "data/doc.h"

/* What the readers refuse to go beyond, with NVB_DOC_MAX_BYTES; keys count as values. Aliases count
 * as what they stand for. */
#define NVB_YAML_MAX_NODES   ((size_t)1 << 18)
#define NVB_YAML_MAX_DEPTH   64
#define NVB_YAML_MAX_ANCHORS 4096
#define NVB_YAML_MAX_TEXT    ((size_t)4 << 20) /* one scalar */

/*
 * Reads the LEN bytes of TEXT, which must hold one YAML document of maps, lists and scalars. Plain
 * scalars mean what the container world's Go parsers take them for (YAML 1.1 and 1.2 together:
 * "yes" and "true" are truth values, "0644" and "0o644" are octal), because those read the same
 * file. Refused: anchors and aliases, merge keys, tags other than !!str, keys that are no scalars,
 * a key twice, a second document, a zero character, bytes that are not UTF-8, and what is over the
 * limits. NAME is the file's name for errors (NVB_ERROR_CONFIG), which carry line and
 * column.
 */
int nvb_yaml_read(const char *text, size_t len, const char *name, struct nvb_doc *ret,
                  struct nvb_error **err);

/* What nvb_yaml_read_all() takes beside what nvb_yaml_read() does. */
struct nvb_yaml_options {
    bool aliases; /* anchors, aliases, and merge keys ("<<: *base", "<<: [*a, *b]"): the document
                     has what they stand for, with the places of where that is written. A key of a
                     map's own goes before one that is merged in, and of two that are merged the
                     first. An alias inside its own anchor is refused. */
    bool tags;    /* !!map, !!seq, !!null, !!bool, !!int and !!float, held against the value, and
                     Compose's !reset and !override (the value's tag). Others are refused. */
    bool many;    /* more than one document */
};

struct nvb_docs NVB_VEC(struct nvb_doc);

#define _cleanup_docs_ _cleanup_(nvb_docs_done)

/* Releases the documents and what they own. */
void nvb_docs_done(struct nvb_docs *docs);

/*
 * Reads every document of TEXT; at least one (an empty one is a null). As nvb_yaml_read() in all
 * that OPTIONS do not say otherwise. Readers of YAML disagree on what plain words mean: where a
 * value must be text, take the spelling ("restart: no", "FOO: 0644"), which is the value's text
 * whatever its type is. Owned: nvb_docs_done().
 */
int nvb_yaml_read_all(const char *text, size_t len, const char *name,
                      const struct nvb_yaml_options *options, struct nvb_docs *ret,
                      struct nvb_error **err);

/*
 * The same for the file PATH: a regular file, a pipe, "-" for the standard input. Not more than
 * NVB_DOC_MAX_BYTES are read. The name in errors is PATH, or "standard input".
 */
int nvb_yaml_read_path(const char *path, const struct nvb_yaml_options *options,
                       struct nvb_docs *ret, struct nvb_error **err);

/*
 * Appends DOC in block style. Text is quoted wherever any reader could take it for something else
 * ("yes", "0777", "1e3", "2026-01-01"). What is not UTF-8 is an error; *ret is then as it was. A
 * tag is written for the values of maps.
 */
int nvb_yaml_write(const struct nvb_doc *doc, struct nvb_str *ret, struct nvb_error **err);

/* The same for what was read and goes on to another reader: a plain word that is no string stays
 * spelled as it was ("0777", "1e3", "yes", "~"), because readers disagree on what it means. */
int nvb_yaml_write_as_read(const struct nvb_doc *doc, struct nvb_str *ret, struct nvb_error **err);

/*
 * Gives DOC the value that the plain (unquoted) scalar TEXT has; its text is kept as the spelling
 * where that is no string.
 */
void nvb_yaml_resolve(const char *text, struct nvb_doc *doc);

/* Whether plain TEXT is one of the words that are a null, a truth value or a number ("yes"). */
bool nvb_yaml_is_word(const char *text);

#endif
