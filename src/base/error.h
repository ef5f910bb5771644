#ifndef NVB_BASE_ERROR_H
#define NVB_BASE_ERROR_H

/*
 * An error is a value, made and returned in one line:
 *
 *     return nvb_error_make(err, NVB_ERROR_CONFIG, 0, "'%s' is not a GPU", word);
 *
 * A function that can fail takes "struct nvb_error **err" last. On failure it sets *err to a new
 * error (owned by the caller: nvb_error_free()) and returns a negative number; err may be NULL when
 * the caller does not care. *err is NULL before the call. Libraries never print; src/cli does.
 */

#include <stdarg.h>
#include <stdbool.h>

#include "base/cleanup.h"

enum nvb_error_kind {
    NVB_ERROR_USAGE,      /* the call's words are wrong */
    NVB_ERROR_CONFIG,     /* a file that somebody wrote is wrong: configuration, spec, profile */
    NVB_ERROR_NOT_FOUND,  /* something that must be there is not: GPU, driver, file, engine */
    NVB_ERROR_PERMISSION, /* it is there and the caller may not */
    NVB_ERROR_ENGINE,     /* the engine failed or cannot do this */
    NVB_ERROR_INTERNAL,   /* the machine failed: no space, no memory, an unexpected errno */
};

struct nvb_error {
    enum nvb_error_kind kind;
    int errnum;      /* the errno behind it, 0 if none */
    char *message;   /* one line, without "error:" */
    char *hint;      /* the command or line that mends it, or NULL */
    char *file;      /* the file that is wrong, or NULL */
    unsigned line;   /* from 1, 0 if none */
    unsigned column; /* from 1, 0 if none */
};

#define _cleanup_error_ _cleanup_(nvb_error_free_p)

/* Sets *err and returns -1. strerror(errnum) is appended to the message when errnum is not 0. */
int nvb_error_make(struct nvb_error **err, enum nvb_error_kind kind, int errnum, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));

/* Gives *err a hint (replacing one), or a place. Nothing happens when err or *err is NULL. Return
 * -1. */
int nvb_error_hint(struct nvb_error **err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int nvb_error_at(struct nvb_error **err, const char *file, unsigned line, unsigned column);

/* Puts "PREFIX: " before the message, for a caller that knows more. Returns -1. */
int nvb_error_prefix(struct nvb_error **err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The kind for an errno: EACCES and EPERM are permission, ENOENT not-found, the rest internal. */
enum nvb_error_kind nvb_error_kind_of(int errnum);

void nvb_error_free(struct nvb_error *error);
void nvb_error_free_p(struct nvb_error **error);

#endif
