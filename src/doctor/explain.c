#include "doctor/explain.h"

#include <string.h>
#include <strings.h>

#include "base/str.h"

/*
 * The more telling rows first. Where a message was seen is said by its words: podman 4.3 to 6.1,
 * crun 1.8 to 1.22, runc 1.1 to 1.3, docker 20 to 28, programs of CUDA and X11.
 */
static const struct nvb_explanation rows[] = {
    /* engines that are not there, or do not answer */
    {"podman: command not found", "engine", "Podman is not installed, or not in PATH"},
    {"podman: not found", "engine", "Podman is not installed, or not in PATH"},
    {"docker: command not found", "engine", "Docker is not installed, or not in PATH"},
    {"docker: not found", "engine", "Docker is not installed, or not in PATH"},
    {"permission denied while trying to connect to the Docker daemon socket", "docker-socket",
     "the caller may not use Docker's socket"},
    {"Got permission denied while trying to connect to the Docker", "docker-socket",
     "the caller may not use Docker's socket"},
    {"Cannot connect to the Docker daemon", "docker-daemon", "Docker's service is not running"},

    /* CDI */
    {"unresolvable CDI devices", "cdi-spec",
     "the engine has no specification with that device, or dropped the file that has it"},
    {"setting up CDI devices", "cdi-spec", "the engine could not use a CDI specification"},
    {"CDI device injection failed", "cdi-spec", "the engine could not use a CDI specification"},
    {"CDI registry has errors", "cdi-spec", "a CDI specification cannot be read"},
    {"could not select device driver*capabilities: [[gpu]]", "docker-cdi",
     "Docker's own --gpus needs NVIDIA's runtime; without it CDI is the way"},
    {"could not select device driver \"cdi\"", "docker-cdi", "Docker's CDI support is not on"},
    {"CDI device injection*disabled", "docker-cdi", "Docker's CDI support is not on"},
    {"unknown or invalid runtime name: nvidia", "docker-runtime",
     "NVIDIA's runtime is asked for and not installed; nvbind needs none"},
    {"Unknown runtime specified nvidia", "docker-runtime",
     "NVIDIA's runtime is asked for and not installed; nvbind needs none"},
    {"default OCI runtime \"nvidia\" not found", "docker-runtime",
     "NVIDIA's runtime is asked for and not installed; nvbind needs none"},
    {"nvidia-container-cli: initialization error", "driver-module",
     "the driver's module is not loaded"},

    /* devices */
    {"stat /dev/nvidia-uvm: no such file", "node-uvm",
     "the node of unified memory is made on first use, and was not yet"},
    {"stat /dev/nvidia-modeset: no such file", "node-modeset",
     "the node of mode setting is not there"},
    {"stat /dev/nvidia*: no such file", "node-control",
     "a node of the driver that the container should get is not there"},
    {"stat /dev/dri*: no such file", "node-dri", "the GPU's node for graphics is not there"},
    {"open /dev/nvidia*: permission denied", "node-access",
     "the caller may not open the driver's nodes"},
    {"open `/dev/nvidia*`: Permission denied", "node-access",
     "the caller may not open the driver's nodes"},
    {"/dev/nvidia*: Permission denied", "node-access",
     "the caller may not open the driver's nodes"},
    {"/dev/dri/*: Permission denied", "groups-kept",
     "nodes of a group are closed to a rootless container that does not keep its groups"},
    {"creating device nodes: *operation not permitted", "rootless-devices",
     "a rootless container cannot make a node under another name"},
    {"mknod*Operation not permitted", "rootless-devices",
     "a rootless container cannot make a node under another name"},
    {"device cgroup rules are not supported in rootless mode", "rootless-devices",
     "rootless Podman has no cgroup of devices; the nodes' own rights decide"},

    /* user namespaces and ids */
    {"newuidmap: write to uid_map failed", "subids", "the ranges in /etc/subuid are not usable"},
    {"newuidmap*not found", "newuidmap", "newuidmap is not installed"},
    {"\"newuidmap\": executable file not found", "newuidmap", "newuidmap is not installed"},
    {"no subuid ranges found", "subids", "the user has no range in /etc/subuid"},
    {"no subgid ranges found", "subids", "the user has no range in /etc/subgid"},
    {"cannot find mappings for user", "subids", "the user has no range in /etc/subuid"},
    {"insufficient UIDs or GIDs available in user namespace", "subids",
     "the user's ranges in /etc/subuid and /etc/subgid are too small for the image"},
    {"there might not be enough IDs available in the namespace", "subids",
     "the user's ranges in /etc/subuid and /etc/subgid are too small for the image"},
    {"cannot clone: Operation not permitted", "userns", "user namespaces are switched off"},
    {"cannot clone: No space left on device", "userns", "no user namespace is left"},
    {"user namespaces are not enabled", "userns", "user namespaces are switched off"},
    {"reexec to enter user namespace", "userns", "a user namespace could not be made"},
    {"apparmor=\"DENIED\" operation=\"userns_create\"", "userns-apparmor",
     "AppArmor keeps programs without a profile from user namespaces"},
    {"RLIMIT_NOFILE*: Operation not permitted", "rlimits",
     "root lacks CAP_SYS_RESOURCE here, and Podman raises limits"},
    {"RLIMIT_NPROC*: Operation not permitted", "rlimits",
     "root lacks CAP_SYS_RESOURCE here, and Podman raises limits"},
    {"RLIMIT_MEMLOCK*: Operation not permitted", "rlimits",
     "a rootless container cannot raise a limit above the caller's own"},
    {"XDG_RUNTIME_DIR", "runtime-dir", "the caller has no runtime folder: no login session"},
    {"/run/user/*: permission denied", "runtime-dir", "the runtime folder is another user's"},
    {"/run/user/*: no such file or directory", "runtime-dir",
     "the runtime folder is gone: the session that made it has ended"},

    /* cgroups */
    {"cgroups in hybrid mode not supported", "cgroups", "crun does not take hybrid cgroups"},
    {"cgroups v1 is not supported", "cgroups", "this engine needs cgroup v2"},
    {"Using cgroups-v1 which is deprecated", "cgroups", "this engine will need cgroup v2"},
    {"error creating systemd unit `libpod-", "cgroups",
     "there is no systemd session to ask for a cgroup"},
    {"Failed to initialize NVML: Unknown Error", "docker-cgroup",
     "the container lost its devices when systemd reloaded its units"},

    /* the machine */
    {"pivot_root: Invalid argument", "chroot", "the engine runs in a plain chroot"},
    {"pivot_root: invalid argument", "chroot", "the engine runs in a plain chroot"},
    {"/dev/net/tun: Permission denied", "dev-tun", "rootless networking needs /dev/net/tun"},
    {"open(\"/dev/net/tun\")", "dev-tun", "rootless networking needs /dev/net/tun"},
    {"fuse: device not found", "dev-fuse", "fuse-overlayfs needs /dev/fuse"},
    {"/dev/fuse: Permission denied", "dev-fuse", "fuse-overlayfs needs /dev/fuse"},
    {"fuse: failed to open /dev/fuse", "dev-fuse", "fuse-overlayfs needs /dev/fuse"},
    {"no space left on device", "disk-space", "the image store's file system is full"},
    {"unlinkat*device or resource busy", "storage-driver", "the image store is used by another"},
    {"'overlay' is not supported over", "storage-driver",
     "the image store lies on a file system that overlay does not take"},
    {"kernel does not support overlay fs", "storage-driver",
     "the kernel gives users no overlay file system"},

    /* networks and registries */
    {"rootlessport cannot expose privileged port", "ports-privileged",
     "a rootless container asked for a port that only root may open"},
    {"bind: address already in use", "ports-used", "another program listens on that port"},
    {"port is already allocated", "ports-used", "another container has that port"},
    {"short-name*did not resolve to an alias", "registries-search",
     "no registry is configured in which short names are looked for"},
    {"short-name resolution enforced", "registries-search",
     "more than one registry is configured and nobody can be asked"},
    {"mixing sysregistry v1/v2 is not supported", "registries-format",
     "registries.conf mixes the old format with the new one"},
    {"registries.conf*v1", "registries-format", "registries.conf is in the old format"},
    {"Failed to obtain podman configuration", "engine-answers",
     "Podman cannot read its own configuration"},

    /* security */
    {"avc:  denied", "selinux", "SELinux denied it"},
    {"SELinux is preventing", "selinux", "SELinux denied it"},
    {"relabel failed", "bind-source", "the folder cannot be given a label"},
    {"apparmor failed to apply profile", "apparmor", "AppArmor refused the container's profile"},
    {"lsetxattr*operation not supported", "bind-source",
     "the file system of the folder has no labels: leave :z and :Z out"},
    {"statfs */*: no such file or directory", "bind-source",
     "a folder that is to be mounted is not there"},
    {"bind source path does not exist", "bind-source",
     "a folder that is to be mounted is not there"},

    /* nvbind's own, where a check finds out more than the message says */
    {"no permission on '/dev/dri/", "node-groups", "the caller may not open a node for graphics"},
    {"no permission on '/dev/nvidia", "node-access", "the caller may not open the driver's nodes"},
    {"no container engine is installed", "engine", "neither Podman nor Docker is in PATH"},
    {"is not installed: no 'podman' in PATH", "engine", "Podman is not in PATH"},
    {"is not installed: no 'docker' in PATH", "engine", "Docker is not in PATH"},
    {"no NVIDIA driver is loaded", "driver", "there is no kernel module, or no GPU for it"},
    {"is loaded and has no GPU", "gpu", "the driver found no GPU that it takes"},
    {"/dev/nvidia-uvm* missing: GPUs would not work", "node-uvm",
     "the node of unified memory is made on first use, and was not yet"},
    {"missing: GPUs would not work in containers", "nodes", "a part of the driver is not there"},
    {"service does not run: nothing listens", "docker-daemon", "Docker's service is not running"},
    {"service, '*', is closed to this user", "docker-socket",
     "the caller may not use Docker's socket"},

    /* programs in the container */
    {"couldn't communicate with the NVIDIA driver", "driver-module",
     "the driver's libraries are there and its module does not answer"},
    {"Driver/library version mismatch", "driver-version",
     "module and libraries are of different versions"},
    {"API mismatch: the NVIDIA kernel module", "driver-version",
     "module and libraries are of different versions"},
    {"Failed to initialize NVML: Insufficient Permissions", "node-access",
     "the caller may not open the driver's nodes"},
    {"no CUDA-capable device is detected", "node-control", "CUDA found no GPU that it could open"},
    {"CUDA unknown error", "node-uvm", "CUDA could not use /dev/nvidia-uvm"},
    {"libcuda.so.1: cannot open shared object file", "driver-libraries",
     "the driver's libraries did not reach the container"},
    {"libnvidia-ml.so.1: cannot open shared object file", "driver-libraries",
     "the driver's libraries did not reach the container"},
    {"system not yet initialized", "fabric-manager",
     "CUDA on a machine with NVSwitches waits for its fabric manager"},
    {"cannot open display", "x11-socket", "the program found no X server"},
    {"can't open display", "x11-socket", "the program found no X server"},
    {"Authorization required, but no authorization protocol specified", "x11-cookie",
     "the X server wants a cookie that the container does not have"},
    {"Invalid MIT-MAGIC-COOKIE-1 key", "x11-cookie", "the X cookie is an old one"},
    {"No protocol specified", "x11-cookie",
     "the X server wants a cookie that the container does not have"},
};

