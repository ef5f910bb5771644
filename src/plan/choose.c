#include <string.h>
#include <strings.h>

#include "host/user.h"
#include "plan/selection.h"
#include "plan/visible.h"

void nvb_allowed_done(struct nvb_allowed *allowed)
{
    free(allowed->words);
    free(allowed->gpus);
    nvb_strv_done(&allowed->variables);
    *allowed = (struct nvb_allowed){0};
}

void nvb_choice_done(struct nvb_choice *choice)
{
    nvb_vec_release(&choice->gpus);
    nvb_strv_done(&choice->foreign);
    *choice = (struct nvb_choice){0};
}

/* ---- matching ---- */

static bool matches(const struct nvb_selection_item *item, const struct nvb_gpu *gpu)
{
    switch (item->kind) {
    case NVB_ITEM_ALL:
        return true;
    case NVB_ITEM_INDEX:
        return gpu->index >= item->first && gpu->index <= item->last;
    case NVB_ITEM_UUID:
        return gpu->uuid && strncasecmp(gpu->uuid, item->text, strlen(item->text)) == 0;
    case NVB_ITEM_PCI:
        return strcmp(gpu->pci, item->text) == 0;
    case NVB_ITEM_MIG:
    case NVB_ITEM_CDI:
        return false;
    }
    return false;
}

static size_t count_matches(const struct nvb_selection_item *item, const struct nvb_gpus *gpus)
{
    size_t count = 0;
    nvb_vec_foreach (gpu, gpus)
        count += matches(item, gpu);
    return count;
}

/* ---- how the caller is narrowed ---- */

/* Marks the GPUs of LIST. STOP: the list ends at the first word that is none (CUDA). */
static void mark_listed(const char *list, const struct nvb_gpus *gpus, bool stop, bool *ret)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    nvb_strv_split(&words, list, ',');
    for (size_t i = 0; i < words.count; i++) {
        _cleanup_selection_ struct nvb_selection one = {0};
        bool found = nvb_selection_parse(words.items[i], &one, NULL) == 0 && one.items.count == 1 &&
                     count_matches(&one.items.items[0], gpus) > 0;
        if (!found && stop)
            return;
        for (size_t g = 0; found && g < gpus->count; g++)
            ret[g] = ret[g] || matches(&one.items.items[0], &gpus->items[g]);
    }
}

static void narrow(struct nvb_allowed *allowed, const struct nvb_gpus *gpus, const char *name,
                   const char *value, bool stop)
{
    _cleanup_free_ bool *listed = nvb_calloc(gpus->count + 1, sizeof(*listed));
    if (!value || value[0] == '\0' || strcmp(value, "void") == 0 || strcmp(value, "all") == 0)
        return;
    mark_listed(value, gpus, stop, listed);
    for (size_t i = 0; i < gpus->count; i++)
        allowed->gpus[i] = allowed->gpus[i] && listed[i];
    free(allowed->words);
    allowed->narrowed = true;
    allowed->by = name;
    allowed->words = nvb_strdup(value);
    nvb_strv_add(&allowed->variables, name);
}

static bool is_set(const char *value)
{
    return value && value[0] != '\0';
}

void nvb_allowed_read(char *const *environment, const struct nvb_gpus *gpus,
                      struct nvb_allowed *ret)
{
    static const char *const names[] = {"SLURM_STEP_GPUS", "SLURM_JOB_GPUS",
                                        "CUDA_VISIBLE_DEVICES"};
    *ret = (struct nvb_allowed){.gpus = nvb_calloc(gpus->count + 1, sizeof(bool))};
    for (size_t i = 0; i < gpus->count; i++)
        ret->gpus[i] = true;
    /* Slurm may number what CUDA sees anew, from 0, in each job: its own list is the true one. */
    for (size_t i = 0; i < NVB_COUNT(names); i++) {
        const char *value = nvb_environment_get(environment, names[i]);
        if (!is_set(value))
            continue;
        narrow(ret, gpus, names[i], value, i == 2);
        break;
    }
    const char *visible = nvb_environment_get(environment, NVB_VISIBLE);
    _cleanup_free_ char *clean = visible ? nvb_visible_clean(visible) : NULL;
    narrow(ret, gpus, NVB_VISIBLE, clean, false);
}

/* ---- choosing ---- */

static int fail_missing(const struct nvb_selection_item *item, const struct nvb_gpus *gpus,
                        struct nvb_error **err)
{
    const size_t n = gpus->count;
    if (item->kind == NVB_ITEM_MIG) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                             "'%s' is a MIG device, and this version chooses whole GPUs only",
                             item->text);
        return nvb_error_hint(err,
                              "nvbind run --gpu none --device nvidia.com/gpu=%s …, with a "
                              "specification in /etc/cdi that has it",
                              item->text);
    }
    if (n == 1)
        (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                             "there is no GPU '%s': this machine has one, 0", item->text);
    else
        (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                             "there is no GPU '%s': this machine has %zu, 0 to %zu", item->text, n,
                             n - 1);
    return nvb_error_hint(err, "nvbind info");
}

