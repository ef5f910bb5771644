#include <string.h>

#include "cdi/build_parts.h"

/* What a host lacks. Everything is named at once: who has to call somebody with root for each
 * missing thing does so once. */

#define MIG_NODES_NAMED 4

struct missing {
    struct nvb_strv what;
    struct nvb_strv fixes;
};

static void missing_done(struct missing *missing)
{
    nvb_strv_done(&missing->what);
    nvb_strv_done(&missing->fixes);
}

static void join(const struct nvb_strv *words, const char *between, const char *last,
                 struct nvb_str *ret)
{
    for (size_t i = 0; i < words->count; i++) {
        if (i > 0)
            nvb_str_add(ret, i + 1 == words->count ? last : between);
        nvb_str_add(ret, words->items[i]);
    }
}

/* The character device number 195:255 is nvidiactl's (Linux's devices.txt). */
static const char *node_fix(const struct nvb_node *node)
{
    switch (node->role) {
    case NVB_NODE_CTL:
        return "nvidia-modprobe -c255";
    case NVB_NODE_UVM:
        return "nvidia-modprobe -u -c0";
    case NVB_NODE_MIG_CONFIG:
        return "nvidia-modprobe -f /proc/driver/nvidia/capabilities/mig/config";
    case NVB_NODE_MIG_MONITOR:
        return "nvidia-modprobe -f /proc/driver/nvidia/capabilities/mig/monitor";
    default:
        return NULL;
    }
}

static void find_missing_nodes(const struct nvb_cdi_builder *builder, struct missing *ret)
{
    nvb_vec_foreach (node, &builder->control) {
        const char *fix = node_fix(node);
        /* The tools' and the mode setting's nodes are not everywhere, and not missed by most. */
        if (node->present || !fix ||
            (node->capabilities && !(node->capabilities & builder->capabilities)))
            continue;
        nvb_strv_add(&ret->what, node->path);
        nvb_strv_add(&ret->fixes, fix);
    }
}

static const struct nvb_node *find_own_node(const struct nvb_gpu *gpu)
{
    nvb_vec_foreach (node, &gpu->nodes) {
        if (node->role == NVB_NODE_GPU)
            return node;
    }
    return NULL;
}

static void find_missing_gpus(const struct nvb_cdi_builder *builder, struct missing *ret)
{
    _cleanup_str_ struct nvb_str fix = NVB_STR_INIT;
    const struct nvb_strv *needed = builder->options->needed;
    nvb_vec_foreach (gpu, &builder->gpus) {
        const struct nvb_node *node = find_own_node(gpu);
        if ((node && node->present) || (needed && !nvb_strv_has(needed, gpu->pci)))
            continue;
        if (!node) {
            nvb_strv_addf(&ret->what, "the node of GPU %u (%s)", gpu->index, gpu->pci);
            continue;
        }
        nvb_strv_addf(&ret->what, "%s (GPU %u, %s)", node->path, gpu->index, gpu->pci);
        nvb_str_addf(&fix, "%s -c%d", fix.len ? "" : "nvidia-modprobe", gpu->minor);
    }
    if (fix.len)
        nvb_strv_add(&ret->fixes, fix.data);
}

/* Adds to FIX what makes NODE of MIG: nvidia-modprobe takes the capability's file. */
static void add_mig_fix(const struct nvb_gpu *gpu, const struct nvb_mig *mig,
                        const struct nvb_node *node, struct nvb_str *fix)
{
    nvb_str_addf(fix, "%s -f /proc/driver/nvidia/capabilities/gpu%d/mig/gi%u/",
                 fix->len ? "" : "nvidia-modprobe", gpu->minor, mig->gi);
    if (node->role == NVB_NODE_MIG_CI)
        nvb_str_addf(fix, "ci%u/", mig->ci);
    nvb_str_add(fix, "access");
}

