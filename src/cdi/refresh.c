#include "cdi/refresh.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cdi/codec.h"

void nvb_cdi_rivals_done(struct nvb_cdi_rivals *rivals)
{
    nvb_vec_foreach (rival, rivals)
        free(rival->path);
    nvb_vec_release(rivals);
}

char *nvb_cdi_refresh_folder(const struct nvb_strv *lists, size_t count)
{
    for (size_t i = count ? lists[0].count : 0; i-- > 0;) {
        const char *folder = lists[0].items[i];
        bool everywhere = true;
        for (size_t k = 1; k < count; k++)
            everywhere = everywhere && nvb_strv_has(&lists[k], folder);
        if (everywhere)
            return nvb_strdup(folder);
    }
    return NULL;
}

/* ---- whose a file is -------------------------------------------------------------------------
 */

static bool is_own(int fd)
{
    char start[sizeof(NVB_CDI_OWN_MARK) - 1];
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
           pread(fd, start, sizeof(start), 0) == (ssize_t)sizeof(start) &&
           memcmp(start, NVB_CDI_OWN_MARK, sizeof(start)) == 0;
}

bool nvb_cdi_is_own_file(const struct nvb_root *root, const char *path)
{
    _cleanup_close_ int fd = nvb_root_openat(root, path, O_RDONLY | O_NONBLOCK);
    return fd >= 0 && is_own(fd);
}

/* The units of NVIDIA's container toolkit (1.18 on) that keep nvidia.yaml. */
static const char *find_service(const struct nvb_root *root, const char *path)
{
    static const char unit[] = "nvidia-cdi-refresh.service";
    static const char *const folders[] = {"/etc/systemd/system", "/usr/lib/systemd/system",
                                          "/lib/systemd/system"};
    if (strcmp(nvb_path_base(path), "nvidia.yaml") != 0)
        return NULL;
    for (size_t i = 0; i < NVB_COUNT(folders); i++) {
        struct stat st;
        _cleanup_free_ char *file = nvb_strdupf("%s/%s", folders[i], unit);
        if (nvb_root_stat(root, file, &st) == 0)
            return unit;
    }
    return NULL;
}

void nvb_cdi_find_rivals(const struct nvb_cdi_registry *registry, const char *kind,
                         const char *folder, struct nvb_cdi_rivals *ret)
{
    size_t place = 0;
    while (place < registry->folders.count && strcmp(registry->folders.items[place], folder) != 0)
        place++;
    nvb_vec_foreach (file, &registry->files) {
        if (file->folder < place || !file->kind || strcmp(file->kind, kind) != 0 ||
            nvb_cdi_is_own_file(registry->root, file->path))
            continue;
        struct nvb_cdi_rival *rival = nvb_vec_add(ret);
        rival->path = nvb_strdup(file->path);
        rival->is_same_folder = file->folder == place;
        rival->service = find_service(registry->root, file->path);
    }
}

/* ---- putting it there ------------------------------------------------------------------------
 */

/* Open and locked, so that two that move files about do so one after the other. */
static int lock_folder(const char *dir, struct nvb_error **err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX) < 0) {
        int saved = errno;
        if (fd >= 0)
            (void)close(fd);
        return nvb_error_make(err, nvb_error_kind_of(saved), saved, "cannot open '%s'", dir);
    }
    return fd;
}

static int fail_move(const char *path, struct nvb_error **err)
{
    return nvb_error_make(err, nvb_error_kind_of(errno), errno, "cannot move '%s' aside", path);
}

static int move_aside(const char *path, struct nvb_error **err)
{
    _cleanup_free_ char *kept = nvb_strdupf("%s" NVB_CDI_KEPT_SUFFIX, path);
    return rename(path, kept) < 0 ? fail_move(path, err) : 0;
}

/* Ours is written under the name that theirs is to have, then both change names at once. */
static int exchange(const char *path, const char *text, size_t len, struct nvb_error **err)
{
    _cleanup_free_ char *kept = nvb_strdupf("%s" NVB_CDI_KEPT_SUFFIX, path);
    if (nvb_file_write(kept, text, len, 0644, err) < 0)
        return -1;
    if (renameat2(AT_FDCWD, kept, AT_FDCWD, path, RENAME_EXCHANGE) == 0)
        return 0;
    const int saved = errno;
    (void)unlink(kept);
    errno = saved;
    if (saved != EINVAL && saved != ENOSYS)
        return fail_move(path, err);
    /* A file system that cannot do that: for a moment there is no specification. */
    if (move_aside(path, err) < 0)
        return -1;
    if (nvb_file_write(path, text, len, 0644, err) == 0)
        return 0;
    (void)rename(kept, path);
    return -1;
}

static bool is_own_at(int dir, const char *name)
{
    _cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && is_own(fd);
}

