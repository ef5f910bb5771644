#include "plan/units.h"

#include <string.h>
#include <strings.h>

#include "plan/state.h"

void nvb_units_list(const struct nvb_gpus *gpus, struct nvb_units *ret)
{
    nvb_vec_foreach (gpu, gpus) {
        nvb_vec_push(ret, ((struct nvb_unit){.gpu = gpu}));
        nvb_vec_foreach (mig, &gpu->migs)
            nvb_vec_push(ret, ((struct nvb_unit){.gpu = gpu, .mig = mig}));
    }
}

void nvb_units_done(struct nvb_units *units)
{
    nvb_vec_release(units);
}

bool nvb_unit_is_usable(const struct nvb_unit *unit)
{
    return unit->mig || !unit->gpu->is_cut;
}

char *nvb_unit_name(const struct nvb_unit *unit)
{
    if (unit->mig)
        return nvb_strdupf("%u:%u", unit->gpu->index, unit->mig->index);
    return nvb_strdupf("%u", unit->gpu->index);
}

static bool begins(const char *uuid, const char *text)
{
    return uuid && strncasecmp(uuid, text, strlen(text)) == 0;
}

/* What stands behind "MIG-" is the GPU's UUID in the old form. */
static bool is_old_form(const char *text)
{
    return strncasecmp(text, "MIG-GPU-", 8) == 0;
}

/* "MIG-GPU-<uuid>/<gi>/<ci>". */
static bool matches_old_form(const struct nvb_unit *unit, const char *text)
{
    if (!unit->gpu->uuid)
        return false;
    _cleanup_free_ char *name =
        nvb_strdupf("MIG-%s/%u/%u", unit->gpu->uuid, unit->mig->gi, unit->mig->ci);
    return strcasecmp(name, text) == 0;
}

static bool matches_mig(const struct nvb_unit *unit, const struct nvb_selection_item *item)
{
    if (!unit->mig)
        return false;
    if (strncasecmp(item->text, "MIG-", 4) != 0)
        return unit->gpu->index == item->first && unit->mig->index == item->last;
    return is_old_form(item->text) ? matches_old_form(unit, item->text)
                                   : begins(unit->mig->uuid, item->text);
}

bool nvb_unit_matches(const struct nvb_unit *unit, const struct nvb_selection_item *item)
{
    const struct nvb_gpu *gpu = unit->gpu;
    if (item->kind == NVB_ITEM_ALL)
        return true;
    if (item->kind == NVB_ITEM_MIG)
        return matches_mig(unit, item);
    if (unit->mig)
        return false;
    switch (item->kind) {
    case NVB_ITEM_INDEX:
        return gpu->index >= item->first && gpu->index <= item->last;
    case NVB_ITEM_UUID:
        return begins(gpu->uuid, item->text);
    case NVB_ITEM_PCI:
        return strcmp(gpu->pci, item->text) == 0;
    default:
        return false;
    }
}

bool nvb_item_needs_nvml(const struct nvb_selection_item *item)
{
    return item->kind == NVB_ITEM_MIG && strncasecmp(item->text, "MIG-", 4) == 0 &&
           !is_old_form(item->text);
}

/* Who may watch or cut every GPU is not kept to a slice of one (as in NVIDIA's own runtime). */
int nvb_plan_find_mig_management(struct nvb_plan_state *s, struct nvb_error **err)
{
    char *const *environment = s->input->environment;
    if (nvb_visible_read_mig(&s->plan->user, environment, &s->mig_management, err) < 0 ||
        nvb_visible_read_mig(&s->plan->defaults, environment, &s->mig_management, err) < 0)
        return -1;
    if (!s->mig_management || s->choice.all)
        return 0;
    nvb_vec_foreach (gpu, &s->plan->gpus) {
        if (!gpu->is_mig)
            continue;
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                             "a container of the MIG device %u:%u cannot manage MIG", gpu->index,
                             gpu->mig);
        return nvb_error_hint(err, "nvbind run --gpu all …, or whole GPUs");
    }
    return 0;
}
