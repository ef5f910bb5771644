/* What the configuration says, for those who act on it. */
#include <string.h>

#include "base/str.h"
#include "config/layers.h"

const char *nvb_config_text(const struct nvb_config *config, enum nvb_config_key key)
{
    const struct nvb_key_value *value = &config->values[key];
    if (value->is_set && value->items.count)
        return value->items.items[0].text;
    return nvb_config_keys.keys[key].default_value;
}

bool nvb_config_flag(const struct nvb_config *config, enum nvb_config_key key)
{
    const struct nvb_key_value *value = &config->values[key];
    const char *fallback = nvb_config_keys.keys[key].default_value;
    return value->is_set ? value->flag : fallback && strcmp(fallback, "true") == 0;
}

const struct nvb_key_items *nvb_config_items(const struct nvb_config *config,
                                             enum nvb_config_key key)
{
    return &config->values[key].items;
}

const struct nvb_key_item *nvb_config_find_item(const struct nvb_config *config,
                                                enum nvb_config_key key, const char *name)
{
    nvb_vec_foreach (item, &config->values[key].items) {
        if (item->name && strcmp(item->name, name) == 0)
            return item;
    }
    return NULL;
}

struct nvb_place nvb_config_place(const struct nvb_config *config, enum nvb_config_key key)
{
    return config->values[key].place;
}

int nvb_item_expand(const struct nvb_key_item *item, const char *text,
                    const char *const *environment, const char *separators, char **ret,
                    struct nvb_notes *notes, struct nvb_error **err)
{
    _cleanup_free_ char *unset = NULL;
    int r = nvb_expand(text, environment, separators, ret, &unset, err);
    if (r < 0 && item->place.file)
        return nvb_error_at(err, item->place.file, item->place.line, item->place.column);
    if (r > 0)
        nvb_notes_add(notes, NVB_NOTE_WARNING, "%s:%u: '%s%s%s' is left out: %s is not set",
                      item->place.file ? item->place.file : "", item->place.line,
                      item->name ? item->name : "", item->name ? "=" : "", text, unset);
    return r;
}

int nvb_config_expand(const struct nvb_config *config, const struct nvb_key_item *item,
                      const char *text, const char *separators, char **ret, struct nvb_notes *notes,
                      struct nvb_error **err)
{
    return nvb_item_expand(item, text, config->environment, separators, ret, notes, err);
}
