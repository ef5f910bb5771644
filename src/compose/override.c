#include "compose/override.h"

#include <string.h>

#include "plan/visible.h"

void nvb_compose_override_done(struct nvb_compose_override *override)
{
    nvb_doc_done(&override->doc);
}

/* ---- the document ---- */

/* The map under KEY, which may be there already. */
static struct nvb_doc *map_in(struct nvb_doc *map, const char *key)
{
    if (map->type == NVB_DOC_MAP)
        nvb_vec_foreach (member, &map->map)
            if (strcmp(member->key, key) == 0)
                return &member->value;
    return nvb_doc_put(map, key);
}

static void set_text(struct nvb_doc *doc, const char *text)
{
    _cleanup_str_ struct nvb_str escaped = NVB_STR_INIT;
    nvb_compose_escape(text, &escaped);
    nvb_doc_set_text(doc, escaped.data);
}

static void put_text(struct nvb_doc *map, const char *key, const char *text)
{
    set_text(nvb_doc_put(map, key), text);
}

static void remove_key(struct nvb_compose_override *override, struct nvb_doc *map, const char *key,
                       const struct nvb_place *place)
{
    nvb_doc_put(map, key)->tag = NVB_DOC_RESET;
    if (!override->removed.file)
        override->removed = *place;
}

/* LIST, which takes the place of what is under KEY where there is something (PLACE), else is added
 * to it. An empty one takes it away. */
static void put_list(struct nvb_compose_override *override, struct nvb_doc *map, const char *key,
                     struct nvb_doc *list, const struct nvb_place *place)
{
    if (list->type != NVB_DOC_LIST || list->list.count == 0) {
        if (place)
            remove_key(override, map, key, place);
        return;
    }
    if (place) {
        list->tag = NVB_DOC_OVERRIDE;
        if (!override->removed.file)
            override->removed = *place;
    }
    struct nvb_doc *value = nvb_doc_put(map, key);
    *value = *list;
    *list = (struct nvb_doc){0};
}

/* ---- requests ---- */

static bool is_cdi_name(const char *device)
{
    return device[0] != '/' && strchr(device, '/') && strchr(device, '=');
}

/* The CDI names by which the container gets devices: the plan's, and the user's own that it left.
 */
static void list_names(const struct nvb_plan *plan, struct nvb_strv *ret)
{
    nvb_vec_foreach (name, &plan->cdi_devices)
        nvb_strv_add(ret, *name);
    nvb_vec_foreach (option, &plan->user.options)
        if (nvb_plan_option_is(option, "device") && option->value && is_cdi_name(option->value) &&
            !nvb_strv_has(ret, option->value))
            nvb_strv_add(ret, option->value);
}

/* "driver: cdi" is what Docker Compose has understood since 2.x, whatever the engine behind it. */
static void add_cdi_request(const struct nvb_strv *names, struct nvb_doc *list)
{
    if (names->count == 0)
        return;
    struct nvb_doc *request = nvb_doc_push(list);
    nvb_doc_put_text(request, "driver", "cdi");
    struct nvb_doc *ids = nvb_doc_put(request, "device_ids");
    nvb_vec_foreach (name, names)
        set_text(nvb_doc_push(ids), *name);
    nvb_doc_set_text(nvb_doc_push(nvb_doc_put(request, "capabilities")), "gpu");
}

static void add_requests(struct nvb_compose_override *override,
                         const struct nvb_compose_service *service, const struct nvb_strv *names,
                         struct nvb_doc *ret)
{
    struct nvb_doc list = {0};
    const struct nvb_place *gpus = NULL;
    const struct nvb_place *devices = NULL;
    add_cdi_request(names, &list);
    nvb_vec_foreach (request, &service->requests) {
        if (!nvb_compose_request_is_gpu(request)) {
            nvb_doc_copy(request->raw, nvb_doc_push(&list));
            continue;
        }
        const struct nvb_place **place = request->by_gpus ? &gpus : &devices;
        if (!*place)
            *place = &request->place;
    }
    if (gpus)
        remove_key(override, ret, "gpus", gpus);
    /* Other requests alone stay where they are. */
    if (devices || names->count) {
        struct nvb_doc *deploy = nvb_doc_put(ret, "deploy");
        struct nvb_doc *reservations =
            nvb_doc_put(nvb_doc_put(deploy, "resources"), "reservations");
        put_list(override, reservations, "devices", &list, devices);
    }
    nvb_doc_done(&list);
}

/* ---- devices and mounts ---- */

static int add_node(const struct nvb_cdi_node *node, struct nvb_doc *list, struct nvb_error **err)
{
    const char *host = node->host_path ? node->host_path : node->path;
    const char *mode = node->permissions ? node->permissions : "rwm";
    if (strchr(host, ':') || strchr(node->path, ':'))
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                              "a Compose file cannot name a device with a colon: '%s'", host);
    _cleanup_free_ char *text = nvb_strdupf("%s:%s:%s", host, node->path, mode);
    set_text(nvb_doc_push(list), text);
    return 0;
}

