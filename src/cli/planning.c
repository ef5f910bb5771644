/*
 * The engine is looked for before the words are resolved but after they are read, and nothing is
 * written until everything has been checked: wrong input leaves no trace.
 */
#include "cli/planning.h"

#include <string.h>
#include <unistd.h>

#include "host/session.h"
#include "plan/configure.h"
#include "plan/profile.h"
#include "plan/resolve.h"
#include "plan/service.h"
#include "plan/unit.h"

extern char **environ;

void nvb_cli_planning_done(struct nvb_cli_planning *s)
{
    nvb_user_done(&s->user);
    nvb_engine_done(&s->engine);
    nvb_endpoint_done(&s->endpoint);
    nvb_engine_facts_done(&s->facts);
    nvb_config_done(&s->config);
    nvb_notes_done(&s->notes);
}

int nvb_cli_load_config(struct nvb_cli_planning *s, struct nvb_error **err)
{
    const struct nvb_config_options options = {
        .file = s->cli->config,
        .environment = (const char *const *)environ,
        .uid = s->user.uid,
        .profiles = nvb_profile_harmless_names,
    };
    if (s->has_config)
        return 0;
    if (nvb_config_load(&options, &s->config, &s->notes, err) < 0)
        return -1;
    s->has_config = true;
    return 0;
}

static unsigned wanted_engines(const struct nvb_cli_planning *s, const struct nvb_request *request)
{
    if (request->engines)
        return request->engines;
    unsigned configured = nvb_plan_configured_engine(&s->config);
    return configured ? configured : (unsigned)NVB_ENGINE_PODMAN | NVB_ENGINE_DOCKER;
}

int nvb_cli_find_engine(struct nvb_cli_planning *s, const struct nvb_request *request,
                        struct nvb_error **err)
{
    if (nvb_cli_load_config(s, err) < 0)
        return -1;
    if (s->engine.path && (wanted_engines(s, request) & s->engine.kind))
        return 0;
    nvb_engine_done(&s->engine);
    return nvb_engine_find(wanted_engines(s, request), environ, &s->user, &s->engine, err);
}

int nvb_cli_ask_engine(void *data, const struct nvb_request *request, const char *name, size_t len,
                       bool is_short, bool *ret_takes_value, struct nvb_error **err)
{
    struct nvb_cli_planning *s = data;
    if (nvb_cli_load_config(s, err) < 0)
        return -1;
    /* "--runtime" may stand behind the option; then the engine that is known so far is asked. Where
     * there is none, the option is just unknown: that error comes before the missing engine's. */
    if (nvb_cli_find_engine(s, request, NULL) < 0)
        return 1;
    return nvb_engine_find_option(&s->engine, s->verb, name, len, is_short, environ,
                                  ret_takes_value, err);
}

/* What makes the containers decides how they get their GPUs. Podman itself is known by its version;
 * a service is asked. Without one there is nothing to run, but a command line can be shown. Returns
 * 0 or -1. */
static int ask_service(struct nvb_cli_planning *s, const struct nvb_request *request,
                       const struct nvb_plan *plan, struct nvb_error **err)
{
    _cleanup_error_ struct nvb_error *why = NULL;
    nvb_plan_find_endpoint(plan, &s->engine, environ, &s->user, &s->endpoint);
    if (s->endpoint.kind != NVB_ENDPOINT_LOCAL ||
        nvb_engine_probe(&s->engine, &s->endpoint, environ, &s->user, &s->facts, &why) >= 0)
        return 0;
    if (request->dry_run == NVB_DRY_RUN_OFF && why->kind != NVB_ERROR_ENGINE && err) {
        *err = TAKE_PTR(why);
        return -1;
    }
    nvb_notes_add(&s->notes, NVB_NOTE_INFO, "%s", why->message);
    return 0;
}

int nvb_cli_plan(struct nvb_cli_planning *s, struct nvb_request *request, struct nvb_plan *plan,
                 struct nvb_exec *exec, struct nvb_error **err)
{
    _cleanup_plan_defaults_ struct nvb_plan_defaults defaults = {0};
    struct nvb_plan_input input = {
        .request = request,
        .engine = &s->engine,
        .endpoint = &s->endpoint,
        .user = &s->user,
        .host = &s->cli->host,
        .environment = environ,
        .terminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1,
        .defaults = &defaults,
    };
    if (nvb_cli_load_config(s, err) < 0 || nvb_cli_find_engine(s, request, err) < 0)
        return -1;
    if (plan->verb == NVB_PLAN_RUN && s->engine.kind == NVB_ENGINE_PODMAN &&
        nvb_plan_is_service(environ, getpid()) && nvb_session_find(&s->user, &s->notes, err) < 0)
        return -1;
    if (ask_service(s, request, plan, err) < 0)
        return -1;
    input.facts = s->facts.version ? &s->facts : NULL;
    const bool rootless = s->user.uid != 0 && s->engine.kind == NVB_ENGINE_PODMAN;
    struct nvb_plan_profiles profiles = {
        .words = request->profile,
        .config = &s->config,
        .options = {(const char *const *)environ, s->user.uid, NULL},
        .runtime_dir = s->user.runtime_dir,
        .engine = &s->engine,
        .user = &plan->user,
        .rootless = rootless,
    };
    if (nvb_plan_configure(&s->config, rootless, &defaults, &s->notes, err) < 0)
        return -1;
    profiles.isolate = request->isolate == NVB_ISOLATE_UNSAID
                           ? defaults.isolate
                           : request->isolate != NVB_ISOLATE_NONE;
    if (!s->gpus_only) {
        if (nvb_plan_add_profiles(&profiles, &defaults, &s->notes, err) < 0)
            return -1;
        plan->defaults = TAKE_STRUCT(defaults.line);
        plan->cookie = TAKE_STRUCT(defaults.cookie);
        plan->said = TAKE_STRUCT(defaults.said);
        nvb_plan_fit_unit(plan, &s->engine, environ, getpid(), &s->notes);
    }
    if (nvb_plan_resolve(&input, plan, &s->notes, err) < 0)
        return -1;
    return nvb_exec_build(plan, exec, err);
}
