/*
 * Theory of operation. Each use of an option is looked up in the table of kube_keys.c, and what has
 * no row there, or no place at this target, is an error: nothing is left out in silence. What
 * depends on several options (a probe, the restart policy) is added when all have been read.
 */

#include <string.h>

#include "base/file.h"
#include "base/process.h"
#include "data/kube_text.h"
#include "plan/claims.h"
#include "writer/kube_parts.h"

#define ENV_FILE_MAX ((size_t)1 << 20)

/* ---- places ---- */

bool nvb_kube_is_cluster(const struct nvb_kube *k)
{
    return k->options->target == NVB_KUBE_CLUSTER;
}

struct nvb_doc *nvb_kube_place_at(struct nvb_kube *k, const char *path)
{
    _cleanup_strv_ struct nvb_strv parts = {0};
    nvb_strv_split(&parts, path, '.');
    struct nvb_doc *doc = strcmp(parts.items[0], "meta") == 0  ? k->place.meta
                          : strcmp(parts.items[0], "pod") == 0 ? k->place.pod
                                                               : k->place.container;
    for (size_t i = 1; i < parts.count; i++)
        doc = nvb_doc_at(doc, parts.items[i]);
    return doc;
}

struct nvb_doc *nvb_kube_place_named(struct nvb_doc *list, const char *name)
{
    if (list->type == NVB_DOC_LIST)
        nvb_vec_foreach (item, &list->list) {
            const char *has = nvb_doc_find_text(item, "name");
            if (has && strcmp(has, name) == 0)
                return item;
        }
    struct nvb_doc *item = nvb_doc_push(list);
    nvb_doc_put_text(item, "name", name);
    return item;
}

void nvb_kube_annotate(struct nvb_kube *k, const char *key, bool own, const char *value)
{
    _cleanup_free_ char *full = own ? nvb_strdupf("%s/%s", key, k->options->container) : NULL;
    struct nvb_doc *annotations = nvb_kube_place_at(k, "meta.annotations");
    nvb_doc_set_text(nvb_doc_at(annotations, full ? full : key), value);
}

int nvb_kube_refuse(const struct nvb_kube *k, const struct nvb_plan_option *option, const char *why,
                    const char *hint, struct nvb_error **err)
{
    const char *value = option->value ? option->value : "";
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "a %spod cannot have '%s%s%s%s': %s",
                         nvb_kube_is_cluster(k) ? "cluster's " : "", option->is_short ? "-" : "--",
                         option->name, *value ? (option->is_short ? " " : "=") : "", value,
                         why ? why : "Kubernetes has no field for it");
    if (hint)
        return nvb_error_hint(err, "%s", hint);
    return nvb_error_hint(err, "leave it out%s",
                          nvb_kube_is_cluster(k) ? "" : "; or: nvbind generate systemd …");
}

/* ---- identity, environment, limits ---- */

static void put_pair(struct nvb_kube *k, const char *path, const char *pair, bool empty)
{
    const size_t len = strcspn(pair, "=");
    _cleanup_free_ char *key = nvb_strndup(pair, len);
    if (pair[len] || empty)
        nvb_doc_set_text(nvb_doc_at(nvb_kube_place_at(k, path), key),
                         pair[len] ? pair + len + 1 : "");
}

static int check_key(const struct nvb_kube *k, const struct nvb_plan_option *option,
                     const char *pair, struct nvb_error **err)
{
    _cleanup_free_ char *key = nvb_strndup(pair, strcspn(pair, "="));
    if (*key && (!nvb_kube_is_cluster(k) || nvb_kube_is_key(key)))
        return 0;
    return nvb_kube_refuse(k, option, "its key is none of Kubernetes'",
                           "[DOMAIN/]NAME, of letters, digits and - _ .", err);
}

int nvb_kube_add_annotation(struct nvb_kube *k, const struct nvb_plan_option *option,
                            const char *value, struct nvb_error **err)
{
    if (check_key(k, option, value, err) < 0)
        return -1;
    put_pair(k, "meta.annotations", value, true);
    return 0;
}

int nvb_kube_add_label(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                       struct nvb_error **err)
{
    const char *equals = strchr(value, '=');
    /* Which GPUs of this machine a container holds says nothing on another one. */
    if (nvb_kube_is_cluster(k) && nvb_has_prefix(value, "nvbind.gpus="))
        return 0;
    if (check_key(k, option, value, err) < 0)
        return -1;
    if (nvb_kube_is_cluster(k) && equals && !nvb_kube_is_label_value(equals + 1))
        return nvb_kube_refuse(k, option, "a label's value is at most 63 letters, digits and - _ .",
                               "--annotation, which may be any text", err);
    put_pair(k, "meta.labels", value, true);
    return 0;
}

int nvb_kube_add_arch(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                      struct nvb_error **err)
{
    if (!*value || !nvb_kube_is_label_value(value))
        return nvb_kube_refuse(k, option, "that is no architecture", "--arch arm64", err);
    nvb_doc_set_text(nvb_doc_at(nvb_kube_place_at(k, "pod.nodeSelector"), "kubernetes.io/arch"),
                     value);
    return 0;
}

