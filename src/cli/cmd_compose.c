/*
 * nvbind compose: the words behind it are a compose tool's. Its project is read for requests for
 * GPUs, each service that has one is planned as run plans a container, and then this process
 * becomes the tool, with what the plans say laid over the user's files. Those are never written.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/compose.h"
#include "cli/help.h"
#include "compose/relocate.h"
#include "plan/configure.h"
#include "plan/prune.h"
#include "plan/resolve.h"
#include "writer/writer.h"

extern char **environ;

enum { COMPOSE_RUNTIME, COMPOSE_DRY_RUN, COMPOSE_PRINT, COMPOSE_HELP };

const struct nvb_cli_option nvb_compose_options[] = {
    [COMPOSE_RUNTIME] = {"runtime", 0, "podman|docker", "whose containers (default: Podman's)"},
    [COMPOSE_DRY_RUN] = {"dry-run", 0, NULL, "print the tool's command line, and run nothing"},
    [COMPOSE_PRINT] = {"print-override", 0, NULL, "print what each service gets, and run nothing"},
    [COMPOSE_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

static const char help_text[] =
    "Runs a Compose project by podman-compose or Docker Compose, with the GPUs that its files ask\n"
    "for, in whatever form. nvbind's own options stand first; all that follows is the tool's.\n"
    "\n"
    "  nvbind compose up -d\n"
    "  nvbind compose -f compose.yaml --profile gpu run --rm train nvidia-smi\n"
    "  nvbind compose --print-override\n";

/* ---- nvbind's own words ---- */

/* The options that stand first; a "--" ends them. Returns how many words they are. */
static int count_own(int argc, char **argv)
{
    int i = 0;
    for (; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--") == 0)
            return i + 1;
        if (strcmp(word, "--runtime") == 0)
            i++;
        else if (!nvb_has_prefix(word, "--runtime=") && strcmp(word, "--dry-run") != 0 &&
                 strcmp(word, "--print-override") != 0 && strcmp(word, "--help") != 0 &&
                 strcmp(word, "-h") != 0)
            break;
    }
    return i < argc ? i : argc;
}

/* The kinds of engine that will do. Returns 0 or -1. */
static int read_engine(struct nvb_compose_run *run, const char *word, unsigned *ret,
                       struct nvb_error **err)
{
    _cleanup_planning_ struct nvb_cli_planning s = {.cli = run->cli, .verb = "create"};
    *ret = NVB_ENGINE_PODMAN | NVB_ENGINE_DOCKER;
    if (word && strcmp(word, "podman") == 0)
        *ret = NVB_ENGINE_PODMAN;
    else if (word && strcmp(word, "docker") == 0)
        *ret = NVB_ENGINE_DOCKER;
    else if (word)
        return nvb_error_make(err, NVB_ERROR_USAGE, 0, "--runtime is podman or docker, not '%s'",
                              word);
    if (word)
        return 0;
    nvb_user_read(environ, &s.user);
    if (nvb_cli_load_config(&s, err) < 0)
        return -1;
    const unsigned configured = nvb_plan_configured_engine(&s.config);
    if (configured)
        *ret = configured;
    return 0;
}

/* ---- the tool's command line ---- */

/* Where what the tool reads is written: named by its content. */
static int make_folder(struct nvb_compose_run *run, const struct nvb_str *text,
                       struct nvb_error **err)
{
    _cleanup_free_ char *above = NULL;
    struct statvfs fs;
    const uint64_t hash = nvb_hash(NVB_HASH_INIT, text->data, text->len);
    int r = nvb_plan_find_files_folder(&run->user, false, &above, err);
    if (r < 0)
        return -1;
    if (r == 0 && run->tool.flavour == NVB_COMPOSE_PODMAN && statvfs(above, &fs) == 0 &&
        (fs.f_flag & ST_NOEXEC)) {
        free(TAKE_PTR(above));
        r = 1;
    }
    if (r > 0 && nvb_plan_find_files_folder(&run->user, true, &above, err) != 0)
        return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                              "there is no private folder for the tool's file: neither "
                              "XDG_RUNTIME_DIR nor HOME tells one");
    run->folder = nvb_strdupf("%s/compose/%016llx", above, (unsigned long long)hash);
    return 0;
}

/* A tool that does not know the tags would fail on them without a word that helps. */
static int check_version(const struct nvb_compose_run *run, struct nvb_error **err)
{
    unsigned version = 0;
    const struct nvb_place *place = &run->override.removed;
    if (!place->file)
        return 0;
    if (nvb_compose_tool_version(&run->tool, environ, &version, err) < 0)
        return -1;
    if (version >= NVB_COMPOSE_TAGS_VERSION)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                         "Docker Compose %u.%u has no way to give these GPUs in another form than "
                         "the file's (2.24 has)",
                         version / 100, version % 100);
    (void)nvb_error_at(err, place->file, place->line, place->column);
    return nvb_error_hint(err,
                          "nvbind compose --runtime podman … with podman-compose installed, or "
                          "a newer Docker Compose");
}

