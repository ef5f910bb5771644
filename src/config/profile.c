#include "config/profile.h"

#include <dirent.h>
#include <string.h>

#include "base/nearest.h"
#include "config/layers.h"
#include "config/toml.h"

#define SYSTEM_FOLDER "/etc/nvbind/profiles"

/* Others bring a mount, a node, a port or something of the caller's. */
const char *const nvb_profile_harmless_names[] = {"compute", NULL};

/* A profile that is being read, and who extends it. */
struct chain {
    const char *name;
    const struct chain *above;
};

const char *nvb_profile_layer_name(enum nvb_profile_layer layer)
{
    static const char *const names[] = {
        [NVB_PROFILE_BUILTIN] = "built in",
        [NVB_PROFILE_SYSTEM] = "system",
        [NVB_PROFILE_USER] = "user",
    };
    return names[layer];
}

static void values_done(struct nvb_key_value *values)
{
    for (size_t i = 0; i < NVB_PROFILE_KEYS; i++)
        nvb_key_value_done(&values[i]);
}

void nvb_profile_done(struct nvb_profile *profile)
{
    values_done(profile->values);
    nvb_strv_done(&profile->names);
    nvb_strv_done(&profile->files);
    *profile = (struct nvb_profile){0};
}

/* ---- where a profile is ----------------------------------------------------------------------
 */

/* The folder of a layer's files; owned, or NULL where there is none. */
static char *layer_folder(const struct nvb_profile_options *options, enum nvb_profile_layer layer)
{
    if (layer == NVB_PROFILE_USER)
        return nvb_config_home(options->environment, "XDG_CONFIG_HOME", ".config",
                               "nvbind/profiles");
    return nvb_strdup(options->system_folder ? options->system_folder : SYSTEM_FOLDER);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_folder(const char *path, struct nvb_strv *ret)
{
    DIR *folder = path ? opendir(path) : NULL;
    const struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        if (!nvb_has_suffix(entry->d_name, ".toml"))
            continue;
        _cleanup_free_ char *name = nvb_strndup(entry->d_name, strlen(entry->d_name) - 5);
        if (!nvb_key_profile_fault(NULL, name) && !nvb_strv_has(ret, name))
            nvb_strv_add(ret, name);
    }
    if (folder)
        (void)closedir(folder);
}

void nvb_profile_list(const struct nvb_profile_options *options, struct nvb_strv *ret)
{
    _cleanup_free_ char *user = layer_folder(options, NVB_PROFILE_USER);
    _cleanup_free_ char *system = layer_folder(options, NVB_PROFILE_SYSTEM);
    for (size_t i = 0; i < nvb_profile_builtins_len; i++)
        if (!nvb_strv_has(ret, nvb_profile_builtins[i].name))
            nvb_strv_add(ret, nvb_profile_builtins[i].name);
    list_folder(system, ret);
    list_folder(user, ret);
    qsort(ret->items, ret->count, sizeof(*ret->items), compare_names);
}

static int fail_unknown(const struct nvb_profile_options *options, const char *name,
                        const struct nvb_place *place, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv names = {0};
    nvb_profile_list(options, &names);
    (void)nvb_error_make(err, place ? NVB_ERROR_CONFIG : NVB_ERROR_USAGE, 0,
                         "there is no profile '%s'", name);
    if (place && place->file)
        (void)nvb_error_at(err, place->file, place->line, place->column);
    const char *near = nvb_nearest(name, (const char *const *)nvb_strv_terminate(&names));
    if (near)
        return nvb_error_hint(err, "did you mean '%s'?", near);
    return nvb_error_hint(err, "nvbind profile list");
}

/*
 * Finds the text of a profile: appends it to *ret and its file's name to FILES. Returns 0 or -1.
 */
