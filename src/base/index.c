#include "base/index.h"

#include <string.h>

/* By their bytes, a shorter one before what begins with it. */
static int compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_items(const void *a, const void *b)
{
    const struct nvb_index_name *x = a;
    const struct nvb_index_name *y = b;
    int order = compare_names(x->name, x->len, y->name, y->len);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

void nvb_index_add(struct nvb_index *index, const char *name, size_t len)
{
    const size_t place = index->count;
    nvb_vec_push(index, ((struct nvb_index_name){name, len, place}));
}

void nvb_index_sort(struct nvb_index *index)
{
    size_t kept = 0;
    nvb_vec_foreach (item, index)
        if (item->name)
            index->items[kept++] = *item;
    index->count = kept;
    if (kept)
        qsort(index->items, kept, sizeof(*index->items), compare_items);
}

ptrdiff_t nvb_index_find(const struct nvb_index *index, const char *name, size_t len)
{
    size_t low = 0;
    size_t high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct nvb_index_name *item = &index->items[middle];
        if (compare_names(item->name, item->len, name, len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == index->count ||
        compare_names(index->items[low].name, index->items[low].len, name, len) != 0)
        return -1;
    return (ptrdiff_t)index->items[low].place;
}

void nvb_index_done(struct nvb_index *index)
{
    nvb_vec_release(index);
}
