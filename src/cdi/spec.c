#include "cdi/spec.h"

#include <string.h>

static void node_done(struct nvb_cdi_node *node)
{
    free(node->path);
    free(node->host_path);
    free(node->type);
    free(node->permissions);
}

static void mount_done(struct nvb_cdi_mount *mount)
{
    free(mount->host_path);
    free(mount->container_path);
    free(mount->type);
    nvb_strv_done(&mount->options);
}

static void hook_done(struct nvb_cdi_hook *hook)
{
    free(hook->hook_name);
    free(hook->path);
    nvb_strv_done(&hook->args);
    nvb_strv_done(&hook->env);
}

static void net_done(struct nvb_cdi_net *net)
{
    free(net->host_name);
    free(net->container_name);
}

static void rdt_free(struct nvb_cdi_rdt *rdt)
{
    if (!rdt)
        return;
    free(rdt->clos_id);
    free(rdt->l3_schema);
    free(rdt->mem_schema);
    nvb_strv_done(&rdt->schemata);
    free(rdt);
}

void nvb_cdi_edits_done(struct nvb_cdi_edits *edits)
{
    nvb_strv_done(&edits->env);
    nvb_vec_foreach (node, &edits->nodes)
        node_done(node);
    nvb_vec_release(&edits->nodes);
    nvb_vec_foreach (mount, &edits->mounts)
        mount_done(mount);
    nvb_vec_release(&edits->mounts);
    nvb_vec_foreach (hook, &edits->hooks)
        hook_done(hook);
    nvb_vec_release(&edits->hooks);
    nvb_vec_foreach (net, &edits->nets)
        net_done(net);
    nvb_vec_release(&edits->nets);
    nvb_vec_release(&edits->gids);
    rdt_free(edits->rdt);
    edits->rdt = NULL;
}

static void annotations_done(struct nvb_cdi_annotations *annotations)
{
    nvb_vec_foreach (annotation, annotations) {
        free(annotation->key);
        free(annotation->value);
    }
    nvb_vec_release(annotations);
}

void nvb_cdi_spec_done(struct nvb_cdi_spec *spec)
{
    free(spec->version);
    free(spec->kind);
    annotations_done(&spec->annotations);
    nvb_vec_foreach (device, &spec->devices) {
        free(device->name);
        annotations_done(&device->annotations);
        nvb_cdi_edits_done(&device->edits);
    }
    nvb_vec_release(&spec->devices);
    nvb_cdi_edits_done(&spec->edits);
    *spec = (struct nvb_cdi_spec){0};
}

const struct nvb_cdi_device *nvb_cdi_spec_find_device(const struct nvb_cdi_spec *spec,
                                                      const char *name)
{
    nvb_vec_foreach (device, &spec->devices) {
        if (device->name && strcmp(device->name, name) == 0)
            return device;
    }
    return NULL;
}

struct nvb_cdi_node *nvb_cdi_edits_add_node(struct nvb_cdi_edits *edits, const char *path)
{
    struct nvb_cdi_node *node = nvb_vec_add(&edits->nodes);
    node->path = nvb_strdup(path);
    node->major = node->minor = node->file_mode = node->uid = node->gid = -1;
    return node;
}

struct nvb_cdi_mount *nvb_cdi_edits_add_mount(struct nvb_cdi_edits *edits, const char *host_path,
                                              const char *container_path,
                                              const char *const *options)
{
    struct nvb_cdi_mount *mount = nvb_vec_add(&edits->mounts);
    mount->host_path = nvb_strdup(host_path);
    mount->container_path = nvb_strdup(container_path);
    for (; options && *options; options++)
        nvb_strv_add(&mount->options, *options);
    return mount;
}

bool nvb_cdi_edits_is_empty(const struct nvb_cdi_edits *edits)
{
    return edits->env.count + edits->nodes.count + edits->mounts.count + edits->hooks.count +
                   edits->nets.count + edits->gids.count ==
               0 &&
           !edits->rdt;
}

/* ---- merging ----------------------------------------------------------------------------------
 */

static bool is_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_same_list(const struct nvb_strv *a, const struct nvb_strv *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    }
    return true;
}

static void copy_list(struct nvb_strv *into, const struct nvb_strv *from)
{
    nvb_vec_foreach (item, from)
        nvb_strv_add(into, *item);
}

static bool has_variable(const struct nvb_strv *env, const char *assignment)
{
    size_t len = strcspn(assignment, "=");
    nvb_vec_foreach (item, env) {
        if (strncmp(*item, assignment, len) == 0 && ((*item)[len] == '=' || !(*item)[len]))
            return true;
    }
    return false;
}

