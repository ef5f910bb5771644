#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "host/driver_search.h"
#include "host/elf_read.h"

static bool has_container_path(const struct nvb_driver_search *search, const char *path)
{
    nvb_vec_foreach (file, &search->files)
        if (file->container_path && strcmp(file->container_path, path) == 0)
            return true;
    return false;
}

/* Takes over PATH and CONTAINER_PATH. */
static void add_file(struct nvb_driver_search *search, enum nvb_file_kind kind,
                     unsigned capabilities, char *path, char *container_path)
{
    struct nvb_driver_file *file = nvb_vec_add(&search->files);
    file->kind = kind;
    file->capabilities = capabilities;
    file->path = path;
    file->container_path = container_path;
}

/*
 * Looks for NAME, which may have folders of its own, below the folder BASE. Returns 0, or a
 * negative errno: -ENOENT also where one of the folders is not there.
 */
static int look_below(struct nvb_driver_search *search, const char *base, const char *name,
                      struct stat *ret_st, char **ret_real)
{
    struct nvb_folder *folder = nvb_driver_search_folder(search, base, strlen(base));
    const char *last = nvb_path_base(name);
    if (folder->fd >= 0 && last != name) {
        _cleanup_free_ char *below = nvb_strndup(name, (size_t)(last - name - 1));
        _cleanup_free_ char *path = nvb_folder_join(base, below);
        folder = nvb_driver_search_folder(search, path, strlen(path));
    }
    /* What else is wrong with a folder has been said. */
    return folder->fd < 0 ? -ENOENT
                          : nvb_folder_look(&search->folders, folder, last, ret_st, ret_real);
}

