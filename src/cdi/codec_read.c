#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "cdi/codec.h"
#include "cdi/format.h"
#include "data/json.h"
#include "data/yaml.h"

/* From a document to a specification, by the tables of format.h. A fault does not end the reading:
 * what can be read is read, so that all faults are told at once. */

/* Takes over WHAT and HINT, which may be NULL. */
static void add_fault(struct nvb_cdi_faults *faults, unsigned line, unsigned column, char *what,
                      char *hint)
{
    if (faults->count == NVB_CDI_MAX_FAULTS) {
        free(what);
        free(hint);
        return;
    }
    struct nvb_cdi_fault *fault = nvb_vec_add(faults);
    fault->line = line;
    fault->column = column;
    fault->what = what;
    fault->hint = hint;
}

static void fault_type(struct nvb_cdi_faults *faults, const struct nvb_doc *doc, const char *name,
                       const char *wanted)
{
    char *hint = doc->text && strcmp(wanted, "a string") == 0
                     ? nvb_strdupf("put it in quotes: \"%s\"", doc->text)
                     : NULL;
    add_fault(faults, doc->line, doc->column,
              nvb_strdupf("'%s' must be %s, not %s", name, wanted, nvb_doc_type_name(doc->type)),
              hint);
}

/* A YAML file's bare 0 or true where a string belongs: consumers turn it into text again. Only
 * where that gives what was written is it taken here, too: not for 007 or yes. */
static bool is_written_as_read(const struct nvb_doc *doc)
{
    char number[32];
    if (!doc->text)
        return false;
    if (doc->type == NVB_DOC_BOOL)
        return strcmp(doc->text, doc->boolean ? "true" : "false") == 0;
    if (doc->type == NVB_DOC_INT)
        (void)snprintf(number, sizeof(number), "%" PRId64, doc->integer);
    else if (doc->type == NVB_DOC_UINT)
        (void)snprintf(number, sizeof(number), "%" PRIu64, doc->natural);
    else
        return false;
    return strcmp(doc->text, number) == 0;
}

/* The text of DOC, borrowed, or NULL with a fault. */
static const char *read_text(struct nvb_cdi_faults *faults, const struct nvb_doc *doc,
                             const char *name)
{
    if (doc->type == NVB_DOC_TEXT || is_written_as_read(doc))
        return doc->text;
    fault_type(faults, doc, name, "a string");
    return NULL;
}

static void read_texts(struct nvb_cdi_faults *faults, const struct nvb_doc *doc, const char *name,
                       struct nvb_strv *ret)
{
    if (doc->type != NVB_DOC_LIST) {
        fault_type(faults, doc, name, "a list");
        return;
    }
    nvb_vec_foreach (item, &doc->list) {
        const char *text = read_text(faults, item, name);
        if (text)
            nvb_strv_add(ret, text);
    }
}

static int read_number(struct nvb_cdi_faults *faults, const struct nvb_doc *doc, const char *name,
                       int64_t max, int64_t *ret)
{
    if (doc->type != NVB_DOC_INT && doc->type != NVB_DOC_UINT) {
        fault_type(faults, doc, name, "a whole number");
        return -1;
    }
    if (doc->type == NVB_DOC_UINT || doc->integer < 0 || doc->integer > max) {
        add_fault(faults, doc->line, doc->column,
                  nvb_strdupf("'%s' must be from 0 to %" PRId64, name, max), NULL);
        return -1;
    }
    *ret = doc->integer;
    return 0;
}

static void read_ids(struct nvb_cdi_faults *faults, const struct nvb_doc *doc, const char *name,
                     struct nvb_cdi_gids *ret)
{
    if (doc->type != NVB_DOC_LIST) {
        fault_type(faults, doc, name, "a list");
        return;
    }
    nvb_vec_foreach (item, &doc->list) {
        int64_t id;
        if (read_number(faults, item, name, UINT32_MAX, &id) == 0)
            nvb_vec_push(ret, (uint32_t)id);
    }
}

static void read_annotations(struct nvb_cdi_faults *faults, const struct nvb_doc *doc,
                             const char *name, struct nvb_cdi_annotations *ret)
{
    if (doc->type != NVB_DOC_MAP) {
        fault_type(faults, doc, name, "a map");
        return;
    }
    nvb_vec_foreach (member, &doc->map) {
        const char *text = read_text(faults, &member->value, member->key);
        if (!text)
            continue;
        struct nvb_cdi_annotation *annotation = nvb_vec_add(ret);
        annotation->key = nvb_strdup(member->key);
        annotation->value = nvb_strdup(text);
    }
}

static void read_object(struct nvb_cdi_faults *faults, const struct nvb_cdi_object *object,
                        const struct nvb_doc *doc, char *base);

static void read_objects(struct nvb_cdi_faults *faults, const struct nvb_cdi_field *field,
                         const struct nvb_doc *doc, char *at)
{
    if (doc->type != NVB_DOC_LIST) {
        fault_type(faults, doc, field->name, "a list");
        return;
    }
    struct nvb_cdi_any_vec vec = {0};
    size_t size = field->object->size;
    vec.items = nvb_calloc(doc->list.count, size);
    vec.count = vec.cap = doc->list.count;
    for (size_t i = 0; i < vec.count; i++)
        read_object(faults, field->object, &doc->list.items[i], (char *)vec.items + i * size);
    memcpy(at, &vec, sizeof(vec));
}

static void read_pointer(struct nvb_cdi_faults *faults, const struct nvb_cdi_object *object,
                         const struct nvb_doc *doc, char *at)
{
    void *made = nvb_calloc(1, object->size);
    read_object(faults, object, doc, made);
    memcpy(at, &made, sizeof(made));
}

