/* Each service's container as a plan. */

#include <string.h>

#include "cli/compose.h"
#include "cli/preflight.h"

extern char **environ;

/* A plan takes a millisecond and some hundred kilobytes, and a hostile file is short. */
#define MAX_PARTS 64

static void part_free(struct nvb_compose_part *part)
{
    nvb_compose_wish_done(&part->wish);
    nvb_cli_planning_done(&part->planning);
    nvb_request_done(&part->request);
    nvb_plan_done(&part->plan);
    nvb_exec_done(&part->exec);
    free(part);
}

static void part_free_p(struct nvb_compose_part **part)
{
    if (*part)
        part_free(*part);
}

void nvb_compose_run_done(struct nvb_compose_run *run)
{
    nvb_vec_foreach (part, &run->parts)
        part_free(*part);
    nvb_vec_release(&run->parts);
    nvb_user_done(&run->user);
    nvb_compose_call_done(&run->call);
    nvb_compose_tool_done(&run->tool);
    nvb_compose_project_done(&run->project);
    nvb_compose_override_done(&run->override);
    nvb_compose_model_done(&run->model);
    nvb_notes_done(&run->notes);
    nvb_exec_done(&run->exec);
    nvb_strv_done(&run->copies);
    free(run->services);
    free(run->self);
    free(run->folder);
}

/* What every service of a project would say alike is said once. That a container keeps the driver's
 * files has another remedy here than run's. */
static void take_notes(struct nvb_compose_run *run, const struct nvb_compose_part *part)
{
    nvb_vec_foreach (note, &part->planning.notes) {
        bool is_new = note->level != NVB_NOTE_NOTICE || part->plan.mode != NVB_PLAN_DIRECT;
        nvb_vec_foreach (old, &run->notes)
            is_new = is_new && strcmp(old->text, note->text) != 0;
        if (!is_new)
            continue;
        nvb_notes_add(&run->notes, note->level, "%s", note->text);
        if (note->hint)
            nvb_notes_hint(&run->notes, "%s", note->hint);
    }
}

static int plan_part(const struct nvb_compose_run *run, struct nvb_compose_part *part,
                     struct nvb_error **err)
{
    const struct nvb_parse parse = {.ask = nvb_cli_ask_engine, .data = &part->planning};
    _cleanup_strv_ struct nvb_strv words = {0};
    nvb_strv_addf(&words, "--runtime=%s", nvb_engine_name(run->tool.engine));
    if (run->tool.url)
        nvb_strv_addf(&words, "--url=%s", run->tool.url);
    if (nvb_compose_has_gpu_runtime(part->service))
        nvb_strv_addf(&words, "--runtime=%s", part->service->runtime.text);
    nvb_compose_wish_words(part->service, &part->wish, &words);
    nvb_user_read(environ, &part->planning.user);
    if (nvb_parse_run(&parse, (int)words.count, nvb_strv_terminate(&words), &part->request,
                      &part->plan, err) < 0)
        return -1;
    part->plan.verb = NVB_PLAN_CREATE;
    return nvb_cli_plan(&part->planning, &part->request, &part->plan, &part->exec, err) < 0
               ? -1
               : nvb_cli_preflight(&part->planning, &part->request, &part->plan, err);
}

static int fail_service(const struct nvb_compose_service *service, const struct nvb_place *place,
                        struct nvb_error **err)
{
    (void)nvb_error_prefix(err, "the service '%s'", service->name);
    return err && *err && (*err)->file ? -1
                                       : nvb_error_at(err, place->file, place->line, place->column);
}

/* Whether the command's words name services, of which NAME is then the only kind that counts. */
static bool must_have(const struct nvb_compose_run *run, const struct nvb_compose_service *service)
{
    const struct nvb_strv *words = &run->call.words;
    bool names_any = false;
    for (size_t i = 1; i < words->count; i++) {
        if (strcmp(words->items[i], service->name) == 0)
            return true;
        names_any = names_any || nvb_compose_model_find(&run->model, words->items[i]);
    }
    return !names_any && nvb_compose_call_wants(&run->call, &run->project.variables, service->name,
                                                &service->profiles);
}

/* Returns 0 where the service has its plan, 1 where it asks for nothing or is not to be started, or
 * -1. */
static int add_service(struct nvb_compose_run *run, const struct nvb_compose_service *service,
                       struct nvb_error **err)
{
    _cleanup_error_ struct nvb_error *own = NULL;
    _cleanup_(part_free_p) struct nvb_compose_part *part = nvb_calloc(1, sizeof(*part));
    part->service = service;
    part->planning =
        (struct nvb_cli_planning){.cli = run->cli, .verb = "create", .gpus_only = true};
    int r = nvb_compose_wish_read(service, run->tool.flavour, &part->wish, err);
    if (r != 0)
        return r;
    if (run->parts.count >= MAX_PARTS)
        return nvb_place_fail(&part->wish.place, err,
                              "the project has more than %d services that ask for GPUs", MAX_PARTS);
    r = plan_part(run, part, &own);
    if (r == 0)
        r = nvb_compose_override_add(&run->override, service, &part->plan, &own);
    if (r == 0) {
        take_notes(run, part);
        nvb_vec_push(&run->parts, TAKE_PTR(part));
        return 0;
    }
    (void)fail_service(service, &part->wish.place, &own);
    if (must_have(run, service)) {
        *err = TAKE_PTR(own);
        return -1;
    }
    nvb_notes_add(&run->notes, NVB_NOTE_WARNING, "%s:%u:%u: %s; it is not asked for here",
                  own->file, own->line, own->column, own->message);
    /* Without a plan the stand-in says so when Podman is called for it. */
    if (run->tool.flavour == NVB_COMPOSE_PODMAN)
        nvb_vec_push(&run->parts, TAKE_PTR(part));
    return 1;
}

static void note_driver_files(struct nvb_compose_run *run)
{
    bool any = false;
    nvb_vec_foreach (part, &run->parts)
        any = any || (*part)->plan.mode == NVB_PLAN_DIRECT;
    if (any && !run->prints)
        nvb_notes_add(&run->notes, NVB_NOTE_NOTICE,
                      "the containers keep this driver's files: after a driver upgrade 'nvbind "
                      "compose up --force-recreate' makes them anew");
}

int nvb_compose_plan(struct nvb_compose_run *run, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv others = {0};
    nvb_vec_foreach (path, &run->model.elsewhere)
        nvb_notes_add(&run->notes, NVB_NOTE_WARNING,
                      "'%s' is not read here: what it asks of GPUs is left to the tool", *path);
    nvb_vec_foreach (service, &run->model.services) {
        int r = add_service(run, service, err);
        if (r < 0)
            return -1;
        if (r > 0)
            nvb_strv_add(&others, service->name);
    }
    if (run->parts.count == 0)
        return 0;
    note_driver_files(run);
    const char *runtime = run->parts.items[0]->planning.facts.runtime;
    if (run->tool.engine != NVB_ENGINE_DOCKER || !runtime || strcmp(runtime, "nvidia") != 0)
        return 0;
    nvb_vec_foreach (name, &others) {
        const struct nvb_compose_service *service = nvb_compose_model_find(&run->model, *name);
        _cleanup_compose_wish_ struct nvb_compose_wish wish = {0};
        if (nvb_compose_wish_read(service, run->tool.flavour, &wish, NULL) == 1)
            nvb_compose_override_close(&run->override, service);
    }
    return 0;
}
