#include <string.h>
#include <sys/stat.h>

#include "plan/visible.h"
#include "play/play.h"
#include "play/tree.h"

/* ---- what a plan is to know ---- */

static void add_variables(struct nvb_doc *list, struct nvb_strv *ret)
{
    if (!list || list->type != NVB_DOC_LIST)
        return;
    nvb_vec_foreach (item, &list->list) {
        const char *name = nvb_play_word(nvb_play_find(item, "name"));
        const char *value = nvb_play_word(nvb_play_find(item, "value"));
        /* It has been read as a request, and is ours to set. */
        if (!name || !*name || strchr(name, '=') || strcmp(name, NVB_VISIBLE) == 0)
            continue;
        nvb_strv_add(ret, "--env");
        nvb_strv_addf(ret, "%s=%s", name, value ? value : "");
    }
}

/* Podman takes mount options behind a colon there. */
static char *mount_path(struct nvb_doc *mount)
{
    const char *path = nvb_play_word(nvb_play_find(mount, "mountPath"));
    return path ? nvb_strndup(path, strcspn(path, ":")) : NULL;
}

static void add_mounts(struct nvb_doc *list, struct nvb_strv *ret)
{
    if (!list || list->type != NVB_DOC_LIST)
        return;
    nvb_vec_foreach (item, &list->list) {
        _cleanup_free_ char *path = mount_path(item);
        if (!path || path[0] != '/')
            continue;
        nvb_strv_add(ret, "--volume");
        nvb_strv_addf(ret, "/:%s", path);
    }
}

static void add_selection(const struct nvb_play_container *container, struct nvb_strv *ret)
{
    _cleanup_str_ struct nvb_str selection = NVB_STR_INIT;
    nvb_vec_foreach (name, &container->chosen)
        nvb_str_addf(&selection, "%s%s", selection.len ? "," : "", *name);
    nvb_vec_foreach (request, &container->requests) {
        if (request->count == 0)
            continue;
        if (request->kind == NVB_PLAY_NAMED)
            nvb_str_addf(&selection, "%s%s", selection.len ? "," : "", request->resource);
        else if (request->kind == NVB_PLAY_SELECTED)
            nvb_str_addf(&selection, "%s%s", selection.len ? "," : "", request->what);
    }
    nvb_strv_add(ret, "--gpu");
    nvb_strv_add(ret, selection.len ? selection.data : "none");
}

void nvb_play_words(const struct nvb_play_container *container, struct nvb_strv *ret)
{
    const char *image = nvb_play_word(nvb_play_find(container->doc, "image"));
    add_selection(container, ret);
    nvb_vec_foreach (word, &container->own)
        nvb_strv_add(ret, *word);
    add_variables(nvb_play_find(container->doc, "env"), ret);
    add_mounts(nvb_play_find(container->doc, "volumeMounts"), ret);
    nvb_strv_add(ret, "--");
    nvb_strv_add(ret, image && *image ? image : "image");
}

/* ---- laying it in ---- */

#define OWN_VOLUME "nvbind-"

/* In a pod's volumes. */
#define MAX_VALUES 8192

struct layer {
    struct nvb_play_pod *pod;
    struct nvb_play_container *container;
    struct nvb_error **err;
};

static struct nvb_doc *spec_of(const struct nvb_play_pod *pod)
{
    return nvb_play_at(pod->template, "spec");
}

static void set_variable(const struct layer *l, const char *variable)
{
    const char *equals = strchr(variable, '=');
    if (!equals)
        return;
    _cleanup_free_ char *name = nvb_strndup(variable, (size_t)(equals - variable));
    struct nvb_doc *list = nvb_play_at(l->container->doc, "env");
    struct nvb_doc *item = nvb_play_find_item(list, "name", name);
    if (!item) {
        item = nvb_doc_push(list);
        nvb_doc_put_text(item, "name", name);
    }
    nvb_play_remove(item, "valueFrom");
    nvb_doc_set_text(nvb_play_at(item, "value"), equals + 1);
}

/* The type of a hostPath volume for what lies there (kubernetes.io/docs/concepts/storage/volumes).
 */
static const char *volume_type(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return NULL;
    return S_ISCHR(st.st_mode)    ? "CharDevice"
           : S_ISBLK(st.st_mode)  ? "BlockDevice"
           : S_ISDIR(st.st_mode)  ? "Directory"
           : S_ISSOCK(st.st_mode) ? "Socket"
                                  : "File";
}

