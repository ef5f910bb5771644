/*
 * From containers that are there back to what asks for them: "podman kube generate" shows the
 * device nodes and files that nvbind laid in as mounts (and no devices at all), where the user
 * asked for GPUs.
 */
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "play/play.h"
#include "play/tree.h"

struct restorer {
    const struct nvb_play_holders *holders;
    const struct nvb_cdi_edits *edits;
    const struct nvb_gpus *gpus;
};

/* ---- what was laid in ---- */

static bool is_laid(const struct restorer *r, const char *from, const char *to)
{
    /* What an earlier driver had is gone, and no container starts with it any more. */
    if (access(from, F_OK) < 0 && strstr(nvb_path_base(from), ".so"))
        return true;
    nvb_vec_foreach (node, &r->edits->nodes)
        if (strcmp(node->path, to) == 0)
            return true;
    nvb_vec_foreach (mount, &r->edits->mounts)
        if (strcmp(mount->host_path, from) == 0 &&
            (strcmp(mount->container_path, to) == 0 ||
             strcmp(nvb_path_base(from), nvb_path_base(to)) == 0))
            return true;
    return false;
}

static void remove_item(struct nvb_doc *list, size_t index)
{
    struct nvb_doc *item = &list->list.items[index];
    nvb_doc_done(item);
    memmove(item, item + 1, (list->list.count - index - 1) * sizeof(*item));
    list->list.count--;
}

/* The host's path of the volume NAME, borrowed, or NULL. */
static const char *volume_path(struct nvb_doc *spec, const char *name)
{
    struct nvb_doc *volume = nvb_play_find_item(nvb_play_find(spec, "volumes"), "name", name);
    return nvb_play_word(nvb_play_find(nvb_play_find(volume, "hostPath"), "path"));
}

static void remove_mounts(const struct restorer *r, struct nvb_doc *spec, struct nvb_doc *container)
{
    struct nvb_doc *list = nvb_play_find(container, "volumeMounts");
    if (!list || list->type != NVB_DOC_LIST)
        return;
    for (size_t i = list->list.count; i-- > 0;) {
        const char *name = nvb_play_word(nvb_play_find(&list->list.items[i], "name"));
        const char *to = nvb_play_word(nvb_play_find(&list->list.items[i], "mountPath"));
        const char *from = name ? volume_path(spec, name) : NULL;
        if (from && to && is_laid(r, from, to))
            remove_item(list, i);
    }
    if (list->list.count == 0)
        nvb_play_remove(container, "volumeMounts");
}

static void remove_variables(const struct restorer *r, struct nvb_doc *container)
{
    struct nvb_doc *list = nvb_play_find(container, "env");
    if (!list || list->type != NVB_DOC_LIST)
        return;
    for (size_t i = list->list.count; i-- > 0;) {
        const char *name = nvb_play_word(nvb_play_find(&list->list.items[i], "name"));
        const char *value = nvb_play_word(nvb_play_find(&list->list.items[i], "value"));
        _cleanup_free_ char *both = nvb_strdupf("%s=%s", name ? name : "", value ? value : "");
        if (nvb_strv_has(&r->edits->env, both))
            remove_item(list, i);
    }
    if (list->list.count == 0)
        nvb_play_remove(container, "env");
}

static bool is_mounted(struct nvb_doc *spec, const char *name)
{
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; i < NVB_COUNT(lists); i++) {
        struct nvb_doc *list = nvb_play_find(spec, lists[i]);
        if (!list || list->type != NVB_DOC_LIST)
            continue;
        nvb_vec_foreach (container, &list->list)
            if (nvb_play_find_item(nvb_play_find(container, "volumeMounts"), "name", name))
                return true;
    }
    return false;
}

static void remove_volumes(struct nvb_doc *spec)
{
    struct nvb_doc *list = nvb_play_find(spec, "volumes");
    if (!list || list->type != NVB_DOC_LIST)
        return;
    for (size_t i = list->list.count; i-- > 0;) {
        const char *name = nvb_play_word(nvb_play_find(&list->list.items[i], "name"));
        if (name && !is_mounted(spec, name))
            remove_item(list, i);
    }
    if (list->list.count == 0)
        nvb_play_remove(spec, "volumes");
}

