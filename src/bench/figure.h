#ifndef NVB_BENCH_FIGURE_H
#define NVB_BENCH_FIGURE_H

/* Many measurements of one thing as a few numbers. */

#include <stddef.h>

#include "base/vec.h"

struct nvb_bench_values NVB_VEC(double);

/* Of the unit that the values have. LOW and HIGH are the quartiles: half of all runs lie between
 * them. */
struct nvb_bench_figure {
    size_t runs; /* 0: nothing was measured */
    double median, low, high, min, max;
};

/* The figure of VALUES, which stay in their order. Quartiles lie between two values where they
 * must (linear interpolation, method 7 of Hyndman and Fan). */
void nvb_bench_sum_up(const struct nvb_bench_values *values, struct nvb_bench_figure *ret);

/*
 * The figure of A[i] - B[i], and of (A[i] / B[i] - 1) * 100: pair by pair, so that what else the
 * machine does falls on both alike. Where one has more values, the rest of them has no pair.
 */
void nvb_bench_subtract(const struct nvb_bench_values *a, const struct nvb_bench_values *b,
                        struct nvb_bench_figure *ret);
void nvb_bench_compare(const struct nvb_bench_values *a, const struct nvb_bench_values *b,
                       struct nvb_bench_figure *ret);

#endif
