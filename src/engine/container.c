#include "engine/container.h"

#include <string.h>
#include <sys/wait.h>

#include "base/process.h"
#include "data/json.h"
#include "engine/exec.h"

/* As long as an engine may take to come up. */
#define TIMEOUT_MS 20000
#define MAX_ANSWER ((size_t)4 << 20)

/* What drivers and their libraries read. Other variables of the first process are the engine's own
 * business (a secret, for one), and exec has those of the image anyway. */
static const char *const prefixes[] = {
    "NVIDIA_", "CUDA_",
    "__NV_",   "__GL_",
    "__GLX_",  "__EGL_",
    "VK_",     "VDPAU_",
    "LIBVA_",  "ROCR_",
    "HIP_",    "HSA_",
    "AMD_",    "GPU_",
    "MESA_",   "ZE_",
    "ONEAPI_", "SYCL_",
    "HABANA_", "NEURON_",
    "GBM_",    "NCCL_",
    "LIBGL_",  "XLA_",
    "TPU_",    "LD_LIBRARY_PATH=",
};

static bool is_drivers(const char *variable)
{
    for (size_t i = 0; i < NVB_COUNT(prefixes); i++)
        if (nvb_has_prefix(variable, prefixes[i]))
            return true;
    return false;
}

static bool has_name(const struct nvb_doc *list, const char *variable)
{
    size_t len = strcspn(variable, "=");
    nvb_vec_foreach (item, &list->list)
        if (item->type == NVB_DOC_TEXT && strncmp(item->text, variable, len) == 0 &&
            item->text[len] == '=')
            return true;
    return false;
}

/* ---- asking ---- */

static int add_globals(const struct nvb_engine *engine, const struct nvb_plan *plan,
                       struct nvb_strv *words, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv globals = {0};
    if (nvb_engine_add_words(&plan->early, engine, words, words, err) < 0)
        return -1;
    nvb_vec_foreach (option, &plan->user.options) {
        if (!option->row || !(option->row->scope & NVB_OPTION_GLOBAL) ||
            !(option->row->engines & engine->kind))
            continue;
        if (option->value)
            nvb_strv_addf(words, "--%s=%s", option->row->name, option->value);
        else
            nvb_strv_addf(words, "--%s", option->row->name);
    }
    return 0;
}

static bool is_absence(const char *messages)
{
    return strcasestr(messages, "no such container") || strcasestr(messages, "no such object") ||
           strcasestr(messages, "no containers to inspect");
}

/* Returns 0 with the answer, 1 where there is no such container, or -1. */
static int ask(const struct nvb_engine *engine, const struct nvb_plan *plan,
               char *const *environment, struct nvb_str *ret, struct nvb_error **err)
{
    const bool podman = engine->kind == NVB_ENGINE_PODMAN;
    _cleanup_strv_ struct nvb_strv words = {0};
    _cleanup_str_ struct nvb_str messages = NVB_STR_INIT;
    int status = 0;
    if (!podman && !plan->image)
        return nvb_error_make(err, NVB_ERROR_USAGE, 0, "docker has no option '--latest'");
    nvb_strv_add(&words, engine->path);
    if (add_globals(engine, plan, &words, err) < 0)
        return -1;
    nvb_strv_add(&words, "container");
    nvb_strv_add(&words, "inspect");
    nvb_strv_add(&words, "--format");
    nvb_strv_add(&words, podman ? "[{{json .Config.Env}},null]"
                                : "[{{json .Config.Env}},{{json .HostConfig.DeviceRequests}}]");
    if (!plan->image) {
        nvb_strv_add(&words, "--latest");
    } else {
        nvb_strv_add(&words, "--");
        nvb_strv_add(&words, plan->image);
    }
    if (nvb_process_capture(engine->path, nvb_strv_terminate(&words), environment, TIMEOUT_MS,
                            MAX_ANSWER, ret, &messages, &status, err) < 0)
        return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (is_absence(messages.data))
        return 1;
    messages.data[strcspn(messages.data, "\n")] = '\0';
    return nvb_error_make(err, NVB_ERROR_ENGINE, 0, "%s does not answer about its containers: %s",
                          nvb_engine_name(engine->kind), messages.data);
}

/* ---- the environment ---- */

/* What Podman shows of a container that runs is its first process's. What exec has of it anyway is
 * said a second time with the same value. */
static void add_drivers(const struct nvb_doc *env, struct nvb_strv *ret)
{
    nvb_vec_foreach (item, &env->list)
        if (item->type == NVB_DOC_TEXT && is_drivers(item->text))
            nvb_strv_add(ret, item->text);
}

/* Docker shows what it was told when it made the container; what NVIDIA's specifications say is
 * known. */
static void add_from_requests(const struct nvb_doc *requests, const struct nvb_doc *own,
                              struct nvb_strv *ret)
{
    static const char variable[] = "NVIDIA_VISIBLE_DEVICES=void";
    if (requests->type != NVB_DOC_LIST || has_name(own, variable))
        return;
    nvb_vec_foreach (request, &requests->list) {
        const char *driver = nvb_doc_find_text(request, "Driver");
        const struct nvb_doc *names = nvb_doc_find(request, "DeviceIDs");
        if (!driver || strcmp(driver, "cdi") != 0 || !names || names->type != NVB_DOC_LIST)
            continue;
        nvb_vec_foreach (name, &names->list)
            if (name->type == NVB_DOC_TEXT && nvb_has_prefix(name->text, "nvidia.com/gpu")) {
                nvb_strv_add(ret, variable);
                return;
            }
    }
}

int nvb_container_look(const struct nvb_engine *engine, const struct nvb_plan *plan,
                       char *const *environment, struct nvb_strv *ret, struct nvb_error **err)
{
    static const struct nvb_doc none = {.type = NVB_DOC_LIST};
    _cleanup_str_ struct nvb_str answer = NVB_STR_INIT;
    _cleanup_doc_ struct nvb_doc doc = {0};
    int r = ask(engine, plan, environment, &answer, err);
    if (r != 0)
        return r;
    if (nvb_json_read(answer.data, answer.len, engine->path, &doc, err) < 0)
        return nvb_error_prefix(err, "what %s says about its container",
                                nvb_engine_name(engine->kind));
    if (doc.type != NVB_DOC_LIST || doc.list.count != 2)
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0, "%s describes its container oddly",
                              nvb_engine_name(engine->kind));
    const struct nvb_doc *own = doc.list.items[0].type == NVB_DOC_LIST ? &doc.list.items[0] : &none;
    const struct nvb_doc *more = &doc.list.items[1];
    if (engine->kind == NVB_ENGINE_PODMAN)
        add_drivers(own, ret);
    else
        add_from_requests(more, own, ret);
    return 0;
}
