/* The tables of checks, and the walk over them. */

#include <string.h>

#include "base/nearest.h"
#include "doctor/context.h"

static const struct nvb_check *const tables[] = {
    nvb_checks_engine,     nvb_checks_driver,   nvb_checks_service,  nvb_checks_nodes,
    nvb_checks_access,     nvb_checks_rootless, nvb_checks_machine,  nvb_checks_security,
    nvb_checks_cdi,        nvb_checks_docker,   nvb_checks_display,  nvb_checks_storage,
    nvb_checks_registries, nvb_checks_network,  nvb_checks_services,
};

static const struct nvb_check *get(size_t index)
{
    for (size_t i = 0; i < NVB_COUNT(tables); i++)
        for (const struct nvb_check *row = tables[i]; row->name; row++)
            if (index-- == 0)
                return row;
    return NULL;
}

int nvb_doctor_get(size_t index, struct nvb_check_info *ret)
{
    const struct nvb_check *row = get(index);
    if (!row)
        return 1;
    *ret = (struct nvb_check_info){row->name, row->group, row->looks_at};
    return 0;
}

/* The row called NAME, or the first one of the group NAME. */
static const struct nvb_check *find(const char *name, bool or_group)
{
    const struct nvb_check *row;
    for (size_t i = 0; (row = get(i)); i++)
        if (strcmp(row->name, name) == 0 || (or_group && strcmp(row->group, name) == 0))
            return row;
    return NULL;
}

static int fail_unknown(const char *name, struct nvb_error **err)
{
    const struct nvb_check *row;
    size_t count = 0;
    while (get(count))
        count++;
    _cleanup_free_ const char **names = nvb_calloc(2 * count + 1, sizeof(*names));
    for (size_t i = 0; (row = get(i)); i++) {
        names[2 * i] = row->name;
        names[2 * i + 1] = row->group;
    }
    const char *near = nvb_nearest(name, names);
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "no check and no group of checks is called '%s'",
                         name);
    return near ? nvb_error_hint(err, "did you mean '%s'?", near)
                : nvb_error_hint(err, "nvbind doctor --list shows them all");
}

/* ---- running ---- */

static const struct nvb_finding *find_done(const struct nvb_doctor *d,
                                           const struct nvb_check *check)
{
    nvb_vec_foreach (finding, &d->done)
        if (finding->check == check)
            return finding;
    return NULL;
}

/* Why CHECK need not be looked at: what it stands on is not there. NULL: it must. */
static const char *why_not(struct nvb_doctor *d, const struct nvb_check *check);

/* Rows need only rows above them, so this ends. The result is borrowed until the next call. */
static const struct nvb_finding *run_one(struct nvb_doctor *d, const struct nvb_check *check)
{
    const struct nvb_finding *known = find_done(d, check);
    if (known)
        return known;
    struct nvb_finding f = {.check = check, .verdict = NVB_VERDICT_SKIP};
    const char *reason = why_not(d, check);
    if (reason)
        nvb_finding_skip(&f, "%s", reason);
    else
        check->run(d, &f);
    if (!f.evidence)
        nvb_finding_skip(&f, "nothing to look at");
    nvb_vec_push(&d->done, f);
    return &d->done.items[d->done.count - 1];
}

static const char *why_not(struct nvb_doctor *d, const struct nvb_check *check)
{
    const struct nvb_check *needed = check->needs ? find(check->needs, false) : NULL;
    if (!needed)
        return NULL;
    const struct nvb_finding *finding = run_one(d, needed);
    if (finding->verdict == NVB_VERDICT_FAIL || finding->verdict == NVB_VERDICT_SKIP)
        return finding->evidence;
    return NULL;
}

static bool is_wanted(const struct nvb_check *check, const struct nvb_strv *names)
{
    if (names->count == 0)
        return !check->on_request;
    return nvb_strv_has(names, check->name) || nvb_strv_has(names, check->group);
}

static void copy_finding(const struct nvb_finding *from, struct nvb_finding *to)
{
    *to = (struct nvb_finding){
        .check = from->check, .verdict = from->verdict, .evidence = nvb_strdup(from->evidence)};
    nvb_vec_foreach (step, &from->fix) {
        struct nvb_fix_step *copy = nvb_vec_add(&to->fix);
        *copy = (struct nvb_fix_step){.text = nvb_strdup(step->text),
                                      .input = nvb_strdup(step->input),
                                      .root = step->root,
                                      .by_hand = step->by_hand};
        for (size_t i = 0; i < step->argv.count; i++)
            nvb_strv_add(&copy->argv, step->argv.items[i]);
    }
}

int nvb_doctor_run(const struct nvb_doctor_options *options, const struct nvb_strv *names,
                   struct nvb_report *ret, struct nvb_error **err)
{
    _cleanup_(nvb_doctor_done) struct nvb_doctor d = NVB_DOCTOR_INIT;
    const struct nvb_check *row;
    for (size_t i = 0; i < names->count; i++)
        if (!find(names->items[i], true))
            return fail_unknown(names->items[i], err);
    if (nvb_doctor_open(options, &d, err) < 0)
        return -1;
    struct nvb_report report = {.uid = options->caller.uid, .simulated = d.host.simulated};
    for (size_t i = 0; (row = get(i)); i++) {
        if (!is_wanted(row, names))
            continue;
        struct nvb_finding *copy = nvb_vec_add(&report.findings);
        copy_finding(run_one(&d, row), copy);
        report.counts[copy->verdict]++;
    }
    *ret = report;
    return 0;
}
