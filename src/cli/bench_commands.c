/*
 * The commands that bench times. Those with nvbind and those without are the same container, so
 * that what lies between them is what nvbind and its GPUs add.
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "cli/bench.h"
#include "data/json.h"

extern char **environ;

#define PATIENCE_MS 20000
#define MAX_OUTPUT  ((size_t)4 << 20)

static void fail(struct nvb_bench_series *series, const char *why)
{
    series->failure = nvb_strdup(why);
}

/* ---- words ---- */

static void add_container(const struct nvb_bench_run *b, const char *image, struct nvb_strv *argv)
{
    /* A download is none of a start's time. */
    nvb_strv_add(argv, "--pull=never");
    nvb_strv_add(argv, "--");
    nvb_strv_add(argv, image);
    if (b->image) {
        nvb_strv_add(argv, "true");
    } else {
        nvb_strv_add(argv, NVB_SELFTEST_PROBE);
        nvb_strv_add(argv, "--help");
    }
}

static void add_bare(const struct nvb_bench_run *b, const struct nvb_bench_engine *engine,
                     struct nvb_strv *argv)
{
    nvb_vec_foreach (word, &engine->words)
        nvb_strv_add(argv, *word);
    nvb_strv_add(argv, "run");
    nvb_strv_add(argv, "--rm");
    nvb_strv_add(argv, "--network=none");
    add_container(b, engine->image, argv);
}

/* nvbind with the global options that we were given. */
static void add_self(const struct nvb_bench_run *b, const char *self, struct nvb_strv *argv)
{
    const struct {
        const char *name, *value;
    } options[] = {{"config", b->cli->config},
                   {"host-root", b->cli->host.host_root},
                   {"driver-root", b->cli->host.driver_root},
                   {"dev-root", b->cli->host.dev_root}};
    nvb_strv_add(argv, self);
    for (size_t i = 0; i < NVB_COUNT(options); i++)
        if (options[i].value)
            nvb_strv_addf(argv, "--%s=%s", options[i].name, options[i].value);
}

/* What the configuration adds for people in front of a terminal is turned off: there is none. */
static void add_nvbind(const struct nvb_bench_run *b, const char *self,
                       const struct nvb_bench_engine *engine, struct nvb_strv *argv)
{
    /* What calls the engine, up to the engine. */
    for (size_t i = 0; i + 1 < engine->words.count; i++)
        nvb_strv_add(argv, engine->words.items[i]);
    add_self(b, self, argv);
    nvb_strv_add(argv, "run");
    nvb_strv_addf(argv, "--runtime=%s", nvb_engine_name(engine->engine.kind));
    nvb_strv_addf(argv, "--gpu=%s", b->selection);
    if (b->capabilities)
        nvb_strv_addf(argv, "--capabilities=%s", b->capabilities);
    nvb_strv_add(argv, "--rm");
    nvb_strv_add(argv, "--network=none");
    nvb_strv_add(argv, "--interactive=false");
    nvb_strv_add(argv, "--tty=false");
    nvb_strv_add(argv, "--detach=false");
    add_container(b, engine->image, argv);
}

/* ---- the engines ---- */

static void add_pair(struct nvb_bench_run *b, const struct nvb_bench_engine *engine,
                     const char *bare, const char *ours)
{
    struct nvb_bench_series *series = nvb_bench_add(&b->list, bare, NVB_BENCH_CONTAINERS);
    if (engine->missing)
        fail(series, engine->missing);
    else
        add_bare(b, engine, &series->argv);
    series = nvb_bench_add(&b->list, ours, NVB_BENCH_CONTAINERS);
    if (engine->missing)
        fail(series, engine->missing);
    else
        add_nvbind(b, b->self, engine, &series->argv);
}

/* ---- root's ---- */

static bool asks_nothing(const char *sudo, const char *nothing)
{
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    int status = 0;
    char *const argv[] = {(char *)sudo, (char *)"-n", (char *)nothing, NULL};
    return nvb_process_capture(sudo, argv, environ, PATIENCE_MS, MAX_OUTPUT, &out, NULL, &status,
                               NULL) == 0 &&
           status == 0;
}

