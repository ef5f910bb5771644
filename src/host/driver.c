#include <errno.h>
#include <string.h>

#include "host/driver_search.h"

/* Debian's name of the architecture of the driver's 64-bit files, and of the 32-bit ones. */
#if defined(__aarch64__)
#define MULTIARCH    "aarch64-linux-gnu"
#define MULTIARCH_32 "arm-linux-gnueabihf"
#else
#define MULTIARCH    "x86_64-linux-gnu"
#define MULTIARCH_32 "i386-linux-gnu"
#endif

static void file_done(struct nvb_driver_file *file)
{
    free(file->path);
    free(file->container_path);
    free(file->soname);
}

static void files_done(struct nvb_driver_files *files)
{
    nvb_vec_foreach (file, files)
        file_done(file);
    nvb_vec_release(files);
}

void nvb_driver_done(struct nvb_driver *driver)
{
    files_done(&driver->files);
    free(driver->version);
    free(driver->flavour);
    *driver = (struct nvb_driver){0};
}

static void search_done(struct nvb_driver_search *search)
{
    nvb_folders_done(&search->folders);
    nvb_str_done(&search->cache_bytes);
    nvb_vec_release(&search->cached);
    nvb_vec_release(&search->taken);
    free(search->suffix);
    files_done(&search->files);
}

bool nvb_driver_file_is_wanted(const struct nvb_driver_file *file, unsigned capabilities)
{
    return (file->capabilities & capabilities) != 0 &&
           (!file->is_32bit || (capabilities & NVB_CAP_COMPAT32));
}

void nvb_driver_search_leave_out(struct nvb_driver_search *search, const char *path,
                                 const char *why)
{
    _cleanup_free_ char *name = nvb_root_outside(&search->host->driver, path);
    nvb_notes_add(search->notes, NVB_NOTE_WARNING, "'%s' is left out: %s", name, why);
}

struct nvb_folder *nvb_driver_search_folder(struct nvb_driver_search *search, const char *path,
                                            size_t len)
{
    size_t known = search->folders.list.count;
    struct nvb_folder *folder = nvb_folders_get(&search->folders, path, len);
    bool is_new = search->folders.list.count > known;
    if (is_new && folder->fd < 0 && folder->fd != -ENOENT && folder->fd != -ENOTDIR)
        nvb_driver_search_leave_out(search, folder->path, strerror(-folder->fd));
    return folder;
}

bool nvb_driver_search_is_apart(const struct nvb_driver_search *search)
{
    return strcmp(search->host->driver.path, search->host->root.path) != 0;
}

char *nvb_driver_search_expand(const struct nvb_driver_search *search, const char *text,
                               bool is_32bit)
{
    const struct {
        const char *name, *value;
    } words[] = {
        {"@version@", search->version},
        {"@multiarch@", is_32bit ? MULTIARCH_32 : MULTIARCH},
        {"@libdir@", is_32bit ? "lib" : "lib64"},
        {"@firmware@", search->firmware},
        {"@release@", search->release},
    };
    if (!text)
        return NULL;
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    while (*text) {
        size_t n = strcspn(text, "@");
        nvb_str_addn(&s, text, n);
        text += n;
        if (!*text)
            break;
        size_t i = 0;
        while (i < NVB_COUNT(words) && (!words[i].value || !nvb_has_prefix(text, words[i].name)))
            i++;
        if (i == NVB_COUNT(words)) {
            nvb_str_addc(&s, *text++);
            continue;
        }
        nvb_str_add(&s, words[i].value);
        text += strlen(words[i].name);
    }
    return nvb_str_steal(&s);
}

static int by_path(const void *left, const void *right)
{
    const struct nvb_driver_file *a = left;
    const struct nvb_driver_file *b = right;
    int r = strcmp(a->path, b->path);
    if (r != 0)
        return r;
    return strcmp(a->container_path ? a->container_path : "",
                  b->container_path ? b->container_path : "");
}

static void keep_wanted(struct nvb_driver_files *files, unsigned capabilities)
{
    size_t kept = 0;
    for (size_t i = 0; i < files->count; i++) {
        if (nvb_driver_file_is_wanted(&files->items[i], capabilities))
            files->items[kept++] = files->items[i];
        else
            file_done(&files->items[i]);
    }
    files->count = kept;
    if (kept)
        qsort(files->items, kept, sizeof(*files->items), by_path);
}

/* A driver that was upgraded under a loaded module: nothing works until they agree again. */
static void note_other_version(struct nvb_driver_search *search)
{
    _cleanup_free_ char *other = nvb_driver_search_guess_version(search);
    if (!other || strcmp(other, search->version) == 0)
        return;
    nvb_notes_add(search->notes, NVB_NOTE_WARNING,
                  "the loaded kernel module is of driver %s, the libraries are of driver %s",
                  search->version, other);
    nvb_notes_hint(search->notes, "reboot, so that the kernel loads the module of driver %s",
                   other);
}

/* A link leads to a file of another folder: what is replaced there counts as well. */
static void tell_looked(const struct nvb_driver_search *search, struct nvb_strv *ret)
{
    nvb_vec_foreach (folder, &search->folders.list)
        nvb_strv_add(ret, (*folder)->path);
    nvb_vec_foreach (file, &search->files) {
        _cleanup_free_ char *folder = nvb_path_dir(file->path);
        if (ret->count == 0 || strcmp(ret->items[ret->count - 1], folder) != 0)
            nvb_vec_push(ret, TAKE_PTR(folder));
    }
}

int nvb_host_find_driver(const struct nvb_host *host, const struct nvb_driver_query *query,
                         struct nvb_driver *ret, struct nvb_notes *notes, struct nvb_error **err)
{
    _cleanup_driver_ struct nvb_driver driver = {0};
    int r = nvb_host_read_version(host, &driver.version, &driver.flavour, err);
    if (r < 0)
        return -1;
    driver.module_loaded = r == 0;

    _cleanup_(search_done) struct nvb_driver_search search = {
        .host = host,
        .query = query,
        .notes = notes,
        .folders = {.root = &host->driver},
        .cache_bytes = NVB_STR_INIT,
    };
    nvb_driver_search_read_cache(&search);
    if (!driver.version)
        driver.version = nvb_driver_search_guess_version(&search);
    if (driver.version) {
        search.version = driver.version;
        search.suffix = nvb_strdupf(".so.%s", driver.version);
        nvb_driver_search_libraries(&search);
        if (search.files.count)
            nvb_driver_search_places(&search);
        else
            note_other_version(&search);
    }
    keep_wanted(&search.files, query->capabilities);
    if (query->looked)
        tell_looked(&search, query->looked);
    driver.files = TAKE_STRUCT(search.files);
    *ret = TAKE_STRUCT(driver);
    return 0;
}
