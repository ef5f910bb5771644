/* nvbind generate compose: which tool will read the file, and the file. */
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/process.h"
#include "cli/generate.h"
#include "writer/compose.h"

extern char **environ;

#define ASK_MS 10000

enum {
    COMPOSE_FOR = NVB_GENERATE_OUTPUT + 1,
    COMPOSE_VERSION,
    COMPOSE_SERVICE,
    COMPOSE_HELP = NVB_GENERATE_COMPOSE_HELP,
};

const struct nvb_cli_option nvb_generate_compose_options[] = {
    [NVB_GENERATE_OUTPUT] = {"output", 'o', "FILE", "write to FILE (default: standard output)"},
    [COMPOSE_FOR] = {"for", 0, "podman-compose|docker-compose|podman-socket",
                     "what will read it (default: what is here for the engine)"},
    [COMPOSE_VERSION] = {"compose-version", 0, "VERSION",
                         "podman-compose's (default: of the one here)"},
    [COMPOSE_SERVICE] = {"service", 0, "NAME",
                         "the service's name (default: the container's, or the image's)"},
    [COMPOSE_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

static const struct {
    const char *name;
    enum nvb_compose_tool tool;
    enum nvb_engine_kind engine;
} tools[] = {
    {"podman-compose", NVB_COMPOSE_PODMAN, NVB_ENGINE_PODMAN},
    {"docker-compose", NVB_COMPOSE_DOCKER, NVB_ENGINE_DOCKER},
    {"podman-socket", NVB_COMPOSE_SOCKET, NVB_ENGINE_PODMAN},
};

/* ---- the tool ---- */

static bool has_program(const char *name, char **ret)
{
    _cleanup_free_ char *path = NULL;
    const bool found =
        nvb_process_find(name, nvb_environment_get(environ, "PATH"), &path, NULL) == 0;
    if (found && ret)
        *ret = TAKE_PTR(path);
    return found;
}

/* docker compose is a program of its own, or the client's plugin where distributions put those. */
static bool has_docker_compose(void)
{
    static const char *const plugins[] = {
        "/usr/libexec/docker/cli-plugins/docker-compose",
        "/usr/lib/docker/cli-plugins/docker-compose",
        "/usr/local/lib/docker/cli-plugins/docker-compose",
    };
    for (size_t i = 0; i < NVB_COUNT(plugins); i++)
        if (access(plugins[i], X_OK) == 0)
            return true;
    return has_program("docker-compose", NULL);
}

/* Asks PROGRAM, a podman-compose. Returns whether it is of before 1.3. */
static bool is_old(const char *program)
{
    const char *const argv[] = {program, "--version", NULL};
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    unsigned version;
    int status = 0;
    if (nvb_process_capture(program, (char *const *)argv, environ, ASK_MS, 65536, &out, NULL,
                            &status, NULL) < 0)
        return false;
    /* "podman-compose version 1.3.0", 1.0.3: "podman-composer version  1.0.3" */
    const char *line = strstr(out.data, "podman-compose");
    const char *word = line ? strstr(line, "version") : NULL;
    if (!word)
        return false;
    word += strcspn(word, "0123456789\n");
    _cleanup_free_ char *text = nvb_strndup(word, strspn(word, "0123456789."));
    return nvb_generate_parse_version(text, &version) == 0 && version < 103;
}

static int read_age(const struct nvb_generate *g, enum nvb_compose_tool *tool,
                    struct nvb_error **err)
{
    const char *word = nvb_cli_value(&g->values, COMPOSE_VERSION);
    _cleanup_free_ char *program = NULL;
    unsigned version = 0;
    if (word && *tool != NVB_COMPOSE_PODMAN) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                             "--compose-version is podman-compose's, and this is for %s",
                             nvb_compose_tool_name(*tool));
        return nvb_error_hint(err, "leave it out, or: --for podman-compose");
    }
    if (word && nvb_generate_parse_version(word, &version) < 0) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--compose-version is '%s'", word);
        return nvb_error_hint(err, "--compose-version 1.3");
    }
    if (*tool == NVB_COMPOSE_PODMAN &&
        (word ? version < 103 : has_program("podman-compose", &program) && is_old(program)))
        *tool = NVB_COMPOSE_PODMAN_OLD;
    return 0;
}

/* Which tool the word of --for names; its engine is the plan's then, unless the words say
 * otherwise.
 */
static int read_for(struct nvb_generate *g, size_t *ret, struct nvb_error **err)
{
    const char *word = nvb_cli_value(&g->values, COMPOSE_FOR);
    for (size_t i = 0; word && i < NVB_COUNT(tools); i++) {
        if (strcmp(word, tools[i].name) != 0)
            continue;
        nvb_generate_put_first(&g->words, tools[i].engine == NVB_ENGINE_DOCKER
                                              ? "--runtime=docker"
                                              : "--runtime=podman");
        *ret = i;
        return 0;
    }
    *ret = NVB_COUNT(tools);
    if (!word)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--for is '%s'", word);
    return nvb_error_hint(err, "--for podman-compose, --for docker-compose or --for podman-socket");
}

static int choose_tool(const struct nvb_generate *g, size_t wanted, enum nvb_compose_tool *ret,
                       struct nvb_error **err)
{
    const enum nvb_engine_kind engine = g->plan.engine->kind;
    if (wanted < NVB_COUNT(tools) && tools[wanted].engine != engine) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--for %s, and the engine is %s",
                             tools[wanted].name, nvb_engine_name(engine));
        return nvb_error_hint(err, "leave out --runtime %s", nvb_engine_name(engine));
    }
    if (wanted < NVB_COUNT(tools))
        *ret = tools[wanted].tool;
    else if (engine == NVB_ENGINE_DOCKER)
        *ret = NVB_COMPOSE_DOCKER;
    else
        *ret = !has_program("podman-compose", NULL) && has_docker_compose() ? NVB_COMPOSE_SOCKET
                                                                            : NVB_COMPOSE_PODMAN;
    return read_age(g, ret, err);
}

/* ---- the file ---- */

static int choose_service(struct nvb_generate *g, struct nvb_error **err)
{
    const char *word = nvb_cli_value(&g->values, COMPOSE_SERVICE);
    const char *container = nvb_plan_value(&g->plan, "name");
    if (word)
        g->unit = nvb_strdup(word);
    else
        g->unit = container && *container ? nvb_strdup(container)
                                          : nvb_generate_name_of_image(g->plan.image);
    if (nvb_compose_is_name(g->unit))
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is no name for a service", g->unit);
    return nvb_error_hint(err, "--service NAME, of letters, digits and . _ -");
}

int nvb_generate_compose(struct nvb_generate *g, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv devices = {0};
    _cleanup_free_ char *folder = NULL;
    struct nvb_compose_options options = {.devices = &devices};
    size_t wanted;
    if (read_for(g, &wanted, err) < 0 || nvb_generate_plan(g, true, err) < 0 ||
        choose_tool(g, wanted, &options.tool, err) < 0 || choose_service(g, err) < 0)
        return -1;
    if (g->plan.mode == NVB_PLAN_CDI && nvb_generate_name_devices(g, &devices, NULL) > 0) {
        (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                             "no CDI specification that %s reads has these GPUs",
                             nvb_engine_name(g->plan.engine->kind));
        return nvb_error_hint(err, "sudo nvbind cdi refresh, or --no-cdi");
    }
    folder = getcwd(NULL, 0);
    options.folder = folder ? folder : "/";
    options.service = g->unit;
    if (nvb_writer_compose(&g->plan, &options, &g->text, err) < 0)
        return -1;
    return nvb_generate_put(g, 0644, err);
}
