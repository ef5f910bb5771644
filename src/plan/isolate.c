#include "plan/isolate.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "plan/units.h"

/* ---- the words that strict isolation stands for ---- */

#define PROCESSES "4096"

/* With the engines' own lists of what is private, but for what a configuration of theirs may have
 * turned off. Docker spells none of uts and pid: they are private there or the host's. */
static const struct {
    const char *name;
    const char *value; /* NULL: a flag */
    unsigned engines;
} strict_words[] = {
    {"cap-drop", "all", NVB_OPTION_ANY},
    {"security-opt", "no-new-privileges", NVB_OPTION_ANY},
    {"read-only", NULL, NVB_OPTION_ANY},
    {"ipc", "private", NVB_OPTION_ANY},
    {"uts", "private", NVB_OPTION_PODMAN},
    {"pid", "private", NVB_OPTION_PODMAN},
    {"cgroupns", "private", NVB_OPTION_ANY},
    /* Podman lays these itself beside --read-only. */
    {"tmpfs", "/tmp:rw,exec,nosuid,nodev,mode=1777", NVB_OPTION_DOCKER},
    {"tmpfs", "/var/tmp:rw,exec,nosuid,nodev,mode=1777", NVB_OPTION_DOCKER},
    {"tmpfs", "/run:rw,exec,nosuid,nodev,mode=0755", NVB_OPTION_DOCKER},
};

/* Words that only mean something with a network. */
static const char *const network_words[] = {
    "network",     "publish",       "publish-all", "pod", "ip",         "ip6",
    "mac-address", "network-alias", "link",        "dns", "dns-search", "dns-option",
};

/* What a configuration or a profile says for every container and strict isolation takes back. */
static const struct {
    const char *name;
    const char *value; /* its beginning; NULL: any */
} taken_back[] = {
    {"privileged", NULL},
    {"cap-add", NULL},
    {"security-opt", "no-new-privileges"},
    {"security-opt", "seccomp=unconfined"},
    {"security-opt", "apparmor=unconfined"},
    {"security-opt", "systempaths=unconfined"},
    {"security-opt", "unmask="},
};

static bool has_any(const struct nvb_plan_line *line, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (nvb_plan_line_find(line, names[i]))
            return true;
    return false;
}

static void take_back(struct nvb_plan_line *line)
{
    _cleanup_free_ bool *drop = nvb_calloc(line->options.count + 1, sizeof(*drop));
    for (size_t i = 0; i < line->options.count; i++) {
        const struct nvb_plan_option *option = &line->options.items[i];
        for (size_t k = 0; k < NVB_COUNT(taken_back); k++)
            drop[i] = drop[i] ||
                      (nvb_plan_option_is(option, taken_back[k].name) &&
                       (!taken_back[k].value ||
                        (option->value && nvb_has_prefix(option->value, taken_back[k].value))));
    }
    nvb_plan_line_drop(line, drop);
}

/* Whether the engine can limit the number of processes here. */
static bool can_limit_processes(const struct nvb_plan_state *s)
{
    _cleanup_str_ struct nvb_str controllers = NVB_STR_INIT;
    if (s->input->engine->kind == NVB_ENGINE_DOCKER)
        return true;
    if (nvb_file_read_path("/sys/fs/cgroup/cgroup.controllers", 4096, &controllers, NULL) == 0)
        return strstr(controllers.data, "pids") != NULL;
    /* Version 1: without root Podman ignores limits there, and says so each time. */
    return s->input->user->uid == 0 && access("/sys/fs/cgroup/pids", F_OK) == 0;
}

/* The user's own word about the same thing, which the general rules do not see as the same. */
static bool is_said(const struct nvb_plan_line *user, const char *name, const char *value)
{
    if (strcmp(name, "security-opt") != 0)
        return false;
    nvb_vec_foreach (option, &user->options)
        if (nvb_plan_option_is(option, name) && option->value &&
            nvb_has_prefix(option->value, value))
            return true;
    return false;
}

static void add_word(struct nvb_plan_line *line, const char *name, const char *value)
{
    if (value)
        nvb_plan_line_add(line, name, value);
    else
        nvb_plan_line_add_flag(line, name);
}

static void build_strict(struct nvb_plan_state *s, struct nvb_plan_line *ret)
{
    const struct nvb_plan *plan = s->plan;
    const bool talks = has_any(&plan->user, network_words, NVB_COUNT(network_words)) ||
                       nvb_plan_line_find(&plan->defaults, "publish");
    for (size_t i = 0; i < NVB_COUNT(strict_words); i++)
        if ((strict_words[i].engines & (unsigned)s->input->engine->kind) &&
            !is_said(&plan->user, strict_words[i].name, strict_words[i].value))
            add_word(ret, strict_words[i].name, strict_words[i].value);
    if (!talks)
        nvb_plan_line_add(ret, "network", "none");
    if (nvb_plan_value(plan, "cgroups"))
        return;
    if (can_limit_processes(s))
        nvb_plan_line_add(ret, "pids-limit", PROCESSES);
    else
        nvb_notes_add(s->notes, NVB_NOTE_WARNING,
                      "the number of processes is not limited: the control groups of this machine "
                      "do not let the engine");
}