const struct nvb_explanation *nvb_explain_get(size_t index)
{
    return index < NVB_COUNT(rows) ? &rows[index] : NULL;
}

/* The first place in the LEN bytes of TEXT where the N bytes of PIECE stand, whatever their case:
 * engines have changed a capital from one version to the next. */
static const char *find_piece(const char *text, size_t len, const char *piece, size_t n)
{
    for (size_t i = 0; n <= len && i <= len - n; i++)
        if (strncasecmp(text + i, piece, n) == 0)
            return text + i;
    return NULL;
}

static bool line_matches(const char *line, size_t len, const char *pattern)
{
    const char *end = line + len;
    while (*pattern) {
        size_t n = strcspn(pattern, "*");
        line = find_piece(line, (size_t)(end - line), pattern, n);
        if (!line)
            return false;
        line += n;
        pattern += n;
        pattern += *pattern == '*';
    }
    return true;
}

static bool matches(const char *message, const char *pattern)
{
    for (const char *line = message; *line; line += *line == '\n') {
        size_t len = strcspn(line, "\n");
        if (line_matches(line, len, pattern))
            return true;
        line += len;
    }
    return false;
}

int nvb_explain(const char *message, struct nvb_explanations *ret)
{
    size_t before = ret->count;
    for (size_t i = 0; i < NVB_COUNT(rows); i++) {
        bool told = false;
        for (size_t k = before; k < ret->count; k++)
            told = told || strcmp(ret->items[k]->check, rows[i].check) == 0;
        if (!told && matches(message, rows[i].pattern))
            nvb_vec_push(ret, &rows[i]);
    }
    return ret->count == before;
}
