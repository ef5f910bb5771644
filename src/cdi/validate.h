#ifndef NVB_CDI_VALIDATE_H
#define NVB_CDI_VALIDATE_H

/* The rules that a consumer applies before it takes a specification. */

#include "cdi/need.h"
#include "cdi/spec.h"

/* One rule that is broken. */
struct nvb_cdi_fault {
    char *
        where; /* "devices[0].containerEdits.mounts[2].hostPath", or NULL where the place says it */
    char *what;            /* the rule and what stands there instead; one line */
    char *hint;            /* or NULL */
    unsigned line, column; /* from 1, 0 where the specification was not read from a file */
};

struct nvb_cdi_faults NVB_VEC(struct nvb_cdi_fault);

#define _cleanup_cdi_faults_ _cleanup_(nvb_cdi_faults_done)

/* A file of a million faults is told about as well as one of a hundred. */
#define NVB_CDI_MAX_FAULTS 100

void nvb_cdi_faults_done(struct nvb_cdi_faults *faults);

/* Appends the faults of SPEC, of which nvb_cdi_validate() tells the first, until there are
 * NVB_CDI_MAX_FAULTS. */
void nvb_cdi_find_faults(const struct nvb_cdi_spec *spec, struct nvb_cdi_faults *ret);

/*
 * Checks names (vendor, class, device), required fields, doubles, permissions, hook names, absolute
 * paths, and that the declared version is known and not below what the content needs. Returns 0, or
 * -1 with the first fault, naming device and field.
 */
int nvb_cdi_validate(const struct nvb_cdi_spec *spec, struct nvb_error **err);

#endif
