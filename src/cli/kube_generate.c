/*
 * nvbind kube generate: what "podman kube generate" says of containers, with their GPUs as
 * requests.
 */
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/help.h"
#include "cli/kube.h"
#include "host/nvml.h"

extern char **environ;

enum { FILENAME, HELP, PODMAN_ONLY, REPLICAS, SERVICE, TYPE };

const struct nvb_cli_option nvb_kube_generate_options[] = {
    [FILENAME] = {"filename", 'f', "FILE", "write to FILE (default: standard output)"},
    [HELP] = {"help", 'h', NULL, "show this help"},
    [PODMAN_ONLY] = {"podman-only", 0, "[=true|false]", "with annotations for Podman alone"},
    [REPLICAS] = {"replicas", 'r', "NUMBER", "how many a Deployment has"},
    [SERVICE] = {"service", 's', "[=true|false]", "a Service as well"},
    [TYPE] = {"type", 't', "KIND", "the kind: pod, deployment, ..."},
    {0},
};

static const char help_text[] =
    "Prints YAML for containers and pods that are there, as 'podman kube generate' does, with the GPUs\n"
    "that nvbind gave them as requests (nvidia.com/gpu: N) instead of nodes and files: for nvbind\n"
    "kube play, or for a cluster.\n"
    "\n"
    "  nvbind kube generate train >train.yaml\n";

struct generate {
    struct nvb_cli *cli;
    struct nvb_cli_values values;
    struct nvb_cli_planning planning;
    struct nvb_play_holders holders;
    struct nvb_request request;
    struct nvb_plan plan;
    struct nvb_exec exec;
    struct nvb_gpus gpus;
    struct nvb_docs docs;
    struct nvb_str answer; /* Podman's YAML */
    struct nvb_str text;
};

static void generate_done(struct generate *g)
{
    nvb_cli_values_done(&g->values);
    nvb_cli_planning_done(&g->planning);
    nvb_play_holders_done(&g->holders);
    nvb_request_done(&g->request);
    nvb_plan_done(&g->plan);
    nvb_exec_done(&g->exec);
    nvb_gpus_done(&g->gpus);
    nvb_docs_done(&g->docs);
    nvb_str_done(&g->answer);
    nvb_str_done(&g->text);
}

static int read_holders(struct generate *g, struct nvb_error **err)
{
    static const char *const ask[] = {
        "ps", "--all", "--pod", "--filter", "label=" NVB_PLAN_GPU_LABEL, "--format", "json"};
    static const struct nvb_strv nobody = {0};
    _cleanup_strv_ struct nvb_strv words = {0};
    _cleanup_str_ struct nvb_str answer = NVB_STR_INIT;
    nvb_strv_add(&words, g->planning.engine.path);
    for (size_t i = 0; i < NVB_COUNT(ask); i++)
        nvb_strv_add(&words, ask[i]);
    if (nvb_kube_ask(&g->planning, &words, &answer, err) < 0)
        return -1;
    return nvb_play_read_holders(answer.data, answer.len, &nobody, &g->holders, err);
}

static int ask_podman(struct generate *g, struct nvb_error **err)
{
    const struct nvb_yaml_options options = {.aliases = true, .tags = true, .many = true};
    _cleanup_strv_ struct nvb_strv words = {0};
    nvb_strv_add(&words, g->planning.engine.path);
    nvb_strv_add(&words, "kube");
    nvb_strv_add(&words, "generate");
    nvb_kube_pass_on(nvb_kube_generate_options, &g->values, PODMAN_ONLY, &words);
    nvb_strv_add(&words, "--");
    for (int i = 0; i < g->values.rest_count; i++)
        nvb_strv_add(&words, g->values.rest[i]);
    if (nvb_kube_ask(&g->planning, &words, &g->answer, err) < 0)
        return -1;
    return nvb_yaml_read_all(g->answer.data, g->answer.len, "podman kube generate", &options,
                             &g->docs, err);
}

/* What nvbind lays into containers on this machine: of every GPU, directly. */
static int plan_all(struct generate *g, struct nvb_error **err)
{
    static const char *const words[] = {"--gpu", "all", "--no-cdi", "--capabilities",
                                        "all",   "--",  "image"};
    const struct nvb_parse parse = {.ask = nvb_cli_ask_engine, .data = &g->planning};
    if (nvb_parse_run(&parse, NVB_COUNT(words), (char *const *)words, &g->request, &g->plan, err) <
        0)
        return -1;
    g->plan.verb = NVB_PLAN_CREATE;
    g->request.engines = NVB_ENGINE_PODMAN;
    g->request.dry_run = NVB_DRY_RUN_SHELL;
    return nvb_cli_plan(&g->planning, &g->request, &g->plan, &g->exec, err);
}

