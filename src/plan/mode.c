/* How the engine gets the GPUs: by CDI or directly. */

#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/trust.h"
#include "cdi/codec.h"
#include "cdi/hook.h"
#include "cdi/validate.h"
#include "host/crun.h"
#include "plan/keep.h"
#include "plan/service.h"
#include "plan/state.h"

static void name_devices(struct nvb_plan_state *s)
{
    struct nvb_strv *names = &s->plan->cdi_devices;
    /* A name that the user wrote himself stands among his words. */
    if (s->wish.own_cdi || nvb_strv_has(&s->claims.cdi, NVB_OWN_KIND "all"))
        return;
    if (s->choice.all) {
        nvb_strv_add(names, NVB_OWN_KIND "all");
        return;
    }
    nvb_vec_foreach (gpu, &s->plan->gpus) {
        _cleanup_free_ char *name = nvb_plan_gpu_name(gpu);
        nvb_strv_addf(names, NVB_OWN_KIND "%s", name);
    }
}

void nvb_plan_drop_own_names(struct nvb_plan_line *line)
{
    _cleanup_free_ bool *drop = nvb_calloc(line->options.count + 1, sizeof(*drop));
    for (size_t i = 0; i < line->options.count; i++) {
        const struct nvb_plan_option *option = &line->options.items[i];
        _cleanup_strv_ struct nvb_strv words = {0};
        if (!nvb_plan_option_is(option, "device") || !option->value)
            continue;
        nvb_claims_split_csv(option->value, &words);
        drop[i] = true;
        for (size_t k = 0; k < words.count; k++)
            drop[i] = drop[i] && nvb_has_prefix(words.items[k], NVB_OWN_KIND);
    }
    nvb_plan_line_drop(line, drop);
}

static int use_direct(struct nvb_plan_state *s, struct nvb_error **err)
{
    s->plan->mode = NVB_PLAN_DIRECT;
    if (s->plan->edits.hooks.count > 0 && nvb_plan_lay_hook(s, err) < 0)
        return -1;
    if (!s->wish.own_cdi)
        return 0;
    nvb_plan_drop_own_names(&s->plan->user);
    nvb_plan_drop_own_names(&s->plan->defaults);
    nvb_notes_add(s->notes, NVB_NOTE_INFO,
                  "no CDI specification that this engine reads has '" NVB_OWN_KIND
                  "%s': its devices and files are passed directly",
                  s->wish.words);
    return 0;
}

static int use_folder(struct nvb_plan_state *s, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    struct nvb_plan *plan = s->plan;
    if (nvb_cdi_validate(&s->spec, err) < 0 ||
        nvb_cdi_write(&s->spec, NVB_CDI_JSON, &text, err) < 0)
        return -1;
    uint64_t hash = nvb_hash(NVB_HASH_INIT, text.data, text.len);
    _cleanup_free_ char *folder =
        nvb_strdupf("%s/cdi/%016llx", s->runtime, (unsigned long long)hash);
    plan->mode = NVB_PLAN_CDI;
    plan->spec.path = nvb_strdupf("%s/nvidia.com-gpu.json", folder);
    plan->spec.len = text.len;
    plan->spec.text = nvb_str_steal(&text);
    /* The option replaces the folders that the engine reads by itself, so those go first. */
    nvb_system_spec_folders(s->input, &plan->cdi_folders);
    nvb_strv_add(&plan->cdi_folders, folder);
    name_devices(s);
    return 0;
}

/* Whether a specification that the engine reads anyway has everything. It tells of the machine
 * itself, not of another root. */
static bool is_in_system(const struct nvb_plan_state *s)
{
    /* Nor does it know of isolation. */
    if (s->isolation != NVB_ISOLATION_NONE || s->input->host->host_root ||
        s->input->host->driver_root || s->input->host->dev_root)
        return false;
    if (s->choice.all)
        return nvb_system_spec_has(s->input, "all");
    nvb_vec_foreach (gpu, &s->plan->gpus) {
        _cleanup_free_ char *name = nvb_plan_gpu_name(gpu);
        if (!nvb_system_spec_has(s->input, name))
            return false;
    }
    return s->plan->gpus.count > 0;
}

/* Returns -1 with an error where the specification that has them is out of date, else 0. */
static int fail_stale(const struct nvb_plan_state *s, struct nvb_error **err)
{
    _cleanup_free_ char *stale = NULL;
    if (!s->input->host->host_root)
        (void)nvb_system_spec_find(s->input, "all", &stale);
    if (!stale)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_ENGINE, 0, "--cdi: the specification %s", stale);
    return nvb_error_hint(err, "sudo nvbind cdi refresh, or leave '--cdi' out");
}

static int insist_on_cdi(struct nvb_plan_state *s, struct nvb_error **err)
{
    const struct nvb_engine *engine = s->input->engine;
    if (is_in_system(s)) {
        s->plan->mode = NVB_PLAN_CDI;
        name_devices(s);
        return 0;
    }
    if (fail_stale(s, err) < 0)
        return -1;
    if (engine->kind == NVB_ENGINE_DOCKER)
        (void)nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                             "--cdi: Docker takes CDI specifications from its own folders only, "
                             "and none there has these GPUs");
    else if (engine->version < 505)
        (void)nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                             "--cdi: Podman %s takes no folder of CDI specifications (5.5 does), "
                             "and none in /etc/cdi or /var/run/cdi has these GPUs",
                             engine->version_text);
    else
        (void)nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                             "--cdi: there is no private folder for the specification: "
                             "XDG_RUNTIME_DIR is not set, or not the caller's alone");
    return nvb_error_hint(err, "sudo nvbind cdi refresh, or leave "
                               "'--cdi' out");
}

