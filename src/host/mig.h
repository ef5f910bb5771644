#ifndef NVB_HOST_MIG_H
#define NVB_HOST_MIG_H

/* MIG devices, as the driver's capability files tell them. For src/host alone. */

#include "host/node.h"

struct nvb_mig_reader {
    const struct nvb_host *host; /* borrowed */
    int fd;                      /* /proc/driver/nvidia/capabilities; -1: it is not there */
};

#define NVB_MIG_READER_INIT \
    {                       \
        .fd = -1            \
    }
#define _cleanup_mig_reader_ _cleanup_(nvb_mig_reader_done)

/* Opens what there is. Returns 0 or -1. */
int nvb_mig_open(const struct nvb_host *host, struct nvb_mig_reader *ret, struct nvb_error **err);
void nvb_mig_reader_done(struct nvb_mig_reader *reader);

/*
 * Fills in GPU's is_cut and migs, with nodes looked up in FOLDERS. An instance that goes away while
 * it is read is left out; a capability file that says nonsense is an error that names it. Returns 0
 * or -1.
 */
int nvb_mig_find(const struct nvb_mig_reader *reader, struct nvb_dev_folders *folders,
                 struct nvb_gpu *gpu, struct nvb_error **err);
void nvb_migs_done(struct nvb_migs *migs);

#endif
