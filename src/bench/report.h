#ifndef NVB_BENCH_REPORT_H
#define NVB_BENCH_REPORT_H

/*
 * What was measured, as rows: each with its spread, what it was measured against, what the figure
 * means, and beside it what "Podman vs Docker + nvbind", the table of nvbind's users, says. That
 * table's figures are its own: they were taken on another machine, in a way that it does not tell.
 */

#include <stdbool.h>

#include "bench/series.h"
#include "data/doc.h"

enum nvb_bench_group {
    NVB_BENCH_START = 1 << 0,
    NVB_BENCH_MEMORY = 1 << 1,
    NVB_BENCH_PASSTHROUGH = 1 << 2,
    NVB_BENCH_ROOTLESS = 1 << 3,
    NVB_BENCH_GENERATE = 1 << 4,
    NVB_BENCH_HOOK = 1 << 5,
    NVB_BENCH_FRESHNESS = 1 << 6,
    NVB_BENCH_ALL = (1 << 7) - 1,
};

/* The groups' names on the command line, in the order of their bits, ended by NULL. */
extern const char *const nvb_bench_groups[];

/* "Container start" of NVB_BENCH_START. A constant. */
const char *nvb_bench_group_title(enum nvb_bench_group group);

enum nvb_bench_unit {
    NVB_BENCH_MICROSECONDS,
    NVB_BENCH_KIB,
    NVB_BENCH_PERCENT,
};

/* What a row shows of the series that it names. */
enum nvb_bench_kind {
    NVB_BENCH_TIME,
    NVB_BENCH_PEAK,         /* memory */
    NVB_BENCH_ADDED,        /* the time more than another's, pair by pair */
    NVB_BENCH_TIME_PERCENT, /* the same in percent of the other's */
    NVB_BENCH_PEAK_PERCENT,
};

/* What there is to measure; constants. */
struct nvb_bench_item {
    const char *key; /* "start.nvbind-podman": for scripts, never changed */
    enum nvb_bench_group group;
    enum nvb_bench_kind kind;
    const char *title;
    const char *series;
    const char *against;   /* another series, or NULL */
    const char *document;  /* the document's words, or NULL */
    double document_value; /* in the row's unit; 0: it is no number */
    const char *means;     /* a sentence or two */
};

struct nvb_bench_row {
    const struct nvb_bench_item *item;
    enum nvb_bench_unit unit;
    struct nvb_bench_figure figure; /* runs is 0 where why tells the reason */
    struct nvb_bench_figure added;  /* TIME with another: the difference, pair by pair */
    bool at_most;                   /* PEAK: it may be less (nvb_bench_own_peak) */
    char *why;                      /* it was not measured. Owned, or NULL */
};

struct nvb_bench_report {
    struct NVB_VEC(struct nvb_bench_row) rows;
    struct nvb_strv about; /* lines on machine, engines, container */
    const char *version;   /* nvbind's; borrowed */
    size_t runs;
    bool simulated; /* the GPUs are a simulated host's */
};

#define _cleanup_bench_report_ _cleanup_(nvb_bench_report_done)

void nvb_bench_report_done(struct nvb_bench_report *report);

/* Appends the rows of GROUPS for which LIST has the series. */
void nvb_bench_report_fill(const struct nvb_bench_list *list, unsigned groups,
                           struct nvb_bench_report *ret);

/* Appends VALUE as people read it: "112.3 ms", "34.2 MiB", "-3.1 %". SIGNED puts "+" before what
 * is not negative. */
void nvb_bench_format(enum nvb_bench_unit unit, double value, bool is_signed, struct nvb_str *ret);

/* The report as a document for JSON. Times are in microseconds, memory in KiB. */
void nvb_bench_report_describe(const struct nvb_bench_report *report, struct nvb_doc *ret);

/*
 * Appends the report as one HTML file: its charts are inline SVG, it has no script, and a policy in
 * it forbids the browser to load anything.
 */
void nvb_bench_report_draw(const struct nvb_bench_report *report, struct nvb_str *ret);

#endif
