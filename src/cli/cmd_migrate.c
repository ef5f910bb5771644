/* nvbind migrate: files from Docker to Podman, as a diff or in place; and the checklist. */
#include <string.h>
#include <unistd.h>

#include "cli/checklist.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "migrate/migrate.h"

enum { OPT_TO, OPT_WRITE, OPT_CHECKLIST, OPT_JSON, OPT_HELP };

const struct nvb_cli_option nvb_migrate_options[] = {
    [OPT_TO] = {"to", 0, "nvbind|podman", "what runs GPU containers afterwards (default: nvbind)"},
    [OPT_WRITE] = {"write", 'w', NULL, "change the files, and keep each old one as FILE.orig"},
    [OPT_CHECKLIST] = {"checklist", 0, NULL,
                       "what is done here of moving to Podman, and how to do the rest"},
    [OPT_JSON] = {"json", 0, NULL, "the checklist as one JSON object"},
    [OPT_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

static const char text[] =
    "Rewrites shell scripts, Makefiles, systemd units, CI files and Compose files from Docker to\n"
    "Podman, and their requests for GPUs to nvbind. Prints a unified diff; --write changes the\n"
    "files. What cannot be translated with certainty is left as it is, and listed by line.\n"
    "\n"
    "  nvbind migrate run.sh Makefile docker-compose.yml\n"
    "  nvbind migrate --write run.sh\n"
    "  nvbind migrate --checklist\n";

struct run {
    const struct nvb_cli *cli;
    enum nvb_migrate_target target;
    bool write;
    size_t left; /* findings of all files */
};

static int migrate_file(struct run *run, const char *path, struct nvb_str *diff,
                        struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str old = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str new = NVB_STR_INIT;
    _cleanup_notes_ struct nvb_notes notes = {0};
    _cleanup_migration_ struct nvb_migration m = {.target = run->target};
    struct nvb_migrate_file file;
    if (nvb_migrate_load(path, &old, &file, err) < 0)
        return -1;
    m.text = old.data;
    m.len = old.len;
    m.kind = nvb_migrate_kind_of(path, old.data);
    if (nvb_migrate_read(&m, path, err) < 0)
        return -1;
    nvb_vec_foreach (finding, &m.findings) {
        nvb_notes_add(&notes, NVB_NOTE_WARNING, "%s:%u: %s", path, finding->line, finding->what);
        if (finding->hint)
            nvb_notes_hint(&notes, "%s", finding->hint);
    }
    nvb_cli_print_notes(run->cli, &notes);
    run->left += m.findings.count;
    nvb_migrate_diff(&m, path, diff);
    if (!run->write || m.edits.count == 0)
        return 0;
    nvb_migrate_apply(&m, &new);
    return nvb_migrate_store(path, &file, old.data, old.len, new.data, new.len, err);
}

static int migrate_files(struct run *run, char **paths, int count)
{
    _cleanup_str_ struct nvb_str diff = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str shown = NVB_STR_INIT;
    int status = NVB_EXIT_OK;
    for (int i = 0; i < count; i++) {
        _cleanup_error_ struct nvb_error *err = NULL;
        if (migrate_file(run, paths[i], &diff, &err) < 0) {
            int failed = nvb_cli_fail(run->cli, err, nvb_cli_status_of(err));
            status = failed > status ? failed : status;
        }
    }
    /* patch(1) needs the bytes; a terminal must not be steered by a file's. */
    if (isatty(STDOUT_FILENO)) {
        nvb_cli_add_printable(&shown, diff.data);
        nvb_str_truncate(&diff, 0);
    }
    nvb_str_addn(&shown, diff.data, diff.len);
    if (nvb_cli_print(run->cli, shown.data, shown.len) != NVB_EXIT_OK)
        return NVB_EXIT_FOUND;
    return status == NVB_EXIT_OK && run->left > 0 ? NVB_EXIT_FOUND : status;
}

static int read_words(const struct nvb_cli_values *values, struct run *ret, struct nvb_error **err)
{
    const char *to = nvb_cli_value(values, OPT_TO);
    const bool checklist = values->values[OPT_CHECKLIST].count > 0;
    ret->write = values->values[OPT_WRITE].count > 0;
    if (to && strcmp(to, "podman") == 0)
        ret->target = NVB_MIGRATE_TO_PODMAN;
    else if (to && strcmp(to, "nvbind") != 0) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--to is '%s'", to);
        return nvb_error_hint(err, "--to nvbind or --to podman");
    }
    if (checklist && (values->rest_count || ret->write || to))
        return nvb_error_make(err, NVB_ERROR_USAGE, 0, "--checklist stands alone");
    if (!checklist && values->rest_count == 0) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "no file");
        return nvb_error_hint(err, "nvbind migrate FILE..., or nvbind migrate --checklist");
    }
    if (!checklist && values->values[OPT_JSON].count)
        return nvb_error_make(err, NVB_ERROR_USAGE, 0, "--json goes with --checklist");
    return 0;
}

int nvb_cmd_migrate(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    struct run run = {.cli = cli, .target = NVB_MIGRATE_TO_NVBIND};

    if (nvb_cli_parse(nvb_migrate_options, argc - 1, argv + 1, &values, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (values.values[OPT_HELP].count)
        return nvb_help_command(cli, "migrate FILE... | --checklist", text, nvb_migrate_options);
    if (read_words(&values, &run, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (values.values[OPT_CHECKLIST].count)
        return nvb_cli_checklist(cli, values.values[OPT_JSON].count > 0);
    return migrate_files(&run, values.rest, values.rest_count);
}
