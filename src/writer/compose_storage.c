/* What is mounted. Compose's long form throughout: its short one takes a path's colon, and the name
 * of an option that it does not know, for something else. */

#include <string.h>

#include "plan/claims.h"
#include "writer/compose_parts.h"

/* A mount, as any of --volume, --mount and CDI's edits has it. */
struct mount {
    const char *type; /* "bind", "volume", "tmpfs" */
    char *source;     /* owned; NULL: an anonymous volume */
    char *target;     /* owned */
    bool read_only;
    bool no_copy;
    bool make_source; /* Docker's --volume makes a folder of what is not there */
    char *propagation, *selinux, *size, *mode; /* owned, or NULL */
};

#define _cleanup_mount_ _cleanup_(mount_done)

static void mount_done(struct mount *m)
{
    free(m->source);
    free(m->target);
    free(m->propagation);
    free(m->selinux);
    free(m->size);
    free(m->mode);
}

static void replace(char **at, const char *text)
{
    free(*at);
    *at = nvb_strdup(text);
}

char *nvb_compose_absolute(const struct nvb_compose *c, const char *path)
{
    if (path[0] == '/')
        return nvb_strdup(path);
    while (nvb_has_prefix(path, "./"))
        path += 2;
    return nvb_strdupf("%s/%s", c->options->folder, strcmp(path, ".") == 0 ? "" : path);
}

/* ---- writing ---- */

static void declare(struct nvb_compose *c, const char *volume)
{
    struct nvb_doc *declared = nvb_doc_at(&c->volumes, volume);
    /* Without a name of its own it would get the project's before it. */
    if (declared->type == NVB_DOC_NULL)
        nvb_compose_set(nvb_doc_put(declared, "name"), volume);
}

/* The short form is the only one with a label for a named volume. */
static void put_short(struct nvb_compose *c, const struct mount *m)
{
    _cleanup_free_ char *text =
        nvb_strdupf("%s:%s:%s%s", m->source, m->target, m->read_only ? "ro," : "", m->selinux);
    nvb_compose_set(nvb_doc_push(nvb_compose_at(c, "volumes")), text);
}

/* podman-compose makes "--volume SOURCE:TARGET:…" and "--tmpfs TARGET:…" of it. */
static const char *find_fault(const struct nvb_compose *c, const struct mount *m)
{
    if (!m->target || m->target[0] != '/')
        return "its place in the container is no absolute path";
    if (nvb_compose_is(c, NVB_COMPOSE_ANY_PODMAN) &&
        (strchr(m->target, ':') || (m->source && strchr(m->source, ':'))))
        return "a ':' in the path would end it";
    if (m->selinux && nvb_compose_is(c, NVB_COMPOSE_PODMAN_OLD))
        return "there is no word for SELinux's labels (podman-compose 1.3 has one)";
    if (m->selinux && strcmp(m->type, "bind") != 0 &&
        (nvb_compose_is(c, NVB_COMPOSE_ANY_PODMAN) || !m->source || strchr(m->target, ':')))
        return "there is no word for SELinux's labels on a volume";
    if (m->no_copy && nvb_compose_is(c, NVB_COMPOSE_ANY_PODMAN))
        return "there is no word for 'nocopy'";
    return NULL;
}

static void put_bind(struct nvb_compose *c, const struct mount *m, struct nvb_doc *item)
{
    struct nvb_doc *bind = nvb_doc_put(item, "bind");
    if (m->propagation)
        nvb_doc_put_text(bind, "propagation", m->propagation);
    if (m->selinux)
        nvb_doc_put_text(bind, "selinux", m->selinux);
    /* Where it is set, docker compose hands the mount on in the form that Podman's service mounts
     * with all that is below; in the other one it leaves that out. */
    nvb_doc_put_bool(bind, "create_host_path",
                     m->make_source || nvb_compose_is(c, NVB_COMPOSE_SOCKET));
}

