/* The user's words, for an engine whose spelling they may not be. */

#include <string.h>

#include "engine/exec.h"
#include "plan/dialect.h"

void nvb_engine_add_csv(struct nvb_str *s, const char *key, const char *text)
{
    /* A quoted field begins with the quote, so the key stands inside of it. */
    bool quote = strpbrk(text, ",\"\n") != NULL;
    nvb_str_addf(s, "%s%s%s=", s->len ? "," : "", quote ? "\"" : "", key);
    for (const char *p = text; *p; p++) {
        if (*p == '"')
            nvb_str_addc(s, '"');
        nvb_str_addc(s, *p);
    }
    if (quote)
        nvb_str_addc(s, '"');
}

static int refuse(const struct nvb_plan_option *option, const struct nvb_engine *engine,
                  struct nvb_error **err)
{
    const char *dashes = option->is_short ? "-" : "--";
    enum nvb_engine_kind other =
        engine->kind == NVB_ENGINE_PODMAN ? NVB_ENGINE_DOCKER : NVB_ENGINE_PODMAN;
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "%s has no option '%s%s'%s",
                         nvb_engine_name(engine->kind), dashes, option->name,
                         option->row ? " and nothing like it" : "");
    if (option->row && (option->row->engines & other))
        return nvb_error_hint(err, "leave it out, or: nvbind run --runtime %s …",
                              nvb_engine_name(other));
    return -1;
}

/* Whether the engine has the option under the name that was written. Rows of its own were put in by
 * the resolver; no row at all: its own help had it. */
static bool is_own(const struct nvb_plan_option *option, const struct nvb_engine *engine)
{
    return !option->row || (option->row->engines & engine->kind);
}

/* Whether it also takes it as it stands, in this version and with this value. */
static bool takes_as_written(const struct nvb_plan_option *option, const struct nvb_engine *engine)
{
    unsigned since;
    return is_own(option, engine) &&
           (!option->row || engine->version == 0 ||
            nvb_option_is_available(option->row, engine->kind, engine->version, &since)) &&
           !(option->value &&
             nvb_dialect_find(nvb_plan_option_name(option), option->value, engine->kind));
}

static bool is_early(const struct nvb_option *row)
{
    return row && (row->flags & NVB_OPTION_EARLY) != 0;
}

/* The engine has the option, though not in this age of its. */
static int check_version(const struct nvb_option *row, const struct nvb_engine *engine,
                         struct nvb_error **err)
{
    unsigned since;
    if (!row || engine->version == 0 ||
        nvb_option_is_available(row, engine->kind, engine->version, &since))
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "%s %s has no option '--%s'",
                         nvb_engine_name(engine->kind), engine->version_text, row->name);
    if (since)
        return nvb_error_hint(err, "leave it out; %s %u.%u has it", nvb_engine_name(engine->kind),
                              since / 100, since % 100);
    return nvb_error_hint(err, "leave it out; only earlier versions of %s had it",
                          nvb_engine_name(engine->kind));
}

/* A value that the other engine alone understands: another one that means the same, borrowed, or
 * VALUE itself. Returns 0 or -1. */
static int translate_value(const struct nvb_plan_option *option, const struct nvb_engine *engine,
                           const char **ret, struct nvb_error **err)
{
    const struct nvb_dialect *row =
        option->value ? nvb_dialect_find(nvb_plan_option_name(option), option->value, engine->kind)
                      : NULL;
    *ret = row && row->other ? row->other : option->value;
    if (!row || row->other)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "%s has no '--%s=%s' and nothing like it",
                         nvb_engine_name(engine->kind), nvb_plan_option_name(option),
                         option->value);
    return nvb_error_hint(err, "leave it out, or: nvbind run --runtime %s …",
                          nvb_engine_name((enum nvb_engine_kind)row->engines));
}

