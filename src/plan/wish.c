#include <string.h>

#include "plan/claims.h"
#include "plan/resolve.h"
#include "plan/visible.h"

#define OWN_KIND "nvidia.com/gpu="

void nvb_wish_done(struct nvb_wish *wish)
{
    free(wish->words);
    nvb_selection_done(&wish->selection);
    *wish = (struct nvb_wish){0};
}

/* A capability's node is no GPU: it is brought along with one, or beside one (MIG's monitor). */
static bool is_gpu_node(const char *path)
{
    return nvb_has_prefix(path, "/dev/nvidia") && !nvb_has_prefix(path, "/dev/nvidia-caps/");
}

/* The words of a list that are ours, as one selection. Returns 0, or 1 when there is none. */
static int read_own_devices(const struct nvb_claims *claims, struct nvb_wish *ret)
{
    _cleanup_str_ struct nvb_str list = NVB_STR_INIT;
    for (size_t i = 0; i < claims->cdi.count; i++)
        if (nvb_has_prefix(claims->cdi.items[i], OWN_KIND))
            nvb_str_addf(&list, "%s%s", list.len ? "," : "",
                         claims->cdi.items[i] + strlen(OWN_KIND));
    for (size_t i = 0; i < claims->devices.count; i++)
        ret->own_nodes = ret->own_nodes || is_gpu_node(claims->devices.items[i]);
    ret->own_cdi = list.len > 0;
    if (!ret->own_cdi && !ret->own_nodes)
        return 1;
    ret->source = "--device";
    ret->words = nvb_strdup(ret->own_cdi ? list.data : "/dev/nvidia*");
    /* A name that only another tool's specification knows ("nvidia.com/gpu=gpu-slice-3") is for the
     * engine to find: nothing is chosen here then. */
    if (ret->own_cdi && nvb_selection_parse(list.data, &ret->selection, NULL) < 0)
        ret->selection = (struct nvb_selection){.kind = NVB_SELECT_NONE};
    else if (!ret->own_cdi)
        ret->selection = (struct nvb_selection){.kind = NVB_SELECT_ITEMS};
    return 0;
}

/* Mounts of /dev/null. Returns 0, 1 when there is none, or -1. */
static int read_mounts(const struct nvb_plan_line *line, struct nvb_wish *ret,
                       struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    _cleanup_str_ struct nvb_str list = NVB_STR_INIT;
    nvb_visible_read_mounts(line, &words);
    if (words.count == 0)
        return 1;
    for (size_t i = 0; i < words.count; i++)
        nvb_str_addf(&list, "%s%s", i ? "," : "", words.items[i]);
    ret->source = "a mount of /dev/null";
    if (nvb_selection_parse_visible(list.data, &ret->selection, NULL) < 0) {
        (void)nvb_selection_parse(list.data, &ret->selection, err);
        return nvb_error_prefix(err, "/var/run/nvidia-container-devices");
    }
    ret->words = nvb_str_steal(&list);
    return 0;
}

/* The variable NVIDIA_VISIBLE_DEVICES. Returns 0, 1 when it is not set, or -1. */
static int read_variable(const struct nvb_plan_input *input, const struct nvb_plan *plan,
                         struct nvb_wish *ret, struct nvb_error **err)
{
    ret->words = nvb_visible_find_variable(&plan->user, NVB_VISIBLE, input->environment);
    ret->source = NVB_WISH_VARIABLE;
    if (!ret->words) {
        ret->words = nvb_visible_find_variable(&plan->defaults, NVB_VISIBLE, input->environment);
        ret->source = "configuration " NVB_VISIBLE;
        if (input->defaults)
            ret->place = input->defaults->visible_place;
    }
    return ret->words ? nvb_selection_parse_visible(ret->words, &ret->selection, err) : 1;
}

/* Returns 0 when one of the user's options decided, 1 when none did, or -1. */
static int read_engine_words(const struct nvb_plan_input *input, const struct nvb_plan *plan,
                             struct nvb_wish *ret, struct nvb_error **err)
{
    unsigned version = plan->engine->kind == NVB_ENGINE_PODMAN ? plan->engine->version : 0;
    const struct nvb_plan_line *lines[] = {&plan->user, &plan->defaults};
    _cleanup_claims_ struct nvb_claims claims = {0};
    for (size_t i = 0; i < NVB_COUNT(lines); i++)
        nvb_claims_read(lines[i], version, &claims);
    if (read_own_devices(&claims, ret) == 0)
        return 0;
    for (size_t i = 0; i < NVB_COUNT(lines); i++) {
        int r = read_mounts(lines[i], ret, err);
        if (r <= 0)
            return r;
    }
    return read_variable(input, plan, ret, err);
}

