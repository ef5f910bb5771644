#include <string.h>

#include "plan/units.h"

void nvb_choice_done(struct nvb_choice *choice)
{
    nvb_vec_release(&choice->units);
    nvb_strv_done(&choice->foreign);
    *choice = (struct nvb_choice){0};
}

/* What is chosen among, while it is. */
struct choosing {
    const struct nvb_gpus *gpus;
    struct nvb_units units;
    const struct nvb_allowed *allowed;
    const struct nvb_nvml *nvml; /* or NULL */
    bool *chosen;
    struct nvb_notes *notes;
};

static void choosing_done(struct choosing *c)
{
    nvb_units_done(&c->units);
    free(c->chosen);
}

static size_t count_matches(const struct choosing *c, const struct nvb_selection_item *item)
{
    size_t count = 0;
    nvb_vec_foreach (unit, &c->units)
        count += nvb_unit_matches(unit, item);
    return count;
}

/* ---- what is not there ---- */

static int fail_missing_mig(const struct choosing *c, const struct nvb_selection_item *item,
                            struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str there = NVB_STR_INIT;
    nvb_vec_foreach (gpu, c->gpus) {
        if (gpu->migs.count == 1)
            nvb_str_addf(&there, "%s%u:0", there.len ? ", " : "", gpu->index);
        else if (gpu->migs.count)
            nvb_str_addf(&there, "%s%u:0 to %u:%zu", there.len ? ", " : "", gpu->index, gpu->index,
                         gpu->migs.count - 1);
    }
    if (there.len == 0)
        (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                             "there is no MIG device '%s': no GPU of this machine is cut into any",
                             item->text);
    else if (nvb_item_needs_nvml(item) && c->nvml && !c->nvml->answered)
        (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                             "'%s' cannot be told: only NVML knows MIG UUIDs, and %s", item->text,
                             c->nvml->why);
    else
        (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                             "there is no MIG device '%s': this machine has %s", item->text,
                             there.data);
    return nvb_error_hint(err, there.len ? "nvbind info, for names such as 0:1" : "nvbind info");
}

static int fail_missing(const struct choosing *c, const struct nvb_selection_item *item,
                        struct nvb_error **err)
{
    const size_t n = c->gpus->count;
    if (item->kind == NVB_ITEM_MIG)
        return fail_missing_mig(c, item, err);
    if (n == 1)
        (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                             "there is no GPU '%s': this machine has one, 0", item->text);
    else
        (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                             "there is no GPU '%s': this machine has %zu, 0 to %zu", item->text, n,
                             n - 1);
    return nvb_error_hint(err, "nvbind info");
}

static int fail_ambiguous(const struct choosing *c, const struct nvb_selection_item *item,
                          struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str list = NVB_STR_INIT;
    nvb_vec_foreach (unit, &c->units)
        if (nvb_unit_matches(unit, item))
            nvb_str_addf(&list, "%s%s", list.len ? ", " : "",
                         unit->mig ? unit->mig->uuid : unit->gpu->uuid);
    return nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is the beginning of several UUIDs: %s",
                          item->text, list.data);
}

/* Every GPU of a range has to be there: "0-9" on a machine of eight is a mistake. */
static int check_item(const struct choosing *c, const struct nvb_selection_item *item,
                      struct nvb_error **err)
{
    if (item->kind == NVB_ITEM_CDI || item->kind == NVB_ITEM_ALL)
        return 0;
    size_t found = count_matches(c, item);
    bool whole = item->kind != NVB_ITEM_INDEX || item->last < c->gpus->count;
    if (found == 0 || !whole)
        return fail_missing(c, item, err);
    if (item->kind != NVB_ITEM_INDEX && found > 1)
        return fail_ambiguous(c, item, err);
    return 0;
}

static int fail_nothing_left(const struct choosing *c, struct nvb_error **err)
{
    const struct nvb_allowed *allowed = c->allowed;
    bool unknown = c->nvml && !c->nvml->answered && strstr(allowed->words, "MIG-");
    (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "%s=%s leaves the caller no GPU%s%s",
                         allowed->by, allowed->words,
                         unknown ? ": only NVML knows MIG UUIDs, and " : "",
                         unknown ? c->nvml->why : "");
    return nvb_error_hint(err, "nvbind run --gpu none …, or env -u %s nvbind run …", allowed->by);
}

/* ---- count=N ---- */

/* How busy a unit is: with programs on it, then by what they compute and hold, then by place. What
 * NVML could say nothing about goes last, because it may be broken. */
struct candidate {
    size_t place;
    struct nvb_load load;
};

static int compare(unsigned a, unsigned b)
{
    return a < b ? -1 : a > b;
}

static int by_load(const void *left, const void *right)
{
    const struct candidate *a = left;
    const struct candidate *b = right;
    int r = compare(!a->load.known, !b->load.known);
    if (r == 0)
        r = compare(a->load.processes > 0, b->load.processes > 0);
    if (r == 0)
        r = compare(a->load.utilisation, b->load.utilisation);
    if (r == 0)
        r = compare(a->load.memory, b->load.memory);
    if (r == 0)
        r = compare(a->load.processes, b->load.processes);
    return r ? r : a->place < b->place ? -1 : a->place > b->place;
}

static int fail_too_few(const struct choosing *c, uint64_t wanted, size_t there,
                        struct nvb_error **err)
{
    const struct nvb_allowed *allowed = c->allowed;
    (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "%llu GPUs are wanted and %zu are there%s%s",
                         (unsigned long long)wanted, there,
                         allowed->narrowed ? " for the caller by " : "",
                         allowed->narrowed ? allowed->by : "");
    return nvb_error_hint(err, "nvbind info");
}

