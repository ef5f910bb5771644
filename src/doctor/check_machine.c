/* The machine and what the process that asks was given: cgroups, root folder, limits, memory. */

#include <fcntl.h>
#include <string.h>
#include <sys/vfs.h>

#include "doctor/check.h"

#define GIB ((uint64_t)1 << 30)

/* A file of ours among Podman's own (containers.conf(5)): nobody's is changed. */
static void fix_containers_conf(struct nvb_doctor *d, struct nvb_finding *f, const char *name,
                                const char *text)
{
    const bool root = d->options->caller.uid == 0;
    _cleanup_free_ char *rest = nvb_strdupf("containers/containers.conf.d/50-nvbind-%s.conf", name);
    _cleanup_free_ char *path =
        root ? nvb_strdupf("/etc/%s", rest) : nvb_doctor_config_path(d, rest);
    if (path)
        (void)nvb_fix_write(f, root, path, text);
}

static void fix_unified(struct nvb_doctor *d, struct nvb_finding *f)
{
    if (nvb_doctor_distribution(d)->manager == NVB_MANAGER_DNF)
        (void)nvb_fix_root(f, "grubby", "--update-kernel=ALL",
                           "--args=systemd.unified_cgroup_hierarchy=1", NULL);
    else
        (void)nvb_fix_text(f, "add systemd.unified_cgroup_hierarchy=1 to GRUB_CMDLINE_LINUX in "
                              "/etc/default/grub, then: sudo update-grub");
    nvb_fix_root(f, "systemctl", "reboot", NULL)->by_hand = true;
}

static void check_hybrid(struct nvb_doctor *d, struct nvb_finding *f)
{
    const char *runtime = nvb_doctor_oci_runtime(d);
    const bool podman = nvb_doctor_podman(d)->installed;
    if (!podman) {
        nvb_finding_warn(f,
                         "cgroups are hybrid, version 1 and 2 together: crun does not take that");
    } else if (runtime && strcmp(runtime, "runc") == 0) {
        nvb_finding_warn(f, "cgroups are hybrid; runc takes that, crun does not");
    } else {
        nvb_finding_fail(f, "cgroups are hybrid, which %s does not take",
                         runtime ? runtime : "crun");
        if (nvb_doctor_exists(d, "/usr/bin/runc") || nvb_doctor_exists(d, "/usr/sbin/runc"))
            fix_containers_conf(d, f, "runtime", "[engine]\nruntime = \"runc\"\n");
    }
    fix_unified(d, f);
}

static void check_cgroups(struct nvb_doctor *d, struct nvb_finding *f)
{
    const struct nvb_doctor_engine *podman = nvb_doctor_podman(d);
    if (!nvb_doctor_wants(d, NVB_RECORDS_MOUNTS, f))
        return;
    switch (nvb_doctor_cgroups(d)) {
    case 2:
        nvb_finding_ok(f, "version 2");
        break;
    case 3:
        check_hybrid(d, f);
        break;
    case 1:
        if (podman->installed && podman->engine.version >= 600)
            nvb_finding_fail(f, "version 1, and Podman %s needs version 2",
                             podman->engine.version_text);
        else
            nvb_finding_warn(f, "version 1: no limits for rootless containers, and Podman 6 does "
                                "not start");
        fix_unified(d, f);
        break;
    default:
        nvb_finding_fail(f, "no cgroup file system is mounted at /sys/fs/cgroup");
        (void)nvb_fix_root(f, "mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup", NULL);
    }
}

/* ---- where the process lives ---- */

static void check_chroot(struct nvb_doctor *d, struct nvb_finding *f)
{
    bool top = false;
    if (!nvb_doctor_wants(d, NVB_RECORDS_MOUNTS, f))
        return;
    nvb_vec_foreach (mount, nvb_doctor_mounts(d))
        top = top || strcmp(mount->point, "/") == 0;
    if (top) {
        nvb_finding_ok(f, "the root folder is a mount");
        return;
    }
    nvb_finding_fail(f,
                     "this is a plain chroot: its root is no mount, so no container can leave it");
    (void)nvb_fix_text(f,
                       "enter the tree with 'systemd-nspawn -D TREE' or by pivot_root in a mount "
                       "namespace: unshare -m sh -c 'mount --bind TREE TREE && cd TREE && "
                       "mkdir -p old && pivot_root . old && exec /bin/sh'");
}

static bool asks_for_limits(struct nvb_doctor *d)
{
    static const char folder[] = "/etc/containers/containers.conf.d";
    _cleanup_strv_ struct nvb_strv names = {0};
    _cleanup_free_ char *top = nvb_doctor_read(d, "/etc/containers/containers.conf");
    nvb_doctor_list(d, folder, ".conf", &names);
    bool found = top && strstr(top, "\ndefault_ulimits");
    for (size_t i = 0; i < names.count && !found; i++) {
        _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, names.items[i]);
        _cleanup_free_ char *text = nvb_doctor_read(d, path);
        found = text && strstr(text, "\ndefault_ulimits");
    }
    return found;
}

/* CAP_SYS_RESOURCE (capabilities(7)) is bit 24: without it root may not raise a limit, and Podman
 * as root raises two by itself. */
