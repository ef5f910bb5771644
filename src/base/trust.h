#ifndef NVB_BASE_TRUST_H
#define NVB_BASE_TRUST_H

/*
 * Whose word counts. What another user can write is that user's word, so before root (or a user,
 * for his own files) acts on a file, the file and every folder above it must be out of others'
 * reach.
 */

#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * Checks that PATH and every folder above it belong to OWNER or to root and are not writable by
 * group or others; a sticky folder of root's (/tmp) may be above, not itself hold the file. So must
 * each link on the way and the folders that hold it: who can turn the link chooses what is opened,
 * and could do so after this was asked. What a user's group may write is well where that group is
 * his alone: distributions that give each user one (Ubuntu) set the umask to 0002, and OpenSSH
 * there takes such files too. Returns 0, or -1 with a permission error that names the first
 * offender.
 */
int nvb_trust_check_path(const char *path, uid_t owner, struct nvb_error **err);

/* The same for an open file's own owner and mode, without the folders above it. */
int nvb_trust_check_fd(int fd, const char *name, uid_t owner, struct nvb_error **err);

/* Whether what the process writes in FOLDER, or in the nearest folder above it that is there, is
 * its user's alone: root writes nothing into a user's folder. */
bool nvb_trust_is_own_place(const char *folder);

/* Whether GROUP is USER's alone: not root's, his primary group, of his name, without other members.
 */
bool nvb_trust_is_own_group(const struct passwd *user, const struct group *group);

/*
 * The caller's private folder for what lives until logout or reboot: /run/nvbind for root,
 * $XDG_RUNTIME_DIR/nvbind for a user, and that only when XDG_RUNTIME_DIR is a folder of the
 * caller's with mode 0700; never a folder under /tmp. Others may pass it (0711): Podman lets them
 * as soon as a container has another user namespace (--userns=auto, nomap), and what lies in it is
 * then closed by its own folder's mode. It is made (0700) when it is not there.
 * Returns 0 with an owned path, 1 when there is no such folder (the caller does without), or -1.
 */
int nvb_trust_runtime_folder(const char *xdg_runtime_dir, char **ret, struct nvb_error **err);

#endif