/* The pod's volume of the host's PATH that is ours, made where there is none: its name, owned. */
static char *find_volume(const struct layer *l, const char *path)
{
    struct nvb_doc *list = nvb_play_at(spec_of(l->pod), "volumes");
    uint64_t next = 0;
    nvb_vec_foreach (item, &list->list) {
        const char *name = nvb_play_word(nvb_play_find(item, "name"));
        const char *its = nvb_play_word(nvb_play_find(nvb_play_find(item, "hostPath"), "path"));
        uint64_t number = 0;
        if (!name || !nvb_has_prefix(name, OWN_VOLUME))
            continue;
        if (its && strcmp(its, path) == 0)
            return nvb_strdup(name);
        name += strlen(OWN_VOLUME);
        if (nvb_parse_u64(name, strlen(name), 10, &number) == 0 && number >= next &&
            number < UINT64_MAX)
            next = number + 1;
    }
    char *name = nvb_strdupf(OWN_VOLUME "%llu", (unsigned long long)next);
    struct nvb_doc *item = nvb_doc_push(list);
    nvb_doc_put_text(item, "name", name);
    struct nvb_doc *host = nvb_doc_put(item, "hostPath");
    const char *type = volume_type(path);
    nvb_doc_put_text(host, "path", path);
    if (type)
        nvb_doc_put_text(host, "type", type);
    return name;
}

static int add_mount(const struct layer *l, const char *from, const char *to, bool read_only)
{
    struct nvb_doc *mounts = nvb_play_at(l->container->doc, "volumeMounts");
    if (strchr(to, ':'))
        return nvb_error_make(l->err, NVB_ERROR_ENGINE, 0,
                              "kube play cannot have a mount at '%s': it has a colon", to);
    _cleanup_free_ char *name = find_volume(l, from);
    struct nvb_doc *item = nvb_doc_push(mounts);
    nvb_doc_put_text(item, "name", name);
    nvb_doc_put_text(item, "mountPath", to);
    if (read_only)
        nvb_doc_put_bool(item, "readOnly", true);
    return 0;
}

static int check_type(const struct layer *l, struct nvb_doc *map, const char *key,
                      enum nvb_doc_type type)
{
    const struct nvb_doc *value = nvb_play_find(map, key);
    if (!value || value->type == NVB_DOC_NULL || value->type == type)
        return 0;
    (void)nvb_error_make(l->err, NVB_ERROR_CONFIG, 0, "'%s' is %s, not %s", key,
                         nvb_doc_type_name(value->type), nvb_doc_type_name(type));
    (void)nvb_error_hint(l->err, "%s: %s", key, type == NVB_DOC_MAP ? "{…}" : "[…]");
    return nvb_error_at(l->err, l->pod->file, value->line, value->column);
}

/* Whatever is laid into has to be what it is in a pod: nothing of the user's is replaced. */
static int check_types(const struct layer *l)
{
    struct nvb_doc *spec = spec_of(l->pod);
    struct nvb_doc *metadata = nvb_play_find(l->pod->template, "metadata");
    struct nvb_doc *resources = nvb_play_find(l->container->doc, "resources");
    struct nvb_doc *context = nvb_play_find(spec, "securityContext");
    const struct {
        struct nvb_doc *map;
        const char *key;
        enum nvb_doc_type type;
    } wanted[] = {
        {l->pod->template, "metadata", NVB_DOC_MAP},
        {metadata, "annotations", NVB_DOC_MAP},
        {metadata, "labels", NVB_DOC_MAP},
        {l->container->doc, "resources", NVB_DOC_MAP},
        {resources, "limits", NVB_DOC_MAP},
        {spec, "securityContext", NVB_DOC_MAP},
        {context, "supplementalGroups", NVB_DOC_LIST},
    };
    for (size_t i = 0; i < NVB_COUNT(wanted); i++)
        if (check_type(l, wanted[i].map, wanted[i].key, wanted[i].type) < 0)
            return -1;
    return 0;
}

static size_t members_of(const struct nvb_doc *doc)
{
    return doc && doc->type == NVB_DOC_MAP ? doc->map.count : 0;
}

/* Every mount of every container looks through them. */
static int check_volumes(const struct layer *l)
{
    struct nvb_doc *spec = spec_of(l->pod);
    struct nvb_doc *list = nvb_play_find(spec, "volumes");
    size_t count = members_of(l->pod->template) + members_of(spec);
    if (check_type(l, spec, "volumes", NVB_DOC_LIST) < 0)
        return -1;
    if (list && list->type == NVB_DOC_LIST)
        nvb_vec_foreach (item, &list->list)
            count += 1 + members_of(item) + members_of(nvb_play_find(item, "hostPath"));
    if (count <= MAX_VALUES)
        return 0;
    (void)nvb_error_make(l->err, NVB_ERROR_CONFIG, 0, "this pod's volumes are more than %d values",
                         MAX_VALUES);
    (void)nvb_error_hint(l->err, "fewer volumes, or a pod of its own for each container");
    return nvb_error_at(l->err, l->pod->file, (list ? list : spec)->line,
                        (list ? list : spec)->column);
}

