#include "plan/keep.h"

#include <string.h>
#include <unistd.h>

#include "cdi/build.h"
#include "cdi/codec.h"
#include "cdi/hook.h"
#include "cdi/refresh.h"
#include "cdi/registry.h"
#include "cdi/witness.h"

char *nvb_plan_kept_folder(const struct nvb_user *user)
{
    return user->kept ? nvb_strdupf("%s/cdi", user->kept) : NULL;
}

/* ---- what a specification has ---- */

/* The edits of one or several devices, as the engine would lay them. */
struct view {
    struct nvb_cdi_edits edits;
    struct nvb_strv sources; /* of its mounts, on the host */
};

static void view_done(struct view *view)
{
    nvb_cdi_edits_done(&view->edits);
    nvb_strv_done(&view->sources);
}

static bool has_node(const struct view *view, const char *path)
{
    nvb_vec_foreach (node, &view->edits.nodes)
        if (strcmp(node->path, path) == 0)
            return true;
    nvb_vec_foreach (mount, &view->edits.mounts)
        if (strcmp(mount->container_path, path) == 0)
            return true;
    return false;
}

/* The first thing that NEEDED has and VIEW lacks, borrowed, or NULL. Another tool's file may leave
 * out what no program loads by itself, so of the files the libraries count. */
static const char *find_missing(const struct view *view, const struct nvb_cdi_edits *needed)
{
    nvb_vec_foreach (node, &needed->nodes)
        if (!has_node(view, node->path))
            return node->path;
    nvb_vec_foreach (mount, &needed->mounts) {
        const bool is_node = nvb_has_prefix(mount->container_path, "/dev/");
        if (is_node ? !has_node(view, mount->container_path)
                    : strstr(mount->host_path, ".so") != NULL &&
                          !nvb_strv_has(&view->sources, mount->host_path))
            return is_node ? mount->container_path : mount->host_path;
    }
    return NULL;
}

/* The first thing of VIEW that is not on this machine (any more), borrowed, or NULL: the engine
 * would fail on it, and a driver of another version is what takes files away. */
static const char *find_gone(const struct view *view)
{
    nvb_vec_foreach (node, &view->edits.nodes) {
        const char *path = node->host_path ? node->host_path : node->path;
        if (access(path, F_OK) < 0)
            return path;
    }
    nvb_vec_foreach (source, &view->sources)
        if (access(*source, F_OK) < 0)
            return *source;
    nvb_vec_foreach (hook, &view->edits.hooks)
        if (access(hook->path, X_OK) < 0)
            return hook->path;
    return NULL;
}

/* ---- the system's ---- */

static void name_devices(const struct nvb_plan_state *s, const char *kind, struct nvb_strv *ret)
{
    if (s->choice.all) {
        nvb_strv_addf(ret, "%s=all", kind);
        return;
    }
    nvb_vec_foreach (gpu, &s->plan->gpus) {
        _cleanup_free_ char *name = nvb_plan_gpu_name(gpu);
        nvb_strv_addf(ret, "%s=%s", kind, name);
    }
}

/* Adds what the device NAME of the registry brings. Returns the file's path, borrowed, or NULL
 * where it is not in force. */
static const char *add_device(const struct nvb_cdi_registry *registry, const char *name,
                              struct view *ret)
{
    const struct nvb_cdi_entry *entry = nvb_cdi_registry_find(registry, name);
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    if (!entry || entry->state != NVB_CDI_IN_FORCE)
        return NULL;
    const char *path = registry->files.items[entry->file].path;
    if (nvb_cdi_read_file(registry->root, path, &spec, NULL) != 0)
        return NULL;
    const struct nvb_cdi_device *device = nvb_cdi_spec_find_device(&spec, strchr(name, '=') + 1);
    if (!device)
        return NULL;
    nvb_cdi_edits_merge(&ret->edits, &spec.edits);
    nvb_cdi_edits_merge(&ret->edits, &device->edits);
    nvb_vec_foreach (mount, &spec.edits.mounts)
        nvb_strv_add(&ret->sources, mount->host_path);
    nvb_vec_foreach (mount, &device->edits.mounts)
        nvb_strv_add(&ret->sources, mount->host_path);
    return path;
}

/* Whether the engine's own folders have the chosen GPUs with all that they need. */
static bool is_in_force(struct nvb_plan_state *s, const struct nvb_cdi_registry *registry)
{
    _cleanup_(view_done) struct view view = {0};
    _cleanup_strv_ struct nvb_strv names = {0};
    const char *path = NULL;
    name_devices(s, "nvidia.com/gpu", &names);
    nvb_vec_foreach (name, &names) {
        path = add_device(registry, *name, &view);
        if (!path)
            return false;
    }
    const char *missing = path ? find_missing(&view, &s->plan->edits) : "";
    const char *gone = path ? find_gone(&view) : NULL;
    if (!path || missing || gone) {
        if (path)
            nvb_notes_add(s->notes, NVB_NOTE_INFO, "'%s' is not used: %s '%s'", path,
                          gone ? "it names a file that is gone," : "it lacks",
                          gone ? gone : missing);
        return false;
    }
    s->plan->mode = NVB_PLAN_CDI;
    s->plan->kept_file = nvb_strdup(path);
    if (!s->wish.own_cdi)
        name_devices(s, "nvidia.com/gpu", &s->plan->cdi_devices);
    return true;
}

/* ---- the caller's own ---- */

static bool is_elsewhere(const struct nvb_host_options *host)
{
    return host->host_root || host->driver_root || host->dev_root;
}

