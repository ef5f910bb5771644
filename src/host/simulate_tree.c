/*
 * Theory of operation. The folder is emptied and filled through descriptors, one component at a
 * time, and no symbolic link is followed: a tree that somebody else can write to leads root nowhere
 * else. Emptying refuses to cross into another mount, so a volume that was mounted somewhere in an
 * earlier simulation keeps its files. Only folders that carry one of the two marks are emptied, and
 * only when nothing lies at their top that a simulation does not put there.
 */

#include "host/simulate_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/path.h"
#include "host/host.h"

/* At the top, beside the folders. */
static const char *const mark_done = &NVB_SIMULATED_MARK[1]; /* without the slash */
static const char mark_begun[] = ".nvbind-simulating";

static const char *const tops[] = {
    mark_begun, &NVB_SIMULATED_MARK[1],
    "bin",      "dev",
    "etc",      "lib",
    "proc",     "run",
    "sbin",     "sys",
    "usr",      NULL,
};

/* ---- emptying ------------------------------------------------------------------------------- */

static int fail(const struct nvb_tree *tree, const char *path, int errnum, struct nvb_error **err)
{
    return nvb_error_make(err, nvb_error_kind_of(errnum), errnum, "cannot write '%s/%s'",
                          tree->name, path);
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* The names in the folder FD. Returns 0 or a negative errno. */
static int list(int fd, struct nvb_strv *ret)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);

    if (!dir) {
        int errnum = errno;

        nvb_close_p(&copy);
        return -errnum;
    }
    errno = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!is_dot(entry->d_name))
            nvb_strv_add(ret, entry->d_name);
    }
    int rc = -errno;

    closedir(dir);
    return rc;
}

static int remove_inside(int fd);

/* Removes NAME in the folder FD and what is below it. Returns 0 or a negative errno. */
static int remove_one(int fd, const char *name)
{
    if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;

    _cleanup_close_ int sub = nvb_path_open_in(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
                                               NVB_RESOLVE_NO_XDEV | NVB_RESOLVE_NO_SYMLINKS);
    if (sub < 0)
        return sub;

    int rc = remove_inside(sub);
    if (rc == 0 && unlinkat(fd, name, AT_REMOVEDIR) != 0)
        rc = -errno;
    return rc;
}

static int remove_inside(int fd)
{
    _cleanup_strv_ struct nvb_strv names = {0};
    int rc = list(fd, &names);

    nvb_vec_foreach (name, &names) {
        if (rc == 0)
            rc = remove_one(fd, *name);
    }
    return rc;
}

/* Everything but the mark of an unfinished tree, which goes last or stays. */
static int remove_all(int fd)
{
    int rc = 0;

    for (size_t i = 0; tops[i] && rc == 0; i++) {
        if (tops[i] != mark_begun)
            rc = remove_one(fd, tops[i]);
    }
    return rc;
}

/* ---- begin and end -------------------------------------------------------------------------- */

/* Refuses a folder that holds something else than an earlier simulation. */
static int check(const struct nvb_tree *tree, const struct nvb_strv *names, struct nvb_error **err)
{
    bool marked = nvb_strv_has(names, mark_done) || nvb_strv_has(names, mark_begun);

    nvb_vec_foreach (name, names) {
        bool known = false;

        for (size_t i = 0; tops[i]; i++)
            known |= strcmp(*name, tops[i]) == 0;
        if (marked && known)
            continue;
        nvb_error_make(err, NVB_ERROR_USAGE, 0,
                       marked ? "'%s' is a simulated host that also holds '%s', which would be lost"
                              : "'%s' is not empty and no simulated host: it holds '%s'",
                       tree->name, *name);
        return nvb_error_hint(err, "name a folder that does not exist yet");
    }
    return 0;
}

static int open_folder(const char *folder, struct nvb_tree *tree, struct nvb_error **err)
{
    if (mkdir(folder, 0755) == 0)
        tree->made = true;
    else if (errno != EEXIST) {
        int errnum = errno;

        nvb_error_make(err, nvb_error_kind_of(errnum), errnum, "cannot make the folder '%s'",
                       folder);

        _cleanup_free_ char *above = nvb_path_dir(folder);

        if (errnum == ENOENT && access(above, F_OK) != 0)
            return nvb_error_hint(err, "mkdir -p %s", above);
        return nvb_error_hint(err, "name a folder in a place where you may write");
    }
    tree->fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tree->fd < 0) {
        nvb_error_make(err, errno == ENOTDIR ? NVB_ERROR_USAGE : nvb_error_kind_of(errno), errno,
                       "cannot use '%s' as a folder", folder);
        return nvb_error_hint(err, "name a folder that does not exist yet");
    }
    if (tree->made && fchmod(tree->fd, 0755) != 0)
        return fail(tree, ".", errno, err);
    return 0;
}

