#include "host/mig.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "host/folder.h"

/*
 * Theory of operation. A GPU in MIG mode is cut into GPU instances, and each of them into compute
 * instances; one of the latter is what programs see as a device. The driver shows them as
 *
 *     /proc/driver/nvidia/capabilities/gpu<Device Minor>/mig/gi<G>/access
 *     /proc/driver/nvidia/capabilities/gpu<Device Minor>/mig/gi<G>/ci<C>/access
 *
 * and in each file stands the minor number of /dev/nvidia-caps/nvidia-cap<N>, which a process has
 * to be able to open to use the instance (NVIDIA's MIG User Guide; kernel-open/nvidia/nv-caps.c in
 * the open kernel modules). /proc/driver/nvidia-caps/mig-minors holds the same numbers, but of all
 * the 4320 instances that there could ever be, so it is not read. The folder "mig" is there for
 * every GPU, whatever its mode.
 */

#define FOLDER     "/proc/driver/nvidia/capabilities"
#define ACCESS_MAX 512

/* The driver has 15 GPU instances a GPU, 8 compute instances in each, and 8192 minors. */
#define INSTANCE_MAX 255
#define MINOR_MAX    65535

struct numbers NVB_VEC(unsigned);

void nvb_mig_reader_done(struct nvb_mig_reader *reader)
{
    nvb_close_p(&reader->fd);
}

void nvb_migs_done(struct nvb_migs *migs)
{
    nvb_vec_foreach (mig, migs) {
        free(mig->uuid);
        free(mig->profile);
        nvb_nodes_done(&mig->nodes);
    }
    nvb_vec_release(migs);
}

static void numbers_done(struct numbers *numbers)
{
    nvb_vec_release(numbers);
}

static int fail(const struct nvb_mig_reader *reader, const char *path, int errnum,
                struct nvb_error **err)
{
    _cleanup_free_ char *name = nvb_strdupf(FOLDER "/%s", path);
    _cleanup_free_ char *outside = nvb_root_outside(&reader->host->root, name);
    return nvb_error_make(err, nvb_error_kind_of(errnum), errnum, "cannot read '%s'", outside);
}

/* What the driver has just taken away is no fault. */
static bool is_gone(int r)
{
    return r == -ENOENT || r == -ENOTDIR || r == -ENODEV;
}

int nvb_mig_open(const struct nvb_host *host, struct nvb_mig_reader *ret, struct nvb_error **err)
{
    int fd = nvb_root_openat(&host->root, FOLDER, O_PATH | O_DIRECTORY);
    ret->host = host;
    if (fd < 0 && !is_gone(fd))
        return fail(ret, "", -fd, err);
    ret->fd = fd < 0 ? -1 : fd;
    return 0;
}

/* ---- instances ------------------------------------------------------------------------------ */

struct wanted {
    const char *prefix;
    struct numbers *numbers;
};

static int entry(void *arg, const char *name, unsigned char type)
{
    (void)type;
    const struct wanted *wanted = arg;
    size_t len = strlen(wanted->prefix);
    uint64_t n;
    if (strncmp(name, wanted->prefix, len) != 0 ||
        nvb_parse_u64(name + len, strlen(name + len), 10, &n) < 0 || n > INSTANCE_MAX)
        return 0;
    /* "gi07" beside "gi7" was not made by a driver. */
    if (name[len] == '0' && name[len + 1] != '\0')
        return 0;
    nvb_vec_push(wanted->numbers, (unsigned)n);
    return 0;
}

static int by_number(const void *left, const void *right)
{
    unsigned a = *(const unsigned *)left;
    unsigned b = *(const unsigned *)right;
    return a < b ? -1 : a > b;
}

/* The numbers behind PREFIX among the names in the folder PATH, ascending. Returns 0 or -1. */
static int list_numbers(const struct nvb_mig_reader *reader, const char *path, const char *prefix,
                        struct numbers *ret, struct nvb_error **err)
{
    int fd = nvb_path_open_in(reader->fd, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0, 0);
    if (is_gone(fd))
        return 0;
    _cleanup_close_ int keep = fd;
    int r = fd < 0 ? fd : nvb_folder_list(keep, entry, &(struct wanted){prefix, ret});
    if (r < 0 && !is_gone(r))
        return fail(reader, path, -r, err);
    if (ret->count)
        qsort(ret->items, ret->count, sizeof(*ret->items), by_number);
    return 0;
}

/* Whether the file system tells that nothing is below PATH: the driver's own (proc) counts the
 * folders in a folder as links to it. Some others never tell. */
static bool has_no_folders(const struct nvb_mig_reader *reader, const char *path)
{
    struct stat st;
    return fstatat(reader->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? is_gone(-errno)
                                                                   : st.st_nlink == 2;
}

/* ---- capability files ----------------------------------------------------------------------- */

static int fail_content(const struct nvb_mig_reader *reader, const char *path,
                        struct nvb_error **err)
{
    _cleanup_free_ char *name = nvb_strdupf(FOLDER "/%s", path);
    _cleanup_free_ char *outside = nvb_root_outside(&reader->host->root, name);
    nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                   "'DeviceFileMinor: NUMBER' is what a driver writes there");
    return nvb_error_at(err, outside, 1, 0);
}

