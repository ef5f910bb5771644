#include "host/distribution.h"

#include <string.h>

struct family {
    const char *id;
    struct nvb_distribution distribution;
};

static const struct family families[] = {
    {"debian", {.manager = NVB_MANAGER_APT}},
    {"ubuntu", {.manager = NVB_MANAGER_APT, .is_ubuntu = true}},
    {"fedora", {.manager = NVB_MANAGER_DNF}},
    {"rhel", {.manager = NVB_MANAGER_DNF, .is_rhel = true}},
    {"centos", {.manager = NVB_MANAGER_DNF, .is_rhel = true}},
    {"arch", {.manager = NVB_MANAGER_PACMAN}},
    {"suse", {.manager = NVB_MANAGER_ZYPPER}},
    {"opensuse", {.manager = NVB_MANAGER_ZYPPER}},
    {"alpine", {.manager = NVB_MANAGER_APK}},
    {"gentoo", {.manager = NVB_MANAGER_EMERGE}},
    {"nixos", {.manager = NVB_MANAGER_NIX}},
};

static const struct {
    enum nvb_package_manager manager;
    const char *words[3]; /* before the package's name */
} managers[] = {
    {NVB_MANAGER_APT, {"apt-get", "install"}}, {NVB_MANAGER_DNF, {"dnf", "install"}},
    {NVB_MANAGER_PACMAN, {"pacman", "-S"}},    {NVB_MANAGER_ZYPPER, {"zypper", "install"}},
    {NVB_MANAGER_APK, {"apk", "add"}},         {NVB_MANAGER_EMERGE, {"emerge"}},
    {NVB_MANAGER_NIX, {"nix-env", "-iA"}},
};

/* By manager; NULL: none of that name, or part of something that is there anyway. */
static const struct {
    enum nvb_package package;
    const char *apt, *ubuntu, *dnf, *rhel, *pacman, *zypper;
} packages[] = {
    {NVB_PACKAGE_PODMAN, "podman", "podman", "podman", "podman", "podman", "podman"},
    {NVB_PACKAGE_DOCKER, "docker.io", "docker.io", "moby-engine", "podman-docker", "docker",
     "docker"},
    {NVB_PACKAGE_CRUN, "crun", "crun", "crun", "crun", "crun", "crun"},
    {NVB_PACKAGE_UIDMAP, "uidmap", "uidmap", "shadow-utils", "shadow-utils", "shadow", "shadow"},
    {NVB_PACKAGE_FUSE_OVERLAYFS, "fuse-overlayfs", "fuse-overlayfs", "fuse-overlayfs",
     "fuse-overlayfs", "fuse-overlayfs", "fuse-overlayfs"},
    {NVB_PACKAGE_SLIRP, "slirp4netns", "slirp4netns", "slirp4netns", "slirp4netns", "slirp4netns",
     "slirp4netns"},
    {NVB_PACKAGE_COMPOSE, "podman-compose", "podman-compose", "podman-compose", "podman-compose",
     "podman-compose", "podman-compose"},
    {NVB_PACKAGE_DRIVER, "nvidia-driver", "nvidia-driver-550", "akmod-nvidia", "nvidia-driver",
     "nvidia", "nvidia-open-driver-G06-signed-kmp-default"},
    {NVB_PACKAGE_MODPROBE, "nvidia-modprobe", "nvidia-modprobe", "nvidia-modprobe",
     "nvidia-modprobe", "nvidia-utils", "nvidia-modprobe"},
    {NVB_PACKAGE_FABRIC_MANAGER, "nvidia-fabricmanager", "nvidia-fabricmanager-550",
     "nvidia-fabric-manager", "nvidia-fabric-manager", NULL, "nvidia-fabricmanager"},
    {NVB_PACKAGE_PERSISTENCED, "nvidia-persistenced", "nvidia-compute-utils-550",
     "nvidia-persistenced", "nvidia-persistenced", "nvidia-utils", "nvidia-persistenced"},
    {NVB_PACKAGE_XHOST, "x11-xserver-utils", "x11-xserver-utils", "xhost", "xorg-x11-server-utils",
     "xorg-xhost", "xhost"},
};

