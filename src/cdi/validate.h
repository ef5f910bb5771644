#ifndef NVB_CDI_VALIDATE_H
#define NVB_CDI_VALIDATE_H

/* The rules that a consumer applies before it takes a specification. */

#include "cdi/spec.h"

/* The lowest version that SPEC's content needs ("0.3.0" … "1.1.0"); a constant. */
const char *nvb_cdi_needed_version(const struct nvb_cdi_spec *spec);

/* Whether VERSION is one that was published; NULL if not, else the constant of that spelling. */
const char *nvb_cdi_known_version(const char *version);

/* Compares two versions as strcmp() does, number by number. */
int nvb_cdi_compare_versions(const char *a, const char *b);

/*
 * Checks names (vendor, class, device), required fields, doubles, permissions, hook names, absolute
 * paths, and that the declared version is known and not below what the content needs. Returns 0, or
 * -1 with the first fault, naming device and field.
 */
int nvb_cdi_validate(const struct nvb_cdi_spec *spec, struct nvb_error **err);

#endif
