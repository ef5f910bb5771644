/*
 * nvbind kube play: reads the documents, gives each request GPUs, puts what they need into the
 * documents, and becomes "podman kube play -" with them as its standard input.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "cli/help.h"
#include "cli/kube.h"
#include "cli/preflight.h"
#include "play/play.h"

extern char **environ;

enum {
    PLAY_DRY_RUN,
    PLAY_SHARE,
    PLAY_RUNTIME,
    PLAY_HELP,
    PLAY_BUILD, /* from here on Podman's */
    PLAY_CONTEXT_DIR,
    PLAY_DOWN,
    PLAY_REPLACE,
};

const struct nvb_cli_option nvb_kube_play_options[] = {
    [PLAY_DRY_RUN] = {"dry-run", 0, NULL, "print the YAML that Podman would get, and run nothing"},
    [PLAY_SHARE] = {"share", 0, NULL, "a pod's containers have its GPUs together, and others' too"},
    [PLAY_RUNTIME] = {"runtime", 0, "podman", "the engine: Podman alone plays pods"},
    [PLAY_HELP] = {"help", 'h', NULL, "show this help"},
    [PLAY_BUILD] = {"build", 0, "[=true|false]", "Podman's own, as all that follow"},
    [PLAY_CONTEXT_DIR] = {"context-dir", 0, "DIR", "where images are built from"},
    [PLAY_DOWN] = {"down", 0, "[=true|false]", "remove the pods of FILE"},
    [PLAY_REPLACE] = {"replace", 0, "[=true|false]", "remove the pods of FILE first"},
    {"annotation", 0, "KEY=VALUE", "annotate the pods"},
    {"authfile", 0, "FILE", "credentials for registries"},
    {"cert-dir", 0, "DIR", "certificates for registries"},
    {"configmap", 0, "FILE", "further ConfigMaps"},
    {"creds", 0, "USER:PASSWORD", "credentials for a registry"},
    {"force", 0, "[=true|false]", "with --down: remove volumes as well"},
    {"ip", 0, "ADDRESS", "the pods' addresses"},
    {"log-driver", 0, "DRIVER", "how containers' output is kept"},
    {"log-opt", 0, "KEY=VALUE", "options for that"},
    {"mac-address", 0, "ADDRESS", "the pods' hardware addresses"},
    {"network", 0, "NETWORK", "the pods' networks"},
    {"net", 0, "NETWORK", "the same"},
    {"no-hostname", 0, "[=true|false]", "make no /etc/hostname"},
    {"no-hosts", 0, "[=true|false]", "make no /etc/hosts"},
    {"no-pod-prefix", 0, "[=true|false]", "name containers without their pod"},
    {"no-trunc", 0, "[=true|false]", "show whole messages"},
    {"publish", 0, "PORTS", "publish ports"},
    {"publish-all", 0, "[=true|false]", "publish containerPorts as well"},
    {"quiet", 'q', "[=true|false]", "say nothing of pulled images"},
    {"seccomp-profile-root", 0, "DIR", "where seccomp profiles lie"},
    {"service-container", 0, "[=true|false]", "a container that stands for all pods"},
    {"start", 0, "[=true|false]", "start the pods (default)"},
    {"tls-verify", 0, "[=true|false]", "check registries' certificates"},
    {"userns", 0, "MODE", "the pods' user namespace"},
    {"wait", 'w', "[=true|false]", "wait for the pods, and remove them then"},
    {0},
};

static const char help_text[] =
    "Runs a cluster's YAML on Podman and gives its containers the GPUs that they ask for:\n"
    "resources.limits nvidia.com/gpu: N, GPUs that no running container of yours holds;\n"
    "nvidia.com/gpu.shared: 1, one that others may have as well; nvidia.com/mig-1g.5gb: N;\n"
    "amd.com/gpu: N and other kinds of CDI; and claims (ResourceClaimTemplate).\n"
    "A container whose command is 'nvbind run ... IMAGE ...' becomes the one inside.\n"
    "\n"
    "  nvbind kube play pod.yaml\n"
    "  nvbind kube play --share --replace pod.yaml\n"
    "  nvbind kube play --dry-run pod.yaml\n"
    "  nvbind kube down pod.yaml\n";

struct file {
    const char *path;
    struct nvb_docs docs;
};

