/* A container's life: restarts, health, what becomes of it in the end; and its command. */

#include <string.h>

#include "data/json.h"
#include "data/kube_text.h"
#include "writer/kube_parts.h"

/* ---- restart ---- */

static const struct nvb_plan_option *find(const struct nvb_plan *plan, const char *name)
{
    const struct nvb_plan_option *option = nvb_plan_line_find(&plan->user, name);
    return option ? option : nvb_plan_line_find(&plan->defaults, name);
}

/* The policy that VALUE of --restart is, or NULL; not every kind has every one. */
static const char *policy_of(const char *value)
{
    if (!*value || strcmp(value, "no") == 0)
        return "Never";
    if (strcmp(value, "always") == 0 || strcmp(value, "unless-stopped") == 0)
        return "Always";
    return strcmp(value, "on-failure") == 0 || nvb_has_prefix(value, "on-failure:") ? "OnFailure"
                                                                                    : NULL;
}

int nvb_kube_add_life(struct nvb_kube *k, struct nvb_error **err)
{
    const enum nvb_kube_kind kind = k->options->kind;
    const struct nvb_plan_option *option = find(k->plan, "restart");
    if (option) {
        const char *value = option->value ? option->value : "";
        const char *policy = policy_of(value);
        if (!policy)
            return nvb_kube_refuse(k, option, "that is no policy", "--restart always", err);
        if (kind == NVB_KUBE_DEPLOYMENT && strcmp(policy, "Always") != 0)
            return nvb_kube_refuse(k, option, "a deployment's containers are always restarted",
                                   "--kind pod, or --kind job", err);
        if (kind == NVB_KUBE_JOB && strcmp(policy, "Always") == 0)
            return nvb_kube_refuse(k, option, "a job's containers end", "--kind deployment", err);
        if (kind == NVB_KUBE_POD && strchr(value, ':'))
            return nvb_kube_refuse(k, option, "a pod does not count restarts",
                                   "--kind job, or --restart on-failure", err);
        nvb_doc_set_text(nvb_kube_place_at(k, "pod.restartPolicy"), policy);
    }
    /* A container that is always restarted never ends. */
    const char *policy = nvb_doc_find_text(k->place.pod, "restartPolicy");
    if (!nvb_kube_is_cluster(k) && nvb_plan_is_on(k->plan, "rm") && kind != NVB_KUBE_DEPLOYMENT &&
        (!policy || strcmp(policy, "Always") != 0))
        nvb_kube_annotate(k, "io.podman.annotations.autoremove", true, "true");
    return 0;
}

/* ---- health ---- */

/* ["a", "b"] of a JSON list, else a line for the shell, as both engines read it. */
static void put_test(struct nvb_doc *probe, const char *command)
{
    _cleanup_doc_ struct nvb_doc list = {0};
    struct nvb_doc *to = nvb_doc_at(nvb_doc_at(probe, "exec"), "command");
    bool texts = nvb_json_read(command, strlen(command), "--health-cmd", &list, NULL) == 0 &&
                 list.type == NVB_DOC_LIST && list.list.count > 0;
    if (texts)
        nvb_vec_foreach (item, &list.list)
            texts = texts && item->type == NVB_DOC_TEXT;
    nvb_doc_set_list(to);
    if (texts) {
        nvb_vec_foreach (item, &list.list)
            nvb_doc_set_text(nvb_doc_push(to), item->text);
        return;
    }
    nvb_doc_set_text(nvb_doc_push(to), "/bin/sh");
    nvb_doc_set_text(nvb_doc_push(to), "-c");
    nvb_doc_set_text(nvb_doc_push(to), command);
}

struct number {
    const char *option, *key;
    bool is_time;
    uint64_t least;
};

static int put_number(struct nvb_kube *k, const struct number *number, struct nvb_doc *probe,
                      struct nvb_error **err)
{
    const struct nvb_plan_option *option = find(k->plan, number->option);
    uint64_t value = 0;
    if (!option)
        return 0;
    const char *text = option->value ? option->value : "";
    const int r = number->is_time ? nvb_kube_parse_seconds(text, &value)
                                  : nvb_parse_u64(text, strlen(text), 10, &value);
    if (r != 0 || value < number->least || value > INT32_MAX)
        return nvb_kube_refuse(
            k, option, number->is_time ? "probes know whole seconds" : "that is no number of times",
            number->is_time ? "30s" : "3", err);
    nvb_doc_set_uint(nvb_doc_at(probe, number->key), value);
    return 0;
}

static int put_numbers(struct nvb_kube *k, const struct number *numbers, size_t count,
                       struct nvb_doc *probe, struct nvb_error **err)
{
    for (size_t i = 0; i < count; i++)
        if (put_number(k, &numbers[i], probe, err) < 0)
            return -1;
    return 0;
}

