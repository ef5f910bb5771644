/* nvbind cdi refresh: the specification at its place, as this host is now. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/trust.h"
#include "cdi/build.h"
#include "cdi/diff.h"
#include "cdi/hook.h"
#include "cdi/refresh.h"
#include "cdi/witness.h"
#include "cli/cdi.h"
#include "data/doc.h"
#include "plan/keep.h"

enum { OPT_CHECK, OPT_TAKE_OVER, OPT_GIVE_BACK, OPT_CAPABILITIES, OPT_FOR, OPT_PARTIAL, OPT_HELP };

const struct nvb_cli_option nvb_cdi_refresh_options[] = {
    [OPT_CHECK] = {"check", 0, NULL,
                   "write nothing; the exit status is 1 where something would be"},
    [OPT_TAKE_OVER] = {"take-over", 0, NULL, "move another program's specification aside"},
    [OPT_GIVE_BACK] = {"give-back", 0, NULL, "remove ours, and put back what was moved aside"},
    [OPT_CAPABILITIES] = {"capabilities", 0, "CAPABILITIES", "as for generate (default: all)"},
    [OPT_FOR] = {"for", 0, "ENGINES", "for these engines (default: those that are installed here)"},
    [OPT_PARTIAL] = {"partial", 0, NULL, "what is missing on this host is a warning"},
    [OPT_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

static const char refresh_text[] =
    "Writes the CDI specification of this host's NVIDIA GPUs where it belongs: as root where every\n"
    "engine here reads it (/var/run/cdi), else in the caller's own folder, where Podman takes one.\n"
    "Another program's file that gives the same devices is left alone, and named.\n";

struct refresh {
    const struct nvb_cli *cli;
    struct nvb_cdi_view view;
    char *folder; /* seen from the root */
    char *dir;    /* the same from outside, without links */
    bool is_system;
    struct nvb_notes notes;
};

static void refresh_done(struct refresh *r)
{
    nvb_cdi_view_done(&r->view);
    free(r->folder);
    free(r->dir);
    nvb_notes_done(&r->notes);
}

/* ---- where -----------------------------------------------------------------------------------
 */

/* What FOLDER is outside the root; as much of it as is there is resolved inside. */
static char *resolve_folder(const struct nvb_root *root, const char *folder)
{
    _cleanup_free_ char *rest = nvb_strdup("");
    _cleanup_free_ char *above = nvb_strdup(folder);
    _cleanup_free_ char *real = NULL;
    while (nvb_root_resolve(root, above, -1, &real) < 0 && strcmp(above, "/") != 0) {
        char *longer = nvb_strdupf("/%s%s", nvb_path_base(above), rest);
        char *shorter = nvb_path_dir(above);
        free(rest);
        free(above);
        rest = longer;
        above = shorter;
    }
    _cleanup_free_ char *inside = nvb_strdupf("%s%s", real && real[1] ? real : "", rest);
    return nvb_root_outside(root, inside);
}

/* As root: the part of FOLDER that is there must be root's; what is made below it is his own. */
static int check_folder(const char *folder, struct nvb_error **err)
{
    _cleanup_free_ char *there = nvb_strdup(folder);
    if (geteuid() != 0)
        return 0;
    while (access(there, F_OK) < 0 && strcmp(there, "/") != 0) {
        char *above = nvb_path_dir(there);
        free(there);
        there = above;
    }
    return nvb_trust_check_path(there, 0, err);
}

