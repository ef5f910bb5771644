#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "host/driver_search.h"
#include "host/elf_read.h"
#include "host/version.h"

/*
 * Where the libraries of one driver version are, in few calls.
 *
 * The linker cache names nearly all of them, and with them the folders: in each such folder the
 * file STEM.so.VERSION is asked for by name, which tells the real file from its links and never
 * takes one of another version. Debian and its like keep the files in a folder of their own and
 * only links, by way of /etc/alternatives, in the loader's: there the name is missing, and the file
 * turns up when the driver's own folders are listed, or else at the end of the cache's link.
 *
 * A folder that everybody uses has thousands of files, and listing it costs more than all the rest
 * together. So it is listed only where the cache does not know it but a library of the driver is
 * seen in it: the driver was installed without ldconfig, or there is no cache.
 *
 * The first that is found of each name and class is taken: the caller's folders come first, then
 * the loader's own order.
 */

/* Nothing shorter is an ELF file. */
#define LIBRARY_MIN_SIZE 64

/* Ten times what a driver has. Each is compared with those before it. */
#define LIBRARIES_MAX 512

/* The stem of a file's NAME, by its length: all before ".so". */
static size_t stem_len_of(const char *name)
{
    const char *so = strstr(name, ".so");
    return so ? (size_t)(so - name) : strlen(name);
}

static bool has_library(const struct nvb_driver_search *search, const char *name, size_t stem_len,
                        bool is_32bit)
{
    nvb_vec_foreach (taken, &search->taken)
        if (taken->stem_len == stem_len && taken->is_32bit == is_32bit &&
            memcmp(taken->name, name, stem_len) == 0)
            return true;
    return false;
}

/* STEM (LEN bytes) and the version: what the library's file is called. */
static char *file_name(const struct nvb_driver_search *search, const char *stem, size_t len)
{
    size_t suffix_len = strlen(search->suffix);
    char *name = nvb_malloc(len + suffix_len + 1);
    memcpy(name, stem, len);
    memcpy(name + len, search->suffix, suffix_len + 1);
    return name;
}

/* True where the cache's key is a SONAME that the library of this version can have: ".so.1", or
 * the version itself. A key with another version is another driver's. */
static bool is_our_soname(const struct nvb_driver_search *search,
                          const struct nvb_cached_library *cached)
{
    if (!cached->is_soname)
        return false;
    const char *suffix = cached->key + cached->stem_len + sizeof(".so.") - 1;
    return nvb_version_span(suffix) == 0 || strcmp(suffix, search->version) == 0;
}

/* The SONAME that the cache gives to the library NAME, or NULL. Borrowed. */
static const char *cached_soname(const struct nvb_driver_search *search, const char *name,
                                 size_t stem_len, bool is_32bit)
{
    nvb_vec_foreach (at, &search->cached)
        if (is_our_soname(search, at) && at->is_32bit == is_32bit && at->stem_len == stem_len &&
            memcmp(at->key, name, stem_len) == 0)
            return at->key;
    return NULL;
}

/* ---- taking a file --------------------------------------------------------------------------- */

/* Adds REAL (taken over). SONAME is copied; NULL stands for the file's own name, as for ldconfig.
 */
static void add_library(struct nvb_driver_search *search, const struct nvb_driver_library *row,
                        char *real, const char *soname, bool is_32bit)
{
    struct nvb_driver_file *file = nvb_vec_add(&search->files);
    file->kind = NVB_FILE_LIBRARY;
    file->capabilities = row ? row->capabilities : NVB_CAP_ANY;
    file->path = real;
    file->soname = nvb_strdup(soname ? soname : nvb_path_base(real));
    file->devnames = row ? row->devnames : NULL;
    file->by_file_name = row && row->by_file_name;
    file->is_32bit = is_32bit;
    const char *name = nvb_path_base(real);
    nvb_vec_push(&search->taken, ((struct nvb_taken_library){name, stem_len_of(name), is_32bit}));

    /* The same file once more, where it is loaded by its path. */
    for (const char *const *at = row ? row->module_paths : NULL; at && *at; at++) {
        char *path = nvb_strdup(real);
        char *module_path = nvb_driver_search_expand(search, *at, is_32bit);
        struct nvb_driver_file *module = nvb_vec_add(&search->files);
        module->kind = NVB_FILE_MODULE;
        module->capabilities = NVB_CAP_GRAPHICS | NVB_CAP_DISPLAY;
        module->path = path;
        module->container_path = module_path;
        module->is_32bit = is_32bit;
    }
}

