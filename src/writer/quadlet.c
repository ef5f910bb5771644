/*
 * Each option becomes a key where this Podman's Quadlet has one, else a word of PodmanArgs=, which
 * the generator puts into the command line as it is. What Quadlet itself adds (--rm, --replace, -d,
 * --cgroups=split, --sdnotify=conmon) is left out; what goes against running as a service is an
 * error.
 */

#include "writer/quadlet.h"

#include <string.h>

#include "writer/unit.h"

struct quadlet {
    const struct nvb_plan *plan;
    const struct nvb_quadlet_options *options;
    struct nvb_str container; /* lines of [Container] */
    struct nvb_str arguments; /* PodmanArgs= */
    const char *restart;      /* [Service]; a constant */
};

static int refuse(const struct nvb_plan_option *option, const char *why, struct nvb_error **err)
{
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "a Quadlet cannot have '%s%s': %s",
                         option->is_short ? "-" : "--", option->name, why);
    return nvb_error_hint(err, "leave it out");
}

static void add_line(struct quadlet *q, const char *key, const char *value)
{
    nvb_str_addf(&q->container, "%s=", key);
    nvb_unit_add_value(&q->container, value);
    nvb_str_addc(&q->container, '\n');
}

static void add_words(struct quadlet *q, const char *key, const char *word)
{
    nvb_str_addf(&q->container, "%s=", key);
    nvb_unit_add_word(&q->container, word);
    nvb_str_addc(&q->container, '\n');
}

/* "--name=value" as one word: the generator passes it on unread. */
static void add_argument(struct quadlet *q, const char *name, const char *value)
{
    _cleanup_free_ char *word =
        value ? nvb_strdupf("--%s=%s", name, value) : nvb_strdupf("--%s", name);
    nvb_str_add(&q->arguments, "PodmanArgs=");
    nvb_unit_add_word(&q->arguments, word);
    nvb_str_addc(&q->arguments, '\n');
}

/* Podman's restart policies are systemd's business in a service (podman-systemd.unit(5)). */
static int add_restart(struct quadlet *q, const struct nvb_plan_option *option,
                       struct nvb_error **err)
{
    const char *value = option->value ? option->value : "";
    if (strcmp(value, "no") == 0 || !*value)
        q->restart = "no";
    else if (strcmp(value, "always") == 0 || strcmp(value, "unless-stopped") == 0)
        q->restart = "always";
    else if (strcmp(value, "on-failure") == 0)
        q->restart = "on-failure";
    else
        return refuse(option, "systemd counts restarts by StartLimitBurst=, not by a number here",
                      err);
    return 0;
}

static void add_variable(struct quadlet *q, const struct nvb_quadlet_key *key, const char *name,
                         const char *value)
{
    /* Without "=" it is taken from whoever starts the engine, which has no key. */
    if (strchr(value, '='))
        add_words(q, key->key, value);
    else
        add_argument(q, name, value);
}

static void add_security(struct quadlet *q, const char *value)
{
    const char *rest = NULL;
    const struct nvb_quadlet_key *key = nvb_quadlet_find_security(value, &rest);
    if (!key || q->options->version < key->since ||
        (key->form == NVB_QUADLET_VALUE && !nvb_unit_is_plain(rest)))
        add_argument(q, "security-opt", value);
    else if (key->form == NVB_QUADLET_WORDS)
        add_words(q, key->key, rest);
    else
        add_line(q, key->key, rest);
}

/* Quadlet's default is conmon's word; "ignore" has no key, and a service that never tells would be
 * killed as one that does not start. */
static void add_notify(struct quadlet *q, const char *value)
{
    if (strcmp(value, "container") == 0)
        add_line(q, "Notify", "true");
    else if (strcmp(value, "healthy") == 0 && q->options->version >= 500)
        add_line(q, "Notify", "healthy");
}

