#include "plan/configure.h"

#include <string.h>

#include "plan/selection.h"
#include "plan/visible.h"

/*
 * Theory of operation. default_args are taken apart by the option table first and expanded after
 * that, each value alone. So a variable can never add an argument or turn into an option, and one
 * that is unset takes its option along with it. Which characters would begin another field of a
 * value is known for each option; a variable that brings one in is an error.
 */

static const struct {
    const char *name;
    const char *separators;
} separators[] = {
    {"add-host", ":"}, {"device", ":"},        {"label", "="},      {"mount", ",="},
    {"publish", ":/"}, {"security-opt", "=:"}, {"sysctl", "="},     {"tmpfs", ":,"},
    {"ulimit", "=:"},  {"volume", ":"},        {"annotation", "="},
};

void nvb_plan_defaults_done(struct nvb_plan_defaults *defaults)
{
    nvb_plan_line_done(&defaults->line);
    nvb_strv_done(&defaults->gpu_devices);
    nvb_vec_foreach (library, &defaults->libraries)
        free(library->text);
    nvb_vec_release(&defaults->libraries);
    free(defaults->cookie.path);
    free(defaults->cookie.text);
    free(defaults->said.path);
    free(defaults->said.text);
    *defaults = (struct nvb_plan_defaults){0};
}

unsigned nvb_plan_configured_engine(const struct nvb_config *config)
{
    const char *name = nvb_config_text(config, NVB_CONFIG_DEFAULT_RUNTIME);
    if (!name)
        return 0;
    return strcmp(name, "docker") == 0 ? NVB_ENGINE_DOCKER : NVB_ENGINE_PODMAN;
}

char *nvb_plan_find_separators(const struct nvb_plan_option *option)
{
    const char *name = nvb_plan_option_name(option);
    const char *found = "";
    bool list = option->row &&
                (option->row->repeat == NVB_OPTION_CSV || option->row->repeat == NVB_OPTION_CSV4);
    for (size_t i = 0; i < NVB_COUNT(separators); i++)
        if (strcmp(name, separators[i].name) == 0)
            found = separators[i].separators;
    /* A variable that makes the name of another variable would choose which one is set. */
    const char *equals = option->value ? strchr(option->value, '=') : NULL;
    const char *dollar = option->value ? strchr(option->value, '$') : NULL;
    if (strcmp(name, "env") == 0 && dollar && (!equals || dollar < equals))
        found = "=";
    return nvb_strdupf("%s%s", found, list ? "," : "");
}

/* ---- default_args ---- */

/* Expands the values of LINE, whose words are ITEMS one by one. */
static int expand_line(const struct nvb_config *config, const struct nvb_key_items *items,
                       struct nvb_plan_line *line, struct nvb_notes *notes, struct nvb_error **err)
{
    _cleanup_free_ bool *drop = nvb_calloc(line->options.count + 1, sizeof(*drop));
    for (size_t i = 0; i < line->options.count; i++) {
        const struct nvb_plan_option *option = &line->options.items[i];
        _cleanup_free_ char *parts = nvb_plan_find_separators(option);
        _cleanup_free_ char *expanded = NULL;
        if (!option->value)
            continue;
        const struct nvb_key_item *item = &items->items[option->first + option->words - 1];
        int r = nvb_config_expand(config, item, option->value, parts, &expanded, notes, err);
        if (r < 0)
            return -1;
        if (r == 0)
            nvb_plan_line_set_value(line, i, expanded);
        drop[i] = r > 0;
    }
    nvb_plan_line_drop(line, drop);
    return 0;
}

/* Takes default_args apart. Returns 0 or -1. */
static int parse_arguments(const struct nvb_config *config, struct nvb_plan_line *ret,
                           struct nvb_error **err)
{
    const struct nvb_key_items *items = nvb_config_items(config, NVB_CONFIG_DEFAULT_ARGS);
    _cleanup_strv_ struct nvb_strv words = {0};
    size_t word = 0;
    nvb_vec_foreach (item, items)
        nvb_strv_add(&words, item->text);
    if (words.count == 0 || nvb_parse_defaults(&words, ret, &word, err) == 0)
        return 0;
    const struct nvb_place *place = &items->items[word].place;
    (void)nvb_error_prefix(err, "default_args");
    return nvb_error_at(err, place->file, place->line, place->column);
}

