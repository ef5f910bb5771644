/*
 * nvbind selftest: a container whose root is made of this machine's own files, with GPUs just as
 * run would give them, and nvbind-probe inside. Its words go through the same parser and the same
 * plan as run's.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "base/trust.h"
#include "cli/cli.h"
#include "cli/doctor.h"
#include "cli/help.h"
#include "cli/planning.h"
#include "data/json.h"
#include "selftest/import.h"
#include "selftest/report.h"
#include "selftest/root.h"

extern char **environ;

/* A driver that compiles the kernel for eight GPUs for the first time needs seconds. */
#define PATIENCE_MS 60000
#define MAX_OUTPUT  ((size_t)1 << 20)

enum {
    OPT_RUNTIME,
    OPT_GPU,
    OPT_CAPABILITIES,
    OPT_ISOLATE,
    OPT_CDI,
    OPT_NO_CDI,
    OPT_JSON,
    OPT_HELP,
};

const struct nvb_cli_option nvb_selftest_options[] = {
    [OPT_RUNTIME] = {"runtime", 0, "podman|docker", "the engine; default as for run"},
    [OPT_GPU] = {"gpu", 0, "SELECTION", "as for run (default: all)"},
    [OPT_CAPABILITIES] = {"capabilities", 0, "CAPABILITIES", "as for run (default: all)"},
    [OPT_ISOLATE] = {"isolate", 0, "[=device|strict|none]", "as for run"},
    [OPT_CDI] = {"cdi", 0, NULL, "insist on CDI"},
    [OPT_NO_CDI] = {"no-cdi", 0, NULL, "insist on direct devices and mounts"},
    [OPT_JSON] = {"json", 0, NULL, "print one JSON object"},
    [OPT_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

static const char text[] =
    "Proves that GPUs reach a container on this machine, without an image: starts one whose root\n"
    "is made of this machine's own C library, with GPUs as run would give them, opens every node\n"
    "in it, loads every library, asks the driver, and runs a small kernel where a GPU answers.\n";

struct selftest {
    const struct nvb_cli *cli;
    struct nvb_cli_planning planning;
    struct nvb_request request;
    struct nvb_plan plan;
    struct nvb_exec exec;
    struct nvb_selftest_root root;
    struct nvb_selftest_report report;
    struct nvb_str out, complaints; /* the container's */
    char *image;                    /* Docker: what was imported; NULL: nothing */
    uint64_t begun, engine_us;
};

static uint64_t now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void selftest_done(struct selftest *s)
{
    nvb_cli_planning_done(&s->planning);
    nvb_request_done(&s->request);
    nvb_plan_done(&s->plan);
    nvb_exec_done(&s->exec);
    nvb_selftest_root_done(&s->root);
    nvb_selftest_report_done(&s->report);
    nvb_str_done(&s->out);
    nvb_str_done(&s->complaints);
    free(s->image);
}

/* ---- before the container ---- */

/* The words that run would have been given. What the configuration adds for people in front of a
 * terminal does not go with a program that is read by another. */
static void write_words(const struct nvb_cli_values *values, const char *image, bool is_folder,
                        struct nvb_strv *ret)
{
    static const struct {
        int option;
        const char *otherwise;
    } passed[] = {
        {OPT_RUNTIME, NULL}, {OPT_GPU, "all"}, {OPT_CAPABILITIES, "all"}, {OPT_ISOLATE, NULL}};
    for (size_t i = 0; i < NVB_COUNT(passed); i++) {
        const char *value = nvb_cli_value(values, (size_t)passed[i].option);
        const char *name = nvb_selftest_options[passed[i].option].name;
        if (!value)
            value = passed[i].otherwise;
        if (value && *value)
            nvb_strv_addf(ret, "--%s=%s", name, value);
        else if (value)
            nvb_strv_addf(ret, "--%s", name);
    }
    if (values->values[OPT_CDI].count)
        nvb_strv_add(ret, "--cdi");
    if (values->values[OPT_NO_CDI].count)
        nvb_strv_add(ret, "--no-cdi");
    nvb_strv_add(ret, "--rm");
    nvb_strv_add(ret, "--network=none");
    nvb_strv_add(ret, "--interactive=false");
    nvb_strv_add(ret, "--tty=false");
    nvb_strv_add(ret, "--detach=false");
    if (is_folder)
        nvb_strv_add(ret, "--rootfs");
    nvb_strv_add(ret, "--");
    nvb_strv_add(ret, image);
    nvb_strv_add(ret, NVB_SELFTEST_PROBE);
    nvb_strv_add(ret, "--json");
    nvb_strv_add(ret, "--kernel");
}

static int parse_words(struct selftest *s, struct nvb_strv *words, struct nvb_error **err)
{
    const struct nvb_parse parse = {.ask = nvb_cli_ask_engine, .data = &s->planning};
    nvb_request_done(&s->request);
    nvb_plan_done(&s->plan);
    s->request = (struct nvb_request){0};
    s->plan = (struct nvb_plan){0};
    return nvb_parse_run(&parse, (int)words->count, nvb_strv_terminate(words), &s->request,
                         &s->plan, err);
}

/* Docker takes no folder for an image. */
static int import_root(struct selftest *s, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv docker = {0};
    nvb_strv_add(&docker, s->planning.engine.path);
    return nvb_selftest_import(&s->root, &docker, "nvbind-selftest", environ, &s->image, err);
}

static void forget_image(const struct selftest *s)
{
    _cleanup_strv_ struct nvb_strv docker = {0};
    if (!s->image)
        return;
    nvb_strv_add(&docker, s->planning.engine.path);
    nvb_selftest_forget(&docker, s->image, environ);
}

/* ---- the container ---- */

static int prepare(struct selftest *s, const struct nvb_cli_values *values, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    write_words(values, s->root.path, true, &words);
    if (parse_words(s, &words, err) < 0 || nvb_cli_find_engine(&s->planning, &s->request, err) < 0)
        return -1;
    if (s->planning.engine.kind == NVB_ENGINE_DOCKER) {
        nvb_strv_done(&words);
        words = (struct nvb_strv){0};
        if (import_root(s, err) < 0)
            return -1;
        write_words(values, s->image, false, &words);
        if (parse_words(s, &words, err) < 0)
            return -1;
    }
    if (nvb_cli_plan(&s->planning, &s->request, &s->plan, &s->exec, err) < 0)
        return -1;
    return nvb_plan_write_spec(&s->plan, err) < 0 || nvb_plan_write_cookie(&s->plan, err) < 0 ? -1
                                                                                              : 0;
}

/* What an engine says last is why it failed. */
static const char *last_line(struct nvb_str *s)
{
    while (s->len > 0 && s->data[s->len - 1] == '\n')
        nvb_str_truncate(s, s->len - 1);
    const char *line = strrchr(s->data, '\n');
    return line ? line + 1 : s->data;
}

static int run_container(struct selftest *s, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv environment = {0};
    _cleanup_doc_ struct nvb_doc seen = {0};
    int status = 0;
    nvb_exec_environment(&s->exec, environ, &environment);
    const uint64_t start = now_us();
    int r = nvb_process_capture(s->exec.program, nvb_strv_terminate(&s->exec.argv),
                                nvb_strv_terminate(&environment), PATIENCE_MS, MAX_OUTPUT, &s->out,
                                &s->complaints, &status, err);
    s->engine_us = now_us() - start;
    if (r < 0)
        return -1;
    /* The probe's own statuses are 0 and 1; with any other it did not run. */
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (code > 1)
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0, "the container did not start (%s: %d): %s",
                              nvb_path_base(s->exec.program), code,
                              s->complaints.len ? last_line(&s->complaints) : "it said nothing");
    if (nvb_json_read(s->out.data, s->out.len, "the container's report", &seen, err) < 0)
        return -1;
    return nvb_selftest_judge(&s->plan, &seen, &s->report, err);
}

/* ---- what is shown ---- */

static const char *mode_name(const struct nvb_plan *plan)
{
    if (plan->mode == NVB_PLAN_CDI)
        return "CDI";
    return plan->hook_mark ? "devices, mounts and the hook" : "devices and mounts";
}

static void describe_container(const struct selftest *s, struct nvb_str *ret)
{
    const struct nvb_engine *engine = &s->planning.engine;
    nvb_str_addf(ret, "%s%s, by %s",
                 engine->kind == NVB_ENGINE_DOCKER ? "Docker"
                 : s->planning.user.uid == 0       ? "Podman as root"
                                                   : "rootless Podman",
                 s->plan.mode == NVB_PLAN_NOTHING ? ", no GPU asked for" : "", mode_name(&s->plan));
}

static int show_json(const struct selftest *s, struct nvb_error **err)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str container = NVB_STR_INIT;
    const size_t failed = nvb_selftest_count(&s->report, NVB_SELFTEST_FAIL);
    describe_container(s, &container);
    nvb_doc_put_text(&doc, "verdict", failed ? "failed" : "ok");
    nvb_doc_put_bool(&doc, "simulated", s->report.simulated);
    nvb_doc_put_text(&doc, "container", container.data);
    nvb_doc_put_int(&doc, "gpus", (int64_t)s->plan.gpus.count);
    struct nvb_doc *rows = nvb_doc_put(&doc, "rows");
    nvb_doc_set_list(rows);
    nvb_vec_foreach (row, &s->report.rows) {
        struct nvb_doc *item = nvb_doc_push(rows);
        nvb_doc_put_text(item, "group", row->group);
        nvb_doc_put_text(item, "name", row->name);
        nvb_doc_put_text(item, "verdict", nvb_selftest_verdict_name(row->verdict));
        nvb_doc_put_text(item, "detail", row->detail);
    }
    nvb_doc_put_int(&doc, "engine_microseconds", (int64_t)s->engine_us);
    nvb_doc_put_int(&doc, "nvbind_microseconds", (int64_t)(now_us() - s->begun - s->engine_us));
    if (nvb_json_write(&doc, NVB_JSON_INDENTED, &out, err) < 0)
        return -1;
    return nvb_cli_print(s->cli, out.data, out.len) == NVB_EXIT_OK ? 0 : -1;
}

