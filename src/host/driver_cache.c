#include <fcntl.h>
#include <string.h>

#include "host/driver_search.h"
#include "host/version.h"

#define CACHE_FILE "/etc/ld.so.cache"

/* Two classes, three keys each, of ten times as many libraries as a driver has. */
#define CACHED_MAX 3000

/* The class of a cache entry. Returns 0, or -1 for one that is no machine code of ours. */
static int class_of(uint32_t flags, bool *ret_is_32bit)
{
    switch (nvb_ldcache_class_of(flags)) {
    case NVB_LDCACHE_X86_64:
    case NVB_LDCACHE_AARCH64:
        *ret_is_32bit = false;
        return 0;
    case NVB_LDCACHE_I386:
    case NVB_LDCACHE_ARMHF:
        *ret_is_32bit = true;
        return 0;
    case NVB_LDCACHE_X32:
    case NVB_LDCACHE_OTHER:
        break;
    }
    return -1;
}

/* A cache has thousands of keys and the driver some fifty: most are told apart by four letters. */
static bool may_be_ours(const char *key)
{
    return strncmp(key, "lib", 3) == 0 && key[3] && strchr("cnGEv", key[3]);
}

static void take_entry(struct nvb_driver_search *search, const struct nvb_ldcache_entry *entry)
{
    if (!may_be_ours(entry->key) || entry->value[0] != '/')
        return;
    const char *so = strstr(entry->key, ".so");
    if (!so)
        return;
    struct nvb_cached_library found = {
        .key = entry->key,
        .value = entry->value,
        .stem_len = (size_t)(so - entry->key),
        .is_soname = so[3] == '.' && so[4] != '\0',
    };
    found.row = nvb_driver_library_find(found.key, found.stem_len);
    if (!found.row && !nvb_driver_library_is_likely(found.key, found.stem_len))
        return;
    if (class_of(entry->flags, &found.is_32bit) < 0)
        return;
    if (found.is_32bit && !(search->query->capabilities & NVB_CAP_COMPAT32))
        return;
    nvb_vec_push(&search->cached, found);
}

void nvb_driver_search_read_cache(struct nvb_driver_search *search)
{
    _cleanup_error_ struct nvb_error *error = NULL;
    struct nvb_ldcache cache;
    int r = nvb_root_read(&search->host->driver, CACHE_FILE, NVB_LDCACHE_MAX_SIZE,
                          &search->cache_bytes, &error);
    if (r == 0)
        r = nvb_ldcache_read(search->cache_bytes.data, search->cache_bytes.len, &cache, &error);
    if (r == 1)
        return;
    if (r < 0) {
        _cleanup_free_ char *name = nvb_root_outside(&search->host->driver, CACHE_FILE);
        nvb_notes_add(search->notes, NVB_NOTE_WARNING,
                      "the linker cache '%s' cannot be used, so the driver is looked for in the "
                      "usual folders: %s",
                      name, error->message);
        nvb_notes_hint(search->notes, "sudo ldconfig");
        return;
    }
    for (size_t i = 0; i < cache.count && search->cached.count < CACHED_MAX; i++) {
        struct nvb_ldcache_entry entry;
        nvb_ldcache_get(&cache, i, &entry);
        take_entry(search, &entry);
    }
}

/* ---- the version --------------------------------------------------------------------------- */

/* The version in the real name of the library that PATH leads to; NULL: none. */
static char *version_behind(struct nvb_driver_search *search, const char *path, const char *stem)
{
    _cleanup_close_ int fd = nvb_root_openat(&search->host->driver, path, O_PATH);
    _cleanup_free_ char *real = NULL;
    if (fd < 0 || nvb_root_resolve(&search->host->driver, path, fd, &real) < 0)
        return NULL;
    const char *base = nvb_path_base(real);
    size_t len = strlen(stem);
    if (strncmp(base, stem, len) != 0 || strncmp(base + len, ".so.", 4) != 0)
        return NULL;
    const char *version = base + len + 4;
    size_t span = nvb_version_span(version);
    return span && version[span] == '\0' ? nvb_strdup(version) : NULL;
}

static char *version_of(struct nvb_driver_search *search, const char *stem)
{
    _cleanup_free_ char *soname = nvb_strdupf("%s.so.1", stem);
    const struct nvb_strv *given = search->query->library_folders;
    for (size_t i = 0; given && i < given->count; i++) {
        _cleanup_free_ char *path = nvb_strdupf("%s/%s", given->items[i], soname);
        char *version = version_behind(search, path, stem);
        if (version)
            return version;
    }
    nvb_vec_foreach (at, &search->cached) {
        if (at->is_32bit || strcmp(at->key, soname) != 0)
            continue;
        char *version = version_behind(search, at->value, stem);
        if (version)
            return version;
    }
    for (size_t i = 0; i < nvb_library_folder_count; i++) {
        if (nvb_library_folders[i].is_32bit)
            continue;
        _cleanup_free_ char *path = nvb_strdupf("%s/%s", nvb_library_folders[i].path, soname);
        char *version = version_behind(search, path, stem);
        if (version)
            return version;
    }
    return NULL;
}

char *nvb_driver_search_guess_version(struct nvb_driver_search *search)
{
    char *version = version_of(search, "libcuda");
    return version ? version : version_of(search, "libnvidia-ml");
}
