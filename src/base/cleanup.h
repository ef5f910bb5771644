#ifndef NVB_BASE_CLEANUP_H
#define NVB_BASE_CLEANUP_H

/*
 * Scope-bound ownership, as systemd does it: a variable declared with _cleanup_(f) calls f with its
 * own address when it goes out of scope, on every path. TAKE_PTR() and TAKE_FD() move the value
 * out, so that the cleanup finds nothing left to do. Every destructor here accepts the empty value.
 */

#include <stdlib.h>
#include <unistd.h>

/* unused: clang does not take the cleanup for a use. */
#define _cleanup_(f) __attribute__((cleanup(f), unused))

#define TAKE_PTR(p)                       \
    ({                                    \
        __typeof__(p) *take_p_ = &(p);    \
        __typeof__(p) take_v_ = *take_p_; \
        *take_p_ = NULL;                  \
        take_v_;                          \
    })

#define TAKE_FD(fd)             \
    ({                          \
        int *take_f_ = &(fd);   \
        int take_n_ = *take_f_; \
        *take_f_ = -1;          \
        take_n_;                \
    })

/* Moves a struct whose all-zero value means "empty" out of a scope-bound variable. */
#define TAKE_STRUCT(s)                    \
    ({                                    \
        __typeof__(s) *take_s_ = &(s);    \
        __typeof__(s) take_c_ = *take_s_; \
        *take_s_ = (__typeof__(s)){0};    \
        take_c_;                          \
    })

static inline void nvb_free_p(void *p)
{
    free(*(void **)p);
}

static inline void nvb_close_p(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

#define _cleanup_free_  _cleanup_(nvb_free_p)
#define _cleanup_close_ _cleanup_(nvb_close_p)

#define NVB_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
