/*
 * What is named by an anchor is kept as a copy, and an alias is a copy of that. Both count against
 * the reader's limits before they are made, so that nine lines that stand for a billion values end
 * at the limit and not in the machine's memory.
 */

#include <string.h>

#include "data/yaml_reader.h"

static void measure(const struct nvb_doc *doc, struct nvb_yaml_anchor *ret)
{
    unsigned highest = 0;
    ret->nodes++;
    ret->bytes += doc->text ? strlen(doc->text) : 0;
    if (doc->type == NVB_DOC_LIST) {
        nvb_vec_foreach (item, &doc->list) {
            ret->height = 0;
            measure(item, ret);
            highest = ret->height > highest ? ret->height : highest;
        }
    } else if (doc->type == NVB_DOC_MAP) {
        nvb_vec_foreach (member, &doc->map) {
            ret->nodes++;
            ret->bytes += strlen(member->key);
            ret->height = 0;
            measure(&member->value, ret);
            highest = ret->height > highest ? ret->height : highest;
        }
    }
    ret->height = highest + 1;
}

/* Where NAME is, or belongs; *ret_found says which. */
static size_t find(const struct nvb_yaml_anchors *anchors, const char *name, bool *ret_found)
{
    size_t low = 0;
    size_t high = anchors->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(anchors->items[middle].name, name);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = false;
    return low;
}

void nvb_yaml_anchors_done(struct nvb_yaml_anchors *anchors)
{
    nvb_vec_foreach (anchor, anchors) {
        free(anchor->name);
        nvb_doc_done(&anchor->value);
    }
    nvb_vec_release(anchors);
}

int nvb_yaml_anchor_begin(struct nvb_yaml_reader *r, const yaml_mark_t *mark, const char *name)
{
    bool found;
    size_t at = find(&r->anchors, name, &found);
    if (!found) {
        if (r->anchors.count == NVB_YAML_MAX_ANCHORS)
            return nvb_yaml_fail(r, mark, "too many anchors in one document", NULL);
        nvb_vec_add(&r->anchors);
        struct nvb_yaml_anchor *place = &r->anchors.items[at];
        memmove(place + 1, place, (r->anchors.count - 1 - at) * sizeof(*place));
        *place = (struct nvb_yaml_anchor){.name = nvb_strdup(name)};
    }
    r->anchors.items[at].open = true;
    return 0;
}

int nvb_yaml_anchor_end(struct nvb_yaml_reader *r, const yaml_mark_t *mark, const char *name,
                        const struct nvb_doc *value)
{
    bool found;
    struct nvb_yaml_anchor *anchor = &r->anchors.items[find(&r->anchors, name, &found)];
    anchor->open = false;
    anchor->nodes = anchor->bytes = 0;
    nvb_doc_done(&anchor->value);
    measure(value, anchor);
    if (nvb_yaml_count(r, mark, anchor->nodes, anchor->bytes) < 0)
        return -1;
    nvb_doc_copy(value, &anchor->value);
    return 0;
}

int nvb_yaml_alias(struct nvb_yaml_reader *r, const yaml_event_t *event, unsigned depth,
                   struct nvb_doc *ret)
{
    const char *name = (const char *)event->data.alias.anchor;
    const yaml_mark_t *mark = &event->start_mark;
    if (!r->options.aliases)
        return nvb_yaml_fail(r, mark, "aliases are not allowed here",
                             "write the value out wherever it is meant");
    bool found;
    size_t at = find(&r->anchors, name, &found);
    if (!found) {
        _cleanup_free_ char *message =
            nvb_strdupf("'*%s' repeats what nothing before it is called", name);
        _cleanup_free_ char *hint = nvb_strdupf("'&%s' before a value calls it that", name);
        return nvb_yaml_fail(r, mark, message, hint);
    }
    const struct nvb_yaml_anchor *anchor = &r->anchors.items[at];
    if (anchor->open)
        return nvb_yaml_fail(r, mark, "an alias inside the very value that it repeats",
                             "an alias stands behind the whole value that has the anchor");
    if (depth + anchor->height - 1 > r->max_depth)
        return nvb_yaml_fail(r, mark, "nested too deep", NULL);
    if (nvb_yaml_count(r, mark, anchor->nodes, anchor->bytes) < 0)
        return -1;
    nvb_doc_copy(&anchor->value, ret);
    return 0;
}

/* ---- merge keys (https://yaml.org/type/merge.html) --------------------------------------------
 */

static void move_members(struct nvb_doc *from, struct nvb_doc *map)
{
    nvb_vec_foreach (member, &from->map)
        nvb_vec_push(&map->map, TAKE_STRUCT(*member));
}

static int compare_members(const void *a, const void *b)
{
    const struct nvb_doc_member *one = *(struct nvb_doc_member *const *)a;
    const struct nvb_doc_member *two = *(struct nvb_doc_member *const *)b;
    int r = strcmp(one->key, two->key);
    return r ? r : (one > two) - (one < two);
}

/* Of several members with one key the first stays. Sorted: there may be a hundred thousand. */
static void keep_first(struct nvb_doc *map)
{
    size_t count = map->map.count;
    if (count < 2)
        return;
    _cleanup_free_ struct nvb_doc_member **sorted =
        nvb_calloc(count, sizeof(struct nvb_doc_member *));
    for (size_t i = 0; i < count; i++)
        sorted[i] = &map->map.items[i];
    qsort(sorted, count, sizeof(struct nvb_doc_member *), compare_members);
    const char *last = sorted[0]->key;
    for (size_t i = 1; i < count; i++) {
        if (strcmp(last, sorted[i]->key) != 0) {
            last = sorted[i]->key;
            continue;
        }
        nvb_doc_done(&sorted[i]->value);
        free(sorted[i]->key);
        sorted[i]->key = NULL;
    }
    size_t kept = 0;
    nvb_vec_foreach (member, &map->map) {
        if (member->key)
            map->map.items[kept++] = *member;
    }
    map->map.count = kept;
}

static int check_map(struct nvb_yaml_reader *r, const struct nvb_doc *doc)
{
    if (doc->type == NVB_DOC_MAP)
        return 0;
    nvb_error_make(r->err, NVB_ERROR_CONFIG, 0, "'<<' takes a map or a list of maps, not %s",
                   nvb_doc_type_name(doc->type));
    nvb_error_hint(r->err, "'<<: *name' where '&name' is before a map");
    return nvb_error_at(r->err, r->name, doc->line, doc->column);
}

int nvb_yaml_merge(struct nvb_yaml_reader *r, struct nvb_doc *from, struct nvb_doc *map)
{
    if (from->type == NVB_DOC_LIST) {
        nvb_vec_foreach (item, &from->list) {
            if (check_map(r, item) < 0)
                return -1;
            move_members(item, map);
        }
    } else {
        if (check_map(r, from) < 0)
            return -1;
        move_members(from, map);
    }
    keep_first(map);
    return 0;
}