static void add_verdict(const struct selftest *s, struct nvb_str *ret)
{
    const size_t failed = nvb_selftest_count(&s->report, NVB_SELFTEST_FAIL);
    const uint64_t ours = now_us() - s->begun - s->engine_us;
    if (failed)
        nvb_str_addf(ret, "selftest: failed: %zu of %zu", failed, s->report.rows.count);
    else
        nvb_str_addf(ret, "selftest: ok: %zu GPU%s, %zu of %zu", s->plan.gpus.count,
                     s->plan.gpus.count == 1 ? "" : "s",
                     nvb_selftest_count(&s->report, NVB_SELFTEST_OK), s->report.rows.count);
    nvb_str_addf(
        ret, " (%" PRIu64 ".%02" PRIu64 " s, of which nvbind's own %" PRIu64 ".%" PRIu64 " ms)\n",
        (s->engine_us + ours) / 1000000, (s->engine_us + ours) / 10000 % 100, ours / 1000,
        ours / 100 % 10);
}

static int show_table(const struct selftest *s)
{
    static const char *const headers[] = {"RESULT", "GROUP", "NAME", "DETAIL"};
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    _cleanup_strv_ struct nvb_strv cells = {0};
    if (s->report.simulated)
        nvb_str_add(&out, "simulated host: no GPU stands behind it; what needs one is skipped\n");
    nvb_str_add(&out, "container: ");
    describe_container(s, &out);
    nvb_str_addc(&out, '\n');
    nvb_vec_foreach (row, &s->report.rows) {
        nvb_strv_add(&cells, nvb_selftest_verdict_name(row->verdict));
        nvb_strv_add(&cells, row->group);
        nvb_strv_add(&cells, row->name);
        nvb_strv_add(&cells, row->detail);
    }
    nvb_cli_table(&out, headers, NVB_COUNT(headers), &cells);
    add_verdict(s, &out);
    return nvb_cli_print(s->cli, out.data, out.len) == NVB_EXIT_OK ? 0 : -1;
}

