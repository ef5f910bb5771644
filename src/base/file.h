#ifndef NVB_BASE_FILE_H
#define NVB_BASE_FILE_H

/* Whole files: reading with a bound, writing so that a reader finds the old or the new, never a
 * part. */

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

/*
 * Reads FD to its end and appends it to *ret. NAME is for messages. Anything but a regular file and
 * more than MAX bytes are errors. Returns 0 or -1.
 */
int nvb_file_read(int fd, const char *name, size_t max, struct nvb_str *ret,
                  struct nvb_error **err);

/* As nvb_file_read() for a path of the machine itself. Returns 0, 1 when it is not there, or -1. */
int nvb_file_read_path(const char *path, size_t max, struct nvb_str *ret, struct nvb_error **err);

/*
 * Writes the file PATH: a new name in its folder, fsync, rename, so that a crash or a second writer
 * leaves the old or the new content. The file gets MODE (less the umask). Returns 0 or -1; on
 * failure nothing of ours is left behind and the old file is untouched.
 */
int nvb_file_write(const char *path, const void *data, size_t len, mode_t mode,
                   struct nvb_error **err);

/*
 * The same in microseconds: nothing waits for a disk, and from the second time on no file is made
 * or removed either: a spare one (".NAME.spare", with MODE too) is written over and changes places
 * with it. A reader finds a whole file; after a crash of the machine it may be an old or no whole
 * one. For what may be lost, in a folder that is the caller's alone.
 */
int nvb_file_write_light(const char *path, const void *data, size_t len, mode_t mode,
                         struct nvb_error **err);

/* Makes the folder PATH and those above it, the new ones with MODE. It is well if it is there. */
int nvb_file_make_folders(const char *path, mode_t mode, struct nvb_error **err);

/* The text of a link (empty NAME: of the link that DIR itself is). Returns 0 or a negative errno.
 */
int nvb_readlinkat(int dir, const char *name, char **ret);

/* Writes all of DATA to FD. Returns 0 or a negative errno. */
int nvb_write_all(int fd, const void *data, size_t len);

#endif
