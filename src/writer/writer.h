#ifndef NVB_WRITER_WRITER_H
#define NVB_WRITER_WRITER_H

/* A plan as text. A writer reads the same plan as the engine that would run it. */

#include "data/doc.h"
#include "engine/exec.h"
#include "plan/plan.h"

/* Appends one line that a POSIX shell runs as nvbind would, and a newline. */
void nvb_writer_shell(const struct nvb_exec *exec, struct nvb_str *ret);

/*
 * Appends the plan as one JSON object with a newline. Its keys are described in nvbind-run(1); they
 * are added to and do not change. A word that is not UTF-8 is an error.
 */
int nvb_writer_json(const struct nvb_plan *plan, const struct nvb_exec *exec, struct nvb_str *ret,
                    struct nvb_error **err);

/* The same object, in the place of *ret. */
void nvb_writer_doc(const struct nvb_plan *plan, const struct nvb_exec *exec, struct nvb_doc *ret);

#endif
