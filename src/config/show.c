/* The configuration written down: as TOML, as a document, and as the file that "init" makes. */
#include <string.h>

#include "base/str.h"
#include "config/layers.h"
#include "data/utf8.h"

static size_t section_length(const struct nvb_key *key)
{
    return strcspn(key->name, ".");
}

static bool is_same_section(const struct nvb_key *a, const struct nvb_key *b)
{
    size_t len = section_length(a);
    return section_length(b) == len && memcmp(a->name, b->name, len) == 0;
}

static const char *own_name(const struct nvb_key *key)
{
    return key->name + section_length(key) + 1;
}

/* Every key stands in a section, and the rows of one stand together: "[section]" before its first.
 */
static void add_heading(struct nvb_str *s, size_t index)
{
    const struct nvb_key *key = &nvb_config_keys.keys[index];
    if (index > 0 && is_same_section(key, key - 1))
        return;
    nvb_str_addf(s, "%s[%.*s]\n", s->len ? "\n" : "", (int)section_length(key), key->name);
}

/* Appends TEXT as a basic string of TOML. What was read from a file is UTF-8; a variable of the
 * environment may be any bytes, and those that are not are shown as '?'. */
static void add_quoted(struct nvb_str *s, const char *text)
{
    size_t left = strlen(text);
    nvb_str_addc(s, '"');
    while (left > 0) {
        uint32_t code;
        size_t n = nvb_utf8_read(text, left, &code);
        if (n == 0)
            nvb_str_addc(s, '?');
        else if (code == '"' || code == '\\')
            nvb_str_addf(s, "\\%c", (char)code);
        else if (code == '\n' || code == '\t')
            nvb_str_add(s, code == '\n' ? "\\n" : "\\t");
        else if (code < 0x20 || (code >= 0x7f && code < 0xa0))
            nvb_str_addf(s, "\\u%04x", (unsigned)code);
        else
            nvb_str_addn(s, text, n);
        text += n ? n : 1;
        left -= n ? n : 1;
    }
    nvb_str_addc(s, '"');
}

static void add_name(struct nvb_str *s, const char *name)
{
    static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    if (name[strspn(name, bare)] == '\0')
        nvb_str_add(s, name);
    else
        add_quoted(s, name);
}

static void add_origin(struct nvb_str *s, const struct nvb_place *place, bool with_origin)
{
    if (with_origin && !place->file)
        nvb_str_add(s, "  # default");
    else if (with_origin && place->line)
        nvb_str_addf(s, "  # %s:%u", place->file, place->line);
    else if (with_origin)
        nvb_str_addf(s, "  # %s", place->file);
    nvb_str_addc(s, '\n');
}

static void add_list(struct nvb_str *s, const struct nvb_key_items *items)
{
    nvb_str_addc(s, '[');
    nvb_vec_foreach (item, items) {
        if (item != items->items)
            nvb_str_add(s, ", ");
        add_quoted(s, item->text);
    }
    nvb_str_addc(s, ']');
}

static void show_map(struct nvb_str *s, const struct nvb_key *key,
                     const struct nvb_key_value *value, bool with_origin)
{
    nvb_str_addf(s, "\n[%s]\n", key->name);
    nvb_vec_foreach (item, &value->items) {
        add_name(s, item->name);
        nvb_str_add(s, " = ");
        add_quoted(s, item->text);
        add_origin(s, &item->place, with_origin);
    }
}

static void show_key(struct nvb_str *s, const struct nvb_config *config, size_t index,
                     bool with_origin)
{
    const struct nvb_key *key = &nvb_config_keys.keys[index];
    const struct nvb_key_value *value = &config->values[index];
    const char *name = own_name(key);
    if (!value->is_set && !key->default_value) {
        if (with_origin)
            nvb_str_addf(s, "# %s is not set\n", name);
        return;
    }
    if (key->type == NVB_KEY_MAP) {
        show_map(s, key, value, with_origin);
        return;
    }
    nvb_str_addf(s, "%s = ", name);
    if (key->type == NVB_KEY_LIST)
        add_list(s, &value->items);
    else if (key->type == NVB_KEY_BOOL)
        nvb_str_add(s, nvb_config_flag(config, (enum nvb_config_key)index) ? "true" : "false");
    else
        add_quoted(s, nvb_config_text(config, (enum nvb_config_key)index));
    add_origin(s, &value->place, with_origin);
}

void nvb_config_show(const struct nvb_config *config, bool with_origin, struct nvb_str *ret)
{
    for (size_t i = 0; i < nvb_config_keys.count; i++) {
        add_heading(ret, i);
        show_key(ret, config, i, with_origin);
    }
}

/* ---- as a document -------------------------------------------------------------------------- */

