#ifndef NVB_CDI_NEED_H
#define NVB_CDI_NEED_H

/* Which version of CDI a specification needs, and how one is cut to a lower version. */

#include "base/notes.h"
#include "cdi/spec.h"

/* The lowest version that SPEC's content needs ("0.3.0" … "1.1.0"), and why; constants. RET_WHY may
 * be NULL. */
const char *nvb_cdi_needed_version(const struct nvb_cdi_spec *spec, const char **ret_why);

/*
 * The first thing in SPEC that needs a version above VERSION: a constant text that says why ("a
 * mount has a type"), or NULL where nothing does. *ret_where, where RET_WHERE is not NULL, becomes
 * its place ("devices[0].containerEdits.mounts[2]"), owned by the caller. *ret_needed becomes the
 * version, a constant.
 */
const char *nvb_cdi_find_above(const struct nvb_cdi_spec *spec, const char *version,
                               const char **ret_needed, char **ret_where);

/* The constant for VERSION, which may be given in short ("0.5" is "0.5.0"), or NULL where no such
 * version was published. */
const char *nvb_cdi_known_version(const char *version);

/* Compares two versions as strcmp() does, number by number. */
int nvb_cdi_compare_versions(const char *a, const char *b);

/*
 * Leaves out of SPEC what needs a version above VERSION and changes nothing in a container: a
 * hostPath that is the path itself, the type "bind" of a mount that is bound by its options anyway,
 * annotations (they are for people). Each is told in NOTES once. What still needs more is the
 * caller's to refuse: nvb_cdi_find_above().
 */
void nvb_cdi_cut(struct nvb_cdi_spec *spec, const char *version, struct nvb_notes *notes);

#endif
