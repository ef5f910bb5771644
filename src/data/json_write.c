#include <math.h>
#include <string.h>

#include "data/json.h"
#include "data/utf8.h"

/* Whether CODE stands in quotes as it is, in JSON and in YAML: YAML wants control characters and
 * what is no character escaped, and takes U+0085, U+2028 and U+2029 for line ends. Nothing beyond
 * U+FFFF is escaped, for which the two have no common spelling. */
static bool is_printable(uint32_t code)
{
    if (code < 0x20 || (code >= 0x7f && code < 0xa0))
        return false;
    if (code == 0x2028 || code == 0x2029 || code == 0xfeff)
        return false;
    return code != 0xfffe && code != 0xffff;
}

static void add_escaped(struct nvb_str *ret, uint32_t code)
{
    if (code == '\n')
        nvb_str_add(ret, "\\n");
    else if (code == '\t')
        nvb_str_add(ret, "\\t");
    else
        nvb_str_addf(ret, "\\u%04x", (unsigned)code);
}

int nvb_json_add_quoted(struct nvb_str *ret, const char *text)
{
    size_t start = ret->len;
    size_t len = strlen(text);
    nvb_str_addc(ret, '"');
    for (size_t i = 0; i < len;) {
        uint32_t code;
        size_t n = nvb_utf8_read(text + i, len - i, &code);
        if (n == 0) {
            nvb_str_truncate(ret, start);
            return -1;
        }
        if (code == '"' || code == '\\')
            nvb_str_addc(ret, '\\');
        if (is_printable(code))
            nvb_str_addn(ret, text + i, n);
        else
            add_escaped(ret, code);
        i += n;
    }
    nvb_str_addc(ret, '"');
    return 0;
}

void nvb_json_add_real(struct nvb_str *ret, double value)
{
    size_t start = ret->len;
    for (int digits = 15; digits <= 17; digits++) {
        nvb_str_truncate(ret, start);
        nvb_str_addf(ret, "%.*g", digits, value);
        if (strtod(ret->data + start, NULL) == value)
            break;
    }
    /* Without a point or an exponent it would be read back as a whole number. */
    if (!strpbrk(ret->data + start, ".e"))
        nvb_str_add(ret, ".0");
}

static void add_line(struct nvb_str *ret, enum nvb_json_style style, unsigned level)
{
    if (style == NVB_JSON_COMPACT)
        return;
    nvb_str_addc(ret, '\n');
    for (unsigned i = 0; i < level; i++)
        nvb_str_add(ret, "  ");
}

static int write_text(const char *text, struct nvb_str *ret, struct nvb_error **err)
{
    if (nvb_json_add_quoted(ret, text) == 0)
        return 0;
    _cleanup_str_ struct nvb_str shown = NVB_STR_INIT;
    nvb_str_add_shell(&shown, text);
    return nvb_error_make(err, NVB_ERROR_CONFIG, 0, "this is not UTF-8 and JSON cannot hold it: %s",
                          shown.data);
}

static int write_value(const struct nvb_doc *doc, enum nvb_json_style style, unsigned level,
                       struct nvb_str *ret, struct nvb_error **err);

static int write_list(const struct nvb_doc_items *list, enum nvb_json_style style, unsigned level,
                      struct nvb_str *ret, struct nvb_error **err)
{
    nvb_str_addc(ret, '[');
    nvb_vec_foreach (item, list) {
        if (item != list->items)
            nvb_str_addc(ret, ',');
        add_line(ret, style, level + 1);
        if (write_value(item, style, level + 1, ret, err) < 0)
            return -1;
    }
    if (list->count)
        add_line(ret, style, level);
    nvb_str_addc(ret, ']');
    return 0;
}

static int write_map(const struct nvb_doc_members *map, enum nvb_json_style style, unsigned level,
                     struct nvb_str *ret, struct nvb_error **err)
{
    nvb_str_addc(ret, '{');
    nvb_vec_foreach (member, map) {
        if (member != map->items)
            nvb_str_addc(ret, ',');
        add_line(ret, style, level + 1);
        if (write_text(member->key, ret, err) < 0)
            return -1;
        nvb_str_add(ret, style == NVB_JSON_COMPACT ? ":" : ": ");
        if (write_value(&member->value, style, level + 1, ret, err) < 0)
            return -1;
    }
    if (map->count)
        add_line(ret, style, level);
    nvb_str_addc(ret, '}');
    return 0;
}

static int write_value(const struct nvb_doc *doc, enum nvb_json_style style, unsigned level,
                       struct nvb_str *ret, struct nvb_error **err)
{
    switch (doc->type) {
    case NVB_DOC_NULL:
        nvb_str_add(ret, "null");
        return 0;
    case NVB_DOC_BOOL:
        nvb_str_add(ret, doc->boolean ? "true" : "false");
        return 0;
    case NVB_DOC_INT:
        nvb_str_addf(ret, "%lld", (long long)doc->integer);
        return 0;
    case NVB_DOC_UINT:
        nvb_str_addf(ret, "%llu", (unsigned long long)doc->natural);
        return 0;
    case NVB_DOC_REAL:
        if (!isfinite(doc->real))
            return nvb_error_make(err, NVB_ERROR_CONFIG, 0, "JSON has no number for %f", doc->real);
        nvb_json_add_real(ret, doc->real);
        return 0;
    case NVB_DOC_TEXT:
    case NVB_DOC_TIME:
        return write_text(doc->text, ret, err);
    case NVB_DOC_LIST:
        return write_list(&doc->list, style, level, ret, err);
    case NVB_DOC_MAP:
        return write_map(&doc->map, style, level, ret, err);
    }
    return 0;
}

int nvb_json_write(const struct nvb_doc *doc, enum nvb_json_style style, struct nvb_str *ret,
                   struct nvb_error **err)
{
    size_t start = ret->len;
    if (write_value(doc, style, 0, ret, err) < 0) {
        nvb_str_truncate(ret, start);
        return -1;
    }
    nvb_str_addc(ret, '\n');
    return 0;
}
