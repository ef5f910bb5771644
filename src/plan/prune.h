#ifndef NVB_PLAN_PRUNE_H
#define NVB_PLAN_PRUNE_H

/*
 * What runs leave in the caller's private folder: files and folders that are named by their
 * content, so that none is ever changed under a reader. They go when they have not been of use for
 * some days.
 */

/* Removes what is old below cdi, hooks and known in RUNTIME. Best effort. */
void nvb_prune_runtime(const char *runtime);

/* Says that the file PATH, and the folder that it lies in, is of use: where it was long ago that
 * this was said. */
void nvb_prune_touch(const char *path);

#endif
