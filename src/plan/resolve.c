#include "plan/resolve.h"

#include <string.h>

#include "base/file.h"
#include "base/trust.h"
#include "cdi/build.h"
#include "cdi/codec.h"
#include "cdi/validate.h"
#include "plan/claims.h"

/*
 * Theory of operation. First everything that only depends on words is decided, so that a mistake in
 * them is told before anything is looked at. Then the host is read, the GPUs are chosen, and a
 * specification of the whole host is built in memory; what the user's own words bring already is
 * taken out of it. The chosen devices' edits go into the plan. In CDI mode the specification itself
 * becomes a file as well, in a folder named by its content: two starts at the same time cannot
 * change it under each other, and the same host writes it once.
 */

#define OWN_KIND "nvidia.com/gpu="
#define VISIBLE  "NVIDIA_VISIBLE_DEVICES"

/* What is known half-way. */
struct state {
    const struct nvb_plan_input *input;
    struct nvb_plan *plan;
    struct nvb_notes *notes;
    struct nvb_wish wish;
    struct nvb_host host;
    struct nvb_gpus gpus;
    struct nvb_allowed allowed;
    struct nvb_choice choice;
    struct nvb_claims claims;
    struct nvb_cdi_spec spec;
    size_t claimed; /* edits that the user's words bring already */
};

static void done_state(struct state *s)
{
    nvb_wish_done(&s->wish);
    nvb_host_done(&s->host);
    nvb_gpus_done(&s->gpus);
    nvb_allowed_done(&s->allowed);
    nvb_choice_done(&s->choice);
    nvb_claims_done(&s->claims);
    nvb_cdi_spec_done(&s->spec);
}

static unsigned engine_version(const struct nvb_engine *engine)
{
    return engine->kind == NVB_ENGINE_PODMAN ? engine->version : 0;
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

static bool is_rootless(const struct state *s)
{
    const char *docker_host = nvb_environment_get(s->input->environment, "DOCKER_HOST");
    if (s->input->user->uid == 0 || nvb_plan_is_remote(s->plan, s->input->environment))
        return false;
    /* Docker's own service is root's, unless the caller names his own. */
    return s->input->engine->kind == NVB_ENGINE_PODMAN ||
           (docker_host && nvb_has_prefix(docker_host, "unix:///run/user/"));
}

static int check_request(const struct state *s, struct nvb_error **err)
{
    const struct nvb_request *request = s->input->request;
    if (request->profile) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "no profile '%s' is installed",
                             request->profile);
        return nvb_error_hint(err, "leave '--profile %s' out", request->profile);
    }
    if (request->isolate == NVB_ISOLATE_STRICT) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                             "this version has no isolation beyond '--isolate=device'");
        return nvb_error_hint(err, "nvbind run --isolate=device …");
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

static int fail_no_driver(const struct state *s, struct nvb_error **err)
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
    return nvb_error_hint(err, "sudo modprobe nvidia; without a GPU: nvbind run --gpu none …");
}

/* Adds the GPUs whose nodes the user names by --device. */
static void choose_by_nodes(struct state *s)
{
    for (size_t i = 0; i < s->gpus.count; i++) {
        bool named = false;
        bool chosen = false;
        nvb_vec_foreach (node, &s->gpus.items[i].nodes)
            named = named ||
                    (node->role == NVB_NODE_GPU && nvb_strv_has(&s->claims.devices, node->path));
        nvb_vec_foreach (place, &s->choice.gpus)
            chosen = chosen || *place == i;
        if (named && !chosen)
            nvb_vec_push(&s->choice.gpus, i);
    }
}

static void fill_gpus(struct state *s)
{
    nvb_vec_foreach (place, &s->choice.gpus) {
        const struct nvb_gpu *gpu = &s->gpus.items[*place];
        struct nvb_plan_gpu *copy = nvb_vec_add(&s->plan->gpus);
        copy->index = gpu->index;
        copy->pci = nvb_strdup(gpu->pci);
        copy->uuid = nvb_strdup(gpu->uuid);
        copy->model = nvb_strdup(gpu->model);
    }
}