/* NULL: the file is what KIND says. Else why not, in a few words. */
static const char *unfit(const struct nvb_driver_search *search, enum nvb_file_kind kind,
                         const char *real, const struct stat *st)
{
    if (kind == NVB_FILE_SOCKET)
        return S_ISSOCK(st->st_mode) ? NULL : "it is no socket";
    if (!S_ISREG(st->st_mode))
        return "it is no file";
    if (kind == NVB_FILE_BINARY)
        return st->st_mode & 0111 ? NULL : "it is no program";
    if (kind != NVB_FILE_MODULE)
        return NULL;

    _cleanup_close_ int fd =
        nvb_root_openat(&search->host->driver, real, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
    if (fd < 0)
        return strerror(-fd);
    struct nvb_elf elf = {0};
    const char *why = NULL;
    int r = nvb_elf_read(fd, false, &elf, &why);
    return r < 0 ? strerror(-r) : r > 0 ? why : NULL;
}

/* True where a file whose name begins with PREFIX was found before. */
static bool has_found(const struct nvb_driver_search *search, const char *prefix)
{
    nvb_vec_foreach (file, &search->files)
        if (nvb_has_prefix(nvb_path_base(file->path), prefix))
            return true;
    return false;
}

/* True where NAME, which leads to REAL, is no link, or one to a file of the right version. */
static bool has_right_version(const struct nvb_driver_search *search,
                              const struct nvb_driver_place *row, const char *name,
                              const char *real)
{
    _cleanup_free_ char *suffix = nvb_driver_search_expand(search, row->version_suffix, false);
    const char *own = nvb_path_base(name);
    size_t len = strlen(own);
    const char *base = nvb_path_base(real);
    return !suffix || strcmp(base, own) == 0 ||
           (strncmp(base, own, len) == 0 && strcmp(base + len, suffix) == 0);
}

/*
 * NixOS gives its programs a loader out of its own store, which no container has. The package keeps
 * the untouched ones beside for that reason (nixpkgs, nvidia-x11/builder.sh). REAL is replaced by
 * such a one.
 */
static void prefer_untouched(struct nvb_driver_search *search, char **real)
{
    static const char store[] = "/nix/store/";
    static const char bin[] = "/bin/";
    const char *name = nvb_path_base(*real);
    size_t len = (size_t)(name - *real);
    if (!nvb_has_prefix(*real, store) || len < sizeof(bin) - 1 ||
        memcmp(name - (sizeof(bin) - 1), bin, sizeof(bin) - 1) != 0)
        return;
    _cleanup_free_ char *folder =
        nvb_strdupf("%.*s/origBin", (int)(len - (sizeof(bin) - 1)), *real);
    struct stat st;
    char *found = NULL;
    if (nvb_folder_look(&search->folders, nvb_driver_search_folder(search, folder, strlen(folder)),
                        name, &st, &found) < 0)
        return;
    if (S_ISREG(st.st_mode) && (st.st_mode & 0111)) {
        free(*real);
        *real = TAKE_PTR(found);
    }
    free(found);
}

/* Looks for the row's NAME below BASE. True: there is no need to look on. */
static bool try_place(struct nvb_driver_search *search, const struct nvb_driver_place *row,
                      const char *base, const char *name)
{
    _cleanup_free_ char *container_path =
        nvb_folder_join(row->container_folder ? row->container_folder : base,
                        row->container_name ? row->container_name : name);
    if (has_container_path(search, container_path))
        return true;
    struct stat st;
    _cleanup_free_ char *real = NULL;
    int r = look_below(search, base, name, &st, &real);
    if (r == -ENOENT || r == -ENOTDIR || (r == 0 && !has_right_version(search, row, name, real)))
        return false;
    const char *why = r < 0 ? strerror(-r) : unfit(search, row->kind, real, &st);
    if (why) {
        _cleanup_free_ char *path = nvb_folder_join(base, name);
        nvb_driver_search_leave_out(search, path, why);
        return false;
    }
    if (row->kind == NVB_FILE_BINARY)
        prefer_untouched(search, &real);
    add_file(search, row->kind, row->capabilities, TAKE_PTR(real), TAKE_PTR(container_path));
    search->files.items[search->files.count - 1].is_32bit = row->is_32bit;
    return true;
}

static void search_place(struct nvb_driver_search *search, const struct nvb_driver_place *row)
{
    _cleanup_free_ char *name = nvb_driver_search_expand(search, row->name, false);
    if (row->needs && !has_found(search, row->needs))
        return;
    for (size_t i = 0; row->folders[i]; i++)
        if (try_place(search, row, row->folders[i], name))
            return;
    if (row->apart_folder && nvb_driver_search_is_apart(search))
        (void)try_place(search, row, row->apart_folder, name);
}

/* ---- folders that are listed --------------------------------------------------------------------
 */

static int firmware_entry(void *arg, const char *name, unsigned char type)
{
    (void)type;
    if (nvb_has_prefix(name, "gsp") && nvb_has_suffix(name, ".bin"))
        nvb_strv_add(arg, name);
    return 0;
}

static int snippet_entry(void *arg, const char *name, unsigned char type)
{
    (void)type;
    if (strstr(name, "nvidia") && nvb_has_suffix(name, ".conf"))
        nvb_strv_add(arg, name);
    return 0;
}

/* Adds the files in the folder PATH that ENTRY takes, for CONTAINER_FOLDER. */
static void list_folder(struct nvb_driver_search *search, const char *path,
                        nvb_folder_entry_fn *entry, const char *container_folder,
                        enum nvb_file_kind kind, unsigned capabilities)
{
    struct nvb_folder *folder = nvb_driver_search_folder(search, path, strlen(path));
    if (folder->fd < 0)
        return;
    _cleanup_strv_ struct nvb_strv names = {0};
    int r = nvb_folder_list(folder->fd, entry, &names);
    if (r < 0)
        nvb_driver_search_leave_out(search, path, strerror(-r));
    nvb_vec_foreach (name, &names) {
        struct stat st;
        _cleanup_free_ char *real = NULL;
        r = nvb_folder_look(&search->folders, folder, *name, &st, &real);
        if (r < 0 || !S_ISREG(st.st_mode)) {
            _cleanup_free_ char *file = nvb_folder_join(path, *name);
            nvb_driver_search_leave_out(search, file, r < 0 ? strerror(-r) : "it is no file");
            continue;
        }
        char *container_path = nvb_folder_join(container_folder, *name);
        if (has_container_path(search, container_path))
            free(container_path);
        else
            add_file(search, kind, capabilities, TAKE_PTR(real), container_path);
    }
}

static void search_snippets(struct nvb_driver_search *search)
{
    for (const char *const *at = nvb_xorg_snippet_folders; *at; at++)
        list_folder(search, *at, snippet_entry, *at, NVB_FILE_CONFIG, NVB_CAP_DISPLAY);
}

static void list_firmware(struct nvb_driver_search *search, const char *path)
{
    _cleanup_free_ char *container_folder =
        nvb_driver_search_expand(search, NVB_FIRMWARE_CONTAINER_FOLDER, false);
    list_folder(search, path, firmware_entry, container_folder, NVB_FILE_FIRMWARE, NVB_CAP_ANY);
}

/* The one line of a file of the kernel's; NULL where it is empty or cannot be had. */
static char *kernel_line(const struct nvb_driver_search *search, const char *path)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_error_ struct nvb_error *error = NULL;
    if (nvb_root_read(&search->host->root, path, PATH_MAX, &text, &error) != 0)
        return NULL;
    size_t len = strcspn(text.data, "\n");
    return len && strlen(text.data) == text.len ? nvb_strndup(text.data, len) : NULL;
}

