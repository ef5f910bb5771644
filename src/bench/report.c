#include "bench/report.h"

#include <math.h>

const char *const nvb_bench_groups[] = {
    "start", "memory", "passthrough", "rootless", "generate", "hook", "freshness", NULL,
};

const char *nvb_bench_group_title(enum nvb_bench_group group)
{
    switch (group) {
    case NVB_BENCH_START:
        return "Container start";
    case NVB_BENCH_MEMORY:
        return "Memory";
    case NVB_BENCH_PASSTHROUGH:
        return "GPU passthrough";
    case NVB_BENCH_ROOTLESS:
        return "Rootless against root";
    case NVB_BENCH_GENERATE:
        return "CDI specification";
    case NVB_BENCH_HOOK:
        return "The hook";
    case NVB_BENCH_FRESHNESS:
        return "Knowing that nothing has changed";
    case NVB_BENCH_ALL:
        break;
    }
    return "";
}

#define UNCLEAR " The document does not say what its figure is of."

static const struct nvb_bench_item items[] = {
    {"start.podman", NVB_BENCH_START, NVB_BENCH_TIME, "podman run, no GPU", "podman", NULL, NULL, 0,
     "The bare engine: from before its process is made until the container has ended."},
    {"start.nvbind-podman", NVB_BENCH_START, NVB_BENCH_TIME, "nvbind run --gpu, Podman",
     "nvbind-podman", "podman", "1.8 s", 1.8e6,
     "The same container with GPUs. The document's figure was taken elsewhere, with an image that "
     "it does not name."},
    {"start.docker", NVB_BENCH_START, NVB_BENCH_TIME, "docker run, no GPU", "docker", NULL, NULL, 0,
     "The bare engine; most of its work is its daemon's, and is waited for."},
    {"start.nvbind-docker", NVB_BENCH_START, NVB_BENCH_TIME, "nvbind run --gpu, Docker",
     "nvbind-docker", "docker", "2.3 s", 2.3e6, "The same container with GPUs."},
    {"start.engines", NVB_BENCH_START, NVB_BENCH_TIME_PERCENT, "nvbind: Podman against Docker",
     "nvbind-podman", "nvbind-docker", "22 % faster", -22,
     "How much longer (+) or shorter (-) Podman takes than Docker, both with GPUs, run in turn."},

    {"memory.podman", NVB_BENCH_MEMORY, NVB_BENCH_PEAK, "podman run, no GPU", "podman", NULL, NULL,
     0, "The largest process among the command and its children, at its largest."},
    {"memory.nvbind-podman", NVB_BENCH_MEMORY, NVB_BENCH_PEAK, "nvbind run --gpu, Podman",
     "nvbind-podman", NULL, "35 MB", 35e6 / 1024,
     "The same with GPUs: it is the engine's, which nvbind becomes." UNCLEAR},
    {"memory.docker", NVB_BENCH_MEMORY, NVB_BENCH_PEAK, "docker run, no GPU", "docker", NULL, NULL,
     0, "Docker's client alone: its daemon, which runs all the time, is not in it."},
    {"memory.nvbind-docker", NVB_BENCH_MEMORY, NVB_BENCH_PEAK, "nvbind run --gpu, Docker",
     "nvbind-docker", NULL, "48 MB", 48e6 / 1024,
     "The same with GPUs; again without the daemon." UNCLEAR},
    {"memory.nvbind", NVB_BENCH_MEMORY, NVB_BENCH_PEAK, "nvbind run itself", "before", NULL, NULL,
     0,
     "nvbind's own, until it becomes the engine. Nothing of it stays afterwards: that its process "
     "is the engine's was seen each time."},

    {"passthrough.podman", NVB_BENCH_PASSTHROUGH, NVB_BENCH_ADDED, "added to Podman's start",
     "nvbind-podman", "podman", "< 100 \u00b5s", 100,
     "Everything: nvbind's own work, and the engine's with nodes, mounts and hook. Bare engine and "
     "nvbind pair by pair." UNCLEAR},
    {"passthrough.docker", NVB_BENCH_PASSTHROUGH, NVB_BENCH_ADDED, "added to Docker's start",
     "nvbind-docker", "docker", "< 100 \u00b5s", 100, "The same on Docker." UNCLEAR},
    {"passthrough.before", NVB_BENCH_PASSTHROUGH, NVB_BENCH_TIME, "of that, before the engine",
     "before", NULL, NULL, 0,
     "nvbind run, from its start to the moment at which it becomes the engine."},

    {"rootless.podman", NVB_BENCH_ROOTLESS, NVB_BENCH_TIME_PERCENT, "podman run: rootless more",
     "podman", "root-podman", NULL, 0,
     "How much longer (+) or shorter (-) the bare engine takes without root."},
    {"rootless.nvbind", NVB_BENCH_ROOTLESS, NVB_BENCH_TIME_PERCENT,
     "nvbind run --gpu: rootless more", "nvbind-podman", "root-nvbind", "< 2 %", 2,
     "The same with GPUs. The time that sudo itself takes is taken off root's. What a program does "
     "on the GPU is not measured here: nothing of nvbind is in its way."},
    {"rootless.root-start", NVB_BENCH_ROOTLESS, NVB_BENCH_TIME, "nvbind run --gpu, Podman as root",
     "root-nvbind", NULL, NULL, 0, "Through sudo, less what 'sudo true' takes."},

    {"generate.nothing", NVB_BENCH_GENERATE, NVB_BENCH_TIME, "nvbind --version", "nothing", NULL,
     NULL, 0, "What a process costs on this machine that does nothing: the yardstick."},
    {"generate.spec", NVB_BENCH_GENERATE, NVB_BENCH_TIME, "nvbind cdi generate", "generate",
     "nothing", NULL, 0, "Finding this machine's GPUs and driver, and writing them down."},
    {"generate.memory", NVB_BENCH_GENERATE, NVB_BENCH_PEAK, "nvbind cdi generate, memory",
     "generate", NULL, NULL, 0, "Its process at its largest."},

    {"hook.without", NVB_BENCH_HOOK, NVB_BENCH_TIME, "nvbind run --gpu, without the hook",
     "hookless", NULL, NULL, 0,
     "Every library is mounted under every name that programs know it by."},
    {"hook.with", NVB_BENCH_HOOK, NVB_BENCH_TIME, "nvbind run --gpu, with the hook", "hooked",
     "hookless", NULL, 0,
     "Fewer mounts; the hook makes links and the linker cache inside. Podman, in turn."},

    {"freshness.engine", NVB_BENCH_FRESHNESS, NVB_BENCH_TIME, "the engine is the one known",
     "known-engine", NULL, NULL, 0, "Finding it in PATH, and reading what was kept of it."},
    {"freshness.spec", NVB_BENCH_FRESHNESS, NVB_BENCH_TIME, "the specification still holds",
     "known-spec", NULL, NULL, 0,
     "Looking at the driver, its GPUs and every folder that the specification came from. Reading "
     "the kept specification is not in it."},
    {"freshness.both", NVB_BENCH_FRESHNESS, NVB_BENCH_TIME, "both", "known", NULL, "< 100 \u00b5s",
     100,
     "By what run knows that it need not look anew, in a process that has done it once. The "
     "document calls its figure 'GPU passthrough' and does not say of what it is; this is what can "
     "be compared with it."},
    {"freshness.first", NVB_BENCH_FRESHNESS, NVB_BENCH_TIME, "both, the first time in a process",
     "first", NULL, NULL, 0,
     "The same in a process that was just forked: most of what is more are page faults."},
};

