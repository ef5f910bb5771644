#ifndef NVB_CDI_REFRESH_H
#define NVB_CDI_REFRESH_H

/*
 * The specification that serves a whole machine, or a user, kept at its place: where it is, what
 * stands in its way, and how it comes there so that whoever reads finds the old one or the new one.
 *
 * It is a YAML file whose first lines, comments, say that it is nvbind's and what it was made from
 * (cdi/witness.h).
 */

#include "cdi/registry.h"

/* The name of the file in its folder: CDI's own form, VENDOR-CLASS (pkg/cdi, GenerateSpecName). */
#define NVB_CDI_OWN_FILE "nvidia.com-gpu.yaml"

/* The first line of a file that is nvbind's to replace. */
#define NVB_CDI_OWN_MARK "# Made by nvbind: 'nvbind cdi refresh' makes it anew.\n"

/* What --take-over puts behind the name of another's file, which engines then pass over. */
#define NVB_CDI_KEPT_SUFFIX ".kept-by-nvbind"

/* A file that would be in the way of ours, or hide it. */
struct nvb_cdi_rival {
    char *path;          /* seen from the root */
    bool is_same_folder; /* else of a folder that goes before ours */
    const char *service; /* the unit that writes it, where that is installed, or NULL; a constant */
};

struct nvb_cdi_rivals NVB_VEC(struct nvb_cdi_rival);

#define _cleanup_cdi_rivals_ _cleanup_(nvb_cdi_rivals_done)
void nvb_cdi_rivals_done(struct nvb_cdi_rivals *rivals);

/*
 * The folder of FOLDERS (the lists of several engines, each in its precedence) that all of them
 * read, and of several the last: owned, or NULL where there is none.
 */
char *nvb_cdi_refresh_folder(const struct nvb_strv *lists, size_t count);

/* Whether the file PATH of ROOT begins with the mark. */
bool nvb_cdi_is_own_file(const struct nvb_root *root, const char *path);

/*
 * Appends to *ret the files of REGISTRY, not nvbind's own, that give devices of KIND in FOLDER or
 * in one that goes before it. A file that cannot be read is none: engines drop it.
 */
void nvb_cdi_find_rivals(const struct nvb_cdi_registry *registry, const char *kind,
                         const char *folder, struct nvb_cdi_rivals *ret);

/*
 * Puts TEXT at NVB_CDI_OWN_FILE of the folder DIR (outside path; it is made). RIVALS, of that
 * folder, are moved aside first; the first of them that is YAML hands its very name over in one
 * step, so that its own service replaces ours instead of being in conflict with it. *ret_path
 * becomes the path that was written, owned. Returns 0 or -1; then what was there is still there.
 */
int nvb_cdi_place(const char *dir, const struct nvb_strv *rivals, const char *text, size_t len,
                  char **ret_path, struct nvb_error **err);

/*
 * Undoes it in the folder DIR: removes what is nvbind's own and puts back what was moved aside, in
 * one step each. What somebody else has put at the old name since stays. Appends a line for each
 * file to *ret. Returns 0 or -1.
 */
int nvb_cdi_give_back(const char *dir, struct nvb_strv *ret, struct nvb_error **err);

#endif
