/*
 * nvbind generate: the plan that run would carry out, as a file. The words behind the format's own
 * options are run's, read by the same parser and resolved by the same code.
 */
#include <grp.h>
#include <string.h>

#include "base/file.h"
#include "cli/full_image.h"
#include "cli/generate.h"
#include "cli/help.h"
#include "writer/systemd.h"
#include "writer/unit.h"
#include "writer/writer.h"

extern char **environ;

/* ---- options ---- */

#define COMMON_OPTIONS                                                                           \
    [NVB_GENERATE_OUTPUT] = {"output", 'o', "FILE", "write to FILE (default: standard output)"}, \
    [NVB_GENERATE_INSTALL] = {"install", 0, NULL,                                                \
                              "put it where systemd finds it, and reload systemd"},              \
    [NVB_GENERATE_UNIT] = {"unit", 0, "NAME",                                                    \
                           "the unit's name (default: the container's, or the image's)"},        \
    [NVB_GENERATE_SCOPE] = {"scope", 0, "user|system", "whose systemd (default: the caller's)"}, \
    [NVB_GENERATE_HELP] = {"help", 'h', NULL, "show this help"}

const struct nvb_cli_option nvb_generate_quadlet_options[] = {
    COMMON_OPTIONS,
    [NVB_GENERATE_PODMAN_VERSION] = {"podman-version", 0, "VERSION",
                                     "the Podman that will read it (default: the one here)"},
    {0},
};

const struct nvb_cli_option nvb_generate_systemd_options[] = {
    COMMON_OPTIONS,
    [NVB_GENERATE_SERVICE_USER] = {"service-user", 0, "USER",
                                   "of the system's: whose container it is (default: root's)"},
    {0},
};

const struct nvb_cli_option nvb_generate_plain_options[] = {
    [NVB_GENERATE_OUTPUT] = {"output", 'o', "FILE", "write to FILE (default: standard output)"},
    [1] = {"help", 'h', NULL, "show this help"},
    {0},
};

