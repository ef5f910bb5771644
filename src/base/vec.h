#ifndef NVB_BASE_VEC_H
#define NVB_BASE_VEC_H

/*
 * A growing array of any type: a struct of items, count and cap, all zero when empty.
 *
 *     struct nvb_gpus NVB_VEC(struct nvb_gpu);        declares the type
 *     nvb_vec_push(&gpus, gpu);                       appends by value, returns nothing
 *     struct nvb_gpu *g = nvb_vec_add(&gpus);         appends a zeroed item, returns its address
 *     nvb_vec_foreach (g, &gpus) …                    walks the items
 *
 * The address of an item is good until the next push. Items that own memory are released by the
 * type's own done function, which then calls nvb_vec_release().
 */

#include <stddef.h>
#include <stdlib.h>

#include "base/mem.h"

#define NVB_VEC(type) \
    {                 \
        type *items;  \
        size_t count; \
        size_t cap;   \
    }

#define nvb_vec_reserve(v, n)                                                           \
    do {                                                                                \
        __typeof__(v) vec_r_ = (v);                                                     \
        size_t vec_n_ = (n);                                                            \
        if (vec_n_ > vec_r_->cap) {                                                     \
            size_t vec_c_ = vec_r_->cap ? vec_r_->cap * 2 : 8;                          \
            if (vec_c_ < vec_n_)                                                        \
                vec_c_ = vec_n_;                                                        \
            vec_r_->items = nvb_realloc(vec_r_->items, vec_c_, sizeof(*vec_r_->items)); \
            vec_r_->cap = vec_c_;                                                       \
        }                                                                               \
    } while (0)

#define nvb_vec_push(v, item)                       \
    do {                                            \
        __typeof__(v) vec_p_ = (v);                 \
        nvb_vec_reserve(vec_p_, vec_p_->count + 1); \
        vec_p_->items[vec_p_->count++] = (item);    \
    } while (0)

#define nvb_vec_add(v)                                                  \
    ({                                                                  \
        __typeof__(v) vec_a_ = (v);                                     \
        nvb_vec_reserve(vec_a_, vec_a_->count + 1);                     \
        vec_a_->items[vec_a_->count] = (__typeof__(*vec_a_->items)){0}; \
        &vec_a_->items[vec_a_->count++];                                \
    })

/* Frees the array, not what its items own, and leaves the vector empty. */
#define nvb_vec_release(v)                  \
    do {                                    \
        __typeof__(v) vec_f_ = (v);         \
        free(vec_f_->items);                \
        *vec_f_ = (__typeof__(*vec_f_)){0}; \
    } while (0)

/* Gives back what the array has room for beyond its items: for small ones that stay in great
 * number.
 */
#define nvb_vec_trim(v)                                                                        \
    do {                                                                                       \
        __typeof__(v) vec_t_ = (v);                                                            \
        if (vec_t_->count > 0 && vec_t_->cap > vec_t_->count) {                                \
            vec_t_->items = nvb_realloc(vec_t_->items, vec_t_->count, sizeof(*vec_t_->items)); \
            vec_t_->cap = vec_t_->count;                                                       \
        }                                                                                      \
    } while (0)

/* Nothing is added to the NULL of an empty vector: C does not define that. */
#define nvb_vec_foreach(it, v)                                                               \
    for (__typeof__(*(v)->items) *it = (v)->items, *it##_end_ = it ? it + (v)->count : NULL; \
         it < it##_end_; it++)

#endif
