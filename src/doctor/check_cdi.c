/* The CDI specifications that engines here read. */

#include <string.h>

#include "cdi/consumer.h"
#include "cdi/registry.h"
#include "cdi/witness.h"
#include "doctor/check.h"

#define KIND "nvidia.com/gpu"

/* One engine's view: what it reads, and what of it counts. */
struct view {
    const struct nvb_cdi_consumer *consumer; /* NULL: no engine is known; CDI's own folders */
    struct nvb_cdi_registry registry;
};

struct nvb_doctor_cdi {
    struct nvb_cdi_consumers consumers;
    struct NVB_VEC(struct view) list;
};

void nvb_doctor_cdi_free(struct nvb_doctor_cdi *views)
{
    if (!views)
        return;
    nvb_vec_foreach (view, &views->list)
        nvb_cdi_registry_done(&view->registry);
    nvb_vec_release(&views->list);
    nvb_cdi_consumers_done(&views->consumers);
    free(views);
}

static void add_view(struct nvb_doctor *d, const struct nvb_cdi_consumer *consumer,
                     struct nvb_doctor_cdi *views)
{
    const struct nvb_cdi_setting setting = {&d->host.root, d->options->environment, &d->user};
    _cleanup_strv_ struct nvb_strv folders = {0};
    struct view *view = nvb_vec_add(&views->list);
    view->consumer = consumer;
    nvb_cdi_consumer_folders(consumer, &setting, &folders, NULL);
    nvb_cdi_registry_read(&d->host.root, &folders, consumer, &view->registry);
}

/* Read once, for all checks. */
static struct nvb_doctor_cdi *get_views(struct nvb_doctor *d)
{
    const struct nvb_doctor_engine *engines[] = {nvb_doctor_podman(d), nvb_doctor_docker(d)};
    if (d->cdi)
        return d->cdi;
    d->cdi = nvb_calloc(1, sizeof(*d->cdi));
    for (size_t i = 0; i < NVB_COUNT(engines); i++)
        if (engines[i]->installed && engines[i]->engine.version)
            nvb_cdi_consumers_add(&d->cdi->consumers, &engines[i]->engine);
    nvb_vec_foreach (consumer, &d->cdi->consumers)
        if (consumer->cap)
            add_view(d, consumer, d->cdi);
    if (d->cdi->list.count == 0)
        add_view(d, NULL, d->cdi);
    return d->cdi;
}

static const char *reader(const struct view *view)
{
    return view->consumer ? view->consumer->text : "CDI";
}

static bool is_gpu_name(const char *name)
{
    return nvb_has_prefix(name, KIND "=");
}

static const struct nvb_cdi_file *file_of(const struct view *view, size_t index)
{
    return &view->registry.files.items[index];
}

/* The first device of ours in VIEW that is in STATE, or NULL. */
static const struct nvb_cdi_entry *find_state(const struct view *view, enum nvb_cdi_state state)
{
    nvb_vec_foreach (entry, &view->registry.entries)
        if (is_gpu_name(entry->name) && entry->state == state)
            return entry;
    return NULL;
}

static void check_spec(struct nvb_doctor *d, struct nvb_finding *f)
{
    struct nvb_doctor_cdi *views = get_views(d);
    nvb_vec_foreach (view, &views->list) {
        const struct nvb_cdi_entry *entry = find_state(view, NVB_CDI_IN_FORCE);
        if (!entry) {
            nvb_finding_warn(f,
                             "no specification that %s reads has a device of " KIND
                             "; 'nvbind run' needs none, other tools do",
                             reader(view));
            (void)nvb_fix_root(f, "nvbind", "cdi", "refresh", NULL);
            return;
        }
        nvb_finding_ok(f, "%s has " KIND " from %s", reader(view),
                       file_of(view, entry->file)->path);
    }
}

static bool is_ours(const struct nvb_cdi_file *file)
{
    return !file->kind || strcmp(file->kind, KIND) == 0;
}

