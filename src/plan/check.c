/* Rights on device nodes. */

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/process.h"
#include "plan/resolve.h"
#include "plan/state.h"

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

/* What the user's or the configuration's words say about groups. */
static const char *find_groups(const struct nvb_plan *plan, bool *ret_keeps)
{
    const struct nvb_plan_line *lines[] = {&plan->user, &plan->defaults};
    const char *found = NULL;
    *ret_keeps = false;
    for (size_t i = 0; i < NVB_COUNT(lines); i++)
        nvb_vec_foreach (option, &lines[i]->options) {
            if (!nvb_plan_option_is(option, "group-add") || !option->value)
                continue;
            found = option->value;
            *ret_keeps = *ret_keeps || strcmp(option->value, "keep-groups") == 0;
        }
    return found;
}

/* Whether Podman will take crun by the words and by what is installed; containers.conf may still
 * say otherwise. */
static bool may_be_crun(const struct nvb_plan_input *input, const struct nvb_plan *plan)
{
    const char *runtime = nvb_plan_value(plan, "runtime");
    _cleanup_free_ char *path = NULL;
    if (runtime)
        return strcmp(nvb_path_base(runtime), "crun") == 0;
    return nvb_process_find("crun", nvb_environment_get(input->environment, "PATH"), &path, NULL) ==
           0;
}

static int fail_group(const char *path, const char *why, const char *fix, struct nvb_error **err)
{
    (void)nvb_error_make(err, NVB_ERROR_PERMISSION, 0,
                         "'%s' is open to you through a group alone, which a rootless container "
                         "gives up%s",
                         path, why);
    return nvb_error_hint(err, "%ssudo chmod 0666 '%s'", fix, path);
}

/* The groups are kept by crun, where Podman is told so and the container's root is the caller. */
static int keep_groups(const struct nvb_plan_input *input, struct nvb_plan *plan, const char *path,
                       struct nvb_notes *notes, struct nvb_error **err)
{
    bool keeps;
    const char *groups = find_groups(plan, &keeps);
    if (!may_be_crun(input, plan))
        return fail_group(path, ": only crun can keep it",
                          "install crun and: nvbind run --runtime crun …, or ", err);
    if (groups && !keeps)
        return fail_group(path, ", and '--group-add' with other groups excludes keeping it",
                          "'--group-add keep-groups' alone, or ", err);
    if (keeps)
        return 0;
    nvb_plan_line_add(&plan->defaults, "group-add", "keep-groups");
    nvb_notes_add(notes, NVB_NOTE_INFO,
                  "'%s' is open to you through a group: '--group-add keep-groups' lets the "
                  "container use it, with crun",
                  path);
    return 0;
}

/* Who is nobody here reaches what is open to all. */
static int check_strange_root(const struct nvb_plan *plan, const char *path, const struct stat *st,
                              struct nvb_error **err)
{
    const mode_t needed = nvb_has_prefix(path, CAPS) ? 04 : 06;
    if (!nvb_plan_has_strange_root(plan) || (st->st_mode & needed) == needed)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_PERMISSION, 0,
                         "'%s' (mode %04o) is not open to all, and the container's users are none "
                         "of this machine's ('--userns', '--uidmap')",
                         path, (unsigned)st->st_mode & 07777);
    return nvb_error_hint(err, "--userns=keep-id, or sudo chmod 0666 '%s'", path);
}

int nvb_plan_check_access(const struct nvb_plan_input *input, struct nvb_plan *plan,
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
        if (check_strange_root(plan, path, &st, err) < 0)
            return -1;
        if (is_by_group(path, &st, input->user->uid))
            by_group = path;
    }
    return by_group ? keep_groups(input, plan, by_group, notes, err) : 0;
}
