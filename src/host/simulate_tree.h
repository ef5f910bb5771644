#ifndef NVB_HOST_SIMULATE_TREE_H
#define NVB_HOST_SIMULATE_TREE_H

/* Filling the folder of a simulated host, and emptying it. For simulate*.c alone. */

#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

struct nvb_tree {
    int fd;           /* the folder */
    const char *name; /* as the user wrote it: borrowed, for messages */
    bool made;        /* the folder itself is ours to remove */
};

#define NVB_TREE_INIT \
    {                 \
        .fd = -1      \
    }

/*
 * Opens FOLDER for a new simulation: makes it, or takes an empty one, or empties an earlier
 * simulation. Usage error for any other. Until nvb_tree_finish() it is marked as unfinished.
 */
int nvb_tree_begin(const char *folder, struct nvb_tree *ret, struct nvb_error **err);

/* Marks the tree as complete; MARK is what the file says. */
int nvb_tree_finish(struct nvb_tree *tree, const char *mark, struct nvb_error **err);

/* Removes what was written so far, and the folder where nvb_tree_begin() made it. */
void nvb_tree_abandon(struct nvb_tree *tree);
void nvb_tree_done(struct nvb_tree *tree);

/*
 * PATH (relative, "etc/os-release") must not be there; the folders above it are made. Files and
 * folders get exactly MODE and 0755, whatever the umask is.
 */
int nvb_tree_put(const struct nvb_tree *tree, const char *path, const void *data, size_t len,
                 mode_t mode, struct nvb_error **err);
int nvb_tree_put_text(const struct nvb_tree *tree, const char *path, const char *text,
                      struct nvb_error **err);
int nvb_tree_link(const struct nvb_tree *tree, const char *path, const char *target,
                  struct nvb_error **err);

/* Makes the folder PATH and those above it. */
int nvb_tree_folder(const struct nvb_tree *tree, const char *path, struct nvb_error **err);

#endif
