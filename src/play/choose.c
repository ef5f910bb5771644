/*
 * Theory of operation. Everything that can be given is a slot: a whole GPU, a MIG device, a device
 * of another vendor's. What runs is laid over the slots by its labels; then each request of each
 * pod, the containers before the init containers, takes the slots that rank best for it. A request
 * that belongs to a claim takes what the claim has already.
 */
#include <string.h>

#include "plan/units.h"
#include "play/play.h"

struct slot {
    char *name;         /* as --gpu takes it */
    char *label;        /* as labels have it */
    char *class;        /* "gpu", "mig-1g.5gb", "mig-", or a CDI kind */
    bool allowed;       /* the caller's environment leaves it */
    const char *holder; /* whose alone it is; NULL: nobody's */
    const char *sharer; /* one of those who share it */
    size_t sharers;
    const struct nvb_play_pod *pod; /* of this file, whose it is or who shares it */
};

struct slots NVB_VEC(struct slot);

/* What a claim has. */
struct claim {
    const char *key;
    size_t slot;
};

struct chooser {
    const struct nvb_play_stock *stock;
    struct slots slots;
    struct claims_had NVB_VEC(struct claim) claims;
    struct nvb_notes *notes;
    struct nvb_error **err;
};

static void chooser_done(struct chooser *c)
{
    nvb_vec_foreach (slot, &c->slots) {
        free(slot->name);
        free(slot->label);
        free(slot->class);
    }
    nvb_vec_release(&c->slots);
    nvb_vec_release(&c->claims);
}

/* ---- slots ---- */

static char *unit_label(const struct nvb_unit *unit)
{
    if (unit->mig)
        return nvb_strdupf("%s/%u/%u", unit->gpu->pci, unit->mig->gi, unit->mig->ci);
    return nvb_strdup(unit->gpu->uuid ? unit->gpu->uuid : unit->gpu->pci);
}

static void list_slots(struct chooser *c)
{
    _cleanup_units_ struct nvb_units units = {0};
    const struct nvb_allowed *allowed = c->stock->allowed;
    nvb_units_list(c->stock->gpus, &units);
    for (size_t i = 0; i < units.count; i++) {
        const struct nvb_unit *unit = &units.items[i];
        if (!nvb_unit_is_usable(unit))
            continue;
        struct slot *slot = nvb_vec_add(&c->slots);
        slot->name = nvb_unit_name(unit);
        slot->label = unit_label(unit);
        slot->allowed = !allowed->narrowed || allowed->units[i];
        slot->class = unit->mig
                          ? nvb_strdupf("mig-%s", unit->mig->profile ? unit->mig->profile : "")
                          : nvb_strdup("gpu");
    }
    nvb_vec_foreach (name, c->stock->foreign) {
        if (nvb_has_suffix(*name, "=all"))
            continue;
        struct slot *slot = nvb_vec_add(&c->slots);
        slot->name = nvb_strdup(*name);
        slot->label = nvb_strdup(*name);
        slot->class = nvb_strndup(*name, strcspn(*name, "="));
        slot->allowed = true;
    }
}

static struct slot *find_slot(struct chooser *c, const char *label)
{
    nvb_vec_foreach (slot, &c->slots)
        if (strcmp(slot->label, label) == 0)
            return slot;
    return NULL;
}

static void lay_holders(struct chooser *c)
{
    nvb_vec_foreach (holder, c->stock->holders) {
        nvb_vec_foreach (label, &holder->gpus) {
            struct slot *slot = find_slot(c, *label);
            if (slot)
                slot->holder = holder->name;
        }
        nvb_vec_foreach (label, &holder->shared) {
            struct slot *slot = find_slot(c, *label);
            if (slot) {
                slot->sharer = holder->name;
                slot->sharers++;
            }
        }
    }
}

/* ---- ranks ---- */

#define NEVER SIZE_MAX

static char *class_of(const struct nvb_play_request *request)
{
    if (request->kind == NVB_PLAY_MIG)
        return nvb_strdupf("mig-%s", request->what);
    return nvb_strdup(request->kind == NVB_PLAY_FOREIGN ? request->what : "gpu");
}

static bool may_share(const struct chooser *c, const struct nvb_play_request *request)
{
    return c->stock->share || request->kind == NVB_PLAY_SHARED;
}

/* How well SLOT suits, 0 the best. GPUs that are shared anyway go first, so that whole ones stay
 * free for those who want them alone; what others have alone goes last, and by --share only. */
