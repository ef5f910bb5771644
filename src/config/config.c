#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/nearest.h"
#include "base/path.h"
#include "base/str.h"
#include "base/trust.h"
#include "config/layers.h"
#include "config/sha256.h"
#include "config/toml.h"
#include "config/trusted.h"

const char *nvb_config_layer_name(enum nvb_config_layer layer)
{
    static const char *const names[] = {
        [NVB_LAYER_DEFAULT] = "default", [NVB_LAYER_SYSTEM] = "system",
        [NVB_LAYER_USER] = "user",       [NVB_LAYER_PROJECT] = "project",
        [NVB_LAYER_FILE] = "file",       [NVB_LAYER_ENVIRONMENT] = "environment",
    };
    return names[layer];
}

/* ---- where the files are -------------------------------------------------------------------- */

char *nvb_config_home(const char *const *environment, const char *variable, const char *under_home,
                      const char *rest)
{
    const char *folder = nvb_environment_find(environment, variable, strlen(variable));
    if (folder && folder[0] == '/')
        return nvb_strdupf("%s/%s", folder, rest);
    const char *home = nvb_environment_find(environment, "HOME", 4);
    if (!home || home[0] != '/')
        return NULL;
    return nvb_strdupf("%s/%s/%s", home[1] ? home : "", under_home, rest);
}

char *nvb_config_user_path(const char *const *environment)
{
    return nvb_config_home(environment, "XDG_CONFIG_HOME", ".config", "nvbind/config.toml");
}

int nvb_config_project_path(const char *path, char **ret, struct nvb_error **err)
{
    _cleanup_free_ char *folder = nvb_path_dir(path);
    _cleanup_free_ char *real = realpath(folder, NULL);
    if (!real)
        return nvb_error_make(err, nvb_error_kind_of(errno), errno, "cannot look at '%s'", folder);
    *ret = nvb_strdupf("%s/%s", real[1] ? real : "", nvb_path_base(path));
    return 0;
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

/* ---- one file ------------------------------------------------------------------------------- */

/* Appends the file's content to *ret. Returns 0, 1 when it is not there, or -1. */
static int read_text(const char *path, enum nvb_config_layer layer, uid_t uid, struct nvb_str *ret,
                     struct nvb_error **err)
{
    /* A link in a cloned repository could lend another project's trusted file. */
    int flags = layer == NVB_LAYER_PROJECT ? O_NOFOLLOW : 0;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 1;
    if (fd < 0 && errno == ELOOP && flags)
        return nvb_error_make(err, NVB_ERROR_CONFIG, 0, "'%s' is a symbolic link; it is not used",
                              path);
    if (fd < 0)
        return nvb_error_make(err, nvb_error_kind_of(errno), errno, "cannot read '%s'", path);
    if (nvb_trust_check_path(path, uid, err) < 0)
        return -1;
    return nvb_file_read(fd, path, NVB_DOC_MAX_BYTES, ret, err);
}

/* Reads TEXT as the file NAME of LAYER into VALUES, which are all zero. */
static void read_values(const struct nvb_str *text, const char *name, enum nvb_config_layer layer,
                        struct nvb_key_value *values, struct nvb_faults *faults)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    if (nvb_toml_read(text->data, text->len, name, &doc, &err) < 0)
        nvb_vec_push(faults, TAKE_PTR(err));
    else
        nvb_keys_read(&nvb_config_keys, &doc, name, layer, values, faults);
}

/* 1 where the user vouched for TEXT as PATH's content, 0 where not, or -1. */
static int is_vouched_for(const struct nvb_config_options *options, const char *path,
                          const struct nvb_str *text, struct nvb_error **err)
{
    _cleanup_free_ char *record = nvb_trusted_path(options->environment);
    _cleanup_free_ char *real = NULL;
    char hex[NVB_SHA256_HEX + 1];
    if (!record)
        return 0;
    if (nvb_config_project_path(path, &real, err) < 0)
        return -1;
    nvb_sha256_hex(text->data, text->len, hex);
    return nvb_trusted_has(record, options->uid, real, hex, err);
}

