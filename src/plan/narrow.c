/* How the caller's environment narrows what he may take. */

#include <string.h>

#include "host/user.h"
#include "plan/units.h"
#include "plan/visible.h"

static const char cuda[] = "CUDA_VISIBLE_DEVICES";
static const char *const slurm[] = {"SLURM_STEP_GPUS", "SLURM_JOB_GPUS"};

void nvb_allowed_done(struct nvb_allowed *allowed)
{
    free(allowed->words);
    free(allowed->units);
    nvb_strv_done(&allowed->variables);
    *allowed = (struct nvb_allowed){0};
}

static bool is_set(const char *value)
{
    return value && value[0] != '\0';
}

/* Whether ITEM, in a list that narrows, leaves UNIT: a GPU means all on it. */
static bool leaves(const struct nvb_selection_item *item, const struct nvb_unit *unit)
{
    const struct nvb_unit whole = {.gpu = unit->gpu};
    return nvb_unit_matches(unit, item) || nvb_unit_matches(&whole, item);
}

/* Marks the units of LIST. STOP: the list ends at the first word that is none (CUDA). */
static void mark_listed(const char *list, const struct nvb_units *units, bool stop, bool *ret)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    nvb_strv_split(&words, list, ',');
    for (size_t i = 0; i < words.count; i++) {
        _cleanup_selection_ struct nvb_selection one = {0};
        bool found = false;
        if (nvb_selection_parse(words.items[i], &one, NULL) == 0 && one.items.count == 1) {
            for (size_t u = 0; u < units->count; u++) {
                if (!leaves(&one.items.items[0], &units->items[u]))
                    continue;
                ret[u] = true;
                found = true;
            }
        }
        if (!found && stop)
            return;
    }
}

static void narrow(struct nvb_allowed *allowed, const struct nvb_units *units, const char *name,
                   const char *value, bool stop)
{
    _cleanup_free_ bool *listed = nvb_calloc(units->count + 1, sizeof(*listed));
    if (!is_set(value) || strcmp(value, "void") == 0 || strcmp(value, "all") == 0)
        return;
    mark_listed(value, units, stop, listed);
    for (size_t i = 0; i < units->count; i++)
        allowed->units[i] = allowed->units[i] && listed[i];
    free(allowed->words);
    allowed->narrowed = true;
    allowed->by = name;
    allowed->words = nvb_strdup(value);
    nvb_strv_add(&allowed->variables, name);
}

/* Whether a word of LIST is a MIG device by UUID; ONLY_NVML: one that only NVML can tell. */
static bool names_mig(const char *list, bool only_nvml)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    nvb_strv_split(&words, list ? list : "", ',');
    for (size_t i = 0; i < words.count; i++) {
        _cleanup_selection_ struct nvb_selection one = {0};
        if (nvb_selection_parse(words.items[i], &one, NULL) == 0 && one.items.count == 1 &&
            one.items.items[0].kind == NVB_ITEM_MIG &&
            (!only_nvml || nvb_item_needs_nvml(&one.items.items[0])))
            return true;
    }
    return false;
}

/* The first of Slurm's and CUDA's variables that counts; NULL: none. */
static const char *who_narrows(char *const *environment)
{
    const char *list = nvb_environment_get(environment, cuda);
    /* Slurm may number what CUDA sees anew, from 0, in each job: its own list is the true one. */
    for (size_t i = 0; i < NVB_COUNT(slurm) && !names_mig(list, false); i++)
        if (is_set(nvb_environment_get(environment, slurm[i])))
            return slurm[i];
    return is_set(list) ? cuda : NULL;
}

bool nvb_allowed_needs_nvml(char *const *environment)
{
    return names_mig(nvb_environment_get(environment, cuda), true) ||
           names_mig(nvb_environment_get(environment, NVB_VISIBLE), true);
}

void nvb_allowed_read(char *const *environment, const struct nvb_gpus *gpus,
                      struct nvb_allowed *ret)
{
    _cleanup_units_ struct nvb_units units = {0};
    nvb_units_list(gpus, &units);
    *ret = (struct nvb_allowed){.units = nvb_calloc(units.count + 1, sizeof(bool))};
    for (size_t i = 0; i < units.count; i++)
        ret->units[i] = true;
    const char *name = who_narrows(environment);
    if (name)
        narrow(ret, &units, name, nvb_environment_get(environment, name), name == cuda);
    const char *visible = nvb_environment_get(environment, NVB_VISIBLE);
    _cleanup_free_ char *clean = visible ? nvb_visible_clean(visible) : NULL;
    narrow(ret, &units, NVB_VISIBLE, clean, false);
}

size_t nvb_allowed_count(const struct nvb_allowed *allowed, const struct nvb_gpus *gpus)
{
    _cleanup_units_ struct nvb_units units = {0};
    size_t count = 0;
    nvb_units_list(gpus, &units);
    for (size_t i = 0; i < units.count; i++)
        count += allowed->units[i] && nvb_unit_is_usable(&units.items[i]);
    return count;
}