/* Eight GPUs have up to 448 of these nodes: the first few are named, the others counted. */
static void find_missing_migs(const struct nvb_cdi_builder *builder, struct missing *ret)
{
    const struct nvb_strv *needed = builder->options->needed;
    _cleanup_strv_ struct nvb_strv seen = {0};
    _cleanup_str_ struct nvb_str fix = NVB_STR_INIT;
    nvb_vec_foreach (gpu, &builder->gpus) {
        nvb_vec_foreach (mig, &gpu->migs) {
            if (nvb_cdi_builder_has_mig_nodes(mig))
                continue;
            _cleanup_free_ char *key = nvb_cdi_mig_key(gpu, mig);
            if (needed && !nvb_strv_has(needed, key))
                continue;
            nvb_vec_foreach (node, &mig->nodes) {
                if (node->present || nvb_strv_has(&seen, node->path))
                    continue;
                nvb_strv_add(&seen, node->path);
                if (seen.count > MIG_NODES_NAMED)
                    continue;
                nvb_strv_addf(&ret->what, "%s (MIG device %u:%u)", node->path, gpu->index,
                              mig->index);
                add_mig_fix(gpu, mig, node, &fix);
            }
        }
    }
    if (seen.count > MIG_NODES_NAMED)
        nvb_strv_addf(&ret->what, "%zu more nodes of MIG devices", seen.count - MIG_NODES_NAMED);
    if (fix.len)
        nvb_strv_add(&ret->fixes, fix.data);
}

static void find_missing_libraries(const struct nvb_cdi_builder *builder, struct missing *ret)
{
    static const char libcuda[] = "libcuda.so.1";
    const struct nvb_driver *driver = &builder->driver;
    if (!(builder->capabilities & NVB_CAP_COMPUTE))
        return;
    nvb_vec_foreach (file, &driver->files) {
        if (file->kind == NVB_FILE_LIBRARY && !file->is_32bit && file->soname &&
            strcmp(file->soname, libcuda) == 0)
            return;
    }
    if (driver->version)
        nvb_strv_addf(&ret->what, "%s of driver %s", libcuda, driver->version);
    else
        nvb_strv_add(&ret->what, libcuda);
    nvb_strv_addf(
        &ret->fixes, "install the driver's libraries (Debian: apt-get install libcuda1)%s",
        builder->options->needed ? "" : ", or name their folder by --library-search-path");
}

/* Without a GPU there is no device, and then not even a partial specification. */
static int check_gpus(const struct nvb_cdi_builder *builder, struct nvb_error **err)
{
    const struct nvb_driver *driver = &builder->driver;
    if (builder->gpus.count)
        return 0;
    if (!driver->module_loaded) {
        nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "no NVIDIA driver is loaded on this host");
        return nvb_error_hint(err, driver->files.count
                                       ? "nvidia-modprobe -u -c0"
                                       : "install the driver (Debian: apt-get install "
                                         "nvidia-driver), then: nvidia-modprobe -u -c0");
    }
    nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "the NVIDIA driver %s has found no GPU",
                   driver->version);
    return nvb_error_hint(err, "dmesg | grep NVRM");
}

int nvb_cdi_builder_check(const struct nvb_cdi_builder *builder, struct nvb_notes *notes,
                          struct nvb_error **err)
{
    if (check_gpus(builder, err) < 0)
        return -1;
    _cleanup_(missing_done) struct missing missing = {0};
    find_missing_nodes(builder, &missing);
    find_missing_gpus(builder, &missing);
    find_missing_migs(builder, &missing);
    find_missing_libraries(builder, &missing);
    if (missing.what.count == 0)
        return 0;

    _cleanup_str_ struct nvb_str what = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str fixes = NVB_STR_INIT;
    join(&missing.what, ", ", " and ", &what);
    join(&missing.fixes, "; ", "; ", &fixes);
    const char *verb = missing.what.count > 1 ? "are" : "is";
    if (builder->options->partial) {
        nvb_notes_add(notes, NVB_NOTE_WARNING, "%s %s missing: GPUs may not work in containers",
                      what.data, verb);
        if (fixes.len)
            nvb_notes_hint(notes, "%s", fixes.data);
        return 0;
    }
    nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "%s %s missing: GPUs would not work in containers",
                   what.data, verb);
    if (builder->options->needed)
        return fixes.len ? nvb_error_hint(err, "%s", fixes.data) : -1;
    return nvb_error_hint(err, "%s%s--partial leaves it out", fixes.data, fixes.len ? "; or " : "");
}