static int begin(const char *folder, struct nvb_tree *tree, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv names = {0};

    if (open_folder(folder, tree, err))
        return -1;

    int rc = list(tree->fd, &names);

    if (rc < 0)
        return nvb_error_make(err, nvb_error_kind_of(-rc), -rc, "cannot read '%s'", folder);
    if (check(tree, &names, err))
        return -1;
    if (!nvb_strv_has(&names, mark_begun) &&
        nvb_tree_put_text(tree, mark_begun, "This simulated host is not complete.\n", err))
        return -1;
    rc = remove_all(tree->fd);
    if (rc < 0)
        return nvb_error_make(err, nvb_error_kind_of(-rc), -rc,
                              "cannot remove the earlier simulation in '%s'", folder);
    return 0;
}

int nvb_tree_begin(const char *folder, struct nvb_tree *ret, struct nvb_error **err)
{
    struct nvb_tree tree = {.fd = -1, .name = folder};

    if (begin(folder, &tree, err)) {
        /* Only a folder made just now, and still empty, goes away. */
        if (tree.made)
            (void)rmdir(folder);
        nvb_close_p(&tree.fd);
        return -1;
    }
    *ret = tree;
    return 0;
}

int nvb_tree_finish(struct nvb_tree *tree, const char *mark, struct nvb_error **err)
{
    _cleanup_close_ int fd =
        openat(tree->fd, mark_begun, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
    int rc = fd < 0 ? -errno : nvb_write_all(fd, mark, strlen(mark));

    if (rc == 0 && renameat(tree->fd, mark_begun, tree->fd, mark_done) != 0)
        rc = -errno;
    return rc == 0 ? 0 : fail(tree, mark_done, -rc, err);
}

void nvb_tree_abandon(struct nvb_tree *tree)
{
    if (remove_all(tree->fd) < 0)
        return; /* still marked as unfinished */
    (void)unlinkat(tree->fd, mark_begun, 0);
    if (tree->made)
        (void)rmdir(tree->name);
}

void nvb_tree_done(struct nvb_tree *tree)
{
    nvb_close_p(&tree->fd);
    tree->fd = -1;
}

/* ---- filling -------------------------------------------------------------------------------- */

/* Opens the folder NAME in FD, made where it is not there. Returns it or a negative errno. */
static int enter(int fd, const char *name)
{
    bool made = mkdirat(fd, name, 0755) == 0;

    if (!made && errno != EEXIST)
        return -errno;

    int sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (sub < 0)
        return -errno;
    if (made && fchmod(sub, 0755) != 0) {
        int errnum = errno;

        (void)close(sub);
        return -errnum;
    }
    return sub;
}

/* Opens the folder that PATH's last part belongs into. Returns it or a negative errno. */
static int enter_parent(const struct nvb_tree *tree, const char *path)
{
    int fd = fcntl(tree->fd, F_DUPFD_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
        _cleanup_free_ char *name = nvb_strndup(path, (size_t)(slash - path));
        int sub = enter(fd, name);

        (void)close(fd);
        if (sub < 0)
            return sub;
        fd = sub;
    }
    return fd;
}

int nvb_tree_put(const struct nvb_tree *tree, const char *path, const void *data, size_t len,
                 mode_t mode, struct nvb_error **err)
{
    _cleanup_close_ int folder = enter_parent(tree, path);

    if (folder < 0)
        return fail(tree, path, -folder, err);

    _cleanup_close_ int fd = openat(folder, nvb_path_base(path),
                                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    int rc = fd < 0 ? -errno : nvb_write_all(fd, data, len);

    if (rc == 0 && fchmod(fd, mode) != 0)
        rc = -errno;
    return rc == 0 ? 0 : fail(tree, path, -rc, err);
}

int nvb_tree_put_text(const struct nvb_tree *tree, const char *path, const char *text,
                      struct nvb_error **err)
{
    return nvb_tree_put(tree, path, text, strlen(text), 0644, err);
}

int nvb_tree_link(const struct nvb_tree *tree, const char *path, const char *target,
                  struct nvb_error **err)
{
    _cleanup_close_ int folder = enter_parent(tree, path);
    int rc = folder < 0 ? folder : 0;

    if (rc == 0 && symlinkat(target, folder, nvb_path_base(path)) != 0)
        rc = -errno;
    return rc == 0 ? 0 : fail(tree, path, -rc, err);
}

int nvb_tree_folder(const struct nvb_tree *tree, const char *path, struct nvb_error **err)
{
    _cleanup_close_ int folder = enter_parent(tree, path);
    _cleanup_close_ int fd = folder < 0 ? folder : enter(folder, nvb_path_base(path));

    return fd < 0 ? fail(tree, path, -fd, err) : 0;
}