struct play {
    struct nvb_cli *cli;
    struct nvb_cli_values values;
    struct nvb_cli_planning planning;
    struct nvb_notes notes;
    struct files NVB_VEC(struct file) files;
    struct nvb_play_pods pods;
    struct nvb_strv added; /* environment for Podman */
    char *kept_file;       /* the specification that pods take GPUs from, or NULL */
    bool direct;           /* pods have this driver's files themselves */
    char *folder;          /* where relative paths begin */
    bool changed;          /* something was put into the documents */
};

static void play_done(struct play *p)
{
    nvb_play_pods_done(&p->pods);
    nvb_vec_foreach (file, &p->files)
        nvb_docs_done(&file->docs);
    nvb_vec_release(&p->files);
    nvb_strv_done(&p->added);
    free(p->kept_file);
    free(p->folder);
    nvb_notes_done(&p->notes);
    nvb_cli_planning_done(&p->planning);
    nvb_cli_values_done(&p->values);
}

static bool is_on(const struct play *p, size_t option)
{
    const char *value = nvb_cli_value(&p->values, option);
    return value && strcmp(value, "false") != 0 && strcmp(value, "0") != 0;
}

/* ---- reading ---- */

static int read_words(struct play *p, int argc, char **argv, struct nvb_error **err)
{
    if (nvb_cli_parse(nvb_kube_play_options, argc - 1, argv + 1, &p->values, err) < 0)
        return -1;
    const char *runtime = nvb_cli_value(&p->values, PLAY_RUNTIME);
    if (p->values.values[PLAY_HELP].count)
        return 0;
    if (runtime && strcmp(runtime, "podman") != 0) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--runtime is '%s'; pods are Podman's",
                             runtime);
        return nvb_error_hint(err, "leave it out");
    }
    if (p->values.rest_count > 0)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "kube play takes a file");
    return nvb_error_hint(err, "nvbind kube play FILE, or '-' for standard input");
}

static int read_file(struct play *p, const char *path, struct nvb_error **err)
{
    const struct nvb_yaml_options options = {.aliases = true, .tags = true, .many = true};
    struct nvb_docs docs = {0};
    if (nvb_has_prefix(path, "http://") || nvb_has_prefix(path, "https://")) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is not a file, and nothing is fetched",
                             path);
        return nvb_error_hint(err, "curl -fsSL %s | nvbind kube play -", path);
    }
    if (nvb_yaml_read_path(path, &options, &docs, err) < 0)
        return -1;
    struct file *file = nvb_vec_add(&p->files);
    file->path = strcmp(path, "-") == 0 ? "standard input" : path;
    file->docs = docs;
    return 0;
}

static int read_files(struct play *p, struct nvb_error **err)
{
    for (int i = 0; i < p->values.rest_count; i++)
        if (read_file(p, p->values.rest[i], err) < 0)
            return -1;
    nvb_vec_foreach (file, &p->files)
        if (nvb_play_read(&file->docs, file->path, p->planning.engine.version, &p->pods, err) < 0)
            return -1;
    return 0;
}

/* ---- nvbind inside ---- */

static struct nvb_play_unwrap unwrapping(struct play *p, const struct nvb_parse *parse)
{
    /* "-e NAME" there is the pod's own variable, which stays as it is: a file, which may be
     * somebody else's, gets nothing of who plays it. */
    static char *const nobody[] = {NULL};
    return (struct nvb_play_unwrap){
        .parse = parse,
        .engine = &p->planning.engine,
        .folder = p->folder,
        .environment = nobody,
    };
}

static int unwrap_all(struct play *p, struct nvb_error **err)
{
    const struct nvb_parse parse = {.ask = nvb_cli_ask_engine, .data = &p->planning};
    const struct nvb_play_unwrap how = unwrapping(p, &parse);
    nvb_vec_foreach (pod, &p->pods)
        nvb_vec_foreach (container, &pod->containers) {
            if (!nvb_play_is_wrapped(container))
                continue;
            p->changed = true;
            if (nvb_play_unwrap(&how, pod, container, &p->notes, err) < 0)
                return -1;
        }
    return 0;
}

/* ---- choosing ---- */

static int choose(struct play *p, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv gone = {0};
    if (!nvb_play_wants(&p->pods))
        return 0;
    if (is_on(p, PLAY_REPLACE))
        nvb_vec_foreach (pod, &p->pods)
            nvb_strv_add(&gone, pod->name);
    const struct nvb_kube_choosing how = {
        .planning = &p->planning,
        .gone = &gone,
        .dry_run = is_on(p, PLAY_DRY_RUN),
        .share = is_on(p, PLAY_SHARE),
    };
    return nvb_kube_choose_gpus(&how, &p->pods, &p->notes, err);
}

