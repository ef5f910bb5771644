/* Rootless containers, the machine, security modules. */

#include "examine.h"

#define OK   NVB_VERDICT_OK
#define WARN NVB_VERDICT_WARN
#define FAIL NVB_VERDICT_FAIL
#define SKIP NVB_VERDICT_SKIP

#define MOUNTINFO(top, group) \
    "write /proc/self/mountinfo 21 1 8:1 / " top " rw - ext4 /dev/sda1 rw\\n" group "\n"
#define V1                                               \
    "22 21 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\\n" \
    "23 22 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw\\n"
#define HYBRID V1 "24 22 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\\n"
#define SELINUX(enforce)                                                                          \
    "write /sys/fs/selinux/enforce " enforce "\nwrite /etc/selinux/config SELINUX=enforcing\\n\n" \
    "write /sys/fs/selinux/booleans/container_use_devices 0 0\n"
#define NARROW   "write /sys/fs/selinux/booleans/container_use_xserver_devices "
#define APPARMOR "write /sys/module/apparmor/parameters/enabled Y\\n\n"

const struct examine_row nvb_examine_machine[] = {
    {"subids", "65536", NULL, OK, "ada has 65536 sub-ids"},
    {"subids", "by number", "write /etc/subuid 4711:100000:65536\\n\n", OK, "65536"},
    {"subids", "none", "write /etc/subuid bob:100000:65536\\n\n", FAIL, "no range in /etc/subuid",
     "sudo usermod --add-subuids 165536-231071 --add-subgids 165536-231071 ada"},
    {"subids", "too few", "write /etc/subgid ada:100000:1000\\n\n", WARN, "1000 ids in /etc/subgid",
     "usermod --add-subuids"},
    {"subids", "no file", "remove /etc/subuid\n", FAIL, "no range", "usermod --add-subuids"},
    {"subids", "for root", NULL, SKIP, "root's containers", .is_root = true},
    {"subids", "in another database", "write /etc/nsswitch.conf subid: sss\\n\n", SKIP, "nsswitch"},
    {"newuidmap", "there", NULL, OK, "installed"},
    {"newuidmap", "missing", "remove /usr/bin/newgidmap\n", FAIL, "newgidmap",
     "sudo apt-get install uidmap"},
    {"newuidmap", "without its right", "mode /usr/bin/newuidmap 0755\n", FAIL, "neither",
     "sudo chmod u+s /usr/bin/newuidmap"},
    {"userns", "allowed", NULL, OK, "15000"},
    {"userns", "switched off", "write /proc/sys/user/max_user_namespaces 0\\n\n", FAIL,
     "max_user_namespaces is 0", "sudo sysctl --system"},
    {"userns", "switched off as Debian had it",
     "write /proc/sys/kernel/unprivileged_userns_clone 0\\n\n", FAIL, "unprivileged_userns_clone",
     "kernel.unprivileged_userns_clone = 1"},
    {"userns", "not in the kernel", "remove /proc/sys/user/max_user_namespaces\n", FAIL, "no user",
     "CONFIG_USER_NS"},
    {"userns-apparmor", "not limited", NULL, OK, "does not limit"},
    {"userns-apparmor", "limited, with a profile",
     "write /proc/sys/kernel/apparmor_restrict_unprivileged_userns 1\\n\n"
     "empty /etc/apparmor.d/podman\n",
     OK, "allows them"},
    {"userns-apparmor", "limited",
     "write /proc/sys/kernel/apparmor_restrict_unprivileged_userns 1\\n\n", FAIL,
     "without a profile", "sudo apparmor_parser -r /etc/apparmor.d/podman"},
    {"dev-tun", "open", NULL, OK, "open"},
    {"dev-tun", "closed", "mode /dev/net/tun 0600\n", FAIL, "mode 0600",
     "sudo chmod 0666 /dev/net/tun"},
    {"dev-tun", "missing", "remove /dev/net/tun\n", FAIL, "missing", "sudo modprobe tun"},
    {"dev-fuse", "open", NULL, OK, "open"},
    {"dev-fuse", "closed", "mode /dev/fuse 0600\n", WARN, "mode 0600", "sudo chmod 0666 /dev/fuse"},
    {"dev-fuse", "missing", "remove /dev/fuse\n", WARN, "missing", "sudo modprobe fuse"},
    {"runtime-dir", "not recorded", NULL, SKIP, "/run/user"},
    {"runtime-dir", "another user's", "folder /run/user/4711\n", FAIL, "belongs to user",
     "loginctl enable-linger ada", .environment = "XDG_RUNTIME_DIR=/run/user/4711"},
    {"rootless-devices", "nothing asked", NULL, OK, "nothing asks"},
    {"rootless-devices", "the well-known rule", NULL, WARN, "c 195:* rmw", "default_args",
     .options = "device-cgroup-rule c 195:* rmw"},

    {"cgroups", "version 2", NULL, OK, "version 2"},
    {"cgroups", "version 1", MOUNTINFO("/", V1), WARN, "version 1", "unified_cgroup_hierarchy=1"},
    {"cgroups", "version 1 and Podman 6", MOUNTINFO("/", V1), FAIL, "Podman 6.1.0 needs", "reboot",
     .podman = INFO_PODMAN("6.1.0", "crun", "overlay")},
    {"cgroups", "hybrid with crun", MOUNTINFO("/", HYBRID) "empty /usr/bin/runc\n", FAIL,
     "hybrid, which crun does not", "runtime = \"runc\"",
     .podman = INFO_PODMAN("5.4.2", "crun", "overlay")},
    {"cgroups", "hybrid with runc", MOUNTINFO("/", HYBRID), WARN, "runc takes that", "GRUB",
     .podman = INFO_PODMAN("5.4.2", "runc", "overlay")},
    {"cgroups", "hybrid on Fedora", MOUNTINFO("/", HYBRID) "write /etc/os-release ID=fedora\\n\n",
     WARN, "hybrid", "sudo grubby --update-kernel=ALL --args=systemd.unified_cgroup_hierarchy=1"},
    {"cgroups", "not mounted", MOUNTINFO("/", ""), FAIL, "no cgroup", "mount -t cgroup2"},
    {"chroot", "a root that is a mount", NULL, OK, "is a mount"},
    {"chroot", "a chroot", MOUNTINFO("/proc", ""), FAIL, "plain chroot", "pivot_root"},
    {"rlimits", "allowed", NULL, OK, "may raise", .is_root = true},
    {"rlimits", "for a user", NULL, SKIP, "rootless"},
    {"rlimits", "not allowed", "write /proc/self/status CapEff:\\t000000fffeffffff\\n\n", FAIL,
     "CAP_SYS_RESOURCE", "default_ulimits", .is_root = true},
    {"rlimits", "not allowed, not asked for",
     "write /proc/self/status CapEff:\\t000000fffeffffff\\n\n"
     "write /etc/containers/containers.conf.d/a.conf [containers]\\ndefault_ulimits = []\\n\n",
     OK, "asks for none", .is_root = true},
    {"memlock", "unlimited", NULL, OK, "no limit"},
    {"memlock", "limited",
     "write /proc/self/limits Max locked memory         8388608              8388608              "
     "bytes\\n\n",
     WARN, "8192 KiB", "memlock unlimited"},
    {"shm", "there", NULL, OK, "MiB"},
    {"shm", "missing", "remove /dev/shm\n", FAIL, "missing", "mount -t tmpfs"},
    {"infiniband", "none", NULL, SKIP, "no InfiniBand"},
    {"infiniband", "without nodes", "folder /sys/class/infiniband/mlx5_0\n", FAIL, "mlx5_0",
     "sudo modprobe ib_uverbs"},
    {"infiniband", "with nodes",
     "folder /sys/class/infiniband/mlx5_0\nnode /dev/infiniband/uverbs0\n", OK,
     "1 adapter, 1 node"},

    {"selinux", "absent", NULL, SKIP, "not on this machine"},
    {"selinux", "permissive", SELINUX("0"), OK, "permissive"},
    {"selinux", "enforcing", SELINUX("1"), FAIL, "keeps containers",
     "sudo setsebool -P container_use_devices 1"},
    {"selinux", "enforcing, newer policy", SELINUX("1") NARROW "0 0\n", FAIL, "keeps containers",
     "sudo setsebool -P container_use_xserver_devices 1"},
    {"selinux", "enforcing, allowed", SELINUX("1") NARROW "1 1\n", OK, "xserver_devices lets"},
    {"selinux-mode", "as configured", SELINUX("1"), OK, "as its configuration"},
    {"selinux-mode", "setenforce 0", SELINUX("0"), WARN, "by hand", "sudo setenforce 1"},
    {"selinux-label", "not asked", NULL, OK, "no container"},
    {"selinux-label", "disabled", SELINUX("1"), WARN, "label=disable", "sudo setsebool",
     .options = "security-opt label=disable"},
    {"selinux-label", "the engine's type", SELINUX("1"), WARN, "container_runtime_t",
     "sudo setsebool", .options = "security-opt label=type:container_runtime_t"},
    {"privileged", "not asked", NULL, OK, "no container"},
    {"privileged", "asked", NULL, WARN, "--privileged", "take --privileged",
     .options = "privileged"},
    {"privileged", "taken back", NULL, OK, "no container", .options = "privileged false"},
    {"apparmor", "absent", NULL, SKIP, "not on this machine"},
    {"apparmor", "rootless", APPARMOR, OK, "rootless"},
    {"apparmor", "root, no tools", APPARMOR, FAIL, "apparmor_parser", "apt-get install apparmor",
     .is_root = true},
    {"apparmor", "root, with tools", APPARMOR "empty /usr/sbin/apparmor_parser\n", OK, "is there",
     .is_root = true},
    {"apparmor", "unconfined", APPARMOR, WARN, "apparmor=unconfined", "take it out",
     .options = "security-opt apparmor=unconfined"},
    {0},
};
