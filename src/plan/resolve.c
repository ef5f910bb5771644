#include "plan/resolve.h"

#include <string.h>

#include "base/nearest.h"
#include "base/process.h"
#include "cdi/build.h"
#include "host/modprobe.h"
#include "host/user.h"
#include "plan/isolate.h"
#include "plan/service.h"
#include "plan/short_name.h"
#include "plan/state.h"
#include "plan/units.h"

/*
 * Theory of operation. First everything that only depends on words is decided, so that a mistake in
 * them is told before anything is looked at. Then the host is read, the GPUs are chosen, and a
 * specification of the whole host is built in memory; what the user's own words bring already is
 * taken out of it. The chosen devices' edits go into the plan. In CDI mode the specification itself
 * becomes a file as well, in a folder named by its content: two starts at the same time cannot
 * change it under each other, and the same host writes it once.
 */

static void done_state(struct nvb_plan_state *s)
{
    nvb_wish_done(&s->wish);
    nvb_host_done(&s->host);
    nvb_gpus_done(&s->gpus);
    nvb_nvml_done(&s->nvml);
    nvb_allowed_done(&s->allowed);
    nvb_choice_done(&s->choice);
    nvb_claims_done(&s->claims);
    nvb_cdi_spec_done(&s->spec);
    nvb_strv_done(&s->channels);
    nvb_plan_done_libraries(&s->libraries);
    free(s->runtime);
    free(s->service_folder);
    free(s->hook_runtime);
}

/* ---- what the words alone decide ---- */

/* The rows of the engine that runs, now that it is known; the other's stay where it has none. */
static void adopt_rows(struct nvb_plan_line *line, unsigned engine)
{
    nvb_vec_foreach (option, &line->options) {
        const struct nvb_option *row =
            option->is_short ? nvb_option_find_short(option->name[0], engine)
                             : nvb_option_find(option->name, strlen(option->name), engine);
        if (row)
            option->row = row;
    }
}

static bool is_rootless(const struct nvb_plan_state *s)
{
    const char *docker_host = nvb_environment_get(s->input->environment, "DOCKER_HOST");
    if (s->input->facts && !nvb_plan_is_remote(s->input))
        return s->input->facts->rootless;
    if (s->input->user->uid == 0 || nvb_plan_is_remote(s->input))
        return false;
    /* Docker's own service is root's, unless the caller names his own. */
    return s->input->engine->kind == NVB_ENGINE_PODMAN ||
           (docker_host && nvb_has_prefix(docker_host, "unix:///run/user/"));
}

static int check_request(const struct nvb_plan_state *s, struct nvb_error **err)
{
    const struct nvb_request *request = s->input->request;
    const struct nvb_plan_defaults *defaults = s->input->defaults;
    if (defaults && defaults->refuses_rootless && is_rootless(s)) {
        (void)nvb_place_fail(&defaults->rootless_place, err,
                             "allow_rootless = false refuses containers without root");
        return nvb_error_hint(err, "run it as root, or ask who set it");
    }
    if (request->rootless && !is_rootless(s)) {
        bool root = s->input->user->uid == 0;
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--rootless: %s",
                             root ? "this is root" : "the engine's service may be root's");
        return nvb_error_hint(err, root ? "run it as an ordinary user, or leave '--rootless' out"
                                        : "nvbind run --rootless --runtime podman …");
    }
    return 0;
}

/* "--runtime dokcer" is the engine's OCI runtime by that name, and what the engine says about one
 * that is not there does not lead to the word that was meant. */
static void note_runtime(const struct nvb_plan_state *s)
{
    static const char *const meant[] = {"podman", "docker", "nvidia", "nvbind", NULL};
    const char *name = nvb_plan_line_value(&s->plan->user, "runtime");
    const char *near = name && !strchr(name, '/') ? nvb_nearest(name, meant) : NULL;
    _cleanup_free_ char *program = NULL;
    if (!near || nvb_process_find(name, nvb_environment_get(s->input->environment, "PATH"),
                                  &program, NULL) == 0)
        return;
    nvb_notes_add(s->notes, NVB_NOTE_WARNING,
                  "'%s' is passed on as the OCI runtime, and no program of that name is in PATH",
                  name);
    nvb_notes_hint(s->notes, "did you mean '--runtime %s'?", near);
}

static bool wants_nothing(const struct nvb_wish *wish)
{
    return wish->selection.kind == NVB_SELECT_NONE;
}

