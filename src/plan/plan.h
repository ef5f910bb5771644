#ifndef NVB_PLAN_PLAN_H
#define NVB_PLAN_PLAN_H

/*
 * The plan: what a GPU container needs, said once. Engines and writers read it and nothing else, so
 * what "run" executes and what a file would say cannot differ.
 *
 * It keeps the user's own words in their order, and a parsed view over them. The engine whose
 * spelling they are prints the words; every other reader uses the view. What nvbind brings along
 * (device nodes, mounts, environment) is always there in full as CDI edits, whichever way the
 * engine will get it: a reader that fills in the OCI configuration itself needs nothing else.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/notes.h"
#include "base/str.h"
#include "cdi/spec.h"
#include "host/engine.h"
#include "plan/option.h"

/* The annotation that a container with the hook bears where there is no CDI. */
#define NVB_PLAN_HOOK_MARK         "nvbind.hook"
#define NVB_PLAN_HOOK_MARK_PATTERN "nvbind\\.hook"

/* The label of a container that says which GPUs it holds, by commas: a GPU's UUID, or its PCI
 * address where it has none yet; a MIG device's PCI/GI/CI, because only NVML knows its UUID. */
#define NVB_PLAN_GPU_LABEL "nvbind.gpus"

enum nvb_plan_verb {
    NVB_PLAN_RUN,
    NVB_PLAN_CREATE,
    NVB_PLAN_EXEC, /* a command in a container that is there: image is its name, or NULL */
};

/* "run", "create", "exec". A constant. */
const char *nvb_plan_verb_name(enum nvb_plan_verb verb);

/* How the engine gets the GPUs. */
enum nvb_plan_mode {
    NVB_PLAN_NOTHING, /* nvbind adds nothing: no GPU wanted, or the user's own words bring it all */
    NVB_PLAN_CDI, /* by CDI names, out of a folder that nvbind names or the engine reads anyway */
    NVB_PLAN_DIRECT, /* by devices and mounts */
};

/* One use of an option: the view over the words. */
struct nvb_plan_option {
    const struct nvb_option *row; /* of the engine that runs, else of the other; NULL: unknown to
                                     the table, and this engine's own help has it. Borrowed */
    char *name;                   /* as written, without dashes: "volume" or "v". Owned */
    bool is_short;
    char *value;  /* owned; NULL: none was given (a bare flag) */
    size_t first; /* the words that hold it: one, or two with a value of its own. Letters that */
    size_t words; /* stand together ("-it") are several options in one word */
};

struct nvb_plan_options NVB_VEC(struct nvb_plan_option);

/* Words of an engine's command line, and the view over them. */
struct nvb_plan_line {
    struct nvb_strv words;
    struct nvb_plan_options options; /* in the order of the words */
};

/* A GPU of this machine that the container gets, or a MIG device of one. */
struct nvb_plan_gpu {
    unsigned index;
    char *pci;
    char *uuid;      /* the MIG device's own where it is one; or NULL */
    char *model;     /* or NULL */
    bool is_mig;     /* then also: */
    unsigned mig;    /* its index on the GPU */
    unsigned gi, ci; /* the driver's numbers of its instances */
};

struct nvb_plan_gpus NVB_VEC(struct nvb_plan_gpu);

/* A file that the engine must find when the plan is carried out. */
struct nvb_plan_spec {
    char *path;     /* owned; NULL: none is needed */
    bool is_public; /* in a folder of the system's, for a service to read */
    char *text;     /* owned */
    size_t len;
};

struct nvb_plan_specs NVB_VEC(struct nvb_plan_spec);

struct nvb_plan {
    enum nvb_plan_verb verb;
    bool kept; /* a file or a script is to be made of it, which is used later and without nvbind */
    const struct nvb_engine *engine; /* borrowed; the one that it was resolved for */

    struct nvb_plan_line early;    /* the user's options that go before the command word */
    struct nvb_plan_line defaults; /* what configuration adds, less what the user's words replace */
    struct nvb_plan_line user; /* the user's options, without nvbind's own; a closing "--" too */
    char *image;
    struct nvb_strv command; /* the words behind IMAGE */

    const char *source; /* who decided about GPUs: "--gpu", "--device", "default" …; a constant */
    char *selection;    /* in that one's words, or NULL */
    unsigned capabilities;
    struct nvb_plan_gpus gpus;

