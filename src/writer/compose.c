/*
 * Each option becomes a key of the service where the tool that will read the file honours it, and
 * is refused by name where it does not: Compose's tools drop what they do not know, some without a
 * word. Of GPUs podman-compose takes CDI names as devices, docker compose before 2.30 as
 * reservations with the driver "cdi" alone, which later ones take as well.
 */

#include "writer/compose.h"

#include <string.h>

#include "data/yaml.h"
#include "plan/claims.h"
#include "plan/dialect.h"
#include "writer/compose_parts.h"

const char *nvb_compose_tool_name(enum nvb_compose_tool tool)
{
    switch (tool) {
    case NVB_COMPOSE_PODMAN_OLD:
        return "podman-compose before 1.3";
    case NVB_COMPOSE_PODMAN:
        return "podman-compose";
    case NVB_COMPOSE_DOCKER:
        return "docker compose";
    case NVB_COMPOSE_SOCKET:
        return "docker compose on Podman's socket";
    default:
        return "Compose";
    }
}

bool nvb_compose_is_name(const char *text)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return *text && !strchr("._-", *text) && text[strspn(text, letters)] == '\0';
}

bool nvb_compose_is(const struct nvb_compose *c, unsigned tools)
{
    return (c->options->tool & tools) != 0;
}

/* ---- values ---- */

void nvb_compose_set(struct nvb_doc *doc, const char *text)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    for (; *text; text++) {
        if (*text == '$')
            nvb_str_addc(&s, '$');
        nvb_str_addc(&s, *text);
    }
    nvb_doc_set_text(doc, s.data);
}

void nvb_compose_set_number(struct nvb_doc *doc, const char *text)
{
    const bool minus = text[0] == '-';
    const char *digits = text + minus;
    uint64_t value;
    if (nvb_parse_u64(digits, strlen(digits), 10, &value) < 0 || value > INT64_MAX)
        nvb_compose_set(doc, text);
    else
        nvb_doc_set_int(doc, minus ? -(int64_t)value : (int64_t)value);
}

struct nvb_doc *nvb_compose_at(struct nvb_compose *c, const char *path)
{
    if (nvb_has_prefix(path, "x-")) /* "x-podman.uidmaps" is one key */
        return nvb_doc_at(&c->service, path);
    _cleanup_strv_ struct nvb_strv keys = {0};
    struct nvb_doc *doc = &c->service;
    nvb_strv_split(&keys, path, '.');
    nvb_vec_foreach (key, &keys)
        doc = nvb_doc_at(doc, *key);
    return doc;
}

int nvb_compose_refuse(const struct nvb_compose *c, const struct nvb_plan_option *option,
                       const char *why, const char *hint, struct nvb_error **err)
{
    const struct nvb_compose_key *key = nvb_compose_find(nvb_plan_option_name(option));
    const unsigned tools = key ? key->tools : 0;
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "%s cannot be told '%s%s'%s%s",
                         nvb_compose_tool_name(c->options->tool), option->is_short ? "-" : "--",
                         option->name, why ? ": " : "", why ? why : "");
    if (hint)
        return nvb_error_hint(err, "%s", hint);
    if (!why && nvb_compose_is(c, NVB_COMPOSE_PODMAN_OLD) && (tools & NVB_COMPOSE_PODMAN))
        return nvb_error_hint(err,
                              "leave it out; podman-compose 1.3 has it (--compose-version 1.3)");
    if (!why && nvb_compose_is(c, NVB_COMPOSE_ANY_PODMAN) && (tools & NVB_COMPOSE_SOCKET))
        return nvb_error_hint(err, "leave it out; docker compose has it (--for podman-socket)");
    return nvb_error_hint(err, "leave it out, or: nvbind generate systemd …");
}

/* ---- options ---- */

static int add_item(struct nvb_compose *c, const struct nvb_compose_key *key,
                    const struct nvb_plan_option *option, const char *value, struct nvb_error **err)
{
    switch (key->form) {
    case NVB_COMPOSE_TEXT:
        nvb_compose_set(nvb_compose_at(c, key->key), value);
        return 0;
    case NVB_COMPOSE_NUMBER:
        nvb_compose_set_number(nvb_compose_at(c, key->key), value);
        return 0;
    case NVB_COMPOSE_FLAG:
        nvb_doc_set_bool(nvb_compose_at(c, key->key), !nvb_is_false(value));
        return 0;
    case NVB_COMPOSE_ITEM:
        nvb_compose_set(nvb_doc_push(nvb_compose_at(c, key->key)), value);
        return 0;
    case NVB_COMPOSE_CALL:
        return key->add(c, option, value, err);
    case NVB_COMPOSE_OWN:
        return 0;
    case NVB_COMPOSE_NEVER:
        return nvb_compose_refuse(c, option, key->key, "leave it out", err);
    }
    return 0;
}

