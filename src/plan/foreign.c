/*
 * Devices of other vendors: whatever gives them is a CDI specification that somebody else has
 * written. Where the engine reads it, the device's name is all that is passed. Where the engine
 * does not (no CDI, a version of CDI that is too new for it, a folder that it does not look into),
 * what the specification says is laid onto the command line, as for our own GPUs without CDI.
 */

#include <string.h>

#include "base/nearest.h"
#include "base/trust.h"
#include "cdi/registry.h"
#include "plan/state.h"

struct foreign {
    struct nvb_plan_state *state;
    struct nvb_root root;
    struct nvb_cdi_consumers consumers; /* the engine that runs */
    struct nvb_cdi_registry seen;       /* as it sees them */
    struct nvb_cdi_registry all;        /* as they lie there */
};

static void foreign_done(struct foreign *f)
{
    nvb_root_done(&f->root);
    nvb_cdi_consumers_done(&f->consumers);
    nvb_cdi_registry_done(&f->seen);
    nvb_cdi_registry_done(&f->all);
}

/* ---- what there is --------------------------------------------------------------------------- */

static int open_folders(struct foreign *f, struct nvb_error **err)
{
    static const char *const usual[] = {"/etc/cdi", "/var/run/cdi"};
    const struct nvb_plan_input *input = f->state->input;
    const char *other_root = input->host->host_root;
    _cleanup_strv_ struct nvb_strv folders = {0};
    if (nvb_root_open(other_root ? other_root : "/", &f->root, err) < 0)
        return -1;
    nvb_plan_add_consumer(input, &f->consumers);
    /* The engine sees nothing of another root. */
    const struct nvb_cdi_consumer *consumer = f->consumers.count ? &f->consumers.items[0] : NULL;
    const bool knows_cdi = input->facts ? input->facts->cdi || input->facts->cdi_folders.count > 0
                                        : consumer && consumer->cap;
    if (!other_root && knows_cdi)
        nvb_system_spec_folders(input, &folders);
    nvb_cdi_registry_read(&f->root, &folders, consumer, &f->seen);
    for (size_t i = 0; i < NVB_COUNT(usual); i++)
        if (!nvb_strv_has(&folders, usual[i]))
            nvb_strv_add(&folders, usual[i]);
    nvb_cdi_registry_read(&f->root, &folders, NULL, &f->all);
    return 0;
}

static int fail_unknown(const struct foreign *f, const char *name, struct nvb_error **err)
{
    const size_t count = f->all.entries.count;
    _cleanup_free_ const char **names = nvb_calloc(count + 1, sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = f->all.entries.items[i].name;
    const char *near = nvb_nearest(name, names);
    (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                         "no CDI specification in /etc/cdi or /var/run/cdi gives '%s'", name);
    if (near)
        return nvb_error_hint(err, "did you mean '%s'?", near);
    if (nvb_has_prefix(name, "amd.com/"))
        return nvb_error_hint(err, "sudo amd-ctk cdi generate --output=/etc/cdi/amd.json");
    return nvb_error_hint(err, "nvbind cdi list shows those that there are");
}

/* ---- laying it in ---------------------------------------------------------------------------- */

/* Neither ".." nor a link of another root leads out of it: the engine would follow them. */
static int move_path(const struct nvb_root *root, const char *path, char **host_path,
                     struct nvb_error **err)
{
    _cleanup_free_ char *inside = NULL;
    int r = nvb_root_resolve(root, path, -1, &inside);
    if (r < 0)
        return nvb_error_make(err, nvb_error_kind_of(-r), -r, "'%s' below '%s'", path, root->path);
    char *outside = nvb_root_outside(root, inside);
    free(*host_path);
    *host_path = outside;
    return 0;
}

/* Paths of another root are that root's. */
static int move_paths(const struct nvb_root *root, struct nvb_cdi_edits *edits,
                      struct nvb_error **err)
{
    if (nvb_root_is_host(root))
        return 0;
    nvb_vec_foreach (node, &edits->nodes)
        if (move_path(root, node->host_path ? node->host_path : node->path, &node->host_path, err) <
            0)
            return -1;
    nvb_vec_foreach (mount, &edits->mounts)
        if (move_path(root, mount->host_path, &mount->host_path, err) < 0)
            return -1;
    return 0;
}

static void drop_hooks(struct nvb_cdi_edits *edits)
{
    struct nvb_cdi_edits dropped = {.hooks = edits->hooks};
    memset(&edits->hooks, 0, sizeof(edits->hooks));
    nvb_cdi_edits_done(&dropped);
}

/* A program of another root's is none of this machine's, and what that root says runs nothing
 * here. */
static void drop_strange_hooks(const struct foreign *f, struct nvb_cdi_edits *edits)
{
    if (nvb_root_is_host(&f->root) || edits->hooks.count == 0)
        return;
    nvb_notes_add(f->state->notes, NVB_NOTE_WARNING,
                  "%zu hooks of the device's specification are left out, first among them '%s': "
                  "nothing of another root is run on this machine",
                  edits->hooks.count, edits->hooks.items[0].path);
    drop_hooks(edits);
}

/* A mount that is none of a file of the host's can be said by CDI alone. */
static int check_edits(const struct nvb_cdi_edits *edits, const char *name, const char *path,
                       struct nvb_error **err)
{
    const char *what = edits->nets.count ? "a network interface" : edits->rdt ? "intelRdt" : NULL;
    nvb_vec_foreach (mount, &edits->mounts)
        if (mount->type && strcmp(mount->type, "bind") != 0)
            what = "a mount of a file system";
    if (!what)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                         "'%s' brings %s ('%s'), which cannot be passed without CDI", name, what,
                         path);
    return nvb_error_hint(err, "an engine that reads that specification: nvbind cdi validate %s",
                          path);
}