static void note_count(const struct choosing *c, uint64_t wanted, size_t there, bool by_nvml)
{
    _cleanup_str_ struct nvb_str list = NVB_STR_INIT;
    for (size_t i = 0; i < c->units.count; i++) {
        _cleanup_free_ char *name = nvb_unit_name(&c->units.items[i]);
        if (c->chosen[i])
            nvb_str_addf(&list, "%s%s", list.len ? "," : "", name);
    }
    const unsigned long long n = wanted;
    if (there == wanted)
        nvb_notes_add(c->notes, NVB_NOTE_INFO, "count=%llu: chose %s, which are all there are", n,
                      list.data);
    else if (by_nvml)
        nvb_notes_add(c->notes, NVB_NOTE_NOTICE, "count=%llu: chose %s, the least busy", n,
                      list.data);
    else
        nvb_notes_add(c->notes, NVB_NOTE_NOTICE,
                      "count=%llu: chose %s, the first by index: how busy they are is not known, "
                      "because %s",
                      n, list.data, c->nvml && c->nvml->why ? c->nvml->why : "NVML was not asked");
}

static int choose_count(struct choosing *c, uint64_t wanted, struct nvb_error **err)
{
    struct NVB_VEC(struct candidate) candidates = {0};
    bool by_nvml = c->nvml && c->nvml->answered;
    for (size_t i = 0; i < c->units.count; i++) {
        const struct nvb_unit *unit = &c->units.items[i];
        if (c->allowed->units[i] && nvb_unit_is_usable(unit))
            nvb_vec_push(&candidates,
                         ((struct candidate){i, unit->mig ? unit->mig->load : unit->gpu->load}));
    }
    size_t there = candidates.count;
    if (by_nvml && there)
        qsort(candidates.items, there, sizeof(*candidates.items), by_load);
    for (size_t i = 0; i < there && i < wanted; i++)
        c->chosen[candidates.items[i].place] = true;
    nvb_vec_release(&candidates);
    if (wanted > there)
        return fail_too_few(c, wanted, there, err);
    note_count(c, wanted, there, by_nvml);
    return 0;
}

/* ---- all together ---- */

static void warn(const struct choosing *c, const struct nvb_unit *unit, bool allowed)
{
    _cleanup_free_ char *name = nvb_unit_name(unit);
    if (!allowed)
        nvb_notes_add(c->notes, NVB_NOTE_WARNING, "GPU %s is not among those that %s=%s leaves",
                      name, c->allowed->by, c->allowed->words);
    if (nvb_unit_is_usable(unit))
        return;
    nvb_notes_add(c->notes, NVB_NOTE_WARNING,
                  "GPU %s is cut into MIG devices: programs can look at it as a whole, not "
                  "compute on it",
                  name);
    if (unit->gpu->migs.count)
        nvb_notes_hint(c->notes, "nvbind run --gpu %s:0 …", name);
}

/* Marks what one item means; what is named although the caller is narrowed is his choice. */
static void mark_item(struct choosing *c, const struct nvb_selection_item *item)
{
    for (size_t i = 0; i < c->units.count; i++) {
        const struct nvb_unit *unit = &c->units.items[i];
        bool all = item->kind == NVB_ITEM_ALL;
        if (!nvb_unit_matches(unit, item) || (all && !c->allowed->units[i]))
            continue;
        if (!all && !c->chosen[i])
            warn(c, unit, c->allowed->units[i]);
        c->chosen[i] = true;
    }
}

/* Whether "all" would mean nothing, because of what narrows the caller. */
static bool is_left_nothing(const struct choosing *c)
{
    for (size_t i = 0; i < c->units.count; i++)
        if (c->allowed->units[i])
            return false;
    return c->allowed->narrowed;
}

static int choose(struct choosing *c, const struct nvb_selection *selection, struct nvb_choice *ret,
                  struct nvb_error **err)
{
    bool all = false;
    if (selection->kind == NVB_SELECT_COUNT && choose_count(c, selection->count, err) < 0)
        return -1;
    nvb_vec_foreach (item, &selection->items) {
        if (check_item(c, item, err) < 0)
            return -1;
        if (item->kind == NVB_ITEM_CDI)
            nvb_strv_add(&ret->foreign, item->text);
        if (item->kind == NVB_ITEM_ALL && is_left_nothing(c))
            return fail_nothing_left(c, err);
        all = all || item->kind == NVB_ITEM_ALL;
        mark_item(c, item);
    }
    for (size_t i = 0; i < c->units.count; i++)
        if (c->chosen[i])
            nvb_vec_push(&ret->units, i);
    ret->all = all && ret->units.count == c->units.count;
    return 0;
}

int nvb_selection_choose(const struct nvb_selection *selection, const struct nvb_gpus *gpus,
                         const struct nvb_allowed *allowed, const struct nvb_nvml *nvml,
                         struct nvb_choice *ret, struct nvb_notes *notes, struct nvb_error **err)
{
    _cleanup_choice_ struct nvb_choice choice = {0};
    _cleanup_(choosing_done) struct choosing c = {
        .gpus = gpus,
        .allowed = allowed,
        .nvml = nvml,
        .notes = notes,
    };
    nvb_units_list(gpus, &c.units);
    c.chosen = nvb_calloc(c.units.count + 1, sizeof(*c.chosen));
    if (choose(&c, selection, &choice, err) < 0)
        return -1;
    *ret = TAKE_STRUCT(choice);
    return 0;
}
