#include "cdi/need.h"

#include <ctype.h>
#include <string.h>

/* CDI's SPEC.md, "Released versions", and pkg/cdi's version.go, which consumers ask. */

static const char *const versions[] = {
    "0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0",
};

const char *nvb_cdi_known_version(const char *version)
{
    for (size_t i = 0; i < NVB_COUNT(versions); i++) {
        size_t len = strlen(version);
        if (strcmp(versions[i], version) == 0 ||
            (len == 3 && strncmp(versions[i], version, len) == 0))
            return versions[i];
    }
    return NULL;
}

int nvb_cdi_compare_versions(const char *a, const char *b)
{
    while (*a || *b) {
        size_t n = strcspn(a, ".");
        size_t m = strcspn(b, ".");
        uint64_t x = 0;
        uint64_t y = 0;
        (void)nvb_parse_u64(a, n, 10, &x);
        (void)nvb_parse_u64(b, m, 10, &y);
        if (x != y)
            return x < y ? -1 : 1;
        a += n + (a[n] == '.');
        b += m + (b[m] == '.');
    }
    return 0;
}

/* ---- what needs which -------------------------------------------------------------------------
 */

struct need {
    const char *floor;   /* what needs no more than this is passed over */
    bool first;          /* the first one will do, not the highest */
    const char *version; /* the highest met, or the first above the floor; NULL: none */
    const char *why;
    ptrdiff_t device, item; /* where: -1 is "not in a device", "no item of a list" */
    const char *list;
};

/* Returns whether the search is over. */
static bool raise(struct need *need, const char *version, const char *why, ptrdiff_t device,
                  const char *list, ptrdiff_t item)
{
    if (nvb_cdi_compare_versions(version, need->version ? need->version : need->floor) > 0) {
        need->version = version;
        need->why = why;
        need->device = device;
        need->list = list;
        need->item = item;
    }
    return need->first && need->version;
}

static void find_in_edits(const struct nvb_cdi_edits *edits, ptrdiff_t device, struct need *need)
{
    nvb_vec_foreach (mount, &edits->mounts) {
        if (mount->type && raise(need, "0.4.0", "a mount has a type", device, "mounts",
                                 mount - edits->mounts.items))
            return;
    }
    nvb_vec_foreach (node, &edits->nodes) {
        if (node->host_path && raise(need, "0.5.0", "a device node has a hostPath", device,
                                     "deviceNodes", node - edits->nodes.items))
            return;
    }
    if (edits->gids.count &&
        raise(need, "0.7.0", "there are additionalGids", device, "additionalGids", -1))
        return;
    if (edits->rdt && raise(need, "0.7.0", "there is intelRdt", device, "intelRdt", -1))
        return;
    if (edits->nets.count && raise(need, "1.1.0", "there are netDevices", device, "netDevices", -1))
        return;
    if (edits->rdt && (edits->rdt->schemata.count || edits->rdt->enable_monitoring > 0))
        (void)raise(need, "1.1.0", "intelRdt has schemata or enableMonitoring", device, "intelRdt",
                    -1);
}

static void find_need(const struct nvb_cdi_spec *spec, struct need *need)
{
    const char *class = spec->kind ? strchr(spec->kind, '/') : NULL;
    if (spec->annotations.count &&
        raise(need, "0.6.0", "there are annotations", -1, "annotations", -1))
        return;
    if (class && strchr(class, '.') && raise(need, "0.6.0", "the class has a dot", -1, "kind", -1))
        return;
    find_in_edits(&spec->edits, -1, need);
    nvb_vec_foreach (device, &spec->devices) {
        ptrdiff_t i = device - spec->devices.items;
        if (need->first && need->version)
            return;
        if (device->name && isdigit((unsigned char)device->name[0]) &&
            raise(need, "0.5.0", "a device's name begins with a digit", i, "name", -1))
            return;
        if (device->annotations.count &&
            raise(need, "0.6.0", "a device has annotations", i, "annotations", -1))
            return;
        find_in_edits(&device->edits, i, need);
    }
}

