#include "host/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* On the stack: a block of this size from the heap would be mapped and unmapped each time. */
#define LIST_BUFFER ((size_t)32 << 10)

/* readdir(3) would do, with four more calls a folder. */
int nvb_folder_list(int fd, nvb_folder_entry_fn *entry, void *arg)
{
    _Alignas(struct dirent64) char buffer[LIST_BUFFER];
    size_t seen = 0;
    for (;;) {
        ssize_t n = getdents64(fd, buffer, sizeof(buffer));
        if (n < 0)
            return -errno;
        if (n == 0)
            return 0;
        for (size_t at = 0; at < (size_t)n;) {
            const struct dirent64 *d = (const struct dirent64 *)(void *)(buffer + at);
            at += d->d_reclen;
            if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
                continue;
            int r = entry(arg, d->d_name, d->d_type);
            if (r != 0)
                return r;
            if (++seen > NVB_FOLDER_MAX_ENTRIES)
                return -E2BIG;
        }
    }
}

/* True where PATH is written as the kernel writes it: absolute, no "//", "." or ".." in it, no
 * slash at its end. */
static bool is_plain(const char *path)
{
    if (path[0] != '/' || path[1] == '\0')
        return false;
    for (const char *at = path; *at;) {
        size_t len = strcspn(at + 1, "/");
        if (len == 0 || (len <= 2 && strspn(at + 1, ".") >= len))
            return false;
        at += 1 + len;
    }
    return true;
}

struct nvb_folder *nvb_folders_get(struct nvb_folders *folders, const char *path, size_t len)
{
    nvb_vec_foreach (at, &folders->list)
        if (strncmp((*at)->path, path, len) == 0 && (*at)->path[len] == '\0')
            return *at;
    struct nvb_folder *folder = nvb_calloc(1, sizeof(*folder));
    folder->path = nvb_strndup(path, len);
    /* Most paths have no links in them: then the path is the real one, and need not be asked for.
     */
    int flags = O_RDONLY | O_DIRECTORY | O_NONBLOCK;
    folder->fd =
        nvb_path_open_in(folders->root->fd, folder->path, flags, 0, NVB_RESOLVE_NO_SYMLINKS);
    if (folder->fd >= 0 && is_plain(folder->path))
        folder->real = nvb_strdup(folder->path);
    else if (folder->fd == -ELOOP)
        folder->fd = nvb_root_openat(folders->root, folder->path, flags);
    nvb_vec_push(&folders->list, folder);
    return folder;
}

/* FIRST to LAST in one call, where the kernel has it (5.9) and a sandbox lets it through. */
static void close_all(int first, int last)
{
    if (first < 0 || close_range((unsigned)first, (unsigned)last, 0) == 0)
        return;
    for (int fd = first; fd <= last; fd++)
        (void)close(fd);
}

void nvb_folders_done(struct nvb_folders *folders)
{
    /* They were opened one after the other, so most have numbers in a row. */
    int first = -1, last = -1;
    nvb_vec_foreach (at, &folders->list) {
        int fd = (*at)->fd;
        if (fd >= 0 && first >= 0 && fd == last + 1) {
            last = fd;
        } else if (fd >= 0) {
            close_all(first, last);
            first = last = fd;
        }
        free((*at)->path);
        free((*at)->real);
        free(*at);
    }
    close_all(first, last);
    nvb_vec_release(&folders->list);
}

const char *nvb_folder_real(const struct nvb_folders *folders, struct nvb_folder *folder)
{
    if (!folder->real && folder->fd >= 0)
        (void)nvb_root_resolve(folders->root, folder->path, folder->fd, &folder->real);
    return folder->real;
}

char *nvb_folder_join(const char *folder, const char *name)
{
    size_t len = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
    size_t name_len = strlen(name);
    char *path = nvb_malloc(len + 1 + name_len + 1);
    memcpy(path, folder, len);
    path[len] = '/';
    memcpy(path + len + 1, name, name_len + 1);
    return path;
}

int nvb_folder_look(const struct nvb_folders *folders, struct nvb_folder *folder, const char *name,
                    struct stat *ret_st, char **ret_real)
{
    if (folder->fd < 0)
        return folder->fd;
    /* A file that is no link is one call: nothing of its name can lead out of the folder. */
    struct stat st;
    if (fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    const char *real = nvb_folder_real(folders, folder);
    if (!real)
        return -ESTALE;
    _cleanup_free_ char *path = nvb_folder_join(real, name);
    if (S_ISLNK(st.st_mode)) {
        _cleanup_close_ int fd = nvb_root_openat(folders->root, path, O_PATH);
        if (fd < 0)
            return fd;
        if (fstat(fd, &st) < 0)
            return -errno;
        free(path);
        path = NULL;
        int r = nvb_root_resolve(folders->root, "", fd, &path);
        if (r < 0)
            return r;
    }
    *ret_st = st;
    *ret_real = TAKE_PTR(path);
    return 0;
}