static void add_words(struct nvb_strv *ret, const struct nvb_strv *words)
{
    nvb_vec_foreach (word, words)
        nvb_strv_add(ret, *word);
}

/* Options of nvbind's that were given as words, for a nvbind that the tool calls. */
static void add_environment(struct nvb_compose_run *run)
{
    const struct nvb_cli *cli = run->cli;
    const char *const values[][2] = {{"NVBIND_CONFIG", cli->config},
                                     {"NVBIND_HOST_ROOT", cli->host.host_root},
                                     {"NVBIND_DRIVER_ROOT", cli->host.driver_root},
                                     {"NVBIND_DEV_ROOT", cli->host.dev_root}};
    for (size_t i = 0; run->tool.flavour == NVB_COMPOSE_PODMAN && i < NVB_COUNT(values); i++)
        if (values[i][1] && !nvb_environment_get(environ, values[i][0]))
            nvb_strv_addf(&run->exec.added, "%s=%s", values[i][0], values[i][1]);
    if (run->tool.set_url)
        nvb_strv_addf(&run->exec.added, "DOCKER_HOST=%s", run->tool.url);
}

/* podman-compose's words for copies of the files: what it would have taken from their folder. */
static void add_copies(const struct nvb_compose_run *run, struct nvb_strv *argv)
{
    const struct nvb_strv *globals = &run->call.globals;
    _cleanup_free_ char *name = nvb_compose_relocate_name(&run->model, &run->project);
    _cleanup_free_ char *dotenv = nvb_strdupf("%s/.env", run->project.directory);
    bool is_named = false;
    for (size_t i = 0; i < globals->count; i++) {
        const char *word = globals->items[i];
        is_named = is_named || nvb_has_prefix(word, "-p") || nvb_has_prefix(word, "--project-name");
        if (strcmp(word, "-f") == 0 || strcmp(word, "--file") == 0)
            i++;
        else if (!nvb_has_prefix(word, "-f") && !nvb_has_prefix(word, "--file="))
            nvb_strv_add(argv, word);
    }
    for (size_t i = 0; i < run->copies.count; i++) {
        nvb_strv_add(argv, "-f");
        nvb_strv_addf(argv, "%s/%zu.yaml", run->folder, i);
    }
    if (name && !is_named) {
        nvb_strv_add(argv, "-p");
        nvb_strv_add(argv, name);
    }
    if (run->call.env_files.count == 0 && access(dotenv, F_OK) == 0) {
        nvb_strv_add(argv, "--env-file");
        nvb_strv_add(argv, dotenv);
    }
}

/* The command line. The files are named by it once there is one of ours; PATH is that, or NULL. */
static void build_line(struct nvb_compose_run *run, const char *path)
{
    struct nvb_strv *argv = &run->exec.argv;
    const bool is_docker = run->tool.flavour == NVB_COMPOSE_DOCKER;
    run->exec.program = nvb_strdup(run->tool.program);
    add_words(argv, &run->tool.words);
    if (run->copies.count)
        add_copies(run, argv);
    else
        add_words(argv, &run->call.globals);
    if (path && is_docker && run->call.files.count == 0)
        nvb_vec_foreach (file, &run->project.files) {
            nvb_strv_add(argv, "-f");
            nvb_strv_add(argv, *file);
        }
    if (path) {
        nvb_strv_add(argv, is_docker ? "-f" : "--podman-path");
        nvb_strv_add(argv, path);
    }
    add_words(argv, &run->call.words);
    add_environment(run);
}

/* ---- carrying it out ---- */

static int print(const struct nvb_compose_run *run, const struct nvb_cli_values *values,
                 const struct nvb_str *override, const char *path)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_notes_ struct nvb_notes notes = {0};
    if (values->values[COMPOSE_PRINT].count)
        return nvb_cli_print(run->cli, override->data, override->len);
    if (path)
        nvb_notes_add(&notes, NVB_NOTE_WARNING,
                      "'%s', which this line needs, is written when nvbind runs it", path);
    nvb_cli_print_notes(run->cli, &notes);
    nvb_vec_foreach (word, &run->exec.added) {
        nvb_str_add_shell(&text, *word);
        nvb_str_addc(&text, ' ');
    }
    nvb_writer_shell(&run->exec, &text);
    return nvb_cli_print(run->cli, text.data, text.len);
}

/* Until the tool ends, which inherits this, nobody takes the folder for an old one. */
static void hold_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (fd >= 0)
        (void)flock(fd, LOCK_SH);
    nvb_prune_beside(folder);
}

