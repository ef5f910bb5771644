#ifndef NVB_PLAN_ISOLATE_H
#define NVB_PLAN_ISOLATE_H

/*
 * What a container gets beside the chosen GPUs: nothing of the other GPUs (device), and little of
 * the machine (strict).
 */

#include "plan/state.h"

/*
 * Decides how far the container is isolated and lays the words that this takes into plan->defaults:
 * the user's own words win over each of them, and they win over the configuration's and a
 * profile's. "--privileged" beside "--isolate" on the line is a usage error; the configuration's
 * isolation gives way to it with one warning. Looks at the words alone. Returns 0 or -1.
 */
int nvb_isolation_decide(struct nvb_plan_state *s, struct nvb_error **err);

/*
 * Takes /dev/dri, the folder of every GPU's nodes, out of LINE where s->isolation asks for it, and
 * sets s->dri: the chosen GPUs' nodes come along instead.
 */
void nvb_isolation_narrow(struct nvb_plan_state *s, struct nvb_plan_line *line);

/* Says in one line what /dev/dri became, once the GPUs are chosen. */
void nvb_isolation_note_narrowed(const struct nvb_plan_state *s);

/* Takes out of EDITS what isolation leaves out: nodes that reach past the chosen GPUs, and SOCKETS
 * of the driver's services. */
void nvb_isolate_edits(struct nvb_cdi_edits *edits, unsigned capabilities, bool sockets);

/*
 * Where the container draws and has some of the GPUs only: the driver's application profile that
 * keeps EGL and Vulkan to those, as plan->graphics_profile and as a mount in EDITS. The driver
 * enumerates GPUs by its control node, and fails on one whose node is not there.
 *
 * EGLVisibleDGPUDevices: NVIDIA's driver README, "Application Profiles"; the file is the one that
 * NVIDIA's own container tools write.
 */
int nvb_isolation_add_profile(struct nvb_plan_state *s, struct nvb_cdi_edits *edits,
                              struct nvb_error **err);

#endif
