#include "plan/plan.h"

#include <string.h>

static void done_options(struct nvb_plan_options *options)
{
    nvb_vec_foreach (option, options) {
        free(option->name);
        free(option->value);
    }
    nvb_vec_release(options);
}

static bool has_label(const struct nvb_plan_line *line)
{
    const size_t len = strlen(NVB_PLAN_GPU_LABEL);
    nvb_vec_foreach (option, &line->options)
        if (nvb_plan_option_is(option, "label") && option->value &&
            strncmp(option->value, NVB_PLAN_GPU_LABEL, len) == 0 &&
            (option->value[len] == '\0' || option->value[len] == '='))
            return true;
    return false;
}

bool nvb_plan_add_label(const struct nvb_plan *plan, struct nvb_str *ret)
{
    bool first = true;
    if (plan->gpus.count == 0 || has_label(&plan->user) || has_label(&plan->defaults))
        return false;
    nvb_vec_foreach (gpu, &plan->gpus) {
        nvb_str_add(ret, first ? "" : ",");
        if (gpu->is_mig)
            nvb_str_addf(ret, "%s/%u/%u", gpu->pci, gpu->gi, gpu->ci);
        else
            nvb_str_add(ret, gpu->uuid ? gpu->uuid : gpu->pci);
        first = false;
    }
    return true;
}

void nvb_plan_line_done(struct nvb_plan_line *line)
{
    nvb_strv_done(&line->words);
    done_options(&line->options);
}

void nvb_plan_done(struct nvb_plan *plan)
{
    nvb_plan_line_done(&plan->early);
    nvb_plan_line_done(&plan->defaults);
    nvb_plan_line_done(&plan->user);
    free(plan->image);
    nvb_strv_done(&plan->command);
    free(plan->selection);
    nvb_vec_foreach (gpu, &plan->gpus) {
        free(gpu->pci);
        free(gpu->uuid);
        free(gpu->model);
    }
    nvb_vec_release(&plan->gpus);
    free(plan->cookie.path);
    free(plan->cookie.text);
    free(plan->said.path);
    free(plan->said.text);
    free(plan->graphics_profile.path);
    free(plan->graphics_profile.text);
    nvb_cdi_edits_done(&plan->edits);
    nvb_strv_done(&plan->cdi_devices);
    nvb_strv_done(&plan->cdi_folders);
    nvb_strv_done(&plan->hook_folders);
    free(plan->kept_file);
    free(plan->hook_mark);
    free(plan->spec.path);
    free(plan->spec.text);
    nvb_vec_foreach (hook, &plan->more_hooks) {
        free(hook->path);
        free(hook->text);
    }
    nvb_vec_release(&plan->more_hooks);
    free(plan->registries.path);
    free(plan->registries.text);
    nvb_strv_done(&plan->added_environment);
    nvb_strv_done(&plan->hidden_environment);
    *plan = (struct nvb_plan){0};
}

char *nvb_plan_gpu_name(const struct nvb_plan_gpu *gpu)
{
    return gpu->is_mig ? nvb_strdupf("%u:%u", gpu->index, gpu->mig) : nvb_strdupf("%u", gpu->index);
}

const char *nvb_plan_verb_name(enum nvb_plan_verb verb)
{
    static const char *const names[] = {
        [NVB_PLAN_RUN] = "run",
        [NVB_PLAN_CREATE] = "create",
        [NVB_PLAN_EXEC] = "exec",
    };
    return names[verb];
}

const char *nvb_plan_option_name(const struct nvb_plan_option *option)
{
    return option->row ? nvb_option_canonical(option->row)->name : option->name;
}

bool nvb_plan_option_is(const struct nvb_plan_option *option, const char *name)
{
    return strcmp(nvb_plan_option_name(option), name) == 0;
}

const struct nvb_plan_option *nvb_plan_line_find(const struct nvb_plan_line *line, const char *name)
{
    for (size_t i = line->options.count; i-- > 0;)
        if (nvb_plan_option_is(&line->options.items[i], name))
            return &line->options.items[i];
    return NULL;
}

const char *nvb_plan_line_value(const struct nvb_plan_line *line, const char *name)
{
    const struct nvb_plan_option *option = nvb_plan_line_find(line, name);
    if (!option)
        return NULL;
    return option->value ? option->value : "";
}

const char *nvb_plan_value(const struct nvb_plan *plan, const char *name)
{
    const char *value = nvb_plan_line_value(&plan->user, name);
    return value ? value : nvb_plan_line_value(&plan->defaults, name);
}

/* What is not false is true, or the engine's error. */
static bool is_on(const char *value)
{
    return value && !nvb_is_false(value);
}

bool nvb_plan_line_is_on(const struct nvb_plan_line *line, const char *name)
{
    return is_on(nvb_plan_line_value(line, name));
}

