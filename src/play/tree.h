#ifndef NVB_PLAY_TREE_H
#define NVB_PLAY_TREE_H

/* Changing documents. Private to src/play. */

#include "data/doc.h"

/* The value under KEY, borrowed, or NULL: also where MAP is no map or NULL. */
struct nvb_doc *nvb_play_find(struct nvb_doc *map, const char *key);

/* The same; where there is none, or a null, it is put there. */
struct nvb_doc *nvb_play_at(struct nvb_doc *map, const char *key);

/* Takes KEY out of MAP. */
void nvb_play_remove(struct nvb_doc *map, const char *key);

/* The spelling of a scalar, or NULL: borrowed. */
const char *nvb_play_word(const struct nvb_doc *doc);

/* The item of LIST (NULL, or no list: none) whose KEY is TEXT, borrowed, or NULL. */
struct nvb_doc *nvb_play_find_item(struct nvb_doc *list, const char *key, const char *text);

#endif