static int find_system_folder(struct refresh *r, struct nvb_error **err)
{
    const struct nvb_cdi_setting setting = {&r->view.root, environ, &r->view.user};
    const size_t engines = r->view.consumers.count;
    struct nvb_strv *lists = nvb_calloc(engines + 1, sizeof(*lists));
    size_t count = 0;
    nvb_vec_foreach (consumer, &r->view.consumers)
        if (consumer->cap)
            nvb_cdi_consumer_folders(consumer, &setting, &lists[count++], &r->notes);
    if (count == 0)
        nvb_cdi_consumer_folders(NULL, &setting, &lists[count++], &r->notes);
    r->folder = nvb_cdi_refresh_folder(lists, count);
    for (size_t i = 0; i < count; i++)
        nvb_strv_done(&lists[i]);
    free(lists);
    if (!r->folder) {
        (void)nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                             "the engines here read no folder of CDI specifications in common");
        return nvb_error_hint(err, "nvbind cdi list --for ENGINE shows the folders of each; nvbind "
                                   "cdi refresh --for ENGINE writes for one");
    }
    r->dir = resolve_folder(&r->view.root, r->folder);
    return check_folder(r->dir, err);
}

/* The one that the user's Podman was told of, where it was: what lies there outlives a reboot. */
static bool find_kept_folder(struct refresh *r, const struct nvb_cdi_consumer *podman)
{
    const struct nvb_cdi_setting setting = {&r->view.root, environ, &r->view.user};
    _cleanup_strv_ struct nvb_strv folders = {0};
    _cleanup_free_ char *kept = nvb_plan_kept_folder(&r->view.user);
    nvb_cdi_consumer_folders(podman, &setting, &folders, &r->notes);
    if (!kept || !nvb_strv_has(&folders, kept))
        return false;
    r->folder = nvb_strdup(kept);
    r->dir = TAKE_PTR(kept);
    return true;
}

static int find_own_folder(struct refresh *r, struct nvb_error **err)
{
    _cleanup_free_ char *runtime = NULL;
    const struct nvb_cdi_consumer *podman = NULL;
    nvb_vec_foreach (consumer, &r->view.consumers)
        if (!podman || nvb_cdi_consumer_takes_folder(consumer))
            podman = consumer;
    if (!podman || !nvb_cdi_consumer_takes_folder(podman)) {
        (void)nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                             "%s takes no folder of a user's own (Podman 5.5 does)",
                             podman ? podman->text : "no engine here");
        return nvb_error_hint(err, "'nvbind run' needs no specification; for every user: sudo "
                                   "nvbind cdi refresh");
    }
    if (find_kept_folder(r, podman))
        return 0;
    int n = nvb_trust_runtime_folder(r->view.user.runtime_dir, &runtime, err);
    if (n < 0)
        return -1;
    if (n > 0) {
        (void)nvb_error_make(err, NVB_ERROR_PERMISSION, 0,
                             "XDG_RUNTIME_DIR is not set, or not a folder of the caller's alone");
        return nvb_error_hint(err, "log in by ssh or machinectl, not by su; for every user: sudo "
                                   "nvbind cdi refresh");
    }
    r->folder = nvb_strdupf("%s/cdi", runtime);
    r->dir = nvb_strdup(r->folder);
    return 0;
}

static int open_refresh(struct refresh *r, const struct nvb_cli *cli, const char *for_engines,
                        struct nvb_error **err)
{
    r->cli = cli;
    if (nvb_cdi_view_open(cli, for_engines, &r->view, err) < 0)
        return -1;
    r->is_system = geteuid() == 0 || !nvb_root_is_host(&r->view.root);
    /* The engines of this machine say nothing about another root's, and one without CDI nothing
     * about specifications. */
    struct nvb_cdi_consumers *consumers = &r->view.consumers;
    for (size_t i = consumers->count; !r->view.named && i-- > 0;) {
        if (nvb_root_is_host(&r->view.root) && consumers->items[i].cap)
            continue;
        free(consumers->items[i].text);
        consumers->items[i] = consumers->items[--consumers->count];
    }
    return r->is_system ? find_system_folder(r, err) : find_own_folder(r, err);
}

/* ---- what stands in its way ------------------------------------------------------------------
 */

