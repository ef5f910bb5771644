/* nvbind cdi validate: every fault of a specification, and what the engines would say. */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/path.h"
#include "cdi/codec.h"
#include "cli/cdi.h"
#include "data/doc.h"
#include "data/json.h"

enum { OPT_JSON, OPT_FOR, OPT_HELP };

const struct nvb_cli_option nvb_cdi_validate_options[] = {
    [OPT_JSON] = {"json", 0, NULL, "print one JSON list"},
    [OPT_FOR] = {"for", 0, "ENGINES",
                 "these engines must take it: podman@4.9,docker@27,containerd@1.7,crio@1.30"},
    [OPT_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

static const char validate_text[] =
    "Checks CDI specifications of any vendor by the rules that engines apply, prints every fault as\n"
    "FILE:LINE:COLUMN: RULE, and says which of the engines here take the file. The exit status is 1\n"
    "when there is a fault, or an engine that --for names does not take it.\n";

struct check {
    const struct nvb_cdi_view *view;
    bool json;
    struct nvb_str out;
    struct nvb_doc doc;
};

/* What is found about one file. */
struct finding {
    const char *file;
    struct nvb_cdi_faults faults;
    char *version;           /* that is declared, where there is no fault */
    struct nvb_strv takes;   /* engines that take it */
    struct nvb_strv refuses; /* what the others say */
};

static void finding_done(struct finding *finding)
{
    nvb_cdi_faults_done(&finding->faults);
    free(finding->version);
    nvb_strv_done(&finding->takes);
    nvb_strv_done(&finding->refuses);
}

static void add_fault(struct finding *finding, unsigned line, unsigned column, const char *what,
                      const char *hint)
{
    struct nvb_cdi_fault *fault = nvb_vec_add(&finding->faults);
    fault->line = line;
    fault->column = column;
    fault->what = nvb_strdup(what);
    fault->hint = nvb_strdup(hint);
}

static void ask_engines(const struct check *check, struct finding *finding)
{
    nvb_vec_foreach (consumer, &check->view->consumers) {
        char *refusal = nvb_cdi_consumer_refusal(consumer, finding->version);
        if (!refusal && finding->faults.count)
            refusal = nvb_strdupf("%s drops the file without a word: what it gives is "
                                  "\"unresolvable\"",
                                  consumer->text);
        else if (refusal && finding->version && consumer->cap) {
            char *longer =
                nvb_strdupf("%s, and %s is declared: it drops the file", refusal, finding->version);
            free(refusal);
            refusal = longer;
        }
        if (refusal)
            nvb_vec_push(&finding->refuses, refusal);
        else
            nvb_strv_add(&finding->takes, consumer->text);
    }
}

/* Returns 0, or -1 when the file cannot be read. */
static int find_faults(const struct check *check, const char *file, struct finding *ret,
                       struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_error_ struct nvb_error *syntax = NULL;
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    int r = nvb_file_read_path(file, NVB_DOC_MAX_BYTES, &text, err);
    if (r == 1) {
        _cleanup_free_ char *folder = nvb_path_dir(file);
        nvb_error_make(err, NVB_ERROR_USAGE, ENOENT, "cannot read '%s'", file);
        return nvb_error_hint(err, "see what is there: ls %s", folder);
    }
    if (r < 0)
        return -1;
    const int by_name = nvb_cdi_format_of(file);
    const enum nvb_cdi_format format = by_name == NVB_CDI_JSON ? NVB_CDI_JSON : NVB_CDI_YAML;
    if (by_name < 0)
        add_fault(ret, 0, 0, "engines read only files that end in .json or .yaml", NULL);
    if (nvb_cdi_check(text.data, text.len, format, file, &ret->faults, &syntax) < 0)
        add_fault(ret, syntax->line, syntax->column, syntax->message, syntax->hint);
    else if (ret->faults.count == 0 &&
             nvb_cdi_read(text.data, text.len, format, file, &spec, NULL) == 0)
        ret->version = TAKE_PTR(spec.version);
    ask_engines(check, ret);
    return 0;
}

/* ---- printing --------------------------------------------------------------------------------
 */

static void add_line(struct nvb_str *out, const char *file, const struct nvb_cdi_fault *fault)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    nvb_str_addf(&text, "%s:", file);
    if (fault->line)
        nvb_str_addf(&text, "%u:%u:", fault->line, fault->column);
    nvb_str_addf(&text, " %s", fault->what);
    if (fault->hint)
        nvb_str_addf(&text, " (%s)", fault->hint);
    nvb_cli_add_line(out, text.data);
    nvb_str_addc(out, '\n');
}

static void add_text(struct nvb_str *out, const struct finding *finding)
{
    _cleanup_str_ struct nvb_str file = NVB_STR_INIT;
    nvb_cli_add_line(&file, finding->file);
    nvb_vec_foreach (fault, &finding->faults)
        add_line(out, finding->file, fault);
    if (finding->faults.count == NVB_CDI_MAX_FAULTS)
        nvb_str_addf(out, "%s: only the first %d faults are shown\n", file.data,
                     NVB_CDI_MAX_FAULTS);
    if (finding->faults.count == 0)
        nvb_str_addf(out, "%s: valid\n", file.data);
    nvb_vec_foreach (engine, &finding->takes)
        nvb_str_addf(out, "%s: %s takes it\n", file.data, *engine);
    nvb_vec_foreach (refusal, &finding->refuses)
        nvb_str_addf(out, "%s: %s\n", file.data, *refusal);
}

static void add_doc(struct nvb_doc *list, const struct finding *finding)
{
    struct nvb_doc *item = nvb_doc_push(list);
    nvb_doc_put_text(item, "file", finding->file);
    nvb_doc_put_bool(item, "valid", finding->faults.count == 0);
    struct nvb_doc *faults = nvb_doc_put(item, "faults");
    nvb_doc_set_list(faults);
    nvb_vec_foreach (fault, &finding->faults) {
        struct nvb_doc *one = nvb_doc_push(faults);
        nvb_doc_put_int(one, "line", fault->line);
        nvb_doc_put_int(one, "column", fault->column);
        nvb_doc_put_text(one, "where", fault->where);
        nvb_doc_put_text(one, "what", fault->what);
        nvb_doc_put_text(one, "hint", fault->hint);
    }
    nvb_doc_put_strv(item, "takenBy", &finding->takes);
    nvb_doc_put_strv(item, "refusals", &finding->refuses);
}

/* Returns the exit status for FILE. */
static int check_file(struct nvb_cli *cli, struct check *check, const char *file)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_(finding_done) struct finding finding = {.file = file};
    if (find_faults(check, file, &finding, &err) < 0)
        return nvb_cli_fail(cli, err, nvb_cli_status_of(err));
    if (check->json)
        add_doc(&check->doc, &finding);
    else
        add_text(&check->out, &finding);
    return finding.faults.count || (check->view->named && finding.refuses.count) ? NVB_EXIT_FOUND
                                                                                 : NVB_EXIT_OK;
}

