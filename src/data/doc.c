#include "data/doc.h"

#include <string.h>

void nvb_doc_done(struct nvb_doc *doc)
{
    free(doc->text);
    if (doc->type == NVB_DOC_LIST) {
        nvb_vec_foreach (item, &doc->list)
            nvb_doc_done(item);
        nvb_vec_release(&doc->list);
    } else if (doc->type == NVB_DOC_MAP) {
        nvb_vec_foreach (member, &doc->map) {
            free(member->key);
            nvb_doc_done(&member->value);
        }
        nvb_vec_release(&doc->map);
    }
    *doc = (struct nvb_doc){.line = doc->line, .column = doc->column};
}

void nvb_doc_copy(const struct nvb_doc *doc, struct nvb_doc *ret)
{
    *ret = *doc;
    ret->text = nvb_strdup(doc->text);
    if (doc->type == NVB_DOC_LIST) {
        ret->list = (struct nvb_doc_items){0};
        nvb_vec_foreach (item, &doc->list)
            nvb_doc_copy(item, nvb_vec_add(&ret->list));
        nvb_vec_trim(&ret->list);
    } else if (doc->type == NVB_DOC_MAP) {
        ret->map = (struct nvb_doc_members){0};
        nvb_vec_foreach (member, &doc->map) {
            struct nvb_doc_member *copy = nvb_vec_add(&ret->map);
            copy->key = nvb_strdup(member->key);
            copy->line = member->line;
            copy->column = member->column;
            nvb_doc_copy(&member->value, &copy->value);
        }
        nvb_vec_trim(&ret->map);
    }
}

void nvb_doc_set_bool(struct nvb_doc *doc, bool value)
{
    nvb_doc_done(doc);
    doc->type = NVB_DOC_BOOL;
    doc->boolean = value;
}

void nvb_doc_set_int(struct nvb_doc *doc, int64_t value)
{
    nvb_doc_done(doc);
    doc->type = NVB_DOC_INT;
    doc->integer = value;
}

void nvb_doc_set_uint(struct nvb_doc *doc, uint64_t value)
{
    if (value <= INT64_MAX) {
        nvb_doc_set_int(doc, (int64_t)value);
        return;
    }
    nvb_doc_done(doc);
    doc->type = NVB_DOC_UINT;
    doc->natural = value;
}

void nvb_doc_set_real(struct nvb_doc *doc, double value)
{
    nvb_doc_done(doc);
    doc->type = NVB_DOC_REAL;
    doc->real = value;
}

void nvb_doc_set_text(struct nvb_doc *doc, const char *text)
{
    char *copy = nvb_strdup(text); /* first: TEXT may be DOC's own */
    nvb_doc_done(doc);
    doc->type = copy ? NVB_DOC_TEXT : NVB_DOC_NULL;
    doc->text = copy;
}

void nvb_doc_set_time(struct nvb_doc *doc, const char *text)
{
    nvb_doc_set_text(doc, text);
    doc->type = NVB_DOC_TIME;
}

void nvb_doc_set_list(struct nvb_doc *doc)
{
    nvb_doc_done(doc);
    doc->type = NVB_DOC_LIST;
    doc->list = (struct nvb_doc_items){0};
}

void nvb_doc_set_map(struct nvb_doc *doc)
{
    nvb_doc_done(doc);
    doc->type = NVB_DOC_MAP;
    doc->map = (struct nvb_doc_members){0};
}

struct nvb_doc *nvb_doc_put(struct nvb_doc *map, const char *key)
{
    if (map->type != NVB_DOC_MAP)
        nvb_doc_set_map(map);
    struct nvb_doc_member *member = nvb_vec_add(&map->map);
    member->key = nvb_strdup(key);
    return &member->value;
}

struct nvb_doc *nvb_doc_at(struct nvb_doc *map, const char *key)
{
    if (map->type == NVB_DOC_MAP)
        nvb_vec_foreach (member, &map->map)
            if (strcmp(member->key, key) == 0)
                return &member->value;
    return nvb_doc_put(map, key);
}

struct nvb_doc *nvb_doc_push(struct nvb_doc *list)
{
    if (list->type != NVB_DOC_LIST)
        nvb_doc_set_list(list);
    return nvb_vec_add(&list->list);
}

void nvb_doc_put_bool(struct nvb_doc *map, const char *key, bool value)
{
    nvb_doc_set_bool(nvb_doc_put(map, key), value);
}

