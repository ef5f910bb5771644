/* Services of the caller's that run GPU containers. */

#include <string.h>

#include "doctor/check.h"
#include "doctor/unit.h"

struct unit_file {
    char *path;
    char *text;
    bool is_users; /* of the user's own service manager */
};

struct unit_files NVB_VEC(struct unit_file);

static void unit_files_done(struct unit_files *files)
{
    nvb_vec_foreach (file, files) {
        free(file->path);
        free(file->text);
    }
    nvb_vec_release(files);
}

static bool runs_containers(const char *text)
{
    return strstr(text, "nvbind") || strstr(text, "podman") || strstr(text, "[Container]");
}

static void add_folder(struct nvb_doctor *d, const char *folder, const char *suffix, bool is_users,
                       struct unit_files *ret)
{
    _cleanup_strv_ struct nvb_strv names = {0};
    nvb_doctor_list(d, folder, suffix, &names);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, names.items[i]);
        _cleanup_free_ char *text = nvb_doctor_read(d, path);
        if (!text || !runs_containers(text))
            continue;
        struct unit_file *file = nvb_vec_add(ret);
        file->path = TAKE_PTR(path);
        file->text = TAKE_PTR(text);
        file->is_users = is_users;
    }
}

static void find_units(struct nvb_doctor *d, struct unit_files *ret)
{
    _cleanup_free_ char *user = nvb_doctor_config_path(d, "systemd/user");
    _cleanup_free_ char *quadlets = nvb_doctor_config_path(d, "containers/systemd");
    if (user)
        add_folder(d, user, ".service", true, ret);
    if (quadlets)
        add_folder(d, quadlets, ".container", true, ret);
    add_folder(d, "/etc/systemd/system", ".service", false, ret);
    add_folder(d, "/etc/containers/systemd", ".container", false, ret);
}

static void check_linger(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_(unit_files_done) struct unit_files files = {0};
    const char *first = NULL;
    find_units(d, &files);
    nvb_vec_foreach (file, &files)
        if (file->is_users && !first)
            first = file->path;
    _cleanup_free_ char *mark = nvb_strdupf("/var/lib/systemd/linger/%s", nvb_doctor_user_name(d));
    if (!first) {
        nvb_finding_skip(f, "the caller has no service that runs containers");
    } else if (nvb_doctor_exists(d, mark)) {
        nvb_finding_ok(f, "the caller's services start at boot and outlive the session");
    } else {
        nvb_finding_warn(f, "%s ends with the session: lingering is not enabled for %s", first,
                         nvb_doctor_user_name(d));
        (void)nvb_fix_user(f, "loginctl", "enable-linger", nvb_doctor_user_name(d), NULL);
    }
}

static void check_units(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_(unit_files_done) struct unit_files files = {0};
    find_units(d, &files);
    nvb_vec_foreach (file, &files) {
        _cleanup_(nvb_unit_remarks_done) struct nvb_unit_remarks remarks = {0};
        _cleanup_str_ struct nvb_str corrected = NVB_STR_INIT;
        if (nvb_unit_correct(file->text, file->path, NULL, &corrected, &remarks, NULL) != 1)
            continue;
        nvb_finding_fail(f, "%s:%u: %s", file->path, remarks.items[0].line, remarks.items[0].text);
        (void)nvb_fix_user(f, "nvbind", "doctor", "--unit", file->path, NULL);
        f->fix.items[0].text = nvb_strdup("prints the corrected file");
        return;
    }
    if (files.count == 0)
        nvb_finding_skip(f, "no unit runs containers");
    else
        nvb_finding_ok(f, "%zu unit%s that run%s containers", files.count,
                       files.count == 1 ? "" : "s", files.count == 1 ? "s" : "");
}

const struct nvb_check nvb_checks_services[] = {
    NVB_CHECK("linger", "services", "the caller's units, and whether they outlive the session",
              NULL, check_linger),
    NVB_CHECK("unit-files", "services", "units and Quadlet files that run containers", NULL,
              check_units),
    {0},
};
