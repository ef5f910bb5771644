#ifndef NVB_BASE_INDEX_H
#define NVB_BASE_INDEX_H

/*
 * Where a name stands first in a list, found in logarithmic time: for lists that somebody else
 * wrote, which may be long. The names are borrowed.
 *
 *     _cleanup_index_ struct nvb_index index = {0};
 *     for (size_t i = 0; i < count; i++)
 *         nvb_index_add(&index, names[i], strlen(names[i]));
 *     nvb_index_sort(&index);
 *     ptrdiff_t place = nvb_index_find(&index, name, strlen(name));
 */

#include <stddef.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/vec.h"

struct nvb_index_name {
    const char *name; /* borrowed */
    size_t len;
    size_t place;
};

struct nvb_index NVB_VEC(struct nvb_index_name);

/* Adds the next name of the list. NULL takes a place and is never found. */
void nvb_index_add(struct nvb_index *index, const char *name, size_t len);

/* To be called between the last name and the first question. */
void nvb_index_sort(struct nvb_index *index);

/* The first place of the name, counted from 0, or -1. */
ptrdiff_t nvb_index_find(const struct nvb_index *index, const char *name, size_t len);

void nvb_index_done(struct nvb_index *index);
#define _cleanup_index_ _cleanup_(nvb_index_done)

#endif
