/*
 * nvbind kube: a cluster's YAML on Podman. What the commands share, and those that are Podman's
 * own.
 */
#include <string.h>
#include <sys/wait.h>

#include "base/process.h"
#include "cli/help.h"
#include "cli/kube.h"

extern char **environ;

#define ASK_MS     30000
#define MAX_ANSWER ((size_t)16 << 20)

int nvb_kube_find_podman(struct nvb_cli_planning *planning, struct nvb_error **err)
{
    const struct nvb_request request = {.engines = NVB_ENGINE_PODMAN};
    const struct nvb_endpoint_words none = {.remote = -1};
    nvb_user_read(environ, &planning->user);
    if (nvb_cli_find_engine(planning, &request, err) < 0)
        return -1;
    nvb_endpoint_find(NVB_ENGINE_PODMAN, &none, environ, &planning->user, &planning->endpoint);
    if (planning->endpoint.kind != NVB_ENDPOINT_REMOTE)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                         "%s has Podman make containers elsewhere, and GPUs are counted here",
                         planning->endpoint.source ? planning->endpoint.source : "the environment");
    return nvb_error_hint(err, "run nvbind there, or unset it");
}

int nvb_kube_ask(const struct nvb_cli_planning *planning, struct nvb_strv *words,
                 struct nvb_str *ret, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str messages = NVB_STR_INIT;
    const char *program = planning->engine.path;
    int status = 0;
    if (nvb_process_capture(program, nvb_strv_terminate(words), environ, ASK_MS, MAX_ANSWER, ret,
                            &messages, &status, err) < 0)
        return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    const char *said = nvb_has_prefix(messages.data, "Error: ") ? messages.data + 7 : messages.data;
    return nvb_error_make(err, NVB_ERROR_ENGINE, 0, "podman %s %s: %.*s", words->items[1],
                          words->items[2], (int)strcspn(said, "\n"), said);
}

int nvb_kube_become(const struct nvb_cli_planning *planning, const char *verb,
                    const struct nvb_strv *words, const struct nvb_strv *added,
                    struct nvb_error **err)
{
    _cleanup_exec_ struct nvb_exec exec = {.program = nvb_strdup(planning->engine.path)};
    nvb_strv_add(&exec.argv, planning->engine.path);
    nvb_strv_add(&exec.argv, "kube");
    nvb_strv_add(&exec.argv, verb);
    nvb_vec_foreach (word, words)
        nvb_strv_add(&exec.argv, *word);
    for (size_t i = 0; added && i < added->count; i++)
        nvb_strv_add(&exec.added, added->items[i]);
    return nvb_exec_run(&exec, environ, err);
}

void nvb_kube_pass_on(const struct nvb_cli_option *table, const struct nvb_cli_values *values,
                      size_t first, struct nvb_strv *ret)
{
    for (size_t i = first; table[i].name; i++)
        nvb_vec_foreach (value, &values->values[i]) {
            const bool bare = !table[i].value || (table[i].value[0] == '[' && !**value);
            nvb_strv_addf(ret, "--%s%s%s", table[i].name, bare ? "" : "=", bare ? "" : *value);
        }
}

/* ---- down: Podman's own ---- */

enum { DOWN_HELP, DOWN_FORCE };

const struct nvb_cli_option nvb_kube_down_options[] = {
    [DOWN_HELP] = {"help", 'h', NULL, "show this help"},
    [DOWN_FORCE] = {"force", 0, "[=true|false]", "remove volumes as well"},
    {0},
};

static int cmd_down(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_planning_ struct nvb_cli_planning planning = {.cli = cli, .verb = "run"};
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_strv_ struct nvb_strv words = {0};
    if (nvb_cli_parse(nvb_kube_down_options, argc - 1, argv + 1, &values, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (values.values[DOWN_HELP].count)
        return nvb_help_command(
            cli, "kube down [OPTIONS] FILE...",
            "Removes the pods that kube play made of FILE: 'podman kube down'.\n",
            nvb_kube_down_options);
    nvb_kube_pass_on(nvb_kube_down_options, &values, DOWN_FORCE, &words);
    for (int i = 0; i < values.rest_count; i++)
        nvb_strv_add(&words, values.rest[i]);
    if (values.rest_count == 0) {
        (void)nvb_error_make(&err, NVB_ERROR_USAGE, 0, "kube down takes a file");
        (void)nvb_error_hint(&err, "nvbind kube down FILE");
    } else if (nvb_kube_find_podman(&planning, &err) == 0) {
        (void)nvb_kube_become(&planning, "down", &words, NULL, &err);
    }
    return nvb_cli_fail(cli, err, nvb_cli_status_of(err));
}

/* ---- the command ---- */

const struct nvb_command nvb_kube_commands[] = {
    {
        .name = "play",
        .summary = "run a cluster's YAML on Podman, with its GPUs",
        .main = nvb_kube_play,
        .options = nvb_kube_play_options,
        .operand = "FILE",
    },
    {
        .name = "generate",
        .summary = "YAML of containers that are there, with their GPUs",
        .main = nvb_kube_generate,
        .options = nvb_kube_generate_options,
        .operand = "CONTAINER",
    },
    {
        .name = "down",
        .summary = "remove what was played",
        .main = cmd_down,
        .options = nvb_kube_down_options,
        .operand = "FILE",
    },
    {0},
};

int nvb_cmd_kube(struct nvb_cli *cli, int argc, char **argv)
{
    return nvb_run_subcommand(cli, "kube",
                              "Runs a cluster's YAML on Podman with its GPU requests honoured.",
                              nvb_kube_commands, argc, argv);
}
