#include "play/tree.h"

#include <string.h>

struct nvb_doc *nvb_play_find(struct nvb_doc *map, const char *key)
{
    if (!map || map->type != NVB_DOC_MAP)
        return NULL;
    nvb_vec_foreach (member, &map->map)
        if (strcmp(member->key, key) == 0)
            return &member->value;
    return NULL;
}

struct nvb_doc *nvb_play_at(struct nvb_doc *map, const char *key)
{
    struct nvb_doc *there = nvb_play_find(map, key);
    if (!there)
        return nvb_doc_put(map, key);
    if (there->type == NVB_DOC_NULL)
        nvb_doc_done(there); /* forgets how it was spelled */
    return there;
}

void nvb_play_remove(struct nvb_doc *map, const char *key)
{
    if (!map || map->type != NVB_DOC_MAP)
        return;
    for (size_t i = 0; i < map->map.count; i++) {
        struct nvb_doc_member *member = &map->map.items[i];
        if (strcmp(member->key, key) != 0)
            continue;
        free(member->key);
        nvb_doc_done(&member->value);
        memmove(member, member + 1, (map->map.count - i - 1) * sizeof(*member));
        map->map.count--;
        return;
    }
}

const char *nvb_play_word(const struct nvb_doc *doc)
{
    return doc && doc->type != NVB_DOC_LIST && doc->type != NVB_DOC_MAP ? doc->text : NULL;
}

struct nvb_doc *nvb_play_find_item(struct nvb_doc *list, const char *key, const char *text)
{
    if (!list || list->type != NVB_DOC_LIST)
        return NULL;
    nvb_vec_foreach (item, &list->list) {
        const char *word = nvb_play_word(nvb_play_find(item, key));
        if (word && strcmp(word, text) == 0)
            return item;
    }
    return NULL;
}
