#include "bench/figure.h"

#include <string.h>

#include "base/cleanup.h"

static int by_value(const void *a, const void *b)
{
    const double one = *(const double *)a;
    const double two = *(const double *)b;
    return (one > two) - (one < two);
}

static double quantile(const double *sorted, size_t count, double part)
{
    const double place = (double)(count - 1) * part;
    const size_t below = (size_t)place;
    const double rest = place - (double)below;
    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (sorted[below + 1] - sorted[below]) * rest;
}

void nvb_bench_sum_up(const struct nvb_bench_values *values, struct nvb_bench_figure *ret)
{
    *ret = (struct nvb_bench_figure){.runs = values->count};
    if (values->count == 0)
        return;
    _cleanup_free_ double *sorted = nvb_calloc(values->count, sizeof(*sorted));
    memcpy(sorted, values->items, values->count * sizeof(*sorted));
    qsort(sorted, values->count, sizeof(*sorted), by_value);
    ret->min = sorted[0];
    ret->low = quantile(sorted, values->count, 0.25);
    ret->median = quantile(sorted, values->count, 0.5);
    ret->high = quantile(sorted, values->count, 0.75);
    ret->max = sorted[values->count - 1];
}

static void pair_up(const struct nvb_bench_values *a, const struct nvb_bench_values *b,
                    double (*of)(double, double), struct nvb_bench_figure *ret)
{
    struct nvb_bench_values pairs = {0};
    for (size_t i = 0; i < a->count && i < b->count; i++)
        nvb_vec_push(&pairs, of(a->items[i], b->items[i]));
    nvb_bench_sum_up(&pairs, ret);
    nvb_vec_release(&pairs);
}

static double difference(double a, double b)
{
    return a - b;
}

static double percent_more(double a, double b)
{
    return b > 0 ? (a / b - 1) * 100 : 0;
}

void nvb_bench_subtract(const struct nvb_bench_values *a, const struct nvb_bench_values *b,
                        struct nvb_bench_figure *ret)
{
    pair_up(a, b, difference, ret);
}

void nvb_bench_compare(const struct nvb_bench_values *a, const struct nvb_bench_values *b,
                       struct nvb_bench_figure *ret)
{
    pair_up(a, b, percent_more, ret);
}
