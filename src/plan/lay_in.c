#include "host/user.h"
#include "plan/isolate.h"
#include "plan/service.h"
#include "plan/state.h"

/* What the chosen GPUs bring into the container: a specification, and its edits in the plan. */

static void filter_edits(struct nvb_plan_state *s, struct nvb_cdi_edits *edits)
{
    const struct nvb_plan_defaults *defaults = s->input->defaults;
    const bool isolate = s->isolation != NVB_ISOLATION_NONE;
    s->claimed += nvb_claims_filter(&s->claims, edits);
    if (isolate || (defaults && defaults->restrict_devices))
        nvb_isolate_edits(edits, s->plan->capabilities, isolate);
}

static void add_needed(const struct nvb_plan_gpu *gpu, struct nvb_strv *needed)
{
    nvb_strv_add(needed, gpu->pci);
    if (gpu->is_mig)
        nvb_strv_addf(needed, "%s/%u/%u", gpu->pci, gpu->gi, gpu->ci);
}

static int build_spec(struct nvb_plan_state *s, const char *hook, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv needed = {0};
    const struct nvb_cdi_build_options options = {
        .naming = NVB_CDI_BY_INDEX | NVB_CDI_BY_UUID,
        .capabilities = s->plan->capabilities,
        .mig_management = s->mig_management,
        .hook = hook,
        .kept = nvb_plan_outlives(s->plan),
        .needed = &needed,
        .gpus = &s->gpus,
        .extra = &s->libraries,
        .mps_folder = nvb_environment_get(s->input->environment, "CUDA_MPS_PIPE_DIRECTORY"),
        .dri = s->dri,
        .mount_nodes = s->input->request->cdi == NVB_CDI_INSIST && s->input->user->uid != 0,
    };
    /* A container that was given one of eight GPUs sees all in /proc and one node in /dev. */
    nvb_vec_foreach (gpu, &s->plan->gpus)
        add_needed(gpu, &needed);
    if (nvb_plan_build_spec(s, &options, err) < 0) {
        if (err && *err && !(*err)->hint)
            return nvb_error_hint(err, "nvbind info; without a GPU: nvbind run --gpu none …");
        return -1;
    }
    if (nvb_isolation_add_profile(s, &s->spec.edits, err) < 0)
        return -1;
    filter_edits(s, &s->spec.edits);
    nvb_vec_foreach (device, &s->spec.devices)
        filter_edits(s, &device->edits);
    return 0;
}

static int fill_edits(struct nvb_plan_state *s, struct nvb_error **err)
{
    struct nvb_plan *plan = s->plan;
    nvb_cdi_edits_merge(&plan->edits, &s->spec.edits);
    nvb_vec_foreach (gpu, &plan->gpus) {
        _cleanup_free_ char *name = nvb_plan_gpu_name(gpu);
        const struct nvb_cdi_device *device = nvb_cdi_spec_find_device(&s->spec, name);
        if (!device)
            return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "GPU %s cannot be used here", name);
        nvb_cdi_edits_merge(&plan->edits, &device->edits);
    }
    return 0;
}

int nvb_plan_lay_in(struct nvb_plan_state *s, struct nvb_error **err)
{
    _cleanup_free_ char *hook = NULL;
    if (nvb_plan_find_runtime(s, err) < 0)
        return -1;
    if (nvb_plan_find_service_folder(s, err) < 0)
        return -1;
    nvb_plan_find_hook_folder(s);
    if (s->runtime || s->service_folder || s->hook_runtime)
        hook = nvb_plan_find_hook(s);
    if (nvb_plan_find_libraries(s, err) < 0 || build_spec(s, hook, err) < 0 ||
        fill_edits(s, err) < 0)
        return -1;
    if (!nvb_plan_must_be_direct(s))
        return 0;
    free(TAKE_PTR(s->runtime));
    if (!hook || s->hook_runtime)
        return 0;
    /* Nothing can bring the hook now: the files go in by other names without it. */
    nvb_cdi_spec_done(&s->spec);
    nvb_cdi_edits_done(&s->plan->edits);
    s->claimed = 0;
    return build_spec(s, NULL, err) < 0 ? -1 : fill_edits(s, err);
}
