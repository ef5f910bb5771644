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

/* The driver's libraries, and the linker's cache of them. */
int nvb_simulate_driver(const struct nvb_tree *tree, const struct nvb_simulate_options *options,
                        struct nvb_error **err);

/* The driver's programs, configuration, firmware and X.Org modules; what any Linux has. */
int nvb_simulate_files(const struct nvb_tree *tree, const struct nvb_simulate_options *options,
                       struct nvb_error **err);

#endif
