#ifndef NVB_BASE_MEM_H
#define NVB_BASE_MEM_H

/*
 * Allocation that does not fail: a process of a few megabytes that lives for milliseconds has
 * nothing better to do than stop, and code that cannot be tested is code that does not work.
 * These print one line to standard error and abort; they are the only place that does.
 */

#include <stdarg.h>
#include <stddef.h>

/* Returns SIZE bytes (at least one), not initialised. Owned by the caller: free(). */
void *nvb_malloc(size_t size) __attribute__((malloc, warn_unused_result));

/* Returns COUNT * SIZE zero bytes; the product is checked. Owned by the caller: free(). */
void *nvb_calloc(size_t count, size_t size) __attribute__((malloc, warn_unused_result));

/* As realloc() for COUNT * SIZE bytes; the product is checked. */
void *nvb_realloc(void *old, size_t count, size_t size) __attribute__((warn_unused_result));

/* Copies of a string, of at most LEN bytes of it, of NULL as NULL. Owned by the caller: free(). */
char *nvb_strdup(const char *s) __attribute__((warn_unused_result));
char *nvb_strndup(const char *s, size_t len) __attribute__((warn_unused_result));

/* A formatted string. Owned by the caller: free(). */
char *nvb_strdupf(const char *format, ...)
    __attribute__((format(printf, 1, 2), warn_unused_result));
char *nvb_vstrdupf(const char *format, va_list args)
    __attribute__((format(printf, 1, 0), warn_unused_result));

#endif