static int find_text(const struct nvb_profile_options *options, const char *name,
                     const struct nvb_place *place, struct nvb_str *ret, struct nvb_strv *files,
                     enum nvb_profile_layer *ret_layer, struct nvb_error **err)
{
    static const enum nvb_profile_layer order[] = {NVB_PROFILE_USER, NVB_PROFILE_SYSTEM};
    if (nvb_key_profile_fault(NULL, name))
        return fail_unknown(options, name, place, err);
    for (size_t i = 0; i < NVB_COUNT(order); i++) {
        _cleanup_free_ char *folder = layer_folder(options, order[i]);
        if (!folder)
            continue;
        _cleanup_free_ char *path = nvb_strdupf("%s/%s.toml", folder, name);
        enum nvb_config_layer layer =
            order[i] == NVB_PROFILE_USER ? NVB_LAYER_USER : NVB_LAYER_SYSTEM;
        int r = nvb_config_read_text(path, layer, options->uid, ret, err);
        if (r < 0)
            return -1;
        if (r > 0)
            continue;
        nvb_strv_add(files, path);
        *ret_layer = order[i];
        return 0;
    }
    for (size_t i = 0; i < nvb_profile_builtins_len; i++) {
        const struct nvb_profile_builtin *builtin = &nvb_profile_builtins[i];
        if (strcmp(builtin->name, name) != 0)
            continue;
        nvb_str_addn(ret, builtin->text, builtin->len);
        nvb_strv_addf(files, "built-in:%s.toml", name);
        *ret_layer = NVB_PROFILE_BUILTIN;
        return 0;
    }
    return fail_unknown(options, name, place, err);
}

/* ---- one over another ------------------------------------------------------------------------
 */

static bool adds_up(enum nvb_profile_key key)
{
    return key == NVB_PROFILE_DEVICES || key == NVB_PROFILE_MOUNTS ||
           key == NVB_PROFILE_ARGUMENTS || key == NVB_PROFILE_CHECKS;
}

static void lay_values(struct nvb_profile *profile, struct nvb_key_value *values)
{
    for (unsigned i = 0; i < NVB_PROFILE_KEYS; i++) {
        struct nvb_key_value *into = &profile->values[i];
        if (!adds_up(i) || !into->is_set) {
            nvb_key_value_lay(&nvb_profile_keys.keys[i], into, &values[i]);
            continue;
        }
        nvb_vec_foreach (item, &values[i].items)
            nvb_vec_push(&into->items, TAKE_STRUCT(*item));
        nvb_key_value_done(&values[i]);
    }
}

static int lay(const struct nvb_profile_options *options, const struct chain *self,
               const struct nvb_place *place, struct nvb_profile *profile, struct nvb_error **err);

/* Lays first what VALUES extend. */
static int lay_extended(const struct nvb_profile_options *options, const struct chain *self,
                        const struct nvb_key_value *values, struct nvb_profile *profile,
                        struct nvb_error **err)
{
    const struct nvb_key_value *extends = &values[NVB_PROFILE_EXTENDS];
    if (!extends->is_set)
        return 0;
    const struct nvb_key_item *item = &extends->items.items[0];
    for (const struct chain *c = self; c; c = c->above) {
        if (strcmp(c->name, item->text) == 0)
            return c == self ? nvb_place_fail(&item->place, err, "the profile '%s' extends itself",
                                              self->name)
                             : nvb_place_fail(&item->place, err,
                                              "the profile '%s' extends '%s', which extends it in "
                                              "turn",
                                              self->name, item->text);
    }
    const struct chain next = {item->text, self};
    return lay(options, &next, &item->place, profile, err);
}

