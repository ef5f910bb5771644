#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* Who names a root that is not there has called wrongly: nothing on the machine is missing. */
static int fail_root(const char *path, struct nvb_error **err)
{
    const int why = errno;
    const bool is_call = why == ENOENT || why == ENOTDIR || why == ELOOP || why == ENAMETOOLONG;
    return nvb_error_make(err, is_call ? NVB_ERROR_USAGE : nvb_error_kind_of(why), why,
                          "cannot use '%s' as a root", path);
}

int nvb_root_open(const char *path, struct nvb_root *ret, struct nvb_error **err)
{
    if (strcmp(path, "/") == 0) {
        int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            return nvb_error_make(err, NVB_ERROR_INTERNAL, errno, "cannot open /");
        *ret = (struct nvb_root){.fd = fd, .path = nvb_strdup("/")};
        return 0;
    }
    _cleanup_free_ char *real = realpath(path, NULL);
    if (!real)
        return fail_root(path, err);
    int fd = open(real, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_root(path, err);
    *ret = (struct nvb_root){.fd = fd, .path = TAKE_PTR(real)};
    return 0;
}

void nvb_root_done(struct nvb_root *root)
{
    nvb_close_p(&root->fd);
    free(root->path);
    *root = (struct nvb_root)NVB_ROOT_INIT;
}

bool nvb_root_is_host(const struct nvb_root *root)
{
    return root->path && root->path[0] == '/' && root->path[1] == '\0';
}

int nvb_root_openat(const struct nvb_root *root, const char *path, int flags)
{
    return nvb_path_open_in(root->fd, path, flags, 0, 0);
}

int nvb_root_stat(const struct nvb_root *root, const char *path, struct stat *ret)
{
    _cleanup_close_ int fd = nvb_root_openat(root, path, O_PATH);
    if (fd < 0)
        return fd;
    return fstat(fd, ret) < 0 ? -errno : 0;
}

int nvb_root_readlink(const struct nvb_root *root, const char *path, char **ret)
{
    _cleanup_close_ int fd = nvb_root_openat(root, path, O_PATH | O_NOFOLLOW);
    if (fd < 0)
        return fd;
    return nvb_readlinkat(fd, "", ret);
}

int nvb_root_resolve(const struct nvb_root *root, const char *path, int fd, char **ret)
{
    _cleanup_close_ int own = -1;
    if (fd < 0) {
        own = nvb_root_openat(root, path, O_PATH);
        if (own < 0)
            return own;
        fd = own;
    }
    /* The kernel knows the path of an open file; asking it is one call instead of a walk. */
    char link[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    _cleanup_free_ char *real = NULL;
    int r = nvb_readlinkat(AT_FDCWD, link, &real);
    if (r < 0)
        return r;
    if (nvb_root_is_host(root)) {
        *ret = TAKE_PTR(real);
        return 0;
    }
    size_t n = strlen(root->path);
    if (strncmp(real, root->path, n) != 0 || (real[n] != '/' && real[n] != '\0'))
        return -ESTALE; /* moved or deleted while it was looked at */
    *ret = nvb_strdup(real[n] ? real + n : "/");
    return 0;
}

int nvb_root_read(const struct nvb_root *root, const char *path, size_t max, struct nvb_str *ret,
                  struct nvb_error **err)
{
    int fd = nvb_root_openat(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd == -ENOENT || fd == -ENOTDIR)
        return 1;
    _cleanup_free_ char *name = nvb_root_outside(root, path);
    if (fd < 0)
        return nvb_error_make(err, nvb_error_kind_of(-fd), -fd, "cannot read '%s'", name);
    _cleanup_close_ int keep = fd;
    return nvb_file_read(keep, name, max, ret, err);
}

char *nvb_root_outside(const struct nvb_root *root, const char *path)
{
    if (nvb_root_is_host(root))
        return nvb_strdup(path);
    return nvb_strdupf("%s%s%s", root->path, path[0] == '/' ? "" : "/", path);
}

char *nvb_path_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return nvb_strdup(".");
    return slash == path ? nvb_strdup("/") : nvb_strndup(path, (size_t)(slash - path));
}

const char *nvb_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
