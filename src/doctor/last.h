#ifndef NVB_DOCTOR_LAST_H
#define NVB_DOCTOR_LAST_H

/* What "nvbind run" recorded of its last start: $XDG_STATE_HOME/nvbind/last.json. */

#include "data/doc.h"
#include "host/user.h"

/*
 * The record's path, owned: in $XDG_STATE_HOME, else ~/.local/state (XDG Base Directory
 * Specification). NULL where neither is known.
 */
char *nvb_last_path(const struct nvb_user *user, char *const *environment);

/*
 * Reads the record of USER: an object with "plan", which is what "run --dry-run=json" prints.
 * Returns 0, 1 where nothing is recorded, or -1: it cannot be read, or others could have written
 * it.
 */
int nvb_last_read(const struct nvb_user *user, char *const *environment, struct nvb_doc *ret,
                  struct nvb_error **err);

#endif
