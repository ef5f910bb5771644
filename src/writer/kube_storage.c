/* What is mounted: volumes of a pod and the places where its container has them. */

#include <string.h>
#include <sys/stat.h>

#include "data/kube_text.h"
#include "plan/claims.h"
#include "writer/kube_parts.h"

enum source_kind {
    FOLDER, /* of the machine, or a file */
    NAMED,
    ANONYMOUS,
    MEMORY,
};

struct mount {
    enum source_kind kind;
    const char *source;
    const char *type; /* of a path: "CharDevice" …, or NULL */
    const char *target;
    const char *subpath;
    struct nvb_strv words; /* options, as an engine writes them */
    uint64_t size;         /* of memory, in bytes; 0: no limit */
};

#define _cleanup_mount_ _cleanup_(mount_done)

static void mount_done(struct mount *m)
{
    nvb_strv_done(&m->words);
}

/* ---- options ---- */

/* Where the word says no more than what is so anyway. */
static bool is_usual(const char *word)
{
    static const char *const usual[] = {"", "rw", "bind", "rbind", "nosuid", "nodev"};
    for (size_t i = 0; i < NVB_COUNT(usual); i++)
        if (strcmp(word, usual[i]) == 0)
            return true;
    return false;
}

static const char *propagation_of(const char *word)
{
    static const struct {
        const char *word, *mode;
    } modes[] = {
        {"private", "None"},           {"rprivate", "None"},        {"slave", "HostToContainer"},
        {"rslave", "HostToContainer"}, {"shared", "Bidirectional"}, {"rshared", "Bidirectional"},
    };
    for (size_t i = 0; i < NVB_COUNT(modes); i++)
        if (strcmp(word, modes[i].word) == 0)
            return modes[i].mode;
    return NULL;
}

static int refuse_word(const struct nvb_kube *k, const struct nvb_plan_option *option,
                       const char *word, struct nvb_error **err)
{
    _cleanup_free_ char *why = nvb_strdupf("there is no field for its '%s'", word);
    return nvb_kube_refuse(k, option, why, NULL, err);
}

/* MORE gets what only Podman reads, behind the path: "/data:Z". */
static int add_words(struct nvb_kube *k, const struct nvb_plan_option *option,
                     const struct mount *m, struct nvb_doc *item, struct nvb_str *more,
                     struct nvb_error **err)
{
    const bool memory = m->kind == MEMORY;
    for (size_t i = 0; i < m->words.count; i++) {
        const char *word = m->words.items[i];
        const char *mode = propagation_of(word);
        /* What a folder of memory is told, Podman drops. */
        if (is_usual(word) || (memory && strcmp(word, "mode=1777") == 0))
            continue;
        if (strcmp(word, "ro") == 0 && !memory)
            nvb_doc_set_bool(nvb_doc_at(item, "readOnly"), true);
        else if (mode && !memory)
            nvb_doc_set_text(nvb_doc_at(item, "mountPropagation"), mode);
        else if (memory || nvb_kube_is_cluster(k))
            return refuse_word(k, option, word, err);
        else
            nvb_str_addf(more, "%s%s", more->len ? "," : ":", word);
    }
    return 0;
}

/* ---- volumes ---- */

static struct nvb_doc *add_volume(struct nvb_kube *k, const char *wanted, char **ret_name)
{
    struct nvb_doc *volumes = nvb_kube_place_at(k, "pod.volumes");
    _cleanup_free_ char *name = nvb_strdup(wanted);
    bool taken = true;
    for (unsigned i = 1; taken; i++) {
        taken = false;
        if (!name || i > 1) {
            free(name);
            name = nvb_strdupf("%s-%u", wanted ? wanted : "volume", i);
        }
        if (volumes->type == NVB_DOC_LIST)
            nvb_vec_foreach (item, &volumes->list) {
                const char *has = nvb_doc_find_text(item, "name");
                taken = taken || (has && strcmp(has, name) == 0);
            }
    }
    struct nvb_doc *item = nvb_doc_push(volumes);
    nvb_doc_put_text(item, "name", name);
    *ret_name = TAKE_PTR(name);
    return item;
}

