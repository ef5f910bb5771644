/*
 * Which libraries are tried: every file that looks like a driver's in the linker cache and in the
 * folders that the loader searches, and every name of a list that programs ask for. A file is
 * loaded twice, in two processes: by its path, which shows its SONAME, and by that SONAME, which
 * shows whether a program that needs it would get it. Names that lead to one file are one row.
 */

#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/path.h"
#include "ldcache/ldcache.h"
#include "probe/probe.h"

/* What programs and other drivers' libraries open by name. Those whose name has the driver's
 * version in it are found in the folders. */
static const char *const known[] = {
    "libcuda.so.1",
    "libnvidia-ml.so.1",
    "libnvidia-ptxjitcompiler.so.1",
    "libcudadebugger.so.1",
    "libnvidia-nvvm.so.4",
    "libnvidia-opencl.so.1",
    "libnvidia-cfg.so.1",
    "libnvidia-allocator.so.1",
    "libnvcuvid.so.1",
    "libnvidia-encode.so.1",
    "libnvidia-opticalflow.so.1",

    "libEGL_nvidia.so.0",
    "libGLX_nvidia.so.0",
    "libGLESv1_CM_nvidia.so.1",
    "libGLESv2_nvidia.so.2",
    "libnvoptix.so.1",
    "libnvidia-fbc.so.1",
    "libnvidia-ngx.so.1",
    "libnvidia-api.so.1",
    "libnvidia-egl-gbm.so.1",
    "libnvidia-egl-wayland.so.1",
};

static const char *const prefixes[] = {
    "libcuda.so",          "libcudadebugger.so", "libnvidia-",       "libnvcuvid.so",
    "libnvoptix.so",       "libEGL_nvidia.so",   "libGLX_nvidia.so", "libGLESv1_CM_nvidia.so",
    "libGLESv2_nvidia.so", "libvdpau_nvidia.so",
};

static bool is_driver_like(const char *name)
{
    /* Libraries of a container tool, and plug-ins that lack what nvidia-settings brings. */
    if (nvb_has_prefix(name, "libnvidia-container") || nvb_has_prefix(name, "libnvidia-gtk") ||
        !strstr(name, ".so"))
        return false;
    for (size_t i = 0; i < NVB_COUNT(prefixes); i++) {
        if (nvb_has_prefix(name, prefixes[i]))
            return true;
    }
    return false;
}

/* ---- loading one ---------------------------------------------------------------------------- */

struct outcome {
    bool loaded;
    bool simulated;
    char *path;   /* the file that the loader took, without links */
    char *soname; /* its DT_SONAME, or NULL */
    char *reason; /* why it did not load */
};

static void outcome_done(struct outcome *outcome)
{
    free(outcome->path);
    free(outcome->soname);
    free(outcome->reason);
}

/* The loader has made the string table's address absolute. */
static const char *soname_of(const struct link_map *map)
{
    const char *strings = NULL;
    ElfW(Xword) place = 0;

    for (const ElfW(Dyn) *d = map->l_ld; d && d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_STRTAB)
            strings = (const char *)d->d_un.d_ptr;
        else if (d->d_tag == DT_SONAME)
            place = d->d_un.d_val;
    }
    return strings && place ? strings + place : "";
}

/* In a child: "ok", file, SONAME and whether it says it is simulated; or "no" and the reason. */
static void load(const void *arg, struct nvb_str *out)
{
    struct link_map *map = NULL;
    void *handle = dlopen(arg, RTLD_NOW | RTLD_LOCAL);

    if (!handle)
        nvb_str_addf(out, "no\n%s", dlerror());
    else if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 || !map)
        nvb_str_addf(out, "no\n%s", dlerror());
    else
        nvb_str_addf(out, "ok\n%s\n%s\n%s", map->l_name, soname_of(map),
                     dlsym(handle, "nvbind_simulated") ? "simulated" : "");
}

static void try_load(const char *request, struct outcome *ret)
{
    _cleanup_str_ struct nvb_str answer = NVB_STR_INIT;
    _cleanup_strv_ struct nvb_strv lines = {0};

    if (nvb_probe_apart(load, request, &answer, &ret->reason))
        return;
    nvb_strv_split(&lines, answer.data, '\n');
    if (lines.count != 4 || strcmp(lines.items[0], "ok") != 0) {
        ret->reason = nvb_strdup(lines.count > 1 ? lines.items[1] : "no answer");
        return;
    }
    ret->loaded = true;
    ret->path = realpath(lines.items[1], NULL);
    if (lines.items[2][0] != '\0')
        ret->soname = nvb_strdup(lines.items[2]);
    ret->simulated = lines.items[3][0] != '\0';
}

