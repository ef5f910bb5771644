/* nvbind kube play: what this machine has of GPUs and who holds them, for requests to choose from.
 */
#include "cdi/registry.h"
#include "cli/kube.h"
#include "host/modprobe.h"
#include "host/nvml.h"

extern char **environ;

static bool asks_for(const struct nvb_play_pods *pods, enum nvb_play_kind kind)
{
    nvb_vec_foreach (pod, pods)
        nvb_vec_foreach (container, &pod->containers)
            nvb_vec_foreach (request, &container->requests)
                if (request->kind == kind && request->count > 0)
                    return true;
    return false;
}

static int read_holders(const struct nvb_kube_choosing *how, struct nvb_play_holders *ret,
                        struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    _cleanup_str_ struct nvb_str answer = NVB_STR_INIT;
    static const char *const ask[] = {"ps",       "--pod", "--filter", "label=" NVB_PLAN_GPU_LABEL,
                                      "--format", "json"};
    nvb_strv_add(&words, how->planning->engine.path);
    for (size_t i = 0; i < NVB_COUNT(ask); i++)
        nvb_strv_add(&words, ask[i]);
    if (nvb_kube_ask(how->planning, &words, &answer, err) < 0)
        return -1;
    return nvb_play_read_holders(answer.data, answer.len, how->gone, ret, err);
}

/* The devices of other kinds that this Podman, or nvbind in its place, can give. */
static void find_foreign(const struct nvb_kube_choosing *how, struct nvb_strv *ret)
{
    _cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
    _cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
    _cleanup_strv_ struct nvb_strv folders = {0};
    const struct nvb_cdi_setting setting = {&root, environ, &how->planning->user};
    const char *host = how->planning->cli->host.host_root;
    if (nvb_root_open(host ? host : "/", &root, NULL) < 0)
        return;
    nvb_cdi_consumer_folders(NULL, &setting, &folders, NULL);
    nvb_cdi_registry_read(&root, &folders, NULL, &registry);
    nvb_vec_foreach (entry, &registry.entries)
        if (entry->state == NVB_CDI_IN_FORCE && !nvb_has_prefix(entry->name, "nvidia.com/gpu="))
            nvb_strv_add(ret, entry->name);
}

/* What the machine has, for as long as it is chosen from. */
struct machine {
    struct nvb_host host;
    struct nvb_gpus gpus;
    struct nvb_nvml nvml;
    struct nvb_allowed allowed;
    struct nvb_strv foreign;
    struct nvb_play_holders holders;
};

static void machine_done(struct machine *m)
{
    nvb_play_holders_done(&m->holders);
    nvb_strv_done(&m->foreign);
    nvb_allowed_done(&m->allowed);
    nvb_nvml_done(&m->nvml);
    nvb_gpus_done(&m->gpus);
    nvb_host_done(&m->host);
}

static int read_machine(const struct nvb_kube_choosing *how, const struct nvb_play_pods *pods,
                        struct machine *m, struct nvb_notes *notes, struct nvb_error **err)
{
    const struct nvb_host_options *host = &how->planning->cli->host;
    if (nvb_host_open(host, &m->host, err) < 0)
        return -1;
    if ((how->dry_run
             ? nvb_host_find_gpus(&m->host, &m->gpus, err)
             : nvb_modprobe_find_gpus(&m->host, NVB_CAP_COMPUTE, &m->gpus, notes, err)) < 0)
        return -1;
    if (asks_for(pods, NVB_PLAY_MIG))
        nvb_nvml_ask(&m->host, NULL, NVB_NVML_MIG_UUIDS, NVB_NVML_NAME_MS, &m->gpus, &m->nvml);
    nvb_allowed_read(environ, &m->gpus, &m->allowed);
    if (asks_for(pods, NVB_PLAY_FOREIGN))
        find_foreign(how, &m->foreign);
    return read_holders(how, &m->holders, err);
}

int nvb_kube_choose_gpus(const struct nvb_kube_choosing *how, struct nvb_play_pods *pods,
                         struct nvb_notes *notes, struct nvb_error **err)
{
    _cleanup_(machine_done) struct machine m = {.host = NVB_HOST_INIT};
    if (read_machine(how, pods, &m, notes, err) < 0)
        return -1;
    const struct nvb_play_stock stock = {
        .gpus = &m.gpus,
        .allowed = &m.allowed,
        .no_profiles = m.nvml.why,
        .foreign = &m.foreign,
        .holders = &m.holders,
        .share = how->share,
    };
    return nvb_play_choose(&stock, pods, notes, err);
}
