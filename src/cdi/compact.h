#ifndef NVB_CDI_COMPACT_H
#define NVB_CDI_COMPACT_H

/*
 * A specification as nvbind keeps it for itself, between two runs: a line an item, nothing quoted,
 * so that it is read in a tenth of the time that JSON takes. Never a file for others.
 */

#include "cdi/spec.h"

/* Appends SPEC. Returns 0, or 1 with nothing appended where it holds what this form has no word
 * for: a tab or a line's end in a text, numbers of nodes, types, groups, network devices. */
int nvb_cdi_compact_write(const struct nvb_cdi_spec *spec, struct nvb_str *ret);

/* Reads the LEN bytes of TEXT. Returns 0, or 1 where they are no such text; *ret is then untouched.
 */
int nvb_cdi_compact_read(const char *text, size_t len, struct nvb_cdi_spec *ret);

#endif