/*
 * What a failed check does. An engine notes it and goes on, unless told to act; Kubernetes starts
 * the container anew after a liveness probe and only sends it no requests after a readiness probe.
 * Podman reads the former alone, and restarts where the policy allows.
 */
static const char *choose_probe(struct nvb_kube *k, struct nvb_error **err)
{
    const struct nvb_plan_option *option = find(k->plan, "health-on-failure");
    const char *value = option && option->value ? option->value : "none";
    const char *policy = nvb_doc_find_text(k->place.pod, "restartPolicy");
    const bool restarts = policy && strcmp(policy, "Always") == 0;
    if (strcmp(value, "none") == 0) {
        if (nvb_kube_is_cluster(k))
            return "container.readinessProbe";
        if (restarts)
            nvb_notes_add(k->notes, NVB_NOTE_NOTICE,
                          "Podman will start the container anew when its health check fails, "
                          "because the pod's containers are always restarted");
        return "container.livenessProbe";
    }
    if (strcmp(value, "restart") == 0 && policy && strcmp(policy, "Never") != 0)
        return "container.livenessProbe";
    (void)nvb_kube_refuse(k, option, "a pod starts the container anew, where its policy allows",
                          "--health-on-failure restart --restart always", err);
    return NULL;
}

int nvb_kube_add_health(struct nvb_kube *k, struct nvb_error **err)
{
    static const struct number numbers[] = {
        {"health-interval", "periodSeconds", true, 1},
        {"health-timeout", "timeoutSeconds", true, 1},
        {"health-start-period", "initialDelaySeconds", true, 0},
        {"health-retries", "failureThreshold", false, 1},
    };
    static const struct number startup[] = {
        {"health-startup-interval", "periodSeconds", true, 1},
        {"health-startup-timeout", "timeoutSeconds", true, 1},
        {"health-startup-retries", "failureThreshold", false, 1},
    };
    const char *command = nvb_plan_value(k->plan, "health-cmd");
    const char *first = nvb_plan_value(k->plan, "health-startup-cmd");
    if (command && *command && strcmp(command, "none") != 0 &&
        !nvb_plan_is_on(k->plan, "no-healthcheck")) {
        const char *path = choose_probe(k, err);
        if (!path)
            return -1;
        put_test(nvb_kube_place_at(k, path), command);
        if (put_numbers(k, numbers, NVB_COUNT(numbers), nvb_kube_place_at(k, path), err) < 0)
            return -1;
    }
    if (!first || !*first)
        return 0;
    struct nvb_doc *probe = nvb_kube_place_at(k, "container.startupProbe");
    put_test(probe, first);
    return put_numbers(k, startup, NVB_COUNT(startup), probe, err);
}

/* ---- the command ---- */

static void put_word(const struct nvb_kube_options *options, struct nvb_doc *list, const char *word)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    /* Podman 4.7 was the first that expands "$(NAME)". */
    if (options->target == NVB_KUBE_CLUSTER || options->version >= 407)
        nvb_kube_add_escaped(&text, word);
    else
        nvb_str_add(&text, word);
    nvb_doc_set_text(nvb_doc_push(list), text.data);
}

static int put_entrypoint(const struct nvb_kube_options *options, const char *value,
                          struct nvb_doc *command, struct nvb_error **err)
{
    _cleanup_doc_ struct nvb_doc list = {0};
    if (value[0] != '[' || nvb_json_read(value, strlen(value), "--entrypoint", &list, NULL) < 0 ||
        list.type != NVB_DOC_LIST) {
        put_word(options, command, value);
        return 0;
    }
    nvb_vec_foreach (item, &list.list) {
        if (item->type != NVB_DOC_TEXT) {
            (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--entrypoint: %s in its list",
                                 nvb_doc_type_name(item->type));
            return nvb_error_hint(err, "--entrypoint '[\"sh\", \"-c\"]'");
        }
        put_word(options, command, item->text);
    }
    return 0;
}

int nvb_kube_add_command(const struct nvb_plan *plan, const struct nvb_kube_options *options,
                         struct nvb_doc *container, struct nvb_error **err)
{
    const char *entrypoint = nvb_plan_value(plan, "entrypoint");
    /* "" is "none of the image's": then the words are the command. */
    const bool cleared = entrypoint && !*entrypoint;
    if (entrypoint) {
        struct nvb_doc *command = nvb_doc_at(container, "command");
        nvb_doc_set_list(command);
        if (!cleared && put_entrypoint(options, entrypoint, command, err) < 0)
            return -1;
        if (cleared && plan->command.count == 0) {
            (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                                 "a pod cannot have '--entrypoint=' without a command: only the "
                                 "image knows what would run");
            return nvb_error_hint(err, "write the command behind the image");
        }
    }
    if (plan->command.count == 0)
        return 0;
    struct nvb_doc *words = nvb_doc_at(container, cleared ? "command" : "args");
    nvb_doc_set_list(words);
    nvb_vec_foreach (word, &plan->command)
        put_word(options, words, *word);
    return 0;
}
