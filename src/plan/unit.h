#ifndef NVB_PLAN_UNIT_H
#define NVB_PLAN_UNIT_H

/* "nvbind run" as the main process of a systemd unit. */

#include <sys/types.h>

#include "base/notes.h"
#include "plan/plan.h"

/* Whether SELF is what systemd started as a service's command (SYSTEMD_EXEC_PID, systemd.exec(5)).
 */
bool nvb_plan_is_service(char *const *environment, pid_t self);

/*
 * Where SELF is a unit's main process (SYSTEMD_EXEC_PID of ENVIRONMENT, systemd.exec(5)) and the
 * unit does not wait to be told (no NOTIFY_SOCKET): takes "-d" out of PLAN, with one warning,
 * because the process that a Type=simple unit stands for would end at once; and lets a container of
 * the same name that an earlier start left behind be replaced, so that Restart= can work. With
 * --conmon-pidfile the unit follows another process, and nothing is changed. Looks at the words
 * alone.
 */
void nvb_plan_fit_unit(struct nvb_plan *plan, const struct nvb_engine *engine,
                       char *const *environment, pid_t self, struct nvb_notes *notes);

#endif