/* Opens the regular file REAL and adds it when it is a library. FOLDER, if not NULL, holds it. */
static void read_library(struct nvb_driver_search *search, const struct nvb_driver_library *row,
                         const struct nvb_folder *folder, char **real)
{
    const char *name = nvb_path_base(*real);
    size_t stem_len = stem_len_of(name);
    /* O_NONBLOCK and no terminal: what was a file a moment ago may be a FIFO now. */
    int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC;
    _cleanup_close_ int fd = folder ? openat(folder->fd, name, flags)
                                    : nvb_root_openat(&search->host->driver, *real, flags);
    if (fd < 0) {
        nvb_driver_search_leave_out(search, *real, strerror(folder ? errno : -fd));
        return;
    }
    /* The cache tells SONAMEs of both classes; which of them is this one's, only the file tells. A
     * file that was cut shows itself by its SONAME's table. */
    bool want_soname = (row && row->is_checked) || (!cached_soname(search, name, stem_len, false) &&
                                                    !cached_soname(search, name, stem_len, true));
    struct nvb_elf elf = {0};
    const char *why = NULL;
    int r = nvb_elf_read(fd, want_soname, &elf, &why);
    if (r != 0) {
        nvb_driver_search_leave_out(search, *real, r < 0 ? strerror(-r) : why);
        return;
    }
    _cleanup_free_ char *own = elf.soname;
    if (elf.is_32bit && !(search->query->capabilities & NVB_CAP_COMPAT32))
        return;
    if (has_library(search, name, stem_len, elf.is_32bit))
        return;
    const char *soname = own ? own : cached_soname(search, name, stem_len, elf.is_32bit);
    if (!soname && !want_soname) {
        r = nvb_elf_read(fd, true, &elf, &why);
        if (r != 0) {
            nvb_driver_search_leave_out(search, *real, r < 0 ? strerror(-r) : why);
            return;
        }
        own = elf.soname;
        soname = own;
    }
    add_library(search, row, TAKE_PTR(*real), soname, elf.is_32bit);
}

/* True where REAL, found by NAME, is what that asks for: of the driver's version, or by its row of
 * one of its own, and not another library. */
static bool is_what_is_asked(const struct nvb_driver_search *search,
                             const struct nvb_driver_library *row, const char *name,
                             const char *real)
{
    if (row && row->own_version)
        return true;
    size_t len = stem_len_of(name);
    return nvb_has_suffix(real, search->suffix) && strncmp(nvb_path_base(real), name, len) == 0;
}

/*
 * Looks at NAME in FOLDER. What it leads to is added when it is a library of the right version.
 * CACHED, if not NULL, vouches for class and SONAME, so that the file need not be opened. Returns
 * true when something is there.
 */
static bool try_name(struct nvb_driver_search *search, struct nvb_folder *folder, const char *name,
                     const struct nvb_driver_library *row, const struct nvb_cached_library *cached)
{
    struct stat st;
    _cleanup_free_ char *real = NULL;
    int r = nvb_folder_look(&search->folders, folder, name, &st, &real);
    if (r < 0) {
        if (folder->fd >= 0 && r != -ENOENT && r != -ENOTDIR) {
            _cleanup_free_ char *path = nvb_folder_join(folder->path, name);
            nvb_driver_search_leave_out(search, path, strerror(-r));
        }
        return false;
    }
    if (!is_what_is_asked(search, row, name, real))
        return false;
    if (!S_ISREG(st.st_mode)) {
        nvb_driver_search_leave_out(search, real, "it is no file");
        return false;
    }
    if (st.st_size < LIBRARY_MIN_SIZE) {
        nvb_driver_search_leave_out(search, real, st.st_size ? "it is cut short" : "it is empty");
        return false;
    }
    folder->hits++;
    if (!cached || !is_our_soname(search, cached) || (row && row->is_checked && !cached->is_32bit))
        read_library(search, row, NULL, &real);
    else if (!has_library(search, cached->key, cached->stem_len, cached->is_32bit))
        add_library(search, row, TAKE_PTR(real), cached->key, cached->is_32bit);
    return true;
}