/* The loader's words when a library that is asked for is nowhere. */
static bool is_missing(const char *reason, const char *name)
{
    return nvb_has_prefix(reason, name) &&
           nvb_has_prefix(reason + strlen(name), ": cannot open shared");
}

/*
 * A driver's library may need one that the image does not bring: libGLX_nvidia needs libX11. That
 * is the image's choice, and no reason to fail. One driver's library that another needs is.
 */
static bool is_images_choice(const char *reason)
{
    _cleanup_free_ char *missing = nvb_strndup(reason, strcspn(reason, ":"));

    return is_missing(reason, missing) && !strchr(missing, '/') && !is_driver_like(missing);
}

static void judge_failure(struct nvb_probe_library *library, struct outcome *outcome)
{
    if (is_images_choice(outcome->reason)) {
        library->level = NVB_PROBE_NOTE;
        library->remark = nvb_strdupf("the image does not bring %.*s, which it needs",
                                      (int)strcspn(outcome->reason, ":"), outcome->reason);
        return;
    }
    library->level = NVB_PROBE_FAILED;
    library->remark = TAKE_PTR(outcome->reason);
}

/* ---- rows ----------------------------------------------------------------------------------- */

struct search {
    struct nvb_probe_libraries *ret;
    struct NVB_VEC(struct stat) seen; /* the files that have a row */
};

static bool is_seen(struct search *search, const struct stat *st)
{
    nvb_vec_foreach (old, &search->seen) {
        if (old->st_dev == st->st_dev && old->st_ino == st->st_ino)
            return true;
    }
    nvb_vec_push(&search->seen, *st);
    return false;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat one, two;

    return a && b && stat(a, &one) == 0 && stat(b, &two) == 0 && one.st_dev == two.st_dev &&
           one.st_ino == two.st_ino;
}

static bool is_known(const char *name)
{
    for (size_t i = 0; i < NVB_COUNT(known); i++) {
        if (strcmp(known[i], name) == 0)
            return true;
    }
    return false;
}

/*
 * Loads the file once more, by the name that programs use for it: the SONAME, or, where the loader
 * does not know that and nobody is known to ask for it, the development name FOUND ("libvdpau"
 * opens libvdpau_nvidia.so, and the file is in a folder of its own).
 */
static void judge_name(struct nvb_probe_library *library, const char *found)
{
    _cleanup_(outcome_done) struct outcome outcome = {0};

    try_load(library->name, &outcome);
    if (!outcome.loaded && is_missing(outcome.reason, library->name) &&
        nvb_has_suffix(found, ".so") && !is_known(library->name)) {
        free(library->name);
        library->name = nvb_strdup(found);
        outcome_done(&outcome);
        outcome = (struct outcome){0};
        try_load(found, &outcome);
    }
    if (!outcome.loaded) {
        library->level = NVB_PROBE_FAILED;
        library->remark = is_missing(outcome.reason, library->name)
                              ? nvb_strdup("it is there, and the loader does not find it by name")
                              : TAKE_PTR(outcome.reason);
    } else if (!is_same_file(outcome.path, library->path)) {
        library->level = NVB_PROBE_NOTE;
        library->remark = nvb_strdupf("the loader takes %s instead", outcome.path);
    }
}

static void add_file(struct search *search, const char *name, const char *path)
{
    struct nvb_probe_library library = {.path = realpath(path, NULL)};
    _cleanup_(outcome_done) struct outcome outcome = {0};

    try_load(path, &outcome);
    library.loaded = outcome.loaded;
    library.simulated = outcome.simulated;
    library.name = outcome.soname ? TAKE_PTR(outcome.soname) : nvb_strdup(name);
    if (outcome.loaded)
        judge_name(&library, name);
    else
        judge_failure(&library, &outcome);
    nvb_vec_push(search->ret, library);
}

static const struct nvb_probe_library *find_row(const struct search *search, const char *name)
{
    nvb_vec_foreach (row, search->ret) {
        if (strcmp(row->name, name) == 0)
            return row;
    }
    return NULL;
}

/* A name that no file has led to. The loader may know more places than were looked through. */
static void add_name(struct search *search, const char *name, bool required)
{
    struct nvb_probe_library library = {0};
    _cleanup_(outcome_done) struct outcome outcome = {0};
    struct stat st;

    if (find_row(search, name))
        return;
    try_load(name, &outcome);
    if (!outcome.loaded && is_missing(outcome.reason, name)) {
        if (!required)
            return;
        library.level = NVB_PROBE_FAILED;
        library.remark = nvb_strdup("required, and not there");
    } else if (!outcome.loaded) {
        judge_failure(&library, &outcome);
    } else if (!required && outcome.path && stat(outcome.path, &st) == 0 && is_seen(search, &st)) {
        return;
    }
    library.loaded = outcome.loaded;
    library.simulated = outcome.simulated;
    library.name = nvb_strdup(name);
    library.path = TAKE_PTR(outcome.path);
    nvb_vec_push(search->ret, library);
}

