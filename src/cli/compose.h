#ifndef NVB_CLI_COMPOSE_H
#define NVB_CLI_COMPOSE_H

/* The parts of "nvbind compose". */

#include "cli/planning.h"
#include "compose/override.h"
#include "compose/tool.h"

/* A service that gets GPUs. */
struct nvb_compose_part {
    const struct nvb_compose_service *service; /* borrowed */
    struct nvb_compose_wish wish;
    struct nvb_cli_planning planning;
    struct nvb_request request;
    struct nvb_plan plan;
    struct nvb_exec exec;
};

struct nvb_compose_parts NVB_VEC(struct nvb_compose_part *);

/* All that the command has found out. */
struct nvb_compose_run {
    const struct nvb_cli *cli;
    struct nvb_user user;
    struct nvb_compose_call call;
    struct nvb_compose_tool tool;
    struct nvb_compose_project project;
    struct nvb_compose_model model;
    struct nvb_compose_parts parts;
    struct nvb_compose_override override;
    bool prints;            /* nothing is run */
    struct nvb_notes notes; /* each once, whichever service it came from */
    struct nvb_strv copies; /* texts of the project's files that the tool gets in their place */
    char *services;         /* podman-compose: what the stand-in is told, or NULL */
    char *self;             /* podman-compose: the nvbind that the stand-in is, or NULL */
    char *folder;           /* where its files go, or NULL: none is written */
    struct nvb_exec exec;
};

#define _cleanup_compose_run_ _cleanup_(nvb_compose_run_done)

void nvb_compose_run_done(struct nvb_compose_run *run);

/*
 * Plans every service of run->model that asks for GPUs, as "nvbind create" would for this engine,
 * into run->parts and run->override. A service that cannot have them is an error at the place where
 * it asks, unless the command would not start it: then its request stays as it is, which the engine
 * or the stand-in refuses in turn. Returns 0 or -1.
 */
int nvb_compose_plan(struct nvb_compose_run *run, struct nvb_error **err);

/*
 * podman-compose calls Podman by a program of our own (--podman-path), because its files have no
 * way to take a request away and some versions drop requests: each "run" and "create" of a service
 * that asks for GPUs becomes nvbind's, every other word is passed on. The first finds out what that
 * program is to know, for run->services and run->self; the second writes it and the list of
 * services into run->folder. Both return 0 or -1.
 */
int nvb_compose_make_stand_in(struct nvb_compose_run *run, struct nvb_error **err);
int nvb_compose_write_stand_in(const struct nvb_compose_run *run, struct nvb_error **err);

#endif
