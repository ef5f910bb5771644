#include "config/expand.h"

#include <string.h>

/* Deeper than any default in a default that somebody means; it bounds the recursion. */
#define MAX_DEPTH 16

struct expansion {
    const char *const *environment; /* NULL: only the form is checked */
    const char *separators;
    struct nvb_str out;
    char *unset; /* the name of the variable that was met unset; owned */
    unsigned depth;
};

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static size_t name_length(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && (is_name_start(text[n]) || (n > 0 && text[n] >= '0' && text[n] <= '9')))
        n++;
    return n;
}

const char *nvb_environment_find(const char *const *environment, const char *name, size_t len)
{
    for (; environment && *environment; environment++) {
        if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=')
            return *environment + len + 1;
    }
    return NULL;
}

bool nvb_expand_has_variable(const char *text)
{
    for (const char *p = strchr(text, '$'); p; p = strchr(p, '$')) {
        if (p[1] == '{' || is_name_start(p[1]))
            return true;
        p += p[1] == '$' ? 2 : 1;
    }
    return false;
}

static int add_value(struct expansion *x, const char *name, size_t len, const char *value,
                     struct nvb_error **err)
{
    size_t bad = strcspn(value, x->separators ? x->separators : "");
    if (value[bad] == '\0') {
        nvb_str_add(&x->out, value);
        return 0;
    }
    return nvb_error_make(err, NVB_ERROR_CONFIG, 0,
                          "the variable %.*s is '%s': the '%c' in it would begin another field, "
                          "which a variable may not",
                          (int)len, name, value, value[bad]);
}

/* $NAME: LEN bytes. Returns 1 where it is unset. */
static int add_plain(struct expansion *x, const char *name, size_t len, struct nvb_error **err)
{
    if (!x->environment)
        return 0;
    const char *value = nvb_environment_find(x->environment, name, len);
    if (value)
        return add_value(x, name, len, value, err);
    x->unset = nvb_strndup(name, len);
    return 1;
}

/* The length of what stands before the brace that closes TEXT, or LEN where none does. */
static size_t braced_length(const char *text, size_t len)
{
    unsigned open = 1;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '$' && i + 1 < len && (text[i + 1] == '{' || text[i + 1] == '$')) {
            open += text[i + 1] == '{';
            i++;
        } else if (text[i] == '}' && --open == 0) {
            return i;
        }
    }
    return len;
}

static int walk(struct expansion *x, const char *text, size_t len, struct nvb_error **err);

static int add_default(struct expansion *x, const char *text, size_t len, struct nvb_error **err)
{
    if (x->depth >= MAX_DEPTH)
        return nvb_error_make(err, NVB_ERROR_CONFIG, 0,
                              "variables nested more than %d deep in a default", MAX_DEPTH);
    x->depth++;
    int r = walk(x, text, len, err);
    x->depth--;
    return r;
}

/* The inside of ${…}: LEN bytes. */
static int add_braced(struct expansion *x, const char *text, size_t len, struct nvb_error **err)
{
    size_t n = name_length(text, len);
    const char *rest = text + n;
    size_t rest_len = len - n;
    bool has_default = rest_len >= 2 && rest[0] == ':' && rest[1] == '-';
    bool has_error = rest_len >= 2 && rest[0] == ':' && rest[1] == '?';
    if (n == 0 || (rest_len > 0 && !has_default && !has_error)) {
        (void)nvb_error_make(err, NVB_ERROR_CONFIG, 0, "'${%.*s}' is no variable",
                             len > 60 ? 60 : (int)len, text);
        return nvb_error_hint(err, "${NAME}, ${NAME:-default} or ${NAME:?message}; $$ is a "
                                   "dollar sign");
    }
    if (rest_len == 0)
        return add_plain(x, text, n, err);
    if (!x->environment)
        return has_default ? add_default(x, rest + 2, rest_len - 2, err) : 0;
    const char *value = nvb_environment_find(x->environment, text, n);
    if (value && *value)
        return add_value(x, text, n, value, err);
    if (has_default)
        return add_default(x, rest + 2, rest_len - 2, err);
    (void)nvb_error_make(err, NVB_ERROR_CONFIG, 0, "the variable %.*s is not set: %.*s", (int)n,
                         text, (int)rest_len - 2, rest + 2);
    return nvb_error_hint(err, "export %.*s=VALUE", (int)n, text);
}

static int walk(struct expansion *x, const char *text, size_t len, struct nvb_error **err)
{
    for (size_t i = 0; i < len;) {
        const char *p = text + i;
        size_t left = len - i;
        if (*p != '$' || left == 1 || (p[1] != '$' && p[1] != '{' && !is_name_start(p[1]))) {
            nvb_str_addc(&x->out, *p);
            i++;
        } else if (p[1] == '$') {
            nvb_str_addc(&x->out, '$');
            i += 2;
        } else {
            bool braced = p[1] == '{';
            size_t n = braced ? braced_length(p + 2, left - 2) : name_length(p + 1, left - 1);
            if (braced && n == left - 2)
                return nvb_error_make(err, NVB_ERROR_CONFIG, 0, "'${' without its '}'");
            int r = braced ? add_braced(x, p + 2, n, err) : add_plain(x, p + 1, n, err);
            if (r != 0)
                return r;
            i += n + (braced ? 3 : 1);
        }
    }
    return 0;
}

int nvb_expand_check(const char *text, struct nvb_error **err)
{
    struct expansion x = {.out = NVB_STR_INIT};
    int r = walk(&x, text, strlen(text), err);
    nvb_str_done(&x.out);
    return r;
}

int nvb_expand(const char *text, const char *const *environment, const char *separators, char **ret,
               char **ret_unset, struct nvb_error **err)
{
    static const char *const nothing[] = {NULL};
    struct expansion x = {
        .environment = environment ? environment : nothing,
        .separators = separators,
        .out = NVB_STR_INIT,
    };
    int r = walk(&x, text, strlen(text), err);
    if (r == 0)
        *ret = nvb_str_steal(&x.out);
    else if (r > 0)
        *ret_unset = TAKE_PTR(x.unset);
    nvb_str_done(&x.out);
    free(x.unset);
    return r;
}
