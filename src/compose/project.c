#include "compose/project.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "host/user.h"

/* compose-spec/compose-go, cli/options.go; each list ends with NULL and the first that is there
 * counts. */
static const char *const docker_names[] = {"compose.yaml", "compose.yml", "docker-compose.yml",
                                           "docker-compose.yaml", NULL};
static const char *const docker_overrides[] = {"compose.override.yml", "compose.override.yaml",
                                               "docker-compose.override.yml",
                                               "docker-compose.override.yaml", NULL};
static const char *const podman_only[] = {"podman-compose.yaml", "podman-compose.yml", NULL};

/* podman_compose.py, COMPOSE_DEFAULT_LS: all that are there. */
static const char *const podman_names[] = {"compose.yaml",
                                           "compose.yml",
                                           "compose.override.yaml",
                                           "compose.override.yml",
                                           "podman-compose.yaml",
                                           "podman-compose.yml",
                                           "docker-compose.yml",
                                           "docker-compose.yaml",
                                           "docker-compose.override.yml",
                                           "docker-compose.override.yaml",
                                           "container-compose.yml",
                                           "container-compose.yaml",
                                           "container-compose.override.yml",
                                           "container-compose.override.yaml",
                                           NULL};

void nvb_compose_project_done(struct nvb_compose_project *project)
{
    nvb_strv_done(&project->files);
    free(project->directory);
    nvb_compose_variables_done(&project->variables);
}

static bool is_there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

/* Adds the first of NAMES that is in FOLDER; FOLDER is "" or ends with a slash. */
static bool add_first(const char *folder, const char *const *names, struct nvb_strv *ret)
{
    for (; *names; names++) {
        _cleanup_free_ char *path = nvb_strdupf("%s%s", folder, *names);
        if (!is_there(path))
            continue;
        nvb_strv_add(ret, path);
        return true;
    }
    return false;
}

static bool find_docker(const char *start, const char *const *names, struct nvb_strv *ret)
{
    _cleanup_free_ char *folder = nvb_strdup(start);
    for (;;) {
        _cleanup_free_ char *with_slash =
            nvb_strdupf("%s%s", folder, strcmp(folder, "/") == 0 ? "" : "/");
        if (add_first(with_slash, names, ret)) {
            (void)add_first(with_slash, docker_overrides, ret);
            return true;
        }
        if (strcmp(folder, "/") == 0)
            return false;
        char *above = nvb_path_dir(folder);
        free(folder);
        folder = above;
    }
}

static void find_podman(struct nvb_strv *ret)
{
    for (const char *const *name = podman_names; *name; name++)
        if (is_there(*name))
            nvb_strv_add(ret, *name);
}

/* ---- variables ---- */

static int read_env_file(struct nvb_compose_project *project, const char *path, bool must,
                         struct nvb_error **err)
{
    int r = nvb_compose_variables_read(&project->variables, path, err);
    if (r > 0 && must)
        return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "there is no file '%s' (--env-file)",
                              path);
    return r < 0 ? -1 : 0;
}

static int read_variables(const struct nvb_compose_call *call, struct nvb_compose_project *project,
                          const char *folder, struct nvb_error **err)
{
    _cleanup_free_ char *path = nvb_strdupf("%s/.env", folder);
    const char *listed = nvb_compose_variables_get(&project->variables, "COMPOSE_ENV_FILES");
    if (call->env_files.count == 0 && listed && listed[0]) {
        _cleanup_strv_ struct nvb_strv paths = {0};
        nvb_strv_split(&paths, listed, ',');
        nvb_vec_foreach (named, &paths)
            if (read_env_file(project, *named, true, err) < 0)
                return -1;
        return 0;
    }
    nvb_vec_foreach (named, &call->env_files)
        if (read_env_file(project, *named, true, err) < 0)
            return -1;
    return call->env_files.count ? 0 : read_env_file(project, path, false, err);
}

/* ---- all together ---- */