static int add_split(struct quadlet *q, const struct nvb_quadlet_key *key,
                     const struct nvb_plan_option *option, struct nvb_error **err)
{
    const char *value = option->value ? option->value : "";
    if (strcmp(key->option, "restart") == 0)
        return add_restart(q, option, err);
    if (strcmp(key->option, "security-opt") == 0)
        add_security(q, value);
    else if (strcmp(key->option, "env") == 0 || strcmp(key->option, "label") == 0)
        add_variable(q, key, key->option, value);
    else if (strcmp(key->option, "no-healthcheck") == 0 && !nvb_is_false(option->value))
        add_argument(q, "no-healthcheck", NULL);
    else if (strcmp(key->option, "sdnotify") == 0)
        add_notify(q, value);
    else if (strcmp(key->option, "user") == 0 && nvb_unit_is_plain(value)) {
        const char *colon = strchr(value, ':');
        _cleanup_free_ char *user =
            nvb_strndup(value, colon ? (size_t)(colon - value) : strlen(value));
        add_line(q, "User", user);
        if (colon)
            add_line(q, "Group", colon + 1);
    } else if (strcmp(key->option, "rootfs") != 0) {
        add_argument(q, key->option, option->value);
    }
    return 0;
}

/* A repeated VALUE key would be read as its last line alone, as the option is: both hold. */
static int add_option(struct quadlet *q, const struct nvb_plan_option *option,
                      struct nvb_error **err)
{
    const char *name = nvb_plan_option_name(option);
    const struct nvb_quadlet_key *key = nvb_quadlet_find(name);
    const bool flag = option->row && option->row->arity == NVB_OPTION_BOOL;
    if (option->row && (option->row->scope & NVB_OPTION_GLOBAL) &&
        !(option->row->scope & (NVB_OPTION_RUN | NVB_OPTION_CREATE)))
        return refuse(option, "it is one of Podman's global options; put it into containers.conf",
                      err);
    if (key && key->form == NVB_QUADLET_NEVER)
        return refuse(option, "a service has neither terminal nor caller", err);
    if (key && key->form == NVB_QUADLET_OWN)
        return 0;
    if (key && key->form == NVB_QUADLET_SPLIT)
        return add_split(q, key, option, err);
    if (!key || q->options->version < key->since ||
        (key->form != NVB_QUADLET_WORDS && key->form != NVB_QUADLET_FLAG && option->value &&
         !nvb_unit_is_plain(option->value)))
        add_argument(q, name, option->value);
    else if (key->form == NVB_QUADLET_FLAG)
        add_line(q, key->key, flag && nvb_is_false(option->value) ? "false" : "true");
    else if (key->form == NVB_QUADLET_WORDS)
        add_words(q, key->key, option->value ? option->value : "");
    else
        add_line(q, key->key, option->value ? option->value : "");
    return 0;
}

static int add_options(struct quadlet *q, const struct nvb_plan_line *line, struct nvb_error **err)
{
    nvb_vec_foreach (option, &line->options) {
        struct nvb_plan_option as = *option;
        _cleanup_free_ char *spelled = NULL;
        if (option->row && !(option->row->engines & NVB_OPTION_PODMAN)) {
            as.row = nvb_option_translate(option->row, NVB_OPTION_PODMAN);
            if (!as.row)
                return refuse(option, "Podman has nothing like it", err);
            spelled = nvb_strdup(as.row->name);
            as.name = spelled;
            as.is_short = false;
        }
        if (add_option(q, &as, err) < 0)
            return -1;
    }
    return 0;
}

static void add_command(struct quadlet *q)
{
    if (q->plan->command.count == 0)
        return;
    nvb_str_add(&q->container, "Exec=");
    for (size_t i = 0; i < q->plan->command.count; i++) {
        if (i > 0)
            nvb_str_addc(&q->container, ' ');
        nvb_unit_add_word(&q->container, q->plan->command.items[i]);
    }
    nvb_str_addc(&q->container, '\n');
}