/* ---- where they lie ------------------------------------------------------------------------- */

/* True where the loader of this program takes the file at all: the same class and machine. */
static bool is_loadable(int folder, const char *name)
{
    static const ElfW(Half) machine =
#if defined(__aarch64__)
        EM_AARCH64;
#else
        EM_X86_64;
#endif
    _cleanup_close_ int fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ElfW(Ehdr) header;

    /* What cannot be read is tried all the same: the loader's message says why. */
    if (fd < 0 || pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
        return true;
    return memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_machine == machine;
}

/* NAME in FOLDER (open as FD), unless another name of the file has a row. */
static void add_found(struct search *search, int fd, const char *folder, const char *name)
{
    _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, name);
    struct stat st;

    if (fstatat(fd, name, &st, 0) != 0) {
        if (find_row(search, name))
            return;

        struct nvb_probe_library *library = nvb_vec_add(search->ret);

        library->name = nvb_strdup(name);
        library->path = TAKE_PTR(path);
        library->level = NVB_PROBE_FAILED;
        library->remark = nvb_strdup("it leads to nothing");
    } else if (!is_seen(search, &st) && is_loadable(fd, name)) {
        add_file(search, name, path);
    }
}

static void add_folder(struct search *search, const char *folder)
{
    DIR *dir = opendir(folder);

    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (is_driver_like(entry->d_name))
            add_found(search, dirfd(dir), folder, entry->d_name);
    }
    closedir(dir);
}

/* LD_LIBRARY_PATH and the loader's built-in folders, as the loader itself tells them. */
static void add_folders(struct search *search)
{
    Dl_serinfo size;
    void *self = dlopen(NULL, RTLD_NOW);

    if (!self || dlinfo(self, RTLD_DI_SERINFOSIZE, &size) != 0)
        return;

    _cleanup_free_ Dl_serinfo *info = nvb_calloc(1, size.dls_size);

    if (dlinfo(self, RTLD_DI_SERINFOSIZE, info) != 0 || dlinfo(self, RTLD_DI_SERINFO, info) != 0)
        return;
    for (unsigned i = 0; i < info->dls_cnt; i++)
        add_folder(search, info->dls_serpath[i].dls_name);
}

/* A cache that cannot be read is the loader's business: it then finds what the folders have. */
static void add_cache(struct search *search)
{
    _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
    struct nvb_ldcache cache;

    if (nvb_file_read_path("/etc/ld.so.cache", NVB_LDCACHE_MAX_SIZE, &bytes, NULL) != 0 ||
        nvb_ldcache_read(bytes.data, bytes.len, &cache, NULL) < 0)
        return;
    for (size_t i = 0; i < cache.count; i++) {
        struct nvb_ldcache_entry entry;

        nvb_ldcache_get(&cache, i, &entry);
        if (!is_driver_like(entry.key))
            continue;

        _cleanup_free_ char *folder = nvb_path_dir(entry.value);
        _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd >= 0)
            add_found(search, fd, folder, nvb_path_base(entry.value));
    }
}

/* ---- all of them ---------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strverscmp(((const struct nvb_probe_library *)a)->name,
                      ((const struct nvb_probe_library *)b)->name);
}

void nvb_probe_find_libraries(const struct nvb_strv *required, struct nvb_probe_libraries *ret)
{
    struct search search = {.ret = ret};

    add_cache(&search);
    add_folders(&search);
    for (size_t i = 0; i < NVB_COUNT(known); i++)
        add_name(&search, known[i], false);
    nvb_vec_foreach (name, required)
        add_name(&search, *name, true);
    nvb_vec_foreach (library, ret) {
        if (nvb_strv_has(required, library->name) && !library->loaded)
            library->level = NVB_PROBE_FAILED;
    }
    if (ret->count > 1)
        qsort(ret->items, ret->count, sizeof(*ret->items), by_name);
    nvb_vec_release(&search.seen);
}

void nvb_probe_libraries_done(struct nvb_probe_libraries *libraries)
{
    nvb_vec_foreach (library, libraries) {
        free(library->name);
        free(library->path);
        free(library->remark);
    }
    nvb_vec_release(libraries);
}
