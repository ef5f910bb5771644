#include "writer/systemd.h"

#include <string.h>

#include "writer/unit.h"

/* What the unit says itself; the user's words for it go. */
static const char *const replaced[] = {"detach",  "rm",       "replace",     "name",
                                       "restart", "sdnotify", "interactive", "tty"};

/* What goes against a service, which has neither terminal nor caller. */
static const char *const refused[] = {"attach", "detach-keys", "preserve-fds", "cidfile", "rmi"};

static bool is_one_of(const struct nvb_plan_option *option, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (nvb_plan_option_is(option, names[i]))
            return true;
    return false;
}

static void add_word(struct nvb_str *s, const char *word)
{
    nvb_str_add(s, " \\\n    ");
    nvb_unit_add_word(s, word);
}

static void add_option(struct nvb_str *s, const char *name, const char *value)
{
    _cleanup_free_ char *word =
        value ? nvb_strdupf("--%s=%s", name, value) : nvb_strdupf("--%s", name);
    add_word(s, word);
}

static int add_users_options(const struct nvb_plan_line *line, struct nvb_str *ret,
                             struct nvb_error **err)
{
    nvb_vec_foreach (option, &line->options) {
        if (is_one_of(option, refused, NVB_COUNT(refused))) {
            (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                                 "a service cannot have '%s%s': it has neither terminal nor caller",
                                 option->is_short ? "-" : "--", option->name);
            return nvb_error_hint(err, "leave it out");
        }
        if (is_one_of(option, replaced, NVB_COUNT(replaced)))
            continue;
        if (option->is_short) {
            _cleanup_free_ char *word =
                nvb_strdupf("-%s%s", option->name, option->value ? option->value : "");
            add_word(ret, word);
        } else {
            add_option(ret, option->name, option->value);
        }
    }
    return 0;
}

/* The GPUs by names that hold after a reboot. Owned; NULL: as the configuration says then. */
static char *lasting_selection(const struct nvb_request *request, const struct nvb_plan *plan)
{
    const char *words = request->gpu ? request->gpu : request->gpus;
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    if (!words)
        return NULL;
    if (strcmp(words, "all") == 0 || strcmp(words, "none") == 0 || plan->gpus.count == 0)
        return nvb_strdup(words);
    nvb_vec_foreach (gpu, &plan->gpus)
        nvb_str_addf(&s, "%s%s", s.len ? "," : "", gpu->uuid ? gpu->uuid : gpu->pci);
    return nvb_str_steal(&s);
}

static void add_own_options(const struct nvb_request *request, const struct nvb_plan *plan,
                            struct nvb_str *ret)
{
    _cleanup_free_ char *selection = lasting_selection(request, plan);
    const char *isolate = request->isolate == NVB_ISOLATE_NONE     ? "none"
                          : request->isolate == NVB_ISOLATE_DEVICE ? "device"
                          : request->isolate == NVB_ISOLATE_STRICT ? "strict"
                                                                   : NULL;
    add_option(ret, "runtime", nvb_engine_name(plan->engine->kind));
    if (selection)
        add_option(ret, "gpu", selection);
    if (request->gpu_runtime && !selection)
        add_option(ret, "gpu", "all");
    if (request->capabilities)
        add_option(ret, "capabilities", request->capabilities);
    if (request->profile)
        add_option(ret, "profile", request->profile);
    if (isolate)
        add_option(ret, "isolate", isolate);
    if (request->rootless)
        add_option(ret, "rootless", NULL);
    if (request->cdi != NVB_CDI_AUTO)
        add_option(ret, request->cdi == NVB_CDI_INSIST ? "cdi" : "no-cdi", NULL);
}

static int add_start(const struct nvb_request *request, const struct nvb_plan *plan,
                     const struct nvb_systemd_options *options, struct nvb_str *ret,
                     struct nvb_error **err)
{
    const bool podman = plan->engine->kind == NVB_ENGINE_PODMAN;
    nvb_str_add(ret, "ExecStart=");
    nvb_unit_add_word(ret, options->nvbind);
    if (options->config)
        add_option(ret, "config", options->config);
    if (options->host_root)
        add_option(ret, "host-root", options->host_root);
    add_word(ret, "run");
    add_own_options(request, plan, ret);
    add_option(ret, "name", options->name);
    add_option(ret, "rm", NULL);
    if (podman) {
        add_option(ret, "replace", NULL);
        add_option(ret, "detach", NULL);
        add_option(ret, "sdnotify", "conmon");
        /* A user's containers have control groups by the user's own systemd. */
        if (!options->user && !nvb_plan_line_find(&plan->user, "cgroups"))
            add_option(ret, "cgroups", "split");
    }
    if (add_users_options(&plan->early, ret, err) < 0 ||
        add_users_options(&plan->user, ret, err) < 0)
        return -1;
    add_word(ret, "--");
    add_word(ret, plan->image);
    for (size_t i = 0; i < plan->command.count; i++)
        add_word(ret, plan->command.items[i]);
    nvb_str_addc(ret, '\n');
    return 0;
}

static void add_command(struct nvb_str *ret, const char *key, const char *mark, const char *program,
                        const char *words, const char *name)
{
    nvb_str_addf(ret, "%s=%s", key, mark);
    nvb_unit_add_word(ret, program);
    nvb_str_addf(ret, " %s ", words);
    nvb_unit_add_word(ret, name);
    nvb_str_addc(ret, '\n');
}

