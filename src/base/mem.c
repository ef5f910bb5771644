#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *check(void *p)
{
    static const char text[] = "nvbind: error: out of memory\n";
    if (p)
        return p;
    /* write(), because stdio may want memory itself. */
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        abort();
    abort();
}

void *nvb_malloc(size_t size)
{
    return check(malloc(size ? size : 1));
}

void *nvb_calloc(size_t count, size_t size)
{
    return check(calloc(count ? count : 1, size ? size : 1));
}

void *nvb_realloc(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return check(NULL);
    return check(realloc(old, bytes ? bytes : 1));
}

char *nvb_strdup(const char *s)
{
    return s ? check(strdup(s)) : NULL;
}

char *nvb_strndup(const char *s, size_t len)
{
    return s ? check(strndup(s, len)) : NULL;
}

char *nvb_strdupf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = nvb_vstrdupf(format, args);
    va_end(args);
    return text;
}

char *nvb_vstrdupf(const char *format, va_list args)
{
    char *text = NULL;
    int n = vasprintf(&text, format, args);
    return check(n < 0 ? NULL : text);
}
