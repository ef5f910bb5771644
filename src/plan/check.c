/* Rights on device nodes. */

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plan/resolve.h"

#define CAPS "/dev/nvidia-caps/"

static int fail_access(const char *path, const struct stat *st, struct nvb_error **err)
{
    const struct group *group = getgrgid(st->st_gid);
    (void)nvb_error_make(err, NVB_ERROR_PERMISSION, EACCES,
                         "no permission on '%s' (mode %04o, owner %u, group %s)", path,
                         (unsigned)st->st_mode & 07777, (unsigned)st->st_uid,
                         group ? group->gr_name : "unknown");
    if ((st->st_mode & 060) == 060 && group)
        return nvb_error_hint(err, "sudo usermod -aG %s \"$USER\", then log in anew",
                              group->gr_name);
    if (nvb_has_prefix(path, CAPS))
        return nvb_error_hint(err, "sudo chmod a+r '%s'", path);
    if (nvb_has_prefix(path, "/dev/nvidia"))
        return nvb_error_hint(err, "sudo chmod 0666 /dev/nvidia*");
    return nvb_error_hint(err, "sudo chmod 0666 '%s'", path);
}

/* Whether the caller reaches a node by one of his further groups only: a rootless container does
 * not keep those by itself. */
static bool is_by_group(const char *path, const struct stat *st, uid_t uid)
{
    const mode_t needed = nvb_has_prefix(path, CAPS) ? 04 : 06;
    return st->st_uid != uid && (st->st_mode & needed) != needed && st->st_gid != getegid();
}

static bool keeps_groups(const struct nvb_plan *plan)
{
    const struct nvb_plan_line *lines[] = {&plan->user, &plan->defaults};
    for (size_t i = 0; i < NVB_COUNT(lines); i++)
        nvb_vec_foreach (option, &lines[i]->options)
            if (nvb_plan_option_is(option, "group-add") && option->value &&
                strcmp(option->value, "keep-groups") == 0)
                return true;
    return false;
}

int nvb_plan_check_access(const struct nvb_plan_input *input, const struct nvb_plan *plan,
                          struct nvb_notes *notes, struct nvb_error **err)
{
    /* Root may, and Docker's service opens the nodes as root whoever asks. */
    if (input->user->uid == 0 || input->engine->kind == NVB_ENGINE_DOCKER)
        return 0;
    const char *by_group = NULL;
    nvb_vec_foreach (node, &plan->edits.nodes) {
        const char *path = node->host_path ? node->host_path : node->path;
        struct stat st;
        if (stat(path, &st) < 0)
            return nvb_error_make(err, nvb_error_kind_of(errno), errno, "cannot use '%s'", path);
        /* The driver makes these for reading alone: whoever can open one may use what it stands
         * for. */
        if (access(path, nvb_has_prefix(path, CAPS) ? R_OK : R_OK | W_OK) < 0)
            return fail_access(path, &st, err);
        if (is_by_group(path, &st, input->user->uid))
            by_group = path;
    }
    if (by_group && !keeps_groups(plan)) {
        nvb_notes_add(notes, NVB_NOTE_WARNING,
                      "'%s' is open to you through a group, which a rootless container gives up",
                      by_group);
        nvb_notes_hint(notes, "nvbind run --group-add keep-groups …  (with crun as OCI runtime)");
    }
    return 0;
}
