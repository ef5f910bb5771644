#ifndef NVB_SELFTEST_ROOT_H
#define NVB_SELFTEST_ROOT_H

/*
 * A container's root file system made from this machine's own files, for proving passthrough
 * without an image: nvbind-probe, the C library and those libraries beside it that the driver's
 * own need. None of the driver's files is among them: what the container finds of those, it was
 * given.
 */

#include "base/error.h"
#include "host/user.h"

struct nvb_selftest_root {
    char *path; /* absolute; owned. NULL: there is none */
};

#define _cleanup_selftest_root_ _cleanup_(nvb_selftest_root_done)

/* The program's path inside. */
#define NVB_SELFTEST_PROBE "/nvbind-probe"

/*
 * Makes one in a new folder inside PARENT, which must be a folder of the caller's that nobody else
 * can write. PROBE is the path of nvbind-probe. Libraries are found by the linker cache of the
 * machine. Returns 0; -1, also where the machine has no linker cache or no glibc in it (musl,
 * NixOS), and then nothing is left behind.
 */
int nvb_selftest_root_make(const char *parent, const char *probe, struct nvb_selftest_root *ret,
                           struct nvb_error **err);

/*
 * The same in USER's folder for caches, with the nvbind-probe that lies beside the running program.
 * COMMAND is nvbind's that wants it, for a hint. Root's must be a place that nobody else can move.
 */
int nvb_selftest_root_make_own(const struct nvb_user *user, const char *command,
                               struct nvb_selftest_root *ret, struct nvb_error **err);

/*
 * Removes it with everything that an engine has put in, and does not cross into what is mounted
 * there. Returns 0 or a negative errno; what could not be removed is left.
 */
int nvb_selftest_root_remove(struct nvb_selftest_root *root);

/* Removes it as far as it can be. */
void nvb_selftest_root_done(struct nvb_selftest_root *root);

#endif
