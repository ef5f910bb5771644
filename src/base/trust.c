#include "base/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/str.h"

#define MAX_LINKS 40 /* include/linux/namei.h, MAXSYMLINKS */

bool nvb_trust_is_own_group(const struct passwd *user, const struct group *group)
{
    if (user->pw_uid == 0 || user->pw_gid != group->gr_gid ||
        strcmp(user->pw_name, group->gr_name) != 0)
        return false;
    for (char **member = group->gr_mem; *member; member++) {
        if (strcmp(*member, user->pw_name) != 0)
            return false;
    }
    return true;
}

/* Asks the name services, which is slow: only for what the group may write. */
static bool is_own_group(uid_t owner, gid_t gid)
{
    if (owner == 0)
        return false;
    const struct passwd *user = getpwuid(owner);
    const struct group *group = user && user->pw_gid == gid ? getgrgid(gid) : NULL;
    return group && nvb_trust_is_own_group(user, group);
}

static bool is_text(const char *path, const char *want)
{
    char text[128] = "";
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    size_t at = strspn(text, " ");
    while (n > 0 && *want && text[at])
        if (text[at] == ' ' && *want == ' ') {
            at += strspn(text + at, " ");
            want++;
        } else if (text[at++] != *want++) {
            return false;
        }
    return n > 0 && !*want;
}

/* Whether UID may stand for any user whom this user namespace does not map, root among them. */
static bool is_unmapped(uid_t uid)
{
    _cleanup_free_ char *number = nvb_strdupf("%u\n", (unsigned)uid);
    return is_text("/proc/sys/kernel/overflowuid", number) &&
           !is_text("/proc/self/uid_map", "0 0 4294967295");
}

static int fail_owner(const struct stat *st, const char *name, struct nvb_error **err)
{
    if (!is_unmapped(st->st_uid))
        return nvb_error_make(err, NVB_ERROR_PERMISSION, 0,
                              "'%s' belongs to user %u, who could change it; it is not used", name,
                              (unsigned)st->st_uid);
    (void)nvb_error_make(err, NVB_ERROR_PERMISSION, 0,
                         "'%s' belongs to nobody that this user namespace knows, so whether it is "
                         "root's cannot be told; it is not used",
                         name);
    return nvb_error_hint(err, "run nvbind outside of it: it needs no 'podman unshare'");
}

static int check_stat(const struct stat *st, const char *name, uid_t owner, bool above,
                      struct nvb_error **err)
{
    if (st->st_uid != owner && st->st_uid != 0)
        return fail_owner(st, name, err);
    bool open_to_others = (st->st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
                          !(above && S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX));
    if (open_to_others && ((st->st_mode & S_IWOTH) || !is_own_group(owner, st->st_gid))) {
        (void)nvb_error_make(err, NVB_ERROR_PERMISSION, 0,
                             "'%s' can be written by others; it is not used", name);
        return nvb_error_hint(err, "chmod go-w '%s'", name);
    }
    return 0;
}

static int check_chain(const char *path, uid_t owner, bool above, unsigned *links,
                       struct nvb_error **err);

/* The link PATH was found at ST: its own bits say nothing, but its owner may turn it elsewhere. */
static int check_link(const char *path, const struct stat *st, uid_t owner, bool above,
                      unsigned *links, struct nvb_error **err)
{
    _cleanup_free_ char *text = NULL;
    struct stat self = *st;
    self.st_mode = S_IFLNK;
    if (check_stat(&self, path, owner, above, err) < 0)
        return -1;
    int r = ++*links > MAX_LINKS ? -ELOOP : nvb_readlinkat(AT_FDCWD, path, &text);
    if (r < 0)
        return nvb_error_make(err, nvb_error_kind_of(-r), -r, "cannot look at '%s'", path);
    if (text[0] == '/')
        return check_chain(text, owner, above, links, err);
    _cleanup_free_ char *folder = nvb_path_dir(path);
    _cleanup_free_ char *target = nvb_strdupf("%s/%s", folder, text);
    return check_chain(target, owner, above, links, err);
}

/* From the root down, so that nobody can change what has been checked before it is used. */
static int check_chain(const char *path, uid_t owner, bool above, unsigned *links,
                       struct nvb_error **err)
{
    struct stat st;
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    _cleanup_free_ char *place = nvb_strndup(path, len);
    if (strcmp(place, "/") != 0) {
        _cleanup_free_ char *folder = nvb_path_dir(place);
        if (check_chain(folder, owner, true, links, err) < 0)
            return -1;
    }
    if (lstat(place, &st) < 0)
        return nvb_error_make(err, nvb_error_kind_of(errno), errno, "cannot look at '%s'", place);
    if (S_ISLNK(st.st_mode))
        return check_link(place, &st, owner, above, links, err);
    return check_stat(&st, place, owner, above, err);
}

int nvb_trust_check_path(const char *path, uid_t owner, struct nvb_error **err)
{
    unsigned links = 0;
    if (path[0] == '/')
        return check_chain(path, owner, false, &links, err);
    _cleanup_free_ char *here = getcwd(NULL, 0);
    if (!here)
        return nvb_error_make(err, nvb_error_kind_of(errno), errno, "cannot look at '%s'", path);
    _cleanup_free_ char *whole =
        nvb_strdupf("%s/%s", here, nvb_has_prefix(path, "./") ? path + 2 : path);
    return check_chain(whole, owner, false, &links, err);
}

int nvb_trust_check_fd(int fd, const char *name, uid_t owner, struct nvb_error **err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return nvb_error_make(err, NVB_ERROR_INTERNAL, errno, "cannot look at '%s'", name);
    return check_stat(&st, name, owner, false, err);
}

bool nvb_trust_is_own_place(const char *folder)
{
    _cleanup_free_ char *place = nvb_strdup(folder);
    struct stat st;
    while (stat(place, &st) < 0) {
        if (errno != ENOENT || strcmp(place, "/") == 0)
            return false;
        char *above = nvb_path_dir(place);
        free(place);
        place = above;
    }
    return S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
           nvb_trust_check_path(place, geteuid(), NULL) == 0;
}

static bool is_private_folder(const char *path, uid_t owner, mode_t denied)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == owner &&
           (st.st_mode & denied) == 0;
}

int nvb_trust_runtime_folder(const char *xdg_runtime_dir, char **ret, struct nvb_error **err)
{
    uid_t uid = geteuid();
    _cleanup_free_ char *folder = NULL;
    if (uid == 0) {
        folder = nvb_strdup("/run/nvbind");
    } else {
        if (!xdg_runtime_dir || xdg_runtime_dir[0] != '/' ||
            !is_private_folder(xdg_runtime_dir, uid, 066))
            return 1;
        folder = nvb_strdupf("%s/nvbind", xdg_runtime_dir);
    }
    if (mkdir(folder, 0700) < 0 && errno != EEXIST)
        return nvb_error_make(err, nvb_error_kind_of(errno), errno, "cannot make the folder '%s'",
                              folder);
    if (!is_private_folder(folder, uid, 077)) {
        (void)nvb_error_make(err, NVB_ERROR_PERMISSION, 0,
                             "'%s' is not a folder that only user %u can use", folder,
                             (unsigned)uid);
        return nvb_error_hint(err, "rm -r '%s'", folder);
    }
    *ret = TAKE_PTR(folder);
    return 0;
}
