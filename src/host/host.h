#ifndef NVB_HOST_HOST_H
#define NVB_HOST_HOST_H

/*
 * The host: which GPUs the driver has, which device nodes belong to them, which files the driver
 * consists of. All of it is read from three roots (usually one, "/"), so that a recorded or
 * simulated machine is a folder and a test needs no GPU. NVML is not asked here (host/nvml.h).
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/notes.h"
#include "base/path.h"

/* NVIDIA_DRIVER_CAPABILITIES, as a set. A file or node belongs to one or more of them. */
enum nvb_capability {
    NVB_CAP_COMPUTE = 1 << 0,
    NVB_CAP_COMPAT32 = 1 << 1,
    NVB_CAP_GRAPHICS = 1 << 2,
    NVB_CAP_UTILITY = 1 << 3,
    NVB_CAP_VIDEO = 1 << 4,
    NVB_CAP_DISPLAY = 1 << 5,
    NVB_CAP_NGX = 1 << 6,
    NVB_CAP_ALL = (1 << 7) - 1,
};

/*
 * Reads a list such as "compute,utility" or "all" into *ret. An unknown word is a usage error that
 * names the nearest one. Words: compute compat32 graphics utility video display ngx all.
 */
int nvb_capabilities_parse(const char *text, unsigned *ret, struct nvb_error **err);

/* Appends the set as such a list, the full set as "all", the empty set as nothing. */
void nvb_capabilities_format(unsigned capabilities, struct nvb_str *ret);

struct nvb_host_options {
    const char *host_root;   /* NULL: "/" */
    const char *driver_root; /* NULL: the host root */
    const char *dev_root;    /* NULL: the host root */
};

struct nvb_host {
    struct nvb_root root;   /* proc, sys, etc */
    struct nvb_root driver; /* the driver's files: usr, lib, etc/ld.so.cache */
    struct nvb_root dev;    /* the folder that holds dev/ */
    bool simulated;         /* the root was made by "nvbind simulate" */
};

#define NVB_HOST_INIT                                                        \
    {                                                                        \
        .root = NVB_ROOT_INIT, .driver = NVB_ROOT_INIT, .dev = NVB_ROOT_INIT \
    }
#define _cleanup_host_ _cleanup_(nvb_host_done)

/* The file at the root of a simulated host; its content is for people. */
#define NVB_SIMULATED_MARK "/.nvbind-simulated"

int nvb_host_open(const struct nvb_host_options *options, struct nvb_host *ret,
                  struct nvb_error **err);
void nvb_host_done(struct nvb_host *host);

/* ---- device nodes ------------------------------------------------------------------------- */

enum nvb_node_role {
    NVB_NODE_CTL,         /* /dev/nvidiactl */
    NVB_NODE_UVM,         /* /dev/nvidia-uvm */
    NVB_NODE_UVM_TOOLS,   /* /dev/nvidia-uvm-tools */
    NVB_NODE_MODESET,     /* /dev/nvidia-modeset */
    NVB_NODE_GPU,         /* /dev/nvidia<minor> */
    NVB_NODE_CARD,        /* /dev/dri/card<n> */
    NVB_NODE_RENDER,      /* /dev/dri/renderD<n> */
    NVB_NODE_MIG_GI,      /* /dev/nvidia-caps/nvidia-cap<n>: the access to a GPU instance */
    NVB_NODE_MIG_CI,      /* the same for a compute instance in it */
    NVB_NODE_MIG_CONFIG,  /* the same for cutting GPUs */
    NVB_NODE_MIG_MONITOR, /* the same for watching all instances */
};

struct nvb_node {
    enum nvb_node_role role;
    unsigned capabilities; /* wanted for any of these; 0: always */
    char *path;            /* in the container, and under the dev root: "/dev/nvidia0" */
    bool present;          /* something usable is there */
    bool is_device;        /* a character device; else a stand-in of a recorded or simulated host
                              (a regular file), which only a bind mount can bring into a container */
    unsigned major, minor; /* of a device; 0 for a stand-in */
    mode_t mode;           /* permission bits */
    uid_t uid;
    gid_t gid;
};

struct nvb_nodes NVB_VEC(struct nvb_node);

/* ---- GPUs ---------------------------------------------------------------------------------- */

/* How busy a GPU or MIG device is, as NVML tells (host/nvml.h); all zero while it was not asked. */
struct nvb_load {
    bool known;
    unsigned processes;   /* computing or drawing */
    unsigned utilisation; /* percent; 0 for a MIG device, of which NVML does not tell it */
    unsigned memory;      /* that is taken, in percent */
};

/* A MIG device: a compute instance in a GPU instance. Whoever may open its GPU's node and both of
 * its own may use it (NVIDIA's MIG User Guide, "Device Nodes and Capabilities"). */
struct nvb_mig {
    unsigned index;         /* rank by gi, then ci, among its GPU's, as NVML counts */
    unsigned gi, ci;        /* the driver's numbers */
    char *uuid;             /* "MIG-…", or NULL: only NVML tells it (nvb_nvml_ask) */
    char *profile;          /* "1g.5gb", the same */
    struct nvb_nodes nodes; /* MIG_GI, then MIG_CI */
    struct nvb_load load;
};

struct nvb_migs NVB_VEC(struct nvb_mig);