static void check_rlimits(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_free_ char *status = nvb_doctor_read(d, "/proc/self/status");
    const char *at = status ? strstr(status, "CapEff:") : NULL;
    uint64_t mask;
    if (d->options->caller.uid != 0) {
        nvb_finding_skip(f, "rootless containers do not raise limits");
        return;
    }
    if (!at) {
        nvb_finding_skip(f, "there is no /proc/self/status");
        return;
    }
    at += strlen("CapEff:");
    at += strspn(at, " \t");
    if (nvb_parse_u64(at, strspn(at, "0123456789abcdef"), 16, &mask) < 0) {
        nvb_finding_skip(f, "/proc/self/status has no set of capabilities");
        return;
    }
    if (mask & (uint64_t)1 << 24) {
        nvb_finding_ok(f, "root may raise limits");
    } else if (asks_for_limits(d)) {
        nvb_finding_ok(f, "root may not raise limits, and containers.conf asks for none");
    } else {
        nvb_finding_fail(f, "root lacks CAP_SYS_RESOURCE here, so Podman's containers fail at "
                            "RLIMIT_NOFILE");
        fix_containers_conf(
            d, f, "limits",
            "[containers]\ndefault_ulimits = [\"nofile=20000:20000\", \"nproc=32768:32768\"]\n");
    }
}

/* ---- what kinds of work ask for: only made when they are named ---- */

/* The soft and hard limit of NAME in /proc/self/limits (proc_pid_limits(5)). Returns 0 or 1. */
static int read_limit(struct nvb_doctor *d, const char *name, uint64_t *ret_soft,
                      uint64_t *ret_hard)
{
    _cleanup_free_ char *text = nvb_doctor_read(d, "/proc/self/limits");
    const char *at = text ? strstr(text, name) : NULL;
    uint64_t values[2];
    if (!at)
        return 1;
    at += strlen(name);
    for (size_t i = 0; i < 2; i++) {
        at += strspn(at, " ");
        size_t len = strcspn(at, " \n");
        if (len == 9 && memcmp(at, "unlimited", 9) == 0)
            values[i] = UINT64_MAX;
        else if (nvb_parse_u64(at, len, 10, &values[i]) < 0)
            return 1;
        at += len;
    }
    *ret_soft = values[0];
    *ret_hard = values[1];
    return 0;
}

static void check_memlock(struct nvb_doctor *d, struct nvb_finding *f)
{
    uint64_t soft;
    uint64_t hard;
    if (read_limit(d, "Max locked memory", &soft, &hard) != 0) {
        nvb_finding_skip(f, "there is no /proc/self/limits");
    } else if (d->options->caller.uid == 0 || hard >= GIB) {
        nvb_finding_ok(f, hard == UINT64_MAX ? "no limit" : "a gigabyte or more may be locked");
    } else {
        nvb_finding_warn(f,
                         "only %llu KiB may be locked in memory: pinned buffers and RDMA need "
                         "more, and a rootless container cannot raise it",
                         (unsigned long long)hard / 1024);
        _cleanup_free_ char *text =
            nvb_strdupf("%s - memlock unlimited\n", nvb_doctor_user_name(d));
        (void)nvb_fix_write(f, true, "/etc/security/limits.d/90-nvbind-memlock.conf", text);
        (void)nvb_fix_text(f, "log out and in again; for user services: LimitMEMLOCK=infinity in "
                              "/etc/systemd/system/user@.service.d/limits.conf");
    }
}

static void check_shm(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_close_ int fd = nvb_root_openat(&d->host.dev, "/dev/shm", O_RDONLY | O_DIRECTORY);
    struct statfs fs;
    if (fd < 0 && !nvb_doctor_wants(d, NVB_RECORDS_DEVICES, f))
        return;
    if (fd < 0 || fstatfs(fd, &fs) < 0) {
        nvb_finding_fail(f, "/dev/shm is missing: '--ipc=host' and data loaders fail");
        (void)nvb_fix_root(f, "mount", "-t", "tmpfs", "-o", "mode=1777,nosuid,nodev", "tmpfs",
                           "/dev/shm", NULL);
        return;
    }
    uint64_t size = (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize;
    if (size < GIB) {
        nvb_finding_warn(f, "/dev/shm has %llu MiB: data loaders of several workers fill it",
                         (unsigned long long)(size >> 20));
        (void)nvb_fix_root(f, "mount", "-o", "remount,size=50%", "/dev/shm", NULL);
    } else {
        nvb_finding_ok(f, "/dev/shm has %llu MiB", (unsigned long long)(size >> 20));
    }
}

static void check_infiniband(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_strv_ struct nvb_strv cards = {0};
    _cleanup_strv_ struct nvb_strv nodes = {0};
    nvb_doctor_list(d, "/sys/class/infiniband", NULL, &cards);
    nvb_doctor_list(d, "/dev/infiniband", NULL, &nodes);
    if (cards.count == 0) {
        nvb_finding_skip(f, "no InfiniBand or RoCE adapter is there");
    } else if (nodes.count == 0) {
        nvb_finding_fail(f, "%s is there and /dev/infiniband is empty: no RDMA in containers",
                         cards.items[0]);
        (void)nvb_fix_root(f, "modprobe", "ib_uverbs", NULL);
        (void)nvb_fix_root(f, "modprobe", "rdma_ucm", NULL);
    } else {
        nvb_finding_ok(f, "%zu adapter%s, %zu nodes in /dev/infiniband", cards.count,
                       cards.count == 1 ? "" : "s", nodes.count);
    }
}

const struct nvb_check nvb_checks_machine[] = {
    NVB_CHECK("cgroups", "machine", "the cgroup file systems that are mounted", NULL,
              check_cgroups),
    NVB_CHECK("chroot", "machine", "whether the root folder is a mount", NULL, check_chroot),
    NVB_CHECK("rlimits", "machine", "whether root may raise limits (CAP_SYS_RESOURCE)", NULL,
              check_rlimits),
    NVB_CHECK_ON_REQUEST("memlock", "machine", "how much memory may be locked", NULL,
                         check_memlock),
    NVB_CHECK("shm", "machine", "/dev/shm and its size", NULL, check_shm),
    NVB_CHECK_ON_REQUEST("infiniband", "machine", "/sys/class/infiniband and /dev/infiniband", NULL,
                         check_infiniband),
    {0},
};