/* ---- folders that are listed ----------------------------------------------------------------- */

struct listing {
    const char *suffix; /* ".so.550.163.01" */
    struct nvb_strv files;
    struct nvb_strv others; /* links, and what the file system does not tell */
};

/* The row of NAME when a listing should take it; *ret_is_ours tells, as a row may be missing. */
static const struct nvb_driver_library *row_of(const char *name, const char *suffix,
                                               bool *ret_is_ours)
{
    size_t stem_len = stem_len_of(name);
    const struct nvb_driver_library *row = nvb_driver_library_find(name, stem_len);
    if (row && row->own_version)
        *ret_is_ours = strcmp(name + stem_len, row->soname) == 0;
    else
        *ret_is_ours = strcmp(name + stem_len, suffix) == 0 &&
                       (row || nvb_driver_library_is_likely(name, stem_len));
    return row;
}

static int listing_entry(void *arg, const char *name, unsigned char type)
{
    struct listing *listing = arg;
    if (strncmp(name, "lib", 3) != 0)
        return 0;
    bool is_ours;
    (void)row_of(name, listing->suffix, &is_ours);
    if (is_ours && listing->files.count + listing->others.count == LIBRARIES_MAX)
        return -E2BIG;
    if (is_ours)
        nvb_strv_add(type == DT_REG ? &listing->files : &listing->others, name);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_folder(struct nvb_driver_search *search, struct nvb_folder *folder)
{
    if (folder->fd < 0 || folder->is_listed)
        return;
    folder->is_listed = true;
    const char *suffix = search->suffix;
    struct listing listing = {.suffix = suffix};
    int r = nvb_folder_list(folder->fd, listing_entry, &listing);
    if (r < 0)
        nvb_driver_search_leave_out(search, folder->path, strerror(-r));

    /* A folder's own order is not the same on two machines. */
    if (listing.files.count)
        qsort(listing.files.items, listing.files.count, sizeof(char *), by_name);
    if (listing.others.count)
        qsort(listing.others.items, listing.others.count, sizeof(char *), by_name);
    bool is_ours;
    const char *real = listing.files.count ? nvb_folder_real(&search->folders, folder) : NULL;
    for (size_t i = 0; real && i < listing.files.count; i++) {
        const char *name = listing.files.items[i];
        _cleanup_free_ char *path = nvb_folder_join(real, name);
        folder->hits++;
        read_library(search, row_of(name, suffix, &is_ours), folder, &path);
    }
    for (size_t i = 0; i < listing.others.count; i++) {
        const char *name = listing.others.items[i];
        (void)try_name(search, folder, name, row_of(name, suffix, &is_ours), NULL);
    }
    nvb_strv_done(&listing.files);
    nvb_strv_done(&listing.others);
}

/* True where another path to the same folder has been searched: /lib/x for /usr/lib/x. */
static bool is_searched(struct nvb_driver_search *search, struct nvb_folder *folder)
{
    const char *real = nvb_folder_real(&search->folders, folder);
    if (!real)
        return true;
    nvb_vec_foreach (at, &search->folders.list) {
        struct nvb_folder *other = *at;
        if ((other->hits > 0 || other->is_listed) && other->real && strcmp(other->real, real) == 0)
            return true;
    }
    return false;
}

static bool has_driver(struct nvb_driver_search *search, struct nvb_folder *folder)
{
    static const char *const stems[] = {"libcuda", "libnvidia-ml"};
    for (size_t i = 0; i < NVB_COUNT(stems); i++) {
        _cleanup_free_ char *name = file_name(search, stems[i], strlen(stems[i]));
        struct stat st;
        if (fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            return true;
    }
    return false;
}

static void search_usual_folders(struct nvb_driver_search *search)
{
    for (size_t i = 0; i < nvb_library_folder_count; i++) {
        const struct nvb_library_folder *row = &nvb_library_folders[i];
        if ((row->is_32bit && !(search->query->capabilities & NVB_CAP_COMPAT32)) ||
            (row->is_apart && !nvb_driver_search_is_apart(search)))
            continue;
        struct nvb_folder *folder = nvb_driver_search_folder(search, row->path, strlen(row->path));
        if (folder->fd < 0 || is_searched(search, folder))
            continue;
        if (row->is_drivers_own || has_driver(search, folder))
            list_folder(search, folder);
    }
}

/* ---- the linker cache ------------------------------------------------------------------------ */

static struct nvb_folder *folder_of(struct nvb_driver_search *search, const char *path)
{
    size_t len = (size_t)(nvb_path_base(path) - path);
    return nvb_driver_search_folder(search, path, len > 1 ? len - 1 : len);
}

/* True where both would be looked for by the same name in the same folder. */
static bool is_same_place(const struct nvb_cached_library *a, const struct nvb_cached_library *b)
{
    size_t len = (size_t)(nvb_path_base(a->value) - a->value);
    return a->is_32bit == b->is_32bit && a->stem_len == b->stem_len &&
           memcmp(a->key, b->key, a->stem_len) == 0 && strncmp(a->value, b->value, len) == 0 &&
           !strchr(b->value + len, '/');
}

/* By name, in the folders that the cache names. */
static void search_cached_folders(struct nvb_driver_search *search)
{
    const struct nvb_cached_library *missed = NULL;
    nvb_vec_foreach (at, &search->cached) {
        if (has_library(search, at->key, at->stem_len, at->is_32bit))
            continue;
        if (at->row && at->row->own_version) {
            if (at->is_soname)
                (void)try_name(search, folder_of(search, at->value), nvb_path_base(at->value),
                               at->row, at);
            continue;
        }
        /* A library has two or three keys, SONAME and development names, one behind the other. */
        if (missed && is_same_place(missed, at))
            continue;
        _cleanup_free_ char *name = file_name(search, at->key, at->stem_len);
        if (!try_name(search, folder_of(search, at->value), name, at->row, at))
            missed = at;
    }
}

/* What the cache knows and no folder had: at the end of the cache's links. */
static void follow_cached_links(struct nvb_driver_search *search)
{
    nvb_vec_foreach (at, &search->cached)
        if (at->row && at->is_soname && !has_library(search, at->key, at->stem_len, at->is_32bit))
            (void)try_name(search, folder_of(search, at->value), nvb_path_base(at->value), at->row,
                           at);
}

/* Below the folders of the others: VDPAU's module folder is none of the loader's. */
static void search_subfolders(struct nvb_driver_search *search)
{
    for (size_t i = 0; i < nvb_driver_library_count; i++) {
        const struct nvb_driver_library *row = &nvb_driver_libraries[i];
        size_t stem_len = strlen(row->stem);
        bool wants_32bit = search->query->capabilities & NVB_CAP_COMPAT32;
        if (!row->subfolder || (has_library(search, row->stem, stem_len, false) &&
                                (!wants_32bit || has_library(search, row->stem, stem_len, true))))
            continue;
        _cleanup_free_ char *name = file_name(search, row->stem, stem_len);
        size_t known = search->folders.list.count;
        for (size_t k = 0; k < known; k++) {
            const struct nvb_folder *folder = search->folders.list.items[k];
            if (folder->hits == 0)
                continue;
            _cleanup_free_ char *path = nvb_folder_join(folder->path, row->subfolder);
            (void)try_name(search, nvb_driver_search_folder(search, path, strlen(path)), name, row,
                           NULL);
        }
    }
}

void nvb_driver_search_libraries(struct nvb_driver_search *search)
{
    const struct nvb_strv *given = search->query->library_folders;
    for (size_t i = 0; given && i < given->count; i++)
        list_folder(search,
                    nvb_driver_search_folder(search, given->items[i], strlen(given->items[i])));
    search_cached_folders(search);
    search_usual_folders(search);
    follow_cached_links(search);
    search_subfolders(search);
}
