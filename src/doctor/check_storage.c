/* Where images lie, and folders that are mounted into containers. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "config/toml.h"
#include "doctor/check.h"

#define GIB ((uint64_t)1 << 30)

/* ---- the image store (containers-storage.conf(5)) ---- */

static char *storage_conf(struct nvb_doctor *d)
{
    const char *set = nvb_doctor_env(d, "CONTAINERS_STORAGE_CONF");
    if (set)
        return nvb_strdup(set);
    if (d->options->caller.uid != 0) {
        char *own = nvb_doctor_config_path(d, "containers/storage.conf");
        if (own && nvb_doctor_exists(d, own))
            return own;
        free(own);
    }
    return nvb_strdup("/etc/containers/storage.conf");
}

/* The value of KEY in the section [storage], owned, or NULL. */
static char *storage_value(struct nvb_doctor *d, const char *key)
{
    _cleanup_free_ char *path = storage_conf(d);
    _cleanup_free_ char *text = nvb_doctor_read(d, path);
    _cleanup_doc_ struct nvb_doc doc = {0};
    if (!text || nvb_toml_read(text, strlen(text), path, &doc, NULL) < 0)
        return NULL;
    return nvb_strdup(nvb_doc_find_text(nvb_doc_find(&doc, "storage"), key));
}

/* The folder of the store: what Podman says, what its configuration says, its default. Owned. */
static char *store_folder(struct nvb_doctor *d)
{
    const struct nvb_doctor_engine *podman = nvb_doctor_podman(d);
    const char *told = nvb_doc_find_text(nvb_doc_find(&podman->info, "store"), "graphRoot");
    if (told)
        return nvb_strdup(told);
    if (!podman->installed && nvb_doctor_docker(d)->installed)
        return nvb_strdup("/var/lib/docker");
    if (d->options->caller.uid != 0)
        return nvb_doctor_data_path(d, "containers/storage");
    char *set = storage_value(d, "graphroot");
    return set && *set ? set : (free(set), nvb_strdup("/var/lib/containers/storage"));
}

static void check_driver(struct nvb_doctor *d, struct nvb_finding *f)
{
    const struct nvb_doctor_engine *podman = nvb_doctor_podman(d);
    const struct nvb_doc *store = nvb_doc_find(&podman->info, "store");
    const char *told = nvb_doc_find_text(store, "graphDriverName");
    if (!told)
        told = nvb_doc_find_text(&nvb_doctor_docker(d)->info, "Driver");
    _cleanup_free_ char *set = told ? nvb_strdup(told) : storage_value(d, "driver");
    if (!set || !*set) {
        nvb_finding_skip(f, "no engine says which storage driver it uses");
    } else if (strcmp(set, "vfs") != 0) {
        nvb_finding_ok(f, "images are stored by %s", set);
    } else {
        nvb_finding_warn(f, "images are stored by vfs: each container copies its whole image");
        const bool root = d->options->caller.uid == 0;
        _cleanup_free_ char *path = root ? nvb_strdup("/etc/containers/storage.conf")
                                         : nvb_doctor_config_path(d, "containers/storage.conf");
        if (path && !nvb_doctor_exists(d, path))
            (void)nvb_fix_write(f, root, path, "[storage]\ndriver = \"overlay\"\n");
        else
            (void)nvb_fix_text(f, "in the section [storage] of %s: driver = \"overlay\"",
                               path ? path : "storage.conf");
        nvb_fix_user(f, "podman", "system", "reset", NULL)->by_hand = true;
        f->fix.items[f->fix.count - 1].text =
            nvb_strdup("the store's driver changes with an empty store: this removes all images");
    }
}

