#include "plan/visible.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cdi/build.h"
#include "host/user.h"
#include "plan/claims.h"

#define MOUNTS       "/var/run/nvidia-container-devices/"
#define ENV_FILE_MAX (1u << 20)

/* ---- lists ---- */

/* The words of a list, without the spaces around them; empty ones are left out. */
static void split_words(const char *text, struct nvb_strv *ret)
{
    static const char spaces[] = " \t\r\n\v\f";
    while (*text) {
        size_t len = strcspn(text, ",");
        const char *next = text + len + (text[len] == ',');
        size_t before = strspn(text, spaces);
        if (before > len)
            before = len;
        while (len > before && strchr(spaces, text[len - 1]))
            len--;
        if (len > before)
            nvb_strv_addn(ret, text + before, len - before);
        text = next;
    }
}

static char *join(const struct nvb_strv *words)
{
    struct nvb_str s = NVB_STR_INIT;
    for (size_t i = 0; i < words->count; i++)
        nvb_str_addf(&s, "%s%s", i ? "," : "", words->items[i]);
    return s.len ? nvb_str_steal(&s) : nvb_strdup("");
}

char *nvb_visible_clean_list(const char *text)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    split_words(text, &words);
    return join(&words);
}

char *nvb_visible_clean(const char *text)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    split_words(text, &words);
    if (nvb_strv_has(&words, "void"))
        return nvb_strdup("");
    for (size_t i = 0; i < words.count; i++)
        if (strcmp(words.items[i], "all") == 0 || strcmp(words.items[i], "none") == 0)
            return nvb_strdup(words.items[i]);
    return join(&words);
}

/* ---- variables ---- */

/* NAME's value in the text of an --env-file: NAME=VALUE lines, the last one counts. */
static char *find_in_text(const char *text, const char *name, char *const *environment)
{
    const size_t len = strlen(name);
    const char *found = NULL;
    size_t found_len = 0;
    while (*text) {
        size_t end = strcspn(text, "\n");
        const char *line = text + strspn(text, " \t");
        size_t left = line < text + end ? (size_t)(text + end - line) : 0;
        text += end + (text[end] == '\n');
        if (left > 0 && line[left - 1] == '\r')
            left--;
        if (left < len || memcmp(line, name, len) != 0)
            continue;
        if (left > len && line[len] == '=') {
            found = line + len + 1;
            found_len = left - len - 1;
        } else if (left == len) {
            found = nvb_environment_get(environment, name);
            found_len = found ? strlen(found) : 0;
        }
    }
    return found ? nvb_strndup(found, found_len) : NULL;
}

static char *find_in_file(const char *path, const char *name, char *const *environment)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || nvb_file_read(fd, path, ENV_FILE_MAX, &text, NULL) < 0)
        return NULL;
    return find_in_text(text.data, name, environment);
}

char *nvb_visible_find_variable(const struct nvb_plan_line *line, const char *name,
                                char *const *environment)
{
    const char *said = nvb_claims_env_value(line, name, environment);
    char *found = NULL;
    if (said)
        return nvb_strdup(said);
    for (size_t i = line->options.count; i-- > 0 && !found;) {
        const struct nvb_plan_option *option = &line->options.items[i];
        if (nvb_plan_option_is(option, "env-file") && option->value)
            found = find_in_file(option->value, name, environment);
    }
    return found;
}

/* ---- mounts ---- */

/* The destination of a mount of /dev/null; owned, or NULL. */
static char *find_null_mount(const struct nvb_plan_option *option)
{
    const char *value = option->value;
    if (!value)
        return NULL;
    if (nvb_plan_option_is(option, "volume")) {
        if (!nvb_has_prefix(value, "/dev/null:"))
            return NULL;
        value += strlen("/dev/null:");
        return nvb_strndup(value, strcspn(value, ":"));
    }
    if (!nvb_plan_option_is(option, "mount"))
        return NULL;
    _cleanup_strv_ struct nvb_strv fields = {0};
    const char *destination = NULL;
    bool is_null = false;
    nvb_claims_split_csv(value, &fields);
    for (size_t i = 0; i < fields.count; i++) {
        const char *field = fields.items[i];
        const char *text = strchr(field, '=');
        size_t len = text ? (size_t)(text - field) : 0;
        if (len == 0)
            continue;
        if ((len == 3 && memcmp(field, "src", 3) == 0) ||
            (len == 6 && memcmp(field, "source", 6) == 0))
            is_null = strcmp(text + 1, "/dev/null") == 0;
        else if ((len == 3 && memcmp(field, "dst", 3) == 0) ||
                 (len == 6 && memcmp(field, "target", 6) == 0) ||
                 (len == 11 && memcmp(field, "destination", 11) == 0))
            destination = text + 1;
    }
    return is_null ? nvb_strdup(destination) : NULL;
}

