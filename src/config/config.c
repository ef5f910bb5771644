#include "config/config.h"

#include <string.h>
#include <sys/stat.h>

#include "base/nearest.h"
#include "base/str.h"
#include "config/layers.h"

const char *nvb_config_layer_name(enum nvb_config_layer layer)
{
    static const char *const names[] = {
        [NVB_LAYER_DEFAULT] = "default", [NVB_LAYER_SYSTEM] = "system",
        [NVB_LAYER_USER] = "user",       [NVB_LAYER_PROJECT] = "project",
        [NVB_LAYER_FILE] = "file",       [NVB_LAYER_ENVIRONMENT] = "environment",
    };
    return names[layer];
}

static char *layer_path(const struct nvb_config_options *options, enum nvb_config_layer layer)
{
    switch (layer) {
    case NVB_LAYER_SYSTEM:
        return nvb_strdup(options->system_file ? options->system_file : NVB_CONFIG_SYSTEM_FILE);
    case NVB_LAYER_USER:
        return nvb_config_user_path(options->environment);
    case NVB_LAYER_PROJECT:
        return nvb_strdupf("%s/" NVB_CONFIG_PROJECT_FILE,
                           options->working_folder ? options->working_folder : ".");
    default:
        return nvb_strdup(options->file);
    }
}

/*
 * Whether the ./nvbind.toml PATH is somebody else's: whoever may write to a folder where others
 * work
 * (/tmp) could otherwise stop every run there with a file of his. It may only narrow anyway, so
 * nothing is lost by going on without it.
 */
static bool is_foreign(const char *path, uid_t uid, struct nvb_notes *notes)
{
    struct stat st;
    if (lstat(path, &st) < 0 || st.st_uid == uid || st.st_uid == 0)
        return false;
    nvb_notes_add(notes, NVB_NOTE_WARNING, "'%s' belongs to user %u and is ignored", path,
                  (unsigned)st.st_uid);
    nvb_notes_hint(notes, "a copy of your own, or nvbind --config FILE ..., is read");
    return true;
}

static enum nvb_config_state failed_state(const struct nvb_error *error)
{
    if (!error || error->kind != NVB_ERROR_PERMISSION)
        return NVB_CONFIG_WRONG;
    return error->errnum ? NVB_CONFIG_UNREADABLE : NVB_CONFIG_REFUSED;
}

static int load_file(const struct nvb_config_options *options, enum nvb_config_layer layer,
                     struct nvb_config *config, struct nvb_notes *notes, struct nvb_error **err)
{
    bool counts = options->file ? layer == NVB_LAYER_FILE
                                : layer != NVB_LAYER_FILE &&
                                      !(layer == NVB_LAYER_PROJECT && options->uid == 0);
    if (!options->file && layer == NVB_LAYER_FILE)
        return 0;
    struct nvb_config_file file = {layer, NVB_CONFIG_IGNORED, layer_path(options, layer)};
    if (!file.path)
        file.state = NVB_CONFIG_ABSENT;
    if (file.path && counts && layer == NVB_LAYER_PROJECT)
        counts = !is_foreign(file.path, options->uid, notes);
    int r = 0;
    if (file.path && counts) {
        struct nvb_key_value values[NVB_CONFIG_KEYS] = {0};
        _cleanup_faults_ struct nvb_faults faults = {0};
        nvb_config_read_file(options, file.path, layer, config->values, values, &file.state,
                             &faults);
        r = nvb_faults_take_first(&faults, err);
        for (size_t i = 0; i < NVB_CONFIG_KEYS && r == 0; i++)
            nvb_key_value_lay(&nvb_config_keys.keys[i], &config->values[i], &values[i]);
        nvb_config_values_done(values);
    }
    if (r < 0)
        file.state = failed_state(err ? *err : NULL);
    nvb_vec_push(&config->files, file);
    return r;
}

static const enum nvb_config_layer file_layers[] = {NVB_LAYER_SYSTEM, NVB_LAYER_USER,
                                                    NVB_LAYER_PROJECT, NVB_LAYER_FILE};

void nvb_config_find_files(const struct nvb_config_options *options, struct nvb_config *ret,
                           struct nvb_notes *notes)
{
    *ret = (struct nvb_config){.environment = options->environment};
    for (size_t i = 0; i < NVB_COUNT(file_layers); i++) {
        _cleanup_error_ struct nvb_error *err = NULL;
        (void)load_file(options, file_layers[i], ret, notes, &err);
    }
}

