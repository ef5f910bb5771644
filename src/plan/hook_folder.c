/*
 * The hook without CDI. Podman reads folders of hooks (oci-hooks(5)) that its caller names; a hook
 * there runs for containers that bear an annotation. So the plan's hook becomes a file in a folder
 * of its own, named by the content, and the container bears the hash: nobody else's does, the infra
 * container of a pod among them.
 *
 * Naming folders replaces those that the engine reads by itself, so these are named too. Where it
 * cannot be told which they are, or what runs the hook may not be an OCI runtime that is known to,
 * the driver goes in without a hook.
 */

#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/trust.h"
#include "data/json.h"
#include "host/containers_conf.h"
#include "plan/state.h"

/* Podman's only one: 4.3 to 5.8 say so in their help. Others are named by containers.conf. */
#define DEFAULT_FOLDER "/usr/share/containers/oci/hooks.d"

/* ---- whether it may be used ---- */

static bool names_own_folders(const struct nvb_plan *plan)
{
    return nvb_plan_value(plan, "hooks-dir") || nvb_plan_line_find(&plan->early, "hooks-dir");
}

static bool has_own_mark(const struct nvb_plan *plan)
{
    const struct nvb_plan_line *lines[] = {&plan->user, &plan->defaults};
    for (size_t i = 0; i < NVB_COUNT(lines); i++)
        nvb_vec_foreach (option, &lines[i]->options)
            if (nvb_plan_option_is(option, "annotation") && option->value &&
                strstr(option->value, NVB_PLAN_HOOK_MARK))
                return true;
    return false;
}

/* Whether the container is made by what runs hooks for certain, in a root that is a copy. */
static bool is_usual(const struct nvb_plan *plan)
{
    const char *runtime = nvb_plan_value(plan, "runtime");
    const char *name = runtime ? nvb_path_base(runtime) : "crun";
    return (strcmp(name, "crun") == 0 || strcmp(name, "runc") == 0) &&
           !nvb_plan_is_on(plan, "rootfs") && !nvb_plan_line_find(&plan->early, "module");
}

void nvb_plan_find_hook_folder(struct nvb_plan_state *s)
{
    const struct nvb_plan_input *input = s->input;
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_free_ char *folder = NULL;
    if (input->engine->kind != NVB_ENGINE_PODMAN || input->request->cdi == NVB_CDI_INSIST ||
        nvb_plan_is_by_service(input) || nvb_plan_outlives(s->plan) || !is_usual(s->plan) ||
        has_own_mark(s->plan))
        return;
    int r = nvb_trust_runtime_folder(input->user->runtime_dir, &folder, &err);
    if (r < 0)
        nvb_notes_add(s->notes, NVB_NOTE_INFO, "nvbind-hook is not used: %s", err->message);
    /* Podman 4 reads the option's value as a line of CSV. */
    if (r != 0 || strpbrk(folder, ",\"\n"))
        return;
    if (!names_own_folders(s->plan)) {
        _cleanup_free_ char *configured =
            nvb_containers_conf_find(input->environment, input->user, "hooks_dir");
        if (configured) {
            nvb_notes_add(s->notes, NVB_NOTE_INFO,
                          "nvbind-hook is not used: '%s' names folders of hooks, which must stay",
                          configured);
            return;
        }
    }
    s->hook_runtime = TAKE_PTR(folder);
}

/* ---- the files ---- */

static void put_hook(struct nvb_doc *doc, const struct nvb_cdi_hook *hook)
{
    struct nvb_doc *part;
    nvb_doc_put_text(doc, "version", "1.0.0");
    part = nvb_doc_put(doc, "hook");
    nvb_doc_put_text(part, "path", hook->path);
    nvb_doc_put_strv(part, "args", &hook->args);
    nvb_doc_put_strv(part, "env", &hook->env);
    if (hook->timeout > 0)
        nvb_doc_put_int(part, "timeout", hook->timeout);
    part = nvb_doc_put(doc, "stages");
    nvb_doc_set_list(part);
    nvb_doc_set_text(nvb_doc_push(part), hook->hook_name);
}

/* The hash of what all of them are, as text. Owned, or NULL. */
static char *make_mark(const struct nvb_cdi_hooks *hooks, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str content = NVB_STR_INIT;
    nvb_vec_foreach (hook, hooks) {
        _cleanup_doc_ struct nvb_doc doc = {0};
        put_hook(&doc, hook);
        if (nvb_json_write(&doc, NVB_JSON_COMPACT, &content, err) < 0)
            return NULL;
    }
    return nvb_strdupf("%016llx",
                       (unsigned long long)nvb_hash(NVB_HASH_INIT, content.data, content.len));
}

static int write_hook(const struct nvb_cdi_hook *hook, const char *mark, struct nvb_plan_spec *ret,
                      struct nvb_error **err)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_free_ char *wanted = nvb_strdupf("^%s$", mark);
    put_hook(&doc, hook);
    nvb_doc_put_text(nvb_doc_put(nvb_doc_put(&doc, "when"), "annotations"),
                     "^" NVB_PLAN_HOOK_MARK_PATTERN "$", wanted);
    if (nvb_json_write(&doc, NVB_JSON_INDENTED, &text, err) < 0)
        return -1;
    ret->len = text.len;
    ret->text = nvb_str_steal(&text);
    return 0;
}

/* Podman runs the hooks of a folder in the order of their files' names. A file of the same name in
 * another folder would hide one of the two. */
static char *name_hook(const char *folder, const char *mark, size_t place, size_t count)
{
    if (count == 1)
        return nvb_strdupf("%s/nvbind-%s.json", folder, mark);
    return nvb_strdupf("%s/nvbind-%s-%03zu.json", folder, mark, place);
}

int nvb_plan_lay_hook(struct nvb_plan_state *s, struct nvb_error **err)
{
    struct nvb_plan *plan = s->plan;
    const struct nvb_cdi_hooks *hooks = &plan->edits.hooks;
    _cleanup_free_ char *mark = make_mark(hooks, err);
    if (!mark)
        return -1;
    _cleanup_free_ char *folder = nvb_strdupf("%s/hooks/%s", s->hook_runtime, mark);
    for (size_t i = 0; i < hooks->count; i++) {
        struct nvb_plan_spec *file = i == 0 ? &plan->spec : nvb_vec_add(&plan->more_hooks);
        if (write_hook(&hooks->items[i], mark, file, err) < 0)
            return -1;
        file->path = name_hook(folder, mark, i, hooks->count);
    }
    if (!names_own_folders(plan) && access(DEFAULT_FOLDER, F_OK) == 0)
        nvb_strv_add(&plan->hook_folders, DEFAULT_FOLDER);
    nvb_strv_add(&plan->hook_folders, folder);
    plan->hook_mark = TAKE_PTR(mark);
    return 0;
}