/* Whether every device that is asked for is another vendor's: then this host is not looked at. */
static bool is_foreign(const struct nvb_wish *wish)
{
    if (wish->selection.kind != NVB_SELECT_ITEMS || wish->own_nodes)
        return false;
    nvb_vec_foreach (item, &wish->selection.items)
        if (item->kind != NVB_ITEM_CDI)
            return false;
    return true;
}

/* ---- the host ---- */

static int fail_no_driver(const struct nvb_plan_state *s, struct nvb_error **err)
{
    _cleanup_free_ char *version = NULL;
    _cleanup_free_ char *flavour = NULL;
    int r = nvb_host_read_version(&s->host, &version, &flavour, err);
    if (r < 0)
        return -1;
    if (r == 0) {
        (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                             "the NVIDIA driver %s is loaded and has no GPU", version);
        return nvb_error_hint(err, "nvbind info; without a GPU: nvbind run --gpu none …");
    }
    (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "no NVIDIA driver is loaded%s%s",
                         s->input->host->host_root ? " in " : "",
                         s->input->host->host_root ? s->input->host->host_root : "");
    if (s->input->host->host_root)
        return nvb_error_hint(err, "nvbind simulate DIR makes such a host; without a GPU: nvbind "
                                   "run --gpu none …");
    return nvb_error_hint(err, "sudo modprobe nvidia; without a GPU: nvbind run --gpu none …");
}

/* Adds the GPUs whose nodes the user names by --device. */
static void choose_by_nodes(struct nvb_plan_state *s)
{
    _cleanup_units_ struct nvb_units units = {0};
    nvb_units_list(&s->gpus, &units);
    for (size_t i = 0; i < units.count; i++) {
        const struct nvb_unit *unit = &units.items[i];
        bool named = false;
        bool chosen = false;
        nvb_vec_foreach (node, &unit->gpu->nodes)
            named = named ||
                    (node->role == NVB_NODE_GPU && nvb_strv_has(&s->claims.devices, node->path));
        nvb_vec_foreach (place, &s->choice.units)
            chosen = chosen || *place == i;
        if (named && !unit->mig && !chosen)
            nvb_vec_push(&s->choice.units, i);
    }
}

static void fill_gpus(struct nvb_plan_state *s)
{
    _cleanup_units_ struct nvb_units units = {0};
    nvb_units_list(&s->gpus, &units);
    nvb_vec_foreach (place, &s->choice.units) {
        const struct nvb_gpu *gpu = units.items[*place].gpu;
        const struct nvb_mig *mig = units.items[*place].mig;
        struct nvb_plan_gpu *copy = nvb_vec_add(&s->plan->gpus);
        copy->index = gpu->index;
        copy->pci = nvb_strdup(gpu->pci);
        copy->uuid = nvb_strdup(mig ? mig->uuid : gpu->uuid);
        copy->model = nvb_strdup(gpu->model);
        copy->is_mig = mig != NULL;
        copy->mig = mig ? mig->index : 0;
        copy->gi = mig ? mig->gi : 0;
        copy->ci = mig ? mig->ci : 0;
    }
}

/* Adds DEVICES, of the configuration say, for a container with GPUs. */
static void add_gpu_devices(struct nvb_plan_state *s, const struct nvb_strv *devices)
{
    for (size_t i = 0; i < devices->count; i++) {
        struct nvb_plan_line line = {0};
        _cleanup_claims_ struct nvb_claims claims = {0};
        nvb_plan_line_add(&line, "device", devices->items[i]);
        nvb_claims_read(&line, nvb_plan_list_version(s->input->engine), &claims);
        if (!nvb_claims_overlap(&claims, &s->claims))
            nvb_plan_line_add(&s->plan->defaults, "device", devices->items[i]);
        nvb_plan_line_done(&line);
    }
}

/* What narrowed the caller would number the GPUs inside wrongly. */
static void hide_environment(struct nvb_plan_state *s)
{
    const char *cuda = nvb_environment_get(s->input->environment, "CUDA_VISIBLE_DEVICES");
    if (s->allowed.narrowed && cuda && cuda[0] != '\0')
        nvb_strv_add(&s->plan->hidden_environment, "CUDA_VISIBLE_DEVICES");
}

/* ---- NVML, where something depends on it ---- */

static bool is_cut(const struct nvb_gpus *gpus)
{
    nvb_vec_foreach (gpu, gpus)
        if (gpu->migs.count)
            return true;
    return false;
}