static int fail_rival(const struct nvb_cdi_rival *rival, struct nvb_error **err)
{
    (void)nvb_error_make(
        err, NVB_ERROR_CONFIG, 0,
        rival->is_same_folder
            ? "'%s'%s%s%s already gives devices of this kind: with both, engines "
              "drop both"
            : "'%s'%s%s%s already gives devices of this kind, and goes before ours",
        rival->path, rival->service ? " (of " : "", rival->service ? rival->service : "",
        rival->service ? ")" : "");
    if (!rival->is_same_folder)
        return nvb_error_hint(err, "remove it: rm %s", rival->path);
    return nvb_error_hint(err, "nvbind cdi refresh --take-over moves it aside");
}

/* Reads what is there; fails, or, to take over, tells which files are to be moved. */
static int find_in_way(struct refresh *r, bool take_over, struct nvb_strv *ret,
                       struct nvb_error **err)
{
    _cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
    _cleanup_cdi_rivals_ struct nvb_cdi_rivals rivals = {0};
    _cleanup_strv_ struct nvb_strv folders = {0};
    const struct nvb_cdi_setting setting = {&r->view.root, environ, &r->view.user};
    nvb_cdi_consumer_folders(r->view.consumers.count ? &r->view.consumers.items[0] : NULL, &setting,
                             &folders, NULL);
    if (!nvb_strv_has(&folders, r->folder))
        nvb_strv_add(&folders, r->folder);
    nvb_cdi_registry_read(&r->view.root, &folders, NULL, &registry);
    nvb_cdi_find_rivals(&registry, "nvidia.com/gpu", r->folder, &rivals);
    nvb_vec_foreach (rival, &rivals) {
        if (!take_over || !rival->is_same_folder)
            return fail_rival(rival, err);
        nvb_strv_addf(ret, "%s/%s", r->dir, nvb_path_base(rival->path));
        nvb_notes_add(&r->notes, NVB_NOTE_NOTICE, "'%s' is moved aside", rival->path);
        if (rival->service)
            nvb_notes_hint(&r->notes,
                           "so that %s does not write it again: systemctl disable --now "
                           "nvidia-cdi-refresh.path %s",
                           rival->service, rival->service);
        else
            nvb_notes_hint(&r->notes, "nvbind cdi refresh --give-back puts it back");
    }
    return 0;
}

/* ---- making it -------------------------------------------------------------------------------
 */

struct made {
    struct nvb_cdi_spec spec;
    struct nvb_str text;
};

static void made_done(struct made *made)
{
    nvb_cdi_spec_done(&made->spec);
    nvb_str_done(&made->text);
}

static int make(struct refresh *r, const struct nvb_cli_values *values, struct made *ret,
                struct nvb_error **err)
{
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    _cleanup_str_ struct nvb_str facts = NVB_STR_INIT;
    _cleanup_free_ char *hook = NULL;
    struct nvb_cdi_build_options options = {
        .partial = values->values[OPT_PARTIAL].count > 0,
        .kept = true,
    };
    const char *capabilities = nvb_cli_value(values, OPT_CAPABILITIES);
    if (capabilities && nvb_capabilities_parse(capabilities, &options.capabilities, err) < 0)
        return -1;
    int n = nvb_cdi_find_hook(&hook, err);
    if (n < 0)
        return -1;
    if (n > 0)
        nvb_notes_add(&r->notes, NVB_NOTE_WARNING, "nvbind-hook is not installed, and left out");
    options.hook = hook;
    if (nvb_host_open(&r->cli->host, &host, err) < 0 ||
        nvb_cdi_build_with_facts(&host, &options, NVB_CDI_WITNESS_MARK, &ret->spec, &facts,
                                 &r->notes, err) < 0 ||
        nvb_cdi_fit(&ret->spec, &r->view.consumers, &r->notes, err) < 0)
        return -1;
    nvb_str_add(&ret->text, NVB_CDI_OWN_MARK);
    nvb_str_addn(&ret->text, facts.data, facts.len);
    return nvb_cdi_write(&ret->spec, NVB_CDI_YAML, &ret->text, err);
}

