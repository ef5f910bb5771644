#include "plan/short_name.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/trust.h"

/*
 * Theory of operation. Nothing of registries.conf is understood but what decides: whether it speaks
 * of unqualified-search-registries, which version it has, and whether an alias stands for this
 * name. These are keys at the beginning of a line in any file that people write; what a line that
 * looks like one does in the middle of a string of several lines is to leave everything as it is,
 * which is what Podman alone would do. The files are those of containers/image, sysregistriesv2.
 */

#define SEARCH      "unqualified-search-registries"
#define SYSTEM_FILE "/etc/containers/registries.conf"
#define USER_FILE   "/.config/containers/registries.conf"
#define VARIABLE    "CONTAINERS_REGISTRIES_CONF"
#define FILE_MAX    (1u << 20)

/* ---- names ---- */

static bool is_id(const char *image)
{
    const size_t len = strlen(image);
    return nvb_has_prefix(image, "sha256:") ||
           (len >= 12 && strspn(image, "0123456789abcdef") == len);
}

bool nvb_image_is_short(const char *image)
{
    static const char *const transports[] = {
        "containers-storage:",
        "dir:",
        "docker-archive:",
        "docker-daemon:",
        "docker:",
        "oci:",
        "oci-archive:",
        "ostree:",
        "sif:",
        "tarball:",
    };
    for (size_t i = 0; i < NVB_COUNT(transports); i++)
        if (nvb_has_prefix(image, transports[i]))
            return false;
    const size_t first = strcspn(image, "/");
    if (image[0] == '\0' || image[0] == '/' || image[0] == '.' || is_id(image))
        return false;
    if (image[first] == '\0')
        return true;
    return !memchr(image, '.', first) && !memchr(image, ':', first) &&
           !(first == strlen("localhost") && nvb_has_prefix(image, "localhost"));
}

/* How many bytes of IMAGE stand before its tag and its digest. */
static size_t name_length(const char *image)
{
    size_t len = strcspn(image, "@");
    for (size_t i = len; i-- > 0 && image[i] != '/';)
        if (image[i] == ':')
            len = i;
    return len;
}

/* ---- the text of a file ---- */

/* The next line of *TEXT without the blanks at its beginning; its end is in *RET_END. NULL: none.
 */
static const char *next_line(const char **text, const char **ret_end)
{
    const char *line = *text;
    if (*line == '\0')
        return NULL;
    *ret_end = line + strcspn(line, "\n");
    *text = *ret_end + (**ret_end == '\n');
    while (line < *ret_end && (*line == ' ' || *line == '\t'))
        line++;
    return line;
}

static bool has_line(const char *text, const char *part, bool at_start)
{
    const char *end;
    for (const char *line; (line = next_line(&text, &end));) {
        const size_t len = (size_t)(end - line);
        if (line < end && *line != '#' &&
            (at_start ? len >= strlen(part) && memcmp(line, part, strlen(part)) == 0
                      : memmem(line, len, part, strlen(part)) != NULL))
            return true;
    }
    return false;
}

int nvb_registries_extend(const char *text, char **ret)
{
    if (!text)
        text = "";
    if (has_line(text, SEARCH, false) || has_line(text, "registries.search", false))
        return 1;
    if (has_line(text, "[registries.", true))
        *ret = nvb_strdupf("%s\n[registries.search]\nregistries = [\"" NVB_DOCKER_REGISTRY "\"]\n",
                           text);
    else /* before the first table, where the key belongs */
        *ret = nvb_strdupf(SEARCH " = [\"" NVB_DOCKER_REGISTRY "\"]\n%s", text);
    return 0;
}

bool nvb_registries_has_alias(const char *text, const char *image)
{
    const size_t len = name_length(image);
    const char *end;
    for (const char *line; (line = next_line(&text, &end));) {
        const bool quoted = line < end && (*line == '"' || *line == '\'');
        const char *name = line + quoted;
        if ((size_t)(end - name) <= len || memcmp(name, image, len) != 0)
            continue;
        const char *rest = name + len;
        if (quoted && *rest++ != *line)
            continue;
        while (rest < end && (*rest == ' ' || *rest == '\t'))
            rest++;
        if (rest < end && *rest == '=')
            return true;
    }
    return false;
}