static void fill_volume(const struct mount *m, struct nvb_doc *volume)
{
    struct nvb_doc *source;
    if (m->kind == FOLDER) {
        source = nvb_doc_put(volume, "hostPath");
        nvb_doc_put_text(source, "path", m->source);
        if (m->type)
            nvb_doc_put_text(source, "type", m->type);
    } else if (m->kind == NAMED) {
        source = nvb_doc_put(volume, "persistentVolumeClaim");
        nvb_doc_put_text(source, "claimName", m->source);
    } else {
        source = nvb_doc_put(volume, "emptyDir");
        nvb_doc_set_map(source);
        if (m->kind == MEMORY)
            nvb_doc_put_text(source, "medium", "Memory");
        if (m->size) {
            _cleanup_str_ struct nvb_str size = NVB_STR_INIT;
            nvb_kube_add_size(&size, m->size);
            nvb_doc_put_text(source, "sizeLimit", size.data);
        }
    }
}

static int add_mount(struct nvb_kube *k, const struct nvb_plan_option *option,
                     const struct mount *m, const char *wanted, struct nvb_error **err)
{
    _cleanup_free_ char *name = NULL;
    _cleanup_str_ struct nvb_str path = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str more = NVB_STR_INIT;
    _cleanup_doc_ struct nvb_doc item = {0};
    if (!m->target || m->target[0] != '/')
        return nvb_kube_refuse(k, option, "its place in the container is no absolute path", NULL,
                               err);
    if (strchr(m->target, ':'))
        return nvb_kube_refuse(k, option, "a ':' in the path would end it", NULL, err);
    if (m->kind == NAMED && nvb_kube_is_cluster(k) && !nvb_kube_is_subdomain(m->source))
        return nvb_kube_refuse(k, option, "that cannot be the name of a claim",
                               "small letters, digits, - and .", err);
    nvb_doc_put_text(&item, "name", NULL);
    nvb_doc_put_text(&item, "mountPath", NULL);
    if (add_words(k, option, m, &item, &more, err) < 0)
        return -1;
    fill_volume(m, add_volume(k, wanted, &name));
    nvb_str_addf(&path, "%s%s", m->target, more.data);
    nvb_doc_set_text(nvb_doc_at(&item, "name"), name);
    nvb_doc_set_text(nvb_doc_at(&item, "mountPath"), path.data);
    if (m->subpath)
        nvb_doc_put_text(&item, "subPath", m->subpath);
    *nvb_doc_push(nvb_kube_place_at(k, "container.volumeMounts")) = TAKE_STRUCT(item);
    return 0;
}

/* ---- --volume ---- */

/* "./a" and "~" of a shell are paths; anything else without a slash in front is a name. */
static char *absolute(const struct nvb_kube *k, const char *source)
{
    if (source[0] == '/')
        return nvb_strdup(source);
    return nvb_strdupf("%s/%s", k->options->folder, source);
}

int nvb_kube_add_volume(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                        struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv parts = {0};
    _cleanup_free_ char *path = NULL;
    _cleanup_mount_ struct mount m = {.kind = ANONYMOUS};
    nvb_strv_split(&parts, value, ':');
    if (parts.count > 3)
        return nvb_kube_refuse(k, option, "it is not SOURCE:PLACE:OPTIONS", NULL, err);
    m.target = parts.items[parts.count > 1 ? 1 : 0];
    if (parts.count > 1 && strchr("/.", parts.items[0][0])) {
        m.kind = FOLDER;
        m.source = path = absolute(k, parts.items[0]);
        /* Docker makes a folder where there is nothing. */
        m.type = k->plan->engine->kind == NVB_ENGINE_DOCKER && access(path, F_OK) < 0
                     ? "DirectoryOrCreate"
                     : NULL;
    } else if (parts.count > 1 && *parts.items[0]) {
        m.kind = NAMED;
        m.source = parts.items[0];
    }
    if (parts.count > 2)
        nvb_strv_split(&m.words, parts.items[2], ',');
    return add_mount(k, option, &m, NULL, err);
}

/* ---- --tmpfs and --shm-size ---- */

static int read_memory_word(struct nvb_kube *k, const struct nvb_plan_option *option,
                            const char *word, struct mount *m, struct nvb_error **err)
{
    const char *size = nvb_has_prefix(word, "size=")         ? word + 5
                       : nvb_has_prefix(word, "tmpfs-size=") ? word + 11
                                                             : NULL;
    if (!size) {
        if (nvb_has_prefix(word, "tmpfs-"))
            word += 6;
        nvb_strv_add(&m->words, strcmp(word, "mode=01777") == 0 ? "mode=1777" : word);
        return 0;
    }
    return nvb_kube_parse_size(size, &m->size) < 0 ? refuse_word(k, option, word, err) : 0;
}

