/* Engines whose containers a service makes: Docker, and Podman behind its socket. */

#include "plan/service.h"

#include <string.h>
#include <unistd.h>

#include "base/trust.h"
#include "cdi/codec.h"
#include "cdi/validate.h"
#include "plan/state.h"

/* No other tool's names have this kind, so none of them can be in two files. */
#define PRIVATE_KIND "nvbind.local/gpu"

/* More GPUs than this are in no machine. */
#define MAX_RANGE 1024

/* ---- where it is ---- */

static int read_remote(const struct nvb_plan_line *line)
{
    const char *value = nvb_plan_line_value(line, "remote");
    if (!value)
        return -1;
    return nvb_is_false(value) ? 0 : 1;
}

static const char *value_of_either(const struct nvb_plan_line *line, const char *one,
                                   const char *other)
{
    const char *value = nvb_plan_line_value(line, one);
    return value ? value : nvb_plan_line_value(line, other);
}

void nvb_plan_find_endpoint(const struct nvb_plan *plan, const struct nvb_engine *engine,
                            char *const *environment, const struct nvb_user *user,
                            struct nvb_endpoint *ret)
{
    /* Either engine's spelling may have been used; what this engine lacks is refused later. */
    const struct nvb_endpoint_words words = {
        .url = value_of_either(&plan->early, "url", "host"),
        .name = value_of_either(&plan->early, "connection", "context"),
        .remote = read_remote(&plan->early),
    };
    nvb_endpoint_find(engine->kind, &words, environment, user, ret);
}

bool nvb_plan_is_remote(const struct nvb_plan_input *input)
{
    return (input->endpoint && input->endpoint->kind == NVB_ENDPOINT_REMOTE) ||
           (input->facts && input->facts->elsewhere);
}

bool nvb_plan_is_by_service(const struct nvb_plan_input *input)
{
    return input->endpoint && input->endpoint->kind != NVB_ENDPOINT_HERE;
}

/* ---- a service on another machine: names alone ---- */

static int fail_remote(const char *what, struct nvb_error **err)
{
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                         "%s: the engine's service may be on another machine, whose GPUs are not "
                         "known here",
                         what);
    return nvb_error_hint(err, "nvbind run --gpu 0 …, or another name of the CDI specification "
                               "there");
}

static int add_names(const struct nvb_selection_item *item, struct nvb_strv *ret,
                     struct nvb_error **err)
{
    switch (item->kind) {
    case NVB_ITEM_ALL:
        nvb_strv_add(ret, NVB_OWN_KIND "all");
        return 0;
    case NVB_ITEM_INDEX:
        if (item->last - item->first >= MAX_RANGE)
            return fail_remote(item->text, err);
        for (uint64_t i = item->first; i <= item->last; i++)
            nvb_strv_addf(ret, NVB_OWN_KIND "%llu", (unsigned long long)i);
        return 0;
    case NVB_ITEM_UUID:
    case NVB_ITEM_MIG:
        nvb_strv_addf(ret, NVB_OWN_KIND "%s", item->text);
        return 0;
    case NVB_ITEM_CDI:
        nvb_strv_add(ret, item->text);
        return 0;
    case NVB_ITEM_PCI:
        break;
    }
    return fail_remote(item->text, err);
}

int nvb_plan_leave_to_remote(struct nvb_plan_state *s, struct nvb_error **err)
{
    const struct nvb_endpoint *endpoint = s->input->endpoint;
    struct nvb_plan *plan = s->plan;
    const struct nvb_selection *selection = &s->wish.selection;
    if (s->input->request->cdi == NVB_CDI_REFUSE)
        return fail_remote("--no-cdi", err);
    if (selection->kind == NVB_SELECT_COUNT)
        return fail_remote(s->wish.words, err);
    /* Names that the user wrote stand among his words. */
    if (!s->wish.own_cdi)
        nvb_vec_foreach (item, &selection->items)
            if (add_names(item, &plan->cdi_devices, err) < 0)
                return -1;
    plan->mode = NVB_PLAN_CDI;
    nvb_notes_add(s->notes, NVB_NOTE_WARNING,
                  "%s makes the container at '%s' (%s), which is not this machine: the CDI "
                  "specification there says what GPU '%s' is",
                  nvb_engine_name(s->input->engine->kind),
                  endpoint->url ? endpoint->url : "a place of its own", endpoint->source,
                  s->wish.words);
    return 0;
}

/* ---- Docker's CDI, by a file that its daemon reads ---- */

int nvb_plan_find_service_folder(struct nvb_plan_state *s, struct nvb_error **err)
{
    const struct nvb_plan_input *input = s->input;
    const struct nvb_engine_facts *facts = input->facts;
    const char *folder = NULL;
    /* What is gone with the next boot is not for a container that stays. */
    if (input->engine->kind != NVB_ENGINE_DOCKER || !facts || !facts->cdi || facts->rootless ||
        input->user->uid != 0 || input->request->cdi == NVB_CDI_REFUSE ||
        nvb_plan_outlives(s->plan))
        return 0;
    for (size_t i = 0; i < facts->cdi_folders.count; i++)
        if (strcmp(facts->cdi_folders.items[i], "/var/run/cdi") == 0 ||
            strcmp(facts->cdi_folders.items[i], "/run/cdi") == 0)
            folder = facts->cdi_folders.items[i];
    if (!folder)
        return 0;
    if (access(folder, F_OK) == 0 && nvb_trust_check_path(folder, 0, err) < 0)
        return -1;
    s->service_folder = nvb_strdup(folder);
    return 0;
}

int nvb_plan_use_service_folder(struct nvb_plan_state *s, struct nvb_error **err)
{
    struct nvb_plan *plan = s->plan;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {.kind = nvb_strdup(PRIVATE_KIND)};
    struct nvb_cdi_device *device = nvb_vec_add(&spec.devices);
    device->name = nvb_strdup("gpu");
    nvb_cdi_edits_merge(&device->edits, &plan->edits);
    spec.version = nvb_strdup(nvb_cdi_needed_version(&spec, NULL));
    if (nvb_cdi_write(&spec, NVB_CDI_JSON, &text, err) < 0)
        return -1;
    uint64_t hash = nvb_hash(NVB_HASH_INIT, text.data, text.len);
    free(device->name);
    device->name = nvb_strdupf("p%016llx", (unsigned long long)hash);
    nvb_str_truncate(&text, 0);
    if (nvb_cdi_validate(&spec, err) < 0 || nvb_cdi_write(&spec, NVB_CDI_JSON, &text, err) < 0)
        return -1;
    plan->mode = NVB_PLAN_CDI;
    plan->spec.path = nvb_strdupf("%s/nvbind-%s.json", s->service_folder, device->name);
    plan->spec.is_public = true;
    plan->spec.len = text.len;
    plan->spec.text = nvb_str_steal(&text);
    nvb_strv_addf(&plan->cdi_devices, PRIVATE_KIND "=%s", device->name);
    nvb_plan_drop_own_names(&plan->user);
    nvb_plan_drop_own_names(&plan->defaults);
    return 0;
}