static void add_gpu_label(struct quadlet *q)
{
    _cleanup_str_ struct nvb_str gpus = NVB_STR_INIT;
    if (!nvb_plan_add_label(q->plan, &gpus))
        return;
    _cleanup_free_ char *label = nvb_strdupf(NVB_PLAN_GPU_LABEL "=%s", gpus.data);
    add_words(q, "Label", label);
}

static int fill(struct quadlet *q, struct nvb_error **err)
{
    const struct nvb_plan *plan = q->plan;
    const bool rootfs = nvb_plan_is_on(plan, "rootfs");
    if (!nvb_unit_is_plain(plan->image))
        return nvb_error_make(err, NVB_ERROR_USAGE, 0, "a Quadlet cannot have the image '%s'",
                              plan->image);
    if (plan->early.options.count > 0)
        return refuse(&plan->early.options.items[0],
                      "it is one of Podman's global options; put it into containers.conf", err);
    add_line(q, rootfs ? "Rootfs" : "Image", plan->image);
    nvb_vec_foreach (device, q->options->devices)
        add_words(q, "AddDevice", *device);
    add_gpu_label(q);
    if (add_options(q, &plan->defaults, err) < 0 || add_options(q, &plan->user, err) < 0)
        return -1;
    add_command(q);
    return 0;
}

/* A user's unit cannot be ordered after one of the system's. */
static void add_wait(struct nvb_str *ret, const char *path)
{
    _cleanup_str_ struct nvb_str script = NVB_STR_INIT;
    nvb_str_add(&script, "i=0; until [ -e ");
    nvb_str_add_shell(&script, path);
    nvb_str_add(&script, " ] || [ $i -ge 60 ]; do sleep 1; i=$((i+1)); done");
    nvb_str_add(ret,
                "# The specification that AddDevice= needs is root's, who makes it anew at boot.\n"
                "ExecStartPre=/bin/sh -c ");
    nvb_unit_add_word(ret, script.data);
    nvb_str_addc(ret, '\n');
}

static void write_file(const struct quadlet *q, struct nvb_str *ret)
{
    nvb_str_add(ret, "# Made by 'nvbind generate quadlet'.\n[Unit]\nDescription=");
    nvb_unit_add_value(ret, q->options->description);
    nvb_str_addc(ret, '\n');
    if (q->options->refreshed)
        nvb_str_add(ret, "# The specification that AddDevice= needs is made anew at boot and when\n"
                         "# the driver changes.\n"
                         "Wants=nvbind-cdi-refresh.service\nAfter=nvbind-cdi-refresh.service\n");
    if (!q->options->is_user)
        nvb_str_add(ret, "Wants=network-online.target\nAfter=network-online.target\n");
    nvb_str_add(ret, "\n[Container]\n");
    nvb_str_addn(ret, q->container.data, q->container.len);
    nvb_str_addn(ret, q->arguments.data, q->arguments.len);
    nvb_str_add(ret, "\n[Service]\n");
    if (q->options->awaited)
        add_wait(ret, q->options->awaited);
    nvb_str_addf(ret, "Restart=%s\n" NVB_UNIT_LIMITS "\n[Install]\nWantedBy=%s\n",
                 q->restart ? q->restart : "always",
                 q->options->is_user ? "default.target" : "multi-user.target");
}

int nvb_writer_quadlet(const struct nvb_plan *plan, const struct nvb_quadlet_options *options,
                       struct nvb_str *ret, struct nvb_error **err)
{
    struct quadlet q = {
        .plan = plan,
        .options = options,
        .container = NVB_STR_INIT,
        .arguments = NVB_STR_INIT,
    };
    int r = fill(&q, err);
    if (r == 0)
        write_file(&q, ret);
    nvb_str_done(&q.container);
    nvb_str_done(&q.arguments);
    return r;
}