static int fail_ambiguous(const struct nvb_selection_item *item, const struct nvb_gpus *gpus,
                          struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str list = NVB_STR_INIT;
    nvb_vec_foreach (gpu, gpus)
        if (matches(item, gpu))
            nvb_str_addf(&list, "%s%s", list.len ? ", " : "", gpu->uuid);
    return nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is the beginning of several UUIDs: %s",
                          item->text, list.data);
}

/* Every GPU of a range has to be there: "0-9" on a machine of eight is a mistake. */
static int check_item(const struct nvb_selection_item *item, const struct nvb_gpus *gpus,
                      struct nvb_error **err)
{
    size_t found = count_matches(item, gpus);
    bool whole = item->kind != NVB_ITEM_INDEX || item->last < gpus->count;
    if (item->kind == NVB_ITEM_CDI || item->kind == NVB_ITEM_ALL)
        return 0;
    if (found == 0 || !whole)
        return fail_missing(item, gpus, err);
    if (item->kind == NVB_ITEM_UUID && found > 1)
        return fail_ambiguous(item, gpus, err);
    return 0;
}

static int fail_nothing_left(const struct nvb_allowed *allowed, struct nvb_error **err)
{
    (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "%s=%s leaves the caller no GPU", allowed->by,
                         allowed->words);
    return nvb_error_hint(err, "nvbind run --gpu none …, or env -u %s nvbind run …", allowed->by);
}

static size_t count_allowed(const struct nvb_gpus *gpus, const struct nvb_allowed *allowed)
{
    size_t count = 0;
    for (size_t i = 0; i < gpus->count; i++)
        count += allowed->gpus[i];
    return count;
}

static int choose_count(uint64_t wanted, const struct nvb_gpus *gpus,
                        const struct nvb_allowed *allowed, struct nvb_choice *ret,
                        struct nvb_notes *notes, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str list = NVB_STR_INIT;
    size_t there = count_allowed(gpus, allowed);
    if (wanted > there) {
        (void)nvb_error_make(
            err, NVB_ERROR_NOT_FOUND, 0, "%llu GPUs are wanted and %zu are there%s%s",
            (unsigned long long)wanted, there, allowed->narrowed ? " for the caller by " : "",
            allowed->narrowed ? allowed->by : "");
        return nvb_error_hint(err, "nvbind info");
    }
    for (size_t i = 0; i < gpus->count && ret->gpus.count < wanted; i++)
        if (allowed->gpus[i]) {
            nvb_vec_push(&ret->gpus, i);
            nvb_str_addf(&list, "%s%u", list.len ? "," : "", gpus->items[i].index);
        }
    nvb_notes_add(notes, NVB_NOTE_INFO,
                  "count=%llu: chose %s, the first by index; how busy they "
                  "are was not asked",
                  (unsigned long long)wanted, list.data);
    return 0;
}

/* Marks what one item means; a GPU that is named although the caller is narrowed is his choice. */
static void mark_item(const struct nvb_selection_item *item, const struct nvb_gpus *gpus,
                      const struct nvb_allowed *allowed, bool *chosen, struct nvb_notes *notes)
{
    for (size_t i = 0; i < gpus->count; i++) {
        if (!matches(item, &gpus->items[i]) || (item->kind == NVB_ITEM_ALL && !allowed->gpus[i]))
            continue;
        if (!allowed->gpus[i])
            nvb_notes_add(notes, NVB_NOTE_WARNING, "GPU %u is not among those that %s=%s leaves",
                          gpus->items[i].index, allowed->by, allowed->words);
        chosen[i] = true;
    }
}

int nvb_selection_choose(const struct nvb_selection *selection, const struct nvb_gpus *gpus,
                         const struct nvb_allowed *allowed, struct nvb_choice *ret,
                         struct nvb_notes *notes, struct nvb_error **err)
{
    _cleanup_choice_ struct nvb_choice choice = {0};
    _cleanup_free_ bool *chosen = nvb_calloc(gpus->count + 1, sizeof(*chosen));
    bool all = false;

    if (selection->kind == NVB_SELECT_COUNT &&
        choose_count(selection->count, gpus, allowed, &choice, notes, err) < 0)
        return -1;
    nvb_vec_foreach (item, &selection->items) {
        if (check_item(item, gpus, err) < 0)
            return -1;
        if (item->kind == NVB_ITEM_CDI)
            nvb_strv_add(&choice.foreign, item->text);
        if (item->kind == NVB_ITEM_ALL && count_allowed(gpus, allowed) == 0 && allowed->narrowed)
            return fail_nothing_left(allowed, err);
        all = all || item->kind == NVB_ITEM_ALL;
        mark_item(item, gpus, allowed, chosen, notes);
    }
    for (size_t i = 0; i < gpus->count; i++)
        if (chosen[i])
            nvb_vec_push(&choice.gpus, i);
    choice.all = all && choice.gpus.count == gpus->count;
    *ret = TAKE_STRUCT(choice);
    return 0;
}