static int lay_device(struct foreign *f, const struct nvb_cdi_entry *entry, struct nvb_error **err)
{
    struct nvb_plan_state *s = f->state;
    const char *path = f->all.files.items[entry->file].path;
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    struct nvb_cdi_edits edits = {0};
    /* As root, what it says is done by root. */
    _cleanup_free_ char *outside = nvb_root_outside(&f->root, path);
    if (s->input->user->uid == 0 && nvb_trust_check_path(outside, 0, err) < 0)
        return -1;
    int r = nvb_cdi_read_file(&f->root, path, &spec, err);
    const struct nvb_cdi_device *device =
        r == 0 ? nvb_cdi_spec_find_device(&spec, strchr(entry->name, '=') + 1) : NULL;
    if (r < 0)
        return -1;
    if (!device)
        return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "'%s' is gone", path);
    nvb_cdi_edits_merge(&edits, &device->edits);
    nvb_cdi_edits_merge(&edits, &spec.edits);
    r = check_edits(&edits, entry->name, path, err);
    if (r == 0)
        r = move_paths(&f->root, &edits, err);
    if (r == 0) {
        drop_strange_hooks(f, &edits);
        (void)nvb_claims_filter(&s->claims, &edits);
        nvb_cdi_edits_merge(&s->plan->edits, &edits);
    }
    nvb_cdi_edits_done(&edits);
    return r;
}

/* Hooks go by a folder of hooks, or not at all: then what they do is missing inside. */
static void settle_hooks(struct nvb_plan_state *s)
{
    struct nvb_cdi_edits *edits = &s->plan->edits;
    if (edits->hooks.count == 0)
        return;
    nvb_plan_find_hook_folder(s);
    if (s->hook_runtime)
        return;
    nvb_notes_add(s->notes, NVB_NOTE_WARNING,
                  "%zu hooks of the device's specification are left out, first among them '%s': "
                  "without CDI this engine runs none for this container",
                  edits->hooks.count, edits->hooks.items[0].path);
    nvb_notes_hint(s->notes,
                   "--rm with Podman runs them; or an engine that reads the specification");
    drop_hooks(edits);
}

/* ---- which way ------------------------------------------------------------------------------- */

static int fail_insisted(const struct foreign *f, const struct nvb_cdi_entry *entry,
                         struct nvb_error **err)
{
    const struct nvb_cdi_file *file = &f->all.files.items[entry->file];
    _cleanup_free_ char *refusal =
        f->consumers.count ? nvb_cdi_consumer_refusal(&f->consumers.items[0], file->version) : NULL;
    if (refusal)
        (void)nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                             "--cdi: '%s' is given by '%s', which declares CDI %s, and %s",
                             entry->name, file->path, file->version, refusal);
    else
        (void)nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                             "--cdi: '%s' is given by '%s', which this engine does not read",
                             entry->name, file->path);
    return nvb_error_hint(err, "leave '--cdi' out: what it brings is then passed directly");
}

static int add_device(struct foreign *f, const char *name, struct nvb_error **err)
{
    struct nvb_plan_state *s = f->state;
    const enum nvb_request_cdi cdi = s->input->request->cdi;
    const struct nvb_cdi_entry *entry = nvb_cdi_registry_find(&f->all, name);
    if (cdi != NVB_CDI_REFUSE && nvb_cdi_registry_has(&f->seen, name)) {
        nvb_strv_add(&s->plan->cdi_devices, name);
        return 0;
    }
    if (!entry)
        return fail_unknown(f, name, err);
    if (entry->state == NVB_CDI_CONFLICT) {
        (void)nvb_error_make(
            err, NVB_ERROR_CONFIG, 0, "'%s' is given by '%s' and by '%s': engines take neither",
            name, f->all.files.items[entry->file].path, f->all.files.items[entry->other].path);
        return nvb_error_hint(err, "remove one of the two files");
    }
    if (cdi == NVB_CDI_INSIST)
        return fail_insisted(f, entry, err);
    if (s->runtime || s->service_folder) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                             "'%s' can only be passed directly, and the NVIDIA GPUs go by CDI",
                             name);
        return nvb_error_hint(err, "nvbind run --no-cdi …");
    }
    s->plan->mode = NVB_PLAN_DIRECT;
    return lay_device(f, entry, err);
}

/* A folder that the caller names is between him and the engine, and so is one elsewhere. */
static bool is_not_for_us(const struct nvb_plan_state *s)
{
    return nvb_plan_is_remote(s->input) || nvb_plan_value(s->plan, "cdi-spec-dir") ||
           nvb_plan_line_find(&s->plan->early, "cdi-spec-dir");
}

int nvb_plan_add_foreign(struct nvb_plan_state *s, const struct nvb_strv *names,
                         struct nvb_error **err)
{
    _cleanup_(foreign_done) struct foreign f = {.state = s, .root = NVB_ROOT_INIT};
    const size_t hooks = s->plan->edits.hooks.count;
    if (names->count == 0)
        return 0;
    if (is_not_for_us(s)) {
        nvb_vec_foreach (name, names)
            nvb_strv_add(&s->plan->cdi_devices, *name);
        return 0;
    }
    if (open_folders(&f, err) < 0)
        return -1;
    nvb_vec_foreach (name, names)
        if (add_device(&f, *name, err) < 0)
            return -1;
    if (s->plan->edits.hooks.count > hooks)
        settle_hooks(s);
    return 0;
}