void nvb_doc_put_int(struct nvb_doc *map, const char *key, int64_t value)
{
    nvb_doc_set_int(nvb_doc_put(map, key), value);
}

void nvb_doc_put_uint(struct nvb_doc *map, const char *key, uint64_t value)
{
    nvb_doc_set_uint(nvb_doc_put(map, key), value);
}

void nvb_doc_put_text(struct nvb_doc *map, const char *key, const char *text)
{
    nvb_doc_set_text(nvb_doc_put(map, key), text);
}

void nvb_doc_put_strv(struct nvb_doc *map, const char *key, const struct nvb_strv *texts)
{
    struct nvb_doc *list = nvb_doc_put(map, key);
    nvb_doc_set_list(list);
    nvb_vec_foreach (text, texts)
        nvb_doc_set_text(nvb_doc_push(list), *text);
}

static const struct nvb_doc *find_n(const struct nvb_doc *map, const char *key, size_t len)
{
    if (!map || map->type != NVB_DOC_MAP)
        return NULL;
    nvb_vec_foreach (member, &map->map) {
        if (strncmp(member->key, key, len) == 0 && member->key[len] == '\0')
            return &member->value;
    }
    return NULL;
}

const struct nvb_doc *nvb_doc_find(const struct nvb_doc *map, const char *key)
{
    return find_n(map, key, strlen(key));
}

const char *nvb_doc_find_text(const struct nvb_doc *map, const char *key)
{
    const struct nvb_doc *value = nvb_doc_find(map, key);
    return value && value->type == NVB_DOC_TEXT ? value->text : NULL;
}

/* The item that "[12]" at PATH names; *ret_end is put behind it. */
static const struct nvb_doc *find_item(const struct nvb_doc *list, const char *path,
                                       const char **ret_end)
{
    const char *end = strchr(path, ']');
    uint64_t index;
    if (!end || nvb_parse_u64(path + 1, (size_t)(end - path) - 1, 10, &index) < 0)
        return NULL;
    *ret_end = end + 1;
    return list->type == NVB_DOC_LIST && index < list->list.count ? &list->list.items[index] : NULL;
}

const struct nvb_doc *nvb_doc_locate(const struct nvb_doc *doc, const char *path)
{
    while (*path) {
        const struct nvb_doc *next;
        const char *end = path;
        if (*path == '[') {
            next = find_item(doc, path, &end);
        } else {
            path += *path == '.';
            end = path + strcspn(path, ".[");
            next = find_n(doc, path, (size_t)(end - path));
        }
        if (!next)
            break;
        doc = next;
        path = end;
    }
    return doc;
}

const char *nvb_doc_type_name(enum nvb_doc_type type)
{
    switch (type) {
    case NVB_DOC_NULL:
        return "null";
    case NVB_DOC_BOOL:
        return "a truth value";
    case NVB_DOC_INT:
    case NVB_DOC_UINT:
        return "a whole number";
    case NVB_DOC_REAL:
        return "a fraction";
    case NVB_DOC_TEXT:
        return "a string";
    case NVB_DOC_TIME:
        return "a date or time";
    case NVB_DOC_LIST:
        return "a list";
    case NVB_DOC_MAP:
        return "a map";
    }
    return "nothing";
}

static int compare_keys(const void *a, const void *b)
{
    const struct nvb_doc_member *one = *(const struct nvb_doc_member *const *)a;
    const struct nvb_doc_member *two = *(const struct nvb_doc_member *const *)b;
    int r = strcmp(one->key, two->key);
    if (r == 0)
        r = one < two ? -1 : one > two;
    return r;
}

const struct nvb_doc_member *nvb_doc_find_duplicate(const struct nvb_doc *map)
{
    size_t count = map->map.count;
    if (count < 2)
        return NULL;
    /* Sorted, because a file may hold a million keys. */
    _cleanup_free_ const struct nvb_doc_member **sorted = nvb_calloc(count, sizeof(*sorted));
    for (size_t i = 0; i < count; i++)
        sorted[i] = &map->map.items[i];
    qsort(sorted, count, sizeof(*sorted), compare_keys);
    const struct nvb_doc_member *found = NULL;
    for (size_t i = 1; i < count; i++) {
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0 && (!found || sorted[i] < found))
            found = sorted[i];
    }
    return found;
}
