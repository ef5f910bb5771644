#include "compose/tool.h"

#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/process.h"
#include "host/distribution.h"

#define VERSION_MS 10000

/* docker/cli, cli-plugins/manager: where "docker compose" is looked for, behind the user's own. */
static const char *const plugin_folders[] = {
    "/usr/local/lib/docker/cli-plugins", "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins", "/usr/libexec/docker/cli-plugins"};

struct finder {
    char *const *environment;
    const struct nvb_user *user;
    const char *path;
    struct nvb_compose_tool *ret;
};

void nvb_compose_tool_done(struct nvb_compose_tool *tool)
{
    free(tool->program);
    nvb_strv_done(&tool->words);
    free(tool->url);
    *tool = (struct nvb_compose_tool){0};
}

/* ---- programs ---- */

/* The plugin, owned, or NULL. */
static char *find_plugin(const struct finder *f)
{
    _cleanup_strv_ struct nvb_strv folders = {0};
    const char *config = nvb_environment_get(f->environment, "DOCKER_CONFIG");
    if (config && config[0] == '/')
        nvb_strv_addf(&folders, "%s/cli-plugins", config);
    else if (f->user->home)
        nvb_strv_addf(&folders, "%s/.docker/cli-plugins", f->user->home);
    for (size_t i = 0; i < NVB_COUNT(plugin_folders); i++)
        nvb_strv_add(&folders, plugin_folders[i]);
    nvb_vec_foreach (folder, &folders) {
        _cleanup_free_ char *path = nvb_strdupf("%s/docker-compose", *folder);
        char *found = NULL;
        if (nvb_process_find(path, NULL, &found, NULL) == 0)
            return found;
    }
    return NULL;
}

static char *find_program(const struct finder *f, const char *name)
{
    char *found = NULL;
    return nvb_process_find(name, f->path, &found, NULL) == 0 ? found : NULL;
}

/* A "docker" that is not Podman by another name; the plugin is called through it. */
static char *find_docker(const struct finder *f)
{
    _cleanup_engine_ struct nvb_engine engine = {0};
    if (nvb_engine_find(NVB_ENGINE_DOCKER, f->environment, f->user, &engine, NULL) < 0 ||
        engine.kind != NVB_ENGINE_DOCKER)
        return NULL;
    return TAKE_PTR(engine.path);
}

/* ---- Podman's socket ---- */

