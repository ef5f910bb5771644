/* The CDI specifications that the administrator, or another tool, has put where engines look. */

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cdi/codec.h"
#include "plan/resolve.h"

#define KIND     "nvidia.com/gpu"
#define MAX_SPEC (16u * 1024 * 1024)

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

/* Consumers drop a file that they cannot read whole; so does this. */
static bool file_has(const char *path, const char *name)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    enum nvb_cdi_format format = nvb_has_suffix(path, ".json") ? NVB_CDI_JSON : NVB_CDI_YAML;
    return nvb_file_read_path(path, MAX_SPEC, &text, NULL) == 0 &&
           nvb_cdi_read(text.data, text.len, format, path, &spec, NULL) == 0 &&
           strcmp(spec.kind, KIND) == 0 && nvb_cdi_spec_find_device(&spec, name) != NULL;
}

static bool folder_has(const char *folder, const char *name)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    bool found = false;
    if (!dir)
        return false;
    while (!found && (entry = readdir(dir))) {
        if (!nvb_has_suffix(entry->d_name, ".json") && !nvb_has_suffix(entry->d_name, ".yaml"))
            continue;
        _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, entry->d_name);
        found = file_has(path, name);
    }
    (void)closedir(dir);
    return found;
}

bool nvb_system_spec_has(const struct nvb_plan_input *input, const char *name)
{
    _cleanup_strv_ struct nvb_strv folders = {0};
    nvb_system_spec_folders(input, &folders);
    for (size_t i = 0; i < folders.count; i++)
        if (folder_has(folders.items[i], name))
            return true;
    return false;
}
