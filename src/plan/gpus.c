#include <string.h>

#include "host/modprobe.h"
#include "plan/state.h"
#include "plan/units.h"

/* The GPUs of this host that a container gets. */

static int fail_no_driver(const struct nvb_plan_state *s, struct nvb_error **err)
{
    _cleanup_free_ char *version = NULL;
    _cleanup_free_ char *flavour = NULL;
    int r = nvb_host_read_version(&s->host, &version, &flavour, err);
    if (r < 0)
        return -1;
    if (r == 0) {
        (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                             "the NVIDIA driver %s is loaded and has no GPU", version);
        return nvb_error_hint(err, "nvbind info; without a GPU: nvbind run --gpu none …");
    }
    (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "no NVIDIA driver is loaded%s%s",
                         s->input->host->host_root ? " in " : "",
                         s->input->host->host_root ? s->input->host->host_root : "");
    if (s->input->host->host_root)
        return nvb_error_hint(err, "nvbind simulate DIR makes such a host; without a GPU: nvbind "
                                   "run --gpu none …");
    return nvb_error_hint(err, "sudo modprobe nvidia; without a GPU: nvbind run --gpu none …");
}

/* Adds the GPUs whose nodes the user names by --device. */
static void choose_by_nodes(struct nvb_plan_state *s)
{
    _cleanup_units_ struct nvb_units units = {0};
    nvb_units_list(&s->gpus, &units);
    for (size_t i = 0; i < units.count; i++) {
        const struct nvb_unit *unit = &units.items[i];
        bool named = false;
        bool chosen = false;
        nvb_vec_foreach (node, &unit->gpu->nodes)
            named = named ||
                    (node->role == NVB_NODE_GPU && nvb_strv_has(&s->claims.devices, node->path));
        nvb_vec_foreach (place, &s->choice.units)
            chosen = chosen || *place == i;
        if (named && !unit->mig && !chosen)
            nvb_vec_push(&s->choice.units, i);
    }
}

static void fill_gpus(struct nvb_plan_state *s)
{
    _cleanup_units_ struct nvb_units units = {0};
    nvb_units_list(&s->gpus, &units);
    nvb_vec_foreach (place, &s->choice.units) {
        const struct nvb_gpu *gpu = units.items[*place].gpu;
        const struct nvb_mig *mig = units.items[*place].mig;
        struct nvb_plan_gpu *copy = nvb_vec_add(&s->plan->gpus);
        copy->index = gpu->index;
        copy->pci = nvb_strdup(gpu->pci);
        copy->uuid = nvb_strdup(mig ? mig->uuid : gpu->uuid);
        copy->model = nvb_strdup(gpu->model);
        copy->is_mig = mig != NULL;
        copy->mig = mig ? mig->index : 0;
        copy->gi = mig ? mig->gi : 0;
        copy->ci = mig ? mig->ci : 0;
    }
}

/* Adds DEVICES, of the configuration say, for a container with GPUs. */
static void add_gpu_devices(struct nvb_plan_state *s, const struct nvb_strv *devices)
{
    for (size_t i = 0; i < devices->count; i++) {
        struct nvb_plan_line line = {0};
        _cleanup_claims_ struct nvb_claims claims = {0};
        nvb_plan_line_add(&line, "device", devices->items[i]);
        nvb_claims_read(&line, nvb_plan_list_version(s->input->engine), &claims);
        if (!nvb_claims_overlap(&claims, &s->claims))
            nvb_plan_line_add(&s->plan->defaults, "device", devices->items[i]);
        nvb_plan_line_done(&line);
    }
}

/* What narrowed the caller would number the GPUs inside wrongly. */
static void hide_environment(struct nvb_plan_state *s)
{
    const char *cuda = nvb_environment_get(s->input->environment, "CUDA_VISIBLE_DEVICES");
    if (s->allowed.narrowed && cuda && cuda[0] != '\0')
        nvb_strv_add(&s->plan->hidden_environment, "CUDA_VISIBLE_DEVICES");
}

/* ---- NVML, where something depends on it ---- */

static bool is_cut(const struct nvb_gpus *gpus)
{
    nvb_vec_foreach (gpu, gpus)
        if (gpu->migs.count)
            return true;
    return false;
}

static void ask_nvml(struct nvb_plan_state *s, unsigned questions, unsigned timeout_ms)
{
    if (s->nvml_asked)
        return;
    s->nvml_asked = true;
    nvb_nvml_ask(&s->host, NULL, questions, timeout_ms, &s->gpus, &s->nvml);
    nvb_notes_add(s->notes, NVB_NOTE_DEBUG, "NVML: %s",
                  s->nvml.answered ? "answered" : s->nvml.why);
}

/* A name that only NVML can tell is worth waiting for; which GPUs are the least busy only a moment.
 */
static void ask_for_names(struct nvb_plan_state *s)
{
    const struct nvb_selection *selection = &s->wish.selection;
    bool needed = nvb_allowed_needs_nvml(s->input->environment);
    nvb_vec_foreach (item, &selection->items)
        needed = needed || nvb_item_needs_nvml(item);
    if (needed && is_cut(&s->gpus))
        ask_nvml(s, NVB_NVML_MIG_UUIDS | (selection->kind == NVB_SELECT_COUNT ? NVB_NVML_LOAD : 0u),
                 NVB_NVML_NAME_MS);
}

static void ask_for_load(struct nvb_plan_state *s)
{
    const struct nvb_selection *selection = &s->wish.selection;
    if (selection->kind == NVB_SELECT_COUNT &&
        selection->count < nvb_allowed_count(&s->allowed, &s->gpus))
        ask_nvml(s, NVB_NVML_LOAD, NVB_NVML_LOAD_MS);
}

/* Nothing is run where nothing is to be run. */
static int find_gpus(struct nvb_plan_state *s, struct nvb_error **err)
{
    if (s->input->request->dry_run)
        return nvb_host_find_gpus(&s->host, &s->gpus, err);
    return nvb_modprobe_find_gpus(&s->host, s->plan->capabilities, &s->gpus, s->notes, err);
}

int nvb_plan_choose_gpus(struct nvb_plan_state *s, struct nvb_error **err)
{
    if (nvb_host_open(s->input->host, &s->host, err) < 0 || find_gpus(s, err) < 0)
        return -1;
    if (s->gpus.count == 0)
        return fail_no_driver(s, err);
    ask_for_names(s);
    nvb_allowed_read(s->input->environment, &s->gpus, &s->allowed);
    ask_for_load(s);
    if (nvb_selection_choose(&s->wish.selection, &s->gpus, &s->allowed,
                             s->nvml_asked ? &s->nvml : NULL, &s->choice, s->notes, err) < 0)
        return nvb_wish_fail(&s->wish, err);
    if (s->wish.own_nodes)
        choose_by_nodes(s);
    fill_gpus(s);
    if (nvb_plan_find_mig_management(s, err) < 0)
        return -1;
    hide_environment(s);
    if (s->input->defaults)
        add_gpu_devices(s, &s->input->defaults->gpu_devices);
    add_gpu_devices(s, &s->channels);
    return 0;
}