static int add_translated(const struct nvb_plan_option *option, const struct nvb_engine *engine,
                          struct nvb_strv *ret_early, struct nvb_strv *ret, struct nvb_error **err)
{
    const struct nvb_option *row = option->row;
    const char *name = option->name;
    bool is_short = option->is_short;
    if (!is_own(option, engine)) {
        row = nvb_option_translate(option->row, engine->kind);
        if (!row)
            return refuse(option, engine, err);
        name = row->name;
        is_short = false;
    }
    /* A name that has gone, or is yet to come, for an option that is there. */
    unsigned since;
    if (row && row->alias_of && engine->version != 0 &&
        !nvb_option_is_available(row, engine->kind, engine->version, &since)) {
        row = nvb_option_canonical(row);
        name = row->name;
        is_short = false;
    }
    const char *value = NULL;
    if (check_version(row, engine, err) < 0 || translate_value(option, engine, &value, err) < 0)
        return -1;
    struct nvb_strv *to = is_early(row) ? ret_early : ret;
    const char *dashes = is_short ? "-" : "--";
    if (value)
        nvb_strv_addf(to, "%s%s=%s", dashes, name, value);
    else
        nvb_strv_addf(to, "%s%s", dashes, name);
    return 0;
}

int nvb_engine_add_words(const struct nvb_plan_line *line, const struct nvb_engine *engine,
                         struct nvb_strv *ret_early, struct nvb_strv *ret, struct nvb_error **err)
{
    const struct nvb_plan_options *options = &line->options;
    size_t word = 0;
    for (size_t i = 0, end; i < options->count; i = end) {
        size_t first = options->items[i].first;
        bool as_written = true;
        for (end = i; end < options->count && options->items[end].first == first; end++) {
            const struct nvb_plan_option *option = &options->items[end];
            as_written = as_written && takes_as_written(option, engine) &&
                         (ret == ret_early || !is_early(option->row));
            word = first + option->words > word ? first + option->words : word;
        }
        for (size_t k = first; as_written && k < word; k++)
            nvb_strv_add(ret, line->words.items[k]);
        for (size_t k = i; !as_written && k < end; k++)
            if (add_translated(&options->items[k], engine, ret_early, ret, err) < 0)
                return -1;
    }
    for (; word < line->words.count; word++)
        nvb_strv_add(ret, line->words.items[word]);
    return 0;
}

/* ---- what both engines say in the same way ---- */

/* HOST[:CONTAINER[:PERMISSIONS]]: neither engine can quote a colon in it. */
static int add_node(const struct nvb_cdi_node *node, struct nvb_strv *ret, struct nvb_error **err)
{
    const char *host = node->host_path ? node->host_path : node->path;
    bool plain = !node->permissions || strcmp(node->permissions, "rwm") == 0;
    if (strchr(host, ':') || strchr(node->path, ':'))
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                              "the engine cannot take a device whose path has a colon: '%s'", host);
    nvb_strv_add(ret, "--device");
    if (plain && strcmp(host, node->path) == 0)
        nvb_strv_add(ret, host);
    else if (plain)
        nvb_strv_addf(ret, "%s:%s", host, node->path);
    else
        nvb_strv_addf(ret, "%s:%s:%s", host, node->path, node->permissions);
    return 0;
}

int nvb_engine_add_common(const struct nvb_plan *plan, struct nvb_strv *ret, struct nvb_error **err)
{
    const struct nvb_cdi_edits *edits = &plan->edits;
    for (size_t i = 0; i < plan->cdi_devices.count; i++) {
        nvb_strv_add(ret, "--device");
        nvb_strv_add(ret, plan->cdi_devices.items[i]);
    }
    if (plan->mode != NVB_PLAN_DIRECT)
        return 0;
    if ((edits->hooks.count > 0 && !plan->hook_mark) || edits->nets.count > 0 || edits->rdt)
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                              "hooks and network devices cannot be passed without CDI");
    for (size_t i = 0; i < edits->env.count; i++) {
        nvb_strv_add(ret, "--env");
        nvb_strv_add(ret, edits->env.items[i]);
    }
    nvb_vec_foreach (node, &edits->nodes)
        if (add_node(node, ret, err) < 0)
            return -1;
    nvb_vec_foreach (gid, &edits->gids) {
        nvb_strv_add(ret, "--group-add");
        nvb_strv_addf(ret, "%u", (unsigned)*gid);
    }
    return 0;
}
