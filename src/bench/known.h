#ifndef NVB_BENCH_KNOWN_H
#define NVB_BENCH_KNOWN_H

/* How long it takes run to decide that nothing has changed since the last one. */

#include "bench/series.h"
#include "host/engine.h"
#include "host/host.h"
#include "host/user.h"

struct nvb_bench_known {
    unsigned kinds; /* of engines that will do */
    char *const *environment;
    const struct nvb_user *user;
    struct nvb_host host;
    struct nvb_str facts;
    bool again; /* what is timed is the second time in a process */
};

#define NVB_BENCH_KNOWN_INIT                          \
    {                                                 \
        .host = NVB_HOST_INIT, .facts = NVB_STR_INIT, \
    }
#define _cleanup_bench_known_ _cleanup_(nvb_bench_known_done)

void nvb_bench_known_done(struct nvb_bench_known *known);

/* Collects the facts of HOST by which a specification is known again. Returns 0, or -1, also where
 * this host's facts are not worth keeping (cdi/witness.h). */
int nvb_bench_known_open(const struct nvb_host_options *host, struct nvb_bench_known *ret,
                         struct nvb_error **err);

/*
 * The two decisions, for nvb_bench_repeat(), with a struct nvb_bench_known: finding the engine in
 * PATH and that it is the one whose version is kept; and that the facts which a specification was
 * made from still hold. Each is done in a new process; the first time there it also pays for every
 * page of memory that the process has not touched yet.
 */
int nvb_bench_known_engine(void *arg, struct nvb_bench_sample *ret, struct nvb_error **err);
int nvb_bench_known_spec(void *arg, struct nvb_bench_sample *ret, struct nvb_error **err);

#endif