int nvb_kube_add_platform(struct nvb_kube *k, const struct nvb_plan_option *option,
                          const char *value, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv parts = {0};
    nvb_strv_split(&parts, value, '/');
    if (parts.count < 2 || strcmp(parts.items[0], "linux") != 0)
        return nvb_kube_refuse(k, option, "GPUs' nodes run Linux", "--platform linux/arm64", err);
    return nvb_kube_add_arch(k, option, parts.items[1], err);
}

static int put_variable(struct nvb_kube *k, const struct nvb_plan_option *option, const char *pair,
                        struct nvb_error **err)
{
    const size_t len = strcspn(pair, "=");
    _cleanup_free_ char *name = nvb_strndup(pair, len);
    _cleanup_str_ struct nvb_str value = NVB_STR_INIT;
    if (nvb_kube_is_cluster(k) && !nvb_kube_is_variable(name))
        return nvb_kube_refuse(k, option, "that is no name of a variable",
                               "letters, digits and - _ ., no digit in front", err);
    if (nvb_kube_is_cluster(k))
        nvb_kube_add_escaped(&value, pair + len + 1);
    else
        nvb_str_add(&value, pair + len + 1);
    struct nvb_doc *item = nvb_kube_place_named(nvb_kube_place_at(k, "container.env"), name);
    nvb_doc_set_text(nvb_doc_at(item, "value"), value.data);
    return 0;
}

/* NAME, or NAME* for all that begin so: of whoever starts it. */
static int take_variables(struct nvb_kube *k, const struct nvb_plan_option *option,
                          const char *word, struct nvb_error **err)
{
    const size_t len = strlen(word);
    const bool many = len > 0 && word[len - 1] == '*';
    if (!k->options->environment)
        return nvb_kube_refuse(k, option,
                               "its value would be taken from whoever starts it, who is not there",
                               "NAME=VALUE; what is secret belongs into a Secret", err);
    for (char *const *e = k->options->environment; *e; e++) {
        const bool is = many ? strncmp(*e, word, len - 1) == 0
                             : strncmp(*e, word, len) == 0 && (*e)[len] == '=';
        if (is && strchr(*e, '=') && put_variable(k, option, *e, err) < 0)
            return -1;
    }
    return 0;
}

int nvb_kube_add_env(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                     struct nvb_error **err)
{
    return strchr(value, '=') ? put_variable(k, option, value, err)
                              : take_variables(k, option, value, err);
}

int nvb_kube_add_env_file(struct nvb_kube *k, const struct nvb_plan_option *option,
                          const char *value, struct nvb_error **err)
{
    _cleanup_free_ char *path =
        value[0] == '/' ? nvb_strdup(value) : nvb_strdupf("%s/%s", k->options->folder, value);
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_strv_ struct nvb_strv lines = {0};
    const int r = nvb_file_read_path(path, ENV_FILE_MAX, &text, err);
    if (r != 0)
        return r < 0 ? -1 : nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "there is no '%s'", path);
    nvb_strv_split(&lines, text.data, '\n');
    nvb_vec_foreach (line, &lines) {
        char *word = *line + strspn(*line, " \t");
        word[strcspn(word, "\r")] = '\0';
        if (*word && *word != '#' && *word != '=' && nvb_kube_add_env(k, option, word, err) < 0)
            return -1;
    }
    return 0;
}

int nvb_kube_add_size_limit(struct nvb_kube *k, const struct nvb_plan_option *option,
                            const char *value, struct nvb_error **err)
{
    uint64_t bytes;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (nvb_kube_parse_size(value, &bytes) < 0)
        return nvb_kube_refuse(k, option, "that is no size", "512m, 1.5g", err);
    nvb_kube_add_size(&text, bytes);
    nvb_doc_set_text(nvb_kube_place_at(k, nvb_kube_find_key(nvb_plan_option_name(option))->path),
                     text.data);
    return 0;
}

int nvb_kube_add_cpus(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                      struct nvb_error **err)
{
    static const char digits[] = "0123456789";
    const size_t whole = strspn(value, digits);
    const size_t places = value[whole] == '.' ? strspn(value + whole + 1, digits) : 0;
    const size_t len = whole + (value[whole] == '.' ? 1 + places : 0);
    if (whole == 0 || value[len] || places > 3 || value[len - 1] == '.')
        return nvb_kube_refuse(k, option, "that is no number of CPUs", "2, 0.5, three places", err);
    nvb_doc_set_text(nvb_kube_place_at(k, "container.resources.limits.cpu"), value);
    return 0;
}

int nvb_kube_add_pull(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                      struct nvb_error **err)
{
    static const struct {
        const char *word, *policy;
    } policies[] = {
        {"always", "Always"}, {"true", "Always"},        {"missing", "IfNotPresent"},
        {"never", "Never"},   {"false", "IfNotPresent"},
    };
    for (size_t i = 0; i < NVB_COUNT(policies); i++)
        if (strcmp(value, policies[i].word) == 0) {
            nvb_doc_set_text(nvb_kube_place_at(k, "container.imagePullPolicy"), policies[i].policy);
            return 0;
        }
    return nvb_kube_refuse(k, option, "Kubernetes knows always, missing and never", "--pull always",
                           err);
}

