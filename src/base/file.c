#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

int nvb_write_all(int fd, const void *data, size_t len)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int nvb_readlinkat(int dir, const char *name, char **ret)
{
    for (size_t size = 256;; size *= 2) {
        _cleanup_free_ char *buffer = nvb_malloc(size);
        ssize_t n = readlinkat(dir, name, buffer, size);
        if (n < 0)
            return -errno;
        if ((size_t)n < size) {
            buffer[n] = '\0';
            *ret = TAKE_PTR(buffer);
            return 0;
        }
        if (size > (1u << 20))
            return -ENAMETOOLONG;
    }
}

static int read_to_end(int fd, const char *name, size_t max, size_t first, struct nvb_str *ret,
                       struct nvb_error **err)
{
    size_t start = ret->len;
    size_t want = first;
    for (;;) {
        nvb_str_grow(ret, want);
        ssize_t n = read(fd, ret->data + ret->len, want);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int saved = errno;
            nvb_str_truncate(ret, start);
            return nvb_error_make(err, nvb_error_kind_of(saved), saved, "cannot read '%s'", name);
        }
        if (n == 0)
            return 0;
        ret->len += (size_t)n;
        ret->data[ret->len] = '\0';
        if (ret->len - start > max) {
            nvb_str_truncate(ret, start);
            return nvb_error_make(err, NVB_ERROR_CONFIG, 0,
                                  "'%s' is larger than %zu bytes, which it should not be", name,
                                  max);
        }
        /* All that its size told, and no more where one byte more was asked for: the end. */
        if (ret->len - start == first - 1 && want == first)
            return 0;
        want = (size_t)n < want ? want - (size_t)n : 4096;
        if (want < 512)
            want = 512;
    }
}

int nvb_file_read(int fd, const char *name, size_t max, struct nvb_str *ret, struct nvb_error **err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return nvb_error_make(err, NVB_ERROR_INTERNAL, errno, "cannot read '%s'", name);
    if (!S_ISREG(st.st_mode))
        return nvb_error_make(err, NVB_ERROR_CONFIG, 0, "'%s' is not a regular file", name);
    if (st.st_size > 0 && (uint64_t)st.st_size > max)
        return nvb_error_make(err, NVB_ERROR_CONFIG, 0,
                              "'%s' is larger than %zu bytes, which it should not be", name, max);
    /* One byte more than its size, so that the first read already meets the end. procfs says 0. */
    size_t first = st.st_size > 0 ? (size_t)st.st_size + 1 : 4096;
    return read_to_end(fd, name, max, first, ret, err);
}

int nvb_file_read_path(const char *path, size_t max, struct nvb_str *ret, struct nvb_error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 1;
    if (fd < 0)
        return nvb_error_make(err, nvb_error_kind_of(errno), errno, "cannot read '%s'", path);
    return nvb_file_read(fd, path, max, ret, err);
}

static int fail_write(struct nvb_error **err, int errnum, const char *path)
{
    return nvb_error_make(err, nvb_error_kind_of(errnum), errnum, "cannot write '%s'", path);
}

static int write_and_rename(int dir, const char *temporary, const char *path, const void *data,
                            size_t len, mode_t mode, bool sync, struct nvb_error **err)
{
    _cleanup_close_ int fd =
        openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return fail_write(err, errno, path);
    int r = nvb_write_all(fd, data, len);
    if (r == 0 && sync && fsync(fd) < 0)
        r = -errno;
    if (r == 0 && renameat(dir, temporary, dir, nvb_path_base(path)) < 0)
        r = -errno;
    if (r < 0) {
        (void)unlinkat(dir, temporary, 0);
        return fail_write(err, -r, path);
    }
    return 0;
}

static int write_whole(const char *path, const void *data, size_t len, mode_t mode, bool sync,
                       struct nvb_error **err)
{
    _cleanup_free_ char *folder = nvb_path_dir(path);
    _cleanup_close_ int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return fail_write(err, errno, path);
    /* The process id keeps two writers apart; a leftover of a dead process of that id goes first.
     * The leading dot and the ending keep readers that look for *.json away from it. */
    _cleanup_free_ char *temporary =
        nvb_strdupf(".%s.%ld.tmp", nvb_path_base(path), (long)getpid());
    (void)unlinkat(dir, temporary, 0);
    return write_and_rename(dir, temporary, path, data, len, mode, sync, err);
}

int nvb_file_write(const char *path, const void *data, size_t len, mode_t mode,
                   struct nvb_error **err)
{
    return write_whole(path, data, len, mode, true, err);
}

/* Writes over the spare file and lets the two change places. Returns 0, or 1 where that cannot be:
 * there is no spare, another process has it, the file system cannot. */
static int swap_spare(int dir, const char *spare, const char *name, const void *data, size_t len)
{
    struct stat own, now;
    _cleanup_close_ int fd = openat(dir, spare, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    /* One that another process has put in its place meanwhile is not the spare one any more. */
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &own) < 0 ||
        fstatat(dir, spare, &now, AT_SYMLINK_NOFOLLOW) < 0 || own.st_ino != now.st_ino ||
        !S_ISREG(own.st_mode) || own.st_nlink != 1 || own.st_uid != geteuid())
        return 1;
    if (nvb_write_all(fd, data, len) < 0 || ftruncate(fd, (off_t)len) < 0)
        return 1;
    return renameat2(dir, spare, dir, name, RENAME_EXCHANGE) < 0 ? 1 : 0;
}

int nvb_file_write_light(const char *path, const void *data, size_t len, mode_t mode,
                         struct nvb_error **err)
{
    const char *name = nvb_path_base(path);
    _cleanup_free_ char *folder = nvb_path_dir(path);
    _cleanup_free_ char *spare = nvb_strdupf(".%s.spare", name);
    _cleanup_close_ int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0 && swap_spare(dir, spare, name, data, len) == 0)
        return 0;
    if (write_whole(path, data, len, mode, false, err) < 0)
        return -1;
    /* For the next time. */
    if (faccessat(dir, spare, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
        _cleanup_close_ int fd =
            openat(dir, spare, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    }
    return 0;
}

int nvb_file_make_folders(const char *path, mode_t mode, struct nvb_error **err)
{
    struct stat st;
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return 0;
        return nvb_error_make(err, NVB_ERROR_NOT_FOUND, ENOTDIR, "cannot make the folder '%s'",
                              path);
    }
    _cleanup_free_ char *above = nvb_path_dir(path);
    if (strcmp(above, path) != 0 && strcmp(above, ".") != 0 &&
        nvb_file_make_folders(above, mode, err) < 0)
        return -1;
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return nvb_error_make(err, nvb_error_kind_of(errno), errno, "cannot make the folder '%s'",
                              path);
    return 0;
}