static const struct nvb_distribution *find_family(const char *word, size_t len)
{
    for (size_t i = 0; i < NVB_COUNT(families); i++)
        if (strlen(families[i].id) == len && memcmp(families[i].id, word, len) == 0)
            return &families[i].distribution;
    return NULL;
}

/* The words of one line of os-release(5): KEY=word, KEY="word word". */
static const struct nvb_distribution *find_in_line(const char *text, const char *key)
{
    const char *line = text;
    size_t key_len = strlen(key);
    while (strncmp(line, key, key_len) != 0) {
        line = strchr(line, '\n');
        if (!line)
            return NULL;
        line++;
    }
    line += key_len;
    for (;;) {
        line += strspn(line, "\"' ");
        size_t len = strcspn(line, "\"' \n");
        if (len == 0)
            return NULL;
        const struct nvb_distribution *found = find_family(line, len);
        if (found)
            return found;
        line += len;
    }
}

void nvb_distribution_parse(const char *os_release, struct nvb_distribution *ret)
{
    const struct nvb_distribution *found = find_in_line(os_release, "ID=");
    if (!found)
        found = find_in_line(os_release, "ID_LIKE=");
    *ret = found ? *found : (struct nvb_distribution){0};
}

void nvb_distribution_read(const struct nvb_root *root, struct nvb_distribution *ret)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (nvb_root_read(root, "/etc/os-release", 65536, &text, NULL) != 0)
        (void)nvb_root_read(root, "/usr/lib/os-release", 65536, &text, NULL);
    nvb_distribution_parse(text.data, ret);
}

static const char *package_name(const struct nvb_distribution *distribution, size_t row)
{
    switch (distribution->manager) {
    case NVB_MANAGER_APT:
        return distribution->is_ubuntu ? packages[row].ubuntu : packages[row].apt;
    case NVB_MANAGER_DNF:
        return distribution->is_rhel ? packages[row].rhel : packages[row].dnf;
    case NVB_MANAGER_PACMAN:
        return packages[row].pacman;
    case NVB_MANAGER_ZYPPER:
        return packages[row].zypper;
    case NVB_MANAGER_APK:
    case NVB_MANAGER_EMERGE:
    case NVB_MANAGER_NIX:
    case NVB_MANAGER_UNKNOWN:
        break;
    }
    return NULL;
}

/* The engines alone are told for the smaller families: their other packages differ too much. */
static const char *engine_name(enum nvb_package_manager manager, enum nvb_package package)
{
    bool docker = package == NVB_PACKAGE_DOCKER;
    if (package != NVB_PACKAGE_PODMAN && !docker)
        return NULL;
    if (manager == NVB_MANAGER_APK)
        return docker ? "docker" : "podman";
    if (manager == NVB_MANAGER_EMERGE)
        return docker ? "app-containers/docker" : "app-containers/podman";
    if (manager == NVB_MANAGER_NIX)
        return docker ? "nixos.docker" : "nixos.podman";
    return NULL;
}

int nvb_distribution_install(const struct nvb_distribution *distribution, enum nvb_package package,
                             struct nvb_strv *ret)
{
    const char *name = engine_name(distribution->manager, package);
    for (size_t i = 0; i < NVB_COUNT(packages) && !name; i++)
        if (packages[i].package == package)
            name = package_name(distribution, i);
    if (!name)
        return 1;
    for (size_t i = 0; i < NVB_COUNT(managers); i++) {
        if (managers[i].manager != distribution->manager)
            continue;
        for (size_t k = 0; managers[i].words[k]; k++)
            nvb_strv_add(ret, managers[i].words[k]);
        nvb_strv_add(ret, name);
        return 0;
    }
    return 1;
}
