#ifndef NVB_BENCH_BEFORE_H
#define NVB_BENCH_BEFORE_H

/* What a command that becomes another program does before it does. */

#include "bench/series.h"

struct nvb_bench_before {
    const struct nvb_strv *argv;
    char *const *environment;
    char *became; /* the program that it became, the last time: owned */
};

/*
 * Runs ARGV up to the moment at which the kernel has put another program in its place, and ends it
 * there, before that has done anything. RET gets the time from before ARGV is executed to that
 * moment, and the largest size that its memory had until then. Follows ptrace(2),
 * PTRACE_O_TRACEEXEC. For nvb_bench_repeat(), with a struct nvb_bench_before.
 * Returns 0, or -1 where it ended instead, or may not be watched.
 */
int nvb_bench_before_exec(void *arg, struct nvb_bench_sample *ret, struct nvb_error **err);

#endif