int nvb_kube_add_tmpfs(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                       struct nvb_error **err)
{
    const size_t len = strcspn(value, ":");
    _cleanup_free_ char *target = nvb_strndup(value, len);
    _cleanup_strv_ struct nvb_strv words = {0};
    _cleanup_mount_ struct mount m = {.kind = MEMORY, .target = target};
    if (value[len])
        nvb_strv_split(&words, value + len + 1, ',');
    nvb_vec_foreach (word, &words)
        if (read_memory_word(k, option, *word, &m, err) < 0)
            return -1;
    return add_mount(k, option, &m, NULL, err);
}

int nvb_kube_add_shm(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                     struct nvb_error **err)
{
    struct mount m = {.kind = MEMORY, .target = "/dev/shm"};
    if (nvb_kube_parse_size(value, &m.size) < 0 || m.size == 0)
        return nvb_kube_refuse(k, option, "that is no size", "--shm-size 1g", err);
    struct nvb_doc *volumes = nvb_kube_place_at(k, "pod.volumes");
    /* The user's word goes over the configuration's. */
    if (volumes->type == NVB_DOC_LIST)
        nvb_vec_foreach (item, &volumes->list) {
            const char *name = nvb_doc_find_text(item, "name");
            if (name && strcmp(name, "shm") == 0) {
                nvb_doc_done(item);
                nvb_doc_put_text(item, "name", "shm");
                fill_volume(&m, item);
                return 0;
            }
        }
    return add_mount(k, option, &m, "shm", err);
}

/* ---- --mount ---- */

struct field {
    char *key;
    const char *value; /* NULL: none */
};

static int read_field(struct nvb_kube *k, const struct nvb_plan_option *option,
                      const struct field *f, struct mount *m, struct nvb_error **err)
{
    static const char *const targets[] = {"target", "dst", "destination"};
    const char *value = f->value ? f->value : "";
    const bool off = strcmp(value, "false") == 0 || strcmp(value, "0") == 0;
    for (size_t i = 0; i < NVB_COUNT(targets); i++)
        if (strcmp(f->key, targets[i]) == 0) {
            m->target = value;
            return 0;
        }
    if (strcmp(f->key, "type") == 0)
        return 0;
    if (strcmp(f->key, "src") == 0 || strcmp(f->key, "source") == 0)
        m->source = value;
    else if (strcmp(f->key, "ro") == 0 || strcmp(f->key, "readonly") == 0)
        nvb_strv_add(&m->words, off ? "rw" : "ro");
    else if (strcmp(f->key, "bind-propagation") == 0)
        nvb_strv_add(&m->words, value);
    else if (strcmp(f->key, "relabel") == 0)
        nvb_strv_add(&m->words, strcmp(value, "shared") == 0 ? "z" : "Z");
    else if (strcmp(f->key, "U") == 0 || strcmp(f->key, "chown") == 0)
        nvb_strv_add(&m->words, off ? "rw" : "U");
    else if (strcmp(f->key, "subpath") == 0 || strcmp(f->key, "volume-subpath") == 0)
        m->subpath = value;
    else
        return refuse_word(k, option, f->key, err);
    return 0;
}

static int read_fields(struct nvb_kube *k, const struct nvb_plan_option *option,
                       const struct nvb_strv *fields, struct mount *m, struct nvb_error **err)
{
    nvb_vec_foreach (text, fields) {
        char *equals = strchr(*text, '=');
        struct field f = {.key = *text, .value = equals ? equals + 1 : NULL};
        if (m->kind == MEMORY &&
            (nvb_has_prefix(*text, "tmpfs-") || nvb_has_prefix(*text, "size="))) {
            if (read_memory_word(k, option, *text, m, err) < 0)
                return -1;
            continue;
        }
        if (equals)
            *equals = '\0';
        if (read_field(k, option, &f, m, err) < 0)
            return -1;
    }
    return 0;
}

