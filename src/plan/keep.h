#ifndef NVB_PLAN_KEEP_H
#define NVB_PLAN_KEEP_H

/* Containers that outlive the command: they start again by plain "podman start", after a reboot
 * too, so what they need must be where the engine finds it by itself. */

#include "plan/state.h"

/* nvbind's folder of specifications that the caller's Podman is told of, as an owned path ("nvbind
 * config engine" names it in containers.conf), or NULL where USER has no home. */
char *nvb_plan_kept_folder(const struct nvb_user *user);

/*
 * For a container that outlives the command: CDI by a specification that the engine reads by itself
 * and that brings all of the plan's edits (every node, every library, each file of it there), else
 * by the caller's own folder where his Podman reads it, whose specification is then written.
 * Returns 0 where it is one of the two, 1 where it has to be direct, or -1.
 */
int nvb_plan_use_kept(struct nvb_plan_state *s, struct nvb_error **err);

/* Says what a driver upgrade will need. */
void nvb_plan_note_outliving(const struct nvb_plan_state *s);

#endif