struct nvb_gpu {
    unsigned index;         /* rank by PCI address among the driver's GPUs, as NVML counts */
    char *pci;              /* "0000:65:00.0": domain, bus, device, function, lower-case hex */
    char *uuid;             /* "GPU-…", or NULL while the driver has not initialised the GPU */
    char *model;            /* "NVIDIA A100-SXM4-40GB", or NULL */
    int minor;              /* Device Minor, -1 when it is not known */
    bool minor_is_deduced;  /* the driver does not tell it yet: the numbers that no other GPU has,
                               in the order of the PCI addresses, in which the driver gives them */
    struct nvb_nodes nodes; /* GPU, then CARD and RENDER where sysfs names them */
    bool is_cut;            /* into GPU instances: programs use its MIG devices, never the whole. A
                               GPU in MIG mode without instances does not show that here */
    struct nvb_migs migs;   /* by index */
    struct nvb_load load;
};

struct nvb_gpus NVB_VEC(struct nvb_gpu);

#define _cleanup_gpus_ _cleanup_(nvb_gpus_done)

/*
 * Reads /proc/driver/nvidia/gpus (Linux driver README, chapter "The proc interface"), sysfs for
 * the DRM nodes and /proc/driver/nvidia/capabilities for MIG, sorted by PCI address. GPUs that the
 * driver was told to leave alone ("GPU Excluded") are left out, as NVML leaves them out. No driver
 * is no error: *ret is then empty. An unreadable or nonsensical file of the driver's is an error
 * that names it.
 */
int nvb_host_find_gpus(const struct nvb_host *host, struct nvb_gpus *ret, struct nvb_error **err);
void nvb_gpus_done(struct nvb_gpus *gpus);

/*
 * The nodes that are shared by all GPUs: ctl, uvm, uvm-tools, modeset, always all four; present
 * tells. A node is looked at, never opened: opening /dev/nvidia-uvm has effects.
 */
int nvb_host_find_control_nodes(const struct nvb_host *host, struct nvb_nodes *ret,
                                struct nvb_error **err);
void nvb_nodes_done(struct nvb_nodes *nodes);

/*
 * Appends the node of ROLE, NVB_NODE_MIG_CONFIG or NVB_NODE_MIG_MONITOR: not for computing, but for
 * those who manage how GPUs are cut. Returns 0, 1 where the driver has no such capability, or -1.
 */
int nvb_host_find_mig_management(const struct nvb_host *host, enum nvb_node_role role,
                                 struct nvb_nodes *ret, struct nvb_error **err);

/* ---- the driver ---------------------------------------------------------------------------- */

enum nvb_file_kind {
    NVB_FILE_LIBRARY,  /* an ELF shared object that programs find by SONAME */
    NVB_FILE_MODULE,   /* an ELF object loaded by its path: X.Org, GBM backends */
    NVB_FILE_BINARY,   /* a program */
    NVB_FILE_CONFIG,   /* JSON, ICD and similar text, or data such as nvoptix.bin */
    NVB_FILE_FIRMWARE, /* GSP firmware */
    NVB_FILE_SOCKET,   /* persistenced, fabricmanager; the folder of MPS */
};

struct nvb_driver_file {
    enum nvb_file_kind kind;
    unsigned capabilities;       /* wanted for any of these */
    char *path;                  /* in the driver root, without links */
    char *container_path;        /* where it belongs in a container; for a library NULL: the
                                    consumer chooses a folder of the loader */
    char *soname;                /* libraries: DT_SONAME, or the cache's key; else NULL */
    const char *const *devnames; /* libraries: further names programs open ("libcuda.so"),
                                   NULL-terminated, borrowed from the table; or NULL */
    bool by_file_name;           /* libraries: others also open it by the last part of path */
    bool is_32bit;
};

/* True where CAPABILITIES ask for FILE: one of its own, and compat32 for a 32-bit one. */
bool nvb_driver_file_is_wanted(const struct nvb_driver_file *file, unsigned capabilities);

struct nvb_driver_files NVB_VEC(struct nvb_driver_file);

struct nvb_driver {
    char *version;      /* "550.163.01": of the loaded module, else of libcuda; or NULL */
    char *flavour;      /* "open" or "proprietary", or NULL when not told */
    bool module_loaded; /* the version is the module's */
    struct nvb_driver_files files;
};

#define _cleanup_driver_ _cleanup_(nvb_driver_done)

struct nvb_driver_query {
    unsigned capabilities;                  /* files outside this set are left out */
    const struct nvb_strv *library_folders; /* searched first, in the driver root; or NULL */
    struct nvb_strv *looked; /* gets every folder of the driver root that was looked into, those
                                that are not there too; or NULL */
    const char *mps_folder; /* the caller's $CUDA_MPS_PIPE_DIRECTORY, or NULL; counts on the machine
                               itself alone */
};

/* Where clients of the Multi-Process Service look by default, and where its folder lies in a
 * container. */
#define NVB_MPS_FOLDER "/tmp/nvidia-mps"

/*
 * The version of the loaded kernel module, from /proc/driver/nvidia/version. Returns 0, 1 when no
 * NVIDIA driver is loaded, or -1.
 */
int nvb_host_read_version(const struct nvb_host *host, char **ret_version, char **ret_flavour,
                          struct nvb_error **err);

/*
 * Finds the files of the user-space driver: libraries whose names end in the version through the
 * driver root's ld.so.cache, then the distributions' folders; programs, configuration and firmware
 * at the places the table gives (host/driver_table.h). Sorted by path: the same machine gives the
 * same list. Without a loaded module the version is taken from libcuda's file name. No user-space
 * driver: *ret has no files, which is no error here. A file that is not what its name says (a cut
 * or empty library, a folder, a FIFO) is left out, with a note that names it.
 */
int nvb_host_find_driver(const struct nvb_host *host, const struct nvb_driver_query *query,
                         struct nvb_driver *ret, struct nvb_notes *notes, struct nvb_error **err);
void nvb_driver_done(struct nvb_driver *driver);

#endif
