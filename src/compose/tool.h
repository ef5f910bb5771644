#ifndef NVB_COMPOSE_TOOL_H
#define NVB_COMPOSE_TOOL_H

/* Which compose tool is here, and whose containers it makes. */

#include "compose/project.h"
#include "host/engine.h"

struct nvb_compose_tool {
    enum nvb_compose_flavour flavour;
    enum nvb_engine_kind engine; /* what makes its containers */
    char *program;               /* absolute. Owned */
    struct nvb_strv words;       /* its argv up to the user's words: "docker", "compose". Owned */
    char *url;                   /* the socket of Podman's that it is to speak to; owned, or NULL */
    bool set_url;                /* … and its environment does not say so yet */
};

#define _cleanup_compose_tool_ _cleanup_(nvb_compose_tool_done)

void nvb_compose_tool_done(struct nvb_compose_tool *tool);

/*
 * Finds a tool for one of KINDS. Podman: PODMAN_COMPOSE_PROVIDER, podman-compose, then Docker
 * Compose on Podman's socket. Docker: its plugin by "docker compose", then docker-compose; where
 * DOCKER_HOST leads to Podman's socket, that is the engine. Podman goes first, where a tool for it
 * is here. None at all: a not-found error whose hint installs one.
 */
int nvb_compose_tool_find(unsigned kinds, char *const *environment, const struct nvb_user *user,
                          struct nvb_compose_tool *ret, struct nvb_error **err);

/* Asks the tool for its version: major * 100 + minor. Returns 0 or -1. */
int nvb_compose_tool_version(const struct nvb_compose_tool *tool, char *const *environment,
                             unsigned *ret, struct nvb_error **err);

/* The first Docker Compose that knows !reset and !override, and DeviceRequests by CDI. */
#define NVB_COMPOSE_TAGS_VERSION 224

/* The first podman-compose that reads requests itself, and so can break off at one. */
#define NVB_COMPOSE_READS_VERSION 101

#endif