static bool is_socket(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* The URL of Podman's service on this machine, owned, or NULL. */
static char *find_socket(const struct finder *f)
{
    const char *named = nvb_environment_get(f->environment, "CONTAINER_HOST");
    const char *runtime = f->user->uid == 0 ? "/run" : f->user->runtime_dir;
    if (named && nvb_has_prefix(named, "unix://"))
        return nvb_strdup(named);
    _cleanup_free_ char *path = runtime ? nvb_strdupf("%s/podman/podman.sock", runtime) : NULL;
    return path && is_socket(path) ? nvb_strdupf("unix://%s", path) : NULL;
}

/* DOCKER_HOST, where it leads to Podman's socket; borrowed, or NULL. */
static const char *docker_host_of_podman(const struct finder *f)
{
    const char *host = nvb_environment_get(f->environment, "DOCKER_HOST");
    return host && nvb_has_prefix(host, "unix://") && strstr(nvb_path_base(host), "podman") ? host
                                                                                            : NULL;
}

/* ---- the tools ---- */

/* Takes over PROGRAM. */
static bool use(const struct finder *f, enum nvb_compose_flavour flavour,
                enum nvb_engine_kind engine, char *program, const char *word)
{
    struct nvb_compose_tool *tool = f->ret;
    if (!program)
        return false;
    tool->flavour = flavour;
    tool->engine = engine;
    tool->program = program;
    nvb_strv_add(&tool->words, nvb_path_base(program));
    if (word)
        nvb_strv_add(&tool->words, word);
    return true;
}

static bool use_podman_compose(const struct finder *f)
{
    return use(f, NVB_COMPOSE_PODMAN, NVB_ENGINE_PODMAN, find_program(f, "podman-compose"), NULL);
}

/* NAME: the Docker Compose to take, where the user says which. */
static bool use_podman_socket(const struct finder *f, const char *name)
{
    const char *host = docker_host_of_podman(f);
    _cleanup_free_ char *url = host ? nvb_strdup(host) : find_socket(f);
    char *program = url ? find_program(f, name ? name : "docker-compose") : NULL;
    if (url && !program)
        program = find_plugin(f);
    if (!use(f, NVB_COMPOSE_DOCKER, NVB_ENGINE_PODMAN, program, NULL))
        return false;
    f->ret->url = TAKE_PTR(url);
    f->ret->set_url = !host;
    return true;
}

static bool use_docker(const struct finder *f)
{
    if (docker_host_of_podman(f))
        return use_podman_socket(f, NULL);
    _cleanup_free_ char *docker = find_docker(f);
    if (!docker)
        return false;
    _cleanup_free_ char *plugin = find_plugin(f);
    if (plugin)
        return use(f, NVB_COMPOSE_DOCKER, NVB_ENGINE_DOCKER, TAKE_PTR(docker), "compose");
    return use(f, NVB_COMPOSE_DOCKER, NVB_ENGINE_DOCKER, find_program(f, "docker-compose"), NULL);
}

/* podman-compose(1), "podman compose": the variable goes before what is found. */
static bool use_provider(const struct finder *f)
{
    const char *provider = nvb_environment_get(f->environment, "PODMAN_COMPOSE_PROVIDER");
    if (!provider || !*provider)
        return false;
    if (strcmp(nvb_path_base(provider), "docker-compose") == 0)
        return use_podman_socket(f, provider);
    return use(f, NVB_COMPOSE_PODMAN, NVB_ENGINE_PODMAN, find_program(f, provider), NULL);
}

static int fail_none(unsigned kinds, struct nvb_error **err)
{
    struct nvb_distribution distribution = {0};
    _cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
    _cleanup_strv_ struct nvb_strv words = {0};
    _cleanup_str_ struct nvb_str hint = NVB_STR_INIT;
    (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "there is no compose tool here for %s",
                         kinds == NVB_ENGINE_DOCKER   ? "Docker"
                         : kinds == NVB_ENGINE_PODMAN ? "Podman"
                                                      : "Podman or Docker");
    if (kinds == NVB_ENGINE_DOCKER)
        return nvb_error_hint(err, "install Docker's compose plugin, or 'nvbind compose --runtime "
                                   "podman …'");
    if (nvb_root_open("/", &root, NULL) < 0)
        return -1;
    nvb_distribution_read(&root, &distribution);
    if (nvb_distribution_install(&distribution, NVB_PACKAGE_COMPOSE, &words) != 0)
        return nvb_error_hint(err, "install podman-compose");
    nvb_vec_foreach (word, &words)
        nvb_str_addf(&hint, " %s", *word);
    return nvb_error_hint(err, "sudo%s", hint.data);
}

int nvb_compose_tool_find(unsigned kinds, char *const *environment, const struct nvb_user *user,
                          struct nvb_compose_tool *ret, struct nvb_error **err)
{
    _cleanup_compose_tool_ struct nvb_compose_tool tool = {0};
    const struct finder f = {environment, user, nvb_environment_get(environment, "PATH"), &tool};
    _cleanup_free_ char *podman = find_program(&f, "podman");
    const bool by_podman = (kinds & NVB_ENGINE_PODMAN) && podman;
    if ((by_podman && (use_provider(&f) || use_podman_compose(&f))) ||
        (kinds == NVB_ENGINE_PODMAN && use_podman_socket(&f, NULL)) ||
        ((kinds & NVB_ENGINE_DOCKER) && use_docker(&f)) ||
        (by_podman && use_podman_socket(&f, NULL))) {
        *ret = TAKE_STRUCT(tool);
        return 0;
    }
    return fail_none(kinds, err);
}

/* Where the number stands in what the tool prints; podman-compose tells Podman's as well. */
static const char *find_number(const struct nvb_compose_tool *tool, const char *text)
{
    const char *behind = text;
    if (tool->flavour == NVB_COMPOSE_PODMAN) {
        behind = strstr(text, "podman-compose");
        behind = behind ? strstr(behind, "version") : NULL;
    }
    return behind ? behind + strcspn(behind, "0123456789") : "";
}

int nvb_compose_tool_version(const struct nvb_compose_tool *tool, char *const *environment,
                             unsigned *ret, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str why = NVB_STR_INIT;
    uint64_t major = 0;
    uint64_t minor = 0;
    int status = 0;
    nvb_vec_foreach (word, &tool->words)
        nvb_strv_add(&words, *word);
    nvb_strv_add(&words, "version");
    if (tool->flavour == NVB_COMPOSE_DOCKER)
        nvb_strv_add(&words, "--short");
    if (nvb_process_capture(tool->program, nvb_strv_terminate(&words), environment, VERSION_MS,
                            1 << 16, &out, &why, &status, err) < 0)
        return -1;
    const char *text = find_number(tool, out.data);
    const size_t len = strspn(text, "0123456789");
    const char *behind = text[len] == '.' ? text + len + 1 : "";
    if (status != 0 || nvb_parse_u64(text, len, 10, &major) < 0 ||
        nvb_parse_u64(behind, strspn(behind, "0123456789"), 10, &minor) < 0 || major > 1000 ||
        minor > 99)
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0, "'%s' does not tell its version: %.200s",
                              tool->program, why.len ? why.data : out.data);
    *ret = (unsigned)(major * 100 + minor);
    return 0;
}
