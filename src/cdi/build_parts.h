#ifndef NVB_CDI_BUILD_PARTS_H
#define NVB_CDI_BUILD_PARTS_H

/* What the files of the builder share. Private to src/cdi. */

#include "cdi/build.h"

struct nvb_cdi_builder {
    const struct nvb_host *host;
    const struct nvb_cdi_build_options *options;
    unsigned capabilities;
    unsigned naming;
    struct nvb_gpus gpus;
    struct nvb_nodes control;
    struct nvb_driver driver;
    struct nvb_cdi_spec spec;
};

/* Whether GPU has its own node, and MIG both of its own: without, there is no device. */
bool nvb_cdi_builder_has_gpu_node(const struct nvb_gpu *gpu);
bool nvb_cdi_builder_has_mig_nodes(const struct nvb_mig *mig);

/* Whether the specification is to have NODE: it is there, and wanted for what is asked. */
bool nvb_cdi_builder_wants_node(const struct nvb_cdi_builder *builder, const struct nvb_node *node);

/*
 * Says what the host lacks for a container to work: an error that names all of it and what brings
 * it, or, with --partial, a warning each. Returns 0 or -1.
 */
int nvb_cdi_builder_check(const struct nvb_cdi_builder *builder, struct nvb_notes *notes,
                          struct nvb_error **err);

/* Adds the driver's files to the edits for all devices, and the hook where there is one. */
int nvb_cdi_builder_add_files(struct nvb_cdi_builder *builder, struct nvb_notes *notes,
                              struct nvb_error **err);

#endif
