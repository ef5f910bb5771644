#include "plan/device_group.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

static bool is_mine(gid_t group)
{
    int count = getgroups(0, NULL);
    if (count <= 0)
        return false;
    _cleanup_free_ gid_t *groups = nvb_calloc((size_t)count, sizeof(*groups));
    count = getgroups(count, groups);
    for (int i = 0; i < count; i++)
        if (groups[i] == group)
            return true;
    return false;
}

static bool needs_group(int folder, const char *name, uid_t uid)
{
    struct stat st;
    if (fstatat(folder, name, &st, 0) < 0 || !S_ISCHR(st.st_mode))
        return false;
    return st.st_uid != uid && (st.st_mode & 06) != 06 && (st.st_mode & 060) == 060 &&
           st.st_gid != getegid() && is_mine(st.st_gid);
}

bool nvb_device_needs_groups(const char *device, uid_t uid)
{
    _cleanup_free_ char *path = nvb_strndup(device, strcspn(device, ":"));
    bool needs = needs_group(AT_FDCWD, path, uid);
    DIR *folder = needs ? NULL : opendir(path);
    const struct dirent *entry;
    while (folder && !needs && (entry = readdir(folder)))
        needs = needs_group(dirfd(folder), entry->d_name, uid);
    if (folder)
        (void)closedir(folder);
    return needs;
}
