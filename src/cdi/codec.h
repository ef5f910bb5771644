#ifndef NVB_CDI_CODEC_H
#define NVB_CDI_CODEC_H

/* A specification as text and back. */

#include "cdi/spec.h"
#include "cdi/validate.h"

enum nvb_cdi_format {
    NVB_CDI_JSON,
    NVB_CDI_YAML,
};

/* Appends SPEC as text that ends in a newline. Keys are in the specification's own order. What is
 * not UTF-8 is an error; *ret is then as it was. */
int nvb_cdi_write(const struct nvb_cdi_spec *spec, enum nvb_cdi_format format, struct nvb_str *ret,
                  struct nvb_error **err);

/*
 * Reads a specification of any vendor. NAME is the file's, for errors, which carry line and column.
 * Strict, as consumers are: an unknown field or a wrong type is an error. LEN is at most 16 MiB,
 * nesting at most 32, no YAML anchors.
 */
int nvb_cdi_read(const char *text, size_t len, enum nvb_cdi_format format, const char *name,
                 struct nvb_cdi_spec *ret, struct nvb_error **err);

/*
 * As nvb_cdi_read(), but goes on: appends every fault to *ret, those of the form (unknown fields,
 * wrong types) and, where there are none of these, those of the rules (cdi/validate.h), each with
 * line and column. Returns 0, also with faults, or -1 when TEXT is no JSON or YAML at all.
 */
int nvb_cdi_check(const char *text, size_t len, enum nvb_cdi_format format, const char *name,
                  struct nvb_cdi_faults *ret, struct nvb_error **err);

/* JSON for a NAME that ends in ".json", YAML for ".yaml"; -1 for any other, which consumers of
 * folders pass over. */
int nvb_cdi_format_of(const char *name);

#endif
