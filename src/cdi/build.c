#include "cdi/build.h"

#include <string.h>
#include <time.h>

#include "cdi/build_parts.h"
#include "cdi/validate.h"
#include "cdi/witness.h"
#include "host/nvml.h"

/*
 * The edits for all devices bring what every GPU needs: the control nodes and the driver's files.
 * A device brings its own nodes alone; a MIG device those two that give access to it, and the node
 * of its GPU, through which it is used.
 */

bool nvb_cdi_builder_wants_node(const struct nvb_cdi_builder *builder, const struct nvb_node *node)
{
    const bool is_dri = node->role == NVB_NODE_CARD || node->role == NVB_NODE_RENDER;
    return node->present &&
           (node->capabilities == 0 || (node->capabilities & builder->capabilities) ||
            (is_dri && builder->options->dri));
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
    if (node->is_device && !builder->options->mount_nodes)
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

bool nvb_cdi_builder_has_gpu_node(const struct nvb_gpu *gpu)
{
    nvb_vec_foreach (node, &gpu->nodes) {
        if (node->role == NVB_NODE_GPU && node->present)
            return true;
    }
    return false;
}

bool nvb_cdi_builder_has_mig_nodes(const struct nvb_mig *mig)
{
    nvb_vec_foreach (node, &mig->nodes) {
        if (!node->present)
            return false;
    }
    return true;
}

char *nvb_cdi_mig_key(const struct nvb_gpu *gpu, const struct nvb_mig *mig)
{
    return nvb_strdupf("%s/%u/%u", gpu->pci, mig->gi, mig->ci);
}

/* ---- devices -------------------------------------------------------------------------------- */

/* Owned by the caller; NULL: there is no such name. MIG is NULL for the whole GPU. */
static char *device_name(unsigned kind, const struct nvb_gpu *gpu, const struct nvb_mig *mig)
{
    const char *uuid = mig ? mig->uuid : gpu->uuid;
    if (kind == NVB_CDI_BY_UUID)
        return uuid ? nvb_strdup(uuid) : NULL;
    bool has_type = kind == NVB_CDI_BY_TYPE_INDEX;
    if (mig)
        return nvb_strdupf("%s%u:%u", has_type ? "mig" : "", gpu->index, mig->index);
    return nvb_strdupf("%s%u", has_type ? "gpu" : "", gpu->index);
}

/* The device called NAME, which is owned here; NULL: none. */
static void add_gpu(struct nvb_cdi_builder *builder, const struct nvb_gpu *gpu, char *name)
{
    if (!name)
        return;
    struct nvb_cdi_device *device = nvb_vec_add(&builder->spec.devices);
    device->name = name;
    add_nodes(builder, &gpu->nodes, &device->edits);
}

static void add_mig(struct nvb_cdi_builder *builder, const struct nvb_gpu *gpu,
                    const struct nvb_mig *mig, char *name)
{
    if (!name)
        return;
    struct nvb_cdi_device *device = nvb_vec_add(&builder->spec.devices);
    device->name = name;
    nvb_vec_foreach (node, &gpu->nodes) {
        if (node->role == NVB_NODE_GPU)
            add_node(builder, node, &device->edits);
    }
    add_nodes(builder, &mig->nodes, &device->edits);
}

/* Devices under their names of KIND. */
static void add_named(struct nvb_cdi_builder *builder, unsigned kind, bool whole)
{
    const unsigned naming = builder->naming;
    nvb_vec_foreach (gpu, &builder->gpus) {
        if (!nvb_cdi_builder_has_gpu_node(gpu))
            continue;
        if (whole) {
            add_gpu(builder, gpu, device_name(kind, gpu, NULL));
            continue;
        }
        nvb_vec_foreach (mig, &gpu->migs) {
            /* A device without any name could not be asked for. */
            bool nameless = naming == NVB_CDI_BY_UUID && !mig->uuid;
            if (nvb_cdi_builder_has_mig_nodes(mig))
                add_mig(builder, gpu, mig,
                        device_name(nameless ? NVB_CDI_BY_INDEX : kind, gpu, mig));
        }
    }
}

static void add_all(struct nvb_cdi_builder *builder)
{
    struct nvb_cdi_device *all = nvb_vec_add(&builder->spec.devices);
    all->name = nvb_strdup("all");
    nvb_vec_foreach (gpu, &builder->gpus) {
        if (!nvb_cdi_builder_has_gpu_node(gpu))
            continue;
        add_nodes(builder, &gpu->nodes, &all->edits);
        const struct nvb_mig *before = NULL;
        nvb_vec_foreach (mig, &gpu->migs) {
            if (!nvb_cdi_builder_has_mig_nodes(mig))
                continue;
            /* Neighbours in one GPU instance share its node, the first of theirs. */
            nvb_vec_foreach (node, &mig->nodes) {
                if (node->role != NVB_NODE_MIG_GI || !before || before->gi != mig->gi)
                    add_node(builder, node, &all->edits);
            }
            before = mig;
        }
    }
}

static void add_devices(struct nvb_cdi_builder *builder)
{
    for (unsigned kind = 1; kind <= builder->naming; kind <<= 1) {
        if (!(builder->naming & kind))
            continue;
        add_named(builder, kind, true);
        add_named(builder, kind, false);
    }
    add_all(builder);
}

static int set_version(struct nvb_cdi_builder *builder, struct nvb_error **err)
{
    const char *needed = nvb_cdi_needed_version(&builder->spec, NULL);
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

/* MIG devices without a UUID still have their index. */
static void ask_for_uuids(struct nvb_cdi_builder *builder, struct nvb_notes *notes)
{
    _cleanup_nvml_ struct nvb_nvml nvml = NVB_NVML_INIT;
    bool is_cut = false;
    nvb_vec_foreach (gpu, &builder->gpus)
        is_cut = is_cut || gpu->migs.count;
    if (!is_cut || builder->options->gpus || !(builder->naming & NVB_CDI_BY_UUID))
        return;
    /* The driver's files were looked for by what was asked for, which may leave NVML out. */
    bool has_nvml = (builder->capabilities & NVB_CAP_UTILITY) != 0;
    nvb_nvml_ask(builder->host, has_nvml ? &builder->driver : NULL, NVB_NVML_MIG_UUIDS,
                 NVB_NVML_NAME_MS, &builder->gpus, &nvml);
    if (!nvml.answered)
        nvb_notes_add(notes, NVB_NOTE_INFO, "MIG devices are named by index alone: %s", nvml.why);
}

/* Appends the nodes of what is asked for to the control nodes; the check tells what is missing. */
static int find_mig_management(struct nvb_cdi_builder *builder, struct nvb_error **err)
{
    static const struct {
        unsigned bit;
        enum nvb_node_role role;
        const char *name;
    } table[] = {
        {NVB_CDI_MIG_CONFIG, NVB_NODE_MIG_CONFIG, "config"},
        {NVB_CDI_MIG_MONITOR, NVB_NODE_MIG_MONITOR, "monitor"},
    };
    for (size_t i = 0; i < NVB_COUNT(table); i++) {
        if (!(builder->options->mig_management & table[i].bit))
            continue;
        int r = nvb_host_find_mig_management(builder->host, table[i].role, &builder->control, err);
        if (r > 0)
            return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                                  "this driver has no capability mig/%s", table[i].name);
        if (r < 0)
            return -1;
    }
    return 0;
}

static int look_at_host(struct nvb_cdi_builder *builder, struct nvb_notes *notes,
                        struct nvb_error **err)
{
    const struct nvb_driver_query query = {
        .capabilities = builder->capabilities,
        .library_folders = builder->options->library_folders,
        .mps_folder = builder->options->mps_folder,
        .looked = builder->options->looked,
    };
    if (builder->options->gpus)
        builder->gpus = *builder->options->gpus;
    else if (nvb_host_find_gpus(builder->host, &builder->gpus, err) < 0)
        return -1;
    if (nvb_host_find_control_nodes(builder->host, &builder->control, err) < 0)
        return -1;
    if (find_mig_management(builder, err) < 0)
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
        .naming = options->naming ? options->naming : NVB_CDI_BY_INDEX | NVB_CDI_BY_UUID,
    };
    if (look_at_host(&builder, notes, err) < 0 || nvb_cdi_builder_check(&builder, notes, err) < 0)
        return -1;
    ask_for_uuids(&builder, notes);
    builder.spec.kind = nvb_strdupf("%s/%s", options->vendor ? options->vendor : "nvidia.com",
                                    options->class ? options->class : "gpu");
    /* An NVIDIA runtime that is the engine's default would bring all GPUs a second time. */
    nvb_strv_add(&builder.spec.edits.env, "NVIDIA_VISIBLE_DEVICES=void");
    add_nodes(&builder, &builder.control, &builder.spec.edits);
    add_devices(&builder);
    if (nvb_cdi_builder_add_files(&builder, notes, err) < 0 || set_version(&builder, err) < 0 ||
        nvb_cdi_validate(&builder.spec, err) < 0)
        return -1;
    *ret = TAKE_STRUCT(builder.spec);
    return 0;
}

int nvb_cdi_build_with_facts(const struct nvb_host *host,
                             const struct nvb_cdi_build_options *options, const char *prefix,
                             struct nvb_cdi_spec *ret, struct nvb_str *ret_facts,
                             struct nvb_notes *notes, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv looked = {0};
    _cleanup_gpus_ struct nvb_gpus found = {0};
    struct nvb_cdi_build_options own = *options;
    struct timespec started;
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &started);
    own.looked = &looked;
    if (!own.gpus && nvb_host_find_gpus(host, &found, err) < 0)
        return -1;
    const size_t known = notes ? notes->count : 0;
    if (nvb_cdi_build(host, &own, ret, notes, err) < 0)
        return -1;
    /* Who is told nothing new the next time must have been told nothing now. */
    bool is_clean = true;
    for (size_t i = known; notes && i < notes->count; i++)
        is_clean = is_clean && notes->items[i].level > NVB_NOTE_NOTICE;
    if (is_clean)
        (void)nvb_cdi_witness_write(host, own.gpus ? NULL : &found, &looked, &started, prefix,
                                    ret_facts);
    return 0;
}
