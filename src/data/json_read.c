#include <string.h>

#include "data/json.h"
#include "data/utf8.h"

struct reader {
    const char *text;
    const char *p;
    const char *end;
    const char *name;
    const char *placed; /* what line and column belong to: they are counted on from there, because
                           a file may be one line of megabytes */
    unsigned line, column;
    size_t nodes;
    struct nvb_error **err;
};

static void count_to(struct reader *r, const char *p)
{
    for (; r->placed < p; r->placed++) {
        if (*r->placed == '\n') {
            r->line++;
            r->column = 1;
        } else if (((unsigned char)*r->placed & 0xc0) != 0x80) {
            r->column++;
        }
    }
}

/* An error at P, which is not before what was placed last. */
static int fail(struct reader *r, const char *p, const char *message)
{
    count_to(r, p);
    nvb_error_make(r->err, NVB_ERROR_CONFIG, 0, "%s", message);
    return nvb_error_at(r->err, r->name, r->line, r->column);
}

/* As fail(), saying what stands there instead of what was WANTED. */
static int fail_found(struct reader *r, const char *wanted)
{
    uint32_t code = 0;
    count_to(r, r->p);
    (void)nvb_utf8_read(r->p, (size_t)(r->end - r->p), &code);
    if (r->p == r->end)
        nvb_error_make(r->err, NVB_ERROR_CONFIG, 0, "the file ends where %s should be", wanted);
    else if (code > 0x20 && code < 0x7f)
        nvb_error_make(r->err, NVB_ERROR_CONFIG, 0, "'%c' where %s should be", (int)code, wanted);
    else
        nvb_error_make(r->err, NVB_ERROR_CONFIG, 0, "the character U+%04X where %s should be",
                       (unsigned)code, wanted);
    return nvb_error_at(r->err, r->name, r->line, r->column);
}