/* The minor in PATH's "DeviceFileMinor: 3". Returns 0, 1 where the file is not there, or -1. */
static int read_minor(const struct nvb_mig_reader *reader, const char *path, unsigned *ret,
                      struct nvb_error **err)
{
    static const char key[] = "DeviceFileMinor: ";
    char text[ACCESS_MAX + 1];
    uint64_t minor;
    /* Without waiting: a FIFO in a root that lies has nothing to say. */
    int fd = nvb_path_open_in(reader->fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, 0);
    if (is_gone(fd))
        return 1;
    _cleanup_close_ int keep = fd;
    ssize_t n = fd < 0 ? fd : read(keep, text, ACCESS_MAX);
    if (n < 0)
        return fail(reader, path, fd < 0 ? -fd : errno, err);
    text[n] = '\0';
    const char *value = text + sizeof(key) - 1;
    if (!nvb_has_prefix(text, key) ||
        nvb_parse_u64(value, strspn(value, "0123456789"), 10, &minor) < 0 || minor > MINOR_MAX ||
        value[strspn(value, "0123456789")] != '\n')
        return fail_content(reader, path, err);
    *ret = (unsigned)minor;
    return 0;
}

static int look_at(const struct nvb_mig_reader *reader, struct nvb_dev_folders *folders,
                   enum nvb_node_role role, unsigned minor, struct nvb_nodes *ret,
                   struct nvb_error **err)
{
    _cleanup_free_ char *path = nvb_strdupf("/dev/nvidia-caps/nvidia-cap%u", minor);
    if (nvb_dev_folders_open_caps(reader->host, folders, err) < 0)
        return -1;
    return nvb_node_look(reader->host, folders, role, path, ret, err);
}

/* ---- all of a GPU's ------------------------------------------------------------------------- */

/* The compute instances of GI, whose folder is PATH. Returns 0 or -1. */
static int find_in_instance(const struct nvb_mig_reader *reader, struct nvb_dev_folders *folders,
                            const char *path, unsigned gi, struct nvb_migs *ret,
                            struct nvb_error **err)
{
    _cleanup_(numbers_done) struct numbers cis = {0};
    _cleanup_free_ char *file = nvb_strdupf("%s/access", path);
    unsigned gi_minor = 0;
    int r = read_minor(reader, file, &gi_minor, err);
    if (r != 0)
        return r < 0 ? -1 : 0;
    if (list_numbers(reader, path, "ci", &cis, err) < 0)
        return -1;
    nvb_vec_foreach (ci, &cis) {
        _cleanup_free_ char *ci_file = nvb_strdupf("%s/ci%u/access", path, *ci);
        unsigned minor = 0;
        r = read_minor(reader, ci_file, &minor, err);
        if (r < 0)
            return -1;
        if (r > 0)
            continue;
        unsigned index = (unsigned)ret->count;
        struct nvb_mig *mig = nvb_vec_add(ret);
        mig->index = index;
        mig->gi = gi;
        mig->ci = *ci;
        if (look_at(reader, folders, NVB_NODE_MIG_GI, gi_minor, &mig->nodes, err) < 0 ||
            look_at(reader, folders, NVB_NODE_MIG_CI, minor, &mig->nodes, err) < 0)
            return -1;
    }
    return 0;
}

int nvb_mig_find(const struct nvb_mig_reader *reader, struct nvb_dev_folders *folders,
                 struct nvb_gpu *gpu, struct nvb_error **err)
{
    if (reader->fd < 0 || gpu->minor < 0)
        return 0;
    _cleanup_free_ char *path = nvb_strdupf("gpu%d/mig", gpu->minor);
    _cleanup_(numbers_done) struct numbers gis = {0};
    if (has_no_folders(reader, path))
        return 0;
    if (list_numbers(reader, path, "gi", &gis, err) < 0)
        return -1;
    gpu->is_cut = gis.count > 0;
    nvb_vec_foreach (gi, &gis) {
        _cleanup_free_ char *instance = nvb_strdupf("%s/gi%u", path, *gi);
        if (find_in_instance(reader, folders, instance, *gi, &gpu->migs, err) < 0)
            return -1;
    }
    return 0;
}

int nvb_host_find_mig_management(const struct nvb_host *host, enum nvb_node_role role,
                                 struct nvb_nodes *ret, struct nvb_error **err)
{
    _cleanup_mig_reader_ struct nvb_mig_reader reader = NVB_MIG_READER_INIT;
    _cleanup_dev_folders_ struct nvb_dev_folders folders = NVB_DEV_FOLDERS_INIT;
    unsigned minor = 0;
    if (nvb_mig_open(host, &reader, err) < 0)
        return -1;
    if (reader.fd < 0)
        return 1;
    int r = read_minor(&reader, role == NVB_NODE_MIG_CONFIG ? "mig/config" : "mig/monitor", &minor,
                       err);
    return r != 0 ? r : look_at(&reader, &folders, role, minor, ret, err);
}