static void ask_nvml(struct nvb_plan_state *s, unsigned questions, unsigned timeout_ms)
{
    if (s->nvml_asked)
        return;
    s->nvml_asked = true;
    nvb_nvml_ask(&s->host, NULL, questions, timeout_ms, &s->gpus, &s->nvml);
    nvb_notes_add(s->notes, NVB_NOTE_DEBUG, "NVML: %s",
                  s->nvml.answered ? "answered" : s->nvml.why);
}

/* A name that only NVML can tell is worth waiting for; which GPUs are the least busy only a moment.
 */
static void ask_for_names(struct nvb_plan_state *s)
{
    const struct nvb_selection *selection = &s->wish.selection;
    bool needed = nvb_allowed_needs_nvml(s->input->environment);
    nvb_vec_foreach (item, &selection->items)
        needed = needed || nvb_item_needs_nvml(item);
    if (needed && is_cut(&s->gpus))
        ask_nvml(s, NVB_NVML_MIG_UUIDS | (selection->kind == NVB_SELECT_COUNT ? NVB_NVML_LOAD : 0u),
                 NVB_NVML_NAME_MS);
}

static void ask_for_load(struct nvb_plan_state *s)
{
    const struct nvb_selection *selection = &s->wish.selection;
    if (selection->kind == NVB_SELECT_COUNT &&
        selection->count < nvb_allowed_count(&s->allowed, &s->gpus))
        ask_nvml(s, NVB_NVML_LOAD, NVB_NVML_LOAD_MS);
}

/* Nothing is run where nothing is to be run. */
static int find_gpus(struct nvb_plan_state *s, struct nvb_error **err)
{
    if (s->input->request->dry_run)
        return nvb_host_find_gpus(&s->host, &s->gpus, err);
    return nvb_modprobe_find_gpus(&s->host, s->plan->capabilities, &s->gpus, s->notes, err);
}

static int choose(struct nvb_plan_state *s, struct nvb_error **err)
{
    if (nvb_host_open(s->input->host, &s->host, err) < 0 || find_gpus(s, err) < 0)
        return -1;
    if (s->gpus.count == 0)
        return fail_no_driver(s, err);
    ask_for_names(s);
    nvb_allowed_read(s->input->environment, &s->gpus, &s->allowed);
    ask_for_load(s);
    if (nvb_selection_choose(&s->wish.selection, &s->gpus, &s->allowed,
                             s->nvml_asked ? &s->nvml : NULL, &s->choice, s->notes, err) < 0)
        return nvb_wish_fail(&s->wish, err);
    if (s->wish.own_nodes)
        choose_by_nodes(s);
    fill_gpus(s);
    if (nvb_plan_find_mig_management(s, err) < 0)
        return -1;
    hide_environment(s);
    if (s->input->defaults)
        add_gpu_devices(s, &s->input->defaults->gpu_devices);
    add_gpu_devices(s, &s->channels);
    return 0;
}

/* ---- what is laid in ---- */

static void filter_edits(struct nvb_plan_state *s, struct nvb_cdi_edits *edits)
{
    const struct nvb_plan_defaults *defaults = s->input->defaults;
    const bool isolate = s->isolation != NVB_ISOLATION_NONE;
    s->claimed += nvb_claims_filter(&s->claims, edits);
    if (isolate || (defaults && defaults->restrict_devices))
        nvb_isolate_edits(edits, s->plan->capabilities, isolate);
}

static void add_needed(const struct nvb_plan_gpu *gpu, struct nvb_strv *needed)
{
    nvb_strv_add(needed, gpu->pci);
    if (gpu->is_mig)
        nvb_strv_addf(needed, "%s/%u/%u", gpu->pci, gpu->gi, gpu->ci);
}

static int build_spec(struct nvb_plan_state *s, const char *hook, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv needed = {0};
    const struct nvb_cdi_build_options options = {
        .naming = NVB_CDI_BY_INDEX | NVB_CDI_BY_UUID,
        .capabilities = s->plan->capabilities,
        .mig_management = s->mig_management,
        .hook = hook,
        .kept = nvb_plan_outlives(s->plan),
        .needed = &needed,
        .gpus = &s->gpus,
        .extra = &s->libraries,
        .mps_folder = nvb_environment_get(s->input->environment, "CUDA_MPS_PIPE_DIRECTORY"),
        .dri = s->dri,
        .mount_nodes = s->input->request->cdi == NVB_CDI_INSIST && s->input->user->uid != 0,
    };
    /* A container that was given one of eight GPUs sees all in /proc and one node in /dev. */
    nvb_vec_foreach (gpu, &s->plan->gpus)
        add_needed(gpu, &needed);
    if (nvb_plan_build_spec(s, &options, err) < 0) {
        if (err && *err && !(*err)->hint)
            return nvb_error_hint(err, "nvbind info; without a GPU: nvbind run --gpu none …");
        return -1;
    }
    if (nvb_isolation_add_profile(s, &s->spec.edits, err) < 0)
        return -1;
    filter_edits(s, &s->spec.edits);
    nvb_vec_foreach (device, &s->spec.devices)
        filter_edits(s, &device->edits);
    return 0;
}

