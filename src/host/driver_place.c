#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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
        _cleanup_free_ char *path = nvb_strdupf("%s/%.*s", base, (int)(last - name - 1), name);
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

/* True where a file called NAME was found before. */
static bool has_found(const struct nvb_driver_search *search, const char *name)
{
    nvb_vec_foreach (file, &search->files)
        if (strcmp(nvb_path_base(file->path), name) == 0)
            return true;
    return false;
}

static void search_place(struct nvb_driver_search *search, const struct nvb_driver_place *row)
{
    _cleanup_free_ char *name = nvb_driver_search_expand(search, row->name, false);
    _cleanup_free_ char *real_name = nvb_driver_search_expand(search, row->real_name, false);
    _cleanup_free_ char *needs = nvb_driver_search_expand(search, row->needs, false);
    if (needs && !has_found(search, needs))
        return;
    for (size_t i = 0; row->folders[i]; i++) {
        const char *base = row->folders[i];
        _cleanup_free_ char *container_path =
            nvb_strdupf("%s/%s", row->container_folder ? row->container_folder : base, name);
        if (has_container_path(search, container_path))
            return;
        struct stat st;
        _cleanup_free_ char *real = NULL;
        int r = look_below(search, base, name, &st, &real);
        if (r == -ENOENT || r == -ENOTDIR ||
            (r == 0 && real_name && strcmp(nvb_path_base(real), real_name) != 0))
            continue;
        const char *why = r < 0 ? strerror(-r) : unfit(search, row->kind, real, &st);
        if (why) {
            _cleanup_free_ char *path = nvb_folder_join(base, name);
            nvb_driver_search_leave_out(search, path, why);
            continue;
        }
        add_file(search, row->kind, row->capabilities, TAKE_PTR(real), TAKE_PTR(container_path));
        return;
    }
}

/* ---- firmware ----------------------------------------------------------------------------------
 */

static int firmware_entry(void *arg, const char *name, unsigned char type)
{
    (void)type;
    if (strncmp(name, "gsp", 3) == 0 && nvb_has_suffix(name, ".bin"))
        nvb_strv_add(arg, name);
    return 0;
}

/* A kernel before 5.11 loads firmware from the root of the process that first opens the GPU, which
 * may be a container's. */
static void search_firmware(struct nvb_driver_search *search)
{
    _cleanup_free_ char *container_folder =
        nvb_driver_search_expand(search, NVB_FIRMWARE_CONTAINER_FOLDER, false);
    for (size_t i = 0; nvb_firmware_folders[i]; i++) {
        _cleanup_free_ char *path =
            nvb_driver_search_expand(search, nvb_firmware_folders[i], false);
        struct nvb_folder *folder = nvb_driver_search_folder(search, path, strlen(path));
        if (folder->fd < 0)
            continue;
        _cleanup_strv_ struct nvb_strv names = {0};
        int r = nvb_folder_list(folder->fd, firmware_entry, &names);
        if (r < 0)
            nvb_driver_search_leave_out(search, path, strerror(-r));
        for (size_t k = 0; k < names.count; k++) {
            struct stat st;
            _cleanup_free_ char *real = NULL;
            r = nvb_folder_look(&search->folders, folder, names.items[k], &st, &real);
            if (r < 0 || !S_ISREG(st.st_mode)) {
                _cleanup_free_ char *file = nvb_folder_join(path, names.items[k]);
                nvb_driver_search_leave_out(search, file, r < 0 ? strerror(-r) : "it is no file");
                continue;
            }
            char *container_path = nvb_strdupf("%s/%s", container_folder, names.items[k]);
            if (has_container_path(search, container_path))
                free(container_path);
            else
                add_file(search, NVB_FILE_FIRMWARE, NVB_CAP_ANY, TAKE_PTR(real), container_path);
        }
    }
}

/* ---- MPS ----------------------------------------------------------------------------------------
 */

/*
 * The folder of the Multi-Process Service's pipes (its documentation, CUDA_MPS_PIPE_DIRECTORY).
 * Anybody can make a folder in /tmp: only root's and the caller's count, and no link.
 */
static void search_mps(struct nvb_driver_search *search)
{
    static const char parent[] = "/tmp";
    static const char name[] = "nvidia-mps";
    struct nvb_folder *folder = nvb_driver_search_folder(search, parent, sizeof(parent) - 1);
    struct stat st;
    if (folder->fd < 0 || fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISDIR(st.st_mode))
        return;
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        _cleanup_free_ char *path = nvb_folder_join(parent, name);
        nvb_driver_search_leave_out(search, path, "it belongs to another user");
        return;
    }
    const char *real = nvb_folder_real(&search->folders, folder);
    if (real)
        add_file(search, NVB_FILE_SOCKET, NVB_CAP_COMPUTE, nvb_folder_join(real, name),
                 nvb_folder_join(parent, name));
}

void nvb_driver_search_places(struct nvb_driver_search *search)
{
    unsigned wanted = search->query->capabilities;
    for (size_t i = 0; i < nvb_driver_place_count; i++)
        if (nvb_driver_places[i].capabilities & wanted)
            search_place(search, &nvb_driver_places[i]);
    if (wanted & NVB_CAP_ANY)
        search_firmware(search);
    if (wanted & NVB_CAP_COMPUTE)
        search_mps(search);
}
