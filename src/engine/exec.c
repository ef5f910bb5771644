#include "engine/exec.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void nvb_exec_done(struct nvb_exec *exec)
{
    free(exec->program);
    nvb_strv_done(&exec->argv);
    nvb_strv_done(&exec->added);
    nvb_strv_done(&exec->hidden);
    exec->program = NULL;
}

static void move_words(struct nvb_strv *from, struct nvb_strv *to)
{
    for (size_t i = 0; i < from->count; i++)
        nvb_vec_push(to, from->items[i]);
    from->count = 0;
}

/* Which GPUs a container holds is read off it later, when other containers are to get free ones. */
static void add_label(const struct nvb_plan *plan, struct nvb_strv *ret)
{
    _cleanup_str_ struct nvb_str gpus = NVB_STR_INIT;
    if (plan->verb == NVB_PLAN_EXEC || !nvb_plan_add_label(plan, &gpus))
        return;
    nvb_strv_add(ret, "--label");
    nvb_strv_addf(ret, NVB_PLAN_GPU_LABEL "=%s", gpus.data);
}

static int add_parts(const struct nvb_plan *plan, struct nvb_strv *globals,
                     struct nvb_strv *options, struct nvb_error **err)
{
    const bool podman = plan->engine->kind == NVB_ENGINE_PODMAN;
    if (nvb_engine_add_words(&plan->early, plan->engine, globals, globals, err) < 0)
        return -1;
    if (podman)
        nvb_podman_add_globals(plan, globals);
    if (nvb_engine_add_words(&plan->defaults, plan->engine, globals, options, err) < 0 ||
        (podman ? nvb_podman_add_options(plan, options, err)
                : nvb_docker_add_options(plan, options, err)) < 0)
        return -1;
    add_label(plan, options);
    return nvb_engine_add_words(&plan->user, plan->engine, globals, options, err);
}

int nvb_exec_build(const struct nvb_plan *plan, struct nvb_exec *ret, struct nvb_error **err)
{
    _cleanup_exec_ struct nvb_exec exec = {0};
    _cleanup_strv_ struct nvb_strv globals = {0};
    _cleanup_strv_ struct nvb_strv options = {0};
    if (add_parts(plan, &globals, &options, err) < 0)
        return -1;
    exec.program = nvb_strdup(plan->engine->path);
    nvb_strv_add(&exec.argv, plan->engine->path);
    move_words(&globals, &exec.argv);
    nvb_strv_add(&exec.argv, nvb_plan_verb_name(plan->verb));
    move_words(&options, &exec.argv);
    if (plan->image)
        nvb_strv_add(&exec.argv, plan->image);
    for (size_t i = 0; i < plan->command.count; i++)
        nvb_strv_add(&exec.argv, plan->command.items[i]);
    for (size_t i = 0; i < plan->added_environment.count; i++)
        nvb_strv_add(&exec.added, plan->added_environment.items[i]);
    for (size_t i = 0; i < plan->hidden_environment.count; i++)
        nvb_strv_add(&exec.hidden, plan->hidden_environment.items[i]);
    *ret = TAKE_STRUCT(exec);
    return 0;
}

/* Whether one of ADDED sets the same variable. */
static bool is_set_anew(const struct nvb_strv *added, const char *variable)
{
    const size_t len = strcspn(variable, "=") + 1;
    for (size_t i = 0; i < added->count; i++)
        if (strncmp(added->items[i], variable, len) == 0)
            return true;
    return false;
}

static bool is_hidden(const struct nvb_strv *hidden, const char *variable)
{
    for (size_t i = 0; i < hidden->count; i++) {
        size_t len = strlen(hidden->items[i]);
        if (strncmp(variable, hidden->items[i], len) == 0 && variable[len] == '=')
            return true;
    }
    return false;
}

void nvb_exec_environment(const struct nvb_exec *exec, char *const *environment,
                          struct nvb_strv *ret)
{
    for (char *const *e = environment; *e; e++)
        if (!is_hidden(&exec->hidden, *e) && !is_set_anew(&exec->added, *e))
            nvb_strv_add(ret, *e);
    for (size_t i = 0; i < exec->added.count; i++)
        nvb_strv_add(ret, exec->added.items[i]);
}

int nvb_exec_run(struct nvb_exec *exec, char *const *environment, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv kept = {0};
    nvb_exec_environment(exec, environment, &kept);
    (void)execve(exec->program, nvb_strv_terminate(&exec->argv), nvb_strv_terminate(&kept));
    int saved = errno;
    (void)nvb_error_make(err, saved == E2BIG ? NVB_ERROR_USAGE : NVB_ERROR_ENGINE, saved,
                         "cannot run '%s'", exec->program);
    if (saved == E2BIG)
        return nvb_error_hint(err, "the command line and the environment are too long together");
    return -1;
}