const char *nvb_cdi_needed_version(const struct nvb_cdi_spec *spec, const char **ret_why)
{
    struct need need = {.floor = "0.3.0"};
    find_need(spec, &need);
    if (ret_why)
        *ret_why = need.version ? need.why : "it is the lowest there is";
    return need.version ? need.version : need.floor;
}

static char *describe_place(const struct need *need)
{
    static const char *const outside[] = {"kind", "name", "annotations"};
    struct nvb_str s = NVB_STR_INIT;
    bool in_edits = true;
    for (size_t i = 0; i < NVB_COUNT(outside); i++)
        in_edits = in_edits && strcmp(outside[i], need->list) != 0;
    if (need->device >= 0)
        nvb_str_addf(&s, "devices[%td].", need->device);
    nvb_str_addf(&s, "%s%s", in_edits ? "containerEdits." : "", need->list);
    if (need->item >= 0)
        nvb_str_addf(&s, "[%td]", need->item);
    return nvb_str_steal(&s);
}

const char *nvb_cdi_find_above(const struct nvb_cdi_spec *spec, const char *version,
                               const char **ret_needed, char **ret_where)
{
    struct need need = {.floor = version, .first = true};
    find_need(spec, &need);
    if (!need.version)
        return NULL;
    *ret_needed = need.version;
    if (ret_where)
        *ret_where = describe_place(&need);
    return need.why;
}

/* ---- cutting ----------------------------------------------------------------------------------
 */

static void drop_annotations(struct nvb_cdi_annotations *annotations, size_t *ret_count)
{
    nvb_vec_foreach (annotation, annotations) {
        free(annotation->key);
        free(annotation->value);
    }
    *ret_count += annotations->count;
    nvb_vec_release(annotations);
}

static bool is_bound(const struct nvb_strv *options)
{
    return nvb_strv_has(options, "bind") || nvb_strv_has(options, "rbind");
}

static void cut_edits(struct nvb_cdi_edits *edits, const char *version, size_t *types,
                      size_t *paths)
{
    nvb_vec_foreach (mount, &edits->mounts) {
        if (nvb_cdi_compare_versions(version, "0.4.0") >= 0 || !mount->type ||
            strcmp(mount->type, "bind") != 0 || !is_bound(&mount->options))
            continue;
        free(TAKE_PTR(mount->type));
        *types += 1;
    }
    nvb_vec_foreach (node, &edits->nodes) {
        if (nvb_cdi_compare_versions(version, "0.5.0") >= 0 || !node->host_path || !node->path ||
            strcmp(node->host_path, node->path) != 0)
            continue;
        free(TAKE_PTR(node->host_path));
        *paths += 1;
    }
}

static void tell(struct nvb_notes *notes, size_t count, const char *what, const char *version)
{
    if (count)
        nvb_notes_add(notes, NVB_NOTE_INFO, "left out for CDI %s: %zu %s", version, count, what);
}

void nvb_cdi_cut(struct nvb_cdi_spec *spec, const char *version, struct nvb_notes *notes)
{
    size_t annotations = 0;
    size_t types = 0;
    size_t paths = 0;
    const bool annotated = nvb_cdi_compare_versions(version, "0.6.0") >= 0;
    if (!annotated)
        drop_annotations(&spec->annotations, &annotations);
    cut_edits(&spec->edits, version, &types, &paths);
    nvb_vec_foreach (device, &spec->devices) {
        if (!annotated)
            drop_annotations(&device->annotations, &annotations);
        cut_edits(&device->edits, version, &types, &paths);
    }
    tell(notes, annotations, "annotations", version);
    tell(notes, types, "types of bind mounts", version);
    tell(notes, paths, "hostPaths that are the path itself", version);
}
