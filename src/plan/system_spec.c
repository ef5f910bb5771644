/* The CDI specifications that the administrator, or another tool, has put where engines look. */

#include <string.h>
#include <unistd.h>

#include "cdi/registry.h"
#include "plan/resolve.h"

#define KIND "nvidia.com/gpu"

void nvb_system_spec_folders(const struct nvb_plan_input *input, struct nvb_strv *ret)
{
    const struct nvb_engine *engine = input->engine;
    const struct nvb_strv *said = input->facts ? &input->facts->cdi_folders : NULL;
    const bool podman = engine->kind == NVB_ENGINE_PODMAN;
    const unsigned version = engine->version;
    for (size_t i = 0; said && i < said->count; i++)
        if (access(said->items[i], F_OK) == 0)
            nvb_strv_add(ret, said->items[i]);
    if (said)
        return;
    /* Podman has CDI from 4.1 on; 5.5 reads the first folder alone. Docker has it from 25 on. */
    if (version < (podman ? 401u : 2500u))
        return;
    if (access("/etc/cdi", F_OK) == 0)
        nvb_strv_add(ret, "/etc/cdi");
    if (!(podman && version == 505) && access("/var/run/cdi", F_OK) == 0)
        nvb_strv_add(ret, "/var/run/cdi");
}

void nvb_plan_add_consumer(const struct nvb_plan_input *input, struct nvb_cdi_consumers *ret)
{
    /* Docker's daemon reads specifications, and its client may be of another version. */
    struct nvb_engine engine = *input->engine;
    if (input->facts && input->facts->version)
        engine.version_text = input->facts->version;
    nvb_cdi_consumers_add(ret, &engine);
}

/* The first path of the host's that EDITS bring and that is not there, borrowed, or NULL. */
static const char *find_gone(const struct nvb_cdi_edits *edits)
{
    nvb_vec_foreach (node, &edits->nodes) {
        const char *path = node->host_path ? node->host_path : node->path;
        if (access(path, F_OK) < 0)
            return path;
    }
    nvb_vec_foreach (mount, &edits->mounts)
        if ((!mount->type || strcmp(mount->type, "bind") == 0) &&
            access(mount->host_path, F_OK) < 0)
            return mount->host_path;
    return NULL;
}

/* A driver that was upgraded took the files of the old one away, and no container starts with a
 * mount of what is gone. */
static char *describe_stale(const struct nvb_root *root, const char *path, const char *name)
{
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    if (nvb_cdi_read_file(root, path, &spec, NULL) != 0)
        return nvb_strdupf("'%s' cannot be read", path);
    const struct nvb_cdi_device *device = nvb_cdi_spec_find_device(&spec, name);
    const char *gone = device ? find_gone(&device->edits) : NULL;
    if (!gone)
        gone = find_gone(&spec.edits);
    return gone ? nvb_strdupf("'%s' is out of date: '%s' is not there", path, gone) : NULL;
}

bool nvb_system_spec_find(const struct nvb_plan_input *input, const char *name, char **ret_stale)
{
    _cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
    _cleanup_strv_ struct nvb_strv folders = {0};
    _cleanup_cdi_consumers_ struct nvb_cdi_consumers consumers = {0};
    _cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
    _cleanup_free_ char *full = nvb_strdupf(KIND "=%s", name);
    _cleanup_free_ char *stale = NULL;
    nvb_system_spec_folders(input, &folders);
    if (folders.count == 0 || nvb_root_open("/", &root, NULL) < 0)
        return false;
    nvb_plan_add_consumer(input, &consumers);
    nvb_cdi_registry_read(&root, &folders, consumers.count ? &consumers.items[0] : NULL, &registry);
    const struct nvb_cdi_entry *entry = nvb_cdi_registry_find(&registry, full);
    if (!entry || entry->state != NVB_CDI_IN_FORCE)
        return false;
    stale = describe_stale(&root, registry.files.items[entry->file].path, name);
    if (!stale)
        return true;
    if (ret_stale)
        *ret_stale = TAKE_PTR(stale);
    return false;
}

bool nvb_system_spec_has(const struct nvb_plan_input *input, const char *name)
{
    return nvb_system_spec_find(input, name, NULL);
}