/* ---- planning ---- */

/* The same is said once, for however many containers. */
static void take_notes(struct play *p)
{
    nvb_vec_foreach (note, &p->planning.notes) {
        bool said = false;
        nvb_vec_foreach (other, &p->notes)
            said = said || strcmp(other->text, note->text) == 0;
        if (said)
            continue;
        nvb_notes_add(&p->notes, note->level, "%s", note->text);
        if (note->hint)
            nvb_notes_hint(&p->notes, "%s", note->hint);
    }
    nvb_notes_done(&p->planning.notes);
}

static bool wants(const struct nvb_play_container *container)
{
    nvb_vec_foreach (request, &container->requests)
        if (request->count > 0)
            return true;
    return false;
}

/* What of the plan's has to be there before Podman starts. */
static int write_files(struct play *p, const struct nvb_plan *plan, struct nvb_error **err)
{
    nvb_vec_foreach (variable, &plan->added_environment)
        if (!nvb_strv_has(&p->added, *variable))
            nvb_strv_add(&p->added, *variable);
    if (is_on(p, PLAY_DRY_RUN))
        return 0;
    return nvb_plan_write_spec(plan, err) < 0 ? -1 : nvb_plan_write_cookie(plan, err);
}

/* What is wrong with GPUs that the file names stands in the file. */
static int place(const struct nvb_play_pod *pod, const struct nvb_play_container *container,
                 struct nvb_error **err)
{
    nvb_vec_foreach (request, &container->requests)
        if (err && *err && !(*err)->file && request->count)
            (void)nvb_error_at(err, pod->file, request->line, request->column);
    return -1;
}

static int lay(struct play *p, struct nvb_play_pod *pod, struct nvb_play_container *container,
               struct nvb_error **err)
{
    _cleanup_request_ struct nvb_request request = {0};
    _cleanup_plan_ struct nvb_plan plan = {0};
    _cleanup_exec_ struct nvb_exec exec = {0};
    _cleanup_strv_ struct nvb_strv words = {0};
    const struct nvb_parse parse = {.ask = nvb_cli_ask_engine, .data = &p->planning};
    const unsigned version = p->planning.engine.version;
    nvb_play_words(container, &words);
    if (nvb_parse_run(&parse, (int)words.count, nvb_strv_terminate(&words), &request, &plan, err) <
        0)
        return -1;
    plan.verb = NVB_PLAN_CREATE;
    request.engines = NVB_ENGINE_PODMAN;
    /* What it says of containers that stay is said below in the words of pods. */
    request.dry_run = NVB_DRY_RUN_SHELL;
    if (version < NVB_PLAY_CDI_SINCE)
        request.cdi = NVB_CDI_REFUSE;
    int r = nvb_cli_plan(&p->planning, &request, &plan, &exec, err);
    request.dry_run = is_on(p, PLAY_DRY_RUN) ? NVB_DRY_RUN_SHELL : NVB_DRY_RUN_OFF;
    const int fit = r < 0 ? 0 : nvb_cli_preflight(&p->planning, &request, &plan, err);
    take_notes(p);
    if (r < 0)
        return place(pod, container, err);
    if (fit < 0)
        return -1;
    _cleanup_str_ struct nvb_str label = NVB_STR_INIT;
    if (container->held.count == 0 && nvb_plan_add_label(&plan, &label))
        nvb_strv_split(&container->held, label.data, ',');
    p->changed = true;
    p->direct = p->direct || (plan.mode == NVB_PLAN_DIRECT && plan.gpus.count);
    if (!p->kept_file && plan.kept_file)
        p->kept_file = nvb_strdup(plan.kept_file);
    const struct nvb_play_unwrap how = unwrapping(p, &parse);
    if (container->has_profile &&
        nvb_play_add_profile(&how, &plan, pod, container, &p->notes, err) < 0)
        return place(pod, container, err);
    if (nvb_play_lay(&plan, version, pod, container, err) < 0)
        return -1;
    return write_files(p, &plan, err);
}