static void check_readable(struct nvb_doctor *d, struct nvb_finding *f)
{
    struct nvb_doctor_cdi *views = get_views(d);
    size_t count = 0;
    nvb_vec_foreach (view, &views->list)
        nvb_vec_foreach (file, &view->registry.files) {
            bool too_new = file->version && file->kind;
            count++;
            if (!file->error || too_new || !is_ours(file))
                continue;
            nvb_finding_fail(f, "%s: %s", file->path, file->error->message);
            (void)nvb_fix_user(f, "nvbind", "cdi", "validate", file->path, NULL);
            return;
        }
    if (count == 0)
        nvb_finding_skip(f, "there are no CDI specifications");
    else
        nvb_finding_ok(f, "every specification can be read");
}

static void check_version(struct nvb_doctor *d, struct nvb_finding *f)
{
    struct nvb_doctor_cdi *views = get_views(d);
    size_t count = 0;
    nvb_vec_foreach (view, &views->list)
        nvb_vec_foreach (file, &view->registry.files) {
            _cleanup_free_ char *refusal =
                view->consumer && file->version && is_ours(file)
                    ? nvb_cdi_consumer_refusal(view->consumer, file->version)
                    : NULL;
            count++;
            if (!refusal)
                continue;
            nvb_finding_fail(f, "%s is of version %s; %s: it drops the file without a word",
                             file->path, file->version, refusal);
            (void)nvb_fix_root(f, "nvbind", "cdi", "refresh", "--take-over", NULL);
            return;
        }
    if (count == 0)
        nvb_finding_skip(f, "there are no CDI specifications");
    else
        nvb_finding_ok(f, "no specification is too new for the engines here");
}

static void check_conflict(struct nvb_doctor *d, struct nvb_finding *f)
{
    struct nvb_doctor_cdi *views = get_views(d);
    nvb_vec_foreach (view, &views->list) {
        const struct nvb_cdi_entry *entry = find_state(view, NVB_CDI_CONFLICT);
        if (!entry)
            continue;
        const char *one = file_of(view, entry->file)->path;
        const char *other = file_of(view, entry->other)->path;
        nvb_finding_fail(f, "%s and %s both give %s: engines drop both", one, other, entry->name);
        _cleanup_free_ char *aside = nvb_strdupf("%s.disabled", other);
        (void)nvb_fix_root(f, "mv", other, aside, NULL);
        f->fix.items[f->fix.count - 1].by_hand = true;
        f->fix.items[f->fix.count - 1].text =
            nvb_strdup("or the other one: nvbind cdi list shows what each gives");
        return;
    }
    nvb_finding_ok(f, "no device is given twice in one folder");
}

static void check_shadowed(struct nvb_doctor *d, struct nvb_finding *f)
{
    struct nvb_doctor_cdi *views = get_views(d);
    nvb_vec_foreach (view, &views->list) {
        const struct nvb_cdi_entry *entry = find_state(view, NVB_CDI_SHADOWED);
        if (!entry)
            continue;
        const char *file = file_of(view, entry->file)->path;
        nvb_finding_warn(f, "%s of %s counts for nothing: %s gives it as well", entry->name, file,
                         file_of(view, entry->other)->path);
        nvb_fix_root(f, "rm", file, NULL)->by_hand = true;
        return;
    }
    nvb_finding_ok(f, "no specification hides another");
}

/* ---- files where this engine does not look ---- */

/* The first specification in FOLDER (seen from the root), owned, or NULL. */
static char *first_file(struct nvb_doctor *d, const char *folder)
{
    _cleanup_strv_ struct nvb_strv names = {0};
    nvb_doctor_list(d, folder, NULL, &names);
    for (size_t i = 0; i < names.count; i++)
        if (nvb_has_suffix(names.items[i], ".json") || nvb_has_suffix(names.items[i], ".yaml"))
            return nvb_strdupf("%s/%s", folder, names.items[i]);
    return NULL;
}