static void skip_space(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

static bool take(struct reader *r, char c)
{
    skip_space(r);
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

/* Four hex digits. */
static int read_unit(struct reader *r, uint32_t *ret)
{
    uint64_t value;
    if (r->end - r->p < 4 || nvb_parse_u64(r->p, 4, 16, &value) < 0)
        return fail(r, r->p, "\\u wants four hexadecimal digits");
    r->p += 4;
    *ret = (uint32_t)value;
    return 0;
}

/* What follows \u; two of them make a character beyond U+FFFF. */
static int read_unicode(struct reader *r, struct nvb_str *ret)
{
    const char *start = r->p;
    uint32_t code;
    uint32_t low;
    if (read_unit(r, &code) < 0)
        return -1;
    if (code >= 0xd800 && code <= 0xdbff) {
        if (r->end - r->p < 2 || r->p[0] != '\\' || r->p[1] != 'u')
            return fail(r, start, "half of a surrogate pair");
        r->p += 2;
        if (read_unit(r, &low) < 0)
            return -1;
        if (low < 0xdc00 || low > 0xdfff)
            return fail(r, start, "half of a surrogate pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code <= 0xdfff) {
        return fail(r, start, "half of a surrogate pair");
    } else if (code == 0) {
        return fail(r, start, "a zero character is not allowed in a string");
    }
    nvb_utf8_add(ret, code);
    return 0;
}

static int read_escape(struct reader *r, struct nvb_str *ret)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    r->p++; /* the backslash */
    if (r->p == r->end)
        return fail(r, r->p, "the file ends inside a string");
    if (*r->p == 'u') {
        r->p++;
        return read_unicode(r, ret);
    }
    const char *found = *r->p ? strchr(letters, *r->p) : NULL;
    if (!found)
        return fail(r, r->p - 1, "an escape that JSON does not have");
    nvb_str_addc(ret, values[found - letters]);
    r->p++;
    return 0;
}

/* A string whose opening quote is next. */
static int read_string(struct reader *r, char **ret)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    r->p++;
    for (;;) {
        const char *start = r->p;
        while (r->p < r->end && *r->p != '"' && *r->p != '\\' && (unsigned char)*r->p >= 0x20)
            r->p++;
        nvb_str_addn(&text, start, (size_t)(r->p - start));
        if (r->p == r->end)
            return fail(r, r->p, "the file ends inside a string");
        if (*r->p == '"')
            break;
        if (*r->p != '\\')
            return fail(r, r->p, "a control character inside a string must be written as \\u00XX");
        if (read_escape(r, &text) < 0)
            return -1;
    }
    r->p++;
    *ret = nvb_str_steal(&text);
    return 0;
}

static size_t count_digits(const struct reader *r, const char *p)
{
    const char *start = p;
    while (p < r->end && *p >= '0' && *p <= '9')
        p++;
    return (size_t)(p - start);
}

/* The end of the number at r->p by JSON's grammar, or NULL. */
static const char *find_number_end(const struct reader *r, bool *ret_whole)
{
    const char *p = r->p + (*r->p == '-');
    size_t digits = count_digits(r, p);
    if (digits == 0 || (digits > 1 && *p == '0'))
        return NULL;
    p += digits;
    *ret_whole = true;
    if (p < r->end && *p == '.') {
        digits = count_digits(r, p + 1);
        if (digits == 0)
            return NULL;
        p += 1 + digits;
        *ret_whole = false;
    }
    if (p < r->end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < r->end && (*p == '+' || *p == '-');
        digits = count_digits(r, p);
        if (digits == 0)
            return NULL;
        p += digits;
        *ret_whole = false;
    }
    return p;
}

static int read_number(struct reader *r, struct nvb_doc *ret)
{
    bool whole;
    const char *end = find_number_end(r, &whole);
    if (!end)
        return fail(r, r->p, "not a number as JSON writes one");
    size_t sign = *r->p == '-';
    uint64_t value;
    if (whole && nvb_parse_u64(r->p + sign, (size_t)(end - r->p) - sign, 10, &value) == 0 &&
        (!sign || value <= (uint64_t)INT64_MAX + 1)) {
        if (sign)
            nvb_doc_set_int(ret, value > INT64_MAX ? INT64_MIN : -(int64_t)value);
        else
            nvb_doc_set_uint(ret, value);
    } else {
        _cleanup_free_ char *copy = nvb_strndup(r->p, (size_t)(end - r->p));
        double real = strtod(copy, NULL);
        if (__builtin_isinf(real))
            return fail(r, r->p, "a number too large");
        nvb_doc_set_real(ret, real);
    }
    r->p = end;
    return 0;
}

static int read_word(struct reader *r, struct nvb_doc *ret)
{
    static const char *const words[] = {"null", "false", "true"};
    for (size_t i = 0; i < NVB_COUNT(words); i++) {
        size_t len = strlen(words[i]);
        if ((size_t)(r->end - r->p) < len || memcmp(r->p, words[i], len) != 0)
            continue;
        r->p += len;
        if (i > 0)
            nvb_doc_set_bool(ret, i == 2);
        return 0;
    }
    return fail_found(r, "a value");
}

static int read_value(struct reader *r, unsigned depth, struct nvb_doc *ret);

static int read_list(struct reader *r, unsigned depth, struct nvb_doc *ret)
{
    nvb_doc_set_list(ret);
    r->p++;
    if (take(r, ']'))
        return 0;
    do {
        if (read_value(r, depth + 1, nvb_doc_push(ret)) < 0)
            return -1;
    } while (take(r, ','));
    return take(r, ']') ? 0 : fail_found(r, "',' or ']'");
}

static int read_member(struct reader *r, unsigned depth, struct nvb_doc *map)
{
    skip_space(r);
    if (r->p == r->end || *r->p != '"')
        return fail_found(r, "a key in double quotes");
    count_to(r, r->p);
    struct nvb_doc_member *member = nvb_vec_add(&map->map);
    member->line = r->line;
    member->column = r->column;
    if (read_string(r, &member->key) < 0)
        return -1;
    if (!take(r, ':'))
        return fail_found(r, "':'");
    return read_value(r, depth + 1, &member->value);
}

static int fail_duplicate(struct reader *r, const struct nvb_doc_member *member)
{
    nvb_error_make(r->err, NVB_ERROR_CONFIG, 0, "the key '%s' is here a second time", member->key);
    nvb_error_hint(r->err, "remove one of the two");
    return nvb_error_at(r->err, r->name, member->line, member->column);
}

static int read_map(struct reader *r, unsigned depth, struct nvb_doc *ret)
{
    nvb_doc_set_map(ret);
    r->p++;
    if (take(r, '}'))
        return 0;
    do {
        if (read_member(r, depth, ret) < 0)
            return -1;
    } while (take(r, ','));
    if (!take(r, '}'))
        return fail_found(r, "',' or '}'");
    const struct nvb_doc_member *twice = nvb_doc_find_duplicate(ret);
    return twice ? fail_duplicate(r, twice) : 0;
}

static int read_value(struct reader *r, unsigned depth, struct nvb_doc *ret)
{
    skip_space(r);
    count_to(r, r->p);
    ret->line = r->line;
    ret->column = r->column;
    if (depth > NVB_DOC_MAX_DEPTH)
        return fail(r, r->p, "nested too deep");
    if (++r->nodes > NVB_DOC_MAX_NODES)
        return fail(r, r->p, "too many values in one file");
    switch (r->p < r->end ? *r->p : '\0') {
    case '{':
        return read_map(r, depth, ret);
    case '[':
        return read_list(r, depth, ret);
    case '"':
        ret->type = NVB_DOC_TEXT;
        return read_string(r, &ret->text);
    case '-':
    case '0' ... '9':
        return read_number(r, ret);
    default:
        return read_word(r, ret);
    }
}

int nvb_json_read(const char *text, size_t len, const char *name, struct nvb_doc *ret,
                  struct nvb_error **err)
{
    struct reader r = {
        .text = text,
        .p = text,
        .end = text + len,
        .name = name,
        .placed = text,
        .line = 1,
        .column = 1,
        .err = err,
    };
    if (len > NVB_DOC_MAX_BYTES)
        return fail(&r, text, "the file is too large to be what it should be");
    size_t good = nvb_utf8_check(text, len);
    if (good < len)
        return fail(&r, text + good, "a byte that is not UTF-8");

    _cleanup_doc_ struct nvb_doc doc = {0};
    if (read_value(&r, 1, &doc) < 0)
        return -1;
    skip_space(&r);
    if (r.p < r.end)
        return fail_found(&r, "the file's end");
    *ret = TAKE_STRUCT(doc);
    return 0;
}