/* Whether VALUE is a line of CSV that Podman would take apart: podman-compose hands it on as it is,
 * where it becomes a word of the command line again. */
static bool is_csv(const struct nvb_compose *c, const struct nvb_compose_key *key,
                   const struct nvb_option *row)
{
    const struct nvb_engine *engine = c->plan->engine;
    if (!row || engine->kind != NVB_ENGINE_PODMAN)
        return false;
    if (nvb_compose_is(c, NVB_COMPOSE_ANY_PODMAN) && key->form != NVB_COMPOSE_CALL)
        return false;
    return row->repeat == NVB_OPTION_CSV ||
           (row->repeat == NVB_OPTION_CSV4 && engine->version != 0 && engine->version < 500);
}

/* A value that Podman alone has, through Docker's interface: these are handed on unread. */
static bool is_passed_on(const char *name)
{
    return strcmp(name, "userns") == 0 || strcmp(name, "log-driver") == 0 ||
           strcmp(name, "security-opt") == 0 || strcmp(name, "entrypoint") == 0 ||
           strcmp(name, "network") == 0;
}

static int add_option(struct nvb_compose *c, const struct nvb_plan_option *option,
                      struct nvb_error **err)
{
    const char *name = nvb_plan_option_name(option);
    const struct nvb_compose_key *key = nvb_compose_find(name);
    const char *value = option->value ? option->value : "";
    if (option->row && !(option->row->scope & (NVB_OPTION_RUN | NVB_OPTION_CREATE)))
        return nvb_compose_refuse(c, option, "it is one of the engine's global options",
                                  "put it into the engine's configuration", err);
    if (!key || (key->tools && !nvb_compose_is(c, key->tools)))
        return nvb_compose_refuse(c, option, NULL, NULL, err);
    const struct nvb_dialect *dialect = nvb_dialect_find(name, value, c->plan->engine->kind);
    if (dialect && dialect->other)
        value = dialect->other;
    if (nvb_compose_is(c, NVB_COMPOSE_SOCKET) && !is_passed_on(name) &&
        nvb_dialect_find(name, value, NVB_OPTION_DOCKER))
        return nvb_compose_refuse(c, option, "Docker's interface has no such value", NULL, err);
    if (!is_csv(c, key, option->row))
        return add_item(c, key, option, value, err);
    _cleanup_strv_ struct nvb_strv items = {0};
    nvb_claims_split_csv(value, &items);
    nvb_vec_foreach (item, &items)
        if (add_item(c, key, option, *item, err) < 0)
            return -1;
    return 0;
}

