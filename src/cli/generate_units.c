/* nvbind generate quadlet and systemd: units, their names, and putting them where systemd looks. */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/path.h"
#include "base/process.h"
#include "base/trust.h"
#include "cdi/registry.h"
#include "cli/generate.h"
#include "writer/quadlet.h"
#include "writer/systemd.h"
#include "writer/unit.h"

extern char **environ;

#define RELOAD_MS 30000

char *nvb_generate_name_of_image(const char *image)
{
    const char *base = nvb_path_base(image);
    char *name = nvb_strndup(base, strcspn(base, ":@"));
    for (char *p = name; *p; p++)
        if (!nvb_unit_is_name((const char[]){'a', *p, '\0'}) || *p == '@')
            *p = '-';
    return name;
}

static int choose_name(struct nvb_generate *g, struct nvb_error **err)
{
    const char *unit = nvb_cli_value(&g->values, NVB_GENERATE_UNIT);
    const char *container = nvb_plan_value(&g->plan, "name");
    if (unit)
        g->unit = nvb_strdup(unit);
    else
        g->unit = container && *container ? nvb_strdup(container)
                                          : nvb_generate_name_of_image(g->plan.image);
    g->description = nvb_strdupf("GPU container %s", g->unit);
    if (nvb_unit_is_name(g->unit))
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is no name for a unit", g->unit);
    return nvb_error_hint(err, "--unit NAME, of letters, digits and : - _ . @");
}

static int read_scope(struct nvb_generate *g, struct nvb_error **err)
{
    const char *scope = nvb_cli_value(&g->values, NVB_GENERATE_SCOPE);
    g->is_user = scope ? strcmp(scope, "user") == 0 : g->planning.user.uid != 0;
    if (!scope || g->is_user || strcmp(scope, "system") == 0)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--scope is '%s'", scope);
    return nvb_error_hint(err, "--scope user or --scope system");
}

static char *install_path(const struct nvb_generate *g, bool quadlet)
{
    const char *ending = quadlet ? "container" : "service";
    if (!g->is_user)
        return nvb_strdupf("%s/%s.%s", quadlet ? "/etc/containers/systemd" : "/etc/systemd/system",
                           g->unit, ending);
    const char *config = nvb_environment_get(environ, "XDG_CONFIG_HOME");
    _cleanup_free_ char *folder =
        config && config[0] == '/'
            ? nvb_strdup(config)
            : nvb_strdupf("%s/.config", g->planning.user.home ? g->planning.user.home : "");
    return nvb_strdupf("%s/%s/%s.%s", folder, quadlet ? "containers/systemd" : "systemd/user",
                       g->unit, ending);
}

static int reload(const struct nvb_generate *g, struct nvb_error **err)
{
    _cleanup_free_ char *systemctl = NULL;
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str complaints = NVB_STR_INIT;
    int status = 0;
    int r = nvb_process_find("systemctl", nvb_environment_get(environ, "PATH"), &systemctl, err);
    if (r != 0)
        return r < 0 ? -1
                     : nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                                      "the file is in its place, but there is no systemctl here");
    const char *const argv[] = {systemctl, g->is_user ? "--user" : "--system", "daemon-reload",
                                NULL};
    if (nvb_process_capture(systemctl, (char *const *)argv, environ, RELOAD_MS, 65536, &out,
                            &complaints, &status, err) < 0)
        return -1;
    if (status == 0)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                         "the file is in its place, but systemd could not be reloaded: %s",
                         complaints.data);
    return nvb_error_hint(err, "systemctl %s daemon-reload", g->is_user ? "--user" : "--system");
}

static int install(const struct nvb_generate *g, bool quadlet, struct nvb_error **err)
{
    _cleanup_free_ char *path = install_path(g, quadlet);
    _cleanup_free_ char *folder = nvb_path_dir(path);
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    if (g->planning.user.uid == 0 && !nvb_trust_is_own_place(folder)) {
        (void)nvb_error_make(err, NVB_ERROR_PERMISSION, 0,
                             "'%s' is another user's, and root writes nothing there", folder);
        return nvb_error_hint(err, "as that user, or --scope system");
    }
    if (nvb_file_make_folders(folder, 0755, err) < 0 ||
        nvb_file_write(path, g->text.data, g->text.len, 0644, err) < 0 || reload(g, err) < 0)
        return -1;
    nvb_str_addf(&out, "installed: %s\nstart it:  systemctl%s start %s\n", path,
                 g->is_user ? " --user" : "", g->unit);
    if (!quadlet)
        nvb_str_addf(&out, "at boot:   systemctl%s enable %s\n", g->is_user ? " --user" : "",
                     g->unit);
    const char *user = quadlet ? NULL : nvb_cli_value(&g->values, NVB_GENERATE_SERVICE_USER);
    if (g->is_user)
        nvb_str_add(&out, "without a login: loginctl enable-linger\n");
    else if (user)
        nvb_str_addf(&out, "when %s logs out: loginctl enable-linger %s\n", user, user);
    return nvb_cli_print(g->cli, out.data, out.len) == NVB_EXIT_OK ? 0 : -1;
}

