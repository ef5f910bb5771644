#ifndef NVB_HOST_ENGINE_FACTS_H
#define NVB_HOST_ENGINE_FACTS_H

/*
 * What an engine says of itself besides its version. It is asked once ("podman info", "docker
 * info"); the answer is kept as the version is, and given again while nothing has changed that it
 * depends on: the program; for Podman every containers.conf and the OCI runtime; for Docker the
 * endpoint, its socket, the daemon's program, its daemon.json and the file with its process number.
 */

#include "base/error.h"
#include "base/str.h"
#include "host/endpoint.h"
#include "host/engine.h"

struct nvb_engine_facts {
    char *version;      /* of what makes the containers: Docker's daemon, not its client. Owned */
    bool rootless;      /* it makes them as an ordinary user */
    bool elsewhere;     /* the service runs under another kernel: a virtual machine, another host */
    unsigned cgroup;    /* 1 (also where it is mixed) or 2; 0: it does not say */
    char *runtime;      /* the OCI runtime that it uses by itself: "crun". Owned */
    char *runtime_path; /* or NULL: it does not say. Owned */
    bool cdi;           /* it resolves CDI names */
    struct nvb_strv cdi_folders; /* … from these folders, the last one wins */
};

#define _cleanup_engine_facts_ _cleanup_(nvb_engine_facts_done)

/*
 * Asks ENGINE, which makes its containers at ENDPOINT. Nothing is asked of another machine: 1.
 * Returns 0, 1, or -1 when there is no answer: a permission error where the service's socket is
 * closed to the caller, a not-found error where none listens, an engine error for all else.
 */
int nvb_engine_probe(const struct nvb_engine *engine, const struct nvb_endpoint *endpoint,
                     char *const *environment, const struct nvb_user *user,
                     struct nvb_engine_facts *ret, struct nvb_error **err);
void nvb_engine_facts_done(struct nvb_engine_facts *facts);

/* Reads what "podman info --format json" or "docker info --format '{{json .}}'" prints. Podman's
 * folders of CDI specifications are filled in only where it tells them (6.0 does). Returns 0 or -1.
 */
int nvb_engine_facts_parse(enum nvb_engine_kind kind, const char *text, size_t len,
                           struct nvb_engine_facts *ret, struct nvb_error **err);

#endif
