/*
 * nvbind bench: what starts, memory and passthrough cost on this machine. Everything is timed in
 * turn with what it is held against, and what could not be measured says why instead of a figure.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/nearest.h"
#include "base/path.h"
#include "base/process.h"
#include "bench/before.h"
#include "bench/known.h"
#include "cli/bench.h"
#include "cli/help.h"
#include "data/json.h"
#include "selftest/import.h"

extern char **environ;

#define DEFAULT_RUNS 20
#define MAX_RUNS     10000

enum {
    OPT_RUNS,
    OPT_IMAGE,
    OPT_RUNTIME,
    OPT_GPU,
    OPT_CAPABILITIES,
    OPT_JSON,
    OPT_HTML,
    OPT_HELP,
};

const struct nvb_cli_option nvb_bench_options[] = {
    [OPT_RUNS] = {"runs", 0, "NUMBER", "runs of each command (default: 20)"},
    [OPT_IMAGE] = {"image", 0, "IMAGE", "start 'true' in it, not this machine's own C library"},
    [OPT_RUNTIME] = {"runtime", 0, "podman|docker", "that engine alone (default: what is there)"},
    [OPT_GPU] = {"gpu", 0, "SELECTION", "as for run (default: all)"},
    [OPT_CAPABILITIES] = {"capabilities", 0, "CAPABILITIES", "as for run"},
    [OPT_JSON] = {"json", 0, NULL, "print one JSON object"},
    [OPT_HTML] = {"html", 0, "FILE", "write the report with charts to FILE as well"},
    [OPT_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

static const char text[] =
    "Measures on this machine what containers with GPUs cost, beside the bare engines, in turn:\n"
    "  start        a container's start, on Podman and on Docker\n"
    "  memory       the largest process of it\n"
    "  passthrough  what GPUs add to a start\n"
    "  rootless     rootless Podman against root's\n"
    "  generate     a CDI specification\n"
    "  hook         a start with the hook and without\n"
    "  freshness    knowing that nothing has changed\n"
    "Without a word, all of them. No image is needed.\n";

static void engine_done(struct nvb_bench_engine *engine)
{
    nvb_selftest_forget(&engine->words, engine->imported, environ);
    nvb_engine_done(&engine->engine);
    nvb_strv_done(&engine->words);
    free(engine->missing);
    free(engine->imported);
}

static void run_done(struct nvb_bench_run *b)
{
    engine_done(&b->podman);
    engine_done(&b->docker);
    engine_done(&b->root_podman);
    nvb_user_done(&b->user);
    nvb_selftest_root_done(&b->root);
    nvb_bench_list_done(&b->list);
    nvb_bench_report_done(&b->report);
    free(b->self);
    free(b->nothing);
    free(b->hookless);
}

/* ---- what is there ---- */

static void find_engine(struct nvb_bench_run *b, enum nvb_engine_kind kind, const char *only,
                        struct nvb_bench_engine *ret)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    if (only && strcmp(only, nvb_engine_name(kind)) != 0)
        ret->missing = nvb_strdupf("--runtime is %s", only);
    else if (nvb_engine_find(kind, environ, &b->user, &ret->engine, &err) < 0)
        ret->missing = nvb_strdup(err->message);
    else
        nvb_strv_add(&ret->words, ret->engine.path);
}

/* A copy of this program that has no hook beside it: there, run does without. */
static int copy_self(struct nvb_bench_run *b)
{
    _cleanup_close_ int from = open(b->self, O_RDONLY | O_CLOEXEC);
    _cleanup_free_ char *path = nvb_strdupf("%s/nvbind", b->root.path);
    _cleanup_close_ int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    struct stat st;
    if (from < 0 || to < 0 || fstat(from, &st) < 0)
        return -1;
    for (off_t left = st.st_size; left > 0;) {
        const ssize_t n = sendfile(to, from, NULL, (size_t)left);
        if (n <= 0)
            return -1;
        left -= n;
    }
    b->hookless = TAKE_PTR(path);
    return 0;
}

static void import_root(struct nvb_bench_run *b, struct nvb_bench_engine *engine)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    if (engine->missing)
        return;
    if (!b->image && nvb_selftest_import(&b->root, &engine->words, "localhost/nvbind-bench",
                                         environ, &engine->imported, &err) < 0)
        engine->missing = nvb_strdup(err->message);
    engine->image = b->image ? b->image : engine->imported;
}

