#include "hook/compat.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/path.h"
#include "hook/elf_note.h"
#include "hook/say.h"
#include "hook/state.h"
#include "ldcache/ldcache.h"

/* The folder holds about a dozen files; more than this is not one of NVIDIA's. */
#define MAX_NAMES 256

#define NOTE       ".note.cuda.fwd_compatibility"
#define NOTE_OWNER "NVIDIA Corporation"

uint32_t hook_compat_flags(void)
{
#if defined(__x86_64__)
    return nvb_ldcache_flags_of(NVB_LDCACHE_X86_64);
#else
    return nvb_ldcache_flags_of(NVB_LDCACHE_AARCH64);
#endif
}

/* A driver's version, "550.163.01": its parts, and how many there are. */
struct version {
    uint64_t part[4];
    size_t count;
};

static int parse_version(const char *text, struct version *ret)
{
    struct version v = {0};
    for (const char *p = text;; p++) {
        size_t n = strcspn(p, ".");
        if (v.count == NVB_COUNT(v.part) || nvb_parse_u64(p, n, 10, &v.part[v.count]) < 0)
            return -1;
        v.count++;
        p += n;
        if (*p == '\0')
            break;
    }
    *ret = v;
    return 0;
}

static bool is_newer(const struct version *a, const struct version *b)
{
    for (size_t i = 0; i < NVB_COUNT(a->part); i++)
        if (a->part[i] != b->part[i])
            return a->part[i] > b->part[i];
    return false;
}

/* The names in the folder FD, at most MAX_NAMES. */
static int list_names(int fd, struct nvb_strv *ret)
{
    char buffer[4096] __attribute__((aligned(8)));
    for (;;) {
        long n = syscall(SYS_getdents64, fd, buffer, sizeof(buffer));
        if (n < 0)
            return -errno;
        if (n == 0)
            return 0;
        for (char *p = buffer; p < buffer + n;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)p;
            if (ret->count == MAX_NAMES)
                return -E2BIG;
            nvb_strv_add(ret, entry->d_name);
            p += entry->d_reclen;
        }
    }
}

/* "libcuda.so.575.57.08": returns "575.57.08", or NULL. */
static const char *version_of(const char *name)
{
    static const char stem[] = "libcuda.so.";
    if (!nvb_has_prefix(name, stem) || !strchr(name + strlen(stem), '.'))
        return NULL;
    return name + strlen(stem);
}

/* "libX.so.1", as programs ask for it, and "libcuda.so". */
static bool is_wanted(const char *name)
{
    const char *so = strstr(name, ".so.");
    if (strcmp(name, "libcuda.so") == 0)
        return true;
    if (!so || !nvb_has_prefix(name, "lib") || !so[4])
        return false;
    return strspn(so + 4, "0123456789") == strlen(so + 4);
}

/* The one versioned libcuda. NULL: there is none, or several, which leaves open what counts. */
static const char *find_libcuda(const struct nvb_strv *names)
{
    const char *found = NULL;
    nvb_vec_foreach (name, names) {
        if (!version_of(*name))
            continue;
        if (found)
            return NULL;
        found = *name;
    }
    return found;
}

/* Whether the libcuda NAME in DIR is for this driver: its note says so or, without one, it is of a
 * later major version. */
static bool fits(const struct hook_root *root, int dir, const char *name,
                 const struct version *driver)
{
    struct version compat;
    struct stat st;
    _cleanup_close_ int fd = -1;
    _cleanup_str_ struct nvb_str note = NVB_STR_INIT;
    if (parse_version(version_of(name), &compat) < 0 || !is_newer(&compat, driver) ||
        hook_open_regular(root, dir, name, &fd, &st) < 0)
        return false;
    int r = hook_find_note(fd, NOTE, NOTE_OWNER, &note);
    if (r < 0) {
        hook_say("%s/%s is not used: it is not a sound ELF file", HOOK_COMPAT_FOLDER, name);
        return false;
    }
    if (r == 1)
        return compat.part[0] > driver->part[0];
    /* The text ends with a zero byte or not. */
    r = hook_list_has(note.data, strlen(note.data), "driver", driver->part[0]);
    if (r < 0)
        hook_say("%s/%s is not used: its note cannot be read", HOOK_COMPAT_FOLDER, name);
    return r > 0;
}

void hook_find_compat(struct hook_root *root, const char *driver_version, struct nvb_strv *ret)
{
    struct version driver;
    _cleanup_strv_ struct nvb_strv names = {0};
    _cleanup_close_ int dir = -1;
    if (parse_version(driver_version, &driver) < 0) {
        hook_say("no forward compatibility: '%s' is not a driver's version", driver_version);
        return;
    }
    if (hook_root_look(root, HOOK_COMPAT_FOLDER, &dir) < 0)
        return;
    _cleanup_close_ int fd =
        nvb_path_open_in(dir, ".", O_RDONLY | O_DIRECTORY, 0, NVB_RESOLVE_NO_XDEV | root->resolve);
    if (fd < 0 || list_names(fd, &names) < 0)
        return;
    const char *libcuda = find_libcuda(&names);
    if (!libcuda || !fits(root, dir, libcuda, &driver))
        return;
    nvb_vec_foreach (name, &names) {
        if (is_wanted(*name))
            nvb_strv_add(ret, *name);
    }
}