static void lay_strict(struct nvb_plan_state *s)
{
    struct nvb_plan *plan = s->plan;
    struct nvb_plan_line strict = {0};
    take_back(&plan->defaults);
    build_strict(s, &strict);
    nvb_defaults_drop_replaced(&plan->defaults, &strict, plan->engine);
    nvb_defaults_drop_replaced(&strict, &plan->user, plan->engine);
    nvb_plan_line_append(&plan->defaults, &strict);
    nvb_plan_line_done(&strict);
}

/* ---- who decides ---- */

static void drop_privileged(struct nvb_plan_state *s)
{
    struct nvb_plan_line *line = &s->plan->defaults;
    _cleanup_free_ bool *drop = nvb_calloc(line->options.count + 1, sizeof(*drop));
    for (size_t i = 0; i < line->options.count; i++)
        drop[i] = nvb_plan_option_is(&line->options.items[i], "privileged");
    nvb_plan_line_drop(line, drop);
    nvb_notes_add(s->notes, NVB_NOTE_WARNING,
                  "the configuration's '--privileged' is left out beside '--isolate'");
}

static int settle_privileged(struct nvb_plan_state *s, bool on_the_line, struct nvb_error **err)
{
    if (!nvb_plan_is_on(s->plan, "privileged"))
        return 0;
    const bool by_user = nvb_plan_line_is_on(&s->plan->user, "privileged");
    if (on_the_line && by_user) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                             "'--privileged' gives the container every device of the host, "
                             "'--isolate' the chosen GPUs alone");
        return nvb_error_hint(err, "leave one of the two out");
    }
    if (on_the_line) {
        drop_privileged(s);
        return 0;
    }
    s->isolation = NVB_ISOLATION_NONE;
    nvb_notes_add(s->notes, NVB_NOTE_WARNING,
                  "'--privileged' gives the container every GPU: the configuration's "
                  "enable_isolation is without effect");
    return 0;
}

int nvb_isolation_decide(struct nvb_plan_state *s, struct nvb_error **err)
{
    const struct nvb_plan_defaults *defaults = s->input->defaults;
    const enum nvb_request_isolate said = s->input->request->isolate;
    if (said == NVB_ISOLATE_STRICT)
        s->isolation = NVB_ISOLATION_STRICT;
    else if (said == NVB_ISOLATE_DEVICE ||
             (said == NVB_ISOLATE_UNSAID && defaults && defaults->isolate))
        s->isolation = NVB_ISOLATION_DEVICE;
    if (s->isolation == NVB_ISOLATION_NONE)
        return 0;
    if (settle_privileged(s, said != NVB_ISOLATE_UNSAID, err) < 0)
        return -1;
    if (s->isolation == NVB_ISOLATION_STRICT)
        lay_strict(s);
    nvb_isolation_narrow(s, &s->plan->user);
    nvb_isolation_narrow(s, &s->plan->defaults);
    return 0;
}

/* ---- /dev/dri ---- */

static bool is_dri(const char *device)
{
    size_t len = strcspn(device, ":");
    while (len > 1 && device[len - 1] == '/')
        len--;
    return len == strlen("/dev/dri") && strncmp(device, "/dev/dri", len) == 0;
}

void nvb_isolation_narrow(struct nvb_plan_state *s, struct nvb_plan_line *line)
{
    if (s->isolation == NVB_ISOLATION_NONE)
        return;
    _cleanup_free_ bool *drop = nvb_calloc(line->options.count + 1, sizeof(*drop));
    for (size_t i = 0; i < line->options.count; i++) {
        const struct nvb_plan_option *option = &line->options.items[i];
        drop[i] = nvb_plan_option_is(option, "device") && option->value && is_dri(option->value);
        s->dri = s->dri || drop[i];
    }
    nvb_plan_line_drop(line, drop);
}

static void add_node_name(struct nvb_str *names, const char *path)
{
    if (nvb_has_prefix(path, "/dev/dri/"))
        nvb_str_addf(names, " %s", path);
}

void nvb_isolation_note_narrowed(const struct nvb_plan_state *s)
{
    _cleanup_str_ struct nvb_str names = NVB_STR_INIT;
    if (!s->dri)
        return;
    nvb_vec_foreach (node, &s->plan->edits.nodes)
        add_node_name(&names, node->path);
    nvb_vec_foreach (mount, &s->plan->edits.mounts)
        add_node_name(&names, mount->container_path);
    nvb_notes_add(s->notes, NVB_NOTE_NOTICE,
                  "'--device /dev/dri' is narrowed to the chosen GPUs' nodes:%s",
                  names.len ? names.data : " none");
}

/* ---- nodes and sockets ---- */