/* What narrowed the caller would number the GPUs inside wrongly. */
static void hide_environment(struct state *s)
{
    const char *cuda = nvb_environment_get(s->input->environment, "CUDA_VISIBLE_DEVICES");
    if (s->allowed.narrowed && cuda && cuda[0] != '\0')
        nvb_strv_add(&s->plan->hidden_environment, "CUDA_VISIBLE_DEVICES");
}

static int choose(struct state *s, struct nvb_error **err)
{
    if (nvb_host_open(s->input->host, &s->host, err) < 0 ||
        nvb_host_find_gpus(&s->host, &s->gpus, err) < 0)
        return -1;
    if (s->gpus.count == 0)
        return fail_no_driver(s, err);
    nvb_allowed_read(s->input->environment, &s->gpus, &s->allowed);
    if (nvb_selection_choose(&s->wish.selection, &s->gpus, &s->allowed, &s->choice, s->notes, err) <
        0)
        return -1;
    if (s->wish.own_nodes)
        choose_by_nodes(s);
    fill_gpus(s);
    hide_environment(s);
    return 0;
}

/* ---- what is laid in ---- */

static void filter_edits(struct state *s, struct nvb_cdi_edits *edits)
{
    const struct nvb_plan_input *input = s->input;
    s->claimed += nvb_claims_filter(&s->claims, edits);
    if (input->request->isolate == NVB_ISOLATE_DEVICE || input->default_isolate)
        nvb_isolate_edits(edits, s->plan->capabilities);
}

static int build_spec(struct state *s, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv needed = {0};
    const struct nvb_cdi_build_options options = {
        .naming = NVB_CDI_BY_INDEX | NVB_CDI_BY_UUID,
        .capabilities = s->plan->capabilities,
        .needed = &needed,
    };
    /* A container that was given one of eight GPUs sees all in /proc and one node in /dev. */
    nvb_vec_foreach (gpu, &s->plan->gpus)
        nvb_strv_add(&needed, gpu->pci);
    if (nvb_cdi_build(&s->host, &options, &s->spec, s->notes, err) < 0) {
        if (err && *err && !(*err)->hint)
            return nvb_error_hint(err, "nvbind info; without a GPU: nvbind run --gpu none …");
        return -1;
    }
    filter_edits(s, &s->spec.edits);
    nvb_vec_foreach (device, &s->spec.devices)
        filter_edits(s, &device->edits);
    return 0;
}

static int fill_edits(struct state *s, struct nvb_error **err)
{
    struct nvb_plan *plan = s->plan;
    nvb_cdi_edits_merge(&plan->edits, &s->spec.edits);
    nvb_vec_foreach (gpu, &plan->gpus) {
        _cleanup_free_ char *name = nvb_strdupf("%u", gpu->index);
        const struct nvb_cdi_device *device = nvb_cdi_spec_find_device(&s->spec, name);
        if (!device)
            return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "GPU %s cannot be used here", name);
        nvb_cdi_edits_merge(&plan->edits, &device->edits);
    }
    return 0;
}

/* ---- how the engine gets it ---- */

static void name_devices(struct state *s)
{
    struct nvb_strv *names = &s->plan->cdi_devices;
    /* A name that the user wrote himself stands among his words. */
    if (s->wish.own_cdi || nvb_strv_has(&s->claims.cdi, OWN_KIND "all"))
        return;
    if (s->choice.all) {
        nvb_strv_add(names, OWN_KIND "all");
        return;
    }
    nvb_vec_foreach (gpu, &s->plan->gpus)
        nvb_strv_addf(names, OWN_KIND "%u", gpu->index);
}

/* A configuration's NVIDIA_VISIBLE_DEVICES is a request to nvbind. In the container it would only
 * make another runtime inject the same GPUs again. */
static void drop_default_request(struct nvb_plan_line *line)
{
    _cleanup_free_ bool *drop = nvb_calloc(line->options.count + 1, sizeof(*drop));
    for (size_t i = 0; i < line->options.count; i++) {
        const struct nvb_plan_option *option = &line->options.items[i];
        drop[i] = nvb_plan_option_is(option, "env") && option->value &&
                  nvb_has_prefix(option->value, VISIBLE "=");
    }
    nvb_plan_line_drop(line, drop);
}

/* Takes the user's own names of our devices out: what they mean is laid in directly. */
static void drop_own_names(struct nvb_plan_line *line)
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
            drop[i] = drop[i] && nvb_has_prefix(words.items[k], OWN_KIND);
    }
    nvb_plan_line_drop(line, drop);
}