/* The user's own nodes stay; CDI names are requests. */
static int add_devices(struct nvb_compose_override *override,
                       const struct nvb_compose_service *service, const struct nvb_plan *plan,
                       struct nvb_doc *ret, struct nvb_error **err)
{
    _cleanup_doc_ struct nvb_doc list = {0};
    const struct nvb_place *place = NULL;
    nvb_vec_foreach (device, &service->devices)
        if (!place && is_cdi_name(device->text))
            place = &device->place;
    nvb_vec_foreach (device, &service->devices)
        if (place && !is_cdi_name(device->text))
            set_text(nvb_doc_push(&list), device->text);
    if (plan->mode == NVB_PLAN_DIRECT)
        nvb_vec_foreach (node, &plan->edits.nodes)
            if (add_node(node, &list, err) < 0)
                return -1;
    /* What the configuration adds for a container with GPUs. */
    nvb_vec_foreach (option, &plan->defaults.options)
        if (nvb_plan_option_is(option, "device") && option->value)
            set_text(nvb_doc_push(&list), option->value);
    put_list(override, ret, "devices", &list, place);
    return 0;
}

static void add_mount(const struct nvb_cdi_mount *mount, struct nvb_doc *list)
{
    static const char *const propagations[] = {"private", "rprivate", "shared",
                                               "rshared", "slave",    "rslave"};
    struct nvb_doc *item = nvb_doc_push(list);
    nvb_doc_put_text(item, "type", "bind");
    put_text(item, "source", mount->host_path);
    put_text(item, "target", mount->container_path);
    if (nvb_strv_has(&mount->options, "ro"))
        nvb_doc_put_bool(item, "read_only", true);
    /* A source that is gone must not become an empty folder. */
    struct nvb_doc *bind = nvb_doc_put(item, "bind");
    nvb_doc_put_bool(bind, "create_host_path", false);
    for (size_t i = 0; i < NVB_COUNT(propagations); i++)
        if (nvb_strv_has(&mount->options, propagations[i]))
            nvb_doc_put_text(bind, "propagation", propagations[i]);
}

/* ---- variables, groups ---- */

static void add_environment(const struct nvb_plan *plan, struct nvb_doc *ret)
{
    struct nvb_doc *environment = nvb_doc_put(ret, "environment");
    if (plan->mode == NVB_PLAN_DIRECT)
        nvb_vec_foreach (word, &plan->edits.env) {
            const size_t len = strcspn(*word, "=");
            _cleanup_free_ char *name = nvb_strndup(*word, len);
            if ((*word)[len] == '=' && strcmp(name, NVB_VISIBLE) != 0 &&
                !nvb_doc_find(environment, name))
                put_text(environment, name, *word + len + 1);
        }
    /* Who asked by it has been answered; another runtime must not give the same again. */
    nvb_doc_put_text(environment, NVB_VISIBLE, "void");
}

static void add_groups(const struct nvb_plan *plan, struct nvb_doc *ret)
{
    struct nvb_doc list = {0};
    if (plan->mode == NVB_PLAN_DIRECT)
        nvb_vec_foreach (gid, &plan->edits.gids) {
            _cleanup_free_ char *text = nvb_strdupf("%u", (unsigned)*gid);
            nvb_doc_set_text(nvb_doc_push(&list), text);
        }
    nvb_vec_foreach (option, &plan->defaults.options)
        if (nvb_plan_option_is(option, "group-add") && option->value)
            set_text(nvb_doc_push(&list), option->value);
    if (list.type == NVB_DOC_LIST)
        *nvb_doc_put(ret, "group_add") = list;
}

/* ---- all together ---- */

int nvb_compose_override_add(struct nvb_compose_override *override,
                             const struct nvb_compose_service *service, const struct nvb_plan *plan,
                             struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv names = {0};
    _cleanup_str_ struct nvb_str label = NVB_STR_INIT;
    struct nvb_doc *own = map_in(map_in(&override->doc, "services"), service->name);
    if (plan->mode == NVB_PLAN_DIRECT &&
        (plan->edits.hooks.count || plan->edits.nets.count || plan->edits.rdt))
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                              "hooks and network devices cannot be passed without CDI");
    list_names(plan, &names);
    add_requests(override, service, &names, own);
    if (nvb_compose_has_gpu_runtime(service))
        remove_key(override, own, "runtime", &service->runtime.place);
    if (add_devices(override, service, plan, own, err) < 0)
        return -1;
    if (plan->mode == NVB_PLAN_DIRECT && plan->edits.mounts.count) {
        struct nvb_doc *volumes = nvb_doc_put(own, "volumes");
        nvb_vec_foreach (mount, &plan->edits.mounts)
            add_mount(mount, volumes);
    }
    add_environment(plan, own);
    add_groups(plan, own);
    if (nvb_plan_add_label(plan, &label))
        nvb_doc_put_text(nvb_doc_put(own, "labels"), NVB_PLAN_GPU_LABEL, label.data);
    return 0;
}

void nvb_compose_override_close(struct nvb_compose_override *override,
                                const struct nvb_compose_service *service)
{
    if (nvb_compose_service_variable(service, NVB_VISIBLE, NULL))
        return;
    struct nvb_doc *own = map_in(map_in(&override->doc, "services"), service->name);
    nvb_doc_put_text(nvb_doc_put(own, "environment"), NVB_VISIBLE, "void");
}

int nvb_compose_override_write(const struct nvb_compose_override *override, struct nvb_str *ret,
                               struct nvb_error **err)
{
    nvb_str_add(ret, "# Made by 'nvbind compose', laid over the project's own files.\n");
    return nvb_yaml_write(&override->doc, ret, err);
}