static size_t rank(const struct chooser *c, const struct nvb_play_pod *pod,
                   const struct nvb_play_container *container,
                   const struct nvb_play_request *request, const struct slot *slot)
{
    const bool is_pods = slot->pod == pod;
    if (nvb_strv_has(&container->chosen, slot->name) || !slot->allowed)
        return NEVER;
    if (container->is_init && is_pods)
        return 0;
    if (!may_share(c, request))
        return slot->holder || slot->sharers || slot->pod ? NEVER : 1;
    if (slot->holder && !c->stock->share)
        return NEVER;
    if (is_pods)
        return 0;
    if (slot->holder)
        return 1000;
    if (request->kind == NVB_PLAY_SHARED && slot->sharers)
        return slot->sharers;
    return 100 + slot->sharers;
}

static struct slot *find_best(struct chooser *c, const struct nvb_play_pod *pod,
                              const struct nvb_play_container *container,
                              const struct nvb_play_request *request, const char *class)
{
    struct slot *best = NULL;
    size_t best_rank = NEVER;
    nvb_vec_foreach (slot, &c->slots) {
        size_t its =
            strcmp(slot->class, class) == 0 ? rank(c, pod, container, request, slot) : NEVER;
        if (its >= best_rank)
            continue;
        best = slot;
        best_rank = its;
    }
    return best;
}

/* ---- what does not fit ---- */

/* What of a class there is, what of it is free, and who has the rest. */
struct stand {
    size_t count, free_count;
    struct nvb_str free_ones, held;
    const char *holder; /* the first of them that could be stopped */
};

static void add_held(struct stand *stand, const struct slot *slot, const char *how, const char *who)
{
    nvb_str_addf(&stand->held, "; %s %s '%s'", slot->name, how, who);
}

static void describe(const struct chooser *c, const char *class, struct stand *stand)
{
    nvb_vec_foreach (slot, &c->slots) {
        if (strcmp(slot->class, class) != 0)
            continue;
        stand->count++;
        if (!slot->allowed) {
            add_held(stand, slot, "is kept from you by", c->stock->allowed->by);
        } else if (slot->holder) {
            add_held(stand, slot, "is held by", slot->holder);
            stand->holder = stand->holder ? stand->holder : slot->holder;
        } else if (slot->sharers) {
            add_held(stand, slot, "is shared by", slot->sharer);
        } else if (slot->pod) {
            add_held(stand, slot, "goes to the pod", slot->pod->name);
        } else {
            nvb_str_addf(&stand->free_ones, "%s%s", stand->free_count ? ", " : "", slot->name);
            stand->free_count++;
        }
    }
}

static void list_classes(const struct chooser *c, struct nvb_str *ret)
{
    nvb_vec_foreach (slot, &c->slots) {
        const char *class = slot->class;
        _cleanup_free_ char *resource =
            strcmp(class, "gpu") == 0 || (nvb_has_prefix(class, "mig-") && class[4])
                ? nvb_strdupf("nvidia.com/%s", class)
                : nvb_strdup(strchr(class, '/') ? class : "");
        if (*resource && !strstr(ret->data, resource))
            nvb_str_addf(ret, "%s%s", ret->len ? ", " : "", resource);
    }
}

static int fail_none(const struct chooser *c, const struct nvb_play_request *request)
{
    _cleanup_str_ struct nvb_str classes = NVB_STR_INIT;
    list_classes(c, &classes);
    if (request->kind == NVB_PLAY_FOREIGN)
        (void)nvb_error_make(c->err, NVB_ERROR_NOT_FOUND, 0,
                             "'%s' is asked for, and no CDI specification here gives devices of "
                             "that kind",
                             request->resource);
    else if (request->kind == NVB_PLAY_MIG && c->stock->no_profiles)
        (void)nvb_error_make(c->err, NVB_ERROR_NOT_FOUND, 0,
                             "'%s' is asked for, and which profiles the MIG devices here have only "
                             "NVML could tell: %s",
                             request->resource, c->stock->no_profiles);
    else
        (void)nvb_error_make(c->err, NVB_ERROR_NOT_FOUND, 0,
                             "'%s' is asked for, and there is none here", request->resource);
    if (classes.len)
        return nvb_error_hint(c->err, "what there is: %s", classes.data);
    return nvb_error_hint(c->err,
                          request->kind == NVB_PLAY_FOREIGN ? "nvbind cdi list" : "nvbind info");
}

