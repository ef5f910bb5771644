#include "plan/claims.h"

#include <string.h>

#include "host/user.h"

void nvb_claims_done(struct nvb_claims *claims)
{
    nvb_strv_done(&claims->mounts);
    nvb_strv_done(&claims->devices);
    nvb_strv_done(&claims->places);
    nvb_strv_done(&claims->cdi);
    nvb_strv_done(&claims->environment);
    nvb_strv_done(&claims->ports);
    nvb_strv_done(&claims->limits);
}

/* Without doubled, trailing and "." parts, so that two spellings of a path compare equal. A ".."
 * stays: what it leads to is not known here. */
static char *clean_path(const char *path, size_t len)
{
    struct nvb_str clean = NVB_STR_INIT;
    for (size_t i = 0; i < len;) {
        size_t part = 0;
        while (i < len && path[i] == '/')
            i++;
        while (i + part < len && path[i + part] != '/')
            part++;
        if (part > 0 && !(part == 1 && path[i] == '.')) {
            nvb_str_addc(&clean, '/');
            nvb_str_addn(&clean, path + i, part);
        }
        i += part;
    }
    if (clean.len == 0)
        nvb_str_addc(&clean, '/');
    return nvb_str_steal(&clean);
}

static void add_path(struct nvb_strv *list, const char *path, size_t len)
{
    char *clean = clean_path(path, len);
    nvb_vec_push(list, clean);
}

void nvb_claims_split_csv(const char *text, struct nvb_strv *ret)
{
    const char *p = text;
    for (;;) {
        _cleanup_str_ struct nvb_str field = NVB_STR_INIT;
        bool quoted = *p == '"';
        p += quoted;
        while (*p && (quoted || *p != ',')) {
            if (quoted && *p == '"' && p[1] != '"') {
                quoted = false;
                p++;
                continue;
            }
            p += quoted && *p == '"';
            nvb_str_addc(&field, *p++);
        }
        nvb_strv_add(ret, field.data);
        if (*p != ',')
            return;
        p++;
    }
}

bool nvb_claims_is_cdi_name(const char *word)
{
    const char *slash = strchr(word, '/');
    const char *equals = strchr(word, '=');
    return slash && equals && slash != word && slash < equals && equals[1] != '\0';
}

/* [SOURCE:]DESTINATION[:OPTIONS] */
static void read_volume(const char *value, struct nvb_claims *ret)
{
    size_t first = strcspn(value, ":");
    const char *destination = value;
    if (value[first] == ':')
        destination = value + first + 1;
    add_path(&ret->mounts, destination, strcspn(destination, ":"));
}

/* type=bind,source=…,target=… */
static void read_mount(const char *value, struct nvb_claims *ret)
{
    static const char *const keys[] = {"target=", "dst=", "destination="};
    _cleanup_strv_ struct nvb_strv fields = {0};
    nvb_claims_split_csv(value, &fields);
    for (size_t i = 0; i < fields.count; i++)
        for (size_t k = 0; k < NVB_COUNT(keys); k++)
            if (nvb_has_prefix(fields.items[i], keys[k])) {
                const char *path = fields.items[i] + strlen(keys[k]);
                add_path(&ret->mounts, path, strlen(path));
            }
}

/* HOST[:CONTAINER][:PERMISSIONS], or a CDI name. */
static void read_device(const char *value, struct nvb_claims *ret)
{
    if (nvb_claims_is_cdi_name(value)) {
        nvb_strv_add(&ret->cdi, value);
        return;
    }
    size_t host = strcspn(value, ":");
    const char *place = value;
    add_path(&ret->devices, value, host);
    if (value[host] == ':' && value[host + 1] == '/')
        place = value + host + 1;
    add_path(&ret->places, place, strcspn(place, ":"));
}

static void read_devices(const struct nvb_plan_option *option, unsigned engine_version,
                         struct nvb_claims *ret)
{
    _cleanup_strv_ struct nvb_strv devices = {0};
    if (option->row && option->row->repeat == NVB_OPTION_CSV4 && engine_version >= 400 &&
        engine_version < 500)
        nvb_claims_split_csv(option->value, &devices);
    else
        nvb_strv_add(&devices, option->value);
    for (size_t i = 0; i < devices.count; i++)
        read_device(devices.items[i], ret);
}