static int write_files(const struct nvb_compose_run *run, const struct nvb_str *override,
                       const char *path, struct nvb_error **err)
{
    if (nvb_file_make_folders(run->folder, 0700, err) < 0)
        return -1;
    hold_folder(run->folder);
    for (size_t i = 0; i < run->copies.count; i++) {
        _cleanup_free_ char *copy = nvb_strdupf("%s/%zu.yaml", run->folder, i);
        const char *text = run->copies.items[i];
        if (nvb_file_write(copy, text, strlen(text), 0600, err) < 0)
            return -1;
    }
    return run->tool.flavour == NVB_COMPOSE_PODMAN
               ? nvb_compose_write_stand_in(run, err)
               : nvb_file_write(path, override->data, override->len, 0600, err);
}

/* podman-compose breaks off at some requests, and has no way to take one away. */
static int copy_files(struct nvb_compose_run *run, struct nvb_error **err)
{
    unsigned version = 0;
    _cleanup_error_ struct nvb_error *own = NULL;
    int r = nvb_compose_must_relocate(&run->model, &own);
    if (r == 0)
        return 0;
    if (nvb_compose_tool_version(&run->tool, environ, &version, err) < 0)
        return -1;
    if (version < NVB_COMPOSE_READS_VERSION)
        return 0;
    if (r > 0)
        return nvb_compose_relocate(&run->model, &run->project, &run->copies, err);
    *err = TAKE_PTR(own);
    return -1;
}

/* Reads and plans the project. Returns 0 or -1. */
static int prepare(struct nvb_compose_run *run, bool must, struct nvb_error **err)
{
    if (!must && !nvb_compose_call_makes(&run->call))
        return 0;
    if (nvb_compose_project_find(&run->call, run->tool.flavour, environ, &run->project, err) < 0 ||
        nvb_compose_model_read(&run->project, run->tool.flavour, &run->model, err) < 0)
        return -1;
    int r = nvb_compose_plan(run, err);
    if (r < 0 || run->parts.count == 0 || run->tool.flavour != NVB_COMPOSE_PODMAN)
        return r;
    return copy_files(run, err);
}

/* One folder for each content of all that lies in it. */
static int name_folder(struct nvb_compose_run *run, const struct nvb_str *override,
                       struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str content = NVB_STR_INIT;
    if (run->tool.flavour == NVB_COMPOSE_PODMAN && nvb_compose_make_stand_in(run, err) < 0)
        return -1;
    /* With their lengths, so that nothing goes over from one to the next. */
    nvb_vec_foreach (copy, &run->copies)
        nvb_str_addf(&content, "%zu:%s", strlen(*copy), *copy);
    nvb_str_addf(&content, "%zu:%s", override->len, override->data);
    if (run->services)
        nvb_str_addf(&content, "%zu:%s%s", strlen(run->services), run->services, run->self);
    return make_folder(run, &content, err);
}

static int become(struct nvb_compose_run *run, const struct nvb_cli_values *values,
                  struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_free_ char *path = NULL;
    run->prints = values->values[COMPOSE_DRY_RUN].count || values->values[COMPOSE_PRINT].count;
    int r = prepare(run, values->values[COMPOSE_PRINT].count > 0, err);
    nvb_cli_print_notes(run->cli, &run->notes);
    if (r < 0)
        return -1;
    if (run->parts.count) {
        if (nvb_compose_override_write(&run->override, &text, err) < 0 ||
            name_folder(run, &text, err) < 0)
            return -1;
        path = nvb_strdupf("%s/%s", run->folder,
                           run->tool.flavour == NVB_COMPOSE_DOCKER ? "override.yaml" : "podman");
        if (run->tool.flavour == NVB_COMPOSE_DOCKER && check_version(run, err) < 0)
            return -1;
    }
    build_line(run, path);
    if (run->prints)
        return print(run, values, &text, path);
    if (path && write_files(run, &text, path, err) < 0)
        return -1;
    return nvb_exec_run(&run->exec, environ, err);
}

int nvb_cmd_compose(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_compose_run_ struct nvb_compose_run run = {.cli = cli};
    const int own = count_own(argc - 1, argv + 1);
    unsigned kinds = 0;
    if (nvb_cli_parse(nvb_compose_options, own, argv + 1, &values, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (values.values[COMPOSE_HELP].count)
        return nvb_help_command(cli, "compose [OPTIONS] [TOOL OPTIONS] COMMAND...", help_text,
                                nvb_compose_options);
    nvb_user_read(environ, &run.user);
    nvb_compose_call_read(argc - 1 - own, argv + 1 + own, &run.call);
    int r = read_engine(&run, nvb_cli_value(&values, COMPOSE_RUNTIME), &kinds, &err);
    if (r == 0)
        r = nvb_compose_tool_find(kinds, environ, &run.user, &run.tool, &err);
    if (r == 0)
        r = become(&run, &values, &err);
    return err ? nvb_cli_fail(cli, err, nvb_cli_status_of(err)) : r;
}
