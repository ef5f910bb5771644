/*
 * nvbind doctor: every known reason why a GPU container fails, looked for on this machine, each
 * with its fix.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/help.h"
#include "config/config.h"
#include "config/profile.h"
#include "data/json.h"
#include "doctor/last.h"
#include "host/user.h"

enum {
    OPT_JSON,
    OPT_FIX,
    OPT_APPLY,
    OPT_YES,
    OPT_LAST,
    OPT_UNIT,
    OPT_PROFILE,
    OPT_LIST,
    OPT_HELP,
};

const struct nvb_cli_option nvb_doctor_options[] = {
    [OPT_JSON] = {"json", 0, NULL, "print one JSON object"},
    [OPT_FIX] = {"fix", 0, NULL, "print the fixes as a script"},
    [OPT_APPLY] = {"apply", 0, NULL, "with --fix: carry them out, asking before what needs root"},
    [OPT_YES] = {"yes", 0, NULL, "with --apply: ask nothing"},
    [OPT_LAST] = {"last", 0, NULL, "why the last run failed; its messages on standard input"},
    [OPT_UNIT] = {"unit", 0, "FILE", "explain and correct a systemd unit or a Quadlet file"},
    [OPT_PROFILE] = {"profile", 0, "PROFILE", "the checks that these profiles name"},
    [OPT_LIST] = {"list", 0, NULL, "the checks and what each looks at"},
    [OPT_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

static const char help[] =
    "Looks for every known reason why a GPU container fails on this machine and says how to mend\n"
    "it. CHECK is a check or a group of checks; without one all are made. Nothing is changed.\n"
    "Exit status: 0, or 1 if a check fails.\n";

#define MESSAGE_MAX ((size_t)1 << 20)

struct call {
    struct nvb_cli *cli;
    struct nvb_cli_values values;
    struct nvb_strv names; /* of the checks to make; empty: all */
    struct nvb_user user;
    struct nvb_config config;
    bool has_config;
    struct nvb_doc last;
    bool has_last;
    struct nvb_report report;
};

static void call_done(struct call *c)
{
    nvb_cli_values_done(&c->values);
    nvb_strv_done(&c->names);
    nvb_user_done(&c->user);
    nvb_config_done(&c->config);
    nvb_doc_done(&c->last);
    nvb_report_done(&c->report);
}

static bool has(const struct call *c, size_t option)
{
    return c->values.values[option].count > 0;
}

static int list_checks(const struct nvb_cli *cli)
{
    static const char *const headers[] = {"GROUP", "CHECK", "LOOKS AT"};
    _cleanup_strv_ struct nvb_strv cells = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    struct nvb_check_info info;
    for (size_t i = 0; nvb_doctor_get(i, &info) == 0; i++) {
        nvb_strv_add(&cells, info.group);
        nvb_strv_add(&cells, info.name);
        nvb_strv_add(&cells, info.looks_at);
    }
    nvb_cli_table(&text, headers, NVB_COUNT(headers), &cells);
    return nvb_cli_print(cli, text.data, text.len);
}

/* A configuration that cannot be read is an error of "run"'s; here the rest is still worth a look.
 */
static void read_config(struct call *c)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    const struct nvb_config_options options = {
        .file = c->cli->config,
        .environment = (const char *const *)environ,
        .uid = c->user.uid,
        .profiles = nvb_profile_harmless_names,
    };
    c->has_config = nvb_config_load(&options, &c->config, NULL, &err) == 0;
    if (!c->has_config)
        (void)nvb_cli_fail(c->cli, err, NVB_EXIT_FOUND);
}

static int read_last(struct call *c, struct nvb_error **err)
{
    int r = nvb_last_read(&c->user, environ, &c->last, err);
    c->has_last = r == 0;
    return r < 0 ? -1 : 0;
}