int nvb_kube_add_ulimit(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                        struct nvb_error **err)
{
    static const char key[] = "io.podman.annotations.ulimit";
    const char *have = nvb_doc_find_text(nvb_kube_place_at(k, "meta.annotations"), key);
    if (!strchr(value, '=') || strchr(value, ','))
        return nvb_kube_refuse(k, option, NULL, "--ulimit NAME=SOFT[:HARD]", err);
    _cleanup_free_ char *all = nvb_strdupf("%s%s%s", have ? have : "", have ? "," : "", value);
    nvb_kube_annotate(k, key, false, all);
    return 0;
}

int nvb_kube_add_init(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                      struct nvb_error **err)
{
    (void)value;
    (void)err;
    nvb_kube_annotate(k, "io.podman.annotations.init", true,
                      nvb_plan_is_on(k->plan, nvb_plan_option_name(option)) ? "true" : "false");
    return 0;
}

/* ---- the walk ---- */

static int add_item(struct nvb_kube *k, const struct nvb_kube_key *key,
                    const struct nvb_plan_option *option, const char *value, struct nvb_error **err)
{
    uint64_t number;
    switch (key->form) {
    case NVB_KUBE_TEXT:
        nvb_doc_set_text(nvb_kube_place_at(k, key->path), value);
        return 0;
    case NVB_KUBE_NUMBER:
        if (nvb_parse_u64(value, strlen(value), 10, &number) < 0 || number > INT32_MAX)
            return nvb_kube_refuse(k, option, "that is no number of seconds", "10", err);
        nvb_doc_set_uint(nvb_kube_place_at(k, key->path), number);
        return 0;
    case NVB_KUBE_FLAG:
        nvb_doc_set_bool(nvb_kube_place_at(k, key->path), !nvb_is_false(value));
        return 0;
    case NVB_KUBE_NAMES:
        nvb_doc_set_text(nvb_doc_push(nvb_kube_place_at(k, key->path)), value);
        return 0;
    case NVB_KUBE_CALL:
        return key->add(k, option, value, err);
    case NVB_KUBE_NEVER:
        return nvb_kube_refuse(k, option, NULL, key->path, err);
    case NVB_KUBE_LATER:
        break;
    }
    return 0;
}

/* The items of one use, as the engine whose words they are takes them apart. */
static void split_items(const struct nvb_kube *k, const struct nvb_plan_option *option,
                        struct nvb_strv *ret)
{
    const char *value = option->value ? option->value : "";
    const bool podman = k->plan->engine->kind == NVB_ENGINE_PODMAN;
    const unsigned repeat = option->row ? option->row->repeat : NVB_OPTION_LAST;
    if (podman &&
        (repeat == NVB_OPTION_CSV || (repeat == NVB_OPTION_CSV4 && k->plan->engine->version < 500)))
        nvb_claims_split_csv(value, ret);
    else
        nvb_strv_add(ret, value);
}

static int add_option(struct nvb_kube *k, const struct nvb_plan_option *option,
                      struct nvb_error **err)
{
    const struct nvb_kube_key *key = nvb_kube_find_key(nvb_plan_option_name(option));
    _cleanup_strv_ struct nvb_strv items = {0};
    if (option->row && (option->row->scope & NVB_OPTION_GLOBAL) &&
        !(option->row->scope & (NVB_OPTION_RUN | NVB_OPTION_CREATE)))
        return nvb_kube_refuse(k, option, "it is one of the engine's global options", NULL, err);
    if (!key)
        return nvb_kube_refuse(k, option, NULL, NULL, err);
    if (key->form != NVB_KUBE_NEVER && !(key->targets & k->options->target))
        return nvb_kube_refuse(k, option,
                               nvb_kube_is_cluster(k) ? NULL : "podman kube play does not read it",
                               NULL, err);
    split_items(k, option, &items);
    nvb_vec_foreach (item, &items)
        if (add_item(k, key, option, *item, err) < 0)
            return -1;
    return 0;
}

int nvb_kube_add_options(const struct nvb_plan *plan, const struct nvb_kube_options *options,
                         const struct nvb_kube_place *place, struct nvb_notes *notes,
                         struct nvb_error **err)
{
    struct nvb_kube k = {.plan = plan, .options = options, .place = *place, .notes = notes};
    if (plan->early.options.count > 0)
        return nvb_kube_refuse(&k, &plan->early.options.items[0],
                               "it is one of the engine's global options", NULL, err);
    nvb_vec_foreach (option, &plan->defaults.options)
        if (add_option(&k, option, err) < 0)
            return -1;
    nvb_vec_foreach (option, &plan->user.options)
        if (add_option(&k, option, err) < 0)
            return -1;
    if (nvb_kube_add_life(&k, err) < 0 || nvb_kube_add_health(&k, err) < 0)
        return -1;
    return nvb_kube_add_scratch(&k, err);
}
