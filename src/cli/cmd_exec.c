/*
 * nvbind exec: a command in a container that is there. The engine that has it is found out, the
 * variables that its GPUs brought are laid in again, and then this process becomes that engine.
 */
#include <string.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/planning.h"
#include "engine/container.h"
#include "plan/configure.h"
#include "plan/resolve.h"
#include "writer/writer.h"

extern char **environ;

const struct nvb_cli_option nvb_exec_options[] = {
    {"runtime", 0, "podman|docker", "the engine; else the one that has the container is found out"},
    {"dry-run", 0, "[=shell|json]", "print what would be run, and run nothing"},
    {"help", 0, NULL, "show this help"},
    {0},
};

static const char help_text[] =
    "Runs a command in a container that is running, with the environment of its GPUs.\n"
    "Every option of 'podman exec' and 'docker exec' is taken.\n"
    "\n"
    "  nvbind exec -it train bash\n"
    "  nvbind exec train nvidia-smi\n";

/* Whose containers are looked at, in this order. */
static size_t find_order(struct nvb_cli_planning *s, const struct nvb_request *request,
                         const struct nvb_plan *plan, enum nvb_engine_kind order[static 2])
{
    const bool docker_first = nvb_plan_configured_engine(&s->config) == NVB_ENGINE_DOCKER;
    if (request->engines || !plan->image) {
        order[0] = request->engines == NVB_ENGINE_DOCKER ? NVB_ENGINE_DOCKER : NVB_ENGINE_PODMAN;
        return 1;
    }
    order[0] = docker_first ? NVB_ENGINE_DOCKER : NVB_ENGINE_PODMAN;
    order[1] = docker_first ? NVB_ENGINE_PODMAN : NVB_ENGINE_DOCKER;
    return 2;
}

static int look(struct nvb_cli_planning *s, struct nvb_plan *plan, struct nvb_strv *variables,
                struct nvb_error **err)
{
    plan->engine = &s->engine;
    return nvb_container_look(&s->engine, plan, environ, variables, err);
}

static int fail_absent(const struct nvb_plan *plan, const struct nvb_strv *asked,
                       struct nvb_error **err)
{
    const char *name = plan->image;
    const char *first = asked->items[0];
    if (!name)
        return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "%s has no container yet", first);
    if (asked->count > 1)
        (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "neither %s nor %s has a container '%s'",
                             first, asked->items[1], name);
    else
        (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "%s has no container '%s'", first, name);
    return nvb_error_hint(err, "%s ps shows those that run", first);
}

/* Sets s->engine to the one that has the container. */
static int find_owner(struct nvb_cli_planning *s, const struct nvb_request *request,
                      struct nvb_plan *plan, struct nvb_strv *variables, struct nvb_error **err)
{
    enum nvb_engine_kind order[2];
    size_t count = find_order(s, request, plan, order);
    _cleanup_strv_ struct nvb_strv asked = {0};
    _cleanup_error_ struct nvb_error *first = NULL;
    for (size_t i = 0; i < count; i++) {
        _cleanup_error_ struct nvb_error *own = NULL;
        nvb_engine_done(&s->engine);
        int r = nvb_engine_find(order[i], environ, &s->user, &s->engine, &own);
        if (r == 0 && !nvb_strv_has(&asked, nvb_engine_name(s->engine.kind))) {
            r = look(s, plan, variables, &own);
            nvb_strv_add(&asked, nvb_engine_name(s->engine.kind));
            if (r == 0)
                return 0;
        }
        if (r < 0 && !first)
            first = TAKE_PTR(own);
    }
    /* One that does not answer, or is not there although it was named, may be why. */
    if (first && (asked.count == 0 || first->kind != NVB_ERROR_NOT_FOUND)) {
        *err = TAKE_PTR(first);
        return asked.count > 1 ? nvb_error_prefix(err, "no container '%s' was found", plan->image)
                               : -1;
    }
    return fail_absent(plan, &asked, err);
}

static int prepare(struct nvb_cli_planning *s, struct nvb_request *request, struct nvb_plan *plan,
                   struct nvb_exec *exec, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv variables = {0};
    if (plan->command.count == 0) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "no COMMAND is given");
        return nvb_error_hint(err, "nvbind exec -it %s sh", plan->image ? plan->image : "--latest");
    }
    if (nvb_cli_load_config(s, err) < 0 || find_owner(s, request, plan, &variables, err) < 0)
        return -1;
    for (size_t i = 0; i < variables.count; i++)
        nvb_plan_line_add(&plan->defaults, "env", variables.items[i]);
    nvb_defaults_drop_replaced(&plan->defaults, &plan->user, plan->engine);
    return nvb_exec_build(plan, exec, err);
}

int nvb_cmd_exec(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_planning_ struct nvb_cli_planning s = {.cli = cli, .verb = argv[0]};
    _cleanup_request_ struct nvb_request request = {0};
    _cleanup_plan_ struct nvb_plan plan = {0};
    _cleanup_exec_ struct nvb_exec exec = {0};
    const struct nvb_parse parse = {.ask = nvb_cli_ask_engine, .data = &s};

    nvb_user_read(environ, &s.user);
    if (nvb_parse_exec(&parse, argc - 1, argv + 1, &request, &plan, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_ENGINE);
    if (request.help)
        return nvb_help_command(cli, "exec [ENGINE OPTIONS] CONTAINER COMMAND...", help_text,
                                nvb_exec_options);
    plan.verb = NVB_PLAN_EXEC;
    int r = prepare(&s, &request, &plan, &exec, &err);
    nvb_cli_print_notes(cli, &s.notes);
    if (r < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_ENGINE);
    if (request.dry_run != NVB_DRY_RUN_OFF) {
        _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
        if (request.dry_run == NVB_DRY_RUN_SHELL)
            nvb_writer_shell(&exec, &text);
        else if (nvb_writer_json(&plan, &exec, &text, &err) < 0)
            return nvb_cli_fail(cli, err, NVB_EXIT_ENGINE);
        return nvb_cli_print(cli, text.data, text.len) == NVB_EXIT_OK ? NVB_EXIT_OK
                                                                      : NVB_EXIT_ENGINE;
    }
    (void)nvb_exec_run(&exec, environ, &err);
    return nvb_cli_fail(cli, err, NVB_EXIT_ENGINE);
}