static void check_folder(struct nvb_doctor *d, struct nvb_finding *f)
{
    struct nvb_doctor_cdi *views = get_views(d);
    _cleanup_free_ char *own = nvb_doctor_config_path(d, "cdi");
    const char *folders[] = {"/etc/cdi", "/var/run/cdi", "/usr/share/cdi", own};
    const struct view *view = &views->list.items[0];
    for (size_t i = 0; i < NVB_COUNT(folders); i++) {
        _cleanup_free_ char *file = folders[i] ? first_file(d, folders[i]) : NULL;
        if (!file || nvb_strv_has(&view->registry.folders, folders[i]))
            continue;
        nvb_finding_warn(f, "%s is not read by %s", file, reader(view));
        if (nvb_strv_has(&view->registry.folders, "/etc/cdi")) {
            _cleanup_free_ char *to = nvb_strdupf("/etc/cdi/%s", nvb_path_base(file));
            /* What it says is then done by root: that is for people to decide. */
            nvb_fix_root(f, "install", "-D", "-m", "0644", file, to, NULL)->by_hand = true;
        } else {
            (void)nvb_fix_text(f, "'nvbind run' passes its own folder where the engine takes one");
        }
        return;
    }
    if (view->registry.problems.count)
        nvb_finding_warn(f, "%s", view->registry.problems.items[0]);
    else
        nvb_finding_ok(f, "no specification lies where %s does not look", reader(view));
}

/* ---- what they say against what is there ---- */

/* A specification made for another root than the machine's names its files as the machine does. */
static bool is_there(const struct nvb_root *root, const char *path)
{
    size_t len = strlen(root->path);
    struct stat st;
    if (!nvb_root_is_host(root) && strncmp(path, root->path, len) == 0 && path[len] == '/')
        path += len;
    return nvb_root_stat(root, path, &st) == 0;
}

/* The first file or node that EDITS name and that is not there, borrowed, or NULL. */
static const char *find_gone(struct nvb_doctor *d, const struct nvb_cdi_edits *edits)
{
    nvb_vec_foreach (mount, &edits->mounts)
        if (!is_there(&d->host.driver, mount->host_path))
            return mount->host_path;
    nvb_vec_foreach (node, &edits->nodes) {
        const char *path = node->host_path ? node->host_path : node->path;
        if (!is_there(&d->host.dev, path))
            return path;
    }
    return NULL;
}

/* Devices whose names are plain numbers are GPUs. */
static size_t count_numbered(const struct nvb_cdi_spec *spec)
{
    size_t count = 0;
    nvb_vec_foreach (device, &spec->devices)
        count += strspn(device->name, "0123456789") == strlen(device->name);
    return count;
}

/* Whether nvbind wrote the file, which then says what it was made from. *ret_why: what has changed
 * since, or NULL. */
static bool is_own(struct nvb_doctor *d, const char *path, char **ret_why)
{
    _cleanup_free_ char *text = nvb_doctor_read(d, path);
    const char *at = text ? strstr(text, "\n" NVB_CDI_WITNESS_MARK) : NULL;
    if (!text || !nvb_has_prefix(text, "# Made by nvbind"))
        return false;
    if (at)
        (void)nvb_cdi_witness_holds(at + 1, strlen(at + 1), NVB_CDI_WITNESS_MARK, &d->host,
                                    ret_why);
    return true;
}

static bool is_stale(struct nvb_doctor *d, const char *path, const struct nvb_cdi_spec *spec,
                     struct nvb_finding *f)
{
    _cleanup_free_ char *why = NULL;
    const bool own = is_own(d, path, &why);
    if (why) {
        nvb_finding_fail(f, "%s is stale: %s", path, why);
        (void)nvb_fix_root(f, "nvbind", "cdi", "refresh", NULL);
        return true;
    }
    const char *gone = find_gone(d, &spec->edits);
    nvb_vec_foreach (device, &spec->devices)
        if (!gone)
            gone = find_gone(d, &device->edits);
    size_t has = count_numbered(spec);
    size_t there = nvb_doctor_gpus(d)->count;
    if (gone)
        nvb_finding_fail(f, "%s is stale: it names '%s', which is not there", path, gone);
    else if (has && there && has != there)
        nvb_finding_fail(f, "%s is stale: it has %zu GPU%s, this machine %zu", path, has,
                         has == 1 ? "" : "s", there);
    else
        return false;
    (void)nvb_fix_root(f, "nvbind", "cdi", "refresh", own ? NULL : "--take-over", NULL);
    return true;
}

