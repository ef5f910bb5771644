/* What a container of a user needs that a container of root does not. */

#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#include "doctor/check.h"

#define NEEDED 65536

/* ---- sub-ids (subuid(5)) ---- */

struct ranges {
    uint64_t mine;  /* how many ids the caller has */
    uint64_t after; /* the first id behind every range of the file */
    bool present;
};

static void read_range(const char *line, size_t len, const char *name, uid_t uid,
                       struct ranges *ret)
{
    _cleanup_free_ char *copy = nvb_strndup(line, len);
    _cleanup_free_ char *number = nvb_strdupf("%u", (unsigned)uid);
    _cleanup_strv_ struct nvb_strv fields = {0};
    uint64_t start;
    uint64_t count;
    nvb_strv_split(&fields, copy, ':');
    if (fields.count != 3 ||
        nvb_parse_u64(fields.items[1], strlen(fields.items[1]), 10, &start) < 0 ||
        nvb_parse_u64(fields.items[2], strlen(fields.items[2]), 10, &count) < 0 ||
        start > UINT32_MAX || count > UINT32_MAX)
        return;
    if (strcmp(fields.items[0], name) == 0 || strcmp(fields.items[0], number) == 0)
        ret->mine += count;
    if (start + count > ret->after)
        ret->after = start + count;
}

static struct ranges read_ranges(struct nvb_doctor *d, const char *path)
{
    struct ranges ranges = {.after = 100000}; /* where useradd(8) begins */
    _cleanup_free_ char *text = nvb_doctor_read(d, path);
    ranges.present = text != NULL;
    for (const char *line = text ? text : ""; *line; line += *line == '\n') {
        size_t len = strcspn(line, "\n");
        read_range(line, len, nvb_doctor_user_name(d), d->options->caller.uid, &ranges);
        line += len;
    }
    return ranges;
}

/* "subid: sss" in nsswitch.conf: the ranges are in a database that is not a file. */
static bool ranges_are_elsewhere(struct nvb_doctor *d)
{
    _cleanup_free_ char *text = nvb_doctor_read(d, "/etc/nsswitch.conf");
    const char *at = text ? strstr(text, "subid:") : NULL;
    if (!at || (at != text && at[-1] != '\n'))
        return false;
    _cleanup_free_ char *line = nvb_strndup(at, strcspn(at, "\n"));
    return !strstr(line, "files");
}

/* A storage that gives every file of an image to the caller needs no ids beside his own. */
static bool storage_does_without(struct nvb_doctor *d)
{
    const char *named = nvb_doctor_env(d, "CONTAINERS_STORAGE_CONF");
    const char *home = nvb_doctor_env(d, "HOME");
    _cleanup_free_ char *own =
        home ? nvb_strdupf("%s/.config/containers/storage.conf", home) : NULL;
    const char *const paths[] = {named, own, "/etc/containers/storage.conf",
                                 "/usr/share/containers/storage.conf"};
    for (size_t i = 0; i < NVB_COUNT(paths); i++) {
        _cleanup_free_ char *text = paths[i] ? nvb_doctor_read(d, paths[i]) : NULL;
        const char *at = text ? strstr(text, "ignore_chown_errors") : NULL;
        if (at && memmem(at, strcspn(at, "\n"), "true", strlen("true")))
            return true;
    }
    return false;
}

