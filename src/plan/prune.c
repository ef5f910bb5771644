#include "plan/prune.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"

#define DAY      (24 * 60 * 60)
#define KEPT_FOR (3 * DAY)

/* A container that nvbind has just started reads its folder within a second or so. */
static bool is_old(const struct stat *st, time_t age)
{
    return st->st_mtim.tv_sec < time(NULL) - age;
}

/* The name of what nvbind makes there: sixteen hexadecimal digits. */
static bool is_hash(const char *name)
{
    return strlen(name) == 16 && strspn(name, "0123456789abcdef") == 16;
}

/* A folder of files alone. */
static void remove_folder(int above, const char *name)
{
    int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    if (!dir)
        return;
    while ((entry = readdir(dir)))
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    (void)closedir(dir);
    (void)unlinkat(above, name, AT_REMOVEDIR);
}

static void prune_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        struct stat st;
        if (!is_hash(entry->d_name) ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !is_old(&st, KEPT_FOR))
            continue;
        if (S_ISDIR(st.st_mode))
            remove_folder(dirfd(dir), entry->d_name);
        else
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    (void)closedir(dir);
}

void nvb_prune_runtime(const char *runtime)
{
    static const char *const folders[] = {"cdi", "hooks", "known"};
    for (size_t i = 0; i < NVB_COUNT(folders); i++) {
        _cleanup_free_ char *path = nvb_strdupf("%s/%s", runtime, folders[i]);
        prune_folder(path);
    }
}

void nvb_prune_touch(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0 || !is_old(&st, DAY))
        return;
    _cleanup_free_ char *folder = nvb_path_dir(path);
    (void)utimensat(AT_FDCWD, path, NULL, 0);
    if (is_hash(nvb_path_base(folder)))
        (void)utimensat(AT_FDCWD, folder, NULL, 0);
}
