#ifndef NVB_WRITER_COMPOSE_H
#define NVB_WRITER_COMPOSE_H

/* A plan as a file of the Compose specification (https://github.com/compose-spec/compose-spec) with
 * one service. */

#include "plan/plan.h"

/* Who reads it, a set: none of them says a word about a key that it does not know, so each key is
 * written only for those that honour it. */
enum nvb_compose_tool {
    NVB_COMPOSE_PODMAN_OLD = 1 << 0, /* podman-compose before 1.3 */
    NVB_COMPOSE_PODMAN = 1 << 1,     /* podman-compose from 1.3 on */
    NVB_COMPOSE_DOCKER = 1 << 2,     /* docker compose (2.26, 2.40 …) and Docker */
    NVB_COMPOSE_SOCKET = 1 << 3,     /* docker compose and Podman's service */
    NVB_COMPOSE_ANY_PODMAN = NVB_COMPOSE_PODMAN_OLD | NVB_COMPOSE_PODMAN,
    NVB_COMPOSE_ANY_DOCKER = NVB_COMPOSE_DOCKER | NVB_COMPOSE_SOCKET,
    NVB_COMPOSE_ALL = NVB_COMPOSE_ANY_PODMAN | NVB_COMPOSE_ANY_DOCKER,
};

/* "podman-compose before 1.3" …, for messages. A constant. */
const char *nvb_compose_tool_name(enum nvb_compose_tool tool);

struct nvb_compose_options {
    enum nvb_compose_tool tool;
    const char *service;            /* its name there; borrowed */
    const char *folder;             /* absolute: what relative paths are relative to; borrowed */
    const struct nvb_strv *devices; /* CDI names that bring the GPUs; borrowed */
};

/* Whether TEXT can be the name of a service. */
bool nvb_compose_is_name(const char *text);

/*
 * Appends the file. The GPUs come by the CDI names of OPTIONS, or, for a plan in direct mode, as
 * devices and mounts. Returns 0, or -1 with an error that names the option which the tool cannot be
 * told.
 */
int nvb_writer_compose(const struct nvb_plan *plan, const struct nvb_compose_options *options,
                       struct nvb_str *ret, struct nvb_error **err);

#endif
