#include "cli/preflight.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "doctor/doctor.h"

extern char **environ;

/* In a container or in "podman unshare" other rules hold, and Podman knows them. */
static bool is_in_namespace(void)
{
    _cleanup_str_ struct nvb_str map = NVB_STR_INIT;
    uint64_t count = 0;
    if (nvb_file_read_path("/proc/self/uid_map", 65536, &map, NULL) != 0)
        return false;
    _cleanup_strv_ struct nvb_strv words = {0};
    nvb_strv_split(&words, map.data, ' ');
    const char *last = words.items[words.count - 1];
    return nvb_parse_u64(last, strcspn(last, "\n"), 10, &count) < 0 || count != UINT32_MAX;
}

static bool speaks_of_labels(const struct nvb_plan *plan)
{
    const struct nvb_plan_line *lines[] = {&plan->user, &plan->defaults};
    for (size_t i = 0; i < NVB_COUNT(lines); i++)
        nvb_vec_foreach (option, &lines[i]->options)
            if (nvb_plan_option_is(option, "security-opt") && option->value &&
                nvb_has_prefix(option->value, "label"))
                return true;
    return nvb_plan_is_on(plan, "privileged");
}

/* The fix as one line: its commands one after the other, or its words. */
static void format_fix(const struct nvb_finding *finding, uid_t uid, struct nvb_str *ret)
{
    nvb_vec_foreach (step, &finding->fix) {
        if (ret->len)
            nvb_str_add(ret, "; ");
        if (step->argv.count == 0)
            nvb_str_add(ret, step->text);
        else
            nvb_fix_step_format(step, uid, ret);
    }
}

static int tell(struct nvb_cli_planning *s, const struct nvb_finding *finding,
                struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str fix = NVB_STR_INIT;
    const char *name = nvb_finding_check(finding).name;
    const bool is_label = strcmp(name, "selinux") == 0;
    if (finding->verdict != NVB_VERDICT_FAIL)
        return 0;
    format_fix(finding, s->user.uid, &fix);
    if (is_label) {
        nvb_notes_add(&s->notes, NVB_NOTE_WARNING, "%s", finding->evidence);
        if (fix.len)
            nvb_notes_hint(&s->notes, "%s", fix.data);
        return 0;
    }
    /* A step that writes a file has lines of its own: the doctor shows it whole. */
    if (fix.len == 0 || strchr(fix.data, '\n')) {
        nvb_str_truncate(&fix, 0);
        nvb_str_addf(&fix, "nvbind doctor %s --fix", name);
    }
    (void)nvb_error_make(err, NVB_ERROR_PERMISSION, 0, "containers without root do not work: %s",
                         finding->evidence);
    return nvb_error_hint(err, "%s", fix.data);
}

static void choose_checks(const struct nvb_cli_planning *s, const struct nvb_plan *plan,
                          struct nvb_strv *ret)
{
    static const char *const rootless[] = {"subids", "newuidmap", "userns", "userns-apparmor"};
    if (s->user.uid != 0 && s->engine.kind == NVB_ENGINE_PODMAN)
        for (size_t i = 0; i < NVB_COUNT(rootless); i++)
            nvb_strv_add(ret, rootless[i]);
    if (plan->gpus.count > 0 && !speaks_of_labels(plan))
        nvb_strv_add(ret, "selinux");
}

int nvb_cli_preflight(struct nvb_cli_planning *s, const struct nvb_request *request,
                      const struct nvb_plan *plan, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv names = {0};
    _cleanup_report_ struct nvb_report report = {0};
    const struct nvb_doctor_options options = {
        .host = &s->cli->host,
        .environment = environ,
        .caller = {.uid = s->user.uid, .gid = getegid()},
        .config = &s->config,
    };
    if (request->dry_run != NVB_DRY_RUN_OFF || s->endpoint.kind != NVB_ENDPOINT_HERE)
        return 0;
    choose_checks(s, plan, &names);
    if (names.count == 0 || is_in_namespace())
        return 0;
    if (nvb_doctor_run(&options, &names, &report, err) < 0)
        return -1;
    nvb_vec_foreach (finding, &report.findings)
        if (tell(s, finding, err) < 0)
            return -1;
    return 0;
}