static int fill_edits(struct nvb_plan_state *s, struct nvb_error **err)
{
    struct nvb_plan *plan = s->plan;
    nvb_cdi_edits_merge(&plan->edits, &s->spec.edits);
    nvb_vec_foreach (gpu, &plan->gpus) {
        _cleanup_free_ char *name = nvb_plan_gpu_name(gpu);
        const struct nvb_cdi_device *device = nvb_cdi_spec_find_device(&s->spec, name);
        if (!device)
            return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "GPU %s cannot be used here", name);
        nvb_cdi_edits_merge(&plan->edits, &device->edits);
    }
    return 0;
}

static int lay_in(struct nvb_plan_state *s, struct nvb_error **err)
{
    _cleanup_free_ char *hook = NULL;
    if (nvb_plan_find_runtime(s, err) < 0)
        return -1;
    if (nvb_plan_find_service_folder(s, err) < 0)
        return -1;
    nvb_plan_find_hook_folder(s);
    if (s->runtime || s->service_folder || s->hook_runtime)
        hook = nvb_plan_find_hook(s);
    if (nvb_plan_find_libraries(s, err) < 0 || build_spec(s, hook, err) < 0 ||
        fill_edits(s, err) < 0)
        return -1;
    if (!nvb_plan_must_be_direct(s))
        return 0;
    free(TAKE_PTR(s->runtime));
    if (!hook || s->hook_runtime)
        return 0;
    /* Nothing can bring the hook now: the files go in by other names without it. */
    nvb_cdi_spec_done(&s->spec);
    nvb_cdi_edits_done(&s->plan->edits);
    s->claimed = 0;
    return build_spec(s, NULL, err) < 0 ? -1 : fill_edits(s, err);
}

/* ---- all together ---- */

/* A request that decided is nvbind's, as --gpus is. In the container it would only make another
 * runtime inject the same GPUs again; "none" does that nowhere. A variable of the user's that
 * decided nothing is one like any other. */
static void drop_requests(const struct nvb_wish *wish, struct nvb_plan *plan)
{
    const bool decided = strcmp(wish->source, NVB_WISH_VARIABLE) == 0 && !wants_nothing(wish);
    nvb_visible_drop(&plan->defaults, NVB_VISIBLE);
    nvb_visible_drop(&plan->user, decided ? NVB_VISIBLE : NULL);
}

/* The user's own names, where a specification that the engine reads anyway has them. Such a one
 * knows nothing of isolation. */
static bool is_left_to_engine(const struct nvb_plan_state *s)
{
    if (!s->wish.own_cdi || s->wish.own_nodes)
        return false;
    if (wants_nothing(&s->wish))
        return true;
    if (s->isolation != NVB_ISOLATION_NONE)
        return false;
    for (size_t i = 0; i < s->claims.cdi.count; i++) {
        const char *name = s->claims.cdi.items[i];
        if (nvb_has_prefix(name, NVB_OWN_KIND) &&
            !nvb_system_spec_has(s->input, name + strlen(NVB_OWN_KIND)))
            return false;
    }
    return s->input->request->cdi != NVB_CDI_REFUSE && !s->input->host->host_root;
}

/* This machine's GPUs are not looked at then. */
static int resolve_foreign(struct nvb_plan_state *s, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv names = {0};
    nvb_vec_foreach (item, &s->wish.selection.items)
        nvb_strv_add(&names, item->text);
    s->plan->mode = NVB_PLAN_CDI;
    if (nvb_plan_add_foreign(s, &names, err) < 0)
        return -1;
    if (s->plan->mode == NVB_PLAN_CDI)
        return 0;
    if (nvb_plan_check_access(s->input, s->plan, s->notes, err) < 0)
        return -1;
    return s->plan->edits.hooks.count ? nvb_plan_lay_hook(s, err) : 0;
}

