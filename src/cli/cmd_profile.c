/* nvbind profile: what the profiles are and what they bring. */
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "config/profile.h"
#include "data/json.h"

#define OPT_HELP 0

enum { LIST_HELP, LIST_JSON };
static const struct nvb_cli_option list_options[] = {
    [LIST_HELP] = {"help", 'h', NULL, "show this help"},
    [LIST_JSON] = {"json", 0, NULL, "print one JSON list"},
    {0},
};

static const struct nvb_cli_option show_options[] = {
    [OPT_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

/* Borrows from the process's environment. */
static struct nvb_profile_options profile_options(void)
{
    return (struct nvb_profile_options){
        .environment = (const char *const *)environ,
        .uid = geteuid(),
    };
}

static const char *text_of(const struct nvb_profile *profile, enum nvb_profile_key key)
{
    const struct nvb_key_value *value = &profile->values[key];
    return value->is_set ? value->items.items[0].text : "";
}

static void add_object(struct nvb_doc *list, const char *name, const struct nvb_profile *profile)
{
    struct nvb_doc *object = nvb_doc_push(list);
    nvb_doc_put_text(object, "name", name);
    nvb_doc_put_text(object, "layer", nvb_profile_layer_name(profile->layer));
    nvb_doc_put_text(object, "description", text_of(profile, NVB_PROFILE_DESCRIPTION));
    struct nvb_doc *extends = nvb_doc_put(object, "extends");
    nvb_doc_set_list(extends);
    for (size_t i = 0; i + 1 < profile->names.count; i++)
        nvb_doc_set_text(nvb_doc_push(extends), profile->names.items[i]);
}

static int print_list(const struct nvb_cli *cli, const struct nvb_strv *cells,
                      const struct nvb_doc *doc)
{
    static const char *const headers[] = {"NAME", "FROM", "DESCRIPTION"};
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (cells)
        nvb_cli_table(&text, headers, NVB_COUNT(headers), cells);
    else if (nvb_json_write(doc, NVB_JSON_INDENTED, &text, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_FOUND);
    return nvb_cli_print(cli, text.data, text.len);
}

static int cmd_list(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_error_ struct nvb_error *wrong = NULL;
    _cleanup_strv_ struct nvb_strv names = {0};
    _cleanup_strv_ struct nvb_strv cells = {0};
    _cleanup_doc_ struct nvb_doc doc = {0};
    const struct nvb_profile_options options = profile_options();
    int status = NVB_EXIT_OK;

    if (nvb_cli_parse(list_options, argc - 1, argv + 1, &values, &wrong) < 0)
        return nvb_cli_fail(cli, wrong, NVB_EXIT_USAGE);
    if (values.values[LIST_HELP].count)
        return nvb_help_command(cli, "profile list [--json]",
                                "Lists the profiles that 'nvbind run --profile' takes.\n",
                                list_options);
    if (values.rest_count > 0) {
        (void)nvb_error_make(&wrong, NVB_ERROR_USAGE, 0, "profile list takes no '%s'",
                             values.rest[0]);
        return nvb_cli_fail(cli, wrong, NVB_EXIT_USAGE);
    }
    nvb_doc_set_list(&doc);
    nvb_profile_list(&options, &names);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_profile_ struct nvb_profile profile = {0};
        _cleanup_error_ struct nvb_error *err = NULL;
        /* One that is wrong hides none of the others. */
        if (nvb_profile_lay(&options, names.items[i], NULL, &profile, &err) < 0) {
            status = nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
            continue;
        }
        nvb_strv_add(&cells, names.items[i]);
        nvb_strv_add(&cells, nvb_profile_layer_name(profile.layer));
        nvb_strv_add(&cells, text_of(&profile, NVB_PROFILE_DESCRIPTION));
        add_object(&doc, names.items[i], &profile);
    }
    int printed = print_list(cli, values.values[LIST_JSON].count ? NULL : &cells, &doc);
    return printed != NVB_EXIT_OK ? printed : status;
}

static int cmd_show(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_profile_ struct nvb_profile profile = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    const struct nvb_profile_options options = profile_options();

    if (nvb_cli_parse(show_options, argc - 1, argv + 1, &values, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (values.values[OPT_HELP].count)
        return nvb_help_command(
            cli, "profile show NAME...",
            "Shows a profile with all that it extends, as one TOML file; comments say where each\n"
            "value is from. Several NAMEs are laid over one another, as --profile A,B does.\n",
            show_options);
    if (values.rest_count == 0) {
        (void)nvb_error_make(&err, NVB_ERROR_USAGE, 0, "profile show needs a NAME");
        (void)nvb_error_hint(&err, "nvbind profile list");
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    }
    for (int i = 0; i < values.rest_count; i++)
        if (nvb_profile_lay(&options, values.rest[i], NULL, &profile, &err) < 0)
            return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    nvb_profile_show(&profile, &text);
    return nvb_cli_print(cli, text.data, text.len);
}

const struct nvb_command nvb_profile_commands[] = {
    {
        .name = "list",
        .summary = "the profiles that there are",
        .main = cmd_list,
        .options = list_options,
    },
    {
        .name = "show",
        .summary = "what a profile brings",
        .main = cmd_show,
        .options = show_options,
        .operand = "PROFILE",
    },
    {0},
};

int nvb_cmd_profile(struct nvb_cli *cli, int argc, char **argv)
{
    return nvb_run_subcommand(cli, "profile",
                              "Shows the profiles that 'nvbind run --profile' takes.",
                              nvb_profile_commands, argc, argv);
}