static void put_tmpfs(struct nvb_compose *c, const struct mount *m, struct nvb_doc *item)
{
    uint64_t bits;
    struct nvb_doc *tmpfs = nvb_doc_put(item, "tmpfs");
    if (m->size)
        nvb_compose_set(nvb_doc_put(tmpfs, "size"), m->size);
    if (m->mode && nvb_compose_is(c, NVB_COMPOSE_ANY_PODMAN))
        nvb_compose_set(nvb_doc_put(tmpfs, "mode"), m->mode);
    else if (m->mode && nvb_parse_u64(m->mode, strlen(m->mode), 8, &bits) == 0)
        nvb_doc_put_int(tmpfs, "mode", (int64_t)bits);
}

static int put_mount(struct nvb_compose *c, const struct nvb_plan_option *option,
                     const struct mount *m, struct nvb_error **err)
{
    const char *fault = find_fault(c, m);
    const bool is_volume = strcmp(m->type, "volume") == 0;
    if (fault && option)
        return nvb_compose_refuse(c, option, fault, NULL, err);
    if (fault)
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0, "Compose cannot mount '%s': %s",
                              m->source ? m->source : "", fault);
    if (is_volume && m->source)
        declare(c, m->source);
    if (is_volume && m->selinux) {
        put_short(c, m);
        return 0;
    }
    struct nvb_doc *item = nvb_doc_push(nvb_compose_at(c, "volumes"));
    nvb_doc_put_text(item, "type", m->type);
    if (m->source)
        nvb_compose_set(nvb_doc_put(item, "source"), m->source);
    nvb_compose_set(nvb_doc_put(item, "target"), m->target);
    if (m->read_only)
        nvb_doc_put_bool(item, "read_only", true);
    if (strcmp(m->type, "bind") == 0)
        put_bind(c, m, item);
    if (is_volume && m->no_copy)
        nvb_doc_put_bool(nvb_doc_put(item, "volume"), "nocopy", true);
    if (strcmp(m->type, "tmpfs") == 0 && (m->size || m->mode))
        put_tmpfs(c, m, item);
    return 0;
}

/* ---- reading ---- */

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

static bool is_propagation(const char *word)
{
    static const char *const words[] = {"private", "rprivate", "shared",
                                        "rshared", "slave",    "rslave"};
    return is_one_of(word, words, NVB_COUNT(words));
}

/* One of the words behind a mount's second colon. Returns whether Compose has one for it. */
static bool take_word(struct mount *m, const char *word)
{
    static const char *const usual[] = {"",           "rw",     "bind",     "rbind",
                                        "consistent", "cached", "delegated"};
    if (is_one_of(word, usual, NVB_COUNT(usual)))
        return true;
    if (strcmp(word, "ro") == 0)
        m->read_only = true;
    else if (strcmp(word, "z") == 0 || strcmp(word, "Z") == 0)
        replace(&m->selinux, word);
    else if (is_propagation(word) && strcmp(m->type, "bind") == 0)
        replace(&m->propagation, word);
    else if (strcmp(word, "nocopy") == 0)
        m->no_copy = true;
    else
        return false;
    return true;
}

static int refuse_word(struct nvb_compose *c, const struct nvb_plan_option *option,
                       const char *word, struct nvb_error **err)
{
    _cleanup_free_ char *why = nvb_strdupf("there is no key for its '%s'", word);
    return nvb_compose_refuse(c, option, why, NULL, err);
}

int nvb_compose_add_volume(struct nvb_compose *c, const struct nvb_plan_option *option,
                           const char *value, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv parts = {0};
    _cleanup_strv_ struct nvb_strv words = {0};
    _cleanup_mount_ struct mount m = {.type = "volume"};
    nvb_strv_split(&parts, value, ':');
    /* "/data:ro" is an anonymous volume with options. */
    const size_t target = parts.count > 1 && parts.items[1][0] == '/' ? 1 : 0;
    if (parts.count > target + 2)
        return nvb_compose_refuse(c, option, "it is not SOURCE:PLACE:OPTIONS", NULL, err);
    m.target = nvb_strdup(parts.items[target]);
    if (target > 0 && strchr("/.", parts.items[0][0]) && *parts.items[0]) {
        m.type = "bind";
        m.source = nvb_compose_absolute(c, parts.items[0]);
        m.make_source = nvb_compose_is(c, NVB_COMPOSE_DOCKER);
    } else if (target > 0 && *parts.items[0]) {
        m.source = nvb_strdup(parts.items[0]);
    }
    if (parts.count > target + 1)
        nvb_strv_split(&words, parts.items[target + 1], ',');
    nvb_vec_foreach (word, &words)
        if (!take_word(&m, *word))
            return refuse_word(c, option, *word, err);
    return put_mount(c, option, &m, err);
}