void nvb_bench_find_root(struct nvb_bench_run *b)
{
    const char *path = nvb_environment_get(environ, "PATH");
    struct nvb_bench_engine *root = &b->root_podman;
    _cleanup_free_ char *sudo = NULL;
    _cleanup_free_ char *nothing = NULL;
    root->engine.kind = NVB_ENGINE_PODMAN;
    if (b->podman.missing)
        root->missing = nvb_strdup(b->podman.missing);
    else if (b->user.uid == 0)
        root->missing = nvb_strdup("this is root: an ordinary user measures both");
    else if (nvb_process_find("sudo", path, &sudo, NULL) != 0 ||
             nvb_process_find("true", path, &nothing, NULL) != 0)
        root->missing = nvb_strdup("there is no sudo to become root by");
    else if (!asks_nothing(sudo, nothing))
        root->missing = nvb_strdup("sudo would ask for a password here ('sudo -v' before)");
    if (root->missing)
        return;
    nvb_strv_add(&root->words, sudo);
    nvb_strv_add(&root->words, "-n");
    nvb_strv_add(&root->words, b->podman.engine.path);
    b->nothing = TAKE_PTR(nothing);
}

static void add_root(struct nvb_bench_run *b)
{
    struct nvb_bench_series *series = nvb_bench_add(&b->list, "sudo", NVB_BENCH_CONTAINERS);
    if (b->root_podman.missing) {
        fail(series, b->root_podman.missing);
    } else {
        for (size_t i = 0; i + 1 < b->root_podman.words.count; i++)
            nvb_strv_add(&series->argv, b->root_podman.words.items[i]);
        nvb_strv_add(&series->argv, b->nothing);
    }
    add_pair(b, &b->root_podman, "sudo-podman", "sudo-nvbind");
}

/* ---- the hook ---- */

/* Whether the container of ARGV (of an nvbind) gets the hook, by its own plan. */
static bool has_hook(const struct nvb_strv *argv)
{
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    _cleanup_strv_ struct nvb_strv words = {0};
    _cleanup_doc_ struct nvb_doc plan = {0};
    int status = 0;
    for (size_t i = 0; i < argv->count; i++) {
        nvb_strv_add(&words, argv->items[i]);
        if (strcmp(argv->items[i], "run") == 0)
            nvb_strv_add(&words, "--dry-run=json");
    }
    if (nvb_process_capture(words.items[0], nvb_strv_terminate(&words), environ, PATIENCE_MS,
                            MAX_OUTPUT, &out, NULL, &status, NULL) < 0 ||
        status != 0 || nvb_json_read(out.data, out.len, "the plan", &plan, NULL) < 0)
        return false;
    const struct nvb_doc *hooks = nvb_doc_find(nvb_doc_find(&plan, "edits"), "hooks");
    return hooks && hooks->type == NVB_DOC_LIST && hooks->list.count > 0;
}

static void add_hook(struct nvb_bench_run *b)
{
    struct nvb_bench_series *series = nvb_bench_add(&b->list, "hookless", NVB_BENCH_CONTAINERS);
    if (b->podman.missing || !b->hookless)
        fail(series, b->podman.missing ? b->podman.missing : "nvbind could not be copied");
    else
        add_nvbind(b, b->hookless, &b->podman, &series->argv);
    if (!series->failure && has_hook(&series->argv))
        fail(series, "the system's specification brings the hook in any case");
    series = nvb_bench_add(&b->list, "hooked", NVB_BENCH_CONTAINERS);
    if (b->podman.missing)
        fail(series, b->podman.missing);
    else
        add_nvbind(b, b->self, &b->podman, &series->argv);
    if (!series->failure && !has_hook(&series->argv))
        fail(series, "nvbind run does without the hook here: 'nvbind -v run' says why");
}

/* ---- nvbind alone ---- */

static void add_processes(struct nvb_bench_run *b)
{
    struct nvb_bench_series *series = nvb_bench_add(&b->list, "nothing", NVB_BENCH_PROCESSES);
    nvb_strv_add(&series->argv, b->self);
    nvb_strv_add(&series->argv, "--version");
    series = nvb_bench_add(&b->list, "generate", NVB_BENCH_PROCESSES);
    add_self(b, b->self, &series->argv);
    nvb_strv_add(&series->argv, "cdi");
    nvb_strv_add(&series->argv, "generate");
}

void nvb_bench_add_commands(struct nvb_bench_run *b)
{
    const unsigned docker = NVB_BENCH_START | NVB_BENCH_MEMORY | NVB_BENCH_PASSTHROUGH;
    if (b->groups & (docker | NVB_BENCH_ROOTLESS))
        add_pair(b, &b->podman, "podman", "nvbind-podman");
    if (b->groups & docker)
        add_pair(b, &b->docker, "docker", "nvbind-docker");
    if (b->groups & NVB_BENCH_ROOTLESS)
        add_root(b);
    if (b->groups & NVB_BENCH_HOOK)
        add_hook(b);
    if (b->groups & NVB_BENCH_GENERATE)
        add_processes(b);
}
