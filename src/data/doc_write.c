#include "data/doc.h"
#include "data/emit.h"
#include "data/json.h"
#include "data/yaml.h"

static void emit(struct nvb_emit *e, const struct nvb_doc *doc, bool as_read)
{
    if (doc->tag)
        nvb_emit_tag(e, doc->tag == NVB_DOC_RESET ? "!reset" : "!override");
    if (as_read && doc->text && *doc->text && doc->type != NVB_DOC_TEXT) {
        nvb_emit_word(e, doc->text);
        return;
    }
    switch (doc->type) {
    case NVB_DOC_NULL:
        nvb_emit_null(e);
        return;
    case NVB_DOC_BOOL:
        nvb_emit_bool(e, doc->boolean);
        return;
    case NVB_DOC_INT:
        nvb_emit_int(e, doc->integer);
        return;
    case NVB_DOC_UINT:
        nvb_emit_uint(e, doc->natural);
        return;
    case NVB_DOC_REAL:
        nvb_emit_real(e, doc->real);
        return;
    case NVB_DOC_TEXT:
    case NVB_DOC_TIME:
        nvb_emit_text(e, doc->text);
        return;
    case NVB_DOC_LIST:
        nvb_emit_list(e);
        nvb_vec_foreach (item, &doc->list)
            emit(e, item, as_read);
        nvb_emit_end(e);
        return;
    case NVB_DOC_MAP:
        nvb_emit_map(e);
        nvb_vec_foreach (member, &doc->map) {
            nvb_emit_key(e, member->key);
            emit(e, &member->value, as_read);
        }
        nvb_emit_end(e);
        return;
    }
}

static int write_doc(const struct nvb_doc *doc, enum nvb_emit_form form, bool as_read,
                     struct nvb_str *ret, struct nvb_error **err)
{
    size_t start = ret->len;
    struct nvb_emit e = {.form = form, .out = ret};
    emit(&e, doc, as_read);
    int r = nvb_emit_finish(&e, err);
    if (r < 0)
        nvb_str_truncate(ret, start);
    return r;
}

int nvb_json_write(const struct nvb_doc *doc, enum nvb_json_style style, struct nvb_str *ret,
                   struct nvb_error **err)
{
    return write_doc(doc, style == NVB_JSON_COMPACT ? NVB_EMIT_COMPACT : NVB_EMIT_JSON, false, ret,
                     err);
}

int nvb_yaml_write(const struct nvb_doc *doc, struct nvb_str *ret, struct nvb_error **err)
{
    return write_doc(doc, NVB_EMIT_YAML, false, ret, err);
}

int nvb_yaml_write_as_read(const struct nvb_doc *doc, struct nvb_str *ret, struct nvb_error **err)
{
    return write_doc(doc, NVB_EMIT_YAML, true, ret, err);
}