void nvb_bench_report_done(struct nvb_bench_report *report)
{
    nvb_vec_foreach (row, &report->rows)
        free(row->why);
    nvb_vec_release(&report->rows);
    nvb_strv_done(&report->about);
}

static void measure_up(struct nvb_bench_row *row, const struct nvb_bench_series *a,
                       const struct nvb_bench_series *b)
{
    switch (row->item->kind) {
    case NVB_BENCH_TIME:
        row->unit = NVB_BENCH_MICROSECONDS;
        nvb_bench_sum_up(&a->us, &row->figure);
        if (b)
            nvb_bench_subtract(&a->us, &b->us, &row->added);
        break;
    case NVB_BENCH_PEAK:
        row->unit = NVB_BENCH_KIB;
        nvb_bench_sum_up(&a->kib, &row->figure);
        row->at_most = row->figure.runs > 0 && row->figure.median <= nvb_bench_own_peak();
        break;
    case NVB_BENCH_ADDED:
        row->unit = NVB_BENCH_MICROSECONDS;
        nvb_bench_subtract(&a->us, &b->us, &row->figure);
        break;
    case NVB_BENCH_TIME_PERCENT:
        row->unit = NVB_BENCH_PERCENT;
        nvb_bench_compare(&a->us, &b->us, &row->figure);
        break;
    case NVB_BENCH_PEAK_PERCENT:
        row->unit = NVB_BENCH_PERCENT;
        nvb_bench_compare(&a->kib, &b->kib, &row->figure);
        break;
    }
}