    enum nvb_plan_mode mode;
    struct nvb_cdi_edits edits;  /* of the chosen NVIDIA GPUs, whatever the mode */
    struct nvb_strv cdi_devices; /* names to ask the engine for: "nvidia.com/gpu=0" */
    struct nvb_strv cdi_folders; /* the engine must read these, the last one wins; empty: the
                                    ones that it reads anyway */
    char *kept_file; /* a container that outlives the command, in CDI mode: the specification by
                        which it starts again. Owned, or NULL */
    struct nvb_strv hook_folders; /* direct mode with a hook: the engine must read the hooks in
                                     these, the last of which holds ours; empty: there is no hook */
    char *hook_mark; /* the annotation NVB_PLAN_HOOK_MARK's value by which a container gets it */
    struct nvb_plan_spec spec;        /* to be written before the engine starts: the
                                         specification, in direct mode the hook's file */
    struct nvb_plan_specs more_hooks; /* so too: in direct mode the files of further hooks, in the
                                         same folder */
    struct nvb_plan_spec cookie;      /* so too: what lets it draw on the caller's X server … */
    struct nvb_plan_spec said;        /* so too: marks a warning that is not to be said again */
    struct nvb_plan_spec graphics_profile; /* … and what keeps EGL and Vulkan to its GPUs */
    struct nvb_plan_spec registries; /* so too: where Podman looks for an image without registry */
    struct nvb_strv added_environment;  /* NAME=VALUE that the engine gets besides */
    struct nvb_strv hidden_environment; /* variables of the caller that the engine must not see */
};

#define _cleanup_plan_ _cleanup_(nvb_plan_done)

void nvb_plan_done(struct nvb_plan *plan);

/* "3", or "0:1" for a MIG device: its CDI device's name by index. Owned by the caller. */
char *nvb_plan_gpu_name(const struct nvb_plan_gpu *gpu);
void nvb_plan_line_done(struct nvb_plan_line *line);

/* Appends the value of NVB_PLAN_GPU_LABEL. Returns whether there is one: not without GPUs, nor
 * where the user's own words give that label. */
bool nvb_plan_add_label(const struct nvb_plan *plan, struct nvb_str *ret);

/* The canonical name of an option ("volume" for "-v", "network" for "--net"): borrowed. */
const char *nvb_plan_option_name(const struct nvb_plan_option *option);

/* Whether OPTION is the one of that canonical name. */
bool nvb_plan_option_is(const struct nvb_plan_option *option, const char *name);

/*
 * The last use of the option NAME (canonical) in LINE, borrowed, or NULL; its value: "" where none
 * was given, NULL where the option is not there.
 */
const struct nvb_plan_option *nvb_plan_line_find(const struct nvb_plan_line *line,
                                                 const char *name);
const char *nvb_plan_line_value(const struct nvb_plan_line *line, const char *name);

/* Whether LINE's last word about the flag NAME turns it on. */
bool nvb_plan_line_is_on(const struct nvb_plan_line *line, const char *name);

/* Whether the flag NAME is on: the user's last word about it, else the default's, else false. */
bool nvb_plan_is_on(const struct nvb_plan *plan, const char *name);

/* The value of NAME by the user's last word, else the default's, else NULL. Borrowed. */
const char *nvb_plan_value(const struct nvb_plan *plan, const char *name);

/* Appends the option NAME (of the table, canonical) with VALUE, each a word of its own. */
void nvb_plan_line_add(struct nvb_plan_line *line, const char *name, const char *value);

/* Appends the flag NAME (of the table, canonical). */
void nvb_plan_line_add_flag(struct nvb_plan_line *line, const char *name);

/* Appends FROM's words and options, and leaves FROM empty. */
void nvb_plan_line_append(struct nvb_plan_line *line, struct nvb_plan_line *from);

/* Gives the option at INDEX another value, in the spelling that it has. It must have one. */
void nvb_plan_line_set_value(struct nvb_plan_line *line, size_t index, const char *value);

/* Takes the options out of LINE for which DROP (as many items as LINE has options) is set, and
 * writes words that held others as well anew. */
void nvb_plan_line_drop(struct nvb_plan_line *line, const bool *drop);

/* Writes the plan's X11 cookie, graphics profile and mark of a warning where they are not there
 * yet; they are named by their content as well. Returns 0 or -1. */
int nvb_plan_write_cookie(const struct nvb_plan *plan, struct nvb_error **err);

/*
 * Writes the plan's specification, or its hook's file, where that content is not there yet (its
 * folder is private and named by the content, so that no two starts get in each other's way). Does
 * nothing for a plan without one. Returns 0 or -1.
 */
int nvb_plan_write_spec(const struct nvb_plan *plan, struct nvb_error **err);

/* Whether that file is already there with that content. */
bool nvb_plan_has_spec(const struct nvb_plan *plan);

#endif
