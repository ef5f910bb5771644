#ifndef NVB_HOST_SIMULATE_PARTS_H
#define NVB_HOST_SIMULATE_PARTS_H

/* The parts that a simulated host is put together from. For simulate*.c alone. */

#include "host/simulate.h"
#include "host/simulate_tree.h"

/* Debian's names of the architecture that this was compiled for, and of its 32-bit sibling. */
#if defined(__aarch64__)
#define MULTIARCH "aarch64-linux-gnu"
#else
#define MULTIARCH "x86_64-linux-gnu"
#endif
#define MULTIARCH_32 "i386-linux-gnu"

/* proc, sys and dev: what the kernel and its driver show. */
int nvb_simulate_kernel(const struct nvb_tree *tree, const struct nvb_simulate_options *options,
                        struct nvb_error **err);

/* DeviceFileMode of a capability that only root has, and of one that everybody has, as the driver
 * writes them: decimal. */
#define NVB_SIMULATE_CAP_ROOT 0400u
#define NVB_SIMULATE_CAP_ALL  0444u

/* The capability NAME ("mig/config") below /proc/driver/nvidia/capabilities, and its node. */
int nvb_simulate_capability(const struct nvb_tree *tree, const char *name, unsigned minor,
                            unsigned mode, struct nvb_error **err);

/* The capabilities of MIG: of the machine, of each GPU and of the instances that the options ask
 * for. */
int nvb_simulate_mig(const struct nvb_tree *tree, const struct nvb_simulate_options *options,
                     struct nvb_error **err);

/* Refuses what the options say of MIG where it cannot be. */
int nvb_simulate_check_mig(const struct nvb_simulate_options *options, struct nvb_error **err);

/* The driver's libraries, and the linker's cache of them. */
int nvb_simulate_driver(const struct nvb_tree *tree, const struct nvb_simulate_options *options,
                        struct nvb_error **err);

/* The driver's programs, configuration, firmware and X.Org modules; what any Linux has. */
int nvb_simulate_files(const struct nvb_tree *tree, const struct nvb_simulate_options *options,
                       struct nvb_error **err);

#endif
