#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "cli/cli.h"
#include "cli/config.h"
#include "cli/help.h"
#include "config/config.h"
#include "config/profile.h"
#include "data/json.h"
#include "plan/configure.h"

/* The same place in every table, so that one function can look for it. */
#define OPT_HELP 0

enum { SHOW_HELP, SHOW_ORIGIN, SHOW_JSON };
static const struct nvb_cli_option show_options[] = {
    [SHOW_HELP] = {"help", 'h', NULL, "show this help"},
    [SHOW_ORIGIN] = {"origin", 0, NULL, "say where each value comes from: file and line"},
    [SHOW_JSON] = {"json", 0, NULL, "print one JSON object"},
    {0},
};

enum { INIT_HELP, INIT_OUTPUT, INIT_FORCE };
static const struct nvb_cli_option init_options[] = {
    [INIT_HELP] = {"help", 'h', NULL, "show this help"},
    [INIT_OUTPUT] = {"output", 'o', "FILE", "write FILE instead of the user's; - is stdout"},
    [INIT_FORCE] = {"force", 0, NULL, "replace a file that is there"},
    {0},
};

enum { TRUST_HELP, TRUST_REVOKE };
static const struct nvb_cli_option trust_options[] = {
    [TRUST_HELP] = {"help", 'h', NULL, "show this help"},
    [TRUST_REVOKE] = {"revoke", 0, NULL, "take the trust back"},
    {0},
};

