#ifndef NVB_DOCTOR_CONTEXT_H
#define NVB_DOCTOR_CONTEXT_H

/* The making and the end of what checks read from. For the runner alone. */

#include "doctor/check.h"

#define NVB_DOCTOR_INIT       \
    {                         \
        .host = NVB_HOST_INIT \
    }

/* OPTIONS are borrowed. Returns 0 or -1: the host's root cannot be opened. */
int nvb_doctor_open(const struct nvb_doctor_options *options, struct nvb_doctor *ret,
                    struct nvb_error **err);
void nvb_doctor_done(struct nvb_doctor *d);

#endif
