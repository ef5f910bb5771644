/* YAML by both readers: what is refused has a place; what is taken has places everywhere, keeps the
 * limits, and is written and read again as the same. */
#include "fuzz.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "data/yaml.h"

static const struct nvb_yaml_options all = {.aliases = true, .tags = true, .many = true};

static void check(int condition)
{
    if (!condition)
        abort();
}

static size_t check_places(const struct nvb_doc *doc, unsigned depth)
{
    size_t nodes = 1;
    check(doc->line > 0 && doc->column > 0 && depth <= NVB_YAML_MAX_DEPTH);
    if (doc->type == NVB_DOC_LIST) {
        nvb_vec_foreach (item, &doc->list)
            nodes += check_places(item, depth + 1);
    } else if (doc->type == NVB_DOC_MAP) {
        nvb_vec_foreach (member, &doc->map) {
            check(member->key && member->line > 0 && member->column > 0);
            nodes += 1 + check_places(&member->value, depth + 1);
        }
        check(!nvb_doc_find_duplicate(doc));
    } else {
        check(doc->text != NULL);
    }
    return nodes;
}

static int is_same_number(const struct nvb_doc *a, const struct nvb_doc *b)
{
    switch (a->type) {
    case NVB_DOC_BOOL:
        return a->boolean == b->boolean;
    case NVB_DOC_INT:
        return a->integer == b->integer;
    case NVB_DOC_UINT:
        return a->natural == b->natural;
    case NVB_DOC_REAL:
        return (isnan(a->real) && isnan(b->real)) || a->real == b->real;
    default:
        return 1;
    }
}

static void check_same(const struct nvb_doc *a, const struct nvb_doc *b)
{
    check(a->type == b->type && a->tag == b->tag);
    if (a->type == NVB_DOC_TEXT) {
        check(strcmp(a->text, b->text) == 0);
    } else if (a->type == NVB_DOC_LIST) {
        check(a->list.count == b->list.count);
        for (size_t i = 0; i < a->list.count; i++)
            check_same(&a->list.items[i], &b->list.items[i]);
    } else if (a->type == NVB_DOC_MAP) {
        check(a->map.count == b->map.count);
        for (size_t i = 0; i < a->map.count; i++) {
            check(strcmp(a->map.items[i].key, b->map.items[i].key) == 0);
            check_same(&a->map.items[i].value, &b->map.items[i].value);
        }
    } else {
        check(is_same_number(a, b));
    }
}

/* Tags have a place behind keys alone: elsewhere they go before DOC is written. */
static void drop_tags(struct nvb_doc *doc, int is_member)
{
    if (!is_member)
        doc->tag = NVB_DOC_NO_TAG;
    if (doc->type == NVB_DOC_LIST)
        nvb_vec_foreach (item, &doc->list)
            drop_tags(item, 0);
    else if (doc->type == NVB_DOC_MAP)
        nvb_vec_foreach (member, &doc->map)
            drop_tags(&member->value, 1);
}

static void check_written(struct nvb_doc *doc)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_docs_ struct nvb_docs back = {0};
    _cleanup_doc_ struct nvb_doc copy = {0};
    drop_tags(doc, 0);
    check(nvb_yaml_write(doc, &text, NULL) == 0);
    check(nvb_yaml_read_all(text.data, text.len, "f", &all, &back, NULL) == 0);
    check(back.count == 1);
    check_same(doc, &back.items[0]);
    nvb_doc_copy(doc, &copy);
    check_same(doc, &copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of exactly its size, so that a read beyond it is seen. */
    _cleanup_free_ char *text = nvb_malloc(size);
    if (size > 0)
        memcpy(text, data, size);
    _cleanup_error_ struct nvb_error *plain_err = NULL;
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_doc_ struct nvb_doc plain = {0};
    _cleanup_docs_ struct nvb_docs docs = {0};
    int is_plain = nvb_yaml_read(text, size, "f", &plain, &plain_err) == 0;
    int is_yaml = nvb_yaml_read_all(text, size, "f", &all, &docs, &err) == 0;
    check(is_plain || (plain_err->line > 0 && plain_err->column > 0));
    check(is_yaml || (err->line > 0 && err->column > 0 && docs.count == 0));
    if (is_plain) {
        /* whatever the strict reader takes, the other one takes for the same */
        check(is_yaml && docs.count == 1);
        check_same(&plain, &docs.items[0]);
    }
    size_t nodes = 0;
    nvb_vec_foreach (doc, &docs) {
        nodes += check_places(doc, 1);
        check_written(doc);
    }
    check(nodes <= NVB_YAML_MAX_NODES);
    return 0;
}
