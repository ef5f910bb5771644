#ifndef NVB_HOST_SESSION_H
#define NVB_HOST_SESSION_H

/* A service that systemd starts as an ordinary user (User=, systemd.exec(5)): it has no login
 * session, so nobody has told it its runtime folder, and at boot that folder may not be there yet.
 */

#include "base/notes.h"
#include "host/user.h"

/*
 * For a service's process with rootless Podman, where USER->runtime_dir is NULL: fills it with
 * /run/user/UID, which is where Podman looks by itself. Where it is not there and the user lingers
 * (loginctl(1)), waits for it, at most 30 s. Without it Podman uses folders in /tmp, which NOTES
 * are told, unless what it has stored was made in a session: then it could not start, and that is
 * the error. Returns 0 or -1. Nothing is done for root, or where systemd does not run.
 */
int nvb_session_find(struct nvb_user *user, struct nvb_notes *notes, struct nvb_error **err);

#endif
