#include <string.h>

#include "plan/claims.h"
#include "plan/resolve.h"
#include "plan/state.h"

/* A default of the second name goes where the user wrote the first one. */
static const struct {
    const char *written;
    const char *value; /* only with this value; NULL: with any but "no" */
    const char *dropped;
} conflicts[] = {
    {"restart", NULL, "rm"}, /* the engines refuse both */
    {"rm", NULL, "restart"},
    {"ipc", "host", "shm-size"}, /* the size is the host's then */
    {"pod", NULL, "ipc"},
    {"pod", NULL, "uts"},
    {"pod", NULL, "network"},
    {"pod", NULL, "publish"},
    {"pod", NULL, "userns"},
    {"detach", NULL, "tty"},
    {"detach", NULL, "interactive"},
    {"network", NULL, "pod"},
    {"userns", NULL, "pod"},
    {"network", "host", "publish"},
    {"network", "none", "publish"},
    {"ipc", "none", "shm-size"},
    {"network", NULL, "network"}, /* several do not go together */
};

static bool excludes(const struct nvb_plan_line *upper, const char *name)
{
    for (size_t i = 0; i < NVB_COUNT(conflicts); i++) {
        const char *value = nvb_plan_line_value(upper, conflicts[i].written);
        if (!value || strcmp(conflicts[i].dropped, name) != 0)
            continue;
        if (conflicts[i].value ? strcmp(value, conflicts[i].value) == 0
                               : strcmp(value, "no") != 0 && strcmp(value, "false") != 0)
            return true;
    }
    return false;
}

/* Whether what this one option brings is there already. */
static bool is_claimed(const struct nvb_plan_option *option, unsigned engine_version,
                       const struct nvb_claims *claims)
{
    struct nvb_plan_option copy = *option;
    struct nvb_plan_line line = {.options = {.items = &copy, .count = 1, .cap = 1}};
    _cleanup_claims_ struct nvb_claims own = {0};
    nvb_claims_read(&line, engine_version, &own);
    return nvb_claims_overlap(&own, claims);
}

/* The same words twice say nothing more. */
static bool is_repeated(const struct nvb_plan_option *option, const struct nvb_plan_line *user)
{
    nvb_vec_foreach (other, &user->options)
        if (strcmp(nvb_plan_option_name(option), nvb_plan_option_name(other)) == 0 &&
            strcmp(option->value ? option->value : "", other->value ? other->value : "") == 0)
            return true;
    return false;
}

static bool is_single(const struct nvb_plan_option *option)
{
    return option->row && option->row->repeat == NVB_OPTION_LAST;
}

/* Podman takes this word alone or not at all. */
static bool keeps_groups(const struct nvb_plan_option *option, const struct nvb_plan_line *upper)
{
    return nvb_plan_option_is(option, "group-add") && option->value &&
           strcmp(option->value, "keep-groups") == 0 && nvb_plan_line_find(upper, "group-add");
}

void nvb_defaults_drop_replaced(struct nvb_plan_line *lower, const struct nvb_plan_line *upper,
                                const struct nvb_engine *engine)
{
    unsigned version = nvb_plan_list_version(engine);
    _cleanup_claims_ struct nvb_claims claims = {0};
    _cleanup_free_ bool *drop = nvb_calloc(lower->options.count + 1, sizeof(*drop));

    nvb_claims_read(upper, version, &claims);
    for (size_t i = 0; i < lower->options.count; i++) {
        const struct nvb_plan_option *option = &lower->options.items[i];
        const char *name = nvb_plan_option_name(option);
        drop[i] = excludes(upper, name) || is_repeated(option, upper) ||
                  (is_single(option) && nvb_plan_line_find(upper, name)) ||
                  is_claimed(option, version, &claims) || keeps_groups(option, upper);
    }
    nvb_plan_line_drop(lower, drop);
}

void nvb_defaults_drop_earlier(struct nvb_plan_line *line, const struct nvb_engine *engine)
{
    unsigned version = nvb_plan_list_version(engine);
    _cleanup_claims_ struct nvb_claims later = {0};
    _cleanup_free_ bool *drop = nvb_calloc(line->options.count + 1, sizeof(*drop));
    for (size_t i = line->options.count; i-- > 0;) {
        struct nvb_plan_option copy = line->options.items[i];
        struct nvb_plan_line one = {.options = {.items = &copy, .count = 1, .cap = 1}};
        drop[i] = is_claimed(&copy, version, &later);
        if (!drop[i])
            nvb_claims_read(&one, version, &later);
    }
    nvb_plan_line_drop(line, drop);
}

void nvb_defaults_merge(struct nvb_plan *plan, bool terminal)
{
    struct nvb_plan_line *defaults = &plan->defaults;
    nvb_defaults_drop_replaced(defaults, &plan->user, plan->engine);
    if (terminal)
        return;
    _cleanup_free_ bool *drop = nvb_calloc(defaults->options.count + 1, sizeof(*drop));
    for (size_t i = 0; i < defaults->options.count; i++)
        drop[i] = nvb_plan_option_is(&defaults->options.items[i], "tty");
    nvb_plan_line_drop(defaults, drop);
}