/* MIG devices' profiles, where one of them is held. */
static int find_gpus(struct generate *g, struct nvb_error **err)
{
    struct nvb_host host = NVB_HOST_INIT;
    _cleanup_nvml_ struct nvb_nvml nvml = NVB_NVML_INIT;
    int r = nvb_host_open(&g->cli->host, &host, err);
    if (r == 0)
        r = nvb_host_find_gpus(&host, &g->gpus, err);
    bool is_cut = false;
    nvb_vec_foreach (gpu, &g->gpus)
        is_cut = is_cut || gpu->migs.count > 0;
    if (r == 0 && is_cut)
        nvb_nvml_ask(&host, NULL, NVB_NVML_MIG_UUIDS, NVB_NVML_NAME_MS, &g->gpus, &nvml);
    nvb_host_done(&host);
    return r;
}

/* Podman's own comments at the beginning, less what is not so any more. */
static void add_head(struct generate *g)
{
    nvb_str_add(&g->text,
                "# Made by 'nvbind kube generate': 'nvbind kube play' gives it its GPUs.\n");
    const char *at = g->answer.data;
    while (*at == '#') {
        const size_t len = strcspn(at, "\n") + 1;
        nvb_str_addn(&g->text, at, at[len - 1] ? len : len - 1);
        at += at[len - 1] ? len : len - 1;
    }
}

static int put(struct generate *g, struct nvb_error **err)
{
    const char *output = nvb_cli_value(&g->values, FILENAME);
    bool first = true;
    add_head(g);
    nvb_vec_foreach (doc, &g->docs) {
        if (doc->type == NVB_DOC_NULL)
            continue;
        nvb_str_add(&g->text, first ? "" : "---\n");
        first = false;
        if (nvb_yaml_write_as_read(doc, &g->text, err) < 0)
            return -1;
    }
    if (!output || strcmp(output, "-") == 0)
        return nvb_cli_print(g->cli, g->text.data, g->text.len) == NVB_EXIT_OK ? 0 : -1;
    if (access(output, F_OK) == 0) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is there already", output);
        return nvb_error_hint(err, "another name, or remove it");
    }
    return nvb_file_write(output, g->text.data, g->text.len, 0644, err);
}

/* Whether any of the holders has a GPU of NVIDIA's: other vendors' devices are CDI names. */
static bool has_nvidia(const struct generate *g)
{
    nvb_vec_foreach (holder, &g->holders)
        nvb_vec_foreach (word, &holder->own)
            if (!strchr(*word, '='))
                return true;
    return false;
}

/* The request can be told by the label alone; without the driver, what it once laid in stays. */
static void find_laid(struct generate *g)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_notes_ struct nvb_notes notes = {0};
    if (!has_nvidia(g) || (plan_all(g, &err) == 0 && find_gpus(g, &err) == 0))
        return;
    nvb_notes_add(&notes, NVB_NOTE_WARNING,
                  "which mounts are nvbind's cannot be told, and they stay: %s", err->message);
    nvb_cli_print_notes(g->cli, &notes);
}

static int generate(struct generate *g, struct nvb_error **err)
{
    if (nvb_kube_find_podman(&g->planning, err) < 0 || read_holders(g, err) < 0 ||
        ask_podman(g, err) < 0)
        return -1;
    find_laid(g);
    nvb_play_restore(&g->docs, &g->holders, &g->plan.edits, &g->gpus);
    return put(g, err);
}

int nvb_kube_generate(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_(generate_done) struct generate g = {
        .cli = cli,
        .planning = {.cli = cli, .verb = "run"},
        .answer = NVB_STR_INIT,
        .text = NVB_STR_INIT,
    };
    if (nvb_cli_parse(nvb_kube_generate_options, argc - 1, argv + 1, &g.values, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (g.values.values[HELP].count)
        return nvb_help_command(cli, "kube generate [OPTIONS] CONTAINER|POD...", help_text,
                                nvb_kube_generate_options);
    if (g.values.rest_count == 0) {
        (void)nvb_error_make(&err, NVB_ERROR_USAGE, 0, "kube generate takes a container or a pod");
        (void)nvb_error_hint(&err, "nvbind kube generate NAME");
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    }
    if (generate(&g, &err) == 0)
        return NVB_EXIT_OK;
    return err ? nvb_cli_fail(cli, err, nvb_cli_status_of(err)) : NVB_EXIT_FOUND;
}