/* Ours as it lies there now: 0 and its text and path, or 1. */
static int read_own(const struct refresh *r, struct nvb_str *ret, char **ret_path)
{
    static const char *const names[] = {NVB_CDI_OWN_FILE, "nvidia.yaml"};
    for (size_t i = 0; i < NVB_COUNT(names); i++) {
        _cleanup_free_ char *path = nvb_strdupf("%s/%s", r->dir, names[i]);
        nvb_str_truncate(ret, 0);
        if (nvb_file_read_path(path, NVB_DOC_MAX_BYTES, ret, NULL) != 0 ||
            !nvb_has_prefix(ret->data, NVB_CDI_OWN_MARK))
            continue;
        *ret_path = TAKE_PTR(path);
        return 0;
    }
    return 1;
}

/* What has changed in it, for those who ask (-v). Returns whether anything has. */
static bool tell_changes(struct refresh *r, const struct nvb_str *old, const struct made *made,
                         const char *path)
{
    _cleanup_cdi_spec_ struct nvb_cdi_spec before = {0};
    _cleanup_strv_ struct nvb_strv lines = {0};
    if (nvb_cdi_read(old->data, old->len, NVB_CDI_YAML, path, &before, NULL) < 0)
        return true;
    nvb_cdi_diff(&before, &made->spec, &lines);
    nvb_vec_foreach (line, &lines)
        nvb_notes_add(&r->notes, NVB_NOTE_INFO, "%s", *line);
    return lines.count > 0;
}

/* What the hook of folders of hooks reads (nvbind-hook(8)); the system's alone. */
static int write_hook_arguments(const struct refresh *r, const struct made *made,
                                struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_free_ char *folder = nvb_path_dir(NVB_CDI_HOOK_ARGUMENTS_FILE);
    _cleanup_free_ char *dir = resolve_folder(&r->view.root, folder);
    _cleanup_free_ char *path =
        nvb_strdupf("%s/%s", dir, nvb_path_base(NVB_CDI_HOOK_ARGUMENTS_FILE));
    int n = nvb_cdi_hook_arguments(&made->spec, &text, err);
    if (n < 0 || check_folder(dir, err) < 0)
        return -1;
    if (n > 0)
        return unlink(path) < 0 && errno != ENOENT
                   ? nvb_error_make(err, nvb_error_kind_of(errno), errno, "cannot remove '%s'",
                                    path)
                   : 0;
    const mode_t old = umask(022);
    int w = nvb_file_make_folders(dir, 0755, err);
    if (w == 0)
        w = nvb_file_write(path, text.data, text.len, 0644, err);
    (void)umask(old);
    return w;
}

static int say(const struct refresh *r, const char *path, const char *what)
{
    _cleanup_str_ struct nvb_str line = NVB_STR_INIT;
    nvb_cli_add_line(&line, path);
    nvb_str_addf(&line, ": %s\n", what);
    return nvb_cli_print(r->cli, line.data, line.len);
}

/* Returns the exit status, or -1. */
static int refresh(struct refresh *r, const struct nvb_cli_values *values, struct nvb_error **err)
{
    _cleanup_(made_done) struct made made = {.text = NVB_STR_INIT};
    _cleanup_strv_ struct nvb_strv rivals = {0};
    _cleanup_str_ struct nvb_str old = NVB_STR_INIT;
    _cleanup_free_ char *path = NULL;
    const bool check = values->values[OPT_CHECK].count > 0;
    if (find_in_way(r, values->values[OPT_TAKE_OVER].count > 0, &rivals, err) < 0 ||
        make(r, values, &made, err) < 0)
        return -1;
    const bool is_there = read_own(r, &old, &path) == 0;
    const bool differs = !is_there || tell_changes(r, &old, &made, path);
    if (check)
        return say(r, is_there ? path : r->dir,
                   !is_there ? "there is none"
                   : differs ? "out of date"
                             : "up to date") ||
               differs;
    if (r->is_system && write_hook_arguments(r, &made, err) < 0)
        return -1;
    if (is_there && rivals.count == 0 && old.len == made.text.len &&
        memcmp(old.data, made.text.data, old.len) == 0)
        return say(r, path, "up to date");
    free(TAKE_PTR(path));
    if (nvb_cdi_place(r->dir, &rivals, made.text.data, made.text.len, &path, err) < 0)
        return -1;
    return say(r, path, !is_there ? "written" : differs ? "made anew" : "up to date");
}

