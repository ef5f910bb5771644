#ifndef NVB_HOOK_ARGS_H
#define NVB_HOOK_ARGS_H

/*
 * The command line of nvbind-hook, as seen by those who write it into a specification.
 *
 *     nvbind-hook create [--library=CLASS::PATH::SONAME[::NAME]...]... [--link=TARGET::PATH]...
 *                        [--no-links] [--no-cache] [--cuda-compat=VERSION] [--no-device-files]
 *                        [--mount=SOURCE::PATH]... [--arguments=FILE]
 *
 * What it does with them is in man/nvbind-hook.8 and at the head of hook/main.c. Beside the
 * arguments a hook needs a stage, "createContainer", and an environment that is not empty,
 * NVB_HOOK_ENV: engines drop an empty one, and runc then hands over the image's.
 *
 * This file needs the base floor alone.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

#define NVB_HOOK_STAGE "createContainer"
#define NVB_HOOK_ENV   "LC_ALL=C"

/* What the hook does, each of which can be turned off by its name. */
enum nvb_hook_part {
    NVB_HOOK_LINKS = 1 << 0,  /* "links": SONAME, development and further links */
    NVB_HOOK_CACHE = 1 << 1,  /* "ldcache": the linker cache and its ld.so.conf.d file */
    NVB_HOOK_COMPAT = 1 << 2, /* "cuda-compat": a newer libcuda of the image's comes first */
    NVB_HOOK_PARAMS = 1 << 3, /* "params": nothing inside makes device nodes */
    NVB_HOOK_ALL = (1 << 4) - 1,
};

/* A library that programs find by SONAME. All borrowed. */
struct nvb_hook_library {
    const char *path;   /* absolute, in the container: the file that is mounted there */
    const char *soname; /* a file name: beside PATH a link of that name is made, and an entry in the
                           cache, unless PATH ends in it already (then the entry alone) */
    const char *const *devnames; /* further names beside it, links to the SONAME; NULL-terminated;
                                    or NULL */
    bool is_32bit;               /* i386 on x86_64, arm on aarch64; else the machine's own class */
};

/* Any other link: TARGET is its text, PATH (absolute, in the container) where it lies. Borrowed. */
struct nvb_hook_link {
    const char *target;
    const char *path;
};

struct nvb_hook_plan {
    const struct nvb_hook_library *libraries;
    size_t library_count;
    const struct nvb_hook_link *links; /* below /dev too: /dev/dri/by-path */
    size_t link_count;
    const char *driver_version; /* "550.163.01", only where every selected GPU is of a class that
                                   supports forward compatibility; else NULL, and there is none */
    unsigned parts;             /* of enum nvb_hook_part */
};

/* The part called NAME. Returns 0, or -1 with a usage error that lists the names. */
int nvb_hook_part_parse(const char *name, unsigned *ret, struct nvb_error **err);

/*
 * Appends the hook's arguments to *ret, the first one being its name, as "args" in a CDI or OCI
 * hook wants it. Nothing to be done by the plan: nothing is appended and 1 returned, the hook can
 * be left out. Returns 0, or -1 when a path or name cannot be given to the hook (it is not
 * absolute, a name has a slash, one has "::" in it or a control character); *ret is then untouched.
 */
int nvb_hook_build_args(const struct nvb_hook_plan *plan, struct nvb_strv *ret,
                        struct nvb_error **err);

/* Appends the argument by which the hook itself brings the machine's SOURCE to PATH, for a file of
 * arguments (hook/words_file.h). Returns 0, or -1 as above. */
int nvb_hook_build_mount(const char *source, const char *path, struct nvb_strv *ret,
                         struct nvb_error **err);

#endif
