#include "bench/known.h"

#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/process.h"
#include "cdi/build.h"
#include "cdi/witness.h"

#define FACTS       "w "
#define PATIENCE_MS 10000

void nvb_bench_known_done(struct nvb_bench_known *known)
{
    nvb_host_done(&known->host);
    nvb_str_done(&known->facts);
}

int nvb_bench_known_open(const struct nvb_host_options *options, struct nvb_bench_known *ret,
                         struct nvb_error **err)
{
    const struct nvb_cdi_build_options build = {0};
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    if (nvb_host_open(options, &ret->host, err) < 0 ||
        nvb_cdi_build_with_facts(&ret->host, &build, FACTS, &spec, &ret->facts, NULL, err) < 0)
        return -1;
    if (ret->facts.len == 0)
        return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                              "the driver's files change just now, or it has not told all yet");
    return 0;
}

static bool is_engine_known(const struct nvb_bench_known *known)
{
    struct nvb_engine engine = {0};
    int r = nvb_engine_find(known->kinds, known->environment, known->user, &engine, NULL);
    nvb_engine_done(&engine);
    return r == 0;
}

static bool does_spec_hold(const struct nvb_bench_known *known)
{
    return nvb_cdi_witness_holds(known->facts.data, known->facts.len, FACTS, &known->host, NULL);
}

static int decide(bool (*is_known)(const struct nvb_bench_known *known),
                  const struct nvb_bench_known *known, int fd)
{
    if (known->again && !is_known(known))
        return 1;
    const double before = nvb_bench_now();
    const bool yes = is_known(known);
    const double us = nvb_bench_now() - before;
    return yes && nvb_write_all(fd, &us, sizeof(us)) == 0 ? 0 : 1;
}

static int decide_engine(const void *arg, int fd)
{
    return decide(is_engine_known, arg, fd);
}

static int decide_spec(const void *arg, int fd)
{
    return decide(does_spec_hold, arg, fd);
}

static int ask(int (*question)(const void *arg, int fd), const struct nvb_bench_known *known,
               const char *what, struct nvb_bench_sample *ret, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
    int status = 0;
    if (nvb_process_ask(question, known, PATIENCE_MS, sizeof(ret->us), &bytes, &status, err) < 0)
        return -1;
    if (status != 0 || bytes.len != sizeof(ret->us))
        return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "%s", what);
    memcpy(&ret->us, bytes.data, sizeof(ret->us));
    return 0;
}

int nvb_bench_known_engine(void *arg, struct nvb_bench_sample *ret, struct nvb_error **err)
{
    return ask(decide_engine, arg, "no engine is there", ret, err);
}

int nvb_bench_known_spec(void *arg, struct nvb_bench_sample *ret, struct nvb_error **err)
{
    return ask(decide_spec, arg, "the driver's files changed while it was measured", ret, err);
}