/* The nearest folder at or above PATH that is there, open. */
static int open_above(struct nvb_doctor *d, const char *path)
{
    _cleanup_free_ char *at = nvb_strdup(path);
    for (;;) {
        int fd = nvb_root_openat(&d->host.root, at, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
        if (fd >= 0 || strcmp(at, "/") == 0)
            return fd;
        char *up = nvb_path_dir(at);
        free(at);
        at = up;
    }
}

static void check_space(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_free_ char *folder = store_folder(d);
    struct statvfs fs;
    if (!folder) {
        nvb_finding_skip(f, "the caller has no home folder");
        return;
    }
    _cleanup_close_ int fd = open_above(d, folder);
    if (fd < 0 || fstatvfs(fd, &fs) < 0) {
        nvb_finding_skip(f, "%s cannot be looked at", folder);
        return;
    }
    uint64_t left = (uint64_t)fs.f_bavail * (uint64_t)fs.f_frsize;
    unsigned long long tenths = (unsigned long long)(left / (GIB / 10));
    bool no_names = fs.f_files > 0 && fs.f_favail < 10000;
    if (left >= 10 * GIB && !no_names) {
        nvb_finding_ok(f, "%llu.%llu GiB are left for %s", tenths / 10, tenths % 10, folder);
        return;
    }
    if (no_names)
        nvb_finding_fail(f, "the file system of %s has only %llu file names left", folder,
                         (unsigned long long)fs.f_favail);
    else if (left < 2 * GIB)
        nvb_finding_fail(f, "only %llu.%llu GiB are left for %s: images of CUDA have 3 to 10",
                         tenths / 10, tenths % 10, folder);
    else
        nvb_finding_warn(f, "%llu.%llu GiB are left for %s: images of CUDA have 3 to 10",
                         tenths / 10, tenths % 10, folder);
    const bool podman = nvb_doctor_podman(d)->installed || !nvb_doctor_docker(d)->installed;
    struct nvb_fix_step *step =
        nvb_fix_user(f, podman ? "podman" : "docker", "system", "prune", NULL);
    step->by_hand = true;
    step->text = nvb_strdup("removes stopped containers and images that nothing uses");
}

/* Overlay does not work on network file systems, and users' ids do not either. */
static void check_filesystem(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_free_ char *folder = store_folder(d);
    const struct nvb_doctor_mount *of = NULL;
    if (!folder || !nvb_doctor_wants(d, NVB_RECORDS_MOUNTS, f))
        return;
    nvb_vec_foreach (mount, nvb_doctor_mounts(d)) {
        size_t len = strcmp(mount->point, "/") == 0 ? 0 : strlen(mount->point);
        if (strncmp(folder, mount->point, len) == 0 && (folder[len] == '/' || !folder[len]) &&
            (!of || strlen(mount->point) >= strlen(of->point)))
            of = mount;
    }
    if (!of) {
        nvb_finding_skip(f, "the mount of %s is not known", folder);
    } else if (nvb_has_prefix(of->type, "nfs") || strcmp(of->type, "cifs") == 0 ||
               strcmp(of->type, "lustre") == 0 || strcmp(of->type, "fuse.sshfs") == 0) {
        nvb_finding_fail(f, "%s lies on %s: images cannot be unpacked there", folder, of->type);
        _cleanup_free_ char *text = nvb_strdupf(
            "[storage]\ndriver = \"overlay\"\nrootless_storage_path = \"/var/tmp/%s/storage\"\n",
            nvb_doctor_user_name(d));
        _cleanup_free_ char *path = nvb_doctor_config_path(d, "containers/storage.conf");
        if (path && !nvb_doctor_exists(d, path))
            (void)nvb_fix_write(f, false, path, text);
        else
            (void)nvb_fix_text(f, "in %s: rootless_storage_path = a folder on a local disk",
                               path ? path : "storage.conf");
    } else {
        nvb_finding_ok(f, "%s lies on %s", folder, of->type);
    }
}

/* ---- folders that are mounted into containers ---- */

struct source {
    char *path;
    bool has_label; /* :z or :Z */
};

struct sources NVB_VEC(struct source);

static void add_source(struct sources *sources, const char *path, size_t len, const char *options)
{
    if (path[0] != '/')
        return; /* a volume by name */
    struct source *source = nvb_vec_add(sources);
    source->path = nvb_strndup(path, len);
    _cleanup_strv_ struct nvb_strv words = {0};
    nvb_strv_split(&words, options, ',');
    for (size_t i = 0; i < words.count; i++)
        source->has_label = source->has_label || strcmp(words.items[i], "z") == 0 ||
                            strcmp(words.items[i], "Z") == 0;
}

static void read_sources(struct nvb_doctor *d, struct sources *ret)
{
    _cleanup_strv_ struct nvb_strv volumes = {0};
    _cleanup_strv_ struct nvb_strv mounts = {0};
    nvb_doctor_arguments(d, "volume", 'v', &volumes);
    nvb_doctor_arguments(d, "mount", 0, &mounts);
    for (size_t i = 0; i < volumes.count; i++) {
        _cleanup_strv_ struct nvb_strv parts = {0};
        nvb_strv_split(&parts, volumes.items[i], ':');
        if (parts.count >= 2)
            add_source(ret, parts.items[0], strlen(parts.items[0]),
                       parts.count > 2 ? parts.items[2] : "");
    }
    for (size_t i = 0; i < mounts.count; i++) {
        const char *at = strstr(mounts.items[i], "source=");
        const char *shorter = strstr(mounts.items[i], "src=");
        at = at ? at + strlen("source=") : shorter ? shorter + strlen("src=") : NULL;
        if (at)
            add_source(ret, at, strcspn(at, ","), "");
    }
}

/* A container's processes may use what bears a type of containers (container_file_t …). */
static bool has_container_label(struct nvb_doctor *d, const char *path)
{
    char label[256] = "";
    _cleanup_close_ int fd = nvb_root_openat(&d->host.root, path, O_RDONLY | O_NONBLOCK);
    ssize_t n = fd >= 0 ? fgetxattr(fd, "security.selinux", label, sizeof(label) - 1) : -1;
    return n > 0 && strstr(label, ":container_");
}

static bool judge_source(struct nvb_doctor *d, const struct source *source, struct nvb_finding *f)
{
    struct stat st;
    const struct nvb_caller *caller = &d->options->caller;
    int r = nvb_root_stat(&d->host.root, source->path, &st);
    if (r == -ENOENT) {
        nvb_finding_fail(f, "'%s', which is to be mounted, is not there", source->path);
        (void)nvb_fix_user(f, "mkdir", "-p", source->path, NULL);
        return false;
    }
    if (r < 0) {
        nvb_finding_fail(f, "'%s', which is to be mounted, is closed to the caller", source->path);
        return false;
    }
    if (nvb_doctor_selinux_enforces(d) && !source->has_label &&
        !has_container_label(d, source->path)) {
        nvb_finding_fail(f, "SELinux keeps containers out of '%s'", source->path);
        (void)nvb_fix_text(f, "-v '%s:…:z' for several containers, ':Z' for this one alone",
                           source->path);
        return false;
    }
    if (caller->uid != 0 && nvb_doctor_is_rootless(d) && st.st_uid != caller->uid &&
        !(st.st_mode & 04)) {
        nvb_finding_warn(f, "'%s' belongs to user %u, who is nobody in a rootless container",
                         source->path, (unsigned)st.st_uid);
        (void)nvb_fix_root(f, "chown", "-R", nvb_doctor_user_name(d), source->path, NULL);
        return false;
    }
    return true;
}

static void check_source(struct nvb_doctor *d, struct nvb_finding *f)
{
    struct sources sources = {0};
    bool well = true;
    read_sources(d, &sources);
    nvb_vec_foreach (source, &sources)
        well = well && judge_source(d, source, f);
    if (sources.count == 0)
        nvb_finding_skip(f, "neither the configuration nor the last run mounts a folder");
    else if (well)
        nvb_finding_ok(f, "%zu folder%s to be mounted can be used", sources.count,
                       sources.count == 1 ? "" : "s");
    nvb_vec_foreach (source, &sources)
        free(source->path);
    nvb_vec_release(&sources);
}

const struct nvb_check nvb_checks_storage[] = {
    NVB_CHECK("storage-driver", "storage", "how images are stored: overlay or vfs", NULL,
              check_driver),
    NVB_CHECK("disk-space", "storage", "space and file names left for the image store", NULL,
              check_space),
    NVB_CHECK("storage-filesystem", "storage", "the file system of the image store", NULL,
              check_filesystem),
    NVB_CHECK("bind-source", "storage", "folders that the configuration or the last run mounts",
              NULL, check_source),
    {0},
};