/* [[ADDRESS:]HOST:]CONTAINER[/PROTOCOL] */
static void read_port(const char *value, struct nvb_claims *ret)
{
    const char *colon = strrchr(value, ':');
    const char *port = colon ? colon + 1 : value;
    nvb_strv_addf(&ret->ports, "%s%s", port, strchr(port, '/') ? "" : "/tcp");
}

void nvb_claims_read(const struct nvb_plan_line *line, unsigned engine_version,
                     struct nvb_claims *ret)
{
    nvb_vec_foreach (option, &line->options) {
        const char *name = nvb_plan_option_name(option);
        const char *value = option->value;
        if (!value)
            continue;
        if (strcmp(name, "volume") == 0)
            read_volume(value, ret);
        else if (strcmp(name, "mount") == 0)
            read_mount(value, ret);
        else if (strcmp(name, "tmpfs") == 0)
            add_path(&ret->mounts, value, strcspn(value, ":"));
        else if (strcmp(name, "device") == 0)
            read_devices(option, engine_version, ret);
        else if (strcmp(name, "env") == 0)
            nvb_strv_addn(&ret->environment, value, strcspn(value, "="));
        else if (strcmp(name, "unsetenv") == 0)
            nvb_strv_add(&ret->environment, value);
        else if (strcmp(name, "publish") == 0)
            read_port(value, ret);
        else if (strcmp(name, "ulimit") == 0)
            nvb_strv_addn(&ret->limits, value, strcspn(value, "="));
    }
}

static bool overlap(const struct nvb_strv *a, const struct nvb_strv *b)
{
    for (size_t i = 0; i < a->count; i++)
        if (nvb_strv_has(b, a->items[i]))
            return true;
    return false;
}

bool nvb_claims_overlap(const struct nvb_claims *a, const struct nvb_claims *b)
{
    return overlap(&a->mounts, &b->mounts) || overlap(&a->places, &b->places) ||
           overlap(&a->cdi, &b->cdi) || overlap(&a->environment, &b->environment) ||
           overlap(&a->ports, &b->ports) || overlap(&a->limits, &b->limits);
}

const char *nvb_claims_env_value(const struct nvb_plan_line *line, const char *name,
                                 char *const *environment)
{
    const char *found = NULL;
    size_t len = strlen(name);
    nvb_vec_foreach (option, &line->options) {
        const char *value = option->value;
        if (!value || !nvb_plan_option_is(option, "env") || strncmp(value, name, len) != 0)
            continue;
        if (value[len] == '=')
            found = value + len + 1;
        else if (value[len] == '\0')
            found = nvb_environment_get(environment, name);
    }
    return found;
}

/* ---- filtering ---- */

static bool has_path(const struct nvb_strv *paths, const char *path)
{
    _cleanup_free_ char *clean = clean_path(path, strlen(path));
    return nvb_strv_has(paths, clean);
}

static bool has_variable(const struct nvb_strv *names, const char *variable)
{
    _cleanup_free_ char *name = nvb_strndup(variable, strcspn(variable, "="));
    return nvb_strv_has(names, name);
}

static void filter_environment(const struct nvb_claims *claims, struct nvb_strv *env)
{
    size_t kept = 0;
    for (size_t i = 0; i < env->count; i++) {
        if (has_variable(&claims->environment, env->items[i]))
            free(env->items[i]);
        else
            env->items[kept++] = env->items[i];
    }
    env->count = kept;
}

size_t nvb_claims_filter(const struct nvb_claims *claims, struct nvb_cdi_edits *edits)
{
    struct nvb_cdi_edits dropped = {0};
    size_t kept = 0;
    filter_environment(claims, &edits->env);
    nvb_vec_foreach (node, &edits->nodes) {
        const char *source = node->host_path ? node->host_path : node->path;
        if (has_path(&claims->devices, source) || has_path(&claims->places, node->path) ||
            has_path(&claims->mounts, node->path))
            nvb_vec_push(&dropped.nodes, *node);
        else
            edits->nodes.items[kept++] = *node;
    }
    edits->nodes.count = kept;
    kept = 0;
    nvb_vec_foreach (mount, &edits->mounts) {
        if (has_path(&claims->mounts, mount->container_path) ||
            has_path(&claims->places, mount->container_path))
            nvb_vec_push(&dropped.mounts, *mount);
        else
            edits->mounts.items[kept++] = *mount;
    }
    edits->mounts.count = kept;
    size_t taken = dropped.nodes.count + dropped.mounts.count;
    nvb_cdi_edits_done(&dropped);
    return taken;
}