static void put_origin(struct nvb_doc *doc, const struct nvb_place *place, unsigned layer)
{
    nvb_doc_put_text(doc, "layer", nvb_config_layer_name((enum nvb_config_layer)layer));
    nvb_doc_put_text(doc, "file", place->line ? place->file : NULL);
    struct nvb_doc *line = nvb_doc_put(doc, "line");
    if (place->line)
        nvb_doc_set_int(line, place->line);
    nvb_doc_put_text(doc, "variable", place->line ? NULL : place->file);
}

static void put_map(struct nvb_doc *doc, const struct nvb_key_items *items, bool with_origin)
{
    nvb_doc_set_map(doc);
    nvb_vec_foreach (item, items) {
        struct nvb_doc *own = nvb_doc_put(doc, item->name);
        if (with_origin) {
            nvb_doc_put_text(own, "value", item->text);
            put_origin(own, &item->place, item->layer);
        } else {
            nvb_doc_set_text(own, item->text);
        }
    }
}

static void put_value(struct nvb_doc *doc, const struct nvb_config *config, size_t index)
{
    const struct nvb_key *key = &nvb_config_keys.keys[index];
    const struct nvb_key_value *value = &config->values[index];
    if (!value->is_set && !key->default_value)
        return; /* null */
    if (key->type == NVB_KEY_BOOL) {
        nvb_doc_set_bool(doc, nvb_config_flag(config, (enum nvb_config_key)index));
    } else if (key->type == NVB_KEY_TEXT) {
        nvb_doc_set_text(doc, nvb_config_text(config, (enum nvb_config_key)index));
    } else {
        nvb_doc_set_list(doc);
        nvb_vec_foreach (item, &value->items)
            nvb_doc_set_text(nvb_doc_push(doc), item->text);
    }
}

void nvb_config_show_doc(const struct nvb_config *config, bool with_origin, struct nvb_doc *ret)
{
    struct nvb_doc *section = NULL;
    nvb_doc_set_map(ret);
    for (size_t i = 0; i < nvb_config_keys.count; i++) {
        const struct nvb_key *key = &nvb_config_keys.keys[i];
        const struct nvb_key_value *value = &config->values[i];
        if (i == 0 || !is_same_section(key, key - 1)) {
            _cleanup_free_ char *name = nvb_strndup(key->name, section_length(key));
            section = nvb_doc_put(ret, name);
        }
        struct nvb_doc *own = nvb_doc_put(section, own_name(key));
        if (key->type == NVB_KEY_MAP) {
            put_map(own, &value->items, with_origin);
        } else if (with_origin) {
            put_value(nvb_doc_put(own, "value"), config, i);
            put_origin(own, &value->place, value->layer);
        } else {
            put_value(own, config, i);
        }
    }
}

/* ---- the commented file --------------------------------------------------------------------- */

/* Appends TEXT as comment lines of at most 80 columns. */
static void add_comment(struct nvb_str *s, const char *text)
{
    size_t column = 0;
    while (*text) {
        size_t len = strcspn(text, " ");
        if (column > 0 && column + 1 + len > 80) {
            nvb_str_addc(s, '\n');
            column = 0;
        }
        if (column == 0) {
            nvb_str_addc(s, '#');
            column = 1;
        }
        nvb_str_addc(s, ' ');
        nvb_str_addn(s, text, len);
        column += 1 + len;
        text += len + (text[len] == ' ');
    }
    nvb_str_addc(s, '\n');
}

static void add_example(struct nvb_str *s, const struct nvb_key *key)
{
    if (key->type == NVB_KEY_MAP) {
        nvb_str_addf(s, "# [%s]\n# %s\n", key->name, key->example);
        return;
    }
    nvb_str_addf(s, "# %s = ", own_name(key));
    if (key->type == NVB_KEY_TEXT && key->default_value)
        add_quoted(s, key->default_value);
    else
        nvb_str_add(s, key->default_value ? key->default_value : key->example);
    nvb_str_addc(s, '\n');
}

void nvb_config_write_example(struct nvb_str *ret)
{
    add_comment(ret, "nvbind's configuration: see nvbind.toml(5). Every line is a comment as it "
                     "stands; take away the \"# \" before a key to set it. A key with a default "
                     "stands here with its default, the others with an example.");
    for (size_t i = 0; i < nvb_config_keys.count; i++) {
        const struct nvb_key *key = &nvb_config_keys.keys[i];
        add_heading(ret, i);
        if (i > 0 && is_same_section(key, key - 1))
            nvb_str_addc(ret, '\n');
        add_comment(ret, key->summary);
        if (key->text)
            add_comment(ret, key->text);
        if (key->variable) {
            _cleanup_free_ char *line = nvb_strdupf("Environment: %s.", key->variable);
            add_comment(ret, line);
        }
        add_example(ret, key);
    }
}
