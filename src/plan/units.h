#ifndef NVB_PLAN_UNITS_H
#define NVB_PLAN_UNITS_H

/* What can be chosen: whole GPUs and MIG devices, as one list. */

#include "plan/selection.h"

struct nvb_unit {
    const struct nvb_gpu *gpu;
    const struct nvb_mig *mig; /* NULL: the whole GPU */
};

struct nvb_units NVB_VEC(struct nvb_unit);

#define _cleanup_units_ _cleanup_(nvb_units_done)

/* Each GPU of GPUS, followed by its MIG devices. Borrows GPUS. */
void nvb_units_list(const struct nvb_gpus *gpus, struct nvb_units *ret);
void nvb_units_done(struct nvb_units *units);

/* Whether programs can compute on it: not the whole of a GPU that is cut. */
bool nvb_unit_is_usable(const struct nvb_unit *unit);

/* "3" or "0:1". Owned by the caller. */
char *nvb_unit_name(const struct nvb_unit *unit);

/* Whether ITEM names UNIT. "all" names each; a GPU's own names mean the whole of it alone. */
bool nvb_unit_matches(const struct nvb_unit *unit, const struct nvb_selection_item *item);

/*
 * Whether ITEM can only be told from others with the MIG UUIDs that NVML knows. The old form of
 * such a name (MIG-GPU-UUID/GI/CI, drivers before 470) says by itself what it means.
 */
bool nvb_item_needs_nvml(const struct nvb_selection_item *item);

#endif