static const struct nvb_cli_option help_options[] = {
    [OPT_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

static struct nvb_config_options options_of(const struct nvb_cli *cli)
{
    return (struct nvb_config_options){
        .file = cli->config,
        .environment = (const char *const *)environ,
        .uid = geteuid(),
        .profiles = nvb_profile_harmless_names,
    };
}

bool nvb_config_begin(struct nvb_cli *cli, const struct nvb_cli_option *table, int argc,
                      char **argv, int max, const char *usage, const char *text,
                      struct nvb_cli_values *ret, int *ret_status)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    if (nvb_cli_parse(table, argc - 1, argv + 1, ret, &err) < 0) {
        *ret_status = nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
        return false;
    }
    if (ret->values[OPT_HELP].count) {
        *ret_status = nvb_help_command(cli, usage, text, table);
        return false;
    }
    if (ret->rest_count > max) {
        (void)nvb_error_make(&err, NVB_ERROR_USAGE, 0, "config %s takes no '%s'", argv[0],
                             ret->rest[max]);
        *ret_status = nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
        return false;
    }
    return true;
}

static int load(const struct nvb_cli *cli, struct nvb_config *ret, struct nvb_error **err)
{
    _cleanup_notes_ struct nvb_notes notes = {0};
    struct nvb_config_options options = options_of(cli);
    int r = nvb_config_load(&options, ret, &notes, err);
    nvb_cli_print_notes(cli, &notes);
    return r;
}

static int cmd_show(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_config_ struct nvb_config config = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_doc_ struct nvb_doc doc = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    int status;
    if (!nvb_config_begin(cli, show_options, argc, argv, 0, "config show [--origin] [--json]",
                          "Shows the configuration that all layers together make.\n", &values,
                          &status))
        return status;
    if (load(cli, &config, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    bool with_origin = values.values[SHOW_ORIGIN].count > 0;
    if (!values.values[SHOW_JSON].count) {
        nvb_config_show(&config, with_origin, &text);
    } else {
        nvb_config_show_doc(&config, with_origin, &doc);
        if (nvb_json_write(&doc, NVB_JSON_INDENTED, &text, &err) < 0)
            return nvb_cli_fail(cli, err, NVB_EXIT_FOUND);
    }
    return nvb_cli_print(cli, text.data, text.len);
}

static int write_example(const char *path, bool force, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_free_ char *folder = nvb_path_dir(path);
    if (!force && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is there already", path);
        return nvb_error_hint(err, "nvbind config init --force replaces it");
    }
    nvb_config_write_example(&text);
    if (nvb_file_make_folders(folder, 0755, err) < 0)
        return -1;
    return nvb_file_write(path, text.data, text.len, 0644, err);
}

static int cmd_init(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    int status;
    if (!nvb_config_begin(cli, init_options, argc, argv, 0, "config init [--output FILE] [--force]",
                          "Writes a configuration file that holds every key as a comment.\n",
                          &values, &status))
        return status;
    const char *output = nvb_cli_value(&values, INIT_OUTPUT);
    if (output && strcmp(output, "-") == 0) {
        nvb_config_write_example(&text);
        return nvb_cli_print(cli, text.data, text.len);
    }
    _cleanup_free_ char *path =
        output ? nvb_strdup(output) : nvb_config_user_path((const char *const *)environ);
    if (path && !*nvb_path_base(path)) {
        (void)nvb_error_make(&err, NVB_ERROR_USAGE, 0, "--output is %s",
                             *path ? "a folder" : "empty");
        (void)nvb_error_hint(&err, "nvbind config init --output config.toml");
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    }
    if (!path) {
        (void)nvb_error_make(&err, NVB_ERROR_NOT_FOUND, 0,
                             "neither XDG_CONFIG_HOME nor HOME says where to write");
        (void)nvb_error_hint(&err, "nvbind config init --output FILE");
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    }
    if (write_example(path, values.values[INIT_FORCE].count > 0, &err) < 0)
        return nvb_cli_fail(cli, err, nvb_cli_status_of(err));
    nvb_str_addf(&text, "%s\n", path);
    return nvb_cli_print(cli, text.data, text.len);
}

static int cmd_path(struct nvb_cli *cli, int argc, char **argv)
{
    static const char *const headers[] = {"LAYER", "STATE", "FILE"};
    static const char *const states[] = {
        [NVB_CONFIG_ABSENT] = "absent",   [NVB_CONFIG_READ] = "read",
        [NVB_CONFIG_TRUSTED] = "trusted", [NVB_CONFIG_UNREADABLE] = "unreadable",
        [NVB_CONFIG_REFUSED] = "refused", [NVB_CONFIG_WRONG] = "wrong",
        [NVB_CONFIG_IGNORED] = "ignored",
    };
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_config_ struct nvb_config config = {0};
    _cleanup_notes_ struct nvb_notes notes = {0};
    _cleanup_strv_ struct nvb_strv cells = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    const struct nvb_config_options options = options_of(cli);
    bool usable = true;
    int status;
    if (!nvb_config_begin(
            cli, help_options, argc, argv, 0, "config path",
            "Lists the configuration files in the order in which they are laid; later wins.\n",
            &values, &status))
        return status;
    nvb_config_find_files(&options, &config, &notes);
    nvb_vec_foreach (file, &config.files) {
        usable = usable && file->state != NVB_CONFIG_UNREADABLE &&
                 file->state != NVB_CONFIG_REFUSED && file->state != NVB_CONFIG_WRONG;
        nvb_strv_add(&cells, nvb_config_layer_name(file->layer));
        nvb_strv_add(&cells, states[file->state]);
        nvb_strv_add(&cells, file->path ? file->path : "-");
    }
    if (!usable) {
        nvb_notes_add(&notes, NVB_NOTE_WARNING, "a file here cannot be used, so nothing is run");
        nvb_notes_hint(&notes, "nvbind config validate");
    }
    nvb_cli_print_notes(cli, &notes);
    nvb_cli_table(&text, headers, NVB_COUNT(headers), &cells);
    return nvb_cli_print(cli, text.data, text.len);
}

static int print_faults(const struct nvb_cli *cli, const struct nvb_faults *faults)
{
    nvb_vec_foreach (fault, faults)
        (void)nvb_cli_fail(cli, *fault, NVB_EXIT_FOUND);
    return faults->count ? NVB_EXIT_FOUND : NVB_EXIT_OK;
}

/* What the engines' options and the GPUs' names have to do with a file that is sound as such. */
static int check_words(struct nvb_cli *cli, const char *path)
{
    _cleanup_config_ struct nvb_config config = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    struct nvb_config_options options = options_of(cli);
    static const char *const nothing[] = {NULL};
    options.file = path;
    options.environment = nothing;
    if (nvb_config_load(&options, &config, NULL, &err) < 0 ||
        nvb_plan_check_config(&config, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_FOUND);
    return NVB_EXIT_OK;
}

static int validate_file(struct nvb_cli *cli, const char *path)
{
    _cleanup_faults_ struct nvb_faults faults = {0};
    struct nvb_config_options options = options_of(cli);
    nvb_config_validate(&options, path, &faults);
    return faults.count ? print_faults(cli, &faults) : check_words(cli, path);
}

/* Every file of the layers by itself, then all together: what is too wide shows only there. */
static int validate_layers(struct nvb_cli *cli)
{
    static const enum nvb_config_layer layers[] = {NVB_LAYER_SYSTEM, NVB_LAYER_USER,
                                                   NVB_LAYER_PROJECT};
    _cleanup_config_ struct nvb_config config = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    struct nvb_config_options options = options_of(cli);
    int status = NVB_EXIT_OK;
    if (cli->config)
        return validate_file(cli, cli->config);
    for (size_t i = 0; i < NVB_COUNT(layers); i++) {
        _cleanup_faults_ struct nvb_faults faults = {0};
        nvb_config_validate_layer(&options, layers[i], &faults);
        if (print_faults(cli, &faults) != NVB_EXIT_OK)
            status = NVB_EXIT_FOUND;
    }
    if (status == NVB_EXIT_OK && load(cli, &config, &err) < 0)
        status = nvb_cli_fail(cli, err, NVB_EXIT_FOUND);
    nvb_vec_foreach (file, &config.files)
        if ((file->state == NVB_CONFIG_READ || file->state == NVB_CONFIG_TRUSTED) &&
            check_words(cli, file->path) != NVB_EXIT_OK)
            status = NVB_EXIT_FOUND;
    return status;
}

static int cmd_validate(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    int status;
    if (!nvb_config_begin(
            cli, help_options, argc, argv, argc, "config validate [FILE...]",
            "Checks the configuration files, or FILEs, and says everything that is wrong.\n",
            &values, &status))
        return status;
    if (values.rest_count == 0)
        return validate_layers(cli);
    status = NVB_EXIT_OK;
    for (int i = 0; i < values.rest_count; i++) {
        if (validate_file(cli, values.rest[i]) != NVB_EXIT_OK)
            status = NVB_EXIT_FOUND;
    }
    return status;
}

static int take_trust_back(struct nvb_cli *cli, const char *path)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_free_ char *real = NULL;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    struct nvb_config_options options = options_of(cli);
    int r = nvb_config_revoke(&options, path, &real, &err);
    if (r < 0)
        return nvb_cli_fail(cli, err, nvb_cli_status_of(err));
    if (r > 0)
        nvb_str_addf(&text, "%s was not trusted\n", path);
    else
        nvb_str_addf(&text, "%s is no longer trusted\n", real);
    return nvb_cli_print(cli, text.data, text.len);
}

static int cmd_trust(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_faults_ struct nvb_faults needs = {0};
    _cleanup_free_ char *real = NULL;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    struct nvb_config_options options = options_of(cli);
    int status;
    if (!nvb_config_begin(
            cli, trust_options, argc, argv, 1, "config trust [--revoke] [FILE]",
            "Vouches for ./nvbind.toml, or FILE, as it is now: it may then set every key. A\n"
            "change to the file takes the trust back.\n",
            &values, &status))
        return status;
    const char *path = values.rest_count ? values.rest[0] : "./nvbind.toml";
    if (values.values[TRUST_REVOKE].count)
        return take_trust_back(cli, path);
    if (nvb_config_trust(&options, path, &real, &needs, &err) < 0) {
        bool absent = err->kind == NVB_ERROR_NOT_FOUND; /* the call names what is not there */
        return nvb_cli_fail(cli, err, absent ? NVB_EXIT_USAGE : nvb_cli_status_of(err));
    }
    nvb_str_addf(&text, "%s is trusted as it is now\n", real);
    nvb_vec_foreach (need, &needs)
        nvb_str_addf(&text, "  line %u: %s\n", (*need)->line, (*need)->message);
    return nvb_cli_print(cli, text.data, text.len);
}

const struct nvb_command nvb_config_commands[] = {
    {
        .name = "show",
        .summary = "the configuration that all layers together make",
        .main = cmd_show,
        .options = show_options,
    },
    {
        .name = "init",
        .summary = "write a file that holds every key as a comment",
        .main = cmd_init,
        .options = init_options,
    },
    {
        .name = "path",
        .summary = "the files, in the order in which they are laid",
        .main = cmd_path,
        .options = help_options,
    },
    {
        .name = "validate",
        .summary = "check the files and say everything that is wrong",
        .main = cmd_validate,
        .options = help_options,
        .operand = "FILE",
    },
    {
        .name = "trust",
        .summary = "vouch for ./nvbind.toml as it is now",
        .main = cmd_trust,
        .options = trust_options,
        .operand = "FILE",
    },
    {
        .name = "engine",
        .summary = "name nvbind's folder of specifications in Podman's configuration",
        .main = nvb_cmd_config_engine,
        .options = nvb_config_engine_options,
    },
    {0},
};

int nvb_cmd_config(struct nvb_cli *cli, int argc, char **argv)
{
    return nvb_run_subcommand(cli, "config", "Reads, checks and writes the configuration.",
                              nvb_config_commands, argc, argv);
}
