#include <string.h>

#include "cdi/codec.h"
#include "cdi/format.h"
#include "data/emit.h"

/* From a specification to text, by the tables of format.h. */

static void write_object(struct nvb_emit *e, const struct nvb_cdi_object *object, const char *base);

static void write_texts(struct nvb_emit *e, const char *name, const struct nvb_strv *texts)
{
    if (texts->count == 0)
        return;
    nvb_emit_key(e, name);
    nvb_emit_list(e);
    nvb_vec_foreach (text, texts)
        nvb_emit_text(e, *text);
    nvb_emit_end(e);
}

static void write_annotations(struct nvb_emit *e, const char *name,
                              const struct nvb_cdi_annotations *annotations)
{
    if (annotations->count == 0)
        return;
    nvb_emit_key(e, name);
    nvb_emit_map(e);
    nvb_vec_foreach (annotation, annotations) {
        nvb_emit_key(e, annotation->key);
        nvb_emit_text(e, annotation->value);
    }
    nvb_emit_end(e);
}

static void write_ids(struct nvb_emit *e, const char *name, const struct nvb_cdi_gids *gids)
{
    if (gids->count == 0)
        return;
    nvb_emit_key(e, name);
    nvb_emit_list(e);
    nvb_vec_foreach (gid, gids)
        nvb_emit_int(e, *gid);
    nvb_emit_end(e);
}

static void write_objects(struct nvb_emit *e, const struct nvb_cdi_field *field, const char *at)
{
    struct nvb_cdi_any_vec vec;
    memcpy(&vec, at, sizeof(vec));
    if (vec.count == 0 && !field->is_required)
        return;
    nvb_emit_key(e, field->name);
    nvb_emit_list(e);
    for (size_t i = 0; i < vec.count; i++)
        write_object(e, field->object, (const char *)vec.items + i * field->object->size);
    nvb_emit_end(e);
}

static void write_pointer(struct nvb_emit *e, const struct nvb_cdi_field *field, const char *at)
{
    void *object;
    memcpy(&object, at, sizeof(object));
    if (!object)
        return;
    nvb_emit_key(e, field->name);
    write_object(e, field->object, object);
}

/* Of the objects in their place there are edits alone. */
static void write_nested(struct nvb_emit *e, const struct nvb_cdi_field *field, const char *at)
{
    if (!field->is_required && nvb_cdi_edits_is_empty((const struct nvb_cdi_edits *)at))
        return;
    nvb_emit_key(e, field->name);
    write_object(e, field->object, at);
}

static void write_scalar(struct nvb_emit *e, const struct nvb_cdi_field *field, const char *at)
{
    if (field->kind == NVB_CDI_FIELD_TEXT) {
        const char *text = *(char *const *)at;
        if (!text && !field->is_required)
            return;
        nvb_emit_key(e, field->name);
        nvb_emit_text(e, text ? text : "");
    } else if (field->kind == NVB_CDI_FIELD_NUMBER && *(const int64_t *)at >= 0) {
        nvb_emit_key(e, field->name);
        nvb_emit_int(e, *(const int64_t *)at);
    } else if (field->kind == NVB_CDI_FIELD_FLAG && *(const int *)at >= 0) {
        nvb_emit_key(e, field->name);
        nvb_emit_bool(e, *(const int *)at);
    }
}

static void write_field(struct nvb_emit *e, const struct nvb_cdi_field *field, const char *at)
{
    switch (field->kind) {
    case NVB_CDI_FIELD_TEXT:
    case NVB_CDI_FIELD_NUMBER:
    case NVB_CDI_FIELD_FLAG:
        write_scalar(e, field, at);
        return;
    case NVB_CDI_FIELD_TEXTS:
        write_texts(e, field->name, (const struct nvb_strv *)at);
        return;
    case NVB_CDI_FIELD_IDS:
        write_ids(e, field->name, (const struct nvb_cdi_gids *)at);
        return;
    case NVB_CDI_FIELD_ANNOTATIONS:
        write_annotations(e, field->name, (const struct nvb_cdi_annotations *)at);
        return;
    case NVB_CDI_FIELD_OBJECT:
        write_nested(e, field, at);
        return;
    case NVB_CDI_FIELD_POINTER:
        write_pointer(e, field, at);
        return;
    case NVB_CDI_FIELD_OBJECTS:
        write_objects(e, field, at);
        return;
    }
}

static void write_object(struct nvb_emit *e, const struct nvb_cdi_object *object, const char *base)
{
    nvb_emit_map(e);
    for (const struct nvb_cdi_field *field = object->fields; field->name; field++)
        write_field(e, field, base + field->offset);
    nvb_emit_end(e);
}

int nvb_cdi_write(const struct nvb_cdi_spec *spec, enum nvb_cdi_format format, struct nvb_str *ret,
                  struct nvb_error **err)
{
    size_t start = ret->len;
    struct nvb_emit e = {
        .out = ret,
        .form = format == NVB_CDI_JSON ? NVB_EMIT_JSON : NVB_EMIT_YAML,
    };
    write_object(&e, &nvb_cdi_spec_object, (const char *)spec);
    int r = nvb_emit_finish(&e, err);
    if (r < 0)
        nvb_str_truncate(ret, start);
    return r;
}
