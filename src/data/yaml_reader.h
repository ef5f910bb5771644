#ifndef NVB_DATA_YAML_READER_H
#define NVB_DATA_YAML_READER_H

/* What the parts of the YAML reader share: yaml_read.c walks the events, yaml_anchor.c has what
 * anchors, aliases and merge keys stand for. */

#include <yaml.h>

#include "data/yaml.h"

struct nvb_yaml_anchor {
    char *name;
    bool open; /* its value is still being read */
    size_t nodes, bytes;
    unsigned height;
    struct nvb_doc value;
};

struct nvb_yaml_anchors NVB_VEC(struct nvb_yaml_anchor); /* sorted by name */

struct nvb_yaml_reader {
    yaml_parser_t parser;
    const char *name;
    struct nvb_yaml_options options;
    unsigned max_depth;
    size_t nodes; /* read, or repeated by an alias, so far */
    size_t bytes; /* of text, which an alias repeats as well */
    struct nvb_yaml_anchors anchors;
    struct nvb_error **err;
};

/* Makes the error MESSAGE, with HINT unless that is NULL, at MARK. Returns -1. */
int nvb_yaml_fail(struct nvb_yaml_reader *r, const yaml_mark_t *mark, const char *message,
                  const char *hint);

/* Counts a value with so many BYTES of text. */
int nvb_yaml_count(struct nvb_yaml_reader *r, const yaml_mark_t *mark, size_t nodes, size_t bytes);

/* The value that follows at MARK is called NAME, from nvb_yaml_anchor_end() on. */
int nvb_yaml_anchor_begin(struct nvb_yaml_reader *r, const yaml_mark_t *mark, const char *name);
int nvb_yaml_anchor_end(struct nvb_yaml_reader *r, const yaml_mark_t *mark, const char *name,
                        const struct nvb_doc *value);

/* Makes *ret, a null, what the alias in EVENT stands for. */
int nvb_yaml_alias(struct nvb_yaml_reader *r, const yaml_event_t *event, unsigned depth,
                   struct nvb_doc *ret);

/* Puts what a "<<" has for its value into MAP. FROM is used up. */
int nvb_yaml_merge(struct nvb_yaml_reader *r, struct nvb_doc *from, struct nvb_doc *map);

void nvb_yaml_anchors_done(struct nvb_yaml_anchors *anchors);

#endif