static int check_file(const char *path, struct nvb_error **err)
{
    struct stat st;
    if (strcmp(path, "-") == 0) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                             "a Compose file on the standard input cannot be read twice");
        return nvb_error_hint(err, "write it to a file, and name that with '-f'");
    }
    if (stat(path, &st) < 0)
        return nvb_error_make(err, nvb_error_kind_of(errno), errno, "cannot read '%s'", path);
    if (!S_ISREG(st.st_mode)) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is not a file", path);
        return nvb_error_hint(err, "write it to a file, and name that with '-f'");
    }
    return 0;
}

/* podman-compose looks for its files before it reads .env: the environment alone counts there. */
static const char *find_variable(const struct nvb_compose_variables *variables,
                                 enum nvb_compose_flavour flavour, const char *name)
{
    if (flavour == NVB_COMPOSE_DOCKER)
        return nvb_compose_variables_get(variables, name);
    return variables->environment ? nvb_environment_get(variables->environment, name) : NULL;
}

static void split_variable(const struct nvb_compose_variables *variables,
                           enum nvb_compose_flavour flavour, const char *value,
                           struct nvb_strv *ret)
{
    const char *separator = find_variable(variables, flavour, "COMPOSE_PATH_SEPARATOR");
    _cleanup_strv_ struct nvb_strv words = {0};
    nvb_strv_split(&words, value, separator && separator[0] ? separator[0] : ':');
    nvb_vec_foreach (word, &words)
        if (**word)
            nvb_strv_add(ret, *word);
}

static int fail_none(enum nvb_compose_flavour flavour, struct nvb_error **err)
{
    (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                         flavour == NVB_COMPOSE_DOCKER
                             ? "there is no Compose file here or in a folder above"
                             : "there is no Compose file here");
    return nvb_error_hint(err, "nvbind compose -f FILE …");
}

static int resolve_folder(const char *path, char **ret, struct nvb_error **err)
{
    char *real = realpath(path, NULL);
    if (!real)
        return nvb_error_make(err, nvb_error_kind_of(errno), errno, "cannot use the folder '%s'",
                              path);
    *ret = real;
    return 0;
}

static int find_files(const struct nvb_compose_call *call, enum nvb_compose_flavour flavour,
                      const char *start, struct nvb_compose_project *project,
                      struct nvb_error **err)
{
    const char *listed = find_variable(&project->variables, flavour, "COMPOSE_FILE");
    nvb_vec_foreach (file, &call->files)
        nvb_strv_add(&project->files, *file);
    if (project->files.count)
        return 0;
    if (listed && listed[0]) {
        split_variable(&project->variables, flavour, listed, &project->files);
        return project->files.count ? 0 : fail_none(flavour, err);
    }
    project->found = true;
    if (flavour == NVB_COMPOSE_PODMAN)
        find_podman(&project->files);
    else if (!find_docker(start, docker_names, &project->files))
        (void)find_docker(start, podman_only, &project->files);
    return project->files.count ? 0 : fail_none(flavour, err);
}

int nvb_compose_project_find(const struct nvb_compose_call *call, enum nvb_compose_flavour flavour,
                             char *const *environment, struct nvb_compose_project *ret,
                             struct nvb_error **err)
{
    _cleanup_compose_project_ struct nvb_compose_project project = {
        .variables = {.environment = environment},
    };
    _cleanup_free_ char *start = NULL;
    _cleanup_free_ char *first =
        call->files.count ? nvb_path_dir(call->files.items[0]) : nvb_strdup(".");
    if (resolve_folder(call->directory ? call->directory : first, &start, err) < 0 ||
        read_variables(call, &project, start, err) < 0 ||
        find_files(call, flavour, start, &project, err) < 0)
        return -1;
    nvb_vec_foreach (file, &project.files)
        if (check_file(*file, err) < 0)
            return -1;
    _cleanup_free_ char *folder = nvb_path_dir(project.files.items[0]);
    if (resolve_folder(call->directory ? call->directory : folder, &project.directory, err) < 0)
        return -1;
    if (call->env_files.count == 0 && strcmp(project.directory, start) != 0 &&
        read_variables(call, &project, project.directory, err) < 0)
        return -1;
    *ret = TAKE_STRUCT(project);
    return 0;
}