static int load_variables(struct nvb_config *config, struct nvb_error **err)
{
    for (size_t i = 0; i < nvb_config_keys.count; i++) {
        const struct nvb_key *key = &nvb_config_keys.keys[i];
        const char *text = key->variable ? nvb_environment_find(config->environment, key->variable,
                                                                strlen(key->variable))
                                         : NULL;
        struct nvb_key_value value = {0};
        if (!text || !*text)
            continue;
        if (nvb_key_read_variable(key, text, NVB_LAYER_ENVIRONMENT, &value, err) < 0)
            return -1;
        nvb_key_value_lay(key, &config->values[i], &value);
    }
    return 0;
}

/* The names behind "NVBIND_" that mean something, NULL-terminated; the array is the caller's. */
static const char **known_variables(void)
{
    static const char *const others[] = {"CONFIG", "LOG", "HOST_ROOT", "DRIVER_ROOT", "DEV_ROOT"};
    const char **names = nvb_calloc(NVB_COUNT(others) + nvb_config_keys.count + 1, sizeof(*names));
    size_t n = 0;
    for (size_t i = 0; i < NVB_COUNT(others); i++)
        names[n++] = others[i];
    for (size_t i = 0; i < nvb_config_keys.count; i++) {
        if (nvb_config_keys.keys[i].variable)
            names[n++] = nvb_config_keys.keys[i].variable + strlen("NVBIND_");
    }
    return names;
}

static void note_misspelt(const char *const *environment, struct nvb_notes *notes)
{
    _cleanup_free_ const char **known = NULL;
    for (; environment && *environment; environment++) {
        if (!nvb_has_prefix(*environment, "NVBIND_"))
            continue;
        if (!known)
            known = known_variables();
        const char *rest = *environment + strlen("NVBIND_");
        _cleanup_free_ char *name = nvb_strndup(rest, strcspn(rest, "="));
        const char *near = nvb_nearest(name, known);
        if (!near || strcmp(near, name) == 0)
            continue;
        nvb_notes_add(notes, NVB_NOTE_WARNING, "the variable NVBIND_%s means nothing to nvbind",
                      name);
        nvb_notes_hint(notes, "did you mean NVBIND_%s?", near);
    }
}

int nvb_config_load(const struct nvb_config_options *options, struct nvb_config *ret,
                    struct nvb_notes *notes, struct nvb_error **err)
{
    _cleanup_config_ struct nvb_config config = {.environment = options->environment};
    for (size_t i = 0; i < NVB_COUNT(file_layers); i++) {
        if (load_file(options, file_layers[i], &config, notes, err) < 0)
            return -1;
    }
    if (load_variables(&config, err) < 0)
        return -1;
    note_misspelt(config.environment, notes);
    *ret = TAKE_STRUCT(config);
    return 0;
}

void nvb_config_done(struct nvb_config *config)
{
    nvb_config_values_done(config->values);
    nvb_vec_foreach (file, &config->files)
        free(file->path);
    nvb_vec_release(&config->files);
    *config = (struct nvb_config){0};
}

/* ---- checking ------------------------------------------------------------------------------- */

static int compare_places(const void *a, const void *b)
{
    const struct nvb_error *one = *(const struct nvb_error *const *)a;
    const struct nvb_error *two = *(const struct nvb_error *const *)b;
    if (one->line != two->line)
        return one->line < two->line ? -1 : 1;
    return one->column < two->column ? -1 : one->column > two->column;
}

static void validate(const struct nvb_config_options *options, const char *path,
                     enum nvb_config_layer layer, struct nvb_faults *faults)
{
    struct nvb_key_value values[NVB_CONFIG_KEYS] = {0};
    enum nvb_config_state state;
    size_t before = faults->count;
    nvb_config_read_file(options, path, layer, NULL, values, &state, faults);
    nvb_config_values_done(values);
    if (faults->count > before)
        qsort(faults->items + before, faults->count - before, sizeof(*faults->items),
              compare_places);
}

void nvb_config_validate(const struct nvb_config_options *options, const char *path,
                         struct nvb_faults *faults)
{
    validate(options, path, NVB_LAYER_FILE, faults);
}

void nvb_config_validate_layer(const struct nvb_config_options *options,
                               enum nvb_config_layer layer, struct nvb_faults *faults)
{
    _cleanup_free_ char *path = layer_path(options, layer);
    if (path && !(layer == NVB_LAYER_PROJECT && options->uid == 0))
        validate(options, path, layer, faults);
}
