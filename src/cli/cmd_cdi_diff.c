/* nvbind cdi diff: what another specification brings otherwise, in words. */
#include <string.h>

#include "cdi/diff.h"
#include "cli/cdi.h"
#include "data/json.h"

enum { OPT_JSON, OPT_HELP };

const struct nvb_cli_option nvb_cdi_diff_options[] = {
    [OPT_JSON] = {"json", 0, NULL, "print the lines as a JSON list"},
    [OPT_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

static const char diff_text[] =
    "Says in words what the specification NEW brings into containers otherwise than OLD. The exit\n"
    "status is 1 when they differ. One of them may be '-', standard input:\n"
    "\n"
    "  nvbind cdi generate | nvbind cdi diff /etc/cdi/nvidia.yaml -\n";

static int read_both(char **words, struct nvb_cdi_spec specs[2], struct nvb_error **err)
{
    if (strcmp(words[0], "-") == 0 && strcmp(words[1], "-") == 0)
        return nvb_error_make(err, NVB_ERROR_USAGE, 0, "OLD and NEW cannot both be '-'");
    for (int i = 0; i < 2; i++) {
        int r = nvb_cdi_read_path(words[i], &specs[i], err);
        if (r > 0) {
            (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "there is no file '%s'", words[i]);
            return nvb_error_hint(err, "nvbind cdi list names those that engines read");
        }
        if (r < 0)
            return -1;
    }
    return 0;
}

static int print_lines(const struct nvb_cli *cli, const struct nvb_strv *lines, bool json,
                       struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_doc_ struct nvb_doc doc = {0};
    nvb_doc_set_list(&doc);
    nvb_vec_foreach (line, lines) {
        nvb_doc_set_text(nvb_doc_push(&doc), *line);
        if (json)
            continue;
        nvb_cli_add_line(&text, *line);
        nvb_str_addc(&text, '\n');
    }
    if (json && nvb_json_write(&doc, NVB_JSON_INDENTED, &text, err) < 0)
        return nvb_cli_fail(cli, *err, NVB_EXIT_USAGE);
    return text.len ? nvb_cli_print(cli, text.data, text.len) : NVB_EXIT_OK;
}

int nvb_cmd_cdi_diff(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_strv_ struct nvb_strv lines = {0};
    struct nvb_cdi_spec specs[2] = {0};
    if (nvb_cli_parse(nvb_cdi_diff_options, argc - 1, argv + 1, &values, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (values.values[OPT_HELP].count)
        return nvb_help_command(cli, "cdi diff OLD NEW", diff_text, nvb_cdi_diff_options);
    if (values.rest_count != 2) {
        nvb_error_make(&err, NVB_ERROR_USAGE, 0, "cdi diff takes two files");
        nvb_error_hint(&err, "nvbind cdi generate | nvbind cdi diff /etc/cdi/nvidia.yaml -");
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    }
    int r = read_both(values.rest, specs, &err);
    if (r == 0)
        nvb_cdi_diff(&specs[0], &specs[1], &lines);
    nvb_cdi_spec_done(&specs[0]);
    nvb_cdi_spec_done(&specs[1]);
    if (r < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    int status = print_lines(cli, &lines, values.values[OPT_JSON].count > 0, &err);
    return status == NVB_EXIT_OK && lines.count ? NVB_EXIT_FOUND : status;
}
