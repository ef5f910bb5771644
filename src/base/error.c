#include "base/error.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

int nvb_error_make(struct nvb_error **err, enum nvb_error_kind kind, int errnum, const char *format,
                   ...)
{
    if (!err)
        return -1;
    struct nvb_str text = NVB_STR_INIT;
    va_list args;
    va_start(args, format);
    nvb_str_addv(&text, format, args);
    va_end(args);
    if (errnum)
        nvb_str_addf(&text, ": %s", strerror(errnum));

    struct nvb_error *error = nvb_calloc(1, sizeof(*error));
    error->kind = kind;
    error->errnum = errnum;
    error->message = nvb_str_steal(&text);
    nvb_error_free(*err);
    *err = error;
    return -1;
}

int nvb_error_hint(struct nvb_error **err, const char *format, ...)
{
    if (!err || !*err)
        return -1;
    va_list args;
    va_start(args, format);
    char *hint = nvb_vstrdupf(format, args);
    va_end(args);
    free((*err)->hint);
    (*err)->hint = hint;
    return -1;
}

int nvb_error_at(struct nvb_error **err, const char *file, unsigned line, unsigned column)
{
    if (!err || !*err)
        return -1;
    char *copy = nvb_strdup(file);
    free((*err)->file);
    (*err)->file = copy;
    (*err)->line = line;
    (*err)->column = column;
    return -1;
}

int nvb_error_prefix(struct nvb_error **err, const char *format, ...)
{
    if (!err || !*err)
        return -1;
    struct nvb_str text = NVB_STR_INIT;
    va_list args;
    va_start(args, format);
    nvb_str_addv(&text, format, args);
    va_end(args);
    nvb_str_addf(&text, ": %s", (*err)->message);
    free((*err)->message);
    (*err)->message = nvb_str_steal(&text);
    return -1;
}

enum nvb_error_kind nvb_error_kind_of(int errnum)
{
    switch (errnum) {
    case EACCES:
    case EPERM:
    case EROFS:
        return NVB_ERROR_PERMISSION;
    case ENOENT:
    case ENOTDIR:
        return NVB_ERROR_NOT_FOUND;
    default:
        return NVB_ERROR_INTERNAL;
    }
}

void nvb_error_free(struct nvb_error *error)
{
    if (!error)
        return;
    free(error->message);
    free(error->hint);
    free(error->file);
    free(error);
}

void nvb_error_free_p(struct nvb_error **error)
{
    nvb_error_free(*error);
    *error = NULL;
}
