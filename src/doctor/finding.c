/* Saying what was found, and what mends it. */

#include <stdarg.h>

#include "doctor/check.h"

const char *nvb_verdict_name(enum nvb_verdict verdict)
{
    static const char *const names[] = {
        [NVB_VERDICT_OK] = "ok",
        [NVB_VERDICT_WARN] = "warn",
        [NVB_VERDICT_FAIL] = "fail",
        [NVB_VERDICT_SKIP] = "skip",
    };
    return names[verdict];
}

static void fix_done(struct nvb_fix *fix)
{
    nvb_vec_foreach (step, fix) {
        free(step->text);
        free(step->input);
        nvb_strv_done(&step->argv);
    }
    nvb_vec_release(fix);
}

void nvb_finding_done(struct nvb_finding *finding)
{
    free(finding->evidence);
    fix_done(&finding->fix);
    *finding = (struct nvb_finding){0};
}

void nvb_report_done(struct nvb_report *report)
{
    nvb_vec_foreach (finding, &report->findings)
        nvb_finding_done(finding);
    nvb_vec_release(&report->findings);
}

struct nvb_check_info nvb_finding_check(const struct nvb_finding *finding)
{
    const struct nvb_check *check = finding->check;
    return (struct nvb_check_info){check->name, check->group, check->looks_at};
}

__attribute__((format(printf, 3, 0))) static void set(struct nvb_finding *f,
                                                      enum nvb_verdict verdict, const char *format,
                                                      va_list args)
{
    char *evidence = nvb_vstrdupf(format, args);
    free(f->evidence);
    f->evidence = evidence;
    f->verdict = verdict;
}

#define SETTER(name, verdict)                                               \
    void nvb_finding_##name(struct nvb_finding *f, const char *format, ...) \
    {                                                                       \
        va_list args;                                                       \
        va_start(args, format);                                             \
        set(f, verdict, format, args);                                      \
        va_end(args);                                                       \
    }

SETTER(ok, NVB_VERDICT_OK)
SETTER(warn, NVB_VERDICT_WARN)
SETTER(fail, NVB_VERDICT_FAIL)
SETTER(skip, NVB_VERDICT_SKIP)

static struct nvb_fix_step *add_command(struct nvb_finding *f, bool root, va_list args)
{
    struct nvb_fix_step *step = nvb_vec_add(&f->fix);
    step->root = root;
    for (const char *word = va_arg(args, const char *); word; word = va_arg(args, const char *))
        nvb_strv_add(&step->argv, word);
    return step;
}

struct nvb_fix_step *nvb_fix_root(struct nvb_finding *f, ...)
{
    va_list args;
    va_start(args, f);
    struct nvb_fix_step *step = add_command(f, true, args);
    va_end(args);
    return step;
}

struct nvb_fix_step *nvb_fix_user(struct nvb_finding *f, ...)
{
    va_list args;
    va_start(args, f);
    struct nvb_fix_step *step = add_command(f, false, args);
    va_end(args);
    return step;
}

struct nvb_fix_step *nvb_fix_text(struct nvb_finding *f, const char *format, ...)
{
    struct nvb_fix_step *step = nvb_vec_add(&f->fix);
    va_list args;
    va_start(args, format);
    step->text = nvb_vstrdupf(format, args);
    va_end(args);
    step->by_hand = true;
    return step;
}

struct nvb_fix_step *nvb_fix_write(struct nvb_finding *f, bool root, const char *path,
                                   const char *content)
{
    struct nvb_fix_step *step = nvb_vec_add(&f->fix);
    static const char *const words[] = {"install", "-D", "-m", "0644", "/dev/stdin"};
    for (size_t i = 0; i < NVB_COUNT(words); i++)
        nvb_strv_add(&step->argv, words[i]);
    nvb_strv_add(&step->argv, path);
    step->root = root;
    step->input = nvb_strdup(content);
    return step;
}

void nvb_fix_install(struct nvb_finding *f, struct nvb_doctor *d, enum nvb_package package,
                     const char *what)
{
    struct nvb_strv words = {0};
    if (nvb_distribution_install(nvb_doctor_distribution(d), package, &words) != 0) {
        (void)nvb_fix_text(f, "install %s with this distribution's package manager", what);
        return;
    }
    struct nvb_fix_step *step = nvb_vec_add(&f->fix);
    step->argv = words;
    step->root = true;
}