static bool has_node(const struct nvb_cdi_nodes *nodes, const char *path)
{
    nvb_vec_foreach (node, nodes) {
        if (is_same(node->path, path))
            return true;
    }
    return false;
}

static bool has_mount(const struct nvb_cdi_mounts *mounts, const char *container_path)
{
    nvb_vec_foreach (mount, mounts) {
        if (is_same(mount->container_path, container_path))
            return true;
    }
    return false;
}

static bool has_hook(const struct nvb_cdi_hooks *hooks, const struct nvb_cdi_hook *other)
{
    nvb_vec_foreach (hook, hooks) {
        if (is_same(hook->hook_name, other->hook_name) && is_same(hook->path, other->path) &&
            is_same_list(&hook->args, &other->args) && is_same_list(&hook->env, &other->env) &&
            hook->timeout == other->timeout)
            return true;
    }
    return false;
}

static void merge_nodes(struct nvb_cdi_edits *into, const struct nvb_cdi_edits *from)
{
    nvb_vec_foreach (node, &from->nodes) {
        if (has_node(&into->nodes, node->path))
            continue;
        struct nvb_cdi_node *copy = nvb_vec_add(&into->nodes);
        *copy = *node;
        copy->path = nvb_strdup(node->path);
        copy->host_path = nvb_strdup(node->host_path);
        copy->type = nvb_strdup(node->type);
        copy->permissions = nvb_strdup(node->permissions);
    }
}

static void merge_mounts(struct nvb_cdi_edits *into, const struct nvb_cdi_edits *from)
{
    nvb_vec_foreach (mount, &from->mounts) {
        if (has_mount(&into->mounts, mount->container_path))
            continue;
        struct nvb_cdi_mount *copy =
            nvb_cdi_edits_add_mount(into, mount->host_path, mount->container_path, NULL);
        copy->type = nvb_strdup(mount->type);
        copy_list(&copy->options, &mount->options);
    }
}

static void merge_hooks(struct nvb_cdi_edits *into, const struct nvb_cdi_edits *from)
{
    nvb_vec_foreach (hook, &from->hooks) {
        if (has_hook(&into->hooks, hook))
            continue;
        struct nvb_cdi_hook *copy = nvb_vec_add(&into->hooks);
        copy->hook_name = nvb_strdup(hook->hook_name);
        copy->path = nvb_strdup(hook->path);
        copy_list(&copy->args, &hook->args);
        copy_list(&copy->env, &hook->env);
        copy->timeout = hook->timeout;
    }
}

static void merge_nets(struct nvb_cdi_edits *into, const struct nvb_cdi_edits *from)
{
    nvb_vec_foreach (net, &from->nets) {
        bool found = false;
        nvb_vec_foreach (other, &into->nets)
            found = found || is_same(other->container_name, net->container_name);
        if (found)
            continue;
        struct nvb_cdi_net *copy = nvb_vec_add(&into->nets);
        copy->host_name = nvb_strdup(net->host_name);
        copy->container_name = nvb_strdup(net->container_name);
    }
}

static void merge_gids(struct nvb_cdi_edits *into, const struct nvb_cdi_edits *from)
{
    nvb_vec_foreach (gid, &from->gids) {
        bool found = false;
        nvb_vec_foreach (other, &into->gids)
            found = found || *other == *gid;
        if (!found)
            nvb_vec_push(&into->gids, *gid);
    }
}

static struct nvb_cdi_rdt *copy_rdt(const struct nvb_cdi_rdt *rdt)
{
    struct nvb_cdi_rdt *copy = nvb_calloc(1, sizeof(*copy));
    copy->clos_id = nvb_strdup(rdt->clos_id);
    copy->l3_schema = nvb_strdup(rdt->l3_schema);
    copy->mem_schema = nvb_strdup(rdt->mem_schema);
    copy_list(&copy->schemata, &rdt->schemata);
    copy->enable_cmt = rdt->enable_cmt;
    copy->enable_mbm = rdt->enable_mbm;
    copy->enable_monitoring = rdt->enable_monitoring;
    return copy;
}

void nvb_cdi_edits_merge(struct nvb_cdi_edits *into, const struct nvb_cdi_edits *from)
{
    nvb_vec_foreach (item, &from->env) {
        if (!has_variable(&into->env, *item))
            nvb_strv_add(&into->env, *item);
    }
    merge_nodes(into, from);
    merge_mounts(into, from);
    merge_hooks(into, from);
    merge_nets(into, from);
    merge_gids(into, from);
    if (from->rdt && !into->rdt)
        into->rdt = copy_rdt(from->rdt);
}