/* Podman in the real-time class spins on a lock whose holder then never runs, and takes the machine
 * with it. Returns 0 or -1. */
static int leave_real_time(struct nvb_bench_run *b, struct nvb_error **err)
{
    const struct sched_param ordinary = {0};
    const int class = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
    if (class != SCHED_FIFO && class != SCHED_RR)
        return 0;
    if (sched_setscheduler(0, SCHED_OTHER, &ordinary) < 0)
        return nvb_error_make(err, NVB_ERROR_PERMISSION, errno,
                              "engines are not measured in the real-time class, which cannot be "
                              "left");
    nvb_strv_add(
        &b->report.about,
        "the real-time class was left: engines spin on locks in it and starve the machine");
    return 0;
}

/* Everything that the containers of b->groups need. Returns 0 or -1. */
static int prepare(struct nvb_bench_run *b, struct nvb_error **err)
{
    const unsigned both = NVB_BENCH_START | NVB_BENCH_MEMORY | NVB_BENCH_PASSTHROUGH;
    const unsigned podman = both | NVB_BENCH_ROOTLESS | NVB_BENCH_HOOK;
    if (b->groups & NVB_BENCH_ROOTLESS)
        nvb_bench_find_root(b);
    if (!(b->groups & podman) || (b->podman.missing && b->docker.missing))
        return 0;
    if (leave_real_time(b, err) < 0 ||
        nvb_selftest_root_make_own(&b->user, "bench", &b->root, err) < 0)
        return -1;
    if (b->groups & NVB_BENCH_HOOK)
        (void)copy_self(b);
    import_root(b, &b->podman);
    if (b->groups & both)
        import_root(b, &b->docker);
    if (b->groups & NVB_BENCH_ROOTLESS)
        import_root(b, &b->root_podman);
    return 0;
}

/* ---- what the report begins with ---- */

static void describe_engine(struct nvb_bench_run *b, const struct nvb_bench_engine *engine,
                            const char *name, const char *whose)
{
    if (engine->engine.path)
        nvb_strv_addf(&b->report.about, "%s %s%s: %s", name, engine->engine.version_text, whose,
                      engine->engine.path);
    else
        nvb_strv_addf(&b->report.about, "%s: %s", name, engine->missing);
}

static void describe(struct nvb_bench_run *b)
{
    struct utsname kernel;
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    _cleanup_gpus_ struct nvb_gpus gpus = {0};
    double load[1] = {0};
    b->report.runs = b->runs;
    if (nvb_host_open(&b->cli->host, &host, NULL) == 0) {
        b->report.simulated = host.simulated;
        (void)nvb_host_find_gpus(&host, &gpus, NULL);
    }
    describe_engine(b, &b->podman, "Podman", b->user.uid == 0 ? ", as root" : ", rootless");
    describe_engine(b, &b->docker, "Docker", "");
    if (uname(&kernel) == 0)
        nvb_strv_addf(&b->report.about, "Linux %s, %s, %ld processors", kernel.release,
                      kernel.machine, sysconf(_SC_NPROCESSORS_ONLN));
    if (getloadavg(load, 1) == 1)
        nvb_strv_addf(&b->report.about, "load average %.1f when it began", load[0]);
    nvb_strv_addf(&b->report.about, "%zu GPU%s here; --gpu %s%s%s", gpus.count,
                  gpus.count == 1 ? "" : "s", b->selection,
                  b->capabilities ? " --capabilities " : "",
                  b->capabilities ? b->capabilities : "");
    if (b->image)
        nvb_strv_addf(&b->report.about,
                      "container: 'true' in %s, without a network, removed at its end", b->image);
    else
        nvb_strv_add(
            &b->report.about,
            "container: a small program in an image made of this machine's C library, without a "
            "network, removed at its end");
    nvb_strv_addf(&b->report.about, "%zu runs each, in turn, after one that does not count",
                  b->runs);
}

/* ---- what is no whole command ---- */

static int keep_failure(struct nvb_bench_list *list, size_t at, struct nvb_error *err,
                        struct nvb_error **ret)
{
    /* Whoever is interrupted wants to end. */
    if (nvb_bench_is_interrupted()) {
        *ret = err;
        return -1;
    }
    list->items[at].failure = nvb_strdup(err->message);
    nvb_error_free(err);
    return 0;
}

