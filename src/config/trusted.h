#ifndef NVB_CONFIG_TRUSTED_H
#define NVB_CONFIG_TRUSTED_H

/*
 * The record of ./nvbind.toml files that the user vouched for: $XDG_STATE_HOME/nvbind/trusted
 * (~/.local/state/nvbind/trusted), lines "SHA-256  PATH" as sha256sum(1) writes and checks them.
 * A file is trusted while both its path and its content are the recorded ones.
 */

#include <sys/types.h>

#include "base/error.h"

/* Where the record is or would be; owned, or NULL where neither XDG_STATE_HOME nor HOME says. */
char *nvb_trusted_path(const char *const *environment);

/*
 * Whether the record at PATH holds FILE (absolute, without links) with the content's hash HEX. A
 * record that another user than UID and root can write is an error. Returns 1 where it does, 0
 * where not or where there is no record, or -1.
 */
int nvb_trusted_has(const char *path, uid_t uid, const char *file, const char *hex,
                    struct nvb_error **err);

/*
 * Records FILE with HEX in place of what was recorded for it; with HEX NULL, takes it out. Folders
 * are made as needed, for the user alone. Returns 0, 1 where there was nothing to take out, or -1.
 */
int nvb_trusted_set(const char *path, uid_t uid, const char *file, const char *hex,
                    struct nvb_error **err);

#endif
