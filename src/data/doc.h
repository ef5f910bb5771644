#ifndef NVB_DATA_DOC_H
#define NVB_DATA_DOC_H

/*
 * A document: what JSON and YAML have in common, as a tree. Both readers make one and both writers
 * take one, so whoever reads or writes a format of its own (a CDI specification, the output of
 * "info --json", an engine's own JSON) does so once, for both.
 *
 * What was read carries its place, from 1, so that a fault found later still names line and column.
 * What is built has line 0.
 *
 *     struct nvb_doc doc = {0};
 *     nvb_doc_put_text(&doc, "kind", "nvidia.com/gpu");       {"kind": "nvidia.com/gpu"}
 *     struct nvb_doc *list = nvb_doc_put(&doc, "devices");
 *     nvb_doc_put_int(nvb_doc_push(list), "index", 0);        … "devices": [{"index": 0}]
 *
 * The address of a member or an item is good until the next one is added to the same map or list.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "base/vec.h"

/* What the readers refuse to go beyond. */
#define NVB_DOC_MAX_BYTES ((size_t)16 << 20)
#define NVB_DOC_MAX_DEPTH 32
#define NVB_DOC_MAX_NODES ((size_t)1 << 20)

enum nvb_doc_type {
    NVB_DOC_NULL,
    NVB_DOC_BOOL,
    NVB_DOC_INT,  /* fits int64_t */
    NVB_DOC_UINT, /* greater than INT64_MAX, fits uint64_t */
    NVB_DOC_REAL,
    NVB_DOC_TEXT,
    NVB_DOC_TIME, /* TOML's dates and times; written as strings */
    NVB_DOC_LIST,
    NVB_DOC_MAP,
};

/* What Compose files say of a value beside the value (only nvb_yaml_read_all() reads it). */
enum nvb_doc_tag {
    NVB_DOC_NO_TAG,
    NVB_DOC_RESET,    /* "!reset": what an earlier file has here goes away */
    NVB_DOC_OVERRIDE, /* "!override": this takes its place, and is not merged into it */
};

struct nvb_doc;
struct nvb_doc_member;
struct nvb_doc_items NVB_VEC(struct nvb_doc);
struct nvb_doc_members NVB_VEC(struct nvb_doc_member);

struct nvb_doc {
    enum nvb_doc_type type;
    unsigned line, column; /* in characters */
    enum nvb_doc_tag tag;
    char *text; /* TEXT: the value. TIME: as RFC 3339 spells it. Another scalar of a YAML file: how
                   it is spelled there ("0x1f"). Else NULL. UTF-8, without zero bytes */
    union {
        bool boolean;
        int64_t integer;
        uint64_t natural;
        double real;
        struct nvb_doc_items list;
        struct nvb_doc_members map;
    };
};

struct nvb_doc_member {
    char *key;
    unsigned line, column; /* of the key */
    struct nvb_doc value;
};

#define _cleanup_doc_ _cleanup_(nvb_doc_done)

/* Releases what DOC owns and leaves it a null. */
void nvb_doc_done(struct nvb_doc *doc);

/* Makes *ret, which must be a null, the same as DOC, places and tags included. */
void nvb_doc_copy(const struct nvb_doc *doc, struct nvb_doc *ret);

/* ---- building ------------------------------------------------------------------------------- */

/* Each replaces what DOC was. */
void nvb_doc_set_bool(struct nvb_doc *doc, bool value);
void nvb_doc_set_int(struct nvb_doc *doc, int64_t value);
void nvb_doc_set_uint(struct nvb_doc *doc, uint64_t value);
void nvb_doc_set_real(struct nvb_doc *doc, double value);
void nvb_doc_set_text(struct nvb_doc *doc, const char *text); /* NULL: a null */
void nvb_doc_set_time(struct nvb_doc *doc, const char *text);
void nvb_doc_set_list(struct nvb_doc *doc);
void nvb_doc_set_map(struct nvb_doc *doc);

/* Appends a null under KEY, which must not be there yet, or to the list, and returns it, borrowed.
 * A null in the place of the map or list becomes one. */
struct nvb_doc *nvb_doc_put(struct nvb_doc *map, const char *key);
struct nvb_doc *nvb_doc_push(struct nvb_doc *list);

/* The value under KEY, to be changed; a null is put there where there is none. */
struct nvb_doc *nvb_doc_at(struct nvb_doc *map, const char *key);

void nvb_doc_put_bool(struct nvb_doc *map, const char *key, bool value);
void nvb_doc_put_int(struct nvb_doc *map, const char *key, int64_t value);
void nvb_doc_put_uint(struct nvb_doc *map, const char *key, uint64_t value);
void nvb_doc_put_text(struct nvb_doc *map, const char *key, const char *text); /* NULL: a null */
void nvb_doc_put_strv(struct nvb_doc *map, const char *key, const struct nvb_strv *texts);

/* ---- looking -------------------------------------------------------------------------------- */

/* The value under KEY, borrowed, or NULL: also where MAP is no map or NULL itself. */
const struct nvb_doc *nvb_doc_find(const struct nvb_doc *map, const char *key);

/* The text under KEY, borrowed, or NULL where there is none or it is no text. */
const char *nvb_doc_find_text(const struct nvb_doc *map, const char *key);

/*
 * Follows PATH ("devices[2].containerEdits.env[0]") as far as it goes and returns the last value
 * met, borrowed: the value itself, or the one that lacks it.
 */
const struct nvb_doc *nvb_doc_locate(const struct nvb_doc *doc, const char *path);

/* "a list", "a string" …, for messages. A constant. */
const char *nvb_doc_type_name(enum nvb_doc_type type);

/* The first key that stands in MAP a second time, borrowed, or NULL. */
const struct nvb_doc_member *nvb_doc_find_duplicate(const struct nvb_doc *map);

#endif