static int lay(const struct nvb_profile_options *options, const struct chain *self,
               const struct nvb_place *place, struct nvb_profile *profile, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_doc_ struct nvb_doc doc = {0};
    _cleanup_faults_ struct nvb_faults faults = {0};
    struct nvb_key_value values[NVB_PROFILE_KEYS] = {0};
    enum nvb_profile_layer layer = NVB_PROFILE_BUILTIN;
    if (nvb_strv_has(&profile->names, self->name))
        return 0;
    if (find_text(options, self->name, place, &text, &profile->files, &layer, err) < 0)
        return -1;
    const char *file = profile->files.items[profile->files.count - 1];
    if (nvb_toml_read(text.data, text.len, file, &doc, err) < 0)
        return -1;
    nvb_keys_read(&nvb_profile_keys, &doc, file, layer, values, &faults);
    int r = nvb_faults_take_first(&faults, err);
    if (r == 0)
        r = lay_extended(options, self, values, profile, err);
    if (r == 0) {
        lay_values(profile, values);
        nvb_strv_add(&profile->names, self->name);
        profile->layer = layer;
    }
    values_done(values);
    return r;
}

int nvb_profile_lay(const struct nvb_profile_options *options, const char *name,
                    const struct nvb_place *place, struct nvb_profile *profile,
                    struct nvb_error **err)
{
    const struct chain self = {name, NULL};
    return lay(options, &self, place, profile, err);
}

/* ---- showing ---------------------------------------------------------------------------------
 */

/* TEXT as a basic string of TOML. */
static void add_quoted(struct nvb_str *ret, const char *text)
{
    nvb_str_addc(ret, '"');
    for (; *text; text++) {
        unsigned char b = (unsigned char)*text;
        if (b < 0x20 || b == 0x7f)
            nvb_str_addf(ret, "\\u%04x", b);
        else if (b == '"' || b == '\\')
            nvb_str_addf(ret, "\\%c", b);
        else
            nvb_str_addc(ret, (char)b);
    }
    nvb_str_addc(ret, '"');
}

static void add_item(struct nvb_str *ret, const struct nvb_key_item *item)
{
    if (!item->if_path && !item->if_set) {
        add_quoted(ret, item->text);
        return;
    }
    nvb_str_add(ret, "{ value = ");
    add_quoted(ret, item->text);
    if (item->if_path) {
        nvb_str_add(ret, ", if_path = ");
        add_quoted(ret, item->if_path);
    }
    if (item->if_set) {
        nvb_str_add(ret, ", if_set = ");
        add_quoted(ret, item->if_set);
    }
    nvb_str_add(ret, " }");
}

static void add_origin(struct nvb_str *ret, const struct nvb_place *place, const char *separator)
{
    nvb_str_addf(ret, "%s  # %s:%u\n", separator, place->file, place->line);
}

static void add_value(struct nvb_str *ret, const struct nvb_key *key,
                      const struct nvb_key_value *value)
{
    if (key->type == NVB_KEY_BOOL) {
        nvb_str_addf(ret, "%s = %s", key->name, value->flag ? "true" : "false");
        add_origin(ret, &value->place, "");
    } else if (key->type == NVB_KEY_TEXT) {
        nvb_str_addf(ret, "%s = ", key->name);
        add_item(ret, &value->items.items[0]);
        add_origin(ret, &value->items.items[0].place, "");
    } else if (key->type == NVB_KEY_LIST) {
        nvb_str_addf(ret, "%s = [\n", key->name);
        nvb_vec_foreach (item, &value->items) {
            nvb_str_add(ret, "    ");
            add_item(ret, item);
            add_origin(ret, &item->place, ",");
        }
        nvb_str_add(ret, "]\n");
    } else {
        nvb_str_addf(ret, "\n[%s]\n", key->name);
        nvb_vec_foreach (item, &value->items) {
            /* A bare key may not hold a dot. */
            if (strchr(item->name, '.'))
                add_quoted(ret, item->name);
            else
                nvb_str_add(ret, item->name);
            nvb_str_add(ret, " = ");
            add_item(ret, item);
            add_origin(ret, &item->place, "");
        }
    }
}

void nvb_profile_show(const struct nvb_profile *profile, struct nvb_str *ret)
{
    for (unsigned i = 0; i < NVB_PROFILE_KEYS; i++)
        if (profile->values[i].is_set && i != NVB_PROFILE_EXTENDS)
            add_value(ret, &nvb_profile_keys.keys[i], &profile->values[i]);
}
