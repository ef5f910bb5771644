#ifndef NVB_ENGINE_EXEC_H
#define NVB_ENGINE_EXEC_H

/* From a plan to an engine's command line, and becoming that engine. */

#include "plan/plan.h"

struct nvb_exec {
    char *program;          /* absolute. Owned */
    struct nvb_strv argv;   /* argv[0] is the program */
    struct nvb_strv added;  /* NAME=VALUE that are put into the environment */
    struct nvb_strv hidden; /* names of variables that are taken out of the environment */
};

#define _cleanup_exec_ _cleanup_(nvb_exec_done)

/*
 * Builds the command line of plan->engine:
 *   PROGRAM [user's globals] [ours] run|create [defaults] [ours] [user's words] IMAGE COMMAND…
 * The user's words stand as they were written. One that this engine does not have is spelled the
 * engine's way, or refused by name (a usage error). Returns 0 or -1.
 */
int nvb_exec_build(const struct nvb_plan *plan, struct nvb_exec *ret, struct nvb_error **err);
void nvb_exec_done(struct nvb_exec *exec);

/* Appends ENVIRONMENT less the hidden variables, and the added ones: what the engine is to be
 * started with. */
void nvb_exec_environment(const struct nvb_exec *exec, char *const *environment,
                          struct nvb_strv *ret);

/*
 * Becomes the engine: execve(2) with ENVIRONMENT less the hidden variables. Nothing of this process
 * stays. Returns only on failure: -1.
 */
int nvb_exec_run(struct nvb_exec *exec, char *const *environment, struct nvb_error **err);

/* ---- one file an engine: what nvbind adds, in that engine's spelling ---- */

/* Globals, before the command word. */
void nvb_podman_add_globals(const struct nvb_plan *plan, struct nvb_strv *ret);

/* Options, behind it. Fail where the engine has no way to say something. */
int nvb_podman_add_options(const struct nvb_plan *plan, struct nvb_strv *ret,
                           struct nvb_error **err);
int nvb_docker_add_options(const struct nvb_plan *plan, struct nvb_strv *ret,
                           struct nvb_error **err);

/* What both say in the same way: CDI names, variables, nodes, groups. */
int nvb_engine_add_common(const struct nvb_plan *plan, struct nvb_strv *ret,
                          struct nvb_error **err);

/* Appends TEXT as one field of a line of CSV, as --mount takes it. */
void nvb_engine_add_csv(struct nvb_str *s, const char *key, const char *text);

/*
 * Appends LINE's words for ENGINE, translated where it spells them otherwise; what it takes before
 * its command word only goes to RET_EARLY. Returns 0, or -1 with an error that names the option
 * that this engine cannot have.
 */
int nvb_engine_add_words(const struct nvb_plan_line *line, const struct nvb_engine *engine,
                         struct nvb_strv *ret_early, struct nvb_strv *ret, struct nvb_error **err);

#endif
