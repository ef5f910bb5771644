#ifndef NVB_CDI_BUILD_H
#define NVB_CDI_BUILD_H

/* From the host to a specification. */

#include "base/notes.h"
#include "cdi/spec.h"
#include "host/host.h"

/* How devices are named; several at once give a device under each name. "all" is always there. */
enum nvb_cdi_naming {
    NVB_CDI_BY_INDEX = 1 << 0,      /* "0"; "0:1" of a MIG device */
    NVB_CDI_BY_UUID = 1 << 1,       /* "GPU-…", "MIG-…"; left out where it is not known */
    NVB_CDI_BY_TYPE_INDEX = 1 << 2, /* "gpu0"; "mig0:1" */
};

/* For containers that manage how GPUs are cut: nothing of this is ever there unasked. */
enum nvb_cdi_mig_management {
    NVB_CDI_MIG_CONFIG = 1 << 0,  /* cutting them; the driver gives that node to root alone */
    NVB_CDI_MIG_MONITOR = 1 << 1, /* watching all instances */
};

struct nvb_cdi_build_options {
    const char *vendor;                     /* NULL: "nvidia.com" */
    const char *class;                      /* NULL: "gpu" */
    unsigned naming;                        /* 0: index and UUID */
    unsigned capabilities;                  /* 0: all */
    unsigned mig_management;                /* for all devices; see above */
    const struct nvb_strv *library_folders; /* searched first; or NULL */
    const struct nvb_driver_files *extra;   /* libraries beside the driver's; or NULL */
    const char *mps_folder;                 /* the caller's $CUDA_MPS_PIPE_DIRECTORY, or NULL */
    const char *hook; /* absolute path of nvbind-hook: libraries keep their host's paths and the
                         hook makes links and the linker cache. NULL: hookless, libraries are
                         mounted by SONAME and development name into the loaders' default folders */
    const struct nvb_strv *disabled_hooks; /* names of parts the hook must not do (cdi/hook.h); an
                                              unknown one is a usage error; or NULL */
    bool partial;                          /* an incomplete host is a warning, not an error */
    bool kept; /* the result outlives this moment: the folder of MPS is left out, with a note, where
                  somebody else could put a link to another folder there once it is gone */
    bool mount_nodes; /* a node that lies below another root goes in as a mount: engines without
                         root cannot make it by CDI under a path that it does not have */
    bool dri;         /* card and render nodes, whatever the capabilities */
    const struct nvb_gpus *gpus;   /* HOST's, where the caller has them; NULL: found here */
    const struct nvb_strv *needed; /* PCI addresses, and of MIG devices nvb_cdi_mig_key(): all
                                      others may lack their nodes, and no hint speaks of this
                                      command's options; NULL: all are needed */
    struct nvb_strv *looked;       /* see nvb_driver_query; or NULL */
    const char *version; /* a version such as "0.5.0" to declare; NULL: the lowest that is needed */
};

/* What "needed" calls a MIG device: "0000:10:00.0/7/0", with gi and ci. Owned by the caller. */
char *nvb_cdi_mig_key(const struct nvb_gpu *gpu, const struct nvb_mig *mig);

/*
 * Builds the specification of HOST's NVIDIA GPUs. Incomplete hosts (no nvidia-uvm, a GPU without
 * its node, a MIG device without its own, no libcuda, no driver at all) are errors that name
 * everything that is missing, unless partial. A GPU that is cut into MIG devices is a device as
 * well: programs that manage GPUs want it, CUDA sees nothing in it. MIG devices bring their GPU's
 * node and their own two, and none of /dev/dri. NVML is asked only for MIG UUIDs that the names
 * need, where options do not bring the GPUs; without it their devices have their indices alone. The
 * result is valid (cdi/validate.h) and the same for the same host, byte for byte.
 */
int nvb_cdi_build(const struct nvb_host *host, const struct nvb_cdi_build_options *options,
                  struct nvb_cdi_spec *ret, struct nvb_notes *notes, struct nvb_error **err);

/*
 * The same, and appends the facts that it was made from (cdi/witness.h) to *ret_facts, each line
 * with PREFIX before it; nothing where they would not be worth anything. Of
 * GPUs that options bring they say nothing: those the caller has just looked at.
 */
int nvb_cdi_build_with_facts(const struct nvb_host *host,
                             const struct nvb_cdi_build_options *options, const char *prefix,
                             struct nvb_cdi_spec *ret, struct nvb_str *ret_facts,
                             struct nvb_notes *notes, struct nvb_error **err);

#endif