static int run_selftest(struct selftest *s, const struct nvb_cli_values *values,
                        struct nvb_error **err)
{
    if (nvb_selftest_root_make_own(&s->planning.user, "selftest", &s->root, err) < 0)
        return -1;
    int r = prepare(s, values, err);
    nvb_cli_print_notes(s->cli, &s->planning.notes);
    if (r == 0)
        r = run_container(s, err);
    forget_image(s);
    const int removed = nvb_selftest_root_remove(&s->root);
    if (r == 0 && removed < 0)
        return nvb_error_make(err, NVB_ERROR_ENGINE, -removed,
                              "the test's folder in '%s' could not be removed",
                              s->planning.user.cache);
    return r;
}

int nvb_cmd_selftest(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_(selftest_done) struct selftest s = {
        .cli = cli,
        .planning = {.cli = cli, .verb = "run"},
        .out = NVB_STR_INIT,
        .complaints = NVB_STR_INIT,
        .begun = now_us(),
    };
    if (nvb_cli_parse(nvb_selftest_options, argc - 1, argv + 1, &values, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (values.values[OPT_HELP].count)
        return nvb_help_command(cli, "selftest [OPTIONS]", text, nvb_selftest_options);
    if (values.rest_count) {
        (void)nvb_error_make(&err, NVB_ERROR_USAGE, 0, "selftest takes no '%s'", values.rest[0]);
        (void)nvb_error_hint(&err, "an image's own test: nvbind run IMAGE COMMAND");
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    }
    nvb_user_read(environ, &s.planning.user);
    if (run_selftest(&s, &values, &err) < 0 ||
        (values.values[OPT_JSON].count ? show_json(&s, &err) : show_table(&s)) < 0)
        return nvb_doctor_fail(cli, err, NVB_EXIT_ENGINE);
    return nvb_selftest_count(&s.report, NVB_SELFTEST_FAIL) ? NVB_EXIT_FOUND : NVB_EXIT_OK;
}
