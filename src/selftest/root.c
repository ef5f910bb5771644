#include "selftest/root.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/trust.h"
#include "ldcache/ldcache.h"

#define CACHE_FILE "/etc/ld.so.cache"

#define MAX_MOUNTINFO ((size_t)16 << 20)

#if defined(__x86_64__)
#define OWN_CLASS NVB_LDCACHE_X86_64
#define LOADER    "/lib64/ld-linux-x86-64.so.2"
#elif defined(__aarch64__)
#define OWN_CLASS NVB_LDCACHE_AARCH64
#define LOADER    "/lib/ld-linux-aarch64.so.1"
#endif

/* What the driver's libraries are linked to (DT_NEEDED of 535 and 550) and what these need. The
 * first few are the C library's; a machine without a display has none of the last ones, and then
 * the probe says of a library that it lacks another. */
static const char *const wanted[] = {
    "libc.so.6",         "libm.so.6",          "libdl.so.2",
    "libpthread.so.0",   "librt.so.1",         "libgcc_s.so.1",
    "libstdc++.so.6",    "libX11.so.6",        "libXext.so.6",
    "libxcb.so.1",       "libXau.so.6",        "libXdmcp.so.6",
    "libbsd.so.0",       "libmd.so.0",         "libdrm.so.2",
    "libgbm.so.1",       "libexpat.so.1",      "libffi.so.8",
    "libffi.so.7",       "libX11-xcb.so.1",    "libxcb-present.so.0",
    "libxcb-dri3.so.0",  "libGLdispatch.so.0", "libwayland-client.so.0",
    "libcrypto.so.3",    "libcrypto.so.1.1",   "libwayland-server.so.0",
    "libnuma.so.1",      "libz.so.1",          "libzstd.so.1",
    "libxcb-sync.so.1",  "libxshmfence.so.1",  "libxcb-xfixes.so.0",
    "libxcb-randr.so.0", "libxcb-dri2.so.0",   "libxcb-glx.so.0",
};

static const char *const folders[] = {
    "dev", "etc", "etc/ld.so.conf.d", "proc", "root", "run", "sys", "tmp", "usr", "var", "var/tmp"};

/* Where a merged /usr has links, so does the root, or the paths of the cache would lead elsewhere.
 */
static const char *const tops[] = {"bin", "sbin", "lib", "lib32", "lib64"};

static int fail(struct nvb_error **err, int errnum, const char *what, const char *path)
{
    return nvb_error_make(err, NVB_ERROR_ENGINE, errnum, "cannot %s '%s'", what, path);
}

