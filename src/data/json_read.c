#include <string.h>

#include "base/json_scan.h"
#include "data/json.h"

struct reader {
    struct nvb_json_scan scan;
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

static int fail_scan(struct reader *r)
{
    return fail(r, r->scan.text + r->scan.at, r->scan.problem);
}

/* Where the token returned last begins: its quote, where it has one. */
static const char *token_start(const struct reader *r, enum nvb_json_token token)
{
    if (token == NVB_JSON_OBJECT || token == NVB_JSON_ARRAY)
        return r->scan.text + r->scan.at - 1;
    return r->scan.start - (token == NVB_JSON_STRING || token == NVB_JSON_KEY);
}

/* The string or key returned last. */
static int take_string(struct reader *r, char **ret)
{
    size_t len = r->scan.len;
    if (!r->scan.escaped) {
        *ret = nvb_strndup(r->scan.start, len);
        return 0;
    }
    _cleanup_free_ char *text = nvb_malloc(len + 1);
    len = nvb_json_unescape(r->scan.start, len, text);
    text[len] = '\0';
    if (strlen(text) < len)
        return fail(r, r->scan.start - 1, "a string must not hold a zero character");
    *ret = TAKE_PTR(text);
    return 0;
}

static int read_number(struct reader *r, struct nvb_doc *ret)
{
    const char *start = r->scan.start;
    size_t len = r->scan.len;
    size_t sign = *start == '-';
    uint64_t value;
    if (nvb_parse_u64(start + sign, len - sign, 10, &value) == 0 &&
        (!sign || value <= (uint64_t)INT64_MAX + 1)) {
        if (sign)
            nvb_doc_set_int(ret, value > INT64_MAX ? INT64_MIN : -(int64_t)value);
        else
            nvb_doc_set_uint(ret, value);
        return 0;
    }
    _cleanup_free_ char *copy = nvb_strndup(start, len);
    double real = strtod(copy, NULL);
    if (__builtin_isinf(real))
        return fail(r, start, "a number too large");
    nvb_doc_set_real(ret, real);
    return 0;
}

static int read_value(struct reader *r, enum nvb_json_token token, unsigned depth,
                      struct nvb_doc *ret);

static int read_list(struct reader *r, unsigned depth, struct nvb_doc *ret)
{
    nvb_doc_set_list(ret);
    for (;;) {
        enum nvb_json_token token = nvb_json_scan_next(&r->scan);
        if (token == NVB_JSON_ARRAY_END)
            return 0;
        if (read_value(r, token, depth + 1, nvb_doc_push(ret)) < 0)
            return -1;
    }
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
    for (;;) {
        enum nvb_json_token token = nvb_json_scan_next(&r->scan);
        if (token == NVB_JSON_OBJECT_END)
            break;
        if (token == NVB_JSON_ERROR)
            return fail_scan(r);
        struct nvb_doc_member *member = nvb_vec_add(&ret->map);
        count_to(r, token_start(r, token));
        member->line = r->line;
        member->column = r->column;
        if (take_string(r, &member->key) < 0 ||
            read_value(r, nvb_json_scan_next(&r->scan), depth + 1, &member->value) < 0)
            return -1;
    }
    const struct nvb_doc_member *twice = nvb_doc_find_duplicate(ret);
    return twice ? fail_duplicate(r, twice) : 0;
}

/* The value that TOKEN begins. */
static int read_value(struct reader *r, enum nvb_json_token token, unsigned depth,
                      struct nvb_doc *ret)
{
    if (token == NVB_JSON_ERROR)
        return fail_scan(r);
    const char *start = token_start(r, token);
    count_to(r, start);
    ret->line = r->line;
    ret->column = r->column;
    if (depth > NVB_DOC_MAX_DEPTH)
        return fail(r, start, "nested too deep");
    if (++r->nodes > NVB_DOC_MAX_NODES)
        return fail(r, start, "too many values in one file");
    switch (token) {
    case NVB_JSON_OBJECT:
        return read_map(r, depth, ret);
    case NVB_JSON_ARRAY:
        return read_list(r, depth, ret);
    case NVB_JSON_STRING:
        ret->type = NVB_DOC_TEXT;
        return take_string(r, &ret->text);
    case NVB_JSON_NUMBER:
        return read_number(r, ret);
    case NVB_JSON_TRUE:
    case NVB_JSON_FALSE:
        nvb_doc_set_bool(ret, token == NVB_JSON_TRUE);
        return 0;
    default:
        return 0; /* null */
    }
}

int nvb_json_read(const char *text, size_t len, const char *name, struct nvb_doc *ret,
                  struct nvb_error **err)
{
    struct reader r = {.name = name, .placed = text, .line = 1, .column = 1, .err = err};
    if (len > NVB_DOC_MAX_BYTES)
        return fail(&r, text, "the file is too large to be what it should be");
    nvb_json_scan_init(&r.scan, text, len);
    _cleanup_doc_ struct nvb_doc doc = {0};
    if (read_value(&r, nvb_json_scan_next(&r.scan), 1, &doc) < 0)
        return -1;
    if (nvb_json_scan_next(&r.scan) != NVB_JSON_END)
        return fail_scan(&r);
    *ret = TAKE_STRUCT(doc);
    return 0;
}