static int lay_directly(const struct layer *l, const struct nvb_cdi_edits *edits)
{
    if (edits->hooks.count || edits->nets.count || edits->rdt)
        return nvb_error_make(
            l->err, NVB_ERROR_ENGINE, 0,
            "hooks and network devices cannot be passed to kube play without CDI");
    if (check_type(l, l->container->doc, "env", NVB_DOC_LIST) < 0 ||
        check_type(l, l->container->doc, "volumeMounts", NVB_DOC_LIST) < 0 || check_volumes(l) < 0)
        return -1;
    nvb_vec_foreach (variable, &edits->env)
        set_variable(l, *variable);
    nvb_vec_foreach (node, &edits->nodes)
        if (add_mount(l, node->host_path ? node->host_path : node->path, node->path, false) < 0)
            return -1;
    nvb_vec_foreach (mount, &edits->mounts)
        if (add_mount(l, mount->host_path, mount->container_path,
                      nvb_strv_has(&mount->options, "ro")) < 0)
            return -1;
    nvb_vec_foreach (gid, &edits->gids) {
        struct nvb_doc *context = nvb_play_at(spec_of(l->pod), "securityContext");
        nvb_doc_set_int(nvb_doc_push(nvb_play_at(context, "supplementalGroups")), (int64_t)*gid);
    }
    return 0;
}

/* The user's further groups, which a node may belong to: crun keeps them where it is told to. */
static void lay_groups(const struct layer *l, const struct nvb_plan *plan)
{
    const char *group = nvb_plan_line_value(&plan->defaults, "group-add");
    if (!group || strcmp(group, "keep-groups") != 0)
        return;
    struct nvb_doc *annotations =
        nvb_play_at(nvb_play_at(l->pod->template, "metadata"), "annotations");
    nvb_doc_set_text(nvb_play_at(annotations, "run.oci.keep_original_groups"), "1");
}

static void remove_request(const struct layer *l, const char *resource)
{
    static const char *const keys[] = {"limits", "requests"};
    struct nvb_doc *resources = nvb_play_find(l->container->doc, "resources");
    for (size_t i = 0; i < NVB_COUNT(keys); i++) {
        struct nvb_doc *list = nvb_play_find(resources, keys[i]);
        nvb_play_remove(list, resource);
        if (list && list->type == NVB_DOC_MAP && list->map.count == 0)
            nvb_play_remove(resources, keys[i]);
    }
    if (resources && resources->type == NVB_DOC_MAP && resources->map.count == 0)
        nvb_play_remove(l->container->doc, "resources");
}

int nvb_play_lay(const struct nvb_plan *plan, unsigned version, struct nvb_play_pod *pod,
                 struct nvb_play_container *container, struct nvb_error **err)
{
    const struct layer l = {pod, container, err};
    if (check_types(&l) < 0)
        return -1;
    nvb_vec_foreach (request, &container->requests)
        if (!request->claim && request->kind != NVB_PLAY_SELECTED &&
            request->kind != NVB_PLAY_OTHER)
            remove_request(&l, request->resource);
    struct nvb_doc *resources = nvb_play_find(container->doc, "resources");
    nvb_play_remove(resources, "claims");
    lay_groups(&l, plan);
    if (plan->mode == NVB_PLAN_DIRECT && lay_directly(&l, &plan->edits) < 0)
        return -1;
    if (plan->cdi_devices.count && version < NVB_PLAY_CDI_SINCE)
        return nvb_error_make(
            err, NVB_ERROR_ENGINE, 0,
            "Podman %u.%u's kube play takes no CDI devices, and '%s' comes by one", version / 100,
            version % 100, plan->cdi_devices.items[0]);
    nvb_vec_foreach (name, &plan->cdi_devices) {
        struct nvb_doc *limits = nvb_play_at(nvb_play_at(container->doc, "resources"), "limits");
        nvb_doc_set_int(nvb_play_at(limits, *name), 1);
    }
    return 0;
}

/* ---- labels ---- */

static void add_words(struct nvb_str *s, const struct nvb_strv *words)
{
    nvb_vec_foreach (word, words)
        if (!strstr(s->data, *word))
            nvb_str_addf(s, "%s%s", s->len ? "," : "", *word);
}

void nvb_play_label(struct nvb_play_pod *pod)
{
    _cleanup_str_ struct nvb_str own = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str shared = NVB_STR_INIT;
    nvb_vec_foreach (container, &pod->containers)
        add_words(container->shares ? &shared : &own, &container->held);
    if (!own.len && !shared.len)
        return;
    struct nvb_doc *metadata = nvb_play_at(pod->template, "metadata");
    struct nvb_doc *labels = nvb_play_at(metadata, "labels");
    nvb_doc_set_text(nvb_play_at(labels, NVB_PLAN_GPU_LABEL), own.data);
    if (shared.len)
        nvb_doc_set_text(nvb_play_at(labels, NVB_PLAY_SHARED_LABEL), shared.data);
    nvb_vec_foreach (container, &pod->containers) {
        _cleanup_str_ struct nvb_str words = NVB_STR_INIT;
        add_words(&words, &container->held);
        _cleanup_free_ char *key = nvb_strdupf(NVB_PLAN_GPU_LABEL "/%s", container->name);
        if (words.len)
            nvb_doc_set_text(nvb_play_at(labels, key), words.data);
    }
}