static bool is_shared_node(const char *path, unsigned capabilities)
{
    if (strcmp(path, "/dev/nvidia-uvm-tools") == 0)
        return true;
    return strcmp(path, "/dev/nvidia-modeset") == 0 &&
           !(capabilities & (NVB_CAP_GRAPHICS | NVB_CAP_DISPLAY));
}

/* The driver's services listen below /run, and MPS below /tmp: nothing else there is a mount of
 * ours, and only there is the file's type asked. */
static bool is_socket(const struct nvb_cdi_mount *mount)
{
    struct stat st;
    if (!nvb_has_prefix(mount->container_path, "/run/") &&
        !nvb_has_prefix(mount->container_path, "/var/run/") &&
        !nvb_has_prefix(mount->container_path, "/tmp/"))
        return false;
    return stat(mount->host_path, &st) < 0 || S_ISSOCK(st.st_mode) || S_ISDIR(st.st_mode);
}

void nvb_isolate_edits(struct nvb_cdi_edits *edits, unsigned capabilities, bool sockets)
{
    struct nvb_cdi_edits dropped = {0};
    size_t kept = 0;
    nvb_vec_foreach (node, &edits->nodes) {
        if (is_shared_node(node->path, capabilities))
            nvb_vec_push(&dropped.nodes, *node);
        else
            edits->nodes.items[kept++] = *node;
    }
    edits->nodes.count = kept;
    kept = 0;
    nvb_vec_foreach (mount, &edits->mounts) {
        /* Stand-ins for nodes are mounts. */
        if (is_shared_node(mount->container_path, capabilities) || (sockets && is_socket(mount)))
            nvb_vec_push(&dropped.mounts, *mount);
        else
            edits->mounts.items[kept++] = *mount;
    }
    edits->mounts.count = kept;
    nvb_cdi_edits_done(&dropped);
}

/* ---- EGL and Vulkan ---- */

#define PROFILE_FOLDER "/etc/nvidia/nvidia-application-profiles-rc.d"
/* The name that NVIDIA's tools give it: it replaces theirs where an image has one. */
#define PROFILE_PATH PROFILE_FOLDER "/10-container.conf"
#define MAX_MINOR    63

/* The bits of the chosen GPUs' minor numbers; 0: one has none that could be said. MIG devices count
 * as the GPU that they are on. */
static uint64_t find_mask(const struct nvb_plan_state *s)
{
    _cleanup_units_ struct nvb_units units = {0};
    uint64_t mask = 0;
    nvb_units_list(&s->gpus, &units);
    nvb_vec_foreach (place, &s->choice.units) {
        const struct nvb_gpu *gpu = units.items[*place].gpu;
        if (gpu->minor < 0 || gpu->minor > MAX_MINOR)
            return 0;
        mask |= UINT64_C(1) << gpu->minor;
    }
    return mask;
}

/* Whether every GPU of the machine is among the chosen. */
static bool has_every_gpu(const struct nvb_plan_state *s)
{
    nvb_vec_foreach (gpu, &s->gpus) {
        bool found = false;
        nvb_vec_foreach (chosen, &s->plan->gpus)
            found = found || chosen->index == gpu->index;
        if (!found)
            return false;
    }
    return true;
}

int nvb_isolation_add_profile(struct nvb_plan_state *s, struct nvb_cdi_edits *edits,
                              struct nvb_error **err)
{
    static const char *const options[] = {"ro",    "nosuid",   "nodev", "noexec",
                                          "rbind", "rprivate", NULL};
    struct nvb_plan *plan = s->plan;
    _cleanup_free_ char *folder = NULL;
    if (s->isolation == NVB_ISOLATION_NONE || has_every_gpu(s) ||
        !(plan->capabilities & (NVB_CAP_GRAPHICS | NVB_CAP_DISPLAY)))
        return 0;
    uint64_t mask = find_mask(s);
    int r = mask ? nvb_plan_find_files_folder(s->input->user, nvb_plan_outlives(plan), &folder, err)
                 : 1;
    if (r < 0)
        return -1;
    if (r > 0) {
        nvb_notes_add(s->notes, NVB_NOTE_WARNING,
                      "EGL and Vulkan are not told which GPUs the container has: %s",
                      mask ? "there is no private folder for the file that says it"
                           : "the driver's file for that cannot name this GPU");
        return 0;
    }
    if (!plan->graphics_profile.path) {
        _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
        nvb_str_addf(&text,
                     "{\"profiles\": [{\"name\": \"_container_\", \"settings\": "
                     "[\"EGLVisibleDGPUDevices\", 0x%llx]}],\n"
                     " \"rules\": [{\"pattern\": [], \"profile\": \"_container_\"}]}\n",
                     (unsigned long long)mask);
        plan->graphics_profile.path =
            nvb_strdupf("%s/egl-%llx.conf", folder, (unsigned long long)mask);
        plan->graphics_profile.len = text.len;
        plan->graphics_profile.text = nvb_str_steal(&text);
    }
    nvb_cdi_edits_add_mount(edits, plan->graphics_profile.path, PROFILE_PATH, options);
    return 0;
}