bool nvb_plan_is_on(const struct nvb_plan *plan, const char *name)
{
    return is_on(nvb_plan_value(plan, name));
}

void nvb_plan_line_add(struct nvb_plan_line *line, const char *name, const char *value)
{
    struct nvb_plan_option *option = nvb_vec_add(&line->options);
    option->row = nvb_option_find(name, strlen(name), NVB_OPTION_ANY);
    option->name = nvb_strdup(name);
    option->value = nvb_strdup(value);
    option->first = line->words.count;
    option->words = 2;
    nvb_strv_addf(&line->words, "--%s", name);
    nvb_strv_add(&line->words, value);
}

void nvb_plan_line_add_flag(struct nvb_plan_line *line, const char *name)
{
    struct nvb_plan_option *option = nvb_vec_add(&line->options);
    option->row = nvb_option_find(name, strlen(name), NVB_OPTION_ANY);
    option->name = nvb_strdup(name);
    option->first = line->words.count;
    option->words = 1;
    nvb_strv_addf(&line->words, "--%s", name);
}

void nvb_plan_line_append(struct nvb_plan_line *line, struct nvb_plan_line *from)
{
    nvb_vec_foreach (option, &from->options) {
        struct nvb_plan_option moved = TAKE_STRUCT(*option);
        moved.first += line->words.count;
        nvb_vec_push(&line->options, moved);
    }
    nvb_vec_foreach (word, &from->words)
        nvb_vec_push(&line->words, TAKE_PTR(*word));
    nvb_plan_line_done(from);
}

void nvb_plan_line_set_value(struct nvb_plan_line *line, size_t index, const char *value)
{
    struct nvb_plan_option *option = &line->options.items[index];
    char **word = &line->words.items[option->first + option->words - 1];
    /* The value is always the end of its word: "/a:/b", "--volume=/a:/b", "-itv/a:/b". */
    size_t kept = strlen(*word) - strlen(option->value);
    char *changed = nvb_strdupf("%.*s%s", (int)kept, *word, value);
    free(*word);
    *word = changed;
    free(option->value);
    option->value = nvb_strdup(value);
}

/* Options that share words: the index behind the last one, and the word behind their last. */
static size_t find_group_end(const struct nvb_plan_line *line, size_t first, size_t *ret_word)
{
    const struct nvb_plan_options *options = &line->options;
    size_t end = first;
    *ret_word = 0;
    for (; end < options->count && options->items[end].first == options->items[first].first; end++)
        if (options->items[end].first + options->items[end].words > *ret_word)
            *ret_word = options->items[end].first + options->items[end].words;
    return end;
}

/* Every option of the group stays: its words as they are. */
static void keep_group(struct nvb_plan_line *line, size_t first, size_t end, size_t words_end,
                       struct nvb_plan_line *ret)
{
    size_t from = line->options.items[first].first;
    size_t to = ret->words.count;
    for (size_t i = first; i < end; i++) {
        struct nvb_plan_option option = line->options.items[i];
        option.first = to;
        nvb_vec_push(&ret->options, option);
    }
    for (; from < words_end; from++)
        nvb_strv_add(&ret->words, line->words.items[from]);
}

/* Some of the group go: one word for each that stays. */
static void split_group(struct nvb_plan_line *line, size_t first, size_t end, const bool *drop,
                        struct nvb_plan_line *ret)
{
    for (size_t i = first; i < end; i++) {
        struct nvb_plan_option option = line->options.items[i];
        const char *dashes = option.is_short ? "-" : "--";
        if (drop[i]) {
            free(option.name);
            free(option.value);
            continue;
        }
        option.first = ret->words.count;
        option.words = 1;
        if (option.value)
            nvb_strv_addf(&ret->words, "%s%s=%s", dashes, option.name, option.value);
        else
            nvb_strv_addf(&ret->words, "%s%s", dashes, option.name);
        nvb_vec_push(&ret->options, option);
    }
}

void nvb_plan_line_drop(struct nvb_plan_line *line, const bool *drop)
{
    struct nvb_plan_line kept = {0};
    size_t word = 0;
    for (size_t i = 0, end; i < line->options.count; i = end) {
        bool whole = true;
        end = find_group_end(line, i, &word);
        for (size_t k = i; k < end; k++)
            whole = whole && !drop[k];
        if (whole)
            keep_group(line, i, end, word, &kept);
        else
            split_group(line, i, end, drop, &kept);
    }
    for (; word < line->words.count; word++)
        nvb_strv_add(&kept.words, line->words.items[word]);
    nvb_strv_done(&line->words);
    nvb_vec_release(&line->options); /* what they own has moved */
    *line = kept;
}