static int read_arguments(const struct nvb_config *config, struct nvb_plan_line *ret,
                          struct nvb_notes *notes, struct nvb_error **err)
{
    if (parse_arguments(config, ret, err) < 0)
        return -1;
    return expand_line(config, nvb_config_items(config, NVB_CONFIG_DEFAULT_ARGS), ret, notes, err);
}

/*
 * What an engine without root refuses: a rootless container has no device control group, the rights
 * of the nodes themselves decide, so the rule is not missed.
 */
static void drop_device_rules(struct nvb_plan_line *line, struct nvb_notes *notes)
{
    _cleanup_free_ bool *drop = nvb_calloc(line->options.count + 1, sizeof(*drop));
    bool any = false;
    for (size_t i = 0; i < line->options.count; i++) {
        drop[i] = nvb_plan_option_is(&line->options.items[i], "device-cgroup-rule");
        any = any || drop[i];
    }
    nvb_plan_line_drop(line, drop);
    if (any)
        nvb_notes_add(notes, NVB_NOTE_WARNING,
                      "--device-cgroup-rule of the configuration is left out: without root there "
                      "is no such control, and the rights of the device nodes decide");
}

/* ---- lists and variables ---- */

/* Appends each item of a list, expanded, as the option NAME. */
static int add_items(const struct nvb_config *config, enum nvb_config_key key, const char *name,
                     struct nvb_plan_line *ret, struct nvb_notes *notes, struct nvb_error **err)
{
    nvb_vec_foreach (item, nvb_config_items(config, key)) {
        struct nvb_plan_option option = {
            .row = nvb_option_find(name, strlen(name), NVB_OPTION_ANY),
            .name = (char *)name,
            .value = item->text,
        };
        _cleanup_free_ char *parts = nvb_plan_find_separators(&option);
        _cleanup_free_ char *expanded = NULL;
        int r = nvb_config_expand(config, item, item->text, parts, &expanded, notes, err);
        if (r < 0)
            return -1;
        if (r == 0)
            nvb_plan_line_add(ret, name, expanded);
    }
    return 0;
}

static int add_environment(const struct nvb_config *config, struct nvb_plan_line *ret,
                           struct nvb_notes *notes, struct nvb_error **err)
{
    nvb_vec_foreach (item, nvb_config_items(config, NVB_CONFIG_ENVIRONMENT)) {
        _cleanup_free_ char *expanded = NULL;
        int r = nvb_config_expand(config, item, item->text, NULL, &expanded, notes, err);
        if (r < 0)
            return -1;
        if (r > 0)
            continue;
        _cleanup_free_ char *variable = nvb_strdupf("%s=%s", item->name, expanded);
        nvb_plan_line_add(ret, "env", variable);
    }
    return 0;
}

static int add_devices(const struct nvb_config *config, struct nvb_strv *ret,
                       struct nvb_notes *notes, struct nvb_error **err)
{
    struct nvb_plan_line line = {0};
    int r = add_items(config, NVB_CONFIG_ADDITIONAL_DEVICES, "device", &line, notes, err);
    nvb_vec_foreach (option, &line.options)
        nvb_strv_add(ret, option->value);
    nvb_plan_line_done(&line);
    return r;
}

static int read_capabilities(const struct nvb_config *config, unsigned *ret, struct nvb_error **err)
{
    nvb_vec_foreach (item, nvb_config_items(config, NVB_CONFIG_CAPABILITIES)) {
        unsigned one = 0;
        if (nvb_capabilities_parse(item->text, &one, err) < 0)
            return nvb_error_at(err, item->place.file, item->place.line, item->place.column);
        *ret |= one;
    }
    return 0;
}

