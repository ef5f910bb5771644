#ifndef NVB_CDI_FORMAT_H
#define NVB_CDI_FORMAT_H

/*
 * The fields of a specification's objects, as tables: the reader, the writer and the message about
 * an unknown field all follow them. Private to src/cdi.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nvb_cdi_field_kind {
    NVB_CDI_FIELD_TEXT,        /* char *, NULL when not given */
    NVB_CDI_FIELD_TEXTS,       /* struct nvb_strv */
    NVB_CDI_FIELD_NUMBER,      /* int64_t, -1 when not given */
    NVB_CDI_FIELD_FLAG,        /* int, -1 when not given */
    NVB_CDI_FIELD_IDS,         /* a vector of uint32_t */
    NVB_CDI_FIELD_ANNOTATIONS, /* struct nvb_cdi_annotations */
    NVB_CDI_FIELD_OBJECT,      /* a struct in its place */
    NVB_CDI_FIELD_POINTER,     /* a struct of its own, or NULL */
    NVB_CDI_FIELD_OBJECTS,     /* a vector of structs */
};

struct nvb_cdi_object;

struct nvb_cdi_field {
    const char *name;
    enum nvb_cdi_field_kind kind;
    bool is_required; /* written also when it is empty */
    size_t offset;
    const struct nvb_cdi_object *object; /* of OBJECT, POINTER and OBJECTS */
    int64_t max;                         /* of NUMBER: 0 to this */
};

struct nvb_cdi_object {
    const char *what; /* "a mount", for messages */
    size_t size;
    const struct nvb_cdi_field *fields; /* ends with a NULL name */
};

extern const struct nvb_cdi_object nvb_cdi_spec_object;

/* A vector whose type the tables do not know. Vectors are moved in and out of it by memcpy(). */
struct nvb_cdi_any_vec {
    void *items;
    size_t count;
    size_t cap;
};

#endif