/*
 * The whole host, for whatever containers it will have: they are told apart by the devices that
 * they name. A host below another root has a kind of its own, so that its GPUs are never taken for
 * this machine's.
 */
static int use_own_folder(struct nvb_plan_state *s, const char *folder, struct nvb_error **err)
{
    struct nvb_plan *plan = s->plan;
    _cleanup_free_ char *hook = NULL;
    _cleanup_free_ char *class = NULL;
    _cleanup_free_ char *kind = NULL;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str facts = NVB_STR_INIT;
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    struct nvb_cdi_build_options options = {
        .naming = NVB_CDI_BY_INDEX | NVB_CDI_BY_UUID,
        .kept = true,
        .partial = true,
        .gpus = &s->gpus,
        .extra = &s->libraries,
    };
    if (is_elsewhere(s->input->host)) {
        uint64_t hash = nvb_hash(NVB_HASH_INIT, s->host.root.path, strlen(s->host.root.path));
        class = nvb_strdupf("gpu-%08x", (unsigned)(hash ^ (hash >> 32)));
        options.vendor = "nvbind.local";
        options.class = class;
    }
    if (nvb_cdi_find_hook(&hook, NULL) == 0)
        options.hook = hook;
    kind = nvb_strdupf("%s/%s", class ? "nvbind.local" : "nvidia.com", class ? class : "gpu");
    if (nvb_cdi_build_with_facts(&s->host, &options, NVB_CDI_WITNESS_MARK, &spec, &facts, NULL,
                                 err) < 0)
        return -1;
    nvb_str_add(&text, NVB_CDI_OWN_MARK);
    nvb_str_addn(&text, facts.data, facts.len);
    if (nvb_cdi_write(&spec, NVB_CDI_YAML, &text, err) < 0)
        return -1;
    plan->mode = NVB_PLAN_CDI;
    plan->spec.path = class ? nvb_strdupf("%s/nvbind.local-%s.yaml", folder, class)
                            : nvb_strdupf("%s/" NVB_CDI_OWN_FILE, folder);
    plan->spec.len = text.len;
    plan->spec.text = nvb_str_steal(&text);
    plan->kept_file = nvb_strdup(plan->spec.path);
    if (s->wish.own_cdi && class)
        nvb_plan_drop_own_names(&plan->user);
    if (!s->wish.own_cdi || class)
        name_devices(s, kind, &plan->cdi_devices);
    return 0;
}

int nvb_plan_use_kept(struct nvb_plan_state *s, struct nvb_error **err)
{
    const struct nvb_plan_input *input = s->input;
    _cleanup_cdi_consumers_ struct nvb_cdi_consumers consumers = {0};
    _cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
    _cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
    _cleanup_strv_ struct nvb_strv folders = {0};
    _cleanup_free_ char *own = nvb_plan_kept_folder(input->user);
    /* A specification of the whole machine knows nothing of isolation and of the user's own parts.
     */
    if (input->request->cdi == NVB_CDI_REFUSE || s->isolation != NVB_ISOLATION_NONE ||
        s->wish.own_nodes || s->claimed > 0 || nvb_plan_has_strange_root(s->plan) ||
        nvb_plan_is_remote(input) || (input->facts && !input->facts->cdi))
        return 1;
    if (input->engine->kind == NVB_ENGINE_DOCKER && !input->facts)
        return 1;
    nvb_cdi_consumers_add(&consumers, input->engine);
    const struct nvb_cdi_consumer *consumer = consumers.count ? &consumers.items[0] : NULL;
    const struct nvb_cdi_setting setting = {&root, input->environment, input->user};
    if (!consumer || !consumer->cap || nvb_root_open("/", &root, NULL) < 0)
        return 1;
    if (input->facts && input->facts->cdi_folders.count)
        nvb_vec_foreach (folder, &input->facts->cdi_folders)
            nvb_strv_add(&folders, *folder);
    else
        nvb_cdi_consumer_folders(consumer, &setting, &folders, s->notes);
    nvb_cdi_registry_read(&root, &folders, consumer, &registry);
    if (is_in_force(s, &registry))
        return 0;
    return own && nvb_strv_has(&folders, own) ? use_own_folder(s, own, err) : 1;
}

/* ---- what is said ---- */

static bool is_own(const struct nvb_plan_state *s)
{
    _cleanup_free_ char *own = nvb_plan_kept_folder(s->input->user);
    return own && s->input->user->uid != 0 && nvb_has_prefix(s->plan->kept_file, own);
}

void nvb_plan_note_outliving(const struct nvb_plan_state *s)
{
    const struct nvb_plan *plan = s->plan;
    /* A dry run makes no container that could keep anything. */
    const bool makes_one = s->input->request->dry_run == NVB_DRY_RUN_OFF;
    if (plan->kept_file && makes_one)
        nvb_notes_add(s->notes, NVB_NOTE_NOTICE,
                      "the container takes its GPUs from '%s': after a driver upgrade it starts "
                      "again once '%snvbind cdi refresh' has made that anew",
                      plan->kept_file, is_own(s) ? "" : "sudo ");
    else if (!plan->kept_file && plan->mode == NVB_PLAN_CDI && plan->spec.path)
        nvb_notes_add(s->notes, NVB_NOTE_WARNING,
                      "the engine finds this container's CDI devices only when nvbind starts it: "
                      "'--rm', or '--no-cdi', avoids that");
    else if (plan->mode == NVB_PLAN_DIRECT && makes_one)
        nvb_notes_add(s->notes, NVB_NOTE_NOTICE,
                      "the container keeps this driver's files: after a driver upgrade it has to "
                      "be made anew ('--rm' makes it anew each time)");
}
