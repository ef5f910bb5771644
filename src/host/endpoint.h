#ifndef NVB_HOST_ENDPOINT_H
#define NVB_HOST_ENDPOINT_H

/*
 * Where an engine makes its containers: by itself (Podman), by a service on this machine, or by one
 * that may be on another. It is decided as the engine itself decides it, from the command line's
 * globals, the environment and its own files: contexts of Docker
 * (~/.docker/contexts/meta/SHA256/meta.json) and connections of Podman (podman-connections.json).
 */

#include "base/error.h"
#include "host/engine.h"
#include "host/user.h"

enum nvb_endpoint_kind {
    NVB_ENDPOINT_HERE,   /* the program itself makes the container */
    NVB_ENDPOINT_LOCAL,  /* a service behind a Unix socket of this machine */
    NVB_ENDPOINT_REMOTE, /* a service that may be on any machine */
};

struct nvb_endpoint {
    enum nvb_endpoint_kind kind;
    char *url;          /* owned: "unix:///run/docker.sock"; NULL: HERE, or not known */
    const char *source; /* who named it: "--host", "DOCKER_HOST", "the context" …; a constant */
};

#define _cleanup_endpoint_ _cleanup_(nvb_endpoint_done)

/* What the command line's globals say. All borrowed. */
struct nvb_endpoint_words {
    const char *url;  /* -H, --host, --url, or NULL */
    const char *name; /* --context, --connection, or NULL */
    int remote;       /* Podman: --remote: 1 on, 0 off, -1 not said */
};

void nvb_endpoint_find(enum nvb_engine_kind engine, const struct nvb_endpoint_words *words,
                       char *const *environment, const struct nvb_user *user,
                       struct nvb_endpoint *ret);
void nvb_endpoint_done(struct nvb_endpoint *endpoint);

/* The socket's path, borrowed from the URL, or NULL where it is not a Unix socket's. */
const char *nvb_endpoint_socket(const struct nvb_endpoint *endpoint);

#endif
