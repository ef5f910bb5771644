/*
 * How long "run" takes to decide that what it knows is still true: freshness HOST
 *
 * The facts of HOST's specification (cdi/witness.h), the engine's identity (host/engine.h), and the
 * kept specification read back (cdi/compact.h). Medians, in microseconds, as one line of JSON. HOST
 * is simulated; on the machine itself a look at a folder is one call where it is three here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cdi/build.h"
#include "cdi/compact.h"
#include "cdi/witness.h"
#include "host/engine.h"

#define RUNS 2000

extern char **environ;

static double now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *times)
{
    qsort(times, RUNS, sizeof(*times), compare);
    return times[RUNS / 2];
}

static void die(const char *what, const struct nvb_error *err)
{
    (void)fprintf(stderr, "freshness: %s: %s\n", what, err ? err->message : "it does not hold");
    exit(1);
}

static double time_facts(const struct nvb_host *host, const struct nvb_str *facts)
{
    static double times[RUNS];
    for (int i = 0; i < RUNS; i++) {
        double start = now();
        if (!nvb_cdi_witness_holds(facts->data, facts->len, "w ", host, NULL))
            die("facts", NULL);
        times[i] = now() - start;
    }
    return median(times);
}

static double time_spec(const struct nvb_str *kept)
{
    static double times[RUNS];
    for (int i = 0; i < RUNS; i++) {
        _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
        double start = now();
        if (nvb_cdi_compact_read(kept->data, kept->len, &spec) != 0)
            die("specification", NULL);
        times[i] = now() - start;
    }
    return median(times);
}

/* 0 where there is no engine. */
static double time_engine(void)
{
    static double times[RUNS];
    _cleanup_user_ struct nvb_user user = {0};
    nvb_user_read(environ, &user);
    for (int i = 0; i < RUNS; i++) {
        _cleanup_engine_ struct nvb_engine engine = {0};
        double start = now();
        if (nvb_engine_find(NVB_ENGINE_PODMAN, environ, &user, &engine, NULL) < 0)
            return 0;
        times[i] = now() - start;
    }
    return median(times);
}

int main(int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    _cleanup_gpus_ struct nvb_gpus gpus = {0};
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    _cleanup_str_ struct nvb_str facts = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str kept = NVB_STR_INIT;
    if (argc != 2)
        die("freshness HOST", NULL);
    const struct nvb_host_options where = {.host_root = argv[1]};
    const double engine = time_engine();
    if (nvb_host_open(&where, &host, &err) < 0 || nvb_host_find_gpus(&host, &gpus, &err) < 0)
        die("host", err);
    const struct nvb_cdi_build_options options = {
        .gpus = &gpus,
        .capabilities = NVB_CAP_COMPUTE | NVB_CAP_UTILITY,
    };
    double start = now();
    if (nvb_cdi_build_with_facts(&host, &options, "w ", &spec, &facts, NULL, &err) < 0)
        die("specification", err);
    const double built = now() - start;
    if (nvb_cdi_compact_write(&spec, &kept) != 0)
        die("specification", NULL);
    printf("{\"facts_us\": %.1f, \"engine_us\": %.1f, \"read_us\": %.1f, \"build_once_us\": %.1f, "
           "\"gpus\": %zu}\n",
           time_facts(&host, &facts), engine, time_spec(&kept), built, gpus.count);
    return 0;
}
