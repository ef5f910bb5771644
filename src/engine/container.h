#ifndef NVB_ENGINE_CONTAINER_H
#define NVB_ENGINE_CONTAINER_H

/* Containers that are there: which engine has one, and what of its environment exec would lack. */

#include "plan/plan.h"

/*
 * Asks ENGINE, with the globals among PLAN's words, about the container that PLAN names (its last
 * one where it names none), and appends to *ret the GPU drivers' variables ("NAME=value") of its
 * first process: those that a CDI specification brought reach that process alone, not those of
 * exec.
 * Returns 0, 1 where ENGINE has no such container, or -1.
 */
int nvb_container_look(const struct nvb_engine *engine, const struct nvb_plan *plan,
                       char *const *environment, struct nvb_strv *ret, struct nvb_error **err);

#endif
