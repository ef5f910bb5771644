#ifndef NVB_HOST_FOLDER_H
#define NVB_HOST_FOLDER_H

/* Listing folders, and remembering those of a root in which several files are looked for. */

#include <sys/stat.h>

#include "base/path.h"
#include "base/vec.h"

/* More entries than any folder of a driver or of sysfs has; beyond it a folder is not listed on. */
#define NVB_FOLDER_MAX_ENTRIES 200000

/* One entry. TYPE is dirent's d_type, DT_UNKNOWN where the file system does not tell. A result
 * other than 0 ends the listing. */
typedef int nvb_folder_entry_fn(void *arg, const char *name, unsigned char type);

/*
 * Calls ENTRY for each entry of the open folder FD but "." and "..". Returns 0, what ENTRY
 * returned, or a negative errno (-E2BIG: too many entries).
 */
int nvb_folder_list(int fd, nvb_folder_entry_fn *entry, void *arg);

struct nvb_folder {
    char *path;     /* as it was asked for */
    char *real;     /* without links, seen from the root; NULL until asked for */
    int fd;         /* negative: it cannot be opened, and then the errno */
    int hits;       /* for the user: how many files were found in it */
    bool is_listed; /* for the user: it has been read whole */
};

/* Folders of one root, each opened once. Addresses of folders stay good. */
struct nvb_folders {
    const struct nvb_root *root; /* borrowed */
    struct NVB_VEC(struct nvb_folder *) list;
};

#define _cleanup_folders_ _cleanup_(nvb_folders_done)

/* The folder PATH (LEN bytes), which may turn out not to be there: then its fd is negative. */
struct nvb_folder *nvb_folders_get(struct nvb_folders *folders, const char *path, size_t len);
void nvb_folders_done(struct nvb_folders *folders);

/* The path without links, seen from the root, borrowed; NULL when it cannot be told. */
const char *nvb_folder_real(const struct nvb_folders *folders, struct nvb_folder *folder);

/* FOLDER and NAME with a slash between them. Owned by the caller. */
char *nvb_folder_join(const char *folder, const char *name);

/*
 * What NAME (no slash) in FOLDER leads to, links followed inside the root: its status and its path
 * without links (owned). Returns 0 or a negative errno.
 */
int nvb_folder_look(const struct nvb_folders *folders, struct nvb_folder *folder, const char *name,
                    struct stat *ret_st, char **ret_real);

#endif
