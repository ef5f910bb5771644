/* Security modules, and options that switch them off. */

#include <string.h>

#include "doctor/check.h"

#define SELINUX "/sys/fs/selinux"

enum { SELINUX_ABSENT, SELINUX_PERMISSIVE, SELINUX_ENFORCING };

static int read_selinux(struct nvb_doctor *d)
{
    uint64_t enforce;
    if (nvb_doctor_read_number(d, SELINUX "/enforce", &enforce) != 0)
        return SELINUX_ABSENT;
    return enforce ? SELINUX_ENFORCING : SELINUX_PERMISSIVE;
}

bool nvb_doctor_selinux_enforces(struct nvb_doctor *d)
{
    return read_selinux(d) == SELINUX_ENFORCING;
}

/* A boolean's file holds its value and the one that is not committed yet: "1 1". */
static bool is_on(struct nvb_doctor *d, const char *name, bool *ret_known)
{
    _cleanup_free_ char *path = nvb_strdupf(SELINUX "/booleans/%s", name);
    uint64_t value;
    int r = nvb_doctor_read_number(d, path, &value);
    *ret_known = r == 0;
    return r == 0 && value != 0;
}

static void check_selinux(struct nvb_doctor *d, struct nvb_finding *f)
{
    bool narrow_known;
    bool wide_known;
    int mode = read_selinux(d);
    if (mode == SELINUX_ABSENT) {
        nvb_finding_skip(f, "SELinux is not on this machine");
        return;
    }
    bool narrow = is_on(d, "container_use_xserver_devices", &narrow_known);
    bool wide = is_on(d, "container_use_devices", &wide_known);
    if (mode == SELINUX_PERMISSIVE) {
        nvb_finding_ok(f, "SELinux is permissive: it denies nothing");
    } else if (narrow || wide) {
        nvb_finding_ok(f, "SELinux enforces, and %s lets containers use the nodes",
                       narrow ? "container_use_xserver_devices" : "container_use_devices");
    } else if (!narrow_known && !wide_known) {
        nvb_finding_fail(f, "SELinux enforces, and its policy knows no containers");
        (void)nvb_fix_text(f, "install container-selinux with this distribution's package manager");
    } else {
        nvb_finding_fail(f, "SELinux enforces and keeps containers from the driver's nodes");
        (void)nvb_fix_root(f, "setsebool", "-P",
                           narrow_known ? "container_use_xserver_devices" : "container_use_devices",
                           "1", NULL);
    }
}

/* "sudo setenforce 0", for a test, and left like that. */
static void check_selinux_mode(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_free_ char *text = nvb_doctor_read(d, "/etc/selinux/config");
    const char *at = text ? strstr(text, "\nSELINUX=") : NULL;
    if (!at && text && nvb_has_prefix(text, "SELINUX="))
        at = text - 1;
    int mode = read_selinux(d);
    if (mode == SELINUX_ABSENT || !at) {
        nvb_finding_skip(f, "SELinux is not on this machine");
    } else if (mode == SELINUX_PERMISSIVE &&
               nvb_has_prefix(at + strlen("\nSELINUX="), "enforcing")) {
        nvb_finding_warn(f,
                         "SELinux was switched off by hand (setenforce 0): GPUs in containers do "
                         "not need that");
        (void)nvb_fix_root(f, "setsebool", "-P", "container_use_xserver_devices", "1", NULL);
        (void)nvb_fix_root(f, "setenforce", "1", NULL);
    } else {
        nvb_finding_ok(f, "it runs as its configuration says");
    }
}

/* Values of --security-opt, of the configuration's arguments and list, and of the last run. */
static void security_options(struct nvb_doctor *d, struct nvb_strv *ret)
{
    nvb_doctor_arguments(d, "security-opt", 0, ret);
    if (!d->options->config)
        return;
    nvb_vec_foreach (item, nvb_config_items(d->options->config, NVB_CONFIG_SECURITY_OPTS))
        nvb_strv_add(ret, item->text);
}

static const char *find_option(const struct nvb_strv *options, const char *beginning)
{
    for (size_t i = 0; i < options->count; i++)
        if (nvb_has_prefix(options->items[i], beginning))
            return options->items[i];
    return NULL;
}