static int resolve(struct nvb_plan_state *s, struct nvb_error **err)
{
    struct nvb_plan *plan = s->plan;
    if (nvb_wish_read(s->input, plan, &s->wish, err) < 0 ||
        nvb_wish_read_capabilities(s->input, plan, &s->wish, &plan->capabilities, err) < 0)
        return -1;
    plan->source = s->wish.source;
    plan->selection = nvb_strdup(s->wish.words);
    nvb_visible_read_channels(&plan->user, s->input->environment, &s->channels);
    nvb_visible_read_channels(&plan->defaults, s->input->environment, &s->channels);
    drop_requests(&s->wish, plan);
    nvb_claims_read(&plan->user, nvb_plan_list_version(s->input->engine), &s->claims);
    nvb_claims_read(&plan->defaults, nvb_plan_list_version(s->input->engine), &s->claims);
    if (wants_nothing(&s->wish) || is_left_to_engine(s)) {
        /* An image's ENV would make an NVIDIA default runtime of Docker inject GPUs. */
        if (s->input->engine->kind == NVB_ENGINE_DOCKER && !s->wish.own_cdi &&
            !nvb_strv_has(&s->claims.environment, NVB_VISIBLE)) {
            nvb_strv_add(&plan->edits.env, NVB_VISIBLE "=void");
            plan->mode = NVB_PLAN_DIRECT;
        }
        return 0;
    }
    if (is_foreign(&s->wish))
        return resolve_foreign(s, err);
    if (nvb_plan_is_remote(s->input))
        return nvb_plan_leave_to_remote(s, err);
    if (choose(s, err) < 0 || lay_in(s, err) < 0 ||
        nvb_plan_add_foreign(s, &s->choice.foreign, err) < 0 ||
        nvb_plan_check_access(s->input, plan, s->notes, err) < 0 ||
        nvb_plan_settle_mode(s, err) < 0)
        return -1;
    nvb_isolation_note_narrowed(s);
    return 0;
}

/* What was chosen and why, for those who ask (-v). */
static void note_choice(const struct nvb_plan_state *s)
{
    static const char *const ways[] = {
        [NVB_PLAN_NOTHING] = "gets no GPU from nvbind",
        [NVB_PLAN_CDI] = "gets them by CDI",
        [NVB_PLAN_DIRECT] = "gets them as devices and mounts",
    };
    const struct nvb_plan *plan = s->plan;
    _cleanup_str_ struct nvb_str capabilities = NVB_STR_INIT;
    nvb_capabilities_format(plan->capabilities, &capabilities);
    nvb_vec_foreach (gpu, &plan->gpus) {
        _cleanup_free_ char *name = nvb_plan_gpu_name(gpu);
        nvb_notes_add(s->notes, NVB_NOTE_INFO, "GPU %s: %s%s, %s", name,
                      gpu->is_mig ? "MIG device of " : "",
                      gpu->model ? gpu->model : "unknown model", gpu->uuid ? gpu->uuid : gpu->pci);
    }
    nvb_notes_add(s->notes, NVB_NOTE_INFO, "GPUs decided by %s '%s', capabilities %s", plan->source,
                  plan->selection ? plan->selection : "", capabilities.data);
    nvb_notes_add(s->notes, NVB_NOTE_INFO, "%s %s (%s) %s%s", nvb_engine_name(plan->engine->kind),
                  plan->engine->version_text, plan->engine->path, ways[plan->mode],
                  plan->edits.hooks.count ? ", with the hook" : "");
    nvb_notes_add(s->notes, NVB_NOTE_DEBUG, "%zu device nodes, %zu mounts, %zu variables",
                  plan->edits.nodes.count, plan->edits.mounts.count, plan->edits.env.count);
    if (plan->spec.path)
        nvb_notes_add(s->notes, NVB_NOTE_DEBUG, "needs the file '%s'", plan->spec.path);
}

int nvb_plan_resolve(const struct nvb_plan_input *input, struct nvb_plan *plan,
                     struct nvb_notes *notes, struct nvb_error **err)
{
    struct nvb_plan_state s = {.input = input, .plan = plan, .notes = notes, .host = NVB_HOST_INIT};
    unsigned kind = input->engine->kind;
    plan->engine = input->engine;
    adopt_rows(&plan->early, kind);
    adopt_rows(&plan->defaults, kind);
    adopt_rows(&plan->user, kind);
    nvb_defaults_merge(plan, input->terminal);
    note_runtime(&s);
    int r = check_request(&s, err);
    if (r == 0)
        r = nvb_isolation_decide(&s, err);
    if (r == 0)
        r = resolve(&s, err);
    if (r == 0) {
        nvb_plan_keep_cookie(plan, input->user);
        note_choice(&s);
        nvb_plan_name_registry(input, plan, notes);
    }
    done_state(&s);
    return r;
}
