#ifndef NVB_PROBE_PROBE_H
#define NVB_PROBE_PROBE_H

/*
 * nvbind-probe looks at a container from the inside: which GPU device nodes are there and open,
 * which driver libraries the loader finds and can load, and what the driver answers. It needs
 * nothing but glibc, so that it can be mounted into any image with one.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/str.h"

enum nvb_probe_level {
    NVB_PROBE_OK,
    NVB_PROBE_NOTE, /* worth a line, and no reason to fail */
    NVB_PROBE_FAILED,
};

/* ---- device nodes --------------------------------------------------------------------------- */

enum nvb_probe_type {
    NVB_PROBE_DEVICE,   /* a character device */
    NVB_PROBE_STAND_IN, /* a regular file, as simulated hosts have them */
    NVB_PROBE_OTHER,    /* neither: a link to nowhere, a folder */
};

struct nvb_probe_node {
    char *path;
    enum nvb_probe_type type;
    bool is_gpu; /* /dev/nvidia<number> */
    mode_t mode;
    uid_t uid;
    gid_t gid;
    unsigned major, minor;
    int errnum; /* of opening it for reading and writing; 0: it opened */
    enum nvb_probe_level level;
    char *remark; /* what that means, or NULL */
};

struct nvb_probe_nodes NVB_VEC(struct nvb_probe_node);

/* Lists /dev/nvidia*, /dev/nvidia-caps/ and /dev/dri/, sorted by path, and opens each. */
void nvb_probe_find_nodes(struct nvb_probe_nodes *ret);
void nvb_probe_nodes_done(struct nvb_probe_nodes *nodes);

/* ---- libraries ------------------------------------------------------------------------------ */

struct nvb_probe_library {
    char *name; /* what a program would ask for: "libcuda.so.1" */
    char *path; /* the file behind it without links, or NULL when it is not there */
    enum nvb_probe_level level;
    char *remark; /* why it did not load, or NULL */
    bool loaded;
    bool simulated;
};

struct nvb_probe_libraries NVB_VEC(struct nvb_probe_library);

/*
 * Loads every driver library that is there: those of a compiled-in list of names that the loader
 * finds, and what lies in the loader's folders and looks like one. REQUIRED names count as failed
 * when they are missing or do not load. Each is loaded in a process of its own.
 */
void nvb_probe_find_libraries(const struct nvb_strv *required, struct nvb_probe_libraries *ret);
void nvb_probe_libraries_done(struct nvb_probe_libraries *libraries);

/* ---- answers -------------------------------------------------------------------------------- */

/* What the driver said: "key=value" each, in the order asked. */
struct nvb_probe_answers {
    struct nvb_strv nvml;   /* init, driver, count; empty without libnvidia-ml */
    struct nvb_strv cuda;   /* init, version, count; empty without libcuda */
    struct nvb_strv kernel; /* one line a GPU, only where asked for */
    bool failed;            /* a call did not return success, or the process died */
    bool kernel_ran;        /* on every GPU, with the right result, and on one at least */
};

/* Asks NVML and CUDA. With KERNEL, runs a small kernel on every GPU and checks what it computed. */
void nvb_probe_ask(bool kernel, struct nvb_probe_answers *ret);
void nvb_probe_answers_done(struct nvb_probe_answers *answers);

/* The value of KEY, borrowed, or NULL. */
const char *nvb_probe_answer(const struct nvb_strv *answers, const char *key);

/* ---- running apart -------------------------------------------------------------------------- */

/*
 * Runs CALL in a child process, because loading or asking a driver may crash, and appends what it
 * put into its string to *ret. Returns 0, or -1 with an owned reason ("died of signal 11").
 */
int nvb_probe_apart(void (*call)(const void *arg, struct nvb_str *out), const void *arg,
                    struct nvb_str *ret, char **ret_reason);

/* ---- the report ----------------------------------------------------------------------------- */

struct nvb_probe_report {
    struct nvb_probe_nodes nodes;
    struct nvb_probe_libraries libraries;
    struct nvb_probe_answers answers;
    bool kernel_wanted;
    size_t gpus;
    bool simulated; /* stand-ins for nodes, or libraries that say so */
    struct nvb_strv failures;
};

/* The whole report for people, with the verdict as its last line; the verdict alone; as JSON. */
void nvb_probe_format(const struct nvb_probe_report *report, struct nvb_str *ret);
void nvb_probe_format_verdict(const struct nvb_probe_report *report, struct nvb_str *ret);
void nvb_probe_format_json(const struct nvb_probe_report *report, struct nvb_str *ret);

#endif