static bool is_true(const char *value)
{
    static const char *const words[] = {"", "1", "true"};
    return is_one_of(value, words, NVB_COUNT(words));
}

/* One field of --mount. Returns whether Compose has a word for it. */
static bool take_field(struct nvb_compose *c, struct mount *m, const char *name, const char *value)
{
    static const char *const sources[] = {"source", "src"};
    static const char *const targets[] = {"target", "dst", "destination"};
    static const char *const read_only[] = {"readonly", "ro"};
    const bool is_bind = strcmp(m->type, "bind") == 0;
    const bool is_tmpfs = strcmp(m->type, "tmpfs") == 0;
    if (strcmp(name, "type") == 0)
        return true;
    if (is_one_of(name, sources, NVB_COUNT(sources))) {
        free(m->source);
        m->source = is_bind ? nvb_compose_absolute(c, value) : nvb_strdup(value);
        return !is_tmpfs;
    }
    if (is_one_of(name, targets, NVB_COUNT(targets)))
        replace(&m->target, value);
    else if (is_one_of(name, read_only, NVB_COUNT(read_only)))
        m->read_only = is_true(value);
    else if (strcmp(name, "rw") == 0)
        m->read_only = !is_true(value);
    else if (strcmp(name, "bind-propagation") == 0 && is_bind && is_propagation(value))
        replace(&m->propagation, value);
    else if (strcmp(name, "relabel") == 0 && is_bind)
        replace(&m->selinux, strcmp(value, "private") == 0 ? "Z" : "z");
    else if (strcmp(name, "volume-nocopy") == 0)
        m->no_copy = is_true(value);
    else if (strcmp(name, "tmpfs-size") == 0 && is_tmpfs)
        replace(&m->size, value);
    else if (strcmp(name, "tmpfs-mode") == 0 && is_tmpfs)
        replace(&m->mode, value);
    else
        return strcmp(name, "consistency") == 0;
    return true;
}

int nvb_compose_add_mount(struct nvb_compose *c, const struct nvb_plan_option *option,
                          const char *value, struct nvb_error **err)
{
    static const char *const types[] = {"volume", "bind", "tmpfs"};
    _cleanup_strv_ struct nvb_strv fields = {0};
    _cleanup_mount_ struct mount m = {.type = "volume"};
    nvb_claims_split_csv(value, &fields);
    nvb_vec_foreach (field, &fields) {
        if (!nvb_has_prefix(*field, "type="))
            continue;
        m.type = NULL;
        for (size_t i = 0; i < NVB_COUNT(types); i++)
            if (strcmp(*field + strlen("type="), types[i]) == 0)
                m.type = types[i];
        if (!m.type)
            return refuse_word(c, option, *field, err);
    }
    nvb_vec_foreach (field, &fields) {
        const char *equals = strchr(*field, '=');
        _cleanup_free_ char *name =
            nvb_strndup(*field, equals ? (size_t)(equals - *field) : strlen(*field));
        if (!take_field(c, &m, name, equals ? equals + 1 : ""))
            return refuse_word(c, option, *field, err);
    }
    return put_mount(c, option, &m, err);
}

int nvb_compose_add_volumes_from(struct nvb_compose *c, const struct nvb_plan_option *option,
                                 const char *value, struct nvb_error **err)
{
    (void)option;
    (void)err;
    _cleanup_free_ char *text = nvb_strdupf("container:%s", value);
    nvb_compose_set(nvb_doc_push(nvb_compose_at(c, "volumes_from")), text);
    return 0;
}

/* nosuid and nodev cannot be said, as to Docker. */
int nvb_compose_add_bind(struct nvb_compose *c, const struct nvb_cdi_mount *mount,
                         struct nvb_error **err)
{
    _cleanup_mount_ struct mount m = {
        .type = "bind",
        .source = nvb_strdup(mount->host_path),
        .target = nvb_strdup(mount->container_path),
    };
    nvb_vec_foreach (word, &mount->options)
        (void)take_word(&m, *word);
    return put_mount(c, NULL, &m, err);
}
