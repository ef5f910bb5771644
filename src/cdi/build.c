#include "cdi/build.h"

#include <string.h>

#include "cdi/build_parts.h"
#include "cdi/validate.h"

/*
 * The edits for all devices bring what every GPU needs: the control nodes and the driver's files.
 * A device brings its own nodes alone.
 */

bool nvb_cdi_builder_wants_node(const struct nvb_cdi_builder *builder, const struct nvb_node *node)
{
    return node->present &&
           (node->capabilities == 0 || (node->capabilities & builder->capabilities));
}

/*
 * A device node goes in as one; no numbers, the engine asks the node itself when a container
 * starts. A stand-in of a recorded or simulated host is a file, and as a mount it works without
 * root, where a node with another hostPath does not (tried on Podman 5.4 to 6.1).
 */
static void add_node(const struct nvb_cdi_builder *builder, const struct nvb_node *node,
                     struct nvb_cdi_edits *edits)
{
    static const char *const options[] = {"rw", "nosuid", "noexec", "rbind", "rprivate", NULL};
    const struct nvb_root *root = &builder->host->dev;
    if (node->is_device && nvb_root_is_host(root)) {
        nvb_cdi_edits_add_node(edits, node->path);
        return;
    }
    _cleanup_free_ char *outside = nvb_root_outside(root, node->path);
    if (node->is_device)
        nvb_cdi_edits_add_node(edits, node->path)->host_path = TAKE_PTR(outside);
    else
        nvb_cdi_edits_add_mount(edits, outside, node->path, options);
}

static void add_nodes(const struct nvb_cdi_builder *builder, const struct nvb_nodes *nodes,
                      struct nvb_cdi_edits *edits)
{
    nvb_vec_foreach (node, nodes) {
        if (nvb_cdi_builder_wants_node(builder, node))
            add_node(builder, node, edits);
    }
}

static bool has_own_node(const struct nvb_gpu *gpu)
{
    nvb_vec_foreach (node, &gpu->nodes) {
        if (node->role == NVB_NODE_GPU && node->present)
            return true;
    }
    return false;
}

/* The device called NAME (owned here) for GPU. */
static void add_device(struct nvb_cdi_builder *builder, const struct nvb_gpu *gpu, char *name)
{
    struct nvb_cdi_device *device = nvb_vec_add(&builder->spec.devices);
    device->name = name;
    add_nodes(builder, &gpu->nodes, &device->edits);
}

static void add_devices(struct nvb_cdi_builder *builder)
{
    unsigned naming = builder->options->naming;
    if (naming == 0)
        naming = NVB_CDI_BY_INDEX | NVB_CDI_BY_UUID;
    for (unsigned kind = 1; kind <= naming; kind <<= 1) {
        if (!(naming & kind))
            continue;
        nvb_vec_foreach (gpu, &builder->gpus) {
            if (!has_own_node(gpu))
                continue;
            if (kind == NVB_CDI_BY_INDEX)
                add_device(builder, gpu, nvb_strdupf("%u", gpu->index));
            else if (kind == NVB_CDI_BY_TYPE_INDEX)
                add_device(builder, gpu, nvb_strdupf("gpu%u", gpu->index));
            else if (gpu->uuid)
                add_device(builder, gpu, nvb_strdup(gpu->uuid));
        }
    }
    struct nvb_cdi_device *all = nvb_vec_add(&builder->spec.devices);
    all->name = nvb_strdup("all");
    nvb_vec_foreach (gpu, &builder->gpus) {
        if (has_own_node(gpu))
            add_nodes(builder, &gpu->nodes, &all->edits);
    }
}

static int set_version(struct nvb_cdi_builder *builder, struct nvb_error **err)
{
    const char *needed = nvb_cdi_needed_version(&builder->spec);
    const char *asked = builder->options->version;
    const char *version = asked ? nvb_cdi_known_version(asked) : needed;
    if (!version) {
        nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is not a version of CDI", asked);
        return nvb_error_hint(err, "0.3 to 0.8, 1.0 and 1.1 are, or 'auto'");
    }
    if (nvb_cdi_compare_versions(version, needed) < 0) {
        nvb_error_make(err, NVB_ERROR_USAGE, 0,
                       "CDI %s is too low: what this specification holds needs %s", version,
                       needed);
        return nvb_error_hint(err, "--cdi-version=%s", needed);
    }
    builder->spec.version = nvb_strdup(version);
    return 0;
}

static int look_at_host(struct nvb_cdi_builder *builder, struct nvb_notes *notes,
                        struct nvb_error **err)
{
    const struct nvb_driver_query query = {
        .capabilities = builder->capabilities,
        .library_folders = builder->options->library_folders,
    };
    if (builder->options->gpus)
        builder->gpus = *builder->options->gpus;
    else if (nvb_host_find_gpus(builder->host, &builder->gpus, err) < 0)
        return -1;
    if (nvb_host_find_control_nodes(builder->host, &builder->control, err) < 0)
        return -1;
    return nvb_host_find_driver(builder->host, &query, &builder->driver, notes, err);
}

static void builder_done(struct nvb_cdi_builder *builder)
{
    if (!builder->options->gpus)
        nvb_gpus_done(&builder->gpus);
    nvb_nodes_done(&builder->control);
    nvb_driver_done(&builder->driver);
    nvb_cdi_spec_done(&builder->spec);
}

int nvb_cdi_build(const struct nvb_host *host, const struct nvb_cdi_build_options *options,
                  struct nvb_cdi_spec *ret, struct nvb_notes *notes, struct nvb_error **err)
{
    _cleanup_(builder_done) struct nvb_cdi_builder builder = {
        .host = host,
        .options = options,
        .capabilities = options->capabilities ? options->capabilities : NVB_CAP_ALL,
    };
    if (look_at_host(&builder, notes, err) < 0 || nvb_cdi_builder_check(&builder, notes, err) < 0)
        return -1;
    builder.spec.kind = nvb_strdupf("%s/%s", options->vendor ? options->vendor : "nvidia.com",
                                    options->class ? options->class : "gpu");
    /* An NVIDIA runtime that is the engine's default would bring all GPUs a second time. */
    nvb_strv_add(&builder.spec.edits.env, "NVIDIA_VISIBLE_DEVICES=void");
    add_nodes(&builder, &builder.control, &builder.spec.edits);
    add_devices(&builder);
    if (nvb_cdi_builder_add_files(&builder, err) < 0 || set_version(&builder, err) < 0 ||
        nvb_cdi_validate(&builder.spec, err) < 0)
        return -1;
    *ret = TAKE_STRUCT(builder.spec);
    return 0;
}
