#ifndef NVB_BENCH_SERIES_H
#define NVB_BENCH_SERIES_H

/*
 * Commands that are timed in turn, A B C A B C …: whatever else the machine does falls on all of
 * them alike. Each run is measured from before the child is made to its end, by CLOCK_MONOTONIC;
 * the peak of memory is what wait4(2) says.
 */

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"
#include "bench/figure.h"

struct nvb_bench_series {
    const char *name;     /* a constant */
    unsigned set;         /* the commands of one set are run in turn */
    struct nvb_strv argv; /* the first word is the program's absolute path; none: it is no command,
                             and its values come from elsewhere */
    struct nvb_bench_values us;
    struct nvb_bench_values kib; /* of each run: the largest process among it and its children */
    char *failure;               /* why it has no figures: a run failed. Owned, or NULL */
};

struct nvb_bench_list NVB_VEC(struct nvb_bench_series);

#define _cleanup_bench_list_ _cleanup_(nvb_bench_list_done)

void nvb_bench_list_done(struct nvb_bench_list *list);

/* Appends a command without words and returns it: good until the next is added. */
struct nvb_bench_series *nvb_bench_add(struct nvb_bench_list *list, const char *name, unsigned set);

/* Appends NAME: ONE[i] + FACTOR * OTHER[i], or the failure of either. */
void nvb_bench_combine(struct nvb_bench_list *list, const char *name, const char *one,
                       double factor, const char *other);

/* The one of that name, or NULL. Borrowed. */
const struct nvb_bench_series *nvb_bench_find(const struct nvb_bench_list *list, const char *name);

/*
 * Runs the commands of SET in turn, RUNS times, after one time that does not count. A command that
 * does not end with status 0 gets its failure, loses its figures and is not run again; one that
 * takes longer than a minute is killed and failed. The other commands go on, so that values of the
 * same index are of the same round. ENVIRONMENT is borrowed.
 *
 * Returns 0, or -1 where a signal asked to end (nvb_bench_hold_signals).
 */
int nvb_bench_measure(struct nvb_bench_list *list, unsigned set, size_t runs,
                      char *const *environment, struct nvb_error **err);

/*
 * The same for what is no whole command: calls CALL(ARG) RUNS times after one that does not count;
 * it fills in the microseconds and may fill in the KiB. Returns 0 or -1, also where CALL failed.
 */
struct nvb_bench_sample {
    double us;
    double kib; /* 0: not looked at */
};

int nvb_bench_repeat(int (*call)(void *arg, struct nvb_bench_sample *ret, struct nvb_error **err),
                     void *arg, size_t runs, struct nvb_bench_values *ret_us,
                     struct nvb_bench_values *ret_kib, struct nvb_error **err);

/* This process's own peak, in KiB: a child's is never told as less than its maker's. */
double nvb_bench_own_peak(void);

/* CLOCK_MONOTONIC in microseconds. */
double nvb_bench_now(void);

/* What a child's complaints in the file FD end with, as one line, appended to *ret. */
void nvb_bench_last_line(int fd, struct nvb_str *ret);

/*
 * Blocks SIGINT, SIGTERM and SIGHUP for good in this process: from then on they end a measurement
 * after the command that is running has ended (it gets SIGTERM, and 5 s later SIGKILL), so that the
 * caller can clear up.
 */
void nvb_bench_hold_signals(void);

/* Whether one of them has come. */
bool nvb_bench_is_interrupted(void);

#endif