int nvb_generate_parse_version(const char *word, unsigned *ret)
{
    _cleanup_strv_ struct nvb_strv parts = {0};
    uint64_t major, minor;
    nvb_strv_split(&parts, word, '.');
    if (parts.count < 2 || nvb_parse_u64(parts.items[0], strlen(parts.items[0]), 10, &major) < 0 ||
        nvb_parse_u64(parts.items[1], strlen(parts.items[1]), 10, &minor) < 0 || major > 99 ||
        minor > 99)
        return -1;
    *ret = (unsigned)(major * 100 + minor);
    return 0;
}

static int read_version(const struct nvb_generate *g, unsigned *ret, struct nvb_error **err)
{
    const char *word = nvb_cli_value(&g->values, NVB_GENERATE_PODMAN_VERSION);
    *ret = g->planning.engine.version;
    if (word && nvb_generate_parse_version(word, ret) < 0) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--podman-version is '%s'", word);
        return nvb_error_hint(err, "--podman-version 5.4");
    }
    if (g->planning.engine.kind != NVB_ENGINE_PODMAN) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                             "Quadlet is Podman's, and the engine is Docker");
        return nvb_error_hint(err, "nvbind generate systemd --runtime docker …");
    }
    if (*ret >= NVB_QUADLET_SINCE)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "Podman %u.%u has no Quadlet; 4.4 was the first",
                         *ret / 100, *ret % 100);
    return nvb_error_hint(err,
                          "nvbind generate systemd …, or --podman-version 5.4 for another machine");
}

/* The name under which a file that engines read has GPU: by UUID, else by index. NULL: none has it.
 */
static char *find_device(const struct nvb_cdi_registry *registry, const struct nvb_plan_gpu *gpu)
{
    _cleanup_free_ char *index = nvb_plan_gpu_name(gpu);
    _cleanup_free_ char *by_uuid = gpu->uuid ? nvb_strdupf("nvidia.com/gpu=%s", gpu->uuid) : NULL;
    _cleanup_free_ char *by_index = nvb_strdupf("nvidia.com/gpu=%s", index);
    if (by_uuid && nvb_cdi_registry_has(registry, by_uuid))
        return TAKE_PTR(by_uuid);
    return nvb_cdi_registry_has(registry, by_index) ? TAKE_PTR(by_index) : NULL;
}

/*
 * What keeps the specification PATH: the caller's own nvbind-cdi-refresh.service, or root's, whose
 * file in /run is not there yet when a user's systemd starts at boot.
 */
static void name_keeper(const struct nvb_generate *g, const char *path,
                        struct nvb_quadlet_options *ret)
{
    const bool lost = nvb_has_prefix(path, "/run/cdi/") || nvb_has_prefix(path, "/var/run/cdi/");
    ret->refreshed = !g->is_user || (!lost && !nvb_has_prefix(path, "/etc/cdi/"));
    ret->awaited = g->is_user && lost ? path : NULL;
}

int nvb_generate_name_devices(const struct nvb_generate *g, struct nvb_strv *ret, char **ret_file)
{
    _cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
    _cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
    _cleanup_strv_ struct nvb_strv folders = {0};
    if (g->plan.mode == NVB_PLAN_CDI && g->plan.gpus.count == 0) /* another vendor's, or afar */
        nvb_vec_foreach (device, &g->plan.cdi_devices)
            nvb_strv_add(ret, *device);
    if (g->plan.gpus.count == 0 || g->plan.mode == NVB_PLAN_NOTHING)
        return 0;
    nvb_strv_add(&folders, "/etc/cdi");
    nvb_strv_add(&folders, "/var/run/cdi");
    nvb_vec_foreach (folder, &g->plan.cdi_folders)
        nvb_strv_add(&folders, *folder);
    if (g->plan.kept_file) {
        _cleanup_free_ char *folder = nvb_path_dir(g->plan.kept_file);
        nvb_strv_add(&folders, folder);
    }
    if (nvb_root_open("/", &root, NULL) < 0)
        return 1;
    nvb_cdi_registry_read(&root, &folders, NULL, &registry);
    nvb_vec_foreach (gpu, &g->plan.gpus) {
        _cleanup_free_ char *name = find_device(&registry, gpu);
        if (!name)
            return 1;
        const size_t file = nvb_cdi_registry_find(&registry, name)->file;
        if (ret_file) {
            free(*ret_file);
            *ret_file = nvb_strdup(registry.files.items[file].path);
        }
        nvb_strv_add(ret, name);
    }
    return 0;
}

