/* The files that a plan needs beside the engine's command line. */

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/trust.h"
#include "plan/plan.h"
#include "plan/prune.h"
#include "plan/resolve.h"

static bool has_file(const struct nvb_plan_spec *file)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (!file->path)
        return true;
    return nvb_file_read_path(file->path, file->len, &text, NULL) == 0 && text.len == file->len &&
           memcmp(text.data, file->text, text.len) == 0;
}

bool nvb_plan_has_spec(const struct nvb_plan *plan)
{
    nvb_vec_foreach (hook, &plan->more_hooks)
        if (!has_file(hook))
            return false;
    return has_file(&plan->spec);
}

static int write_file(const struct nvb_plan_spec *file, struct nvb_error **err)
{
    _cleanup_free_ char *folder = nvb_path_dir(file->path);
    const bool open = file->is_public;
    if (nvb_file_make_folders(folder, open ? 0755 : 0700, err) < 0)
        return -1;
    return nvb_file_write(file->path, file->text, file->len, open ? 0644 : 0600, err);
}

int nvb_plan_write_spec(const struct nvb_plan *plan, struct nvb_error **err)
{
    if (nvb_plan_has_spec(plan)) {
        if (plan->spec.path)
            nvb_prune_touch(plan->spec.path);
        return 0;
    }
    int r = 0;
    nvb_vec_foreach (hook, &plan->more_hooks)
        r = r < 0 ? r : write_file(hook, err);
    if (r < 0 || write_file(&plan->spec, err) < 0) {
        (void)nvb_error_prefix(err, plan->mode == NVB_PLAN_CDI
                                        ? "the CDI specification for this start"
                                        : "the hook's file for this start");
        return nvb_error_hint(err, "a container without '--rm' needs no such file");
    }
    if (plan->spec.path && plan->spec.is_public)
        nvb_prune_served(plan->spec.path);
    return 0;
}

/* The folder is the caller's alone. Inside, whatever user the image has must be able to read. */
static int write_for_all(const struct nvb_plan_spec *file, const char *what, struct nvb_error **err)
{
    if (!file->path)
        return 0;
    if (access(file->path, F_OK) == 0) {
        nvb_prune_touch(file->path);
        return 0;
    }
    _cleanup_free_ char *folder = nvb_path_dir(file->path);
    if (nvb_file_make_folders(folder, 0700, err) == 0 &&
        nvb_trust_check_path(folder, geteuid(), err) == 0 &&
        nvb_file_write(file->path, file->text, file->len, 0644, err) == 0)
        return 0;
    return nvb_error_prefix(err, "%s", what);
}

int nvb_plan_write_cookie(const struct nvb_plan *plan, struct nvb_error **err)
{
    if (write_for_all(&plan->cookie, "the X11 cookie for this container", err) < 0)
        return -1;
    if (write_for_all(&plan->registries, "the registries.conf for this image", err) < 0)
        return -1;
    (void)write_for_all(&plan->said, "the mark of a warning", NULL);
    return write_for_all(&plan->graphics_profile, "the application profile for this container",
                         err);
}

int nvb_plan_find_files_folder(const struct nvb_user *user, bool outlives, char **ret,
                               struct nvb_error **err)
{
    if (!outlives)
        return nvb_trust_runtime_folder(user->runtime_dir, ret, err);
    if (!user->kept)
        return 1;
    *ret = nvb_strdup(user->kept);
    return 0;
}

/* The mount that brings the file at OLD brings the one at NEW. */
static void move_mount(struct nvb_plan_line *line, const char *old, const char *new)
{
    size_t len = strlen(old);
    for (size_t i = 0; i < line->options.count; i++) {
        const struct nvb_plan_option *option = &line->options.items[i];
        if (!nvb_plan_option_is(option, "volume") || !option->value ||
            strncmp(option->value, old, len) != 0 || option->value[len] != ':')
            continue;
        _cleanup_free_ char *value = nvb_strdupf("%s%s", new, option->value + len);
        nvb_plan_line_set_value(line, i, value);
    }
}

void nvb_plan_keep_cookie(struct nvb_plan *plan, const struct nvb_user *user)
{
    if (!plan->cookie.path || !user->kept || !nvb_plan_outlives(plan))
        return;
    char *path = nvb_strdupf("%s/%s", user->kept, nvb_path_base(plan->cookie.path));
    move_mount(&plan->defaults, plan->cookie.path, path);
    free(plan->cookie.path);
    plan->cookie.path = path;
}
