#include "plan/resolve.h"

#include <string.h>

#include "base/nearest.h"
#include "base/process.h"
#include "host/user.h"
#include "plan/isolate.h"
#include "plan/service.h"
#include "plan/short_name.h"
#include "plan/state.h"

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
    if (nvb_plan_choose_gpus(s, err) < 0 || nvb_plan_lay_in(s, err) < 0 ||
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