static void search_other_firmware(struct nvb_driver_search *search)
{
    _cleanup_free_ char *firmware =
        kernel_line(search, "/sys/module/firmware_class/parameters/path");
    _cleanup_free_ char *release = kernel_line(search, "/proc/sys/kernel/osrelease");
    search->firmware = firmware && firmware[0] == '/' ? firmware : NULL;
    search->release = release && !strchr(release, '/') ? release : NULL;
    for (const char *const *at = nvb_firmware_other_folders; *at; at++) {
        if ((strstr(*at, "@firmware@") && !search->firmware) ||
            (strstr(*at, "@release@") && !search->release))
            continue;
        _cleanup_free_ char *path = nvb_driver_search_expand(search, *at, false);
        list_firmware(search, path);
    }
    search->firmware = search->release = NULL;
}

/* A kernel before 5.11 loads firmware from the root of the process that first opens the GPU, which
 * may be a container's. */
static void search_firmware(struct nvb_driver_search *search)
{
    size_t before = search->files.count;
    for (const char *const *at = nvb_firmware_folders; *at; at++) {
        _cleanup_free_ char *path = nvb_driver_search_expand(search, *at, false);
        list_firmware(search, path);
    }
    if (search->files.count == before)
        search_other_firmware(search);
}

/* ---- MPS ----------------------------------------------------------------------------------------
 */

/*
 * The folder of the Multi-Process Service's pipes (its documentation, CUDA_MPS_PIPE_DIRECTORY).
 * Anybody can make a folder in /tmp: only root's and the caller's count, and no link.
 */
static void search_mps(struct nvb_driver_search *search)
{
    const char *given = search->query->mps_folder;
    const char *path = given && given[0] == '/' && nvb_root_is_host(&search->host->driver)
                           ? given
                           : NVB_MPS_FOLDER;
    const char *name = nvb_path_base(path);
    size_t len = (size_t)(name - path);
    if (*name == '\0')
        return;
    struct nvb_folder *folder = nvb_driver_search_folder(search, path, len > 1 ? len - 1 : len);
    struct stat st;
    if (folder->fd < 0 || fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISDIR(st.st_mode))
        return;
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        nvb_driver_search_leave_out(search, path, "it belongs to another user");
        return;
    }
    const char *real = nvb_folder_real(&search->folders, folder);
    if (real)
        add_file(search, NVB_FILE_SOCKET, NVB_CAP_COMPUTE, nvb_folder_join(real, name),
                 nvb_strdup(NVB_MPS_FOLDER));
}

void nvb_driver_search_places(struct nvb_driver_search *search)
{
    unsigned wanted = search->query->capabilities;
    for (size_t i = 0; i < nvb_driver_place_count; i++)
        if ((nvb_driver_places[i].capabilities & wanted) &&
            (!nvb_driver_places[i].is_32bit || (wanted & NVB_CAP_COMPAT32)))
            search_place(search, &nvb_driver_places[i]);
    if (wanted & NVB_CAP_DISPLAY)
        search_snippets(search);
    if (wanted & NVB_CAP_ANY)
        search_firmware(search);
    if (wanted & NVB_CAP_COMPUTE)
        search_mps(search);
}
