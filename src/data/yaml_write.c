#include <math.h>
#include <string.h>

#include "data/json.h"
#include "data/yaml.h"

/*
 * Whether TEXT may stand without quotes. Narrow on purpose: what begins with a letter or a slash,
 * holds only characters that never mean anything in YAML, and is none of the words that some reader
 * takes for a value. The rest is quoted.
 */
static bool is_plain(const char *text)
{
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                               "0123456789_/.@%+=,-:";
    if (!((*text >= 'A' && *text <= 'Z') || (*text >= 'a' && *text <= 'z') || *text == '/'))
        return false;
    size_t len = strspn(text, safe);
    if (text[len] != '\0' || text[len - 1] == ':')
        return false;
    struct nvb_doc doc = {0};
    nvb_yaml_resolve(text, &doc);
    bool is_text = doc.type == NVB_DOC_TEXT;
    nvb_doc_done(&doc);
    return is_text;
}

static int write_text(const char *text, struct nvb_str *ret, struct nvb_error **err)
{
    if (is_plain(text)) {
        nvb_str_add(ret, text);
        return 0;
    }
    if (nvb_json_add_quoted(ret, text) == 0)
        return 0;
    _cleanup_str_ struct nvb_str shown = NVB_STR_INIT;
    nvb_str_add_shell(&shown, text);
    return nvb_error_make(err, NVB_ERROR_CONFIG, 0, "this is not UTF-8 and YAML cannot hold it: %s",
                          shown.data);
}

static void write_real(double value, struct nvb_str *ret)
{
    if (isnan(value))
        nvb_str_add(ret, ".nan");
    else if (isinf(value))
        nvb_str_add(ret, value < 0 ? "-.inf" : ".inf");
    else
        nvb_json_add_real(ret, value);
}

static int write_scalar(const struct nvb_doc *doc, struct nvb_str *ret, struct nvb_error **err)
{
    switch (doc->type) {
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
        write_real(doc->real, ret);
        return 0;
    case NVB_DOC_TEXT:
    case NVB_DOC_TIME:
        return write_text(doc->text, ret, err);
    case NVB_DOC_LIST: /* the empty ones */
        nvb_str_add(ret, "[]");
        return 0;
    case NVB_DOC_MAP:
        nvb_str_add(ret, "{}");
        return 0;
    case NVB_DOC_NULL:
        break;
    }
    nvb_str_add(ret, "null");
    return 0;
}

static bool is_block(const struct nvb_doc *doc)
{
    return (doc->type == NVB_DOC_LIST && doc->list.count) ||
           (doc->type == NVB_DOC_MAP && doc->map.count);
}

static void add_indent(struct nvb_str *ret, unsigned level)
{
    for (unsigned i = 0; i < level; i++)
        nvb_str_add(ret, "  ");
}

/* Writes the list or map DOC, whose lines are LEVEL deep; INLINE: its first line has begun already,
 * behind "- ". */
static int write_block(const struct nvb_doc *doc, unsigned level, bool is_inline,
                       struct nvb_str *ret, struct nvb_error **err);

static int write_item(const struct nvb_doc *item, unsigned level, struct nvb_str *ret,
                      struct nvb_error **err)
{
    nvb_str_add(ret, "- ");
    if (is_block(item))
        return write_block(item, level + 1, true, ret, err);
    if (write_scalar(item, ret, err) < 0)
        return -1;
    nvb_str_addc(ret, '\n');
    return 0;
}

static int write_member(const struct nvb_doc_member *member, unsigned level, struct nvb_str *ret,
                        struct nvb_error **err)
{
    if (write_text(member->key, ret, err) < 0)
        return -1;
    nvb_str_addc(ret, ':');
    if (is_block(&member->value)) {
        nvb_str_addc(ret, '\n');
        return write_block(&member->value, level + 1, false, ret, err);
    }
    nvb_str_addc(ret, ' ');
    if (write_scalar(&member->value, ret, err) < 0)
        return -1;
    nvb_str_addc(ret, '\n');
    return 0;
}

static int write_block(const struct nvb_doc *doc, unsigned level, bool is_inline,
                       struct nvb_str *ret, struct nvb_error **err)
{
    size_t count = doc->type == NVB_DOC_LIST ? doc->list.count : doc->map.count;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 || !is_inline)
            add_indent(ret, level);
        int r = doc->type == NVB_DOC_LIST ? write_item(&doc->list.items[i], level, ret, err)
                                          : write_member(&doc->map.items[i], level, ret, err);
        if (r < 0)
            return -1;
    }
    return 0;
}

int nvb_yaml_write(const struct nvb_doc *doc, struct nvb_str *ret, struct nvb_error **err)
{
    size_t start = ret->len;
    int r;
    if (is_block(doc)) {
        r = write_block(doc, 0, false, ret, err);
    } else {
        r = write_scalar(doc, ret, err);
        nvb_str_addc(ret, '\n');
    }
    if (r < 0)
        nvb_str_truncate(ret, start);
    return r;
}
