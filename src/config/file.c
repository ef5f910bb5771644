/* One configuration file: where it is, whether it counts, what it says. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "base/trust.h"
#include "config/layers.h"
#include "config/sha256.h"
#include "config/toml.h"
#include "config/trusted.h"

/* Whether sudo has left root with the home of whoever called it ("sudo -E", or as it is set up). */
static bool has_callers_home(const char *const *environment, const char *home)
{
    struct stat st;
    return geteuid() == 0 && nvb_environment_find(environment, "SUDO_UID", strlen("SUDO_UID")) &&
           stat(home, &st) == 0 && st.st_uid != 0;
}

char *nvb_config_home(const char *const *environment, const char *variable, const char *under_home,
                      const char *rest)
{
    const char *folder = nvb_environment_find(environment, variable, strlen(variable));
    const char *home = nvb_environment_find(environment, "HOME", 4);
    if (home && home[0] == '/' && has_callers_home(environment, home)) {
        const struct passwd *root = getpwuid(0);
        home = root ? root->pw_dir : NULL;
        folder = NULL;
    }
    if (folder && folder[0] == '/')
        return nvb_strdupf("%s/%s", folder, rest);
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

int nvb_config_read_text(const char *path, enum nvb_config_layer layer, uid_t uid,
                         struct nvb_str *ret, struct nvb_error **err)
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
    if (nvb_trust_check_path(path, uid, err) < 0) {
        if (err && (*err)->kind == NVB_ERROR_PERMISSION && !(*err)->hint)
            return nvb_error_hint(err, "%s",
                                  uid == 0 ? "sudo -H nvbind ..., which reads root's own"
                                           : "nvbind --config FILE ..., with a file of your own");
        return -1;
    }
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

void nvb_config_values_done(struct nvb_key_value *values)
{
    for (size_t i = 0; i < NVB_CONFIG_KEYS; i++)
        nvb_key_value_done(&values[i]);
}

void nvb_config_read_file(const struct nvb_config_options *options, const char *path,
                          enum nvb_config_layer layer, const struct nvb_key_value *below,
                          struct nvb_key_value *values, enum nvb_config_state *ret_state,
                          struct nvb_faults *faults)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_error_ struct nvb_error *err = NULL;
    enum nvb_config_state state = NVB_CONFIG_READ;
    int r = nvb_config_read_text(path, layer, options->uid, &text, &err);
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

/* ---- vouching for ./nvbind.toml ------------------------------------------------------------- */

/* What recording and taking out have in common: who asks, the record and the file's name in it. */
static int prepare_trust(const struct nvb_config_options *options, const char *path,
                         char **ret_record, char **ret_real, struct nvb_error **err)
{
    if (strcmp(nvb_path_base(path), NVB_CONFIG_PROJECT_FILE) != 0)
        return nvb_error_make(
            err, NVB_ERROR_USAGE, 0,
            "'%s' is not called " NVB_CONFIG_PROJECT_FILE ", so nothing reads it by itself", path);
    if (options->uid == 0) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                             "as root a " NVB_CONFIG_PROJECT_FILE " is never read");
        return nvb_error_hint(err, "nvbind --config %s ...", path);
    }
    _cleanup_free_ char *record = nvb_trusted_path(options->environment);
    if (!record)
        return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                              "neither XDG_STATE_HOME nor HOME says where to keep the record");
    if (nvb_config_project_path(path, ret_real, err) < 0)
        return -1;
    *ret_record = TAKE_PTR(record);
    return 0;
}

int nvb_config_trust(const struct nvb_config_options *options, const char *path, char **ret_real,
                     struct nvb_faults *ret_needs, struct nvb_error **err)
{
    _cleanup_free_ char *record = NULL;
    _cleanup_free_ char *real = NULL;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_faults_ struct nvb_faults faults = {0};
    _cleanup_faults_ struct nvb_faults needs = {0};
    struct nvb_key_value values[NVB_CONFIG_KEYS] = {0};
    char hex[NVB_SHA256_HEX + 1];

    if (prepare_trust(options, path, &record, &real, err) < 0)
        return -1;
    int r = nvb_config_read_text(path, NVB_LAYER_PROJECT, options->uid, &text, err);
    if (r > 0)
        return nvb_error_make(err, NVB_ERROR_NOT_FOUND, ENOENT, "cannot read '%s'", path);
    if (r < 0)
        return -1;
    read_values(&text, path, NVB_LAYER_PROJECT, values, &faults);
    nvb_config_check_project(values, NULL, options->profiles, &needs);
    nvb_config_values_done(values);
    if (nvb_faults_take_first(&faults, err) < 0)
        return -1;
    nvb_sha256_hex(text.data, text.len, hex);
    if (nvb_trusted_set(record, options->uid, real, hex, err) < 0)
        return -1;
    *ret_real = TAKE_PTR(real);
    *ret_needs = TAKE_STRUCT(needs);
    return 0;
}

int nvb_config_revoke(const struct nvb_config_options *options, const char *path, char **ret_real,
                      struct nvb_error **err)
{
    _cleanup_free_ char *record = NULL;
    _cleanup_free_ char *real = NULL;
    if (prepare_trust(options, path, &record, &real, err) < 0)
        return -1;
    int r = nvb_trusted_set(record, options->uid, real, NULL, err);
    if (r == 0)
        *ret_real = TAKE_PTR(real);
    return r;
}
