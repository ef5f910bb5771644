#ifndef NVB_CLI_DOCTOR_H
#define NVB_CLI_DOCTOR_H

/* The parts of "nvbind doctor" that talk to people. */

#include "cli/cli.h"
#include "doctor/doctor.h"

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

/* Prints the corrected form of the unit FILE, and on standard error what was wrong. Returns the
 * exit status: 1 where something had to be changed. */
int nvb_doctor_unit(const struct nvb_cli *cli, const char *file);

#endif
