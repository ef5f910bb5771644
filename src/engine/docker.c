#include <string.h>

#include "engine/exec.h"

/* Docker's bind mounts know read-only and propagation; nosuid and nodev cannot be said there. With
 * --volume a source that is gone would be made as an empty folder, so it is --mount. */
static void add_mount(const struct nvb_cdi_mount *mount, struct nvb_strv *ret)
{
    static const char *const propagations[] = {"private", "rprivate", "shared",
                                               "rshared", "slave",    "rslave"};
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    nvb_str_add(&s, "type=bind");
    nvb_engine_add_csv(&s, "source", mount->host_path);
    nvb_engine_add_csv(&s, "target", mount->container_path);
    if (nvb_strv_has(&mount->options, "ro"))
        nvb_str_add(&s, ",readonly");
    for (size_t i = 0; i < NVB_COUNT(propagations); i++)
        if (nvb_strv_has(&mount->options, propagations[i]))
            nvb_str_addf(&s, ",bind-propagation=%s", propagations[i]);
    nvb_strv_add(ret, "--mount");
    nvb_strv_add(ret, s.data);
}

int nvb_docker_add_options(const struct nvb_plan *plan, struct nvb_strv *ret,
                           struct nvb_error **err)
{
    if (nvb_engine_add_common(plan, ret, err) < 0)
        return -1;
    if (plan->mode != NVB_PLAN_DIRECT)
        return 0;
    nvb_vec_foreach (mount, &plan->edits.mounts)
        add_mount(mount, ret);
    return 0;
}