static int give_back(struct refresh *r, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv lines = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_strv_ struct nvb_strv folders = {0};
    const struct nvb_cdi_setting setting = {&r->view.root, environ, &r->view.user};
    /* Engines may have come and gone since: every folder that any would read. */
    nvb_cdi_consumer_folders(NULL, &setting, &folders, NULL);
    if (!r->is_system)
        nvb_strv_done(&folders);
    if (!nvb_strv_has(&folders, r->folder))
        nvb_strv_add(&folders, r->folder);
    nvb_vec_foreach (folder, &folders) {
        _cleanup_free_ char *dir = resolve_folder(&r->view.root, *folder);
        if ((r->is_system && check_folder(dir, err) < 0) || nvb_cdi_give_back(dir, &lines, err) < 0)
            return -1;
    }
    if (r->is_system) {
        _cleanup_free_ char *folder = nvb_path_dir(NVB_CDI_HOOK_ARGUMENTS_FILE);
        _cleanup_free_ char *dir = resolve_folder(&r->view.root, folder);
        _cleanup_free_ char *path =
            nvb_strdupf("%s/%s", dir, nvb_path_base(NVB_CDI_HOOK_ARGUMENTS_FILE));
        if (check_folder(dir, err) < 0)
            return -1;
        if (unlink(path) == 0)
            nvb_strv_addf(&lines, "'%s' is removed", path);
    }
    nvb_vec_foreach (line, &lines) {
        nvb_cli_add_line(&text, *line);
        nvb_str_addc(&text, '\n');
    }
    return text.len ? nvb_cli_print(r->cli, text.data, text.len) : NVB_EXIT_OK;
}

static int check_words(const struct nvb_cli_values *values, struct nvb_error **err)
{
    const struct nvb_strv *given = values->values;
    if (values->rest_count) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is no option", values->rest[0]);
        return nvb_error_hint(err, "nvbind cdi generate --output FILE writes elsewhere");
    }
    if (!!given[OPT_CHECK].count + !!given[OPT_TAKE_OVER].count + !!given[OPT_GIVE_BACK].count >
        1) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                             "--check, --take-over and --give-back are three things");
        return nvb_error_hint(err, "one of them at a time");
    }
    return 0;
}

int nvb_cmd_cdi_refresh(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_(refresh_done) struct refresh r = {.view = {.root = NVB_ROOT_INIT}};
    if (nvb_cli_parse(nvb_cdi_refresh_options, argc - 1, argv + 1, &values, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (values.values[OPT_HELP].count)
        return nvb_help_command(cli, "cdi refresh [OPTIONS]", refresh_text,
                                nvb_cdi_refresh_options);
    if (check_words(&values, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    int status = open_refresh(&r, cli, nvb_cli_value(&values, OPT_FOR), &err);
    if (status == 0)
        status =
            values.values[OPT_GIVE_BACK].count ? give_back(&r, &err) : refresh(&r, &values, &err);
    nvb_cli_print_notes(cli, &r.notes);
    if (status >= 0)
        return status;
    return nvb_cli_fail(cli, err, err->kind == NVB_ERROR_USAGE ? NVB_EXIT_USAGE : NVB_EXIT_FOUND);
}
