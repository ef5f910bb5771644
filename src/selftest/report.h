#ifndef NVB_SELFTEST_REPORT_H
#define NVB_SELFTEST_REPORT_H

/* What the probe saw inside, held against what the plan promised: one row a thing. */

#include "data/doc.h"
#include "plan/plan.h"

enum nvb_selftest_verdict {
    NVB_SELFTEST_OK,
    NVB_SELFTEST_NOTE, /* worth a line, and no fault of passthrough */
    NVB_SELFTEST_SKIP, /* cannot be seen on this machine */
    NVB_SELFTEST_FAIL,
};

struct nvb_selftest_row {
    enum nvb_selftest_verdict verdict;
    const char *group; /* a constant: container, nodes, libraries, driver */
    char *name;        /* owned */
    char *detail;      /* what was seen, or why it failed; owned */
};

struct nvb_selftest_report {
    struct NVB_VEC(struct nvb_selftest_row) rows;
    bool simulated; /* what answered inside is a simulated host's */
};

#define _cleanup_selftest_report_ _cleanup_(nvb_selftest_report_done)

void nvb_selftest_report_done(struct nvb_selftest_report *report);

/* "ok", "note", "skip", "fail". A constant. */
const char *nvb_selftest_verdict_name(enum nvb_selftest_verdict verdict);

/* How many rows have VERDICT. */
size_t nvb_selftest_count(const struct nvb_selftest_report *report,
                          enum nvb_selftest_verdict verdict);

/*
 * Appends the rows. SEEN is what "nvbind-probe --json --kernel" printed inside a container of PLAN.
 * Returns 0, or -1 where SEEN is not what the probe prints.
 */
int nvb_selftest_judge(const struct nvb_plan *plan, const struct nvb_doc *seen,
                       struct nvb_selftest_report *ret, struct nvb_error **err);

#endif
