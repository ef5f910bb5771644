/* Asking the doctor, nvbind doctor --fix --apply, and what it says of an engine's messages. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "doctor/explain.h"

int nvb_doctor_examine(const struct nvb_cli *cli, const struct nvb_config *config,
                       const struct nvb_doc *last, const struct nvb_strv *names,
                       struct nvb_report *ret, struct nvb_error **err)
{
    gid_t *groups = NULL;
    int count = getgroups(0, NULL);
    if (count > 0) {
        groups = nvb_calloc((size_t)count, sizeof(*groups));
        count = getgroups(count, groups);
    }
    const struct nvb_doctor_options options = {
        .host = &cli->host,
        .environment = environ,
        .caller = {geteuid(), getegid(), groups, count > 0 ? (size_t)count : 0},
        .config = config,
        .last = last,
        .ask_engines = true,
    };
    int r = nvb_doctor_run(&options, names, ret, err);
    free(groups);
    return r;
}

bool nvb_doctor_explain(const char *message, struct nvb_strv *names, struct nvb_str *ret)
{
    struct nvb_explanations found = {0};
    int r = nvb_explain(message, &found);
    nvb_vec_foreach (at, &found) {
        nvb_str_addf(ret, "%s: %s\n", (*at)->check, (*at)->text);
        nvb_strv_add(names, (*at)->check);
    }
    if (r == 0)
        nvb_str_addc(ret, '\n');
    nvb_vec_release(&found);
    return r == 0;
}

int nvb_doctor_fail(const struct nvb_cli *cli, const struct nvb_error *error, int status)
{
    struct nvb_explanations found = {0};
    (void)nvb_cli_fail(cli, error, status);
    if (error && error->message && nvb_explain(error->message, &found) == 0)
        /* What an engine says is about the machine that it runs on, whatever root GPUs come from.
         */
        (void)fprintf(stderr, "  why:  nvbind %sdoctor %s\n",
                      cli->host.host_root ? "--host-root / " : "", found.items[0]->check);
    nvb_vec_release(&found);
    return status;
}

/* Asks on the terminal. No terminal is no consent. */
static bool ask(void)
{
    char answer[8] = "";
    if (isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1)
        return false;
    (void)fputs("  as root, go on? [y/N] ", stderr);
    if (!fgets(answer, sizeof(answer), stdin))
        return false;
    return answer[0] == 'y' || answer[0] == 'Y';
}

static void show(const struct nvb_fix_step *step, uid_t uid)
{
    _cleanup_str_ struct nvb_str line = NVB_STR_INIT;
    nvb_fix_step_format(step, uid, &line);
    (void)fprintf(stderr, "  %s\n", line.data);
}

/* Returns 0 done, 1 left alone, -1 failed. */
static int apply_step(const struct nvb_cli *cli, const struct nvb_fix_step *step, uid_t uid,
                      bool yes)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    show(step, uid);
    if (step->argv.count == 0 || step->by_hand) {
        (void)fputs("  (by hand)\n", stderr);
        return 1;
    }
    if (step->root && !yes && !ask()) {
        (void)fputs("  left alone\n", stderr);
        return 1;
    }
    if (nvb_fix_step_apply(step, uid, environ, &err) == 0)
        return 0;
    (void)nvb_cli_fail(cli, err, NVB_EXIT_FOUND);
    return -1;
}

int nvb_doctor_apply(const struct nvb_cli *cli, const struct nvb_report *report, bool yes)
{
    size_t done = 0;
    size_t left = 0;
    size_t failed = 0;
    nvb_vec_foreach (finding, &report->findings) {
        if (finding->fix.count == 0 ||
            (finding->verdict != NVB_VERDICT_FAIL && finding->verdict != NVB_VERDICT_WARN))
            continue;
        (void)fprintf(stderr, "%s\n", nvb_finding_check(finding).name);
        nvb_vec_foreach (step, &finding->fix) {
            int r = apply_step(cli, step, report->uid, yes);
            done += r == 0;
            left += r > 0;
            failed += r < 0;
            if (r < 0) /* a further step of the same fix stands on this one */
                break;
        }
    }
    _cleanup_free_ char *line =
        nvb_strdupf("%zu done, %zu left alone, %zu failed\n", done, left, failed);
    int status = nvb_cli_print(cli, line, strlen(line));
    return status != NVB_EXIT_OK ? status : failed || left ? NVB_EXIT_FOUND : NVB_EXIT_OK;
}