/* ---- the files ---- */

/* What PATH says. Returns 0, 1 when it is not there, or -1: nobody can tell. */
static int read_text(const char *path, struct nvb_str *ret)
{
    nvb_str_truncate(ret, 0);
    return nvb_file_read_path(path, FILE_MAX, ret, NULL);
}

/* Whether a file laid over the main one decides already. */
static bool decides(const char *path, const char *image)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    int r = read_text(path, &text);
    return r < 0 || (r == 0 && (has_line(text.data, SEARCH, false) ||
                                nvb_registries_has_alias(text.data, image)));
}

static bool folder_decides(const char *path, const char *image)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    bool found = false;
    while (folder && !found && (entry = readdir(folder))) {
        if (!nvb_has_suffix(entry->d_name, ".conf"))
            continue;
        _cleanup_free_ char *file = nvb_strdupf("%s/%s", path, entry->d_name);
        found = decides(file, image);
    }
    if (folder)
        (void)closedir(folder);
    return found;
}

/* The registries.conf that Podman would read. Owned. */
static char *find_main(const struct nvb_plan_input *input)
{
    static const char *const variables[] = {VARIABLE, "REGISTRIES_CONFIG_PATH"};
    for (size_t i = 0; i < NVB_COUNT(variables); i++) {
        const char *value = nvb_environment_get(input->environment, variables[i]);
        if (value)
            return nvb_strdup(value);
    }
    _cleanup_free_ char *own =
        nvb_strdupf("%s" USER_FILE, input->user->home ? input->user->home : "");
    if (input->user->home && access(own, F_OK) == 0)
        return TAKE_PTR(own);
    return nvb_strdup(SYSTEM_FILE);
}

/* Whether aliases that Podman has recorded itself, or files laid over the main one, decide. */
static bool is_decided(const struct nvb_plan_input *input, const char *image)
{
    const char *home = input->user->home;
    const char *cache = nvb_environment_get(input->environment, "XDG_CACHE_HOME");
    _cleanup_free_ char *own = nvb_strdupf("%s" USER_FILE ".d", home ? home : "");
    _cleanup_free_ char *recorded =
        input->user->uid == 0 ? nvb_strdup("/var/cache/containers/short-name-aliases.conf")
        : cache && cache[0] == '/'
            ? nvb_strdupf("%s/containers/short-name-aliases.conf", cache)
            : nvb_strdupf("%s/.cache/containers/short-name-aliases.conf", home ? home : "");
    return folder_decides(SYSTEM_FILE ".d", image) || (home && folder_decides(own, image)) ||
           decides(recorded, image);
}

void nvb_plan_name_registry(const struct nvb_plan_input *input, struct nvb_plan *plan,
                            struct nvb_notes *notes)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_free_ char *extended = NULL;
    _cleanup_free_ char *runtime = NULL;
    const char *image = plan->image;
    if (input->engine->kind != NVB_ENGINE_PODMAN || !image || !nvb_image_is_short(image) ||
        nvb_plan_is_on(plan, "rootfs") ||
        (input->endpoint && input->endpoint->kind != NVB_ENDPOINT_HERE))
        return;
    _cleanup_free_ char *main_file = find_main(input);
    int r = read_text(main_file, &text);
    if (r < 0 || nvb_registries_extend(r == 0 ? text.data : NULL, &extended) != 0 ||
        nvb_registries_has_alias(extended, image) || is_decided(input, image) ||
        nvb_trust_runtime_folder(input->user->runtime_dir, &runtime, NULL) != 0)
        return;
    const size_t len = strlen(extended);
    plan->registries.path = nvb_strdupf("%s/registries-%016llx.conf", runtime,
                                        (unsigned long long)nvb_hash(NVB_HASH_INIT, extended, len));
    plan->registries.text = TAKE_PTR(extended);
    plan->registries.len = len;
    nvb_strv_addf(&plan->added_environment, VARIABLE "=%s", plan->registries.path);
    nvb_notes_add(notes, NVB_NOTE_NOTICE,
                  "'%s' names no registry: a local image of that name, else " NVB_DOCKER_REGISTRY
                  "/%s%s",
                  image, strchr(image, '/') ? "" : "library/", image);
}