static void values_done(struct nvb_key_value *values)
{
    for (size_t i = 0; i < NVB_CONFIG_KEYS; i++)
        nvb_key_value_done(&values[i]);
}

/* Reads the file into VALUES, held against BELOW. Sets *ret_state. All faults are kept. */
static void read_file(const struct nvb_config_options *options, const char *path,
                      enum nvb_config_layer layer, const struct nvb_key_value *below,
                      struct nvb_key_value *values, enum nvb_config_state *ret_state,
                      struct nvb_faults *faults)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_error_ struct nvb_error *err = NULL;
    enum nvb_config_state state = NVB_CONFIG_READ;
    int r = read_text(path, layer, options->uid, &text, &err);
    if (r > 0 && layer == NVB_LAYER_FILE) {
        (void)nvb_error_make(&err, NVB_ERROR_NOT_FOUND, ENOENT, "cannot read '%s'", path);
        r = -1;
    }
    if (r == 0)
        read_values(&text, path, layer, values, faults);
    if (r == 0 && layer == NVB_LAYER_PROJECT) {
        int vouched = is_vouched_for(options, path, &text, &err);
        if (vouched == 0)
            nvb_config_check_project(values, below, options->profiles, faults);
        else if (vouched < 0)
            r = -1;
        else
            state = NVB_CONFIG_TRUSTED;
    }
    if (r < 0)
        nvb_vec_push(faults, TAKE_PTR(err));
    *ret_state = r > 0 ? NVB_CONFIG_ABSENT : state;
}

void nvb_config_validate(const struct nvb_config_options *options, const char *path,
                         enum nvb_config_layer layer, struct nvb_faults *faults)
{
    struct nvb_key_value values[NVB_CONFIG_KEYS] = {0};
    enum nvb_config_state state;
    read_file(options, path, layer, NULL, values, &state, faults);
    values_done(values);
}

/* ---- the layers ----------------------------------------------------------------------------- */

static int load_file(const struct nvb_config_options *options, enum nvb_config_layer layer,
                     struct nvb_config *config, struct nvb_error **err)
{
    bool counts = options->file ? layer == NVB_LAYER_FILE
                                : layer != NVB_LAYER_FILE &&
                                      !(layer == NVB_LAYER_PROJECT && options->uid == 0);
    if (!options->file && layer == NVB_LAYER_FILE)
        return 0;
    struct nvb_config_file file = {layer, NVB_CONFIG_IGNORED, layer_path(options, layer)};
    if (!file.path)
        file.state = NVB_CONFIG_ABSENT;
    int r = 0;
    if (file.path && counts) {
        struct nvb_key_value values[NVB_CONFIG_KEYS] = {0};
        _cleanup_faults_ struct nvb_faults faults = {0};
        read_file(options, file.path, layer, config->values, values, &file.state, &faults);
        r = nvb_faults_take_first(&faults, err);
        for (size_t i = 0; i < NVB_CONFIG_KEYS && r == 0; i++)
            nvb_key_value_lay(&nvb_config_keys.keys[i], &config->values[i], &values[i]);
        values_done(values);
    }
    nvb_vec_push(&config->files, file);
    return r;
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
    struct nvb_config_options own = *options;
    if (!own.environment)
        own.environment = (const char *const *)environ;
    _cleanup_config_ struct nvb_config config = {.environment = own.environment};
    static const enum nvb_config_layer order[] = {NVB_LAYER_SYSTEM, NVB_LAYER_USER,
                                                  NVB_LAYER_PROJECT, NVB_LAYER_FILE};
    for (size_t i = 0; i < NVB_COUNT(order); i++) {
        if (load_file(&own, order[i], &config, err) < 0)
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
    values_done(config->values);
    nvb_vec_foreach (file, &config->files)
        free(file->path);
    nvb_vec_release(&config->files);
    *config = (struct nvb_config){0};
}