static void remove_marks(struct nvb_doc *metadata, const char *key, const char *prefix)
{
    struct nvb_doc *map = nvb_play_find(metadata, key);
    if (!map || map->type != NVB_DOC_MAP)
        return;
    for (size_t i = map->map.count; i-- > 0;)
        if (nvb_has_prefix(map->map.items[i].key, prefix))
            nvb_play_remove(map, map->map.items[i].key);
    if (map->map.count == 0)
        nvb_play_remove(metadata, key);
}

/* ---- what is asked for instead ---- */

/* Podman leaves underscores out, which a cluster's names cannot have. */
static bool is_name(const char *name, const char *shown)
{
    for (; *name; name++) {
        if (*name == '_' && *shown != '_')
            continue;
        if (*name != *shown++)
            return false;
    }
    return *shown == '\0';
}

static const struct nvb_play_holder *find_holder(const struct restorer *r, const char *name)
{
    nvb_vec_foreach (holder, r->holders)
        if (is_name(holder->name, name))
            return holder;
    return NULL;
}

/* The resource of a MIG device ("PCI/GI/CI"), owned: by its profile, else by its CDI name. */
static char *mig_resource(const struct restorer *r, const char *label)
{
    nvb_vec_foreach (gpu, r->gpus)
        nvb_vec_foreach (mig, &gpu->migs) {
            _cleanup_free_ char *its = nvb_strdupf("%s/%u/%u", gpu->pci, mig->gi, mig->ci);
            if (strcmp(its, label) != 0)
                continue;
            return mig->profile ? nvb_strdupf("nvidia.com/mig-%s", mig->profile)
                                : nvb_strdupf("nvidia.com/gpu=%u:%u", gpu->index, mig->index);
        }
    return nvb_strdup("nvidia.com/gpu");
}

static char *resource_of(const struct restorer *r, const struct nvb_play_holder *holder,
                         const char *label)
{
    if (strchr(label, '='))
        return nvb_strndup(label, strcspn(label, "="));
    if (strchr(label, '/'))
        return mig_resource(r, label);
    return nvb_strdup(nvb_strv_has(&holder->shared, label) ? "nvidia.com/gpu.shared"
                                                           : "nvidia.com/gpu");
}

static void add_limits(const struct restorer *r, const struct nvb_play_holder *holder,
                       struct nvb_doc *container)
{
    if (holder->own.count == 0)
        return;
    struct nvb_doc *resources = nvb_play_at(container, "resources");
    remove_marks(resources, "limits", "nvidia.com/gpu=");
    struct nvb_doc *limits = nvb_play_at(nvb_play_at(container, "resources"), "limits");
    nvb_vec_foreach (label, &holder->own) {
        _cleanup_free_ char *resource = resource_of(r, holder, *label);
        struct nvb_doc *count = nvb_play_at(limits, resource);
        const bool shared = nvb_has_suffix(resource, ".shared");
        nvb_doc_set_int(count, count->type == NVB_DOC_INT && !shared ? count->integer + 1 : 1);
    }
}

static void restore_pod(const struct restorer *r, struct nvb_doc *template)
{
    struct nvb_doc *spec = nvb_play_find(template, "spec");
    struct nvb_doc *list = nvb_play_find(spec, "containers");
    bool any = false;
    if (!list || list->type != NVB_DOC_LIST)
        return;
    nvb_vec_foreach (container, &list->list) {
        const char *name = nvb_play_word(nvb_play_find(container, "name"));
        const struct nvb_play_holder *holder = name ? find_holder(r, name) : NULL;
        if (!holder)
            continue;
        any = true;
        remove_mounts(r, spec, container);
        remove_variables(r, container);
        add_limits(r, holder, container);
    }
    if (!any)
        return;
    remove_volumes(spec);
    remove_marks(nvb_play_find(template, "metadata"), "labels", NVB_PLAN_GPU_LABEL);
    remove_marks(nvb_play_find(template, "metadata"), "annotations", NVB_PLAN_HOOK_MARK);
}

void nvb_play_restore(struct nvb_docs *docs, const struct nvb_play_holders *holders,
                      const struct nvb_cdi_edits *edits, const struct nvb_gpus *gpus)
{
    const struct restorer r = {holders, edits, gpus};
    nvb_vec_foreach (doc, docs) {
        struct nvb_doc *inner = nvb_play_find(nvb_play_find(doc, "spec"), "template");
        restore_pod(&r, inner ? inner : doc);
    }
}
