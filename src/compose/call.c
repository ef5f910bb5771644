/* The words behind "nvbind compose". */

#include <string.h>

#include "compose/project.h"

/* With a value: Docker Compose 1.29 and 2, podman-compose 1. */
static const char *const with_value[] = {
    "ansi",      "context",           "env-file",     "file",        "host",        "in-pod",
    "log-level", "parallel",          "pod-args",     "podman-args", "podman-path", "profile",
    "progress",  "project-directory", "project-name", "tlscacert",   "tlscert",     "tlskey",
    "workdir",
};
static const char letters_with_value[] = "fpcH";

void nvb_compose_call_done(struct nvb_compose_call *call)
{
    nvb_strv_done(&call->globals);
    nvb_strv_done(&call->words);
    nvb_strv_done(&call->files);
    nvb_strv_done(&call->env_files);
    nvb_strv_done(&call->profiles);
    free(call->directory);
    free(call->podman);
}

static bool takes_value(const char *name, size_t len)
{
    for (size_t i = 0; i < NVB_COUNT(with_value); i++)
        if (strlen(with_value[i]) == len && memcmp(with_value[i], name, len) == 0)
            return true;
    /* --podman-run-args and so on. */
    return len > strlen("podman--args") && nvb_has_prefix(name, "podman-") &&
           memcmp(name + len - 5, "-args", 5) == 0;
}

static bool is_name(const char *name, size_t len, const char *wanted)
{
    return strlen(wanted) == len && memcmp(name, wanted, len) == 0;
}

static void take(struct nvb_compose_call *call, const char *name, size_t len, const char *value)
{
    char **place = NULL;
    if (is_name(name, len, "file") || is_name(name, len, "f"))
        nvb_strv_add(&call->files, value);
    else if (is_name(name, len, "env-file"))
        nvb_strv_add(&call->env_files, value);
    else if (is_name(name, len, "profile"))
        nvb_strv_add(&call->profiles, value);
    else if (is_name(name, len, "project-directory") || is_name(name, len, "workdir"))
        place = &call->directory;
    else if (is_name(name, len, "podman-path"))
        place = &call->podman;
    if (place) {
        free(*place);
        *place = nvb_strdup(value);
    }
}

/* Reads the option in ARGV[0]; returns how many words it has. */
static int read_option(struct nvb_compose_call *call, int argc, char *const *argv)
{
    const char *word = argv[0];
    const bool is_long = word[1] == '-';
    const char *name = word + (is_long ? 2 : 1);
    const size_t len = is_long ? strcspn(name, "=") : 1;
    const bool valued =
        is_long ? takes_value(name, len) : strchr(letters_with_value, name[0]) != NULL;
    if (!valued)
        return 1;
    const char *value = name + len;
    if (is_long ? *value == '=' : *value != '\0') {
        take(call, name, len, value + is_long);
        return 1;
    }
    if (argc < 2)
        return 1;
    take(call, name, len, argv[1]);
    return 2;
}

void nvb_compose_call_read(int argc, char *const *argv, struct nvb_compose_call *ret)
{
    int i = 0;
    while (i < argc && argv[i][0] == '-' && argv[i][1]) {
        const int words = read_option(ret, argc - i, argv + i);
        for (int k = 0; k < words; k++)
            nvb_strv_add(&ret->globals, argv[i++]);
    }
    for (; i < argc; i++)
        nvb_strv_add(&ret->words, argv[i]);
}

const char *nvb_compose_call_command(const struct nvb_compose_call *call)
{
    return call->words.count ? call->words.items[0] : NULL;
}

bool nvb_compose_call_makes(const struct nvb_compose_call *call)
{
    static const char *const making[] = {"up",    "run",    "create", "scale",
                                         "watch", "config", "convert"};
    const char *command = nvb_compose_call_command(call);
    for (size_t i = 0; command && i < NVB_COUNT(making); i++)
        if (strcmp(command, making[i]) == 0)
            return true;
    return false;
}

static bool is_in_list(const char *list, const struct nvb_strv *wanted)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    nvb_strv_split(&words, list, ',');
    nvb_vec_foreach (word, &words)
        if (strcmp(*word, "*") == 0 || nvb_strv_has(wanted, *word))
            return true;
    return false;
}

bool nvb_compose_call_wants(const struct nvb_compose_call *call,
                            const struct nvb_compose_variables *variables, const char *name,
                            const struct nvb_strv *profiles)
{
    const char *active = nvb_compose_variables_get(variables, "COMPOSE_PROFILES");
    for (size_t i = 1; i < call->words.count; i++)
        if (strcmp(call->words.items[i], name) == 0)
            return true;
    if (profiles->count == 0 || (active && is_in_list(active, profiles)))
        return true;
    nvb_vec_foreach (profile, &call->profiles)
        if (is_in_list(*profile, profiles))
            return true;
    return false;
}