static int no_specification(struct nvb_generate *g, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str words = NVB_STR_INIT;
    nvb_vec_foreach (word, &g->words) {
        nvb_str_addc(&words, ' ');
        nvb_str_add_shell(&words, *word);
    }
    (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                         "no CDI specification that the unit's Podman reads has these GPUs, so "
                         "AddDevice= would find nothing");
    return nvb_error_hint(err,
                          "nvbind generate systemd%s, whose ExecStart= is nvbind run; or first: "
                          "sudo nvbind cdi refresh",
                          words.data);
}

int nvb_generate_quadlet(struct nvb_generate *g, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv devices = {0};
    _cleanup_free_ char *file = NULL;
    struct nvb_quadlet_options options = {.devices = &devices};
    if (read_scope(g, err) < 0 || nvb_generate_plan(g, true, err) < 0 || choose_name(g, err) < 0 ||
        read_version(g, &options.version, err) < 0)
        return -1;
    if (nvb_generate_name_devices(g, &devices, &file) > 0)
        return no_specification(g, err);
    if (file)
        name_keeper(g, file, &options);
    options.is_user = g->is_user;
    options.description = g->description;
    if (nvb_writer_quadlet(&g->plan, &options, &g->text, err) < 0)
        return -1;
    return g->values.values[NVB_GENERATE_INSTALL].count ? install(g, true, err)
                                                        : nvb_generate_put(g, 0644, err);
}

static int absolute(const char *path, char **ret, struct nvb_error **err)
{
    if (!path)
        return 0;
    *ret = realpath(path, NULL);
    return *ret ? 0 : nvb_error_make(err, NVB_ERROR_NOT_FOUND, errno, "cannot look at '%s'", path);
}

/* Whose container a service of the system's is. Returns 0 or -1. */
static int read_service_user(const struct nvb_generate *g, struct nvb_systemd_options *ret,
                             struct nvb_error **err)
{
    const char *name = nvb_cli_value(&g->values, NVB_GENERATE_SERVICE_USER);
    const struct passwd *entry = name ? getpwnam(name) : NULL;
    if (!name || (entry && entry->pw_uid == 0))
        return 0;
    if (!entry || !nvb_unit_is_name(name))
        return nvb_error_make(err, NVB_ERROR_USAGE, 0, "--service-user: there is no user '%s'",
                              name);
    if (g->is_user || g->planning.engine.kind != NVB_ENGINE_PODMAN) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                             g->is_user ? "--service-user is for the system's systemd"
                                        : "--service-user is for Podman: Docker's containers are "
                                          "its daemon's");
        return nvb_error_hint(err, g->is_user ? "--scope system" : "leave it out");
    }
    ret->user = name;
    ret->uid = entry->pw_uid;
    return 0;
}

void nvb_generate_put_first(struct nvb_strv *words, const char *word)
{
    nvb_vec_push(words, NULL);
    memmove(words->items + 1, words->items, (words->count - 1) * sizeof(*words->items));
    words->items[0] = nvb_strdup(word);
}

int nvb_generate_systemd(struct nvb_generate *g, struct nvb_error **err)
{
    _cleanup_free_ char *self = NULL;
    _cleanup_free_ char *config = NULL;
    _cleanup_free_ char *root = NULL;
    /* So does the unit; without it the plan would be that of a container which is kept. */
    nvb_generate_put_first(&g->words, "--rm");
    if (read_scope(g, err) < 0 || nvb_generate_plan(g, false, err) < 0 || choose_name(g, err) < 0 ||
        absolute(g->cli->config, &config, err) < 0 ||
        absolute(g->cli->host.host_root, &root, err) < 0 ||
        absolute("/proc/self/exe", &self, err) < 0)
        return -1;
    const char *name = nvb_plan_value(&g->plan, "name");
    struct nvb_systemd_options options = {
        .nvbind = self,
        .config = config,
        .host_root = root,
        .name = name && *name ? name : g->unit,
        .description = g->description,
        .is_user = g->is_user,
    };
    if (read_service_user(g, &options, err) < 0 ||
        nvb_writer_systemd(&g->request, &g->plan, &options, &g->text, err) < 0)
        return -1;
    return g->values.values[NVB_GENERATE_INSTALL].count ? install(g, false, err)
                                                        : nvb_generate_put(g, 0644, err);
}
