#ifndef NVB_PLAN_RESOLVE_H
#define NVB_PLAN_RESOLVE_H

/* From a request and a host to a plan. */

#include "cdi/consumer.h"
#include "host/endpoint.h"
#include "host/engine_facts.h"
#include "host/host.h"
#include "host/user.h"
#include "plan/configure.h"
#include "plan/parse.h"
#include "plan/plan.h"
#include "plan/selection.h"

/* Everything that a plan depends on besides the words. All borrowed. */
struct nvb_plan_input {
    const struct nvb_request *request;
    const struct nvb_engine *engine;
    const struct nvb_endpoint *endpoint;  /* where it makes containers; NULL: here */
    const struct nvb_engine_facts *facts; /* what it says of itself; NULL: not asked, no answer */
    const struct nvb_user *user;
    const struct nvb_host_options *host;
    char *const *environment; /* the caller's */
    bool terminal;            /* standard input and output are one */

    const struct nvb_plan_defaults *defaults; /* what the configuration says besides
                                                 plan->defaults; NULL: nothing */
};

/*
 * Completes PLAN, which nvb_parse_run() has filled and whose defaults nvb_parse_defaults() may
 * have: drops the defaults that the user's words replace, decides which GPUs, by whose word and how
 * the engine gets them, and lays in what they need. Nothing is written; nvb_plan_write_spec() does
 * that. Returns 0 or -1.
 */
int nvb_plan_resolve(const struct nvb_plan_input *input, struct nvb_plan *plan,
                     struct nvb_notes *notes, struct nvb_error **err);

/* ---- the steps, each a file of its own ---- */

/*
 * Takes out of plan->defaults what does not go with the user's words: the same option where only
 * the last one counts, the same mount destination, device or variable, options that exclude each
 * other (--rm and --restart …), and a terminal where there is none.
 */
void nvb_defaults_merge(struct nvb_plan *plan, bool terminal);

/* The part of it that asks no terminal: takes out of LOWER what does not go with UPPER, which is
 * laid over it. */
void nvb_defaults_drop_replaced(struct nvb_plan_line *lower, const struct nvb_plan_line *upper,
                                const struct nvb_engine *engine);

/* Of the options of LINE that bring the same mount destination, device, variable, port or limit,
 * only the last stays. */
void nvb_defaults_drop_earlier(struct nvb_plan_line *line, const struct nvb_engine *engine);

#define NVB_WISH_VARIABLE "--env NVIDIA_VISIBLE_DEVICES"

/* Who decided about GPUs, and what. */
struct nvb_wish {
    const char *source; /* a constant */
    char *words;        /* owned */
    struct nvb_selection selection;
    struct nvb_place place; /* where a configuration says so; all zero: nowhere */
    bool own_cdi;           /* the user's own --device names CDI devices of ours … */
    bool own_nodes;         /* … and nodes of the driver */
};

#define _cleanup_wish_ _cleanup_(nvb_wish_done)

void nvb_wish_done(struct nvb_wish *wish);
int nvb_wish_read(const struct nvb_plan_input *input, const struct nvb_plan *plan,
                  struct nvb_wish *ret, struct nvb_error **err);

/* Says in an error about the GPUs that were asked for, where they were. Returns -1. */
int nvb_wish_fail(const struct nvb_wish *wish, struct nvb_error **err);

/* The set of capabilities: --capabilities, --gpus, -e NVIDIA_DRIVER_CAPABILITIES, the default. */
int nvb_wish_read_capabilities(const struct nvb_plan_input *input, const struct nvb_plan *plan,
                               const struct nvb_wish *wish, unsigned *ret, struct nvb_error **err);

/* Whether the engine's containers may be made on another machine. */
bool nvb_plan_is_remote(const struct nvb_plan_input *input);

/* Whether a service makes them, here or elsewhere: it knows nothing of the caller's folders. */
bool nvb_plan_is_by_service(const struct nvb_plan_input *input);

/*
 * The caller's private folder for files that are mounted into containers: the one of the session,
 * or, for a container that OUTLIVES it, one that is still there after a reboot. Returns 0 with an
 * owned path, 1 where there is none, or -1.
 */
int nvb_plan_find_files_folder(const struct nvb_user *user, bool outlives, char **ret,
                               struct nvb_error **err);

/* Moves the X11 cookie of a container that outlives the session to where it is still found: a mount
 * whose source is gone keeps a container from starting again. */
void nvb_plan_keep_cookie(struct nvb_plan *plan, const struct nvb_user *user);

/* Whether the container must start again without nvbind. */
bool nvb_plan_outlives(const struct nvb_plan *plan);

/*
 * Whether a file in the folders that this engine reads by itself gives the device NAME of our kind,
 * as the engine sees it (cdi/registry.h), and all that it brings is there. Where something is not,
 * as after a driver upgrade, *ret_stale (unless RET_STALE is NULL) says what; owned.
 */
bool nvb_system_spec_find(const struct nvb_plan_input *input, const char *name, char **ret_stale);
bool nvb_system_spec_has(const struct nvb_plan_input *input, const char *name);

/* Appends what reads specifications where the container is made. */
void nvb_plan_add_consumer(const struct nvb_plan_input *input, struct nvb_cdi_consumers *ret);

/* The folders that the input's engine reads by itself, as far as they are there. */
void nvb_system_spec_folders(const struct nvb_plan_input *input, struct nvb_strv *ret);

/*
 * Fails where the caller may not use one of the nodes that the plan brings along, or the
 * container's users could not. A node that the caller reaches by one of his further groups alone
 * takes
 * "--group-add keep-groups", which is added where it can work. Returns 0 or -1.
 */
int nvb_plan_check_access(const struct nvb_plan_input *input, struct nvb_plan *plan,
                          struct nvb_notes *notes, struct nvb_error **err);

#endif
