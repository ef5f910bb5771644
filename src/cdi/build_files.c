#include <string.h>
#include <unistd.h>

#include "base/trust.h"
#include "cdi/build_parts.h"
#include "cdi/compat.h"
#include "cdi/hook.h"
#include "hook/args.h"

/*
 * The driver's files. Programs, configuration, modules and firmware have one place in a container.
 * Libraries have two forms:
 *
 * With the hook they lie under their own paths, and the hook makes the links and the entries in the
 * linker cache by which programs find them.
 *
 * Hookless, nothing runs: each library is mounted under every name that programs ask for, in the
 * folders that a loader searches without a cache. Debian's loader searches the multiarch folder,
 * everyone else's /usr/lib64 (and /usr/lib for 32 bits), so each is mounted in both.
 */

#if defined(__aarch64__)
static const char *const folders_64[] = {"/usr/lib/aarch64-linux-gnu", "/usr/lib64", NULL};
static const char *const folders_32[] = {"/usr/lib/arm-linux-gnueabihf", "/usr/lib", NULL};
#else
static const char *const folders_64[] = {"/usr/lib/x86_64-linux-gnu", "/usr/lib64", NULL};
static const char *const folders_32[] = {"/usr/lib/i386-linux-gnu", "/usr/lib", NULL};
#endif

static const char *const file_options[] = {"ro", "nosuid", "nodev", "rbind", "rprivate", NULL};
/* A socket is not written to but connected to, which a read-only mount allows. */
static const char *const socket_options[] = {"ro",    "nosuid",   "nodev", "noexec",
                                             "rbind", "rprivate", NULL};
/* What clients of the Multi-Process Service write in its folder is not told; libnvidia-container
 * and the container toolkit have it writable. */
static const char *const mps_options[] = {"rw",    "nosuid",   "nodev", "noexec",
                                          "rbind", "rprivate", NULL};

struct files {
    struct nvb_cdi_builder *builder;
    struct nvb_notes *notes;
    struct nvb_strv names_64; /* that a library was mounted under already */
    struct nvb_strv names_32;
    struct nvb_hook_library *libraries; /* for the hook; what they point to is the driver's */
    size_t library_count;
    struct nvb_strv link_texts; /* target, path, target, path … for the hook */
};

static void files_done(struct files *files)
{
    nvb_strv_done(&files->names_64);
    nvb_strv_done(&files->names_32);
    nvb_strv_done(&files->link_texts);
    free(files->libraries);
}

/* OUTSIDE is the file as the machine itself calls it. */
static void add_mount(struct files *files, const char *outside, const char *container_path,
                      const char *const *options)
{
    nvb_cdi_edits_add_mount(&files->builder->spec.edits, outside, container_path, options);
}

/* Under NAME in each of the loader's folders, unless another library is there: the first wins, as
 * it would in the linker cache. */
static void mount_by_name(struct files *files, const struct nvb_driver_file *file,
                          const char *outside, const char *name)
{
    struct nvb_strv *names = file->is_32bit ? &files->names_32 : &files->names_64;
    if (nvb_strv_has(names, name))
        return;
    nvb_strv_add(names, name);
    for (const char *const *folder = file->is_32bit ? folders_32 : folders_64; *folder; folder++) {
        _cleanup_str_ struct nvb_str path = NVB_STR_INIT;
        nvb_str_add(&path, *folder);
        nvb_str_addc(&path, '/');
        nvb_str_add(&path, name);
        add_mount(files, outside, path.data, file_options);
    }
}

/*
 * The further names under which programs ask for FILE; NULL where there are none. In an image with
 * Mesa libGLX_indirect.so.0, libGLX_nvidia's only one, is a link to Mesa's library, and has to stay
 * that: a mount follows it and would lie over what every program of another vendor's server needs,
 * a link of ours would replace it. Only for a server that tells no vendor is that name looked up,
 * and such a server has no use for NVIDIA's.
 */
static const char *const *names_of(const struct nvb_driver_file *file)
{
    const char *const *names = file->devnames;
    return names && *names && strcmp(*names, "libGLX_indirect.so.0") == 0 ? NULL : names;
}

static void add_library_hookless(struct files *files, const struct nvb_driver_file *file,
                                 const char *outside)
{
    const char *own_name = nvb_path_base(file->path);
    mount_by_name(files, file, outside, file->soname ? file->soname : own_name);
    if (file->by_file_name)
        mount_by_name(files, file, outside, own_name);
    for (const char *const *name = names_of(file); name && *name; name++)
        mount_by_name(files, file, outside, *name);
}

static void add_library_for_hook(struct files *files, const struct nvb_driver_file *file,
                                 const char *outside)
{
    files->libraries[files->library_count++] = (struct nvb_hook_library){
        .path = file->path,
        .soname = file->soname ? file->soname : nvb_path_base(file->path),
        .devnames = names_of(file),
        .is_32bit = file->is_32bit,
    };
    add_mount(files, outside, file->path, file_options);
}

/* True where somebody else could put a link to another folder at PATH once what is there is gone. A
 * sticky folder protects its entries only as long as they are there. */
static bool is_replaceable(const char *path)
{
    return nvb_has_prefix(path, "/tmp/") || nvb_has_prefix(path, "/var/tmp/") ||
           nvb_has_prefix(path, "/dev/shm/") || nvb_trust_check_path(path, geteuid(), NULL) < 0;
}