static void check_subids(struct nvb_doctor *d, struct nvb_finding *f)
{
    if (!nvb_doctor_wants_rootless(d, f) || !nvb_doctor_wants(d, NVB_RECORDS_ACCOUNTS, f))
        return;
    const char *name = nvb_doctor_user_name(d);
    struct ranges uids = read_ranges(d, "/etc/subuid");
    struct ranges gids = read_ranges(d, "/etc/subgid");
    const char *file = uids.mine < NEEDED ? "/etc/subuid" : "/etc/subgid";
    uint64_t least = uids.mine < gids.mine ? uids.mine : gids.mine;
    if (ranges_are_elsewhere(d)) {
        nvb_finding_skip(f, "/etc/nsswitch.conf keeps sub-ids in another database than the files");
        return;
    }
    if (least >= NEEDED) {
        nvb_finding_ok(f, "%s has %llu sub-ids", name, (unsigned long long)least);
        return;
    }
    if (least == 0 && storage_does_without(d)) {
        nvb_finding_ok(f, "%s has no range in %s, and the storage does without", name, file);
        return;
    }
    if (least == 0)
        nvb_finding_fail(f,
                         "%s has no range in %s: images with more than one user cannot be "
                         "unpacked",
                         name, file);
    else
        nvb_finding_warn(f, "%s has %llu ids in %s; many images need %u", name,
                         (unsigned long long)least, file, NEEDED);
    uint64_t start = uids.after > gids.after ? uids.after : gids.after;
    _cleanup_free_ char *range =
        nvb_strdupf("%llu-%llu", (unsigned long long)start, (unsigned long long)start + NEEDED - 1);
    (void)nvb_fix_root(f, "usermod", "--add-subuids", range, "--add-subgids", range, name, NULL);
    if (nvb_doctor_podman(d)->installed)
        (void)nvb_fix_user(f, "podman", "system", "migrate", NULL);
}

