#include "plan/prune.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"

#define DAY      (24 * 60 * 60)
#define KEPT_FOR (3 * DAY)
/* Docker reads a name's file at a restart too, even of a container that goes when it ends. */
#define SERVED_FOR (30 * DAY)

/* A container that nvbind has just started reads its folder within a second or so. */
static bool is_old(const struct stat *st, time_t age)
{
    return st->st_mtim.tv_sec < time(NULL) - age;
}

/* BEFORE, sixteen hexadecimal digits, AFTER. */
static bool is_named(const char *name, const char *before, const char *after)
{
    if (!nvb_has_prefix(name, before))
        return false;
    name += strlen(before);
    return strspn(name, "0123456789abcdef") == 16 && strcmp(name + 16, after) == 0;
}

/* The name of what nvbind makes in a folder of its own. */
static bool is_hash(const char *name)
{
    return is_named(name, "", "");
}

/*
 * What is read when a container starts, or by nvbind alone. What containers have mounted stays: one
 * that is started again needs it.
 */
static bool is_small_file(const char *name)
{
    return is_named(name, "registries-", ".conf") || is_named(name, "said-", "");
}

static bool is_service_file(const char *name)
{
    return is_named(name, "nvbind-p", ".json");
}

/* A folder of files alone, unless a program that reads them holds it. */
static void remove_folder(int above, const char *name)
{
    int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    if (!dir)
        return;
    if (flock(dirfd(dir), LOCK_EX | LOCK_NB) < 0) {
        (void)closedir(dir);
        return;
    }
    while ((entry = readdir(dir)))
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    (void)closedir(dir);
    (void)unlinkat(above, name, AT_REMOVEDIR);
}

static void prune_folder(const char *path, bool (*is_ours)(const char *name), time_t age)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        struct stat st;
        if (!is_ours(entry->d_name) ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            st.st_uid != geteuid() || !is_old(&st, age))
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
    static const char *const folders[] = {"cdi", "hooks", "known", "compose"};
    for (size_t i = 0; i < NVB_COUNT(folders); i++) {
        _cleanup_free_ char *path = nvb_strdupf("%s/%s", runtime, folders[i]);
        prune_folder(path, is_hash, KEPT_FOR);
    }
    prune_folder(runtime, is_small_file, KEPT_FOR);
}

void nvb_prune_beside(const char *path)
{
    _cleanup_free_ char *folder = nvb_path_dir(path);
    prune_folder(folder, is_hash, KEPT_FOR);
}

void nvb_prune_served(const char *path)
{
    _cleanup_free_ char *folder = nvb_path_dir(path);
    if (is_service_file(nvb_path_base(path)))
        prune_folder(folder, is_service_file, SERVED_FOR);
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