static void add_mps(struct files *files, const struct nvb_driver_file *file, const char *outside)
{
    if (files->builder->options->kept && is_replaceable(outside)) {
        nvb_notes_add(files->notes, NVB_NOTE_WARNING,
                      "the folder of MPS '%s' is left out of what is kept: others could replace it",
                      outside);
        nvb_notes_hint(files->notes, "CUDA_MPS_PIPE_DIRECTORY=/run/nvidia-mps, a folder of the "
                                     "daemon's alone, for its daemon and for nvbind");
        return;
    }
    add_mount(files, outside, file->container_path, mps_options);
}

static void add_file(struct files *files, const struct nvb_driver_file *file)
{
    _cleanup_free_ char *outside = nvb_root_outside(&files->builder->host->driver, file->path);
    if (file->container_path && strcmp(file->container_path, NVB_MPS_FOLDER) == 0)
        add_mps(files, file, outside);
    else if (file->kind != NVB_FILE_LIBRARY || file->container_path)
        add_mount(files, outside, file->container_path ? file->container_path : file->path,
                  file->kind == NVB_FILE_SOCKET ? socket_options : file_options);
    else if (files->builder->options->hook)
        add_library_for_hook(files, file, outside);
    else
        add_library_hookless(files, file, outside);
}

/* Whether the driver has the file that the one at INDEX is, or one before it is the same. */
static bool is_there(const struct files *files, const struct nvb_driver_files *extra, size_t index)
{
    const char *path = extra->items[index].path;
    nvb_vec_foreach (file, &files->builder->driver.files)
        if (strcmp(file->path, path) == 0)
            return true;
    for (size_t i = 0; i < index; i++)
        if (strcmp(extra->items[i].path, path) == 0)
            return true;
    return false;
}

/* /dev/dri/by-path, which names the nodes by PCI address, as udev does. */
static void add_by_path_links(struct files *files)
{
    nvb_vec_foreach (gpu, &files->builder->gpus) {
        nvb_vec_foreach (node, &gpu->nodes) {
            bool is_render = node->role == NVB_NODE_RENDER;
            if ((!is_render && node->role != NVB_NODE_CARD) ||
                !nvb_cdi_builder_wants_node(files->builder, node))
                continue;
            nvb_strv_addf(&files->link_texts, "../%s", nvb_path_base(node->path));
            nvb_strv_addf(&files->link_texts, "/dev/dri/by-path/pci-%s-%s", gpu->pci,
                          is_render ? "render" : "card");
        }
    }
}

static int find_hook_parts(const struct nvb_cdi_build_options *options, unsigned *ret,
                           struct nvb_error **err)
{
    unsigned parts = NVB_HOOK_ALL;
    for (size_t i = 0; options->disabled_hooks && i < options->disabled_hooks->count; i++) {
        unsigned part;
        if (nvb_cdi_hook_part(options->disabled_hooks->items[i], &part, err) < 0)
            return -1;
        parts &= ~part;
    }
    *ret = parts;
    return 0;
}

static int add_hook(struct files *files, unsigned parts, struct nvb_error **err)
{
    add_by_path_links(files);
    size_t count = files->link_texts.count / 2;
    _cleanup_free_ struct nvb_hook_link *links = nvb_calloc(count, sizeof(*links));
    for (size_t i = 0; i < count; i++) {
        links[i].target = files->link_texts.items[2 * i];
        links[i].path = files->link_texts.items[2 * i + 1];
    }
    const struct nvb_hook_plan plan = {
        .libraries = files->libraries,
        .library_count = files->library_count,
        .links = links,
        .link_count = count,
        .driver_version = nvb_cdi_has_forward_compat(&files->builder->gpus)
                              ? files->builder->driver.version
                              : NULL,
        .parts = parts,
    };
    _cleanup_strv_ struct nvb_strv args = {0};
    int r = nvb_hook_build_args(&plan, &args, err);
    if (r != 0)
        return r < 0 ? -1 : 0;
    struct nvb_cdi_hook *hook = nvb_vec_add(&files->builder->spec.edits.hooks);
    hook->hook_name = nvb_strdup(NVB_HOOK_STAGE);
    hook->path = nvb_strdup(files->builder->options->hook);
    hook->args = TAKE_STRUCT(args);
    nvb_strv_add(&hook->env, NVB_HOOK_ENV);
    hook->timeout = -1;
    return 0;
}

int nvb_cdi_builder_add_files(struct nvb_cdi_builder *builder, struct nvb_notes *notes,
                              struct nvb_error **err)
{
    unsigned parts;
    if (find_hook_parts(builder->options, &parts, err) < 0)
        return -1;
    _cleanup_(files_done) struct files files = {
        .builder = builder,
        .notes = notes,
    };
    const struct nvb_driver_files *extra = builder->options->extra;
    const size_t count = builder->driver.files.count + (extra ? extra->count : 0);
    files.libraries = nvb_calloc(count, sizeof(*files.libraries));
    nvb_vec_foreach (file, &builder->driver.files)
        add_file(&files, file);
    for (size_t i = 0; extra && i < extra->count; i++)
        if (!is_there(&files, extra, i))
            add_file(&files, &extra->items[i]);
    return builder->options->hook ? add_hook(&files, parts, err) : 0;
}
