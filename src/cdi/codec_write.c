#include <string.h>

#include "cdi/codec.h"
#include "cdi/format.h"
#include "data/json.h"
#include "data/yaml.h"

/* From a specification to a document, by the tables of format.h. */

static void write_object(const struct nvb_cdi_object *object, const char *base,
                         struct nvb_doc *ret);

static void write_texts(const struct nvb_strv *texts, const char *name, struct nvb_doc *map)
{
    if (texts->count)
        nvb_doc_put_strv(map, name, texts);
}

static void write_annotations(const struct nvb_cdi_annotations *annotations, const char *name,
                              struct nvb_doc *map)
{
    if (annotations->count == 0)
        return;
    struct nvb_doc *values = nvb_doc_put(map, name);
    nvb_vec_foreach (annotation, annotations)
        nvb_doc_put_text(values, annotation->key, annotation->value);
}

static void write_ids(const struct nvb_cdi_gids *gids, const char *name, struct nvb_doc *map)
{
    if (gids->count == 0)
        return;
    struct nvb_doc *list = nvb_doc_put(map, name);
    nvb_vec_foreach (gid, gids)
        nvb_doc_set_int(nvb_doc_push(list), *gid);
}

static void write_objects(const struct nvb_cdi_field *field, const char *at, struct nvb_doc *map)
{
    struct nvb_cdi_any_vec vec;
    memcpy(&vec, at, sizeof(vec));
    if (vec.count == 0 && !field->is_required)
        return;
    struct nvb_doc *list = nvb_doc_put(map, field->name);
    nvb_doc_set_list(list);
    for (size_t i = 0; i < vec.count; i++)
        write_object(field->object, (const char *)vec.items + i * field->object->size,
                     nvb_doc_push(list));
}

static void write_nested(const struct nvb_cdi_field *field, const char *at, struct nvb_doc *map)
{
    struct nvb_doc object = {0};
    write_object(field->object, at, &object);
    if (object.map.count || field->is_required)
        *nvb_doc_put(map, field->name) = object;
    else
        nvb_doc_done(&object);
}

static void write_pointer(const struct nvb_cdi_field *field, const char *at, struct nvb_doc *map)
{
    void *object;
    memcpy(&object, at, sizeof(object));
    if (object)
        write_object(field->object, object, nvb_doc_put(map, field->name));
}

static void write_field(const struct nvb_cdi_field *field, const char *base, struct nvb_doc *map)
{
    const char *at = base + field->offset;
    switch (field->kind) {
    case NVB_CDI_FIELD_TEXT: {
        const char *text = *(char *const *)at;
        if (text || field->is_required)
            nvb_doc_put_text(map, field->name, text ? text : "");
        return;
    }
    case NVB_CDI_FIELD_TEXTS:
        write_texts((const struct nvb_strv *)at, field->name, map);
        return;
    case NVB_CDI_FIELD_NUMBER:
        if (*(const int64_t *)at >= 0)
            nvb_doc_put_int(map, field->name, *(const int64_t *)at);
        return;
    case NVB_CDI_FIELD_FLAG:
        if (*(const int *)at >= 0)
            nvb_doc_put_bool(map, field->name, *(const int *)at);
        return;
    case NVB_CDI_FIELD_IDS:
        write_ids((const struct nvb_cdi_gids *)at, field->name, map);
        return;
    case NVB_CDI_FIELD_ANNOTATIONS:
        write_annotations((const struct nvb_cdi_annotations *)at, field->name, map);
        return;
    case NVB_CDI_FIELD_OBJECT:
        write_nested(field, at, map);
        return;
    case NVB_CDI_FIELD_POINTER:
        write_pointer(field, at, map);
        return;
    case NVB_CDI_FIELD_OBJECTS:
        write_objects(field, at, map);
        return;
    }
}

static void write_object(const struct nvb_cdi_object *object, const char *base, struct nvb_doc *ret)
{
    nvb_doc_set_map(ret);
    for (const struct nvb_cdi_field *field = object->fields; field->name; field++)
        write_field(field, base, ret);
}

int nvb_cdi_write(const struct nvb_cdi_spec *spec, enum nvb_cdi_format format, struct nvb_str *ret,
                  struct nvb_error **err)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    write_object(&nvb_cdi_spec_object, (const char *)spec, &doc);
    return format == NVB_CDI_JSON ? nvb_json_write(&doc, NVB_JSON_INDENTED, ret, err)
                                  : nvb_yaml_write(&doc, ret, err);
}
