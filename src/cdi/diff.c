#include "cdi/diff.h"

#include <string.h>

#include "base/index.h"
#include "base/path.h"

struct differ {
    struct nvb_strv *out;
    const char *scope; /* "device 0", "all devices" */
};

static void __attribute__((format(printf, 2, 3)))
say(const struct differ *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    _cleanup_free_ char *text = nvb_vstrdupf(format, args);
    va_end(args);
    nvb_strv_addf(d->out, "%s: %s", d->scope, text);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static const char *or_none(const char *text)
{
    return text ? text : "none";
}

static bool same_texts(const struct nvb_strv *a, const struct nvb_strv *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

/* The list's place of the item of that name, or NULL. */
#define FIND(index, list, name)                                                      \
    ({                                                                               \
        const char *name_ = (name);                                                  \
        ptrdiff_t place_ = name_ ? nvb_index_find(index, name_, strlen(name_)) : -1; \
        place_ < 0 ? NULL : &(list)->items[place_];                                  \
    })

/* Either file may be hostile, and long. */
#define INDEX(index, list, member)                                                          \
    do {                                                                                    \
        nvb_vec_foreach (item_, list)                                                       \
            nvb_index_add(index, item_->member, item_->member ? strlen(item_->member) : 0); \
        nvb_index_sort(index);                                                              \
    } while (0)

static void index_words(const struct nvb_strv *words, struct nvb_index *ret)
{
    nvb_vec_foreach (word, words)
        nvb_index_add(ret, *word, strlen(*word));
    nvb_index_sort(ret);
}

/* What stands in lists of words that are otherwise a set. */
static void diff_words(const struct differ *d, const char *what, const struct nvb_strv *old,
                       const struct nvb_strv *now)
{
    _cleanup_index_ struct nvb_index before = {0};
    _cleanup_index_ struct nvb_index after = {0};
    index_words(old, &before);
    index_words(now, &after);
    nvb_vec_foreach (word, old)
        if (!FIND(&after, now, *word))
            say(d, "%s '%s' is gone", what, *word);
    nvb_vec_foreach (word, now)
        if (!FIND(&before, old, *word))
            say(d, "%s '%s' is new", what, *word);
}

/* ---- nodes -----------------------------------------------------------------------------------
 */

static void diff_number(const struct differ *d, const char *path, const char *what, int64_t old,
                        int64_t now)
{
    if (old == now)
        return;
    if (old < 0)
        say(d, "node %s: %s is given, %lld", path, what, (long long)now);
    else if (now < 0)
        say(d, "node %s: %s is no longer given (it was %lld)", path, what, (long long)old);
    else
        say(d, "node %s: %s was %lld, is %lld", path, what, (long long)old, (long long)now);
}

static void diff_node(const struct differ *d, const struct nvb_cdi_node *old,
                      const struct nvb_cdi_node *now)
{
    const char *a = old->host_path ? old->host_path : old->path;
    const char *b = now->host_path ? now->host_path : now->path;
    if (!same_text(a, b))
        say(d, "node %s: comes from %s, not from %s", now->path, b, a);
    if (!same_text(old->type, now->type))
        say(d, "node %s: the type was %s, is %s", now->path, or_none(old->type),
            or_none(now->type));
    if (!same_text(old->permissions, now->permissions))
        say(d, "node %s: the permissions were %s, are %s", now->path, or_none(old->permissions),
            or_none(now->permissions));
    diff_number(d, now->path, "the major number", old->major, now->major);
    diff_number(d, now->path, "the minor number", old->minor, now->minor);
    diff_number(d, now->path, "the mode", old->file_mode, now->file_mode);
    diff_number(d, now->path, "the owner", old->uid, now->uid);
    diff_number(d, now->path, "the group", old->gid, now->gid);
}

static void diff_nodes(const struct differ *d, const struct nvb_cdi_edits *old,
                       const struct nvb_cdi_edits *now)
{
    _cleanup_index_ struct nvb_index then = {0};
    _cleanup_index_ struct nvb_index after = {0};
    INDEX(&then, &old->nodes, path);
    INDEX(&after, &now->nodes, path);
    nvb_vec_foreach (node, &old->nodes)
        if (!FIND(&after, &now->nodes, node->path))
            say(d, "node %s is gone", node->path);
    nvb_vec_foreach (node, &now->nodes) {
        const struct nvb_cdi_node *before = FIND(&then, &old->nodes, node->path);
        if (before)
            diff_node(d, before, node);
        else
            say(d, "node %s is new", node->path);
    }
}

/* ---- mounts ----------------------------------------------------------------------------------
 */

static void diff_mount(const struct differ *d, const struct nvb_cdi_mount *old,
                       const struct nvb_cdi_mount *now)
{
    if (!same_text(old->host_path, now->host_path))
        say(d, "mount %s: comes from %s, not from %s", now->container_path, or_none(now->host_path),
            or_none(old->host_path));
    if (!same_text(old->type, now->type))
        say(d, "mount %s: the type was %s, is %s", now->container_path, or_none(old->type),
            or_none(now->type));
    if (same_texts(&old->options, &now->options))
        return;
    _cleanup_free_ char *what = nvb_strdupf("mount %s: option", now->container_path);
    diff_words(d, what, &old->options, &now->options);
}

static void diff_mounts(const struct differ *d, const struct nvb_cdi_edits *old,
                        const struct nvb_cdi_edits *now)
{
    _cleanup_index_ struct nvb_index then = {0};
    _cleanup_index_ struct nvb_index after = {0};
    INDEX(&then, &old->mounts, container_path);
    INDEX(&after, &now->mounts, container_path);
    nvb_vec_foreach (mount, &old->mounts)
        if (!FIND(&after, &now->mounts, mount->container_path))
            say(d, "mount %s is gone", mount->container_path);
    nvb_vec_foreach (mount, &now->mounts) {
        const struct nvb_cdi_mount *before = FIND(&then, &old->mounts, mount->container_path);
        if (before)
            diff_mount(d, before, mount);
        else if (same_text(mount->host_path, mount->container_path))
            say(d, "mount %s is new", mount->container_path);
        else
            say(d, "mount %s is new, from %s", mount->container_path, or_none(mount->host_path));
    }
}

/* ---- environment, hooks and the rest ---------------------------------------------------------
 */

static void index_variables(const struct nvb_strv *env, struct nvb_index *ret)
{
    nvb_vec_foreach (item, env) {
        const char *end = strchr(*item, '=');
        nvb_index_add(ret, end ? *item : NULL, end ? (size_t)(end - *item) : 0);
    }
    nvb_index_sort(ret);
}

static const char *find_variable(const struct nvb_index *index, const struct nvb_strv *env,
                                 const char *variable)
{
    size_t len = strcspn(variable, "=");
    ptrdiff_t place = nvb_index_find(index, variable, len);
    return place < 0 ? NULL : env->items[place] + len + 1;
}

static void diff_environment(const struct differ *d, const struct nvb_strv *old,
                             const struct nvb_strv *now)
{
    _cleanup_index_ struct nvb_index then = {0};
    _cleanup_index_ struct nvb_index after = {0};
    index_variables(old, &then);
    index_variables(now, &after);
    nvb_vec_foreach (item, old)
        if (!find_variable(&after, now, *item))
            say(d, "variable %.*s is gone", (int)strcspn(*item, "="), *item);
    nvb_vec_foreach (item, now) {
        const char *before = find_variable(&then, old, *item);
        const int len = (int)strcspn(*item, "=");
        if (!before)
            say(d, "variable %s is new", *item);
        else if (strcmp(before, *item + len + 1) != 0)
            say(d, "variable %.*s was '%s', is '%s'", len, *item, before, *item + len + 1);
    }
}

static void diff_hooks(const struct differ *d, const struct nvb_cdi_edits *old,
                       const struct nvb_cdi_edits *now)
{
    for (size_t i = 0; i < old->hooks.count || i < now->hooks.count; i++) {
        const struct nvb_cdi_hook *a = i < old->hooks.count ? &old->hooks.items[i] : NULL;
        const struct nvb_cdi_hook *b = i < now->hooks.count ? &now->hooks.items[i] : NULL;
        const bool same =
            a && b && same_text(a->path, b->path) && same_text(a->hook_name, b->hook_name);
        if (a && !same)
            say(d, "hook %s of stage %s is gone", a->path, a->hook_name);
        if (b && !same)
            say(d, "hook %s of stage %s is new", b->path, b->hook_name);
        if (!same)
            continue;
        _cleanup_free_ char *args = nvb_strdupf("hook %s: argument", b->path);
        _cleanup_free_ char *env = nvb_strdupf("hook %s: variable", b->path);
        diff_words(d, args, &a->args, &b->args);
        diff_words(d, env, &a->env, &b->env);
        if (a->timeout != b->timeout)
            say(d, "hook %s: another timeout", b->path);
    }
}

/* Neither file has two of the same host_name: reading refuses that. */
static bool has_net(const struct nvb_index *index, const struct nvb_cdi_nets *nets,
                    const struct nvb_cdi_net *wanted)
{
    const struct nvb_cdi_net *net = FIND(index, nets, wanted->host_name);
    return net && same_text(net->container_name, wanted->container_name);
}

static void diff_nets(const struct differ *d, const struct nvb_cdi_edits *old,
                      const struct nvb_cdi_edits *now)
{
    _cleanup_index_ struct nvb_index then = {0};
    _cleanup_index_ struct nvb_index after = {0};
    INDEX(&then, &old->nets, host_name);
    INDEX(&after, &now->nets, host_name);
    nvb_vec_foreach (net, &old->nets)
        if (!has_net(&after, &now->nets, net))
            say(d, "network interface %s is gone", net->host_name);
    nvb_vec_foreach (net, &now->nets)
        if (!has_net(&then, &old->nets, net))
            say(d, "network interface %s is new, as %s", net->host_name, net->container_name);
}

static void diff_groups(const struct differ *d, const struct nvb_cdi_edits *old,
                        const struct nvb_cdi_edits *now)
{
    struct nvb_strv a = {0};
    struct nvb_strv b = {0};
    nvb_vec_foreach (gid, &old->gids)
        nvb_strv_addf(&a, "%u", *gid);
    nvb_vec_foreach (gid, &now->gids)
        nvb_strv_addf(&b, "%u", *gid);
    diff_words(d, "group", &a, &b);
    nvb_strv_done(&a);
    nvb_strv_done(&b);
}

static bool same_rdt(const struct nvb_cdi_rdt *a, const struct nvb_cdi_rdt *b)
{
    if (!a || !b)
        return a == b;
    return same_text(a->clos_id, b->clos_id) && same_text(a->l3_schema, b->l3_schema) &&
           same_text(a->mem_schema, b->mem_schema) && same_texts(&a->schemata, &b->schemata) &&
           a->enable_cmt == b->enable_cmt && a->enable_mbm == b->enable_mbm &&
           a->enable_monitoring == b->enable_monitoring;
}

static void diff_edits(const struct differ *d, const struct nvb_cdi_edits *old,
                       const struct nvb_cdi_edits *now)
{
    diff_environment(d, &old->env, &now->env);
    diff_nodes(d, old, now);
    diff_mounts(d, old, now);
    diff_hooks(d, old, now);
    diff_nets(d, old, now);
    diff_groups(d, old, now);
    if (!same_rdt(old->rdt, now->rdt))
        say(d, "intelRdt is another");
}

/* ---- the driver's version ---------------------------------------------------------------------
 */

static const char *find_driver_version(const struct nvb_cdi_spec *spec)
{
    static const char stem[] = "libcuda.so.";
    nvb_vec_foreach (mount, &spec->edits.mounts) {
        const char *base = mount->host_path ? nvb_path_base(mount->host_path) : "";
        if (nvb_has_prefix(base, stem) && strchr(base + strlen(stem), '.'))
            return base + strlen(stem);
    }
    return NULL;
}

static void replace(char **text, const char *from, const char *to)
{
    struct nvb_str s = NVB_STR_INIT;
    const char *p = *text;
    if (!p || !strstr(p, from))
        return;
    for (const char *found; (found = strstr(p, from)); p = found + strlen(from)) {
        nvb_str_addn(&s, p, (size_t)(found - p));
        nvb_str_add(&s, to);
    }
    nvb_str_add(&s, p);
    free(*text);
    *text = nvb_str_steal(&s);
}

static void follow_driver(const struct differ *d, struct nvb_cdi_spec *old,
                          const struct nvb_cdi_spec *now)
{
    const char *found = find_driver_version(old);
    const char *to = find_driver_version(now);
    if (!found || !to || strcmp(found, to) == 0)
        return;
    _cleanup_free_ char *from = nvb_strdup(found);
    say(d, "the driver was %s, is %s", from, to);
    nvb_vec_foreach (mount, &old->edits.mounts) {
        replace(&mount->host_path, from, to);
        replace(&mount->container_path, from, to);
    }
    nvb_vec_foreach (hook, &old->edits.hooks)
        nvb_vec_foreach (arg, &hook->args)
            replace(arg, from, to);
}

/* ---- all together ----------------------------------------------------------------------------
 */

static void diff_annotations(const struct differ *d, const struct nvb_cdi_annotations *old,
                             const struct nvb_cdi_annotations *now)
{
    struct nvb_strv a = {0};
    struct nvb_strv b = {0};
    nvb_vec_foreach (annotation, old)
        nvb_strv_addf(&a, "%s=%s", annotation->key, annotation->value);
    nvb_vec_foreach (annotation, now)
        nvb_strv_addf(&b, "%s=%s", annotation->key, annotation->value);
    diff_words(d, "annotation", &a, &b);
    nvb_strv_done(&a);
    nvb_strv_done(&b);
}

static void diff_device(const struct differ *all, const struct nvb_cdi_device *old,
                        const struct nvb_cdi_device *now)
{
    _cleanup_free_ char *scope = nvb_strdupf("device %s", old ? old->name : now->name);
    const struct differ d = {all->out, scope};
    if (!old || !now) {
        say(&d, old ? "it is gone" : "it is new");
        return;
    }
    diff_annotations(&d, &old->annotations, &now->annotations);
    diff_edits(&d, &old->edits, &now->edits);
}

void nvb_cdi_diff(struct nvb_cdi_spec *old, const struct nvb_cdi_spec *now, struct nvb_strv *ret)
{
    const struct differ file = {ret, "the file"};
    const struct differ all = {ret, "all devices"};
    if (!same_text(old->version, now->version))
        say(&file, "it declared CDI %s, declares %s", or_none(old->version), or_none(now->version));
    if (!same_text(old->kind, now->kind))
        say(&file, "its kind was %s, is %s", or_none(old->kind), or_none(now->kind));
    diff_annotations(&file, &old->annotations, &now->annotations);
    follow_driver(&all, old, now);
    _cleanup_index_ struct nvb_index then = {0};
    _cleanup_index_ struct nvb_index after = {0};
    INDEX(&then, &old->devices, name);
    INDEX(&after, &now->devices, name);
    nvb_vec_foreach (device, &old->devices)
        if (!FIND(&after, &now->devices, device->name))
            diff_device(&all, device, NULL);
    nvb_vec_foreach (device, &now->devices)
        diff_device(&all, FIND(&then, &old->devices, device->name), device);
    diff_edits(&all, &old->edits, &now->edits);
}