static void read_field(struct nvb_cdi_faults *faults, const struct nvb_cdi_field *field,
                       const struct nvb_doc *doc, char *base)
{
    char *at = base + field->offset;
    const char *text;
    if (doc->type == NVB_DOC_NULL)
        return; /* the same as not there, as for every consumer */
    switch (field->kind) {
    case NVB_CDI_FIELD_TEXT:
        text = read_text(faults, doc, field->name);
        if (text && *text) /* empty is the same as not there, too */
            *(char **)at = nvb_strdup(text);
        return;
    case NVB_CDI_FIELD_TEXTS:
        read_texts(faults, doc, field->name, (struct nvb_strv *)at);
        return;
    case NVB_CDI_FIELD_NUMBER:
        (void)read_number(faults, doc, field->name, field->max, (int64_t *)at);
        return;
    case NVB_CDI_FIELD_FLAG:
        if (doc->type == NVB_DOC_BOOL)
            *(int *)at = doc->boolean;
        else
            fault_type(faults, doc, field->name, "true or false");
        return;
    case NVB_CDI_FIELD_IDS:
        read_ids(faults, doc, field->name, (struct nvb_cdi_gids *)at);
        return;
    case NVB_CDI_FIELD_ANNOTATIONS:
        read_annotations(faults, doc, field->name, (struct nvb_cdi_annotations *)at);
        return;
    case NVB_CDI_FIELD_OBJECT:
        read_object(faults, field->object, doc, at);
        return;
    case NVB_CDI_FIELD_POINTER:
        read_pointer(faults, field->object, doc, at);
        return;
    case NVB_CDI_FIELD_OBJECTS:
        read_objects(faults, field, doc, at);
        return;
    }
}

/* Sets what "not given" is where that is not all zeros. */
static void init_object(const struct nvb_cdi_object *object, char *base)
{
    for (const struct nvb_cdi_field *field = object->fields; field->name; field++) {
        if (field->kind == NVB_CDI_FIELD_NUMBER)
            *(int64_t *)(base + field->offset) = -1;
        else if (field->kind == NVB_CDI_FIELD_FLAG)
            *(int *)(base + field->offset) = -1;
    }
}

static const struct nvb_cdi_field *find_field(const struct nvb_cdi_object *object, const char *name)
{
    for (const struct nvb_cdi_field *field = object->fields; field->name; field++) {
        if (strcmp(field->name, name) == 0)
            return field;
    }
    return NULL;
}

static void fault_unknown(struct nvb_cdi_faults *faults, const struct nvb_cdi_object *object,
                          const struct nvb_doc_member *member)
{
    const char *names[16] = {0};
    size_t count = 0;
    for (const struct nvb_cdi_field *field = object->fields; field->name; field++) {
        if (count < NVB_COUNT(names) - 1)
            names[count++] = field->name;
    }
    const char *nearest = nvb_nearest(member->key, names);
    add_fault(faults, member->line, member->column,
              nvb_strdupf("'%s' is not a field of %s", member->key, object->what),
              nearest ? nvb_strdupf("did you mean '%s'?", nearest) : NULL);
}

/* BASE is all zeros. */
static void read_object(struct nvb_cdi_faults *faults, const struct nvb_cdi_object *object,
                        const struct nvb_doc *doc, char *base)
{
    init_object(object, base);
    if (doc->type != NVB_DOC_MAP) {
        fault_type(faults, doc, object->what, "a map");
        return;
    }
    nvb_vec_foreach (member, &doc->map) {
        const struct nvb_cdi_field *field = find_field(object, member->key);
        if (field)
            read_field(faults, field, &member->value, base);
        else
            fault_unknown(faults, object, member);
    }
}

static int read_document(const char *text, size_t len, enum nvb_cdi_format format, const char *name,
                         struct nvb_doc *ret, struct nvb_error **err)
{
    return format == NVB_CDI_JSON ? nvb_json_read(text, len, name, ret, err)
                                  : nvb_yaml_read(text, len, name, ret, err);
}

int nvb_cdi_read(const char *text, size_t len, enum nvb_cdi_format format, const char *name,
                 struct nvb_cdi_spec *ret, struct nvb_error **err)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    if (read_document(text, len, format, name, &doc, err) < 0)
        return -1;
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    _cleanup_cdi_faults_ struct nvb_cdi_faults faults = {0};
    read_object(&faults, &nvb_cdi_spec_object, &doc, (char *)&spec);
    if (faults.count) {
        const struct nvb_cdi_fault *fault = &faults.items[0];
        nvb_error_make(err, NVB_ERROR_CONFIG, 0, "%s", fault->what);
        if (fault->hint)
            nvb_error_hint(err, "%s", fault->hint);
        return nvb_error_at(err, name, fault->line, fault->column);
    }
    *ret = TAKE_STRUCT(spec);
    return 0;
}

int nvb_cdi_check(const char *text, size_t len, enum nvb_cdi_format format, const char *name,
                  struct nvb_cdi_faults *ret, struct nvb_error **err)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    if (read_document(text, len, format, name, &doc, err) < 0)
        return -1;
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    size_t before = ret->count;
    read_object(ret, &nvb_cdi_spec_object, &doc, (char *)&spec);
    if (ret->count > before)
        return 0;
    nvb_cdi_find_faults(&spec, ret);
    for (size_t i = before; i < ret->count; i++) {
        struct nvb_cdi_fault *fault = &ret->items[i];
        const struct nvb_doc *place = nvb_doc_locate(&doc, fault->where ? fault->where : "");
        fault->line = place->line;
        fault->column = place->column;
    }
    return 0;
}

int nvb_cdi_format_of(const char *name)
{
    if (nvb_has_suffix(name, ".json"))
        return NVB_CDI_JSON;
    return nvb_has_suffix(name, ".yaml") ? NVB_CDI_YAML : -1;
}
