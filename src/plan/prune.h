#ifndef NVB_PLAN_PRUNE_H
#define NVB_PLAN_PRUNE_H

/*
 * What runs leave in the caller's private folder: files and folders that are named by their
 * content, so that none is ever changed under a reader. They go when they have not been of use for
 * some days.
 */

/* Removes what is old below cdi, hooks, known and compose in RUNTIME, and small files in it. A
 * folder that a process holds with flock() stays. Best effort. */
void nvb_prune_runtime(const char *runtime);

/* PATH is a folder below one of those, in use: removes what is old beside it. Best effort. */
void nvb_prune_beside(const char *path);

/*
 * PATH is a specification for a container that a service makes, just written. Removes the caller's
 * others beside it that have not been of use for a month. Best effort; does nothing where PATH is a
 * file of another name.
 */
void nvb_prune_served(const char *path);

/* Says that the file PATH, and the folder that it lies in, is of use: where it was long ago that
 * this was said. */
void nvb_prune_touch(const char *path);

#endif