static void list_names(int dir, struct nvb_strv *kept, struct nvb_strv *others)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    if (!listing)
        return;
    while ((entry = readdir(listing))) {
        if (nvb_has_suffix(entry->d_name, NVB_CDI_KEPT_SUFFIX))
            nvb_strv_add(kept, entry->d_name);
        else if (nvb_cdi_format_of(entry->d_name) >= 0)
            nvb_strv_add(others, entry->d_name);
    }
    (void)closedir(listing);
}

/* What a writer that was killed has left: nobody else writes while the folder is locked. */
static void remove_leftovers(int dir)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    if (!listing)
        return;
    while ((entry = readdir(listing)))
        if (nvb_has_prefix(entry->d_name, ".nvidia") && nvb_has_suffix(entry->d_name, ".tmp"))
            (void)unlinkat(dir, entry->d_name, 0);
    (void)closedir(listing);
}

/* Where ours lies: once it took another's name, that one. Two of ours would be in conflict with
 * each other, so the rest goes. */
static char *find_own(int dir)
{
    _cleanup_strv_ struct nvb_strv kept = {0};
    _cleanup_strv_ struct nvb_strv others = {0};
    char *found = NULL;
    list_names(dir, &kept, &others);
    nvb_vec_foreach (name, &others) {
        if (!is_own_at(dir, *name))
            continue;
        if (!found)
            found = nvb_strdup(*name);
        else
            (void)unlinkat(dir, *name, 0);
    }
    return found ? found : nvb_strdup(NVB_CDI_OWN_FILE);
}

static int place_locked(const char *dir, int fd, const struct nvb_strv *rivals, const char *text,
                        size_t len, char **ret_path, struct nvb_error **err)
{
    _cleanup_free_ char *name = find_own(fd);
    _cleanup_free_ char *own = nvb_strdupf("%s/%s", dir, name);
    const char *heir = NULL;
    remove_leftovers(fd);
    nvb_vec_foreach (rival, rivals) {
        if (!heir && nvb_cdi_format_of(*rival) == NVB_CDI_YAML)
            heir = *rival;
        else if (move_aside(*rival, err) < 0)
            return -1;
    }
    if (heir) {
        if (exchange(heir, text, len, err) < 0)
            return -1;
        (void)unlink(own);
        *ret_path = nvb_strdup(heir);
        return 0;
    }
    if (nvb_file_write(own, text, len, 0644, err) < 0)
        return -1;
    *ret_path = TAKE_PTR(own);
    return 0;
}

int nvb_cdi_place(const char *dir, const struct nvb_strv *rivals, const char *text, size_t len,
                  char **ret_path, struct nvb_error **err)
{
    /* Engines of every user read it, whatever the umask of who writes it. */
    const mode_t old = umask(022);
    int r = nvb_file_make_folders(dir, 0755, err);
    if (r == 0) {
        _cleanup_close_ int lock = lock_folder(dir, err);
        r = lock < 0 ? -1 : place_locked(dir, lock, rivals, text, len, ret_path, err);
    }
    (void)umask(old);
    return r < 0 ? -1 : 0;
}

/* ---- giving back -----------------------------------------------------------------------------
 */

static int put_back(int dir, const char *path, const char *kept, struct nvb_strv *ret,
                    struct nvb_error **err)
{
    _cleanup_free_ char *name = nvb_strndup(kept, strlen(kept) - strlen(NVB_CDI_KEPT_SUFFIX));
    const bool is_free = faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
    if (!is_free && !is_own_at(dir, name)) {
        nvb_strv_addf(ret, "'%s/%s' has been made anew by others, and stays", path, name);
        return unlinkat(dir, kept, 0) < 0 ? fail_move(kept, err) : 0;
    }
    /* A file of ours that a kill left under the name of theirs is no file of theirs. */
    if (is_own_at(dir, kept))
        return unlinkat(dir, kept, 0) < 0 ? fail_move(kept, err) : 0;
    if (renameat(dir, kept, dir, name) < 0)
        return fail_move(kept, err);
    nvb_strv_addf(ret, "'%s/%s' is back", path, name);
    return 0;
}

int nvb_cdi_give_back(const char *dir, struct nvb_strv *ret, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv kept = {0};
    _cleanup_strv_ struct nvb_strv others = {0};
    if (access(dir, F_OK) < 0)
        return 0;
    _cleanup_close_ int fd = lock_folder(dir, err);
    if (fd < 0)
        return -1;
    list_names(fd, &kept, &others);
    nvb_vec_foreach (name, &kept)
        if (put_back(fd, dir, *name, ret, err) < 0)
            return -1;
    nvb_vec_foreach (name, &others) {
        if (!is_own_at(fd, *name))
            continue;
        if (unlinkat(fd, *name, 0) < 0)
            return nvb_error_make(err, nvb_error_kind_of(errno), errno, "cannot remove '%s/%s'",
                                  dir, *name);
        nvb_strv_addf(ret, "'%s/%s' is removed", dir, *name);
    }
    return 0;
}