/* The engine's messages, where somebody hands them over. */
static int read_messages(struct nvb_str *ret, struct nvb_error **err)
{
    if (isatty(STDIN_FILENO) == 1)
        return 0;
    for (;;) {
        nvb_str_grow(ret, 4096);
        ssize_t n = read(STDIN_FILENO, ret->data + ret->len, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return nvb_error_make(err, NVB_ERROR_INTERNAL, errno, "cannot read standard input");
        if (n == 0)
            break;
        nvb_str_truncate(ret, ret->len);
        ret->len += (size_t)n;
        ret->data[ret->len] = '\0';
        if (ret->len > MESSAGE_MAX)
            return nvb_error_make(err, NVB_ERROR_USAGE, 0,
                                  "the messages on standard input are longer than a megabyte");
    }
    return 0;
}

static bool is_utf8(void)
{
    const char *names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < NVB_COUNT(names); i++) {
        const char *value = nvb_environment_get(environ, names[i]);
        if (value && *value)
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

static int print_report(struct call *c, const char *explanation)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_doc_ struct nvb_doc doc = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    const struct nvb_report_style style = {
        .color = c->cli->color && isatty(STDOUT_FILENO) == 1,
        .unicode = is_utf8(),
        .verbose = c->cli->level >= NVB_LOG_INFO,
    };
    if (has(c, OPT_JSON)) {
        nvb_report_put(&c->report, &doc);
        if (nvb_json_write(&doc, NVB_JSON_INDENTED, &text, &err) < 0)
            return nvb_cli_fail(c->cli, err, NVB_EXIT_FOUND);
    } else if (has(c, OPT_FIX)) {
        nvb_report_script(&c->report, &text);
    } else {
        nvb_str_add(&text, explanation);
        nvb_report_format(&c->report, &style, &text);
    }
    int status = nvb_cli_print(c->cli, text.data, text.len);
    if (status != NVB_EXIT_OK)
        return status;
    return c->report.counts[NVB_VERDICT_FAIL] ? NVB_EXIT_FOUND : NVB_EXIT_OK;
}

static int explain_last(struct call *c, struct nvb_str *ret, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str messages = NVB_STR_INIT;
    if (read_last(c, err) < 0 || read_messages(&messages, err) < 0)
        return -1;
    if (messages.len == 0 && !c->has_last) {
        (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                             "no run is recorded, and no message came on standard input");
        return nvb_error_hint(err, "nvbind run … 2>messages; nvbind doctor --last <messages");
    }
    if (messages.len && !nvb_doctor_explain(messages.data, &c->names, ret))
        nvb_str_add(ret, "No check knows these messages; all of them follow.\n\n");
    return 0;
}

static bool is_name(const char *name)
{
    struct nvb_check_info info;
    for (size_t i = 0; nvb_doctor_get(i, &info) == 0; i++)
        if (strcmp(info.name, name) == 0 || strcmp(info.group, name) == 0)
            return true;
    return false;
}

/* Adds the checks that the profiles of WORD (names by commas) name. */
static int add_profiles(struct call *c, const char *word, struct nvb_error **err)
{
    const struct nvb_profile_options options = {
        .environment = (const char *const *)environ,
        .uid = c->user.uid,
    };
    _cleanup_strv_ struct nvb_strv names = {0};
    _cleanup_profile_ struct nvb_profile profile = {0};
    size_t before = c->names.count;
    nvb_strv_split(&names, word, ',');
    for (size_t i = 0; i < names.count; i++)
        if (nvb_profile_lay(&options, names.items[i], NULL, &profile, err) < 0)
            return -1;
    nvb_vec_foreach (item, &profile.values[NVB_PROFILE_CHECKS].items) {
        if (!is_name(item->text)) {
            (void)nvb_place_fail(&item->place, err, "no check is called '%s'", item->text);
            return nvb_error_hint(err, "nvbind doctor --list");
        }
        nvb_strv_add(&c->names, item->text);
    }
    if (c->names.count > before)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "profile '%s' names no checks", word);
    return nvb_error_hint(err, "nvbind doctor  (all of them)");
}

static int check_call(const struct call *c, struct nvb_error **err)
{
    static const char only[] = "--%s goes with --%s";
    if (has(c, OPT_APPLY) && !has(c, OPT_FIX)) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, only, "apply", "fix");
        return nvb_error_hint(err, "nvbind doctor --fix --apply");
    }
    const struct nvb_host_options *host = &c->cli->host;
    if (has(c, OPT_APPLY) && (host->host_root || host->driver_root || host->dev_root)) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                             "--apply mends this machine, and what was looked at is another root");
        return nvb_error_hint(err, "nvbind doctor --fix shows what would mend that one");
    }
    if (has(c, OPT_YES) && !has(c, OPT_APPLY)) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, only, "yes", "apply");
        return nvb_error_hint(err, "nvbind doctor --fix --apply --yes");
    }
    if (has(c, OPT_JSON) && has(c, OPT_FIX)) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--json and --fix are two answers");
        return nvb_error_hint(err, "nvbind doctor --json  (the fixes are in it)");
    }
    return 0;
}

static int doctor(struct call *c, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str explanation = NVB_STR_INIT;
    for (int i = 0; i < c->values.rest_count; i++)
        nvb_strv_add(&c->names, c->values.rest[i]);
    nvb_user_read(environ, &c->user);
    read_config(c);
    for (size_t i = 0; i < c->values.values[OPT_PROFILE].count; i++)
        if (add_profiles(c, c->values.values[OPT_PROFILE].items[i], err) < 0)
            return nvb_cli_fail(c->cli, *err, NVB_EXIT_USAGE);
    if (has(c, OPT_LAST) && explain_last(c, &explanation, err) < 0)
        return nvb_cli_fail(c->cli, *err, nvb_cli_status_of(*err));
    if (nvb_doctor_examine(c->cli, c->has_config ? &c->config : NULL, c->has_last ? &c->last : NULL,
                           &c->names, &c->report, err) < 0)
        return nvb_cli_fail(c->cli, *err, nvb_cli_status_of(*err));
    if (has(c, OPT_APPLY))
        return nvb_doctor_apply(c->cli, &c->report, has(c, OPT_YES));
    return print_report(c, explanation.data);
}

int nvb_cmd_doctor(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_(call_done) struct call c = {.cli = cli};
    if (nvb_cli_parse(nvb_doctor_options, argc - 1, argv + 1, &c.values, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (has(&c, OPT_HELP))
        return nvb_help_command(cli, "doctor [CHECK...] [OPTIONS]", help, nvb_doctor_options);
    if (check_call(&c, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (has(&c, OPT_LIST))
        return list_checks(cli);
    if (has(&c, OPT_UNIT))
        return nvb_doctor_unit(cli, nvb_cli_value(&c.values, OPT_UNIT));
    return doctor(&c, &err);
}
