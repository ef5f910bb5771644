#include "host/engine.h"

#include <string.h>
#include <sys/wait.h>

#include "base/process.h"
#include "base/str.h"
#include "host/distribution.h"
#include "host/engine_cache.h"

/* A first start on a slow disk, with storage to migrate, has been seen to take several seconds. */
#define PROBE_TIMEOUT_MS 20000
#define PROBE_MAX        (1024u * 1024)

const char *nvb_engine_name(enum nvb_engine_kind kind)
{
    return kind == NVB_ENGINE_DOCKER ? "docker" : "podman";
}

void nvb_engine_done(struct nvb_engine *engine)
{
    free(engine->path);
    free(engine->version_text);
    free(engine->cache);
    *engine = (struct nvb_engine){0};
}

/* ---- asking ---- */

static int ask(const char *program, char *const words[], char *const *environment,
               struct nvb_str *ret, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str messages = NVB_STR_INIT;
    int status = 0;
    if (nvb_process_capture(program, words, environment, PROBE_TIMEOUT_MS, PROBE_MAX, ret,
                            &messages, &status, err) < 0)
        return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    messages.data[strcspn(messages.data, "\n")] = '\0';
    return nvb_error_make(err, NVB_ERROR_ENGINE, 0, "'%s %s' failed%s%s", program, words[1],
                          messages.data[0] ? ": " : "", messages.data);
}

/* "podman version 4.3.1", "Docker version 26.1.5+dfsg1, build a72d7cd": 0, or -1. */
static int parse_version(const char *text, char **ret_text, unsigned *ret_version)
{
    uint64_t parts[2] = {0, 0};
    const char *number = strstr(text, "version ");
    if (!number)
        return -1;
    number += strlen("version ");
    number += *number == 'v';
    const char *p = number;
    for (int i = 0; i < 2; i++) {
        size_t len = strspn(p, "0123456789");
        if (nvb_parse_u64(p, len, 10, &parts[i]) < 0 || parts[i] > 99)
            return -1;
        p += len;
        if (i == 0 && *p++ != '.')
            return -1;
    }
    *ret_text = nvb_strndup(number, strcspn(number, " ,\r\n"));
    *ret_version = (unsigned)(parts[0] * 100 + parts[1]);
    return 0;
}

static int take_version(struct nvb_engine *engine, const char *answer)
{
    char *text = NULL;
    if (parse_version(answer, &text, &engine->version) < 0)
        return -1;
    engine->version_text = text;
    if (engine->kind == NVB_ENGINE_DOCKER && nvb_has_prefix(answer, "podman"))
        engine->kind = NVB_ENGINE_PODMAN;
    return 0;
}

static int find_version(struct nvb_engine *engine, char *const *environment, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str answer = NVB_STR_INIT;
    if (nvb_engine_cache_read(engine->cache, engine->path, "version", "", &answer) == 0 &&
        take_version(engine, answer.data) == 0)
        return 0;
    nvb_str_truncate(&answer, 0);
    char *words[] = {engine->path, "--version", NULL};
    if (ask(engine->path, words, environment, &answer, err) < 0)
        return -1;
    answer.data[strcspn(answer.data, "\n")] = '\0';
    if (take_version(engine, answer.data) < 0)
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0, "'%s --version' says '%s', no version",
                              engine->path, answer.data);
    nvb_engine_cache_write(engine->cache, engine->path, "version", "", answer.data);
    return 0;
}

/* ---- one that is not there ---- */

static int fail_not_installed(unsigned kinds, struct nvb_error **err)
{
    _cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
    _cleanup_strv_ struct nvb_strv words = {0};
    _cleanup_str_ struct nvb_str line = NVB_STR_INIT;
    struct nvb_distribution distribution;
    bool docker = kinds == NVB_ENGINE_DOCKER;
    if ((kinds & (kinds - 1)) == 0)
        (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "%s is not installed: no '%s' in PATH",
                             docker ? "Docker" : "Podman", docker ? "docker" : "podman");
    else
        (void)nvb_error_make(
            err, NVB_ERROR_NOT_FOUND, 0,
            "no container engine is installed: neither 'podman' nor 'docker' in PATH");
    if (nvb_root_open("/", &root, NULL) < 0)
        return -1;
    nvb_distribution_read(&root, &distribution);
    if (nvb_distribution_install(&distribution, docker ? NVB_PACKAGE_DOCKER : NVB_PACKAGE_PODMAN,
                                 &words) != 0)
        return nvb_error_hint(err, "install %s with this distribution's package manager",
                              docker ? "Docker" : "Podman");
    for (size_t i = 0; i < words.count; i++)
        nvb_str_addf(&line, "%s%s", i ? " " : "", words.items[i]);
    return nvb_error_hint(err, "sudo %s", line.data);
}