static int check_files(struct nvb_cli *cli, struct check *check,
                       const struct nvb_cli_values *values)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    int status = NVB_EXIT_OK;
    nvb_doc_set_list(&check->doc);
    for (int i = 0; i < values->rest_count; i++) {
        int one = check_file(cli, check, values->rest[i]);
        status = one > status ? one : status;
    }
    if (check->json && nvb_json_write(&check->doc, NVB_JSON_INDENTED, &check->out, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    int printed =
        check->out.len ? nvb_cli_print(cli, check->out.data, check->out.len) : NVB_EXIT_OK;
    return printed > status ? printed : status;
}

int nvb_cmd_cdi_validate(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_cdi_view_ struct nvb_cdi_view view = {.root = NVB_ROOT_INIT};

    if (nvb_cli_parse(nvb_cdi_validate_options, argc - 1, argv + 1, &values, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (values.values[OPT_HELP].count)
        return nvb_help_command(cli, "cdi validate [OPTIONS] FILE...", validate_text,
                                nvb_cdi_validate_options);
    if (values.rest_count == 0) {
        nvb_error_make(&err, NVB_ERROR_USAGE, 0, "no file to check");
        nvb_error_hint(&err, "nvbind cdi validate /etc/cdi/nvidia.yaml");
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    }
    if (nvb_cdi_view_open(cli, nvb_cli_value(&values, OPT_FOR), &view, &err) < 0)
        return nvb_cli_fail(cli, err, nvb_cli_status_of(err));
    struct check check = {
        .view = &view,
        .json = values.values[OPT_JSON].count > 0,
        .out = NVB_STR_INIT,
    };
    int status = check_files(cli, &check, &values);
    nvb_str_done(&check.out);
    nvb_doc_done(&check.doc);
    return status;
}
