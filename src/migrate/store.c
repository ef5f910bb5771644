/* Reading a file that is to be rewritten, and replacing it: only where it is still the same file.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "migrate/migrate.h"

#define MAX_FILE ((size_t)4 << 20)

static struct nvb_migrate_file identity(const struct stat *st)
{
    return (struct nvb_migrate_file){st->st_dev, st->st_ino, (unsigned long long)st->st_size,
                                     st->st_mtim.tv_sec, st->st_mtim.tv_nsec};
}

static bool is_same(const struct nvb_migrate_file *a, const struct nvb_migrate_file *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

static int fail(struct nvb_error **err, int errnum, const char *what, const char *path)
{
    return nvb_error_make(err, nvb_error_kind_of(errnum), errnum, "cannot %s '%s'", what, path);
}

int nvb_migrate_load(const char *path, struct nvb_str *ret, struct nvb_migrate_file *ret_file,
                     struct nvb_error **err)
{
    struct stat st;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ELOOP)
        return nvb_error_make(err, NVB_ERROR_USAGE, 0,
                              "'%s' is a symbolic link: name the file behind it", path);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(err, errno, "read", path);
    if (nvb_file_read(fd, path, MAX_FILE, ret, err) < 0)
        return -1;
    if (memchr(ret->data, '\0', ret->len))
        return nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is no text", path);
    *ret_file = identity(&st);
    return 0;
}

/* Writes the new file NAME in the folder DIR with the owner and mode of ST; PATH is for messages.
 */
static int write_new(int dir, const char *path, const struct stat *st, const char *data, size_t len,
                     struct nvb_error **err)
{
    const char *name = nvb_path_base(path);
    _cleanup_close_ int fd =
        openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is there already", path);
        return nvb_error_hint(err, "move it away: it may be the only copy of an older file");
    }
    if (fd < 0)
        return fail(err, errno, "write", path);
    struct stat own;
    int r = fstat(fd, &own) < 0 ? -errno : 0;
    if (r == 0 && (own.st_uid != st->st_uid || own.st_gid != st->st_gid) &&
        fchown(fd, st->st_uid, st->st_gid) < 0)
        r = -errno;
    if (r == 0 && fchmod(fd, st->st_mode & 07777) < 0)
        r = -errno;
    if (r == 0)
        r = nvb_write_all(fd, data, len);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (r == 0)
        return 0;
    (void)unlinkat(dir, name, 0);
    return fail(err, -r, "write", path);
}

int nvb_migrate_store(const char *path, const struct nvb_migrate_file *file, const char *old,
                      size_t old_len, const char *text, size_t len, struct nvb_error **err)
{
    _cleanup_free_ char *folder = nvb_path_dir(path);
    _cleanup_free_ char *backup = nvb_strdupf("%s.orig", path);
    _cleanup_free_ char *temporary = nvb_strdupf("%s.nvbind-new", path);
    const char *name = nvb_path_base(path);
    struct stat st;
    /* Once: who owns a folder above could otherwise lead the new files, with an owner and words of
     * his own, to another place. */
    _cleanup_close_ int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, errno, "look at", path);
    struct nvb_migrate_file now = identity(&st);
    if (!S_ISREG(st.st_mode) || !is_same(file, &now)) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' was changed while it was read", path);
        return nvb_error_hint(err, "run the command again");
    }
    if (write_new(dir, backup, &st, old, old_len, err) < 0)
        return -1;
    if (write_new(dir, temporary, &st, text, len, err) < 0) {
        (void)unlinkat(dir, nvb_path_base(backup), 0);
        return -1;
    }
    if (renameat(dir, nvb_path_base(temporary), dir, name) < 0) {
        int saved = errno;
        (void)unlinkat(dir, nvb_path_base(temporary), 0);
        (void)unlinkat(dir, nvb_path_base(backup), 0);
        return fail(err, saved, "replace", path);
    }
    return 0;
}
