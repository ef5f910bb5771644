/* A report as text: for people, as a document, as a script. */

#include <string.h>

#include "doctor/check.h"

/* Evidence and fixes quote files of the host and the caller's words: nothing in them may steer a
 * terminal or begin a line of its own. */
static void add_line(struct nvb_str *s, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        bool second = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;
        nvb_str_addc(s, *p < 0x20 || *p == 0x7f || second ? '?' : (char)*p);
        p += second;
    }
}

/* ---- a step of a fix ---- */

/* Line by line: a word without a newline needs no quoting that only some shells know. */
static void add_input(struct nvb_str *s, const char *input)
{
    nvb_str_add(s, "printf '%s\\n'");
    while (*input) {
        size_t len = strcspn(input, "\n");
        _cleanup_free_ char *line = nvb_strndup(input, len);
        nvb_str_addc(s, ' ');
        nvb_str_add_shell(s, line);
        input += len;
        input += *input == '\n';
    }
    nvb_str_add(s, " | ");
}

void nvb_fix_step_format(const struct nvb_fix_step *step, uid_t uid, struct nvb_str *ret)
{
    _cleanup_str_ struct nvb_str line = NVB_STR_INIT;
    if (step->argv.count == 0) {
        nvb_str_add(ret, "# ");
        add_line(ret, step->text);
        return;
    }
    if (step->input)
        add_input(&line, step->input);
    if (step->root && uid != 0)
        nvb_str_add(&line, "sudo ");
    for (size_t i = 0; i < step->argv.count; i++) {
        if (i)
            nvb_str_addc(&line, ' ');
        nvb_str_add_shell(&line, step->argv.items[i]);
    }
    nvb_str_add(ret, line.data); /* the quoter leaves no control character but in $'…' */
    if (step->text) {
        nvb_str_add(ret, "  # ");
        add_line(ret, step->text);
    }
}

void nvb_report_script(const struct nvb_report *report, struct nvb_str *ret)
{
    size_t steps = 0;
    nvb_str_add(ret, "#!/bin/sh\nset -eu\n");
    nvb_vec_foreach (finding, &report->findings) {
        if (finding->fix.count == 0 ||
            (finding->verdict != NVB_VERDICT_FAIL && finding->verdict != NVB_VERDICT_WARN))
            continue;
        nvb_str_addf(ret, "\n# %s: ", finding->check->name);
        add_line(ret, finding->evidence);
        nvb_str_addc(ret, '\n');
        nvb_vec_foreach (step, &finding->fix) {
            if (step->by_hand && step->argv.count)
                nvb_str_add(ret, "# by hand: ");
            nvb_fix_step_format(step, report->uid, ret);
            nvb_str_addc(ret, '\n');
            steps++;
        }
    }
    if (steps == 0)
        nvb_str_add(ret, "\n# nothing to mend\n");
}

/* ---- a document ---- */

static void put_step(struct nvb_doc *list, const struct nvb_fix_step *step)
{
    struct nvb_doc *doc = nvb_doc_push(list);
    nvb_doc_put_text(doc, "text", step->text);
    nvb_doc_put_strv(doc, "argv", &step->argv);
    nvb_doc_put_text(doc, "input", step->input);
    nvb_doc_put_bool(doc, "root", step->root);
    nvb_doc_put_bool(doc, "by_hand", step->by_hand);
}

void nvb_report_put(const struct nvb_report *report, struct nvb_doc *ret)
{
    nvb_doc_put_bool(ret, "simulated", report->simulated);
    struct nvb_doc *summary = nvb_doc_put(ret, "summary");
    for (unsigned v = NVB_VERDICT_OK; v <= NVB_VERDICT_SKIP; v++)
        nvb_doc_put_int(summary, nvb_verdict_name((enum nvb_verdict)v), (int64_t)report->counts[v]);
    struct nvb_doc *list = nvb_doc_put(ret, "checks");
    nvb_doc_set_list(list);
    nvb_vec_foreach (finding, &report->findings) {
        const struct nvb_check *check = finding->check;
        struct nvb_doc *doc = nvb_doc_push(list);
        _cleanup_free_ char *link = nvb_strdupf(NVB_DOCTOR_DOCUMENT "#%s", check->name);
        nvb_doc_put_text(doc, "name", check->name);
        nvb_doc_put_text(doc, "group", check->group);
        nvb_doc_put_text(doc, "looks_at", check->looks_at);
        nvb_doc_put_text(doc, "verdict", nvb_verdict_name(finding->verdict));
        nvb_doc_put_text(doc, "evidence", finding->evidence);
        struct nvb_doc *fix = nvb_doc_put(doc, "fix");
        nvb_doc_set_list(fix);
        nvb_vec_foreach (step, &finding->fix)
            put_step(fix, step);
        nvb_doc_put_text(doc, "link", link);
    }
}