static int fail(const struct chooser *c, const struct nvb_play_pod *pod,
                const struct nvb_play_container *container, const struct nvb_play_request *request,
                const char *class)
{
    struct stand stand = {.free_ones = NVB_STR_INIT, .held = NVB_STR_INIT};
    describe(c, class, &stand);
    if (stand.count == 0) {
        (void)fail_none(c, request);
    } else {
        (void)nvb_error_make(c->err, NVB_ERROR_NOT_FOUND, 0,
                             "container '%s' of pod '%s' asks for %s: %llu; free of %zu: %s%s",
                             container->name, pod->name, request->resource,
                             (unsigned long long)request->count, stand.count,
                             stand.free_count ? stand.free_ones.data : "none", stand.held.data);
        if (c->stock->share || !stand.held.len)
            (void)nvb_error_hint(c->err, "nvbind info");
        else
            (void)nvb_error_hint(c->err,
                                 "%s%s%snvbind kube play --share, by which containers have GPUs "
                                 "together",
                                 stand.holder ? "podman stop " : "",
                                 stand.holder ? stand.holder : "", stand.holder ? ", or " : "");
    }
    nvb_str_done(&stand.free_ones);
    nvb_str_done(&stand.held);
    return nvb_error_at(c->err, pod->file, request->line, request->column);
}

/* ---- choosing ---- */

/* Whether nobody here gives devices of CLASS, and they are not what makers of GPUs give. */
static bool is_unknown(const struct chooser *c, const char *class)
{
    static const char *const makers[] = {"nvidia.com/", "amd.com/", "intel.com/", "habana.ai/"};
    const char *domain = strstr(class, "intel.com/");
    for (size_t i = 0; i < NVB_COUNT(makers); i++)
        if (domain || nvb_has_prefix(class, makers[i]) || strstr(class, "gpu"))
            return false;
    nvb_vec_foreach (slot, &c->slots)
        if (strcmp(slot->class, class) == 0)
            return false;
    return true;
}

static void leave(const struct chooser *c, const struct nvb_play_pod *pod,
                  struct nvb_play_request *request)
{
    nvb_notes_add(c->notes, NVB_NOTE_WARNING,
                  "%s:%u:%u: no CDI specification here gives '%s': it is left as it is, and Podman "
                  "drops it",
                  pod->file, request->line, request->column, request->resource);
    request->kind = NVB_PLAY_OTHER;
    request->count = 0;
}

static void give(struct chooser *c, const struct nvb_play_pod *pod,
                 struct nvb_play_container *container, const struct nvb_play_request *request,
                 struct slot *slot)
{
    if (nvb_strv_has(&container->chosen, slot->name))
        return;
    slot->pod = pod;
    nvb_strv_add(&container->chosen, slot->name);
    nvb_strv_add(&container->held, slot->label);
    if (may_share(c, request))
        container->shares = true;
}

static bool give_claim(struct chooser *c, const struct nvb_play_pod *pod,
                       struct nvb_play_container *container, const struct nvb_play_request *request)
{
    bool any = false;
    nvb_vec_foreach (claim, &c->claims) {
        if (!request->claim || strcmp(claim->key, request->claim) != 0)
            continue;
        give(c, pod, container, request, &c->slots.items[claim->slot]);
        any = true;
    }
    return any;
}

static int choose(struct chooser *c, const struct nvb_play_pod *pod,
                  struct nvb_play_container *container, struct nvb_play_request *request)
{
    if (request->kind >= NVB_PLAY_NAMED || give_claim(c, pod, container, request))
        return 0;
    _cleanup_free_ char *class = class_of(request);
    const size_t first = container->held.count;
    if (request->kind == NVB_PLAY_FOREIGN && is_unknown(c, class)) {
        leave(c, pod, request);
        return 0;
    }
    for (uint64_t i = 0; i < request->count; i++) {
        struct slot *slot = find_best(c, pod, container, request, class);
        if (!slot) {
            for (size_t k = first; k < container->held.count; k++)
                find_slot(c, container->held.items[k])->pod = NULL; /* was free, but not enough */
            return fail(c, pod, container, request, class);
        }
        give(c, pod, container, request, slot);
        if (!request->claim)
            continue;
        struct claim *claim = nvb_vec_add(&c->claims);
        claim->key = request->claim;
        claim->slot = (size_t)(slot - c->slots.items);
    }
    return 0;
}

static int choose_all(struct chooser *c, struct nvb_play_pods *pods)
{
    nvb_vec_foreach (pod, pods)
        nvb_vec_foreach (container, &pod->containers)
            nvb_vec_foreach (request, &container->requests)
                if (choose(c, pod, container, request) < 0)
                    return -1;
    return 0;
}

int nvb_play_choose(const struct nvb_play_stock *stock, struct nvb_play_pods *pods,
                    struct nvb_notes *notes, struct nvb_error **err)
{
    _cleanup_(chooser_done) struct chooser c = {.stock = stock, .notes = notes, .err = err};
    list_slots(&c);
    lay_holders(&c);
    return choose_all(&c, pods);
}