typedef bool judge_fn(struct nvb_doctor *d, const char *path, const struct nvb_cdi_spec *spec,
                      struct nvb_finding *f);

/* Calls JUDGE for each readable specification of ours until it says that it found something. */
static void judge_all(struct nvb_doctor *d, struct nvb_finding *f, judge_fn *judge,
                      const char *well)
{
    struct nvb_doctor_cdi *views = get_views(d);
    size_t count = 0;
    nvb_vec_foreach (view, &views->list)
        nvb_vec_foreach (file, &view->registry.files) {
            _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
            if (!file->kind || strcmp(file->kind, KIND) != 0 ||
                nvb_cdi_read_file(&d->host.root, file->path, &spec, NULL) != 0)
                continue;
            count++;
            if (judge(d, file->path, &spec, f))
                return;
        }
    if (count == 0)
        nvb_finding_skip(f, "there is no specification of " KIND);
    else
        nvb_finding_ok(f, "%s", well);
}

static void check_stale(struct nvb_doctor *d, struct nvb_finding *f)
{
    judge_all(d, f, is_stale, "every file and node that they name is there");
}

static const char *incumbent_hook(const struct nvb_cdi_edits *edits)
{
    nvb_vec_foreach (hook, &edits->hooks) {
        const char *name = nvb_path_base(hook->path);
        if (strcmp(name, "nvidia-ctk") == 0 || strcmp(name, "nvidia-cdi-hook") == 0)
            return hook->path;
    }
    return NULL;
}

static bool is_incumbent(struct nvb_doctor *d, const char *path, const struct nvb_cdi_spec *spec,
                         struct nvb_finding *f)
{
    const char *hook = incumbent_hook(&spec->edits);
    nvb_vec_foreach (device, &spec->devices)
        hook = hook ? hook : incumbent_hook(&device->edits);
    if (!hook)
        return false;
    if (!is_there(&d->host.root, hook))
        nvb_finding_fail(f, "%s was made by nvidia-ctk and wants its hook %s, which is not there",
                         path, hook);
    else if (nvb_has_prefix(path, "/etc/cdi/"))
        nvb_finding_warn(f, "%s was made once by nvidia-ctk: the next driver makes it stale", path);
    else
        return false;
    (void)nvb_fix_root(f, "nvbind", "cdi", "refresh", "--take-over", NULL);
    return true;
}

static void check_incumbent(struct nvb_doctor *d, struct nvb_finding *f)
{
    judge_all(d, f, is_incumbent, "none is a leftover of nvidia-ctk");
}

const struct nvb_check nvb_checks_cdi[] = {
    NVB_CHECK("cdi-spec", "cdi", "whether the engines here find " KIND, "gpu", check_spec),
    NVB_CHECK("cdi-readable", "cdi", "whether specifications can be read", NULL, check_readable),
    NVB_CHECK("cdi-version", "cdi", "their versions against what the engines here take", NULL,
              check_version),
    NVB_CHECK("cdi-conflict", "cdi", "devices that two files of a folder give", NULL,
              check_conflict),
    NVB_CHECK("cdi-shadowed", "cdi", "devices that a later folder hides", NULL, check_shadowed),
    NVB_CHECK("cdi-folder", "cdi", "specifications where the engine does not look", NULL,
              check_folder),
    NVB_CHECK("cdi-stale", "cdi", "files, nodes and GPUs that they name", "driver-module",
              check_stale),
    NVB_CHECK("cdi-incumbent", "cdi", "leftovers of nvidia-ctk", NULL, check_incumbent),
    {0},
};
