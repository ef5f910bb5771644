#ifndef NVB_DOCTOR_UNIT_H
#define NVB_DOCTOR_UNIT_H

/* systemd units and Quadlet files that run GPU containers: what is wrong with them, line by line,
 * and the file as it should be. */

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

struct nvb_unit_remark {
    unsigned line; /* from 1; of the file as it was */
    char *text;    /* what is wrong and what was done; owned */
    bool changed;  /* the corrected file differs for it; else it is for the reader to decide */
};

struct nvb_unit_remarks NVB_VEC(struct nvb_unit_remark);

void nvb_unit_remarks_done(struct nvb_unit_remarks *remarks);

/*
 * Reads TEXT, a unit (systemd.syntax(7)) called NAME: "….container" is a Quadlet file
 * (podman-systemd.unit(5)), anything else a service. Appends the corrected file to *ret, in which
 * everything that is not known stays byte for byte, and remarks in the order of lines. HOME is what
 * "%h" stands for in the files of the user who asks, or NULL: folders are not looked for then.
 * Returns 0 where nothing had to be changed, 1 where something had, or -1: a line is no unit's.
 */
int nvb_unit_correct(const char *text, const char *name, const char *home, struct nvb_str *ret,
                     struct nvb_unit_remarks *remarks, struct nvb_error **err);

#endif