/* ---- for people ---- */

static const char *mark(enum nvb_verdict verdict, bool unicode)
{
    static const char *const plain[] = {"ok  ", "warn", "FAIL", "skip"};
    static const char *const nice[] = {"✓", "!", "✗", "–"};
    return unicode ? nice[verdict] : plain[verdict];
}

static void add_mark(struct nvb_str *s, enum nvb_verdict verdict,
                     const struct nvb_report_style *style)
{
    static const char *const colors[] = {"\033[32m", "\033[33m", "\033[31m", "\033[2m"};
    nvb_str_addf(s, "  %s%s%s ", style->color ? colors[verdict] : "", mark(verdict, style->unicode),
                 style->color ? "\033[0m" : "");
}

static void add_finding(struct nvb_str *s, const struct nvb_finding *finding, uid_t uid,
                        const struct nvb_report_style *style)
{
    add_mark(s, finding->verdict, style);
    nvb_str_addf(s, "%-20s ", finding->check->name);
    add_line(s, finding->evidence);
    nvb_str_addc(s, '\n');
    if (style->verbose)
        nvb_str_addf(s, "       looks at: %s\n", finding->check->looks_at);
    if (finding->verdict != NVB_VERDICT_FAIL && finding->verdict != NVB_VERDICT_WARN)
        return;
    nvb_vec_foreach (step, &finding->fix) {
        nvb_str_add(s, step->by_hand ? "       by hand: " : "       fix: ");
        if (step->argv.count == 0)
            add_line(s, step->text);
        else
            nvb_fix_step_format(step, uid, s);
        nvb_str_addc(s, '\n');
    }
    nvb_str_addf(s, "       see: " NVB_DOCTOR_DOCUMENT "#%s\n", finding->check->name);
}

/* Skipped checks of one reason are one line: what does not matter here takes no room. */
static void add_skipped(struct nvb_str *s, const struct nvb_report *report,
                        const struct nvb_report_style *style)
{
    size_t count = report->findings.count;
    _cleanup_free_ bool *told = nvb_calloc(count + 1, sizeof(*told));
    for (size_t i = 0; i < count; i++) {
        const struct nvb_finding *first = &report->findings.items[i];
        size_t width = 0;
        if (first->verdict != NVB_VERDICT_SKIP || told[i])
            continue;
        add_mark(s, NVB_VERDICT_SKIP, style);
        nvb_str_add(s, "skipped, ");
        add_line(s, first->evidence);
        nvb_str_addc(s, ':');
        for (size_t k = i; k < count; k++) {
            const struct nvb_finding *other = &report->findings.items[k];
            if (other->verdict != NVB_VERDICT_SKIP || strcmp(other->evidence, first->evidence) != 0)
                continue;
            told[k] = true;
            if (width == 0 || width + strlen(other->check->name) > 84) {
                nvb_str_add(s, "\n      ");
                width = 0;
            }
            nvb_str_addf(s, " %s", other->check->name);
            width += strlen(other->check->name) + 1;
        }
        nvb_str_addc(s, '\n');
    }
}

static void add_summary(struct nvb_str *s, const struct nvb_report *report)
{
    const size_t *n = report->counts;
    nvb_str_addf(s, "\n%zu checks: %zu ok, %zu %s, %zu failed, %zu skipped\n",
                 report->findings.count, n[NVB_VERDICT_OK], n[NVB_VERDICT_WARN],
                 n[NVB_VERDICT_WARN] == 1 ? "warning" : "warnings", n[NVB_VERDICT_FAIL],
                 n[NVB_VERDICT_SKIP]);
}

void nvb_report_format(const struct nvb_report *report, const struct nvb_report_style *style,
                       struct nvb_str *ret)
{
    const char *group = "";
    if (report->simulated)
        nvb_str_add(ret, "This is a simulated host: its files are real, its GPUs are not.\n\n");
    nvb_vec_foreach (finding, &report->findings) {
        if (finding->verdict == NVB_VERDICT_SKIP && !style->verbose)
            continue;
        if (strcmp(group, finding->check->group) != 0) {
            group = finding->check->group;
            nvb_str_addf(ret, "%s\n", group);
        }
        add_finding(ret, finding, report->uid, style);
    }
    if (!style->verbose && report->counts[NVB_VERDICT_SKIP]) {
        nvb_str_add(ret, "not looked at\n");
        add_skipped(ret, report, style);
    }
    add_summary(ret, report);
}
