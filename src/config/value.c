#include <stdarg.h>
#include <string.h>

#include "base/str.h"
#include "config/keys.h"

void nvb_faults_done(struct nvb_faults *faults)
{
    nvb_vec_foreach (fault, faults)
        nvb_error_free(*fault);
    nvb_vec_release(faults);
}

int nvb_faults_take_first(struct nvb_faults *faults, struct nvb_error **err)
{
    if (faults->count == 0)
        return 0;
    if (err)
        *err = TAKE_PTR(faults->items[0]);
    return -1;
}

void nvb_key_item_done(struct nvb_key_item *item)
{
    free(item->name);
    free(item->text);
    free(item->if_path);
    free(item->if_set);
    *item = (struct nvb_key_item){0};
}

static void items_done(struct nvb_key_items *items)
{
    nvb_vec_foreach (item, items)
        nvb_key_item_done(item);
    nvb_vec_release(items);
}

void nvb_key_value_done(struct nvb_key_value *value)
{
    items_done(&value->items);
    *value = (struct nvb_key_value){0};
}

/* COUNT: how many items of INTO may bear the name of FROM. */
static void lay_item(struct nvb_key_items *into, size_t count, struct nvb_key_item *from)
{
    for (size_t i = 0; i < count; i++) {
        struct nvb_key_item *item = &into->items[i];
        if (strcmp(item->name, from->name) == 0) {
            nvb_key_item_done(item);
            *item = TAKE_STRUCT(*from);
            return;
        }
    }
    nvb_vec_push(into, TAKE_STRUCT(*from));
}

void nvb_key_value_lay(const struct nvb_key *key, struct nvb_key_value *into,
                       struct nvb_key_value *from)
{
    if (!from->is_set)
        return;
    if (key->type == NVB_KEY_MAP && into->is_set) {
        size_t count = into->items.count; /* no name stands in FROM twice */
        nvb_vec_foreach (item, &from->items)
            lay_item(&into->items, count, item);
        into->place = from->place;
        into->layer = from->layer;
        nvb_key_value_done(from);
        return;
    }
    nvb_key_value_done(into);
    *into = TAKE_STRUCT(*from);
}

const struct nvb_key *nvb_keys_find(const struct nvb_key_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->keys[i].name, name) == 0)
            return &table->keys[i];
    }
    return NULL;
}

const char *nvb_key_type_name(enum nvb_key_type type)
{
    switch (type) {
    case NVB_KEY_TEXT:
        return "a string";
    case NVB_KEY_BOOL:
        return "true or false";
    case NVB_KEY_LIST:
        return "a list of strings";
    case NVB_KEY_MAP:
        return "a table of strings";
    }
    return "nothing";
}

int nvb_place_fail(const struct nvb_place *place, struct nvb_error **err, const char *format, ...)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    va_list args;
    va_start(args, format);
    nvb_str_addv(&s, format, args);
    va_end(args);
    (void)nvb_error_make(err, NVB_ERROR_CONFIG, 0, "%s", s.data);
    return place->file ? nvb_error_at(err, place->file, place->line, place->column) : -1;
}