static void check_label(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_strv_ struct nvb_strv options = {0};
    security_options(d, &options);
    const char *off = find_option(&options, "label=disable");
    if (!off)
        off = find_option(&options, "label:disable");
    const char *type = find_option(&options, "label=type:container_runtime_t");
    if (off) {
        nvb_finding_warn(f,
                         "'--security-opt %s' takes SELinux away from the container: a boolean "
                         "is enough for GPUs",
                         off);
    } else if (type) {
        nvb_finding_warn(f, "'--security-opt %s' gives the container the engine's own rights",
                         type);
    } else {
        nvb_finding_ok(f, "no container is asked for without its label");
        return;
    }
    if (read_selinux(d) != SELINUX_ABSENT)
        (void)nvb_fix_root(f, "setsebool", "-P", "container_use_xserver_devices", "1", NULL);
    (void)nvb_fix_text(f,
                       "take it out of the configuration (nvbind config show --origin says where "
                       "it stands) or of the command line");
}

static void check_privileged(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_strv_ struct nvb_strv given = {0};
    nvb_doctor_arguments(d, "privileged", 0, &given);
    if (given.count && (given.items[0][0] == '\0' || strcmp(given.items[0], "true") == 0 ||
                        given.items[0][0] == '-')) {
        nvb_finding_warn(f, "'--privileged' is asked for: a GPU container needs no privilege");
        (void)nvb_fix_text(f, "take --privileged out of the configuration or the command line");
    } else {
        nvb_finding_ok(f, "no container is asked for with --privileged");
    }
}

static bool has_program(struct nvb_doctor *d, const char *name)
{
    static const char *const folders[] = {"/usr/sbin", "/sbin", "/usr/bin", "/usr/local/sbin"};
    for (size_t i = 0; i < NVB_COUNT(folders); i++) {
        _cleanup_free_ char *path = nvb_strdupf("%s/%s", folders[i], name);
        if (nvb_doctor_exists(d, path))
            return true;
    }
    return false;
}

/* Root's containers and Docker's get a profile, which the engine loads by apparmor_parser. */
static void check_apparmor(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_free_ char *enabled =
        nvb_doctor_read_line(d, "/sys/module/apparmor/parameters/enabled");
    _cleanup_strv_ struct nvb_strv options = {0};
    security_options(d, &options);
    const char *off = find_option(&options, "apparmor=unconfined");
    if (!enabled || enabled[0] != 'Y') {
        nvb_finding_skip(f, "AppArmor is not on this machine");
    } else if (off) {
        nvb_finding_warn(f,
                         "'--security-opt %s' takes the profile away: the engines' own lets GPUs "
                         "through",
                         off);
        (void)nvb_fix_text(f, "take it out of the configuration or of the command line");
    } else if (nvb_doctor_is_rootless(d)) {
        nvb_finding_ok(f, "AppArmor is on; rootless containers run without a profile of their own");
    } else if (has_program(d, "apparmor_parser")) {
        nvb_finding_ok(f, "AppArmor is on, and apparmor_parser is there to load the profile");
    } else {
        nvb_finding_fail(f, "AppArmor is on and apparmor_parser is not installed: engines cannot "
                            "load their profile");
        if (nvb_doctor_distribution(d)->manager == NVB_MANAGER_APT)
            (void)nvb_fix_root(f, "apt-get", "install", "apparmor", NULL);
        else
            (void)nvb_fix_text(f, "install AppArmor's tools with this distribution's package "
                                  "manager");
    }
}

const struct nvb_check nvb_checks_security[] = {
    NVB_CHECK("selinux", "security", "SELinux's mode and booleans", NULL, check_selinux),
    NVB_CHECK("selinux-mode", "security", "SELinux's mode against its configuration", NULL,
              check_selinux_mode),
    NVB_CHECK("selinux-label", "security", "label=disable in the configuration or the last run",
              NULL, check_label),
    NVB_CHECK("privileged", "security", "--privileged in the configuration or the last run", NULL,
              check_privileged),
    NVB_CHECK("apparmor", "security", "AppArmor, its tools, and apparmor=unconfined", NULL,
              check_apparmor),
    {0},
};
