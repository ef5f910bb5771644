/* How the engine gets the GPUs: by CDI or directly. */

#include <string.h>

#include "base/trust.h"
#include "cdi/codec.h"
#include "cdi/validate.h"
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
    nvb_vec_foreach (gpu, &s->plan->gpus)
        nvb_strv_addf(names, NVB_OWN_KIND "%u", gpu->index);
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
            drop[i] = drop[i] && nvb_has_prefix(words.items[k], NVB_OWN_KIND);
    }
    nvb_plan_line_drop(line, drop);
}

static void use_direct(struct nvb_plan_state *s)
{
    s->plan->mode = NVB_PLAN_DIRECT;
    if (!s->wish.own_cdi)
        return;
    drop_own_names(&s->plan->user);
    drop_own_names(&s->plan->defaults);
    nvb_notes_add(s->notes, NVB_NOTE_INFO,
                  "no CDI specification that this engine reads has '" NVB_OWN_KIND
                  "%s': its devices and files are passed directly",
                  s->wish.words);
}

static int use_folder(struct nvb_plan_state *s, const char *runtime, struct nvb_error **err)
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
static bool is_in_system(const struct nvb_plan_state *s)
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

static int insist_on_cdi(struct nvb_plan_state *s, struct nvb_error **err)
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

static bool may_use_folder(const struct nvb_plan_state *s)
{
    const struct nvb_engine *engine = s->input->engine;
    return engine->kind == NVB_ENGINE_PODMAN && engine->version >= 505 &&
           !nvb_plan_is_remote(s->plan, s->input->environment);
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

static void note_outliving(const struct nvb_plan_state *s)
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

int nvb_plan_settle_mode(struct nvb_plan_state *s, struct nvb_error **err)
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