void nvb_bench_report_fill(const struct nvb_bench_list *list, unsigned groups,
                           struct nvb_bench_report *ret)
{
    for (size_t i = 0; i < NVB_COUNT(items); i++) {
        const struct nvb_bench_item *item = &items[i];
        const struct nvb_bench_series *a = nvb_bench_find(list, item->series);
        const struct nvb_bench_series *b =
            item->against ? nvb_bench_find(list, item->against) : NULL;
        /* A time stands by itself where what it is held against failed; a difference does not. */
        const bool alone = item->kind == NVB_BENCH_TIME;
        if (!(item->group & groups) || !a || (item->against && !b))
            continue;
        struct nvb_bench_row *row = nvb_vec_add(&ret->rows);
        row->item = item;
        measure_up(row, a, b);
        if (a->failure || (b && b->failure && !alone))
            row->why = nvb_strdup(a->failure ? a->failure : b->failure);
        else if (row->figure.runs == 0)
            row->why = nvb_strdup("there are no figures of it");
    }
}

void nvb_bench_format(enum nvb_bench_unit unit, double value, bool is_signed, struct nvb_str *ret)
{
    const double size = fabs(value);
    if (is_signed && value >= 0)
        nvb_str_addc(ret, '+');
    if (unit == NVB_BENCH_PERCENT)
        nvb_str_addf(ret, "%.1f %%", value);
    else if (unit == NVB_BENCH_KIB)
        nvb_str_addf(ret, "%.1f MiB", value / 1024);
    else if (size < 100)
        nvb_str_addf(ret, "%.1f \u00b5s", value);
    else if (size < 1000)
        nvb_str_addf(ret, "%.0f \u00b5s", value);
    else if (size < 10000)
        nvb_str_addf(ret, "%.2f ms", value / 1000);
    else if (size < 1e6)
        nvb_str_addf(ret, "%.1f ms", value / 1000);
    else
        nvb_str_addf(ret, "%.2f s", value / 1e6);
}

/* ---- for scripts ----------------------------------------------------------------------------- */

static void put_real(struct nvb_doc *map, const char *key, double value)
{
    nvb_doc_set_real(nvb_doc_put(map, key), round(value * 10) / 10);
}

static void put_figure(struct nvb_doc *map, const struct nvb_bench_figure *figure)
{
    nvb_doc_put_int(map, "runs", (int64_t)figure->runs);
    put_real(map, "median", figure->median);
    put_real(map, "low", figure->low);
    put_real(map, "high", figure->high);
    put_real(map, "min", figure->min);
    put_real(map, "max", figure->max);
}

static void describe_row(const struct nvb_bench_row *row, struct nvb_doc *ret)
{
    static const char *const units[] = {
        [NVB_BENCH_MICROSECONDS] = "us",
        [NVB_BENCH_KIB] = "KiB",
        [NVB_BENCH_PERCENT] = "percent",
    };
    nvb_doc_put_text(ret, "key", row->item->key);
    nvb_doc_put_text(ret, "title", row->item->title);
    nvb_doc_put_text(ret, "unit", units[row->unit]);
    nvb_doc_put_bool(ret, "measured", !row->why);
    nvb_doc_put_text(ret, "why_not", row->why);
    if (!row->why) {
        put_figure(ret, &row->figure);
        nvb_doc_put_bool(ret, "at_most", row->at_most);
    }
    if (!row->why && row->added.runs > 0) {
        struct nvb_doc *added = nvb_doc_put(ret, "more");
        nvb_doc_put_text(added, "than", row->item->against);
        put_figure(added, &row->added);
    }
    nvb_doc_put_text(ret, "document_says", row->item->document);
    nvb_doc_put_text(ret, "means", row->item->means);
}

void nvb_bench_report_describe(const struct nvb_bench_report *report, struct nvb_doc *ret)
{
    nvb_doc_put_text(ret, "nvbind", report->version);
    nvb_doc_put_int(ret, "runs", (int64_t)report->runs);
    nvb_doc_put_text(ret, "order", "in turn");
    nvb_doc_put_bool(ret, "simulated", report->simulated);
    nvb_doc_put_strv(ret, "about", &report->about);
    struct nvb_doc *rows = nvb_doc_put(ret, "rows");
    nvb_doc_set_list(rows);
    nvb_vec_foreach (row, &report->rows)
        describe_row(row, nvb_doc_push(rows));
}