static bool may_use_folder(const struct nvb_plan_state *s)
{
    const struct nvb_engine *engine = s->input->engine;
    return engine->kind == NVB_ENGINE_PODMAN && engine->version >= 505 &&
           !nvb_plan_is_by_service(s->input);
}

/* ---- before and after a specification is built ---- */

int nvb_plan_find_runtime(struct nvb_plan_state *s, struct nvb_error **err)
{
    const enum nvb_request_cdi cdi = s->input->request->cdi;
    const bool wanted = cdi == NVB_CDI_INSIST ||
                        (cdi == NVB_CDI_AUTO && !s->wish.own_nodes && !nvb_plan_outlives(s->plan));
    if (!wanted || !may_use_folder(s))
        return 0;
    if (nvb_trust_runtime_folder(s->input->user->runtime_dir, &s->runtime, err) >= 0)
        return 0;
    if (err && *err && !(*err)->hint)
        (void)nvb_error_hint(err, "nvbind run --no-cdi …");
    return -1;
}

bool nvb_plan_has_strange_root(const struct nvb_plan *plan)
{
    static const char *const mappings[] = {"uidmap", "gidmap", "subuidname", "subgidname"};
    const char *userns = nvb_plan_value(plan, "userns");
    for (size_t i = 0; i < NVB_COUNT(mappings); i++)
        if (nvb_plan_value(plan, mappings[i]))
            return true;
    return userns && (nvb_has_prefix(userns, "auto") || nvb_has_prefix(userns, "nomap"));
}

/* Whether everybody may execute PATH and pass the folders above it. */
static bool is_open_to_all(const char *path)
{
    _cleanup_free_ char *place = nvb_strdup(path);
    struct stat st;
    while (stat(place, &st) == 0 && (st.st_mode & S_IXOTH)) {
        if (strcmp(place, "/") == 0)
            return true;
        char *above = nvb_path_dir(place);
        free(place);
        place = above;
    }
    return false;
}

/* crun changes to the bundle before it starts a hook, and before 1.27 gave up where a root of such
 * a namespace may not (github.com/containers/crun/pull/2035): no hook at all starts there. Asked of
 * crun itself, because its version tells and Podman's does not. */
static bool starts_no_hooks(const struct nvb_plan_state *s)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    const char *runtime = nvb_plan_value(s->plan, "runtime");
    unsigned version = 0;
    if (runtime && strcmp(nvb_path_base(runtime), "crun") != 0)
        return false;
    int r = nvb_crun_find_version(runtime, s->input->environment, &version, &err);
    return r < 0 || (r == 0 && version < 127);
}

char *nvb_plan_find_hook(const struct nvb_plan_state *s)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_free_ char *hook = NULL;
    int r = nvb_cdi_find_hook(&hook, &err);
    if (r < 0)
        nvb_notes_add(s->notes, NVB_NOTE_INFO, "nvbind-hook is not used: %s", err->message);
    if (r != 0)
        return NULL;
    if (nvb_plan_has_strange_root(s->plan) && !is_open_to_all(hook)) {
        nvb_notes_add(s->notes, NVB_NOTE_INFO,
                      "nvbind-hook is not used: the container's root could not reach '%s'", hook);
        return NULL;
    }
    if (nvb_plan_has_strange_root(s->plan) && starts_no_hooks(s)) {
        nvb_notes_add(
            s->notes, NVB_NOTE_INFO,
            "nvbind-hook is not used: crun before 1.27 starts no hook in a user namespace "
            "of that kind");
        return NULL;
    }
    return TAKE_PTR(hook);
}

/* Whether a node is to appear under another path than it has. Engines cannot do that by CDI without
 * root (Podman 5.4 to 6.1); by --device they can. */
static bool moves_nodes(const struct nvb_plan_state *s)
{
    nvb_vec_foreach (node, &s->plan->edits.nodes)
        if (node->host_path && strcmp(node->host_path, node->path) != 0)
            return s->input->user->uid != 0;
    return false;
}

bool nvb_plan_must_be_direct(const struct nvb_plan_state *s)
{
    if (!s->runtime || s->input->request->cdi == NVB_CDI_INSIST)
        return false;
    /* What the user's words bring already is easier left out of a command line than of a file. */
    return s->claimed > 0 || moves_nodes(s);
}

/* Whether Docker's CDI can only be by a specification that its daemon has already. That brings what
 * whoever made it chose: where this caller chose himself, it is not taken. */
static bool is_for_daemons_own(const struct nvb_plan_state *s)
{
    const struct nvb_plan_input *input = s->input;
    return input->engine->kind == NVB_ENGINE_DOCKER && input->facts && input->facts->cdi &&
           !s->service_folder && input->request->cdi == NVB_CDI_AUTO &&
           !input->request->capabilities;
}

int nvb_plan_settle_mode(struct nvb_plan_state *s, struct nvb_error **err)
{
    const bool outlives = nvb_plan_outlives(s->plan);
    int r = outlives || is_for_daemons_own(s) ? nvb_plan_use_kept(s, err) : 1;
    if (r < 0)
        return -1;
    if (r > 0 && s->runtime)
        r = use_folder(s, err);
    else if (r > 0 && s->service_folder)
        r = nvb_plan_use_service_folder(s, err);
    else if (r > 0 && s->input->request->cdi == NVB_CDI_INSIST)
        r = insist_on_cdi(s, err);
    else if (r > 0)
        r = use_direct(s, err);
    if (r == 0 && outlives)
        nvb_plan_note_outliving(s);
    return r;
}
