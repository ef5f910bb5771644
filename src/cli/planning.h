#ifndef NVB_CLI_PLANNING_H
#define NVB_CLI_PLANNING_H

/* From a command's words to a plan and an engine's command line: what run, create and every other
 * command that takes run's options share. */

#include "cli/cli.h"
#include "config/config.h"
#include "engine/exec.h"
#include "host/endpoint.h"
#include "host/engine_facts.h"
#include "host/user.h"
#include "plan/parse.h"
#include "plan/plan.h"

/* What is found out once, at the first need: before an unknown option is asked about, or before
 * the plan is resolved. CLI and VERB ("run", "create": what the engine is asked the help of) are
 * borrowed and set by the caller, who reads the user as well; the rest is filled here. */
struct nvb_cli_planning {
    const struct nvb_cli *cli;
    const char *verb;
    bool gpus_only; /* of the configuration only what is said about GPUs: the container is made by
                       another tool's words */
    struct nvb_user user;
    struct nvb_engine engine;      /* path is NULL until it is found */
    struct nvb_endpoint endpoint;  /* where it makes containers */
    struct nvb_engine_facts facts; /* what it says of itself; version is NULL where it was not asked
                                      or gave no answer */
    struct nvb_config config;
    bool has_config;
    struct nvb_notes notes; /* for nvb_cli_print_notes(), also after a failure */
};

#define _cleanup_planning_ _cleanup_(nvb_cli_planning_done)

void nvb_cli_planning_done(struct nvb_cli_planning *planning);

/* Reads the configuration where it is not read yet. Returns 0 or -1. */
int nvb_cli_load_config(struct nvb_cli_planning *planning, struct nvb_error **err);

/* The callback of struct nvb_parse, with a struct nvb_cli_planning as its data. */
int nvb_cli_ask_engine(void *data, const struct nvb_request *request, const char *name, size_t len,
                       bool is_short, bool *ret_takes_value, struct nvb_error **err);

/*
 * Finds the engine that REQUEST or the configuration wants, unless it is found already, and reads
 * the configuration for that. Returns 0 or -1.
 */
int nvb_cli_find_engine(struct nvb_cli_planning *planning, const struct nvb_request *request,
                        struct nvb_error **err);

/*
 * Everything up to the engine's command line: configuration, engine, profiles, GPUs. REQUEST and
 * PLAN are what nvb_parse_run() made of the words; PLAN is completed and borrows planning's engine.
 * Nothing is written. Returns 0 or -1.
 */
int nvb_cli_plan(struct nvb_cli_planning *planning, struct nvb_request *request,
                 struct nvb_plan *plan, struct nvb_exec *ret_exec, struct nvb_error **err);

#endif
