#ifndef NVB_HOST_DISTRIBUTION_H
#define NVB_HOST_DISTRIBUTION_H

/* How software is installed here: the distribution of an os-release(5) file, its package manager
 * and its own names of packages. */

#include "base/path.h"
#include "base/str.h"

/* What is installed by a name of ours, because each distribution has its own. */
enum nvb_package {
    NVB_PACKAGE_PODMAN,
    NVB_PACKAGE_DOCKER,
    NVB_PACKAGE_CRUN,
    NVB_PACKAGE_UIDMAP,         /* newuidmap, newgidmap */
    NVB_PACKAGE_FUSE_OVERLAYFS, /* overlay storage where the kernel has none for users */
    NVB_PACKAGE_SLIRP,          /* slirp4netns: network of rootless containers */
    NVB_PACKAGE_COMPOSE,        /* podman-compose */
    NVB_PACKAGE_DRIVER,         /* the NVIDIA driver */
    NVB_PACKAGE_MODPROBE,       /* nvidia-modprobe */
    NVB_PACKAGE_FABRIC_MANAGER,
    NVB_PACKAGE_PERSISTENCED,
    NVB_PACKAGE_XHOST,
};

enum nvb_package_manager {
    NVB_MANAGER_UNKNOWN,
    NVB_MANAGER_APT,
    NVB_MANAGER_DNF,
    NVB_MANAGER_PACMAN,
    NVB_MANAGER_ZYPPER,
    NVB_MANAGER_APK,
    NVB_MANAGER_EMERGE,
    NVB_MANAGER_NIX,
};

struct nvb_distribution {
    enum nvb_package_manager manager;
    bool is_ubuntu; /* whose driver packages are named otherwise than Debian's */
    bool is_rhel;   /* and its kin: other names than Fedora's */
};

/* Reads the text of an os-release file: ID, then the words of ID_LIKE. Unknown: all zero. */
void nvb_distribution_parse(const char *os_release, struct nvb_distribution *ret);

/* Reads /etc/os-release, else /usr/lib/os-release, inside ROOT. */
void nvb_distribution_read(const struct nvb_root *root, struct nvb_distribution *ret);

/*
 * Appends the words of the command that installs PACKAGE ("apt-get", "install", "podman"), without
 * sudo. Returns 0, or 1 where this distribution has no such package by that manager, or none is
 * known: nothing is appended then.
 */
int nvb_distribution_install(const struct nvb_distribution *distribution, enum nvb_package package,
                             struct nvb_strv *ret);

#endif
