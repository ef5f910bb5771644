/* A specification for those who read it. */

#include <string.h>

#include "cdi/consumer.h"
#include "cdi/need.h"

static const struct nvb_cdi_consumer *find_lowest(const struct nvb_cdi_consumers *consumers)
{
    const struct nvb_cdi_consumer *lowest = NULL;
    nvb_vec_foreach (consumer, consumers) {
        if (!consumer->cap)
            return consumer;
        if (!lowest || nvb_cdi_compare_versions(consumer->cap, lowest->cap) < 0)
            lowest = consumer;
    }
    return lowest;
}

/* The hint that helps: names that begin with a digit are nvbind's own choice. */
static const char *find_way_out(const char *why)
{
    if (strstr(why, "begins with a digit"))
        return "--device-name-strategy type-index names them gpu0, gpu1";
    if (strstr(why, "class has a dot"))
        return "--class without a dot";
    if (strstr(why, "hostPath"))
        return "without --dev-root, or a later engine";
    return "a later engine";
}

int nvb_cdi_fit(struct nvb_cdi_spec *spec, const struct nvb_cdi_consumers *consumers,
                struct nvb_notes *notes, struct nvb_error **err)
{
    const struct nvb_cdi_consumer *lowest = find_lowest(consumers);
    _cleanup_free_ char *where = NULL;
    const char *needed;
    if (!lowest)
        return 0;
    if (!lowest->cap) {
        (void)nvb_error_make(err, NVB_ERROR_ENGINE, 0, "%s knows no CDI", lowest->text);
        return nvb_error_hint(err, "'nvbind run' brings GPUs along without it");
    }
    nvb_cdi_cut(spec, lowest->cap, notes);
    const char *why = nvb_cdi_find_above(spec, lowest->cap, &needed, &where);
    if (why) {
        (void)nvb_error_make(err, NVB_ERROR_ENGINE, 0, "%s takes CDI up to %s, and %s needs %s: %s",
                             lowest->text, lowest->cap, where, needed, why);
        return nvb_error_hint(err, "%s", find_way_out(why));
    }
    /* A version that was asked for may be above what the content needs. */
    if (nvb_cdi_compare_versions(spec->version, lowest->cap) > 0) {
        free(spec->version);
        spec->version = nvb_strdup(nvb_cdi_needed_version(spec, NULL));
    }
    return 0;
}
