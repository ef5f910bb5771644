#ifndef NVB_PLAN_PARSE_H
#define NVB_PLAN_PARSE_H

/*
 * From the words behind "nvbind run" to a request (nvbind's own options) and a plan (everything
 * else, in its place). The grammar is the engines' own, see plan/option.h. Nothing behind IMAGE is
 * read.
 */

#include "plan/plan.h"

enum nvb_request_cdi {
    NVB_CDI_AUTO,   /* whatever works here */
    NVB_CDI_INSIST, /* --cdi */
    NVB_CDI_REFUSE, /* --no-cdi */
};

enum nvb_request_isolate {
    NVB_ISOLATE_UNSAID, /* the configuration decides */
    NVB_ISOLATE_NONE,   /* --isolate=none */
    NVB_ISOLATE_DEVICE, /* --isolate, --isolate=device: the selected GPUs and nothing beside them */
    NVB_ISOLATE_STRICT,
};

enum nvb_request_dry_run {
    NVB_DRY_RUN_OFF,
    NVB_DRY_RUN_SHELL,
    NVB_DRY_RUN_JSON,
};

/* nvbind's own options. Strings are owned. */
struct nvb_request {
    unsigned engines;   /* --runtime podman|docker: one bit; 0: not said */
    bool gpu_runtime;   /* --runtime nvidia|nvbind: a request for GPUs */
    char *gpu;          /* --gpu, or NULL */
    char *gpus;         /* --gpus, or NULL */
    char *capabilities; /* or NULL */
    char *profile;      /* names by commas, or NULL */
    bool rootless;
    bool help;
    enum nvb_request_cdi cdi;
    enum nvb_request_isolate isolate;
    enum nvb_request_dry_run dry_run;
};

#define _cleanup_request_ _cleanup_(nvb_request_done)

void nvb_request_done(struct nvb_request *request);

/*
 * Asked about an option that the table does not know; REQUEST is what has been read so far. NAME
 * has LEN bytes, without dashes. Returns 0 and whether it takes a value, 1 when there is no such
 * option, or -1.
 */
typedef int nvb_parse_ask(void *data, const struct nvb_request *request, const char *name,
                          size_t len, bool is_short, bool *ret_takes_value, struct nvb_error **err);

struct nvb_parse {
    nvb_parse_ask *ask; /* NULL: what the table does not know is an error */
    void *data;
};

/*
 * Reads ARGV (the words behind the command word). An option unknown to the table and to ask() is
 * a usage error that names the nearest one; so are a missing value, a value that an own option does
 * not have, and a missing IMAGE. After --help nothing more is read: request->help is set.
 * Fills ret_request and verb-independent parts of ret_plan: early, user, image, command; the rows
 * are those of either engine, Podman's first. Returns 0 or -1.
 */
int nvb_parse_run(const struct nvb_parse *parse, int argc, char *const *argv,
                  struct nvb_request *ret_request, struct nvb_plan *ret_plan,
                  struct nvb_error **err);

/*
 * The same for the words behind "nvbind exec": of the own options --runtime, --dry-run and --help,
 * the engines' of exec, and CONTAINER in the place of IMAGE, which ret_plan->image then is; with
 * --latest it is NULL.
 */
int nvb_parse_exec(const struct nvb_parse *parse, int argc, char *const *argv,
                   struct nvb_request *ret_request, struct nvb_plan *ret_plan,
                   struct nvb_error **err);

/*
 * Reads WORDS, options of an engine only (a configuration's default arguments), into *ret. Anything
 * else is a configuration error without a place; *ret_word is then the index of the word. Returns 0
 * or -1.
 */
int nvb_parse_defaults(const struct nvb_strv *words, struct nvb_plan_line *ret, size_t *ret_word,
                       struct nvb_error **err);

/* The names of nvbind's own options, without dashes, NULL-terminated. */
extern const char *const nvb_parse_own_names[];

#endif
