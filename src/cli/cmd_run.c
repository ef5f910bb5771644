/*
 * nvbind run and nvbind create: read the words, resolve the plan, become the engine.
 */
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/doctor.h"
#include "cli/help.h"
#include "cli/planning.h"
#include "cli/preflight.h"
#include "writer/record.h"
#include "writer/writer.h"

extern char **environ;

const struct nvb_cli_option nvb_run_options[] = {
    {"runtime", 0, "podman|docker", "the engine; another word is the engine's OCI runtime"},
    {"gpu", 0, "SELECTION", "all, none, 0, 0,2, 0-3, GPU-..., 0000:65:00.0, nvidia.com/gpu=0, ..."},
    {"gpus", 0, "all|COUNT|device=LIST", "the same in Docker's words"},
    {"capabilities", 0, "CAPABILITIES",
     "compute, compat32, graphics, utility, video, display, ngx"},
    {"profile", 0, "PROFILE", "what a kind of work needs beside the GPU: nvbind profile list"},
    {"isolate", 0, "[=device|strict|none]",
     "the chosen GPUs and nothing of the others; strict: little of the machine as well"},
    {"rootless", 0, NULL, "refuse to run as root or through a service of root's"},
    {"cdi", 0, NULL, "insist on CDI"},
    {"no-cdi", 0, NULL, "insist on direct devices and mounts"},
    {"dry-run", 0, "[=shell|json]", "print what would be run, and run nothing"},
    {"help", 0, NULL, "show this help"},
    {0},
};

#define HELP_OPTIONS                                                                          \
    "nvbind's options and the engine's may stand in any order before\n"                       \
    "IMAGE; every option of 'podman run' and 'docker run' is taken, and passed on as it is\n" \
    "written. What stands behind IMAGE is the container's.\n"                                 \
    "\n"

static const char run_help[] =
    "Runs a container with GPUs.\n" HELP_OPTIONS
    "  nvbind run --rm --gpu all debian:trixie nvidia-smi\n"
    "  nvbind run --rm -it --gpu 0,2 -v \"$PWD\":/work -w /work IMAGE python3 train.py\n"
    "  nvbind run --rm --gpu 0 --dry-run IMAGE\n";

static const char create_help[] =
    "Makes a container with GPUs and does not start it.\n" HELP_OPTIONS
    "  nvbind create --gpu 0 --name train IMAGE python3 train.py\n"
    "  podman start --attach train\n";

/* A file that a start would write, for who carries the line away. */
static void note_file(const struct nvb_cli *cli, const char *path, const char *hint)
{
    _cleanup_notes_ struct nvb_notes notes = {0};
    if (!path || access(path, F_OK) == 0)
        return;
    nvb_notes_add(&notes, NVB_NOTE_WARNING,
                  "'%s', which this line needs, is written when nvbind runs it", path);
    nvb_notes_hint(&notes, "%s", hint);
    nvb_cli_print_notes(cli, &notes);
}

static int print_plan(const struct nvb_cli *cli, const struct nvb_request *request,
                      const struct nvb_plan *plan, const struct nvb_exec *exec,
                      struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (request->dry_run == NVB_DRY_RUN_SHELL) {
        if (!nvb_plan_has_spec(plan))
            note_file(cli, plan->spec.path, "a line without '--rm' needs no file");
        note_file(cli, plan->cookie.path, "'-e XAUTHORITY=…' leaves the X11 cookie to you");
        note_file(cli, plan->registries.path, "an image's name with its registry needs no file");
    }
    if (request->dry_run == NVB_DRY_RUN_SHELL)
        nvb_writer_shell(exec, &text);
    else if (nvb_writer_json(plan, exec, &text, err) < 0)
        return nvb_cli_fail(cli, *err, NVB_EXIT_ENGINE);
    return nvb_cli_print(cli, text.data, text.len) == NVB_EXIT_OK ? NVB_EXIT_OK : NVB_EXIT_ENGINE;
}

int nvb_cmd_run(struct nvb_cli *cli, int argc, char **argv)
{
    const bool create = strcmp(argv[0], "create") == 0;
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_planning_ struct nvb_cli_planning s = {.cli = cli, .verb = argv[0]};
    _cleanup_request_ struct nvb_request request = {0};
    _cleanup_plan_ struct nvb_plan plan = {0};
    _cleanup_exec_ struct nvb_exec exec = {0};
    const struct nvb_parse parse = {.ask = nvb_cli_ask_engine, .data = &s};

    nvb_user_read(environ, &s.user);
    if (nvb_parse_run(&parse, argc - 1, argv + 1, &request, &plan, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_ENGINE);
    if (request.help)
        return nvb_help_command(cli,
                                create ? "create [OPTIONS] [ENGINE OPTIONS] IMAGE [COMMAND...]"
                                       : "run [OPTIONS] [ENGINE OPTIONS] IMAGE [COMMAND...]",
                                create ? create_help : run_help, nvb_run_options);
    plan.verb = create ? NVB_PLAN_CREATE : NVB_PLAN_RUN;
    int r = nvb_cli_plan(&s, &request, &plan, &exec, &err);
    if (r == 0)
        r = nvb_cli_preflight(&s, &request, &plan, &err);
    nvb_cli_print_notes(cli, &s.notes);
    if (r < 0)
        return nvb_doctor_fail(cli, err, NVB_EXIT_ENGINE);
    if (request.dry_run != NVB_DRY_RUN_OFF)
        return print_plan(cli, &request, &plan, &exec, &err);
    if (nvb_plan_write_spec(&plan, &err) == 0 && nvb_plan_write_cookie(&plan, &err) == 0) {
        nvb_record_write(&plan, &exec, argv, &s.user);
        (void)nvb_exec_run(&exec, environ, &err);
    }
    return nvb_cli_fail(cli, err, NVB_EXIT_ENGINE);
}