static int read_libraries(const struct nvb_config *config, struct nvb_plan_libraries *ret,
                          struct nvb_notes *notes, struct nvb_error **err)
{
    nvb_vec_foreach (item, nvb_config_items(config, NVB_CONFIG_ADDITIONAL_LIBRARIES)) {
        char *expanded = NULL;
        int r = nvb_config_expand(config, item, item->text, NULL, &expanded, notes, err);
        if (r < 0)
            return -1;
        if (r == 0)
            nvb_vec_push(ret, ((struct nvb_plan_library){expanded, item->place}));
    }
    return 0;
}

/* Where a variable of every container is set; all zero: nowhere. */
static struct nvb_place find_variable_place(const struct nvb_config *config, const char *name)
{
    const struct nvb_key_item *found = nvb_config_find_item(config, NVB_CONFIG_ENVIRONMENT, name);
    if (!found)
        nvb_vec_foreach (item, nvb_config_items(config, NVB_CONFIG_DEFAULT_ARGS))
            if (strstr(item->text, name))
                found = item;
    return found ? found->place : (struct nvb_place){0};
}

int nvb_plan_check_config(const struct nvb_config *config, struct nvb_error **err)
{
    _cleanup_selection_ struct nvb_selection named = {0};
    _cleanup_selection_ struct nvb_selection visible = {0};
    struct nvb_plan_line line = {0};
    const char *words = nvb_config_text(config, NVB_CONFIG_DEFAULT_SELECTION);
    const struct nvb_key_item *variable =
        nvb_config_find_item(config, NVB_CONFIG_ENVIRONMENT, NVB_VISIBLE);
    int r = parse_arguments(config, &line, err);
    nvb_plan_line_done(&line);
    if (r < 0)
        return -1;
    struct nvb_place place = nvb_config_place(config, NVB_CONFIG_DEFAULT_SELECTION);
    if (words)
        r = nvb_selection_parse(words, &named, err);
    if (r == 0 && variable && !nvb_expand_has_variable(variable->text)) {
        place = variable->place;
        r = nvb_selection_parse_visible(variable->text, &visible, err);
    }
    if (r < 0 && place.file)
        return nvb_error_at(err, place.file, place.line, place.column);
    return r;
}

static int fill(const struct nvb_config *config, bool rootless, struct nvb_plan_defaults *ret,
                struct nvb_notes *notes, struct nvb_error **err)
{
    if (read_arguments(config, &ret->line, notes, err) < 0 ||
        add_environment(config, &ret->line, notes, err) < 0 ||
        add_items(config, NVB_CONFIG_SECURITY_OPTS, "security-opt", &ret->line, notes, err) < 0 ||
        add_devices(config, &ret->gpu_devices, notes, err) < 0 ||
        read_libraries(config, &ret->libraries, notes, err) < 0 ||
        read_capabilities(config, &ret->capabilities, err) < 0)
        return -1;
    if (rootless)
        drop_device_rules(&ret->line, notes);
    ret->selection = nvb_config_text(config, NVB_CONFIG_DEFAULT_SELECTION);
    ret->selection_place = nvb_config_place(config, NVB_CONFIG_DEFAULT_SELECTION);
    ret->visible_place = find_variable_place(config, NVB_VISIBLE);
    ret->granted_place = find_variable_place(config, NVB_GRANTED);
    ret->isolate = nvb_config_flag(config, NVB_CONFIG_ENABLE_ISOLATION);
    ret->restrict_devices = nvb_config_flag(config, NVB_CONFIG_RESTRICT_DEVICES);
    ret->refuses_rootless = !nvb_config_flag(config, NVB_CONFIG_ALLOW_ROOTLESS);
    ret->rootless_place = nvb_config_place(config, NVB_CONFIG_ALLOW_ROOTLESS);
    return 0;
}

int nvb_plan_configure(const struct nvb_config *config, bool rootless,
                       struct nvb_plan_defaults *ret, struct nvb_notes *notes,
                       struct nvb_error **err)
{
    _cleanup_plan_defaults_ struct nvb_plan_defaults defaults = {0};
    if (fill(config, rootless, &defaults, notes, err) < 0)
        return -1;
    *ret = TAKE_STRUCT(defaults);
    return 0;
}