static const char *restart_of(const struct nvb_plan *plan)
{
    const char *restart = nvb_plan_value(plan, "restart");
    if (restart && strncmp(restart, "on-failure", 10) == 0)
        return "on-failure";
    return restart && strcmp(restart, "no") == 0 ? "no" : "always";
}

int nvb_writer_systemd(const struct nvb_request *request, const struct nvb_plan *plan,
                       const struct nvb_systemd_options *options, struct nvb_str *ret,
                       struct nvb_error **err)
{
    const bool podman = plan->engine->kind == NVB_ENGINE_PODMAN;
    const char *engine = plan->engine->path;
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    nvb_str_add(&s, "# Made by 'nvbind generate systemd'.\n[Unit]\nDescription=");
    nvb_unit_add_value(&s, options->description);
    nvb_str_addc(&s, '\n');
    if (!podman)
        nvb_str_add(&s, "Requires=docker.service\nAfter=docker.service\n");
    if (!options->is_user)
        nvb_str_add(&s, "Wants=network-online.target\nAfter=network-online.target\n");
    if (options->user)
        nvb_str_addf(&s,
                     "# Makes %s's runtime folder and systemd, without a login.\n"
                     "Wants=user@%u.service\nAfter=user@%u.service\n",
                     options->user, (unsigned)options->uid, (unsigned)options->uid);
    nvb_str_add(&s, "\n[Service]\n");
    nvb_str_add(&s, podman ? "# conmon tells systemd when the container runs, and is the service's "
                             "main process.\nType=notify\nNotifyAccess=all\nDelegate=yes\n"
                             "KillMode=mixed\nEnvironment=PODMAN_SYSTEMD_UNIT=%n\n"
                           : "Type=simple\n");
    if (options->user)
        nvb_str_addf(&s, "User=%s\n", options->user);
    if (!podman)
        add_command(&s, "ExecStartPre", "-", engine, "rm --force", options->name);
    if (add_start(request, plan, options, &s, err) < 0)
        return -1;
    if (podman) {
        add_command(&s, "ExecStop", "", engine, "stop --ignore", options->name);
        add_command(&s, "ExecStopPost", "-", engine, "rm --force --ignore", options->name);
    } else {
        add_command(&s, "ExecStop", "", engine, "stop", options->name);
    }
    nvb_str_addf(&s, "Restart=%s\n" NVB_UNIT_LIMITS "\n[Install]\nWantedBy=%s\n", restart_of(plan),
                 options->is_user ? "default.target" : "multi-user.target");
    nvb_str_addn(ret, s.data, s.len);
    return 0;
}

void nvb_writer_udev(const char *group, unsigned gid, struct nvb_str *ret)
{
    nvb_str_addf(
        ret,
        "# Made by 'nvbind generate udev': members of '%s' may use the NVIDIA GPUs of this machine.\n"
        "#\n"
        "# Put this into /etc/udev/rules.d/70-nvidia.rules, then:\n"
        "#   udevadm control --reload && udevadm trigger\n"
        "#\n"
        "# The driver tells of no node of its own to udev; nvidia-modprobe makes them, with the mode\n"
        "# and group that the module's parameters say. For these, put into\n"
        "# /etc/modprobe.d/nvidia-nodes.conf (it holds when the module is loaded next):\n"
        "#   options nvidia NVreg_DeviceFileUID=0 NVreg_DeviceFileGID=%u NVreg_DeviceFileMode=0660\n"
        "#\n"
        "# No rule changes modes by a shell: a 'chmod 666' gives the GPU to everybody, and is lost\n"
        "# whenever a node is made again.\n"
        "\n"
        "# The module was loaded: nodes for every GPU, the control node, and unified memory.\n"
        "ACTION==\"add|bind\", SUBSYSTEM==\"pci\", DRIVER==\"nvidia\", "
        "RUN+=\"/usr/bin/nvidia-modprobe -c 0 -u\"\n"
        "ACTION==\"add\", SUBSYSTEM==\"module\", KERNEL==\"nvidia_uvm\", "
        "RUN+=\"/usr/bin/nvidia-modprobe -u -c 0\"\n"
        "ACTION==\"add\", SUBSYSTEM==\"module\", KERNEL==\"nvidia_modeset\", "
        "RUN+=\"/usr/bin/nvidia-modprobe -m\"\n"
        "\n"
        "# Nodes that the kernel does tell of.\n"
        "KERNEL==\"nvidia[0-9]*|nvidiactl|nvidia-modeset|nvidia-uvm|nvidia-uvm-tools\", "
        "GROUP=\"%s\", MODE=\"0660\"\n"
        "KERNEL==\"nvidia-cap[0-9]*\", SUBSYSTEM==\"nvidia-caps\", GROUP=\"%s\", MODE=\"0660\"\n"
        "SUBSYSTEM==\"drm\", KERNEL==\"renderD*\", GROUP=\"render\", MODE=\"0660\"\n"
        "SUBSYSTEM==\"drm\", KERNEL==\"card[0-9]*\", GROUP=\"video\", MODE=\"0660\"\n",
        group, gid, group, group);
}
