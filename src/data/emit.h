#ifndef NVB_DATA_EMIT_H
#define NVB_DATA_EMIT_H

/*
 * JSON and YAML written piece by piece, for whoever has no document and needs none:
 *
 *     struct nvb_emit e = {.form = NVB_EMIT_YAML, .out = &text};
 *     nvb_emit_map(&e);
 *     nvb_emit_key(&e, "devices");
 *     nvb_emit_list(&e);
 *     nvb_emit_text(&e, "0");
 *     nvb_emit_end(&e);
 *     nvb_emit_end(&e);
 *     r = nvb_emit_finish(&e, err);
 *
 * The calls follow the document's order: one value at the top, a key before each value of a map.
 * A fault is kept and told by nvb_emit_finish().
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/* Maps and lists in one another, at most. Deeper is a fault. */
#define NVB_EMIT_MAX_DEPTH 64

enum nvb_emit_form {
    NVB_EMIT_JSON,    /* two spaces a level */
    NVB_EMIT_COMPACT, /* JSON in one line */
    NVB_EMIT_YAML,    /* block style; quoted wherever a reader could take text for something else */
};

struct nvb_emit_level {
    bool is_map;
    size_t count; /* of what is in it so far */
};

struct nvb_emit {
    struct nvb_str *out; /* borrowed */
    enum nvb_emit_form form;
    /* the rest starts as zeros */
    unsigned depth;
    const char *tag; /* of the value that is next; borrowed */
    char *fault;     /* what the first one is about; owned */
    struct nvb_emit_level levels[NVB_EMIT_MAX_DEPTH];
};

void nvb_emit_map(struct nvb_emit *e);
void nvb_emit_list(struct nvb_emit *e);
void nvb_emit_end(struct nvb_emit *e); /* of the innermost map or list */
void nvb_emit_key(struct nvb_emit *e, const char *key);

/* "!reset": of the value that comes next, which is a map's. A fault elsewhere, and in JSON. */
void nvb_emit_tag(struct nvb_emit *e, const char *tag);

void nvb_emit_null(struct nvb_emit *e);
void nvb_emit_bool(struct nvb_emit *e, bool value);
void nvb_emit_int(struct nvb_emit *e, int64_t value);
void nvb_emit_uint(struct nvb_emit *e, uint64_t value);
void nvb_emit_real(struct nvb_emit *e, double value);     /* not finite: a fault in JSON */
void nvb_emit_text(struct nvb_emit *e, const char *text); /* not UTF-8: a fault */
void nvb_emit_word(struct nvb_emit *e, const char *word); /* YAML only: a plain word as it is */

/* Ends the text with a newline and releases what E owns. Returns 0, or -1 with the first fault. */
int nvb_emit_finish(struct nvb_emit *e, struct nvb_error **err);

#endif