static int read_default(const struct nvb_plan_input *input, struct nvb_wish *ret,
                        struct nvb_error **err)
{
    const struct nvb_plan_defaults *defaults = input->defaults;
    const char *words = defaults && defaults->selection ? defaults->selection : "all";
    /* "--runtime nvidia" is a request for GPUs that does not say which. */
    if (input->request->gpu_runtime && strcmp(words, "none") == 0)
        words = "all";
    else if (defaults)
        ret->place = defaults->selection_place;
    free(ret->words);
    ret->source = input->request->gpu_runtime ? "--runtime" : "default";
    ret->words = nvb_strdup(words);
    return nvb_selection_parse(words, &ret->selection, err);
}

int nvb_wish_read(const struct nvb_plan_input *input, const struct nvb_plan *plan,
                  struct nvb_wish *ret, struct nvb_error **err)
{
    const struct nvb_request *request = input->request;
    _cleanup_wish_ struct nvb_wish wish = {0};
    int r = 0;
    if (request->gpu) {
        wish.source = "--gpu";
        wish.words = nvb_strdup(request->gpu);
        r = nvb_selection_parse(request->gpu, &wish.selection, err);
    } else if (request->gpus) {
        wish.source = "--gpus";
        wish.words = nvb_strdup(request->gpus);
        r = nvb_selection_parse_docker(request->gpus, &wish.selection, err);
    } else {
        r = read_engine_words(input, plan, &wish, err);
        if (r > 0)
            r = read_default(input, &wish, err);
    }
    if (r < 0)
        return nvb_wish_fail(&wish, err);
    *ret = TAKE_STRUCT(wish);
    return 0;
}

int nvb_wish_fail(const struct nvb_wish *wish, struct nvb_error **err)
{
    const struct nvb_place *place = &wish->place;
    if (place->file)
        (void)nvb_error_at(err, place->file, place->line, place->column);
    if (!wish->source || !strstr(wish->source, NVB_VISIBLE) ||
        (err && *err && nvb_has_prefix((*err)->message, NVB_VISIBLE)))
        return -1;
    return nvb_error_prefix(err, NVB_VISIBLE "=%s", wish->words);
}

/* ---- capabilities ---- */

/* NVIDIA_DRIVER_CAPABILITIES: empty, it is not there. */
static int read_granted(const struct nvb_plan_input *input, const struct nvb_plan *plan,
                        unsigned *ret, struct nvb_error **err)
{
    _cleanup_free_ char *user =
        nvb_visible_find_variable(&plan->user, NVB_GRANTED, input->environment);
    _cleanup_free_ char *configured =
        user ? NULL : nvb_visible_find_variable(&plan->defaults, NVB_GRANTED, input->environment);
    const char *value = user ? user : configured;
    _cleanup_free_ char *clean = value ? nvb_visible_clean_list(value) : NULL;
    if (!clean || clean[0] == '\0')
        return 1;
    if (nvb_capabilities_parse(clean, ret, err) == 0)
        return 0;
    if (!user && input->defaults && input->defaults->granted_place.file) {
        const struct nvb_place *place = &input->defaults->granted_place;
        (void)nvb_error_at(err, place->file, place->line, place->column);
    }
    return nvb_error_prefix(err, NVB_GRANTED);
}

int nvb_wish_read_capabilities(const struct nvb_plan_input *input, const struct nvb_plan *plan,
                               const struct nvb_wish *wish, unsigned *ret, struct nvb_error **err)
{
    if (input->request->capabilities)
        return nvb_capabilities_parse(input->request->capabilities, ret, err);
    if (wish->selection.capabilities) {
        *ret = wish->selection.capabilities;
        return 0;
    }
    int r = read_granted(input, plan, ret, err);
    if (r <= 0)
        return r;
    *ret = input->defaults && input->defaults->capabilities
               ? input->defaults->capabilities
               : (unsigned)(NVB_CAP_COMPUTE | NVB_CAP_UTILITY);
    return 0;
}

/* ---- what else the words say ---- */

bool nvb_plan_outlives(const struct nvb_plan *plan)
{
    const char *restart = nvb_plan_value(plan, "restart");
    if (plan->kept || plan->verb == NVB_PLAN_CREATE || !nvb_plan_is_on(plan, "rm"))
        return true;
    return restart && strcmp(restart, "no") != 0 && restart[0] != '\0';
}
