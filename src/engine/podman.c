#include <string.h>

#include "engine/exec.h"

void nvb_podman_add_globals(const struct nvb_plan *plan, struct nvb_strv *ret)
{
    for (size_t i = 0; i < plan->cdi_folders.count; i++) {
        nvb_strv_add(ret, "--cdi-spec-dir");
        nvb_strv_add(ret, plan->cdi_folders.items[i]);
    }
    for (size_t i = 0; i < plan->hook_folders.count; i++) {
        nvb_strv_add(ret, "--hooks-dir");
        nvb_strv_add(ret, plan->hook_folders.items[i]);
    }
}

/* --volume is the shorter form; --mount is the one that can quote. */
static void add_mount(const struct nvb_cdi_mount *mount, struct nvb_strv *ret)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    const struct nvb_strv *options = &mount->options;
    if (strpbrk(mount->host_path, ":\\") || strpbrk(mount->container_path, ":\\")) {
        nvb_str_add(&s, "type=bind");
        nvb_engine_add_csv(&s, "source", mount->host_path);
        nvb_engine_add_csv(&s, "destination", mount->container_path);
        for (size_t i = 0; i < options->count; i++)
            if (!strstr(options->items[i], "bind"))
                nvb_str_addf(&s, ",%s", options->items[i]);
        nvb_strv_add(ret, "--mount");
    } else {
        nvb_str_addf(&s, "%s:%s", mount->host_path, mount->container_path);
        for (size_t i = 0; i < options->count; i++)
            nvb_str_addf(&s, "%c%s", i == 0 ? ':' : ',', options->items[i]);
        nvb_strv_add(ret, "--volume");
    }
    nvb_strv_add(ret, s.data);
}

int nvb_podman_add_options(const struct nvb_plan *plan, struct nvb_strv *ret,
                           struct nvb_error **err)
{
    if (nvb_engine_add_common(plan, ret, err) < 0)
        return -1;
    if (plan->mode != NVB_PLAN_DIRECT)
        return 0;
    if (plan->hook_mark) {
        nvb_strv_add(ret, "--annotation");
        nvb_strv_addf(ret, NVB_PLAN_HOOK_MARK "=%s", plan->hook_mark);
    }
    nvb_vec_foreach (mount, &plan->edits.mounts)
        add_mount(mount, ret);
    return 0;
}
