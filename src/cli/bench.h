#ifndef NVB_CLI_BENCH_H
#define NVB_CLI_BENCH_H

/* What the parts of "nvbind bench" share: the commands that it times, and the table. */

#include "bench/report.h"
#include "cli/cli.h"
#include "host/engine.h"
#include "host/user.h"
#include "selftest/root.h"

/* Commands of one set are run in turn. */
enum nvb_bench_set {
    NVB_BENCH_CONTAINERS = 1,
    NVB_BENCH_PROCESSES,
};

/* An engine, and the image that its containers are of. */
struct nvb_bench_engine {
    struct nvb_engine engine; /* path is NULL where there is none */
    struct nvb_strv words;    /* that call it: its path, or sudo's before it */
    char *missing;            /* why nothing can be measured with it, or NULL */
    char *imported;           /* ours, to be removed, or NULL */
    const char *image;        /* what is started: borrowed */
};

struct nvb_bench_run {
    const struct nvb_cli *cli;
    unsigned groups;
    size_t runs;
    const char *image;        /* --image, or NULL */
    const char *selection;    /* --gpu */
    const char *capabilities; /* --capabilities, or NULL */
    struct nvb_user user;
    char *self;     /* nvbind's path */
    char *nothing;  /* true(1), for what sudo takes; NULL without sudo */
    char *hookless; /* a copy of it that has no hook beside it, or NULL */
    struct nvb_selftest_root root;
    struct nvb_bench_engine podman, docker, root_podman;
    struct nvb_bench_list list;
    struct nvb_bench_report report;
};

/* Finds out whether root's Podman can be had without a question, or why not: b->root_podman. */
void nvb_bench_find_root(struct nvb_bench_run *b);

/* Fills b->list with the commands of b->groups. What cannot be measured here gets its reason. */
void nvb_bench_add_commands(struct nvb_bench_run *b);

/* Appends the table. */
void nvb_bench_add_table(const struct nvb_bench_report *report, struct nvb_str *ret);

#endif