static void note_upgrade(struct play *p)
{
    if (is_on(p, PLAY_DRY_RUN))
        return;
    if (p->direct)
        nvb_notes_add(&p->notes, NVB_NOTE_NOTICE,
                      "the pods keep this driver's files: after a driver upgrade 'nvbind kube play "
                      "--replace' makes them anew");
    else if (p->kept_file)
        nvb_notes_add(&p->notes, NVB_NOTE_NOTICE,
                      "the pods take their GPUs from '%s': after a driver upgrade they start again "
                      "once 'nvbind cdi refresh' has made that anew",
                      p->kept_file);
}

static int lay_all(struct play *p, struct nvb_error **err)
{
    nvb_vec_foreach (pod, &p->pods) {
        nvb_vec_foreach (container, &pod->containers)
            if (wants(container) && lay(p, pod, container, err) < 0)
                return -1;
        nvb_play_label(pod);
    }
    note_upgrade(p);
    return 0;
}

/* ---- handing over ---- */

static int write_documents(const struct play *p, struct nvb_str *ret, struct nvb_error **err)
{
    nvb_vec_foreach (file, &p->files)
        nvb_vec_foreach (doc, &file->docs) {
            if (doc->type == NVB_DOC_NULL)
                continue;
            nvb_str_add(ret, ret->len ? "---\n" : "");
            if (nvb_yaml_write_as_read(doc, ret, err) < 0)
                return -1;
        }
    return 0;
}

/* TEXT as this process's standard input: no file of it lies anywhere. */
static int become_input(const struct nvb_str *text, struct nvb_error **err)
{
    int fd = memfd_create("pods.yaml", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : nvb_write_all(fd, text->data, text->len);
    if (r == 0 && (lseek(fd, 0, SEEK_SET) < 0 || dup2(fd, STDIN_FILENO) < 0))
        r = -errno;
    if (fd >= 0)
        close(fd);
    return r < 0 ? nvb_error_make(err, NVB_ERROR_INTERNAL, -r, "cannot hand the YAML over") : 0;
}

/* A file in which nothing changes is Podman's to read; not what could be read only once. */
static bool is_untouched(const struct play *p)
{
    struct stat st;
    if (p->changed)
        return false;
    for (int i = 0; i < p->values.rest_count; i++)
        if (stat(p->values.rest[i], &st) < 0 || !S_ISREG(st.st_mode))
            return false;
    return p->values.rest_count == 1;
}

static int hand_over(struct play *p, const struct nvb_str *text, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    const char *first = p->values.rest[0];
    const bool as_is = is_untouched(p);
    nvb_kube_pass_on(nvb_kube_play_options, &p->values, PLAY_BUILD, &words);
    /* Podman looks for what is to be built beside the file. */
    if (!as_is && is_on(p, PLAY_BUILD) && !nvb_cli_value(&p->values, PLAY_CONTEXT_DIR) &&
        strcmp(first, "-") != 0) {
        _cleanup_free_ char *folder = nvb_path_dir(first);
        nvb_strv_addf(&words, "--context-dir=%s", folder);
    }
    nvb_strv_add(&words, as_is ? first : "-");
    if (!as_is && become_input(text, err) < 0)
        return -1;
    return nvb_kube_become(&p->planning, "play", &words, &p->added, err);
}

static int play(struct play *p, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (nvb_kube_find_podman(&p->planning, err) < 0 || read_files(p, err) < 0)
        return -1;
    p->folder = getcwd(NULL, 0);
    if (!is_on(p, PLAY_DOWN) &&
        (unwrap_all(p, err) < 0 || choose(p, err) < 0 || lay_all(p, err) < 0))
        return -1;
    if (write_documents(p, &text, err) < 0)
        return -1;
    nvb_cli_print_notes(p->cli, &p->notes);
    nvb_notes_done(&p->notes);
    if (is_on(p, PLAY_DRY_RUN))
        return nvb_cli_print(p->cli, text.data, text.len) == NVB_EXIT_OK ? 0 : -1;
    return hand_over(p, &text, err);
}

int nvb_kube_play(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_(play_done) struct play p = {
        .cli = cli,
        .planning = {.cli = cli, .verb = "run"},
    };
    if (read_words(&p, argc, argv, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (p.values.values[PLAY_HELP].count)
        return nvb_help_command(cli, "kube play [OPTIONS] FILE...", help_text,
                                nvb_kube_play_options);
    if (play(&p, &err) == 0)
        return NVB_EXIT_OK;
    nvb_cli_print_notes(cli, &p.notes);
    return err ? nvb_cli_fail(cli, err, nvb_cli_status_of(err)) : NVB_EXIT_FOUND;
}
