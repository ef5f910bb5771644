#include "cdi/compat.h"

#include <string.h>

/* Models as the driver writes them, without "NVIDIA ", up to the first space or hyphen. "Tesla" is
 * the old name of the whole class ("Tesla V100-SXM2-32GB"). Those of the same architectures that
 * are for desks and laptops have names of their own ("RTX A6000", "GeForce RTX 4090", "TITAN RTX").
 */
static const char *const models[] = {
    "A10",  "A100", "A10G",  "A16",   "A2",    "A30",  "A40",   "A800", "B100",
    "B200", "B300", "GB200", "GB300", "GH200", "H100", "H20",   "H200", "H800",
    "L2",   "L20",  "L4",    "L40",   "L40G",  "L40S", "Tesla",
};

static bool is_supported(const char *model)
{
    static const char vendor[] = "NVIDIA ";
    if (!model)
        return false;
    if (nvb_has_prefix(model, vendor))
        model += strlen(vendor);
    size_t len = strcspn(model, " -");
    for (size_t i = 0; i < NVB_COUNT(models); i++)
        if (strlen(models[i]) == len && strncmp(models[i], model, len) == 0)
            return true;
    return false;
}

bool nvb_cdi_has_forward_compat(const struct nvb_gpus *gpus)
{
    nvb_vec_foreach (gpu, gpus) {
        if (!is_supported(gpu->model))
            return false;
    }
    return gpus->count > 0;
}
