#include "config/conf_edit.h"

#include <string.h>

#include "config/toml.h"

static void add_quoted(struct nvb_str *s, const char *text)
{
    nvb_str_addc(s, '"');
    for (; *text; text++) {
        unsigned char b = (unsigned char)*text;
        if (b == '"' || b == '\\')
            nvb_str_addf(s, "\\%c", b);
        else if (b < 0x20 || b == 0x7f)
            nvb_str_addf(s, "\\u%04x", b);
        else
            nvb_str_addc(s, *text);
    }
    nvb_str_addc(s, '"');
}

static void add_list(struct nvb_str *s, const struct nvb_strv *items)
{
    nvb_str_addc(s, '[');
    for (size_t i = 0; i < items->count; i++) {
        nvb_str_add(s, i ? ", " : "");
        add_quoted(s, items->items[i]);
    }
    nvb_str_addc(s, ']');
}

/* Where the line NUMBER (from 1) of the text begins. */
static size_t find_line(const char *text, size_t len, unsigned number)
{
    size_t at = 0;
    while (--number > 0 && at < len) {
        const char *end = memchr(text + at, '\n', len - at);
        at = end ? (size_t)(end - text) + 1 : len;
    }
    return at;
}

/* The line behind "[TABLE]", or 0. */
static unsigned find_header(const char *text, size_t len, const char *table)
{
    unsigned number = 1;
    for (size_t at = 0; at < len; number++) {
        const char *line = text + at;
        const char *end = memchr(line, '\n', len - at);
        size_t n = end ? (size_t)(end - line) : len - at;
        size_t i = 0;
        while (i < n && (line[i] == ' ' || line[i] == '\t'))
            i++;
        size_t word = strlen(table);
        if (i < n && line[i] == '[' && n - i > word + 1 && memcmp(line + i + 1, table, word) == 0 &&
            line[i + 1 + word] == ']')
            return number + 1;
        at += n + 1;
    }
    return 0;
}

/* Puts ITEMS in the place of the list that begins on that line; it must end there. Returns 0 or 1.
 */
static int replace(const char *text, size_t len, unsigned line, const struct nvb_strv *items,
                   struct nvb_str *ret)
{
    size_t begin = find_line(text, len, line);
    const char *end = memchr(text + begin, '\n', len - begin);
    size_t n = end ? (size_t)(end - text) - begin : len - begin;
    const char *equals = memchr(text + begin, '=', n);
    const char *open = equals ? memchr(equals, '[', (size_t)(text + begin + n - equals)) : NULL;
    const char *close = open ? memrchr(open, ']', (size_t)(text + begin + n - open)) : NULL;
    if (!close)
        return 1;
    nvb_str_addn(ret, text, (size_t)(open - text));
    add_list(ret, items);
    nvb_str_addn(ret, close + 1, len - (size_t)(close + 1 - text));
    return 0;
}

static void insert(const char *text, size_t len, unsigned line, const char *key,
                   const struct nvb_strv *items, struct nvb_str *ret)
{
    size_t at = find_line(text, len, line);
    nvb_str_addn(ret, text, at);
    if (at > 0 && text[at - 1] != '\n')
        nvb_str_addc(ret, '\n');
    nvb_str_addf(ret, "%s = ", key);
    add_list(ret, items);
    nvb_str_addc(ret, '\n');
    nvb_str_addn(ret, text + at, len - at);
}

static void append(const char *text, size_t len, const char *table, const char *key,
                   const struct nvb_strv *items, struct nvb_str *ret)
{
    nvb_str_addn(ret, text, len);
    if (len > 0)
        nvb_str_add(ret, text[len - 1] == '\n' ? "\n" : "\n\n");
    nvb_str_addf(ret, "[%s]\n%s = ", table, key);
    add_list(ret, items);
    nvb_str_addc(ret, '\n');
}

static bool says(const struct nvb_str *text, size_t from, const char *name, const char *table,
                 const char *key, const struct nvb_strv *items)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    if (nvb_toml_read(text->data + from, text->len - from, name, &doc, NULL) < 0)
        return false;
    const struct nvb_doc *list = nvb_doc_find(nvb_doc_find(&doc, table), key);
    if (!list || list->type != NVB_DOC_LIST || list->list.count != items->count)
        return false;
    for (size_t i = 0; i < items->count; i++)
        if (list->list.items[i].type != NVB_DOC_TEXT ||
            strcmp(list->list.items[i].text, items->items[i]) != 0)
            return false;
    return true;
}

static unsigned count_lines(const char *text, size_t len)
{
    unsigned lines = 1;
    for (const char *p = text; (p = memchr(p, '\n', (size_t)(text + len - p))); p++)
        lines++;
    return lines;
}

int nvb_conf_set_list(const char *text, size_t len, const char *name, const char *table,
                      const char *key, const struct nvb_strv *items, struct nvb_str *ret,
                      unsigned *ret_line, struct nvb_error **err)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    const size_t from = ret->len;
    if (nvb_toml_read(text, len, name, &doc, err) < 0)
        return -1;
    const struct nvb_doc *there = nvb_doc_find(nvb_doc_find(&doc, table), key);
    unsigned line = there ? there->line : find_header(text, len, table);
    int r = 0;
    if (there) {
        r = replace(text, len, line, items, ret);
    } else if (line) {
        insert(text, len, line, key, items, ret);
    } else {
        append(text, len, table, key, items, ret);
        line = count_lines(ret->data + from, ret->len - from) - 1;
    }
    if (r == 0 && says(ret, from, name, table, key, items)) {
        *ret_line = line;
        return 0;
    }
    nvb_str_truncate(ret, from);
    _cleanup_str_ struct nvb_str list = NVB_STR_INIT;
    add_list(&list, items);
    (void)nvb_error_make(err, NVB_ERROR_CONFIG, 0,
                         "'%s' of [%s] is written in a way that is left to you", key, table);
    (void)nvb_error_at(err, name, there ? there->line : 0, there ? there->column : 0);
    return nvb_error_hint(err, "%s = %s", key, list.data);
}
