#include "host/extra_library.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/path.h"
#include "host/elf_read.h"
#include "ldcache/ldcache.h"

#if defined(__aarch64__)
#define NATIVE NVB_LDCACHE_AARCH64
#define OTHER  NVB_LDCACHE_ARMHF
#else
#define NATIVE NVB_LDCACHE_X86_64
#define OTHER  NVB_LDCACHE_I386
#endif

/* The path that the linker cache has for NAME. Returns 0, 1 where it has none, or -1. */
static int look_up(const struct nvb_root *root, const char *name, char **ret,
                   struct nvb_error **err)
{
    static const enum nvb_ldcache_class classes[] = {NATIVE, OTHER};
    _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
    struct nvb_ldcache cache;
    int r = nvb_root_read(root, "/etc/ld.so.cache", NVB_LDCACHE_MAX_SIZE, &bytes, err);
    if (r == 0)
        r = nvb_ldcache_read(bytes.data, bytes.len, &cache, err);
    for (size_t c = 0; r == 0 && c < NVB_COUNT(classes); c++)
        for (size_t i = 0; i < cache.count; i++) {
            struct nvb_ldcache_entry entry;
            nvb_ldcache_get(&cache, i, &entry);
            if (nvb_ldcache_class_of(entry.flags) != classes[c] || entry.value[0] != '/' ||
                strcmp(entry.key, name) != 0)
                continue;
            *ret = nvb_strdup(entry.value);
            return 0;
        }
    return r < 0 ? -1 : 1;
}

/* Opens PATH, a regular file. Returns its descriptor, or -1. */
static int open_library(const struct nvb_root *root, const char *path, struct nvb_error **err)
{
    struct stat st;
    _cleanup_free_ char *outside = nvb_root_outside(root, path);
    int fd = nvb_root_openat(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return nvb_error_make(err, NVB_ERROR_CONFIG, -fd, "cannot read '%s'", outside);
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    (void)close(fd);
    return nvb_error_make(err, NVB_ERROR_CONFIG, 0, "'%s' is not a file", outside);
}

int nvb_host_find_library(const struct nvb_host *host, const char *name,
                          struct nvb_driver_file *ret, struct nvb_error **err)
{
    const struct nvb_root *root = &host->driver;
    _cleanup_free_ char *path = NULL;
    _cleanup_free_ char *real = NULL;
    struct nvb_elf elf = {0};
    const char *why = NULL;
    if (name[0] == '/') {
        path = nvb_strdup(name);
    } else {
        int r = look_up(root, name, &path, err);
        if (r < 0)
            return -1;
        if (r > 0) {
            (void)nvb_error_make(err, NVB_ERROR_CONFIG, 0, "the linker cache has no '%s'", name);
            return nvb_error_hint(err, "ldconfig -p lists its names; an absolute path goes too");
        }
    }
    _cleanup_close_ int fd = open_library(root, path, err);
    if (fd < 0)
        return -1;
    int r = nvb_root_resolve(root, path, fd, &real);
    if (r == 0)
        r = nvb_elf_read(fd, true, &elf, &why);
    if (r < 0)
        return nvb_error_make(err, nvb_error_kind_of(-r), -r, "cannot read '%s'", path);
    if (r > 0)
        return nvb_error_make(err, NVB_ERROR_CONFIG, 0, "'%s' cannot be used as a library: %s",
                              path, why);
    *ret = (struct nvb_driver_file){
        .kind = NVB_FILE_LIBRARY,
        .path = TAKE_PTR(real),
        .soname = elf.soname,
        .by_file_name = true,
        .is_32bit = elf.is_32bit,
    };
    return 0;
}