static void use_direct(struct state *s)
{
    s->plan->mode = NVB_PLAN_DIRECT;
    if (!s->wish.own_cdi)
        return;
    drop_own_names(&s->plan->user);
    drop_own_names(&s->plan->defaults);
    nvb_notes_add(s->notes, NVB_NOTE_INFO,
                  "no CDI specification that this engine reads has '" OWN_KIND
                  "%s': its devices and files are passed directly",
                  s->wish.words);
}

static int use_folder(struct state *s, const char *runtime, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    struct nvb_plan *plan = s->plan;
    if (nvb_cdi_validate(&s->spec, err) < 0 ||
        nvb_cdi_write(&s->spec, NVB_CDI_JSON, &text, err) < 0)
        return -1;
    uint64_t hash = nvb_hash(NVB_HASH_INIT, text.data, text.len);
    _cleanup_free_ char *folder = nvb_strdupf("%s/cdi/%016llx", runtime, (unsigned long long)hash);
    plan->mode = NVB_PLAN_CDI;
    plan->spec.path = nvb_strdupf("%s/nvidia.com-gpu.json", folder);
    plan->spec.len = text.len;
    plan->spec.text = nvb_str_steal(&text);
    /* The option replaces the folders that the engine reads by itself, so those go first. */
    nvb_system_spec_folders(s->input->engine, &plan->cdi_folders);
    nvb_strv_add(&plan->cdi_folders, folder);
    name_devices(s);
    return 0;
}

/* Whether a specification that the engine reads anyway has everything. It tells of the machine
 * itself, not of another root. */
static bool is_in_system(const struct state *s)
{
    if (s->input->host->host_root || s->input->host->driver_root || s->input->host->dev_root)
        return false;
    if (s->choice.all)
        return nvb_system_spec_has(s->input->engine, "all");
    nvb_vec_foreach (gpu, &s->plan->gpus) {
        _cleanup_free_ char *name = nvb_strdupf("%u", gpu->index);
        if (!nvb_system_spec_has(s->input->engine, name))
            return false;
    }
    return s->plan->gpus.count > 0;
}

static int insist_on_cdi(struct state *s, struct nvb_error **err)
{
    const struct nvb_engine *engine = s->input->engine;
    if (is_in_system(s)) {
        s->plan->mode = NVB_PLAN_CDI;
        name_devices(s);
        return 0;
    }
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
    return nvb_error_hint(err, "sudo nvbind cdi generate --output /etc/cdi/nvidia.yaml, or leave "
                               "'--cdi' out");
}

static bool may_use_folder(const struct state *s)
{
    const struct nvb_engine *engine = s->input->engine;
    return engine->kind == NVB_ENGINE_PODMAN && engine->version >= 505 &&
           !nvb_plan_is_remote(s->plan, s->input->environment);
}

/* Whether a node is to appear under another path than it has. Engines cannot do that by CDI without
 * root (Podman 5.4 to 6.1); by --device they can. */
static bool moves_nodes(const struct state *s)
{
    nvb_vec_foreach (node, &s->plan->edits.nodes)
        if (node->host_path && strcmp(node->host_path, node->path) != 0)
            return s->input->user->uid != 0;
    return false;
}

static void note_outliving(const struct state *s)
{
    if (s->plan->mode == NVB_PLAN_CDI && s->plan->spec.path)
        nvb_notes_add(s->notes, NVB_NOTE_WARNING,
                      "the engine finds this container's CDI devices only when nvbind starts it: "
                      "'--rm', or '--no-cdi', avoids that");
    else if (s->plan->mode == NVB_PLAN_DIRECT)
        nvb_notes_add(s->notes, NVB_NOTE_INFO,
                      "the container keeps this driver's files: after a driver upgrade it has to "
                      "be made anew");
}

