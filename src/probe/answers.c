/*
 * What the driver's libraries answer. Everything is asked in a child process, which ends without
 * the libraries' exit handlers: a driver that crashes or hangs is a finding, not the probe's end.
 * Signatures are those of NVML's and CUDA's public references; both keep old entry points.
 */

#include <dlfcn.h>
#include <inttypes.h>
#include <time.h>

#include "probe/kernel.h"
#include "probe/probe.h"

static void answer(struct nvb_str *out, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void answer(struct nvb_str *out, const char *key, const char *format, ...)
{
    va_list args;

    nvb_str_addf(out, "%s=", key);
    va_start(args, format);
    nvb_str_addv(out, format, args);
    va_end(args);
    nvb_str_addc(out, '\n');
}

/* ---- NVML ----------------------------------------------------------------------------------- */

struct nvml {
    int (*init)(void);
    int (*shutdown)(void);
    int (*version)(char *text, unsigned len);
    int (*count)(unsigned *ret);
};

static const char *nvml_name(int code)
{
    switch (code) {
    case 0:
        return "success";
    case 1:
        return "uninitialized";
    case 3:
        return "not supported";
    case 4:
        return "no permission";
    case 9:
        return "driver not loaded";
    case 12:
        return "library not found";
    case 15:
        return "GPU is lost";
    case 18:
        return "driver and library versions differ";
    case 999:
        return "unknown error";
    default:
        return "error";
    }
}

static void ask_nvml(const void *arg, struct nvb_str *out)
{
    (void)arg;
    void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);

    if (!library)
        return;

    struct nvml nvml = {
        .init = (int (*)(void))dlsym(library, "nvmlInit_v2"),
        .shutdown = (int (*)(void))dlsym(library, "nvmlShutdown"),
        .version = (int (*)(char *, unsigned))dlsym(library, "nvmlSystemGetDriverVersion"),
        .count = (int (*)(unsigned *))dlsym(library, "nvmlDeviceGetCount_v2"),
    };
    if (!nvml.init) {
        answer(out, "init", "-1 no nvmlInit_v2 in it");
        return;
    }

    int code = nvml.init();

    answer(out, "init", "%d %s", code, nvml_name(code));
    if (code != 0)
        return;

    char text[96] = "";
    unsigned count = 0;

    if (nvml.version && nvml.version(text, sizeof(text)) == 0)
        answer(out, "driver", "%s", text);
    if (nvml.count && nvml.count(&count) == 0)
        answer(out, "count", "%u", count);
    if (nvml.shutdown)
        (void)nvml.shutdown();
}

/* ---- CUDA ----------------------------------------------------------------------------------- */

static void ask_cuda(const void *arg, struct nvb_str *out)
{
    (void)arg;
    struct nvb_cuda cuda = {0};
    int version = 0, count = 0;

    if (!nvb_cuda_open(&cuda))
        return;
    if (!cuda.init) {
        answer(out, "init", "-1 no cuInit in it");
        return;
    }

    int code = cuda.init(0);

    answer(out, "init", "%d %s", code, nvb_cuda_name(code));
    /* This one works without a kernel driver, too. */
    if (cuda.driver_version && cuda.driver_version(&version) == 0)
        answer(out, "version", "%d.%d", version / 1000, version % 1000 / 10);
    if (code == 0 && cuda.count && cuda.count(&count) == 0)
        answer(out, "count", "%d", count);
}

/* One line a GPU: "0=ok NAME, 12.3 us" or "0=failed NAME: what". */
static void ask_kernel(const void *arg, struct nvb_str *out)
{
    (void)arg;
    struct nvb_cuda cuda = {0};
    int count = 0;

    if (!nvb_cuda_open(&cuda) || !nvb_cuda_is_complete(&cuda)) {
        answer(out, "all", "failed: no libcuda, or calls are missing in it");
        return;
    }

    int code = cuda.init(0);

    if (code == 0)
        code = cuda.count(&count);
    if (code != 0 || count < 1) {
        answer(out, "all", "failed: %s", code ? nvb_cuda_name(code) : "no device");
        return;
    }
    for (int i = 0; i < count; i++) {
        _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
        _cleanup_free_ char *key = nvb_strdupf("%d", i);
        bool ok = nvb_cuda_run_kernel(&cuda, i, &text);

        answer(out, key, "%s: %s", ok ? "ok" : "failed", text.data);
    }
}

/* ---- all of it ------------------------------------------------------------------------------ */

const char *nvb_probe_answer(const struct nvb_strv *answers, const char *key)
{
    size_t len = strlen(key);

    nvb_vec_foreach (line, answers) {
        if (strncmp(*line, key, len) == 0 && (*line)[len] == '=')
            return *line + len + 1;
    }
    return NULL;
}

/* Returns true where the first answer, if there is one, is success. */
static bool ask(void (*call)(const void *arg, struct nvb_str *out), struct nvb_strv *ret)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_free_ char *reason = NULL;
    bool alive = nvb_probe_apart(call, NULL, &text, &reason) == 0;

    for (const char *line = text.data, *end; (end = strchr(line, '\n')); line = end + 1)
        nvb_strv_addn(ret, line, (size_t)(end - line));
    if (!alive) {
        nvb_strv_addf(ret, "end=%s", reason);
        return false;
    }

    const char *init = nvb_probe_answer(ret, "init");

    return !init || nvb_has_prefix(init, "0 ");
}

void nvb_probe_ask(bool kernel, struct nvb_probe_answers *ret)
{
    bool nvml_ok = ask(ask_nvml, &ret->nvml);
    bool cuda_ok = ask(ask_cuda, &ret->cuda);

    ret->failed = !nvml_ok || !cuda_ok;
    if (!kernel)
        return;
    ret->kernel_ran = ask(ask_kernel, &ret->kernel) && ret->kernel.count > 0;
    nvb_vec_foreach (line, &ret->kernel)
        ret->kernel_ran &= strstr(*line, "=ok: ") != NULL;
}

void nvb_probe_answers_done(struct nvb_probe_answers *answers)
{
    nvb_strv_done(&answers->nvml);
    nvb_strv_done(&answers->cuda);
    nvb_strv_done(&answers->kernel);
}
