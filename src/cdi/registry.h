#ifndef NVB_CDI_REGISTRY_H
#define NVB_CDI_REGISTRY_H

/*
 * The specifications that lie in folders, of all vendors, and which device of which file an engine
 * would take: CDI's SPEC.md, "Format", and pkg/cdi's cache.go. A folder's files count in the order
 * of their names, only those that end in .json or .yaml, no subfolders; a later folder's device
 * replaces an earlier one's. A device that two files of one folder give is gone, without a word
 * from the engine, even where a later folder gives it as well.
 *
 * Only names are kept: a registry of thousands of files is small.
 */

#include "base/path.h"
#include "cdi/consumer.h"
#include "cdi/spec.h"

/* Beyond either, the rest of the files is passed over, each with an error that says so. */
#define NVB_CDI_REGISTRY_MAX_FILES 20000
#define NVB_CDI_REGISTRY_MAX_BYTES ((size_t)64 << 20)

struct nvb_cdi_file {
    char *path;              /* as seen from the root */
    size_t folder;           /* its place in the list of folders, which is its precedence */
    char *kind;              /* "nvidia.com/gpu"; NULL: not known */
    char *version;           /* what it declares; NULL: not known */
    size_t devices;          /* how many it gives */
    struct nvb_error *error; /* why no engine, or not this one, takes the file; or NULL */
};

enum nvb_cdi_state {
    NVB_CDI_IN_FORCE,
    NVB_CDI_SHADOWED, /* another file, of a later folder, gives it */
    NVB_CDI_CONFLICT, /* another file of the same folder gives it: engines drop both */
};

struct nvb_cdi_entry {
    char *name; /* "nvidia.com/gpu=0" */
    size_t file;
    enum nvb_cdi_state state;
    size_t other; /* the file that shadows it or is in conflict with it */
};

struct nvb_cdi_registry {
    const struct nvb_root *root; /* borrowed */
    struct nvb_strv folders;
    struct nvb_cdi_files NVB_VEC(struct nvb_cdi_file) files;
    struct nvb_cdi_entries NVB_VEC(struct nvb_cdi_entry) entries; /* sorted by name, as people
                                                                     count; of one name in the order
                                                                     of the files */
    struct nvb_strv problems; /* folders that are there and that no engine reads, and why */
};

#define _cleanup_cdi_registry_ _cleanup_(nvb_cdi_registry_done)

/*
 * Reads FOLDERS (the lowest precedence first; those that are not there are passed over) inside
 * ROOT. CONSUMER, or NULL, is whose view it is: files that it does not take have an error.
 */
void nvb_cdi_registry_read(const struct nvb_root *root, const struct nvb_strv *folders,
                           const struct nvb_cdi_consumer *consumer, struct nvb_cdi_registry *ret);
void nvb_cdi_registry_done(struct nvb_cdi_registry *registry);

/* The device NAME ("nvidia.com/gpu=0") that is in force; else another of that name, whose state
 * says why it is not; else NULL. Borrowed. */
const struct nvb_cdi_entry *nvb_cdi_registry_find(const struct nvb_cdi_registry *registry,
                                                  const char *name);

/* Whether NAME is in force. */
bool nvb_cdi_registry_has(const struct nvb_cdi_registry *registry, const char *name);

/* Reads the specification PATH, seen from ROOT, by the ending of its name (else as YAML), whole and
 * valid. Returns 0, 1 when it is not there, or -1. */
int nvb_cdi_read_file(const struct nvb_root *root, const char *path, struct nvb_cdi_spec *ret,
                      struct nvb_error **err);

/* The same for a file that the caller names, seen from his working folder; "-" is standard input.
 */
int nvb_cdi_read_path(const char *path, struct nvb_cdi_spec *ret, struct nvb_error **err);

#endif