/* The word of such a request; owned, or NULL where OPTION is none. */
static char *read_mount(const struct nvb_plan_option *option)
{
    _cleanup_free_ char *destination = find_null_mount(option);
    if (!destination || !nvb_has_prefix(destination, MOUNTS))
        return NULL;
    const char *word = destination + strlen(MOUNTS);
    word += strspn(word, "/");
    size_t len = strlen(word);
    while (len > 0 && word[len - 1] == '/')
        len--;
    if (len == 0)
        return NULL;
    if (!nvb_has_prefix(word, "cdi/"))
        return nvb_strndup(word, len);
    char *name = nvb_strndup(word + 4, len - 4);
    /* VENDOR/CLASS=NAME, or all three with slashes: engines part a mount's fields at other signs.
     */
    char *slash = strchr(name, '=') ? NULL : strchr(name, '/');
    slash = slash ? strchr(slash + 1, '/') : NULL;
    if (slash)
        *slash = '=';
    return name;
}

void nvb_visible_read_mounts(const struct nvb_plan_line *line, struct nvb_strv *ret)
{
    nvb_vec_foreach (option, &line->options) {
        _cleanup_free_ char *word = read_mount(option);
        if (word && !nvb_has_prefix(word, "imex/") && !nvb_strv_has(ret, word))
            nvb_strv_add(ret, word);
    }
}

static void add_channel(const char *number, struct nvb_strv *ret)
{
    uint64_t n;
    if (nvb_parse_u64(number, strlen(number), 10, &n) < 0)
        return;
    _cleanup_free_ char *node =
        nvb_strdupf("/dev/nvidia-caps-imex-channels/channel%llu", (unsigned long long)n);
    if (!nvb_strv_has(ret, node))
        nvb_strv_add(ret, node);
}

void nvb_visible_read_channels(const struct nvb_plan_line *line, char *const *environment,
                               struct nvb_strv *ret)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    const size_t before = ret->count;
    nvb_vec_foreach (option, &line->options) {
        _cleanup_free_ char *word = read_mount(option);
        if (word && nvb_has_prefix(word, "imex/"))
            add_channel(word + strlen("imex/"), ret);
    }
    if (ret->count > before)
        return;
    _cleanup_free_ char *value = nvb_visible_find_variable(line, NVB_IMEX_CHANNELS, environment);
    if (!value)
        return;
    split_words(value, &words);
    for (size_t i = 0; i < words.count; i++)
        add_channel(words.items[i], ret);
}

int nvb_visible_read_mig(const struct nvb_plan_line *line, char *const *environment, unsigned *ret,
                         struct nvb_error **err)
{
    static const struct {
        const char *name;
        unsigned bit;
    } variables[] = {
        {"NVIDIA_MIG_CONFIG_DEVICES", NVB_CDI_MIG_CONFIG},
        {"NVIDIA_MIG_MONITOR_DEVICES", NVB_CDI_MIG_MONITOR},
    };
    for (size_t i = 0; i < NVB_COUNT(variables); i++) {
        _cleanup_free_ char *value =
            nvb_visible_find_variable(line, variables[i].name, environment);
        if (!value || value[0] == '\0')
            continue;
        if (strcmp(value, "all") != 0) {
            (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "%s is '%s', and only all of them can be",
                                 variables[i].name, value);
            return nvb_error_hint(err, "-e %s=all", variables[i].name);
        }
        *ret |= variables[i].bit;
    }
    return 0;
}

void nvb_visible_drop(struct nvb_plan_line *line, const char *variable)
{
    _cleanup_free_ bool *drop = nvb_calloc(line->options.count + 1, sizeof(*drop));
    const size_t len = variable ? strlen(variable) : 0;
    bool any = false;
    for (size_t i = 0; i < line->options.count; i++) {
        const struct nvb_plan_option *option = &line->options.items[i];
        _cleanup_free_ char *word = read_mount(option);
        drop[i] = word || (variable && option->value && nvb_plan_option_is(option, "env") &&
                           strncmp(option->value, variable, len) == 0 &&
                           (option->value[len] == '=' || option->value[len] == '\0'));
        any = any || drop[i];
    }
    if (any)
        nvb_plan_line_drop(line, drop);
}
