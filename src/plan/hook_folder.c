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

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/trust.h"
#include "data/json.h"
#include "plan/state.h"

/* Podman's only one: 4.3 to 5.8 say so in their help. Others are named by containers.conf. */
#define DEFAULT_FOLDER "/usr/share/containers/oci/hooks.d"
#define MAX_CONF       (1u << 20)
#define SCAN_DEPTH     3 /* containers, containers.rootless.conf.d, a user's number */

/* ---- containers.conf ---- */

/* Whether a line that is no comment speaks of hooks_dir, however it is spelled around that. What
 * cannot be read may. */
static bool file_names_folders(const char *path)
{
    static const char key[] = "hooks_dir";
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    int r = nvb_file_read_path(path, MAX_CONF, &text, NULL);
    if (r != 0)
        return r < 0;
    const char *end = text.data + text.len;
    for (const char *p = text.data; p < end; p += strlen(key)) {
        p = memmem(p, (size_t)(end - p), key, strlen(key));
        if (!p)
            return false;
        const char *line = memrchr(text.data, '\n', (size_t)(p - text.data));
        line = line ? line + 1 : text.data;
        line += strspn(line, " \t");
        if (*line != '#')
            return true;
    }
    return false;
}

/* The files of FOLDER whose names begin with PREFIX, and those in such folders: containers.conf,
 * containers.conf.d and what later versions have beside them. Returns the first one's path. */
static char *find_in_folder(const char *folder, const char *prefix, int depth)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    char *found = NULL;
    if (!dir)
        return NULL;
    while (!found && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.' || !nvb_has_prefix(entry->d_name, prefix))
            continue;
        _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, entry->d_name);
        if (nvb_has_suffix(path, ".conf"))
            found = file_names_folders(path) ? TAKE_PTR(path) : NULL;
        else if (depth > 1 && entry->d_type != DT_REG)
            found = find_in_folder(path, "", depth - 1);
    }
    (void)closedir(dir);
    return found;
}

/* A file of Podman's configuration that names folders of hooks, owned, or NULL. */
static char *find_configured(const struct nvb_plan_input *input)
{
    static const char *const variables[] = {"CONTAINERS_CONF", "CONTAINERS_CONF_OVERRIDE"};
    const char *config = nvb_environment_get(input->environment, "XDG_CONFIG_HOME");
    _cleanup_free_ char *own = NULL;
    if (config && config[0] == '/')
        own = nvb_strdupf("%s/containers", config);
    else if (input->user->home)
        own = nvb_strdupf("%s/.config/containers", input->user->home);
    const char *const folders[] = {"/usr/share/containers", "/etc/containers", own};
    for (size_t i = 0; i < NVB_COUNT(variables); i++) {
        const char *path = nvb_environment_get(input->environment, variables[i]);
        if (path && path[0] != '\0' && file_names_folders(path))
            return nvb_strdup(path);
    }
    for (size_t i = 0; i < NVB_COUNT(folders); i++) {
        char *found = folders[i] ? find_in_folder(folders[i], "containers.", SCAN_DEPTH) : NULL;
        if (found)
            return found;
    }
    return NULL;
}

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
        nvb_plan_is_remote(s->plan, input->environment) || nvb_plan_outlives(s->plan) ||
        !is_usual(s->plan) || has_own_mark(s->plan))
        return;
    int r = nvb_trust_runtime_folder(input->user->runtime_dir, &folder, &err);
    if (r < 0)
        nvb_notes_add(s->notes, NVB_NOTE_INFO, "nvbind-hook is not used: %s", err->message);
    /* Podman 4 reads the option's value as a line of CSV. */
    if (r != 0 || strpbrk(folder, ",\"\n"))
        return;
    if (!names_own_folders(s->plan)) {
        _cleanup_free_ char *configured = find_configured(input);
        if (configured) {
            nvb_notes_add(s->notes, NVB_NOTE_INFO,
                          "nvbind-hook is not used: '%s' names folders of hooks, which must stay",
                          configured);
            return;
        }
    }
    s->hook_runtime = TAKE_PTR(folder);
}

/* ---- the file ---- */

static void put_hook(struct nvb_doc *doc, const struct nvb_cdi_hook *hook)
{
    struct nvb_doc *part;
    nvb_doc_put_text(doc, "version", "1.0.0");
    part = nvb_doc_put(doc, "hook");
    nvb_doc_put_text(part, "path", hook->path);
    nvb_doc_put_strv(part, "args", &hook->args);
    nvb_doc_put_strv(part, "env", &hook->env);
    part = nvb_doc_put(doc, "stages");
    nvb_doc_set_list(part);
    nvb_doc_set_text(nvb_doc_push(part), hook->hook_name);
}

int nvb_plan_lay_hook(struct nvb_plan_state *s, struct nvb_error **err)
{
    struct nvb_plan *plan = s->plan;
    _cleanup_doc_ struct nvb_doc doc = {0};
    _cleanup_str_ struct nvb_str content = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    put_hook(&doc, &plan->edits.hooks.items[0]);
    if (nvb_json_write(&doc, NVB_JSON_COMPACT, &content, err) < 0)
        return -1;
    uint64_t hash = nvb_hash(NVB_HASH_INIT, content.data, content.len);
    _cleanup_free_ char *mark = nvb_strdupf("%016llx", (unsigned long long)hash);
    _cleanup_free_ char *wanted = nvb_strdupf("^%s$", mark);
    nvb_doc_put_text(nvb_doc_put(nvb_doc_put(&doc, "when"), "annotations"),
                     "^" NVB_PLAN_HOOK_MARK_PATTERN "$", wanted);
    if (nvb_json_write(&doc, NVB_JSON_INDENTED, &text, err) < 0)
        return -1;
    _cleanup_free_ char *folder = nvb_strdupf("%s/hooks/%s", s->hook_runtime, mark);
    if (!names_own_folders(plan) && access(DEFAULT_FOLDER, F_OK) == 0)
        nvb_strv_add(&plan->hook_folders, DEFAULT_FOLDER);
    nvb_strv_add(&plan->hook_folders, folder);
    /* A file of the same name in another folder would hide one of the two. */
    plan->spec.path = nvb_strdupf("%s/nvbind-%s.json", folder, mark);
    plan->spec.len = text.len;
    plan->spec.text = nvb_str_steal(&text);
    plan->hook_mark = TAKE_PTR(mark);
    return 0;
}