const struct nvb_cli_option nvb_generate_kube_options[] = {
    [NVB_GENERATE_OUTPUT] = {"output", 'o', "FILE", "write to FILE (default: standard output)"},
    [NVB_GENERATE_KUBE_TARGET] = {"target", 0, "podman|cluster",
                                  "for podman kube play (default), or for a cluster"},
    [NVB_GENERATE_KUBE_KIND] = {"kind", 0, "pod|deployment|job", "the object (default: pod)"},
    [NVB_GENERATE_KUBE_DRA] = {"dra", 0, NULL,
                               "of a cluster: claim GPUs by dynamic resource allocation"},
    [NVB_GENERATE_KUBE_DRA_VERSION] = {"dra-version", 0, "v1|v1beta1|v1beta2",
                                       "of resource.k8s.io (default: v1)"},
    [NVB_GENERATE_KUBE_PRODUCT] = {"product", 0, "MODEL",
                                   "of a cluster: GPUs of this model, such as 'NVIDIA L40S'"},
    [NVB_GENERATE_KUBE_RESOURCE] = {"resource", 0, "NAME=N",
                                    "of a cluster: ask for these in place of GPUs"},
    [NVB_GENERATE_KUBE_RUNTIME_CLASS] = {"runtime-class", 0, "NAME",
                                         "of a cluster: the pod's runtimeClassName"},
    [NVB_GENERATE_KUBE_PODMAN_VERSION] = {"podman-version", 0, "VERSION",
                                          "the Podman that will read it (default: the one here)"},
    [NVB_GENERATE_KUBE_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

static const char kube_text[] =
    "Prints Kubernetes' YAML for the container that run would make with these words: for 'podman\n"
    "kube play', or for a cluster. Its own options stand first; the rest is run's.\n"
    "\n"
    "  nvbind generate kube --gpu 0 --name ai -p 8080:8080 IMAGE >ai.yaml; podman kube play ai.yaml\n"
    "  nvbind generate kube --target cluster --kind job --gpu count=2 IMAGE COMMAND | "
    "kubectl apply -f -\n";

static const char slurm_text[] =
    "Prints a batch script for Slurm that starts the container by 'nvbind run' on the node that the\n"
    "job gets, with the GPUs that it gets. Its own options stand first; the rest is run's.\n"
    "\n"
    "  nvbind generate slurm --time 2:00:00 --gpu count=2 --output job.sh IMAGE python train.py\n"
    "  sbatch job.sh\n";

static const char quadlet_text[] =
    "Prints a Quadlet (.container) for the container that run would make with these words. Its own\n"
    "options stand first; the rest is run's.\n"
    "\n"
    "  nvbind generate quadlet --gpu 0 --name ai -p 8080:8080 IMAGE\n"
    "  nvbind generate quadlet --install --unit ai --gpu all IMAGE COMMAND\n";

static const char systemd_text[] =
    "Prints a systemd service that starts the container by 'nvbind run', which looks for GPUs and\n"
    "driver anew at each start. For Docker, and for Podman without Quadlet or without a CDI\n"
    "specification. Its own options stand first; the rest is run's.\n"
    "\n"
    "  nvbind generate systemd --gpu 0 --name ai IMAGE\n"
    "  nvbind generate systemd --install --scope system --runtime docker --gpu all IMAGE\n";

static const char shell_text[] =
    "Prints a shell script that starts the container by the engine alone, without nvbind. What it\n"
    "names of the driver is this machine's, now: after a driver upgrade make it anew.\n"
    "\n"
    "  nvbind generate shell --gpu 0 IMAGE >run.sh\n";

static const char compose_text[] =
    "Prints a Compose file for the container that run would make with these words, its GPUs in the\n"
    "form that the tool understands: podman-compose, docker compose, or docker compose on Podman's\n"
    "socket. Its own options stand first; the rest is run's.\n"
    "\n"
    "  nvbind generate compose --gpu 0 --name ai -p 8080:8080 IMAGE >compose.yaml\n"
    "  nvbind generate compose --for docker-compose -o compose.yaml --gpu all IMAGE COMMAND\n";

static const char udev_text[] =
    "Prints udev rules by which a group may use the GPUs without root.\n"
    "\n"
    "  nvbind generate udev --group video | sudo tee /etc/udev/rules.d/70-nvidia.rules\n";

static void generate_done(struct nvb_generate *g)
{
    nvb_cli_values_done(&g->values);
    nvb_strv_done(&g->own);
    nvb_strv_done(&g->words);
    nvb_cli_planning_done(&g->planning);
    nvb_request_done(&g->request);
    nvb_plan_done(&g->plan);
    nvb_exec_done(&g->exec);
    nvb_str_done(&g->text);
    free(g->unit);
    free(g->description);
}

/* Whether WORD is one of the format's own options; *RET_NEXT: its value is the next word. */
static bool is_own(const struct nvb_cli_option *options, const char *word, bool *ret_next)
{
    for (; options->name; options++) {
        const size_t len = strlen(options->name);
        const bool is_long = nvb_has_prefix(word, "--") &&
                             strncmp(word + 2, options->name, len) == 0 &&
                             (word[2 + len] == '\0' || word[2 + len] == '=');
        const bool is_short = options->letter && word[0] == '-' && word[1] == options->letter &&
                              (word[2] == '\0' || options->value);
        if (!is_long && !is_short)
            continue;
        *ret_next = options->value && (is_long ? !word[2 + len] : !word[2]);
        return true;
    }
    return false;
}

/* The format's options stand first: several have names that run's options have as well. */
static int read_own(struct nvb_generate *g, int argc, char **argv, struct nvb_error **err)
{
    int i = 1;
    bool next = false;
    while (i < argc && is_own(g->options, argv[i], &next)) {
        nvb_strv_add(&g->own, argv[i++]);
        if (next && i < argc)
            nvb_strv_add(&g->own, argv[i++]);
    }
    for (; i < argc; i++)
        nvb_strv_add(&g->words, argv[i]);
    return nvb_cli_parse(g->options, (int)g->own.count, nvb_strv_terminate(&g->own), &g->values,
                         err);
}

/* ---- the plan ---- */

/* One of the format's own options among run's words is unknown to run. */
static int hint_at_order(const struct nvb_generate *g, struct nvb_error **err)
{
    bool next = false;
    nvb_vec_foreach (word, &g->words)
        if (err && *err && is_own(g->options, *word, &next) && nvb_has_prefix(*word, "--") &&
            strstr((*err)->message, *word))
            return nvb_error_hint(err, "the format's own options stand before run's: %s first",
                                  *word);
    return -1;
}

int nvb_generate_read(struct nvb_generate *g, struct nvb_error **err)
{
    const struct nvb_parse parse = {.ask = nvb_cli_ask_engine, .data = &g->planning};
    if (nvb_parse_run(&parse, (int)g->words.count, nvb_strv_terminate(&g->words), &g->request,
                      &g->plan, err) < 0)
        return hint_at_order(g, err);
    if (g->request.help) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--help stands behind the format's name");
        return nvb_error_hint(err, "nvbind generate --help");
    }
    return 0;
}

int nvb_generate_resolve(struct nvb_generate *g, bool kept, struct nvb_error **err)
{
    g->plan.kept = kept;
    return nvb_cli_plan(&g->planning, &g->request, &g->plan, &g->exec, err);
}

int nvb_generate_plan(struct nvb_generate *g, bool kept, struct nvb_error **err)
{
    if (nvb_generate_read(g, err) < 0)
        return -1;
    int r = nvb_generate_resolve(g, kept, err);
    if (r == 0 && kept)
        r = nvb_cli_name_image(&g->planning, &g->plan, &g->exec, err);
    nvb_cli_print_notes(g->cli, &g->planning.notes);
    return r;
}

/* ---- writing it down ---- */

int nvb_generate_put(const struct nvb_generate *g, mode_t mode, struct nvb_error **err)
{
    const char *output = nvb_cli_value(&g->values, NVB_GENERATE_OUTPUT);
    if (output && strcmp(output, "-") != 0)
        return nvb_file_write(output, g->text.data, g->text.len, mode, err);
    return nvb_cli_print(g->cli, g->text.data, g->text.len) == NVB_EXIT_OK ? 0 : -1;
}

/* ---- the formats ---- */

static int write_shell(struct nvb_generate *g, struct nvb_error **err)
{
    if (nvb_generate_plan(g, true, err) < 0)
        return -1;
    nvb_str_add(&g->text, "#!/bin/sh\n# Made by 'nvbind generate shell'. Words behind the script's "
                          "name go behind the command's.\nset -e\nexec ");
    nvb_writer_shell(&g->exec, &g->text);
    nvb_str_truncate(&g->text, g->text.len - 1);
    nvb_str_add(&g->text, " \"$@\"\n");
    /* Its words may be secrets: -e NAME=VALUE. */
    return nvb_generate_put(g, 0700, err);
}

static int generate(struct nvb_cli *cli, int argc, char **argv, size_t help,
                    const struct nvb_cli_option *options, const char *usage, const char *text,
                    int (*write)(struct nvb_generate *g, struct nvb_error **err))
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_(generate_done) struct nvb_generate g = {
        .cli = cli,
        .options = options,
        .planning = {.cli = cli, .verb = "run"},
        .text = NVB_STR_INIT,
    };
    if (read_own(&g, argc, argv, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (g.values.values[help].count)
        return nvb_help_command(cli, usage, text, options);
    nvb_user_read(environ, &g.planning.user);
    if (write(&g, &err) < 0)
        return err ? nvb_cli_fail(cli, err, nvb_cli_status_of(err)) : NVB_EXIT_FOUND;
    return NVB_EXIT_OK;
}

static int cmd_quadlet(struct nvb_cli *cli, int argc, char **argv)
{
    return generate(cli, argc, argv, NVB_GENERATE_HELP, nvb_generate_quadlet_options,
                    "generate quadlet [OPTIONS] [RUN OPTIONS] IMAGE [COMMAND...]", quadlet_text,
                    nvb_generate_quadlet);
}

static int cmd_systemd(struct nvb_cli *cli, int argc, char **argv)
{
    return generate(cli, argc, argv, NVB_GENERATE_HELP, nvb_generate_systemd_options,
                    "generate systemd [OPTIONS] [RUN OPTIONS] IMAGE [COMMAND...]", systemd_text,
                    nvb_generate_systemd);
}

static int cmd_compose(struct nvb_cli *cli, int argc, char **argv)
{
    return generate(cli, argc, argv, NVB_GENERATE_COMPOSE_HELP, nvb_generate_compose_options,
                    "generate compose [OPTIONS] [RUN OPTIONS] IMAGE [COMMAND...]", compose_text,
                    nvb_generate_compose);
}

static int cmd_kube(struct nvb_cli *cli, int argc, char **argv)
{
    return generate(cli, argc, argv, NVB_GENERATE_KUBE_HELP, nvb_generate_kube_options,
                    "generate kube [OPTIONS] [RUN OPTIONS] IMAGE [COMMAND...]", kube_text,
                    nvb_generate_kube);
}

static int cmd_slurm(struct nvb_cli *cli, int argc, char **argv)
{
    return generate(cli, argc, argv, NVB_GENERATE_SLURM_HELP, nvb_generate_slurm_options,
                    "generate slurm [OPTIONS] [RUN OPTIONS] IMAGE [COMMAND...]", slurm_text,
                    nvb_generate_slurm);
}

static int cmd_shell(struct nvb_cli *cli, int argc, char **argv)
{
    return generate(cli, argc, argv, 1, nvb_generate_plain_options,
                    "generate shell [OPTIONS] [RUN OPTIONS] IMAGE [COMMAND...]", shell_text,
                    write_shell);
}

/* ---- udev ---- */

enum { UDEV_OUTPUT, UDEV_GROUP, UDEV_HELP };

const struct nvb_cli_option nvb_generate_udev_options[] = {
    [UDEV_OUTPUT] = {"output", 'o', "FILE", "write to FILE (default: standard output)"},
    [UDEV_GROUP] = {"group", 0, "GROUP", "who may use the GPUs (default: video)"},
    [UDEV_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

static int cmd_udev(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    if (nvb_cli_parse(nvb_generate_udev_options, argc - 1, argv + 1, &values, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (values.values[UDEV_HELP].count)
        return nvb_help_command(cli, "generate udev [OPTIONS]", udev_text,
                                nvb_generate_udev_options);
    const char *output = nvb_cli_value(&values, UDEV_OUTPUT);
    const char *name = nvb_cli_value(&values, UDEV_GROUP);
    if (!name)
        name = "video";
    const struct group *group = nvb_unit_is_name(name) ? getgrnam(name) : NULL;
    if (!group || values.rest_count) {
        (void)nvb_error_make(&err, NVB_ERROR_USAGE, 0, "%s'%s'",
                             group ? "generate udev takes no " : "there is no group ",
                             group ? values.rest[0] : name);
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    }
    nvb_writer_udev(name, group->gr_gid, &out);
    if (!output || strcmp(output, "-") == 0)
        return nvb_cli_print(cli, out.data, out.len);
    if (nvb_file_write(output, out.data, out.len, 0644, &err) < 0)
        return nvb_cli_fail(cli, err, nvb_cli_status_of(err));
    return NVB_EXIT_OK;
}

const struct nvb_command nvb_generate_commands[] = {
    {
        .name = "quadlet",
        .summary = "a Quadlet: a service of systemd's that Podman makes",
        .main = cmd_quadlet,
        .options = nvb_generate_quadlet_options,
    },
    {
        .name = "systemd",
        .summary = "a systemd service whose command is nvbind run",
        .main = cmd_systemd,
        .options = nvb_generate_systemd_options,
    },
    {
        .name = "compose",
        .summary = "a Compose file, for podman-compose or docker compose",
        .main = cmd_compose,
        .options = nvb_generate_compose_options,
    },
    {
        .name = "kube",
        .summary = "Kubernetes' YAML, for podman kube play or a cluster",
        .main = cmd_kube,
        .options = nvb_generate_kube_options,
    },
    {
        .name = "slurm",
        .summary = "a batch script for Slurm",
        .main = cmd_slurm,
        .options = nvb_generate_slurm_options,
    },
    {
        .name = "shell",
        .summary = "a script that calls the engine alone",
        .main = cmd_shell,
        .options = nvb_generate_plain_options,
    },
    {
        .name = "udev",
        .summary = "rules by which a group may use the GPUs",
        .main = cmd_udev,
        .options = nvb_generate_udev_options,
    },
    {0},
};

int nvb_cmd_generate(struct nvb_cli *cli, int argc, char **argv)
{
    return nvb_run_subcommand(cli, "generate",
                              "Writes the container that run would make down as a file.",
                              nvb_generate_commands, argc, argv);
}
