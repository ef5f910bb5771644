#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char nvb_str_empty[1] = "";

void nvb_str_init(struct nvb_str *s)
{
    *s = (struct nvb_str)NVB_STR_INIT;
}

void nvb_str_done(struct nvb_str *s)
{
    if (s->cap)
        free(s->data);
    nvb_str_init(s);
}

void nvb_str_grow(struct nvb_str *s, size_t extra)
{
    size_t need;
    if (__builtin_add_overflow(s->len, extra, &need) || __builtin_add_overflow(need, 1, &need))
        need = SIZE_MAX; /* lets the allocator stop the process */
    if (need <= s->cap)
        return;
    size_t cap = s->cap ? s->cap : 64;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;
    s->data = nvb_realloc(s->cap ? s->data : NULL, cap, 1);
    s->data[s->len] = '\0';
    s->cap = cap;
}

void nvb_str_truncate(struct nvb_str *s, size_t len)
{
    if (len >= s->len)
        return;
    s->len = len;
    s->data[len] = '\0';
}

void nvb_str_addn(struct nvb_str *s, const void *data, size_t len)
{
    if (len == 0)
        return;
    nvb_str_grow(s, len);
    memcpy(s->data + s->len, data, len);
    s->len += len;
    s->data[s->len] = '\0';
}

void nvb_str_add(struct nvb_str *s, const char *text)
{
    nvb_str_addn(s, text, strlen(text));
}

void nvb_str_addc(struct nvb_str *s, char c)
{
    nvb_str_addn(s, &c, 1);
}

void nvb_str_addv(struct nvb_str *s, const char *format, va_list args)
{
    size_t room = s->cap > 0 ? s->cap - s->len : 0;
    va_list again;

    va_copy(again, args);
    /* Most texts fit into what is left, and formatting is the dear part. */
    int n = vsnprintf(room > 0 ? s->data + s->len : NULL, room, format, args);
    if (n > 0 && (size_t)n >= room) {
        nvb_str_grow(s, (size_t)n);
        n = vsnprintf(s->data + s->len, (size_t)n + 1, format, again);
    }
    if (n > 0)
        s->len += (size_t)n;
    else if (room > 0)
        s->data[s->len] = '\0';
    va_end(again);
}

void nvb_str_addf(struct nvb_str *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    nvb_str_addv(s, format, args);
    va_end(args);
}

char *nvb_str_steal(struct nvb_str *s)
{
    nvb_str_grow(s, 0);
    char *data = s->data;
    nvb_str_init(s);
    return data;
}

static bool is_shell_safe(unsigned char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c && strchr("_@%+=:,./-", c);
}

static void add_ansi_c(struct nvb_str *s, const char *word)
{
    nvb_str_add(s, "$'");
    for (const unsigned char *p = (const unsigned char *)word; *p; p++) {
        if (*p == '\n')
            nvb_str_add(s, "\\n");
        else if (*p == '\t')
            nvb_str_add(s, "\\t");
        else if (*p == '\'' || *p == '\\')
            nvb_str_addf(s, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7f)
            nvb_str_addf(s, "\\%03o", *p);
        else
            nvb_str_addc(s, (char)*p);
    }
    nvb_str_addc(s, '\'');
}

void nvb_str_add_shell(struct nvb_str *s, const char *word)
{
    bool safe = *word != '\0';
    bool control = false;
    for (const unsigned char *p = (const unsigned char *)word; *p; p++) {
        safe = safe && is_shell_safe(*p);
        control = control || *p < 0x20 || *p == 0x7f;
    }
    if (safe) {
        nvb_str_add(s, word);
        return;
    }
    if (control) {
        add_ansi_c(s, word);
        return;
    }
    nvb_str_addc(s, '\'');
    for (const char *p = word; *p; p++) {
        if (*p == '\'')
            nvb_str_add(s, "'\\''");
        else
            nvb_str_addc(s, *p);
    }
    nvb_str_addc(s, '\'');
}

void nvb_strv_done(struct nvb_strv *v)
{
    nvb_vec_foreach (item, v)
        free(*item);
    nvb_vec_release(v);
}

void nvb_strv_add(struct nvb_strv *v, const char *text)
{
    nvb_vec_push(v, nvb_strdup(text));
}

void nvb_strv_addn(struct nvb_strv *v, const char *text, size_t len)
{
    nvb_vec_push(v, nvb_strndup(text, len));
}

void nvb_strv_addf(struct nvb_strv *v, const char *format, ...)
{
    struct nvb_str s = NVB_STR_INIT;
    va_list args;
    va_start(args, format);
    nvb_str_addv(&s, format, args);
    va_end(args);
    nvb_vec_push(v, nvb_str_steal(&s));
}

char **nvb_strv_terminate(struct nvb_strv *v)
{
    nvb_vec_reserve(v, v->count + 1);
    v->items[v->count] = NULL;
    return v->items;
}

bool nvb_strv_has(const struct nvb_strv *v, const char *text)
{
    for (size_t i = 0; i < v->count; i++) {
        if (strcmp(v->items[i], text) == 0)
            return true;
    }
    return false;
}

void nvb_strv_split(struct nvb_strv *v, const char *text, char separator)
{
    for (;;) {
        const char *end = strchrnul(text, separator);
        nvb_strv_addn(v, text, (size_t)(end - text));
        if (!*end)
            return;
        text = end + 1;
    }
}

bool nvb_has_prefix(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool nvb_has_suffix(const char *s, const char *suffix)
{
    size_t n = strlen(s);
    size_t m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return 99;
}

int nvb_parse_u64(const char *text, size_t len, unsigned base, uint64_t *ret)
{
    uint64_t value = 0;
    if (len == 0)
        return -1;
    for (size_t i = 0; i < len; i++) {
        unsigned digit = digit_value(text[i]);
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return -1;
    }
    *ret = value;
    return 0;
}

int nvb_parse_bool(const char *text, bool *ret)
{
    static const char *const words[][6] = {{"0", "f", "F", "false", "False", "FALSE"},
                                           {"1", "t", "T", "true", "True", "TRUE"}};
    for (size_t value = 0; value < NVB_COUNT(words); value++)
        for (size_t i = 0; i < NVB_COUNT(words[value]); i++)
            if (strcmp(text, words[value][i]) == 0) {
                *ret = value == 1;
                return 0;
            }
    return -1;
}

bool nvb_is_false(const char *text)
{
    bool value = true;
    return text && nvb_parse_bool(text, &value) == 0 && !value;
}

uint64_t nvb_hash(uint64_t state, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++)
        state = (state ^ bytes[i]) * 0x100000001b3u;
    return state;
}
