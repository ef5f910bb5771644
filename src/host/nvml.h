#ifndef NVB_HOST_NVML_H
#define NVB_HOST_NVML_H

/*
 * What only NVML knows: the UUIDs of MIG devices, and how busy GPUs are. It takes from 10 ms to
 * seconds to start, so that it is asked only where something depends on it, and once a command.
 * NVIDIA's library runs in a process of its own, which is ended when it does not answer in time.
 */

#include "host/host.h"

enum nvb_nvml_question {
    NVB_NVML_MIG_UUIDS = 1 << 0,
    NVB_NVML_LOAD = 1 << 1,
};

/* For count=, as the command line's contract has it; and for names that nothing else can tell. */
#define NVB_NVML_LOAD_MS 200
#define NVB_NVML_NAME_MS 5000

struct nvb_nvml {
    bool answered;
    char *why; /* where it did not, for "because …": "NVML gave no answer within 200 ms". Owned */
};

#define NVB_NVML_INIT \
    {                 \
        0             \
    }
#define _cleanup_nvml_ _cleanup_(nvb_nvml_done)

/*
 * Asks QUESTIONS about GPUS, at most TIMEOUT_MS, and fills in uuid of their MIG devices and load.
 * DRIVER is where libnvidia-ml.so.1 is looked for; NULL: HOST's driver is looked for here. It is
 * not loaded where HOST is not the running system (another root), nor as root where anybody else
 * could write it. Never fails: *ret tells whether there was an answer; without one GPUS are as they
 * were. Parts that NVML could not tell stay unknown.
 */
void nvb_nvml_ask(const struct nvb_host *host, const struct nvb_driver *driver, unsigned questions,
                  unsigned timeout_ms, struct nvb_gpus *gpus, struct nvb_nvml *ret);
void nvb_nvml_done(struct nvb_nvml *nvml);

#endif
