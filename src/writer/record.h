#ifndef NVB_WRITER_RECORD_H
#define NVB_WRITER_RECORD_H

/* What was last run, for whoever is asked later why it failed ("nvbind doctor --last"). */

#include "engine/exec.h"
#include "host/user.h"
#include "plan/plan.h"

#define NVB_RECORD_FILE   "last.json" /* in USER's state folder */
#define NVB_RECORD_FORMAT 1

/*
 * Appends the record of PLAN as one line of JSON: {"format": 1, "time": seconds, "folder": where it
 * was started, "words": WORDS (NULL-terminated), "plan": as nvb_writer_json()}. Values of
 * environment variables are left out wherever they stand ("NAME="), and so is what --creds says.
 * Returns 0 or -1.
 */
int nvb_record_build(const struct nvb_plan *plan, const struct nvb_exec *exec, char *const *words,
                     struct nvb_str *ret, struct nvb_error **err);

/*
 * Writes it to USER's state folder: 0600, in one step, in the place of the last one. Nothing stops
 * a run: where the folder is not the caller's alone, or nothing can be written, nothing is.
 */
void nvb_record_write(const struct nvb_plan *plan, const struct nvb_exec *exec, char *const *words,
                      const struct nvb_user *user);

#endif