int nvb_kube_add_mount(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                       struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv fields = {0};
    _cleanup_free_ char *path = NULL;
    _cleanup_mount_ struct mount m = {.kind = NAMED};
    nvb_claims_split_csv(value, &fields);
    nvb_vec_foreach (field, &fields) {
        if (strcmp(*field, "type=bind") == 0)
            m.kind = FOLDER;
        else if (strcmp(*field, "type=tmpfs") == 0)
            m.kind = MEMORY;
        else if (nvb_has_prefix(*field, "type=") && strcmp(*field, "type=volume") != 0)
            return refuse_word(k, option, *field, err);
    }
    if (read_fields(k, option, &fields, &m, err) < 0)
        return -1;
    if (m.kind == FOLDER && (!m.source || !*m.source))
        return nvb_kube_refuse(k, option, "it has no source", NULL, err);
    if (m.kind == FOLDER)
        m.source = path = absolute(k, m.source);
    if (m.kind == NAMED && (!m.source || !*m.source))
        m.kind = ANONYMOUS;
    return add_mount(k, option, &m, NULL, err);
}

/* ---- --device ---- */

/* A device of another vendor's is counted by its plugin, which knows it by the kind's name. */
static int add_cdi_device(struct nvb_kube *k, const struct nvb_plan_option *option,
                          const char *value, struct nvb_error **err)
{
    if (!nvb_kube_is_cluster(k) && k->options->version < NVB_KUBE_CDI_SINCE)
        return nvb_kube_refuse(k, option, "kube play takes CDI names from Podman 5.4 on",
                               "nvbind kube play, which takes them on every Podman", err);
    _cleanup_free_ char *kind = nvb_strndup(value, strcspn(value, "="));
    const bool cluster = nvb_kube_is_cluster(k);
    if (cluster && nvb_has_suffix(value, "=all"))
        return nvb_kube_refuse(k, option, "a cluster gives a number of devices",
                               "nvbind generate kube --resource NAME=N …", err);
    struct nvb_doc *limit =
        nvb_doc_at(nvb_kube_place_at(k, "container.resources.limits"), cluster ? kind : value);
    nvb_doc_set_int(limit, limit->type == NVB_DOC_INT && cluster ? limit->integer + 1 : 1);
    return 0;
}

int nvb_kube_add_device(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                        struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv parts = {0};
    _cleanup_mount_ struct mount m = {.kind = FOLDER};
    struct stat st;
    if (nvb_claims_is_cdi_name(value))
        return add_cdi_device(k, option, value, err);
    if (nvb_kube_is_cluster(k))
        return nvb_kube_refuse(k, option, "a cluster gives devices by their plugin's name",
                               "nvbind generate kube --resource NAME=N …", err);
    nvb_strv_split(&parts, value, ':');
    const size_t last = parts.count - 1;
    const bool has_rights = last > 0 && parts.items[last][0] != '/';
    m.source = parts.items[0];
    m.target = parts.items[parts.count > 1 && parts.items[1][0] == '/' ? 1 : 0];
    if (has_rights && strspn(parts.items[last], "rwm") != 3)
        return refuse_word(k, option, parts.items[last], err);
    if (stat(m.source, &st) < 0 || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)))
        return nvb_kube_refuse(k, option, "that is no device here", NULL, err);
    m.type = S_ISCHR(st.st_mode) ? "CharDevice" : "BlockDevice";
    return add_mount(k, option, &m, NULL, err);
}

/* ---- a root that is read only ---- */

/* Podman lays memory over these then (podman-run(1), --read-only-tmpfs); a cluster does not. */
int nvb_kube_add_scratch(struct nvb_kube *k, struct nvb_error **err)
{
    static const char *const places[] = {"/run", "/tmp", "/var/tmp"};
    const char *scratch = nvb_plan_value(k->plan, "read-only-tmpfs");
    const struct nvb_plan_option none = {.name = NULL};
    if (!nvb_kube_is_cluster(k) || !nvb_plan_is_on(k->plan, "read-only") ||
        k->plan->engine->kind != NVB_ENGINE_PODMAN ||
        (scratch && !nvb_plan_is_on(k->plan, "read-only-tmpfs")))
        return 0;
    for (size_t i = 0; i < NVB_COUNT(places); i++) {
        const struct mount m = {.kind = MEMORY, .target = places[i]};
        const struct nvb_doc *mounts = nvb_kube_place_at(k, "container.volumeMounts");
        bool taken = false;
        if (mounts->type == NVB_DOC_LIST)
            nvb_vec_foreach (item, &mounts->list) {
                const char *path = nvb_doc_find_text(item, "mountPath");
                taken = taken || (path && strcmp(path, places[i]) == 0);
            }
        if (!taken && add_mount(k, &none, &m, NULL, err) < 0)
            return -1;
    }
    return 0;
}