static int measure_before(struct nvb_bench_run *b, const char *engine, struct nvb_error **err)
{
    struct nvb_bench_before before = {.environment = environ};
    struct nvb_error *why = NULL;
    const struct nvb_bench_series *whole = nvb_bench_find(&b->list, engine);
    (void)nvb_bench_add(&b->list, "before", 0);
    const size_t at = b->list.count - 1;
    whole = nvb_bench_find(&b->list, engine);
    if (!whole || whole->failure) {
        b->list.items[at].failure = nvb_strdup(whole ? whole->failure : "no engine is there");
        return 0;
    }
    before.argv = &whole->argv;
    int r = nvb_bench_repeat(nvb_bench_before_exec, &before, b->runs, &b->list.items[at].us,
                             &b->list.items[at].kib, &why);
    if (r == 0)
        nvb_strv_addf(&b->report.about, "nvbind run became %s",
                      before.became ? before.became : "the engine");
    free(before.became);
    return r < 0 ? keep_failure(&b->list, at, why, err) : 0;
}

static const struct {
    const char *name;
    int (*call)(void *arg, struct nvb_bench_sample *ret, struct nvb_error **err);
    bool again, is_engine;
} decisions[] = {
    {"first-engine", nvb_bench_known_engine, false, true},
    {"first-spec", nvb_bench_known_spec, false, false},
    {"known-engine", nvb_bench_known_engine, true, true},
    {"known-spec", nvb_bench_known_spec, true, false},
};

static int measure_freshness(struct nvb_bench_run *b, struct nvb_error **err)
{
    _cleanup_bench_known_ struct nvb_bench_known known = NVB_BENCH_KNOWN_INIT;
    _cleanup_error_ struct nvb_error *why = NULL;
    known.kinds = (b->podman.engine.path ? (unsigned)b->podman.engine.kind : 0) |
                  (b->docker.engine.path ? (unsigned)b->docker.engine.kind : 0);
    known.environment = environ;
    known.user = &b->user;
    const bool has_facts = nvb_bench_known_open(&b->cli->host, &known, &why) == 0;
    for (size_t i = 0; i < NVB_COUNT(decisions); i++) {
        struct nvb_bench_series *series = nvb_bench_add(&b->list, decisions[i].name, 0);
        struct nvb_error *fault = NULL;
        known.again = decisions[i].again;
        if (decisions[i].is_engine && !known.kinds)
            series->failure = nvb_strdup("no engine is there");
        else if (!decisions[i].is_engine && !has_facts)
            series->failure = nvb_strdup(why->message);
        else if (nvb_bench_repeat(decisions[i].call, &known, b->runs, &series->us, NULL, &fault) <
                     0 &&
                 keep_failure(&b->list, b->list.count - 1, fault, err) < 0)
            return -1;
    }
    nvb_bench_combine(&b->list, "first", "first-engine", 1, "first-spec");
    nvb_bench_combine(&b->list, "known", "known-engine", 1, "known-spec");
    return 0;
}

static int measure(struct nvb_bench_run *b, struct nvb_error **err)
{
    const unsigned looks_before = NVB_BENCH_MEMORY | NVB_BENCH_PASSTHROUGH;
    nvb_bench_add_commands(b);
    if (nvb_bench_measure(&b->list, NVB_BENCH_CONTAINERS, b->runs, environ, err) < 0 ||
        nvb_bench_measure(&b->list, NVB_BENCH_PROCESSES, b->runs, environ, err) < 0)
        return -1;
    if ((b->groups & looks_before) &&
        measure_before(b, !b->podman.missing ? "nvbind-podman" : "nvbind-docker", err) < 0)
        return -1;
    if ((b->groups & NVB_BENCH_FRESHNESS) && measure_freshness(b, err) < 0)
        return -1;
    if (b->groups & NVB_BENCH_ROOTLESS) {
        nvb_bench_combine(&b->list, "root-podman", "sudo-podman", -1, "sudo");
        nvb_bench_combine(&b->list, "root-nvbind", "sudo-nvbind", -1, "sudo");
    }
    nvb_bench_report_fill(&b->list, b->groups, &b->report);
    return 0;
}

/* ---- the call ---- */

static int read_group(const char *word, unsigned *groups, struct nvb_error **err)
{
    for (size_t i = 0; nvb_bench_groups[i]; i++) {
        if (strcmp(word, nvb_bench_groups[i]) != 0)
            continue;
        *groups |= 1u << i;
        return 0;
    }
    const char *near = nvb_nearest(word, (const char **)nvb_bench_groups);
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "bench measures no '%s'", word);
    if (near)
        return nvb_error_hint(err, "did you mean 'nvbind bench %s'?", near);
    return nvb_error_hint(err, "nvbind bench --help");
}