static int add_options(struct nvb_compose *c, const struct nvb_plan_line *line,
                       struct nvb_error **err)
{
    const unsigned engine = c->plan->engine->kind;
    nvb_vec_foreach (option, &line->options) {
        struct nvb_plan_option as = *option;
        if (option->row && !(option->row->engines & engine)) {
            as.row = nvb_option_translate(option->row, engine);
            if (!as.row)
                return nvb_compose_refuse(c, option, "the engine has nothing like it", NULL, err);
        }
        if (add_option(c, &as, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- what nvbind brings ---- */

static int add_node(struct nvb_compose *c, const struct nvb_cdi_node *node, struct nvb_error **err)
{
    const char *host = node->host_path ? node->host_path : node->path;
    const char *permissions = node->permissions ? node->permissions : "rwm";
    if (strchr(host, ':') || strchr(node->path, ':'))
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                              "Compose cannot take a device whose path has a colon: '%s'", host);
    _cleanup_free_ char *word = nvb_strdupf("%s:%s:%s", host, node->path, permissions);
    nvb_compose_set(nvb_doc_push(nvb_compose_at(c, "devices")), word);
    return 0;
}

static int add_edits(struct nvb_compose *c, struct nvb_error **err)
{
    const struct nvb_cdi_edits *edits = &c->plan->edits;
    if (edits->hooks.count > 0 || edits->nets.count > 0 || edits->rdt)
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                              "hooks and network devices cannot be passed without CDI");
    nvb_vec_foreach (variable, &edits->env)
        nvb_compose_set(nvb_doc_push(nvb_compose_at(c, "environment")), *variable);
    nvb_vec_foreach (node, &edits->nodes)
        if (add_node(c, node, err) < 0)
            return -1;
    if (edits->gids.count > 0 && nvb_compose_is(c, NVB_COMPOSE_PODMAN_OLD))
        return nvb_error_make(err, NVB_ERROR_USAGE, 0,
                              "podman-compose before 1.3 cannot be told the groups of the devices");
    nvb_vec_foreach (gid, &edits->gids) {
        _cleanup_free_ char *text = nvb_strdupf("%u", (unsigned)*gid);
        nvb_compose_set(nvb_doc_push(nvb_compose_at(c, "group_add")), text);
    }
    nvb_vec_foreach (mount, &edits->mounts)
        if (nvb_compose_add_bind(c, mount, err) < 0)
            return -1;
    return 0;
}

static int add_gpus(struct nvb_compose *c, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str gpus = NVB_STR_INIT;
    nvb_vec_foreach (device, c->options->devices)
        nvb_compose_add_device_word(c, *device);
    if (nvb_plan_add_label(c->plan, &gpus)) {
        _cleanup_free_ char *label = nvb_strdupf(NVB_PLAN_GPU_LABEL "=%s", gpus.data);
        nvb_compose_set(nvb_doc_push(nvb_compose_at(c, "labels")), label);
    }
    return c->plan->mode == NVB_PLAN_DIRECT ? add_edits(c, err) : 0;
}

/* ---- the file ---- */

static int fill(struct nvb_compose *c, struct nvb_error **err)
{
    const struct nvb_plan *plan = c->plan;
    if (plan->early.options.count > 0)
        return nvb_compose_refuse(c, &plan->early.options.items[0],
                                  "it is one of the engine's global options",
                                  "put it into the engine's configuration", err);
    nvb_compose_set(nvb_compose_at(c, "image"), plan->image);
    if (add_options(c, &plan->defaults, err) < 0 || add_options(c, &plan->user, err) < 0)
        return -1;
    if (nvb_compose_is(c, NVB_COMPOSE_ANY_PODMAN) && nvb_doc_find(&c->service, "logging") &&
        !nvb_doc_find(nvb_doc_find(&c->service, "logging"), "driver"))
        return nvb_error_make(err, NVB_ERROR_USAGE, 0,
                              "podman-compose takes '--log-opt' only with '--log-driver'");
    if (add_gpus(c, err) < 0)
        return -1;
    if (plan->command.count > 0) {
        struct nvb_doc *command = nvb_compose_at(c, "command");
        nvb_vec_foreach (word, &plan->command)
            nvb_compose_set(nvb_doc_push(command), *word);
    }
    return 0;
}

static void put_part(struct nvb_doc *file, const char *key, struct nvb_doc *part)
{
    if (part->type != NVB_DOC_NULL)
        *nvb_doc_put(file, key) = TAKE_STRUCT(*part);
}

int nvb_writer_compose(const struct nvb_plan *plan, const struct nvb_compose_options *options,
                       struct nvb_str *ret, struct nvb_error **err)
{
    struct nvb_compose c = {.plan = plan, .options = options};
    _cleanup_doc_ struct nvb_doc file = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    int r = fill(&c, err);
    put_part(nvb_doc_put(&file, "services"), options->service, &c.service);
    put_part(&file, "networks", &c.networks);
    put_part(&file, "volumes", &c.volumes);
    put_part(&file, "secrets", &c.secrets);
    /* run makes no pod, and in one a container has no user namespace of its own. */
    if (nvb_compose_is(&c, NVB_COMPOSE_ANY_PODMAN))
        nvb_doc_put_bool(nvb_doc_put(&file, "x-podman"), "in_pod", false);
    nvb_str_addf(&text, "# Made by 'nvbind generate compose' for %s.\n",
                 nvb_compose_tool_name(options->tool));
    if (r < 0 || nvb_yaml_write(&file, &text, err) < 0)
        return -1;
    nvb_str_addn(ret, text.data, text.len);
    return 0;
}