static int copy_bytes(int from, int to, off_t size)
{
    while (size > 0) {
        ssize_t n = sendfile(to, from, NULL, (size_t)size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        size -= n;
    }
    return 0;
}

/* Copies the regular file SOURCE of this machine to TARGET inside ROOT. Returns 0, 1 where SOURCE
 * is no regular file or is not there, or -1. */
static int copy_file(const struct nvb_selftest_root *root, const char *source, const char *target,
                     mode_t mode, struct nvb_error **err)
{
    _cleanup_close_ int from = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (from < 0 || fstat(from, &st) < 0 || !S_ISREG(st.st_mode))
        return 1;
    _cleanup_free_ char *path = nvb_strdupf("%s/%s", root->path, target);
    _cleanup_free_ char *folder = nvb_path_dir(path);
    if (nvb_file_make_folders(folder, 0755, err) < 0)
        return -1;
    _cleanup_close_ int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (to < 0)
        return errno == EEXIST ? 0 : fail(err, errno, "write", path);
    int r = copy_bytes(from, to, st.st_size);
    if (r == 0 && fchmod(to, mode) < 0) /* whatever the umask is */
        r = -errno;
    return r < 0 ? fail(err, -r, "write", path) : 0;
}

static int write_text(const struct nvb_selftest_root *root, const char *name, const char *text,
                      struct nvb_error **err)
{
    _cleanup_free_ char *path = nvb_strdupf("%s/%s", root->path, name);
    return nvb_file_write(path, text, strlen(text), 0644, err);
}

static int make_top(const struct nvb_selftest_root *root, const char *name, struct nvb_error **err)
{
    _cleanup_free_ char *here = nvb_strdupf("/%s", name);
    _cleanup_free_ char *path = nvb_strdupf("%s/%s", root->path, name);
    _cleanup_free_ char *link = NULL;
    if (nvb_readlinkat(AT_FDCWD, here, &link) < 0)
        return 0;
    const char *target = link + strspn(link, "/");
    _cleanup_free_ char *behind = nvb_strdupf("%s/%s", root->path, target);
    if (strstr(target, ".."))
        return 0;
    if (nvb_file_make_folders(behind, 0755, err) < 0)
        return -1;
    return symlink(target, path) < 0 ? fail(err, errno, "make the link", path) : 0;
}

static int make_skeleton(const struct nvb_selftest_root *root, struct nvb_error **err)
{
    for (size_t i = 0; i < NVB_COUNT(folders); i++) {
        _cleanup_free_ char *path = nvb_strdupf("%s/%s", root->path, folders[i]);
        if (nvb_file_make_folders(path, 0755, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < NVB_COUNT(tops); i++)
        if (make_top(root, tops[i], err) < 0)
            return -1;
    if (write_text(root, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n", err) < 0 ||
        write_text(root, "etc/group", "root:x:0:\n", err) < 0)
        return -1;
    return 0;
}

static bool is_wanted(const struct nvb_ldcache_entry *entry)
{
    if (entry->hwcap || entry->value[0] != '/' || strstr(entry->value, "/../") ||
        nvb_ldcache_class_of(entry->flags) != OWN_CLASS)
        return false;
    for (size_t i = 0; i < NVB_COUNT(wanted); i++)
        if (strcmp(entry->key, wanted[i]) == 0)
            return true;
    return false;
}

static int no_glibc(struct nvb_error **err, const char *what)
{
    (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                         "%s, and selftest's container is made of this "
                         "machine's own",
                         what);
    return nvb_error_hint(err,
                          "with an image that has one: nvbind run --rm -v "
                          "\"$(command -v nvbind-probe)\":/nvbind-probe:ro IMAGE /nvbind-probe");
}

static int copy_libraries(const struct nvb_selftest_root *root, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
    struct nvb_ldcache cache;
    bool has_libc = false;
    int r = nvb_file_read_path(CACHE_FILE, NVB_LDCACHE_MAX_SIZE, &bytes, err);
    if (r < 0 || (r == 0 && nvb_ldcache_read(bytes.data, bytes.len, &cache, err) < 0))
        return -1;
    if (r > 0)
        return no_glibc(err, "this machine has no linker cache (" CACHE_FILE ")");
    for (size_t i = 0; i < cache.count; i++) {
        struct nvb_ldcache_entry entry;
        nvb_ldcache_get(&cache, i, &entry);
        if (!is_wanted(&entry))
            continue;
        r = copy_file(root, entry.value, entry.value, 0755, err);
        if (r < 0)
            return -1;
        has_libc |= r == 0 && strcmp(entry.key, "libc.so.6") == 0;
    }
    if (!has_libc || copy_file(root, LOADER, LOADER, 0755, err) != 0)
        return err && *err ? -1 : no_glibc(err, "no C library of GNU's is here");
    return 0;
}

static int fill(const struct nvb_selftest_root *root, const char *probe, struct nvb_error **err)
{
    if (chmod(root->path, 0755) < 0)
        return fail(err, errno, "set the mode of", root->path);
    if (make_skeleton(root, err) < 0 || copy_libraries(root, err) < 0)
        return -1;
    int r = copy_file(root, probe, NVB_SELFTEST_PROBE, 0755, err);
    return r > 0 ? fail(err, ENOENT, "read", probe) : r;
}

static int find_probe(char **ret, struct nvb_error **err)
{
    _cleanup_free_ char *self = NULL;
    if (nvb_readlinkat(AT_FDCWD, "/proc/self/exe", &self) == 0) {
        _cleanup_free_ char *folder = nvb_path_dir(self);
        _cleanup_free_ char *path = nvb_strdupf("%s/nvbind-probe", folder);
        if (access(path, X_OK) == 0) {
            *ret = TAKE_PTR(path);
            return 0;
        }
    }
    return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "nvbind-probe does not lie beside nvbind");
}

int nvb_selftest_root_make(const char *parent, const char *probe, struct nvb_selftest_root *ret,
                           struct nvb_error **err)
{
    _cleanup_selftest_root_ struct nvb_selftest_root root = {0};
    _cleanup_free_ char *path = nvb_strdupf("%s/selftest-XXXXXX", parent);
    if (!mkdtemp(path))
        return fail(err, errno, "make a folder in", parent);
    root.path = TAKE_PTR(path);
    if (fill(&root, probe, err) < 0)
        return -1;
    *ret = TAKE_STRUCT(root);
    return 0;
}

/*
 * The folder for caches and not the one for run-time files: a program must start in it, and /run is
 * mounted noexec on many machines.
 */
int nvb_selftest_root_make_own(const struct nvb_user *user, const char *command,
                               struct nvb_selftest_root *ret, struct nvb_error **err)
{
    _cleanup_free_ char *probe = NULL;
    if (find_probe(&probe, err) < 0)
        return -1;
    if (!user->cache) {
        (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                             "there is no folder for the test's files");
        return nvb_error_hint(err, "set HOME or XDG_CACHE_HOME to a folder of yours");
    }
    /* Who owns a folder above could lead root's files elsewhere. */
    if (user->uid == 0 && !nvb_trust_is_own_place(user->cache)) {
        (void)nvb_error_make(err, NVB_ERROR_PERMISSION, 0,
                             "the folder for the test's files, '%s', is not root's alone",
                             user->cache);
        return nvb_error_hint(err, "as root: HOME=/root nvbind %s, or without sudo", command);
    }
    if (nvb_file_make_folders(user->cache, 0700, err) < 0)
        return -1;
    return nvb_selftest_root_make(user->cache, probe, ret, err);
}

/* An engine may leave folders that not even their owner may look into. */
static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)at;
    return (type == FTW_DP || type == FTW_DNR ? rmdir(path) : unlink(path)) < 0 ? -errno : 0;
}

/* Whether something is mounted below PATH (or it cannot be told): whoever did that is not done, and
 * what lies there is not ours. Comparing devices would not tell: on an overlay a folder and the
 * files in it have different ones. */
static bool has_mounts(const char *path)
{
    _cleanup_str_ struct nvb_str mounts = NVB_STR_INIT;
    _cleanup_close_ int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    _cleanup_free_ char *inside = nvb_strdupf(" %s/", path);
    return fd < 0 || nvb_file_read(fd, "mountinfo", MAX_MOUNTINFO, &mounts, NULL) < 0 ||
           strstr(mounts.data, inside);
}

int nvb_selftest_root_remove(struct nvb_selftest_root *root)
{
    if (!root->path)
        return 0;
    int r =
        has_mounts(root->path) ? -EBUSY : nftw(root->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(root->path);
    root->path = NULL;
    return r == -1 ? -errno : r;
}

void nvb_selftest_root_done(struct nvb_selftest_root *root)
{
    (void)nvb_selftest_root_remove(root);
}
