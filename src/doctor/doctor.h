#ifndef NVB_DOCTOR_DOCTOR_H
#define NVB_DOCTOR_DOCTOR_H

/*
 * The doctor: a table of checks, each of which looks at one thing on the host that has been seen to
 * make GPU containers fail. A check is a row (doctor/check.h); the runner walks the rows, skips
 * what cannot matter because of what was found before, and leaves a report. Nothing is changed and
 * nothing is printed here. Everything is read under the host's root, so a recorded or simulated
 * machine can be examined as the machine itself can.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/notes.h"
#include "base/vec.h"
#include "config/config.h"
#include "data/doc.h"
#include "host/host.h"

/* ---- what is found ---------------------------------------------------------------------------
 */

enum nvb_verdict {
    NVB_VERDICT_OK,
    NVB_VERDICT_WARN, /* it works, and something should be changed or known */
    NVB_VERDICT_FAIL, /* GPU containers fail, or will */
    NVB_VERDICT_SKIP, /* not looked at; the evidence says why */
};

/* "ok", "warn", "fail", "skip": a constant. */
const char *nvb_verdict_name(enum nvb_verdict verdict);

/* One step of a fix. */
struct nvb_fix_step {
    char *text;           /* what cannot be a command, or what the command is for; or NULL */
    struct nvb_strv argv; /* the command, without sudo; empty: the text alone */
    char *input;          /* what the command reads from its standard input; or NULL */
    bool root;            /* it needs root's rights */
    bool by_hand;         /* never carried out by us: it ends programs, deletes, or asks */
};

struct nvb_fix NVB_VEC(struct nvb_fix_step);

struct nvb_check;

struct nvb_finding {
    const struct nvb_check *check; /* borrowed */
    enum nvb_verdict verdict;
    char *evidence; /* one line */
    struct nvb_fix fix;
};

struct nvb_findings NVB_VEC(struct nvb_finding);

struct nvb_report {
    uid_t uid;      /* who asked: fixes are spelled for that user */
    bool simulated; /* the host was made by "nvbind simulate" */
    struct nvb_findings findings;
    size_t counts[NVB_VERDICT_SKIP + 1];
};

#define _cleanup_report_ _cleanup_(nvb_report_done)

void nvb_finding_done(struct nvb_finding *finding);
void nvb_report_done(struct nvb_report *report);

/* ---- the checks ------------------------------------------------------------------------------
 */

/* Where a check is explained: the headings of this file are the names of the checks. */
#define NVB_DOCTOR_DOCUMENT "docs/troubleshooting.md"

/* A row as others see it. */
struct nvb_check_info {
    const char *name;     /* "node-uvm": also the anchor in NVB_DOCTOR_DOCUMENT */
    const char *group;    /* "nodes" */
    const char *looks_at; /* one line */
};

/* Row INDEX of the table in its order, or 1 behind the last. Constants. */
int nvb_doctor_get(size_t index, struct nvb_check_info *ret);

/* The row that FINDING is of. */
struct nvb_check_info nvb_finding_check(const struct nvb_finding *finding);

/* ---- running them ----------------------------------------------------------------------------
 */

/* Who asks. */
struct nvb_caller {
    uid_t uid;
    gid_t gid;
    const gid_t *groups; /* the process's further groups; borrowed */
    size_t group_count;
};

struct nvb_doctor_options {
    const struct nvb_host_options *host;
    char *const *environment; /* the caller's */
    struct nvb_caller caller;
    const struct nvb_config *config; /* borrowed; NULL: there is none that can be read */
    const struct nvb_doc *last;      /* the plan of the last run (nvb_last_read()), or NULL */
    bool ask_engines;                /* call those that are installed: at most two calls in all */
};

/*
 * Runs the checks whose name or group is in NAMES (all where it is empty), in the table's order,
 * each once. A check that needs another one runs that first, unseen, and is skipped where it
 * failed. A word in NAMES that is neither is a usage error with the nearest. Returns 0 or -1.
 */
int nvb_doctor_run(const struct nvb_doctor_options *options, const struct nvb_strv *names,
                   struct nvb_report *ret, struct nvb_error **err);

/* ---- the report as text ----------------------------------------------------------------------
 */

struct nvb_report_style {
    bool color;   /* SGR sequences */
    bool unicode; /* marks beyond ASCII */
    bool verbose; /* each skipped check with its reason, and what is looked at */
};

/* Appends the report for people: groups, marks, evidence, fixes, and a summary line. */
void nvb_report_format(const struct nvb_report *report, const struct nvb_report_style *style,
                       struct nvb_str *ret);

/* The report as a document: {"simulated", "summary": {"ok", …}, "checks": [{"name", "group",
 * "looks_at", "verdict", "evidence", "fix": [{"text", "argv", "input", "root", "by_hand"}],
 * "link"}]}. */
void nvb_report_put(const struct nvb_report *report, struct nvb_doc *ret);

/* Appends STEP as a line of shell, without newline: sudo where it needs root and the caller is not
 * root; a step that is text alone becomes a comment. */
void nvb_fix_step_format(const struct nvb_fix_step *step, uid_t uid, struct nvb_str *ret);

/* Appends a script of all fixes of what failed or warns, each under a comment that says why. What
 * is to be done by hand stands in it as a comment. */
void nvb_report_script(const struct nvb_report *report, struct nvb_str *ret);

/*
 * Carries STEP out as an argument vector, no shell between, through sudo where it needs root and
 * UID is not root. Its output goes where the caller's does. SEARCH_PATH finds the program (absolute
 * elements alone). Returns 0, or -1: it is not there, or did not exit with 0.
 */
int nvb_fix_step_apply(const struct nvb_fix_step *step, uid_t uid, char *const *environment,
                       struct nvb_error **err);

#endif
