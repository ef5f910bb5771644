/*
 * nvbind-probe [--json|--quiet] [--expect-gpus N] [--require LIBRARY[,LIBRARY...]] [--kernel]
 *
 * Run inside a container: says what of a GPU is in there and whether it works. Exit status 0: all
 * is well; 1: something failed; 2: the call is wrong.
 */

#include "probe/probe.h"

#include <getopt.h>

#include "base/file.h"

struct words {
    bool json, quiet, kernel;
    bool expects;
    uint64_t expected;
    struct nvb_strv required;
};

static const char usage[] =
    "usage: nvbind-probe [OPTIONS]\n"
    "\n"
    "Shows the GPU device nodes and driver libraries of the container (or machine) it runs in,\n"
    "loads every library, and asks the driver.\n"
    "\n"
    "options:\n"
    "  --expect-gpus N          fail unless there are N GPU nodes\n"
    "  --require LIB[,LIB...]   fail unless these load: libcuda.so.1\n"
    "  --kernel                 run a small kernel on every GPU and check its result\n"
    "  --json                   print one JSON object\n"
    "  --quiet                  print the verdict alone\n"
    "  --help, --version\n";

static int complain(const char *what, const char *word)
{
    fprintf(stderr, "nvbind-probe: error: %s '%s'\n  hint: nvbind-probe --help\n", what, word);
    return 2;
}

/* ---- the verdict ---------------------------------------------------------------------------- */

static bool has_node(const struct nvb_probe_nodes *nodes, const char *path)
{
    nvb_vec_foreach (node, nodes) {
        if (strcmp(node->path, path) == 0)
            return true;
    }
    return false;
}

static bool has_library(const struct nvb_probe_libraries *libraries, const char *name)
{
    nvb_vec_foreach (library, libraries) {
        if (strcmp(library->name, name) == 0)
            return true;
    }
    return false;
}

static void judge_nodes(struct nvb_probe_report *report, const struct words *words)
{
    struct nvb_strv *failures = &report->failures;

    if (words->expects && report->gpus != words->expected)
        nvb_strv_addf(failures, "%zu GPU nodes are here, not %llu", report->gpus,
                      (unsigned long long)words->expected);
    else if (!words->expects && report->gpus == 0)
        nvb_strv_add(failures, "no GPU node (/dev/nvidia0 and so on) is here");
    nvb_vec_foreach (node, &report->nodes) {
        if (node->level == NVB_PROBE_FAILED)
            nvb_strv_addf(failures, "%s: %s", node->path,
                          node->remark ? node->remark : strerror(node->errnum));
    }
    if (report->gpus == 0)
        return;
    if (!has_node(&report->nodes, "/dev/nvidiactl"))
        nvb_strv_add(failures, "/dev/nvidiactl is not here, and no GPU works without it");
    if (has_library(&report->libraries, "libcuda.so.1") &&
        !has_node(&report->nodes, "/dev/nvidia-uvm"))
        nvb_strv_add(failures, "/dev/nvidia-uvm is not here, and CUDA does not start without it");
}

/* What the driver says counts where a real device has opened; behind a stand-in nobody answers. */
static void judge_answers(struct nvb_probe_report *report)
{
    const char *nvml = nvb_probe_answer(&report->answers.nvml, "init");
    const char *cuda = nvb_probe_answer(&report->answers.cuda, "init");
    bool real = false;

    nvb_vec_foreach (node, &report->nodes)
        real |= node->is_gpu && node->type == NVB_PROBE_DEVICE && node->errnum == 0;
    if (real && report->answers.failed)
        nvb_strv_addf(&report->failures, "the driver does not answer: NVML %s, CUDA %s",
                      nvml ? nvml : "not asked", cuda ? cuda : "not asked");
    if (report->kernel_wanted && !report->answers.kernel_ran) {
        const char *line = "no answer";

        nvb_vec_foreach (answer, &report->answers.kernel) {
            if (!strstr(*answer, "=ok: "))
                line = *answer;
        }
        nvb_strv_addf(&report->failures, "the kernel: GPU %s", line);
    }
}

static void judge(struct nvb_probe_report *report, const struct words *words)
{
    nvb_vec_foreach (node, &report->nodes) {
        report->gpus += node->is_gpu;
        report->simulated |= node->type == NVB_PROBE_STAND_IN;
    }
    nvb_vec_foreach (library, &report->libraries)
        report->simulated |= library->simulated;
    judge_nodes(report, words);
    nvb_vec_foreach (library, &report->libraries) {
        if (library->level == NVB_PROBE_FAILED)
            nvb_strv_addf(&report->failures, "%s: %s", library->name, library->remark);
    }
    if (report->gpus > 0 && report->libraries.count == 0)
        nvb_strv_add(&report->failures, "no library of the driver is here");
    judge_answers(report);
}

/* ---- the call ------------------------------------------------------------------------------- */

static void add_required(const char *list, struct nvb_strv *ret)
{
    _cleanup_strv_ struct nvb_strv names = {0};

    nvb_strv_split(&names, list, ',');
    nvb_vec_foreach (name, &names) {
        if (**name)
            nvb_strv_add(ret, *name);
    }
}

/* Returns -1 to go on, else the exit status. */
static int read_words(int argc, char **argv, struct words *ret)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},          {"quiet", no_argument, NULL, 'q'},
        {"kernel", no_argument, NULL, 'k'},        {"expect-gpus", required_argument, NULL, 'e'},
        {"require", required_argument, NULL, 'r'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},       {0},
    };

    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "+:h", options, NULL)) != -1;) {
        switch (c) {
        case 'j':
            ret->json = true;
            break;
        case 'q':
            ret->quiet = true;
            break;
        case 'k':
            ret->kernel = true;
            break;
        case 'e':
            ret->expects = true;
            if (nvb_parse_u64(optarg, strlen(optarg), 10, &ret->expected))
                return complain("--expect-gpus takes a number, not", optarg);
            break;
        case 'r':
            add_required(optarg, &ret->required);
            break;
        case 'h':
            return fputs(usage, stdout) < 0;
        case 'v':
            return puts("nvbind-probe " NVB_VERSION) < 0;
        case ':':
            return complain("a value is missing behind", argv[optind - 1]);
        default:
            return complain("unknown option", argv[optind - 1]);
        }
    }
    return optind < argc ? complain("unknown word", argv[optind]) : -1;
}

static void report_done(struct nvb_probe_report *report)
{
    nvb_probe_nodes_done(&report->nodes);
    nvb_probe_libraries_done(&report->libraries);
    nvb_probe_answers_done(&report->answers);
    nvb_strv_done(&report->failures);
}

static int probe(const struct words *words)
{
    _cleanup_(report_done) struct nvb_probe_report report = {.kernel_wanted = words->kernel};
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;

    nvb_probe_find_nodes(&report.nodes);
    nvb_probe_find_libraries(&words->required, &report.libraries);
    nvb_probe_ask(words->kernel, &report.answers);
    judge(&report, words);
    if (words->json)
        nvb_probe_format_json(&report, &out);
    else if (words->quiet)
        nvb_probe_format_verdict(&report, &out);
    else
        nvb_probe_format(&report, &out);

    int rc = nvb_write_all(STDOUT_FILENO, out.data, out.len);

    if (rc < 0) {
        fprintf(stderr, "nvbind-probe: error: cannot write the report: %s\n", strerror(-rc));
        return 1;
    }
    return report.failures.count ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct words words = {0};
    int rc = read_words(argc, argv, &words);

    if (rc < 0)
        rc = probe(&words);
    nvb_strv_done(&words.required);
    return rc;
}
