#ifndef NVB_CLI_DOCTOR_H
#define NVB_CLI_DOCTOR_H

/* The parts of "nvbind doctor" that talk to people. */

#include "cli/cli.h"
#include "doctor/doctor.h"

/* Makes the checks of NAMES (all where it is empty) for the caller of this process. CONFIG and LAST
 * (nvb_last_read()) may be NULL. Returns 0 or -1. */
int nvb_doctor_examine(const struct nvb_cli *cli, const struct nvb_config *config,
                       const struct nvb_doc *last, const struct nvb_strv *names,
                       struct nvb_report *ret, struct nvb_error **err);

/*
 * Carries out the fixes of REPORT: what needs no root at once, the rest after a question on the
 * terminal, or unasked with YES. Returns the exit status: 0 when every step that was agreed to
 * ended well and none is left.
 */
int nvb_doctor_apply(const struct nvb_cli *cli, const struct nvb_report *report, bool yes);

/*
 * Prints what the engine's MESSAGE (may be empty) means, and appends to NAMES the checks that look
 * at it. Returns whether a row knew it.
 */
bool nvb_doctor_explain(const char *message, struct nvb_strv *names, struct nvb_str *ret);

/* As nvb_cli_fail(), and where a check of the doctor's knows more of ERROR, which one. */
int nvb_doctor_fail(const struct nvb_cli *cli, const struct nvb_error *error, int status);

/* Prints the corrected form of the unit FILE, and on standard error what was wrong. Returns the
 * exit status: 1 where something had to be changed. */
int nvb_doctor_unit(const struct nvb_cli *cli, const char *file);

#endif