static int settle_mode(struct state *s, struct nvb_error **err)
{
    const enum nvb_request_cdi cdi = s->input->request->cdi;
    const bool outlives = nvb_plan_outlives(s->plan);
    /* What the user's words bring already is easier left out of a command line than of a file. */
    const bool wanted =
        cdi == NVB_CDI_INSIST || (cdi == NVB_CDI_AUTO && !outlives && s->claimed == 0 &&
                                  !s->wish.own_nodes && !moves_nodes(s));
    _cleanup_free_ char *runtime = NULL;
    int r = 1;
    if (wanted && may_use_folder(s)) {
        r = nvb_trust_runtime_folder(s->input->user->runtime_dir, &runtime, err);
        if (r < 0) {
            if (err && *err && !(*err)->hint)
                (void)nvb_error_hint(err, "nvbind run --no-cdi …");
            return -1;
        }
    }
    if (r == 0)
        r = use_folder(s, runtime, err);
    else if (cdi == NVB_CDI_INSIST)
        r = insist_on_cdi(s, err);
    else
        use_direct(s);
    if (r < 0)
        return -1;
    if (outlives)
        note_outliving(s);
    return 0;
}

/* ---- all together ---- */

/* The user's own names, where a specification that the engine reads anyway has them. */
static bool is_left_to_engine(const struct state *s)
{
    if (!s->wish.own_cdi || s->wish.own_nodes)
        return false;
    if (wants_nothing(&s->wish))
        return true;
    for (size_t i = 0; i < s->claims.cdi.count; i++) {
        const char *name = s->claims.cdi.items[i];
        if (nvb_has_prefix(name, OWN_KIND) &&
            !nvb_system_spec_has(s->input->engine, name + strlen(OWN_KIND)))
            return false;
    }
    return s->input->request->cdi != NVB_CDI_REFUSE && !s->input->host->host_root;
}

static int fail_remote(struct nvb_error **err)
{
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                         "the engine's service is on another machine, whose GPUs are not known "
                         "here");
    return nvb_error_hint(err, "nvbind run --gpu none --device nvidia.com/gpu=all …, with a CDI "
                               "specification there");
}

static int resolve(struct state *s, struct nvb_error **err)
{
    struct nvb_plan *plan = s->plan;
    if (nvb_wish_read(s->input, plan, &s->wish, err) < 0 ||
        nvb_wish_read_capabilities(s->input, plan, &s->wish, &plan->capabilities, err) < 0)
        return -1;
    plan->source = s->wish.source;
    plan->selection = nvb_strdup(s->wish.words);
    drop_default_request(&plan->defaults);
    nvb_claims_read(&plan->user, engine_version(s->input->engine), &s->claims);
    nvb_claims_read(&plan->defaults, engine_version(s->input->engine), &s->claims);
    if (wants_nothing(&s->wish) || is_left_to_engine(s)) {
        /* An image's ENV would make an NVIDIA default runtime of Docker inject GPUs. */
        if (s->input->engine->kind == NVB_ENGINE_DOCKER && !s->wish.own_cdi &&
            !nvb_strv_has(&s->claims.environment, VISIBLE)) {
            nvb_strv_add(&plan->edits.env, VISIBLE "=void");
            plan->mode = NVB_PLAN_DIRECT;
        }
        return 0;
    }
    if (is_foreign(&s->wish)) {
        nvb_vec_foreach (item, &s->wish.selection.items)
            nvb_strv_add(&plan->cdi_devices, item->text);
        plan->mode = NVB_PLAN_CDI;
        return 0;
    }
    if (nvb_plan_is_remote(plan, s->input->environment))
        return fail_remote(err);
    if (choose(s, err) < 0 || build_spec(s, err) < 0 || fill_edits(s, err) < 0 ||
        nvb_plan_check_access(s->input, plan, s->notes, err) < 0 || settle_mode(s, err) < 0)
        return -1;
    for (size_t i = 0; i < s->choice.foreign.count; i++)
        nvb_strv_add(&plan->cdi_devices, s->choice.foreign.items[i]);
    return 0;
}

int nvb_plan_resolve(const struct nvb_plan_input *input, struct nvb_plan *plan,
                     struct nvb_notes *notes, struct nvb_error **err)
{
    struct state s = {.input = input, .plan = plan, .notes = notes, .host = NVB_HOST_INIT};
    unsigned kind = input->engine->kind;
    plan->engine = input->engine;
    adopt_rows(&plan->early, kind);
    adopt_rows(&plan->defaults, kind);
    adopt_rows(&plan->user, kind);
    nvb_defaults_merge(plan, input->terminal);
    int r = check_request(&s, err);
    if (r == 0)
        r = resolve(&s, err);
    done_state(&s);
    return r;
}
