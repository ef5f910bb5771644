#include "cdi/hook.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/trust.h"
#include "hook/args.h"
#include "hook/words.h"

int nvb_cdi_find_hook(char **ret, struct nvb_error **err)
{
    _cleanup_free_ char *self = NULL; /* the kernel's own text: absolute, without links */
    if (nvb_readlinkat(-1, "/proc/self/exe", &self) < 0)
        return 1;
    _cleanup_free_ char *folder = nvb_path_dir(self);
    _cleanup_free_ char *prefix = nvb_path_dir(folder);
    for (int i = 0; i < 2; i++) {
        _cleanup_free_ char *path = i == 0
                                        ? nvb_strdupf("%s/" NVB_HOOK_NAME, folder)
                                        : nvb_strdupf("%s/libexec/nvbind/" NVB_HOOK_NAME, prefix);
        if (access(path, X_OK) < 0)
            continue;
        if (geteuid() == 0 && nvb_trust_check_path(path, 0, err) < 0)
            return -1;
        *ret = TAKE_PTR(path);
        return 0;
    }
    return 1;
}

int nvb_cdi_hook_part(const char *name, unsigned *ret, struct nvb_error **err)
{
    static const struct {
        const char *name;
        unsigned parts;
    } others[] = {
        {"create-symlinks", NVB_HOOK_LINKS},
        {"update-ldcache", NVB_HOOK_CACHE},
        {"enable-cuda-compat", NVB_HOOK_COMPAT},
        {"disable-device-node-modification", NVB_HOOK_PARAMS},
        {"chmod", 0},
        {"all", NVB_HOOK_ALL},
    };
    for (size_t i = 0; i < NVB_COUNT(others); i++) {
        if (strcmp(others[i].name, name) == 0) {
            *ret = others[i].parts;
            return 0;
        }
    }
    return nvb_hook_part_parse(name, ret, err);
}

static const struct nvb_cdi_hook *find_own(const struct nvb_cdi_spec *spec)
{
    nvb_vec_foreach (hook, &spec->edits.hooks)
        if (strcmp(nvb_path_base(hook->path), NVB_HOOK_NAME) == 0 && hook->args.count > 2)
            return hook;
    return NULL;
}

int nvb_cdi_hook_arguments(const struct nvb_cdi_spec *spec, struct nvb_str *ret,
                           struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    const struct nvb_cdi_hook *hook = find_own(spec);
    if (!hook)
        return 1;
    nvb_vec_foreach (mount, &spec->edits.mounts) {
        if (nvb_hook_build_mount(mount->host_path, mount->container_path, &words, err) < 0)
            return -1;
    }
    for (size_t i = 2; i < hook->args.count; i++)
        nvb_strv_add(&words, hook->args.items[i]);
    nvb_str_add(ret,
                "# Arguments of nvbind-hook(8), which runs for containers with the annotation\n"
                "# nvbind.hook=system. Made anew with the machine's CDI specification.\n");
    nvb_vec_foreach (word, &words) {
        nvb_str_add(ret, *word);
        nvb_str_addc(ret, '\n');
    }
    return 0;
}