static int read_call(const struct nvb_cli_values *values, struct nvb_bench_run *b,
                     struct nvb_error **err)
{
    const char *runs = nvb_cli_value(values, OPT_RUNS);
    const char *runtime = nvb_cli_value(values, OPT_RUNTIME);
    uint64_t number = DEFAULT_RUNS;
    for (int i = 0; i < values->rest_count; i++)
        if (read_group(values->rest[i], &b->groups, err) < 0)
            return -1;
    if (!b->groups)
        b->groups = NVB_BENCH_ALL;
    if (runs &&
        (nvb_parse_u64(runs, strlen(runs), 10, &number) < 0 || number == 0 || number > MAX_RUNS))
        return nvb_error_make(err, NVB_ERROR_USAGE, 0,
                              "--runs takes a number from 1 to %d, not '%s'", MAX_RUNS, runs);
    if (runtime && strcmp(runtime, "podman") != 0 && strcmp(runtime, "docker") != 0)
        return nvb_error_make(err, NVB_ERROR_USAGE, 0, "--runtime is podman or docker, not '%s'",
                              runtime);
    b->runs = (size_t)number;
    b->image = nvb_cli_value(values, OPT_IMAGE);
    if (b->image && (*b->image == 0 || *b->image == '-'))
        return nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is no image's name", b->image);
    b->selection = nvb_cli_value(values, OPT_GPU);
    b->selection = b->selection ? b->selection : "all";
    b->capabilities = nvb_cli_value(values, OPT_CAPABILITIES);
    return 0;
}

static int write_html(const struct nvb_bench_report *report, const char *path,
                      struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str page = NVB_STR_INIT;
    nvb_bench_report_draw(report, &page);
    return nvb_file_write(path, page.data, page.len, 0644, err);
}

static int show(const struct nvb_bench_run *b, bool json, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    _cleanup_doc_ struct nvb_doc doc = {0};
    if (json) {
        nvb_bench_report_describe(&b->report, &doc);
        if (nvb_json_write(&doc, NVB_JSON_INDENTED, &out, err) < 0)
            return -1;
    } else {
        nvb_bench_add_table(&b->report, &out);
    }
    return nvb_cli_print(b->cli, out.data, out.len) == NVB_EXIT_OK ? 0 : -1;
}

static int run(struct nvb_bench_run *b, const struct nvb_cli_values *values, struct nvb_error **err)
{
    const char *html = nvb_cli_value(values, OPT_HTML);
    const char *only = nvb_cli_value(values, OPT_RUNTIME);
    if (nvb_readlinkat(AT_FDCWD, "/proc/self/exe", &b->self) < 0)
        return nvb_error_make(err, NVB_ERROR_INTERNAL, 0, "/proc is not there");
    /* Minutes of work are not lost to a wrong name. */
    if (html && access(html, F_OK) != 0 && write_html(&b->report, html, err) < 0)
        return -1;
    nvb_bench_hold_signals();
    find_engine(b, NVB_ENGINE_PODMAN, only, &b->podman);
    find_engine(b, NVB_ENGINE_DOCKER, only, &b->docker);
    if (prepare(b, err) < 0)
        return -1;
    describe(b);
    if (measure(b, err) < 0 || (html && write_html(&b->report, html, err) < 0))
        return -1;
    return show(b, values->values[OPT_JSON].count > 0, err);
}

int nvb_cmd_bench(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_(run_done) struct nvb_bench_run b = {.cli = cli};
    if (nvb_cli_parse(nvb_bench_options, argc - 1, argv + 1, &values, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (values.values[OPT_HELP].count)
        return nvb_help_command(cli, "bench [WHAT...] [OPTIONS]", text, nvb_bench_options);
    if (read_call(&values, &b, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    nvb_user_read(environ, &b.user);
    b.report.version = NVB_VERSION;
    if (run(&b, &values, &err) < 0)
        return nvb_cli_fail(cli, err, nvb_cli_status_of(err));
    /* Something to look at that has no figure at all is no success. */
    nvb_vec_foreach (row, &b.report.rows)
        if (!row->why)
            return NVB_EXIT_OK;
    return NVB_EXIT_FOUND;
}