/* newuidmap has its right by its mode or by a file capability (Fedora). */
static bool has_rights(struct nvb_doctor *d, const char *path)
{
    struct stat st;
    if (nvb_root_stat(&d->host.root, path, &st) < 0)
        return false;
    if (st.st_mode & S_ISUID)
        return true;
    _cleanup_close_ int fd = nvb_root_openat(&d->host.root, path, O_RDONLY | O_NONBLOCK);
    return fd >= 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

static void check_newuidmap(struct nvb_doctor *d, struct nvb_finding *f)
{
    static const char *const programs[] = {"/usr/bin/newuidmap", "/usr/bin/newgidmap"};
    if (!nvb_doctor_wants_rootless(d, f) || !nvb_doctor_wants(d, NVB_RECORDS_ACCOUNTS, f))
        return;
    for (size_t i = 0; i < NVB_COUNT(programs); i++) {
        if (!nvb_doctor_exists(d, programs[i])) {
            nvb_finding_fail(f, "%s is not installed", programs[i]);
            nvb_fix_install(f, d, NVB_PACKAGE_UIDMAP, "newuidmap");
            return;
        }
        if (!has_rights(d, programs[i])) {
            nvb_finding_fail(f, "%s has neither the set-user-ID bit nor a capability", programs[i]);
            (void)nvb_fix_root(f, "chmod", "u+s", programs[i], NULL);
            return;
        }
    }
    nvb_finding_ok(f, "newuidmap and newgidmap are installed");
}

/* ---- user namespaces ---- */

static void fix_sysctl(struct nvb_finding *f, const char *file, const char *text)
{
    _cleanup_free_ char *path = nvb_strdupf("/etc/sysctl.d/%s", file);
    (void)nvb_fix_write(f, true, path, text);
    (void)nvb_fix_root(f, "sysctl", "--system", NULL);
}

static void check_userns(struct nvb_doctor *d, struct nvb_finding *f)
{
    uint64_t most;
    uint64_t clone;
    if (!nvb_doctor_wants_rootless(d, f) || !nvb_doctor_wants(d, NVB_RECORDS_KERNEL, f))
        return;
    if (nvb_doctor_read_number(d, "/proc/sys/kernel/unprivileged_userns_clone", &clone) == 0 &&
        clone == 0) {
        nvb_finding_fail(f, "kernel.unprivileged_userns_clone is 0: users may make no namespace");
        fix_sysctl(f, "99-nvbind-userns.conf", "kernel.unprivileged_userns_clone = 1\n");
    } else if (nvb_doctor_read_number(d, "/proc/sys/user/max_user_namespaces", &most) != 0) {
        nvb_finding_fail(f, "the kernel has no user namespaces");
        (void)nvb_fix_text(f, "boot a kernel with CONFIG_USER_NS");
    } else if (most == 0) {
        nvb_finding_fail(f, "user.max_user_namespaces is 0");
        fix_sysctl(f, "99-nvbind-userns.conf", "user.max_user_namespaces = 15000\n");
    } else {
        nvb_finding_ok(f, "users may make namespaces, %llu of them", (unsigned long long)most);
    }
}

/* Ubuntu 23.10 and later: a program needs an AppArmor profile that allows it. */
static void check_userns_apparmor(struct nvb_doctor *d, struct nvb_finding *f)
{
    static const char key[] = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
    uint64_t restricted = 0;
    if (!nvb_doctor_wants_rootless(d, f) || !nvb_doctor_wants(d, NVB_RECORDS_KERNEL, f))
        return;
    if (nvb_doctor_read_number(d, key, &restricted) != 0 || restricted == 0) {
        nvb_finding_ok(f, "AppArmor does not limit user namespaces");
    } else if (nvb_doctor_exists(d, "/etc/apparmor.d/podman")) {
        nvb_finding_ok(f,
                       "AppArmor limits user namespaces, and /etc/apparmor.d/podman allows them");
    } else {
        const struct nvb_doctor_engine *podman = nvb_doctor_podman(d);
        _cleanup_free_ char *profile = nvb_strdupf(
            "abi <abi/4.0>,\ninclude <tunables/global>\n\nprofile podman %s "
            "flags=(unconfined) {\n  userns,\n\n  include if exists <local/podman>\n}\n",
            podman->installed ? podman->engine.path : "/usr/bin/podman");
        nvb_finding_fail(f, "AppArmor keeps programs without a profile from user namespaces, and "
                            "Podman has none");
        (void)nvb_fix_write(f, true, "/etc/apparmor.d/podman", profile);
        (void)nvb_fix_root(f, "apparmor_parser", "-r", "/etc/apparmor.d/podman", NULL);
    }
}

/* ---- devices that the network and the storage of users need ---- */

/* 0: well, 1: not there, 2: closed. */
static int look_at_node(struct nvb_doctor *d, const char *path, mode_t *ret_mode)
{
    struct stat st;
    const struct nvb_caller *caller = &d->options->caller;
    if (nvb_root_stat(&d->host.dev, path, &st) < 0)
        return 1;
    if (nvb_root_is_host(&d->host.dev) && !S_ISCHR(st.st_mode))
        return 1;
    *ret_mode = st.st_mode & 07777;
    if (st.st_uid == caller->uid)
        return (st.st_mode & 0600) == 0600 ? 0 : 2;
    bool member = st.st_gid == caller->gid;
    for (size_t i = 0; i < caller->group_count; i++)
        member = member || caller->groups[i] == st.st_gid;
    return (st.st_mode & (member ? 060u : 06u)) == (member ? 060u : 06u) ? 0 : 2;
}

static void check_tun(struct nvb_doctor *d, struct nvb_finding *f)
{
    mode_t mode = 0;
    if (!nvb_doctor_wants_rootless(d, f) || !nvb_doctor_wants(d, NVB_RECORDS_DEVICES, f))
        return;
    switch (look_at_node(d, "/dev/net/tun", &mode)) {
    case 0:
        nvb_finding_ok(f, "/dev/net/tun is open to users");
        break;
    case 1:
        nvb_finding_fail(f, "/dev/net/tun is missing: rootless containers have no network");
        (void)nvb_fix_root(f, "modprobe", "tun", NULL);
        break;
    default:
        nvb_finding_fail(f,
                         "/dev/net/tun is closed to users (mode %04o): rootless containers have "
                         "no network",
                         (unsigned)mode);
        (void)nvb_fix_root(f, "chmod", "0666", "/dev/net/tun", NULL);
        (void)nvb_fix_write(f, true, "/etc/udev/rules.d/70-nvbind-tun.rules",
                            "KERNEL==\"tun\", MODE=\"0666\"\n");
    }
}

static void check_fuse(struct nvb_doctor *d, struct nvb_finding *f)
{
    mode_t mode = 0;
    if (!nvb_doctor_wants_rootless(d, f) || !nvb_doctor_wants(d, NVB_RECORDS_DEVICES, f))
        return;
    switch (look_at_node(d, "/dev/fuse", &mode)) {
    case 0:
        nvb_finding_ok(f, "/dev/fuse is open to users");
        break;
    case 1:
        nvb_finding_warn(f, "/dev/fuse is missing: fuse-overlayfs, which older kernels need for "
                            "users' images, does not work");
        (void)nvb_fix_root(f, "modprobe", "fuse", NULL);
        break;
    default:
        nvb_finding_warn(f,
                         "/dev/fuse is closed to users (mode %04o): fuse-overlayfs does not work",
                         (unsigned)mode);
        (void)nvb_fix_root(f, "chmod", "0666", "/dev/fuse", NULL);
        (void)nvb_fix_write(f, true, "/etc/udev/rules.d/70-nvbind-fuse.rules",
                            "KERNEL==\"fuse\", MODE=\"0666\"\n");
    }
}

/* ---- the session ---- */

static void check_runtime_dir(struct nvb_doctor *d, struct nvb_finding *f)
{
    const char *folder = nvb_doctor_env(d, "XDG_RUNTIME_DIR");
    struct stat st;
    if (!nvb_doctor_wants_rootless(d, f))
        return;
    if (!nvb_root_is_host(&d->host.root) && (!folder || !nvb_doctor_exists(d, folder))) {
        nvb_finding_skip(f, "this root is not the machine and has no '%s'",
                         folder ? folder : "/run/user");
        return;
    }
    if (!folder) {
        nvb_finding_warn(f, "XDG_RUNTIME_DIR is not set: this is no login session (su, cron), and "
                            "Podman falls back to /tmp");
    } else if (nvb_root_stat(&d->host.root, folder, &st) < 0) {
        nvb_finding_fail(f, "XDG_RUNTIME_DIR is %s, which is not there: its session has ended",
                         folder);
    } else if (st.st_uid != d->options->caller.uid) {
        nvb_finding_fail(f, "XDG_RUNTIME_DIR is %s, which belongs to user %u", folder,
                         (unsigned)st.st_uid);
    } else if ((st.st_mode & 077) != 0) {
        nvb_finding_warn(f, "XDG_RUNTIME_DIR is %s with mode %04o: nvbind keeps nothing in it",
                         folder, (unsigned)st.st_mode & 07777);
        (void)nvb_fix_user(f, "chmod", "0700", folder, NULL);
        return;
    } else {
        nvb_finding_ok(f, "%s is the caller's own", folder);
        return;
    }
    (void)nvb_fix_root(f, "loginctl", "enable-linger", nvb_doctor_user_name(d), NULL);
    (void)nvb_fix_text(f, "log in by ssh or the console instead of su, or: export "
                          "XDG_RUNTIME_DIR=/run/user/$(id -u)");
}

static void check_devices(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_strv_ struct nvb_strv rules = {0};
    if (!nvb_doctor_wants_rootless(d, f))
        return;
    nvb_doctor_arguments(d, "device-cgroup-rule", 0, &rules);
    if (rules.count == 0) {
        nvb_finding_ok(f, "nothing asks for rules of a device cgroup");
        return;
    }
    nvb_finding_warn(f,
                     "--device-cgroup-rule '%s' is asked for: rootless Podman refuses it, nvbind "
                     "leaves it out",
                     rules.items[0]);
    (void)nvb_fix_text(f, "take --device-cgroup-rule out of default_args (nvbind config path says "
                          "where): the nodes' own rights decide");
}

const struct nvb_check nvb_checks_rootless[] = {
    NVB_CHECK("subids", "rootless", "the caller's ranges in /etc/subuid and /etc/subgid", NULL,
              check_subids),
    NVB_CHECK("newuidmap", "rootless", "newuidmap and newgidmap and their rights", NULL,
              check_newuidmap),
    NVB_CHECK("userns", "rootless", "/proc/sys/user and kernel.unprivileged_userns_clone", NULL,
              check_userns),
    NVB_CHECK("userns-apparmor", "rootless", "kernel.apparmor_restrict_unprivileged_userns", NULL,
              check_userns_apparmor),
    NVB_CHECK("dev-tun", "rootless", "/dev/net/tun and its mode", NULL, check_tun),
    NVB_CHECK("dev-fuse", "rootless", "/dev/fuse and its mode", NULL, check_fuse),
    NVB_CHECK("runtime-dir", "rootless", "XDG_RUNTIME_DIR and whose it is", NULL,
              check_runtime_dir),
    NVB_CHECK("rootless-devices", "rootless",
              "--device-cgroup-rule in the configuration or the last run", NULL, check_devices),
    {0},
};