int nvb_engine_find(unsigned kinds, char *const *environment, const struct nvb_user *user,
                    struct nvb_engine *ret, struct nvb_error **err)
{
    static const enum nvb_engine_kind order[] = {NVB_ENGINE_PODMAN, NVB_ENGINE_DOCKER};
    const char *search_path = nvb_environment_get(environment, "PATH");
    for (size_t i = 0; i < NVB_COUNT(order); i++) {
        _cleanup_engine_ struct nvb_engine engine = {.kind = order[i]};
        if (!(kinds & order[i]))
            continue;
        int r = nvb_process_find(nvb_engine_name(order[i]), search_path, &engine.path, err);
        if (r < 0)
            return -1;
        if (r > 0)
            continue;
        engine.cache = nvb_strdup(user->cache);
        if (find_version(&engine, environment, err) < 0)
            return -1;
        *ret = TAKE_STRUCT(engine);
        return 0;
    }
    return fail_not_installed(kinds, err);
}

/* ---- options ---- */

int nvb_engine_parse_help_line(const char *line, char *ret_letter, const char **ret_name,
                               size_t *ret_len, bool *ret_takes_value)
{
    const char *p = line + strspn(line, " ");
    char letter = 0;
    if (p == line)
        return 1;
    if (p[0] == '-' && p[1] != '-' && p[1] != '\0' && strncmp(p + 2, ", --", 4) == 0) {
        letter = p[1];
        p += 4;
    }
    if (strncmp(p, "--", 2) != 0)
        return 1;
    p += 2;
    size_t len = strcspn(p, " \t\r\n");
    if (len == 0)
        return 1;
    /* One blank, then the value's name; the description stands behind at least two, or three. */
    const char *value = p[len] == ' ' && p[len + 1] > ' ' ? p + len + 1 : NULL;
    const char *mark = value ? strstr(value, "[=") : NULL;
    /* "[=default]" is how a value that may be left out is shown: it then comes by "=" only. */
    bool optional = mark && mark < value + strcspn(value, " ");
    *ret_takes_value = value && !optional;
    *ret_letter = letter;
    *ret_name = p;
    *ret_len = strcspn(p, "[ \t\r\n");
    return 0;
}

/* One line an option, for the cache: "NAME LETTER ARITY", with "-" for no letter. */
static void read_help(const char *help, struct nvb_str *ret)
{
    for (const char *line = help; *line;) {
        _cleanup_free_ char *copy = nvb_strndup(line, strcspn(line, "\n"));
        const char *name;
        size_t len;
        char letter;
        bool takes_value;
        if (nvb_engine_parse_help_line(copy, &letter, &name, &len, &takes_value) == 0)
            nvb_str_addf(ret, "%.*s %c %c\n", (int)len, name, letter ? letter : '-',
                         takes_value ? 'v' : 'b');
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
}

static int look_up(const char *options, const char *name, size_t len, bool short_name,
                   bool *ret_takes_value)
{
    for (const char *line = options; *line;) {
        size_t line_len = strcspn(line, "\n");
        size_t name_len = strcspn(line, " ");
        bool sound = name_len + 4 == line_len;
        bool found = short_name ? sound && line[name_len + 1] == name[0]
                                : sound && name_len == len && memcmp(line, name, len) == 0;
        if (found) {
            *ret_takes_value = line[name_len + 3] == 'v';
            return 0;
        }
        line += line_len;
        line += *line == '\n';
    }
    return 1;
}

int nvb_engine_find_option(const struct nvb_engine *engine, const char *verb, const char *name,
                           size_t len, bool short_name, char *const *environment,
                           bool *ret_takes_value, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str options = NVB_STR_INIT;
    /* What stands for "no letter" in the list below is no letter itself. */
    if (short_name && name[0] == '-')
        return 1;
    if (nvb_engine_cache_read(engine->cache, engine->path, verb, "", &options) != 0) {
        _cleanup_str_ struct nvb_str help = NVB_STR_INIT;
        _cleanup_free_ char *verb_copy = nvb_strdup(verb);
        char *words[] = {engine->path, verb_copy, "--help", NULL};
        if (ask(engine->path, words, environment, &help, err) < 0)
            return -1;
        read_help(help.data, &options);
        nvb_engine_cache_write(engine->cache, engine->path, verb, "", options.data);
    }
    return look_up(options.data, name, len, short_name, ret_takes_value);
}
